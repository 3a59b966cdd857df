/* SPDX-License-Identifier: Apache-2.0
 * mint.c: leaf certificates per name, cached, and the revocation list. Any thread. Owns the cache, the one key of all
 * leaves, and a thread that asks who signs (io/signer.h), which blocks; those who wait for a leaf do not. What is
 * signed, and what is not, is in leaf.c.
 *
 * The cache: a map for finding, a list from newest to oldest use for forgetting. Orders: a map, so that the same names
 * are asked for once, and a list in the order in which they came.
 */
#include "base/clock.h"
#include "base/map.h"
#include "base/thread.h"
#include "ca.h"
#include "io/signer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>

enum { CACHE_MAX = 1024, LOOK_S = 3600 /* how often the list's age is looked at */ };

struct entry {
    struct list_link use;
    X509 *leaf; /* one reference owned */
    int64_t not_before, renew_at;
    size_t key_n;
    char key[]; /* names, lower case, joined by commas */
};

struct mint_order {
    struct list_link queue; /* in none: it is being asked */
    struct list waits;      /* of struct mint_wait */
    size_t key_n;
    char key[]; /* as an entry's */
};

struct mint {
    _Atomic unsigned refs;
    struct ca *ca;             /* owned, without its key */
    EVP_PKEY *key;             /* owned */
    struct mint_source source; /* owned */
    pthread_t thread;
    pthread_cond_t more;
    pthread_mutex_t lock; /* guards all below */
    struct map by_names;  /* of struct entry, which it owns */
    struct list use;      /* first: used last */
    struct map orders;    /* of struct mint_order, which it owns */
    struct list queue;    /* first: came first */
    char crl[MINT_CRL_BYTES];
    size_t crl_n;
    int64_t crl_made_s; /* Unix time */
    bool crl_wanted, over;
};

/* ---- cache; all under the lock ---- */

/* Takes @e, which may be NULL, out of the cache. */
static void entry_free(struct mint *m, struct entry *e)
{
    if (!e) return;
    (void)map_remove(&m->by_names, str_make(e->key, e->key_n));
    list_remove(&e->use);
    X509_free(e->leaf);
    free(e);
}

static struct entry *least_used(struct mint *m)
{
    struct list_link *last = list_last(&m->use);
    return last ? CONTAINER_OF(last, struct entry, use) : NULL;
}

/* A reference for the caller, or NULL: not there, to be renewed, or not yet valid (the clock was set back). */
static X509 *cache_get(struct mint *m, struct str key, int64_t now_s)
{
    struct entry *e = map_get(&m->by_names, key);
    if (!e || now_s >= e->renew_at || now_s < e->not_before) return NULL;
    list_remove(&e->use);
    list_add_first(&m->use, &e->use);
    X509_up_ref(e->leaf);
    return e->leaf;
}

/* In its last tenth a leaf is made anew, unless that would not live longer. */
static int64_t renew_at(const struct mint *m, int64_t not_before, int64_t not_after)
{
    return not_after >= m->ca->not_after ? not_after : not_after - (not_after - not_before) / 10;
}

/* Keeps a reference to @leaf. Without memory it is just not kept. */
static void cache_put(struct mint *m, struct str key, X509 *leaf)
{
    int64_t from, until;
    if (!x509_unix_time(X509_get0_notBefore(leaf), &from) || !x509_unix_time(X509_get0_notAfter(leaf), &until)) return;
    entry_free(m, map_get(&m->by_names, key)); /* too old */
    if (m->by_names.n == CACHE_MAX) entry_free(m, least_used(m));
    struct entry *e = malloc(sizeof(*e) + key.n);
    if (!e) return;
    *e = (struct entry){.leaf = leaf, .not_before = from, .renew_at = renew_at(m, from, until), .key_n = key.n};
    memcpy(e->key, key.p, key.n);
    if (!map_put(&m->by_names, str_make(e->key, e->key_n), e)) {
        free(e);
        return;
    }
    X509_up_ref(leaf);
    list_add_first(&m->use, &e->use);
}

/* ---- orders; all under the lock ---- */

