/* SPDX-License-Identifier: Apache-2.0
 * conn.c: see conn.h. Readiness flags follow edge-triggered rules: `readable` is cleared by EAGAIN only, because one
 * event may stand for data and for the end or the reset behind them, and no further one tells of those. (libevent does
 * not say which: EPOLLERR arrives here as EV_READ | EV_WRITE, like any data.)
 */
#include "io/conn.h"

#include "base/log.h"
#include "base/states.h"
#include "io/tls.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CONN_MAGIC = 0x636f6e6e, SMALL_WRITE = 16 * 1024, KERNEL_RTO_MIN_MS = 200 };

static const char *const state_names[] = {"closed", "connecting", "handshake", "open"};
static const uint32_t next[] = {
    [CONN_CLOSED] = STATES_BIT(CONN_CONNECTING) | STATES_BIT(CONN_OPEN),
    [CONN_CONNECTING] = STATES_BIT(CONN_OPEN) | STATES_BIT(CONN_CLOSED),
    [CONN_HANDSHAKE] = STATES_BIT(CONN_OPEN) | STATES_BIT(CONN_CLOSED),
    [CONN_OPEN] = STATES_BIT(CONN_HANDSHAKE) | STATES_BIT(CONN_CLOSED),
};
static const struct states machine = {"connection", state_names, next};

static void set_state(struct conn *c, enum conn_state to)
{
    states_check(&machine, c->state, to);
    LOG(LOG_DEBUG, "conn fd=%d: %s -> %s", c->fd, state_names[c->state], state_names[to]);
    c->state = to;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;

    (void)fd;
    ASSERT(c->magic == CONN_MAGIC);
    loop_touch(c->loop);
    if (what & (EV_READ | EV_CLOSED)) c->readable = c->unasked = true;
    if (what & EV_WRITE) c->writable = true;
    c->on_event(c, c->arg);
}

static enum err_code start(struct conn *c, struct loop *loop, int fd, conn_event_fn *on_event, void *arg,
                           struct err *err)
{
    int one = 1;

    memset(c, 0, sizeof(*c));
    c->magic = CONN_MAGIC;
    c->fd = fd;
    c->loop = loop;
    c->on_event = on_event;
    c->arg = arg;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    if (event_assign(&c->ev, loop->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_ready, c) ||
        event_add(&c->ev, NULL)) {
        int e = errno;

        close(fd);
        c->fd = -1;
        return err_set(err, ERR_INTERNAL, e, "cannot watch a socket");
    }
    return ERR_NONE;
}

enum err_code conn_accept(struct conn *c, struct loop *loop, int fd, conn_event_fn *on_event, void *arg,
                          struct err *err)
{
    TRY(start(c, loop, fd, on_event, arg, err));
    set_state(c, CONN_OPEN);
    c->readable = c->writable = c->unasked = true;
    return ERR_NONE;
}

enum err_code conn_connect(struct conn *c, struct loop *loop, const struct server_conf *server,
                           const struct netaddr *addr, conn_event_fn *on_event, void *arg, struct err *err)
{
    if (!settings_address_allowed(server, addr)) return err_set(err, ERR_UPSTREAM_CONNECT, 0, "no private address");
    int fd = socket(addr->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        int e = errno;

        return err_set(err, e == EMFILE || e == ENFILE ? ERR_NO_DESCRIPTORS : ERR_UPSTREAM_CONNECT, e, "socket: %s",
                       strerror(e));
    }
    if (connect(fd, &addr->u.sa, addr->len) && errno != EINPROGRESS) {
        int e = errno;

        close(fd);
        return err_set(err, ERR_UPSTREAM_CONNECT, e, "connect");
    }
    TRY(start(c, loop, fd, on_event, arg, err));
    set_state(c, CONN_CONNECTING);
    return ERR_NONE;
}

