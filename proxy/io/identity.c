/* SPDX-License-Identifier: Apache-2.0
 * identity.c: see identity.h. Files are in identity_file.c, tokens in identity_token.c.
 */
#include "identity_impl.h"

#include "aws/sign/sigv4_x509.h"
#include "base/secret.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

bool identity_is_token(const char *private_key)
{
    return str_starts_nocase(str_from(private_key), STR("pkcs11:"));
}

struct str identity_shown(const char *private_key)
{
    struct str s = str_from(private_key);

    return identity_is_token(private_key) ? str_head(s, str_index(s, '?')) : s;
}

void identity_clear(struct identity *id)
{
    token_close(&id->token, &id->key);
    X509_free(id->certificate);
    sk_X509_pop_free(id->chain, X509_free);
    *id = (struct identity){0};
}

static enum err_code no_memory(struct err *err)
{
    ERR_clear_error();
    return err_set(err, ERR_NO_MEMORY, 0, "certificates");
}

/* ---- PEM ---- */

struct asked {
    const char *passphrase; /* NULL: none */
    bool asked;
};

static int give_passphrase(char *out, int cap, int writing UNUSED, void *arg)
{
    struct asked *a = arg;
    size_t n = a->passphrase ? strlen(a->passphrase) : 0;

    a->asked = true;
    if (!a->passphrase || n > (size_t)cap) return -1;
    memcpy(out, a->passphrase, n);
    return (int)n;
}

static bool add_to_chain(struct identity *out, X509 *certificate)
{
    if (!out->chain) out->chain = sk_X509_new_null();
    return out->chain && sk_X509_push(out->chain, certificate) > 0;
}

/* The first certificate is ours if there is none yet; all others are intermediates. Ours is often the first of a chain
 * file, too. */
static bool take_certificate(struct identity *out, X509 *certificate)
{
    if (!out->certificate) {
        out->certificate = certificate;
        return true;
    }
    if (X509_cmp(out->certificate, certificate) == 0) {
        X509_free(certificate);
        return true;
    }
    if (add_to_chain(out, certificate)) return true;
    X509_free(certificate);
    return false;
}

static enum err_code read_pem_certificates(const struct file_bytes *f, const char *path, struct identity *out,
                                           struct err *err)
{
    BIO *bio = BIO_new_mem_buf(f->p, (int)f->n);
    bool first = true, good = bio != NULL;
    X509 *certificate;
    unsigned long why;

    while (good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        good = take_certificate(out, certificate);
        first = false;
    }
    why = ERR_peek_last_error();
    BIO_free(bio);
    ERR_clear_error();
    if (!good) return no_memory(err);
    if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
        return err_set(err, ERR_FILE, 0, "%s: a certificate in it is damaged (%s)", path,
                       ERR_reason_error_string(why) ? ERR_reason_error_string(why) : "not X.509");
    if (first) return err_set(err, ERR_FILE, 0, "%s holds no certificate (-----BEGIN CERTIFICATE-----)", path);
    return ERR_NONE;
}

static enum err_code read_pem_key(const struct file_bytes *f, const char *path, const char *passphrase,
                                  struct identity *out, struct err *err)
{
    struct asked asked = {passphrase, false};
    BIO *bio = BIO_new_mem_buf(f->p, (int)f->n);

    if (bio) out->key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
    BIO_free(bio);
    ERR_clear_error();
    if (out->key) return ERR_NONE;
    if (asked.asked && !passphrase)
        return err_set(err, ERR_FILE, 0, "the private key in %s is encrypted; set passphrase = file:PATH or env:NAME",
                       path);
    if (asked.asked)
        return err_set(err, ERR_FILE, 0, "the passphrase does not open the private key in %s; correct `passphrase`",
                       path);
    return err_set(err, ERR_FILE, 0, "%s holds no private key in PEM; set private_key to the file that does", path);
}

/* ---- PKCS #12 ---- */

static bool is_pem(const struct file_bytes *f)
{
    return str_find(str_make(f->p, f->n), STR("-----BEGIN ")) != SIZE_MAX;
}

