/* SPDX-License-Identifier: Apache-2.0
 * healthz.c: requests that ask a listener whether it is there (option `health`), answered without S3. One worker.
 *
 * Load balancers send GET or HEAD, with their own idea of Host, without signature and password. Whatever a client of S3
 * sends goes on as ever: what is signed, what has a query, what comes inside a CONNECT or on a redirected connection
 * (whose paths are all S3's), and what names a bucket in its host name.
 */
#include "flow/flow.h"
#include "flow/reply.h"
#include "flow/worker.h"

/* BUCKET.NAME of the listener's own names, or BUCKET.s3.… */
static bool names_bucket(const struct request *req)
{
    const struct listener_conf *l = req->session->listener;
    char lower[256];
    struct sbuf b = sbuf_make(lower, sizeof(lower));
    struct str host, bucket;
    struct s3_host s3;
    struct err ignored;
    unsigned port;

    if (!uri_split_authority(req->in->host, &host, &port)) return false;
    sbuf_lower(&b, host);
    if (b.overflow) return true;
    host = sbuf_str(&b);
    if (router_own_name(l, host, &bucket)) return bucket.n > 0;
    return s3_host_parse(host, &s3, &ignored) == ERR_NONE && (s3.prefix.n || !s3_host_has_bucket(&s3));
}

bool healthz_is_asked(const struct request *req)
{
    const struct session *c = req->session;
    const struct head_request *in = req->in;

    if (!in || !c->listener->health || c->authority || c->listener->mode == LISTENER_REDIRECT) return false;
    if (in->method_id != METHOD_GET && in->method_id != METHOD_HEAD) return false;
    return str_eq(in->target, str_from(c->listener->health)) && in->body == BODY_NONE &&
           !headers_find(&in->headers, HDR_AUTHORIZATION) && !names_bucket(req);
}

enum step_result healthz_answer(struct request *req)
{
    static const struct operation health = {.name = "health", .access = ACCESS_READ};

    req->operation = &health;
    if (req->worker->stopping)
        reply_text(req, 503, STR("stopping\n"));
    else
        reply_text(req, 200, STR("ok\n"));
    req->step = STEP_finish - 1;
    return STEP_NEXT;
}
