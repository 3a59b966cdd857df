/* SPDX-License-Identifier: Apache-2.0
 * test_conn.c: the transport over a socket pair, plain and with TLS: every byte arrives once and in order, ends are
 * told apart.
 */
#include "io/conn.h"

#include "io/signer.h"
#include "io/tls.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ssl.h>

enum { TOTAL = 3 * 1024 * 1024 + 77 };

struct end {
    struct conn conn;
    struct pair *pair;
    size_t done; /* bytes sent or received */
};

struct certs {
    char dir[64], ca_pem[96], ca_key[96];
    struct mint *mint;
    SSL_CTX *server, *client;
};

struct pair {
    struct loop loop;
    struct end client, server;
    bool tls, tls_twice;       /* twice: TLS inside TLS */
    enum conn_result last;     /* how the receiver's stream ended */
    size_t piece;              /* size of one write */
    const struct certs *certs; /* with tls_twice */
};

static char pattern(size_t i)
{
    return (char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static int setup(void **state)
{
    static const char *const names[] = {"example.test"};
    struct ca_params params = {.common_name = "test", .days = 2, .dns = names, .dns_n = 1};
    struct certs *c = calloc(1, sizeof(*c));
    struct err err = {0};

    if (!c) return 1;
    snprintf(c->dir, sizeof(c->dir), "/tmp/test_conn.XXXXXX");
    if (!mkdtemp(c->dir)) return 1;
    snprintf(c->ca_pem, sizeof(c->ca_pem), "%s/ca.pem", c->dir);
    snprintf(c->ca_key, sizeof(c->ca_key), "%s/ca.key", c->dir);
    const struct signer_order order = {c->ca_pem, c->ca_key, NULL, 1, true};
    if (ca_create(c->ca_pem, c->ca_key, &params, false, &err) != ERR_NONE ||
        mint_open(&order, &c->mint, &err) != ERR_NONE)
        return 1;
    if (tls_server_ctx(c->mint, NULL, NULL, &c->server, &err) != ERR_NONE) return 1;
    if (tls_client_ctx(c->ca_pem, NULL, &c->client, &err) != ERR_NONE) return 1;
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct certs *c = *state;

    tls_ctx_free(&c->server);
    tls_ctx_free(&c->client);
    mint_unref(&c->mint);
    unlink(c->ca_pem);
    unlink(c->ca_key);
    rmdir(c->dir);
    free(c);
    return 0;
}

static void wait_only(struct conn *c, void *arg)
{
    (void)c;
    (void)arg;
}

static struct pair *pair_new(conn_event_fn *on_client, conn_event_fn *on_server)
{
    struct pair *p = calloc(1, sizeof(*p));
    int fds[2];
    struct err err = {0};

    assert_non_null(p);
    assert_int_equal(loop_init(&p->loop, NULL, NULL, p, &err), ERR_NONE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(conn_accept(&p->client.conn, &p->loop, fds[0], on_client, &p->client, &err), ERR_NONE);
    assert_int_equal(conn_accept(&p->server.conn, &p->loop, fds[1], on_server, &p->server, &err), ERR_NONE);
    p->client.pair = p->server.pair = p;
    return p;
}

static void pair_tls(struct pair *p, const struct certs *c, const char *name)
{
    struct err err = {0};

    p->tls = true;
    assert_int_equal(conn_tls_connect(&p->client.conn, c->client, name, NULL, &err), ERR_NONE);
    assert_int_equal(conn_tls_accept(&p->server.conn, c->server, "fallback.test", NULL, STR_NONE, &err), ERR_NONE);
}

static void pair_free(struct pair *p)
{
    conn_close(&p->client.conn, false);
    conn_close(&p->client.conn, false); /* twice is fine */
    conn_close(&p->server.conn, false);
    assert_int_equal(p->loop.bufs.used_n, 0); /* every borrowed block came back */
    loop_clear(&p->loop);
    free(p);
}

static bool shake_hands(struct conn *c, const struct pair *p)
{
    struct err err = {0};

    if (c->state == CONN_HANDSHAKE && conn_handshake(c) != CONN_OK) return false;
    if (!p->tls_twice || c->outer) return true;
    if (c == &p->client.conn)
        assert_int_equal(conn_tls_connect(c, p->certs->client, "inner.example.test", NULL, &err), ERR_NONE);
    else
        assert_int_equal(conn_tls_accept(c, p->certs->server, "x", NULL, STR_NONE, &err), ERR_NONE);
    return conn_handshake(c) == CONN_OK;
}

/* Writes TOTAL bytes in pieces, then ends its direction. */
static void send_all(struct conn *c, void *arg)
{
    struct end *e = arg;
    struct pair *p = e->pair;
    char piece[200 * 1024];

    if (!shake_hands(c, p)) return;
    while (e->done < TOTAL) {
        size_t n = p->piece < TOTAL - e->done ? p->piece : TOTAL - e->done, took;

        for (size_t i = 0; i < n; i++)
            piece[i] = pattern(e->done + i);
        if (conn_write(c, piece, n, &took) != CONN_OK) break;
        e->done += took;
    }
    if (conn_flush(c) == CONN_OK && e->done == TOTAL) conn_shutdown(c);
}

static void receive_all(struct conn *c, void *arg)
{
    struct end *e = arg;
    char mem[50 * 1000];
    size_t got;

    if (!shake_hands(c, e->pair)) return;
    while ((e->pair->last = conn_read(c, mem, sizeof(mem), &got)) == CONN_OK) {
        for (size_t i = 0; i < got; i++)
            if (mem[i] != pattern(e->done + i)) fail_msg("byte %zu differs", e->done + i);
        e->done += got;
    }
    if (e->pair->last != CONN_AGAIN) loop_stop(&e->pair->loop);
}

static void run_transfer(struct pair *p, size_t piece)
{
    p->piece = piece;
    receive_all(&p->server.conn, &p->server);
    send_all(&p->client.conn, &p->client);
    loop_run(&p->loop);
    assert_int_equal(p->server.done, TOTAL);
    assert_int_equal(p->last, CONN_EOF);
    pair_free(p);
}

static const size_t pieces[] = {100, 4096, 16384, 16385, 65536, 200 * 1024};

static void test_conn_write_plain_every_byte_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        run_transfer(pair_new(send_all, receive_all), pieces[i]);
}

static void test_conn_write_tls_every_byte_arrives(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct pair *p = pair_new(send_all, receive_all);

        pair_tls(p, *state, "example.test");
        run_transfer(p, pieces[i]);
    }
}

/* Pumps both handshakes until one answers something else than CONN_AGAIN; while a certificate is made, they wait. */
static enum conn_result shake(struct pair *p)
{
    for (int i = 0; i < 20; i += !p->server.conn.awaited) {
        enum conn_result a, b;

        event_base_loop(p->loop.base, p->server.conn.awaited ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
        p->client.conn.readable = p->server.conn.readable = true;
        a = conn_handshake(&p->client.conn);
        b = conn_handshake(&p->server.conn);
        if (a == CONN_ERROR || b == CONN_ERROR) return CONN_ERROR;
        if (a == CONN_OK && b == CONN_OK) return CONN_OK;
    }
    return CONN_AGAIN;
}

static void test_conn_tls_inside_tls_every_byte_arrives(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct pair *p = pair_new(send_all, receive_all);

        p->tls_twice = true;
        p->certs = *state;
        pair_tls(p, *state, "example.test");
        run_transfer(p, pieces[i]);
    }
}

static void test_conn_handshake_other_name_is_refused(void **state)
{
    struct pair *p = pair_new(wait_only, wait_only);

    pair_tls(p, *state, "other.example.test"); /* minted for that name: fine */
    assert_int_equal(shake(p), CONN_OK);
    pair_free(p);
    p = pair_new(wait_only, wait_only);
    pair_tls(p, *state, "example.org"); /* outside the CA's constraints: no certificate at all */
    assert_int_equal(shake(p), CONN_ERROR);
    assert_non_null(strstr(p->server.conn.error, "no certificate"));
    pair_free(p);
}

static void test_conn_handshake_unknown_ca_is_refused(void **state)
{
    struct certs *c = *state;
    struct pair *p = pair_new(wait_only, wait_only);
    SSL_CTX *system = NULL;
    struct err err = {0};

    assert_int_equal(tls_client_ctx(NULL, NULL, &system, &err), ERR_NONE);
    assert_int_equal(conn_tls_connect(&p->client.conn, system, "example.test", NULL, &err), ERR_NONE);
    assert_int_equal(conn_tls_accept(&p->server.conn, c->server, "x", NULL, STR_NONE, &err), ERR_NONE);
    assert_int_equal(shake(p), CONN_ERROR);
    assert_non_null(strstr(p->client.conn.error, "certificate"));
    pair_free(p);
    tls_ctx_free(&system);
}

/* RFC 9110 4.3.4, RFC 6125 6.4.4: names are in the SAN; a subject that looks like one is none. */
static void test_conn_handshake_name_in_the_subject_only_is_refused(void **state)
{
    struct certs *c = *state;
    struct pair *p = pair_new(wait_only, wait_only);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    SSL_CTX *server = NULL;
    struct err err = {0};

    assert_true(key && cert && X509_set_version(cert, X509_VERSION_3) && X509_set_pubkey(cert, key));
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"example.test",
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(tls_server_ctx(c->mint, NULL, NULL, &server, &err), ERR_NONE);
    SSL_CTX_set_cert_cb(server, NULL, NULL);
    assert_int_equal(SSL_CTX_use_certificate(server, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server, key), 1);
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(c->client), cert), 1);
    assert_int_equal(conn_tls_connect(&p->client.conn, c->client, "example.test", NULL, &err), ERR_NONE);
    assert_int_equal(conn_tls_accept(&p->server.conn, server, "x", NULL, STR_NONE, &err), ERR_NONE);
    assert_int_equal(shake(p), CONN_ERROR);
    assert_string_equal(p->client.conn.error,
                        "certificate: hostname mismatch: not for example.test, but for /CN=example.test");
    pair_free(p);
    tls_ctx_free(&server);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* A client without SNI gets one certificate for all names that the CA permits: one more in the list spoils none. */
