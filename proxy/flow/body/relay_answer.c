/* SPDX-License-Identifier: Apache-2.0
 * relay_answer.c: of the step relay the way from the endpoint to the client: the answer's head, the document of a
 * refusal, and the body that passes. What the answer means is judged in between (judge_answer.c). The picture is in
 * relay.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "body/relay.h"
#include "flow/admit.h"
#include "flow/exchange.h"
#include "flow/reply.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "relay.h"
#include "retry.h"

enum {
    ANSWER_HEADROOM = 1024, /* before the endpoint's head: room for ours, so that head and body leave in one write */
    PEEK_MAX = 48 * 1024,   /* error documents are read whole up to here before they pass */
    INTERIM_BLOCK = 4096,
    INTERIM_LIMIT = 512 * 1024, /* an interim head, parsed and written anew */
};

/* The client hears of 100 Continue once, however often its request is sent. */
static void relay_interim(struct request *req, const struct head_response *head, struct arena *mem)
{
    if (head->status == 100) {
        req->relay.hold = false;
        if (!req->in.head->expect_continue || req->reply.continue_sent) return;
        req->reply.continue_sent = true;
    }
    reply_interim(req, head, mem);
}

/* NULL: it is none, or there is no memory; req->err says why. */
static struct head_response *parse_head(struct request *req, struct arena *mem, struct str raw)
{
    struct head_response *head = arena_alloc(mem, sizeof(*head));
    struct header *fields = arena_alloc(mem, head_fields(raw) * sizeof(*fields));

    if (!head || !raw.p || !fields) {
        request_fail(req, ERR_NO_MEMORY, "answer head");
        return NULL;
    }
    return head_parse_response(raw, req->in.head->method_id, fields, head, &req->err) == ERR_NONE ? head : NULL;
}

/* However many come: each has memory of its own, and only while it passes. */
static enum step_result take_interim(struct request *req, struct str raw)
{
    enum step_result r = STEP_NEXT;
    struct head_response *head;
    struct arena mem;

    arena_init(&mem, INTERIM_BLOCK, INTERIM_LIMIT);
    head = parse_head(req, &mem, raw);
    if (!head)
        r = STEP_FAIL;
    else if (head->status == 101)
        r = request_fail(req, ERR_UPSTREAM_BAD, "101 Switching Protocols");
    else
        relay_interim(req, head, &mem);
    arena_clear(&mem);
    return r;
}

/* HTTP/1.1 1xx */
static bool is_interim(struct str raw)
{
    return raw.n > 9 && raw.p[8] == ' ' && raw.p[9] == '1';
}

/* Puts our head in front of the content that stands in the buffer, so that both leave in one write; else it is written
 * by itself. */
static void place_head(struct request *req, struct str head)
{
    struct buf *b = &req->up->in;

    if (req->relay.answer_framer.chunked || head.n > b->start) {
        req->relay.answer_head = head;
        return;
    }
    b->start -= head.n;
    memcpy(b->mem + b->start, head.p, head.n);
    req->relay.head_in_front = head.n;
}

enum step_result relay_begin_answer(struct request *req)
{
    struct str head = reply_head(req);

    if (!head.p) return request_fail(req, ERR_NO_MEMORY, "answer head");
    if (req->relay.replay) relay_forget_sent(req);
    place_head(req, head);
    req->reply.answered = true;
    exchange_set_answer(req, ANSWER_BODY);
    exchange_stop_sending(req); /* an early answer: the rest of the body is not wanted */
    return request_goto(req, STEP_relay);
}

/* One head stands complete at the front of the buffer: an interim one, or the final one. */
static enum step_result take_answer_head(struct request *req, size_t head_len)
{
    struct buf *b = &req->up->in;
    struct str raw = str_make(b->mem + b->raw, head_len);
    struct head_response *head;

    b->raw += head_len;
    req->relay.answer_scan = (struct head_scan){0};
    if (is_interim(raw)) return take_interim(req, raw);
    head = parse_head(req, &req->arena, arena_dup(&req->arena, raw));
    if (!head) return STEP_FAIL;
    pool_count(&req->worker->pool, req->up->at, STATS_ADDRESS_ANSWERS, 1);
    req->relay.answer = head;
    body_init(&req->relay.answer_body, head->body, head->content_length);
    b->start = b->mid = b->raw;
    return request_goto(req, STEP_judge_answer);
}

