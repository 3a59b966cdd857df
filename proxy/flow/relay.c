/* SPDX-License-Identifier: Apache-2.0
 * relay.c: the step relay: two streams at once, each with one 64 KiB buffer and back-pressure (a full buffer is not
 * read into).
 *
 *   client ──read──▶ [http framing off] ──▶ [aws-chunked off / checked] ──▶ client->in ──[framing on]──▶ endpoint
 *   client ◀──[framing on]── up->in ◀──[http framing off] ◀──read── endpoint
 *
 * Nothing bad is committed: of a body that is judged only at its end the last byte is held back until it was judged.
 * As long as all that was sent still stands in the buffer, retry.c and region.c may have it sent again elsewhere.
 */
#include "base/clock.h"
#include "base/log.h"
#include "flow/flow.h"
#include "flow/form.h"
#include "flow/reply.h"
#include "flow/worker.h"

enum {
    TURN_BYTES = 1024 * 1024, /* then others have a turn */
    ANSWER_HEADROOM = 1024,   /* before the endpoint's head: room for ours, so that head and body leave in one write */
    HOLD_MS = 1000,           /* RFC 9110 10.1.1: nobody has to wait for 100 for ever */
    PEEK_MAX = 48 * 1024,     /* error documents are read whole up to here before they pass */
};

/* ------------------------------------------------------------- client → endpoint */

/* Two numbers of InvalidChunkSizeError. */
static void add_chunk_fields(struct request *req)
{
    struct sbuf which = arena_sbuf(&req->arena, 20), size = arena_sbuf(&req->arena, 20);

    sbuf_u64(&which, req->chunked->bad_chunk);
    sbuf_u64(&size, req->chunked->bad_chunk_size);
    request_error_field(req, "Chunk", sbuf_str(&which));
    request_error_field(req, "BadChunkSize", sbuf_str(&size));
}

/* Looks at aws-chunked framing in the *@n bytes at @data, and takes it off if it ends here. */
static enum err_code unframe(struct request *req, char *data, size_t *n)
{
    enum err_code code;

    if (!req->chunked) return ERR_NONE;
    code = req->decode ? aws_chunked_decode(req->chunked, data, *n, n, &req->err)
                       : aws_chunked_check(req->chunked, data, *n, &req->err);
    if (code == ERR_CHUNK_SIZE) add_chunk_fields(req);
    return code;
}

/* Decodes what was read: raw → plain, in place. */
static enum err_code decode_raw(struct request *req)
{
    struct buf *b = &req->client->in;
    size_t used, n;

    if (b->raw == b->end || req->body.done) return ERR_NONE;
    if (b->start == b->mid) b->start = b->mid = b->raw; /* nothing waits: no need to close the gap */
    TRY(body_decode(&req->body, b->mem + b->raw, b->end - b->raw, &used, &n, &req->err));
    if (b->mid != b->raw && n) memmove(b->mem + b->mid, b->mem + b->raw, n);
    b->raw += used;
    TRY(unframe(req, b->mem + b->mid, &n));
    b->mid += n;
    TRY(form_scan(req));
    if (req->body.done && req->chunked) TRY(aws_chunked_end(req->chunked, &req->err));
    return ERR_NONE;
}

/* Takes what the client has sent into its buffer, decoded and checked. */
static enum conn_result take_body(struct request *req, bool *moved)
{
    struct client *c = req->client;
    struct buf *b = &c->in;
    enum conn_result r;
    size_t got, room;

    if (b->raw == b->end) {
        conn_insist(&c->conn);
        if (!conn_may_read(&c->conn) && !c->conn.broken) return CONN_AGAIN;
        if (!buf_borrow(b, &req->worker->loop.bufs)) {
            request_fail(req, ERR_NO_MEMORY, "body buffer");
            return CONN_ERROR;
        }
        room = buf_room(b);
        if (!room && !conn_was_reset(&c->conn)) return CONN_AGAIN;
        r = conn_read(&c->conn, b->mem + b->end, room, &got);
        if (r == CONN_AGAIN) return r;
        if (r != CONN_OK) {
            request_fail(req, ERR_CLIENT_GONE, "the client's connection ended after %llu bytes of the body",
                         (unsigned long long)req->body.plain);
            return CONN_ERROR;
        }
        b->end += got;
        *moved = true;
        req->progress_us = req->worker->loop.now_us;
    }
    return decode_raw(req) == ERR_NONE ? CONN_OK : CONN_ERROR;
}

