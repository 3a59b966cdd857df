/* SPDX-License-Identifier: Apache-2.0
 * test_identity.c: certificates and keys from every kind of file, and from a token of SoftHSM where that is installed.
 * What is made here is made with OpenSSL, in a folder of its own.
 */
#include "io/identity.h"

#include "folder.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define PASSPHRASE "machine passphrase: 7%"
#define PIN "482915"

enum { DAY = 86400 };
static const int64_t NOW = 1795521600; /* 2026-11-24 12:00:00 UTC */

static char read_files[32][256];
static size_t read_files_n;

static const char *path_of(const char *name)
{
    static char paths[256][FOLDER_PATH]; /* enough for one test */
    static size_t next;

    return folder_path(paths[next++ % ARRAY_LEN(paths)], name);
}

static FILE *create(const char *name, mode_t mode)
{
    FILE *f;

    (void)unlink(path_of(name));
    f = fopen(path_of(name), "w");
    assert_non_null(f);
    assert_int_equal(chmod(path_of(name), mode), 0);
    return f;
}

/* ---- what there is to load ---- */

struct made {
    X509 *certificate;
    EVP_PKEY *key;
};

static void extend(X509 *c, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, c, c, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(c, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* What is 0 or NULL is as it should be; "": not there. */
struct wish {
    const char *basic, *usage;
    int64_t from, until; /* days from NOW; 0: -1, 30 */
    bool ends_now;
    const EVP_MD *digest;
    bool version_1;
};

static const char *value_of(const char *wished, const char *good)
{
    return wished ? wished : good;
}

/* Signed by itself: who issued it does not matter here. */
static struct made make(EVP_PKEY *key, struct wish w)
{
    struct made m = {X509_new(), key ? key : EVP_EC_gen("P-256")};
    X509_NAME *name = X509_get_subject_name(m.certificate);
    const char *basic = value_of(w.basic, "critical,CA:FALSE"), *usage = value_of(w.usage, "critical,digitalSignature");

    if (!w.until && !w.ends_now) w.until = 30;
    if (!w.from) w.from = -1;
    X509_set_version(m.certificate, w.version_1 ? X509_VERSION_1 : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(m.certificate), 77);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"machine", -1, -1, 0);
    X509_set_issuer_name(m.certificate, name);
    ASN1_TIME_set(X509_getm_notBefore(m.certificate), (time_t)(NOW + w.from * DAY));
    ASN1_TIME_set(X509_getm_notAfter(m.certificate), (time_t)(NOW + w.until * DAY));
    X509_set_pubkey(m.certificate, m.key);
    if (*basic) extend(m.certificate, NID_basic_constraints, basic);
    if (*usage) extend(m.certificate, NID_key_usage, usage);
    assert_true(X509_sign(m.certificate, m.key, w.digest ? w.digest : EVP_sha256()) > 0);
    return m;
}

static void made_free(struct made *m)
{
    X509_free(m->certificate);
    EVP_PKEY_free(m->key);
}

static void write_certificate(const char *name, const struct made *m)
{
    FILE *f = create(name, 0644);

    assert_int_equal(PEM_write_X509(f, m->certificate), 1);
    fclose(f);
}

static void write_key(const char *name, const struct made *m, const char *passphrase)
{
    FILE *f = create(name, 0600);

    assert_int_equal(PEM_write_PKCS8PrivateKey(f, m->key, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
                                               passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
                     1);
    fclose(f);
}

static void write_pkcs12(const char *name, const struct made *m, const struct made *other, const char *passphrase)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    FILE *f = create(name, 0600);
    PKCS12 *p12;

    if (other) sk_X509_push(others, other->certificate);
    p12 = PKCS12_create(passphrase, "machine", m->key, m->certificate, others, 0, 0, 0, 0, 0);
    assert_non_null(p12);
    assert_int_equal(i2d_PKCS12_fp(f, p12), 1);
    PKCS12_free(p12);
    sk_X509_free(others);
    fclose(f);
}

/* ---- loading ---- */

static void on_file(void *arg, const char *path)
{
    assert_ptr_equal(arg, folder);
    assert_true(read_files_n < ARRAY_LEN(read_files));
    snprintf(read_files[read_files_n++], sizeof(read_files[0]), "%s", path);
}

static struct identity_setup setup_of(const char *certificate, const char *key, const char *passphrase)
{
    read_files_n = 0;
    return (struct identity_setup){.certificate = path_of(certificate),
                                   .private_key = key && !identity_is_token(key) ? path_of(key) : key,
                                   .passphrase = passphrase,
                                   .on_file = on_file,
                                   .arg = folder};
}

static void expect_good(const struct identity_setup *setup, const struct made *m, int chain_n)
{
    struct identity id;
    struct err err = {0};

    if (identity_load(setup, NOW, &id, &err) != ERR_NONE) fail_msg("%s", err.detail);
    assert_int_equal(X509_cmp(id.certificate, m->certificate), 0);
    assert_int_equal(id.chain ? sk_X509_num(id.chain) : 0, chain_n);
    assert_int_equal(EVP_PKEY_eq(id.key, m->key), 1);
    assert_int_equal(id.not_after_s, NOW + 30 * DAY);
    identity_clear(&id);
    assert_null(id.key);
}

/* @code, and both words in what is said; nothing stays loaded. */
static void expect_bad(const struct identity_setup *setup, enum err_code code, const char *word, const char *next)
{
    struct identity id;
    struct err err = {0};

    if (identity_load(setup, NOW, &id, &err) != code)
        fail_msg("not as it should be: %s / %s: %s", word, next, err.detail);
    assert_null(id.certificate);
    assert_null(id.key);
    assert_null(id.token);
    if (!strstr(err.detail, word) || !strstr(err.detail, next)) fail_msg("%s", err.detail);
    assert_null(strstr(err.detail, PIN));
    assert_null(strstr(err.detail, PASSPHRASE));
}

static void test_identity_load_pem_good_ones(void **state)
{
    struct made m = make(NULL, (struct wish){0}), other = make(NULL, (struct wish){0});
    struct identity_setup s;
    FILE *f;

    write_certificate("m.pem", &m);
    write_key("m.key", &m, NULL);
    s = setup_of("m.pem", "m.key", NULL);
    expect_good(&s, &m, 0);
    assert_int_equal(read_files_n, 2);
    assert_string_equal(read_files[0], path_of("m.pem"));
    assert_string_equal(read_files[1], path_of("m.key"));

    write_certificate("other.pem", &other);
    s.certificate_chain = path_of("other.pem");
    expect_good(&s, &m, 1);

    f = create("full.pem", 0600); /* chain file that repeats ours; then one file for everything */
    PEM_write_X509(f, m.certificate);
    PEM_write_X509(f, other.certificate);
    PEM_write_PrivateKey(f, m.key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    s.certificate_chain = path_of("full.pem");
    expect_good(&s, &m, 1);
    s = setup_of("full.pem", NULL, NULL);
    expect_good(&s, &m, 1);
    assert_int_equal(chmod(path_of("full.pem"), 0604), 0);
    expect_bad(&s, ERR_FILE, "mode 604", "chmod g-w,o=");
    made_free(&m);
    made_free(&other);
    (void)state;
}

static void test_identity_load_encrypted_key_needs_its_passphrase(void **state)
{
    struct made m = make(EVP_RSA_gen(2048), (struct wish){0});
    struct identity_setup s;
    char file[300];

    write_certificate("m.pem", &m);
    write_key("m.key", &m, PASSPHRASE);
    s = setup_of("m.pem", "m.key", PASSPHRASE);
    expect_good(&s, &m, 0);
    s.passphrase = "wrong";
    expect_bad(&s, ERR_FILE, "does not open", "passphrase");
    s.passphrase = NULL;
    expect_bad(&s, ERR_FILE, "is encrypted", "set passphrase");

    write_file("passphrase", 0600, PASSPHRASE "\r\nmore\n");
    snprintf(file, sizeof(file), "file:%s", path_of("passphrase"));
    s = setup_of("m.pem", "m.key", file);
    expect_good(&s, &m, 0);
    assert_int_equal(read_files_n, 3);
    assert_int_equal(chmod(path_of("passphrase"), 0604), 0);
    expect_bad(&s, ERR_FILE, "mode 604", "chmod g-w,o=");
    assert_int_equal(unlink(path_of("passphrase")), 0);
    expect_bad(&s, ERR_FILE, "/passphrase", "cannot be read");
    made_free(&m);
    (void)state;
}

static void test_identity_load_pkcs12(void **state)
{
    struct made m = make(NULL, (struct wish){0}), other = make(NULL, (struct wish){0});
    struct identity_setup s = setup_of("m.p12", NULL, PASSPHRASE);

    write_pkcs12("m.p12", &m, &other, PASSPHRASE);
    expect_good(&s, &m, 1);
    s.private_key = path_of("m.p12"); /* named twice */
    expect_good(&s, &m, 1);
    s = setup_of("m.p12", NULL, "wrong");
    expect_bad(&s, ERR_FILE, "does not open", "correct `passphrase`");
    s.passphrase = NULL;
    expect_bad(&s, ERR_FILE, "is encrypted", "set passphrase");
    write_pkcs12("m.p12", &m, NULL, "");
    expect_good(&s, &m, 0);
    assert_int_equal(chmod(path_of("m.p12"), 0644), 0);
    expect_bad(&s, ERR_FILE, "mode 644", "chmod g-w,o=");
    made_free(&m);
    made_free(&other);
    (void)state;
}

static void test_identity_load_useless_certificates_are_refused(void **state)
{
    static const struct {
        struct wish w;
        const char *word, *next;
    } cases[] = {
        {{.basic = "critical,CA:TRUE"}, "authority's (CA)", "certificate_chain"},
        {{.usage = "critical,keyEncipherment"}, "keyUsage", "digitalSignature"},
        {{.usage = ""}, "keyUsage", "digitalSignature"},
        {{.from = -9, .until = -1}, "has expired on 2026-11-23 12:00:00 UTC", "renewed"},
        {{.from = -9, .ends_now = true}, "has expired", "renewed"},
        {{.from = 1}, "not valid before 2026-11-25 12:00:00 UTC", "clock"},
        {{.version_1 = true, .basic = "", .usage = ""}, "version 3", "issued"},
    };
    struct identity_setup s;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made m = make(NULL, cases[i].w);

        write_certificate("m.pem", &m);
        write_key("m.key", &m, NULL);
        s = setup_of("m.pem", "m.key", NULL);
        expect_bad(&s, ERR_FILE, cases[i].word, cases[i].next);
        made_free(&m);
    }
    for (int i = 0; i < 2; i++) {
        struct made m = make(NULL, (struct wish){.digest = i ? EVP_sha1() : EVP_sha384()});

        write_certificate("m.pem", &m);
        write_key("m.key", &m, NULL);
        s = setup_of("m.pem", "m.key", NULL);
        if (i)
            expect_bad(&s, ERR_FILE, "less than SHA-256", "issued");
        else
            expect_good(&s, &m, 0);
        made_free(&m);
    }
    (void)state;
}

static void test_identity_load_chain_is_checked(void **state)
{
    struct made m = make(NULL, (struct wish){0}), old = make(NULL, (struct wish){.from = -9, .until = -1});
    struct identity_setup s = setup_of("m.pem", "m.key", NULL);
    FILE *f;

    write_certificate("m.pem", &m);
    write_key("m.key", &m, NULL);
    write_certificate("old.pem", &old);
    s.certificate_chain = path_of("old.pem");
    expect_bad(&s, ERR_FILE, "intermediate certificate has expired", "old.pem");
    f = create("many.pem", 0644);
    for (int i = 0; i <= IDENTITY_CHAIN_MAX; i++) {
        struct made one = make(NULL, (struct wish){0});

        PEM_write_X509(f, one.certificate);
        made_free(&one);
    }
    fclose(f);
    s.certificate_chain = path_of("many.pem");
    expect_bad(&s, ERR_FILE, "more than 8", "leave out");
    write_file("text.pem", 0644, "no PEM at all\n");
    s.certificate_chain = path_of("text.pem");
    expect_bad(&s, ERR_FILE, "not PEM", "certificate_chain");
    made_free(&m);
    made_free(&old);
    (void)state;
}

static void test_identity_load_wrong_files_are_told(void **state)
{
    struct made m = make(NULL, (struct wish){0}), other = make(NULL, (struct wish){0});
    struct made pss = make(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), (struct wish){.digest = EVP_md_null()});
    struct identity_setup s = setup_of("m.pem", "other.key", NULL);
    FILE *f;

    write_certificate("m.pem", &m);
    write_key("m.key", &m, NULL);
    write_key("other.key", &other, NULL);
    expect_bad(&s, ERR_FILE, "does not belong", "other.key");
    s = setup_of("m.key", "m.key", NULL);
    expect_bad(&s, ERR_FILE, "holds no certificate", "BEGIN CERTIFICATE");
    s = setup_of("m.pem", "m.pem", NULL);
    expect_bad(&s, ERR_FILE, "mode 644", "chmod g-w,o="); /* a certificate in place of the key, open as those are */
    assert_int_equal(chmod(path_of("m.pem"), 0600), 0);
    expect_bad(&s, ERR_FILE, "holds no private key", "private_key");
    s = setup_of("m.pem", NULL, NULL);
    expect_bad(&s, ERR_FILE, "holds no private key", "set private_key");
    s = setup_of("absent.pem", "m.key", NULL);
    expect_bad(&s, ERR_FILE, "absent.pem", "cannot be read");
    s = setup_of("", "m.key", NULL); /* the folder itself */
    expect_bad(&s, ERR_FILE, folder, "not a plain file");
    s.certificate = NULL;
    expect_bad(&s, ERR_CONFIG, "no certificate", "set certificate");
    write_file("empty.pem", 0600, "");
    s = setup_of("empty.pem", "m.key", NULL);
    expect_bad(&s, ERR_FILE, "empty.pem", "is empty");
    f = create("der.crt", 0644);
    i2d_X509_fp(f, m.certificate);
    fclose(f);
    s = setup_of("der.crt", "m.key", NULL);
    expect_bad(&s, ERR_FILE, "in DER", "openssl x509 -inform DER");
    write_file("noise", 0600, "\x30\x82 noise");
    s = setup_of("noise", "m.key", NULL);
    expect_bad(&s, ERR_FILE, "neither PEM nor PKCS#12", "noise");
    write_file("damaged.pem", 0644, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    s = setup_of("damaged.pem", "m.key", NULL);
    expect_bad(&s, ERR_FILE, "damaged", "damaged.pem");
    write_certificate("pss.pem", &pss);
    write_key("pss.key", &pss, NULL);
    s = setup_of("pss.pem", "pss.key", NULL);
    expect_bad(&s, ERR_FILE, "ED25519", "takes RSA");
    made_free(&m);
    made_free(&other);
    made_free(&pss);
    (void)state;
}

/* ---- tokens ---- */

static void test_identity_load_token_uri_is_checked_before_the_token(void **state)
{
    static const struct {
        const char *uri, *word, *next;
    } cases[] = {
        {"pkcs11:token=machine", "names no key", "object="},
        {"pkcs11:token=machine;object=k;pin-value=" PIN, "behind a '?'", "RFC 7512"},
        {"pkcs11:object=k?module-name=x&pin-value=" PIN, "module-name", "module-path"},
        {"pkcs11:object=k?pin-source=%7Ccat", "pin-source", "absolute path"},
        {"pkcs11:object=k?pin-source=relative", "pin-source", "absolute path"},
        {"pkcs11:object=k?pin-value=%0", "pin-value", "percent"},
        {"pkcs11:object=k?pin-value=12%00" PIN, "pin-value", "percent"},
        {"pkcs11:object=k?module-path=/x", "PIN of the token is missing", "set passphrase"},
        {"pkcs11:object=k?pin-value=" PIN PIN PIN PIN PIN PIN, "longer than 32", "PIN"},
    };
    struct made m = make(NULL, (struct wish){0});

    write_certificate("m.pem", &m);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct identity_setup s = setup_of("m.pem", cases[i].uri, NULL);

        expect_bad(&s, ERR_CONFIG, cases[i].word, cases[i].next);
    }
    made_free(&m);
    (void)state;
}

