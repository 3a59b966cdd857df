/* SPDX-License-Identifier: Apache-2.0
 * auth.c: the step check_caller: who calls, and is what they signed what arrived. Values are judged exactly as
 * received. Source: S3 API Reference, "Authenticating Requests (AWS Signature Version 4)"; order of checks as
 * S3-compatible servers do it: kind → date → skew → syntax → scope → key → signed headers → payload value → signature.
 */
#include "base/clock.h"
#include "flow/flow.h"
#include "flow/worker.h"

enum { MAX_SKEW_S = 900 };

static enum step_result not_yet(struct request *req, const char *what)
{
    return request_fail(req, ERR_NOT_IMPLEMENTED,
                        "%s is not supported by this proxy yet; sign with SigV4 in the Authorization header", what);
}

/* Requests that prove nothing: a listener may say who they are. */
static enum step_result accept_anonymous(struct request *req)
{
    const struct set_listener *l = req->client->listener;
    const struct header *type = headers_find(&req->in->headers, HDR_CONTENT_TYPE);

    if (query_find(req->query, req->query_n, STR("Signature")) ||
        query_find(req->query, req->query_n, STR("AWSAccessKeyId")))
        return not_yet(req, "A presigned URL (Signature Version 2 in the query)");
    if (req->in->method_id == METHOD_POST && type && str_starts_nocase(type->value, STR("multipart/form-data")))
        return not_yet(req, "A browser form upload (POST Object)");
    if (l->anonymous_index == SIZE_MAX)
        return request_fail(req, ERR_NO_AUTH, "no signature, and listener %s has no `anonymous = CLIENT`", l->name);
    req->caller = &req->worker->rt->settings->clients[l->anonymous_index];
    req->auth = AUTH_ANONYMOUS;
    req->plus_is_space = true; /* S3's own reading where no signature tells */
    return STEP_NEXT;
}

/* yyyymmddThhmmssZ in the request's arena; {NULL,0} when out of memory. @unix_s: as sigv4_format_time takes it. */
static struct str stamp_of(struct request *req, int64_t unix_s)
{
    struct sbuf b = arena_sbuf(&req->arena, SIGV4_TIMESTAMP_BYTES);

    if (!b.cap) return STR_NONE;
    sigv4_format_time(unix_s, b.p);
    return str_make(b.p, SIGV4_TIMESTAMP_BYTES);
}

/* The request's time as yyyymmddThhmmssZ. */
static enum step_result check_date(struct request *req, struct str *timestamp)
{
    const struct header *h = headers_find(&req->in->headers, HDR_X_AMZ_DATE);
    int64_t now_s = req->started_wall_us / 1000000, then_s;

    if (!h) h = headers_find(&req->in->headers, HDR_DATE);
    if (!h || !sigv4_parse_date(h->value, &then_s))
        return request_fail(req, ERR_AUTH_DATE, "neither x-amz-date nor Date is usable");
    if (then_s >= now_s - MAX_SKEW_S && then_s <= now_s + MAX_SKEW_S) {
        *timestamp = stamp_of(req, then_s);
        return timestamp->p ? STEP_NEXT : request_fail(req, ERR_NO_MEMORY, "date");
    }
    request_error_field(req, "RequestTime", h->value);
    request_error_field(req, "ServerTime", stamp_of(req, now_s));
    request_error_field(req, "MaxAllowedSkewMilliseconds", STR("900000"));
    return request_fail(req, ERR_TIME_SKEWED, "the client's clock is off by %lld s", (long long)(then_s - now_s));
}

/* A presigned URL is good from its date (our clocks may differ) until it expires. */
static enum step_result check_lifetime(struct request *req, const struct sigv4_query *q)
{
    int64_t now_s = req->started_wall_us / 1000000, end_s = q->signed_s + q->expires_s;
    struct sbuf seconds = arena_sbuf(&req->arena, 8);

