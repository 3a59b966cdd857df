/* SPDX-License-Identifier: Apache-2.0
 * drain.c: see drain.h. Joining threads blocks, and a second signal must still be heard: a thread of its own waits for
 * the workers.
 */
#include "control/drain.h"

#include "base/log.h"
#include "base/thread.h"

#include <event2/event.h>
#include <stdlib.h>

struct drain {
    struct loop *loop;      /* borrowed */
    struct worker *workers; /* borrowed */
    size_t workers_n;
    void (*on_state)(void *arg, enum drain_state state);
    void *arg;
    enum drain_state state;
    struct drain_plan plan;
    struct event *delay; /* owned */
    struct drain_waiter *waiters;
};

const char *drain_state_name(enum drain_state state)
{
    static const char *const names[] = {"serving", "leaving", "finishing", "over"};

    return names[state];
}

/* The one way from state to state. */
static void set_state(struct drain *d, enum drain_state to)
{
    ASSERT(to > d->state);
    LOG(LOG_DEBUG, "drain: %s -> %s", drain_state_name(d->state), drain_state_name(to));
    d->state = to;
    d->on_state(d->arg, to);
}

static void on_joined(void *arg)
{
    struct drain *d = arg;
    struct drain_result r = {0};

    for (size_t i = 0; i < d->workers_n; i++) {
        r.finished += d->workers[i].finished_n - d->workers[i].cut_n;
        r.cut += d->workers[i].cut_n;
    }
    LOG(r.cut ? LOG_WARN : LOG_INFO, "requests finished: %zu, cut: %zu", r.finished, r.cut);
    while (d->waiters) {
        struct drain_waiter *w = d->waiters;

        d->waiters = w->next;
        w->done(w->arg, &r);
    }
    set_state(d, DRAIN_OVER);
}

static void *join_all(void *arg)
{
    struct drain *d = arg;

    for (size_t i = 0; i < d->workers_n; i++)
        worker_join(&d->workers[i]);
    if (!loop_post(d->loop, on_joined, d)) abort();
    return NULL;
}

static void await_workers(struct drain *d)
{
    pthread_t waiter;

    if (thread_start(&waiter, join_all, d)) abort();
    pthread_detach(waiter);
}

static void finish(struct drain *d)
{
    event_del(d->delay);
    for (size_t i = 0; i < d->workers_n; i++)
        worker_stop(&d->workers[i], &d->plan.stop);
    set_state(d, DRAIN_FINISHING);
    await_workers(d);
}

static void on_delay(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct drain *d = arg;

    loop_touch(d->loop);
    finish(d);
}

static void leave(struct drain *d)
{
    uint64_t ms = d->plan.delay_ms;
    struct timeval delay = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

    for (size_t i = 0; !d->plan.stop.patient && i < d->workers_n; i++)
        worker_leave(&d->workers[i]);
    set_state(d, DRAIN_LEAVING);
    if (!ms || event_add(d->delay, &delay)) finish(d);
}

void drain_begin(struct drain *d, const struct drain_plan *plan)
{
    bool hastens = d->state == DRAIN_FINISHING && d->plan.stop.patient && !plan->stop.patient;

    if (d->state != DRAIN_SERVING && !hastens) return;
    d->plan = *plan;
    if (!hastens) {
        leave(d);
        return;
    }
    for (size_t i = 0; i < d->workers_n; i++)
        if (d->workers[i].started) worker_stop(&d->workers[i], &plan->stop);
}

void drain_hurry(struct drain *d)
{
    if (d->state == DRAIN_OVER) return;
    for (size_t i = 0; i < d->workers_n; i++)
        if (d->workers[i].started) worker_end(&d->workers[i]);
    if (d->state == DRAIN_FINISHING) return;
    if (d->state == DRAIN_SERVING) set_state(d, DRAIN_LEAVING);
    event_del(d->delay);
    set_state(d, DRAIN_FINISHING);
    await_workers(d);
}

void drain_wait(struct drain *d, struct drain_waiter *w)
{
    w->next = d->waiters;
    d->waiters = w;
}

void drain_forget(struct drain *d, struct drain_waiter *w)
{
    struct drain_waiter **at = &d->waiters;

    while (*at && *at != w)
        at = &(*at)->next;
    if (*at) *at = w->next;
}

enum drain_state drain_state(const struct drain *d)
{
    return d->state;
}

struct drain *drain_new(struct loop *loop, struct worker *workers, size_t workers_n,
                        void (*on_state)(void *arg, enum drain_state state), void *arg)
{
    struct drain *d = calloc(1, sizeof(*d));

    if (!d) return NULL;
    *d = (struct drain){.loop = loop, .workers = workers, .workers_n = workers_n, .on_state = on_state, .arg = arg};
    d->delay = event_new(loop->base, -1, 0, on_delay, d);
    if (!d->delay) drain_free(&d);
    return d;
}

void drain_free(struct drain **dp)
{
    struct drain *d = *dp;

    if (!d) return;
    *dp = NULL;
    if (d->delay) event_free(d->delay);
    free(d);
}
