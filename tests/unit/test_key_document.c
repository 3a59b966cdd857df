/* SPDX-License-Identifier: Apache-2.0
 * test_key_document.c: credentials as JSON: what is taken, what is refused and with which words; times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/documents/key_document.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOON = 1795521600 /* 2026-11-24T12:00:00Z */ };

#define P KEY_DOCUMENT_PROCESS
#define M KEY_DOCUMENT_METADATA
#define R KEY_DOCUMENT_ROLES_ANYWHERE
#define UNTIL "\"Expiration\": \"2026-11-24T12:00:00Z\""
#define IDS "\"AccessKeyId\": \"ASIAID\", \"SecretAccessKey\": \"s/e+c\""
#define NOT_JSON "it is not JSON (line 1, column "
#define RA(text) "{\"credentialSet\": [{\"credentials\": {" text "}, \"roleArn\": \"r\"}], \"subjectArn\": \"s\"}"
#define RA_KEYS "\"accessKeyId\": \"ASIAID\", \"secretAccessKey\": \"s/e+c\", \"sessionToken\": \"t==\""

static const struct {
    enum key_document_kind kind;
    const char *json, *token; /* NULL: none */
    int64_t expires_s;
} good[] = {
    {P, "{\"Version\": 1, " IDS "}", NULL, 0},
    {P, "{\"Version\": 1, " IDS ", \"SessionToken\": null, \"Expiration\": null}", NULL, 0},
    {P, "{\"Version\": 1, " IDS ", \"SessionToken\": \"\"}", NULL, 0},
    {P, " \r\n\t{\"Version\":1," IDS ",\"SessionToken\":\"t==\"," UNTIL ",\"AccountId\":\"1\"}\n", "t==", NOON},
    {P, "{\"Version\": 1, " IDS ", \"Code\": \"Failed\"}", NULL, 0}, /* has no meaning here */
    {M, "{" IDS ", \"Token\": \"t==\", " UNTIL "}", "t==", NOON},
    {M, "{\"Code\": \"Success\", " IDS ", \"Token\": \"t==\", " UNTIL ", \"Other\": {\"x\": [1, 2.5, true]}}",
     "t==", NOON},
    {M, "{\"Code\": null, " IDS ", \"Token\": \"t==\", " UNTIL "}", "t==", NOON},
    {M, "{" IDS ", \"Token\": \"\\u0074\\u003d=\", " UNTIL "}", "t==", NOON},
    {M, "{" IDS ", \"Token\": \"t==\", \"Expiration\": \"1999-01-01T00:00:00Z\"}", "t==", 915148800}, /* over; taken */
    {M, "{" IDS ", \"Token\": \"t==\", \"Expiration\": \"1970-01-01T00:00:00Z\"}", "t==", 1},         /* not "never" */
    {M, "{" IDS ", \"Token\": \"t==\", \"Expiration\": \"0001-01-01T00:00:00Z\"}", "t==", 1},
    {R, RA(RA_KEYS ", \"expiration\": \"2026-11-24T12:00:00Z\""), "t==", NOON},
};

