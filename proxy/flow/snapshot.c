/* SPDX-License-Identifier: Apache-2.0
 * snapshot.c: see snapshot.h.
 */
#include "flow/snapshot.h"

#include "base/thread.h"
#include "flow/upstream/pool.h"
#include "io/client_cert.h"
#include "io/signer.h"
#include "io/tls.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ------------------------------------------------------------- files */

/* Which file it was, and when it was changed last; zeros: there was none. */
struct file_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed, modified;
};

enum { FILES = 4 };

/* What was made of some files. */
struct file_ctx {
    SSL_CTX *ctx; /* one reference; NULL: none is needed */
    struct file_stamp stamps[FILES];
    const struct local_ca *ca; /* borrowed: whose certificates it shows; NULL: none's */
    enum client_certificates asks;
};

static struct file_stamp stamp_of(const char *path)
{
    struct stat st;

    if (!path || stat(path, &st)) return (struct file_stamp){0};
    return (struct file_stamp){st.st_dev, st.st_ino, st.st_size, st.st_ctim, st.st_mtim};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_stamp(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(&a->changed, &b->changed) &&
           same_time(&a->modified, &b->modified);
}

static bool same_stamps(const struct file_stamp *a, const struct file_stamp *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same_stamp(&a[i], &b[i])) return false;
    return true;
}

/* The context made of the same files, as they were, with one more reference; NULL: there is none. */
static SSL_CTX *find_ctx(const struct file_ctx *v, size_t n, const struct file_ctx *like)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].ctx && v[i].ca == like->ca && v[i].asks == like->asks && same_stamps(v[i].stamps, like->stamps, FILES))
            return tls_ctx_ref(v[i].ctx);
    return NULL;
}

/* ------------------------------------------------------------- the local authority */

enum { CA_FILES = 3 }; /* certificate, key, the next certificate */

/* The CA with all that is made of it; shared by the snapshots for which it is the same. */
struct local_ca {
    _Atomic unsigned refs;
    struct file_stamp stamps[CA_FILES];
    uint64_t leaf_days;
    char *crl;         /* owned, or NULL */
    struct mint *mint; /* one reference */
    SSL_CTX *ctx;
};

static void local_ca_unref(struct local_ca **cp)
{
    struct local_ca *c = *cp;

    *cp = NULL;
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
    tls_ctx_free(&c->ctx);
    mint_unref(&c->mint);
    free(c->crl);
    free(c);
}

static enum err_code local_ca_new(const struct settings *settings, const struct file_stamp stamps[CA_FILES],
                                  struct local_ca **out, struct err *err)
{
    const struct ca_conf *conf = &settings->ca;
    const struct signer_order order = {.certificate = conf->certificate,
                                       .private_key = conf->private_key,
                                       .crl_url = conf->crl,
                                       .leaf_days = (unsigned)conf->leaf_days,
                                       .sandbox = settings->server.sandbox};
    struct local_ca *c = calloc(1, sizeof(*c));

    if (!c) return err_set(err, ERR_NO_MEMORY, 0, "local authority");
    *out = c;
    atomic_init(&c->refs, 1);
    memcpy(c->stamps, stamps, sizeof(c->stamps));
    c->leaf_days = conf->leaf_days;
    if (conf->crl && !(c->crl = strdup(conf->crl))) return err_set(err, ERR_NO_MEMORY, 0, "local authority");
    TRY(mint_open(&order, &c->mint, err));
    return tls_server_ctx(c->mint, NULL, NULL, &c->ctx, err);
}

static enum err_code load_ca(struct snapshot *s, const struct snapshot *before, struct err *err)
{
    const struct ca_conf *conf = &s->settings->ca;
    struct local_ca *old = before ? before->local_ca : NULL;
    struct file_stamp stamps[CA_FILES] = {stamp_of(conf->certificate), stamp_of(conf->private_key)};
    char next[PATH_MAX];

    if (!settings_need_ca(s->settings)) return ERR_NONE;
    if (ca_next_path(conf->certificate, next, sizeof(next))) stamps[2] = stamp_of(next);
    if (old && same_stamps(old->stamps, stamps, ARRAY_LEN(stamps)) && old->leaf_days == conf->leaf_days &&
        cstr_same(old->crl, conf->crl)) {
        atomic_fetch_add_explicit(&old->refs, 1, memory_order_relaxed);
        s->local_ca = old;
    } else {
        TRY(local_ca_new(s->settings, stamps, &s->local_ca, err));
    }
    s->mint = s->local_ca->mint;
    s->mint_ctx = s->local_ca->ctx;
    return ERR_NONE;
}

