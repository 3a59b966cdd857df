/* SPDX-License-Identifier: Apache-2.0
 * post_form_fields.c: what the fields of a browser form say: key, who signed, headers of PutObject. Pure; any thread.
 * Owns nothing; views are into the form or the caller's arena.
 * Source: Amazon S3 API Reference, "HTML Form Fields", "Authenticating Requests in Browser-Based Uploads Using POST",
 * "PutObject" (request headers), "User-defined object metadata" (RFC 2047); texts of errors as S3 sends them.
 */
#include "post_form_impl.h"

#include "base/encode.h"

const struct post_form_field *post_form_field(const struct post_form *f, struct str name)
{
    for (size_t i = 0; i < f->fields_n; i++)
        if (str_eq(f->fields[i].name, name)) return &f->fields[i];
    return NULL;
}

static struct str value_of(const struct post_form *f, struct str name)
{
    const struct post_form_field *field = post_form_field(f, name);

    return field ? field->value : STR_NONE;
}

enum err_code post_form_key(const struct post_form *f, struct str *key, struct err *err)
{
    const struct post_form_field *field = post_form_field(f, STR("key"));

    if (!field) return err_set(err, ERR_FORM_NO_KEY, 0, "%s", err_info(ERR_FORM_NO_KEY)->text);
    if (field->value.n == 0) return err_set(err, ERR_FORM_FIELD, 0, "User key must have a length greater than 0.");
    if (field->value.n > FORM_MAX_KEY) return err_set(err, ERR_KEY_TOO_LONG, 0, "%s", err_info(ERR_KEY_TOO_LONG)->text);
    *key = field->value;
    return ERR_NONE;
}

/* ---- who signed ---- */

/* A field that a signature needs, and how S3 spells it in its answers; in the order in which S3 misses them. */
struct needed {
    struct str name;
    const char *shown;
};

static const struct needed v4_fields[] = {
    {STR_INIT("x-amz-signature"), "X-Amz-Signature"},
    {STR_INIT("x-amz-algorithm"), "X-Amz-Algorithm"},
    {STR_INIT("x-amz-credential"), "X-Amz-Credential"},
    {STR_INIT("x-amz-date"), "X-Amz-Date"},
};
static const struct needed v2_fields[] = {
    {STR_INIT("signature"), "Signature"},
    {STR_INIT("awsaccesskeyid"), "AWSAccessKeyId"},
};

static bool has_any(const struct post_form *f, const struct needed *needed, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (post_form_field(f, needed[i].name)) return true;
    return false;
}

static enum err_code missing(struct err *err, const char *shown)
{
    return err_set(err, ERR_FORM_FIELD, 0,
                   "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the "
                   "fields.",
                   shown);
}

static enum err_code check_all(const struct post_form *f, const struct needed *needed, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!post_form_field(f, needed[i].name)) return missing(err, needed[i].shown);
    return post_form_field(f, STR("policy")) ? ERR_NONE : missing(err, "Policy");
}

static enum err_code check_credential(struct sigv4_auth *v4, struct str credential, struct err *err)
{
    if (sigv4_parse_credential(credential, v4, NULL) != ERR_NONE)
        return err_set(err, ERR_FORM_FIELD, 0,
                       "the Credential is mal-formed; expecting "
                       "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (!str_eq(v4->service, STR("s3")))
        return err_set(err, ERR_FORM_FIELD, 0, "incorrect service \"%.*s\". This endpoint belongs to \"s3\".",
                       STR_ARG(v4->service));
    return ERR_NONE;
}

static enum err_code check_timestamp(struct str timestamp, struct str day, struct err *err)
{
    int64_t unix_s;

