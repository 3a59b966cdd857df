/* SPDX-License-Identifier: Apache-2.0
 * test_command_line.c: commands against Python's shlex (tests/vectors/make_command_line.py), and the reasons given.
 */
#include "aws/documents/command_line.h"

#include "aws/sign/digest.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct str from_hex(struct str hex, char *mem, size_t cap)
{
    assert_true(hex.n / 2 <= cap);
    assert_true(hex_decode(hex, (uint8_t *)mem, hex.n / 2));
    return str_make(mem, hex.n / 2);
}

static void check_words(struct str expected, const struct command_line *got)
{
    struct str word;
    char mem[256];
    size_t i = 0;

    while (str_split(&expected, ' ', &word)) {
        struct str plain = str_eq(word, STR("-")) ? STR("") : from_hex(word, mem, sizeof(mem));

        assert_true(i < got->n);
        assert_true(str_eq(str_from(got->argv[i++]), plain));
    }
    assert_int_equal(got->n, i);
    assert_null(got->argv[i]);
}

static void test_split_agrees_with_shlex(void **state UNUSED)
{
    FILE *in = fopen(TEST_VECTORS "/command_line.txt", "r");
    char line[1024], command[256];
    int lines = 0, errors = 0;

    assert_non_null(in);
    while (fgets(line, sizeof(line), in)) {
        struct str rest = str_make(line, strcspn(line, "\n")), hex;
        struct command_line c;
        enum err_code code;
        char *exact; /* so that a sanitizer sees what is read too far */

        hex = str_head(rest, str_index(rest, ':'));
        rest = str_trim(str_tail(rest, hex.n + 1));
        struct str plain = from_hex(hex, command, sizeof(command));
        exact = malloc(plain.n ? plain.n : 1);
        assert_non_null(exact);
        memcpy(exact, plain.p, plain.n);
        code = command_line_split(str_make(exact, plain.n), &c, NULL);
        assert_int_equal(code, str_eq(rest, STR("error")) ? ERR_CONFIG : ERR_NONE);
        if (code == ERR_NONE) check_words(rest, &c);
        errors += code != ERR_NONE;
        lines++;
        command_line_clear(&c);
        free(exact);
    }
    fclose(in);
    assert_true(lines > 800 && errors > 100);
}

static void test_split_bad_tells_why_without_the_text(void **state UNUSED)
{
    static const struct {
        struct str text;
        const char *why;
    } table[] = {{STR_INIT("tool 'secret"), "a quote (') is not closed"},
                 {STR_INIT("tool \"secret\\\""), "a quote (\") is not closed"},
                 {STR_INIT("tool secret\\"), "it ends with a backslash that escapes nothing"},
                 {STR_INIT("tool\0secret"), "it holds a NUL byte"}};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct command_line c;
        struct err err = {0};

        assert_int_equal(command_line_split(table[i].text, &c, &err), ERR_CONFIG);
        assert_string_equal(err.detail, table[i].why);
        assert_null(c.argv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_split_agrees_with_shlex),
                                       cmocka_unit_test(test_split_bad_tells_why_without_the_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
