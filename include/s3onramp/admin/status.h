/* SPDX-License-Identifier: Apache-2.0
 * status.h: the state of the proxy as JSON: endpoints, DNS, addresses, credentials, logs, counters. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_STATUS_H
#define S3ONRAMP_ADMIN_STATUS_H

#include "control/logs.h"
#include "flow/runtime.h"
#include "flow/upstream/address.h"
#include "keys/credentials.h"

#include <jansson.h>

/* @now_us: monotonic. Times are told as seconds before or after now. The caller owns the object; NULL: out of memory.
 */
MUST_CHECK json_t *status_json(const struct runtime *rt, const struct address_table *t,
                               const struct credential_store *credentials, const struct logs *logs, int64_t started_us,
                               int64_t now_us);

#endif
