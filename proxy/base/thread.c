/* SPDX-License-Identifier: Apache-2.0
 * thread.c: see thread.h.
 */
#include "base/thread.h"

#include "base/clock.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

enum {
    BACK = 10,  /* a tenth of a processor that all want */
    STEPS = 16, /* between two looks at the clock */
    WORK_US = 150,
    PAUSE_US = 50,
};

static _Thread_local struct {
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

void thread_makes_way(void)
{
    const struct timespec pause = {0, PAUSE_US * 1000};

    if (!self.back || ++self.steps % STEPS || clock_monotonic_us() - self.since_us < WORK_US) return;
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    self.since_us = clock_monotonic_us();
}
