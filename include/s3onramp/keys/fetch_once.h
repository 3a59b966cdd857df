/* SPDX-License-Identifier: Apache-2.0
 * fetch_once.h: fetches the keys of one [credentials] section outside of a running proxy, for commands. One thread,
 * with a loop of its own.
 */
#ifndef S3ONRAMP_KEYS_FETCH_ONCE_H
#define S3ONRAMP_KEYS_FETCH_ONCE_H

#include "config/config.h"
#include "keys/source.h"

/* Blocks until it has them or knows why not (@out->outcome, why). @client: whose session, or NULL. The caller clears
 * @out->keys. Another error than ERR_NONE: it could not even be tried. */
MUST_CHECK enum err_code fetch_once(const struct settings *s, const struct credentials_conf *set, const char *client,
                                    struct source_result *out, struct err *err);

#endif
