/* SPDX-License-Identifier: Apache-2.0
 * sign.c: the step sign: the head that goes out, built in one place from what came in (which is never changed), and
 * signed. What becomes of the body is decided before, in sign_body.c.
 */
#include "flow/sign.h"

#include "aws/sign/sigv2.h"
#include "base/clock.h"
#include "base/secret.h"
#include "body/bucket_filter.h"
#include "flow/body/form.h"
#include "flow/policy.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "http/traceparent.h"
#include "policy/properties.h"
#include "region.h"
#include "require.h"
#include "sign_body.h"

enum { HEAD_SLACK = 1024, OWN_FIELDS = 10, SET_FIELDS = PROPERTY_FIELDS_N + 2 };

struct out {
    struct header *fields;
    size_t cap;
    struct headers headers;
    struct str path, query;
};

static void out_add(struct out *o, struct str name, struct str value, enum header_id id)
{
    ASSERT(o->headers.n < o->cap);
    o->fields[o->headers.n++] = (struct header){name, value, id};
}

/* Host: the name that the endpoint serves. Host style stays where the wildcard certificate covers it. */
struct str sign_host(struct request *req, bool *host_style)
{
    const struct endpoint_conf *ep = req->route.endpoint;
    const struct s3_endpoint_names names = {str_from(ep->host), str_from(ep->region), str_from(ep->suffix), ep->fips};
    struct sbuf b = arena_sbuf(&req->arena, 512);
    bool ok = s3_host_upstream(&req->in.s3, req->in.bucket, req->in.host_style, &names, &b, host_style);

    arena_trim(&req->arena, &b);
    return ok ? sbuf_str(&b) : STR_NONE;
}

struct str sign_path(struct request *req, bool host_style)
{
    struct sbuf b = arena_sbuf(&req->arena, 3 * (req->in.path.n + req->in.bucket.n) + 2);

    if (req->in.host_style && !host_style) {
        sbuf_char(&b, '/');
        uri_encode(&b, req->in.bucket, true);
    }
    uri_encode(&b, req->in.path, true);
    arena_trim(&req->arena, &b);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* x-amz-* parameters that a signature in the query covers mean what the headers of that name mean. Beside a signature
 * in a header S3 might not look at them. */
static bool is_field_in_query(const struct request *req, const struct query_param *q)
{
    bool signed_query = req->who.auth == AUTH_SIGV4_QUERY || req->who.auth == AUTH_SIGV2_QUERY;

    return signed_query && uri_decodes_to_prefix(q->name, STR("x-amz-"));
}

/* … all but these, which S3 takes for signed and has no use for: checksums in a URL are those of an empty body, made
 * before anybody knew the content. The SDK for JavaScript puts them into each URL for PutObject
 * (ministackorg/ministack#1705, aws/aws-sdk-go-v2#3522: they count as headers only). Metadata, ACL, tags, storage
 * class, encryption do count in a URL, and x-amz-checksum-mode, which asks for the checksum of the answer
 * (aws/aws-sdk-go-v2#3530). */
static bool is_without_effect(const struct query_param *q)
{
    if (uri_decodes_to_prefix(q->name, STR("x-amz-sdk-checksum-algorithm"))) return true;
    return uri_decodes_to_prefix(q->name, STR("x-amz-checksum-")) &&
           !uri_decodes_to_prefix(q->name, STR("x-amz-checksum-mode"));
}

static bool is_auth_param(const struct request *req, const struct query_param *q)
{
    if (req->who.auth == AUTH_SIGV4_QUERY) return sigv4_is_auth_param(q);
    return (req->who.auth == AUTH_SIGV2_QUERY || req->who.auth == AUTH_SIGV2_HEADER) && sigv2_is_auth_param(q);
}

static bool add_query_part(struct request *req, struct sbuf *b, struct str raw)
{
    struct sbuf plain;

    if (uri_is_encoded_plain(raw, false)) {
        sbuf_add(b, raw);
        return true;
    }
    plain = arena_sbuf(&req->arena, raw.n + 1);
    if (!plain.cap || !uri_decode(raw, req->who.plus_is_space, plain.p, &plain.n)) return false;
    uri_encode(b, sbuf_str(&plain), false);
    return true;
}

/* The client's parameters in their order, decoded and encoded once, so that every server reads them as we did. */
static enum step_result out_query(struct request *req, struct str *query)
{
    struct sbuf b = arena_sbuf(&req->arena, 3 * req->in.uri.query.n + 1);

