/* SPDX-License-Identifier: Apache-2.0
 * sign.c: the step sign: the request that goes out, decided and built in one place, from what came in (which is never
 * changed).
 *
 * Body: what comes in → what goes out
 *   plain, Content-Length → the same bytes, Content-Length, the client's hash or UNSIGNED-PAYLOAD
 *   aws-chunked, decode   → content only, Content-Length = decoded length, UNSIGNED-PAYLOAD, trailer checked here
 *   aws-chunked, pass     → framing passed on, in the HTTP framing it came in, sentinel signed
 *   signed by a stranger  → everything as it came
 */
#include "base/clock.h"
#include "flow/flow.h"
#include "flow/worker.h"

enum { HEAD_SLACK = 1024, MAX_OUT_FIELDS = HEAD_MAX_FIELDS + 8 };

struct out {
    struct header fields[MAX_OUT_FIELDS];
    struct headers headers;
    struct str path, query;
};

static void out_add(struct out *o, struct str name, struct str value, enum header_id id)
{
    ASSERT(o->headers.n < MAX_OUT_FIELDS);
    o->fields[o->headers.n++] = (struct header){name, value, id};
}

/* Whether the client's body is decoded, looked at, or left alone. */
static enum step_result plan_body(struct request *req)
{
    const struct header *trailer = headers_find(&req->in->headers, HDR_X_AMZ_TRAILER);
    struct str announced = trailer ? trailer->value : STR_NONE;
    enum checksum_kind kind;

    req->decode = req->check = req->body_first = false;
    if (req->payload != PAYLOAD_UNSIGNED_TRAILER) return STEP_NEXT;
    req->decode = req->endpoint->trailers == TRAILERS_DECODE;
    req->check = !req->decode;
    kind = req->decode ? checksum_kind_of(str_trim(announced)) : CHECKSUM_NONE;
    if (req->decode && announced.n && kind == CHECKSUM_NONE)
        return request_fail(req, ERR_NOT_IMPLEMENTED,
                            "The trailer %.*s cannot be checked by this proxy; use one of the x-amz-checksum trailers "
                            "crc32, crc32c, crc64nvme, sha1, sha256",
                            STR_ARG(str_head(announced, 100)));
    if (kind != CHECKSUM_NONE && !checksum_init(&req->checksum, kind))
        return request_fail(req, ERR_NO_MEMORY, "checksum");
    aws_chunked_init(&req->chunked, req->decoded_length, announced, kind != CHECKSUM_NONE ? &req->checksum : NULL);
    /* An empty object has no last byte that could be held back until the trailer was checked. */
    req->body_first = req->decode && req->decoded_length == 0;
    return STEP_NEXT;
}

/* Host: the name that the endpoint serves. Host style stays where the wildcard certificate covers it. */
struct str sign_host(struct request *req, bool *host_style)
{
    const struct set_endpoint *ep = req->endpoint;
    const struct s3_endpoint_names names = {str_from(ep->host), str_from(ep->region), str_from(ep->suffix), ep->fips};
    struct sbuf b = arena_sbuf(&req->arena, 512);
    bool ok = s3_host_upstream(&req->s3, req->bucket, req->host_style, &names, &b, host_style);

    arena_trim(&req->arena, &b);
    return ok ? sbuf_str(&b) : STR_NONE;
}

/* The path in AWS's encoding, with the bucket moved into it when the host style cannot stay. */
static struct str out_path(struct request *req, bool host_style)
{
    struct sbuf b = arena_sbuf(&req->arena, 3 * (req->path.n + req->bucket.n) + 2);

    if (req->host_style && !host_style) {
        sbuf_char(&b, '/');
        uri_encode(&b, req->bucket, true);
    }
    uri_encode(&b, req->path, true);
    arena_trim(&req->arena, &b);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static bool add_query_part(struct request *req, struct sbuf *b, struct str raw)
{
    struct sbuf plain;

    if (uri_is_encoded_plain(raw, false)) {
        sbuf_add(b, raw);
        return true;
    }
    plain = arena_sbuf(&req->arena, raw.n + 1);
    if (!plain.cap || !uri_decode(raw, req->plus_is_space, plain.p, &plain.n)) return false;
    uri_encode(b, sbuf_str(&plain), false);
    return true;
}

/* The client's parameters in their order, decoded and encoded once, so that every server reads them as we did. */
static enum step_result out_query(struct request *req, struct str *query)
{
    struct sbuf b = arena_sbuf(&req->arena, 3 * req->uri.query.n + 1);

