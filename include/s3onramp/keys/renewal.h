/* SPDX-License-Identifier: Apache-2.0
 * renewal.h: when keys are fetched, and how long they are used. Pure: time and chance are parameters. The rules stand
 * in keys/credentials.h.
 */
#ifndef S3ONRAMP_KEYS_RENEWAL_H
#define S3ONRAMP_KEYS_RENEWAL_H

#include "keys/source.h"

struct renewal {
    int64_t renew_s;       /* Unix: fetch anew from then on; INT64_MAX: only if something changed */
    int64_t last_s;        /* Unix: not used from then on; INT64_MAX: no end */
    int64_t not_before_us; /* monotonic: the pause after failures; 0: none */
    int64_t urgent_us;     /* monotonic: the pause while requests wait */
    unsigned failures;     /* in a row */
};

/* Keys that end at @expires_s (0: never) were fetched at @now_s. @chance: 0..1023. False: they are over already, and
 * nothing changes. */
bool renewal_fetched(struct renewal *r, int64_t expires_s, int64_t now_s, unsigned chance);
/* A fetch failed. */
void renewal_failed(struct renewal *r, enum source_outcome outcome, int64_t now_us, unsigned chance);
/* @wall_s counts for the keys, @now_us for the pause: so the end is seen after a suspended machine wakes up, too.
 * @urgent: requests wait for it. */
bool renewal_due(const struct renewal *r, int64_t wall_s, int64_t now_us, bool urgent);

#endif
