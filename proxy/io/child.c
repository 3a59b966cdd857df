/* SPDX-License-Identifier: Apache-2.0
 * child.c: see child.h. The process is watched by a pidfd, so that nothing has to be done about SIGCHLD, and its number
 * cannot become another's before it was waited for.
 */
#include "io/child.h"

#include "base/secret.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REAP_MS = 1000, ENVIRON_MAX = 256 * 1024, KILL_ROUNDS = 10, DEPTH_MOST = 16 };
enum { MARK_DIGITS = 16 }; /* of one that stands for itself; what a marked program begins has twice as many */

struct child {
    struct loop *loop;   /* borrowed */
    struct child **prev; /* what points here, in the list of all; NULL: not in it */
    struct child *next;
    pid_t listed; /* its number, for who reads the list */
    pid_t pid;    /* the same; 0: waited for */
    char mark[CHILD_MARK];
    int pidfd, out, err;
    struct event *ended, *readable, *errors, *timer; /* owned */
    char *output;                                    /* owned, wiped; CHILD_OUTPUT_MAX bytes */
    size_t n;
    bool timed_out;
    child_done_fn *done;
    void *arg;
};

/* Those of all loops. */
static struct {
    pthread_mutex_t lock;
    struct child *first;
} children = {.lock = PTHREAD_MUTEX_INITIALIZER};

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

/* --- what it began --- */

static bool carries(const char *pid, struct str mark, char *mem)
{
    char path[64];
    ssize_t n = -1;
    int fd;

    snprintf(path, sizeof(path), "/proc/%.32s/environ", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) n = read(fd, mem, ENVIRON_MAX);
    close_fd(&fd);
    return n > 0 && str_find(str_make(mem, (size_t)n), mark) != SIZE_MAX;
}

/* False: none was found. The descriptor is opened before the look: it cannot become another's. */
static bool kill_marked(struct str mark, char *mem)
{
    DIR *proc = opendir("/proc");
    bool found = false;

    for (struct dirent *d; proc && (d = readdir(proc));) {
        long pid = strtol(d->d_name, NULL, 10);
        int fd = pid > 1 && pid != getpid() ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;

        if (fd >= 0 && carries(d->d_name, mark, mem))
            found |= syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;
        close_fd(&fd);
    }
    if (proc) closedir(proc);
    return found;
}

/* Processes may begin others while we look. */
void child_kill_marked(const char *mark)
{
    char *mem = malloc(ENVIRON_MAX);

    for (int i = 0; mem && i < KILL_ROUNDS && kill_marked(str_from(mark), mem); i++)
        ;
    if (mem) secret_wipe(mem, ENVIRON_MAX);
    free(mem);
}

static size_t read_file(const char *path, char *mem, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, mem, cap) : -1;

    close_fd(&fd);
    return n > 0 ? (size_t)n : 0;
}

/* Whether @pid runs, as a child of @parent: "12 (a name) S 3 …" in its stat. */
static bool is_child_of(pid_t pid, pid_t parent)
{
    char path[64], mem[512];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    struct str stat = str_make(mem, read_file(path, mem, sizeof(mem) - 1));
    size_t at = str_rindex(stat, ')');
    mem[stat.n] = '\0';
    if (at == SIZE_MAX || stat.n - at < sizeof(") Z 1") - 1) return false;
    return mem[at + 2] != 'Z' && strtol(mem + at + 3, NULL, 10) == parent;
}

static bool kill_one(pid_t pid, pid_t parent)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool killed = fd >= 0 && is_child_of(pid, parent) && syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;

    close_fd(&fd);
    return killed;
}

/* Descendants of @parent that are not in @group. False: there was none. */
static bool kill_below(pid_t parent, pid_t group, unsigned depth)
{
    char path[64], mem[4096], *end;
    bool found = false;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
    mem[read_file(path, mem, sizeof(mem) - 1)] = '\0';
    for (const char *p = mem; depth < DEPTH_MOST; p = end) {
        pid_t pid = (pid_t)strtol(p, &end, 10);

        if (end == p) break;
        found |= kill_below(pid, group, depth + 1);
        if (getpgid(pid) != group) found |= kill_one(pid, parent);
    }
    return found;
}

/* What left its group and carries no variable, either, as long as it is known by its parents. */
static void kill_descendants(const struct child *c)
{
    for (int i = 0; i < KILL_ROUNDS && kill_below(c->pid, c->pid, 0); i++)
        ;
}

static bool is_listed(pid_t pid)
{
    const struct child *c = children.first;

    while (c && c->listed != pid)
        c = c->next;
    return c;
}

/* Under the lock, which who starts one holds, too: none of ours is taken for another's before it is listed. */
void child_reap_others(pid_t spared)
{
    siginfo_t info = {0};

    pthread_mutex_lock(&children.lock);
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
        if (info.si_pid == spared || is_listed(info.si_pid)) break; /* its own event is on the way */
        waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
        info = (siginfo_t){0};
    }
    pthread_mutex_unlock(&children.lock);
}

/* A killed process is gone at once, unless the kernel holds it (a file server that does not answer): then it stays
 * unwaited-for, which is better than to stay with it. */
static void kill_group(struct child *c)
{
    struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
    siginfo_t info;

    if (!c->pid) return;
    kill_descendants(c);
    kill(-c->pid, SIGKILL);
    child_kill_marked(c->mark); /* what left its group, too */
    if (c->pidfd >= 0) poll(&p, 1, REAP_MS);
    waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG);
    c->pid = 0;
}

