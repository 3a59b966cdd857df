/* SPDX-License-Identifier: Apache-2.0
 * tls.h: TLS contexts, our BIO over a struct conn, and the calls that conn.c makes on it. Beside it only tls_peer.c
 * calls SSL_*. SSL_CTX are finished before workers start and shared by them; an SSL belongs to its connection's loop.
 * Source: RFC 8446, RFC 5246, RFC 6066 3 (SNI), RFC 7301 (ALPN: http/1.1 only).
 */
#ifndef S3ONRAMP_IO_TLS_H
#define S3ONRAMP_IO_TLS_H

#include "io/conn.h"
#include "io/mint.h"

/* Server side. @mint (the context keeps a reference): certificates are minted per SNI name, or for the connection's
 * fallback name; while one is made the handshake answers CONN_AGAIN, and goes on with an event. NULL: @cert_file and
 * @key_file (PEM chain and key). TLS 1.2 and 1.3, stateless tickets with keys shared by all workers. */
MUST_CHECK enum err_code tls_server_ctx(struct mint *mint, const char *cert_file, const char *key_file, SSL_CTX **out,
                                        struct err *err);

/* Called with a new session of a client connection; takes over the reference. */
typedef void tls_session_fn(struct conn *c, SSL_SESSION *session);
/* Client side: verifies the chain against @ca_file (NULL: the system's store) and the name; never without. */
MUST_CHECK enum err_code tls_client_ctx(const char *ca_file, tls_session_fn *on_session, SSL_CTX **out,
                                        struct err *err);
/* Another one that trusts the authorities of @like, which are not read again, and keeps no sessions. */
MUST_CHECK enum err_code tls_client_ctx_like(SSL_CTX *like, SSL_CTX **out, struct err *err);
/* Unix time of the end of the certificate of a server's context that has one; INT64_MAX: it has none. */
int64_t tls_ctx_not_after(const SSL_CTX *ctx);
/* For contexts of a library that would take the subject's CN for a host name (libcurl does): a server's certificate
 * without a DNS name or an address in its SAN is refused. Certificates are verified, whatever was set before. */
void tls_ctx_refuse_nameless(SSL_CTX *ctx);
/* One more reference to @ctx, which may be NULL. */
SSL_CTX *tls_ctx_ref(SSL_CTX *ctx);
void tls_ctx_free(SSL_CTX **ctx);
void tls_session_free(SSL_SESSION **session);

/* Where the system's store is, as OpenSSL finds it: a file, and a folder. Static. */
void tls_system_roots(const char **file, const char **folder);

/* For conn.c. */
MUST_CHECK enum err_code tls_attach(struct conn *c, SSL_CTX *ctx, const char *name, SSL_SESSION *session, bool server,
                                    struct err *err);
enum conn_result tls_handshake(struct conn *c);
enum conn_result tls_read(struct conn *c, char *p, size_t n, size_t *got);
enum conn_result tls_write(struct conn *c, const char *p, size_t n, size_t *took);
void tls_shutdown(struct conn *c); /* queues close_notify */
void tls_detach(struct conn *c);
/* "OpenSSL 3.0.17 …" */
const char *tls_library_version(void);

#endif
