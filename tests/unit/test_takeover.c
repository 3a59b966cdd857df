/* SPDX-License-Identifier: Apache-2.0
 * test_takeover.c: a program that is started to take over does so, or it does not and says why. The test is its own
 * successor: with the word "heir" it takes over.
 */
#include "control/takeover.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST = 3, IN_TIME_MS = 30000, EXIT_MAIN = 42 };

static struct loop loop;
static pid_t served;
static char reason[8192];
static struct takeover *takeover;
static int channel;

static void on_done(void *arg, pid_t pid, const char *why)
{
    (void)arg;
    served = pid;
    snprintf(reason, sizeof(reason), "%s", why);
    if (pid)
        channel = takeover_end(&takeover);
    else
        takeover_free(&takeover);
    loop_stop(&loop);
}

/* Its pid, or 0 and `reason`. */
static pid_t run(char *const argv[], const struct takeover_gift *gift, uint64_t timeout_ms)
{
    struct err err = {0};

    served = -1;
    assert_int_equal(loop_init(&loop, NULL, NULL, NULL, &err), ERR_NONE);
    takeover = takeover_start(&loop, argv, gift, timeout_ms, on_done, NULL, &err);
    assert_non_null(takeover);
    loop_run(&loop);
    loop_clear(&loop);
    return served;
}

static void assert_heard(int fd, const char *word)
{
    char got[64] = "";

    assert_true(recv(fd, got, sizeof(got) - 1, 0) >= 0);
    assert_string_equal(got, word);
    close(fd);
}

static void test_who_serves_is_the_only_one(void **state)
{
    char program[] = "/proc/self/exe", word[] = "heir", *argv[] = {program, word, NULL}, got = 0;
    int pair[2], earlier[2], status;
    pid_t pid;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, earlier), 0);
    pid = run(argv, &(struct takeover_gift){&pair[1], 1, &earlier[1], 1}, IN_TIME_MS);
    assert_true(pid > 0);
    close(pair[1]);
    close(earlier[1]);
    assert_heard(channel, "take 1"); /* it leads us, and whom we led */
    assert_heard(earlier[0], "take 1");
    assert_int_equal(read(pair[0], &got, 1), 1); /* it was given the descriptor, and "main" was said */
    assert_int_equal(got, 'm');
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), EXIT_MAIN);
    close(pair[0]);
}

static void test_who_fails_says_why(void **state)
{
    static const struct {
        const char *script, *reason;
        uint64_t timeout_ms;
    } rows[] = {
        {"echo one >&2; echo two >&2; exit 3", "it ended with exit code 3: one;two", IN_TIME_MS},
        {"exit 0", "it ended with exit code 0", IN_TIME_MS},
        {"kill -9 $$", "signal 9 ended it", IN_TIME_MS},
        {"echo patience >&2; exec sleep 60", "it was not ready in time, and was ended: patience", 500},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char shell[] = "sh", option[] = "-c", script[128], *argv[] = {shell, option, script, NULL};

        snprintf(script, sizeof(script), "%s", rows[i].script);
        assert_int_equal(run(argv, &(struct takeover_gift){0}, rows[i].timeout_ms), 0);
        assert_string_equal(reason, rows[i].reason);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left behind */
    }
}

static void test_what_cannot_be_run_is_said_at_once(void **state)
{
    char program[] = "/nonexistent/s3onramp", *argv[] = {program, NULL};
    struct err err = {0};

    (void)state;
    assert_int_equal(loop_init(&loop, NULL, NULL, NULL, &err), ERR_NONE);
    assert_null(takeover_start(&loop, argv, &(struct takeover_gift){0}, IN_TIME_MS, on_done, NULL, &err));
    assert_int_equal(err.sys_errno, ENOENT);
    assert_non_null(strstr(err.detail, program));
    loop_clear(&loop);
}

static void test_who_was_not_started_so_is_no_heir(void **state)
{
    struct heir *h = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(heir_new(&h, &err), ERR_NONE);
    assert_null(h);
    setenv("S3ONRAMP_TAKEOVER", "900 901", 1);
    assert_int_equal(heir_new(&h, &err), ERR_INTERNAL);
    assert_null(h);
    assert_null(getenv("S3ONRAMP_TAKEOVER"));
}

/* --- the successor --- */

static struct heir *heir;

static void on_go(void *arg)
{
    (void)arg;
    heir_serving(heir);
}

static void on_behind(void *arg, const struct str_list *behind)
{
    (void)arg;
    (void)behind;
}

static void on_main(void *arg)
{
    struct followers *f = followers_new(&loop, 0);
    ssize_t n = write(FIRST, "m", 1);

    (void)n;
    (void)arg;
    heir_lead(heir, f);
    followers_take(f, false, on_behind, NULL);
    followers_free(&f);
    loop_stop(&loop);
}

static int succeed(void)
{
    struct err err = {0};

    signal(SIGPIPE, SIG_IGN);
    if (heir_new(&heir, &err) != ERR_NONE || !heir || loop_init(&loop, NULL, NULL, NULL, &err) != ERR_NONE) return 1;
    if (heir_ready(heir, &loop, on_go, on_main, NULL, &err) != ERR_NONE) return 1;
    loop_run(&loop);
    heir_leave(heir);
    loop_clear(&loop);
    heir_free(&heir);
    return EXIT_MAIN;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_serves_is_the_only_one),
        cmocka_unit_test(test_who_fails_says_why),
        cmocka_unit_test(test_what_cannot_be_run_is_said_at_once),
        cmocka_unit_test(test_who_was_not_started_so_is_no_heir),
    };

    if (argc > 1 && strcmp(argv[1], "heir") == 0) return succeed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
