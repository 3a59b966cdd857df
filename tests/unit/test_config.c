/* SPDX-License-Identifier: Apache-2.0
 * test_config.c: what a configuration means, and that each mistake is reported at its line, with what to write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Complete and right; 12 lines. What a test adds begins at line 13. */
#define GOOD                                                                 \
    "[listener l]\nmode = endpoint\nbind = 127.0.0.1:9000\nanonymous = me\n" \
    "[endpoint e]\nregion = ap-northeast-1\naddresses = 10.0.0.1\n"          \
    "[client me]\npolicy = allow-all\n"                                      \
    "[credentials default]\naccess_key_id = AKIDEXAMPLE\nsecret_access_key = wJalrXUtn\n"

/* A stream that gives at most @step bytes at a time. */
struct slow {
    struct str rest;
    size_t step;
};

static ssize_t slow_read(void *cookie, char *out, size_t n)
{
    struct slow *slow = cookie;

    if (n > slow->step) n = slow->step;
    if (n > slow->rest.n) n = slow->rest.n;
    memcpy(out, slow->rest.p, n);
    slow->rest = str_tail(slow->rest, n);
    return (ssize_t)n;
}

/* The settings and, in *@problems (free it), all that was reported. */
static struct settings *load(struct str text, size_t step, char **problems)
{
    struct slow slow = {text, step};
    size_t n = 0;
    FILE *in = fopencookie(&slow, "r", (cookie_io_functions_t){.read = slow_read});
    FILE *out = open_memstream(problems, &n);

    assert_true(in && out);
    struct settings *s = config_load_stream(in, "t.ini", out);
    fclose(in);
    fclose(out);
    return s;
}

static struct settings *load_good(const char *text)
{
    char *problems = NULL;
    struct settings *s = load(str_from(text), SIZE_MAX, &problems);

    assert_string_equal(problems, "");
    assert_non_null(s);
    free(problems);
    return s;
}

struct bad {
    const char *name, *text, *expected;
};

static void expect(const char *name, struct str text, size_t step, const char *expected)
{
    char *problems = NULL;
    struct settings *s = load(text, step, &problems);

    if (strcmp(problems, expected) != 0) print_error("%s\n", name);
    assert_string_equal(problems, expected);
    assert_int_equal(s == NULL, *expected != '\0');
    settings_unref(&s);
    free(problems);
}

static void check_rows(const struct bad *rows, size_t n, const char *before)
{
    char text[4096];

    for (size_t i = 0; i < n; i++) {
        int length = snprintf(text, sizeof text, "%s%s", before, rows[i].text);
        assert_in_range(length, 1, sizeof text - 1);
        expect(rows[i].name, str_make(text, (size_t)length), SIZE_MAX, rows[i].expected);
        expect(rows[i].name, str_make(text, (size_t)length), 1, rows[i].expected);
    }
}

/* --- what a configuration means --- */

static void test_config_load_smallest_has_defaults(void **state UNUSED)
{
    struct settings *s = load_good(GOOD);

    assert_int_equal(s->server.workers, 0);
    assert_int_equal(s->server.max_connections, 8000);
    assert_int_equal(s->server.header_timeout_ms, 30000);
    assert_int_equal(s->server.idle_timeout_ms, 120000);
    assert_int_equal(s->server.body_timeout_ms, 60000);
    assert_int_equal(s->server.tls_timeout_ms, 15000);
    assert_int_equal(s->server.shutdown_timeout_ms, 60000);
    assert_string_equal(s->ca.certificate, "/etc/s3onramp/ca.pem");
    assert_int_equal(s->ca.leaf_days, 30);
    assert_int_equal(s->log.level, LOG_INFO);
    assert_int_equal(s->log.format, LOG_TEXT);
    assert_string_equal(s->log.access, "-");
    const struct set_endpoint *e = &s->endpoints[0];
    assert_string_equal(e->host, "s3.ap-northeast-1.amazonaws.com");
    assert_string_equal(e->sni, e->host);
    assert_string_equal(e->suffix, "amazonaws.com");
    assert_false(e->fips || e->is_default);
    assert_int_equal(netaddr_port(&e->addresses[0]), 443);
    assert_int_equal(e->connect_timeout_ms, 3000);
    assert_int_equal(e->response_timeout_ms, 300000);
    assert_int_equal(e->idle_timeout_ms, 20000);
    assert_int_equal(e->max_idle, 64);
    assert_int_equal(e->trailers, TRAILERS_PASS);
    assert_string_equal(s->credentials[e->credentials_index].secret_access_key, "wJalrXUtn");
    const struct set_listener *l = &s->listeners[0];
    assert_int_equal(l->mode, LISTENER_ENDPOINT);
    assert_string_equal(s->clients[l->anonymous_index].name, "me");
    assert_true(l->endpoint_index == SIZE_MAX && l->tls == LISTENER_PLAIN);
    const struct set_policy *p = &s->policies[s->clients[0].policy_index];
    assert_true(p->access == POLICY_READ_WRITE && p->list_buckets && p->buckets.n == 0);
    assert_true(s->clients[0].credentials_index == SIZE_MAX && s->clients_by_key_n == 0);
    settings_unref(&s);
}

