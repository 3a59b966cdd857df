/* SPDX-License-Identifier: Apache-2.0
 * test_wait_queue.c: the queue is bounded, and nobody waits longer because another one wants more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/upstream/wait_queue.h"

enum { a = 1, b, c };

static void check_order(struct wait_queue *q, struct wait_place *places, const char *expected)
{
    for (size_t i = 0; expected[i]; i++) {
        struct wait_place *p = wait_queue_take(q);

        assert_non_null(p);
        assert_int_equal('0' + (int)(p - places), expected[i]);
        assert_false(p->queued);
    }
    assert_null(wait_queue_take(q));
    assert_int_equal(q->n, 0);
}

static void test_wait_queue_one_owner_first_come_first_served(void **state UNUSED)
{
    struct wait_queue q = {0};
    struct wait_place p[3];

    for (size_t i = 0; i < 3; i++)
        assert_true(wait_queue_add(&q, &p[i], a, 3, 0));
    check_order(&q, p, "012");
}

static void test_wait_queue_owners_alternate(void **state UNUSED)
{
    struct wait_queue q = {0};
    struct wait_place p[7];

    for (size_t i = 0; i < 4; i++)
        assert_true(wait_queue_add(&q, &p[i], a, 10, 0));
    assert_true(wait_queue_add(&q, &p[4], b, 10, 0));
    assert_true(wait_queue_add(&q, &p[5], c, 10, 0));
    assert_true(wait_queue_add(&q, &p[6], b, 10, 0));
    check_order(&q, p, "0451623");
}

static void test_wait_queue_newcomer_is_next_round(void **state UNUSED)
{
    struct wait_queue q = {0};
    struct wait_place p[5];

    for (size_t i = 0; i < 4; i++)
        assert_true(wait_queue_add(&q, &p[i], a, 10, 0));
    assert_ptr_equal(wait_queue_take(&q), &p[0]);
    assert_ptr_equal(wait_queue_take(&q), &p[1]);
    assert_true(wait_queue_add(&q, &p[4], b, 10, 0));
    check_order(&q, p, "243");
}

static void test_wait_queue_is_bounded(void **state UNUSED)
{
    struct wait_queue q = {0};
    struct wait_place p[3];

    assert_false(wait_queue_add(&q, &p[0], a, 0, 0));
    assert_true(wait_queue_add(&q, &p[0], a, 2, 7));
    assert_true(wait_queue_add(&q, &p[1], b, 2, 8));
    assert_false(wait_queue_add(&q, &p[2], c, 2, 9));
    assert_int_equal(p[0].since_us, 7);
    check_order(&q, p, "01");
}

static void test_wait_queue_count_per_owner(void **state UNUSED)
{
    struct wait_queue q = {0};
    struct wait_place p[3];

    assert_true(wait_queue_add(&q, &p[0], a, 3, 0));
    assert_true(wait_queue_add(&q, &p[1], b, 3, 0));
    assert_true(wait_queue_add(&q, &p[2], a, 3, 0));
    assert_int_equal(wait_queue_count(&q, a), 2);
    assert_int_equal(wait_queue_count(&q, b), 1);
    assert_int_equal(wait_queue_count(&q, c), 0);
    assert_ptr_equal(wait_queue_take(&q), &p[0]);
    assert_int_equal(wait_queue_count(&q, a), 1);
}

static void test_wait_queue_remove_anywhere(void **state UNUSED)
{
    static const struct {
        size_t at;
        const char *rest;
    } rows[] = {{0, "12"}, {1, "02"}, {2, "01"}};

    for (size_t i = 0; i < 3; i++) {
        struct wait_queue q = {0};
        struct wait_place p[3];

        for (size_t k = 0; k < 3; k++)
            assert_true(wait_queue_add(&q, &p[k], a, 3, 0));
        wait_queue_remove(&q, &p[rows[i].at]);
        wait_queue_remove(&q, &p[rows[i].at]);
        check_order(&q, p, rows[i].rest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_queue_one_owner_first_come_first_served),
        cmocka_unit_test(test_wait_queue_owners_alternate),
        cmocka_unit_test(test_wait_queue_newcomer_is_next_round),
        cmocka_unit_test(test_wait_queue_is_bounded),
        cmocka_unit_test(test_wait_queue_count_per_owner),
        cmocka_unit_test(test_wait_queue_remove_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
