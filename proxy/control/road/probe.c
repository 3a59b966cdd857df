/* SPDX-License-Identifier: Apache-2.0
 * probe.c: see probe.h.
 *
 *   CONNECT ──▶ HANDSHAKE ──▶ ASK ──▶ done      each kind of probe stops where it has seen enough
 *
 * HTTP: a HEAD request for "/" without a signature: any answer of HTTP/1.1 proves the road, 403 as well as 503.
 */
#include "control/road/probe.h"

#include "base/log.h"
#include "base/release.h"
#include "http/head.h"

#include <stdlib.h>

enum { ASK_MAX = 512, ANSWER_MAX = 64 };

struct probe {
    struct conn conn;
    struct loop *loop;
    enum probe_kind kind;
    SSL_CTX *ctx; /* one reference */
    char *sni;    /* owned */
    probe_done_fn *done;
    void *arg;
    char ask[ASK_MAX], answer[ANSWER_MAX];
    size_t ask_n, ask_sent, answer_n;
};

static void free_probe(struct probe *p, bool reset)
{
    conn_close(&p->conn, reset);
    tls_ctx_free(&p->ctx);
    free(p->sni);
    loop_free_later(p->loop, p);
}

static void end(struct probe *p, const char *why, bool certificate)
{
    probe_done_fn *done = p->done;
    void *arg = p->arg;
    char text[sizeof(p->conn.error)] = "";

    if (why) snprintf(text, sizeof(text), "%s", why);
    free_probe(p, false);
    done(arg, why ? text : NULL, certificate);
}

static void end_failed(struct probe *p)
{
    end(p, p->conn.error[0] ? p->conn.error : "connection closed",
        str_starts(str_from(p->conn.error), STR("certificate: ")));
}

static enum conn_result handshake(struct probe *p)
{
    struct err err = {0};

    if (!p->conn.ssl && conn_tls_connect(&p->conn, p->ctx, p->sni, NULL, &err) != ERR_NONE) {
        conn_break(&p->conn, err.detail);
        return CONN_ERROR;
    }
    return conn_handshake(&p->conn);
}

/* Sends the question and reads until the first bytes of an answer are there. */
static enum conn_result ask(struct probe *p)
{
    enum conn_result r = CONN_OK;
    size_t n;

    while (r == CONN_OK && p->ask_sent < p->ask_n) {
        r = conn_write(&p->conn, p->ask + p->ask_sent, p->ask_n - p->ask_sent, &n);
        if (r == CONN_OK) p->ask_sent += n;
    }
    if (r == CONN_OK) r = conn_flush(&p->conn);
    while (r == CONN_OK && p->answer_n < sizeof("HTTP/1.1 ") - 1) {
        r = conn_read(&p->conn, p->answer + p->answer_n, sizeof(p->answer) - p->answer_n, &n);
        if (r == CONN_OK) p->answer_n += n;
    }
    return r;
}

static void run(struct probe *p)
{
    enum conn_result r = conn_connected(&p->conn);

    if (r == CONN_OK && p->kind >= PROBE_TLS) r = handshake(p);
    if (r == CONN_OK && p->kind >= PROBE_HTTP) r = ask(p);
    if (r == CONN_AGAIN) {
        if (p->conn.state == CONN_OPEN) conn_flush(&p->conn);
        return;
    }
    if (r != CONN_OK)
        end_failed(p);
    else if (p->kind >= PROBE_HTTP && !str_starts(str_make(p->answer, p->answer_n), STR("HTTP/1.")))
        end(p, "the answer is not HTTP", false);
    else
        end(p, NULL, false);
}

static void on_event(struct conn *c, void *arg)
{
    (void)c;
    run(arg);
}

struct probe *probe_start(struct loop *loop, const struct server_conf *server, const struct netaddr *addr,
                          enum probe_kind kind, SSL_CTX *ctx, const char *sni, const char *host, probe_done_fn *done,
                          void *arg, struct err *err)
{
    struct probe *p = calloc(1, sizeof(*p));
    struct sbuf b;

    if (!p || !(p->sni = strdup(sni))) {
        free(p);
        err_set(err, ERR_NO_MEMORY, 0, "probe");
        return NULL;
    }
    p->loop = loop;
    p->kind = kind;
    p->done = done;
    p->arg = arg;
    b = sbuf_make(p->ask, sizeof(p->ask));
    head_put_request_line(&b, STR("HEAD"), STR("/"), STR_NONE, false);
    head_put(&b, STR("Host"), str_from(host));
    head_put(&b, STR("User-Agent"), release_agent);
    head_put(&b, STR("Connection"), STR("close"));
    head_put_end(&b);
    ASSERT(!b.overflow);
    p->ask_n = b.n;
    if (conn_connect(&p->conn, loop, server, addr, on_event, p, err) != ERR_NONE) {
        free(p->sni);
        free(p);
        return NULL;
    }
    p->ctx = tls_ctx_ref(ctx);
    return p;
}

void probe_expire(struct probe *p)
{
    static const char *const late[] = {
        [CONN_CONNECTING] = "no connection within probe_timeout",
        [CONN_HANDSHAKE] = "no TLS handshake within probe_timeout",
        [CONN_OPEN] = "no answer within probe_timeout",
    };

    end(p, late[p->conn.state] ? late[p->conn.state] : "probe_timeout", false);
}

void probe_abandon(struct probe **pp)
{
    struct probe *p = *pp;

    *pp = NULL;
    if (!p) return;
    free_probe(p, true);
}
