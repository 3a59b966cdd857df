/* SPDX-License-Identifier: Apache-2.0
 * sigv2.c: AWS Signature Version 2 for S3: what a signature covers, and whether one is right. Pure; any thread.
 * Owns nothing: text goes into the caller's arena.
 * Source: Amazon S3 Developer Guide (API version 2006-03-01), "Signing and authenticating REST requests". Where it is
 * silent (escapes in values, empty values, x-amz-* in the query) what clients do decides; they are named below.
 *
 *     method, three headers, x-amz-*, /bucket/path?sub-resources ─▶ string to sign ─▶ HMAC-SHA-1 with the secret ─▶
 * base64
 */
#include "aws/sign/sigv2.h"

#include "base/encode.h"
#include "base/secret.h"

#include <stdlib.h>

enum {
    SHA1_BASE64 = 28,
    NAME_CAP = 512, /* encoded bytes: a longer name of a query parameter is none that is known here */
};
#define MAX_EXPIRES_S INT64_C(253402300799) /* end of the year 9999 */

static enum err_code default_text(struct err *err, enum err_code code)
{
    return err_set(err, code, 0, "%s", err_info(code)->text);
}

/* Printable ASCII without spaces, and some of it. */
static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~') return false;
    return s.n > 0;
}

/* ---- names of query parameters ---- */

/* Both sorted bytewise. Covered: the documented list and what botocore adds to it. A name must not be taken off: what
 * is not covered is refused or harmless. None must be added that clients do not sign: their requests would not verify.
 */
static const struct str covered_names[] = {
    STR_INIT("accelerate"),
    STR_INIT("acl"),
    STR_INIT("analytics"),
    STR_INIT("cors"),
    STR_INIT("defaultObjectAcl"),
    STR_INIT("delete"),
    STR_INIT("inventory"),
    STR_INIT("lifecycle"),
    STR_INIT("location"),
    STR_INIT("logging"),
    STR_INIT("metrics"),
    STR_INIT("notification"),
    STR_INIT("object-lock"),
    STR_INIT("partNumber"),
    STR_INIT("policy"),
    STR_INIT("replication"),
    STR_INIT("requestPayment"),
    STR_INIT("response-cache-control"),
    STR_INIT("response-content-disposition"),
    STR_INIT("response-content-encoding"),
    STR_INIT("response-content-language"),
    STR_INIT("response-content-type"),
    STR_INIT("response-expires"),
    STR_INIT("restore"),
    STR_INIT("select"),
    STR_INIT("select-type"),
    STR_INIT("storageClass"),
    STR_INIT("tagging"),
    STR_INIT("torrent"),
    STR_INIT("uploadId"),
    STR_INIT("uploads"),
    STR_INIT("versionId"),
    STR_INIT("versioning"),
    STR_INIT("versions"),
    STR_INIT("website"),
};

/* Parameters of the List operations; "x-id" has no effect. */
static const struct str harmless_names[] = {
    STR_INIT("bucket-region"),      STR_INIT("continuation-token"),
    STR_INIT("delimiter"),          STR_INIT("encoding-type"),
    STR_INIT("fetch-owner"),        STR_INIT("key-marker"),
    STR_INIT("list-type"),          STR_INIT("marker"),
    STR_INIT("max-buckets"),        STR_INIT("max-keys"),
    STR_INIT("max-parts"),          STR_INIT("max-uploads"),
    STR_INIT("part-number-marker"), STR_INIT("prefix"),
    STR_INIT("start-after"),        STR_INIT("upload-id-marker"),
    STR_INIT("version-id-marker"),  STR_INIT("x-id"),
};

