/* SPDX-License-Identifier: Apache-2.0
 * splice.h: moves bytes from one plain connection to another inside the kernel, through a pipe that is borrowed from a
 * per-worker free list only while bytes are in it: an idle tunnel holds two sockets and nothing else. One thread.
 * Source: splice(2).
 */
#ifndef S3ONRAMP_IO_SPLICE_H
#define S3ONRAMP_IO_SPLICE_H

#include "io/conn.h"

enum { SPLICE_POOL_MAX = 64 }; /* pipes that are kept for the next use */

struct splice_pool {
    int free[SPLICE_POOL_MAX][2]; /* owned */
    size_t n;
};

/* One direction. Zeroed: nothing in it, no pipe. */
struct splice {
    int pipe[2]; /* borrowed from the pool while n > 0 */
    size_t n;    /* bytes in it */
};

void splice_pool_clear(struct splice_pool *p);

/* True if splice_in will find a pipe; false: there are no descriptors left. */
bool splice_has_pipe(struct splice_pool *p);
/* Both connections are plain and hold no bytes of their own (no seed; conn_flush said CONN_OK). */
/* With nothing in @s: takes what @from has, at most @most bytes and a pipe full. CONN_OK: @s holds bytes; CONN_AGAIN,
 * CONN_EOF; CONN_ERROR: @from is broken, also when there is no pipe to be had. */
enum conn_result splice_in(struct splice *s, struct splice_pool *p, struct conn *from, size_t most);
/* Gives on what is in @s; *@moved is added to. CONN_OK: it is empty; CONN_AGAIN; CONN_ERROR: @to is broken. */
enum conn_result splice_out(struct splice *s, struct splice_pool *p, struct conn *to, uint64_t *moved);
/* Forgets what is in it. */
void splice_drop(struct splice *s);

#endif
