/* SPDX-License-Identifier: Apache-2.0
 * test_child.c: programs on the loop: what they print, how they end, what they inherit, and that a whole group goes.
 */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 600 * 1000, SHORT_MS = 200, WAIT_MS = 60 * 1000 };

struct probe {
    struct loop loop;
    struct child *child;
    enum child_end end;
    int code, calls;
    char output[CHILD_OUTPUT_MAX + 1];
    size_t n;
};

static void on_done(void *arg, const struct child_result *r)
{
    struct probe *p = arg;

    p->child = NULL;
    p->calls++;
    p->end = r->end;
    p->code = r->code;
    p->n = r->output.n;
    if (p->n) memcpy(p->output, r->output.p, p->n);
    p->output[p->n] = '\0';
    loop_stop(&p->loop);
}

static struct probe *probe_new(void)
{
    struct probe *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    assert_int_equal(loop_init(&p->loop, NULL, NULL, p, NULL), ERR_NONE);
    return p;
}

static void probe_free(struct probe *p)
{
    loop_clear(&p->loop);
    free(p);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
    assert_int_equal(errno, ECHILD);
}

static struct str_list without; /* variables that the next one does not get */

static void run_in(struct probe *p, char *const argv[], uint64_t timeout_ms)
{
    struct err err = {0};

    p->child = child_start(&p->loop, argv, &without, STR_NONE, timeout_ms, on_done, p, &err);
    if (!p->child) fail_msg("%s: %s", err.detail, strerror(err.sys_errno));
    assert_int_equal(p->calls, 0);
    loop_run(&p->loop);
    assert_int_equal(p->calls, 1);
}

static struct probe *run(char *const argv[], uint64_t timeout_ms)
{
    struct probe *p = probe_new();

    run_in(p, argv, timeout_ms);
    return p;
}

static struct probe *run_shell(const char *script, uint64_t timeout_ms)
{
    return run((char *const[]){"sh", "-c", (char *)script, NULL}, timeout_ms);
}

static void test_child_exit_and_output(void **state UNUSED)
{
    static const struct {
        const char *script;
        enum child_end end;
        int code;
        const char *output;
    } table[] = {
        {"printf 'a b'", CHILD_EXITED, 0, "a b"},
        {"true", CHILD_EXITED, 0, ""},
        {"printf x; printf hidden >&2; exit 3", CHILD_EXITED, 3, "x"},
        {"kill -9 $$", CHILD_SIGNALLED, SIGKILL, ""},
        {"exec >&-; exec 2>&-; exit 4", CHILD_EXITED, 4, ""},
        {"cat", CHILD_EXITED, 0, ""}, /* standard input ends at once */
        {"head -c 1000000 /dev/zero >&2; echo done", CHILD_EXITED, 0, "done\n"},
        {"sleep 600 & echo $!", CHILD_EXITED, 0, NULL}, /* what is left behind is not waited for */
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct probe *p = run_shell(table[i].script, LONG_MS);

        if (p->end != table[i].end || p->code != table[i].code)
            fail_msg("%s: %d, %d", table[i].script, p->end, p->code);
        if (table[i].output)
            assert_string_equal(p->output, table[i].output);
        else
            assert_int_equal(kill((pid_t)atoi(p->output), SIGKILL), 0);
        probe_free(p);
    }
}

static void test_child_words_are_not_for_a_shell(void **state UNUSED)
{
    struct probe *p = run((char *const[]){"printf", "%s|", "$HOME", "a b", ";exit", "", NULL}, LONG_MS);

    assert_string_equal(p->output, "$HOME|a b|;exit||");
    probe_free(p);
}

static void test_child_output_limit(void **state UNUSED)
{
    struct probe *p = run_shell("head -c 65536 /dev/zero | tr '\\0' x", LONG_MS);

    assert_int_equal(p->end, CHILD_EXITED);
    assert_int_equal(p->n, CHILD_OUTPUT_MAX);
    assert_int_equal(p->output[CHILD_OUTPUT_MAX - 1], 'x');
    probe_free(p);
    p = run_shell("head -c 65537 /dev/zero; exec sleep 600", LONG_MS);
    assert_int_equal(p->end, CHILD_TOO_MUCH);
    probe_free(p);
}

/* A named pipe that all of a group hold open, and we until they run: it ends when the last of them is gone. Scripts
 * begin with HOLD. */
