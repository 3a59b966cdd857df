/* SPDX-License-Identifier: Apache-2.0
 * test_doctor_name.c: which names the doctor takes for an endpoint's own, and what it says of the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doctor/doctor.h"

#include <string.h>

#define ID "vpce-0123456789abcdef0-abcdefgh"
#define NAME ID ".s3.ap-northeast-1.vpce.amazonaws.com"

static void test_take_name_endpoint_accepted(void **state)
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
    struct doctor_word w;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(doctor_take_name(names[i], &w));
}

static void test_take_name_what_is_beyond_doubt_is_left_out(void **state)
{
    static const struct {
        const char *word, *left_out;
    } cases[] = {
        {NAME, ""},
        {"https://" NAME, "the scheme"},
        {"HTTP://" NAME "/", "the scheme"},
        {"https://bucket." NAME "/reports/2024?x=1", "the scheme, the path, what stands before vpce-"},
        {NAME "?X-Amz-Signature=abc", "the path"},
        {NAME ":443", "the port"},
        {NAME ":", "the port"},
        {"https://me:secret@" NAME, "the scheme, the user"},
        {NAME ".", "the dot at the end"},
        {NAME ".:443/", "the port, the dot at the end"},
        {"*." NAME, "what stands before vpce-"},
        {"my-bucket.bucket." NAME, "what stands before vpce-"},
        {"my.bucket.vpce.bucket." NAME, "what stands before vpce-"},
        {"my-bucket." NAME, "what stands before vpce-"},
        {"reports-111122223333.accesspoint." NAME, "what stands before vpce-"},
        {"111122223333.control." NAME, "what stands before vpce-"},
        {"VPCE-0123456789abcdef0-abcdefgh.S3.ap-northeast-1.vpce.amazonaws.com", "capitals"},
    };
    struct doctor_word w;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(doctor_take_name(cases[i].word, &w));
        assert_string_equal(w.name, NAME);
        assert_string_equal(w.left_out, cases[i].left_out);
    }
}

static void test_take_name_other_names_explained(void **state)
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
        {"s3://" NAME "/key", "leave s3:// out"},
        {NAME ":8443", "leave the port out, and write " NAME},
        {"vpce-xyz.s3.ap-northeast-1.vpce.amazonaws.com", "cut short"},
        {"b.bucket.vpce-xyz.s3.ap-northeast-1.vpce.amazonaws.com", "cut short"},
        {ID ".s3.nowhere.vpce.amazonaws.com", "no endpoint of S3"},
        {ID ".s3.cn-north-1.vpce.amazonaws.com", "no endpoint of S3"},
        {"https://", "no endpoint's name"},
    };
    char endless[4096];
    struct doctor_word w;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(doctor_take_name(cases[i].name, &w));
        assert_non_null(strstr(w.why, cases[i].why));
    }
    memset(endless, 'a', sizeof(endless));
    memcpy(endless + sizeof(endless) - sizeof("." NAME), "." NAME, sizeof("." NAME));
    assert_false(doctor_take_name(endless, &w));
    assert_true(strlen(w.name) < sizeof(w.name));
    assert_true(doctor_take_name("https://" NAME "/x?X-Amz-Signature=hidden", &w));
    assert_null(strstr(w.left_out, "hidden"));
    assert_false(doctor_take_name("https://x.vpce.y/?X-Amz-Signature=hidden", &w));
    assert_null(strstr(w.name, "hidden"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_name_endpoint_accepted),
        cmocka_unit_test(test_take_name_what_is_beyond_doubt_is_left_out),
        cmocka_unit_test(test_take_name_other_names_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
