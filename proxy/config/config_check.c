/* SPDX-License-Identifier: Apache-2.0
 * config_check.c: what must fit together: files, references, listeners, clients. Endpoints and tunnels:
 * config_check_endpoint.c; credentials: config_credentials.c; warnings: config_warn.c. One thread. Owns nothing: what
 * it makes belongs to struct settings.
 */
#include "config_options.h"

#include "base/password.h"
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* --- files --- */

/* /dev/null: the one device that ends at once. */
static bool is_null(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

void config_check_file(struct config_build *b, struct raw_section *section, const char *key, const char *path,
                       bool is_secret)
{
    struct stat st;
    char fault[SECRET_FAULT];

    if (!path) return;
    if (stat(path, &st) != 0 || access(path, R_OK) != 0) {
        config_problem(b, config_place_of(section, key),
                       "%s: %s cannot be read (%s); name a file that the proxy may read", key, path, strerror(errno));
    } else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !is_null(&st)) {
        config_problem(b, config_place_of(section, key), "%s: %s is no regular file; name one", key, path);
    } else if ((is_secret || (S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH))) &&
               secret_file_fault(&st, path, is_secret, fault, sizeof fault)) {
        config_problem(b, config_place_of(section, key), "%s: %s", key, fault);
    }
}

/* --- references --- */

void config_check_reference(struct config_build *b, struct raw_section *section, const char *key, const char *advice)
{
    size_t row;
    const struct option *o = config_find_option(section->id, str_from(key), &row);
    const struct raw_value *value = config_raw_value(section, row);
    const char *name = value ? value->text : o->def;

    if (!name || *(void *const *)config_field(section, o)) return;
    config_problem(b, config_place_of(section, key), "there is no [%s %s]; %s",
                   config_sections[config_reference_kind(o)].word, name, advice);
}

/* The same of an option that names several. Returns how many are not there. */
static size_t check_references(struct config_build *b, struct raw_section *section, const char *key, const char *advice)
{
    size_t row, missing = 0;
    const struct option *o = config_find_option(section->id, str_from(key), &row);
    const struct raw_value *value = config_raw_value(section, row);
    struct str rest = str_from(value ? value->text : ""), name;

    while (str_split(&rest, ',', &name)) {
        name = str_trim(name);
        if (!name.n || config_raw_section(b->raw, config_reference_kind(o), name)) continue;
        config_problem(b, config_value_place(section, value), "there is no [%s %.*s]; %s",
                       config_sections[config_reference_kind(o)].word, STR_ARG(name), advice);
        missing++;
    }
    return missing;
}

/* --- listeners --- */

void config_check_certificate(struct config_build *b, struct raw_section *section, const char *certificate,
                              const char *private_key, bool tls)
{
    const char *given = certificate ? "certificate" : "private_key";

    if (!certificate && !private_key) return;
    if (!tls) {
        config_problem(b, config_place_of(section, given), "%s has no effect without TLS; write tls = on, or remove it",
                       given);
        return;
    }
    if (!certificate || !private_key) {
        config_problem(b, config_place_of(section, given), "%s alone is not enough; write %s = FILE too", given,
                       certificate ? "private_key" : "certificate");
        return;
    }
    config_check_file(b, section, "certificate", certificate, false);
    config_check_file(b, section, "private_key", private_key, true);
}

/* Options that only some modes know. */
static void check_listener_mode(struct config_build *b, struct raw_section *section)
{
    static const struct {
        const char *key;
        bool forward, endpoint, redirect;
    } known[] = {
        {"proxy_auth", true, false, false},         {"proxy_auth_plain", true, false, false},
        {"intercept", true, false, true},           {"tunnel", true, false, true},
        {"transparent", false, false, true},        {"names", true, true, false},
        {"certificate", true, true, false},         {"private_key", true, true, false},
        {"client_certificates", true, true, false}, {"parent", true, false, false},
    };
    const struct listener_conf *listener = section->item;
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
    const struct listener_conf *listener = section->item;

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
    const struct listener_conf *listener = section->item;

    if (!config_text_of(section, "mode"))
        config_problem(b, config_header_place(section),
                       "listener \"%s\" has no mode; write mode = forward or mode = endpoint", section->name);
    else
        check_listener_mode(b, section);
    check_proxy_protocol(b, section);
    config_check_certificate(b, section, listener->certificate, listener->private_key, listener->tls != LISTENER_PLAIN);
    config_check_client_certificates(b, section);
    if (!b->no_clients) config_check_reference(b, section, "anonymous", "write that section, with its policy");
    config_check_reference(b, section, "endpoint", "name one of the endpoints");
}

