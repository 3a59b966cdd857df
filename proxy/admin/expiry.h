/* SPDX-License-Identifier: Apache-2.0
 * expiry.h: what ends, and when: certificates, the local authority, clients and their key pairs, keys of AWS that are
 * not renewed. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_EXPIRY_H
#define S3ONRAMP_ADMIN_EXPIRY_H

#include "control/server.h"

#include <jansson.h>

/* Walks over all: zeroed at first, but for what is borrowed and .within_s. */
struct expiry {
    const struct snapshot *snapshot;            /* borrowed */
    const struct credential_store *credentials; /* borrowed */
    int64_t now_s, within_s;                    /* Unix time; seconds from then on */
    unsigned kind;                              /* of the next one */
    size_t at;                                  /* among its kind */
};

/* The next one that ends within .within_s and has not yet, {"what": "certificate of [listener a]", "expires_s": …},
 * which the caller owns. NULL: there are no more, or no memory. */
MUST_CHECK json_t *expiry_next(struct expiry *x);

#endif
