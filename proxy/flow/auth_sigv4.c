/* SPDX-License-Identifier: Apache-2.0
 * auth_sigv4.c: Signature Version 4 of a request, in Authorization or in a presigned URL. Values are judged exactly as
 * received. Source: S3 API Reference, "Authenticating Requests (AWS Signature Version 4)"; order of checks as
 * S3-compatible servers do it: kind → date → skew → syntax → scope → key → signed headers → payload value → signature.
 */
#include "flow/auth_sigv4.h"

#include "auth.h"
#include "flow/router.h"
#include "flow/session.h"
#include "flow/worker.h"

#include <sys/socket.h>

/* A presigned URL is good from its date (our clocks may differ) until it expires. */
static enum step_result check_lifetime(struct request *req, const struct sigv4_query *q)
{
    int64_t now_s = req->started_wall_us / 1000000, end_s = q->signed_s + q->expires_s;
    struct sbuf seconds = arena_sbuf(&req->arena, 8);

    if (now_s < q->signed_s - AUTH_MAX_SKEW_S)
        return request_fail(req, ERR_URL_EARLY, "the URL is valid %lld s from now", (long long)(q->signed_s - now_s));
    if (now_s <= end_s) return STEP_NEXT;
    sbuf_u64(&seconds, (uint64_t)q->expires_s);
    request_error_field(req, "X-Amz-Expires", sbuf_str(&seconds));
    if (end_s >= 0) request_error_field(req, "Expires", auth_stamp(req, end_s));
    request_error_field(req, "ServerTime", auth_stamp(req, now_s));
    return request_fail(req, ERR_URL_EXPIRED, "the URL expired %lld s ago", (long long)(now_s - end_s));
}

/* host and every x-amz-* must be covered; x-amz-content-sha256 is, by being the canonical request's last line. What is
 * covered must get there. */
static enum step_result check_signed_headers(struct request *req, const struct sigv4_auth *auth)
{
    const struct headers *all = &req->in.head->headers;

