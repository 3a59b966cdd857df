/* SPDX-License-Identifier: Apache-2.0
 * test_explain_canonical.c: a canonical request is found in whatever file it stands in, and its lines are told apart.
 */
#include "../../proxy/cli/explain/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CANONICAL "GET\n/a%20b\nx=1&y=\nhost:h\nx-amz-date:d\n\nhost;x-amz-date\nUNSIGNED-PAYLOAD"
#define V2 "GET\n\n\n\nx-amz-date:d\n/b/k?acl"

static void test_canonical_in_finds_it_in_every_kind_of_file(void **state UNUSED)
{
    static const struct {
        const char *file;
        bool sigv2;
        const char *expected; /* NULL: none */
    } cases[] = {
        {CANONICAL, false, CANONICAL},
        {CANONICAL "\n", false, CANONICAL},
        {"GET\r\n/\r\n\r\nhost:h\r\n\r\nhost\r\nx\r\n", false, "GET\n/\n\nhost:h\n\nhost\nx"},
        {"<?xml?>\n<Error><Code>SignatureDoesNotMatch</Code><StringToSign>AWS4\nx</StringToSign><CanonicalRequest>GET\n"
         "/&quot;&lt;&#13;\n\nhost:a&amp;b\n\nhost\nx</CanonicalRequest></Error>",
         false, "GET\n/\"<\n\nhost:a&b\n\nhost\nx"},
        {"<Error><StringToSign>" V2 "</StringToSign></Error>", true, V2},
        {"<Error><Code>AccessDenied</Code></Error>", false, NULL},
        {"<Error><CanonicalRequest></CanonicalRequest></Error>", false, NULL},
        {"2026 - botocore.auth - DEBUG - Calculating\n2026 - botocore.auth - DEBUG - CanonicalRequest:\n" CANONICAL
         "\n2026 - botocore.auth - DEBUG - StringToSign:\nAWS4\n",
         false, CANONICAL},
        {"x StringToSign:\n" V2 "\nx Signature:\nabc", true, V2},
        {"", false, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;

        arena_init(&arena, 4096, 65536);
        struct str found = canonical_in(str_from(cases[i].file), cases[i].sigv2, &arena);
        if (!str_eq(found, str_from(cases[i].expected))) fail_msg("case %zu: \"%.*s\"", i, STR_ARG(found));
        arena_clear(&arena);
    }
}

static void test_lines_are_canonical_knows_its_parts(void **state UNUSED)
{
    static const char *const bad[] = {"",
                                      "GET",
                                      "GET\n/\n\nhost:h\n\nhost",
                                      "GET\n/\n\nhost:h\nhost\nx",
                                      "GET\n/\n\n\nhost\nx",
                                      "GET\n/\n\nhost:h\n\nhost\nx\ny"};
    static const char *const names[] = {"method",     "path",           "query",  "header host", "header x-amz-date",
                                        "empty line", "signed headers", "payload"};
    struct lines l;
    size_t end;
    char buf[80];

    assert_true(lines_split(&l, STR(CANONICAL)));
    assert_true(lines_are_canonical(&l, &end));
    assert_int_equal(end, 5);
    assert_int_equal(l.n, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(line_name(&l, i, false, buf), names[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(lines_split(&l, str_from(bad[i])));
        if (lines_are_canonical(&l, &end)) fail_msg("case %zu", i);
    }
}

static void test_lines_split_too_many_is_refused(void **state UNUSED)
{
    static char text[LINES_MOST + 1];
    struct lines l;

    memset(text, '\n', sizeof text);
    assert_true(lines_split(&l, str_make(text, LINES_MOST - 1)));
    assert_int_equal(l.n, LINES_MOST);
    assert_false(lines_split(&l, str_make(text, LINES_MOST)));
}

static void test_explain_differences_names_line_and_cause(void **state UNUSED)
{
    static const struct {
        const char *theirs;
        size_t n;
        const char *name;
    } cases[] = {
        {CANONICAL, 0, NULL},
        {"PUT\n/a%20b\nx=1&y=\nhost:h\nx-amz-date:d\n\nhost;x-amz-date\nUNSIGNED-PAYLOAD", 1, "method"},
        {"GET\n/a+b\nx=1&y=\nhost:h\nx-amz-date:d\n\nhost;x-amz-date\nUNSIGNED-PAYLOAD", 1, "path"},
        {"GET\n/a%20b\nx=1&y=\nx-amz-date:d\n\nhost;x-amz-date\nUNSIGNED-PAYLOAD", 1, "header host"},
        {"GET\n/a%20b\nx=1&y=\nhost:h\nrange:1\nx-amz-date:d\n\nhost;x-amz-date\nUNSIGNED-PAYLOAD", 1, "header range"},
        {"GET\n/a%20b\nx=1&y=\nhost:h\nx-amz-date:d \n\nhost;x-amz-date\nUNSIGNED-PAYLOAD", 1, "header x-amz-date"},
        {"GET\n/a%20b\nx=1&y=\nhost:h\nx-amz-date:d\n\nhost\nx", 2, "signed headers"},
    };
    struct lines ours, theirs;

    assert_true(lines_split(&ours, STR(CANONICAL)));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct report r;

        assert_true(report_init(&r));
        assert_true(lines_split(&theirs, str_from(cases[i].theirs)));
        assert_int_equal(explain_differences(&r, &ours, &theirs, false, NULL), cases[i].n);
        if (cases[i].n) {
            json_t *first = json_array_get(json_object_get(r.all, "differences"), 0);

            assert_string_equal(json_string_value(json_object_get(first, "line")), cases[i].name);
            assert_true(json_string_length(json_object_get(first, "cause")) > 0);
        }
        fclose(r.out);
        free(r.text);
        json_decref(r.all);
    }
}

static void test_report_printable_escapes_what_terminals_obey(void **state UNUSED)
{
    static const struct {
        const char *bytes, *expected;
    } cases[] = {
        {"plain \u96ea \u00fc", "plain \u96ea \u00fc"},
        {"\033[31m", "\\x1b[31m"},
        {"a\\b", "a\\\\b"},
        {"\xc2\x9b!", "\\xc2\\x9b!"},
        {"\xff\xe9\x9b", "\\xff\\xe9\\x9b"},
        {"\x7f\t", "\\x7f\\x09"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = report_printable(str_from(cases[i].bytes));

        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_in_finds_it_in_every_kind_of_file),
        cmocka_unit_test(test_lines_are_canonical_knows_its_parts),
        cmocka_unit_test(test_lines_split_too_many_is_refused),
        cmocka_unit_test(test_explain_differences_names_line_and_cause),
        cmocka_unit_test(test_report_printable_escapes_what_terminals_obey),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
