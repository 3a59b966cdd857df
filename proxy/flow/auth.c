/* SPDX-License-Identifier: Apache-2.0
 * auth.c: the step check_caller: who calls, and is what they signed what arrived. Which kind of proof there is, and
 * what it means for the body; the proofs themselves are judged in auth_sigv4.c, auth_sigv2.c and form.c.
 */
#include "auth.h"

#include "aws/sign/sigv2.h"
#include "flow/body/form.h"
#include "flow/session.h"
#include "flow/sign.h"

static enum step_result not_yet(struct request *req, const char *what)
{
    return request_fail(req, ERR_NOT_IMPLEMENTED,
                        "%s is not supported by this proxy; sign with SigV4 in the Authorization header", what);
}

/* yyyymmddThhmmssZ in the request's arena; {NULL,0} when out of memory. @unix_s: as sigv4_format_time takes it. */
struct str auth_stamp(struct request *req, int64_t unix_s)
{
    struct sbuf b = arena_sbuf(&req->arena, SIGV4_TIMESTAMP_BYTES);

    if (!b.cap) return STR_NONE;
    sigv4_format_time(unix_s, b.p);
    return str_make(b.p, SIGV4_TIMESTAMP_BYTES);
}

/* The request's time as yyyymmddThhmmssZ. */
enum step_result auth_check_date(struct request *req, struct str *timestamp)
{
    const struct header *h = headers_find(&req->in.head->headers, HDR_X_AMZ_DATE);
    int64_t now_s = req->started_wall_us / 1000000, then_s;

    if (!h) h = headers_find(&req->in.head->headers, HDR_DATE);
    if (!h || !sigv4_parse_date(h->value, &then_s))
        return request_fail(req, ERR_AUTH_DATE, "neither x-amz-date nor Date is usable");
    if (then_s >= now_s - AUTH_MAX_SKEW_S && then_s <= now_s + AUTH_MAX_SKEW_S) {
        *timestamp = auth_stamp(req, then_s);
        return timestamp->p ? STEP_NEXT : request_fail(req, ERR_NO_MEMORY, "date");
    }
    request_error_field(req, "RequestTime", h->value);
    request_error_field(req, "ServerTime", auth_stamp(req, now_s));
    request_error_field(req, "MaxAllowedSkewMilliseconds", STR("900000"));
    return request_fail(req, ERR_TIME_SKEWED, "the client's clock is off by %lld s", (long long)(then_s - now_s));
}

/* A signature covers Host: it survives only if the endpoint serves that very name. */
static bool host_goes_unchanged(struct request *req)
{
    struct s3_vpce_name ours;
    struct str host;
    bool host_style;

    if (req->in.own_name || req->in.s3.legacy) return false;
    if (req->in.s3.endpoint_id.n) /* the endpoint's own name, regional or of a zone */
        return req->route.endpoint->vpce_name && s3_vpce_name_split(str_from(req->route.endpoint->vpce_name), &ours) &&
               (str_starts(req->in.s3.endpoint_id, ours.id) || str_starts(ours.id, req->in.s3.endpoint_id));
    host = sign_host(req, &host_style);
    return host.p && str_eq(host, req->in.host) && host_style == req->in.host_style;
}

/* As S3 speaks of keys that are switched off, too: InvalidAccessKeyId. Why it is, is for the log. */
static void tell_unknown_key(struct request *req, struct str access_key)
{
    request_error_field(req, "AWSAccessKeyId", access_key);
    request_tell(req,
                 "The access key %.*s is not known to this proxy; use the key pair that its administrator gave you, "
                 "not one of AWS.",
                 STR_ARG(str_head(access_key, 128)));
}

static enum step_result check_counts(struct request *req, struct str access_key)
{
    const char *why_not = principal_why_not(req->who.caller, req->who.caller_key, req->started_wall_us / 1000000);

    if (!why_not) return STEP_NEXT;
    tell_unknown_key(req, access_key);
    return request_fail(req, ERR_UNKNOWN_KEY, "client %s %s", req->who.caller->name, why_not);
}

/* Whose key it is. Nobody's: refused, or passed on with all that it signs. */
enum step_result auth_find_caller(struct request *req, struct str access_key)
{
    bool unchanged;

    req->who.caller = settings_client_by_key(request_settings(req), access_key, &req->who.caller_key);
    if (req->who.caller) return check_counts(req, access_key);
    unchanged = host_goes_unchanged(req);
    if (unchanged && req->session->listener->foreign == FOREIGN_PASS) {
        req->who.auth = AUTH_FOREIGN;
        return STEP_NEXT;
    }
    tell_unknown_key(req, access_key);
    return request_fail(
        req, ERR_UNKNOWN_KEY, "no [client] has the access key %.*s%s", STR_ARG(str_head(access_key, 128)),
        unchanged ? "; with `foreign = pass` at the listener it would go on under its own identity"
                  : "; it could not go on under its own identity either: the endpoint serves another Host");
}

