/* SPDX-License-Identifier: Apache-2.0
 * client.c: see client.h. Both sides' events end up in client_run, which runs until nothing moves any more.
 */
#include "flow/client.h"

#include "base/log.h"
#include "flow/worker.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 10000, LINGER_STOPPING_MS = 1000, TLS_RECORD_HANDSHAKE = 0x16 };

static const char *const state_names[] = {"sniff", "tls", "requests", "linger", "gone"};

/* The one way from state to state. */
static void set_state(struct client *c, enum client_state to)
{
    static const bool allowed[5][5] = {
        [CLIENT_SNIFF] = {[CLIENT_TLS] = true, [CLIENT_REQUESTS] = true, [CLIENT_GONE] = true},
        [CLIENT_TLS] = {[CLIENT_REQUESTS] = true, [CLIENT_GONE] = true},
        [CLIENT_REQUESTS] = {[CLIENT_SNIFF] = true, [CLIENT_LINGER] = true, [CLIENT_GONE] = true},
        [CLIENT_LINGER] = {[CLIENT_GONE] = true},
    };

    ASSERT(allowed[c->state][to]);
    LOG(LOG_DEBUG, "client fd=%d: %s -> %s", c->conn.fd, state_names[c->state], state_names[to]);
    c->state = to;
    c->since_us = c->worker->loop.now_us;
}

static void client_free(struct client *c, bool reset)
{
    struct worker *w = c->worker;

    if (c->state == CLIENT_GONE) return;
    set_state(c, CLIENT_GONE);
    request_end(&c->req);
    loop_cancel(&w->loop, &c->task);
    conn_close(&c->conn, reset);
    buf_drop(&c->in, &w->loop.bufs);
    free(c->authority);
    free(c->tls_name);
    c->authority = c->tls_name = NULL;
    if (c->prev)
        c->prev->next = c->next;
    else
        w->clients = c->next;
    if (c->next) c->next->prev = c->prev;
    w->clients_n--;
    atomic_fetch_sub_explicit(&w->rt->connections, 1, memory_order_relaxed);
    loop_free_later(&w->loop, c);
}

static void on_event(struct conn *conn, void *arg)
{
    (void)conn;
    client_run(arg);
}

static void on_task(void *arg)
{
    client_run(arg);
}

/* Without SNI the certificate names the address that the client came to, and what the listener calls itself. */
static char *names_without_sni(const struct client *c)
{
    struct netaddr a = {.len = sizeof(a.u)};
    char text[900], ip[INET6_ADDRSTRLEN] = "";
    struct sbuf b = sbuf_make(text, sizeof(text) - 1);

    if (getsockname(c->conn.fd, &a.u.sa, &a.len)) return NULL;
    if (a.u.sa.sa_family == AF_INET)
        inet_ntop(AF_INET, &a.u.in.sin_addr, ip, sizeof(ip));
    else
        inet_ntop(AF_INET6, &a.u.in6.sin6_addr, ip, sizeof(ip));
    sbuf_printf(&b, "%s", ip);
    if (str_starts(str_from(ip), STR("127.")) || str_eq(str_from(ip), STR("::1"))) sbuf_printf(&b, ",localhost");
    for (size_t i = 0; i < c->listener->names.n; i++)
        if (b.cap - b.n > strlen(c->listener->names.v[i]) + 1) sbuf_printf(&b, ",%s", c->listener->names.v[i]);
    return strndup(b.p, b.n);
}

static SSL_CTX *server_ctx(const struct client *c)
{
    const struct runtime *rt = c->worker->rt;

    /* Inside a CONNECT it is always a minted certificate for the name asked for. */
    if (!c->authority && rt->listener_ctx[c->listener_index]) return rt->listener_ctx[c->listener_index];
    return rt->mint_ctx;
}

static bool start_tls(struct client *c, struct str seed)
{
    struct err err = {0};

    if (conn_tls_accept(&c->conn, server_ctx(c), c->tls_name, seed, &err) != ERR_NONE) {
        LOG(LOG_WARN, "listener %s: %s", c->listener->name, err.detail);
        return false;
    }
    set_state(c, CLIENT_TLS);
    return true;
}

