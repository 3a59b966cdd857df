/* SPDX-License-Identifier: Apache-2.0
 * turns.c: see turns.h. A queue leaves the round when its turn comes and nobody of it waits; what it is owed, or owes,
 * it keeps, less or more a quantum for each round that it missed.
 */
#include "flow/pace/turns.h"

#include <stdlib.h>

static void queue_init(struct turn_queue *q, int64_t quantum)
{
    list_init(&q->turns);
    q->deficit = quantum;
}

void turns_init(struct turns *t, size_t queues, int64_t quantum)
{
    *t = (struct turns){.v_n = queues, .quantum = quantum};
    list_init(&t->fresh);
    list_init(&t->old);
    queue_init(&t->one, quantum);
}

void turns_clear(struct turns *t)
{
    free(t->v);
    t->v = NULL;
}

/* Most never have anybody who waits. */
static void make_queues(struct turns *t)
{
    list_remove(&t->one.link);
    t->v = calloc(t->v_n, sizeof(*t->v));
    for (size_t i = 0; t->v && i < t->v_n; i++)
        queue_init(&t->v[i], t->quantum);
}

static struct turn_queue *queue_of(struct turns *t, uint32_t owner)
{
    return t->v ? &t->v[owner % t->v_n] : &t->one;
}

/* What it is owed of the rounds since it was seen, but never more than one quantum. */
static void catch_up(const struct turns *t, struct turn_queue *q)
{
    uint64_t missed = t->round - q->round;

    q->round = t->round;
    if (q->deficit < 0 && (uint64_t)-q->deficit / (uint64_t)t->quantum >= missed)
        q->deficit += (int64_t)missed * t->quantum;
    else if (missed)
        q->deficit = t->quantum;
}

static void enter(struct turns *t, struct turn_queue *q)
{
    catch_up(t, q);
    list_add_last(q->deficit > 0 ? &t->fresh : &t->old, &q->link);
}

void turns_add(struct turns *t, struct turn *turn)
{
    struct turn_queue *q;

    if (!t->v && !t->n && t->v_n > 1) make_queues(t);
    q = queue_of(t, turn->owner);
    if (!list_link_is_in(&q->link)) enter(t, q);
    t->owners += list_is_empty(&q->turns);
    list_add_last(&q->turns, &turn->link);
    t->n++;
}

/* Its next quantum, and behind the others. */
static void end_round(struct turns *t, struct turn_queue *q)
{
    q->deficit += t->quantum;
    q->round++;
    if (q->round > t->round) t->round = q->round;
    list_remove(&q->link);
    list_add_last(&t->old, &q->link);
}

struct turn *turns_next(struct turns *t)
{
    for (;;) {
        struct list_link *first = list_first(&t->fresh);
        struct turn_queue *q;

        if (!first) first = list_first(&t->old);
        if (!first) return NULL;
        q = CONTAINER_OF(first, struct turn_queue, link);
        if (list_is_empty(&q->turns))
            list_remove(&q->link);
        else if (q->deficit <= 0)
            end_round(t, q);
        else
            return CONTAINER_OF(list_first(&q->turns), struct turn, link);
    }
}

void turns_remove(struct turns *t, struct turn *turn)
{
    if (!list_link_is_in(&turn->link)) return;
    list_remove(&turn->link);
    t->owners -= list_is_empty(&queue_of(t, turn->owner)->turns);
    t->n--;
}

void turns_take(struct turns *t, struct turn *turn)
{
    queue_of(t, turn->owner)->deficit -= turn->cost;
    turns_remove(t, turn);
}

void turns_give_back(struct turns *t, uint32_t owner, int64_t cost)
{
    struct turn_queue *q = queue_of(t, owner);

    q->deficit += cost;
    if (q->deficit > t->quantum) q->deficit = t->quantum;
}