/* Gives up the possibility of a replay: what was sent makes room. */
static void forget_sent(struct request *req)
{
    req->client->in.start += req->kept;
    req->kept = 0;
    req->replay = false;
}

/* How much of the buffer may leave now. */
static size_t sendable(const struct request *req)
{
    const struct buf *b = &req->client->in;
    size_t n = b->mid - b->start - req->kept;
    bool judged = req->body.done || !req->chunked;

    if (req->form) return form_sendable(req);
    return judged || n == 0 ? n : n - 1;
}

static enum conn_result send_head(struct request *req, bool *moved)
{
    while (req->out_head_sent < req->out_head.n) {
        size_t took;
        enum conn_result r = conn_write(&req->up->conn, req->out_head.p + req->out_head_sent,
                                        req->out_head.n - req->out_head_sent, &took);

        if (r != CONN_OK) return r;
        req->out_head_sent += took;
        *moved = true;
    }
    req->send_state = SEND_BODY;
    return CONN_OK;
}

static enum conn_result send_plain(struct request *req, bool *moved)
{
    struct buf *b = &req->client->in;
    size_t n = sendable(req), took;
    enum conn_result r;

    if (n < framer_wants(&req->out_framer)) return CONN_OK;
    r = framer_write(&req->out_framer, &req->up->conn, b->mem + b->start + req->kept, n, &took);
    if (r == CONN_OK) {
        req->kept += took;
        req->body_sent += took;
        *moved = true;
    }
    if (!req->replay) {
        b->start += req->kept;
        req->kept = 0;
    }
    return r;
}

enum step_result relay_take_some_body(struct request *req)
{
    bool moved;
    enum conn_result r;

    if (req->body.done) return STEP_NEXT;
    if (req->in->expect_continue && !req->continue_sent) reply_continue(req);
    r = take_body(req, &moved);
    if (r == CONN_AGAIN) return STEP_WAIT;
    return r == CONN_OK ? STEP_NEXT : STEP_FAIL;
}

enum step_result relay_take_whole_body(struct request *req)
{
    enum conn_result r = CONN_OK;
    bool moved;

    if (req->in->expect_continue && !req->continue_sent) reply_continue(req);
    while (!req->body.done && r == CONN_OK)
        r = take_body(req, &moved);
    if (r == CONN_AGAIN) return STEP_WAIT;
    return r == CONN_OK ? STEP_NEXT : STEP_FAIL;
}

/* One round of the request's direction. CONN_ERROR: the client's side failed (req->err); the endpoint's failures only
 * stop sending. */
static enum conn_result pump_request(struct request *req, bool *moved)
{
    enum conn_result r = CONN_OK;
    struct buf *b = &req->client->in;

    if (req->send_state == SEND_DONE || req->send_state == SEND_STOPPED) return CONN_OK;
    if (req->send_state == SEND_HEAD) r = send_head(req, moved);
    if (r == CONN_OK && req->hold) return CONN_OK;
    if (r == CONN_OK && !req->body.done) {
        if (req->replay && b->end == BUF_BYTES && sendable(req) < framer_wants(&req->out_framer)) forget_sent(req);
        if (take_body(req, moved) == CONN_ERROR) return CONN_ERROR;
    }
    if (r == CONN_OK) r = send_plain(req, moved);
    if (r == CONN_OK && req->body.done && !sendable(req)) {
        r = framer_end(&req->out_framer, &req->up->conn);
        if (r == CONN_OK) {
            req->send_state = SEND_DONE;
            *moved = true;
        }
    }
    if (r == CONN_ERROR) {
        req->send_state = SEND_STOPPED; /* an early answer may be waiting */
        *moved = true;
    }
    return CONN_OK;
}

/* ------------------------------------------------------------- endpoint → client */

/* The client hears of 100 Continue once, however often its request is sent. */
static void relay_interim(struct request *req, const struct head_response *head)
{
    if (head->status == 100) {
        req->hold = false;
        if (!req->in->expect_continue || req->continue_sent) return;
        req->continue_sent = true;
    }
    reply_interim(req, head);
}

