/* SPDX-License-Identifier: Apache-2.0
 * config_check_endpoint.c: what must fit together in [endpoint], [tunnel] and [parent], and which addresses traffic may
 * go to. One thread; settings_address_allowed: any. Owns nothing.
 */
#include "config_options.h"

enum { MAX_ADDRESSES = 64 };

/* --- addresses --- */

bool config_same_address(const struct netaddr *a, const struct netaddr *b)
{
    char text_a[NETADDR_TEXT], text_b[NETADDR_TEXT];

    netaddr_format(a, text_a);
    netaddr_format(b, text_b);
    return netaddr_port(a) != 0 && strcmp(text_a, text_b) == 0;
}

bool settings_address_is_never(const struct netaddr *a)
{
    static const struct str blocks[] = {STR_INIT("0.0.0.0/8"),    STR_INIT("169.254.0.0/16"), STR_INIT("224.0.0.0/3"),
                                        STR_INIT("fe80::/10"),    STR_INIT("ff00::/8"),       STR_INIT("::/128"),
                                        STR_INIT("fd00:ec2::/32")};

    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        struct netblock block;
        bool ok = netblock_parse(blocks[i], &block);
        ASSERT(ok);
        if (netblock_has(&block, a)) return true;
    }
    return false;
}

bool settings_address_allowed(const struct server_conf *server, const struct netaddr *a)
{
    if (settings_address_is_never(a)) return false;
    if (netaddr_is_private(a)) return true;
    for (size_t i = 0; i < server->private_networks_n; i++)
        if (netblock_has(&server->private_networks[i], a)) return true;
    return false;
}

static void check_address(struct config_build *b, struct raw_section *section, const struct netaddr *a)
{
    const char *key = section->id == SECTION_PARENT ? "address" : "addresses";
    struct config_place place = config_place_of(section, key);
    const char *whose = section->id == SECTION_CREDENTIALS ? "service's endpoint" : config_sections[section->id].word;
    char text[NETADDR_TEXT];

    netaddr_format(a, text);
    if (netaddr_port(a) == 0) {
        config_problem(b, place, "%s: %s has no port; write ADDRESS, or ADDRESS:%s", key, text,
                       section->id == SECTION_PARENT ? "3128" : "443");
    } else if (settings_address_is_never(a)) {
        config_problem(b, place,
                       "%s: %s is link-local, multicast or no address at all; write the private addresses of the %s",
                       key, text, whose);
    } else if (!settings_address_allowed(&b->s->server, a)) {
        config_problem(b, place,
                       "%s: %s is not a private address, so traffic could leave the private path; write the "
                       "%s own, or list its network in private_networks of [server]",
                       key, text, section->id == SECTION_PARENT ? "parent's" : "endpoint's");
    }
}

void config_check_address_list(struct config_build *b, struct raw_section *section, const struct netaddr *addresses,
                               size_t n)
{
    if (n > MAX_ADDRESSES)
        config_problem(b, config_place_of(section, "addresses"), "addresses: %zu are too many; write at most %d", n,
                       MAX_ADDRESSES);
    for (size_t i = 0; i < n; i++)
        check_address(b, section, &addresses[i]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (config_same_address(&addresses[i], &addresses[j]))
                config_problem(b, config_place_of(section, "addresses"),
                               "addresses: one stands there twice; keep one of them");
}

/* --- endpoints --- */

static void check_dns(struct config_build *b, struct raw_section *section)
{
    struct endpoint_conf *endpoint = section->item;

    if (endpoint->dns && !config_text_of(section, "name"))
        config_problem(b, config_place_of(section, "dns"),
                       "dns = yes needs a name to look up; write name = vpce-ID.s3.REGION.vpce.amazonaws.com");
    if (endpoint->dns && config_text_of(section, "addresses"))
        config_problem(b, config_place_of(section, "dns"),
                       "addresses come from DNS or are written down, not both; remove dns or addresses");
    if (!endpoint->dns && endpoint->zones.n)
        config_problem(b, config_place_of(section, "zones"),
                       "zones names what is looked up in DNS; write addresses = ZONE=ADDRESS, … instead");
    if (!endpoint->dns && endpoint->resolvers_n)
        config_problem(b, config_place_of(section, "resolver"),
                       "resolver has no effect without DNS; remove it or addresses");
    for (size_t i = 0; i < endpoint->resolvers_n; i++)
        if (netaddr_port(&endpoint->resolvers[i]) == 0)
            config_problem(b, config_place_of(section, "resolver"), "resolver: port 0; write ADDRESS, or ADDRESS:53");
}

static bool is_zone(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return s.n > 0 && s.n <= 32;
}

static void check_zone(struct config_build *b, struct raw_section *section, const char *key, const char *zone)
{
    if (!is_zone(str_from(zone)))
        config_problem(b, config_place_of(section, key),
                       "%s: \"%.40s\" cannot be a zone; write it like a, or ap-northeast-1a", key, zone);
}

static void check_zones(struct config_build *b, struct raw_section *section)
{
    struct endpoint_conf *endpoint = section->item;

    for (size_t i = 0; i < endpoint->address_zones.n; i++)
        if (endpoint->address_zones.v[i][0]) check_zone(b, section, "addresses", endpoint->address_zones.v[i]);
    for (size_t i = 0; i < endpoint->zones.n; i++)
        check_zone(b, section, "zones", endpoint->zones.v[i]);
    if (endpoint->prefer_zone) check_zone(b, section, "prefer_zone", endpoint->prefer_zone);
}

static void check_addresses(struct config_build *b, struct raw_section *section)
{
    struct endpoint_conf *endpoint = section->item;

    if (!config_text_of(section, "addresses")) {
        if (!endpoint->dns)
            config_problem(b, config_header_place(section),
                           "endpoint \"%s\" has no addresses; write addresses = …, or name = vpce-….s3.REGION.vpce."
                           "amazonaws.com, which is looked up in DNS",
                           section->name);
        return;
    }
    config_check_address_list(b, section, endpoint->addresses, endpoint->addresses_n);
}

void config_check_endpoint(struct config_build *b, struct raw_section *section)
{
    struct endpoint_conf *endpoint = section->item;

    check_dns(b, section);
    check_zones(b, section);
    check_addresses(b, section);
    config_check_owner(b, section, endpoint->expected_owner);
    config_check_file(b, section, "ca_file", endpoint->ca_file, false);
    config_check_reference(b, section, "credentials",
                           "write that section, or remove the line to use [credentials default]");
    config_check_reference(b, section, "line", "write that section, or remove the line");
}

void config_check_one_default(struct config_build *b)
{
    const struct raw_section *first = NULL;

    for (size_t i = 0; i < b->raw->n; i++) {
        struct raw_section *section = b->raw->v[i];
        if (section->id != SECTION_ENDPOINT || !((struct endpoint_conf *)section->item)->is_default) continue;
        if (first)
            config_problem(b, config_place_of(section, "default"),
                           "endpoint \"%s\" is the default already; keep one default = yes", first->name);
        else
            first = section;
    }
}

/* --- tunnels --- */

static bool has_host_of(const struct ways_conf *ways, const struct tunnel_conf *tunnel)
{
    for (size_t i = 0; i < tunnel->hosts.n; i++)
        if (str_list_matches(&ways->tunnel, str_from(tunnel->hosts.v[i]))) return true;
    return false;
}

/* Tunnels that no listener and no client leads to are a mistake. */
static bool is_reachable(const struct settings *s, const struct tunnel_conf *tunnel)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (has_host_of(&s->listeners[i].ways, tunnel)) return true;
    for (size_t i = 0; i < s->clients_n; i++)
        if (has_host_of(&s->clients[i].terms->ways, tunnel)) return true;
    return false;
}

