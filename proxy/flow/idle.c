/* SPDX-License-Identifier: Apache-2.0
 * idle.c: the clients of a worker that wait for nothing but their own next word, longest idle first: those that have
 * not said all of a request's head, that are between requests, that linger, and tunnels at rest. Where connections run
 * out they go, in this order, so that silent ones lock nobody out.
 */
#include "flow/session.h"
#include "flow/worker.h"

enum { EVICT_AFTER_US = 1000000, WORKERS_AT_LEAST = 8 };

void session_busy(struct session *c)
{
    struct worker *w = c->worker;

    if (!c->idle) return;
    c->idle = false;
    *(c->idle_older ? &c->idle_older->idle_newer : &w->idle_oldest) = c->idle_newer;
    *(c->idle_newer ? &c->idle_newer->idle_older : &w->idle_newest) = c->idle_older;
    c->idle_older = c->idle_newer = NULL;
}

void session_idle(struct session *c)
{
    struct worker *w = c->worker;

    if (c->idle) return;
    c->idle = true;
    c->idle_since_us = w->loop.now_us;
    c->idle_older = w->idle_newest;
    *(w->idle_newest ? &w->idle_newest->idle_newer : &w->idle_oldest) = c;
    w->idle_newest = c;
}

bool session_evict(struct worker *w)
{
    struct session *c;

    while ((c = w->idle_oldest) && w->loop.now_us - c->idle_since_us >= EVICT_AFTER_US) {
        session_busy(c);
        if (!session_leave(c)) continue; /* it was idle when it was looked at last */
        limits_note(w->proxy->limits, LIMITS_EVICTED);
        return true;
    }
    return false;
}

/* Each worker has its share to close. */
void session_make_room(struct worker *w)
{
    size_t share = (limits_excess(w->proxy->limits) + WORKERS_AT_LEAST - 1) / WORKERS_AT_LEAST;

    while (share && session_evict(w))
        share--;
}
