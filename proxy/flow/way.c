/* SPDX-License-Identifier: Apache-2.0
 * way.c: intercept, tunnel or refuse: what becomes of a host that a client of a forward or redirect listener asks for.
 * Default deny; nothing that a client says is ever an address to connect to. Reads settings only; any thread.
 */
#include "flow/way.h"

#include "flow/router.h"

static const struct way_choice refused = {.way = WAY_REFUSE};

/* A client whose password was seen may have ways of its own. */
static const struct ways_conf *ways_of(const struct listener_conf *l, const struct principal_conf *user)
{
    bool own = user && (user->terms->ways.tunnel.n || user->terms->ways.intercept.n);

    return own ? &user->terms->ways : &l->ways;
}

static struct way_choice choose_private(const struct ways_conf *ways, const struct listener_conf *l, struct str host,
                                        const struct tunnel_conf *via, struct err *err)
{
    if (str_list_matches(&ways->tunnel, host)) return (struct way_choice){.way = WAY_TUNNEL, .via = via};
    err_set(err, ERR_HOST_REFUSED, 0, "%.*s is a host of [tunnel %s], but `tunnel` of [listener %s] does not name it.",
            STR_ARG(host), via->name, l->name);
    return refused;
}

/* The client will see the endpoint's own certificate, which is for names of its own Region only. */
static bool serves_name(const struct way_choice *c, struct str host, struct err *err)
{
    if (str_eq(c->s3.region, str_from(c->endpoint->region))) return true;
    err_set(err, ERR_HOST_REFUSED, 0,
            "%.*s cannot be tunnelled: [endpoint %s] has no certificate for it; use the names of %s.", STR_ARG(host),
            c->endpoint->name, c->endpoint->region);
    return false;
}

/* What is neither S3's nor a tunnel's, and asked for by CONNECT. */
static const struct tunnel_conf *parent_of(const struct settings *s, const struct listener_conf *l,
                                           const struct principal_conf *user, struct str host)
{
    const struct str_list *hosts = user && user->terms->parent.n ? &user->terms->parent : &l->parent;

    if (l->mode != LISTENER_FORWARD || !str_list_matches(hosts, host)) return NULL;
    return settings_parent_for_host(s, host);
}

bool way_intercepts(const struct listener_conf *l, const struct principal_conf *user)
{
    return ways_intercept(ways_of(l, user));
}

enum err_code way_check_port(const struct way_choice *choice, unsigned port, struct err *err)
{
    uint64_t wanted = choice->via ? choice->via->port : 443;
    char text[16];

    if (choice->via && choice->via->is_parent) {
        snprintf(text, sizeof text, "%u", port);
        if (str_list_matches(&choice->via->ports, str_from(text))) return ERR_NONE;
        return err_set(err, ERR_PORT_REFUSED, 0, "port %u: `ports` of [parent %s] does not name it", port,
                       choice->via->name);
    }

    if (port == wanted || (choice->way == WAY_INTERCEPT && port == 80)) return ERR_NONE;
    if (choice->way == WAY_INTERCEPT)
        return err_set(err, ERR_PORT_REFUSED, 0, "port %u: only 443 and 80 are S3's", port);
    return err_set(err, ERR_PORT_REFUSED, 0, "port %u: a tunnel to this host leads to port %u only", port,
                   (unsigned)wanted);
}

struct way_choice way_choose(const struct settings *s, const struct listener_conf *l, const struct principal_conf *user,
                             struct str host, struct err *err)
{
    const struct ways_conf *ways = ways_of(l, user);
    const struct tunnel_conf *via = settings_tunnel_for_host(s, host);
    struct way_choice c = {.way = WAY_INTERCEPT};

    if (via) return choose_private(ways, l, host, via, err);
    via = parent_of(s, l, user, host);
    if (via) return (struct way_choice){.way = WAY_TUNNEL, .via = via};
    if (s3_host_parse(host, &c.s3, err) != ERR_NONE) return refused;
    c.endpoint = router_endpoint_for_host(s, &c.s3, host, err);
    if (!c.endpoint) return refused;
    if (str_list_matches(&ways->tunnel, host)) {
        c.way = WAY_TUNNEL;
        return serves_name(&c, host, err) ? c : refused;
    }
    if (str_list_matches(&ways->intercept, host)) return c;
    err_set(err, ERR_HOST_REFUSED, 0, "Neither `tunnel` nor `intercept` of [listener %s]%s names %.*s.", l->name,
            ways == &l->ways ? "" : " and of the client", STR_ARG(host));
    return refused;
}
