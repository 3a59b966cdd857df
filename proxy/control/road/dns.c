/* SPDX-License-Identifier: Apache-2.0
 * dns.c: see dns.h. Source: AWS PrivateLink Guide, "Access an AWS service using an interface VPC endpoint" (regional
 * and zonal names).
 */
#include "control/road/dns.h"

#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

struct asked {
    struct dns *dns;
    struct dns_lookup *lookup;
};

struct dns {
    struct resolver *resolver; /* owned */
    const struct server_conf *server;
    const struct endpoint_conf *ep;
    dns_changed_fn *changed;
    void *arg;
    struct dns_lookup *v; /* owned */
    struct asked *asked;  /* owned: one per lookup */
    size_t n, open;       /* questions of this round that have no answer yet */
    bool asking;          /* the questions of a round are being put: answers may come at once */
    int64_t next_us;
    int64_t now_us; /* as of the last tick */
};

static struct str first_label(struct str name)
{
    return str_head(name, str_index(name, '.'));
}

bool dns_zonal_name(struct str name, struct str zone, struct str region, char out[DNS_NAME])
{
    struct str label = first_label(name), end = settings_zone_short(zone, region);
    struct sbuf b = sbuf_make(out, DNS_NAME - 1);
    bool letter = end.n == 1;

    sbuf_add(&b, label);
    sbuf_char(&b, '-');
    if (letter || end.n != zone.n) sbuf_add(&b, region);
    sbuf_add(&b, end);
    sbuf_add(&b, str_tail(name, label.n));
    out[b.n] = '\0';
    return !b.overflow && b.n <= 253;
}

struct str dns_zone_of_name(struct str name, struct str region)
{
    struct str label = first_label(name);
    size_t at = str_find(label, region);

    if (at == SIZE_MAX || !str_ends(str_head(label, at), STR("-"))) return STR_NONE;
    return str_tail(label, at + region.n);
}

/* ------------------------------------------------------------- judging */

static bool any_answered(const struct dns_lookup *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].now.result == DNS_ANSWERED) return true;
    return false;
}

/* A name that has nothing while another one answers has lost its addresses; when nothing answers at all, DNS is at
 * fault rather than the endpoint, whose addresses last as long as it does. */
static void take_over(struct dns_lookup *v, size_t n)
{
    bool answered = any_answered(v, n);

    for (size_t i = 0; i < n; i++) {
        if (v[i].now.result == DNS_ANSWERED) {
            memcpy(v[i].v, v[i].now.v, v[i].now.n * sizeof(v[i].v[0]));
            v[i].n = v[i].now.n;
        } else if (answered && v[i].now.result != DNS_NO_ANSWER) {
            v[i].n = 0;
        }
    }
}

/* An address of this round that must not be dialled; NULL: there is none. */
static const struct netaddr *find_public(const struct server_conf *server, const struct dns_lookup *v, size_t n,
                                         const char **name)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; v[i].now.result == DNS_ANSWERED && k < v[i].now.n; k++)
            if (!settings_address_allowed(server, &v[i].now.v[k])) {
                *name = v[i].name;
                return &v[i].now.v[k];
            }
    return NULL;
}

static void explain_public(const char *name, const struct netaddr *addr, struct dns_view *out)
{
    char text[NETADDR_TEXT];
    int n;

    netaddr_format(addr, text);
    n = (int)str_rindex(str_from(text), ':');
    snprintf(out->why, sizeof(out->why),
             "DNS answers %.90s with %.*s, which is not a private address: %s. Set `resolver` to one that tells the "
             "truth, write `addresses`, or list its network in private_networks.",
             name, n, text, out->n ? "refused, the last good answer stands" : "nothing is sent");
}

static void set_port(struct netaddr *a, unsigned port)
{
    if (a->u.sa.sa_family == AF_INET6)
        a->u.in6.sin6_port = htons((uint16_t)port);
    else
        a->u.in.sin_port = htons((uint16_t)port);
}

/* Zonal names come first among the lookups, so that an address keeps its zone. */
static void add_address(struct dns_view *out, const struct dns_lookup *l, struct netaddr addr, unsigned port)
{
    set_port(&addr, port);
    for (size_t i = 0; i < out->n; i++)
        if (netaddr_equal(&out->v[i].addr, &addr)) return;
    if (out->n == ADDRESS_MAX) return;
    out->v[out->n].addr = addr;
    memcpy(out->v[out->n].zone, l->zone, sizeof(l->zone));
    out->n++;
}

