/* SPDX-License-Identifier: Apache-2.0
 * config_warn.c: what is right by the letter and hardly meant: nobody can come in, nothing leads there, two claim the
 * same, a key that looks mistyped. Only asked once there is no problem, so that what sections name is there. One
 * thread. Warnings belong to struct settings.
 */
#include "config_options.h"

#include "aws/s3/partition.h"
#include "base/clock.h"
#include "base/thread.h"

#include <arpa/inet.h>

#define WARN(b, section, key, ...) settings_warn((b)->s, config_place_of((section), (key)), __VA_ARGS__)

/* --- listeners --- */

static bool has_password(const struct settings *s)
{
    for (size_t i = 0; i < s->clients_n; i++, thread_makes_way())
        if (s->clients[i].password) return true;
    return false;
}

static void warn_passwords(struct config_build *b, struct raw_section *section)
{
    const struct listener_conf *listener = section->item;

    if (listener->proxy_auth == PROXY_AUTH_REQUIRED && !has_password(b->s) &&
        listener->client_certificates == CLIENT_CERTIFICATES_OFF)
        WARN(
            b, section, "proxy_auth",
            "proxy_auth = required, and no client has a password: nobody can use listener \"%s\"; run `s3onramp client "
            "password NAME`",
            section->name);
}

static bool only_reads(const struct principal_conf *client)
{
    for (size_t i = 0; i < client->terms->policies_n; i++)
        if (policy_allows_writing(client->terms->policies[i]->compiled)) return false;
    return true;
}

static void warn_anonymous(struct config_build *b, struct raw_section *section)
{
    const struct listener_conf *listener = section->item;
    const struct principal_conf *client = listener->anonymous;
    char text[NETADDR_TEXT];

    if (!client) return;
    if (principal_why_not(client, NULL, clock_wall_us() / 1000000)) {
        WARN(b, section, "anonymous",
             "anonymous = %s: that client is disabled or has expired: unsigned requests are refused", client->name);
        return;
    }
    if (only_reads(client)) return;
    for (size_t i = 0; i < listener->bind_n; i++) {
        if (netaddr_is_loopback(&listener->bind[i])) continue;
        netaddr_format(&listener->bind[i], text);
        WARN(b, section, "anonymous",
             "anonymous = %s: whoever reaches %s may write without a key; write policy = read-only in [client %s], or "
             "bind = 127.0.0.1",
             client->name, text, client->name);
        return;
    }
}

/* --- tunnels --- */

/* Whether @pattern can match a name of S3's: an endpoint's own, a bucket's below it, or one that says so. */
static bool may_be_s3(const struct settings *s, const char *pattern)
{
    char bucket[512];

    if (strstr(pattern, "s3")) return true;
    for (size_t i = 0; i < s->endpoints_n; i++) {
        struct sbuf b = sbuf_make(bucket, sizeof bucket);
        sbuf_printf(&b, "b.%s", s->endpoints[i].host);
        if (str_matches(sbuf_str(&b), str_from(pattern))) return true;
        if (str_matches(str_tail(sbuf_str(&b), 2), str_from(pattern))) return true;
    }
    return false;
}

static bool matches_tunnel(const struct settings *s, const char *pattern)
{
    for (size_t i = 0; i < s->tunnels_n; i++)
        for (size_t j = 0; j < s->tunnels[i].hosts.n; j++)
            if (str_matches(str_from(s->tunnels[i].hosts.v[j]), str_from(pattern))) return true;
    return false;
}

static void warn_ways(struct config_build *b, struct raw_section *section, const struct ways_conf *ways)
{
    for (size_t i = 0; i < ways->tunnel.n; i++) {
        const char *pattern = ways->tunnel.v[i];
        if (strcmp(pattern, "none") == 0 || may_be_s3(b->s, pattern) || matches_tunnel(b->s, pattern)) continue;
        WARN(b, section, "tunnel",
             "tunnel: no name of S3 and no host of a [tunnel NAME] is like \"%.100s\": it is refused as ever; write "
             "[tunnel NAME] with hosts and addresses",
             pattern);
    }
}

/* --- endpoints --- */

static bool is_named_by_listener(const struct settings *s, const struct endpoint_conf *endpoint)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (s->listeners[i].endpoint == endpoint) return true;
    return false;
}

