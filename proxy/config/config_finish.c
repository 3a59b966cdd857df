/* SPDX-License-Identifier: Apache-2.0
 * config_finish.c: fills in the values that follow from others: ports, an endpoint's Region and names, paths. Those of
 * credentials: config_credentials.c. One thread. Owns nothing: what it makes belongs to struct settings.
 */
#include "config_options.h"

#include "aws/s3/partition.h"
#include "aws/s3/target.h"
#include "config/log_place.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PORT_FORWARD = 3128,
    PORT_REDIRECT = 3129,
    PORT_TUNNEL = 443,
    PORT_PARENT = 3128,
    PORT_ENDPOINT = 9000,
    PORT_ENDPOINT_TLS = 9443,
    PORT_ADMIN = 3180,
};

/* A target as clients send it: nothing of it is decoded before it is compared. */
static bool is_plain_path(const char *path)
{
    if (path[0] != '/' || path[1] == '\0') return false;
    for (; *path; path++)
        if (*path <= ' ' || (unsigned char)*path >= 0x7f || strchr("?#%", *path)) return false;
    return true;
}

static void finish_health(struct config_build *b, struct raw_section *section)
{
    struct listener_conf *listener = section->item;

    if (!listener->health || is_plain_path(listener->health)) return;
    if (strcmp(listener->health, "off") != 0)
        config_problem(b, config_place_of(section, "health"),
                       "health = %.80s: this is no path; write one like /healthz, without '?', '#' and '%%', or off",
                       listener->health);
    listener->health = NULL;
}

/* Nobody said how it is called: as this machine calls itself. */
static void take_machine_names(struct str_list *names, bool *by_default)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (names->n || gethostname(name, sizeof name - 1) != 0) return;
    *by_default = true;
    config_machine_names(name, names);
}

static void finish_listener(struct config_build *b, struct raw_section *section)
{
    struct listener_conf *listener = section->item;
    unsigned port = listener->mode == LISTENER_FORWARD    ? PORT_FORWARD
                    : listener->mode == LISTENER_REDIRECT ? PORT_REDIRECT
                    : listener->tls == LISTENER_PLAIN     ? PORT_ENDPOINT
                                                          : PORT_ENDPOINT_TLS;
    const char *text = config_text_of(section, "bind");

    if (listener->mode == LISTENER_REDIRECT && !config_text_of(section, "tls")) listener->tls = LISTENER_SNIFF;
    config_parse_addresses(b, section, "bind", text ? text : "127.0.0.1", port);
    if (listener->mode == LISTENER_ENDPOINT) take_machine_names(&listener->names, &listener->names_default);
    finish_health(b, section);
}

static void take_vpce_name(struct config_build *b, struct raw_section *section)
{
    struct endpoint_conf *endpoint = section->item;
    struct config_place place = config_place_of(section, "name");
    struct s3_vpce_name name;

    if (!s3_vpce_name_split(str_from(endpoint->vpce_name), &name) || name.id.n < S3_VPCE_ID_LEAST) {
        config_problem(b, place,
                       "name = %s is not an S3 endpoint's name; write it like "
                       "vpce-ID.s3.REGION.vpce.amazonaws.com, or write region = REGION instead",
                       endpoint->vpce_name);
        return;
    }
    if (!str_eq(name.suffix, partition_suffix_or_aws(name.region))) {
        config_problem(b, place,
                       "name = %s ends in %.*s, but names in %.*s end in %.*s; copy it from the console again",
                       endpoint->vpce_name, STR_ARG(name.suffix), STR_ARG(name.region),
                       STR_ARG(partition_suffix_or_aws(name.region)));
        return;
    }
    if (endpoint->region && !str_eq(str_from(endpoint->region), name.region)) {
        config_problem(b, config_place_of(section, "region"),
                       "region = %s, but the endpoint's name says %.*s; remove one of them", endpoint->region,
                       STR_ARG(name.region));
        return;
    }
    if (!endpoint->region) endpoint->region = config_keep(b->raw, name.region);
    endpoint->fips = name.fips;
}

