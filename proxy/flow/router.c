/* SPDX-License-Identifier: Apache-2.0
 * router.c: the steps find_target (what is asked for) and choose_route (which endpoint and credentials serve it).
 * Fail closed: an S3 name without a configured endpoint is refused, never sent anywhere.
 */
#include "flow/router.h"

#include "flow/policy.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/way.h"
#include "flow/worker.h"
#include "own_pages.h"
#include "region.h"

#include <arpa/inet.h>

const struct endpoint_conf *router_endpoint_for_host(const struct settings *s, const struct s3_host *host,
                                                     struct str name, struct err *err)
{
    const struct endpoint_conf *ep =
        host->region.n ? settings_endpoint_for_region(s, host->region) : settings_default_endpoint(s);

    if (!ep) {
        err_set(err, ERR_HOST_REFUSED, 0,
                "No endpoint of this proxy serves Region %.*s (asked for as %.*s): add an [endpoint] section with "
                "region = %.*s, or put the Region into also_regions of one",
                STR_ARG(host->region), STR_ARG(name), STR_ARG(host->region));
        return NULL;
    }
    if (host->fips && !ep->fips) {
        err_set(err, ERR_HOST_REFUSED, 0,
                "%.*s asks for FIPS, and [endpoint %s] is not a FIPS endpoint: configure one whose name has the label "
                "s3-fips",
                STR_ARG(name), ep->name);
        return NULL;
    }
    return ep;
}

static bool is_ip_literal(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr a;

    return str_to_cstr(host, text, sizeof(text)) &&
           (inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1);
}

/* Names of an endpoint listener: its own ones, addresses, localhost. BUCKET.NAME is host style; of two names that end
 * alike the longer one counts, whatever their order. */
bool router_own_name(const struct listener_conf *l, struct str host, struct str *bucket)
{
    size_t longest = 0;

    *bucket = STR_NONE;
    if (l->mode != LISTENER_ENDPOINT) return false;
    if (is_ip_literal(host)) return true;
    for (size_t i = 0; i <= l->names.n; i++) {
        struct str name = i < l->names.n ? str_from(l->names.v[i]) : STR("localhost");

        if (str_eq_nocase(host, name)) {
            *bucket = STR_NONE;
            return true;
        }
        if (name.n > longest && host.n > name.n + 1 && host.p[host.n - name.n - 1] == '.' &&
            str_eq_nocase(str_tail(host, host.n - name.n), name)) {
            *bucket = str_head(host, host.n - name.n - 1);
            longest = name.n;
        }
    }
    return longest > 0;
}

bool router_serves_name(const struct settings *s, const struct listener_conf *l, struct str host)
{
    struct s3_host s3;
    struct str bucket;

    if (is_ip_literal(host)) return false; /* only the one that the client came to */
    if (router_own_name(l, host, &bucket)) return true;
    /* Also on forward listeners: Node.js takes the name for TLS to a proxy from the Host field of its CONNECT. */
    return s3_host_parse(host, &s3, NULL) == ERR_NONE && router_endpoint_for_host(s, &s3, host, NULL);
}

/* One machine in two spellings: names in any case; @port, the scheme's own, written or left out. */
static bool is_same_authority(struct str a, struct str b, unsigned port)
{
    struct str host_a, host_b;
    unsigned port_a, port_b;

    return uri_split_authority(a, &host_a, &port_a) && uri_split_authority(b, &host_b, &port_b) &&
           str_eq_nocase(host_a, host_b) && (port_a ? port_a : port) == (port_b ? port_b : port);
}

/* Whom the request is for. RFC 9112 3.2.2: an absolute-form target replaces Host. But clients sign Host: if the two
 * could differ, one would be proven and the other one served. */
static enum step_result find_authority(struct request *req)
{
    struct str target = req->in.uri.authority, host = req->in.head->host;
    unsigned port = str_eq_nocase(req->in.uri.scheme, STR("https")) ? 443 : 80;

    req->in.authority = host.n ? host : target;
    if (!target.n || !host.n || is_same_authority(target, host, port)) return STEP_NEXT;
    return request_fail(req, ERR_BAD_REQUEST, "The request target is for %.*s, the Host header for %.*s.",
                        STR_ARG(str_head(target, 200)), STR_ARG(str_head(host, 200)));
}

/* Which host the client speaks to. */
static enum step_result find_host(struct request *req)
{
    struct session *c = req->session;
    struct str authority, host;
    unsigned port;
    struct sbuf lower;

