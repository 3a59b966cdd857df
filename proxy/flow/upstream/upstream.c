/* SPDX-License-Identifier: Apache-2.0
 * upstream.c: the step send: a connection to one of the endpoint's addresses, ready for the head. An idle one if there
 * is one; else a new one, address after address until one answers. Where all are at their limit the request waits in
 * turn.
 *
 *   pick address ──▶ reuse idle ─────────────────────────▶ ready
 *        ▲    ├────▶ connect ──▶ TLS handshake ──────────▶ ready
 *        │    └────▶ wait in the queue ──▶ pick address      │
 *        └──────────── failed: next address ◀────────────────┘ (relay.c, by retry.c)
 */
#include "upstream/upstream.h"

#include "base/clock.h"
#include "base/log.h"
#include "body/relay.h"
#include "flow/exchange.h"
#include "flow/reply.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "io/tls_peer.h"
#include "retry.h"
#include "waiting.h"

enum { MUTE_MS = 10 * 60 * 1000 };

static struct pool_endpoint *pool_of(const struct request *req)
{
    return pool_find(&req->worker->pool, req->route.endpoint->id);
}

static bool has_body(const struct request *req)
{
    return req->in.head->body == BODY_CHUNKED || req->in.head->content_length > 0;
}

static enum address_fault fault_of(const struct request *req)
{
    const struct conn *c = &req->up->conn;

    if (c->state != CONN_HANDSHAKE) return FAULT_CONNECT;
    return str_starts(str_from(c->error), STR("certificate: ")) ? FAULT_CERTIFICATE : FAULT_TLS;
}

/* An address did not work: noted, and the next one is tried in the same request. */
static void attempt_failed(struct request *req)
{
    struct pool_address *a = req->up->at;
    enum address_fault fault = fault_of(req);
    char ctx[256];

    request_fail(req, fault == FAULT_CONNECT ? ERR_UPSTREAM_CONNECT : ERR_UPSTREAM_TLS, "[endpoint %s] %s: %s",
                 req->route.endpoint->name, a->text, req->up->conn.error);
    LOG_CTX(LOG_WARN, request_log_ctx(req, ctx, sizeof(ctx)), "%s", req->err.detail);
    pool_report(&req->worker->pool, a, fault);
    req->retry.tried |= pool_bit(a);
    pool_drop(&req->up, true);
}

/* Why there is none, for the client as well. */
static enum step_result no_address(struct request *req)
{
    const struct address_table *t = req->worker->pool.table;
    const struct table_endpoint *e = t ? address_table_find(t, req->route.endpoint->id) : NULL;

    if (req->err.code != ERR_NONE) return STEP_FAIL;
    if (e && e->n)
        return request_fail(req, ERR_UPSTREAM_TLS, "[endpoint %s] %s: %s", req->route.endpoint->name,
                            e->v[0].address->text, e->v[0].why);
    return request_fail(req, ERR_NO_ADDRESS, "The proxy has no address for [endpoint %s] now: %s",
                        req->route.endpoint->name, e && e->dns_why[0] ? e->dns_why : "it has just been started");
}

static void count(const struct request *req, unsigned slot)
{
    stats_add(stats_row(req->worker->stats, STATS_OF_ENDPOINT, req->route.endpoint->id), slot, 1);
}

/* All addresses are at max_connections_per_address. */
static enum step_result wait_in_turn(struct request *req)
{
    struct pool *p = &req->worker->pool;
    uint64_t who = req->who.caller ? req->who.caller->id : STANDING_NONE;
    bool first = !req->retry.turn.since_us;

    if (pool_wait(p, pool_of(req), &req->retry.turn, who, req->wake)) {
        if (first) count(req, STATS_ENDPOINT_QUEUED);
        return STEP_WAIT;
    }
    count(req, STATS_ENDPOINT_QUEUE_FULL);
    return request_fail(req, ERR_QUEUE, "[endpoint %s] %llu requests wait already", req->route.endpoint->name,
                        (unsigned long long)req->route.endpoint->max_queue);
}

static enum step_result waited_too_long(struct request *req)
{
    count(req, STATS_ENDPOINT_QUEUE_EXPIRED);
    return request_fail(req, ERR_QUEUE,
                        "[endpoint %s] no place within queue_timeout: max_connections_per_address = %llu",
                        req->route.endpoint->name, (unsigned long long)req->route.endpoint->max_connections);
}

/* Others that wait were there before. */
static bool must_wait(const struct request *req)
{
    return !req->retry.turn.called && pool_of(req)->queue.n > 0;
}

/* A kept connection may be closed just when the request comes. It is for what can be sent again as a whole, and for
 * bodies that the endpoint asks for: nothing has happened before that, and 100 Continue proves that the connection
 * lives. That costs no more time than a handshake would, and on a new connection nothing is asked. */
static bool may_be_kept(const struct request *req)
{
    const struct pool_endpoint *e = pool_of(req);

    if (req->retry.fresh_only) return false;
    if (retry_survives_loss(req)) return true;
    if (!has_body(req) || req->who.form || e->mute_until_us > req->worker->loop.now_us) return false;
    return req->out.expects || req->who.auth != AUTH_FOREIGN;
}

