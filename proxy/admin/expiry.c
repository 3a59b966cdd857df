/* SPDX-License-Identifier: Apache-2.0
 * expiry.c: see expiry.h.
 */
#include "expiry.h"

#include "io/client_cert.h"
#include "io/tls.h"

#include <stdio.h>

static const struct {
    const char *what, *section; /* section: its word in the file */
} kinds[EXPIRY_KINDS_N] = {
    [EXPIRY_CA] = {"the local authority", "ca"},
    [EXPIRY_ADMIN_CERTIFICATE] = {"certificate of", "admin"},
    [EXPIRY_LISTENER_CERTIFICATE] = {"certificate of", "listener"},
    [EXPIRY_CRL] = {"revocation lists of", "listener"},
    [EXPIRY_IDENTITY] = {"certificate of", "credentials"},
    [EXPIRY_KEYS] = {"keys of", "credentials"},
    [EXPIRY_CLIENT] = {"", "client"},
    [EXPIRY_KEY_PAIR] = {"a key pair of", "client"},
};

const char *expiry_what(const struct expiry_item *item)
{
    return kinds[item->kind].what;
}

static void add_section(struct sbuf *b, const struct expiry_item *item)
{
    sbuf_printf(b, "[%s%s%s]", kinds[item->kind].section, item->section ? " " : "", item->section ? item->section : "");
    if (item->client) sbuf_printf(b, " for %s", item->client);
}

const char *expiry_section(const struct expiry_item *item, char out[EXPIRY_TEXT])
{
    struct sbuf b = sbuf_make(out, EXPIRY_TEXT - 1);

    add_section(&b, item);
    out[b.n] = '\0';
    return out;
}

const char *expiry_text(const struct expiry_item *item, char out[EXPIRY_TEXT])
{
    struct sbuf b = sbuf_make(out, EXPIRY_TEXT - 1);

    sbuf_printf(&b, "%s%s", expiry_what(item), expiry_what(item)[0] ? " " : "");
    add_section(&b, item);
    out[b.n] = '\0';
    return out;
}

/* ------------------------------------------------------------------- one of each kind */

/* Of each kind: the one at x->at into @out, but for its kind; an end of 0 or INT64_MAX is none. False: there is none at
 * that place, nor behind it. */

static bool authority(const struct expiry *x, struct expiry_item *out)
{
    out->end_s = snapshot_ca_not_after(x->snapshot);
    return x->at == 0;
}

static bool admin_certificate(const struct expiry *x, struct expiry_item *out)
{
    const SSL_CTX *ctx = snapshot_admin_ctx(x->snapshot);

    if (ctx && x->snapshot->settings->admin.certificate) out->end_s = tls_ctx_not_after(ctx);
    return x->at == 0;
}

/* NULL: there are no more. */
static const struct listener_conf *listener_at(const struct expiry *x, struct expiry_item *out)
{
    const struct settings *s = x->snapshot->settings;

    if (x->at >= s->listeners_n) return NULL;
    out->section = s->listeners[x->at].name;
    return &s->listeners[x->at];
}

static bool listener_certificate(const struct expiry *x, struct expiry_item *out)
{
    const struct listener_conf *l = listener_at(x, out);

    if (l && l->certificate) out->end_s = tls_ctx_not_after(snapshot_listener_ctx(x->snapshot, l));
    return l;
}

static bool listener_crl(const struct expiry *x, struct expiry_item *out)
{
    const struct listener_conf *l = listener_at(x, out);

    if (l && l->client_crl) out->end_s = client_cert_lists_end(snapshot_listener_ctx(x->snapshot, l));
    return l;
}

static bool identity(const struct expiry *x, struct expiry_item *out)
{
    const struct settings *s = x->snapshot->settings;

    if (x->at >= s->credentials_n) return false;
    out->section = s->credentials[x->at].name;
    out->end_s = credential_store_fetches(x->credentials, s->credentials[x->at].id).certificate_end_s;
    return true;
}

static bool keys(const struct expiry *x, struct expiry_item *out)
{
    struct credential_end end;

    if (!credential_store_end(x->credentials, x->at, &end)) return false;
    out->section = end.section;
    out->client = end.client;
    out->end_s = end.end_s;
    out->renewed = end.renewed;
    return true;
}

bool expiry_of_client(const struct principal_conf *c, unsigned i, struct expiry_item *out)
{
    int64_t end_s = i ? c->keys[i - 1].not_after_s : c->expires_s;

    if (c->disabled || end_s <= 0 || end_s == INT64_MAX) return false;
    *out = (struct expiry_item){.kind = i ? EXPIRY_KEY_PAIR : EXPIRY_CLIENT, .section = c->name, .end_s = end_s};
    return true;
}

static bool client(const struct expiry *x, struct expiry_item *out)
{
    const struct settings *s = x->snapshot->settings;

    if (x->at >= s->clients_n) return false;
    if (!expiry_of_client(&s->clients[x->at], 0, out)) out->end_s = 0;
    return true;
}

static bool key_pair(const struct expiry *x, struct expiry_item *out)
{
    const struct settings *s = x->snapshot->settings;
    size_t at = x->at / PRINCIPAL_KEYS;

    if (at >= s->clients_n) return false;
    if (!expiry_of_client(&s->clients[at], 1 + x->at % PRINCIPAL_KEYS, out)) out->end_s = 0;
    return true;
}

bool expiry_next(struct expiry *x, struct expiry_item *out)
{
    static bool (*const looks[EXPIRY_KINDS_N])(const struct expiry *x, struct expiry_item *out) = {
        authority, admin_certificate, listener_certificate, listener_crl, identity, keys, client, key_pair};

    while (x->kind < x->kinds) {
        *out = (struct expiry_item){.kind = (enum expiry_kind)x->kind};
        if (!looks[x->kind](x, out)) {
            x->kind++;
            x->at = 0;
            continue;
        }
        x->at++;
        if (out->end_s > 0 && out->end_s != INT64_MAX) return true;
    }
    return false;
}
