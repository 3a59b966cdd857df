/* SPDX-License-Identifier: Apache-2.0
 * test_dns.c: what answers of DNS come to: good, stale, empty, failed, and public, which is refused as a whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/road/dns.h"

#include <stdio.h>
#include <stdlib.h>

static const struct server_conf server;
static char name[] = "vpce-1-2.s3.us-east-1.vpce.amazonaws.com", region[] = "us-east-1", suffix[] = "amazonaws.com";
static const struct endpoint_conf endpoint = {.region = region, .suffix = suffix, .dns_name = name, .port = 443};

/* "10.0.0.1 10.0.0.2", "-" no data, "!" no such name, "?" no answer */
static void answer(struct dns_lookup *l, const char *text, uint32_t ttl_s)
{
    struct str rest = str_from(text), item;

    memset(&l->now, 0, sizeof l->now);
    l->now.ttl_s = ttl_s;
    l->now.result = *text == '-'   ? DNS_NO_DATA
                    : *text == '!' ? DNS_NO_NAME
                    : *text == '?' ? DNS_NO_ANSWER
                                   : DNS_ANSWERED;
    if (l->now.result == DNS_NO_ANSWER) snprintf(l->now.why, sizeof l->now.why, "Timeout");
    while (l->now.result == DNS_ANSWERED && str_split(&rest, ' ', &item))
        assert_true(netaddr_parse(item, 0, &l->now.v[l->now.n++]));
}

static void judge(struct dns_lookup *v, const char *a, const char *aaaa, enum dns_state state, const char *expected,
                  uint64_t wait_ms)
{
    static struct dns_view view;
    char text[512] = "", one[NETADDR_TEXT];

    answer(&v[0], a, 60);
    answer(&v[1], aaaa, 90);
    dns_judge(&server, &endpoint, v, 2, &view);
    for (size_t i = 0; i < view.n; i++) {
        netaddr_format(&view.v[i].addr, one);
        strcat(strcat(text, i ? " " : ""), one);
    }
    if (view.state != state) print_error("%s / %s: %s\n", a, aaaa, dns_state_name(view.state));
    assert_int_equal(view.state, state);
    assert_string_equal(text, expected);
    assert_int_equal(view.wait_ms, wait_ms);
    assert_int_equal(view.why[0] == '\0', state == DNS_GOOD);
}

static struct dns_lookup *lookups(void)
{
    struct dns_lookup *v = calloc(2, sizeof(*v));

    assert_non_null(v);
    for (size_t i = 0; i < 2; i++) {
        memcpy(v[i].name, name, sizeof name);
        v[i].family = i ? AF_INET6 : AF_INET;
    }
    return v;
}

static void test_dns_judge_good_both_families(void **state UNUSED)
{
    struct dns_lookup *v = lookups();

    judge(v, "10.0.1.23 10.0.2.23", "-", DNS_GOOD, "10.0.1.23:443 10.0.2.23:443", 60000);
    judge(v, "10.0.1.23", "fd00::1", DNS_GOOD, "10.0.1.23:443 [fd00::1]:443", 60000);
    judge(v, "-", "fd00::1", DNS_GOOD, "[fd00::1]:443", 90000);
    free(v);
}

static void test_dns_judge_one_public_address_refuses_all(void **state UNUSED)
{
    static const char *const publics[] = {"52.219.0.1", "10.0.1.23 52.219.0.1", "169.254.169.254", "127.0.0.1",
                                          "0.0.0.0"};

    for (size_t i = 0; i < sizeof publics / sizeof publics[0]; i++) {
        struct dns_lookup *v = lookups();

        judge(v, publics[i], "fd00::1", DNS_PUBLIC, "", 5000);
        judge(v, "?", "?", DNS_FAILED, "", 5000); /* nothing of it stays */
        judge(v, "-", publics[i], DNS_PUBLIC, "", 5000);
        judge(v, "!", "!", DNS_EMPTY, "", 5000);
        free(v);
    }
}

static void test_dns_judge_last_good_answer_stands(void **state UNUSED)
{
    struct dns_lookup *v = lookups();

    judge(v, "10.0.1.23", "fd00::1", DNS_GOOD, "10.0.1.23:443 [fd00::1]:443", 60000);
    judge(v, "?", "?", DNS_STALE, "10.0.1.23:443 [fd00::1]:443", 5000);
    judge(v, "!", "!", DNS_STALE, "10.0.1.23:443 [fd00::1]:443", 5000);
    judge(v, "-", "-", DNS_STALE, "10.0.1.23:443 [fd00::1]:443", 5000);
    judge(v, "10.0.1.24", "?", DNS_STALE, "10.0.1.24:443 [fd00::1]:443", 5000);
    judge(v, "10.0.1.24", "-", DNS_GOOD, "10.0.1.24:443", 60000); /* one family is really gone */
    free(v);
}