    if (timestamp.n != SIGV4_TIMESTAMP_BYTES || !sigv4_parse_date(timestamp, &unix_s))
        return err_set(err, ERR_FORM_FIELD, 0, "X-Amz-Date must be formatted via ISO8601 Long format");
    if (!str_eq(str_head(timestamp, SIGV4_DATE_BYTES), day))
        return err_set(err, ERR_FORM_FIELD, 0, "The day of X-Amz-Date is not the day in X-Amz-Credential.");
    return ERR_NONE;
}

static enum err_code read_v4(const struct post_form *f, struct post_form_auth *out, struct err *err)
{
    uint8_t signature[SHA256_BYTES];

    TRY(check_all(f, v4_fields, ARRAY_LEN(v4_fields), err));
    if (!str_eq(value_of(f, STR("x-amz-algorithm")), STR("AWS4-HMAC-SHA256")))
        return err_set(err, ERR_FORM_FIELD, 0, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    TRY(check_credential(&out->v4, value_of(f, STR("x-amz-credential")), err));
    out->timestamp = value_of(f, STR("x-amz-date"));
    TRY(check_timestamp(out->timestamp, out->v4.date, err));
    out->v4.signature = value_of(f, STR("x-amz-signature"));
    if (!hex_decode(out->v4.signature, signature, sizeof signature))
        return err_set(err, ERR_SIG_MISMATCH, 0, "%s", err_info(ERR_SIG_MISMATCH)->text);
    out->kind = FORM_SIGV4;
    return ERR_NONE;
}

static enum err_code read_v2(const struct post_form *f, struct post_form_auth *out, struct err *err)
{
    TRY(check_all(f, v2_fields, ARRAY_LEN(v2_fields), err));
    out->access_key = value_of(f, STR("awsaccesskeyid"));
    out->signature = value_of(f, STR("signature"));
    if (out->access_key.n == 0)
        return err_set(err, ERR_FORM_FIELD, 0, "a non-empty Access Key (AKID) must be provided in the form.");
    out->kind = FORM_SIGV2;
    return ERR_NONE;
}

enum err_code post_form_auth(const struct post_form *f, struct post_form_auth *out, struct err *err)
{
    bool v4 = has_any(f, v4_fields, ARRAY_LEN(v4_fields)), v2 = has_any(f, v2_fields, ARRAY_LEN(v2_fields));

    *out = (struct post_form_auth){.kind = FORM_ANONYMOUS};
    if (v4 && v2) return err_set(err, ERR_AUTH_TWICE, 0, "The form has fields of two kinds of signatures.");
    if (!v4 && !v2) return ERR_NONE;
    out->policy = value_of(f, STR("policy"));
    out->token = value_of(f, STR("x-amz-security-token"));
    return v4 ? read_v4(f, out, err) : read_v2(f, out, err);
}

/* ---- headers ---- */

/* Fields that are headers of PutObject; a prefix if it ends in '-'. What is not here is not let through, so that no
 * field can make a copy, a part or an append of the upload, or speak about its signature or framing. */
static const struct {
    struct str field, header;
} header_fields[] = {
    {STR_INIT("acl"), STR_INIT("x-amz-acl")},
    {STR_INIT("tagging"), STR_INIT("x-amz-tagging")},
    {STR_INIT("cache-control"), STR_INIT("cache-control")},
    {STR_INIT("content-disposition"), STR_INIT("content-disposition")},
    {STR_INIT("content-encoding"), STR_INIT("content-encoding")},
    {STR_INIT("content-language"), STR_INIT("content-language")},
    {STR_INIT("content-md5"), STR_INIT("content-md5")},
    {STR_INIT("content-type"), STR_INIT("content-type")},
    {STR_INIT("expires"), STR_INIT("expires")},
    {STR_INIT("x-amz-acl"), STR_INIT("x-amz-acl")},
    {STR_INIT("x-amz-checksum-algorithm"), STR_INIT("x-amz-sdk-checksum-algorithm")},
    {STR_INIT("x-amz-expected-bucket-owner"), STR_INIT("x-amz-expected-bucket-owner")},
    {STR_INIT("x-amz-request-payer"), STR_INIT("x-amz-request-payer")},
    {STR_INIT("x-amz-server-side-encryption"), STR_INIT("x-amz-server-side-encryption")},
    {STR_INIT("x-amz-storage-class"), STR_INIT("x-amz-storage-class")},
    {STR_INIT("x-amz-tagging"), STR_INIT("x-amz-tagging")},
    {STR_INIT("x-amz-website-redirect-location"), STR_INIT("x-amz-website-redirect-location")},
    {STR_INIT("x-amz-checksum-"), STR_NONE},
    {STR_INIT("x-amz-grant-"), STR_NONE},
    {STR_INIT("x-amz-meta-"), STR_NONE},
    {STR_INIT("x-amz-object-lock-"), STR_NONE},
    {STR_INIT("x-amz-server-side-encryption-"), STR_NONE},
};

/* The header that field @name becomes, or empty. */
static struct str header_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(header_fields); i++) {
        struct str field = header_fields[i].field;
        if (field.p[field.n - 1] != '-' && str_eq(name, field)) return header_fields[i].header;
        if (field.p[field.n - 1] == '-' && name.n > field.n && str_starts(name, field)) return name;
    }
    return STR_NONE;
}

