/* SPDX-License-Identifier: Apache-2.0
 * buckets.h: which buckets moved most in the last half to full hour, as people.h of clients. Costs 220 bytes for each
 * bucket that there ever was, of which flow/traffic.h limits the number. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_BUCKETS_H
#define S3ONRAMP_ADMIN_BUCKETS_H

#include "control/server.h"

#include <jansson.h>

enum { BUCKETS_TOP = 12 };

struct buckets;

MUST_CHECK struct buckets *buckets_new(struct server *server); /* NULL: out of memory */
void buckets_free(struct buckets **b);                         /* NULL is fine */
/* Looks anew, if that is some seconds ago. */
void buckets_look(struct buckets *b);
/* {"since_s", "all", "list": [{"name", "requests", "bytes_in", "bytes_out"}, …]}: as people_json. */
json_t *buckets_json(const struct buckets *b);

#endif
