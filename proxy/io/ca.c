/* SPDX-License-Identifier: Apache-2.0
 * ca.c: the local certificate authority: made, stored, loaded, described. Any thread; struct ca is read-only after
 * loading. A stolen key of this CA is worth little: critical name constraints hold it to the names it was made for.
 * Source: RFC 5280 4.1.2.2 (serial), 4.2.1 (extensions), 4.2.1.10 (name constraints); X509v3_config(5).
 */
#include "ca.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "http/uri.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* ---- shared ---- */

enum err_code x509_fail(struct err *err, enum err_code code, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    (void)err_set(err, code, 0, "%s: %s", what, reason ? reason : "out of memory");
    ERR_clear_error();
    return code;
}

size_t x509_ip_bytes(struct str name, uint8_t out[CA_IP_BYTES])
{
    char text[INET6_ADDRSTRLEN];
    if (!str_to_cstr(name, text, sizeof text)) return 0;
    if (inet_pton(AF_INET, text, out) == 1) return 4;
    return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

/* RFC 5280 4.1.2.2: positive, at most 20 bytes. The second highest bit is set, so that it is never short or zero. */
static bool set_serial(X509 *cert)
{
    unsigned char bytes[20];
    secret_random(bytes, sizeof bytes);
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return ok;
}

bool x509_fill(X509 *cert, const X509 *issuer, struct str common_name, int64_t not_before, int64_t not_after)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)not_before) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)not_after) &&
           X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common_name.p,
                                      (int)common_name.n, -1, 0) &&
           X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
}

bool x509_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

/* ---- making one ---- */

/* Adds @bytes as a subtree of @type to @list, which is made when it is NULL. */
static bool add_subtree(STACK_OF(GENERAL_SUBTREE) * *list, int type, const void *bytes, size_t n)
{
    if (!*list) *list = sk_GENERAL_SUBTREE_new_null();
    GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();
    ASN1_STRING *value = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (!*list || !tree || !value || !ASN1_STRING_set(value, bytes, (int)n)) goto fail;
    GENERAL_NAME_set0_value(tree->base, type, value);
    value = NULL;
    if (!sk_GENERAL_SUBTREE_push(*list, tree)) goto fail;
    return true;
fail:
    ASN1_STRING_free(value);
    GENERAL_SUBTREE_free(tree);
    return false;
}

/* RFC 5280 4.2.1.10: address, then mask. */
static bool add_ip_subtree(STACK_OF(GENERAL_SUBTREE) * *list, const struct netblock *block)
{
    bool v6 = block->base.u.sa.sa_family == AF_INET6;
    size_t n = v6 ? 16 : 4;
    uint8_t bytes[2 * CA_IP_BYTES] = {0};
    const void *address = v6 ? (const void *)&block->base.u.in6.sin6_addr : (const void *)&block->base.u.in.sin_addr;
    memcpy(bytes, address, n);
    for (size_t bit = 0; bit < block->bits; bit++)
        bytes[n + bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    for (size_t i = 0; i < n; i++)
        bytes[i] &= bytes[n + i]; /* some verifiers compare without masking the base */
    return add_subtree(list, GEN_IPADD, bytes, 2 * n);
}

/* A leading dot is no part of RFC 5280's DNS names, and all libraries read it so: the names below, and not it. */
static bool add_names_below(STACK_OF(GENERAL_SUBTREE) * *list, const char *name)
{
    char below[256];
    int n = snprintf(below, sizeof below, ".%s", name);
    return n < (int)sizeof below && add_subtree(list, GEN_DNS, below, (size_t)n);
}

/* A type of name without any subtree would be free (RFC 5280 4.2.1.10): without @ip all addresses are excluded. */
static bool add_constraints(X509 *cert, const struct ca_params *params)
{
    static const uint8_t all[2 * CA_IP_BYTES];
    NAME_CONSTRAINTS *names = NAME_CONSTRAINTS_new();
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < params->dns_n; i++)
        ok = add_subtree(&names->permittedSubtrees, GEN_DNS, params->dns[i], strlen(params->dns[i]));
    for (size_t i = 0; ok && i < params->ip_n; i++)
        ok = add_ip_subtree(&names->permittedSubtrees, &params->ip[i]);
    for (size_t i = 0; ok && i < params->alone_n; i++)
        ok = add_names_below(&names->excludedSubtrees, params->alone[i]);
    if (ok && params->ip_n == 0)
        ok = add_subtree(&names->excludedSubtrees, GEN_IPADD, all, 8) &&
             add_subtree(&names->excludedSubtrees, GEN_IPADD, all, 32);
    ok = ok && X509_add1_ext_i2d(cert, NID_name_constraints, names, 1, X509V3_ADD_DEFAULT) == 1;
    NAME_CONSTRAINTS_free(names);
    return ok;
}

