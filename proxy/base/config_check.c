/* SPDX-License-Identifier: Apache-2.0
 * config_check.c: config_finish fills in the values that follow from others (ports, names of S3); config_check
 * judges what must fit together (references, pairs, private addresses). Credentials: config_credentials.c. One thread.
 * Owns nothing: what it makes belongs to struct settings.
 */
#include "config_options.h"

#include "base/password.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PORT_FORWARD = 3128,
    PORT_REDIRECT = 3129,
    PORT_TUNNEL = 443,
    PORT_ENDPOINT = 9000,
    PORT_ENDPOINT_TLS = 9443,
    MAX_ADDRESSES = 64,
};

void config_for_each(struct config_build *b, enum section_id id,
                     void (*visit)(struct config_build *b, struct raw_section *section))
{
    for (size_t i = 0; i < b->raw->n; i++)
        if (b->raw->v[i]->id == id) visit(b, b->raw->v[i]);
}

const char *config_text_of(struct raw_section *section, const char *key)
{
    return config_raw_value(section, key)->text;
}

/* Where @key is written, else where its section is. */
struct config_place config_place_of(struct raw_section *section, const char *key)
{
    struct config_place place = config_raw_value(section, key)->place;

    return place.file ? place : section->place;
}

/* --- what follows from other values --- */

static void finish_listener(struct config_build *b, struct raw_section *section)
{
    struct set_listener *listener = section->item;
    unsigned port = listener->mode == LISTENER_FORWARD    ? PORT_FORWARD
                    : listener->mode == LISTENER_REDIRECT ? PORT_REDIRECT
                    : listener->tls == LISTENER_PLAIN     ? PORT_ENDPOINT
                                                          : PORT_ENDPOINT_TLS;
    const char *text = config_text_of(section, "bind");

    if (listener->mode == LISTENER_REDIRECT && !config_text_of(section, "tls")) listener->tls = LISTENER_SNIFF;
    config_parse_addresses(b, section, "bind", text ? text : "127.0.0.1", port);
    listener->anonymous_index = listener->endpoint_index = SIZE_MAX;
}

/* Source: AWS SDK "partitions.json". */
struct str config_suffix_of(struct str region)
{
    static const struct {
        struct str prefix, suffix;
    } partitions[] = {
        {STR_INIT("cn-"), STR_INIT("amazonaws.com.cn")},    {STR_INIT("us-iso-"), STR_INIT("c2s.ic.gov")},
        {STR_INIT("us-isob-"), STR_INIT("sc2s.sgov.gov")},  {STR_INIT("eu-isoe-"), STR_INIT("cloud.adc-e.uk")},
        {STR_INIT("us-isof-"), STR_INIT("csp.hci.ic.gov")}, {STR_INIT("eusc-"), STR_INIT("amazonaws.eu")},
    };

    for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
        if (str_starts(region, partitions[i].prefix)) return partitions[i].suffix;
    return STR("amazonaws.com");
}

/* Takes the last label of *@s off. */
static struct str pop_label(struct str *s)
{
    size_t dot = str_rindex(*s, '.');
    struct str label = dot == SIZE_MAX ? *s : str_tail(*s, dot + 1);

    *s = str_head(*s, dot == SIZE_MAX ? 0 : dot);
    return label;
}

struct vpce_name {
    struct str region, suffix;
    bool fips;
};

/* [PREFIX.]vpce-ID[-ZONE].s3[-fips].REGION.vpce.SUFFIX, read from the right; PREFIX: "bucket" or the console's "*",
 * or one of the other words that carry another API over the same addresses. */
static bool parse_vpce_name(struct str name, struct vpce_name *out)
{
    static const struct str prefixes[] = {STR_INIT(""), STR_INIT("*"), STR_INIT("bucket"), STR_INIT("accesspoint"),
                                          STR_INIT("control")};
    size_t vpce = str_find(name, STR(".vpce."));

    if (vpce == SIZE_MAX) return false;
    struct str left = str_head(name, vpce);
    out->suffix = str_tail(name, vpce + 6);
    out->region = pop_label(&left);
    struct str service = pop_label(&left), id = pop_label(&left);
    out->fips = str_eq(service, STR("s3-fips"));
    if (!out->fips && !str_eq(service, STR("s3"))) return false;
    if (!str_starts(id, STR("vpce-")) || id.n < 10 || out->suffix.n == 0) return false;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_eq(left, prefixes[i])) return config_region_valid(out->region);
    return false;
}

