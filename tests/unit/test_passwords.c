/* SPDX-License-Identifier: Apache-2.0
 * test_passwords.c: who has gone takes no place and no time any more; PAM that hangs holds up nobody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/password.h"
#include "flow/passwords.h"
#include "io/pam_helper.h"
#include "pam_services.h"

#include <stdlib.h>

static struct loop loop;
static struct digest *digest;
static char hash[PASSWORD_HASH_MAX];
static struct passwords *passwords;
static struct netaddr peer;
static enum password_verdict answers[PASSWORDS_PEER_MAX + 1];
static char answer_why[512];
static size_t answers_n;

static void on_answer(void *arg UNUSED, enum password_verdict verdict, const char *why)
{
    snprintf(answer_why, sizeof(answer_why), "%s", why);
    assert_true(answers_n < ARRAY_LEN(answers));
    answers[answers_n++] = verdict;
    loop_stop(&loop);
}

static void run_loop(void)
{
    loop.stop = false;
    loop_run(&loop);
}

static struct password_asker asker(void)
{
    return (struct password_asker){.digest = digest, .loop = &loop, .peer = &peer, .done = on_answer};
}

static enum password_verdict ask(const char *password, struct password_ask **out)
{
    struct password_asker a = asker();

    return passwords_ask(passwords, &a, hash, true, str_from(password), out);
}

static int set_up(void **state)
{
    struct err err = {0};

    if (folder_make(state)) return -1;
    pam_services_make();
    if (password_hash(STR("right"), hash, &err) != ERR_NONE) return -1;
    digest = digest_new();
    if (!digest || !netaddr_parse(STR("192.0.2.1:1"), 0, &peer)) return -1;
    passwords = passwords_new();
    return passwords && loop_init(&loop, NULL, NULL, NULL, &err) == ERR_NONE ? 0 : -1;
}

static int tear_down(void **state)
{
    passwords_free(&passwords);
    loop_clear(&loop);
    digest_free(&digest);
    return folder_remove(state);
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
    run_loop();
    assert_int_equal(answers_n, 1);
    assert_int_equal(answers[0], PASSWORD_RIGHT);
}

/* ------------------------------------------------------------------- PAM */

static struct settings *pam_settings(const char *service, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "[listener l]\nmode = endpoint\n[endpoint e]\nregion = ap-northeast-1\naddresses = 10.0.0.1\n"
             "[credentials default]\naccess_key_id = AKIAIOSFODNN7EXAMPLE\n"
             "secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
             "[auth pam]\nfolder = %s\nservice = %s\n%s\n[client c]\npolicy = read-only\npassword = pam:alice\n",
             folder, service, more);
    FILE *in = fmemopen(text, strlen(text), "r");
    assert_non_null(in);
    struct settings *s = config_load_stream(in, "t.ini", stderr);
    fclose(in);
    assert_non_null(s);
    return s;
}

static enum password_verdict ask_pam(struct settings *s, const char *password, struct password_ask **out)
{
    struct password_asker a = asker();

    return passwords_ask_pam(passwords, &a, s, principal_pam_user(&s->clients[0]),
                             password ? str_from(password) : STR_NONE, out);
}

/* The verdict, and whether it was there at once. */
static enum password_verdict pam_verdict(struct settings *s, const char *password, bool *at_once)
{
    struct password_ask *out = NULL;
    enum password_verdict verdict = ask_pam(s, password, &out);

    *at_once = verdict != PASSWORD_PENDING;
    if (*at_once) return verdict;
    answers_n = 0;
    run_loop();
    assert_int_equal(answers_n, 1);
    return answers[0];
}

