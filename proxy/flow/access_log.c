/* SPDX-License-Identifier: Apache-2.0
 * access_log.c: one line per request, text (key=value) or JSON, given to the worker's queue of the log's sink.
 */
#include "access_log.h"

#include "flow/record.h"
#include "flow/worker.h"

void access_log_write(struct request *req)
{
    struct worker *w = req->worker;
    struct sbuf *b = &w->line;

    if (!w->access || !req->started_us) return;
    b->n = 0;
    b->overflow = false;
    record_write(b, log_format_now(), req);
    if (b->overflow) b->p[b->n - 1] = '\n'; /* cannot be, all that goes in is cut; but a log harms no request */
    (void)sink_put(w->access, sbuf_str(b));
    w->wrote_lines = true;
}
