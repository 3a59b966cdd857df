/* SPDX-License-Identifier: Apache-2.0
 * test_buf.c: borrowed buffers: what moves, what stays, what is given back.
 */
#include "io/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_buf_return_empty_gives_memory_back(void **state)
{
    struct buf_pool pool = {0};
    struct buf b = {0};

    (void)state;
    assert_true(buf_borrow(&b, &pool));
    assert_int_equal(pool.used_n, 1);
    b.end = 5;
    buf_return(&b, &pool);
    assert_non_null(b.mem); /* five raw bytes are in it */
    b.raw = b.start = b.mid = 5;
    buf_return(&b, &pool);
    assert_null(b.mem);
    assert_int_equal(pool.used_n, 0);
    assert_int_equal(pool.free_n, 1);
    buf_pool_clear(&pool);
    assert_int_equal(pool.free_n, 0);
}

static void test_buf_room_full_closes_gap_and_keeps_bytes(void **state)
{
    struct buf_pool pool = {0};
    struct buf b = {0};

    (void)state;
    assert_true(buf_borrow(&b, &pool));
    memset(b.mem, 'g', BUF_BYTES);
    memcpy(b.mem + 100, "plain", 5);
    memcpy(b.mem + BUF_BYTES - 3, "raw", 3);
    b.start = 100;
    b.mid = 105;
    b.raw = BUF_BYTES - 3;
    b.end = BUF_BYTES;
    assert_int_equal(buf_room(&b), BUF_BYTES - 8);
    assert_true(str_eq(buf_plain(&b), STR("plain")));
    assert_true(str_eq(buf_raw(&b), STR("raw")));
    buf_drop(&b, &pool);
    buf_pool_clear(&pool);
}

static void test_buf_room_full_of_plain_is_none(void **state)
{
    struct buf_pool pool = {0};
    struct buf b = {0};

    (void)state;
    assert_true(buf_borrow(&b, &pool));
    b.mid = b.raw = b.end = BUF_BYTES;
    assert_int_equal(buf_room(&b), 0);
    b.start = 1; /* one byte left: room for one more, after moving */
    assert_int_equal(buf_room(&b), 1);
    assert_int_equal(b.mid, BUF_BYTES - 1);
    buf_drop(&b, &pool);
    buf_pool_clear(&pool);
}

static void test_buf_pool_get_reuses_last_block(void **state)
{
    struct buf_pool pool = {0};
    char *a = buf_pool_get(&pool), *b = buf_pool_get(&pool), *first = a, *again;

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    buf_pool_put(&pool, &b);
    buf_pool_put(&pool, &a);
    assert_null(a);
    buf_pool_put(&pool, &a); /* NULL is fine */
    again = buf_pool_get(&pool);
    assert_ptr_equal(again, first);
    buf_pool_put(&pool, &again);
    buf_pool_clear(&pool);
}

static void test_parked_bytes_come_back(void **state)
{
    struct buf_pool pool = {0};
    struct buf b = {0};

    (void)state;
    assert_true(buf_unpark(&b, &pool)); /* nothing is parked */
    assert_true(buf_borrow(&b, &pool));
    memcpy(b.mem + 7, "half a head", 11);
    b.start = b.mid = b.raw = 7;
    b.end = 18;
    buf_park(&b, &pool);
    assert_int_equal(pool.used_n, 0);
    assert_true(buf_empty(&b));
    assert_true(buf_unpark(&b, &pool));
    assert_true(str_eq(buf_raw(&b), STR("half a head")));
    buf_park(&b, &pool);
    buf_drop(&b, &pool); /* also what is parked */
    assert_true(buf_unpark(&b, &pool));
    assert_null(b.mem);
    buf_pool_clear(&pool);
}

static void test_buf_enlarge_keeps_bytes_and_counts_its_own(void **state)
{
    struct buf_pool pool = {0};
    struct buf b = {0}, other = {0};

    (void)state;
    assert_true(buf_borrow(&b, &pool));
    memcpy(b.mem + 10, "half a body", 11);
    b.start = b.mid = b.raw = 10;
    b.end = 21;
    assert_true(buf_enlarge(&b, &pool, 1000000));
    assert_int_equal(pool.used_n, 0);
    assert_int_equal(pool.large_bytes, 1000000);
    assert_true(str_eq(buf_raw(&b), STR("half a body")));
    assert_int_equal(buf_room(&b), 1000000 - 11);
    assert_false(buf_enlarge(&b, &pool, 2000000)); /* once */
    assert_false(buf_enlarge(&other, &pool, BUF_LARGE_MOST - 1000000 + 1));
    b.start = b.mid = b.raw = 11;
    buf_return(&b, &pool);
    assert_null(b.mem);
    assert_int_equal(pool.large_bytes, 0);
    assert_true(buf_borrow(&b, &pool)); /* a block of the pool again */
    assert_int_equal(buf_room(&b), BUF_BYTES);
    buf_drop(&b, &pool);
    buf_pool_clear(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_enlarge_keeps_bytes_and_counts_its_own),
        cmocka_unit_test(test_parked_bytes_come_back),
        cmocka_unit_test(test_buf_return_empty_gives_memory_back),
        cmocka_unit_test(test_buf_room_full_closes_gap_and_keeps_bytes),
        cmocka_unit_test(test_buf_room_full_of_plain_is_none),
        cmocka_unit_test(test_buf_pool_get_reuses_last_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
