/* SPDX-License-Identifier: Apache-2.0
 * passwords_impl.h: what passwords.c (queues, hashes, what is remembered) and pam_checks.c (PAM) share.
 */
#ifndef S3ONRAMP_FLOW_PASSWORDS_IMPL_H
#define S3ONRAMP_FLOW_PASSWORDS_IMPL_H

#include "base/password.h"
#include "flow/passwords.h"
#include "flow/upstream/wait_queue.h"
#include "io/pam_helper.h"

enum { PASSWORDS_REMEMBERED = 256, PASSWORDS_WHY = PAM_WHY + 32 };

/* A question belongs to a queue, then to a thread, then to the worker's loop; what the worker alone may touch (done,
 * arg) is never looked at by the thread. */
struct password_ask {
    struct wait_place place;         /* in the queue; first, so that one pointer is both */
    struct passwords *passwords;     /* borrowed: whose queue */
    struct wait_queue *queue;        /* borrowed: which one */
    struct loop *loop;               /* borrowed */
    uint8_t key[SHA256_BYTES];       /* what it is remembered by */
    char password[PASSWORD_MAX + 1]; /* wiped once it was looked at */
    size_t password_n;
    enum password_verdict verdict;
    char why[PASSWORDS_WHY];
    password_done_fn *done; /* the worker's; NULL: forgotten */
    void *arg;

    /* of a hash */
    char hash[PASSWORD_HASH_MAX]; /* wiped once it was looked at */
    bool known;                   /* else the hash is anybody's */

    /* of PAM */
    struct settings *settings; /* counted; NULL: PAM is not asked */
    const char *user;          /* in settings */
    bool account_only;
    char peer[NETADDR_TEXT]; /* without the port */
    struct child *child;     /* owned, while it runs */
    struct password_ask *running_next;
};

/* The processes that ask PAM. */
struct pam_checks {
    pthread_t thread;
    struct loop loop;
    struct loop_post end;
    struct password_ask *running; /* owned. The thread's own, as all below */
    size_t running_n;
    bool over; /* nothing begins any more */
    bool down; /* no answer came of late: said in the log */
};

struct passwords {
    pthread_t thread;
    struct pam_checks pam;
    uint8_t salt[SHA256_BYTES]; /* never changes after the start */
    pthread_mutex_t lock;       /* guards all below */
    pthread_cond_t wake;
    struct wait_queue hashes, pam_queue; /* owners: peers */
    bool started, pam_started, stop;
    struct {
        uint8_t key[SHA256_BYTES];
        int64_t until_us; /* monotonic */
    } remembered[PASSWORDS_REMEMBERED];
};

/* passwords.c. Any thread. */
bool passwords_remember(struct passwords *p, const uint8_t key[SHA256_BYTES]); /* whether it does */
void passwords_keep(struct passwords *p, const uint8_t key[SHA256_BYTES], int64_t until_us);
/* The next one of @queue; NULL: none. */
struct password_ask *passwords_next(struct passwords *p, struct wait_queue *queue);
/* Hands @a to its worker. */
void passwords_answer(struct password_ask *a);

/* pam_checks.c */
/* False: it cannot start. */
MUST_CHECK bool pam_checks_start(struct passwords *p);
void pam_checks_end(struct passwords *p); /* only if it was started; what runs is answered */
/* There is something in the queue. False: out of memory. */
MUST_CHECK bool pam_checks_wake(struct passwords *p);

#endif
