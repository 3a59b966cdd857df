/* SPDX-License-Identifier: Apache-2.0
 * identity.h: an X.509 certificate, its intermediates and its private key, from PEM files, from one PKCS#12 file, or
 * with a key that stays in a PKCS#11 token. One thread at a time.
 *
 * Blocks: reading files is quick, a token is as slow as its module (a software token: about 20 ms; a network HSM that
 * does not answer: as long as its own timeout). A token is opened by identity_load and closed by identity_clear: its
 * module is unloaded in between, sessions do not grow old and no PIN stays.
 * Sources: RFC 7512 (pkcs11: URIs), RFC 7292 (PKCS #12), RFC 5280; what is checked of the certificate: IAM Roles
 * Anywhere User Guide, "Trust model", "End entity certificates".
 */
#ifndef S3ONRAMP_IO_IDENTITY_H
#define S3ONRAMP_IO_IDENTITY_H

#include "aws/sign/digest.h"

#include <openssl/x509.h>

enum { IDENTITY_CHAIN_MAX = 8 };

/* A PIN that a token refused: it is not tried again, since a token locks itself after a few wrong ones. The caller's,
 * all zero at first, kept from one load to the next. */
struct identity_pin_memory {
    bool refused;
    uint8_t hash[SHA256_BYTES]; /* of key and PIN */
};

/* Borrows everything. Paths are absolute or relative to the working folder. */
struct identity_setup {
    const char *certificate;       /* PEM, the certificate first, or PKCS#12 */
    const char *certificate_chain; /* PEM: intermediates; NULL: none, or those of the first file */
    const char *private_key;       /* PEM, PKCS#12, or a pkcs11: URI; NULL: in @certificate */
    const char *passphrase;        /* of key or PKCS#12 file, PIN of the token; "file:PATH"; NULL: none */
    struct identity_pin_memory *pins;
    void (*on_file)(void *arg, const char *path); /* tells each file before it is read; may be NULL */
    void *arg;
};

struct identity_token; /* identity_token.c */

struct identity {
    X509 *certificate;                 /* owned */
    STACK_OF(X509) * chain;            /* owned; may be NULL */
    EVP_PKEY *key;                     /* owned */
    int64_t not_before_s, not_after_s; /* of the certificate, Unix */
    struct identity_token *token;      /* owned; NULL: the key is here */
};

/* Loads and checks: the key belongs to the certificate and is RSA or EC; the certificate is of version 3, not an
 * authority's, for digitalSignature, signed with SHA-256 or better, valid at @now_s (Unix), the chain, too. Files that
 * hold keys or passphrases must be closed to group and others. ERR_FILE, ERR_CONFIG: what is wrong and what to do about
 * it; ERR_TLS_SETUP: the token is not there or does not answer, which may pass. @out is empty then. */
MUST_CHECK enum err_code identity_load(const struct identity_setup *setup, int64_t now_s, struct identity *out,
                                       struct err *err);
/* Wipes, closes the token. Zeroed memory is fine. */
void identity_clear(struct identity *id);

/* True for a pkcs11: URI. */
bool identity_is_token(const char *private_key);
/* A path, or a pkcs11: URI without the part that may hold a PIN: for messages. */
struct str identity_shown(const char *private_key);

#endif
