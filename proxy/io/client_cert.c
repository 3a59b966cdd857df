/* SPDX-License-Identifier: Apache-2.0
 * client_cert.c: see io/client_cert.h.
 */
#include "io/client_cert.h"

#include "ca.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* As `openssl x509 -nameopt RFC2253` writes it, so that it can be copied from there. */
enum { SUBJECT_FLAGS = XN_FLAG_RFC2253 };

static enum err_code fail(struct err *err, const char *file, const char *what)
{
    ERR_clear_error();
    return err_set(err, ERR_TLS_SETUP, 0, "%s %s", file, what);
}

static void subject_of(X509 *x, char *out, size_t cap)
{
    BIO *b = BIO_new(BIO_s_mem());
    int n = -1;

    out[0] = '\0';
    if (b && X509_NAME_print_ex(b, X509_get_subject_name(x), 0, SUBJECT_FLAGS) >= 0) n = BIO_read(b, out, (int)cap);
    out[n > 0 && (size_t)n < cap ? n : 0] = '\0'; /* a longer one is none */
    BIO_free(b);
}

/* Why a certificate is refused, for the log. */
static int judge(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *x = X509_STORE_CTX_get0_cert(store);
    struct conn *c = ssl ? SSL_get_app_data(ssl) : NULL;
    char subject[100];

    if (ok || !c || !x) return ok;
    subject_of(x, subject, sizeof(subject));
    snprintf(c->error, sizeof(c->error), "client certificate of %s: %s", *subject ? subject : "somebody",
             X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    return ok;
}

/* A store of our own: that of the context holds nothing else. */
static enum err_code load_lists(SSL_CTX *ctx, const char *crl_file, struct err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

    if (!lookup || X509_load_crl_file(lookup, crl_file, X509_FILETYPE_PEM) < 1)
        return fail(err, crl_file, "holds no revocation list in PEM (-----BEGIN X509 CRL-----)");
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return ERR_NONE;
}

enum err_code client_cert_ask(SSL_CTX *ctx, const char *ca_file, const char *crl_file, bool required, struct err *err)
{
    STACK_OF(X509_NAME) * names;

    ERR_clear_error();
    names = SSL_load_client_CA_file(ca_file);
    if (!names || SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(err, ca_file, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    if (crl_file) TRY(load_lists(ctx, crl_file, err));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), judge);
    return ERR_NONE;
}

int64_t client_cert_lists_end(SSL_CTX *ctx)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    int64_t first = INT64_MAX, end;

    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));
        const ASN1_TIME *next = crl ? X509_CRL_get0_nextUpdate(crl) : NULL;
        if (next && x509_unix_time(next, &end) && end < first) first = end;
    }
    return first;
}

/* --- one that was shown --- */

static SSL *outermost(const struct conn *c)
{
    return c->outer ? c->outer : c->ssl;
}

static X509 *shown(const struct conn *c)
{
    return c->ssl ? SSL_get0_peer_certificate(outermost(c)) : NULL;
}

bool client_cert_look(const struct conn *c, int64_t *until_s)
{
    X509 *x = shown(c);

    return x && x509_unix_time(X509_get0_notAfter(x), until_s);
}

/* @prefix and @text, which is as long as it says it is. */
static bool tell(client_cert_fn *visit, void *arg, const char *prefix, struct str text, bool lowers)
{
    char name[CLIENT_CERT_NAME];
    struct sbuf b = sbuf_make(name, sizeof(name));

    sbuf_add(&b, str_from(prefix));
    if (lowers)
        sbuf_lower(&b, text);
    else
        sbuf_add(&b, text);
    if (b.overflow || !text.n || memchr(text.p, '\0', text.n)) return false;
    return visit(arg, sbuf_str(&b));
}

static struct str str_of(const ASN1_STRING *s)
{
    return str_make((const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static bool tell_other_name(client_cert_fn *visit, void *arg, const OTHERNAME *o)
{
    if (OBJ_obj2nid(o->type_id) != NID_ms_upn || o->value->type != V_ASN1_UTF8STRING) return false;
    return tell(visit, arg, "upn:", str_of(o->value->value.utf8string), true);
}

static bool tell_name(client_cert_fn *visit, void *arg, const GENERAL_NAME *g)
{
    switch (g->type) {
    case GEN_EMAIL: return tell(visit, arg, "email:", str_of(g->d.rfc822Name), true);
    case GEN_DNS: return tell(visit, arg, "dns:", str_of(g->d.dNSName), true);
    case GEN_URI: return tell(visit, arg, "uri:", str_of(g->d.uniformResourceIdentifier), false);
    case GEN_OTHERNAME: return tell_other_name(visit, arg, g->d.otherName);
    default: return false;
    }
}

void client_cert_names(const struct conn *c, client_cert_fn *visit, void *arg)
{
    X509 *x = shown(c);
    GENERAL_NAMES *all = x ? X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL) : NULL;
    char subject[CLIENT_CERT_NAME];
    bool done;

    if (!x) return;
    subject_of(x, subject, sizeof(subject));
    done = tell(visit, arg, "subject:", str_from(subject), false);
    for (int i = 0; all && !done && i < sk_GENERAL_NAME_num(all); i++)
        done = tell_name(visit, arg, sk_GENERAL_NAME_value(all, i));
    GENERAL_NAMES_free(all);
    ERR_clear_error();
}

bool client_cert_good(const struct conn *c, SSL_CTX *ctx)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    X509 *x = shown(c);
    bool good;

    good = store && x &&
           X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(ctx), x, SSL_get_peer_cert_chain(outermost(c))) == 1;
    if (good) X509_STORE_CTX_set_default(store, "ssl_client");
    good = good && X509_verify_cert(store) == 1;
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    return good;
}
