/* SPDX-License-Identifier: Apache-2.0
 * keyring.c: see keyring.h.
 */
#include "base/log.h"
#include "base/secret.h"
#include "flow/flow.h"
#include "flow/worker.h"

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

enum err_code keyring_init(struct keyring *k, struct worker *w, struct err *err)
{
    *k = (struct keyring){.worker = w, .n = credentials_slots(w->rt->settings)};
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

static void on_news(void *arg)
{
    keyring_collect(arg);
}

void keyring_offer(struct keyring *k, size_t slot, struct credentials *c)
{
    struct credentials *old =
        atomic_exchange_explicit(&k->slots[slot].offered, credentials_ref(c), memory_order_acq_rel);

    credentials_unref(&old);
    atomic_store_explicit(&k->news, true, memory_order_release);
    if (!loop_post(&k->worker->loop, on_news, k)) LOG(LOG_WARN, "out of memory: new credentials are taken up later");
}

static void wake_waiting(struct worker *w)
{
    struct session *c, *next;

    for (c = w->sessions; c; c = next) {
        next = c->next;
        if (c->state == SESSION_REQUESTS && c->in_request && keyring_waits(&c->req)) session_run(c);
    }
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

void keyring_collect(struct keyring *k)
{
    if (!atomic_exchange_explicit(&k->news, false, memory_order_acq_rel)) return;
    for (size_t i = 0; i < k->n; i++)
        newest(&k->slots[i]);
    wake_waiting(k->worker);
}

/* ------------------------------------------------------------- requests */

static size_t slot_of(const struct request *req)
{
    return credentials_slot(req->worker->rt->settings, req->credentials, req->caller);
}

static struct key_need *need_of(const struct request *req)
{
    return &req->worker->rt->key_needs->v[slot_of(req)];
}

static void note_use(struct key_need *need, int64_t now_us)
{
    /* Once a second is enough, and spares the other workers' caches. */
    if (now_us - atomic_load_explicit(&need->used_us, memory_order_relaxed) > 1000000)
        atomic_store_explicit(&need->used_us, now_us, memory_order_relaxed);
}

static void wake_control(const struct request *req)
{
    const struct key_needs *needs = req->worker->rt->key_needs;

    if (needs->wake) needs->wake(needs->arg);
}

static bool may_use(const struct request *req, const struct credentials *c)
{
    return c && c->usable && c->version > req->keys_refused &&
           (!c->expires_s || c->expires_s > clock_wall_us() / 1000000);
}

/* The keys that S3 refused were asked for anew since @req waits, and that has ended. */
static bool renewal_is_over(const struct request *req)
{
    int64_t renewed = atomic_load(&need_of(req)->renewed_us);

    return req->keys_refused && req->keys_wait_us && renewed > req->keys_wait_us;
}

static enum step_result no_keys(struct request *req, const struct credentials *c)
{
    const struct credentials_conf *set = req->credentials;

    req->keys_wait_us = 0;
    if (req->keys_refused)
        return request_fail(req, ERR_UPSTREAM_AUTH,
                            "[endpoint %s] does not accept [credentials %s], and source = %s has given no others",
                            req->endpoint->name, set->name, credentials_source_name(set->source));
    return request_fail(req, ERR_NO_CREDENTIALS, "[credentials %s] source = %s: %s", set->name,
                        credentials_source_name(set->source),
                        !c          ? "has not answered yet"
                        : c->usable ? "they have expired"
                        : c->why[0] ? c->why
                                    : "has none");
}

enum step_result keyring_take(struct request *req)
{
    struct worker *w = req->worker;
    const struct credentials_conf *set = req->credentials;
    bool over = renewal_is_over(req); /* before the look at what it gave */
    struct credentials *now = newest(&w->keyring.slots[slot_of(req)]);

    note_use(need_of(req), w->loop.now_us);
    if (may_use(req, now)) {
        credentials_unref(&req->keys);
        req->keys = credentials_ref(now);
        req->keys_wait_us = 0;
        return STEP_NEXT;
    }
    if (!req->keys_wait_us) {
        req->keys_wait_us = w->loop.now_us;
        wake_control(req);
    }
    if (over || (now && now->hopeless) || w->loop.now_us - req->keys_wait_us >= (int64_t)set->wait_timeout_ms * 1000)
        return no_keys(req, now);
    return STEP_WAIT;
}

bool keyring_waits(const struct request *req)
{
    return req->step == STEP_sign && req->keys_wait_us;
}

bool keyring_refused(struct request *req)
{
    struct key_need *need = need_of(req);
    int64_t renewed = atomic_load(&need->renewed_us); /* before the look at what it gave */
    const struct credentials *now = newest(&req->worker->keyring.slots[slot_of(req)]);
    uint64_t version = req->keys->version;

    if (req->keys_refused) return false; /* once per request */
    req->keys_refused = version;
    if (now && now->usable && now->version > version) return true;
    if (renewed && req->worker->loop.now_us - renewed < (int64_t)KEYS_RENEW_MS * 1000) return false;
    if (atomic_load_explicit(&need->refused, memory_order_relaxed) < version)
        atomic_store_explicit(&need->refused, version, memory_order_relaxed);
    wake_control(req);
    return true;
}
