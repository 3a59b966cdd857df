/* SPDX-License-Identifier: Apache-2.0
 * test_condition.c: each operator with a value that fits, one that does not, none, IfExists, and with ForAnyValue and
 * ForAllValues. Sources: IAM User Guide, "Condition operators", "Multivalued context keys".
 */
#include "policy_support.h"

struct row {
    const char *op, *key, *values; /* a text, or the elements of a list */
    const char *context;
    bool holds;
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char text[4096];
        (void)snprintf(text, sizeof text,
                       "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'*',"
                       "'Condition':{'%s':{'%s':[%s]}}}}",
                       rows[i].op, rows[i].key, rows[i].values);
        struct policy *p = compile_quoted(text, POLICY_ENFORCE);
        const struct policy *one[] = {p};
        struct policy_decision d = decide_text(one, 1, "GetObject", "arn:aws:s3:::b/k", rows[i].context);
        if ((d.effect == POLICY_ALLOWED) != rows[i].holds)
            fail_msg("%s %s %s with %s", rows[i].op, rows[i].key, rows[i].values, rows[i].context);
        policy_free(&p);
    }
}

#define CHECK(rows) check(rows, ARRAY_LEN(rows))

static void test_string_operators(void **state)
{
    static const struct row rows[] = {
        {"StringEquals", "s3:prefix", "'a'", "s3:prefix=a", true},
        {"StringEquals", "s3:prefix", "'a'", "s3:prefix=A", false},
        {"StringEquals", "s3:prefix", "'a'", "s3:prefix=ab", false},
        {"StringEquals", "s3:prefix", "'a','b'", "s3:prefix=b", true},
        {"StringEquals", "s3:prefix", "'a*'", "s3:prefix=ab", false},
        {"StringEquals", "s3:prefix", "'a*'", "s3:prefix=a*", true},
        {"StringEquals", "s3:prefix", "''", "s3:prefix=", true},
        {"StringEquals", "s3:prefix", "''", "", false},
        {"StringEquals", "S3:Prefix", "'a'", "s3:prefix=a", true},
        {"StringNotEquals", "s3:prefix", "'a'", "s3:prefix=a", false},
        {"StringNotEquals", "s3:prefix", "'a'", "s3:prefix=b", true},
        {"StringNotEquals", "s3:prefix", "'a','b'", "s3:prefix=b", false},
        {"StringNotEquals", "s3:prefix", "'a'", "", true},
        {"StringEqualsIgnoreCase", "s3:prefix", "'aB'", "s3:prefix=Ab", true},
        {"StringEqualsIgnoreCase", "s3:prefix", "'aB'", "s3:prefix=Ac", false},
        {"StringEqualsIgnoreCase", "s3:prefix", "'x${aws:username}'", "s3:prefix=XALICE; aws:username=alice", true},
        {"StringNotEqualsIgnoreCase", "s3:prefix", "'aB'", "s3:prefix=Ab", false},
        {"StringNotEqualsIgnoreCase", "s3:prefix", "'aB'", "s3:prefix=Ac", true},
        {"StringLike", "s3:prefix", "'a*'", "s3:prefix=ab", true},
        {"StringLike", "s3:prefix", "'a*c'", "s3:prefix=abbc", true},
        {"StringLike", "s3:prefix", "'a?c'", "s3:prefix=abbc", false},
        {"StringLike", "s3:prefix", "'a.c'", "s3:prefix=abc", false},
        {"StringLike", "s3:prefix", "'a'", "s3:prefix=A", false},
        {"StringLike", "s3:prefix", "'*'", "s3:prefix=", true},
        {"StringLike", "s3:prefix", "'*'", "", false},
        {"StringNotLike", "s3:prefix", "'a*'", "s3:prefix=ab", false},
        {"StringNotLike", "s3:prefix", "'a*'", "s3:prefix=b", true},
        {"StringNotLike", "s3:prefix", "'a*'", "", true},
        {"StringEqualsIfExists", "s3:prefix", "'a'", "", true},
        {"StringEqualsIfExists", "s3:prefix", "'a'", "s3:prefix=b", false},
        {"StringLikeIfExists", "s3:prefix", "'a*'", "s3:prefix=ab", true},
        {"StringNotEqualsIfExists", "s3:prefix", "'a'", "s3:prefix=a", false},
        /* variables */
        {"StringLike", "s3:prefix", "'home/${aws:username}/*'", "aws:username=al; s3:prefix=home/al/x", true},
        {"StringLike", "s3:prefix", "'home/${aws:username}/*'", "aws:username=*; s3:prefix=home/al/x", false},
        {"StringLike", "s3:prefix", "'home/${aws:username}/*'", "s3:prefix=home/al/x", false},
        {"StringNotLike", "s3:prefix", "'home/${aws:username}/*'", "s3:prefix=home/al/x", true},
        {"StringNotEquals", "s3:prefix", "'${aws:username}','b'", "s3:prefix=c", true},
        {"StringNotEquals", "s3:prefix", "'${aws:username}','b'", "s3:prefix=b", false},
        {"StringEquals", "s3:prefix", "'${aws:username}','b'", "s3:prefix=b", true},
        {"StringEquals", "s3:prefix", "'${aws:username, `eve`}'", "s3:prefix=eve", true},
        {"StringEquals", "s3:prefix", "'${aws:username, `eve`}'", "s3:prefix=eve; aws:username=al", false},
        {"StringEquals", "aws:PrincipalTag/team", "'x'", "aws:PrincipalTag/Team=x", true},
        {"StringEquals", "aws:PrincipalTag/team", "'x'", "aws:PrincipalTag/teams=x", false},
    };

    (void)state;
    CHECK(rows);
}

