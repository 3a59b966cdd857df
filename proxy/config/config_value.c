/* SPDX-License-Identifier: Apache-2.0
 * config_value.c: from the text of an option to the field in struct settings, and back. One thread. What it puts into
 * a field is freed by config_free_value; texts live in struct raw.
 */
#include "config_options.h"

#include "aws/documents/key_document.h"
#include "aws/s3/target.h"
#include "base/secret.h"
#include "http/uri.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

_Static_assert(sizeof(enum listener_mode) == sizeof(unsigned), "enum fields are written as unsigned");
_Static_assert(
    offsetof(struct listener_conf, bind_n) == offsetof(struct listener_conf, bind) + sizeof(void *) &&
        offsetof(struct endpoint_conf, addresses_n) == offsetof(struct endpoint_conf, addresses) + sizeof(void *) &&
        offsetof(struct endpoint_conf, address_zones) == offsetof(struct endpoint_conf, addresses_n) + sizeof(size_t) &&
        offsetof(struct endpoint_conf, resolvers_n) == offsetof(struct endpoint_conf, resolvers) + sizeof(void *) &&
        offsetof(struct listener_conf, trusted_proxies_n) ==
            offsetof(struct listener_conf, trusted_proxies) + sizeof(void *) &&
        offsetof(struct tunnel_conf, addresses_n) == offsetof(struct tunnel_conf, addresses) + sizeof(void *) &&
        offsetof(struct credentials_conf, addresses_n) ==
            offsetof(struct credentials_conf, addresses) + sizeof(void *) &&
        offsetof(struct principal_terms, allow_from_n) ==
            offsetof(struct principal_terms, allow_from) + sizeof(void *) &&
        offsetof(struct group_conf, allow_from_n) == offsetof(struct group_conf, allow_from) + sizeof(void *) &&
        offsetof(struct server_conf, private_networks_n) ==
            offsetof(struct server_conf, private_networks) + sizeof(void *),
    "an array's length follows its pointer");

/* A value being parsed: where to complain and where to write. */
struct target {
    struct config_build *b;
    const struct raw_section *section;
    const struct option *o;
    struct config_place place;
    void *field;
};

void *config_field(const struct raw_section *section, const struct option *o)
{
    if (o->offset == NO_FIELD) return NULL;
    if (!config_in_terms(o)) return (char *)section->item + o->offset;
    return (char *)((const struct principal_conf *)section->item)->terms + (o->offset - IN_TERMS);
}

/* "FILE:LINE: KEY = VALUE: …": the value is cut, and only called with values that are no secrets. */
#define BAD_VALUE(t, text, fmt, ...) \
    config_problem((t)->b, (t)->place, "%s = %.80s: " fmt, (t)->o->key, (text), __VA_ARGS__)

static char *join(struct str folder, const char *path)
{
    size_t cap = folder.n + strlen(path) + 1;
    struct sbuf b = sbuf_make(config_alloc(cap), cap);

    sbuf_add(&b, folder);
    sbuf_add(&b, str_from(path));
    return b.p;
}

/* Resolved here, once: whoever opens it takes it as it is. "~/" is the home folder, as in the files of AWS. */
char *config_path(const char *file, const char *path)
{
    const char *home = getenv("HOME");
    struct str whole = str_from(file);
    size_t slash = str_rindex(whole, '/');

    if (path[0] == '/') return config_strdup(str_from(path));
    if (str_starts(str_from(path), STR("~/")) && home && home[0] == '/') return join(str_from(home), path + 1);
    return join(str_head(whole, slash + 1), path); /* SIZE_MAX + 1: no folder */
}

/* --- words --- */

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* "ap-northeast-1a": a digit and one letter at the end, where a Region ends in the digit. */
static bool looks_like_zone(struct str s)
{
    return s.n > 4 && s.p[s.n - 1] >= 'a' && s.p[s.n - 1] <= 'z' && s.p[s.n - 2] >= '1' && s.p[s.n - 2] <= '9' &&
           s.p[s.n - 3] == '-';
}