static uint64_t wait_of(const struct dns_lookup *v, size_t n)
{
    uint64_t ms = DNS_MOST_MS;

    for (size_t i = 0; i < n; i++) {
        if (v[i].now.result == DNS_NO_ANSWER) return DNS_LEAST_MS;
        if (v[i].now.result == DNS_ANSWERED && v[i].now.ttl_s * 1000ull < ms) ms = v[i].now.ttl_s * 1000ull;
    }
    if (!any_answered(v, n) || ms < DNS_LEAST_MS) return DNS_LEAST_MS;
    return ms;
}

/* The first question that got no answer, else the first one. */
static const struct dns_lookup *culprit(const struct dns_lookup *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].now.result == DNS_NO_ANSWER) return &v[i];
    return &v[0];
}

static void explain_nothing(const struct endpoint_conf *ep, const struct dns_lookup *l, struct dns_view *out)
{
    if (l->now.result == DNS_NO_ANSWER) {
        out->state = DNS_FAILED;
        snprintf(out->why, sizeof(out->why), "DNS does not answer for %.120s: %s", l->name, l->now.why);
        return;
    }
    out->state = DNS_EMPTY;
    snprintf(out->why, sizeof(out->why),
             "DNS has %s for %.90s. If the name is right, a resolver on the way filters private addresses: let dnsmasq "
             "have rebind-domain-ok=/vpce.%s/, unbound private-domain: \"vpce.%s\"",
             l->now.result == DNS_NO_NAME ? "no such name (NXDOMAIN)" : "no address", l->name, ep->suffix, ep->suffix);
}

void dns_judge(const struct server_conf *server, const struct endpoint_conf *ep, struct dns_lookup *v, size_t n,
               struct dns_view *out)
{
    const struct dns_lookup *bad = culprit(v, n);
    const char *name = NULL;
    const struct netaddr *public = find_public(server, v, n, &name);

    memset(out, 0, sizeof(*out));
    if (!public) take_over(v, n);
    out->wait_ms = public ? DNS_LEAST_MS : wait_of(v, n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < v[i].n; k++)
            add_address(out, &v[i], v[i].v[k], (unsigned)ep->port);
    if (public) {
        out->state = out->n ? DNS_STALE : DNS_PUBLIC;
        explain_public(name, public, out);
        return;
    }
    if (!out->n) {
        explain_nothing(ep, bad, out);
        return;
    }
    out->state = bad->now.result == DNS_NO_ANSWER || !any_answered(v, n) ? DNS_STALE : DNS_GOOD;
    if (out->state == DNS_STALE)
        snprintf(out->why, sizeof(out->why), "DNS does not answer for %.120s (%s): the last good answer stands",
                 bad->name, bad->now.why);
}

/* ------------------------------------------------------------- asking */

static bool add_lookups(struct dns *d, const char *name, struct str zone)
{
    static const int families[] = {AF_INET, AF_INET6};

    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct dns_lookup *l = &d->v[d->n];

        d->asked[d->n++] = (struct asked){d, l};
        l->family = families[i];
        if (!str_to_cstr(str_from(name), l->name, sizeof(l->name))) return false;
        if (!str_to_cstr(zone, l->zone, sizeof(l->zone))) return false;
    }
    return true;
}

static enum err_code make_lookups(struct dns *d, struct err *err)
{
    struct str region = str_from(d->ep->region), name = str_from(d->ep->dns_name);
    struct str own_zone = dns_zone_of_name(name, region);
    char zonal[DNS_NAME];

    d->v = calloc(2 * (d->ep->zones.n + 1), sizeof(*d->v));
    d->asked = calloc(2 * (d->ep->zones.n + 1), sizeof(*d->asked));
    if (!d->v || !d->asked) return err_set(err, ERR_NO_MEMORY, 0, "DNS");
    for (size_t i = 0; i < d->ep->zones.n; i++) {
        struct str zone = str_from(d->ep->zones.v[i]);

        if (own_zone.n) break;
        if (!dns_zonal_name(name, zone, region, zonal) || !add_lookups(d, zonal, settings_zone_short(zone, region)))
            return err_set(err, ERR_CONFIG, 0, "[endpoint %s] the name of zone %s is too long", d->ep->name,
                           d->ep->zones.v[i]);
    }
    if (!add_lookups(d, d->ep->dns_name, own_zone))
        return err_set(err, ERR_CONFIG, 0, "[endpoint %s] the name is too long", d->ep->name);
    return ERR_NONE;
}

