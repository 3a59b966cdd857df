/* SPDX-License-Identifier: Apache-2.0
 * test_secret.c: comparing, wiping, making secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void test_secret_equal_each_byte_counts(void **state UNUSED)
{
    char a[64], b[64];

    secret_random(a, sizeof a);
    memcpy(b, a, sizeof a);
    assert_true(secret_equal(str_make(a, sizeof a), str_make(b, sizeof b)));
    assert_true(secret_equal(STR_NONE, STR("")));
    assert_false(secret_equal(str_make(a, 63), str_make(b, 64)));
    for (size_t i = 0; i < sizeof b; i++)
        for (int bit = 0; bit < 8; bit++) {
            b[i] = (char)(b[i] ^ (1 << bit));
            assert_false(secret_equal(str_make(a, sizeof a), str_make(b, sizeof b)));
            b[i] = a[i];
        }
}

static void test_secret_wipe_leaves_zeros(void **state UNUSED)
{
    char p[32], zero[32] = {0};

    memset(p, 'k', sizeof p);
    secret_wipe(p, 16);
    assert_memory_equal(p, zero, 16);
    assert_int_equal(p[16], 'k');
    secret_wipe(NULL, 0);
}

static void test_secret_free_nulls(void **state UNUSED)
{
    char *s = strdup("hidden");

    secret_free(&s);
    assert_null(s);
    secret_free(&s);
}

static void test_secret_random_differs(void **state UNUSED)
{
    char a[32] = {0}, b[32] = {0};

    secret_random(a, sizeof a);
    secret_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void test_secret_no_core_dumps_takes_hold(void **state UNUSED)
{
    struct rlimit limit;

    secret_no_core_dumps();
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_max, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_equal_each_byte_counts),
        cmocka_unit_test(test_secret_wipe_leaves_zeros),
        cmocka_unit_test(test_secret_free_nulls),
        cmocka_unit_test(test_secret_random_differs),
        cmocka_unit_test(test_secret_no_core_dumps_takes_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
