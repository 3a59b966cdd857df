/* SPDX-License-Identifier: Apache-2.0
 * policy.h: what a client may do, compiled from what was written, so that a request is judged without reading that
 * again. Default deny. Pure; immutable, so any thread may ask.
 */
#ifndef S3ONRAMP_POLICY_POLICY_H
#define S3ONRAMP_POLICY_POLICY_H

#include "aws/s3/operation.h"
#include "base/str.h"

enum policy_access { POLICY_READ_ONLY, POLICY_READ_WRITE, POLICY_ADMIN };

/* [policy NAME] as it is written. */
struct policy_rules {
    enum policy_access access;
    const struct str_list *buckets; /* patterns with '*' and '?'; empty: all */
    bool list_buckets;              /* ListBuckets is allowed */
};

struct policy;

/* The texts of @rules are borrowed and must live as long as the policy. NULL: no memory. */
MUST_CHECK struct policy *policy_compile(const struct policy_rules *rules);
void policy_free(struct policy **p);

/* @operation on @bucket; empty: on none. */
bool policy_allows(const struct policy *p, const struct operation *operation, struct str bucket);
/* What needs @access on a bucket that is allowed; headers may ask for more than the operation does. */
bool policy_allows_access(const struct policy *p, enum operation_access access);
/* @bucket, whatever is done to it; empty: one that cannot be known, which only a policy for all buckets allows. */
bool policy_allows_bucket(const struct policy *p, struct str bucket);

#endif
