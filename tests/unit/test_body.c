/* SPDX-License-Identifier: Apache-2.0
 * test_body.c: body framings. Every chunked body is fed whole, byte by byte, and split in two at every point.
 * Source: RFC 9112 6.3, 7.1.
 */
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fed {
    enum err_code code;
    bool done;
    size_t used, plain_n;
    char *plain; /* owned */
};

/* Feeds @in in pieces: the first of @first bytes, the others of @step. Each piece stands alone on the heap. */
static struct fed feed(enum body_kind kind, uint64_t length, struct str in, size_t first, size_t step)
{
    struct fed r = {.code = ERR_NONE, .plain = malloc(in.n + 1)};
    struct body b;
    assert_non_null(r.plain);
    body_init(&b, kind, length);
    for (size_t n = first; r.used < in.n && r.code == ERR_NONE && !b.done; n = step) {
        if (n > in.n - r.used) n = in.n - r.used;
        char *piece = malloc(n ? n : 1);
        size_t used = SIZE_MAX, plain = SIZE_MAX;
        struct err err = {.code = ERR_NONE};
        assert_non_null(piece);
        memcpy(piece, in.p + r.used, n);
        r.code = body_decode(&b, piece, n, &used, &plain, &err);
        assert_int_equal(r.code, err.code);
        assert_true(used <= n && plain <= used);
        assert_true(used == n || b.done || r.code != ERR_NONE);
        memcpy(r.plain + r.plain_n, piece, plain);
        r.plain_n += plain;
        r.used += used;
        free(piece);
    }
    r.done = b.done;
    assert_true(b.plain == r.plain_n);
    return r;
}

struct row {
    const char *name;
    struct str in;
    bool done;
    enum err_code code;
    size_t used; /* when done */
    struct str plain;
};

static void check_row(const struct row *row, size_t first, size_t step)
{
    struct fed r = feed(BODY_CHUNKED, 0, row->in, first, step);
    if (r.code != row->code || r.done != row->done)
        fail_msg("%s (%zu, %zu): %s, done %d", row->name, first, step, err_info(r.code)->word, r.done);
    if (row->code == ERR_NONE) {
        if (!str_eq(str_make(r.plain, r.plain_n), row->plain)) fail_msg("%s: wrong content", row->name);
        assert_int_equal(r.used, row->used);
    }
    free(r.plain);
}

