/* SPDX-License-Identifier: Apache-2.0
 * ports.c: see ports.h.
 */
#include "control/ports.h"

#include "base/log.h"
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_GIVEN = 3, GIVEN_MOST = 4096, NAME_TEXT = 128 };

struct given {
    int fd; /* owned; -1: it has a port now, or was taken */
    char name[64];
    struct netaddr addr; /* .len 0: a Unix socket */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct port {
    struct netaddr addr;
    int *fds; /* owned, as what they are */
    size_t n;
};

struct ports {
    struct given *given; /* owned */
    size_t given_n;
    struct port *v; /* owned */
    size_t n;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* --- given --- */

static bool is_listening(int fd)
{
    int yes = 0;
    socklen_t n = sizeof(yes);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes;
}

static enum err_code take_one(struct given *g, struct err *err)
{
    union {
        struct sockaddr sa;
        struct sockaddr_un un;
        struct sockaddr_in6 in6;
    } u;
    socklen_t n = sizeof(u);

    memset(&u, 0, sizeof(u));
    if (!is_listening(g->fd) || getsockname(g->fd, &u.sa, &n))
        return err_set(err, ERR_FILE, 0,
                       "descriptor %d%s%s, which this process was given (LISTEN_FDS), is no listening stream socket",
                       g->fd, g->name[0] ? ", " : "", g->name);
    fcntl(g->fd, F_SETFD, FD_CLOEXEC);
    fcntl(g->fd, F_SETFL, fcntl(g->fd, F_GETFL) | O_NONBLOCK);
    if (u.sa.sa_family == AF_UNIX) {
        memcpy(g->path, u.un.sun_path, sizeof(g->path) - 1);
    } else {
        memcpy(&g->addr.u, &u, sizeof(g->addr.u));
        g->addr.len = n;
    }
    return ERR_NONE;
}

static unsigned long number_of(const char *variable)
{
    const char *text = getenv(variable);

    return text ? strtoul(text, NULL, 10) : 0;
}

static enum err_code take_given(struct ports *p, bool handed_over, struct err *err)
{
    bool ours = handed_over || number_of("LISTEN_PID") == (unsigned long)getpid();
    size_t n = ours ? number_of("LISTEN_FDS") : 0;
    const char *names = getenv("LISTEN_FDNAMES");
    struct str rest = str_from(names ? names : ""), name;

    if (n > GIVEN_MOST) return err_set(err, ERR_FILE, 0, "LISTEN_FDS is %zu: that is too many", n);
    p->given = calloc(n + 1, sizeof(*p->given));
    if (!p->given) return err_set(err, ERR_NO_MEMORY, 0, "listening sockets");
    p->given_n = n;
    for (size_t i = 0; i < n; i++) {
        p->given[i].fd = FIRST_GIVEN + (int)i;
        if (str_split(&rest, ':', &name)) (void)str_to_cstr(name, p->given[i].name, sizeof(p->given[i].name));
    }
    for (size_t i = 0; i < n; i++)
        TRY(take_one(&p->given[i], err));
    return ERR_NONE;
}

enum err_code ports_new(bool handed_over, struct ports **out, struct err *err)
{
    static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
    struct ports *p = calloc(1, sizeof(*p));
    enum err_code code;