static bool check_region(struct target *t, const char *text)
{
    struct str s = str_from(text);

    if (looks_like_zone(s)) {
        BAD_VALUE(t, text, "this is an Availability Zone; write its Region, %.*s", (int)s.n - 1, text);
        return false;
    }
    if (!s3_region_is_name(s)) {
        BAD_VALUE(t, text, "this cannot be a Region; write it like %s", "ap-northeast-1");
        return false;
    }
    return true;
}

/* RFC 1123 2.1: no label begins or ends with a hyphen; buckets may. */
static bool has_loose_hyphen(struct str s)
{
    struct str label;

    while (str_split(&s, '.', &label))
        if (label.n && (label.p[0] == '-' || label.p[label.n - 1] == '-')) return true;
    return false;
}

bool config_host_valid(struct str s)
{
    if (str_starts(s, STR("*."))) s = str_tail(s, 2); /* as the console shows names of endpoints */
    return uri_host_valid(s) && !has_loose_hyphen(s);
}

static bool check_host(struct target *t, const char *text)
{
    struct str s = str_from(text);
    size_t scheme = str_find(s, STR("://"));

    if (scheme != SIZE_MAX) {
        BAD_VALUE(t, text, "this is a URL; write the host name only, without %.*s://", (int)scheme, text);
        return false;
    }
    if (!config_host_valid(s) || (str_starts(s, STR("*.")) && strcmp(t->o->key, "name") != 0)) {
        BAD_VALUE(t, text, "this is not a host name; write it without port and path, like %s",
                  "s3.ap-northeast-1.amazonaws.com");
        return false;
    }
    return true;
}

static char *lower_dup(struct str s)
{
    char *copy = config_strdup(s);

    for (char *c = copy; *c; c++)
        *c = ascii_lower(*c);
    return copy;
}

/* --- numbers --- */

static bool parse_ms(struct str s, uint64_t *out)
{
    static const struct {
        struct str unit;
        uint64_t ms;
    } units[] = {{STR_INIT("ms"), 1}, {STR_INIT("s"), 1000}, {STR_INIT("m"), 60000}, {STR_INIT("h"), 3600000}};
    size_t digits = 0;
    uint64_t value;

    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (!str_to_u64(str_head(s, digits), &value)) return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!str_eq(str_tail(s, digits), units[i].unit)) continue;
        if (value > UINT64_MAX / units[i].ms) return false;
        *out = value * units[i].ms;
        return true;
    }
    return false;
}

static uint64_t bound(const char *text, bool is_time)
{
    uint64_t value = 0;
    bool ok = is_time ? parse_ms(str_from(text), &value) : str_to_u64(str_from(text), &value);

    ASSERT(ok);
    return value;
}

static void parse_number(struct target *t, const char *text, bool is_time)
{
    uint64_t value = 0;
    bool ok = is_time ? parse_ms(str_from(text), &value) : str_to_u64(str_from(text), &value);

    if (!ok || value < bound(t->o->min, is_time) || value > bound(t->o->max, is_time)) {
        if (is_time)
            BAD_VALUE(t, text,
                      "this is no duration in range; write a number with its unit (ms, s, m, h), from %s to %s",
                      t->o->min, t->o->max);
        else
            BAD_VALUE(t, text, "this is no number in range; write one from %s to %s", t->o->min, t->o->max);
        return;
    }
    if (t->o->type == OPT_SIZE)
        *(size_t *)t->field = (size_t)value;
    else
        *(uint64_t *)t->field = value;
}

static void parse_rate(struct target *t, const char *text)
{
    uint64_t rate, min = 0, max = 0;
    bool bounds = config_parse_rate(str_from(t->o->min), &min) && config_parse_rate(str_from(t->o->max), &max);

    ASSERT(bounds);
    if (config_parse_rate(str_from(text), &rate) && (rate == 0 || (rate >= min && rate <= max)))
        *(uint64_t *)t->field = rate;
    else
        BAD_VALUE(t, text,
                  "this is no rate in range; write bytes a second (KB, MB, GB: powers of 1000; KiB, MiB, GiB: of 1024) "
                  "or bits (Kbit, Mbit, Gbit), like 25MB or 200Mbit, from %s to %s, or 0 for none",
                  t->o->min, t->o->max);
}

