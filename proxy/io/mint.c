/* SPDX-License-Identifier: Apache-2.0
 * mint.c: leaf certificates from the local CA, minted per name and cached. Any thread: the cache is locked, minting is
 * not. Owns the cache and the one key of all leaves. The CA itself is in ca.c. Source: RFC 5280 4.2.1
 * (extensions), 4.1.2.5 (validity); RFC 6125 6.4.4 (names are in the SAN, not in the subject).
 *
 * The cache: a map for finding, a list from newest to oldest use for forgetting.
 */
#include "ca.h"

#include "base/list.h"
#include "base/map.h"
#include "http/uri.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

enum {
    CACHE_MAX = 1024,
    KEY_BYTES = 4096, /* all names of a certificate, with commas */
    COMMON_NAME_BYTES = 64,
};

struct entry {
    struct list_link use;
    X509 *leaf; /* one reference owned */
    int64_t not_before, renew_at;
    size_t key_n;
    char key[]; /* names, lower case, joined by commas */
};

struct mint {
    const struct ca *ca; /* borrowed */
    EVP_PKEY *key;       /* owned */
    unsigned leaf_days;
    const char *crl_url;  /* borrowed; NULL: none */
    pthread_mutex_t lock; /* guards all below */
    struct map by_names;  /* of struct entry, which it owns */
    struct list use;      /* first: used last */
};

/* ---- cache; all under the lock ---- */

/* Takes @e, which may be NULL, out of the cache. */
static void entry_free(struct mint *m, struct entry *e)
{
    if (!e) return;
    (void)map_remove(&m->by_names, str_make(e->key, e->key_n));
    list_remove(&e->use);
    X509_free(e->leaf);
    free(e);
}

static struct entry *least_used(struct mint *m)
{
    struct list_link *last = list_last(&m->use);
    return last ? CONTAINER_OF(last, struct entry, use) : NULL;
}

/* A new reference to the leaf for @key that is good at @now_s, or NULL. */
static X509 *cache_get(struct mint *m, struct str key, int64_t now_s)
{
    struct entry *e = map_get(&m->by_names, key);
    if (!e || now_s >= e->renew_at || now_s < e->not_before) return NULL;
    list_remove(&e->use);
    list_add_first(&m->use, &e->use);
    X509_up_ref(e->leaf);
    return e->leaf;
}

/* Keeps a reference to @leaf. Without memory it is just not kept. */
static void cache_put(struct mint *m, struct str key, X509 *leaf, int64_t not_before, int64_t renew_at)
{
    entry_free(m, map_get(&m->by_names, key)); /* too old, or another thread was faster */
    if (m->by_names.n == CACHE_MAX) entry_free(m, least_used(m));
    struct entry *e = malloc(sizeof(*e) + key.n);
    if (!e) return;
    *e = (struct entry){.leaf = leaf, .not_before = not_before, .renew_at = renew_at, .key_n = key.n};
    memcpy(e->key, key.p, key.n);
    if (!map_put(&m->by_names, str_make(e->key, e->key_n), e)) {
        free(e);
        return;
    }
    X509_up_ref(leaf);
    list_add_first(&m->use, &e->use);
}

/* ---- names ---- */

/* As S3's names are, with "*." at the beginning or not. */
static bool is_dns_name(struct str name)
{
    return uri_host_valid(str_starts(name, STR("*.")) ? str_tail(name, 2) : name);
}

/* The cache key of @names into @out; each is a name that the CA may certify. */
static enum err_code check_names(const struct ca *ca, const struct str *names, size_t n, struct sbuf *out,
                                 struct err *err)
{
    uint8_t ip[CA_IP_BYTES];
    if (n == 0) return err_set(err, ERR_TLS_SETUP, 0, "a certificate needs a name");
    for (size_t i = 0; i < n; i++) {
        if (!x509_ip_bytes(names[i], ip) && !is_dns_name(names[i]))
            return err_set(err, ERR_TLS_SETUP, 0, "a certificate is asked for something that is not a name");
        if (!ca_permits(ca, names[i]))
            return err_set(err, ERR_TLS_SETUP, 0, "the local CA does not permit %.*s", STR_ARG(names[i]));
        if (i > 0) sbuf_char(out, ',');
        sbuf_lower(out, names[i]);
    }
    if (out->overflow) return err_set(err, ERR_TLS_SETUP, 0, "too many names for one certificate");
    return ERR_NONE;
}

/* ---- minting ---- */

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

/* @key: the names, joined by commas. */
static bool add_alt_names(X509 *cert, struct str key)
{
    struct str name;
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool ok = list != NULL;
    while (ok && str_split(&key, ',', &name))
        ok = push_name(list, name);
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(list);
    return ok;
}

/* The subject is for people. OpenSSL tests a CN that looks like a DNS name against the constraints when the SAN holds
 * no DNS name, and takes 10.0.0.1 for one: so an address gets a word before it. */
