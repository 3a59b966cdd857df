/* SPDX-License-Identifier: Apache-2.0
 * doctor_link.c: one connection to the endpoint, used step by step, each with a time limit; see doctor_impl.h.
 *
 * The socket is connected here and not by conn_connect: the size of segments must be set before.
 */
#include "doctor_impl.h"

#include "aws/sign/sigv4.h"
#include "base/clock.h"
#include "http/body.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALL_V4 = 536, SMALL_V6 = 1220 }; /* RFC 9293 3.7.1; RFC 8200 5: the least MTU, less headers */

static enum link_result broken(struct doctor_link *l, const char *what, int e)
{
    l->sys_errno = e;
    snprintf(l->why, sizeof(l->why), "%.160s%s%.60s", what, e ? ": " : "", e ? strerror(e) : "");
    return LINK_BROKEN;
}

static enum link_result late(struct doctor_link *l, const char *what)
{
    snprintf(l->why, sizeof(l->why), "%s within %.1f s", what, (double)l->d->timeout_ms / 1000);
    return LINK_LATE;
}

static void on_event(struct conn *c, void *arg)
{
    struct doctor_link *l = arg;

    (void)c;
    loop_stop(&l->d->loop);
}

/* Under way, or there already: LINK_DONE. */
static enum link_result begin_connect(struct doctor_link *l, const struct netaddr *addr, bool small, int *fd)
{
    int mss = addr->u.sa.sa_family == AF_INET6 ? SMALL_V6 : SMALL_V4;

    *fd = socket(addr->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0) return broken(l, "socket", errno);
    if (small && setsockopt(*fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss))) return broken(l, "TCP_MAXSEG", errno);
    doctor_want_icmp(*fd, addr->u.sa.sa_family);
    if (connect(*fd, &addr->u.sa, addr->len) && errno != EINPROGRESS) return broken(l, "connect", errno);
    return LINK_DONE;
}

/* The socket says how it went. Closes it if that was not well. */
static enum link_result end_connect(struct doctor_link *l, int fd)
{
    struct err err = {0};
    int e = 0;
    socklen_t n = sizeof(e);

    l->connected_us = clock_monotonic_us();
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n)) e = errno;
    if (e) {
        (void)doctor_icmp_sender(fd, &l->says_so);
        close(fd);
        return broken(l, "connect", e);
    }
    if (conn_accept(&l->conn, &l->d->loop, fd, on_event, l, &err) != ERR_NONE)
        return broken(l, err.detail, err.sys_errno);
    l->open = true;
    return LINK_DONE;
}

/* Waits for @n connections at once; a negative descriptor is none. */
static void wait_connected(struct doctor *d, struct doctor_link *l, enum link_result *r, struct pollfd *p, size_t n)
{
    int64_t end_us = clock_monotonic_us() + (int64_t)d->timeout_ms * 1000, left_us;
    size_t open = n;

    while (open && (left_us = end_us - clock_monotonic_us()) > 0) {
        if (poll(p, n, (int)(left_us / 1000) + 1) < 0 && errno != EINTR) break;
        open = 0;
        for (size_t i = 0; i < n; i++) {
            if (p[i].fd >= 0 && p[i].revents) {
                r[i] = end_connect(&l[i], p[i].fd);
                p[i].fd = -1;
            }
            if (p[i].fd >= 0) open++;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i].fd < 0) continue;
        close(p[i].fd);
        r[i] = late(&l[i], "no answer");
    }
}

static void begin(struct doctor_link *l, enum link_result *r, struct doctor *d, const struct netaddr *addr, bool small,
                  struct pollfd *p)
{
    memset(l, 0, sizeof(*l));
    l->d = d;
    *p = (struct pollfd){.events = POLLOUT};
    *r = begin_connect(l, addr, small, &p->fd);
    if (*r == LINK_DONE) return;
    if (p->fd >= 0) close(p->fd);
    p->fd = -1;
}

static enum link_result connect_one(struct doctor_link *l, struct doctor *d, const struct netaddr *addr, bool small)
{
    enum link_result r;
    struct pollfd p;

    begin(l, &r, d, addr, small, &p);
    wait_connected(d, l, &r, &p, 1);
    return r;
}

void link_connect_all(struct doctor_link *l, enum link_result *r, struct doctor *d)
{
    struct pollfd p[ADDRESS_MAX];

    for (size_t i = 0; i < d->n; i++)
        begin(&l[i], &r[i], d, &d->v[i].addr, d->v[i].small, &p[i]);
    wait_connected(d, l, r, p, d->n);
}

static enum link_result failed(struct doctor_link *l, const char *otherwise)
{
    return broken(l, l->conn.error[0] ? l->conn.error : otherwise, 0);
}

static enum link_result handshake(struct doctor_link *l)
{
    struct err err = {0};
    enum conn_result r;

    doctor_begin_wait(l->d);
    if (conn_tls_connect(&l->conn, l->d->ctx, l->d->ep->sni, NULL, &err) != ERR_NONE) return broken(l, err.detail, 0);
    while ((r = conn_handshake(&l->conn)) == CONN_AGAIN)
        if (!doctor_wait(l->d)) return late(l, "no TLS handshake");
    return r == CONN_OK ? LINK_DONE : failed(l, "the connection was closed during the TLS handshake");
}

