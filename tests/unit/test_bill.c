/* SPDX-License-Identifier: Apache-2.0
 * test_bill.c: a month's bill against one made by hand; parts that add up; the forecast; money as text.
 */
#include "control/bill.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define GIB UINT64_C(1073741824)
enum { NOVEMBER_S = 1793491200, HOUR_S = 3600, DAY_S = 86400 };

static struct price_region regions[] = {
    {.name = "ap-northeast-1",
     .zone_hour = 14000000,
     .data = {3, {{1048576 * GIB, 10000000}, {5 * 1048576 * GIB, 6000000}, {UINT64_MAX, 4000000}}},
     .transfer_out = {1, {{UINT64_MAX, 41000000}}},
     .cross_zone = {1, {{UINT64_MAX, 10000000}}},
     .cross_region = {1, {{UINT64_MAX, 90000000}}},
     .put_1000 = 4700000,
     .get_1000 = 370000,
     .home_zone = "a"},
};
static const struct prices prices = {.currency = "USD", .date = "2025-06-01", .v = regions, .n = 1};

static void add(struct ledger *l, const char *client, const char *region, const char *zone, uint64_t in, uint64_t out,
                uint64_t puts, uint64_t gets)
{
    const struct str field[LEDGER_FIELDS] = {str_from(client), STR("red"), STR("tokyo"), str_from(region),
                                             str_from(zone)};

    assert_true(ledger_add(l, field, (uint64_t[TRAFFIC_SLOTS]){in, out, puts, gets, 7, 0}));
}

static void saw(struct ledger *l, const char *region, const char *zone, int64_t from_s, int64_t to_s)
{
    assert_true(ledger_saw(l, STR("tokyo"), str_from(region), str_from(zone),
                           &(struct ledger_zone){.first_s = from_s, .last_s = to_s}));
}

/* Ten days, two zones from the month's first second on. */
static struct ledger *ten_days(void)
{
    struct ledger *l = ledger_new("2026-11");

    assert_non_null(l);
    add(l, "alice", "ap-northeast-1", "a", 1000 * GIB, 200 * GIB, 1000000, 5000);
    add(l, "bob", "ap-northeast-1", "c", 0, 300 * GIB, 0, 1000000);
    saw(l, "ap-northeast-1", "a", NOVEMBER_S, NOVEMBER_S + 10 * DAY_S - 1);
    saw(l, "ap-northeast-1", "c", NOVEMBER_S, NOVEMBER_S + 10 * DAY_S - 1);
    return l;
}

static void expect(const struct bill_figure *f, uint64_t quantity, uint64_t nano, const char *what)
{
    if (f->quantity != quantity) fail_msg("%s: quantity %" PRIu64, what, f->quantity);
    if (f->nano != nano) fail_msg("%s: %" PRIu64, what, f->nano);
}

static void test_bill_by_hand(void **state)
{
    struct ledger *l = ten_days();
    struct bill *b = bill_new(l, &prices, NOVEMBER_S + 10 * DAY_S, BILL_BY_NOTHING);
    const struct bill_region *r;

    (void)state;
    assert_non_null(b);
    assert_int_equal(b->regions_n, 1);
    r = &b->regions[0];
    assert_true(r->priced);
    expect(&r->so_far[BILL_HOURS], 480, UINT64_C(6720000000), "hours");             /* 480 × 0.014 = 6.72 */
    expect(&r->so_far[BILL_DATA], 1500 * GIB, UINT64_C(15000000000), "data");       /* 1500 × 0.01 = 15 */
    expect(&r->so_far[BILL_TRANSFER_OUT], 500 * GIB, UINT64_C(20500000000), "out"); /* 500 × 0.041 = 20.50 */
    expect(&r->so_far[BILL_CROSS_ZONE], 300 * GIB, UINT64_C(3000000000), "zones");  /* 300 × 0.01 = 3 */
    expect(&r->so_far[BILL_CROSS_REGION], 0, 0, "Regions");
    expect(&r->so_far[BILL_PUTS], 1000000, UINT64_C(4700000000), "puts"); /* 1000 × 0.0047 = 4.70 */
    expect(&r->so_far[BILL_GETS], 1005000, UINT64_C(371850000), "gets");  /* 1005 × 0.00037 = 0.37185 */
    assert_int_equal(b->nano, UINT64_C(50291850000));
    expect(&r->forecast[BILL_HOURS], 1440, UINT64_C(20160000000), "hours of the month"); /* 720 hours × 2 */
    expect(&r->forecast[BILL_DATA], 4500 * GIB, UINT64_C(45000000000), "data of the month");
    assert_int_equal(b->forecast_nano, UINT64_C(20160000000) + 3 * (b->nano - UINT64_C(6720000000)));
    bill_free(&b);
    b = bill_new(l, &prices, NOVEMBER_S + 40 * DAY_S, BILL_BY_NOTHING); /* later: nothing to foresee */
    assert_non_null(b);
    assert_true(b->over);
    assert_int_equal(b->forecast_nano, b->nano);
    bill_free(&b);
    ledger_free(&l);
}

