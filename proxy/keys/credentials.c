/* SPDX-License-Identifier: Apache-2.0
 * credentials.c: see credentials.h.
 */
#include "keys/credentials.h"

#include "base/list.h"
#include "base/log.h"
#include "base/secret.h"
#include "config/session_words.h"
#include "flow/audit.h"
#include "io/child.h"
#include "keys/file_watch.h"
#include "keys/json_text.h"
#include "keys/renewal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    UNUSED_MS = 600 * 1000,
    WAITED_MS = 2000,
    FETCH_MOST_MS = 120 * 1000,
    STANDS_S = 600,
    FRESH_S = 2,            /* who waited for keys may not have taken them yet */
    LINGER_MS = 120 * 1000, /* requests that began before a section went may still want its keys */
    WHEEL = 64              /* ticks: the longest time without a look at an entry */
};

struct waiter; /* somebody whose source is another section */

struct entry {
    struct credential_store *store;
    struct list_link due;  /* in the wheel */
    struct key_need *need; /* borrowed */
    struct snapshot *held; /* one reference: the one that .context points into */
    int64_t gone_us;       /* monotonic: the newest snapshot has it no more, and then it is forgotten; 0: it has it */
    struct source_context context;
    struct source *source; /* owned; NULL: nothing was fetched under this snapshot */
    struct waiter *waiters;
    struct credentials *now; /* one reference; NULL: nothing came of it yet */
    struct renewal renewal;
    struct file_watch files;
    bool running, stale; /* stale: something changed: fetch anew whatever the time */
    bool renewing;       /* because S3 refuses the keys in force */
    int64_t started_us;  /* monotonic: of the fetch that runs, or of the last one */
    int64_t fetched_s;   /* Unix: when `now` came; 0: never */
    uint64_t fetches, failures;
    size_t dependents;                        /* sources of other entries that sign with its keys */
    char why[SOURCE_WHY], origin[SOURCE_WHY]; /* why: of the last fetch; "": it was good */
};

/* Entries are looked at when something may be due: the wheel has a list for each of the next ticks. */
struct credential_store {
    struct loop *loop;
    struct http *http;         /* owned */
    struct snapshot *snapshot; /* borrowed: the newest */
    struct key_needs *needs;
    struct worker *workers;
    size_t workers_n;
    _Atomic bool posted; /* a look at what workers told is on its way */
    struct entry **v; /* owned: one per section, and one per client and section with sessions of their own that one of
                         its requests wanted */
    size_t n;
    struct map by_slot;                 /* the same, by what a need begins with */
    struct credential_fetches *fetches; /* owned: by the section's standing number */
    size_t fetches_n;
    struct list wheel[WHEEL];
    size_t turn;
    uint64_t version; /* of the newest keys of all: a slot that is forgotten and wanted again never has one twice */
};

static unsigned chance(void)
{
    uint16_t r;

    secret_random(&r, sizeof(r));
    return r % 1024;
}

/* "default", or "people for alice" */
static const char *name_of(const struct entry *e, char *buf, size_t n)
{
    const char *client = e->context.client;

    snprintf(buf, n, "%s%s%s", e->context.set->name, client ? " for " : "", client ? client : "");
    return buf;
}

/* ------------------------------------------------------------- one section signs with another's keys */

/* The source that assume-role gets for `source_credentials`: it waits for the other slot's keys. */
struct waiter {
    struct source source;
    struct entry *entry; /* whose keys */
    struct waiter *next; /* in entry->waiters, while it waits */
};

static void start_fetch(struct entry *e);

static void hand_over(struct waiter *w)
{
    const struct entry *e = w->entry;
    struct source_result r = {.outcome = SOURCE_GOOD};

    if (!e->now || !e->now->usable) {
        source_fail(&w->source, SOURCE_FAILED, "[credentials %s], which it signs with: %s", e->context.set->name,
                    e->why[0] ? e->why : "has no keys");
        return;
    }
    r.keys.access_key_id = strdup(e->now->access_key_id);
    r.keys.secret_access_key = strdup(e->now->secret_access_key);
    r.keys.session_token = e->now->session_token ? strdup(e->now->session_token) : NULL;
    r.keys.expires_s = e->now->expires_s;
    if (!r.keys.access_key_id || !r.keys.secret_access_key || (e->now->session_token && !r.keys.session_token)) {
        key_set_clear(&r.keys);
        source_fail(&w->source, SOURCE_FAILED, "out of memory");
        return;
    }
    snprintf(r.origin, sizeof(r.origin), "[credentials %s]", e->context.set->name);
    source_end(&w->source, &r);
}

