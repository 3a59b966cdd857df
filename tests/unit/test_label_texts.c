/* SPDX-License-Identifier: Apache-2.0
 * test_label_texts.c: what is kept is found by its number, whatever was kept before and after.
 */
#include "admin/label_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NUMBERS = 3000 };

static struct str text_of(uint32_t id, char mem[64])
{
    return str_make(mem, (size_t)snprintf(mem, 64, "client=\"somebody-%u\"", id));
}

static void test_kept_and_found(void **state)
{
    struct label_texts t = {0};
    char mem[64];

    (void)state;
    assert_int_equal(label_texts_find(&t, 0).n, 0);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = NUMBERS; i-- > 0;)
            if (i % 3 != 1) label_texts_keep(&t, i, text_of(i, mem));
        for (uint32_t i = 0; i < NUMBERS + 5; i++) {
            struct str expected = i % 3 == 1 || i >= NUMBERS ? STR_NONE : text_of(i, mem);

            assert_true(str_eq(label_texts_find(&t, i), expected));
        }
        label_texts_forget(&t);
        assert_int_equal(label_texts_find(&t, 3).n, 0);
    }
    label_texts_clear(&t);
    assert_int_equal(label_texts_find(&t, 3).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kept_and_found)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
