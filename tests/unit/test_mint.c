/* SPDX-License-Identifier: Apache-2.0
 * test_mint.c: the local CA and the leaves minted from it, judged by OpenSSL's own strict verification.
 * Source: RFC 5280 4.2.1, 6.1; X509_V_FLAG_X509_STRICT in X509_VERIFY_PARAM_set_flags(3).
 */
#include "io/mint.h"

#include "base/clock.h"
#include "io/signer.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>

enum { DAY_S = 86400 };

static const char *const dns_names[] = {"amazonaws.com", "s3.local"};

struct fixture {
    char folder[64], cert[96], key[96];
    struct netblock ip[2];
    struct ca_params params;
    struct ca *ca;
    struct mint *mint;
    struct signing signing; /* who signs, without a process of its own */
    _Atomic int64_t clock;  /* its clock */
    _Atomic unsigned asked; /* for leaves */
    _Atomic bool silent;    /* it has ended */
    pthread_mutex_t gate;   /* locked: it takes its time */
    int64_t now;
};

static void make_paths(struct fixture *f)
{
    strcpy(f->folder, "/tmp/s3onramp-mint-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->cert, sizeof f->cert, "%s/ca.pem", f->folder);
    snprintf(f->key, sizeof f->key, "%s/ca.key", f->folder);
}

/* Signs as the process does, by the fixture's clock. */
static enum err_code sign(void *arg, struct str question, struct sbuf *answer, struct err *err)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->gate);
    pthread_mutex_unlock(&f->gate);
    f->asked += question.p[0] == SIGNER_LEAF;
    if (f->silent) return err_set(err, ERR_TLS_SETUP, 0, "nobody signs");
    signing_answer(&f->signing, f->clock, question, answer);
    return ERR_NONE;
}

static void stay(void *arg)
{
    (void)arg;
}

/* A mint of the files of @f; leaves are for a new key. */
static struct mint *mint_of(struct fixture *f)
{
    const struct signer_order order = {f->cert, f->key, NULL, 30, false};
    EVP_PKEY *key = mint_make_key();
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    char mem[SIGNER_MESSAGE], none[SIGNER_MESSAGE];
    struct sbuf message = sbuf_make(mem, sizeof mem), answer = sbuf_make(none, sizeof none);
    struct ca *ca = NULL;
    struct mint *mint = NULL;
    struct err err = {.detail = ""};
    assert_true(signer_put_order(&order, str_make((const char *)der, (size_t)n), &message));
    signing_clear(&f->signing);
    assert_true(signing_begin(&f->signing, sbuf_str(&message), &answer));
    OPENSSL_free(der);
    f->clock = clock_wall_us() / 1000000;
    if (ca_load(f->cert, NULL, &ca, &err) != ERR_NONE) fail_msg("%s", err.detail);
    if (mint_new(ca, key, &(struct mint_source){sign, stay, stay, f}, &mint, &err) != ERR_NONE)
        fail_msg("%s", err.detail);
    return mint;
}

/* A CA for dns_names, and for 127.0.0.0/8 and fd00::/8 if @with_ip, loaded, and a mint. */
static struct fixture *set_up(bool with_ip)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = {.detail = ""};
    assert_non_null(f);
    pthread_mutex_init(&f->gate, NULL);
    make_paths(f);
    assert_true(netblock_parse(STR("127.1.2.3"), &f->ip[0]));
    f->ip[0].bits = 8; /* 127.0.0.0/8: host bits have no place in the certificate */
    assert_true(netblock_parse(STR("fd00::/8"), &f->ip[1]));
    f->params =
        (struct ca_params){"Test CA", 3650, dns_names, ARRAY_LEN(dns_names), f->ip, with_ip ? 2 : 0, false, NULL, 0};
    if (ca_create(f->cert, f->key, &f->params, false, &err) != ERR_NONE) fail_msg("%s", err.detail);
    if (ca_load(f->cert, f->key, &f->ca, &err) != ERR_NONE) fail_msg("%s", err.detail);
    f->mint = mint_of(f);
    f->now = clock_wall_us() / 1000000;
    return f;
}

static void tear_down(struct fixture *f)
{
    mint_unref(&f->mint);
    signing_clear(&f->signing);
    ca_free(&f->ca);
    assert_null(f->mint);
    assert_null(f->ca);
    char old[128];
    (void)unlink(f->cert);
    (void)unlink(f->key);
    snprintf(old, sizeof old, "%s.old", f->cert);
    (void)unlink(old);
    snprintf(old, sizeof old, "%s.old", f->key);
    (void)unlink(old);
    assert_int_equal(rmdir(f->folder), 0); /* fails if a temporary file stayed */
    free(f);
}

/* X509_V_OK, or what OpenSSL has against @leaf as a server certificate for @name now. */
static int verify(const struct fixture *f, X509 *leaf, const char *name, bool is_ip)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_true(store && ctx && X509_STORE_add_cert(store, ca_certificate(f->ca)));
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    assert_int_equal(X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER), 1);
    if (is_ip)
        assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(param, name), 1);
    else
        assert_int_equal(X509_VERIFY_PARAM_set1_host(param, name, 0), 1);
    int result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return result;
}

