/* SPDX-License-Identifier: Apache-2.0
 * config.c: loading, sharing and freeing the settings, and looking things up in them. Loading: one thread; counted
 * settings are read-only and belong to any thread that holds a reference.
 */
#include "config/config.h"

#include "config_options.h"

#include "aws/s3/target.h"
#include "base/secret.h"
#include "base/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each section with a name begins alike, so that build_items can fill it without knowing it. */
#define STARTS_ALIKE(type) \
    _Static_assert(offsetof(struct type, name) == 0 && offsetof(struct type, place) == sizeof(char *), "name, place")
STARTS_ALIKE(listener_conf);
STARTS_ALIKE(endpoint_conf);
STARTS_ALIKE(credentials_conf);
STARTS_ALIKE(principal_conf);
STARTS_ALIKE(group_conf);
STARTS_ALIKE(policy_conf);
STARTS_ALIKE(tunnel_conf);
STARTS_ALIKE(line_conf);

struct item_head {
    char *name;
    struct config_place place;
};

/* --- building --- */

static struct config_build build_new(const char *path, FILE *problems)
{
    struct config_build b = {.s = config_alloc(sizeof *b.s), .raw = config_alloc(sizeof *b.raw), .problems = problems};

    atomic_init(&b.s->refs, 1);
    for (size_t id = 0; id < SECTIONS_N; id++)
        map_init(&b.raw->by_name[id]);
    map_init(&b.raw->hashes);
    map_init(&b.raw->words);
    map_init(&b.raw->terms_by_text);
    map_init(&b.s->clients_by_key);
    map_init(&b.s->clients_by_certificate);
    b.s->file = config_keep(b.raw, str_from(path));
    b.s->impl = b.raw;
    for (size_t id = 0; id < SECTIONS_N; id++)
        if (!config_sections[id].example_name)
            config_raw_add(b.raw, (enum section_id)id, STR_NONE, (struct config_place){NULL, 0});
    return b;
}

static void set_text(struct raw_section *section, const char *key, const char *text)
{
    size_t row;
    const struct option *o = config_find_option(section->id, str_from(key), &row);

    ASSERT(o != NULL);
    (void)config_raw_set(section, row, config_keep(section->raw, str_from(text)), (struct config_place){NULL, 0});
}

static void add_policy(struct config_build *b, const char *name, const char *access)
{
    struct raw_section *section = config_raw_section(b->raw, SECTION_POLICY, str_from(name));

    if (section) {
        config_problem(b, config_header_place(section), "policy \"%s\" is built in; choose another name", name);
        return;
    }
    section = config_raw_add(b->raw, SECTION_POLICY, str_from(name), (struct config_place){NULL, 0});
    set_text(section, "access", access);
}

static bool wants_default_credentials(struct raw_section *section)
{
    const char *text;

    switch (section->id) {
    case SECTION_ENDPOINT: text = config_text_of(section, "credentials"); return !text || strcmp(text, "default") == 0;
    case SECTION_CLIENT: text = config_text_of(section, "credentials"); break;
    case SECTION_CREDENTIALS: text = config_text_of(section, "source_credentials"); break;
    default: return false;
    }
    return text && strcmp(text, "default") == 0;
}

static void add_default_credentials(struct config_build *b)
{
    bool wanted = false;

    if (config_raw_section(b->raw, SECTION_CREDENTIALS, STR("default"))) return;
    for (size_t i = 0; i < b->raw->n; i++, thread_makes_way())
        wanted |= wants_default_credentials(b->raw->v[i]);
    if (!wanted) return;
    set_text(config_raw_add(b->raw, SECTION_CREDENTIALS, STR("default"), (struct config_place){NULL, 0}), "source",
             "chain");
}

static size_t *count_of(struct settings *s, const struct section_kind *kind)
{
    return (size_t *)((char *)s + kind->count_at);
}

static void **array_of(struct settings *s, const struct section_kind *kind)
{
    return (void **)((char *)s + kind->at);
}

