/* SPDX-License-Identifier: Apache-2.0
 * sigv4_chunk.c: aws-chunked bodies, decoded in place or checked while they stream by, however they are cut.
 * Pure; one thread per struct aws_chunked. Owns nothing.
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in
 * Multiple Chunks" and "… Including Trailing Headers (Chunked Upload)".
 *
 *                          ┌────────────── size > 0 ──────────────┐
 *     SIZE ─(;)▶ EXTENSION ─(CR)▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *       └──────────(CR)──────────────┘ │
 *                                      └─ size = 0 ─▶ TRAILER (one line at a time) ─ empty line ─▶ END (─▶ END_LF ─▶
 * END) any state ─ error ─▶ FAILED
 *
 * Signed: (CR) does not lead from SIZE to SIZE_LF, the extension is the signature, which is compared when DATA ends.
 */
#include "aws/sign/sigv4_chunk.h"

#include "base/secret.h"

enum state { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, END, END_LF, FAILED };

enum { MAX_DIGITS = 16 }; /* significant hex digits of a chunk size */

static const struct str CHUNK_SIGNATURE = STR_INIT("chunk-signature=");
static const struct str TRAILER_SIGNATURE = STR_INIT("x-amz-trailer-signature");
static const struct str CHECKSUM_PREFIX = STR_INIT("x-amz-checksum-");

void aws_chunked_init(struct aws_chunked *c, uint64_t decoded_length, struct str announced, struct checksum *checksum)
{
    *c = (struct aws_chunked){.decoded_expected = decoded_length, .announced = announced, .checksum = checksum};
}

void aws_chunked_init_signed(struct aws_chunked *c, uint64_t decoded_length, struct str announced,
                             struct checksum *checksum, struct chunk_signature *signature, bool with_trailer)
{
    aws_chunked_init(c, decoded_length, announced, checksum);
    c->signature = signature;
    c->signed_trailer = with_trailer;
}

static enum err_code fail(struct aws_chunked *c, enum err_code code, struct err *err, const char *reason)
{
    c->state = FAILED;
    c->done = false;
    c->trailer_name = c->trailer_value = STR_NONE;
    return err_set(err, code, 0, "%s", reason);
}

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_signature(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower_hex(s.p[i])) return false;
    return s.n == SHA256_HEX;
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

/* "name:value\n" from the front of *@rest; false at its end. */
static bool next_kept(struct str *rest, struct str *name, struct str *value)
{
    struct str line;

    if (!str_split(rest, '\n', &line)) return false;
    size_t colon = str_index(line, ':');
    *name = str_head(line, colon);
    *value = str_tail(line, colon + 1);
    return true;
}

/* Where a trailer called @name belongs among the kept ones. */
static size_t kept_place(const struct aws_chunked *c, struct str name)
{
    struct str rest = str_make(c->kept, c->kept_n), other, value;
    size_t at = 0;

    while (next_kept(&rest, &other, &value) && str_cmp(other, name) < 0)
        at += other.n + value.n + 2;
    return at;
}

/* Keeps "name:value\n" in its place. @name is at the front of c->line and is made lower case there. */
static bool keep_trailer(struct aws_chunked *c, struct str name, struct str value)
{
    size_t n = name.n + value.n + 2;
    struct sbuf lower = sbuf_make(c->line, name.n);

    if (n > sizeof c->kept - c->kept_n) return false;
    sbuf_lower(&lower, name);
    size_t at = kept_place(c, name);
    memmove(c->kept + at + n, c->kept + at, c->kept_n - at);
    c->kept_n += n;

    struct sbuf line = sbuf_make(c->kept + at, n);
    sbuf_add(&line, name);
    sbuf_char(&line, ':');
    sbuf_add(&line, value);
    sbuf_char(&line, '\n');
    return true;
}

static void find_checksum_trailer(struct aws_chunked *c)
{
    struct str rest = str_make(c->kept, c->kept_n), name, value;

    while (next_kept(&rest, &name, &value)) {
        if (!str_starts(name, CHECKSUM_PREFIX)) continue;
        c->trailer_name = name;
        c->trailer_value = value;
        return;
    }
}