static void test_config_load_zones_and_dns(void **state UNUSED)
{
    struct settings *s = load_good(GOOD "[endpoint zoned]\nregion = us-east-1\nport = 8443\n"
                                        "addresses = a=10.0.1.23, us-east-1c = 10.0.2.23:444,[fd00::1]:1\n"
                                        "prefer_zone = us-east-1a\n"
                                        "[endpoint named]\n"
                                        "name = bucket.vpce-0123456789-ab.s3.us-east-1.vpce.amazonaws.com\n"
                                        "zones = a, us-east-1c\nresolver = 10.0.0.2, [fd00::2]:5353\nport = 444\n");
    const struct set_endpoint *e = &s->endpoints[1], *d = &s->endpoints[2];

    assert_int_equal(e->addresses_n, 3);
    assert_int_equal(e->address_zones.n, 3);
    assert_string_equal(e->address_zones.v[0], "a");
    assert_string_equal(e->address_zones.v[1], "us-east-1c");
    assert_string_equal(e->address_zones.v[2], "");
    assert_int_equal(netaddr_port(&e->addresses[0]), 8443);
    assert_int_equal(netaddr_port(&e->addresses[1]), 444);
    assert_false(e->dns || e->dns_name);
    assert_true(str_eq(settings_zone_short(str_from(e->address_zones.v[1]), str_from(e->region)), STR("c")));
    assert_true(str_eq(settings_zone_short(STR("a"), STR("us-east-1")), STR("a")));
    assert_true(str_eq(settings_zone_short(STR("us-east-1"), STR("us-east-1")), STR("us-east-1")));
    assert_true(d->dns);
    assert_string_equal(d->dns_name, "vpce-0123456789-ab.s3.us-east-1.vpce.amazonaws.com");
    assert_int_equal(d->zones.n, 2);
    assert_int_equal(d->resolvers_n, 2);
    assert_int_equal(netaddr_port(&d->resolvers[0]), 53);
    assert_int_equal(netaddr_port(&d->resolvers[1]), 5353);
    assert_int_equal(d->port, 444);
    assert_true(d->probe == PROBE_TLS && d->fall == 3 && d->rise == 2 && d->probe_interval_ms == 5000);
    assert_true(s->admin.is_default);
    settings_unref(&s);
}

static void test_settings_address_allowed_private_only(void **state UNUSED)
{
    static const struct {
        const char *ip;
        bool allowed;
    } rows[] = {{"10.1.2.3", true},      {"172.31.0.1", true}, {"100.64.0.1", true},         {"fd12::1", true},
                {"198.18.0.9", true},    {"8.8.8.8", false},   {"169.254.169.254", false},   {"fd00:ec2::254", false},
                {"2600:1fa0::1", false}, {"127.0.0.1", false}, {"::ffff:52.219.0.1", false}, {"fe80::1", false}};
    struct settings *s = load_good(GOOD "[server]\nprivate_networks = 198.18.0.0/15\n");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct netaddr a;
        assert_true(netaddr_parse(str_from(rows[i].ip), 443, &a));
        if (settings_address_allowed(&s->server, &a) != rows[i].allowed) print_error("%s\n", rows[i].ip);
        assert_true(settings_address_allowed(&s->server, &a) == rows[i].allowed);
    }
    settings_unref(&s);
}

static void test_config_load_values_of_each_type(void **state UNUSED)
{
    struct settings *s = load_good(
        "; comment\r\n"
        "[server]\r\n"
        "  workers = 3 ; inline\r\n"
        "\tidle_timeout: 1500ms\r\n"
        "shutdown_timeout = 1h\n"
        "private_networks = 198.18.0.0/15,\n"
        "   203.0.113.0/24  ; a second line\n"
        "   127.0.0.0/8\n"
        "[log]\nlevel = debug\nformat=json\naccess = logs/access.log\n"
        "[listener f]\nmode = forward\nbind = 0.0.0.0, [::1]:8080\n"
        "[listener t]\nmode = endpoint\ntls = auto\nnames = S3.Example.com , other.test\nendpoint = two\n"
        "[endpoint one]\nname = *.vpce-0a1b2c3d4e5f-xyz.s3-fips.us-gov-west-1.vpce.amazonaws.com\n"
        "addresses = 10.0.0.1, 198.19.0.1:8443, 127.0.0.1, [fd00::1]\nport = 8080\n"
        "also_regions = us-gov-east-1\ndefault = yes\ntrailers = decode\n"
        "[endpoint two]\nregion = cn-north-1\nhost = S3.Local\nsni = front.local\naddresses = 10.1.0.1\ncredentials = "
        "c\n"
        "[credentials c]\nsource = static\naccess_key_id = AKID\nsecret_access_key = a\n b\nsession_token = t1\n t2==\n"
        "[credentials default]\naccess_key_id = x\nsecret_access_key = y\n"
        "[client b]\naccess_key_id = S3ORB\nsecret_access_key = sb\npolicy = p\ncredentials = c\n"
        "[client a]\naccess_key_id = S3ORA\nsecret_access_key = sa\npolicy = read-only\n"
        "[policy p]\naccess = read-write\nbuckets = logs-*, a?c\n");

    assert_int_equal(s->server.workers, 3);
    assert_int_equal(s->server.idle_timeout_ms, 1500);
    assert_int_equal(s->server.shutdown_timeout_ms, 3600000);
    assert_int_equal(s->server.private_networks_n, 3);
    assert_true(s->log.level == LOG_DEBUG && s->log.format == LOG_JSON);
    assert_string_equal(s->log.access, "logs/access.log");
    assert_int_equal(netaddr_port(&s->listeners[0].bind[0]), 3128);
    assert_int_equal(netaddr_port(&s->listeners[0].bind[1]), 8080);
    assert_int_equal(netaddr_port(&s->listeners[1].bind[0]), 9443);
    assert_string_equal(s->listeners[1].names.v[0], "s3.example.com");
    assert_string_equal(s->listeners[1].names.v[1], "other.test");
    assert_int_equal(s->listeners[1].endpoint_index, 1);
    const struct set_endpoint *one = &s->endpoints[0], *two = &s->endpoints[1];
    assert_true(one->fips && one->is_default && one->trailers == TRAILERS_DECODE);
    assert_string_equal(one->region, "us-gov-west-1");
    assert_string_equal(one->host, "s3-fips.us-gov-west-1.amazonaws.com");
    assert_int_equal(netaddr_port(&one->addresses[0]), 8080);
    assert_int_equal(netaddr_port(&one->addresses[1]), 8443);
    assert_int_equal(netaddr_port(&one->addresses[3]), 8080);
    assert_string_equal(two->host, "s3.local");
    assert_string_equal(two->sni, "front.local");
    assert_string_equal(two->suffix, "amazonaws.com.cn");
    assert_string_equal(s->credentials[two->credentials_index].session_token, "t1t2==");
    const struct set_policy *p = &s->policies[s->clients[0].policy_index];
    assert_true(p->access == POLICY_READ_WRITE && !p->list_buckets && p->buckets.n == 2);
    assert_int_equal(s->clients[0].credentials_index, two->credentials_index);
    assert_ptr_equal(settings_client_by_key(s, STR("S3ORA")), &s->clients[1]);
    assert_ptr_equal(settings_client_by_key(s, STR("S3ORB")), &s->clients[0]);
    assert_null(settings_client_by_key(s, STR("S3OR")));
    assert_null(settings_client_by_key(s, STR_NONE));
    assert_ptr_equal(settings_endpoint_for_region(s, STR("us-gov-east-1")), one);
    assert_ptr_equal(settings_endpoint_for_region(s, STR("cn-north-1")), two);
    assert_null(settings_endpoint_for_region(s, STR("us-east-1")));
    assert_ptr_equal(settings_default_endpoint(s), one);
    settings_unref(&s);
}