/* Makes the arrays, then gives each raw section its item: the arrays do not move any more. */
static void build_items(struct config_build *b)
{
    size_t index[SECTIONS_N] = {0};

    for (size_t i = 0; i < b->raw->n; i++, thread_makes_way()) {
        const struct section_kind *kind = &config_sections[b->raw->v[i]->id];
        if (kind->example_name) (*count_of(b->s, kind))++;
    }
    for (size_t id = 0; id < SECTIONS_N; id++) {
        const struct section_kind *kind = &config_sections[id];
        if (kind->example_name) *array_of(b->s, kind) = config_alloc(*count_of(b->s, kind) * kind->item_bytes);
    }
    for (size_t i = 0; i < b->raw->n; i++, thread_makes_way()) {
        struct raw_section *section = b->raw->v[i];
        const struct section_kind *kind = &config_sections[section->id];
        size_t at = index[section->id]++;
        if (!kind->example_name) {
            section->item = (char *)b->s + kind->at;
            continue;
        }
        section->item = (char *)*array_of(b->s, kind) + at * kind->item_bytes;
        struct item_head *head = section->item;
        head->name = section->name;
        head->place = config_header_place(section);
    }
}

static void build_values(struct config_build *b)
{
    for (size_t i = 0; i < b->raw->n; i++, thread_makes_way()) {
        struct raw_section *section = b->raw->v[i];
        size_t n;
        const struct option *options = config_section_options(section->id, &n);
        if (section->id == SECTION_CLIENT) config_terms_parse(b, section);
        for (size_t j = 0; j < n; j++)
            if (!config_in_terms(&options[j])) config_parse_value(b, section, &options[j], j);
    }
}

static void build(struct config_build *b)
{
    add_policy(b, "allow-all", "admin");
    add_policy(b, "read-only", "read-only");
    add_default_credentials(b);
    build_items(b);
    build_values(b);
    config_finish(b);
}

static struct settings *finished(struct config_build *b)
{
    if (b->problems_n > 0) settings_unref(&b->s);
    return b->s;
}

/* --- files --- */

static bool holds_secret(struct config_build *b, const char *file)
{
    for (size_t i = 0; i < b->raw->n; i++, thread_makes_way()) {
        const struct raw_section *section = b->raw->v[i];
        size_t n;
        const struct option *options = config_section_options(section->id, &n);
        for (size_t j = 0; j < section->values_n; j++) {
            const struct raw_value *value = &section->values[j];
            if (b->raw->files[value->file] == file && config_is_secret_text(&options[value->row], value->text))
                return true;
        }
    }
    return false;
}

/* The open file is asked, not the path: it is the one that was read. What a configuration says is obeyed (command =),
 * so it must be ours even without a secret. A pipe is whoever's who typed the command. */
static void check_guard(struct config_build *b, FILE *in, const char *file)
{
    struct stat st;
    char fault[SECRET_FAULT];

    if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) &&
        secret_file_fault(&st, file, holds_secret(b, file), fault, sizeof fault))
        config_problem(b, (struct config_place){file, 0}, "%s", fault);
}

/* Devices may have no end: "/dev/zero". A terminal ends when whoever types says so. */
static bool is_readable_kind(FILE *in)
{
    struct stat st;

    return fstat(fileno(in), &st) == 0 &&
           (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fileno(in)));
}

/* NULL: reported, or with @why_not errno to report. */
static FILE *open_text(struct config_build *b, const char *path, int *why_not)
{
    FILE *in = fopen(path, "re");

    *why_not = in ? 0 : errno;
    if (!in || is_readable_kind(in)) return in;
    config_problem(b, (struct config_place){path, 0}, "is no regular file and no pipe; name one");
    fclose(in);
    return NULL;
}

static bool read_main(struct config_build *b)
{
    const char *path = b->s->file;
    struct config_place place = {path, 0};
    int why_not;
    FILE *in = open_text(b, path, &why_not);

    if (!in) {
        if (why_not == EACCES)
            config_problem(b, place,
                           "cannot be opened (%s); run this as the proxy's user (sudo -u s3onramp s3onramp ...), or as "
                           "one who may read it",
                           strerror(why_not));
        else if (why_not)
            config_problem(b, place,
                           "cannot be opened (%s); name the configuration with -c FILE, or make one: s3onramp check "
                           "--example > %s",
                           strerror(why_not), path);
        return false;
    }
    config_read_stream(b, in, b->s->file, false);
    check_guard(b, in, b->s->file);
    fclose(in);
    return true;
}