bool config_parse_time(struct str text, int64_t *s)
{
    char whole[sizeof "2026-12-31T00:00:00Z"];
    struct sbuf b = sbuf_make(whole, sizeof whole);

    if (text.n == sizeof "2026-12-31" - 1) {
        sbuf_add(&b, text);
        sbuf_add(&b, STR("T00:00:00Z"));
        text = sbuf_str(&b);
    }
    return iso8601_parse(text, s) && *s > 0;
}

static void parse_time(struct target *t, const char *text)
{
    if (!config_parse_time(str_from(text), t->field))
        BAD_VALUE(t, text, "this is no time; write it like %s", "2026-12-31 or 2026-12-31T18:00:00Z (UTC)");
}

static void parse_bool(struct target *t, const char *text)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *(bool *)t->field = i % 2 == 1;
        return;
    }
    BAD_VALUE(t, text, "this is neither yes nor no; write %s", "yes or no");
}

static void parse_enum(struct target *t, const char *text)
{
    char all[128];
    struct sbuf b = sbuf_make(all, sizeof all - 1);

    for (size_t i = 0; t->o->choices[i]; i++) {
        if (strcmp(text, t->o->choices[i]) == 0) {
            *(unsigned *)t->field = (unsigned)i;
            return;
        }
        sbuf_printf(&b, "%s%s", i ? ", " : "", t->o->choices[i]);
    }
    all[b.n] = '\0';
    BAD_VALUE(t, text, "this is not known here; write one of: %s", all);
}

/* --- secrets --- */

/* What stands there may be shown: it says only where the secret is. */
static bool is_known_elsewhere(const struct option *o, const char *text)
{
    return config_is_reference(text) || (o->section == SECTION_CLIENT && config_is_pam(text));
}

bool config_is_secret_text(const struct option *o, const char *text)
{
    return o->type == OPT_SECRET && !is_known_elsewhere(o, text);
}

/* --- lists --- */

/* The next item of a comma list; an empty one is reported once and ends the list. */
static bool next_item(struct target *t, struct str *rest, struct str *item)
{
    if (!str_split(rest, ',', item)) return false;
    *item = str_trim(*item);
    if (item->n > 0) return true;
    config_problem(t->b, t->place, "%s: there is nothing between two commas; write VALUE, VALUE", t->o->key);
    return false;
}

static bool check_pattern(struct target *t, const char *text)
{
    struct str s = str_from(text);

    for (size_t i = 0; i < s.n; i++) {
        if (is_lower_or_digit(s.p[i]) || strchr(".-_*?", s.p[i])) continue;
        config_problem(t->b, t->place,
                       "%s: \"%.80s\" cannot match a host name; write names without port, with * and ? as wildcards",
                       t->o->key, text);
        return false;
    }
    return true;
}

static void parse_list(struct target *t, const char *text)
{
    struct str_list *list = t->field;
    struct str rest = str_from(text), item;

    while (next_item(t, &rest, &item)) {
        list->v = config_grow(list->v, list->n, sizeof(char *));
        bool lowers = t->o->type == OPT_HOSTS || t->o->type == OPT_PATTERNS;
        char *copy = lowers ? lower_dup(item) : config_strdup(item);
        list->v[list->n++] = copy;
        if (t->o->type == OPT_REGIONS && !check_region(t, copy)) return;
        if (t->o->type == OPT_HOSTS && !check_host(t, copy)) return;
        if (t->o->type == OPT_PATTERNS && !check_pattern(t, copy)) return;
    }
}

