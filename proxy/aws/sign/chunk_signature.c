/* SPDX-License-Identifier: Apache-2.0
 * chunk_signature.c: the running signature of a body in signed chunks. Pure; one thread. Owns its copy of the signing
 * key, the hash of the current chunk and the string to sign, which is laid out once and filled in per chunk:
 *
 *     chunk                        trailers
 *     AWS4-HMAC-SHA256-PAYLOAD     AWS4-HMAC-SHA256-TRAILER
 *     timestamp                    timestamp
 *     date/region/s3/aws4_request  date/region/s3/aws4_request
 *     previous signature           signature of the last chunk
 *     SHA-256 of nothing           SHA-256 of the canonical trailers
 *     SHA-256 of the content
 *
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in
 * Multiple Chunks" and "… Including Trailing Headers (Chunked Upload)".
 */
#include "aws/sign/chunk_signature.h"

#include "aws/sign/sigv4.h"
#include "base/encode.h"
#include "base/secret.h"

#include <stdlib.h>

/* Of one length, so that the rest of the text can stay where it is. */
static const char CHUNK_ALGORITHM[] = "AWS4-HMAC-SHA256-PAYLOAD", TRAILER_ALGORITHM[] = "AWS4-HMAC-SHA256-TRAILER";
_Static_assert(sizeof CHUNK_ALGORITHM == sizeof TRAILER_ALGORITHM, "the string to sign is laid out once");

enum { LINE = SHA256_HEX + 1, TAIL_BYTES = 3 * LINE - 1 }; /* from the previous signature on */

static bool lay_out_text(struct chunk_signature *cs, struct str timestamp, struct str date, struct str region,
                         struct str service, struct str seed_signature)
{
    const struct str head[] = {
        STR(CHUNK_ALGORITHM),  STR("\n"), timestamp, STR("\n"), date, STR("/"), region, STR("/"), service,
        STR("/aws4_request\n")};
    size_t n = TAIL_BYTES;

    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        n += head[i].n;
    cs->text = malloc(n);
    if (!cs->text) return false;

    struct sbuf b = sbuf_make(cs->text, n);
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        sbuf_add(&b, head[i]);
    cs->previous_at = b.n;
    sbuf_add(&b, seed_signature);
    sbuf_char(&b, '\n');
    sbuf_add(&b, SIGV4_EMPTY_SHA256);
    sbuf_char(&b, '\n');
    ASSERT(!b.overflow);
    return true;
}

bool chunk_signature_begin(struct chunk_signature *cs, struct digest *digest, const struct hmac_key *key,
                           struct str timestamp, struct str date, struct str region, struct str service,
                           struct str seed_signature)
{
    ASSERT(seed_signature.n == SHA256_HEX);
    *cs = (struct chunk_signature){.digest = digest, .key = hmac_key_dup(key)};
    if (cs->key && digest_stream_init(&cs->data, digest, DIGEST_SHA256) &&
        lay_out_text(cs, timestamp, date, region, service, seed_signature))
        return true;
    chunk_signature_clear(cs);
    return false;
}

void chunk_signature_clear(struct chunk_signature *cs)
{
    hmac_key_free(&cs->key);
    digest_stream_clear(&cs->data);
    if (cs->text) secret_wipe(cs->text, cs->previous_at + TAIL_BYTES);
    free(cs->text);
    *cs = (struct chunk_signature){.text = NULL};
}

void chunk_signature_add(struct chunk_signature *cs, struct str data)
{
    digest_stream_add(&cs->data, data);
}

static void put_hex(char *to, const uint8_t bytes[SHA256_BYTES])
{
    struct sbuf b = sbuf_make(to, SHA256_HEX);

    hex_lower(&b, bytes, SHA256_BYTES);
}

void chunk_signature_end_chunk(struct chunk_signature *cs, char out_hex[SHA256_HEX])
{
    char *previous = cs->text + cs->previous_at;
    uint8_t hash[SHA256_BYTES];

    digest_stream_end(&cs->data, hash);
    put_hex(previous + 2 * LINE, hash);
    sigv4_signature(cs->digest, cs->key, str_make(cs->text, cs->previous_at + TAIL_BYTES), out_hex);
    memcpy(previous, out_hex, SHA256_HEX);
}

void chunk_signature_end_trailer(struct chunk_signature *cs, struct str canonical_trailers, char out_hex[SHA256_HEX])
{
    uint8_t hash[SHA256_BYTES];

    digest_sha256(cs->digest, canonical_trailers, hash);
    memcpy(cs->text, TRAILER_ALGORITHM, sizeof TRAILER_ALGORITHM - 1);
    put_hex(cs->text + cs->previous_at + LINE, hash);
    sigv4_signature(cs->digest, cs->key, str_make(cs->text, cs->previous_at + 2 * LINE - 1), out_hex);
}
