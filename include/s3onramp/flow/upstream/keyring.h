/* SPDX-License-Identifier: Apache-2.0
 * keyring.h: the AWS keys that a worker signs with. The control thread fetches them (keys/credentials.h) and offers
 * each new set to every worker through an atomic pointer; what workers tell the control thread goes the other way, into
 * struct key_need. No worker waits for a lock: a request without keys waits, its worker does not.
 *
 * Keys come by slot: each [credentials] section has one, and one more for each client if every client has a session of
 * its own there.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_KEYRING_H
#define S3ONRAMP_FLOW_UPSTREAM_KEYRING_H

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
struct credentials *credentials_ref(struct credentials *c);
void credentials_unref(struct credentials **c); /* the last one wipes; NULL is fine */

/* Enough of a key's id to recognise it in AWS's own lists: "ASIA…WXYZ". */
void credentials_mask(const char *access_key_id, char *out, size_t cap);

/* How many slots @s has, and which one @set has for @client (NULL: nobody in particular). */
size_t credentials_slots(const struct settings *s);
size_t credentials_slot(const struct settings *s, const struct credentials_conf *set,
                        const struct principal_conf *client);

/* What workers tell of a slot; relaxed atomics. */
struct key_need {
    _Atomic int64_t used_us;    /* monotonic: when a request last asked */
    _Atomic uint64_t refused;   /* the newest version that S3 did not take */
    _Atomic int64_t renewed_us; /* monotonic, written by the control thread, after it offered what came of it: when the
                                   last fetch that a refusal led to ended; 0: never */
};

/* Shared by all workers; the control thread owns it. */
struct key_needs {
    size_t n;
    void (*wake)(void *arg); /* any thread: look at the needs now; NULL before the control thread is there */
    void *arg;
    struct key_need v[];
};
MUST_CHECK struct key_needs *key_needs_new(size_t n);

struct keyring_slot {
    _Atomic(struct credentials *) offered; /* one reference: the next ones */
    struct credentials *now;               /* one reference: those in force; NULL: never any */
};

/* The keys that one request signs with, from when it first asks to its end. Embedded in it; zero at first. */
struct key_lease {
    struct credentials *keys;     /* one reference; NULL: none */
    uint64_t refused;             /* the version that S3 did not take; 0: none was refused */
    int64_t since_us;             /* monotonic: since when it waits for keys; 0: it does not */
    struct key_lease **at, *next; /* the keyring's list of those that wait; @at is NULL outside of it */
    struct loop_task *owner;      /* borrowed: run when there may be keys, and once a tick */
};

struct keyring {
    struct loop *loop;       /* borrowed, as the next one */
    struct key_needs *needs; /* one per slot */
    _Atomic bool news;       /* something is offered somewhere */
    size_t n;
    struct keyring_slot *slots; /* owned */
    struct key_lease *waiting;
};

enum keys_result { KEYS_TAKEN, KEYS_WAIT, KEYS_NONE };

MUST_CHECK enum err_code keyring_init(struct keyring *k, struct loop *loop, struct key_needs *needs, struct err *err);
void keyring_clear(struct keyring *k);
/* Any thread: @c (borrowed; a reference is taken) replaces the keys of @slot in the worker's next turn; requests that
 * wait for them go on. */
void keyring_offer(struct keyring *k, size_t slot, struct credentials *c);
/* Once a tick: takes what is offered, in case an offer could not wake the worker, and runs those that wait. */
void keyring_tick(struct keyring *k);
/* The newest keys of @slot into @l; KEYS_WAIT: there are none, and @owner will run; KEYS_NONE: none has come within
 * @wait_ms, or none will. */
enum keys_result keyring_take(struct keyring *k, size_t slot, struct key_lease *l, uint64_t wait_ms,
                              struct loop_task *owner);
/* S3 answered that @l's keys are not valid (any more). True: newer ones may help; once per lease. */
bool keyring_refused(struct keyring *k, size_t slot, struct key_lease *l);
/* What @slot holds now, usable or not; NULL: it was never told anything. Until the next call. */
const struct credentials *keyring_now(struct keyring *k, size_t slot);
static inline bool keyring_waits(const struct key_lease *l)
{
    return l->since_us != 0;
}
/* Waits no more. Fine if it does not wait. */
void keyring_leave(struct key_lease *l);

#endif
