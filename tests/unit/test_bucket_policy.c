/* SPDX-License-Identifier: Apache-2.0
 * test_bucket_policy.c: policies against one request, as a table: what is certain, what may be, and documents that are
 * none.
 */
#include "doctor/bucket_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OUR_ENDPOINT "vpce-0a1b"

#define POLICY(statements) "{\"Version\": \"2012-10-17\", \"Statement\": [" statements "]}"
#define EVERYONE "\"Effect\": \"Deny\", \"Principal\": \"*\""
#define LIST "\"Action\": \"s3:ListBucket\""
#define HERE "\"Resource\": \"arn:aws:s3:::reports\""
#define IF(condition) POLICY("{" EVERYONE ", " LIST ", " HERE ", \"Condition\": " condition "}")
#define WHO(principal) POLICY("{\"Effect\": \"Deny\", " principal ", " LIST ", " HERE "}")
#define WHAT(action) POLICY("{" EVERYONE ", " action ", " HERE "}")
#define WHERE(resource) POLICY("{" EVERYONE ", " LIST ", " resource "}")

enum { FREE = BUCKET_POLICY_NO_DENY, MAY = BUCKET_POLICY_MAY_DENY, DENY = BUCKET_POLICY_DENIES };

static const struct {
    const char *json;
    int verdict, unknown; /* with the endpoint's id known, and not */
} table[] = {
    {POLICY(""), FREE, FREE},
    {POLICY("{\"Effect\": \"Allow\", \"Principal\": \"*\", " LIST ", " HERE "}"), FREE, FREE},
    {POLICY("{" EVERYONE ", " LIST ", " HERE "}"), DENY, DENY},
    {"{\"Statement\": {" EVERYONE ", " LIST ", " HERE "}}", DENY, DENY},

    {WHO("\"Principal\": {\"AWS\": \"*\"}"), DENY, DENY},
    {WHO("\"Principal\": {\"AWS\": [\"arn:aws:iam::111122223333:root\", \"*\"]}"), DENY, DENY},
    {WHO("\"Principal\": {\"AWS\": \"arn:aws:iam::111122223333:root\"}"), MAY, MAY},
    {WHO("\"Principal\": {\"Service\": \"logging.s3.amazonaws.com\"}"), FREE, FREE},
    {WHO("\"Principal\": {\"Service\": \"a\", \"AWS\": \"*\"}"), DENY, DENY},
    {WHO("\"NotPrincipal\": {\"AWS\": \"*\"}"), MAY, MAY},
    {WHO("\"Principal\": 1"), MAY, MAY},
    {WHO("\"Sid\": \"x\""), MAY, MAY},

    {WHAT("\"Action\": [\"s3:GetObject\", \"s3:ListBucket\"]"), DENY, DENY},
    {WHAT("\"Action\": \"s3:*\""), DENY, DENY},
    {WHAT("\"Action\": \"*\""), DENY, DENY},
    {WHAT("\"Action\": \"S3:list*\""), DENY, DENY},
    {WHAT("\"Action\": \"s3:ListBucke?\""), DENY, DENY},
    {WHAT("\"Action\": \"s3:ListBucketVersions\""), FREE, FREE},
    {WHAT("\"Action\": [\"s3:GetObject\", \"s3:Put*\"]"), FREE, FREE},
    {WHAT("\"NotAction\": \"s3:GetObject\""), DENY, DENY},
    {WHAT("\"NotAction\": [\"s3:GetObject\", \"s3:List*\"]"), FREE, FREE},
    {WHAT("\"Action\": []"), MAY, MAY},
    {WHAT("\"Action\": [null]"), MAY, MAY},
    {WHAT("\"Sid\": \"x\""), MAY, MAY},
    {WHAT("\"Action\": \"*\", \"NotAction\": \"*\""), MAY, MAY},

    {WHERE("\"Resource\": [\"arn:aws:s3:::reports/*\", \"arn:aws-cn:s3:::reports\"]"), DENY, DENY},
    {WHERE("\"Resource\": \"arn:aws:s3:::reports/*\""), FREE, FREE},
    {WHERE("\"Resource\": \"arn:aws:s3:::report\""), FREE, FREE},
    {WHERE("\"Resource\": \"arn:aws:s3:::rep*\""), DENY, DENY},
    {WHERE("\"Resource\": \"*\""), DENY, DENY},
    {WHERE("\"Resource\": \"arn:aws:s3:::${aws:username}\""), MAY, MAY},
    {WHERE("\"Resource\": \"arn:aws:s3::tenant:reports\""), MAY, MAY},
    {WHERE("\"NotResource\": \"arn:aws:s3:::reports/public/*\""), DENY, DENY},
    {WHERE("\"NotResource\": \"arn:aws:s3:::reports\""), FREE, FREE},

    {IF("{}"), DENY, DENY},
    {IF("1"), MAY, MAY},
    {IF("{\"StringNotEquals\": 1}"), MAY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:sourceVpce\": \"vpce-111\"}}"), DENY, MAY},
    {IF("{\"StringNotEquals\": {\"AWS:SOURCEVPCE\": [\"vpce-111\", \"vpce-222\"]}}"), DENY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:SourceVpce\": [\"vpce-111\", \"" OUR_ENDPOINT "\"]}}"), FREE, MAY},
    {IF("{\"StringNotEqualsIfExists\": {\"aws:SourceVpce\": \"vpce-111\"}}"), DENY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:SourceVpce\": []}}"), MAY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:SourceVpce\": [7]}}"), MAY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:SourceVpce\": \"${aws:PrincipalTag/vpce}\"}}"), MAY, MAY},
    {IF("{\"StringEquals\": {\"aws:SourceVpce\": \"" OUR_ENDPOINT "\"}}"), DENY, MAY},
    {IF("{\"StringEquals\": {\"aws:SourceVpce\": \"VPCE-0a1b\"}}"), FREE, MAY},
    {IF("{\"StringEqualsIgnoreCase\": {\"aws:SourceVpce\": \"VPCE-0a1b\"}}"), DENY, MAY},
    {IF("{\"StringNotLike\": {\"aws:SourceVpce\": \"vpce-0a*\"}}"), FREE, MAY},
    {IF("{\"StringLike\": {\"aws:SourceVpce\": \"vpce-*\"}}"), DENY, MAY},
    {IF("{\"ForAnyValue:StringNotEquals\": {\"aws:SourceVpce\": \"vpce-111\"}}"), MAY, MAY},
    {IF("{\"StringFrobs\": {\"aws:SourceVpce\": \"vpce-111\"}}"), MAY, MAY},
    {IF("{\"Null\": {\"aws:SourceVpce\": \"true\"}}"), FREE, MAY},
    {IF("{\"Null\": {\"aws:SourceVpce\": false}}"), DENY, MAY},

    {IF("{\"StringNotEquals\": {\"aws:SourceVpc\": \"vpc-1\"}}"), MAY, MAY},
    {IF("{\"Null\": {\"aws:SourceVpc\": \"true\"}}"), FREE, MAY},
    {IF("{\"NotIpAddress\": {\"aws:VpcSourceIp\": \"10.0.0.0/8\"}}"), MAY, MAY},
    {IF("{\"NotIpAddress\": {\"aws:SourceIp\": [\"192.0.2.0/24\"]}}"), DENY, MAY},
    {IF("{\"NotIpAddressIfExists\": {\"aws:SourceIp\": \"192.0.2.0/24\"}}"), DENY, MAY},
    {IF("{\"IpAddress\": {\"aws:SourceIp\": \"192.0.2.0/24\"}}"), FREE, MAY},
    {IF("{\"IpAddressIfExists\": {\"aws:SourceIp\": \"192.0.2.0/24\"}}"), DENY, MAY},
    {IF("{\"Null\": {\"aws:SourceIp\": \"true\"}}"), DENY, MAY},
    {IF("{\"Bool\": {\"aws:SecureTransport\": \"false\"}}"), FREE, MAY},
    {IF("{\"Bool\": {\"aws:SecureTransport\": false}}"), FREE, MAY},
    {IF("{\"Bool\": {\"aws:SecureTransport\": true}}"), DENY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:PrincipalAccount\": \"111122223333\"}}"), MAY, MAY},

    /* all must be met */
    {IF("{\"StringNotEquals\": {\"aws:SourceVpce\": \"vpce-111\"}, \"NotIpAddress\": {\"aws:SourceIp\": "
        "\"192.0.2.1\"}}"),
     DENY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:SourceVpce\": \"vpce-111\", \"aws:PrincipalAccount\": \"1\"}}"), MAY, MAY},
    {IF("{\"StringNotEquals\": {\"aws:SourceVpce\": \"" OUR_ENDPOINT "\", \"aws:PrincipalAccount\": \"1\"}}"), FREE,
     MAY},
    {IF("{\"BoolIfExists\": {\"aws:PrincipalIsAWSService\": \"false\", \"aws:ViaAWSService\": \"false\"}, "
        "\"StringNotEqualsIfExists\": {\"aws:SourceVpce\": \"vpce-111\"}}"),
     DENY, MAY},
};

