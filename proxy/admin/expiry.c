/* SPDX-License-Identifier: Apache-2.0
 * expiry.c: see expiry.h.
 */
#include "expiry.h"

#include "io/tls.h"

#include <stdarg.h>
#include <stdio.h>

enum { WHAT = 256 };

static json_t *ends(const struct expiry *x, int64_t end_s, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* NULL: not yet, or long ago. @end_s: 0, INT64_MAX: never. */
static json_t *ends(const struct expiry *x, int64_t end_s, const char *fmt, ...)
{
    char what[WHAT];
    va_list args;

    if (end_s <= x->now_s || end_s - x->now_s > x->within_s) return NULL;
    va_start(args, fmt);
    if (vsnprintf(what, sizeof(what), fmt, args) < 0) what[0] = '\0';
    va_end(args);
    return json_pack("{ss sI}", "what", what, "expires_s", (json_int_t)(end_s - x->now_s));
}

/* Of each kind: the one at x->at; *@more: there may be others behind it. */

static json_t *authority(const struct expiry *x, bool *more)
{
    *more = false;
    return ends(x, snapshot_ca_not_after(x->snapshot), "the local authority ([ca] certificate)");
}

static json_t *admin_certificate(const struct expiry *x, bool *more)
{
    const SSL_CTX *ctx = snapshot_admin_ctx(x->snapshot);

    *more = false;
    if (!ctx || !x->snapshot->settings->admin.certificate) return NULL;
    return ends(x, tls_ctx_not_after(ctx), "certificate of [admin]");
}

static json_t *listener_certificate(const struct expiry *x, bool *more)
{
    const struct settings *s = x->snapshot->settings;
    const struct listener_conf *l = &s->listeners[x->at];

    *more = x->at < s->listeners_n;
    if (!*more || !l->certificate) return NULL;
    return ends(x, tls_ctx_not_after(snapshot_listener_ctx(x->snapshot, l)), "certificate of [listener %s]", l->name);
}

static json_t *client(const struct expiry *x, bool *more)
{
    const struct settings *s = x->snapshot->settings;

    *more = x->at < s->clients_n;
    if (!*more || s->clients[x->at].disabled) return NULL;
    return ends(x, s->clients[x->at].expires_s, "[client %s]", s->clients[x->at].name);
}

static json_t *client_pair(const struct expiry *x, bool *more)
{
    const struct settings *s = x->snapshot->settings;
    const struct principal_conf *c = &s->clients[x->at / PRINCIPAL_KEYS];

    *more = x->at / PRINCIPAL_KEYS < s->clients_n;
    if (!*more || c->disabled) return NULL;
    return ends(x, c->keys[x->at % PRINCIPAL_KEYS].not_after_s, "a key pair of [client %s]", c->name);
}

static json_t *credentials(const struct expiry *x, bool *more)
{
    int64_t end_s = 0;
    const char *name = credential_store_ending(x->credentials, x->at, &end_s, more);

    return name ? ends(x, end_s, "keys of [credentials %s], which cannot be renewed", name) : NULL;
}

json_t *expiry_next(struct expiry *x)
{
    static json_t *(*const kinds[])(const struct expiry *x, bool *more) = {
        authority, admin_certificate, listener_certificate, credentials, client, client_pair};

    while (x->kind < ARRAY_LEN(kinds)) {
        bool more;
        json_t *found = kinds[x->kind](x, &more);

        x->at++;
        if (!more) {
            x->kind++;
            x->at = 0;
        }
        if (found) return found;
    }
    return NULL;
}
