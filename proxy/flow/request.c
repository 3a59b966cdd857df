/* SPDX-License-Identifier: Apache-2.0
 * request.c: the driver of the steps, and the first and the last of them: read_head and finish.
 */
#include "flow/request.h"

#include "access_log.h"
#include "aws/s3/bucket_list.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/states.h"
#include "flow/admit.h"
#include "flow/audit.h"
#include "flow/exchange.h"
#include "flow/passwords.h"
#include "flow/record.h"
#include "flow/reply.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/worker.h"
#include "waiting.h"

#include <stdarg.h>
#include <stdio.h>

enum { ARENA_BLOCK = 16 * 1024 - 64, ARENA_LIMIT = 512 * 1024 };

static enum step_result (*const steps[])(struct request *req) = {
#define X(name) step_##name,
    REQUEST_STEPS(X)
#undef X
};

static const char *const names[] = {
#define X(name) #name,
    REQUEST_STEPS(X)
#undef X
};

const char *request_step_name(enum request_step step)
{
    return names[step];
}

/* Each may fail, and then finish follows; a failure of finish leads nowhere else. */
#define OR(step) STATES_BIT(STEP_##step) | STATES_BIT(STEP_finish)
static const uint32_t next[] = {
    [STEP_read_head] = OR(check_user) | OR(find_target), /* where there is no head */
    [STEP_check_user] = OR(find_target),
    [STEP_find_target] = OR(check_caller) | OR(own_page) | OR(audit), /* a tunnel */
    [STEP_check_caller] = OR(check_policy),
    [STEP_check_policy] = OR(choose_route),
    [STEP_choose_route] = OR(audit),
    [STEP_audit] = OR(admit),
    [STEP_admit] = OR(sign) | OR(tunnel),
    [STEP_sign] = OR(send),
    [STEP_send] = OR(relay),
    [STEP_relay] = OR(judge_answer) | OR(sign),
    [STEP_judge_answer] = OR(relay) | OR(sign) | OR(choose_route), /* pass it on; ask once more, here or elsewhere */
    [STEP_own_page] = OR(finish),
    [STEP_tunnel] = OR(finish),
    [STEP_finish] = OR(finish),
};
#undef OR
static const struct states machine = {"request", names, next};

enum step_result request_goto(struct request *req, enum request_step to)
{
    char ctx[256];

    states_check(&machine, req->step, to);
    LOG_CTX(LOG_DEBUG, request_log_ctx(req, ctx, sizeof(ctx)), "-> %s", names[to]);
    req->step = to;
    return STEP_GOTO;
}

/* "S3O" and 13 characters: recognisable as ours, unique among workers and restarts. */
void request_begin(struct request *req, struct session *client)
{
    memset(req, 0, sizeof(*req));
    req->session = client;
    req->wake = &client->task;
    req->worker = client->worker;
    arena_init(&req->arena, ARENA_BLOCK, ARENA_LIMIT);
}

void request_end(struct request *req)
{
    req->session->in_request = false; /* who looks at all connections reads no request that is over */
    if (req->up) pool_drop(&req->up, true);
    audit_let_go(req);
    keyring_leave(&req->out.lease);
    credentials_unref(&req->out.lease.keys);
    pool_leave_queue(&req->worker->pool, &req->retry.turn);
    passwords_forget(&req->who.ask);
    admit_end(req);
    tunnel_free(&req->tunnel, req->reply.broken);
    checksum_clear(&req->out.checksum);
    bucket_list_free(&req->relay.bucket_list);
    chunk_signature_clear(&req->who.chunk_seal);
    if (req->out.chunks) chunk_signature_clear(&req->out.chunks->signature);
    req->out.chunks = NULL; /* its memory goes with the arena */
    arena_clear(&req->arena);
}

enum step_result request_fail(struct request *req, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    req->err.code = code;
    va_start(ap, fmt);
    vsnprintf(req->err.detail, sizeof(req->err.detail), fmt, ap);
    va_end(ap);
    return STEP_FAIL;
}

void request_tell(struct request *req, const char *fmt, ...)
{
    enum { TOLD_MAX = 2048 };
    char text[TOLD_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n >= 0) req->told = arena_dup(&req->arena, str_from(text));
}