static unsigned endpoint_port(struct raw_section *section)
{
    const char *text = config_text_of(section, "port");
    uint64_t port;

    return text && str_to_u64(str_from(text), &port) && port <= 65535 ? (unsigned)port : 443;
}

static char *s3_host(struct raw *raw, const struct endpoint_conf *endpoint)
{
    const char *service = endpoint->fips ? "s3-fips." : "s3.";
    size_t cap = strlen(service) + strlen(endpoint->region) + strlen(endpoint->suffix) + 2;
    struct sbuf b = sbuf_make(config_bytes(raw, cap), cap);

    sbuf_add(&b, str_from(service));
    sbuf_add(&b, str_from(endpoint->region));
    sbuf_char(&b, '.');
    sbuf_add(&b, str_from(endpoint->suffix));
    sbuf_char(&b, '\0');
    return b.p;
}

struct str settings_zone_short(struct str zone, struct str region)
{
    return zone.n > region.n && str_starts(zone, region) ? str_tail(zone, region.n) : zone;
}

/* The name to look up: without the word in front that chooses an API. */
static char *dns_name_of(struct raw *raw, struct str name)
{
    size_t at = str_find(name, STR("vpce-"));

    return config_keep(raw, at == SIZE_MAX ? name : str_tail(name, at));
}

static void finish_dns(struct config_build *b, struct raw_section *section)
{
    struct endpoint_conf *endpoint = section->item;
    const char *resolvers = config_text_of(section, "resolver");

    if (resolvers) config_parse_addresses(b, section, "resolver", resolvers, 53);
    if (!config_text_of(section, "dns")) endpoint->dns = endpoint->vpce_name && !config_text_of(section, "addresses");
    if (endpoint->dns && endpoint->vpce_name) endpoint->dns_name = dns_name_of(b->raw, str_from(endpoint->vpce_name));
}

static void finish_endpoint(struct config_build *b, struct raw_section *section)
{
    struct endpoint_conf *endpoint = section->item;
    const char *addresses = config_text_of(section, "addresses");

    if (addresses) config_parse_addresses(b, section, "addresses", addresses, endpoint_port(section));
    endpoint->port = endpoint_port(section);
    if (endpoint->vpce_name) take_vpce_name(b, section);
    finish_dns(b, section);
    if (!endpoint->region) {
        if (!config_text_of(section, "name") && !config_text_of(section, "region"))
            config_problem(
                b, config_header_place(section),
                "endpoint \"%s\" has no Region; write name = vpce-….s3.REGION.vpce.amazonaws.com or region = "
                "REGION",
                section->name);
        return;
    }
    endpoint->suffix = config_keep(b->raw, partition_suffix_or_aws(str_from(endpoint->region)));
    if (!endpoint->host) endpoint->host = s3_host(b->raw, endpoint);
    if (!endpoint->sni) endpoint->sni = endpoint->host;
}

static void finish_tunnel(struct config_build *b, struct raw_section *section)
{
    const char *addresses = config_text_of(section, "addresses");

    if (addresses) config_parse_addresses(b, section, "addresses", addresses, PORT_TUNNEL);
}

static void finish_parent(struct config_build *b, struct raw_section *section)
{
    struct tunnel_conf *parent = section->item;
    const char *address = config_text_of(section, "address");

    parent->is_parent = true;
    parent->port = PORT_TUNNEL;
    if (address) config_parse_addresses(b, section, "address", address, PORT_PARENT);
}

static void finish_line(struct config_build *b, struct raw_section *section)
{
    struct line_conf *line = section->item;

    if (!line->upload_bandwidth) line->upload_bandwidth = line->bandwidth;
    if (!line->download_bandwidth) line->download_bandwidth = line->bandwidth;
    if (!line->upload_bandwidth && !line->download_bandwidth)
        config_problem(b, config_header_place(section),
                       "line \"%s\" has no bandwidth; write what it carries, like 1Gbit", section->name);
}