    if (c->listener->mode == LISTENER_FORWARD && !c->authority && req->in.uri.form != URI_ABSOLUTE)
        return request_fail(req, ERR_NOT_AN_ENDPOINT, "origin-form request on forward listener %s", c->listener->name);
    if (find_authority(req) != STEP_NEXT) return STEP_FAIL;
    authority = req->in.authority;
    if (!authority.n && req->in.head->minor == 0 && c->listener->mode == LISTENER_ENDPOINT)
        authority = STR("localhost"); /* RFC 9112 3.2: 1.0 may leave it out */
    if (!uri_split_authority(authority, &host, &port))
        return request_fail(req, ERR_BAD_REQUEST, "Host is missing or malformed");
    lower = arena_sbuf(&req->arena, host.n + 1);
    sbuf_lower(&lower, host);
    if (lower.overflow) return request_fail(req, ERR_NO_MEMORY, "host");
    req->in.host = sbuf_str(&lower);
    if (c->authority && !str_eq(req->in.host, str_from(c->authority)))
        return request_fail(req, ERR_MISDIRECTED, "the connection was opened for %s, the request names %.*s",
                            c->authority, STR_ARG(req->in.host));
    return STEP_NEXT;
}

enum step_result router_read_path(struct request *req, bool plus_is_blank, struct str *path)
{
    struct sbuf b = arena_sbuf(&req->arena, req->in.uri.path.n + 1);

    if (!b.cap) return request_fail(req, ERR_NO_MEMORY, "path");
    if (!uri_decode(req->in.uri.path, plus_is_blank, b.p, &b.n)) {
        request_error_field(req, "URI", req->in.uri.path);
        return request_fail(req, ERR_BAD_URI, "bad percent escape in the path");
    }
    *path = sbuf_str(&b);
    return STEP_NEXT;
}

bool router_plus_is_blank(const struct request *req)
{
    const struct endpoint_conf *ep = router_endpoint(req);

    return !ep || ep->plus == PLUS_BLANK;
}

void router_take_path(struct request *req, struct str path)
{
    req->in.path = path;
    if (req->in.host_style)
        req->in.key = str_tail(req->in.path, 1);
    else
        s3_path_split(req->in.path, &req->in.bucket, &req->in.key);
}

static const char ARN_IN_PATH[] =
    "The specified bucket is not valid: an ARN stands in no path. Use the access point's alias as bucket, or the host "
    "NAME-ACCOUNT.s3-accesspoint.REGION.amazonaws.com; with a name of the proxy's own NAME-ACCOUNT.accesspoint before "
    "it.";

/* Takes host name and path apart: bucket and key. */
static enum step_result find_object(struct request *req)
{
    if (router_read_path(req, router_plus_is_blank(req), &req->in.path) != STEP_NEXT) return STEP_FAIL;
    if (!s3_host_has_bucket(&req->in.s3)) {
        req->in.host_style = true;
        return STEP_NEXT;
    }
    if (req->in.s3.prefix.n) {
        req->in.host_style = true;
        req->in.bucket = req->in.s3.prefix;
    }
    router_take_path(req, req->in.path);
    if (!req->in.bucket.n && req->in.key.n)
        return request_fail(req, ERR_BAD_BUCKET, "The path begins with an empty bucket name.");
    if (req->in.bucket.n && !s3_bucket_valid(req->in.bucket)) {
        request_error_field(req, "BucketName", req->in.bucket);
        return request_fail(req, ERR_BAD_BUCKET, "%s", str_starts(req->in.bucket, STR("arn:")) ? ARN_IN_PATH : "");
    }
    return STEP_NEXT;
}

static enum step_result find_query(struct request *req)
{
    struct query_param params[REQUEST_MAX_QUERY + 1];
    size_t n = query_split(req->in.uri.query, params, REQUEST_MAX_QUERY);

    if (n > REQUEST_MAX_QUERY)
        return request_fail(req, ERR_BAD_URI, "more than %d query parameters", REQUEST_MAX_QUERY);
    if (n) {
        req->in.query = arena_alloc(&req->arena, n * sizeof(*req->in.query));
        if (!req->in.query) return request_fail(req, ERR_NO_MEMORY, "query");
        memcpy(req->in.query, params, n * sizeof(*params));
    }
    req->in.query_n = n;
    return STEP_NEXT;
}

static void find_operation(struct request *req)
{
    enum operation_level level = req->in.key.n ? LEVEL_OBJECT : req->in.bucket.n ? LEVEL_BUCKET : LEVEL_SERVICE;

    req->in.operation =
        s3_host_has_bucket(&req->in.s3)
            ? operation_find(req->in.head->method_id, level, req->in.query, req->in.query_n, &req->in.head->headers)
            : operation_of_service(req->in.s3.service, req->in.head->method_id, req->in.path);
}

static enum step_result refuse_host(struct request *req)
{
    const struct listener_conf *l = req->session->listener;
    struct err why = req->err;

