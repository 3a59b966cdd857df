/* SPDX-License-Identifier: Apache-2.0
 * followers.h: the processes of before an upgrade, which finish what they have, as the process that serves knows them:
 * what it puts in force counts there, too. The channel is that of the takeover (takeover.h), and goes on to the next
 * process that takes over. Its other end: follower.h. Control thread.
 *
 *   serves ── "take 3", "cut 3" ──────────────▶ finishes: reads the same files (reload.h)
 *          ◀── "taken 3", "refused 3 WHY" ─────
 */
#ifndef S3ONRAMP_CONTROL_FOLLOWERS_H
#define S3ONRAMP_CONTROL_FOLLOWERS_H

#include "base/str.h"
#include "config/config.h"
#include "io/loop.h"

/* Words of the channel: a verb, a number that the answer repeats, a reason. */
enum { FOLLOWER_WORD = 1024 };

/* True if @word is @verb and *@number; *@why: what follows. */
static inline bool follower_word_is(struct str word, struct str verb, uint64_t *number, struct str *why)
{
    struct str first, second;

    *why = word;
    return str_split(why, ' ', &first) && str_eq(first, verb) && str_split(why, ' ', &second) &&
           str_to_u64(second, number);
}

/* @behind: a sentence for each process that did not put it in force; valid during the call. */
typedef void followers_done_fn(void *arg, const struct str_list *behind);

struct followers;

/* Each has @patience_ms for an answer. NULL: out of memory. */
MUST_CHECK struct followers *followers_new(struct loop *loop, unsigned patience_ms);
/* Closes the channels; nobody hears of what was asked. NULL is fine. */
void followers_free(struct followers **f);
/* Another process has them now. */
void followers_leave(struct followers *f);
/* Takes over @channel. */
void followers_add(struct followers *f, int channel);
/* How many there are; the channels of the first @max into @fds, borrowed. */
size_t followers_list(const struct followers *f, int *fds, size_t max);
/* All shall put in force what the files say, and with @cut end what runs for clients that are gone. One at a time.
 * @done: when each has answered or is gone, or its time is over; maybe before this returns. */
void followers_take(struct followers *f, bool cut, followers_done_fn *done, void *arg);

#endif
