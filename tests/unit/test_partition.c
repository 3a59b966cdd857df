/* SPDX-License-Identifier: Apache-2.0
 * test_partition.c: the suffix of every partition, and what is no Region.
 */
#include "aws/s3/partition.h"

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_partition_suffix_regions(void **state UNUSED)
{
    static const struct {
        const char *region, *suffix;
    } cases[] = {
        {"us-east-1", "amazonaws.com"},
        {"mx-central-1", "amazonaws.com"},
        {"il-central-1", "amazonaws.com"},
        {"us-gov-east-1", "amazonaws.com"},
        {"cn-north-1", "amazonaws.com.cn"},
        {"eusc-de-east-1", "amazonaws.eu"},
        {"us-iso-west-1", "c2s.ic.gov"},
        {"us-isob-west-1", "sc2s.sgov.gov"},
        {"eu-isoe-west-1", "cloud.adc-e.uk"},
        {"us-isof-east-1", "csp.hci.ic.gov"},
        {"ap-southeast-12", "amazonaws.com"},
        {"", ""},
        {"us", ""},
        {"us-east", ""},
        {"us-east-", ""},
        {"us--1", ""},
        {"-east-1", ""},
        {"us-east-1a", ""},
        {"us-east1-1", ""},
        {"xx-east-1", ""},
        {"us-foo-east-1", ""},
        {"us-east-1-1", ""},
        {"US-east-1", ""},
        {"eusc-fr-east-1", ""},
        {"aws-global", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str region = str_from(cases[i].region);
        assert_str(cases[i].region, partition_suffix(region), str_from(cases[i].suffix));
        if (cases[i].suffix[0]) assert_str(cases[i].region, partition_suffix_or_aws(region), str_from(cases[i].suffix));
    }
}

static void test_partition_suffix_at_each_once_then_empty(void **state UNUSED)
{
    size_t n = 0;

    while (partition_suffix_at(n).n > 0) {
        for (size_t i = 0; i < n; i++)
            assert_false(str_eq(partition_suffix_at(i), partition_suffix_at(n)));
        n++;
    }
    assert_int_equal(n, 7);
    assert_int_equal(partition_suffix_at(n + 1).n, 0);
}

static void test_partition_suffix_or_aws_goes_by_the_beginning(void **state UNUSED)
{
    static const struct {
        const char *region, *suffix;
    } cases[] = {
        {"cn-somewhere", "amazonaws.com.cn"}, {"us-iso-1", "c2s.ic.gov"},   {"us-isob-x-y-z", "sc2s.sgov.gov"},
        {"us-isox-east-1", "amazonaws.com"},  {"us-iso", "amazonaws.com"},  {"cn", "amazonaws.com"},
        {"cnx-north-1", "amazonaws.com"},     {"default", "amazonaws.com"}, {"", "amazonaws.com"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(cases[i].region, partition_suffix_or_aws(str_from(cases[i].region)), str_from(cases[i].suffix));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition_suffix_regions),
        cmocka_unit_test(test_partition_suffix_at_each_once_then_empty),
        cmocka_unit_test(test_partition_suffix_or_aws_goes_by_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