static void order_free(struct mint *m, struct mint_order *o)
{
    (void)map_remove(&m->orders, str_make(o->key, o->key_n));
    list_remove(&o->queue);
    free(o);
}

static struct mint_order *order_new(struct mint *m, struct str key)
{
    struct mint_order *o = malloc(sizeof(*o) + key.n);
    if (!o) return NULL;
    *o = (struct mint_order){.key_n = key.n};
    memcpy(o->key, key.p, key.n);
    list_init(&o->waits);
    if (!map_put(&m->orders, str_make(o->key, o->key_n), o)) {
        free(o);
        return NULL;
    }
    list_add_last(&m->queue, &o->queue);
    pthread_cond_signal(&m->more);
    return o;
}

static enum err_code wait_for(struct mint *m, struct str key, struct mint_wait *w, struct err *err)
{
    struct mint_order *o = map_get(&m->orders, key);
    if (!o) o = order_new(m, key);
    if (!o) return err_set(err, ERR_TLS_SETUP, 0, "out of memory");
    w->order = o;
    w->leaf = NULL;
    w->err = (struct err){0};
    list_add_last(&o->waits, &w->link);
    return ERR_NONE;
}

static void order_finish(struct mint *m, struct mint_order *o, X509 *leaf, const struct err *err)
{
    LIST_EACH_SAFE (link, &o->waits) {
        struct mint_wait *w = CONTAINER_OF(link, struct mint_wait, link);
        list_remove(link);
        w->order = NULL;
        if (leaf) X509_up_ref(leaf);
        w->leaf = leaf;
        w->err = *err;
        w->done(w);
    }
    order_free(m, o);
}

/* ---- questions: on the mint's thread, or before it is there ---- */

/* @names: STR_NONE for questions without. What is in the answer: in @mem of SIGNER_MESSAGE bytes. */
static enum err_code ask(struct mint *m, char letter, struct str names, char *mem, struct str *out, struct err *err)
{
    char question[1 + LEAF_NAMES_BYTES];
    struct sbuf q = sbuf_make(question, sizeof(question)), answer = sbuf_make(mem, SIGNER_MESSAGE);
    sbuf_char(&q, letter);
    sbuf_add(&q, names);
    TRY(m->source.ask(m->source.arg, sbuf_str(&q), &answer, err));
    return signer_read_answer(sbuf_str(&answer), out, err);
}

/* NULL: @err says why. */
static X509 *ask_for_leaf(struct mint *m, struct str names, struct err *err)
{
    char mem[SIGNER_MESSAGE];
    struct str der;
    if (ask(m, SIGNER_LEAF, names, mem, &der, err) != ERR_NONE) return NULL;
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *leaf = d2i_X509(NULL, &p, (long)der.n);
    if (!leaf) (void)x509_fail(err, ERR_TLS_SETUP, "what is signed is no certificate");
    return leaf;
}

/* With the lock held, which it gives up while it asks. */
static void serve_order(struct mint *m, struct mint_order *o)
{
    struct err err = {0};
    list_remove(&o->queue);
    pthread_mutex_unlock(&m->lock);
    X509 *leaf = ask_for_leaf(m, str_make(o->key, o->key_n), &err);
    pthread_mutex_lock(&m->lock);
    if (leaf) cache_put(m, str_make(o->key, o->key_n), leaf);
    order_finish(m, o, leaf, &err);
    X509_free(leaf);
}

/* An authority without a key identifier has none: who asks for it is told. */
static void renew_crl(struct mint *m)
{
    char mem[SIGNER_MESSAGE];
    struct str der;
    if (ask(m, SIGNER_CRL, STR_NONE, mem, &der, NULL) != ERR_NONE || der.n > sizeof m->crl) return;
    pthread_mutex_lock(&m->lock);
    memcpy(m->crl, der.p, der.n);
    m->crl_n = der.n;
    m->crl_made_s = clock_wall_us() / 1000000;
    pthread_mutex_unlock(&m->lock);
}