    for (size_t i = 0; i < req->in.query_n; i++) {
        const struct query_param *q = &req->in.query[i];

        if (is_auth_param(req, q) || is_field_in_query(req, q)) continue;
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
    request_error_field(req, "URI", req->in.uri.query);
    return request_fail(req, ERR_BAD_URI, "bad percent escape in the query");
}

/* Content-Encoding without its aws-chunked items and a comma for each. S3 keeps the rest as it is written. */
static struct str without_aws_chunked(struct request *req, struct str value)
{
    struct sbuf b = arena_sbuf(&req->arena, value.n + 1);
    struct str rest = value, item;
    bool any = false;

    while (str_split(&rest, ',', &item)) {
        if (str_eq_nocase(str_trim(item), STR("aws-chunked"))) continue;
        if (any) sbuf_char(&b, ',');
        sbuf_add(&b, item);
        any = true;
    }
    return str_trim(sbuf_str(&b));
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
    case HDR_ACCEPT_ENCODING:
    case HDR_RANGE: return bucket_filter_is_needed(req);
    case HDR_X_AMZ_TRAILER:
    case HDR_X_AMZ_DECODED_CONTENT_LENGTH: return req->out.decode || req->out.chunks;
    default:
        return req->out.decode && (!req->out.chunks || !req->out.chunks->trailer_name.n) &&
               str_eq_nocase(h->name,
                             STR("x-amz-sdk-checksum-algorithm")); /* S3 takes it only together with a checksum */
    }
}

static bool decode_text(struct request *req, struct str encoded, struct str *out)
{
    struct sbuf b = arena_sbuf(&req->arena, encoded.n + 1);

    if (!b.cap || !uri_decode(encoded, req->who.plus_is_space, b.p, &b.n)) return false;
    for (size_t i = 0; i < b.n; i++)
        if ((unsigned char)b.p[i] < ' ' || b.p[i] == 0x7f) return false;
    *out = sbuf_str(&b);
    return true;
}

bool sign_is_query_field(const struct request *req, const struct query_param *q)
{
    return is_field_in_query(req, q) && !is_auth_param(req, q) && !is_without_effect(q);
}

enum step_result sign_query_field(struct request *req, const struct query_param *q, struct str *name, struct str *value)
{
    *name = *value = STR_NONE;
    if (decode_text(req, q->name, name) && decode_text(req, q->value, value)) return STEP_NEXT;
    request_error_field(req, "URI", req->in.uri.query);
    return request_fail(req, ERR_BAD_URI, "an x-amz-* parameter cannot be a header");
}

static enum step_result add_query_fields(struct request *req, struct out *o)
{
    for (size_t i = 0; i < req->in.query_n; i++) {
        struct str name, value;

        if (!sign_is_query_field(req, &req->in.query[i])) continue;
        if (sign_query_field(req, &req->in.query[i], &name, &value) != STEP_NEXT) return STEP_FAIL;
        if (header_id_of(name) != HDR_OTHER || header_is_ambiguous(name) || !header_name_valid(name) ||
            headers_find_name(&req->in.head->headers, name)) {
            request_error_field(req, "ArgumentName", name);
            return request_fail(req, ERR_PARAM_MISPLACED, "%.*s in the query", STR_ARG(str_head(name, 64)));
        }
        if (!require_replaces(req, name)) out_add(o, name, value, HDR_OTHER);
    }
    return STEP_NEXT;
}

/* Of a form's own head only what S3 may judge the sender by. */
static enum step_result add_form_fields(struct request *req, struct out *o)
{
    static const char *const kept[] = {"origin", "referer", "user-agent"};

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct header *h = headers_find_name(&req->in.head->headers, str_from(kept[i]));