    if (now_s < q->signed_s - MAX_SKEW_S)
        return request_fail(req, ERR_URL_EARLY, "the URL is valid %lld s from now", (long long)(q->signed_s - now_s));
    if (now_s <= end_s) return STEP_NEXT;
    sbuf_u64(&seconds, (uint64_t)q->expires_s);
    request_error_field(req, "X-Amz-Expires", sbuf_str(&seconds));
    if (end_s >= 0) request_error_field(req, "Expires", stamp_of(req, end_s));
    request_error_field(req, "ServerTime", stamp_of(req, now_s));
    return request_fail(req, ERR_URL_EXPIRED, "the URL expired %lld s ago", (long long)(now_s - end_s));
}

/* host and every x-amz-* must be covered; x-amz-content-sha256 is, by being the canonical request's last line. */
static enum step_result check_signed_headers(struct request *req, const struct sigv4_auth *auth)
{
    const struct headers *all = &req->in->headers;

    if (!sigv4_is_signed(auth->signed_headers, STR("host"))) {
        request_error_field(req, "HeadersNotSigned", STR("host"));
        return request_fail(req, ERR_HEADERS_NOT_SIGNED, "host");
    }
    for (size_t i = 0; i < all->n; i++) {
        const struct header *h = &all->v[i];

        if (!header_is_amz(h->name) || h->id == HDR_X_AMZ_CONTENT_SHA256 ||
            sigv4_is_signed(auth->signed_headers, h->name))
            continue;
        request_error_field(req, "HeadersNotSigned", h->name);
        return request_fail(req, ERR_HEADERS_NOT_SIGNED, "%.*s", STR_ARG(str_head(h->name, 64)));
    }
    return STEP_NEXT;
}

static enum step_result check_scope(struct request *req, const struct sigv4_auth *auth, struct str timestamp)
{
    struct str service = s3_signing_name(&req->s3);

    if (!str_eq(auth->service, service))
        return request_fail(
            req, ERR_AUTH_MALFORMED,
            "The authorization header is malformed; incorrect service \"%.*s\". This endpoint belongs to \"%.*s\".",
            STR_ARG(str_head(auth->service, 32)), STR_ARG(service));
    if (!str_eq(auth->date, str_head(timestamp, SIGV4_DATE_BYTES)))
        return request_fail(req, ERR_AUTH_MALFORMED,
                            "The authorization header is malformed; Invalid credential date \"%.*s\". This date is not "
                            "the same as X-Amz-Date.",
                            STR_ARG(auth->date));
    return STEP_NEXT;
}

static enum step_result check_payload_value(struct request *req, struct str value)
{
    req->payload = sigv4_payload_mode(value);
    if (req->payload == PAYLOAD_INVALID || headers_count(&req->in->headers, HDR_X_AMZ_CONTENT_SHA256) > 1) {
        request_error_field(req, "ArgumentName", STR("x-amz-content-sha256"));
        request_error_field(req, "ArgumentValue", value);
        return request_fail(req, ERR_SHA256_INVALID, "x-amz-content-sha256");
    }
    req->payload_hash = value;
    return STEP_NEXT;
}

static enum step_result check_signature(struct request *req, const struct sigv4_auth *auth, struct str timestamp,
                                        struct str payload)
{
    struct worker *w = req->worker;
    const struct hmac_key *key =
        sigv4_key(w->client_keys, w->digest, auth->access_key, str_from(req->caller->secret_access_key), auth->date,
                  auth->region, auth->service);
    struct sigv4_input in = {
        .method = req->in->method,
        .path = req->path,
        .query = req->query,
        .query_n = req->query_n,
        .presigned = req->auth == AUTH_SIGV4_QUERY,
        .headers = &req->in->headers,
        .signed_headers = auth->signed_headers,
        .payload_hash = payload,
    };
    struct str canonical, to_sign;

    if (!key) return request_fail(req, ERR_NO_MEMORY, "signing key");
    if (sigv4_verify(w->digest, key, &in, auth, timestamp, &req->arena, &canonical, &to_sign, &req->err) == ERR_NONE) {
        req->plus_is_space = in.plus_is_space;
        return STEP_NEXT;
    }
    if (req->err.code == ERR_SIG_MISMATCH) {
        request_error_field(req, "AWSAccessKeyId", auth->access_key);
        request_error_field(req, "StringToSign", to_sign);
        request_error_field(req, "SignatureProvided", auth->signature);
        request_error_field(req, "CanonicalRequest", canonical);
    }
    return STEP_FAIL;
}

