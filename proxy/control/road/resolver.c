/* SPDX-License-Identifier: Apache-2.0
 * resolver.c: see resolver.h. c-ares tells which sockets to watch; libevent tells c-ares what happened. Owns the
 * channel and an event per socket.
 */
#include "control/road/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <event2/event.h>
#include <stdlib.h>

enum { TRY_MS = 2000, TRIES = 2, SERVERS_TEXT = 1024 };

struct watched {
    struct watched *next;
    struct event *ev; /* owned */
    evutil_socket_t fd;
};

struct resolver {
    struct loop *loop;   /* borrowed */
    ares_channel ares;   /* owned; NULL before resolver_renew */
    struct event *timer; /* owned */
    struct watched *sockets;
    struct netaddr *servers; /* owned */
    size_t servers_n;
    bool ending;
};

struct question {
    struct resolver *r;
    int family;
    dns_answer_fn *done;
    void *arg;
};

static void arm_timer(struct resolver *r)
{
    struct timeval most = {TRY_MS / 1000, 0}, tv, *at = ares_timeout(r->ares, &most, &tv);

    evtimer_add(r->timer, at);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *r = arg;

    loop_touch(r->loop);
    ares_process_fd(r->ares, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    if (r->sockets) arm_timer(r);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *r = arg;

    (void)fd;
    (void)what;
    loop_touch(r->loop);
    ares_process_fd(r->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (r->sockets) arm_timer(r);
}

static void forget_socket(struct resolver *r, evutil_socket_t fd)
{
    for (struct watched **at = &r->sockets; *at; at = &(*at)->next) {
        struct watched *w = *at;

        if (w->fd != fd) continue;
        *at = w->next;
        if (w->ev) event_free(w->ev);
        free(w);
        return;
    }
}

static void watch_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = arg;
    struct watched *w;
    short what = (short)(EV_PERSIST | (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));

    forget_socket(r, fd);
    if (!readable && !writable) return;
    w = calloc(1, sizeof(*w));
    if (!w) return; /* the question ends with its timeout */
    w->fd = fd;
    w->ev = event_new(r->loop->base, fd, what, on_socket, r);
    w->next = r->sockets;
    r->sockets = w;
    if (w->ev) event_add(w->ev, NULL);
}

static bool set_servers(struct resolver *r)
{
    char text[SERVERS_TEXT], one[NETADDR_TEXT];
    struct sbuf b = sbuf_make(text, sizeof(text) - 1);

    if (!r->servers_n) return true;
    for (size_t i = 0; i < r->servers_n; i++) {
        netaddr_format(&r->servers[i], one);
        sbuf_printf(&b, "%s%s", i ? "," : "", one);
    }
    text[b.n] = '\0';
    return !b.overflow && ares_set_servers_ports_csv(r->ares, text) == ARES_SUCCESS;
}

bool resolver_renew(struct resolver *r, struct err *err)
{
    struct ares_options o = {
        .flags = ARES_FLAG_NOALIASES | ARES_FLAG_NOSEARCH,
        .timeout = TRY_MS,
        .tries = TRIES,
        .sock_state_cb = watch_socket,
        .sock_state_cb_data = r,
    };
    int code;

    if (r->ares) ares_destroy(r->ares);
    r->ares = NULL;
    code =
        ares_init_options(&r->ares, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (code != ARES_SUCCESS) r->ares = NULL;
    if (code == ARES_SUCCESS && set_servers(r)) return true;
    err_set(err, ERR_INTERNAL, 0, "the resolver cannot be set up: %s", ares_strerror(code));
    return false;
}

enum err_code resolver_new(struct loop *loop, const struct netaddr *servers, size_t servers_n, struct resolver **out,
                           struct err *err)
{
    struct resolver *r = calloc(1, sizeof(*r));

    if (r) r->servers = malloc((servers_n + 1) * sizeof(*servers));
    if (!r || !r->servers) {
        free(r);
        return err_set(err, ERR_NO_MEMORY, 0, "resolver");
    }
    r->loop = loop;
    if (servers_n) memcpy(r->servers, servers, servers_n * sizeof(*servers));
    r->servers_n = servers_n;
    r->timer = evtimer_new(loop->base, on_timer, r);
    if (!r->timer || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        if (r->timer) event_free(r->timer);
        free(r->servers);
        free(r);
        return err_set(err, ERR_INTERNAL, 0, "c-ares cannot be initialised");
    }
    *out = r;
    return ERR_NONE;
}

void resolver_free(struct resolver **rp)
{
    struct resolver *r = *rp;

    *rp = NULL;
    if (!r) return;
    r->ending = true;
    if (r->ares) ares_destroy(r->ares);
    while (r->sockets)
        forget_socket(r, r->sockets->fd);
    event_free(r->timer);
    free(r->servers);
    free(r);
    ares_library_cleanup();
}

static void take_address(struct dns_answer *a, int family, const void *ip, int ttl)
{
    struct netaddr *to = &a->v[a->n++];
    uint32_t seconds = ttl > 0 ? (uint32_t)ttl : 0;

    memset(to, 0, sizeof(*to));
    to->u.sa.sa_family = (sa_family_t)family;
    if (family == AF_INET6)
        memcpy(&to->u.in6.sin6_addr, ip, sizeof(to->u.in6.sin6_addr));
    else
        memcpy(&to->u.in.sin_addr, ip, sizeof(to->u.in.sin_addr));
    to->len = family == AF_INET6 ? sizeof(to->u.in6) : sizeof(to->u.in);
    if (a->n == 1 || seconds < a->ttl_s) a->ttl_s = seconds;
}

static int parse(struct dns_answer *a, int family, const unsigned char *bytes, int n)
{
    struct ares_addrttl v4[ADDRESS_MAX];
    struct ares_addr6ttl v6[ADDRESS_MAX];
    int found = ADDRESS_MAX;
    int code = family == AF_INET6 ? ares_parse_aaaa_reply(bytes, n, NULL, v6, &found)
                                  : ares_parse_a_reply(bytes, n, NULL, v4, &found);

    for (int i = 0; code == ARES_SUCCESS && i < found; i++)
        take_address(a, family, family == AF_INET6 ? (const void *)&v6[i].ip6addr : (const void *)&v4[i].ipaddr,
                     family == AF_INET6 ? v6[i].ttl : v4[i].ttl);
    return code == ARES_SUCCESS && a->n == 0 ? ARES_ENODATA : code;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
    struct question *q = arg;
    struct dns_answer a = {.result = DNS_ANSWERED};

    (void)timeouts;
    if (!q->r->ending) {
        if (status == ARES_SUCCESS) status = parse(&a, q->family, bytes, n);
        if (status == ARES_ENODATA)
            a.result = DNS_NO_DATA;
        else if (status == ARES_ENOTFOUND)
            a.result = DNS_NO_NAME;
        else if (status != ARES_SUCCESS)
            a.result = DNS_NO_ANSWER;
        if (status != ARES_SUCCESS) snprintf(a.why, sizeof(a.why), "%s", ares_strerror(status));
        q->done(q->arg, &a);
    }
    free(q);
}

void resolver_ask(struct resolver *r, const char *name, int family, dns_answer_fn *done, void *arg)
{
    struct question *q = malloc(sizeof(*q));

    if (!q || !r->ares) {
        const struct dns_answer a = {.result = DNS_NO_ANSWER, .why = "out of memory"};

        free(q);
        done(arg, &a);
        return;
    }
    *q = (struct question){r, family, done, arg};
    ares_query(r->ares, name, ns_c_in, family == AF_INET6 ? ns_t_aaaa : ns_t_a, on_answer, q);
    if (r->sockets) arm_timer(r);
}
