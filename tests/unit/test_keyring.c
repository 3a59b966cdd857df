/* SPDX-License-Identifier: Apache-2.0
 * test_keyring.c: who waits for keys is run when they come, and once a tick; a lease takes what is newer than what was
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/upstream/keyring.h"

#include <stdlib.h>

enum { WAIT_MS = 1000 };

static const struct key_slot slot = {.section = 1};

struct waiter {
    struct key_lease lease;
    struct loop_task task;
    unsigned runs;
    enum keys_result last;
    struct waiter *ends; /* the other one ends while this one runs */
};

static struct loop loop;
static struct key_needs *needs;
static struct keyring keyring;
static unsigned wakes;
static struct waiter waiters[2];

static enum keys_result take(struct waiter *w)
{
    return w->last = keyring_take(&keyring, &slot, &w->lease, WAIT_MS, &w->task);
}

static void on_run(void *arg)
{
    struct waiter *w = arg;

    w->runs++;
    if (w->ends) keyring_leave(&w->ends->lease);
    take(w);
}

static void on_wake(void *arg UNUSED)
{
    wakes++;
}

static int set_up(void **state UNUSED)
{
    struct err err = {0};

    wakes = 0;
    if (loop_init(&loop, NULL, NULL, NULL, &err) || !(needs = key_needs_new())) return -1;
    needs->wake = on_wake;
    keyring_init(&keyring, &loop, needs);
    for (size_t i = 0; i < ARRAY_LEN(waiters); i++)
        waiters[i] = (struct waiter){.task = {.run = on_run, .arg = &waiters[i]}};
    return 0;
}

static int tear_down(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(waiters); i++) {
        keyring_leave(&waiters[i].lease);
        credentials_unref(&waiters[i].lease.keys);
    }
    keyring_clear(&keyring);
    key_needs_free(&needs);
    loop_clear(&loop);
    return 0;
}

static void offer(struct credentials *c)
{
    assert_non_null(c);
    keyring_offer(&keyring, key_needs_get(needs, &slot), c);
    credentials_unref(&c);
}

static void offer_version(uint64_t version)
{
    offer(credentials_new(version, "AKIDEXAMPLE", "secret", NULL, 0));
}

static void test_keyring_take_without_keys_waits_and_wakes_the_fetcher_once(void **state UNUSED)
{
    assert_int_equal(take(&waiters[0]), KEYS_WAIT);
    assert_int_equal(take(&waiters[0]), KEYS_WAIT);
    assert_true(keyring_waits(&waiters[0].lease));
    assert_int_equal(wakes, 1);
}

static void test_keyring_offer_runs_all_that_wait(void **state UNUSED)
{
    take(&waiters[0]);
    take(&waiters[1]);
    offer_version(1);
    keyring_tick(&keyring);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(waiters[i].runs, 1);
        assert_int_equal(waiters[i].last, KEYS_TAKEN);
        assert_int_equal(waiters[i].lease.keys->version, 1);
        assert_false(keyring_waits(&waiters[i].lease));
    }
    keyring_tick(&keyring);
    assert_int_equal(waiters[0].runs + waiters[1].runs, 2);
}

static void test_keyring_tick_runs_who_still_waits_once(void **state UNUSED)
{
    take(&waiters[0]);
    keyring_tick(&keyring);
    keyring_tick(&keyring);
    assert_int_equal(waiters[0].runs, 2);
    assert_int_equal(waiters[0].last, KEYS_WAIT);
}

static void test_keyring_take_gives_up_after_its_time(void **state UNUSED)
{
    take(&waiters[0]);
    loop.now_us += WAIT_MS * 1000;
    keyring_tick(&keyring);
    assert_int_equal(waiters[0].last, KEYS_NONE);
    assert_false(keyring_waits(&waiters[0].lease));
    assert_null(keyring_now(&keyring, &waiters[0].lease));
}

static void test_keyring_take_does_not_wait_for_what_never_comes(void **state UNUSED)
{
    offer(credentials_none(1, true, "no such file"));
    assert_int_equal(take(&waiters[0]), KEYS_NONE);
    assert_string_equal(keyring_now(&keyring, &waiters[0].lease)->why, "no such file");
}

static void test_keyring_one_may_end_the_other_while_both_are_run(void **state UNUSED)
{
    waiters[0].ends = &waiters[1];
    waiters[1].ends = &waiters[0];
    take(&waiters[0]);
    take(&waiters[1]);
    offer_version(1);
    keyring_tick(&keyring);
    assert_int_equal(waiters[0].runs + waiters[1].runs, 1);
}

static void test_keyring_refused_keys_are_not_taken_again(void **state UNUSED)
{
    offer_version(3);
    assert_int_equal(take(&waiters[0]), KEYS_TAKEN);
    assert_true(keyring_refused(&keyring, &waiters[0].lease));
    assert_int_equal(atomic_load(&key_needs_get(needs, &slot)->refused), 3);
    assert_int_equal(take(&waiters[0]), KEYS_WAIT);
    offer_version(4);
    keyring_tick(&keyring);
    assert_int_equal(waiters[0].lease.keys->version, 4);
    assert_false(keyring_refused(&keyring, &waiters[0].lease)); /* once */
}

static void test_keyring_slots_are_told_by_numbers_and_made_when_wanted(void **state UNUSED)
{
    const struct key_slot hers = {1, 7, "alice"}, his = {1, 8, "bob"};
    struct key_need *need = key_needs_get(needs, &hers);

    assert_ptr_equal(key_needs_get(needs, &hers), need);
    assert_ptr_not_equal(key_needs_get(needs, &his), need);
    assert_string_equal(need->client, "alice");
    assert_null(key_needs_take_told(needs));
    assert_int_equal(keyring_take(&keyring, &his, &waiters[0].lease, WAIT_MS, &waiters[0].task), KEYS_WAIT);
    need = key_needs_take_told(needs);
    assert_string_equal(need->client, "bob");
    assert_null(need->next_told);
}

static void test_keyring_a_slot_that_is_gone_has_no_keys(void **state UNUSED)
{
    offer(credentials_new(1, "AKID", "secret", NULL, 0));
    assert_int_equal(take(&waiters[0]), KEYS_TAKEN);
    keyring_offer(&keyring, key_needs_get(needs, &slot), NULL);
    assert_int_equal(take(&waiters[1]), KEYS_WAIT);
    assert_string_equal(waiters[0].lease.keys->access_key_id, "AKID");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_keyring_take_without_keys_waits_and_wakes_the_fetcher_once),
        T(test_keyring_offer_runs_all_that_wait),
        T(test_keyring_tick_runs_who_still_waits_once),
        T(test_keyring_take_gives_up_after_its_time),
        T(test_keyring_take_does_not_wait_for_what_never_comes),
        T(test_keyring_one_may_end_the_other_while_both_are_run),
        T(test_keyring_refused_keys_are_not_taken_again),
        T(test_keyring_slots_are_told_by_numbers_and_made_when_wanted),
        T(test_keyring_a_slot_that_is_gone_has_no_keys),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