/* TCP_USER_TIMEOUT would also break connections to peers that acknowledge and do not read (Linux 5.11 and later). */
void conn_watch_peer(struct conn *c, uint64_t ms)
{
    int seconds = (int)((ms + 999) / 1000), idle = seconds / 2 ? seconds / 2 : 1, every = 1;
    int count = seconds > idle ? seconds - idle : 1;

    if (count > 30) {
        every = count / 30;
        count = 30;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* What the peer was asked and has not answered. Bytes in flight are sent again at longer and longer intervals; a peer
 * without room answers each time and takes nothing, so neither the number of times nor the silence since says anything:
 * the last one must have left after the last acknowledgement and have had time to be answered. A closed window is asked
 * about with empty segments when nothing is in flight; the kernel counts those without an answer. */
static bool is_unanswered(const struct tcp_info *info)
{
    uint32_t answer_ms = KERNEL_RTO_MIN_MS + info->tcpi_rtt / 1000 * 2;

    if (!info->tcpi_unacked) return info->tcpi_probes >= 2;
    if (!info->tcpi_retransmits && !info->tcpi_backoff) return false; /* asked once only */
    return info->tcpi_last_data_sent < info->tcpi_last_ack_recv && info->tcpi_last_data_sent >= answer_ms;
}

bool conn_is_dead(const struct conn *c, uint64_t ms)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof(info);
    int waiting = 0; /* bytes sent and not acknowledged, and bytes that a firewall of our own does not let out */

    if (c->fd < 0 || c->broken || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n)) return false;
    if (ioctl(c->fd, SIOCOUTQ, &waiting) || waiting <= 0) return false;
    return info.tcpi_last_ack_recv >= ms && info.tcpi_last_data_recv >= ms && is_unanswered(&info);
}

uint64_t conn_acknowledged(struct conn *c)
{
    int waiting = 0; /* a FIN counts as a byte */
    uint64_t now;

    if (c->acknowledged == c->sent || c->fd < 0 || ioctl(c->fd, SIOCOUTQ, &waiting) || waiting < 0)
        return c->acknowledged;
    now = c->sent > (uint64_t)waiting ? c->sent - (uint64_t)waiting : 0;
    if (now > c->acknowledged) c->acknowledged = now;
    return c->acknowledged;
}

bool conn_is_sending(struct conn *c)
{
    return (c->out && c->out_start < c->out_end) || conn_acknowledged(c) < c->sent;
}

bool conn_has_unread(const struct conn *c)
{
    int unread = 0;

    return c->seed || (c->fd >= 0 && !ioctl(c->fd, FIONREAD, &unread) && unread > 0);
}

static enum conn_result fail(struct conn *c, const char *what, int e)
{
    c->broken = true;
    c->sys_errno = e;
    snprintf(c->error, sizeof(c->error), "%s: %s", what, strerror(e));
    return CONN_ERROR;
}

enum conn_result conn_write_failed(struct conn *c, int e)
{
    c->write_broken = c->readable = true;
    c->sys_errno = e;
    buf_pool_put(&c->loop->bufs, &c->out);
    snprintf(c->error, sizeof(c->error), "send: %s", strerror(e));
    return CONN_ERROR;
}

/* The kernel tells of a reset once: where a failed write took it, the next read only says that nothing more comes. */
enum conn_result conn_end_of_stream(struct conn *c)
{
    c->transport_eof = true;
    return c->write_broken ? CONN_ERROR : CONN_EOF;
}

/* Asks the kernel what is there to read: CONN_OK is bytes or an end. */
static enum conn_result peek(struct conn *c)
{
    char byte;

    if (recv(c->fd, &byte, 1, MSG_PEEK) >= 0) return CONN_OK;
    if (errno != EAGAIN) return fail(c, "recv", errno);
    c->readable = false;
    return CONN_AGAIN;
}

bool conn_was_reset(struct conn *c)
{
    int e = 0;
    socklen_t n = sizeof(e);

    if (c->broken) return true;
    if (!c->unasked) return false;
    c->unasked = false;
    if (peek(c) == CONN_OK && !getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) && e) fail(c, "recv", e);
    return c->broken;
}

enum conn_result conn_connected(struct conn *c)
{
    int e = 0;
    socklen_t n = sizeof(e);

    if (c->broken) return CONN_ERROR;
    if (c->state != CONN_CONNECTING) return CONN_OK;
    if (!c->writable && !c->readable) return CONN_AGAIN;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n)) e = errno;
    if (e) return fail(c, "connect", e);
    if (!c->writable) return CONN_AGAIN;
    set_state(c, CONN_OPEN);
    return CONN_OK;
}