static void take_vpce_name(struct config_build *b, struct raw_section *section)
{
    struct set_endpoint *endpoint = section->item;
    struct config_place place = config_place_of(section, "name");
    struct vpce_name name;

    if (!parse_vpce_name(str_from(endpoint->vpce_name), &name)) {
        config_problem(b, place,
                       "name = %s is not an S3 endpoint's name; write it like "
                       "vpce-ID.s3.REGION.vpce.amazonaws.com, or write region = REGION instead",
                       endpoint->vpce_name);
        return;
    }
    if (!str_eq(name.suffix, config_suffix_of(name.region))) {
        config_problem(
            b, place, "name = %s ends in %.*s, but names in %.*s end in %.*s; copy it from the console again",
            endpoint->vpce_name, STR_ARG(name.suffix), STR_ARG(name.region), STR_ARG(config_suffix_of(name.region)));
        return;
    }
    if (endpoint->region && !str_eq(str_from(endpoint->region), name.region)) {
        config_problem(b, config_place_of(section, "region"),
                       "region = %s, but the endpoint's name says %.*s; remove one of them", endpoint->region,
                       STR_ARG(name.region));
        return;
    }
    if (!endpoint->region) endpoint->region = config_strdup(name.region);
    endpoint->fips = name.fips;
}

static unsigned endpoint_port(struct raw_section *section)
{
    const char *text = config_text_of(section, "port");
    uint64_t port;

    return text && str_to_u64(str_from(text), &port) && port <= 65535 ? (unsigned)port : 443;
}

static char *s3_host(const struct set_endpoint *endpoint)
{
    const char *service = endpoint->fips ? "s3-fips." : "s3.";
    size_t cap = strlen(service) + strlen(endpoint->region) + strlen(endpoint->suffix) + 2;
    struct sbuf b = sbuf_make(config_alloc(cap), cap);

    sbuf_add(&b, str_from(service));
    sbuf_add(&b, str_from(endpoint->region));
    sbuf_char(&b, '.');
    sbuf_add(&b, str_from(endpoint->suffix));
    return b.p;
}

struct str settings_zone_short(struct str zone, struct str region)
{
    return zone.n > region.n && str_starts(zone, region) ? str_tail(zone, region.n) : zone;
}

/* The name to look up: without the word in front that chooses an API. */
static char *dns_name_of(struct str name)
{
    size_t at = str_find(name, STR("vpce-"));

    return config_strdup(at == SIZE_MAX ? name : str_tail(name, at));
}

static void finish_dns(struct config_build *b, struct raw_section *section)
{
    struct set_endpoint *endpoint = section->item;
    const char *resolvers = config_text_of(section, "resolver");

    if (resolvers) config_parse_addresses(b, section, "resolver", resolvers, 53);
    if (!config_text_of(section, "dns")) endpoint->dns = endpoint->vpce_name && !config_text_of(section, "addresses");
    if (endpoint->dns && endpoint->vpce_name) endpoint->dns_name = dns_name_of(str_from(endpoint->vpce_name));
}

static void finish_endpoint(struct config_build *b, struct raw_section *section)
{
    struct set_endpoint *endpoint = section->item;
    const char *addresses = config_text_of(section, "addresses");

    endpoint->credentials_index = SIZE_MAX;
    if (addresses) config_parse_addresses(b, section, "addresses", addresses, endpoint_port(section));
    endpoint->port = endpoint_port(section);
    if (endpoint->vpce_name) take_vpce_name(b, section);
    finish_dns(b, section);
    if (!endpoint->region) {
        if (!config_text_of(section, "name") && !config_text_of(section, "region"))
            config_problem(
                b, section->place,
                "endpoint \"%s\" has no Region; write name = vpce-….s3.REGION.vpce.amazonaws.com or region = "
                "REGION",
                section->name);
        return;
    }
    endpoint->suffix = config_strdup(config_suffix_of(str_from(endpoint->region)));
    if (!endpoint->host) endpoint->host = s3_host(endpoint);
    if (!endpoint->sni) endpoint->sni = config_strdup(str_from(endpoint->host));
}

static bool is_bucket_pattern(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr(".-_*?", c)) return false;
    }
    return s.n > 0 && s.n <= 255;
}

