/* SPDX-License-Identifier: Apache-2.0
 * http_front.c: see http_front.h. Owns the listening sockets and the connections.
 */
#include "http_front.h"

#include "base/log.h"
#include "http_peer.h"
#include "io/listener.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_PEERS = 256, PAUSE_S = 1 };

/* A listening socket. */
struct http_port {
    struct http_port *next;
    struct http_front *front;
    struct listener listener;
    struct event *again; /* owned: goes on after descriptors had run out */
    struct netaddr addr;
};

struct http_front {
    struct admin_call call;
    const struct http_routes *routes;
    struct http_port *ports; /* owned */
    struct http_peer *peers; /* owned; the newest first */
    size_t peers_n;
    bool tls;     /* spoken at all of them */
    bool leaving; /* peers end with their answers */
};

static const struct admin_conf *conf_of(const struct http_front *f)
{
    return &server_snapshot(f->call.server)->settings->admin;
}

static void on_full(struct listener *l)
{
    static const struct timeval pause = {PAUSE_S, 0};

    event_add(((struct http_port *)l->arg)->again, &pause);
}

static void on_again(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    listener_resume(&((struct http_port *)arg)->listener);
}

static void on_gone(struct http_peer *p, void *arg)
{
    struct http_port *port = arg;
    struct http_peer **at = &port->front->peers;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    port->front->peers_n--;
}

/* Silent connections never lock others out. False: all have something to do. */
static bool make_room(struct http_front *f)
{
    struct http_peer *oldest = NULL;

    for (struct http_peer *p = f->peers; p; p = p->next)
        if (http_peer_is_idle(p) && (!oldest || p->since_us <= oldest->since_us)) oldest = p;
    if (oldest) http_peer_free(oldest);
    return oldest;
}

static void on_accept(struct listener *l, int fd, const struct netaddr *peer)
{
    struct http_port *port = l->arg;
    struct http_front *f = port->front;
    struct http_peer *p;

    if (f->peers_n >= MOST_PEERS && !make_room(f)) {
        close(fd);
        return;
    }
    p = http_peer_new(&f->call, f->routes, snapshot_admin_ctx(server_snapshot(f->call.server)), fd, peer, on_gone,
                      port);
    if (!p) return;
    p->next = f->peers;
    f->peers = p;
    f->peers_n++;
    http_peer_start(p);
}

static void cut_peers(struct http_front *f, const struct http_port *port)
{
    struct http_peer *next;

    for (struct http_peer *p = f->peers; p; p = next) {
        next = p->next;
        if (!port || p->arg == port) http_peer_free(p);
    }
}

static void port_free(struct http_port **at)
{
    struct http_port *port = *at;

    *at = port->next;
    cut_peers(port->front, port);
    listener_stop(&port->listener);
    if (port->again) event_free(port->again);
    loop_free_later(server_loop(port->front->call.server), port); /* its own accept may be up the stack */
}

static enum err_code open_port(struct http_port *port, struct err *err)
{
    struct server *server = port->front->call.server;
    struct loop *loop = server_loop(server);
    int fd = -1;

    port->again = evtimer_new(loop->base, on_again, port);
    if (!port->again) return err_set(err, ERR_NO_MEMORY, 0, "no memory");
    TRY(server_take_port(server, &port->addr, &fd, err));
    return listener_start(&port->listener, loop, fd, on_accept, on_full, port, err);
}

static void add_port(struct http_front *f, const struct netaddr *addr)
{
    struct http_port *port = calloc(1, sizeof(*port));
    char text[NETADDR_TEXT];
    struct err err = {0};

    ASSERT(port && "memory for a socket of [admin]");
    *port = (struct http_port){.next = f->ports, .front = f, .listener = {.fd = -1, .arg = port}, .addr = *addr};
    f->ports = port;
    netaddr_format(addr, text);
    if (open_port(port, &err) == ERR_NONE) {
        LOG(LOG_INFO, "admin: %s://%s", f->tls ? "https" : "http", text);
        return;
    }
    LOG(LOG_ERROR, "admin: nobody listens on %s: %s", text, err.detail);
    port_free(&f->ports);
}

static bool is_listed(const struct admin_conf *conf, const struct netaddr *addr)
{
    for (size_t i = 0; i < conf->listen_n; i++)
        if (netaddr_equal(&conf->listen[i], addr)) return true;
    return false;
}

static bool is_open(const struct http_front *f, const struct netaddr *addr)
{
    for (const struct http_port *p = f->ports; p; p = p->next)
        if (netaddr_equal(&p->addr, addr)) return true;
    return false;
}

void http_front_follow(struct http_front *f)
{
    const struct admin_conf *conf = conf_of(f);

    if (f->leaving) return;
    for (struct http_port **at = &f->ports; *at;) {
        if (is_listed(conf, &(*at)->addr))
            at = &(*at)->next;
        else
            port_free(at);
    }
    if (f->tls != conf->tls) cut_peers(f, NULL);
    f->tls = conf->tls;
    for (size_t i = 0; i < conf->listen_n; i++)
        if (!is_open(f, &conf->listen[i])) add_port(f, &conf->listen[i]);
}

void http_front_leave(struct http_front *f)
{
    struct http_peer *next;

    f->leaving = true;
    for (struct http_port *port = f->ports; port; port = port->next)
        listener_stop(&port->listener);
    for (struct http_peer *p = f->peers; p; p = next) {
        next = p->next;
        http_peer_leave(p);
    }
}

struct http_front *http_front_new(const struct admin_call *call, const struct http_routes *routes)
{
    struct http_front *f = calloc(1, sizeof(*f));

    if (!f) return NULL;
    f->call = *call;
    f->call.right = ADMIN_LOOK;
    f->routes = routes;
    return f;
}

void http_front_free(struct http_front **fp)
{
    struct http_front *f = *fp;

    *fp = NULL;
    if (!f) return;
    while (f->ports)
        port_free(&f->ports);
    free(f);
}
