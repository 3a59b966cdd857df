/* SPDX-License-Identifier: Apache-2.0
 * tunnel.c: CONNECT on a forward listener, and TLS on a redirect listener: intercepted, tunnelled or refused as way.c
 * decides; and bringing a tunnel up, address after address. No socket is ever opened to the host that the client names.
 * Source: RFC 9110 9.3.6, RFC 9112 3.2.3.
 */
#include "flow/tunnel.h"

#include "base/log.h"
#include "flow/session.h"
#include "flow/way.h"
#include "flow/worker.h"
#include "waiting.h"

#include <stdlib.h>

enum { S3_PORT = 443 };
enum {
    IDLE_STOPPING_MS = 1000, /* while the worker stops, a silent tunnel is kept no longer */
    REST_US = 1000000,       /* silent for so long it counts among the idle */
};

static void on_event(struct conn *up, void *arg)
{
    (void)up;
    loop_task_run(((struct tunnel *)arg)->owner);
}

void tunnel_free(struct tunnel **tp, bool reset)
{
    struct tunnel *t = *tp;

    if (!t) return;
    *tp = NULL;
    conn_close(&t->up, reset);
    pool_release(&t->worker->pool, &t->at);
    splice_drop(&t->out.splice);
    splice_drop(&t->back.splice);
    buf_drop(&t->back_buf, &t->worker->loop.bufs);
    loop_free_later(&t->worker->loop, t);
}

/* --- deciding --- */

static enum step_result say_established(struct request *req)
{
    static const char text[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    size_t took;

    req->reply.status = 200;
    req->reply.answered = true;
    if (!req->in.head) return STEP_NEXT; /* brought here by its network: it never asked */
    if (conn_write(&req->session->conn, text, sizeof(text) - 1, &took) != CONN_OK || took != sizeof(text) - 1)
        return request_fail(req, ERR_CLIENT_GONE, "%s", req->session->conn.error);
    return STEP_NEXT;
}

static enum step_result begin(struct request *req, const struct way_choice *choice, unsigned port)
{
    struct tunnel *t = calloc(1, sizeof(*t));

    if (!t) return request_fail(req, ERR_NO_MEMORY, "tunnel");
    t->worker = req->worker;
    t->owner = req->wake;
    t->via = choice->via;
    t->port = port;
    t->checked = !req->in.head; /* it came here by the name in its ClientHello */
    req->route.endpoint = choice->endpoint;
    req->tunnel = t;
    return request_goto(req, STEP_audit);
}

static enum step_result read_authority(struct request *req, unsigned *port)
{
    struct str host;
    struct sbuf lower;

    if (uri_split(req->in.head->target, true, &req->in.uri, &req->err) != ERR_NONE) return STEP_FAIL;
    if (!uri_split_authority(req->in.uri.authority, &host, port) || *port == 0)
        return request_fail(req, ERR_BAD_REQUEST, "CONNECT needs host:port");
    lower = arena_sbuf(&req->arena, host.n + 1);
    sbuf_lower(&lower, host);
    if (lower.overflow) return request_fail(req, ERR_NO_MEMORY, "host");
    req->in.host = sbuf_str(&lower);
    return STEP_NEXT;
}

static struct way_choice choose(struct request *req)
{
    req->who.caller = req->who.user;
    if (req->who.user) req->who.auth = request_auth_of_user(req);
    return way_choose(request_settings(req), req->session->listener, req->who.user, req->in.host, &req->err);
}

bool tunnel_refuse_inside(struct session *c, struct str host, const struct principal_conf *user, const struct err *why)
{
    const struct mint *mint = c->use->snapshot->mint;

    if (why->code != ERR_HOST_REFUSED || !mint || !way_intercepts(c->listener, user)) return false;
    return s3_host_is_s3(host) && mint_permits(mint, host) && session_intercept(c, host, user, why);
}

/* A port that is not S3's may not be TLS at all: that refusal is an answer to CONNECT. */
static enum step_result intercept(struct request *req, const struct way_choice *choice)
{
    struct session *c = req->session;

