/* SPDX-License-Identifier: Apache-2.0
 * budget.c: see budget.h.
 */
#include "flow/upstream/budget.h"

static void add(struct budget *b, int64_t tokens)
{
    b->tokens = tokens > BUDGET_MOST - b->tokens ? BUDGET_MOST : b->tokens + tokens;
}

void budget_init(struct budget *b, int64_t now_us)
{
    *b = (struct budget){BUDGET_MOST, now_us};
}

void budget_earn(struct budget *b)
{
    add(b, BUDGET_PER_REQUEST);
}

/* Ten seconds fill it from empty: more are not counted, so that nothing overflows. */
bool budget_spend(struct budget *b, int64_t now_us)
{
    int64_t passed = now_us - b->at_us;

    if (passed > 10 * 1000000) passed = 10 * 1000000;
    if (passed > 0) add(b, passed * (BUDGET_PER_SECOND / 1000) / 1000);
    b->at_us = now_us;
    if (b->tokens < BUDGET_TOKEN) return false;
    b->tokens -= BUDGET_TOKEN;
    return true;
}
