/* SPDX-License-Identifier: Apache-2.0
 * test_denial.c: S3's sentences of refusal, as its guide has them, and texts that say nothing.
 */
#include "doctor/denial.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define USER "User: arn:aws:iam::123456789012:user/MaryMajor is not authorized to perform: s3:ListBucket"
#define ON_BUCKET " on resource: &quot;arn:aws:s3:::amzn-s3-demo-bucket1&quot;"
#define ON_ACCESS_POINT " on resource: \"arn:aws:s3:ap-northeast-1:123456789012:accesspoint/finance\""
#define NO(type) USER " because no " type " allows the s3:ListBucket action"
#define DENY(type) USER ON_BUCKET " with an explicit deny in " type

static const struct {
    const char *message;
    enum denial_policy policy;
    bool is_explicit, is_access_point;
} table[] = {
    {NO("identity-based policy"), DENIAL_IDENTITY, false, false},
    {NO("resource-based policy"), DENIAL_RESOURCE, false, false},
    {NO("VPC endpoint policy"), DENIAL_ENDPOINT, false, false},
    {NO("service control policy"), DENIAL_SERVICE_CONTROL, false, false},
    {NO("resource control policy"), DENIAL_RESOURCE_CONTROL, false, false},
    {NO("permissions boundary"), DENIAL_BOUNDARY, false, false},
    {NO("session policy"), DENIAL_SESSION, false, false},
    {DENY("an identity-based policy"), DENIAL_IDENTITY, true, false},
    {DENY("a resource-based policy"), DENIAL_RESOURCE, true, false},
    {DENY("a VPC endpoint policy"), DENIAL_ENDPOINT, true, false},
    {DENY("a service control policy"), DENIAL_SERVICE_CONTROL, true, false},
    {DENY("a service control policy: arn:aws:organizations::1:policy/o-a/service_control_policy/p-b"),
     DENIAL_SERVICE_CONTROL, true, false},
    {DENY("a resource control policy"), DENIAL_RESOURCE_CONTROL, true, false},
    {DENY("a permissions boundary"), DENIAL_BOUNDARY, true, false},
    {DENY("a session policy"), DENIAL_SESSION, true, false},
    {USER ON_ACCESS_POINT " with an explicit deny in a resource-based policy", DENIAL_RESOURCE, true, true},
    {USER ON_BUCKET
     " because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
     DENIAL_PUBLIC_ACCESS, true, false},
    {USER ON_BUCKET " because public access control lists (ACLs) are blocked by the BlockPublicAcls block public "
                    "access setting.",
     DENIAL_PUBLIC_ACCESS, true, false},
    /* a name before it that speaks like S3 */
    {USER " on resource: \"arn:aws:s3:::b/with an explicit deny in a session policy\" with an explicit deny in a VPC "
          "endpoint policy",
     DENIAL_ENDPOINT, true, false},
    {"Access Denied", DENIAL_UNSAID, false, false},
    {"", DENIAL_UNSAID, false, false},
    {USER, DENIAL_UNSAID, false, false},
    {NO("policy of a new kind"), DENIAL_UNSAID, false, false},
    {DENY("a policy of a new kind"), DENIAL_UNSAID, false, false},
    {USER " because public opinion is against it", DENIAL_UNSAID, false, false},
    {"You have no VPC endpoint policy", DENIAL_UNSAID, false, false},
    {USER " with an explicit deny in a", DENIAL_UNSAID, false, false},
};

static void test_parse_sentences_policy_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct denial d = denial_parse(str_from(table[i].message));

        if (d.policy != table[i].policy) print_error("%s\n", table[i].message);
        assert_int_equal(d.policy, table[i].policy);
        assert_int_equal(d.is_explicit, table[i].is_explicit);
        assert_int_equal(d.is_access_point, table[i].is_access_point);
    }
    assert_int_equal(denial_parse(STR_NONE).policy, DENIAL_UNSAID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse_sentences_policy_found)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
