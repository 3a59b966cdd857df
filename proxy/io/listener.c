/* SPDX-License-Identifier: Apache-2.0
 * listener.c: see listener.h. Level-triggered; at most ACCEPT_BURST connections a turn, so that a flood does not starve
 * transfers.
 */
#include "io/listener.h"

#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

enum { ACCEPT_BURST = 64, BACKLOG = 1024, FINISH_MOST = 4 * BACKLOG };

enum err_code listener_set_transparent(int fd, const struct netaddr *addr, bool on, struct err *err)
{
    int value = on, failed;
    char text[NETADDR_TEXT];

    failed = addr->u.sa.sa_family == AF_INET6 ? setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &value, sizeof(value))
                                              : setsockopt(fd, SOL_IP, IP_TRANSPARENT, &value, sizeof(value));
    if (!failed) return ERR_NONE;
    netaddr_format(addr, text);
    return err_set(err, ERR_FILE, errno, "transparent = yes at %s needs CAP_NET_ADMIN", text);
}

/* SO_REUSEPORT lets a second proxy of the same user share a port without a word; a socket without it is refused where
 * anybody listens. */
enum err_code listener_judge(const struct netaddr *addr, struct err *err)
{
    int one = 1, fd = socket(addr->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[NETADDR_TEXT];

    if (fd < 0) return ERR_NONE; /* listener_open says why */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (addr->u.sa.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    bool taken = netaddr_port(addr) != 0 && bind(fd, &addr->u.sa, addr->len) && errno == EADDRINUSE;
    close(fd);
    if (!taken) return ERR_NONE;
    netaddr_format(addr, text);
    return err_set(
        err, ERR_FILE, 0,
        "another program, maybe another s3onramp, listens on %s already (ss -ltnp 'sport = :%u' shows it); stop "
        "it, or change `bind`",
        text, netaddr_port(addr));
}

enum err_code listener_open(const struct netaddr *addr, bool transparent, int *fd_out, struct err *err)
{
    int one = 1;
    char text[NETADDR_TEXT];
    int fd = socket(addr->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    netaddr_format(addr, text);
    if (fd < 0) return err_set(err, ERR_FILE, errno, "socket for %s", text);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (addr->u.sa.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (transparent && listener_set_transparent(fd, addr, true, err) != ERR_NONE) {
        close(fd);
        return err->code;
    }
    if (bind(fd, &addr->u.sa, addr->len) || listen(fd, BACKLOG)) {
        int e = errno;

        close(fd);
        return err_set(err, ERR_FILE, e, "cannot listen on %s%s", text,
                       e == EADDRINUSE      ? ": another program uses this port; stop it, or change `bind`"
                       : e == EACCES        ? ": ports below 1024 need CAP_NET_BIND_SERVICE"
                       : e == EADDRNOTAVAIL ? ": no interface of this machine has this address"
                                            : "");
    }
    *fd_out = fd;
    return ERR_NONE;
}

/* Level-triggered: while it cannot be accepted, one connection in the queue would keep the loop spinning. */
static void stop_accepting(struct listener *l, int e)
{
    event_del(&l->ev);
    l->paused = true;
    if (l->loop->now_us - l->warned_us > 1000000) {
        l->warned_us = l->loop->now_us;
        LOG(LOG_ERROR, "new connections wait: %s; raise LimitNOFILE or lower max_connections", strerror(e));
    }
    l->on_full(l);
}

void listener_resume(struct listener *l)
{
    if (!l->paused) return;
    l->paused = false;
    event_add(&l->ev, NULL);
}

static bool is_out_of_descriptors(int e)
{
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

static void accept_some(struct listener *l, int most)
{
    for (int i = 0; i < most && l->fd >= 0; i++) {
        struct netaddr peer = {.len = sizeof(peer.u)};
        int client = accept4(l->fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (client >= 0) {
            l->on_accept(l, client, &peer);
        } else if (is_out_of_descriptors(errno)) {
            stop_accepting(l, errno);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd;
    (void)what;
    loop_touch(l->loop);
    accept_some(l, ACCEPT_BURST);
}

void listener_finish(struct listener *l)
{
    if (l->fd >= 0) accept_some(l, FINISH_MOST);
    listener_stop(l);
}

enum err_code listener_start(struct listener *l, struct loop *loop, int fd, listener_accept_fn *on_accept,
                             listener_full_fn *on_full, void *arg, struct err *err)
{
    l->loop = loop;
    l->fd = fd;
    l->on_accept = on_accept;
    l->on_full = on_full;
    l->arg = arg;
    if (event_assign(&l->ev, loop->base, fd, EV_READ | EV_PERSIST, on_ready, l) || event_add(&l->ev, NULL))
        return err_set(err, ERR_INTERNAL, errno, "cannot watch a listening socket");
    return ERR_NONE;
}

void listener_stop(struct listener *l)
{
    if (l->fd < 0) return;
    event_del(&l->ev);
    close(l->fd);
    l->fd = -1;
    l->paused = false;
}
