/* SPDX-License-Identifier: Apache-2.0
 * child.c: see child.h. The process is watched by a pidfd, so that nothing has to be done about SIGCHLD, and its number
 * cannot become another's before it was waited for.
 */
#include "io/child.h"

#include "base/secret.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REAP_MS = 1000 };

struct child {
    struct loop *loop; /* borrowed */
    pid_t pid;         /* 0: waited for */
    int pidfd, out, err;
    struct event *ended, *readable, *errors, *timer; /* owned */
    char *output;                                    /* owned, wiped; CHILD_OUTPUT_MAX bytes */
    size_t n;
    bool timed_out;
    child_done_fn *done;
    void *arg;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void free_event(struct event **ev)
{
    if (*ev) event_free(*ev);
    *ev = NULL;
}

/* A killed process is gone at once, unless the kernel holds it (a file server that does not answer): then it stays
 * unwaited-for, which is better than to stay with it. */
static void kill_group(struct child *c)
{
    struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
    siginfo_t info;

    if (!c->pid) return;
    kill(-c->pid, SIGKILL);
    if (c->pidfd >= 0) poll(&p, 1, REAP_MS);
    waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG);
    c->pid = 0;
}

static void child_free(struct child *c)
{
    free_event(&c->ended);
    free_event(&c->readable);
    free_event(&c->errors);
    free_event(&c->timer);
    close_fd(&c->pidfd);
    close_fd(&c->out);
    close_fd(&c->err);
    if (c->output) secret_wipe(c->output, CHILD_OUTPUT_MAX);
    free(c->output);
    free(c);
}

static void finish(struct child *c, enum child_end end, int code)
{
    struct child_result r = {end, code, {c->output, c->n}};

    kill_group(c);
    c->done(c->arg, &r);
    child_free(c);
}

/* False: it printed too much, and @c is gone. */
static bool read_output(struct child *c)
{
    char more;
    ssize_t n;

    do {
        bool full = c->n == CHILD_OUTPUT_MAX;

        n = full ? read(c->out, &more, 1) : read(c->out, c->output + c->n, CHILD_OUTPUT_MAX - c->n);
        if (n > 0 && full) {
            secret_wipe(&more, 1);
            finish(c, CHILD_TOO_MUCH, 0);
            return false;
        }
        if (n > 0) c->n += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n == 0) event_del(c->readable);
    return true;
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;

    (void)fd;
    (void)what;
    loop_touch(c->loop);
    (void)read_output(c);
}

static void on_errors(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    char secret[4096];
    ssize_t n = read(fd, secret, sizeof(secret));

    (void)what;
    loop_touch(c->loop);
    if (n > 0) secret_wipe(secret, (size_t)n);
    if (n == 0) event_del(c->errors);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    siginfo_t info = {0};

    (void)fd;
    (void)what;
    loop_touch(c->loop);
    if (!read_output(c)) return;
    if (c->timed_out) kill(-c->pid, SIGKILL); /* what it began and did not end */
    if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) return; /* not yet */
    c->pid = 0;
    if (c->timed_out)
        finish(c, CHILD_TIMED_OUT, 0);
    else
        finish(c, info.si_code == CLD_EXITED ? CHILD_EXITED : CHILD_SIGNALLED, info.si_status);
}

static struct timeval timeval_of(uint64_t ms)
{
    return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    struct timeval grace = timeval_of(CHILD_TERM_MS);

    (void)fd;
    (void)what;
    loop_touch(c->loop);
    if (!c->timed_out) {
        c->timed_out = true;
        kill(-c->pid, SIGTERM);
        if (event_add(c->timer, &grace) == 0) return;
    }
    finish(c, CHILD_TIMED_OUT, 0);
}

/* --- start --- */

/* Workers block signals and SIGPIPE is ignored: a program expects neither. */
static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawnattr_setsigmask(a, &none) || posix_spawnattr_setsigdefault(a, &all) ||
        posix_spawnattr_setpgroup(a, 0))
        return ENOMEM;
    return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int spawn(struct child *c, char *const argv[], int out, int err_out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&files);

    if (code) return code;
    code = posix_spawnattr_init(&attributes);
    if (code) {
        posix_spawn_file_actions_destroy(&files);
        return code;
    }
    code = set_attributes(&attributes);
    if (!code) code = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, err_out, STDERR_FILENO);
    if (!code) code = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1); /* what we were given, too */
    if (!code) code = posix_spawnp(&c->pid, argv[0], &files, &attributes, argv, environ);
    if (code) c->pid = 0;
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* The reading end in *@ours does not block. Both are above the standard descriptors: dup2 onto itself would leave
 * close-on-exec set. */
static int make_pipe(int *ours, int *theirs)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC)) return errno;
    *ours = fcntl(fds[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    *theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fds[0]);
    close(fds[1]);
    return *ours < 0 || *theirs < 0 || fcntl(*ours, F_SETFL, O_NONBLOCK) ? errno : 0;
}

static int spawn_with_pipes(struct child *c, char *const argv[])
{
    int out = -1, err_out = -1, code;

    code = make_pipe(&c->out, &out);
    if (!code) code = make_pipe(&c->err, &err_out);
    if (!code) code = spawn(c, argv, out, err_out);
    close_fd(&out);
    close_fd(&err_out);
    return code;
}

static int watch(struct child *c, uint64_t timeout_ms)
{
    struct event_base *base = c->loop->base;
    struct timeval timeout = timeval_of(timeout_ms);

    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0); /* close-on-exec by itself */
    if (c->pidfd < 0) return errno;
    c->ended = event_new(base, c->pidfd, EV_READ | EV_PERSIST, on_ended, c);
    c->readable = event_new(base, c->out, EV_READ | EV_PERSIST, on_output, c);
    c->errors = event_new(base, c->err, EV_READ | EV_PERSIST, on_errors, c);
    c->timer = event_new(base, -1, 0, on_timer, c);
    if (!c->ended || !c->readable || !c->errors || !c->timer) return ENOMEM;
    return event_add(c->ended, NULL) || event_add(c->readable, NULL) || event_add(c->errors, NULL) ||
                   event_add(c->timer, &timeout)
               ? ENOMEM
               : 0;
}

/* Whoever started us may have left SIGCHLD ignored: the kernel would then throw exit codes away. */
static void want_exit_codes(void)
{
    struct sigaction a;

    if (sigaction(SIGCHLD, NULL, &a) == 0 && a.sa_handler == SIG_IGN) signal(SIGCHLD, SIG_DFL);
}

struct child *child_start(struct loop *loop, char *const argv[], uint64_t timeout_ms, child_done_fn *done, void *arg,
                          struct err *err)
{
    struct child *c = calloc(1, sizeof(*c));
    int code;

    if (!c) {
        err_set(err, ERR_NO_MEMORY, 0, "%s", argv[0]);
        return NULL;
    }
    *c = (struct child){.loop = loop, .pidfd = -1, .out = -1, .err = -1, .done = done, .arg = arg};
    c->output = malloc(CHILD_OUTPUT_MAX);
    want_exit_codes();
    code = c->output ? spawn_with_pipes(c, argv) : ENOMEM;
    if (!code) code = watch(c, timeout_ms);
    if (!code) return c;
    err_set(err, ERR_INTERNAL, code, "%s cannot be run", argv[0]);
    child_cancel(&c);
    return NULL;
}

void child_cancel(struct child **cp)
{
    struct child *c = *cp;

    if (!c) return;
    *cp = NULL;
    kill_group(c);
    child_free(c);
}
