/* SPDX-License-Identifier: Apache-2.0
 * properties.c: see policy/properties.h: how they are written, and which go together.
 */
#include "policy/properties.h"

#include <stdlib.h>

enum { TAG_KEY_MOST = 128, TAG_VALUE_MOST = 256, TAGS_MOST = 10 /* S3's */ };

static const struct {
    struct str word;
    bool has_value; /* NO_ACL has none */
} kinds[] = {
    [PROPERTY_ENCRYPTION] = {STR_INIT("encryption"), true},
    [PROPERTY_KMS_KEY] = {STR_INIT("kms_key"), true},
    [PROPERTY_STORAGE_CLASS] = {STR_INIT("storage_class"), true},
    [PROPERTY_TAG] = {STR_INIT("tag."), true},
    [PROPERTY_NO_ACL] = {STR_INIT("no_acl"), false},
};

const char *property_text(const struct property *p, char out[PROPERTY_TEXT])
{
    struct sbuf b = sbuf_make(out, PROPERTY_TEXT - 1);

    sbuf_printf(&b, "%.*s%.*s%s%.*s", STR_ARG(kinds[p->kind].word), STR_ARG(p->key), p->values.n ? "=" : "",
                STR_ARG(p->values));
    out[b.n] = '\0';
    return out;
}

/* --- reading them --- */

static bool is_among(struct str value, struct str values)
{
    struct str item;

    while (str_split(&values, '|', &item))
        if (str_eq(value, item)) return true;
    return false;
}

static bool is_storage_class(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '_') return false;
    return s.n > 0 && s.n <= 64;
}

/* Also the name of an alias; and other servers have keys of other names. */
static bool is_key(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f) return false;
    return s.n > 0 && s.n <= 2048;
}

static const char *value_fault(enum property_kind kind, struct str value)
{
    switch (kind) {
    case PROPERTY_ENCRYPTION:
        return is_among(value, STR("AES256|aws:kms|aws:kms:dsse")) ? NULL : "write AES256, aws:kms or aws:kms:dsse";
    case PROPERTY_KMS_KEY: return is_key(value) ? NULL : "write the key's ARN";
    case PROPERTY_STORAGE_CLASS: return is_storage_class(value) ? NULL : "write a storage class, like STANDARD_IA";
    case PROPERTY_TAG: return value.n <= TAG_VALUE_MOST ? NULL : "a tag's value has at most 256 characters";
    case PROPERTY_NO_ACL: break;
    }
    return NULL;
}

static enum err_code check_values(const struct property *p, struct str item, bool set, struct err *err)
{
    struct str values = p->values, value;
    const char *fault = NULL;

    if (set && str_index(values, '|') != SIZE_MAX)
        return err_set(err, ERR_CONFIG, 0, "%.*s: only one value can be set; write one", STR_ARG(item));
    while (!fault && str_split(&values, '|', &value))
        fault = value_fault(p->kind, value);
    return fault ? err_set(err, ERR_CONFIG, 0, "%.*s: %s", STR_ARG(str_head(item, 200)), fault) : ERR_NONE;
}

/* ARRAY_LEN(kinds): none. */
static size_t find_kind(struct str word)
{
    size_t kind = 0;

    while (kind < ARRAY_LEN(kinds) && !str_eq(word, kinds[kind].word) &&
           !(kind == PROPERTY_TAG && str_starts(word, kinds[kind].word)))
        kind++;
    return kind;
}

/* @has_value: there is a '='. */
static const char *shape_fault(const struct property *p, bool has_value, bool set)
{
    bool is_tag = p->kind == PROPERTY_TAG;

    if (is_tag && (p->key.n == 0 || p->key.n > TAG_KEY_MOST)) return "a tag's key has 1 to 128 characters";
    if (!kinds[p->kind].has_value) return has_value ? "it has no value; write the word alone" : NULL;
    return p->values.n || (is_tag && !set) ? NULL : "its value is missing; write it behind '='";
}

