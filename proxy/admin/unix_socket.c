/* SPDX-License-Identifier: Apache-2.0
 * unix_socket.c: see unix_socket.h. Owns the socket, its path, and the connections of those that ask.
 *
 *   ASKING ──a line──▶ WAITING ──the command's reply──▶ ANSWERING ──all is sent──▶ gone
 */
#include "admin/unix_socket.h"

#include "base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST_ASKERS = 64, QUESTION_MAX = 64 * 1024, PIECE = 64 * 1024, ASK_S = 5, TAKE_S = 30 };

enum asker_state { ASKING, WAITING, ANSWERING };

struct asker {
    struct admin_call call; /* first: what a command gets is an asker */
    struct unix_socket *socket;
    struct asker *next;
    struct event *ev;         /* owned */
    struct evbuffer *buf;     /* owned: the question, then what waits of the answer */
    struct admin_stream rest; /* what follows that; .more is NULL: nothing */
    int fd;                   /* owned */
    enum asker_state state;
};

struct unix_socket {
    struct loop *loop;      /* borrowed */
    struct admin_call call; /* what each begins as */
    int fd;                 /* owned */
    struct event *ev;       /* owned */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct stat made; /* what we made there */
    struct asker *askers;
    size_t askers_n;
};

static void asker_free(struct asker *a)
{
    struct asker **at = &a->socket->askers;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    a->socket->askers_n--;
    if (a->ev) event_free(a->ev);
    if (a->rest.more) a->rest.end(a->rest.arg);
    admin_call_clear(&a->call);
    close(a->fd);
    if (a->buf) evbuffer_free(a->buf);
    free(a);
}

static void on_asker(evutil_socket_t fd, short what, void *arg);

/* For what comes next: more of the question, its end while the command is at it, room for the answer. @most_s: 0: for
 * however long. */
static bool wait_for(struct asker *a, short what, int most_s)
{
    struct timeval most = {most_s, 0};

    if (a->ev) event_free(a->ev);
    a->ev = event_new(a->socket->loop->base, a->fd, what, on_asker, a);
    return a->ev && event_add(a->ev, most_s ? &most : NULL) == 0;
}

/* So much of the answer that a turn of the loop is not long. */
static void fill(struct asker *a)
{
    while (a->rest.more && evbuffer_get_length(a->buf) < PIECE) {
        if (a->rest.more(a->rest.arg, a->buf)) continue;
        a->rest.more = NULL;
        a->rest.end(a->rest.arg);
    }
}

/* False: it is over, or there is nobody to send it to. */
static bool send_some(struct asker *a)
{
    fill(a);
    if (evbuffer_get_length(a->buf) && evbuffer_write(a->buf, a->fd) < 0 && errno != EAGAIN) return false;
    return (evbuffer_get_length(a->buf) || a->rest.more) && wait_for(a, EV_WRITE, TAKE_S);
}

static void answer(struct admin_call *call, struct evbuffer *text, const struct admin_stream *rest)
{
    struct asker *a = (struct asker *)call;

    if (a->buf) evbuffer_free(a->buf);
    a->buf = text;
    a->state = ANSWERING;
    if (rest) a->rest = *rest;
    if (!text || !send_some(a)) asker_free(a);
}

/* A line is there: the command has it, and may have answered already. */
static void run_command(struct asker *a, size_t n)
{
    struct evbuffer *line = a->buf;

    a->buf = NULL;
    a->state = WAITING;
    /* Each change of what the other side can still do is one event. */
    if (wait_for(a, EV_READ | EV_ET | EV_PERSIST, 0))
        admin_call_run(&a->call, str_make((const char *)evbuffer_pullup(line, (ev_ssize_t)n), n));
    else
        asker_free(a);
    evbuffer_free(line);
}

static void receive_some(struct asker *a)
{
    int n = evbuffer_read(a->buf, a->fd, QUESTION_MAX);
    struct evbuffer_ptr end = evbuffer_search_eol(a->buf, NULL, NULL, EVBUFFER_EOL_LF);

    if (end.pos >= 0)
        run_command(a, (size_t)end.pos);
    else if (evbuffer_get_length(a->buf) >= QUESTION_MAX)
        admin_reply_error(&a->call, "the question must be one line of at most %d bytes", QUESTION_MAX);
    else if (n == 0 || (n < 0 && errno != EAGAIN) || !wait_for(a, EV_READ, ASK_S))
        asker_free(a);
}

