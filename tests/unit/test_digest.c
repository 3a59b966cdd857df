/* SPDX-License-Identifier: Apache-2.0
 * test_digest.c: SHA-256 and HMAC against published values.
 * Source: FIPS 180-4 examples (NIST), RFC 2202 and 4231 (HMAC).
 */
#include "aws/sign/digest.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct str hex_of(const uint8_t *bytes, size_t n, char *out, size_t cap)
{
    struct sbuf b = sbuf_make(out, cap);
    hex_lower(&b, bytes, n);
    assert_false(b.overflow);
    return sbuf_str(&b);
}

static void assert_hash(const uint8_t hash[SHA256_BYTES], const char *expected)
{
    char text[SHA256_HEX];
    struct str got = hex_of(hash, SHA256_BYTES, text, sizeof text);
    assert_int_equal(got.n, strlen(expected));
    assert_memory_equal(got.p, expected, got.n);
}

static void test_digest_sha256_published_values_match(void **state)
{
    static const struct {
        const char *text, *hash;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    struct digest *d = digest_new();

    assert_non_null(d);
    for (size_t round = 0; round < 2; round++) /* contexts are used again */
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            uint8_t hash[SHA256_BYTES];
            digest_sha256(d, str_from(cases[i].text), hash);
            assert_hash(hash, cases[i].hash);
        }
    digest_free(&d);
    assert_null(d);
    (void)state;
}

static void test_digest_stream_beside_others_matches_and_begins_anew(void **state)
{
    struct digest *d = digest_new();
    struct digest_stream one, two = {.ctx = NULL};
    uint8_t hash[SHA256_BYTES];

    assert_non_null(d);
    digest_stream_clear(&two); /* zeroed is fine */
    assert_true(digest_stream_init(&one, d, DIGEST_SHA256));
    assert_true(digest_stream_init(&two, d, DIGEST_SHA256));
    for (int round = 0; round < 2; round++) {
        for (const char *p = "abc"; *p; p++) {
            digest_stream_add(&one, str_make(p, 1));
            digest_stream_add(&two, STR_NONE);
            digest_sha256(d, STR("something else"), hash);
            digest_hmac_sha256(d, STR("key"), STR("data"), hash);
        }
        digest_stream_end(&two, hash);
        assert_hash(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        digest_stream_end(&one, hash);
        assert_hash(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    digest_stream_add(&one, STR("left over"));
    digest_stream_clear(&one);
    assert_null(one.ctx);
    digest_stream_clear(&one);
    digest_stream_clear(&two);
    digest_free(&d);
    (void)state;
}

static void test_hmac_key_dup_outlives_the_original(void **state)
{
    struct digest *d = digest_new();
    uint8_t mac[SHA256_BYTES];

    assert_non_null(d);
    struct hmac_key *key = hmac_key_new(d, STR("Jefe")), *other = hmac_key_new(d, STR("other"));
    assert_true(key && other);
    struct hmac_key *copy = hmac_key_dup(key);
    assert_non_null(copy);
    hmac_key_free(&key);
    hmac_key_sign(d, other, STR("data"), mac);
    for (int round = 0; round < 2; round++) {
        hmac_key_sign(d, copy, STR("what do ya want for nothing?"), mac);
        assert_hash(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
    hmac_key_free(&copy);
    hmac_key_free(&other);
    digest_free(&d);
    (void)state;
}

/* RFC 4231 test cases 1, 2, 6, 7. */
static void test_hmac_rfc4231_cases_match(void **state)
{
    char long_key[131], short_key[20];
    memset(long_key, 0xaa, sizeof long_key);
    memset(short_key, 0x0b, sizeof short_key);
    const struct {
        struct str key, data;
        const char *mac;
    } cases[] = {
        {{short_key, sizeof short_key},
         STR_INIT("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {STR_INIT("Jefe"), STR_INIT("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{long_key, sizeof long_key},
         STR_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {{long_key, sizeof long_key},
         STR_INIT("This is a test using a larger than block-size key and a larger than block-size data. The key needs "
                  "to be hashed before being used by the HMAC algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    struct digest *d = digest_new();

    assert_non_null(d);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t mac[SHA256_BYTES];
        digest_hmac_sha256(d, cases[i].key, cases[i].data, mac);
        assert_hash(mac, cases[i].mac);

        struct hmac_key *key = hmac_key_new(d, cases[i].key);
        assert_non_null(key);
        for (int round = 0; round < 3; round++) {
            memset(mac, 0, sizeof mac);
            hmac_key_sign(d, key, cases[i].data, mac);
            assert_hash(mac, cases[i].mac);
        }
        hmac_key_free(&key);
        assert_null(key);
    }
    digest_free(&d);
    digest_free(&d); /* NULL is fine */
    (void)state;
}

/* RFC 2202 3, test cases 1, 2, 3, 6, 7. */
static void test_hmac_sha1_rfc2202_cases_match(void **state)
{
    char key_0b[20], key_aa[80], data_dd[50];
    memset(key_0b, 0x0b, sizeof key_0b);
    memset(key_aa, 0xaa, sizeof key_aa);
    memset(data_dd, 0xdd, sizeof data_dd);
    const struct {
        struct str key, data;
        const char *mac;
    } cases[] = {
        {{key_0b, 20}, STR_INIT("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00"},
        {STR_INIT("Jefe"), STR_INIT("what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {{key_aa, 20}, {data_dd, 50}, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
        {{key_aa, 80},
         STR_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
         "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
        {{key_aa, 80},
         STR_INIT("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
         "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
    };
    struct digest *d = digest_new();

    assert_non_null(d);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t mac[SHA1_BYTES], other[SHA256_BYTES];
        char text[2 * SHA1_BYTES];
        digest_hmac_sha256(d, cases[i].key, cases[i].data, other); /* uses the same contexts */
        digest_hmac_sha1(d, cases[i].key, cases[i].data, mac);
        struct str got = hex_of(mac, sizeof mac, text, sizeof text);
        assert_true(str_eq(got, str_from(cases[i].mac)));
    }
    digest_free(&d);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_sha256_published_values_match),
        cmocka_unit_test(test_digest_stream_beside_others_matches_and_begins_anew),
        cmocka_unit_test(test_hmac_key_dup_outlives_the_original),
        cmocka_unit_test(test_hmac_rfc4231_cases_match),
        cmocka_unit_test(test_hmac_sha1_rfc2202_cases_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
