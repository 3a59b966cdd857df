/* SPDX-License-Identifier: Apache-2.0
 * sigv4_x509.c: see sigv4_x509.h.
 *
 *     request, certificates ─▶ canonical request ─▶ SHA-256 ─┐
 *     algorithm, timestamp, date/region/service ─────────────┴▶ string to sign ─▶ private key ─▶ hex
 */
#include "aws/sign/sigv4_x509.h"

#include "aws/sign/sigv4.h"
#include "base/encode.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

enum {
    SIGNATURE_MAX = 2048, /* RSA of 16384 bits */
    FIXED_TEXT = 256,     /* what stands between the values of the Authorization header */
};

static const struct str SIGNED_HEADERS = STR_INIT("content-type;host;x-amz-date;x-amz-x509");
static const struct str SIGNED_HEADERS_CHAIN = STR_INIT("content-type;host;x-amz-date;x-amz-x509;x-amz-x509-chain");

struct str sigv4_x509_algorithm(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA")) return STR("AWS4-X509-RSA-SHA256");
    if (EVP_PKEY_is_a(key, "EC")) return STR("AWS4-X509-ECDSA-SHA256");
    return STR_NONE;
}

/* ---- headers ---- */

static size_t base64_cap(const X509 *certificate)
{
    int n = i2d_X509(certificate, NULL);

    return n > 0 ? ((size_t)n + 2) / 3 * 4 : 0;
}

static void put_certificate(struct sbuf *b, const X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);

    if (n > 0)
        base64_encode(b, der, (size_t)n);
    else
        b->overflow = true;
    OPENSSL_free(der);
}

static struct str certificate_text(const X509 *certificate, struct arena *arena)
{
    struct sbuf b = arena_sbuf(arena, base64_cap(certificate));

    put_certificate(&b, certificate);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static struct str chain_text(const STACK_OF(X509) * chain, struct arena *arena)
{
    size_t cap = 0;

    for (int i = 0; i < sk_X509_num(chain); i++)
        cap += base64_cap(sk_X509_value(chain, i)) + 1;
    struct sbuf b = arena_sbuf(arena, cap);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (i) sbuf_char(&b, ',');
        put_certificate(&b, sk_X509_value(chain, i));
    }
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* ---- what is signed ---- */

static struct str canonical_request(struct digest *d, const struct sigv4_x509_input *in,
                                    const struct sigv4_x509_signed *s, struct str signed_headers, struct arena *arena)
{
    char hex[SHA256_HEX];
    uint8_t hash[SHA256_BYTES];
    struct sbuf b = sbuf_make(hex, sizeof(hex));
    struct header list[] = {{STR("content-type"), in->content_type, HDR_CONTENT_TYPE},
                            {STR("x-amz-date"), in->timestamp, HDR_X_AMZ_DATE},
                            {STR("x-amz-x509"), s->x509, HDR_OTHER},
                            {STR("x-amz-x509-chain"), s->x509_chain, HDR_OTHER}};
    struct headers headers = {list, ARRAY_LEN(list)};
    struct sigv4_input input = {.method = in->method,
                                .path = in->path,
                                .host = in->host,
                                .headers = &headers,
                                .signed_headers = signed_headers,
                                .payload_hash = str_make(hex, sizeof(hex))};

    digest_sha256(d, in->body, hash);
    hex_lower(&b, hash, sizeof(hash));
    return sigv4_canonical_request(&input, arena);
}

static void put_scope(struct sbuf *b, const struct sigv4_x509_input *in)
{
    sbuf_add(b, str_head(in->timestamp, SIGV4_DATE_BYTES));
    sbuf_char(b, '/');
    sbuf_add(b, in->region);
    sbuf_char(b, '/');
    sbuf_add(b, in->service);
    sbuf_add(b, STR("/aws4_request"));
}

static struct str string_to_sign(struct digest *d, const struct sigv4_x509_input *in, struct str canonical,
                                 struct arena *arena)
{
    uint8_t hash[SHA256_BYTES];
    struct sbuf b = arena_sbuf(arena, FIXED_TEXT + in->timestamp.n + in->region.n + in->service.n + (size_t)SHA256_HEX);

