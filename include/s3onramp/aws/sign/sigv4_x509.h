/* SPDX-License-Identifier: Apache-2.0
 * sigv4_x509.h: Signature Version 4 with the private key of an X.509 certificate, as IAM Roles Anywhere takes it. The
 * key itself signs the string to sign, no key is derived; the certificate travels in a header. Pure: time is a
 * parameter; a key in a PKCS#11 token makes signing as slow as its token. Any thread, one at a time per key.
 * Source: IAM Roles Anywhere User Guide, "Authentication signing process"; aws/rolesanywhere-credential-helper
 * aws_signing_helper/signer.go.
 */
#ifndef S3ONRAMP_AWS_SIGN_SIGV4_X509_H
#define S3ONRAMP_AWS_SIGN_SIGV4_X509_H

#include "aws/sign/digest.h"
#include "base/arena.h"

#include <openssl/x509.h>

/* What is signed; borrows everything. The request has these headers and no query. */
struct sigv4_x509_input {
    struct str method, path;       /* "POST", "/sessions" */
    struct str host, content_type; /* values as they are sent */
    struct str body;
    struct str timestamp; /* yyyymmddThhmmssZ: X-Amz-Date */
    struct str region, service;
    X509 *certificate;
    STACK_OF(X509) * chain; /* intermediates, the nearest first; NULL or empty: no header for them */
    EVP_PKEY *key;
};

/* Views into the arena. */
struct sigv4_x509_signed {
    struct str x509;          /* value of X-Amz-X509: DER in base64 */
    struct str x509_chain;    /* value of X-Amz-X509-Chain, comma-separated; empty: the header is not sent */
    struct str authorization; /* value of Authorization */
    struct str canonical, string_to_sign;
};

/* "AWS4-X509-RSA-SHA256" or "AWS4-X509-ECDSA-SHA256"; {NULL,0}: no key of this kind is taken there (RSA-PSS, EdDSA). */
struct str sigv4_x509_algorithm(const EVP_PKEY *key);

/* Signs with SHA-256: RSA as PKCS #1 v1.5, ECDSA as DER. The signature is checked with the certificate's public key
 * before it is given away. ERR_CONFIG: the key cannot sign, or is not the certificate's; ERR_NO_MEMORY: more than the
 * arena holds. */
MUST_CHECK enum err_code sigv4_x509_sign(struct digest *d, const struct sigv4_x509_input *in, struct arena *arena,
                                         struct sigv4_x509_signed *out, struct err *err);

#endif
