/* SPDX-License-Identifier: Apache-2.0
 * chunk_writer.c: writes aws-chunked framing around content that the caller writes itself. Pure; one thread per struct
 * chunk_writer. Owns nothing.
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in
 * Multiple Chunks" and "… Including Trailing Headers (Chunked Upload)".
 *
 *     8000[;chunk-signature=<64 hex>] CRLF content CRLF …         chunk_writer_header before each content
 *     0[;chunk-signature=<64 hex>] CRLF                           ┐
 *     [name:value CRLF] [x-amz-trailer-signature:<64 hex> CRLF]   │ chunk_writer_end
 *     CRLF                                                        ┘
 */
#include "aws/sign/chunk_writer.h"

static const struct str CRLF = STR_INIT("\r\n");
static const struct str CHUNK_SIGNATURE = STR_INIT(";chunk-signature=");
static const struct str TRAILER_SIGNATURE = STR_INIT("x-amz-trailer-signature:");

/* ---- length ---- */

static uint64_t hex_digits(uint64_t value)
{
    uint64_t n = 1;

    while (value >>= 4)
        n++;
    return n;
}

static uint64_t size_line_bytes(enum chunk_writer_mode mode, uint64_t size)
{
    uint64_t signature = mode == CHUNK_WRITER_UNSIGNED_TRAILER ? 0 : CHUNK_SIGNATURE.n + SHA256_HEX;

    return hex_digits(size) + signature + CRLF.n;
}

static bool add_up(uint64_t *sum, uint64_t n)
{
    if (n > UINT64_MAX - *sum) return false;
    *sum += n;
    return true;
}

uint64_t chunk_writer_length(enum chunk_writer_mode mode, uint64_t content_length, struct str trailer_name,
                             size_t trailer_value_bytes)
{
    uint64_t whole = content_length / CHUNK_WRITER_BYTES, last = content_length % CHUNK_WRITER_BYTES;
    uint64_t sum = size_line_bytes(mode, 0) + CRLF.n;

    /* cannot wrap: there are at most 2^64 / CHUNK_WRITER_BYTES whole chunks, and their framing is shorter than they */
    sum += whole * (size_line_bytes(mode, CHUNK_WRITER_BYTES) + CRLF.n);
    if (last) sum += size_line_bytes(mode, last) + CRLF.n;
    if (mode == CHUNK_WRITER_SIGNED_TRAILER) sum += TRAILER_SIGNATURE.n + SHA256_HEX + CRLF.n;
    if (!add_up(&sum, content_length)) return 0;
    if (trailer_name.n == 0) return sum;
    return add_up(&sum, trailer_name.n) && add_up(&sum, 1 + CRLF.n) && add_up(&sum, trailer_value_bytes) ? sum : 0;
}

/* ---- writing ---- */

void chunk_writer_begin(struct chunk_writer *w, enum chunk_writer_mode mode, uint64_t content_length,
                        struct chunk_signature *signature)
{
    ASSERT((mode == CHUNK_WRITER_UNSIGNED_TRAILER) == (signature == NULL));
    *w = (struct chunk_writer){
        .mode = mode, .chunk_bytes = CHUNK_WRITER_BYTES, .left = content_length, .signature = signature};
}

size_t chunk_writer_next(const struct chunk_writer *w)
{
    return w->left < w->chunk_bytes ? (size_t)w->left : w->chunk_bytes;
}

static void put_chunk_start(struct chunk_writer *w, struct str data, struct sbuf *out)
{
    if (w->begun) sbuf_add(out, CRLF);
    sbuf_hex64(out, data.n);
    if (w->signature) {
        char signature[SHA256_HEX];
        chunk_signature_add(w->signature, data);
        chunk_signature_end_chunk(w->signature, signature);
        sbuf_add(out, CHUNK_SIGNATURE);
        sbuf_add(out, str_make(signature, sizeof signature));
    }
    sbuf_add(out, CRLF);
}

void chunk_writer_header(struct chunk_writer *w, struct str data, struct sbuf *out)
{
    ASSERT(data.n > 0 && data.n == chunk_writer_next(w));
    put_chunk_start(w, data, out);
    w->left -= data.n;
    w->begun = true;
}

/* Writes the trailer as it is signed, with LF at its end: returns that. */
static struct str put_canonical_trailer(struct str name, struct str value, struct sbuf *out)
{
    size_t from = out->n;

    if (name.n == 0) return STR_NONE;
    sbuf_add(out, name);
    sbuf_char(out, ':');
    sbuf_add(out, value);
    sbuf_char(out, '\n');
    return str_make(out->p + from, out->n - from);
}

void chunk_writer_end(struct chunk_writer *w, struct str trailer_name, struct str trailer_value, struct sbuf *out)
{
    char signature[SHA256_HEX];

    ASSERT(w->left == 0 && (w->mode != CHUNK_WRITER_SIGNED || trailer_name.n == 0));
    put_chunk_start(w, STR_NONE, out);
    struct str canonical = put_canonical_trailer(trailer_name, trailer_value, out);
    if (w->mode == CHUNK_WRITER_SIGNED_TRAILER) chunk_signature_end_trailer(w->signature, canonical, signature);
    if (canonical.n) {
        if (!out->overflow) out->n--; /* on the wire the line ends in CR LF */
        sbuf_add(out, CRLF);
    }
    if (w->mode == CHUNK_WRITER_SIGNED_TRAILER) {
        sbuf_add(out, TRAILER_SIGNATURE);
        sbuf_add(out, str_make(signature, sizeof signature));
        sbuf_add(out, CRLF);
    }
    sbuf_add(out, CRLF);
}
