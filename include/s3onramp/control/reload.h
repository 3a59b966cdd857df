/* SPDX-License-Identifier: Apache-2.0
 * reload.h: puts what the files say now in force in the running proxy, as a whole or not at all.
 *
 *   reload_ask ──▶ a thread: files read and judged, snapshot built ──▶ control thread: sockets, logs ──┐
 *        ▲           └─ a problem ─────────────────────────────────────────┬─ a problem                ▼
 *        └──────────────────────────── the answer ◀────────────────────────┴──────── every worker has adopted it
 *                                                                            and those who follow have (followers.h)
 *
 * One at a time: what is asked meanwhile is answered by the next one. While the proxy ends it goes on, for what still
 * runs. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_RELOAD_H
#define S3ONRAMP_CONTROL_RELOAD_H

#include "config/settings_diff.h"
#include "control/followers.h"
#include "control/logs.h"
#include "control/ports.h"
#include "control/road/endpoints.h"
#include "flow/worker.h"
#include "keys/credentials.h"

/* What follows a new snapshot; all borrowed, and there as long as the reload. */
struct reload_parts {
    struct loop *loop;
    struct proxy *proxy;
    struct snapshot **snapshot; /* the newest: replaced */
    struct worker *workers;
    size_t workers_n;
    struct ports *ports; /* until reload_leave_ports */
    struct logs *logs;
    struct followers *followers;
    struct endpoints *endpoints;
    struct credential_store *credentials;
    /* May one begin that changes something? False: not now; reload_go_on when it may. */
    bool (*may_begin)(void *arg);
    void (*on_state)(void *arg, bool begins); /* it begins, it is over */
    void *arg;
};

enum reload_what {
    RELOAD_TAKE,
    RELOAD_CHECK, /* only what it would come to */
    RELOAD_CUT    /* RELOAD_TAKE, and what runs for clients that are not there any more is cut */
};

struct reload_answer {
    const struct str_list *problems; /* "FILE:LINE: …"; if there are any, nothing was changed and the rest is empty */
    const struct str_list *warnings; /* the same */
    const struct settings_diff *diff;
    const struct str_list *behind; /* sentences: where it is not in force, though it is here */
};

struct reload_ask {
    struct reload_ask *next;
    enum reload_what what;
    const char *by; /* who, for audit lines; copied */
    bool follows;   /* for the process that serves now */
    /* Called once; the ask is over then. @answer is valid during the call. */
    void (*done)(void *arg, const struct reload_answer *answer);
    void *arg;
};

struct reload;

/* NULL: out of memory. */
MUST_CHECK struct reload *reload_new(const struct reload_parts *parts);
/* Waits until nothing is read any more; nobody is answered. NULL is fine. */
void reload_free(struct reload **r);
/* @ask: the caller's, with .what, .by, .done and .arg set, until it is over. */
void reload_ask(struct reload *r, struct reload_ask *ask);
/* The same for one who wants no answer: the log has it. @by: likewise. */
void reload_want(struct reload *r, const char *by);
/* What may_begin held back begins. */
void reload_go_on(struct reload *r);
/* Nobody waits for it any more; what began goes on. */
void reload_forget(struct reload *r, struct reload_ask *ask);
/* The proxy listens no more: the ports may go. */
void reload_leave_ports(struct reload *r);
/* Another process serves: who asks for more than a check must ask there, and is told so; but who follows. True: so did
 * some already. */
bool reload_hand_over(struct reload *r);
/* The first problem for which the last reload changed nothing; NULL: it did, or there was none. Borrowed until the
 * next one. */
const char *reload_refused(const struct reload *r);
/* What became of reloads since the process began; a check is none. */
struct reload_figures {
    uint64_t taken, refused;
    int64_t taken_wall_us; /* when what is in force was taken */
    int64_t took_us;       /* the last one, from its beginning to its answers; 0: there was none */
};
struct reload_figures reload_figures(const struct reload *r);
/* What waits for a restart, in words: appended to @out. */
void reload_waiting(const struct reload *r, struct str_list *out);

#endif
