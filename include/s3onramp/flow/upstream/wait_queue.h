/* SPDX-License-Identifier: Apache-2.0
 * wait_queue.h: a bounded queue that is fair between owners: however many places one of them takes, each gets its turn
 * (start-time fair queueing with equal shares); among one owner's places, first come, first served. Pure; one thread.
 * Owns nothing: places are embedded in what waits.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_WAIT_QUEUE_H
#define S3ONRAMP_FLOW_UPSTREAM_WAIT_QUEUE_H

#include "base/str.h"

struct wait_place {
    struct wait_place *prev, *next;
    uint64_t owner; /* compared only */
    uint64_t round;
    int64_t since_us;
    bool queued;
};

struct wait_queue {
    struct wait_place *first, *last;
    size_t n;
    uint64_t round; /* of the one served last */
};

/* Takes time in proportion to the length. False: @most wait already. */
MUST_CHECK bool wait_queue_add(struct wait_queue *q, struct wait_place *p, uint64_t owner, size_t most, int64_t now_us);
/* How many places of @owner wait. */
size_t wait_queue_count(const struct wait_queue *q, uint64_t owner);
/* The next in turn, taken out; NULL: none. */
struct wait_place *wait_queue_take(struct wait_queue *q);
/* Takes @p out, wherever it stands; fine if it does not wait. */
void wait_queue_remove(struct wait_queue *q, struct wait_place *p);

#endif