/* The address @at of @section must not be bound by an earlier one of any listener. */
static void check_bind(struct config_build *b, struct raw_section *section, size_t at)
{
    struct listener_conf *mine = section->item;
    char text[NETADDR_TEXT];

    for (size_t i = 0; &b->s->listeners[i] <= mine; i++) {
        struct listener_conf *other = &b->s->listeners[i];
        size_t n = other == mine ? at : other->bind_n;
        for (size_t j = 0; j < n; j++) {
            if (!config_same_address(&other->bind[j], &mine->bind[at])) continue;
            netaddr_format(&mine->bind[at], text);
            config_problem(b, config_place_of(section, "bind"),
                           "%s is already bound by listener \"%s\"; write another port", text, other->name);
            return;
        }
    }
}

static void check_binds(struct config_build *b, struct raw_section *section)
{
    struct listener_conf *listener = section->item;

    for (size_t i = 0; i < listener->bind_n; i++)
        check_bind(b, section, i);
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

struct pair_words {
    const char *id, *secret, *not_before, *not_after;
};

static const struct pair_words pair_words[PRINCIPAL_KEYS] = {
    {"access_key_id", "secret_access_key", "not_before", "not_after"},
    {"access_key_id_2", "secret_access_key_2", "not_before_2", "not_after_2"},
};

static void check_dates(struct config_build *b, struct raw_section *section, const struct pair_words *words,
                        const struct principal_key *key)
{
    const char *dates[] = {words->not_before, words->not_after};

    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        if (!key->access_key_id && config_text_of(section, dates[i]))
            config_problem(b, config_place_of(section, dates[i]), "%s has no effect without %s; remove it", dates[i],
                           words->id);
    if (key->not_before_s && key->not_after_s && key->not_before_s >= key->not_after_s)
        config_problem(b, config_place_of(section, words->not_after),
                       "%s is not later than %s, so that the pair never counts; write later, or remove the pair",
                       words->not_after, words->not_before);
}

static void check_pair(struct config_build *b, struct raw_section *section, size_t i)
{
    const struct pair_words *words = &pair_words[i];
    const struct principal_key *key = &((struct principal_conf *)section->item)->keys[i];
    bool has_id = config_text_of(section, words->id) != NULL,
         has_secret = config_text_of(section, words->secret) != NULL;

    if (has_id != has_secret)
        config_problem(b, config_header_place(section),
                       "client \"%s\" has half of a key pair; write %s too, or remove %s", section->name,
                       has_id ? words->secret : words->id, has_id ? words->id : words->secret);
    else if (key->access_key_id && !is_access_key(str_from(key->access_key_id)))
        config_problem(b, config_place_of(section, words->id),
                       "an access key has 3 to 128 letters, digits, '.', '_' and '-'; make one with `s3onramp client "
                       "add NAME`");
    check_dates(b, section, words, key);
}

static bool is_anonymous(const struct settings *s, const struct principal_conf *client)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (s->listeners[i].anonymous == client) return true;
    return false;
}

/* Some way to come in. */
static void check_ways(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item;

    for (size_t i = 0; i < PRINCIPAL_KEYS; i++)
        if (config_text_of(section, pair_words[i].id) || config_text_of(section, pair_words[i].secret)) return;
    if (client->password || client->certificate || is_anonymous(b->s, client)) return;
    config_problem(b, config_header_place(section),
                   "client \"%s\" has no key pair and no listener takes it as anonymous; run `s3onramp client add %s`",
                   section->name, section->name);
}