/* Files are meant as seen from the folder of the configuration. */
static void finish_place(struct config_build *b, struct raw_section *section, const char *key, char **place)
{
    const char *path;
    enum log_place kind = log_place_of(*place, &path);

    if (kind == LOG_PLACE_FILE) *place = config_keep_heap(b->raw, config_path(b->s->file, *place));
    if ((kind == LOG_PLACE_SYSLOG || kind == LOG_PLACE_JOURNALD) && path[0] != '/')
        config_problem(b, config_place_of(section, key), "%s = %.80s: the socket's path must begin with /", key,
                       *place);
}

static void finish_log(struct config_build *b)
{
    struct raw_section *section = config_raw_section(b->raw, SECTION_LOG, STR_NONE);
    struct log_conf *set = &b->s->log;

    finish_place(b, section, "to", &set->to);
    finish_place(b, section, "access", &set->access);
    if (strcmp(set->to, "off") == 0)
        config_problem(b, config_place_of(section, "to"), "to = off: messages must go somewhere; write - or a file");
    if (!config_text_of(section, "access_format"))
        set->access_format = set->format == LOG_JSON ? ACCESS_FORMAT_JSON : ACCESS_FORMAT_TEXT;
}

static void finish_audit(struct config_build *b)
{
    struct raw_section *section = config_raw_section(b->raw, SECTION_AUDIT, STR_NONE);
    struct audit_conf *set = &b->s->audit;

    finish_place(b, section, "to", &set->to);
    if (set->required && strcmp(set->to, "off") == 0)
        config_problem(b, config_place_of(section, "required"), "required = yes needs `to`: where the lines go");
    if (set->required && set->requests == AUDIT_REFUSED)
        config_problem(b, config_place_of(section, "required"),
                       "required = yes is for requests that are served; write requests = all, or writes");
}

/* It stands in certificates as it is: no comma, blank or sign that means something there. */
static void finish_ca(struct config_build *b)
{
    struct raw_section *section = config_raw_section(b->raw, SECTION_CA, STR_NONE);
    const char *crl = b->s->ca.crl;

    if (!crl || (str_starts(str_from(crl), STR("http://")) && strlen(crl) < 1000 &&
                 crl[strspn(crl, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/.-_~[]%")] == '\0'))
        return;
    config_problem(b, config_place_of(section, "crl"), "crl = %.80s is no URL; write http://ADDRESS:PORT/-/ca.crl",
                   crl);
}

static void finish_admin(struct config_build *b)
{
    struct raw_section *section = config_raw_section(b->raw, SECTION_ADMIN, STR_NONE);
    struct admin_conf *admin = &b->s->admin;
    const char *listen = config_text_of(section, "listen");

    if (listen) config_parse_addresses(b, section, "listen", listen, PORT_ADMIN);
    if (listen) take_machine_names(&admin->names, &admin->names_default);
    admin->is_default = !config_text_of(section, "socket");
    if (!admin->socket || strcmp(admin->socket, "off") == 0) return;
    admin->socket = config_keep_heap(b->raw, config_path(b->s->file, admin->socket));
}

static void finish_cost(struct config_build *b)
{
    struct cost_conf *cost = &b->s->cost;

    cost->is_default = !config_text_of(config_raw_section(b->raw, SECTION_COST, STR_NONE), "state");
    if (!cost->state || strcmp(cost->state, "off") == 0) return;
    cost->state = config_keep_heap(b->raw, config_path(b->s->file, cost->state));
}

void config_finish(struct config_build *b)
{
    finish_log(b);
    finish_audit(b);
    finish_admin(b);
    finish_cost(b);
    finish_ca(b);
    config_for_each(b, SECTION_LISTENER, finish_listener);
    config_for_each(b, SECTION_ENDPOINT, finish_endpoint);
    config_for_each(b, SECTION_POLICY, config_finish_policy);
    config_for_each(b, SECTION_POLICY, config_finish_properties);
    config_terms_finish(b);
    config_certificates_finish(b);
    config_for_each(b, SECTION_TUNNEL, finish_tunnel);
    config_for_each(b, SECTION_PARENT, finish_parent);
    config_for_each(b, SECTION_LINE, finish_line);
    config_for_each(b, SECTION_CREDENTIALS, config_finish_credentials);
}
