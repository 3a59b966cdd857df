/* SPDX-License-Identifier: Apache-2.0
 * test_config_certificate.c: which client a certificate names, and what listeners need to ask for one.
 */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GOOD                                                        \
    "[endpoint e]\nregion = ap-northeast-1\naddresses = 10.0.0.1\n" \
    "[credentials default]\naccess_key_id = A\nsecret_access_key = s\n"
#define LISTENER "[listener l]\nmode = endpoint\n"
#define ASKS LISTENER "tls = on\nclient_ca = /dev/null\nclient_certificates = required\n"
#define ALICE "[client alice]\npolicy = read-only\ncertificate = "

static struct settings *load(const char *text, char **problems)
{
    size_t n = 0;
    FILE *in = fmemopen((char *)text, strlen(text), "r"), *out = open_memstream(problems, &n);

    assert_true(in && out);
    struct settings *s = config_load_stream(in, "t.ini", out);
    fclose(in);
    fclose(out);
    return s;
}

static void test_settings_client_by_certificate_table(void **state UNUSED)
{
    static const struct {
        const char *said, *shown;
        bool found;
    } rows[] = {
        {"email:Alice@Example.com", "email:alice@example.com", true},
        {"upn:Alice@Corp", "upn:alice@corp", true},
        {"dns:Host.example.com", "dns:host.example.com", true},
        {"dns:*.example.com", "dns:host.example.com", false},
        {"uri:spiffe://x/Alice", "uri:spiffe://x/Alice", true},
        {"uri:spiffe://x/Alice", "uri:spiffe://x/alice", false},
        {"subject:CN=alice,O=Example", "subject:CN=alice,O=Example", true},
        {"subject:CN=alice,O=Example", "subject:CN=alice", false},
        {"email:alice@example.com", "upn:alice@example.com", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024], *problems;

        (void)snprintf(text, sizeof text, "%s%s%s%s\n", GOOD, ASKS, ALICE, rows[i].said);
        struct settings *s = load(text, &problems);
        assert_string_equal(problems, "");
        assert_int_equal(s->warnings_n, 0);
        assert_int_equal(settings_client_by_certificate(s, str_from(rows[i].shown)) != NULL, rows[i].found);
        settings_unref(&s);
        free(problems);
    }
}

static void test_config_certificate_faults_are_reported(void **state UNUSED)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {ASKS ALICE "alice@example.com\n", "t.ini:14: certificate = alice@example.com: write what the client's "},
        {ASKS ALICE "email:\n", "t.ini:14: certificate = email:: write what the client's "},
        {ASKS ALICE "email:a@b\n[client bob]\npolicy = read-only\ncertificate = email:A@B\n",
         "t.ini:17: client \"bob\" has the certificate of client \"alice\"; name what is in one of them only\n"},
        {LISTENER "client_ca = /dev/null\n", "t.ini:9: client_ca has no effect without client_certificates; "},
        {LISTENER "client_crl = /dev/null\n", "t.ini:9: client_crl has no effect without client_certificates; "},
        {LISTENER "tls = on\nclient_certificates = required\n", "t.ini:10: client_certificates without client_ca "},
        {LISTENER "client_ca = /dev/null\nclient_certificates = optional\n",
         "t.ini:10: client_certificates has no effect without TLS; write tls = on, or remove it\n"},
        {LISTENER "client_ca = /dev/null\nclient_certificates = required\ntls = auto\n",
         "t.ini:10: client_certificates = required lets everybody in who comes without TLS; "},
        {LISTENER "tls = on\nclient_ca = /no/such/file\nclient_certificates = required\n",
         "t.ini:10: client_ca: /no/such/file cannot be read "},
        {"[listener l]\nmode = redirect\nclient_ca = /dev/null\nclient_certificates = optional\nintercept = none\n",
         "t.ini:10: client_certificates has no effect with mode = redirect; remove it\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024], *problems;

        (void)snprintf(text, sizeof text, "%s%s", GOOD, rows[i].text);
        struct settings *s = load(text, &problems);
        if (strncmp(problems, rows[i].expected, strlen(rows[i].expected)) != 0) print_error("%s", problems);
        assert_null(s);
        assert_int_equal(strncmp(problems, rows[i].expected, strlen(rows[i].expected)), 0);
        free(problems);
    }
}

static void test_config_certificate_that_nobody_asks_for_is_warned_of(void **state UNUSED)
{
    char *problems;
    struct settings *s = load(GOOD LISTENER ALICE "email:a@b\n", &problems);

    assert_string_equal(problems, "");
    assert_int_equal(s->warnings_n, 1);
    assert_non_null(strstr(s->warnings[0].text, "certificate: no listener asks clients for one"));
    settings_unref(&s);
    free(problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_client_by_certificate_table),
        cmocka_unit_test(test_config_certificate_faults_are_reported),
        cmocka_unit_test(test_config_certificate_that_nobody_asks_for_is_warned_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
