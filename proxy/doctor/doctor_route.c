/* SPDX-License-Identifier: Apache-2.0
 * doctor_route.c: the doctor's step route: from which address, by which interface and gateway the kernel would send to
 * each address, and in packets of what size; see doctor.h. Sends nothing to the network.
 * Source: rtnetlink(7), ip(7).
 */
#include "doctor_impl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/time.h>
#include <unistd.h>

struct route {
    struct netaddr source;
    int mtu;
    char interface[IF_NAMESIZE];
    struct netaddr gateway; /* len 0: none */
    bool known;             /* interface and gateway are */
};

/* --- the kernel's answer to "how would you get to this address" --- */

static void ip_bytes(const struct netaddr *a, const void **p, size_t *n)
{
    bool v6 = a->u.sa.sa_family == AF_INET6;

    *p = v6 ? (const void *)&a->u.in6.sin6_addr : (const void *)&a->u.in.sin_addr;
    *n = v6 ? sizeof(a->u.in6.sin6_addr) : sizeof(a->u.in.sin_addr);
}

struct route_question {
    struct nlmsghdr head;
    struct rtmsg route;
    char attributes[RTA_SPACE(16)];
};

static void make_question(const struct netaddr *to, struct route_question *q)
{
    struct rtattr *a = (struct rtattr *)(void *)q->attributes;
    const void *ip;
    size_t n;

    ip_bytes(to, &ip, &n);
    memset(q, 0, sizeof(*q));
    q->head.nlmsg_type = RTM_GETROUTE;
    q->head.nlmsg_flags = NLM_F_REQUEST;
    q->route.rtm_family = (unsigned char)to->u.sa.sa_family;
    q->route.rtm_dst_len = (unsigned char)(8 * n);
    a->rta_type = RTA_DST;
    a->rta_len = (unsigned short)RTA_LENGTH(n);
    memcpy(RTA_DATA(a), ip, n);
    q->head.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(q->route)) + RTA_SPACE(n));
}

static void take_gateway(const struct rtattr *a, int family, struct route *out)
{
    bool v6 = family == AF_INET6;
    size_t n = v6 ? sizeof(out->gateway.u.in6.sin6_addr) : sizeof(out->gateway.u.in.sin_addr);

    if (RTA_PAYLOAD(a) < n) return;
    out->gateway.u.sa.sa_family = (sa_family_t)family;
    memcpy(v6 ? (void *)&out->gateway.u.in6.sin6_addr : (void *)&out->gateway.u.in.sin_addr, RTA_DATA(a), n);
    out->gateway.len = v6 ? sizeof(out->gateway.u.in6) : sizeof(out->gateway.u.in);
}

static void take_attribute(const struct rtattr *a, int family, struct route *out)
{
    unsigned index;

    if (a->rta_type == RTA_GATEWAY) take_gateway(a, family, out);
    if (a->rta_type != RTA_OIF || RTA_PAYLOAD(a) < sizeof(index)) return;
    memcpy(&index, RTA_DATA(a), sizeof(index));
    out->known = if_indextoname(index, out->interface) != NULL;
}

/* Not with RTA_OK and RTA_NEXT, which count in int. */
static void take_answer(const char *bytes, size_t n, struct route *out)
{
    const struct nlmsghdr *head = (const struct nlmsghdr *)(const void *)bytes;
    const struct rtmsg *route = (const struct rtmsg *)(const void *)(bytes + NLMSG_HDRLEN);
    size_t at = NLMSG_SPACE(sizeof(*route));

    if (n < at || head->nlmsg_len > n || head->nlmsg_type != RTM_NEWROUTE) return;
    while (at + sizeof(struct rtattr) <= head->nlmsg_len) {
        const struct rtattr *a = (const struct rtattr *)(const void *)(bytes + at);

        if (a->rta_len < sizeof(*a) || a->rta_len > head->nlmsg_len - at) return;
        take_attribute(a, route->rtm_family, out);
        at += RTA_ALIGN((size_t)a->rta_len);
    }
}

static void ask_kernel(const struct netaddr *to, struct route *out)
{
    _Alignas(struct nlmsghdr) char answer[4096];
    const struct timeval patience = {1, 0};
    struct route_question q;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ssize_t n = -1;

    if (fd < 0) return;
    make_question(to, &q);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (send(fd, &q, q.head.nlmsg_len, 0) == (ssize_t)q.head.nlmsg_len) n = recv(fd, answer, sizeof(answer), 0);
    if (n > 0) take_answer(answer, (size_t)n, out);
    close(fd);
}

/* --- and what a socket gets --- */

static int known_mtu(int fd, int family)
{
    int mtu = 0;
    socklen_t n = sizeof(mtu);
    int r = family == AF_INET6 ? getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &n)
                               : getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &n);

    return r ? 0 : mtu;
}

/* A datagram socket that is connected, and sends nothing, shows what the kernel would do. errno, or 0. */
static int find_route(const struct netaddr *to, struct route *out)
{
    int fd = socket(to->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), e = 0;

    memset(out, 0, sizeof(*out));
    if (fd < 0) return errno;
    out->source.len = sizeof(out->source.u);
    if (connect(fd, &to->u.sa, to->len) || getsockname(fd, &out->source.u.sa, &out->source.len)) e = errno;
    if (!e) out->mtu = known_mtu(fd, to->u.sa.sa_family);
    close(fd);
    if (!e) ask_kernel(to, out);
    return e;
}

/* --- telling --- */

static bool same_ip(const struct netaddr *a, const struct netaddr *b)
{
    const void *p, *q;
    size_t n, m;

    ip_bytes(a, &p, &n);
    ip_bytes(b, &q, &m);
    return n == m && memcmp(p, q, n) == 0;
}

static void tell_route(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a,
                       const struct route *r)
{
    char source[NETADDR_TEXT], gateway[NETADDR_TEXT] = "";

    doctor_format_ip(&r->source, source);
    if (r->gateway.len) doctor_format_ip(&r->gateway, gateway);
    doctor_add(f, "%s: from %s by %s%s%s, MTU %d", a->label, source, r->known ? r->interface : "?",
               *gateway ? " via " : "", gateway, r->mtu);
    if (!settings_address_allowed(&d->settings->server, &r->source) && !same_ip(&a->addr, &r->source))
        doctor_warn(f, "public-source",
                    "the packets carry a source address that is not private: that is rarely the way into a VPC; look "
                    "at the route, and at the security group, which must let this address in");
}

bool doctor_route(struct doctor *d, struct doctor_finding *f)
{
    bool any = false;

    for (size_t i = 0; i < d->n; i++) {
        struct route r;
        int e = find_route(&d->v[i].addr, &r);

        if (!e) {
            any = true;
            tell_route(d, f, &d->v[i], &r);
            continue;
        }
        doctor_add(f, "%s: %s", d->v[i].label, strerror(e));
        doctor_fail(f, "no-route",
                    "bring the VPN or Direct Connect up and route the VPC's network to it (`ip route get ADDRESS`)");
    }
    return any;
}
