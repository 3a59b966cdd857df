/* SPDX-License-Identifier: Apache-2.0
 * test_profile.c: shared config and credentials files, odd ones too, as a table. That botocore reads them alike is
 * tests/e2e/test_profiles.py's to show.
 */
#include "aws/documents/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONFIG PROFILE_FILE_CONFIG
#define CREDENTIALS PROFILE_FILE_CREDENTIALS
#define PROFILE PROFILE_SECTION_PROFILE
#define SESSION PROFILE_SECTION_SSO_SESSION

static const struct {
    enum profile_file_kind file;
    const char *text;
    enum profile_section_kind section;
    const char *name, *key;
    const char *expected; /* NULL: not there */
    int line;
} table[] = {
    {CONFIG, "[default]\nk = v\n", PROFILE, "default", "k", "v", 2},
    {CONFIG, "[default]\nk=v", PROFILE, "default", "k", "v", 2},
    {CONFIG, "[profile default]\nk = v\n", PROFILE, "default", "k", "v", 2},
    {CONFIG, "[profile a]\nk = v\n", PROFILE, "a", "k", "v", 2},
    {CONFIG, "[a]\nk = v\n", PROFILE, "a", "k", NULL, 0},
    {CONFIG, "[profile \"my x\"]\nk = v\n", PROFILE, "my x", "k", "v", 2},
    {CONFIG, "[profile 'my x']\nk = v\n", PROFILE, "my x", "k", "v", 2},
    {CONFIG, "[profile  \t a]\nk = v\n", PROFILE, "a", "k", "v", 2},
    {CONFIG, "[profile my x]\nk = v\n", PROFILE, "my x", "k", NULL, 0},
    {CONFIG, "[profile \"my x]\nk = v\n", PROFILE, "my x", "k", NULL, 0},
    {CONFIG, "[profile]\nk = v\n", PROFILE, "", "k", NULL, 0},
    {CONFIG, "[profile a/b@c.d]\nk = v\n", PROFILE, "a/b@c.d", "k", "v", 2},
    {CONFIG, "[profile a] # said\nk = v\n", PROFILE, "a", "k", "v", 2},
    {CONFIG, "[sso-session s]\nk = v\n", SESSION, "s", "k", "v", 2},
    {CONFIG, "[sso-session s]\nk = v\n", PROFILE, "s", "k", NULL, 0},
    {CONFIG, "[services s]\nk = v\n[default]\nk = w\n", PROFILE, "default", "k", "w", 4},
    {CONFIG, "[DEFAULT]\nk = v\n[default]\n", PROFILE, "default", "k", NULL, 0},
    {CREDENTIALS, "[a]\nk = v\n", PROFILE, "a", "k", "v", 2},
    {CREDENTIALS, "[profile a]\nk = v\n", PROFILE, "a", "k", NULL, 0},
    {CREDENTIALS, "[profile a]\nk = v\n", PROFILE, "profile a", "k", "v", 2},
    {CREDENTIALS, "[my x]\nk = v\n", PROFILE, "my x", "k", "v", 2},
    {CREDENTIALS, "[a]\nk = v\n", PROFILE, "b", "k", NULL, 0},
    {CREDENTIALS, "[a]\nk = v\n", PROFILE, "a", "l", NULL, 0},
    /* keys and values */
    {CREDENTIALS, "[a]\nK_1 = V\n", PROFILE, "a", "k_1", "V", 2},
    {CREDENTIALS, "[a]\nk : v\n", PROFILE, "a", "k", "v", 2},
    {CREDENTIALS, "[a]\nk = a=b:c\n", PROFILE, "a", "k", "a=b:c", 2},
    {CREDENTIALS, "[a]\nk \t =\t v w \t\n", PROFILE, "a", "k", "v w", 2},
    {CREDENTIALS, "[a]\nk = \n", PROFILE, "a", "k", "", 2},
    {CREDENTIALS, "[a]\nk =", PROFILE, "a", "k", "", 2},
    {CREDENTIALS, "[a]\n  k = v\n  l = w\n", PROFILE, "a", "l", "w", 3},
    {CREDENTIALS, "[a]\nk = \"v\"\n", PROFILE, "a", "k", "\"v\"", 2},
    {CREDENTIALS, "[a]\nk = \xc3\xa4\n", PROFILE, "a", "k", "\xc3\xa4", 2},
    /* twice */
    {CREDENTIALS, "[a]\nk = v\nK = w\n", PROFILE, "a", "k", "w", 3},
    {CREDENTIALS, "[a]\nk = v\n[b]\nk = x\n[a]\nl = w\n", PROFILE, "a", "k", "v", 2},
    {CREDENTIALS, "[a]\nk = v\n[b]\nk = x\n[a]\nk = w\n", PROFILE, "a", "k", "w", 6},
    {CONFIG, "[default]\nk = v\n[profile default]\nl = w\n", PROFILE, "default", "k", NULL, 0},
    {CONFIG, "[profile default]\nl = w\n[default]\nk = v\n", PROFILE, "default", "k", "v", 4},
    /* comments */
    {CREDENTIALS, "# c\n[a]\n; c\n  # c\nk = v\n", PROFILE, "a", "k", "v", 5},
    {CREDENTIALS, "[a]\n#k = v\n", PROFILE, "a", "k", NULL, 0},
    {CREDENTIALS, "[a]\nk = v # c\n", PROFILE, "a", "k", "v # c", 2},
    {CREDENTIALS, "[a]\nk = v ; c\n", PROFILE, "a", "k", "v ; c", 2},
    {CREDENTIALS, "[a]\nk = #v\n", PROFILE, "a", "k", "#v", 2},
    /* several lines */
    {CREDENTIALS, "[a]\nk = v\n  w\n\tx\nl = y\n", PROFILE, "a", "k", "v\nw\nx", 2},
    {CREDENTIALS, "[a]\nk = v\n  w\n\tx\nl = y\n", PROFILE, "a", "l", "y", 5},
    {CREDENTIALS, "[a]\nk = v\n  # c\n\n  w\n\n\n", PROFILE, "a", "k", "v\n\nw", 2},
    {CREDENTIALS, "[a]\nk = v\n  [b]\n", PROFILE, "a", "k", "v\n[b]", 2},
    {CREDENTIALS, "[a]\n  k = v\n    w\n  l = x\n m = y\n", PROFILE, "a", "m", "y", 5},
    {CONFIG, "[default]\ns3 =\n  k = v\nl = w\n", PROFILE, "default", "k", NULL, 0},
    {CONFIG, "[default]\ns3 =\n  k = v\nl = w\n", PROFILE, "default", "s3", NULL, 2},
    {CONFIG, "[default]\ns3 =\n\n  # c\n  k = v\n  m =\nl = w\n", PROFILE, "default", "l", "w", 7},
    {CONFIG, "[default]\ns3 =\nk = v\n", PROFILE, "default", "k", "v", 3},
    {CONFIG, "[default]\n\n  k = v\n", PROFILE, "default", "k", "v", 3},
    /* line ends and bytes */
    {CREDENTIALS, "[a]\r\nk = v\r\n\r\nl = w\r\n", PROFILE, "a", "l", "w", 4},
    {CREDENTIALS, "[a]\rk = v\rl = w", PROFILE, "a", "l", "w", 3},
    {CREDENTIALS, "\xef\xbb\xbf[a]\nk = v\n", PROFILE, "a", "k", "v", 2},
    {CREDENTIALS, "\n\n", PROFILE, "a", "k", NULL, 0},
    {CREDENTIALS, "", PROFILE, "a", "k", NULL, 0},
    {CREDENTIALS, "[]]\nk = v", PROFILE, "]", "k", "v", 2},
    {CREDENTIALS, "[a]b]\nk = v", PROFILE, "a]b", "k", "v", 2},
};

