/* SPDX-License-Identifier: Apache-2.0
 * listener.h: listening sockets: one per address and worker (SO_REUSEPORT), accepting in bursts, surviving a full
 * descriptor table.
 */
#ifndef S3ONRAMP_IO_LISTENER_H
#define S3ONRAMP_IO_LISTENER_H

#include "base/config.h"
#include "io/loop.h"

#include <event2/event_struct.h>

struct listener;
/* @fd: the callee's from now on. */
typedef void listener_accept_fn(struct listener *l, int fd, const struct netaddr *peer);

struct listener {
    struct loop *loop;
    struct event ev;
    int fd, reserve_fd; /* owned */
    listener_accept_fn *on_accept;
    void *arg;
    const void *settings; /* borrowed: whatever the owner wants to know of it */
    int64_t warned_us;
};

/* ERR_FILE if anybody listens there already; asked for all addresses before the first is opened. */
MUST_CHECK enum err_code listener_judge(const struct netaddr *addr, struct err *err);
/* Opens, binds and listens; done by the starting thread, so that errors stop the program before it serves.
 * @transparent: takes connections to addresses that are not this machine's (IP_TRANSPARENT). *@fd: the caller's. */
MUST_CHECK enum err_code listener_open(const struct netaddr *addr, bool transparent, int *fd, struct err *err);
/* Takes over @fd. On the loop's thread, or before it runs. */
MUST_CHECK enum err_code listener_start(struct listener *l, struct loop *loop, int fd, listener_accept_fn *on_accept,
                                        void *arg, struct err *err);
void listener_stop(struct listener *l); /* safe to call twice */

#endif