/* On a kept connection: the body waits for 100 Continue. */
static enum step_result ask_first(struct request *req)
{
    struct str end = STR("Expect: 100-continue\r\n\r\n");
    struct sbuf b;

    req->relay.hold = true;
    if (req->out.expects) return STEP_NEXT;
    b = arena_sbuf(&req->arena, req->out.head.n + end.n);
    sbuf_add(&b, str_head(req->out.head, req->out.head.n - 2)); /* without its empty line */
    sbuf_add(&b, end);
    if (b.overflow) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    req->out.head = sbuf_str(&b);
    req->out.expects = true;
    return STEP_NEXT;
}

void upstream_is_mute(struct request *req)
{
    pool_of(req)->mute_until_us = req->worker->loop.now_us + MUTE_MS * 1000LL;
}

/* Picks the next address and gets a connection to it. STEP_WAIT: req->up is set and not ready yet, or the request
 * waits in the queue; STEP_NEXT: ready. */
static enum step_result next_attempt(struct request *req)
{
    struct worker *w = req->worker;

    if (req->retry.turn.expired) return waited_too_long(req);
    if (req->retry.turn.place.queued) return STEP_WAIT;
    if (must_wait(req)) return wait_in_turn(req);
    for (;;) {
        struct pool_address *a = NULL;
        enum choice_result r = pool_pick(&w->pool, pool_of(req), req->retry.tried, has_body(req), &a);

        req->retry.turn.called = false;
        if (r == CHOICE_NONE) return no_address(req);
        if (r == CHOICE_FULL) return wait_in_turn(req);
        if (!pool_take_place(a)) continue; /* another worker was faster */
        request_goes_to(req, a);
        if (req->retry.turn.since_us && !req->retry.turn_us) req->retry.turn_us = w->loop.now_us;
        req->retry.attempts++;
        req->retry.attempt_us = w->loop.now_us;
        if (may_be_kept(req) && (req->up = pool_reuse(a, req->wake))) return STEP_NEXT;
        switch (pool_open(w, a, req->wake, &req->up, &req->err)) {
        case ERR_NONE: return STEP_NEXT;
        case ERR_UPSTREAM_CONNECT: break;
        default: return STEP_FAIL; /* ours, not the address's */
        }
        pool_report(&w->pool, a, FAULT_CONNECT);
        req->retry.tried |= pool_bit(a);
    }
}

static void count_connection(const struct request *req)
{
    const struct upconn *u = req->up;
    _Atomic uint64_t *row = stats_row(req->worker->stats, STATS_OF_ENDPOINT, req->route.endpoint->id);

    pool_count(&u->worker->pool, u->at, STATS_ADDRESS_CONNECTS, 1);
    if (tls_is_resumed(&u->conn)) pool_count(&u->worker->pool, u->at, STATS_ADDRESS_RESUMED, 1);
    stats_observe(row, STATS_ENDPOINT_CONNECT, req->worker->loop.now_us - req->retry.attempt_us);
}

/* Brings a new connection up. */
static enum conn_result establish(struct request *req)
{
    struct upconn *u = req->up;
    bool fresh = u->conn.state != CONN_OPEN || !u->conn.ssl;
    enum conn_result r = conn_connected(&u->conn);

    if (r != CONN_OK) return r;
    if (!u->conn.ssl &&
        conn_tls_connect(&u->conn, u->at->of->ctx, u->at->of->sni, u->at->session, &req->err) != ERR_NONE) {
        conn_break(&u->conn, req->err.detail);
        return CONN_ERROR;
    }
    r = conn_handshake(&u->conn);
    if (r == CONN_OK && fresh) count_connection(req);
    return r;
}

enum step_result step_send(struct request *req)
{
    enum conn_result r;

    if (req->out.body_first && !req->in.body.done) {
        enum step_result s = relay_take_whole_body(req);

        if (s != STEP_NEXT) return s;
    }
    for (;;) {
        if (!req->up) {
            enum step_result s = next_attempt(req);

            if (s != STEP_NEXT) return s;
        }
        r = establish(req);
        if (r == CONN_AGAIN) return STEP_WAIT;
        if (r == CONN_OK) break;
        attempt_failed(req);
    }
    req->err = (struct err){0};
    req->retry.connected_us = req->worker->loop.now_us;
    waiting_for_endpoint(req);
    exchange_set_send(req, SEND_HEAD);
    req->relay.head_sent = 0;
    req->relay.answer_scan = (struct head_scan){0};
    return req->up->requests && !retry_survives_loss(req) ? ask_first(req) : STEP_NEXT;
}

/* The client's connection and its task wake a request; the death of the endpoint's wakes nobody. */
bool upstream_is_dead(const struct request *req)
{
    int64_t silent_us;

    if (!req->up || req->step != STEP_relay || req->up->conn.state != CONN_OPEN) return false;
    silent_us = req->worker->loop.now_us - req->progress.moved_us;
    return silent_us >= (int64_t)req->route.endpoint->dead_timeout_ms * 1000 &&
           conn_is_dead(&req->up->conn, req->route.endpoint->dead_timeout_ms);
}
