/* SPDX-License-Identifier: Apache-2.0
 * tls_peer.c: see tls_peer.h. OpenSSL keeps the chain of a refused server, but calls none of it the peer's certificate:
 * the first of the chain is looked at.
 */
#include "io/tls_peer.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

static const struct {
    int code;
    enum tls_trouble trouble;
} troubles[] = {
    {X509_V_OK, TLS_TROUBLE_NONE},
    {X509_V_ERR_HOSTNAME_MISMATCH, TLS_TROUBLE_NAME},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_TROUBLE_NAME},
    {X509_V_ERR_CERT_HAS_EXPIRED, TLS_TROUBLE_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, TLS_TROUBLE_EARLY},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_TROUBLE_SELF_SIGNED},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_TROUBLE_AUTHORITY},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_TROUBLE_AUTHORITY},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_TROUBLE_AUTHORITY},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_TROUBLE_AUTHORITY},
    {X509_V_ERR_CERT_UNTRUSTED, TLS_TROUBLE_AUTHORITY},
};

static enum tls_trouble trouble_of(long code)
{
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++)
        if (troubles[i].code == code) return troubles[i].trouble;
    return TLS_TROUBLE_OTHER;
}

static void make_printable(char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e) *s = '?';
}

static void put_name(X509_NAME *name, char *out, size_t cap)
{
    X509_NAME_oneline(name, out, (int)cap);
    make_printable(out);
}

static void put_names(X509 *x, char *out, size_t cap)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct sbuf b = sbuf_make(out, cap - sizeof(", ..."));

    for (int i = 0; all && i < sk_GENERAL_NAME_num(all) && !b.overflow; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        size_t before = b.n;

        if (g->type != GEN_DNS) continue;
        if (b.n) sbuf_add(&b, STR(", "));
        sbuf_add(&b,
                 str_make((const char *)ASN1_STRING_get0_data(g->d.dNSName), (size_t)ASN1_STRING_length(g->d.dNSName)));
        if (b.overflow) b.n = before;
    }
    memcpy(out + b.n, b.overflow ? ", ..." : "", b.overflow ? sizeof(", ...") : 1);
    make_printable(out);
    GENERAL_NAMES_free(all);
}

static void put_certificate(X509 *x, struct tls_peer *out)
{
    struct tm tm;

    out->has_certificate = true;
    put_name(X509_get_subject_name(x), out->subject, sizeof(out->subject));
    put_name(X509_get_issuer_name(x), out->issuer, sizeof(out->issuer));
    put_names(x, out->names, sizeof(out->names));
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1) out->until_s = (int64_t)timegm(&tm);
}

void tls_peer_look(const struct conn *c, struct tls_peer *out)
{
    STACK_OF(X509) * chain;
    const char *cipher;
    long verify;

    memset(out, 0, sizeof(*out));
    if (!c->ssl) return;
    chain = SSL_get_peer_cert_chain(c->ssl);
    cipher = SSL_get_cipher_name(c->ssl);
    snprintf(out->version, sizeof(out->version), "%s", SSL_get_version(c->ssl));
    snprintf(out->cipher, sizeof(out->cipher), "%s", cipher ? cipher : "");
    if (!chain || sk_X509_num(chain) < 1) return;
    out->chain_n = (size_t)sk_X509_num(chain);
    put_certificate(sk_X509_value(chain, 0), out);
    verify = SSL_get_verify_result(c->ssl);
    out->trouble = trouble_of(verify);
    if (verify != X509_V_OK) snprintf(out->why, sizeof(out->why), "%s", X509_verify_cert_error_string(verify));
    ERR_clear_error();
}

static void put_day(struct sbuf *b, int64_t s)
{
    time_t t = (time_t)s;
    char day[32] = "?";
    struct tm tm;

    if (gmtime_r(&t, &tm)) strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    sbuf_add(b, str_from(day));
}

void tls_peer_refusal(const struct conn *c, char *out, size_t cap)
{
    struct sbuf b = sbuf_make(out, cap - 1);
    int64_t now_s = clock_wall_us() / 1000000;
    const char *wanted = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
    struct tls_peer p;

    tls_peer_look(c, &p);
    sbuf_printf(&b, "certificate: %s", p.why);
    if (p.trouble == TLS_TROUBLE_NAME) {
        sbuf_printf(&b, ": not for %.90s, but for %.60s", wanted ? wanted : "that", p.names[0] ? p.names : p.subject);
    } else if (p.trouble == TLS_TROUBLE_EXPIRED || p.trouble == TLS_TROUBLE_EARLY) {
        if (p.until_s && p.until_s < now_s) {
            sbuf_add(&b, STR(" on "));
            put_day(&b, p.until_s);
        }
        sbuf_printf(&b, " (issuer %.90s; the clock here says ", p.issuer);
        put_day(&b, now_s);
        sbuf_char(&b, ')');
    }
    out[b.n] = '\0';
}

bool tls_is_resumed(const struct conn *c)
{
    return SSL_session_reused(c->ssl) == 1;
}
