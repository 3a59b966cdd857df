/* SPDX-License-Identifier: Apache-2.0
 * test_filter.c: bytes pass through filters one after the other, in place; the most that one holds back waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/body/filter.h"

#include <string.h>

/* Takes out every @drops, refuses @bad, holds back @holds bytes until the end. */
struct sieve {
    struct filter filter;
    char drops, bad;
    size_t holds;
    char seen[64];
    size_t seen_n;
    const char *end;
};

static enum err_code push(struct filter *filter, char *data, size_t *n, struct err *err)
{
    struct sieve *s = (struct sieve *)filter;
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++) {
        s->seen[s->seen_n++] = data[i];
        if (data[i] == s->bad) return err_set(err, ERR_BAD_TRAILER, 0, "bad");
        if (data[i] != s->drops) data[kept++] = data[i];
    }
    *n = kept;
    return ERR_NONE;
}

static enum err_code finish(struct filter *filter, const char *end, struct err *err UNUSED)
{
    ((struct sieve *)filter)->end = end;
    return ERR_NONE;
}

static size_t held(const struct filter *filter)
{
    return filter->finished ? 0 : ((const struct sieve *)filter)->holds;
}

static const struct filter_ops ops = {.push = push, .finish = finish, .held = held};
static const struct filter_ops only_push = {.push = push};

static void test_filters_push_goes_through_all_in_their_order(void **state UNUSED)
{
    struct sieve a = {.drops = 'a'}, b = {.drops = 'b'};
    struct filter *first = NULL;
    struct err err = {0};
    char data[] = "xaybz";
    size_t n = 5;

    filters_add(&first, &a.filter, &ops);
    filters_add(&first, &b.filter, &ops);
    assert_int_equal(filters_push(first, data, &n, &err), ERR_NONE);
    assert_int_equal(n, 3);
    assert_memory_equal(data, "xyz", 3);
    assert_int_equal(a.seen_n, 5);
    assert_int_equal(b.seen_n, 4); /* nothing of what the first one took out */
}

static void test_filters_push_what_is_taken_out_whole_reaches_nobody_else(void **state UNUSED)
{
    struct sieve a = {.drops = 'a'}, b = {.drops = 'b'};
    struct filter *first = NULL;
    struct err err = {0};
    char data[] = "aa";
    size_t n = 2;

    filters_add(&first, &a.filter, &ops);
    filters_add(&first, &b.filter, &ops);
    assert_int_equal(filters_push(first, data, &n, &err), ERR_NONE);
    assert_int_equal(n, 0);
    assert_int_equal(b.seen_n, 0);
}

static void test_filters_push_ends_at_the_one_that_refuses(void **state UNUSED)
{
    struct sieve a = {.bad = '!'}, b = {.drops = 'b'};
    struct filter *first = NULL;
    struct err err = {0};
    char data[] = "x!";
    size_t n = 2;

    filters_add(&first, &a.filter, &ops);
    filters_add(&first, &b.filter, &ops);
    assert_int_equal(filters_push(first, data, &n, &err), ERR_BAD_TRAILER);
    assert_int_equal(b.seen_n, 0);
}

static void test_filters_held_is_the_most_until_finish(void **state UNUSED)
{
    struct sieve a = {.holds = 1}, b = {.holds = 7}, c = {.drops = 'c'};
    struct filter *first = NULL;
    struct err err = {0};
    char end[1];

    assert_int_equal(filters_held(NULL), 0);
    assert_int_equal(filters_finish(NULL, end, &err), ERR_NONE);
    filters_add(&first, &a.filter, &ops);
    filters_add(&first, &b.filter, &ops);
    filters_add(&first, &c.filter, &only_push);
    assert_int_equal(filters_held(first), 7);
    assert_int_equal(filters_finish(first, end, &err), ERR_NONE);
    assert_int_equal(filters_held(first), 0);
    assert_ptr_equal(a.end, end);
    assert_ptr_equal(b.end, end);
}

static void test_filters_again_is_what_the_only_one_holds_if_it_wants_it_once_more(void **state UNUSED)
{
    static const struct filter_ops ops_again = {.push = push, .held = held, .again = true};
    struct sieve a = {.holds = 3}, b = {.holds = 7};
    struct filter *first = NULL, *other = NULL;

    filters_add(&first, &a.filter, &ops_again);
    filters_add(&other, &b.filter, &ops);
    assert_int_equal(filters_again(NULL), 0);
    assert_int_equal(filters_again(first), 3);
    assert_int_equal(filters_again(other), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters_push_goes_through_all_in_their_order),
        cmocka_unit_test(test_filters_push_what_is_taken_out_whole_reaches_nobody_else),
        cmocka_unit_test(test_filters_push_ends_at_the_one_that_refuses),
        cmocka_unit_test(test_filters_held_is_the_most_until_finish),
        cmocka_unit_test(test_filters_again_is_what_the_only_one_holds_if_it_wants_it_once_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
