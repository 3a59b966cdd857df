/* SPDX-License-Identifier: Apache-2.0
 * test_source_profile.c: a profile's source from fetch to fetch: files that change, a fetch that is cancelled while a
 * program runs, a source freed by the one it told, and the same within a chain. What keys come out is
 * tests/e2e/test_profiles.py's to show.
 */
#include "keys/source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct probe {
    struct loop loop;
    struct credentials_conf set;
    struct source_context context;
    struct settings settings;
    struct source *source;
    bool free_when_told;
    char folder[64], config[96], credentials[96];
    int calls;
    enum source_outcome outcome;
    char id[64], why[SOURCE_WHY];
};

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void on_done(void *arg, struct source_result *r)
{
    struct probe *p = arg;

    p->calls++;
    p->outcome = r->outcome;
    snprintf(p->id, sizeof(p->id), "%s", r->keys.access_key_id ? r->keys.access_key_id : "");
    snprintf(p->why, sizeof(p->why), "%s", r->why);
    if (p->free_when_told) source_free(&p->source);
    loop_stop(&p->loop);
}

static struct probe *probe_new(struct source *(*make)(const struct source_context *))
{
    struct probe *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    assert_int_equal(loop_init(&p->loop, NULL, NULL, p, NULL), ERR_NONE);
    snprintf(p->folder, sizeof(p->folder), "/tmp/s3onramp-profile-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->config, sizeof(p->config), "%s/config", p->folder);
    snprintf(p->credentials, sizeof(p->credentials), "%s/credentials", p->folder);
    p->set = (struct credentials_conf){.name = "x",
                                       .profile = "p",
                                       .config_file = p->config,
                                       .shared_credentials_file = p->credentials,
                                       .timeout_ms = 600 * 1000};
    p->context = (struct source_context){.loop = &p->loop, .settings = &p->settings, .set = &p->set};
    p->source = make(&p->context);
    assert_non_null(p->source);
    return p;
}

static void probe_free(struct probe *p)
{
    source_free(&p->source);
    loop_clear(&p->loop);
    unlink(p->config);
    unlink(p->credentials);
    rmdir(p->folder);
    free(p);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no program is left */
    assert_int_equal(errno, ECHILD);
}

static void fetch(struct probe *p)
{
    int calls = p->calls;

    p->loop.stop = false;
    source_fetch(p->source, on_done, p);
    loop_run(&p->loop);
    assert_int_equal(p->calls, calls + 1);
}

static void test_fetch_reads_files_anew(void **state UNUSED)
{
    struct probe *p = probe_new(source_profile);

    fetch(p);
    assert_int_equal(p->outcome, SOURCE_REFUSED);
    assert_non_null(strstr(p->why, "no profile p"));
    assert_int_equal(p->source->files_n, 2); /* those that are missing count, too */
    write_file(p->credentials, "[p]\naws_access_key_id = AK1\naws_secret_access_key = SK1\n");
    fetch(p);
    assert_int_equal(p->outcome, SOURCE_GOOD);
    assert_string_equal(p->id, "AK1");
    write_file(p->credentials, "[p]\naws_access_key_id = AK2\naws_secret_access_key = SK2\n");
    fetch(p);
    assert_string_equal(p->id, "AK2");
    assert_int_equal(p->source->files_n, 2);
    assert_string_equal(p->source->files[0], p->credentials);
    assert_string_equal(p->source->files[1], p->config);
    probe_free(p);
}

static void test_source_freed_by_whom_it_tells(void **state UNUSED)
{
    static struct source *(*const kinds[])(const struct source_context *) = {source_profile, source_chain};
    static const char *const texts[] = {"[p]\naws_access_key_id = AK1\naws_secret_access_key = SK1\n", "[q]\n",
                                        "nonsense\n", "[p]\ncredential_process = false\n",
                                        "[p]\ncredential_process = /nonexistent\n"};

    for (size_t i = 0; i < ARRAY_LEN(texts) * ARRAY_LEN(kinds); i++) {
        struct probe *p = probe_new(kinds[i % ARRAY_LEN(kinds)]);

        p->free_when_told = true;
        write_file(p->credentials, texts[i / ARRAY_LEN(kinds)]);
        fetch(p);
        assert_null(p->source);
        probe_free(p);
    }
}

static void test_cancel_while_a_program_runs(void **state UNUSED)
{
    static struct source *(*const kinds[])(const struct source_context *) = {source_profile, source_chain};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct probe *p = probe_new(kinds[i]);

        write_file(p->config, "[profile p]\ncredential_process = sleep 600\n");
        source_fetch(p->source, on_done, p);
        source_cancel(p->source);
        assert_int_equal(p->calls, 0);
        write_file(p->credentials, "[p]\naws_access_key_id = AK1\naws_secret_access_key = SK1\n");
        fetch(p);
        assert_string_equal(p->id, "AK1");
        unlink(p->credentials);
        source_fetch(p->source, on_done, p);
        assert_int_equal(p->calls, 1);
        probe_free(p); /* frees it while the program runs */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fetch_reads_files_anew),
                                       cmocka_unit_test(test_source_freed_by_whom_it_tells),
                                       cmocka_unit_test(test_cancel_while_a_program_runs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
