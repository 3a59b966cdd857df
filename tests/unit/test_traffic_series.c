/* SPDX-License-Identifier: Apache-2.0
 * test_traffic_series.c: who has a series keeps it, no sum falls, and there are never more than so many.
 */
#include "admin/traffic_series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct standing *names;
static struct traffic *traffic;
static struct traffic_series *series;
static uint32_t endpoint;

static int set_up(void **state)
{
    (void)state;
    names = standing_new();
    traffic = traffic_new(2);
    series = traffic_series_new(traffic, names);
    assert_non_null(names);
    assert_non_null(series);
    endpoint = standing_id(names, STANDING_ENDPOINT, STR("tokyo"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    traffic_series_free(&series);
    traffic_free(&traffic);
    standing_free(&names);
    return 0;
}

static void add(size_t table, const char *client, const char *bucket, const char *zone, uint32_t address, uint64_t n)
{
    struct traffic_key k = {.endpoint = endpoint, .address = address};

    k.principal = standing_id(names, STANDING_PRINCIPAL, str_from(client));
    snprintf(k.bucket, sizeof(k.bucket), "%s", bucket);
    snprintf(k.zone, sizeof(k.zone), "%s", zone);
    traffic_add(traffic_table(traffic, table), &k, true, TRAFFIC_BYTES_IN, n);
    traffic_add(traffic_table(traffic, table), &k, true, TRAFFIC_BYTES_OUT, 2 * n);
}

/* The upload of the only series with these labels; UINT64_MAX: there is none. */
static uint64_t upload_of(const char *client, const char *bucket, const char *zone)
{
    const struct traffic_line *l;
    char labels[256];
    uint64_t found = UINT64_MAX;
    bool other = strcmp(zone, TRAFFIC_OTHER) == 0;

    snprintf(labels, sizeof(labels), "client=\"%s\",bucket=\"%s\",endpoint=\"%s\",zone=\"%s\"", client, bucket,
             other ? TRAFFIC_OTHER : "tokyo", zone);
    for (size_t i = 0; (l = traffic_series_line(series, i)); i++) {
        if (l->n != strlen(labels) || memcmp(l->labels, labels, l->n) != 0) continue;
        assert_true(found == UINT64_MAX);
        found = l->v[TRAFFIC_UPLOAD];
        assert_true(l->v[TRAFFIC_DOWNLOAD] == 2 * found);
    }
    return found;
}

static size_t count(void)
{
    size_t n = 0;

    while (traffic_series_line(series, n))
        n++;
    return n;
}

/* Both workers' and all addresses of a zone are one series; a look twice counts nothing twice. */
static void test_rows_are_added_up(void **state)
{
    (void)state;
    add(0, "alice", "red", "a", 1, 1);
    add(0, "alice", "red", "a", 2, 10);
    add(1, "alice", "red", "a", 1, 100);
    add(1, "alice", "red", "c", 3, 1000);
    for (int i = 0; i < 2; i++) {
        traffic_series_look(series, 10);
        assert_int_equal(count(), 2);
        assert_true(upload_of("alice", "red", "a") == 111);
        assert_true(upload_of("alice", "red", "c") == 1000);
    }
}

static void test_who_has_a_series_keeps_it(void **state)
{
    (void)state;
    add(1, "alice", "red", "a", 1, 1);
    add(1, "alice", "blue", "a", 1, 2);
    traffic_series_look(series, 2);
    add(0, "bob", "red", "a", 1, 4); /* of the first table, and seen later */
    add(0, "bob", "blue", "c", 2, 8);
    traffic_series_look(series, 2);
    add(0, "alice", "red", "a", 1, 16); /* a new row of a series that is there */
    traffic_series_look(series, 2);
    assert_true(upload_of("alice", "red", "a") == 17);
    assert_true(upload_of("alice", "blue", "a") == 2);
    assert_true(upload_of(TRAFFIC_OTHER, TRAFFIC_OTHER, "a") == 4);
    assert_true(upload_of(TRAFFIC_OTHER, TRAFFIC_OTHER, "c") == 8);
    traffic_series_look(series, 10); /* more room later takes nothing away from (other) */
    add(0, "bob", "gold", "a", 1, 32);
    traffic_series_look(series, 10);
    assert_true(upload_of(TRAFFIC_OTHER, TRAFFIC_OTHER, "a") == 4);
    assert_true(upload_of("bob", "gold", "a") == 32);
}

static void test_there_are_never_too_many(void **state)
{
    uint64_t sum = 0;
    const struct traffic_line *l;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        char zone[16], bucket[16];

        snprintf(zone, sizeof(zone), "z%u", i % 300);
        snprintf(bucket, sizeof(bucket), "b%u", i);
        add(i % 2, "alice", bucket, zone, 1 + i % 300, 1);
        if (i % 100 == 0) traffic_series_look(series, 5);
    }
    traffic_series_look(series, 5);
    assert_int_equal(count(), 5 + 64);
    for (size_t i = 0; (l = traffic_series_line(series, i)); i++)
        sum += l->v[TRAFFIC_UPLOAD];
    assert_true(sum == 3000);
    assert_true(upload_of(TRAFFIC_OTHER, TRAFFIC_OTHER, TRAFFIC_OTHER) != UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_added_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_has_a_series_keeps_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_there_are_never_too_many, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
