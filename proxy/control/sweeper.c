/* SPDX-License-Identifier: Apache-2.0
 * sweeper.c: see sweeper.h.
 */
#include "control/sweeper.h"

#include "base/thread.h"
#include "io/sandbox.h"

static void *run(void *arg)
{
    struct sweeper *s = arg;

    sandbox_enter(SANDBOX_SERVES);
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
    if (s->running && !atomic_load_explicit(&s->done, memory_order_acquire)) return;
    join(s);
    if (snapshot_bin_is_empty(s->bin)) return;
    atomic_store_explicit(&s->done, false, memory_order_relaxed);
    s->running = thread_start(&s->thread, run, s) == 0; /* else at the next tick */
}

void sweeper_end(struct sweeper *s)
{
    join(s);
    if (s->bin) snapshot_bin_empty(s->bin);
}
