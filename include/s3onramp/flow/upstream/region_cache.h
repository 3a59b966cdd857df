/* SPDX-License-Identifier: Apache-2.0
 * region_cache.h: which Region each bucket is in, as far as answers have told: the buckets used last, in bounded
 * memory. One worker.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_REGION_CACHE_H
#define S3ONRAMP_FLOW_UPSTREAM_REGION_CACHE_H

#include "base/str.h"

struct region_cache;

enum { REGION_BUCKET_MAX = 255, REGION_MAX = 32 };

/* Holds @entries (at least 1) buckets. NULL: out of memory. */
MUST_CHECK struct region_cache *region_cache_new(size_t entries);
void region_cache_free(struct region_cache **c);
/* The Region of @bucket, valid until the next call; empty if not known. */
struct str region_cache_get(struct region_cache *c, struct str bucket);
/* Learns, or learns better; what was not used for longest makes room. Names too long to be right are ignored. */
void region_cache_put(struct region_cache *c, struct str bucket, struct str region);

#endif
