/* SPDX-License-Identifier: Apache-2.0
 * test_env_shells.c: values with every awkward byte come out quoted as each shell or file wants them.
 */
#include "../../proxy/cli/env/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char *put(enum env_format format, const char *value, bool *ok)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    assert_non_null(out);
    *ok = env_put(out, format, "NAME", value);
    fclose(out);
    return text;
}

static void test_env_put_quotes_as_each_format_wants(void **state UNUSED)
{
    static const struct {
        enum env_format format;
        const char *value, *expected;
    } cases[] = {
        {ENV_SH, "plain", "export NAME='plain';\n"},
        {ENV_SH, "", "export NAME='';\n"},
        {ENV_SH, "a b'c$d`e\\f\"g!h#i%j", "export NAME='a b'\\''c$d`e\\f\"g!h#i%j';\n"},
        {ENV_SH, "''", "export NAME=''\\'''\\''';\n"},
        {ENV_FISH, "a b'c$d\\e\"f", "set -gx NAME 'a b\\'c$d\\\\e\"f';\n"},
        {ENV_POWERSHELL, "a b'c$d`e\\f\"g", "$env:NAME = 'a b''c$d`e\\f\"g'\n"},
        {ENV_POWERSHELL, "\u2018x\u2019\u201a\u201b",
         "$env:NAME = '\u2018\u2018x\u2019\u2019\u201a\u201a\u201b\u201b'\n"},
        {ENV_SYSTEMD, "a b'c$d%e\\f\"g", "Environment=\"NAME=a b'c$d%%e\\\\f\\\"g\"\n"},
        {ENV_DOCKER, "a b'c$d%e\\f\"g", "NAME=a b'c$d%e\\f\"g\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool ok;
        char *text = put(cases[i].format, cases[i].value, &ok);

        assert_true(ok);
        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

static void test_env_put_line_end_is_refused_and_nothing_written(void **state UNUSED)
{
    static const char *const values[] = {"a\nb", "a\rb", "\n"};

    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        for (enum env_format format = ENV_SH; format <= ENV_DOCKER; format++) {
            bool ok;
            char *text = put(format, values[i], &ok);

            assert_false(ok);
            assert_string_equal(text, "");
            free(text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_env_put_quotes_as_each_format_wants),
        cmocka_unit_test(test_env_put_line_end_is_refused_and_nothing_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
