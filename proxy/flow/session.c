/* SPDX-License-Identifier: Apache-2.0
 * session.c: see session.h. Both sides' events end up in session_run, which runs until nothing moves any more.
 */
#include "flow/session.h"

#include "base/log.h"
#include "base/states.h"
#include "body/relay.h"
#include "flow/admit.h"
#include "flow/router.h"
#include "flow/tunnel.h"
#include "flow/way.h"
#include "flow/worker.h"
#include "http/proxy_protocol.h"
#include "io/tls_peer.h"
#include "upstream/upstream.h"
#include "waiting.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 10000,
    LINGER_STOPPING_MS = 1000,
    REFUSED_MAX = 16, /* per worker, beside max_connections */
    REFUSED_MS = 5000,
    QUIET_US = 1000000,
};

static const char *const state_names[] = {"header", "sniff", "hello", "tls", "requests", "linger", "gone"};

#define OR(state) STATES_BIT(SESSION_##state) | STATES_BIT(SESSION_GONE)
static const uint32_t next[] = {
    [SESSION_HEADER] = OR(SNIFF) | OR(HELLO) | OR(TLS) | OR(REQUESTS),
    [SESSION_SNIFF] = OR(HELLO) | OR(TLS) | OR(REQUESTS),
    [SESSION_HELLO] = OR(TLS) | OR(REQUESTS),
    [SESSION_TLS] = OR(REQUESTS) | OR(LINGER),
    [SESSION_REQUESTS] = OR(SNIFF) | OR(LINGER),
    [SESSION_LINGER] = OR(GONE),
    [SESSION_GONE] = 0,
};
#undef OR
static const struct states machine = {"session", state_names, next};

/* The one way from state to state. */
static void set_state(struct session *c, enum session_state to)
{
    states_check(&machine, c->state, to);
    LOG(LOG_DEBUG, "session fd=%d: %s -> %s", c->conn.fd, state_names[c->state], state_names[to]);
    c->state = to;
    c->since_us = c->worker->loop.now_us;
}

static void session_free(struct session *c, bool reset)
{
    struct worker *w = c->worker;

    if (c->state == SESSION_GONE) return;
    set_state(c, SESSION_GONE);
    request_end(&c->req);
    loop_cancel(&w->loop, &c->task);
    conn_close(&c->conn, reset);
    buf_drop(&c->in, &w->loop.bufs);
    free(c->authority);
    free(c->tls_name);
    free(c->refusal);
    free(c->certificate);
    c->authority = c->tls_name = c->certificate = NULL;
    c->refusal = NULL;
    if (c->prev)
        c->prev->next = c->next;
    else
        w->sessions = c->next;
    if (c->next) c->next->prev = c->prev;
    w->clients_n--;
    session_busy(c);
    if (c->counted) limits_leave(w->proxy->limits);
    if (c->source_counted) limits_leave_source(w->proxy->limits, netaddr_site(&c->peer));
    if (c->too_many) w->refused_n--;
    worker_leave_snapshot(w, c->use);
    loop_free_later(&w->loop, c);
}

/* Our FIN goes out behind what waits; then what still comes is read away. */
static void linger(struct session *c)
{
    conn_shutdown(&c->conn);
    buf_drop(&c->in, &c->worker->loop.bufs);
    set_state(c, SESSION_LINGER);
    session_idle(c);
}

/* Ends a connection that can go on no longer. What the client still sends must not make our kernel answer with a reset:
 * one that overtakes our fatal alert, or what the other side of a tunnel said last. True: it lingers. */
static bool session_end(struct session *c, bool reset)
{
    bool sending = !reset && c->req.tunnel && c->req.tunnel->out.lost;

    if (!c->conn.alerted && !sending) {
        session_free(c, reset);
        return false;
    }
    request_end(&c->req);
    linger(c);
    return true;
}

/* Runs the state machine; the client may be gone afterwards. */
static void session_run(struct session *c);

static void on_event(struct conn *conn, void *arg)
{
    (void)conn;
    session_run(arg);
}

static void on_task(void *arg)
{
    session_run(arg);
}

