/* SPDX-License-Identifier: Apache-2.0
 * password.h: hashes of passwords: the one door to crypt(3). Any thread; each call takes 50 to 100 ms and up to some
 * MiB: never on an event loop. Owns nothing.
 * Source: crypt(3), crypt(5) of libxcrypt.
 */
#ifndef S3ONRAMP_BASE_PASSWORD_H
#define S3ONRAMP_BASE_PASSWORD_H

#include "base/err.h"
#include "base/str.h"

enum { PASSWORD_MAX = 255, PASSWORD_HASH_MAX = 384 };

/* True if @hash is the hash of a password by a method that is still good. */
bool password_hash_valid(const char *hash);
/* The hash of @password (1 to PASSWORD_MAX bytes, no NUL) by the system's preferred method, with a salt of its own.
 * ERR_NO_MEMORY, ERR_INTERNAL. */
MUST_CHECK enum err_code password_hash(struct str password, char out[PASSWORD_HASH_MAX], struct err *err);
/* True if @hash is a hash of @password. False also when out of memory. */
MUST_CHECK bool password_matches(struct str password, const char *hash);

#endif