void request_error_field(struct request *req, const char *name, struct str value)
{
    if (req->error_fields_n < REQUEST_ERROR_FIELDS)
        req->error_fields[req->error_fields_n++] = (struct s3_error_field){name, value};
}

void request_goes_to(struct request *req, const struct pool_address *a)
{
    record_traffic(req);
    memcpy(req->retry.address, a->text, sizeof(req->retry.address));
    memcpy(req->retry.zone, a->zone, sizeof(req->retry.zone));
    req->retry.address_id = a->shared->id;
}

const char *request_log_ctx(const struct request *req, char *buf, size_t n)
{
    char peer[NETADDR_TEXT];

    netaddr_format(&req->session->peer, peer);
    snprintf(buf, n, "req=%s peer=%s client=%s step=%s", req->id, peer, req->who.caller ? req->who.caller->name : "-",
             request_step_name(req->step));
    return buf;
}

/* Of what passed through the connection that the request has now. */
static void count_upstream(const struct request *req)
{
    const struct pool_address *a = req->up->at;

    pool_count(&req->worker->pool, a, STATS_ADDRESS_BYTES_IN, req->relay.body_sent);
    pool_count(&req->worker->pool, a, STATS_ADDRESS_BYTES_OUT, req->relay.answer_bytes);
}

void request_drop_upstream(struct request *req)
{
    if (!req->up) return;
    count_upstream(req);
    pool_drop(&req->up, true);
}

/* What a failed step means for both sides; the last step follows. */
static void on_failure(struct request *req)
{
    char ctx[256];

    req->failed_at = req->step;
    LOG_CTX(err_info(req->err.code)->blame == BLAME_CLIENT ? LOG_DEBUG : LOG_WARN,
            request_log_ctx(req, ctx, sizeof(ctx)), "%s: %s", err_info(req->err.code)->word, req->err.detail);
    request_drop_upstream(req);
    keyring_leave(&req->out.lease);
    pool_leave_queue(&req->worker->pool, &req->retry.turn);
    if (req->reply.answered || req->err.code == ERR_CLIENT_GONE)
        req->reply.broken = true;
    else
        reply_error(req);
    request_goto(req, STEP_finish);
}

static bool lost_client(struct request *req)
{
    if (req->tunnel && !req->tunnel->ended_by) req->tunnel->ended_by = "client";
    request_fail(req, ERR_CLIENT_GONE, "%s", req->session->conn.error);
    on_failure(req);
    return true;
}

/* A client that broke the connection off is noticed whatever its request waits for. One that only ended its own
 * direction still listens. The first step and the last one read and write themselves. */
static bool session_is_lost(struct request *req)
{
    if (req->step == STEP_read_head || req->step == STEP_finish) return false;
    return conn_was_reset(&req->session->conn) && lost_client(req);
}

/* Before waiting: what was collected must leave. False: a side is broken, go round again. */
static bool flush_both(struct request *req)
{
    bool sent = req->relay.send_state != SEND_NONE && req->relay.send_state != SEND_STOPPED;

    if (req->up && sent && req->up->conn.state == CONN_OPEN && conn_flush(&req->up->conn) == CONN_ERROR) {
        exchange_set_send(req, SEND_STOPPED); /* the answer may be there all the same */
        return false;
    }
    if (req->reply.broken || conn_flush(&req->session->conn) != CONN_ERROR) return true;
    if (req->step == STEP_read_head && !req->session->in_request) return true; /* its next read tells */
    return !lost_client(req);
}

enum step_result request_run(struct request *req)
{
    for (;;) {
        switch (steps[req->step](req)) {
        case STEP_NEXT: request_goto(req, req->step + 1); break;
        case STEP_GOTO: break;
        case STEP_FAIL: on_failure(req); break;
        case STEP_OVER: return STEP_OVER;
        case STEP_WAIT:
            if (flush_both(req) && !session_is_lost(req)) return STEP_WAIT;
            break;
        }
    }
}

enum step_result request_abort(struct request *req, enum err_code code, const char *detail)
{
    if (req->step == STEP_finish) { /* the answer does not get out */
        req->reply.broken = true;
        if (req->err.code == ERR_NONE) request_fail(req, code, "%s", detail);
        return STEP_WAIT;
    }
    request_fail(req, code, "%s", detail);
    on_failure(req);
    return STEP_WAIT;
}

