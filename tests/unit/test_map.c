/* SPDX-License-Identifier: Apache-2.0
 * test_map.c: the map says what a plain table of the same entries says; the hash is SipHash-1-3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"

#include <stdio.h>

/* Made with `openssl mac -macopt hexkey:000102…0f -macopt size:8 -macopt c-rounds:1 -macopt d-rounds:3 SIPHASH`. */
static void test_hash_keyed_is_siphash_1_3(void **state UNUSED)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } rows[] = {
        {0, UINT64_C(0xdcc40f055801acab)},
        {1, UINT64_C(0x93ca577df39bf4c9)},
        {8, UINT64_C(0x8e9a298d11959036)},
        {15, UINT64_C(0x5699512a6dd820d3)},
    };
    const struct hash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    char bytes[16];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t hash = __builtin_bswap64(hash_keyed(&key, str_make(bytes, rows[i].n)));
        if (hash != rows[i].hash) print_error("%zu bytes: %016llx\n", rows[i].n, (unsigned long long)hash);
        assert_true(hash == rows[i].hash);
    }
}

static void test_hash_key_random_differs_each_time(void **state UNUSED)
{
    struct hash_key a, b;

    hash_key_random(&a);
    hash_key_random(&b);
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void test_map_of_nothing_finds_nothing(void **state UNUSED)
{
    struct map m;
    size_t at = 0;

    map_init(&m);
    assert_null(map_get(&m, STR("")));
    assert_null(map_remove(&m, STR("a")));
    assert_null(map_next(&m, &at));
    map_clear(&m);
    map_clear(&(struct map){.n = 0});
}

static void test_map_put_replaces(void **state UNUSED)
{
    struct map m;
    int a, b;

    map_init(&m);
    assert_true(map_put(&m, STR("x"), &a));
    assert_true(map_put(&m, STR(""), &a));
    assert_true(map_put(&m, STR("x"), &b));
    assert_int_equal(m.n, 2);
    assert_ptr_equal(map_get(&m, STR("x")), &b);
    assert_ptr_equal(map_get(&m, STR("")), &a);
    assert_null(map_get(&m, STR("X")));
    map_clear(&m);
    assert_null(map_get(&m, STR("x")));
    assert_true(map_put(&m, STR("x"), &a));
    assert_int_equal(m.n, 1);
    map_clear(&m);
}

static void test_map_reserve_keeps_its_memory_still(void **state UNUSED)
{
    struct map m;
    char names[1000][8];

    map_init(&m);
    assert_true(map_reserve(&m, ARRAY_LEN(names)));
    const struct map_slot *slots = m.slots;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(names[i], sizeof names[i], "n%zu", i);
        assert_true(map_put(&m, str_from(names[i]), names[i]));
    }
    assert_ptr_equal(m.slots, slots);
    map_clear(&m);
}

enum { NAMES = 500 };

struct model {
    char name[16];
    bool in;
};

static void check_against(const struct map *m, struct model *model)
{
    size_t n = 0, seen = 0, at = 0;

    for (size_t i = 0; i < NAMES; i++) {
        n += model[i].in;
        assert_ptr_equal(map_get(m, str_from(model[i].name)), model[i].in ? &model[i] : NULL);
    }
    assert_int_equal(m->n, n);
    for (struct model *each = map_next(m, &at); each; each = map_next(m, &at)) {
        assert_true(each->in);
        seen++;
    }
    assert_int_equal(seen, n);
}

/* Adding and removing in any order, over all fill levels: the gaps that removing leaves must close. */
static void test_map_says_what_a_table_says(void **state UNUSED)
{
    struct model model[NAMES] = {0};
    struct map m;
    unsigned random = 12345;

    map_init(&m);
    for (size_t i = 0; i < NAMES; i++)
        snprintf(model[i].name, sizeof model[i].name, "name-%zu", i);
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 1103515245 + 12345;
        struct model *each = &model[(random >> 8) % NAMES];
        bool filling = step / 2000 % 2 == 0, add = (random >> 24) % 10 < (filling ? 7 : 3);
        if (add)
            assert_true(map_put(&m, str_from(each->name), each));
        else
            assert_ptr_equal(map_remove(&m, str_from(each->name)), each->in ? each : NULL);
        each->in = add;
        if (step % 100 == 0) check_against(&m, model);
    }
    check_against(&m, model);
    map_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_keyed_is_siphash_1_3),
        cmocka_unit_test(test_hash_key_random_differs_each_time),
        cmocka_unit_test(test_map_of_nothing_finds_nothing),
        cmocka_unit_test(test_map_put_replaces),
        cmocka_unit_test(test_map_reserve_keeps_its_memory_still),
        cmocka_unit_test(test_map_says_what_a_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
