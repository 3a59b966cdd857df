/* SPDX-License-Identifier: Apache-2.0
 * access_log.c: one line per request, text (key=value) or JSON, given to the worker's queue of the log's sink.
 * The last fields say who ended the request and where: the error table's word, and the step.
 */
#include "base/clock.h"
#include "base/log.h"
#include "flow/flow.h"
#include "flow/worker.h"

#include <inttypes.h>

enum { KEY_MAX = 3072 };

struct line {
    struct sbuf *b;
    bool json;
};

static void put_name(struct line *l, const char *name)
{
    if (l->json) {
        sbuf_add(l->b, l->b->n && l->b->p[l->b->n - 1] == '{' ? STR("\"") : STR(",\""));
        sbuf_add(l->b, str_from(name));
        sbuf_add(l->b, STR("\":"));
    } else {
        sbuf_char(l->b, ' ');
        sbuf_add(l->b, str_from(name));
        sbuf_char(l->b, '=');
    }
}

static void put_str(struct line *l, const char *name, struct str value)
{
    put_name(l, name);
    if (l->json)
        log_json_string(l->b, value);
    else
        log_text_value(l->b, value);
}

static void put_u64(struct line *l, const char *name, uint64_t value)
{
    put_name(l, name);
    sbuf_u64(l->b, value);
}

/* Milliseconds with three decimals. */
static void put_ms(struct line *l, const char *name, int64_t us)
{
    put_name(l, name);
    sbuf_printf(l->b, "%" PRId64 ".%03d", us > 0 ? us / 1000 : 0, us > 0 ? (int)(us % 1000) : 0);
}

static struct str answer_field(const struct request *req, enum header_id id)
{
    const struct header *h = req->answer ? headers_find(&req->answer->headers, id) : NULL;

    return h ? h->value : STR_NONE;
}

/* How the caller was proven, and what the signature says of the body. */
static void put_proof(struct line *l, const struct request *req)
{
    static const char *const auth[] = {[AUTH_NONE] = "",
                                       [AUTH_ANONYMOUS] = "anonymous",
                                       [AUTH_SIGV4_HEADER] = "sigv4",
                                       [AUTH_SIGV4_QUERY] = "sigv4-query",
                                       [AUTH_SIGV2_HEADER] = "sigv2",
                                       [AUTH_SIGV2_QUERY] = "sigv2-query",
                                       [AUTH_FORM] = "form",
                                       [AUTH_FOREIGN] = "foreign",
                                       [AUTH_PASSWORD] = "password",
                                       [AUTH_PREFLIGHT] = "preflight"};
    static const char *const payload[] = {
        [PAYLOAD_HASH] = "hash",
        [PAYLOAD_UNSIGNED] = "unsigned",
        [PAYLOAD_UNSIGNED_TRAILER] = "unsigned-trailer",
        [PAYLOAD_SIGNED_CHUNKS] = "signed-chunks",
        [PAYLOAD_SIGNED_TRAILER] = "signed-trailer",
        [PAYLOAD_ECDSA] = "ecdsa",
        [PAYLOAD_INVALID] = "invalid",
    };

    put_str(l, "auth", str_from(auth[req->auth]));
    put_str(l, "payload", req->auth != AUTH_NONE && req->caller ? str_from(payload[req->payload]) : STR_NONE);
}

static void put_request(struct line *l, const struct request *req)
{
    char peer[NETADDR_TEXT];

    netaddr_format(&req->session->peer, peer);
    put_str(l, "req", str_from(req->id));
    put_str(l, "listener", str_from(req->session->listener->name));
    put_str(l, "peer", str_from(peer));
    if (req->session->listener->mode == LISTENER_REDIRECT) {
        netaddr_format(&req->session->original, peer);
        put_str(l, "original", str_from(peer));
    }
    put_str(l, "client", req->caller ? str_from(req->caller->name) : STR_NONE);
    put_str(l, "user", req->user_tried.n ? req->user_tried : req->user ? str_from(req->user->name) : STR_NONE);
    put_proof(l, req);
    put_str(l, "method", str_head(req->in ? req->in->method : req->seen.method, 32));
    put_str(l, "operation",
            req->operation                             ? str_from(req->operation->name)
            : req->tunnel                              ? STR("tunnel")
            : request_method_id(req) == METHOD_CONNECT ? STR("CONNECT")
                                                       : STR_NONE);
    put_str(l, "host", str_head(request_asked_host(req), 255));
    put_str(l, "bucket", str_head(req->bucket, 255));
    put_str(l, "key", str_head(req->key, KEY_MAX));
}