/* "" cannot be opened. */
static void read_clients_text(struct config_build *b)
{
    struct str text = b->clients_text;
    FILE *in = text.n ? fmemopen((char *)text.p, text.n, "r") : NULL;

    ASSERT((in || !text.n) && "memory for the settings");
    if (in) config_read_stream(b, in, b->raw->clients_path, true);
    if (in) fclose(in);
    b->s->clients_from = b->raw->clients_path;
}

static void read_clients(struct config_build *b)
{
    const struct raw_section *server = config_raw_section(b->raw, SECTION_SERVER, STR_NONE);
    const char *written = config_text_of(server, "clients_file");

    b->raw->clients_path = config_keep_heap(b->raw, config_path(b->s->file, written ? written : "clients.ini"));
    if (b->no_clients) return;
    if (b->clients_text.p) {
        read_clients_text(b);
        return;
    }
    int why_not;
    FILE *in = open_text(b, b->raw->clients_path, &why_not);
    if (in) {
        config_read_stream(b, in, b->raw->clients_path, true);
        check_guard(b, in, b->raw->clients_path);
        fclose(in);
        b->s->clients_from = b->raw->clients_path;
    } else if (why_not && (why_not != ENOENT || (written && !b->lenient))) {
        config_problem(
            b, written ? config_place_of(server, "clients_file") : (struct config_place){b->raw->clients_path, 0},
            "clients file %s cannot be opened (%s); %s", b->raw->clients_path, strerror(why_not),
            why_not == EACCES ? "run this as the proxy's user (sudo -u s3onramp s3onramp ...); the proxy "
                                "itself must be able to read it"
                              : "make it with `s3onramp client add NAME`");
    }
}

char *config_clients_path(const char *path, FILE *problems)
{
    FILE *unheard = fopen("/dev/null", "we");
    struct config_build b = build_new(path, unheard ? unheard : problems);
    char *found = NULL;

    b.no_clients = true;
    if (read_main(&b)) {
        read_clients(&b);
        found = config_strdup(str_from(b.raw->clients_path));
    } else {
        b.problems = problems;
        (void)read_main(&b); /* says why not */
    }
    settings_unref(&b.s);
    if (unheard) fclose(unheard);
    return found;
}

char *config_admin_socket(const char *path)
{
    FILE *unheard = fopen("/dev/null", "we");
    struct config_build b = build_new(path, unheard ? unheard : stderr);
    size_t row;
    char *found = NULL;

    if (read_main(&b)) {
        const char *written = config_text_of(config_raw_section(b.raw, SECTION_ADMIN, STR_NONE), "socket");

        if (!written) written = config_find_option(SECTION_ADMIN, STR("socket"), &row)->def;
        found = config_strdup(str_from(written));
    }
    settings_unref(&b.s);
    if (unheard) fclose(unheard);
    return found;
}

static struct settings *load_files(struct config_build *b)
{
    if (!read_main(b)) return finished(b);
    read_clients(b);
    build(b);
    if (!b->lenient) config_check(b);
    return finished(b);
}

static struct settings *load(const char *path, FILE *problems, bool lenient, bool no_clients)
{
    struct config_build b = build_new(path, problems);

    b.lenient = lenient;
    b.no_clients = no_clients;
    return load_files(&b);
}

struct settings *config_load(const char *path, FILE *problems)
{
    return load(path, problems, false, false);
}

struct settings *config_read(const char *path, FILE *problems)
{
    return load(path, problems, true, false);
}

struct settings *config_load_with_clients(const char *path, struct str clients, FILE *problems)
{
    struct config_build b = build_new(path, problems);

    b.clients_text = clients;
    return load_files(&b);
}

struct settings *config_load_without_clients(const char *path, FILE *problems)
{
    return load(path, problems, false, true);
}

struct settings *config_read_without_clients(const char *path, FILE *problems)
{
    return load(path, problems, true, true);
}

struct settings *config_load_stream(FILE *in, const char *name, FILE *problems)
{
    struct config_build b = build_new(name, problems);

    config_read_stream(&b, in, b.s->file, false);
    build(&b);
    config_check(&b);
    return finished(&b);
}

