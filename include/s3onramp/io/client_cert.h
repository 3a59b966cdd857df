/* SPDX-License-Identifier: Apache-2.0
 * client_cert.h: TLS certificates of clients: who may show one, whom it names, and whether it still counts.
 * Source: RFC 5280 (paths, revocation lists, names), RFC 4514 (subjects as text), Microsoft's user principal name.
 */
#ifndef S3ONRAMP_IO_CLIENT_CERT_H
#define S3ONRAMP_IO_CLIENT_CERT_H

#include "io/conn.h"

/* @ctx, a server's, asks clients for certificates: of authorities in @ca_file, and with @crl_file (NULL: none) only
 * such as no list in there revokes; each authority of a chain must have its list there, and it must be in date. Without
 * @required a client may come without one; a bad one ends the handshake either way. */
MUST_CHECK enum err_code client_cert_ask(SSL_CTX *ctx, const char *ca_file, const char *crl_file, bool required,
                                         struct err *err);

/* Unix time from which some revocation list of @ctx is out of date; INT64_MAX: there is none, or they say nothing. */
MUST_CHECK int64_t client_cert_lists_end(SSL_CTX *ctx);

enum { CLIENT_CERT_NAME = 512 };
/* "email:a@b", "dns:host", "uri:…", "upn:a@b" (in lower case, but URIs), "subject:CN=a,O=b": see
 * config_certificate_name. True: that was the one, no more. */
typedef bool client_cert_fn(void *arg, struct str name);

/* The certificate that the client of @c showed when the outermost TLS began, or when the session began that was
 * resumed; false: none. @until_s: Unix time of its end. */
MUST_CHECK bool client_cert_look(const struct conn *c, int64_t *until_s);
/* All that it names; names with a NUL or longer than CLIENT_CERT_NAME are left out. */
void client_cert_names(const struct conn *c, client_cert_fn *visit, void *arg);
/* Would @ctx take it now? Of a resumed session the intermediate authorities are not known any more: false, if they are
 * not in the file. */
MUST_CHECK bool client_cert_good(const struct conn *c, SSL_CTX *ctx);

#endif
