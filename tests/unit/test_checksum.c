/* SPDX-License-Identifier: Apache-2.0
 * test_checksum.c: check values, comparison with bit-at-a-time CRCs, cutting the input anywhere.
 */
#include "aws/sign/checksum.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct str sum_of(enum checksum_kind kind, const char *data, size_t n, size_t cut, char out[64])
{
    struct checksum c;
    struct sbuf b = sbuf_make(out, 64);

    assert_true(checksum_init(&c, kind));
    checksum_add(&c, data, cut);
    checksum_add(&c, data + cut, n - cut);
    checksum_end(&c, &b);
    checksum_clear(&c);
    assert_false(b.overflow);
    return sbuf_str(&b);
}

static void assert_str(struct str got, struct str expected)
{
    if (!str_eq(got, expected)) fail_msg("got %.*s, expected %.*s", STR_ARG(got), STR_ARG(expected));
}

static void test_checksum_end_check_values_match(void **state)
{
    /* base64 of cbf43926, e3069283, ae8b14860a799888, and of the SHAs of "123456789" */
    static const struct {
        enum checksum_kind kind;
        struct str expected;
    } cases[] = {
        {CHECKSUM_NONE, STR_INIT("")},
        {CHECKSUM_CRC32, STR_INIT("y/Q5Jg==")},
        {CHECKSUM_CRC32C, STR_INIT("4waSgw==")},
        {CHECKSUM_CRC64NVME, STR_INIT("rosUhgp5mIg=")},
        {CHECKSUM_SHA1, STR_INIT("98O8HYCOBHMq32eZZczDTKeuNEE=")},
        {CHECKSUM_SHA256, STR_INIT("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t cut = 0; cut <= 9; cut++) {
            char text[64];
            assert_str(sum_of(cases[i].kind, "123456789", 9, cut, text), cases[i].expected);
            assert_int_equal(checksum_text_bytes(cases[i].kind), cases[i].expected.n);
        }
    (void)state;
}

/* The CRC32C of the chunked upload example in the S3 API Reference: 66560 bytes 'a'. */
static void test_checksum_end_documented_trailer_matches(void **state)
{
    size_t n = 66560;
    char *data = malloc(n), text[64];

    assert_non_null(data);
    memset(data, 'a', n);
    assert_str(sum_of(CHECKSUM_CRC32C, data, n, 65536, text), STR("sOO8/Q=="));
    free(data);
    (void)state;
}

static uint64_t crc_bitwise(uint64_t polynomial, uint64_t ones, const uint8_t *p, size_t n)
{
    uint64_t crc = ones;

    for (; n > 0; p++, n--) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
    }
    return crc ^ ones;
}

static void test_checksum_add_any_length_and_cut_equals_bitwise(void **state)
{
    static const struct {
        enum checksum_kind kind;
        uint64_t polynomial, ones;
        size_t bytes;
    } kinds[] = {{CHECKSUM_CRC32, 0xedb88320, UINT32_MAX, 4},
                 {CHECKSUM_CRC32C, 0x82f63b78, UINT32_MAX, 4},
                 {CHECKSUM_CRC64NVME, UINT64_C(0x9a6c9329ac4bc9b5), UINT64_MAX, 8}};
    uint8_t data[300];
    uint32_t seed = 1;

    for (size_t i = 0; i < sizeof data; i++) {
        seed = seed * 1664525U + 1013904223U;
        data[i] = (uint8_t)(seed >> 24);
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t n = 0; n < sizeof data - 8; n++) {
            uint8_t value[8], *from = data + n % 8;
            uint64_t crc = crc_bitwise(kinds[k].polynomial, kinds[k].ones, from, n);
            for (size_t i = 0; i < kinds[k].bytes; i++)
                value[i] = (uint8_t)(crc >> 8 * (kinds[k].bytes - 1 - i));
            char text[64], expected_text[64];
            struct sbuf expected = sbuf_make(expected_text, sizeof expected_text);
            base64_encode(&expected, value, kinds[k].bytes);
            assert_str(sum_of(kinds[k].kind, (const char *)from, n, n / 3, text), sbuf_str(&expected));
        }
    (void)state;
}

static void test_checksum_add_one_changed_bit_changes_the_value(void **state)
{
    char data[24] = "twenty-four bytes to sum", was[64], is[64];

    for (int kind = CHECKSUM_CRC32; kind <= CHECKSUM_SHA256; kind++) {
        struct str before = sum_of((enum checksum_kind)kind, data, sizeof data, 0, was);
        for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
            data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
            assert_false(str_eq(before, sum_of((enum checksum_kind)kind, data, sizeof data, 5, is)));
            data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
        }
    }
    (void)state;
}

static void test_checksum_kind_of_known_and_unknown_names(void **state)
{
    static const struct {
        struct str name;
        enum checksum_kind kind;
    } cases[] = {
        {STR_INIT("x-amz-checksum-crc32"), CHECKSUM_CRC32},
        {STR_INIT("X-Amz-Checksum-CRC32C"), CHECKSUM_CRC32C},
        {STR_INIT("x-amz-checksum-crc64nvme"), CHECKSUM_CRC64NVME},
        {STR_INIT("x-amz-checksum-sha1"), CHECKSUM_SHA1},
        {STR_INIT("x-amz-checksum-sha256"), CHECKSUM_SHA256},
        {STR_INIT("x-amz-checksum-sha512"), CHECKSUM_NONE},
        {STR_INIT("x-amz-checksum-crc3"), CHECKSUM_NONE},
        {STR_INIT("x-amz-checksum-type"), CHECKSUM_NONE},
        {STR_INIT(""), CHECKSUM_NONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(checksum_kind_of(cases[i].name), cases[i].kind);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum_end_check_values_match),
        cmocka_unit_test(test_checksum_end_documented_trailer_matches),
        cmocka_unit_test(test_checksum_add_any_length_and_cut_equals_bitwise),
        cmocka_unit_test(test_checksum_add_one_changed_bit_changes_the_value),
        cmocka_unit_test(test_checksum_kind_of_known_and_unknown_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
