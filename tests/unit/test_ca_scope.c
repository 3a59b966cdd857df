/* SPDX-License-Identifier: Apache-2.0
 * test_ca_scope.c: what an authority may speak for that was made for a configuration: all names that its listeners
 * serve, and nothing else. Judged by the authority itself, once it was written and loaded.
 */
#include "io/ca_scope.h"

#include "aws/s3/target.h"
#include "io/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char text[] =
    "[endpoint tokyo]\nname = vpce-0a1b2c3d4e5f60718-abcdefgh.s3.ap-northeast-1.vpce.amazonaws.com\n"
    "addresses = 10.0.0.1\nalso_regions = eu-west-1, cn-north-1\n"
    "[endpoint fips]\nname = vpce-1a1b2c3d4e5f60718-abcdefgh.s3-fips.us-east-1.vpce.amazonaws.com\n"
    "addresses = 10.0.0.2\n"
    "[credentials default]\nsource = none\n"
    "[client me]\npolicy = read-only\naccess_key_id = AKIAME\nsecret_access_key = x\n"
    "[listener proxy]\nmode = forward\nbind = 127.0.0.1:1\nnames = proxy.corp\n"
    "[listener s3]\nmode = endpoint\nbind = 10.1.2.3:1, [fd00::7]:1\ntls = on\nnames = s3.corp, 10.9.9.9\n"
    "[listener own]\nmode = endpoint\nbind = 10.1.2.3:2\ntls = on\n"
    "[listener brought]\nmode = redirect\nbind = 10.1.2.4:1\n";

struct fixture {
    char folder[64], cert[96], key[96];
    struct settings *s;
    struct ca_scope scope;
};

/* As if this machine called itself so. */
static void call_machine(struct listener_conf *l, const char *hostname)
{
    assert_true(l->names_default);
    while (l->names.n)
        free(l->names.v[--l->names.n]);
    config_machine_names(hostname, &l->names);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    FILE *in = fmemopen((char *)(uintptr_t)text, sizeof text - 1, "r");

    if (!f || !in) return 1;
    f->s = config_load_stream(in, "t.ini", stderr);
    fclose(in);
    strcpy(f->folder, "/tmp/s3onramp-scope-XXXXXX");
    if (!f->s || !mkdtemp(f->folder)) return 1;
    snprintf(f->cert, sizeof f->cert, "%s/ca.pem", f->folder);
    snprintf(f->key, sizeof f->key, "%s/ca.key", f->folder);
    call_machine(&f->s->listeners[2], "dev.lab");
    ca_scope_init(&f->scope, f->s);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ca_scope_clear(&f->scope);
    settings_unref(&f->s);
    (void)unlink(f->cert);
    (void)unlink(f->key);
    strcat(f->cert, ".old");
    strcat(f->key, ".old");
    (void)unlink(f->cert);
    (void)unlink(f->key);
    int code = rmdir(f->folder);
    free(f);
    return code;
}

static struct ca *make(struct fixture *f, const struct ca_scope *scope)
{
    struct ca_params params = {.common_name = "test",
                               .days = 2,
                               .dns = scope->dns,
                               .dns_n = scope->dns_n,
                               .ip = scope->ip,
                               .ip_n = scope->ip_n,
                               .alone = scope->alone,
                               .alone_n = scope->alone_n};
    struct ca *ca = NULL;
    struct err err = {.detail = ""};

    assert_false(scope->full);
    if (ca_create(f->cert, f->key, &params, true, &err) != ERR_NONE) fail_msg("%s", err.detail);
    if (ca_load(f->cert, f->key, &ca, &err) != ERR_NONE) fail_msg("%s", err.detail);
    return ca;
}

