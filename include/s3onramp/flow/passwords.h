/* SPDX-License-Identifier: Apache-2.0
 * passwords.h: checks passwords of clients, off the event loops, and remembers what was right, by a keyed hash. Shared
 * by all workers; locked inside.
 *
 *   worker: passwords_ask ──▶ remembered? ──▶ answer at once
 *                                └─ no ──▶ queue ──▶ thread: crypt, 50 to 100 ms ───────▶ loop_post ──▶ worker: done()
 *           passwords_ask_pam, the same ─▶ queue ──▶ thread: processes that ask PAM ──▶ (flow/pam_checks.h)
 *
 * Both queues give each peer its turn, and each a bounded number of places: who floods them with wrong passwords waits
 * for himself, and others for two of his at most.
 * Unknown names and clients without a password take the same time as one whose hash does not fit: a hash is computed
 * all the same.
 */
#ifndef S3ONRAMP_FLOW_PASSWORDS_H
#define S3ONRAMP_FLOW_PASSWORDS_H

#include "aws/sign/digest.h"
#include "base/netaddr.h"
#include "config/config.h"
#include "io/loop.h"

enum { PASSWORDS_QUEUE_MAX = 512, PASSWORDS_PEER_MAX = 32 };

enum password_verdict {
    PASSWORD_PENDING,
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    PASSWORD_BUSY,
    PASSWORD_UNKNOWN, /* who knows it gave no answer */
};

struct passwords;
struct password_ask; /* a question on its way */
/* On the asking worker's thread; the question is gone afterwards. RIGHT, WRONG, or UNKNOWN; @why: valid during the
 * call, for logs; empty: there is no more to say. */
typedef void password_done_fn(void *arg, enum password_verdict verdict, const char *why);

/* Who asks. */
struct password_asker {
    struct digest *digest; /* the caller's */
    struct loop *loop;     /* its own */
    const struct netaddr *peer;
    password_done_fn *done;
    void *arg;
};

/* Starts its threads: one that a worker started would be held to what a worker may. NULL: out of memory. */
MUST_CHECK struct passwords *passwords_new(void);
/* Ends the threads, and what PAM does. Workers have ended, their loops still exist: questions on their way are answered
 * there. NULL is fine. */
void passwords_free(struct passwords **p);

/* Is @password the one of @hash? @known: it is that of the client who is named; else any hash, and the answer is wrong.
 * PASSWORD_PENDING: *@ask is set and done will be called; PASSWORD_BUSY: too many are being asked, by this peer or by
 * all. */
enum password_verdict passwords_ask(struct passwords *p, const struct password_asker *asker, const char *hash,
                                    bool known, struct str password, struct password_ask **ask);
/* Does PAM take @password for @user, and may the account be used? With .p NULL only the latter. The same answers. */
enum password_verdict passwords_ask_pam(struct passwords *p, const struct password_asker *asker,
                                        struct settings *settings, const char *user, struct str password,
                                        struct password_ask **ask);
/* The answer is not wanted any more: what nobody works on yet is never asked. Nulls *@ask; NULL is fine. On the asking
 * worker's thread. */
void passwords_forget(struct password_ask **ask);

#endif