struct wait {
    struct mint_wait mint;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool arrived;
};

static void on_minted(struct mint_wait *m)
{
    struct wait *w = CONTAINER_OF(m, struct wait, mint);
    pthread_mutex_lock(&w->lock);
    w->arrived = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
}

#define WAIT                                                                                        \
    {                                                                                               \
        .mint.done = on_minted, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER \
    }

static void wait_for(struct fixture *f, struct wait *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->arrived)
        pthread_cond_wait(&w->more, &w->lock);
    pthread_mutex_unlock(&w->lock);
    assert_false(mint_cancel(f->mint, &w->mint));
}

/* Waits for the answer, at @now for both sides. */
static enum err_code mint_leaf_for(struct fixture *f, const struct str *names, size_t n, int64_t now, X509 **leaf,
                                   struct err *err)
{
    struct wait w = WAIT;
    f->clock = now;
    enum err_code code = mint_leaf(f->mint, names, n, now, &w.mint, leaf, err);
    if (code != ERR_NONE || *leaf) return code;
    wait_for(f, &w);
    *leaf = w.mint.leaf;
    if (!*leaf && err) *err = w.mint.err;
    return w.mint.err.code;
}

static enum err_code mint_one(struct fixture *f, const char *name, int64_t now, X509 **leaf, struct err *err)
{
    struct str names = str_from(name);
    return mint_leaf_for(f, &names, 1, now, leaf, err);
}

static X509 *mint_ok(struct fixture *f, const char *name, int64_t now)
{
    X509 *leaf = NULL;
    struct err err = {.detail = ""};
    if (mint_one(f, name, now, &leaf, &err) != ERR_NONE) fail_msg("%s: %s", name, err.detail);
    assert_non_null(leaf);
    assert_int_equal(X509_check_private_key(leaf, mint_key(f->mint)), 1);
    return leaf;
}

static int64_t unix_time(const ASN1_TIME *t)
{
    struct tm tm;
    assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
    return timegm(&tm);
}

static bool is_critical(X509 *cert, int nid)
{
    int at = X509_get_ext_by_NID(cert, nid, -1);
    assert_true(at >= 0);
    return X509_EXTENSION_get_critical(X509_get_ext(cert, at)) == 1;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

/* ---- the CA ---- */

static void test_ca_create_certificate_has_what_rfc_5280_asks_for(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    X509 *cert = ca_certificate(f->ca);
    assert_int_equal(X509_get_version(cert), X509_VERSION_3);
    assert_int_equal(X509_check_ca(cert), 1);
    assert_int_equal(X509_get_pathlen(cert), 0);
    assert_int_equal(X509_get_key_usage(cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_true(is_critical(cert, NID_basic_constraints));
    assert_true(is_critical(cert, NID_key_usage));
    assert_true(is_critical(cert, NID_name_constraints));
    assert_non_null(X509_get0_subject_key_id(cert));
    assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(cert), X509_get0_authority_key_id(cert)), 0);
    assert_int_equal(X509_check_issued(cert, cert), X509_V_OK);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    assert_true(ASN1_STRING_length(serial) >= 16 && ASN1_STRING_length(serial) <= 20);
    assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER); /* V_ASN1_NEG_INTEGER otherwise */
    int64_t before = unix_time(X509_get0_notBefore(cert)), after = unix_time(X509_get0_notAfter(cert));
    assert_in_range(f->now - before, 3600 - 60, 3600 + 60);
    assert_in_range(after - f->now, 3650LL * DAY_S - 60, 3650LL * DAY_S + 60);
    tear_down(f);
}

static void test_ca_create_files_have_their_modes_whatever_the_umask(void **state)
{
    (void)state;
    static const mode_t masks[] = {0, 022, 077};
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        mode_t old = umask(masks[i]);
        struct fixture *f = set_up(false);
        umask(old);
        assert_int_equal(mode_of(f->key), 0600);
        assert_int_equal(mode_of(f->cert), 0644);
        tear_down(f);
    }
}