static void test_numbers_and_dates(void **state)
{
    static const struct row rows[] = {
        {"NumericEquals", "s3:max-keys", "'10'", "s3:max-keys=10", true},
        {"NumericEquals", "s3:max-keys", "10", "s3:max-keys=10.0", true},
        {"NumericEquals", "s3:max-keys", "'10'", "s3:max-keys=11", false},
        {"NumericEquals", "s3:max-keys", "'10'", "s3:max-keys=1x", false},
        {"NumericEquals", "s3:max-keys", "'10'", "", false},
        {"NumericNotEquals", "s3:max-keys", "'10'", "s3:max-keys=11", true},
        {"NumericNotEquals", "s3:max-keys", "'10'", "s3:max-keys=10", false},
        {"NumericNotEquals", "s3:max-keys", "'10'", "", true},
        {"NumericLessThan", "s3:max-keys", "'10'", "s3:max-keys=9", true},
        {"NumericLessThan", "s3:max-keys", "'10'", "s3:max-keys=10", false},
        {"NumericLessThanEquals", "s3:max-keys", "'10'", "s3:max-keys=10", true},
        {"NumericLessThanEquals", "s3:max-keys", "'10'", "s3:max-keys=11", false},
        {"NumericGreaterThan", "s3:max-keys", "'10'", "s3:max-keys=11", true},
        {"NumericGreaterThan", "s3:max-keys", "'10'", "s3:max-keys=10", false},
        {"NumericGreaterThanEquals", "s3:TlsVersion", "'1.2'", "s3:TlsVersion=1.2", true},
        {"NumericGreaterThanEquals", "s3:TlsVersion", "'1.2'", "s3:TlsVersion=1.1", false},
        {"NumericLessThanIfExists", "s3:max-keys", "'-1.5'", "", true},
        {"NumericLessThan", "s3:max-keys", "'-1.5'", "s3:max-keys=-2", true},
        {"DateEquals", "aws:CurrentTime", "'2026-01-02T03:04:05Z'", "aws:CurrentTime=1767323045", true},
        {"DateEquals", "aws:CurrentTime", "'2026-01-02T04:04:05+01:00'", "aws:CurrentTime=2026-01-02T03:04:05Z", true},
        {"DateEquals", "aws:CurrentTime", "'2026-01-02'", "aws:CurrentTime=2026-01-02T00:00Z", true},
        {"DateNotEquals", "aws:CurrentTime", "'2026-01-02'", "aws:CurrentTime=2026-01-02", false},
        {"DateNotEquals", "aws:CurrentTime", "'2026-01-02'", "", true},
        {"DateLessThan", "aws:CurrentTime", "'2026-01-02'", "aws:CurrentTime=1767311999", true},
        {"DateLessThan", "aws:CurrentTime", "'2026-01-02'", "aws:CurrentTime=1767312000", false},
        {"DateLessThanEquals", "aws:CurrentTime", "'2026-01-02'", "aws:CurrentTime=1767312000", true},
        {"DateGreaterThan", "aws:EpochTime", "'1767312000'", "aws:EpochTime=1767312000", false},
        {"DateGreaterThan", "aws:EpochTime", "1767312000", "aws:EpochTime=1767312001", true},
        {"DateGreaterThanEquals", "aws:CurrentTime", "'2026-01-02T00:00:00.001Z'", "aws:CurrentTime=1767312000", false},
        {"DateLessThan", "aws:CurrentTime", "'2026-01-02'", "aws:CurrentTime=tomorrow", false},
        {"DateGreaterThan", "aws:CurrentTime", "'2024-02-29'", "aws:CurrentTime=2024-03-01", true},
    };

    (void)state;
    CHECK(rows);
}