static void test_conn_handshake_names_that_the_ca_does_not_permit_are_left_out(void **state)
{
    struct certs *c = *state;
    struct pair *p = pair_new(wait_only, wait_only);
    struct err err = {0};

    assert_int_equal(conn_tls_connect(&p->client.conn, c->client, "also.example.test", NULL, &err), ERR_NONE);
    assert_int_equal(SSL_set_tlsext_host_name(p->client.conn.ssl, NULL), 1);
    assert_int_equal(
        conn_tls_accept(&p->server.conn, c->server, "example.test,machine,also.example.test", NULL, STR_NONE, &err),
        ERR_NONE);
    if (shake(p) != CONN_OK) fail_msg("%s", p->client.conn.error);
    pair_free(p);
}

static void test_conn_read_fin_without_close_notify_is_truncated(void **state)
{
    struct pair *p = pair_new(wait_only, wait_only);
    char byte;
    size_t got;

    pair_tls(p, *state, "example.test");
    assert_int_equal(shake(p), CONN_OK);
    shutdown(p->client.conn.fd, SHUT_WR);
    p->server.conn.readable = true;
    assert_int_equal(conn_read(&p->server.conn, &byte, 1, &got), CONN_TRUNCATED);
    pair_free(p);
}

/* RFC 8446 6.2, RFC 5246 7.2.2: who finds an error tells the other with a fatal alert, after the handshake as well. */
static void test_conn_read_bad_record_is_answered_with_an_alert(void **state)
{
    static const char record[5 + 32] = {0x17, 3, 3, 0, 32}; /* application data that nobody encrypted */

    for (unsigned i = 0; i < 8; i++) {
        struct pair *p = pair_new(wait_only, wait_only);
        bool by_server = i & 1;
        struct conn *finder = by_server ? &p->server.conn : &p->client.conn;
        struct conn *sender = by_server ? &p->client.conn : &p->server.conn;
        char byte;
        size_t n;

        pair_tls(p, *state, "example.test");
        if (i & 2) SSL_set_max_proto_version(p->client.conn.ssl, TLS1_2_VERSION);
        assert_int_equal(shake(p), CONN_OK);
        assert_int_equal(send(sender->fd, record, sizeof(record), 0), sizeof(record));
        finder->readable = sender->readable = true;
        assert_int_equal(conn_read(finder, &byte, 1, &n), CONN_ERROR);
        assert_true(finder->alerted);
        if (i & 4) conn_close(finder, true);
        assert_int_equal(conn_read(sender, &byte, 1, &n), CONN_ERROR);
        if (!strstr(sender->error, "alert bad record mac")) fail_msg("%u: %s", i, sender->error);
        assert_false(sender->alerted); /* an alert is not answered with another */
        pair_free(p);
    }
}

