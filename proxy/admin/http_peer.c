/* SPDX-License-Identifier: Apache-2.0
 * http_peer.c: see http_peer.h.
 *
 *   HANDSHAKE ──▶ READING ──a head──▶ WAITING ──http_reply──▶ ANSWERING ──▶ READING, or CLOSING ──▶ gone
 */
#include "http_peer.h"

#include "base/log.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ARENA_BLOCK = 8 * 1024,
    ARENA_LIMIT = 64 * 1024,
    PIECE = 64 * 1024,     /* of an answer, that waits at a time */
    TURN_MOST = 4 * PIECE, /* that leave in a turn of the loop */
    REPLY_HEAD = 1024,
};

static const struct timeval HANDSHAKE_S = {10, 0}, HEAD_S = {10, 0}, KEEP_S = {65, 0}, REPLY_S = {60, 0},
                            TAKE_S = {30, 0}, CLOSE_S = {2, 0};

/* What a step of the machine comes to. */
enum go { GO_ON, GO_WAIT, GO_END };

static void run(struct http_peer *p);

static void enter(struct http_peer *p, enum http_peer_state state, const struct timeval *most)
{
    p->state = state;
    p->since_us = p->conn.loop->now_us;
    event_add(p->timer, most);
}

/* --- the answer --- */

static const char *challenge(unsigned status)
{
    return status == 401 ? "Bearer realm=\"s3onramp\"" : NULL;
}

static void put_head(struct http_peer *p, unsigned status, const char *type, size_t length)
{
    char mem[REPLY_HEAD];
    struct sbuf b = sbuf_make(mem, sizeof(mem));

    head_put_status_line(&b, status, STR_NONE);
    head_put(&b, STR("Content-Type"), str_from(type));
    if (challenge(status)) head_put(&b, STR("WWW-Authenticate"), str_from(challenge(status)));
    if (status == 405) head_put(&b, STR("Allow"), STR("GET, HEAD"));
    head_put(&b, STR("Cache-Control"), STR("no-store"));
    head_put(&b, STR("X-Content-Type-Options"), STR("nosniff"));
    head_put(&b, STR("Content-Security-Policy"),
             str_from(p->call.policy ? p->call.policy : "default-src 'none'; frame-ancestors 'none'"));
    head_put(&b, STR("Referrer-Policy"), STR("no-referrer"));
    if (p->chunked)
        head_put(&b, STR("Transfer-Encoding"), STR("chunked"));
    else if (!p->rest.more)
        head_put_u64(&b, STR("Content-Length"), length);
    if (!p->keep) head_put(&b, STR("Connection"), STR("close"));
    head_put_end(&b);
    ASSERT(!b.overflow);
    evbuffer_add(p->out, b.p, b.n);
}

static void end_rest(struct http_peer *p)
{
    void (*end)(void *) = p->rest.more ? p->rest.end : NULL;

    p->rest.more = NULL;
    if (end) end(p->rest.arg);
}

/* @text: drained. */
static void put_content(struct http_peer *p, struct evbuffer *text)
{
    size_t n = evbuffer_get_length(text);

    if (n && p->chunked) evbuffer_add_printf(p->out, "%zx\r\n", n);
    evbuffer_add_buffer(p->out, text);
    if (n && p->chunked) evbuffer_add(p->out, "\r\n", 2);
}

static void reply(struct http_call *c, unsigned status, const char *type, struct evbuffer *text,
                  const struct admin_stream *rest)
{
    struct http_peer *p = (struct http_peer *)c;

    p->failed = !text;
    if (rest) p->rest = *rest;
    p->chunked = rest && p->http11;
    p->keep = p->keep && (!rest || p->http11);
    if (text) {
        put_head(p, status, type, evbuffer_get_length(text));
        if (!p->head_only) put_content(p, text);
        evbuffer_free(text);
    }
    if (p->head_only) end_rest(p);
    enter(p, HTTP_PEER_ANSWERING, &TAKE_S);
    if (!p->running) run(p);
}

/* So much that a turn of the loop is not long. */
static void fill(struct http_peer *p)
{
    struct evbuffer *piece = p->rest.more ? evbuffer_new() : NULL;

    if (!p->rest.more) return;
    p->failed = !piece;
    while (piece && p->rest.more && evbuffer_get_length(piece) < PIECE)
        if (!p->rest.more(p->rest.arg, piece)) end_rest(p);
    if (piece) put_content(p, piece);
    if (!p->rest.more && p->chunked) evbuffer_add(p->out, "0\r\n\r\n", 5);
    if (piece) evbuffer_free(piece);
}

static enum go finish_answer(struct http_peer *p)
{
    enum conn_result r = conn_flush(&p->conn);

