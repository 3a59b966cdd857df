/* SPDX-License-Identifier: Apache-2.0
 * quota.h: how much a client, a group, a listener or a line may do, of all workers together. Made when somebody is
 * limited for the first time, and there for good: it hangs on the standing number, and a reload changes its values
 * only. Any thread; locked inside, never once per request.
 */
#ifndef S3ONRAMP_FLOW_PACE_QUOTA_H
#define S3ONRAMP_FLOW_PACE_QUOTA_H

#include "flow/pace/bucket.h"
#include "flow/standing.h"

enum quota_rate { QUOTA_REQUESTS, QUOTA_UPLOAD, QUOTA_DOWNLOAD, QUOTA_RATES_N };

/* What one turn at a byte rate may be worth; a turn at a rate of requests is one. */
enum { QUOTA_TURN_BYTES = 64 * 1024 };

struct quota {
    uint64_t key; /* of the table */
    _Atomic uint64_t max_requests;
    _Atomic uint64_t in_flight;          /* requests that were let in and are not over */
    struct bucket *rates[QUOTA_RATES_N]; /* owned */
};

/* Of the one of what has that number. */
static inline uint64_t quota_key(enum standing_kind kind, uint32_t id)
{
    return (uint64_t)kind << 32 | id;
}

struct quotas;

MUST_CHECK struct quotas *quotas_new(size_t workers); /* NULL: out of memory */
void quotas_free(struct quotas **q);                  /* NULL is fine */
/* The one of what has that number, made if it is not there yet. NULL: out of memory. */
struct quota *quotas_get(struct quotas *q, enum standing_kind kind, uint32_t id);
/* From now on @conf says how much. */
void quota_set(struct quota *q, const struct limits_conf *conf);
/* All that are there go by what @settings, whose rows have their numbers, say; what is not in there has no limit. */
void quotas_follow(struct quotas *q, const struct settings *settings);
/* A line as limits: rates only. */
struct limits_conf quota_of_line(const struct line_conf *line);

/* One request more at once; false: there are max_requests already. quota_leave gives it back. The number is one for all
 * workers, so that none is refused while others have places left. */
MUST_CHECK bool quota_enter(struct quota *q);
void quota_leave(struct quota *q);

#endif
