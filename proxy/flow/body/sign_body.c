/* SPDX-License-Identifier: Apache-2.0
 * sign_body.c: of the step sign: what becomes of the body on its way.
 *
 * Body: what comes in → what goes out
 *   plain                    → the same bytes, the client's hash or UNSIGNED-PAYLOAD
 *   unsigned chunks, trailer → trailers = pass: framing passed on, checked; decode: content, trailer checked here
 *   signed chunks            → content only, each signature checked here
 *   signed chunks, trailer   → trailers = pass: unsigned chunks with that trailer; decode: content only
 *   a browser's form         → PutObject with the file, and the fields as headers
 *   payload = signed         → what no client hashed: chunks signed here; XML, which S3 takes whole: hashed here
 *   what the policy looks at → content, held whole; a trailer in framing of our own
 *   signed by a stranger     → everything as it came
 * The kind alone decides, so that Content-Encoding, lengths, sentinel and body always belong together.
 */
#include "sign_body.h"

#include "base/encode.h"
#include "body/relay.h"
#include "chunk_filter.h"
#include "flow/body/form.h"
#include "flow/policy.h"
#include "flow/session.h"
#include "flow/worker.h"

uint64_t sign_content_length(const struct request *req)
{
    if (req->who.form) return req->who.form->file_bytes;
    return req->out.decode ? req->who.decoded_length : req->in.head->content_length;
}

/* No payload may leave unsigned. */
static bool must_seal(const struct request *req)
{
    return req->route.endpoint->payload == PAYLOAD_OUT_SIGNED && req->route.credentials->source != CREDENTIALS_NONE;
}

/* What the policy looks at stands in the buffer without framing. */
static enum body_out kind_of_unsigned_trailer(const struct request *req, bool trailers)
{
    if (must_seal(req)) return trailers ? OUT_SIGNED_TRAILER : OUT_SIGNED;
    if (policy_needs_body(req)) return trailers ? OUT_UNSIGNED_TRAILER : OUT_AS_IT_IS;
    return req->route.endpoint->trailers == TRAILERS_PASS ? OUT_PASSED : OUT_AS_IT_IS;
}

static enum body_out out_kind_of(const struct request *req)
{
    bool trailers =
        req->route.endpoint->trailers == TRAILERS_PASS && headers_find(&req->in.head->headers, HDR_X_AMZ_TRAILER);
    bool sealed = must_seal(req);

    switch (req->who.payload) {
    case PAYLOAD_UNSIGNED_TRAILER: return kind_of_unsigned_trailer(req, trailers);
    case PAYLOAD_SIGNED_TRAILER:
        if (trailers) return sealed ? OUT_SIGNED_TRAILER : OUT_UNSIGNED_TRAILER;
        return sealed ? OUT_SIGNED : OUT_AS_IT_IS;
    case PAYLOAD_SIGNED_CHUNKS: return sealed ? OUT_SIGNED : OUT_AS_IT_IS;
    case PAYLOAD_UNSIGNED:
        return sealed && (req->in.operation->streams_body || req->who.form) && sign_content_length(req) ? OUT_SIGNED
                                                                                                        : OUT_AS_IT_IS;
    default: return OUT_AS_IT_IS;
    }
}

/* The one trailer that we must know, because we check it or must tell its length beforehand. */
static enum step_result known_trailer(struct request *req, struct str announced, enum checksum_kind *kind)
{
    *kind = checksum_kind_of(str_trim(announced));
    if (!announced.n || *kind != CHECKSUM_NONE) return STEP_NEXT;
    return request_fail(req, ERR_NOT_IMPLEMENTED,
                        "The trailer %.*s cannot be checked by this proxy; use one of the x-amz-checksum trailers "
                        "crc32, crc32c, crc64nvme, sha1, sha256",
                        STR_ARG(str_head(announced, 100)));
}

/* The reader of the framing that comes in. A checksum is compared here if the endpoint cannot, or if what goes out
 * relies on its length. */
static enum step_result plan_chunks_in(struct request *req, struct str announced, enum checksum_kind kind)
{
    bool sealed = req->who.payload != PAYLOAD_UNSIGNED_TRAILER;
    bool compare =
        req->out.decode && kind != CHECKSUM_NONE && (!sealed || req->route.endpoint->trailers == TRAILERS_DECODE);
    struct checksum *checksum = compare ? &req->out.checksum : NULL;
    struct chunk_filter *f;

    f = arena_alloc(&req->arena, sizeof(*f));
    if (!f || (compare && !checksum_init(&req->out.checksum, kind))) return request_fail(req, ERR_NO_MEMORY, "chunks");
    req->out.chunked = &f->chunked;
    f->decode = req->out.decode;
    chunk_filter_add(&req->in.filters, f);
    if (sealed)
        aws_chunked_init_signed(req->out.chunked, req->who.decoded_length, announced, checksum, &req->who.chunk_seal,
                                req->who.payload == PAYLOAD_SIGNED_TRAILER);
    else
        aws_chunked_init(req->out.chunked, req->who.decoded_length, announced, checksum);
    return STEP_NEXT;
}

static enum step_result plan_chunks_out(struct request *req, enum checksum_kind kind)
{
    struct framer_chunks *out = arena_alloc(&req->arena, sizeof(*out));

    if (!out) return request_fail(req, ERR_NO_MEMORY, "chunks");
    memset(out, 0, sizeof(*out));
    if (req->out.kind != OUT_SIGNED) {
        out->in = req->out.chunked;
        out->trailer_name = checksum_trailer_name(kind);
    }
    req->out.chunks = out;
    return STEP_NEXT;
}