static enum err_code find(const char *json, const char *endpoint_id, struct bucket_policy_finding *out, struct err *err)
{
    const struct bucket_policy_request request = {STR("s3:ListBucket"), STR("reports"), str_from(endpoint_id)};

    return bucket_policy_find_deny(str_from(json), &request, out, err);
}

static void test_find_deny_table_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct bucket_policy_finding f;

        assert_int_equal(find(table[i].json, OUR_ENDPOINT, &f, NULL), ERR_NONE);
        if ((int)f.verdict != table[i].verdict) print_error("%s\n", table[i].json);
        assert_int_equal(f.verdict, table[i].verdict);
        assert_int_equal(find(table[i].json, "", &f, NULL), ERR_NONE);
        if ((int)f.verdict != table[i].unknown) print_error("unknown: %s\n", table[i].json);
        assert_int_equal(f.verdict, table[i].unknown);
    }
}

/* The first statement of the worst verdict is told. */
static void test_find_deny_several_statements_worst_told(void **state)
{
    static const char json[] = POLICY(
        "{\"Sid\": \"Tls\", " EVERYONE ", " LIST ", " HERE ", \"Condition\": {\"Bool\": {\"aws:SecureTransport\": "
        "\"false\"}}}, "
        "{\"Sid\": \"Vpc\", " EVERYONE ", " LIST ", " HERE ", \"Condition\": {\"StringNotEquals\": {\"aws:SourceVpc\": "
        "\"vpc-1\"}}}, "
        "{\"Sid\": \"Mine\", " EVERYONE ", " LIST ", " HERE ", \"Condition\": {\"NotIpAddress\": {\"aws:SourceIp\": "
        "\"192.0.2.1\"}, \"StringNotEquals\": {\"aws:sourceVpce\": [\"vpce-111\", \"vpce-222\"]}}}, "
        "{\"Sid\": \"Later\", " EVERYONE ", " LIST ", " HERE "}");
    struct bucket_policy_finding f;

    (void)state;
    assert_int_equal(find(json, OUR_ENDPOINT, &f, NULL), ERR_NONE);
    assert_int_equal(f.verdict, BUCKET_POLICY_DENIES);
    assert_string_equal(f.sid, "Mine");
    assert_int_equal(f.more, 1);
    assert_int_equal(f.key, BUCKET_POLICY_SOURCE_VPCE);
    assert_true(f.is_negated);
    assert_string_equal(f.values, "vpce-111, vpce-222");
    assert_string_equal(
        f.conditions, "NotIpAddress aws:SourceIp [192.0.2.1] and StringNotEquals aws:sourceVpce [vpce-111, vpce-222]");
    assert_int_equal(find(json, "vpce-222", &f, NULL), ERR_NONE);
    assert_string_equal(f.sid, "Later");
    assert_int_equal(f.more, 0);
    assert_int_equal(f.key, BUCKET_POLICY_ALWAYS);
    assert_string_equal(f.conditions, "");
}

