/* SPDX-License-Identifier: Apache-2.0
 * shows.h: which buckets the list of buckets shows to whom. Pure; any thread.
 */
#ifndef S3ONRAMP_POLICY_SHOWS_H
#define S3ONRAMP_POLICY_SHOWS_H

#include "policy/policy.h"

/* May a principal with @policies, all that count for it, list @bucket, or do anything to some object in it? */
bool policy_shows_bucket(const struct policy *const *policies, size_t n, struct str bucket);
/* True: there is no bucket that it may not. */
bool policy_shows_all_buckets(const struct policy *const *policies, size_t n);

#endif
