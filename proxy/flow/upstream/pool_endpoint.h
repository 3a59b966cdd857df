/* SPDX-License-Identifier: Apache-2.0
 * pool_endpoint.h: what pool.c asks pool_endpoint.c beyond pool.h. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_POOL_ENDPOINT_H
#define S3ONRAMP_FLOW_POOL_ENDPOINT_H

#include "flow/upstream/pool.h"

/* Takes the address table that was offered last, if there is one. */
void pool_adopt_table(struct pool *p);
/* Closes the idle connections to all addresses of @e. */
void pool_close_idle_of(struct pool_endpoint *e);
/* For who looks: how many connections there are to the addresses of the endpoint @id, and how many requests wait. */
void pool_note_levels(const struct pool *p, uint32_t id);
/* Once a tick: addresses that left the table, and nothing runs there any more. */
void pool_free_gone(struct pool_endpoint *e);

#endif