    for (size_t i = 0; i < req->query_n; i++) {
        const struct query_param *q = &req->query[i];

        if (req->auth == AUTH_SIGV4_QUERY && sigv4_is_auth_param(q)) continue;
        if (b.n) sbuf_char(&b, '&');
        if (!add_query_part(req, &b, q->name)) goto bad;
        if (!q->has_value) continue;
        sbuf_char(&b, '=');
        if (!add_query_part(req, &b, q->value)) goto bad;
    }
    if (b.overflow) return request_fail(req, ERR_NO_MEMORY, "query");
    *query = sbuf_str(&b);
    return STEP_NEXT;
bad:
    request_error_field(req, "URI", req->uri.query);
    return request_fail(req, ERR_BAD_URI, "bad percent escape in the query");
}

/* Content-Encoding without its aws-chunked items. */
static struct str without_aws_chunked(struct request *req, struct str value)
{
    struct sbuf b = arena_sbuf(&req->arena, value.n + 1);
    struct str rest = value, item;

    while (str_split(&rest, ',', &item)) {
        item = str_trim(item);
        if (!item.n || str_eq_nocase(item, STR("aws-chunked"))) continue;
        if (b.n) sbuf_char(&b, ',');
        sbuf_add(&b, item);
    }
    return sbuf_str(&b);
}

/* Fields that we write ourselves, or that belong to the client's own signature. */
static bool is_replaced(const struct request *req, const struct header *h)
{
    switch (h->id) {
    case HDR_HOST:
    case HDR_AUTHORIZATION:
    case HDR_DATE:
    case HDR_X_AMZ_DATE:
    case HDR_X_AMZ_CONTENT_SHA256:
    case HDR_X_AMZ_SECURITY_TOKEN:
    case HDR_CONTENT_LENGTH:
    case HDR_EXPECT: return true;
    case HDR_X_AMZ_TRAILER:
    case HDR_X_AMZ_DECODED_CONTENT_LENGTH: return req->decode;
    default:
        return req->decode &&
               str_eq_nocase(h->name,
                             STR("x-amz-sdk-checksum-algorithm")); /* S3 takes it only together with a checksum */
    }
}

static void add_client_fields(struct request *req, struct out *o)
{
    const struct headers *all = &req->in->headers;

    for (size_t i = 0; i < all->n; i++) {
        struct header h = all->v[i];

        if (is_replaced(req, &h) || headers_drops(all, &h)) continue;
        if (req->decode && h.id == HDR_CONTENT_ENCODING) {
            h.value = without_aws_chunked(req, h.value);
            if (!h.value.n) continue;
        }
        out_add(o, h.name, h.value, h.id);
    }
}

static struct str out_payload_hash(const struct request *req)
{
    if (req->payload == PAYLOAD_HASH) return req->payload_hash;
    if (req->check) return SIGV4_STREAMING_UNSIGNED_TRAILER;
    if (!req->decode && req->body.done && req->in->content_length == 0) return SIGV4_EMPTY_SHA256;
    return SIGV4_UNSIGNED_PAYLOAD;
}

/* Length or chunked: one decision for head and body. */
static void add_framing(struct request *req, struct sbuf *b)
{
    req->out_framer = (struct framer){0};
    if (req->decode) {
        head_put_u64(b, STR("Content-Length"), req->decoded_length);
    } else if (req->in->body == BODY_CHUNKED) {
        head_put(b, STR("Transfer-Encoding"), STR("chunked"));
        req->out_framer.chunked = true;
    } else if (req->in->has_content_length || req->in->method_id == METHOD_PUT || req->in->method_id == METHOD_POST) {
        head_put_u64(b, STR("Content-Length"), req->in->content_length);
    }
    if (req->in->expect_continue && !req->body_first) head_put(b, STR("Expect"), STR("100-continue"));
}

static enum step_result write_head(struct request *req, const struct out *o, struct str authorization)
{
    size_t n = HEAD_SLACK + o->path.n + o->query.n + authorization.n;
    struct sbuf b;

