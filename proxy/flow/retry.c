/* SPDX-License-Identifier: Apache-2.0
 * retry.c: whether a request that was sent may be sent again, and getting it ready for that. One worker.
 *
 * Only while the client has got no byte of a final answer (100 Continue, which most SDKs ask for before a body, is
 * none), and all that was sent still stands in the buffer; only what may happen twice (RFC 9110 9.2.2) or has not
 * happened, because nothing of its body was sent; each time signed anew, because a signature carries its date.
 *   stale    a kept connection was closed under the request (RFC 9112 9.3.1): once per request, on a new connection;
 *            costs nothing, because the endpoint has not worked on it
 *   closed, reset, dead    no answer on a new connection, or no sign of life: another address, at most max_retries
 *   500, 502, 504          GET and HEAD, once; never 503: who asks to slow down is not asked twice
 *   keys     our credentials have expired or are gone: once, with newer ones; costs nothing
 * All but the first and the last come out of the endpoint's budget (budget.h).
 */
#include "retry.h"

#include "aws/s3/s3_error.h"
#include "base/log.h"
#include "flow/exchange.h"
#include "flow/session.h"
#include "flow/sign.h"
#include "flow/worker.h"

#include <errno.h>

/* A conditional write could fail on its own first success. */
static bool is_repeatable(const struct request *req)
{
    const struct headers *all = &req->in.head->headers;

    if (req->in.head->method_id == METHOD_GET || req->in.head->method_id == METHOD_HEAD ||
        req->in.head->method_id == METHOD_OPTIONS)
        return true;
    if (req->in.head->method_id != METHOD_PUT && req->in.head->method_id != METHOD_DELETE) return false;
    return !headers_find_name(all, STR("if-match")) && !headers_find_name(all, STR("if-none-match"));
}

bool retry_survives_loss(const struct request *req)
{
    if (!is_repeatable(req)) return false;
    return req->in.head->body != BODY_CHUNKED && req->in.head->content_length <= BUF_BYTES;
}

/* A request whose body has not begun is carried out by nobody. */
static bool is_without_its_body(const struct request *req)
{
    bool has_body = req->in.head->body == BODY_CHUNKED || req->in.head->content_length > 0;

    return has_body && req->relay.body_sent == 0 && req->relay.send_state != SEND_DONE;
}

static struct pool_endpoint *pool_of(const struct request *req)
{
    return pool_find(&req->worker->pool, req->route.endpoint->id);
}

static bool may_spend(struct request *req)
{
    return req->retry.retries < req->route.endpoint->max_retries &&
           budget_spend(&pool_of(req)->budget, req->worker->loop.now_us);
}

void retry_note(struct request *req, enum retry_reason reason)
{
    struct sbuf b = sbuf_make(req->retry.reasons, sizeof(req->retry.reasons) - 1);

    b.n = strlen(req->retry.reasons);
    sbuf_printf(&b, "%s%s", b.n ? "," : "", retry_reason_word(reason));
    req->retry.reasons[b.n] = '\0';
    stats_add(stats_row(req->worker->stats, STATS_OF_ENDPOINT, req->route.endpoint->id),
              STATS_ENDPOINT_RETRIES + reason, 1);
}

void retry_rewind(struct request *req)
{
    request_drop_upstream(req);
    req->err = (struct err){0};
    req->relay.answer = NULL;
    req->relay.s3_error = STR_NONE;
    req->relay.answer_filters = NULL;
    req->route.other_region = STR_NONE;
    req->relay.body_sent = req->relay.kept = 0;
    exchange_reset(req);
    req->relay.hold = false;
}

static enum step_result again(struct request *req, enum retry_reason reason)
{
    char ctx[256];

    req->retry.retries++;
    retry_note(req, reason);
    pool_count(&req->worker->pool, req->up->at, STATS_ADDRESS_RETRIES, 1);
    LOG_CTX(LOG_INFO, request_log_ctx(req, ctx, sizeof(ctx)), "%s; asked again (%s)", req->err.detail,
            retry_reason_word(reason));
    retry_rewind(req);
    return request_goto(req, STEP_sign);
}

/* The next attempt goes elsewhere, or to the same address if there is no other. */
static void leave_address(struct request *req)
{
    req->retry.tried |= pool_bit(req->up->at);
    if (!pool_has_untried(pool_of(req), req->retry.tried)) req->retry.tried = 0;
}

static void note_loss(struct request *req, enum conn_result why, bool dead, bool kept)
{
    struct upconn *u = req->up;

    request_fail(req, ERR_UPSTREAM_GONE, "[endpoint %s] %s: %s before the answer", req->route.endpoint->name,
                 req->retry.address, why == CONN_ERROR ? u->conn.error : "connection closed");
    if (dead)
        pool_report(&req->worker->pool, u->at, FAULT_DEAD);
    else if (!kept)
        pool_report(&req->worker->pool, u->at, FAULT_RESET);
    if (kept) pool_close_idle(u->at);
}

enum step_result retry_gone(struct request *req, enum conn_result why)
{
    struct upconn *u = req->up;
    bool dead = u->dead || u->conn.sys_errno == ETIMEDOUT, kept = u->requests > 0;
    bool can = req->relay.replay && (is_repeatable(req) || is_without_its_body(req));

    note_loss(req, why, dead, kept);
    if (!can) return STEP_FAIL;
    if (kept && !req->retry.stale_seen) {
        req->retry.stale_seen = req->retry.fresh_only = true;
        if (dead) leave_address(req);
        return again(req, dead ? RETRY_DEAD : RETRY_STALE);
    }
    if (!may_spend(req)) return STEP_FAIL;
    leave_address(req);
    return again(req, dead ? RETRY_DEAD : why == CONN_ERROR ? RETRY_RESET : RETRY_CLOSED);
}

/* Refused before anything was done, so any method may be repeated. */
enum step_result retry_keys(struct request *req, struct str code)
{
    if (s3_error_key_fault(code) != S3_KEY_FAULT_RENEWABLE || !req->relay.replay ||
        !keyring_refused(&req->worker->keyring, &req->out.lease))
        return STEP_NEXT;
    request_fail(req, ERR_UPSTREAM_AUTH, "[endpoint %s] %s answered %.*s", req->route.endpoint->name,
                 req->retry.address, STR_ARG(str_head(code, 40)));
    return again(req, RETRY_KEYS);
}

enum step_result retry_status(struct request *req, unsigned status)
{
    bool read = req->in.head->method_id == METHOD_GET || req->in.head->method_id == METHOD_HEAD;

    if ((status != 500 && status != 502 && status != 504) || !read || req->retry.status_retried) return STEP_NEXT;
    if (req->in.head->body != BODY_NONE || !req->relay.replay || !may_spend(req)) return STEP_NEXT;
    request_fail(req, ERR_UPSTREAM_GONE, "[endpoint %s] %s answered %u", req->route.endpoint->name, req->retry.address,
                 status);
    req->retry.status_retried = true;
    leave_address(req);
    return again(req, status == 500 ? RETRY_STATUS_500 : status == 502 ? RETRY_STATUS_502 : RETRY_STATUS_504);
}