static void parse_networks(struct target *t, const char *text)
{
    struct netblock **blocks = t->field;
    size_t *n = (size_t *)(blocks + 1);
    struct str rest = str_from(text), item;

    while (next_item(t, &rest, &item)) {
        struct netblock block;
        if (!netblock_parse(item, &block)) {
            config_problem(t->b, t->place,
                           "%s: \"%.*s\" is not a network; write its first address and its length, like 198.18.0.0/15",
                           t->o->key, STR_ARG(item));
            continue;
        }
        if (block.bits < 7 && t->o->type == OPT_NETWORKS) {
            config_problem(t->b, t->place,
                           "%s: \"%.*s\" is too wide to be anybody's private network; name the networks that are",
                           t->o->key, STR_ARG(item));
            continue;
        }
        *blocks = config_grow(*blocks, *n, sizeof **blocks);
        (*blocks)[(*n)++] = block;
    }
}

/* --- references --- */

enum section_id config_reference_kind(const struct option *o)
{
    switch (o->type) {
    case OPT_CLIENT: return SECTION_CLIENT;
    case OPT_ENDPOINT: return SECTION_ENDPOINT;
    case OPT_CREDENTIALS: return SECTION_CREDENTIALS;
    case OPT_POLICIES: return SECTION_POLICY;
    case OPT_GROUPS: return SECTION_GROUP;
    case OPT_LINE: return SECTION_LINE;
    default: return SECTIONS_N;
    }
}

/* Whether it must be there is for config_check.c to say. */
static void find_section(struct target *t, const char *name)
{
    const struct raw_section *found = config_raw_section(t->b->raw, config_reference_kind(t->o), str_from(name));

    *(const void **)t->field = found ? found->item : NULL;
}

/* struct policy_list, struct group_list, … */
struct section_list {
    const void **v;
    size_t n;
};

static void find_sections(struct target *t, const char *text)
{
    struct section_list *list = t->field;
    struct str rest = str_from(text), item;

    while (next_item(t, &rest, &item)) {
        const struct raw_section *found = config_raw_section(t->b->raw, config_reference_kind(t->o), item);
        bool again = false;
        for (size_t i = 0; found && i < list->n; i++)
            again |= list->v[i] == found->item;
        if (again)
            config_problem(t->b, t->place, "%s: \"%.*s\" stands there twice; write it once", t->o->key, STR_ARG(item));
        if (!found || again) continue;
        list->v = config_grow(list->v, list->n, sizeof(void *));
        list->v[list->n++] = found->item;
    }
}

/* --- tags --- */

/* What may be in the key and in the value of a session tag (AWS STS API, Tag), but what the file's syntax needs. */
static bool is_tag_text(struct str s, size_t most, const char *signs)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)ascii_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c < 0x80 && !strchr(signs, c)) return false;
    }
    return s.n > 0 && s.n <= most;
}

const char *config_tag_fault(struct str key, struct str value)
{
    if (!is_tag_text(key, 128, "_./+-@"))
        return "a tag's key has 1 to 128 letters, digits and _ . / + - @; write it like tags.team = archive";
    if (!is_tag_text(value, 256, " _.:/=+-@"))
        return "a tag's value has 1 to 256 letters, digits, blanks and _ . : / = + - @; write others";
    return NULL;
}

/* @text: "KEY=value", as config_read.c keeps it. */
static bool parse_tag(struct target *t, const char *text, struct tag_conf *tag)
{
    struct str whole = str_from(text);
    size_t equals = str_index(whole, '=');

    ASSERT(equals != SIZE_MAX);
    *tag = (struct tag_conf){str_head(whole, equals), str_tail(whole, equals + 1)};
    const char *fault = config_tag_fault(tag->key, tag->value);
    if (fault) config_problem(t->b, t->place, "%s%.80s: %s", t->o->key, text, fault);
    return !fault;
}

