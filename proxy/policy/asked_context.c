/* SPDX-License-Identifier: Apache-2.0
 * asked_context.c: what a request says of itself, for conditions: nothing is read or written before a statement asks.
 * Source: AWS Service Authorization Reference, "Condition keys for Amazon S3"; IAM User Guide, "AWS global condition
 * context keys".
 */
#include "asked_impl.h"

#include "aws/sign/sigv4.h"

#include <stdio.h>
#include <time.h>

enum { DAY_MS = 86400 * 1000 };

/* Keys that are a field's value. */
static const struct {
    enum policy_key key;
    enum asked_field field;
} of_fields[] = {
    {POLICY_KEY_ACL, ASKED_ACL},
    {POLICY_KEY_GRANT_FULL_CONTROL, ASKED_GRANT_FULL_CONTROL},
    {POLICY_KEY_GRANT_READ, ASKED_GRANT_READ},
    {POLICY_KEY_GRANT_READ_ACP, ASKED_GRANT_READ_ACP},
    {POLICY_KEY_GRANT_WRITE, ASKED_GRANT_WRITE},
    {POLICY_KEY_GRANT_WRITE_ACP, ASKED_GRANT_WRITE_ACP},
    {POLICY_KEY_METADATA_DIRECTIVE, ASKED_METADATA_DIRECTIVE},
    {POLICY_KEY_SSE, ASKED_SSE},
    {POLICY_KEY_SSE_KMS_KEY_ID, ASKED_SSE_KMS_KEY_ID},
    {POLICY_KEY_SSE_C_ALGORITHM, ASKED_SSE_C_ALGORITHM},
    {POLICY_KEY_STORAGE_CLASS, ASKED_STORAGE_CLASS},
    {POLICY_KEY_WEBSITE_REDIRECT, ASKED_WEBSITE_REDIRECT},
    {POLICY_KEY_OBJECT_OWNERSHIP, ASKED_OBJECT_OWNERSHIP},
    {POLICY_KEY_LOCK_MODE, ASKED_LOCK_MODE},
    {POLICY_KEY_LOCK_RETAIN_UNTIL, ASKED_LOCK_RETAIN_UNTIL},
    {POLICY_KEY_LOCK_LEGAL_HOLD, ASKED_LOCK_LEGAL_HOLD},
};

/* Keys that are another header's value, or a parameter of lists. */
static const struct {
    enum policy_key key;
    struct str name;
} of_headers[] = {{POLICY_KEY_REFERER, STR_INIT("referer")},
                  {POLICY_KEY_USER_AGENT, STR_INIT("user-agent")},
                  {POLICY_KEY_IF_MATCH, STR_INIT("if-match")},
                  {POLICY_KEY_IF_NONE_MATCH, STR_INIT("if-none-match")}},
  of_lists[] = {{POLICY_KEY_PREFIX, STR_INIT("prefix")},
                {POLICY_KEY_DELIMITER, STR_INIT("delimiter")},
                {POLICY_KEY_MAX_KEYS, STR_INIT("max-keys")}};

static struct str text(struct asked *a, const char *z)
{
    struct str s = arena_dup(a->arena, str_from(z));

    if (!s.p) a->failed = true;
    return s;
}

static struct str decimal(struct asked *a, int64_t n)
{
    char z[24];

    snprintf(z, sizeof(z), "%lld", (long long)n);
    return text(a, z);
}

static struct str iso_8601(struct asked *a, int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    char z[32];

    if (!gmtime_r(&t, &tm) || !strftime(z, sizeof(z), "%Y-%m-%dT%H:%M:%SZ", &tm)) return STR_NONE;
    return text(a, z);
}

/* --- what takes more than a look --- */

static bool read_number(struct str s, size_t at, size_t n, int *out)
{
    uint64_t v;

    if (!str_to_u64(str_head(str_tail(s, at), n), &v)) return false;
    *out = (int)v;
    return true;
}

/* "2030-01-02T03:04:05Z", with or without a fraction. */
static bool read_iso_8601(struct str s, int64_t *unix_s)
{
    struct tm tm = {.tm_isdst = 0};

    if (s.n < sizeof("2030-01-02T03:04:05Z") - 1 || s.p[s.n - 1] != 'Z') return false;
    if (!read_number(s, 0, 4, &tm.tm_year) || !read_number(s, 5, 2, &tm.tm_mon) || !read_number(s, 8, 2, &tm.tm_mday))
        return false;
    if (!read_number(s, 11, 2, &tm.tm_hour) || !read_number(s, 14, 2, &tm.tm_min) || !read_number(s, 17, 2, &tm.tm_sec))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *unix_s = timegm(&tm);
    return true;
}

/* Days that are left, begun ones counted. */
static struct str remaining_days(struct asked *a)
{
    int64_t until_s, left_ms;

    if (!read_iso_8601(a->said[ASKED_LOCK_RETAIN_UNTIL], &until_s)) return STR_NONE;
    left_ms = until_s * 1000 - a->now_ms;
    return decimal(a, left_ms > 0 ? (left_ms + DAY_MS - 1) / DAY_MS : 0);
}

/* BUCKET/KEY of a copy's source, in one spelling. */
static struct str copy_source(struct asked *a)
{
    struct str value = a->said[ASKED_COPY_SOURCE];
    struct asked_source s;

    if (!value.p) return STR_NONE;
    return asked_read_source(a, value, &s) ? s.plain : value;
}

static struct str signature_age(struct asked *a)
{
    int64_t signed_s, age_ms;

