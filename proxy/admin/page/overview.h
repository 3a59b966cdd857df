/* SPDX-License-Identifier: Apache-2.0
 * overview.h: what the page shows, in one answer: who is to blame, the road, the last hour, people, transfers, what
 * went wrong, what expires. Workers are asked and hold nothing up; at most once a second, however many look. Control
 * thread.
 */
#ifndef S3ONRAMP_ADMIN_OVERVIEW_H
#define S3ONRAMP_ADMIN_OVERVIEW_H

#include "admin/command.h"

struct overview;

/* From now on it watches. NULL: out of memory. */
MUST_CHECK struct overview *overview_new(struct server *server);
/* Who waits has gone by then. NULL is fine. */
void overview_free(struct overview **o);

#endif