static enum err_code check_params(const struct ca_params *params, struct err *err)
{
    size_t name_n = strlen(params->common_name);
    if (name_n == 0 || name_n > 64) return err_set(err, ERR_CONFIG, 0, "the CA's name must have 1 to 64 bytes");
    if (params->days == 0 || params->days > 36500) return err_set(err, ERR_CONFIG, 0, "a CA lives 1 to 36500 days");
    if (params->dns_n == 0 && !params->unlimited)
        return err_set(err, ERR_CONFIG, 0, "a CA needs at least one permitted name");
    for (size_t i = 0; i < params->dns_n; i++) {
        struct str name = str_from(params->dns[i]), host;
        unsigned port;
        if (!uri_split_authority(name, &host, &port) || !str_eq(host, name))
            return err_set(err, ERR_CONFIG, 0, "\"%s\" is not a DNS name that a CA could permit", params->dns[i]);
    }
    return ERR_NONE;
}

static bool build_ca(X509 *cert, EVP_PKEY *key, const struct ca_params *params)
{
    int64_t now = clock_wall_us() / 1000000;
    return x509_fill(cert, NULL, str_from(params->common_name), now - CA_BACKDATE_S,
                     now + (int64_t)params->days * CA_DAY_S) &&
           X509_set_pubkey(cert, key) && x509_extend(cert, NULL, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           x509_extend(cert, NULL, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           x509_extend(cert, NULL, NID_subject_key_identifier, "hash") &&
           x509_extend(cert, NULL, NID_authority_key_identifier, "keyid:always") &&
           (params->unlimited || add_constraints(cert, params)) && X509_sign(cert, key, EVP_sha256()) > 0;
}

/* ---- storing it ---- */

static bool write_all(int fd, struct str data)
{
    while (data.n > 0) {
        ssize_t n = write(fd, data.p, data.n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data = str_tail(data, (size_t)n);
    }
    return true;
}

/* Makes a new name in the folder of @path last over a power cut. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    size_t slash = str_rindex(str_from(path), '/');
    struct str name = slash == SIZE_MAX ? STR(".") : str_make(path, slash ? slash : 1);
    if (!str_to_cstr(name, folder, sizeof folder)) return;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) return;
    (void)fsync(fd); /* some file systems cannot; the file itself is synced */
    close(fd);
}

/* One of the two files of an authority, finished beside its place. */
struct beside {
    const char *path;
    char temporary[PATH_MAX]; /* empty: nothing is there */
    char old[PATH_MAX];       /* what was is kept as this */
    bool has_old;
};

static void drop_beside(struct beside *b)
{
    if (b->temporary[0]) (void)unlink(b->temporary);
    b->temporary[0] = '\0';
}

static enum err_code write_beside(struct beside *b, bool secret, struct str data, struct err *err)
{
    if (snprintf(b->temporary, sizeof b->temporary, "%s.XXXXXX", b->path) >= (int)sizeof b->temporary ||
        snprintf(b->old, sizeof b->old, "%s.old", b->path) >= (int)sizeof b->old) {
        b->temporary[0] = '\0';
        return err_set(err, ERR_FILE, ENAMETOOLONG, "%s", b->path);
    }
    int fd = mkostemp(b->temporary, O_CLOEXEC); /* mode 0600 from the start */
    if (fd == -1) {
        err_set(err, ERR_FILE, errno, "cannot make %s", b->temporary);
        b->temporary[0] = '\0';
        return err->code;
    }
    bool ok = (secret ? secret_share(fd, b->path) : fchmod(fd, 0644) == 0) && write_all(fd, data) && fsync(fd) == 0;
    int why = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    return ok ? ERR_NONE : err_set(err, ERR_FILE, why, "cannot write %s", b->path);
}

/* Another name for what was: it stays, whatever happens next. */
static enum err_code keep_old(struct beside *b, struct err *err)
{
    struct stat st;
    if (lstat(b->path, &st) != 0) return ERR_NONE;
    (void)unlink(b->old);
    if (link(b->path, b->old) != 0) return err_set(err, ERR_FILE, errno, "cannot keep %s as %s", b->path, b->old);
    b->has_old = true;
    if (geteuid() == 0) (void)!chown(b->temporary, st.st_uid, st.st_gid); /* who could read it can read the new one */
    return ERR_NONE;
}

/* link(2), unlike rename(2), never replaces. */
static enum err_code put_in_place(struct beside *b, bool force, struct err *err)
{
    if ((force ? rename(b->temporary, b->path) : link(b->temporary, b->path)) != 0)
        return err_set(err, ERR_FILE, errno, "cannot write %s", b->path);
    drop_beside(b); /* force: it has its name already */
    sync_folder(b->path);
    return ERR_NONE;
}

/* Both are written whole, and known to be a pair, before the first of them gets its name. What was is FILE.old. */
static enum err_code put_both(struct beside *cert, struct beside *key, bool force, struct err *err)
{
    struct ca *pair = NULL;
    TRY(ca_load(cert->temporary, key->temporary, &pair, err));
    ca_free(&pair);
    if (force) {
        TRY(keep_old(key, err));
        TRY(keep_old(cert, err));
    }
    TRY(put_in_place(key, force, err));
    if (put_in_place(cert, force, err) == ERR_NONE) return ERR_NONE;
    if (!key->has_old)
        (void)unlink(key->path); /* ours, and good for nothing alone */
    else
        (void)rename(key->old, key->path);
    return err->code;
}

static struct str bio_text(BIO *bio)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    return str_make(text, n > 0 ? (size_t)n : 0);
}

static enum err_code store_both(const char *cert_path, const char *key_path, X509 *cert, EVP_PKEY *key, bool force,
                                struct err *err)
{
    enum err_code code = ERR_NONE;
    struct beside beside_key = {.path = key_path}, beside_cert = {.path = cert_path};
    BIO *key_pem = BIO_new(BIO_s_secmem()), *cert_pem = BIO_new(BIO_s_mem()); /* secmem: wiped when freed */
    if (!key_pem || !cert_pem || !PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) ||
        !PEM_write_bio_X509(cert_pem, cert)) {
        code = x509_fail(err, ERR_TLS_SETUP, "cannot write the CA as PEM");
        goto done;
    }
    code = write_beside(&beside_key, true, bio_text(key_pem), err);
    if (code == ERR_NONE) code = write_beside(&beside_cert, false, bio_text(cert_pem), err);
    if (code == ERR_NONE) code = put_both(&beside_cert, &beside_key, force, err);
done:
    drop_beside(&beside_key);
    drop_beside(&beside_cert);
    BIO_free(key_pem);
    BIO_free(cert_pem);
    return code;
}

