/* SPDX-License-Identifier: Apache-2.0
 * digest.h: SHA-256, SHA-1 and HMAC. A struct digest belongs to one thread.
 * Source: FIPS 180-4, RFC 2104.
 */
#ifndef S3ONRAMP_AWS_SIGN_DIGEST_H
#define S3ONRAMP_AWS_SIGN_DIGEST_H

#include "base/err.h"
#include "base/str.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 64, SHA1_BYTES = 20, MD5_BYTES = 16 };

struct digest; /* fetched algorithms and contexts that are used again and again */

MUST_CHECK struct digest *digest_new(void); /* NULL: OpenSSL cannot */
void digest_free(struct digest **d);

void digest_sha256(struct digest *d, struct str data, uint8_t out[SHA256_BYTES]);

/* A hash of one's own, for what comes piece by piece while others use the thread's struct digest. One thread each. */
enum digest_kind { DIGEST_SHA1, DIGEST_SHA256 };
struct digest_stream {
    void *ctx; /* owned: EVP_MD_CTX; a void *, so that nobody else needs OpenSSL's headers */
};
/* Begins. @d: whose algorithm is used, which saves looking it up; NULL: it is looked up. False: out of memory; @s is
 * then as after digest_stream_clear. */
MUST_CHECK bool digest_stream_init(struct digest_stream *s, const struct digest *d, enum digest_kind kind);
void digest_stream_add(struct digest_stream *s, struct str data);
/* Gives the hash of what was added (SHA256_BYTES or SHA1_BYTES, which it returns) and begins anew. */
size_t digest_stream_end(struct digest_stream *s, uint8_t out[SHA256_BYTES]);
void digest_stream_clear(struct digest_stream *s); /* wipes; zeroed memory is fine */

void digest_hmac_sha256(struct digest *d, struct str key, struct str data, uint8_t out[SHA256_BYTES]);
void digest_hmac_sha1(struct digest *d, struct str key, struct str data, uint8_t out[SHA1_BYTES]);

/* A key prepared once: inner and outer midstates. Belongs to one thread. */
struct hmac_key;
MUST_CHECK struct hmac_key *hmac_key_new(struct digest *d, struct str key);
/* A copy that does not depend on @k's life. NULL: out of memory. */
MUST_CHECK struct hmac_key *hmac_key_dup(const struct hmac_key *k);
void hmac_key_free(struct hmac_key **k); /* wipes */
void hmac_key_sign(struct digest *d, const struct hmac_key *k, struct str data, uint8_t out[SHA256_BYTES]);

#endif