#define HOLD "exec 9>\"$LEASH\"; "

struct leash {
    char folder[64], path[80];
    int ours, theirs;
};

static void wait_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

static void expect_all_gone(struct leash *l)
{
    char c;

    close(l->theirs);
    do
        wait_for(l->ours);
    while (read(l->ours, &c, 1) == 1);
    assert_int_equal(read(l->ours, &c, 1), 0);
    close(l->ours);
    unlink(l->path);
    rmdir(l->folder);
}

static struct leash make_leash(void)
{
    struct leash l = {.folder = "/tmp/s3onramp-child-XXXXXX"};

    assert_non_null(mkdtemp(l.folder));
    snprintf(l.path, sizeof(l.path), "%s/leash", l.folder);
    assert_int_equal(mkfifo(l.path, 0600), 0);
    l.ours = open(l.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    l.theirs = open(l.path, O_WRONLY | O_CLOEXEC);
    assert_true(l.ours >= 0 && l.theirs >= 0);
    setenv("LEASH", l.path, 1);
    return l;
}

static void test_child_timeout_ends_the_group(void **state UNUSED)
{
    static const char *const scripts[] = {
        HOLD "sleep 600 & sleep 600; wait",                                /* SIGTERM is enough */
        HOLD "trap '' TERM; sleep 600 & while :; do sleep 1; done",        /* deaf, and so are its children */
        HOLD "(trap '' TERM; while :; do sleep 1; done) & exec sleep 600", /* the leader goes, the other is deaf */
        HOLD "setsid sleep 600 & sleep 600",                               /* one left the group */
        HOLD "(setsid sh -c 'sleep 600 & sleep 600' &) ; exec sleep 600",  /* two, and nobody's children any more */
    };

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct leash leash = make_leash();
        struct probe *p = run_shell(scripts[i], SHORT_MS);

        assert_int_equal(p->end, CHILD_TIMED_OUT);
        expect_all_gone(&leash);
        probe_free(p);
    }
}

static void test_child_cancel_kills_the_group(void **state UNUSED)
{
    struct leash leash = make_leash();
    struct probe *p = probe_new();
    char *argv[] = {"sh", "-c", HOLD "trap '' TERM; sleep 600 & echo >&9; sleep 600", NULL};

    p->child = child_start(&p->loop, argv, NULL, STR_NONE, LONG_MS, on_done, p, NULL);
    assert_non_null(p->child);
    wait_for(leash.ours);
    child_cancel(&p->child);
    assert_null(p->child);
    child_cancel(&p->child);
    expect_all_gone(&leash);
    assert_int_equal(p->calls, 0);
    probe_free(p);
}

/* Of the signals no one is blocked or ignored, and of our descriptors none is there. */
static void test_child_starts_clean(void **state UNUSED)
{
    sigset_t all, before;
    struct probe *p;
    unsigned long long blocked, ignored;
    int fd = open("/dev/null", O_RDONLY); /* not even one that is open to programs */

    assert_true(fd > 2);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    p = run((char *const[]){"sed", "-n", "s/^Sig\\(Blk\\|Ign\\):\t//p", "/proc/self/status", NULL}, LONG_MS);
    assert_int_equal(sscanf(p->output, "%llx %llx", &blocked, &ignored), 2);
    assert_int_equal(blocked, 0);
    assert_int_equal(ignored & ~(3ULL << 31), 0); /* 32 and 33 are the C library's own */
    assert_int_equal(p->end, CHILD_EXITED);
    probe_free(p);
    p = run((char *const[]){"ls", "/proc/self/fd", NULL}, LONG_MS);
    assert_string_equal(p->output, "0\n1\n2\n3\n"); /* 3: the folder */
    probe_free(p);
    p = run_shell("ps -o pgid= -p $$ | tr -d ' ' | grep -qx $$ && echo leader", LONG_MS);
    assert_string_equal(p->output, "leader\n");
    probe_free(p);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(fd);
}

static void test_child_environment_and_path(void **state UNUSED)
{
    struct probe *p;

    setenv("CHILD_TEST", "seen", 1);
    setenv("CHILD_SECRET", "never", 1);
    setenv("CHILD_SECRETS", "more", 1);
    char *names[] = {(char *)"CHILD_SECRET", (char *)"CHILD_NONE"};

    without = (struct str_list){names, ARRAY_LEN(names)};
    p = run_shell("printf %s \"$CHILD_TEST$CHILD_SECRET$CHILD_SECRETS\"", LONG_MS);
    without = (struct str_list){0};
    assert_string_equal(p->output, "seenmore");
    probe_free(p);
}

