/* SPDX-License-Identifier: Apache-2.0
 * passwords.c: see passwords.h.
 */
#include "passwords_impl.h"

#include "base/secret.h"
#include "base/thread.h"
#include "io/sandbox.h"

#include <stdlib.h>
#include <unistd.h>

enum { RETRY_US = 10000 };

/* ------------------------------------------------------------------- what is remembered */

static struct str key_str(const uint8_t key[SHA256_BYTES])
{
    return str_make((const char *)key, SHA256_BYTES);
}

/* A password is remembered with what it was right for, its hash or its user: after a change there it is not right any
 * more. */
static void make_key(const struct passwords *p, struct digest *d, struct str right_for, struct str password,
                     uint8_t key[SHA256_BYTES])
{
    uint8_t inner[SHA256_BYTES];

    digest_hmac_sha256(d, key_str(p->salt), right_for, inner);
    digest_hmac_sha256(d, key_str(inner), password, key);
    secret_wipe(inner, sizeof(inner));
}

bool passwords_remember(struct passwords *p, const uint8_t key[SHA256_BYTES])
{
    int64_t now_us = clock_monotonic_us();
    size_t at = key[0] % PASSWORDS_REMEMBERED;

    pthread_mutex_lock(&p->lock);
    bool does = secret_equal(key_str(p->remembered[at].key), key_str(key)) && now_us < p->remembered[at].until_us;
    pthread_mutex_unlock(&p->lock);
    return does;
}

void passwords_keep(struct passwords *p, const uint8_t key[SHA256_BYTES], int64_t until_us)
{
    size_t at = key[0] % PASSWORDS_REMEMBERED;

    pthread_mutex_lock(&p->lock);
    memcpy(p->remembered[at].key, key, SHA256_BYTES);
    p->remembered[at].until_us = until_us;
    pthread_mutex_unlock(&p->lock);
}

/* ------------------------------------------------------------------- questions */

static void free_ask(struct password_ask *a)
{
    settings_unref(&a->settings);
    secret_wipe(a, sizeof(*a));
    free(a);
}

static void deliver(void *arg)
{
    struct password_ask *a = arg;

    if (a->done) a->done(a->arg, a->verdict, a->why);
    free_ask(a);
}

void passwords_answer(struct password_ask *a)
{
    secret_wipe(a->password, sizeof(a->password));
    secret_wipe(a->hash, sizeof(a->hash));
    while (!loop_post(a->loop, deliver, a))
        usleep(RETRY_US); /* out of memory: the asker waits */
}

struct password_ask *passwords_next(struct passwords *p, struct wait_queue *queue)
{
    pthread_mutex_lock(&p->lock);
    struct password_ask *a = (struct password_ask *)(void *)wait_queue_take(queue);
    pthread_mutex_unlock(&p->lock);
    return a;
}

/* ------------------------------------------------------------------- hashes */

