/* SPDX-License-Identifier: Apache-2.0
 * sweeper.c: see sweeper.h.
 */
#include "control/sweeper.h"

#include "base/thread.h"

#include <signal.h>

static void *run(void *arg)
{
    struct sweeper *s = arg;

    thread_steps_back();
    snapshot_bin_empty(s->bin);
    atomic_store_explicit(&s->done, true, memory_order_release);
    return NULL;
}

static void join(struct sweeper *s)
{
    if (!s->running) return;
    pthread_join(s->thread, NULL);
    s->running = false;
}

void sweeper_tick(struct sweeper *s)
{
    sigset_t all, before;

    if (s->running && !atomic_load_explicit(&s->done, memory_order_acquire)) return;
    join(s);
    if (snapshot_bin_is_empty(s->bin)) return;
    atomic_store_explicit(&s->done, false, memory_order_relaxed);
    sigfillset(&all); /* signals belong to the control thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->running = pthread_create(&s->thread, NULL, run, s) == 0; /* else at the next tick */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void sweeper_end(struct sweeper *s)
{
    join(s);
    if (s->bin) snapshot_bin_empty(s->bin);
}
