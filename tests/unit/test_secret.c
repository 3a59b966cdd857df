/* SPDX-License-Identifier: Apache-2.0
 * test_secret.c: comparing, wiping, making secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, GROUP = 54321 };

static void test_secret_equal_each_byte_counts(void **state UNUSED)
{
    char a[64], b[64];

    secret_random(a, sizeof a);
    memcpy(b, a, sizeof a);
    assert_true(secret_equal(str_make(a, sizeof a), str_make(b, sizeof b)));
    assert_true(secret_equal(STR_NONE, STR("")));
    assert_false(secret_equal(str_make(a, 63), str_make(b, 64)));
    for (size_t i = 0; i < sizeof b; i++)
        for (int bit = 0; bit < 8; bit++) {
            b[i] = (char)(b[i] ^ (1 << bit));
            assert_false(secret_equal(str_make(a, sizeof a), str_make(b, sizeof b)));
            b[i] = a[i];
        }
}

static void test_secret_wipe_leaves_zeros(void **state UNUSED)
{
    char p[32], zero[32] = {0};

    memset(p, 'k', sizeof p);
    secret_wipe(p, 16);
    assert_memory_equal(p, zero, 16);
    assert_int_equal(p[16], 'k');
    secret_wipe(NULL, 0);
}

static void test_secret_free_nulls(void **state UNUSED)
{
    char *s = strdup("hidden");

    secret_free(&s);
    assert_null(s);
    secret_free(&s);
}

static void test_secret_random_differs(void **state UNUSED)
{
    char a[32] = {0}, b[32] = {0};

    secret_random(a, sizeof a);
    secret_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void test_secret_no_core_dumps_takes_hold(void **state UNUSED)
{
    struct rlimit limit;

    secret_no_core_dumps();
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_max, 0);
}

/* Owner: 0 ours, 1 somebody else's. */
static void test_secret_file_fault_judges_owner_and_mode(void **state UNUSED)
{
    static const struct {
        unsigned mode;
        bool others, secret;
        const char *why; /* NULL: fine */
    } rows[] = {
        {0600, false, true, NULL},
        {0640, false, true, NULL},
        {0440, false, true, NULL},
        {0644, false, true, "others may read F (mode 644)"},
        {0660, false, true, "others may write F (mode 660)"},
        {0602, false, true, "others may write F (mode 602)"},
        {0640, true, true, "F belongs to user"},
        {0644, false, false, NULL},
        {0664, false, false, NULL},
        {0646, false, false, "everybody may write F (mode 646); run `chmod o-w F`"},
        {0444, true, false, "F belongs to user"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stat st = {.st_mode = S_IFREG | rows[i].mode, .st_uid = geteuid() + (rows[i].others ? 54321 : 0)};
        char why[SECRET_FAULT] = "";
        bool fault = secret_file_fault(&st, "F", rows[i].secret, why, sizeof why);
        if (fault != (rows[i].why != NULL) || (fault && !str_starts(str_from(why), str_from(rows[i].why))))
            fail_msg("row %zu: \"%s\"", i, why);
    }
    struct stat st = {.st_mode = S_IFREG | 0440};
    char why[SECRET_FAULT];
    assert_false(secret_file_fault(&st, "F", true, why, sizeof why)); /* root's */
}

/* The exit code of who reads F as nobody with @gid: 0 it could, 1 it could not. */
static int read_as_nobody(const char *path, gid_t gid)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct err err = {0};
        char *text = NULL;

        if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(NOBODY, NOBODY, NOBODY)) _exit(2);
        _exit(secret_read_file(path, true, &text, &err) == ERR_NONE && strcmp(text, "hidden") == 0 ? 0 : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

/* Debian's root:s3onramp 0640, Kubernetes' root:fsGroup 0440. */
static void test_secret_read_file_of_the_own_group(void **state UNUSED)
{
    static const struct {
        mode_t mode;
        gid_t gid;
        int code;
    } rows[] = {{0640, GROUP, 0}, {0440, GROUP, 0}, {0640, NOBODY, 1}, {0600, GROUP, 1}, {0660, GROUP, 1}};
    char path[] = "/tmp/test_secret_XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0 && write(fd, "hidden\n", 7) == 7);
    if (geteuid() == 0) assert_int_equal(fchown(fd, 0, GROUP), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        char *text = NULL;

        assert_int_equal(fchmod(fd, rows[i].mode), 0);
        if (geteuid() == 0) {
            assert_int_equal(read_as_nobody(path, rows[i].gid), rows[i].code);
        } else { /* as the owner */
            assert_int_equal(secret_read_file(path, true, &text, &err), rows[i].mode & 020 ? ERR_FILE : ERR_NONE);
            secret_free(&text);
        }
    }
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_equal_each_byte_counts),
        cmocka_unit_test(test_secret_wipe_leaves_zeros),
        cmocka_unit_test(test_secret_free_nulls),
        cmocka_unit_test(test_secret_random_differs),
        cmocka_unit_test(test_secret_no_core_dumps_takes_hold),
        cmocka_unit_test(test_secret_file_fault_judges_owner_and_mode),
        cmocka_unit_test(test_secret_read_file_of_the_own_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