static void waiter_fetch(struct source *s)
{
    struct waiter *w = (struct waiter *)s;
    struct entry *e = w->entry;

    if (e->now && e->now->usable) {
        hand_over(w);
        return;
    }
    w->next = e->waiters;
    e->waiters = w;
    if (!e->running && renewal_due(&e->renewal, INT64_MAX, e->store->loop->now_us, true)) {
        start_fetch(e);
    } else if (!e->running) {
        e->waiters = w->next;
        hand_over(w);
    }
}

static void waiter_cancel(struct source *s)
{
    struct waiter *w = (struct waiter *)s, **p = &w->entry->waiters;

    while (*p && *p != w)
        p = &(*p)->next;
    if (*p) *p = w->next;
}

static void waiter_free(struct source *s)
{
    struct waiter *w = (struct waiter *)s;

    w->entry->dependents--;
    free(w);
}

static const struct source_ops waiter_ops = {waiter_fetch, waiter_cancel, waiter_free};

static struct entry *find_entry(struct credential_store *st, const struct credentials_conf *set,
                                const struct principal_conf *client);

static struct source *section_source(void *arg, const struct credentials_conf *set)
{
    struct entry *e = arg;
    const struct principal_conf *client =
        e->context.client ? settings_client_by_name(e->context.settings, str_from(e->context.client)) : NULL;
    struct entry *other = find_entry(e->store, set, client);
    struct waiter *w = other ? calloc(1, sizeof(*w)) : NULL;

    if (!w) return NULL;
    w->source = (struct source){.ops = &waiter_ops, .context = &e->context};
    w->entry = other;
    other->dependents++;
    return &w->source;
}

static void serve_waiters(struct entry *e)
{
    struct waiter *w = e->waiters;

    e->waiters = NULL;
    while (w) {
        struct waiter *next = w->next;

        hand_over(w);
        w = next;
    }
}

/* ------------------------------------------------------------- giving to the workers */

/* Takes over @c; NULL: out of memory, the old ones stay. */
static void publish(struct entry *e, struct credentials *c)
{
    if (!c) {
        LOG(LOG_ERROR, "out of memory: [credentials %s]", e->context.set->name);
        return;
    }
    credentials_unref(&e->now);
    e->now = c;
    for (size_t i = 0; i < e->store->workers_n; i++)
        keyring_offer(&e->store->workers[i].keyring, e->need, c);
}

static bool same(const struct credentials *c, const struct key_set *k)
{
    return c && c->usable && c->expires_s == k->expires_s && strcmp(c->access_key_id, k->access_key_id) == 0 &&
           strcmp(c->secret_access_key, k->secret_access_key) == 0 && !c->session_token == !k->session_token &&
           (!c->session_token || strcmp(c->session_token, k->session_token) == 0);
}

static void audit(const struct entry *e, const char *outcome, const char *detail)
{
    char name[160];
    const struct audit_event event = {
        .name = "credentials", .what = name_of(e, name, sizeof(name)), .outcome = outcome, .detail = detail};

    audit_tell(&e->store->workers->proxy->audit, &event);
}

static void log_good(const struct entry *e, const struct source_result *r)
{
    char name[160], id[24], until[64] = "", detail[SOURCE_WHY + 160];
    time_t t = (time_t)e->now->expires_s;
    struct tm tm;

    if (t && gmtime_r(&t, &tm)) strftime(until, sizeof(until), ", good until %Y-%m-%dT%H:%M:%SZ", &tm);
    credentials_mask(e->now->access_key_id, id, sizeof(id));
    snprintf(detail, sizeof(detail), "key %s from %s%s", id, r->origin, until);
    LOG(LOG_INFO, "credentials %s: %s", name_of(e, name, sizeof(name)), detail);
    audit(e, "ok", detail);
}

