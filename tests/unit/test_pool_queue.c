/* SPDX-License-Identifier: Apache-2.0
 * test_pool_queue.c: who waits for a place at an address is run when there is one, or when there was none for too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/worker.h"

#include <stdlib.h>

struct waiter {
    struct pool_turn turn;
    struct loop_task task;
    unsigned runs;
};

static struct endpoint_conf conf = {
    .id = 1, .name = (char *)"e", .sni = (char *)"e", .max_connections = 1, .max_queue = 2, .queue_timeout_ms = 1000};
static struct settings settings = {.endpoints = &conf, .endpoints_n = 1};
static struct pool_endpoint *endpoint;
static struct worker worker;
static struct pool_address address;
static struct waiter waiters[3];
enum { alice = 1, bob };

static void on_run(void *arg)
{
    ((struct waiter *)arg)->runs++;
}

static int set_up(void **state UNUSED)
{
    struct netaddr addr;
    struct snapshot snapshot = {.settings = &settings};
    struct err err = {0};

    memset(&worker, 0, sizeof(worker));
    if (!netaddr_parse(STR("192.0.2.1:443"), 443, &addr) || loop_init(&worker.loop, NULL, NULL, NULL, &err)) return -1;
    pool_init(&worker.pool, &worker);
    if (!pool_prepare_snapshot(&worker.pool, &snapshot)) return -1;
    pool_adopt_snapshot(&worker.pool, &snapshot);
    endpoint = pool_find(&worker.pool, conf.id);
    address = (struct pool_address){.of = endpoint, .shared = address_new(&addr, 1)};
    for (size_t i = 0; i < ARRAY_LEN(waiters); i++)
        waiters[i] = (struct waiter){.task = {.run = on_run, .arg = &waiters[i]}};
    return address.shared ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
    pool_clear(&worker.pool);
    address_unref(&address.shared);
    loop_clear(&worker.loop);
    return 0;
}

static bool wait_as(struct waiter *w, uint64_t who)
{
    return pool_wait(&worker.pool, endpoint, &w->turn, who, &w->task);
}

/* One turn of the loop: tasks that were put off run. */
static void turn(void)
{
    for (struct loop_task *t = worker.loop.tasks, *next; t; t = next) {
        next = t->next;
        loop_cancel(&worker.loop, t);
        loop_task_run(t);
    }
}

static struct pool_address *hold(void)
{
    assert_true(pool_hold(&address));
    return &address;
}

static void test_pool_wait_is_called_when_a_place_is_given_up(void **state UNUSED)
{
    struct pool_address *held = hold();

    assert_false(pool_hold(&address));
    assert_true(wait_as(&waiters[0], alice));
    turn();
    assert_int_equal(waiters[0].runs, 0);
    pool_release(&worker.pool, &held);
    assert_int_equal(waiters[0].runs, 0); /* not inside of who gave it up */
    turn();
    assert_int_equal(waiters[0].runs, 1);
    assert_true(waiters[0].turn.called);
    assert_false(waiters[0].turn.expired);
    pool_leave_queue(&worker.pool, &waiters[0].turn);
}

static void test_pool_wait_beyond_max_queue_is_refused(void **state UNUSED)
{
    assert_true(wait_as(&waiters[0], alice));
    assert_true(wait_as(&waiters[1], alice));
    assert_false(wait_as(&waiters[2], bob));
    pool_leave_queue(&worker.pool, &waiters[0].turn);
    assert_true(wait_as(&waiters[2], bob));
    pool_leave_queue(&worker.pool, &waiters[1].turn);
    pool_leave_queue(&worker.pool, &waiters[2].turn);
    assert_int_equal(endpoint->queue.n, 0);
}

static void test_pool_leave_queue_when_called_passes_the_turn_on(void **state UNUSED)
{
    struct pool_address *held = hold();

    assert_true(wait_as(&waiters[0], alice));
    assert_true(wait_as(&waiters[1], bob));
    pool_release(&worker.pool, &held);
    assert_true(waiters[0].turn.called);
    pool_leave_queue(&worker.pool, &waiters[0].turn);
    loop_cancel(&worker.loop, &waiters[0].task);
    turn();
    assert_int_equal(waiters[0].runs, 0);
    assert_int_equal(waiters[1].runs, 1);
    assert_true(waiters[1].turn.called);
    pool_leave_queue(&worker.pool, &waiters[1].turn);
}

static void test_pool_tick_after_queue_timeout_expires_who_waits(void **state UNUSED)
{
    struct pool_address *held = hold();

    assert_true(wait_as(&waiters[0], alice));
    worker.loop.now_us += 900 * 1000;
    assert_true(wait_as(&waiters[1], bob));
    worker.loop.now_us += 200 * 1000;
    pool_tick(&worker.pool);
    turn();
    assert_int_equal(waiters[0].runs, 1);
    assert_true(waiters[0].turn.expired);
    assert_false(waiters[0].turn.place.queued);
    assert_int_equal(waiters[1].runs, 0);
    assert_true(waiters[1].turn.place.queued);
    pool_leave_queue(&worker.pool, &waiters[1].turn);
    pool_release(&worker.pool, &held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pool_wait_is_called_when_a_place_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_wait_beyond_max_queue_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_leave_queue_when_called_passes_the_turn_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_tick_after_queue_timeout_expires_who_waits, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
