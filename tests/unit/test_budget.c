/* SPDX-License-Identifier: Apache-2.0
 * test_budget.c: retries are a fifth of the requests and ten a second, and no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/upstream/budget.h"

static unsigned spend_all(struct budget *b, int64_t now_us)
{
    unsigned n = 0;

    while (n < 10000 && budget_spend(b, now_us))
        n++;
    return n;
}

static void test_budget_begins_full_and_runs_dry(void **state UNUSED)
{
    struct budget b;

    budget_init(&b, 1000);
    assert_int_equal(spend_all(&b, 1000), 100);
    assert_int_equal(spend_all(&b, 1000), 0);
}

static void test_budget_refills_ten_a_second(void **state UNUSED)
{
    struct budget b;

    budget_init(&b, 0);
    spend_all(&b, 0);
    assert_int_equal(spend_all(&b, 99999), 0);
    assert_int_equal(spend_all(&b, 100000), 0); /* the look before took the time, not yet a whole token */
    budget_init(&b, 0);
    spend_all(&b, 0);
    assert_int_equal(spend_all(&b, 1000000), 10);
    assert_int_equal(spend_all(&b, 3500000), 25);
}

static void test_budget_earns_a_fifth_of_the_requests(void **state UNUSED)
{
    struct budget b;

    budget_init(&b, 0);
    spend_all(&b, 0);
    for (int i = 0; i < 4; i++)
        budget_earn(&b);
    assert_int_equal(spend_all(&b, 0), 0);
    budget_earn(&b);
    assert_int_equal(spend_all(&b, 0), 1);
    for (int i = 0; i < 50; i++)
        budget_earn(&b);
    assert_int_equal(spend_all(&b, 0), 10);
}

static void test_budget_never_holds_more_than_its_most(void **state UNUSED)
{
    struct budget b;

    budget_init(&b, 0);
    for (int i = 0; i < 100000; i++)
        budget_earn(&b);
    assert_int_equal(spend_all(&b, INT64_MAX), 100);
    assert_int_equal(spend_all(&b, 0), 0); /* a clock that goes back gives nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_begins_full_and_runs_dry),
        cmocka_unit_test(test_budget_refills_ten_a_second),
        cmocka_unit_test(test_budget_earns_a_fifth_of_the_requests),
        cmocka_unit_test(test_budget_never_holds_more_than_its_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