bool ca_next_path(const char *path, char *out, size_t n)
{
    return snprintf(out, n, "%s.next", path) < (int)n;
}

/* Its next file gets a further name beside its place: whatever happens, it stays. */
static enum err_code link_beside(struct beside *b, struct err *err)
{
    char next[PATH_MAX];
    if (!ca_next_path(b->path, next, sizeof next) ||
        snprintf(b->temporary, sizeof b->temporary, "%s.switch", b->path) >= (int)sizeof b->temporary ||
        snprintf(b->old, sizeof b->old, "%s.old", b->path) >= (int)sizeof b->old) {
        b->temporary[0] = '\0';
        return err_set(err, ERR_FILE, ENAMETOOLONG, "%s", b->path);
    }
    (void)unlink(b->temporary);
    if (link(next, b->temporary) == 0) return ERR_NONE;
    b->temporary[0] = '\0';
    return err_set(err, ERR_FILE, errno, "%s: `s3onramp ca renew` makes it", next);
}

enum err_code ca_switch(const char *cert_path, const char *key_path, struct err *err)
{
    struct beside key = {.path = key_path}, cert = {.path = cert_path};
    char next[PATH_MAX];
    enum err_code code = link_beside(&key, err);
    if (code == ERR_NONE) code = link_beside(&cert, err);
    if (code == ERR_NONE) code = put_both(&cert, &key, true, err);
    drop_beside(&key);
    drop_beside(&cert);
    if (code != ERR_NONE) return code;
    if (ca_next_path(key_path, next, sizeof next)) (void)unlink(next);
    if (ca_next_path(cert_path, next, sizeof next)) (void)unlink(next);
    return ERR_NONE;
}

