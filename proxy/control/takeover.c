/* SPDX-License-Identifier: Apache-2.0
 * takeover.c: see takeover.h. The channel is a pair of SOCK_SEQPACKET sockets; its end tells of the other's.
 */
#include "control/takeover.h"

#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST = 3, SAID_MAX = 4096, WHY_MAX = SAID_MAX + 256, WORD_MAX = 16 };

static const char variable[] = "S3ONRAMP_TAKEOVER"; /* the descriptors of the channel and of standard error */

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

static void say(int channel, const char *word)
{
    ssize_t n = send(channel, word, strlen(word), MSG_NOSIGNAL);

    (void)n; /* its end is an event of its own */
}

/* "": the other has ended. False: nothing yet. */
static bool hear(int channel, char word[WORD_MAX])
{
    ssize_t n = recv(channel, word, WORD_MAX - 1, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    word[n > 0 ? n : 0] = '\0';
    return true;
}

/* --- who hands over --- */

struct takeover {
    struct loop *loop; /* borrowed */
    pid_t pid;         /* 0: waited for */
    int channel, pidfd, words;
    struct event *heard, *ended, *spoken, *timer; /* owned */
    bool ready;                                   /* and "go" was said */
    bool over;
    char said[SAID_MAX];
    size_t said_n;
    takeover_done_fn *done;
    void *arg;
};

pid_t takeover_pid(const struct takeover *t)
{
    return t ? t->pid : 0;
}

/* One line of the new program's. */
static void log_words(struct str line)
{
    if (line.n) LOG(LOG_INFO, "upgrade: the new program: %.*s", (int)line.n, line.p);
}

/* What it wrote. */
static void read_words(struct takeover *t)
{
    char text[4096];
    ssize_t n;

    while ((n = read(t->words, text, sizeof(text))) > 0) {
        struct str rest = str_make(text, (size_t)n), line;
        size_t room = SAID_MAX - 1 - t->said_n, kept = (size_t)n < room ? (size_t)n : room;

        memcpy(t->said + t->said_n, text, kept);
        t->said_n += kept;
        while (str_split(&rest, '\n', &line))
            log_words(line);
    }
    if (n == 0) free_event(&t->spoken);
}

static void on_spoken(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct takeover *t = arg;

    loop_touch(t->loop);
    read_words(t);
}

static void finish(struct takeover *t, pid_t pid, const char *reason)
{
    char why[WHY_MAX] = "";

    if (t->over) return;
    t->over = true;
    free_event(&t->timer);
    read_words(t);
    while (t->said_n && t->said[t->said_n - 1] == '\n')
        t->said_n--;
    for (size_t i = 0; i < t->said_n; i++)
        if (t->said[i] == '\n') t->said[i] = ';';
    if (!pid) snprintf(why, sizeof(why), "%s%s%.*s", reason, t->said_n ? ": " : "", (int)t->said_n, t->said);
    t->done(t->arg, pid, why); /* may free @t */
}

static void kill_it(struct takeover *t)
{
    siginfo_t info;

    if (!t->pid) return;
    kill(t->pid, SIGKILL);
    waitid(P_PID, (id_t)t->pid, &info, WEXITED);
    t->pid = 0;
}

static void give_up(struct takeover *t, const char *why)
{
    kill_it(t);
    free_event(&t->ended);
    finish(t, 0, why);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct takeover *t = arg;

    loop_touch(t->loop);
    give_up(t, "it was not ready in time, and was ended");
}

bool takeover_cancel(struct takeover *t, const char *why)
{
    if (t->over) return true;
    if (t->ready) return false;
    give_up(t, why);
    return true;
}

static void on_ended(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct takeover *t = arg;
    siginfo_t info = {0};
    char reason[80];

    loop_touch(t->loop);
    if (waitid(P_PID, (id_t)t->pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) return; /* not yet */
    t->pid = 0;
    free_event(&t->ended);
    if (info.si_code == CLD_EXITED)
        snprintf(reason, sizeof(reason), "it ended with exit code %d", info.si_status);
    else
        snprintf(reason, sizeof(reason), "signal %d ended it", info.si_status);
    finish(t, 0, reason);
}

static void on_heard(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct takeover *t = arg;
    char word[WORD_MAX];

    loop_touch(t->loop);
    if (!hear(t->channel, word)) return;
    if (strcmp(word, "ready") == 0) {
        t->ready = true;
        say(t->channel, "go");
    } else if (t->ready && strcmp(word, "serving") == 0) {
        free_event(&t->heard);
        finish(t, t->pid, "");
    } else { /* its end is told by on_ended, and what does not know our words by on_timer */
        free_event(&t->heard);
    }
}

/* --- start --- */

/* The environment of the new program. Heap, with the texts of @own in it; all other texts are borrowed. */
static char **make_environment(char *const own[2])
{
    static const char *const without[] = {variable, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"};
    size_t n = 0, kept = 0;
    char **v;

    while (environ[n])
        n++;
    v = calloc(n + 3, sizeof(*v));
    if (!v) return NULL;
    for (size_t i = 0; i < n; i++) {
        bool drop = false;

        for (size_t k = 0; k < ARRAY_LEN(without); k++)
            drop |= str_starts(str_from(environ[i]), str_from(without[k])) && environ[i][strlen(without[k])] == '=';
        if (!drop) v[kept++] = environ[i];
    }
    v[kept++] = own[0];
    v[kept] = own[1];
    return v;
}

/* @placed: what becomes descriptors FIRST and on; all are beyond these. */
static int spawn(pid_t *pid, char *const argv[], const int *placed, size_t n, int words)
{
    char sockets[32], channel[48], *own[] = {sockets, channel}, **environment;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int code = 0;

    snprintf(sockets, sizeof(sockets), "LISTEN_FDS=%zu", n - 2);
    snprintf(channel, sizeof(channel), "%s=%zu %zu", variable, FIRST + n - 2, FIRST + n - 1);
    environment = make_environment(own);
    if (!environment || posix_spawn_file_actions_init(&files)) {
        free(environment);
        return ENOMEM;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (size_t i = 0; !code && i < n; i++)
        code = posix_spawn_file_actions_adddup2(&files, placed[i], FIRST + (int)i);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, words, STDERR_FILENO);
    if (!code) code = posix_spawn_file_actions_addclosefrom_np(&files, FIRST + (int)n);
    if (!code) code = posix_spawnp(pid, argv[0], &files, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    return code;
}

/* Copies of @fds, of the channel's end and of standard error, beyond where they go. */
static int place(int *placed, const int *fds, size_t n, int channel)
{
    int least = FIRST + (int)n + 2;

    for (size_t i = 0; i < n + 2; i++) {
        int fd = i < n ? fds[i] : i == n ? channel : STDERR_FILENO;

        placed[i] = fcntl(fd, F_DUPFD_CLOEXEC, least);
        if (placed[i] < 0) return errno;
    }
    return 0;
}

static int start_program(struct takeover *t, char *const argv[], const int *fds, size_t n)
{
    int channel[2] = {-1, -1}, words[2] = {-1, -1}, code = 0, *placed = malloc((n + 2) * sizeof(*placed));

    if (!placed) return ENOMEM;
    memset(placed, 0xff, (n + 2) * sizeof(*placed));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) || pipe2(words, O_CLOEXEC)) code = errno;
    t->channel = channel[0];
    t->words = words[0];
    if (!code) code = place(placed, fds, n, channel[1]);
    if (!code) code = fcntl(t->words, F_SETFL, O_NONBLOCK) ? errno : 0;
    if (!code) code = spawn(&t->pid, argv, placed, n + 2, words[1]);
    for (size_t i = 0; i < n + 2; i++)
        close_fd(&placed[i]);
    free(placed);
    close_fd(&channel[1]);
    close_fd(&words[1]);
    return code;
}

static int watch(struct takeover *t, uint64_t timeout_ms)
{
    struct event_base *base = t->loop->base;
    struct timeval most = {(time_t)(timeout_ms / 1000), (suseconds_t)(timeout_ms % 1000 * 1000)};

    t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0); /* close-on-exec by itself */
    if (t->pidfd < 0) return errno;
    t->heard = event_new(base, t->channel, EV_READ | EV_PERSIST, on_heard, t);
    t->spoken = event_new(base, t->words, EV_READ | EV_PERSIST, on_spoken, t);
    t->ended = event_new(base, t->pidfd, EV_READ | EV_PERSIST, on_ended, t);
    t->timer = event_new(base, -1, 0, on_timer, t);
    if (!t->heard || !t->spoken || !t->ended || !t->timer) return ENOMEM;
    return event_add(t->heard, NULL) || event_add(t->spoken, NULL) || event_add(t->ended, NULL) ||
                   event_add(t->timer, &most)
               ? ENOMEM
               : 0;
}

struct takeover *takeover_start(struct loop *loop, char *const argv[], const int *fds, size_t fds_n,
                                uint64_t timeout_ms, takeover_done_fn *done, void *arg, struct err *err)
{
    struct takeover *t = calloc(1, sizeof(*t));
    int code;

    if (!t) {
        err_set(err, ERR_NO_MEMORY, 0, "upgrade");
        return NULL;
    }
    *t = (struct takeover){.loop = loop, .channel = -1, .pidfd = -1, .words = -1, .done = done, .arg = arg};
    code = start_program(t, argv, fds, fds_n);
    if (!code) code = watch(t, timeout_ms);
    if (!code) return t;
    err_set(err, ERR_INTERNAL, code, "%s cannot be run", argv[0]);
    takeover_free(&t);
    return NULL;
}

void takeover_free(struct takeover **tp)
{
    struct takeover *t = *tp;

    if (!t) return;
    *tp = NULL;
    if (t->over)
        say(t->channel, "main");
    else
        kill_it(t);
    free_event(&t->heard);
    free_event(&t->spoken);
    free_event(&t->ended);
    free_event(&t->timer);
    close_fd(&t->channel);
    close_fd(&t->pidfd);
    close_fd(&t->words);
    free(t);
}

/* --- who takes over --- */

struct heir {
    struct loop *loop;
    int channel; /* owned */
    FILE *words; /* owned */
    bool serves;
    struct event *heard; /* owned */
    void (*on_go)(void *arg);
    void (*on_main)(void *arg);
    void *arg;
};

/* Standard error becomes what it is to the old process; what it was is for words only. */
static enum err_code take_descriptors(struct heir *h, const char *text, struct err *err)
{
    char *end;
    int standard_error, words;

    h->channel = (int)strtol(text, &end, 10);
    standard_error = (int)strtol(end, NULL, 10);
    if (!standard_error || fcntl(h->channel, F_SETFD, FD_CLOEXEC))
        return err_set(err, ERR_INTERNAL, 0, "%s is not what an upgrade sets", variable);
    words = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FIRST);
    h->words = words >= 0 ? fdopen(words, "w") : NULL;
    if (!h->words || dup2(standard_error, STDERR_FILENO) < 0)
        return err_set(err, ERR_INTERNAL, errno, "standard error of the process before");
    setvbuf(h->words, NULL, _IOLBF, 0);
    close(standard_error);
    return ERR_NONE;
}