static const struct str *find_name(const struct str *sorted, size_t n, struct str name)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(name, sorted[middle]);
        if (order == 0) return &sorted[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* "%75ploads" is "uploads" to S3, too. Empty if it cannot be decoded or is too long. */
static struct str decode_name(struct str encoded, char buf[NAME_CAP])
{
    size_t n;

    if (encoded.n > NAME_CAP || !uri_decode(encoded, true, buf, &n)) return STR_NONE;
    return str_make(buf, n);
}

/* As in the table, or NULL. */
static const struct str *covered_name(struct str encoded)
{
    char buf[NAME_CAP];

    return find_name(covered_names, ARRAY_LEN(covered_names), decode_name(encoded, buf));
}

bool sigv2_is_covered(struct str encoded_name)
{
    return covered_name(encoded_name) != NULL;
}

bool sigv2_is_harmless(struct str encoded_name)
{
    char buf[NAME_CAP];

    return find_name(harmless_names, ARRAY_LEN(harmless_names), decode_name(encoded_name, buf)) != NULL;
}

/* botocore and the JavaScript SDK (version 2) put copies of the two content headers into URLs that they sign. */
bool sigv2_is_auth_param(const struct query_param *p)
{
    char buf[NAME_CAP];
    struct str name = decode_name(p->name, buf);

    return str_eq(name, STR("AWSAccessKeyId")) || str_eq(name, STR("Expires")) || str_eq(name, STR("Signature")) ||
           str_eq_nocase(name, STR("x-amz-security-token")) || str_eq_nocase(name, STR("content-type")) ||
           str_eq_nocase(name, STR("content-md5"));
}

bool sigv2_is_in_query(const struct query_param *params, size_t n)
{
    char buf[NAME_CAP];

    for (size_t i = 0; i < n; i++) {
        struct str name = decode_name(params[i].name, buf);
        if (str_eq(name, STR("AWSAccessKeyId")) || str_eq(name, STR("Signature"))) return true;
    }
    return false;
}

/* True for x-amz-* names that a header could have. A ':' or line feed in a name would make it pass for other lines of
 * the string: "x-amz-acl:private\nx-amz-meta-a". */
static bool is_amz_name(struct str plain)
{
    return header_is_amz(plain) && is_word(plain) && str_index(plain, ':') == SIZE_MAX;
}

/* S3 honours x-amz-acl and others in the query. One that we judge by its header would slip past us there. */
static enum err_code check_amz_param(struct str name, bool query_form, struct err *err)
{
    if (query_form && header_id_of(name) == HDR_OTHER) return ERR_NONE;
    return err_set(err, ERR_PARAM_NOT_SIGNED, 0,
                   "The query parameter \"%.*s\" must be sent as a header with Signature Version 2.",
                   STR_ARG(str_head(name, 64)));
}

enum err_code sigv2_check_params(const struct query_param *params, size_t n, bool query_form, struct err *err)
{
    char buf[NAME_CAP];

    for (size_t i = 0; i < n; i++) {
        struct str name = params[i].name, plain = decode_name(name, buf);
        if (sigv2_is_covered(name) || sigv2_is_harmless(name) || sigv2_is_auth_param(&params[i])) continue;
        if (!is_amz_name(plain))
            return err_set(err, ERR_PARAM_NOT_SIGNED, 0,
                           "The query parameter \"%.*s\" is not covered by a Signature Version 2; use Version 4.",
                           STR_ARG(str_head(name, 64)));
        TRY(check_amz_param(plain, query_form, err));
    }
    return ERR_NONE;
}

/* ---- values of query parameters ---- */

/* Views @encoded itself where there is nothing to decode. Control bytes are refused: a value with a line feed in it
 * could pass for other lines of the string. */
static enum err_code decode_value(struct str encoded, bool plus_is_space, struct arena *arena, struct str *out)
{
    *out = encoded;
    if (str_index(encoded, '%') != SIZE_MAX || str_index(encoded, '+') != SIZE_MAX) {
        char *plain = arena_alloc(arena, encoded.n);
        if (!plain) return ERR_NO_MEMORY;
        if (!uri_decode(encoded, plus_is_space, plain, &out->n)) return ERR_BAD_URI;
        out->p = plain;
    }
    for (size_t i = 0; i < out->n; i++)
        if ((unsigned char)out->p[i] < ' ' || out->p[i] == 0x7f) return ERR_BAD_URI;
    return ERR_NONE;
}

/* "1&uploadId=x" as the value of partNumber gives the same string as the two parameters that a client signed, but is
 * another request. Only '&' with a covered name behind it is refused: file names in response-content-disposition may
 * hold an '&'. */
static bool reads_as_two(struct str value)
{
    struct str item;
    bool first = true;

    for (; str_split(&value, '&', &item); first = false) {
        struct str name = str_head(item, str_index(item, '='));
        if (!first && find_name(covered_names, ARRAY_LEN(covered_names), name)) return true;
    }
    return false;
}

/* ---- where the client's identity stands ---- */

enum err_code sigv2_parse_header(struct str authorization, struct sigv2_auth *out, struct err *err)
{
    static const struct str scheme = STR_INIT("AWS ");
    struct str rest = str_trim(str_tail(authorization, scheme.n));
    size_t colon = str_rindex(rest, ':');

    *out = (struct sigv2_auth){.access_key = STR_NONE};
    if (!str_starts(authorization, scheme) || colon == SIZE_MAX) return default_text(err, ERR_AUTH_V2_HEADER);
    out->access_key = str_head(rest, colon);
    out->signature = str_tail(rest, colon + 1);
    if (!is_word(out->access_key) || !is_word(out->signature)) return default_text(err, ERR_AUTH_V2_HEADER);
    return ERR_NONE;
}

/* The decoded value of the one parameter @name. */
static enum err_code take_once(const struct query_param *params, size_t n, struct str name, struct arena *arena,
                               struct str *out, struct err *err)
{
    char buf[NAME_CAP];
    size_t seen = 0;

    for (size_t i = 0; i < n; i++) {
        if (!str_eq(decode_name(params[i].name, buf), name)) continue;
        if (seen++) return default_text(err, ERR_AUTH_V2_QUERY);
        enum err_code code = decode_value(params[i].value, false, arena, out);
        if (code == ERR_NO_MEMORY) return default_text(err, code);
        if (code != ERR_NONE || !is_word(*out)) return default_text(err, ERR_AUTH_V2_QUERY);
    }
    return seen ? ERR_NONE : default_text(err, ERR_AUTH_V2_QUERY);
}

enum err_code sigv2_parse_query(const struct query_param *params, size_t n, struct arena *arena, struct sigv2_auth *out,
                                struct str *expires, int64_t *expires_s, struct err *err)
{
    uint64_t value;

    *out = (struct sigv2_auth){.access_key = STR_NONE};
    TRY(take_once(params, n, STR("AWSAccessKeyId"), arena, &out->access_key, err));
    TRY(take_once(params, n, STR("Signature"), arena, &out->signature, err));
    TRY(take_once(params, n, STR("Expires"), arena, expires, err));
    if (!str_to_u64(*expires, &value) || value > (uint64_t)MAX_EXPIRES_S)
        return err_set(err, ERR_AUTH_V2_EXPIRES, 0, "%s: %.*s", err_info(ERR_AUTH_V2_EXPIRES)->text,
                       STR_ARG(str_head(*expires, 64)));
    *expires_s = (int64_t)value;
    return ERR_NONE;
}

/* ---- what is signed by name ---- */

/* An x-amz-* line, or a sub-resource. */
struct field {
    struct str name, value;
    bool has_value;
    size_t order; /* in which it was sent */
};

struct fields {
    struct field *v; /* in the arena */
    size_t n;
};

static enum err_code fields_make(struct fields *f, size_t max, struct arena *arena)
{
    f->n = 0;
    f->v = NULL;
    if (max == 0) return ERR_NONE;
    if (max <= SIZE_MAX / sizeof(*f->v)) f->v = arena_alloc(arena, max * sizeof(*f->v));
    return f->v ? ERR_NONE : ERR_NO_MEMORY;
}

static void fields_add(struct fields *f, struct str name, struct str value, bool has_value)
{
    ASSERT(f->v);
    f->v[f->n] = (struct field){name, value, has_value, f->n};
    f->n++;
}

/* By name; equal names stay in the order in which they were sent, so that this order is signed, too. */
static int field_cmp(const void *a, const void *b)
{
    const struct field *x = a, *y = b;
    int order = str_cmp(x->name, y->name);

    if (order) return order;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void fields_sort(struct fields *f)
{
    if (f->n > 1) qsort(f->v, f->n, sizeof(*f->v), field_cmp);
}

static size_t fields_cap(const struct fields *f)
{
    size_t cap = 0;

    for (size_t i = 0; i < f->n; i++)
        cap += f->v[i].name.n + f->v[i].value.n + 2;
    return cap;
}

static enum err_code add_amz(struct fields *f, struct str name, struct str value, struct arena *arena)
{
    struct sbuf lower = arena_sbuf(arena, name.n);

    sbuf_lower(&lower, name);
    if (lower.overflow) return ERR_NO_MEMORY;
    fields_add(f, sbuf_str(&lower), str_trim(value), true);
    return ERR_NONE;
}

/* Who signs a URL has no headers to put x-amz-* into: botocore, boto and the JavaScript SDK sign them as header lines
 * and write them into the query. */
static enum err_code add_amz_params(struct fields *f, const struct sigv2_input *in, struct arena *arena)
{
    char buf[NAME_CAP];

    for (size_t i = 0; i < in->query_n; i++) {
        struct str name = decode_name(in->query[i].name, buf), value;
        if (!header_is_amz(name)) continue;
        if (!is_amz_name(name)) return ERR_BAD_URI;
        TRY(decode_value(in->query[i].value, true, arena, &value));
        TRY(add_amz(f, name, value, arena));
    }
    return ERR_NONE;
}

static enum err_code collect_amz(const struct sigv2_input *in, struct arena *arena, struct fields *out)
{
    bool query_form = in->expires.n > 0;

    TRY(fields_make(out, in->headers->n + (query_form ? in->query_n : 0), arena));
    for (size_t i = 0; i < in->headers->n; i++) {
        const struct header *h = &in->headers->v[i];
        if (header_is_amz(h->name)) TRY(add_amz(out, h->name, h->value, arena));
    }
    if (query_form) TRY(add_amz_params(out, in, arena));
    fields_sort(out);
    return ERR_NONE;
}

/* Ways in which clients write one and the same request. Each covers all that the documented one covers. */
struct variant {
    /* Values of sub-resources. Decoded, and without '=' if there is none: botocore and boto (values), rclone and
     * minio-go (both), and what Ceph and Swift expect. As sent: s3cmd and the JavaScript SDK (version 2), to which
     * escapes and an empty value after '=' matter. As the identifiers that S3 gives out hold no '%', no string is one
     * request when decoded and another, that S3 would understand, as sent. */
    bool as_sent;
    /* "/bucket" becomes "/bucket/", which is the same to S3: botocore sends the one and signs the other. */
    bool add_slash;
};

/* "when you sign, you do not encode these values": in either form. */
static bool is_response_override(struct str plain_name)
{
    return str_starts(plain_name, STR("response-"));
}

static enum err_code collect_resources(const struct sigv2_input *in, bool as_sent, struct arena *arena,
                                       struct fields *out)
{
    TRY(fields_make(out, in->query_n, arena));
    for (size_t i = 0; i < in->query_n; i++) {
        const struct query_param *p = &in->query[i];
        const struct str *name = covered_name(p->name);
        struct str value;
        if (!name) continue;
        TRY(decode_value(p->value, true, arena, &value));
        if (reads_as_two(value)) return ERR_BAD_URI;
        if (as_sent && !is_response_override(*name))
            fields_add(out, *name, p->value, p->has_value);
        else
            fields_add(out, *name, value, value.n > 0);
    }
    fields_sort(out);
    return ERR_NONE;
}

static bool matters_as_sent(const struct sigv2_input *in)
{
    for (size_t i = 0; i < in->query_n; i++) {
        const struct query_param *p = &in->query[i];
        const struct str *name = covered_name(p->name);
        if (!name || is_response_override(*name) || !p->has_value) continue;
        if (p->value.n == 0 || str_index(p->value, '%') != SIZE_MAX || str_index(p->value, '+') != SIZE_MAX)
            return true;
    }
    return false;
}

/* Bucket names need no escapes; one could hide the '/' before a key, to which the '/' behind it does matter. */
static bool is_bucket_alone(const struct sigv2_input *in)
{
    return in->host_bucket.n == 0 && in->raw_path.n > 1 && str_rindex(in->raw_path, '/') == 0 &&
           str_index(in->raw_path, '%') == SIZE_MAX;
}

/* ---- string to sign ---- */

static bool has_header(const struct headers *headers, enum header_id id)
{
    return headers_find(headers, id) != NULL;
}

/* Repeated ones are joined, so that none can be added. */
static void put_header_line(struct sbuf *b, const struct headers *headers, enum header_id id)
{
    bool first = true;

    for (size_t i = 0; i < headers->n; i++) {
        if (headers->v[i].id != id) continue;
        if (!first) sbuf_char(b, ',');
        sbuf_add(b, headers->v[i].value);
        first = false;
    }
    sbuf_char(b, '\n');
}

/* "If the x-amz-date header is used, use the empty string for the Date when constructing the StringToSign". The guide's
 * Delete example signs another string; no client was found that does. */
static void put_date_line(struct sbuf *b, const struct sigv2_input *in)
{
    if (in->expires.n == 0 && !has_header(in->headers, HDR_X_AMZ_DATE)) {
        put_header_line(b, in->headers, HDR_DATE);
        return;
    }
    sbuf_add(b, in->expires);
    sbuf_char(b, '\n');
}

static void put_amz(struct sbuf *b, const struct fields *amz)
{
    for (size_t i = 0; i < amz->n; i++) {
        const struct field *f = &amz->v[i];
        if (i > 0 && str_eq(f->name, amz->v[i - 1].name)) {
            sbuf_char(b, ',');
        } else {
            if (i > 0) sbuf_char(b, '\n');
            sbuf_add(b, f->name);
            sbuf_char(b, ':');
        }
        sbuf_add(b, f->value);
    }
    if (amz->n > 0) sbuf_char(b, '\n');
}

static void put_resource(struct sbuf *b, const struct sigv2_input *in, bool add_slash, const struct fields *resources)
{
    if (in->host_bucket.n) {
        sbuf_char(b, '/');
        sbuf_add(b, in->host_bucket);
    }
    sbuf_add(b, in->raw_path);
    if (add_slash || in->raw_path.n == 0) sbuf_char(b, '/');
    for (size_t i = 0; i < resources->n; i++) {
        sbuf_char(b, i == 0 ? '?' : '&');
        sbuf_add(b, resources->v[i].name);
        if (resources->v[i].has_value) sbuf_char(b, '=');
        sbuf_add(b, resources->v[i].value);
    }
}

static size_t string_cap(const struct sigv2_input *in, const struct fields *amz, const struct fields *resources)
{
    size_t cap = in->method.n + in->expires.n + in->host_bucket.n + in->raw_path.n + fields_cap(amz) +
                 fields_cap(resources) + sizeof "\n\n\n\n//";

    for (size_t i = 0; i < in->headers->n; i++)
        cap += in->headers->v[i].value.n + 1;
    return cap;
}

static enum err_code build_string(const struct sigv2_input *in, struct variant variant, struct arena *arena,
                                  struct str *out)
{
    struct fields amz, resources;

    TRY(collect_amz(in, arena, &amz));
    TRY(collect_resources(in, variant.as_sent, arena, &resources));
    struct sbuf b = arena_sbuf(arena, string_cap(in, &amz, &resources));
    sbuf_add(&b, in->method);
    sbuf_char(&b, '\n');
    put_header_line(&b, in->headers, HDR_CONTENT_MD5);
    put_header_line(&b, in->headers, HDR_CONTENT_TYPE);
    put_date_line(&b, in);
    put_amz(&b, &amz);
    put_resource(&b, in, variant.add_slash, &resources);
    if (b.overflow) return ERR_NO_MEMORY;
    arena_trim(arena, &b);
    *out = sbuf_str(&b);
    return ERR_NONE;
}

struct str sigv2_string_to_sign(const struct sigv2_input *in, struct arena *arena)
{
    struct str text;

    return build_string(in, (struct variant){.as_sent = false}, arena, &text) == ERR_NONE ? text : STR_NONE;
}

/* ---- verification ---- */

static bool is_signature_of(struct digest *d, struct str secret, struct str text, struct str signature)
{
    uint8_t mac[SHA1_BYTES];
    char ours[SHA1_BASE64];
    struct sbuf b = sbuf_make(ours, sizeof ours);

    digest_hmac_sha1(d, secret, text, mac);
    base64_encode(&b, mac, sizeof mac);
    bool equal = secret_equal(sbuf_str(&b), signature);
    secret_wipe(mac, sizeof mac);
    secret_wipe(ours, sizeof ours);
    return equal;
}

static enum err_code no_string(enum err_code code, struct err *err)
{
    if (code == ERR_BAD_URI)
        return err_set(err, code, 0,
                       "A signed query parameter has a broken escape, a control byte or another parameter in it.");
    return err_set(err, code, 0, "The request is too large to verify its signature.");
}

enum err_code sigv2_verify(struct digest *d, struct str secret, const struct sigv2_input *in,
                           const struct sigv2_auth *auth, struct arena *arena, struct str *string_to_sign,
                           struct err *err)
{
    const bool may_as_sent = matters_as_sent(in), may_add_slash = is_bucket_alone(in);
    struct str documented = STR_NONE, text;

    for (unsigned i = 0; i < 4; i++) {
        struct variant v = {.as_sent = i & 1, .add_slash = i & 2};
        if ((v.as_sent && !may_as_sent) || (v.add_slash && !may_add_slash)) continue;
        enum err_code code = build_string(in, v, arena, &text);
        if (code != ERR_NONE) return no_string(code, err);
        if (is_signature_of(d, secret, text, auth->signature)) return ERR_NONE;
        if (i == 0) documented = text;
    }
    if (string_to_sign) *string_to_sign = documented;
    return default_text(err, ERR_SIG_MISMATCH);
}