/* The content is complete when the first trailer comes, so the checksum is, too. */
static bool checksum_matches(struct aws_chunked *c, struct str value)
{
    char ours[64];
    struct sbuf b = sbuf_make(ours, sizeof ours);

    checksum_end(c->checksum, &b);
    return str_eq(sbuf_str(&b), value);
}

static enum err_code compare_checksum(struct aws_chunked *c, struct str name, struct str value, struct err *err)
{
    enum checksum_kind kind = checksum_kind_of(name);

    if (c->checksum && kind != CHECKSUM_NONE && kind == c->checksum->kind && !checksum_matches(c, value))
        return fail(c, ERR_BAD_DIGEST, err, "The checksum in the trailer is not the checksum of the content.");
    return ERR_NONE;
}

/* Not signed: only the checksum trailer is of interest later. It fits, as a line does. */
static enum err_code take_unsigned(struct aws_chunked *c, struct str name, struct str value, struct err *err)
{
    TRY(compare_checksum(c, name, value, err));
    if (c->kept_n == 0 && str_starts_nocase(name, CHECKSUM_PREFIX)) ASSERT(keep_trailer(c, name, value));
    return ERR_NONE;
}

/* Signed: all are kept for their signature and judged after it. */
static enum err_code take_signed(struct aws_chunked *c, struct str name, struct str value, struct err *err)
{
    if (!keep_trailer(c, name, value)) return fail(c, ERR_BAD_TRAILER, err, "The trailers are too long.");
    return ERR_NONE;
}

/* S3: "Expecting a single x-amz-checksum- header". The length is checked so that the value fits where the length of the
 * whole body was announced before the value was known. */
static enum err_code judge_signed_checksum(struct aws_chunked *c, struct err *err)
{
    struct str rest = str_make(c->kept, c->kept_n), name, value;
    bool seen = false;

    while (next_kept(&rest, &name, &value)) {
        if (!str_starts(name, CHECKSUM_PREFIX)) continue;
        if (seen) return fail(c, ERR_BAD_TRAILER, err, "More than one checksum trailer was sent.");
        enum checksum_kind kind = checksum_kind_of(name);
        if (kind != CHECKSUM_NONE && value.n != checksum_text_bytes(kind))
            return fail(c, ERR_BAD_TRAILER, err, "The checksum in the trailer has not the length of one.");
        TRY(compare_checksum(c, name, value, err));
        seen = true;
    }
    return ERR_NONE;
}

/* All that are announced must have come before it: then no other trailer can follow. */
static enum err_code take_trailer_signature(struct aws_chunked *c, struct str value, struct err *err)
{
    char ours[SHA256_HEX];

    if (c->trailer_signature_seen) return fail(c, ERR_BAD_TRAILER, err, "x-amz-trailer-signature was sent twice.");
    if (!all_announced_seen(c)) return fail(c, ERR_BAD_TRAILER, err, "A trailer that x-amz-trailer names is missing.");
    if (!is_signature(value))
        return fail(c, ERR_BAD_TRAILER, err, "x-amz-trailer-signature is not 64 lower-case hexadecimal digits.");
    c->trailer_signature_seen = true;
    chunk_signature_end_trailer(c->signature, str_make(c->kept, c->kept_n), ours);
    if (!secret_equal(str_make(ours, sizeof ours), value))
        return fail(c, ERR_SIG_MISMATCH, err, "The signature of the trailers does not match.");
    return judge_signed_checksum(c, err);
}