/* ------------------------------------------------------------- listeners and endpoints */

static enum err_code make_listener_ctx(const struct snapshot *s, const struct listener_conf *l, SSL_CTX **out,
                                       struct err *err)
{
    TRY(tls_server_ctx(l->certificate ? NULL : s->mint, l->certificate, l->private_key, out, err));
    if (l->client_certificates == CLIENT_CERTIFICATES_OFF) return ERR_NONE;
    return client_cert_ask(*out, l->client_ca, l->client_crl, l->client_certificates == CLIENT_CERTIFICATES_REQUIRED,
                           err);
}

static enum err_code load_listeners(struct snapshot *s, const struct snapshot *before, struct err *err)
{
    size_t n = s->settings->listeners_n;

    s->listeners = calloc(n + 1, sizeof(*s->listeners));
    if (!s->listeners) return err_set(err, ERR_NO_MEMORY, 0, "listeners");
    for (size_t i = 0; i < n; i++) {
        const struct listener_conf *l = &s->settings->listeners[i];
        struct file_ctx *f = &s->listeners[i];

        f->asks = l->client_certificates;
        if (!l->certificate && f->asks == CLIENT_CERTIFICATES_OFF) continue;
        f->stamps[0] = stamp_of(l->certificate);
        f->stamps[1] = stamp_of(l->private_key);
        f->stamps[2] = stamp_of(l->client_ca);
        f->stamps[3] = stamp_of(l->client_crl);
        f->ca = l->certificate ? NULL : s->local_ca;
        if (before) f->ctx = find_ctx(before->listeners, before->settings->listeners_n, f);
        if (!f->ctx) TRY(make_listener_ctx(s, l, &f->ctx, err));
    }
    return ERR_NONE;
}

static enum err_code load_admin(struct snapshot *s, const struct snapshot *before, struct err *err)
{
    const struct admin_conf *a = &s->settings->admin;
    struct file_ctx *f = s->admin = calloc(1, sizeof(*s->admin));

    if (!f) return err_set(err, ERR_NO_MEMORY, 0, "admin");
    if (!a->tls) return ERR_NONE;
    if (!a->certificate) {
        f->ctx = tls_ctx_ref(s->mint_ctx);
        return ERR_NONE;
    }
    f->stamps[0] = stamp_of(a->certificate);
    f->stamps[1] = stamp_of(a->private_key);
    if (before) f->ctx = find_ctx(before->admin, 1, f);
    return f->ctx ? ERR_NONE : tls_server_ctx(NULL, a->certificate, a->private_key, &f->ctx, err);
}

static void stamp_roots(const char *ca_file, struct file_stamp stamps[FILES])
{
    const char *file = ca_file, *folder = NULL;

    if (!ca_file) tls_system_roots(&file, &folder);
    stamps[0] = stamp_of(file);
    stamps[1] = stamp_of(folder);
}

static enum err_code load_endpoints(struct snapshot *s, const struct snapshot *before, struct err *err)
{
    size_t n = s->settings->endpoints_n;

    s->endpoints = calloc(n + 1, sizeof(*s->endpoints));
    if (!s->endpoints) return err_set(err, ERR_NO_MEMORY, 0, "endpoints");
    for (size_t i = 0; i < n; i++) {
        const char *ca_file = s->settings->endpoints[i].ca_file;
        struct file_ctx *f = &s->endpoints[i];

        stamp_roots(ca_file, f->stamps);
        if (before) f->ctx = find_ctx(before->endpoints, before->settings->endpoints_n, f);
        if (!f->ctx) f->ctx = find_ctx(s->endpoints, i, f);
        if (!f->ctx) TRY(tls_client_ctx(ca_file, pool_keep_session, &f->ctx, err));
    }
    return ERR_NONE;
}

/* ------------------------------------------------------------- the whole */

static const char *find_decoy(const struct settings *s)
{
    for (size_t i = 0; i < s->clients_n; i++, thread_makes_way())
        if (s->clients[i].password && !principal_pam_user(&s->clients[i])) return s->clients[i].password;
    return NULL;
}

enum err_code snapshot_new(struct settings *settings, struct standing *standing, const struct snapshot *before,
                           struct snapshot **out, struct err *err)
{
    struct snapshot *s = calloc(1, sizeof(*s));
    enum err_code code;

