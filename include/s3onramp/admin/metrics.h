/* SPDX-License-Identifier: Apache-2.0
 * metrics.h: of the command `metrics` the tables: all that there is to measure, as text for Prometheus: what is counted
 * (the table of flow/stats.h), and how things stand when somebody asks (the table in metrics.c). Control thread.
 *
 * A family is contiguous, and each number was true at some time while the answer was taken. What was counted of a
 * listener, endpoint, address, client, … that left the configuration stays until the process ends: no sum falls.
 */
#ifndef S3ONRAMP_ADMIN_METRICS_H
#define S3ONRAMP_ADMIN_METRICS_H

#include "admin/command.h"
#include "admin/exposition.h"
#include "flow/stats.h"

/* A family of flow/stats.h as it is shown; its name is written into @name. */
struct metric metric_of_stats(const struct stats_family *f, char name[METRIC_NAME]);
/* The labels of a family of @group without those of its table's row, joined by commas. */
const char *metric_group_labels(enum stats_group group);

struct metrics;

struct metric_state {
    struct metric metric;
    const char *labels;               /* joined by commas */
    void (*write)(struct metrics *m); /* all of it, or some rows: metrics_impl.h */
};
extern const struct metric_state metric_states[];
extern const size_t metric_states_n;

#endif
