/* SPDX-License-Identifier: Apache-2.0
 * traceparent.h: the field that says which trace a request belongs to. Pure; any thread.
 * Source: W3C Trace Context (Recommendation of 2021-11-23), 3.2 "Traceparent Header".
 */
#ifndef S3ONRAMP_HTTP_TRACEPARENT_H
#define S3ONRAMP_HTTP_TRACEPARENT_H

#include "http/headers.h"

enum { TRACEPARENT_BYTES = 55 /* of version 00 */, TRACEPARENT_RANDOM = 24 };

/* Of version 00, or of a later one as far as this one can tell (3.2.4). */
bool traceparent_valid(struct str value);
/* The value of the only such field, if it is valid; else empty: the request belongs to no trace. */
struct str traceparent_of(const struct headers *h);
/* A new trace, not sampled, of random bytes: TRACEPARENT_BYTES into @out. */
void traceparent_make(const unsigned char random[TRACEPARENT_RANDOM], char *out);

#endif
