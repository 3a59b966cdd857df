/* SPDX-License-Identifier: Apache-2.0
 * books.h: keeps the ledger of the month (ledger.h) while the proxy runs: once in an interval what workers counted
 * since the last time goes to its file, on a thread of its own. At most so much is lost by a crash; at an orderly end
 * nothing is. Without a folder it is kept in memory, from the start of the process on. Control thread.
 *
 *   workers' traffic ──▶ collect ──▶ pending ──▶ thread: ledger_commit ──▶ file
 *                                        ◀── what could not be written, for the next time
 */
#ifndef S3ONRAMP_CONTROL_BOOKS_H
#define S3ONRAMP_CONTROL_BOOKS_H

#include "config/prices.h"
#include "control/ledger.h"
#include "control/road/endpoints.h"

struct books;

struct books_parts {
    struct proxy *proxy;        /* borrowed, as all of them */
    struct snapshot **snapshot; /* the newest */
    struct endpoints *endpoints;
};

/* As [cost] says. NULL: out of memory. */
MUST_CHECK struct books *books_new(const struct books_parts *parts);
/* Once a tick. */
void books_tick(struct books *b);
/* When the workers have ended, with all that they counted; NULL is fine. */
void books_free(struct books **b);

/* One question. The asker's memory until done() or books_forget. */
struct books_ask {
    struct books_ask *next;
    char month[LEDGER_MONTH];
    char *prices; /* owned by the asker: path; NULL: none */
    /* All that was counted so far is in @l, which is lent, as @p is; NULL: @why says it. @p NULL: no price list. */
    void (*done)(void *arg, const struct ledger *l, const struct prices *p, const char *why);
    void *arg;
};
void books_ask(struct books *b, struct books_ask *ask);
void books_forget(struct books *b, struct books_ask *ask);

/* Where it is written; NULL: nowhere. */
const char *books_dir(const struct books *b);
/* Why it is not written now; "": it is. */
const char *books_trouble(const struct books *b);
/* The most that passed through a zone one way in a second of the last interval, on average, in bytes; *@zone is
 * borrowed until the next tick. */
uint64_t books_peak(const struct books *b, const char **zone);

#endif
