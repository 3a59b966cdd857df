/* SPDX-License-Identifier: Apache-2.0
 * test_reach.c: which buckets a list of buckets shows.
 */
#include "policy_support.h"

#define A "arn:aws:s3:::"
#define ALLOW(action, resource) "{'Effect':'Allow','Action':'" action "','Resource':'" resource "'}"
#define DENY(action, resource) "{'Effect':'Deny','Action':'" action "','Resource':'" resource "'}"
#define IF(effect, condition) "{'Effect':'" effect "','Action':'s3:*','Resource':'*','Condition':{" condition "}}"

static const struct {
    const char *statements, *bucket, *context;
    bool shown;
} rows[] = {
    {ALLOW("s3:GetObject", A "b/*"), "b", "", true},
    {ALLOW("s3:GetObject", A "b/*"), "bb", "", false},
    {ALLOW("s3:GetObject", A "b/2024/x"), "b", "", true},
    {ALLOW("s3:GetObject", A "b*"), "bb", "", true},
    {ALLOW("s3:GetObject", A "*x"), "b", "", true}, /* a key may end so */
    {ALLOW("s3:GetObject", A "?/x"), "b", "", true},
    {ALLOW("s3:GetObject", A "?/x"), "bb", "", false},
    {ALLOW("s3:GetObject", A "b"), "b", "", false}, /* an object right on a bucket is none */
    {ALLOW("s3:ListBucket", A "b"), "b", "", true},
    {ALLOW("s3:ListBucket", A "b"), "c", "", false},
    {ALLOW("s3:ListBucket", A "b/*"), "b", "", false},
    {ALLOW("s3:GetBucketPolicy", A "b"), "b", "", false},
    {ALLOW("s3:ListAllMyBuckets", "*"), "b", "", false},
    {ALLOW("s3:*", "*"), "b", "", true},
    {ALLOW("s3:*", "arn:aws-cn:s3:::*"), "b", "", false},
    {ALLOW("s3:GetObject", A "${aws:username}-home/*"), "al-home", "aws:username=al", true},
    {ALLOW("s3:GetObject", A "${aws:username}-home/*"), "bo-home", "aws:username=al", false},
    {ALLOW("s3:GetObject", A "${aws:username}-home/*"), "al-home", "", false},
    {"{'Effect':'Allow','Action':'s3:*','NotResource':['" A "b','" A "b/*']}", "b", "", false},
    {"{'Effect':'Allow','Action':'s3:*','NotResource':['" A "b','" A "b/*']}", "c", "", true},
    {"{'Effect':'Allow','Action':'s3:*','NotResource':'" A "b/secret/*'}", "b", "", true},
    /* conditions of the caller count, those of a request are given */
    {IF("Allow", "'StringLike':{'s3:prefix':'2024/*'}"), "b", "", true},
    {IF("Allow", "'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}"), "b", "aws:SourceIp=10.1.1.1", true},
    {IF("Allow", "'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}"), "b", "aws:SourceIp=11.1.1.1", false},
    /* denies */
    {ALLOW("s3:*", "*") "," DENY("s3:*", A "b*"), "b", "", false},
    {ALLOW("s3:*", "*") "," DENY("s3:*", A "b*"), "c", "", true},
    {ALLOW("s3:*", "*") "," DENY("s3:*", A "b/*"), "b", "", true}, /* still listed */
    {ALLOW("s3:Get*", "*") "," DENY("s3:*", A "b/*"), "b", "", false},
    {ALLOW("s3:Get*", "*") "," DENY("s3:*", A "b/secret/*"), "b", "", true},
    {ALLOW("s3:*", "*") "," DENY("s3:Delete*", "*"), "b", "", true},
    {ALLOW("s3:*", "*") "," IF("Deny", "'StringLike':{'s3:prefix':'2024/*'}"), "b", "", true},
    {ALLOW("s3:*", "*") "," IF("Deny", "'Bool':{'aws:SecureTransport':'false'}"), "b", "aws:SecureTransport=false",
     false},
    {ALLOW("s3:*", "*") ",{'Effect':'Deny','Action':'*','NotResource':['" A "b','" A "b/*']}", "c", "", false},
    {ALLOW("s3:*", "*") ",{'Effect':'Deny','Action':'*','NotResource':['" A "b','" A "b/*']}", "b", "", true},
};

static bool reaches(const struct policy *p, const char *bucket, const char *context)
{
    struct text_context c = {{text_values}, context};

    return policy_reaches_bucket(&p, 1, STR("aws"), str_from(bucket), &c.head);
}

static void test_buckets_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[2048];
        (void)snprintf(text, sizeof text, "{'Version':'2012-10-17','Statement':[%s]}", rows[i].statements);
        struct policy *p = compile_quoted(text, POLICY_ENFORCE);
        if (reaches(p, rows[i].bucket, rows[i].context) != rows[i].shown)
            fail_msg("%s: %s with %s", rows[i].statements, rows[i].bucket, rows[i].context);
        policy_free(&p);
    }
}

static void test_buckets_of_the_short_form(void **state)
{
    static char *prefixes[] = {(char *)"reports/2024/*"}, *buckets[] = {(char *)"team-*"};
    static const struct str_list some_prefixes = {prefixes, 1}, some_buckets = {buckets, 1};
    struct heard h = {.head = {hear}};
    struct policy *p = policy_compile(
        &(struct policy_rules){.name = "p", .buckets = &some_buckets, .prefixes = &some_prefixes}, &h.head);

    (void)state;
    assert_non_null(p);
    assert_true(reaches(p, "reports", "") && reaches(p, "team-x", ""));
    assert_false(reaches(p, "other", "") || reaches(p, "report", "") || reaches(p, "myteam-x", ""));
    policy_free(&p);
}

static void test_a_policy_that_only_warns_shows_all(void **state)
{
    struct policy *p = compile_quoted("{'Statement':{'Effect':'Deny','Action':'*','Resource':'*'}}", POLICY_WARN);

    (void)state;
    assert_true(reaches(p, "b", ""));
    policy_free(&p);
}

static void test_who_sees_all_buckets_plainly(void **state)
{
    static const struct {
        const char *statements;
        enum policy_mode mode;
        bool all;
    } cases[] = {
        {ALLOW("s3:*", "*"), POLICY_ENFORCE, true},
        {ALLOW("s3:List*", "*"), POLICY_ENFORCE, true},
        {ALLOW("s3:Get*", "*"), POLICY_ENFORCE, false},
        {ALLOW("s3:*", A "b"), POLICY_ENFORCE, false},
        {ALLOW("s3:*", A "b"), POLICY_WARN, true},
        {ALLOW("s3:*", "*") "," DENY("s3:*", A "b"), POLICY_ENFORCE, false},
        {IF("Allow", "'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}"), POLICY_ENFORCE, false},
        {"{'Effect':'Allow','Action':'s3:*','NotResource':'" A "b'}", POLICY_ENFORCE, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char document[1024];

        snprintf(document, sizeof document, "{'Statement':[%s]}", cases[i].statements);
        struct policy *p = compile_quoted(document, cases[i].mode);
        const struct policy *one = p;
        if (policy_reaches_all_buckets(&one, 1) != cases[i].all) fail_msg("%s", document);
        policy_free(&p);
    }
    assert_false(policy_reaches_all_buckets(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets_table),
        cmocka_unit_test(test_buckets_of_the_short_form),
        cmocka_unit_test(test_a_policy_that_only_warns_shows_all),
        cmocka_unit_test(test_who_sees_all_buckets_plainly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