static void finish_policy(struct config_build *b, struct raw_section *section)
{
    struct set_policy *policy = section->item;

    if (!config_text_of(section, "list_buckets")) policy->list_buckets = policy->buckets.n == 0;
    for (size_t i = 0; i < policy->buckets.n; i++)
        if (!is_bucket_pattern(str_from(policy->buckets.v[i])))
            config_problem(b, config_place_of(section, "buckets"),
                           "buckets: \"%.80s\" cannot be a bucket's name; write names only, with * and ? as wildcards",
                           policy->buckets.v[i]);
}

static void finish_tunnel(struct config_build *b, struct raw_section *section)
{
    const char *addresses = config_text_of(section, "addresses");

    if (addresses) config_parse_addresses(b, section, "addresses", addresses, PORT_TUNNEL);
}

static void finish_client(struct config_build *b UNUSED, struct raw_section *section)
{
    ((struct set_client *)section->item)->credentials_index = SIZE_MAX;
}

static void finish_log(struct config_build *b)
{
    struct set_log *set = &b->s->log;

    if (!set->access || strcmp(set->access, "-") == 0 || strcmp(set->access, "off") == 0) return;
    char *path = config_path(b->s->file, set->access);
    free(set->access);
    set->access = path;
}

static void finish_admin(struct config_build *b)
{
    struct set_admin *admin = &b->s->admin;
    char *path;

    admin->is_default = !config_raw_value(config_raw_section(b->raw, SECTION_ADMIN, STR_NONE), "socket")->text;
    if (!admin->socket || strcmp(admin->socket, "off") == 0) return;
    path = config_path(b->s->file, admin->socket);
    free(admin->socket);
    admin->socket = path;
}

void config_finish(struct config_build *b)
{
    finish_log(b);
    finish_admin(b);
    config_for_each(b, SECTION_LISTENER, finish_listener);
    config_for_each(b, SECTION_ENDPOINT, finish_endpoint);
    config_for_each(b, SECTION_POLICY, finish_policy);
    config_for_each(b, SECTION_CLIENT, finish_client);
    config_for_each(b, SECTION_TUNNEL, finish_tunnel);
    config_for_each(b, SECTION_CREDENTIALS, config_finish_credentials);
}

/* --- files --- */

void config_check_file(struct config_build *b, struct raw_section *section, const char *key, const char *path,
                       bool is_secret)
{
    struct stat st;

    if (!path) return;
    if (stat(path, &st) != 0 || access(path, R_OK) != 0) {
        config_problem(b, config_place_of(section, key),
                       "%s: %s cannot be read (%s); name a file that the proxy may read", key, path, strerror(errno));
    } else if (is_secret && (st.st_mode & 077) != 0) {
        config_problem(b, config_place_of(section, key), "%s: others may read %s; run `chmod 600 %s`", key, path, path);
    }
}

/* --- references --- */

/* The index of the section that @key names, or SIZE_MAX with a problem reported. */
size_t config_resolve(struct config_build *b, struct raw_section *section, const char *key, const char *name,
                      enum section_id id, const char *advice)
{
    struct raw_section *found = config_raw_section(b->raw, id, str_from(name));
    const char *word = config_sections[id].word;

    if (found) return found->index;
    config_problem(b, config_place_of(section, key), "there is no [%s %s]; %s", word, name, advice);
    return SIZE_MAX;
}

/* --- listeners --- */

static void check_listener_tls(struct config_build *b, struct raw_section *section)
{
    struct set_listener *listener = section->item;
    const char *given = listener->certificate ? "certificate" : "private_key";

    if (!listener->certificate && !listener->private_key) return;
    if (listener->tls == LISTENER_PLAIN) {
        config_problem(b, config_place_of(section, given), "%s has no effect without TLS; write tls = on, or remove it",
                       given);
        return;
    }
    if (!listener->certificate || !listener->private_key) {
        config_problem(b, config_place_of(section, given), "%s alone is not enough; write %s = FILE too", given,
                       listener->certificate ? "private_key" : "certificate");
        return;
    }
    config_check_file(b, section, "certificate", listener->certificate, false);
    config_check_file(b, section, "private_key", listener->private_key, true);
}