    if (choice->way == WAY_REFUSE) {
        if (!tunnel_refuse_inside(c, req->in.host, req->who.user, &req->err)) return STEP_FAIL;
        req->err = (struct err){0};
    } else if (!session_intercept(c, req->in.host, req->who.user, NULL)) {
        return request_fail(req, ERR_NO_MEMORY, "CONNECT");
    }
    return say_established(req) == STEP_NEXT ? request_goto(req, STEP_finish) : STEP_FAIL;
}

enum step_result tunnel_connect(struct request *req)
{
    const struct session *c = req->session;
    struct way_choice choice;
    unsigned port;

    if (c->listener->mode != LISTENER_FORWARD)
        return request_fail(req, ERR_NOT_A_PROXY, "CONNECT on listener %s", c->listener->name);
    if (c->authority) return request_fail(req, ERR_METHOD, "CONNECT inside CONNECT");
    if (read_authority(req, &port) != STEP_NEXT) return STEP_FAIL;
    choice = choose(req);
    if (choice.way == WAY_REFUSE && port != S3_PORT) return STEP_FAIL;
    if (choice.way != WAY_REFUSE && way_check_port(&choice, port, &req->err) != ERR_NONE) return STEP_FAIL;
    return choice.way == WAY_TUNNEL ? begin(req, &choice, port) : intercept(req, &choice);
}

enum step_result tunnel_redirected(struct request *req)
{
    struct way_choice choice;

    req->in.host = str_from(req->session->hello.name);
    if (!req->in.host.n)
        return request_fail(req, ERR_HOST_REFUSED, "The client names no server in its TLS handshake (SNI).");
    choice = choose(req);
    if (choice.way == WAY_INTERCEPT) return request_fail(req, ERR_NO_MEMORY, "redirected TLS");
    return choice.way == WAY_TUNNEL ? begin(req, &choice, S3_PORT) : STEP_FAIL;
}

/* --- connecting --- */

/* The next address that was not tried yet; NULL: none. */
static const struct netaddr *next_address(struct request *req)
{
    struct tunnel *t = req->tunnel;
    struct worker *w = req->worker;

    if (t->via) {
        size_t n = t->via->addresses_n;

        if (t->tried == n) return NULL;
        if (!t->tried) w->next_tunnel++;
        return &t->via->addresses[(w->next_tunnel + t->tried++) % n];
    }
    for (;;) {
        struct pool_address *a;

        if (pool_pick(&w->pool, pool_find(&w->pool, req->route.endpoint->id), t->tried, false, &a) != CHOICE_FOUND)
            return NULL;
        t->tried |= pool_bit(a);
        if (!pool_hold(a)) continue;
        t->at = a;
        return a->addr;
    }
}

static enum step_result give_up(struct request *req, const char *why)
{
    struct tunnel *t = req->tunnel;

    return request_fail(req, t->timed_out ? ERR_UPSTREAM_TIMEOUT : ERR_UPSTREAM_CONNECT, "[%s %s] %s%s%s",
                        !t->via             ? "endpoint"
                        : t->via->is_parent ? "parent"
                                            : "tunnel",
                        t->via ? t->via->name : req->route.endpoint->name, req->retry.address,
                        req->retry.address[0] ? ": " : "", why[0] ? why : "no address left");
}

/* Notes why the last attempt failed. */
static void attempt_failed(struct request *req, const char *why)
{
    struct tunnel *t = req->tunnel;
    char ctx[256];

    give_up(req, why);
    LOG_CTX(LOG_WARN, request_log_ctx(req, ctx, sizeof(ctx)), "%s", req->err.detail);
    if (t->at) pool_report(&req->worker->pool, t->at, FAULT_CONNECT);
    pool_release(&req->worker->pool, &t->at);
    conn_close(&t->up, true);
    buf_drop(&t->back_buf, &req->worker->loop.bufs);
    memset(&t->parent, 0, sizeof(t->parent));
}

static enum conn_result go_on(struct request *req)
{
    struct tunnel *t = req->tunnel;
    enum conn_result r = conn_connected(&t->up);

    return r == CONN_OK && t->via && t->via->is_parent ? tunnel_ask_parent(req) : r;
}

enum step_result tunnel_open(struct request *req)
{
    struct tunnel *t = req->tunnel;
    struct worker *w = req->worker;

