/* SPDX-License-Identifier: Apache-2.0
 * test_bucket.c: what workers take of a bucket together is its rate, and each gets its part of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/pace/bucket.h"

enum { RATE = 10000000, BURST_US = 50000, LEAST = 2048, SECOND_US = 1000000, STEP_US = 1000 };

static struct bucket *new_bucket(size_t workers)
{
    struct bucket *b = bucket_new(workers, BURST_US, LEAST);

    assert_non_null(b);
    bucket_set_rate(b, RATE);
    return b;
}

static void test_bucket_gives_its_rate(void **state UNUSED)
{
    struct bucket *b = new_bucket(1);
    int64_t got = 0, now = SECOND_US;

    for (size_t i = 0; i <= 30 * SECOND_US / STEP_US; i++, now += STEP_US)
        got += bucket_take(b, 0, 1, INT64_MAX / 2, now);
    assert_int_equal(got / BUCKET_TOKEN, 30LL * RATE + (int64_t)RATE * BURST_US / SECOND_US);
    bucket_free(&b);
}

static void test_bucket_keeps_no_more_than_a_burst(void **state UNUSED)
{
    struct bucket *b = new_bucket(2);

    bucket_take(b, 0, 0, 0, SECOND_US);
    assert_int_equal(bucket_take(b, 1, 0, INT64_MAX / 2, 100 * SECOND_US), (int64_t)RATE * BURST_US);
    assert_int_equal(bucket_take(b, 0, 0, INT64_MAX / 2, 100 * SECOND_US), 0);
    bucket_set_rate(b, 1); /* even the slowest has once what one wants at once */
    assert_int_equal(bucket_take(b, 0, 0, INT64_MAX / 2, 9000LL * SECOND_US), BUCKET_TOKEN); /* of a second at most */
    for (int64_t s = 9001; s < 20000; s++)
        assert_int_equal(bucket_take(b, 0, 0, 0, s * SECOND_US), 0);
    assert_int_equal(bucket_take(b, 0, 0, INT64_MAX / 2, 20000LL * SECOND_US), (int64_t)LEAST * BUCKET_TOKEN);
    bucket_free(&b);
}

static void test_bucket_shares_by_who_waits(void **state UNUSED)
{
    struct bucket *b = new_bucket(3);
    int64_t got[3] = {0}, now = SECOND_US;

    bucket_take(b, 2, 0, INT64_MAX / 2, now); /* what was kept */
    for (size_t i = 0; i < 1000; i++, now += STEP_US) {
        got[0] += bucket_take(b, 0, 1, INT64_MAX / 2, now);
        if (i % 7 == 0) got[1] += bucket_take(b, 1, 3, INT64_MAX / 2, now); /* who comes seldom loses nothing */
        got[2] += bucket_take(b, 2, 0, 0, now);
    }
    assert_in_range(got[0] * 1000 / (got[0] + got[1]), 249, 260);
    bucket_take(b, 1, 0, 0, now); /* waits no longer: all is for the other one */
    got[0] = 0;
    for (size_t i = 0; i < 1000; i++, now += STEP_US)
        got[0] += bucket_take(b, 0, 1, INT64_MAX / 2, now);
    assert_in_range(got[0] / BUCKET_TOKEN, RATE * 99LL / 100, RATE * 101LL / 100);
    bucket_free(&b);
}

static void test_bucket_without_limit_gives_nothing(void **state UNUSED)
{
    struct bucket *b = bucket_new(1, BURST_US, LEAST);

    assert_non_null(b);
    assert_int_equal(bucket_rate(b), 0);
    assert_int_equal(bucket_take(b, 0, 1, BUCKET_TOKEN, SECOND_US), 0);
    bucket_free(&b);
    bucket_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_gives_its_rate),
        cmocka_unit_test(test_bucket_keeps_no_more_than_a_burst),
        cmocka_unit_test(test_bucket_shares_by_who_waits),
        cmocka_unit_test(test_bucket_without_limit_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
