/* SPDX-License-Identifier: Apache-2.0
 * ca_scope.c: see io/ca_scope.h. One thread. Owns the names it makes.
 */
#include "io/ca_scope.h"

#include "aws/s3/partition.h"
#include "aws/s3/target.h"
#include "ca.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

enum { ARENA_BLOCK = 8 * 1024, ARENA_LIMIT = 512 * 1024 };

static bool is_below(struct str name, struct str tree)
{
    return str_eq(name, tree) || (name.n > tree.n && str_ends(name, tree) && name.p[name.n - tree.n - 1] == '.');
}

static bool has_name(const struct ca_scope *scope, struct str name)
{
    for (size_t i = 0; i < scope->dns_n; i++)
        if (is_below(name, str_from(scope->dns[i]))) return true;
    return false;
}

static void add_block(struct ca_scope *scope, const struct netblock *block)
{
    for (size_t i = 0; i < scope->ip_n; i++)
        if (netblock_has(&scope->ip[i], &block->base)) return;
    if (scope->ip_n == CA_SCOPE_ADDRESSES)
        scope->full = true;
    else
        scope->ip[scope->ip_n++] = *block;
}

static void add_name(void *arg, struct str name)
{
    struct ca_scope *scope = arg;
    struct netblock block;
    uint8_t ip[CA_IP_BYTES];

    if (x509_ip_bytes(name, ip) && netblock_parse(name, &block)) {
        add_block(scope, &block);
        return;
    }
    if (has_name(scope, name)) return;
    struct str copy = arena_dup(&scope->arena, name);
    if (scope->dns_n == CA_SCOPE_NAMES || !copy.p)
        scope->full = true;
    else
        scope->dns[scope->dns_n++] = copy.p;
}

/* Might this be a top-level domain? Those are of letters only, or begin like names in other scripts. */
static bool may_be_domain(struct str name)
{
    if (str_starts_nocase(name, STR("xn--"))) return true;
    for (size_t i = 0; i < name.n; i++)
        if (ascii_lower(name.p[i]) < 'a' || ascii_lower(name.p[i]) > 'z') return false;
    return true;
}

static bool has_name_below(const struct ca_scope *scope, struct str tree)
{
    for (size_t i = 0; i < scope->dns_n; i++)
        if (is_below(str_from(scope->dns[i]), tree)) return true;
    return false;
}

/* Nobody asked for a name that the machine has by itself: one that is called "dev" must not speak for all of .dev. */
static void add_machine_name(struct ca_scope *scope, struct str name)
{
    bool alone = may_be_domain(name);

    if (has_name(scope, name) || (alone && (scope->alone_n == CA_SCOPE_ALONE || has_name_below(scope, name)))) return;
    add_name(scope, name);
    if (alone && !scope->full) scope->alone[scope->alone_n++] = scope->dns[scope->dns_n - 1];
}

/* The whole machine, as a block of one address. */
static void add_address(struct ca_scope *scope, const struct netaddr *a)
{
    struct netblock block = {*a, a->u.sa.sa_family == AF_INET6 ? 128 : 32};

    add_block(scope, &block);
    if (netaddr_is_loopback(a)) add_name(scope, STR("localhost"));
}

static bool is_any(const struct netaddr *a)
{
    if (a->u.sa.sa_family == AF_INET) return a->u.in.sin_addr.s_addr == 0;
    return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

/* All addresses of this machine; with @v6 those of both kinds, as a socket on [::] takes both. Link-local ones need a
 * zone, which no certificate can hold. */
static void add_machine(struct ca_scope *scope, bool v6)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) != 0) return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        struct netaddr a = {.len = 0};

        if (!i->ifa_addr) continue;
        if (i->ifa_addr->sa_family == AF_INET)
            memcpy(&a.u.in, i->ifa_addr, a.len = sizeof(a.u.in));
        else if (v6 && i->ifa_addr->sa_family == AF_INET6)
            memcpy(&a.u.in6, i->ifa_addr, a.len = sizeof(a.u.in6));
        if (a.len && !(a.u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a.u.in6.sin6_addr)))
            add_address(scope, &a);
    }
    freeifaddrs(all);
}