    for (;;) {
        const struct netaddr *addr;
        struct err err = {0};

        if (t->up.state != CONN_CLOSED) {
            enum conn_result r = go_on(req);

            if (r == CONN_AGAIN) return STEP_WAIT;
            if (r == CONN_OK) break;
            if (t->parent.answered) return STEP_FAIL;
            if (t->parent.asked_us && t->timed_out) return give_up(req, t->up.error);
            attempt_failed(req, t->up.error);
        }
        addr = next_address(req);
        if (!addr) return req->err.code != ERR_NONE ? STEP_FAIL : give_up(req, "");
        if (t->at)
            request_goes_to(req, t->at);
        else
            netaddr_format(addr, req->retry.address);
        req->retry.attempts++;
        req->retry.attempt_us = w->loop.now_us;
        t->timed_out = false;
        switch (conn_connect(&t->up, &w->loop, &request_settings(req)->server, addr, on_event, t, &err)) {
        case ERR_NONE: break;
        case ERR_UPSTREAM_CONNECT: attempt_failed(req, err.detail); break;
        default: return request_fail(req, err.code, "%s", err.detail); /* ours, not the address's */
        }
    }
    req->err = (struct err){0};
    req->retry.connected_us = w->loop.now_us;
    t->open = true;
    return say_established(req);
}

/* --- time --- */

/* True: it took too long, and tunnel_open goes on to the next address. */
static bool check_attempt(struct request *req)
{
    struct tunnel *t = req->tunnel;
    bool asked = t->parent.asked_us != 0;
    uint64_t ms = asked    ? t->via->answer_timeout_ms
                  : t->via ? t->via->connect_timeout_ms
                           : req->route.endpoint->connect_timeout_ms;

    if (req->worker->loop.now_us - (asked ? t->parent.asked_us : req->retry.attempt_us) <= (int64_t)ms * 1000)
        return false;
    t->timed_out = true;
    conn_break(&t->up, asked ? "no answer within answer_timeout" : "no connection within connect_timeout");
    return true;
}

/* Bytes that one side has given are on their way to the other: here, or in our kernel. */
static bool is_moving(struct request *req)
{
    struct tunnel *t = req->tunnel;
    struct session *c = req->session;

    return t->out.splice.n || t->back.splice.n || !buf_empty(&t->back_buf) || (t->checked && !buf_empty(&c->in)) ||
           conn_is_sending(&c->conn) || conn_is_sending(&t->up);
}

/* A tunnel at rest may end as if its sides had ended it; of one in motion both must see that it was cut. */
static bool is_at_rest(struct request *req)
{
    return !is_moving(req) && !conn_has_unread(&req->session->conn) && !conn_has_unread(&req->tunnel->up);
}

static bool is_hurried(const struct worker *w)
{
    return w->stopping && !w->stop.patient;
}

/* A reader may pause; where nobody has anything to read, it is idle. */
static uint64_t patience_ms(struct request *req)
{
    const struct server_conf *s = &request_settings(req)->server;
    uint64_t ms = s->tunnel_idle_timeout_ms;

    if (is_moving(req)) return s->pause_timeout_ms > ms ? s->pause_timeout_ms : ms;
    return is_hurried(req->worker) && ms > IDLE_STOPPING_MS ? IDLE_STOPPING_MS : ms;
}

bool tunnel_leave(struct request *req)
{
    if (!req->tunnel->open || !is_at_rest(req)) return false;
    request_abort(req, ERR_TUNNEL_IDLE, "no byte for some time, and connections run out");
    req->reply.broken = false;
    return true;
}

bool tunnel_check_time(struct request *req, bool *resting)
{
    struct tunnel *t = req->tunnel;
    bool stopping = is_hurried(req->worker), cut;
    int64_t silent_us;

    *resting = false;
    if (!t->open) return check_attempt(req);
    silent_us = waiting_for_tunnel(req);
    *resting = silent_us >= REST_US && !is_moving(req);
    if (silent_us <= (int64_t)patience_ms(req) * 1000) return t->ending;
    if (!t->ended_by) t->ended_by = stopping ? "shutdown" : "idle";
    cut = !is_at_rest(req);
    request_abort(req, stopping ? ERR_SHUTDOWN : ERR_TUNNEL_IDLE, "no byte for too long");
    req->reply.broken = cut;
    return true;
}
