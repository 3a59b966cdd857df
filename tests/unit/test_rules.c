/* SPDX-License-Identifier: Apache-2.0
 * test_rules.c: the short form of [policy NAME], mode = warn, and several policies at once.
 */
#include "policy_support.h"

static char *patterns[] = {(char *)"alpha", (char *)"*-x"};
static char *prefixes[] = {(char *)"reports/2024/*", (char *)"home/${aws:username}/*", (char *)"logs/one.txt"};
static char *denied[] = {(char *)"DeleteObject*", (char *)"s3:putobjectacl"};
static const struct str_list none = {0}, some = {patterns, 2}, parts = {prefixes, 3}, refused = {denied, 2};

static struct policy *compile(struct policy_rules rules)
{
    struct heard h = {.head = {hear}};

    rules.name = "p";
    if (!rules.buckets) rules.buckets = &none;
    struct policy *p = policy_compile(&rules, &h.head);
    if (!p) fail_msg("%s", h.text);
    return p;
}

enum { ALL, READER, WRITER, LISTED, LISTED_ADMIN, PARTS, PARTS_ADMIN, BOTH, NO_DELETES, RULES };
static const struct policy_rules rules[RULES] = {
    [ALL] = {.access = POLICY_ADMIN, .list_buckets = true},
    [READER] = {.access = POLICY_READ_ONLY, .list_buckets = true},
    [WRITER] = {.access = POLICY_READ_WRITE},
    [LISTED] = {.access = POLICY_READ_WRITE, .buckets = &some},
    [LISTED_ADMIN] = {.access = POLICY_ADMIN, .buckets = &some},
    [PARTS] = {.access = POLICY_READ_WRITE, .prefixes = &parts},
    [PARTS_ADMIN] = {.access = POLICY_ADMIN, .prefixes = &parts},
    [BOTH] = {.access = POLICY_READ_ONLY, .prefixes = &parts, .buckets = &some},
    [NO_DELETES] = {.access = POLICY_ADMIN, .list_buckets = true, .deny = &refused},
};

#define A "arn:aws:s3:::"

