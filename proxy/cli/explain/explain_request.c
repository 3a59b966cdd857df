/* SPDX-License-Identifier: Apache-2.0
 * explain_request.c: a request that never came over a socket, in a worker that never runs, for the steps of the data
 * path: `explain` says what they say. One thread. Owns the worker's parts that these steps use.
 */
#include "explain.h"

#include "cli/cli.h"

#include <stdlib.h>

enum { KEYS_KEPT = 16, BUCKETS_KEPT = 4, HEAD_ARENA = 64 * 1024, HEAD_ARENA_MOST = 8 * 1024 * 1024 };

struct rig *rig_new(struct settings *settings)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    if (!rig) return NULL;
    rig->snapshot.settings = settings;
    rig->use.snapshot = &rig->snapshot;
    rig->session.use = rig->worker.use = &rig->use;
    rig->worker.digest = digest_new();
    rig->worker.client_keys = sigv4_keys_new(KEYS_KEPT);
    rig->worker.regions = region_cache_new(BUCKETS_KEPT);
    rig->session.worker = &rig->worker;
    rig->session.conn.fd = -1;
    if (!rig->worker.digest || !rig->worker.client_keys || !rig->worker.regions) rig_free(&rig);
    return rig;
}

static void drop_request(struct rig *rig)
{
    struct request *req = &rig->session.req;

    checksum_clear(&req->out.checksum);
    chunk_signature_clear(&req->who.chunk_seal);
    arena_clear(&req->arena);
    memset(req, 0, sizeof(*req));
    free(rig->session.authority);
    rig->session.authority = NULL;
}

void rig_free(struct rig **rig)
{
    if (!*rig) return;
    drop_request(*rig);
    region_cache_free(&(*rig)->worker.regions);
    sigv4_keys_free(&(*rig)->worker.client_keys);
    digest_free(&(*rig)->worker.digest);
    free(*rig);
    *rig = NULL;
}

struct request *rig_take(struct rig *rig, const struct arrival *a, int64_t now_s, struct err *err)
{
    struct request *req = &rig->session.req;
    struct header *fields;
    struct str raw;

    drop_request(rig);
    request_begin(req, &rig->session);
    rig->session.listener = a->listener;
    rig->session.tls = a->tls;
    if (a->tls && a->listener->mode != LISTENER_ENDPOINT) rig->session.authority = strndup(a->host.p, a->host.n);
    arena_clear(&req->arena);
    arena_init(&req->arena, HEAD_ARENA, HEAD_ARENA_MOST);
    raw = arena_dup(&req->arena, a->head);
    req->in.head = arena_alloc(&req->arena, sizeof(*req->in.head));
    fields = arena_alloc(&req->arena, head_fields(raw) * sizeof(*fields));
    if (!raw.p || !req->in.head || !fields) {
        err_set(err, ERR_HEAD_TOO_LARGE, 0, "%s", err_info(ERR_HEAD_TOO_LARGE)->text);
        return NULL;
    }
    if (head_parse_request(raw, fields, req->in.head, err) != ERR_NONE) return NULL;
    body_init(&req->in.body, req->in.head->body, req->in.head->content_length);
    req->started_wall_us = now_s * 1000000;
    req->step = STEP_find_target;
    return req;
}

static bool bound_to(const struct listener_conf *l, unsigned port)
{
    for (size_t i = 0; i < l->bind_n; i++)
        if (netaddr_port(&l->bind[i]) == port) return true;
    return false;
}

/* Is the host one of the listener's own names? The data path knows. */
static bool owns_host(struct rig *rig, const struct arrival *a, const struct listener_conf *l)
{
    struct arrival at = *a;
    struct err err;
    struct request *req;

    at.listener = l;
    req = l->mode == LISTENER_ENDPOINT ? rig_take(rig, &at, 0, &err) : NULL;
    if (req) (void)step_find_target(req);
    return req && req->in.own_name;
}

static const struct listener_conf *find_named(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (strcmp(s->listeners[i].name, name) == 0) return &s->listeners[i];
    cli_problem("there is no [listener %s]; `s3onramp check --print` shows those there are", name);
    return NULL;
}

/* --listener, or a [listener] that the request fits. */
const struct listener_conf *rig_find_listener(struct rig *rig, const struct arrival *a, const char *name)
{
    const struct settings *s = rig->snapshot.settings;
    const struct listener_conf *own = NULL, *proxy = NULL;

    if (name) return find_named(s, name);
    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct listener_conf *l = &s->listeners[i];

        if (l->mode != LISTENER_ENDPOINT && !proxy) proxy = l;
        if (!owns_host(rig, a, l)) continue;
        if (!own || (bound_to(l, a->port) && !bound_to(own, a->port))) own = l;
    }
    if (own || proxy) return own ? own : proxy;
    if (s->listeners_n) return &s->listeners[0];
    cli_problem("no [listener] is configured; add one, see `s3onramp check --example`");
    return NULL;
}