void config_check_tunnel(struct config_build *b, struct raw_section *section)
{
    const struct tunnel_conf *tunnel = section->item;

    for (size_t i = 0; i < 2; i++) {
        static const char *const keys[] = {"hosts", "addresses"};
        if (!config_text_of(section, keys[i]))
            config_problem(b, config_header_place(section), "tunnel \"%s\" has no %s; write %s = …", section->name,
                           keys[i], keys[i]);
    }
    for (size_t i = 0; i < tunnel->addresses_n; i++)
        check_address(b, section, &tunnel->addresses[i]);
    if (tunnel->hosts.n && !b->no_clients && !is_reachable(b->s, tunnel))
        config_problem(b, config_header_place(section),
                       "no listener leads to tunnel \"%s\"; write tunnel = %s in a [listener] with mode = forward or "
                       "mode = redirect",
                       section->name, tunnel->hosts.v[0]);
}

/* --- parents --- */

static void check_credentials(struct config_build *b, struct raw_section *section, const struct tunnel_conf *parent)
{
    enum { BOTH_MOST = 512 }; /* they go into one line of a head */

    if (!parent->user != !parent->password)
        config_problem(b, config_header_place(section),
                       "parent \"%s\" has no %s; write both user and password, or none", section->name,
                       parent->user ? "password" : "user");
    if (parent->user && strchr(parent->user, ':'))
        config_problem(b, config_place_of(section, "user"),
                       "user: a colon ends the name in Proxy-Authorization; write a name without one");
    if (parent->user && parent->password && strlen(parent->user) + strlen(parent->password) > BOTH_MOST)
        config_problem(b, config_place_of(section, "password"), "user and password have more than %d bytes together",
                       BOTH_MOST);
}

void config_check_parent(struct config_build *b, struct raw_section *section)
{
    const struct tunnel_conf *parent = section->item;
    bool any = false;

    if (!parent->addresses_n && !config_text_of(section, "address"))
        config_problem(b, config_header_place(section), "parent \"%s\" has no address; write address = …",
                       section->name);
    for (size_t i = 0; i < parent->addresses_n; i++)
        check_address(b, section, &parent->addresses[i]);
    for (size_t i = 0; i < parent->ports.n; i++)
        if (strspn(parent->ports.v[i], "0123456789*?") != strlen(parent->ports.v[i]))
            config_problem(b, config_place_of(section, "ports"),
                           "ports: \"%.40s\" cannot match a port; write numbers, with * and ? as wildcards",
                           parent->ports.v[i]);
    check_credentials(b, section, parent);
    for (size_t i = 0; i < b->s->listeners_n; i++)
        any = any || b->s->listeners[i].mode == LISTENER_FORWARD;
    if (!any)
        config_problem(b, config_header_place(section),
                       "no listener leads to parent \"%s\"; write a [listener] with mode = forward", section->name);
}
