/* SPDX-License-Identifier: Apache-2.0
 * access_log.c: one line per request, text (key=value), JSON or as S3 writes it, given to the worker's queue of the
 * log's sink.
 */
#include "access_log.h"

#include "flow/record.h"
#include "flow/session.h"
#include "flow/worker.h"

void access_log_write(struct request *req)
{
    static const enum record_format formats[] = {
        [ACCESS_FORMAT_TEXT] = RECORD_TEXT, [ACCESS_FORMAT_JSON] = RECORD_JSON};
    enum access_format format = request_settings(req)->log.access_format;
    struct worker *w = req->worker;
    struct sbuf *b = &w->line;

    if (!w->lines[SINK_ACCESS].queue || !req->started_us) return;
    b->n = 0;
    b->overflow = false;
    if (format == ACCESS_FORMAT_S3)
        record_write_s3(b, req);
    else
        record_write(b, formats[format], req);
    if (b->overflow) b->p[b->n - 1] = '\n'; /* cannot be, all that goes in is cut; but a log harms no request */
    worker_put_line(w, SINK_ACCESS, 0, sbuf_str(b));
}