/* As serve_order. */
static void serve_crl(struct mint *m)
{
    m->crl_wanted = false;
    pthread_mutex_unlock(&m->lock);
    renew_crl(m);
    pthread_mutex_lock(&m->lock);
}

/* A day old, or the clock was set back. */
static bool crl_is_old(const struct mint *m, int64_t now_s)
{
    return now_s - m->crl_made_s >= CA_DAY_S || now_s < m->crl_made_s;
}

static int64_t monotonic_s(void)
{
    return clock_monotonic_us() / 1000000;
}

static void *run(void *arg)
{
    struct mint *m = arg;
    int64_t look_s = monotonic_s() + LOOK_S;
    pthread_mutex_lock(&m->lock);
    while (!m->over) {
        struct list_link *first = list_first(&m->queue);
        if (monotonic_s() >= look_s) {
            look_s += LOOK_S;
            m->crl_wanted |= crl_is_old(m, clock_wall_us() / 1000000);
        }
        if (m->crl_wanted)
            serve_crl(m);
        else if (first)
            serve_order(m, CONTAINER_OF(first, struct mint_order, queue));
        else
            (void)pthread_cond_timedwait(&m->more, &m->lock, &(struct timespec){.tv_sec = look_s + 1});
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* ---- what is asked of it ---- */

bool mint_permits(const struct mint *m, struct str name)
{
    return ca_permits(m->ca, name);
}

bool mint_may_certify(const struct mint *m, struct str name)
{
    return leaf_check_name(m->ca, name, NULL) == ERR_NONE;
}

const struct ca *mint_ca(const struct mint *m)
{
    return m->ca;
}

EVP_PKEY *mint_key(const struct mint *m)
{
    return m->key;
}

STACK_OF(X509) * mint_chain(const struct mint *m)
{
    return m->ca->chain;
}

/* The cache key of @names into @out; each is a name that the CA may certify. */
static enum err_code join_names(const struct ca *ca, const struct str *names, size_t n, struct sbuf *out,
                                struct err *err)
{
    if (n == 0) return err_set(err, ERR_TLS_SETUP, 0, "a certificate needs a name");
    for (size_t i = 0; i < n; i++) {
        TRY(leaf_check_name(ca, names[i], err));
        if (i > 0) sbuf_char(out, ',');
        sbuf_lower(out, names[i]);
    }
    if (out->overflow) return err_set(err, ERR_TLS_SETUP, 0, "too many names for one certificate");
    return ERR_NONE;
}

enum err_code mint_leaf(struct mint *m, const struct str *names, size_t n, int64_t now_s, struct mint_wait *w,
                        X509 **leaf, struct err *err)
{
    char mem[LEAF_NAMES_BYTES];
    struct sbuf joined = sbuf_make(mem, sizeof mem);
    enum err_code code = ERR_NONE;
    *leaf = NULL;
    TRY(join_names(m->ca, names, n, &joined, err));
    pthread_mutex_lock(&m->lock);
    *leaf = cache_get(m, sbuf_str(&joined), now_s);
    if (!*leaf && w) code = wait_for(m, sbuf_str(&joined), w, err);
    pthread_mutex_unlock(&m->lock);
    return code;
}

bool mint_cancel(struct mint *m, struct mint_wait *w)
{
    pthread_mutex_lock(&m->lock);
    struct mint_order *o = w->order;
    if (o) {
        list_remove(&w->link);
        w->order = NULL;
        if (list_is_empty(&o->waits) && list_link_is_in(&o->queue)) order_free(m, o);
    }
    pthread_mutex_unlock(&m->lock);
    return o;
}

bool mint_crl(struct mint *m, int64_t now_s, struct sbuf *out)
{
    pthread_mutex_lock(&m->lock);
    bool valid = m->crl_n && now_s >= m->crl_made_s - CA_BACKDATE_S && now_s < m->crl_made_s + CA_CRL_DAYS * CA_DAY_S;
    if (crl_is_old(m, now_s) && !m->crl_wanted) {
        m->crl_wanted = true;
        pthread_cond_signal(&m->more);
    }
    if (valid) sbuf_add(out, str_make(m->crl, m->crl_n));
    pthread_mutex_unlock(&m->lock);
    return valid && !out->overflow;
}

/* ---- life ---- */

EVP_PKEY *mint_make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    ERR_clear_error();
    return key;
}

static void mint_free(struct mint *m)
{
    while (least_used(m))
        entry_free(m, least_used(m));
    ASSERT(list_is_empty(&m->queue)); /* who waits has a reference */
    map_clear(&m->by_names);
    map_clear(&m->orders);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->more);
    m->source.free(m->source.arg);
    EVP_PKEY_free(m->key);
    ca_free(&m->ca);
    free(m);
}

