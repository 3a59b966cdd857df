/* SPDX-License-Identifier: Apache-2.0
 * explain_try.c: which mistake, or which two, make the signature right. Each is put into the canonical request or the
 * key, and the signature is computed anew. One thread. Owns its scratch memory and wipes the keys.
 */
#include "explain.h"

#include "base/encode.h"
#include "base/secret.h"

#include <stdlib.h>

enum { SLACK = 64 * 1024, MOST_BYTES_HASHED = 1 << 30, TRIAL_COST = 8192, SIGV2_SIGNATURE_BYTES = 28 };

/* What a signature is made of. */
struct recipe {
    struct str date, region, service, key_date, key_region, key_service, timestamp, secret;
};

static struct recipe recipe_of(const struct proof *p)
{
    return (struct recipe){.date = p->v4.date,
                           .region = p->v4.region,
                           .service = p->v4.service,
                           .key_date = p->v4.date,
                           .key_region = p->v4.region,
                           .key_service = p->v4.service,
                           .timestamp = p->timestamp,
                           .secret = str_from(p->pair->secret_access_key)};
}

static bool is_sigv2(const struct proof *p)
{
    return p->kind == AUTH_SIGV2_HEADER || p->kind == AUTH_SIGV2_QUERY;
}

static bool fits_v2(struct digest *d, const struct proof *p, struct str secret, struct str text)
{
    uint8_t mac[SHA1_BYTES];
    char ours[SIGV2_SIGNATURE_BYTES];
    struct sbuf b = sbuf_make(ours, sizeof(ours));

    digest_hmac_sha1(d, secret, text, mac);
    base64_encode(&b, mac, sizeof(mac));
    return secret_equal(sbuf_str(&b), p->signature);
}

/* One worker's keys are cached; here secrets change, so they are derived each time. */
static bool fits_v4(struct digest *d, const struct proof *p, const struct recipe *with, struct str canonical)
{
    char hex[SHA256_HEX];
    struct arena arena;
    struct sigv4_keys *keys = sigv4_keys_new(1);
    const struct hmac_key *key =
        keys ? sigv4_key(keys, d, p->access_key, with->secret, with->key_date, with->key_region, with->key_service)
             : NULL;
    struct str to_sign;

    arena_init(&arena, 1024, SLACK);
    to_sign = sigv4_string_to_sign(d, with->timestamp, with->date, with->region, with->service, canonical, &arena);
    if (key && to_sign.p) sigv4_signature(d, key, to_sign, hex);
    bool fits = key && to_sign.p && secret_equal(str_make(hex, sizeof(hex)), p->signature);
    arena_clear(&arena);
    sigv4_keys_free(&keys);
    return fits;
}

static bool fits(struct digest *d, const struct proof *p, const struct recipe *with, struct str canonical)
{
    return is_sigv2(p) ? fits_v2(d, p, with->secret, canonical) : fits_v4(d, p, with, canonical);
}

bool proof_fits(struct digest *d, const struct proof *proof, struct str canonical)
{
    struct recipe with = recipe_of(proof);

    return fits(d, proof, &with, canonical);
}

static void change_recipe(struct recipe *with, const struct guess *g)
{
    switch (g->kind) {
    case GUESS_REGION: with->region = with->key_region = g->text; break;
    case GUESS_KEY_REGION: with->key_region = g->text; break;
    case GUESS_SERVICE: with->service = with->key_service = g->text; break;
    case GUESS_KEY_SERVICE: with->key_service = g->text; break;
    case GUESS_DAY: with->key_date = g->text; break;
    case GUESS_TIMESTAMP: with->timestamp = g->text; break;
    case GUESS_SECRET: with->secret = g->text; break;
    case GUESS_LINE: break;
    }
}

/* The base with the lines of @a and @b (may be NULL) in place. */
static struct str changed(struct sbuf *scratch, const struct lines *base, const struct guess *a, const struct guess *b)
{
    scratch->n = 0;
    scratch->overflow = false;
    for (size_t i = 0; i < base->n; i++) {
        struct str text = base->v[i];

        if (a->kind == GUESS_LINE && a->line == i) text = a->text;
        if (b && b->kind == GUESS_LINE && b->line == i) text = b->text;
        if (i) sbuf_char(scratch, '\n');
        sbuf_add(scratch, text);
    }
    return scratch->overflow ? STR_NONE : sbuf_str(scratch);
}

static bool try(const struct guesses *g, struct digest *d, const struct proof *p, struct sbuf *scratch,
                const struct guess *a, const struct guess *b)
{
    struct recipe with = recipe_of(p);
    struct str text = changed(scratch, g->base, a, b);

    change_recipe(&with, a);
    if (b) change_recipe(&with, b);
    return text.p && fits(d, p, &with, text);
}

/* Two changes of one thing are one change. */
static bool can_go_together(const struct guess *a, const struct guess *b)
{
    return a->kind != b->kind || (a->kind == GUESS_LINE && a->line != b->line);
}

static size_t try_pairs(const struct guesses *g, struct digest *d, const struct proof *p, struct sbuf *scratch,
                        const struct guess *found[2])
{
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = i + 1; j < g->n; j++) {
            if (!can_go_together(&g->v[i], &g->v[j]) || !try(g, d, p, scratch, &g->v[i], &g->v[j])) continue;
            found[0] = &g->v[i];
            found[1] = &g->v[j];
            return 2;
        }
    return 0;
}

size_t guesses_try(const struct guesses *g, struct digest *d, const struct proof *proof, const struct guess *found[2],
                   bool *thorough)
{
    size_t bytes = SLACK, n = 0;

    for (size_t i = 0; i < g->base->n; i++)
        bytes += g->base->v[i].n + 1;
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].text.n + SLACK > bytes) bytes = g->v[i].text.n + SLACK;
    struct sbuf scratch = sbuf_make(malloc(3 * bytes), 3 * bytes);
    ASSERT(scratch.p);
    *thorough = g->n * g->n / 2 < (size_t)MOST_BYTES_HASHED / (bytes - SLACK + TRIAL_COST);
    for (size_t i = 0; i < g->n && !n; i++) {
        if (!try(g, d, proof, &scratch, &g->v[i], NULL)) continue;
        found[0] = &g->v[i];
        n = 1;
    }
    if (!n && *thorough) n = try_pairs(g, d, proof, &scratch, found);
    free(scratch.p);
    return n;
}
