/* SPDX-License-Identifier: Apache-2.0
 * test_policy.c: default deny, access, bucket lists.
 */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *two[] = {(char *)"alpha", (char *)"team-*"};
static const struct str_list no_buckets = {0}, two_buckets = {two, 2};
static const struct policy_rules all = {
    .access = POLICY_ADMIN, .buckets = &no_buckets, .list_buckets = true, .name = "p"};
static const struct policy_rules writer = {
    .access = POLICY_READ_WRITE, .buckets = &no_buckets, .list_buckets = true, .name = "p"};
static const struct policy_rules reader = {
    .access = POLICY_READ_ONLY, .buckets = &no_buckets, .list_buckets = true, .name = "p"};
static const struct policy_rules listed = {
    .access = POLICY_READ_WRITE, .buckets = &two_buckets, .list_buckets = false, .name = "p"};
static const struct policy_rules listed_lists = {
    .access = POLICY_READ_ONLY, .buckets = &two_buckets, .list_buckets = true, .name = "p"};

static void no_problem(struct policy_problems *p, const char *option, unsigned line, unsigned column, const char *text)
{
    (void)p;
    fail_msg("%s:%u:%u: %s", option, line, column, text);
}

static struct policy *compile(const struct policy_rules *rules)
{
    struct policy_problems problems = {no_problem};

    return policy_compile(rules, &problems);
}

static const struct operation list_buckets = {.name = "ListBuckets", .level = LEVEL_SERVICE, .access = ACCESS_READ};
static const struct operation list = {.name = "ListObjectsV2", .level = LEVEL_BUCKET, .access = ACCESS_READ};
static const struct operation make = {.name = "CreateBucket", .level = LEVEL_BUCKET, .access = ACCESS_ADMIN};
static const struct operation delete_many = {.name = "DeleteObjects", .level = LEVEL_BUCKET, .access = ACCESS_WRITE};
static const struct operation get = {.name = "GetObject", .level = LEVEL_OBJECT, .access = ACCESS_READ};
static const struct operation put = {
    .name = "PutObject", .level = LEVEL_OBJECT, .access = ACCESS_WRITE, .streams_body = true};
static const struct operation copy = {.name = "CopyObject", .level = LEVEL_OBJECT, .access = ACCESS_WRITE};
static const struct operation delete = {.name = "DeleteObject", .level = LEVEL_OBJECT, .access = ACCESS_WRITE};
static const struct operation unknown = {.name = "Unknown", .level = LEVEL_SERVICE, .access = ACCESS_READ};

static void test_policy_allows_table(void **state)
{
    static const struct {
        const char *name;
        const struct policy_rules *rules;
        const struct operation *operation;
        const char *bucket;
        bool allowed;
    } rows[] = {
        {"all may write", &all, &put, "any", true},
        {"all may list buckets", &all, &list_buckets, "", true},
        {"all may make buckets", &all, &make, "any", true},
        {"writer reads", &writer, &get, "any", true},
        {"writer writes", &writer, &put, "any", true},
        {"writer deletes many", &writer, &delete_many, "any", true},
        {"writer copies", &writer, &copy, "any", true},
        {"writer does not make buckets", &writer, &make, "any", false},
        {"reader reads", &reader, &get, "any", true},
        {"reader lists", &reader, &list, "any", true},
        {"reader does not write", &reader, &put, "any", false},
        {"reader does not delete", &reader, &delete, "any", false},
        {"reader does not delete many", &reader, &delete_many, "any", false},
        {"reader does not copy", &reader, &copy, "any", false},
        {"reader does not make buckets", &reader, &make, "any", false},
        {"listed bucket", &listed, &put, "alpha", true},
        {"listed pattern", &listed, &put, "team-x", true},
        {"other bucket", &listed, &get, "beta", false},
        {"longer name", &listed, &get, "alphabet", false},
        {"list of buckets shows others", &listed, &list_buckets, "", false},
        {"list of buckets if said", &listed_lists, &list_buckets, "", true},
        {"other service calls with a list", &listed_lists, &unknown, "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy *p = compile(rows[i].rules);
        assert_non_null(p);
        if (policy_allows(p, rows[i].operation, str_from(rows[i].bucket)) != rows[i].allowed)
            fail_msg("%s", rows[i].name);
        policy_free(&p);
        assert_null(p);
    }
}

static void test_policy_of_an_unknown_bucket(void **state)
{
    struct policy *some = compile(&listed), *any = compile(&reader);

    (void)state;
    assert_true(some && any);
    assert_false(policy_allows_bucket(some, STR_NONE));
    assert_true(policy_allows_bucket(any, STR_NONE));
    assert_true(policy_allows_access(some, ACCESS_WRITE));
    assert_false(policy_allows_access(some, ACCESS_ADMIN));
    policy_free(&some);
    policy_free(&any);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_policy_allows_table),
                                       cmocka_unit_test(test_policy_of_an_unknown_bucket)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
