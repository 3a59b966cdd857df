/* SPDX-License-Identifier: Apache-2.0
 * runtime.c: see control/runtime.h.
 */
#include "control/runtime.h"

#include <stdlib.h>

static enum err_code load_ca(struct runtime *rt, struct err *err)
{
    const struct ca_conf *ca = &rt->settings->ca;

    if (!settings_need_ca(rt->settings)) return ERR_NONE;
    TRY(ca_load(ca->certificate, ca->private_key, &rt->ca, err));
    rt->mint = mint_new(rt->ca, (unsigned)ca->leaf_days, ca->crl);
    if (!rt->mint) return err_set(err, ERR_NO_MEMORY, 0, "certificate cache");
    return tls_server_ctx(rt->mint, NULL, NULL, &rt->mint_ctx, err);
}

static enum err_code load_listeners(struct runtime *rt, struct err *err)
{
    const struct settings *s = rt->settings;

    rt->listener_ctx = calloc(s->listeners_n + 1, sizeof(SSL_CTX *));
    if (!rt->listener_ctx) return err_set(err, ERR_NO_MEMORY, 0, "listeners");
    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct listener_conf *l = &s->listeners[i];

        if (l->certificate) TRY(tls_server_ctx(NULL, l->certificate, l->private_key, &rt->listener_ctx[i], err));
    }
    return ERR_NONE;
}

/* A connection's new TLS session is kept with its address, for the next connection there. */
static void keep_session(struct conn *c, SSL_SESSION *session)
{
    struct pool_address *a = ((struct upconn *)c->arg)->at;

    tls_session_free(&a->session);
    a->session = session;
}

static enum err_code load_endpoints(struct runtime *rt, struct err *err)
{
    const struct settings *s = rt->settings;

    rt->endpoint_ctx = calloc(s->endpoints_n + 1, sizeof(SSL_CTX *));
    if (!rt->endpoint_ctx) return err_set(err, ERR_NO_MEMORY, 0, "endpoints");
    for (size_t i = 0; i < s->endpoints_n; i++)
        TRY(tls_client_ctx(s->endpoints[i].ca_file, keep_session, &rt->endpoint_ctx[i], err));
    return ERR_NONE;
}

enum err_code runtime_new(struct settings *settings, struct sink *access, struct runtime **out, struct err *err)
{
    struct runtime *rt = calloc(1, sizeof(*rt));
    enum err_code code;

    if (!rt) {
        settings_unref(&settings);
        return err_set(err, ERR_NO_MEMORY, 0, "runtime");
    }
    rt->settings = settings;
    rt->access = access;
    code = load_ca(rt, err);
    if (code == ERR_NONE) code = load_listeners(rt, err);
    if (code == ERR_NONE) code = load_endpoints(rt, err);
    if (code == ERR_NONE) code = passwords_new(settings, &rt->passwords, err);
    if (code == ERR_NONE && !(rt->key_needs = key_needs_new(credentials_slots(settings))))
        code = err_set(err, ERR_NO_MEMORY, 0, "credentials");
    if (code != ERR_NONE) {
        runtime_free(&rt);
        return code;
    }
    *out = rt;
    return ERR_NONE;
}

void runtime_free(struct runtime **rtp)
{
    struct runtime *rt = *rtp;

    if (!rt) return;
    *rtp = NULL;
    passwords_free(&rt->passwords);
    free(rt->key_needs);
    limits_free(&rt->limits);
    for (size_t i = 0; rt->listener_ctx && i < rt->settings->listeners_n; i++)
        tls_ctx_free(&rt->listener_ctx[i]);
    for (size_t i = 0; rt->endpoint_ctx && i < rt->settings->endpoints_n; i++)
        tls_ctx_free(&rt->endpoint_ctx[i]);
    free(rt->listener_ctx);
    free(rt->endpoint_ctx);
    tls_ctx_free(&rt->mint_ctx);
    mint_free(&rt->mint);
    ca_free(&rt->ca);
    settings_unref(&rt->settings);
    free(rt);
}
