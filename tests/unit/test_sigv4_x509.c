/* SPDX-License-Identifier: Apache-2.0
 * test_sigv4_x509.c: requests signed with a certificate's key, against vectors that Python made (make_sigv4_x509.py):
 * the texts and RSA signatures byte by byte, ECDSA signatures by verifying them.
 */
#include "aws/sign/sigv4_x509.h"

#include "base/encode.h"
#include "vectors.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct vector {
    X509 *certificate;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    struct vector_part canonical, string_to_sign, authorization;
};

static FILE *open_part(const char *name, const char *part)
{
    return vector_open("sigv4_x509", name, part);
}

static void load(const char *name, struct vector *v)
{
    FILE *f = open_part(name, "certificate");
    X509 *c;

    *v = (struct vector){.certificate = PEM_read_X509(f, NULL, NULL, NULL), .chain = sk_X509_new_null()};
    fclose(f);
    f = open_part(name, "key");
    v->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    f = open_part(name, "chain");
    while ((c = PEM_read_X509(f, NULL, NULL, NULL)))
        sk_X509_push(v->chain, c);
    fclose(f);
    assert_non_null(v->certificate);
    assert_non_null(v->key);
    v->canonical = vector_read("sigv4_x509", name, "canonical");
    v->string_to_sign = vector_read("sigv4_x509", name, "string-to-sign");
    v->authorization = vector_read("sigv4_x509", name, "authorization");
}

static void unload(struct vector *v)
{
    X509_free(v->certificate);
    sk_X509_pop_free(v->chain, X509_free);
    EVP_PKEY_free(v->key);
}

static struct sigv4_x509_input input_of(const struct vector *v)
{
    return (struct sigv4_x509_input){.method = STR("POST"),
                                     .path = STR("/sessions"),
                                     .host = STR("rolesanywhere.ap-northeast-1.amazonaws.com"),
                                     .content_type = STR("application/json"),
                                     .body = STR("{\"durationSeconds\":3600}"),
                                     .timestamp = STR("20261124T120000Z"),
                                     .region = STR("ap-northeast-1"),
                                     .service = STR("rolesanywhere"),
                                     .certificate = v->certificate,
                                     .chain = v->chain,
                                     .key = v->key};
}

