/* SPDX-License-Identifier: Apache-2.0
 * keyring.c: see keyring.h.
 */
#include "flow/upstream/keyring.h"

#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------- sets of keys */

static char *copy(const char *s)
{
    return s ? strdup(s) : NULL;
}

struct credentials *credentials_new(uint64_t version, const char *access_key_id, const char *secret_access_key,
                                    const char *session_token, int64_t expires_s)
{
    struct credentials *c = calloc(1, sizeof(*c));

    if (!c) return NULL;
    atomic_init(&c->refs, 1);
    c->version = version;
    c->usable = true;
    c->access_key_id = copy(access_key_id);
    c->secret_access_key = copy(secret_access_key);
    c->session_token = copy(session_token);
    c->expires_s = expires_s;
    if (!c->access_key_id || !c->secret_access_key || (session_token && !c->session_token)) credentials_unref(&c);
    return c;
}

struct credentials *credentials_none(uint64_t version, bool hopeless, const char *why)
{
    struct credentials *c = calloc(1, sizeof(*c));

    if (!c) return NULL;
    atomic_init(&c->refs, 1);
    c->version = version;
    c->hopeless = hopeless;
    snprintf(c->why, sizeof(c->why), "%s", why);
    return c;
}

struct credentials *credentials_ref(struct credentials *c)
{
    if (c) atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void credentials_unref(struct credentials **cp)
{
    struct credentials *c = *cp;

    *cp = NULL;
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
    secret_free(&c->access_key_id);
    secret_free(&c->secret_access_key);
    secret_free(&c->session_token);
    free(c);
}

void credentials_mask(const char *access_key_id, char *out, size_t cap)
{
    size_t n = strlen(access_key_id);

    snprintf(out, cap, "%.4s…%s", access_key_id, n >= 12 ? access_key_id + n - 4 : "");
}

/* ------------------------------------------------------------- slots */

/* The sections first, then for each section with sessions per client one slot per client. */
size_t credentials_slots(const struct settings *s)
{
    size_t n = s->credentials_n;

    for (size_t i = 0; i < s->credentials_n; i++)
        if (s->credentials[i].per_client) n += s->clients_n;
    return n;
}

size_t credentials_slot(const struct settings *s, const struct credentials_conf *set,
                        const struct principal_conf *client)
{
    size_t slot = s->credentials_n;

    if (!set->per_client || !client) return (size_t)(set - s->credentials);
    for (const struct credentials_conf *before = s->credentials; before < set; before++)
        if (before->per_client) slot += s->clients_n;
    return slot + (size_t)(client - s->clients);
}

struct key_needs *key_needs_new(size_t n)
{
    struct key_needs *needs = calloc(1, sizeof(*needs) + n * sizeof(needs->v[0]));

    if (needs) needs->n = n;
    return needs;
}

/* ------------------------------------------------------------- the worker's */

enum err_code keyring_init(struct keyring *k, struct loop *loop, struct key_needs *needs, struct err *err)
{
    *k = (struct keyring){.loop = loop, .needs = needs, .n = needs->n};
    k->slots = calloc(k->n + 1, sizeof(*k->slots));
    if (!k->slots) {
        k->n = 0;
        return err_set(err, ERR_NO_MEMORY, 0, "credentials");
    }
    for (size_t i = 0; i < k->n; i++)
        atomic_init(&k->slots[i].offered, NULL);
    return ERR_NONE;
}

void keyring_clear(struct keyring *k)
{
    for (size_t i = 0; i < k->n; i++) {
        struct credentials *c = atomic_exchange(&k->slots[i].offered, NULL);

        credentials_unref(&c);
        credentials_unref(&k->slots[i].now);
    }
    free(k->slots);
    k->slots = NULL;
    k->n = 0;
}

/* What is in force in @slot, with what was offered up to now. */
static struct credentials *newest(struct keyring_slot *slot)
{
    struct credentials *c = atomic_exchange_explicit(&slot->offered, NULL, memory_order_acq_rel);

