/* SPDX-License-Identifier: Apache-2.0
 * test_readable.c: nothing that a terminal would obey, and no bytes that it cannot show.
 */
#include "base/readable.h"

#include "base/attrib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_readable_put(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},
        {"a\tline\n", "a\tline\n"},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"},
        {"\x1b[31m\x7f\r", "\\x1b[31m\\x7f\\x0d"},
        {"a\xc2\x9b"
         "b",
         "a\\xc2\\x9bb"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc3", "\\xc3"},
        {"\xc0\xaf", "\\xc0\\xaf"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        readable_put(out, rows[i].text);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, rows[i].expected);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readable_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
