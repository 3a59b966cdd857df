/* SPDX-License-Identifier: Apache-2.0
 * test_address.c: tables and addresses live as long as somebody holds them; many threads may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/upstream/address.h"

#include <pthread.h>
#include <stdlib.h>

static struct address *make(const char *text)
{
    struct netaddr a;

    assert_true(netaddr_parse(str_from(text), 443, &a));
    return address_new(&a, 1);
}

static void test_address_table_holds_its_addresses(void **state UNUSED)
{
    struct address *a = make("10.0.0.1"), *mine = address_ref(a);
    struct address_table *t = address_table_new(2), *second = address_table_ref(t);

    assert_string_equal(a->text, "10.0.0.1:443");
    assert_true(address_table_reserve(t, 1, 1));
    t->endpoints[1].v[t->endpoints[1].n++].address = a;
    address_table_unref(&t);
    assert_null(t);
    assert_string_equal(second->endpoints[1].v[0].address->text, "10.0.0.1:443");
    address_table_unref(&second);
    assert_int_equal(mine->id, 1);
    assert_int_equal(atomic_load(&mine->refs), 1);
    address_unref(&mine);
    address_unref(&mine);
    address_table_unref(&second);
}

static _Atomic(struct address_table *) offered;

static void *take(void *arg UNUSED)
{
    size_t *n = calloc(1, sizeof(size_t));

    for (int i = 0; i < 100000; i++) {
        struct address_table *t = atomic_exchange_explicit(&offered, NULL, memory_order_acq_rel);

        if (t && t->endpoints[0].v[0].address->text[0] == '1') (*n)++;
        address_table_unref(&t);
    }
    return n;
}

/* As the pools do: what one thread offers another takes, whole. */
static void test_address_table_passes_between_threads(void **state UNUSED)
{
    pthread_t thread;
    void *taken;
    struct address *a = make("10.0.0.1");
    struct address_table *left;

    assert_int_equal(pthread_create(&thread, NULL, take, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        struct address_table *t = address_table_new(1), *old;

        assert_true(address_table_reserve(t, 0, 1));
        t->endpoints[0].v[t->endpoints[0].n++].address = address_ref(a);
        old = atomic_exchange_explicit(&offered, t, memory_order_acq_rel);
        address_table_unref(&old);
    }
    assert_int_equal(pthread_join(thread, &taken), 0);
    left = atomic_exchange(&offered, NULL);
    address_table_unref(&left);
    free(taken);
    assert_int_equal(atomic_load(&a->refs), 1);
    address_unref(&a);
}

static void test_address_names(void **state UNUSED)
{
    assert_string_equal(address_state_name(ADDRESS_HALF_OPEN), "half-open");
    assert_string_equal(address_state_name(ADDRESS_DOWN), "down");
    assert_string_equal(dns_state_name(DNS_PUBLIC), "dns-public");
    assert_string_equal(address_fault_name(FAULT_CERTIFICATE), "wrong certificate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_table_holds_its_addresses),
        cmocka_unit_test(test_address_table_passes_between_threads),
        cmocka_unit_test(test_address_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
