/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sigv4_chunk.c: an aws-chunked body, signed or not, fed whole, byte by byte and in pieces of changing size gives
 * the same result and the same content, decoded or only checked. The same bytes as content, written by chunk_writer,
 * come out of the decoder again; with one byte of that changed nothing else comes out.
 */
#include "aws/sign/chunk_writer.h"
#include "aws/sign/sigv4.h"
#include "aws/sign/sigv4_chunk.h"

#include <stdlib.h>

enum mode { UNSIGNED_MODE, SIGNED_MODE, SIGNED_TRAILER_MODE, MODES };

struct outcome {
    enum err_code code;
    char *plain; /* owned */
    size_t plain_n;
    char trailer[CHUNK_MAX_TRAILER]; /* value of the checksum trailer */
    size_t trailer_n;
};

/* The first four bytes choose decoded length, trailers, mode and checksum. */
struct setup {
    enum mode mode;
    uint64_t decoded;
    struct str announced;
    enum checksum_kind kind;
    size_t step;
};

/* What a decoder borrows. */
struct parts {
    struct checksum sum;
    struct chunk_signature signature;
};

static struct setup read_setup(const uint8_t *data)
{
    static const struct str announced[] = {STR_INIT(""), STR_INIT("x-amz-checksum-crc32"), STR_INIT("a, b,,A"),
                                           STR_INIT("x-amz-checksum-sha256,a")};

    return (struct setup){.mode = (enum mode)(data[2] / ARRAY_LEN(announced) % MODES),
                          .decoded = (uint64_t)data[0] | (uint64_t)data[1] << 8,
                          .announced = announced[data[2] % ARRAY_LEN(announced)],
                          .kind = data[3] & 1   ? CHECKSUM_CRC32
                                  : data[3] & 2 ? CHECKSUM_SHA256
                                                : CHECKSUM_NONE,
                          .step = 1 + (data[3] >> 2)};
}

/* The key and the seed are those of the corpus, so that its signatures are right. */
static void begin_signature(struct chunk_signature *cs)
{
    static struct digest *d;
    static struct sigv4_keys *keys;

    if (!d) d = digest_new();
    if (!keys) keys = sigv4_keys_new(1);
    ASSERT(d && keys);
    const struct hmac_key *key =
        sigv4_key(keys, d, STR("AKIAIOSFODNN7EXAMPLE"), STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                  STR("20130524"), STR("us-east-1"), STR("s3"));
    ASSERT(key &&
           chunk_signature_begin(cs, d, key, STR("20130524T000000Z"), STR("20130524"), STR("us-east-1"), STR("s3"),
                                 STR("19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b")));
}

static void begin(struct aws_chunked *c, struct parts *parts, const struct setup *s)
{
    struct checksum *sum = s->kind == CHECKSUM_NONE ? NULL : &parts->sum;

    *parts = (struct parts){.signature = {.text = NULL}};
    ASSERT(checksum_init(&parts->sum, s->kind));
    if (s->mode == UNSIGNED_MODE) {
        aws_chunked_init(c, s->decoded, s->announced, sum);
        return;
    }
    begin_signature(&parts->signature);
    aws_chunked_init_signed(c, s->decoded, s->announced, sum, &parts->signature, s->mode == SIGNED_TRAILER_MODE);
}

static void end(struct parts *parts)
{
    checksum_clear(&parts->sum);
    chunk_signature_clear(&parts->signature);
}

static struct outcome decode(const struct setup *s, const char *data, size_t n, size_t step)
{
    struct outcome out = {.plain = malloc(n + 1)};
    struct aws_chunked c;
    struct parts parts;
    size_t at = 0;

    ASSERT(out.plain);
    begin(&c, &parts, s);
    while (at < n && out.code == ERR_NONE) {
        size_t piece_n = step < n - at ? step : n - at, plain_n;
        char *piece = malloc(piece_n); /* of its exact size, so that a sanitizer sees a byte too far */
        ASSERT(piece);
        memcpy(piece, data + at, piece_n);
        out.code = aws_chunked_decode(&c, piece, piece_n, &plain_n, NULL);
        ASSERT(plain_n <= piece_n);
        memcpy(out.plain + out.plain_n, piece, plain_n);
        out.plain_n += plain_n;
        at += piece_n;
        free(piece);
    }
    if (out.code == ERR_NONE) out.code = aws_chunked_end(&c, NULL);
    ASSERT(out.code == ERR_NONE ? out.plain_n == s->decoded && c.done : !c.done && c.trailer_name.n == 0);
    ASSERT(c.trailer_value.n <= sizeof out.trailer);
    if (c.trailer_value.n) memcpy(out.trailer, c.trailer_value.p, c.trailer_value.n);
    out.trailer_n = c.trailer_value.n;
    end(&parts);
    return out;
}

static enum err_code check(const struct setup *s, const char *data, size_t n)
{
    struct aws_chunked c;
    struct parts parts;

    begin(&c, &parts, s);
    enum err_code code = aws_chunked_check(&c, data, n, NULL);
    if (code == ERR_NONE) code = aws_chunked_end(&c, NULL);
    end(&parts);
    return code;
}