        if (h) out_add(o, h->name, h->value, h->id);
    }
    for (size_t i = 0; i < req->who.form->parsed.fields_n; i++) {
        struct header h;

        if (post_form_header(&req->who.form->parsed, i, &req->arena, &h, &req->err) != ERR_NONE) return STEP_FAIL;
        if (h.name.n && !require_replaces(req, h.name)) out_add(o, h.name, h.value, header_id_of(h.name));
    }
    return STEP_NEXT;
}

/* Not: what ends here, and what may be another field to the endpoint, which nobody has judged. */
static bool goes_on(const struct headers *all, const struct header *h)
{
    return !headers_drops(all, h) && !header_is_ambiguous(h->name);
}

static void add_client_fields(struct request *req, struct out *o)
{
    const struct headers *all = &req->in.head->headers;

    for (size_t i = 0; i < all->n; i++) {
        struct header h = all->v[i];

        if (is_replaced(req, &h) || !goes_on(all, &h) || require_replaces(req, h.name)) continue;
        if (h.id == HDR_CONTENT_ENCODING && req->out.chunks) continue; /* in add_chunk_head */
        if (h.id == HDR_CONTENT_ENCODING && req->out.decode) {
            h.value = without_aws_chunked(req, h.value);
            if (!h.value.n) continue;
        }
        out_add(o, h.name, h.value, h.id);
    }
}

/* "aws-chunked" and what else the client says of its content: S3 takes the first off and keeps the rest. */
static struct str chunked_encoding(struct request *req)
{
    const struct headers *all = &req->in.head->headers;
    struct sbuf b = arena_sbuf(&req->arena, req->in.head->raw.n + 16);

    sbuf_add(&b, STR("aws-chunked"));
    for (size_t i = 0; i < all->n; i++) {
        struct str rest = all->v[i].id == HDR_CONTENT_ENCODING ? without_aws_chunked(req, all->v[i].value) : STR_NONE;

        if (!rest.n) continue;
        sbuf_char(&b, ',');
        sbuf_add(&b, rest);
    }
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* What tells S3 of the chunks that we make. */
static enum step_result add_chunk_head(struct request *req, struct out *o)
{
    struct sbuf length = arena_sbuf(&req->arena, 20);
    struct str encoding;

    if (!req->out.chunks) return STEP_NEXT;
    encoding = chunked_encoding(req);
    sbuf_u64(&length, sign_content_length(req));
    if (!encoding.p || length.overflow) return request_fail(req, ERR_NO_MEMORY, "chunked head");
    out_add(o, STR("Content-Encoding"), encoding, HDR_CONTENT_ENCODING);
    out_add(o, STR("X-Amz-Decoded-Content-Length"), sbuf_str(&length), HDR_X_AMZ_DECODED_CONTENT_LENGTH);
    if (req->out.chunks->trailer_name.n)
        out_add(o, STR("X-Amz-Trailer"), req->out.chunks->trailer_name, HDR_X_AMZ_TRAILER);
    return STEP_NEXT;
}

/* Length or chunked: one decision for head and body. */
static enum step_result add_framing(struct request *req, struct sbuf *b)
{
    uint64_t framed = req->out.chunks ? sign_framed_length(req) : 0;

    req->out.framer = (struct framer){.chunks = req->out.chunks};
    if (req->out.chunks) {
        if (!framed) return request_fail(req, ERR_LENGTH_REQUIRED, "x-amz-decoded-content-length is beyond all limits");
        head_put_u64(b, STR("Content-Length"), framed);
    } else if (req->out.decode) {
        head_put_u64(b, STR("Content-Length"), req->who.decoded_length);
    } else if (req->in.head->body == BODY_CHUNKED) {
        head_put(b, STR("Transfer-Encoding"), STR("chunked"));
        req->out.framer.chunked = true;
    } else if (req->in.head->has_content_length || req->in.head->method_id == METHOD_PUT ||
               req->in.head->method_id == METHOD_POST) {
        head_put_u64(b, STR("Content-Length"), sign_content_length(req));
    }
    req->relay.hold = !req->in.head->expect_continue && !req->who.form && region_asks_first(req);
    req->out.expects = (req->in.head->expect_continue && !req->out.body_first && !req->who.form) || req->relay.hold;
    if (req->out.expects) head_put(b, STR("Expect"), STR("100-continue"));
    return STEP_NEXT;
}

static struct str out_method(const struct request *req)
{
    return req->who.form ? STR("PUT") : req->in.head->method;
}

static enum step_result write_head(struct request *req, const struct out *o, struct str authorization)
{
    size_t n = HEAD_SLACK + o->path.n + o->query.n + authorization.n;
    struct sbuf b;

