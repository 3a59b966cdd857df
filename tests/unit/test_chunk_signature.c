/* SPDX-License-Identifier: Apache-2.0
 * test_chunk_signature.c: the chains of signatures published in the S3 API Reference, however the content is cut and
 * whatever else the thread hashes meanwhile. Values not published were computed with Python's hmac and hashlib.
 */
#include "aws/sign/chunk_signature.h"

#include "aws/sign/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct str TIMESTAMP = STR_INIT("20130524T000000Z"), DATE = STR_INIT("20130524");

/* Begun with the key of the documented examples; the key cache is already gone. */
static void begin(struct chunk_signature *cs, struct digest *d, struct str region, struct str seed)
{
    struct sigv4_keys *keys = sigv4_keys_new(1);
    assert_non_null(keys);
    const struct hmac_key *key = sigv4_key(keys, d, STR("AKIAIOSFODNN7EXAMPLE"),
                                           STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), DATE, region, STR("s3"));
    assert_non_null(key);
    assert_true(chunk_signature_begin(cs, d, key, TIMESTAMP, DATE, region, STR("s3"), seed));
    sigv4_keys_free(&keys);
}

static void assert_signature(const char got[SHA256_HEX], const char *expected)
{
    assert_int_equal(strlen(expected), SHA256_HEX);
    if (memcmp(got, expected, SHA256_HEX) != 0) fail_msg("got %.64s, expected %s", got, expected);
}

/* @n letters 'a' in pieces of @step, while others use the digest. */
static void assert_chunk(struct chunk_signature *cs, size_t n, size_t step, const char *expected)
{
    static char letters[65536];
    char got[SHA256_HEX];
    uint8_t other[SHA256_BYTES];
    struct digest_stream stream;

    memset(letters, 'a', sizeof letters);
    assert_true(digest_stream_init(&stream, cs->digest, DIGEST_SHA256));
    for (size_t at = 0; at < n; at += step) {
        chunk_signature_add(cs, str_make(letters, step < n - at ? step : n - at));
        digest_stream_add(&stream, STR("another request"));
        digest_sha256(cs->digest, STR("and another"), other);
    }
    digest_stream_clear(&stream);
    chunk_signature_end_chunk(cs, got);
    assert_signature(got, expected);
}

static const size_t steps[] = {1, 63, 64, 1000, 65536};

static void test_chunk_signature_documented_chunks_match(void **state)
{
    struct digest *d = digest_new();
    struct chunk_signature cs;
    char got[SHA256_HEX];

    assert_non_null(d);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        begin(&cs, d, STR("us-east-1"), STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"));
        assert_chunk(&cs, 65536, steps[i], "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
        assert_chunk(&cs, 1024, steps[i], "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
        assert_chunk(&cs, 0, steps[i], "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
        chunk_signature_end_trailer(&cs, STR("first:1st\nsecond:2nd\nthird:3rd\n"), got);
        assert_signature(got, "df5735bd9f3295cd9386572292562fefc93ba94e80a0a1ddcbd652c4e0a75e6c");
        chunk_signature_clear(&cs);
    }
    digest_free(&d);
    (void)state;
}

static void test_chunk_signature_documented_trailer_matches(void **state)
{
    struct digest *d = digest_new();
    struct chunk_signature cs;
    char got[SHA256_HEX];

    assert_non_null(d);
    begin(&cs, d, STR("us-east-1"), STR("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"));
    assert_chunk(&cs, 65536, 4096, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    assert_chunk(&cs, 1024, 4096, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
    assert_chunk(&cs, 0, 1, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
    chunk_signature_end_trailer(&cs, STR("x-amz-checksum-crc32c:sOO8/Q==\n"), got);
    assert_signature(got, "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
    chunk_signature_clear(&cs);
    digest_free(&d);
    (void)state;
}

static void test_chunk_signature_two_bodies_at_once_do_not_mix(void **state)
{
    struct digest *d = digest_new();
    struct chunk_signature one, two;
    char got[SHA256_HEX], big[65536];

    assert_non_null(d);
    memset(big, 'a', sizeof big);
    begin(&one, d, STR("us-east-1"), STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"));
    begin(&two, d, STR("us-east-1"), STR("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"));
    for (size_t i = 0; i < sizeof big; i += 4096) {
        chunk_signature_add(&one, str_make(big + i, 4096));
        chunk_signature_add(&two, str_make(big + i, 4096));
    }
    chunk_signature_end_chunk(&one, got);
    assert_signature(got, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    chunk_signature_clear(&one);
    chunk_signature_end_chunk(&two, got);
    assert_signature(got, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    chunk_signature_clear(&two);
    digest_free(&d);
    (void)state;
}

/* The scope comes from a client. */
static void test_chunk_signature_begin_any_region_length(void **state)
{
    struct digest *d = digest_new();
    struct chunk_signature cs;
    char region[1000], seed[SHA256_HEX], got[SHA256_HEX];

    assert_non_null(d);
    memset(region, 'x', sizeof region);
    memcpy(seed, "19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b", sizeof seed);
    begin(&cs, d, str_make(region, sizeof region), str_make(seed, sizeof seed));
    memset(region, 0, sizeof region); /* was copied */
    memset(seed, 0, sizeof seed);
    chunk_signature_add(&cs, STR("hello"));
    chunk_signature_end_chunk(&cs, got);
    assert_signature(got, "9af17bf47b5086f2db70224caa17ced7ecb429f3602a1364f2e99d185d35ca4a");
    chunk_signature_clear(&cs);
    digest_free(&d);
    (void)state;
}

static void test_chunk_signature_no_content_and_no_trailers(void **state)
{
    struct digest *d = digest_new();
    struct chunk_signature cs;
    char got[SHA256_HEX];

    assert_non_null(d);
    begin(&cs, d, STR("us-east-1"), STR("19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b"));
    assert_chunk(&cs, 0, 1, "fd2ea9331560b2247c4dd55d1a32b8aab22acdae40e52764a536a9a4a30aae46");
    chunk_signature_end_trailer(&cs, STR_NONE, got);
    assert_signature(got, "5828d80a5f6e8a8adfc5c5c6ec8b52077c324277c0cbf96b385d3d2447e9a3b0");
    chunk_signature_clear(&cs);
    digest_free(&d);
    (void)state;
}

static void test_chunk_signature_clear_again_and_zeroed_is_fine(void **state)
{
    struct chunk_signature cs = {.text = NULL};
    struct digest *d = digest_new();

    assert_non_null(d);
    chunk_signature_clear(&cs);
    begin(&cs, d, STR("us-east-1"), STR("19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b"));
    chunk_signature_add(&cs, STR("a chunk that is never ended"));
    chunk_signature_clear(&cs);
    assert_null(cs.key);
    assert_null(cs.text);
    assert_null(cs.data.ctx);
    chunk_signature_clear(&cs);
    digest_free(&d);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk_signature_documented_chunks_match),
        cmocka_unit_test(test_chunk_signature_documented_trailer_matches),
        cmocka_unit_test(test_chunk_signature_two_bodies_at_once_do_not_mix),
        cmocka_unit_test(test_chunk_signature_begin_any_region_length),
        cmocka_unit_test(test_chunk_signature_no_content_and_no_trailers),
        cmocka_unit_test(test_chunk_signature_clear_again_and_zeroed_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