static void warn_full(struct worker *w)
{
    if (w->loop.now_us - w->warned_full_us < 1000000) return;
    w->warned_full_us = w->loop.now_us;
    LOG(LOG_WARN, "max_connections (%zu) is reached: new connections are closed",
        w->rt->settings->server.max_connections);
}

void client_accept(struct worker *w, size_t listener_index, int fd, const struct netaddr *peer)
{
    struct client *c = NULL;
    struct err err = {0};
    size_t open = atomic_fetch_add_explicit(&w->rt->connections, 1, memory_order_relaxed);

    if (open < w->rt->settings->server.max_connections)
        c = calloc(1, sizeof(*c));
    else
        warn_full(w);
    if (!c || conn_accept(&c->conn, &w->loop, fd, on_event, c, &err) != ERR_NONE) {
        if (!c) close(fd);
        free(c);
        atomic_fetch_sub_explicit(&w->rt->connections, 1, memory_order_relaxed);
        return;
    }
    c->worker = w;
    c->listener_index = listener_index;
    c->listener = &w->rt->settings->listeners[listener_index];
    c->peer = *peer;
    c->since_us = w->loop.now_us;
    c->task.run = on_task;
    c->task.arg = c;
    c->next = w->clients;
    if (w->clients) w->clients->prev = c;
    w->clients = c;
    w->clients_n++;
    request_begin(&c->req, c);
    if (c->listener->tls != LISTENER_PLAIN) c->tls_name = names_without_sni(c);
    if (c->listener->tls == LISTENER_PLAIN) {
        set_state(c, CLIENT_REQUESTS);
    } else if (c->listener->tls == LISTENER_TLS && !start_tls(c, STR_NONE)) {
        client_free(c, true);
        return;
    }
    client_run(c);
}

bool client_enter_tunnel(struct client *c, struct str host)
{
    char *authority = strndup(host.p, host.n), *name = strndup(host.p, host.n);

    if (!authority || !name) {
        free(authority);
        free(name);
        return false;
    }
    free(c->authority);
    free(c->tls_name);
    c->authority = authority;
    c->tls_name = name;
    return true;
}

/* The first byte tells TLS from plain HTTP. False: wait, or the client is gone. */
static bool run_sniff(struct client *c)
{
    struct buf *b = &c->in;

    if (b->raw == b->end) {
        size_t got, room;
        enum conn_result r;

        if (!buf_borrow(b, &c->worker->loop.bufs)) {
            client_free(c, true);
            return false;
        }
        room = buf_room(b);
        r = conn_read(&c->conn, b->mem + b->end, room, &got);
        if (r == CONN_AGAIN) {
            buf_return(b, &c->worker->loop.bufs);
            return false;
        }
        if (r != CONN_OK) {
            client_free(c, false);
            return false;
        }
        b->end += got;
    }
    if (b->mem[b->raw] == TLS_RECORD_HANDSHAKE) {
        bool ok = start_tls(c, buf_raw(b));

        buf_drop(b, &c->worker->loop.bufs);
        if (!ok) client_free(c, true);
        return ok;
    }
    set_state(c, CLIENT_REQUESTS);
    return true;
}

static bool run_tls(struct client *c)
{
    char peer[NETADDR_TEXT];
    enum conn_result r = conn_handshake(&c->conn);

    if (r == CONN_AGAIN) return false;
    if (r != CONN_OK) {
        netaddr_format(&c->peer, peer);
        LOG(LOG_INFO, "listener %s: TLS handshake with %s%s%s failed: %s%s", c->listener->name, peer,
            c->authority ? " for " : "", c->authority ? c->authority : "", c->conn.error,
            strstr(c->conn.error, "unknown ca")
                ? " (the client does not trust our CA: give it the certificate that `s3onramp ca export` prints)"
                : "");
        client_free(c, false);
        return false;
    }
    c->tls = true;
    set_state(c, CLIENT_REQUESTS);
    return true;
}