    for (size_t i = 0; i < o->headers.n; i++)
        n += o->fields[i].name.n + o->fields[i].value.n + 4;
    b = arena_sbuf(&req->arena, n);
    head_put_request_line(&b, out_method(req), o->path, o->query, o->query.n > 0);
    for (size_t i = 0; i < o->headers.n; i++)
        head_put(&b, o->fields[i].name, o->fields[i].value);
    if (authorization.n) head_put(&b, STR("Authorization"), authorization);
    head_put(&b, STR("Via"), STR("1.1 s3onramp"));
    if (add_framing(req, &b) != STEP_NEXT) return STEP_FAIL;
    head_put_end(&b);
    if (b.overflow) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    req->out.head = sbuf_str(&b);
    return STEP_NEXT;
}

static enum step_result sign_and_write(struct request *req, struct out *o, struct str host, struct str timestamp)
{
    struct worker *w = req->worker;
    const struct credentials *keys = req->out.lease.keys;
    struct str region = str_from(req->route.endpoint->region), service = s3_signing_name(&req->in.s3);
    const struct hmac_key *key =
        sigv4_key(w->own_keys, w->digest, str_from(keys->access_key_id), str_from(keys->secret_access_key),
                  str_head(timestamp, SIGV4_DATE_BYTES), region, service);
    struct query_param params[REQUEST_MAX_QUERY];
    struct sigv4_input in = {
        .method = out_method(req),
        .path = req->in.path,
        .query = params,
        .query_n = query_split(o->query, params, REQUEST_MAX_QUERY),
        .host = host,
        .headers = &o->headers,
        .signed_headers = sigv4_headers_to_sign(&o->headers, &req->arena),
        .payload_hash = sign_payload_hash(req),
    };
    struct str authorization;
    struct sbuf decoded = arena_sbuf(&req->arena, o->path.n + 1);

    if (!key || !in.signed_headers.p || !decoded.cap || !uri_decode(o->path, false, decoded.p, &decoded.n))
        return request_fail(req, ERR_NO_MEMORY, "signature");
    in.path = sbuf_str(&decoded);
    authorization = sigv4_authorization(w->digest, key, &in, str_from(keys->access_key_id), timestamp, region, service,
                                        &req->arena);
    if (!authorization.p) return request_fail(req, ERR_NO_MEMORY, "signature");
    if (req->out.chunks &&
        sign_begin_chunks(req, key, timestamp, str_tail(authorization, authorization.n - SHA256_HEX)) != STEP_NEXT)
        return STEP_FAIL;
    return write_head(req, o, authorization);
}

/* For public buckets. The kind of body is still told where it is not plain, and the hash that a client has signed: the
 * endpoint is the only one to compare it. */
static enum step_result write_unsigned(struct request *req, struct out *o)
{
    if (req->out.kind == OUT_UNSIGNED_TRAILER && sign_begin_chunks(req, NULL, STR_NONE, STR_NONE) != STEP_NEXT)
        return STEP_FAIL;
    if (req->out.kind != OUT_AS_IT_IS || (req->who.payload == PAYLOAD_HASH && sign_content_length(req)))
        out_add(o, STR("X-Amz-Content-Sha256"), sign_payload_hash(req), HDR_X_AMZ_CONTENT_SHA256);
    return write_head(req, o, STR_NONE);
}

/* Signed with a key that is not ours to know: every byte that a signature can cover goes out as it came in. */
static enum step_result write_untouched(struct request *req)
{
    const struct headers *all = &req->in.head->headers;
    struct sbuf b = arena_sbuf(&req->arena, req->in.head->raw.n + HEAD_SLACK);

