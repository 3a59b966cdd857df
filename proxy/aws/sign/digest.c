/* SPDX-License-Identifier: Apache-2.0
 * digest.c: SHA-256, SHA-1 and HMAC with either: EVP as signing uses it.
 * A struct digest owns its fetched algorithm and its contexts and belongs to one thread, as does a struct hmac_key.
 * Source: FIPS 180-4 (SHA), RFC 2104 (HMAC).
 *
 * Fetching an algorithm and making a context cost as much as hashing a short request: both are done once. After that
 * the calls below can only fail by misuse, which is a bug.
 */
#include "aws/sign/digest.h"

#include "base/secret.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { BLOCK = 64 }; /* of SHA-1 and SHA-256 */

struct digest {
    EVP_MD *sha256;   /* owned */
    EVP_MD *sha1;     /* owned */
    EVP_MD_CTX *once; /* owned: digest_sha256 */
    EVP_MD_CTX *hmac; /* owned */
};

struct hmac_key {
    EVP_MD_CTX *inner; /* owned: SHA-256 after key ^ ipad */
    EVP_MD_CTX *outer; /* owned: SHA-256 after key ^ opad */
};

struct digest *digest_new(void)
{
    struct digest *d = calloc(1, sizeof(*d));

    if (!d) return NULL;
    ERR_clear_error();
    d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    d->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    d->once = EVP_MD_CTX_new();
    d->hmac = EVP_MD_CTX_new();
    if (!d->sha256 || !d->sha1 || !d->once || !d->hmac) {
        ERR_clear_error();
        digest_free(&d);
    }
    return d;
}

void digest_free(struct digest **d)
{
    if (!*d) return;
    EVP_MD_CTX_free((*d)->once);
    EVP_MD_CTX_free((*d)->hmac);
    EVP_MD_free((*d)->sha256);
    EVP_MD_free((*d)->sha1);
    free(*d);
    *d = NULL;
}

static void md_begin(const EVP_MD *md, EVP_MD_CTX *ctx)
{
    ASSERT(EVP_DigestInit_ex2(ctx, md, NULL) == 1);
}

static void md_add(EVP_MD_CTX *ctx, const void *data, size_t n)
{
    ASSERT(EVP_DigestUpdate(ctx, data, n) == 1);
}

