/* SPDX-License-Identifier: Apache-2.0
 * loop.h: one thread's event loop: libevent's base, work posted by other threads, work put off to the next turn, a
 * coarse tick, and objects freed at the end of the turn. All functions are for the loop's own thread, except loop_post,
 * loop_post_with and loop_ask.
 */
#ifndef S3ONRAMP_IO_LOOP_H
#define S3ONRAMP_IO_LOOP_H

#include "base/clock.h"
#include "base/err.h"
#include "io/buf.h"

#include <pthread.h>
#include <stdatomic.h>

struct event_base;
struct event;

enum { LOOP_TICK_MS = 250 };

struct loop_task { /* embedded in the object that wants another turn; the handle by which others wake it */
    struct loop_task *next;
    void (*run)(void *arg);
    void *arg;
    bool queued;
};

struct loop_post {
    struct loop_post *next;
    void (*run)(void *arg);
    void *arg;
    bool heap; /* the loop's own */
};

struct loop {
    struct event_base *base;           /* owned */
    struct event *wake, *tick, *alarm; /* owned */
    int wake_fd;
    struct loop_task *tasks, **tasks_tail;
    void **freed; /* owned: memory to free() at the end of this turn */
    size_t freed_n, freed_cap;
    struct buf_pool bufs;
    int64_t now_us; /* monotonic, as of about the first event of this turn */
    bool now_fresh;
    void (*on_tick)(void *arg);
    void (*on_turn)(void *arg); /* at the end of each turn */
    void (*on_alarm)(void *arg);
    int64_t alarm_us; /* monotonic: when it rings; 0: not at all */
    void *arg;
    bool stop;
    pthread_mutex_t lock; /* guards the posts, and: */
    bool ended;           /* loop_run is over */
    struct loop_post *posts, **posts_tail;
};

/* @on_tick, @on_turn may be NULL: without @on_tick there is no tick. */
MUST_CHECK enum err_code loop_init(struct loop *l, void (*on_tick)(void *), void (*on_turn)(void *), void *arg,
                                   struct err *err);
void loop_clear(struct loop *l);
/* First thing in every event callback: brings now_us up to date, once a turn. */
static inline void loop_touch(struct loop *l)
{
    if (l->now_fresh) return;
    l->now_us = clock_monotonic_us();
    l->now_fresh = true;
}
/* @on_alarm(the loop's arg) runs once, at @at_us (to a millisecond), in place of what was set before; 0: not at all. */
void loop_set_alarm(struct loop *l, int64_t at_us, void (*on_alarm)(void *arg));
/* Until loop_stop; then what was posted before runs. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* the loop's own thread */
/* Any thread: @run(@arg) is called on the loop's thread. False when out of memory. */
MUST_CHECK bool loop_post(struct loop *l, void (*run)(void *), void *arg);
/* The same in memory of the caller's, so that it cannot fail: @run may use @p again, or free it. */
void loop_post_with(struct loop *l, struct loop_post *p, void (*run)(void *), void *arg);
/* The same, but false where loop_run is over: it would wait for loop_clear. */
MUST_CHECK bool loop_ask(struct loop *l, struct loop_post *p, void (*run)(void *), void *arg);
/* Runs @t in the next turn, after the sockets were looked at again: how a long transfer lets others have a turn. */
void loop_defer(struct loop *l, struct loop_task *t);
void loop_cancel(struct loop *l, struct loop_task *t);
/* Runs it at once, whether it waits for a turn or not. */
static inline void loop_task_run(struct loop_task *t)
{
    t->run(t->arg);
}
/* free(@p) at the end of this turn: callbacks up the stack may still look at it. */
void loop_free_later(struct loop *l, void *p);

#endif