    head_put_request_line(&b, req->in.head->method, req->in.uri.path, req->in.uri.query, req->in.uri.has_query);
    head_put(&b, STR("Host"), req->in.authority);
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].id != HDR_HOST && goes_on(all, &all->v[i])) head_put(&b, all->v[i].name, all->v[i].value);
    head_put(&b, STR("Via"), STR("1.1 s3onramp"));
    req->out.expects = req->in.head->expect_continue;
    req->out.framer = (struct framer){.chunked = req->in.head->body == BODY_CHUNKED};
    if (req->out.framer.chunked) head_put(&b, STR("Transfer-Encoding"), STR("chunked"));
    head_put_end(&b);
    arena_trim(&req->arena, &b);
    if (b.overflow) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    req->out.head = sbuf_str(&b);
    return STEP_NEXT;
}

/* Of a preflight what S3 answers it by; no signature, no parameter. */
static enum step_result write_preflight(struct request *req, struct out *o)
{
    static const char *const kept[] = {"origin", "access-control-request-method", "access-control-request-headers",
                                       "user-agent"};

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct header *h = headers_find_name(&req->in.head->headers, str_from(kept[i]));

        if (h) out_add(o, h->name, h->value, h->id);
    }
    return write_head(req, o, STR_NONE);
}

static struct out *new_out(struct request *req)
{
    struct out *o = arena_alloc(&req->arena, sizeof(*o));
    size_t cap = req->in.head->headers.n + req->in.query_n + OWN_FIELDS + SET_FIELDS +
                 (req->who.form ? req->who.form->parsed.fields_n : 0);

    if (!o) return NULL;
    *o = (struct out){.fields = arena_alloc(&req->arena, cap * sizeof(*o->fields)), .cap = cap};
    o->headers.v = o->fields;
    return o->fields ? o : NULL;
}

static bool signs(const struct request *req)
{
    return req->route.credentials && req->route.credentials->source != CREDENTIALS_NONE;
}

/* ------------------------------------------------------------- its keys */

static enum step_result no_keys(struct request *req)
{
    const struct credentials_conf *set = req->route.credentials;
    const struct credentials *c = keyring_now(&req->worker->keyring, &req->out.lease);

    if (req->out.lease.refused)
        return request_fail(req, ERR_UPSTREAM_AUTH,
                            "[endpoint %s] does not accept [credentials %s], and source = %s has given no others",
                            req->route.endpoint->name, set->name, credentials_source_name(set->source));
    return request_fail(req, ERR_NO_CREDENTIALS, "[credentials %s] source = %s: %s", set->name,
                        credentials_source_name(set->source),
                        !c          ? "has not answered yet"
                        : c->usable ? "they have expired"
                        : c->why[0] ? c->why
                                    : "has none");
}

static enum step_result take_keys(struct request *req)
{
    struct key_slot slot = key_slot_of(req->route.credentials, req->who.caller);

    switch (keyring_take(&req->worker->keyring, &slot, &req->out.lease, req->route.credentials->wait_timeout_ms,
                         req->wake)) {
    case KEYS_TAKEN: return STEP_NEXT;
    case KEYS_WAIT: return STEP_WAIT;
    case KEYS_NONE: break;
    }
    return no_keys(req);
}

/* --- what policies add --- */

static void add_set(void *data, struct str name, struct str value)
{
    out_add(data, name, value, HDR_OTHER);
}

/* Where the client has said it, too, it says the same. */
static enum step_result add_owner_field(struct request *req, struct out *o, struct str name, struct str owner)
{
    const struct header *sent = headers_find_name(&o->headers, name);

    if (sent) return require_check_owner(req, sent, owner);
    out_add(o, name, owner, HDR_OTHER);
    return STEP_NEXT;
}

/* Nobody carries data to a stranger's bucket, or out of one. */
static enum step_result add_owner(struct request *req, struct out *o)
{
    struct str owner = require_owner(req);

    if (!owner.n) return STEP_NEXT;
    if (add_owner_field(req, o, STR("x-amz-expected-bucket-owner"), owner) != STEP_NEXT) return STEP_FAIL;
    if (!headers_find(&o->headers, HDR_X_AMZ_COPY_SOURCE)) return STEP_NEXT;
    return add_owner_field(req, o, STR("x-amz-source-expected-bucket-owner"), owner);
}