static void test_tls_ctx_offers_authenticated_ciphers_only(void **state)
{
    const struct certs *c = *state;
    SSL_CTX *const both[] = {c->server, c->client};

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(both[i]);

        assert_true(sk_SSL_CIPHER_num(all) >= 5);
        for (int j = 0; j < sk_SSL_CIPHER_num(all); j++)
            if (!SSL_CIPHER_is_aead(sk_SSL_CIPHER_value(all, j)))
                fail_msg("%s", SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, j)));
    }
}

/* What was read before TLS began is given to it first: a ClientHello in the segment of CONNECT. */
static void test_conn_tls_accept_seed_is_read_first(void **state)
{
    struct certs *c = *state;
    struct pair *p = pair_new(wait_only, wait_only);
    struct err err = {0};
    char hello[4096];
    ssize_t n;

    assert_int_equal(conn_tls_connect(&p->client.conn, c->client, "example.test", NULL, &err), ERR_NONE);
    assert_int_equal(conn_handshake(&p->client.conn), CONN_AGAIN);
    n = recv(p->server.conn.fd, hello, sizeof(hello), 0);
    assert_true(n > 100);
    assert_int_equal(conn_tls_accept(&p->server.conn, c->server, "x", NULL, str_make(hello, (size_t)n), &err),
                     ERR_NONE);
    memset(hello, 0, sizeof(hello)); /* it was copied */
    assert_int_equal(shake(p), CONN_OK);
    pair_free(p);
}

