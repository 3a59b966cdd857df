/* SPDX-License-Identifier: Apache-2.0
 * test_source_static.c: keys of the section, of files, of the environment, given by hand: what comes out, what is
 * refused and why, and that no reason holds a secret.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/source.h"

#include "base/secret.h"
#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const variables[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                        "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION"};

static int clear_environment(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

/* "file:PATH" of a file in the folder. */
static char *in_folder(char out[256], const char *name)
{
    snprintf(out, 256, "file:%s/%s", folder, name);
    return out;
}

static void on_done(void *arg, struct source_result *r)
{
    *(struct source_result *)arg = *r;
    r->keys = (struct key_set){0};
}

static struct source_result fetch(struct source *s)
{
    struct source_result r = {.outcome = SOURCE_ABSENT};

    assert_non_null(s);
    source_fetch(s, on_done, &r);
    assert_null(s->done); /* it is over */
    return r;
}

static void expect_keys(struct source *s, const char *id, const char *secret, const char *token, const char *origin)
{
    struct source_result r = fetch(s);

    assert_string_equal(r.why, "");
    assert_int_equal(r.outcome, SOURCE_GOOD);
    assert_string_equal(r.keys.access_key_id, id);
    assert_string_equal(r.keys.secret_access_key, secret);
    if (token)
        assert_string_equal(r.keys.session_token, token);
    else
        assert_null(r.keys.session_token);
    assert_string_equal(r.origin, origin);
    key_set_clear(&r.keys);
}

/* "@" in @why stands for the folder. */
static void expect_failure(struct source *s, enum source_outcome outcome, const char *why)
{
    struct source_result r = fetch(s);
    char wanted[SOURCE_WHY];
    struct sbuf b = sbuf_make(wanted, sizeof wanted - 1);

    for (; *why; why++) {
        if (*why == '@')
            sbuf_add(&b, str_from(folder));
        else
            sbuf_char(&b, *why);
    }
    wanted[b.n] = '\0';
    assert_string_equal(r.why, wanted);
    assert_int_equal(r.outcome, outcome);
    assert_null(r.keys.access_key_id);
    assert_null(r.keys.secret_access_key);
    assert_null(r.keys.session_token);
}

/* --- static --- */

static void test_source_static_gives_what_is_written(void **state UNUSED)
{
    char id[] = "AKIDEXAMPLE", secret[] = "wJalr/XUtn+FEMI", token[] = "tok==", name[] = "default";
    struct credentials_conf set = {.name = name, .access_key_id = id, .secret_access_key = secret};
    struct source_context context = {.set = &set};
    struct source *s = source_static(&context);

    expect_keys(s, id, secret, NULL, "[credentials default]");
    set.session_token = token;
    expect_keys(s, id, secret, token, "[credentials default]");
    assert_int_equal(s->files_n, 0);
    source_free(&s);
}

static void test_source_static_unusable_text_is_refused(void **state UNUSED)
{
    char id[] = "AK ID", secret[] = "hid den", token[] = "", name[] = "default", path[256];
    struct credentials_conf set = {.name = name, .access_key_id = id, .secret_access_key = secret};
    struct source_context context = {.set = &set};
    struct source *s = source_static(&context);

    expect_failure(s, SOURCE_REFUSED,
                   "access_key_id is empty, or holds a blank or another character that no key has; write it anew");
    id[2] = '-';
    expect_keys(s, "AK-ID", "hid den", NULL, "[credentials default]");
    set.session_token = token;
    expect_failure(s, SOURCE_REFUSED,
                   "session_token is empty, or holds a blank or another character that no key has; write it anew");
    secret[6] = ' ';
    expect_failure(s, SOURCE_REFUSED,
                   "secret_access_key is empty, or begins or ends with a blank, or holds a character that no key has; "
                   "write it anew");
    write_file("secret", 0600, "hidden\n\n");
    set.secret_access_key = in_folder(path, "secret");
    expect_failure(s, SOURCE_FAILED,
                   "secret_access_key: @/secret is empty, or begins or ends with a blank, or holds a character that no "
                   "key has; write it anew");
    source_free(&s);
}

