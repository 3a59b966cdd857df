/* SPDX-License-Identifier: Apache-2.0
 * listener.h: listening sockets: one per address and worker (SO_REUSEPORT), accepting in bursts. While there are no
 * descriptors left, nothing is accepted: connections wait in the kernel's queue, and what runs goes on.
 */
#ifndef S3ONRAMP_IO_LISTENER_H
#define S3ONRAMP_IO_LISTENER_H

#include "base/err.h"
#include "base/netaddr.h"
#include "io/loop.h"

#include <event2/event_struct.h>

struct listener;
/* @fd: the callee's from now on. */
typedef void listener_accept_fn(struct listener *l, int fd, const struct netaddr *peer);

/* There are no descriptors left: time to close what is not needed. */
typedef void listener_full_fn(struct listener *l);

struct listener {
    struct loop *loop;
    struct event ev;
    int fd; /* owned */
    bool paused;
    listener_accept_fn *on_accept;
    listener_full_fn *on_full;
    void *arg;
    int64_t warned_us;
};

/* ERR_FILE if anybody listens there already; asked for all addresses before the first is opened. */
MUST_CHECK enum err_code listener_judge(const struct netaddr *addr, struct err *err);
/* Opens, binds and listens; done by the starting thread, so that errors stop the program before it serves.
 * @transparent: takes connections to addresses that are not this machine's (IP_TRANSPARENT). *@fd: the caller's. */
MUST_CHECK enum err_code listener_open(const struct netaddr *addr, bool transparent, int *fd, struct err *err);
/* The same for a socket that listens already, or no longer. */
MUST_CHECK enum err_code listener_set_transparent(int fd, const struct netaddr *addr, bool on, struct err *err);
/* Takes over @fd. On the loop's thread, or before it runs. */
MUST_CHECK enum err_code listener_start(struct listener *l, struct loop *loop, int fd, listener_accept_fn *on_accept,
                                        listener_full_fn *on_full, void *arg, struct err *err);
/* Once a tick: goes on accepting after descriptors had run out. */
void listener_resume(struct listener *l);
/* Accepts what waits already, then stops. */
void listener_finish(struct listener *l);
void listener_stop(struct listener *l); /* safe to call twice */

#endif