    if (!sigv4_parse_date(a->signed_at, &signed_s)) return STR_NONE;
    age_ms = a->now_ms - signed_s * 1000;
    return decimal(a, age_ms > 0 ? age_ms : 0);
}

/* Without port and brackets. */
static struct str source_ip(struct asked *a)
{
    char z[NETADDR_TEXT];
    struct str whole, ip;

    if (!a->peer) return STR_NONE;
    netaddr_format(a->peer, z);
    whole = str_from(z);
    ip = str_head(whole, str_rindex(whole, ':'));
    if (ip.n && ip.p[0] == '[') ip = str_make(ip.p + 1, ip.n - 2);
    ip = arena_dup(a->arena, ip);
    if (!ip.p) a->failed = true;
    return ip.n ? ip : STR_NONE;
}

static struct str from_table(struct asked *a, enum policy_key key)
{
    bool is_list = !a->key.n && a->bucket.n;

    for (size_t i = 0; i < ARRAY_LEN(of_fields); i++)
        if (of_fields[i].key == key) return a->said[of_fields[i].field];
    for (size_t i = 0; i < ARRAY_LEN(of_headers); i++) {
        const struct header *h = of_headers[i].key == key ? headers_find_name(a->fields, of_headers[i].name) : NULL;

        if (h) return h->value;
    }
    for (size_t i = 0; is_list && i < ARRAY_LEN(of_lists); i++)
        if (of_lists[i].key == key) return asked_parameter(a, of_lists[i].name);
    return STR_NONE;
}

static struct str value_of(struct asked *a, enum policy_key key)
{
    switch (key) {
    case POLICY_KEY_CURRENT_TIME: return iso_8601(a, a->now_ms / 1000);
    case POLICY_KEY_SOURCE_IP: return source_ip(a);
    case POLICY_KEY_EPOCH_TIME: return decimal(a, a->now_ms / 1000);
    case POLICY_KEY_SIGNATURE_AGE: return signature_age(a);
    case POLICY_KEY_LOCK_REMAINING_DAYS: return remaining_days(a);
    case POLICY_KEY_COPY_SOURCE: return copy_source(a);
    default: return from_table(a, key);
    }
}

/* --- tags that a request gives: x-amz-tagging, as a query --- */

static struct str decode_tag(struct asked *a, struct str encoded)
{
    struct sbuf b = arena_sbuf(a->arena, encoded.n + 1);

    if (!b.cap) a->failed = true;
    return b.cap && uri_decode(encoded, true, b.p, &b.n) ? sbuf_str(&b) : encoded;
}

/* More tags than that S3 takes from nobody. */
static size_t read_tags(struct asked *a, struct query_param tags[POLICY_VALUES_MOST])
{
    size_t n = query_split(a->said[ASKED_TAGGING], tags, POLICY_VALUES_MOST);

    if (n > POLICY_VALUES_MOST) a->failed = true;
    return n > POLICY_VALUES_MOST ? POLICY_VALUES_MOST : n;
}

static size_t tag_keys(struct asked *a, struct str *v)
{
    struct query_param tags[POLICY_VALUES_MOST];
    size_t n = read_tags(a, tags);

    for (size_t i = 0; i < n; i++)
        v[i] = decode_tag(a, tags[i].name);
    return n;
}

static size_t tag_value(struct asked *a, struct str name, struct str *v)
{
    struct query_param tags[POLICY_VALUES_MOST];
    size_t n = read_tags(a, tags);

    for (size_t i = 0; i < n; i++) {
        if (!str_eq_nocase(decode_tag(a, tags[i].name), name)) continue;
        *v = decode_tag(a, tags[i].value);
        return 1;
    }
    return 0;
}

/* --- all keys --- */

static struct str or_none(struct str s)
{
    return s.n ? s : STR_NONE;
}

/* What is there already. False: it must be made. */
static bool at_hand(const struct asked *a, enum policy_key key, struct str *out)
{
    switch (key) {
    case POLICY_KEY_SECURE_TRANSPORT: *out = a->tls ? STR("true") : STR("false"); return true;
    case POLICY_KEY_TLS_VERSION: *out = or_none(a->tls_version); return true;
    case POLICY_KEY_USERNAME:
    case POLICY_KEY_USER_ID: *out = a->client; return true;
    case POLICY_KEY_REQUESTED_REGION: *out = or_none(a->region); return true;
    case POLICY_KEY_AUTH_TYPE: *out = or_none(a->auth_type); return true;
    case POLICY_KEY_SIGNATURE_VERSION: *out = or_none(a->signature_version); return true;
    case POLICY_KEY_CONTENT_SHA256: *out = or_none(a->content_sha256); return true;
    case POLICY_KEY_VERSION_ID: *out = a->version; return true;
    case POLICY_KEY_LOCATION_CONSTRAINT: *out = or_none(a->location); return true;
    default: return false;
    }
}

size_t asked_values(const struct policy_context *c, enum policy_key key, struct str name, struct str *v)
{
    struct asked *a = (struct asked *)(uintptr_t)c; /* only what it remembers changes */

    if (key == POLICY_KEY_REQUEST_OBJECT_TAG) return tag_value(a, name, v);
    if (key == POLICY_KEY_REQUEST_OBJECT_TAG_KEYS) return tag_keys(a, v);
    if (key == POLICY_KEY_PRINCIPAL_TAG) {
        *v = a->tag ? a->tag(a->who, name) : STR_NONE;
        return v->p != NULL;
    }
    if (!at_hand(a, key, v)) {
        if (!a->made[key].p) a->made[key] = value_of(a, key);
        *v = a->made[key];
    }
    return v->p != NULL;
}
