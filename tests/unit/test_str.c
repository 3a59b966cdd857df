/* SPDX-License-Identifier: Apache-2.0
 * test_str.c: views and the bounded builder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static void test_str_cmp_orders_bytewise(void **state UNUSED)
{
    static const struct {
        const char *a, *b;
        int sign;
    } rows[] = {{"", "", 0},     {"a", "", 1},   {"", "a", -1},        {"a", "b", -1},     {"ab", "a", 1},
                {"a", "ab", -1}, {"B", "a", -1}, {"\x7f", "\xc3", -1}, {"abc", "abd", -1}, {"abc", "abc", 0}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int order = str_cmp(str_from(rows[i].a), str_from(rows[i].b));
        assert_int_equal((order > 0) - (order < 0), rows[i].sign);
    }
}

static void test_str_starts_ends_any_case(void **state UNUSED)
{
    struct str s = STR("Host.Example");

    assert_true(str_starts(s, STR("Host")));
    assert_false(str_starts(s, STR("host")));
    assert_true(str_starts_nocase(s, STR("hOST")));
    assert_true(str_ends(s, STR(".Example")));
    assert_false(str_ends(s, STR(".example")));
    assert_true(str_ends_nocase(s, STR(".eXAMPLE")));
    assert_true(str_starts(s, STR("")) && str_ends(s, STR("")) && str_starts(STR_NONE, STR_NONE));
    assert_false(str_starts(STR("a"), STR("ab")) || str_ends_nocase(STR("a"), STR("ba")));
    assert_true(str_eq_nocase(STR("ETag"), STR("etag")));
    /* Only letters have a case: '@' and '`', '[' and '{' differ in the same bit. */
    assert_false(str_eq_nocase(STR("@["), STR("`{")));
    assert_true(str_eq(STR_NONE, STR("")));
}

static void test_str_find_places(void **state UNUSED)
{
    struct str s = STR("a.b.c");

    assert_int_equal(str_index(s, '.'), 1);
    assert_int_equal(str_rindex(s, '.'), 3);
    assert_int_equal(str_index(s, 'x'), SIZE_MAX);
    assert_int_equal(str_rindex(STR_NONE, 'x'), SIZE_MAX);
    assert_int_equal(str_index(STR_NONE, 'x'), SIZE_MAX);
    assert_int_equal(str_find(s, STR(".c")), 3);
    assert_int_equal(str_find(s, STR("")), 0);
    assert_int_equal(str_find(s, STR("a.b.c.")), SIZE_MAX);
    assert_int_equal(str_find(STR_NONE, STR("a")), SIZE_MAX);
}

static void test_str_trim_only_blanks_and_tabs(void **state UNUSED)
{
    assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
    assert_true(str_eq(str_trim(STR("\r\na")), STR("\r\na")));
    assert_int_equal(str_trim(STR(" \t ")).n, 0);
    assert_int_equal(str_trim(STR_NONE).n, 0);
}

static void test_str_split_items_in_order(void **state UNUSED)
{
    static const struct {
        const char *text, *items[4];
        size_t n;
    } rows[] = {
        {"", {NULL}, 0},  {"a", {"a"}, 1}, {"a,,b", {"a", "", "b"}, 3}, {",a", {"", "a"}, 2},
        {"a,", {"a"}, 1}, {",", {""}, 1},  {"a b,c", {"a b", "c"}, 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str rest = str_from(rows[i].text), item;
        size_t n = 0;
        for (; str_split(&rest, ',', &item); n++)
            assert_true(n < rows[i].n && str_eq(item, str_from(rows[i].items[n])));
        assert_int_equal(n, rows[i].n);
    }
}

static void test_str_to_number_strict(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } decimal[] = {{"0", true, 0},
                   {"007", true, 7},
                   {"18446744073709551615", true, UINT64_MAX},
                   {"18446744073709551616", false, 0},
                   {"99999999999999999999", false, 0},
                   {"", false, 0},
                   {"+1", false, 0},
                   {"-1", false, 0},
                   {" 1", false, 0},
                   {"1 ", false, 0},
                   {"1a", false, 0},
                   {"0x1", false, 0}};
    uint64_t value;

    for (size_t i = 0; i < ARRAY_LEN(decimal); i++) {
        value = 0;
        assert_int_equal(str_to_u64(str_from(decimal[i].text), &value), decimal[i].ok);
        if (decimal[i].ok) assert_true(value == decimal[i].value);
    }
}

static void test_str_to_cstr_fits_or_is_empty(void **state UNUSED)
{
    char dst[4] = "zzz";

    assert_true(str_to_cstr(STR("abc"), dst, sizeof dst));
    assert_string_equal(dst, "abc");
    assert_false(str_to_cstr(STR("abcd"), dst, sizeof dst));
    assert_string_equal(dst, "");
    assert_false(str_to_cstr(STR("a\0b"), dst, sizeof dst));
    assert_string_equal(dst, "");
    assert_true(str_to_cstr(STR_NONE, dst, 1));
    assert_false(str_to_cstr(STR_NONE, dst, 0));
}

