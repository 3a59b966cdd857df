/* SPDX-License-Identifier: Apache-2.0
 * snapshot.h: what the administrator wrote: settings, and the TLS contexts made from them and from the files that they
 * name. Immutable once it is published, counted. Any thread.
 *
 * A worker has one reference for each snapshot that somebody on it still uses, and counts those users itself
 * (snapshot_use): nothing atomic happens per request.
 */
#ifndef S3ONRAMP_FLOW_SNAPSHOT_H
#define S3ONRAMP_FLOW_SNAPSHOT_H

#include "flow/standing.h"
#include "io/tls.h"

struct local_ca;

struct snapshot {
    _Atomic unsigned refs;
    struct settings *settings;  /* one reference */
    struct local_ca *local_ca;  /* one reference; NULL: no listener needs minted certificates */
    struct mint *mint;          /* of local_ca, or NULL */
    SSL_CTX *mint_ctx;          /* of local_ca: server side, certificate per name */
    struct file_ctx *listeners; /* owned: beside the settings' listeners */
    struct file_ctx *endpoints; /* owned: beside the settings' endpoints */
    struct file_ctx *admin;     /* owned */
    const char *decoy;          /* of settings: a password hash for names that nobody has; NULL: no client has one */
};

/* Loads what @settings name: certificates, the CA if some listener needs it, CA bundles of the endpoints. What is made
 * of files that did not change since @before (NULL: there was none) is shared with it, so that certificates minted and
 * TLS sessions stay good. Takes over one reference of @settings, which nobody else has, also on failure. Any thread,
 * but it blocks. */
MUST_CHECK enum err_code snapshot_new(struct settings *settings, struct standing *standing,
                                      const struct snapshot *before, struct snapshot **out, struct err *err);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s); /* NULL is fine */

/* @l, @e: rows of its settings. NULL: the listener shows minted certificates and asks for none (mint_ctx). An endpoint
 * has one, unless nothing was loaded. */
SSL_CTX *snapshot_listener_ctx(const struct snapshot *s, const struct listener_conf *l);
SSL_CTX *snapshot_endpoint_ctx(const struct snapshot *s, const struct endpoint_conf *e);
/* Unix time of the local authority's end; INT64_MAX: there is none. */
int64_t snapshot_ca_not_after(const struct snapshot *s);
/* The process that has its key; 0: there is none, or it has ended and is started again when it is needed. */
pid_t snapshot_ca_process(const struct snapshot *s);
/* What [admin] listen shows, also when minted; NULL: it speaks without TLS. */
SSL_CTX *snapshot_admin_ctx(const struct snapshot *s);
/* The row with that number, or NULL: it is not there any more. */
const struct listener_conf *snapshot_listener(const struct snapshot *s, uint32_t id);
/* The one that has @addr among its addresses, or NULL. */
const struct listener_conf *snapshot_listener_at(const struct snapshot *s, const struct netaddr *addr);
const struct endpoint_conf *snapshot_endpoint(const struct snapshot *s, uint32_t id);

/* On one worker. */
struct snapshot_use {
    struct snapshot *snapshot; /* one reference */
    size_t users;
    struct snapshot_use *next; /* of those without users */
};

/* Those that workers are done with. Freeing settings takes long, and workers serve: they put them here. */
struct snapshot_bin {
    _Atomic(struct snapshot_use *) first; /* owned, as all behind it */
};
/* Any thread. @use is the bin's from now on. */
void snapshot_bin_put(struct snapshot_bin *bin, struct snapshot_use *use);
/* The same for one reference that is no worker's hold; nulls *@s. NULL is fine. */
void snapshot_bin_give(struct snapshot_bin *bin, struct snapshot **s);
bool snapshot_bin_is_empty(const struct snapshot_bin *bin);
/* Any thread but those that serve. */
void snapshot_bin_empty(struct snapshot_bin *bin);

#endif
