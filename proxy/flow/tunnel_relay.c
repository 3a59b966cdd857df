/* SPDX-License-Identifier: Apache-2.0
 * tunnel_relay.c: the step tunnel: both directions of an open tunnel, each as fast as its slower side. Spliced in the
 * kernel where both sides are plain sockets; through a buffer where the client speaks TLS to the proxy. Bytes that were
 * read before (behind CONNECT, or to see the ClientHello) go first. The end of each direction is passed on by itself.
 */
#include "base/log.h"
#include "flow/admit.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/worker.h"

/* One direction at work. */
struct pump {
    struct request *req;
    struct tunnel_flow *flow;
    struct conn *from, *to;
    struct buf *buf; /* bytes that were read and go first; all of them, if not spliced */
    bool spliced;
};

static enum conn_result write_buf(const struct pump *p)
{
    struct buf *b = p->buf;

    while (b->raw != b->end) {
        size_t took;
        enum conn_result r = conn_write(p->to, b->mem + b->raw, b->end - b->raw, &took);

        if (r != CONN_OK) return r;
        b->raw += took;
        p->flow->bytes += took;
    }
    b->start = b->mid = b->raw;
    buf_return(b, &p->req->worker->loop.bufs);
    return conn_flush(p->to);
}

static enum conn_result write_on(const struct pump *p)
{
    enum conn_result r = write_buf(p);

    if (r != CONN_OK || !p->spliced) return r;
    return splice_out(&p->flow->splice, &p->req->worker->pipes, p->to, &p->flow->bytes);
}

static enum conn_result read_some(const struct pump *p, size_t most)
{
    struct buf *b = p->buf;
    size_t got, room;
    enum conn_result r;

    if (p->spliced && !p->flow->lost && splice_has_pipe(&p->req->worker->pipes))
        return splice_in(&p->flow->splice, &p->req->worker->pipes, p->from, most);
    room = buf_borrow(b, &p->req->worker->loop.bufs) ? buf_room(b) : 0;
    if (!room) {
        conn_break(p->from, "out of memory");
        return CONN_ERROR;
    }
    r = conn_read(p->from, b->mem + b->end, room < most ? room : most, &got);
    if (r == CONN_OK)
        b->end += got;
    else
        buf_return(b, &p->req->worker->loop.bufs);
    return r;
}

/* As much as limits allow. What nobody takes any more is none of theirs. */
static enum conn_result read_on(const struct pump *p)
{
    struct admission *a = p->flow->lost ? NULL : p->req->limits;
    struct pace *pace = a && p->flow == &p->req->tunnel->out ? &a->upload : a ? &a->download : NULL;
    uint64_t before = p->from->received;
    size_t most = SIZE_MAX;
    enum conn_result r;

    if (!pace || (!conn_may_read(p->from) && !p->from->broken)) return read_some(p, most);
    most = pace_ask(pace, BUF_BYTES);
    if (!most) return CONN_AGAIN;
    r = read_some(p, most);
    pace_used(pace, (size_t)(p->from->received - before));
    return r;
}

/* Nobody takes the bytes any more, but their sender may have to write them all before it reads what the other side has
 * said. */
static enum conn_result sink(const struct pump *p)
{
    enum conn_result r;

    for (size_t n = 0; n < REQUEST_TURN_BYTES / BUF_BYTES; n++) {
        p->buf->start = p->buf->mid = p->buf->raw = p->buf->end;
        r = read_on(p);
        if (r != CONN_OK) return r == CONN_TRUNCATED ? CONN_EOF : r;
    }
    loop_defer(&p->req->worker->loop, p->req->wake);
    return CONN_AGAIN;
}

/* Until one side has to be waited for (CONN_AGAIN), or all is passed on with the end (CONN_EOF). */
static enum conn_result pump(const struct pump *p)
{
    struct tunnel_flow *f = p->flow;
    uint64_t limit = f->bytes + REQUEST_TURN_BYTES;

    if (f->lost) return sink(p);
    if (f->closed) return conn_flush(p->to) == CONN_ERROR ? CONN_ERROR : CONN_EOF;
    for (;;) {
        enum conn_result r = write_on(p);

        if (r != CONN_OK) return r;
        if (f->ended) {
            f->closed = true;
            conn_shutdown(p->to);
            return CONN_EOF;
        }
        if (f->bytes >= limit) {
            loop_defer(&p->req->worker->loop, p->req->wake);
            return CONN_AGAIN;
        }
        r = read_on(p);
        f->ended = r == CONN_EOF;
        if (r != CONN_OK && r != CONN_EOF) return r == CONN_TRUNCATED ? CONN_ERROR : r;
    }
}

/* --- the client's first bytes --- */

static enum step_result wrong_name(struct request *req, const char *what)
{
    char ctx[256];