static char *slurp(const char *path, size_t *n)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 8192);
    assert_true(file && text);
    *n = fread(text, 1, 8191, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void test_ca_create_existing_files_stay_unless_forced(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    size_t n, again_n;
    char *key = slurp(f->key, &n);
    struct err err;
    assert_non_null(strstr(key, "BEGIN PRIVATE KEY"));

    assert_int_equal(ca_create(f->cert, f->key, &f->params, false, &err), ERR_FILE);
    assert_int_equal(unlink(f->cert), 0); /* one of the two is enough to stop */
    assert_int_equal(ca_create(f->cert, f->key, &f->params, false, &err), ERR_FILE);
    assert_int_equal(access(f->cert, F_OK), -1);
    char *again = slurp(f->key, &again_n);
    assert_int_equal(n, again_n);
    assert_memory_equal(key, again, n);
    free(again);

    assert_int_equal(ca_create(f->cert, f->key, &f->params, true, &err), ERR_NONE);
    again = slurp(f->key, &again_n);
    assert_true(n != again_n || memcmp(key, again, n) != 0);
    assert_int_equal(mode_of(f->key), 0600);
    struct ca *ca = NULL;
    assert_int_equal(ca_load(f->cert, f->key, &ca, &err), ERR_NONE);
    ca_free(&ca);
    free(again);
    free(key);
    tear_down(f);
}

static void load_pair(const char *cert, const char *key)
{
    struct ca *ca = NULL;
    struct err err = {.detail = ""};
    if (ca_load(cert, key, &ca, &err) != ERR_NONE) fail_msg("%s", err.detail);
    ca_free(&ca);
}

static void test_ca_create_forced_keeps_what_was_and_stops_whole(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    char old_cert[128], old_key[128], folder[128], inside[160];
    size_t n, again_n;
    struct err err;
    snprintf(old_cert, sizeof old_cert, "%s.old", f->cert);
    snprintf(old_key, sizeof old_key, "%s.old", f->key);
    char *key = slurp(f->key, &n);

    /* The certificate cannot be replaced by a file: the key stays what it was. */
    snprintf(folder, sizeof folder, "%s/folder", f->folder);
    snprintf(inside, sizeof inside, "%s/x", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    assert_int_equal(ca_create(folder, f->key, &f->params, true, &err), ERR_FILE);
    char *again = slurp(f->key, &again_n);
    assert_int_equal(n, again_n);
    assert_memory_equal(key, again, n);
    free(again);
    load_pair(f->cert, f->key);

    assert_int_equal(ca_create(f->cert, f->key, &f->params, true, &err), ERR_NONE);
    load_pair(f->cert, f->key);
    load_pair(old_cert, old_key);
    again = slurp(old_key, &again_n);
    assert_memory_equal(key, again, n);
    free(again);
    free(key);
    assert_int_equal(rmdir(inside), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(unlink(old_cert), 0);
    assert_int_equal(unlink(old_key), 0);
    tear_down(f);
}

/* A folder in which names can be added and none replaced: the key has its new name already when the certificate's
 * fails. */
static bool seal(const char *path, bool sealed)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), flags = 0;
    bool ok = fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
    flags = sealed ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
    ok = ok && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
    if (fd >= 0) close(fd);
    return ok;
}

static void test_ca_create_forced_takes_the_key_back_when_the_certificate_stays(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    char folder[128], cert[160], clean[200];
    struct err err;
    snprintf(folder, sizeof folder, "%s/sealed", f->folder);
    snprintf(cert, sizeof cert, "%s/ca.pem", folder);
    snprintf(clean, sizeof clean, "rm -r '%s'", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(unlink(f->key), 0);
    assert_int_equal(ca_create(cert, f->key, &f->params, false, &err), ERR_NONE);
    size_t n, again_n;
    char *key = slurp(f->key, &n);
    bool sealed = seal(folder, true);
    enum err_code code = ca_create(cert, f->key, &f->params, true, &err);
    if (sealed) assert_true(seal(folder, false));
    char *again = slurp(f->key, &again_n);
    bool same = n == again_n && memcmp(key, again, n) == 0;
    load_pair(cert, f->key);
    free(key);
    free(again);
    assert_int_equal(system(clean), 0);
    assert_int_equal(code, sealed ? ERR_FILE : ERR_NONE);
    assert_int_equal(same, sealed);
    tear_down(f);
    if (!sealed) skip(); /* not root, or a file system that knows no such folders */
}

static void test_ca_create_bad_parameters_write_nothing(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    static const char *const bad_dns[] = {"amazonaws.com:443"}, *const empty[] = {""}, *const spaced[] = {"a b"};
    char long_name[66];
    memset(long_name, 'a', sizeof long_name);
    long_name[65] = '\0';
    const struct ca_params rows[] = {
        {"", 1, dns_names, 1, NULL, 0, false, NULL, 0},  {long_name, 1, dns_names, 1, NULL, 0, false, NULL, 0},
        {"x", 0, dns_names, 1, NULL, 0, false, NULL, 0}, {"x", 1, dns_names, 0, NULL, 0, false, NULL, 0},
        {"x", 1, bad_dns, 1, NULL, 0, false, NULL, 0},   {"x", 1, empty, 1, NULL, 0, false, NULL, 0},
        {"x", 1, spaced, 1, NULL, 0, false, NULL, 0},
    };
    char cert[128], key[128];
    snprintf(cert, sizeof cert, "%s/x.pem", f->folder);
    snprintf(key, sizeof key, "%s/x.key", f->folder);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err;
        assert_int_equal(ca_create(cert, key, &rows[i], false, &err), ERR_CONFIG);
        assert_int_equal(access(cert, F_OK), -1);
        assert_int_equal(access(key, F_OK), -1);
    }
    struct err err;
    assert_int_equal(ca_create(cert, cert, &f->params, false, &err), ERR_CONFIG);
    assert_int_equal(ca_create(cert, "/nonexistent/x.key", &f->params, false, &err), ERR_FILE);
    assert_int_equal(ca_create("/nonexistent/x.pem", key, &f->params, false, &err), ERR_FILE);
    assert_int_equal(access(key, F_OK), -1); /* not left behind without its certificate */
    tear_down(f);
}

static void test_ca_load_unusable_files_are_refused_with_advice(void **state)
{
    (void)state;
    struct fixture *f = set_up(false), *other = set_up(false);
    struct ca *ca = NULL;
    struct err err;
    assert_int_equal(ca_load("/nonexistent", f->key, &ca, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "ca init"));
    assert_int_equal(ca_load(f->cert, "/nonexistent", &ca, &err), ERR_FILE);
    assert_int_equal(ca_load(f->cert, f->folder, &ca, &err), ERR_FILE);
    assert_int_equal(ca_load("/dev/zero", f->key, &ca, &err), ERR_FILE); /* has no end */
    assert_non_null(strstr(err.detail, "not a plain file"));
    assert_int_equal(ca_load(f->key, f->key, &ca, &err), ERR_FILE);
    assert_int_equal(ca_load(f->cert, other->key, &ca, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "belong together"));
    static const mode_t open_modes[] = {0644, 0604, 0660, 0601};
    for (size_t i = 0; i < ARRAY_LEN(open_modes); i++) {
        assert_int_equal(chmod(f->key, open_modes[i]), 0);
        assert_int_equal(ca_load(f->cert, f->key, &ca, &err), ERR_FILE);
        assert_non_null(strstr(err.detail, "chmod g-w,o="));
    }
    assert_int_equal(chmod(f->key, 0440), 0);
    assert_int_equal(ca_load(f->cert, f->key, &ca, &err), ERR_NONE);
    ca_free(&ca);
    assert_null(ca);
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for the next caller of OpenSSL */
    tear_down(other);
    tear_down(f);
}

/* Writes @cert over the fixture's, and @key if given. */
static void replace_files(const struct fixture *f, X509 *cert, EVP_PKEY *key)
{
    FILE *file = fopen(f->cert, "we");
    assert_non_null(file);
    assert_true(i2d_re_X509_tbs(cert, NULL) > 0); /* or the bytes from before a change would be written */
    assert_int_equal(PEM_write_X509(file, cert), 1);
    assert_int_equal(fclose(file), 0);
    if (!key) return;
    file = fopen(f->key, "we"); /* keeps its mode */
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

/* A certificate for @key by @issuer (NULL: itself). */
static X509 *issue(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int days, bool is_ca)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), days), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S));
    assert_non_null(X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL));
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
    extension =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign");
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()) > 0);
    return cert;
}

