/* SPDX-License-Identifier: Apache-2.0
 * doctor_names.c: the doctor's steps service-name, dns, private: what the names resolve to here, and whether the proxy
 * would go there; see doctor.h.
 */
#include "doctor_impl.h"

#include <stdlib.h>

enum { ZONES_GUESSED = 6, LINE = 900 };

/* --- asking --- */

struct round {
    struct doctor *d;
    size_t open;
};

struct asked {
    struct round *round;
    struct dns_lookup *lookup;
};

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct asked *a = arg;

    a->lookup->now = *answer;
    if (--a->round->open == 0) loop_stop(&a->round->d->loop);
}

static void no_answers(struct doctor *d, struct dns_lookup *v, size_t n, const char *why)
{
    for (size_t i = 0; i < n; i++) {
        v[i].now.result = DNS_NO_ANSWER;
        if (why)
            snprintf(v[i].now.why, sizeof(v[i].now.why), "%.70s", why);
        else
            snprintf(v[i].now.why, sizeof(v[i].now.why), "nothing within %.1f s", (double)d->timeout_ms / 1000);
    }
}

/* All at once; what has not come when the time is over counts as no answer. */
static void ask(struct doctor *d, struct dns_lookup *v, size_t n)
{
    struct round round = {d, n};
    struct asked *asked = calloc(n, sizeof(*asked));
    struct resolver *resolver = NULL;
    struct err err = {0};

    no_answers(d, v, n, asked ? NULL : "out of memory");
    if (asked && (resolver_new(&d->loop, d->ep->resolvers, d->ep->resolvers_n, &resolver, &err) != ERR_NONE ||
                  !resolver_renew(resolver, &err))) {
        no_answers(d, v, n, err.detail);
    } else if (asked) {
        doctor_begin_wait(d);
        for (size_t i = 0; i < n; i++) {
            asked[i] = (struct asked){&round, &v[i]};
            resolver_ask(resolver, v[i].name, v[i].family, on_answer, &asked[i]);
        }
        while (round.open && doctor_wait(d))
            ;
    }
    if (resolver) resolver_free(&resolver);
    free(asked);
}

static bool set_lookup(struct dns_lookup *l, struct str name, struct str zone, int family)
{
    memset(l, 0, sizeof(*l));
    l->family = family;
    return str_to_cstr(name, l->name, sizeof(l->name)) && str_to_cstr(zone, l->zone, sizeof(l->zone));
}

struct kinds {
    size_t private_n, public_n;
};

static void put_addresses(struct doctor *d, const struct dns_lookup *l, struct sbuf *b, struct kinds *kinds)
{
    char text[NETADDR_TEXT];

    for (size_t i = 0; l->now.result == DNS_ANSWERED && i < l->now.n; i++) {
        bool allowed = settings_address_allowed(&d->settings->server, &l->now.v[i]);

        if (kinds->private_n + kinds->public_n) sbuf_add(b, STR(", "));
        doctor_format_ip(&l->now.v[i], text);
        sbuf_add(b, str_from(text));
        sbuf_add(b, allowed ? STR(" (private)") : STR(" (not private)"));
        *(allowed ? &kinds->private_n : &kinds->public_n) += 1;
    }
}

static const char *result_text(const struct dns_lookup *l)
{
    switch (l->now.result) {
    case DNS_NO_NAME: return "no such name (NXDOMAIN)";
    case DNS_NO_DATA: return "no address";
    case DNS_ANSWERED: return "";
    default: return l->now.why;
    }
}

/* One line for the lookups of one name: A, and AAAA if @more. */
static struct kinds describe(struct doctor *d, struct doctor_finding *f, const struct dns_lookup *v, bool more)
{
    char line[LINE];
    struct sbuf b = sbuf_make(line, sizeof(line) - 1);
    struct kinds kinds = {0};

    put_addresses(d, &v[0], &b, &kinds);
    if (more) put_addresses(d, &v[1], &b, &kinds);
    if (!b.n) sbuf_add(&b, str_from(result_text(&v[0])));
    line[b.n] = '\0';
    doctor_add(f, "%s%s%.*s: %s%s", v[0].name, v[0].zone[0] ? ", zone " : "", (int)sizeof(v[0].zone), v[0].zone, line,
               b.overflow ? " ..." : "");
    return kinds;
}

static void describe_resolvers(struct doctor *d, struct doctor_finding *f)
{
    char line[LINE] = "those of /etc/resolv.conf", text[NETADDR_TEXT];
    struct sbuf b = sbuf_make(line, sizeof(line) - 1);

    for (size_t i = 0; i < d->ep->resolvers_n; i++) {
        netaddr_format(&d->ep->resolvers[i], text);
        sbuf_printf(&b, "%s%s", i ? ", " : "", text);
    }
    if (b.n) line[b.n] = '\0';
    doctor_add(f, "resolvers: %s", line);
}