static enum step_result turn_away(struct request *req)
{
    req->reply.client_closes = true;
    return request_fail(req, ERR_TOO_MANY, "%s", req->session->too_many);
}

static enum step_result listener_is_gone(struct request *req)
{
    req->reply.client_closes = true;
    return request_fail(req, ERR_TOO_MANY, "[listener %s] is no longer in the configuration",
                        req->session->listener->name);
}

/* Nobody can act on this head; what it seems to ask for is still told. */
static enum step_result bad_head(struct request *req, struct str bytes)
{
    head_glance(arena_dup(&req->arena, bytes), &req->in.seen);
    return STEP_FAIL;
}

enum http_method request_method_id(const struct request *req)
{
    return req->in.head ? req->in.head->method_id : http_method_of(req->in.seen.method);
}

struct str request_asked_path(const struct request *req)
{
    return req->in.uri.path.n ? req->in.uri.path
                              : head_glance_path(req->in.head ? req->in.head->target : req->in.seen.target);
}

struct str request_asked_host(const struct request *req)
{
    struct str target = req->in.head ? req->in.head->target : req->in.seen.target, host;
    struct str named = req->in.head && req->in.head->host.n ? req->in.head->host : req->in.seen.host;
    unsigned port;

    if (req->in.host.n) return req->in.host;
    if (request_method_id(req) == METHOD_CONNECT) named = target;
    return uri_split_authority(named, &host, &port) ? host : named;
}

/* The head is complete: copied, so that the buffer is free for the body, and parsed. */
static enum step_result take_head(struct request *req, size_t skip, size_t head_len)
{
    struct session *c = req->session;
    struct buf *b = &c->in;
    struct head_request *in = arena_alloc(&req->arena, sizeof(*in));
    struct str raw = arena_dup(&req->arena, str_make(b->mem + b->raw + skip, head_len));
    struct header *fields = arena_alloc(&req->arena, head_fields(raw) * sizeof(*fields));

    b->raw += skip + head_len;
    b->start = b->mid = b->raw;
    buf_return(b, &req->worker->loop.bufs);
    if (!in || !raw.p || !fields) return request_fail(req, ERR_NO_MEMORY, "request head");
    if (head_parse_request(raw, fields, in, &req->err) != ERR_NONE) return bad_head(req, raw);
    req->in.head = in;
    req->reply.client_closes = !in->keep_alive;
    body_init(&req->in.body, in->body, in->content_length);
    session_busy(c);
    if (c->too_many) return turn_away(req);
    if (!session_follow(c)) return listener_is_gone(req);
    if (!c->lacks_tls) return STEP_NEXT;
    req->reply.client_closes = true;
    return request_fail(req, ERR_TLS_WANTED, "plain HTTP came to [listener %s], which has tls = on: use https://",
                        c->listener->name);
}

void request_first_byte(struct request *req)
{
    req->session->in_request = true;
    req->started_us = clock_monotonic_us();
    req->started_wall_us = clock_wall_us();
    req->session->since_us = req->started_us;
    worker_make_id(req->worker, req->id);
    waiting_begin(req);
}

/* Of TLS where it is not wanted, before or instead of HTTP. */
static enum step_result refuse_tls(struct request *req)
{
    req->session->at_hello = true;
    return request_fail(req, ERR_TLS_UNWANTED,
                        "a TLS handshake came to [listener %s], which has tls = off: use http://, or set tls = on (or "
                        "auto)",
                        req->session->listener->name);
}

static bool begins_tls(const struct session *c)
{
    return !c->tls && !c->requests && (unsigned char)c->in.mem[c->in.raw] == CLIENT_HELLO_RECORD;
}

/* A part of a head may wait for long. */
static void park_head(struct request *req)
{
    buf_return(&req->session->in, &req->worker->loop.bufs);
    buf_park(&req->session->in, &req->worker->loop.bufs);
}

enum step_result step_read_head(struct request *req)
{
    struct session *c = req->session;
    struct buf *b = &c->in;

