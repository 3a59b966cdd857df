/* SPDX-License-Identifier: Apache-2.0
 * relay.c: the step relay: two streams at once, each with one 64 KiB buffer and back-pressure (a full buffer is not
 * read into).
 *
 *   client ──read──▶ [http framing off] ──▶ [filters] ──▶ client->in ──[framing on]──▶ endpoint
 *   client ◀──[framing on]── up->in ◀──[filters] ◀──[http framing off] ◀──read── endpoint          (relay_answer.c)
 *
 * Nothing bad is committed: of a body that is judged only at its end the last byte is held back until it was judged.
 * As long as all that was sent still stands in the buffer, retry.c and region.c may have it sent again elsewhere.
 */
#include "relay.h"

#include "flow/admit.h"
#include "flow/exchange.h"
#include "flow/reply.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "upstream/upstream.h"

enum { HOLD_MS = 1000 }; /* RFC 9110 10.1.1: nobody has to wait for 100 for ever */

/* ------------------------------------------------------------- client → endpoint */

/* Two numbers of InvalidChunkSizeError. */
static void add_chunk_fields(struct request *req)
{
    struct sbuf which = arena_sbuf(&req->arena, 20), size = arena_sbuf(&req->arena, 20);

    sbuf_u64(&which, req->out.chunked->bad_chunk);
    sbuf_u64(&size, req->out.chunked->bad_chunk_size);
    request_error_field(req, "Chunk", sbuf_str(&which));
    request_error_field(req, "BadChunkSize", sbuf_str(&size));
}

/* Through what looks at the body; all of it if it has ended. */
static enum err_code filter_body(struct request *req, size_t n)
{
    struct buf *b = &req->session->in;
    enum err_code code = filters_push(req->in.filters, b->mem + b->mid, &n, &req->err);

    if (code == ERR_NONE) b->mid += n;
    if (code == ERR_NONE && req->in.body.done) code = filters_finish(req->in.filters, b->mem + b->mid, &req->err);
    if (code == ERR_CHUNK_SIZE) add_chunk_fields(req);
    return code;
}

/* Decodes what was read: raw → plain, in place. */
static enum err_code decode_raw(struct request *req)
{
    struct buf *b = &req->session->in;
    size_t used, n;

    if (b->raw == b->end || req->in.body.done) return ERR_NONE;
    if (b->start == b->mid) b->start = b->mid = b->raw; /* nothing waits: no need to close the gap */
    TRY(body_decode(&req->in.body, b->mem + b->raw, b->end - b->raw, &used, &n, &req->err));
    if (b->mid != b->raw && n) memmove(b->mem + b->mid, b->mem + b->raw, n);
    b->raw += used;
    if (req->in.filters) return filter_body(req, n);
    b->mid += n;
    return ERR_NONE;
}

/* More of what the client sends, into its buffer. */
static enum conn_result read_body(struct request *req)
{
    struct session *c = req->session;
    struct buf *b = &c->in;
    enum conn_result r;
    size_t got = 0, room;

    if (!conn_may_read(&c->conn) && !c->conn.broken) return CONN_AGAIN;
    if (!buf_borrow(b, &req->worker->loop.bufs)) {
        request_fail(req, ERR_NO_MEMORY, "body buffer");
        return CONN_ERROR;
    }
    room = buf_room(b);
    if (room) room = admit_upload(req, room);
    if (!room) return CONN_AGAIN;
    r = conn_read(&c->conn, b->mem + b->end, room, &got);
    admit_uploaded(req, r == CONN_OK ? got : 0);
    if (r == CONN_AGAIN) return r;
    if (r != CONN_OK) {
        request_fail(req, ERR_CLIENT_GONE, "the client's connection ended after %llu bytes of the body",
                     (unsigned long long)req->in.body.plain);
        return CONN_ERROR;
    }
    b->end += got;
    return CONN_OK;
}

/* What came behind the head counts once it is taken. */
static enum conn_result take_rest_of_head(struct request *req)
{
    struct buf *b = &req->session->in;

    if (!admit_upload(req, b->end - b->raw)) return CONN_AGAIN;
    admit_uploaded(req, b->end - b->raw);
    return CONN_OK;
}

/* Takes what the client has sent into its buffer, decoded and checked. */
static enum conn_result take_body(struct request *req, bool *moved)
{
    struct buf *b = &req->session->in;
    enum conn_result r = b->raw == b->end ? read_body(req) : take_rest_of_head(req);

    if (r != CONN_OK) return r;
    *moved = true; /* also by what came behind the head: the socket has not been asked for more */
    return decode_raw(req) == ERR_NONE ? CONN_OK : CONN_ERROR;
}

void relay_forget_sent(struct request *req)
{
    req->session->in.start += req->relay.kept;
    req->relay.kept = 0;
    req->relay.replay = false;
}

/* How much of the buffer may leave now. */
static size_t sendable(const struct request *req)
{
    const struct buf *b = &req->session->in;
    size_t n = b->mid - b->start - req->relay.kept, held = filters_held(req->in.filters);

    return n > held ? n - held : 0;
}