static void take_good(struct entry *e, struct source_result *r)
{
    int64_t now_s = clock_wall_us() / 1000000;
    bool refused = e->now && atomic_load_explicit(&e->need->refused, memory_order_relaxed) >= e->now->version;

    /* AWS goes on taking such keys while its metadata service cannot renew them. */
    if (r->stands && r->keys.expires_s && r->keys.expires_s <= now_s) r->keys.expires_s = now_s + STANDS_S;
    if (!renewal_fetched(&e->renewal, r->keys.expires_s, now_s, chance())) {
        r->outcome = SOURCE_FAILED;
        snprintf(r->why, sizeof(r->why), "%.200s gave keys that are over already: is the clock right?", r->origin);
        return;
    }
    memcpy(e->origin, r->origin, sizeof(e->origin));
    e->why[0] = '\0';
    e->fetched_s = now_s;
    if (!refused && same(e->now, &r->keys)) return;
    publish(e, credentials_new(++e->store->version, r->keys.access_key_id, r->keys.secret_access_key,
                               r->keys.session_token, r->keys.expires_s));
    if (e->now && e->now->usable) log_good(e, r);
}

static const char *still_used(const struct entry *e)
{
    return e->now->expires_s ? "; the old keys are still used, to their end"
                             : "; the old keys are still used: they have no end; `s3onramp credentials --drop NAME` "
                               "withdraws them";
}

static void take_failure(struct entry *e, const struct source_result *r)
{
    bool hopeless = r->outcome == SOURCE_REFUSED || r->outcome == SOURCE_ABSENT;
    bool had = e->now && e->now->usable, new_reason = strcmp(e->why, r->why) != 0;
    char name[160];

    renewal_failed(&e->renewal, r->outcome, e->store->loop->now_us, chance());
    e->failures++;
    if (new_reason || e->renewal.failures % 10 == 0)
        LOG(had ? LOG_WARN : LOG_ERROR, "credentials %s: source = %s: %s%s", name_of(e, name, sizeof(name)),
            credentials_source_name(e->context.set->source), r->why, had ? still_used(e) : "");
    if (new_reason) audit(e, "failed", r->why);
    memcpy(e->why, r->why, sizeof(e->why));
    if (!had && (new_reason || !e->now || e->now->hopeless != hopeless))
        publish(e, credentials_none(++e->store->version, hopeless, e->why));
}

static void count_fetch(const struct entry *e, const struct source_result *r)
{
    struct credential_fetches *f = &e->store->fetches[e->need->section];

    if (r->outcome == SOURCE_GOOD)
        f->good++;
    else
        f->failed++;
    f->certificate_end_s = e->source->certificate_end_s;
}

static void schedule(struct entry *e, int64_t wall_s);

/* What came may end long before the next look. */
static void on_fetched(void *arg, struct source_result *r)
{
    struct entry *e = arg;

    e->running = false;
    e->fetches++;
    file_watch_set(&e->files, e->source->files, e->source->files_n, e->started_us);
    if (r->outcome == SOURCE_GOOD) take_good(e, r);
    if (r->outcome != SOURCE_GOOD) take_failure(e, r);
    count_fetch(e, r);
    if (e->renewing) atomic_store(&e->need->renewed_us, clock_monotonic_us()); /* what came of it was offered */
    e->renewing = false;
    schedule(e, clock_wall_us() / 1000000);
    serve_waiters(e);
}

/* ------------------------------------------------------------- when */

static void start_fetch(struct entry *e)
{
    struct err err = {0};

    if (!e->source) e->source = source_new(&e->context, &err);
    if (!e->source) return;
    e->running = true;
    e->stale = false;
    e->started_us = e->store->loop->now_us;
    source_forget_files(e->source);
    source_fetch(e->source, on_fetched, e);
}

/* It hangs somewhere, although each kind has its own times. */
static void break_off(struct entry *e)
{
    struct source_result r = {.outcome = SOURCE_FAILED};

    source_cancel(e->source);
    snprintf(r.why, sizeof(r.why), "no answer after %d s", FETCH_MOST_MS / 1000);
    on_fetched(e, &r);
}