/* --- service-name --- */

bool doctor_service_name(struct doctor *d, struct doctor_finding *f)
{
    struct dns_lookup *v = calloc(2, sizeof(*v));
    struct kinds kinds;
    struct str host = str_from(d->ep->host);

    if (!v || !set_lookup(&v[0], host, STR_NONE, AF_INET) || !set_lookup(&v[1], host, STR_NONE, AF_INET6)) {
        free(v);
        doctor_skip(f, "the name is too long");
        return true;
    }
    ask(d, v, 2);
    kinds = describe(d, f, v, true);
    if (kinds.public_n)
        doctor_add(f, "that is what a gateway endpoint or the Internet would use; the proxy never goes there");
    else if (kinds.private_n)
        doctor_add(f, "private DNS leads this name to an interface endpoint already");
    else if (v[0].now.result == DNS_NO_ANSWER)
        doctor_warn(f, "no-answer",
                    "let a DNS server be reachable from here (/etc/resolv.conf, or `resolver` of the endpoint)");
    else
        doctor_add(f, "the resolver does not know S3's ordinary name: nothing here can go around the proxy");
    d->service_known = kinds.public_n + kinds.private_n > 0;
    free(v);
    return true;
}

/* --- dns --- */

/* Zonal names to look up: those of the configuration, else guesses, whose absence means nothing. */
static size_t set_zones(struct doctor *d, struct str name, struct dns_lookup *v)
{
    const struct endpoint_conf *ep = d->ep;
    struct str region = str_from(ep->region);
    size_t n = 0, most = ep->zones.n ? ep->zones.n : ZONES_GUESSED;
    char zonal[DNS_NAME], letter[2] = "a";

    if (dns_zone_of_name(name, region).n) return 0;
    for (size_t i = 0; i < most; i++, letter[0]++) {
        struct str zone = str_from(ep->zones.n ? ep->zones.v[i] : letter);

        if (dns_zonal_name(name, zone, region, zonal) &&
            set_lookup(&v[n], str_from(zonal), settings_zone_short(zone, region), AF_INET))
            n++;
    }
    return n;
}

/* Says what came and takes out zones that do not exist; how many lookups are left. */
static size_t tell_names(struct doctor *d, struct doctor_finding *f, struct dns_lookup *v, size_t zones_n)
{
    size_t n = 0;

    describe_resolvers(d, f);
    describe(d, f, &v[zones_n], true);
    for (size_t i = 0; i < zones_n; i++) {
        if (v[i].now.result != DNS_ANSWERED) {
            if (!d->ep->zones.n) continue;
            describe(d, f, &v[i], false);
            doctor_warn(f, "zone", "the endpoint has no zone %s, or DNS does not know: correct `zones`", v[i].zone);
            continue;
        }
        describe(d, f, &v[i], false);
        if (n != i) v[n] = v[i];
        n++;
    }
    memmove(&v[n], &v[zones_n], 2 * sizeof(*v));
    return n + 2;
}

static const char filter_fix[] =
    "let the resolver give private answers below vpce.%s: dnsmasq rebind-domain-ok=/vpce.%s/, unbound private-domain: "
    "\"vpce.%s\"; or name another one (`resolver`), or write `addresses`";

/* A name with no address, and a name that does not exist, are different traces. */
static void explain_empty(struct doctor *d, struct doctor_finding *f, const struct dns_lookup *regional)
{
    const char *suffix = d->ep->suffix;

    if (regional->now.result == DNS_NO_DATA) {
        doctor_add(f, "the name exists and has no address. A living endpoint's name always has one: most likely a "
                      "resolver on the way drops private addresses (rebinding protection)");
        doctor_fail(f, "filtered", filter_fix, suffix, suffix, suffix);
    } else if (!d->service_known) {
        doctor_add(f, "the resolver knows neither this name nor %s: it does not know AWS's names at all", d->ep->host);
        doctor_fail(f, "isolated",
                    "let it forward amazonaws.com to a resolver that knows public names, or to a Route 53 inbound "
                    "endpoint in the VPC; or write `addresses`, which needs no DNS");
    } else {
        doctor_add(f,
                   "the resolver knows %s, but not this name: the endpoint was deleted, its name mistyped, or the "
                   "resolver denies names with private addresses; from here these cannot be told apart",
                   d->ep->host);
        doctor_fail(f, "no-such-name",
                    "compare the name with the console, and ask a resolver elsewhere (these names are public): dig "
                    "+short %s",
                    regional->name);
        doctor_fail(f, "no-such-name", filter_fix, suffix, suffix, suffix);
    }
}

