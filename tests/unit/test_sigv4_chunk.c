/* SPDX-License-Identifier: Apache-2.0
 * test_sigv4_chunk.c: aws-chunked framing as tables, fed whole, byte by byte and cut in two anywhere; decode and check
 * must agree. Signed bodies also with every byte changed, and with chunks moved, left out, doubled and cut off.
 * Includes the two chunked examples of the S3 API Reference; signatures in the tables were computed with Python's hmac
 * and hashlib.
 */
#include "aws/sign/sigv4_chunk.h"

#include "chunk_seed.h"

#include <stdio.h>
#include <stdlib.h>

enum mode { UNSIGNED_MODE, SIGNED_MODE, SIGNED_TRAILER_MODE };

static const char TEST_SEED[] = "19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b";

/* A decoder with what it borrows. */
struct decoder {
    struct aws_chunked chunked;
    struct checksum sum;
    struct chunk_signature signature;
};

static void decoder_begin(struct decoder *dec, enum mode mode, const char *seed, uint64_t decoded, struct str announced,
                          enum checksum_kind kind)
{
    struct checksum *sum = kind == CHECKSUM_NONE ? NULL : &dec->sum;

    assert_true(checksum_init(&dec->sum, kind));
    dec->signature = (struct chunk_signature){.text = NULL};
    if (mode == UNSIGNED_MODE) {
        aws_chunked_init(&dec->chunked, decoded, announced, sum);
        return;
    }
    begin_signature(&dec->signature, seed);
    aws_chunked_init_signed(&dec->chunked, decoded, announced, sum, &dec->signature, mode == SIGNED_TRAILER_MODE);
}

static void decoder_end(struct decoder *dec)
{
    checksum_clear(&dec->sum);
    chunk_signature_clear(&dec->signature);
}

struct outcome {
    enum err_code code;
    size_t plain_n;
    char plain[256];
};

struct chunk_case {
    const char *name;
    struct str bytes;
    uint64_t decoded;
    struct str announced;
    enum checksum_kind checksum;
    enum err_code expected;
    struct str plain;
};

/* Feeds @c's bytes in pieces of @first, then @step bytes, to decode. */
static struct outcome run_decode(const struct chunk_case *c, enum mode mode, size_t first, size_t step)
{
    struct outcome out = {.code = ERR_NONE};
    struct decoder dec;
    struct err err;

    decoder_begin(&dec, mode, TEST_SEED, c->decoded, c->announced, c->checksum);
    for (size_t at = 0, n = first; at < c->bytes.n && out.code == ERR_NONE; at += n, n = step) {
        char piece[512];
        size_t plain_n;
        if (n > c->bytes.n - at) n = c->bytes.n - at;
        memcpy(piece, c->bytes.p + at, n);
        out.code = aws_chunked_decode(&dec.chunked, piece, n, &plain_n, &err);
        assert_true(out.plain_n + plain_n <= sizeof out.plain);
        memcpy(out.plain + out.plain_n, piece, plain_n);
        out.plain_n += plain_n;
    }
    if (out.code == ERR_NONE) out.code = aws_chunked_end(&dec.chunked, &err);
    if (out.code != ERR_NONE) {
        assert_false(dec.chunked.done);
        assert_int_equal(dec.chunked.trailer_name.n, 0);
        assert_int_equal(aws_chunked_end(&dec.chunked, NULL), ERR_INCOMPLETE_BODY); /* a refused body stays refused */
    }
    decoder_end(&dec);
    return out;
}

static enum err_code run_check(const struct chunk_case *c, enum mode mode, size_t first, size_t step)
{
    struct decoder dec;
    enum err_code code = ERR_NONE;

    decoder_begin(&dec, mode, TEST_SEED, c->decoded, c->announced, c->checksum);
    for (size_t at = 0, n = first; at < c->bytes.n && code == ERR_NONE; at += n, n = step) {
        if (n > c->bytes.n - at) n = c->bytes.n - at;
        code = aws_chunked_check(&dec.chunked, c->bytes.p + at, n, NULL);
    }
    if (code == ERR_NONE) code = aws_chunked_end(&dec.chunked, NULL);
    decoder_end(&dec);
    return code;
}

static void assert_outcome(const struct chunk_case *c, enum mode mode, size_t first, size_t step)
{
    struct outcome out = run_decode(c, mode, first, step);

    if (out.code != c->expected)
        fail_msg("%s, cut at %zu/%zu: %s, expected %s", c->name, first, step, err_info(out.code)->word,
                 err_info(c->expected)->word);
    if (out.code == ERR_NONE && !str_eq(str_make(out.plain, out.plain_n), c->plain)) fail_msg("%s: content", c->name);
    if (run_check(c, mode, first, step) != c->expected) fail_msg("%s: check differs from decode", c->name);
}

#define CRC32_OF_HELLO "x-amz-checksum-crc32:NhCmhg=="
#define T STR_INIT("x-amz-checksum-crc32")