    for (size_t i = 0; i < o->headers.n; i++)
        n += o->fields[i].name.n + o->fields[i].value.n + 4;
    b = arena_sbuf(&req->arena, n);
    head_put_request_line(&b, req->in->method, o->path, o->query, o->query.n > 0);
    for (size_t i = 0; i < o->headers.n; i++)
        head_put(&b, o->fields[i].name, o->fields[i].value);
    if (authorization.n) head_put(&b, STR("Authorization"), authorization);
    head_put(&b, STR("Via"), STR("1.1 s3onramp"));
    add_framing(req, &b);
    head_put_end(&b);
    if (b.overflow) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    req->out_head = sbuf_str(&b);
    return STEP_NEXT;
}

static enum step_result sign_and_write(struct request *req, struct out *o, struct str timestamp)
{
    struct worker *w = req->worker;
    const struct set_credentials *cred = req->credentials;
    struct str region = str_from(req->endpoint->region), service = s3_signing_name(&req->s3);
    const struct hmac_key *key =
        sigv4_key(w->own_keys, w->digest, str_from(cred->access_key_id), str_from(cred->secret_access_key),
                  str_head(timestamp, SIGV4_DATE_BYTES), region, service);
    struct query_param params[REQUEST_MAX_QUERY];
    struct sigv4_input in = {
        .method = req->in->method,
        .path = req->path,
        .query = params,
        .query_n = query_split(o->query, params, REQUEST_MAX_QUERY),
        .headers = &o->headers,
        .signed_headers = sigv4_headers_to_sign(&o->headers, &req->arena),
        .payload_hash = out_payload_hash(req),
    };
    struct str authorization;
    struct sbuf decoded = arena_sbuf(&req->arena, o->path.n + 1);

    if (!key || !in.signed_headers.p || !decoded.cap || !uri_decode(o->path, false, decoded.p, &decoded.n))
        return request_fail(req, ERR_NO_MEMORY, "signature");
    in.path = sbuf_str(&decoded);
    authorization = sigv4_authorization(w->digest, key, &in, str_from(cred->access_key_id), timestamp, region, service,
                                        &req->arena);
    if (!authorization.p) return request_fail(req, ERR_NO_MEMORY, "signature");
    return write_head(req, o, authorization);
}

/* For public buckets. The kind of body is still told where it is not plain. */
static enum step_result write_unsigned(struct request *req, struct out *o)
{
    if (req->check) out_add(o, STR("X-Amz-Content-Sha256"), SIGV4_STREAMING_UNSIGNED_TRAILER, HDR_X_AMZ_CONTENT_SHA256);
    return write_head(req, o, STR_NONE);
}

/* Signed with a key that is not ours to know: every byte that a signature can cover goes out as it came in. */
static enum step_result write_untouched(struct request *req)
{
    const struct headers *all = &req->in->headers;
    struct sbuf b = arena_sbuf(&req->arena, req->in->raw.n + HEAD_SLACK);

    head_put_request_line(&b, req->in->method, req->uri.path, req->uri.query, req->uri.has_query);
    for (size_t i = 0; i < all->n; i++)
        if (!headers_drops(all, &all->v[i])) head_put(&b, all->v[i].name, all->v[i].value);
    head_put(&b, STR("Via"), STR("1.1 s3onramp"));
    req->out_framer = (struct framer){.chunked = req->in->body == BODY_CHUNKED};
    if (req->out_framer.chunked) head_put(&b, STR("Transfer-Encoding"), STR("chunked"));
    head_put_end(&b);
    arena_trim(&req->arena, &b);
    if (b.overflow) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    req->out_head = sbuf_str(&b);
    return STEP_NEXT;
}

enum step_result step_sign(struct request *req)
{
    struct out *o = arena_alloc(&req->arena, sizeof(*o));
    struct str host, timestamp = worker_timestamp(req->worker, clock_wall_us() / 1000000);
    bool host_style;

    if (req->auth == AUTH_FOREIGN) return write_untouched(req);
    if (!o) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    o->headers = (struct headers){o->fields, 0};
    if (!req->retried && plan_body(req) != STEP_NEXT) return STEP_FAIL; /* a retry sends what was decoded already */
    host = sign_host(req, &host_style);
    o->path = out_path(req, host_style);
    if (!host.p || !o->path.p) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    if (out_query(req, &o->query) != STEP_NEXT) return STEP_FAIL;
    out_add(o, STR("Host"), host, HDR_HOST);
    add_client_fields(req, o);
    if (req->credentials->source == CREDENTIALS_NONE) return write_unsigned(req, o);
    out_add(o, STR("X-Amz-Date"), timestamp, HDR_X_AMZ_DATE);
    out_add(o, STR("X-Amz-Content-Sha256"), out_payload_hash(req), HDR_X_AMZ_CONTENT_SHA256);
    if (req->credentials->session_token)
        out_add(o, STR("X-Amz-Security-Token"), str_from(req->credentials->session_token), HDR_X_AMZ_SECURITY_TOKEN);
    return sign_and_write(req, o, timestamp);
}