static void write_certificates(const struct fixture *f, X509 *const *v, size_t n)
{
    FILE *out = fopen(f->cert, "w");

    for (size_t i = 0; i < n; i++)
        assert_int_equal(PEM_write_X509(out, v[i]), 1);
    assert_int_equal(fclose(out), 0);
}

static void test_ca_load_an_intermediate_brings_its_chain(void **state)
{
    struct fixture *f = set_up(false);
    EVP_PKEY *keys[3] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-256"), NULL};
    X509 *root, *middle, *own;
    FILE *out = fopen(f->key, "w");
    struct err err = {0};

    (void)state;
    keys[2] = EVP_EC_gen("P-256");
    assert_int_equal(PEM_write_PrivateKey(out, keys[2], NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(out), 0);
    root = issue("Root", keys[0], NULL, NULL, 3000, true);
    middle = issue("Middle", keys[1], root, keys[0], 100, true);
    own = issue("Own", keys[2], middle, keys[1], 200, true);
    const struct {
        const char *name;
        X509 *file[3];
        int chain_n; /* -1: refused */
        int days;
    } rows[] = {
        {"alone", {own}, 1, 200},
        {"with who issued it", {own, middle}, 2, 100},
        {"with all", {own, middle, root}, 2, 100},
        {"with the root alone", {own, root}, 1, 200},
        {"in the wrong order", {middle, own}, -1, 0},
        {"with a stranger", {own, own}, -1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ca *ca = NULL;
        size_t n = 0;

        while (n < 3 && rows[i].file[n])
            n++;
        write_certificates(f, rows[i].file, n);
        enum err_code code = ca_load(f->cert, f->key, &ca, &err);
        if (rows[i].chain_n < 0) {
            assert_int_equal(code, ERR_FILE);
            continue;
        }
        if (code != ERR_NONE) fail_msg("%s: %s", rows[i].name, err.detail);
        struct mint *mint = mint_of(f);
        STACK_OF(X509) *chain = mint_chain(mint);
        assert_int_equal(sk_X509_num(chain), rows[i].chain_n);
        assert_int_equal(X509_cmp(sk_X509_value(chain, 0), own), 0);
        assert_in_range(ca_not_after(ca), f->now + (rows[i].days - 1) * DAY_S, f->now + (rows[i].days + 1) * DAY_S);
        mint_unref(&mint);
        ca_free(&ca);
    }
    assert_null(mint_chain(f->mint)); /* a root goes to nobody */
    X509_free(root);
    X509_free(middle);
    X509_free(own);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        EVP_PKEY_free(keys[i]);
    tear_down(f);
}

static void test_ca_load_leaf_or_wrong_time_is_refused(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    struct ca *ca = NULL;
    struct err err;
    X509 *copy = X509_dup(ca_certificate(f->ca));
    assert_non_null(copy);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(copy), f->now - 2 * DAY_S));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(copy), f->now - DAY_S));
    replace_files(f, copy, NULL);
    assert_int_equal(ca_load(f->cert, f->key, &ca, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "expired"));
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(copy), f->now + DAY_S));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(copy), f->now + 2 * DAY_S));
    replace_files(f, copy, NULL);
    assert_int_equal(ca_load(f->cert, f->key, &ca, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "clock"));

    X509 *leaf = NULL;
    assert_int_equal(mint_one(f, "a.s3.local", f->now, &leaf, &err), ERR_NONE);
    replace_files(f, leaf, mint_key(f->mint));
    assert_int_equal(ca_load(f->cert, f->key, &ca, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "not the certificate of a CA"));
    assert_null(ca);
    X509_free(leaf);
    X509_free(copy);
    tear_down(f);
}

