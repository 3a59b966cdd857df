/* SPDX-License-Identifier: Apache-2.0
 * test_way.c: which way a host goes, by listener, client and host; everything that is not named is refused.
 */
#include "flow/way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char text[] =
    "[server]\nprivate_networks = 127.0.0.0/8\n"
    "[endpoint tokyo]\nregion = ap-northeast-1\naddresses = 10.0.0.1\nalso_regions = eu-west-1\n"
    "credentials = c\n"
    "[credentials c]\nsource = none\n"
    "[tunnel sts]\nhosts = sts.ap-northeast-1.amazonaws.com\naddresses = 10.0.0.2\n"
    "[parent site]\naddress = 10.0.0.8\nhosts = *.example.com, 10.*, 127.*, 169.*, s3.*, *.s3.*\n"
    "[client near]\npolicy = read-only\naccess_key_id = AKIANEAR\nsecret_access_key = x\nparent = near.*\n"
    "[client own]\npolicy = read-only\naccess_key_id = AKIAOWN\nsecret_access_key = x\n"
    "tunnel = s3.*\n"
    "[client plain]\npolicy = read-only\naccess_key_id = AKIAPLAIN\nsecret_access_key = x\n"
    "[listener all]\nmode = forward\nbind = 127.0.0.1:1\n"
    "[listener tunnel]\nmode = forward\nbind = 127.0.0.1:2\nintercept = none\n"
    "tunnel = *.S3.*, sts.*\n"
    "[listener mixed]\nmode = redirect\nbind = 127.0.0.1:3\nintercept = a.s3.*\ntunnel = b.s3.*\n";

static int load(void **state)
{
    FILE *in = fmemopen((char *)(uintptr_t)text, sizeof(text) - 1, "r");

    *state = in ? config_load_stream(in, "t.ini", stderr) : NULL;
    if (in) fclose(in);
    return *state ? 0 : 1;
}

static int unload(void **state)
{
    settings_unref((struct settings **)state);
    return 0;
}

