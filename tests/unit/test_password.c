/* SPDX-License-Identifier: Apache-2.0
 * test_password.c: hashes made elsewhere (openssl passwd) match their password and no other; what counts as a
 * hash.
 */
#include "base/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* openssl passwd -6 -salt saltsalt "correct horse" */
#define SHA512 "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0"

static void test_password_matches_hashes_of_others(void **state UNUSED)
{
    static const char *const hashes[] = {SHA512};

    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        assert_true(password_hash_valid(hashes[i]));
        assert_true(password_matches(STR("correct horse"), hashes[i]));
        assert_false(password_matches(STR("correct hors"), hashes[i]));
        assert_false(password_matches(STR("correct horse "), hashes[i]));
        assert_false(password_matches(STR("Correct horse"), hashes[i]));
        assert_false(password_matches(STR(""), hashes[i]));
        assert_false(password_matches(STR("correct horse\0"), hashes[i])); /* a NUL does not end it */
        assert_false(password_matches(str_from(hashes[i]), hashes[i]));
    }
}

static void test_password_hash_makes_what_matches(void **state UNUSED)
{
    char first[PASSWORD_HASH_MAX], second[PASSWORD_HASH_MAX];
    struct err err = {0};

    assert_int_equal(password_hash(STR("p\xc3\xa4ss: word"), first, &err), ERR_NONE);
    assert_int_equal(password_hash(STR("p\xc3\xa4ss: word"), second, &err), ERR_NONE);
    assert_true(password_hash_valid(first));
    assert_string_not_equal(first, second); /* each has a salt of its own */
    assert_true(password_matches(STR("p\xc3\xa4ss: word"), first));
    assert_true(password_matches(STR("p\xc3\xa4ss: word"), second));
    assert_false(password_matches(STR("pass: word"), first));
}

static void test_password_hash_refuses_what_is_no_password(void **state UNUSED)
{
    char out[PASSWORD_HASH_MAX], longest[PASSWORD_MAX + 1];
    struct err err = {0};

    memset(longest, 'x', sizeof(longest));
    assert_int_not_equal(password_hash(STR(""), out, &err), ERR_NONE);
    assert_int_not_equal(password_hash(STR("a\0b"), out, &err), ERR_NONE);
    assert_int_not_equal(password_hash(str_make(longest, PASSWORD_MAX + 1), out, &err), ERR_NONE);
    assert_int_equal(password_hash(str_make(longest, PASSWORD_MAX), out, &err), ERR_NONE);
    assert_true(password_matches(str_make(longest, PASSWORD_MAX), out));
    assert_false(password_matches(str_make(longest, PASSWORD_MAX - 1), out)); /* not cut */
    assert_false(password_matches(str_make(longest, PASSWORD_MAX + 1), out));
}

static void test_password_hash_valid_tells_hashes_from_the_rest(void **state UNUSED)
{
    static const char *const bads[] = {
        "",
        "x",
        "secret in clear",
        "$",
        "$y$",
        "$y$j9T$",
        "$y$j9T$0123456789abcdefghijkl",
        "$nonsense$salt$hash",
        "*0",
        "*1",
        "!",
        "ab1Zl8BGx1fZw",
        "$1$saltsalt$2vnaRpHa6Jxjz5n83ok8Z0", /* MD5 */
    };

    for (size_t i = 0; i < ARRAY_LEN(bads); i++)
        if (password_hash_valid(bads[i])) fail_msg("\"%s\" is taken for a hash", bads[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password_matches_hashes_of_others),
        cmocka_unit_test(test_password_hash_makes_what_matches),
        cmocka_unit_test(test_password_hash_refuses_what_is_no_password),
        cmocka_unit_test(test_password_hash_valid_tells_hashes_from_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