static enum err_code take_trailer(struct aws_chunked *c, struct str line, struct err *err)
{
    size_t colon = str_index(line, ':');

    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.p[i] < ' ' && line.p[i] != '\t')
            return fail(c, ERR_BAD_TRAILER, err, "A trailer line holds a control byte.");
    if (colon == SIZE_MAX || colon == 0) return fail(c, ERR_BAD_TRAILER, err, "A trailer line is not \"name:value\".");

    struct str name = str_head(line, colon), value = str_trim(str_tail(line, colon + 1));
    if (c->signed_trailer && str_eq_nocase(name, TRAILER_SIGNATURE)) return take_trailer_signature(c, value, err);
    if (c->signature && !c->signed_trailer)
        return fail(c, ERR_BAD_TRAILER, err, "A trailer was sent in a mode without signed trailers.");
    size_t i = announced_index(c, name);
    if (i == SIZE_MAX) return fail(c, ERR_BAD_TRAILER, err, "A trailer was sent that x-amz-trailer does not name.");
    if (i >= CHUNK_MAX_TRAILERS) return fail(c, ERR_BAD_TRAILER, err, "x-amz-trailer names too many trailers.");
    if (c->announced_seen & 1U << i) return fail(c, ERR_BAD_TRAILER, err, "A trailer was sent twice.");
    c->announced_seen |= 1U << i;
    c->trailers++;
    return c->signed_trailer ? take_signed(c, name, value, err) : take_unsigned(c, name, value, err);
}

static void finish(struct aws_chunked *c)
{
    find_checksum_trailer(c);
    c->state = END;
    c->done = true;
}

static enum err_code end_of_trailers(struct aws_chunked *c, struct err *err)
{
    if (!all_announced_seen(c)) return fail(c, ERR_BAD_TRAILER, err, "A trailer that x-amz-trailer names is missing.");
    if (c->signed_trailer && !c->trailer_signature_seen)
        return fail(c, ERR_BAD_TRAILER, err, "x-amz-trailer-signature is missing.");
    finish(c);
    return ERR_NONE;
}

/* Documents and some clients end these lines, and only these, with a bare LF. minio-go puts a CR LF behind the last of
 * them, which belongs to it: before x-amz-trailer-signature, and before the empty line at the end. */
static enum err_code end_of_line(struct aws_chunked *c, struct str line, struct err *err)
{
    bool crlf = line.n && line.p[line.n - 1] == '\r', after_bare_lf = c->bare_lf;

    if (crlf) line.n--;
    c->line_bytes = 0;
    c->bare_lf = !crlf && line.n;
    if (line.n) return take_trailer(c, line, err);
    if (after_bare_lf && crlf && c->signed_trailer && !c->trailer_signature_seen) return ERR_NONE;
    c->crlf_may_follow = after_bare_lf && crlf;
    return end_of_trailers(c, err);
}

static enum err_code trailer_byte(struct aws_chunked *c, char byte, struct err *err)
{
    if (byte != '\n') {
        if (c->line_bytes == CHUNK_MAX_TRAILER) return fail(c, ERR_BAD_TRAILER, err, "A trailer line is too long.");
        c->line[c->line_bytes++] = byte;
        return ERR_NONE;
    }
    return end_of_line(c, str_make(c->line, c->line_bytes), err);
}

/* A byte behind the end: there is none, but for that CR LF. */
static enum err_code byte_after_end(struct aws_chunked *c, char byte, struct err *err)
{
    bool wanted = c->crlf_may_follow && byte == (c->state == END ? '\r' : '\n');

    if (!wanted) return fail(c, ERR_INCOMPLETE_BODY, err, "Bytes follow the end of the chunked body.");
    if (c->state == END_LF) {
        c->crlf_may_follow = false;
        finish(c);
        return ERR_NONE;
    }
    c->state = END_LF;
    c->done = false;
    c->trailer_name = c->trailer_value = STR_NONE;
    return ERR_NONE;
}

/* ---- chunks ---- */

/* A digit of the size, or what ends it. Zeros before the first significant digit only count as bytes of the line. */
static enum err_code size_byte(struct aws_chunked *c, char byte, struct err *err)
{
    int digit = hex_digit(byte);

    if (digit < 0) {
        if (c->line_bytes == 1 || (byte != '\r' && byte != ';'))
            return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk does not begin with its size in hexadecimal.");
        if (c->signature && byte == '\r') return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk has no signature.");
        c->state = byte == '\r' ? SIZE_LF : EXTENSION;
        return ERR_NONE;
    }
    if (c->size > 0 && ++c->digits >= MAX_DIGITS)
        return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk size is too large.");
    c->size = c->size << 4 | (uint64_t)digit;
    return ERR_NONE;
}