static void test_ca_permits_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool without_ip, with_ip;
    } rows[] = {
        {"amazonaws.com", true, true},
        {"s3.eu-west-1.amazonaws.com", true, true},
        {"a.b.S3.EU-WEST-1.AMAZONAWS.COM", true, true},
        {"*.s3.local", true, true},
        {"xamazonaws.com", false, false},
        {"amazonaws.com.evil.example", false, false},
        {"com", false, false},
        {"example.com", false, false},
        {"", false, false},
        {"127.0.0.1", false, true},
        {"127.255.255.255", false, true},
        {"128.0.0.1", false, false},
        {"10.0.0.1", false, false},
        {"fd12::1", false, true},
        {"fc00::1", false, false},
        {"::1", false, false},
        {"::ffff:127.0.0.1", false, false},
    };
    struct fixture *without = set_up(false), *with = set_up(true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (ca_permits(without->ca, str_from(rows[i].name)) != rows[i].without_ip ||
            ca_permits(with->ca, str_from(rows[i].name)) != rows[i].with_ip)
            fail_msg("%s", rows[i].name);
    }
    tear_down(without);
    tear_down(with);
}

static void test_ca_describe_names_all_that_matters(void **state)
{
    (void)state;
    struct fixture *with = set_up(true), *without = set_up(false);
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    assert_non_null(out);
    ca_describe(with->ca, out);
    ca_describe(without->ca, out);
    assert_int_equal(fclose(out), 0);
    static const char *const parts[] = {"CN=Test CA",
                                        "SHA-256:     ",
                                        "valid from:  20",
                                        "valid until: 20",
                                        "permitted:   s3.local and names below\n",
                                        "127.0.0.0/8\n",
                                        "fd00::/8\n",
                                        "excluded:    0.0.0.0/0\n",
                                        "excluded:    ::/0\n"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!strstr(text, parts[i])) fail_msg("no \"%s\" in:\n%s", parts[i], text);
    assert_null(strstr(text, "PRIVATE"));
    tear_down(with);
    tear_down(without);
}

/* ---- leaves ---- */

static void test_mint_leaf_verifies_strictly_for_its_name_only(void **state)
{
    (void)state;
    static const struct {
        const char *name, *other;
        bool is_ip;
    } rows[] = {
        {"s3.eu-west-1.amazonaws.com", "s3.eu-west-2.amazonaws.com", false},
        {"amazonaws.com", "s3.amazonaws.com", false},
        {"dotted.bucket.s3.us-east-1.amazonaws.com", "bucket.s3.us-east-1.amazonaws.com", false},
        {"under_score.s3.local", "s3.local", false},
        {"a-label-that-is-rather-long-0123456789-0123456789-0123456789-xy.vpce-0123456789abcdef0-abcdefgh."
         "s3.ap-northeast-1.vpce.amazonaws.com",
         "s3.local", false},
        {"127.0.0.1", "127.0.0.2", true},
        {"fd00::1", "fd00::2", true},
    };
    struct fixture *f = set_up(true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        X509 *leaf = mint_ok(f, rows[i].name, f->now);
        int result = verify(f, leaf, rows[i].name, rows[i].is_ip);
        if (result != X509_V_OK) fail_msg("%s: %s", rows[i].name, X509_verify_cert_error_string(result));
        assert_int_equal(verify(f, leaf, rows[i].other, rows[i].is_ip),
                         rows[i].is_ip ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH);
        X509_free(leaf);
    }
    tear_down(f);
}

static void test_mint_leaf_has_what_rfc_5280_asks_for(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    X509 *leaf = mint_ok(f, "S3.Local", f->now), *other = mint_ok(f, "b.s3.local", f->now);
    assert_int_equal(X509_get_version(leaf), X509_VERSION_3);
    assert_int_equal(X509_check_ca(leaf), 0);
    assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(leaf), XKU_SSL_SERVER);
    assert_true(is_critical(leaf, NID_basic_constraints));
    assert_true(is_critical(leaf, NID_key_usage));
    assert_false(is_critical(leaf, NID_subject_alt_name));
    assert_non_null(X509_get0_subject_key_id(leaf));
    assert_int_equal(
        ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf), X509_get0_subject_key_id(ca_certificate(f->ca))), 0);
    char name[128];
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, name, sizeof name) > 0);
    assert_string_equal(name, "s3.local");
    assert_int_equal(unix_time(X509_get0_notBefore(leaf)), f->now - 3600);
    assert_int_equal(unix_time(X509_get0_notAfter(leaf)), f->now + 30 * DAY_S);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf), X509_get0_serialNumber(other)), 0);
    X509_free(other);
    X509_free(leaf);
    tear_down(f);
}

