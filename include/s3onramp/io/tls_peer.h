/* SPDX-License-Identifier: Apache-2.0
 * tls_peer.h: what a TLS server showed of itself, also when it was refused: version, certificate, and what is wrong
 * with it. Any thread, that of the connection.
 */
#ifndef S3ONRAMP_IO_TLS_PEER_H
#define S3ONRAMP_IO_TLS_PEER_H

#include "io/conn.h"

enum tls_trouble {
    TLS_TROUBLE_NONE,        /* the certificate was verified, or none came */
    TLS_TROUBLE_NAME,        /* it is for other names */
    TLS_TROUBLE_EXPIRED,     /* it, or one above it, is over */
    TLS_TROUBLE_EARLY,       /* it is not valid yet */
    TLS_TROUBLE_SELF_SIGNED, /* it vouches for itself */
    TLS_TROUBLE_AUTHORITY,   /* by an authority that is not trusted here, or the chain has a gap */
    TLS_TROUBLE_OTHER,
};

struct tls_peer {
    char version[16], cipher[64];
    bool has_certificate; /* the rest is empty otherwise */
    char subject[128], issuer[128];
    char names[400]; /* DNS names, "a, b"; ends in ", ..." if there are more */
    int64_t until_s; /* Unix; 0: unreadable */
    size_t chain_n;  /* certificates sent */
    enum tls_trouble trouble;
    char why[96]; /* of trouble, OpenSSL's words */
};

/* @c: a connection whose handshake as a client is over, well or not, before conn_close. Texts are printable ASCII. */
void tls_peer_look(const struct conn *c, struct tls_peer *out);
/* @c: a connection whose handshake, as either side, went well: it went on with a session of before. */
bool tls_is_resumed(const struct conn *c);
/* @c: a client's, and the certificate was refused. "certificate: ", OpenSSL's words, and the names or days concerned.
 */
void tls_peer_refusal(const struct conn *c, char *out, size_t cap);

#endif
