/* SPDX-License-Identifier: Apache-2.0
 * test_profile_plan.c: what a profile says to do, as a table: config file, credentials file, profile → plan in words,
 * or the reason why not.
 */
#include "aws/documents/profile_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS(x) "aws_access_key_id = AK" x "\naws_secret_access_key = SK" x "\n"
#define TOKEN(x) "aws_session_token = ST" x "\n"

static const struct row {
    const char *config, *credentials, *name;
    const char *expected; /* as tell() says; or "!…": words of the reason */
} table[] = {
    {"", "", "default", "nothing"},
    {"[default]\nregion = eu-west-1\n", "", "default", "found nothing in eu-west-1"},
    {"", "[default]\n" KEYS("1"), "default", "found keys AK1 SK1"},
    {"", "[default]\n" KEYS("1") TOKEN("1"), "default", "found keys AK1 SK1 ST1"},
    {"", "[default]\n" KEYS("1") TOKEN("1") "aws_security_token = OLD\n", "default", "found keys AK1 SK1 OLD"},
    {"", "[default]\n" KEYS("1") "aws_session_token =\n", "default", "found keys AK1 SK1"},
    {"[profile a]\n" KEYS("2"), "", "a", "found keys AK2 SK2"},
    {"[profile a]\n" KEYS("2") "region = us-east-1", "[a]\n" KEYS("1"), "a", "found keys AK1 SK1 in us-east-1"},
    {"[profile a]\n" TOKEN("2"), "[a]\n" KEYS("1"), "a", "found keys AK1 SK1"},
    {"[a]\n" KEYS("2"), "", "a", "nothing"},
    {"[profile a]\naws_access_key_id = AK", "", "a", "!aws_access_key_id without aws_secret_access_key"},
    {"[profile a]\naws_access_key_id = AK", "[a]\naws_secret_access_key = SK", "a", "!without aws_secret_access_key"},
    {"", "[a]\naws_secret_access_key = SK", "a", "found nothing"},
    {"", "[a]\naws_access_key_id =\naws_secret_access_key = SK", "a", "!aws_access_key_id is empty"},
    {"", "[a]\naws_access_key_id = AK # mine\naws_secret_access_key = SK", "a",
     "!CREDENTIALS:2: profile a: aws_access_key_id holds spaces"},
    {"", "[a]\naws_access_key_id = AK\naws_secret_access_key = SK\n  more", "a", "!aws_secret_access_key holds spaces"},
    {"", "[a]\naws_access_key_id = AK\naws_secret_access_key = S K", "a", "found keys AK S K"},
    {"", "[a]\naws_access_key_id = AK\naws_secret_access_key = SK # mine", "a", "!aws_secret_access_key holds spaces"},
    {"", "[a]\naws_access_key_id = AK\naws_secret_access_key = SK ; mine", "a", "!aws_secret_access_key holds spaces"},
    {"", "[a]\n" KEYS("1") "aws_session_token = T T", "a", "!aws_session_token holds spaces"},
    /* the order within one profile */
    {"[profile a]\ncredential_process = tool x\n", "", "a", "found process 'tool x'"},
    {"", "[a]\ncredential_process = tool x\n", "a", "found process 'tool x'"},
    {"[profile a]\ncredential_process = tool x\n" KEYS("2"), "", "a", "found process 'tool x'"},
    {"[profile a]\ncredential_process = tool x\n", "[a]\n" KEYS("1"), "a", "found keys AK1 SK1"},
    {"[profile a]\ncredential_process = tool x\n", "[a]\ncredential_process = tool y\n", "a", "found process 'tool y'"},
    {"[profile a]\ncredential_process =\n", "", "a", "!credential_process is empty"},
    {"[profile a]\nsso_account_id = 1\nsso_role_name = r\nsso_region = us-east-1\nsso_start_url = u\n",
     "[a]\n" KEYS("1"), "a", "found sso 1 r us-east-1 u -"},
    {"[profile a]\nweb_identity_token_file = /t\nrole_arn = R\n", "[a]\n" KEYS("1"), "a", "found web /t R - 0"},
    {"[profile a]\nrole_arn = R\nsource_profile = a\n", "[a]\n" KEYS("1"), "a", "found role R; keys AK1 SK1"},
    {"[profile a]\nlogin_session = x\n" KEYS("2"), "", "a", "!login_session"},
    /* web identity */
    {"[profile a]\nweb_identity_token_file = /t\nrole_arn = R\nrole_session_name = s\nduration_seconds = 900\n", "",
     "a", "found web /t R s 900"},
    {"[profile a]\nweb_identity_token_file = /t\n", "", "a", "!no role to ask for with it; set role_arn"},
    /* roles */
    {"[profile a]\nrole_arn = R\nsource_profile = b\nexternal_id = e\nrole_session_name = s\nduration_seconds = 900\n",
     "[b]\n" KEYS("1"), "a", "found role R (a) s e 900; keys AK1 SK1"},
    {"[profile a]\nrole_arn = R\nsource_profile = my b\nregion = us-west-2\n[profile \"my b\"]\n" KEYS("2"), "", "a",
     "found role R; keys AK2 SK2 in us-west-2"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\n[profile b]\ncredential_process = p\n", "", "a",
     "found role R; process 'p'"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\n[profile b]\nweb_identity_token_file = /t\nrole_arn = W\n", "",
     "a", "found role R; web /t W - 0"},
    {"[profile a]\nrole_arn = R1\nsource_profile = b\n[profile b]\nrole_arn = R2\nsource_profile = c\n",
     "[c]\n" KEYS("1"), "a", "found role R1; role R2; keys AK1 SK1"},
    {"[profile a]\nrole_arn = R1\nsource_profile = b\n[profile b]\nrole_arn = R2\nsource_profile = c\n" KEYS("2"), "",
     "a", "found role R1; keys AK2 SK2"},
    {"[profile a]\nrole_arn = R1\nsource_profile = b\n[profile b]\nrole_arn = R2\ncredential_source = EcsContainer\n",
     "", "a", "found role R1; role R2; container"},
    {"[profile a]\nrole_arn = R\ncredential_source = Environment\n", "", "a", "found role R; environment"},
    {"[profile a]\nrole_arn = R\ncredential_source = Ec2InstanceMetadata\n", "", "a", "found role R; imds"},
    {"[profile a]\nrole_arn = R\ncredential_source = Elsewhere\n", "", "a", "!credential_source must be Environment"},
    {"[profile a]\nrole_arn = R\ncredential_source = Environment\nsource_profile = b\n", "", "a",
     "!CONFIG:3: profile a: both source_profile and credential_source"},
    {"[profile a]\nrole_arn = R\n", "[a]\n" KEYS("1"), "a", "!role_arn needs source_profile = NAME"},
    {"[profile a]\nrole_arn =\nsource_profile = b\n", "", "a", "!role_arn is empty"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\n", "", "a", "!names a profile that neither file has"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\n[profile b]\nregion = x\n", "", "a", "!says nothing of keys"},
    {"[profile a]\nrole_arn = R\nsource_profile = a\n", "", "a", "!names the profile itself, which has no keys"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\n[profile b]\nrole_arn = R\nsource_profile = b\n", "", "a",
     "!CONFIG:6: profile b: source_profile names the profile itself"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\n[profile b]\nrole_arn = R\nsource_profile = a\n", "", "a",
     "!CONFIG:6: profile b: source_profile leads back"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\nmfa_serial = arn:x\n", "[b]\n" KEYS("1"), "a", "!mfa_serial"},
    {"[profile a]\nrole_arn = R\nsource_profile = b\nduration_seconds = 1h\n", "[b]\n" KEYS("1"), "a",
     "!CONFIG:4: profile a: duration_seconds is not a number"},
    {"[profile a]\nsource_profile = b\nexternal_id = e\n", "[b]\n" KEYS("1"), "a", "found nothing"},
    /* sso */
    {"[profile a]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
     "[sso-session s]\nsso_region = us-east-1\nsso_start_url = u\n",
     "", "a", "found sso 1 r us-east-1 u s"},
    {"[profile a]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n", "", "a", "!the config file lacks"},
    {"[profile a]\nsso_account_id = 1\nsso_region = x\nsso_start_url = u\n", "", "a", "!sso_role_name is missing"},
    {"[profile a]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nsso_region = x\n"
     "[sso-session s]\nsso_region = us-east-1\nsso_start_url = u\n",
     "", "a", "!CONFIG:7: sso_region differs"},
    {"[profile a]\nsso_session = s\n", "", "a", "found nothing"},
};

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void tell_base(const struct profile_plan *p, struct sbuf *b)
{
    switch (p->base) {
    case PROFILE_BASE_NONE: sbuf_add(b, STR("nothing")); break;
    case PROFILE_BASE_KEYS:
        sbuf_printf(b, "keys %s %s%s%s", p->access_key_id, p->secret_access_key, p->session_token ? " " : "",
                    p->session_token ? p->session_token : "");
        break;
    case PROFILE_BASE_PROCESS: sbuf_printf(b, "process '%s'", p->command); break;
    case PROFILE_BASE_WEB_IDENTITY:
        sbuf_printf(b, "web %s %s %s %u", p->web.token_file, p->web.role_arn, or_dash(p->web.session_name),
                    (unsigned)p->web.duration_s);
        break;
    case PROFILE_BASE_SSO:
        sbuf_printf(b, "sso %s %s %s %s %s", p->sso_account_id, p->sso_role_name, p->sso_region, p->sso_start_url,
                    or_dash(p->sso_session));
        break;
    case PROFILE_BASE_ENVIRONMENT: sbuf_add(b, STR("environment")); break;
    case PROFILE_BASE_CONTAINER: sbuf_add(b, STR("container")); break;
    case PROFILE_BASE_IMDS: sbuf_add(b, STR("imds")); break;
    }
}

static void tell(const struct profile_plan *p, struct sbuf *b)
{
    sbuf_add(b, str_from(p->found ? "found " : ""));
    for (size_t i = 0; i < p->roles_n; i++) {
        const struct profile_role *r = &p->roles[i];

        sbuf_printf(b, "role %s", r->role_arn);
        if (r->session_name || r->external_id || r->duration_s)
            sbuf_printf(b, " (%s) %s %s %u", r->profile, or_dash(r->session_name), or_dash(r->external_id),
                        (unsigned)r->duration_s);
        sbuf_add(b, STR("; "));
    }
    tell_base(p, b);
    if (p->region) sbuf_printf(b, " in %s", p->region);
    sbuf_char(b, '\0');
    assert_false(b->overflow);
}

static void check(size_t row, const struct row *r, const struct profile_environment *environment)
{
    struct profile_file *config, *credentials;
    struct profile_plan plan;
    struct err err = {0};
    char text[512] = "!";
    struct sbuf b = sbuf_make(text, sizeof(text));

    assert_int_equal(profile_file_parse(str_from(r->config), PROFILE_FILE_CONFIG, "CONFIG", &config, &err), ERR_NONE);
    assert_int_equal(
        profile_file_parse(str_from(r->credentials), PROFILE_FILE_CREDENTIALS, "CREDENTIALS", &credentials, &err),
        ERR_NONE);
    if (profile_plan(config, credentials, r->name, environment, &plan, &err) == ERR_NONE) {
        tell(&plan, &b);
        if (strcmp(text, r->expected) != 0) fail_msg("row %zu: %s", row, text);
    } else if (r->expected[0] != '!' || !strstr(err.detail, r->expected + 1)) {
        fail_msg("row %zu: %s", row, err.detail);
    } else {
        assert_null(strstr(err.detail, "SK"));
    }
    profile_file_free(&config);
    profile_file_free(&credentials);
}

static void test_plan_as_botocore_would(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check(i, &table[i], NULL);
}

static void test_plan_environment_before_profile(void **state UNUSED)
{
    static const struct {
        struct profile_environment environment;
        struct row row;
    } rows[] = {
        {{"/e", "E", "es"}, {"", "", "default", "web /e E es 0"}},
        {{"/e", "E", NULL}, {"", "[default]\n" KEYS("1"), "default", "found web /e E - 0"}},
        {{"/e", NULL, NULL},
         {"[default]\nrole_arn = R\nweb_identity_token_file = /t", "", "default", "found web /e R - 0"}},
        {{NULL, "E", "es"},
         {"[default]\nrole_arn = R\nweb_identity_token_file = /t", "", "default", "found web /t E es 0"}},
        {{"", NULL, NULL}, {"[default]\nrole_arn = R\nweb_identity_token_file = /t", "", "default", "found nothing"}},
        {{"/e", NULL, NULL}, {"", "", "default", "!set role_arn in the profile or AWS_ROLE_ARN"}},
        {{"/e", "E", NULL},
         {"[default]\nrole_arn = R\nsource_profile = b", "[b]\n" KEYS("1"), "default", "found role R; keys AK1 SK1"}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(i, &rows[i].row, &rows[i].environment);
}

/* Of the longest chain that is taken, and one more. */
static void test_plan_long_chain_refused(void **state UNUSED)
{
    for (int length = PROFILE_ROLES_MAX; length <= PROFILE_ROLES_MAX + 1; length++) {
        char text[2048];
        struct sbuf b = sbuf_make(text, sizeof(text));
        struct profile_file *config;
        struct profile_plan plan;
        struct err err = {0};

        for (int i = 0; i < length; i++)
            sbuf_printf(&b, "[profile p%d]\nrole_arn = R\nsource_profile = p%d\n", i, i + 1);
        sbuf_printf(&b, "[profile p%d]\n" KEYS("1"), length);
        assert_int_equal(profile_file_parse(sbuf_str(&b), PROFILE_FILE_CONFIG, "CONFIG", &config, &err), ERR_NONE);
        assert_int_equal(profile_plan(config, NULL, "p0", NULL, &plan, &err),
                         length > PROFILE_ROLES_MAX ? ERR_CONFIG : ERR_NONE);
        profile_file_free(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plan_as_botocore_would),
                                       cmocka_unit_test(test_plan_environment_before_profile),
                                       cmocka_unit_test(test_plan_long_chain_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
