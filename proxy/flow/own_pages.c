/* SPDX-License-Identifier: Apache-2.0
 * own_pages.c: the step own_page, see own_pages.h: a table of paths. Whatever a client of S3 sends goes on as ever:
 * what is signed, what has a query or a body, what comes inside a CONNECT or on a redirected connection (whose paths
 * are all S3's), and what names a bucket in its host name.
 */
#include "own_pages.h"

#include "base/clock.h"
#include "flow/pac.h"
#include "flow/reply.h"
#include "flow/router.h"
#include "flow/session.h"
#include "flow/worker.h"

/* --- health: load balancers send their own idea of Host --- */

static struct str health_path(const struct session *c)
{
    return c->listener->health ? str_from(c->listener->health) : STR_NONE;
}

/* BUCKET.NAME of the listener's own names, or BUCKET.s3.… */
static bool names_bucket(const struct session *c, struct str host)
{
    struct str bucket;
    struct s3_host s3;
    struct err ignored;

    if (router_own_name(c->listener, host, &bucket)) return bucket.n > 0;
    return s3_host_parse(host, &s3, &ignored) == ERR_NONE && (s3.prefix.n || !s3_host_has_bucket(&s3));
}

static bool health_is_for(const struct session *c, struct str host)
{
    return !host.n || !names_bucket(c, host);
}

static enum step_result answer_health(struct request *req)
{
    bool stopping = req->worker->leaving && !req->worker->stop.patient; /* else others serve here */

    reply_page(req, stopping ? 503 : 200, STR("text/plain; charset=utf-8"), STR("no-store"),
               stopping ? STR("stopping\n") : STR("ok\n"));
    return STEP_NEXT;
}

/* --- the revocation list: "-" is too short for a bucket's name, so its path is no object's --- */

static struct str crl_path(const struct session *c)
{
    return c->use->snapshot->mint ? STR("/-/ca.crl") : STR_NONE;
}

static bool crl_is_for(const struct session *c, struct str host)
{
    struct str bucket;

    if (c->listener->mode == LISTENER_FORWARD) return true;
    return host.n && router_own_name(c->listener, host, &bucket) && !bucket.n;
}

static enum step_result answer_crl(struct request *req)
{
    struct sbuf der = arena_sbuf(&req->arena, MINT_CRL_BYTES);

    if (!mint_crl(req->session->use->snapshot->mint, clock_wall_us() / 1000000, &der))
        return request_fail(req, ERR_INTERNAL, "the revocation list cannot be made");
    reply_page(req, 200, STR("application/pkix-crl"), STR("max-age=86400"), sbuf_str(&der));
    return STEP_NEXT;
}

/* --- for those who are to use this proxy: as it is asked itself, which a forward listener is for nothing else --- */

static struct str authority_path(const struct session *c)
{
    return c->listener->mode == LISTENER_FORWARD && c->use->snapshot->mint ? STR("/ca.pem") : STR_NONE;
}

static bool authority_is_for(const struct session *c UNUSED, struct str host)
{
    return !s3_host_is_s3(host);
}

static enum step_result answer_authority(struct request *req)
{
    struct sbuf pem = arena_sbuf(&req->arena, CA_PEM_BYTES);

    if (!ca_pem(mint_ca(req->session->use->snapshot->mint), &pem))
        return request_fail(req, ERR_INTERNAL, "the authority's certificates do not fit");
    reply_page(req, 200, STR(CA_PEM_TYPE), STR("no-cache"), sbuf_str(&pem));
    return STEP_NEXT;
}

static struct str pac_path(const struct session *c)
{
    return c->listener->mode == LISTENER_FORWARD ? STR("/proxy.pac") : STR_NONE;
}

/* It says how it was called itself. */
static bool pac_is_for(const struct session *c UNUSED, struct str host)
{
    return host.n && !s3_host_is_s3(host);
}

static enum step_result answer_pac(struct request *req)
{
    struct sbuf script = arena_sbuf(&req->arena, PAC_BYTES);

    if (!pac_write(request_settings(req), req->session->listener, req->in.head->host, req->session->tls, &script))
        return request_fail(req, ERR_BAD_REQUEST, "No script can be made for this proxy under that name.");
    reply_page(req, 200, STR(PAC_TYPE), STR("max-age=300"), sbuf_str(&script));
    return STEP_NEXT;
}

/* --- the table --- */

static const struct page {
    struct str (*path)(const struct session *c);              /* empty: the listener has no such page */
    bool (*is_for)(const struct session *c, struct str host); /* @host: lower case; empty: none, or malformed */
    enum step_result (*answer)(struct request *req);
    struct operation operation; /* for the access line */
} pages[] = {
    {crl_path, crl_is_for, answer_crl, {.name = "ca.crl", .access = ACCESS_READ}},
    {authority_path, authority_is_for, answer_authority, {.name = "ca.pem", .access = ACCESS_READ}},
    {pac_path, pac_is_for, answer_pac, {.name = "proxy.pac", .access = ACCESS_READ}},
    {health_path, health_is_for, answer_health, {.name = "health", .access = ACCESS_READ}},
};

static bool lower_host(const struct request *req, char *mem, size_t cap, struct str *host)
{
    struct sbuf b = sbuf_make(mem, cap);
    struct str name;
    unsigned port;

    *host = STR_NONE;
    if (!uri_split_authority(req->in.head->host, &name, &port)) return true;
    sbuf_lower(&b, name);
    *host = sbuf_str(&b);
    return !b.overflow;
}

static bool may_be_asked(const struct request *req)
{
    const struct session *c = req->session;
    const struct head_request *in = req->in.head;

    return in && !c->authority && c->listener->mode != LISTENER_REDIRECT &&
           (in->method_id == METHOD_GET || in->method_id == METHOD_HEAD);
}

static const struct page *find_page(const struct request *req)
{
    char mem[256];
    struct str host;

    if (!may_be_asked(req)) return NULL;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        const struct page *p = &pages[i];
        struct str path = p->path(req->session);

        if (!path.n || !str_eq(req->in.head->target, path)) continue;
        if (req->in.head->body != BODY_NONE || headers_find(&req->in.head->headers, HDR_AUTHORIZATION)) continue;
        if (lower_host(req, mem, sizeof(mem), &host) && p->is_for(req->session, host)) return p;
    }
    return NULL;
}

bool own_pages_are_asked(const struct request *req)
{
    return find_page(req) != NULL;
}

bool own_pages_have(const struct operation *operation)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (operation == &pages[i].operation) return true;
    return false;
}

enum step_result step_own_page(struct request *req)
{
    const struct page *p = find_page(req);

    req->in.operation = &p->operation;
    return p->answer(req) == STEP_NEXT ? request_goto(req, STEP_finish) : STEP_FAIL;
}