static const struct chunk_case cases[] = {
    {"one chunk", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\r\n\r\n"), 5, T, CHECKSUM_CRC32, ERR_NONE,
     STR_INIT("hello")},
    {"two chunks", STR_INIT("2\r\nhe\r\n3\r\nllo\r\n0\r\n" CRC32_OF_HELLO "\r\n\r\n"), 5, T, CHECKSUM_CRC32, ERR_NONE,
     STR_INIT("hello")},
    {"LF in trailer lines", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\n\n"), 5, T, CHECKSUM_CRC32, ERR_NONE,
     STR_INIT("hello")},
    {"LF, then CR LF", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\n\r\n"), 5, T, CHECKSUM_CRC32, ERR_NONE,
     STR_INIT("hello")},
    {"LF, then CR LF twice", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\n\r\n\r\n"), 5, T, CHECKSUM_CRC32,
     ERR_NONE, STR_INIT("hello")},
    {"two with LF, then CR LF twice", STR_INIT("5\r\nhello\r\n0\r\nb:2\na:1\n\r\n\r\n"), 5, STR_INIT("a,b"),
     CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"trailer in other case, with space", STR_INIT("5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg== \r\n\r\n"), 5, T,
     CHECKSUM_CRC32, ERR_NONE, STR_INIT("hello")},
    {"announced in other case", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\r\n\r\n"), 5,
     STR_INIT("X-AMZ-Checksum-Crc32"), CHECKSUM_CRC32, ERR_NONE, STR_INIT("hello")},
    {"not compared without a checksum", STR_INIT("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"), 5, T,
     CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"leading zeros", STR_INIT("0000000000000000000005\r\nhello\r\n000\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_NONE, STR_INIT("hello")},
    {"upper and lower case hex", STR_INIT("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), 20, STR_INIT(""),
     CHECKSUM_NONE, ERR_NONE, STR_INIT("01234567890123456789")},
    {"content that looks like framing", STR_INIT("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), 7, STR_INIT(""), CHECKSUM_NONE,
     ERR_NONE, STR_INIT("\r\n0\r\n\r\n")},
    {"extension", STR_INIT("5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"empty object", STR_INIT("0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"), 0, T, CHECKSUM_CRC32, ERR_NONE,
     STR_INIT("")},
    {"no trailer", STR_INIT("5\r\nhello\r\n0\r\n\r\n"), 5, STR_INIT(" , "), CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"two trailers", STR_INIT("5\r\nhello\r\n0\r\nb:2\r\na:1\r\n\r\n"), 5, STR_INIT("a, b"), CHECKSUM_NONE, ERR_NONE,
     STR_INIT("hello")},
    {"sha256 trailer",
     STR_INIT("5\r\nhello\r\n0\r\nx-amz-checksum-sha256:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\r\n\r\n"), 5,
     STR_INIT("x-amz-checksum-sha256"), CHECKSUM_SHA256, ERR_NONE, STR_INIT("hello")},

    {"checksum differs", STR_INIT("5\r\nhellO\r\n0\r\n" CRC32_OF_HELLO "\r\n\r\n"), 5, T, CHECKSUM_CRC32,
     ERR_BAD_DIGEST, STR_NONE},
    {"checksum in other spelling", STR_INIT("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg\r\n\r\n"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_DIGEST, STR_NONE},
    {"trailer missing", STR_INIT("5\r\nhello\r\n0\r\n\r\n"), 5, T, CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"second trailer missing", STR_INIT("5\r\nhello\r\n0\r\na:1\r\n\r\n"), 5, STR_INIT("a,b"), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"empty line before the trailers", STR_INIT("5\r\nhello\r\n0\r\n\r\n" CRC32_OF_HELLO "\r\n\r\n"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"trailer not announced", STR_INIT("5\r\nhello\r\n0\r\na:1\r\n\r\n"), 5, STR_INIT("b"), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"nothing announced", STR_INIT("5\r\nhello\r\n0\r\na:1\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_BAD_TRAILER,
     STR_NONE},
    {"trailer repeated", STR_INIT("5\r\nhello\r\n0\r\na:1\r\nA:1\r\n\r\n"), 5, STR_INIT("a"), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"trailer without colon", STR_INIT("5\r\nhello\r\n0\r\na\r\n\r\n"), 5, STR_INIT("a"), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"trailer without name", STR_INIT("5\r\nhello\r\n0\r\n:1\r\n\r\n"), 5, STR_INIT("a"), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"space before the colon", STR_INIT("5\r\nhello\r\n0\r\na :1\r\n\r\n"), 5, STR_INIT("a"), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"bare CR in a trailer", STR_INIT("5\r\nhello\r\n0\r\na:1\r2\r\n\r\n"), 5, STR_INIT("a"), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"NUL in a trailer", STR_INIT("5\r\nhello\r\n0\r\na:1\0\r\n\r\n"), 5, STR_INIT("a"), CHECKSUM_NONE, ERR_BAD_TRAILER,
     STR_NONE},
    {"nine trailers announced", STR_INIT("0\r\na:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\nh:1\r\ni:1\r\n\r\n"), 0,
     STR_INIT("a,b,c,d,e,f,g,h,i"), CHECKSUM_NONE, ERR_BAD_TRAILER, STR_NONE},

    {"nothing", STR_INIT(""), 0, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"cut off in the size", STR_INIT("5"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"cut off in the content", STR_INIT("5\r\nhel"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"no zero chunk", STR_INIT("5\r\nhello\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"no last empty line", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\r\n"), 5, T, CHECKSUM_CRC32,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"LF, then CR LF three times", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\n\r\n\r\n\r\n"), 5, T,
     CHECKSUM_CRC32, ERR_INCOMPLETE_BODY, STR_NONE},
    {"LF, CR LF, CR", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\n\r\n\r"), 5, T, CHECKSUM_CRC32,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"LF, CR LF, LF", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\n\r\n\n"), 5, T, CHECKSUM_CRC32,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"LF, CR LF, a trailer", STR_INIT("5\r\nhello\r\n0\r\nb:2\n\r\na:1\r\n\r\n"), 5, STR_INIT("b"), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"LF, LF, CR LF", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\n\n\r\n"), 5, T, CHECKSUM_CRC32,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"CR LF three times", STR_INIT("5\r\nhello\r\n0\r\n" CRC32_OF_HELLO "\r\n\r\n\r\n"), 5, T, CHECKSUM_CRC32,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"CR LF behind no trailer", STR_INIT("5\r\nhello\r\n0\r\n\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"bytes after the end", STR_INIT("5\r\nhello\r\n0\r\n\r\nx"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"shorter than announced", STR_INIT("5\r\nhello\r\n0\r\n\r\n"), 6, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"longer than announced", STR_INIT("5\r\nhello\r\n0\r\n\r\n"), 4, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"size beyond 64 bits", STR_INIT("10000000000000005\r\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"size of 64 bits", STR_INIT("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"sizes that wrap around", STR_INIT("5\r\nhello\r\nfffffffffffffffb\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"no size", STR_INIT("\r\nhello"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"only an extension", STR_INIT(";a=b\r\nhello"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"0x", STR_INIT("0x5\r\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"plus", STR_INIT("+5\r\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"space after the size", STR_INIT("5 \r\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"LF after the size", STR_INIT("5\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"bare CR after the size", STR_INIT("5\rhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"LF in an extension", STR_INIT("5;a=\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"LF after the content", STR_INIT("5\r\nhello\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"content longer than its chunk", STR_INIT("4\r\nhello\r\n0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
};

static void assert_table(const struct chunk_case *table, size_t n, enum mode mode)
{
    for (size_t i = 0; i < n; i++) {
        assert_outcome(&table[i], mode, SIZE_MAX, 1); /* whole */
        for (size_t step = 1; step < table[i].bytes.n; step++)
            assert_outcome(&table[i], mode, step, step);
        for (size_t cut = 1; cut < table[i].bytes.n; cut++)
            assert_outcome(&table[i], mode, cut, SIZE_MAX);
    }
}

static void test_aws_chunked_decode_table_cut_anywhere(void **state)
{
    assert_table(cases, ARRAY_LEN(cases), UNSIGNED_MODE);
    (void)state;
}

/* After TEST_SEED: of "hello", of the last chunk after it, and of the trailer line CRC32_OF_HELLO after that. */
#define SIG(hex) ";chunk-signature=" hex "\r\n"
#define HELLO_HEX "37db4b7be7e0a3ea310e4a9c432ca9b0c9fb0076e30e6ef4465d205712d79e2f"
#define LAST_HEX "54317a1b29f61262b15bdcb83e96949911af68cdbcc4b27e6f46d47954826174"
#define TRAILER_HEX "62e9870b31ef81d44b8a03625f4c4a78e1b5aa7905b4fa3390125a21fac10d59"
#define HELLO "5" SIG(HELLO_HEX) "hello\r\n"
#define LAST "0" SIG(LAST_HEX)
#define TRAILER_SIG(hex) "x-amz-trailer-signature:" hex "\r\n"
/* The last chunk of an empty object. */
#define EMPTY "0" SIG("fd2ea9331560b2247c4dd55d1a32b8aab22acdae40e52764a536a9a4a30aae46")

static const struct chunk_case signed_cases[] = {
    {"one chunk", STR_INIT(HELLO LAST "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"empty object", STR_INIT(EMPTY "\r\n"), 0, STR_INIT(""), CHECKSUM_NONE, ERR_NONE, STR_INIT("")},
    {"leading zeros", STR_INIT("0005" SIG(HELLO_HEX) "hello\r\n000" SIG(LAST_HEX) "\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"LF as the last line", STR_INIT(HELLO LAST "\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},

    {"content differs", STR_INIT("5" SIG(HELLO_HEX) "hellO\r\n" LAST "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_SIG_MISMATCH, STR_NONE},
    {"signature of another chunk", STR_INIT("5" SIG(LAST_HEX) "hello\r\n" LAST "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_SIG_MISMATCH, STR_NONE},
    {"last chunk with the signature before", STR_INIT(HELLO "0" SIG(HELLO_HEX) "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_SIG_MISMATCH, STR_NONE},
    {"last chunk of an empty object", STR_INIT(HELLO EMPTY "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_SIG_MISMATCH,
     STR_NONE},
    {"chunk without signature", STR_INIT("5\r\nhello\r\n" LAST "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"last chunk without signature", STR_INIT(HELLO "0\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"empty signature", STR_INIT("5" SIG("") "hello\r\n" LAST "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"63 digits",
     STR_INIT("5" SIG("37db4b7be7e0a3ea310e4a9c432ca9b0c9fb0076e30e6ef4465d205712d79e2") "hello\r\n" LAST "\r\n"), 5,
     STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"65 digits", STR_INIT("5" SIG(HELLO_HEX "0") "hello\r\n" LAST "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"upper-case digits",
     STR_INIT("5" SIG("37DB4B7BE7E0A3EA310E4A9C432CA9B0C9FB0076E30E6EF4465D205712D79E2F") "hello\r\n" LAST "\r\n"), 5,
     STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"other extension", STR_INIT("5;chunk-signaturf=" HELLO_HEX "\r\nhello\r\n" LAST "\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"upper-case extension", STR_INIT("5;Chunk-Signature=" HELLO_HEX "\r\nhello\r\n" LAST "\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"extension before", STR_INIT("5;a=b;chunk-signature=" HELLO_HEX "\r\nhello\r\n" LAST "\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"extension behind", STR_INIT("5;chunk-signature=" HELLO_HEX ";a=b\r\nhello\r\n" LAST "\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"signature twice",
     STR_INIT("5;chunk-signature=" HELLO_HEX ";chunk-signature=" HELLO_HEX "\r\nhello\r\n" LAST "\r\n"), 5,
     STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"space behind the signature", STR_INIT("5;chunk-signature=" HELLO_HEX " \r\nhello\r\n" LAST "\r\n"), 5,
     STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"LF behind the signature", STR_INIT("5;chunk-signature=" HELLO_HEX "\nhello\r\n" LAST "\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"shorter than announced", STR_INIT(HELLO LAST "\r\n"), 6, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"longer than announced", STR_INIT(HELLO LAST "\r\n"), 4, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"no last empty line", STR_INIT(HELLO LAST), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY, STR_NONE},
    {"bytes after the end", STR_INIT(HELLO LAST "\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_INCOMPLETE_BODY,
     STR_NONE},
    {"small chunk before another",
     STR_INIT("2" SIG("ffdb976bc249549d671d7876ab726d6fefa1ebbb85f9be5f664336b1b81f74a4") "he\r\n3" SIG(
         "db92962187df417a1c639e0b659d6d2bffcd0d98caf2a1a1e23f3201d6a13526") "llo\r\n"),
     5, STR_INIT(""), CHECKSUM_NONE, ERR_CHUNK_SIZE, STR_NONE},
    {"small chunk with a wrong signature before another", STR_INIT("2" SIG(HELLO_HEX) "he\r\n3" SIG(LAST_HEX)), 5,
     STR_INIT(""), CHECKSUM_NONE, ERR_SIG_MISMATCH, STR_NONE},
    {"unsigned trailer", STR_INIT(HELLO LAST CRC32_OF_HELLO "\r\n\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
    {"unsigned trailer, announced", STR_INIT(HELLO LAST CRC32_OF_HELLO "\r\n\r\n"), 5, T, CHECKSUM_CRC32,
     ERR_BAD_TRAILER, STR_NONE},
    {"announced, missing", STR_INIT(HELLO LAST "\r\n"), 5, T, CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"signed trailer", STR_INIT(HELLO LAST CRC32_OF_HELLO "\r\n" TRAILER_SIG(TRAILER_HEX) "\r\n"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_BAD_TRAILER, STR_NONE},
    {"only a trailer signature", STR_INIT(HELLO LAST TRAILER_SIG(TRAILER_HEX) "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE,
     ERR_BAD_TRAILER, STR_NONE},
};

static void test_aws_chunked_signed_table_cut_anywhere(void **state)
{
    assert_table(signed_cases, ARRAY_LEN(signed_cases), SIGNED_MODE);
    (void)state;
}

/* Trailer lines after "hello", and their signature. */
#define BODY(lines, hex) STR_INIT(HELLO LAST lines TRAILER_SIG(hex) "\r\n")
#define SORTED_HEX "d36b55c1e733f6370f001f70cb79852d2654946a29b0d907156e48bdf3675fa1" /* a:2, a-b:1, b:3 */

static const struct chunk_case signed_trailer_cases[] = {
    {"checksum", BODY(CRC32_OF_HELLO "\r\n", TRAILER_HEX), 5, T, CHECKSUM_CRC32, ERR_NONE, STR_INIT("hello")},
    {"LF in trailer lines", STR_INIT(HELLO LAST CRC32_OF_HELLO "\nx-amz-trailer-signature:" TRAILER_HEX "\n\n"), 5, T,
     CHECKSUM_CRC32, ERR_NONE, STR_INIT("hello")},
    {"other case, spaces",
     STR_INIT(HELLO LAST "X-Amz-Checksum-CRC32: NhCmhg== \t\r\nX-Amz-Trailer-Signature: " TRAILER_HEX " \r\n\r\n"), 5,
     STR_INIT("X-amz-checksum-Crc32"), CHECKSUM_CRC32, ERR_NONE, STR_INIT("hello")},
    {"three, to be sorted", BODY("b:3\r\nA-B: 1\r\na:2\r\n", SORTED_HEX), 5, STR_INIT("a,b,a-b"), CHECKSUM_NONE,
     ERR_NONE, STR_INIT("hello")},
    {"three, sorted", BODY("a:2\r\na-b:1\r\nb:3\r\n", SORTED_HEX), 5, STR_INIT("a,b,a-b"), CHECKSUM_NONE, ERR_NONE,
     STR_INIT("hello")},
    {"none announced", BODY("", "6711677ad31ea430b5da63bd3747d58d7c65ad4d3666e843be73b1b00a4d4fbf"), 5, STR_INIT(""),
     CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"checksum that we cannot compute",
     BODY("x-amz-checksum-xxhash64:abc=\r\n", "41f05f603b4366c2f9f05d32cb76e1940c7f5ab63e60886e83fcd32692e120a8"), 5,
     STR_INIT("x-amz-checksum-xxhash64"), CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},

    {"LF, then CR LF (minio-go)",
     STR_INIT(HELLO LAST CRC32_OF_HELLO "\n\r\nx-amz-trailer-signature:" TRAILER_HEX "\r\n\r\n"), 5, T, CHECKSUM_CRC32,
     ERR_NONE, STR_INIT("hello")},
    {"several, LF, then CR LF",
     STR_INIT(HELLO LAST "b:3\na-b:1\na:2\n\r\nx-amz-trailer-signature:" SORTED_HEX "\r\n\r\n"), 5, STR_INIT("a,b,a-b"),
     CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},

    {"CR LF, then CR LF", STR_INIT(HELLO LAST CRC32_OF_HELLO "\r\n\r\nx-amz-trailer-signature:" TRAILER_HEX "\r\n\r\n"),
     5, T, CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"LF, then LF", STR_INIT(HELLO LAST CRC32_OF_HELLO "\n\nx-amz-trailer-signature:" TRAILER_HEX "\r\n\r\n"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"LF, then CR LF twice",
     STR_INIT(HELLO LAST CRC32_OF_HELLO "\n\r\n\r\nx-amz-trailer-signature:" TRAILER_HEX "\r\n\r\n"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"LF, CR LF, no signature", STR_INIT(HELLO LAST CRC32_OF_HELLO "\n\r\n\r\n"), 5, T, CHECKSUM_CRC32, ERR_BAD_TRAILER,
     STR_NONE},
    {"signature missing", STR_INIT(HELLO LAST CRC32_OF_HELLO "\r\n\r\n"), 5, T, CHECKSUM_CRC32, ERR_BAD_TRAILER,
     STR_NONE},
    {"all missing", STR_INIT(HELLO LAST "\r\n"), 5, STR_INIT(""), CHECKSUM_NONE, ERR_BAD_TRAILER, STR_NONE},
    {"checksum missing", BODY("", "6711677ad31ea430b5da63bd3747d58d7c65ad4d3666e843be73b1b00a4d4fbf"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"signature before the checksum", STR_INIT(HELLO LAST TRAILER_SIG(TRAILER_HEX) CRC32_OF_HELLO "\r\n\r\n"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"signature not last",
     STR_INIT(HELLO LAST TRAILER_SIG("6711677ad31ea430b5da63bd3747d58d7c65ad4d3666e843be73b1b00a4d4fbf") "a:1\r\n\r\n"),
     5, STR_INIT(""), CHECKSUM_NONE, ERR_BAD_TRAILER, STR_NONE},
    {"signature twice", BODY(CRC32_OF_HELLO "\r\n" TRAILER_SIG(TRAILER_HEX), TRAILER_HEX), 5, T, CHECKSUM_CRC32,
     ERR_BAD_TRAILER, STR_NONE},
    {"signature announced", BODY(CRC32_OF_HELLO "\r\n", TRAILER_HEX), 5,
     STR_INIT("x-amz-checksum-crc32,x-amz-trailer-signature"), CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"63 digits", BODY(CRC32_OF_HELLO "\r\n", "62e9870b31ef81d44b8a03625f4c4a78e1b5aa7905b4fa3390125a21fac10d5"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"65 digits", BODY(CRC32_OF_HELLO "\r\n", TRAILER_HEX "9"), 5, T, CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"no digit", BODY(CRC32_OF_HELLO "\r\n", ""), 5, T, CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"upper-case digits",
     BODY(CRC32_OF_HELLO "\r\n", "62E9870B31EF81D44B8A03625F4C4A78E1B5AA7905B4FA3390125A21FAC10D59"), 5, T,
     CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"signature of the last chunk", BODY(CRC32_OF_HELLO "\r\n", LAST_HEX), 5, T, CHECKSUM_CRC32, ERR_SIG_MISMATCH,
     STR_NONE},
    {"value differs", BODY("x-amz-checksum-crc32:NhCmhh==\r\n", TRAILER_HEX), 5, T, CHECKSUM_CRC32, ERR_SIG_MISMATCH,
     STR_NONE},
    {"trailers exchanged", BODY("a:1\r\na-b:2\r\nb:3\r\n", SORTED_HEX), 5, STR_INIT("a,b,a-b"), CHECKSUM_NONE,
     ERR_SIG_MISMATCH, STR_NONE},
    {"well signed, checksum wrong",
     BODY("x-amz-checksum-crc32:AAAAAA==\r\n", "374ddb4243f6d63b6564eb630f21e6fead70906b1ed42311d002763cf07c7431"), 5,
     T, CHECKSUM_CRC32, ERR_BAD_DIGEST, STR_NONE},
    {"well signed, checksum wrong, not compared",
     BODY("x-amz-checksum-crc32:AAAAAA==\r\n", "374ddb4243f6d63b6564eb630f21e6fead70906b1ed42311d002763cf07c7431"), 5,
     T, CHECKSUM_NONE, ERR_NONE, STR_INIT("hello")},
    {"well signed, checksum too short",
     BODY("x-amz-checksum-crc32:NhCmhg\r\n", "2f08a73c5dfc36bbf3610261f02868a3c8e52a214234ecb635dbed73a8ebd3c0"), 5, T,
     CHECKSUM_NONE, ERR_BAD_TRAILER, STR_NONE},
    {"well signed, two checksums",
     BODY(CRC32_OF_HELLO "\r\nx-amz-checksum-crc64nvme:AAAAAAAAAAA=\r\n",
          "a9d2e65bcb437fd07b5b817bea4739e42f49eb07ac70cc4cb8dd3e49d5953bcf"),
     5, STR_INIT("x-amz-checksum-crc32,x-amz-checksum-crc64nvme"), CHECKSUM_CRC32, ERR_BAD_TRAILER, STR_NONE},
    {"trailer not announced", BODY(CRC32_OF_HELLO "\r\n", TRAILER_HEX), 5, STR_INIT(""), CHECKSUM_NONE, ERR_BAD_TRAILER,
     STR_NONE},
    {"trailer repeated", BODY(CRC32_OF_HELLO "\r\n" CRC32_OF_HELLO "\r\n", TRAILER_HEX), 5, T, CHECKSUM_CRC32,
     ERR_BAD_TRAILER, STR_NONE},
    {"no last empty line", STR_INIT(HELLO LAST CRC32_OF_HELLO "\r\n" TRAILER_SIG(TRAILER_HEX)), 5, T, CHECKSUM_CRC32,
     ERR_INCOMPLETE_BODY, STR_NONE},
    {"bytes after the end", BODY(CRC32_OF_HELLO "\r\n", TRAILER_HEX "\r\n"), 5, T, CHECKSUM_CRC32, ERR_INCOMPLETE_BODY,
     STR_NONE},
};

static void test_aws_chunked_signed_trailer_table_cut_anywhere(void **state)
{
    assert_table(signed_trailer_cases, ARRAY_LEN(signed_trailer_cases), SIGNED_TRAILER_MODE);
    (void)state;
}

static void assert_trailer(const struct chunk_case *c, enum mode mode, const char *name, const char *value,
                           uint64_t hashed)
{
    struct decoder dec;

    decoder_begin(&dec, mode, TEST_SEED, c->decoded, c->announced, c->checksum);
    assert_int_equal(aws_chunked_check(&dec.chunked, c->bytes.p, c->bytes.n, NULL), ERR_NONE);
    assert_true(dec.chunked.done);
    if (!str_eq(dec.chunked.trailer_name, str_from(name)) || !str_eq(dec.chunked.trailer_value, str_from(value)))
        fail_msg("%s: %.*s: %.*s", c->name, STR_ARG(dec.chunked.trailer_name), STR_ARG(dec.chunked.trailer_value));
    assert_int_equal(dec.chunked.hashed, hashed);
    decoder_end(&dec);
}

static void test_aws_chunked_check_tells_the_checksum_trailer_and_bytes_hashed(void **state)
{
    static const struct chunk_case more[] = {
        {"not the first", STR_INIT("5\r\nhello\r\n0\r\na:1\r\n" CRC32_OF_HELLO "\r\n\r\n"), 5,
         STR_INIT("a,x-amz-checksum-crc32"), CHECKSUM_NONE, ERR_NONE, STR_NONE},
        {"none", STR_INIT("5\r\nhello\r\n0\r\na:1\r\n\r\n"), 5, STR_INIT("a"), CHECKSUM_NONE, ERR_NONE, STR_NONE},
    };

    assert_trailer(&cases[0], UNSIGNED_MODE, "x-amz-checksum-crc32", "NhCmhg==", 5);
    assert_trailer(&cases[4], UNSIGNED_MODE, "x-amz-checksum-crc32", "NhCmhg==", 5); /* other case, space */
    assert_trailer(&more[0], UNSIGNED_MODE, "x-amz-checksum-crc32", "NhCmhg==", 0);
    assert_trailer(&more[1], UNSIGNED_MODE, "", "", 0);

    char line[CHUNK_MAX_TRAILER + 3], body[sizeof line + 3];
    memset(line, 'v', sizeof line);
    memcpy(line, "x-amz-checksum-x:", 17);
    strcpy(line + CHUNK_MAX_TRAILER, "\n\n");
    sprintf(body, "0\r\n%s", line);
    const struct chunk_case longest = {
        .name = "longest", .bytes = str_from(body), .announced = STR("x-amz-checksum-x")};
    line[CHUNK_MAX_TRAILER] = '\0';
    assert_trailer(&longest, UNSIGNED_MODE, "x-amz-checksum-x", line + 17, 0);

    assert_trailer(&signed_cases[0], SIGNED_MODE, "", "", 5);
    assert_trailer(&signed_trailer_cases[0], SIGNED_TRAILER_MODE, "x-amz-checksum-crc32", "NhCmhg==", 10);
    assert_trailer(&signed_trailer_cases[2], SIGNED_TRAILER_MODE, "x-amz-checksum-crc32", "NhCmhg==", 10);
    assert_trailer(&signed_trailer_cases[3], SIGNED_TRAILER_MODE, "", "", 5);
    assert_trailer(&signed_trailer_cases[6], SIGNED_TRAILER_MODE, "x-amz-checksum-xxhash64", "abc=", 5);
    (void)state;
}

/* ---- tampering ---- */

/* Whether the body is taken, and whether with the content and trailer that it was made with. */
static enum err_code judge(const struct chunk_case *c, enum mode mode, struct str bytes, bool *same)
{
    char *copy = malloc(bytes.n + 1);
    struct decoder dec;
    size_t plain_n = 0;

    assert_non_null(copy);
    memcpy(copy, bytes.p, bytes.n);
    decoder_begin(&dec, mode, TEST_SEED, c->decoded, c->announced, c->checksum);
    enum err_code code = aws_chunked_decode(&dec.chunked, copy, bytes.n, &plain_n, NULL);
    if (code == ERR_NONE) code = aws_chunked_end(&dec.chunked, NULL);
    *same = str_eq(str_make(copy, plain_n), c->plain) &&
            (mode != SIGNED_TRAILER_MODE || str_eq(dec.chunked.trailer_value, STR("NhCmhg==")));
    decoder_end(&dec);
    free(copy);
    return code;
}

/* What lies where in signed_trailer_cases[0], and what changing the lowest bit of each byte of it leads to. */
static const struct {
    struct str text;
    enum err_code expected;
} regions[] = {
    {STR_INIT("5"), ERR_SIG_MISMATCH}, /* 4: another content */
    {STR_INIT(";chunk-signature="), ERR_INCOMPLETE_BODY},
    {STR_INIT(HELLO_HEX), ERR_SIG_MISMATCH},
    {STR_INIT("\r\n"), ERR_INCOMPLETE_BODY},
    {STR_INIT("hello"), ERR_SIG_MISMATCH},
    {STR_INIT("\r\n"), ERR_INCOMPLETE_BODY},
    {STR_INIT("0"), ERR_INCOMPLETE_BODY}, /* 1: longer than announced */
    {STR_INIT(";chunk-signature="), ERR_INCOMPLETE_BODY},
    {STR_INIT(LAST_HEX), ERR_SIG_MISMATCH},
    {STR_INIT("\r\n"), ERR_INCOMPLETE_BODY},
    {STR_INIT("x-amz-checksum-crc32:"), ERR_BAD_TRAILER},
    {STR_INIT("NhCmhg=="), ERR_SIG_MISMATCH},
    {STR_INIT("\r\n"), ERR_BAD_TRAILER},
    {STR_INIT("x-amz-trailer-signature:"), ERR_BAD_TRAILER},
    {STR_INIT(TRAILER_HEX), ERR_SIG_MISMATCH},
    {STR_INIT("\r\n"), ERR_BAD_TRAILER},
    {STR_INIT("\r"), ERR_BAD_TRAILER},
    {STR_INIT("\n"), ERR_INCOMPLETE_BODY}, /* the body does not end */
};

/* The lowest bit makes a, c, e and 9 no longer a digit of a signature. */
static enum err_code expected_of(size_t region, char byte)
{
    bool digit_before = regions[region].text.n == SHA256_HEX;
    char changed = (char)(byte ^ 1);

    if (!digit_before || (changed >= '0' && changed <= '9') || (changed >= 'a' && changed <= 'f'))
        return regions[region].expected;
    return str_eq(regions[region].text, STR(TRAILER_HEX)) ? ERR_BAD_TRAILER : ERR_INCOMPLETE_BODY;
}

static void test_aws_chunked_signed_every_byte_changed_is_refused(void **state)
{
    const struct chunk_case *c = &signed_trailer_cases[0];
    char bytes[512];
    size_t at = 0;
    bool same;

    memcpy(bytes, c->bytes.p, c->bytes.n);
    for (size_t r = 0; r < ARRAY_LEN(regions); r++)
        for (size_t i = 0; i < regions[r].text.n; i++, at++) {
            assert_int_equal(bytes[at], regions[r].text.p[i]);
            enum err_code expected = expected_of(r, bytes[at]);
            bytes[at] = (char)(bytes[at] ^ 1);
            enum err_code code = judge(c, SIGNED_TRAILER_MODE, str_make(bytes, c->bytes.n), &same);
            if (code != expected)
                fail_msg("byte %zu: %s, expected %s", at, err_info(code)->word, err_info(expected)->word);
            bytes[at] = (char)(bytes[at] ^ 1);
        }
    assert_int_equal(at, c->bytes.n);
    (void)state;
}

/* Any other value of any byte: refused, or it means the same, as "X-amz-checksum-crc32" does. */
static void test_aws_chunked_signed_any_byte_value_never_changes_the_meaning(void **state)
{
    for (int m = SIGNED_MODE; m <= SIGNED_TRAILER_MODE; m++) {
        const struct chunk_case *c = m == SIGNED_MODE ? &signed_cases[0] : &signed_trailer_cases[0];
        unsigned taken = 0;
        char bytes[512];
        bool same;
        memcpy(bytes, c->bytes.p, c->bytes.n);
        for (size_t at = 0; at < c->bytes.n; at++)
            for (int change = 1; change < 256; change++) {
                bytes[at] = (char)(c->bytes.p[at] ^ change);
                if (judge(c, (enum mode)m, str_make(bytes, c->bytes.n), &same) == ERR_NONE) {
                    taken++;
                    if (!same) fail_msg("byte %zu ^ %d: other content was taken", at, change);
                }
                bytes[at] = c->bytes.p[at];
            }
        /* letters of the two trailer names in upper case (15 + 20), CR of their lines as space or tab (4) */
        assert_int_equal(taken, m == SIGNED_MODE ? 0 : 15 + 20 + 4);
    }
    (void)state;
}

static void test_aws_chunked_signed_cut_off_anywhere_is_incomplete(void **state)
{
    for (int m = SIGNED_MODE; m <= SIGNED_TRAILER_MODE; m++) {
        const struct chunk_case *c = m == SIGNED_MODE ? &signed_cases[0] : &signed_trailer_cases[0];
        bool same;
        for (size_t n = 0; n < c->bytes.n; n++)
            assert_int_equal(judge(c, (enum mode)m, str_head(c->bytes, n), &same), ERR_INCOMPLETE_BODY);
        assert_int_equal(judge(c, (enum mode)m, c->bytes, &same), ERR_NONE);
        assert_true(same);
    }
    (void)state;
}

/* ---- several signed chunks ---- */

enum { MAX_CHUNKS = 4, MANY_CAP = 70000 };

/* A body of chunks of the given sizes, then the last one, each well signed; piece[i] is chunk i with its framing. */
struct many {
    char bytes[MANY_CAP];
    struct str piece[MAX_CHUNKS + 1];
    size_t n;
};

static void make_many(struct many *m, const size_t *sizes, size_t n)
{
    struct chunk_signature cs;
    size_t at = 0;

    begin_signature(&cs, TEST_SEED);
    m->n = n + 1;
    for (size_t i = 0; i <= n; i++) {
        size_t size = i < n ? sizes[i] : 0, from = at;
        char hex[SHA256_HEX];
        at += 120; /* the content may be hashed before its line is written */
        memset(m->bytes + at, 'a' + (int)i, size);
        chunk_signature_add(&cs, str_make(m->bytes + at, size));
        chunk_signature_end_chunk(&cs, hex);
        int line = sprintf(m->bytes + from, "%zx;chunk-signature=%.64s\r\n", size, hex);
        memmove(m->bytes + from + line, m->bytes + at, size);
        at = from + (size_t)line + size;
        memcpy(m->bytes + at, "\r\n", 2);
        at += 2;
        m->piece[i] = str_make(m->bytes + from, at - from);
    }
    chunk_signature_clear(&cs);
}

/* Feeds the pieces in the given order ("012"). */
static enum err_code run_order(const struct many *m, const char *order, uint64_t decoded, struct aws_chunked *result)
{
    struct decoder dec;
    enum err_code code = ERR_NONE;

    decoder_begin(&dec, SIGNED_MODE, TEST_SEED, decoded, STR_NONE, CHECKSUM_NONE);
    for (; *order && code == ERR_NONE; order++) {
        struct str piece = m->piece[*order - '0'];
        code = aws_chunked_check(&dec.chunked, piece.p, piece.n, NULL);
    }
    if (code == ERR_NONE) code = aws_chunked_end(&dec.chunked, NULL);
    *result = dec.chunked;
    decoder_end(&dec);
    return code;
}

static void test_aws_chunked_signed_chunks_moved_doubled_or_left_out_are_refused(void **state)
{
    static const struct {
        const char *order;
        uint64_t decoded;
        enum err_code expected;
    } orders[] = {
        {"0123", 3 * 8192, ERR_NONE},
        {"1023", 3 * 8192, ERR_SIG_MISMATCH},
        {"0213", 3 * 8192, ERR_SIG_MISMATCH},
        {"2103", 3 * 8192, ERR_SIG_MISMATCH},
        {"0023", 3 * 8192, ERR_SIG_MISMATCH},
        {"0113", 3 * 8192, ERR_SIG_MISMATCH},
        {"00123", 4 * 8192, ERR_SIG_MISMATCH},
        {"01223", 4 * 8192, ERR_SIG_MISMATCH},
        {"01233", 3 * 8192, ERR_INCOMPLETE_BODY},
        {"123", 2 * 8192, ERR_SIG_MISMATCH},
        {"023", 2 * 8192, ERR_SIG_MISMATCH},
        {"013", 2 * 8192, ERR_SIG_MISMATCH},
        {"013", 3 * 8192, ERR_INCOMPLETE_BODY},
        {"012", 3 * 8192, ERR_INCOMPLETE_BODY},
        {"3", 0, ERR_SIG_MISMATCH},
        {"3", 3 * 8192, ERR_INCOMPLETE_BODY},
        {"0312", 3 * 8192, ERR_INCOMPLETE_BODY},
        {"01230", 4 * 8192, ERR_INCOMPLETE_BODY},
    };
    static const size_t sizes[] = {8192, 8192, 8192};
    struct many *m = malloc(sizeof(*m));
    struct aws_chunked c;

    assert_non_null(m);
    make_many(m, sizes, ARRAY_LEN(sizes));
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        enum err_code code = run_order(m, orders[i].order, orders[i].decoded, &c);
        if (code != orders[i].expected)
            fail_msg("%s: %s, expected %s", orders[i].order, err_info(code)->word, err_info(orders[i].expected)->word);
    }
    free(m);
    (void)state;
}

static void test_aws_chunked_signed_only_the_last_chunk_may_be_small(void **state)
{
    static const struct {
        size_t sizes[MAX_CHUNKS];
        size_t n;
        uint64_t bad_chunk, bad_chunk_size; /* 0: good */
    } rows[] = {
        {{8191}, 1, 0, 0},
        {{8192, 1}, 2, 0, 0},
        {{20000, 8192, 8191}, 3, 0, 0},
        {{8191, 1}, 2, 2, 8191},
        {{1, 1, 8192}, 3, 2, 1},
        {{8192, 8191, 8192}, 3, 3, 8191},
        {{8192, 9000, 100, 1}, 4, 4, 100},
    };
    struct many *m = malloc(sizeof(*m));
    struct aws_chunked c;

    assert_non_null(m);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t decoded = 0;
        for (size_t k = 0; k < rows[i].n; k++)
            decoded += rows[i].sizes[k];
        make_many(m, rows[i].sizes, rows[i].n);
        char order[] = "01234";
        order[rows[i].n + 1] = '\0';
        enum err_code code = run_order(m, order, decoded, &c);
        assert_int_equal(code, rows[i].bad_chunk ? ERR_CHUNK_SIZE : ERR_NONE);
        assert_int_equal(c.bad_chunk, rows[i].bad_chunk);
        assert_int_equal(c.bad_chunk_size, rows[i].bad_chunk_size);
    }
    free(m);
    (void)state;
}

/* What was given out before the bad chunk is good; of the bad chunk its last piece stays inside. */
static void test_aws_chunked_signed_decode_keeps_the_end_of_a_bad_chunk(void **state)
{
    static const size_t sizes[] = {8192, 8192};
    struct many *m = malloc(sizeof(*m));
    struct decoder dec;
    size_t plain_n;

    assert_non_null(m);
    make_many(m, sizes, ARRAY_LEN(sizes));
    size_t n = m->piece[0].n + m->piece[1].n;
    m->bytes[n - 3] ^= 1; /* the last byte of the second chunk's content */
    decoder_begin(&dec, SIGNED_MODE, TEST_SEED, 2 * 8192, STR_NONE, CHECKSUM_NONE);
    assert_int_equal(aws_chunked_decode(&dec.chunked, m->bytes, n, &plain_n, NULL), ERR_SIG_MISMATCH);
    assert_int_equal(plain_n, 8192);
    assert_int_equal(aws_chunked_decode(&dec.chunked, m->bytes + n, 1, &plain_n, NULL), ERR_INCOMPLETE_BODY);
    assert_int_equal(plain_n, 0);
    decoder_end(&dec);
    free(m);
    (void)state;
}

/* All signed trailers together have the length of one line. */
static void test_aws_chunked_signed_long_trailers_are_refused(void **state)
{
    for (size_t over = 0; over <= 1; over++) {
        struct decoder dec;
        char lines[2][CHUNK_MAX_TRAILER];
        size_t n[2] = {500, CHUNK_MAX_TRAILER + 1 - 500 + over};
        decoder_begin(&dec, SIGNED_TRAILER_MODE, TEST_SEED, 5, STR("a,b"), CHECKSUM_NONE);
        assert_int_equal(aws_chunked_check(&dec.chunked, HELLO LAST, sizeof(HELLO LAST) - 1, NULL), ERR_NONE);
        for (size_t i = 0; i < 2; i++) {
            memset(lines[i], 'v', n[i]);
            memcpy(lines[i], i ? "b:" : "a:", 2);
            lines[i][n[i] - 1] = '\n';
            assert_int_equal(aws_chunked_check(&dec.chunked, lines[i], n[i], NULL),
                             i && over ? ERR_BAD_TRAILER : ERR_NONE);
        }
        decoder_end(&dec);
    }
    (void)state;
}

/* A line of exactly the limit is taken, one byte more is not. */
static void test_aws_chunked_check_long_lines_are_refused(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct aws_chunked c;
        char line[CHUNK_MAX_LINE + 8];
        size_t n = (size_t)CHUNK_MAX_LINE - 3 + (size_t)over; /* zeros, '5', CR, LF */
        memset(line, '0', n);
        memcpy(line + n, "5\r\n", 3);
        aws_chunked_init(&c, 5, STR_NONE, NULL);
        assert_int_equal(aws_chunked_check(&c, line, n + 3, NULL), over ? ERR_INCOMPLETE_BODY : ERR_NONE);

        char trailer[CHUNK_MAX_TRAILER + 8];
        n = (size_t)CHUNK_MAX_TRAILER + (size_t)over;
        memset(trailer, 'v', n);
        memcpy(trailer, "a:", 2);
        memcpy(trailer + n, "\n\n", 2);
        aws_chunked_init(&c, 0, STR("a"), NULL);
        assert_int_equal(aws_chunked_check(&c, "0\r\n", 3, NULL), ERR_NONE);
        assert_int_equal(aws_chunked_check(&c, trailer, n + 2, NULL), over ? ERR_BAD_TRAILER : ERR_NONE);
        assert_int_equal(c.done, !over);
    }
    (void)state;
}

static size_t put_chunk(char *to, size_t size, const char *signature)
{
    int n = sprintf(to, "%zx;chunk-signature=%s\r\n", size, signature);
    memset(to + n, 'a', size);
    if (size) memcpy(to + n + size, "\r\n", 2);
    return (size_t)n + size + (size ? 2 : 0);
}

/* The bodies of the S3 API Reference with their signatures, in pieces of many sizes. */
static void assert_documented(enum mode mode, const char *seed, const char *const signatures[3], struct str tail,
                              size_t body_n)
{
    static const size_t steps[] = {1, 7, 85, 86, 87, 4096, 65535, 65536, 65537, 66824, 70000};
    char *body = malloc(70000), *piece = malloc(70000);
    size_t n = 0;

    assert_true(body && piece);
    n += put_chunk(body, 65536, signatures[0]);
    n += put_chunk(body + n, 1024, signatures[1]);
    n += put_chunk(body + n, 0, signatures[2]);
    memcpy(body + n, tail.p, tail.n);
    n += tail.n;
    assert_int_equal(n, body_n);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct decoder dec;
        size_t plain = 0, plain_n;
        bool trailer = mode == SIGNED_TRAILER_MODE;
        decoder_begin(&dec, mode, seed, 66560, trailer ? STR("x-amz-checksum-crc32c") : STR_NONE,
                      trailer ? CHECKSUM_CRC32C : CHECKSUM_NONE);
        for (size_t at = 0, step; at < n; at += step) {
            step = steps[i] < n - at ? steps[i] : n - at;
            memcpy(piece, body + at, step);
            assert_int_equal(aws_chunked_decode(&dec.chunked, piece, step, &plain_n, NULL), ERR_NONE);
            for (size_t k = 0; k < plain_n; k++)
                assert_true(piece[k] == 'a');
            plain += plain_n;
        }
        assert_int_equal(aws_chunked_end(&dec.chunked, NULL), ERR_NONE);
        assert_int_equal(plain, 66560);
        assert_true(str_eq(dec.chunked.trailer_value, trailer ? STR("sOO8/Q==") : STR("")));
        decoder_end(&dec);
    }
    free(body);
    free(piece);
}

static void test_aws_chunked_signed_documented_bodies_match(void **state)
{
    static const char *const chunks[] = {"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                                         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                                         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"};
    static const char *const with_trailer[] = {"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                                               "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                                               "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"};

    assert_documented(SIGNED_MODE, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", chunks,
                      STR("\r\n"), 66824);
    assert_documented(SIGNED_TRAILER_MODE, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                      with_trailer,
                      STR("x-amz-checksum-crc32c:sOO8/Q==\r\n" TRAILER_SIG(
                          "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435") "\r\n"),
                      66946);
    (void)state;
}

/* S3 API Reference: 66560 bytes in chunks of 65536 and 1024 make 66824 bytes, with a crc32c trailer and its signature
 * 66946. The lengths come out only if no empty line stands between zero chunk and trailers. */
static void test_aws_chunked_decode_documented_lengths_match(void **state)
{
    static const char tail[] = "x-amz-checksum-crc32c:sOO8/Q==\r\n"
                               "x-amz-trailer-signature:"
                               "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
    char *body = malloc(70000);
    assert_non_null(body);
    size_t n = put_chunk(body, 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    n += put_chunk(body + n, 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
    n += put_chunk(body + n, 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
    assert_int_equal(n + 2, 66824);
    memcpy(body + n, tail, sizeof tail - 1);
    n += sizeof tail - 1;
    assert_int_equal(n, 66946);

    struct checksum sum;
    struct aws_chunked c;
    size_t plain_n;
    assert_true(checksum_init(&sum, CHECKSUM_CRC32C));
    aws_chunked_init(&c, 66560, STR("x-amz-checksum-crc32c,x-amz-trailer-signature"), &sum);
    assert_int_equal(aws_chunked_decode(&c, body, n, &plain_n, NULL), ERR_NONE);
    assert_int_equal(aws_chunked_end(&c, NULL), ERR_NONE);
    assert_int_equal(plain_n, 66560);
    for (size_t i = 0; i < plain_n; i++)
        assert_int_equal(body[i], 'a');
    checksum_clear(&sum);
    free(body);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aws_chunked_decode_table_cut_anywhere),
        cmocka_unit_test(test_aws_chunked_check_long_lines_are_refused),
        cmocka_unit_test(test_aws_chunked_decode_documented_lengths_match),
        cmocka_unit_test(test_aws_chunked_signed_table_cut_anywhere),
        cmocka_unit_test(test_aws_chunked_signed_trailer_table_cut_anywhere),
        cmocka_unit_test(test_aws_chunked_check_tells_the_checksum_trailer_and_bytes_hashed),
        cmocka_unit_test(test_aws_chunked_signed_every_byte_changed_is_refused),
        cmocka_unit_test(test_aws_chunked_signed_any_byte_value_never_changes_the_meaning),
        cmocka_unit_test(test_aws_chunked_signed_cut_off_anywhere_is_incomplete),
        cmocka_unit_test(test_aws_chunked_signed_chunks_moved_doubled_or_left_out_are_refused),
        cmocka_unit_test(test_aws_chunked_signed_only_the_last_chunk_may_be_small),
        cmocka_unit_test(test_aws_chunked_signed_decode_keeps_the_end_of_a_bad_chunk),
        cmocka_unit_test(test_aws_chunked_signed_long_trailers_are_refused),
        cmocka_unit_test(test_aws_chunked_signed_documented_bodies_match),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