static bool init_more(pthread_cond_t *more)
{
    pthread_condattr_t attributes;
    bool good = pthread_condattr_init(&attributes) == 0;
    good =
        good && pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && !pthread_cond_init(more, &attributes);
    pthread_condattr_destroy(&attributes);
    return good;
}

enum err_code mint_new(struct ca *ca, EVP_PKEY *key, const struct mint_source *source, struct mint **out,
                       struct err *err)
{
    struct mint *m = calloc(1, sizeof(*m));
    *out = NULL;
    if (!m) {
        source->free(source->arg);
        EVP_PKEY_free(key);
        ca_free(&ca);
        return err_set(err, ERR_NO_MEMORY, 0, "certificate cache");
    }
    ASSERT(init_more(&m->more) && pthread_mutex_init(&m->lock, NULL) == 0);
    atomic_init(&m->refs, 1);
    m->ca = ca;
    m->key = key;
    m->source = *source;
    map_init(&m->by_names);
    map_init(&m->orders);
    list_init(&m->use);
    list_init(&m->queue);
    renew_crl(m);
    if (thread_start(&m->thread, run, m) != 0) {
        mint_free(m);
        return err_set(err, ERR_NO_MEMORY, 0, "certificates");
    }
    *out = m;
    return ERR_NONE;
}

struct mint *mint_ref(struct mint *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void mint_unref(struct mint **mp)
{
    struct mint *m = *mp;
    *mp = NULL;
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) return;
    pthread_mutex_lock(&m->lock);
    m->over = true;
    pthread_cond_signal(&m->more);
    pthread_mutex_unlock(&m->lock);
    m->source.stop(m->source.arg);
    pthread_join(m->thread, NULL);
    mint_free(m);
}

/* ---- signed by a process ---- */

static enum err_code ask_signer(void *arg, struct str question, struct sbuf *answer, struct err *err)
{
    return signer_ask(arg, question, answer, err);
}

static void stop_signer(void *arg)
{
    signer_stop(arg);
}

static void free_signer(void *arg)
{
    struct signer *s = arg;
    signer_free(&s);
}

struct opening {
    const struct signer_order *order;
    struct mint **out;
    struct err *err;
    enum err_code code;
};

static enum err_code open_now(const struct signer_order *order, struct mint **out, struct err *err)
{
    EVP_PKEY *key = mint_make_key();
    struct signer *signer = NULL;
    struct ca *ca = NULL;
    if (!key) return err_set(err, ERR_NO_MEMORY, 0, "certificate cache");
    enum err_code code = signer_start(order, key, &signer, err);
    if (code == ERR_NONE) code = signer_load(signer, order->certificate, &ca, err);
    if (code == ERR_NONE)
        return mint_new(ca, key, &(struct mint_source){ask_signer, stop_signer, free_signer, signer}, out, err);
    signer_free(&signer);
    EVP_PKEY_free(key);
    return code;
}

static void open_in_front(void *arg)
{
    struct opening *o = arg;
    o->code = open_now(o->order, o->out, o->err);
}

/* Clients wait for what the process and the thread do, whoever begins them. */
enum err_code mint_open(const struct signer_order *order, struct mint **out, struct err *err)
{
    struct opening o = {order, out, err, ERR_NONE};
    *out = NULL;
    thread_in_front(open_in_front, &o);
    return o.code;
}

pid_t mint_process(struct mint *m)
{
    return signer_process(m->source.arg);
}