static enum err_code refuse_existing(const char *path, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        return err_set(err, ERR_FILE, EEXIST, "%s: clients may trust it already; --force replaces it", path);
    return ERR_NONE;
}

enum err_code ca_create(const char *cert_path, const char *key_path, const struct ca_params *params, bool force,
                        struct err *err)
{
    enum err_code code = ERR_NONE;
    TRY(check_params(params, err));
    if (strcmp(cert_path, key_path) == 0)
        return err_set(err, ERR_CONFIG, 0, "certificate and key need different files");
    if (!force) {
        TRY(refuse_existing(cert_path, err));
        TRY(refuse_existing(key_path, err));
    }
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    if (!key || !cert || !build_ca(cert, key, params))
        code = x509_fail(err, ERR_TLS_SETUP, "cannot make the CA");
    else
        code = store_both(cert_path, key_path, cert, key, force, err);
    X509_free(cert);
    EVP_PKEY_free(key);
    return code;
}

/* ---- loading ---- */

/* Opens @path, which must be a plain file and no longer than any CA: a device may have no end. */
static enum err_code open_plain(const char *path, FILE **out, struct stat *st, struct err *err)
{
    enum { BYTES_MOST = 1 << 20 };
    FILE *f = fopen(path, "re");
    if (!f && errno == EACCES)
        return err_set(err, ERR_FILE, errno, "%s cannot be read: run this as the proxy's user", path);
    if (!f) return err_set(err, ERR_FILE, errno, "%s: run 's3onramp ca init' to make a CA", path);
    *out = f;
    if (fstat(fileno(f), st) == 0 && S_ISREG(st->st_mode) && st->st_size <= BYTES_MOST) return ERR_NONE;
    (void)fclose(f);
    return err_set(err, ERR_FILE, 0, "%s is not a plain file, or longer than a CA is: name another", path);
}