/* Puts our head in front of what stands in the buffer, so that both leave in one write; else it is written by itself.
 */
static void place_head(struct request *req, struct str head)
{
    struct buf *b = &req->up->in;

    if (req->answer_framer.chunked || head.n > b->raw) {
        req->answer_head = head;
        b->start = b->mid = b->raw;
        return;
    }
    b->start = b->raw - head.n;
    b->mid = b->raw;
    memcpy(b->mem + b->start, head.p, head.n);
    req->head_in_front = head.n;
}

static enum step_result begin_answer(struct request *req)
{
    struct str head = reply_head(req);

    if (!head.p) return request_fail(req, ERR_NO_MEMORY, "answer head");
    place_head(req, head);
    req->answered = true;
    req->answer_state = ANSWER_BODY;
    if (req->send_state != SEND_DONE)
        req->send_state = SEND_STOPPED; /* an early answer: the rest of the body is not wanted */
    return STEP_NEXT;
}

/* What the head says of the bucket's Region, and whether its document must be read first: those of 400 and 403 may
 * speak of our key, and that of a redirect may be all that tells where to. */
static enum step_result judge_answer(struct request *req, const struct head_response *head)
{
    struct buf *b = &req->up->in;
    struct str region = region_of_head(req);
    bool redirect = head->status == 301 || head->status == 307;

    if (region.n) {
        if (!str_eq(region, str_from(req->endpoint->region))) req->other_region = region;
        region_learn(req, region);
        if (region_correct(req, region)) return STEP_NEXT;
    } else if (head->status / 100 == 2 && req->worker->rt->settings->endpoints_n > 1) {
        region_learn(req, str_from(req->endpoint->region));
    }
    req->first_byte_us = clock_monotonic_us();
    body_init(&req->answer_body, head->body, head->content_length);
    if ((head->status == 400 || head->status == 403 || (redirect && !region.n)) && head->body != BODY_NONE) {
        b->start = b->mid = b->raw;
        req->answer_state = ANSWER_PEEK;
        return STEP_NEXT;
    }
    if (reply_check_redirect(req) != STEP_NEXT) return STEP_FAIL;
    if (req->replay) forget_sent(req);
    return begin_answer(req);
}

/* One head stands complete at the front of the buffer: an interim one, or the final one. */
static enum step_result take_answer_head(struct request *req, size_t head_len)
{
    struct buf *b = &req->up->in;
    struct head_response *head = arena_alloc(&req->arena, sizeof(*head));
    struct str raw = arena_dup(&req->arena, str_make(b->mem + b->raw, head_len));

    if (!head || !raw.p) return request_fail(req, ERR_NO_MEMORY, "answer head");
    b->raw += head_len;
    req->answer_scan = (struct head_scan){0};
    if (head_parse_response(raw, req->in->method_id, head, &req->err) != ERR_NONE) {
        req->err.code = ERR_UPSTREAM_BAD;
        return STEP_FAIL;
    }
    if (head->status == 101) return request_fail(req, ERR_UPSTREAM_BAD, "101 Switching Protocols");
    if (head->status < 200) {
        relay_interim(req, head);
        return STEP_NEXT;
    }
    address_count(&req->up->at->shared->answers, 1);
    if (retry_status(req, head->status)) return STEP_NEXT;
    req->answer = head;
    return judge_answer(req, head);
}

/* More bytes of the endpoint into its buffer. */
static enum conn_result take_answer(struct request *req, bool *moved)
{
    struct upconn *u = req->up;
    struct buf *b = &u->in;
    enum conn_result r;
    size_t got, room;

    if (b->raw != b->end || req->answer_state != ANSWER_HEAD || req->interim_sent) conn_insist(&u->conn);
    if (!conn_may_read(&u->conn) && !u->conn.broken) return CONN_AGAIN;
    if (!buf_borrow(b, &req->worker->loop.bufs)) return CONN_AGAIN;
    if (req->answer_state == ANSWER_HEAD && b->raw == b->end) {
        b->start = b->mid = b->raw = b->end = ANSWER_HEADROOM;
    }
    room = req->answer_state == ANSWER_HEAD ? (size_t)BUF_BYTES - b->end : buf_room(b);
    if (!room) return CONN_AGAIN;
    r = conn_read(&u->conn, b->mem + b->end, room, &got);
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
        switch (head_scan(&req->answer_scan, b->mem + b->raw, b->end - b->raw, &skip, &head_len, &req->err)) {
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
                        req->endpoint->name, req->address);
}