/* In memory of exactly its length. */
static enum err_code parse(enum profile_file_kind kind, const char *text, size_t n, struct profile_file **out,
                           struct err *err)
{
    char *exact = malloc(n ? n : 1);
    enum err_code code;

    assert_non_null(exact);
    memcpy(exact, text, n);
    code = profile_file_parse(str_make(exact, n), kind, "FILE", out, err);
    free(exact);
    return code;
}

static void test_parse_odd_files_as_botocore_does(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct profile_file *f;
        struct err err = {0};
        struct profile_value v;

        if (parse(table[i].file, table[i].text, strlen(table[i].text), &f, &err) != ERR_NONE)
            fail_msg("row %zu: %s", i, err.detail);
        v = profile_file_get(f, table[i].section, table[i].name, table[i].key);
        if (v.line != table[i].line) fail_msg("row %zu: line %d", i, v.line);
        if (!v.text != !table[i].expected || (v.text && strcmp(v.text, table[i].expected) != 0))
            fail_msg("row %zu: '%s'", i, v.text ? v.text : "(none)");
        profile_file_free(&f);
        assert_null(f);
    }
}

static void test_parse_bad_line_tells_where(void **state UNUSED)
{
    static const struct {
        const char *text, *start;
    } bad[] = {
        {"k = v\n", "FILE:1: a key before the first '[section]'"},
        {"# c\n\n[]\n", "FILE:3: a key before the first '[section]'"},
        {"[a]\nnothing\n", "FILE:2: neither '[section]' nor 'key = value'"},
        {"[a]\nk = v\n= v\n", "FILE:3: neither"},
        {"[a]\n[b\n", "FILE:2: neither"},
        {"[a]\nsecret_key =\n  VERYSECRET\n", "FILE:2: the indented lines below this key"},
        {"[a]\nsecret_key =\n  a = b\n\n  VERYSECRET", "FILE:2: the indented lines below this key"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct profile_file *f;
        struct err err = {0};

        assert_int_equal(parse(CREDENTIALS, bad[i].text, strlen(bad[i].text), &f, &err), ERR_BAD_DOCUMENT);
        assert_null(f);
        if (strncmp(err.detail, bad[i].start, strlen(bad[i].start)) != 0) fail_msg("row %zu: %s", i, err.detail);
        assert_null(strstr(err.detail, "VERYSECRET"));
    }
}

static void test_parse_binary_and_too_long_refused(void **state UNUSED)
{
    char *text = calloc(1, PROFILE_FILE_MAX + 1);
    struct profile_file *f;
    struct err err = {0};

    assert_non_null(text);
    assert_int_equal(parse(CREDENTIALS, "[a]\nk = v\0w\n", 12, &f, &err), ERR_BAD_DOCUMENT);
    assert_non_null(strstr(err.detail, "NUL"));
    memset(text, '#', PROFILE_FILE_MAX + 1);
    assert_int_equal(parse(CREDENTIALS, text, PROFILE_FILE_MAX, &f, &err), ERR_NONE);
    profile_file_free(&f);
    assert_int_equal(parse(CREDENTIALS, text, PROFILE_FILE_MAX + 1, &f, &err), ERR_BAD_DOCUMENT);
    free(text);
}

static void test_parse_long_token_kept_whole(void **state UNUSED)
{
    enum { TOKEN = 100 * 1000 };
    char *text = malloc(TOKEN + 64);
    struct profile_file *f;
    struct profile_value v;
    int head;

    assert_non_null(text);
    head = snprintf(text, 64, "[a]\naws_session_token = ");
    for (int i = 0; i < TOKEN; i++)
        text[head + i] = (char)('A' + i % 26);
    memcpy(text + head + TOKEN, "\nl = w\n", 8);
    assert_int_equal(parse(CREDENTIALS, text, strlen(text), &f, NULL), ERR_NONE);
    v = profile_file_get(f, PROFILE, "a", "aws_session_token");
    assert_int_equal(strlen(v.text), TOKEN);
    assert_memory_equal(v.text, text + head, TOKEN);
    assert_string_equal(profile_file_get(f, PROFILE, "a", "l").text, "w");
    profile_file_free(&f);
    free(text);
}

static void test_section_line_and_no_file(void **state UNUSED)
{
    struct profile_file *f = NULL;

    assert_int_equal(profile_file_section(NULL, PROFILE, "a"), 0);
    assert_null(profile_file_get(NULL, PROFILE, "a", "k").text);
    profile_file_free(&f);
    assert_int_equal(parse(CONFIG, "\n[profile a]\n[sso-session b]\n", 28, &f, NULL), ERR_NONE);
    assert_int_equal(profile_file_section(f, PROFILE, "a"), 2);
    assert_int_equal(profile_file_section(f, SESSION, "b"), 3);
    assert_int_equal(profile_file_section(f, PROFILE, "b"), 0);
    profile_file_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_odd_files_as_botocore_does), cmocka_unit_test(test_parse_bad_line_tells_where),
        cmocka_unit_test(test_parse_binary_and_too_long_refused), cmocka_unit_test(test_parse_long_token_kept_whole),
        cmocka_unit_test(test_section_line_and_no_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
