/* SPDX-License-Identifier: Apache-2.0
 * test_turns.c: turns go round between owners, however many of them wait and whatever they cost; who asks for little
 * goes first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow/pace/turns.h"

enum { QUANTUM = 100, QUEUES = 8, MOST = 64, BULK = 1, OTHER = 2, LIGHT = 3 };

struct crowd {
    struct turns t;
    struct turn v[MOST];
};

static void begin(struct crowd *c)
{
    memset(c, 0, sizeof(*c));
    turns_init(&c->t, QUEUES, QUANTUM);
}

static void add(struct crowd *c, size_t i, uint32_t owner, int64_t cost)
{
    c->v[i].owner = owner;
    c->v[i].cost = cost;
    turns_add(&c->t, &c->v[i]);
}

/* The next one, which waits again at once if @again. */
static struct turn *serve(struct crowd *c, bool again)
{
    struct turn *turn = turns_next(&c->t);

    assert_non_null(turn);
    turns_take(&c->t, turn);
    if (again) turns_add(&c->t, turn);
    return turn;
}

static void test_turns_one_owner_first_come_first_served(void **state UNUSED)
{
    struct crowd c;

    begin(&c);
    assert_null(turns_next(&c.t));
    for (size_t i = 0; i < 10; i++)
        add(&c, i, BULK, 70);
    for (size_t i = 0; i < 10; i++)
        assert_ptr_equal(serve(&c, false), &c.v[i]);
    assert_null(turns_next(&c.t));
    assert_int_equal(c.t.n, 0);
    assert_int_equal(c.t.owners, 0);
    turns_clear(&c.t);
}

static void test_turns_are_shared_by_cost(void **state UNUSED)
{
    struct crowd c;
    int64_t used[QUEUES] = {0};

    begin(&c);
    for (size_t i = 0; i < 60; i++)
        add(&c, i, BULK, 100);
    add(&c, 60, OTHER, 30);
    add(&c, 61, OTHER, 30);
    add(&c, 62, LIGHT, 7);
    assert_int_equal(c.t.owners, 3);
    for (size_t i = 0; i < 100000; i++) {
        struct turn *turn = serve(&c, true);

        used[turn->owner] += turn->cost;
    }
    assert_in_range(used[BULK] * 100 / used[OTHER], 98, 102);
    assert_in_range(used[LIGHT] * 100 / used[OTHER], 98, 102);
    turns_clear(&c.t);
}

/* One that asks again only once it was served, and so is away for a moment each time, gains nothing by that. */
static void test_turns_coming_back_is_no_privilege(void **state UNUSED)
{
    struct crowd c;
    int64_t used[QUEUES] = {0};

    begin(&c);
    for (size_t i = 0; i < 60; i++)
        add(&c, i, BULK, 80);
    add(&c, 60, OTHER, 80);
    for (size_t i = 0; i < 100000; i++) {
        struct turn *turn = serve(&c, false);

        used[turn->owner] += turn->cost;
        if (turn->owner == OTHER) { /* somebody else in between sees it empty */
            struct turn *next = serve(&c, true);

            used[next->owner] += next->cost;
        }
        turns_add(&c.t, turn);
    }
    assert_in_range(used[BULK] * 100 / used[OTHER], 98, 102);
    turns_clear(&c.t);
}

static void test_turns_who_asks_for_little_is_next(void **state UNUSED)
{
    struct crowd c;

    begin(&c);
    for (size_t i = 0; i < 30; i++)
        add(&c, i, BULK, 100);
    for (size_t i = 30; i < 60; i++)
        add(&c, i, OTHER, 100);
    for (size_t round = 0; round < 100; round++) {
        serve(&c, true);
        serve(&c, true);
        serve(&c, true);
        add(&c, 60, LIGHT, 10);
        assert_ptr_equal(serve(&c, false), &c.v[60]);
    }
    turns_clear(&c.t);
}

static void test_turns_leave_and_give_back(void **state UNUSED)
{
    struct crowd c;

    begin(&c);
    add(&c, 0, BULK, 100);
    add(&c, 1, BULK, 100);
    add(&c, 2, OTHER, 100);
    turns_remove(&c.t, &c.v[0]);
    turns_remove(&c.t, &c.v[0]);
    assert_int_equal(c.t.owners, 2);
    assert_ptr_equal(serve(&c, false), &c.v[1]);
    turns_give_back(&c.t, BULK, 100); /* not used: still its turn */
    add(&c, 0, BULK, 100);
    assert_ptr_equal(serve(&c, false), &c.v[0]);
    assert_ptr_equal(serve(&c, false), &c.v[2]);
    assert_int_equal(c.t.n, 0);
    turns_clear(&c.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns_one_owner_first_come_first_served),
        cmocka_unit_test(test_turns_are_shared_by_cost),
        cmocka_unit_test(test_turns_coming_back_is_no_privilege),
        cmocka_unit_test(test_turns_who_asks_for_little_is_next),
        cmocka_unit_test(test_turns_leave_and_give_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
