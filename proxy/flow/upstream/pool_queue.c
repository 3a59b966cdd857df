/* SPDX-License-Identifier: Apache-2.0
 * pool_queue.c: of the pool (see pool.h) the places that an endpoint allows at each address, and waiting for one in
 * turn.
 */
#include "pool_queue.h"

#include "flow/worker.h"

bool pool_take_place(struct pool_address *a)
{
    uint64_t before = atomic_fetch_add_explicit(&a->shared->in_flight, 1, memory_order_relaxed);

    if (a->of->rules.max_connections && before >= a->of->rules.max_connections) {
        atomic_fetch_sub_explicit(&a->shared->in_flight, 1, memory_order_relaxed);
        return false;
    }
    return true;
}

static struct pool_turn *turn_of(struct wait_place *place)
{
    return (struct pool_turn *)(void *)((char *)place - offsetof(struct pool_turn, place));
}

static void call_next(struct pool *p, struct pool_endpoint *e)
{
    struct wait_place *place = wait_queue_take(&e->queue);

    if (!place) return;
    turn_of(place)->called = true;
    loop_defer(&p->worker->loop, turn_of(place)->owner);
}

void pool_give_place(struct pool_address *a, struct pool *p)
{
    atomic_fetch_sub_explicit(&a->shared->in_flight, 1, memory_order_relaxed);
    if (a->of->queue.n) call_next(p, a->of);
}

bool pool_hold(struct pool_address *a)
{
    if (!pool_take_place(a)) return false;
    a->busy_n++;
    return true;
}

void pool_release(struct pool *p, struct pool_address **at)
{
    struct pool_address *a = *at;

    if (!a) return;
    *at = NULL;
    a->busy_n--;
    pool_give_place(a, p);
}

bool pool_wait(struct pool *p, struct pool_endpoint *e, struct pool_turn *t, uint64_t who, struct loop_task *owner)
{
    if (!wait_queue_add(&e->queue, &t->place, who, e->rules.max_queue, p->worker->loop.now_us)) return false;
    if (!t->since_us) t->since_us = p->worker->loop.now_us;
    t->endpoint = e;
    t->owner = owner;
    return true;
}

void pool_leave_queue(struct pool *p, struct pool_turn *t)
{
    if (t->place.queued) wait_queue_remove(&t->endpoint->queue, &t->place);
    if (t->called) call_next(p, t->endpoint);
    t->called = false;
}

/* Places that other workers gave up. */
static size_t count_room(const struct pool_endpoint *e, uint64_t most)
{
    uint64_t room = 0;

    for (size_t i = 0; i < e->n; i++) {
        uint64_t n = atomic_load_explicit(&e->v[i]->shared->in_flight, memory_order_relaxed);

        if (!e->v[i]->barred && n < most) room += most - n;
    }
    return (size_t)room;
}

/* Who waited for too long is told so, in a turn of its own. */
static void expire_queue(struct pool *p, struct pool_endpoint *e)
{
    int64_t oldest = p->worker->loop.now_us - (int64_t)e->rules.queue_timeout_ms * 1000;
    struct wait_place *place = e->queue.first, *next;

    for (; place; place = next) {
        struct pool_turn *t = turn_of(place);

        next = place->next;
        if (t->since_us > oldest) continue;
        wait_queue_remove(&e->queue, place);
        t->expired = true;
        loop_defer(&p->worker->loop, t->owner);
    }
}

void pool_tick_queue(struct pool *p, struct pool_endpoint *e)
{
    if (!e->queue.n) return;
    expire_queue(p, e);
    for (size_t room = count_room(e, e->rules.max_connections); room && e->queue.n; room--)
        call_next(p, e);
}
