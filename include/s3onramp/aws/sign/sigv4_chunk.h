/* SPDX-License-Identifier: Apache-2.0
 * sigv4_chunk.h: aws-chunked bodies, decoded or checked while streaming. Pure; one thread. Owns nothing.
 * Unsigned (STREAMING-UNSIGNED-PAYLOAD-TRAILER) or with every chunk signed (STREAMING-AWS4-HMAC-SHA256-PAYLOAD and
 * …-PAYLOAD-TRAILER).
 * Source: S3 API Reference, "Signature Calculations … Transferring Payload in Multiple Chunks" and "… Including
 * trailing headers". No empty line stands between the zero chunk and the trailers. Trailer lines may end in LF or CRLF,
 * and a CRLF may follow the last that ends in LF (minio-go, as tried against S3 by its authors).
 */
#ifndef S3ONRAMP_AWS_SIGN_SIGV4_CHUNK_H
#define S3ONRAMP_AWS_SIGN_SIGV4_CHUNK_H

#include "aws/sign/checksum.h"
#include "aws/sign/chunk_signature.h"
#include "base/err.h"

enum {
    CHUNK_MAX_LINE = 1024,
    CHUNK_MAX_TRAILER = 1024, /* one trailer line: names and checksums are short */
    CHUNK_MAX_TRAILERS = 8,
    CHUNK_MIN_BYTES = 8192, /* content of a signed chunk that is not the last one with content */
};

struct aws_chunked {
    uint64_t decoded_expected; /* x-amz-decoded-content-length */
    uint64_t decoded;          /* content bytes seen */
    uint64_t left;             /* of the current chunk */
    uint64_t size;
    uint64_t hashed; /* content bytes that were hashed or summed here; twice if signature and checksum want them */
    unsigned state, digits, extension_bytes, line_bytes;
    bool done;               /* all of it seen, lengths and trailers as announced */
    bool bare_lf;            /* the trailer line before ended in LF alone */
    bool crlf_may_follow;    /* … and so did the last one: one CR LF more is no byte too many */
    struct str announced;    /* borrowed: value of x-amz-trailer, comma list; may be empty */
    unsigned announced_seen; /* bit per announced name */
    unsigned trailers;
    char line[CHUNK_MAX_TRAILER];
    struct checksum *checksum; /* borrowed; NULL: trailers are not compared */
    /* The x-amz-checksum-* trailer that came first, its name in lower case; empty if there is none. Set when done,
     * views into this struct. */
    struct str trailer_name, trailer_value;

    /* signed chunks */
    struct chunk_signature *signature; /* borrowed; NULL: chunks are not signed */
    bool signed_trailer, trailer_signature_seen;
    char claimed[SHA256_HEX];           /* the current chunk's signature as sent */
    uint64_t chunks;                    /* begun, with content */
    uint64_t last_size;                 /* of the latest of them */
    uint64_t bad_chunk, bad_chunk_size; /* with ERR_CHUNK_SIZE: S3's fields Chunk and BadChunkSize */

    char kept[CHUNK_MAX_TRAILER + 1]; /* trailers as "name:value\n", sorted by name; unsigned: only the one above */
    size_t kept_n;
};

/* @announced: value of x-amz-trailer. @checksum: initialised for the announced x-amz-checksum-* trailer, fed by
 * aws_chunked_decode with the content and compared with the trailer's value at the end; NULL to leave that to S3. */
void aws_chunked_init(struct aws_chunked *c, uint64_t decoded_length, struct str announced, struct checksum *checksum);
/* The same for signed chunks. @signature: begun with the signature of the head; not to be used by others until the
 * body is done. @with_trailer: …-PAYLOAD-TRAILER, whose trailers are signed, too; without it @announced must be empty
 * for the body to be taken. x-amz-trailer-signature is never announced.
 *
 * A chunk is judged at its end. Until then its content has been given out: the last byte of the body must be held back
 * until the body is done. */
void aws_chunked_init_signed(struct aws_chunked *c, uint64_t decoded_length, struct str announced,
                             struct checksum *checksum, struct chunk_signature *signature, bool with_trailer);

/* Takes @data[0..@len), in place: *@plain_len content bytes then stand at @data[0..). All of @len is used, bytes after
 * the end are an error. Errors: ERR_INCOMPLETE_BODY (bad chunk framing, or decoded length differs), ERR_BAD_TRAILER
 * (trailer not announced, missing, repeated, malformed), ERR_BAD_DIGEST (checksum differs); for signed chunks also
 * ERR_INCOMPLETE_BODY (signature missing or not 64 lower-case hex digits), ERR_SIG_MISMATCH (of a chunk or of the
 * trailers) and ERR_CHUNK_SIZE (a chunk below CHUNK_MIN_BYTES is followed by content). */
MUST_CHECK enum err_code aws_chunked_decode(struct aws_chunked *c, char *data, size_t len, size_t *plain_len,
                                            struct err *err);
/* The same checks without moving a byte: for framing that is passed on. */
MUST_CHECK enum err_code aws_chunked_check(struct aws_chunked *c, const char *data, size_t len, struct err *err);
/* The HTTP body is complete: ERR_INCOMPLETE_BODY unless done. */
MUST_CHECK enum err_code aws_chunked_end(const struct aws_chunked *c, struct err *err);

#endif
