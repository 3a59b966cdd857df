/* SPDX-License-Identifier: Apache-2.0
 * test_stats.c: several threads count while one adds up; rows far apart; the table itself.
 */
#include "flow/stats.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 20000, IDS = 500 };

struct counter {
    struct stats_block *block;
    pthread_t thread;
    uint32_t first;
};

static void *count(void *arg)
{
    struct counter *c = arg;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        _Atomic uint64_t *row = stats_row(c->block, STATS_OF_PRINCIPAL, (c->first + i) % IDS);

        stats_add(row, STATS_PRINCIPAL_REQUESTS, 1);
        stats_add(row, STATS_PRINCIPAL_BYTES_IN, i);
    }
    return NULL;
}

static void sum_all(const struct stats *s, uint64_t out[STATS_PRINCIPAL_SLOTS])
{
    memset(out, 0, STATS_PRINCIPAL_SLOTS * sizeof(out[0]));
    for (uint32_t id = 0; id < IDS; id++) {
        uint64_t row[STATS_PRINCIPAL_SLOTS];

        stats_sum(s, STATS_OF_PRINCIPAL, id, row);
        for (size_t i = 0; i < STATS_PRINCIPAL_SLOTS; i++)
            out[i] += row[i];
    }
}

static void test_sum_is_exact_whoever_counts(void **state)
{
    struct stats *s = stats_new(THREADS);
    struct counter c[THREADS];
    uint64_t before = 0, sums[STATS_PRINCIPAL_SLOTS];

    (void)state;
    assert_non_null(s);
    for (uint32_t i = 0; i < THREADS; i++) {
        c[i] = (struct counter){.block = stats_block(s, i), .first = i * 100};
        assert_int_equal(pthread_create(&c[i].thread, NULL, count, &c[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        sum_all(s, sums);
        assert_true(sums[STATS_PRINCIPAL_REQUESTS] >= before);
        before = sums[STATS_PRINCIPAL_REQUESTS];
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
    sum_all(s, sums);
    assert_true(stats_has(s, STATS_OF_PRINCIPAL, IDS - 1));
    assert_false(stats_has(s, STATS_OF_PRINCIPAL, IDS) || stats_has(s, STATS_OF_PRINCIPAL, 1000000));
    assert_int_equal(sums[STATS_PRINCIPAL_REQUESTS], THREADS * ROUNDS);
    assert_int_equal(sums[STATS_PRINCIPAL_BYTES_IN], (uint64_t)THREADS * ROUNDS * (ROUNDS - 1) / 2);
    assert_int_equal(sums[STATS_PRINCIPAL_BYTES_OUT], 0);
    stats_free(&s);
}

static void test_gauge_is_the_largest_of_all(void **state)
{
    struct stats *s = stats_new(2);
    uint64_t sums[STATS_WORKER_SLOTS];

    (void)state;
    assert_non_null(s);
    stats_set(stats_row(stats_block(s, 0), STATS_OF_WORKER, 0), STATS_WORKER_LAG_MOST_US, 7);
    stats_set(stats_row(stats_block(s, 1), STATS_OF_WORKER, 0), STATS_WORKER_LAG_MOST_US, 5);
    stats_add(stats_row(stats_block(s, 0), STATS_OF_WORKER, 0), STATS_WORKER_LAG_US, 7);
    stats_add(stats_row(stats_block(s, 1), STATS_OF_WORKER, 0), STATS_WORKER_LAG_US, 5);
    stats_sum(s, STATS_OF_WORKER, 0, sums);
    assert_int_equal(sums[STATS_WORKER_LAG_MOST_US], 7);
    assert_int_equal(sums[STATS_WORKER_LAG_US], 12);
    stats_free(&s);
}

static void test_row_is_one_s_own_and_does_not_move(void **state)
{
    static const uint32_t ids[] = {0, 1, 127, 128, 100000, 1000000};
    struct stats *s = stats_new(1);
    _Atomic uint64_t *rows[ARRAY_LEN(ids)];
    uint64_t sums[STATS_PRINCIPAL_SLOTS];

    (void)state;
    assert_non_null(s);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        rows[i] = stats_row(stats_block(s, 0), STATS_OF_PRINCIPAL, ids[i]);
        stats_add(rows[i], STATS_PRINCIPAL_SLOTS - 1, i + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_ptr_equal(stats_row(stats_block(s, 0), STATS_OF_PRINCIPAL, ids[i]), rows[i]);
        stats_sum(s, STATS_OF_PRINCIPAL, ids[i], sums);
        assert_int_equal(sums[STATS_PRINCIPAL_SLOTS - 1], i + 1);
    }
    stats_free(&s);
}

static void test_row_beyond_all_memory_takes_what_is_added(void **state)
{
    struct stats *s = stats_new(1);
    uint64_t sums[STATS_PRINCIPAL_SLOTS];

    (void)state;
    assert_non_null(s);
    stats_add(stats_row(stats_block(s, 0), STATS_OF_PRINCIPAL, UINT32_MAX), STATS_PRINCIPAL_REQUESTS, 1);
    stats_add(stats_row(NULL, STATS_OF_LISTENER, 1), STATS_LISTENER_SLOTS - 1, 1);
    stats_sum(s, STATS_OF_PRINCIPAL, UINT32_MAX, sums);
    assert_int_equal(sums[STATS_PRINCIPAL_REQUESTS], 0);
    stats_free(&s);
}

static size_t widths(const struct stats_family *f)
{
    return f->kind == STATS_HISTOGRAM ? f->width / STATS_SERIES : f->width;
}

static void test_observations_are_where_they_belong(void **state)
{
    static const struct {
        int64_t us;
        unsigned at;
    } rows[] = {{-5, 0},      {0, 0},          {1000, 0},       {1001, 1},          {2500, 1},
                {1000000, 9}, {300000000, 15}, {300000001, 16}, {INT64_MAX / 2, 16}};
    _Atomic uint64_t row[STATS_SERIES + 1] = {0};
    uint64_t sum = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t before = stats_get(row, 1 + rows[i].at);

        stats_observe(row, 1, rows[i].us);
        assert_int_equal(stats_get(row, 1 + rows[i].at), before + 1);
        sum += rows[i].us > 0 ? (uint64_t)rows[i].us : 0;
        assert_int_equal(stats_get(row, 1 + STATS_BOUNDS + 1), sum);
    }
    for (size_t i = 1; i < STATS_BOUNDS; i++)
        assert_true(stats_bounds_us[i - 1] < stats_bounds_us[i]);
}

static void test_s3_codes(void **state)
{
    static const char *const words[] = {
#define X(code) code,
        STATS_S3_CODES(X)
#undef X
    };

    (void)state;
    assert_int_equal(stats_s3_code(STR_NONE), 0);
    assert_string_equal(words[stats_s3_code(STR("SlowDownPlease"))], "other");
    assert_string_equal(words[stats_s3_code(STR("none"))], "other");
    assert_string_equal(words[stats_s3_code(STR("SlowDown"))], "SlowDown");
    assert_string_equal(words[stats_s3_code(STR("AccessDenied"))], "AccessDenied");
}

static void test_families_cover_each_slot_once(void **state)
{
    static const size_t slots[STATS_GROUPS_N] = {
#define X(group, rows, word) [STATS_OF_##group] = STATS_##group##_SLOTS,
        STATS_GROUPS(X)
#undef X
    };
    size_t covered[STATS_GROUPS_N] = {0};
    char value[STATS_VALUE];

    (void)state;
    for (size_t i = 0; i < stats_families_n; i++) {
        const struct stats_family *f = &stats_families[i];

        assert_int_equal(f->slot, covered[f->group]);
        covered[f->group] += f->width;
        assert_true(f->name[0] && f->help[0] && (widths(f) == 1) == (f->value == NULL) && !f->label[0] == !f->value);
        assert_int_equal(f->width % (f->kind == STATS_HISTOGRAM ? STATS_SERIES : 1), 0);
        for (size_t k = 0; f->value && k < widths(f); k++)
            f->value(k, value);
    }
    assert_memory_equal(covered, slots, sizeof(slots));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_is_exact_whoever_counts),
        cmocka_unit_test(test_gauge_is_the_largest_of_all),
        cmocka_unit_test(test_row_is_one_s_own_and_does_not_move),
        cmocka_unit_test(test_row_beyond_all_memory_takes_what_is_added),
        cmocka_unit_test(test_observations_are_where_they_belong),
        cmocka_unit_test(test_s3_codes),
        cmocka_unit_test(test_families_cover_each_slot_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