static enum link_result send_all(struct doctor_link *l, struct str bytes)
{
    enum conn_result r = CONN_OK;
    size_t done = 0;

    while (r == CONN_OK || r == CONN_AGAIN) {
        size_t n = 0;

        r = done < bytes.n ? conn_write(&l->conn, bytes.p + done, bytes.n - done, &n) : conn_flush(&l->conn);
        if (r == CONN_OK && done == bytes.n) return LINK_DONE;
        done += n;
        if (r != CONN_AGAIN) continue;
        if (conn_flush(&l->conn) == CONN_ERROR) break;
        if (!doctor_wait(l->d)) return late(l, "the request did not leave");
    }
    /* Who refuses early may have answered before it closed. */
    return LINK_DONE;
}

/* Bytes of an answer; CONN_AGAIN never. */
static enum link_result read_more(struct doctor_link *l, bool *ended)
{
    size_t n = 0;
    enum conn_result r;

    while ((r = conn_read(&l->conn, l->in + l->in_n, DOCTOR_ANSWER - l->in_n, &n)) == CONN_AGAIN) {
        conn_flush(&l->conn);
        if (!doctor_wait(l->d)) return late(l, l->in_n ? "the answer did not end" : "no answer to the request");
    }
    if (r == CONN_OK && l->in_n == 0) l->first_us = clock_wall_us();
    l->in_n += n;
    *ended = r == CONN_EOF || r == CONN_TRUNCATED;
    return r == CONN_ERROR ? failed(l, "the connection broke") : LINK_DONE;
}

static enum link_result read_head(struct doctor_link *l, enum http_method method, size_t *head_end)
{
    struct head_scan scan = {0};
    struct err err = {0};
    size_t skip = 0, head_n = 0;
    bool ended = false;

    for (;;) {
        enum head_result r = head_scan(&scan, l->in, l->in_n, &skip, &head_n, &err);

        if (r == HEAD_INVALID) return broken(l, "the answer is not HTTP", 0);
        if (r == HEAD_COMPLETE) break;
        if (ended) return broken(l, "the connection was closed without an answer", 0);
        enum link_result more = read_more(l, &ended);
        if (more != LINK_DONE) return more;
    }
    if (head_parse_response(str_make(l->in + skip, head_n), method, l->head_fields, &l->head, &err) != ERR_NONE)
        return broken(l, err.detail, 0);
    *head_end = skip + head_n;
    return LINK_DONE;
}

/* Content is decoded in place behind the head; what does not fit is not waited for. */
static enum link_result read_body(struct doctor_link *l, size_t start)
{
    struct body body;
    struct err err = {0};
    size_t raw = start; /* up to here it is decoded */
    bool ended = false;

    body_init(&body, l->head.body, l->head.content_length);
    while (!body.done) {
        size_t used = 0, plain = 0;

        if (raw < l->in_n) {
            if (body_decode(&body, l->in + raw, l->in_n - raw, &used, &plain, &err) != ERR_NONE)
                return broken(l, err.detail, 0);
            raw += plain;
            l->in_n = raw;
            l->body = str_make(l->in + start, raw - start);
            continue;
        }
        if (l->in_n == DOCTOR_ANSWER || (ended && body_eof(&body))) break;
        if (ended) return broken(l, "the answer was cut", 0);
        enum link_result more = read_more(l, &ended);
        if (more != LINK_DONE) return more;
    }
    return LINK_DONE;
}

enum link_result link_exchange(struct doctor_link *l, struct str request, enum http_method method)
{
    enum link_result r;
    size_t head_end = 0;

    l->in = l->in ? l->in : malloc(DOCTOR_ANSWER);
    if (!l->in) return broken(l, "out of memory", 0);
    l->in_n = 0;
    l->body = STR_NONE;
    doctor_begin_wait(l->d);
    r = send_all(l, request);
    l->sent_us = clock_wall_us();
    if (r == LINK_DONE) r = read_head(l, method, &head_end);
    if (r == LINK_DONE) r = read_body(l, head_end);
    return r;
}

void link_info(const struct doctor_link *l, struct tcp_info *out)
{
    socklen_t n = sizeof(*out);

    memset(out, 0, sizeof(*out));
    if (l->open && getsockopt(l->conn.fd, IPPROTO_TCP, TCP_INFO, out, &n)) memset(out, 0, sizeof(*out));
}

void link_close(struct doctor_link *l)
{
    if (l->open) conn_close(&l->conn, false);
    free(l->in);
    memset(l, 0, sizeof(*l));
}

enum link_result link_open(struct doctor_link *l, struct doctor *d, const struct doctor_address *a)
{
    enum link_result r = connect_one(l, d, &a->addr, a->small);

    return r == LINK_DONE ? handshake(l) : r;
}

void doctor_take_date(struct doctor *d, const struct doctor_link *l)
{
    const struct header *date = headers_find(&l->head.headers, HDR_DATE);
    int64_t s;

    if (d->date_s || !date || !sigv4_parse_date(date->value, &s)) return;
    d->date_s = s;
    d->date_local_us = l->first_us - (l->first_us - l->sent_us) / 2;
}
