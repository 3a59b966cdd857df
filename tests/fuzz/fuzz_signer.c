/* SPDX-License-Identifier: Apache-2.0
 * fuzz_signer.c: any bytes as a question to who signs, as its first message, and as an answer. What is answered is a
 * whole message; a certificate is for names of the authority's alone, and none is one of an authority.
 */
#include "io/signer.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

static struct signing signing;

/* Of an authority that is made for the occasion. */
static void begin(void)
{
    static const char *const names[] = {"s3.local"};
    const struct ca_params params = {.common_name = "fuzz", .days = 3650, .dns = names, .dns_n = 1};
    char folder[] = "/tmp/s3onramp-fuzz-XXXXXX", certificate[64], key[64], mem[SIGNER_MESSAGE], none[SIGNER_MESSAGE];
    struct sbuf message = sbuf_make(mem, sizeof(mem)), answer = sbuf_make(none, sizeof(none));
    const struct signer_order order = {certificate, key, NULL, 30, false};
    EVP_PKEY *leaf_key = mint_make_key();
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(leaf_key, &der);

    ASSERT(mkdtemp(folder));
    snprintf(certificate, sizeof(certificate), "%s/ca.pem", folder);
    snprintf(key, sizeof(key), "%s/ca.key", folder);
    ASSERT(ca_create(certificate, key, &params, false, NULL) == ERR_NONE);
    ASSERT(signer_put_order(&order, str_make((char *)der, (size_t)n), &message));
    ASSERT(signing_begin(&signing, sbuf_str(&message), &answer));
    OPENSSL_free(der);
    EVP_PKEY_free(leaf_key);
    unlink(certificate);
    unlink(key);
    rmdir(folder);
}

static void check_leaf(struct str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *leaf = d2i_X509(NULL, &p, (long)der.n);

    ASSERT(leaf && X509_check_ca(leaf) == 0);
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    ASSERT(sk_GENERAL_NAME_num(names) > 0);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        ASSERT(type == GEN_DNS && ca_permits(signing.ca, str_make((const char *)ASN1_STRING_get0_data(value),
                                                                  (size_t)ASN1_STRING_length(value))));
    }
    GENERAL_NAMES_free(names);
    X509_free(leaf);
}

static void check_question(struct str question)
{
    char mem[SIGNER_MESSAGE];
    struct sbuf answer = sbuf_make(mem, sizeof(mem));
    struct str rest;
    struct err err = {0};

    signing_answer(&signing, 1800000000, question, &answer);
    ASSERT(!answer.overflow && answer.n > 1);
    enum err_code code = signer_read_answer(sbuf_str(&answer), &rest, &err);
    ASSERT((code == ERR_NONE) == (mem[0] == SIGNER_ANSWER));
    if (code == ERR_NONE && question.p[0] == SIGNER_LEAF) check_leaf(rest);
}

/* As if it named files that are not there. */
static void check_order(struct str message)
{
    struct signing s = {0};
    char mem[SIGNER_MESSAGE];
    struct sbuf answer = sbuf_make(mem, sizeof(mem));
    struct str rest;

    if (message.n > 1 && message.p[0] == '/') return;
    if (!signing_begin(&s, message, &answer)) ASSERT(signer_read_answer(sbuf_str(&answer), &rest, NULL) != ERR_NONE);
    signing_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str s = {(const char *)data, n < SIGNER_MESSAGE ? n : SIGNER_MESSAGE}, rest;

    if (!signing.ca) begin();
    check_question(s);
    check_order(s);
    if (signer_read_answer(s, &rest, NULL) == ERR_NONE) ASSERT(rest.n == s.n - 1 && s.p[0] == SIGNER_ANSWER);
    return 0;
}