static void test_source_static_files_are_read_at_each_fetch(void **state UNUSED)
{
    char id[256], secret[256], token[256], name[] = "k", origin[1024];
    struct credentials_conf set = {.name = name,
                                   .access_key_id = in_folder(id, "id"),
                                   .secret_access_key = in_folder(secret, "secret"),
                                   .session_token = in_folder(token, "token")};
    struct source_context context = {.set = &set};
    struct source *s = source_static(&context);

    snprintf(origin, sizeof origin, "[credentials k], %s, %s, %s", id + 5, secret + 5, token + 5);
    write_file("id", 0600, "AKIDONE\n");
    write_file("secret", 0400, "secret1\r\n");
    write_file("token", 0600, "token1");
    expect_keys(s, "AKIDONE", "secret1", "token1", origin);
    assert_int_equal(s->files_n, 3);
    assert_string_equal(s->files[0], id + 5);
    assert_string_equal(s->files[1], secret + 5);
    assert_string_equal(s->files[2], token + 5);

    write_file("id", 0600, "AKIDTWO\n");
    write_file("secret", 0400, "secret2\n");
    expect_keys(s, "AKIDTWO", "secret2", "token1", origin);

    unlink(secret + 5);
    expect_failure(s, SOURCE_FAILED,
                   "secret_access_key: @/secret cannot be read (No such file or directory); name a file that the proxy "
                   "may read");
    assert_int_equal(s->files_n, 2); /* looked for, too: it may come back */
    write_file("secret", 0600, "secret3\n");
    expect_keys(s, "AKIDTWO", "secret3", "token1", origin);
    assert_int_equal(s->files_n, 3);
    source_free(&s);
}

static void test_source_static_files_of_others_are_refused(void **state UNUSED)
{
    static const struct {
        mode_t mode;
        struct str bytes;
        const char *why;
    } rows[] = {
        {0604, STR_INIT("hidden"),
         "secret_access_key: others may read @/secret (mode 604), which holds a secret; run `chmod g-w,o= @/secret`"},
        {0620, STR_INIT("hidden"),
         "secret_access_key: others may write @/secret (mode 620), which holds a secret; run `chmod g-w,o= @/secret`"},
        {0600, STR_INIT(""), "secret_access_key: @/secret is empty; write the secret into it"},
        {0600, STR_INIT("\n"), "secret_access_key: @/secret is empty; write the secret into it"},
        {0600, STR_INIT("hid\0den"),
         "secret_access_key: there is a NUL byte in @/secret; write the secret into it as text"},
    };
    char id[] = "AKID", secret[256], name[] = "k";
    struct credentials_conf set = {.name = name, .access_key_id = id, .secret_access_key = in_folder(secret, "secret")};
    struct source_context context = {.set = &set};
    struct source *s = source_static(&context);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_bytes("secret", rows[i].mode, rows[i].bytes);
        expect_failure(s, SOURCE_FAILED, rows[i].why);
    }
    unlink(secret + 5);
    assert_int_equal(mkdir(secret + 5, 0700), 0);
    expect_failure(s, SOURCE_FAILED, "secret_access_key: @/secret is no regular file; name one");
    rmdir(secret + 5);
    assert_int_equal(mkfifo(secret + 5, 0600), 0); /* nobody writes: it must not wait */
    expect_failure(s, SOURCE_FAILED, "secret_access_key: @/secret is no regular file; name one");
    if (geteuid() == 0) {
        write_file("secret", 0600, "hidden");
        assert_int_equal(chown(secret + 5, 65534, (gid_t)-1), 0);
        expect_failure(
            s, SOURCE_FAILED,
            "secret_access_key: @/secret belongs to user 65534, who could change it; if the proxy runs as that "
            "user, run this as it, too (sudo -u '#65534'), else `chown root @/secret`");
    }
    source_free(&s);
}

static void test_source_secret_size_is_bounded(void **state UNUSED)
{
    static char bytes[SECRET_FILE_MAX + 1];
    char value[256], why[SOURCE_WHY] = "", *out = NULL;
    struct source_context context = {0};
    struct source *s = source_environment(&context);

    memset(bytes, 'x', sizeof bytes);
    write_bytes("big", 0600, str_make(bytes, SECRET_FILE_MAX));
    assert_true(source_secret(s, "passphrase", in_folder(value, "big"), &out, why));
    assert_int_equal(strlen(out), SECRET_FILE_MAX);
    secret_free(&out);
    write_bytes("big", 0600, str_make(bytes, SECRET_FILE_MAX + 1));
    assert_false(source_secret(s, "passphrase", value, &out, why));
    assert_null(out);
    assert_non_null(strstr(why, "/big is longer than 16384 bytes; a secret is shorter"));
    assert_true(source_secret(s, "passphrase", NULL, &out, why));
    assert_null(out);
    assert_true(source_secret(s, "passphrase", "with blanks", &out, why));
    assert_string_equal(out, "with blanks");
    secret_free(&out);
    source_free(&s);
}