    for (;;) {
        size_t skip, head_len, got, room;

        if (b->raw != b->end) {
            if (!req->started_us) request_first_byte(req);
            if (begins_tls(c)) return refuse_tls(req);
            switch (head_scan(&req->in.scan, b->mem + b->raw, b->end - b->raw, &skip, &head_len, &req->err)) {
            case HEAD_COMPLETE: return take_head(req, skip, head_len);
            case HEAD_INVALID: return bad_head(req, str_make(b->mem + b->raw, b->end - b->raw));
            case HEAD_MORE: break;
            }
        }
        if (!conn_may_read(&c->conn) && !c->conn.broken) {
            park_head(req);
            return STEP_WAIT;
        }
        if (!buf_borrow(b, &req->worker->loop.bufs) || !buf_room(b))
            return request_fail(req, ERR_NO_MEMORY, "read buffer");
        room = buf_room(b);
        switch (conn_read(&c->conn, b->mem + b->end, room, &got)) {
        case CONN_OK: b->end += got; break;
        case CONN_AGAIN: park_head(req); return STEP_WAIT;
        case CONN_EOF:
        case CONN_TRUNCATED:
        case CONN_ERROR:
            req->reply.silent = true;
            return STEP_OVER; /* between requests, or a head that nobody can answer */
        }
    }
}

/* The endpoint's connection: kept if both messages ended exactly where their framing says. */
static void let_go_upstream(struct request *req)
{
    struct upconn *u = req->up;
    bool clean;

    if (!u) return;
    count_upstream(req);
    clean = req->relay.send_state == SEND_DONE && req->relay.answer_state == ANSWER_DONE && req->relay.answer &&
            req->relay.answer->keep_alive && req->relay.answer_body.kind != BODY_UNTIL_CLOSE && buf_empty(&u->in);
    if (clean)
        pool_give_back(&req->up);
    else
        pool_drop(&req->up, req->relay.send_state != SEND_DONE);
}

/* Reads the rest of a refused body away, so that the next request can follow. CONN_OK: done. */
static enum conn_result drain_body(struct request *req)
{
    struct session *c = req->session;
    struct buf *b = &c->in;

    while (!req->in.body.done) {
        size_t used, plain, got, room;
        enum conn_result r;

        b->start = b->mid = b->raw;
        if (b->raw != b->end) {
            if (body_decode(&req->in.body, b->mem + b->raw, b->end - b->raw, &used, &plain, NULL) != ERR_NONE)
                return CONN_ERROR;
            b->raw += used;
            continue;
        }
        if (!buf_borrow(b, &req->worker->loop.bufs)) return CONN_ERROR;
        room = buf_room(b); /* moves what is there: before its end is looked at */
        r = conn_read(&c->conn, b->mem + b->end, room, &got);
        if (r != CONN_OK) return r;
        b->end += got;
    }
    b->start = b->mid = b->raw;
    return CONN_OK;
}

static void put_access_line(struct request *req)
{
    if (req->reply.finished) return;
    req->reply.finished = true;
    if (req->worker->stopping) {
        req->worker->finished_n++;
        req->worker->cut_n += req->reply.broken && req->err.code == ERR_SHUTDOWN;
    }
    req->reply.ended_us = clock_monotonic_us();
    record_count(req);
    trouble_note(req->worker->troubles, req);
    access_log_write(req);
    audit_write(req);
}

void request_cut(struct request *req, enum err_code code, const char *detail)
{
    if (req->err.code == ERR_NONE) {
        request_fail(req, code, "%s", detail);
        req->failed_at = req->step;
    }
    put_access_line(req);
}

static enum step_result over(struct request *req)
{
    struct buf *b = &req->session->in;

    b->start = b->mid = b->raw; /* what follows is the next request */
    buf_return(b, &req->worker->loop.bufs);
    put_access_line(req);
    return STEP_OVER;
}

enum step_result step_finish(struct request *req)
{
    let_go_upstream(req);
    if (req->reply.broken) return over(req);
    switch (conn_flush(&req->session->conn)) {
    case CONN_AGAIN: return STEP_WAIT;
    case CONN_OK: break;
    default:
        if (req->err.code == ERR_NONE) request_fail(req, ERR_CLIENT_GONE, "%s", req->session->conn.error);
        req->reply.broken = true;
        return over(req);
    }
    if (req->reply.drain && !req->reply.client_closes) {
        switch (drain_body(req)) {
        case CONN_OK: break;
        case CONN_AGAIN: return STEP_WAIT;
        default: req->reply.client_closes = true; break;
        }
    }
    return over(req);
}
