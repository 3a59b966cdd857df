/* SPDX-License-Identifier: Apache-2.0
 * mint.h: the local certificate authority: making it, loading it, and leaf certificates per name, which a process of
 * its own signs. struct ca: read-only after loading. struct mint: shared by all workers, locked inside, counted.
 * Source: RFC 5280 4.2.1 (extensions; 4.2.1.10 name constraints); what VERIFY_X509_STRICT of OpenSSL (default in
 * Python 3.13) asks for.
 */
#ifndef S3ONRAMP_IO_MINT_H
#define S3ONRAMP_IO_MINT_H

#include "base/err.h"
#include "base/list.h"
#include "base/netaddr.h"

#include <openssl/types.h>
#include <stdio.h>
#include <sys/types.h>

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
 * against, not a pair, not a CA, not yet or no longer valid; the detail says what to do ("run 's3onramp ca init'").
 * @key_path NULL: without its key, for who signs nothing. */
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

/* Who signs: a process of its own (io/signer.h). */
struct mint_source {
    /* Blocks until @question is answered: *@answer gets what signing_answer writes. ERR_TLS_SETUP: nobody answers. One
     * thread at a time. */
    enum err_code (*ask)(void *arg, struct str question, struct sbuf *answer, struct err *err);
    void (*stop)(void *arg); /* any thread: what is asked ends, and nothing is answered any more */
    void (*free)(void *arg); /* afterwards */
    void *arg;               /* owned */
};

struct mint;
struct signer_order;
/* Starts the process that has the authority's key, and loads what others may know of it. Blocks. Errors: as ca_load. */
MUST_CHECK enum err_code mint_open(const struct signer_order *order, struct mint **out, struct err *err);
/* The one P-256 key of all leaves. NULL: out of memory. */
MUST_CHECK EVP_PKEY *mint_make_key(void);
/* Takes over @ca, @key and @source, also on failure. Asks for the first revocation list, and starts the thread that
 * asks @source. */
MUST_CHECK enum err_code mint_new(struct ca *ca, EVP_PKEY *key, const struct mint_source *source, struct mint **out,
                                  struct err *err);
struct mint *mint_ref(struct mint *m);
/* The last one ends @source and the thread. */
void mint_unref(struct mint **m);
/* The process that has the key; 0: it has ended, and is started again at the next question. Any thread. */
pid_t mint_process(struct mint *m);
bool mint_permits(const struct mint *m, struct str name); /* its CA does */
/* Likewise, and it is a name that a certificate can have: mint_leaf does not refuse it. */
bool mint_may_certify(const struct mint *m, struct str name);
/* What clients need beside a leaf and the root; borrowed. NULL: nothing. */
struct stack_st_X509 *mint_chain(const struct mint *m);
const struct ca *mint_ca(const struct mint *m); /* borrowed */
EVP_PKEY *mint_key(const struct mint *m);       /* of all leaves; borrowed */

enum { MINT_CRL_BYTES = 4096 };
/* The authority's revocation list (DER, RFC 5280 5), which is empty, into @out of at least MINT_CRL_BYTES: valid for a
 * week, renewed when it is a day old. False: there is none that is valid at @now_s. Any thread. */
MUST_CHECK bool mint_crl(struct mint *m, int64_t now_s, struct sbuf *out);

/* Who waits for a leaf; the caller's memory. */
struct mint_wait {
    void (*done)(struct mint_wait *w); /* on the mint's thread, under its lock: hands it on, and no more */
    struct list_link link;             /* the mint's … */
    struct mint_order *order;          /* … likewise */
    X509 *leaf;                        /* from done on: a reference that the caller owns, or NULL: … */
    struct err err;                    /* … why not */
};

/* The leaf for @names (DNS names, or IP literals; several: the default certificate of a TLS listener without SNI): SAN
 * only (empty subject with critical SAN is avoided: subject CN = the first name cut to 64 bytes, "IP " before an
 * address), basicConstraints CA:FALSE critical, digitalSignature critical, serverAuth, SKI, AKI; notBefore an hour ago;
 * never valid beyond the CA. From the cache (at most 1,024 names, least recently used out; made anew in the last tenth
 * of its life): the caller owns one reference of *@leaf (X509_free). *@leaf NULL and ERR_NONE: it was asked for, @w,
 * which must not move, waits, and its done is called once, unless mint_cancel was faster. Who waits for the same names
 * waits for one answer. @w NULL: only what is in the cache. @now_s: Unix time, for the cache. ERR_TLS_SETUP, also for a
 * name the CA does not permit: @w does not wait. Any thread. */
MUST_CHECK enum err_code mint_leaf(struct mint *m, const struct str *names, size_t n, int64_t now_s,
                                   struct mint_wait *w, X509 **leaf, struct err *err);
/* True: @w does not wait any more, and done is not called. False: it was called already. Any thread. */
bool mint_cancel(struct mint *m, struct mint_wait *w);

#endif
