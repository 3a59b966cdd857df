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

static struct credentials *credentials_ref(struct credentials *c)
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

/* ------------------------------------------------------------- slots and needs */

struct key_slot key_slot_of(const struct credentials_conf *set, const struct principal_conf *client)
{
    if (!set->per_client || !client) return (struct key_slot){.section = set->id};
    return (struct key_slot){set->id, client->id, client->name};
}

/* What maps know a slot by: the numbers that a need begins with. */
_Static_assert(offsetof(struct key_slot, principal) == sizeof(uint32_t) && offsetof(struct key_slot, section) == 0 &&
                   offsetof(struct key_need, principal) == sizeof(uint32_t) && offsetof(struct key_need, section) == 0,
               "both begin alike");

static struct str key_of(const void *numbers)
{
    return str_make(numbers, 2 * sizeof(uint32_t));
}

struct key_needs *key_needs_new(void)
{
    struct key_needs *n = calloc(1, sizeof(*n));

    if (!n) return NULL;
    pthread_mutex_init(&n->lock, NULL);
    map_init(&n->map);
    return n;
}

static void free_need(struct key_need *need)
{
    free(need->client);
    free(need);
}

void key_needs_free(struct key_needs **np)
{
    struct key_needs *n = *np;
    size_t at = 0;
    void *need;

    *np = NULL;
    if (!n) return;
    while ((need = map_next(&n->map, &at)))
        free_need(need);
    map_clear(&n->map);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

static struct key_need *add_need(struct key_needs *n, const struct key_slot *slot)
{
    struct key_need *need = calloc(1, sizeof(*need));

    if (!need) return NULL;
    need->section = slot->section;
    need->principal = slot->principal;
    need->client = copy(slot->client);
    if ((!slot->client || need->client) && map_put(&n->map, key_of(need), need)) return need;
    free_need(need);
    return NULL;
}

struct key_need *key_needs_get(struct key_needs *n, const struct key_slot *slot)
{
    struct key_need *need;

    pthread_mutex_lock(&n->lock);
    need = map_get(&n->map, key_of(slot));
    if (!need) need = add_need(n, slot);
    pthread_mutex_unlock(&n->lock);
    return need;
}

static void tell(struct key_needs *n, struct key_need *need)
{
    if (!atomic_exchange(&need->told, true)) {
        need->next_told = atomic_load(&n->told);
        while (!atomic_compare_exchange_weak(&n->told, &need->next_told, need))
            ;
    }
    if (n->wake) n->wake(n->arg);
}

struct key_need *key_needs_take_told(struct key_needs *n)
{
    struct key_need *first = atomic_exchange(&n->told, NULL);

    return first;
}

/* ------------------------------------------------------------- the worker's */

struct keyring_offer {
    struct keyring_offer *next;
    struct key_need *need;
    struct credentials *keys; /* one reference, or NULL */
};

void keyring_init(struct keyring *k, struct loop *loop, struct key_needs *needs)
{
    *k = (struct keyring){.loop = loop, .needs = needs};
    map_init(&k->slots);
}

static void free_offers(struct keyring_offer *o)
{
    while (o) {
        struct keyring_offer *next = o->next;

        credentials_unref(&o->keys);
        free(o);
        o = next;
    }
}

void keyring_clear(struct keyring *k)
{
    struct keyring_slot *slot;
    size_t at = 0;

    free_offers(atomic_exchange(&k->offered, NULL));
    while ((slot = map_next(&k->slots, &at))) {
        credentials_unref(&slot->now);
        free(slot);
    }
    map_clear(&k->slots);
}

static struct keyring_slot *add_slot(struct keyring *k, struct key_need *need)
{
    struct keyring_slot *slot = need ? calloc(1, sizeof(*slot)) : NULL;

    if (!slot) return NULL;
    slot->need = need;
    if (map_put(&k->slots, key_of(need), slot)) return slot;
    free(slot);
    return NULL;
}

/* NULL: out of memory. */
static struct keyring_slot *find_slot(struct keyring *k, const struct key_slot *wanted)
{
    struct keyring_slot *slot = map_get(&k->slots, key_of(wanted));

    return slot ? slot : add_slot(k, key_needs_get(k->needs, wanted));
}

static void take_offer(struct keyring *k, struct keyring_offer *o)
{
    struct keyring_slot *slot = map_get(&k->slots, key_of(o->need));

    if (!slot && o->keys) slot = add_slot(k, o->need);
    if (slot) {
        credentials_unref(&slot->now);
        slot->now = o->keys;
        o->keys = NULL;
    }
    credentials_unref(&o->keys);
    free(o);
}

/* All that was offered up to now, in its order. */
static void collect(struct keyring *k)
{
    struct keyring_offer *o, *in_order = NULL;

    if (!atomic_load_explicit(&k->offered, memory_order_relaxed)) return;
    o = atomic_exchange_explicit(&k->offered, NULL, memory_order_acquire);
    while (o) {
        struct keyring_offer *next = o->next;

        o->next = in_order;
        in_order = o;
        o = next;
    }
    while (in_order) {
        struct keyring_offer *next = in_order->next;

        take_offer(k, in_order);
        in_order = next;
    }
}

/* What is in force, with what was offered up to now. */
static struct credentials *newest(struct keyring *k, struct keyring_slot *slot)
{
    collect(k);
    return slot->now;
}

const struct credentials *keyring_now(struct keyring *k, const struct key_lease *l)
{
    return l->slot ? newest(k, l->slot) : NULL;
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

static void on_news(void *arg)
{
    collect(arg);
    run_waiting(arg);
}

void keyring_offer(struct keyring *k, struct key_need *need, struct credentials *c)
{
    struct keyring_offer *o = malloc(sizeof(*o));

    if (!o) {
        LOG(LOG_ERROR, "out of memory: a worker goes on with the credentials it has");
        return;
    }
    *o = (struct keyring_offer){.need = need, .keys = credentials_ref(c)};
    o->next = atomic_load_explicit(&k->offered, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&k->offered, &o->next, o, memory_order_release, memory_order_relaxed))
        ;
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
    tell(k->needs, l->slot->need);
}

static bool is_of(const struct key_lease *l, const struct key_slot *slot)
{
    return l->slot && str_eq(key_of(l->slot->need), key_of(slot));
}

enum keys_result keyring_take(struct keyring *k, const struct key_slot *slot, struct key_lease *l, uint64_t wait_ms,
                              struct loop_task *owner)
{
    struct credentials *now;
    bool over;

    if (!is_of(l, slot)) l->slot = find_slot(k, slot);
    if (!l->slot) return KEYS_NONE;
    over = renewal_is_over(l, l->slot->need); /* before the look at what it gave */
    now = newest(k, l->slot);
    note_use(l->slot->need, k->loop->now_us);
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

bool keyring_refused(struct keyring *k, struct key_lease *l)
{
    struct key_need *need = l->slot->need;
    int64_t renewed = atomic_load(&need->renewed_us); /* before the look at what it gave */
    const struct credentials *now = newest(k, l->slot);
    uint64_t version = l->keys->version;

    if (l->refused) return false; /* once per lease */
    l->refused = version;
    if (now && now->usable && now->version > version) return true;
    if (renewed && k->loop->now_us - renewed < (int64_t)KEYS_RENEW_MS * 1000) return false;
    if (atomic_load_explicit(&need->refused, memory_order_relaxed) < version)
        atomic_store_explicit(&need->refused, version, memory_order_relaxed);
    tell(k->needs, need);
    return true;
}