static const struct {
    enum key_document_kind kind;
    const char *json, *detail;
} wrong[] = {
    {M, "", "it is empty"},
    {M, " \r\n\t ", "it is empty"},
    {M, "<!DOCTYPE html><p>Sign in</p>", "it is HTML or XML instead of JSON"},
    {M, "\n <?xml version=\"1.0\"?>", "it is HTML or XML instead of JSON"},
    {M, "{" IDS ", \"Token\": \"t==\", \"Expira", "it is JSON that was cut off"},
    {M, "{" IDS, "it is JSON that was cut off"},
    {M, "{" IDS ", \"Token\": \"t==\", " UNTIL "} x", NOT_JSON},
    {M, "{" IDS ", " IDS ", \"Token\": \"t==\", " UNTIL "}", NOT_JSON},
    {M, "{" IDS ", \"Token\": \"t\\u0000t\", " UNTIL "}", NOT_JSON},
    {M, "\xff", NOT_JSON},
    {M, "secret words", NOT_JSON},
    {M, "[1]", "it is JSON, but not an object"},
    {M, "{\"Code\": \"AssumeRoleUnauthorizedAccess\", \"Message\": \"EC2 cannot assume the role r\"}",
     "the service reports AssumeRoleUnauthorizedAccess: EC2 cannot assume the role r"},
    {M, "{\"Code\": \"Failed\", " IDS ", \"Token\": \"t==\", " UNTIL "}", "the service reports Failed"},
    {M, "{\"Code\": \"A\\u00e4\\n\", \"Message\": 7}", "the service reports A???: (no text)"},
    {M, "{\"Code\": 1, " IDS ", \"Token\": \"t==\", " UNTIL "}", "the service reports (no text)"},
    {M, "{}", "its AccessKeyId is missing"},
    {M, "{" IDS ", " UNTIL "}", "its Token is missing"},
    {M, "{" IDS ", \"Token\": \"\", " UNTIL "}", "its Token is empty"},
    {M, "{" IDS ", \"Token\": [], " UNTIL "}", "its Token is not a string"},
    {M, "{" IDS ", \"SessionToken\": \"t==\", " UNTIL "}", "its Token is missing"},
    {M, "{" IDS ", \"Token\": \"t==\"}", "its Expiration is missing"},
    {M, "{" IDS ", \"Token\": \"t==\", \"Expiration\": 1795521600}", "its Expiration is not a string"},
    {M, "{" IDS ", \"Token\": \"t==\", \"Expiration\": \"soon\"}",
     "its Expiration is not a time like 2026-11-24T12:00:00Z"},
    {M, "{\"AccessKeyId\": \"ASIAID\", \"Token\": \"t==\", " UNTIL "}", "its SecretAccessKey is missing"},
    {M, "{\"AccessKeyId\": \"AS/ID\", \"SecretAccessKey\": \"s\", \"Token\": \"t==\", " UNTIL "}",
     "its AccessKeyId holds bytes that no key has"},
    {M, "{\"AccessKeyId\": \"ASIAID\", \"SecretAccessKey\": \"s\\r\\nX: y\", \"Token\": \"t==\", " UNTIL "}",
     "its SecretAccessKey holds spaces or other bytes that no key has"},
    {M, "{" IDS ", \"Token\": \"t t\", " UNTIL "}", "its Token holds spaces or other bytes that no key has"},
    {M, "{" IDS ", \"Token\": \"t\\u00e4\", " UNTIL "}", "its Token holds spaces or other bytes that no key has"},
    {P, "{" IDS "}", "its Version is missing: credential processes print \"Version\": 1"},
    {P, "{\"Version\": 2, " IDS "}", "its Version is not 1, the only one there is"},
    {P, "{\"Version\": \"1\", " IDS "}", "its Version is not 1, the only one there is"},
    {P, "{\"Version\": 1.0, " IDS "}", "its Version is not 1, the only one there is"},
    {P, "{\"Version\": 1, " IDS ", \"SessionToken\": 1}", "its SessionToken is not a string"},
    {P, "{\"Version\": 1, " IDS ", \"Expiration\": \"\"}", "its Expiration is not a time like 2026-11-24T12:00:00Z"},
    {R, "{}", "its credentialSet is missing or empty"},
    {R, "{\"credentialSet\": []}", "its credentialSet is missing or empty"},
    {R, "{\"credentialSet\": {}}", "its credentialSet is missing or empty"},
    {R, "{\"credentialSet\": [1]}", "its credentialSet holds no credentials"},
    {R, "{\"credentialSet\": [{\"credentials\": null}]}", "its credentialSet holds no credentials"},
    {R, RA(RA_KEYS), "its expiration is missing"},
    {R, RA("\"accessKeyId\": \"ASIAID\", \"secretAccessKey\": \"s\""), "its sessionToken is missing"},
};

