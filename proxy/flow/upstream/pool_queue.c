/* SPDX-License-Identifier: Apache-2.0
 * pool_queue.c: of the pool (see pool.h) the places that an endpoint allows at each address, and waiting for one in
 * turn.
 */
#include "pool_queue.h"

#include "flow/worker.h"

#include <stdio.h>

bool pool_take_place(struct pool_address *a)
{
    uint64_t before = atomic_fetch_add_explicit(&a->shared->in_flight, 1, memory_order_relaxed);

    if (a->endpoint->max_connections && before >= a->endpoint->max_connections) {
        atomic_fetch_sub_explicit(&a->shared->in_flight, 1, memory_order_relaxed);
        return false;
    }
    return true;
}

static struct request *request_of(struct wait_place *place)
{
    return (struct request *)(void *)((char *)place - offsetof(struct request, place));
}

static void call_next(struct pool *p, size_t endpoint)
{
    struct wait_place *place = wait_queue_take(&p->endpoints[endpoint].queue);
    struct request *req;

    if (!place) return;
    req = request_of(place);
    req->called = true;
    loop_defer(&p->worker->loop, &req->session->task);
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

bool pool_wait(struct pool *p, size_t endpoint, struct request *req)
{
    const struct endpoint_conf *ep = &p->worker->rt->settings->endpoints[endpoint];

    if (!wait_queue_add(&p->endpoints[endpoint].queue, &req->place, req->caller, ep->max_queue, p->worker->loop.now_us))
        return false;
    if (!req->queued_us) req->queued_us = p->worker->loop.now_us;
    req->place_at = endpoint;
    return true;
}

void pool_leave_queue(struct pool *p, struct request *req)
{
    if (req->place.queued) wait_queue_remove(&p->endpoints[req->place_at].queue, &req->place);
    if (req->called) call_next(p, req->place_at);
    req->called = false;
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

/* Who waited for too long is told so. Ending one request frees no place and takes nobody else out of the queue. */
static void expire_queue(struct pool *p, size_t endpoint)
{
    const struct endpoint_conf *ep = &p->worker->rt->settings->endpoints[endpoint];
    int64_t oldest = p->worker->loop.now_us - (int64_t)ep->queue_timeout_ms * 1000;
    struct wait_place *place = p->endpoints[endpoint].queue.first, *next;

    for (; place; place = next) {
        struct request *req = request_of(place);
        char text[160];

        next = place->next;
        if (req->queued_us > oldest) continue;
        wait_queue_remove(&p->endpoints[endpoint].queue, place);
        snprintf(text, sizeof(text), "[endpoint %s] no place within queue_timeout: max_connections_per_address = %llu",
                 ep->name, (unsigned long long)ep->max_connections);
        request_abort(req, ERR_QUEUE, text);
        session_run(req->session);
    }
}

void pool_tick_queue(struct pool *p, size_t endpoint)
{
    struct pool_endpoint *e = &p->endpoints[endpoint];

    if (!e->queue.n) return;
    expire_queue(p, endpoint);
    for (size_t room = count_room(e, p->worker->rt->settings->endpoints[endpoint].max_connections); room && e->queue.n;
         room--)
        call_next(p, endpoint);
}