/* Of a refused body less content comes out the larger its pieces are: a bad chunk's last piece stays inside. */
static void assert_same(const struct outcome *a, const struct outcome *b)
{
    size_t n = a->plain_n < b->plain_n ? a->plain_n : b->plain_n;

    ASSERT(a->code == b->code && memcmp(a->plain, b->plain, n) == 0);
    if (a->code != ERR_NONE && a->code != ERR_SIG_MISMATCH) ASSERT(a->plain_n == b->plain_n);
    ASSERT(a->trailer_n == b->trailer_n && memcmp(a->trailer, b->trailer, a->trailer_n) == 0);
}

static void decode_in_all_ways(const struct setup *s, const char *data, size_t n)
{
    size_t steps[] = {n, 1, s->step};
    struct outcome first = {.code = ERR_NONE};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct outcome out = decode(s, data, n, steps[i]);
        if (i == 0) {
            first = out;
            continue;
        }
        assert_same(&first, &out);
        free(out.plain);
    }
    ASSERT(check(s, data, n) == first.code);
    free(first.plain);
}

/* @content framed in chunks of @chunk_bytes with its CRC32 as trailer, if the mode has one. */
static struct sbuf write_body(enum mode mode, struct str content, size_t chunk_bytes, struct str trailer)
{
    static const enum chunk_writer_mode modes[MODES] = {CHUNK_WRITER_UNSIGNED_TRAILER, CHUNK_WRITER_SIGNED,
                                                        CHUNK_WRITER_SIGNED_TRAILER};
    struct str name = mode == SIGNED_MODE ? STR_NONE : STR("x-amz-checksum-crc32");
    size_t cap = content.n + (content.n / chunk_bytes + 1) * CHUNK_WRITER_HEADER_MAX + CHUNK_WRITER_END_MAX + 64;
    struct chunk_signature cs = {.text = NULL};
    struct chunk_writer w;
    struct sbuf out = sbuf_make(malloc(cap), cap);

    ASSERT(out.p);
    if (mode != UNSIGNED_MODE) begin_signature(&cs);
    chunk_writer_begin(&w, modes[mode], content.n, mode == UNSIGNED_MODE ? NULL : &cs);
    w.chunk_bytes = chunk_bytes;
    for (size_t at = 0, n; (n = chunk_writer_next(&w)) > 0; at += n) {
        struct str piece = str_make(content.p + at, n);
        chunk_writer_header(&w, piece, &out);
        sbuf_add(&out, piece);
    }
    chunk_writer_end(&w, name, mode == SIGNED_MODE ? STR_NONE : trailer, &out);
    ASSERT(!out.overflow);
    if (chunk_bytes == CHUNK_WRITER_BYTES)
        ASSERT(out.n == chunk_writer_length(modes[mode], content.n, name, mode == SIGNED_MODE ? 0 : trailer.n));
    chunk_signature_clear(&cs);
    return out;
}

static struct str crc32_of(struct str content, struct sbuf *b)
{
    struct checksum sum;

    ASSERT(checksum_init(&sum, CHECKSUM_CRC32));
    checksum_add(&sum, content.p, content.n);
    checksum_end(&sum, b);
    checksum_clear(&sum);
    return sbuf_str(b);
}

static void write_and_decode(enum mode mode, const uint8_t *choice, struct str content)
{
    struct setup s = {.mode = mode,
                      .decoded = content.n,
                      .announced = mode == SIGNED_MODE ? STR_NONE : STR("x-amz-checksum-crc32"),
                      .kind = mode == SIGNED_MODE ? CHECKSUM_NONE : CHECKSUM_CRC32,
                      .step = 1 + 8 * (size_t)choice[3]};
    char text[16];
    struct sbuf b = sbuf_make(text, sizeof text);
    struct str trailer = crc32_of(content, &b);
    struct sbuf body = write_body(mode, content, choice[3] & 1 ? CHUNK_MIN_BYTES : CHUNK_WRITER_BYTES, trailer);
    struct outcome out = decode(&s, body.p, body.n, s.step);

    ASSERT(out.code == ERR_NONE && memcmp(out.plain, content.p, content.n) == 0);
    ASSERT(str_eq(str_make(out.trailer, out.trailer_n), mode == SIGNED_MODE ? STR_NONE : trailer));
    free(out.plain);

    size_t at = ((size_t)choice[0] | (size_t)choice[1] << 8) % body.n;
    body.p[at] = (char)(body.p[at] ^ (choice[2] ? choice[2] : 1));
    out = decode(&s, body.p, body.n, s.step);
    ASSERT(out.code != ERR_NONE || memcmp(out.plain, content.p, content.n) == 0);
    free(out.plain);
    free(body.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 4) return 0;
    struct setup s = read_setup(data);
    struct str rest = str_make((const char *)data + 4, n - 4);

    decode_in_all_ways(&s, rest.p, rest.n);
    write_and_decode(s.mode, data, rest);
    return 0;
}
