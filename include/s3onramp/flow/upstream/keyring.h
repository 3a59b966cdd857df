/* SPDX-License-Identifier: Apache-2.0
 * keyring.h: the AWS keys that a worker signs with. The control thread fetches them (keys/credentials.h) and offers
 * each new set to every worker through an atomic pointer; what workers tell the control thread goes the other way, into
 * struct key_need. No worker waits for a lock: a request without keys waits, its worker does not.
 *
 * Keys come by slot: each [credentials] section has one, and one more for each client if every client has a session of
 * its own there. A slot goes by standing numbers, and is made when somebody first wants it.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_KEYRING_H
#define S3ONRAMP_FLOW_UPSTREAM_KEYRING_H

#include "base/map.h"
#include "config/config.h"
#include "io/loop.h"

enum { KEYS_WHY = 512, KEYS_RENEW_MS = 10000 /* between two fetches because S3 refused keys */ };

/* One set of keys, or the word that there is none now. Immutable and counted; any thread. */
struct credentials {
    _Atomic unsigned refs;
    uint64_t version; /* grows from set to set of a slot, from 1 */
    bool usable;      /* false: no keys; @why says it */
    bool hopeless;    /* with !usable: waiting a little will not help */
    char *access_key_id, *secret_access_key;
    char *session_token; /* NULL: long-lived keys */
    int64_t expires_s;   /* Unix; 0: never */
    char why[KEYS_WHY];
};

/* Copies. NULL: out of memory. @session_token may be NULL. */
MUST_CHECK struct credentials *credentials_new(uint64_t version, const char *access_key_id,
                                               const char *secret_access_key, const char *session_token,
                                               int64_t expires_s);
MUST_CHECK struct credentials *credentials_none(uint64_t version, bool hopeless, const char *why);
void credentials_unref(struct credentials **c); /* the last one wipes; NULL is fine */

/* Enough of a key's id to recognise it in AWS's own lists: "ASIA…WXYZ". */
void credentials_mask(const char *access_key_id, char *out, size_t cap);

struct key_slot {
    uint32_t section, principal; /* standing numbers; principal: STANDING_NONE: nobody in particular */
    const char *client;          /* borrowed: the principal's name, or NULL */
};
/* Which slot @set has for @client (NULL: nobody in particular). */
struct key_slot key_slot_of(const struct credentials_conf *set, const struct principal_conf *client);

/* What workers tell of a slot; relaxed atomics. */
struct key_need {
    uint32_t section, principal; /* with them begins what the map has for a key */
    char *client;                /* owned, or NULL */
    struct key_need *next_told;
    _Atomic bool told;          /* the control thread is to look at it */
    _Atomic int64_t used_us;    /* monotonic: when a request last asked */
    _Atomic uint64_t refused;   /* the newest version that S3 did not take */
    _Atomic int64_t renewed_us; /* monotonic, written by the control thread, after it offered what came of it: when the
                                   last fetch that a refusal led to ended; 0: never */
};

/* Shared by all workers; the control thread owns it. */
struct key_needs {
    pthread_mutex_t lock; /* guards the map; taken when a worker first wants a slot */
    struct map map;
    _Atomic(struct key_need *) told;
    void (*wake)(void *arg); /* any thread: some are told of; NULL before the control thread is there */
    void *arg;
};
MUST_CHECK struct key_needs *key_needs_new(void);
void key_needs_free(struct key_needs **n); /* NULL is fine */
/* Any thread: that of @slot, which stays where it is as long as @n; NULL: out of memory. */
MUST_CHECK struct key_need *key_needs_get(struct key_needs *n, const struct key_slot *slot);
/* What a map knows it by. */
static inline struct str key_need_key(const struct key_need *need)
{
    return str_make((const char *)need, 2 * sizeof(uint32_t));
}
/* Control thread: those that workers told of since the last time, by .next_told. */
struct key_need *key_needs_take_told(struct key_needs *n);

/* A worker's. */
struct keyring_slot {
    struct key_need *need;   /* borrowed */
    struct credentials *now; /* one reference: those in force; NULL: never any */
};

struct keyring_offer;

/* The keys that one request signs with, from when it first asks to its end. Embedded in it; zero at first. */
struct key_lease {
    struct credentials *keys;     /* one reference; NULL: none */
    struct keyring_slot *slot;    /* borrowed: whose they are; NULL: nothing was asked for yet */
    uint64_t refused;             /* the version that S3 did not take; 0: none was refused */
    int64_t since_us;             /* monotonic: since when it waits for keys; 0: it does not */
    struct key_lease **at, *next; /* the keyring's list of those that wait; @at is NULL outside of it */
    struct loop_task *owner;      /* borrowed: run when there may be keys, and once a tick */
};

struct keyring {
    struct loop *loop; /* borrowed, as the next one */
    struct key_needs *needs;
    struct map slots;                        /* owned: those that were wanted, or offered */
    _Atomic(struct keyring_offer *) offered; /* owned: not looked at yet; newest first */
    struct key_lease *waiting;
};

enum keys_result { KEYS_TAKEN, KEYS_WAIT, KEYS_NONE };

void keyring_init(struct keyring *k, struct loop *loop, struct key_needs *needs);
void keyring_clear(struct keyring *k);
/* Any thread: @c (borrowed; a reference is taken; NULL: there is no such slot any more) replaces the keys of @need's
 * slot in the worker's next turn; requests that wait for them go on. */
void keyring_offer(struct keyring *k, struct key_need *need, struct credentials *c);
/* Once a tick: takes what is offered, in case an offer could not wake the worker, and runs those that wait. */
void keyring_tick(struct keyring *k);
/* The newest keys of @slot into @l; KEYS_WAIT: there are none, and @owner will run; KEYS_NONE: none has come within
 * @wait_ms, or none will. */
enum keys_result keyring_take(struct keyring *k, const struct key_slot *slot, struct key_lease *l, uint64_t wait_ms,
                              struct loop_task *owner);
/* S3 answered that @l's keys are not valid (any more). True: newer ones may help; once per lease. */
bool keyring_refused(struct keyring *k, struct key_lease *l);
/* What the slot of @l holds now, usable or not; NULL: it was never told anything. Until the next call. */
const struct credentials *keyring_now(struct keyring *k, const struct key_lease *l);
static inline bool keyring_waits(const struct key_lease *l)
{
    return l->since_us != 0;
}
/* Waits no more. Fine if it does not wait. */
void keyring_leave(struct key_lease *l);

#endif