static PKCS12 *as_pkcs12(const struct file_bytes *f)
{
    const unsigned char *p = (const unsigned char *)f->p;

    return d2i_PKCS12(NULL, &p, (long)f->n);
}

static enum err_code not_understood(const struct file_bytes *f, const char *path, struct err *err)
{
    const unsigned char *p = (const unsigned char *)f->p;
    X509 *der = d2i_X509(NULL, &p, (long)f->n);
    bool is_der = der != NULL;

    X509_free(der);
    ERR_clear_error();
    if (is_der)
        return err_set(err, ERR_FILE, 0, "%s is a certificate in DER; make it PEM: openssl x509 -inform DER -in %s",
                       path, path);
    return err_set(err, ERR_FILE, 0, "%s is neither PEM nor PKCS#12", path);
}

/* PKCS#12 knows two forms of "no password". */
static bool mac_is_good(PKCS12 *p12, const char *passphrase)
{
    if (!PKCS12_mac_present(p12)) return true;
    if (PKCS12_verify_mac(p12, passphrase ? passphrase : "", -1) == 1) return true;
    return !passphrase && PKCS12_verify_mac(p12, NULL, 0) == 1;
}

static enum err_code open_pkcs12(PKCS12 *p12, const char *path, const char *passphrase, EVP_PKEY **key, X509 **leaf,
                                 STACK_OF(X509) * *others, struct err *err)
{
    if (!mac_is_good(p12, passphrase))
        return passphrase ? err_set(err, ERR_FILE, 0, "the passphrase does not open %s; correct `passphrase`", path)
                          : err_set(err, ERR_FILE, 0, "%s is encrypted; set passphrase = file:PATH or env:NAME", path);
    if (PKCS12_parse(p12, passphrase, key, leaf, others) == 1) return ERR_NONE;
    if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_UNSUPPORTED || ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_EVP)
        return err_set(err, ERR_FILE, 0,
                       "%s is encrypted with an old algorithm that OpenSSL 3 does not have; write it anew: openssl "
                       "pkcs12 -legacy -in %s -nodes | openssl pkcs12 -export -out NEW",
                       path, path);
    return err_set(err, ERR_FILE, 0, "%s cannot be opened as PKCS#12 (%s)", path,
                   ERR_reason_error_string(ERR_peek_error()) ? ERR_reason_error_string(ERR_peek_error()) : "damaged");
}

/* Takes from the file what @want_key and @want_certificates say. */
static enum err_code read_pkcs12(PKCS12 *p12, const char *path, const char *passphrase, bool want_key,
                                 bool want_certificates, struct identity *out, struct err *err)
{
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *others = NULL;
    enum err_code code = open_pkcs12(p12, path, passphrase, &key, &leaf, &others, err);

    ERR_clear_error();
    if (code == ERR_NONE && want_key && !key)
        code = err_set(err, ERR_FILE, 0, "%s holds no private key; export it anew with the key", path);
    if (code == ERR_NONE && want_certificates && !leaf)
        code = err_set(err, ERR_FILE, 0, "%s holds no certificate for its key; export it anew with both", path);
    if (code == ERR_NONE && want_key) {
        out->key = key;
        key = NULL;
    }
    if (code == ERR_NONE && want_certificates) {
        out->certificate = leaf;
        out->chain = others;
        leaf = NULL;
        others = NULL;
    }
    EVP_PKEY_free(key);
    X509_free(leaf);
    sk_X509_pop_free(others, X509_free);
    return code;
}

/* ---- which file holds what ---- */

/* setup->certificate, with its key if no other place is named. */
static enum err_code load_certificate(const struct identity_setup *setup, const char *passphrase, struct identity *out,
                                      struct err *err)
{
    const char *path = setup->certificate;
    bool want_key = !setup->private_key;
    struct file_bytes f;
    PKCS12 *p12 = NULL;
    enum err_code code;

    TRY(file_read(setup, path, &f, err));
    if (is_pem(&f)) {
        code = read_pem_certificates(&f, path, out, err);
        if (code == ERR_NONE && want_key) code = read_pem_key(&f, path, passphrase, out, err);
        if (code == ERR_NONE && want_key) code = file_check_closed(&f, path, err);
    } else if ((p12 = as_pkcs12(&f))) {
        code = file_check_closed(&f, path, err);
        if (code == ERR_NONE) code = read_pkcs12(p12, path, passphrase, want_key, true, out, err);
    } else {
        code = not_understood(&f, path, err);
    }
    PKCS12_free(p12);
    file_clear(&f);
    return code;
}

