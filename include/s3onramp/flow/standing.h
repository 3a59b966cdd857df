/* SPDX-License-Identifier: Apache-2.0
 * standing.h: what lives longer than the file that names it. Each endpoint, listener, principal, group and
 * [credentials] section has a number by its kind and name: the same in every snapshot, also after the section was away
 * for a while. Pools, queues, keys and sessions hang on the number, never on the row of some settings. Any thread;
 * locked inside.
 */
#ifndef S3ONRAMP_FLOW_STANDING_H
#define S3ONRAMP_FLOW_STANDING_H

#include "config/config.h"

enum standing_kind {
    STANDING_LISTENER,
    STANDING_ENDPOINT,
    STANDING_CREDENTIALS,
    STANDING_PRINCIPAL,
    STANDING_GROUP,
    STANDING_LINE,
    STANDING_ADDRESS,
    STANDING_KINDS
};

/* The number of nothing: a row that is in no snapshot, nobody in particular. */
enum { STANDING_NONE = 0 };

struct standing;

MUST_CHECK struct standing *standing_new(void); /* NULL: out of memory */
void standing_free(struct standing **s);        /* NULL is fine */
/* The number of @name, given now if it has none: 1, 2, 3, … of each kind; never another's. STANDING_NONE: out of
 * memory.
 */
MUST_CHECK uint32_t standing_id(struct standing *s, enum standing_kind kind, struct str name);
/* Writes each row's number into @settings, which nobody else has yet. False: out of memory. */
MUST_CHECK bool standing_number(struct standing *s, struct settings *settings);

#endif