static void test_other_operators(void **state)
{
    static const struct row rows[] = {
        {"Bool", "aws:SecureTransport", "'true'", "aws:SecureTransport=true", true},
        {"Bool", "aws:SecureTransport", "true", "aws:SecureTransport=TRUE", true},
        {"Bool", "aws:SecureTransport", "'false'", "aws:SecureTransport=true", false},
        {"Bool", "aws:SecureTransport", "'false'", "", false},
        {"BoolIfExists", "aws:SecureTransport", "'false'", "", true},
        {"Bool", "aws:SecureTransport", "'false'", "aws:SecureTransport=no", false},
        {"BinaryEquals", "s3:prefix", "'QmluYXJ5'", "s3:prefix=QmluYXJ5", true},
        {"BinaryEquals", "s3:prefix", "'QmluYXJ5'", "s3:prefix=QmluYXJ4", false},
        {"IpAddress", "aws:SourceIp", "'10.1.0.0/16'", "aws:SourceIp=10.1.2.3", true},
        {"IpAddress", "aws:SourceIp", "'10.1.0.0/16'", "aws:SourceIp=10.2.2.3", false},
        {"IpAddress", "aws:SourceIp", "'10.1.2.3'", "aws:SourceIp=10.1.2.3", true},
        {"IpAddress", "aws:SourceIp", "'10.1.2.3'", "aws:SourceIp=::ffff:10.1.2.3", true},
        {"IpAddress", "aws:SourceIp", "'fd00::/8'", "aws:SourceIp=fd00::1", true},
        {"IpAddress", "aws:SourceIp", "'fd00::/8'", "aws:SourceIp=fe80::1", false},
        {"IpAddress", "aws:SourceIp", "'::/0'", "aws:SourceIp=10.1.2.3", false},
        {"IpAddress", "aws:SourceIp", "'0.0.0.0/0'", "aws:SourceIp=fd00::1", false},
        {"IpAddress", "aws:SourceIp", "'10.0.0.0/8'", "", false},
        {"IpAddressIfExists", "aws:SourceIp", "'10.0.0.0/8'", "", true},
        {"NotIpAddress", "aws:SourceIp", "'10.0.0.0/8','fd00::/8'", "aws:SourceIp=10.1.1.1", false},
        {"NotIpAddress", "aws:SourceIp", "'10.0.0.0/8','fd00::/8'", "aws:SourceIp=192.168.1.1", true},
        {"NotIpAddress", "aws:SourceIp", "'10.0.0.0/8'", "", true},
        {"IpAddress", "aws:SourceIp", "'10.0.0.0/8'", "aws:SourceIp=10.1.1.1.evil", false},
        {"NotIpAddress", "aws:SourceIp", "'10.0.0.0/8'", "aws:SourceIp=10.1.1.1.evil", false},
#define KMS "s3:x-amz-server-side-encryption-aws-kms-key-id"
        {"ArnEquals", KMS, "'arn:aws:kms:eu-west-1:1:key/a'", KMS "=arn:aws:kms:eu-west-1:1:key/a", true},
        {"ArnEquals", KMS, "'arn:aws:kms:*:1:key/*'", KMS "=arn:aws:kms:eu-west-1:1:key/a", true},
        {"ArnLike", KMS, "'arn:aws:kms:*:1:key/*'", KMS "=arn:aws:kms:eu-west-1:2:key/a", false},
        {"ArnLike", KMS, "'arn:aws:kms:*'", KMS "=arn:aws:kms:eu-west-1:1:key/a", true},
        {"ArnLike", KMS, "'arn:aws:kms:*:1:key/${aws:username}'",
         KMS "=arn:aws:kms:eu-west-1:1:key/al; aws:username=al", true},
        {"ArnLike", KMS, "'arn:aws:kms:*:1:key/*'", KMS "=no-arn", false},
        {"ArnLike", KMS, "'arn:aws:kms:*:1:key/*'", "", false},
        {"ArnNotEquals", KMS, "'arn:aws:kms:*:1:key/*'", KMS "=arn:aws:kms:eu-west-1:2:key/a", true},
        {"ArnNotLike", KMS, "'arn:aws:kms:*:1:key/*'", KMS "=arn:aws:kms:eu-west-1:1:key/a", false},
        {"ArnNotLike", KMS, "'arn:aws:kms:*:1:key/*'", "", true},
        {"ArnNotLike", KMS, "'arn:aws:kms:*:1:key/*'", KMS "=alias/other", true},
        {"ArnLikeIfExists", KMS, "'arn:aws:kms:*:1:key/*'", "", true},
        {"Null", "s3:prefix", "'true'", "", true},
        {"Null", "s3:prefix", "'true'", "s3:prefix=", false},
        {"Null", "s3:prefix", "'false'", "s3:prefix=", true},
        {"Null", "s3:prefix", "false", "", false},
        {"Null", "s3:RequestObjectTagKeys", "'false'", "s3:RequestObjectTagKeys=a; s3:RequestObjectTagKeys=b", true},
    };

    (void)state;
    CHECK(rows);
}

