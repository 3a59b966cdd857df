/* SPDX-License-Identifier: Apache-2.0
 * pool_queue.c: of the pool (see pool.h) the places that an endpoint allows at each address, and waiting for one in
 * turn.
 */
#include "pool_queue.h"

#include "flow/worker.h"

bool pool_take_place(struct pool_address *a)
{
    uint64_t before = atomic_fetch_add_explicit(&a->shared->in_flight, 1, memory_order_relaxed);

    if (a->endpoint->max_connections && before >= a->endpoint->max_connections) {
        atomic_fetch_sub_explicit(&a->shared->in_flight, 1, memory_order_relaxed);
        return false;
    }
    return true;
}

static struct pool_turn *turn_of(struct wait_place *place)
{
    return (struct pool_turn *)(void *)((char *)place - offsetof(struct pool_turn, place));
}

static void call_next(struct pool *p, size_t endpoint)
{
    struct wait_place *place = wait_queue_take(&p->endpoints[endpoint].queue);

    if (!place) return;
    turn_of(place)->called = true;
    loop_defer(&p->worker->loop, turn_of(place)->owner);
}

void pool_give_place(struct pool_address *a, struct pool *p)
{
    atomic_fetch_sub_explicit(&a->shared->in_flight, 1, memory_order_relaxed);
    if (p->endpoints[a->endpoint_index].queue.n) call_next(p, a->endpoint_index);
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

bool pool_wait(struct pool *p, size_t endpoint, struct pool_turn *t, uint64_t who, struct loop_task *owner)
{
    const struct endpoint_conf *ep = &p->worker->use->snapshot->settings->endpoints[endpoint];

    if (!wait_queue_add(&p->endpoints[endpoint].queue, &t->place, who, ep->max_queue, p->worker->loop.now_us))
        return false;
    if (!t->since_us) t->since_us = p->worker->loop.now_us;
    t->endpoint = endpoint;
    t->owner = owner;
    return true;
}

void pool_leave_queue(struct pool *p, struct pool_turn *t)
{
    if (t->place.queued) wait_queue_remove(&p->endpoints[t->endpoint].queue, &t->place);
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
static void expire_queue(struct pool *p, size_t endpoint)
{
    const struct endpoint_conf *ep = &p->worker->use->snapshot->settings->endpoints[endpoint];
    int64_t oldest = p->worker->loop.now_us - (int64_t)ep->queue_timeout_ms * 1000;
    struct wait_place *place = p->endpoints[endpoint].queue.first, *next;

    for (; place; place = next) {
        struct pool_turn *t = turn_of(place);

        next = place->next;
        if (t->since_us > oldest) continue;
        wait_queue_remove(&p->endpoints[endpoint].queue, place);
        t->expired = true;
        loop_defer(&p->worker->loop, t->owner);
    }
}

void pool_tick_queue(struct pool *p, size_t endpoint)
{
    struct pool_endpoint *e = &p->endpoints[endpoint];

    if (!e->queue.n) return;
    expire_queue(p, endpoint);
    for (size_t room = count_room(e, p->worker->use->snapshot->settings->endpoints[endpoint].max_connections);
         room && e->queue.n; room--)
        call_next(p, endpoint);
}