static void test_passwords_pam_is_asked_once_in_a_while(void **state UNUSED)
{
    struct settings *fine = pam_settings("fine", "timeout = 5m\nremember = 1h"),
                    *never = pam_settings("fine", "timeout = 5m\nremember = 0s"),
                    *expired = pam_settings("expired", "timeout = 5m\nremember = 1h");
    const struct {
        struct settings *s;
        const char *password;
        enum password_verdict verdict;
        bool at_once;
        const char *why;
    } rows[] = {
        {never, "right", PASSWORD_RIGHT, false, ""},
        {never, "right", PASSWORD_RIGHT, false, ""},
        {fine, "right", PASSWORD_RIGHT, false, ""},
        {fine, "right", PASSWORD_RIGHT, true, ""},
        {fine, "wrong", PASSWORD_WRONG, false, "Authentication failure"},
        {fine, "wrong", PASSWORD_WRONG, false, "Authentication failure"},
        {fine, "", PASSWORD_WRONG, false, "Authentication failure"},
        {fine, NULL, PASSWORD_RIGHT, false, ""}, /* only the account */
        {fine, NULL, PASSWORD_RIGHT, true, ""},
        {fine, "", PASSWORD_WRONG, false, "Authentication failure"}, /* not what was remembered of the account */
        {expired, "right", PASSWORD_WRONG, false, "the account: User account has expired"},
        {expired, NULL, PASSWORD_WRONG, false, "the account: User account has expired"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool at_once;
        enum password_verdict verdict = pam_verdict(rows[i].s, rows[i].password, &at_once);

        if (verdict != rows[i].verdict || at_once != rows[i].at_once ||
            (*rows[i].why && !strstr(answer_why, rows[i].why)))
            fail_msg("row %zu: %d, \"%s\"", i, (int)verdict, answer_why);
    }
    settings_unref(&fine);
    settings_unref(&never);
    settings_unref(&expired);
}

static void test_passwords_pam_that_hangs(void **state UNUSED)
{
    struct settings *hangs = pam_settings("hangs", "timeout = 1s"), *fine = pam_settings("fine", "timeout = 5m");
    struct password_ask *asks[PASSWORDS_PEER_MAX] = {0}, *more = NULL;
    size_t unknown = 0, wrong = 0;
    bool at_once;

    answers_n = 0;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        assert_int_equal(ask_pam(hangs, "right", &asks[i]), PASSWORD_PENDING);
    assert_int_equal(ask("wrong", &more), PASSWORD_PENDING);
    while (answers_n < ARRAY_LEN(asks) + 1)
        run_loop(); /* all are told, however few are asked at once */
    for (size_t i = 0; i < answers_n; i++) {
        unknown += answers[i] == PASSWORD_UNKNOWN;
        wrong += answers[i] == PASSWORD_WRONG; /* the hash */
    }
    assert_int_equal(unknown, ARRAY_LEN(asks));
    assert_int_equal(wrong, 1);
    assert_int_equal(pam_verdict(fine, "right", &at_once), PASSWORD_RIGHT);
    settings_unref(&hangs);
    settings_unref(&fine);
}

/* The end does not wait for it, and is told. */
static void test_passwords_end_while_pam_hangs(void **state UNUSED)
{
    struct settings *hangs = pam_settings("hangs", "timeout = 5m");
    struct password_ask *asks[PASSWORDS_PEER_MAX] = {0};

    answers_n = 0;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        assert_int_equal(ask_pam(hangs, "right", &asks[i]), PASSWORD_PENDING);
    passwords_free(&passwords);
    while (answers_n < ARRAY_LEN(asks))
        run_loop();
    for (size_t i = 0; i < answers_n; i++)
        assert_int_equal(answers[i], PASSWORD_UNKNOWN);
    settings_unref(&hangs);
    passwords = passwords_new();
    assert_non_null(passwords);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_passwords_of_those_who_have_gone_are_not_hashed),
                                       cmocka_unit_test(test_passwords_pam_is_asked_once_in_a_while),
                                       cmocka_unit_test(test_passwords_pam_that_hangs),
                                       cmocka_unit_test(test_passwords_end_while_pam_hangs)};

    if (argc > 1 && strcmp(argv[1], PAM_HELPER_WORD) == 0) pam_helper_run();

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
