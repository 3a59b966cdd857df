/* SPDX-License-Identifier: Apache-2.0
 * test_netaddr.c: addresses, networks, and what is private: the proxy never sends anywhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/netaddr.h"

static void test_netaddr_parse_forms(void **state UNUSED)
{
    static const struct {
        const char *text, *expected; /* NULL: refused */
    } rows[] = {
        {"10.0.0.1", "10.0.0.1:443"},
        {"10.0.0.1:80", "10.0.0.1:80"},
        {"10.0.0.1:0", "10.0.0.1:0"},
        {"10.0.0.1:65535", "10.0.0.1:65535"},
        {"fd00::1", "[fd00::1]:443"},
        {"[fd00::1]", "[fd00::1]:443"},
        {"[FD00:0::1]:8443", "[fd00::1]:8443"},
        {"::1", "[::1]:443"},
        {"::ffff:10.0.0.1", "[::ffff:10.0.0.1]:443"},
        {"fedc:ba98:7654:3210:fedc:ba98:7654:3210", "[fedc:ba98:7654:3210:fedc:ba98:7654:3210]:443"},
        {"", NULL},
        {"10.0.0.1:65536", NULL},
        {"10.0.0.1:", NULL},
        {"10.0.0.1:-1", NULL},
        {"10.0.0.1:4 4", NULL},
        {"10.0.0", NULL},
        {"010.0.0.1", NULL},
        {"10.0.0.256", NULL},
        {" 10.0.0.1", NULL},
        {"0x0a000001", NULL},
        {"167772161", NULL},
        {"s3.example.com", NULL},
        {"localhost", NULL},
        {"[10.0.0.1]:80", NULL},
        {"[fd00::1", NULL},
        {"[fd00::1]x", NULL},
        {"[fd00::1]:", NULL},
        {"[]", NULL},
        {"[", NULL},
        {"fe80::1%eth0", NULL},
        {"fd00::1::2", NULL},
        {":443", NULL},
        {"fedc:ba98:7654:3210:fedc:ba98:7654:3210:fedc:ba98:7654:3210:fedc", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct netaddr a;
        char text[NETADDR_TEXT];
        bool ok = netaddr_parse(str_from(rows[i].text), 443, &a);
        if (ok != (rows[i].expected != NULL)) print_error("%s\n", rows[i].text);
        assert_int_equal(ok, rows[i].expected != NULL);
        if (!ok) continue;
        netaddr_format(&a, text);
        assert_string_equal(text, rows[i].expected);
    }
    struct netaddr a;
    assert_false(netaddr_parse(STR("10.0.0.1\0x"), 443, &a));
}

static void test_netaddr_is_private_edges(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool expected;
    } rows[] = {
        {"9.255.255.255", false},
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"11.0.0.0", false},
        {"172.15.255.255", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.167.255.255", false},
        {"192.168.0.0", true},
        {"192.168.255.255", true},
        {"192.169.0.0", false},
        {"100.63.255.255", false},
        {"100.64.0.0", true},
        {"100.127.255.255", true},
        {"100.128.0.0", false},
        {"127.0.0.1", false},
        {"169.254.169.254", false},
        {"0.0.0.0", false},
        {"255.255.255.255", false},
        {"52.219.0.1", false},
        {"fbff::1", false},
        {"fc00::", true},
        {"fdff::1", true},
        {"fe00::1", false},
        {"fe80::1", false},
        {"::1", false},
        {"::", false},
        {"2001:db8::1", false},
        {"::ffff:10.1.2.3", true},
        {"::ffff:8.8.8.8", false},
        {"::10.1.2.3", false},
        {"64:ff9b::10.0.0.1", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct netaddr a;
        assert_true(netaddr_parse(str_from(rows[i].text), 443, &a));
        if (netaddr_is_private(&a) != rows[i].expected) print_error("%s\n", rows[i].text);
        assert_int_equal(netaddr_is_private(&a), rows[i].expected);
    }
}

static void test_netblock_parse_strict(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool ok;
        unsigned bits;
    } rows[] = {
        {"10.0.0.0/8", true, 8},    {"10.0.0.1", true, 32},
        {"10.0.0.1/32", true, 32},  {"0.0.0.0/0", true, 0},
        {"fc00::/7", true, 7},      {"::1", true, 128},
        {"::/0", true, 0},          {"10.0.0.1/8", false, 0},
        {"fc00::1/64", false, 0},   {"10.0.0.0/33", false, 0},
        {"fc00::/129", false, 0},   {"10.0.0.0/", false, 0},
        {"/8", false, 0},           {"", false, 0},
        {"10.0.0.0/8/8", false, 0}, {"10.0.0.0:80/8", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct netblock b;
        bool ok = netblock_parse(str_from(rows[i].text), &b);
        if (ok != rows[i].ok) print_error("row %zu\n", i);
        assert_int_equal(ok, rows[i].ok);
        if (rows[i].ok) assert_int_equal(b.bits, rows[i].bits);
    }
}

static void test_netblock_has_edges(void **state UNUSED)
{
    static const struct {
        const char *block, *address;
        bool expected;
    } rows[] = {
        {"198.18.0.0/15", "198.19.255.255", true},
        {"198.18.0.0/15", "198.20.0.0", false},
        {"198.18.0.0/15", "198.17.255.255", false},
        {"10.0.0.5", "10.0.0.5", true},
        {"10.0.0.5", "10.0.0.4", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"198.18.0.0/15", "::ffff:198.18.0.1", true},
        {"198.18.0.0/15", "::198.18.0.1", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"fd00::/8", "10.0.0.1", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct netblock b;
        struct netaddr a;
        assert_true(netblock_parse(str_from(rows[i].block), &b));
        assert_true(netaddr_parse(str_from(rows[i].address), 1, &a));
        if (netblock_has(&b, &a) != rows[i].expected) print_error("%s %s\n", rows[i].block, rows[i].address);
        assert_int_equal(netblock_has(&b, &a), rows[i].expected);
    }
}

static void test_netaddr_site_of_peers(void **state UNUSED)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"10.0.0.1:1", "10.0.0.1:2", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"10.0.0.1", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", false},
        {"fd00:1:2:3::1", "fd00:1:2:3:ffff::2", true},
        {"fd00:1:2:3::1", "fd00:1:2:4::1", false},
        {"fe80::1", "fe80::2", false},
        {"fe80::1", "fe80::1", true},
        {"febf::1", "febf::2", false},
        {"fec0::1", "fec0::2", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct netaddr a, b;

        assert_true(netaddr_parse(str_from(rows[i].a), 443, &a));
        assert_true(netaddr_parse(str_from(rows[i].b), 443, &b));
        if ((netaddr_site(&a) == netaddr_site(&b)) != rows[i].same) print_error("%s %s\n", rows[i].a, rows[i].b);
        assert_int_equal(netaddr_site(&a) == netaddr_site(&b), rows[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netaddr_parse_forms),   cmocka_unit_test(test_netaddr_is_private_edges),
        cmocka_unit_test(test_netblock_parse_strict), cmocka_unit_test(test_netblock_has_edges),
        cmocka_unit_test(test_netaddr_site_of_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
