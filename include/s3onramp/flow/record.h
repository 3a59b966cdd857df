/* SPDX-License-Identifier: Apache-2.0
 * record.h: what is known of a request that is over: one table of its fields. Access lines (access_log.c) and audit
 * lines (flow/audit.h) are made from it, and so is what conf/manual/logs.md says of them. One worker.
 *
 * A field in two steps: its row at the end of the table in record.c, and `record_manual --write` for the manual.
 */
#ifndef S3ONRAMP_FLOW_RECORD_H
#define S3ONRAMP_FLOW_RECORD_H

#include "base/log.h"
#include "flow/request.h"

enum record_format {
    RECORD_TEXT = 1,
    RECORD_JSON = 2,
    RECORD_AUDIT = 4,
    RECORD_ACCESS = RECORD_TEXT | RECORD_JSON,
    RECORD_ALL = RECORD_ACCESS | RECORD_AUDIT
};

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

/* The line of @req, which has ended, with its newline, at the end of @b. @format: one of the first three. */
void record_write(struct sbuf *b, enum record_format format, const struct request *req);
/* So many bytes its audit line has at most if it is served, whatever becomes of it then: its head is known. */
size_t record_audit_most(const struct request *req);
/* Refused by the proxy, as what the caller may not do or did not do right: it was not sent on. */
bool record_is_refused(const struct request *req);
/* Adds @req, which has ended, to the counters of its listener, of who called and of its endpoint, and to the worker's
 * traffic. */
void record_count(struct request *req);
/* Adds what of @req's content has passed since the last time to the worker's traffic. */
void record_traffic(struct request *req);
/* The same while it runs, so that a long transfer is seen before it ends; not before its bucket is known to be there.
 */
void record_traffic_so_far(struct request *req);

/* --- Amazon S3's server access log format: record_s3.c --- */

struct record_s3_field {
    const char *name; /* as AWS's User Guide has it */
    void (*write)(struct sbuf *b, const struct request *req);
    const char *meaning; /* where it is not what the User Guide says; in the manual */
};

/* In the order of a line. */
extern const struct record_s3_field record_s3_fields[];
extern const size_t record_s3_fields_n;

void record_write_s3(struct sbuf *b, const struct request *req);

/* --- for both --- */

/* What a client wrote, with the values of parameters of signatures as in URLs (X-Amz-Signature=…) left out. @mem, of
 * 2 * text.n + RECORD_REDACTED bytes, is used if there are any. */
enum { RECORD_REDACTED = 64 };
struct str record_redact(struct str text, char *mem);
/* What S3 says of the object's version, or what was asked for; empty: nothing. */
struct str record_version(const struct request *req);
uint64_t record_bytes_out(const struct request *req);
uint64_t record_bytes_in(const struct request *req);

#endif