static void check_password(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item;

    config_check_pam_user(b, section);
    if (client->password && !config_is_pam(client->password) && !password_hash_valid(client->password))
        config_problem(b, config_place_of(section, "password"),
                       "password of client \"%s\" is not the hash of one that this system knows as safe; run "
                       "`s3onramp client password %s`",
                       section->name, section->name);
}

#define POLICY_ADVICE "write that section, or policy = read-only or policy = allow-all"

static void check_policies(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item;
    size_t missing = check_references(b, section, "policy", POLICY_ADVICE) +
                     check_references(b, section, "groups", "write that section, with its policy");

    if (missing || client->terms->policies_n) return;
    config_problem(b, config_header_place(section),
                   "client \"%s\" has no policy%s; write policy = read-only, policy = allow-all, or the NAME of a "
                   "[policy NAME]",
                   section->name, client->terms->groups.n ? ", and its groups have none" : "");
}

static void check_limiting_groups(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item;
    size_t n = 0;

    for (size_t i = 0; i < client->terms->groups.n; i++)
        n += client->terms->groups.v[i] && limits_any(&client->terms->groups.v[i]->limits);
    if (n > PRINCIPAL_LIMITING_GROUPS)
        config_problem(b, config_place_of(section, "groups"),
                       "client \"%s\" is in %zu groups whose clients are limited together; %d are the most, let the "
                       "others have member_… limits only",
                       section->name, n, PRINCIPAL_LIMITING_GROUPS);
}

static void check_group(struct config_build *b, struct raw_section *section)
{
    (void)check_references(b, section, "policy", POLICY_ADVICE);
}

static void check_client(struct config_build *b, struct raw_section *section)
{
    for (size_t i = 0; i < PRINCIPAL_KEYS; i++)
        check_pair(b, section, i);
    check_limiting_groups(b, section);
    check_ways(b, section);
    check_password(b, section);
    check_policies(b, section);
    config_check_properties(b, section);
    config_check_reference(b, section, "credentials", "write that section, or remove the line to use the endpoint's");
}

static void index_pair(struct config_build *b, const struct principal_conf *client, const struct principal_key *key)
{
    const struct principal_conf *before;
    const struct principal_key *other;

    if (!key->access_key_id || !key->secret_access_key) return;
    before = settings_client_by_key(b->s, str_from(key->access_key_id), &other);
    if (before == client) {
        config_problem(b, client->place, "client \"%s\" has the same access key in both pairs; remove one of them",
                       client->name);
    } else if (before) {
        config_problem(
            b, client->place,
            "client \"%s\" has the access key of client \"%s\"; make another with `s3onramp client add NAME`",
            client->name, before->name);
    } else {
        bool put = map_put(&b->s->clients_by_key, str_from(key->access_key_id), (void *)key);
        ASSERT(put && "memory for the settings");
    }
}

static void index_key(struct config_build *b, struct raw_section *section)
{
    const struct principal_conf *client = section->item;

    for (size_t i = 0; i < PRINCIPAL_KEYS; i++)
        index_pair(b, client, &client->keys[i]);
}

static void index_keys(struct config_build *b)
{
    bool reserved = map_reserve(&b->s->clients_by_key, b->s->clients_n);

    ASSERT(reserved && "memory for the settings");
    config_for_each(b, SECTION_CLIENT, index_key);
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
    config_for_each(b, SECTION_ENDPOINT, config_check_endpoint);
    config_check_one_default(b);
    config_check_admin(b);
    if (!b->no_clients) config_for_each(b, SECTION_CLIENT, check_client);
    config_for_each(b, SECTION_GROUP, check_group);
    config_for_each(b, SECTION_TUNNEL, config_check_tunnel);
    config_for_each(b, SECTION_PARENT, config_check_parent);
    config_check_credentials(b);
    if (!b->no_clients) config_check_pam(b);
    if (!b->no_clients) index_keys(b);
    if (!b->no_clients) config_certificates_check(b);
    if (b->problems_n == 0) config_warn(b);
}
