/* SPDX-License-Identifier: Apache-2.0
 * upstream.c: the step send: a connection to one of the endpoint's addresses, ready for the head. An idle one if there
 * is one; else a new one, address after address until one answers.
 *
 *   pick address ──▶ reuse idle ─────────────────────────▶ ready
 *        ▲    └────▶ connect ──▶ TLS handshake ──────────▶ ready
 *        └──────────── failed: next address
 */
#include "base/clock.h"
#include "base/log.h"
#include "flow/flow.h"
#include "flow/reply.h"
#include "flow/worker.h"

static size_t endpoint_index(const struct request *req)
{
    return (size_t)(req->endpoint - req->worker->rt->settings->endpoints);
}

/* An address did not work: noted, and the next one is tried in the same request. */
static void attempt_failed(struct request *req)
{
    struct pool_address *a = req->up->at;
    char ctx[256];
    bool tls = req->up->conn.state == CONN_HANDSHAKE;

    request_fail(req, tls ? ERR_UPSTREAM_TLS : ERR_UPSTREAM_CONNECT, "[endpoint %s] %s: %s", req->endpoint->name,
                 a->text, req->up->conn.error);
    LOG_CTX(LOG_WARN, request_log_ctx(req, ctx, sizeof(ctx)), "%s", req->err.detail);
    pool_avoid(a);
    req->tried |= pool_bit(&req->worker->pool, a);
    pool_drop(&req->up, true);
}

/* Picks the next address and gets a connection to it. STEP_WAIT: req->up is set and not ready yet; STEP_NEXT: ready. */
static enum step_result next_attempt(struct request *req)
{
    struct worker *w = req->worker;

    for (;;) {
        struct pool_address *a = pool_pick(&w->pool, endpoint_index(req), req->tried);

        if (!a) {
            if (req->err.code == ERR_NONE)
                request_fail(req, ERR_UPSTREAM_CONNECT, "[endpoint %s] no address left", req->endpoint->name);
            return STEP_FAIL;
        }
        memcpy(req->address, a->text, sizeof(req->address));
        req->attempts++;
        req->attempt_us = w->loop.now_us;
        if (!req->fresh_only && (req->up = pool_reuse(a, req))) return STEP_NEXT;
        if (pool_open(w, a, req, &req->up, &req->err) == ERR_NONE) return STEP_WAIT;
        pool_avoid(a);
        req->tried |= pool_bit(&w->pool, a);
    }
}

/* Brings a new connection up. */
static enum conn_result establish(struct request *req)
{
    struct upconn *u = req->up;
    enum conn_result r = conn_connected(&u->conn);

    if (r != CONN_OK) return r;
    if (!u->conn.ssl && conn_tls_connect(&u->conn, req->worker->rt->endpoint_ctx[endpoint_index(req)],
                                         req->endpoint->sni, u->at->session, &req->err) != ERR_NONE) {
        conn_break(&u->conn, req->err.detail);
        return CONN_ERROR;
    }
    return conn_handshake(&u->conn);
}

enum step_result step_send(struct request *req)
{
    enum conn_result r;

    if (req->body_first && !req->body.done) {
        enum step_result s = relay_take_whole_body(req);

        if (s != STEP_NEXT) return s;
    }
    for (;;) {
        if (!req->up) {
            enum step_result s = next_attempt(req);

            if (s == STEP_FAIL) return s;
        }
        r = establish(req);
        if (r == CONN_AGAIN) return STEP_WAIT;
        if (r == CONN_OK) break;
        attempt_failed(req);
    }
    req->err = (struct err){0};
    req->connected_us = req->worker->loop.now_us;
    req->progress_us = req->connected_us;
    req->send_state = SEND_HEAD;
    req->answer_state = ANSWER_HEAD;
    req->out_head_sent = 0;
    req->answer_scan = (struct head_scan){0};
    return STEP_NEXT;
}
