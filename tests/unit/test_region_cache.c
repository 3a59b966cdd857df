/* SPDX-License-Identifier: Apache-2.0
 * test_region_cache.c: what was learned is found, and the oldest is forgotten first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/upstream/region_cache.h"

#include <stdio.h>

static void check(struct region_cache *c, const char *bucket, const char *region)
{
    struct str got = region_cache_get(c, str_from(bucket));

    if (!str_eq(got, str_from(region))) print_error("%s: %.*s\n", bucket, STR_ARG(got));
    assert_true(str_eq(got, str_from(region)));
}

static void put(struct region_cache *c, const char *bucket, const char *region)
{
    region_cache_put(c, str_from(bucket), str_from(region));
}

static void test_region_cache_learns_and_learns_better(void **state UNUSED)
{
    struct region_cache *c = region_cache_new(3);

    check(c, "a", "");
    put(c, "a", "eu-west-1");
    check(c, "a", "eu-west-1");
    put(c, "a", "us-east-1");
    check(c, "a", "us-east-1");
    check(c, "A", "");
    region_cache_free(&c);
    assert_null(c);
    region_cache_free(&c);
}

static void test_region_cache_forgets_the_least_used(void **state UNUSED)
{
    struct region_cache *c = region_cache_new(3);

    put(c, "a", "r1");
    put(c, "b", "r2");
    put(c, "c", "r3");
    check(c, "a", "r1"); /* used: b is the oldest now */
    put(c, "d", "r4");
    check(c, "b", "");
    check(c, "a", "r1");
    check(c, "c", "r3");
    check(c, "d", "r4");
    put(c, "a", "r5"); /* learning is use, too; c is the oldest */
    put(c, "e", "r6");
    check(c, "c", "");
    check(c, "a", "r5");
    region_cache_free(&c);
}

static void test_region_cache_of_one(void **state UNUSED)
{
    struct region_cache *c = region_cache_new(1);

    put(c, "a", "r1");
    put(c, "b", "r2");
    check(c, "a", "");
    check(c, "b", "r2");
    region_cache_free(&c);
}

static void test_region_cache_many(void **state UNUSED)
{
    struct region_cache *c = region_cache_new(1000);
    char bucket[32], region[32];

    for (int i = 0; i < 100000; i++) {
        snprintf(bucket, sizeof bucket, "bucket-%d", i);
        snprintf(region, sizeof region, "r-%d", i % 7);
        put(c, bucket, region);
    }
    for (int i = 0; i < 100000; i += 500) {
        snprintf(bucket, sizeof bucket, "bucket-%d", i);
        snprintf(region, sizeof region, "r-%d", i % 7);
        check(c, bucket, i < 99000 ? "" : region);
    }
    region_cache_free(&c);
}

static void test_region_cache_ignores_what_cannot_be(void **state UNUSED)
{
    struct region_cache *c = region_cache_new(4);
    char text[300];

    memset(text, 'x', sizeof text);
    region_cache_put(c, str_make(text, 256), STR("eu-west-1"));
    assert_int_equal(region_cache_get(c, str_make(text, 256)).n, 0);
    region_cache_put(c, str_make(text, 255), STR("eu-west-1"));
    assert_true(str_eq(region_cache_get(c, str_make(text, 255)), STR("eu-west-1")));
    region_cache_put(c, STR("b"), str_make(text, 33));
    region_cache_put(c, STR("c"), STR_NONE);
    region_cache_put(c, STR_NONE, STR("eu-west-1"));
    check(c, "b", "");
    check(c, "c", "");
    check(c, "", "");
    region_cache_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_region_cache_learns_and_learns_better),
        cmocka_unit_test(test_region_cache_forgets_the_least_used),
        cmocka_unit_test(test_region_cache_of_one),
        cmocka_unit_test(test_region_cache_many),
        cmocka_unit_test(test_region_cache_ignores_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
