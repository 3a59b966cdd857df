/* SPDX-License-Identifier: Apache-2.0
 * crl_page.c: the revocation list of the local authority, for clients that insist on one: GET /-/ca.crl at a listener.
 * "-" is too short for a bucket's name, so the path is no object's; where the host names a bucket it is one, and goes
 * on. One worker.
 */
#include "flow/flow.h"
#include "flow/reply.h"
#include "flow/worker.h"

#include "base/clock.h"

bool crl_page_is_asked(const struct request *req)
{
    const struct session *c = req->session;
    const struct head_request *in = req->in;
    struct str host, bucket;
    unsigned port;

    if (!in || c->authority || c->listener->mode == LISTENER_REDIRECT || !c->worker->rt->mint) return false;
    if (in->method_id != METHOD_GET && in->method_id != METHOD_HEAD) return false;
    if (!str_eq(in->target, STR("/-/ca.crl")) || in->body != BODY_NONE) return false;
    if (headers_find(&in->headers, HDR_AUTHORIZATION)) return false;
    if (c->listener->mode == LISTENER_FORWARD) return true;
    return uri_split_authority(in->host, &host, &port) && router_own_name(c->listener, host, &bucket) && !bucket.n;
}

enum step_result crl_page_answer(struct request *req)
{
    static const struct operation crl = {.name = "ca.crl", .access = ACCESS_READ};
    struct sbuf der = arena_sbuf(&req->arena, MINT_CRL_BYTES), b = arena_sbuf(&req->arena, MINT_CRL_BYTES + 512);
    size_t took;

    req->operation = &crl;
    if (!mint_crl(req->worker->rt->mint, clock_wall_us() / 1000000, &der))
        return request_fail(req, ERR_INTERNAL, "the revocation list cannot be made");
    head_put_status_line(&b, 200, STR_NONE);
    head_put(&b, STR("Content-Type"), STR("application/pkix-crl"));
    head_put_u64(&b, STR("Content-Length"), der.n);
    head_put(&b, STR("Cache-Control"), STR("max-age=86400"));
    if (req->client_closes) head_put(&b, STR("Connection"), STR("close"));
    head_put_end(&b);
    if (req->in->method_id == METHOD_GET) sbuf_add(&b, sbuf_str(&der));
    if (b.overflow) return request_fail(req, ERR_NO_MEMORY, "revocation list");
    req->status = 200;
    req->answered = true;
    if (conn_write(&req->session->conn, b.p, b.n, &took) != CONN_OK || took != b.n) req->broken = true;
    req->step = STEP_finish - 1;
    return STEP_NEXT;
}