static enum err_code parse_item(struct str item, bool set, struct property *p, struct err *err)
{
    size_t equals = str_index(item, '=');
    struct str word = str_trim(str_head(item, equals));
    size_t kind = find_kind(word);
    const char *fault;

    if (kind == ARRAY_LEN(kinds))
        return err_set(err, ERR_CONFIG, 0,
                       "%.*s: there is no such property; write encryption=, kms_key=, storage_class=, tag.KEY= or "
                       "no_acl",
                       STR_ARG(str_head(item, 200)));
    *p = (struct property){.kind = (enum property_kind)kind};
    if (kind == PROPERTY_TAG) p->key = str_tail(word, kinds[kind].word.n);
    if (equals != SIZE_MAX) p->values = str_trim(str_tail(item, equals + 1));
    fault = shape_fault(p, equals != SIZE_MAX, set);
    if (fault) return err_set(err, ERR_CONFIG, 0, "%.*s: %s", STR_ARG(str_head(item, 200)), fault);
    return check_values(p, item, set, err);
}

static const struct property *find(const struct properties *all, enum property_kind kind, struct str key)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].kind == kind && str_eq(all->v[i].key, key)) return &all->v[i];
    return NULL;
}

static bool is_kms(struct str values)
{
    return str_find(values, STR("aws:kms")) != SIZE_MAX;
}

static enum err_code check_together(const struct properties *all, bool set, struct err *err)
{
    const struct property *encryption = find(all, PROPERTY_ENCRYPTION, STR_NONE);
    size_t tags = 0;

    for (size_t i = 0; i < all->n; i++)
        tags += all->v[i].kind == PROPERTY_TAG;
    if (tags > TAGS_MOST) return err_set(err, ERR_CONFIG, 0, "an object has at most %d tags", TAGS_MOST);
    if (find(all, PROPERTY_KMS_KEY, STR_NONE) && ((set && !encryption) || (encryption && !is_kms(encryption->values))))
        return err_set(err, ERR_CONFIG, 0, "kms_key goes with encryption=aws:kms; write that, too");
    return ERR_NONE;
}

enum err_code properties_parse(const struct str_list *texts, bool set, struct properties *out, struct err *err)
{
    enum err_code code = ERR_NONE;

    *out = (struct properties){.v = calloc(texts->n + 1, sizeof(*out->v))};
    if (!out->v) return err_set(err, ERR_NO_MEMORY, 0, "properties");
    for (size_t i = 0; i < texts->n && code == ERR_NONE; i++) {
        struct property p;

        code = parse_item(str_from(texts->v[i]), set, &p, err);
        if (code == ERR_NONE && find(out, p.kind, p.key))
            code = err_set(err, ERR_CONFIG, 0, "%.200s: it is written twice; remove one", texts->v[i]);
        if (code == ERR_NONE) out->v[out->n++] = p;
    }
    if (code == ERR_NONE) code = check_together(out, set, err);
    if (code != ERR_NONE) properties_clear(out);
    return code;
}

bool properties_forbid_acl(const struct properties *p)
{
    return find(p, PROPERTY_NO_ACL, STR_NONE) != NULL;
}

void properties_clear(struct properties *p)
{
    free(p->v);
    *p = (struct properties){0};
}

/* --- which go together --- */

const struct property *properties_refused(const struct properties *set, const struct properties *require)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct property *other = find(require, set->v[i].kind, set->v[i].key);

        if (other && other->values.n && !is_among(set->v[i].values, other->values)) return &set->v[i];
    }
    return NULL;
}

const struct property *properties_differ(const struct properties *a, const struct properties *b)
{
    const struct property *key = find(b, PROPERTY_KMS_KEY, STR_NONE), *encryption;

    for (size_t i = 0; i < a->n; i++) {
        const struct property *other = find(b, a->v[i].kind, a->v[i].key);

        if (other && !str_eq(a->v[i].values, other->values)) return &a->v[i];
    }
    encryption = find(a, PROPERTY_ENCRYPTION, STR_NONE);
    return key && encryption && !is_kms(encryption->values) ? encryption : NULL;
}
