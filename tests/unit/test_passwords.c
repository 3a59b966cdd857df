/* SPDX-License-Identifier: Apache-2.0
 * test_passwords.c: who has gone takes no place and no time any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/password.h"
#include "flow/passwords.h"

#include <stdlib.h>

static struct loop loop;
static struct digest *digest;
static char hash[PASSWORD_HASH_MAX];
static struct passwords *passwords;
static struct netaddr peer;
static bool answers[PASSWORDS_PEER_MAX + 1];
static size_t answers_n;

static void on_answer(void *arg UNUSED, bool right)
{
    answers[answers_n++] = right;
    loop_stop(&loop);
}

static enum password_verdict ask(const char *password, struct password_ask **out)
{
    return passwords_ask(passwords, digest, &loop, &peer, hash, true, str_from(password), on_answer, NULL, out);
}

static int set_up(void **state UNUSED)
{
    struct err err = {0};

    if (password_hash(STR("right"), hash, &err) != ERR_NONE) return -1;
    digest = digest_new();
    if (!digest || !netaddr_parse(STR("192.0.2.1:1"), 0, &peer)) return -1;
    passwords = passwords_new();
    return passwords && loop_init(&loop, NULL, NULL, NULL, &err) == ERR_NONE ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
    passwords_free(&passwords);
    loop_clear(&loop);
    digest_free(&digest);
    return 0;
}

static void test_passwords_of_those_who_have_gone_are_not_hashed(void **state UNUSED)
{
    struct password_ask *asks[PASSWORDS_PEER_MAX + 5] = {0}, *more = NULL;
    unsigned busy = 0;

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < PASSWORDS_PEER_MAX; i++)
            assert_int_equal(ask("wrong", &asks[i]), PASSWORD_PENDING); /* all places are free again */
        for (size_t i = PASSWORDS_PEER_MAX; i < ARRAY_LEN(asks); i++)
            busy += ask("wrong", &asks[i]) == PASSWORD_BUSY; /* but for those that were hashed meanwhile */
        for (size_t i = 0; i < ARRAY_LEN(asks); i++)
            passwords_forget(&asks[i]);
    }
    assert_true(busy > 0);
    assert_int_equal(ask("right", &more), PASSWORD_PENDING);
    loop_run(&loop);
    assert_int_equal(answers_n, 1);
    assert_true(answers[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_passwords_of_those_who_have_gone_are_not_hashed)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
