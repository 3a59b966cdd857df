/* SPDX-License-Identifier: Apache-2.0
 * test_source_roles_anywhere.c: several fetches of one source: files are read anew each time, a slow token does not
 * hold the loop, what is cancelled is forgotten. What the service answers is in
 * tests/e2e/test_credentials_roles_anywhere.py.
 */
#include "keys/source.h"

#include "folder.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loop loop;
    struct settings settings;
    struct credentials_conf set;
    struct source_context context;
    struct source *source;
    char file[FOLDER_PATH], certificate[FOLDER_PATH], key[FOLDER_PATH];
    struct source_result result;
    unsigned done_n;
};

/* Settings are not changed by anybody. */
static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void copy_vector(const char *name, const char *part, const char *to, mode_t mode)
{
    struct vector_part v = vector_read("sigv4_x509", name, part);

    write_bytes(to, mode, vector_str(&v));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = {0};

    if (!f || loop_init(&f->loop, NULL, NULL, f, &err) != ERR_NONE) return -1;
    if (http_new(&f->loop, &f->context.http, &err) != ERR_NONE) return -1;
    folder_path(f->certificate, "machine.pem");
    folder_path(f->key, "machine.key");
    f->settings.file = folder_path(f->file, "s3onramp.ini");
    f->set = (struct credentials_conf){.name = text("default"),
                                       .source = CREDENTIALS_ROLES_ANYWHERE,
                                       .role_arn = text("arn:aws:iam::123456789012:role/backup"),
                                       .profile_arn = text("p"),
                                       .trust_anchor_arn = text("t"),
                                       .certificate = f->certificate,
                                       .private_key = f->key,
                                       .region = text("ap-northeast-1"),
                                       .service_url = text("https://127.0.0.1:1"), /* nobody is there */
                                       .duration_ms = 3600000,
                                       .timeout_ms = 60000};
    f->context.loop = &f->loop;
    f->context.settings = &f->settings;
    f->context.set = &f->set;
    f->source = source_roles_anywhere(&f->context);
    *state = f;
    return f->source ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    source_free(&f->source);
    http_free(&f->context.http);
    loop_clear(&f->loop);
    free(f);
    return 0;
}

static void on_done(void *arg, struct source_result *r)
{
    struct fixture *f = arg;

    f->result = *r;
    f->done_n++;
    loop_stop(&f->loop);
}

static void expect(struct fixture *f, enum source_outcome outcome, const char *word)
{
    unsigned before = f->done_n;

    source_fetch(f->source, on_done, f);
    if (f->done_n == before) loop_run(&f->loop);
    f->loop.stop = false;
    assert_int_equal(f->done_n, before + 1);
    if (f->result.outcome != outcome || !strstr(f->result.why, word))
        fail_msg("%d %s", f->result.outcome, f->result.why);
}

static bool was_read(const struct fixture *f, const char *path)
{
    for (size_t i = 0; i < f->source->files_n; i++)
        if (strcmp(f->source->files[i], path) == 0) return true;
    return false;
}

static void test_source_roles_anywhere_files_are_read_anew(void **state)
{
    struct fixture *f = *state;

    expect(f, SOURCE_REFUSED, "machine.pem cannot be read");
    assert_true(was_read(f, f->certificate)); /* looked for: a change is noticed */
    copy_vector("rsa", "certificate", "machine.pem", 0644);
    copy_vector("rsa-chain", "key", "machine.key", 0600);
    expect(f, SOURCE_REFUSED, "does not belong");
    assert_true(was_read(f, f->certificate) && was_read(f, f->key));
    assert_int_equal(f->source->files_n, 2);
    copy_vector("rsa", "key", "machine.key", 0600);
    expect(f, SOURCE_FAILED, "127.0.0.1"); /* right, and nobody there */
    assert_int_equal(chmod(f->key, 0604), 0);
    expect(f, SOURCE_REFUSED, "chmod g-w,o=");
}

static void test_source_roles_anywhere_incomplete_settings_are_refused(void **state)
{
    struct fixture *f = *state;

    f->set.role_arn = NULL;
    expect(f, SOURCE_REFUSED, "role_arn");
    f->set.role_arn = f->set.profile_arn;
    f->set.session_name = text("s3-{client}");
    expect(f, SOURCE_REFUSED, "--client");
    f->context.client = "a-name-that-is-quite-long-for-a-client-and-longer-than-a-session-may-be";
    expect(f, SOURCE_REFUSED, "2 to 64 bytes");
}

/* On another thread: the end comes later, by the loop. Before it a fetch may be cancelled, and another one begin. */
static void test_source_roles_anywhere_token_has_its_own_thread(void **state)
{
    struct fixture *f = *state;

    copy_vector("rsa", "certificate", "machine.pem", 0644);
    f->set.private_key = text("pkcs11:token=machine");
    for (int i = 0; i < 20; i++) {
        source_fetch(f->source, on_done, f);
        assert_int_equal(f->done_n, (unsigned)i); /* the loop has not run */
        if (i % 2) source_cancel(f->source);
        if (i % 4 == 3) {
            source_fetch(f->source, on_done, f);
            source_cancel(f->source);
        }
        if (i % 2) source_fetch(f->source, on_done, f);
        loop_run(&f->loop);
        f->loop.stop = false;
        assert_int_equal(f->done_n, (unsigned)i + 1);
        assert_int_equal(f->result.outcome, SOURCE_REFUSED);
        assert_non_null(strstr(f->result.why, "names no key"));
    }
    source_fetch(f->source, on_done, f); /* teardown frees it while it runs */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_source_roles_anywhere_files_are_read_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_source_roles_anywhere_incomplete_settings_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_source_roles_anywhere_token_has_its_own_thread, setup, teardown),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
