/* SPDX-License-Identifier: Apache-2.0
 * pool_queue.h: what pool.c asks pool_queue.c beyond pool.h. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_POOL_QUEUE_H
#define S3ONRAMP_FLOW_POOL_QUEUE_H

#include "flow/upstream/pool.h"

/* A place at @a is free again: the next in the queue is called. */
void pool_give_place(struct pool_address *a, struct pool *p);
/* Once a tick: who has waited for too long, and places that other workers gave up. */
void pool_tick_queue(struct pool *p, struct pool_endpoint *e);

#endif