static void test_mint_leaf_outside_the_constraints_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"example.com",
                                        "amazonaws.com.example",
                                        "10.0.0.1",
                                        "::1",
                                        "",
                                        "a b.s3.local",
                                        ".s3.local",
                                        "a..s3.local",
                                        "s3.local.",
                                        "a,b.s3.local",
                                        "*.*.s3.local",
                                        "a\ns3.local",
                                        "\xc3\xa9.s3.local",
                                        "x/s3.local",
                                        "[fd00::1]"};
    struct fixture *f = set_up(false);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        X509 *leaf = NULL;
        struct err err = {.detail = ""};
        if (mint_one(f, names[i], f->now, &leaf, &err) != ERR_TLS_SETUP) fail_msg("minted \"%s\"", names[i]);
        assert_null(leaf);
        assert_true(err.detail[0] != '\0');
    }
    tear_down(f);
}

/* Takes the CA's key from its file, as a thief would, and signs a certificate that our own code refuses to. */
static X509 *forge(const struct fixture *f, const char *san, const char *common_name)
{
    FILE *file = fopen(f->key, "re");
    assert_non_null(file);
    EVP_PKEY *stolen = PEM_read_PrivateKey(file, NULL, NULL, NULL), *key = EVP_EC_gen("P-256");
    assert_int_equal(fclose(file), 0);
    X509 *cert = X509_new(), *ca = ca_certificate(f->ca);
    assert_true(stolen && key && cert);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), DAY_S);
    X509_set_issuer_name(cert, X509_get_subject_name(ca));
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
                               -1, 0);
    X509_set_pubkey(cert, key);
    const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_subject_alt_name, san},
                      {NID_basic_constraints, "critical,CA:FALSE"},
                      {NID_key_usage, "critical,digitalSignature"},
                      {NID_subject_key_identifier, "hash"},
                      {NID_authority_key_identifier, "keyid:always"}};
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, ca, cert, NULL, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
        assert_non_null(ext);
        assert_int_equal(X509_add_ext(cert, ext, -1), 1);
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(cert, stolen, EVP_sha256()) > 0);
    EVP_PKEY_free(stolen);
    EVP_PKEY_free(key);
    return cert;
}

static void test_ca_constraints_hold_for_a_stolen_key(void **state)
{
    (void)state;
    struct fixture *f = set_up(false), *with_ip = set_up(true);
    X509 *good = forge(f, "DNS:b.s3.local", "b.s3.local");
    assert_int_equal(verify(f, good, "b.s3.local", false), X509_V_OK); /* the forgery itself is sound */
    X509 *dns = forge(f, "DNS:bank.example", "bank.example");
    assert_int_equal(verify(f, dns, "bank.example", false), X509_V_ERR_PERMITTED_VIOLATION);
    X509 *both = forge(f, "DNS:b.s3.local,DNS:bank.example", "b.s3.local");
    assert_int_equal(verify(f, both, "b.s3.local", false), X509_V_ERR_PERMITTED_VIOLATION);
    X509 *ip = forge(f, "IP:10.0.0.1", "an address");
    assert_int_equal(verify(f, ip, "10.0.0.1", true), X509_V_ERR_EXCLUDED_VIOLATION);
    X509 *ip6 = forge(f, "IP:2001:db8::1", "an address");
    assert_int_equal(verify(f, ip6, "2001:db8::1", true), X509_V_ERR_EXCLUDED_VIOLATION);
    X509 *foreign_ip = forge(with_ip, "IP:10.0.0.1", "an address");
    assert_int_equal(verify(with_ip, foreign_ip, "10.0.0.1", true), X509_V_ERR_PERMITTED_VIOLATION);
    X509_free(good);
    X509_free(dns);
    X509_free(both);
    X509_free(ip);
    X509_free(ip6);
    X509_free(foreign_ip);
    tear_down(with_ip);
    tear_down(f);
}