static void test_find_deny_long_texts_cut(void **state)
{
    char json[4096], sid[1001];
    struct bucket_policy_finding f;

    (void)state;
    memset(sid, 'x', sizeof(sid) - 1);
    sid[sizeof(sid) - 1] = '\0';
    snprintf(json, sizeof(json),
             POLICY("{\"Sid\": \"%s\", " EVERYONE ", " LIST ", " HERE
                    ", \"Condition\": {\"StringNotEquals\": {\"aws:SourceVpce\": [\"%s\", \"%s\", 1, true]}}}"),
             sid, sid, sid);
    assert_int_equal(find(json, OUR_ENDPOINT, &f, NULL), ERR_NONE);
    assert_int_equal(f.verdict, BUCKET_POLICY_MAY_DENY);
    assert_int_equal(strlen(f.sid), sizeof(f.sid) - 1);
    assert_int_equal(strlen(f.values), sizeof(f.values) - 1);
    assert_int_equal(strlen(f.conditions), sizeof(f.conditions) - 1);
    assert_string_equal(f.sid + sizeof(f.sid) - 5, "x...");
    assert_string_equal(f.conditions + sizeof(f.conditions) - 5, "x...");
    snprintf(json, sizeof(json), IF("{\"Bool\": {\"aws:SecureTransport\": [true, false, null, \"a\"]}}"));
    assert_int_equal(find(json, OUR_ENDPOINT, &f, NULL), ERR_NONE);
    assert_string_equal(f.values, "true, false, ?, a");
}