static const struct {
    int rules;
    const char *action, *resource, *context, *label; /* label NULL: nobody allows it */
    bool forbidden;
} rows[] = {
    {ALL, "PutBucketPolicy", A "b", "", "access", false},
    {ALL, "?", A "b/k", "", "access", false},
    {ALL, "ListAllMyBuckets", "*", "", "list_buckets", false},
    {ALL, "GetObject", "arn:aws-cn:s3:::b/k", "", "access", false},
    {READER, "GetObject", A "b/k", "", "access", false},
    {READER, "ListBucket", A "b", "", "access", false},
    {READER, "PutObject", A "b/k", "", NULL, false},
    {READER, "?", A "b/k", "", NULL, false},
    {WRITER, "PutObject", A "b/k", "", "access", false},
    {WRITER, "PutObjectAcl", A "b/k", "", NULL, false},
    {WRITER, "CreateBucket", A "b", "", NULL, false},
    {WRITER, "ListAllMyBuckets", "*", "", NULL, false},
    {WRITER, "DescribeJob", "*", "", "access", false},
    /* a pattern of buckets is one of buckets, not of keys */
    {LISTED, "GetObject", A "alpha/k", "", "access", false},
    {LISTED, "ListBucket", A "alpha", "", "access", false},
    {LISTED, "GetObject", A "team-x/k", "", "access", false},
    {LISTED, "GetObject", "arn:aws-cn:s3:::team-x/k", "", "access", false},
    {LISTED, "GetObject", A "other/k-x", "", NULL, false},
    {LISTED, "GetObject", A "alphabet/k", "", NULL, false},
    {LISTED, "GetObject", A "b/alpha", "", NULL, false},
    {LISTED, "DescribeJob", "*", "", NULL, false},
    {LISTED, "GetAccessPoint", "arn:aws:s3:eu-west-1:1:accesspoint/alpha", "", NULL, false},
    {LISTED, "?", A "alpha/k", "", NULL, false},
    {LISTED_ADMIN, "PutBucketPolicy", A "alpha", "", "access", false},
    {LISTED_ADMIN, "?", A "alpha/k", "", NULL, false},
    /* prefixes */
    {PARTS, "GetObject", A "reports/2024/a", "", "prefixes", false},
    {PARTS, "PutObject", A "reports/2024/", "", "prefixes", false},
    {PARTS, "GetObject", A "reports/2024", "", NULL, false},
    {PARTS, "GetObject", A "reports/2023/a", "", NULL, false},
    {PARTS, "GetObject", A "reports/2024x/a", "", NULL, false},
    {PARTS, "GetObject", A "other/reports/2024/a", "", NULL, false},
    {PARTS, "PutObjectAcl", A "reports/2024/a", "", NULL, false},
    {PARTS, "ListBucket", A "reports", "s3:prefix=2024/", "prefixes", false},
    {PARTS, "ListBucket", A "reports", "s3:prefix=2024/a; s3:delimiter=/", "prefixes", false},
    {PARTS, "ListBucketVersions", A "reports", "s3:prefix=2024/", "prefixes", false},
    {PARTS, "ListBucketMultipartUploads", A "reports", "s3:prefix=2024/", "prefixes", false},
    {PARTS, "ListBucket", A "reports", "s3:prefix=2024", NULL, false},
    {PARTS, "ListBucket", A "reports", "s3:prefix=; s3:delimiter=/", NULL, false},
    {PARTS, "ListBucket", A "reports", "", NULL, false},
    {PARTS, "ListBucket", A "other", "s3:prefix=2024/", NULL, false},
    {PARTS, "GetBucketLocation", A "reports", "", "prefixes", false},
    {PARTS, "GetBucketPolicy", A "reports", "", NULL, false},
    {PARTS, "ListAllMyBuckets", "*", "", NULL, false},
    {PARTS, "GetObject", A "home/al/x", "aws:username=al", "prefixes", false},
    {PARTS, "GetObject", A "home/bo/x", "aws:username=al", NULL, false},
    {PARTS, "ListBucket", A "home", "aws:username=al; s3:prefix=al/", "prefixes", false},
    {PARTS, "ListBucket", A "home", "aws:username=al; s3:prefix=bo/", NULL, false},
    /* what begins like a single key is not its own */
    {PARTS, "GetObject", A "logs/one.txt", "", "prefixes", false},
    {PARTS, "ListBucket", A "logs", "s3:prefix=one.txt", NULL, false},
    {PARTS_ADMIN, "PutObjectAcl", A "reports/2024/a", "", "prefixes", false},
    {PARTS_ADMIN, "?", A "reports/2024/a", "", NULL, false},
    {PARTS_ADMIN, "DeleteBucket", A "reports", "", NULL, false},
    {BOTH, "GetObject", A "alpha/k", "", "access", false},
    {BOTH, "GetObject", A "reports/2024/k", "", "prefixes", false},
    {BOTH, "PutObject", A "reports/2024/k", "", NULL, false},
    {NO_DELETES, "DeleteObject", A "b/k", "", "deny", true},
    {NO_DELETES, "DeleteObjectVersion", A "b/k", "", "deny", true},
    {NO_DELETES, "PutObjectAcl", A "b/k", "", "deny", true},
    {NO_DELETES, "DeleteBucket", A "b", "", "access", false},
    {NO_DELETES, "?", A "b/k", "", "deny", true}, /* it might delete */
};

static void test_short_form_table(void **state)
{
    struct policy *p[RULES];

    (void)state;
    for (size_t i = 0; i < RULES; i++)
        p[i] = compile(rules[i]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct policy *one[] = {p[rows[i].rules]};
        struct policy_decision d = decide_text(one, 1, rows[i].action, rows[i].resource, rows[i].context);
        enum policy_effect wanted = !rows[i].label      ? POLICY_DENIED
                                    : rows[i].forbidden ? POLICY_FORBIDDEN
                                                        : POLICY_ALLOWED;
        struct str label = d.policy ? policy_statement_text(d.policy, d.statement).label : STR_NONE;
        if (d.effect != wanted || d.warned || !str_eq(label, str_from(rows[i].label)))
            fail_msg("%d: %s on %s with %s: effect %d by %.*s", rows[i].rules, rows[i].action, rows[i].resource,
                     rows[i].context, d.effect, STR_ARG(label));
    }
    for (size_t i = 0; i < RULES; i++)
        policy_free(&p[i]);
}

