/* SPDX-License-Identifier: Apache-2.0
 * test_sso_document.c: the token cache's file names, tokens and the portal's answers, good and bad.
 */
#include "aws/documents/sso_document.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* echo -n my-sso | sha1sum */
static void test_cache_name_is_sha1(void **state UNUSED)
{
    char name[SSO_CACHE_NAME];

    assert_true(sso_cache_name(STR("my-sso"), name));
    assert_string_equal(name, "0ad374308c5a4e22f723adf10145eafad7c4031c.json");
    assert_true(sso_cache_name(STR("https://example.awsapps.com/start"), name));
    assert_string_equal(name, "e8be5486177c5b5392bd9aa76563515b29358e6e.json");
}

static void test_token_good_and_bad(void **state UNUSED)
{
    static const struct {
        const char *json, *why; /* NULL: good */
    } table[] = {
        {"{\"startUrl\": \"u\", \"accessToken\": \"SECRET\", \"expiresAt\": \"2026-11-24T12:00:00Z\"}", NULL},
        {"{\"accessToken\": \"SECRET\"}", "expiresAt is missing or no text"},
        {"{\"accessToken\": 1, \"expiresAt\": \"x\"}", "accessToken is missing or no text"},
        {"{\"accessToken\": \"\", \"expiresAt\": \"x\"}", "accessToken is missing or no text"},
        {"{\"accessToken\": \"SECRET\\r\\nX: y\", \"expiresAt\": \"x\"}", "accessToken holds characters"},
        {"{\"accessToken\": \"SECR\xc3\x84T\", \"expiresAt\": \"x\"}", "accessToken holds characters"},
        {"[]", "not a JSON object"},
        {"", "not a JSON object"},
        {"{\"accessToken\"", "not a JSON object"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct sso_token t;
        struct err err = {0};
        enum err_code code = sso_token_parse(str_from(table[i].json), &t, &err);

        assert_int_equal(code, table[i].why ? ERR_BAD_DOCUMENT : ERR_NONE);
        if (table[i].why) {
            assert_non_null(strstr(err.detail, table[i].why));
            assert_null(strstr(err.detail, "SECR"));
            assert_null(t.access_token);
        } else {
            assert_string_equal(t.access_token, "SECRET");
            assert_string_equal(t.expires_at, "2026-11-24T12:00:00Z");
        }
        sso_token_clear(&t);
    }
}

#define ANSWER(fields) "{\"roleCredentials\": {" fields "}}"
#define THREE "\"accessKeyId\": \"AK\", \"secretAccessKey\": \"SECRET\", \"sessionToken\": \"T\""

static void test_keys_good_and_bad(void **state UNUSED)
{
    static const struct {
        const char *json, *why;
    } table[] = {
        {ANSWER(THREE ", \"expiration\": 1795521600999"), NULL},
        {ANSWER(THREE), "expiration is missing"},
        {ANSWER(THREE ", \"expiration\": \"1795521600999\""), "expiration is missing"},
        {ANSWER(THREE ", \"expiration\": -1"), "expiration is missing"},
        {ANSWER("\"accessKeyId\": \"AK\", \"secretAccessKey\": \"SECRET\", \"expiration\": 1795521600999"),
         "sessionToken is missing"},
        {ANSWER("\"accessKeyId\": \"A K\""), "accessKeyId holds characters"},
        {"{}", "accessKeyId is missing"},
        {"<html>", "not a JSON object"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct sso_keys k;
        struct err err = {0};
        enum err_code code = sso_keys_parse(str_from(table[i].json), &k, &err);

        assert_int_equal(code, table[i].why ? ERR_BAD_DOCUMENT : ERR_NONE);
        if (table[i].why) {
            assert_non_null(strstr(err.detail, table[i].why));
            assert_null(k.access_key_id);
            assert_null(k.secret_access_key);
        } else {
            assert_string_equal(k.access_key_id, "AK");
            assert_string_equal(k.secret_access_key, "SECRET");
            assert_string_equal(k.session_token, "T");
            assert_int_equal(k.expires_s, 1795521600);
        }
        secret_free(&k.access_key_id);
        secret_free(&k.secret_access_key);
        secret_free(&k.session_token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cache_name_is_sha1),
                                       cmocka_unit_test(test_token_good_and_bad),
                                       cmocka_unit_test(test_keys_good_and_bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
