/* SPDX-License-Identifier: Apache-2.0
 * test_json_text.c: every text becomes a string, readable and without control characters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/json_text.h"

#define BAD "\xef\xbf\xbd"

static void test_json_text_is_always_a_string(void **state UNUSED)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},
        {"caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x98\x80 \"\\/", "caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x98\x80 \"\\/"},
        {"caf\xe9", "caf" BAD},
        {"\xe2\x86", BAD BAD},
        {"\xc0\xaf\xed\xa0\x80", BAD BAD BAD BAD BAD},
        {"a\nb\x1b[1m\x7f\xc2\x9b", "a" BAD "b" BAD "[1m" BAD BAD},
        {"a\xe2\x80\xa8"
         "b",
         "a" BAD "b"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *made = json_text(rows[i].text);
        assert_non_null(made);
        assert_string_equal(json_string_value(made), rows[i].expected);
        json_decref(made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_text_is_always_a_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