size_t conn_take_seed(struct conn *c, char *p, size_t n)
{
    size_t left = c->seed_n - c->seed_pos, take = left < n ? left : n;

    if (!c->seed) return 0;
    memcpy(p, c->seed + c->seed_pos, take);
    c->seed_pos += take;
    if (c->seed_pos == c->seed_n) {
        free(c->seed);
        c->seed = NULL;
    }
    return take;
}

long conn_transport_recv(struct conn *c, char *p, size_t n)
{
    ssize_t r;

    if (c->transport_eof) return 0;
    if (!c->readable) return -1;
    do
        r = recv(c->fd, p, n, 0);
    while (r < 0 && errno == EINTR);
    if (r > 0) {
        c->received += (uint64_t)r;
        c->drained = (size_t)r < n;
        return r;
    }
    if (r == 0) {
        c->transport_eof = true;
        return 0;
    }
    if (errno == EAGAIN) {
        c->readable = false;
        return -1;
    }
    fail(c, "recv", errno);
    return -2;
}

static bool out_borrow(struct conn *c)
{
    if (!c->out) {
        c->out = buf_pool_get(&c->loop->bufs);
        c->out_start = c->out_end = 0;
    }
    return c->out != NULL;
}

static void out_return(struct conn *c)
{
    if (c->out && c->out_start == c->out_end) buf_pool_put(&c->loop->bufs, &c->out);
}

bool conn_transport_put(struct conn *c, const char *p, size_t n)
{
    if (!out_borrow(c)) return false;
    if (n > BUF_ALLOC - c->out_end) return false;
    memcpy(c->out + c->out_end, p, n);
    c->out_end += n;
    return true;
}

enum conn_result conn_transport_send(struct conn *c)
{
    while (c->out && c->out_start < c->out_end) {
        ssize_t r;

        if (!c->writable) return CONN_AGAIN;
        r = send(c->fd, c->out + c->out_start, c->out_end - c->out_start, MSG_NOSIGNAL);
        if (r >= 0) {
            c->out_start += (size_t)r;
            c->sent += (uint64_t)r;
        } else if (errno == EAGAIN) {
            c->writable = false;
        } else if (errno != EINTR) {
            return conn_write_failed(c, errno);
        }
    }
    out_return(c);
    if (c->fin_wanted) {
        c->fin_wanted = false;
        shutdown(c->fd, SHUT_WR);
    }
    return CONN_OK;
}

static enum conn_result plain_read(struct conn *c, char *p, size_t n, size_t *got)
{
    long r = conn_transport_recv(c, p, n);

    if (r == -1) return CONN_AGAIN;
    if (r == 0) return conn_end_of_stream(c);
    if (r < 0) return CONN_ERROR;
    *got = (size_t)r;
    return CONN_OK;
}

enum conn_result conn_read(struct conn *c, char *p, size_t n, size_t *got)
{
    *got = 0;
    if (c->broken) return CONN_ERROR;
    ASSERT(c->state == CONN_OPEN && n > 0);
    if (!conn_may_read(c) && !c->transport_eof) return CONN_AGAIN;
    return c->ssl ? tls_read(c, p, n, got) : plain_read(c, p, n, got);
}

/* Small pieces are collected; a large one goes out together with what was collected before it, in one call. */
static enum conn_result plain_write(struct conn *c, const char *p, size_t n, size_t *took)
{
    size_t waiting = c->out ? c->out_end - c->out_start : 0;
    struct iovec iov[2];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 0};
    ssize_t r;

    if (n < SMALL_WRITE && conn_transport_put(c, p, n)) {
        *took = n;
        return CONN_OK;
    }
    if (!c->writable) return CONN_AGAIN;
    if (waiting) iov[msg.msg_iovlen++] = (struct iovec){c->out + c->out_start, waiting};
    iov[msg.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)p, n};
    do
        r = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EAGAIN) {
        c->writable = false;
        return CONN_AGAIN;
    }
    if (r < 0) return conn_write_failed(c, errno);
    c->sent += (uint64_t)r;
    if ((size_t)r < waiting) {
        c->out_start += (size_t)r;
        c->writable = false;
        return CONN_AGAIN;
    }
    if (waiting) c->out_start = c->out_end = 0;
    out_return(c);
    *took = (size_t)r - waiting;
    if (*took < n) c->writable = false;
    return *took ? CONN_OK : CONN_AGAIN;
}