static bool is_wanted(const struct entry *e)
{
    int64_t used = atomic_load_explicit(&e->need->used_us, memory_order_relaxed);

    if (!e->context.client) return !e->context.set->per_client; /* nobody in particular has a session there */
    return e->waiters || (used && e->store->loop->now_us - used < (int64_t)UNUSED_MS * 1000);
}

/* S3 does not take the keys that are in force, and they have not been renewed just now. */
static bool is_refused(struct entry *e)
{
    struct key_need *need = e->need;
    int64_t renewed = atomic_load_explicit(&need->renewed_us, memory_order_relaxed);

    if (!e->now || !e->now->usable || atomic_load_explicit(&need->refused, memory_order_relaxed) < e->now->version)
        return false;
    return !renewed || e->store->loop->now_us - renewed >= (int64_t)KEYS_RENEW_MS * 1000;
}

/* Requests wait for keys. */
static bool is_urgent(const struct entry *e)
{
    int64_t used = atomic_load_explicit(&e->need->used_us, memory_order_relaxed);

    return e->renewing || e->waiters ||
           (!(e->now && e->now->usable) && used && e->store->loop->now_us - used < (int64_t)WAITED_MS * 1000);
}

static void end_if_over(struct entry *e, int64_t wall_s)
{
    char name[160], why[SOURCE_WHY + 64];

    if (!e->now || !e->now->usable || wall_s < e->renewal.last_s) return;
    LOG(e->context.client && !is_wanted(e) ? LOG_DEBUG : LOG_ERROR, "credentials %s: they have expired%s%s",
        name_of(e, name, sizeof(name)), e->why[0] ? ", and there are no new ones: " : "", e->why);
    snprintf(why, sizeof(why), "they have expired%s%.200s", e->why[0] ? ", and there are no new ones: " : "", e->why);
    audit(e, "expired", why);
    publish(e, credentials_none(++e->store->version, false, why));
}

static bool has_keys(const struct entry *e)
{
    return e->now && e->now->usable;
}

/* The settings are those of the newest snapshot; not while something is fetched by those before. */
static void settle(struct entry *e, const struct credentials_conf *set, const struct principal_conf *client)
{
    struct snapshot *held = e->held;

    source_free(&e->source);
    e->held = snapshot_ref(e->store->snapshot);
    e->context.settings = e->held->settings;
    e->context.set = set;
    e->context.client = client ? client->name : NULL;
    snapshot_unref(&held);
}

static const struct credentials_conf *newest_set(const struct entry *e)
{
    const struct settings *s = e->store->snapshot->settings;

    for (size_t i = 0; i < s->credentials_n; i++)
        if (s->credentials[i].id == e->need->section) return &s->credentials[i];
    return NULL;
}

static const struct principal_conf *newest_client(const struct entry *e)
{
    const struct settings *s = e->store->snapshot->settings;

    return e->need->client ? settings_client_by_name(s, str_from(e->need->client)) : NULL;
}

static void look_after(struct entry *e, int64_t wall_s)
{
    int64_t now_us = e->store->loop->now_us;

    end_if_over(e, wall_s);
    if (e->running) {
        if (now_us - e->started_us > (int64_t)FETCH_MOST_MS * 1000) break_off(e);
        return;
    }
    if (e->gone_us) return;
    if (e->held != e->store->snapshot) settle(e, newest_set(e), newest_client(e));
    if (e->context.set->source == CREDENTIALS_NONE || !is_wanted(e)) return;
    e->stale |= file_watch_changed(&e->files, now_us);
    if (is_refused(e)) e->stale = e->renewing = true;
    if (!e->now && !e->renewal.failures) e->stale = true;
    if (renewal_due(&e->renewal, e->stale ? INT64_MAX : wall_s, now_us, is_urgent(e))) start_fetch(e);
}