static bool is_root(X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

/* Adds a reference of @cert to @list, which is made when it is NULL. */
static bool push(STACK_OF(X509) * *list, X509 *cert)
{
    if (!*list) *list = sk_X509_new_null();
    if (!*list || !X509_up_ref(cert)) return false;
    if (sk_X509_push(*list, cert) > 0) return true;
    X509_free(cert);
    return false;
}

static void clear_certificates(struct ca *ca)
{
    X509_free(ca->cert);
    sk_X509_pop_free(ca->chain, X509_free);
    sk_X509_pop_free(ca->shown, X509_free);
}

/* Takes over @cert, one of those in the file. Clients have the root, or nothing helps. */
static bool take_certificate(struct ca *ca, X509 *cert)
{
    bool fine = push(&ca->shown, cert), first = fine && sk_X509_num(ca->shown) == 1;
    if (fine && first) fine = X509_up_ref(ca->cert = cert);
    if (fine && !is_root(ca->cert) && (first || !is_root(cert))) fine = push(&ca->chain, cert);
    X509_free(cert);
    return fine;
}

/* An authority's own certificate, then, if it is no root, those of the authorities above it. */
static enum err_code read_certificates(struct ca *ca, const char *path, struct err *err)
{
    struct stat st;
    FILE *f;
    X509 *cert;
    bool fine = true;
    enum err_code code = ERR_NONE;
    TRY(open_plain(path, &f, &st, err));
    while (fine && (cert = PEM_read_X509(f, NULL, NULL, NULL)))
        fine = take_certificate(ca, cert);
    if (!fine)
        code = err_set(err, ERR_NO_MEMORY, 0, "CA");
    else if (!ca->cert || (ca->chain && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE))
        code = x509_fail(err, ERR_FILE, path);
    ERR_clear_error(); /* the end of the file */
    (void)fclose(f);
    return code;
}

/* Clients are to trust it before its time comes; nothing is signed by it until then. */
static void read_next(struct ca *ca, const char *path)
{
    char next[PATH_MAX];
    struct ca other = {.chain = NULL};
    struct err err = {0};
    if (!ca_next_path(path, next, sizeof next) || access(next, F_OK) != 0) return;
    bool fine = read_certificates(&other, next, &err) == ERR_NONE && X509_check_ca(other.cert) == 1;
    if (!fine)
        LOG(LOG_WARN, "%s: no certificate of an authority that clients could be given%s%s", next,
            err.detail[0] ? ": " : "", err.detail);
    for (int i = 0; fine && i < sk_X509_num(other.shown); i++)
        fine = push(&ca->shown, sk_X509_value(other.shown, i));
    clear_certificates(&other);
}

/* For encrypted keys: nobody is there to type a password. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static enum err_code read_key(const char *path, EVP_PKEY **out, struct err *err)
{
    struct stat st;
    char buffer[BUFSIZ], fault[SECRET_FAULT]; /* stdio's own buffer would not be wiped */
    FILE *f;
    TRY(open_plain(path, &f, &st, err));
    enum err_code code = ERR_NONE;
    if (secret_file_fault(&st, path, true, fault, sizeof fault)) {
        code = err_set(err, ERR_FILE, 0, "%s", fault);
    } else {
        (void)setvbuf(f, buffer, _IOFBF, sizeof buffer);
        *out = PEM_read_PrivateKey(f, NULL, no_password, NULL);
        if (!*out) code = x509_fail(err, ERR_FILE, path);
    }
    (void)fclose(f);
    secret_wipe(buffer, sizeof buffer);
    return code;
}

bool x509_unix_time(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(t, &tm)) return false;
    *out = timegm(&tm);
    return true;
}

/* Each was issued by the next, and none ends before the authority does. */
static enum err_code check_chain(struct ca *ca, const char *path, struct err *err)
{
    for (int i = 1; i < sk_X509_num(ca->chain); i++) {
        int64_t end;
        X509 *upper = sk_X509_value(ca->chain, i);
        if (X509_check_issued(upper, sk_X509_value(ca->chain, i - 1)) != X509_V_OK)
            return err_set(
                err, ERR_FILE, 0,
                "%s: certificate %d is not of who issued the one before it: the authority's own comes first, "
                "then who issued it, and so on",
                path, i + 1);
        if (!x509_unix_time(X509_get0_notAfter(upper), &end)) return x509_fail(err, ERR_FILE, path);
        if (end < ca->not_after) ca->not_after = end;
    }
    return ERR_NONE;
}

