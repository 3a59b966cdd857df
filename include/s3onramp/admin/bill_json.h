/* SPDX-License-Identifier: Apache-2.0
 * bill_json.h: a month's bill as JSON, whoever makes it: the running proxy (command cost), or `s3onramp cost` without
 * one. Costs are texts with all nine decimals, so that nobody rounds them on the way.
 */
#ifndef S3ONRAMP_ADMIN_BILL_JSON_H
#define S3ONRAMP_ADMIN_BILL_JSON_H

#include "control/bill.h"

#include <jansson.h>

/* NULL: @word is none of them. */
MUST_CHECK bool bill_by_word(const char *word, enum bill_by *by);
/* @p may be NULL: without money. NULL: out of memory. */
MUST_CHECK json_t *bill_json(const struct ledger *l, const struct prices *p, int64_t now_s, enum bill_by by);

#endif