/* Content that was hashed or summed here, for its signatures in and out or for its trailer. */
static uint64_t hashed_bytes(const struct request *req)
{
    bool sealed = req->out_kind == OUT_SIGNED || req->out_kind == OUT_SIGNED_TRAILER;

    return req->hashed + (req->chunked ? req->chunked->hashed : 0) + (sealed ? req->body_sent : 0);
}

/* A client whose socket does not take bytes any more may be noticed outside the tunnel's own step. */
static struct str ended_by(const struct request *req)
{
    const char *who = req->tunnel->ended_by;

    return str_from(!who && req->err.code == ERR_CLIENT_GONE ? "client" : who);
}

static struct str where_to(const struct request *req)
{
    if (!req->address[0]) return STR_NONE;
    if (req->tunnel && req->tunnel->via) return str_from(req->tunnel->via->name);
    return req->endpoint ? str_from(req->endpoint->name) : STR_NONE;
}

static void put_outcome(struct line *l, const struct request *req)
{
    int64_t now = clock_monotonic_us();
    struct str s3_id = answer_field(req, HDR_X_AMZ_REQUEST_ID);

    put_u64(l, "status", req->status);
    put_u64(l, "bytes_in", req->tunnel ? req->tunnel->out.bytes : req->body.plain);
    put_u64(l, "bytes_hashed", hashed_bytes(req));
    put_u64(l, "bytes_out", req->tunnel ? req->tunnel->back.bytes : req->answer_bytes);
    put_str(l, "endpoint", where_to(req));
    put_str(l, "credentials", req->lease.keys ? str_from(req->credentials->name) : STR_NONE);
    put_str(l, "address", str_from(req->address));
    put_u64(l, "attempts", req->attempts);
    put_u64(l, "retries", req->retries);
    put_str(l, "retry_reasons", str_from(req->retry_reasons));
    put_str(l, "region_from", req->region_from);
    put_ms(l, "connect_ms", req->connected_us ? req->connected_us - req->attempt_us : 0);
    put_ms(l, "first_byte_ms", req->first_byte_us ? req->first_byte_us - req->started_us : 0);
    put_ms(l, "total_ms", now - req->started_us);
    put_str(l, "s3_request_id", str_head(s3_id, 128));
    put_str(l, "s3_error", req->s3_error);
    put_str(l, "end", str_from(err_info(req->err.code)->word));
    put_str(l, "step", str_from(request_step_name(req->err.code != ERR_NONE ? req->failed_at : STEP_finish)));
    if (req->tunnel) put_str(l, "ended_by", ended_by(req));
    if (req->err.code != ERR_NONE && req->err.detail[0]) put_str(l, "detail", str_from(req->err.detail));
}

void access_log_write(struct request *req)
{
    struct worker *w = req->worker;
    struct line l = {&w->line, log_format_now() == LOG_JSON};

    if (!w->access || !req->started_us) return;
    l.b->n = 0;
    l.b->overflow = false;
    if (l.json) sbuf_char(l.b, '{');
    if (l.json) {
        put_name(&l, "time");
        sbuf_char(l.b, '"');
    }
    log_time(l.b, req->started_wall_us);
    if (l.json) sbuf_char(l.b, '"');
    if (l.json)
        put_str(&l, "type", STR("access"));
    else
        sbuf_add(l.b, STR(" access"));
    put_request(&l, req);
    put_outcome(&l, req);
    if (l.json) sbuf_char(l.b, '}');
    sbuf_char(l.b, '\n');
    if (l.b->overflow) l.b->p[l.b->n - 1] = '\n'; /* cannot be, all that goes in is cut; but a log harms no request */
    (void)sink_put(w->access, sbuf_str(l.b));
    w->wrote_lines = true;
}
