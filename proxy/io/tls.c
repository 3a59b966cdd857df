/* SPDX-License-Identifier: Apache-2.0
 * tls.c: see tls.h.
 *
 * Our BIO: a read is one big recv straight into OpenSSL's read-ahead buffer; a write only appends the record to the
 * connection's out block, which leaves in one send per four records. Room for a whole record is made before SSL_write,
 * so that it never fails half way.
 *
 * TLS inside TLS: the inner SSL's BIO reads and writes through the outer SSL, whose BIO is the one above:
 *
 *     owner ⇄ c->ssl ⇄ outer_read/outer_write ⇄ c->outer ⇄ bio_read/bio_write ⇄ socket, out block
 */
#include "io/tls.h"

#include "base/clock.h"
#include "ca.h"
#include "io/tls_peer.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    READ_AHEAD = 66 * 1024, /* four full records and slack */
    RECORD = SSL3_RT_MAX_PLAIN_LENGTH,
    RECORD_OVERHEAD = 512,
    MAX_NAMES = 16, /* of a certificate for clients without SNI */
};

/* Of TLS 1.2, RFC 9325 4.2: authenticated encryption and forward secrecy. TLS 1.3 knows nothing else. */
#define AEAD_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static int bio_read(BIO *b, char *p, size_t n, size_t *got)
{
    struct conn *c = BIO_get_data(b);
    long r;

    BIO_clear_retry_flags(b);
    *got = c->outer ? 0 : conn_take_seed(c, p, n);
    if (*got) return 1;
    if (c->sated && c->drained) {
        BIO_set_retry_read(b);
        return 0;
    }
    r = conn_transport_recv(c, p, n);
    if (r > 0) {
        *got = (size_t)r;
        return 1;
    }
    if (r == -1) BIO_set_retry_read(b);
    return 0;
}

static int bio_write(BIO *b, const char *p, size_t n, size_t *put)
{
    struct conn *c = BIO_get_data(b);

    BIO_clear_retry_flags(b);
    *put = 0;
    if (!conn_transport_put(c, p, n)) {
        conn_transport_send(c);
        if (!conn_transport_put(c, p, n)) {
            if (!c->broken && !c->write_broken) BIO_set_retry_write(b);
            return 0;
        }
    }
    *put = n;
    return 1;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    struct conn *c = BIO_get_data(b);

    (void)num;
    (void)ptr;
    if (cmd == BIO_CTRL_FLUSH) return 1; /* flushing is explicit: conn_flush */
    if (cmd == BIO_CTRL_EOF) return c && c->transport_eof && !c->seed;
    return 0;
}

/* Below the inner SSL. What goes wrong with the outer one is left in OpenSSL's queue, where the inner call finds it. */
static int outer_failed(BIO *b, struct conn *c, int r)
{
    switch (SSL_get_error(c->outer, r)) {
    case SSL_ERROR_WANT_READ: BIO_set_retry_read(b); break;
    case SSL_ERROR_WANT_WRITE: BIO_set_retry_write(b); break;
    case SSL_ERROR_ZERO_RETURN: c->transport_eof = true; break;
    default: break;
    }
    return 0;
}

static int outer_read(BIO *b, char *p, size_t n, size_t *got)
{
    struct conn *c = BIO_get_data(b);
    int r;

    BIO_clear_retry_flags(b);
    *got = conn_take_seed(c, p, n);
    if (*got) return 1;
    r = SSL_read_ex(c->outer, p, n, got);
    return r == 1 ? 1 : outer_failed(b, c, r);
}

static int outer_write(BIO *b, const char *p, size_t n, size_t *put)
{
    struct conn *c = BIO_get_data(b);
    int r;

    BIO_clear_retry_flags(b);
    *put = 0;
    r = SSL_write_ex(c->outer, p, n, put);
    return r == 1 ? 1 : outer_failed(b, c, r);
}

static BIO_METHOD *bio_method, *outer_method;
static pthread_once_t bio_method_once = PTHREAD_ONCE_INIT;

static BIO_METHOD *method_new(const char *name, int (*read)(BIO *, char *, size_t, size_t *),
                              int (*write)(BIO *, const char *, size_t, size_t *))
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, name);

    ASSERT(m);
    BIO_meth_set_read_ex(m, read);
    BIO_meth_set_write_ex(m, write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

static void bio_method_make(void)
{
    bio_method = method_new("s3onramp conn", bio_read, bio_write);
    outer_method = method_new("s3onramp TLS in TLS", outer_read, outer_write);
}

/* Why OpenSSL failed, in words; empties its queue. */
static void read_error(char *out, size_t n)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e ? ERR_reason_error_string(e) : NULL;

    snprintf(out, n, "%s", reason ? reason : "connection broken off");
    ERR_clear_error();
}