static void test_config_load_partition_suffixes(void **state UNUSED)
{
    static const struct {
        const char *region, *host;
    } rows[] = {
        {"us-east-1", "s3.us-east-1.amazonaws.com"},
        {"us-gov-east-1", "s3.us-gov-east-1.amazonaws.com"},
        {"cn-northwest-1", "s3.cn-northwest-1.amazonaws.com.cn"},
        {"us-iso-east-1", "s3.us-iso-east-1.c2s.ic.gov"},
        {"us-isob-east-1", "s3.us-isob-east-1.sc2s.sgov.gov"},
        {"eu-isoe-west-1", "s3.eu-isoe-west-1.cloud.adc-e.uk"},
        {"us-isof-south-1", "s3.us-isof-south-1.csp.hci.ic.gov"},
        {"eusc-de-east-1", "s3.eusc-de-east-1.amazonaws.eu"},
    };
    char text[512];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text, GOOD "[endpoint x]\nregion = %s\naddresses = 10.9.9.9\n", rows[i].region);
        struct settings *s = load_good(text);
        assert_string_equal(s->endpoints[1].host, rows[i].host);
        settings_unref(&s);
    }
}

static void test_config_load_environment_gives_credentials(void **state UNUSED)
{
    static const char text[] = "[listener l]\nmode = forward\n[endpoint e]\nregion = us-east-1\naddresses = 10.0.0.1\n";

    expect("no keys at all", str_from(text), SIZE_MAX,
           "t.ini:3: there is no [credentials default]; write [credentials default] with its keys, or set "
           "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n");
    setenv("AWS_ACCESS_KEY_ID", "ASIAENV", 1);
    expect("half of a pair", str_from(text), SIZE_MAX,
           "t.ini: credentials \"default\" come from the environment, but AWS_SECRET_ACCESS_KEY is not set; set it for "
           "the proxy, or write source = static and the keys\n");
    setenv("AWS_SECRET_ACCESS_KEY", "envsecret", 1);
    setenv("AWS_SESSION_TOKEN", "envtoken", 1);
    struct settings *s = load_good(text);
    assert_string_equal(s->credentials[0].name, "default");
    assert_int_equal(s->credentials[0].source, CREDENTIALS_ENVIRONMENT);
    assert_string_equal(s->credentials[0].access_key_id, "ASIAENV");
    assert_string_equal(s->credentials[0].secret_access_key, "envsecret");
    assert_string_equal(s->credentials[0].session_token, "envtoken");
    settings_unref(&s);
    s = load_good(GOOD "[credentials e]\naccess_key_id = env:AWS_ACCESS_KEY_ID\nsecret_access_key = "
                       "env:AWS_SECRET_ACCESS_KEY\n");
    assert_string_equal(s->credentials[1].secret_access_key, "envsecret");
    settings_unref(&s);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
}

static void test_settings_ref_keeps_alive(void **state UNUSED)
{
    struct settings *s = load_good(GOOD), *second = settings_ref(s);

    settings_unref(&s);
    assert_null(s);
    assert_string_equal(second->clients[0].name, "me");
    settings_unref(&second);
    settings_unref(&second);
}

/* --- mistakes --- */

