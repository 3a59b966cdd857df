/* SPDX-License-Identifier: Apache-2.0
 * test_log.c: what a line looks like, and that nothing a client sends can forge one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct row {
    const char *name, *bytes;
    size_t n;
    const char *expected;
};
#define ROW(name, bytes, expected)               \
    {                                            \
        name, bytes, sizeof(bytes) - 1, expected \
    }

static void check_rows(const struct row *rows, size_t n, void (*add)(struct sbuf *b, struct str s))
{
    char mem[256];

    for (size_t i = 0; i < n; i++) {
        struct sbuf b = sbuf_make(mem, sizeof mem - 1);
        add(&b, str_make(rows[i].bytes, rows[i].n));
        mem[b.n] = '\0';
        if (strcmp(mem, rows[i].expected) != 0) print_error("%s\n", rows[i].name);
        assert_string_equal(mem, rows[i].expected);
    }
}

static void test_log_json_string_escapes(void **state UNUSED)
{
    static const struct row rows[] = {
        ROW("empty", "", "\"\""),
        ROW("plain", "a b", "\"a b\""),
        ROW("quotes", "a\"b\\c", "\"a\\\"b\\\\c\""),
        ROW("control bytes", "\n\r\t\0\x1b\x7f", "\"\\u000a\\u000d\\u0009\\u0000\\u001b\\u007f\""),
        ROW("UTF-8 stays", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
        ROW("lone bytes", "\xff\xc3(\xe2\x82", "\"\\u00ff\\u00c3(\\u00e2\\u0082\""),
        ROW("overlong", "\xc0\xaf\xe0\x80\xaf", "\"\\u00c0\\u00af\\u00e0\\u0080\\u00af\""),
        ROW("surrogate", "\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\""),
        ROW("above U+10FFFF", "\xf4\x90\x80\x80", "\"\\u00f4\\u0090\\u0080\\u0080\""),
        ROW("C1 control", "\xc2\x9b", "\"\\u00c2\\u009b\""),
    };

    check_rows(rows, ARRAY_LEN(rows), log_json_string);
}

static void test_log_text_value_quotes_when_needed(void **state UNUSED)
{
    static const struct row rows[] = {
        ROW("empty", "", "-"),
        ROW("plain", "GET", "GET"),
        ROW("dash itself", "-", "\"-\""),
        ROW("blank", "a b", "\"a b\""),
        ROW("quote", "a\"b", "\"a\\\"b\""),
        ROW("backslash", "a\\b", "\"a\\\\b\""),
        ROW("line feed", "a\nb", "\"a\\x0ab\""),
        ROW("high byte", "a\xc3\xa9", "\"a\\xc3\\xa9\""),
        ROW("NUL", "a\0b", "\"a\\x00b\""),
    };

    check_rows(rows, ARRAY_LEN(rows), log_text_value);
}

static void test_log_time_utc_milliseconds(void **state UNUSED)
{
    static const struct {
        int64_t us;
        const char *expected;
    } rows[] = {{0, "1970-01-01T00:00:00.000Z"},
                {1767323045678999, "2026-01-02T03:04:05.678Z"},
                {951782400000000, "2000-02-29T00:00:00.000Z"},
                {-1, "1969-12-31T23:59:59.999Z"}};
    char mem[64];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sbuf b = sbuf_make(mem, sizeof mem - 1);
        log_time(&b, rows[i].us);
        mem[b.n] = '\0';
        assert_string_equal(mem, rows[i].expected);
    }
}

/* What one call writes, without the time. */
static size_t captured(int fds[2], char *out, size_t cap)
{
    ssize_t n = read(fds[0], out, cap - 1);

    if (n < 0) n = 0;
    out[n] = '\0';
    return (size_t)n;
}

static void open_log(int fds[2], enum log_format format)
{
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    log_setup(LOG_INFO, format, fds[1]);
}

static void close_log(int fds[2])
{
    log_setup(LOG_INFO, LOG_TEXT, STDERR_FILENO);
    close(fds[0]);
    close(fds[1]);
}

static void test_log_line_text_is_one_line(void **state UNUSED)
{
    int fds[2];
    char out[16384];

    open_log(fds, LOG_TEXT);
    errno = EDOM;
    LOG_CTX(LOG_WARN, "req=1 client=me", "bad \n%s", "\x1b[31mname");
    assert_int_equal(errno, EDOM);
    captured(fds, out, sizeof out);
    assert_string_equal(out + 24, " warn req=1 client=me bad \\x0a\\x1b[31mname\n");
    LOG(LOG_DEBUG, "%s", "not at this level");
    assert_int_equal(captured(fds, out, sizeof out), 0);
    log_set(LOG_DEBUG, LOG_JSON);
    LOG(LOG_DEBUG, "%s", "at this one");
    captured(fds, out, sizeof out);
    assert_string_equal(out + 33, "\",\"level\":\"debug\",\"message\":\"at this one\"}\n");
    close_log(fds);
}

static void test_log_line_json_is_one_object(void **state UNUSED)
{
    int fds[2];
    char out[16384];

    open_log(fds, LOG_JSON);
    LOG(LOG_ERROR, "say \"%s\"\n", "x");
    captured(fds, out, sizeof out);
    assert_memory_equal(out, "{\"time\":\"", 9);
    assert_string_equal(out + 33, "\",\"level\":\"error\",\"message\":\"say \\\"x\\\"\\u000a\"}\n");
    LOG_CTX(LOG_INFO, "req=2", "y");
    captured(fds, out, sizeof out);
    assert_string_equal(out + 33, "\",\"level\":\"info\",\"context\":\"req=2\",\"message\":\"y\"}\n");
    close_log(fds);
}

/* All bytes escaped make six of one: even then a line comes out whole. */
static void test_log_line_longest_ends_as_a_line(void **state UNUSED)
{
    int fds[2];
    char text[5000], out[16384];

    memset(text, '\x01', sizeof text);
    text[sizeof text - 1] = '\0';
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        open_log(fds, (enum log_format)format);
        log_line(LOG_ERROR, text, "%s", text);
        size_t n = captured(fds, out, sizeof out);
        assert_in_range(n, 1000, 8192);
        assert_int_equal(out[n - 1], '\n');
        assert_ptr_equal(memchr(out, '\n', n), out + n - 1);
        if (format == LOG_JSON) assert_memory_equal(out + n - 3, "\"}", 2);
        close_log(fds);
    }
}

static void test_log_write_full_pipe_gives_up(void **state UNUSED)
{
    int fds[2];
    static char big[1 << 20];

    open_log(fds, LOG_TEXT);
    memset(big, 'x', sizeof big);
    log_write(fds[1], str_make(big, sizeof big));
    assert_in_range(captured(fds, big, sizeof big), 4096, sizeof big - 1);
    close_log(fds);
    log_write(-1, STR("nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_json_string_escapes),      cmocka_unit_test(test_log_text_value_quotes_when_needed),
        cmocka_unit_test(test_log_time_utc_milliseconds),    cmocka_unit_test(test_log_line_text_is_one_line),
        cmocka_unit_test(test_log_line_json_is_one_object),  cmocka_unit_test(test_log_line_longest_ends_as_a_line),
        cmocka_unit_test(test_log_write_full_pipe_gives_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
