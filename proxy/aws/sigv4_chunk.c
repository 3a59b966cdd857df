/* SPDX-License-Identifier: Apache-2.0
 * sigv4_chunk.c: aws-chunked bodies, decoded in place or checked while they stream by, however they are cut.
 * Pure; one thread per struct aws_chunked. Owns nothing.
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in
 * Multiple Chunks" and "… Including Trailing Headers (Chunked Upload)".
 *
 *                          ┌────────────── size > 0 ──────────────┐
 *     SIZE ─(;)▶ EXTENSION ─(CR)▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *       └──────────(CR)──────────────┘ │
 *                                      └─ size = 0 ─▶ TRAILER (one line at a time) ─ empty line ─▶ END
 *     any state ─ error ─▶ FAILED
 */
#include "aws/sigv4_chunk.h"

enum state { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, END, FAILED };

enum { MAX_DIGITS = 16 }; /* significant hex digits of a chunk size */

void aws_chunked_init(struct aws_chunked *c, uint64_t decoded_length, struct str announced, struct checksum *checksum)
{
    *c = (struct aws_chunked){.decoded_expected = decoded_length, .announced = announced, .checksum = checksum};
}

static enum err_code fail(struct aws_chunked *c, enum err_code code, struct err *err, const char *reason)
{
    c->state = FAILED;
    c->done = false;
    return err_set(err, code, 0, "%s", reason);
}

/* ---- trailers ---- */

/* The next announced name, without empty items of the list. */
static bool next_announced(struct str *rest, struct str *name)
{
    while (str_split(rest, ',', name)) {
        *name = str_trim(*name);
        if (name->n) return true;
    }
    return false;
}

/* Which of the announced names @name is (the first, if it is announced twice), or SIZE_MAX. */
static size_t announced_index(const struct aws_chunked *c, struct str name)
{
    struct str rest = c->announced, item;

    for (size_t i = 0; next_announced(&rest, &item); i++)
        if (str_eq_nocase(item, name)) return i;
    return SIZE_MAX;
}

static bool all_announced_seen(const struct aws_chunked *c)
{
    struct str rest = c->announced, item;

    while (next_announced(&rest, &item)) {
        size_t i = announced_index(c, item);
        if (i >= CHUNK_MAX_TRAILERS || !(c->announced_seen & 1U << i)) return false;
    }
    return true;
}

/* The content is complete when the first trailer comes, so the checksum is, too. */
static bool checksum_matches(struct aws_chunked *c, struct str value)
{
    char ours[64];
    struct sbuf b = sbuf_make(ours, sizeof ours);

    checksum_end(c->checksum, &b);
    return str_eq(sbuf_str(&b), value);
}

static enum err_code take_trailer(struct aws_chunked *c, struct str line, struct err *err)
{
    size_t colon = str_index(line, ':');

    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.p[i] < ' ' && line.p[i] != '\t')
            return fail(c, ERR_BAD_TRAILER, err, "A trailer line holds a control byte.");
    if (colon == SIZE_MAX || colon == 0) return fail(c, ERR_BAD_TRAILER, err, "A trailer line is not \"name:value\".");

    struct str name = str_head(line, colon), value = str_trim(str_tail(line, colon + 1));
    size_t i = announced_index(c, name);
    if (i == SIZE_MAX) return fail(c, ERR_BAD_TRAILER, err, "A trailer was sent that x-amz-trailer does not name.");
    if (i >= CHUNK_MAX_TRAILERS) return fail(c, ERR_BAD_TRAILER, err, "x-amz-trailer names too many trailers.");
    if (c->announced_seen & 1U << i) return fail(c, ERR_BAD_TRAILER, err, "A trailer was sent twice.");
    c->announced_seen |= 1U << i;
    c->trailers++;

    enum checksum_kind kind = checksum_kind_of(name);
    if (c->checksum && kind != CHECKSUM_NONE && kind == c->checksum->kind && !checksum_matches(c, value))
        return fail(c, ERR_BAD_DIGEST, err, "The checksum in the trailer is not the checksum of the content.");
    return ERR_NONE;
}

static enum err_code end_of_trailers(struct aws_chunked *c, struct err *err)
{
    if (!all_announced_seen(c)) return fail(c, ERR_BAD_TRAILER, err, "A trailer that x-amz-trailer names is missing.");
    c->state = END;
    c->done = true;
    return ERR_NONE;
}

/* Documents and some clients end these lines, and only these, with a bare LF. */
static enum err_code trailer_byte(struct aws_chunked *c, char byte, struct err *err)
{
    if (byte != '\n') {
        if (c->line_bytes == CHUNK_MAX_TRAILER) return fail(c, ERR_BAD_TRAILER, err, "A trailer line is too long.");
        c->line[c->line_bytes++] = byte;
        return ERR_NONE;
    }
    struct str line = str_make(c->line, c->line_bytes);
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    c->line_bytes = 0;
    return line.n ? take_trailer(c, line, err) : end_of_trailers(c, err);
}

