/* SPDX-License-Identifier: Apache-2.0
 * test_err.c: the table of errors: what its rows promise to each other, and which details a client may read.
 */
#include "base/err.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CODES = ERR_TLS_SETUP + 1 };

static void test_err_info_each_row_is_whole_and_its_word_unique(void **state)
{
    for (int i = 0; i < CODES; i++) {
        const struct err_info *info = err_info((enum err_code)i);

        if (info->http_status < 200 || info->http_status > 599 || !*info->s3_code || !*info->word || !*info->text)
            fail_msg("row %d (%s) is not whole", i, info->word);
        for (int k = 0; k < i; k++)
            if (strcmp(err_info((enum err_code)k)->word, info->word) == 0) fail_msg("two rows say %s", info->word);
    }
    (void)state;
}

/* A detail about our own keys, addresses and files stays in the log. That an endpoint has no address is told: its
 * detail is what DNS said; and what the site's own proxy answered to a CONNECT, which is about the client's host. */
static void test_err_tell_details_of_our_side_stay_in_the_log(void **state)
{
    for (int i = 0; i < CODES; i++) {
        const struct err_info *info = err_info((enum err_code)i);

        if ((info->tell & TELL_DETAIL) && info->blame != BLAME_CLIENT && i != ERR_NO_ADDRESS && i != ERR_PARENT_FAILED)
            fail_msg("%s would tell clients what is none of their business", info->word);
    }
    (void)state;
}

/* What a caller could learn from a refused signature or key is the row's text. */
static void test_err_tell_refused_callers_read_the_text(void **state)
{
    static const enum err_code codes[] = {ERR_NO_AUTH,    ERR_UNKNOWN_KEY,    ERR_SIG_MISMATCH,  ERR_POLICY_DENIED,
                                          ERR_PROXY_AUTH, ERR_NO_CREDENTIALS, ERR_UPSTREAM_AUTH, ERR_UPSTREAM_CLOCK};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_false(err_info(codes[i])->tell & TELL_DETAIL);
    (void)state;
}

static void test_err_tell_how_the_connection_goes_on(void **state)
{
    static const struct {
        enum err_code code;
        bool ends, plain;
    } table[] = {
        {ERR_BAD_REQUEST, true, false},      {ERR_BAD_FRAMING, true, false},     {ERR_METHOD, true, false},
        {ERR_CLIENT_TIMEOUT, true, false},   {ERR_INCOMPLETE_BODY, true, false}, {ERR_NOT_AN_ENDPOINT, true, false},
        {ERR_POLICY_DENIED, false, false},   {ERR_SIG_MISMATCH, false, false},   {ERR_UPSTREAM_GONE, false, false},
        {ERR_PROXY_AUTH_PLAIN, false, true}, {ERR_PROXY_AUTH, false, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        unsigned tell = err_info(table[i].code)->tell;

        if (!(tell & TELL_ENDS) != !table[i].ends || !(tell & TELL_PLAIN) != !table[i].plain)
            fail_msg("%s: %u", err_info(table[i].code)->word, tell);
    }
    (void)state;
}

static void test_err_set_may_wrap_its_own_detail(void **state)
{
    struct err err = {0};

    assert_int_equal(err_set(&err, ERR_FILE, 2, "inner"), ERR_FILE);
    assert_int_equal(err_set(&err, ERR_CONFIG, 0, "outer: %s", err.detail), ERR_CONFIG);
    assert_string_equal(err.detail, "outer: inner");
    assert_int_equal(err.sys_errno, 0);
    assert_int_equal(err_set(NULL, ERR_FILE, 0, "nobody asks"), ERR_FILE);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_info_each_row_is_whole_and_its_word_unique),
        cmocka_unit_test(test_err_tell_details_of_our_side_stay_in_the_log),
        cmocka_unit_test(test_err_tell_refused_callers_read_the_text),
        cmocka_unit_test(test_err_tell_how_the_connection_goes_on),
        cmocka_unit_test(test_err_set_may_wrap_its_own_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
