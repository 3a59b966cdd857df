/* SPDX-License-Identifier: Apache-2.0
 * record.h: what is known of a request that is over: one table of its fields. The lines of the access log are made from
 * it (access_log.c), and conf/manual/logs.md is checked against it. One worker.
 *
 * A field in two steps: its row at the end of the table in record.c, its line in conf/manual/logs.md.
 */
#ifndef S3ONRAMP_FLOW_RECORD_H
#define S3ONRAMP_FLOW_RECORD_H

#include "base/log.h"
#include "flow/request.h"

enum record_format { RECORD_TEXT = 1, RECORD_JSON = 2, RECORD_BOTH = RECORD_TEXT | RECORD_JSON };

struct record_line; /* that is being written */

struct record_field {
    const char *name;
    void (*write)(struct record_line *line, const struct request *req); /* its value */
    bool (*is_there)(const struct request *req); /* NULL: always; else the field is left out where it is not */
    enum record_format formats;                  /* where it appears */
    const char *meaning;                         /* as in the manual */
};

extern const struct record_field record_fields[];
extern const size_t record_fields_n;

/* The line of @req, which has ended, with its newline, at the end of @b. */
void record_write(struct sbuf *b, enum log_format format, const struct request *req);
/* Adds @req, which has ended, to the counters of its listener and of who called. */
void record_count(const struct request *req);

#endif
