/* SPDX-License-Identifier: Apache-2.0
 * hour.h: the last hour in steps of ten seconds, so that who looks now sees what has been. About 40 KiB, whatever
 * happens. Pure: time is a parameter; one thread.
 */
#ifndef S3ONRAMP_ADMIN_HOUR_H
#define S3ONRAMP_ADMIN_HOUR_H

#include "flow/stats.h"
#include "flow/trouble.h"

#include <jansson.h>

enum { HOUR_STEP_S = 10, HOUR_STEPS = 360, HOUR_BUCKETS = STATS_BOUNDS + 1 };

/* Counters: what was counted ever, or in a step. */
struct hour_figures {
    uint64_t requests, bytes_in, bytes_out;
    uint64_t failed[TROUBLE_PARTIES];
    uint64_t first_byte[HOUR_BUCKETS]; /* stats_bounds_us, and what is beyond */
};

struct hour_step {
    uint64_t bytes_in, bytes_out;
    uint32_t requests, failed[TROUBLE_PARTIES], first_byte[HOUR_BUCKETS];
};

struct hour {
    struct hour_figures before;
    bool begun;
    int64_t at; /* number of the newest step since the clock's beginning */
    struct hour_step v[HOUR_STEPS];
};

/* What was counted ever, at @now_s (monotonic): what is new goes into the step of now. A figure that fell counts as the
 * same; the first call only begins. */
void hour_add(struct hour *h, const struct hour_figures *now, int64_t now_s);
/* The last @steps together, with that of now. */
struct hour_figures hour_sum(const struct hour *h, size_t steps);
/* The time in microseconds that @q (0…1) of what @counts counts did not pass, between the ends of its bucket in
 * proportion; -1: nothing was counted. */
int64_t hour_quantile(const uint64_t counts[HOUR_BUCKETS], double q);
/* {"step_s", "ends", "requests": […], …}: a column for each figure, the oldest step first, as long as it lasts by now.
 * @offset_s: from its clock to Unix time. */
json_t *hour_json(const struct hour *h, int64_t offset_s);

#endif