static void test_body_decode_chunked_corpus_for_every_split(void **state)
{
    (void)state;
    static const struct row rows[] = {
#define GOOD(name, in, used, plain) {name, STR_INIT(in), true, ERR_NONE, used, STR_INIT(plain)}
#define OPEN(name, in, plain)                                                \
    {                                                                        \
        name, STR_INIT(in), false, ERR_NONE, sizeof(in) - 1, STR_INIT(plain) \
    }
#define BAD(name, in)                                               \
    {                                                               \
        name, STR_INIT(in), false, ERR_BAD_FRAMING, 0, STR_INIT("") \
    }
        GOOD("empty", "0\r\n\r\n", 5, ""),
        GOOD("one", "5\r\nhello\r\n0\r\n\r\n", 15, "hello"),
        GOOD("two", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 26, "hello world"),
        GOOD("next message follows", "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", 11, "a"),
        GOOD("upper and lower hex", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", 35, "01234567890123456789"),
        GOOD("leading zeros", "0005\r\nhello\r\n0000\r\n\r\n", 21, "hello"),
        GOOD("CRLF as data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", 14, "\r\n\r\n"),
        GOOD("NUL as data", "1\r\n\0\r\n0\r\n\r\n", 11, "\0"),
        GOOD("extension", "5;name=value\r\nhello\r\n0;last\r\n\r\n", 31, "hello"),
        GOOD("extension quoted", "1;a=\"b;\tc\"\r\nx\r\n0\r\n\r\n", 20, "x"),
        GOOD("extension empty", "1;\r\nx\r\n0\r\n\r\n", 12, "x"),
        GOOD("trailers", "1\r\nx\r\n0\r\nx-amz-checksum-crc32: AAAA\r\nB:\r\n\r\n", 43, "x"),
        GOOD("trailer with high byte", "0\r\nA: \xc3\xa9\t\r\n\r\n", 13, ""),
        OPEN("nothing", "", ""),
        OPEN("in size", "5", ""),
        OPEN("in data", "5\r\nhel", "hel"),
        OPEN("after data", "5\r\nhello", "hello"),
        OPEN("before last", "5\r\nhello\r\n", "hello"),
        OPEN("no end after last chunk", "0\r\n", ""),
        OPEN("half an end", "0\r\n\r", ""),
        OPEN("largest size", "7fffffffffffffff\r\nx", "x"),
        BAD("no size", "\r\nhello\r\n"),
        BAD("no size, then an end", "\r\n\r\n"),
        BAD("only an extension, then an end", ";a\r\n\r\n"),
        BAD("only an extension", ";a=b\r\nhello\r\n"),
        BAD("plus", "+5\r\nhello\r\n"),
        BAD("minus", "-5\r\nhello\r\n"),
        BAD("0x", "0x5\r\nhello\r\n"),
        BAD("leading space", " 5\r\nhello\r\n"),
        BAD("trailing space", "5 \r\nhello\r\n"),
        BAD("trailing tab", "5\t\r\nhello\r\n"),
        BAD("space before extension", "5 ;a\r\nhello\r\n"),
        BAD("not hex", "g\r\n"),
        BAD("underscore", "1_0\r\n"),
        BAD("quoted", "\"5\"\r\n"),
        BAD("high byte", "5\xb2\r\n"),
        BAD("NUL in size", "5\0\r\n"),
        BAD("2^63", "8000000000000000\r\n"),
        BAD("2^64", "10000000000000000\r\n"),
        BAD("2^64 + 5", "10000000000000005\r\nhello\r\n"),
        BAD("seventeen digits", "00000000000000005\r\nhello\r\n"),
        BAD("bare LF after size", "5\nhello\r\n"),
        BAD("bare CR after size", "5\rhello\r\n"),
        BAD("CR CR LF after size", "5\r\r\nhello\r\n"),
        BAD("bare LF in extension", "5;a\nhello\r\n"),
        BAD("control byte in extension", "5;a\x01\r\nhello\r\n"),
        BAD("NUL in extension", "5;a\0\r\nhello\r\n"),
        BAD("DEL in extension", "5;a\x7f\r\nhello\r\n"),
        BAD("no CRLF after data", "5\r\nhello0\r\n\r\n"),
        BAD("bare LF after data", "5\r\nhello\n0\r\n\r\n"),
        BAD("bare CR after data", "5\r\nhello\r0\r\n\r\n"),
        BAD("data too long", "5\r\nhello!\r\n0\r\n\r\n"),
        BAD("bare LF end", "0\r\n\n"),
        BAD("bare LF after last size", "0\n\r\n"),
        BAD("CR without LF at the end", "0\r\n\rX"),
        BAD("trailer without colon", "0\r\nABC\r\n\r\n"),
        BAD("trailer without name", "0\r\n: x\r\n\r\n"),
        BAD("trailer with space before colon", "0\r\nA : x\r\n\r\n"),
        BAD("trailer obs-fold", "0\r\nA: x\r\n y\r\n\r\n"),
        BAD("trailer with bare LF", "0\r\nA: x\n\r\n"),
        BAD("trailer with bare CR", "0\r\nA: x\ry\r\n\r\n"),
        BAD("trailer with NUL", "0\r\nA: \0\r\n\r\n"),
        BAD("trailer with high byte in its name", "0\r\nA\xc3\xa9: x\r\n\r\n"),
#undef GOOD
#undef OPEN
#undef BAD
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_row(&rows[i], rows[i].in.n, 1);
        for (size_t step = 1; step < 5; step++)
            check_row(&rows[i], step, step);
        for (size_t first = 1; first < rows[i].in.n; first++)
            check_row(&rows[i], first, rows[i].in.n);
    }
}

/* @n times 'a' between @before and @after, as a row with the answer @code. */
static void check_long(const char *before, size_t n, const char *after, enum err_code code)
{
    size_t cap = n + strlen(before) + strlen(after);
    struct sbuf b = sbuf_make(malloc(cap), cap);
    assert_non_null(b.p);
    sbuf_add(&b, str_from(before));
    while (n-- > 0)
        sbuf_char(&b, 'a');
    sbuf_add(&b, str_from(after));
    assert_false(b.overflow);
    struct row row = {"long", sbuf_str(&b), code == ERR_NONE, code, b.n, STR_NONE};
    check_row(&row, b.n, 1);
    check_row(&row, 1, 1);
    check_row(&row, 100, 1000);
    free(b.p);
}

static void test_body_decode_limits_are_exact(void **state)
{
    (void)state;
    check_long("0;", BODY_MAX_CHUNK_LINE - 4, "\r\n\r\n", ERR_NONE);
    check_long("0;", BODY_MAX_CHUNK_LINE - 3, "\r\n\r\n", ERR_BAD_FRAMING);
    check_long("0\r\nA:", BODY_MAX_TRAILERS - 6, "\r\n\r\n", ERR_NONE);
    check_long("0\r\nA:", BODY_MAX_TRAILERS - 5, "\r\n\r\n", ERR_BAD_FRAMING);
    check_long("0\r\n", BODY_MAX_TRAILERS - 5, ":\r\n\r\n", ERR_NONE);
    check_long("0\r\n", BODY_MAX_TRAILERS - 4, ":\r\n\r\n", ERR_BAD_FRAMING);
}

static void test_body_decode_chunk_line_limit_starts_anew_with_each_chunk(void **state)
{
    (void)state;
    size_t chunks = BODY_MAX_CHUNK_LINE, cap = chunks * 8 + 5;
    struct sbuf in = sbuf_make(malloc(cap), cap);
    assert_non_null(in.p);
    for (size_t i = 0; i < chunks; i++)
        sbuf_add(&in, STR("2;\r\nab\r\n"));
    sbuf_add(&in, STR("0\r\n\r\n"));
    struct fed r = feed(BODY_CHUNKED, 0, sbuf_str(&in), 7, 13);
    assert_int_equal(r.code, ERR_NONE);
    assert_true(r.done);
    assert_int_equal(r.plain_n, chunks * 2);
    free(r.plain);
    free(in.p);
}

static void test_body_decode_broken_stays_broken(void **state)
{
    (void)state;
    struct body b;
    char bad[] = "3\r\nabc\r\n0\r\nA: \x01", good[] = "\r\n\r\n"; /* good, had the trailer gone on */
    size_t used, plain;
    body_init(&b, BODY_CHUNKED, 0);
    assert_int_equal(body_decode(&b, bad, sizeof bad - 1, &used, &plain, NULL), ERR_BAD_FRAMING);
    assert_int_equal(plain, 3);
    assert_memory_equal(bad, "abc", 3);
    assert_int_equal(body_decode(&b, good, sizeof good - 1, &used, &plain, NULL), ERR_BAD_FRAMING);
    assert_int_equal(plain, 0);
    assert_false(b.done);
    assert_false(body_eof(&b));
}

static void test_body_decode_length_takes_what_is_its_own(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 9; step++) {
        struct fed r = feed(BODY_LENGTH, 5, STR("helloGET"), step, step);
        assert_int_equal(r.code, ERR_NONE);
        assert_true(r.done);
        assert_int_equal(r.used, 5);
        assert_memory_equal(r.plain, "hello", 5);
        free(r.plain);
    }
    struct fed r = feed(BODY_LENGTH, UINT64_C(1) << 40, STR("hello"), 2, 2);
    assert_false(r.done);
    assert_int_equal(r.used, 5);
    free(r.plain);
}