/* @out: as many bytes as the digest has. */
static void md_end(EVP_MD_CTX *ctx, uint8_t *out)
{
    ASSERT(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

void digest_sha256(struct digest *d, struct str data, uint8_t out[SHA256_BYTES])
{
    md_begin(d->sha256, d->once);
    md_add(d->once, data.p, data.n);
    md_end(d->once, out);
}

static const EVP_MD *algorithm(const struct digest *d, enum digest_kind kind)
{
    if (kind == DIGEST_SHA1) return d ? d->sha1 : EVP_sha1();
    return d ? d->sha256 : EVP_sha256();
}

bool digest_stream_init(struct digest_stream *s, const struct digest *d, enum digest_kind kind)
{
    s->ctx = EVP_MD_CTX_new();
    if (s->ctx && EVP_DigestInit_ex2(s->ctx, algorithm(d, kind), NULL) == 1) return true;
    ERR_clear_error();
    digest_stream_clear(s);
    return false;
}

void digest_stream_add(struct digest_stream *s, struct str data)
{
    md_add(s->ctx, data.p, data.n);
}

/* Without an algorithm EVP_DigestInit_ex2 begins again with the one that the context has. */
size_t digest_stream_end(struct digest_stream *s, uint8_t out[SHA256_BYTES])
{
    unsigned n = 0;

    ASSERT(EVP_DigestFinal_ex(s->ctx, out, &n) == 1);
    ASSERT(EVP_DigestInit_ex2(s->ctx, NULL, NULL) == 1);
    return n;
}

void digest_stream_clear(struct digest_stream *s)
{
    EVP_MD_CTX_free(s->ctx);
    s->ctx = NULL;
}

/* RFC 2104 2: a key longer than a block is replaced by its hash, a shorter one is padded with zeros. */
static void key_block(struct digest *d, const EVP_MD *md, struct str key, uint8_t block[BLOCK])
{
    memset(block, 0, BLOCK);
    if (key.n > BLOCK) {
        md_begin(md, d->once);
        md_add(d->once, key.p, key.n);
        md_end(d->once, block);
    } else if (key.n) {
        memcpy(block, key.p, key.n);
    }
}

/* Begins a hash with key ^ pad. */
static void pad_begin(const EVP_MD *md, EVP_MD_CTX *ctx, const uint8_t key[BLOCK], uint8_t pad)
{
    uint8_t block[BLOCK];

    for (size_t i = 0; i < BLOCK; i++)
        block[i] = key[i] ^ pad;
    md_begin(md, ctx);
    md_add(ctx, block, sizeof block);
    secret_wipe(block, sizeof block);
}

static const uint8_t IPAD = 0x36, OPAD = 0x5c; /* RFC 2104 2 */

/* @out: @mac_bytes, the digest's. */
static void hmac_once(struct digest *d, const EVP_MD *md, struct str key, struct str data, uint8_t *out,
                      size_t mac_bytes)
{
    uint8_t block[BLOCK], inner[SHA256_BYTES];

    key_block(d, md, key, block);
    pad_begin(md, d->hmac, block, IPAD);
    md_add(d->hmac, data.p, data.n);
    md_end(d->hmac, inner);
    pad_begin(md, d->hmac, block, OPAD);
    md_add(d->hmac, inner, mac_bytes);
    md_end(d->hmac, out);
    secret_wipe(block, sizeof block);
    secret_wipe(inner, sizeof inner);
}

void digest_hmac_sha256(struct digest *d, struct str key, struct str data, uint8_t out[SHA256_BYTES])
{
    hmac_once(d, d->sha256, key, data, out, SHA256_BYTES);
}

void digest_hmac_sha1(struct digest *d, struct str key, struct str data, uint8_t out[SHA1_BYTES])
{
    hmac_once(d, d->sha1, key, data, out, SHA1_BYTES);
}

/* With two contexts, still empty. */
static struct hmac_key *key_alloc(void)
{
    struct hmac_key *k = calloc(1, sizeof(*k));

    if (!k) return NULL;
    k->inner = EVP_MD_CTX_new();
    k->outer = EVP_MD_CTX_new();
    if (!k->inner || !k->outer) hmac_key_free(&k);
    return k;
}

struct hmac_key *hmac_key_new(struct digest *d, struct str key)
{
    struct hmac_key *k = key_alloc();
    uint8_t block[BLOCK];

    if (!k) return NULL;
    key_block(d, d->sha256, key, block);
    pad_begin(d->sha256, k->inner, block, IPAD);
    pad_begin(d->sha256, k->outer, block, OPAD);
    secret_wipe(block, sizeof block);
    return k;
}

struct hmac_key *hmac_key_dup(const struct hmac_key *k)
{
    struct hmac_key *copy = key_alloc();

    if (!copy) return NULL;
    if (EVP_MD_CTX_copy_ex(copy->inner, k->inner) != 1 || EVP_MD_CTX_copy_ex(copy->outer, k->outer) != 1) {
        ERR_clear_error();
        hmac_key_free(&copy);
    }
    return copy;
}

/* EVP_MD_CTX_free clears the hash state, which is what the key can be used by. */
void hmac_key_free(struct hmac_key **k)
{
    if (!*k) return;
    EVP_MD_CTX_free((*k)->inner);
    EVP_MD_CTX_free((*k)->outer);
    free(*k);
    *k = NULL;
}

void hmac_key_sign(struct digest *d, const struct hmac_key *k, struct str data, uint8_t out[SHA256_BYTES])
{
    uint8_t inner[SHA256_BYTES];

    ASSERT(EVP_MD_CTX_copy_ex(d->hmac, k->inner) == 1);
    md_add(d->hmac, data.p, data.n);
    md_end(d->hmac, inner);
    ASSERT(EVP_MD_CTX_copy_ex(d->hmac, k->outer) == 1);
    md_add(d->hmac, inner, sizeof inner);
    md_end(d->hmac, out);
}
