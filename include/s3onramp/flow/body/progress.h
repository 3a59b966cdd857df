/* SPDX-License-Identifier: Apache-2.0
 * progress.h: the one judge of silence: how long each party of a transfer has kept it waiting. Pure: time and counters
 * are parameters. One thread.
 *
 * At each look the time since the last one counts against the party that is waited for then, and what a party has moved
 * counts for it: each byte buys 1/rate seconds of its silence, so that a byte now and then does not keep a transfer for
 * ever. Bytes are those that came, or that the peer's kernel has acknowledged: what was only given to our own kernel
 * moved nowhere.
 */
#ifndef S3ONRAMP_FLOW_BODY_PROGRESS_H
#define S3ONRAMP_FLOW_BODY_PROGRESS_H

#include "base/attrib.h"

#include <stdint.h>

enum party {
    PARTY_NONE, /* nobody outside: times of our own hold */
    PARTY_CLIENT_SENDS,
    PARTY_CLIENT_READS,
    PARTY_ENDPOINT_READS,
    PARTY_ENDPOINT_ANSWERS, /* it has the whole request */
    PARTY_ENDPOINT_SENDS,
    PARTY_TUNNEL, /* either side */
    PARTIES_N,
};

enum { PROGRESS_LOOK_MAX_US = 1000000 }; /* a longer time between looks is our own fault */

struct progress {
    int64_t looked_us;            /* monotonic: the last look */
    int64_t moved_us;             /* the last look that saw a byte move, or the beginning */
    int64_t silent_us[PARTIES_N]; /* waited for, less what its bytes bought */
    uint64_t seen[PARTIES_N];     /* its bytes in all */
};

void progress_begin(struct progress *p, int64_t now_us);
/* A look at @now_us: @waited_for is. */
void progress_look(struct progress *p, enum party waited_for, int64_t now_us);
/* After each look: @party has moved @total bytes since its counter began. @rate: bytes a second; 0: any byte ends its
 * silence. */
void progress_count(struct progress *p, enum party party, uint64_t total, uint64_t rate);
/* @party is another one now, whose counter stands at @total. */
void progress_restart(struct progress *p, enum party party, uint64_t total);

#endif