static enum err_code ctx_fail(SSL_CTX **ctx, struct err *err, const char *what)
{
    char why[200];

    read_error(why, sizeof(why));
    SSL_CTX_free(*ctx);
    *ctx = NULL;
    return err_set(err, ERR_TLS_SETUP, 0, "%s: %s", what, why);
}

/* The file is there, it was asked before: what OpenSSL says of its content ("no start line") helps nobody. */
static enum err_code ctx_fail_file(SSL_CTX **ctx, struct err *err, const char *file, const char *what)
{
    ERR_clear_error();
    SSL_CTX_free(*ctx);
    *ctx = NULL;
    return err_set(err, ERR_TLS_SETUP, 0, "%s %s", file, what);
}

static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx;

    ERR_clear_error();
    ctx = SSL_CTX_new(method);
    if (!ctx) return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    if (SSL_CTX_set_cipher_list(ctx, AEAD_CIPHERS) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD);
    return ctx;
}

/* A handshake that waits for its certificate. */
struct tls_wait {
    struct mint_wait mint;
    struct mint *from; /* borrowed: the connection's context has it */
    struct loop *loop; /* borrowed: it runs as long as the connection lives */
    struct loop_post post;
    struct conn *conn; /* NULL: it has gone, and what arrives frees this */
    bool arrived;
};

static void wait_free(struct tls_wait *w)
{
    X509_free(w->mint.leaf);
    free(w);
}

/* On the loop. */
static void on_certificate(void *arg)
{
    struct tls_wait *w = arg;

    w->arrived = true;
    if (w->conn)
        w->conn->on_event(w->conn, w->conn->arg);
    else
        wait_free(w);
}

/* On the mint's thread. */
static void on_minted(struct mint_wait *m)
{
    struct tls_wait *w = CONTAINER_OF(m, struct tls_wait, mint);

    loop_post_with(w->loop, &w->post, on_certificate, w);
}

static void stop_waiting(struct conn *c)
{
    struct tls_wait *w = c->awaited;

    c->awaited = NULL;
    if (!w) return;
    if (w->arrived || mint_cancel(w->from, &w->mint))
        wait_free(w);
    else
        w->conn = NULL; /* it is on its way */
}

/* @names: "a" or "a,b,c". A certificate for the first, and for those of the others that the CA permits. *@leaf NULL:
 * the connection waits. */
static enum err_code mint_for(struct conn *c, struct mint *mint, struct str names, X509 **leaf, struct err *err)
{
    struct str each[MAX_NAMES], rest = names;
    int64_t now_s = clock_wall_us() / 1000000;
    size_t n = 0;

    while (n < MAX_NAMES && str_split(&rest, ',', &each[n]))
        if (n == 0 || mint_may_certify(mint, each[n])) n++;
    TRY(mint_leaf(mint, each, n, now_s, NULL, leaf, err));
    if (*leaf) return ERR_NONE;
    struct tls_wait *w = malloc(sizeof(*w));
    if (!w) return err_set(err, ERR_NO_MEMORY, 0, "out of memory");
    *w = (struct tls_wait){.mint = {.done = on_minted}, .from = mint, .loop = c->loop, .conn = c};
    enum err_code code = mint_leaf(mint, each, n, now_s, &w->mint, leaf, err);
    if (code == ERR_NONE && !*leaf)
        c->awaited = w;
    else
        wait_free(w);
    return code;
}

/* What the connection waited for. */
static enum err_code take_awaited(struct conn *c, X509 **leaf, struct err *err)
{
    struct tls_wait *w = c->awaited;

    if (!w->arrived) return ERR_NONE;
    *leaf = w->mint.leaf;
    w->mint.leaf = NULL;
    if (!*leaf) *err = w->mint.err;
    stop_waiting(c);
    return *leaf ? ERR_NONE : err->code;
}

/* At the ClientHello: the certificate for the name that the client asks for. Without SNI (addresses; Java also for
 * names without a dot): one for all names of the listener. -1: not yet; it is called again. */
