/* SPDX-License-Identifier: Apache-2.0
 * properties_apply.c: see policy/properties.h: what a request says, what is put into it, and what it lacks.
 */
#include "policy/properties.h"

#include "http/uri.h"

static const struct str field_names[] = {
#define X(id, name) [PROPERTY_FIELD_##id] = STR_INIT(name),
    PROPERTY_FIELDS(X)
#undef X
};

enum property_field property_field_of(struct str name)
{
    size_t f = 0;

    if (!str_starts_nocase(name, STR("x-amz-"))) return PROPERTY_FIELDS_N;
    while (f < PROPERTY_FIELDS_N && !str_eq_nocase(name, field_names[f]) &&
           !(f == PROPERTY_FIELD_GRANT && str_starts_nocase(name, field_names[f])))
        f++;
    return (enum property_field)f;
}

struct str property_field_name(enum property_field f)
{
    return field_names[f];
}

bool property_acl_is_harmless(struct str acl)
{
    static const struct str harmless[] = {STR_INIT(""), STR_INIT("private"), STR_INIT("bucket-owner-read"),
                                          STR_INIT("bucket-owner-full-control")};

    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (str_eq(acl, harmless[i])) return true;
    return false;
}

/* --- tags: key=value&key=value, as in a query --- */

static bool decode(struct str raw, char *out, struct str *decoded)
{
    size_t n;

    if (!uri_decode(raw, true, out, &n)) return false;
    *decoded = str_make(out, n);
    return true;
}

/* Is it @key once decoded? What cannot be decoded is no tag of any key; S3 refuses it. */
static bool is_tag(struct str item, struct str key, struct str *value)
{
    char text[3 * 512];
    size_t equals = str_index(item, '=');
    struct str raw = str_head(item, equals), decoded;

    *value = equals == SIZE_MAX ? STR_NONE : str_tail(item, equals + 1);
    return raw.n <= sizeof(text) && decode(raw, text, &decoded) && str_eq(decoded, key);
}

/* The tag of that key is there once, with one of @values. */
static bool has_tag(struct str tagging, struct str key, struct str values)
{
    struct str item, value;
    unsigned found = 0;
    bool fits = false;

    while (str_split(&tagging, '&', &item)) {
        char text[3 * 1024];
        struct str decoded, one, rest = values;

        if (!is_tag(item, key, &value)) continue;
        found++;
        if (value.n > sizeof(text) || !decode(value, text, &decoded)) return false;
        fits = values.n == 0;
        while (!fits && str_split(&rest, '|', &one))
            fits = str_eq(decoded, one);
    }
    return found == 1 && fits;
}

/* @value with the client's name in place of "{client}", encoded. */
static void put_value(struct sbuf *b, struct str value, struct str client)
{
    static const struct str mark = STR_INIT("{client}");
    size_t at = str_find(value, mark);

    while (at != SIZE_MAX) {
        uri_encode(b, str_head(value, at), false);
        uri_encode(b, client, false);
        value = str_tail(value, at + mark.n);
        at = str_find(value, mark);
    }
    uri_encode(b, value, false);
}

/* --- setting --- */

static void change(struct property_values *values, enum property_field f, struct str value)
{
    if (values->there[f] == 1 && str_eq(values->v[f], value)) return;
    values->v[f] = value;
    values->there[f] = 1;
    values->changed[f] = true;
}

static void take_away(struct property_values *values, enum property_field f)
{
    if (!values->there[f]) return;
    values->there[f] = 0;
    values->v[f] = STR_NONE;
    values->changed[f] = true;
}

static enum err_code set_encryption(struct property_values *values, struct str value, struct err *err)
{
    if (values->there[PROPERTY_FIELD_OWN_KEY])
        return err_set(err, ERR_POLICY_DENIED, 0, "it must be encrypted with %.*s, not with a key of its own (SSE-C)",
                       STR_ARG(value));
    change(values, PROPERTY_FIELD_SSE, value);
    if (!str_eq(value, STR("AES256"))) return ERR_NONE;
    take_away(values, PROPERTY_FIELD_KMS_KEY);
    take_away(values, PROPERTY_FIELD_KMS_CONTEXT);
    take_away(values, PROPERTY_FIELD_KMS_BUCKET_KEY);
    return ERR_NONE;
}

