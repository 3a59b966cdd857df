/* SPDX-License-Identifier: Apache-2.0
 * test_choice.c: which address takes the next request: each rule, and which of them goes first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/upstream/choice.h"

#define UP .state = ADDRESS_UP, .preferred = true, .share = 100
#define WARMING .state = ADDRESS_UP, .preferred = true, .share = 10
#define FAR .state = ADDRESS_UP, .share = 100

struct row {
    const char *name;
    struct choice v[4];
    size_t n;
    struct choice_request r;
    enum choice_result result;
    size_t at;
};

static void test_choice_pick_rules(void **state UNUSED)
{
    static const struct row rows[] = {
        {"none at all", {{0}}, 0, {0}, CHOICE_NONE, 0},
        {"the only one", {{UP}}, 1, {.turn = 7}, CHOICE_FOUND, 0},
        {"in turn", {{UP}, {UP}, {UP}}, 3, {.turn = 1}, CHOICE_FOUND, 1},
        {"in turn, round", {{UP}, {UP}, {UP}}, 3, {.turn = 3}, CHOICE_FOUND, 0},
        {"least outstanding",
         {{UP, .in_flight = 3}, {UP, .in_flight = 1}, {UP, .in_flight = 2}},
         3,
         {0},
         CHOICE_FOUND,
         1},
        {"zone before load", {{FAR}, {UP, .in_flight = 50}}, 2, {0}, CHOICE_FOUND, 1},
        {"other zone when full", {{FAR}, {UP, .in_flight = 50}}, 2, {.max_in_flight = 50}, CHOICE_FOUND, 0},
        {"other zone before a doubt",
         {{.state = ADDRESS_SUSPECT, .preferred = true, .share = 100}, {FAR}},
         2,
         {0},
         CHOICE_FOUND,
         1},
        {"avoided", {{UP, .avoided = true}, {UP, .in_flight = 9}}, 2, {0}, CHOICE_FOUND, 1},
        {"avoided, nothing else", {{UP, .avoided = true}, {UP, .tried = true}}, 2, {0}, CHOICE_FOUND, 0},
        {"doubt before down",
         {{.state = ADDRESS_DOWN, .share = 100}, {.state = ADDRESS_SUSPECT, .share = 100}},
         2,
         {0},
         CHOICE_FOUND,
         1},
        {"down rather than nothing", {{.state = ADDRESS_DOWN, .share = 100}}, 1, {0}, CHOICE_FOUND, 0},
        {"barred never", {{.state = ADDRESS_DOWN, .barred = true, .share = 100}}, 1, {0}, CHOICE_NONE, 0},
        {"barred never, even up",
         {{UP, .barred = true}, {.state = ADDRESS_DOWN, .share = 100}},
         2,
         {0},
         CHOICE_FOUND,
         1},
        {"tried", {{UP, .tried = true}, {UP, .tried = true}}, 2, {0}, CHOICE_NONE, 0},
        {"half-open gets one",
         {{UP, .in_flight = 1}, {.state = ADDRESS_HALF_OPEN, .preferred = true, .share = 100}},
         2,
         {0},
         CHOICE_FOUND,
         1},
        {"half-open gets no second",
         {{UP, .in_flight = 5},
          {.state = ADDRESS_HALF_OPEN, .preferred = true, .share = 100, .in_flight = 1, .mine = 1}},
         2,
         {0},
         CHOICE_FOUND,
         0},
        {"half-open gets no body",
         {{UP, .in_flight = 5}, {.state = ADDRESS_HALF_OPEN, .preferred = true, .share = 100}},
         2,
         {.has_body = true},
         CHOICE_FOUND,
         0},
        {"half-open before suspect",
         {{.state = ADDRESS_SUSPECT, .share = 100}, {.state = ADDRESS_HALF_OPEN, .share = 100, .mine = 1}},
         2,
         {0},
         CHOICE_FOUND,
         1},
        {"slow start: its share", {{UP, .in_flight = 8}, {WARMING}}, 2, {0}, CHOICE_FOUND, 0},
        {"slow start: its turn", {{UP, .in_flight = 10}, {WARMING}}, 2, {0}, CHOICE_FOUND, 1},
        {"slow start shares with the other zone", {{FAR, .in_flight = 10}, {WARMING}}, 2, {0}, CHOICE_FOUND, 1},
        {"slow start shares with the other zone, its turn",
         {{FAR, .in_flight = 8}, {WARMING}},
         2,
         {0},
         CHOICE_FOUND,
         0},
        {"the zone holds", {{FAR}, {WARMING, .in_flight = 3}, {UP, .in_flight = 20}}, 3, {0}, CHOICE_FOUND, 2},
        {"all full", {{UP, .in_flight = 2}, {UP, .in_flight = 3}}, 2, {.max_in_flight = 2}, CHOICE_FULL, 0},
        {"full rather than down",
         {{UP, .in_flight = 2}, {.state = ADDRESS_DOWN, .share = 100}},
         2,
         {.max_in_flight = 2},
         CHOICE_FULL,
         0},
        {"room", {{UP, .in_flight = 2}, {UP, .in_flight = 1}}, 2, {.max_in_flight = 2}, CHOICE_FOUND, 1},
        {"no limit", {{UP, .in_flight = 1000000}}, 1, {0}, CHOICE_FOUND, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t at = 99;
        enum choice_result result = choice_pick(rows[i].v, rows[i].n, &rows[i].r, &at);

        if (result != rows[i].result || (result == CHOICE_FOUND && at != rows[i].at))
            print_error("%s: result %d, at %zu\n", rows[i].name, (int)result, at);
        assert_int_equal(result, rows[i].result);
        if (result == CHOICE_FOUND) assert_int_equal(at, rows[i].at);
    }
}

static void test_choice_share_grows(void **state UNUSED)
{
    assert_int_equal(choice_share(0, 10000000, 5), 100);
    assert_int_equal(choice_share(1000, 0, 1000), 100);
    assert_int_equal(choice_share(1000, 10000000, 1000), 10);
    assert_int_equal(choice_share(1000, 10000000, 500), 10);
    assert_int_equal(choice_share(1000, 10000000, 1001000), 10);
    assert_int_equal(choice_share(1000, 10000000, 5001000), 50);
    assert_int_equal(choice_share(1000, 10000000, 9999000), 99);
    assert_int_equal(choice_share(1000, 10000000, 10001000), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice_pick_rules),
        cmocka_unit_test(test_choice_share_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
