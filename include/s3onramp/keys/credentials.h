/* SPDX-License-Identifier: Apache-2.0
 * credentials.h: keeps every slot's keys fresh: fetches them ahead of their end, once however many requests wait, keeps
 * the last good ones until they really end, and gives each new set to all workers. Control thread.
 *
 *   needs of workers ──┐
 *   time, changed files ├──▶ due ──▶ source_fetch ──▶ good: offered to the workers, next fetch before its end
 *   first start ────────┘               └──────────▶ failed: the old ones stay, again after a growing pause
 *
 * Times: keys that last L are fetched anew when min(15 min, L/3) is left, and up to a tenth of that earlier, so that
 * many proxies do not ask at once. After failures the pause is 1 s, 2 s, 4 s … 60 s, give or take a quarter; when the
 * other side asks for less, five times that at first. While requests wait for keys, a source that failed is asked every
 * second. They are taken out of use a little (L/20, at most 5 s) before
 * they end. Sessions of single clients are fetched when one of the client's requests wants them, and are not renewed
 * after ten minutes without one; then they are forgotten when their keys end. A section keeps max_sessions of them; one
 * more takes the place of the one that was used longest ago. What a session says of its client (its tags, its group) is
 * withdrawn as soon as that is not so any more.
 */
#ifndef S3ONRAMP_KEYS_CREDENTIALS_H
#define S3ONRAMP_KEYS_CREDENTIALS_H

#include "flow/worker.h"
#include "keys/source.h"

#include <jansson.h>

struct credential_store;

/* @s: the newest snapshot, there until credential_store_follow names another one. @needs, @workers: borrowed, must
 * outlive it; the workers are initialised and not started. Sources that answer at once (static, environment) have done
 * so when it returns. */
MUST_CHECK enum err_code credential_store_new(struct loop *loop, struct snapshot *s, struct key_needs *needs,
                                              struct worker *workers, size_t workers_n, struct credential_store **out,
                                              struct err *err);
/* @s takes the place of the snapshot before, which is still there during the call. Sections that are the same, as @same
 * says for each of those of @s, go on with their keys; the others are fetched anew, and the keys before serve until
 * then; those of sections that are gone stay for as long as requests may want them that began before. */
void credential_store_follow(struct credential_store *st, struct snapshot *s, const bool *same);
void credential_store_free(struct credential_store **st);
/* Takes the keys of section @name out of use, in all its slots, and asks their source anew: what it gives counts, and
 * if it gives nothing there are none. */
void credential_store_drop(struct credential_store *st, const char *name);
/* A section without usable keys that are wanted in any case; NULL: there is none. Borrowed: settings. */
const char *credential_store_lacks(const struct credential_store *st);
/* What is the matter with the keys of the section with that standing number, as words after "are"; NULL: they are good,
 * or none are wanted in any case. */
const char *credential_store_fault(const struct credential_store *st, uint32_t section);
/* When keys end. */
struct credential_end {
    const char *section, *client; /* borrowed; client: NULL: everybody's */
    int64_t end_s;                /* Unix time; 0: never, or there are none */
    bool renewed;                 /* before that, as far as is known: the last fetch was good */
};
/* Of the slot @at; false: there is none, nor behind it. */
MUST_CHECK bool credential_store_end(const struct credential_store *st, size_t at, struct credential_end *out);
/* Once a tick, and when a worker asks for it. */
void credential_store_tick(struct credential_store *st);
enum credentials_state {
    CREDENTIALS_UNSIGNED, /* source = none */
    CREDENTIALS_PENDING,
    CREDENTIALS_GOOD,
    CREDENTIALS_STALE, /* good, but the last fetch failed */
    CREDENTIALS_EXPIRED,
    CREDENTIALS_FAILED,
    CREDENTIALS_STATES_N
};
const char *credentials_state_name(enum credentials_state state); /* "unsigned", … */

/* The slots of a section that were ever wanted: one, or one for each client with sessions of its own. */
struct credential_sum {
    uint64_t slots[CREDENTIALS_STATES_N];
    int64_t first_end_s; /* Unix: the first end of usable keys; INT64_MAX: none of them has one */
};
/* Into @v, which has a row for each section of the newest snapshot. */
void credential_store_sum(const struct credential_store *st, struct credential_sum *v);
/* Fetches since the process began, also of slots and sections that are gone; @section: standing. */
struct credential_fetches {
    uint64_t good, failed;
    int64_t certificate_end_s; /* Unix time: of the certificate that was shown for keys the last time; 0: none was */
};
struct credential_fetches credential_store_fetches(const struct credential_store *st, uint32_t section);
/* The next slot from *@at on (0: the first) that was ever wanted, as an object without secrets, which the caller owns;
 * NULL: there are no more. */
MUST_CHECK json_t *credential_store_next(const struct credential_store *st, size_t *at);

#endif