static void add_addresses(struct ca_scope *scope, const struct netaddr *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_any(&v[i]))
            add_machine(scope, v[i].u.sa.sa_family == AF_INET6);
        else
            add_address(scope, &v[i]);
    }
}

static void add_written_names(struct ca_scope *scope, const struct str_list *names, bool by_default)
{
    for (size_t i = 0; i < names->n && !by_default; i++)
        add_name(scope, str_from(names->v[i]));
}

static void add_machine_names(struct ca_scope *scope, const struct str_list *names, bool by_default)
{
    for (size_t i = 0; i < names->n && by_default; i++)
        add_machine_name(scope, str_from(names->v[i]));
}

static void add_listener(struct ca_scope *scope, const struct listener_conf *l)
{
    if (l->mode == LISTENER_REDIRECT) return; /* nobody speaks to it */
    add_written_names(scope, &l->names, l->names_default);
    add_addresses(scope, l->bind, l->bind_n);
}

static void add_admin(struct ca_scope *scope, const struct admin_conf *a)
{
    if (!a->tls || a->certificate) return;
    add_written_names(scope, &a->names, a->names_default);
    add_addresses(scope, a->listen, a->listen_n);
}

void ca_scope_init(struct ca_scope *scope, const struct settings *s)
{
    scope->dns_n = scope->ip_n = scope->alone_n = 0;
    scope->full = false;
    arena_init(&scope->arena, ARENA_BLOCK, ARENA_LIMIT);
    for (size_t i = 0; i < s->endpoints_n; i++) {
        const struct endpoint_conf *ep = &s->endpoints[i];

        s3_names_of_region(str_from(ep->region), str_from(ep->suffix), ep->fips, add_name, scope);
        for (size_t j = 0; j < ep->also_regions.n; j++) {
            struct str region = str_from(ep->also_regions.v[j]);
            s3_names_of_region(region, partition_suffix_or_aws(region), ep->fips, add_name, scope);
        }
    }
    if (s->endpoints_n) add_name(scope, STR("s3." PARTITION_AWS_SUFFIX)); /* the default one serves it */
    for (size_t i = 0; i < s->listeners_n; i++)
        add_listener(scope, &s->listeners[i]);
    add_admin(scope, &s->admin);
    for (size_t i = 0; i < s->listeners_n; i++) /* at last: what was written counts more */
        add_machine_names(scope, &s->listeners[i].names, s->listeners[i].names_default);
    if (s->admin.tls && !s->admin.certificate) add_machine_names(scope, &s->admin.names, s->admin.names_default);
}

bool ca_scope_add_region(struct ca_scope *scope, struct str region)
{
    struct str suffix = partition_suffix(region);

    if (!suffix.n) return false;
    s3_names_of_region(region, suffix, false, add_name, scope);
    return true;
}

void ca_scope_clear(struct ca_scope *scope)
{
    arena_clear(&scope->arena);
}

/* ---- an authority that exists ---- */

static bool is_one_address(const unsigned char *bytes, size_t n)
{
    for (size_t i = n / 2; i < n; i++)
        if (bytes[i] != 0xff) return false;
    return true;
}

/* What another machine called itself: no name of anybody else's. */
static bool is_machine_name(const struct ca *ca, struct str name)
{
    char below[300];

    if (str_index(name, '.') != SIZE_MAX) return false;
    snprintf(below, sizeof below, "x.%.*s", STR_ARG(name));
    return !may_be_domain(name) || !ca_permits(ca, str_from(below));
}

bool ca_scope_exceeded(const struct ca_scope *scope, const struct ca *ca, char *example, size_t n)
{
    const STACK_OF(GENERAL_SUBTREE) *trees = ca->names ? ca->names->permittedSubtrees : NULL;
    bool dns = false;

    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_SUBTREE_value(trees, i)->base, &type);
        struct str base = str_make((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));

        dns = dns || type == GEN_DNS;
        if (type == GEN_DNS && (has_name(scope, base) || s3_host_is_s3(base) || is_machine_name(ca, base))) continue;
        if (type == GEN_IPADD && is_one_address((const unsigned char *)base.p, base.n)) continue;
        ca_subtree_text(sk_GENERAL_SUBTREE_value(trees, i)->base, example, n);
        return true;
    }
    if (!dns) snprintf(example, n, "every name");
    return !dns;
}