/* Options that only some modes know. */
static void check_listener_mode(struct config_build *b, struct raw_section *section)
{
    static const struct {
        const char *key;
        bool forward, endpoint, redirect;
    } known[] = {
        {"proxy_auth", true, false, false}, {"proxy_auth_plain", true, false, false}, {"intercept", true, false, true},
        {"tunnel", true, false, true},      {"transparent", false, false, true},      {"names", true, true, false},
        {"certificate", true, true, false}, {"private_key", true, true, false},
    };
    const struct set_listener *listener = section->item;
    static const char *const words[] = {"forward", "endpoint", "redirect"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const bool here[] = {known[i].forward, known[i].endpoint, known[i].redirect};
        if (config_text_of(section, known[i].key) && !here[listener->mode])
            config_problem(b, config_place_of(section, known[i].key), "%s has no effect with mode = %s; remove it",
                           known[i].key, words[listener->mode]);
    }
    if (listener->proxy_auth_plain && listener->proxy_auth == PROXY_AUTH_NO)
        config_problem(b, config_place_of(section, "proxy_auth_plain"),
                       "proxy_auth_plain has no effect without passwords; write proxy_auth = required, or remove it");
}

static void check_proxy_protocol(struct config_build *b, struct raw_section *section)
{
    const struct set_listener *listener = section->item;

    if (listener->proxy_protocol && !config_text_of(section, "trusted_proxies"))
        config_problem(b, config_place_of(section, "proxy_protocol"),
                       "proxy_protocol = yes believes what a header says of where a connection comes from; write "
                       "trusted_proxies = NETWORKS with the balancers' addresses");
    if (!listener->proxy_protocol && config_text_of(section, "trusted_proxies"))
        config_problem(b, config_place_of(section, "trusted_proxies"),
                       "trusted_proxies has no effect without proxy_protocol = yes; write that, or remove it");
}

static void check_listener(struct config_build *b, struct raw_section *section)
{
    struct set_listener *listener = section->item;

    if (!config_text_of(section, "mode"))
        config_problem(b, section->place, "listener \"%s\" has no mode; write mode = forward or mode = endpoint",
                       section->name);
    else
        check_listener_mode(b, section);
    check_proxy_protocol(b, section);
    check_listener_tls(b, section);
    if (listener->anonymous)
        listener->anonymous_index = config_resolve(b, section, "anonymous", listener->anonymous, SECTION_CLIENT,
                                                   "write that section, with its policy");
    if (listener->endpoint)
        listener->endpoint_index =
            config_resolve(b, section, "endpoint", listener->endpoint, SECTION_ENDPOINT, "name one of the endpoints");
}

static bool same_address(const struct netaddr *a, const struct netaddr *b)
{
    char text_a[NETADDR_TEXT], text_b[NETADDR_TEXT];

    netaddr_format(a, text_a);
    netaddr_format(b, text_b);
    return netaddr_port(a) != 0 && strcmp(text_a, text_b) == 0;
}

/* The address @at of @section must not be bound by an earlier one of any listener. */
static void check_bind(struct config_build *b, struct raw_section *section, size_t at)
{
    struct set_listener *mine = section->item;
    char text[NETADDR_TEXT];

    for (size_t i = 0; i <= section->index; i++) {
        struct set_listener *other = &b->s->listeners[i];
        size_t n = other == mine ? at : other->bind_n;
        for (size_t j = 0; j < n; j++) {
            if (!same_address(&other->bind[j], &mine->bind[at])) continue;
            netaddr_format(&mine->bind[at], text);
            config_problem(b, config_place_of(section, "bind"),
                           "%s is already bound by listener \"%s\"; write another port", text, other->name);
            return;
        }
    }
}

static void check_binds(struct config_build *b, struct raw_section *section)
{
    struct set_listener *listener = section->item;

    for (size_t i = 0; i < listener->bind_n; i++)
        check_bind(b, section, i);
}

/* --- endpoints --- */

/* Never a target, whatever private_networks says: unspecified, link-local (with the metadata service), multicast,
 * broadcast. */
static bool is_never_target(const struct netaddr *a)
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

bool settings_address_allowed(const struct set_server *server, const struct netaddr *a)
{
    if (is_never_target(a)) return false;
    if (netaddr_is_private(a)) return true;
    for (size_t i = 0; i < server->private_networks_n; i++)
        if (netblock_has(&server->private_networks[i], a)) return true;
    return false;
}

static void check_address(struct config_build *b, struct raw_section *section, const struct netaddr *a)
{
    struct config_place place = config_place_of(section, "addresses");
    const char *whose = section->id == SECTION_CREDENTIALS ? "service's endpoint" : config_sections[section->id].word;
    char text[NETADDR_TEXT];

    netaddr_format(a, text);
    if (netaddr_port(a) == 0) {
        config_problem(b, place, "addresses: %s has no port; write ADDRESS, or ADDRESS:443", text);
    } else if (is_never_target(a)) {
        config_problem(
            b, place,
            "addresses: %s is link-local, multicast or no address at all; write the private addresses of the "
            "%s",
            text, whose);
    } else if (!settings_address_allowed(&b->s->server, a)) {
        config_problem(b, place,
                       "addresses: %s is not a private address, so traffic could leave the private path; write the "
                       "endpoint's own, or list its network in private_networks of [server]",
                       text);
    }
}