enum step_result auth_check_source(struct request *req, const struct principal_conf *who)
{
    const struct netaddr *peer = &req->session->peer;
    char from[NETADDR_TEXT];

    /* `s3onramp explain` knows none. */
    if (peer->u.sa.sa_family == AF_UNSPEC || principal_may_come_from(who, peer)) return STEP_NEXT;
    netaddr_format(peer, from);
    request_tell(req, "Client %s%s may not come from %.*s. The administrator of this proxy decides from where.",
                 who->name, req->who.auth == AUTH_ANONYMOUS ? ", which stands for unsigned requests," : "",
                 STR_ARG(str_head(str_from(from), str_rindex(str_from(from), ':'))));
    return request_fail(req, ERR_SOURCE, "client %s comes from %s, which is in none of its networks (allow_from)",
                        who->name, from);
}

enum step_result auth_check_payload_value(struct request *req, struct str value)
{
    req->who.payload = sigv4_payload_mode(value);
    if (req->who.payload == PAYLOAD_INVALID) {
        request_error_field(req, "ArgumentName", STR("x-amz-content-sha256"));
        request_error_field(req, "ArgumentValue", value);
        return request_fail(req, ERR_SHA256_INVALID, "x-amz-content-sha256");
    }
    req->who.payload_hash = value;
    return STEP_NEXT;
}

/* Unsigned requests may carry the header all the same; SDKs told not to sign send aws-chunked bodies without it. */
enum step_result auth_find_payload(struct request *req)
{
    const struct headers *all = &req->in.head->headers;
    const struct header *h = headers_find(all, HDR_X_AMZ_CONTENT_SHA256);

    req->who.payload = PAYLOAD_UNSIGNED;
    if (h) return auth_check_payload_value(req, h->value);
    if (headers_find(all, HDR_X_AMZ_TRAILER) && headers_has_token(all, HDR_CONTENT_ENCODING, STR("aws-chunked")))
        req->who.payload = PAYLOAD_UNSIGNED_TRAILER;
    return STEP_NEXT;
}

/* What the payload mode means for the body. */
static enum step_result check_payload_mode(struct request *req)
{
    const struct header *h = headers_find(&req->in.head->headers, HDR_X_AMZ_DECODED_CONTENT_LENGTH);

    switch (req->who.payload) {
    case PAYLOAD_ECDSA: return not_yet(req, "Signature Version 4A (STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD)");
    case PAYLOAD_SIGNED_CHUNKS:
    case PAYLOAD_SIGNED_TRAILER:
        if (!req->who.chunk_seal.key)
            return request_fail(req, ERR_SHA256_INVALID, "signed chunks after a head that is not signed with SigV4");
        /* fall through */
    case PAYLOAD_UNSIGNED_TRAILER:
        if (!h || !str_to_u64(h->value, &req->who.decoded_length))
            return request_fail(req, ERR_LENGTH_REQUIRED, "x-amz-decoded-content-length is missing or not a number");
        if (req->in.body.done)
            return request_fail(req, ERR_INCOMPLETE_BODY, "an aws-chunked body is announced, but none is sent");
        return STEP_NEXT;
    default:
        /* S3 needs to know the length before it takes a body. */
        if (req->in.head->body == BODY_CHUNKED)
            return request_fail(req, ERR_LENGTH_REQUIRED, "Transfer-Encoding: chunked without aws-chunked inside");
        if (req->in.operation->streams_body && !req->in.head->has_content_length)
            return request_fail(req, ERR_LENGTH_REQUIRED, "no Content-Length");
        return STEP_NEXT;
    }
}

static enum step_result misplaced(struct request *req, const struct query_param *p, const char *why)
{
    request_error_field(req, "ArgumentName", p->name);
    return request_fail(req, ERR_PARAM_MISPLACED, "%.*s %s", STR_ARG(str_head(p->name, 64)), why);
}

/* What a header would say must not come in by the back door: neither what the policy looks for there, nor a signature's
 * words beside another proof, nor anything twice. */
static enum step_result check_misplaced(struct request *req)
{
    bool signed_query = req->who.auth == AUTH_SIGV4_QUERY || req->who.auth == AUTH_SIGV2_QUERY;

    for (size_t i = 0; i < req->in.query_n; i++) {
        const struct query_param *p = &req->in.query[i];

        if (!uri_decodes_to_prefix(p->name, STR("x-amz-"))) continue;
        if (uri_decodes_to_prefix(p->name, STR("x-amz-copy-source"))) return misplaced(req, p, "in the query");
        if (!signed_query && sigv4_is_like_auth_param(p)) return misplaced(req, p, "without a signature in the query");
        for (size_t j = 0; j < i; j++)
            if (uri_decode_alike(p->name, req->in.query[j].name)) return misplaced(req, p, "twice in the query");
    }
    return STEP_NEXT;
}