static int choose_certificate(SSL *ssl, void *arg)
{
    struct conn *c = SSL_get_app_data(ssl);
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    char name[1024];
    struct sbuf b = sbuf_make(name, sizeof(name));
    struct err err = {0};
    X509 *leaf = NULL;
    int ok;

    sbuf_lower(&b, str_from(sni ? sni : c->tls_name));
    if (b.overflow || !b.n || (sni && strchr(sni, ','))) return 0;
    if ((c->awaited ? take_awaited(c, &leaf, &err) : mint_for(c, arg, sbuf_str(&b), &leaf, &err)) != ERR_NONE) {
        snprintf(c->error, sizeof(c->error), "no certificate: %.140s", err.detail);
        return 0;
    }
    if (!leaf) return -1;
    ok = SSL_use_certificate(ssl, leaf) == 1 && SSL_use_PrivateKey(ssl, mint_key(arg)) == 1 &&
         SSL_set1_chain(ssl, mint_chain(arg)) == 1;
    X509_free(leaf);
    return ok;
}

/* RFC 6066 3: a name that nobody here answers to ends the handshake. */
static int check_name(SSL *ssl, int *alert, void *arg UNUSED)
{
    struct conn *c = SSL_get_app_data(ssl);
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    char name[256];
    struct sbuf b = sbuf_make(name, sizeof(name));

    if (!sni || !c->may_name) return SSL_TLSEXT_ERR_OK;
    sbuf_lower(&b, str_from(sni));
    if (!b.overflow && c->may_name(sbuf_str(&b), c->arg)) return SSL_TLSEXT_ERR_OK;
    snprintf(c->error, sizeof(c->error), "no certificate: the client asks for %.100s, which is no name here", sni);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                       unsigned in_n, void *arg)
{
    static const unsigned char http11[] = "\x08http/1.1";

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, http11, sizeof(http11) - 1, in, in_n) ==
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_NOACK;
}

/* Nobody is there to type one. */
static int no_password(char *out UNUSED, int n UNUSED, int writing UNUSED, void *arg UNUSED)
{
    return -1;
}

/* Contexts keep their mint as long as a connection keeps them. */
static int mint_index;
static pthread_once_t mint_index_once = PTHREAD_ONCE_INIT;

static void leave_mint(void *ctx UNUSED, void *mint, CRYPTO_EX_DATA *data UNUSED, int index UNUSED, long n UNUSED,
                       void *arg UNUSED)
{
    struct mint *m = mint;

    mint_unref(&m);
}

static void mint_index_make(void)
{
    mint_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, leave_mint);
    ASSERT(mint_index >= 0);
}

enum err_code tls_server_ctx(struct mint *mint, const char *cert_file, const char *key_file, SSL_CTX **out,
                             struct err *err)
{
    SSL_CTX *ctx = ctx_new(TLS_server_method());

    if (!ctx) return ctx_fail(&ctx, err, "TLS server");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    if (SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"s3onramp", 8) != 1)
        return ctx_fail(&ctx, err, "TLS server");
    if (cert_file) {
        if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
            return ctx_fail_file(&ctx, err, cert_file, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
        SSL_CTX_set_default_passwd_cb(ctx, no_password);
        if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
            return ctx_fail_file(&ctx, err, key_file,
                                 "holds no private key in PEM that belongs to the certificate and has no passphrase");
    } else {
        pthread_once(&mint_index_once, mint_index_make);
        if (SSL_CTX_set_ex_data(ctx, mint_index, mint) != 1) return ctx_fail(&ctx, err, "TLS server");
        if (mint) mint_ref(mint); /* none: only what clients show is judged (control/preflight.c) */
        SSL_CTX_set_tlsext_servername_callback(ctx, check_name);
        SSL_CTX_set_cert_cb(ctx, choose_certificate, mint);
    }
    *out = ctx;
    return ERR_NONE;
}

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    tls_session_fn *fn = (tls_session_fn *)(uintptr_t)SSL_CTX_get_app_data(ctx);

    if (!fn) return 0;
    fn(SSL_get_app_data(ssl), session);
    return 1;
}

/* What all clients do, whomever they trust. Takes over @ctx. */
static enum err_code finish_client(SSL_CTX *ctx, tls_session_fn *on_session, SSL_CTX **out, struct err *err)
{
    static const unsigned char http11[] = "\x08http/1.1";

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)on_session);
    SSL_CTX_sess_set_new_cb(ctx, new_session);
    if (SSL_CTX_set_alpn_protos(ctx, http11, sizeof(http11) - 1) != 0) return ctx_fail(&ctx, err, "ALPN");
    *out = ctx;
    return ERR_NONE;
}

