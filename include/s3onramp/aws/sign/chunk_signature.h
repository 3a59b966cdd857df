/* SPDX-License-Identifier: Apache-2.0
 * chunk_signature.h: the running signature of a body in signed chunks: each chunk's signature covers the one before,
 * the first the signature of the head. Pure; a struct chunk_signature belongs to the thread of its struct digest and
 * to one body. For verifying and for signing.
 * Source: S3 API Reference, "Signature Calculations … Transferring Payload in Multiple Chunks" and "… Including
 * Trailing Headers".
 */
#ifndef S3ONRAMP_AWS_SIGN_CHUNK_SIGNATURE_H
#define S3ONRAMP_AWS_SIGN_CHUNK_SIGNATURE_H

#include "aws/sign/digest.h"

struct chunk_signature {
    struct digest *digest;     /* borrowed */
    struct hmac_key *key;      /* owned: a copy, as the cache may drop its own while the body is on its way */
    struct digest_stream data; /* owned: of the current chunk; others use the digest between two pieces of it */
    char *text;                /* owned: string to sign of the current chunk, its hash not yet filled in */
    size_t previous_at;        /* where in @text the previous signature stands */
};

/* @digest: lives as long as the struct. @key: for the scope, copied. @timestamp: yyyymmddThhmmssZ of the request.
 * @date, @region, @service: its scope. @seed_signature: of the head, 64 hex digits. All texts are copied.
 * False: out of memory; @cs is then as after chunk_signature_clear. */
MUST_CHECK bool chunk_signature_begin(struct chunk_signature *cs, struct digest *digest, const struct hmac_key *key,
                                      struct str timestamp, struct str date, struct str region, struct str service,
                                      struct str seed_signature);
/* Wipes and gives everything back. Zeroed memory is fine, and so is a second call. */
void chunk_signature_clear(struct chunk_signature *cs);

/* Content of the current chunk, in pieces. */
void chunk_signature_add(struct chunk_signature *cs, struct str data);
/* Ends the current chunk: @out_hex becomes its signature, which is the previous one for the next chunk. The last chunk
 * has no content. */
void chunk_signature_end_chunk(struct chunk_signature *cs, char out_hex[SHA256_HEX]);
/* After the last chunk: the signature of the trailers. @canonical_trailers: "name:value\n" each, names in lower case
 * and sorted, values without space at their ends, without x-amz-trailer-signature; may be empty. */
void chunk_signature_end_trailer(struct chunk_signature *cs, struct str canonical_trailers, char out_hex[SHA256_HEX]);

#endif