static enum conn_result send_head(struct request *req, bool *moved)
{
    while (req->relay.head_sent < req->out.head.n) {
        size_t took;
        enum conn_result r = conn_write(&req->up->conn, req->out.head.p + req->relay.head_sent,
                                        req->out.head.n - req->relay.head_sent, &took);

        if (r != CONN_OK) return r;
        req->relay.head_sent += took;
        *moved = true;
    }
    exchange_set_send(req, SEND_BODY);
    return CONN_OK;
}

static enum conn_result send_plain(struct request *req, bool *moved)
{
    struct buf *b = &req->session->in;
    size_t n = sendable(req), took;
    enum conn_result r;

    if (n < framer_wants(&req->out.framer)) return CONN_OK;
    r = framer_write(&req->out.framer, &req->up->conn, b->mem + b->start + req->relay.kept, n, &took);
    if (r == CONN_OK) {
        req->relay.kept += took;
        req->relay.body_sent += took;
        *moved = true;
    }
    if (!req->relay.replay) {
        b->start += req->relay.kept;
        req->relay.kept = 0;
    }
    return r;
}

enum step_result relay_take_some_body(struct request *req)
{
    bool moved;
    enum conn_result r;

    if (req->in.body.done) return STEP_NEXT;
    if (req->in.head->expect_continue && !req->reply.continue_sent) reply_continue(req);
    r = take_body(req, &moved);
    if (r == CONN_AGAIN) return STEP_WAIT;
    return r == CONN_OK ? STEP_NEXT : STEP_FAIL;
}

enum step_result relay_take_whole_body(struct request *req)
{
    enum conn_result r = CONN_OK;
    bool moved;

    if (req->in.head->expect_continue && !req->reply.continue_sent) reply_continue(req);
    while (!req->in.body.done && r == CONN_OK)
        r = take_body(req, &moved);
    if (r == CONN_AGAIN) return STEP_WAIT;
    return r == CONN_OK ? STEP_NEXT : STEP_FAIL;
}

static enum conn_result send_end(struct request *req, bool *moved)
{
    enum conn_result r = framer_end(&req->out.framer, &req->up->conn);

    if (r != CONN_OK) return r;
    exchange_set_send(req, SEND_DONE);
    *moved = true;
    return CONN_OK;
}

static enum conn_result send_body(struct request *req, bool *moved)
{
    enum conn_result r = send_plain(req, moved);

    return r == CONN_OK && req->in.body.done && !sendable(req) ? send_end(req, moved) : r;
}

/* What the client has sent meanwhile. Where the buffer is full, a replay is given up for it. */
static enum conn_result take_more(struct request *req, bool *moved)
{
    if (req->in.body.done) return CONN_OK;
    if (req->relay.replay && req->session->in.end == BUF_BYTES && sendable(req) < framer_wants(&req->out.framer))
        relay_forget_sent(req);
    return take_body(req, moved);
}

/* One round of the request's direction. CONN_ERROR: the client's side failed (req->err); the endpoint's failures only
 * stop sending. */
static enum conn_result pump_request(struct request *req, bool *moved)
{
    enum conn_result r = CONN_OK;

    if (!exchange_sends(req)) return CONN_OK;
    if (req->relay.send_state == SEND_HEAD) r = send_head(req, moved);
    if (r == CONN_OK) {
        if (req->relay.hold) return CONN_OK;
        if (take_more(req, moved) == CONN_ERROR) return CONN_ERROR;
        r = send_body(req, moved);
    }
    if (r != CONN_ERROR) return CONN_OK;
    exchange_set_send(req, SEND_STOPPED); /* an early answer may be waiting */
    *moved = true;
    return CONN_OK;
}

/* ------------------------------------------------------------- both directions */

bool relay_stop_holding(struct request *req)
{
    if (!req->relay.hold || req->step != STEP_relay ||
        req->worker->loop.now_us - req->retry.connected_us < HOLD_MS * 1000)
        return false;
    if (req->up->requests && !req->retry.stale_seen) {
        upstream_is_mute(req);
        conn_break(&req->up->conn, "no answer to Expect");
    } else {
        req->relay.hold = false;
    }
    return true;
}

enum step_result step_relay(struct request *req)
{
    uint64_t before = req->relay.body_sent + req->relay.answer_body.plain;

    if (req->relay.send_state == SEND_HEAD && req->relay.head_sent == 0) req->relay.replay = true;
    for (;;) {
        bool moved = false;
        enum step_result r;

        if (pump_request(req, &moved) == CONN_ERROR) return STEP_FAIL;
        r = relay_pump_answer(req, &moved);
        if (r == STEP_FAIL || r == STEP_GOTO) return r;
        if (req->relay.answer_state == ANSWER_DONE) return request_goto(req, STEP_finish);
        if (!moved) return STEP_WAIT;
        if (req->relay.body_sent + req->relay.answer_body.plain - before > REQUEST_TURN_BYTES) {
            loop_defer(&req->worker->loop, req->wake);
            return STEP_WAIT;
        }
    }
}