/* --- environment --- */

static void test_source_environment_all_or_nothing(void **state UNUSED)
{
    struct credentials_conf set = {.source = CREDENTIALS_ENVIRONMENT};
    struct source_context context = {.set = &set};
    struct source *s = source_static(&context);

    expect_failure(s, SOURCE_ABSENT, "AWS_ACCESS_KEY_ID is not set; set it and AWS_SECRET_ACCESS_KEY for the proxy");
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    expect_failure(s, SOURCE_ABSENT, "AWS_ACCESS_KEY_ID is not set; set it and AWS_SECRET_ACCESS_KEY for the proxy");
    setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
    expect_failure(s, SOURCE_FAILED,
                   "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not; set both for the proxy");
    setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "", 1);
    expect_failure(s, SOURCE_FAILED,
                   "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not; set both for the proxy");
    setenv("AWS_SECRET_ACCESS_KEY", "hid den", 1);
    expect_keys(s, "AKIDENV", "hid den", "tok", "the environment (AWS_ACCESS_KEY_ID)");
    setenv("AWS_SECRET_ACCESS_KEY", "hidden ", 1);
    expect_failure(s, SOURCE_FAILED,
                   "AWS_SECRET_ACCESS_KEY is empty, or begins or ends with a blank, or holds a character that no key "
                   "has; set it right");
    setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
    expect_keys(s, "AKIDENV", "hidden", "tok", "the environment (AWS_ACCESS_KEY_ID)");
    source_free(&s);
}

static void test_source_environment_old_token_and_expiration(void **state UNUSED)
{
    struct source_context context = {0};
    struct source *s = source_environment(&context);

    setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
    expect_keys(s, "AKIDENV", "hidden", NULL, "the environment (AWS_ACCESS_KEY_ID)");
    setenv("AWS_SECURITY_TOKEN", "old", 1);
    expect_keys(s, "AKIDENV", "hidden", "old", "the environment (AWS_ACCESS_KEY_ID)");
    setenv("AWS_SESSION_TOKEN", "new", 1);
    expect_keys(s, "AKIDENV", "hidden", "new", "the environment (AWS_ACCESS_KEY_ID)");
    setenv("AWS_CREDENTIAL_EXPIRATION", "2026-11-24T12:00:00Z", 1);
    struct source_result r = fetch(s);
    assert_int_equal(r.keys.expires_s, 1795521600);
    key_set_clear(&r.keys);
    setenv("AWS_CREDENTIAL_EXPIRATION", "tomorrow", 1);
    expect_failure(s, SOURCE_FAILED,
                   "AWS_CREDENTIAL_EXPIRATION is no time; write it like 2026-11-24T12:00:00Z, or unset it");
    source_free(&s);
}

/* --- given by hand --- */

static void test_source_keys_with_copies(void **state UNUSED)
{
    char id[] = "AKID", secret[] = "s", token[] = "t", origin[] = "profile dev";
    struct key_set keys = {id, secret, token, 77};
    struct source_context context = {0};
    struct source *s = source_keys_with(&context, &keys, origin);

    id[0] = secret[0] = token[0] = origin[0] = 'X';
    for (int i = 0; i < 2; i++)
        expect_keys(s, "AKID", "s", "t", "profile dev");
    struct source_result r = fetch(s);
    assert_int_equal(r.keys.expires_s, 77);
    key_set_clear(&r.keys);
    source_free(&s);
    keys.session_token = NULL;
    s = source_keys_with(&context, &keys, "x");
    expect_keys(s, "XKID", "X", NULL, "x");
    source_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_static_gives_what_is_written),
        cmocka_unit_test(test_source_static_unusable_text_is_refused),
        cmocka_unit_test(test_source_static_files_are_read_at_each_fetch),
        cmocka_unit_test(test_source_static_files_of_others_are_refused),
        cmocka_unit_test(test_source_secret_size_is_bounded),
        cmocka_unit_test_setup_teardown(test_source_environment_all_or_nothing, clear_environment, clear_environment),
        cmocka_unit_test_setup_teardown(test_source_environment_old_token_and_expiration, clear_environment,
                                        clear_environment),
        cmocka_unit_test(test_source_keys_with_copies),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