/* In how many microseconds something may be due, as far as it is known now. What workers tell comes besides. */
static int64_t rest_us(const struct entry *e, int64_t wall_s)
{
    int64_t most_s = WHEEL * LOOP_TICK_MS / 1000, s = most_s, now_us = e->store->loop->now_us;

    if (e->files.n) s = 1;
    if (!has_keys(e) && is_wanted(e)) return (is_urgent(e) ? e->renewal.urgent_us : e->renewal.not_before_us) - now_us;
    if (has_keys(e) && e->renewal.last_s - wall_s < s) s = e->renewal.last_s - wall_s;
    if (has_keys(e) && e->renewal.renew_s - wall_s < s) s = e->renewal.renew_s - wall_s;
    return s * 1000000;
}

static void schedule(struct entry *e, int64_t wall_s)
{
    struct credential_store *st = e->store;
    int64_t ticks = rest_us(e, wall_s) / (LOOP_TICK_MS * 1000);

    if (e->stale || e->waiters || ticks < 1) ticks = 1;
    if (ticks >= WHEEL) ticks = WHEEL - 1;
    list_remove(&e->due);
    list_add_last(&st->wheel[(st->turn + (size_t)ticks) % WHEEL], &e->due);
}

static void forget(struct entry *e);

static bool is_needless(const struct entry *e)
{
    return e->context.client && !e->running && !e->dependents && !e->waiters;
}

static bool is_over(const struct entry *e)
{
    if (e->gone_us) return !e->running && !e->dependents && e->store->loop->now_us > e->gone_us;
    return is_needless(e) && !is_wanted(e) && !has_keys(e);
}

static void look(struct entry *e, int64_t wall_s)
{
    look_after(e, wall_s);
    if (is_over(e))
        forget(e);
    else
        schedule(e, wall_s);
}

static void look_at_all(struct credential_store *st)
{
    int64_t wall_s = clock_wall_us() / 1000000;

    for (size_t i = st->n; i-- > 0;)
        look(st->v[i], wall_s);
}

static void withdraw(struct entry *e, const char *why)
{
    if (e->running) source_cancel(e->source); /* what it began before is not what is wanted now */
    e->running = e->renewing = false;
    e->renewal = (struct renewal){.renew_s = 0, .last_s = INT64_MAX};
    e->stale = true;
    e->fetched_s = 0;
    snprintf(e->why, sizeof(e->why), "%s", why);
    audit(e, "withdrawn", e->why);
    if (has_keys(e)) publish(e, credentials_none(++e->store->version, false, e->why));
}

void credential_store_drop(struct credential_store *st, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < st->n; i++) {
        struct entry *e = st->v[i];

        if (e->gone_us || strcmp(e->context.set->name, name) != 0) continue;
        found = true;
        withdraw(e, "they were withdrawn with `s3onramp credentials --drop`");
    }
    if (found)
        LOG(LOG_WARN, "credentials %s: withdrawn by `s3onramp credentials --drop`; the source is asked anew", name);
    look_at_all(st);
}

const char *credential_store_lacks(const struct credential_store *st)
{
    for (size_t i = 0; i < st->n; i++) {
        const struct entry *e = st->v[i];

        if (!e->gone_us && e->context.set->source != CREDENTIALS_NONE && is_wanted(e) && !(e->now && e->now->usable))
            return e->context.set->name;
    }
    return NULL;
}

const char *credential_store_fault(const struct credential_store *st, uint32_t section)
{
    int64_t wall_s = clock_wall_us() / 1000000;

    for (size_t i = 0; i < st->n; i++) {
        const struct entry *e = st->v[i];

        if (e->gone_us || e->need->section != section || e->context.client || !is_wanted(e)) continue;
        if (e->context.set->source == CREDENTIALS_NONE) continue;
        if (has_keys(e)) return wall_s < e->renewal.last_s ? NULL : "expired";
        return e->fetched_s ? "expired" : e->now ? "not to be had" : "not there yet";
    }
    return NULL;
}

bool credential_store_end(const struct credential_store *st, size_t at, struct credential_end *out)
{
    const struct entry *e = at < st->n ? st->v[at] : NULL;

    if (!e) return false;
    *out = (struct credential_end){.section = e->context.set->name, .client = e->context.client, .renewed = !e->why[0]};
    if (!e->gone_us && has_keys(e)) out->end_s = e->now->expires_s;
    return true;
}