static void test_conn_write_after_peer_closed_still_reads_its_answer(void **state)
{
    struct pair *p = pair_new(wait_only, wait_only);
    char mem[64];
    size_t got, took;

    (void)state;
    assert_int_equal(conn_write(&p->server.conn, "answer", 6, &took), CONN_OK);
    assert_int_equal(conn_flush(&p->server.conn), CONN_OK);
    conn_close(&p->server.conn, false);
    memset(mem, 'x', sizeof(mem));
    assert_int_equal(conn_write(&p->client.conn, mem, sizeof(mem), &took), CONN_OK);
    assert_int_equal(conn_flush(&p->client.conn), CONN_ERROR);
    assert_int_equal(conn_write(&p->client.conn, mem, 1, &took), CONN_ERROR);
    assert_int_equal(conn_read(&p->client.conn, mem, sizeof(mem), &got), CONN_OK);
    assert_memory_equal(mem, "answer", 6);
    pair_free(p);
}

static void test_conn_break_fails_every_call(void **state)
{
    struct pair *p = pair_new(wait_only, wait_only);
    char byte = 'x';
    size_t n;

    (void)state;
    conn_break(&p->client.conn, "because");
    assert_int_equal(conn_read(&p->client.conn, &byte, 1, &n), CONN_ERROR);
    assert_int_equal(conn_write(&p->client.conn, &byte, 1, &n), CONN_ERROR);
    assert_int_equal(conn_flush(&p->client.conn), CONN_ERROR);
    assert_string_equal(p->client.conn.error, "because");
    pair_free(p);
}

