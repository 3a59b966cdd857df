/* SPDX-License-Identifier: Apache-2.0
 * shows.c: see policy/shows.h.
 */
#include "policy/shows.h"

bool policy_shows_bucket(const struct policy *const *policies, size_t n, struct str bucket)
{
    for (size_t i = 0; i < n; i++)
        if (policy_allows_bucket(policies[i], bucket)) return true;
    return false;
}

bool policy_shows_all_buckets(const struct policy *const *policies, size_t n)
{
    return policy_shows_bucket(policies, n, STR_NONE);
}