/* A signature covers Host: it survives only if the endpoint serves that very name. */
static bool host_goes_unchanged(struct request *req)
{
    bool host_style;
    struct str host = req->own_name ? STR_NONE : sign_host(req, &host_style);

    return host.p && str_eq(host, req->host) && host_style == req->host_style;
}

/* Whose key it is. Nobody's: refused, or passed on with all that it signs. */
static enum step_result find_caller(struct request *req, struct str access_key)
{
    bool unchanged;

    req->caller = settings_client_by_key(req->worker->rt->settings, access_key);
    if (req->caller) return STEP_NEXT;
    unchanged = host_goes_unchanged(req);
    if (unchanged && req->client->listener->foreign == FOREIGN_PASS) {
        req->auth = AUTH_FOREIGN;
        return STEP_NEXT;
    }
    request_error_field(req, "AWSAccessKeyId", access_key);
    return request_fail(
        req, ERR_UNKNOWN_KEY, "no [client] has the access key %.*s%s", STR_ARG(str_head(access_key, 128)),
        unchanged ? "; with `foreign = pass` at the listener it would go on under its own identity"
                  : "; it could not go on under its own identity either: the endpoint serves another Host");
}

static enum step_result check_sigv4_header(struct request *req, struct str authorization)
{
    const struct header *payload = headers_find(&req->in->headers, HDR_X_AMZ_CONTENT_SHA256);
    struct sigv4_auth auth;
    struct str timestamp = STR_NONE;

    req->auth = AUTH_SIGV4_HEADER;
    if (check_date(req, &timestamp) != STEP_NEXT) return STEP_FAIL;
    if (sigv4_parse_authorization(authorization, &auth, &req->err) != ERR_NONE) return STEP_FAIL;
    if (check_scope(req, &auth, timestamp) != STEP_NEXT) return STEP_FAIL;
    if (find_caller(req, auth.access_key) != STEP_NEXT) return STEP_FAIL;
    if (req->auth == AUTH_FOREIGN) return STEP_NEXT;
    req->signed_region = auth.region;
    if (!payload) return request_fail(req, ERR_SHA256_MISSING, "x-amz-content-sha256");
    if (check_payload_value(req, payload->value) != STEP_NEXT) return STEP_FAIL;
    if (check_signed_headers(req, &auth) != STEP_NEXT) return STEP_FAIL;
    return check_signature(req, &auth, timestamp, payload->value);
}

/* What a presigned URL says of the body: signed as a header, moved into the query, or nothing. */
static enum step_result check_presigned_payload(struct request *req, const struct sigv4_query *q, struct str *covered)
{
    const struct header *h = headers_find(&req->in->headers, HDR_X_AMZ_CONTENT_SHA256);

    *covered = q->content_sha256.n ? q->content_sha256 : SIGV4_UNSIGNED_PAYLOAD;
    if (h && sigv4_is_signed(q->auth.signed_headers, STR("x-amz-content-sha256"))) *covered = h->value;
    return check_payload_value(req, h ? h->value : *covered);
}

static enum step_result check_sigv4_query(struct request *req)
{
    struct sigv4_query q;
    struct str covered = STR_NONE;

    req->auth = AUTH_SIGV4_QUERY;
    if (sigv4_parse_query(req->query, req->query_n, &req->arena, &q, &req->err) != ERR_NONE) return STEP_FAIL;
    if (check_scope(req, &q.auth, q.timestamp) != STEP_NEXT) return STEP_FAIL;
    if (check_lifetime(req, &q) != STEP_NEXT) return STEP_FAIL;
    if (find_caller(req, q.auth.access_key) != STEP_NEXT) return STEP_FAIL;
    if (req->auth == AUTH_FOREIGN) return STEP_NEXT;
    req->signed_region = q.auth.region;
    if (check_presigned_payload(req, &q, &covered) != STEP_NEXT) return STEP_FAIL;
    if (check_signed_headers(req, &q.auth) != STEP_NEXT) return STEP_FAIL;
    return check_signature(req, &q.auth, q.timestamp, covered);
}