/* All values of the row: each key is one. */
static void parse_tags(struct target *t, size_t row)
{
    size_t n = 0;

    for (size_t i = 0; i < t->section->values_n; i++)
        n += t->section->values[i].row == row;
    struct tag_list *tags = config_alloc(sizeof *tags + n * sizeof tags->v[0]);
    for (size_t i = 0; i < t->section->values_n; i++) {
        const struct raw_value *value = &t->section->values[i];
        if (value->row != row) continue;
        t->place = config_value_place(t->section, value);
        tags->n += parse_tag(t, value->text, &tags->v[tags->n]);
    }
    *(const struct tag_list **)t->field = tags;
}

static struct target target_of(struct config_build *b, struct raw_section *section, const struct option *o, size_t row)
{
    struct config_place place = config_value_place(section, config_raw_value(section, row));

    return (struct target){b, section, o, place.file ? place : config_header_place(section),
                           o->offset == NO_FIELD ? &b->no_field : config_field(section, o)};
}

/* Takes "ZONE=" off the front of *@item. */
static struct str take_zone(struct str *item)
{
    size_t equals = str_index(*item, '=');
    struct str zone = equals == SIZE_MAX ? STR_NONE : str_trim(str_head(*item, equals));

    if (equals != SIZE_MAX) *item = str_trim(str_tail(*item, equals + 1));
    return zone;
}

static void add_zone(struct str_list *zones, struct str zone)
{
    zones->v = config_grow(zones->v, zones->n, sizeof(char *));
    zones->v[zones->n++] = config_strdup(zone);
}

/* Why @item is none: an address may be there, and what follows it be no port. */
static void no_address(const struct target *t, struct str item)
{
    size_t colon = str_rindex(item, ':');
    struct netaddr ignored;
    bool one = colon != SIZE_MAX && colon && (str_index(item, ':') == colon || item.p[colon - 1] == ']');

    if (one && netaddr_parse(str_head(item, colon), 1, &ignored))
        config_problem(t->b, t->place, "%s: \"%.*s\" is no port; write one from 1 to 65535", t->o->key,
                       STR_ARG(str_tail(item, colon + 1)));
    else
        config_problem(t->b, t->place,
                       "%s: \"%.*s\" is not an IP address; write ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), no "
                       "names",
                       t->o->key, STR_ARG(item));
}

void config_parse_addresses(struct config_build *b, struct raw_section *section, const char *key, const char *text,
                            unsigned default_port)
{
    size_t options_n, i = 0;
    const struct option *o = config_section_options(section->id, &options_n);

    while (strcmp(o[i].key, key) != 0)
        i++;
    struct target t = target_of(b, section, &o[i], i);
    struct netaddr **addresses = t.field;
    size_t *n = (size_t *)(addresses + 1);
    struct str rest = str_from(text), item;
    while (next_item(&t, &rest, &item)) {
        struct netaddr address;
        struct str zone = t.o->type == OPT_ZONED ? take_zone(&item) : STR_NONE;
        if (!netaddr_parse(item, default_port, &address)) {
            no_address(&t, item);
            continue;
        }
        *addresses = config_grow(*addresses, *n, sizeof **addresses);
        (*addresses)[(*n)++] = address;
        if (t.o->type == OPT_ZONED) add_zone((struct str_list *)(n + 1), zone);
    }
}

/* --- one option --- */