/* The answer is out: the next request, a tunnel, or the end. False: nothing more to do now. */
static bool next_request(struct client *c)
{
    bool tunnel = c->req.in && c->req.in->method_id == METHOD_CONNECT && c->req.status == 200;
    bool closes = (c->req.client_closes && !tunnel) || c->worker->stopping;

    request_end(&c->req);
    c->requests++;
    if (closes) {
        conn_shutdown(&c->conn);
        buf_drop(&c->in, &c->worker->loop.bufs);
        set_state(c, CLIENT_LINGER);
        return true;
    }
    request_begin(&c->req, c);
    c->in_request = c->in.raw != c->in.end;
    c->since_us = c->worker->loop.now_us;
    if (tunnel) set_state(c, CLIENT_SNIFF);
    return true;
}

static bool run_requests(struct client *c)
{
    switch (request_run(&c->req)) {
    case STEP_OVER:
        if (c->req.broken) {
            client_free(c, true);
            return false;
        }
        if (c->req.silent) {
            client_free(c, false);
            return false;
        }
        return next_request(c);
    default: return false;
    }
}

/* Our FIN is out: what still comes is thrown away, so that the kernel does not answer it with a reset that overtakes
 * our last answer. */
static bool run_linger(struct client *c)
{
    char *sink = buf_pool_get(&c->worker->loop.bufs);
    long r = -2;

    conn_flush(&c->conn);
    conn_insist(&c->conn);
    if (sink) {
        do
            r = conn_transport_recv(&c->conn, sink, BUF_BYTES);
        while (r > 0);
        buf_pool_put(&c->worker->loop.bufs, &sink);
    }
    if (r != -1) client_free(c, false);
    return false;
}

void client_run(struct client *c)
{
    bool again = true;

    while (again && c->state != CLIENT_GONE) {
        switch (c->state) {
        case CLIENT_SNIFF: again = run_sniff(c); break;
        case CLIENT_TLS: again = run_tls(c); break;
        case CLIENT_REQUESTS: again = run_requests(c); break;
        case CLIENT_LINGER: again = run_linger(c); break;
        case CLIENT_GONE: return;
        }
    }
}

static bool older_than(const struct client *c, int64_t since_us, uint64_t ms)
{
    return c->worker->loop.now_us - since_us > (int64_t)ms * 1000;
}

static void check_request_time(struct client *c)
{
    const struct settings *s = c->worker->rt->settings;
    struct request *req = &c->req;
    enum err_code code = ERR_NONE;

    if (!c->in_request) {
        if (older_than(c, c->since_us, s->server.idle_timeout_ms)) client_free(c, false);
        return;
    }
    if (req->step == STEP_read_head) {
        if (older_than(c, c->since_us, s->server.header_timeout_ms)) code = ERR_CLIENT_TIMEOUT;
    } else if (req->step == STEP_send && req->up) {
        if (!older_than(c, req->attempt_us, req->endpoint->connect_timeout_ms)) return;
        conn_break(&req->up->conn, "no connection within connect_timeout"); /* step_send goes on to the next address */
        client_run(c);
        return;
    } else if (req->step == STEP_relay && req->send_state == SEND_DONE && req->answer_state == ANSWER_HEAD) {
        if (older_than(c, req->progress_us, req->endpoint->response_timeout_ms)) code = ERR_UPSTREAM_TIMEOUT;
    } else if (older_than(c, req->progress_us, s->server.body_timeout_ms)) {
        code = ERR_CLIENT_TIMEOUT;
    }
    if (code == ERR_NONE) return;
    request_abort(req, code, "timeout");
    client_run(c);
}

void client_check_time(struct client *c)
{
    const struct settings *s = c->worker->rt->settings;

    switch (c->state) {
    case CLIENT_SNIFF:
    case CLIENT_TLS:
        if (older_than(c, c->since_us, s->server.tls_timeout_ms)) client_free(c, true);
        break;
    case CLIENT_REQUESTS: check_request_time(c); break;
    case CLIENT_LINGER:
        if (older_than(c, c->since_us, c->worker->stopping ? LINGER_STOPPING_MS : LINGER_MS)) client_free(c, false);
        break;
    case CLIENT_GONE: break;
    }
}

void client_stop(struct client *c)
{
    if (c->state == CLIENT_REQUESTS && c->in_request) return; /* its answer will say Connection: close */
    if (c->state == CLIENT_LINGER) return;                    /* its last answer is still on the way */
    client_free(c, false);
}

void client_kill(struct client *c)
{
    client_free(c, c->in_request);
}