static void test_config_load_bad_lines_are_reported(void **state UNUSED)
{
    static const struct bad rows[] = {
        {"unknown section", "[listner a]\nmode = x\n",
         "t.ini:13: there is no section [listner]; did you mean [listener]?\n"},
        {"far section", "[zzzzzz]\n",
         "t.ini:13: there is no section [zzzzzz]; sections are [server], [ca], [log], [listener NAME], [endpoint "
         "NAME], "
         "[credentials NAME], [client NAME] and [policy NAME]\n"},
        {"no name", "[policy]\n",
         "t.ini:13: section [policy NAME] needs a name of letters, digits, '-', '_' and '.'; write, for example, "
         "[policy "
         "reports]\n"},
        {"name not wanted", "[server x]\n", "t.ini:13: section [server] has no name; write [server]\n"},
        {"header not closed", "[server\n",
         "t.ini:13: this section header is not closed; write [SECTION] or [SECTION NAME] on a line of its own\n"},
        {"section again", "[client me]\n",
         "t.ini:13: section [client me] stands here again, first at line 8; put its keys together there\n"},
        {"unknown key", "[server]\nworker = 1\n",
         "t.ini:14: [server] has no key \"worker\"; did you mean \"workers\"?\n"},
        {"key elsewhere", "[server]\naddresses = 1\n",
         "t.ini:14: [server] has no key \"addresses\"; it belongs to [endpoint NAME]\n"},
        {"far key", "[server]\nqqqqqqqqq = 1\n",
         "t.ini:14: [server] has no key \"qqqqqqqqq\"; `s3onramp check --example` shows all keys\n"},
        {"repeated key", "[server]\nworkers = 1\nworkers = 1\n",
         "t.ini:15: \"workers\" is given twice, first at t.ini:14; keep one of them\n"},
        {"no equals sign", "[server]\nworkers\n",
         "t.ini:14: this line is neither [SECTION] nor KEY = VALUE; begin a comment with '#'\n"},
        {"last line without end", "[server]\nworkers",
         "t.ini:14: this line is neither [SECTION] nor KEY = VALUE; begin a comment with '#'\n"},
        {"indented, mistyped", "[log]\n level = info\n Access = x\n  for-mat=y\n",
         "t.ini:15: [log] has no key \"Access\"; did you mean \"access\"?\n"
         "t.ini:16: [log] has no key \"for-mat\"; did you mean \"format\"?\n"},
        {"no value", "[server]\nworkers =\n",
         "t.ini:14: workers has no value; write one, or remove the line for the default\n"},
        {"not indented on", "[policy p]\nbuckets = a\nb\n",
         "t.ini:15: this line is neither [SECTION] nor KEY = VALUE; begin a comment with '#'\n"},
        {"all at once", "[server]\nworkers = x\nidle_timeout = y\n[nope]\n",
         "t.ini:16: there is no section [nope]; sections are [server], [ca], [log], [listener NAME], [endpoint NAME], "
         "[credentials NAME], [client NAME] and [policy NAME]\n"
         "t.ini:14: workers = x: this is no number in range; write one from 0 to 256\n"
         "t.ini:15: idle_timeout = y: this is no duration in range; write a number with its unit (ms, s, m, h), from "
         "100ms to 24h\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
    expect("key before section", STR("workers = 1\n" GOOD), SIZE_MAX,
           "t.ini:1: key \"workers\" stands before the first section; write it below [SECTION]\n");
    expect("NUL", STR(GOOD "[server]\nwork\0ers = 1\n"), 1,
           "t.ini:14: there is a NUL byte in this line; save the file as plain text (UTF-8)\n");
    expect("byte order mark", STR("\xef\xbb\xbf" GOOD), SIZE_MAX, "");
}

static void test_config_load_long_lines_are_refused_not_cut(void **state UNUSED)
{
    char text[1024];
    char token[400];

    memset(token, 'T', sizeof token);
    for (int length = 150; length < 250; length++) {
        int n = snprintf(text, sizeof text, GOOD "session_token = %.*s\n[server]\nworkers = 2\n", length, token);
        char *problems = NULL;
        struct settings *s = load(str_make(text, (size_t)n), SIZE_MAX, &problems);
        if (s) {
            assert_int_equal(strlen(s->credentials[0].session_token), length);
            assert_int_equal(s->server.workers, 2);
        } else {
            assert_string_equal(problems,
                                "t.ini:13: this line is longer than 197 bytes; go on in the next line, which must "
                                "begin with a blank, or write env:NAME for a long token\n");
        }
        assert_int_equal(s != NULL, 16 + length <= 197);
        settings_unref(&s);
        free(problems);
    }
    int n = snprintf(text, sizeof text, GOOD "session_token = %.*s\n %.*s\n %.*s\n", 170, token, 170, token, 60, token);
    struct settings *s = load_good(text);
    assert_int_equal(strlen(s->credentials[0].session_token), 400);
    assert_true(n > 0);
    settings_unref(&s);
}

static void test_config_load_bad_values_are_reported(void **state UNUSED)
{
    static const struct bad rows[] = {
        {"below", "[server]\nmax_connections = 0\n",
         "t.ini:14: max_connections = 0: this is no number in range; write one from 1 to 1000000\n"},
        {"huge", "[server]\nmax_connections = 99999999999999999999\n",
         "t.ini:14: max_connections = 99999999999999999999: this is no number in range; write one from 1 to 1000000\n"},
        {"no unit", "[server]\nheader_timeout = 30\n",
         "t.ini:14: header_timeout = 30: this is no duration in range; write a number with its unit (ms, s, m, h), "
         "from "
         "100ms to 1h\n"},
        {"enum", "[log]\nlevel = loud\n",
         "t.ini:14: level = loud: this is not known here; write one of: error, warn, info, debug\n"},
        {"bool", "[policy p]\nlist_buckets = maybe\n",
         "t.ini:14: list_buckets = maybe: this is neither yes nor no; write yes or no\n"},
        {"network", "[server]\nprivate_networks = 198.18.0.1/15, 0.0.0.0/0\n",
         "t.ini:14: private_networks: \"198.18.0.1/15\" is not a network; write its first address and its length, like "
         "198.18.0.0/15\n"
         "t.ini:14: private_networks: \"0.0.0.0/0\" is too wide to be anybody's private network; name the networks "
         "that "
         "are\n"},
        {"empty item", "[policy p]\nbuckets = a,,b\n",
         "t.ini:14: buckets: there is nothing between two commas; write VALUE, VALUE\n"},
        {"bucket pattern", "[policy p]\nbuckets = a/b\n",
         "t.ini:14: buckets: \"a/b\" cannot be a bucket's name; write names only, with * and ? as wildcards\n"},
        {"zone", "[endpoint x]\nregion = us-east-1b\naddresses = 10.0.0.1\n",
         "t.ini:14: region = us-east-1b: this is an Availability Zone; write its Region, us-east-1\n"},
        {"region", "[endpoint x]\nregion = Tokyo\naddresses = 10.0.0.1\n",
         "t.ini:14: region = Tokyo: this cannot be a Region; write it like ap-northeast-1\n"},
        {"host as URL", "[endpoint x]\nregion = us-east-1\nhost = https://s3.test\naddresses = 10.0.0.1\n",
         "t.ini:15: host = https://s3.test: this is a URL; write the host name only, without https://\n"},
        {"host with port", "[endpoint x]\nregion = us-east-1\nhost = s3.test:443\naddresses = 10.0.0.1\n",
         "t.ini:15: host = s3.test:443: this is not a host name; write it without port and path, like "
         "s3.ap-northeast-1.amazonaws.com\n"},
        {"bind port only", "[listener x]\nmode = forward\nbind = 9000\n",
         "t.ini:15: bind: \"9000\" is not an IP address; write ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), no "
         "names\n"},
        {"variable not set", "[credentials x]\naccess_key_id = AKID\nsecret_access_key = env:S3ONRAMP_TEST_UNSET\n",
         "t.ini:15: secret_access_key = env:S3ONRAMP_TEST_UNSET: this environment variable is not set; set "
         "S3ONRAMP_TEST_UNSET for the proxy\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_bad_endpoints_are_reported(void **state UNUSED)
{
#define X "[endpoint x]\nregion = us-east-1\naddresses = "
#define NOT_PRIVATE                                                                                              \
    " is not a private address, so traffic could leave the private path; write the endpoint's own, or list its " \
    "network in private_networks of [server]\n"
#define NO_TARGET " is link-local, multicast or no address at all; write the private addresses of the endpoint\n"
#define MORE "addresses = …, or name = vpce-….s3.REGION.vpce.amazonaws.com, which is looked up in DNS\n"
    static const struct bad rows[] = {
        {"public", X "8.8.8.8\n", "t.ini:15: addresses: 8.8.8.8:443" NOT_PRIVATE},
        {"public IPv6", X "2001:db8::1\n", "t.ini:15: addresses: [2001:db8::1]:443" NOT_PRIVATE},
        {"mapped public", X "::ffff:8.8.8.8\n", "t.ini:15: addresses: [::ffff:8.8.8.8]:443" NOT_PRIVATE},
        {"loopback", X "127.0.0.1\n", "t.ini:15: addresses: 127.0.0.1:443" NOT_PRIVATE},
        {"metadata", X "169.254.169.254\n", "t.ini:15: addresses: 169.254.169.254:443" NO_TARGET},
        {"metadata, listed", X "169.254.169.254\n[server]\nprivate_networks = 169.254.0.0/16\n",
         "t.ini:15: addresses: 169.254.169.254:443" NO_TARGET},
        {"metadata IPv6", X "fd00:ec2::254\n", "t.ini:15: addresses: [fd00:ec2::254]:443" NO_TARGET},
        {"unspecified", X "0.0.0.0\n", "t.ini:15: addresses: 0.0.0.0:443" NO_TARGET},
        {"one of several", X "10.0.0.1,\n 52.219.0.1\n", "t.ini:15: addresses: 52.219.0.1:443" NOT_PRIVATE},
        {"name", X "s3.test\n",
         "t.ini:15: addresses: \"s3.test\" is not an IP address; write ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), "
         "no "
         "names\n"},
        {"port 0", X "10.0.0.1:0\n", "t.ini:15: addresses: 10.0.0.1:0 has no port; write ADDRESS, or ADDRESS:443\n"},
        {"twice", X "10.0.0.1, 10.0.0.1:443\n", "t.ini:15: addresses: one stands there twice; keep one of them\n"},
        {"listed", X "127.0.0.1\n[server]\nprivate_networks = 127.0.0.0/8\n", ""},
        {"no addresses", "[endpoint x]\nregion = us-east-1\n",
         "t.ini:13: endpoint \"x\" has no addresses; write " MORE},
        {"no addresses, no DNS", "[endpoint x]\nname = vpce-012345-ab.s3.us-east-1.vpce.amazonaws.com\ndns = no\n",
         "t.ini:13: endpoint \"x\" has no addresses; write " MORE},
        {"DNS and addresses",
         "[endpoint x]\nname = vpce-012345-ab.s3.us-east-1.vpce.amazonaws.com\ndns = yes\naddresses = 10.0.0.1\n",
         "t.ini:15: addresses come from DNS or are written down, not both; remove dns or addresses\n"},
        {"DNS without a name", "[endpoint x]\nregion = us-east-1\ndns = yes\n",
         "t.ini:15: dns = yes needs a name to look up; write name = vpce-ID.s3.REGION.vpce.amazonaws.com\n"},
        {"resolver without DNS", X "10.0.0.1\nresolver = 10.0.0.2\n",
         "t.ini:16: resolver has no effect without DNS; remove it or addresses\n"},
        {"zones without DNS", X "10.0.0.1\nzones = a\n",
         "t.ini:16: zones names what is looked up in DNS; write addresses = ZONE=ADDRESS, … instead\n"},
        {"zone", X "a b=10.0.0.1\n",
         "t.ini:15: addresses: \"a b\" cannot be a zone; write it like a, or ap-northeast-1a\n"},
        {"preferred zone", X "10.0.0.1\nprefer_zone = a!\n",
         "t.ini:16: prefer_zone: \"a!\" cannot be a zone; write it like a, or ap-northeast-1a\n"},
        {"zone without address", X "a=\n",
         "t.ini:15: addresses: \"\" is not an IP address; write ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), no "
         "names\n"},
        {"no region", "[endpoint x]\naddresses = 10.0.0.1\n",
         "t.ini:13: endpoint \"x\" has no Region; write name = vpce-….s3.REGION.vpce.amazonaws.com or region = "
         "REGION\n"},
        {"other service",
         "[endpoint x]\nname = vpce-012345-ab.sts.us-east-1.vpce.amazonaws.com\naddresses = 10.0.0.1\n",
         "t.ini:14: name = vpce-012345-ab.sts.us-east-1.vpce.amazonaws.com is not an S3 endpoint's name; write it like "
         "vpce-ID.s3.REGION.vpce.amazonaws.com, or write region = REGION instead\n"},
        {"suffix of another partition",
         "[endpoint x]\nname = vpce-012345-ab.s3.cn-north-1.vpce.amazonaws.com\naddresses = 10.0.0.1\n",
         "t.ini:14: name = vpce-012345-ab.s3.cn-north-1.vpce.amazonaws.com ends in amazonaws.com, but names in "
         "cn-north-1 "
         "end in amazonaws.com.cn; copy it from the console again\n"},
        {"region and name differ",
         "[endpoint x]\nname = vpce-012345-ab.s3.us-east-1.vpce.amazonaws.com\nregion = us-east-2\naddresses = "
         "10.0.0.1\n",
         "t.ini:15: region = us-east-2, but the endpoint's name says us-east-1; remove one of them\n"},
        {"credentials", X "10.0.0.1\ncredentials = other\n",
         "t.ini:16: there is no [credentials other]; write that section, or remove the line to use [credentials "
         "default]\n"},
        {"ca_file", X "10.0.0.1\nca_file = /nonexistent/ca.pem\n",
         "t.ini:16: ca_file: /nonexistent/ca.pem cannot be read (No such file or directory); name a file that the "
         "proxy "
         "may read\n"},
        {"two defaults",
         X "10.0.0.1\ndefault = yes\n[endpoint y]\nregion = us-east-2\naddresses = 10.0.0.2\ndefault = on\n",
         "t.ini:20: endpoint \"x\" is the default already; keep one default = yes\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_bad_ways_in_are_reported(void **state UNUSED)
{
#define T "[listener x]\nmode = forward\nbind = 10.0.0.9\ntunnel = *.test\n[tunnel t]\nhosts = sts.test\naddresses = "
    static const struct bad rows[] = {
        {"private", T "10.0.0.2, [fd00::2]:8443\n", ""},
        {"public", T "8.8.8.8\n",
         "t.ini:19: addresses: 8.8.8.8:443 is not a private address, so traffic could leave the private path; write "
         "the "
         "endpoint's own, or list its network in private_networks of [server]\n"},
        {"loopback", T "10.0.0.2, 127.0.0.1:443\n",
         "t.ini:19: addresses: 127.0.0.1:443 is not a private address, so traffic could leave the private path; write "
         "the endpoint's own, or list its network in private_networks of [server]\n"},
        {"metadata", T "169.254.169.254:80\n",
         "t.ini:19: addresses: 169.254.169.254:80 is link-local, multicast or no address at all; write the private "
         "addresses of the tunnel\n"},
        {"nobody may", "[tunnel t]\nhosts = sts.test\naddresses = 10.0.0.2\n",
         "t.ini:13: no listener leads to tunnel \"t\"; write tunnel = sts.test in a [listener] with mode = forward or "
         "mode = redirect\n"},
        {"no host", "[tunnel t]\naddresses = 10.0.0.2\n", "t.ini:13: tunnel \"t\" has no hosts; write hosts = …\n"},
        {"pattern", "[listener x]\nmode = forward\ntunnel = s3.*, a/b\n",
         "t.ini:15: tunnel: \"a/b\" cannot match a host name; write names without port, with * and ? as wildcards\n"},
        {"header of anybody", "[listener x]\nmode = forward\nproxy_protocol = yes\n",
         "t.ini:15: proxy_protocol = yes believes what a header says of where a connection comes from; write "
         "trusted_proxies = NETWORKS with the balancers' addresses\n"},
        {"no header", "[listener x]\nmode = forward\ntrusted_proxies = 10.0.0.0/8\n",
         "t.ini:15: trusted_proxies has no effect without proxy_protocol = yes; write that, or remove it\n"},
        {"other mode",
         "[listener x]\nmode = endpoint\nbind = 10.0.0.9\nproxy_auth = required\ntunnel = s3.*\ntransparent = yes\n",
         "t.ini:16: proxy_auth has no effect with mode = endpoint; remove it\n"
         "t.ini:17: tunnel has no effect with mode = endpoint; remove it\n"
         "t.ini:18: transparent has no effect with mode = endpoint; remove it\n"},
        {"plain without passwords", "[listener x]\nmode = forward\nproxy_auth_plain = yes\n",
         "t.ini:15: proxy_auth_plain has no effect without passwords; write proxy_auth = required, or remove it\n"},
        {"password in clear", "[client x]\npolicy = read-only\npassword = secret\n",
         "t.ini:15: password of client \"x\" is not the hash of one that this system knows as safe; run `s3onramp "
         "client "
         "password x`\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_bad_callers_are_reported(void **state UNUSED)
{
#define PAIR "access_key_id = S3ORONE\nsecret_access_key = s1\n"
    static const struct bad rows[] = {
        {"no pair", "[client x]\npolicy = read-only\n",
         "t.ini:13: client \"x\" has no key pair and no listener takes it as anonymous; run `s3onramp client add x`\n"},
        {"half a pair", "[client x]\naccess_key_id = S3ORONE\npolicy = read-only\n",
         "t.ini:13: client \"x\" has half of a key pair; write secret_access_key too, or remove access_key_id\n"},
        {"no policy", "[client x]\n" PAIR,
         "t.ini:13: client \"x\" has no policy; write policy = read-only, policy = allow-all, or the NAME of a [policy "
         "NAME]\n"},
        {"unknown policy", "[client x]\n" PAIR "policy = p\n",
         "t.ini:16: there is no [policy p]; write that section, or policy = read-only or policy = allow-all\n"},
        {"unknown credentials", "[client x]\n" PAIR "policy = read-only\ncredentials = c\n",
         "t.ini:17: there is no [credentials c]; write that section, or remove the line to use the endpoint's\n"},
        {"same key", "[client x]\n" PAIR "policy = read-only\n[client y]\n" PAIR "policy = read-only\n",
         "t.ini:17: client \"y\" has the access key of client \"x\"; make another with `s3onramp client add NAME`\n"},
        {"key with a slash", "[client x]\naccess_key_id = a/b/c\nsecret_access_key = s1\npolicy = read-only\n",
         "t.ini:14: an access key has 3 to 128 letters, digits, '.', '_' and '-'; make one with `s3onramp client add "
         "NAME`\n"},
        {"built-in policy", "[policy allow-all]\naccess = read-only\n",
         "t.ini:13: policy \"allow-all\" is built in; choose another name\n"},
        {"credentials without secret", "[credentials x]\naccess_key_id = AKID\n",
         "t.ini:13: credentials \"x\" have no secret_access_key; write secret_access_key = VALUE or env:NAME, or "
         "source = "
         "environment\n"},
        {"no mode", "[listener x]\nbind = 127.0.0.1:1\n",
         "t.ini:13: listener \"x\" has no mode; write mode = forward or mode = endpoint\n"},
        {"bound twice", "[listener x]\nmode = endpoint\n",
         "t.ini:13: 127.0.0.1:9000 is already bound by listener \"l\"; write another port\n"},
        {"unknown client", "[listener x]\nmode = forward\nanonymous = you\n",
         "t.ini:15: there is no [client you]; write that section, with its policy\n"},
        {"unknown endpoint", "[listener x]\nmode = endpoint\nbind = 127.0.0.1:1\nendpoint = z\n",
         "t.ini:16: there is no [endpoint z]; name one of the endpoints\n"},
        {"certificate without TLS", "[listener x]\nmode = forward\ncertificate = /dev/null\nprivate_key = /dev/null\n",
         "t.ini:15: certificate has no effect without TLS; write tls = on, or remove it\n"},
        {"certificate without key", "[listener x]\nmode = forward\ntls = on\ncertificate = /dev/null\n",
         "t.ini:16: certificate alone is not enough; write private_key = FILE too\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
    expect("nothing", STR(""), SIZE_MAX,
           "t.ini: there is no [listener NAME]; write one with mode = endpoint or mode = forward\n"
           "t.ini: there is no [endpoint NAME]; write one with the endpoint's name and addresses\n");
}

static void test_config_load_problem_shows_no_secret(void **state UNUSED)
{
    char *problems = NULL;
    struct settings *s =
        load(STR(GOOD "[client x]\naccess_key_id = S3ORONE\nsecret_acess_key = hidden1\n"
                      "[client y]\nsecret_access_key = hidden2\nsecret_access_key = hidden3\nhidden4\n"),
             SIZE_MAX, &problems);

    assert_null(s);
    assert_non_null(strstr(problems, "did you mean \"secret_access_key\"?"));
    assert_null(strstr(problems, "hidden"));
    free(problems);
}

/* --- files --- */

static char folder[] = "/tmp/s3onramp-test-XXXXXX";

static int make_folder(void **state UNUSED)
{
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
    return mkdtemp(folder) ? 0 : -1;
}

static const char *in_folder(char out[256], const char *name)
{
    snprintf(out, 256, "%s/%s", folder, name);
    return out;
}

static void write_file(const char *name, mode_t mode, const char *text)
{
    char path[256];
    FILE *out = fopen(in_folder(path, name), "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(chmod(path, mode), 0);
}

static int remove_folder(void **state UNUSED)
{
    static const char *const names[] = {"s3onramp.ini", "clients.ini", "other.ini", "l.key"};
    char path[256];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(in_folder(path, names[i]));
    return rmdir(folder);
}

/* Loads the folder's s3onramp.ini and compares the problems with @expected, in which "@" stands for the folder. */
static struct settings *load_file(const char *expected)
{
    char path[256], *problems = NULL, *wanted = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&problems, &n);
    struct settings *s = config_load(in_folder(path, "s3onramp.ini"), out);
    fclose(out);

    out = open_memstream(&wanted, &n);
    for (const char *c = expected; *c; c++) {
        if (*c == '@')
            fputs(folder, out);
        else
            fputc(*c, out);
    }
    fclose(out);
    assert_string_equal(problems, wanted);
    assert_int_equal(s == NULL, *expected != '\0');
    free(problems);
    free(wanted);
    return s;
}

static void test_config_load_clients_file_completes_client(void **state UNUSED)
{
    char path[256];
    struct settings *s;

    write_file("s3onramp.ini", 0600, GOOD "[client x]\npolicy = read-only\n");
    write_file("clients.ini", 0600, "[client x]\n" PAIR);
    s = load_file("");
    assert_string_equal(settings_client_by_key(s, STR("S3ORONE"))->name, "x");
    assert_int_equal(s->clients_n, 2);
    settings_unref(&s);

    write_file("clients.ini", 0600, "[client x]\n" PAIR "policy = allow-all\n[server]\nworkers = 1\n");
    s = load_file(
        "@/clients.ini:4: \"policy\" is given twice, first at @/s3onramp.ini:14; keep one of them\n"
        "@/clients.ini:5: a clients file holds [client NAME] sections only; move [server] to the main file\n");
    unlink(in_folder(path, "clients.ini"));
    s = load_file(
        "@/s3onramp.ini:13: client \"x\" has no key pair and no listener takes it as anonymous; run `s3onramp "
        "client add x`\n");
    assert_null(s);
}

static void test_config_load_clients_file_named_must_exist(void **state UNUSED)
{
    write_file("s3onramp.ini", 0600, GOOD "[server]\nclients_file = other.ini\n");
    struct settings *s =
        load_file("@/s3onramp.ini:14: clients file @/other.ini cannot be opened (No such file or directory); "
                  "make it with `s3onramp client add NAME`, or let the proxy read it\n");
    assert_null(s);
    write_file("other.ini", 0600, "");
    s = load_file("");
    char path[256];
    assert_string_equal(s->server.clients_file, in_folder(path, "other.ini"));
    settings_unref(&s);
}

static void test_config_load_readable_secrets_are_refused(void **state UNUSED)
{
    struct settings *s;

    write_file("s3onramp.ini", 0640, GOOD);
    write_file("clients.ini", 0604, "[client x]\npolicy = read-only\n" PAIR);
    s = load_file("@/s3onramp.ini: others may read this file (mode 640), and it holds a secret; run `chmod 600 "
                  "@/s3onramp.ini`\n"
                  "@/clients.ini: others may read this file (mode 604), and it holds a secret; run `chmod 600 "
                  "@/clients.ini`\n");
    assert_null(s);
    setenv("S3ONRAMP_TEST_SECRET", "s", 1);
    write_file("s3onramp.ini", 0644,
               "[listener l]\nmode = endpoint\n[endpoint e]\nregion = us-east-1\naddresses = 10.0.0.1\n"
               "[credentials default]\naccess_key_id = AKID\nsecret_access_key = env:S3ONRAMP_TEST_SECRET\n");
    write_file("clients.ini", 0400, "[client x]\npolicy = read-only\n" PAIR);
    s = load_file("");
    assert_string_equal(s->credentials[0].secret_access_key, "s");
    settings_unref(&s);
    unsetenv("S3ONRAMP_TEST_SECRET");
}

static void test_config_load_listener_key_must_be_private(void **state UNUSED)
{
    struct settings *s;

    write_file("clients.ini", 0600, "");
    write_file("l.key", 0644, "key");
    write_file("s3onramp.ini", 0600,
               GOOD "[listener x]\nmode = forward\ntls = on\ncertificate = l.key\nprivate_key = l.key\n");
    s = load_file("@/s3onramp.ini:17: private_key: others may read @/l.key; run `chmod 600 @/l.key`\n");
    assert_null(s);
    write_file("l.key", 0600, "key");
    s = load_file("");
    settings_unref(&s);
}

static void test_config_read_incomplete_is_fine(void **state UNUSED)
{
    char path[256];

    write_file("clients.ini", 0600, "");
    write_file(
        "s3onramp.ini", 0600,
        "[client x]\n[credentials default]\nsource = environment\n[client y]\naccess_key_id = env:S3ONRAMP_NO\n");
    struct settings *s = config_read(in_folder(path, "s3onramp.ini"), stderr);
    assert_non_null(s);
    assert_int_equal(s->clients_n, 2);
    assert_string_equal(s->clients[1].access_key_id, "env:S3ONRAMP_NO");
    settings_unref(&s);
}

/* --- printing --- */

static void test_config_print_shows_origin_and_no_secret(void **state UNUSED)
{
    struct settings *s = load_good(GOOD "[server]\nidle_timeout = 2m\n");
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    config_print(s, out);
    fclose(out);
    assert_non_null(strstr(text, "idle_timeout = 120s                          ; t.ini:14\n"));
    assert_non_null(strstr(text, "max_connections = 8000                       ; default\n"));
    assert_non_null(strstr(text, "host = s3.ap-northeast-1.amazonaws.com       ; derived\n"));
    assert_non_null(strstr(text, "secret_access_key = ********                 ; t.ini:12\n"));
    assert_non_null(strstr(text, "#ca_file =                                   ; not set\n"));
    assert_null(strstr(text, "wJalrXUtn"));
    free(text);
    settings_unref(&s);
}

static int line_of(const char *text, const char *needle)
{
    const char *at = strstr(text, needle);
    int line = 1;

    assert_non_null(at);
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static void test_config_print_example_is_the_file_in_conf(void **state UNUSED)
{
    char *text = NULL, file[32768];
    size_t n = 0;
    FILE *out = open_memstream(&text, &n), *in = fopen(TEST_VECTORS "/../../conf/s3onramp.ini", "r");

    assert_non_null(in);
    config_print_example(out);
    fclose(out);
    file[fread(file, 1, sizeof file - 1, in)] = '\0';
    fclose(in);
    assert_string_equal(text, file);
    /* As it stands only the keys are missing. */
    int source = line_of(text, "source = environment"), client = line_of(text, "[client me]");
    char problems[1024];
    snprintf(
        problems, sizeof problems,
        "t.ini:%d: credentials \"default\" come from the environment, but AWS_ACCESS_KEY_ID is not set; set it for "
        "the proxy, or write source = static and the keys\n"
        "t.ini:%d: credentials \"default\" come from the environment, but AWS_SECRET_ACCESS_KEY is not set; set it "
        "for the proxy, or write source = static and the keys\n"
        "t.ini:%d: client \"me\" has no key pair and no listener takes it as anonymous; run `s3onramp client add "
        "me`\n",
        source, source, client);
    expect("example", str_make(text, n), SIZE_MAX, problems);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_load_smallest_has_defaults),
        cmocka_unit_test(test_config_load_zones_and_dns),
        cmocka_unit_test(test_settings_address_allowed_private_only),
        cmocka_unit_test(test_config_load_values_of_each_type),
        cmocka_unit_test(test_config_load_partition_suffixes),
        cmocka_unit_test(test_config_load_environment_gives_credentials),
        cmocka_unit_test(test_settings_ref_keeps_alive),
        cmocka_unit_test(test_config_load_bad_lines_are_reported),
        cmocka_unit_test(test_config_load_long_lines_are_refused_not_cut),
        cmocka_unit_test(test_config_load_bad_values_are_reported),
        cmocka_unit_test(test_config_load_bad_endpoints_are_reported),
        cmocka_unit_test(test_config_load_bad_ways_in_are_reported),
        cmocka_unit_test(test_config_load_bad_callers_are_reported),
        cmocka_unit_test(test_config_load_problem_shows_no_secret),
        cmocka_unit_test(test_config_load_clients_file_completes_client),
        cmocka_unit_test(test_config_load_clients_file_named_must_exist),
        cmocka_unit_test(test_config_load_readable_secrets_are_refused),
        cmocka_unit_test(test_config_load_listener_key_must_be_private),
        cmocka_unit_test(test_config_read_incomplete_is_fine),
        cmocka_unit_test(test_config_print_shows_origin_and_no_secret),
        cmocka_unit_test(test_config_print_example_is_the_file_in_conf),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
