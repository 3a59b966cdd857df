/* SPDX-License-Identifier: Apache-2.0
 * http_call.c: see http_call.h.
 */
#include "http_call.h"

#include <event2/buffer.h>

void http_reply(struct http_call *c, unsigned status, const char *type, struct evbuffer *text,
                const struct admin_stream *rest)
{
    c->reply(c, status, type, text, rest);
}

void http_reply_line(struct http_call *c, unsigned status, const char *line)
{
    struct evbuffer *text = evbuffer_new();

    if (text) evbuffer_add_printf(text, "%s\n", line);
    http_reply(c, status, "text/plain; charset=utf-8", text, NULL);
}

/* RFC 9110 12.4.2: "0.75" is 750; what is none counts as 1. */
static unsigned quality(struct str text)
{
    unsigned value = 0, weight = 100;

    if (text.n > 5 || !str_starts(text, STR("0"))) return 1000;
    for (size_t i = 2; i < text.n; i++, weight /= 10) {
        if (text.p[i] < '0' || text.p[i] > '9') return 1000;
        value += weight * (unsigned)(text.p[i] - '0');
    }
    return value;
}

unsigned http_accepts(const struct http_call *c, const char *type)
{
    struct str rest = c->asked.accept, range, name, parameter;
    unsigned best = 0;

    while (str_split(&rest, ',', &range)) {
        unsigned q = 1000;

        if (!str_split(&range, ';', &name) || !str_eq_nocase(str_trim(name), str_from(type))) continue;
        while (str_split(&range, ';', &parameter)) {
            parameter = str_trim(parameter);
            if (str_starts_nocase(parameter, STR("q="))) q = quality(str_tail(parameter, 2));
        }
        if (q > best) best = q;
    }
    return best;
}