/* Without SNI the certificate names the address that the client came to, and what the listener calls itself. */
static char *names_without_sni(const struct session *c)
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

static SSL_CTX *server_ctx(const struct session *c)
{
    const struct snapshot *s = c->use->snapshot;
    SSL_CTX *own = snapshot_listener_ctx(s, c->listener);

    /* Inside a CONNECT it is always a minted certificate for the name asked for. */
    return own && !c->authority ? own : s->mint_ctx;
}

/* The name that this connection was opened for; else one under which this listener, or an endpoint by way of it, is
 * asked for things. */
static bool may_name(struct str name, void *arg)
{
    const struct session *c = arg;
    struct str rest = str_from(c->tls_name), own;

    if (c->authority) return str_eq(name, str_from(c->authority));
    while (str_split(&rest, ',', &own))
        if (str_eq(name, own)) return true;
    return router_serves_name(session_settings(c), c->listener, name);
}

static void warn_full(struct worker *w, const char *why, const struct netaddr *peer)
{
    char text[NETADDR_TEXT];

    if (w->loop.now_us - w->warned_full_us < 1000000) return;
    w->warned_full_us = w->loop.now_us;
    netaddr_format(peer, text);
    LOG(LOG_WARN, "connections are refused, one from %s: %s", text, why);
}

/* Handshakes cost more than requests: no source begins more of them than it may. False: it waits, or the client is
 * gone. */
static bool may_start_tls(struct session *c)
{
    struct worker *w = c->worker;
    int64_t now_us = w->loop.now_us, wait_us;

    if (!c->tls_at_us) {
        wait_us = limits_tls_wait_us(w->proxy->limits, netaddr_site(&c->peer), now_us);
        if (wait_us) limits_note(w->proxy->limits, wait_us < 0 ? LIMITS_TLS_REFUSED : LIMITS_TLS_DELAYED);
        if (wait_us < 0) {
            warn_full(w, "tls_rate_per_source", &c->peer);
            session_free(c, true);
            return false;
        }
        c->tls_at_us = now_us + wait_us;
    }
    if (now_us < c->tls_at_us) return false; /* the tick looks again */
    c->tls_at_us = 0;
    return true;
}

/* TLS begins with the bytes that were read already. False: not yet, or the client is gone. */
static bool start_tls(struct session *c)
{
    struct err err = {0};
    enum err_code code;

    if (!may_start_tls(c)) return false;
    code = conn_tls_accept(&c->conn, server_ctx(c), c->tls_name, may_name, buf_raw(&c->in), &err);

    buf_drop(&c->in, &c->worker->loop.bufs);
    c->hello = (struct client_hello){0};
    if (code != ERR_NONE) {
        LOG(LOG_WARN, "listener %s: %s", c->listener->name, err.detail);
        session_free(c, true);
        return false;
    }
    set_state(c, SESSION_TLS);
    return true;
}

/* What follows the balancer's header, if there is one. False: the client is gone. */
static bool begin(struct session *c)
{
    if (c->listener->tls == LISTENER_PLAIN) {
        set_state(c, SESSION_REQUESTS);
        return true;
    }
    if (c->listener->mode != LISTENER_REDIRECT) c->tls_name = names_without_sni(c);
    set_state(c, SESSION_SNIFF);
    return true;
}

/* Where a redirected connection wanted to go: what the kernel's NAT table says, or (TPROXY) its own address here. */
static void find_original(struct session *c, int fd)
{
    enum { ORIGINAL_DST = 80 }; /* SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST */
    struct netaddr *a = &c->original;
    bool v6 = c->peer.u.sa.sa_family == AF_INET6;

    a->len = sizeof(a->u);
    if (getsockopt(fd, v6 ? SOL_IPV6 : SOL_IP, ORIGINAL_DST, &a->u, &a->len) == 0) return;
    a->len = sizeof(a->u);
    if (getsockname(fd, &a->u.sa, &a->len)) memset(a, 0, sizeof(*a));
}

static bool is_trusted_proxy(const struct listener_conf *l, const struct netaddr *peer)
{
    for (size_t i = 0; i < l->trusted_proxies_n; i++)
        if (netblock_has(&l->trusted_proxies[i], peer)) return true;
    return false;
}