enum err_code heir_new(struct heir **out, struct err *err)
{
    const char *text = getenv(variable);
    struct heir *h = text ? calloc(1, sizeof(*h)) : NULL;
    enum err_code code;

    if (!text) return ERR_NONE;
    if (!h) return err_set(err, ERR_NO_MEMORY, 0, "upgrade");
    h->channel = -1;
    code = take_descriptors(h, text, err);
    unsetenv(variable);
    if (code != ERR_NONE)
        heir_free(&h);
    else
        *out = h;
    return code;
}

FILE *heir_words(struct heir *h)
{
    return h->words;
}

static void on_word(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct heir *h = arg;
    char word[WORD_MAX];

    loop_touch(h->loop);
    if (!hear(h->channel, word)) return;
    if (h->serves || !*word) free_event(&h->heard); /* "main", or there is nobody any more who could say it */
    if (!h->serves) h->on_go(h->arg);
    if (h->serves && !h->heard) h->on_main(h->arg);
}

enum err_code heir_ready(struct heir *h, struct loop *loop, void (*on_go)(void *arg), void (*on_main)(void *arg),
                         void *arg, struct err *err)
{
    h->loop = loop;
    h->on_go = on_go;
    h->on_main = on_main;
    h->arg = arg;
    h->heard = event_new(loop->base, h->channel, EV_READ | EV_PERSIST, on_word, h);
    if (!h->heard || event_add(h->heard, NULL)) return err_set(err, ERR_NO_MEMORY, 0, "upgrade");
    say(h->channel, "ready");
    return ERR_NONE;
}

void heir_serving(struct heir *h)
{
    h->serves = true;
    say(h->channel, "serving");
}

void heir_leave(struct heir *h)
{
    free_event(&h->heard);
}

void heir_free(struct heir **hp)
{
    struct heir *h = *hp;

    if (!h) return;
    *hp = NULL;
    close_fd(&h->channel);
    if (h->words) fclose(h->words);
    free(h);
}
