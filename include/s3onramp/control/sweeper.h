/* SPDX-License-Identifier: Apache-2.0
 * sweeper.h: frees snapshots that nobody uses any more, on a thread that steps back: wiping and freeing 100,000 clients
 * takes tens of milliseconds of a processor that others serve on. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_SWEEPER_H
#define S3ONRAMP_CONTROL_SWEEPER_H

#include "flow/snapshot.h"

#include <pthread.h>

/* Zeroed but for the bin: ready. */
struct sweeper {
    struct snapshot_bin *bin; /* borrowed */
    pthread_t thread;
    bool running;
    _Atomic bool done; /* the thread has nothing left to do */
};

/* Once a tick: begins where there is something to free. */
void sweeper_tick(struct sweeper *s);
/* All that lies in the bin is freed when it returns. */
void sweeper_end(struct sweeper *s);

#endif