static void log_turned_away(const struct session *c, const char *why)
{
    char peer[NETADDR_TEXT];

    netaddr_format(&c->peer, peer);
    LOG(LOG_INFO, "listener %s: connection from %s closed: %s", c->listener->name, peer, why);
}

/* It is too much: to be told so if there is a place for that, in a language that it understands before any TLS. */
static bool refuse(struct session *c, enum limits_event event, const char *why)
{
    struct worker *w = c->worker;

    limits_note(w->proxy->limits, event);
    warn_full(w, why, &c->peer);
    if (c->listener->tls == LISTENER_TLS || w->refused_n >= REFUSED_MAX) return false;
    c->too_many = why;
    w->refused_n++;
    return true;
}

static bool enter(struct session *c)
{
    struct worker *w = c->worker;

    c->counted = limits_enter(w->proxy->limits) || (session_evict(w) && limits_enter(w->proxy->limits));
    return c->counted || refuse(c, LIMITS_REFUSED, "max_connections is reached, and none of them is idle");
}

/* Where it comes from is known. False: the client is gone. */
static bool enter_source(struct session *c)
{
    struct limits *l = c->worker->proxy->limits;

    if (c->too_many) return true;
    c->source_counted = limits_enter_source(l, netaddr_site(&c->peer));
    if (c->source_counted) return true;
    limits_leave(l);
    c->counted = false;
    if (refuse(c, LIMITS_REFUSED_SOURCE, "max_connections_per_source is reached")) return true;
    session_free(c, false);
    return false;
}

static void join(struct session *c)
{
    struct worker *w = c->worker;

    c->task.run = on_task;
    c->task.arg = c;
    c->next = w->sessions;
    if (w->sessions) w->sessions->prev = c;
    w->sessions = c;
    w->clients_n++;
    session_idle(c);
    request_begin(&c->req, c);
}

/* Its place, or one in which it is told that there is none. NULL: neither; @fd is closed. */
static struct session *session_new(struct worker *w, uint32_t listener, int fd, const struct netaddr *peer)
{
    const struct listener_conf *conf = snapshot_listener(w->use->snapshot, listener);
    struct session *c = conf ? calloc(1, sizeof(*c)) : NULL;
    struct err err = {0};

    if (!c) {
        close(fd);
        return NULL;
    }
    c->worker = w;
    worker_make_id(w, c->id);
    c->use = w->use;
    c->use->users++;
    c->listener = conf;
    c->peer = *peer;
    c->since_us = w->loop.now_us;
    if (!enter(c)) {
        close(fd);
    } else if (conn_accept(&c->conn, &w->loop, fd, on_event, c, &err) == ERR_NONE) {
        return c;
    } else if (c->counted) {
        limits_leave(w->proxy->limits);
    } else {
        w->refused_n--;
    }
    worker_leave_snapshot(w, c->use);
    free(c);
    return NULL;
}

void session_accept(struct worker *w, uint32_t listener, int fd, const struct netaddr *peer)
{
    struct session *c = session_new(w, listener, fd, peer);

    if (!c) return;
    stats_add(stats_row(w->stats, STATS_OF_LISTENER, listener), STATS_LISTENER_ACCEPTED, 1);
    join(c);
    if (c->listener->mode == LISTENER_REDIRECT) find_original(c, fd);
    if (c->listener->proxy_protocol && !is_trusted_proxy(c->listener, peer)) {
        log_turned_away(c, "it is none of trusted_proxies");
        session_free(c, true);
        return;
    }
    if (c->listener->proxy_protocol || (enter_source(c) && begin(c))) session_run(c);
}

bool session_intercept(struct session *c, struct str host, const struct principal_conf *user, const struct err *refusal)
{
    char *authority = strndup(host.p, host.n), *name = strndup(host.p, host.n);
    struct err *why = refusal ? malloc(sizeof(*why)) : NULL;

    if (!authority || !name || (refusal && !why)) {
        free(authority);
        free(name);
        free(why);
        return false;
    }
    if (why) *why = *refusal;
    free(c->refusal);
    c->refusal = why;
    free(c->authority);
    free(c->tls_name);
    c->authority = authority;
    c->tls_name = name;
    c->user = user;
    return true;
}