/* Unsigned requests may carry the header all the same; SDKs told not to sign send aws-chunked bodies without it. */
static enum step_result find_anonymous_payload(struct request *req)
{
    const struct headers *all = &req->in->headers;
    const struct header *h = headers_find(all, HDR_X_AMZ_CONTENT_SHA256);

    req->payload = PAYLOAD_UNSIGNED;
    if (h) return check_payload_value(req, h->value);
    if (headers_find(all, HDR_X_AMZ_TRAILER) && headers_has_token(all, HDR_CONTENT_ENCODING, STR("aws-chunked")))
        req->payload = PAYLOAD_UNSIGNED_TRAILER;
    return STEP_NEXT;
}

/* What the payload mode means for the body. */
static enum step_result check_payload_mode(struct request *req)
{
    const struct header *h = headers_find(&req->in->headers, HDR_X_AMZ_DECODED_CONTENT_LENGTH);

    switch (req->payload) {
    case PAYLOAD_SIGNED_CHUNKS:
    case PAYLOAD_SIGNED_TRAILER: return not_yet(req, "A body in signed chunks (STREAMING-AWS4-HMAC-SHA256-PAYLOAD)");
    case PAYLOAD_ECDSA: return not_yet(req, "Signature Version 4A");
    case PAYLOAD_UNSIGNED_TRAILER:
        if (!h || headers_count(&req->in->headers, HDR_X_AMZ_DECODED_CONTENT_LENGTH) != 1 ||
            !str_to_u64(h->value, &req->decoded_length))
            return request_fail(req, ERR_LENGTH_REQUIRED, "x-amz-decoded-content-length is missing or not a number");
        if (req->body.done)
            return request_fail(req, ERR_INCOMPLETE_BODY, "an aws-chunked body is announced, but none is sent");
        return STEP_NEXT;
    default:
        /* S3 needs to know the length before it takes a body. */
        if (req->in->body == BODY_CHUNKED)
            return request_fail(req, ERR_LENGTH_REQUIRED, "Transfer-Encoding: chunked without aws-chunked inside");
        if (req->operation->streams_body && !req->in->has_content_length)
            return request_fail(req, ERR_LENGTH_REQUIRED, "no Content-Length");
        return STEP_NEXT;
    }
}

enum step_result step_check_caller(struct request *req)
{
    const struct headers *all = &req->in->headers;
    const struct header *h = headers_find(all, HDR_AUTHORIZATION);
    bool signed_query = sigv4_is_in_query(req->query, req->query_n);
    enum step_result r;

    if (headers_count(all, HDR_AUTHORIZATION) > 1 || headers_count(all, HDR_X_AMZ_DATE) > 1)
        return request_fail(req, ERR_AUTH_MALFORMED, "Authorization or x-amz-date stands there twice");
    if (h && (signed_query || query_find(req->query, req->query_n, STR("Signature")))) {
        request_error_field(req, "ArgumentName", STR("Authorization"));
        return request_fail(req, ERR_AUTH_TWICE, "signature in the query and in Authorization");
    }
    if (signed_query) {
        r = check_sigv4_query(req);
    } else if (!h) {
        r = accept_anonymous(req);
        if (r == STEP_NEXT) r = find_anonymous_payload(req);
    } else if (str_starts(h->value, STR("AWS4-HMAC-SHA256"))) {
        r = check_sigv4_header(req, h->value);
    } else if (str_starts(h->value, STR("AWS4-ECDSA-P256-SHA256"))) {
        r = not_yet(req, "Signature Version 4A");
    } else if (str_starts(h->value, STR("AWS "))) {
        r = not_yet(req, "Signature Version 2");
    } else {
        request_error_field(req, "ArgumentName", STR("Authorization"));
        r = request_fail(req, ERR_AUTH_TYPE, "Authorization is neither AWS4-HMAC-SHA256 nor AWS");
    }
    if (r != STEP_NEXT || req->auth == AUTH_FOREIGN) return r;
    return check_payload_mode(req);
}