enum conn_result conn_write(struct conn *c, const char *p, size_t n, size_t *took)
{
    *took = 0;
    if (c->broken || c->write_broken) return CONN_ERROR;
    ASSERT(c->state == CONN_OPEN && n > 0);
    return c->ssl ? tls_write(c, p, n, took) : plain_write(c, p, n, took);
}

enum conn_result conn_flush(struct conn *c)
{
    if ((c->broken && !(c->alerted && c->fin_wanted)) || c->write_broken) return CONN_ERROR;
    return conn_transport_send(c);
}

bool conn_is_quiet(struct conn *c)
{
    char byte;
    size_t got;

    if (c->broken || c->write_broken) return false;
    if (!c->ssl_pending && !c->seed) {
        if (peek(c) == CONN_AGAIN) return true;
        c->readable = true;
    }
    return conn_read(c, &byte, 1, &got) == CONN_AGAIN && conn_flush(c) != CONN_ERROR;
}

void conn_shutdown(struct conn *c)
{
    if (c->state == CONN_CLOSED || (c->broken && !c->alerted) || c->write_broken) return;
    if (c->ssl) tls_shutdown(c);
    c->fin_wanted = true;
    conn_transport_send(c);
}

static bool take_seed(struct conn *c, struct str bytes)
{
    if (!bytes.n) return true;
    c->seed = malloc(bytes.n);
    if (!c->seed) return false;
    memcpy(c->seed, bytes.p, bytes.n);
    c->seed_pos = 0;
    c->seed_n = bytes.n;
    return true;
}

enum err_code conn_tls_accept(struct conn *c, SSL_CTX *ctx, const char *fallback_names, conn_name_fn *may_name,
                              struct str seed, struct err *err)
{
    ASSERT(c->state == CONN_OPEN && !c->outer);
    if (c->seed) return err_set(err, ERR_CLIENT_TLS, 0, "bytes stand before TLS");
    if (!take_seed(c, seed)) return err_set(err, ERR_NO_MEMORY, 0, "TLS seed");
    c->tls_name = fallback_names;
    c->may_name = may_name;
    TRY(tls_attach(c, ctx, NULL, NULL, true, err));
    set_state(c, CONN_HANDSHAKE);
    return ERR_NONE;
}

enum err_code conn_tls_connect(struct conn *c, SSL_CTX *ctx, const char *name, SSL_SESSION *session, struct err *err)
{
    ASSERT(c->state == CONN_OPEN && !c->outer);
    TRY(tls_attach(c, ctx, name, session, false, err));
    set_state(c, CONN_HANDSHAKE);
    return ERR_NONE;
}

enum conn_result conn_handshake(struct conn *c)
{
    enum conn_result r;

    if (c->state == CONN_OPEN) return CONN_OK;
    if (c->broken) return CONN_ERROR;
    r = tls_handshake(c);
    if (r == CONN_OK) set_state(c, CONN_OPEN);
    return r;
}

void conn_break(struct conn *c, const char *why)
{
    c->broken = true;
    snprintf(c->error, sizeof(c->error), "%s", why);
}

void conn_close(struct conn *c, bool reset)
{
    if (c->state == CONN_CLOSED) return;
    event_del(&c->ev);
    if (c->ssl) {
        if (!reset && !c->broken && !c->write_broken && c->state == CONN_OPEN) {
            tls_shutdown(c);
            conn_transport_send(c);
        }
        tls_detach(c);
    }
    if (c->alerted && c->out) conn_transport_send(c);
    if (reset && !c->alerted) {
        struct linger now = {1, 0};

        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(c->fd);
    free(c->seed);
    c->seed = NULL;
    buf_pool_put(&c->loop->bufs, &c->out);
    set_state(c, CONN_CLOSED);
    c->fd = -1;
}