static void test_mint_leaf_for_several_names_holds_all(void **state)
{
    (void)state;
    static const struct str names[] = {STR_INIT("127.0.0.1"), STR_INIT("s3.local"), STR_INIT("*.s3.local"),
                                       STR_INIT("fd00::1")};
    static const struct str bad[] = {STR_INIT("s3.local"), STR_INIT("example.com")};
    struct fixture *f = set_up(true);
    X509 *leaf = NULL, *again = NULL;
    struct err err;
    assert_int_equal(mint_leaf_for(f, names, ARRAY_LEN(names), f->now, &leaf, &err), ERR_NONE);
    assert_int_equal(verify(f, leaf, "s3.local", false), X509_V_OK);
    assert_int_equal(verify(f, leaf, "bucket.s3.local", false), X509_V_OK);
    assert_int_equal(verify(f, leaf, "127.0.0.1", true), X509_V_OK);
    assert_int_equal(verify(f, leaf, "fd00::1", true), X509_V_OK);
    assert_int_equal(verify(f, leaf, "127.0.0.2", true), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_int_equal(mint_leaf_for(f, names, ARRAY_LEN(names), f->now, &again, &err), ERR_NONE);
    assert_ptr_equal(leaf, again);
    X509_free(again);
    X509_free(leaf);
    assert_int_equal(mint_leaf_for(f, bad, 2, f->now, &leaf, &err), ERR_TLS_SETUP);
    assert_int_equal(mint_leaf_for(f, NULL, 0, f->now, &leaf, &err), ERR_TLS_SETUP);
    static struct str many[512];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = STR("b.s3.local");
    assert_int_equal(mint_leaf_for(f, many, ARRAY_LEN(many), f->now, &leaf, &err), ERR_TLS_SETUP);
    assert_null(leaf);
    tear_down(f);
}

/* ---- the cache ---- */

static void test_mint_leaf_is_cached_until_its_last_tenth(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    int64_t life = 30 * DAY_S + 3600, renew_at = f->now + 30 * DAY_S - life / 10;
    X509 *first = mint_ok(f, "b.s3.local", f->now), *upper = mint_ok(f, "B.s3.LOCAL", f->now + 1);
    X509 *late = mint_ok(f, "b.s3.local", renew_at - 1), *other = mint_ok(f, "c.s3.local", f->now);
    assert_ptr_equal(first, upper);
    assert_ptr_equal(first, late);
    assert_ptr_not_equal(first, other);
    X509 *renewed = mint_ok(f, "b.s3.local", renew_at), *kept = mint_ok(f, "b.s3.local", renew_at);
    assert_ptr_not_equal(first, renewed);
    assert_ptr_equal(renewed, kept);
    assert_int_equal(unix_time(X509_get0_notAfter(renewed)), renew_at + 30 * DAY_S);
    X509 *past = mint_ok(f, "b.s3.local", f->now); /* the clock was set back: not yet valid would be no help */
    assert_ptr_not_equal(past, renewed);
    X509 *all[] = {first, upper, late, other, renewed, kept, past};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        X509_free(all[i]);
    tear_down(f);
}

static void test_mint_leaf_never_outlives_the_ca(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    int64_t end = unix_time(X509_get0_notAfter(ca_certificate(f->ca)));
    X509 *leaf = mint_ok(f, "b.s3.local", end - 60), *again = mint_ok(f, "b.s3.local", end - 1);
    assert_int_equal(unix_time(X509_get0_notAfter(leaf)), end);
    assert_ptr_equal(leaf, again); /* a new one would not be better */
    X509_free(leaf);
    X509_free(again);
    struct err err;
    assert_int_equal(mint_one(f, "b.s3.local", end, &leaf, &err), ERR_TLS_SETUP);
    assert_non_null(strstr(err.detail, "expired"));
    tear_down(f);
}

static void test_mint_leaf_least_recently_used_is_forgotten(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    X509 *oldest = mint_ok(f, "oldest.s3.local", f->now), *used = mint_ok(f, "used.s3.local", f->now);
    for (int i = 0; i < 1023; i++) { /* with these two, one more than there is room for */
        char name[64];
        snprintf(name, sizeof name, "n%d.s3.local", i);
        X509_free(mint_ok(f, name, f->now));
        X509 *hit = mint_ok(f, "used.s3.local", f->now);
        assert_ptr_equal(hit, used);
        X509_free(hit);
    }
    X509 *hit = mint_ok(f, "n1022.s3.local", f->now), *same = mint_ok(f, "n1022.s3.local", f->now);
    assert_ptr_equal(hit, same);
    X509 *anew = mint_ok(f, "oldest.s3.local", f->now);
    assert_ptr_not_equal(anew, oldest);
    X509 *still = mint_ok(f, "used.s3.local", f->now); /* made second, but used since */
    assert_ptr_equal(still, used);
    assert_int_equal(verify(f, oldest, "oldest.s3.local", false), X509_V_OK); /* our reference outlives the cache's */
    X509 *all[] = {hit, same, anew, still, used, oldest};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        X509_free(all[i]);
    tear_down(f);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 300, NAMES = 40 };

struct worker {
    struct fixture *f;
    unsigned seed;
    size_t wrong;
};

static void *mint_many(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char name[64];
        w->seed = w->seed * 1103515245u + 12345u;
        snprintf(name, sizeof name, "t%u.s3.local", (w->seed >> 16) % NAMES);
        X509 *leaf = NULL;
        /* time runs fast here, so that leaves are renewed under each other's feet */
        int64_t now = w->f->now + (int64_t)i * DAY_S / 10;
        bool ok = mint_one(w->f, name, now, &leaf, NULL) == ERR_NONE && leaf &&
                  X509_check_host(leaf, name, 0, 0, NULL) == 1 &&
                  X509_check_private_key(leaf, mint_key(w->f->mint)) == 1;
        w->wrong += !ok;
        X509_free(leaf);
    }
    return NULL;
}

static void test_mint_leaf_four_threads_each_get_their_name(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){f, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, mint_many, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    tear_down(f);
}

/* ---- those who wait ---- */

static X509 *order(struct fixture *f, struct str name, struct wait *w)
{
    X509 *leaf;
    struct err err;
    assert_int_equal(mint_leaf(f->mint, &name, 1, f->now, &w->mint, &leaf, &err), ERR_NONE);
    return leaf;
}

