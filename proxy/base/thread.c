/* SPDX-License-Identifier: Apache-2.0
 * thread.c: see thread.h.
 */
#include "base/thread.h"

#include "base/clock.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

enum {
    BACK = 10,  /* a tenth of a processor that all want */
    STEPS = 16, /* between two looks at the clock */
    WORK_US = 150,
    PAUSE_US = 50,
};

/* The thread that is kept. It works while .run is set. */
struct front {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*run)(void *arg);
    void *arg;
    bool over;
};

static _Thread_local struct {
    struct front *front; /* owned, or NULL */
    bool back;
    unsigned steps;
    int64_t since_us; /* it works, monotonic */
} self;

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    int e;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

void thread_steps_back(void)
{
    /* A thread may always lower its own; if not, it is only in the way a little. */
    if (getpriority(PRIO_PROCESS, 0) < BACK) setpriority(PRIO_PROCESS, 0, BACK);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* pauses are as short as they are meant */
    self.back = true;
    self.since_us = clock_monotonic_us();
}

static void *run_front(void *arg)
{
    struct front *f = arg;

    pthread_mutex_lock(&f->lock);
    while (!f->over) {
        if (f->run) {
            f->run(f->arg); /* nobody else wants the lock */
            f->run = NULL;
            pthread_cond_signal(&f->changed);
        }
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

void thread_keep_front(void)
{
    struct front *f = calloc(1, sizeof(*f));

    if (!f) return;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (thread_start(&f->thread, run_front, f) == 0)
        self.front = f;
    else
        free(f);
}

void thread_leave_front(void)
{
    struct front *f = self.front;

    self.front = NULL;
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    f->over = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void thread_in_front(void (*run)(void *arg), void *arg)
{
    struct front *f = self.front;

    if (!f) {
        run(arg);
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->run = run;
    f->arg = arg;
    pthread_cond_signal(&f->changed);
    while (f->run)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

void thread_makes_way(void)
{
    const struct timespec pause = {0, PAUSE_US * 1000};

    if (!self.back || ++self.steps % STEPS || clock_monotonic_us() - self.since_us < WORK_US) return;
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    self.since_us = clock_monotonic_us();
}