static struct str common_name_of(struct str key, char mem[COMMON_NAME_BYTES])
{
    uint8_t ip[CA_IP_BYTES];
    struct str first = str_head(key, str_index(key, ','));
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

static bool build_leaf(struct mint *m, X509 *cert, struct str key, int64_t not_before, int64_t not_after)
{
    X509 *issuer = m->ca->cert;
    char mem[COMMON_NAME_BYTES];
    return x509_fill(cert, issuer, common_name_of(key, mem), not_before, not_after) && X509_set_pubkey(cert, m->key) &&
           add_alt_names(cert, key) && x509_extend(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           x509_extend(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
           x509_extend(cert, issuer, NID_ext_key_usage, "serverAuth") &&
           x509_extend(cert, issuer, NID_subject_key_identifier, "hash") &&
           x509_extend(cert, issuer, NID_authority_key_identifier, "keyid") && add_crl_url(cert, m->crl_url) &&
           X509_sign(cert, m->ca->key, EVP_sha256()) > 0;
}

static enum err_code mint_new_leaf(struct mint *m, struct str key, int64_t not_before, int64_t not_after, X509 **out,
                                   struct err *err)
{
    ERR_clear_error();
    X509 *cert = X509_new();
    if (!cert || !build_leaf(m, cert, key, not_before, not_after)) {
        X509_free(cert);
        return x509_fail(err, ERR_TLS_SETUP, "cannot mint a certificate");
    }
    *out = cert;
    return ERR_NONE;
}

bool mint_permits(const struct mint *m, struct str name)
{
    return ca_permits(m->ca, name);
}

const struct ca *mint_ca(const struct mint *m)
{
    return m->ca;
}

STACK_OF(X509) * mint_chain(const struct mint *m)
{
    return m->ca->chain;
}

enum err_code mint_leaf_for(struct mint *m, const struct str *names, size_t n, int64_t now_s, X509 **leaf,
                            EVP_PKEY **key, struct err *err)
{
    char mem[KEY_BYTES];
    struct sbuf joined = sbuf_make(mem, sizeof mem);
    *leaf = NULL;
    *key = m->key;
    TRY(check_names(m->ca, names, n, &joined, err));

    pthread_mutex_lock(&m->lock);
    *leaf = cache_get(m, sbuf_str(&joined), now_s);
    pthread_mutex_unlock(&m->lock);
    if (*leaf) return ERR_NONE;

    int64_t not_before = now_s - CA_BACKDATE_S, not_after = now_s + (int64_t)m->leaf_days * CA_DAY_S;
    int64_t renew_at = not_after - (not_after - not_before) / 10;
    if (not_after > m->ca->not_after) not_after = m->ca->not_after;
    if (now_s >= not_after) return err_set(err, ERR_TLS_SETUP, 0, "the local CA has expired");
    if (renew_at > not_after) renew_at = not_after; /* a new one would not live longer */
    TRY(mint_new_leaf(m, sbuf_str(&joined), not_before, not_after, leaf, err));

    pthread_mutex_lock(&m->lock);
    cache_put(m, sbuf_str(&joined), *leaf, not_before, renew_at);
    pthread_mutex_unlock(&m->lock);
    return ERR_NONE;
}

enum err_code mint_leaf(struct mint *m, struct str name, int64_t now_s, X509 **leaf, EVP_PKEY **key, struct err *err)
{
    return mint_leaf_for(m, &name, 1, now_s, leaf, key, err);
}

/* ---- the revocation list ---- */

static bool fill_crl(X509_CRL *crl, const struct mint *m, int64_t now_s)
{
    enum { CRL_DAYS = 7 };
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)(now_s - CA_BACKDATE_S));
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, m->ca->cert, NULL, NULL, crl, 0);
    X509_EXTENSION *key_id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    bool ok = at && number && key_id && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(m->ca->cert)) && X509_CRL_set1_lastUpdate(crl, at) &&
              ASN1_TIME_set(at, (time_t)(now_s + CRL_DAYS * CA_DAY_S)) && X509_CRL_set1_nextUpdate(crl, at) &&
              X509_CRL_add_ext(crl, key_id, -1) && ASN1_INTEGER_set_int64(number, now_s) &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1 && X509_CRL_sort(crl) &&
              X509_CRL_sign(crl, m->ca->key, EVP_sha256()) > 0;
    X509_EXTENSION_free(key_id);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(at);
    return ok;
}

bool mint_crl(struct mint *m, int64_t now_s, struct sbuf *out)
{
    X509_CRL *crl = X509_CRL_new();
    unsigned char *der = NULL;
    ERR_clear_error();
    int n = crl && fill_crl(crl, m, now_s) ? i2d_X509_CRL(crl, &der) : 0;
    if (n > 0) sbuf_add(out, str_make((const char *)der, (size_t)n));
    OPENSSL_free(der);
    X509_CRL_free(crl);
    ERR_clear_error();
    return n > 0 && !out->overflow;
}

/* ---- life ---- */

struct mint *mint_new(const struct ca *ca, unsigned leaf_days, const char *crl_url)
{
    ASSERT(leaf_days >= 1 && leaf_days <= 397);
    struct mint *m = calloc(1, sizeof(*m));
    if (!m) return NULL;
    m->ca = ca;
    m->leaf_days = leaf_days;
    m->crl_url = crl_url;
    map_init(&m->by_names);
    list_init(&m->use);
    m->key = EVP_EC_gen("P-256");
    if (!m->key || pthread_mutex_init(&m->lock, NULL) != 0) {
        ERR_clear_error();
        EVP_PKEY_free(m->key);
        free(m);
        return NULL;
    }
    return m;
}

void mint_free(struct mint **m)
{
    if (!*m) return;
    while (least_used(*m))
        entry_free(*m, least_used(*m));
    map_clear(&(*m)->by_names);
    pthread_mutex_destroy(&(*m)->lock);
    EVP_PKEY_free((*m)->key);
    free(*m);
    *m = NULL;
}
