/* SPDX-License-Identifier: Apache-2.0
 * sigv4_chunk.h: aws-chunked bodies, decoded or checked while streaming. Pure; one thread. Owns nothing.
 * This file knows STREAMING-UNSIGNED-PAYLOAD-TRAILER; chunk signatures are not checked here yet.
 * Source: S3 API Reference, "Signature Calculations … Transferring Payload in Multiple Chunks" and "… Including
 * trailing headers". No empty line stands between the zero chunk and the trailers. Trailer lines may end in LF or CRLF.
 */
#ifndef S3ONRAMP_AWS_SIGV4_CHUNK_H
#define S3ONRAMP_AWS_SIGV4_CHUNK_H

#include "aws/checksum.h"
#include "base/err.h"

enum {
    CHUNK_MAX_LINE = 1024,
    CHUNK_MAX_TRAILER = 1024, /* one trailer line: names and checksums are short */
    CHUNK_MAX_TRAILERS = 8,
};

struct aws_chunked {
    uint64_t decoded_expected; /* x-amz-decoded-content-length */
    uint64_t decoded;          /* content bytes seen */
    uint64_t left;             /* of the current chunk */
    uint64_t size;
    unsigned state, digits, line_bytes;
    bool done;               /* all of it seen, lengths and trailers as announced */
    struct str announced;    /* borrowed: value of x-amz-trailer, comma list; may be empty */
    unsigned announced_seen; /* bit per announced name */
    unsigned trailers;
    char line[CHUNK_MAX_TRAILER];
    struct checksum *checksum; /* borrowed; NULL: trailers are not compared */
};

/* @announced: value of x-amz-trailer. @checksum: initialised for the announced x-amz-checksum-* trailer, fed by
 * aws_chunked_decode with the content and compared with the trailer's value at the end; NULL to leave that to S3. */
void aws_chunked_init(struct aws_chunked *c, uint64_t decoded_length, struct str announced, struct checksum *checksum);

/* Takes @data[0..@len), in place: *@plain_len content bytes then stand at @data[0..). All of @len is used, bytes after
 * the end are an error. Errors: ERR_INCOMPLETE_BODY (bad chunk framing, or decoded length differs), ERR_BAD_TRAILER
 * (trailer not announced, missing, repeated, malformed), ERR_BAD_DIGEST (checksum differs). */
MUST_CHECK enum err_code aws_chunked_decode(struct aws_chunked *c, char *data, size_t len, size_t *plain_len,
                                            struct err *err);
/* The same checks without moving a byte: for framing that is passed on. */
MUST_CHECK enum err_code aws_chunked_check(struct aws_chunked *c, const char *data, size_t len, struct err *err);
/* The HTTP body is complete: ERR_INCOMPLETE_BODY unless done. */
MUST_CHECK enum err_code aws_chunked_end(const struct aws_chunked *c, struct err *err);

#endif