/* More of what comes before any request. False: wait, or the client is gone. */
static bool read_more(struct session *c)
{
    struct buf *b = &c->in;
    size_t got, room = 0;
    enum conn_result r;

    if (buf_borrow(b, &c->worker->loop.bufs)) room = buf_room(b);
    if (!room) {
        session_free(c, true);
        return false;
    }
    r = conn_read(&c->conn, b->mem + b->end, room, &got);
    if (r == CONN_OK) {
        b->end += got;
        return true;
    }
    if (r != CONN_AGAIN) {
        session_free(c, false);
        return false;
    }
    buf_return(b, &c->worker->loop.bufs);
    buf_park(b, &c->worker->loop.bufs);
    return false;
}

/* The balancer's header. False: wait, or the client is gone. */
static bool run_header(struct session *c)
{
    struct buf *b = &c->in;
    struct str raw = buf_raw(b);
    struct proxy_header header;
    struct err err = {0};

    switch (proxy_header_parse(raw.p, raw.n, &header, &err)) {
    case PROXY_HEADER_MORE: return read_more(c);
    case PROXY_HEADER_BAD:
        log_turned_away(c, err.detail);
        session_free(c, true);
        return false;
    case PROXY_HEADER_DONE: break;
    }
    b->raw += header.bytes;
    b->start = b->mid = b->raw;
    buf_return(b, &c->worker->loop.bufs);
    if (!header.told) return begin(c); /* the balancer itself looks whether we are there */
    c->peer = header.source;
    return enter_source(c) && begin(c);
}

/* Until the ClientHello is there as a whole, there is no TLS that would need memory. What is none OpenSSL refuses. */
static bool has_hello(struct session *c)
{
    struct str raw = buf_raw(&c->in);
    struct err err = {0};

    return client_hello_scan(&c->hello, raw.p, raw.n, &err) != CLIENT_HELLO_MORE;
}

/* The first byte tells TLS from plain HTTP, which is answered in plain HTTP even where TLS is wanted (take_head).
 * False: wait, or the client is gone. */
static bool run_sniff(struct session *c)
{
    struct buf *b = &c->in;
    unsigned char first;

    if (b->raw == b->end && !read_more(c)) return false;
    first = (unsigned char)b->mem[b->raw];
    c->lacks_tls = first >= 'A' && first <= 'Z' && c->listener->tls == LISTENER_TLS && !c->authority;
    if (c->lacks_tls || (first != CLIENT_HELLO_RECORD && (c->listener->tls != LISTENER_TLS || c->authority))) {
        set_state(c, SESSION_REQUESTS);
        return true;
    }
    if (c->too_many) {
        session_free(c, true);
        return false;
    }
    if (c->listener->mode != LISTENER_REDIRECT) return has_hello(c) ? start_tls(c) : read_more(c);
    set_state(c, SESSION_HELLO);
    return true;
}

/* Does TLS for @name end here, be it only to say why it is refused? */
static bool takes_hello(struct session *c, struct str name)
{
    struct err err = {0};

    switch (way_choose(session_settings(c), c->listener, NULL, name, &err).way) {
    case WAY_INTERCEPT: return session_intercept(c, name, NULL, NULL);
    case WAY_REFUSE: return tunnel_refuse_inside(c, name, NULL, &err);
    case WAY_TUNNEL: break;
    }
    return false;
}

/* What is not intercepted is a request of its own, and the client waits for a ServerHello. */
static void begin_at_hello(struct session *c)
{
    c->at_hello = true;
    session_busy(c);
    request_first_byte(&c->req);
    set_state(c, SESSION_REQUESTS);
}