/* A forged answer is refused, and stops nothing. */
static void test_dns_judge_public_answer_leaves_the_last_good_one(void **state UNUSED)
{
    static const char good[] = "10.0.1.23:443 [fd00::1]:443";
    struct dns_lookup *v = lookups();

    judge(v, "10.0.1.23", "fd00::1", DNS_GOOD, good, 60000);
    judge(v, "52.219.0.1", "-", DNS_STALE, good, 5000);
    judge(v, "10.0.1.99 52.219.0.1", "fd00::9", DNS_STALE, good, 5000);
    judge(v, "10.0.1.99", "2600:1fa0::1", DNS_STALE, good, 5000);
    judge(v, "?", "?", DNS_STALE, good, 5000);
    judge(v, "!", "52.219.0.1", DNS_STALE, good, 5000);
    judge(v, "10.0.1.24", "-", DNS_GOOD, "10.0.1.24:443", 60000);
    free(v);
}

static void test_dns_judge_nothing_is_explained(void **state UNUSED)
{
    struct dns_lookup *v = lookups();
    struct dns_view *view = calloc(1, sizeof(*view));

    judge(v, "-", "-", DNS_EMPTY, "", 5000);
    judge(v, "!", "!", DNS_EMPTY, "", 5000);
    judge(v, "?", "-", DNS_FAILED, "", 5000);
    judge(v, "-", "?", DNS_FAILED, "", 5000);
    answer(&v[0], "!", 0);
    answer(&v[1], "!", 0);
    dns_judge(&server, &endpoint, v, 2, view);
    assert_non_null(strstr(view->why, "NXDOMAIN"));
    assert_non_null(strstr(view->why, "rebind-domain-ok=/vpce.amazonaws.com/"));
    assert_non_null(strstr(view->why, "private-domain: \"vpce.amazonaws.com\""));
    free(view);
    free(v);
}

static void test_dns_judge_clamps_the_ttl(void **state UNUSED)
{
    static const struct {
        uint32_t ttl_s;
        uint64_t wait_ms;
    } rows[] = {{0, 5000}, {1, 5000}, {5, 5000}, {6, 6000}, {300, 300000}, {301, 300000}, {UINT32_MAX, 300000}};
    struct dns_view *view = calloc(1, sizeof(*view));

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dns_lookup *v = lookups();

        answer(&v[0], "10.0.0.1", rows[i].ttl_s);
        answer(&v[1], "-", 0);
        dns_judge(&server, &endpoint, v, 2, view);
        assert_int_equal(view->wait_ms, rows[i].wait_ms);
        free(v);
    }
    free(view);
}

static void test_dns_judge_zone_of_the_zonal_name_stays(void **state UNUSED)
{
    struct dns_lookup *v = lookups();
    struct dns_view *view = calloc(1, sizeof(*view));

    memcpy(v[0].zone, "a", 2);
    answer(&v[0], "10.0.1.23", 60);
    answer(&v[1], "10.0.1.23 10.0.2.23", 60);
    dns_judge(&server, &endpoint, v, 2, view);
    assert_int_equal(view->n, 2);
    assert_string_equal(view->v[0].zone, "a");
    assert_string_equal(view->v[1].zone, "");
    free(view);
    free(v);
}

static void test_dns_zonal_name_forms(void **state UNUSED)
{
    static const char want[] = "vpce-1-2-us-east-1a.s3.us-east-1.vpce.amazonaws.com";
    static const char local[] = "vpce-1-2-use1-az4.s3.us-east-1.vpce.amazonaws.com";
    char out[DNS_NAME], longest[300];
    struct str n = STR("vpce-1-2.s3.us-east-1.vpce.amazonaws.com"), r = STR("us-east-1");

    assert_true(dns_zonal_name(n, STR("a"), r, out));
    assert_string_equal(out, want);
    assert_true(dns_zonal_name(n, STR("us-east-1a"), r, out));
    assert_string_equal(out, want);
    assert_true(dns_zonal_name(n, STR("use1-az4"), r, out));
    assert_string_equal(out, local);
    assert_true(str_eq(dns_zone_of_name(str_from(want), r), STR("a")));
    assert_int_equal(dns_zone_of_name(n, r).n, 0);
    memset(longest, 'a', sizeof longest);
    assert_false(dns_zonal_name(str_make(longest, 250), STR("a"), r, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dns_judge_good_both_families),
        cmocka_unit_test(test_dns_judge_one_public_address_refuses_all),
        cmocka_unit_test(test_dns_judge_last_good_answer_stands),
        cmocka_unit_test(test_dns_judge_public_answer_leaves_the_last_good_one),
        cmocka_unit_test(test_dns_judge_nothing_is_explained),
        cmocka_unit_test(test_dns_judge_clamps_the_ttl),
        cmocka_unit_test(test_dns_judge_zone_of_the_zonal_name_stays),
        cmocka_unit_test(test_dns_zonal_name_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