/* Interim answers that have passed make room for the next head. */
static size_t head_room(struct buf *b)
{
    if (b->end == BUF_BYTES && b->raw > ANSWER_HEADROOM) {
        memmove(b->mem + ANSWER_HEADROOM, b->mem + b->raw, b->end - b->raw);
        b->end -= b->raw - ANSWER_HEADROOM;
        b->start = b->mid = b->raw = ANSWER_HEADROOM;
    }
    return (size_t)BUF_BYTES - b->end;
}

/* More bytes of the endpoint into its buffer. */
static enum conn_result take_answer(struct request *req, bool *moved)
{
    struct upconn *u = req->up;
    struct buf *b = &u->in;
    enum conn_result r;
    size_t got = 0, room;

    if (!conn_may_read(&u->conn) && !u->conn.broken) return CONN_AGAIN;
    if (!buf_borrow(b, &req->worker->loop.bufs)) return CONN_AGAIN;
    if (req->relay.answer_state == ANSWER_HEAD && b->raw == b->end) {
        b->start = b->mid = b->raw = b->end = ANSWER_HEADROOM;
    }
    room = req->relay.answer_state == ANSWER_HEAD ? head_room(b) : buf_room(b);
    if (room) room = admit_download(req, room);
    if (!room) return CONN_AGAIN;
    r = conn_read(&u->conn, b->mem + b->end, room, &got);
    admit_downloaded(req, r == CONN_OK ? got : 0);
    if (r == CONN_OK) {
        b->end += got;
        *moved = true;
    }
    return r;
}

static enum step_result pump_answer_head(struct request *req, bool *moved)
{
    struct buf *b = &req->up->in;
    enum conn_result r;
    size_t skip, head_len;

    if (b->raw != b->end) {
        switch (head_scan(&req->relay.answer_scan, b->mem + b->raw, b->end - b->raw, &skip, &head_len, &req->err)) {
        case HEAD_COMPLETE:
            *moved = true;
            if (skip) return request_fail(req, ERR_UPSTREAM_BAD, "an empty line before the answer");
            return take_answer_head(req, head_len);
        case HEAD_INVALID: req->err.code = ERR_UPSTREAM_BAD; return STEP_FAIL;
        case HEAD_MORE: break;
        }
    }
    r = take_answer(req, moved);
    if (r == CONN_OK) return STEP_NEXT;
    if (r == CONN_AGAIN) {
        buf_return(b, &req->worker->loop.bufs);
        return STEP_WAIT;
    }
    if (b->raw == b->end) return retry_gone(req, r);
    return request_fail(req, ERR_UPSTREAM_BAD, "[endpoint %s] %s: the connection ended inside the answer's head",
                        req->route.endpoint->name, req->retry.address);
}

static enum step_result answer_cut(struct request *req, enum conn_result why)
{
    return request_fail(req, ERR_UPSTREAM_SHORT, "[endpoint %s] %s: %s after %llu bytes of the answer's body",
                        req->route.endpoint->name, req->retry.address,
                        why == CONN_ERROR ? req->up->conn.error : "connection closed",
                        (unsigned long long)req->relay.answer_body.plain);
}

/* Through what looks at the answer's body; all of it if it has ended. */
static enum step_result filter_answer(struct request *req, size_t n)
{
    struct buf *b = &req->up->in;
    struct filter *first = req->relay.answer_filters;
    size_t again = filters_again(first);

    if (!first) {
        b->mid += n;
        return STEP_NEXT;
    }
    b->mid -= again;
    n += again;
    if (filters_push(first, b->mem + b->mid, &n, &req->err) != ERR_NONE) return STEP_FAIL;
    b->mid += n;
    if (!req->relay.answer_body.done) return STEP_NEXT;
    return filters_finish(first, b->mem + b->mid, &req->err) == ERR_NONE ? STEP_NEXT : STEP_FAIL;
}