/* acl and x-amz-acl, tagging and x-amz-tagging: one of them would win somewhere on the way. */
static bool is_claimed_twice(const struct post_form *f, size_t i, struct str header)
{
    for (size_t j = 0; j < f->fields_n; j++)
        if (j != i && str_eq(header_name(f->fields[j].name), header)) return true;
    return false;
}

/* aws-chunked speaks of framing, which is the proxy's to choose. */
static bool names_framing(struct str codings)
{
    struct str item;

    while (str_split(&codings, ',', &item))
        if (str_eq_nocase(str_trim(item), STR("aws-chunked"))) return true;
    return false;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80) return false;
    return true;
}

/* Forms are UTF-8, headers of a PUT are Latin-1 to S3: so that the same text is stored, metadata goes on as an encoded
 * word, "character decoded as per RFC 2047 before storing". */
static enum err_code encode_word(struct str *value, struct arena *arena, struct err *err)
{
    struct sbuf b = arena_sbuf(arena, 12 + (value->n + 2) / 3 * 4);

    sbuf_add(&b, STR("=?UTF-8?B?"));
    base64_encode(&b, (const uint8_t *)value->p, value->n);
    sbuf_add(&b, STR("?="));
    if (b.overflow) return err_set(err, ERR_NO_MEMORY, 0, "A field of the form does not fit into memory.");
    *value = sbuf_str(&b);
    return ERR_NONE;
}

static enum err_code bad_field(struct err *err, const struct post_form_field *field, const char *reason)
{
    return err_set(err, ERR_FORM_FIELD, 0, "The form's field '%.*s' %s.", STR_ARG(field->sent), reason);
}

enum err_code post_form_header(const struct post_form *f, size_t i, struct arena *arena, struct header *out,
                               struct err *err)
{
    const struct post_form_field *field = &f->fields[i];
    struct str name = header_name(field->name), value = str_trim(field->value);
    bool is_metadata = str_starts(name, STR("x-amz-meta-"));

    *out = (struct header){.name = STR_NONE};
    if (name.n == 0) return ERR_NONE;
    if (!post_form_is_token(name)) return bad_field(err, field, "has a name that is no header name");
    if (is_claimed_twice(f, i, name)) return bad_field(err, field, "says the same as another one");
    if (str_eq(field->name, STR("tagging")))
        TRY(post_form_tagging(field->value, arena, &value, err));
    else if (!post_form_is_text(value))
        return bad_field(err, field, "holds a control byte");
    if (str_eq(name, STR("content-encoding")) && names_framing(value))
        return bad_field(err, field, "names aws-chunked");
    if (is_metadata && !is_ascii(value)) TRY(encode_word(&value, arena, err));
    if (value.n == 0 && !is_metadata) return ERR_NONE;
    *out = (struct header){.name = name, .value = value, .id = header_id_of(name)};
    return ERR_NONE;
}