static void test_ca_scope_init_names_that_listeners_serve(void **state)
{
    static const struct {
        const char *name;
        bool permitted;
    } cases[] = {
        {"s3.ap-northeast-1.amazonaws.com", true},
        {"b.s3.ap-northeast-1.amazonaws.com", true},
        {"my.dotted.bucket.s3.ap-northeast-1.amazonaws.com", true},
        {"b.s3.dualstack.ap-northeast-1.amazonaws.com", true},
        {"b.s3-ap-northeast-1.amazonaws.com", true},
        {"b.s3.amazonaws.com", true},
        {"n-123456789012.s3-accesspoint.ap-northeast-1.amazonaws.com", true},
        {"n-123456789012.s3-accesspoint.dualstack.ap-northeast-1.amazonaws.com", true},
        {"123456789012.s3-control.ap-northeast-1.amazonaws.com", true},
        {"123456789012.s3-control.dualstack.ap-northeast-1.amazonaws.com", true},
        {"n-123456789012.s3-object-lambda.ap-northeast-1.amazonaws.com", true},
        {"n-123456789012.op-01ac5d28a6a232904.s3-outposts.ap-northeast-1.amazonaws.com", true},
        {"bucket.vpce-0a1b2c3d4e5f60718-abcdefgh.s3.ap-northeast-1.vpce.amazonaws.com", true},
        {"b.bucket.vpce-0a1b2c3d4e5f60718-abcdefgh-ap-northeast-1a.s3.ap-northeast-1.vpce.amazonaws.com", true},
        {"s3.eu-west-1.amazonaws.com", true},
        {"s3.cn-north-1.amazonaws.com.cn", true},
        {"b.s3.us-east-1.amazonaws.com", true},
        {"b.s3-fips.us-east-1.amazonaws.com", true},
        {"b.s3-fips.dualstack.us-east-1.amazonaws.com", true},
        {"b.s3-fips-us-east-1.amazonaws.com", true},
        {"n-123456789012.s3-accesspoint-fips.us-east-1.amazonaws.com", true},
        {"b.bucket.vpce-1a1b2c3d4e5f60718-abcdefgh.s3-fips.us-east-1.vpce.amazonaws.com", true},
        {"b.s3-external-1.amazonaws.com", true},
        {"proxy.corp", true},
        {"s3.corp", true},
        {"b.s3.corp", true},
        {"10.9.9.9", true},
        {"10.1.2.3", true},
        {"fd00::7", true},
        {"127.0.0.1", true},
        {"localhost", true},
        {"dev.lab", true},
        {"b.dev.lab", true},
        {"dev", true},

        {"sts.ap-northeast-1.amazonaws.com", false},
        {"sts.amazonaws.com", false},
        {"iam.amazonaws.com", false},
        {"secretsmanager.ap-northeast-1.amazonaws.com", false},
        {"signin.aws.amazon.com", false},
        {"amazonaws.com", false},
        {"x.amazonaws.com", false},
        {"ap-northeast-1.amazonaws.com", false},
        {"vpce-0a1b2c3d4e5f60718-abcdefgh.sts.ap-northeast-1.vpce.amazonaws.com", false},
        {"s3-fips.ap-northeast-1.amazonaws.com", false},
        {"s3.us-west-2.amazonaws.com", false},
        {"s3.us-east-1.amazonaws.com.cn", false},
        {"xs3.us-east-1.amazonaws.com", false},
        {"b.s3-website-us-east-1.amazonaws.com", false},
        {"b.s3-accelerate.amazonaws.com", false},
        {"b.dev", false}, /* a machine's name of one word does not open a top-level domain */
        {"lab", false},
        {"corp", false},
        {"evil.corp", false},
        {"example.com", false},
        {"10.1.2.4", false},
        {"10.0.0.1", false},
        {"10.1.2.2", false},
        {"192.168.1.1", false},
        {"127.0.0.2", false},
        {"fd00::8", false},
        {"169.254.169.254", false},
    };
    struct fixture *f = *state;
    struct ca *ca = make(f, &f->scope);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (ca_permits(ca, str_from(cases[i].name)) != cases[i].permitted) fail_msg("%s", cases[i].name);
    ca_free(&ca);
}

/* What is listed is served: every name of the Region is one that the parser takes, with the prefix that it needs. */
static void check_listed(void *arg, struct str name)
{
    static const char *const prefixes[] = {"", "n-123456789012.", "n-123456789012.op-1.", "bucket.vpce-1."};
    size_t *served = arg;
    bool found = false;

    for (size_t i = 0; i < ARRAY_LEN(prefixes) && !found; i++) {
        char host[300];
        struct s3_host parts;
        snprintf(host, sizeof host, "%s%.*s", prefixes[i], STR_ARG(name));
        found = s3_host_parse(str_from(host), &parts, NULL) == ERR_NONE && str_eq(parts.region, STR("us-east-1"));
    }
    if (!found) fail_msg("%.*s", STR_ARG(name));
    assert_true(s3_host_is_s3(name));
    ++*served;
}

