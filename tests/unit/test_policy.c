/* SPDX-License-Identifier: Apache-2.0
 * test_policy.c: default deny, access, bucket lists.
 */
#include "flow/flow.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *two[] = {(char *)"alpha", (char *)"team-*"};
static const struct set_policy all = {.access = POLICY_READ_WRITE, .list_buckets = true};
static const struct set_policy reader = {.access = POLICY_READ_ONLY, .list_buckets = true};
static const struct set_policy listed = {.access = POLICY_READ_WRITE, .buckets = {two, 2}};
static const struct set_policy listed_lists = {.access = POLICY_READ_ONLY, .buckets = {two, 2}, .list_buckets = true};

static void test_policy_allows_table(void **state)
{
    static const struct {
        const char *name;
        const struct set_policy *policy;
        const char *operation, *bucket;
        bool allowed;
    } rows[] = {
        {"all may write", &all, "PutObject", "any", true},
        {"all may list buckets", &all, "ListBuckets", "", true},
        {"reader reads", &reader, "GetObject", "any", true},
        {"reader lists", &reader, "ListObjectsV2", "any", true},
        {"reader does not write", &reader, "PutObject", "any", false},
        {"reader does not delete", &reader, "DeleteObject", "any", false},
        {"reader does not delete many", &reader, "DeleteObjects", "any", false},
        {"reader does not copy", &reader, "CopyObject", "any", false},
        {"reader does not make buckets", &reader, "CreateBucket", "any", false},
        {"listed bucket", &listed, "PutObject", "alpha", true},
        {"listed pattern", &listed, "PutObject", "team-x", true},
        {"other bucket", &listed, "GetObject", "beta", false},
        {"longer name", &listed, "GetObject", "alphabet", false},
        {"list of buckets shows others", &listed, "ListBuckets", "", false},
        {"list of buckets if said", &listed_lists, "ListBuckets", "", true},
        {"other service calls with a list", &listed_lists, "Unknown", "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct operation *op = operation_by_name(str_from(rows[i].operation));
        static const struct operation unknown = {"Unknown", LEVEL_SERVICE, ACCESS_READ, false};

        if (!op) op = &unknown;
        if (policy_allows(rows[i].policy, op, str_from(rows[i].bucket)) != rows[i].allowed)
            fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_policy_allows_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
