/* SPDX-License-Identifier: Apache-2.0
 * test_signer.c: the process that has the CA's key: what it answers and what not, how it begins, ends and comes back.
 */
#include "io/signer.h"

#include "base/clock.h"
#include "folder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static char certificate[FOLDER_PATH], private_key[FOLDER_PATH];
static EVP_PKEY *leaf_key;

static const struct signer_order order = {certificate, private_key, NULL, 30, true};

static void make_ca(void)
{
    static const char *const names[] = {"s3.local"};
    const struct ca_params params = {.common_name = "test", .days = 10, .dns = names, .dns_n = 1};
    struct err err = {0};

    if (ca_create(certificate, private_key, &params, true, &err) != ERR_NONE) fail_msg("%s", err.detail);
}

static int set_up(void **state)
{
    if (folder_make(state)) return -1;
    folder_path(certificate, "ca.pem");
    folder_path(private_key, "ca.key");
    leaf_key = mint_make_key();
    make_ca();
    return leaf_key ? 0 : -1;
}

static int tear_down(void **state)
{
    EVP_PKEY_free(leaf_key);
    return folder_remove(state);
}

/* ---- what is answered ---- */

#define TEXT(literal) STR_INIT(literal)

static void test_signing_begin_refuses_what_is_no_order(void **state UNUSED)
{
    static const struct {
        struct str message;
        const char *says;
    } rows[] = {
        {TEXT(""), "cut off"},
        {TEXT("\0"), "cut off"},
        {TEXT("a\0b\0\0"
              "1\0on"),
         "cut off"},
        {TEXT("a\0b\0\0"
              "0\0on\0"),
         "the order is none"},
        {TEXT("a\0b\0\0"
              "398\0on\0"),
         "the order is none"},
        {TEXT("a\0b\0\0"
              "-1\0on\0"),
         "the order is none"},
        {TEXT("a\0b\0\0"
              "99999999999999999999\0on\0"),
         "the order is none"},
        {TEXT("a\0b\0\0"
              "1\0perhaps\0"),
         "the order is none"},
        {TEXT("/nonexistent/ca\0b\0\0"
              "1\0on\0"),
         "s3onramp ca init"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct signing s = {0};
        char mem[SIGNER_MESSAGE];
        struct sbuf answer = sbuf_make(mem, sizeof(mem));
        struct str rest;
        struct err err = {0};

        assert_false(signing_begin(&s, rows[i].message, &answer));
        assert_int_not_equal(signer_read_answer(sbuf_str(&answer), &rest, &err), ERR_NONE);
        if (!strstr(err.detail, rows[i].says)) fail_msg("row %zu: %s", i, err.detail);
        signing_clear(&s);
    }
}

static bool begin(struct signing *s, bool with_key, struct str rubbish)
{
    char mem[SIGNER_MESSAGE], none[SIGNER_MESSAGE];
    struct sbuf message = sbuf_make(mem, sizeof(mem)), answer = sbuf_make(none, sizeof(none));
    unsigned char *der = NULL;
    int n = with_key ? i2d_PUBKEY(leaf_key, &der) : 0;

    assert_true(signer_put_order(&order, rubbish.n ? rubbish : str_make((char *)der, (size_t)n), &message));
    OPENSSL_free(der);
    return signing_begin(s, sbuf_str(&message), &answer);
}

static void test_signing_begin_refuses_a_key_that_is_none(void **state UNUSED)
{
    struct signing s = {0};

    assert_false(begin(&s, false, STR("rubbish")));
    signing_clear(&s);
}

/* Only leaves for names that the CA permits, and the list: no bytes of others. */
static void test_signing_answer_table(void **state UNUSED)
{
    static const struct {
        struct str question;
        const char *says; /* NULL: it is answered */
    } rows[] = {
        {TEXT("Lb.s3.local"), NULL},
        {TEXT("Lb.s3.local,*.s3.local"), NULL},
        {TEXT("R"), NULL},
        {TEXT(""), "nothing is signed but"},
        {TEXT("S"), "nothing is signed but"},
        {TEXT("Rb"), "nothing is signed but"},
        {TEXT("l"), "nothing is signed but"},
        {TEXT("A0\x82"), "nothing is signed but"},
        {TEXT("L"), "needs a name"},
        {TEXT("L,"), "not a name"},
        {TEXT("Lb.s3.local,,"), "not a name"},
        {TEXT("Lb.s3.local,bank.example"), "does not permit bank.example"},
        {TEXT("Lbank.example"), "does not permit bank.example"},
        {TEXT("L10.0.0.1"), "does not permit 10.0.0.1"},
        {TEXT("Lb.s3.local\0bank.example"), "not a name"},
        {TEXT("LDNS:b.s3.local"), "not a name"},
    };
    struct signing s = {0};

    assert_true(begin(&s, true, STR_NONE));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char mem[SIGNER_MESSAGE];
        struct sbuf answer = sbuf_make(mem, sizeof(mem));
        struct str rest;
        struct err err = {0};

        signing_answer(&s, clock_wall_us() / 1000000, rows[i].question, &answer);
        bool good = signer_read_answer(sbuf_str(&answer), &rest, &err) == ERR_NONE;
        if (good != !rows[i].says) fail_msg("row %zu: %s", i, err.detail);
        if (rows[i].says && !strstr(err.detail, rows[i].says)) fail_msg("row %zu: %s", i, err.detail);
    }
    signing_clear(&s);
}

