/* SPDX-License-Identifier: Apache-2.0
 * wait_queue.c: see wait_queue.h. The list is kept in the order of rounds; the n-th place of an owner belongs to the
 * n-th round from now.
 */
#include "flow/upstream/wait_queue.h"

static uint64_t round_of(const struct wait_queue *q, uint64_t owner)
{
    for (const struct wait_place *p = q->last; p; p = p->prev)
        if (p->owner == owner) return p->round + 1;
    return q->round + 1;
}

static void insert_after(struct wait_queue *q, struct wait_place *p, struct wait_place *before)
{
    p->prev = before;
    p->next = before ? before->next : q->first;
    if (p->next)
        p->next->prev = p;
    else
        q->last = p;
    if (before)
        before->next = p;
    else
        q->first = p;
}

bool wait_queue_add(struct wait_queue *q, struct wait_place *p, uint64_t owner, size_t most, int64_t now_us)
{
    struct wait_place *before = q->last;

    if (q->n >= most) return false;
    *p = (struct wait_place){.owner = owner, .round = round_of(q, owner), .since_us = now_us, .queued = true};
    while (before && before->round > p->round)
        before = before->prev;
    insert_after(q, p, before);
    q->n++;
    return true;
}

void wait_queue_remove(struct wait_queue *q, struct wait_place *p)
{
    if (!p->queued) return;
    if (p->prev)
        p->prev->next = p->next;
    else
        q->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        q->last = p->prev;
    p->queued = false;
    p->prev = p->next = NULL;
    q->n--;
}

size_t wait_queue_count(const struct wait_queue *q, uint64_t owner)
{
    size_t n = 0;

    for (const struct wait_place *p = q->first; p; p = p->next)
        n += p->owner == owner;
    return n;
}

struct wait_place *wait_queue_take(struct wait_queue *q)
{
    struct wait_place *p = q->first;

    if (!p) return NULL;
    q->round = p->round;
    wait_queue_remove(q, p);
    return p;
}