/* A redirected client's ClientHello says where it wants to go. False: wait, or the client is gone. */
static bool run_hello(struct session *c)
{
    struct str raw = buf_raw(&c->in), name;
    struct err err = {0};

    switch (client_hello_scan(&c->hello, raw.p, raw.n, &err)) {
    case CLIENT_HELLO_MORE: return read_more(c);
    case CLIENT_HELLO_BAD: begin_at_hello(c); return request_abort(&c->req, err.code, err.detail) == STEP_WAIT;
    case CLIENT_HELLO_DONE: break;
    }
    name = str_from(c->hello.name);
    if (name.n && takes_hello(c, name)) return start_tls(c);
    begin_at_hello(c);
    request_goto(&c->req, STEP_find_target);
    return true;
}

static void count(const struct session *c, unsigned slot)
{
    stats_add(stats_row(c->worker->stats, STATS_OF_LISTENER, c->listener->id), slot, 1);
}

static bool run_tls(struct session *c)
{
    char peer[NETADDR_TEXT];
    enum conn_result r = conn_handshake(&c->conn);

    if (r == CONN_AGAIN) return false;
    if (r != CONN_OK) {
        count(c, STATS_LISTENER_HANDSHAKES + STATS_HANDSHAKE_FAILED);
        netaddr_format(&c->peer, peer);
        LOG(LOG_INFO, "listener %s: TLS handshake with %s%s%s failed: %s%s", c->listener->name, peer,
            c->authority ? " for " : "", c->authority ? c->authority : "", c->conn.error,
            strstr(c->conn.error, "unknown ca")
                ? " (the client does not trust our CA: give it the certificate that `s3onramp ca export` prints)"
                : "");
        return session_end(c, false);
    }
    c->tls = true;
    count(c, STATS_LISTENER_HANDSHAKES + (tls_is_resumed(&c->conn) ? STATS_HANDSHAKE_RESUMED : STATS_HANDSHAKE_FULL));
    if (!c->authority && c->listener->client_certificates != CLIENT_CERTIFICATES_OFF) session_look_at_certificate(c);
    set_state(c, SESSION_REQUESTS);
    return true;
}

/* The answer is out: the next request, a tunnel, or the end. False: nothing more to do now. */
static bool next_request(struct session *c)
{
    bool tunnel = c->req.in.head && c->req.in.head->method_id == METHOD_CONNECT && c->req.reply.status == 200;
    bool closes = c->req.reply.client_closes && !tunnel;

    request_end(&c->req);
    c->requests++;
    if (closes || !session_follow(c)) {
        linger(c);
        return true;
    }
    request_begin(&c->req, c);
    session_idle(c);
    c->in_request = c->in.raw != c->in.end;
    c->since_us = c->worker->loop.now_us;
    if (tunnel) set_state(c, SESSION_SNIFF);
    return true;
}

static bool run_requests(struct session *c)
{
    switch (request_run(&c->req)) {
    case STEP_OVER:
        if (c->req.reply.broken) return session_end(c, true);
        if (c->req.reply.silent || (c->req.tunnel && c->req.tunnel->open)) return session_end(c, false);
        return next_request(c);
    default: return false;
    }
}

/* Our FIN is out: what still comes is thrown away, so that the kernel does not answer it with a reset that overtakes
 * our last answer. */
static bool run_linger(struct session *c)
{
    char *sink = buf_pool_get(&c->worker->loop.bufs);
    long r = -2;

    conn_flush(&c->conn);
    if (sink) {
        do
            r = conn_transport_recv(&c->conn, sink, BUF_BYTES);
        while (r > 0);
        buf_pool_put(&c->worker->loop.bufs, &sink);
    }
    if (r != -1) session_free(c, false);
    return false;
}

static void session_run(struct session *c)
{
    bool again = true;

    if (c->state != SESSION_GONE && !buf_unpark(&c->in, &c->worker->loop.bufs)) {
        session_free(c, true);
        return;
    }
    while (again && c->state != SESSION_GONE) {
        switch (c->state) {
        case SESSION_HEADER: again = run_header(c); break;
        case SESSION_HELLO: again = run_hello(c); break;
        case SESSION_SNIFF: again = run_sniff(c); break;
        case SESSION_TLS: again = run_tls(c); break;
        case SESSION_REQUESTS: again = run_requests(c); break;
        case SESSION_LINGER: again = run_linger(c); break;
        case SESSION_GONE: return;
        }
    }
}

