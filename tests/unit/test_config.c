/* SPDX-License-Identifier: Apache-2.0
 * test_config.c: what a configuration means, and that each mistake is reported at its line, with what to write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/settings_diff.h"
#include "folder.h"

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

#define SECRET "0123456789abcdefghijklmnopqrstuvwxyzABCD"

static const struct principal_conf *by_key(const struct settings *s, struct str access_key)
{
    const struct principal_key *key;

    return settings_client_by_key(s, access_key, &key);
}

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
    assert_string_equal(s->ca.certificate, "ca.pem");
    assert_int_equal(s->ca.leaf_days, 30);
    assert_int_equal(s->log.level, LOG_INFO);
    assert_int_equal(s->log.format, LOG_TEXT);
    assert_string_equal(s->log.access, "-");
    const struct endpoint_conf *e = &s->endpoints[0];
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
    assert_string_equal(e->credentials->secret_access_key, "wJalrXUtn");
    const struct listener_conf *l = &s->listeners[0];
    assert_int_equal(l->mode, LISTENER_ENDPOINT);
    assert_string_equal(l->anonymous->name, "me");
    assert_true(!l->endpoint && l->tls == LISTENER_PLAIN);
    const struct policy_conf *p = s->clients[0].terms->policies[0];
    assert_true(p->access == POLICY_ADMIN && p->list_buckets && p->buckets.n == 0);
    assert_true(!s->clients[0].terms->credentials && s->clients_by_key.n == 0);
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
    const struct endpoint_conf *e = &s->endpoints[1], *d = &s->endpoints[2];

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
    assert_ptr_equal(s->listeners[1].endpoint, &s->endpoints[1]);
    const struct endpoint_conf *one = &s->endpoints[0], *two = &s->endpoints[1];
    assert_true(one->fips && one->is_default && one->trailers == TRAILERS_DECODE);
    assert_string_equal(one->region, "us-gov-west-1");
    assert_string_equal(one->host, "s3-fips.us-gov-west-1.amazonaws.com");
    assert_int_equal(netaddr_port(&one->addresses[0]), 8080);
    assert_int_equal(netaddr_port(&one->addresses[1]), 8443);
    assert_int_equal(netaddr_port(&one->addresses[3]), 8080);
    assert_string_equal(two->host, "s3.local");
    assert_string_equal(two->sni, "front.local");
    assert_string_equal(two->suffix, "amazonaws.com.cn");
    assert_string_equal(two->credentials->session_token, "t1t2==");
    const struct policy_conf *p = s->clients[0].terms->policies[0];
    assert_true(p->access == POLICY_READ_WRITE && p->list_buckets && p->buckets.n == 2);
    assert_ptr_equal(s->clients[0].terms->credentials, two->credentials);
    assert_ptr_equal(by_key(s, STR("S3ORA")), &s->clients[1]);
    assert_ptr_equal(by_key(s, STR("S3ORB")), &s->clients[0]);
    assert_null(by_key(s, STR("S3OR")));
    assert_null(by_key(s, STR_NONE));
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

#define NO_KEYS "[listener l]\nmode = forward\n[endpoint e]\nregion = us-east-1\naddresses = 10.0.0.1\n"

static void test_config_load_default_credentials_are_a_chain(void **state UNUSED)
{
    struct settings *s = load_good(NO_KEYS);
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_string_equal(s->endpoints[0].credentials->name, "default");
    assert_int_equal(s->credentials[0].source, CREDENTIALS_CHAIN);
    assert_string_equal(s->credentials[0].region, "us-east-1");
    assert_null(s->credentials[0].service_url);
    config_print(s, out);
    fclose(out);
    assert_non_null(
        strstr(text, "[credentials default] ; built in\nsource = chain                               ; built"));
    free(text);
    settings_unref(&s);
    s = load_good(NO_KEYS "credentials = other\n[credentials other]\nsource = none\n");
    assert_int_equal(s->credentials_n, 1);
    settings_unref(&s);
    s = load_good(NO_KEYS "credentials = r\n[credentials r]\nsource = assume-role\nrole_arn = "
                          "arn:aws:iam::123456789012:role/x\nsource_credentials = default\n");
    assert_string_equal(s->credentials[0].source_credentials->name, "default");
    assert_int_equal(s->credentials[0].source_credentials->source, CREDENTIALS_CHAIN);
    settings_unref(&s);
    s = load_good(GOOD "[credentials x]\nprofile = dev\n[credentials y]\naccess_key_id = A\nsecret_access_key = b\n");
    assert_int_equal(s->credentials[0].source, CREDENTIALS_STATIC);
    assert_int_equal(s->credentials[1].source, CREDENTIALS_CHAIN);
    assert_int_equal(s->credentials[2].source, CREDENTIALS_STATIC);
    settings_unref(&s);
}

/* The source reads the environment, not the configuration: only its being there is checked. */
static void test_config_load_environment_is_checked_not_taken(void **state UNUSED)
{
    static const char text[] = NO_KEYS "[credentials default]\nsource = environment\n";

    setenv("AWS_ACCESS_KEY_ID", "ASIAENV", 1);
    expect(
        "half of a pair", str_from(text), SIZE_MAX,
        "t.ini:7: credentials \"default\" come from the environment, but AWS_SECRET_ACCESS_KEY is not set; set it for "
        "the proxy, or write source = static and the keys\n");
    setenv("AWS_SECRET_ACCESS_KEY", "envsecret", 1);
    struct settings *s = load_good(text);
    assert_int_equal(s->credentials[0].source, CREDENTIALS_ENVIRONMENT);
    assert_null(s->credentials[0].access_key_id);
    assert_null(s->credentials[0].secret_access_key);
    settings_unref(&s);
    s = load_good(GOOD "[credentials e]\naccess_key_id = env:AWS_ACCESS_KEY_ID\nsecret_access_key = "
                       "env:AWS_SECRET_ACCESS_KEY\n");
    assert_string_equal(s->credentials[1].access_key_id, "ASIAENV");
    assert_string_equal(s->credentials[1].secret_access_key, "envsecret");
    settings_unref(&s);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
}

#define ROLE "role_arn = arn:aws:iam::123456789012:role/path/S3-Reader\n"
#define ASSUME "[credentials x]\nsource = assume-role\nsource_credentials = default\n" ROLE

static void test_config_load_roles_get_region_and_service(void **state UNUSED)
{
    static const struct {
        const char *name, *text, *region, *url;
    } rows[] = {
        {"nobody uses it, but a client does",
         "[client c]\naccess_key_id = S3ORONE\nsecret_access_key = s1\n"
         "policy = read-only\ncredentials = x\n" ASSUME,
         "ap-northeast-1", "https://sts.ap-northeast-1.amazonaws.com"},
        {"endpoint", "[endpoint f]\nregion = cn-north-1\naddresses = 10.0.0.2\ncredentials = x\n" ASSUME, "cn-north-1",
         "https://sts.cn-north-1.amazonaws.com.cn"},
        {"base of another",
         "[endpoint f]\nregion = eu-west-1\naddresses = 10.0.0.2\ncredentials = y\n[credentials y]\n"
         "source = assume-role\nsource_credentials = x\nregion = us-east-1\n" ROLE
         "[credentials x]\nsource = web-identity\ntoken_file = /nonexistent/token\n" ROLE,
         "eu-west-1", "https://sts.eu-west-1.amazonaws.com"},
        {"written", ASSUME "region = us-gov-west-1\n", "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"},
        {"all written", ASSUME "region = x1\nservice_url = https://127.0.0.1:9/\n", "x1", "https://127.0.0.1:9"},
        {"profile",
         "[endpoint f]\nregion = eu-west-1\naddresses = 10.0.0.2\ncredentials = x\n[credentials x]\n"
         "source = profile\n",
         "eu-west-1", ""},
        {"static", "[credentials x]\naccess_key_id = A\nsecret_access_key = b\n", "", ""},
    };
    char text[2048];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text, GOOD "%s", rows[i].text);
        struct settings *s = load_good(text);
        const struct credentials_conf *c = &s->credentials[s->credentials_n - 1];
        const char *region = c->region ? c->region : "", *url = c->service_url ? c->service_url : "";
        if (strcmp(region, rows[i].region) != 0 || strcmp(url, rows[i].url) != 0) print_error("%s\n", rows[i].name);
        assert_string_equal(c->name, "x");
        assert_string_equal(region, rows[i].region);
        assert_string_equal(url, rows[i].url);
        settings_unref(&s);
    }
}

static const struct credentials_conf *last(const struct settings *s)
{
    return &s->credentials[s->credentials_n - 1];
}

static void test_config_load_region_from_environment(void **state UNUSED)
{
    setenv("AWS_DEFAULT_REGION", "eu-west-3", 1);
    struct settings *s = load_good(GOOD ASSUME);
    assert_string_equal(last(s)->region, "eu-west-3");
    settings_unref(&s);
    setenv("AWS_REGION", "eu-west-2", 1);
    s = load_good(GOOD ASSUME);
    assert_string_equal(last(s)->region, "eu-west-2");
    assert_string_equal(last(s)->service_url, "https://sts.eu-west-2.amazonaws.com");
    settings_unref(&s);
    setenv("AWS_REGION", "Tokyo", 1);
    expect(
        "wrong", STR(GOOD ASSUME), SIZE_MAX,
        "t.ini:13: credentials \"x\": \"Tokyo\" of AWS_REGION or AWS_DEFAULT_REGION cannot be a Region; set it right, "
        "or write region = REGION\n");
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
}

static void test_config_load_web_identity_from_environment(void **state UNUSED)
{
    static const char text[] = GOOD "[credentials x]\nsource = web-identity\nregion = us-east-1\n";

    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod", 1);
    expect("no token", str_from(text), SIZE_MAX,
           "t.ini:13: credentials \"x\" have no token_file; write token_file = FILE, or set "
           "AWS_WEB_IDENTITY_TOKEN_FILE\n");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token", 1);
    struct settings *s = load_good(text);
    assert_string_equal(last(s)->role_arn, "arn:aws:iam::123456789012:role/pod");
    assert_string_equal(last(s)->token_file, "/nonexistent/token");
    assert_null(last(s)->session_name);
    settings_unref(&s);
    s = load_good(GOOD "[credentials x]\nsource = web-identity\nregion = us-east-1\ntoken_file = /other\n");
    assert_string_equal(last(s)->token_file, "/other");
    settings_unref(&s);
    setenv("AWS_ROLE_ARN", "pod", 1);
    expect("wrong", str_from(text), SIZE_MAX,
           "t.ini:13: role_arn = pod: this is no role's ARN; write it like arn:aws:iam::123456789012:role/NAME\n");
    unsetenv("AWS_ROLE_ARN");
    unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
}