static void check_dns(struct config_build *b, struct raw_section *section)
{
    struct set_endpoint *endpoint = section->item;

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
    struct set_endpoint *endpoint = section->item;

    for (size_t i = 0; i < endpoint->address_zones.n; i++)
        if (endpoint->address_zones.v[i][0]) check_zone(b, section, "addresses", endpoint->address_zones.v[i]);
    for (size_t i = 0; i < endpoint->zones.n; i++)
        check_zone(b, section, "zones", endpoint->zones.v[i]);
    if (endpoint->prefer_zone) check_zone(b, section, "prefer_zone", endpoint->prefer_zone);
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
            if (same_address(&addresses[i], &addresses[j]))
                config_problem(b, config_place_of(section, "addresses"),
                               "addresses: one stands there twice; keep one of them");
}

static void check_addresses(struct config_build *b, struct raw_section *section)
{
    struct set_endpoint *endpoint = section->item;

    if (!config_text_of(section, "addresses")) {
        if (!endpoint->dns)
            config_problem(b, section->place,
                           "endpoint \"%s\" has no addresses; write addresses = …, or name = vpce-….s3.REGION.vpce."
                           "amazonaws.com, which is looked up in DNS",
                           section->name);
        return;
    }
    config_check_address_list(b, section, endpoint->addresses, endpoint->addresses_n);
}

static bool has_host_of(const struct set_ways *ways, const struct set_tunnel *tunnel)
{
    for (size_t i = 0; i < tunnel->hosts.n; i++)
        if (str_list_matches(&ways->tunnel, str_from(tunnel->hosts.v[i]))) return true;
    return false;
}

/* Tunnels that no listener and no client leads to are a mistake. */
static bool is_reachable(const struct settings *s, const struct set_tunnel *tunnel)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (has_host_of(&s->listeners[i].ways, tunnel)) return true;
    for (size_t i = 0; i < s->clients_n; i++)
        if (has_host_of(&s->clients[i].ways, tunnel)) return true;
    return false;
}

static void check_tunnel(struct config_build *b, struct raw_section *section)
{
    const struct set_tunnel *tunnel = section->item;

    for (size_t i = 0; i < 2; i++) {
        static const char *const keys[] = {"hosts", "addresses"};
        if (!config_text_of(section, keys[i]))
            config_problem(b, section->place, "tunnel \"%s\" has no %s; write %s = …", section->name, keys[i], keys[i]);
    }
    for (size_t i = 0; i < tunnel->addresses_n; i++)
        check_address(b, section, &tunnel->addresses[i]);
    if (tunnel->hosts.n && !is_reachable(b->s, tunnel))
        config_problem(b, section->place,
                       "no listener leads to tunnel \"%s\"; write tunnel = %s in a [listener] with mode = forward or "
                       "mode = redirect",
                       section->name, tunnel->hosts.v[0]);
}

static void check_endpoint(struct config_build *b, struct raw_section *section)
{
    struct set_endpoint *endpoint = section->item;

    check_dns(b, section);
    check_zones(b, section);
    check_addresses(b, section);
    config_check_file(b, section, "ca_file", endpoint->ca_file, false);
    if (endpoint->credentials)
        endpoint->credentials_index =
            config_resolve(b, section, "credentials", endpoint->credentials, SECTION_CREDENTIALS,
                           "write that section, or remove the line to use [credentials default]");
}

static void check_one_default(struct config_build *b)
{
    const struct raw_section *first = NULL;

    for (size_t i = 0; i < b->raw->n; i++) {
        struct raw_section *section = b->raw->v[i];
        if (section->id != SECTION_ENDPOINT || !((struct set_endpoint *)section->item)->is_default) continue;
        if (first)
            config_problem(b, config_place_of(section, "default"),
                           "endpoint \"%s\" is the default already; keep one default = yes", first->name);
        else
            first = section;
    }
}

/* --- clients --- */

/* What can stand in the Credential of a signature and in a line of a credentials file. */
static bool is_access_key(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("._-", c)) return false;
    }
    return s.n >= 3 && s.n <= 128;
}