static void test_way_choose_is_default_deny(void **state)
{
    static const struct {
        const char *listener, *user, *host;
        enum way way;
    } cases[] = {
        {"all", NULL, "s3.ap-northeast-1.amazonaws.com", WAY_INTERCEPT},
        {"all", NULL, "b.s3.ap-northeast-1.amazonaws.com", WAY_INTERCEPT},
        {"all", NULL, "s3.amazonaws.com", WAY_INTERCEPT},
        {"all", NULL, "s3.eu-west-1.amazonaws.com", WAY_INTERCEPT},
        {"all", NULL, "s3.us-east-2.amazonaws.com", WAY_REFUSE}, /* no endpoint serves it */
        {"all", NULL, "sts.ap-northeast-1.amazonaws.com", WAY_REFUSE},
        {"all", NULL, "example.com", WAY_REFUSE},
        {"all", NULL, "10.0.0.1", WAY_REFUSE}, /* the endpoint's */
        {"all", NULL, "10.0.0.77", WAY_TUNNEL},
        {"all", NULL, "127.0.0.1", WAY_REFUSE},
        {"all", NULL, "www.example.com", WAY_TUNNEL},
        {"all", NULL, "b.s3.us-east-2.amazonaws.com", WAY_REFUSE},
        {"all", NULL, "s3-website.ap-northeast-1.amazonaws.com", WAY_REFUSE},
        {"all", "near", "www.example.com", WAY_REFUSE},
        {"all", "near", "near.example.com", WAY_TUNNEL},
        {"all", "near", "s3.ap-northeast-1.amazonaws.com", WAY_INTERCEPT},
        {"mixed", NULL, "www.example.com", WAY_REFUSE}, /* nobody asked for it by CONNECT */
        {"all", NULL, "169.254.169.254", WAY_REFUSE},
        {"all", "plain", "s3.ap-northeast-1.amazonaws.com", WAY_INTERCEPT},
        {"all", "own", "s3.ap-northeast-1.amazonaws.com", WAY_TUNNEL},
        {"all", "own", "b.s3.ap-northeast-1.amazonaws.com", WAY_REFUSE}, /* its own ways only */
        {"tunnel", NULL, "s3.ap-northeast-1.amazonaws.com", WAY_REFUSE},
        {"tunnel", NULL, "b.s3.ap-northeast-1.amazonaws.com", WAY_TUNNEL},
        {"tunnel", NULL, "b.s3.eu-west-1.amazonaws.com", WAY_REFUSE}, /* no certificate for it at the endpoint */
        {"tunnel", NULL, "b.s3.amazonaws.com", WAY_REFUSE},
        {"tunnel", NULL, "sts.ap-northeast-1.amazonaws.com", WAY_TUNNEL},
        {"tunnel", NULL, "sts.eu-west-1.amazonaws.com", WAY_REFUSE}, /* matches, but no [tunnel] lists it */
        {"tunnel", "own", "sts.ap-northeast-1.amazonaws.com", WAY_REFUSE},
        {"mixed", NULL, "a.s3.ap-northeast-1.amazonaws.com", WAY_INTERCEPT},
        {"mixed", NULL, "b.s3.ap-northeast-1.amazonaws.com", WAY_TUNNEL},
        {"mixed", NULL, "c.s3.ap-northeast-1.amazonaws.com", WAY_REFUSE},
        {"mixed", NULL, "a.s3.example.com", WAY_REFUSE},
    };
    const struct settings *s = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct principal_conf *user = cases[i].user ? settings_client_by_name(s, str_from(cases[i].user)) : NULL;
        const struct listener_conf *l = s->listeners;
        struct err err = {0};

        while (strcmp(l->name, cases[i].listener) != 0)
            l++;
        struct way_choice c = way_choose(s, l, user, str_from(cases[i].host), &err);
        if (c.way != cases[i].way) fail_msg("case %zu: %d (%s)", i, (int)c.way, err.detail);
        assert_int_equal(err.code != ERR_NONE, c.way == WAY_REFUSE);
        if (c.way != WAY_REFUSE) assert_true((c.endpoint != NULL) != (c.via != NULL));
        if (c.way == WAY_REFUSE) assert_int_equal(err.code, ERR_HOST_REFUSED);
    }
}

static void test_settings_need_ca_without_interception_needs_none(void **state UNUSED)
{
    static const char tunnels[] = "[endpoint tokyo]\nregion = ap-northeast-1\naddresses = 10.0.0.1\ncredentials = c\n"
                                  "[credentials c]\nsource = none\n[listener t]\nmode = forward\nintercept = none\n"
                                  "tunnel = s3.*\n";
    FILE *in = fmemopen((char *)(uintptr_t)tunnels, sizeof(tunnels) - 1, "r");

    assert_non_null(in);
    struct settings *s = config_load_stream(in, "t.ini", stderr);
    fclose(in);
    assert_non_null(s);
    assert_false(settings_need_ca(s));
    settings_unref(&s);
    assert_true(settings_need_ca(*state));
}

static void test_way_check_port_follows_the_way(void **state UNUSED)
{
    static const struct tunnel_conf via = {.port = 8443};
    static const struct {
        struct way_choice choice;
        unsigned port;
        enum err_code code;
    } cases[] = {
        {{.way = WAY_INTERCEPT}, 443, ERR_NONE},
        {{.way = WAY_INTERCEPT}, 80, ERR_NONE},
        {{.way = WAY_INTERCEPT}, 8443, ERR_PORT_REFUSED},
        {{.way = WAY_TUNNEL}, 443, ERR_NONE},
        {{.way = WAY_TUNNEL}, 80, ERR_PORT_REFUSED},
        {{.way = WAY_TUNNEL, .via = &via}, 8443, ERR_NONE},
        {{.way = WAY_TUNNEL, .via = &via}, 443, ERR_PORT_REFUSED},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(way_check_port(&cases[i].choice, cases[i].port, NULL), cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_way_check_port_follows_the_way),
        cmocka_unit_test(test_way_choose_is_default_deny),
        cmocka_unit_test(test_settings_need_ca_without_interception_needs_none),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
