/* SPDX-License-Identifier: Apache-2.0
 * endpoints.h: keeps the address table: addresses from the settings or DNS, probed and judged, published to the workers
 * when something changed. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_ROAD_ENDPOINTS_H
#define S3ONRAMP_CONTROL_ROAD_ENDPOINTS_H

#include "flow/worker.h"

struct endpoints;

/* @settings, @workers: borrowed, must outlive it; the workers are initialised and not started: each gets the first
 * table. */
MUST_CHECK enum err_code endpoints_new(struct loop *loop, const struct settings *settings, struct worker *workers,
                                       size_t workers_n, struct endpoints **out, struct err *err);
void endpoints_free(struct endpoints **e);
/* Once a tick: collects what workers saw, starts probes and questions to DNS that are due, publishes. */
void endpoints_tick(struct endpoints *e);
/* The table in force; borrowed until the next tick. */
struct address_table *endpoints_table(const struct endpoints *e);

#endif