void config_parse_value(struct config_build *b, struct raw_section *section, const struct option *o, size_t row)
{
    const struct raw_value *value = config_raw_value(section, row);
    char *text = value ? value->text : (char *)o->def;

    if (!text) return;
    struct target t = target_of(b, section, o, row);
    if (!*text) {
        config_problem(b, t.place, "%s has no value; write one, or remove the line for the default", o->key);
        return;
    }
    switch (o->type) {
    case OPT_HIDDEN:
    case OPT_TEXT: *(char **)t.field = text; break;
    case OPT_REGION:
        if (check_region(&t, text)) *(char **)t.field = text;
        break;
    case OPT_HOST:
        if (check_host(&t, text)) *(char **)t.field = config_keep_heap(b->raw, lower_dup(str_from(text)));
        break;
    case OPT_PATH:
    case OPT_DOCUMENT: *(char **)t.field = config_keep_heap(b->raw, config_path(b->s->file, text)); break;
    case OPT_KEY_ID:
    case OPT_SECRET: *(char **)t.field = config_secret(b, section, o->key, t.place, text); break;
    case OPT_SIZE:
    case OPT_UINT: parse_number(&t, text, false); break;
    case OPT_MS: parse_number(&t, text, true); break;
    case OPT_RATE: parse_rate(&t, text); break;
    case OPT_TIME: parse_time(&t, text); break;
    case OPT_BOOL: parse_bool(&t, text); break;
    case OPT_ENUM: parse_enum(&t, text); break;
    case OPT_LIST:
    case OPT_PATTERNS:
    case OPT_REGIONS:
    case OPT_HOSTS: parse_list(&t, text); break;
    case OPT_NETWORKS:
    case OPT_SOURCES: parse_networks(&t, text); break;
    case OPT_TAGS: parse_tags(&t, row); break;
    case OPT_ADDRESSES:
    case OPT_ZONED: break; /* config_parse_addresses, when the default port is known */
    case OPT_CLIENT:
    case OPT_ENDPOINT:
    case OPT_CREDENTIALS:
    case OPT_LINE: find_section(&t, text); break;
    case OPT_POLICIES:
    case OPT_GROUPS: find_sections(&t, text); break;
    }
}

static void free_list(struct str_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->v[i]);
    free(list->v);
}

void config_free_value(void *field, const struct option *o)
{
    if (!field) return;
    switch (o->type) {
    case OPT_LIST:
    case OPT_PATTERNS:
    case OPT_REGIONS:
    case OPT_HOSTS: free_list(field); break;
    case OPT_ADDRESSES: free(*(struct netaddr **)field); break;
    case OPT_ZONED:
        free(*(struct netaddr **)field);
        free_list((struct str_list *)((size_t *)((struct netaddr **)field + 1) + 1));
        break;
    case OPT_NETWORKS:
    case OPT_SOURCES: free(*(struct netblock **)field); break;
    case OPT_TAGS: free(*(void **)field); break;
    case OPT_POLICIES:
    case OPT_GROUPS: free(((struct section_list *)field)->v); break;
    case OPT_TEXT:
    case OPT_REGION:
    case OPT_HOST:
    case OPT_PATH:
    case OPT_DOCUMENT:
    case OPT_KEY_ID:
    case OPT_HIDDEN:
    case OPT_SECRET:
    case OPT_SIZE:
    case OPT_UINT:
    case OPT_MS:
    case OPT_RATE:
    case OPT_TIME:
    case OPT_BOOL:
    case OPT_ENUM:
    case OPT_CLIENT:
    case OPT_ENDPOINT:
    case OPT_CREDENTIALS:
    case OPT_LINE: break;
    }
}

/* --- back to text --- */

const char *config_time_text(int64_t s, char out[CONFIG_TIME_TEXT])
{
    time_t t = (time_t)s;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, CONFIG_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) out[0] = '\0';
    return out;
}

static void format_ms(uint64_t ms, FILE *out)
{
    if (ms % 1000 != 0)
        fprintf(out, "%" PRIu64 "ms", ms);
    else if (ms < 3600000 || ms % 60000 != 0)
        fprintf(out, "%" PRIu64 "s", ms / 1000);
    else
        fprintf(out, "%" PRIu64 "m", ms / 60000);
}

static bool format_time(int64_t s, FILE *out)
{
    char text[CONFIG_TIME_TEXT];

    if (s) fputs(config_time_text(s, text), out);
    return s != 0;
}

static void format_list(const struct str_list *list, FILE *out)
{
    for (size_t i = 0; i < list->n; i++)
        fprintf(out, "%s%s", i ? ", " : "", list->v[i]);
}