static void check_pair(struct config_build *b, struct raw_section *section)
{
    struct set_client *client = section->item;
    bool has_id = config_text_of(section, "access_key_id") != NULL,
         has_secret = config_text_of(section, "secret_access_key") != NULL;

    if (has_id != has_secret) {
        config_problem(b, section->place, "client \"%s\" has half of a key pair; write %s too, or remove %s",
                       section->name, has_id ? "secret_access_key" : "access_key_id",
                       has_id ? "access_key_id" : "secret_access_key");
        return;
    }
    if (has_id) {
        if (client->access_key_id && !is_access_key(str_from(client->access_key_id)))
            config_problem(
                b, config_place_of(section, "access_key_id"),
                "an access key has 3 to 128 letters, digits, '.', '_' and '-'; make one with `s3onramp client "
                "add NAME`");
        return;
    }
    if (client->password) return;
    for (size_t i = 0; i < b->s->listeners_n; i++)
        if (b->s->listeners[i].anonymous && strcmp(b->s->listeners[i].anonymous, section->name) == 0) return;
    config_problem(b, section->place,
                   "client \"%s\" has no key pair and no listener takes it as anonymous; run `s3onramp client add %s`",
                   section->name, section->name);
}

static void check_password(struct config_build *b, struct raw_section *section)
{
    const struct set_client *client = section->item;

    if (client->password && !password_hash_valid(client->password))
        config_problem(b, config_place_of(section, "password"),
                       "password of client \"%s\" is not the hash of one that this system knows as safe; run "
                       "`s3onramp client password %s`",
                       section->name, section->name);
}

static void check_client(struct config_build *b, struct raw_section *section)
{
    struct set_client *client = section->item;

    check_pair(b, section);
    check_password(b, section);
    if (client->policy)
        client->policy_index = config_resolve(b, section, "policy", client->policy, SECTION_POLICY,
                                              "write that section, or policy = read-only or policy = allow-all");
    else if (!config_text_of(section, "policy"))
        config_problem(b, section->place,
                       "client \"%s\" has no policy; write policy = read-only, policy = allow-all, or the NAME of a "
                       "[policy NAME]",
                       section->name);
    if (client->credentials)
        client->credentials_index = config_resolve(b, section, "credentials", client->credentials, SECTION_CREDENTIALS,
                                                   "write that section, or remove the line to use the endpoint's");
}

static int compare_keys(const void *a, const void *b, void *clients)
{
    const struct set_client *x = (struct set_client *)clients + *(const size_t *)a;
    const struct set_client *y = (struct set_client *)clients + *(const size_t *)b;
    int order = strcmp(x->access_key_id, y->access_key_id);

    if (order != 0) return order;
    return x < y ? -1 : x > y;
}

static void sort_clients(struct config_build *b)
{
    struct settings *s = b->s;

    s->clients_by_key = config_alloc(s->clients_n * sizeof s->clients_by_key[0]);
    for (size_t i = 0; i < s->clients_n; i++)
        if (s->clients[i].access_key_id && s->clients[i].secret_access_key)
            s->clients_by_key[s->clients_by_key_n++] = i;
    qsort_r(s->clients_by_key, s->clients_by_key_n, sizeof s->clients_by_key[0], compare_keys, s->clients);
    for (size_t i = 1; i < s->clients_by_key_n; i++) {
        const struct set_client *before = &s->clients[s->clients_by_key[i - 1]];
        const struct set_client *client = &s->clients[s->clients_by_key[i]];
        if (strcmp(before->access_key_id, client->access_key_id) != 0) continue;
        config_problem(
            b, client->place,
            "client \"%s\" has the access key of client \"%s\"; make another with `s3onramp client add NAME`",
            client->name, before->name);
    }
}

void config_check(struct config_build *b)
{
    struct config_place file = {b->s->file, 0};

    if (b->s->listeners_n == 0)
        config_problem(b, file, "there is no [listener NAME]; write one with mode = endpoint or mode = forward");
    if (b->s->endpoints_n == 0)
        config_problem(b, file, "there is no [endpoint NAME]; write one with the endpoint's name and addresses");
    config_for_each(b, SECTION_LISTENER, check_listener);
    config_for_each(b, SECTION_LISTENER, check_binds);
    config_for_each(b, SECTION_ENDPOINT, check_endpoint);
    check_one_default(b);
    config_for_each(b, SECTION_CLIENT, check_client);
    config_for_each(b, SECTION_TUNNEL, check_tunnel);
    config_check_credentials(b);
    sort_clients(b);
}
