/* SPDX-License-Identifier: Apache-2.0
 * passwords.h: checks passwords of clients. Hashing takes 50 to 100 ms on purpose, so one thread of its own does it,
 * off the event loops, and what was right is remembered, by a keyed hash. Shared by all workers; locked inside.
 *
 *   worker: passwords_ask ──▶ remembered? ──▶ answer at once
 *                                └─ no ──▶ queue ──▶ thread: crypt ──▶ loop_post ──▶ worker: done()
 *
 * The queue gives each peer its turn, and each a bounded number of places: who floods it with wrong passwords waits for
 * himself, and others for two of his at most.
 * Unknown names and clients without a password take the same time as a wrong one: a hash is computed all the same.
 */
#ifndef S3ONRAMP_FLOW_PASSWORDS_H
#define S3ONRAMP_FLOW_PASSWORDS_H

#include "aws/sign/digest.h"
#include "base/netaddr.h"
#include "io/loop.h"

enum { PASSWORDS_QUEUE_MAX = 512, PASSWORDS_PEER_MAX = 32 };

enum password_verdict { PASSWORD_PENDING, PASSWORD_RIGHT, PASSWORD_WRONG, PASSWORD_BUSY };

struct passwords;
struct password_ask; /* a question on its way */
/* On the asking worker's thread; the question is gone afterwards. */
typedef void password_done_fn(void *arg, bool right);

/* The thread starts with the first question. NULL: out of memory. */
MUST_CHECK struct passwords *passwords_new(void);
/* Ends the thread. Workers have ended, their loops still exist: questions on their way are answered with "wrong"
 * there. NULL is fine. */
void passwords_free(struct passwords **p);

/* Is @password the one of @hash? @known: it is that of the client who is named; else any hash, and the answer is wrong.
 * PASSWORD_PENDING: *@ask is set and @done will be called on @loop; PASSWORD_BUSY: too many are being asked, by this
 * @peer or by all. @d: the caller's. */
enum password_verdict passwords_ask(struct passwords *p, struct digest *d, struct loop *loop,
                                    const struct netaddr *peer, const char *hash, bool known, struct str password,
                                    password_done_fn *done, void *arg, struct password_ask **ask);
/* The answer is not wanted any more: what is not being hashed yet never is. Nulls *@ask; NULL is fine. On the asking
 * worker's thread. */
void passwords_forget(struct password_ask **ask);

#endif
