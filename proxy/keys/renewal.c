/* SPDX-License-Identifier: Apache-2.0
 * renewal.c: see renewal.h.
 */
#include "keys/renewal.h"

enum {
    AHEAD_MOST_S = 900,
    MARGIN_MOST_S = 5,
    PAUSE_FIRST_MS = 1000,
    PAUSE_MOST_MS = 60000,
    PAUSE_URGENT_MS = 1000,
    THROTTLED_TIMES = 5
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool renewal_fetched(struct renewal *r, int64_t expires_s, int64_t now_s, unsigned chance)
{
    int64_t left = expires_s - now_s, ahead;

    if (expires_s && left <= 0) return false;
    *r = (struct renewal){.renew_s = INT64_MAX, .last_s = INT64_MAX};
    if (!expires_s) return true;
    ahead = least(left / 3, AHEAD_MOST_S);
    ahead += ahead * (int64_t)chance / (10 * 1024);
    r->renew_s = expires_s - ahead;
    r->last_s = expires_s - least(left / 20, MARGIN_MOST_S);
    return true;
}

void renewal_failed(struct renewal *r, enum source_outcome outcome, int64_t now_us, unsigned chance)
{
    int64_t pause_ms = PAUSE_FIRST_MS;

    if (outcome == SOURCE_THROTTLED) pause_ms *= THROTTLED_TIMES;
    for (unsigned i = 0; i < r->failures && pause_ms < PAUSE_MOST_MS; i++)
        pause_ms *= 2;
    pause_ms = least(pause_ms, PAUSE_MOST_MS);
    if (r->failures < UINT32_MAX) r->failures++;
    pause_ms += pause_ms * ((int64_t)chance - 512) / 2048;
    r->not_before_us = now_us + pause_ms * 1000;
    r->urgent_us = outcome == SOURCE_FAILED ? now_us + least(pause_ms, PAUSE_URGENT_MS) * 1000 : r->not_before_us;
}

bool renewal_due(const struct renewal *r, int64_t wall_s, int64_t now_us, bool urgent)
{
    return wall_s >= r->renew_s && now_us >= (urgent ? r->urgent_us : r->not_before_us);
}
