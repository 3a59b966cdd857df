/* SPDX-License-Identifier: Apache-2.0
 * turns.h: whose turn it is among those that wait for the same thing: deficit round robin between owners, and among the
 * waits of one owner first come, first served. Pure; one thread. Owns no turn: they are embedded in what waits.
 *
 * An owner that has used less than its quantum in the rounds since it was seen last goes before those that are owed
 * nothing: who asks for little is served at once, whatever others want. Source: Shreedhar, Varghese, "Efficient Fair
 * Queuing Using Deficit Round-Robin"; RFC 8290 (new and old queues).
 */
#ifndef S3ONRAMP_FLOW_PACE_TURNS_H
#define S3ONRAMP_FLOW_PACE_TURNS_H

#include "base/attrib.h"
#include "base/list.h"

#include <stdint.h>

/* One that waits. Zeroed: it does not. */
struct turn {
    struct list_link link;
    uint32_t owner;
    int64_t cost; /* expected */
};

struct turn_queue { /* of owners whose numbers fall together */
    struct list_link link;
    struct list turns;
    int64_t deficit;
    uint64_t round; /* the last one in which it got a quantum */
};

/* Does not move in memory. */
struct turns {
    struct list fresh, old; /* queues that wait, in the order of their turns */
    struct turn_queue one;  /* all of them, as long as nobody has waited */
    struct turn_queue *v;   /* owned; NULL: one */
    size_t v_n;             /* how many there are once somebody has */
    int64_t quantum;
    uint64_t round;
    size_t n, owners; /* that wait */
};

/* @queues: up to so many owners with numbers that follow each other are told apart, if there is memory for that.
 * @quantum: what each may use in a round, in the unit of costs. */
void turns_init(struct turns *t, size_t queues, int64_t quantum);
void turns_clear(struct turns *t);
/* @turn, with its owner and cost, waits. */
void turns_add(struct turns *t, struct turn *turn);
/* Whose turn it is; it waits on. NULL: nobody's. */
struct turn *turns_next(struct turns *t);
/* @turn, which turns_next named, is over, and was worth its cost. */
void turns_take(struct turns *t, struct turn *turn);
/* @owner has used @cost less than was taken for it. */
void turns_give_back(struct turns *t, uint32_t owner, int64_t cost);
/* @turn waits no longer; fine if it does not wait. */
void turns_remove(struct turns *t, struct turn *turn);

#endif