    if (!p) return err_set(err, ERR_NO_MEMORY, 0, "listening sockets");
    code = take_given(p, handed_over, err);
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    if (code != ERR_NONE)
        ports_free(&p);
    else
        *out = p;
    return code;
}

static bool is_given(const struct given *g, const struct netaddr *addr)
{
    return g->fd >= 0 && g->addr.len && netaddr_equal(&g->addr, addr);
}

int ports_take_unix(struct ports *p, const char *path)
{
    for (size_t i = 0; i < p->given_n; i++) {
        struct given *g = &p->given[i];
        int fd = g->fd;

        if (fd < 0 || g->addr.len || strcmp(g->path, path) != 0) continue;
        g->fd = -1;
        return fd;
    }
    return -1;
}

enum err_code ports_end_given(struct ports *p, bool strict, struct err *err)
{
    for (size_t i = 0; i < p->given_n; i++) {
        struct given *g = &p->given[i];
        char text[NETADDR_TEXT];

        if (g->fd < 0) continue;
        if (g->addr.len) netaddr_format(&g->addr, text);
        if (strict)
            return err_set(
                err, ERR_FILE, 0,
                "the socket %s that systemd gave%s%s is no listener's `bind` (nor [admin] socket or listen): take it "
                "out of the .socket unit, or add a listener",
                g->addr.len ? text : g->path, g->name[0] ? " as " : "", g->name);
        close_fd(&g->fd);
    }
    return ERR_NONE;
}

/* --- ports --- */

static struct port *find(const struct ports *p, const struct netaddr *addr)
{
    for (size_t i = 0; i < p->n; i++)
        if (netaddr_equal(&p->v[i].addr, addr)) return &p->v[i];
    return NULL;
}

static void close_port(struct port *port)
{
    for (size_t i = 0; i < port->n; i++)
        close_fd(&port->fds[i]);
    free(port->fds);
}

enum err_code ports_judge(const struct ports *p, const struct netaddr *addr, struct err *err)
{
    for (size_t i = 0; i < p->given_n; i++)
        if (is_given(&p->given[i], addr)) return ERR_NONE;
    return find(p, addr) ? ERR_NONE : listener_judge(addr, err);
}

static void adopt_given(struct ports *p, struct port *port)
{
    for (size_t i = 0; i < p->given_n; i++) {
        if (!is_given(&p->given[i], &port->addr)) continue;
        port->fds[port->n++] = p->given[i].fd;
        p->given[i].fd = -1;
    }
}

static bool can_have_more(const struct port *port)
{
    int yes = 0;
    socklen_t n = sizeof(yes);

    return port->n == 0 || (getsockopt(port->fds[0], SOL_SOCKET, SO_REUSEPORT, &yes, &n) == 0 && yes);
}

/* What a process of another user opened (systemd as root) has SO_REUSEPORT for that user only: it is shared. */
static bool is_anothers(const struct port *port, struct err *err)
{
    if (port->n == 0 || err->sys_errno != EADDRINUSE) return false;
    *err = (struct err){0};
    return true;
}

enum err_code ports_open(struct ports *p, const struct netaddr *addr, bool transparent, size_t workers_n,
                         struct err *err)
{
    struct port *more = realloc(p->v, (p->n + 1) * sizeof(*more)), *port;

    if (!more) return err_set(err, ERR_NO_MEMORY, 0, "listening sockets");
    p->v = more;
    port = &more[p->n];
    *port = (struct port){.addr = *addr, .fds = malloc((p->given_n + workers_n) * sizeof(int))};
    if (!port->fds) return err_set(err, ERR_NO_MEMORY, 0, "listening sockets");
    p->n++;
    adopt_given(p, port);
    while (port->n < workers_n && can_have_more(port)) {
        enum err_code code = listener_open(addr, transparent, &port->fds[port->n], err);

        if (code != ERR_NONE) return is_anothers(port, err) ? ERR_NONE : code;
        port->n++;
    }
    return ERR_NONE;
}

enum err_code ports_set_transparent(const struct ports *p, const struct netaddr *addr, bool on, struct err *err)
{
    const struct port *port = find(p, addr);

    for (size_t i = 0; port && i < port->n; i++)
        TRY(listener_set_transparent(port->fds[i], addr, on, err));
    return ERR_NONE;
}

void ports_close(struct ports *p, const struct netaddr *addr)
{
    struct port *port = find(p, addr);

    if (!port) return;
    close_port(port);
    *port = p->v[--p->n];
}

static enum err_code share_one(int fd, const struct netaddr *addr, struct worker_sockets *out, struct err *err)
{
    struct worker_socket *v = realloc(out->v, (out->n + 1) * sizeof(*v));

    if (!v) return err_set(err, ERR_NO_MEMORY, 0, "listening sockets");
    out->v = v;
    v[out->n] = (struct worker_socket){fcntl(fd, F_DUPFD_CLOEXEC, FIRST_GIVEN), *addr};
    if (v[out->n].fd < 0) return err_set(err, ERR_FILE, errno, "listening sockets");
    out->n++;
    return ERR_NONE;
}

enum err_code ports_share(const struct ports *p, const struct netaddr *addr, size_t worker, size_t workers_n,
                          struct worker_sockets *out, struct err *err)
{
    const struct port *port = find(p, addr);

    if (!port || port->n == 0) return ERR_NONE;
    if (worker >= port->n) return share_one(port->fds[worker % port->n], addr, out, err);
    for (size_t at = worker; at < port->n; at += workers_n)
        TRY(share_one(port->fds[at], addr, out, err));
    return ERR_NONE;
}

size_t ports_list(const struct ports *p, int *fds, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->v[i].n; j++, n++)
            if (n < max) fds[n] = p->v[i].fds[j];
    return n;
}

void ports_free(struct ports **pp)
{
    struct ports *p = *pp;

    if (!p) return;
    *pp = NULL;
    for (size_t i = 0; i < p->given_n; i++)
        close_fd(&p->given[i].fd);
    for (size_t i = 0; i < p->n; i++)
        close_port(&p->v[i]);
    free(p->given);
    free(p->v);
    free(p);
}