    if (c) {
        credentials_unref(&slot->now);
        slot->now = c;
    }
    return slot->now;
}

const struct credentials *keyring_now(struct keyring *k, size_t slot)
{
    return newest(&k->slots[slot]);
}

/* ------------------------------------------------------------- who waits */

static void unlink_lease(struct key_lease *l)
{
    if (!l->at) return;
    *l->at = l->next;
    if (l->next) l->next->at = l->at;
    l->at = NULL;
    l->next = NULL;
}

static void link_lease(struct key_lease **list, struct key_lease *l)
{
    if (l->at) return;
    l->next = *list;
    l->at = list;
    if (l->next) l->next->at = &l->next;
    *list = l;
}

void keyring_leave(struct key_lease *l)
{
    unlink_lease(l);
    l->since_us = 0;
}

/* Each once: who still waits then stands in the list again. */
static void run_waiting(struct keyring *k)
{
    struct key_lease *todo = k->waiting, *l;

    k->waiting = NULL;
    if (todo) todo->at = &todo;
    while ((l = todo)) {
        unlink_lease(l);
        link_lease(&k->waiting, l);
        loop_task_run(l->owner);
    }
}

static void collect(struct keyring *k)
{
    if (!atomic_exchange_explicit(&k->news, false, memory_order_acq_rel)) return;
    for (size_t i = 0; i < k->n; i++)
        newest(&k->slots[i]);
}

static void on_news(void *arg)
{
    collect(arg);
    run_waiting(arg);
}

void keyring_offer(struct keyring *k, size_t slot, struct credentials *c)
{
    struct credentials *old =
        atomic_exchange_explicit(&k->slots[slot].offered, credentials_ref(c), memory_order_acq_rel);

    credentials_unref(&old);
    atomic_store_explicit(&k->news, true, memory_order_release);
    if (!loop_post(k->loop, on_news, k)) LOG(LOG_WARN, "out of memory: new credentials are taken up later");
}

void keyring_tick(struct keyring *k)
{
    on_news(k);
}

/* ------------------------------------------------------------- leases */

static void note_use(struct key_need *need, int64_t now_us)
{
    /* Once a second is enough, and spares the other workers' caches. */
    if (now_us - atomic_load_explicit(&need->used_us, memory_order_relaxed) > 1000000)
        atomic_store_explicit(&need->used_us, now_us, memory_order_relaxed);
}

static void wake_control(const struct keyring *k)
{
    if (k->needs->wake) k->needs->wake(k->needs->arg);
}

static bool may_use(const struct key_lease *l, const struct credentials *c)
{
    return c && c->usable && c->version > l->refused && (!c->expires_s || c->expires_s > clock_wall_us() / 1000000);
}

/* The keys that S3 refused were asked for anew since @l waits, and that has ended. */
static bool renewal_is_over(const struct key_lease *l, struct key_need *need)
{
    int64_t renewed = atomic_load(&need->renewed_us);

    return l->refused && l->since_us && renewed > l->since_us;
}

static void wait_for_keys(struct keyring *k, struct key_lease *l, struct loop_task *owner)
{
    l->owner = owner;
    link_lease(&k->waiting, l);
    if (l->since_us) return;
    l->since_us = k->loop->now_us;
    wake_control(k);
}

enum keys_result keyring_take(struct keyring *k, size_t slot, struct key_lease *l, uint64_t wait_ms,
                              struct loop_task *owner)
{
    struct key_need *need = &k->needs->v[slot];
    bool over = renewal_is_over(l, need); /* before the look at what it gave */
    struct credentials *now = newest(&k->slots[slot]);

    note_use(need, k->loop->now_us);
    if (may_use(l, now)) {
        credentials_unref(&l->keys);
        l->keys = credentials_ref(now);
        keyring_leave(l);
        return KEYS_TAKEN;
    }
    wait_for_keys(k, l, owner);
    if (!over && !(now && now->hopeless) && k->loop->now_us - l->since_us < (int64_t)wait_ms * 1000) return KEYS_WAIT;
    keyring_leave(l);
    return KEYS_NONE;
}

bool keyring_refused(struct keyring *k, size_t slot, struct key_lease *l)
{
    struct key_need *need = &k->needs->v[slot];
    int64_t renewed = atomic_load(&need->renewed_us); /* before the look at what it gave */
    const struct credentials *now = newest(&k->slots[slot]);
    uint64_t version = l->keys->version;

    if (l->refused) return false; /* once per lease */
    l->refused = version;
    if (now && now->usable && now->version > version) return true;
    if (renewed && k->loop->now_us - renewed < (int64_t)KEYS_RENEW_MS * 1000) return false;
    if (atomic_load_explicit(&need->refused, memory_order_relaxed) < version)
        atomic_store_explicit(&need->refused, version, memory_order_relaxed);
    wake_control(k);
    return true;
}