static void test_config_load_credentials_of_each_kind(void **state UNUSED)
{
    struct settings *s =
        load_good(GOOD "[server]\nprivate_networks = 127.0.0.0/8\n"
                       "[credentials p]\nsource = process\ncommand = /bin/true -x\ntimeout = 10s\nwait = 1s\n"
                       "[credentials c]\nsource = container\nurl = http://169.254.170.23/v1/credentials\n"
                       "token_file = /nonexistent/token\n"
                       "[credentials i]\nsource = imds\nurl = http://[fd00:ec2::254]:80/\nimds_v1 = yes\n"
                       "[credentials n]\nsource = none\n" ASSUME
                       "session_name = proxy-{client}\ntags = team=ar chive\n ,person={client}\n"
                       "addresses = 10.9.9.9, 127.0.0.1:8443\nexternal_id = x\nduration = 15m\nregion = us-east-1\n"
                       "[credentials y]\nsource = assume-role\nsource_credentials = x\nregion = us-east-1\n" ROLE);

    assert_string_equal(s->credentials[3].url, "http://[fd00:ec2::254]:80");
    const struct credentials_conf *x = &s->credentials[5], *y = &s->credentials[6];
    assert_true(x->per_client && x->tags.n == 2 && x->source_credentials == &s->credentials[0] &&
                x->duration_ms == 900000);
    assert_int_equal(netaddr_port(&x->addresses[0]), 443);
    assert_int_equal(netaddr_port(&x->addresses[1]), 8443);
    assert_true(y->per_client && y->source_credentials == &s->credentials[5]); /* as its base is */
    assert_false(s->credentials[0].per_client);
    assert_true(!s->credentials[0].source_credentials);
    settings_unref(&s);
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
         "t.ini:13: there is no section [zzzzzz]; sections are [server], [ca], [log], [audit], [admin], [auth pam], "
         "[cost], "
         "[listener NAME], [endpoint NAME], [credentials NAME], [client NAME], [group NAME], [policy NAME], [tunnel "
         "NAME], [parent NAME] and "
         "[line NAME]\n"},
        {"the other word", "[auth ldap]\n", "t.ini:13: there is no section [auth]; did you mean [auth pam]?\n"},
        {"no other word", "[auth]\n", "t.ini:13: there is no section [auth]; did you mean [auth pam]?\n"},
        {"a word too many", "[auth pam x]\n", "t.ini:13: there is no section [auth]; did you mean [auth pam]?\n"},
        {"two words again", "[auth pam]\n[auth  pam]\n",
         "t.ini:14: section [auth pam] stands here again, first at line 13; put its keys together there\n"},
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
         "t.ini:16: there is no section [nope]; sections are [server], [ca], [log], [audit], [admin], [auth pam], "
         "[cost], "
         "[listener NAME], "
         "[endpoint NAME], [credentials NAME], [client NAME], [group NAME], [policy NAME], [tunnel NAME], [parent "
         "NAME] and "
         "[line NAME]\n"
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

#define HASH " (the '#' belongs to the value: a comment after a value begins with ' ;', or stands on its own line)\n"

static void test_config_load_hash_after_refused_value_is_explained(void **state UNUSED)
{
    static const struct bad rows[] = {
        {"number", "[server]\nworkers = 2 # two\n",
         "t.ini:14: workers = 2 # two: this is no number in range; write one from 0 to 256" HASH},
        {"list", "[policy p]\nbuckets = *\n[server]\nprivate_networks = 198.18.0.0/15,\n  198.51.100.0/24 # lab\n",
         "t.ini:16: private_networks: \"198.51.100.0/24 # lab\" is not a network; write its first address and its "
         "length, like 198.18.0.0/15" HASH},
        {"name of a section", "[endpoint f]\nregion = us-east-1\naddresses = 10.0.0.2\ncredentials = default # ours\n",
         "t.ini:16: there is no [credentials default # ours]; write that section, or remove the line to use "
         "[credentials default]" HASH},
        {"another line",
         "[server]\nmax_connections = 100\nworkers = x\n[client you]\npolicy = p # q\naccess_key_id = S3ORTWO\n"
         "secret_access_key = s\n",
         "t.ini:15: workers = x: this is no number in range; write one from 0 to 256\n"
         "t.ini:17: there is no [policy p # q]; write that section, or policy = read-only or policy = allow-all" HASH},
        {"no blank before it", "[server]\nworkers = 2#two\n",
         "t.ini:14: workers = 2#two: this is no number in range; write one from 0 to 256\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
    settings_unref(&(struct settings *){load_good(GOOD "[server]\nworkers = 2 ; two\n# three\n")});
}

static void test_config_load_file_without_end_is_refused(void **state UNUSED)
{
    enum { BYTES = (1 << 20) + 100 };
    char *text = malloc(BYTES + 1), *problems = NULL;
    size_t n = sizeof GOOD - 1;

    assert_non_null(text);
    memcpy(text, GOOD, n);
    memset(text + n, '#', BYTES - n);
    for (size_t i = n + 99; i < BYTES; i += 100)
        text[i] = '\n';
    struct settings *s = load(str_make(text, 1 << 20), SIZE_MAX, &problems);
    assert_string_equal(problems, "");
    settings_unref(&s);
    free(problems);
    s = load(str_make(text, BYTES), SIZE_MAX, &problems);
    assert_null(s);
    assert_non_null(strstr(problems, ": the file is longer than 1 MiB; is it a configuration? Name another\n"));
    assert_ptr_equal(strchr(problems, '\n') + 1, problems + strlen(problems)); /* said once, and that alone */
    free(problems);
    free(text);
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
        {"property", "[policy p]\nrequire = encryption=kms\nset = tag.a=1, tag.a=2\nexpected_owner = 1234\n",
         "t.ini:14: require: encryption=kms: write AES256, aws:kms or aws:kms:dsse\n"
         "t.ini:15: set: tag.a=2: it is written twice; remove one\n"
         "t.ini:16: expected_owner = 1234 is no account of AWS; write its 12 digits\n"},
        {"property in a line of its own", "[policy p]\nset = tag.a=1,\n tag.b=2,\n storage_class=x\n list_buckets=no\n",
         "t.ini:14: set: storage_class=x: write a storage class, like STANDARD_IA\n"},
        {"owner of an endpoint", "[endpoint f]\nregion = us-east-1\naddresses = 10.0.0.2\nexpected_owner = me\n",
         "t.ini:16: expected_owner = me is no account of AWS; write its 12 digits\n"},
        {"policies of one client",
         "[client two]\naccess_key_id = TWOTWOTWO\nsecret_access_key = twotwotwo\npolicy = p, q\n[policy p]\n"
         "set = storage_class=GLACIER, tag.a=1\nexpected_owner = 111122223333\n[policy q]\n"
         "require = storage_class=STANDARD\nset = tag.a=2\nexpected_owner = 111122224444\n",
         "t.ini:13: client \"two\": policy p sets storage_class=GLACIER, and policy q requires something else; give "
         "the "
         "client one of them, or change one\n"
         "t.ini:13: client \"two\": policy p sets tag.a=1, and policy q sets something else; give the client one of "
         "them, or change one\n"
         "t.ini:13: client \"two\": the policies p and q have different values of expected_owner; give the client one "
         "of them\n"},
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
        {"bind port too large", "[listener x]\nmode = forward\nbind = 127.0.0.1:99999\n",
         "t.ini:15: bind: \"99999\" is no port; write one from 1 to 65535\n"},
        {"bind port no number, IPv6", "[listener x]\nmode = forward\nbind = [::1]:http\n",
         "t.ini:15: bind: \"http\" is no port; write one from 1 to 65535\n"},
        {"bind IPv6 cut short", "[listener x]\nmode = forward\nbind = fd00::1::2\n",
         "t.ini:15: bind: \"fd00::1::2\" is not an IP address; write ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), "
         "no "
         "names\n"},
        {"variable not set", "[credentials x]\naccess_key_id = AKID\nsecret_access_key = env:S3ONRAMP_TEST_UNSET\n",
         "t.ini:15: secret_access_key = env:S3ONRAMP_TEST_UNSET: this environment variable is not set; set "
         "S3ONRAMP_TEST_UNSET for the proxy\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

#define NO_RATE                                                                                              \
    ": this is no rate in range; write bytes a second (KB, MB, GB: powers of 1000; KiB, MiB, GiB: of 1024) " \
    "or bits (Kbit, Mbit, Gbit), like 25MB or 200Mbit, from 1KB to 1000Gbit, or 0 for none\n"

static void test_config_reports_rates_and_lines(void **state UNUSED)
{
    static const struct bad rows[] = {
        {"without unit", "[client x]\nupload_rate = 25\n", "t.ini:14: upload_rate = 25" NO_RATE},
        {"neither bits nor bytes", "[client x]\nupload_rate = 25Mb\n", "t.ini:14: upload_rate = 25Mb" NO_RATE},
        {"too small", "[client x]\nupload_rate = 999B\n", "t.ini:14: upload_rate = 999B" NO_RATE},
        {"less than a byte", "[client x]\nupload_rate = 7bit\n", "t.ini:14: upload_rate = 7bit" NO_RATE},
        {"too large", "[client x]\nupload_rate = 1001Gbit\n", "t.ini:14: upload_rate = 1001Gbit" NO_RATE},
        {"too large to count", "[client x]\nupload_rate = 4294967295GiB\n",
         "t.ini:14: upload_rate = 4294967295GiB" NO_RATE},
        {"no digit behind the point", "[client x]\nupload_rate = 1.Mbit\n", "t.ini:14: upload_rate = 1.Mbit" NO_RATE},
        {"negative", "[client x]\nupload_rate = -1MB\n", "t.ini:14: upload_rate = -1MB" NO_RATE},
    };
    static const struct bad lines[] = {
        {"no bandwidth", "[line x]\n", "t.ini:13: line \"x\" has no bandwidth; write what it carries, like 1Gbit\n"},
        {"no such line", "[endpoint f]\nregion = eu-west-1\naddresses = 10.0.0.2\nline = x\n",
         "t.ini:16: there is no [line x]; write that section, or remove the line\n"},
    };
    char text[4096];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int n = snprintf(text, sizeof text, "%s%spolicy = read-only\naccess_key_id = ABCD\nsecret_access_key = EFGH\n",
                         GOOD, rows[i].text);

        expect(rows[i].name, str_make(text, (size_t)n), SIZE_MAX, rows[i].expected);
    }
    check_rows(lines, ARRAY_LEN(lines), GOOD);
}

static void test_config_limits_of_a_client(void **state UNUSED)
{
    static const char sections[] =
        "[server]\nclient_max_requests = 9\nclient_request_rate = 90\n"
        "[group a]\npolicy = read-only\nmember_max_requests = 5\nmember_download_rate = 2MB\n"
        "[group b]\npolicy = read-only\nmember_max_requests = 3\n"
        "[group c]\npolicy = read-only\nupload_rate = 1MB\n"
        "[client both]\ngroups = a, b\naccess_key_id = AAAA\nsecret_access_key = S\n"
        "[client own]\ngroups = a, b\nmax_requests = 7\naccess_key_id = BBBB\nsecret_access_key = S\n";
    struct settings *s = load_good(GOOD "[group c]\npolicy = read-only\nupload_rate = 1MB\n[client together]\n"
                                        "groups = c\naccess_key_id = CCCC\nsecret_access_key = S\n");
    const struct principal_terms *t = settings_client_by_name(s, STR("together"))->terms;

    assert_true(t->limited && !limits_any(&t->each));
    t = settings_client_by_name(s, STR("me"))->terms;
    assert_false(t->limited);
    settings_unref(&s);
    char text[4096];
    (void)snprintf(text, sizeof text, "%s%s", GOOD, sections);
    s = load_good(text);
    t = settings_client_by_name(s, STR("me"))->terms;
    assert_true(t->limited && t->each.max_requests == 9 && t->each.request_rate == 90 && !t->each.download_rate);
    t = settings_client_by_name(s, STR("both"))->terms;
    assert_true(t->each.max_requests == 3 && t->each.request_rate == 90 && t->each.download_rate == 2000000);
    t = settings_client_by_name(s, STR("own"))->terms;
    assert_true(t->each.max_requests == 7 && t->each.download_rate == 2000000);
    settings_unref(&s);
}

static void test_config_reports_too_many_limiting_groups(void **state UNUSED)
{
    char text[4096], expected[512];
    struct sbuf b = sbuf_make(text, sizeof text);

    sbuf_printf(&b, "%s", GOOD);
    for (size_t i = 0; i <= PRINCIPAL_LIMITING_GROUPS; i++)
        sbuf_printf(&b, "[group g%zu]\npolicy = read-only\nmax_requests = 5\n", i);
    sbuf_printf(&b, "[client x]\naccess_key_id = AAAA\nsecret_access_key = S\ngroups = g0");
    for (size_t i = 1; i <= PRINCIPAL_LIMITING_GROUPS; i++)
        sbuf_printf(&b, ", g%zu", i);
    sbuf_printf(&b, "\n");
    (void)snprintf(expected, sizeof expected,
                   "t.ini:%d: client \"x\" is in 9 groups whose clients are limited together; 8 are the most, let the "
                   "others have member_… limits only\n",
                   12 + 3 * 9 + 4);
    expect("groups", sbuf_str(&b), SIZE_MAX, expected);
}

static void test_config_load_rates(void **state UNUSED)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"25MB", 25000000},
        {"200Mbit", 25000000},
        {"1KB", 1000},
        {"1kB", 1000},
        {"1KiB", 1024},
        {"8Kibit", 1024},
        {"2.5Gbit", 312500000},
        {"1.5 MB/s", 1500000},
        {"10Mbit/s", 1250000},
        {"0", 0},
        {"1000Gbit", 125000000000},
        {"1048576B", 1048576},
    };
    char text[4096];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(text, sizeof text, "%s[line x]\nbandwidth = 1GB\nupload_bandwidth = %s\n", GOOD, rows[i].text);
        struct settings *s = load_good(text);
        assert_int_equal(s->lines[0].upload_bandwidth, rows[i].bytes ? rows[i].bytes : 1000000000);
        assert_int_equal(s->lines[0].download_bandwidth, 1000000000);
        settings_unref(&s);
    }
}