/* ---- chunks ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    char l = ascii_lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* A digit of the size, or what ends it. Zeros before the first significant digit only count as bytes of the line. */
static enum err_code size_byte(struct aws_chunked *c, char byte, struct err *err)
{
    int digit = hex_value(byte);

    if (digit < 0) {
        if (c->line_bytes == 1 || (byte != '\r' && byte != ';'))
            return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk does not begin with its size in hexadecimal.");
        c->state = byte == '\r' ? SIZE_LF : EXTENSION;
        return ERR_NONE;
    }
    if (c->size > 0 && ++c->digits >= MAX_DIGITS)
        return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk size is too large.");
    c->size = c->size << 4 | (uint64_t)digit;
    return ERR_NONE;
}

/* What follows the size, like ";chunk-signature=…", is skipped. */
static enum err_code extension_byte(struct aws_chunked *c, char byte, struct err *err)
{
    if (byte == '\r')
        c->state = SIZE_LF;
    else if ((unsigned char)byte < ' ' && byte != '\t')
        return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk's first line holds a control byte.");
    return ERR_NONE;
}

static enum err_code end_of_size_line(struct aws_chunked *c, struct err *err)
{
    if (c->size > c->decoded_expected - c->decoded)
        return fail(c, ERR_INCOMPLETE_BODY, err, "The body is longer than x-amz-decoded-content-length says.");
    if (c->size == 0 && c->decoded != c->decoded_expected)
        return fail(c, ERR_INCOMPLETE_BODY, err, "The body is shorter than x-amz-decoded-content-length says.");
    c->left = c->size;
    c->state = c->size ? DATA : TRAILER;
    c->size = 0;
    c->digits = 0;
    c->line_bytes = 0;
    return ERR_NONE;
}

static enum err_code size_line_byte(struct aws_chunked *c, char byte, struct err *err)
{
    if (++c->line_bytes > CHUNK_MAX_LINE) return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk's first line is too long.");
    if (c->state == SIZE) return size_byte(c, byte, err);
    if (c->state == EXTENSION) return extension_byte(c, byte, err);
    if (byte != '\n') return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk's first line does not end in CR LF.");
    return end_of_size_line(c, err);
}

static enum err_code data_end_byte(struct aws_chunked *c, char byte, struct err *err)
{
    if (byte != (c->state == DATA_CR ? '\r' : '\n'))
        return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk's content is not followed by CR LF.");
    c->state = c->state == DATA_CR ? DATA_LF : SIZE;
    return ERR_NONE;
}

/* One byte that is not content. */
static enum err_code framing_byte(struct aws_chunked *c, char byte, struct err *err)
{
    switch ((enum state)c->state) {
    case SIZE:
    case EXTENSION:
    case SIZE_LF: return size_line_byte(c, byte, err);
    case DATA_CR:
    case DATA_LF: return data_end_byte(c, byte, err);
    case TRAILER: return trailer_byte(c, byte, err);
    case END: return fail(c, ERR_INCOMPLETE_BODY, err, "Bytes follow the end of the chunked body.");
    case DATA:
    case FAILED: break;
    }
    return fail(c, ERR_INCOMPLETE_BODY, err, "The chunked body was refused before.");
}

/* Reads framing until content comes: *@content is what there is of it in @rest, empty when @rest is used up.
 * Takes both from @rest. */
static enum err_code next_content(struct aws_chunked *c, struct str *rest, struct str *content, struct err *err)
{
    *content = STR_NONE;
    while (rest->n > 0 && c->state != DATA) {
        TRY(framing_byte(c, rest->p[0], err));
        *rest = str_tail(*rest, 1);
    }
    if (rest->n == 0) return ERR_NONE;

    size_t n = c->left < rest->n ? (size_t)c->left : rest->n;
    *content = str_head(*rest, n);
    *rest = str_tail(*rest, n);
    c->left -= n;
    c->decoded += n;
    if (c->left == 0) c->state = DATA_CR;
    if (c->checksum) checksum_add(c->checksum, content->p, n);
    return ERR_NONE;
}

enum err_code aws_chunked_decode(struct aws_chunked *c, char *data, size_t len, size_t *plain_len, struct err *err)
{
    struct str rest = {data, len}, content;

    *plain_len = 0;
    do {
        TRY(next_content(c, &rest, &content, err));
        if (content.n) memmove(data + *plain_len, content.p, content.n);
        *plain_len += content.n;
    } while (rest.n > 0);
    return ERR_NONE;
}

enum err_code aws_chunked_check(struct aws_chunked *c, const char *data, size_t len, struct err *err)
{
    struct str rest = {data, len}, content;

    do
        TRY(next_content(c, &rest, &content, err));
    while (rest.n > 0);
    return ERR_NONE;
}

enum err_code aws_chunked_end(const struct aws_chunked *c, struct err *err)
{
    if (c->done) return ERR_NONE;
    return err_set(err, ERR_INCOMPLETE_BODY, 0, "The chunked body ended early.");
}
