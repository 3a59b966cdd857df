/* SPDX-License-Identifier: Apache-2.0
 * mint.h: the local certificate authority: making it, loading it, and minting leaf certificates per name.
 * struct ca: read-only after loading. struct mint: shared by all workers, locked inside.
 * Source: RFC 5280 4.2.1 (extensions; 4.2.1.10 name constraints); what VERIFY_X509_STRICT of OpenSSL (default in
 * Python 3.13) asks for.
 */
#ifndef S3ONRAMP_IO_MINT_H
#define S3ONRAMP_IO_MINT_H

#include "base/err.h"
#include "base/netaddr.h"

#include <openssl/types.h>
#include <stdio.h>

struct ca_params {
    const char *common_name;
    unsigned days;
    const char *const *dns; /* permitted DNS subtrees: "amazonaws.com" permits it and all names below; at least one */
    size_t dns_n;
    const struct netblock *ip; /* permitted IP subtrees; none: IP names are not permitted at all */
    size_t ip_n;
    bool unlimited;           /* without name constraints, for libraries that know none: its key opens every site */
    const char *const *alone; /* of @dns: these permit no names below them */
    size_t alone_n;
};

/* Makes a P-256 CA: self-signed, critical basicConstraints CA:TRUE pathlen:0, critical keyUsage keyCertSign+cRLSign,
 * SKI, AKI, critical nameConstraints (unless @unlimited), random positive serial of at most 20 bytes, notBefore an hour
 * ago. Writes
 * @key_path (PKCS#8 PEM, mode 0600) and @cert_path (0644), both to temporary files in the same folder that are synced,
 * checked together and then renamed: never half-written. With @force what was is kept as FILE.old. ERR_FILE if one
 * exists already and not @force, or cannot be written; ERR_CONFIG for @params that make no CA. */
MUST_CHECK enum err_code ca_create(const char *cert_path, const char *key_path, const struct ca_params *params,
                                   bool force, struct err *err);

/* Where the next authority waits for its time: "@path.next", for either file. False: too long. */
MUST_CHECK bool ca_next_path(const char *path, char *out, size_t n);
/* Puts the next authority in force: both of its files, known to be a pair that can be used now, get the names of those
 * in force, which are kept as FILE.old. All or nothing. ERR_FILE, as ca_load and ca_create. */
MUST_CHECK enum err_code ca_switch(const char *cert_path, const char *key_path, struct err *err);

struct ca;
/* @cert_path: the authority's certificate; if it is no root, those of the authorities above it may follow, each behind
 * the one it issued: clients get them with each leaf. ERR_FILE: missing, unreadable, a key that secret_file_fault is
 * against, not a pair, not a CA, not yet or no longer valid; the detail says what to do ("run 's3onramp ca init'"). */
MUST_CHECK enum err_code ca_load(const char *cert_path, const char *key_path, struct ca **out, struct err *err);
void ca_free(struct ca **ca);
X509 *ca_certificate(const struct ca *ca); /* borrowed */
/* Human-readable summary: subject, SHA-256 fingerprint, validity, permitted names; for `s3onramp ca show`. */
void ca_describe(const struct ca *ca, FILE *out);
/* Subject and fingerprint of each certificate in @pem, to its end. */
void ca_describe_file(FILE *pem, FILE *out);
enum { CA_PEM_BYTES = 64 * 1024 };
#define CA_PEM_TYPE "application/x-x509-ca-cert"
/* What clients are to trust, for programs (PEM): its file's certificates, and those of the next authority's where that
 * can be read. False: no memory, or @out (of CA_PEM_BYTES) is too small for them. */
MUST_CHECK bool ca_pem(const struct ca *ca, struct sbuf *out);
int64_t ca_not_after(const struct ca *ca); /* Unix time of its end */
bool ca_is_limited(const struct ca *ca);   /* it has name constraints */
bool ca_is_root(const struct ca *ca);      /* nobody above it issued it */
/* True if the CA's name constraints permit @name (DNS name or IP literal). */
bool ca_permits(const struct ca *ca, struct str name);

struct mint;
/* @ca: borrowed, must outlive it. @crl_url: for leaves, borrowed likewise; NULL: none. @leaf_days: validity of leaves,
 * 1..397. Makes the one P-256 leaf key. NULL: out of
 * memory. */
MUST_CHECK struct mint *mint_new(const struct ca *ca, unsigned leaf_days, const char *crl_url);
void mint_free(struct mint **m);
bool mint_permits(const struct mint *m, struct str name); /* its CA does */
/* What clients need beside a leaf and the root; borrowed. NULL: nothing. */
struct stack_st_X509 *mint_chain(const struct mint *m);
const struct ca *mint_ca(const struct mint *m); /* borrowed */
enum { MINT_CRL_BYTES = 4096 };
/* The authority's revocation list (DER, RFC 5280 5), which is empty, into @out of at least MINT_CRL_BYTES: signed anew
 * each time, valid for a week from @now_s. Any thread. */
MUST_CHECK bool mint_crl(struct mint *m, int64_t now_s, struct sbuf *out);
/* The leaf for @name (DNS name lower case, or IP literal): SAN only (empty subject with critical SAN is avoided:
 * subject CN = name cut to 64 bytes, "IP " before an address), basicConstraints CA:FALSE critical, digitalSignature
 * critical, serverAuth, SKI, AKI; notBefore an hour ago; never valid beyond the CA. From the cache, or minted and
 * cached (at most 1,024 names, least recently used out; minted anew in the last tenth of its life). The caller owns one
 * reference of *@leaf (X509_free) and borrows *@key.
 * @now_s: Unix time. ERR_TLS_SETUP, also for a name the CA does not permit. Any thread. */
MUST_CHECK enum err_code mint_leaf(struct mint *m, struct str name, int64_t now_s, X509 **leaf, EVP_PKEY **key,
                                   struct err *err);
/* One certificate for several names at once (the default certificate of a TLS listener without SNI): @names are DNS
 * names or IP literals. */
MUST_CHECK enum err_code mint_leaf_for(struct mint *m, const struct str *names, size_t n, int64_t now_s, X509 **leaf,
                                       EVP_PKEY **key, struct err *err);

#endif