/* Without this S3 takes the source's tags, and no other. */
static void replace_tags(struct property_values *values)
{
    if (!values->is_copy || str_eq(values->v[PROPERTY_FIELD_TAGGING_DIRECTIVE], STR("REPLACE"))) return;
    take_away(values, PROPERTY_FIELD_TAGGING);
    change(values, PROPERTY_FIELD_TAGGING_DIRECTIVE, STR("REPLACE"));
}

/* Beside what the client says of other tags. */
static enum err_code set_tag(const struct property *p, struct str client, struct arena *arena,
                             struct property_values *values, struct err *err)
{
    struct str rest, item, ignored;
    struct sbuf b;

    replace_tags(values);
    rest = values->v[PROPERTY_FIELD_TAGGING];
    b = arena_sbuf(arena, rest.n + 3 * (p->key.n + p->values.n + p->values.n / 8 * client.n) + 3);
    while (str_split(&rest, '&', &item)) {
        if (!item.n || is_tag(item, p->key, &ignored)) continue;
        sbuf_add(&b, item);
        sbuf_char(&b, '&');
    }
    uri_encode(&b, p->key, false);
    sbuf_char(&b, '=');
    put_value(&b, p->values, client);
    if (b.overflow) return err_set(err, ERR_NO_MEMORY, 0, "tags");
    change(values, PROPERTY_FIELD_TAGGING, sbuf_str(&b));
    return ERR_NONE;
}

enum err_code properties_set(const struct properties *set, struct str client, struct arena *arena,
                             struct property_values *values, struct err *err)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct property *p = &set->v[i];

        switch (p->kind) {
        case PROPERTY_ENCRYPTION: TRY(set_encryption(values, p->values, err)); break;
        case PROPERTY_KMS_KEY: change(values, PROPERTY_FIELD_KMS_KEY, p->values); break;
        case PROPERTY_STORAGE_CLASS: change(values, PROPERTY_FIELD_STORAGE_CLASS, p->values); break;
        case PROPERTY_TAG: TRY(set_tag(p, client, arena, values, err)); break;
        case PROPERTY_NO_ACL:
            take_away(values, PROPERTY_FIELD_ACL);
            take_away(values, PROPERTY_FIELD_GRANT);
            break;
        }
    }
    return ERR_NONE;
}

/* --- requiring --- */

static bool has_one_of(const struct property_values *values, enum property_field f, struct str wanted)
{
    struct str item;

    while (values->there[f] == 1 && str_split(&wanted, '|', &item))
        if (str_eq(values->v[f], item)) return true;
    return false;
}

/* What says nothing is STANDARD; of copies, too. */
static bool has_class(const struct property_values *values, struct str wanted)
{
    struct property_values plain = {.v[PROPERTY_FIELD_STORAGE_CLASS] = STR("STANDARD"),
                                    .there[PROPERTY_FIELD_STORAGE_CLASS] = 1};

    return has_one_of(values->there[PROPERTY_FIELD_STORAGE_CLASS] ? values : &plain, PROPERTY_FIELD_STORAGE_CLASS,
                      wanted);
}

static bool has_tags(const struct property_values *values, const struct property *p)
{
    if (values->is_copy && !has_one_of(values, PROPERTY_FIELD_TAGGING_DIRECTIVE, STR("REPLACE"))) return false;
    return values->there[PROPERTY_FIELD_TAGGING] == 1 && has_tag(values->v[PROPERTY_FIELD_TAGGING], p->key, p->values);
}

static bool has(const struct property *p, const struct property_values *values)
{
    switch (p->kind) {
    case PROPERTY_ENCRYPTION: return has_one_of(values, PROPERTY_FIELD_SSE, p->values);
    case PROPERTY_KMS_KEY: return has_one_of(values, PROPERTY_FIELD_KMS_KEY, p->values);
    case PROPERTY_STORAGE_CLASS: return has_class(values, p->values);
    case PROPERTY_TAG: return has_tags(values, p);
    case PROPERTY_NO_ACL: break;
    }
    return !values->there[PROPERTY_FIELD_GRANT] &&
           (!values->there[PROPERTY_FIELD_ACL] || property_acl_is_harmless(values->v[PROPERTY_FIELD_ACL]));
}

const struct property *properties_missing(const struct properties *require, const struct property_values *values)
{
    for (size_t i = 0; i < require->n; i++)
        if (!has(&require->v[i], values)) return &require->v[i];
    return NULL;
}