static enum err_code check_ca(struct ca *ca, const char *path, struct err *err)
{
    static const char again[] = "run 's3onramp ca init --force' and give clients the new certificate";
    int64_t now = clock_wall_us() / 1000000;
    if (ca->key && X509_check_private_key(ca->cert, ca->key) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_FILE, 0,
                       "%s and the CA's key do not belong together: put back the pair that was (both .old files, if "
                       "`ca init --force` was cut off), or %s",
                       path, again);
    }
    if (X509_check_ca(ca->cert) != 1 || !(X509_get_key_usage(ca->cert) & KU_KEY_CERT_SIGN))
        return err_set(err, ERR_FILE, 0, "%s is not the certificate of a CA: run 's3onramp ca init'", path);
    if (!x509_unix_time(X509_get0_notBefore(ca->cert), &ca->not_before) ||
        !x509_unix_time(X509_get0_notAfter(ca->cert), &ca->not_after))
        return x509_fail(err, ERR_FILE, path);
    TRY(check_chain(ca, path, err));
    if (now < ca->not_before) return err_set(err, ERR_FILE, 0, "%s is not valid yet: check this machine's clock", path);
    if (now >= ca->not_after) return err_set(err, ERR_FILE, 0, "%s has expired: %s", path, again);
    int critical = -1; /* -1 afterwards, too: there is no such extension */
    ca->names = X509_get_ext_d2i(ca->cert, NID_name_constraints, &critical, NULL);
    if (!ca->names && critical != -1) return x509_fail(err, ERR_FILE, path);
    ERR_clear_error();
    return ERR_NONE;
}

enum err_code ca_load(const char *cert_path, const char *key_path, struct ca **out, struct err *err)
{
    *out = NULL;
    struct ca *ca = calloc(1, sizeof(*ca));
    if (!ca) return err_set(err, ERR_NO_MEMORY, 0, "CA");
    ERR_clear_error();
    enum err_code code = read_certificates(ca, cert_path, err);
    if (code == ERR_NONE && key_path) code = read_key(key_path, &ca->key, err);
    if (code == ERR_NONE) code = check_ca(ca, cert_path, err);
    if (code == ERR_NONE) read_next(ca, cert_path);
    if (code != ERR_NONE)
        ca_free(&ca);
    else
        *out = ca;
    return code;
}

void ca_free(struct ca **ca)
{
    if (!*ca) return;
    clear_certificates(*ca);
    EVP_PKEY_free((*ca)->key);
    NAME_CONSTRAINTS_free((*ca)->names);
    free(*ca);
    *ca = NULL;
}

X509 *ca_certificate(const struct ca *ca)
{
    return ca->cert;
}

bool ca_pem(const struct ca *ca, struct sbuf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL;
    for (int i = 0; ok && i < sk_X509_num(ca->shown); i++)
        ok = PEM_write_bio_X509(bio, sk_X509_value(ca->shown, i)) == 1;
    if (ok) sbuf_add(out, bio_text(bio));
    BIO_free(bio);
    ERR_clear_error();
    return ok && !out->overflow;
}

int64_t ca_not_after(const struct ca *ca)
{
    return ca->not_after;
}

/* ---- which names ---- */

bool ca_is_root(const struct ca *ca)
{
    return !ca->chain;
}

bool ca_is_limited(const struct ca *ca)
{
    return ca->names != NULL;
}

/* @base and all names below it; with a leading dot only the latter. */
static bool dns_covers(struct str base, struct str name)
{
    if (base.n == 0) return true;
    if (!str_ends_nocase(name, base)) return false;
    return name.n == base.n ? base.p[0] != '.' : base.p[0] == '.' || name.p[name.n - base.n - 1] == '.';
}

static bool ip_covers(struct str block, const uint8_t *ip, size_t ip_n)
{
    if (block.n != 2 * ip_n) return false;
    for (size_t i = 0; i < ip_n; i++)
        if (((uint8_t)block.p[i] ^ ip[i]) & (uint8_t)block.p[ip_n + i]) return false;
    return true;
}

/* Is @name (an address if @ip_n) in one of @trees? *@same_type: some subtree is about names of its type at all. */
static bool is_covered(const STACK_OF(GENERAL_SUBTREE) * trees, struct str name, const uint8_t *ip, size_t ip_n,
                       bool *same_type)
{
    bool found = false;
    *same_type = false;
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_SUBTREE_value(trees, i)->base, &type);
        if (type != (ip_n ? GEN_IPADD : GEN_DNS)) continue;
        struct str base = str_make((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        *same_type = true;
        found = found || (ip_n ? ip_covers(base, ip, ip_n) : dns_covers(base, name));
    }
    return found;
}