/* What a module of PAM does: a group of its own, and an environment of its own. */
static void test_child_timeout_ends_what_is_below(void **state UNUSED)
{
    struct probe *p =
        run_shell("setsid env -i sh -c 'echo $$; exec >&-; sleep 1000; true' & sleep 1000; true", SHORT_MS);
    pid_t below = atoi(p->output);

    assert_int_equal(p->end, CHILD_TIMED_OUT);
    assert_true(below > 0);
    for (int i = 0; i < WAIT_MS && kill(below, 0) == 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(kill(below, 0), -1);
    probe_free(p);
}

/* All of it, and then the end; in no argument and no file. */
static void test_child_input(void **state UNUSED)
{
    char *argv[] = {"sh", "-c", "cat; echo .", NULL}, text[CHILD_INPUT_MAX];

    memset(text, 'x', sizeof(text));
    for (size_t n = 1; n <= sizeof(text); n = n < sizeof(text) / 2 ? 2 * n : n + sizeof(text) / 2) {
        struct probe *p = probe_new();

        p->child = child_start(&p->loop, argv, NULL, str_make(text, n), LONG_MS, on_done, p, NULL);
        assert_non_null(p->child);
        loop_run(&p->loop);
        assert_int_equal(p->n, n + 2);
        assert_memory_equal(p->output, text, n);
        probe_free(p);
    }
}

/* As the first process of a container is. */
static void test_child_processes_of_others_are_waited_for(void **state UNUSED)
{
    struct probe *p = probe_new();
    char *argv[] = {"sh", "-c", "(setsid sleep 0 &); exec sleep 600", NULL};
    siginfo_t info = {0};

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    p->child = child_start(&p->loop, argv, NULL, STR_NONE, LONG_MS, on_done, p, NULL);
    assert_non_null(p->child);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0); /* the orphan comes, and ends */
    child_reap_others(0);
    info = (siginfo_t){0};
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(info.si_pid, 0);
    child_cancel(&p->child);
    child_reap_others(0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    probe_free(p);
}

static void test_child_that_cannot_run(void **state UNUSED)
{
    static const struct {
        const char *program;
        int sys_errno;
    } table[] = {
        {"/nonexistent/tool", ENOENT}, {"no-such-tool-anywhere", ENOENT}, {"/etc/passwd", EACCES}, {"", ENOENT}};
    struct probe *p = probe_new();

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char *argv[] = {(char *)table[i].program, NULL};
        struct err err = {0};

        assert_null(child_start(&p->loop, argv, NULL, STR_NONE, LONG_MS, on_done, p, &err));
        assert_int_equal(err.sys_errno, table[i].sys_errno);
        assert_non_null(strstr(err.detail, "cannot be run"));
    }
    probe_free(p);
}

/* With the standard descriptors closed, as some supervisors start services. */
static void test_child_without_standard_descriptors(void **state UNUSED)
{
    struct probe *p = probe_new();
    char *argv[] = {"sh", "-c", "printf x; printf y >&2", NULL};
    int kept[3];

    for (int fd = 0; fd < 3; fd++) {
        kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        close(fd);
    }
    run_in(p, argv, LONG_MS);
    for (int fd = 0; fd < 3; fd++) {
        if (kept[fd] < 0) continue;
        dup2(kept[fd], fd);
        close(kept[fd]);
    }
    assert_string_equal(p->output, "x");
    probe_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_child_exit_and_output),
                                       cmocka_unit_test(test_child_words_are_not_for_a_shell),
                                       cmocka_unit_test(test_child_output_limit),
                                       cmocka_unit_test(test_child_timeout_ends_the_group),
                                       cmocka_unit_test(test_child_cancel_kills_the_group),
                                       cmocka_unit_test(test_child_starts_clean),
                                       cmocka_unit_test(test_child_environment_and_path),
                                       cmocka_unit_test(test_child_timeout_ends_what_is_below),
                                       cmocka_unit_test(test_child_input),
                                       cmocka_unit_test(test_child_processes_of_others_are_waited_for),
                                       cmocka_unit_test(test_child_that_cannot_run),
                                       cmocka_unit_test(test_child_without_standard_descriptors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