    sbuf_add(&b, sigv4_x509_algorithm(in->key));
    sbuf_char(&b, '\n');
    sbuf_add(&b, in->timestamp);
    sbuf_char(&b, '\n');
    put_scope(&b, in);
    sbuf_char(&b, '\n');
    digest_sha256(d, canonical, hash);
    hex_lower(&b, hash, sizeof(hash));
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* ---- the signature ---- */

static enum err_code sign_failed(struct err *err, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    err_set(err, ERR_CONFIG, 0, "%s: %s", what, reason ? reason : "OpenSSL gives no reason");
    ERR_clear_error();
    return ERR_CONFIG;
}

static enum err_code sign_text(EVP_PKEY *key, struct str text, uint8_t *out, size_t *out_n, struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good;

    ERR_clear_error();
    good = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestSign(ctx, out, out_n, (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return good ? ERR_NONE : sign_failed(err, "the private key cannot sign");
}

/* A key in a token may be another one than its certificate says; and a wrong RSA signature can give the key away. */
static enum err_code verify_text(const X509 *certificate, struct str text, const uint8_t *signature, size_t n,
                                 struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool good;

    good = ctx && key && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestVerify(ctx, signature, n, (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good ? ERR_NONE : err_set(err, ERR_CONFIG, 0, "the private key does not belong to the certificate");
}

/* RFC 5280 4.1.2.2: up to 20 bytes; Roles Anywhere wants them in decimal. */
static void put_serial(struct sbuf *b, const X509 *certificate)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *text = number ? BN_bn2dec(number) : NULL;

    if (text)
        sbuf_add(b, str_from(text));
    else
        b->overflow = true;
    OPENSSL_free(text);
    BN_free(number);
}

static struct str authorization(const struct sigv4_x509_input *in, struct str signed_headers, const uint8_t *signature,
                                size_t n, struct arena *arena)
{
    size_t serial_cap = 3 * (size_t)ASN1_STRING_length(X509_get0_serialNumber(in->certificate)) + 2;
    struct sbuf b =
        arena_sbuf(arena, FIXED_TEXT + serial_cap + in->region.n + in->service.n + signed_headers.n + 2 * n);

    sbuf_add(&b, sigv4_x509_algorithm(in->key));
    sbuf_add(&b, STR(" Credential="));
    put_serial(&b, in->certificate);
    sbuf_char(&b, '/');
    put_scope(&b, in);
    sbuf_add(&b, STR(", SignedHeaders="));
    sbuf_add(&b, signed_headers);
    sbuf_add(&b, STR(", Signature="));
    hex_lower(&b, signature, n);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static enum err_code no_room(struct err *err)
{
    return err_set(err, ERR_NO_MEMORY, 0, "the certificate and its chain are too long");
}

enum err_code sigv4_x509_sign(struct digest *d, const struct sigv4_x509_input *in, struct arena *arena,
                              struct sigv4_x509_signed *out, struct err *err)
{
    bool has_chain = in->chain && sk_X509_num(in->chain) > 0;
    struct str signed_headers = has_chain ? SIGNED_HEADERS_CHAIN : SIGNED_HEADERS;
    uint8_t signature[SIGNATURE_MAX];
    size_t n = sizeof(signature);

    *out = (struct sigv4_x509_signed){0};
    if (!sigv4_x509_algorithm(in->key).p)
        return err_set(err, ERR_CONFIG, 0, "the private key is neither RSA nor ECDSA; Roles Anywhere takes only those");
    out->x509 = certificate_text(in->certificate, arena);
    if (has_chain) out->x509_chain = chain_text(in->chain, arena);
    if (!out->x509.p || (has_chain && !out->x509_chain.p)) return no_room(err);
    out->canonical = canonical_request(d, in, out, signed_headers, arena);
    if (!out->canonical.p) return no_room(err);
    out->string_to_sign = string_to_sign(d, in, out->canonical, arena);
    if (!out->string_to_sign.p) return no_room(err);
    TRY(sign_text(in->key, out->string_to_sign, signature, &n, err));
    TRY(verify_text(in->certificate, out->string_to_sign, signature, n, err));
    out->authorization = authorization(in, signed_headers, signature, n, arena);
    return out->authorization.p ? ERR_NONE : no_room(err);
}
