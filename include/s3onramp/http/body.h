/* SPDX-License-Identifier: Apache-2.0
 * body.h: HTTP/1.1 body framings, decoded in place while streaming. Pure; any thread.
 * Source: RFC 9112 6.2, 6.3, 7.1.
 */
#ifndef S3ONRAMP_HTTP_BODY_H
#define S3ONRAMP_HTTP_BODY_H

#include "base/err.h"
#include "http/head.h"

enum {
    BODY_MAX_CHUNK_LINE = 1024,   /* size line with its extensions, dropped */
    BODY_MAX_TRAILERS = 8 * 1024, /* trailer section, checked for form and dropped */
};

struct body {
    enum body_kind kind;
    uint64_t left;  /* LENGTH: bytes still to come. CHUNKED: of the current chunk */
    uint64_t plain; /* decoded bytes so far */
    bool done;      /* the framing says that the body is complete */
    /* chunked only */
    unsigned state;
    unsigned line_bytes, trailer_bytes, digits;
    uint64_t size;
};

/* @length: for BODY_LENGTH. BODY_NONE and a length of 0 are done at once. */
void body_init(struct body *b, enum body_kind kind, uint64_t length);

/* Decodes @data[0..@raw_len) in place: *@used raw bytes were taken (all, unless the body ended: what follows belongs to
 * the next message), *@plain_len bytes of content now stand at @data[0..). ERR_BAD_FRAMING for a bad chunk (size
 * overflow, sign, 0x, spaces, missing CRLF, bare LF, long line, malformed trailer): the connection cannot be used any
 * more. Chunk extensions and trailers are dropped. */
MUST_CHECK enum err_code body_decode(struct body *b, char *data, size_t raw_len, size_t *used, size_t *plain_len,
                                     struct err *err);

/* The peer closed. True if that is a legal end (UNTIL_CLOSE, or already done). */
bool body_eof(struct body *b);

#endif