static void test_find_deny_broken_documents_explained(void **state)
{
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "it is not JSON (line 1, column 0)"},
        {"<html>", "it is not JSON"},
        {"{\"Statement\": [", "it is not JSON"},
        {"{\"Statement\": [], \"Statement\": []}", "it is not JSON"},
        {"{\"Statement\": [\"\\u0000\"]}", "it is not JSON"},
        {"[]", "it is JSON, but not an object"},
        {"{}", "its Statement is missing"},
        {"{\"Statement\": \"Deny\"}", "its Statement is missing"},
        {"{\"Statement\": [7]}", "one of its statements is not an object"},
        {POLICY("{" EVERYONE ", " LIST ", " HERE "}, null"), "one of its statements is not an object"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bucket_policy_finding f;
        struct err err = {.code = ERR_NONE};

        assert_int_equal(find(cases[i].json, OUR_ENDPOINT, &f, &err), ERR_BAD_DOCUMENT);
        assert_non_null(strstr(err.detail, cases[i].why));
        assert_int_equal(f.verdict, BUCKET_POLICY_NO_DENY);
    }
}

static void test_find_deny_deep_nesting_refused(void **state)
{
    enum { DEPTH = 100000 };
    char *json = malloc(DEPTH + 1);
    struct bucket_policy_finding f;

    (void)state;
    assert_non_null(json);
    memset(json, '[', DEPTH);
    json[DEPTH] = '\0';
    assert_int_equal(find(json, OUR_ENDPOINT, &f, NULL), ERR_BAD_DOCUMENT);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_deny_table_verdict),
        cmocka_unit_test(test_find_deny_several_statements_worst_told),
        cmocka_unit_test(test_find_deny_long_texts_cut),
        cmocka_unit_test(test_find_deny_broken_documents_explained),
        cmocka_unit_test(test_find_deny_deep_nesting_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
