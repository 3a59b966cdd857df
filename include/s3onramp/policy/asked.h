/* SPDX-License-Identifier: Apache-2.0
 * asked.h: what a request asks for: the pairs of action and resource that S3 itself would ask for, and what it says of
 * itself where a policy has conditions. Pure: who calls, from where and when are parameters. One thread per request.
 * Source: AWS Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
 * "Required permissions for Amazon S3 API operations".
 *
 * Everything is read as it goes out. Resources hold bucket and key decoded:
 *
 *     bucket                arn:PARTITION:s3:::BUCKET[/KEY]; an access point's alias is a bucket
 *     access point          arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME[/object/KEY]
 *     Object Lambda         arn:PARTITION:s3-object-lambda:REGION:ACCOUNT:accesspoint/NAME[/object/KEY]
 *     Outposts              arn:PARTITION:s3-outposts:REGION:ACCOUNT:outpost/OUTPOST/accesspoint/NAME[/object/KEY]
 *     nothing of these      *
 *
 * What nobody knows (an unknown operation or sub-resource, a copy source that cannot be read) is S3_ACTION_UNKNOWN, and
 * of a bucket it is asked for the bucket and for all that is in it: BUCKET, a slash and a star.
 */
#ifndef S3ONRAMP_POLICY_ASKED_H
#define S3ONRAMP_POLICY_ASKED_H

#include "aws/s3/operation.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/netaddr.h"
#include "policy/decision.h"

/* Fields that count: X(id, name). */
/* clang-format off */
#define ASKED_FIELDS(X) \
    X(ACL, "x-amz-acl") \
    X(TAGGING, "x-amz-tagging") \
    X(GRANT_READ, "x-amz-grant-read") \
    X(COPY_SOURCE, "x-amz-copy-source") \
    X(GRANT_WRITE, "x-amz-grant-write") \
    X(RENAME_SOURCE, "x-amz-rename-source") \
    X(STORAGE_CLASS, "x-amz-storage-class") \
    X(GRANT_READ_ACP, "x-amz-grant-read-acp") \
    X(GRANT_WRITE_ACP, "x-amz-grant-write-acp") \
    X(LOCK_MODE, "x-amz-object-lock-mode") \
    X(OBJECT_OWNERSHIP, "x-amz-object-ownership") \
    X(TAGGING_DIRECTIVE, "x-amz-tagging-directive") \
    X(GRANT_FULL_CONTROL, "x-amz-grant-full-control") \
    X(METADATA_DIRECTIVE, "x-amz-metadata-directive") \
    X(LOCK_LEGAL_HOLD, "x-amz-object-lock-legal-hold") \
    X(SSE, "x-amz-server-side-encryption") \
    X(WEBSITE_REDIRECT, "x-amz-website-redirect-location") \
    X(BUCKET_LOCK, "x-amz-bucket-object-lock-enabled") \
    X(BYPASS, "x-amz-bypass-governance-retention") \
    X(LOCK_RETAIN_UNTIL, "x-amz-object-lock-retain-until-date") \
    X(SSE_KMS_KEY_ID, "x-amz-server-side-encryption-aws-kms-key-id") \
    X(SSE_C_ALGORITHM, "x-amz-server-side-encryption-customer-algorithm")
/* clang-format on */

enum asked_field {
#define X(id, name) ASKED_##id,
    ASKED_FIELDS(X)
#undef X
        ASKED_FIELDS_N
};

/* Filled in by the caller up to "ours". All that points is borrowed. */
struct asked {
    struct policy_context context; /* the first member; asked_begin() makes it */
    struct arena *arena;           /* what is decoded goes there */

    /* what is asked for */
    const struct operation *operation;
    const struct s3_host *host;
    struct str region;               /* the endpoint's */
    struct str bucket, key;          /* decoded; of a browser's form the key that it gets */
    const struct query_param *query; /* as sent */
    size_t query_n;
    bool plus_is_space;           /* how it is decoded */
    bool query_has_fields;        /* its x-amz-… become headers, since a signature in the query covers them */
    const struct headers *fields; /* of a browser's form: what PutObject gets */
    const struct headers *set;    /* what policies put in place of the client's; no value (.p NULL): it is taken off */

    /* by whom, from where, how and when */
    struct str client;
    const struct netaddr *peer; /* NULL: not known */
    bool tls;
    struct str tls_version;                              /* "1.3"; empty: not known */
    struct str auth_type, signature_version;             /* as s3:authType and s3:signatureversion have it, or empty */
    struct str content_sha256;                           /* or empty */
    struct str signed_at;                                /* the signature's date, as sent; empty: not known */
    int64_t now_ms;                                      /* Unix time */
    struct str (*tag)(const void *who, struct str name); /* .p NULL: the client has no such tag */
    const void *who;                                     /* for tag() */

    /* ours */
    struct str said[ASKED_FIELDS_N]; /* .p NULL: not there */
    bool ours[ASKED_FIELDS_N];       /* a policy's: the client does not ask for it */
    struct str arn, of_bucket;       /* of the object, and its beginning: the bucket's */
    struct str version;              /* of what is asked for now; .p NULL: none */
    struct str location;             /* of CreateBucket's body */
    struct str made[POLICY_KEYS_N];  /* values that were decoded or written already */
    bool failed;                     /* out of memory: no decision counts */
};

/* Hears of a pair; of @a the values of conditions belong to it. False: enough. */
typedef bool asked_pair_fn(void *data, const struct asked *a, const struct policy_ask *ask);

/* Reads fields and names. ERR_BAD_REQUEST: a field that counts is there twice. ERR_PARAM_MISPLACED: it is in a query
 * that is no header. ERR_NO_MEMORY. */
MUST_CHECK enum err_code asked_begin(struct asked *a, struct err *err);
/* The pairs that the head asks for; for operations that are judged by their body (judges) all but those of the body.
 * ERR_NO_MEMORY. */
MUST_CHECK enum err_code asked_head(struct asked *a, asked_pair_fn *pair, void *data, struct err *err);

enum { ASKED_BODY_MOST = 2 * 1024 * 1024, ASKED_KEYS_MOST = 1000 }; /* bytes; of DeleteObjects, S3's limit */

static inline bool asked_needs_body(const struct operation *o)
{
    return o->judges != JUDGES_HEAD;
}
/* The pairs that the body asks for, @body whole and without framing. ERR_BODY_MALFORMED: it is not what S3 documents.
 * ERR_NO_MEMORY. After asked_head(). */
MUST_CHECK enum err_code asked_body(struct asked *a, struct str body, asked_pair_fn *pair, void *data, struct err *err);

#endif
