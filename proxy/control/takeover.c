/* SPDX-License-Identifier: Apache-2.0
 * takeover.c: see takeover.h. The channel is a pair of SOCK_SEQPACKET sockets; its end tells of the other's end.
 */
#include "control/takeover.h"

#include "base/log.h"
#include "io/child.h"

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

/* The descriptors of standard error and of the channel, then of those to the processes of earlier takeovers. */
static const char variable[] = "S3ONRAMP_TAKEOVER";

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
    struct loop *loop;     /* borrowed */
    pid_t pid;             /* 0: waited for */
    char mark[CHILD_MARK]; /* of what it begins */
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

/* What helps it would wait for ever for what nobody wants any more. */
static void kill_it(struct takeover *t)
{
    siginfo_t info;

    if (!t->pid) return;
    kill(t->pid, SIGKILL);
    waitid(P_PID, (id_t)t->pid, &info, WEXITED);
    t->pid = 0;
    child_kill_marked(t->mark);
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
    if (info.si_code != CLD_EXITED) child_kill_marked(t->mark);
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

enum { OWN = 3 }; /* variables of its environment that are made for it */

/* The environment of the new program. Heap, with the texts of @own in it; all other texts are borrowed. */
static char **make_environment(char *const own[OWN])
{
    static const char *const without[] = {variable,         "LISTEN_PID",   "LISTEN_FDS",
                                          "LISTEN_FDNAMES", "WATCHDOG_PID", CHILD_MARK_NAME};
    size_t n = 0, kept = 0;
    char **v;

    while (environ[n])
        n++;
    v = calloc(n + OWN + 1, sizeof(*v));
    if (!v) return NULL;
    for (size_t i = 0; i < n; i++) {
        bool drop = false;

        for (size_t k = 0; k < ARRAY_LEN(without); k++)
            drop |= str_starts(str_from(environ[i]), str_from(without[k])) && environ[i][strlen(without[k])] == '=';
        if (!drop) v[kept++] = environ[i];
    }
    memcpy(v + kept, own, OWN * sizeof(*v));
    return v;
}

/* As struct takeover_gift, with this takeover's channel before the others; what becomes descriptors FIRST and on. */
struct parcel {
    int *v; /* owned, as what they are: beyond where they go */
    size_t n, sockets_n;
};

/* The environment variables of it. Heap. */
static char *sockets_text(const struct parcel *p)
{
    char *text;

    return asprintf(&text, "LISTEN_FDS=%zu", p->sockets_n) < 0 ? NULL : text;
}

static char *channels_text(const struct parcel *p)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (!out) return NULL;
    fprintf(out, "%s=", variable);
    for (size_t i = p->sockets_n; i < p->n; i++)
        fprintf(out, "%zu ", FIRST + i);
    return fclose(out) ? NULL : text;
}

static int spawn_with(pid_t *pid, char *const argv[], char *const own[OWN], const struct parcel *p, int words)
{
    char **environment = make_environment(own);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int code = 0;

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
    for (size_t i = 0; !code && i < p->n; i++)
        code = posix_spawn_file_actions_adddup2(&files, p->v[i], FIRST + (int)i);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, words, STDERR_FILENO);
    if (!code) code = posix_spawn_file_actions_addclosefrom_np(&files, FIRST + (int)p->n);
    if (!code) code = posix_spawnp(pid, argv[0], &files, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    return code;
}

static int spawn(struct takeover *t, char *const argv[], const struct parcel *p, int words)
{
    char *own[OWN] = {sockets_text(p), channels_text(p), t->mark};
    int code = own[0] && own[1] ? spawn_with(&t->pid, argv, own, p, words) : ENOMEM;

    free(own[0]);
    free(own[1]);
    return code;
}

static int put(struct parcel *p, int fd, int least)
{
    p->v[p->n] = fcntl(fd, F_DUPFD_CLOEXEC, least);
    return p->v[p->n++] < 0 ? errno : 0;
}

static int pack(struct parcel *p, const struct takeover_gift *gift, int channel)
{
    size_t n = gift->sockets_n + gift->channels_n + 2;
    int least = FIRST + (int)n, code = 0;

    *p = (struct parcel){.v = malloc(n * sizeof(*p->v)), .sockets_n = gift->sockets_n};
    if (!p->v) return ENOMEM;
    for (size_t i = 0; !code && i < gift->sockets_n; i++)
        code = put(p, gift->sockets[i], least);
    if (!code) code = put(p, STDERR_FILENO, least);
    if (!code) code = put(p, channel, least);
    for (size_t i = 0; !code && i < gift->channels_n; i++)
        code = put(p, gift->channels[i], least);
    return code;
}

