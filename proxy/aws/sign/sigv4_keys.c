/* SPDX-License-Identifier: Apache-2.0
 * sigv4_keys.c: the cache of derived signing keys, declared in aws/sigv4.h. Owns copies of secrets and keys, wiped
 * when replaced and at the end. One thread.
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header", task 3 (signing key).
 */
#include "aws/sign/sigv4.h"

#include "base/map.h"
#include "base/secret.h"

#include <stdlib.h>

enum {
    PARTS = 4,        /* access key, date, region, service */
    PROOF_BYTES = 64, /* a secret up to this length is kept as it is, a longer one as its SHA-256 */
};

struct key_slot {
    struct hmac_key *key;    /* owned; NULL: empty slot */
    char *id;                /* owned: the parts, one behind the other */
    size_t part_n[PARTS];    /* their lengths */
    char proof[PROOF_BYTES]; /* of the secret, wiped */
    size_t proof_n, secret_n;
};

struct sigv4_keys {
    struct hash_key hash_key;
    size_t n;                /* below 2^32 */
    struct key_slot slots[]; /* direct-mapped by the hash of the parts */
};

struct sigv4_keys *sigv4_keys_new(size_t slots)
{
    if (slots == 0) slots = 1;
    if (slots > UINT32_MAX || slots > (SIZE_MAX - sizeof(struct sigv4_keys)) / sizeof(struct key_slot)) return NULL;

    struct sigv4_keys *k = calloc(1, sizeof(*k) + slots * sizeof k->slots[0]);
    if (!k) return NULL;
    hash_key_random(&k->hash_key);
    k->n = slots;
    return k;
}

static void slot_clear(struct key_slot *s)
{
    hmac_key_free(&s->key);
    free(s->id);
    secret_wipe(s->proof, sizeof s->proof);
    *s = (struct key_slot){.key = NULL};
}

void sigv4_keys_free(struct sigv4_keys **k)
{
    if (!*k) return;
    for (size_t i = 0; i < (*k)->n; i++)
        slot_clear(&(*k)->slots[i]);
    free(*k);
    *k = NULL;
}

static struct key_slot *slot_of(struct sigv4_keys *k, const struct str parts[PARTS])
{
    struct hash_key key = k->hash_key;

    for (size_t i = 0; i < PARTS; i++)
        key.k[0] = hash_keyed(&key, parts[i]);
    return &k->slots[(key.k[0] >> 32) * k->n >> 32];
}

static bool slot_has(const struct key_slot *s, const struct str parts[PARTS])
{
    const char *id = s->id;

    if (!s->key) return false;
    for (size_t i = 0; i < PARTS; id += s->part_n[i], i++)
        if (!str_eq(str_make(id, s->part_n[i]), parts[i])) return false;
    return true;
}

static struct str secret_proof(struct digest *d, struct str secret, uint8_t hash[SHA256_BYTES])
{
    if (secret.n <= PROOF_BYTES) return secret;
    digest_sha256(d, secret, hash);
    return str_make((const char *)hash, SHA256_BYTES);
}

/* kDate = HMAC("AWS4" + secret, date), kRegion = HMAC(kDate, region), kService = HMAC(kRegion, service),
 * kSigning = HMAC(kService, "aws4_request"). NULL: out of memory. */
static struct hmac_key *derive(struct digest *d, struct str secret, const struct str parts[PARTS])
{
    uint8_t k[SHA256_BYTES];
    const struct str key = {(const char *)k, sizeof k}, prefix = STR("AWS4");
    struct sbuf first = {malloc(prefix.n + secret.n), 0, prefix.n + secret.n, false};

    if (!first.p) return NULL;
    sbuf_add(&first, prefix);
    sbuf_add(&first, secret);
    digest_hmac_sha256(d, sbuf_str(&first), parts[1], k);
    secret_wipe(first.p, first.cap);
    free(first.p);

    digest_hmac_sha256(d, key, parts[2], k);
    digest_hmac_sha256(d, key, parts[3], k);
    digest_hmac_sha256(d, key, STR("aws4_request"), k);
    struct hmac_key *signing = hmac_key_new(d, key);
    secret_wipe(k, sizeof k);
    return signing;
}

/* Fills the empty slot @s; leaves it empty when out of memory. */
static const struct hmac_key *slot_fill(struct key_slot *s, struct digest *d, struct str secret, struct str proof,
                                        const struct str parts[PARTS])
{
    size_t id_n = 0;

    for (size_t i = 0; i < PARTS; i++)
        id_n += parts[i].n;
    s->id = malloc(id_n + 1);
    s->key = s->id ? derive(d, secret, parts) : NULL;
    if (!s->key) {
        slot_clear(s);
        return NULL;
    }
    struct sbuf id = sbuf_make(s->id, id_n);
    for (size_t i = 0; i < PARTS; i++) {
        sbuf_add(&id, parts[i]);
        s->part_n[i] = parts[i].n;
    }
    if (proof.n) memcpy(s->proof, proof.p, proof.n);
    s->proof_n = proof.n;
    s->secret_n = secret.n;
    return s->key;
}

const struct hmac_key *sigv4_key(struct sigv4_keys *k, struct digest *d, struct str access_key, struct str secret,
                                 struct str date, struct str region, struct str service)
{
    const struct str parts[PARTS] = {access_key, date, region, service};
    uint8_t hash[SHA256_BYTES];
    struct key_slot *s = slot_of(k, parts);
    struct str proof = secret_proof(d, secret, hash);
    const struct hmac_key *key = NULL;
    /* memcmp will do: both secrets come from the configuration, so its time tells a client nothing that it chose */
    if (slot_has(s, parts) && s->secret_n == secret.n && str_eq(str_make(s->proof, s->proof_n), proof)) {
        key = s->key;
    } else {
        slot_clear(s);
        key = slot_fill(s, d, secret, proof, parts);
    }
    secret_wipe(hash, sizeof hash);
    return key;
}