/* --- sharing --- */

static void free_items(struct settings *s, struct raw *raw)
{
    for (size_t i = 0; i < raw->n; i++, thread_makes_way()) {
        struct raw_section *section = raw->v[i];
        size_t n;
        const struct option *options = config_section_options(section->id, &n);
        if (!section->item) continue;
        for (size_t j = 0; j < n; j++)
            if (!config_in_terms(&options[j])) config_free_value(config_field(section, &options[j]), &options[j]);
    }
    for (size_t id = 0; id < SECTIONS_N; id++)
        if (config_sections[id].example_name) free(*array_of(s, &config_sections[id]));
}

struct settings *settings_ref(struct settings *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void settings_unref(struct settings **s)
{
    struct settings *mine = *s;

    *s = NULL;
    if (!mine || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < mine->warnings_n; i++)
        free(mine->warnings[i].text);
    free(mine->warnings);
    for (size_t i = 0; i < mine->policies_n; i++) {
        policy_free(&mine->policies[i].compiled);
        properties_clear(&mine->policies[i].require);
        properties_clear(&mine->policies[i].set);
    }
    free_items(mine, mine->impl);
    config_raw_free(mine->impl);
    for (size_t i = 0; i < mine->secret_variables.n; i++)
        free(mine->secret_variables.v[i]);
    free(mine->secret_variables.v);
    map_clear(&mine->clients_by_key);
    map_clear(&mine->clients_by_certificate);
    free(mine);
}

/* --- looking up --- */

const struct principal_conf *settings_client_by_key(const struct settings *s, struct str access_key_id,
                                                    const struct principal_key **key)
{
    *key = map_get(&s->clients_by_key, access_key_id);
    if (!*key) return NULL;
    return &s->clients[(size_t)((const char *)*key - (const char *)s->clients) / sizeof s->clients[0]];
}

const char *principal_why_not(const struct principal_conf *client, const struct principal_key *key, int64_t now_s)
{
    if (client->disabled) return "is disabled";
    if (client->expires_s && now_s >= client->expires_s) return "has expired";
    if (!key) return NULL;
    if (key->not_before_s && now_s < key->not_before_s) return "signed with a key pair whose not_before is yet to come";
    if (key->not_after_s && now_s >= key->not_after_s) return "signed with a key pair whose not_after has passed";
    return NULL;
}

const struct principal_conf *settings_client_by_certificate(const struct settings *s, struct str name)
{
    return map_get(&s->clients_by_certificate, name);
}

static bool is_in(const struct netblock *blocks, size_t n, const struct netaddr *a)
{
    for (size_t i = 0; i < n; i++)
        if (netblock_has(&blocks[i], a)) return true;
    return n == 0;
}

bool principal_may_come_from(const struct principal_conf *client, const struct netaddr *from)
{
    const struct principal_terms *terms = client->terms;

    if (terms->allow_from_n) return is_in(terms->allow_from, terms->allow_from_n, from);
    for (size_t i = 0; i < terms->groups.n; i++)
        if (!is_in(terms->groups.v[i]->allow_from, terms->groups.v[i]->allow_from_n, from)) return false;
    return true;
}

static struct str tag_of(const struct tag_list *tags, struct str key)
{
    for (size_t i = 0; tags && i < tags->n; i++)
        if (str_eq_nocase(tags->v[i].key, key)) return tags->v[i].value;
    return STR_NONE;
}

struct str principal_tag(const struct principal_conf *client, struct str key)
{
    struct str value = tag_of(client->tags, key);

    for (size_t i = 0; !value.n && i < client->terms->groups.n; i++)
        value = tag_of(client->terms->groups.v[i]->tags, key);
    return value;
}

const char *principal_policy_names(const struct principal_conf *client, char out[POLICY_NAMES_TEXT])
{
    struct sbuf b = sbuf_make(out, POLICY_NAMES_TEXT - 1);

    for (size_t i = 0; i < client->terms->policies_n; i++)
        sbuf_printf(&b, "%s%s", i ? ", " : "", client->terms->policies[i]->name);
    out[b.n] = '\0';
    return out;
}

const struct principal_conf *settings_client_by_name(const struct settings *s, struct str name)
{
    const struct raw_section *section = config_raw_section(s->impl, SECTION_CLIENT, name);

    return section ? section->item : NULL;
}

const struct tunnel_conf *settings_tunnel_for_host(const struct settings *s, struct str host)
{
    for (size_t i = 0; i < s->tunnels_n; i++)
        for (size_t j = 0; j < s->tunnels[i].hosts.n; j++)
            if (str_eq(str_from(s->tunnels[i].hosts.v[j]), host)) return &s->tunnels[i];
    return NULL;
}

/* @host is @name, or below it. */
static bool is_at_or_below(struct str host, const char *name)
{
    struct str top = str_from(name);

    if (!top.n || !str_ends(host, top)) return false;
    return host.n == top.n || host.p[host.n - top.n - 1] == '.';
}

static bool is_of_endpoint(const struct endpoint_conf *ep, struct str host, const struct netaddr *address)
{
    for (size_t i = 0; address && i < ep->addresses_n; i++) {
        struct netblock one = {ep->addresses[i], ep->addresses[i].u.sa.sa_family == AF_INET6 ? 128 : 32};
        if (netblock_has(&one, address)) return true;
    }
    return is_at_or_below(host, ep->host) || is_at_or_below(host, ep->sni) || is_at_or_below(host, ep->vpce_name) ||
           is_at_or_below(host, ep->dns_name);
}

static bool is_no_parents(const struct settings *s, struct str host)
{
    struct netaddr address;
    bool is_address = netaddr_parse(host, 443, &address);

    if (s3_host_is_s3(host) || str_eq(host, STR("localhost"))) return true;
    if (is_address && (settings_address_is_never(&address) || netaddr_is_loopback(&address))) return true;
    for (size_t i = 0; i < s->endpoints_n; i++)
        if (is_of_endpoint(&s->endpoints[i], host, is_address ? &address : NULL)) return true;
    return false;
}

const struct tunnel_conf *settings_parent_for_host(const struct settings *s, struct str host)
{
    if (!s->parents_n || is_no_parents(s, host)) return NULL;
    for (size_t i = 0; i < s->parents_n; i++)
        if (str_list_matches(&s->parents[i].hosts, host)) return &s->parents[i];
    return NULL;
}

bool str_list_matches(const struct str_list *patterns, struct str host)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (str_matches(host, str_from(patterns->v[i]))) return true;
    return false;
}