    if (r != CONN_OK) return r == CONN_AGAIN ? GO_WAIT : GO_END;
    admin_call_clear(&p->call.call);
    arena_reset(&p->arena);
    p->in_n -= p->head_n;
    memmove(p->in, p->in + p->head_n, p->in_n);
    p->head_n = 0;
    p->scan = (struct head_scan){0};
    if (p->keep && !p->leaving) {
        enter(p, HTTP_PEER_READING, p->in_n ? &HEAD_S : &KEEP_S);
    } else {
        conn_shutdown(&p->conn);
        enter(p, HTTP_PEER_CLOSING, &CLOSE_S);
    }
    return GO_ON;
}

static enum go send_some(struct http_peer *p)
{
    for (size_t sent = 0, took;; sent += took) {
        struct evbuffer_iovec v;
        enum conn_result r;

        if (!evbuffer_get_length(p->out) && p->rest.more) {
            fill(p);
            event_add(p->timer, &TAKE_S); /* all that came before was taken */
        }
        if (p->failed) return GO_END;
        if (!evbuffer_get_length(p->out)) return finish_answer(p);
        if (sent >= TURN_MOST) {
            loop_defer(p->conn.loop, &p->task);
            return GO_WAIT;
        }
        if (evbuffer_peek(p->out, -1, NULL, &v, 1) < 1) return GO_END;
        r = conn_write(&p->conn, v.iov_base, v.iov_len, &took);
        if (r == CONN_AGAIN) r = conn_flush(&p->conn) == CONN_ERROR ? CONN_ERROR : CONN_AGAIN;
        if (r != CONN_OK) return r == CONN_AGAIN ? GO_WAIT : GO_END;
        evbuffer_drain(p->out, took);
    }
}

/* --- the question --- */

static const struct admin_conf *conf_of(const struct http_peer *p)
{
    return &server_snapshot(p->begins->server)->settings->admin;
}

static const char *words_of(unsigned status)
{
    switch (status) {
    case 401: return "send the token of [admin] as `Authorization: Bearer TOKEN`";
    case 404: return "there is no such path; / has a list";
    case 405: return "only GET and HEAD are answered";
    case 413: return "a question has no content";
    case 421: return "this Host is none of ours; `names` of [admin] adds some";
    case 431: return "the head of a question has at most 8 KiB";
    default: return "this is no question that can be read";
    }
}

static void tell_refused(const struct http_peer *p, unsigned status)
{
    static int64_t told_us;

    if (status != 401 || p->conn.loop->now_us - told_us < 1000000) return;
    told_us = p->conn.loop->now_us;
    LOG(LOG_WARN, "admin: a question from %s came without the token, or with another one", p->from);
}

static void refuse(struct http_peer *p, unsigned status)
{
    p->keep = p->keep && status != 400 && status != 413 && status != 431;
    tell_refused(p, status);
    http_reply_line(&p->call, status, words_of(status));
}

/* A whole head is there. */
static void ask(struct http_peer *p, struct str raw)
{
    struct head_request *r = arena_zalloc(&p->arena, sizeof(*r));
    struct header *fields = arena_alloc(&p->arena, head_fields(raw) * sizeof(*fields));
    struct err err = {0};
    unsigned status = 400;

    enter(p, HTTP_PEER_WAITING, &REPLY_S);
    p->call = (struct http_call){.call = *p->begins, .reply = reply};
    snprintf(p->call.call.by, sizeof(p->call.call.by), "%s", p->from);
    p->keep = p->chunked = p->http11 = p->head_only = false;
    if (!r || !fields) {
        refuse(p, 431);
        return;
    }
    if (head_parse_request(raw, fields, r, &err) == ERR_NONE) {
        p->http11 = r->minor == 1;
        p->keep = r->keep_alive && !p->leaving;
        status = http_judge(r, conf_of(p), &p->local, p->routes, &p->call.asked);
        p->head_only = r->method_id == METHOD_HEAD;
    }
    if (status != 200) {
        refuse(p, status);
        return;
    }
    p->call.asked.route->run(&p->call);
}

static enum go read_head(struct http_peer *p)
{
    struct err err = {0};
    size_t n = 0, skip = 0, head_n = 0;
    enum head_result found = head_scan(&p->scan, p->in, p->in_n, &skip, &head_n, &err);
    enum conn_result r;

    if (found == HEAD_MORE && p->in_n < sizeof(p->in)) {
        r = conn_read(&p->conn, p->in + p->in_n, sizeof(p->in) - p->in_n, &n);
        if (r != CONN_OK) return r == CONN_AGAIN ? GO_WAIT : GO_END;
        if (!p->in_n) enter(p, HTTP_PEER_READING, &HEAD_S);
        p->in_n += n;
        return GO_ON;
    }
    if (found == HEAD_COMPLETE) {
        p->head_n = skip + head_n;
        ask(p, str_make(p->in + skip, head_n));
    } else {
        p->head_n = p->in_n;
        p->call = (struct http_call){.call = *p->begins, .reply = reply};
        p->keep = p->http11 = p->head_only = false;
        refuse(p, found == HEAD_MORE ? 431 : 400);
    }
    return GO_ON;
}

/* --- the connection --- */

