/* SPDX-License-Identifier: Apache-2.0
 * test_snapshot.c: what files did not change is shared with the snapshot before; a snapshot lives as long as somebody
 * holds it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/snapshot.h"
#include "folder.h"
#include "io/signer.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

static struct standing *standing;

static void make_pair(const char *name, bool again)
{
    static const char *const dns[] = {"amazonaws.com"};
    const struct ca_params params = {.common_name = "Test", .days = 30, .dns = dns, .dns_n = 1};
    char cert[FOLDER_PATH], key[FOLDER_PATH], file[64];
    struct err err = {0};

    snprintf(file, sizeof(file), "%s.pem", name);
    folder_path(cert, file);
    snprintf(file, sizeof(file), "%s.key", name);
    folder_path(key, file);
    if (ca_create(cert, key, &params, again, &err) != ERR_NONE) fail_msg("%s", err.detail);
}

static int set_up(void **state)
{
    standing = standing_new();
    if (!standing || folder_make(state)) return -1;
    make_pair("ca", false);
    make_pair("own", false);
    make_pair("roots", false);
    return 0;
}

static int tear_down(void **state)
{
    standing_free(&standing);
    return folder_remove(state);
}

#define CLIENT "[client alice]\naccess_key_id = AKIDALICE00000000001\nsecret_access_key = s\npolicy = read-only\n"
#define KEYS "[credentials one]\nsource = none\n"
#define MINTED(name) "[listener " name "]\nmode = forward\nbind = 127.0.0.1:1\ntls = on\n"
#define OWN(name)                                                                                   \
    "[listener " name "]\nmode = endpoint\nbind = 127.0.0.1:2\ntls = on\ncertificate = @/own.pem\n" \
    "private_key = @/own.key\n"
#define CA(days) "[ca]\ncertificate = @/ca.pem\nprivate_key = @/ca.key\nleaf_days = " days "\n"
#define ENDPOINT(name, region, rest) \
    "[endpoint " name "]\nregion = " region "\naddresses = 10.0.0.1\ncredentials = one\n" rest

/* @ stands for the folder. */
static struct settings *load(const char *text)
{
    char *whole = NULL, *problems = NULL;
    size_t n, problems_n;
    FILE *build = open_memstream(&whole, &n), *in, *out = open_memstream(&problems, &problems_n);
    struct settings *s;

    for (; *text; text++)
        if (*text == '@')
            fputs(folder, build);
        else
            fputc(*text, build);
    fclose(build);
    in = fmemopen(whole, n, "r");
    s = config_load_stream(in, "test.ini", out);
    fclose(in);
    fclose(out);
    free(whole);
    if (!s) fail_msg("%s", problems);
    free(problems);
    return s;
}

static struct snapshot *make(const char *text, const struct snapshot *before)
{
    struct snapshot *s = NULL;
    struct err err = {0};

    if (snapshot_new(load(text), standing, before, &s, &err) != ERR_NONE) fail_msg("%s", err.detail);
    return s;
}

static SSL_CTX *listener_ctx(const struct snapshot *s, size_t i)
{
    return snapshot_listener_ctx(s, &s->settings->listeners[i]);
}

static SSL_CTX *endpoint_ctx(const struct snapshot *s, size_t i)
{
    return snapshot_endpoint_ctx(s, &s->settings->endpoints[i]);
}

static void test_snapshot_shares_what_files_did_not_change(void **state UNUSED)
{
    struct snapshot *a =
        make(CA("7") MINTED("m") OWN("o") CLIENT KEYS ENDPOINT("x", "eu-west-1", "ca_file = @/roots.pem\n")
                 ENDPOINT("y", "eu-west-2", ""),
             NULL);
    struct snapshot *b =
        make(KEYS CLIENT ENDPOINT("y", "eu-west-2", "") OWN("renamed") MINTED("m") ENDPOINT("z", "eu-west-3", "")
                 ENDPOINT("x", "eu-west-1", "ca_file = @/roots.pem\n") CA("7"),
             a);

    assert_non_null(a->mint);
    assert_null(listener_ctx(a, 0)); /* minted */
    assert_ptr_equal(a->mint, b->mint);
    assert_ptr_equal(a->mint_ctx, b->mint_ctx);
    assert_ptr_equal(listener_ctx(a, 1), listener_ctx(b, 0));
    assert_ptr_equal(endpoint_ctx(a, 1), endpoint_ctx(b, 0));
    assert_ptr_equal(endpoint_ctx(b, 1), endpoint_ctx(b, 0)); /* the system's, once */
    assert_ptr_equal(endpoint_ctx(a, 0), endpoint_ctx(b, 2));
    assert_ptr_not_equal(endpoint_ctx(a, 0), endpoint_ctx(a, 1));
    assert_int_equal(a->settings->endpoints[0].id, b->settings->endpoints[2].id);
    snapshot_unref(&a);
    assert_null(a);
    assert_non_null(SSL_CTX_get0_certificate(listener_ctx(b, 0))); /* it lives on */
    assert_true(mint_permits(b->mint, STR("b.s3.amazonaws.com")));
    snapshot_unref(&b);
    snapshot_unref(&b);
}