enum err_code tls_client_ctx(const char *ca_file, tls_session_fn *on_session, SSL_CTX **out, struct err *err)
{
    SSL_CTX *ctx = ctx_new(TLS_client_method());

    if (!ctx) return ctx_fail(&ctx, err, "TLS client");
    if (ca_file && SSL_CTX_load_verify_file(ctx, ca_file) != 1)
        return ctx_fail_file(&ctx, err, ca_file, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    if (!ca_file && SSL_CTX_set_default_verify_paths(ctx) != 1) return ctx_fail(&ctx, err, "system CA certificates");
    return finish_client(ctx, on_session, out, err);
}

enum err_code tls_client_ctx_like(SSL_CTX *like, SSL_CTX **out, struct err *err)
{
    SSL_CTX *ctx = ctx_new(TLS_client_method());

    if (!ctx) return ctx_fail(&ctx, err, "TLS client");
    SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(like));
    return finish_client(ctx, NULL, out, err);
}

SSL_CTX *tls_ctx_ref(SSL_CTX *ctx)
{
    if (ctx) SSL_CTX_up_ref(ctx);
    return ctx;
}

int64_t tls_ctx_not_after(const SSL_CTX *ctx)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);
    int64_t end;

    return cert && x509_unix_time(X509_get0_notAfter(cert), &end) ? end : INT64_MAX;
}

static bool has_name(X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = sk_GENERAL_NAME_value(names, i)->type;
        found = found || type == GEN_DNS || type == GEN_IPADD;
    }
    GENERAL_NAMES_free(names);
    return found;
}

static int refuse_nameless(int ok, X509_STORE_CTX *store)
{
    if (!ok || X509_STORE_CTX_get_error_depth(store) > 0 || has_name(X509_STORE_CTX_get_current_cert(store))) return ok;
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

void tls_ctx_refuse_nameless(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, refuse_nameless);
}

void tls_ctx_free(SSL_CTX **ctx)
{
    SSL_CTX_free(*ctx);
    *ctx = NULL;
}

void tls_session_free(SSL_SESSION **session)
{
    SSL_SESSION_free(*session);
    *session = NULL;
}

void tls_system_roots(const char **file, const char **folder)
{
    *file = getenv(X509_get_default_cert_file_env());
    *folder = getenv(X509_get_default_cert_dir_env());
    if (!*file) *file = X509_get_default_cert_file();
    if (!*folder) *folder = X509_get_default_cert_dir();
}

enum err_code tls_attach(struct conn *c, SSL_CTX *ctx, const char *name, SSL_SESSION *session, bool server,
                         struct err *err)
{
    BIO *bio;

    pthread_once(&bio_method_once, bio_method_make);
    ERR_clear_error();
    c->outer = c->ssl;
    c->ssl = SSL_new(ctx);
    bio = BIO_new(c->outer ? outer_method : bio_method);
    if (!c->ssl || !bio) {
        BIO_free(bio);
        SSL_free(c->ssl);
        c->ssl = c->outer;
        c->outer = NULL;
        ERR_clear_error();
        return err_set(err, ERR_NO_MEMORY, 0, "TLS connection");
    }
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->ssl, bio, bio);
    SSL_set_app_data(c->ssl, c);
    c->ssl_pending = true;
    if (server) {
        SSL_set_accept_state(c->ssl);
        return ERR_NONE;
    }
    SSL_set_connect_state(c->ssl);
    if (SSL_set_tlsext_host_name(c->ssl, name) != 1 || SSL_set1_host(c->ssl, name) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_UPSTREAM_TLS, 0, "%s is no TLS server name", name);
    }
    SSL_set_hostflags(c->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (session) SSL_set_session(c->ssl, session);
    return ERR_NONE;
}

struct str conn_tls_version(const struct conn *c)
{
    switch (c->ssl ? SSL_version(c->ssl) : 0) {
    case TLS1_2_VERSION: return STR("1.2");
    case TLS1_3_VERSION: return STR("1.3");
    default: return STR_NONE;
    }
}

struct str conn_tls_cipher(const struct conn *c)
{
    return c->ssl && SSL_is_init_finished(c->ssl) ? str_from(SSL_get_cipher_name(c->ssl)) : STR_NONE;
}

/* RFC 8446 6.2: who ends a connection for an error says so with a fatal alert first. OpenSSL has written it into the
 * out block; it leaves now, or with conn_close. */