static bool may_name(struct str name, void *arg)
{
    return http_names_have(str_from(((const struct http_peer *)arg)->names), name);
}

static enum go shake_hands(struct http_peer *p)
{
    enum conn_result r = conn_handshake(&p->conn);

    if (r != CONN_OK) return r == CONN_AGAIN ? GO_WAIT : GO_END;
    enter(p, HTTP_PEER_READING, &HEAD_S);
    return GO_ON;
}

/* What still comes is not looked at: closed with it unread, the answer might be lost. */
static enum go close_slowly(struct http_peer *p)
{
    enum conn_result r = CONN_OK;
    size_t n;

    if (conn_flush(&p->conn) == CONN_ERROR) return GO_END;
    while (r == CONN_OK)
        r = conn_read(&p->conn, p->in, sizeof(p->in), &n);
    return r == CONN_AGAIN ? GO_WAIT : GO_END;
}

static enum go step(struct http_peer *p)
{
    switch (p->state) {
    case HTTP_PEER_HANDSHAKE: return shake_hands(p);
    case HTTP_PEER_READING: return read_head(p);
    case HTTP_PEER_WAITING: return conn_was_reset(&p->conn) ? GO_END : GO_WAIT;
    case HTTP_PEER_ANSWERING: return send_some(p);
    case HTTP_PEER_CLOSING: break;
    }
    return close_slowly(p);
}

static void run(struct http_peer *p)
{
    enum go go = GO_ON;

    p->running = true;
    while (go == GO_ON)
        go = step(p);
    p->running = false;
    if (go == GO_END) http_peer_free(p);
}

static void on_event(struct conn *c UNUSED, void *arg)
{
    run(arg);
}

static void on_turn(void *arg)
{
    run(arg);
}

static void on_late(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    loop_touch(((struct http_peer *)arg)->conn.loop);
    http_peer_free(arg);
}

void http_peer_free(struct http_peer *p)
{
    struct loop *loop = p->conn.loop;

    p->on_gone(p, p->arg);
    loop_cancel(loop, &p->task);
    end_rest(p);
    admin_call_clear(&p->call.call);
    conn_close(&p->conn, p->state == HTTP_PEER_ANSWERING);
    event_free(p->timer);
    evbuffer_free(p->out);
    arena_clear(&p->arena);
    free(p->names);
    loop_free_later(loop, p);
}

static bool begin_tls(struct http_peer *p, SSL_CTX *ctx)
{
    char names[HTTP_NAMES];
    struct err err = {0};

    p->names = strdup(http_names(conf_of(p), &p->local, names));
    if (p->names && conn_tls_accept(&p->conn, ctx, p->names, may_name, STR_NONE, &err) == ERR_NONE) return true;
    conn_close(&p->conn, true);
    free(p->names);
    return false;
}

/* False: nothing of it is left but its memory. */
static bool open_peer(struct http_peer *p, SSL_CTX *ctx, int fd)
{
    struct loop *loop = server_loop(p->begins->server);
    struct err err = {0};

    p->out = evbuffer_new();
    p->timer = evtimer_new(loop->base, on_late, p);
    p->local.len = sizeof(p->local.u);
    if (p->out && p->timer && getsockname(fd, &p->local.u.sa, &p->local.len) == 0) {
        if (conn_accept(&p->conn, loop, fd, on_event, p, &err) == ERR_NONE && (!ctx || begin_tls(p, ctx))) return true;
    } else {
        close(fd);
    }
    if (p->timer) event_free(p->timer);
    if (p->out) evbuffer_free(p->out);
    return false;
}

struct http_peer *http_peer_new(const struct admin_call *begins, const struct http_routes *routes, SSL_CTX *ctx, int fd,
                                const struct netaddr *from, void (*on_gone)(struct http_peer *p, void *arg), void *arg)
{
    struct http_peer *p = calloc(1, sizeof(*p));

    if (!p) {
        close(fd);
        return NULL;
    }
    p->begins = begins;
    p->routes = routes;
    p->on_gone = on_gone;
    p->arg = arg;
    p->task = (struct loop_task){.run = on_turn, .arg = p};
    netaddr_format(from, p->from);
    arena_init(&p->arena, ARENA_BLOCK, ARENA_LIMIT);
    if (open_peer(p, ctx, fd)) return p;
    free(p);
    return NULL;
}

void http_peer_start(struct http_peer *p)
{
    if (p->names)
        enter(p, HTTP_PEER_HANDSHAKE, &HANDSHAKE_S);
    else
        enter(p, HTTP_PEER_READING, &HEAD_S);
    run(p);
}

bool http_peer_is_idle(const struct http_peer *p)
{
    return p->state != HTTP_PEER_WAITING && p->state != HTTP_PEER_ANSWERING;
}

void http_peer_leave(struct http_peer *p)
{
    p->leaving = true;
    if (p->state == HTTP_PEER_HANDSHAKE || (p->state == HTTP_PEER_READING && !p->in_n)) http_peer_free(p);
}