/* Whoever named it: no socket is made. */
static void test_conn_connect_public_address_is_refused(void **state)
{
    static const struct {
        const char *address, *network; /* that is named as private */
        bool allowed;
    } rows[] = {
        {"198.51.100.7:443", "127.0.0.0/8", false},   {"[2001:db8::7]:443", "127.0.0.0/8", false},
        {"169.254.169.254:80", "127.0.0.0/8", false}, {"224.0.0.1:443", "127.0.0.0/8", false},
        {"127.0.0.1:9", "192.0.2.0/24", false},       {"127.0.0.1:9", "127.0.0.0/8", true},
    };
    struct loop loop;

    (void)state;
    assert_int_equal(loop_init(&loop, NULL, NULL, NULL, NULL), ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct netblock network;
        struct server_conf server = {.private_networks = &network, .private_networks_n = 1};
        struct netaddr address;
        struct conn conn = {0};
        struct err err = {0};

        assert_true(netblock_parse(str_from(rows[i].network), &network));
        assert_true(netaddr_parse(str_from(rows[i].address), 0, &address));
        enum err_code code = conn_connect(&conn, &loop, &server, &address, wait_only, NULL, &err);
        assert_int_equal(conn.state, rows[i].allowed && code == ERR_NONE ? CONN_CONNECTING : CONN_CLOSED);
        assert_true((strcmp(err.detail, "no private address") == 0) == !rows[i].allowed);
        if (conn.state != CONN_CLOSED) conn_close(&conn, true);
    }
    loop_clear(&loop);
}

/* Whoever goes while a certificate is made: nobody else notices. */
static void test_conn_close_while_a_certificate_is_made(void **state)
{
    for (int i = 0; i < 20; i++) {
        struct pair *p = pair_new(wait_only, wait_only);
        char name[64];

        snprintf(name, sizeof(name), "left%d.example.test", i);
        pair_tls(p, *state, name);
        p->client.conn.readable = p->server.conn.readable = true;
        assert_int_equal(conn_handshake(&p->client.conn), CONN_AGAIN);
        while (!p->server.conn.awaited)
            assert_int_equal(conn_handshake(&p->server.conn), CONN_AGAIN);
        if (i % 2) event_base_loop(p->loop.base, EVLOOP_ONCE);
        pair_free(p);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], SIGNER_WORD) == 0) signer_run();

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conn_write_plain_every_byte_arrives),
        cmocka_unit_test(test_conn_write_tls_every_byte_arrives),
        cmocka_unit_test(test_conn_close_while_a_certificate_is_made),
        cmocka_unit_test(test_conn_tls_inside_tls_every_byte_arrives),
        cmocka_unit_test(test_conn_handshake_other_name_is_refused),
        cmocka_unit_test(test_conn_handshake_unknown_ca_is_refused),
        cmocka_unit_test(test_conn_handshake_name_in_the_subject_only_is_refused),
        cmocka_unit_test(test_conn_handshake_names_that_the_ca_does_not_permit_are_left_out),
        cmocka_unit_test(test_conn_read_fin_without_close_notify_is_truncated),
        cmocka_unit_test(test_conn_read_bad_record_is_answered_with_an_alert),
        cmocka_unit_test(test_tls_ctx_offers_authenticated_ciphers_only),
        cmocka_unit_test(test_conn_tls_accept_seed_is_read_first),
        cmocka_unit_test(test_conn_write_after_peer_closed_still_reads_its_answer),
        cmocka_unit_test(test_conn_break_fails_every_call),
        cmocka_unit_test(test_conn_connect_public_address_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