static void unpack(struct parcel *p)
{
    for (size_t i = 0; i < p->n; i++)
        close_fd(&p->v[i]);
    free(p->v);
}

static int start_program(struct takeover *t, char *const argv[], const struct takeover_gift *gift)
{
    int channel[2] = {-1, -1}, words[2] = {-1, -1}, code = 0;
    struct parcel parcel = {0};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) || pipe2(words, O_CLOEXEC)) code = errno;
    t->channel = channel[0];
    t->words = words[0];
    if (!code) code = pack(&parcel, gift, channel[1]);
    if (!code) code = fcntl(t->words, F_SETFL, O_NONBLOCK) ? errno : 0;
    if (!code) code = spawn(t, argv, &parcel, words[1]);
    unpack(&parcel);
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

struct takeover *takeover_start(struct loop *loop, char *const argv[], const struct takeover_gift *gift,
                                uint64_t timeout_ms, takeover_done_fn *done, void *arg, struct err *err)
{
    struct takeover *t = calloc(1, sizeof(*t));
    int code;

    if (!t) {
        err_set(err, ERR_NO_MEMORY, 0, "upgrade");
        return NULL;
    }
    *t = (struct takeover){.loop = loop, .channel = -1, .pidfd = -1, .words = -1, .done = done, .arg = arg};
    child_make_mark(t->mark);
    code = start_program(t, argv, gift);
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
    if (!t->over) kill_it(t);
    free_event(&t->heard);
    free_event(&t->spoken);
    free_event(&t->ended);
    free_event(&t->timer);
    close_fd(&t->channel);
    close_fd(&t->pidfd);
    close_fd(&t->words);
    free(t);
}

int takeover_end(struct takeover **t)
{
    int channel = (*t)->channel;

    say(channel, "main");
    (*t)->channel = -1;
    takeover_free(t);
    return channel;
}

/* --- who takes over --- */

struct heir {
    struct loop *loop;
    int channel;  /* owned */
    int *earlier; /* owned, as what they are: channels to the processes of earlier takeovers */
    size_t earlier_n;
    FILE *words; /* owned */
    bool serves;
    struct event *heard; /* owned */
    void (*on_go)(void *arg);
    void (*on_main)(void *arg);
    void *arg;
};

/* The next descriptor of @text; -1: there is none. */
static int take_descriptor(const char **text)
{
    char *end;
    long fd = strtol(*text, &end, 10);

    if (end == *text) return -1;
    *text = end;
    return fd < FIRST || fcntl((int)fd, F_SETFD, FD_CLOEXEC) ? -1 : (int)fd;
}

/* What it was is for words only. */
static enum err_code take_standard_error(struct heir *h, int fd, struct err *err)
{
    int words = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FIRST);

    h->words = words >= 0 ? fdopen(words, "w") : NULL;
    if (!h->words || dup2(fd, STDERR_FILENO) < 0)
        return err_set(err, ERR_INTERNAL, errno, "standard error of the process before");
    setvbuf(h->words, NULL, _IOLBF, 0);
    close(fd);
    return ERR_NONE;
}

static enum err_code take_descriptors(struct heir *h, const char *text, struct err *err)
{
    int standard_error = take_descriptor(&text), fd;

    h->channel = take_descriptor(&text);
    if (standard_error < 0 || h->channel < 0)
        return err_set(err, ERR_INTERNAL, 0, "%s is not what an upgrade sets", variable);
    h->earlier = calloc(strlen(text) + 1, sizeof(*h->earlier));
    if (!h->earlier) return err_set(err, ERR_NO_MEMORY, 0, "upgrade");
    while ((fd = take_descriptor(&text)) >= 0)
        h->earlier[h->earlier_n++] = fd;
    return take_standard_error(h, standard_error, err);
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

void heir_lead(struct heir *h, struct followers *followers)
{
    for (size_t i = 0; i < h->earlier_n; i++)
        followers_add(followers, h->earlier[i]);
    h->earlier_n = 0;
    followers_add(followers, h->channel);
    h->channel = -1;
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
    for (size_t i = 0; i < h->earlier_n; i++)
        close_fd(&h->earlier[i]);
    free(h->earlier);
    if (h->words) fclose(h->words);
    free(h);
}