static void test_snapshot_takes_files_that_changed(void **state UNUSED)
{
    static const char text[] =
        CA("7") MINTED("m") OWN("o") CLIENT KEYS ENDPOINT("x", "eu-west-1", "ca_file = @/roots.pem\n");
    static const struct {
        const char *file, *text;
        bool mint, listener, endpoint; /* are other ones afterwards */
    } rows[] = {
        {NULL, text, false, false, false},
        {"own", text, false, true, false},
        {"ca", text, true, false, false},
        {"roots", text, false, false, true},
        {NULL, CA("8") MINTED("m") OWN("o") CLIENT KEYS ENDPOINT("x", "eu-west-1", "ca_file = @/roots.pem\n"), true,
         false, false},
        {NULL, CA("7") MINTED("m") OWN("o") CLIENT KEYS ENDPOINT("x", "eu-west-1", ""), false, false, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct snapshot *a = make(text, NULL), *b;

        if (rows[i].file) make_pair(rows[i].file, true);
        b = make(rows[i].text, a);
        assert_int_equal(a->mint != b->mint, rows[i].mint);
        assert_int_equal(a->mint_ctx != b->mint_ctx, rows[i].mint);
        assert_int_equal(listener_ctx(a, 1) != listener_ctx(b, 1), rows[i].listener);
        assert_int_equal(endpoint_ctx(a, 0) != endpoint_ctx(b, 0), rows[i].endpoint);
        snapshot_unref(&a);
        snapshot_unref(&b);
    }
}

static void test_snapshot_without_its_files_is_none(void **state UNUSED)
{
    static const char *const files[] = {"ca", "own", "roots"};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct settings *t =
            load(CA("7") MINTED("m") OWN("o") CLIENT KEYS ENDPOINT("x", "eu-west-1", "ca_file = @/roots.pem\n"));
        struct snapshot *s = NULL;
        struct err err = {0};
        char name[64];

        snprintf(name, sizeof(name), "%s.pem", files[i]);
        write_file(name, 0644, "no certificate\n"); /* since the settings were judged */
        assert_int_not_equal(snapshot_new(t, standing, NULL, &s, &err), ERR_NONE);
        assert_null(s);
        assert_true(err.detail[0] != '\0');
        make_pair(files[i], true);
    }
}

static void test_snapshot_finds_rows_by_number(void **state UNUSED)
{
    struct snapshot *s = make(MINTED("m") OWN("o") CA("7") CLIENT KEYS ENDPOINT("x", "eu-west-1", ""), NULL);
    uint32_t id = s->settings->listeners[1].id;

    assert_ptr_equal(snapshot_listener(s, id), &s->settings->listeners[1]);
    assert_null(snapshot_listener(s, id + 1000));
    assert_ptr_equal(snapshot_endpoint(s, s->settings->endpoints[0].id), &s->settings->endpoints[0]);
    assert_null(snapshot_endpoint(s, STANDING_NONE));
    snapshot_unref(&s);
}

static _Atomic(struct snapshot *) offered;
static _Atomic bool over;

/* As workers do: it takes what is offered, holds the one before for a while, and reads in both. */
static void *follow(void *arg UNUSED)
{
    struct snapshot *now = NULL, *before = NULL;
    size_t read = 0;

    while (!atomic_load(&over)) {
        struct snapshot *s = atomic_exchange_explicit(&offered, NULL, memory_order_acq_rel);

        if (s) {
            snapshot_unref(&before);
            before = now;
            now = s;
        }
        if (now) read += now->settings->endpoints_n;
        if (before) read += before->settings->clients_n;
    }
    snapshot_unref(&before);
    snapshot_unref(&now);
    return (void *)(uintptr_t)read;
}

static void test_snapshot_passes_between_threads(void **state UNUSED)
{
    struct snapshot *newest = NULL, *left;
    pthread_t threads[2];
    void *read[ARRAY_LEN(threads)];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, follow, NULL), 0);
    for (int i = 0; i < 200; i++) {
        struct snapshot *s = make(OWN("o") CLIENT KEYS ENDPOINT("x", "eu-west-1", "ca_file = @/roots.pem\n"), newest);

        snapshot_unref(&newest);
        newest = s;
        left = atomic_exchange_explicit(&offered, snapshot_ref(s), memory_order_acq_rel);
        snapshot_unref(&left);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], &read[i]), 0);
    left = atomic_exchange(&offered, NULL);
    snapshot_unref(&left);
    assert_int_equal(atomic_load(&newest->refs), 1);
    snapshot_unref(&newest);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], SIGNER_WORD) == 0) signer_run();

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot_shares_what_files_did_not_change),
        cmocka_unit_test(test_snapshot_takes_files_that_changed),
        cmocka_unit_test(test_snapshot_without_its_files_is_none),
        cmocka_unit_test(test_snapshot_finds_rows_by_number),
        cmocka_unit_test(test_snapshot_passes_between_threads),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
