/* SPDX-License-Identifier: Apache-2.0
 * states.h: the table of a state machine: what its states are called, and which may follow which. A move that is not in
 * the table is a bug. Pure.
 */
#ifndef S3ONRAMP_BASE_STATES_H
#define S3ONRAMP_BASE_STATES_H

#include "base/attrib.h"

#include <stdbool.h>
#include <stdint.h>

struct states {
    const char *machine;      /* for the sentence about the bug */
    const char *const *names; /* by state, as the next one */
    const uint32_t *next;     /* those that may follow: STATES_BIT of each */
};

#define STATES_BIT(state) ((uint32_t)1 << (state))

static inline bool states_allow(const struct states *s, unsigned from, unsigned to)
{
    return s->next[from] & STATES_BIT(to);
}

NORETURN void states_bug(const struct states *s, unsigned from, unsigned to);

/* For the one setter of each machine. */
static inline void states_check(const struct states *s, unsigned from, unsigned to)
{
    if (!states_allow(s, from, to)) states_bug(s, from, to);
}

#endif