static void test_identity_shown_hides_pins(void **state)
{
    struct str s = identity_shown("pkcs11:object=k?pin-value=" PIN);

    assert_true(str_eq(s, STR("pkcs11:object=k")));
    assert_true(str_eq(identity_shown("/a/b?c"), STR("/a/b?c")));
    assert_true(identity_is_token("PKCS11:x"));
    assert_false(identity_is_token("/pkcs11:x"));
    (void)state;
}

static void softhsm(const char *format, ...)
{
    char command[1024], *end = command;
    va_list ap;

    end += sprintf(command, "softhsm2-util ");
    va_start(ap, format);
    end += vsnprintf(end, sizeof(command) - 64, format, ap);
    va_end(ap);
    strcpy(end, " >/dev/null 2>&1");
    if (system(command) != 0) fail_msg("%s", command);
}

/* While libp11 is still loaded: what it keeps in static variables is not freed when it goes. No check at exit then. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if __has_feature(address_sanitizer) || defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#define CHECK_FOR_LEAKS() __lsan_do_leak_check()
#else
#define CHECK_FOR_LEAKS() (void)0
#endif

static bool module_is_loaded(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    while (fgets(line, sizeof(line), f))
        found |= strstr(line, "libsofthsm2") != NULL;
    fclose(f);
    return found;
}

static void make_token(const struct made *m)
{
    char text[400];

    assert_int_equal(mkdir(path_of("tokens"), 0700), 0);
    snprintf(text, sizeof(text), "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
             path_of("tokens"));
    write_file("softhsm2.conf", 0600, text);
    setenv("SOFTHSM2_CONF", path_of("softhsm2.conf"), 1);
    write_certificate("m.pem", m);
    write_key("m.key", m, NULL);
    softhsm("--init-token --free --label machine --so-pin 87654321 --pin " PIN);
    softhsm("--import %s --token machine --label k --id 01 --pin " PIN, path_of("m.key"));
}

static void test_identity_load_token_signs_and_is_closed(void **state)
{
    struct made m = make(EVP_RSA_gen(2048), (struct wish){0});
    struct identity_setup s;
    struct identity_pin_memory pins = {0};

    if (access(SOFTHSM, R_OK) != 0 || access("/usr/bin/softhsm2-util", X_OK) != 0) {
        made_free(&m);
        skip();
    }
    make_token(&m);
    s = setup_of("m.pem", "pkcs11:token=machine;object=k?module-path=" SOFTHSM, PIN);
    s.pins = &pins;
    for (int i = 0; i < 3; i++) { /* whose public half alone is here */
        expect_good(&s, &m, 0);
        assert_false(module_is_loaded());
    }
    s.private_key = "pkcs11:token=machine;object=absent?module-path=" SOFTHSM;
    expect_bad(&s, ERR_TLS_SETUP, "object=absent", "pkcs11-tool");
    assert_false(module_is_loaded());
    assert_false(pins.refused);

    s.private_key = "pkcs11:token=machine;object=k?module-path=" SOFTHSM;
    s.passphrase = "111111";
    expect_bad(&s, ERR_CONFIG, "refuses the PIN", "correct");
    assert_true(pins.refused);
    expect_bad(&s, ERR_CONFIG, "not tried again", "reload");
    s.passphrase = PIN; /* another one is tried */
    expect_good(&s, &m, 0);
    s.passphrase = "of no use";
    s.private_key = "pkcs11:token=machine;id=%01?pin-value=48%329%31%35&module-path=" SOFTHSM;
    expect_good(&s, &m, 0);
    s.private_key = "pkcs11:token=machine;object=k?module-path=" SOFTHSM;
    s.pins = NULL;
    s.passphrase = "111111";
    expect_bad(&s, ERR_CONFIG, "refuses the PIN", "correct");
    assert_false(module_is_loaded());
    made_free(&m);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_load_pem_good_ones),
        cmocka_unit_test(test_identity_load_encrypted_key_needs_its_passphrase),
        cmocka_unit_test(test_identity_load_pkcs12),
        cmocka_unit_test(test_identity_load_useless_certificates_are_refused),
        cmocka_unit_test(test_identity_load_chain_is_checked),
        cmocka_unit_test(test_identity_load_wrong_files_are_told),
        cmocka_unit_test(test_identity_load_token_uri_is_checked_before_the_token),
        cmocka_unit_test(test_identity_shown_hides_pins),
        cmocka_unit_test(test_identity_load_token_signs_and_is_closed),
    };
    int failed = cmocka_run_group_tests(tests, folder_make, folder_remove);

    CHECK_FOR_LEAKS();
    return failed;
}