static void test_parse_good_documents_are_taken_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct key_document d;
        struct err err = {0};

        enum err_code code = key_document_parse(str_from(good[i].json), good[i].kind, &d, &err);
        if (code != ERR_NONE) print_error("%s: %s\n", good[i].json, err.detail);
        assert_int_equal(code, ERR_NONE);
        assert_string_equal(d.access_key_id, "ASIAID");
        assert_string_equal(d.secret_access_key, "s/e+c");
        assert_int_equal(d.session_token != NULL, good[i].token != NULL);
        if (d.session_token) assert_string_equal(d.session_token, good[i].token);
        assert_int_equal(d.expires_s, good[i].expires_s);
        key_document_clear(&d);
        assert_null(d.access_key_id);
        assert_null(d.secret_access_key);
        assert_null(d.session_token);
    }
}

static void refused(struct str json, enum key_document_kind kind, const char *detail)
{
    struct key_document d;
    struct err err = {0};

    enum err_code code = key_document_parse(json, kind, &d, &err);
    struct str why = str_from(err.detail);
    bool right = !detail || str_eq(why, str_from(detail)) ||
                 (strcmp(detail, NOT_JSON) == 0 && str_starts(why, str_from(detail)));
    if (code != ERR_BAD_DOCUMENT || !right) print_error("%.*s: %s\n", STR_ARG(json), err.detail);
    assert_int_equal(code, ERR_BAD_DOCUMENT);
    assert_true(right);
    assert_null(d.access_key_id);
    assert_null(d.secret_access_key);
    assert_null(d.session_token);
    assert_int_equal(d.expires_s, 0);
}

static void test_parse_wrong_documents_give_nothing_and_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        refused(str_from(wrong[i].json), wrong[i].kind, wrong[i].detail);
}

/* A piece of a document is never a smaller document. */
static void test_parse_secrets_may_hold_blanks_inside(void **state)
{
    struct key_document d;

    (void)state;
    assert_int_equal(
        key_document_parse(STR("{\"Version\": 1, \"AccessKeyId\": \"ID\", \"SecretAccessKey\": \"a b  c\"}"), P, &d,
                           NULL),
        ERR_NONE);
    assert_string_equal(d.secret_access_key, "a b  c");
    key_document_clear(&d);
    refused(STR("{\"Version\": 1, \"AccessKeyId\": \"I D\", \"SecretAccessKey\": \"s\"}"), P,
            "its AccessKeyId holds spaces or other bytes that no key has");
    refused(STR("{\"Version\": 1, \"AccessKeyId\": \"ID\", \"SecretAccessKey\": \"s \"}"), P,
            "its SecretAccessKey holds spaces or other bytes that no key has");
}

static void test_parse_documents_cut_anywhere_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct str json = str_from(good[i].json);
        size_t end = str_rindex(json, '}');

        for (size_t n = 0; n <= end; n++)
            refused(str_head(json, n), good[i].kind, NULL);
    }
}

static void test_parse_tokens_of_any_length_up_to_the_limit_are_taken(void **state)
{
    enum { LIMIT = 16 * 1024 };
    static char json[LIMIT + 512], token[LIMIT + 2];
    struct key_document d;

    (void)state;
    memset(token, 'x', LIMIT);
    snprintf(json, sizeof(json), "{" IDS ", \"Token\": \"%s\", " UNTIL "}", token);
    assert_int_equal(key_document_parse(str_from(json), M, &d, NULL), ERR_NONE);
    assert_string_equal(d.session_token, token);
    key_document_clear(&d);
    token[LIMIT] = 'x';
    snprintf(json, sizeof(json), "{" IDS ", \"Token\": \"%s\", " UNTIL "}", token);
    refused(str_from(json), M, "its Token is too long");
}

