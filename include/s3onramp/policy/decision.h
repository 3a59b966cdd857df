/* SPDX-License-Identifier: Apache-2.0
 * decision.h: whether a principal may do what a request asks for. The language is AWS's (IAM User Guide, "IAM JSON
 * policy elements reference" and "Policy evaluation logic"): an explicit deny wins, what nobody allows is denied.
 * Pure; policies are immutable, so any thread may ask.
 */
#ifndef S3ONRAMP_POLICY_DECISION_H
#define S3ONRAMP_POLICY_DECISION_H

#include "aws/s3/action.h"
#include "base/str.h"

struct policy; /* compiled: policy/policy.h */

/* Keys of conditions and variables that a request can answer; all others are refused when a policy is loaded.
 * X(id, name as AWS writes it, whether it may have several values, whether '/' and a name of its own follow) */
/* clang-format off */
#define POLICY_KEYS(X) \
    X(CURRENT_TIME, "aws:CurrentTime", ONE, PLAIN) \
    X(EPOCH_TIME, "aws:EpochTime", ONE, PLAIN) \
    X(SOURCE_IP, "aws:SourceIp", ONE, PLAIN) \
    X(SECURE_TRANSPORT, "aws:SecureTransport", ONE, PLAIN) \
    X(USERNAME, "aws:username", ONE, PLAIN) \
    X(USER_ID, "aws:userid", ONE, PLAIN) \
    X(PRINCIPAL_TAG, "aws:PrincipalTag", ONE, NAMED) \
    X(REQUESTED_REGION, "aws:RequestedRegion", ONE, PLAIN) \
    X(REFERER, "aws:Referer", ONE, PLAIN) \
    X(USER_AGENT, "aws:UserAgent", ONE, PLAIN) \
    X(AUTH_TYPE, "s3:authType", ONE, PLAIN) \
    X(SIGNATURE_VERSION, "s3:signatureversion", ONE, PLAIN) \
    X(SIGNATURE_AGE, "s3:signatureAge", ONE, PLAIN) \
    X(TLS_VERSION, "s3:TlsVersion", ONE, PLAIN) \
    X(CONTENT_SHA256, "s3:x-amz-content-sha256", ONE, PLAIN) \
    X(PREFIX, "s3:prefix", ONE, PLAIN) \
    X(DELIMITER, "s3:delimiter", ONE, PLAIN) \
    X(MAX_KEYS, "s3:max-keys", ONE, PLAIN) \
    X(VERSION_ID, "s3:VersionId", ONE, PLAIN) \
    X(LOCATION_CONSTRAINT, "s3:LocationConstraint", ONE, PLAIN) \
    X(IF_MATCH, "s3:if-match", ONE, PLAIN) \
    X(IF_NONE_MATCH, "s3:if-none-match", ONE, PLAIN) \
    X(ACL, "s3:x-amz-acl", ONE, PLAIN) \
    X(GRANT_FULL_CONTROL, "s3:x-amz-grant-full-control", ONE, PLAIN) \
    X(GRANT_READ, "s3:x-amz-grant-read", ONE, PLAIN) \
    X(GRANT_READ_ACP, "s3:x-amz-grant-read-acp", ONE, PLAIN) \
    X(GRANT_WRITE, "s3:x-amz-grant-write", ONE, PLAIN) \
    X(GRANT_WRITE_ACP, "s3:x-amz-grant-write-acp", ONE, PLAIN) \
    X(COPY_SOURCE, "s3:x-amz-copy-source", ONE, PLAIN) \
    X(METADATA_DIRECTIVE, "s3:x-amz-metadata-directive", ONE, PLAIN) \
    X(SSE, "s3:x-amz-server-side-encryption", ONE, PLAIN) \
    X(SSE_KMS_KEY_ID, "s3:x-amz-server-side-encryption-aws-kms-key-id", ONE, PLAIN) \
    X(SSE_C_ALGORITHM, "s3:x-amz-server-side-encryption-customer-algorithm", ONE, PLAIN) \
    X(STORAGE_CLASS, "s3:x-amz-storage-class", ONE, PLAIN) \
    X(WEBSITE_REDIRECT, "s3:x-amz-website-redirect-location", ONE, PLAIN) \
    X(OBJECT_OWNERSHIP, "s3:x-amz-object-ownership", ONE, PLAIN) \
    X(LOCK_MODE, "s3:object-lock-mode", ONE, PLAIN) \
    X(LOCK_RETAIN_UNTIL, "s3:object-lock-retain-until-date", ONE, PLAIN) \
    X(LOCK_REMAINING_DAYS, "s3:object-lock-remaining-retention-days", ONE, PLAIN) \
    X(LOCK_LEGAL_HOLD, "s3:object-lock-legal-hold", ONE, PLAIN) \
    X(REQUEST_OBJECT_TAG, "s3:RequestObjectTag", ONE, NAMED) \
    X(REQUEST_OBJECT_TAG_KEYS, "s3:RequestObjectTagKeys", SEVERAL, PLAIN)
/* clang-format on */

enum policy_key {
#define X(id, name, many, named) POLICY_KEY_##id,
    POLICY_KEYS(X)
#undef X
        POLICY_KEYS_N
};

enum { POLICY_VALUES_MOST = 64 };

/* What a request says of itself. Only what some statement needs is asked for. */
struct policy_context {
    /* Writes the values of @key into @v, which has room for POLICY_VALUES_MOST, as views that live as long as the
     * request; at most one of a key that may have ONE. @name: what follows the '/' of a named key, compared in any
     * case, else empty. Returns how many; 0: the request has no such key. Dates: seconds since the epoch or ISO 8601;
     * addresses without a port; numbers in decimal; "true" and "false". */
    size_t (*values)(const struct policy_context *c, enum policy_key key, struct str name, struct str *v);
};

/* One pair of the pairs that a request asks for. */
struct policy_ask {
    enum s3_action action;
    /* Its ARN, decoded: arn:PARTITION:s3:::bucket/key, where the partition is that of the endpoint; "*" where the
     * action has none, which "*" and "arn:aws:s3:::*" match. */
    struct str resource;
};

enum policy_effect { POLICY_DENIED, POLICY_ALLOWED, POLICY_FORBIDDEN }; /* by nobody allowed, allowed, by a deny */

struct policy_decision {
    enum policy_effect effect; /* by what is written */
    bool warned; /* not POLICY_ALLOWED, and yet let through, since it is policies in mode WARN that say so */
    const struct policy *policy; /* that decided; NULL for POLICY_DENIED */
    size_t statement;            /* of it, from 0 */
};

/* @policies: all that count for the principal, in their order; the first statement that decides is named, denies before
 * allows. A deny of a policy in mode WARN only warns; what nobody allows is let through if all policies are in that
 * mode. Allocates nothing. */
struct policy_decision policy_decide(const struct policy *const *policies, size_t n, const struct policy_ask *ask,
                                     const struct policy_context *c);

static inline bool policy_lets_through(const struct policy_decision *d)
{
    return d->effect == POLICY_ALLOWED || d->warned;
}

/* Whether something may be allowed in @bucket, or that it is listed, as far as that hangs on who asks and from where:
 * what only the request itself could tell (s3:prefix, …) is taken as given. @partition: "aws". For lists of buckets. */
bool policy_reaches_bucket(const struct policy *const *policies, size_t n, struct str partition, struct str bucket,
                           const struct policy_context *c);
/* True: plainly all buckets, whoever asks. */
bool policy_reaches_all_buckets(const struct policy *const *policies, size_t n);

#endif