/* Refused, not passed over: RFC 9110 7.6.1 forbids clients to name such a field, and to take it off would make another
 * request of the one that was proven (without If-None-Match an overwrite). To ignore it would let through what another
 * hop reads the other way. */
enum step_result auth_refuse_nominated(struct request *req, const struct header *h)
{
    return request_fail(req, ERR_BAD_REQUEST, "Connection names %.*s, which does not end at this hop.",
                        STR_ARG(str_head(h->name, 64)));
}

/* Of two, one would be proven or judged and perhaps the other one obeyed. */
static enum step_result check_once(struct request *req)
{
    static const enum header_id ids[] = {HDR_AUTHORIZATION,        HDR_DATE,
                                         HDR_X_AMZ_DATE,           HDR_X_AMZ_TRAILER,
                                         HDR_X_AMZ_CONTENT_SHA256, HDR_X_AMZ_SECURITY_TOKEN,
                                         HDR_X_AMZ_COPY_SOURCE,    HDR_X_AMZ_DECODED_CONTENT_LENGTH};
    const struct headers *all = &req->in.head->headers;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (headers_count(all, ids[i]) > 1)
            return request_fail(req, ERR_AUTH_MALFORMED, "The request has more than one %.*s.",
                                STR_ARG(headers_find(all, ids[i])->name));
    return STEP_NEXT;
}

/* Fields that somebody on the way could read as another field, or not at all. */
static enum step_result check_fields(struct request *req)
{
    const struct headers *all = &req->in.head->headers;

    if (check_once(req) != STEP_NEXT) return STEP_FAIL;
    for (size_t i = 0; i < all->n; i++) {
        const struct header *h = &all->v[i];

        if (header_is_end_to_end(h) && headers_nominates(all, h)) return auth_refuse_nominated(req, h);
        if (header_is_ambiguous_amz(h->name))
            return request_fail(req, ERR_BAD_REQUEST, "The field %.*s has '_' where names of S3 have '-'.",
                                STR_ARG(str_head(h->name, 64)));
    }
    return STEP_NEXT;
}

static enum step_result check_header_proof(struct request *req, struct str value)
{
    if (str_starts(value, STR("AWS4-HMAC-SHA256"))) return auth_sigv4_header(req, value);
    if (str_starts(value, STR("AWS4-ECDSA-P256-SHA256"))) return not_yet(req, "Signature Version 4A");
    if (str_starts(value, STR("AWS "))) return auth_sigv2_header(req, value);
    request_error_field(req, "ArgumentName", STR("Authorization"));
    return request_fail(req, ERR_AUTH_TYPE, "Authorization is neither AWS4-HMAC-SHA256 nor AWS");
}

static enum step_result check_proof(struct request *req)
{
    const struct header *h = headers_find(&req->in.head->headers, HDR_AUTHORIZATION);
    bool v4_query = sigv4_is_in_query(req->in.query, req->in.query_n),
         v2_query = sigv2_is_in_query(req->in.query, req->in.query_n);

    if ((h && (v4_query || v2_query)) || (v4_query && v2_query)) {
        request_error_field(req, "ArgumentName", STR("Authorization"));
        return request_fail(req, ERR_AUTH_TWICE, "more than one signature");
    }
    if (v4_query) return auth_sigv4_query(req);
    if (v2_query) return auth_sigv2_query(req);
    if (!h && (req->who.form || form_is_one(req))) return form_check_caller(req);
    if (!h) return auth_accept_unsigned(req) == STEP_NEXT ? auth_find_payload(req) : STEP_FAIL;
    return check_header_proof(req, h->value);
}

/* At an endpoint's listener certificate and signature are of one client: who has stolen a key pair has not got the
 * certificate. At a proxy's the certificate stands for the password, and several may use one way out. */
static enum step_result check_who(struct request *req)
{
    const struct principal_conf *owner = req->session->certified;

    if (owner && owner != req->who.caller && req->session->listener->mode == LISTENER_ENDPOINT) {
        request_tell(req, "This request is signed by client %s, and the TLS certificate is that of client %s.",
                     req->who.caller->name, owner->name);
        return request_fail(req, ERR_CERTIFICATE, "signed by client %s with the certificate of client %s",
                            req->who.caller->name, owner->name);
    }
    return auth_check_source(req, req->who.caller);
}

enum step_result step_check_caller(struct request *req)
{
    enum step_result r;
    bool accepted;

    if (check_fields(req) != STEP_NEXT) return STEP_FAIL;
    r = auth_accept_preflight(req, &accepted);
    if (r != STEP_NEXT || accepted) return r;
    r = check_proof(req);
    if (r == STEP_NEXT && req->who.caller) r = check_who(req);
    if (r != STEP_NEXT || req->who.auth == AUTH_FOREIGN || req->who.form) return r;
    r = check_misplaced(req);
    return r == STEP_NEXT ? check_payload_mode(req) : r;
}