/* With the lock held. */
static void list(struct child *c)
{
    c->listed = c->pid;
    c->next = children.first;
    c->prev = &children.first;
    if (c->next) c->next->prev = &c->next;
    children.first = c;
}

static void unlist(struct child *c)
{
    pthread_mutex_lock(&children.lock);
    if (c->prev) *c->prev = c->next;
    if (c->prev && c->next) c->next->prev = c->prev;
    pthread_mutex_unlock(&children.lock);
}

static void child_free(struct child *c)
{
    unlist(c);
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
    if (c->timed_out) child_kill_marked(c->mark);
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
        kill_descendants(c); /* before it ends: they would be nobody's then */
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

static bool is_in(const struct str_list *names, const char *variable)
{
    for (size_t i = 0; names && i < names->n; i++) {
        size_t n = strlen(names->v[i]);

        if (strncmp(variable, names->v[i], n) == 0 && variable[n] == '=') return true;
    }
    return false;
}

static void put_random(struct sbuf *out)
{
    uint64_t random;

    secret_random(&random, sizeof(random));
    sbuf_printf(out, "%0*" PRIx64, MARK_DIGITS, random);
}

void child_make_mark(char out[CHILD_MARK])
{
    struct sbuf b = sbuf_make(out, CHILD_MARK - 1);

    sbuf_add(&b, STR(CHILD_MARK_NAME "="));
    put_random(&b);
    out[b.n] = '\0';
}

/* Behind the mark that we carry ourselves, so that who kills what carries that finds this, too. */
static void make_own_mark(char out[CHILD_MARK])
{
    struct sbuf b = sbuf_make(out, CHILD_MARK - 1);
    const char *ours = getenv(CHILD_MARK_NAME);

    sbuf_printf(&b, "%s=%s", CHILD_MARK_NAME, ours && strlen(ours) == MARK_DIGITS ? ours : "");
    put_random(&b);
    ASSERT(!b.overflow);
    out[b.n] = '\0';
}

/* Ours without @without, and the mark. Heap; its texts are borrowed. */
static char **make_environment(struct child *c, const struct str_list *without)
{
    size_t n = 0, kept = 0;
    char **v;

    while (environ[n])
        n++;
    v = calloc(n + 2, sizeof(*v));
    if (!v) return NULL;
    make_own_mark(c->mark);
    v[kept++] = c->mark;
    for (size_t i = 0; i < n; i++)
        if (!is_in(without, environ[i]) && !str_starts(str_from(environ[i]), STR(CHILD_MARK_NAME "=")))
            v[kept++] = environ[i];
    return v;
}

/* The ends of the pipes that it gets. */
struct child_ends {
    int in, out, err; /* in: -1, /dev/null */
};

static int spawn(struct child *c, char *const argv[], char *const environment[], const struct child_ends *ends)
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
    if (!code)
        code = ends->in < 0 ? posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
                            : posix_spawn_file_actions_adddup2(&files, ends->in, STDIN_FILENO);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, ends->out, STDOUT_FILENO);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, ends->err, STDERR_FILENO);
    if (!code) code = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1); /* what we were given, too */
    pthread_mutex_lock(&children.lock);
    if (!code) code = posix_spawnp(&c->pid, argv[0], &files, &attributes, argv, environment);
    if (code) c->pid = 0;
    if (!code) list(c);
    pthread_mutex_unlock(&children.lock);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* Our end, *@ours, does not block. Both are above the standard descriptors: dup2 onto itself would leave close-on-exec
 * set. */
static int make_pipe(int *reading, int *writing, const int *ours)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC)) return errno;
    *reading = fcntl(fds[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    *writing = fcntl(fds[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fds[0]);
    close(fds[1]);
    return *reading < 0 || *writing < 0 || fcntl(*ours, F_SETFL, O_NONBLOCK) ? errno : 0;
}

/* A pipe that holds @input, and then ends. */
static int make_input(struct str input, int *theirs)
{
    int ours = -1, code = make_pipe(theirs, &ours, &ours);

    if (!code) {
        ssize_t n = write(ours, input.p, input.n);
        code = n < 0 ? errno : (size_t)n < input.n ? ENOBUFS : 0;
    }
    close_fd(&ours);
    return code;
}

static int spawn_with_pipes(struct child *c, char *const argv[], const struct str_list *without, struct str input)
{
    char **environment = make_environment(c, without);
    struct child_ends ends = {-1, -1, -1};
    int code = environment ? 0 : ENOMEM;

    ASSERT(input.n <= CHILD_INPUT_MAX);
    if (!code && input.n) code = make_input(input, &ends.in);
    if (!code) code = make_pipe(&c->out, &ends.out, &c->out);
    if (!code) code = make_pipe(&c->err, &ends.err, &c->err);
    if (!code) code = spawn(c, argv, environment, &ends);
    free(environment);
    close_fd(&ends.in);
    close_fd(&ends.out);
    close_fd(&ends.err);
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

struct child *child_start(struct loop *loop, char *const argv[], const struct str_list *without, struct str input,
                          uint64_t timeout_ms, child_done_fn *done, void *arg, struct err *err)
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
    code = c->output ? spawn_with_pipes(c, argv, without, input) : ENOMEM;
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
