/* SPDX-License-Identifier: Apache-2.0
 * test_arena.c: alignment, limit, reuse of the first block, giving bytes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_arena_alloc_any_size_is_aligned_and_apart(void **state UNUSED)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 65, 200, 1};
    unsigned char *p[ARRAY_LEN(sizes)];
    struct arena a;

    arena_init(&a, 64, 4096);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        p[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(p[i][j], i + 1);
    arena_clear(&a);
}

static void test_arena_alloc_over_limit_is_null(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 64, 256);
    assert_non_null(arena_alloc(&a, 200));
    assert_null(arena_alloc(&a, 49));
    assert_non_null(arena_alloc(&a, 48));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 256));
    arena_clear(&a);
}

static void test_arena_zalloc_after_reset_is_zero(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 128, 1024);
    void *first = arena_alloc(&a, 100);
    memset(first, 0xff, 100);
    assert_non_null(arena_alloc(&a, 500));
    arena_reset(&a);
    unsigned char *again = arena_zalloc(&a, 100);
    assert_ptr_equal(first, again);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    arena_clear(&a);
    arena_clear(&a);
    assert_null(a.first);
}

static void test_arena_dup_is_terminated(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 64, 64);
    struct str s = arena_dup(&a, STR("bucket"));
    assert_string_equal(s.p, "bucket");
    assert_int_equal(s.n, 6);
    struct str empty = arena_dup(&a, STR_NONE);
    assert_int_equal(empty.n, 0);
    assert_string_equal(empty.p, "");
    char big[100] = {0};
    assert_null(arena_dup(&a, str_make(big, sizeof big)).p);
    arena_clear(&a);
}

static void test_arena_trim_gives_bytes_back(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 1024, 1024);
    struct sbuf b = arena_sbuf(&a, 1000);
    sbuf_add(&b, STR("0123456789"));
    arena_trim(&a, &b);
    assert_int_equal(a.used_bytes, 16);
    char *next = arena_alloc(&a, 1000);
    assert_ptr_equal(next, b.p + 16);
    assert_memory_equal(b.p, "0123456789", 10);
    arena_clear(&a);
}

static void test_arena_sbuf_over_limit_overflows(void **state UNUSED)
{
    struct arena a;

    arena_init(&a, 64, 64);
    struct sbuf b = arena_sbuf(&a, 65);
    sbuf_char(&b, 'x');
    assert_true(b.overflow);
    arena_trim(&a, &b);
    assert_int_equal(a.used_bytes, 0);
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_alloc_any_size_is_aligned_and_apart),
        cmocka_unit_test(test_arena_alloc_over_limit_is_null),
        cmocka_unit_test(test_arena_zalloc_after_reset_is_zero),
        cmocka_unit_test(test_arena_dup_is_terminated),
        cmocka_unit_test(test_arena_trim_gives_bytes_back),
        cmocka_unit_test(test_arena_sbuf_over_limit_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
