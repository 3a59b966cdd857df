/* SPDX-License-Identifier: Apache-2.0
 * budget.h: a token bucket for retries: so many a second, and a share of the requests. When an endpoint is in trouble
 * the load on it grows by that share and no more. Pure: time is a parameter; one thread.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_BUDGET_H
#define S3ONRAMP_FLOW_UPSTREAM_BUDGET_H

#include "base/str.h"

enum {
    BUDGET_TOKEN = 1000,      /* one retry, in thousandths */
    BUDGET_PER_REQUEST = 200, /* a fifth */
    BUDGET_PER_SECOND = 10 * BUDGET_TOKEN,
    BUDGET_MOST = 100 * BUDGET_TOKEN,
};

struct budget {
    int64_t tokens; /* thousandths of a retry */
    int64_t at_us;  /* monotonic: up to when it was filled */
};

void budget_init(struct budget *b, int64_t now_us); /* full */
/* A request was made. */
void budget_earn(struct budget *b);
/* May another retry be made? Takes its token if so. */
MUST_CHECK bool budget_spend(struct budget *b, int64_t now_us);

#endif