static void test_body_init_without_content_is_done_and_takes_nothing(void **state)
{
    (void)state;
    static const enum body_kind kinds[] = {BODY_NONE, BODY_LENGTH};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct body b;
        char next[] = "GET";
        size_t used = 9, plain = 9;
        body_init(&b, kinds[i], 0);
        assert_true(b.done);
        assert_int_equal(body_decode(&b, next, 3, &used, &plain, NULL), ERR_NONE);
        assert_int_equal(used, 0);
        assert_int_equal(plain, 0);
        assert_true(body_eof(&b));
    }
}

static void test_body_eof_is_legal_only_where_the_framing_says_so(void **state)
{
    (void)state;
    static const struct {
        enum body_kind kind;
        uint64_t length;
        const char *in;
        bool legal;
    } rows[] = {
        {BODY_UNTIL_CLOSE, 0, "", true},
        {BODY_UNTIL_CLOSE, 0, "abc", true},
        {BODY_LENGTH, 3, "", false},
        {BODY_LENGTH, 3, "ab", false},
        {BODY_LENGTH, 3, "abc", true},
        {BODY_CHUNKED, 0, "", false},
        {BODY_CHUNKED, 0, "1\r\na\r\n", false},
        {BODY_CHUNKED, 0, "1\r\na\r\n0\r\n", false},
        {BODY_CHUNKED, 0, "1\r\na\r\n0\r\n\r\n", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct body b;
        char text[32];
        size_t used, plain;
        body_init(&b, rows[i].kind, rows[i].length);
        int n = snprintf(text, sizeof text, "%s", rows[i].in);
        assert_int_equal(body_decode(&b, text, (size_t)n, &used, &plain, NULL), ERR_NONE);
        assert_int_equal(body_eof(&b), rows[i].legal);
        assert_int_equal(b.done, rows[i].legal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_decode_chunked_corpus_for_every_split),
        cmocka_unit_test(test_body_decode_limits_are_exact),
        cmocka_unit_test(test_body_decode_chunk_line_limit_starts_anew_with_each_chunk),
        cmocka_unit_test(test_body_decode_broken_stays_broken),
        cmocka_unit_test(test_body_decode_length_takes_what_is_its_own),
        cmocka_unit_test(test_body_init_without_content_is_done_and_takes_nothing),
        cmocka_unit_test(test_body_eof_is_legal_only_where_the_framing_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