/* What the client asks for: query and fields; and what policies add. */
/* All fields of that name give way to one. */
static void put_only(struct out *o, struct str name, struct str value, enum header_id id)
{
    size_t n = 0;

    for (size_t i = 0; i < o->headers.n; i++)
        if (header_id_of(o->fields[i].name) != id) o->fields[n++] = o->fields[i];
    o->headers.n = n;
    out_add(o, name, value, id);
}

static bool make_trace(struct request *req, struct out *o)
{
    unsigned char random[TRACEPARENT_RANDOM];
    char *text;

    if (!req->out.trace.n) { /* the same when it is sent again */
        text = arena_alloc(&req->arena, TRACEPARENT_BYTES);
        if (!text) return false;
        secret_random(random, sizeof(random));
        traceparent_make(random, text);
        req->out.trace = str_make(text, TRACEPARENT_BYTES);
    }
    put_only(o, STR("traceparent"), req->out.trace, HDR_TRACEPARENT);
    return true;
}

static bool add_id(struct request *req, struct out *o)
{
    const struct header *agent = headers_find(&req->in.head->headers, HDR_USER_AGENT);
    struct str said = agent ? agent->value : STR_NONE;
    struct sbuf b = arena_sbuf(&req->arena, said.n + 16 + REQUEST_ID_BYTES);

    sbuf_add(&b, said);
    sbuf_add(&b, said.n ? STR(" s3onramp/") : STR("s3onramp/"));
    sbuf_add(&b, str_from(req->id));
    put_only(o, STR("User-Agent"), sbuf_str(&b), HDR_USER_AGENT);
    return !b.overflow;
}

/* What [log] says that S3 is told, so that its logs and ours can be joined. */
static bool add_tracks(struct request *req, struct out *o)
{
    const struct log_conf *log = &request_settings(req)->log;

    if (log->request_id_upstream && !add_id(req, o)) return false;
    return !log->make_traceparent || traceparent_of(&req->in.head->headers).n || make_trace(req, o);
}

static enum step_result add_asked(struct request *req, struct out *o)
{
    if (out_query(req, &o->query) != STEP_NEXT) return STEP_FAIL;
    if (req->who.form && add_form_fields(req, o) != STEP_NEXT) return STEP_FAIL;
    if (!req->who.form) add_client_fields(req, o);
    if (add_query_fields(req, o) != STEP_NEXT) return STEP_FAIL;
    require_each_set(req, add_set, o);
    if (add_owner(req, o) != STEP_NEXT) return STEP_FAIL;
    if (!add_tracks(req, o)) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    return add_chunk_head(req, o);
}

enum step_result step_sign(struct request *req)
{
    struct str host, timestamp = worker_timestamp(req->worker, clock_wall_us() / 1000000);
    struct out *o;
    bool host_style;
    enum step_result r;

    if (req->who.auth == AUTH_FOREIGN) return write_untouched(req);
    r = signs(req) ? take_keys(req) : STEP_NEXT;
    if (r == STEP_NEXT && req->route.credentials) r = sign_prepare_body(req);
    if (r != STEP_NEXT) return r;
    ASSERT(!policy_needs_body(req) || req->policy.body_judged);
    o = new_out(req);
    host = sign_host(req, &host_style);
    if (!o || !host.p) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    o->path = sign_path(req, host_style);
    if (!o->path.p) return request_fail(req, ERR_NO_MEMORY, "outgoing head");
    out_add(o, STR("Host"), host, HDR_HOST);
    if (req->who.auth == AUTH_PREFLIGHT) return write_preflight(req, o);
    if (add_asked(req, o) != STEP_NEXT) return STEP_FAIL;
    if (!signs(req)) return write_unsigned(req, o);
    out_add(o, STR("X-Amz-Date"), timestamp, HDR_X_AMZ_DATE);
    out_add(o, STR("X-Amz-Content-Sha256"), sign_payload_hash(req), HDR_X_AMZ_CONTENT_SHA256);
    if (req->out.lease.keys->session_token)
        out_add(o, STR("X-Amz-Security-Token"), str_from(req->out.lease.keys->session_token), HDR_X_AMZ_SECURITY_TOKEN);
    return sign_and_write(req, o, host, timestamp);
}