void credential_store_tick(struct credential_store *st)
{
    struct list *due = &st->wheel[++st->turn % WHEEL];
    int64_t wall_s = clock_wall_us() / 1000000;

    while (!list_is_empty(due))
        look(CONTAINER_OF(list_first(due), struct entry, due), wall_s);
}

/* ------------------------------------------------------------- entries */

static bool reserve_fetches(struct credential_store *st, uint32_t section)
{
    size_t n = 2 * ((size_t)section + 1);
    struct credential_fetches *v;

    if (section < st->fetches_n) return true;
    v = realloc(st->fetches, n * sizeof(*v));
    if (!v) return false;
    memset(v + st->fetches_n, 0, (n - st->fetches_n) * sizeof(*v));
    st->fetches = v;
    st->fetches_n = n;
    return true;
}

/* NULL: out of memory. */
static struct entry *add_entry(struct credential_store *st, struct key_need *need, const struct credentials_conf *set,
                               const struct principal_conf *client)
{
    struct entry **v = realloc(st->v, (st->n + 1) * sizeof(*v)), *e = calloc(1, sizeof(*e));

    if (v) st->v = v;
    if (!v || !e || !reserve_fetches(st, need->section) || !map_put(&st->by_slot, key_need_key(need), e)) {
        free(e);
        return NULL;
    }
    st->v[st->n++] = e;
    e->store = st;
    e->need = need;
    e->context = (struct source_context){st->loop, st->http, NULL, set, NULL, section_source, e};
    e->renewal = (struct renewal){.renew_s = 0, .last_s = INT64_MAX};
    settle(e, set, client);
    schedule(e, clock_wall_us() / 1000000);
    return e;
}

/* The one of those sessions of clients in that section that was used longest ago, and that nothing waits for; NULL:
 * there is none, or fewer than @most in all. */
static struct entry *oldest_of(const struct credential_store *st, uint32_t section, uint64_t most)
{
    int64_t oldest_us = INT64_MAX, wall_s = clock_wall_us() / 1000000;
    struct entry *oldest = NULL;
    uint64_t n = 0;

    for (size_t i = 0; i < st->n; i++) {
        struct entry *e = st->v[i];
        int64_t used = atomic_load_explicit(&e->need->used_us, memory_order_relaxed);

        if (!e->need->client || e->need->section != section || e->gone_us) continue;
        n++;
        if (!is_needless(e) || used >= oldest_us || wall_s - e->fetched_s < FRESH_S) continue;
        oldest = e;
        oldest_us = used;
    }
    return n >= most ? oldest : NULL;
}

/* For one more. Requests that signed with a session that goes keep its keys to their end. */
static void make_room(struct credential_store *st, const struct credentials_conf *set)
{
    struct entry *oldest;

    while ((oldest = oldest_of(st, set->id, set->max_sessions)))
        forget(oldest);
}

static struct entry *find_entry(struct credential_store *st, const struct credentials_conf *set,
                                const struct principal_conf *client)
{
    struct key_slot slot = key_slot_of(set, client);
    struct key_need *need = key_needs_get(st->needs, &slot);
    struct entry *e = need ? map_get(&st->by_slot, key_need_key(need)) : NULL;

    if (e || !need) return e;
    if (slot.client) make_room(st, set);
    return add_entry(st, need, set, slot.client ? client : NULL);
}

static void free_entry(struct entry *e)
{
    list_remove(&e->due);
    source_free(&e->source);
    credentials_unref(&e->now);
    file_watch_clear(&e->files);
    snapshot_unref(&e->held);
    free(e);
}

/* Workers forget it, too. */
static void forget(struct entry *e)
{
    struct credential_store *st = e->store;
    size_t i = 0;

    while (st->v[i] != e)
        i++;
    st->v[i] = st->v[--st->n];
    map_remove(&st->by_slot, key_need_key(e->need));
    for (size_t k = 0; k < st->workers_n; k++)
        keyring_offer(&st->workers[k].keyring, e->need, NULL);
    free_entry(e);
}

