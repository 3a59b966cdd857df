/* SPDX-License-Identifier: Apache-2.0
 * own_pages.c: see own_pages.h.
 */
#include "own_pages.h"

#include "flow/pac.h"
#include "flow/snapshot.h"
#include "http/uri.h"
#include "io/mint.h"

#include <event2/buffer.h>

enum { AUTHORITY_BYTES = 512 };

/* Room in @text for one piece of @most bytes. False: no memory. */
static bool begin(struct evbuffer *text, size_t most, struct evbuffer_iovec *room, struct sbuf *out)
{
    if (!text || evbuffer_reserve_space(text, (ev_ssize_t)most, room, 1) != 1) return false;
    *out = sbuf_make(room->iov_base, most);
    return true;
}

/* What was written of it is the answer. @text: NULL: no memory. */
static void reply(struct http_call *c, const char *type, struct evbuffer *text, struct evbuffer_iovec *room,
                  const struct sbuf *out)
{
    room->iov_len = out->n;
    if (evbuffer_commit_space(text, room, 1) == 0) {
        http_reply(c, 200, type, text, NULL);
        return;
    }
    evbuffer_free(text);
    http_reply(c, 200, type, NULL, NULL);
}

void own_pages_show_authority(struct http_call *c)
{
    const struct mint *mint = server_snapshot(c->call.server)->mint;
    struct evbuffer *text = mint ? evbuffer_new() : NULL;
    struct evbuffer_iovec room;
    struct sbuf pem;

    if (mint && begin(text, CA_PEM_BYTES, &room, &pem) && ca_pem(mint_ca(mint), &pem)) {
        reply(c, CA_PEM_TYPE, text, &room, &pem);
        return;
    }
    if (text) evbuffer_free(text);
    http_reply_line(c, mint ? 500 : 404,
                    mint ? "the authority's certificates do not fit" : "there is no local authority");
}

/* --- the script --- */

static const struct listener_conf *find_forward(const struct settings *s)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (s->listeners[i].mode == LISTENER_FORWARD) return &s->listeners[i];
    return NULL;
}

/* Where the listener is reached by who asks from there: under the name that we were asked by, if it listens at the same
 * address; else at its own, rather one that others reach, too. HOST:PORT. */
static struct str find_authority(const struct http_call *c, const struct listener_conf *l, char mem[AUTHORITY_BYTES])
{
    const struct netaddr *at = &l->bind[0];
    struct sbuf b = sbuf_make(mem, AUTHORITY_BYTES);
    struct str host;
    unsigned port;

    for (size_t i = 0; i < l->bind_n; i++) {
        const struct netaddr *a = &l->bind[i];

        if (netaddr_is_loopback(at)) at = a;
        if (!netaddr_is_any(a) && !netaddr_same_host(a, c->asked.local)) continue;
        if (!uri_split_authority(c->asked.host, &host, &port)) return STR_NONE;
        sbuf_printf(&b, str_index(host, ':') == SIZE_MAX ? "%.*s:%u" : "[%.*s]:%u", STR_ARG(host), netaddr_port(a));
        return b.overflow ? STR_NONE : sbuf_str(&b);
    }
    netaddr_format(at, mem);
    return str_from(mem);
}

void own_pages_show_pac(struct http_call *c)
{
    const struct settings *s = server_snapshot(c->call.server)->settings;
    const struct listener_conf *l = find_forward(s);
    char mem[AUTHORITY_BYTES];
    struct evbuffer_iovec room;
    struct evbuffer *text;
    struct sbuf script;

    if (!l) {
        http_reply_line(c, 404, "there is no listener with mode = forward");
        return;
    }
    text = evbuffer_new();
    if (begin(text, PAC_BYTES, &room, &script) && pac_write(s, l, find_authority(c, l, mem), false, &script)) {
        reply(c, PAC_TYPE, text, &room, &script);
        return;
    }
    if (text) evbuffer_free(text);
    http_reply_line(c, 400, "no script can be made for the proxy under that name");
}
