/* SPDX-License-Identifier: Apache-2.0
 * ca.h: what ca.c, leaf.c, mint.c and the signer share. Private to the io layer.
 */
#ifndef S3ONRAMP_IO_CA_H
#define S3ONRAMP_IO_CA_H

#include "io/mint.h"

#include <openssl/x509v3.h>

enum {
    CA_BACKDATE_S = 3600, /* clients' clocks may be behind */
    CA_DAY_S = 86400,
    CA_IP_BYTES = 16,
    CA_CRL_DAYS = 7,         /* how long a revocation list is valid */
    LEAF_NAMES_BYTES = 4096, /* all names of a certificate, with commas */
};

struct ca {
    X509 *cert;              /* owned */
    STACK_OF(X509) * chain;  /* owned: what clients get with a leaf: @cert and those above it but the root; NULL: it is
                                the root */
    STACK_OF(X509) * shown;  /* owned: what its file holds, for clients that are to trust it */
    EVP_PKEY *key;           /* owned; NULL: in this process nothing is signed */
    NAME_CONSTRAINTS *names; /* owned; NULL: none, all names are permitted */
    int64_t not_before, not_after;
};

/* Clears OpenSSL's queue of errors, after it went into @err with @what before it. Returns @code. */
enum err_code x509_fail(struct err *err, enum err_code code, const char *what);
/* The address that @name spells, in network order: 4 or 16 bytes, or 0 if it is no IP literal. */
size_t x509_ip_bytes(struct str name, uint8_t out[CA_IP_BYTES]);
/* Version 3, a random serial, validity, the issuer of @issuer (NULL: self) and @common_name as subject. */
MUST_CHECK bool x509_fill(X509 *cert, const X509 *issuer, struct str common_name, int64_t not_before,
                          int64_t not_after);
/* Adds an extension in the notation of x509v3_config(5); never with text from outside. @issuer: NULL for self. */
MUST_CHECK bool x509_extend(X509 *cert, X509 *issuer, int nid, const char *value);

/* leaf.c: what leaves have in common. All borrowed. */
struct leaf_terms {
    const struct ca *ca; /* with its key */
    EVP_PKEY *public_key;
    unsigned days; /* a leaf is valid */
    const char *crl_url;
};
/* A DNS name (with "*." before it or not) or an IP literal that @ca permits, else ERR_TLS_SETUP. */
MUST_CHECK enum err_code leaf_check_name(const struct ca *ca, struct str name, struct err *err);
/* @names: lower case, joined by commas; judged as above. ERR_TLS_SETUP. */
MUST_CHECK enum err_code leaf_sign(const struct leaf_terms *terms, struct str names, int64_t now_s, X509 **out,
                                   struct err *err);
/* The authority's revocation list, which is empty (DER). */
MUST_CHECK bool leaf_revoked(const struct ca *ca, int64_t now_s, struct sbuf *out);

/* "amazonaws.com and names below", "10.0.0.0/8"; bytes that are not printable as '?'. */
void ca_subtree_text(const GENERAL_NAME *base, char *out, size_t n);
MUST_CHECK bool x509_unix_time(const ASN1_TIME *t, int64_t *out);

#endif
