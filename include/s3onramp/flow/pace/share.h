/* SPDX-License-Identifier: Apache-2.0
 * share.h: a worker's shares of the quotas that it has to do with. One worker.
 */
#ifndef S3ONRAMP_FLOW_PACE_SHARE_H
#define S3ONRAMP_FLOW_PACE_SHARE_H

#include "base/map.h"
#include "flow/pace/pacer.h"
#include "flow/pace/quota.h"
#include "flow/stats.h"

struct share {
    struct quota *quota; /* borrowed */
    enum standing_kind kind;
    uint32_t id;
    struct pacer rates[QUOTA_RATES_N];
};

struct shares {
    struct quotas *quotas;     /* borrowed */
    struct stats_block *stats; /* borrowed: the worker's */
    struct pacers pacers;
    struct map by_key; /* owned: by the quota's key */
};

void shares_init(struct shares *s, struct quotas *quotas, struct loop *loop, size_t worker, struct stats_block *stats);
/* Nothing waits at them any more. */
void shares_clear(struct shares *s);
/* The share of what has that number, and goes by @conf from now on. NULL: out of memory. */
struct share *shares_get(struct shares *s, enum standing_kind kind, uint32_t id, const struct limits_conf *conf);
/* Counts a request that it refused. */
void share_note(struct shares *s, const struct share *share, enum stats_limit limit);

#endif
