/* SPDX-License-Identifier: Apache-2.0
 * tunnel_parent.c: the site's own proxy is asked by CONNECT for a host that is not S3's. What it says other than "yes"
 * is told to the client in words of ours: its own page and its 407 are not for the client. One worker.
 * Source: RFC 9110 9.3.6, RFC 9112 3.2.3, RFC 7617.
 */
#include "base/encode.h"
#include "base/secret.h"
#include "flow/tunnel.h"
#include "flow/worker.h"
#include "http/head.h"

enum { CREDENTIALS_BYTES = 520, HEAD_BYTES = 2048 };

/* --- the question --- */

static void put_credentials(const struct tunnel_conf *parent, struct sbuf *head)
{
    char plain[CREDENTIALS_BYTES];
    struct sbuf b = sbuf_make(plain, sizeof(plain));

    if (!parent->user) return;
    sbuf_printf(&b, "%s:%s", parent->user, parent->password);
    sbuf_add(head, STR("Proxy-Authorization: Basic "));
    base64_encode(head, (const uint8_t *)plain, b.n);
    sbuf_add(head, STR("\r\n"));
    secret_wipe(plain, sizeof(plain));
}

static void put_question(const struct request *req, struct sbuf *head)
{
    struct str host = req->in.host;
    bool v6 = str_index(host, ':') != SIZE_MAX;
    char authority[URI_HOST_MOST + 16];
    struct sbuf b = sbuf_make(authority, sizeof(authority));

    sbuf_printf(&b, "%s%.*s%s:%u", v6 ? "[" : "", STR_ARG(host), v6 ? "]" : "", req->tunnel->port);
    head->overflow |= b.overflow;
    sbuf_printf(head, "CONNECT %.*s HTTP/1.1\r\nHost: %.*s\r\n", STR_ARG(sbuf_str(&b)), STR_ARG(sbuf_str(&b)));
    put_credentials(req->tunnel->via, head);
    sbuf_add(head, STR("\r\n"));
}

static bool ask(struct request *req)
{
    struct tunnel *t = req->tunnel;
    char mem[HEAD_BYTES];
    struct sbuf head = sbuf_make(mem, sizeof(mem));
    size_t took;
    bool fine;

    put_question(req, &head);
    fine = !head.overflow && conn_write(&t->up, head.p, head.n, &took) == CONN_OK && took == head.n;
    secret_wipe(mem, sizeof(mem));
    t->parent.asked_us = req->worker->loop.now_us;
    if (!fine && !t->up.broken) conn_break(&t->up, "it takes no CONNECT");
    return fine;
}

/* --- the answer --- */

static enum conn_result say_no(struct request *req, enum err_code code, const char *why,
                               const struct head_response *answer)
{
    const struct tunnel *t = req->tunnel;

    req->tunnel->parent.answered = true;
    if (answer)
        request_fail(req, code, "[parent %s] %s: %u %.*s", t->via->name, why, answer->status,
                     STR_ARG(str_head(answer->reason, 80)));
    else
        request_fail(req, code, "[parent %s] %s", t->via->name, why);
    return CONN_ERROR;
}

static enum conn_result judge(struct request *req, const struct head_response *answer)
{
    if (answer->status / 100 == 2) return CONN_OK;
    if (answer->status == 407) return say_no(req, ERR_PARENT_AUTH, "wants another name and password", answer);
    if (answer->status / 100 == 4 && answer->status != 408 && answer->status != 429)
        return say_no(req, ERR_PARENT_REFUSED, "refuses the host", answer);
    return say_no(req, ERR_PARENT_FAILED, "did not reach the host", answer);
}

/* A head is there. CONN_AGAIN: it was one of those before the answer. */
static enum conn_result take_head(struct request *req, struct str raw)
{
    struct tunnel *t = req->tunnel;
    struct header *fields = arena_alloc(&req->arena, head_fields(raw) * sizeof(*fields));
    struct head_response answer;
    struct err err = {0};
    enum conn_result r;

    if (!fields) return say_no(req, ERR_NO_MEMORY, "answered at length", NULL);
    if (head_parse_response(raw, METHOD_CONNECT, fields, &answer, &err) != ERR_NONE)
        return say_no(req, ERR_PARENT_FAILED, "answers what is no HTTP", NULL);
    t->parent.scan = (struct head_scan){0};
    r = answer.status / 100 == 1 ? CONN_AGAIN : judge(req, &answer);
    t->back_buf.raw += raw.n; /* the rest is the host's */
    t->back_buf.start = t->back_buf.mid = t->back_buf.raw;
    return r;
}

static enum conn_result scan(struct request *req)
{
    struct tunnel *t = req->tunnel;
    struct err err = {0};

    for (;;) {
        struct str raw = buf_raw(&t->back_buf);
        size_t skip, n;
        enum conn_result r;

        switch (head_scan(&t->parent.scan, raw.p, raw.n, &skip, &n, &err)) {
        case HEAD_MORE: return CONN_AGAIN;
        case HEAD_INVALID: return say_no(req, ERR_PARENT_FAILED, "answers what is no HTTP", NULL);
        case HEAD_COMPLETE: break;
        }
        t->back_buf.raw += skip;
        r = take_head(req, str_make(raw.p + skip, n));
        if (r != CONN_AGAIN) return r;
    }
}

enum conn_result tunnel_ask_parent(struct request *req)
{
    struct tunnel *t = req->tunnel;
    struct buf *b = &t->back_buf;

    if (!t->parent.asked_us && !ask(req)) return CONN_ERROR;
    if (conn_flush(&t->up) == CONN_ERROR) return CONN_ERROR;
    for (;;) {
        size_t got, room = buf_borrow(b, &req->worker->loop.bufs) ? buf_room(b) : 0;
        enum conn_result r;

        if (!room) return say_no(req, ERR_NO_MEMORY, "answered at length", NULL);
        r = conn_read(&t->up, b->mem + b->end, room, &got);
        if (r == CONN_EOF || r == CONN_TRUNCATED) conn_break(&t->up, "it ended the connection before it answered");
        if (r != CONN_OK) {
            buf_return(b, &req->worker->loop.bufs);
            return r == CONN_AGAIN ? CONN_AGAIN : CONN_ERROR;
        }
        b->end += got;
        r = scan(req);
        if (r == CONN_AGAIN) continue;
        buf_return(b, &req->worker->loop.bufs);
        return r;
    }
}