/* "chunk-signature=" and 64 digits, and nothing else: as S3 writes it, so S3-like servers read it. */
static enum err_code signature_byte(struct aws_chunked *c, char byte, struct err *err)
{
    size_t at = c->extension_bytes++;

    if (at < CHUNK_SIGNATURE.n) {
        if (byte == CHUNK_SIGNATURE.p[at]) return ERR_NONE;
        return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk's size is not followed by \";chunk-signature=\".");
    }
    at -= CHUNK_SIGNATURE.n;
    if (at < SHA256_HEX && is_lower_hex(byte)) {
        c->claimed[at] = byte;
        return ERR_NONE;
    }
    if (at != SHA256_HEX || byte != '\r')
        return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk's signature is not 64 lower-case hexadecimal digits.");
    c->state = SIZE_LF;
    return ERR_NONE;
}

/* What follows the size in an unsigned chunk is skipped. */
static enum err_code extension_byte(struct aws_chunked *c, char byte, struct err *err)
{
    if (c->signature) return signature_byte(c, byte, err);
    if (byte == '\r')
        c->state = SIZE_LF;
    else if ((unsigned char)byte < ' ' && byte != '\t')
        return fail(c, ERR_INCOMPLETE_BODY, err, "A chunk's first line holds a control byte.");
    return ERR_NONE;
}

static enum err_code compare_chunk_signature(struct aws_chunked *c, struct err *err)
{
    char ours[SHA256_HEX];

    if (!c->signature) return ERR_NONE;
    chunk_signature_end_chunk(c->signature, ours);
    if (secret_equal(str_make(ours, sizeof ours), str_make(c->claimed, sizeof c->claimed))) return ERR_NONE;
    return fail(c, ERR_SIG_MISMATCH, err, "The signature of a chunk does not match.");
}

/* Whether the chunk before was too small is known when this one has content, too. S3 numbers this one, from 1, and
 * tells the size of the one before. */
static enum err_code count_signed_chunk(struct aws_chunked *c, struct err *err)
{
    c->chunks++;
    if (c->chunks > 1 && c->last_size < CHUNK_MIN_BYTES) {
        c->bad_chunk = c->chunks;
        c->bad_chunk_size = c->last_size;
        return fail(c, ERR_CHUNK_SIZE, err, "A chunk that is not the last one is too small.");
    }
    c->last_size = c->size;
    return ERR_NONE;
}

static enum err_code end_of_size_line(struct aws_chunked *c, struct err *err)
{
    if (c->size > c->decoded_expected - c->decoded)
        return fail(c, ERR_INCOMPLETE_BODY, err, "The body is longer than x-amz-decoded-content-length says.");
    if (c->size == 0 && c->decoded != c->decoded_expected)
        return fail(c, ERR_INCOMPLETE_BODY, err, "The body is shorter than x-amz-decoded-content-length says.");
    if (c->signature && c->size > 0) TRY(count_signed_chunk(c, err));
    if (c->size == 0) TRY(compare_chunk_signature(c, err));
    c->left = c->size;
    c->state = c->size ? DATA : TRAILER;
    c->size = 0;
    c->digits = 0;
    c->extension_bytes = 0;
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
    case END:
    case END_LF: return byte_after_end(c, byte, err);
    case DATA:
    case FAILED: break;
    }
    return fail(c, ERR_INCOMPLETE_BODY, err, "The chunked body was refused before.");
}

static void hash_content(struct aws_chunked *c, struct str content)
{
    if (c->signature) {
        chunk_signature_add(c->signature, content);
        c->hashed += content.n;
    }
    if (c->checksum) {
        checksum_add(c->checksum, content.p, content.n);
        c->hashed += content.n;
    }
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
    hash_content(c, *content);
    if (c->left > 0) return ERR_NONE;
    c->state = DATA_CR;
    return compare_chunk_signature(c, err);
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