static void test_tiers_are_of_the_forecast_too(void **state)
{
    struct ledger *l = ledger_new("2026-11");
    struct bill *b;

    (void)state;
    assert_non_null(l);
    add(l, "alice", "ap-northeast-1", "a", 524288 * GIB, 0, 0, 0); /* half a PB in ten days */
    saw(l, "ap-northeast-1", "a", NOVEMBER_S, NOVEMBER_S);
    b = bill_new(l, &prices, NOVEMBER_S + 10 * DAY_S, BILL_BY_NOTHING);
    assert_non_null(b);
    expect(&b->regions[0].so_far[BILL_DATA], 524288 * GIB, UINT64_C(5242880000000), "so far");
    /* 1.5 PB: 10485.76 + 524288 × 0.006 = 13631.488 */
    expect(&b->regions[0].forecast[BILL_DATA], 1572864 * GIB, UINT64_C(13631488000000), "all");
    expect(&b->regions[0].forecast[BILL_HOURS], 1, 14000000, "a zone that has gone");
    bill_free(&b);
    ledger_free(&l);
}

static void test_hours_that_began_count(void **state)
{
    static const struct {
        int64_t from_s, to_s;
        uint64_t hours;
    } rows[] = {
        {0, 0, 1}, {0, HOUR_S - 1, 1}, {0, HOUR_S, 2}, {HOUR_S - 1, HOUR_S, 2}, {1800, 1800 + 719 * HOUR_S, 720}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ledger *l = ledger_new("2026-11");
        struct bill *b;

        assert_non_null(l);
        saw(l, "ap-northeast-1", "a", NOVEMBER_S + rows[i].from_s, NOVEMBER_S + rows[i].to_s);
        b = bill_new(l, &prices, NOVEMBER_S + 29 * DAY_S, BILL_BY_NOTHING);
        assert_non_null(b);
        assert_int_equal(b->regions[0].so_far[BILL_HOURS].quantity, rows[i].hours);
        bill_free(&b);
        ledger_free(&l);
    }
}

/* Whatever is rounded: what people are told adds up to what the Region costs. */
static void test_shares_add_up_exactly(void **state)
{
    struct ledger *l = ledger_new("2026-11");
    char client[32];

    (void)state;
    assert_non_null(l);
    for (unsigned i = 0; i < 997; i++) {
        snprintf(client, sizeof(client), "client-%u", i);
        add(l, client, "ap-northeast-1", i % 3 ? "a" : "c", 1 + i * 7919, 3 + i * 104729, i % 5, i % 7);
    }
    saw(l, "ap-northeast-1", "a", NOVEMBER_S, NOVEMBER_S + 5000);
    for (unsigned by = BILL_BY_CLIENT; by <= BILL_BY_ZONE; by++) {
        struct bill *b = bill_new(l, &prices, NOVEMBER_S + DAY_S, (enum bill_by)by);
        uint64_t sum = by == BILL_BY_ZONE ? 0 : b->regions[0].so_far[BILL_HOURS].nano; /* those are nobody's */

        assert_non_null(b);
        for (size_t i = 0; i < b->shares_n; i++)
            sum += b->shares[i].nano;
        assert_int_equal(sum, b->nano);
        assert_int_equal(b->shares_n, by == BILL_BY_CLIENT ? 997 : by == BILL_BY_BUCKET ? 1 : 2);
        bill_free(&b);
    }
    ledger_free(&l);
}

static void test_region_without_prices_is_counted(void **state)
{
    struct ledger *l = ten_days();
    struct bill *b;

    (void)state;
    add(l, "alice", "sa-east-1", "a", GIB, 0, 0, 0);
    b = bill_new(l, &prices, NOVEMBER_S + DAY_S, BILL_BY_CLIENT);
    assert_non_null(b);
    assert_int_equal(b->regions_n, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(b->regions[i].priced, str_eq(b->regions[i].name, STR("ap-northeast-1")));
    bill_free(&b);
    b = bill_new(l, NULL, NOVEMBER_S + DAY_S, BILL_BY_ZONE);
    assert_non_null(b);
    assert_int_equal(b->nano, 0);
    bill_free(&b);
    ledger_free(&l);
}

static void test_other_regions_cost_more(void **state)
{
    struct ledger *l = ten_days();
    struct prices away = prices;
    struct bill *b;

    (void)state;
    snprintf(away.home_region, sizeof(away.home_region), "us-east-1");
    b = bill_new(l, &away, NOVEMBER_S + DAY_S, BILL_BY_NOTHING);
    assert_non_null(b);
    expect(&b->regions[0].so_far[BILL_CROSS_REGION], 1500 * GIB, UINT64_C(135000000000), "Regions"); /* × 0.09 */
    bill_free(&b);
    ledger_free(&l);
}

static void test_money(void **state)
{
    static const struct {
        uint64_t nano;
        const char *text;
    } rows[] = {{0, "0.00"},
                {UINT64_C(50291850000), "50.29"},
                {UINT64_C(12345000000), "12.35"},
                {UINT64_C(12344999999), "12.34"},
                {UINT64_C(999999999), "1.00"},
                {10000000, "0.01"},
                {9999999, "0.010"},
                {370, "0.0000004"},
                {1, "0.000000001"},
                {UINT64_MAX, "18446744073.71"}};
    char text[BILL_MONEY];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bill_money(rows[i].nano, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bill_by_hand),
        cmocka_unit_test(test_tiers_are_of_the_forecast_too),
        cmocka_unit_test(test_hours_that_began_count),
        cmocka_unit_test(test_shares_add_up_exactly),
        cmocka_unit_test(test_region_without_prices_is_counted),
        cmocka_unit_test(test_other_regions_cost_more),
        cmocka_unit_test(test_money),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
