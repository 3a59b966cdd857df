/* SPDX-License-Identifier: Apache-2.0
 * test_sigv4_chunk.c: aws-chunked framing as a table, fed whole, byte by byte and cut in two anywhere; decode and check
 * must agree. Includes the framing lengths of the two chunked examples in the S3 API Reference.
 */
#include "aws/sigv4_chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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
static struct outcome run_decode(const struct chunk_case *c, size_t first, size_t step)
{
    struct outcome out = {.code = ERR_NONE};
    struct aws_chunked chunked;
    struct checksum sum;
    struct err err;

    assert_true(checksum_init(&sum, c->checksum));
    aws_chunked_init(&chunked, c->decoded, c->announced, c->checksum ? &sum : NULL);
    for (size_t at = 0, n = first; at < c->bytes.n && out.code == ERR_NONE; at += n, n = step) {
        char piece[512];
        size_t plain_n;
        if (n > c->bytes.n - at) n = c->bytes.n - at;
        memcpy(piece, c->bytes.p + at, n);
        out.code = aws_chunked_decode(&chunked, piece, n, &plain_n, &err);
        assert_true(out.plain_n + plain_n <= sizeof out.plain);
        memcpy(out.plain + out.plain_n, piece, plain_n);
        out.plain_n += plain_n;
    }
    if (out.code == ERR_NONE) out.code = aws_chunked_end(&chunked, &err);
    if (out.code != ERR_NONE) {
        assert_false(chunked.done);
        assert_int_equal(aws_chunked_end(&chunked, NULL), ERR_INCOMPLETE_BODY); /* a refused body stays refused */
    }
    checksum_clear(&sum);
    return out;
}

static enum err_code run_check(const struct chunk_case *c, size_t first, size_t step)
{
    struct aws_chunked chunked;
    struct checksum sum;
    enum err_code code = ERR_NONE;

    assert_true(checksum_init(&sum, c->checksum));
    aws_chunked_init(&chunked, c->decoded, c->announced, c->checksum ? &sum : NULL);
    for (size_t at = 0, n = first; at < c->bytes.n && code == ERR_NONE; at += n, n = step) {
        if (n > c->bytes.n - at) n = c->bytes.n - at;
        code = aws_chunked_check(&chunked, c->bytes.p + at, n, NULL);
    }
    if (code == ERR_NONE) code = aws_chunked_end(&chunked, NULL);
    checksum_clear(&sum);
    return code;
}

static void assert_outcome(const struct chunk_case *c, size_t first, size_t step)
{
    struct outcome out = run_decode(c, first, step);

    if (out.code != c->expected)
        fail_msg("%s, cut at %zu/%zu: %s, expected %s", c->name, first, step, err_info(out.code)->word,
                 err_info(c->expected)->word);
    if (out.code == ERR_NONE && !str_eq(str_make(out.plain, out.plain_n), c->plain)) fail_msg("%s: content", c->name);
    if (run_check(c, first, step) != c->expected) fail_msg("%s: check differs from decode", c->name);
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

static void test_aws_chunked_decode_table_cut_anywhere(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_outcome(&cases[i], SIZE_MAX, 1); /* whole */
        assert_outcome(&cases[i], 1, 1);
        for (size_t cut = 1; cut < cases[i].bytes.n; cut++)
            assert_outcome(&cases[i], cut, SIZE_MAX);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
