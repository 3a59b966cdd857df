/* SPDX-License-Identifier: Apache-2.0
 * test_chunk_writer.c: whole bodies against tests/vectors/aws-chunked (made by make_chunked.py), their length announced
 * beforehand, and back through the decoder.
 */
#include "aws/sign/chunk_writer.h"

#include "base/encode.h"
#include "chunk_seed.h"

#include <stdio.h>
#include <stdlib.h>

struct vector {
    char mode[24], kind, seed[SHA256_HEX + 1], name[64], value[64], sha256[SHA256_HEX + 1];
    size_t chunk_bytes, content_n, body_n;
};

struct body {
    char *p; /* owned */
    size_t n;
};

static enum chunk_writer_mode mode_of(const struct vector *v)
{
    if (strcmp(v->mode, "signed") == 0) return CHUNK_WRITER_SIGNED;
    if (strcmp(v->mode, "signed-trailer") == 0) return CHUNK_WRITER_SIGNED_TRAILER;
    assert_string_equal(v->mode, "unsigned-trailer");
    return CHUNK_WRITER_UNSIGNED_TRAILER;
}

static bool next_vector(FILE *f, struct vector *v)
{
    int n = fscanf(f, "%23s %zu %zu %c %64s %63s %63s %zu %64s", v->mode, &v->chunk_bytes, &v->content_n, &v->kind,
                   v->seed, v->name, v->value, &v->body_n, v->sha256);

    if (n == EOF) return false;
    assert_int_equal(n, 9);
    if (strcmp(v->name, "-") == 0) v->name[0] = v->value[0] = '\0';
    return true;
}

static char *content_of(const struct vector *v)
{
    char *p = malloc(v->content_n + 1);

    assert_non_null(p);
    for (size_t i = 0; i < v->content_n; i++)
        p[i] = v->kind == 'a' ? 'a' : (char)(i * 7 + i / 251);
    return p;
}

/* Appends what @out holds: it must keep within the bound that the caller relied on. */
static void append(struct body *b, size_t cap, struct sbuf *out, size_t max)
{
    assert_false(out->overflow);
    assert_true(out->n <= max);
    assert_true(out->n <= cap - b->n);
    memcpy(b->p + b->n, out->p, out->n);
    b->n += out->n;
    out->n = 0;
}

static struct body write_body(const struct vector *v, const char *content)
{
    size_t cap = v->body_n + 1000, trailer_n = strlen(v->name) + strlen(v->value);
    enum chunk_writer_mode mode = mode_of(v);
    struct chunk_signature cs = {.text = NULL};
    struct body b = {malloc(cap), 0};
    struct chunk_writer w;
    char mem[CHUNK_WRITER_END_MAX + 128];
    struct sbuf out = sbuf_make(mem, sizeof mem);

    assert_non_null(b.p);
    if (mode != CHUNK_WRITER_UNSIGNED_TRAILER) begin_signature(&cs, v->seed);
    chunk_writer_begin(&w, mode, v->content_n, mode == CHUNK_WRITER_UNSIGNED_TRAILER ? NULL : &cs);
    w.chunk_bytes = v->chunk_bytes;
    for (size_t at = 0, n; (n = chunk_writer_next(&w)) > 0; at += n) {
        assert_int_equal(n, v->content_n - at < v->chunk_bytes ? v->content_n - at : v->chunk_bytes);
        chunk_writer_header(&w, str_make(content + at, n), &out);
        append(&b, cap, &out, CHUNK_WRITER_HEADER_MAX);
        assert_true(n <= cap - b.n);
        memcpy(b.p + b.n, content + at, n);
        b.n += n;
    }
    chunk_writer_end(&w, str_from(v->name), str_from(v->value), &out);
    append(&b, cap, &out, CHUNK_WRITER_END_MAX + trailer_n);
    chunk_signature_clear(&cs);
    return b;
}

static void assert_vector(const struct vector *v, struct body b)
{
    uint8_t hash[SHA256_BYTES];
    char text[SHA256_HEX];
    struct sbuf hex = sbuf_make(text, sizeof text);

    digest_sha256(d, str_make(b.p, b.n), hash);
    hex_lower(&hex, hash, sizeof hash);
    if (b.n != v->body_n || memcmp(text, v->sha256, SHA256_HEX) != 0)
        fail_msg("%s, %zu bytes: body of %zu bytes, expected %zu", v->mode, v->content_n, b.n, v->body_n);
    if (v->chunk_bytes == CHUNK_WRITER_BYTES)
        assert_int_equal(
            chunk_writer_length(mode_of(v), v->content_n, str_from(v->name), v->name[0] ? strlen(v->value) : 0),
            v->body_n);
}