static void test_iso8601_parse_takes_what_aws_writes(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_s;
    } table[] = {
        {"2026-11-24T12:00:00Z", NOON},
        {"2026-11-24T12:00:00.123Z", NOON},
        {"2026-11-24T12:00:00.999999999Z", NOON},
        {"2026-11-24T12:00:00+00:00", NOON},
        {"2026-11-24T12:00:00-00:00", NOON},
        {"2026-11-24T21:00:00+09:00", NOON},
        {"2026-11-24T07:30:00.5-04:30", NOON},
        {"2026-11-25T00:00:00+12:00", NOON},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2000-02-29T00:00:00Z", 951782400},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", -1},
        {"1970-01-01T00:00:00+01:00", -3600},
        {"2038-01-19T03:14:08Z", INT64_C(2147483648)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
    };
    int64_t t;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!iso8601_parse(str_from(table[i].text), &t)) fail_msg("%s", table[i].text);
        if (t != table[i].unix_s) fail_msg("%s: %lld", table[i].text, (long long)t);
    }
}

static void test_iso8601_parse_refuses_the_rest(void **state)
{
    static const char *const table[] = {
        "",
        "2026-11-24",
        "2026-11-24T12:00:00",
        "2026-11-24 12:00:00Z",
        "2026-11-24t12:00:00Z",
        "2026-11-24T12:00:00z",
        "20261124T120000Z",
        "2026-11-24T12:00Z",
        "2026-11-24T12:00:00.Z",
        "2026-11-24T12:00:00,5Z",
        "2026-11-24T12:00:00.5",
        "2026-11-24T12:00:00ZZ",
        " 2026-11-24T12:00:00Z",
        "2026-11-24T12:00:00Z ",
        "2026-11-24T12:00:00+00",
        "2026-11-24T12:00:00+0000",
        "2026-11-24T12:00:00+24:00",
        "2026-11-24T12:00:00+00:60",
        "2026-11-24T12:00:00+0a:00",
        "2026-11-24T12:00:00Z+00:00",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-00-24T12:00:00Z",
        "2026-13-24T12:00:00Z",
        "2026-11-00T12:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T12:60:00Z",
        "2026-11-24T12:00:61Z",
        "2026-1-24T12:00:00Z",
        "+026-11-24T12:00:00Z",
        "2026-11--4T12:00:00Z",
        "12026-11-24T12:00:00Z",
        "1795521600",
        "2026-W48-2T12:00:00Z",
    };
    int64_t t;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (iso8601_parse(str_from(table[i]), &t)) fail_msg("%s: %lld", table[i], (long long)t);
    for (size_t n = 0; n < 20; n++)
        assert_false(iso8601_parse(str_make("2026-11-24T12:00:00Z", n), &t));
    assert_false(iso8601_parse(str_make("2026-11-24T12:00:00Z\0", 21), &t));
}

static void test_key_text_valid_is_visible_ascii(void **state)
{
    (void)state;
    assert_true(key_text_valid(STR("!~aZ09/+=")));
    assert_false(key_text_valid(STR("")));
    for (int c = 0; c < 256; c++) {
        char text[2] = {'a', (char)c};

        assert_int_equal(key_text_valid(str_make(text, 2)), c > ' ' && c <= '~');
    }
}

static void test_key_secret_valid_has_blanks_inside(void **state)
{
    (void)state;
    assert_false(key_secret_valid(STR("")));
    assert_false(key_secret_valid(STR(" ")));
    assert_false(key_secret_valid(STR(" a")));
    assert_false(key_secret_valid(STR("a ")));
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'b'};

        assert_int_equal(key_secret_valid(str_make(text, 3)), c >= ' ' && c <= '~');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_good_documents_are_taken_whole),
        cmocka_unit_test(test_parse_wrong_documents_give_nothing_and_a_reason),
        cmocka_unit_test(test_parse_secrets_may_hold_blanks_inside),
        cmocka_unit_test(test_parse_documents_cut_anywhere_are_refused),
        cmocka_unit_test(test_parse_tokens_of_any_length_up_to_the_limit_are_taken),
        cmocka_unit_test(test_iso8601_parse_takes_what_aws_writes),
        cmocka_unit_test(test_iso8601_parse_refuses_the_rest),
        cmocka_unit_test(test_key_text_valid_is_visible_ascii),
        cmocka_unit_test(test_key_secret_valid_has_blanks_inside),
    };

    key_document_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
