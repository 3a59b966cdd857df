/* SPDX-License-Identifier: Apache-2.0
 * test_traffic.c: rows by caller, bucket and address; what never gets a row; that there are never too many; several
 * threads.
 */
#include "flow/traffic.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct traffic_key key(uint32_t principal, const char *bucket, uint32_t address, const char *zone)
{
    struct traffic_key k = {.principal = principal, .endpoint = 1, .address = address};

    snprintf(k.bucket, sizeof(k.bucket), "%s", bucket);
    snprintf(k.zone, sizeof(k.zone), "%s", zone);
    snprintf(k.address_text, sizeof(k.address_text), "10.0.0.%u:443", address);
    return k;
}

static void add(struct traffic *t, size_t table, const struct traffic_key *k, bool vouched, uint64_t n)
{
    traffic_add(traffic_table(t, table), k, vouched, TRAFFIC_BYTES_OUT, n);
}

/* Of the only row that has that caller and bucket; UINT64_MAX: there is none, or more than one. */
static uint64_t bytes_of(const struct traffic *t, unsigned by, uint32_t principal, const char *bucket)
{
    struct traffic_sum *v;
    size_t n = traffic_sum(t, by, &v), found = 0;
    uint64_t bytes = UINT64_MAX;

    assert_int_not_equal(n, SIZE_MAX);
    for (size_t i = 0; i < n; i++) {
        if (v[i].key.principal != principal || strcmp(v[i].key.bucket, bucket) != 0) continue;
        found++;
        bytes = v[i].v[TRAFFIC_BYTES_OUT];
    }
    free(v);
    return found == 1 ? bytes : UINT64_MAX;
}

static void test_rows_are_told_apart_and_added_up(void **state)
{
    enum { ALL = TRAFFIC_BY_CLIENT | TRAFFIC_BY_BUCKET | TRAFFIC_BY_ZONE };
    struct traffic *t = traffic_new(2);
    struct traffic_key a = key(1, "red", 1, "a"), b = key(1, "red", 2, "b"), c = key(2, "red", 1, "a"),
                       d = key(1, "blue", 1, "a"), e = key(1, "blue", 3, "a");
    struct traffic_sum *v;

    (void)state;
    assert_non_null(t);
    add(t, 0, &a, true, 1);
    add(t, 1, &a, true, 10);
    add(t, 1, &b, true, 100);
    add(t, 0, &c, true, 1000);
    add(t, 1, &d, true, 10000);
    add(t, 1, &e, true, 100000);
    assert_int_equal(bytes_of(t, TRAFFIC_BY_CLIENT | TRAFFIC_BY_BUCKET, 1, "red"), 111);
    assert_int_equal(bytes_of(t, TRAFFIC_BY_CLIENT, 2, ""), 1000);
    assert_int_equal(bytes_of(t, TRAFFIC_BY_BUCKET, 0, "red"), 1111);
    assert_int_equal(bytes_of(t, ALL, 1, "blue"), 110000);    /* two addresses of a zone */
    assert_int_equal(bytes_of(t, ALL, 1, "red"), UINT64_MAX); /* two zones */
    assert_int_equal(bytes_of(t, 0, 0, ""), 111111);
    assert_int_equal(traffic_sum(t, TRAFFIC_BY_ADDRESS, &v), 3);
    free(v);
    traffic_free(&t);
    assert_null(t);
}

static void test_bucket_that_nobody_saw_gets_no_row(void **state)
{
    struct traffic *t = traffic_new(1);
    struct traffic_key scan = key(1, "none-such", 1, "a"), real = key(1, "real", 1, "a");

    (void)state;
    assert_non_null(t);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(scan.bucket, sizeof(scan.bucket), "none-%u", i);
        add(t, 0, &scan, false, 1);
    }
    assert_int_equal(bytes_of(t, TRAFFIC_BY_CLIENT | TRAFFIC_BY_BUCKET, 1, ""), 1000);
    add(t, 0, &real, true, 1);
    add(t, 0, &real, false, 1); /* an object that is not there, in a bucket that is */
    assert_int_equal(bytes_of(t, TRAFFIC_BY_CLIENT | TRAFFIC_BY_BUCKET, 1, "real"), 2);
    traffic_free(&t);
}

static void test_rows_have_an_end_and_nothing_is_lost(void **state)
{
    enum { MANY = 2 * TRAFFIC_ROWS, ADDRESSES = 700 };
    struct traffic *t = traffic_new(1);
    struct traffic_sum *v;
    size_t n;

    (void)state;
    assert_non_null(t);
    for (uint32_t i = 0; i < MANY; i++) {
        struct traffic_key k = key(1 + i, "b", 1 + i % 2, i % 2 ? "a" : "b");

        add(t, 0, &k, true, 1);
    }
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        struct traffic_key k = key(MANY + i, "b", 100 + i, "c");

        add(t, 0, &k, true, 1);
    }
    n = traffic_sum(t, TRAFFIC_BY_CLIENT | TRAFFIC_BY_BUCKET | TRAFFIC_BY_ADDRESS, &v);
    assert_int_equal(n, TRAFFIC_ROWS);
    free(v);
    assert_int_equal(bytes_of(t, 0, 0, ""), MANY + ADDRESSES);
    assert_int_equal(bytes_of(t, TRAFFIC_BY_BUCKET, 0, "b") + bytes_of(t, TRAFFIC_BY_BUCKET, 0, TRAFFIC_OTHER),
                     MANY + ADDRESSES);
    traffic_free(&t);
}

struct counter {
    struct traffic_table *table;
    pthread_t thread;
};

enum { ROUNDS = 20000, BUCKETS = 300 };

static void *count(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        char name[32];
        struct traffic_key k;

        snprintf(name, sizeof(name), "bucket-%u", i % BUCKETS);
        k = key(1 + i % 7, name, 1, "a");
        traffic_add(((struct counter *)arg)->table, &k, true, TRAFFIC_BYTES_OUT, 3);
    }
    return NULL;
}

static void test_sum_is_exact_whoever_counts(void **state)
{
    struct traffic *t = traffic_new(3);
    struct counter c[3];
    uint64_t before = 0;

    (void)state;
    assert_non_null(t);
    for (size_t i = 0; i < 3; i++) {
        c[i].table = traffic_table(t, i);
        assert_int_equal(pthread_create(&c[i].thread, NULL, count, &c[i]), 0);
    }
    for (int i = 0; i < 50; i++) {
        struct traffic_sum *v;
        size_t n = traffic_sum(t, 0, &v);
        uint64_t now = n ? v[0].v[TRAFFIC_BYTES_OUT] : 0;

        assert_true(n <= 1 && now >= before);
        before = now;
        free(v);
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
    assert_int_equal(bytes_of(t, 0, 0, ""), 3 * ROUNDS * 3);
    traffic_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_told_apart_and_added_up),
        cmocka_unit_test(test_bucket_that_nobody_saw_gets_no_row),
        cmocka_unit_test(test_rows_have_an_end_and_nothing_is_lost),
        cmocka_unit_test(test_sum_is_exact_whoever_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
