/* SPDX-License-Identifier: Apache-2.0
 * workers.h: asking all workers at once, without waiting for any.
 *
 *   control thread: workers_ask ──▶ each worker's thread: run ──▶ control thread, when all have answered: done
 */
#ifndef S3ONRAMP_CONTROL_WORKERS_H
#define S3ONRAMP_CONTROL_WORKERS_H

#include "flow/worker.h"

/* @run(worker, @arg) on every worker's thread, at the same time on several; then @done(@arg), once, on the thread of
 * @control. A worker that has ended by then is left out. Control thread, once the workers run, and while it runs
 * itself. False: out of memory, nothing is run. */
MUST_CHECK bool workers_ask(struct loop *control, struct worker *workers, size_t n,
                            void (*run)(struct worker *w, void *arg), void (*done)(void *arg), void *arg);

#endif
