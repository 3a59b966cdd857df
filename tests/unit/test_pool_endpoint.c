/* SPDX-License-Identifier: Apache-2.0
 * test_pool_endpoint.c: pools follow snapshots: an endpoint is the same one wherever its section stands, and lives as
 * long as a snapshot in use names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/worker.h"

#include <stdlib.h>

enum { A = 1, B, C };

static struct worker worker;
static struct pool *pool;

/* Settings with these endpoints, in this order; the caller frees them. */
static struct settings *settings_of(const uint32_t *ids, size_t n)
{
    struct settings *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->endpoints = calloc(n + 1, sizeof(*s->endpoints));
    assert_non_null(s->endpoints);
    for (size_t i = 0; i < n; i++)
        s->endpoints[i] = (struct endpoint_conf){.id = ids[i], .sni = (char *)"s3", .max_idle = 2};
    s->endpoints_n = n;
    return s;
}

static struct snapshot snapshot_of(const uint32_t *ids, size_t n)
{
    return (struct snapshot){.settings = settings_of(ids, n)};
}

#define SNAPSHOT(...) \
    snapshot_of((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void adopt(struct snapshot *s)
{
    assert_true(pool_prepare_snapshot(pool, s));
    pool_adopt_snapshot(pool, s);
}

static void leave(struct snapshot *s)
{
    pool_forget_snapshot(pool, s);
    free(s->settings->endpoints);
    free(s->settings);
}

static struct address *make_address(const char *text)
{
    struct netaddr a;

    assert_true(netaddr_parse(str_from(text), 443, &a));
    return address_new(&a, 1);
}

/* One address for each of the endpoints. */
static void offer(const uint32_t *ids, struct address *const *addresses, size_t n)
{
    struct address_table *t = address_table_new(n);

    assert_non_null(t);
    for (size_t i = 0; i < n; i++) {
        t->endpoints[i].id = ids[i];
        assert_true(address_table_reserve(t, i, 1));
        t->endpoints[i].v[t->endpoints[i].n++].address = address_ref(addresses[i]);
    }
    pool_offer(pool, t);
    address_table_unref(&t);
}

static int set_up(void **state UNUSED)
{
    struct err err = {0};

    memset(&worker, 0, sizeof(worker));
    pool = &worker.pool;
    pool_init(pool, &worker);
    return loop_init(&worker.loop, NULL, NULL, NULL, &err) == ERR_NONE ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
    pool_clear(pool);
    loop_clear(&worker.loop);
    return 0;
}

static void test_pool_endpoint_is_the_same_in_any_order(void **state UNUSED)
{
    struct snapshot first = SNAPSHOT(A, B), second = SNAPSHOT(C, B, A);
    struct pool_endpoint *a, *b;

    adopt(&first);
    a = pool_find(pool, A);
    b = pool_find(pool, B);
    b->mute_until_us = 7;
    adopt(&second);
    leave(&first);
    assert_ptr_equal(pool_find(pool, A), a);
    assert_ptr_equal(pool_find(pool, B), b);
    assert_int_equal(b->mute_until_us, 7);
    assert_false(a->left || b->left || pool_find(pool, C)->left);
    leave(&second);
    assert_null(pool_find(pool, A));
}

static void test_pool_endpoint_stays_while_a_snapshot_in_use_names_it(void **state UNUSED)
{
    struct snapshot first = SNAPSHOT(A, B), second = SNAPSHOT(B), third = SNAPSHOT(B);

    adopt(&first);
    adopt(&second);
    leave(&second); /* nobody began under it */
    adopt(&third);
    assert_non_null(pool_find(pool, A));
    assert_true(pool_find(pool, A)->left);
    assert_false(pool_find(pool, B)->left);
    leave(&first);
    assert_null(pool_find(pool, A));
    assert_non_null(pool_find(pool, B));
    leave(&third);
    assert_null(pool_find(pool, B));
}

/* The last request of the older one ends while the next one waits for the other workers. */
static void test_pool_endpoint_that_comes_back_stays_while_it_is_awaited(void **state UNUSED)
{
    struct snapshot first = SNAPSHOT(A, B), second = SNAPSHOT(B), third = SNAPSHOT(A, B);

    adopt(&first);
    adopt(&second);
    assert_true(pool_prepare_snapshot(pool, &third));
    leave(&first);
    assert_non_null(pool_find(pool, A));
    pool_adopt_snapshot(pool, &third);
    assert_false(pool_find(pool, A)->left);
    leave(&second);
    leave(&third);
    assert_null(pool_find(pool, A));
}

static void test_pool_endpoint_of_a_snapshot_that_was_given_up_goes_with_the_next(void **state UNUSED)
{
    struct snapshot first = SNAPSHOT(A), refused = SNAPSHOT(A, B), second = SNAPSHOT(A), third = SNAPSHOT(A, C);

    adopt(&first);
    assert_true(pool_prepare_snapshot(pool, &refused));
    assert_non_null(pool_find(pool, B));
    adopt(&second);
    assert_null(pool_find(pool, B));
    assert_true(pool_prepare_snapshot(pool, &refused));
    assert_true(pool_prepare_snapshot(pool, &third));
    assert_null(pool_find(pool, B));
    assert_non_null(pool_find(pool, C));
    free(refused.settings->endpoints);
    free(refused.settings);
    leave(&first);
    leave(&second);
    free(third.settings->endpoints);
    free(third.settings);
    assert_non_null(pool_find(pool, A));
}

/* A request that began under the older snapshot still finds a way; addresses and their state survive. */
static void test_pool_endpoint_that_left_keeps_its_addresses(void **state UNUSED)
{
    struct snapshot first = SNAPSHOT(A, B), second = SNAPSHOT(B);
    struct address *v[] = {make_address("10.0.0.1"), make_address("10.0.0.2")};
    struct pool_address *a = NULL, *b = NULL;

    offer((const uint32_t[]){A, B}, v, 2);
    adopt(&first);
    assert_int_equal(pool_pick(pool, pool_find(pool, B), 0, false, &b), CHOICE_FOUND);
    assert_ptr_equal(b->shared, v[1]);
    offer((const uint32_t[]){B}, v + 1, 1);
    adopt(&second);
    assert_int_equal(pool_pick(pool, pool_find(pool, A), 0, false, &a), CHOICE_FOUND);
    assert_ptr_equal(a->shared, v[0]);
    assert_true(pool_hold(a));
    pool_tick(pool);
    pool_release(pool, &a);
    leave(&first);
    assert_int_equal(atomic_load(&v[0]->refs), 1); /* the pool let it go */
    assert_int_equal(pool_pick(pool, pool_find(pool, B), 0, false, &a), CHOICE_FOUND);
    assert_ptr_equal(a, b);
    leave(&second);
    address_unref(&v[0]);
    pool_clear(pool);
    address_unref(&v[1]);
}

/* The table is there before the snapshot that names the endpoint. */
static void test_pool_endpoint_that_is_new_has_addresses_at_once(void **state UNUSED)
{
    struct snapshot first = SNAPSHOT(A), second = SNAPSHOT(A, C);
    struct address *v[] = {make_address("10.0.0.1"), make_address("10.0.0.3")};
    struct pool_address *c = NULL;

    adopt(&first);
    assert_int_equal(pool_pick(pool, pool_find(pool, A), 0, false, &c), CHOICE_NONE);
    offer((const uint32_t[]){A, C}, v, 2);
    assert_int_equal(pool_pick(pool, pool_find(pool, A), 0, false, &c), CHOICE_FOUND);
    adopt(&second);
    assert_int_equal(pool_pick(pool, pool_find(pool, C), 0, false, &c), CHOICE_FOUND);
    assert_ptr_equal(c->shared, v[1]);
    leave(&first);
    leave(&second);
    pool_clear(pool);
    address_unref(&v[0]);
    address_unref(&v[1]);
}

static void test_pool_endpoint_rules_change_connections_of_another_name_end(void **state UNUSED)
{
    struct snapshot first = SNAPSHOT(A), second = SNAPSHOT(A), third = SNAPSHOT(A);
    unsigned generation;

    adopt(&first);
    generation = pool_find(pool, A)->generation;
    second.settings->endpoints[0].max_connections = 3;
    adopt(&second);
    assert_int_equal(pool_find(pool, A)->rules.max_connections, 3);
    assert_int_equal(pool_find(pool, A)->generation, generation);
    third.settings->endpoints[0].sni = (char *)"other";
    adopt(&third);
    assert_int_not_equal(pool_find(pool, A)->generation, generation);
    leave(&first);
    leave(&second);
    leave(&third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pool_endpoint_is_the_same_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_endpoint_stays_while_a_snapshot_in_use_names_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_endpoint_that_comes_back_stays_while_it_is_awaited, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pool_endpoint_of_a_snapshot_that_was_given_up_goes_with_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pool_endpoint_that_left_keeps_its_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_endpoint_that_is_new_has_addresses_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_endpoint_rules_change_connections_of_another_name_end, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
