/* SPDX-License-Identifier: Apache-2.0
 * config_credentials.c: [credentials]: which key belongs to which source, what each source needs, which section signs
 * for which, and in which Region it asks. How single values look: config_credentials_format.c. One thread. Owns
 * nothing: what it makes belongs to struct settings. Source: AWS SDKs and Tools Reference Guide, "Settings reference"
 * (variables); RFC 7292 4 (PFX).
 */
#include "config_options.h"

#include "aws/s3/partition.h"
#include "aws/s3/target.h"
#include "config/session_words.h"

#include <stdlib.h>

enum { PORT_HTTPS = 443 };

#define S(source) (1U << CREDENTIALS_##source)
enum {
    STS = S(ASSUME_ROLE) | S(WEB_IDENTITY),
    ROLES = STS | S(ROLES_ANYWHERE),
    SHARED_FILES = S(PROFILE) | S(CHAIN), /* roles in profiles ask STS, too */
    ASKS = ROLES | SHARED_FILES,
    ANSWERS = ASKS | S(PROCESS) | S(CONTAINER) | S(IMDS),
};

/* Every key but `source`. */
static const struct {
    const char *key;
    unsigned sources;
} uses[] = {
    {"access_key_id", S(STATIC)},
    {"secret_access_key", S(STATIC)},
    {"session_token", S(STATIC)},
    {"profile", SHARED_FILES},
    {"config_file", SHARED_FILES},
    {"shared_credentials_file", SHARED_FILES},
    {"command", S(PROCESS)},
    {"url", S(CONTAINER) | S(IMDS)},
    {"imds_v1", S(IMDS)},
    {"token_file", S(WEB_IDENTITY) | S(CONTAINER)},
    {"role_arn", ROLES},
    {"session_name", ROLES},
    {"source_identity", S(ASSUME_ROLE)},
    {"external_id", S(ASSUME_ROLE)},
    {"tags", S(ASSUME_ROLE)},
    {"max_sessions", ROLES},
    {"duration", ROLES},
    {"source_credentials", S(ASSUME_ROLE)},
    {"trust_anchor_arn", S(ROLES_ANYWHERE)},
    {"profile_arn", S(ROLES_ANYWHERE)},
    {"certificate", S(ROLES_ANYWHERE)},
    {"certificate_chain", S(ROLES_ANYWHERE)},
    {"private_key", S(ROLES_ANYWHERE)},
    {"passphrase", S(ROLES_ANYWHERE)},
    {"region", ASKS},
    {"service_url", ASKS},
    {"sso_url", SHARED_FILES},
    {"addresses", ASKS},
    {"ca_file", ASKS | S(CONTAINER)},
    {"http_proxy", ASKS},
    {"timeout", ANSWERS},
    {"wait", ANSWERS | S(STATIC) | S(ENVIRONMENT)},
};

/* private_key: config_credentials_files.c. */
static const struct {
    unsigned sources;
    const char *key, *variable, *advice;
} needs[] = {
    {S(STATIC), "access_key_id", NULL, "access_key_id = VALUE, env:NAME, credential:NAME or file:PATH"},
    {S(STATIC), "secret_access_key", NULL, "secret_access_key = env:NAME, credential:NAME, file:PATH or VALUE"},
    {S(PROCESS), "command", NULL, "command = PROGRAM ARGUMENTS"},
    {S(WEB_IDENTITY), "role_arn", "AWS_ROLE_ARN", "role_arn = arn:aws:iam::ACCOUNT:role/NAME, or set AWS_ROLE_ARN"},
    {S(WEB_IDENTITY), "token_file", "AWS_WEB_IDENTITY_TOKEN_FILE",
     "token_file = FILE, or set AWS_WEB_IDENTITY_TOKEN_FILE"},
    {S(ASSUME_ROLE) | S(ROLES_ANYWHERE), "role_arn", NULL, "role_arn = arn:aws:iam::ACCOUNT:role/NAME"},
    {S(ASSUME_ROLE), "source_credentials", NULL,
     "source_credentials = NAME of the [credentials NAME] whose keys ask for the role"},
    {S(ROLES_ANYWHERE), "profile_arn", NULL, "profile_arn = arn:aws:rolesanywhere:REGION:ACCOUNT:profile/ID"},
    {S(ROLES_ANYWHERE), "trust_anchor_arn", NULL,
     "trust_anchor_arn = arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/ID"},
    {S(ROLES_ANYWHERE), "certificate", NULL, "certificate = FILE (PEM or PKCS#12)"},
};