/* The hex at the end of the Authorization value is a signature of @text. */
static bool verifies(struct str authorization, X509 *certificate, struct str text)
{
    struct str hex = str_tail(authorization, str_rindex(authorization, '=') + 1);
    uint8_t signature[2048];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good;

    assert_true(hex.n / 2 <= sizeof(signature) && hex_decode(hex, signature, hex.n / 2));
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, X509_get0_pubkey(certificate)), 1);
    good = EVP_DigestVerify(ctx, signature, hex.n / 2, (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static void test_sigv4_x509_sign_vectors_match(void **state)
{
    static const char *const names[] = {"rsa", "rsa-chain", "ecdsa-p256", "ecdsa-p384-chain"};
    struct digest *d = digest_new();

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct vector v;
        struct sigv4_x509_signed s;
        struct arena arena;
        struct err err = {0};
        bool rsa = strncmp(names[i], "rsa", 3) == 0;

        load(names[i], &v);
        struct sigv4_x509_input in = input_of(&v);
        arena_init(&arena, 4096, 1 << 20);
        if (sk_X509_num(v.chain) == 0 && rsa) in.chain = NULL; /* the same as an empty one */
        assert_int_equal(sigv4_x509_sign(d, &in, &arena, &s, &err), ERR_NONE);
        assert_str(names[i], s.canonical, vector_str(&v.canonical));
        assert_str(names[i], s.string_to_sign, vector_str(&v.string_to_sign));
        assert_true(str_find(s.canonical, s.x509) != SIZE_MAX);
        assert_int_equal(s.x509_chain.n > 0, sk_X509_num(v.chain) > 0);
        if (rsa)
            assert_str(names[i], s.authorization, vector_str(&v.authorization));
        else
            assert_str(names[i], str_head(s.authorization, v.authorization.n), vector_str(&v.authorization));
        assert_true(verifies(s.authorization, v.certificate, vector_str(&v.string_to_sign)));
        arena_clear(&arena);
        unload(&v);
    }
    digest_free(&d);
    (void)state;
}

static void test_sigv4_x509_sign_everything_is_covered(void **state)
{
    struct digest *d = digest_new();
    struct vector v;
    struct sigv4_x509_signed s;
    struct arena arena;
    struct err err = {0};

    load("ecdsa-p384-chain", &v);
    for (int i = 0; i < 9; i++) {
        struct sigv4_x509_input in = input_of(&v);

        arena_init(&arena, 4096, 1 << 20);
        switch (i) {
        case 0: in.method = STR("PUT"); break;
        case 1: in.path = STR("/session"); break;
        case 2: in.host = STR("rolesanywhere.us-east-1.amazonaws.com"); break;
        case 3: in.content_type = STR("text/plain"); break;
        case 4: in.body = STR("{\"durationSeconds\":3601}"); break;
        case 5: in.timestamp = STR("20261124T120001Z"); break;
        case 6: in.region = STR("us-east-1"); break;
        case 7: in.service = STR("sts"); break;
        default: in.chain = NULL; break;
        }
        assert_int_equal(sigv4_x509_sign(d, &in, &arena, &s, &err), ERR_NONE);
        assert_false(str_eq(s.string_to_sign, vector_str(&v.string_to_sign)));
        assert_false(verifies(s.authorization, v.certificate, vector_str(&v.string_to_sign)));
        assert_true(verifies(s.authorization, v.certificate, s.string_to_sign));
        arena_clear(&arena);
    }
    unload(&v);
    digest_free(&d);
    (void)state;
}

static void expect_refused(struct digest *d, const struct sigv4_x509_input *in, size_t room, enum err_code code)
{
    struct sigv4_x509_signed s;
    struct arena arena;
    struct err err = {0};

    arena_init(&arena, 256, room);
    assert_int_equal(sigv4_x509_sign(d, in, &arena, &s, &err), code);
    assert_null(s.authorization.p);
    assert_true(err.detail[0] != '\0');
    arena_clear(&arena);
}

static void test_sigv4_x509_sign_wrong_keys_are_refused(void **state)
{
    static const char *const kinds[] = {"ED25519", "RSA-PSS"};
    struct digest *d = digest_new();
    struct vector v, other;

    load("rsa", &v);
    load("rsa-chain", &other);
    struct sigv4_x509_input in = input_of(&v);
    in.key = other.key;
    expect_refused(d, &in, 1 << 20, ERR_CONFIG); /* another certificate's */
    in.key = X509_get_pubkey(v.certificate);
    expect_refused(d, &in, 1 << 20, ERR_CONFIG); /* no private part */
    EVP_PKEY_free(in.key);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kinds[i], NULL);

        in.key = NULL;
        assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_generate(ctx, &in.key) == 1);
        EVP_PKEY_CTX_free(ctx);
        assert_null(sigv4_x509_algorithm(in.key).p);
        expect_refused(d, &in, 1 << 20, ERR_CONFIG);
        EVP_PKEY_free(in.key);
    }
    unload(&v);
    unload(&other);
    digest_free(&d);
    (void)state;
}

static void test_sigv4_x509_sign_small_arena_is_no_memory(void **state)
{
    struct digest *d = digest_new();
    struct vector v;

    load("rsa-chain", &v);
    struct sigv4_x509_input in = input_of(&v);
    for (size_t room = 256; room < 5120; room += 256)
        expect_refused(d, &in, room, ERR_NO_MEMORY);
    unload(&v);
    digest_free(&d);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigv4_x509_sign_vectors_match),
        cmocka_unit_test(test_sigv4_x509_sign_everything_is_covered),
        cmocka_unit_test(test_sigv4_x509_sign_wrong_keys_are_refused),
        cmocka_unit_test(test_sigv4_x509_sign_small_arena_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
