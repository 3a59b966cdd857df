/* SPDX-License-Identifier: Apache-2.0
 * ports.h: the listening sockets: opened here, or given by systemd or by the process before; which worker gets which.
 * Control thread.
 *
 * A port is an address with its sockets. With SO_REUSEPORT each worker has at least one of its own, and several where
 * more were given than there are workers: connections wait in each. One without it is shared by all workers. What is
 * here stays open beside the workers' copies, so that it can be handed on; connections wait as long as anybody has a
 * copy.
 */
#ifndef S3ONRAMP_CONTROL_PORTS_H
#define S3ONRAMP_CONTROL_PORTS_H

#include "base/err.h"
#include "base/netaddr.h"
#include "flow/worker.h"

struct ports;

/* Takes the sockets that this process was given (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES; the variables are gone
 * afterwards). @handed_over: by the process before, which does not know our LISTEN_PID. ERR_FILE: one of them is no
 * listening socket; ERR_NO_MEMORY. Source: sd_listen_fds(3). */
MUST_CHECK enum err_code ports_new(bool handed_over, struct ports **out, struct err *err);
void ports_free(struct ports **p); /* closes all; NULL is fine */

/* ERR_FILE if others listen at @addr; asked for all addresses before the first is opened. */
MUST_CHECK enum err_code ports_judge(const struct ports *p, const struct netaddr *addr, struct err *err);
/* Opens @addr for @workers_n workers: what was given for it, and the rest anew. ERR_FILE: see listener_open. */
MUST_CHECK enum err_code ports_open(struct ports *p, const struct netaddr *addr, bool transparent, size_t workers_n,
                                    struct err *err);
/* Makes the sockets of @addr transparent, or not any more. ERR_FILE: it is not permitted. */
MUST_CHECK enum err_code ports_set_transparent(const struct ports *p, const struct netaddr *addr, bool on,
                                               struct err *err);
/* Closes the sockets of @addr. */
void ports_close(struct ports *p, const struct netaddr *addr);
/* Adds copies of the sockets of @addr that are for worker @worker of @workers_n. ERR_FILE: there is no descriptor left.
 */
MUST_CHECK enum err_code ports_share(const struct ports *p, const struct netaddr *addr, size_t worker, size_t workers_n,
                                     struct worker_sockets *out, struct err *err);
/* What was given at the Unix socket @path; the caller's. -1: nothing was. */
int ports_take_unix(struct ports *p, const char *path);
/* After all were opened: what was given and is no listener's. @strict: ERR_FILE, naming the first; else all are closed.
 */
MUST_CHECK enum err_code ports_end_given(struct ports *p, bool strict, struct err *err);

/* All open sockets, for who hands them on; borrowed. Returns how many; those beyond @max are left out of @fds. */
size_t ports_list(const struct ports *p, int *fds, size_t max);

#endif
