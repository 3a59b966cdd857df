/* SPDX-License-Identifier: Apache-2.0
 * chunk_writer.h: content of known length in aws-chunked framing, with or without signatures, in chunks of one size, so
 * that the length of the whole is known before its first byte. Pure; one thread. Owns nothing.
 * Source: S3 API Reference, "Signature Calculations … Transferring Payload in Multiple Chunks" and "… Including
 * Trailing Headers".
 *
 *     begin;  while (next() > 0) { header(); write the content }  end;
 */
#ifndef S3ONRAMP_AWS_SIGN_CHUNK_WRITER_H
#define S3ONRAMP_AWS_SIGN_CHUNK_WRITER_H

#include "aws/sign/chunk_signature.h"

enum chunk_writer_mode {
    CHUNK_WRITER_UNSIGNED_TRAILER, /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
    CHUNK_WRITER_SIGNED,           /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
    CHUNK_WRITER_SIGNED_TRAILER,   /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER */
};

enum {
    CHUNK_WRITER_BYTES = 32 * 1024, /* content of a chunk: a signed one must be seen whole before its header leaves */
    /* At most so much is written by chunk_writer_header, … */
    CHUNK_WRITER_HEADER_MAX = 2 + 16 + 17 + SHA256_HEX + 2,
    /* … and by chunk_writer_end, besides name and value of the trailer. */
    CHUNK_WRITER_END_MAX = 2 + 1 + 17 + SHA256_HEX + 2 + 3 + 24 + SHA256_HEX + 2 + 2,
};

struct chunk_writer {
    enum chunk_writer_mode mode;
    bool begun;                        /* a chunk was written whose end is still missing */
    size_t chunk_bytes;                /* CHUNK_WRITER_BYTES */
    uint64_t left;                     /* content bytes whose header was not yet written */
    struct chunk_signature *signature; /* borrowed; NULL in CHUNK_WRITER_UNSIGNED_TRAILER */
};

/* Bytes of the whole framed body: its Content-Length. @trailer_name: as for chunk_writer_end; empty: no trailer.
 * 0 if that exceeds 64 bits (a body has never 0 bytes). */
MUST_CHECK uint64_t chunk_writer_length(enum chunk_writer_mode mode, uint64_t content_length, struct str trailer_name,
                                        size_t trailer_value_bytes);

/* @signature: begun with the signature of the head that goes out; NULL if and only if chunks are not signed. */
void chunk_writer_begin(struct chunk_writer *w, enum chunk_writer_mode mode, uint64_t content_length,
                        struct chunk_signature *signature);
/* Content bytes of the next chunk; 0: only the end is left. */
size_t chunk_writer_next(const struct chunk_writer *w);
/* Writes what stands before the next chunk's content @data, which must be chunk_writer_next() bytes. */
void chunk_writer_header(struct chunk_writer *w, struct str data, struct sbuf *out);
/* Writes what stands after all content. @trailer_name: lower case; empty: no trailer, as in CHUNK_WRITER_SIGNED always.
 * @trailer_value: without space at its ends, as long as chunk_writer_length was told. Only once. */
void chunk_writer_end(struct chunk_writer *w, struct str trailer_name, struct str trailer_value, struct sbuf *out);

#endif
