/* SPDX-License-Identifier: Apache-2.0
 * test_post_policy.c: policy documents against one form, as a table: those that hold, those that S3 refuses and with
 * which words, and hostile ones. The policies of real clients are in test_post_form_fields.c.
 */
#include "aws/form/post_policy.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOW_S = 1198584000 /* 2007-12-25T12:00:00Z */ };

static const struct post_form form = {
    .fields = {{STR_INIT("key"), STR_INIT("Key"), STR_INIT("user/eric/a.txt")},
               {STR_INIT("acl"), STR_INIT("acl"), STR_INIT("public-read")},
               {STR_INIT("content-type"), STR_INIT("Content-Type"), STR_INIT("image/jpg,image/png")},
               {STR_INIT("empty"), STR_INIT("empty"), STR_INIT("")},
               {STR_INIT("x-amz-meta-tag"), STR_INIT("x-amz-meta-tag"), STR_INIT("$a\"b\\\xc3\xa4")},
               {STR_INIT("x-amz-security-token"), STR_INIT("x-amz-security-token"), STR_INIT("secret/token")},
               {STR_INIT("x-ignore-this"), STR_INIT("x-ignore-this"), STR_INIT("1")},
               {STR_INIT("policy"), STR_INIT("Policy"), STR_INIT("p")},
               {STR_INIT("signature"), STR_INIT("signature"), STR_INIT("s")},
               {STR_INIT("awsaccesskeyid"), STR_INIT("AWSAccessKeyId"), STR_INIT("AK")},
               {STR_INIT("x-amz-signature"), STR_INIT("x-amz-signature"), STR_INIT("s")}},
    .fields_n = 11,
};

static enum err_code check_bytes(struct str json, int64_t now_s, struct post_policy *out, struct err *err)
{
    char *text = malloc(2 * json.n + 8);
    struct sbuf b = sbuf_make(text, 2 * json.n + 8);

    assert_non_null(text);
    base64_encode(&b, (const uint8_t *)json.p, json.n);
    enum err_code code = post_policy_check(sbuf_str(&b), &form, STR("johnsmith"), now_s, out, err);
    free(text);
    return code;
}

#define EXPIRES "\"expiration\": \"2007-12-25T12:00:01Z\""
/* A policy for all fields, with @more conditions in front. */
#define ALL(more)                                                                                                   \
    "{" EXPIRES ", \"conditions\": [" more                                                                          \
    "{\"bucket\": \"johnsmith\"}, [\"starts-with\", \"$key\", \"\"], [\"starts-with\", \"$acl\", \"\"], "           \
    "[\"starts-with\", \"$Content-Type\", \"\"], {\"empty\": \"\"}, [\"starts-with\", \"$x-amz-meta-tag\", \"\"], " \
    "{\"x-amz-security-token\": \"secret/token\"}]}"
#define FAILED(text) "Invalid according to Policy: Policy Condition failed: " text
#define INVALID(text) "Invalid Policy: " text
#define HOLDS NULL