/* A worker asks for a slot: perhaps for the first time. */
static void look_at_need(struct credential_store *st, struct key_need *need, int64_t wall_s)
{
    struct entry *e = map_get(&st->by_slot, key_need_key(need));
    const struct settings *s = st->snapshot->settings;

    for (size_t i = 0; !e && i < s->credentials_n; i++)
        if (s->credentials[i].id == need->section)
            e = find_entry(st, &s->credentials[i],
                           need->client ? settings_client_by_name(s, str_from(need->client)) : NULL);
    if (e) look(e, wall_s);
}

static void on_wake(void *arg)
{
    struct credential_store *st = arg;
    int64_t wall_s = clock_wall_us() / 1000000;
    struct key_need *need, *next;

    atomic_store(&st->posted, false);
    for (need = key_needs_take_told(st->needs); need; need = next) {
        next = need->next_told;
        atomic_store(&need->told, false);
        look_at_need(st, need, wall_s);
    }
}

/* Any thread. */
static void wake(void *arg)
{
    struct credential_store *st = arg;

    if (atomic_exchange(&st->posted, true)) return;
    if (!loop_post(st->loop, on_wake, st)) atomic_store(&st->posted, false); /* then the next tick does */
}

/* ------------------------------------------------------------- another snapshot */

static bool is_gone(const struct entry *e)
{
    const struct credentials_conf *set = newest_set(e);

    return !set || (e->need->client && (!set->per_client || !newest_client(e)));
}

static void let_go(struct entry *e)
{
    if (e->gone_us) return;
    if (e->running) source_cancel(e->source);
    e->running = e->renewing = e->stale = false;
    serve_waiters(e);
    source_free(&e->source);
    e->gone_us = e->store->loop->now_us + LINGER_MS * 1000LL;
}

/* The keys that are there serve until there are others. */
static void fetch_anew(struct entry *e)
{
    if (e->running) source_cancel(e->source);
    e->running = e->renewing = false;
    e->renewal.not_before_us = e->renewal.urgent_us = 0;
    e->renewal.failures = 0;
    e->stale = true;
}

static bool is_same(const struct entry *e, const bool *same)
{
    return same[newest_set(e) - e->store->snapshot->settings->credentials];
}

/* Its session says of the client what is not so any more. */
static bool is_of_another(const struct entry *e)
{
    const struct principal_conf *before = source_principal(&e->context), *now = newest_client(e);

    return before && now && !session_words_same(newest_set(e), before, now);
}

void credential_store_follow(struct credential_store *st, struct snapshot *s, const bool *same)
{
    st->snapshot = s;
    for (size_t i = 0; i < st->n; i++) {
        struct entry *e = st->v[i];

        if (is_gone(e)) {
            let_go(e);
            continue;
        }
        if (e->gone_us || !is_same(e, same)) fetch_anew(e);
        if (is_of_another(e)) withdraw(e, "what the session says of the client has changed");
        e->gone_us = 0;
        if (!e->running) settle(e, newest_set(e), newest_client(e));
    }
    for (size_t i = 0; i < s->settings->credentials_n; i++)
        if (!find_entry(st, &s->settings->credentials[i], NULL)) LOG(LOG_ERROR, "out of memory: credentials");
    look_at_all(st);
}

/* ------------------------------------------------------------- start and end */

enum err_code credential_store_new(struct loop *loop, struct snapshot *s, struct key_needs *needs,
                                   struct worker *workers, size_t workers_n, struct credential_store **out,
                                   struct err *err)
{
    struct credential_store *st = calloc(1, sizeof(*st));

    if (!st) return err_set(err, ERR_NO_MEMORY, 0, "credentials");
    *out = st;
    st->loop = loop;
    st->snapshot = s;
    st->needs = needs;
    st->workers = workers;
    st->workers_n = workers_n;
    map_init(&st->by_slot);
    for (size_t i = 0; i < WHEEL; i++)
        list_init(&st->wheel[i]);
    TRY(http_new(loop, &st->http, err));
    for (size_t i = 0; i < s->settings->credentials_n; i++)
        if (!find_entry(st, &s->settings->credentials[i], NULL)) return err_set(err, ERR_NO_MEMORY, 0, "credentials");
    needs->arg = st;
    needs->wake = wake;
    look_at_all(st);
    return ERR_NONE;
}