    request_fail(req, ERR_TUNNEL_NAME, "a tunnel to %.*s: %s", STR_ARG(req->in.host), what);
    LOG_CTX(LOG_WARN, request_log_ctx(req, ctx, sizeof(ctx)), "%s", req->err.detail);
    return STEP_FAIL;
}

static enum step_result judge_name(struct request *req)
{
    const char *name = req->session->hello.name;
    char text[CLIENT_HELLO_NAME_MAX + 32];

    if (!name[0] || str_eq(str_from(name), req->in.host)) return STEP_NEXT;
    snprintf(text, sizeof(text), "its TLS asks for %s", name);
    return wrong_name(req, text);
}

/* Looks at what the client has sent so far. STEP_WAIT: too little. */
static enum step_result judge_bytes(struct request *req)
{
    struct session *c = req->session;
    struct str raw = buf_raw(&c->in);
    struct err err = {0};

    if (!raw.n) return STEP_WAIT;
    if ((unsigned char)raw.p[0] != CLIENT_HELLO_RECORD)
        return req->tunnel->via ? STEP_NEXT : wrong_name(req, "the client does not speak TLS");
    switch (client_hello_scan(&c->hello, raw.p, raw.n, &err)) {
    case CLIENT_HELLO_DONE: return judge_name(req);
    case CLIENT_HELLO_BAD: return wrong_name(req, err.detail);
    case CLIENT_HELLO_MORE: break;
    }
    return STEP_WAIT;
}

/* A tunnel is no way to other names: the ClientHello waits here until the name in it was seen. STEP_NEXT: bytes may go
 * on. */
static enum step_result check_hello(struct request *req)
{
    struct session *c = req->session;
    struct buf *b = &c->in;

    for (;;) {
        enum step_result verdict = judge_bytes(req);
        size_t got, room;

        if (verdict != STEP_WAIT) return verdict;
        room = buf_borrow(b, &req->worker->loop.bufs) ? buf_room(b) : 0;
        if (!room) return wrong_name(req, "its ClientHello does not end");
        switch (conn_read(&c->conn, b->mem + b->end, room, &got)) {
        case CONN_OK: b->end += got; break;
        case CONN_AGAIN: buf_return(b, &req->worker->loop.bufs); return STEP_WAIT;
        case CONN_EOF:
            if (b->raw != b->end) return wrong_name(req, "its ClientHello is cut");
            buf_return(b, &req->worker->loop.bufs);
            return STEP_NEXT; /* it has nothing to say */
        default: return request_fail(req, ERR_CLIENT_GONE, "%s", c->conn.error);
        }
    }
}

/* --- both directions --- */

/* The endpoint takes nothing any more, but what it said before may still be unread: an answer before the end of the
 * upload. */
static enum conn_result pump_out(const struct pump *p)
{
    enum conn_result r = pump(p);

    if (r != CONN_ERROR || !(p->to->write_broken || p->to->broken) || p->from->broken) return r;
    splice_drop(&p->flow->splice);
    p->flow->lost = true;
    return sink(p);
}

static enum step_result judge_error(struct request *req)
{
    struct tunnel *t = req->tunnel;
    struct conn *c = &req->session->conn;
    bool client = c->broken || c->write_broken || !(t->up.broken || t->up.write_broken);

    if (!t->ended_by) t->ended_by = client ? "client" : "endpoint";
    if (client) return request_fail(req, ERR_CLIENT_GONE, "%s", c->error);
    t->ending = conn_is_sending(c); /* our reset would overtake what the endpoint said before its own */
    return t->ending ? STEP_WAIT : request_fail(req, ERR_UPSTREAM_GONE, "%s", t->up.error);
}

enum step_result step_tunnel(struct request *req)
{
    struct tunnel *t = req->tunnel;
    struct session *c = req->session;
    struct pump out, back;
    enum conn_result r_out = CONN_AGAIN, r_back;

    if (!t->open) {
        enum step_result r = tunnel_open(req);

        if (r != STEP_NEXT) return r;
    }
    if (!t->checked) {
        enum step_result r = check_hello(req);

        if (r == STEP_FAIL) return r;
        t->checked = r == STEP_NEXT;
    }
    out = (struct pump){req, &t->out, &c->conn, &t->up, &c->in, !c->conn.ssl};
    back = (struct pump){req, &t->back, &t->up, &c->conn, &t->back_buf, !c->conn.ssl};
    if (t->checked) r_out = pump_out(&out);
    if (!t->ended_by && t->out.ended) t->ended_by = "client";
    r_back = pump(&back);
    if (!t->ended_by && t->back.ended) t->ended_by = "endpoint";
    if (r_out == CONN_ERROR || r_back == CONN_ERROR) return judge_error(req);
    return r_back == CONN_EOF && (r_out == CONN_EOF || t->out.lost) ? STEP_NEXT : STEP_WAIT;
}