static void test_mint_leaf_who_waits_for_one_name_waits_for_one_answer(void **state)
{
    (void)state;
    enum { WAITING = 50 };
    struct fixture *f = set_up(false);
    static struct wait same[WAITING];
    struct wait other = WAIT, gone = WAIT, early = WAIT;
    pthread_mutex_lock(&f->gate);
    for (size_t i = 0; i < WAITING; i++) {
        same[i] = (struct wait)WAIT;
        assert_null(order(f, i % 2 ? STR("a.s3.local") : STR("A.S3.local"), &same[i]));
    }
    assert_null(order(f, STR("b.s3.local"), &other));
    assert_null(order(f, STR("c.s3.local"), &gone));
    assert_null(order(f, STR("a.s3.local"), &early));
    assert_true(mint_cancel(f->mint, &gone.mint)); /* nobody asks for c any more */
    assert_true(mint_cancel(f->mint, &early.mint));
    assert_false(mint_cancel(f->mint, &early.mint)); /* twice is fine */
    pthread_mutex_unlock(&f->gate);
    wait_for(f, &other);
    for (size_t i = 0; i < WAITING; i++) {
        wait_for(f, &same[i]);
        assert_non_null(same[i].mint.leaf);
        assert_ptr_equal(same[i].mint.leaf, same[0].mint.leaf);
        X509_free(same[i].mint.leaf);
    }
    assert_false(gone.arrived || early.arrived);
    assert_int_equal(f->asked, 2);
    X509_free(other.mint.leaf);
    tear_down(f);
}

static void test_mint_leaf_without_who_signs_lives_on_what_is_there(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    struct err err = {0};
    X509 *there = mint_ok(f, "a.s3.local", f->now), *leaf = NULL;
    f->silent = true;
    assert_int_equal(mint_one(f, "b.s3.local", f->now, &leaf, &err), ERR_TLS_SETUP);
    assert_string_equal(err.detail, "nobody signs");
    assert_null(leaf);
    X509 *again = mint_ok(f, "a.s3.local", f->now);
    assert_ptr_equal(there, again);
    f->silent = false;
    leaf = mint_ok(f, "b.s3.local", f->now); /* a failure is not kept */
    X509_free(leaf);
    X509_free(there);
    X509_free(again);
    tear_down(f);
}

static void test_mint_crl_is_renewed_when_it_is_a_day_old(void **state)
{
    (void)state;
    struct fixture *f = set_up(false);
    char first[MINT_CRL_BYTES], next[MINT_CRL_BYTES];
    struct sbuf a = sbuf_make(first, sizeof first), b = sbuf_make(next, sizeof next), small = sbuf_make(next, 1);
    assert_true(mint_crl(f->mint, f->now, &a));
    assert_true(mint_crl(f->mint, f->now + DAY_S / 2, &b));
    assert_true(str_eq(sbuf_str(&a), sbuf_str(&b))); /* signatures differ each time */
    assert_false(mint_crl(f->mint, f->now, &small));
    assert_false(mint_crl(f->mint, f->now + 8 * DAY_S, &small)); /* not valid any more */
    do {
        b = sbuf_make(next, sizeof next);
        assert_true(mint_crl(f->mint, f->now + 2 * DAY_S, &b)); /* the old one, until the next is there */
    } while (str_eq(sbuf_str(&a), sbuf_str(&b)));
    tear_down(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ca_create_certificate_has_what_rfc_5280_asks_for),
        cmocka_unit_test(test_ca_create_files_have_their_modes_whatever_the_umask),
        cmocka_unit_test(test_ca_create_existing_files_stay_unless_forced),
        cmocka_unit_test(test_ca_create_forced_keeps_what_was_and_stops_whole),
        cmocka_unit_test(test_ca_create_forced_takes_the_key_back_when_the_certificate_stays),
        cmocka_unit_test(test_ca_create_bad_parameters_write_nothing),
        cmocka_unit_test(test_ca_load_unusable_files_are_refused_with_advice),
        cmocka_unit_test(test_ca_load_leaf_or_wrong_time_is_refused),
        cmocka_unit_test(test_ca_load_an_intermediate_brings_its_chain),
        cmocka_unit_test(test_ca_permits_table),
        cmocka_unit_test(test_ca_describe_names_all_that_matters),
        cmocka_unit_test(test_ca_constraints_hold_for_a_stolen_key),
        cmocka_unit_test(test_mint_leaf_verifies_strictly_for_its_name_only),
        cmocka_unit_test(test_mint_leaf_has_what_rfc_5280_asks_for),
        cmocka_unit_test(test_mint_leaf_outside_the_constraints_is_refused),
        cmocka_unit_test(test_mint_leaf_for_several_names_holds_all),
        cmocka_unit_test(test_mint_leaf_is_cached_until_its_last_tenth),
        cmocka_unit_test(test_mint_leaf_never_outlives_the_ca),
        cmocka_unit_test(test_mint_leaf_least_recently_used_is_forgotten),
        cmocka_unit_test(test_mint_leaf_four_threads_each_get_their_name),
        cmocka_unit_test(test_mint_leaf_who_waits_for_one_name_waits_for_one_answer),
        cmocka_unit_test(test_mint_leaf_without_who_signs_lives_on_what_is_there),
        cmocka_unit_test(test_mint_crl_is_renewed_when_it_is_a_day_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
