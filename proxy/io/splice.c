/* SPDX-License-Identifier: Apache-2.0
 * splice.c: see splice.h. From a socket into an empty pipe only: EAGAIN then means that the socket is empty, never that
 * the pipe is full.
 */
#include "io/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SPLICE_BYTES = 64 * 1024 }; /* what a pipe holds */

static void close_pipe(int pipe[2])
{
    close(pipe[0]);
    close(pipe[1]);
}

void splice_pool_clear(struct splice_pool *p)
{
    while (p->n)
        close_pipe(p->free[--p->n]);
}

bool splice_has_pipe(struct splice_pool *p)
{
    if (!p->n && pipe2(p->free[0], O_NONBLOCK | O_CLOEXEC) == 0) p->n = 1;
    return p->n > 0;
}

static bool borrow(struct splice *s, struct splice_pool *p)
{
    if (!splice_has_pipe(p)) return false;
    memcpy(s->pipe, p->free[--p->n], sizeof(s->pipe));
    return true;
}

static void give_back(struct splice *s, struct splice_pool *p)
{
    if (p->n < SPLICE_POOL_MAX)
        memcpy(p->free[p->n++], s->pipe, sizeof(s->pipe));
    else
        close_pipe(s->pipe);
}

static enum conn_result fail(struct conn *c, const char *what, int e)
{
    char text[128];

    snprintf(text, sizeof(text), "%s: %s", what, strerror(e));
    conn_break(c, text);
    return CONN_ERROR;
}

enum conn_result splice_in(struct splice *s, struct splice_pool *p, struct conn *from, size_t most)
{
    ssize_t r;
    int e;

    ASSERT(s->n == 0 && !from->ssl && !from->seed);
    if (from->broken) return CONN_ERROR;
    if (from->transport_eof) return conn_end_of_stream(from);
    if (!from->readable) return CONN_AGAIN;
    if (!borrow(s, p)) return fail(from, "pipe", errno);
    do
        r = splice(from->fd, NULL, s->pipe[1], NULL, most < SPLICE_BYTES ? most : SPLICE_BYTES,
                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (r < 0 && errno == EINTR);
    e = errno;
    if (r > 0) {
        s->n = (size_t)r;
        from->received += s->n;
        return CONN_OK;
    }
    give_back(s, p);
    if (r == 0) return conn_end_of_stream(from);
    if (e != EAGAIN) return fail(from, "splice", e);
    from->readable = false;
    return CONN_AGAIN;
}

enum conn_result splice_out(struct splice *s, struct splice_pool *p, struct conn *to, uint64_t *moved)
{
    if (to->broken || to->write_broken) return CONN_ERROR;
    ASSERT(!to->ssl && !to->out);
    while (s->n) {
        ssize_t r;

        if (!to->writable) return CONN_AGAIN;
        r = splice(s->pipe[0], NULL, to->fd, NULL, s->n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (r > 0) {
            s->n -= (size_t)r;
            *moved += (uint64_t)r;
            to->sent += (uint64_t)r;
            if (!s->n) give_back(s, p);
        } else if (r < 0 && errno == EAGAIN) {
            to->writable = false;
        } else if (r == 0 || errno != EINTR) {
            return conn_write_failed(to, r == 0 ? EPIPE : errno);
        }
    }
    return CONN_OK;
}

void splice_drop(struct splice *s)
{
    if (s->n) close_pipe(s->pipe);
    s->n = 0;
}
