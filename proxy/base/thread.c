/* SPDX-License-Identifier: Apache-2.0
 * thread.c: see thread.h.
 */
#include "base/thread.h"

#include <signal.h>
#include <sys/resource.h>

enum { BACK = 10 }; /* a tenth of a processor that all want */

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
}