/* --- what is right by the letter and hardly meant --- */

/* All warnings of @s, as `check` prints them; free it. */
static char *warnings_of(const struct settings *s)
{
    char *text = NULL, where[CONFIG_PLACE_TEXT];
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_non_null(out);
    for (size_t i = 0; i < s->warnings_n; i++)
        fprintf(out, "%s: %s\n", config_place_text(s->warnings[i].place, where), s->warnings[i].text);
    fclose(out);
    return text;
}

static void check_warnings(const struct bad *rows, size_t n, const char *before)
{
    char text[4096];

    for (size_t i = 0; i < n; i++) {
        int length = snprintf(text, sizeof text, "%s%s", before, rows[i].text);
        assert_in_range(length, 1, sizeof text - 1);
        struct settings *s = load_good(text);
        char *warnings = warnings_of(s);
        if (strcmp(warnings, rows[i].expected) != 0) print_error("%s\n", rows[i].name);
        assert_string_equal(warnings, rows[i].expected);
        free(warnings);
        settings_unref(&s);
    }
}

static void test_config_load_listeners_hardly_meant_are_warned_of(void **state UNUSED)
{
#define PASSWORDS "[listener x]\nmode = forward\nproxy_auth = "
#define OPEN "[listener x]\nmode = endpoint\nanonymous = me\nbind = "
#define WAYS "[listener x]\nmode = forward\ntunnel = "
    static const struct bad rows[] = {
        {"nothing", "", ""},
        {"passwords, none there", PASSWORDS "required\n",
         "t.ini:15: proxy_auth = required, and no client has a password: nobody can use listener \"x\"; run `s3onramp "
         "client password NAME`\n"},
        {"passwords where one likes", PASSWORDS "optional\n", ""},
        {"open to all", OPEN "127.0.0.2:1, 10.0.0.9\n",
         "t.ini:15: anonymous = me: whoever reaches 10.0.0.9:9000 may write without a key; write policy = read-only in "
         "[client me], or bind = 127.0.0.1\n"},
        {"open on IPv6", OPEN "[::]:9001\n",
         "t.ini:15: anonymous = me: whoever reaches [::]:9001 may write without a key; write policy = read-only in "
         "[client me], or bind = 127.0.0.1\n"},
        {"open on loopback", OPEN "127.0.0.2, [::1]:9000\n", ""},
        {"tunnel to nowhere", WAYS "sts.*, s3.ap-*\n",
         "t.ini:15: tunnel: no name of S3 and no host of a [tunnel NAME] is like \"sts.*\": it is refused as ever; "
         "write "
         "[tunnel NAME] with hosts and addresses\n"},
        {"tunnels",
         WAYS "sts.*, *, *.amazonaws.com, b.s3.us-east-1.*\n[tunnel t]\nhosts = sts.test\naddresses = "
              "10.0.0.2\n",
         ""},
    };

    check_warnings(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_what_has_ended_is_warned_of(void **state UNUSED)
{
#define OLD "[client x]\npolicy = read-only\naccess_key_id = S3ORONE\nsecret_access_key = " SECRET "\n"
    static const struct bad rows[] = {
        {"to come", OLD "expires = 2999-01-01\nnot_after = 2999-01-01\n", ""},
        {"expired", OLD "expires = 2020-01-01\n",
         "t.ini:17: client \"x\" has expired: remove it with `s3onramp client remove x`, or write a later time\n"},
        {"ended", OLD "not_after = 2020-01-01\n",
         "t.ini:17: the key pair of client \"x\" has ended, and its keys are still written here; remove them\n"},
        {"second one ended",
         OLD "access_key_id_2 = S3ORTWO\nsecret_access_key_2 = " SECRET "\nnot_after_2 = 2020-01-01\n",
         "t.ini:19: the second key pair of client \"x\" has ended, and its keys are still written here; remove them\n"},
        {"anonymous that is off",
         "[listener x]\nmode = endpoint\nanonymous = x\nbind = 10.0.0.9\n" OLD "disabled = yes\n",
         "t.ini:15: anonymous = x: that client is disabled or has expired: unsigned requests are refused\n"},
    };

    check_warnings(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_endpoints_hardly_meant_are_warned_of(void **state UNUSED)
{
#define FORWARD "[listener x]\nmode = forward\n"
#define TWICE "[endpoint x]\nregion = ap-northeast-1\naddresses = 10.0.0.2\n"
    static const struct bad rows[] = {
        {"one Region, two endpoints", TWICE,
         "t.ini:14: endpoint \"x\" is for Region ap-northeast-1 as endpoint \"e\" is, which gets its requests; name it "
         "in "
         "`endpoint` of a [listener NAME], or write all addresses in one section\n"},
        {"one Region, chosen by listener", TWICE "[listener y]\nmode = endpoint\nbind = 127.0.0.3\nendpoint = x\n", ""},
        {"Region that has one",
         "[endpoint x]\nregion = us-east-1\naddresses = 10.0.0.2\nalso_regions = us-west-1, "
         "ap-northeast-1\n",
         "t.ini:16: also_regions: requests for Region ap-northeast-1 go to endpoint \"e\", not to \"x\"; name the "
         "Region "
         "once\n"},
        {"Region that nobody has", "[endpoint x]\nregion = us-east-1\naddresses = 10.0.0.2\nalso_regions = tokyo\n",
         "t.ini:16: also_regions: tokyo is no Region of AWS, where they look like ap-northeast-1: no S3 name of AWS "
         "has "
         "it\n"},
        {"other S3 server", "[endpoint x]\nregion = lab1\naddresses = 10.0.0.2\n", ""},
        {"other S3 server by proxy", "[endpoint x]\nregion = lab1\naddresses = 10.0.0.2\n" FORWARD,
         "t.ini:14: lab1 is no Region of AWS, where they look like ap-northeast-1: no S3 name of AWS leads to endpoint "
         "\"x\"\n"},
        {"Region cut short", "[endpoint x]\nname = vpce-012345-ab.s3.ap-northeast.vpce.amazonaws.com\n",
         "t.ini:14: ap-northeast is no Region of AWS, where they look like ap-northeast-1: no S3 name of AWS leads to "
         "endpoint \"x\"\n"},
    };

    check_warnings(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_keys_hardly_meant_are_warned_of(void **state UNUSED)
{
#define AWS_KEY "AKIAIOSFODNN7EXAMPLE"
#define USED "[endpoint x]\nregion = us-east-1\naddresses = 10.0.0.2\ncredentials = x\n[credentials x]\n"
    static const struct bad rows[] = {
        {"nobody signs", "[credentials x]\naccess_key_id = A1\nsecret_access_key = s\n",
         "t.ini:13: nothing signs with credentials \"x\"; write credentials = x in an [endpoint NAME] or a [client "
         "NAME], "
         "or remove the section\n"},
        {"nobody has the policy", "[policy x]\nbuckets = a\n",
         "t.ini:13: no client has policy \"x\"; write policy = x in a [client NAME], or remove the section\n"},
        {"key of AWS", USED "access_key_id = " AWS_KEY "\nsecret_access_key = " SECRET "\n", ""},
        {"blank in key", USED "access_key_id = AKIA IOSFODNN7\nsecret_access_key = " SECRET "\n",
         "t.ini:18: access_key_id: there is a blank in the access key; copy it again\n"},
        {"key cut short", USED "access_key_id = AKIAIOSF\nsecret_access_key = " SECRET "\n",
         "t.ini:18: access_key_id: an access key of AWS has 20 characters, and this has 8; copy it again\n"},
        {"secret cut short", USED "access_key_id = " AWS_KEY "\nsecret_access_key = 12345\n",
         "t.ini:19: secret_access_key: a secret key of AWS has 40 characters, and this has 5; copy it again\n"},
        {"keys of another server", USED "access_key_id = minio\nsecret_access_key = minio123\n", ""},
        {"client's secret", "[client x]\npolicy = read-only\naccess_key_id = S3ORX\nsecret_access_key = 12345\n",
         "t.ini:16: the secret key of client \"x\" has 5 characters and can be guessed from a request that it signed; "
         "make another with `s3onramp client add NAME`\n"},
    };

    check_warnings(rows, ARRAY_LEN(rows), GOOD);
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
        {"port too large", X "a=10.0.0.1:65536\n",
         "t.ini:15: addresses: \"65536\" is no port; write one from 1 to 65535\n"},
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
#define P "[listener x]\nmode = forward\nbind = 10.0.0.9\n[parent p]\naddress = "
        {"a parent", P "10.0.0.8, [fd00::8]:8080\nports = 443, 84*\nuser = a\npassword = b\n", ""},
        {"public parent", P "8.8.8.8\n",
         "t.ini:17: address: 8.8.8.8:3128 is not a private address, so traffic could leave the private path; write the "
         "parent's own, or list its network in private_networks of [server]\n"},
        {"half a password", P "10.0.0.8\nuser = a\n",
         "t.ini:16: parent \"p\" has no password; write both user and password, or none\n"},
        {"a name and no name", P "10.0.0.8\nuser = a:b\npassword = c\n",
         "t.ini:18: user: a colon ends the name in Proxy-Authorization; write a name without one\n"},
        {"no port", P "10.0.0.8\nports = 443, https\n",
         "t.ini:18: ports: \"https\" cannot match a port; write numbers, with * and ? as wildcards\n"},
        {"no address", "[listener x]\nmode = forward\nbind = 10.0.0.9\n[parent p]\n",
         "t.ini:16: parent \"p\" has no address; write address = …\n"},
        {"parent of nobody", "[parent p]\naddress = 10.0.0.8\n",
         "t.ini:13: no listener leads to parent \"p\"; write a [listener] with mode = forward\n"},
#undef P
        {"pattern", "[listener x]\nmode = forward\ntunnel = s3.*, a/b\n",
         "t.ini:15: tunnel: \"a/b\" cannot match a host name; write names without port, with * and ? as wildcards\n"},
        {"no path", "[listener x]\nmode = forward\nhealth = healthz\n",
         "t.ini:15: health = healthz: this is no path; write one like /healthz, without '?', '#' and '%', or off\n"},
        {"all paths", "[listener x]\nmode = forward\nhealth = /\n",
         "t.ini:15: health = /: this is no path; write one like /healthz, without '?', '#' and '%', or off\n"},
        {"no health", "[listener x]\nmode = forward\nbind = 10.0.0.9\nhealth = off\n", ""},
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
        {"a PAM user's name", "[client x]\npolicy = read-only\npassword = pam:a b\n[auth pam]\nservice = Login\n",
         "t.ini:15: password = pam:NAME of client \"x\": a user's name has no blank and at most 128 bytes; write pam "
         "for the client's own\n"
         "t.ini:17: service = Login: a PAM service's name is of lower-case letters, digits, '_', '-' and '.'; write "
         "the "
         "name of a file in /etc/pam.d\n"},
        {"no PAM service", "[client x]\npolicy = read-only\npassword = pam\n[auth pam]\nfolder = /nonexistent\n",
         "t.ini:16: client \"x\" has password = pam, and there is no /nonexistent/s3onramp, so that PAM would refuse "
         "everybody; write that file (conf/manual/administration.md shows some), or service = NAME in [auth pam]\n"},
        {"no PAM service, no section", "[client x]\npolicy = read-only\npassword = pam:NOBODY\\\\x\n",
         "t.ini:13: client \"x\" has password = pam, and there is no /etc/pam.d/s3onramp, so that PAM would refuse "
         "everybody; write that file (conf/manual/administration.md shows some), or service = NAME in [auth pam]\n"},
        {"password in clear", "[client x]\npolicy = read-only\npassword = secret\n",
         "t.ini:15: password of client \"x\" is not the hash of one that this system knows as safe; run `s3onramp "
         "client "
         "password x`\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_reports_who_could_ask_over_http(void **state UNUSED)
{
    static const struct bad rows[] = {
        {"loopback", "[admin]\nlisten = 127.0.0.1:3181, [::1]\n", ""},
        {"others", "[admin]\nlisten = 10.0.0.5:443\ntls = yes\ntoken = 0123456789abcdef\n", ""},
        {"no token", "[admin]\nlisten = 10.0.0.5\ntls = yes\n",
         "t.ini:14: listen = 10.0.0.5:3180 can be reached from other machines; write tls = yes and token = TOKEN too, "
         "or "
         "listen = 127.0.0.1:3180\n"},
        {"no TLS", "[admin]\nlisten = 127.0.0.1, 0.0.0.0:3181\ntoken = 0123456789abcdef\n",
         "t.ini:14: listen = 0.0.0.0:3181 can be reached from other machines; write tls = yes and token = TOKEN too, "
         "or "
         "listen = 127.0.0.1:3181\n"},
        {"half a certificate", "[admin]\nlisten = 127.0.0.1\ntls = yes\nprivate_key = k\n",
         "t.ini:16: private_key alone is not enough; write certificate = FILE too\n"},
        {"short token", "[admin]\nlisten = 127.0.0.1\ntoken = 0123456789abcde\n",
         "t.ini:15: a token has 16 to 512 letters, digits and -._~+/=; make one with `openssl rand -hex 24`\n"},
        {"token with a blank", "[admin]\nlisten = 127.0.0.1\ntoken = 0123456789abcdef 1\n",
         "t.ini:15: a token has 16 to 512 letters, digits and -._~+/=; make one with `openssl rand -hex 24`\n"},
        {"nowhere", "[admin]\nnames = node1\n",
         "t.ini:14: names has no effect without `listen`; write listen = 127.0.0.1, or remove it\n"},
        {"a listener's", "[admin]\nlisten = 127.0.0.1:9000\n",
         "t.ini:14: 127.0.0.1:9000 is already bound by listener \"l\"; write another port\n"},
        {"twice", "[admin]\nlisten = 127.0.0.1, 127.0.0.1:3180\n",
         "t.ini:14: 127.0.0.1:3180 stands there twice; write it once\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_second_pairs_and_dates(void **state UNUSED)
{
    struct settings *s = load_good(GOOD "[client x]\npolicy = read-only\naccess_key_id = S3ORONE\n"
                                        "secret_access_key = " SECRET "\nnot_before = 2026-01-02\n"
                                        "access_key_id_2 = S3ORTWO\nsecret_access_key_2 = " SECRET "\n"
                                        "not_after_2 = 2999-12-31T18:00:01Z\ndisabled = yes\nexpires = 2999-01-01\n");
    const struct principal_key *key;
    const struct principal_conf *client = settings_client_by_key(s, STR("S3ORTWO"), &key);

    assert_ptr_equal(client, by_key(s, STR("S3ORONE")));
    assert_string_equal(client->name, "x");
    assert_ptr_equal(key, &client->keys[1]);
    assert_int_equal(client->keys[0].not_before_s, 1767312000);
    assert_int_equal(client->keys[0].not_after_s, 0);
    assert_true(key->not_after_s == INT64_C(32503658401));
    assert_true(client->disabled && client->expires_s == INT64_C(32472144000));
    assert_null(settings_client_by_key(s, STR("S3OR"), &key));
    assert_null(key);
    settings_unref(&s);
}

static void test_principal_why_not_table(void **state UNUSED)
{
    static const struct {
        const char *name;
        struct principal_conf client;
        int64_t now_s;
        bool by_password;
        const char *why_not;
    } rows[] = {
        {"always", {.disabled = false}, 100, false, NULL},
        {"disabled", {.disabled = true}, 100, false, "is disabled"},
        {"disabled, by password", {.disabled = true}, 100, true, "is disabled"},
        {"before it expires", {.expires_s = 100}, 99, false, NULL},
        {"once it has expired", {.expires_s = 100}, 100, true, "has expired"},
        {"before not_before",
         {.keys = {{.not_before_s = 100}}},
         99,
         false,
         "signed with a key pair whose not_before is yet to come"},
        {"from not_before on", {.keys = {{.not_before_s = 100}}}, 100, false, NULL},
        {"before not_after", {.keys = {{.not_after_s = 100}}}, 99, false, NULL},
        {"from not_after on",
         {.keys = {{.not_after_s = 100}}},
         100,
         false,
         "signed with a key pair whose not_after has passed"},
        {"a password outlives the pair", {.keys = {{.not_after_s = 100}}}, 100, true, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct principal_conf *client = &rows[i].client;
        const char *got = principal_why_not(client, rows[i].by_password ? NULL : &client->keys[0], rows[i].now_s);
        if (got ? strcmp(got, rows[i].why_not ? rows[i].why_not : "") != 0 : rows[i].why_not != NULL)
            fail_msg("%s: %s", rows[i].name, got ? got : "counts");
    }
}

static void test_config_load_bad_callers_are_reported(void **state UNUSED)
{
#define PAIR "access_key_id = S3ORONE\nsecret_access_key = s1\n"
    static const struct bad rows[] = {
        {"no pair", "[client x]\npolicy = read-only\n",
         "t.ini:13: client \"x\" has no key pair and no listener takes it as anonymous; run `s3onramp client add x`\n"},
        {"second half of a pair", "[client x]\n" PAIR "policy = read-only\nsecret_access_key_2 = x\n",
         "t.ini:13: client \"x\" has half of a key pair; write access_key_id_2 too, or remove secret_access_key_2\n"},
        {"one key twice",
         "[client x]\n" PAIR "policy = read-only\naccess_key_id_2 = S3ORONE\nsecret_access_key_2 = x\n",
         "t.ini:13: client \"x\" has the same access key in both pairs; remove one of them\n"},
        {"a key pair of the second one's",
         "[client x]\n" PAIR "policy = read-only\n[client y]\naccess_key_id_2 = S3ORONE\n"
         "secret_access_key_2 = x\npolicy = read-only\n",
         "t.ini:17: client \"y\" has the access key of client \"x\"; make another with `s3onramp client add NAME`\n"},
        {"no time", "[client x]\n" PAIR "policy = read-only\nnot_after = 2026-02-30\nexpires = tomorrow\n",
         "t.ini:17: not_after = 2026-02-30: this is no time; write it like 2026-12-31 or 2026-12-31T18:00:00Z (UTC)\n"
         "t.ini:18: expires = tomorrow: this is no time; write it like 2026-12-31 or 2026-12-31T18:00:00Z (UTC)\n"},
        {"times in the wrong order",
         "[client x]\n" PAIR "policy = read-only\nnot_before = 2026-02-01\nnot_after = 2026-02-01\n",
         "t.ini:18: not_after is not later than not_before, so that the pair never counts; write later, or remove the "
         "pair\n"},
        {"time of no pair", "[client x]\n" PAIR "policy = read-only\nnot_after_2 = 2026-02-01\n",
         "t.ini:17: not_after_2 has no effect without access_key_id_2; remove it\n"},
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
         "t.ini:13: credentials \"x\" have no secret_access_key; write secret_access_key = env:NAME, credential:NAME, "
         "file:PATH or VALUE\n"},
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

#define ANYWHERE "[credentials x]\nsource = roles-anywhere\n" ROLE
#define ANCHOR "trust_anchor_arn = arn:aws:rolesanywhere:us-east-1:123456789012:trust-anchor/1a-2b\n"
#define PROFILE "profile_arn = arn:aws:rolesanywhere:us-east-1:123456789012:profile/3c\n"
#define LONG "0123456789012345678901234567890123456789012345678901234567"

static void test_config_load_bad_credentials_are_reported(void **state UNUSED)
{
    static const struct bad rows[] = {
        {"keys of another source", "[credentials x]\nsource = profile\naccess_key_id = A\nsecret_access_key = hidden\n",
         "t.ini:15: access_key_id has no effect with source = profile; remove it, or write source = static\n"
         "t.ini:16: secret_access_key has no effect with source = profile; remove it, or write source = static\n"},
        {"key of several others", "[credentials x]\nrole_arn = rubbish\nwait = 1s\n",
         "t.ini:14: role_arn has no effect with source = chain; remove it, or write source = one of assume-role, "
         "web-identity, roles-anywhere\n"},
        {"none needs nothing", "[credentials x]\nsource = none\nregion = us-east-1\ntimeout = 1s\nwait = 1s\n",
         "t.ini:15: region has no effect with source = none; remove it, or write source = one of profile, "
         "assume-role, web-identity, roles-anywhere, chain\n"
         "t.ini:16: timeout has no effect with source = none; remove it, or write source = one of profile, process, "
         "container, imds, assume-role, web-identity, roles-anywhere, chain\n"
         "t.ini:17: wait has no effect with source = none; remove it, or write source = one of static, environment, "
         "profile, process, container, imds, assume-role, web-identity, roles-anywhere, chain\n"},
        {"unknown source, and no more of it", "[credentials x]\nsource = vault\nrole_arn = x\n",
         "t.ini:14: source = vault: this is not known here; write one of: static, environment, profile, process, "
         "container, imds, assume-role, web-identity, roles-anywhere, chain, none\n"},
        {"process", "[credentials x]\nsource = process\n",
         "t.ini:13: credentials \"x\" have no command; write command = PROGRAM ARGUMENTS\n"},
        {"assume-role", "[credentials x]\nsource = assume-role\nregion = us-east-1\n",
         "t.ini:13: credentials \"x\" have no role_arn; write role_arn = arn:aws:iam::ACCOUNT:role/NAME\n"
         "t.ini:13: credentials \"x\" have no source_credentials; write source_credentials = NAME of the [credentials "
         "NAME] whose keys ask for the role\n"},
        {"web-identity", "[credentials x]\nsource = web-identity\nregion = us-east-1\n",
         "t.ini:13: credentials \"x\" have no role_arn; write role_arn = arn:aws:iam::ACCOUNT:role/NAME, or set "
         "AWS_ROLE_ARN\n"
         "t.ini:13: credentials \"x\" have no token_file; write token_file = FILE, or set "
         "AWS_WEB_IDENTITY_TOKEN_FILE\n"},
        {"roles-anywhere", "[credentials x]\nsource = roles-anywhere\nregion = us-east-1\n",
         "t.ini:13: credentials \"x\" have no role_arn; write role_arn = arn:aws:iam::ACCOUNT:role/NAME\n"
         "t.ini:13: credentials \"x\" have no profile_arn; write profile_arn = "
         "arn:aws:rolesanywhere:REGION:ACCOUNT:profile/ID\n"
         "t.ini:13: credentials \"x\" have no trust_anchor_arn; write trust_anchor_arn = "
         "arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/ID\n"
         "t.ini:13: credentials \"x\" have no certificate; write certificate = FILE (PEM or PKCS#12)\n"},
        {"no key", ANYWHERE ANCHOR PROFILE "certificate = /dev/null\n",
         "t.ini:13: credentials \"x\" have no private_key; write private_key = FILE or a pkcs11: URI, or name a "
         "PKCS#12 "
         "file as certificate\n"},
        {"PIN", ANYWHERE ANCHOR PROFILE "certificate = /dev/null\nprivate_key = pkcs11:token=t?pin-value=hidden\n",
         "t.ini:19: private_key: a pin-value in the URI can be read by all who see the settings; write the PIN as "
         "passphrase = env:NAME, credential:NAME or file:PATH\n"},
        {"no Region", "[credentials x]\nsource = assume-role\nsource_credentials = default\n" ROLE,
         "t.ini:13: credentials \"x\" have no Region to ask in; write region = REGION\n"},
        {"bad Region, once", ASSUME "region = us-east-1a\n",
         "t.ini:17: region = us-east-1a: this is an Availability Zone; write its Region, us-east-1\n"},
        {"no Region, unsigned",
         "[credentials x]\nsource = web-identity\ntoken_file = /t\nservice_url = https://sts.test\n" ROLE, ""},
        {"unknown base", "[credentials x]\nsource = assume-role\nregion = us-east-1\nsource_credentials = y\n" ROLE,
         "t.ini:16: there is no [credentials y]; write that section: its keys ask for the role\n"},
        {"base without keys",
         "[credentials x]\nsource = assume-role\nregion = us-east-1\nsource_credentials = y\n" ROLE
         "[credentials y]\nsource = none\n",
         "t.ini:16: [credentials y] has source = none, but the role is asked for with keys; name a section that has "
         "some\n"},
        {"circle of one", "[credentials x]\nsource = assume-role\nregion = us-east-1\nsource_credentials = x\n" ROLE,
         "t.ini:16: source_credentials go in a circle: x → x; name a section with keys of its own\n"},
        {"circle, and a way into it",
         "[credentials w]\nsource = assume-role\nregion = us-east-1\nsource_credentials = y\n" ROLE
         "[credentials x]\nsource = assume-role\nregion = us-east-1\nsource_credentials = y\n" ROLE
         "[credentials y]\nsource = assume-role\nregion = us-east-1\nsource_credentials = x\n" ROLE,
         "t.ini:21: source_credentials go in a circle: x → y → x; name a section with keys of its own\n"},
        {"addresses", ASSUME "region = us-east-1\naddresses = 8.8.8.8, 169.254.169.254, 10.0.0.1:0\n",
         "t.ini:18: addresses: 8.8.8.8:443 is not a private address, so traffic could leave the private path; write "
         "the "
         "endpoint's own, or list its network in private_networks of [server]\n"
         "t.ini:18: addresses: 169.254.169.254:443 is link-local, multicast or no address at all; write the private "
         "addresses of the service's endpoint\n"
         "t.ini:18: addresses: 10.0.0.1:0 has no port; write ADDRESS, or ADDRESS:443\n"},
        {"addresses and a proxy", ASSUME "region = us-east-1\naddresses = 10.0.0.1\nhttp_proxy = yes\n",
         "t.ini:19: http_proxy = yes would lead past addresses; remove one of them\n"},
        {"ca_file", ASSUME "region = us-east-1\nca_file = /nonexistent/ca.pem\n",
         "t.ini:18: ca_file: /nonexistent/ca.pem cannot be read (No such file or directory); name a file that the "
         "proxy "
         "may read\n"},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_bad_credentials_values_are_reported(void **state UNUSED)
{
#define R "region = us-east-1\n"
#define ROLE_ARN "t.ini:16: role_arn = "
#define NO_ROLE ": this is no role's ARN; write it like arn:aws:iam::123456789012:role/NAME\n"
#define A(arn) "[credentials x]\nsource = assume-role\nsource_credentials = default\nrole_arn = " arn "\n" R
#define CLEAR ": keys would pass in clear text; write https://"
#define CONTAINER "[credentials x]\nsource = container\nurl = "
#define HOSTS ", or http:// with a loopback address, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]\n"
#define IMDS "[credentials x]\nsource = imds\nurl = "
#define NO_IMDS ": write the instance metadata service as http://HOST[:PORT], like http://169.254.169.254\n"
#define NO_SERVICE ": this is no service's URL; write https://HOST[:PORT], without a path\n"
    static const struct bad rows[] = {
        {"role of another service", A("arn:aws:sts::123456789012:role/x"),
         ROLE_ARN "arn:aws:sts::123456789012:role/x" NO_ROLE},
        {"user", A("arn:aws:iam::123456789012:user/x"), ROLE_ARN "arn:aws:iam::123456789012:user/x" NO_ROLE},
        {"account", A("arn:aws:iam::12345678901:role/x"), ROLE_ARN "arn:aws:iam::12345678901:role/x" NO_ROLE},
        {"no name", A("arn:aws:iam::123456789012:role/x/"), ROLE_ARN "arn:aws:iam::123456789012:role/x/" NO_ROLE},
        {"name too long", A("arn:aws:iam::123456789012:role/" LONG "1234567"),
         ROLE_ARN "arn:aws:iam::123456789012:role/" LONG "1234567" NO_ROLE},
        {"other partition", A("arn:aws-cn:iam::123456789012:role/x"), ""},
        {"other maker", A("arn:minio:iam:::role/x") "service_url = https://minio.test:9000\n", ""},
        {"no ARN", ASSUME R "session_name = a {client}\n",
         "t.ini:18: session_name = a {client}: write it of letters, digits and _ + = , . @ - only\n"},
        {"other braces", ASSUME R "session_name = {user}\n",
         "t.ini:18: session_name = {user}: of words in braces only {client}, {group} and {tag.KEY} are known; "
         "remove the others\n"},
        {"short", ASSUME R "session_name = a\n", "t.ini:18: session_name = a: it has 1 characters; write 2 to 64\n"},
        {"long", ASSUME R "session_name = " LONG "1234567\n",
         "t.ini:18: session_name = " LONG "1234567: it has 65 characters; write 2 to 64\n"},
        {"long with a client",
         ASSUME R "session_name = " LONG "{client}\n[client longest]\npolicy = read-only\ncredentials = x\n"
                  "access_key_id = S3ORL\nsecret_access_key = l\n",
         "t.ini:18: session_name = " LONG
         "{client}: with client \"longest\" it has 65 characters; write so many that it "
         "has 2 to 64 with each\n"},
        {"fits", ASSUME R "session_name = " LONG "{client}\n", ""},
        {"short with a client",
         ASSUME R "session_name = {client}\n[client q]\npolicy = read-only\ncredentials = x\n"
                  "access_key_id = S3ORL\nsecret_access_key = l\n",
         "t.ini:18: session_name = {client}: with client \"q\" it has 1 characters; write so many that it has 2 to 64 "
         "with each\n"},
#define SOME(name, more)                                                                     \
    "[client " name "]\npolicy = read-only\ncredentials = x\naccess_key_id = S3OR" name "\n" \
    "secret_access_key = l\n" more
        {"identity", ASSUME R "source_identity = a {client}\n",
         "t.ini:18: source_identity = a {client}: write it of letters, digits and _ + = , . @ - only\n"},
        {"identity of a short name, and of others who have no session",
         ASSUME R "source_identity = {client}\n" SOME("q", "") SOME("bo", "")
             SOME("r", "disabled = yes\n") "[client s]\npolicy = read-only\n[listener o]\nmode = endpoint\n"
                                           "bind = 127.0.0.1:9001\nanonymous = s\n",
         "t.ini:18: source_identity = {client}: with client \"q\" it has 1 characters; write so many that it has 2 to "
         "64 "
         "with each\n"},
        {"identity of others",
         ANYWHERE PROFILE ANCHOR "certificate = /dev/null\nprivate_key = pkcs11:object=k\n" R
                                 "source_identity = {client}\n",
         "t.ini:21: source_identity has no effect with source = roles-anywhere; remove it, or write source = "
         "assume-role\n"},
        {"tags that some have not",
         ASSUME R "tags = team={tag.team}, g={group}\nsession_name = {tag.team}\n"
                  "[group g]\ntags.team = a b\n" SOME("c1", "") SOME("c2", "tags.Team = x\n") SOME("c3", "groups = g\n")
                      SOME("c4", "groups = g\ntags.team = ok\n"),
         "t.ini:19: session_name = {tag.team}: client \"c1\" has no tag.team; write the tag for it or for a group of "
         "its, "
         "or give it other `credentials`\n"
         "t.ini:19: session_name = {tag.team}: with client \"c3\" {tag.team} has others than letters, digits and "
         "_ + = , . @ -\n"
         "t.ini:19: session_name = {tag.team}: with client \"c2\" it has 1 characters; write so many that it has 2 to "
         "64 "
         "with each\n"
         "t.ini:18: tags = team={tag.team}: client \"c1\" has no tag.team; write the tag for it or for a group of its, "
         "or "
         "give it other `credentials`\n"
         "t.ini:18: tags = g={group}: client \"c1\" has no group (and with 1 more); write groups = GROUP for it, or "
         "give "
         "it other `credentials`\n"},
        {"tags", ASSUME R "tags = team, =x, a={b}, {client}=x, b=1!, aws:c=1, d=1, D=2, ok={client} é\n",
         "t.ini:18: tags: \"team\": write KEY=VALUE\n"
         "t.ini:18: tags: \"=x\": write a key of 1 to 128 characters\n"
         "t.ini:18: tags: \"a={b}\": of words in braces only {client}, {group} and {tag.KEY} are known, in the value; "
         "remove the others\n"
         "t.ini:18: tags: \"{client}=x\": of words in braces only {client}, {group} and {tag.KEY} are known, in the "
         "value; "
         "remove the others\n"
         "t.ini:18: tags: \"b=1!\": write it of letters, digits, blanks and _ . : / = + - @ only\n"
         "t.ini:18: tags: \"aws:c=1\": keys that begin with aws: are AWS's own; write another\n"
         "t.ini:18: tags: \"D=2\": its key stands there twice; keep one of them\n"},
        {"anchor",
         ANYWHERE PROFILE "certificate = /dev/null\nprivate_key = pkcs11:object=k\ntrust_anchor_arn = "
                          "arn:aws:rolesanywhere:us-east-1:123456789012:profile/x\n" R,
         "t.ini:19: trust_anchor_arn = arn:aws:rolesanywhere:us-east-1:123456789012:profile/x: copy it from the "
         "console "
         "of Roles Anywhere; it looks like arn:aws:rolesanywhere:REGION:123456789012:trust-anchor/ID\n"},
        {"two Regions",
         ANYWHERE ANCHOR "certificate = /dev/null\nprivate_key = pkcs11:object=k\nregion = us-east-2\nprofile_arn = "
                         "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/x\n",
         "t.ini:20: profile_arn is of Region eu-west-1, but trust_anchor_arn of us-east-1; name two of one Region\n"
         "t.ini:19: region = us-east-2, but trust_anchor_arn is of us-east-1; remove region\n"},
        {"container", CONTAINER "169.254.170.2/x\n",
         "t.ini:15: url: this is no URL; write it like http://169.254.170.23/v1/credentials\n"},
        {"container in clear", CONTAINER "http://10.0.0.1/x\n", "t.ini:15: url" CLEAR HOSTS},
        {"container by a name", CONTAINER "http://127.0.0.1.test/x\n", "t.ini:15: url" CLEAR HOSTS},
        {"container, user", CONTAINER "http://127.0.0.1:80@evil.test/x\n",
         "t.ini:15: url: user names are not sent; remove what stands before the '@'\n"},
        {"container, good",
         CONTAINER "https://keys.test/x?y=@\n[credentials y]\nsource = container\nurl = "
                   "http://localhost:8080/\n",
         ""},
        {"container, IPv6",
         CONTAINER "http://[fd00:ec2::23]/v1\n[credentials y]\nsource = container\nurl = "
                   "http://[::1]:8080/\n",
         ""},
        {"imds, path", IMDS "http://169.254.169.254/latest\n", "t.ini:15: url" NO_IMDS},
        {"imds, port", IMDS "http://169.254.169.254:0\n", "t.ini:15: url" NO_IMDS},
        {"imds, TLS", IMDS "https://169.254.169.254\n", "t.ini:15: url" NO_IMDS},
        {"service in clear", ASSUME R "service_url = http://sts.test\n",
         "t.ini:18: service_url = http://sts.test" CLEAR "\n"},
        {"service in clear on loopback", ASSUME R "service_url = http://127.0.0.1\n",
         "t.ini:18: service_url = http://127.0.0.1" CLEAR "\n"},
        {"service with path", ASSUME R "service_url = https://sts.test/x\n",
         "t.ini:18: service_url = https://sts.test/x" NO_SERVICE},
        {"service is any", ASSUME R "service_url = https://*.test\n",
         "t.ini:18: service_url = https://*.test" NO_SERVICE},
    };

    check_rows(rows, ARRAY_LEN(rows), GOOD);
}

static void test_config_load_too_many_tags_and_long_circle(void **state UNUSED)
{
    char *text = NULL, *problems = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    fputs(GOOD ASSUME "region = us-east-1\ntags = t=1\n", out);
    for (int i = 0; i < 50; i++)
        fprintf(out, " ,t%d=1\n", i);
    fclose(out);
    expect("tags", str_make(text, n), SIZE_MAX, "t.ini:18: tags: 51 are too many; write at most 50\n");
    free(text);

    out = open_memstream(&text, &n);
    fputs(GOOD, out);
    for (int i = 0; i < 40; i++)
        fprintf(out,
                "[credentials a-long-name-of-a-section-%d]\nsource = assume-role\nregion = us-east-1\n" ROLE
                "source_credentials = a-long-name-of-a-section-%d\n",
                i, (i + 1) % 40);
    fclose(out);
    assert_null(load(str_make(text, n), SIZE_MAX, &problems));
    assert_non_null(strstr(problems, "t.ini:17: source_credentials go in a circle: a-long-name-of-a-section-0 → "));
    assert_non_null(strstr(problems, " → …; name a section with keys of its own\n"));
    assert_ptr_equal(strchr(problems, '\n') + 1, problems + strlen(problems)); /* one line */
    free(problems);
    free(text);
}

static void test_config_load_roles_anywhere_region_is_the_anchors(void **state UNUSED)
{
    setenv("AWS_REGION", "eu-west-2", 1);
    struct settings *s = load_good(GOOD ANYWHERE ANCHOR PROFILE "certificate = /dev/null\n"
                                                                "private_key = pkcs11:object=k;type=private\n");
    unsetenv("AWS_REGION");
    assert_string_equal(last(s)->region, "us-east-1");
    assert_string_equal(last(s)->service_url, "https://rolesanywhere.us-east-1.amazonaws.com");
    assert_string_equal(last(s)->private_key, "pkcs11:object=k;type=private");
    settings_unref(&s);
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

static int make_folder(void **state)
{
    static const char *const variables[] = {
        "AWS_ACCESS_KEY_ID",    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",     "AWS_REGION",
        "AWS_DEFAULT_REGION",   "AWS_ROLE_ARN",          "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "CREDENTIALS_DIRECTORY"};

    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    return folder_make(state);
}

/* Loads the folder's s3onramp.ini and compares the problems with @expected, in which "@" stands for the folder. */
static struct settings *load_file(const char *expected)
{
    char path[256], *problems = NULL, *wanted = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&problems, &n);
    struct settings *s = config_load(folder_path(path, "s3onramp.ini"), out);
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
    assert_string_equal(by_key(s, STR("S3ORONE"))->name, "x");
    assert_int_equal(s->clients_n, 2);
    settings_unref(&s);

    write_file("clients.ini", 0600, "[client x]\n" PAIR "policy = allow-all\n[server]\nworkers = 1\n");
    s = load_file(
        "@/clients.ini:4: \"policy\" is given twice, first at @/s3onramp.ini:14; keep one of them\n"
        "@/clients.ini:5: a clients file holds [client NAME] sections only; move [server] to the main file\n");
    unlink(folder_path(path, "clients.ini"));
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
                  "make it with `s3onramp client add NAME`\n");
    assert_null(s);
    write_file("other.ini", 0600, "");
    s = load_file("");
    char path[256];
    assert_string_equal(s->server.clients_file, folder_path(path, "other.ini"));
    settings_unref(&s);
}

static void test_config_load_devices_are_refused(void **state UNUSED)
{
    char *problems = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&problems, &n);

    assert_null(config_load("/dev/zero", out));
    fclose(out);
    assert_string_equal(problems, "/dev/zero: is no regular file and no pipe; name one\n");
    free(problems);
    write_file("s3onramp.ini", 0600, GOOD "[server]\nclients_file = /dev/zero\n");
    assert_null(load_file("/dev/zero: is no regular file and no pipe; name one\n"));
    write_file("s3onramp.ini", 0600,
               GOOD "[endpoint f]\nregion = us-east-1\naddresses = 10.0.0.2\nca_file = /dev/zero\n");
    assert_null(load_file("@/s3onramp.ini:16: ca_file: /dev/zero is no regular file; name one\n"));
}

static void test_config_load_pipes_are_read(void **state UNUSED)
{
    char path[32];
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], GOOD, sizeof GOOD - 1), sizeof GOOD - 1);
    close(fds[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fds[0]);
    struct settings *s = config_load(path, stderr);
    assert_non_null(s);
    settings_unref(&s);
    close(fds[0]);
}

/* What is in the clients file, and whether it is there, makes no difference. */
static void test_config_without_clients_leaves_their_file_alone(void **state UNUSED)
{
    static const char main_file[] = "[server]\nclients_file = other.ini\n"
                                    "[listener l]\nmode = endpoint\nanonymous = guest\n"
                                    "[listener p]\nmode = forward\nproxy_auth = required\n"
                                    "[endpoint e]\nregion = ap-northeast-1\naddresses = 10.0.0.1\n"
                                    "[tunnel t]\nhosts = sts.ap-northeast-1.amazonaws.com\naddresses = 10.0.0.9\n"
                                    "[credentials r]\nsource = web-identity\ntoken_file = t\n"
                                    "role_arn = arn:aws:iam::111122223333:role/x\n"
                                    "[client x]\npolicy = read-only\n";
    static const char clients[] = "this is none\n[client x]\n" PAIR;
    char path[FOLDER_PATH];
    FILE *out = fopen("/dev/null", "we");

    write_file("s3onramp.ini", 0600, main_file);
    for (int i = 0; i < 2; i++) {
        if (i == 1) write_file("other.ini", 0644, clients);
        struct settings *s = config_load_without_clients(folder_path(path, "s3onramp.ini"), stderr);
        assert_non_null(s);
        assert_int_equal(s->clients_n, 1); /* of the main file */
        assert_string_equal(s->credentials[0].region, "ap-northeast-1");
        settings_unref(&s);
        s = config_read_without_clients(folder_path(path, "s3onramp.ini"), stderr);
        assert_non_null(s);
        settings_unref(&s);
        assert_null(config_load(path, out));
    }
    write_file("s3onramp.ini", 0600, "[server]\nworkers = x\n");
    assert_null(config_load_without_clients(path, out)); /* the rest is judged as ever */
    fclose(out);
    unlink(folder_path(path, "other.ini"));
}

static void test_config_load_readable_secrets_are_refused(void **state UNUSED)
{
    struct settings *s;

    write_file("s3onramp.ini", 0644, GOOD);
    write_file("clients.ini", 0620, "[client x]\npolicy = read-only\n" PAIR);
    s = load_file("@/s3onramp.ini: others may read @/s3onramp.ini (mode 644), which holds a secret; run `chmod g-w,o= "
                  "@/s3onramp.ini`\n"
                  "@/clients.ini: others may write @/clients.ini (mode 620), which holds a secret; run `chmod g-w,o= "
                  "@/clients.ini`\n");
    assert_null(s);
    write_file("s3onramp.ini", 0640, GOOD);
    write_file("clients.ini", 0440, "[client x]\npolicy = read-only\n" PAIR);
    s = load_file("");
    settings_unref(&s);
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

/* Without a secret, too: what it says is obeyed. */
static void test_config_load_file_of_others_is_refused(void **state UNUSED)
{
    static const char harmless[] = "[listener l]\nmode = endpoint\n[endpoint e]\nregion = us-east-1\naddresses = "
                                   "10.0.0.1\n[credentials default]\nsource = process\ncommand = /bin/keys\n";
    char path[256];

    write_file("clients.ini", 0646, "");
    write_file("s3onramp.ini", 0602, harmless);
    assert_null(load_file("@/s3onramp.ini: everybody may write @/s3onramp.ini (mode 602); run `chmod o-w "
                          "@/s3onramp.ini`\n@/clients.ini: everybody may write @/clients.ini (mode 646); run `chmod "
                          "o-w @/clients.ini`\n"));
    write_file("clients.ini", 0644, "");
    write_file("s3onramp.ini", 0664, harmless);
    if (geteuid() == 0) {
        assert_int_equal(chown(folder_path(path, "s3onramp.ini"), 65534, (gid_t)-1), 0);
        assert_null(load_file("@/s3onramp.ini: @/s3onramp.ini belongs to user 65534, who could change it; if the proxy "
                              "runs as that user, run this as it, too (sudo -u '#65534'), else `chown root "
                              "@/s3onramp.ini`\n"));
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    }
    struct settings *s = load_file("");
    assert_non_null(s);
    settings_unref(&s);
}

static void test_config_load_authorities_of_everybody_are_refused(void **state UNUSED)
{
    write_file("ca.pem", 0646, "");
    write_file("s3onramp.ini", 0600, GOOD "[endpoint f]\nregion = us-east-1\naddresses = 10.0.0.2\nca_file = ca.pem\n");
    assert_null(
        load_file("@/s3onramp.ini:16: ca_file: everybody may write @/ca.pem (mode 646); run `chmod o-w @/ca.pem`\n"));
    write_file("ca.pem", 0664, "");
    struct settings *s = load_file("");
    assert_non_null(s);
    settings_unref(&s);
}

#define DOCUMENT GOOD "[client x]\npolicy = p\n" PAIR "[policy p]\ndocument = team.json\n"

static void test_config_load_policy_documents(void **state UNUSED)
{
    static const char *const read_only = "{\"Statement\": {\"Sid\": \"Read\", \"Effect\": \"Allow\",\n"
                                         "  \"Action\": \"s3:GetObject\", \"Resource\": \"*\"}}\n";

    write_file("clients.ini", 0600, "");
    write_file("s3onramp.ini", 0600, DOCUMENT "deny = DeleteObject\nmode = warn\n");
    write_file("team.json", 0644, read_only);
    struct settings *s = load_file("");
    const struct policy_conf *p = settings_client_by_name(s, STR("x"))->terms->policies[0];
    assert_int_equal(policy_statements_n(p->compiled), 2);
    assert_int_equal(policy_mode_of(p->compiled), POLICY_WARN);
    assert_true(str_eq(policy_statement_text(p->compiled, 0).label, STR("Read")));
    assert_true(str_eq(p->document_text, str_from(read_only)));
    settings_unref(&s);

    write_file("team.json", 0644,
               "{\"Statement\": {\"Effect\": \"Allow\",\n  \"Action\": \"s3:GetObjekt\", "
               "\"Resource\": \"b\"}}\n");
    assert_null(load_file("@/team.json:2:13: the action s3:GetObjekt does not exist; did you mean s3:GetObject?\n"
                          "@/team.json:2:41: b is no ARN; write it like arn:aws:s3:::BUCKET/KEY\n"));
}

static void test_config_load_policy_documents_that_are_none(void **state UNUSED)
{
    char path[FOLDER_PATH];

    write_file("clients.ini", 0600, "");
    write_file("s3onramp.ini", 0600, DOCUMENT);
    write_file("team.json", 0646, "{}");
    assert_null(
        load_file("@/s3onramp.ini:18: document: everybody may write to @/team.json; run: chmod o-w @/team.json\n"));
    unlink(folder_path(path, "team.json"));
    assert_int_equal(mkfifo(path, 0600), 0); /* which nobody writes to */
    assert_null(load_file("@/s3onramp.ini:18: document: @/team.json is no regular file; name one\n"));
    unlink(path);
    write_file("s3onramp.ini", 0600,
               GOOD "[client x]\npolicy = p\n" PAIR "[policy p]\ndocument = nowhere.json\naccess = admin\n");
    assert_null(load_file("@/s3onramp.ini:19: access has no effect beside document; remove one of them, or make two "
                          "policies\n@/s3onramp.ini:18: document: @/nowhere.json cannot be read (No such file or "
                          "directory); name a file that the proxy may read\n"));
    write_file("s3onramp.ini", 0600,
               GOOD "[client x]\npolicy = p\n" PAIR "[policy p]\nprefixes = reports/2024/\ndeny = Remove*, Put*\n");
    assert_null(
        load_file("@/s3onramp.ini:18: prefixes: \"reports/2024/\" is one key only; write reports/2024/* for all "
                  "below it\n@/s3onramp.ini:19: deny: no action matches Remove*; AWS's Service Authorization "
                  "Reference lists those of S3\n"));
}

static char *difference(const struct settings *before, const struct settings *after)
{
    struct settings_kept *kept = settings_kept_new(before);
    struct settings_diff d;
    char *text;

    settings_diff_init(&d, before, after, kept);
    text = d.v[SETTINGS_CHANGED].n ? strdup(d.v[SETTINGS_CHANGED].v[0]) : strdup("");
    assert_int_equal(d.v[SETTINGS_CHANGED].n, text[0] != '\0');
    settings_diff_clear(&d);
    settings_kept_free(&kept);
    return text;
}

static void test_config_load_a_changed_document_is_a_changed_policy(void **state UNUSED)
{
    static const char *const all = "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}}";
    char wanted[256], path[256];

    write_file("clients.ini", 0600, "");
    write_file("s3onramp.ini", 0600, DOCUMENT);
    write_file("team.json", 0644, all);
    struct settings *first = load_file(""), *same = load_file("");
    write_file("team.json", 0644, "{\"Statement\": {\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\"}}");
    struct settings *other = load_file("");
    char *nothing = difference(first, same), *something = difference(first, other);

    assert_string_equal(nothing, "");
    (void)snprintf(wanted, sizeof wanted, "[policy p] document: what %s holds has changed",
                   folder_path(path, "team.json"));
    assert_string_equal(something, wanted);
    free(nothing);
    free(something);
    settings_unref(&first);
    settings_unref(&same);
    settings_unref(&other);
}

/* Whatever is wrong with the rest: `client remove` needs it. */
static void test_config_clients_path_is_found_in_a_broken_file(void **state UNUSED)
{
    static const struct {
        const char *text, *found;
    } rows[] = {{"[server]\nclients_file = c/x.ini\nworkers = many\n[listner l]\nnonsense\n", "c/x.ini"},
                {"[server]\nclients_file = /c/x.ini\n[server]\n", NULL},
                {"[lis\n", "clients.ini"},
                {"", "clients.ini"}};
    char path[256], found_path[256];
    FILE *unheard = tmpfile();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_file("s3onramp.ini", 0666, rows[i].text);
        char *found = config_clients_path(folder_path(path, "s3onramp.ini"), unheard);
        assert_string_equal(found, rows[i].found ? folder_path(found_path, rows[i].found) : "/c/x.ini");
        free(found);
    }
    assert_int_equal(ftell(unheard), 0);
    assert_null(config_clients_path("/nowhere/s3onramp.ini", unheard));
    assert_true(ftell(unheard) > 0);
    fclose(unheard);
}

/* "~/" and relative paths are resolved once, wherever the file stands. */
static void test_config_load_paths_are_resolved(void **state UNUSED)
{
    char *home = strdup(getenv("HOME") ? getenv("HOME") : ""), path[256];

    setenv("HOME", "/home/of", 1);
    write_file("clients.ini", 0600, "");
    write_file("s3onramp.ini", 0600,
               "[listener l]\nmode = endpoint\n[endpoint e]\nregion = us-east-1\naddresses = "
               "10.0.0.1\n[credentials default]\nsource = profile\nconfig_file = "
               "~/.aws/config\nshared_credentials_file = shared\n");
    struct settings *s = load_file("");
    assert_string_equal(s->credentials[0].config_file, "/home/of/.aws/config");
    assert_string_equal(s->credentials[0].shared_credentials_file, folder_path(path, "shared"));
    settings_unref(&s);
    setenv("HOME", home, 1);
    free(home);
}

static void test_config_load_listener_key_must_be_private(void **state UNUSED)
{
    struct settings *s;

    write_file("clients.ini", 0600, "");
    write_file("l.key", 0644, "key");
    write_file("s3onramp.ini", 0600,
               GOOD "[listener x]\nmode = forward\ntls = on\ncertificate = l.key\nprivate_key = l.key\n");
    s = load_file(
        "@/s3onramp.ini:17: private_key: others may read @/l.key (mode 644), which holds a secret; run `chmod g-w,o= "
        "@/l.key`\n");
    assert_null(s);
    write_file("l.key", 0600, "key");
    s = load_file("");
    settings_unref(&s);
}

/* --- files of credentials --- */

static void test_config_load_secret_files_must_be_ours(void **state UNUSED)
{
    char text[2048], path[256];
    struct settings *s;

    snprintf(text, sizeof text, GOOD "[credentials k]\naccess_key_id = file:id\nsecret_access_key = file:%s/secret\n",
             folder);
    write_file("clients.ini", 0600, "");
    write_file("s3onramp.ini", 0600, text);
    s = load_file("@/s3onramp.ini:14: access_key_id: @/id cannot be read (No such file or directory); name a file that "
                  "the proxy may read\n"
                  "@/s3onramp.ini:15: secret_access_key: @/secret cannot be read (No such file or directory); name a "
                  "file that the proxy may read\n");
    assert_null(s);
    write_file("id", 0604, "AKID\n");
    write_file("secret", 0602, "hidden\n");
    s = load_file("@/s3onramp.ini:14: access_key_id: others may read @/id (mode 604), which holds a secret; run `chmod "
                  "g-w,o= @/id`\n@/s3onramp.ini:15: secret_access_key: others may write @/secret (mode 602), which "
                  "holds a secret; run `chmod g-w,o= @/secret`\n");
    assert_null(s);
    write_file("id", 0440, "AKID\n");
    write_file("secret", 0600, "hidden\n");
    s = load_file("");
    assert_true(str_starts(str_from(last(s)->access_key_id), STR("file:/")));
    assert_string_equal(last(s)->access_key_id + 5, folder_path(path, "id"));
    assert_string_equal(last(s)->secret_access_key + 5, folder_path(path, "secret"));
    settings_unref(&s);
    /* A file that only refers to secrets holds none. */
    snprintf(text, sizeof text, NO_KEYS "[credentials default]\naccess_key_id = file:id\nsecret_access_key = file:%s\n",
             "secret");
    write_file("s3onramp.ini", 0644, text);
    s = load_file("");
    settings_unref(&s);
    if (geteuid() == 0) {
        assert_int_equal(chown(folder_path(path, "secret"), 65534, (gid_t)-1), 0);
        s = load_file("@/s3onramp.ini:8: secret_access_key: @/secret belongs to user 65534, who could change it; if "
                      "the proxy runs as that user, run this as it, too (sudo -u '#65534'), else `chown root "
                      "@/secret`\n");
        assert_null(s);
    }
}

static void test_config_load_systemd_credentials_are_read(void **state UNUSED)
{
    static const char text[] = GOOD "[credentials k]\naccess_key_id = credential:id\nsecret_access_key = "
                                    "credential:secret\n[client c]\npolicy = read-only\naccess_key_id = S3ORC\n"
                                    "secret_access_key = credential:secret\n";

    write_file("clients.ini", 0600, "");
    expect("not of systemd", STR(GOOD "session_token = credential:t\n"), SIZE_MAX,
           "t.ini:13: session_token = credential:t: CREDENTIALS_DIRECTORY is not set; write LoadCredential=t:PATH into "
           "the unit and let systemd start the proxy, or write file:PATH here\n");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    expect("path", STR(GOOD "session_token = credential:../t\n[server]\nworkers = x\n"), SIZE_MAX,
           "t.ini:15: workers = x: this is no number in range; write one from 0 to 256\n"
           "t.ini:13: session_token = credential:../t: this is no credential's name; write credential:NAME, as in "
           "LoadCredential=NAME:PATH\n");
    write_file("id", 0440, "AKIDSYSTEMD\n"); /* systemd's own modes */
    write_file("secret", 0440, "two lines\n\n");
    write_file("s3onramp.ini", 0600, text);
    struct settings *s = load_file("");
    assert_string_equal(last(s)->access_key_id, "AKIDSYSTEMD");
    assert_string_equal(last(s)->secret_access_key, "two lines\n");
    assert_string_equal(by_key(s, STR("S3ORC"))->keys[0].secret_access_key, "two lines\n");
    settings_unref(&s);
    write_file("secret", 0440, "");
    s = load_file(
        "@/s3onramp.ini:15: secret_access_key = credential:secret: @/secret is empty; write the secret into "
        "it\n@/s3onramp.ini:19: secret_access_key = credential:secret: @/secret is empty; write the secret into "
        "it\n");
    assert_null(s);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_config_load_file_is_for_credentials_only(void **state UNUSED)
{
    expect(
        "client", STR(GOOD "[client c]\npolicy = read-only\naccess_key_id = S3ORC\nsecret_access_key = file:x\n"),
        SIZE_MAX,
        "t.ini:16: secret_access_key: file:PATH is for [credentials]; write env:NAME, credential:NAME or the value\n");
    expect("no path", STR(GOOD "session_token = file:\n"), SIZE_MAX,
           "t.ini:13: session_token = file: names no file; write file:PATH\n");
    setenv("S3ONRAMP_TEST_SECRET", "file:/etc/hidden", 1);
    expect("by way of a variable", STR(GOOD "session_token = env:S3ONRAMP_TEST_SECRET\n"), SIZE_MAX,
           "t.ini:13: session_token = env:S3ONRAMP_TEST_SECRET: a secret is expected there, not file:PATH; write "
           "file:PATH here\n");
    unsetenv("S3ONRAMP_TEST_SECRET");
}

static void test_config_load_key_of_certificate_must_be_ours(void **state UNUSED)
{
    char path[256];
    static const char pkcs12[] = "\x30\x82\x0a\x00\x02\x01\x03\x30 and so on, and on";
    struct settings *s;

    write_file("c.pem", 0644, "-----BEGIN CERTIFICATE-----\n");
    write_file("l.key", 0604, "-----BEGIN PRIVATE KEY-----\n");
    write_file("s3onramp.ini", 0600, GOOD ANYWHERE ANCHOR PROFILE "certificate = c.pem\nprivate_key = l.key\n");
    s = load_file(
        "@/s3onramp.ini:19: private_key: others may read @/l.key (mode 604), which holds a secret; run `chmod g-w,o= "
        "@/l.key`\n");
    assert_null(s);
    write_file("l.key", 0600, "-----BEGIN PRIVATE KEY-----\n");
    s = load_file("");
    assert_string_equal(last(s)->private_key, folder_path(path, "l.key"));
    settings_unref(&s);

    write_bytes("c.p12", 0604, str_make(pkcs12, sizeof pkcs12));
    write_file("s3onramp.ini", 0600, GOOD ANYWHERE ANCHOR PROFILE "certificate = c.p12\nprivate_key = l.key\n");
    s = load_file(
        "@/s3onramp.ini:18: certificate: others may read @/c.p12 (mode 604), which holds a secret; run `chmod g-w,o= "
        "@/c.p12`\n"
        "@/s3onramp.ini:19: private_key has no effect: the PKCS#12 file of certificate holds it; remove it\n");
    assert_null(s);
    chmod(folder_path(path, "c.p12"), 0600);
    write_file("s3onramp.ini", 0600, GOOD ANYWHERE ANCHOR PROFILE "certificate = c.p12\npassphrase = hidden\n");
    s = load_file("");
    settings_unref(&s);
}

static void test_config_read_incomplete_is_fine(void **state UNUSED)
{
    char path[256];

    write_file("clients.ini", 0600, "");
    write_file(
        "s3onramp.ini", 0600,
        "[client x]\n[credentials default]\nsource = environment\n[client y]\naccess_key_id = env:S3ONRAMP_NO\n"
        "[credentials f]\naccess_key_id = credential:no\nsecret_access_key = file:nowhere\nsource = roles-anywhere\n");
    struct settings *s = config_read(folder_path(path, "s3onramp.ini"), stderr);
    assert_non_null(s);
    assert_int_equal(s->clients_n, 2);
    assert_string_equal(s->clients[1].keys[0].access_key_id, "env:S3ONRAMP_NO");
    assert_string_equal(s->credentials[1].access_key_id, "credential:no");
    settings_unref(&s);
}

/* --- printing --- */

static void test_config_print_shows_origin_and_no_secret(void **state UNUSED)
{
    setenv("S3ONRAMP_TEST_SECRET", "wJalrXUtn2", 1);
    struct settings *s =
        load_good(GOOD "[server]\nidle_timeout = 2m\n[credentials e]\naccess_key_id = A\n"
                       "secret_access_key = env:S3ONRAMP_TEST_SECRET\n[credentials p]\nsource = process\n"
                       "command = helper --pin wJalrXUtn3\n[credentials u]\nsource = container\n"
                       "url = https://keys.test/wJalrXUtn4\n");
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
    assert_non_null(strstr(text, "secret_access_key = env:S3ONRAMP_TEST_SECRET ; t.ini:17\n"));
    assert_non_null(strstr(text, "source = static                              ; derived\n"));
    assert_non_null(strstr(text, "\ncommand = ********                           ; t.ini:20\n"));
    assert_non_null(strstr(text, "\nurl = ********                               ; t.ini:23\n"));
    unsetenv("S3ONRAMP_TEST_SECRET");
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
    /* As it stands only the client's keys are missing. */
    char problems[1024];
    snprintf(problems, sizeof problems,
             "t.ini:%d: client \"me\" has no key pair and no listener takes it as anonymous; run `s3onramp client add "
             "me`\n",
             line_of(text, "[client me]"));
    expect("example", str_make(text, n), SIZE_MAX, problems);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_load_smallest_has_defaults),
        cmocka_unit_test(test_config_load_rates),
        cmocka_unit_test(test_config_reports_who_could_ask_over_http),
        cmocka_unit_test(test_config_limits_of_a_client),
        cmocka_unit_test(test_config_reports_too_many_limiting_groups),
        cmocka_unit_test(test_config_reports_rates_and_lines),
        cmocka_unit_test(test_config_load_zones_and_dns),
        cmocka_unit_test(test_settings_address_allowed_private_only),
        cmocka_unit_test(test_config_load_values_of_each_type),
        cmocka_unit_test(test_config_load_partition_suffixes),
        cmocka_unit_test(test_config_load_default_credentials_are_a_chain),
        cmocka_unit_test(test_config_load_environment_is_checked_not_taken),
        cmocka_unit_test(test_config_load_roles_get_region_and_service),
        cmocka_unit_test(test_config_load_region_from_environment),
        cmocka_unit_test(test_config_load_web_identity_from_environment),
        cmocka_unit_test(test_config_load_credentials_of_each_kind),
        cmocka_unit_test(test_settings_ref_keeps_alive),
        cmocka_unit_test(test_config_load_bad_lines_are_reported),
        cmocka_unit_test(test_config_load_long_lines_are_refused_not_cut),
        cmocka_unit_test(test_config_load_hash_after_refused_value_is_explained),
        cmocka_unit_test(test_config_load_file_without_end_is_refused),
        cmocka_unit_test(test_config_load_bad_values_are_reported),
        cmocka_unit_test(test_config_load_listeners_hardly_meant_are_warned_of),
        cmocka_unit_test(test_config_load_endpoints_hardly_meant_are_warned_of),
        cmocka_unit_test(test_config_load_what_has_ended_is_warned_of),
        cmocka_unit_test(test_config_load_keys_hardly_meant_are_warned_of),
        cmocka_unit_test(test_config_load_bad_endpoints_are_reported),
        cmocka_unit_test(test_config_load_bad_ways_in_are_reported),
        cmocka_unit_test(test_config_load_second_pairs_and_dates),
        cmocka_unit_test(test_principal_why_not_table),
        cmocka_unit_test(test_config_load_bad_callers_are_reported),
        cmocka_unit_test(test_config_load_bad_credentials_are_reported),
        cmocka_unit_test(test_config_load_bad_credentials_values_are_reported),
        cmocka_unit_test(test_config_load_too_many_tags_and_long_circle),
        cmocka_unit_test(test_config_load_roles_anywhere_region_is_the_anchors),
        cmocka_unit_test(test_config_load_problem_shows_no_secret),
        cmocka_unit_test(test_config_load_clients_file_completes_client),
        cmocka_unit_test(test_config_load_clients_file_named_must_exist),
        cmocka_unit_test(test_config_load_devices_are_refused),
        cmocka_unit_test(test_config_load_pipes_are_read),
        cmocka_unit_test(test_config_without_clients_leaves_their_file_alone),
        cmocka_unit_test(test_config_load_readable_secrets_are_refused),
        cmocka_unit_test(test_config_load_authorities_of_everybody_are_refused),
        cmocka_unit_test(test_config_load_policy_documents),
        cmocka_unit_test(test_config_load_policy_documents_that_are_none),
        cmocka_unit_test(test_config_load_a_changed_document_is_a_changed_policy),
        cmocka_unit_test(test_config_load_file_of_others_is_refused),
        cmocka_unit_test(test_config_clients_path_is_found_in_a_broken_file),
        cmocka_unit_test(test_config_load_paths_are_resolved),
        cmocka_unit_test(test_config_load_listener_key_must_be_private),
        cmocka_unit_test(test_config_load_secret_files_must_be_ours),
        cmocka_unit_test(test_config_load_systemd_credentials_are_read),
        cmocka_unit_test(test_config_load_file_is_for_credentials_only),
        cmocka_unit_test(test_config_load_key_of_certificate_must_be_ours),
        cmocka_unit_test(test_config_read_incomplete_is_fine),
        cmocka_unit_test(test_config_print_shows_origin_and_no_secret),
        cmocka_unit_test(test_config_print_example_is_the_file_in_conf),
    };

    return cmocka_run_group_tests(tests, make_folder, folder_remove);
}
