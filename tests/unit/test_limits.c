/* SPDX-License-Identifier: Apache-2.0
 * test_limits.c: no more connections than allowed, in all and from each source.
 */
#include "flow/limits.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MAX = 32, PER_SOURCE = 5, SOURCES = 20000 };

static void test_no_more_than_max(void **state)
{
    struct limits *l = limits_new(MAX, PER_SOURCE);

    (void)state;
    assert_non_null(l);
    for (size_t i = 0; i < MAX; i++) {
        assert_int_equal(limits_excess(l), i > MAX - 2 ? i - (MAX - 2) : 0);
        assert_true(limits_enter(l));
    }
    assert_false(limits_enter(l));
    assert_false(limits_enter(l));
    assert_int_equal(limits_excess(l), 2);
    limits_leave(l);
    assert_true(limits_enter(l));
    assert_int_equal(limits_figures(l).open, MAX);
    limits_set(l, MAX + 1, 0);
    assert_true(limits_enter(l));
    assert_false(limits_enter(l));
    assert_int_equal(limits_figures(l).max_per_source, (MAX + 2) / 2);
    limits_set(l, 1, 1); /* nobody has to go for it, and nobody comes */
    assert_false(limits_enter(l));
    assert_int_equal(limits_excess(l), MAX + 1);
    limits_free(&l);
    assert_null(l);
    limits_free(&l);
}

static void test_no_more_than_its_share_for_a_source(void **state)
{
    struct limits *l = limits_new(MAX, PER_SOURCE);

    (void)state;
    for (size_t i = 0; i < PER_SOURCE; i++)
        assert_true(limits_enter_source(l, 7));
    assert_false(limits_enter_source(l, 7));
    assert_true(limits_enter_source(l, 8)); /* others are not touched */
    limits_leave_source(l, 7);
    assert_true(limits_enter_source(l, 7));
    assert_false(limits_enter_source(l, 7));
    for (uint64_t site = 100; site < SOURCES; site++)
        for (size_t i = 0; i < PER_SOURCE; i++)
            assert_true(limits_enter_source(l, site << 32));
    for (uint64_t site = 100; site < SOURCES; site++) {
        assert_false(limits_enter_source(l, site << 32));
        for (size_t i = 0; i < PER_SOURCE; i++)
            limits_leave_source(l, site << 32);
    }
    limits_free(&l); /* with sources in it */
}

static void test_half_is_the_default(void **state)
{
    static const size_t rows[][2] = {{1, 1}, {2, 1}, {3, 2}, {8000, 4000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct limits *l = limits_new(rows[i][0], 0);

        assert_int_equal(limits_figures(l).max_per_source, rows[i][1]);
        limits_free(&l);
    }
}

static void test_tls_handshakes_of_a_source(void **state)
{
    enum { RATE = 4, SECOND_US = 1000000, ONE = 7, OTHER = 8 };
    struct limits *l = limits_new(MAX, PER_SOURCE);
    int64_t now = 100LL * SECOND_US;

    (void)state;
    assert_non_null(l);
    assert_true(limits_enter_source(l, ONE));
    assert_true(limits_enter_source(l, OTHER));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(limits_tls_wait_us(l, ONE, now), 0); /* no limit */
    limits_set_tls_rate(l, RATE);
    for (size_t i = 0; i <= RATE; i++)
        assert_int_equal(limits_tls_wait_us(l, ONE, now), 0);
    for (int64_t i = 1; i <= 2 * RATE; i++)
        assert_int_equal(limits_tls_wait_us(l, ONE, now), i * SECOND_US / RATE);
    assert_true(limits_tls_wait_us(l, ONE, now) < 0);
    assert_true(limits_tls_wait_us(l, ONE, now) < 0);
    assert_int_equal(limits_tls_wait_us(l, OTHER, now), 0);
    limits_leave_source(l, ONE); /* to come back is no way round */
    assert_true(limits_enter_source(l, ONE));
    assert_true(limits_tls_wait_us(l, ONE, now) < 0);
    now += SECOND_US;
    assert_int_equal(limits_tls_wait_us(l, ONE, now), SECOND_US + SECOND_US / RATE);
    limits_leave_source(l, ONE);
    now += 10LL * SECOND_US;
    assert_true(limits_enter_source(l, ONE));
    for (size_t i = 0; i <= RATE; i++)
        assert_int_equal(limits_tls_wait_us(l, ONE, now), 0);
    limits_leave_source(l, ONE);
    limits_leave_source(l, OTHER);
    limits_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_more_than_max),
        cmocka_unit_test(test_no_more_than_its_share_for_a_source),
        cmocka_unit_test(test_half_is_the_default),
        cmocka_unit_test(test_tls_handshakes_of_a_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