static bool is_one_of(enum credentials_source source, unsigned sources)
{
    return (sources & 1U << source) != 0;
}

static unsigned users_of(const char *key)
{
    size_t i = 0;

    while (strcmp(uses[i].key, key) != 0) {
        i++;
        ASSERT(i < ARRAY_LEN(uses));
    }
    return uses[i].sources;
}

bool config_credentials_use(struct raw_section *section, const char *key)
{
    return is_one_of(((struct credentials_conf *)section->item)->source, users_of(key));
}

/* NULL: not set, or empty. */
static const char *variable(const char *name)
{
    const char *value = name ? getenv(name) : NULL;

    return value && *value ? value : NULL;
}

/* False: `source` is a word that has been reported, so nothing is known of the other keys. */
static bool is_source_known(struct raw_section *section)
{
    const char *text = config_text_of(section, "source");

    return !text || strcmp(text, credentials_source_name(((struct credentials_conf *)section->item)->source)) == 0;
}

/* --- what follows from other values --- */

static void take_variable(const struct raw_section *section, const char *key, const char *name, char **field)
{
    const char *value = variable(name);

    if (value && !config_text_of(section, key)) *field = config_keep(section->raw, str_from(value));
}

/* A web identity's settings as EKS and others put them into the environment. */
static void take_variables(struct config_build *b, struct raw_section *section)
{
    static const char *const keys[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                       "AWS_SECURITY_TOKEN"};
    struct credentials_conf *credentials = section->item;

    for (size_t i = 0; credentials->source == CREDENTIALS_ENVIRONMENT && i < ARRAY_LEN(keys); i++)
        config_note_secret_variable(b, keys[i]);
    if (credentials->source != CREDENTIALS_WEB_IDENTITY) return;
    take_variable(section, "role_arn", "AWS_ROLE_ARN", &credentials->role_arn);
    take_variable(section, "token_file", "AWS_WEB_IDENTITY_TOKEN_FILE", &credentials->token_file);
    take_variable(section, "session_name", "AWS_ROLE_SESSION_NAME", &credentials->session_name);
}

/* Does @from sign with the keys of @wanted, perhaps by way of others? As many steps as there are sections: they may go
 * in a circle. */
static bool leads_to(struct config_build *b, const struct credentials_conf *from, const struct credentials_conf *wanted)
{
    for (size_t i = 0; from && i <= b->s->credentials_n; i++, from = from->source_credentials)
        if (from == wanted) return true;
    return false;
}

bool config_credentials_are_of(struct config_build *b, const struct principal_conf *client,
                               const struct credentials_conf *wanted)
{
    bool found = false;

    if (client->terms->credentials) return leads_to(b, client->terms->credentials, wanted);
    for (size_t i = 0; i < b->s->endpoints_n; i++)
        found |= leads_to(b, b->s->endpoints[i].credentials, wanted);
    return found;
}

/* The Region of the first endpoint that uses the section; that of any, if a client does; else NULL. */
static const char *region_of_user(struct config_build *b, const struct credentials_conf *wanted)
{
    const char *first = NULL;

    for (size_t i = 0; i < b->s->endpoints_n; i++) {
        const struct endpoint_conf *endpoint = &b->s->endpoints[i];
        if (!endpoint->region) continue;
        if (leads_to(b, endpoint->credentials, wanted)) return endpoint->region;
        if (!first) first = endpoint->region;
    }
    if (b->no_clients) return first; /* one may */
    for (size_t i = 0; i < b->s->clients_n; i++)
        if (leads_to(b, b->s->clients[i].terms->credentials, wanted)) return first;
    return NULL;
}