static enum err_code load_chain(const struct identity_setup *setup, struct identity *out, struct err *err)
{
    struct file_bytes f;
    enum err_code code;

    if (!setup->certificate_chain) return ERR_NONE;
    TRY(file_read(setup, setup->certificate_chain, &f, err));
    code = is_pem(&f) ? read_pem_certificates(&f, setup->certificate_chain, out, err)
                      : err_set(err, ERR_FILE, 0, "%s is not PEM; certificate_chain takes nothing else",
                                setup->certificate_chain);
    file_clear(&f);
    return code;
}

static enum err_code load_key(const struct identity_setup *setup, const char *passphrase, struct identity *out,
                              struct err *err)
{
    const char *path = setup->private_key;
    struct file_bytes f;
    PKCS12 *p12 = NULL;
    enum err_code code;

    if (!path) return ERR_NONE; /* load_certificate found it */
    if (identity_is_token(path)) return token_load(setup, passphrase, out, err);
    TRY(file_read(setup, path, &f, err));
    code = file_check_closed(&f, path, err);
    if (code == ERR_NONE && is_pem(&f))
        code = read_pem_key(&f, path, passphrase, out, err);
    else if (code == ERR_NONE && (p12 = as_pkcs12(&f)))
        code = read_pkcs12(p12, path, passphrase, true, false, out, err);
    else if (code == ERR_NONE)
        code = err_set(err, ERR_FILE, 0, "%s holds no private key in PEM or PKCS#12", path);
    PKCS12_free(p12);
    file_clear(&f);
    ERR_clear_error();
    return code;
}

/* ---- checks ---- */

static bool unix_time(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;

    if (!ASN1_TIME_to_tm(t, &tm)) return false;
    *out = timegm(&tm);
    return true;
}

static void show_time(int64_t t_s, char out[32])
{
    time_t t = (time_t)t_s;
    struct tm tm;

    out[0] = '\0';
    if (gmtime_r(&t, &tm)) strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static enum err_code check_dates(const X509 *certificate, const char *what, const char *path, int64_t now_s,
                                 int64_t *not_before_s, int64_t *not_after_s, struct err *err)
{
    char when[32];

    if (!unix_time(X509_get0_notBefore(certificate), not_before_s) ||
        !unix_time(X509_get0_notAfter(certificate), not_after_s))
        return err_set(err, ERR_FILE, 0, "%s: the dates of %s cannot be read", path, what);
    if (now_s < *not_before_s) {
        show_time(*not_before_s, when);
        return err_set(err, ERR_FILE, 0, "%s: %s is not valid before %s; wait, or set this machine's clock", path, what,
                       when);
    }
    if (now_s >= *not_after_s) {
        show_time(*not_after_s, when);
        return err_set(err, ERR_FILE, 0, "%s: %s has expired on %s; put a renewed one in its place", path, what, when);
    }
    return ERR_NONE;
}

static enum err_code check_chain(const struct identity *id, const char *path, int64_t now_s, struct err *err)
{
    int64_t from_s, until_s;

    if (sk_X509_num(id->chain) > IDENTITY_CHAIN_MAX)
        return err_set(err, ERR_FILE, 0,
                       "%s: more than %d intermediate certificates; leave out those that the trust "
                       "anchor has",
                       path, IDENTITY_CHAIN_MAX);
    for (int i = 0; i < sk_X509_num(id->chain); i++)
        TRY(check_dates(sk_X509_value(id->chain, i), "an intermediate certificate", path, now_s, &from_s, &until_s,
                        err));
    return ERR_NONE;
}

/* What its issuer signed it with; unknown (Ed25519 and the like) is left to the service. */
static bool is_weakly_signed(X509 *certificate)
{
    int digest = NID_undef;
    const EVP_MD *md;

    if (X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) != 1 || digest == NID_undef) return false;
    md = EVP_get_digestbynid(digest);
    return md && EVP_MD_get_size(md) < SHA256_BYTES;
}