static void test_several_values(void **state)
{
#define TAGS "s3:RequestObjectTagKeys"
    static const struct row rows[] = {
        {"ForAllValues:StringEquals", TAGS, "'a','b'", TAGS "=a; " TAGS "=b", true},
        {"ForAllValues:StringEquals", TAGS, "'a','b'", TAGS "=a; " TAGS "=c", false},
        {"ForAllValues:StringEquals", TAGS, "'a','b'", "", true},
        {"ForAnyValue:StringEquals", TAGS, "'a','b'", TAGS "=c; " TAGS "=b", true},
        {"ForAnyValue:StringEquals", TAGS, "'a','b'", TAGS "=c; " TAGS "=d", false},
        {"ForAnyValue:StringEquals", TAGS, "'a'", "", false},
        {"ForAnyValue:StringEqualsIfExists", TAGS, "'a'", "", true},
        {"ForAnyValue:StringLike", TAGS, "'a*'", TAGS "=c; " TAGS "=ab", true},
        {"ForAllValues:StringNotEquals", TAGS, "'a','b'", TAGS "=c; " TAGS "=d", true},
        {"ForAllValues:StringNotEquals", TAGS, "'a','b'", TAGS "=c; " TAGS "=a", false},
        {"ForAnyValue:StringNotEquals", TAGS, "'a','b'", TAGS "=a; " TAGS "=b", false},
        {"ForAnyValue:StringNotEquals", TAGS, "'a','b'", TAGS "=a; " TAGS "=c", true},
        {"ForAnyValue:StringEquals", "s3:prefix", "'a'", "s3:prefix=a", true},
        {"ForAllValues:StringEquals", "s3:prefix", "'a'", "s3:prefix=b", false},
    };

    (void)state;
    CHECK(rows);
}

/* All of a Condition must hold, and a condition that does not hold takes the statement away, never its own check. */
static void test_conditions_are_joined(void **state)
{
    struct policy *p = compile_quoted(
        "{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'*','Resource':'*','Condition':{"
        "'StringEquals':{'s3:prefix':'a','s3:delimiter':'/'},'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}}},"
        "{'Effect':'Deny','Action':'*','Resource':'*','Condition':{'Bool':{'aws:SecureTransport':'false'}}}]}",
        POLICY_ENFORCE);
    const struct policy *one[] = {p};
    static const struct {
        const char *context;
        enum policy_effect effect;
    } rows[] = {
        {"s3:prefix=a; s3:delimiter=/; aws:SourceIp=10.1.1.1; aws:SecureTransport=true", POLICY_ALLOWED},
        {"s3:prefix=a; s3:delimiter=/; aws:SourceIp=10.1.1.1; aws:SecureTransport=false", POLICY_FORBIDDEN},
        {"s3:prefix=b; s3:delimiter=/; aws:SourceIp=10.1.1.1; aws:SecureTransport=true", POLICY_DENIED},
        {"s3:prefix=a; aws:SourceIp=10.1.1.1; aws:SecureTransport=true", POLICY_DENIED},
        {"s3:prefix=a; s3:delimiter=/; aws:SourceIp=11.1.1.1; aws:SecureTransport=true", POLICY_DENIED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(decide_text(one, 1, "ListBucket", "arn:aws:s3:::b", rows[i].context).effect, rows[i].effect);
    policy_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_string_operators),      cmocka_unit_test(test_numbers_and_dates),
        cmocka_unit_test(test_other_operators),       cmocka_unit_test(test_several_values),
        cmocka_unit_test(test_conditions_are_joined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