static void finish_region(struct config_build *b, struct raw_section *section)
{
    struct credentials_conf *credentials = section->item;
    const char *region = variable("AWS_REGION");
    struct str anchor = config_arn_region(credentials->trust_anchor_arn);

    if (credentials->region || config_text_of(section, "region") || !config_credentials_use(section, "region")) return;
    if (!region) region = variable("AWS_DEFAULT_REGION");
    if (!region) region = region_of_user(b, credentials);
    /* A trust anchor is known in its own Region only. */
    if (credentials->source == CREDENTIALS_ROLES_ANYWHERE && anchor.n > 0)
        credentials->region = config_keep(b->raw, anchor);
    else if (region)
        credentials->region = config_keep(b->raw, str_from(region));
}

static void finish_service_url(struct raw_section *section)
{
    struct credentials_conf *credentials = section->item;
    const char *service = credentials->source == CREDENTIALS_ROLES_ANYWHERE ? "rolesanywhere" : "sts";
    struct str region = str_from(credentials->region);

    if (config_text_of(section, "service_url") || !is_one_of(credentials->source, ROLES)) return;
    if (!s3_region_is_name(region)) return;
    struct str suffix = partition_suffix_or_aws(region);
    size_t cap = strlen("https://..") + strlen(service) + region.n + suffix.n + 1;
    struct sbuf url = sbuf_make(config_bytes(section->raw, cap), cap);
    sbuf_add(&url, STR("https://"));
    sbuf_add(&url, str_from(service));
    sbuf_char(&url, '.');
    sbuf_add(&url, region);
    sbuf_char(&url, '.');
    sbuf_add(&url, suffix);
    sbuf_char(&url, '\0');
    credentials->service_url = url.p;
}

/* Paths are added to it. */
static void drop_slash(char *url)
{
    size_t n = url ? strlen(url) : 0;

    if (n > 0 && url[n - 1] == '/') url[n - 1] = '\0';
}

static void finish_private_key(struct config_build *b, struct credentials_conf *credentials)
{
    if (!credentials->private_key || str_starts(str_from(credentials->private_key), STR("pkcs11:"))) return;
    credentials->private_key = config_keep_heap(b->raw, config_path(b->s->file, credentials->private_key));
}

static bool is_per_client(const struct credentials_conf *credentials)
{
    bool found = session_words_any(credentials->session_name) || session_words_any(credentials->source_identity);

    for (size_t i = 0; i < credentials->tags.n; i++)
        found |= session_words_any(credentials->tags.v[i]);
    return found;
}

void config_finish_credentials(struct config_build *b, struct raw_section *section)
{
    struct credentials_conf *credentials = section->item;
    bool has_keys = config_text_of(section, "access_key_id") || config_text_of(section, "secret_access_key");
    const char *addresses = config_text_of(section, "addresses");

    if (!config_text_of(section, "source")) credentials->source = has_keys ? CREDENTIALS_STATIC : CREDENTIALS_CHAIN;
    if (addresses) config_parse_addresses(b, section, "addresses", addresses, PORT_HTTPS);
    take_variables(b, section);
    finish_private_key(b, credentials);
    finish_region(b, section);
    finish_service_url(section);
    drop_slash(credentials->service_url);
    drop_slash(credentials->sso_url);
    if (credentials->source == CREDENTIALS_IMDS) drop_slash(credentials->url);
    credentials->per_client = is_per_client(credentials);
}

/* --- keys and sources --- */

static void no_effect(struct config_build *b, struct raw_section *section, const char *key)
{
    const struct credentials_conf *credentials = section->item;
    char words[256];
    struct sbuf list = sbuf_make(words, sizeof words - 1);

    for (unsigned i = 0; i < CREDENTIALS_SOURCES_N; i++)
        if (is_one_of(i, users_of(key))) sbuf_printf(&list, "%s%s", list.n ? ", " : "", credentials_source_name(i));
    words[list.n] = '\0';
    config_problem(b, config_place_of(section, key),
                   "%s has no effect with source = %s; remove it, or write source = %s%s", key,
                   credentials_source_name(credentials->source), strchr(words, ',') ? "one of " : "", words);
}

static void check_keys(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;
    size_t n;
    const struct option *options = config_section_options(SECTION_CREDENTIALS, &n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(options[i].key, "source") != 0 && config_text_of(section, options[i].key) &&
            !config_credentials_use(section, options[i].key))
            no_effect(b, section, options[i].key);
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (is_one_of(credentials->source, needs[i].sources) && !config_text_of(section, needs[i].key) &&
            !variable(needs[i].variable))
            config_problem(b, config_header_place(section), "credentials \"%s\" have no %s; write %s", section->name,
                           needs[i].key, needs[i].advice);
}

