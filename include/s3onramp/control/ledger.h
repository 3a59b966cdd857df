/* SPDX-License-Identifier: Apache-2.0
 * ledger.h: what went to S3 in a month (UTC), and which zones had an endpoint: in memory, and as a file that survives a
 * crash.
 *
 * A file is read, added to and replaced under a lock, so that several processes (an upgrade) may add to it; what one
 * adds is added once: it is in the file when ledger_commit says so, and else it is not. One thread for each ledger.
 */
#ifndef S3ONRAMP_CONTROL_LEDGER_H
#define S3ONRAMP_CONTROL_LEDGER_H

#include "base/err.h"
#include "base/map.h"
#include "flow/traffic.h"

enum {
    LEDGER_MONTH = 8,    /* "2026-11" and a NUL */
    LEDGER_MONTHS = 13,  /* files that are kept */
    LEDGER_ROWS = 20000, /* of a month; what is more is client and bucket "(other)" */
    LEDGER_FIELD = 160,
};

enum ledger_field { LEDGER_CLIENT, LEDGER_BUCKET, LEDGER_ENDPOINT, LEDGER_REGION, LEDGER_ZONE, LEDGER_FIELDS };

struct ledger_row {
    uint64_t v[TRAFFIC_SLOTS];
    struct str field[LEDGER_FIELDS]; /* of text */
    size_t n;
    char text[]; /* the fields with a tab between */
};

/* A zone that had an endpoint from @first_s to @last_s (Unix time), and the most that went through it one way. */
struct ledger_zone {
    int64_t first_s, last_s, peak_s;
    uint64_t peak; /* bytes a second */
    struct str endpoint, region, zone;
    char text[];
};

struct ledger {
    char month[LEDGER_MONTH];
    struct map rows, zones; /* owned: struct ledger_row, ledger_zone */
    struct ledger *next;    /* for whoever has several */
};

/* The month of a time: "2026-11". */
void ledger_month_of(int64_t wall_s, char out[LEDGER_MONTH]);
/* Its first second and the first of the next one; false: it is none. */
MUST_CHECK bool ledger_month_span(const char *month, int64_t *from_s, int64_t *to_s);
MUST_CHECK struct ledger *ledger_new(const char *month); /* NULL: out of memory */
void ledger_free(struct ledger **l);                     /* NULL is fine */
/* Adds @v to the row of these fields; what no field may hold becomes "?". False: out of memory, nothing changed. */
MUST_CHECK bool ledger_add(struct ledger *l, const struct str field[LEDGER_FIELDS], const uint64_t v[TRAFFIC_SLOTS]);
/* NULL: there is none. */
const struct ledger_row *ledger_find(const struct ledger *l, struct str text);
/* The zone's times, as far as they are of the month, and its peak are widened by those of @z. The same. */
MUST_CHECK bool ledger_saw(struct ledger *l, struct str endpoint, struct str region, struct str zone,
                           const struct ledger_zone *z);
/* All of @from is added to @l. The same, but a part may have been added. */
MUST_CHECK bool ledger_merge(struct ledger *l, const struct ledger *from);

/* The file of @l->month in the folder @dir is added to it. ERR_CONFIG: it is broken, and where; ERR_FILE: it cannot be
 * read. None is fine. */
MUST_CHECK enum err_code ledger_load(struct ledger *l, const char *dir, struct err *err);
/* Adds @l to the file of its month in the folder @dir. A broken file is put aside under another name, and that is
 * logged. On failure the file is as it was. */
MUST_CHECK enum err_code ledger_commit(const struct ledger *l, const char *dir, struct err *err);
/* For tests and fuzzing: the text of a file. */
MUST_CHECK enum err_code ledger_parse(struct ledger *l, struct str text, const char *name, struct err *err);

#endif
