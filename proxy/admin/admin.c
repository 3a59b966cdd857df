/* SPDX-License-Identifier: Apache-2.0
 * admin.c: see admin.h. Owns the socket, its path, and the few connections that are open at a time.
 */
#include "admin/admin.h"

#include "admin/status.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST_VISITORS = 16, REQUEST_MAX = 1024, VISIT_S = 5 };

struct visitor {
    struct admin *admin;
    struct visitor *next;
    struct event *ev; /* owned */
    int fd;           /* owned */
    char in[REQUEST_MAX];
    size_t in_n;
    char *out; /* owned: the answer; NULL: not asked yet */
    size_t out_n, out_sent;
};

struct admin {
    struct server *server; /* borrowed, as its loop */
    struct loop *loop;
    int64_t started_us;
    int fd;           /* owned */
    struct event *ev; /* owned */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct stat made; /* what we made there */
    struct visitor *visitors;
    size_t visitors_n;
};

static void visitor_free(struct visitor *v)
{
    struct visitor **at = &v->admin->visitors;

    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
    v->admin->visitors_n--;
    if (v->ev) event_free(v->ev);
    close(v->fd);
    free(v->out);
    free(v);
}

static json_t *answer_to(const struct visitor *v, struct str line)
{
    const struct admin *a = v->admin;
    json_t *asked = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
    const char *command = json_string_value(json_object_get(asked, "command"));
    const char *name = json_string_value(json_object_get(asked, "credentials"));
    bool drop = command && strcmp(command, "drop") == 0 && name;
    json_t *out;

    if (drop) credential_store_drop(server_credentials(a->server), name);
    if (drop || (command && strcmp(command, "status") == 0))
        out = status_json(server_runtime(a->server), endpoints_table(server_endpoints(a->server)),
                          server_credentials(a->server), server_logs(a->server), a->started_us, a->loop->now_us);
    else
        out = json_pack("{ss}", "error", "the request must be {\"command\": \"status\"}");

    json_decref(asked);
    return out;
}

/* Waits for what comes next: more of the request, or room for the answer. */
static void wait_for(struct visitor *v, short what);

static void send_some(struct visitor *v)
{
    while (v->out_sent < v->out_n) {
        ssize_t n = send(v->fd, v->out + v->out_sent, v->out_n - v->out_sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            wait_for(v, EV_WRITE);
            return;
        }
        if (n < 0) break;
        v->out_sent += (size_t)n;
    }
    visitor_free(v);
}

static void receive_some(struct visitor *v)
{
    ssize_t n = recv(v->fd, v->in + v->in_n, sizeof(v->in) - v->in_n, 0);
    size_t end;
    json_t *answer;

    if (n > 0) v->in_n += (size_t)n;
    end = str_index(str_make(v->in, v->in_n), '\n');
    if (end == SIZE_MAX && n > 0 && v->in_n < sizeof(v->in)) {
        wait_for(v, EV_READ);
        return;
    }
    answer = end == SIZE_MAX ? NULL : answer_to(v, str_make(v->in, end));
    v->out = answer ? json_dumps(answer, JSON_INDENT(1)) : NULL;
    json_decref(answer);
    v->out_n = v->out ? strlen(v->out) : 0;
    send_some(v);
}

static void on_visitor(evutil_socket_t fd, short what, void *arg)
{
    struct visitor *v = arg;

    (void)fd;
    loop_touch(v->admin->loop);
    if (what & EV_TIMEOUT)
        visitor_free(v);
    else if (v->out)
        send_some(v);
    else
        receive_some(v);
}

static void wait_for(struct visitor *v, short what)
{
    struct timeval most = {VISIT_S, 0};

    if (v->ev) event_free(v->ev);
    v->ev = event_new(v->admin->loop->base, v->fd, what, on_visitor, v);
    if (!v->ev || event_add(v->ev, &most)) visitor_free(v);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct admin *a = arg;
    int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct visitor *v;

    (void)what;
    loop_touch(a->loop);
    if (peer < 0) return;
    v = a->visitors_n < MOST_VISITORS ? calloc(1, sizeof(*v)) : NULL;
    if (!v) {
        close(peer);
        return;
    }
    v->admin = a;
    v->fd = peer;
    v->next = a->visitors;
    a->visitors = v;
    a->visitors_n++;
    wait_for(v, EV_READ);
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

static enum err_code open_socket(struct admin *a, const char *path, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (!str_to_cstr(str_from(path), addr.sun_path, sizeof(addr.sun_path)))
        return err_set(err, ERR_FILE, 0, "the path of [admin] socket is too long: %s", path);
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0) return err_set(err, ERR_FILE, errno, "socket");
    if (bind_path(a->fd, &addr)) return cannot_bind(&addr, errno, err);
    memcpy(a->path, addr.sun_path, sizeof(a->path));
    if (lstat(a->path, &a->made)) a->path[0] = '\0';
    if (listen(a->fd, MOST_VISITORS)) return err_set(err, ERR_FILE, errno, "listen on %s", path);
    a->ev = event_new(a->loop->base, a->fd, EV_READ | EV_PERSIST, on_accept, a);
    return a->ev && event_add(a->ev, NULL) == 0 ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "admin socket");
}

enum err_code admin_new(struct server *server, struct admin **out, struct err *err)
{
    const struct settings *s = server_runtime(server)->settings;
    struct admin *a;
    enum err_code code;

    if (strcmp(s->admin.socket, "off") == 0) return ERR_NONE;
    a = calloc(1, sizeof(*a));
    if (!a) return err_set(err, ERR_NO_MEMORY, 0, "admin socket");
    a->server = server;
    a->loop = server_loop(server);
    a->started_us = a->loop->now_us;
    a->fd = -1;
    code = open_socket(a, s->admin.socket, err);
    if (code != ERR_NONE) {
        admin_free(&a);
        if (!s->admin.is_default) return code;
        LOG(LOG_WARN,
            "no admin socket, so `s3onramp status` and `credentials` get no answer: %s (%s); make its folder, writable "
            "by "
            "the proxy's user, or set `socket` of [admin] to a path that it can make, or to off",
            err->detail, strerror(err->sys_errno));
        *err = (struct err){0};
    }
    *out = a;
    return ERR_NONE;
}

/* Meanwhile another may have put something of its own there. */
static bool is_ours(const struct admin *a)
{
    struct stat st;

    return a->path[0] && lstat(a->path, &st) == 0 && st.st_dev == a->made.st_dev && st.st_ino == a->made.st_ino;
}

void admin_free(struct admin **ap)
{
    struct admin *a = *ap;

    *ap = NULL;
    if (!a) return;
    while (a->visitors)
        visitor_free(a->visitors);
    if (a->ev) event_free(a->ev);
    if (is_ours(a)) unlink(a->path);
    if (a->fd >= 0) close(a->fd);
    free(a);
}