static enum step_result answer_cut(struct request *req, enum conn_result why)
{
    return request_fail(req, ERR_UPSTREAM_SHORT, "[endpoint %s] %s: %s after %llu bytes of the answer's body",
                        req->endpoint->name, req->address,
                        why == CONN_ERROR ? req->up->conn.error : "connection closed",
                        (unsigned long long)req->answer_body.plain);
}

/* raw → plain of the answer; reads more when nothing waits. STEP_WAIT: nothing to do now. */
static enum step_result decode_answer(struct request *req, bool *moved)
{
    struct buf *b = &req->up->in;
    size_t used, n;

    if (req->answer_body.done) return STEP_NEXT;
    if (b->raw == b->end) {
        enum conn_result r = take_answer(req, moved);

        if (r == CONN_AGAIN) return STEP_WAIT;
        if (r == CONN_EOF && body_eof(&req->answer_body)) return STEP_NEXT;
        if (r != CONN_OK) return answer_cut(req, r);
    }
    if (b->start == b->mid) b->start = b->mid = b->raw;
    if (body_decode(&req->answer_body, b->mem + b->raw, b->end - b->raw, &used, &n, &req->err) != ERR_NONE) {
        req->err.code = ERR_UPSTREAM_BAD;
        return STEP_FAIL;
    }
    if (b->mid != b->raw && n) memmove(b->mem + b->mid, b->mem + b->raw, n);
    b->raw += used;
    b->mid += n;
    return STEP_NEXT;
}

/* Errors about our own key must not reach the client: they hold the key id, the token and our canonical request, and
 * would make the client doubt its own credentials. */
static bool blames_our_key(struct str code)
{
    static const struct str codes[] = {STR_INIT("SignatureDoesNotMatch"),
                                       STR_INIT("InvalidAccessKeyId"),
                                       STR_INIT("ExpiredToken"),
                                       STR_INIT("InvalidToken"),
                                       STR_INIT("RequestTimeTooSkewed"),
                                       STR_INIT("TokenRefreshRequired"),
                                       STR_INIT("AuthorizationHeaderMalformed")};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (str_eq(code, codes[i])) return true;
    return false;
}

/* The document says that the bucket is elsewhere. STEP_NEXT with another step: sent on; STEP_NEXT: it does not. */
static enum step_result judge_region(struct request *req, struct str document)
{
    struct str region = region_of_document(req, document);

    if (!region.n || str_eq(region, str_from(req->endpoint->region))) return STEP_NEXT;
    req->other_region = region;
    region_learn(req, region);
    if (region_correct(req, region)) return STEP_NEXT;
    if (req->credentials && str_eq(s3_error_code_in(document), STR("AuthorizationHeaderMalformed")))
        return reply_refuse_region(req, region);
    return STEP_NEXT;
}

/* Looks at the document before a byte of it passes. */
static enum step_result pump_peek(struct request *req, bool *moved)
{
    struct buf *b = &req->up->in;
    enum step_result r = decode_answer(req, moved);
    struct str code, document;

    if (r == STEP_FAIL) return r;
    document = buf_plain(b);
    if (r == STEP_WAIT && !req->answer_body.done && document.n < PEEK_MAX) return r;
    if (!req->answer_body.done && document.n < PEEK_MAX) return STEP_NEXT;
    r = judge_region(req, document);
    if (r != STEP_NEXT || req->step != STEP_relay) return r;
    if (reply_check_redirect(req) != STEP_NEXT) return STEP_FAIL;
    code = s3_error_code_in(document);
    if (req->keys && retry_keys(req, code)) return STEP_NEXT;
    if (req->replay) forget_sent(req);
    if (req->credentials && blames_our_key(code))
        return request_fail(req, ERR_UPSTREAM_AUTH,
                            "[endpoint %s] %s answered %u %.*s: the endpoint does not accept [credentials %s]",
                            req->endpoint->name, req->address, req->answer->status, STR_ARG(str_head(code, 40)),
                            req->credentials->name);
    /* The head goes in front of the document, wherever that stands. */
    req->answer_head = reply_head(req);
    if (!req->answer_head.p) return request_fail(req, ERR_NO_MEMORY, "answer head");
    req->answered = true;
    req->answer_state = ANSWER_BODY;
    if (req->send_state != SEND_DONE) req->send_state = SEND_STOPPED;
    *moved = true;
    return STEP_NEXT;
}

