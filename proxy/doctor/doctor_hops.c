/* SPDX-License-Identifier: Apache-2.0
 * doctor_hops.c: which routers on the way to an address answer, and who says that there is no way; see doctor_impl.h.
 * As `traceroute --tcp` does, and without root: connections whose packets live for 1, 2, 3, ... hops, and what ICMP
 * says. Source: ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR; RFC 792; RFC 4443. For TCP the error queue holds ICMP since
 * Linux 5.9.
 */
#include "doctor_impl.h"

#include "base/clock.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOPS = 8, PATIENCE_MS = 2000 };

void doctor_want_icmp(int fd, int family)
{
    const int on = 1;

    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
    else
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
}

static void take_sender(const struct sock_extended_err *e, struct netaddr *by)
{
    const struct sockaddr *sender = SO_EE_OFFENDER(e);

    if (e->ee_origin == SO_EE_ORIGIN_ICMP && sender->sa_family == AF_INET)
        by->len = sizeof(by->u.in);
    else if (e->ee_origin == SO_EE_ORIGIN_ICMP6 && sender->sa_family == AF_INET6)
        by->len = sizeof(by->u.in6);
    memcpy(&by->u, sender, by->len);
}

bool doctor_icmp_sender(int fd, struct netaddr *by)
{
    _Alignas(struct cmsghdr) char control[512];
    char data[128];
    struct iovec v = {data, sizeof(data)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

    memset(by, 0, sizeof(*by));
    if (recvmsg(fd, &m, MSG_ERRQUEUE) < 0) return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            take_sender((const struct sock_extended_err *)(const void *)CMSG_DATA(c), by);
    return by->len > 0;
}

void doctor_format_ip(const struct netaddr *a, char out[NETADDR_TEXT])
{
    netaddr_format(a, out);
    out[str_rindex(str_from(out), ':')] = '\0';
}

/* A connection whose packets live for @life hops; -1: it cannot be made, or is there at once. */
static int begin_one(const struct netaddr *to, int life)
{
    int fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool v6 = to->u.sa.sa_family == AF_INET6;

    if (fd < 0) return -1;
    doctor_want_icmp(fd, to->u.sa.sa_family);
    if (!setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL, &life, sizeof(life)) &&
        connect(fd, &to->u.sa, to->len) && errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

/* What came for each; its socket is closed then. How many have nothing yet. */
static size_t take_answers(struct pollfd *p, struct netaddr *by, size_t n)
{
    size_t open = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i].fd >= 0 && p[i].revents) {
            (void)doctor_icmp_sender(p[i].fd, &by[i]);
            close(p[i].fd);
            p[i].fd = -1;
        }
        if (p[i].fd >= 0) open++;
    }
    return open;
}

/* Until all have answered or the time is over; the kernel repeats what is lost after a second. */
static void collect(struct pollfd *p, struct netaddr *by, size_t n)
{
    int64_t end_us = clock_monotonic_us() + (int64_t)PATIENCE_MS * 1000, left_us;

    while (take_answers(p, by, n) && (left_us = end_us - clock_monotonic_us()) > 0)
        if (poll(p, n, (int)(left_us / 1000) + 1) < 0 && errno != EINTR) break;
    for (size_t i = 0; i < n; i++)
        if (p[i].fd >= 0) close(p[i].fd);
}

static void tell(struct doctor_finding *f, const struct doctor_address *a, const struct netaddr *by)
{
    char list[400], text[NETADDR_TEXT];
    struct sbuf b = sbuf_make(list, sizeof(list));

    for (size_t i = 0; i < HOPS; i++) {
        if (!by[i].len) continue;
        doctor_format_ip(&by[i], text);
        sbuf_printf(&b, "%s%s", b.n ? ", " : "", text);
    }
    if (b.n)
        doctor_add(f, "%s: packets to it pass %.*s; behind the last of these nobody answers (in a VPC no router does)",
                   a->label, STR_ARG(sbuf_str(&b)));
    else
        doctor_add(f, "%s: no router on the way says anything of packets to it", a->label);
}

void doctor_hops(struct doctor *d, struct doctor_finding *f)
{
    struct pollfd *p = calloc(d->n, HOPS * sizeof(*p));
    struct netaddr *by = calloc(d->n, HOPS * sizeof(*by));

    if (p && by) {
        for (size_t i = 0; i < d->n; i++)
            for (int hop = 0; hop < HOPS; hop++)
                p[i * HOPS + (size_t)hop] =
                    (struct pollfd){.fd = d->v[i].silent ? begin_one(&d->v[i].addr, hop + 1) : -1};
        collect(p, by, d->n * HOPS);
        for (size_t i = 0; i < d->n; i++)
            if (d->v[i].silent) tell(f, &d->v[i], &by[i * HOPS]);
    }
    free(p);
    free(by);
}
