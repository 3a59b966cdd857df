/* SPDX-License-Identifier: Apache-2.0
 * auth_unsigned.c: requests that prove nothing: a listener, or the password at the proxy, may say who they are. A web
 * page makes a browser send such requests without anybody's asking (a form, fetch with no-cors): what comes from a page
 * of another origin is refused.
 * And CORS preflights, which ask for nobody.
 * Source: W3C "Fetch Metadata Request Headers" (Sec-Fetch-Site), RFC 6454 7 (Origin), S3 API Reference "GetObject"
 * (response-… cannot be used with an unsigned request).
 */
#include "auth.h"
#include "flow/session.h"

/* --- CORS preflights --- */

/* S3 has no other use for OPTIONS, and tells everybody what is missing, whatever they ask for. */
static enum step_result check_preflight(struct request *req)
{
    const struct headers *all = &req->in.head->headers;

    if (!headers_find_name(all, STR("origin")))
        return request_fail(req, ERR_PREFLIGHT, "Insufficient information. Origin request header needed.");
    if (!headers_find_name(all, STR("access-control-request-method")))
        return request_fail(req, ERR_PREFLIGHT, "Invalid Access-Control-Request-Method: null");
    return STEP_NEXT;
}

/* A browser asks so before it sends a request that a page has signed, and signs nothing of it itself; S3 answers it
 * from the rules of the bucket alone. It changes nothing and reads no object, whatever its query says. */
enum step_result auth_accept_preflight(struct request *req, bool *accepted)
{
    static const struct operation preflight = {.name = "Preflight", .level = LEVEL_BUCKET, .access = ACCESS_READ};

    *accepted = false;
    if (req->in.head->method_id != METHOD_OPTIONS) return STEP_NEXT;
    if (check_preflight(req) != STEP_NEXT) return STEP_FAIL;
    if (!req->in.bucket.n || req->in.head->body == BODY_CHUNKED || req->in.head->content_length) return STEP_NEXT;
    req->who.auth = AUTH_PREFLIGHT;
    req->in.operation = &preflight;
    req->who.payload = PAYLOAD_UNSIGNED;
    *accepted = true;
    return STEP_NEXT;
}

/* --- web pages --- */

/* scheme://host[:port] of the page is what the request was sent to: the listener's own name or address, or S3's. */
static bool is_own_origin(const struct request *req, struct str origin)
{
    size_t at = str_find(origin, STR("://"));

    return at != SIZE_MAX && req->in.authority.n && str_eq_nocase(str_tail(origin, at + 3), req->in.authority);
}

/* Whether a field says that a page of another origin sent the request: "cross-site", or "same-site", as another port of
 * this machine is; "null" is the origin of a page that hides it. */
static bool is_from_other_origin(const struct request *req, const struct header *h)
{
    if (str_eq_nocase(h->name, STR("origin"))) return !is_own_origin(req, h->value);
    return str_eq_nocase(h->name, STR("sec-fetch-site")) && !str_eq(h->value, STR("same-origin")) &&
           !str_eq(h->value, STR("none"));
}

static enum step_result check_web_page(struct request *req)
{
    const struct listener_conf *l = req->session->listener;

    if (l->web_pages == WEB_PAGES_ALLOW) return STEP_NEXT;
    for (size_t i = 0; i < req->in.head->headers.n; i++) {
        const struct header *h = &req->in.head->headers.v[i];

        if (is_from_other_origin(req, h))
            return request_fail(req, ERR_WEB_PAGE, "%.*s: %.*s, and listener %s has not `web_pages = allow`",
                                STR_ARG(str_head(h->name, 16)), STR_ARG(str_head(h->value, 128)), l->name);
    }
    return STEP_NEXT;
}

/* They could make a page of an object. */
static enum step_result check_answer_fields(struct request *req)
{
    for (size_t i = 0; i < req->in.query_n; i++)
        if (uri_decodes_to_prefix(req->in.query[i].name, STR("response-")))
            return request_fail(req, ERR_UNSIGNED_RESPONSE, "response-… in an unsigned request");
    return STEP_NEXT;
}

/* --- who it is --- */

enum step_result auth_accept_unsigned(struct request *req)
{
    const struct listener_conf *l = req->session->listener;
    const struct principal_conf *who = req->who.user ? req->who.user : l->anonymous;
    const char *why_not = who ? principal_why_not(who, NULL, req->started_wall_us / 1000000) : NULL;

    if (!who)
        return request_fail(req, ERR_NO_AUTH, "no signature, and listener %s has no `anonymous = CLIENT`", l->name);
    if (why_not) return request_fail(req, ERR_NO_AUTH, "no signature, and client %s %s", who->name, why_not);
    req->who.caller = who;
    req->who.auth = req->who.user ? request_auth_of_user(req) : AUTH_ANONYMOUS;
    req->who.plus_is_space = true; /* S3's own reading where no signature tells */
    return check_web_page(req) == STEP_NEXT ? check_answer_fields(req) : STEP_FAIL;
}
