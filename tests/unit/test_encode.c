/* SPDX-License-Identifier: Apache-2.0
 * test_encode.c: hexadecimal and base64 against published values. Source: RFC 4648 10.
 */
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_hex_decode_good_and_bad_input(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        bool ok;
    } cases[] = {{"00ff7F", 3, true}, {"", 0, true},    {"00ff7", 3, false}, {"00ff7F00", 3, false},
                 {"0g", 1, false},    {" 0", 1, false}, {"0x", 1, false},    {"00", 0, false}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t out[8] = {0};
        assert_int_equal(hex_decode(str_from(cases[i].text), out, cases[i].n), cases[i].ok);
    }
    uint8_t out[3];
    assert_true(hex_decode(STR("00ff7F"), out, sizeof out));
    assert_memory_equal(out, "\x00\xff\x7f", 3);
    (void)state;
}

static void test_hex_lower_too_small_buffer_overflows(void **state)
{
    char mem[3];
    struct sbuf b = sbuf_make(mem, sizeof mem);

    hex_lower(&b, (const uint8_t *)"ab", 2);
    assert_true(b.overflow);
    assert_int_equal(b.n, 0);
    (void)state;
}

static void test_base64_rfc4648_values_both_ways(void **state)
{
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xff\xef\xbe", "/+++"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char mem[16];
        uint8_t back[8];
        struct sbuf b = sbuf_make(mem, sizeof mem);
        size_t n = strlen(cases[i].plain);
        base64_encode(&b, (const uint8_t *)cases[i].plain, n);
        assert_true(str_eq(sbuf_str(&b), str_from(cases[i].text)));
        assert_true(base64_decode(str_from(cases[i].text), back, n));
        assert_memory_equal(back, cases[i].plain, n);
    }
    (void)state;
}

static void test_base64_decode_not_strict_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {{"Zg", 1},   {"Zg=", 1},  {"Zh==", 1},     {"Zm9=", 2}, {"Zg==", 2},   {"Zm9v", 2},
                 {"Zm9v", 4}, {"Zm 9", 3}, {"Zm9-", 3},     {"Zm9_", 3}, {"Zg==\n", 1}, {"=g==", 1},
                 {"Z===", 1}, {"====", 1}, {"Zm9v====", 4}, {"Zg=a", 1}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t out[8];
        if (base64_decode(str_from(cases[i].text), out, cases[i].n)) fail_msg("accepted: %s", cases[i].text);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex_decode_good_and_bad_input),
        cmocka_unit_test(test_hex_lower_too_small_buffer_overflows),
        cmocka_unit_test(test_base64_rfc4648_values_both_ways),
        cmocka_unit_test(test_base64_decode_not_strict_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
