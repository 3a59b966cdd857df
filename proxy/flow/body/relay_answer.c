/* SPDX-License-Identifier: Apache-2.0
 * relay_answer.c: of the step relay the way from the endpoint to the client: the answer's head, what it says about
 * Region, keys and retries, and its body. The picture is in relay.c.
 */
#include "relay.h"

#include "base/clock.h"
#include "base/log.h"
#include "flow/exchange.h"
#include "flow/reply.h"

enum {
    ANSWER_HEADROOM = 1024, /* before the endpoint's head: room for ours, so that head and body leave in one write */
    PEEK_MAX = 48 * 1024,   /* error documents are read whole up to here before they pass */
    INTERIM_BLOCK = 4096,
    INTERIM_LIMIT = 512 * 1024, /* an interim head, parsed and written anew */
    S3_ERROR_MAX = 64,          /* of a code, for the access line */
};

/* The client hears of 100 Continue once, however often its request is sent. */
static void relay_interim(struct request *req, const struct head_response *head, struct arena *mem)
{
    if (head->status == 100) {
        req->hold = false;
        if (!req->in->expect_continue || req->continue_sent) return;
        req->continue_sent = true;
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
    return head_parse_response(raw, req->in->method_id, fields, head, &req->err) == ERR_NONE ? head : NULL;
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
    exchange_set_answer(req, ANSWER_BODY);
    exchange_stop_sending(req); /* an early answer: the rest of the body is not wanted */
    return STEP_NEXT;
}

/* Errors of S3's own, and of those operations that say 200 before they have done their work (S3 API Reference,
 * "CompleteMultipartUpload", "CopyObject", "UploadPartCopy"), pass as they come. */
static bool may_hold_error(const struct request *req, unsigned status)
{
    static const struct str late[] = {STR_INIT("CompleteMultipartUpload"), STR_INIT("CopyObject"),
                                      STR_INIT("UploadPartCopy")};

    if (status >= 500) return true;
    for (size_t i = 0; i < ARRAY_LEN(late) && status == 200; i++)
        if (str_eq(str_from(req->operation->name), late[i])) return true;
    return false;
}

/* Looks at the first bytes of what passes; blanks that keep a slow answer alive do not count. */
static void note_error(struct request *req, struct str bytes)
{
    struct error_note *note = req->note;
    struct str text;

    for (size_t i = 0; i < bytes.n && note->n < sizeof(note->text); i++)
        if (note->n || !strchr(" \t\r\n", bytes.p[i])) note->text[note->n++] = bytes.p[i];
    text = str_make(note->text, note->n);
    if (str_find(text, STR("<Error>")) != SIZE_MAX)
        req->s3_error = arena_dup(&req->arena, str_head(s3_error_code_in(text), S3_ERROR_MAX));
    if (req->s3_error.n || note->n == sizeof(note->text)) req->note = NULL;
}

/* Other S3 servers that know no trailers miss the length (411) or do not know the coding (501). */
static void hint_trailers(struct request *req, unsigned status)
{
    bool framed = req->out_kind == OUT_PASSED || req->out_kind == OUT_UNSIGNED_TRAILER;
    char ctx[256];

    if ((status != 411 && status != 501) || !framed || req->worker->told_trailers) return;
    req->worker->told_trailers = true;
    LOG_CTX(LOG_WARN, request_log_ctx(req, ctx, sizeof(ctx)),
            "[endpoint %s] answered %u to a body with a checksum trailer (aws-chunked): if it knows none, write "
            "trailers = decode there",
            req->endpoint->name, status);
}

/* What the head says of the bucket's Region, and whether its document must be read first: those of refusals may speak
 * of our key or miss an access point, and that of a redirect may be all that tells where to. */
static enum step_result judge_answer(struct request *req, const struct head_response *head)
{
    struct buf *b = &req->up->in;
    struct str region = region_of_head(req);
    bool redirect = head->status == 301 || head->status == 307;
    enum step_result r;

    if (region.n) {
        if (!str_eq(region, str_from(req->endpoint->region))) req->other_region = region;
        region_learn(req, region);
        r = region_correct(req, region);
        if (r != STEP_NEXT) return r;
    } else if (head->status / 100 == 2 && request_settings(req)->endpoints_n > 1) {
        region_learn(req, str_from(req->endpoint->region));
    }
    req->first_byte_us = clock_monotonic_us();
    body_init(&req->answer_body, head->body, head->content_length);
    if ((head->status / 100 == 4 || (redirect && !region.n)) && head->body != BODY_NONE) {
        b->start = b->mid = b->raw;
        exchange_set_answer(req, ANSWER_DOCUMENT);
        return STEP_NEXT;
    }
    if (reply_check_redirect(req) != STEP_NEXT) return STEP_FAIL;
    if (head->status / 100 == 4 && blame_judge(req, STR_NONE) != STEP_NEXT) return STEP_FAIL;
    if (req->replay) relay_forget_sent(req);
    if (may_hold_error(req, head->status)) req->note = arena_zalloc(&req->arena, sizeof(*req->note));
    return begin_answer(req);
}

/* One head stands complete at the front of the buffer: an interim one, or the final one. */
static enum step_result take_answer_head(struct request *req, size_t head_len)
{
    struct buf *b = &req->up->in;
    struct str raw = str_make(b->mem + b->raw, head_len);
    struct head_response *head;
    enum step_result r;

    b->raw += head_len;
    req->answer_scan = (struct head_scan){0};
    if (is_interim(raw)) return take_interim(req, raw);
    head = parse_head(req, &req->arena, arena_dup(&req->arena, raw));
    if (!head) return STEP_FAIL;
    address_count(&req->up->at->shared->answers, 1);
    r = retry_status(req, head->status);
    if (r != STEP_NEXT) return r;
    req->answer = head;
    hint_trailers(req, head->status);
    return judge_answer(req, head);
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
    size_t got, room;

    if (!conn_may_read(&u->conn) && !u->conn.broken) return CONN_AGAIN;
    if (!buf_borrow(b, &req->worker->loop.bufs)) return CONN_AGAIN;
    if (req->answer_state == ANSWER_HEAD && b->raw == b->end) {
        b->start = b->mid = b->raw = b->end = ANSWER_HEADROOM;
    }
    room = req->answer_state == ANSWER_HEAD ? head_room(b) : buf_room(b);
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
    if (req->note) note_error(req, str_make(b->mem + b->mid, n));
    b->raw += used;
    b->mid += n;
    return STEP_NEXT;
}

/* The document says that the bucket is elsewhere. */
static enum step_result judge_region(struct request *req, struct str document)
{
    unsigned status = req->answer->status;
    bool may_tell = status == 400 || status == 403 || status / 100 == 3;
    struct str region = may_tell ? region_of_document(req, document) : STR_NONE;
    enum step_result r;

    if (!region.n || str_eq(region, str_from(req->endpoint->region))) return STEP_NEXT;
    req->other_region = region;
    region_learn(req, region);
    r = region_correct(req, region);
    if (r != STEP_NEXT) return r;
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
    if (r != STEP_NEXT) return r;
    if (reply_check_redirect(req) != STEP_NEXT) return STEP_FAIL;
    code = str_head(s3_error_code_in(document), S3_ERROR_MAX);
    req->s3_error = arena_dup(&req->arena, code);
    if (reply_check_bucket(req, code) != STEP_NEXT) return STEP_FAIL;
    r = req->lease.keys ? retry_keys(req, code) : STEP_NEXT;
    if (r != STEP_NEXT) return r;
    if (req->replay) relay_forget_sent(req);
    if (blame_judge(req, document) != STEP_NEXT) return STEP_FAIL;
    /* The head goes in front of the document, wherever that stands. */
    req->answer_head = reply_head(req);
    if (!req->answer_head.p) return request_fail(req, ERR_NO_MEMORY, "answer head");
    req->answered = true;
    exchange_set_answer(req, ANSWER_BODY);
    exchange_stop_sending(req);
    *moved = true;
    return STEP_NEXT;
}

static enum step_result session_gone(struct request *req)
{
    return request_fail(req, ERR_CLIENT_GONE, "%s after %llu bytes of the answer",
                        req->session->conn.error[0] ? req->session->conn.error : "connection closed",
                        (unsigned long long)req->answer_bytes);
}

static enum step_result write_answer_head(struct request *req, bool *moved)
{
    while (req->answer_head.n) {
        size_t took;
        enum conn_result r = conn_write(&req->session->conn, req->answer_head.p, req->answer_head.n, &took);

        if (r == CONN_AGAIN) return STEP_WAIT;
        if (r != CONN_OK) return session_gone(req);
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
        switch (framer_write(&req->answer_framer, &req->session->conn, b->mem + b->start, b->mid - b->start, &took)) {
        case CONN_OK: break;
        case CONN_AGAIN: return STEP_WAIT;
        default: return session_gone(req);
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
    switch (framer_end(&req->answer_framer, &req->session->conn)) {
    case CONN_OK: exchange_set_answer(req, ANSWER_DONE); return STEP_NEXT;
    case CONN_AGAIN: return STEP_WAIT;
    default: return session_gone(req);
    }
}

enum step_result relay_pump_answer(struct request *req, bool *moved)
{
    switch (req->answer_state) {
    case ANSWER_HEAD: return pump_answer_head(req, moved);
    case ANSWER_DOCUMENT: return pump_peek(req, moved);
    case ANSWER_BODY: return pump_answer_body(req, moved);
    case ANSWER_DONE: break;
    }
    return STEP_NEXT;
}