static void check_environment(struct config_build *b, struct raw_section *section)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"};

    if (((struct credentials_conf *)section->item)->source != CREDENTIALS_ENVIRONMENT) return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!variable(names[i]))
            config_problem(
                b, config_place_of(section, "source"),
                "credentials \"%s\" come from the environment, but %s is not set; set it for the proxy, or write "
                "source = static and the keys",
                section->name, names[i]);
}

/* --- the service --- */

static void check_region(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;
    bool is_signed = credentials->source != CREDENTIALS_WEB_IDENTITY, has_url = config_text_of(section, "service_url");

    if (config_text_of(section, "region")) return;
    if (credentials->region && !s3_region_is_name(str_from(credentials->region)))
        config_problem(b, config_header_place(section),
                       "credentials \"%s\": \"%.40s\" of AWS_REGION or AWS_DEFAULT_REGION cannot be a Region; set it "
                       "right, or write region = REGION",
                       section->name, credentials->region);
    if (!credentials->region && is_one_of(credentials->source, ROLES) && (is_signed || !has_url))
        config_problem(b, config_header_place(section),
                       "credentials \"%s\" have no Region to ask in; write region = REGION", section->name);
}

static void check_service(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;

    if (config_credentials_use(section, "ca_file"))
        config_check_file(b, section, "ca_file", credentials->ca_file, false);
    if (!config_credentials_use(section, "region")) return;
    check_region(b, section);
    config_check_address_list(b, section, credentials->addresses, credentials->addresses_n);
    if (credentials->http_proxy && config_text_of(section, "addresses"))
        config_problem(b, config_place_of(section, "http_proxy"),
                       "http_proxy = yes would lead past addresses; remove one of them");
}

/* --- whose keys sign --- */

static void check_base(struct config_build *b, struct raw_section *section)
{
    struct credentials_conf *credentials = section->item;

    if (credentials->source != CREDENTIALS_ASSUME_ROLE) {
        credentials->source_credentials = NULL; /* check_keys has told */
        return;
    }
    config_check_reference(b, section, "source_credentials", "write that section: its keys ask for the role");
    if (credentials->source_credentials && credentials->source_credentials->source == CREDENTIALS_NONE)
        config_problem(b, config_place_of(section, "source_credentials"),
                       "[credentials %s] has source = none, but the role is asked for with keys; name a section that "
                       "has some",
                       credentials->source_credentials->name);
}

/* A circle is told once, at the first of its sections. */
static void check_circle(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *first = section->item, *at = first->source_credentials;
    char words[512];
    struct sbuf way = sbuf_make(words, sizeof words - 1);

    sbuf_add(&way, str_from(first->name));
    for (size_t i = 0; i < b->s->credentials_n && at > first; i++) {
        sbuf_printf(&way, " → %s", at->name);
        at = at->source_credentials;
    }
    if (at != first) return;
    sbuf_printf(&way, " → %s", first->name);
    words[way.n] = '\0';
    config_problem(b, config_place_of(section, "source_credentials"),
                   "source_credentials go in a circle: %s%s; name a section with keys of its own", words,
                   way.overflow ? " → …" : "");
}

/* A role that is asked for with a client's own session is that client's, too. */
static void inherit_per_client(struct config_build *b, struct raw_section *section)
{
    struct credentials_conf *mine = section->item;
    const struct credentials_conf *at = mine;

    for (size_t i = 0; i < b->s->credentials_n && at; i++, at = at->source_credentials)
        mine->per_client |= at->per_client;
}

static void check_section(struct config_build *b, struct raw_section *section)
{
    if (!is_source_known(section)) return;
    check_keys(b, section);
    check_environment(b, section);
    config_check_credentials_formats(b, section);
    config_check_credentials_files(b, section);
    check_service(b, section);
    check_base(b, section);
}

void config_check_credentials(struct config_build *b)
{
    config_for_each(b, SECTION_CREDENTIALS, check_section);
    config_for_each(b, SECTION_CREDENTIALS, check_circle);
    config_for_each(b, SECTION_CREDENTIALS, inherit_per_client);
}
