/* SPDX-License-Identifier: Apache-2.0
 * status_json.h: parts of `status` that other answers have, too.
 */
#ifndef S3ONRAMP_ADMIN_STATUS_JSON_H
#define S3ONRAMP_ADMIN_STATUS_JSON_H

#include "control/server.h"

#include <jansson.h>

/* An endpoint, its addresses and how they are. @now_us: monotonic. */
json_t *status_endpoint_json(const struct endpoint_conf *set, const struct table_endpoint *t, const struct stats *stats,
                             int64_t now_us);
/* Connections of clients. */
json_t *status_connections_json(const struct limits *l);

#endif