static void test_s3_names_of_region_are_all_served(void **state)
{
    size_t plain = 0, fips = 0;

    s3_names_of_region(STR("us-east-1"), STR("amazonaws.com"), false, check_listed, &plain);
    s3_names_of_region(STR("us-east-1"), STR("amazonaws.com"), true, check_listed, &fips);
    assert_int_equal(plain, 11);
    assert_int_equal(fips, 20);
    (void)state;
}

static void test_ca_scope_add_region_for_later(void **state)
{
    struct fixture *f = *state;
    struct ca_scope scope;

    ca_scope_init(&scope, f->s);
    assert_false(ca_scope_add_region(&scope, STR("mars")));
    assert_true(ca_scope_add_region(&scope, STR("us-west-2")));
    struct ca *ca = make(f, &scope);
    assert_true(ca_permits(ca, STR("b.s3.us-west-2.amazonaws.com")));
    assert_false(ca_permits(ca, STR("sts.us-west-2.amazonaws.com")));
    char example[300];
    assert_false(ca_scope_exceeded(&f->scope, ca, example, sizeof example)); /* S3's names are no excess */
    ca_free(&ca);
    ca_scope_clear(&scope);
}

static void test_ca_scope_exceeded_old_authorities(void **state)
{
    static const struct {
        const char *dns, *block, *example; /* NULL: it is narrow enough */
    } cases[] = {
        {"s3.ap-northeast-1.amazonaws.com", NULL, NULL},
        {"b.s3.corp", "10.77.0.1/32", NULL},
        {"amazonaws.com", NULL, "amazonaws.com and names below"},
        {"proxy7", NULL, NULL}, /* another machine's own name */
        {"gateway", NULL, "gateway and names below"},
        {"s3.old.corp", NULL, "s3.old.corp and names below"},
        {"s3.corp", "10.0.0.0/8", "10.0.0.0/8"},
        {"s3.corp", "fc00::/7", "fc00::/7"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ca_scope scope = {.dns = {cases[i].dns}, .dns_n = 1};
        char example[300] = "";

        if (cases[i].block) assert_true(netblock_parse(str_from(cases[i].block), &scope.ip[scope.ip_n++]));
        struct ca *ca = make(f, &scope);
        assert_int_equal(ca_scope_exceeded(&f->scope, ca, example, sizeof example), cases[i].example != NULL);
        if (cases[i].example) assert_string_equal(example, cases[i].example);
        ca_free(&ca);
    }
}

static void test_ca_scope_machine_names_yield(void **state)
{
    static const struct {
        const char *hostname, *permitted, *refused;
    } cases[] = {
        {"proxy7", "b.proxy7", "b.proxy8"},  /* no top-level domain is called so */
        {"gateway", "gateway", "b.gateway"}, /* one might be */
        {"xn--p1ai", "xn--p1ai", "b.xn--p1ai"},
        {"corp", "s3.corp", "corp"}, /* a written name below it is not shut out */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ca_scope scope;
        char example[300];
        call_machine(&f->s->listeners[2], cases[i].hostname);
        ca_scope_init(&scope, f->s);
        struct ca *ca = make(f, &scope);
        if (!ca_permits(ca, str_from(cases[i].permitted))) fail_msg("%s", cases[i].permitted);
        if (ca_permits(ca, str_from(cases[i].refused))) fail_msg("%s", cases[i].refused);
        if (ca_scope_exceeded(&scope, ca, example, sizeof example)) fail_msg("%s", example);
        if (ca_scope_exceeded(&f->scope, ca, example, sizeof example)) fail_msg("%s", example); /* called otherwise */
        ca_free(&ca);
        ca_scope_clear(&scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ca_scope_init_names_that_listeners_serve),
        cmocka_unit_test(test_s3_names_of_region_are_all_served),
        cmocka_unit_test(test_ca_scope_add_region_for_later),
        cmocka_unit_test(test_ca_scope_machine_names_yield),
        cmocka_unit_test(test_ca_scope_exceeded_old_authorities),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