/* IAM Roles Anywhere User Guide, "Trust model": "MUST be X.509v3", "Basic constraints MUST include CA: false", "The key
 * usage MUST include Digital Signature", "The signing algorithm MUST include SHA256 or stronger". */
static enum err_code check_kind(const struct identity *id, const char *path, struct err *err)
{
    static const char again[] = "have one issued for this machine";
    X509 *c = id->certificate;

    if (X509_get_version(c) != X509_VERSION_3)
        return err_set(err, ERR_FILE, 0, "%s: the certificate is not X.509 version 3; %s", path, again);
    if (X509_check_ca(c) != 0 || (X509_get_extension_flags(c) & EXFLAG_CA)) /* the first goes by keyUsage, too */
        return err_set(err, ERR_FILE, 0,
                       "%s: the first certificate is an authority's (CA); %s, and put its authorities "
                       "into certificate_chain",
                       path, again);
    if (!(X509_get_extension_flags(c) & EXFLAG_KUSAGE) || !(X509_get_key_usage(c) & KU_DIGITAL_SIGNATURE))
        return err_set(err, ERR_FILE, 0,
                       "%s: the certificate's keyUsage does not name digitalSignature; %s that has it", path, again);
    if (is_weakly_signed(c))
        return err_set(err, ERR_FILE, 0, "%s: the certificate is signed with less than SHA-256; %s with SHA-256", path,
                       again);
    return ERR_NONE;
}

static enum err_code check_key(const struct identity *id, const struct identity_setup *setup, struct err *err)
{
    struct str where = identity_shown(setup->private_key ? setup->private_key : setup->certificate);

    if (!sigv4_x509_algorithm(id->key).p)
        return err_set(err, ERR_FILE, 0, "the private key in %.*s is %s; Roles Anywhere takes RSA (not PSS) and ECDSA",
                       STR_ARG(where), EVP_PKEY_get0_type_name(id->key) ? EVP_PKEY_get0_type_name(id->key) : "unknown");
    if (X509_check_private_key(id->certificate, id->key) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_FILE, 0,
                       "the private key in %.*s does not belong to the certificate in %s; take both "
                       "from the same issuance",
                       STR_ARG(where), setup->certificate);
    }
    return ERR_NONE;
}

static enum err_code check(struct identity *id, const struct identity_setup *setup, int64_t now_s, struct err *err)
{
    TRY(check_kind(id, setup->certificate, err));
    TRY(check_dates(id->certificate, "the certificate", setup->certificate, now_s, &id->not_before_s, &id->not_after_s,
                    err));
    return check_chain(id, setup->certificate_chain ? setup->certificate_chain : setup->certificate, now_s, err);
}

/* The token comes last: it is slow, and it is not asked for a certificate that is of no use. */
static enum err_code load(const struct identity_setup *setup, const char *passphrase, int64_t now_s,
                          struct identity *out, struct err *err)
{
    TRY(load_certificate(setup, passphrase, out, err));
    TRY(load_chain(setup, out, err));
    TRY(check(out, setup, now_s, err));
    TRY(load_key(setup, passphrase, out, err));
    return check_key(out, setup, err);
}

enum err_code identity_load(const struct identity_setup *setup, int64_t now_s, struct identity *out, struct err *err)
{
    const char *passphrase = setup->passphrase;
    char text[PASSPHRASE_MAX] = "";
    enum err_code code = ERR_NONE;

    *out = (struct identity){0};
    if (!setup->certificate)
        return err_set(err, ERR_CONFIG, 0, "there is no certificate; set certificate = PATH (PEM or PKCS#12)");
    if (passphrase && str_starts(str_from(passphrase), STR("file:"))) {
        code = file_read_secret(setup, passphrase + strlen("file:"), text, err);
        passphrase = text;
    }
    ERR_clear_error();
    if (code == ERR_NONE) code = load(setup, passphrase, now_s, out, err);
    secret_wipe(text, sizeof(text));
    ERR_clear_error();
    if (code != ERR_NONE) identity_clear(out);
    return code;
}