/* It does not only say no more: it listens no more either. */
static bool has_gone(const struct asker *a)
{
    struct pollfd p = {.fd = a->fd};

    return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void on_asker(evutil_socket_t fd, short what, void *arg)
{
    struct asker *a = arg;

    (void)fd;
    loop_touch(a->socket->loop);
    if (what & EV_TIMEOUT)
        asker_free(a);
    else if (a->state == ASKING)
        receive_some(a);
    else if (a->state == WAITING ? has_gone(a) : !send_some(a))
        asker_free(a);
}

/* Takes over @fd. */
static void asker_new(struct unix_socket *u, int fd)
{
    struct asker *a = calloc(1, sizeof(*a));
    struct ucred peer;
    socklen_t n = sizeof(peer);

    if (!a) {
        close(fd);
        return;
    }
    *a = (struct asker){.call = u->call, .socket = u, .next = u->askers, .buf = evbuffer_new(), .fd = fd};
    u->askers = a;
    u->askers_n++;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0)
        snprintf(a->call.by, sizeof(a->call.by), "uid %u, pid %d", (unsigned)peer.uid, (int)peer.pid);
    if (!a->buf || !wait_for(a, EV_READ, ASK_S)) asker_free(a);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct unix_socket *u = arg;
    int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    loop_touch(u->loop);
    if (peer < 0) return;
    if (u->askers_n < MOST_ASKERS)
        asker_new(u, peer);
    else
        close(peer);
}

/* A socket that nobody listens on was left by a proxy that was killed. Connecting to a file that is none is refused,
 * too. */
static bool is_left_over(const struct sockaddr_un *addr)
{
    struct stat st;

    if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;

    if (fd >= 0) close(fd);
    return refused;
}

static int bind_path(int fd, const struct sockaddr_un *addr)
{
    mode_t before = umask(0177);
    int r = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

    if (r && errno == EADDRINUSE && is_left_over(addr)) {
        unlink(addr->sun_path);
        r = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));
    }
    umask(before);
    return r;
}

static enum err_code cannot_bind(const struct sockaddr_un *addr, int why, struct err *err)
{
    const char *path = addr->sun_path;
    struct stat st;

    if (why != EADDRINUSE) return err_set(err, ERR_FILE, why, "[admin] socket: cannot make %s", path);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return err_set(err, ERR_FILE, why, "[admin] socket: %s is there and is no socket: it stays; name another path",
                       path);
    return err_set(err, ERR_FILE, why, "[admin] socket: another proxy has %s", path);
}

static enum err_code make_socket(struct unix_socket *u, const struct sockaddr_un *addr, struct err *err)
{
    u->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0) return err_set(err, ERR_FILE, errno, "socket");
    if (bind_path(u->fd, addr)) return cannot_bind(addr, errno, err);
    return listen(u->fd, MOST_ASKERS) ? err_set(err, ERR_FILE, errno, "listen on %s", addr->sun_path) : ERR_NONE;
}

static enum err_code open_socket(struct unix_socket *u, const char *path, int given, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    u->fd = given;
    if (!str_to_cstr(str_from(path), addr.sun_path, sizeof(addr.sun_path)))
        return err_set(err, ERR_FILE, 0, "the path of [admin] socket is too long: %s", path);
    if (given < 0) TRY(make_socket(u, &addr, err));
    memcpy(u->path, addr.sun_path, sizeof(u->path));
    if (lstat(u->path, &u->made)) u->path[0] = '\0';
    u->ev = event_new(u->loop->base, u->fd, EV_READ | EV_PERSIST, on_accept, u);
    return u->ev ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "admin socket");
}

int unix_socket_fd(const struct unix_socket *u)
{
    return u->fd;
}

void unix_socket_enter(struct unix_socket *u)
{
    if (event_add(u->ev, NULL)) LOG(LOG_ERROR, "%s: nobody can be answered", u->path);
}

/* Meanwhile another may have put something of its own there. */
static bool is_ours(const struct unix_socket *u)
{
    struct stat st;

    return u->path[0] && lstat(u->path, &st) == 0 && st.st_dev == u->made.st_dev && st.st_ino == u->made.st_ino;
}

/* The other process may have another path now, and nobody listens here any more. */
static void remove_left_over(const struct unix_socket *u)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    memcpy(addr.sun_path, u->path, sizeof(addr.sun_path));
    if (is_ours(u) && is_left_over(&addr)) unlink(u->path);
}

void unix_socket_leave(struct unix_socket *u)
{
    if (u->fd < 0) return;
    event_free(u->ev);
    u->ev = NULL;
    close(u->fd);
    u->fd = -1;
    remove_left_over(u);
    u->path[0] = '\0';
}

enum err_code unix_socket_new(struct loop *loop, const char *path, int given, const struct admin_call *call,
                              struct unix_socket **out, struct err *err)
{
    struct unix_socket *u = calloc(1, sizeof(*u));
    enum err_code code;

    if (!u) return err_set(err, ERR_NO_MEMORY, 0, "admin socket");
    u->loop = loop;
    u->call = *call;
    u->call.answer = answer;
    u->fd = -1;
    code = open_socket(u, path, given, err);
    if (code != ERR_NONE)
        unix_socket_free(&u);
    else
        *out = u;
    return code;
}

void unix_socket_free(struct unix_socket **up)
{
    struct unix_socket *u = *up;

    *up = NULL;
    if (!u) return;
    while (u->askers)
        asker_free(u->askers); /* NOLINT: it takes itself out of the list */
    if (u->ev) event_free(u->ev);
    if (is_ours(u)) unlink(u->path);
    if (u->fd >= 0) close(u->fd);
    free(u);
}
