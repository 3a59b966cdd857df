/* SPDX-License-Identifier: Apache-2.0
 * pacer.h: a worker's slice of a bucket, and who waits there for more of it. One worker.
 *
 * What wants to move bytes asks first, at each gate on its way (pace_ask); what it is then allowed is taken from the
 * slice until it says how much it has used (pace_used). At a gate where there is nothing left it waits for its turn,
 * and its task runs once that has come.
 *
 *   request ──pace_ask──▶ gate: client ──▶ gate: group ──▶ gate: listener ──▶ gate: line ──▶ read so much ──pace_used
 */
#ifndef S3ONRAMP_FLOW_PACE_PACER_H
#define S3ONRAMP_FLOW_PACE_PACER_H

#include "flow/pace/bucket.h"
#include "flow/pace/turns.h"
#include "io/loop.h"

#include <stdatomic.h>

/* All pacers of a worker. */
struct pacers {
    struct loop *loop; /* borrowed */
    size_t worker;     /* its number, for buckets */
    struct list busy;  /* pacers at which somebody waits */
    int64_t due_us;    /* monotonic: pacers_call is to be called then; 0: nobody waits */
};

struct pacer {
    struct pacers *all; /* borrowed */
    struct list_link busy;
    int64_t due_us;        /* while it is busy: when there may be enough for the next one */
    struct bucket *bucket; /* borrowed */
    struct turns turns;
    int64_t slice;               /* millionths that were taken and not used; less than 0: used before they came */
    uint64_t most;               /* tokens that one turn may be worth */
    _Atomic uint64_t *waited_us; /* borrowed, of this worker's counters: how long turns were waited for */
};

enum { PACE_GATES = 12 };

struct pace_gate {
    struct turn turn;
    struct pacer *pacer; /* borrowed */
    struct pace *pace;   /* borrowed: contains this */
    int64_t reserved;    /* tokens; 0: none, -1: as many as are wanted, there is no limit */
};

/* One direction of a transfer, or the beginning of a request. Zeroed: nothing holds it up. */
struct pace {
    struct pace_gate gates[PACE_GATES];
    size_t n;
    struct loop_task *wake; /* borrowed */
    uint32_t owner;         /* among whom turns are shared out */
    struct pace_gate *at;   /* where it waits; NULL: nowhere */
    int64_t since_us;       /* when that began */
    uint64_t waited_us;     /* before that, all together */
};

void pacers_init(struct pacers *all, struct loop *loop, size_t worker);
/* Those whose turn has come are called. */
void pacers_call(struct pacers *all);
/* @owners: how many are told apart; 1: all who wait are one. @most: tokens for one turn. */
void pacer_init(struct pacer *p, struct pacers *all, struct bucket *bucket, size_t owners, uint64_t most);
void pacer_clear(struct pacer *p);

/* @pacer stands on the way of @p, behind those added before. At most PACE_GATES, and only before the first pace_ask. */
void pace_add(struct pace *p, struct pacer *pacer);
/* How many of @want (> 0) tokens may be used now; 0: it waits, and its task will run. Asking again is fine. */
MUST_CHECK size_t pace_ask(struct pace *p, size_t want);
/* @n of what was asked for were used; more than was allowed are owed, which holds up what comes later. */
void pace_used(struct pace *p, size_t n);
/* It waits for its turn, or has just got it. */
static inline bool pace_is_held(const struct pace *p)
{
    return p->at || (p->n && p->gates[0].reserved);
}
/* Waits no longer, and gives back what it was allowed. */
void pace_leave(struct pace *p);

#endif