/* @zones: NULL if they have none. */
static void format_addresses(const struct netaddr *addresses, size_t n, const struct str_list *zones, FILE *out)
{
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < n; i++) {
        const char *zone = zones ? zones->v[i] : "";
        netaddr_format(&addresses[i], text);
        fprintf(out, "%s%s%s%s", i ? ", " : "", zone, *zone ? "=" : "", text);
    }
}

static void format_networks(const struct netblock *blocks, size_t n, FILE *out)
{
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < n; i++) {
        netaddr_format(&blocks[i].base, text);
        struct str ip = str_head(str_from(text), str_rindex(str_from(text), ':'));
        if (ip.p[0] == '[') ip = str_make(ip.p + 1, ip.n - 2);
        fprintf(out, "%s%.*s/%u", i ? ", " : "", STR_ARG(ip), blocks[i].bits);
    }
}

/* Where the secret is kept, if it is kept elsewhere. */
static const char *secret_text(const struct raw_section *section, const struct option *o)
{
    const char *text = config_text_of(section, o->key);

    return text && o->type == OPT_SECRET && is_known_elsewhere(o, text) ? text : "********";
}

/* What is kept as it is written; false: nothing is, and there is no default. */
static bool format_written(const struct raw_section *section, const struct option *o, FILE *out)
{
    const char *text = config_text_of(section, o->key);

    if (!text) text = o->def;
    if (text) fputs(text, out);
    return text != NULL;
}

static bool format_tags(const struct tag_list *tags, FILE *out)
{
    for (size_t i = 0; tags && i < tags->n; i++)
        fprintf(out, "%s%.*s=%.*s", i ? ", " : "", STR_ARG(tags->v[i].key), STR_ARG(tags->v[i].value));
    return tags != NULL;
}

bool config_format_value(const struct raw_section *section, const struct option *o, FILE *out)
{
    const void *field = config_field(section, o);
    const char *text = NULL;
    size_t n = 1;

    if (!field) return format_written(section, o, out);
    switch (o->type) {
    case OPT_HIDDEN:
    case OPT_SECRET: text = *(char *const *)field ? secret_text(section, o) : NULL; break;
    case OPT_TEXT:
    case OPT_REGION:
    case OPT_HOST:
    case OPT_PATH:
    case OPT_DOCUMENT:
    case OPT_KEY_ID: text = *(char *const *)field; break;
    case OPT_SIZE: fprintf(out, "%zu", *(const size_t *)field); return true;
    case OPT_UINT: fprintf(out, "%" PRIu64, *(const uint64_t *)field); return true;
    case OPT_MS: format_ms(*(const uint64_t *)field, out); return true;
    case OPT_RATE: config_format_rate(*(const uint64_t *)field, out); return true;
    case OPT_TIME: return format_time(*(const int64_t *)field, out);
    case OPT_BOOL: text = *(const bool *)field ? "yes" : "no"; break;
    case OPT_ENUM: text = o->choices[*(const unsigned *)field]; break;
    case OPT_LIST:
    case OPT_PATTERNS:
    case OPT_REGIONS:
    case OPT_HOSTS:
        n = ((const struct str_list *)field)->n;
        format_list(field, out);
        return n > 0;
    case OPT_ADDRESSES:
    case OPT_ZONED:
        n = *(const size_t *)((const char *)field + sizeof(void *));
        format_addresses(
            *(struct netaddr *const *)field, n,
            o->type == OPT_ZONED ? (const struct str_list *)((const char *)field + 2 * sizeof(void *)) : NULL, out);
        return n > 0;
    case OPT_NETWORKS:
    case OPT_SOURCES:
        n = *(const size_t *)((const char *)field + sizeof(void *));
        format_networks(*(struct netblock *const *)field, n, out);
        return n > 0;
    case OPT_CLIENT:
    case OPT_ENDPOINT:
    case OPT_CREDENTIALS:
    case OPT_LINE:
    case OPT_POLICIES:
    case OPT_GROUPS: return format_written(section, o, out);
    case OPT_TAGS: return format_tags(*(const struct tag_list *const *)field, out);
    }
    if (text) fputs(text, out);
    return text != NULL;
}
