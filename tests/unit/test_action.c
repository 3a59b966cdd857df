/* SPDX-License-Identifier: Apache-2.0
 * test_action.c: names of S3's actions, found in any case, and what each is about.
 */
#include "aws/s3/action.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_action_find_names(void **state)
{
    static const struct {
        const char *name;
        enum s3_action action;
    } rows[] = {
        {"GetObject", S3_ACTION_GetObject},
        {"getobject", S3_ACTION_GetObject},
        {"UPDATESTORAGELENSGROUP", S3_ACTION_UpdateStorageLensGroup},
        {"AbortMultipartUpload", S3_ACTION_AbortMultipartUpload},
        {"HeadObject", S3_ACTION_UNKNOWN}, /* an operation, no action */
        {"GetObject ", S3_ACTION_UNKNOWN},
        {"s3:GetObject", S3_ACTION_UNKNOWN},
        {"*", S3_ACTION_UNKNOWN},
        {"", S3_ACTION_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(s3_action_find(str_from(rows[i].name)), rows[i].action);
    for (unsigned a = S3_ACTION_UNKNOWN + 1; a < S3_ACTIONS_N; a++)
        assert_int_equal(s3_action_find(str_from(s3_action_name(a))), a);
}

static void test_action_rows(void **state)
{
    (void)state;
    assert_string_equal(s3_action_name(S3_ACTION_UNKNOWN), "*");
    assert_int_equal(s3_action_access(S3_ACTION_UNKNOWN), ACCESS_ADMIN);
    assert_int_equal(s3_action_access(S3_ACTION_ListBucket), ACCESS_READ);
    assert_int_equal(s3_action_access(S3_ACTION_DeleteObjectVersion), ACCESS_WRITE);
    assert_int_equal(s3_action_access(S3_ACTION_PutObjectAcl), ACCESS_ADMIN);
    assert_int_equal(s3_action_resource(S3_ACTION_ListBucket), S3_RESOURCE_BUCKET);
    assert_int_equal(s3_action_resource(S3_ACTION_ListMultipartUploadParts), S3_RESOURCE_OBJECT);
    assert_int_equal(s3_action_resource(S3_ACTION_ListAllMyBuckets), S3_RESOURCE_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_action_find_names), cmocka_unit_test(test_action_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
