/* SPDX-License-Identifier: Apache-2.0
 * digest_stream.h: SHA-1 and SHA-256 over many calls, for checksum.c: keeps EVP in digest.c. One thread per stream.
 * Source: FIPS 180-4.
 */
#ifndef S3ONRAMP_AWS_DIGEST_STREAM_H
#define S3ONRAMP_AWS_DIGEST_STREAM_H

#include "aws/sign/digest.h"

enum digest_kind { DIGEST_SHA1, DIGEST_SHA256 };
enum { DIGEST_STREAM_MAX_BYTES = SHA256_BYTES };

/* An EVP_MD_CTX behind a void *, so that nobody else needs OpenSSL's headers. NULL: out of memory. */
MUST_CHECK void *digest_stream_new(enum digest_kind kind);
void digest_stream_add(void *stream, const char *data, size_t n);
/* Ends it; returns how many bytes of @out were written. */
size_t digest_stream_end(void *stream, uint8_t out[DIGEST_STREAM_MAX_BYTES]);
void digest_stream_free(void *stream); /* NULL is fine */

#endif