bool ca_permits(const struct ca *ca, struct str name)
{
    uint8_t ip[CA_IP_BYTES];
    size_t ip_n = x509_ip_bytes(name, ip);
    bool limited;
    if (!ca->names) return true;
    if (is_covered(ca->names->excludedSubtrees, name, ip, ip_n, &limited)) return false;
    return is_covered(ca->names->permittedSubtrees, name, ip, ip_n, &limited) || !limited;
}

/* ---- describing ---- */

/* How many bits of @mask are set from its beginning; SIZE_MAX if others are set, too. */
static size_t mask_bits(const unsigned char *mask, size_t n)
{
    size_t bits = 0, set = 0;
    while (bits < 8 * n && (mask[bits / 8] & (0x80 >> bits % 8)))
        bits++;
    for (size_t bit = 0; bit < 8 * n; bit++)
        set += (mask[bit / 8] & (0x80 >> bit % 8)) != 0;
    return set == bits ? bits : SIZE_MAX;
}

static void put_block(struct sbuf *b, const unsigned char *bytes, size_t n)
{
    char address[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];
    int family = n == 4 ? AF_INET : AF_INET6;
    size_t bits = mask_bits(bytes + n, n);
    inet_ntop(family, bytes, address, sizeof address);
    inet_ntop(family, bytes + n, mask, sizeof mask);
    sbuf_printf(b, "%s", address);
    if (bits == SIZE_MAX)
        sbuf_printf(b, ", mask %s", mask);
    else if (bits != 8 * n)
        sbuf_printf(b, "/%zu", bits);
}

/* A file may hold anybody's certificate: nothing in it reaches a terminal as it is. */
void ca_subtree_text(const GENERAL_NAME *base, char *out, size_t cap)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(base, &type);
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    size_t n = (size_t)ASN1_STRING_length(value);
    struct sbuf b = sbuf_make(out, cap - 1);
    if (type == GEN_DNS) {
        bool below = n > 1 && bytes[0] == '.';
        for (size_t i = below; i < n && i < 253; i++)
            sbuf_char(&b, bytes[i] > ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '?');
        sbuf_add(&b, below ? STR(", the names below it") : STR(" and names below"));
    } else if (type == GEN_IPADD && (n == 8 || n == 32)) {
        put_block(&b, bytes, n / 2);
    } else {
        sbuf_add(&b, STR("names of another kind"));
    }
    out[b.n] = '\0';
}

static void describe_subtrees(const char *label, const STACK_OF(GENERAL_SUBTREE) * trees, FILE *out)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        char text[300];
        ca_subtree_text(sk_GENERAL_SUBTREE_value(trees, i)->base, text, sizeof text);
        fprintf(out, "%s%s\n", label, text);
    }
}

static void describe_time(const char *label, int64_t at, FILE *out)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)at;
    if (!gmtime_r(&t, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) return;
    fprintf(out, "%s%s\n", label, text);
}

static void describe_certificate(const X509 *cert, FILE *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    fputs("subject:     ", out);
    X509_NAME_print_ex_fp(out, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
    fputs("\nSHA-256:     ", out);
    if (X509_digest(cert, EVP_sha256(), digest, &n))
        for (unsigned i = 0; i < n; i++)
            fprintf(out, "%s%02X", i ? ":" : "", digest[i]);
    fputc('\n', out);
}

void ca_describe_file(FILE *pem, FILE *out)
{
    X509 *cert;
    while ((cert = PEM_read_X509(pem, NULL, NULL, NULL))) {
        describe_certificate(cert, out);
        X509_free(cert);
    }
    ERR_clear_error();
}

void ca_describe(const struct ca *ca, FILE *out)
{
    describe_certificate(ca->cert, out);
    describe_time("valid from:  ", ca->not_before, out);
    describe_time("valid until: ", ca->not_after, out);
    if (!ca->names) {
        fputs("permitted:   any name (the CA has no name constraints)\n", out);
        return;
    }
    describe_subtrees("permitted:   ", ca->names->permittedSubtrees, out);
    describe_subtrees("excluded:    ", ca->names->excludedSubtrees, out);
}
