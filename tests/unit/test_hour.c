/* SPDX-License-Identifier: Apache-2.0
 * test_hour.c: what is counted gets into the step of its time, for an hour, and quantiles out of buckets.
 */
#include "admin/hour.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint64_t requests_at(const struct hour *h, int back)
{
    json_t *all = hour_json(h, 0);
    uint64_t n =
        (uint64_t)json_integer_value(json_array_get(json_object_get(all, "requests"), (size_t)(HOUR_STEPS - 1 - back)));

    json_decref(all);
    return n;
}

static void test_steps(void **state)
{
    static struct hour h;
    struct hour_figures f = {.requests = 100};

    (void)state;
    hour_add(&h, &f, 1000); /* what was before it began is nobody's */
    assert_int_equal(hour_sum(&h, HOUR_STEPS).requests, 0);
    f.requests += 5;
    f.bytes_in = 7;
    f.failed[TROUBLE_AWS] = 2;
    hour_add(&h, &f, 1004);
    f.requests += 1;
    hour_add(&h, &f, 1009);
    assert_int_equal(requests_at(&h, 0), 6);
    f.requests += 3;
    hour_add(&h, &f, 1030); /* two steps without anything */
    assert_int_equal(requests_at(&h, 0), 3);
    assert_int_equal(requests_at(&h, 1), 0);
    assert_int_equal(requests_at(&h, 2), 0);
    assert_int_equal(requests_at(&h, 3), 6);
    assert_int_equal(hour_sum(&h, 3).requests, 3);
    assert_int_equal(hour_sum(&h, 4).requests, 9);
    assert_int_equal(hour_sum(&h, 4).bytes_in, 7);
    assert_int_equal(hour_sum(&h, 4).failed[TROUBLE_AWS], 2);
}

static void test_what_falls_counts_once(void **state)
{
    static struct hour h;
    struct hour_figures f = {.bytes_out = 50};

    (void)state;
    hour_add(&h, &f, 0);
    f.bytes_out = 40; /* a worker has ended */
    hour_add(&h, &f, 1);
    f.bytes_out = 60;
    hour_add(&h, &f, 2);
    assert_int_equal(hour_sum(&h, 1).bytes_out, 10);
}

static void test_an_hour_and_no_longer(void **state)
{
    static struct hour h;
    struct hour_figures f = {0};

    (void)state;
    hour_add(&h, &f, 0);
    for (int64_t s = 0; s < 2 * 3600; s += HOUR_STEP_S) {
        f.requests++;
        hour_add(&h, &f, s);
    }
    assert_int_equal(hour_sum(&h, HOUR_STEPS).requests, HOUR_STEPS);
    assert_int_equal(hour_sum(&h, SIZE_MAX).requests, HOUR_STEPS);
    f.requests++;
    hour_add(&h, &f, 100000); /* a day later: nothing of then is left */
    assert_int_equal(hour_sum(&h, HOUR_STEPS).requests, 1);
}

static void test_quantiles(void **state)
{
    uint64_t counts[HOUR_BUCKETS] = {0};

    (void)state;
    assert_int_equal(hour_quantile(counts, 0.5), -1);
    counts[3] = 100;
    assert_int_equal(hour_quantile(counts, 0.5), (stats_bounds_us[2] + stats_bounds_us[3]) / 2);
    assert_int_equal(hour_quantile(counts, 1), stats_bounds_us[3]);
    counts[HOUR_BUCKETS - 1] = 100; /* beyond: no less than the last end is known */
    assert_int_equal(hour_quantile(counts, 0.95), stats_bounds_us[STATS_BOUNDS - 1]);
    assert_int_equal(hour_quantile(counts, 0.5), stats_bounds_us[3]);
}

static void test_columns(void **state)
{
    static struct hour h;
    const char *name;
    json_t *all, *column;
    size_t columns = 0;

    (void)state;
    hour_add(&h, &(struct hour_figures){0}, 25);
    all = hour_json(&h, 1000);
    assert_int_equal(json_integer_value(json_object_get(all, "ends")), 1030);
    json_object_foreach(all, name, column)
    {
        if (!json_is_array(column)) continue;
        columns++;
        assert_int_equal(json_array_size(column), HOUR_STEPS);
    }
    assert_int_equal(columns, 9);
    assert_true(json_is_null(json_array_get(json_object_get(all, "first_byte_p50_ms"), 0)));
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_what_falls_counts_once),
        cmocka_unit_test(test_an_hour_and_no_longer),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