static void judge(struct passwords *p, struct password_ask *a)
{
    bool right = a->known && passwords_remember(p, a->key); /* somebody asked the same a moment ago */

    if (!right) {
        right = password_matches(str_make(a->password, a->password_n), a->hash) && a->known;
        if (right) passwords_keep(p, a->key, INT64_MAX);
    }
    a->verdict = right ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

/* NULL: the thread is to end. */
static struct password_ask *wait_for_ask(struct passwords *p)
{
    struct password_ask *a = NULL;

    pthread_mutex_lock(&p->lock);
    while (!p->stop && !p->hashes.n)
        pthread_cond_wait(&p->wake, &p->lock);
    if (!p->stop) a = (struct password_ask *)(void *)wait_queue_take(&p->hashes);
    pthread_mutex_unlock(&p->lock);
    return a;
}

static void *run(void *arg)
{
    struct passwords *p = arg;
    struct password_ask *a;

    sandbox_enter(SANDBOX_SERVES);
    while ((a = wait_for_ask(p))) {
        judge(p, a);
        passwords_answer(a);
    }
    return NULL;
}

/* ------------------------------------------------------------------- the whole */

struct passwords *passwords_new(void)
{
    struct passwords *p = calloc(1, sizeof(*p));

    if (!p) return NULL;
    secret_random(p->salt, sizeof(p->salt));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->started = thread_start(&p->thread, run, p) == 0;
    p->pam_started = pam_checks_start(p);
    if (!p->started || !p->pam_started) passwords_free(&p);
    return p;
}

static void answer_all(struct passwords *p, struct wait_queue *queue)
{
    struct password_ask *a;

    while ((a = passwords_next(p, queue)))
        passwords_answer(a);
}

void passwords_free(struct passwords **pp)
{
    struct passwords *p = *pp;

    if (!p) return;
    *pp = NULL;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (p->started) pthread_join(p->thread, NULL);
    if (p->pam_started) pam_checks_end(p);
    answer_all(p, &p->hashes);
    answer_all(p, &p->pam_queue);
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
    room = wait_queue_count(a->queue, owner) < PASSWORDS_PEER_MAX &&
           wait_queue_add(a->queue, &a->place, owner, PASSWORDS_QUEUE_MAX, a->loop->now_us);
    if (room && a->queue == &p->pam_queue && !pam_checks_wake(p)) {
        wait_queue_remove(a->queue, &a->place);
        room = false;
    }
    if (room) pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    return room;
}

/* NULL: out of memory. */
static struct password_ask *ask_new(struct passwords *p, const struct password_asker *asker, struct wait_queue *queue,
                                    struct str password, const uint8_t key[SHA256_BYTES])
{
    struct password_ask *a = calloc(1, sizeof(*a));

    if (!a) return NULL;
    a->passwords = p;
    a->queue = queue;
    a->loop = asker->loop;
    a->verdict = PASSWORD_UNKNOWN;
    memcpy(a->key, key, SHA256_BYTES);
    if (password.p) memcpy(a->password, password.p, password.n);
    a->password_n = password.n;
    a->done = asker->done;
    a->arg = asker->arg;
    return a;
}

static enum password_verdict pend(struct passwords *p, const struct password_asker *asker, struct password_ask *a,
                                  struct password_ask **ask)
{
    *ask = a;
    if (enqueue(p, a, asker->peer)) return PASSWORD_PENDING;
    *ask = NULL;
    free_ask(a);
    return PASSWORD_BUSY;
}

enum password_verdict passwords_ask(struct passwords *p, const struct password_asker *asker, const char *hash,
                                    bool known, struct str password, struct password_ask **ask)
{
    uint8_t key[SHA256_BYTES] = {0};
    struct password_ask *a;

    if (password.n > PASSWORD_MAX) return PASSWORD_WRONG;
    if (known) make_key(p, asker->digest, str_from(hash), password, key);
    if (known && passwords_remember(p, key)) return PASSWORD_RIGHT;
    a = ask_new(p, asker, &p->hashes, password, key);
    if (!a) return PASSWORD_BUSY;
    a->known = known;
    if (!str_to_cstr(str_from(hash), a->hash, sizeof(a->hash))) a->hash[0] = '\0'; /* then nothing fits */
    return pend(p, asker, a, ask);
}

/* "10.0.0.1:443", "[fd00::1]:443": without the port. */
static void format_host(const struct netaddr *peer, char out[NETADDR_TEXT])
{
    char text[NETADDR_TEXT];
    struct str s;
    bool fits;

    netaddr_format(peer, text);
    s = str_head(str_from(text), str_rindex(str_from(text), ':'));
    if (str_starts(s, STR("["))) s = str_make(s.p + 1, s.n - 2);
    fits = str_to_cstr(s, out, NETADDR_TEXT);
    ASSERT(fits);
}

enum password_verdict passwords_ask_pam(struct passwords *p, const struct password_asker *asker,
                                        struct settings *settings, const char *user, struct str password,
                                        struct password_ask **ask)
{
    char peer[NETADDR_TEXT], text[CHILD_INPUT_MAX];
    const struct pam_question q = {.service = settings->pam.service,
                                   .folder = settings->pam.folder,
                                   .user = user,
                                   .peer = peer, /* modules may judge by it */
                                   .password = password.p ? "" : NULL};
    struct sbuf right_for = sbuf_make(text, sizeof(text));
    uint8_t key[SHA256_BYTES];
    struct password_ask *a;

    if (password.n > PASSWORD_MAX || str_index(password, '\0') != SIZE_MAX) return PASSWORD_WRONG;
    format_host(asker->peer, peer);
    if (!pam_helper_question(&q, &right_for)) return PASSWORD_UNKNOWN;
    make_key(p, asker->digest, sbuf_str(&right_for), password, key);
    if (passwords_remember(p, key)) return PASSWORD_RIGHT;
    a = ask_new(p, asker, &p->pam_queue, password, key);
    if (!a) return PASSWORD_BUSY;
    a->settings = settings_ref(settings);
    a->user = user;
    a->account_only = !password.p;
    memcpy(a->peer, peer, sizeof(peer));
    return pend(p, asker, a, ask);
}

void passwords_forget(struct password_ask **ask)
{
    struct password_ask *a = *ask;
    bool waits;

    *ask = NULL;
    if (!a) return;
    pthread_mutex_lock(&a->passwords->lock);
    waits = a->place.queued;
    wait_queue_remove(a->queue, &a->place);
    pthread_mutex_unlock(&a->passwords->lock);
    if (waits)
        free_ask(a);
    else
        a->done = NULL; /* a thread has it, or the loop */
}