    if (!s) {
        settings_unref(&settings);
        return err_set(err, ERR_NO_MEMORY, 0, "snapshot");
    }
    atomic_init(&s->refs, 1);
    s->settings = settings;
    s->decoy = find_decoy(settings);
    code = load_ca(s, before, err);
    if (code == ERR_NONE) code = load_listeners(s, before, err);
    if (code == ERR_NONE) code = load_endpoints(s, before, err);
    if (code == ERR_NONE) code = load_admin(s, before, err);
    if (code == ERR_NONE && !standing_number(standing, settings))
        code = err_set(err, ERR_NO_MEMORY, 0,
                       "no memory, or this process has seen %d names of one kind: `s3onramp upgrade` begins anew",
                       STANDING_MOST);
    if (code != ERR_NONE) {
        snapshot_unref(&s);
        return code;
    }
    *out = s;
    return ERR_NONE;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void snapshot_unref(struct snapshot **sp)
{
    struct snapshot *s = *sp;

    *sp = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; s->listeners && i < s->settings->listeners_n; i++)
        tls_ctx_free(&s->listeners[i].ctx);
    for (size_t i = 0; s->endpoints && i < s->settings->endpoints_n; i++)
        tls_ctx_free(&s->endpoints[i].ctx);
    if (s->admin) tls_ctx_free(&s->admin->ctx);
    free(s->admin);
    free(s->listeners);
    free(s->endpoints);
    local_ca_unref(&s->local_ca);
    settings_unref(&s->settings);
    free(s);
}

SSL_CTX *snapshot_listener_ctx(const struct snapshot *s, const struct listener_conf *l)
{
    return s->listeners[l - s->settings->listeners].ctx;
}

SSL_CTX *snapshot_endpoint_ctx(const struct snapshot *s, const struct endpoint_conf *e)
{
    return s->endpoints ? s->endpoints[e - s->settings->endpoints].ctx : NULL;
}

int64_t snapshot_ca_not_after(const struct snapshot *s)
{
    return s->local_ca ? ca_not_after(mint_ca(s->local_ca->mint)) : INT64_MAX;
}

pid_t snapshot_ca_process(const struct snapshot *s)
{
    return s->local_ca ? mint_process(s->local_ca->mint) : 0;
}

SSL_CTX *snapshot_admin_ctx(const struct snapshot *s)
{
    return s->admin->ctx;
}

const struct listener_conf *snapshot_listener(const struct snapshot *s, uint32_t id)
{
    for (size_t i = 0; i < s->settings->listeners_n; i++)
        if (s->settings->listeners[i].id == id) return &s->settings->listeners[i];
    return NULL;
}

const struct listener_conf *snapshot_listener_at(const struct snapshot *s, const struct netaddr *addr)
{
    for (size_t i = 0; i < s->settings->listeners_n; i++)
        for (size_t k = 0; k < s->settings->listeners[i].bind_n; k++)
            if (netaddr_equal(&s->settings->listeners[i].bind[k], addr)) return &s->settings->listeners[i];
    return NULL;
}

const struct endpoint_conf *snapshot_endpoint(const struct snapshot *s, uint32_t id)
{
    for (size_t i = 0; i < s->settings->endpoints_n; i++)
        if (s->settings->endpoints[i].id == id) return &s->settings->endpoints[i];
    return NULL;
}

void snapshot_bin_put(struct snapshot_bin *bin, struct snapshot_use *use)
{
    use->next = atomic_load_explicit(&bin->first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&bin->first, &use->next, use, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

void snapshot_bin_give(struct snapshot_bin *bin, struct snapshot **s)
{
    struct snapshot_use *use = *s ? malloc(sizeof(*use)) : NULL;

    if (use) {
        *use = (struct snapshot_use){.snapshot = *s};
        *s = NULL;
        snapshot_bin_put(bin, use);
    } else {
        snapshot_unref(s);
    }
}

bool snapshot_bin_is_empty(const struct snapshot_bin *bin)
{
    return !atomic_load_explicit(&bin->first, memory_order_relaxed);
}

void snapshot_bin_empty(struct snapshot_bin *bin)
{
    struct snapshot_use *use = atomic_exchange_explicit(&bin->first, NULL, memory_order_acquire);

    while (use) {
        struct snapshot_use *next = use->next;

        snapshot_unref(&use->snapshot);
        free(use);
        use = next;
    }
}