static bool add_address(struct doctor *d, const struct netaddr *addr, const char *zone)
{
    struct doctor_address *a = &d->v[d->n];
    char text[NETADDR_TEXT];

    if (d->n == ADDRESS_MAX) return false;
    a->addr = *addr;
    netaddr_format(addr, text);
    if (zone[0])
        snprintf(a->label, sizeof(a->label), "%s (zone %.*s)", text, ADDRESS_ZONE, zone);
    else
        snprintf(a->label, sizeof(a->label), "%s", text);
    d->n++;
    return true;
}

static bool judge(struct doctor *d, struct doctor_finding *f, struct dns_lookup *v, size_t n)
{
    dns_judge(&d->settings->server, d->ep, v, n, &d->view);
    if (d->view.state == DNS_EMPTY) explain_empty(d, f, &v[n - 2]);
    if (d->view.state == DNS_FAILED) {
        doctor_fail(f, "no-answer",
                    "let a DNS server be reachable from here (/etc/resolv.conf, or `resolver`), or write `addresses`");
    }
    if (d->view.state == DNS_STALE) doctor_warn(f, "half-an-answer", "%s", d->view.why);
    for (size_t i = 0; i < d->view.n; i++)
        if (!add_address(d, &d->view.v[i].addr, d->view.v[i].zone)) break;
    return d->view.state != DNS_EMPTY && d->view.state != DNS_FAILED;
}

/* Whether what is written down is what DNS says. */
static void compare(struct doctor *d, struct doctor_finding *f, const struct dns_lookup *v, size_t n)
{
    for (size_t k = 0; k < d->n; k++) {
        bool found = false, answered = false;

        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; v[i].now.result == DNS_ANSWERED && j < v[i].now.n; j++) {
                struct netaddr a = v[i].now.v[j];

                answered = true;
                /* the port lies at the same place in both families */
                a.u.in.sin_port = d->v[k].addr.u.in.sin_port;
                found = found || netaddr_equal(&a, &d->v[k].addr);
            }
        if (answered && !found)
            doctor_warn(f, "differs", "%s is written down, but DNS does not have it: has the endpoint been made anew?",
                        d->v[k].label);
    }
}

static bool written(struct doctor *d, struct doctor_finding *f)
{
    const struct endpoint_conf *ep = d->ep;

    for (size_t i = 0; i < ep->addresses_n; i++)
        if (!add_address(d, &ep->addresses[i], i < ep->address_zones.n ? ep->address_zones.v[i] : "")) break;
    doctor_add(f, "%zu address%s written down; the proxy does not ask DNS", d->n, d->n == 1 ? "" : "es");
    return d->n > 0;
}

bool doctor_dns(struct doctor *d, struct doctor_finding *f)
{
    struct str name = str_from(d->ep->dns_name ? d->ep->dns_name : d->ep->vpce_name);
    struct str zone = dns_zone_of_name(name, str_from(d->ep->region));
    size_t at = str_find(name, STR("vpce-")), zones_n, n;
    struct dns_lookup *v;
    bool good = d->ep->dns || written(d, f);

    if (!name.n) return good;
    if (at != SIZE_MAX) name = str_tail(name, at);
    v = calloc((d->ep->zones.n ? d->ep->zones.n : ZONES_GUESSED) + 2, sizeof(*v));
    zones_n = v ? set_zones(d, name, v) : 0;
    if (!v || !set_lookup(&v[zones_n], name, zone, AF_INET) || !set_lookup(&v[zones_n + 1], name, zone, AF_INET6)) {
        free(v);
        doctor_skip(f, "the name is too long");
        return good && !d->ep->dns;
    }
    ask(d, v, zones_n + 2);
    n = tell_names(d, f, v, zones_n);
    if (d->ep->dns)
        good = judge(d, f, v, n);
    else
        compare(d, f, v, n);
    free(v);
    return good;
}

/* --- private --- */

bool doctor_private(struct doctor *d, struct doctor_finding *f)
{
    for (size_t i = 0; i < d->n; i++)
        doctor_add(f, "%s is %s", d->v[i].label,
                   netaddr_is_private(&d->v[i].addr) ? "private" : "in private_networks of the configuration");
    if (d->view.state == DNS_PUBLIC) {
        doctor_add(f, "%s", d->view.why);
        doctor_fail(f, "public",
                    "ask a resolver that tells the truth (`resolver`), write `addresses`, or, if that network is "
                    "yours, list it in private_networks of [server]");
        return false;
    }
    return d->n > 0;
}