static void test_str_matches_wildcards(void **state UNUSED)
{
    static const struct {
        const char *text, *pattern;
        bool expected;
    } rows[] = {
        {"", "", true},
        {"", "*", true},
        {"", "?", false},
        {"a", "", false},
        {"abc", "abc", true},
        {"abc", "ab", false},
        {"abc", "a?c", true},
        {"abc", "a??c", false},
        {"abc", "*", true},
        {"abc", "a*", true},
        {"abc", "*c", true},
        {"abc", "*b*", true},
        {"abc", "*d*", false},
        {"abcabd", "*ab?", true},
        {"abcabd", "*abc", false},
        {"aab", "*ab", true},
        {"logs-2024", "logs-*", true},
        {"a.b", "a[.]b", false},
        {"mississippi", "m*iss*pi", true},
        {"mississippi", "m*iss*ip", false},
        {"abc", "**c", true},
        {"abc", "abc**", true},
        {"*", "?", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(str_matches(str_from(rows[i].text), str_from(rows[i].pattern)), rows[i].expected);
}

static void test_str_matches_many_stars_in_bounded_time(void **state UNUSED)
{
    char text[4096], pattern[128];

    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof pattern - 1] = 'b';
    /* Exponential matchers do not come back from this one. */
    assert_false(str_matches(str_make(text, sizeof text), str_make(pattern, sizeof pattern)));
}

static void test_sbuf_overflow_writes_nothing_more(void **state UNUSED)
{
    char mem[8] = "-------";
    struct sbuf b = sbuf_make(mem, 4);

    sbuf_add(&b, STR("abc"));
    sbuf_add(&b, STR("de"));
    assert_true(b.overflow);
    sbuf_char(&b, 'x');
    sbuf_u64(&b, 1);
    sbuf_lower(&b, STR("Y"));
    sbuf_printf(&b, "%d", 1);
    assert_true(str_eq(sbuf_str(&b), STR("abc")));
    assert_memory_equal(mem, "abc----", 7);
}

static void test_sbuf_numbers_and_text(void **state UNUSED)
{
    char mem[128];
    struct sbuf b = sbuf_make(mem, sizeof mem);

    sbuf_u64(&b, 0);
    sbuf_char(&b, ' ');
    sbuf_u64(&b, UINT64_MAX);
    sbuf_char(&b, ' ');
    sbuf_hex64(&b, 0);
    sbuf_char(&b, ' ');
    sbuf_hex64(&b, 0xabc123);
    sbuf_char(&b, ' ');
    sbuf_lower(&b, STR("ABCxyz[@"));
    sbuf_printf(&b, " %s=%d ", "n", 5);
    sbuf_digits(&b, 7, 3);
    sbuf_digits(&b, 12345, 2);
    sbuf_digits(&b, 4294967295, 10);
    sbuf_digits(&b, 1, 0);
    assert_false(b.overflow);
    assert_true(str_eq(sbuf_str(&b), STR("0 18446744073709551615 0 abc123 abcxyz[@ n=5 007454294967295")));
}

static void test_sbuf_printf_fills_to_the_last_byte(void **state UNUSED)
{
    char mem[6] = "-----";
    struct sbuf b = sbuf_make(mem, 5);

    sbuf_printf(&b, "%s", "12345");
    assert_false(b.overflow);
    assert_true(str_eq(sbuf_str(&b), STR("12345")));
    assert_int_equal(mem[5], '\0');
    b = sbuf_make(mem, 5);
    sbuf_printf(&b, "%s", "123456");
    assert_true(b.overflow);
    assert_int_equal(b.n, 0);
}

static void test_str_nearest_word(void **state UNUSED)
{
    static const char *const words[] = {"GetObject", "PutObject", "buckets"};

    assert_string_equal(str_nearest(STR("GetObjekt"), words, 3), "GetObject");
    assert_string_equal(str_nearest(STR("putobject"), words, 3), "PutObject");
    assert_string_equal(str_nearest(STR("bucket"), words, 3), "buckets");
    assert_null(str_nearest(STR("nothing like it"), words, 3));
    assert_null(str_nearest(STR("0123456789012345678901234567890123456789012345678901234567890123456789"), words, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_cmp_orders_bytewise),
        cmocka_unit_test(test_str_starts_ends_any_case),
        cmocka_unit_test(test_str_find_places),
        cmocka_unit_test(test_str_trim_only_blanks_and_tabs),
        cmocka_unit_test(test_str_split_items_in_order),
        cmocka_unit_test(test_str_to_number_strict),
        cmocka_unit_test(test_str_to_cstr_fits_or_is_empty),
        cmocka_unit_test(test_str_matches_wildcards),
        cmocka_unit_test(test_str_matches_many_stars_in_bounded_time),
        cmocka_unit_test(test_str_nearest_word),
        cmocka_unit_test(test_sbuf_overflow_writes_nothing_more),
        cmocka_unit_test(test_sbuf_numbers_and_text),
        cmocka_unit_test(test_sbuf_printf_fills_to_the_last_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