/* settings_endpoint_for_region decides; this says what it comes to. */
static void warn_same_region(struct config_build *b, struct raw_section *section)
{
    const struct endpoint_conf *endpoint = section->item;
    const struct endpoint_conf *first = settings_endpoint_for_region(b->s, str_from(endpoint->region));

    if (first != endpoint && !is_named_by_listener(b->s, endpoint))
        WARN(b, section, config_text_of(section, "region") ? "region" : "name",
             "endpoint \"%s\" is for Region %s as endpoint \"%s\" is, which gets its requests; name it in `endpoint` "
             "of a "
             "[listener NAME], or write all addresses in one section",
             endpoint->name, endpoint->region, first->name);
    for (size_t i = 0; i < endpoint->also_regions.n; i++) {
        const char *region = endpoint->also_regions.v[i];
        first = settings_endpoint_for_region(b->s, str_from(region));
        if (first != endpoint)
            WARN(b, section, "also_regions",
                 "also_regions: requests for Region %s go to endpoint \"%s\", not to \"%s\"; name the Region once",
                 region, first->name, endpoint->name);
    }
}

static bool has_forward_listener(const struct settings *s)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (s->listeners[i].mode != LISTENER_ENDPOINT) return true;
    return false;
}

/* Names of a Region that AWS does not have are never asked for by clients of a proxy; other S3 servers, whose Regions
 * have any name, are reached by an endpoint listener's own names. */
static void warn_unknown_region(struct config_build *b, struct raw_section *section)
{
    const struct endpoint_conf *endpoint = section->item;
    bool vpce = endpoint->vpce_name != NULL;

    if ((vpce || has_forward_listener(b->s)) && partition_suffix(str_from(endpoint->region)).n == 0)
        WARN(b, section, vpce && !config_text_of(section, "region") ? "name" : "region",
             "%s is no Region of AWS, where they look like ap-northeast-1: no S3 name of AWS leads to endpoint \"%s\"",
             endpoint->region, endpoint->name);
    for (size_t i = 0; i < endpoint->also_regions.n; i++)
        if (partition_suffix(str_from(endpoint->also_regions.v[i])).n == 0)
            WARN(b, section, "also_regions",
                 "also_regions: %s is no Region of AWS, where they look like ap-northeast-1: no S3 name of AWS has it",
                 endpoint->also_regions.v[i]);
}

static void warn_endpoint(struct config_build *b, struct raw_section *section)
{
    warn_same_region(b, section);
    warn_unknown_region(b, section);
}

/* --- sections that nothing leads to --- */

static bool credentials_are_used(struct config_build *b, const struct credentials_conf *c)
{
    const struct settings *s = b->s;

    for (size_t i = 0; i < s->endpoints_n; i++)
        if (s->endpoints[i].credentials == c) return true;
    for (size_t i = 0; i < s->credentials_n; i++)
        if (s->credentials[i].source_credentials == c && &s->credentials[i] != c) return true;
    for (size_t i = 0; i < b->raw->terms_n; i++)
        if (b->raw->terms[i]->terms.credentials == c) return true;
    return b->no_clients;
}

static bool names_policy(const struct policy_list *list, const struct policy_conf *policy)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i] == policy) return true;
    return false;
}

static bool policy_is_used(struct config_build *b, const struct policy_conf *policy)
{
    for (size_t i = 0; i < b->s->groups_n; i++)
        if (names_policy(&b->s->groups[i].policies, policy)) return true;
    for (size_t i = 0; i < b->raw->terms_n; i++)
        if (names_policy(&b->raw->terms[i]->terms.own, policy)) return true;
    return false;
}

static bool group_is_used(struct config_build *b, const struct group_conf *group)
{
    for (size_t i = 0; i < b->raw->terms_n; i++) {
        const struct group_list *groups = &b->raw->terms[i]->terms.groups;
        for (size_t k = 0; k < groups->n; k++)
            if (groups->v[k] == group) return true;
    }
    return false;
}

static void warn_unused_group(struct config_build *b, struct raw_section *section)
{
    if (!group_is_used(b, section->item))
        settings_warn(b->s, config_header_place(section),
                      "no client is in group \"%s\"; write groups = %s in a [client NAME], or remove the section",
                      section->name, section->name);
}

static void warn_unused_policy(struct config_build *b, struct raw_section *section)
{
    if (section->file && !policy_is_used(b, section->item))
        settings_warn(b->s, config_header_place(section),
                      "no client has policy \"%s\"; write policy = %s in a [client NAME], or "
                      "remove the section",
                      section->name, section->name);
}