/* Through the decoder in pieces of @step: the content must come out, and the trailer. */
static void assert_decodes(const struct vector *v, struct body b, const char *content, size_t step)
{
    enum chunk_writer_mode mode = mode_of(v);
    struct chunk_signature cs = {.text = NULL};
    enum checksum_kind kind = checksum_kind_of(str_from(v->name));
    struct checksum sum;
    struct aws_chunked c;
    char *piece = malloc(step);
    size_t plain = 0;

    assert_non_null(piece);
    assert_true(checksum_init(&sum, kind));
    if (mode == CHUNK_WRITER_UNSIGNED_TRAILER) {
        aws_chunked_init(&c, v->content_n, str_from(v->name), &sum);
    } else {
        begin_signature(&cs, v->seed);
        aws_chunked_init_signed(&c, v->content_n, str_from(v->name), &sum, &cs, mode == CHUNK_WRITER_SIGNED_TRAILER);
    }
    for (size_t at = 0, n; at < b.n; at += n) {
        size_t plain_n;
        n = step < b.n - at ? step : b.n - at;
        memcpy(piece, b.p + at, n);
        assert_int_equal(aws_chunked_decode(&c, piece, n, &plain_n, NULL), ERR_NONE);
        assert_true(plain_n <= v->content_n - plain);
        assert_memory_equal(piece, content + plain, plain_n);
        plain += plain_n;
    }
    assert_int_equal(aws_chunked_end(&c, NULL), ERR_NONE);
    assert_int_equal(plain, v->content_n);
    assert_true(str_eq(c.trailer_name, str_from(v->name)));
    assert_true(str_eq(c.trailer_value, str_from(v->value)));
    assert_int_equal(c.hashed, v->content_n * (mode == CHUNK_WRITER_UNSIGNED_TRAILER ? 1 : 2));
    checksum_clear(&sum);
    chunk_signature_clear(&cs);
    free(piece);
}

static void test_chunk_writer_vectors_match_and_decode_again(void **state)
{
    FILE *f = fopen(TEST_VECTORS "/aws-chunked", "r");
    struct vector v;
    unsigned vectors = 0;

    assert_non_null(f);
    for (; next_vector(f, &v); vectors++) {
        char *content = content_of(&v);
        struct body b = write_body(&v, content);
        assert_vector(&v, b);
        if (v.content_n <= 300 || v.content_n == 8200) /* two chunks */
            for (size_t step = 1; step <= b.n; step++)
                assert_decodes(&v, b, content, step);
        static const size_t steps[] = {1, 2, 3, 64, 85, 1000, 8191, 32768, 32769, 65536, 400000};
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
            assert_decodes(&v, b, content, steps[i]);
        free(b.p);
        free(content);
    }
    assert_int_equal(vectors, 49);
    fclose(f);
    (void)state;
}

static void test_chunk_writer_length_beyond_64_bits_is_0(void **state)
{
    const uint64_t chunk = CHUNK_WRITER_BYTES;

    for (int mode = CHUNK_WRITER_UNSIGNED_TRAILER; mode <= CHUNK_WRITER_SIGNED_TRAILER; mode++)
        assert_int_equal(chunk_writer_length((enum chunk_writer_mode)mode, UINT64_MAX, STR_NONE, 0), 0);
    assert_int_equal(chunk_writer_length(CHUNK_WRITER_UNSIGNED_TRAILER, 5, STR("a"), SIZE_MAX), 0);
    assert_int_equal(chunk_writer_length(CHUNK_WRITER_UNSIGNED_TRAILER, 5, STR("a"), SIZE_MAX - 17), 0);
    assert_int_equal(chunk_writer_length(CHUNK_WRITER_UNSIGNED_TRAILER, 5, STR("a"), SIZE_MAX - 18), 0);
    assert_int_equal(chunk_writer_length(CHUNK_WRITER_UNSIGNED_TRAILER, 5, STR("a"), SIZE_MAX - 19), UINT64_MAX);

    /* 5 TiB: an object of the greatest size. */
    uint64_t n = UINT64_C(5) << 40;
    assert_int_equal(chunk_writer_length(CHUNK_WRITER_UNSIGNED_TRAILER, n, STR_NONE, 0), n + n / chunk * 8 + 5);
    assert_int_equal(chunk_writer_length(CHUNK_WRITER_SIGNED, n, STR_NONE, 0), n + n / chunk * 89 + 86);
    (void)state;
}

static void test_chunk_writer_end_too_small_buffer_overflows(void **state)
{
    struct chunk_writer w;
    struct chunk_signature cs;
    char mem[CHUNK_WRITER_END_MAX + 15];

    for (size_t cap = 0; cap <= sizeof mem; cap++) {
        struct sbuf out = sbuf_make(mem, cap);
        begin_signature(&cs, "19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b");
        chunk_writer_begin(&w, CHUNK_WRITER_SIGNED_TRAILER, 0, &cs);
        w.begun = true; /* the longest end */
        chunk_writer_end(&w, STR("trailer"), STR("value=="), &out);
        assert_int_equal(out.overflow, cap < CHUNK_WRITER_END_MAX + 14);
        assert_true(out.n <= cap);
        chunk_signature_clear(&cs);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk_writer_vectors_match_and_decode_again),
        cmocka_unit_test(test_chunk_writer_length_beyond_64_bits_is_0),
        cmocka_unit_test(test_chunk_writer_end_too_small_buffer_overflows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