/* raw → plain of the answer; reads more when nothing waits. STEP_WAIT: nothing to do now. */
static enum step_result decode_answer(struct request *req, bool *moved)
{
    struct buf *b = &req->up->in;
    size_t used, n;

    if (req->relay.answer_body.done) return STEP_NEXT;
    if (b->raw == b->end) {
        enum conn_result r = take_answer(req, moved);

        if (r == CONN_AGAIN) return STEP_WAIT;
        if (r == CONN_EOF && body_eof(&req->relay.answer_body)) return filter_answer(req, 0);
        if (r != CONN_OK) return answer_cut(req, r);
    }
    if (b->start == b->mid) b->start = b->mid = b->raw;
    if (body_decode(&req->relay.answer_body, b->mem + b->raw, b->end - b->raw, &used, &n, &req->err) != ERR_NONE) {
        req->err.code = ERR_UPSTREAM_BAD;
        return STEP_FAIL;
    }
    if (b->mid != b->raw && n) memmove(b->mem + b->mid, b->mem + b->raw, n);
    b->raw += used;
    return filter_answer(req, n);
}

/* Nothing of the document passes before it was judged. */
static enum step_result pump_document(struct request *req, bool *moved)
{
    enum step_result r = decode_answer(req, moved);

    if (r == STEP_FAIL) return r;
    if (req->relay.answer_body.done || buf_plain(&req->up->in).n >= PEEK_MAX)
        return request_goto(req, STEP_judge_answer);
    return r;
}

static enum step_result session_gone(struct request *req)
{
    return request_fail(req, ERR_CLIENT_GONE, "%s after %llu bytes of the answer",
                        req->session->conn.error[0] ? req->session->conn.error : "connection closed",
                        (unsigned long long)req->relay.answer_bytes);
}

static enum step_result write_answer_head(struct request *req, bool *moved)
{
    while (req->relay.answer_head.n) {
        size_t took;
        enum conn_result r = conn_write(&req->session->conn, req->relay.answer_head.p, req->relay.answer_head.n, &took);

        if (r == CONN_AGAIN) return STEP_WAIT;
        if (r != CONN_OK) return session_gone(req);
        req->relay.answer_head = str_tail(req->relay.answer_head, took);
        *moved = true;
    }
    return STEP_NEXT;
}

/* Our head travels in front of the content and is none. */
static void count_answer(struct request *req, size_t took)
{
    size_t head = took < req->relay.head_in_front ? took : req->relay.head_in_front;

    req->relay.head_in_front -= head;
    req->relay.answer_bytes += took - head;
}

static enum step_result pump_answer_body(struct request *req, bool *moved)
{
    struct buf *b = &req->up->in;
    enum step_result r = write_answer_head(req, moved), decoded;
    size_t n, took;

    if (r != STEP_NEXT) return r;
    decoded = decode_answer(req, moved);
    if (decoded == STEP_FAIL) return decoded;
    n = b->mid - b->start - filters_held(req->relay.answer_filters);
    if (n) {
        switch (framer_write(&req->relay.answer_framer, &req->session->conn, b->mem + b->start, n, &took)) {
        case CONN_OK: break;
        case CONN_AGAIN: return STEP_WAIT;
        default: return session_gone(req);
        }
        b->start += took;
        count_answer(req, took);
        *moved = true;
        return STEP_NEXT;
    }
    if (!req->relay.answer_body.done) {
        buf_return(b, &req->worker->loop.bufs);
        return decoded;
    }
    switch (framer_end(&req->relay.answer_framer, &req->session->conn)) {
    case CONN_OK: exchange_set_answer(req, ANSWER_DONE); return STEP_NEXT;
    case CONN_AGAIN: return STEP_WAIT;
    default: return session_gone(req);
    }
}

enum step_result relay_pump_answer(struct request *req, bool *moved)
{
    switch (req->relay.answer_state) {
    case ANSWER_HEAD: return pump_answer_head(req, moved);
    case ANSWER_DOCUMENT: return pump_document(req, moved);
    case ANSWER_BODY: return pump_answer_body(req, moved);
    case ANSWER_DONE: break;
    }
    return STEP_NEXT;
}