static void test_short_form_problems(void **state)
{
    static const struct {
        const char *prefix, *deny, *problem;
    } bad[] = {
        {"reports", NULL,
         "prefixes: prefixes: \"reports\" is a whole bucket; write it into buckets, or BUCKET/PREFIX/*\n"},
        {"reports/", NULL, "prefixes: prefixes: \"reports/\" is a whole bucket"},
        {"/2024/*", NULL, "prefixes: prefixes: \"/2024/*\" must begin with the bucket's name; write BUCKET/PREFIX/*\n"},
        {"s3://reports/2024/*", NULL, "prefixes: prefixes: \"s3://reports/2024/*\" must begin with the bucket's name"},
        {"reports/2024/", NULL,
         "prefixes: prefixes: \"reports/2024/\" is one key only; write reports/2024/* for all below it\n"},
        {"home/${aws:user}/*", NULL, "prefixes: prefixes: the condition key aws:user is none that the proxy knows"},
        {NULL, "DeleteObjects", "deny: deny: DeleteObjects is an operation, and no action; write DeleteObject\n"},
        {NULL, "DeleteObjekt", "deny: deny: the action DeleteObjekt does not exist; did you mean DeleteObject?\n"},
        {NULL, "Remove*", "deny: deny: no action matches Remove*; "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *prefix[] = {(char *)bad[i].prefix}, *deny[] = {(char *)bad[i].deny};
        struct str_list prefix_list = {prefix, bad[i].prefix != NULL}, deny_list = {deny, bad[i].deny != NULL};
        struct heard h = {.head = {hear}};
        assert_null(policy_compile(
            &(struct policy_rules){.buckets = &none, .prefixes = &prefix_list, .deny = &deny_list, .name = "p"},
            &h.head));
        if (!str_starts(str_from(h.text), str_from(bad[i].problem))) fail_msg("%s", h.text);
    }
}

static void test_whether_more_than_reading_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < RULES; i++) {
        struct policy *p = compile(rules[i]);
        assert_int_equal(policy_allows_writing(p), rules[i].access != POLICY_READ_ONLY);
        policy_free(&p);
    }
}

/* Policies are named by what they do: allow GetObject, deny it, say nothing of it; in mode warn or not. */
static void test_several_policies_and_warnings(void **state)
{
#define ONE(effect, action) "{'Statement':{'Effect':'" effect "','Action':'" action "','Resource':'*'}}"
    enum { ALLOWS, DENIES, SILENT, WARN_ALLOWS, WARN_DENIES, WARN_SILENT, KINDS };
    static const char *const documents[] = {ONE("Allow", "s3:GetObject"), ONE("Deny", "s3:GetObject"),
                                            ONE("Allow", "s3:PutObject")};
    static const struct {
        int of[3], n;
        enum policy_effect effect;
        bool warned;
        int by; /* -1: nobody */
    } cases[] = {
        {{0}, 0, POLICY_DENIED, false, -1},
        {{ALLOWS}, 1, POLICY_ALLOWED, false, ALLOWS},
        {{SILENT, ALLOWS}, 2, POLICY_ALLOWED, false, ALLOWS},
        {{ALLOWS, DENIES}, 2, POLICY_FORBIDDEN, false, DENIES},
        {{SILENT}, 1, POLICY_DENIED, false, -1},
        {{WARN_ALLOWS}, 1, POLICY_ALLOWED, false, WARN_ALLOWS},
        {{WARN_SILENT}, 1, POLICY_DENIED, true, -1},
        {{WARN_DENIES}, 1, POLICY_FORBIDDEN, true, WARN_DENIES},
        {{WARN_DENIES, ALLOWS}, 2, POLICY_FORBIDDEN, true, WARN_DENIES},
        {{WARN_DENIES, SILENT}, 2, POLICY_DENIED, false, -1},
        {{WARN_SILENT, SILENT}, 2, POLICY_DENIED, false, -1},
        {{WARN_ALLOWS, SILENT}, 2, POLICY_ALLOWED, false, WARN_ALLOWS},
        {{WARN_ALLOWS, DENIES}, 2, POLICY_FORBIDDEN, false, DENIES},
        {{WARN_DENIES, WARN_ALLOWS, DENIES}, 3, POLICY_FORBIDDEN, false, DENIES},
    };
    struct policy *p[KINDS];

    (void)state;
    for (int i = 0; i < KINDS; i++)
        p[i] = compile_quoted(documents[i % 3], i < 3 ? POLICY_ENFORCE : POLICY_WARN);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct policy *all[3] = {NULL};
        for (int k = 0; k < cases[i].n; k++)
            all[k] = p[cases[i].of[k]];
        struct policy_decision d = decide_text(all, (size_t)cases[i].n, "GetObject", A "b/k", "");
        if (d.effect != cases[i].effect || d.warned != cases[i].warned ||
            d.policy != (cases[i].by < 0 ? NULL : p[cases[i].by]) ||
            policy_lets_through(&d) != (d.warned || d.effect == POLICY_ALLOWED))
            fail_msg("case %zu: effect %d, warned %d", i, d.effect, d.warned);
    }
    for (int i = 0; i < KINDS; i++)
        policy_free(&p[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_form_table),
        cmocka_unit_test(test_short_form_problems),
        cmocka_unit_test(test_whether_more_than_reading_is_allowed),
        cmocka_unit_test(test_several_policies_and_warnings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