static enum step_result client_gone(struct request *req)
{
    return request_fail(req, ERR_CLIENT_GONE, "%s after %llu bytes of the answer",
                        req->client->conn.error[0] ? req->client->conn.error : "connection closed",
                        (unsigned long long)req->answer_bytes);
}

static enum step_result write_answer_head(struct request *req, bool *moved)
{
    while (req->answer_head.n) {
        size_t took;
        enum conn_result r = conn_write(&req->client->conn, req->answer_head.p, req->answer_head.n, &took);

        if (r == CONN_AGAIN) return STEP_WAIT;
        if (r != CONN_OK) return client_gone(req);
        req->answer_head = str_tail(req->answer_head, took);
        *moved = true;
    }
    return STEP_NEXT;
}

/* Our head travels in front of the content and is none. */
static void count_answer(struct request *req, size_t took)
{
    size_t head = took < req->head_in_front ? took : req->head_in_front;

    req->head_in_front -= head;
    req->answer_bytes += took - head;
}

static enum step_result pump_answer_body(struct request *req, bool *moved)
{
    struct buf *b = &req->up->in;
    enum step_result r = write_answer_head(req, moved), decoded;
    size_t took;

    if (r != STEP_NEXT) return r;
    decoded = decode_answer(req, moved);
    if (decoded == STEP_FAIL) return decoded;
    if (b->start != b->mid) {
        switch (framer_write(&req->answer_framer, &req->client->conn, b->mem + b->start, b->mid - b->start, &took)) {
        case CONN_OK: break;
        case CONN_AGAIN: return STEP_WAIT;
        default: return client_gone(req);
        }
        b->start += took;
        count_answer(req, took);
        *moved = true;
        return STEP_NEXT;
    }
    if (!req->answer_body.done) {
        buf_return(b, &req->worker->loop.bufs);
        return decoded;
    }
    switch (framer_end(&req->answer_framer, &req->client->conn)) {
    case CONN_OK: req->answer_state = ANSWER_DONE; return STEP_NEXT;
    case CONN_AGAIN: return STEP_WAIT;
    default: return client_gone(req);
    }
}

static enum step_result pump_answer(struct request *req, bool *moved)
{
    switch (req->answer_state) {
    case ANSWER_HEAD: return pump_answer_head(req, moved);
    case ANSWER_PEEK: return pump_peek(req, moved);
    case ANSWER_BODY: return pump_answer_body(req, moved);
    case ANSWER_DONE: break;
    }
    return STEP_NEXT;
}

/* ------------------------------------------------------------- both */

bool relay_stop_holding(struct request *req)
{
    if (!req->hold || req->step != STEP_relay || req->worker->loop.now_us - req->connected_us < HOLD_MS * 1000)
        return false;
    req->hold = false;
    return true;
}

enum step_result step_relay(struct request *req)
{
    uint64_t before = req->body_sent + req->answer_body.plain;

    if (req->send_state == SEND_HEAD && req->out_head_sent == 0) req->replay = true;
    for (;;) {
        bool moved = false;
        enum step_result r;

        if (pump_request(req, &moved) == CONN_ERROR) return STEP_FAIL;
        r = pump_answer(req, &moved);
        if (r == STEP_FAIL || req->step != STEP_relay) return r;
        if (req->answer_state == ANSWER_DONE) return STEP_NEXT;
        if (moved)
            req->progress_us = req->worker->loop.now_us;
        else
            return STEP_WAIT;
        if (req->body_sent + req->answer_body.plain - before > TURN_BYTES) {
            loop_defer(&req->worker->loop, &req->client->task);
            return STEP_WAIT;
        }
    }
}
