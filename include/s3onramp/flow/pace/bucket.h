/* SPDX-License-Identifier: Apache-2.0
 * bucket.h: a token bucket of which several workers take slices, so that what one of them lets pass is counted without
 * asking the others. While some wait, what comes in is theirs, in proportion to how many wait at each; the rest is
 * kept, up to a burst, for whoever asks. Any thread; time is a parameter.
 *
 *   rate ──▶ parts of those that wait ──▶ bucket_take ──▶ a worker's slice (pacer.h)
 *        └─▶ kept, at most a burst ───────────┘
 */
#ifndef S3ONRAMP_FLOW_PACE_BUCKET_H
#define S3ONRAMP_FLOW_PACE_BUCKET_H

#include "base/attrib.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tokens are counted in millionths: a rate of n a second gives n of them each microsecond, exactly. */
enum { BUCKET_TOKEN = 1000000 };

struct bucket;

/* For workers 0 to @workers - 1. @burst_us: what it keeps at most, as time at its rate, but at least @burst_least
 * tokens: as many as are ever wanted at once. It has no limit yet. NULL: out of memory. */
MUST_CHECK struct bucket *bucket_new(size_t workers, int64_t burst_us, int64_t burst_least);
void bucket_free(struct bucket **b); /* NULL is fine */
/* Tokens a second from now on; 0: no limit. */
void bucket_set_rate(struct bucket *b, uint64_t rate);
uint64_t bucket_rate(const struct bucket *b);
/* What there is for @worker at once, at most @want millionths; 0 where there is no limit. @waiting: how many wait there
 * from now on, whether they get this or not. */
int64_t bucket_take(struct bucket *b, size_t worker, size_t waiting, int64_t want, int64_t now_us);

#endif
