/* SPDX-License-Identifier: Apache-2.0
 * test_doctor_name.c: which names the doctor takes for an endpoint's own, and what it says of the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/doctor.h"

#include <string.h>

#define ID "vpce-0123456789abcdef0-abcdefgh"

static void test_is_name_endpoint_accepted(void **state)
{
    static const char *const names[] = {
        ID ".s3.ap-northeast-1.vpce.amazonaws.com",
        ID "-ap-northeast-1a.s3.ap-northeast-1.vpce.amazonaws.com",
        ID ".s3-fips.us-east-1.vpce.amazonaws.com",
        ID ".s3.cn-north-1.vpce.amazonaws.com.cn",
        "*." ID ".s3.ap-northeast-1.vpce.amazonaws.com",
        "bucket." ID ".s3.ap-northeast-1.vpce.amazonaws.com",
        "accesspoint." ID ".s3.ap-northeast-1.vpce.amazonaws.com",
        "control." ID ".s3.ap-northeast-1.vpce.amazonaws.com",
    };
    const char *why = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(doctor_is_name(names[i], &why));
}

static void test_is_name_other_names_explained(void **state)
{
    static const struct {
        const char *name, *why;
    } cases[] = {
        {"com.amazonaws.ap-northeast-1.s3", "a service's name"},
        {ID, "an endpoint's id"},
        {ID ".sts.ap-northeast-1.vpce.amazonaws.com", "no endpoint of S3"},
        {ID ".s3.vpce.amazonaws.com", "no endpoint of S3"},
        {"s3.ap-northeast-1.amazonaws.com", "an ordinary S3 name"},
        {"b.s3.ap-northeast-1.amazonaws.com", "an ordinary S3 name"},
        {"s3.amazonaws.com", "an ordinary S3 name"},
        {"example.com", "no endpoint's name"},
        {"", "no endpoint's name"},
        {ID ".s3.ap-northeast-1.vpce.amazonaws.com\nresolver = 192.0.2.1", "no endpoint of S3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = "";

        assert_false(doctor_is_name(cases[i].name, &why));
        assert_non_null(strstr(why, cases[i].why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_name_endpoint_accepted),
        cmocka_unit_test(test_is_name_other_names_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
