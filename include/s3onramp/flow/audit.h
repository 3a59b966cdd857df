/* SPDX-License-Identifier: Apache-2.0
 * audit.h: lines for auditors: of requests, by the table of record.h, on their workers; and of what happens to the
 * proxy itself, on the control thread. JSON, each with a number by which a gap is seen.
 *
 * Where [audit] required is set, the room of a request's line is kept before the request goes anywhere: step_audit.
 */
#ifndef S3ONRAMP_FLOW_AUDIT_H
#define S3ONRAMP_FLOW_AUDIT_H

#include "config/settings_diff.h"
#include "flow/request.h"
#include "io/sink.h"

/* The control thread's; run is read by all. */
struct audit {
    char run[REQUEST_ID_BYTES + 1]; /* in all lines of this process */
    struct sink *sink;              /* borrowed; NULL: lines go nowhere */
    struct sink_queue *queue;       /* borrowed: ours of it */
    uint64_t seq;                   /* of the last line */
};

/* What happened: texts may be NULL, and are cut. */
struct audit_event {
    const char *name;                 /* a row of audit_events */
    const char *by;                   /* who wanted it: "uid 0, pid 812", "SIGHUP" */
    const char *what;                 /* it is about */
    const char *outcome;              /* a word */
    const char *detail;               /* a sentence */
    const struct settings_diff *diff; /* NULL: nothing was changed */
};

struct audit_row {
    const char *name, *meaning; /* as in the manual */
};
extern const struct audit_row audit_events[], audit_fields[];
extern const size_t audit_events_n, audit_fields_n;

void audit_init(struct audit *a);
/* From now on lines go to @sink; NULL: nowhere. */
void audit_follow(struct audit *a, struct sink *sink);
void audit_tell(struct audit *a, const struct audit_event *e);

/* The line of @req, which has ended, if it is to have one. */
void audit_write(struct request *req);
/* What step_audit kept for @req is not needed any more. */
void audit_let_go(struct request *req);

#endif