    if (l->mode != LISTENER_ENDPOINT) return STEP_FAIL;
    return request_fail(req, ERR_HOST_REFUSED,
                        "%.350s If this is a name of the proxy itself, put it into `names` of [listener %s].",
                        why.detail, l->name);
}

/* Plain requests through a proxy are intercepted by their nature, and must be allowed to be. */
static enum step_result check_way(struct request *req)
{
    const struct session *c = req->session;
    struct way_choice choice;

    if (c->listener->mode == LISTENER_ENDPOINT || c->authority) return STEP_NEXT;
    choice = way_choose(request_settings(req), c->listener, req->who.user, req->in.host, &req->err);
    if (choice.way == WAY_TUNNEL)
        return request_fail(req, ERR_HOST_REFUSED, "%.*s may be reached through a tunnel only: use https://.",
                            STR_ARG(req->in.host));
    return choice.way == WAY_INTERCEPT ? STEP_NEXT : STEP_FAIL;
}

static enum step_result find_endpoint(struct request *req)
{
    if (check_way(req) != STEP_NEXT) return STEP_FAIL;
    if (s3_host_parse(req->in.host, &req->in.s3, &req->err) != ERR_NONE) return refuse_host(req);
    req->route.endpoint = router_endpoint_for_host(request_settings(req), &req->in.s3, req->in.host, &req->err);
    return req->route.endpoint ? STEP_NEXT : STEP_FAIL;
}

/* A name of the listener's own: access points and S3 Control, or buckets. */
static void take_own_name(struct request *req)
{
    const struct header *account = headers_find_name(&req->in.head->headers, STR("x-amz-account-id"));

    if (s3_own_host(req->in.bucket, req->in.uri.path, account ? account->value : STR_NONE, &req->in.s3))
        req->in.bucket = STR_NONE;
    req->in.host_style = req->in.bucket.n > 0;
}

enum step_result step_find_target(struct request *req)
{
    enum step_result r;

    if (!req->in.head) return tunnel_redirected(req);
    if (req->in.head->method_id == METHOD_CONNECT) return tunnel_connect(req);
    if (own_pages_are_asked(req)) return request_goto(req, STEP_own_page);
    if (uri_split(req->in.head->target, false, &req->in.uri, &req->err) != ERR_NONE) return STEP_FAIL;
    if (req->in.uri.form == URI_ASTERISK || req->in.head->method_id == METHOD_TRACE ||
        req->in.head->method_id == METHOD_OTHER) {
        request_error_field(req, "Method", req->in.head->method);
        return request_fail(req, ERR_METHOD, "method %.*s", STR_ARG(str_head(req->in.head->method, 32)));
    }
    r = find_host(req);
    if (r != STEP_NEXT) return r;
    if (req->session->refusal)
        return request_fail(req, req->session->refusal->code, "%s", req->session->refusal->detail);
    req->in.own_name = router_own_name(req->session->listener, req->in.host, &req->in.bucket);
    if (req->in.own_name)
        take_own_name(req);
    else if (find_endpoint(req) != STEP_NEXT)
        return STEP_FAIL;
    r = find_object(req);
    if (r == STEP_NEXT) r = find_query(req);
    if (r == STEP_NEXT) find_operation(req);
    return r;
}

const struct endpoint_conf *router_endpoint(const struct request *req)
{
    const struct settings *s = request_settings(req);
    const struct listener_conf *l = req->session->listener;
    const struct endpoint_conf *ep = req->route.endpoint;

    if (!ep) ep = l->endpoint;
    if (!ep && req->who.signed_region.n) ep = settings_endpoint_for_region(s, req->who.signed_region);
    return ep ? ep : settings_default_endpoint(s);
}

enum step_result step_choose_route(struct request *req)
{
    req->route.endpoint = router_endpoint(req);
    if (!req->route.endpoint) return request_fail(req, ERR_NO_ENDPOINT, "no endpoint is configured");
    if (req->who.auth == AUTH_FOREIGN) return STEP_NEXT;
    if (!req->route.moves) region_route(req);
    if (req->who.auth == AUTH_PREFLIGHT) return STEP_NEXT;
    if (req->route.region_from.n && policy_judge_move(req) != STEP_NEXT) return STEP_FAIL;
    if (region_check_copy(req) != STEP_NEXT) return STEP_FAIL;
    if (!req->retry.attempts) budget_earn(&pool_find(&req->worker->pool, req->route.endpoint->id)->budget);
    req->route.credentials =
        req->who.caller->terms->credentials ? req->who.caller->terms->credentials : req->route.endpoint->credentials;
    return STEP_NEXT;
}
