/* SPDX-License-Identifier: Apache-2.0
 * stats_json.h: counters as JSON, from the table of flow/stats.h.
 */
#ifndef S3ONRAMP_ADMIN_STATS_JSON_H
#define S3ONRAMP_ADMIN_STATS_JSON_H

#include "flow/stats.h"

#include <jansson.h>

/* Adds a member to @object (NULL: nothing) for each family of @group: of row @id a number, {label: number}, without
 * zeros {label: {label: number}}, or what a histogram has: {"count", "sum_us", "within_us": {bound: number}}, or those
 * of its labels that have any. Returns @object. */
json_t *stats_json_add(json_t *object, const struct stats *s, enum stats_group group, uint32_t id);

#endif
