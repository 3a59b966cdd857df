/* SPDX-License-Identifier: Apache-2.0
 * takeover.h: a new process takes the place of this one, without a connection that is refused or cut. Control thread.
 *
 *   old: takeover_start ── starts the program with the listening sockets ──▶ new: takes them, reads its configuration,
 *        serves on                                                             fetches keys
 *          ◀────────────────────────────── "ready" ─────────────────────────── heir_ready
 *          ─────────────────────────────── "go" ──────────────────────────────▶ starts its workers
 *          ◀────────────────────────────── "serving" ───────────────────────── heir_serving
 *        done; drains ──────────────────── "main" ────────────────────────────▶ speaks to the service manager
 *        follows: the channel stays (followers.h)
 *
 * Until "serving" the old process has given nothing up: if the new one ends, or is not ready in time, it goes on as
 * before. What the new program says of its start (heir_words; of a program that is none of ours: standard error) the
 * old one reads, logs and keeps as the reason.
 * The sockets come as with systemd (ports.h).
 */
#ifndef S3ONRAMP_CONTROL_TAKEOVER_H
#define S3ONRAMP_CONTROL_TAKEOVER_H

#include "control/followers.h"

#include <stdio.h>
#include <sys/types.h>

/* --- who hands over --- */

struct takeover;

/* @pid: who serves now; 0: nobody but us. @why: then the reason, with what the new program said. */
typedef void takeover_done_fn(void *arg, pid_t pid, const char *why);

/* What the new process gets; all borrowed until takeover_start returns. */
struct takeover_gift {
    const int *sockets; /* listening */
    size_t sockets_n;
    const int *channels; /* to the processes of earlier takeovers */
    size_t channels_n;
};

/* Starts the program @argv (a path, or searched for; borrowed until this returns). @done is called once, later, within
 * about @timeout_ms. NULL: @err says why nothing was begun. */
MUST_CHECK struct takeover *takeover_start(struct loop *loop, char *const argv[], const struct takeover_gift *gift,
                                           uint64_t timeout_ms, takeover_done_fn *done, void *arg, struct err *err);
/* Ends the new process, and @done hears @why. False: too late, "go" was said; @done will be called. */
bool takeover_cancel(struct takeover *t, const char *why);
/* After @done with a pid: tells the new process that it is the only one that serves. Returns the channel, the caller's.
 */
int takeover_end(struct takeover **t);
/* Before @done: ends the new process. NULL is fine. */
void takeover_free(struct takeover **t);
/* The new process, while nobody else may wait for it; 0: there is none. */
pid_t takeover_pid(const struct takeover *t);

/* --- who takes over --- */

struct heir;

/* First of all. *@out is NULL if this process was not started by takeover_start. */
MUST_CHECK enum err_code heir_new(struct heir **out, struct err *err);
/* What is written here the old process hears, as the reason if nothing comes of it. Borrowed. */
FILE *heir_words(struct heir *h);
/* All is prepared: @on_go will be called. */
MUST_CHECK enum err_code heir_ready(struct heir *h, struct loop *loop, void (*on_go)(void *arg),
                                    void (*on_main)(void *arg), void *arg, struct err *err);
/* In on_go: the workers run; @on_main will be called, also when the old process is no more. */
void heir_serving(struct heir *h);
/* In on_main: the process before, and those before it, follow this one. */
void heir_lead(struct heir *h, struct followers *followers);
/* Before @loop is cleared, if on_main was not called yet. */
void heir_leave(struct heir *h);
void heir_free(struct heir **h); /* NULL is fine */

#endif
