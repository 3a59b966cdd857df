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

enum {
    /* The number of nothing: a row that is in no snapshot, nobody in particular. */
    STANDING_NONE = 0,
    /* Names of a kind, for the life of the process: none is forgotten, since one that came back as another's number
     * would be a way in. So each costs about 100 bytes, and 64 more on each worker where it was counted (stats.h). */
    STANDING_MOST = (1 << 20) - 1,
};

struct standing;

MUST_CHECK struct standing *standing_new(void); /* NULL: out of memory */
void standing_free(struct standing **s);        /* NULL is fine */
/* The number of @name, given now if it has none: 1, 2, 3, … of each kind; never another's. STANDING_NONE: out of
 * memory, or there are STANDING_MOST. */
MUST_CHECK uint32_t standing_id(struct standing *s, enum standing_kind kind, struct str name);
/* The greatest number of that kind. */
uint32_t standing_most(struct standing *s, enum standing_kind kind);
/* Whose number @id is, of 1 … standing_most; as long as @s. */
const char *standing_name(struct standing *s, enum standing_kind kind, uint32_t id);
/* Writes each row's number into @settings, which nobody else has yet. False: as STANDING_NONE. */
MUST_CHECK bool standing_number(struct standing *s, struct settings *settings);

#endif
