/* SPDX-License-Identifier: Apache-2.0
 * framer.h: writes a body in the framing that its head announced: as it is, in HTTP chunks (RFC 9112 7.1), or in
 * aws-chunked framing (aws/sign/chunk_writer.h). One worker.
 */
#ifndef S3ONRAMP_FLOW_BODY_FRAMER_H
#define S3ONRAMP_FLOW_BODY_FRAMER_H

#include "aws/sign/chunk_signature.h"
#include "aws/sign/chunk_writer.h"
#include "aws/sign/sigv4_chunk.h"
#include "io/conn.h"

enum { FRAMER_TRAILER_MAX = 128 }; /* name and value of a checksum trailer */

/* An aws-chunked body that goes out. Lives in a request's arena. */
struct framer_chunks {
    struct chunk_writer writer;
    struct chunk_signature signature; /* owned; zero if chunks are not signed */
    struct str trailer_name;          /* empty: none. Its value comes from @in once that is done */
    const struct aws_chunked *in;     /* borrowed; NULL if there is no trailer */
    char line[CHUNK_WRITER_HEADER_MAX + CHUNK_WRITER_END_MAX + FRAMER_TRAILER_MAX];
};

struct framer {
    bool chunked;                 /* in HTTP chunks */
    struct framer_chunks *chunks; /* borrowed: in aws-chunked framing */
    bool begun;                   /* an HTTP chunk was written */
    bool ended;                   /* all that follows the content is in the line */
    uint64_t chunk_left;          /* content of the chunk whose header was made */
    char text[24];                /* of an HTTP chunk: its header, with the end of the chunk before */
    struct str line;              /* what must be written before anything else */
};

/* How many content bytes framer_write needs at least to get on. */
size_t framer_wants(const struct framer *f);
/* Frames and writes up to @n bytes; *@took content bytes were taken: none of less than framer_wants(). */
enum conn_result framer_write(struct framer *f, struct conn *c, const char *p, size_t n, size_t *took);
/* The end of the body: CONN_OK when written. */
enum conn_result framer_end(struct framer *f, struct conn *c);

#endif
