/* SPDX-License-Identifier: Apache-2.0
 * http_call.h: one question over HTTP, for what answers it (http_route.h). Control thread.
 */
#ifndef S3ONRAMP_ADMIN_HTTP_CALL_H
#define S3ONRAMP_ADMIN_HTTP_CALL_H

#include "admin/http_judge.h"

struct http_call {
    struct admin_call call;  /* first: commands get this */
    struct http_asked asked; /* until the reply */
    const char *policy;      /* the Content-Security-Policy of the answer; NULL: nothing may be done with it */
    /* The front's: see http_reply. */
    void (*reply)(struct http_call *c, unsigned status, const char *type, struct evbuffer *text,
                  const struct admin_stream *rest);
};

/* Ends the call. @type: of the content. @text (owned from here on; NULL: no memory), then what @rest gives (copied;
 * NULL: nothing). */
void http_reply(struct http_call *c, unsigned status, const char *type, struct evbuffer *text,
                const struct admin_stream *rest);
/* One line of text/plain. */
void http_reply_line(struct http_call *c, unsigned status, const char *line);
/* How much Accept wants @type ("application/json"), in thousandths; wildcards do not count, nor do parameters but q. */
unsigned http_accepts(const struct http_call *c, const char *type);

#endif