    if (!sigv4_is_signed(auth->signed_headers, STR("host"))) {
        request_error_field(req, "HeadersNotSigned", STR("host"));
        return request_fail(req, ERR_HEADERS_NOT_SIGNED, "host");
    }
    for (size_t i = 0; i < all->n; i++) {
        const struct header *h = &all->v[i];

        if (headers_nominates(all, h) && sigv4_is_signed(auth->signed_headers, h->name))
            return auth_refuse_nominated(req, h);
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
    struct str service = s3_signing_name(&req->in.s3);

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

/* The chunks of the body continue the chain that the head's signature begins. */
static enum step_result keep_for_chunks(struct request *req, const struct hmac_key *key, const struct sigv4_auth *auth,
                                        struct str timestamp)
{
    if (req->who.payload != PAYLOAD_SIGNED_CHUNKS && req->who.payload != PAYLOAD_SIGNED_TRAILER) return STEP_NEXT;
    if (chunk_signature_begin(&req->who.chunk_seal, req->worker->digest, key, timestamp, auth->date, auth->region,
                              auth->service, auth->signature))
        return STEP_NEXT;
    return request_fail(req, ERR_NO_MEMORY, "chunk signature");
}

/* The port that the client came to, as far as it can know. */
static unsigned port_of(const struct request *req)
{
    const struct session *c = req->session;
    struct netaddr here = {.len = sizeof(here.u)};

    if (c->listener->mode != LISTENER_ENDPOINT)
        return c->tls || str_eq_nocase(req->in.uri.scheme, STR("https")) ? 443 : 80;
    if (getsockname(c->conn.fd, &here.u.sa, &here.len) == 0) return netaddr_port(&here);
    return c->listener->bind_n ? netaddr_port(&c->listener->bind[0]) : 0;
}

/* The same machine in another spelling: without its port, or with it. Some clients sign the one and send the other, and
 * proxies before us take a port off. Empty: there is none. */
static struct str other_authority(struct request *req)
{
    struct sbuf b = arena_sbuf(&req->arena, req->in.authority.n + 8);
    struct str host;
    unsigned port;

    if (!uri_split_authority(req->in.authority, &host, &port)) return STR_NONE;
    if (port) return str_head(req->in.authority, str_rindex(req->in.authority, ':'));
    port = port_of(req);
    if (port) sbuf_printf(&b, "%.*s:%u", STR_ARG(req->in.authority), port);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

enum err_code auth_verify_sigv4(struct request *req, const struct hmac_key *key, struct sigv4_input *in,
                                const struct sigv4_auth *auth, struct str timestamp, struct str *canonical,
                                struct str *string_to_sign, struct err *err)
{
    struct digest *d = req->worker->digest;
    struct sigv4_input other;
    enum err_code code;

    if (str_index(req->in.uri.path, '+') != SIZE_MAX &&
        router_read_path(req, !router_plus_is_blank(req), &in->other_path) != STEP_NEXT)
        return err_set(err, ERR_NO_MEMORY, 0, "path");
    code = sigv4_verify(d, key, in, auth, timestamp, &req->arena, canonical, string_to_sign, err);
    if (code != ERR_SIG_MISMATCH) return code;
    other = *in;
    other.host = other_authority(req);
    if (!other.host.n || sigv4_verify(d, key, &other, auth, timestamp, &req->arena, NULL, NULL, NULL) != ERR_NONE)
        return code;
    *in = other;
    return ERR_NONE;
}

static enum step_result check_signature(struct request *req, const struct sigv4_auth *auth, struct str timestamp,
                                        struct str payload)
{
    struct worker *w = req->worker;
    const struct hmac_key *key =
        sigv4_key(w->client_keys, w->digest, auth->access_key, str_from(req->who.caller_key->secret_access_key),
                  auth->date, auth->region, auth->service);
    struct sigv4_input in = {
        .method = req->in.head->method,
        .path = req->in.path,
        .query = req->in.query,
        .query_n = req->in.query_n,
        .presigned = req->who.auth == AUTH_SIGV4_QUERY,
        .host = req->in.authority,
        .headers = &req->in.head->headers,
        .signed_headers = auth->signed_headers,
        .payload_hash = payload,
    };
    struct str canonical = STR_NONE, to_sign = STR_NONE;

    if (!key) return request_fail(req, ERR_NO_MEMORY, "signing key");
    if (auth_verify_sigv4(req, key, &in, auth, timestamp, &canonical, &to_sign, &req->err) == ERR_NONE) {
        req->err = (struct err){0};
        req->who.plus_is_space = in.plus_is_space;
        if (in.path.p != req->in.path.p) router_take_path(req, in.path); /* the key is the one that was signed */
        return keep_for_chunks(req, key, auth, timestamp);
    }
    if (req->err.code == ERR_SIG_MISMATCH) {
        request_error_field(req, "AWSAccessKeyId", auth->access_key);
        request_error_field(req, "StringToSign", to_sign);
        request_error_field(req, "SignatureProvided", auth->signature);
        request_error_field(req, "CanonicalRequest", canonical);
    }
    return STEP_FAIL;
}

enum step_result auth_sigv4_header(struct request *req, struct str authorization)
{
    const struct header *payload = headers_find(&req->in.head->headers, HDR_X_AMZ_CONTENT_SHA256);
    struct sigv4_auth auth;
    struct str timestamp = STR_NONE;

    req->who.auth = AUTH_SIGV4_HEADER;
    if (auth_check_date(req, &timestamp) != STEP_NEXT) return STEP_FAIL;
    if (sigv4_parse_authorization(authorization, &auth, &req->err) != ERR_NONE) return STEP_FAIL;
    if (check_scope(req, &auth, timestamp) != STEP_NEXT) return STEP_FAIL;
    if (auth_find_caller(req, auth.access_key) != STEP_NEXT) return STEP_FAIL;
    if (req->who.auth == AUTH_FOREIGN) return STEP_NEXT;
    req->who.signed_region = auth.region;
    if (!payload) return request_fail(req, ERR_SHA256_MISSING, "x-amz-content-sha256");
    if (auth_check_payload_value(req, payload->value) != STEP_NEXT) return STEP_FAIL;
    if (check_signed_headers(req, &auth) != STEP_NEXT) return STEP_FAIL;
    return check_signature(req, &auth, timestamp, payload->value);
}

/* What a presigned URL says of the body: signed as a header, moved into the query, or nothing. A header that nobody
 * signed must not take a hash off that the query holds. */
static enum step_result check_presigned_payload(struct request *req, const struct sigv4_query *q, struct str *covered)
{
    const struct header *h = headers_find(&req->in.head->headers, HDR_X_AMZ_CONTENT_SHA256);

    if (h && q->content_sha256.n && !str_eq(h->value, q->content_sha256)) {
        request_error_field(req, "HeadersNotSigned", h->name);
        return request_fail(req, ERR_HEADERS_NOT_SIGNED, "x-amz-content-sha256 is another one than in the query");
    }
    *covered = q->content_sha256.n ? q->content_sha256 : SIGV4_UNSIGNED_PAYLOAD;
    if (h && sigv4_is_signed(q->auth.signed_headers, STR("x-amz-content-sha256"))) *covered = h->value;
    return auth_check_payload_value(req, h ? h->value : *covered);
}

enum step_result auth_sigv4_query(struct request *req)
{
    struct sigv4_query q;
    struct str covered = STR_NONE;

    req->who.auth = AUTH_SIGV4_QUERY;
    if (sigv4_parse_query(req->in.query, req->in.query_n, &req->arena, &q, &req->err) != ERR_NONE) return STEP_FAIL;
    if (check_scope(req, &q.auth, q.timestamp) != STEP_NEXT) return STEP_FAIL;
    if (check_lifetime(req, &q) != STEP_NEXT) return STEP_FAIL;
    if (auth_find_caller(req, q.auth.access_key) != STEP_NEXT) return STEP_FAIL;
    if (req->who.auth == AUTH_FOREIGN) return STEP_NEXT;
    req->who.signed_region = q.auth.region;
    if (check_presigned_payload(req, &q, &covered) != STEP_NEXT) return STEP_FAIL;
    if (check_signed_headers(req, &q.auth) != STEP_NEXT) return STEP_FAIL;
    return check_signature(req, &q.auth, q.timestamp, covered);
}
