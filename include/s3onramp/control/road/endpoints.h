/* SPDX-License-Identifier: Apache-2.0
 * endpoints.h: keeps the address table: addresses from the settings or DNS, probed and judged, published to the workers
 * when something changed. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_ROAD_ENDPOINTS_H
#define S3ONRAMP_CONTROL_ROAD_ENDPOINTS_H

#include "flow/worker.h"

struct endpoints;

/* @s: the newest snapshot, there until endpoints_follow names another one. @workers: borrowed, must outlive it; they
 * are initialised and not started: each gets the first table. */
MUST_CHECK enum err_code endpoints_new(struct loop *loop, struct snapshot *s, struct worker *workers, size_t workers_n,
                                       struct endpoints **out, struct err *err);
void endpoints_free(struct endpoints **e);
/* @s takes the place of the snapshot before, which is still there during the call: what is the same goes on, with its
 * states and probes. A table is published; workers keep what they knew last of an endpoint that is no longer in it, as
 * long as requests that began before may want it. What cannot be done for lack of memory is said in the log. */
void endpoints_follow(struct endpoints *e, struct snapshot *s);
/* Once a tick: collects what workers saw, starts probes and questions to DNS that are due, publishes. */
void endpoints_tick(struct endpoints *e);
/* The table in force; borrowed until the next tick. */
struct address_table *endpoints_table(const struct endpoints *e);

#endif