enum err_code dns_new(struct loop *loop, const struct server_conf *server, const struct endpoint_conf *ep,
                      dns_changed_fn *changed, void *arg, struct dns **out, struct err *err)
{
    struct dns *d = calloc(1, sizeof(*d));
    enum err_code code;

    if (!d) return err_set(err, ERR_NO_MEMORY, 0, "DNS");
    d->server = server;
    d->ep = ep;
    d->changed = changed;
    d->arg = arg;
    code = make_lookups(d, err);
    if (code == ERR_NONE) code = resolver_new(loop, ep->resolvers, ep->resolvers_n, &d->resolver, err);
    if (code != ERR_NONE) {
        dns_free(&d);
        return code;
    }
    *out = d;
    return ERR_NONE;
}

void dns_free(struct dns **dp)
{
    struct dns *d = *dp;

    *dp = NULL;
    if (!d) return;
    resolver_free(&d->resolver);
    free(d->v);
    free(d->asked);
    free(d);
}

static bool same_list(const struct str_list *a, const struct str_list *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0) return false;
    return true;
}

static bool same_servers(const struct endpoint_conf *a, const struct endpoint_conf *b)
{
    if (a->resolvers_n != b->resolvers_n) return false;
    for (size_t i = 0; i < a->resolvers_n; i++)
        if (!netaddr_equal(&a->resolvers[i], &b->resolvers[i])) return false;
    return true;
}

static bool same_networks(const struct server_conf *a, const struct server_conf *b)
{
    if (a->private_networks_n != b->private_networks_n) return false;
    for (size_t i = 0; i < a->private_networks_n; i++)
        if (!netaddr_equal(&a->private_networks[i].base, &b->private_networks[i].base) ||
            a->private_networks[i].bits != b->private_networks[i].bits)
            return false;
    return true;
}

bool dns_follow(struct dns *d, const struct server_conf *server, const struct endpoint_conf *ep)
{
    if (strcmp(d->ep->dns_name, ep->dns_name) != 0 || strcmp(d->ep->region, ep->region) != 0 ||
        d->ep->port != ep->port || !same_list(&d->ep->zones, &ep->zones) || !same_servers(d->ep, ep) ||
        !same_networks(d->server, server))
        return false;
    d->server = server;
    d->ep = ep;
    return true;
}

int64_t dns_next_us(const struct dns *d)
{
    return d->next_us;
}

/* The next one comes up to a tenth early: proxies that were started together do not ask together for ever. */
static int64_t with_jitter(uint64_t ms)
{
    uint16_t random;

    secret_random(&random, sizeof(random));
    return (int64_t)(ms * 1000 - ms * 100 * random / 65536);
}

static void end_round(struct dns *d)
{
    struct dns_view *view;

    if (d->open || d->asking) return;
    view = malloc(sizeof(*view));
    d->next_us = d->now_us + DNS_LEAST_MS * 1000;
    if (!view) return;
    dns_judge(d->server, d->ep, d->v, d->n, view);
    d->next_us = d->now_us + with_jitter(view->wait_ms);
    d->changed(d->arg, view);
    free(view);
}

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct asked *a = arg;
    struct dns *d = a->dns;

    a->lookup->now = *answer;
    d->open--;
    end_round(d);
}

void dns_tick(struct dns *d, int64_t now_us)
{
    struct err err = {0};

    d->now_us = now_us;
    if (d->open || now_us < d->next_us) return;
    if (!resolver_renew(d->resolver, &err)) {
        LOG(LOG_WARN, "endpoint %s: %s", d->ep->name, err.detail);
        d->next_us = now_us + DNS_LEAST_MS * 1000;
        return;
    }
    d->asking = true;
    for (size_t i = 0; i < d->n; i++) {
        d->open++;
        resolver_ask(d->resolver, d->v[i].name, d->v[i].family, on_answer, &d->asked[i]);
    }
    d->asking = false;
    end_round(d);
}
