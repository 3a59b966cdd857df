/* SPDX-License-Identifier: Apache-2.0
 * properties.h: what objects must be written with (`require` of [policy]) and what is put into requests that write them
 * (`set`): encryption, storage class, tags, no rights of others by ACL. What is set comes first; then what is required
 * is looked for in what goes out. Pure; properties are immutable once they are parsed, so any thread may ask.
 * Source: Amazon S3 API Reference, "PutObject", "CopyObject", "CreateMultipartUpload".
 */
#ifndef S3ONRAMP_POLICY_PROPERTIES_H
#define S3ONRAMP_POLICY_PROPERTIES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum property_kind {
    PROPERTY_ENCRYPTION,    /* encryption=aws:kms */
    PROPERTY_KMS_KEY,       /* kms_key=ARN */
    PROPERTY_STORAGE_CLASS, /* storage_class=STANDARD_IA */
    PROPERTY_TAG,           /* tag.KEY=VALUE, or, required, tag.KEY for any value */
    PROPERTY_NO_ACL,        /* no_acl */
};

struct property {
    enum property_kind kind;
    struct str key;    /* of a tag */
    struct str values; /* as written; required: with '|' between those of which any will do. Empty: any */
};

struct properties {
    struct property *v; /* owned; their texts are borrowed */
    size_t n;
};

/* Reads @texts, items like those above, which must outlive *@out. @set: they are to be set. ERR_CONFIG: @err says which
 * item is wrong and what to write; *@out is empty then. */
MUST_CHECK enum err_code properties_parse(const struct str_list *texts, bool set, struct properties *out,
                                          struct err *err);
void properties_clear(struct properties *p);
/* NULL: a request can have what @set and @require say, both of one client and perhaps of two policies; else a property
 * of
 * @set that @require refuses. */
const struct property *properties_refused(const struct properties *set, const struct properties *require);
/* NULL, or a property of @a that @b sets to something else. */
const struct property *properties_differ(const struct properties *a, const struct properties *b);
enum { PROPERTY_TEXT = 1024 };
/* As it is written: "tag.team=archive". Returns @out. */
const char *property_text(const struct property *p, char out[PROPERTY_TEXT]);

/* ---- the fields of a request that tell them ---- */

/* X(id, name) */
#define PROPERTY_FIELDS(X)                                                    \
    X(SSE, "x-amz-server-side-encryption")                                    \
    X(KMS_KEY, "x-amz-server-side-encryption-aws-kms-key-id")                 \
    X(KMS_CONTEXT, "x-amz-server-side-encryption-context")                    \
    X(KMS_BUCKET_KEY, "x-amz-server-side-encryption-bucket-key-enabled")      \
    X(OWN_KEY, "x-amz-server-side-encryption-customer-algorithm") /* SSE-C */ \
    X(STORAGE_CLASS, "x-amz-storage-class")                                   \
    X(TAGGING, "x-amz-tagging")                                               \
    X(TAGGING_DIRECTIVE, "x-amz-tagging-directive")                           \
    X(ACL, "x-amz-acl")                                                       \
    X(GRANT, "x-amz-grant-") /* and what follows: all fields that begin so, as one */

enum property_field {
#define X(id, name) PROPERTY_FIELD_##id,
    PROPERTY_FIELDS(X)
#undef X
        PROPERTY_FIELDS_N
};

/* The field of that name (any case), or PROPERTY_FIELDS_N. */
enum property_field property_field_of(struct str name);
struct str property_field_name(enum property_field f);

/* What a request that writes an object says. */
struct property_values {
    struct str v[PROPERTY_FIELDS_N];   /* of those that are there */
    unsigned there[PROPERTY_FIELDS_N]; /* how often; several of one name are never what is required */
    bool changed[PROPERTY_FIELDS_N];   /* by properties_set */
    bool is_copy;                      /* tags and ACL of the source may be taken over */
};

/* Puts what @set says into @values, in place of what a client has said. @client: in place of "{client}" in values of
 * tags. ERR_POLICY_DENIED: that is not possible, @err says why; ERR_NO_MEMORY. */
MUST_CHECK enum err_code properties_set(const struct properties *set, struct str client, struct arena *arena,
                                        struct property_values *values, struct err *err);
/* The first of @require that @values have not, or NULL. */
const struct property *properties_missing(const struct properties *require, const struct property_values *values);
/* no_acl is among them. */
bool properties_forbid_acl(const struct properties *p);
/* True if @acl gives rights to nobody but the owners of object and bucket: what many tools always send. */
bool property_acl_is_harmless(struct str acl);

#endif
