/* SPDX-License-Identifier: Apache-2.0
 * bucket_policy.h: a bucket's policy: does one of its Deny statements meet a request of which little is known? No
 * evaluation of policies: Allow is not looked at, and "denies" is said only where no answer to what is unknown could
 * change it. Pure; any thread.
 * Sources: IAM User Guide, "IAM JSON policy elements reference", "AWS global condition context keys"; S3 User Guide,
 * "Examples of Amazon S3 bucket policies".
 */
#ifndef S3ONRAMP_DOCTOR_BUCKET_POLICY_H
#define S3ONRAMP_DOCTOR_BUCKET_POLICY_H

#include "base/err.h"
#include "base/str.h"

/* A signed request over TLS. All borrowed. */
struct bucket_policy_request {
    struct str action;      /* "s3:ListBucket" */
    struct str bucket;      /* the resource is the bucket itself, no object */
    struct str endpoint_id; /* "vpce-0a1b2c3d" that it comes through; empty: not known, nor whether this is AWS */
};

enum bucket_policy_verdict { BUCKET_POLICY_NO_DENY, BUCKET_POLICY_MAY_DENY, BUCKET_POLICY_DENIES };

/* What the statement's condition is about; of several the one that says most: the last here. */
enum bucket_policy_key {
    BUCKET_POLICY_ALWAYS, /* no condition */
    BUCKET_POLICY_OTHER,
    BUCKET_POLICY_VPC_SOURCE_IP,
    BUCKET_POLICY_SOURCE_IP,
    BUCKET_POLICY_SOURCE_VPC,
    BUCKET_POLICY_SOURCE_VPCE,
};

/* Of the first statement with the worst verdict. Texts are as long as they fit, and may hold any bytes. */
struct bucket_policy_finding {
    enum bucket_policy_verdict verdict;
    enum bucket_policy_key key;
    bool is_negated;      /* it denies all but @values */
    size_t more;          /* statements with the same verdict */
    char sid[80];         /* or "" */
    char conditions[240]; /* all of them: "StringNotEquals aws:sourceVpce [vpce-111] and Bool …" */
    char values[160];     /* of @key: "vpce-111, vpce-222" */
};

/* @json: the policy as GetBucketPolicy answers it. ERR_BAD_DOCUMENT: it cannot be understood, with the reason in @err,
 * which reads on after "the bucket's policy: "; *@out is BUCKET_POLICY_NO_DENY then. What is odd inside of a statement
 * is no error but a BUCKET_POLICY_MAY_DENY. */
MUST_CHECK enum err_code bucket_policy_find_deny(struct str json, const struct bucket_policy_request *request,
                                                 struct bucket_policy_finding *out, struct err *err);

#endif