bool ways_intercept(const struct ways_conf *ways)
{
    return ways->intercept.n > 1 || (ways->intercept.n == 1 && strcmp(ways->intercept.v[0], "none") != 0);
}

bool settings_need_ca(const struct settings *s)
{
    bool client_intercepts = false;

    for (size_t i = 0; i < s->clients_n; i++)
        client_intercepts |= ways_intercept(&s->clients[i].terms->ways);
    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct listener_conf *l = &s->listeners[i];
        /* What a client may have intercepted can only be known where it shows its password. */
        if (l->mode != LISTENER_ENDPOINT &&
            (ways_intercept(&l->ways) || (l->proxy_auth != PROXY_AUTH_NO && client_intercepts)))
            return true;
        if (l->mode != LISTENER_REDIRECT && l->tls != LISTENER_PLAIN && !l->certificate) return true;
    }
    return s->admin.tls && !s->admin.certificate;
}

const struct endpoint_conf *settings_endpoint_for_region(const struct settings *s, struct str region)
{
    /* An endpoint in the Region itself goes before one that only stands in for it. */
    for (size_t i = 0; i < s->endpoints_n; i++)
        if (str_eq(str_from(s->endpoints[i].region), region)) return &s->endpoints[i];
    for (size_t i = 0; i < s->endpoints_n; i++)
        for (size_t j = 0; j < s->endpoints[i].also_regions.n; j++)
            if (str_eq(str_from(s->endpoints[i].also_regions.v[j]), region)) return &s->endpoints[i];
    return NULL;
}

const struct endpoint_conf *settings_default_endpoint(const struct settings *s)
{
    for (size_t i = 0; i < s->endpoints_n; i++)
        if (s->endpoints[i].is_default) return &s->endpoints[i];
    return s->endpoints_n > 0 ? &s->endpoints[0] : NULL;
}
