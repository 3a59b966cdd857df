/* SPDX-License-Identifier: Apache-2.0
 * test_renewal.c: when keys are fetched again, when they are given up, and how long a failed source is left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/renewal.h"

enum { NOW = 1700000000, HOUR = 3600 };

static void test_renewal_of_keys_that_never_end(void **state UNUSED)
{
    struct renewal r = {.failures = 3, .not_before_us = 5};

    assert_true(renewal_fetched(&r, 0, NOW, 512));
    assert_int_equal(r.failures, 0);
    assert_false(renewal_due(&r, NOW + 1000L * HOUR, INT64_MAX, false));
    assert_true(renewal_due(&r, INT64_MAX, 0, false)); /* if something changed */
    assert_int_equal(r.last_s, INT64_MAX);
}

static void test_renewal_ahead_of_the_end(void **state UNUSED)
{
    static const struct {
        int64_t lasts;
        unsigned chance;
        int64_t ahead, margin;
    } rows[] = {
        {HOUR, 0, 900, 5}, {HOUR, 1023, 989, 5}, {12 * HOUR, 0, 900, 5}, {900, 0, 300, 5},
        {60, 0, 20, 3},    {20, 0, 6, 1},        {20, 1023, 6, 1},       {1, 0, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct renewal r;

        assert_true(renewal_fetched(&r, NOW + rows[i].lasts, NOW, rows[i].chance));
        assert_int_equal(NOW + rows[i].lasts - r.renew_s, rows[i].ahead);
        assert_int_equal(NOW + rows[i].lasts - r.last_s, rows[i].margin);
        assert_true(r.renew_s <= r.last_s);
        assert_false(renewal_due(&r, r.renew_s - 1, INT64_MAX, false));
        assert_true(renewal_due(&r, r.renew_s, 0, false));
    }
}

static void test_renewal_of_keys_that_are_over(void **state UNUSED)
{
    struct renewal r;

    assert_true(renewal_fetched(&r, NOW + HOUR, NOW, 0));
    assert_false(renewal_fetched(&r, NOW, NOW, 0));
    assert_false(renewal_fetched(&r, NOW - 1, NOW, 1023));
    assert_false(renewal_fetched(&r, 1, NOW, 1023));
    assert_int_equal(r.last_s, NOW + HOUR - 5); /* that of the good ones */
    assert_int_equal(r.renew_s, NOW + HOUR - 900);
}

static void test_renewal_after_failures(void **state UNUSED)
{
    static const int64_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct renewal r = {0};

    for (size_t i = 0; i < ARRAY_LEN(pauses_ms); i++) {
        renewal_failed(&r, SOURCE_FAILED, 7000, 512);
        assert_int_equal(r.not_before_us, 7000 + pauses_ms[i] * 1000);
        assert_int_equal(r.failures, i + 1);
        assert_false(renewal_due(&r, INT64_MAX, r.not_before_us - 1, false));
        assert_true(renewal_due(&r, INT64_MAX, r.not_before_us, false));
        assert_false(renewal_due(&r, INT64_MAX, 7000 + 999 * 1000, true)); /* while requests wait: a second at most */
        assert_true(renewal_due(&r, INT64_MAX, 7000 + 1000 * 1000, true));
    }
    assert_true(renewal_fetched(&r, 0, NOW, 0));
    renewal_failed(&r, SOURCE_THROTTLED, 0, 512);
    assert_int_equal(r.not_before_us, 5000 * 1000);
    assert_false(renewal_due(&r, INT64_MAX, 4999 * 1000, true)); /* who asked for less is not asked sooner */
    renewal_failed(&r, SOURCE_THROTTLED, 0, 0);                  /* a quarter less */
    assert_int_equal(r.not_before_us, 7500 * 1000);
    renewal_failed(&r, SOURCE_REFUSED, 0, 1023);
    assert_in_range(r.not_before_us, 4900 * 1000, 5000 * 1000);
    assert_false(renewal_due(&r, INT64_MAX, r.not_before_us - 1, true)); /* nor is who said no */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renewal_of_keys_that_never_end),
        cmocka_unit_test(test_renewal_ahead_of_the_end),
        cmocka_unit_test(test_renewal_of_keys_that_are_over),
        cmocka_unit_test(test_renewal_after_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