void credential_store_free(struct credential_store **stp)
{
    struct credential_store *st = *stp;

    if (!st) return;
    *stp = NULL;
    st->needs->wake = NULL; /* no worker runs any more */
    for (size_t i = 0; i < st->n; i++)
        if (st->v[i]->source) source_cancel(st->v[i]->source);
    for (size_t i = 0; i < st->n; i++)
        source_free(&st->v[i]->source); /* each may refer to others */
    for (size_t i = 0; i < st->n; i++)
        free_entry(st->v[i]);
    http_free(&st->http);
    map_clear(&st->by_slot);
    free(st->v);
    free(st->fetches);
    free(st);
}

/* ------------------------------------------------------------- what can be seen of it */

const char *credentials_state_name(enum credentials_state state)
{
    static const char *const names[] = {
        [CREDENTIALS_UNSIGNED] = "unsigned", [CREDENTIALS_PENDING] = "pending", [CREDENTIALS_GOOD] = "good",
        [CREDENTIALS_STALE] = "stale",       [CREDENTIALS_EXPIRED] = "expired", [CREDENTIALS_FAILED] = "failed"};

    return names[state];
}

static enum credentials_state state_of(const struct entry *e)
{
    if (e->context.set->source == CREDENTIALS_NONE) return CREDENTIALS_UNSIGNED;
    if (!e->now) return CREDENTIALS_PENDING;
    if (!e->now->usable) return e->fetched_s ? CREDENTIALS_EXPIRED : CREDENTIALS_FAILED;
    return e->why[0] ? CREDENTIALS_STALE : CREDENTIALS_GOOD;
}

static json_t *entry_json(const struct entry *e, int64_t wall_s)
{
    const struct credentials *c = e->now && e->now->usable ? e->now : NULL;
    json_t *o =
        json_pack("{ss ss ss ss so so sb sI sI sb}", "name", e->context.set->name, "client",
                  e->context.client ? e->context.client : "", "source", credentials_source_name(e->context.set->source),
                  "state", credentials_state_name(state_of(e)), "origin", json_text(e->origin), "last_error",
                  json_text(e->why), "temporary", c && c->session_token, "fetches", (json_int_t)e->fetches, "failures",
                  (json_int_t)e->failures, "fetching", e->running);
    char id[24] = "";

    if (!o) return NULL;
    if (c) credentials_mask(c->access_key_id, id, sizeof(id));
    json_object_set_new(o, "access_key_id", json_text(id));
    json_object_set_new(o, "expires_in_s", c && c->expires_s ? json_integer(c->expires_s - wall_s) : json_null());
    json_object_set_new(o, "expires", c && c->expires_s ? json_integer(c->expires_s) : json_null());
    json_object_set_new(o, "fetched_s", e->fetched_s ? json_integer(wall_s - e->fetched_s) : json_null());
    return o;
}

static bool is_shown(const struct entry *e)
{
    return !e->gone_us && (e->fetches || e->running || (!e->context.client && !e->context.set->per_client));
}

void credential_store_sum(const struct credential_store *st, struct credential_sum *v)
{
    const struct settings *s = st->snapshot->settings;

    for (size_t i = 0; i < s->credentials_n; i++)
        v[i] = (struct credential_sum){.first_end_s = INT64_MAX};
    for (size_t i = 0; i < st->n; i++) {
        const struct entry *e = st->v[i];
        const struct credentials_conf *set = is_shown(e) ? newest_set(e) : NULL;
        struct credential_sum *sum = set ? &v[set - s->credentials] : NULL;

        if (!sum) continue;
        sum->slots[state_of(e)]++;
        if (has_keys(e) && e->now->expires_s && e->now->expires_s < sum->first_end_s)
            sum->first_end_s = e->now->expires_s;
    }
}

struct credential_fetches credential_store_fetches(const struct credential_store *st, uint32_t section)
{
    return section < st->fetches_n ? st->fetches[section] : (struct credential_fetches){0};
}

json_t *credential_store_next(const struct credential_store *st, size_t *at)
{
    while (*at < st->n) {
        const struct entry *e = st->v[(*at)++];

        if (is_shown(e)) return entry_json(e, clock_wall_us() / 1000000);
    }
    return NULL;
}