/* S3 takes other bodies than objects in one piece only: the hash must be known before the head. */
static enum step_result plan_hash(struct request *req)
{
    if (req->in.head->content_length > BUF_BYTES && !policy_needs_body(req))
        return request_fail(
            req, ERR_NOT_IMPLEMENTED,
            "This endpoint takes signed payloads only, and a body of this kind that the client did not hash "
            "may have at most %d bytes: let the client send its x-amz-content-sha256",
            (int)BUF_BYTES);
    req->out.hash_first = req->out.body_first = true;
    return STEP_NEXT;
}

static enum step_result plan_body(struct request *req)
{
    const struct header *trailer = headers_find(&req->in.head->headers, HDR_X_AMZ_TRAILER);
    struct str announced = trailer ? trailer->value : STR_NONE;
    bool framed = req->who.payload != PAYLOAD_HASH && req->who.payload != PAYLOAD_UNSIGNED;
    enum checksum_kind kind = CHECKSUM_NONE;

    req->out.kind = out_kind_of(req);
    req->out.decode = framed && req->out.kind != OUT_PASSED;
    if (req->out.decode && known_trailer(req, announced, &kind) != STEP_NEXT) return STEP_FAIL;
    if (framed && plan_chunks_in(req, announced, kind) != STEP_NEXT) return STEP_FAIL;
    /* An empty object has no last byte that could be held back until the trailer was checked. */
    req->out.body_first = policy_needs_body(req) || (req->out.decode && req->who.decoded_length == 0);
    if (req->out.kind != OUT_AS_IT_IS && req->out.kind != OUT_PASSED) return plan_chunks_out(req, kind);
    return req->who.payload == PAYLOAD_UNSIGNED && must_seal(req) && sign_content_length(req) ? plan_hash(req)
                                                                                              : STEP_NEXT;
}

/* The whole body, for its hash. STEP_WAIT: it is not there yet. */
static enum step_result hash_body(struct request *req)
{
    uint8_t hash[SHA256_BYTES];
    struct sbuf hex = arena_sbuf(&req->arena, SHA256_HEX);
    struct str body;
    enum step_result r = relay_take_whole_body(req);

    if (r != STEP_NEXT) return r;
    body = buf_plain(&req->session->in);
    digest_sha256(req->worker->digest, body, hash);
    req->out.hashed += body.n;
    hex_lower(&hex, hash, sizeof(hash));
    req->out.body_hash = sbuf_str(&hex);
    return hex.overflow ? request_fail(req, ERR_NO_MEMORY, "body hash") : STEP_NEXT;
}

enum step_result sign_prepare_body(struct request *req)
{
    if (!req->out.body_planned && plan_body(req) != STEP_NEXT) return STEP_FAIL;
    req->out.body_planned = true;
    if (policy_needs_body(req)) {
        enum step_result r = policy_judge_body(req);

        if (r != STEP_NEXT) return r;
    }
    return req->out.hash_first && !req->out.body_hash.n ? hash_body(req) : STEP_NEXT;
}

struct str sign_payload_hash(const struct request *req)
{
    switch (req->out.kind) {
    case OUT_PASSED:
    case OUT_UNSIGNED_TRAILER: return SIGV4_STREAMING_UNSIGNED_TRAILER;
    case OUT_SIGNED: return SIGV4_STREAMING_SIGNED;
    case OUT_SIGNED_TRAILER: return SIGV4_STREAMING_SIGNED_TRAILER;
    case OUT_AS_IT_IS: break;
    }
    if (req->who.payload == PAYLOAD_HASH) return req->who.payload_hash;
    if (req->out.hash_first) return req->out.body_hash;
    if (req->in.head->body != BODY_CHUNKED && sign_content_length(req) == 0) return SIGV4_EMPTY_SHA256;
    return SIGV4_UNSIGNED_PAYLOAD;
}

uint64_t sign_framed_length(const struct request *req)
{
    static const enum chunk_writer_mode modes[] = {
        [OUT_UNSIGNED_TRAILER] = CHUNK_WRITER_UNSIGNED_TRAILER,
        [OUT_SIGNED] = CHUNK_WRITER_SIGNED,
        [OUT_SIGNED_TRAILER] = CHUNK_WRITER_SIGNED_TRAILER,
    };
    struct str trailer = req->out.chunks->trailer_name;

    return chunk_writer_length(modes[req->out.kind], sign_content_length(req), trailer,
                               checksum_text_bytes(checksum_kind_of(trailer)));
}

enum step_result sign_begin_chunks(struct request *req, const struct hmac_key *key, struct str timestamp,
                                   struct str seed)
{
    struct framer_chunks *out = req->out.chunks;

    chunk_signature_clear(&out->signature); /* of a first try */
    if (req->out.kind == OUT_UNSIGNED_TRAILER) {
        chunk_writer_begin(&out->writer, CHUNK_WRITER_UNSIGNED_TRAILER, sign_content_length(req), NULL);
        return STEP_NEXT;
    }
    if (!chunk_signature_begin(&out->signature, req->worker->digest, key, timestamp,
                               str_head(timestamp, SIGV4_DATE_BYTES), str_from(req->route.endpoint->region),
                               s3_signing_name(&req->in.s3), seed))
        return request_fail(req, ERR_NO_MEMORY, "chunk signature");
    chunk_writer_begin(&out->writer, req->out.kind == OUT_SIGNED ? CHUNK_WRITER_SIGNED : CHUNK_WRITER_SIGNED_TRAILER,
                       sign_content_length(req), &out->signature);
    return STEP_NEXT;
}
