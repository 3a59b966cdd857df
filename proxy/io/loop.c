/* SPDX-License-Identifier: Apache-2.0
 * loop.c: see loop.h. A turn: sockets → deferred tasks → posts → on_turn → freed memory.
 */
#include "io/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void run_posts(struct loop *l)
{
    struct loop_post *p, *next;

    pthread_mutex_lock(&l->lock);
    p = l->posts;
    l->posts = NULL;
    l->posts_tail = &l->posts;
    pthread_mutex_unlock(&l->lock);
    for (; p; p = next) {
        bool heap = p->heap;

        next = p->next;
        p->run(p->arg);
        if (heap) free(p);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof(count));

    (void)n;
    (void)what;
    loop_touch(arg);
    run_posts(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;

    (void)fd;
    (void)what;
    loop_touch(l);
    l->on_tick(l->arg);
}

static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;

    (void)fd;
    (void)what;
    loop_touch(l);
    l->alarm_us = 0;
    l->on_alarm(l->arg);
}

void loop_set_alarm(struct loop *l, int64_t at_us, void (*alarm)(void *arg))
{
    struct timeval tv = {0, 0};
    int64_t left_us;

    l->on_alarm = alarm;
    if (at_us == l->alarm_us) return;
    l->alarm_us = at_us;
    left_us = at_us - clock_monotonic_us();
    if (left_us > 0) tv = (struct timeval){left_us / 1000000, left_us % 1000000};
    if (at_us)
        event_add(l->alarm, &tv);
    else
        event_del(l->alarm);
}

enum err_code loop_init(struct loop *l, void (*tick)(void *), void (*turn)(void *), void *arg, struct err *err)
{
    struct event_config *cfg = event_config_new();
    struct timeval every = {0, LOOP_TICK_MS * 1000};

    memset(l, 0, sizeof(*l));
    l->on_tick = tick;
    l->on_turn = turn;
    l->arg = arg;
    l->tasks_tail = &l->tasks;
    l->posts_tail = &l->posts;
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&l->lock, NULL);
    if (cfg) {
        event_config_require_features(cfg, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
        event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
        l->base = event_base_new_with_config(cfg);
        event_config_free(cfg);
    }
    if (l->base && l->wake_fd >= 0) {
        l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
        l->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
        l->alarm = event_new(l->base, -1, 0, on_alarm, l);
    }
    if (!l->wake || !l->tick || !l->alarm || event_add(l->wake, NULL) || (tick && event_add(l->tick, &every))) {
        loop_clear(l);
        return err_set(err, ERR_INTERNAL, errno, "cannot make an event loop (edge-triggered epoll is needed)");
    }
    l->now_us = clock_monotonic_us();
    return ERR_NONE;
}

static void free_later_now(struct loop *l)
{
    while (l->freed_n)
        free(l->freed[--l->freed_n]);
}

void loop_clear(struct loop *l)
{
    run_posts(l);
    free_later_now(l);
    free(l->freed);
    l->freed = NULL;
    if (l->wake) event_free(l->wake);
    if (l->tick) event_free(l->tick);
    if (l->alarm) event_free(l->alarm);
    if (l->base) event_base_free(l->base);
    if (l->wake_fd >= 0) close(l->wake_fd);
    l->wake = l->tick = l->alarm = NULL;
    l->base = NULL;
    l->wake_fd = -1;
    buf_pool_clear(&l->bufs);
    pthread_mutex_destroy(&l->lock);
}

static void run_tasks(struct loop *l)
{
    struct loop_task *t = l->tasks, *next;

    l->tasks = NULL;
    l->tasks_tail = &l->tasks;
    for (; t; t = next) {
        next = t->next;
        t->next = NULL;
        if (!t->queued) continue; /* cancelled while we were at it */
        t->queued = false;
        t->run(t->arg);
    }
}

static void end(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->ended = true;
    pthread_mutex_unlock(&l->lock);
    run_posts(l);
}

void loop_run(struct loop *l)
{
    while (!l->stop) {
        event_base_loop(l->base, EVLOOP_ONCE | (l->tasks ? EVLOOP_NONBLOCK : 0));
        loop_touch(l);
        run_tasks(l);
        if (l->on_turn) l->on_turn(l->arg);
        free_later_now(l);
        l->now_fresh = false;
    }
    end(l);
}

void loop_stop(struct loop *l)
{
    l->stop = true;
    event_base_loopbreak(l->base);
}

/* @anyway: also when it has ended. */
static bool post(struct loop *l, struct loop_post *p, bool anyway)
{
    uint64_t one = 1;
    ssize_t n;

    pthread_mutex_lock(&l->lock);
    if (l->ended && !anyway) {
        pthread_mutex_unlock(&l->lock);
        return false;
    }
    *l->posts_tail = p;
    l->posts_tail = &p->next;
    pthread_mutex_unlock(&l->lock);
    n = write(l->wake_fd, &one, sizeof(one)); /* fails only when the counter is full: then it is awake already */
    (void)n;
    return true;
}

bool loop_post(struct loop *l, void (*run)(void *), void *arg)
{
    struct loop_post *p = malloc(sizeof(*p));

    if (!p) return false;
    *p = (struct loop_post){NULL, run, arg, true};
    return post(l, p, true);
}

void loop_post_with(struct loop *l, struct loop_post *p, void (*run)(void *), void *arg)
{
    *p = (struct loop_post){NULL, run, arg, false};
    (void)post(l, p, true);
}

bool loop_ask(struct loop *l, struct loop_post *p, void (*run)(void *), void *arg)
{
    *p = (struct loop_post){NULL, run, arg, false};
    return post(l, p, false);
}

void loop_defer(struct loop *l, struct loop_task *t)
{
    if (t->queued) return;
    t->queued = true;
    t->next = NULL;
    *l->tasks_tail = t;
    l->tasks_tail = &t->next;
}

void loop_cancel(struct loop *l, struct loop_task *t)
{
    struct loop_task **p = &l->tasks;

    if (!t->queued) return;
    t->queued = false;
    while (*p && *p != t)
        p = &(*p)->next;
    if (!*p) return; /* in the list that run_tasks walks: its flag stops it */
    *p = t->next;
    if (!*p) l->tasks_tail = p;
}

void loop_free_later(struct loop *l, void *p)
{
    if (!p) return;
    if (l->freed_n == l->freed_cap) {
        size_t cap = l->freed_cap ? l->freed_cap * 2 : 64;
        void **v = realloc(l->freed, cap * sizeof(*v));

        ASSERT(v);
        l->freed = v;
        l->freed_cap = cap;
    }
    l->freed[l->freed_n++] = p;
}