static const struct {
    const char *json;
    enum err_code expected;
    const char *detail;
} table[] = {
    {ALL(""), ERR_NONE, HOLDS},
    {ALL("{\"acl\": \"public-read\"},"), ERR_NONE, HOLDS},
    {ALL("[\"eq\", \"$acl\", \"public-read\"],"), ERR_NONE, HOLDS},
    {ALL("[\"Eq\", \"$AcL\", \"public-read\"],"), ERR_NONE, HOLDS},
    {ALL("[\"StArTs-WiTh\", \"$KeY\", \"user/eric/\"],"), ERR_NONE, HOLDS},
    {ALL("[\"starts-with\", \"$key\", \"user/eric/a.txt\"],"), ERR_NONE, HOLDS},
    {ALL("[\"starts-with\", \"$Content-Type\", \"image/\"],"), ERR_NONE, HOLDS},
    {ALL("[\"starts-with\", \"$empty\", \"\"],"), ERR_NONE, HOLDS},
    {ALL("[\"starts-with\", \"$bucket\", \"john\"],"), ERR_NONE, HOLDS},
    {ALL("{\"x-amz-meta-tag\": \"\\$a\\\"b\\\\\\u00e4\"},"), ERR_NONE, HOLDS},
    {ALL("[\"content-length-range\", 0, 10],"), ERR_NONE, HOLDS},

    {ALL("{\"acl\": \"private\"},"), ERR_FORM_POLICY_FAILED, FAILED("[\"eq\", \"$acl\", \"private\"]")},
    {ALL("[\"eq\", \"$ACL\", \"Public-Read\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"eq\", \"$ACL\", \"Public-Read\"]")},
    {ALL("[\"EQ\", \"acl\", \"public-read\"],"), ERR_FORM_POLICY_FAILED, FAILED("[\"eq\", \"acl\", \"public-read\"]")},
    {ALL("[\"eq\", \"\", \"\"],"), ERR_FORM_POLICY_FAILED, FAILED("[\"eq\", \"\", \"\"]")},
    {ALL("{\"$acl\": \"public-read\"},"), ERR_FORM_POLICY_FAILED, FAILED("[\"eq\", \"$$acl\", \"public-read\"]")},
    {ALL("[\"starts-with\", \"$key\", \"user/Eric/\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"starts-with\", \"$key\", \"user/Eric/\"]")},
    {ALL("[\"starts-with\", \"$key\", \"user/eric/a.txt2\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"starts-with\", \"$key\", \"user/eric/a.txt2\"]")},
    {ALL("[\"starts-with\", \"$Content-Type\", \"image/jpg\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"starts-with\", \"$Content-Type\", \"image/jpg\"]")},
    {ALL("[\"starts-with\", \"$empty\", \"a\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"starts-with\", \"$empty\", \"a\"]")},
    {ALL("[\"starts-with\", \"$expires\", \"\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"starts-with\", \"$expires\", \"\"]")},
    {ALL("[\"eq\", \"$expires\", \"\"],"), ERR_FORM_POLICY_FAILED, FAILED("[\"eq\", \"$expires\", \"\"]")},
    {ALL("{\"bucket\": \"other\"},"), ERR_FORM_POLICY_FAILED, FAILED("[\"eq\", \"$bucket\", \"other\"]")},
    {ALL("{\"x-amz-meta-tag\": \"a\\\"b\\\\\\u00e4\\n\"},"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"eq\", \"$x-amz-meta-tag\", \"a\\\"b\\\\\xc3\xa4\\n\"]")},
    {ALL("{\"X-Amz-Security-Token\": \"other/token\"},"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"eq\", \"$X-Amz-Security-Token\", \"********\"]")},
    {ALL("[\"eq\", \"x-amz-security-token\", \"secret/token\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"eq\", \"x-amz-security-token\", \"********\"]")},
    {ALL("[\"content-length-range\", \"test\", \"10\"],"), ERR_FORM_POLICY_FAILED,
     FAILED("[\"content-length-range\", \"test\", \"10\"]")},

    {"{" EXPIRES ", \"conditions\": []}", ERR_FORM_POLICY_FAILED,
     "Invalid according to Policy: Extra input fields: bucket"},
    {"{" EXPIRES ", \"conditions\": [{\"bucket\": \"johnsmith\"}]}", ERR_FORM_POLICY_FAILED,
     "Invalid according to Policy: Extra input fields: Key"},
    {"{" EXPIRES ", \"conditions\": [{\"bucket\": \"johnsmith\"}, [\"starts-with\", \"$key\", \"\"], {\"acl\": "
     "\"public-read\"}]}",
     ERR_FORM_POLICY_FAILED, "Invalid according to Policy: Extra input fields: Content-Type"},

    {"{\"conditions\": []}", ERR_FORM_POLICY_INVALID, INVALID("Policy missing expiration.")},
    {"{" EXPIRES "}", ERR_FORM_POLICY_INVALID, INVALID("Policy missing conditions.")},
    {"{" EXPIRES ", \"CONDITIONS\": []}", ERR_FORM_POLICY_INVALID, INVALID("Unexpected: 'CONDITIONS'")},
    {"{" EXPIRES ", \"conditions\": {}}", ERR_FORM_POLICY_INVALID,
     INVALID("Invalid 'conditions' value: must be a List.")},
    {"{\"expiration\": 1, \"conditions\": []}", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{},"), ERR_FORM_POLICY_INVALID,
     INVALID("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")},
    {ALL("{\"a\": \"b\", \"c\": \"d\"},"), ERR_FORM_POLICY_INVALID,
     INVALID("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")},
    {ALL("{\"a\": 1},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid Simple-Condition: value must be a string.")},
    {ALL("\"acl\","), ERR_FORM_POLICY_INVALID, INVALID("Invalid condition test: must be a List or Object.")},
    {ALL("[],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid Condition: missing operation identifier.")},
    {ALL("[1, 2, 3],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("[\"ends-with\", \"$acl\", \"\"],"), ERR_FORM_POLICY_INVALID,
     INVALID("Invalid Condition: unknown operation 'ends-with'.")},
    {ALL("[\"eq\", \"$acl\"],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid eq: wrong number of arguments.")},
    {ALL("[\"eq\", \"$acl\", \"public-read\", \"\"],"), ERR_FORM_POLICY_INVALID,
     INVALID("Invalid eq: wrong number of arguments.")},
    {ALL("[\"eq\", \"$acl\", null],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("[\"eq\", [\"$acl\"], \"a\"],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("[\"content-length-range\", 0],"), ERR_FORM_POLICY_INVALID,
     INVALID("Invalid content-length-range: wrong number of arguments.")},
    {ALL("[\"content-length-range\", -1, 0],"), ERR_FORM_POLICY_INVALID,
     INVALID("Invalid content-length-range: a length is negative.")},
    {ALL("[\"content-length-range\", 0, 512.0],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("[\"content-length-range\", 0, 99999999999999999999],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("[\"content-length-range\", true, 1],"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},

    /* A wrong shape anywhere comes before what does not hold. */
    {ALL("{\"acl\": \"private\"}, {},"), ERR_FORM_POLICY_INVALID,
     INVALID("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")},

    {"", ERR_FORM_POLICY_INVALID, INVALID("Invalid Base64 encoding.")},
    {"x", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {"[]", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {"\"expiration\"", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {"{" EXPIRES ", \"conditions\": [,]}", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {"{" EXPIRES ", \"conditions\": [],}", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("") "x", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("") ALL(""), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {"{" EXPIRES ", " EXPIRES ", \"conditions\": []}", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {"{" EXPIRES ", \"conditions\": [], \"conditions\": []}", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{\"acl\": \"public-read\", \"acl\": \"public-read\"},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{\"acl\": \"\\u0000\"},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{\"acl\": \"\xff\"},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{\"acl\": \"\n\"},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{\"acl\": \"\\v\"},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{'acl': 'public-read'},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{\"acl\": [[[[[[\"a\"]]]]]]},"), ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
    {ALL("{\"acl\": \"[[[[[[[[[[{{{{\"},"), ERR_FORM_POLICY_FAILED, FAILED("[\"eq\", \"$acl\", \"[[[[[[[[[[{{{{\"]")},
    {"{\"expiration\": \"\\", ERR_FORM_POLICY_INVALID, INVALID("Invalid JSON.")},
};

static void test_post_policy_check_table(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct post_policy policy;
        struct err err = {.code = ERR_NONE};
        enum err_code code = check_bytes(str_from(table[i].json), NOW_S, &policy, &err);
        if (code != table[i].expected) fail_msg("%s: %s %s", table[i].json, err_info(code)->word, err.detail);
        if (table[i].detail && strcmp(err.detail, table[i].detail) != 0)
            fail_msg("%s: got %s, expected %s", table[i].json, err.detail, table[i].detail);
    }
    (void)state;
}

static void test_post_policy_check_expiration(void **state)
{
    static const struct {
        const char *expiration;
        int64_t valid_until; /* the last second at which it is; 0: not understood */
    } times[] = {
        {"2007-12-25T12:00:01Z", NOW_S},
        {"2007-12-25T12:00:01.000Z", NOW_S},
        {"2007-12-25T12:00:01.999999999Z", NOW_S},
        {"2008-02-29T00:00:00Z", 1204243199},
        {"2007-12-25T12:00:01.Z", 0},
        {"2007-12-25T12:00:01.0000000000Z", 0},
        {"2007-12-25T12:00:01", 0},
        {"2007-12-25T12:00:01z", 0},
        {"2007-12-25T12:00:01+00:00", 0},
        {"2007-12-25T12:00:01Z ", 0},
        {"2007-12-25 12:00:01Z", 0},
        {"2007-12-25t12:00:01Z", 0},
        {"20071225T120001Z", 0},
        {"2007-02-29T00:00:00Z", 0},
        {"2007-13-25T12:00:01Z", 0},
        {"2007-12-25T24:00:01Z", 0},
        {"07-12-25T12:00:01Z", 0},
        {"Tue, 25 Dec 2007 12:00:01 GMT", 0},
        {"tomorrow", 0},
        {"", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct post_policy policy;
        struct err err = {.code = ERR_NONE};
        char json[512], text[128];
        snprintf(json, sizeof json, "{\"expiration\": \"%s\", \"conditions\": [{\"bucket\": \"johnsmith\"}]}",
                 times[i].expiration);
        enum err_code code = check_bytes(str_from(json), times[i].valid_until, &policy, &err);
        if (times[i].valid_until) {
            assert_int_equal(code, ERR_FORM_POLICY_FAILED);
            assert_string_equal(err.detail, "Invalid according to Policy: Extra input fields: Key");
            assert_int_equal(check_bytes(str_from(json), times[i].valid_until + 1, &policy, &err),
                             ERR_FORM_POLICY_FAILED);
            assert_string_equal(err.detail, "Invalid according to Policy: Policy expired.");
        } else {
            snprintf(text, sizeof text, "Invalid Policy: Invalid 'expiration' value: '%s'", times[i].expiration);
            assert_int_equal(code, ERR_FORM_POLICY_INVALID);
            assert_string_equal(err.detail, text);
        }
    }
    (void)state;
}

static void test_post_policy_size_ranges(void **state)
{
    static const struct {
        const char *json;
        bool has_range;
        uint64_t min, max;
    } ranges[] = {
        {ALL(""), false, 0, UINT64_MAX},
        {ALL("[\"content-length-range\", 5, 10],"), true, 5, 10},
        {ALL("[\"Content-Length-Range\", \"5\", \"10\"],"), true, 5, 10},
        {ALL("[\"content-length-range\", 0, 9223372036854775807],"), true, 0, INT64_MAX},
        {ALL("[\"content-length-range\", 1, 8], [\"content-length-range\", 3, 10],"), true, 3, 8},
        {ALL("[\"content-length-range\", 10, 5],"), true, 10, 5},
    };

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct post_policy p;
        assert_int_equal(check_bytes(str_from(ranges[i].json), NOW_S, &p, NULL), ERR_NONE);
        assert_int_equal(p.has_range, ranges[i].has_range);
        assert_true(p.min_bytes == ranges[i].min && p.max_bytes == ranges[i].max);
    }
    struct post_policy range = {.has_range = true, .min_bytes = 5, .max_bytes = 10}, none = {.has_range = false};
    assert_int_equal(post_policy_size(&range, 4, NULL), ERR_ENTITY_TOO_SMALL);
    assert_int_equal(post_policy_size(&range, 5, NULL), ERR_NONE);
    assert_int_equal(post_policy_size(&range, 10, NULL), ERR_NONE);
    assert_int_equal(post_policy_size(&range, 11, NULL), ERR_ENTITY_TOO_LARGE);
    assert_int_equal(post_policy_size(&none, UINT64_MAX, NULL), ERR_NONE);
    (void)state;
}

/* A `bucket` field, as the SDK for JavaScript sends it, must name the bucket that the form is posted to. */
static void test_post_policy_check_bucket_field(void **state)
{
    static const struct str json = STR_INIT("{" EXPIRES ", \"conditions\": [[\"starts-with\", \"$bucket\", \"\"]]}");
    char text[256];
    struct sbuf b = sbuf_make(text, sizeof text);
    struct post_form f = {.fields = {{STR("bucket"), STR("bucket"), STR("johnsmith")}}, .fields_n = 1};
    struct post_policy p;

    base64_encode(&b, (const uint8_t *)json.p, json.n);
    assert_int_equal(post_policy_check(sbuf_str(&b), &f, STR("johnsmith"), NOW_S, &p, NULL), ERR_NONE);
    assert_int_equal(post_policy_check(sbuf_str(&b), &f, STR("other"), NOW_S, &p, NULL), ERR_FORM_POLICY_FAILED);
    f.fields_n = 0;
    assert_int_equal(post_policy_check(sbuf_str(&b), &f, STR("other"), NOW_S, &p, NULL), ERR_NONE);
    (void)state;
}

static void test_post_policy_check_base64_is_strict(void **state)
{
    static const struct str texts[] = {STR_INIT("e30"),  STR_INIT("e30=\n"),   STR_INIT("e30=="),
                                       STR_INIT("===="), STR_INIT("e 0="),     STR_INIT("e3-="),
                                       STR_INIT("e31="), STR_INIT("e30=e30="), STR_INIT("e30\0e30")};
    struct post_policy p;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(post_policy_check(texts[i], &form, STR("johnsmith"), NOW_S, &p, &err),
                         ERR_FORM_POLICY_INVALID);
        assert_string_equal(err.detail, "Invalid Policy: Invalid Base64 encoding.");
    }
    (void)state;
}

/* A value of any length is cut in the message, and nothing is read behind it. */
static void test_post_policy_check_long_values_are_cut_in_the_message(void **state)
{
    static char json[12 * 1024];
    struct post_policy p;
    struct err err;

    for (size_t n = 300; n < 10 * 1024; n += 97) {
        char value[10 * 1024 + 1];
        memset(value, 'v', n);
        value[n] = '\0';
        snprintf(json, sizeof json, "{" EXPIRES ", \"conditions\": [{\"acl\": \"%s\"}]}", value);
        assert_int_equal(check_bytes(str_from(json), NOW_S, &p, &err), ERR_FORM_POLICY_FAILED);
        assert_true(str_starts(str_from(err.detail), STR(FAILED("[\"eq\", \"$acl\", \"vvv"))));
        snprintf(json, sizeof json, "{" EXPIRES ", \"conditions\": [[\"eq\", \"$%s\", \"a\"]]}", value);
        assert_int_equal(check_bytes(str_from(json), NOW_S, &p, &err), ERR_FORM_POLICY_FAILED);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post_policy_check_table),
        cmocka_unit_test(test_post_policy_check_expiration),
        cmocka_unit_test(test_post_policy_size_ranges),
        cmocka_unit_test(test_post_policy_check_bucket_field),
        cmocka_unit_test(test_post_policy_check_base64_is_strict),
        cmocka_unit_test(test_post_policy_check_long_values_are_cut_in_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