static void test_signing_answer_without_room_or_key_is_an_error(void **state UNUSED)
{
    struct signing s = {0};
    char mem[SIGNER_MESSAGE];
    struct sbuf answer = sbuf_make(mem, sizeof(mem)), small = sbuf_make(mem, 100);

    assert_true(begin(&s, true, STR_NONE));
    signing_answer(&s, clock_wall_us() / 1000000, STR("Lb.s3.local"), &small);
    assert_int_equal(mem[0], SIGNER_ERROR);
    signing_clear(&s);
    assert_true(begin(&s, false, STR_NONE));
    signing_answer(&s, clock_wall_us() / 1000000, STR("Lb.s3.local"), &answer);
    assert_int_equal(mem[0], SIGNER_ERROR);
    signing_clear(&s);
}

static void test_signer_read_answer_table(void **state UNUSED)
{
    static const struct {
        struct str answer;
        enum err_code code;
        const char *detail;
    } rows[] = {
        {TEXT("Ax"), ERR_NONE, ""},
        {TEXT("A"), ERR_TLS_SETUP, "no answer"},
        {TEXT(""), ERR_TLS_SETUP, "no answer"},
        {TEXT("E"), ERR_TLS_SETUP, "no answer"},
        {TEXT("E0 0 fine"), ERR_TLS_SETUP, "no answer"},
        {TEXT("E9999 0 far"), ERR_TLS_SETUP, "no answer"},
        {TEXT("E1 99999999999 far"), ERR_TLS_SETUP, "no answer"},
        {TEXT("E1"), ERR_TLS_SETUP, "no answer"},
        {TEXT("Q1 0 x"), ERR_TLS_SETUP, "no answer"},
        {TEXT("E1 2 a text"), (enum err_code)1, "a text"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        struct str rest;

        enum err_code code = signer_read_answer(rows[i].answer, &rest, &err);
        if (code != rows[i].code || !strstr(err.detail, rows[i].detail)) fail_msg("row %zu: %s", i, err.detail);
    }
}

/* ---- the process ---- */

static struct signer *start(void)
{
    struct signer *s;
    struct err err = {0};

    if (signer_start(&order, leaf_key, &s, &err) != ERR_NONE) fail_msg("%s", err.detail);
    return s;
}

/* NULL: @err says why. */
static X509 *ask(struct signer *s, struct err *err)
{
    char mem[SIGNER_MESSAGE];
    struct sbuf answer = sbuf_make(mem, sizeof(mem));
    struct str der;

    if (signer_ask(s, STR("Lb.s3.local"), &answer, err) != ERR_NONE) return NULL;
    assert_int_equal(signer_read_answer(sbuf_str(&answer), &der, err), ERR_NONE);
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *leaf = d2i_X509(NULL, &p, (long)der.n);
    assert_non_null(leaf);
    assert_int_equal(X509_check_private_key(leaf, leaf_key), 1);
    assert_int_equal(X509_check_host(leaf, "b.s3.local", 0, 0, NULL), 1);
    return leaf;
}

static void assert_answers(struct signer *s)
{
    struct err err = {0};
    X509 *leaf = ask(s, &err);

    if (!leaf) fail_msg("%s", err.detail);
    X509_free(leaf);
}

/* A zombie, or waited for, or another's number. */
static bool has_ended(pid_t pid)
{
    char path[64], text[512] = "";

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "re");
    if (!in) return true;
    (void)!fgets(text, sizeof(text), in);
    (void)fclose(in);
    const char *name = strrchr(text, ')');
    return !name || name[2] == 'Z';
}

