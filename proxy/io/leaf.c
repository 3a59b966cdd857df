/* SPDX-License-Identifier: Apache-2.0
 * leaf.c: what the local authority signs: leaf certificates and its revocation list. Pure: time is a parameter. Who has
 * no key may ask for the names alone. Source: RFC 5280 4.2.1 (extensions), 4.1.2.5 (validity), 5 (lists); RFC 6125
 * 6.4.4 (names are in the SAN, not in the subject).
 */
#include "ca.h"

#include "http/uri.h"

#include <openssl/err.h>
#include <openssl/evp.h>

enum { COMMON_NAME_BYTES = 64 };

/* ---- names ---- */

/* As S3's names are, with "*." at the beginning or not. */
static bool is_dns_name(struct str name)
{
    return uri_host_valid(str_starts(name, STR("*.")) ? str_tail(name, 2) : name);
}

enum err_code leaf_check_name(const struct ca *ca, struct str name, struct err *err)
{
    uint8_t ip[CA_IP_BYTES];
    if (!x509_ip_bytes(name, ip) && !is_dns_name(name))
        return err_set(err, ERR_TLS_SETUP, 0, "a certificate is asked for something that is not a name");
    if (!ca_permits(ca, name))
        return err_set(err, ERR_TLS_SETUP, 0, "the local CA does not permit %.*s", STR_ARG(name));
    return ERR_NONE;
}

static enum err_code check_names(const struct ca *ca, struct str joined, struct err *err)
{
    struct str name;
    if (joined.n == 0) return err_set(err, ERR_TLS_SETUP, 0, "a certificate needs a name");
    if (joined.n > LEAF_NAMES_BYTES) return err_set(err, ERR_TLS_SETUP, 0, "too many names for one certificate");
    while (str_split(&joined, ',', &name))
        TRY(leaf_check_name(ca, name, err));
    return ERR_NONE;
}

/* ---- leaves ---- */

static bool push_name(GENERAL_NAMES *list, struct str name)
{
    uint8_t ip[CA_IP_BYTES];
    size_t ip_n = x509_ip_bytes(name, ip);
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_STRING *value = ASN1_STRING_type_new(ip_n ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (!general || !value || !ASN1_STRING_set(value, ip_n ? (const void *)ip : name.p, (int)(ip_n ? ip_n : name.n)))
        goto fail;
    GENERAL_NAME_set0_value(general, ip_n ? GEN_IPADD : GEN_DNS, value);
    value = NULL;
    if (!sk_GENERAL_NAME_push(list, general)) goto fail;
    return true;
fail:
    ASN1_STRING_free(value);
    GENERAL_NAME_free(general);
    return false;
}

/* @names: joined by commas. */
static bool add_alt_names(X509 *cert, struct str names)
{
    struct str name;
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool ok = list != NULL;
    while (ok && str_split(&names, ',', &name))
        ok = push_name(list, name);
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(list);
    return ok;
}

/* The subject is for people. OpenSSL tests a CN that looks like a DNS name against the constraints when the SAN holds
 * no DNS name, and takes 10.0.0.1 for one: so an address gets a word before it. */
static struct str common_name_of(struct str names, char mem[COMMON_NAME_BYTES])
{
    uint8_t ip[CA_IP_BYTES];
    struct str first = str_head(names, str_index(names, ','));
    struct sbuf b = sbuf_make(mem, COMMON_NAME_BYTES);
    if (x509_ip_bytes(first, ip)) sbuf_add(&b, STR("IP "));
    sbuf_add(&b, str_head(first, b.cap - b.n));
    return sbuf_str(&b);
}

/* @url: judged by the configuration's reader. */
static bool add_crl_url(X509 *cert, const char *url)
{
    char value[1100];
    if (!url) return true;
    snprintf(value, sizeof value, "URI:%s", url);
    return x509_extend(cert, NULL, NID_crl_distribution_points, value);
}

static bool build_leaf(const struct leaf_terms *terms, X509 *cert, struct str names, int64_t not_before,
                       int64_t not_after)
{
    X509 *issuer = terms->ca->cert;
    char mem[COMMON_NAME_BYTES];
    return x509_fill(cert, issuer, common_name_of(names, mem), not_before, not_after) &&
           X509_set_pubkey(cert, terms->public_key) && add_alt_names(cert, names) &&
           x509_extend(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           x509_extend(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
           x509_extend(cert, issuer, NID_ext_key_usage, "serverAuth") &&
           x509_extend(cert, issuer, NID_subject_key_identifier, "hash") &&
           x509_extend(cert, issuer, NID_authority_key_identifier, "keyid") && add_crl_url(cert, terms->crl_url) &&
           X509_sign(cert, terms->ca->key, EVP_sha256()) > 0;
}

enum err_code leaf_sign(const struct leaf_terms *terms, struct str names, int64_t now_s, X509 **out, struct err *err)
{
    int64_t not_before = now_s - CA_BACKDATE_S, not_after = now_s + (int64_t)terms->days * CA_DAY_S;
    TRY(check_names(terms->ca, names, err));
    if (not_after > terms->ca->not_after) not_after = terms->ca->not_after;
    if (now_s >= not_after) return err_set(err, ERR_TLS_SETUP, 0, "the local CA has expired");
    ERR_clear_error();
    X509 *cert = X509_new();
    if (!cert || !build_leaf(terms, cert, names, not_before, not_after)) {
        X509_free(cert);
        return x509_fail(err, ERR_TLS_SETUP, "cannot mint a certificate");
    }
    *out = cert;
    return ERR_NONE;
}

/* ---- the revocation list ---- */

static bool fill_crl(X509_CRL *crl, const struct ca *ca, int64_t now_s)
{
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)(now_s - CA_BACKDATE_S));
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, ca->cert, NULL, NULL, crl, 0);
    X509_EXTENSION *key_id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    bool ok = at && number && key_id && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) && X509_CRL_set1_lastUpdate(crl, at) &&
              ASN1_TIME_set(at, (time_t)(now_s + CA_CRL_DAYS * CA_DAY_S)) && X509_CRL_set1_nextUpdate(crl, at) &&
              X509_CRL_add_ext(crl, key_id, -1) && ASN1_INTEGER_set_int64(number, now_s) &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1 && X509_CRL_sort(crl) &&
              X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0;
    X509_EXTENSION_free(key_id);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(at);
    return ok;
}

bool leaf_revoked(const struct ca *ca, int64_t now_s, struct sbuf *out)
{
    X509_CRL *crl = X509_CRL_new();
    unsigned char *der = NULL;
    ERR_clear_error();
    int n = crl && fill_crl(crl, ca, now_s) ? i2d_X509_CRL(crl, &der) : 0;
    if (n > 0) sbuf_add(out, str_make((const char *)der, (size_t)n));
    OPENSSL_free(der);
    X509_CRL_free(crl);
    ERR_clear_error();
    return n > 0 && !out->overflow;
}
