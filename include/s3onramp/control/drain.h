/* SPDX-License-Identifier: Apache-2.0
 * drain.h: how the proxy ends, whoever asks for it: a signal, `s3onramp drain`, or a new process that serves on the
 * same sockets. Control thread.
 *
 *   DRAIN_SERVING ──▶ DRAIN_LEAVING ──▶ DRAIN_FINISHING ──▶ DRAIN_OVER
 *                       health pages      no new connections;  the workers
 *                       say no            idle ones close      have ended
 */
#ifndef S3ONRAMP_CONTROL_DRAIN_H
#define S3ONRAMP_CONTROL_DRAIN_H

#include "flow/worker.h"

enum drain_state { DRAIN_SERVING, DRAIN_LEAVING, DRAIN_FINISHING, DRAIN_OVER };

struct drain_plan {
    uint64_t delay_ms; /* in DRAIN_LEAVING */
    struct worker_stop stop;
};

struct drain_result { /* requests and tunnels that ran when, or after, the last connection was taken */
    size_t finished, cut;
};

/* Somebody who wants to know. */
struct drain_waiter {
    struct drain_waiter *next;
    void (*done)(void *arg, const struct drain_result *result);
    void *arg;
};

struct drain;

/* @workers: borrowed, started before it begins. @on_state: after each step. NULL: out of memory. */
MUST_CHECK struct drain *drain_new(struct loop *loop, struct worker *workers, size_t workers_n,
                                   void (*on_state)(void *arg, enum drain_state state), void *arg);
void drain_free(struct drain **d); /* not while it is under way; NULL is fine */
enum drain_state drain_state(const struct drain *d);
const char *drain_state_name(enum drain_state state); /* "serving", "leaving", … */
/* Begins; when it is under way already: @plan holds if it is less patient. */
void drain_begin(struct drain *d, const struct drain_plan *plan);
/* What still runs is cut. */
void drain_hurry(struct drain *d);
/* @w (the caller's) hears of the end, once, before on_state does. */
void drain_wait(struct drain *d, struct drain_waiter *w);
/* It does not want to know any more. */
void drain_forget(struct drain *d, struct drain_waiter *w);

#endif