static void send_alert(struct conn *c)
{
    int received = SSL_get_shutdown(c->ssl) | (c->outer ? SSL_get_shutdown(c->outer) : 0);

    if (c->broken || c->write_broken) return;
    c->alerted = !(received & SSL_RECEIVED_SHUTDOWN); /* else the error is the peer's own alert */
    conn_transport_send(c);
}

static void note_error(struct conn *c)
{
    if (SSL_get_verify_result(c->ssl) != X509_V_OK && !SSL_is_server(c->ssl))
        tls_peer_refusal(c, c->error, sizeof(c->error));
    else
        read_error(c->error, sizeof(c->error));
}

/* What a return value <= 0 of an SSL call means for the owner. */
static enum conn_result judge(struct conn *c, int r)
{
    int why = SSL_get_error(c->ssl, r);

    switch (why) {
    case SSL_ERROR_WANT_READ: c->ssl_pending = false; return CONN_AGAIN;
    case SSL_ERROR_WANT_WRITE:
    case SSL_ERROR_WANT_X509_LOOKUP: return CONN_AGAIN; /* the latter: choose_certificate waits */
    case SSL_ERROR_ZERO_RETURN: return CONN_EOF;
    default: break;
    }
    if (c->transport_eof && !c->broken) {
        ERR_clear_error();
        return CONN_TRUNCATED;
    }
    if (!c->error[0]) note_error(c);
    if (why == SSL_ERROR_SSL) send_alert(c);
    ERR_clear_error();
    c->broken = true;
    return CONN_ERROR;
}

enum conn_result tls_handshake(struct conn *c)
{
    enum conn_result r = CONN_OK;
    int n;

    ERR_clear_error();
    n = SSL_do_handshake(c->ssl);
    if (n != 1) r = judge(c, n);
    if (r == CONN_TRUNCATED) {
        snprintf(c->error, sizeof(c->error), "the peer closed the connection during the handshake");
        r = CONN_ERROR;
    }
    if (r == CONN_ERROR) return CONN_ERROR;
    c->ssl_pending = r == CONN_OK;
    if (conn_transport_send(c) == CONN_ERROR) return CONN_ERROR;
    return r;
}

enum conn_result tls_read(struct conn *c, char *p, size_t n, size_t *got)
{
    ERR_clear_error();
    while (*got < n) {
        size_t r = 0;
        int ok;

        c->sated = *got > 0;
        ok = SSL_read_ex(c->ssl, p + *got, n - *got, &r);
        c->sated = false;
        if (ok != 1) {
            enum conn_result why = judge(c, ok);

            if (*got && why != CONN_AGAIN) {
                c->ssl_pending = true; /* told again at the next call */
                c->broken = false;
            }
            return *got ? CONN_OK : why;
        }
        *got += r;
    }
    c->ssl_pending = true;
    return CONN_OK;
}

enum conn_result tls_write(struct conn *c, const char *p, size_t n, size_t *took)
{
    ERR_clear_error();
    while (*took < n) {
        size_t piece = n - *took < RECORD ? n - *took : RECORD, r = 0;
        int ok;

        if (c->out && BUF_ALLOC - c->out_end < piece + RECORD_OVERHEAD) {
            enum conn_result sent = conn_transport_send(c);

            if (sent == CONN_ERROR) return CONN_ERROR;
            if (sent == CONN_AGAIN) break;
        }
        ok = SSL_write_ex(c->ssl, p + *took, piece, &r);
        if (ok != 1) {
            enum conn_result why = judge(c, ok);

            if (why == CONN_AGAIN) break;
            return CONN_ERROR;
        }
        *took += r;
    }
    return *took ? CONN_OK : CONN_AGAIN;
}

static void shutdown_one(SSL *ssl)
{
    if (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) return;
    ERR_clear_error();
    SSL_shutdown(ssl);
    ERR_clear_error();
}

void tls_shutdown(struct conn *c)
{
    if (c->state != CONN_OPEN || c->broken || c->write_broken) return;
    shutdown_one(c->ssl);
    if (c->outer) shutdown_one(c->outer);
}

static void free_one(SSL **ssl)
{
    if (!*ssl) return;
    /* Without this OpenSSL would take a session of an unclean end for a bad one. */
    SSL_set_shutdown(*ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(*ssl);
    *ssl = NULL;
}

void tls_detach(struct conn *c)
{
    stop_waiting(c);
    free_one(&c->ssl); /* its BIO is above the outer one */
    free_one(&c->outer);
}

const char *tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
