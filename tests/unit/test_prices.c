/* SPDX-License-Identifier: Apache-2.0
 * test_prices.c: the price list's syntax, each mistake with its line; what things cost, reckoned by hand.
 */
#include "config/prices.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GIB UINT64_C(1073741824)
#define HEAD "[prices]\ncurrency = USD\ndate = 2025-06-01\n"

static struct prices *read_text(const char *text, char problems[1024])
{
    FILE *in = fmemopen((void *)text, strlen(text), "r"), *out = fmemopen(problems, 1024, "w");
    struct prices *p;

    assert_non_null(in);
    assert_non_null(out);
    p = prices_read(in, "p.ini", out);
    fclose(in);
    fclose(out);
    return p;
}

static void test_what_is_written_is_read(void **state)
{
    char problems[1024] = "";
    struct prices *p = read_text(HEAD "home_region = eu-west-1\n\n# words\n[us-east-1]\nzone_hour = 0.01\n"
                                      "data=1PB:0.01, 5PB : 0.006,0.004 ; more words\nput_1000 = 0.005\r\n"
                                      "get_1000 = 0.000000001\ntransfer_out = 0.02\nhome_zone = a\n[eu-west-1]\n",
                                 problems);
    const struct price_region *r;

    (void)state;
    assert_string_equal(problems, "");
    assert_non_null(p);
    assert_int_equal(p->n, 2);
    assert_string_equal(p->currency, "USD");
    assert_string_equal(p->home_region, "eu-west-1");
    r = prices_of(p, STR("us-east-1"));
    assert_non_null(r);
    assert_int_equal(r->zone_hour, 10000000);
    assert_int_equal(r->put_1000, 5000000);
    assert_int_equal(r->get_1000, 1);
    assert_int_equal(r->data.n, 3);
    assert_int_equal(r->data.v[0].up_to, 1048576 * GIB);
    assert_int_equal(r->data.v[1].up_to, 5 * 1048576 * GIB);
    assert_int_equal(r->data.v[1].nano, 6000000);
    assert_int_equal(r->data.v[2].up_to, UINT64_MAX);
    assert_string_equal(r->home_zone, "a");
    assert_int_equal(prices_of(p, STR("eu-west-1"))->zone_hour, 0);
    assert_null(prices_of(p, STR("eu-west-2")));
    prices_free(&p);
    assert_null(p);
}

static void test_each_mistake_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"", "p.ini:1: [prices] says in which currency"},
        {"zone_hour = 1\n", "p.ini:1: a key stands below"},
        {HEAD "[a b]\n", "p.ini:4: [a b] is no Region"},
        {HEAD "[x]\n[x]\n", "p.ini:5: [x] is written twice"},
        {HEAD "[x]\nzone_hours = 1\n", "p.ini:5: a Region has no key zone_hours"},
        {HEAD "zone_hour = 1\n", "p.ini:4: [prices] has no key zone_hour"},
        {HEAD "[x]\nzone_hour = 1\nzone_hour = 1\n", "p.ini:6: zone_hour is written twice"},
        {HEAD "[x]\nzone_hour = 0,01\n", "p.ini:5: 0,01 is no price"},
        {HEAD "[x]\nzone_hour = -1\n", "p.ini:5: -1 is no price"},
        {HEAD "[x]\nzone_hour = .5\n", "p.ini:5: .5 is no price"},
        {HEAD "[x]\nzone_hour = 1.\n", "p.ini:5: 1. is no price"},
        {HEAD "[x]\nzone_hour = 0.0000000001\n", "p.ini:5: 0.0000000001 is no price"},
        {HEAD "[x]\nzone_hour = 1000000\n", "p.ini:5: 1000000 is no price"},
        {HEAD "[x]\nzone_hour = 1e3\n", "p.ini:5: 1e3 is no price"},
        {HEAD "[x]\ndata = 1PB:0.01\n", "p.ini:5: 1PB:0.01 are no prices"},
        {HEAD "[x]\ndata = 0.01, 0.02\n", "p.ini:5: 0.01, 0.02 are no prices"},
        {HEAD "[x]\ndata = 5PB:0.01, 1PB:0.02, 0.03\n", "p.ini:5: 5PB"},
        {HEAD "[x]\ndata = 1PB:0.01, 1PB:0.02, 0.03\n", "p.ini:5: 1PB"},
        {HEAD "[x]\ndata = 1XB:0.01, 0.03\n", "p.ini:5: 1XB"},
        {HEAD "[x]\ndata = 99999999999PB:0.01, 0.03\n", "p.ini:5: 99999999999PB"},
        {HEAD "[x]\ndata = 0.01,\n", "p.ini:5: 0.01, are no prices"},
        {HEAD "[x]\ndata =\n", "p.ini:5:  are no prices"},
        {HEAD "[x]\nnonsense\n", "p.ini:5: this is neither"},
        {"[prices]\ncurrency = USD\ndate = today\n", "p.ini:3: today is no date"},
        {"[prices]\ncurrency = US Dollars\n", "p.ini:2: US Dollars: write letters"},
        {HEAD "[x]\nzone_hour = x\n[y z]\nput_1000 = 1\n[w]\nget_1000 = y\n",
         "p.ini:5: x is no price; write 0.0047, with a point and at most nine decimals\np.ini:6: [y z] is no Region\n"
         "p.ini:9: y is no price"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char problems[1024] = "";
        struct prices *p = read_text(*rows[i].text ? rows[i].text : " ", problems);

        if (p) fail_msg("%zu: taken: %s", i, rows[i].text);
        if (strncmp(problems, rows[i].problem, strlen(rows[i].problem)) != 0) fail_msg("%zu: %s", i, problems);
    }
}

/* As on AWS's page: 0.01 for the first PB of a month, 0.006 for the next four, 0.004 for all beyond. */
static void test_tiers_by_hand(void **state)
{
    static const struct price_tiers t = {
        3, {{1048576 * GIB, 10000000}, {5 * 1048576 * GIB, 6000000}, {UINT64_MAX, 4000000}}};
    static const struct {
        uint64_t bytes, nano;
    } rows[] = {
        {0, 0},
        {1, 0},          /* 0.0093 of a billionth */
        {54, 1},         /* 0.503: rounded up */
        {53, 0},         /* 0.494: down */
        {GIB, 10000000}, /* 0.01 */
        {GIB + GIB / 2, 15000000},
        {10000 * GIB, 100000000000},     /* 100.00 */
        {1048576 * GIB, 10485760000000}, /* 1 PB: 10485.76 */
        {1048577 * GIB, 10485766000000}, /* and a GB: 0.006 more */
        {1048576 * GIB - GIB, 10485750000000},
        {5 * 1048576 * GIB, 35651584000000},       /* 10485.76 + 4 × 6291.456 */
        {5 * 1048576 * GIB + GIB, 35651588000000}, /* 0.004 more */
        {10 * 1048576 * GIB, 56623104000000},      /* 35651.584 + 5 × 4194.304 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (price_of_bytes(&t, rows[i].bytes) != rows[i].nano)
            fail_msg("%zu: %" PRIu64, i, price_of_bytes(&t, rows[i].bytes));
    assert_int_equal(price_of_bytes(&(struct price_tiers){0}, GIB), 0);
    assert_int_equal(price_of_number(1234567, 4700000, 1000), 5802464900); /* 1234.567 × 0.0047 = 5.8024649 */
    assert_int_equal(price_of_number(1, 370000, 1000), 370);
    assert_int_equal(price_of_number(UINT64_MAX, UINT64_MAX, 1), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_each_mistake_is_told_with_its_line),
        cmocka_unit_test(test_tiers_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