static void wait_for_end(pid_t pid)
{
    for (int i = 0; i < 3000 && !has_ended(pid); i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    assert_true(has_ended(pid));
}

static void test_signer_answers_until_nobody_asks(void **state UNUSED)
{
    struct signer *s = start();
    pid_t pid = signer_process(s);

    assert_true(pid > 0 && getpgid(pid) == pid); /* ^C in a terminal is not for it */
    for (int i = 1; i < NSIG; i++)
        if (i != SIGKILL && i != SIGSTOP) assert_true(kill(pid, i) == 0 || i >= SIGRTMIN - 2);
    assert_answers(s);
    assert_int_equal(signer_process(s), pid);
    signer_free(&s);
    wait_for_end(pid);
}

static void test_signer_comes_back(void **state UNUSED)
{
    struct signer *s = start();
    pid_t first = signer_process(s);
    struct err err = {0};

    assert_int_equal(kill(first, SIGKILL), 0);
    wait_for_end(first);
    assert_int_equal(signer_process(s), 0);
    assert_answers(s);
    pid_t second = signer_process(s);
    assert_true(second > 0 && second != first);
    signer_stop(s); /* what would be asked now is not answered, nor is another started */
    assert_null(ask(s, &err));
    assert_int_equal(signer_process(s), 0);
    signer_free(&s);
    wait_for_end(second);
}

static void test_signer_with_other_files_signs_nothing(void **state UNUSED)
{
    struct signer *s = start();
    struct err err = {0};
    pid_t pid = signer_process(s);

    make_ca();
    assert_answers(s); /* what it has read it has */
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_for_end(pid);
    assert_null(ask(s, &err));
    assert_non_null(strstr(err.detail, "another authority"));
    signer_free(&s);
    s = start();
    pid = signer_process(s);
    assert_int_equal(rename(private_key, certificate), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_for_end(pid);
    assert_null(ask(s, &err));
    assert_int_equal(err.code, ERR_FILE);
    signer_free(&s);
    (void)unlink(certificate);
    make_ca();
}

/* One authority in both processes, also when the files are replaced between the two readings. */
static void test_signer_load_is_of_the_same_authority(void **state UNUSED)
{
    struct signer *s = start();
    struct ca *ca = NULL;
    struct err err = {0};

    assert_int_equal(signer_load(s, certificate, &ca, &err), ERR_NONE);
    assert_non_null(ca);
    ca_free(&ca);
    make_ca();
    assert_int_equal(signer_load(s, certificate, &ca, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "was replaced while it was read"));
    assert_null(ca);
    signer_free(&s);
}

/* What ca_load says is said by who asks for the process, too; this one does not have the key. */
static void test_signer_check_says_what_ca_load_says(void **state UNUSED)
{
    struct ca *ca = NULL;
    struct err here = {0}, there = {0};
    char gone[FOLDER_PATH];

    assert_int_equal(signer_check(&order, &ca, &here), ERR_NONE);
    assert_true(ca_permits(ca, STR("b.s3.local")));
    ca_free(&ca);
    folder_path(gone, "gone");
    const struct signer_order rows[] = {{gone, private_key, NULL, 1, true},
                                        {certificate, gone, NULL, 1, true},
                                        {certificate, certificate, NULL, 1, true},
                                        {private_key, private_key, NULL, 1, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(ca_load(rows[i].certificate, rows[i].private_key, &ca, &here), ERR_FILE);
        assert_int_equal(signer_check(&rows[i], &ca, &there), ERR_FILE);
        assert_string_equal(here.detail, there.detail);
        assert_int_equal(here.sys_errno, there.sys_errno);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signing_begin_refuses_what_is_no_order),
        cmocka_unit_test(test_signing_begin_refuses_a_key_that_is_none),
        cmocka_unit_test(test_signing_answer_table),
        cmocka_unit_test(test_signing_answer_without_room_or_key_is_an_error),
        cmocka_unit_test(test_signer_read_answer_table),
        cmocka_unit_test(test_signer_answers_until_nobody_asks),
        cmocka_unit_test(test_signer_comes_back),
        cmocka_unit_test(test_signer_with_other_files_signs_nothing),
        cmocka_unit_test(test_signer_load_is_of_the_same_authority),
        cmocka_unit_test(test_signer_check_says_what_ca_load_says),
    };

    if (argc > 1 && strcmp(argv[1], SIGNER_WORD) == 0) signer_run();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
