/* SPDX-License-Identifier: Apache-2.0
 * probe.h: tries one address: a TCP connection, a TLS handshake in which the certificate must carry the endpoint's name
 * (the same code and rules as for requests; the name and the address are two values), and an HTTP answer. Control
 * thread.
 */
#ifndef S3ONRAMP_CONTROL_ROAD_PROBE_H
#define S3ONRAMP_CONTROL_ROAD_PROBE_H

#include "config/config.h"
#include "io/tls.h"

/* Called once, not from within probe_start. @why: NULL: it works. @certificate: the certificate is at fault. The probe
 * is gone afterwards. */
typedef void probe_done_fn(void *arg, const char *why, bool certificate);

struct probe;

/* @ctx: keeps no sessions, so that each probe sees the certificate; a reference is taken. @host: Host of the HTTP
 * request; copied like @sni. NULL with the reason in @err: it could not even begin (no descriptors, no route); @done is
 * not called. */
MUST_CHECK struct probe *probe_start(struct loop *loop, const struct server_conf *server, const struct netaddr *addr,
                                     enum probe_kind kind, SSL_CTX *ctx, const char *sni, const char *host,
                                     probe_done_fn *done, void *arg, struct err *err);
/* From a timer: it took too long. @done is called. */
void probe_expire(struct probe *p);
/* @done is not called any more. Nulls *@p; NULL is fine. */
void probe_abandon(struct probe **p);

#endif
