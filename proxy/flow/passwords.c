/* SPDX-License-Identifier: Apache-2.0
 * passwords.c: see passwords.h. A question belongs to the queue, then to the thread, then to the worker's loop; what
 * the worker alone may touch (done, arg) is never looked at by the thread.
 */
#include "flow/passwords.h"

#include "base/password.h"
#include "base/secret.h"
#include "base/thread.h"
#include "flow/upstream/wait_queue.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { REMEMBERED = 256, RETRY_US = 10000 };

struct password_ask {
    struct wait_place place;      /* in the queue; first, so that one pointer is both */
    struct passwords *passwords;  /* borrowed: whose queue */
    struct loop *loop;            /* borrowed */
    char hash[PASSWORD_HASH_MAX]; /* wiped once it was looked at */
    bool known;                   /* else the hash is anybody's */
    uint8_t key[SHA256_BYTES];    /* what it is remembered by */
    char password[PASSWORD_MAX];  /* wiped once it was looked at */
    size_t password_n;
    bool right;
    password_done_fn *done; /* the worker's; NULL: forgotten */
    void *arg;
};

struct passwords {
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    struct wait_queue queue; /* owners: peers */
    bool started, stop;
    uint8_t salt[SHA256_BYTES];
    uint8_t remembered[REMEMBERED][SHA256_BYTES];
};

static struct str key_str(const uint8_t key[SHA256_BYTES])
{
    return str_make((const char *)key, SHA256_BYTES);
}

/* @p->salt never changes after the start. A password is remembered with its hash: one that was changed is not right any
 * more. */
static void make_key(const struct passwords *p, struct digest *d, const char *hash, struct str password,
                     uint8_t key[SHA256_BYTES])
{
    uint8_t inner[SHA256_BYTES];

    digest_hmac_sha256(d, key_str(p->salt), str_from(hash), inner);
    digest_hmac_sha256(d, key_str(inner), password, key);
    secret_wipe(inner, sizeof(inner));
}

static bool is_remembered(struct passwords *p, const uint8_t key[SHA256_BYTES])
{
    return secret_equal(key_str(p->remembered[key[0] % REMEMBERED]), key_str(key));
}

static void free_ask(struct password_ask *a)
{
    secret_wipe(a, sizeof(*a));
    free(a);
}

static void deliver(void *arg)
{
    struct password_ask *a = arg;

    if (a->done) a->done(a->arg, a->right);
    free_ask(a);
}

static void answer(struct password_ask *a)
{
    secret_wipe(a->password, sizeof(a->password));
    secret_wipe(a->hash, sizeof(a->hash));
    while (!loop_post(a->loop, deliver, a))
        usleep(RETRY_US); /* out of memory: the asker waits */
}

static void judge(struct passwords *p, struct password_ask *a)
{
    struct str password = str_make(a->password, a->password_n);

    if (a->known) {
        pthread_mutex_lock(&p->lock);
        a->right = is_remembered(p, a->key); /* somebody asked the same a moment ago */
        pthread_mutex_unlock(&p->lock);
        if (a->right) return;
    }
    a->right = password_matches(password, a->hash) && a->known;
    if (!a->right) return;
    pthread_mutex_lock(&p->lock);
    memcpy(p->remembered[a->key[0] % REMEMBERED], a->key, SHA256_BYTES);
    pthread_mutex_unlock(&p->lock);
}

/* NULL: the thread is to end. */
static struct password_ask *next_ask(struct passwords *p)
{
    struct password_ask *a = NULL;

    pthread_mutex_lock(&p->lock);
    while (!p->stop && !p->queue.n)
        pthread_cond_wait(&p->wake, &p->lock);
    if (!p->stop) a = (struct password_ask *)(void *)wait_queue_take(&p->queue);
    pthread_mutex_unlock(&p->lock);
    return a;
}

static void *run(void *arg)
{
    struct passwords *p = arg;
    struct password_ask *a;

    while ((a = next_ask(p))) {
        judge(p, a);
        answer(a);
    }
    return NULL;
}

struct passwords *passwords_new(void)
{
    struct passwords *p = calloc(1, sizeof(*p));

    if (!p) return NULL;
    secret_random(p->salt, sizeof(p->salt));
    secret_random(p->remembered, sizeof(p->remembered)); /* zeros could be somebody's key */
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    return p;
}

/* With the lock held. */
static bool start(struct passwords *p)
{
    p->started = thread_start(&p->thread, run, p) == 0;
    return p->started;
}

void passwords_free(struct passwords **pp)
{
    struct passwords *p = *pp;
    struct password_ask *a;

    if (!p) return;
    *pp = NULL;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (p->started) pthread_join(p->thread, NULL);
    while ((a = (struct password_ask *)(void *)wait_queue_take(&p->queue)))
        answer(a);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    secret_wipe(p, sizeof(*p));
    free(p);
}

static bool enqueue(struct passwords *p, struct password_ask *a, const struct netaddr *peer)
{
    uint64_t owner = netaddr_site(peer);
    bool room;

    pthread_mutex_lock(&p->lock);
    room = (p->started || start(p)) && wait_queue_count(&p->queue, owner) < PASSWORDS_PEER_MAX &&
           wait_queue_add(&p->queue, &a->place, owner, PASSWORDS_QUEUE_MAX, a->loop->now_us);
    if (room) pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    return room;
}

enum password_verdict passwords_ask(struct passwords *p, struct digest *d, struct loop *loop,
                                    const struct netaddr *peer, const char *hash, bool known, struct str password,
                                    password_done_fn *done, void *arg, struct password_ask **ask)
{
    uint8_t key[SHA256_BYTES] = {0};
    struct password_ask *a;

    if (password.n > PASSWORD_MAX) return PASSWORD_WRONG;
    if (known) {
        bool right;

        make_key(p, d, hash, password, key);
        pthread_mutex_lock(&p->lock);
        right = is_remembered(p, key);
        pthread_mutex_unlock(&p->lock);
        if (right) return PASSWORD_RIGHT;
    }
    a = calloc(1, sizeof(*a));
    if (!a) return PASSWORD_BUSY;
    a->passwords = p;
    a->loop = loop;
    a->known = known;
    if (!str_to_cstr(str_from(hash), a->hash, sizeof(a->hash))) a->hash[0] = '\0'; /* then nothing fits */
    memcpy(a->key, key, sizeof(key));
    if (password.n) memcpy(a->password, password.p, password.n);
    a->password_n = password.n;
    a->done = done;
    a->arg = arg;
    *ask = a;
    if (enqueue(p, a, peer)) return PASSWORD_PENDING;
    *ask = NULL;
    free_ask(a);
    return PASSWORD_BUSY;
}

void passwords_forget(struct password_ask **ask)
{
    struct password_ask *a = *ask;
    bool waits;

    *ask = NULL;
    if (!a) return;
    pthread_mutex_lock(&a->passwords->lock);
    waits = a->place.queued;
    wait_queue_remove(&a->passwords->queue, &a->place);
    pthread_mutex_unlock(&a->passwords->lock);
    if (waits)
        free_ask(a);
    else
        a->done = NULL; /* the thread has it, or the loop */
}