/* --- keys --- */

static bool has_blank(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text == 0x7f) return true;
    return false;
}

/* References are judged by who reads them. AWS's own keys have fixed lengths: IAM User Guide, "IAM identifiers". */
static void warn_aws_keys(struct config_build *b, struct raw_section *section, const char *id, const char *secret)
{
    enum { ID_BYTES = 20, SECRET_BYTES = 40 };
    struct str key = str_from(id);

    if (!str_starts(key, STR("AKIA")) && !str_starts(key, STR("ASIA"))) return;
    if (key.n != ID_BYTES)
        WARN(b, section, "access_key_id",
             "access_key_id: an access key of AWS has %d characters, and this has %zu; copy "
             "it again",
             ID_BYTES, key.n);
    if (secret && !config_is_reference(secret) && strlen(secret) != SECRET_BYTES)
        WARN(b, section, "secret_access_key",
             "secret_access_key: a secret key of AWS has %d characters, and this has %zu; copy it again", SECRET_BYTES,
             strlen(secret));
}

static void warn_credentials(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *c = section->item;

    if (section->file && !credentials_are_used(b, c))
        settings_warn(
            b->s, config_header_place(section),
            "nothing signs with credentials \"%s\"; write credentials = %s in an [endpoint NAME] or a [client "
            "NAME], or remove the section",
            section->name, section->name);
    if (c->source != CREDENTIALS_STATIC || !c->access_key_id || config_is_reference(c->access_key_id)) return;
    if (has_blank(c->access_key_id))
        WARN(b, section, "access_key_id", "access_key_id: there is a blank in the access key; copy it again");
    else
        warn_aws_keys(b, section, c->access_key_id, c->secret_access_key);
}

/* Whoever sees a signed request can try secrets without asking anybody. */
static void warn_secret(struct config_build *b, struct raw_section *section, const char *word, const char *secret)
{
    enum { SECRET_LEAST = 16 };

    if (secret && strlen(secret) < SECRET_LEAST)
        WARN(
            b, section, word,
            "the secret key of client \"%s\" has %zu characters and can be guessed from a request that it signed; make "
            "another with `s3onramp client add NAME`",
            section->name, strlen(secret));
}

/* What is left of those who have gone. */
static void warn_past(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item;
    int64_t now_s = clock_wall_us() / 1000000;

    if (client->expires_s && now_s >= client->expires_s)
        WARN(b, section, "expires",
             "client \"%s\" has expired: remove it with `s3onramp client remove %s`, or write a later time",
             section->name, section->name);
    for (size_t i = 0; i < PRINCIPAL_KEYS; i++)
        if (client->keys[i].not_after_s && now_s >= client->keys[i].not_after_s)
            WARN(b, section, i ? "not_after_2" : "not_after",
                 "the %s of client \"%s\" has ended, and its keys are still written here; remove them",
                 i ? "second key pair" : "key pair", section->name);
}

static void warn_certificate(struct config_build *b, struct raw_section *section)
{
    if (!config_text_of(section, "certificate") || config_certificates_are_asked_for(b->s)) return;
    WARN(b, section, "certificate",
         "certificate: no listener asks clients for one; write client_certificates = optional and client_ca = FILE "
         "into a [listener NAME]");
}

static void warn_client(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item;

    warn_ways(b, section, &client->terms->ways);
    warn_secret(b, section, "secret_access_key", client->keys[0].secret_access_key);
    warn_secret(b, section, "secret_access_key_2", client->keys[1].secret_access_key);
    warn_past(b, section);
    warn_certificate(b, section);
}

static void warn_listener(struct config_build *b, struct raw_section *section)
{
    const struct listener_conf *listener = section->item;

    warn_ways(b, section, &listener->ways);
    if (b->no_clients) return;
    warn_passwords(b, section);
    warn_anonymous(b, section);
}

void config_warn(struct config_build *b)
{
    config_for_each(b, SECTION_LISTENER, warn_listener);
    config_for_each(b, SECTION_ENDPOINT, warn_endpoint);
    config_for_each(b, SECTION_CREDENTIALS, warn_credentials);
    if (b->no_clients) return;
    config_for_each(b, SECTION_GROUP, warn_unused_group);
    config_for_each(b, SECTION_POLICY, warn_unused_policy);
    config_for_each(b, SECTION_CLIENT, warn_client);
}