static bool older_than(const struct session *c, int64_t since_us, uint64_t ms)
{
    return c->worker->loop.now_us - since_us > (int64_t)ms * 1000;
}

/* Between requests, and before the first. */
static void check_idle_time(struct session *c)
{
    const struct server_conf *s = &session_settings(c)->server;

    uint64_t ms = c->requests ? s->idle_timeout_ms : s->header_timeout_ms;

    if (c->too_many && ms > REFUSED_MS) ms = REFUSED_MS; /* it has somebody else's place */
    if (older_than(c, c->since_us, ms)) session_free(c, false);
}

bool session_leave(struct session *c)
{
    if (c->state != SESSION_REQUESTS || c->req.step != STEP_tunnel) {
        session_free(c, false);
        return true;
    }
    if (!tunnel_leave(&c->req)) return false;
    session_run(c);
    return true;
}

static void check_tunnel_time(struct session *c)
{
    bool resting, again = tunnel_check_time(&c->req, &resting);

    if (resting)
        session_idle(c);
    else
        session_busy(c);
    if (again) session_run(c);
}

/* What comes without any event. True: the request must be run. */
static bool check_endpoint(struct request *req)
{
    if (!req->up || !upstream_is_dead(req)) return relay_stop_holding(req);
    req->up->dead = true;
    conn_break(&req->up->conn, "no sign of life within dead_timeout");
    return true;
}

static void check_request_time(struct session *c)
{
    struct request *req = &c->req;
    const char *why = "the request's head was not complete within header_timeout";
    enum err_code code = ERR_NONE;

    if (!c->in_request) {
        check_idle_time(c);
        return;
    }
    if (req->step == STEP_tunnel) {
        check_tunnel_time(c);
        return;
    }
    if (req->step == STEP_read_head) {
        if (older_than(c, c->since_us, session_settings(c)->server.header_timeout_ms)) code = ERR_CLIENT_TIMEOUT;
    } else {
        code = waiting_check(req, &why);
    }
    if (code != ERR_NONE) {
        request_abort(req, code, why);
        session_run(c);
    } else if (req->step == STEP_send && req->up &&
               older_than(c, req->retry.attempt_us, req->route.endpoint->connect_timeout_ms)) {
        conn_break(&req->up->conn, "no connection within connect_timeout"); /* step_send goes on to the next address */
        session_run(c);
    } else if (admit_check_time(req) || check_endpoint(req)) {
        session_run(c);
    }
}

/* Its last answer is on the way as long as its kernel has not got all of it. */
static void check_linger_time(struct session *c)
{
    const struct worker *w = c->worker;
    bool over = conn_is_sending(&c->conn) ? waiting_for_reader(&c->req)
                                          : older_than(c, c->since_us, w->stopping ? LINGER_STOPPING_MS : LINGER_MS);

    if (over) session_free(c, false);
}

void session_check_time(struct session *c)
{
    switch (c->state) {
    case SESSION_HEADER:
    case SESSION_SNIFF:
    case SESSION_HELLO:
    case SESSION_TLS:
        if (older_than(c, c->since_us, session_settings(c)->server.tls_timeout_ms))
            session_free(c, true);
        else if (c->tls_at_us)
            session_run(c);
        break;
    case SESSION_REQUESTS: check_request_time(c); break;
    case SESSION_LINGER: check_linger_time(c); break;
    case SESSION_GONE: break;
    }
}

void session_stop(struct session *c)
{
    if (c->state == SESSION_REQUESTS && c->in_request) return; /* its answer will say Connection: close */
    if (c->state == SESSION_LINGER) return;                    /* its last answer is still on the way */
    if (c->worker->loop.now_us - c->since_us < QUIET_US || conn_has_unread(&c->conn)) return; /* it is about to speak */
    if (c->state == SESSION_REQUESTS && conn_is_sending(&c->conn))
        linger(c);
    else
        session_free(c, false);
}

void session_kill(struct session *c, enum err_code code, const char *why)
{
    c->req.reply.broken = c->state == SESSION_REQUESTS && c->in_request;
    if (c->req.reply.broken) request_cut(&c->req, code, why);
    session_free(c, c->req.reply.broken);
}
