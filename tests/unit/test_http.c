/* SPDX-License-Identifier: Apache-2.0
 * test_http.c: calls over libcurl that start, cancel and free one another from their callbacks, what is refused before
 * it leaves, and which connections are used again. Two servers of the test's own, a thread for each connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"
#include "keys/http.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 32 };

/* Answers each request with its name, but not /silent. */
struct server {
    const char *name;
    int fd, taken[CONNECTIONS];
    pthread_t thread, threads[CONNECTIONS];
    size_t n;
    struct netaddr addr;
};

struct connection {
    const struct server *server;
    int fd;
};

static struct server first = {.name = "first"}, second = {.name = "second"};

static void *serve_connection(void *arg)
{
    struct connection c = *(struct connection *)arg;
    char request[4096], answer[256];
    size_t n = 0;
    ssize_t got;

    free(arg);
    while ((got = read(c.fd, request + n, sizeof(request) - 1 - n)) > 0) {
        request[n += (size_t)got] = '\0';
        if (!strstr(request, "\r\n\r\n")) continue;
        n = 0;
        if (strstr(request, " /silent ")) continue;
        int length = snprintf(answer, sizeof(answer),
                              "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=x\r\nRetry-After: 7\r\n"
                              "Date: Tue, 24 Nov 2026 12:00:00 GMT\r\nContent-Length: %zu\r\n\r\n%s",
                              strlen(c.server->name), c.server->name);
        if (write(c.fd, answer, (size_t)length) != length) break;
    }
    return NULL;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd;

    while (s->n < CONNECTIONS && (fd = accept(s->fd, NULL, NULL)) >= 0) {
        struct connection *c = malloc(sizeof(*c));

        *c = (struct connection){s, fd};
        s->taken[s->n] = fd;
        if (pthread_create(&s->threads[s->n], NULL, serve_connection, c)) abort();
        s->n++;
    }
    return NULL;
}

static void start(struct server *s)
{
    s->addr.len = sizeof(s->addr.u);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(netaddr_parse(STR("127.0.0.1"), 0, &s->addr));
    assert_int_equal(bind(s->fd, &s->addr.u.sa, s->addr.len), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, &s->addr.u.sa, &s->addr.len), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

/* How many connections it had. */
static size_t stop(struct server *s)
{
    size_t n;

    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    n = s->n;
    while (s->n) {
        s->n--;
        shutdown(s->taken[s->n], SHUT_RDWR);
        pthread_join(s->threads[s->n], NULL);
        close(s->taken[s->n]);
    }
    return n;
}

static struct loop loop;
static struct http *http;

/* What one call comes to, and what its callback does. */
struct call {
    struct http_call *call;
    unsigned calls, status; /* how often it ended */
    char body[32], why[HTTP_WHY];
    bool timed_out, sent;
    void (*then)(struct call *c);
    struct call *other;
};

static void on_done(void *arg, const struct http_answer *a)
{
    struct call *c = arg;

    c->calls++;
    c->status = a->status;
    c->timed_out = a->timed_out;
    c->sent = a->sent;
    snprintf(c->why, sizeof(c->why), "%s", a->why);
    snprintf(c->body, sizeof(c->body), "%.*s", STR_ARG(a->body));
    if (a->status) {
        assert_true(str_eq(a->content_type, STR("text/plain")));
        assert_int_equal(a->date_s, 1795521600);
        assert_int_equal(a->retry_after_s, 7);
        assert_true(a->sent && a->begun);
    }
    if (c->then) c->then(c);
    /* The answer is still there, whatever happened meanwhile. */
    assert_string_equal(str_starts(a->body, str_from(c->body)) ? "same" : "other", "same");
}

static void ask(struct call *c, const char *path, const struct server *s, uint64_t timeout_ms)
{
    char url[64];
    struct http_request r = {
        .method = "GET", .url = url, .allow_plain = true, .timeout_ms = timeout_ms, .address = &s->addr};
    struct err err = {0};

    snprintf(url, sizeof(url), "http://service.invalid%s", path);
    c->call = http_start(http, &r, on_done, c, &err);
    if (!c->call) fail_msg("%s", err.detail);
    assert_int_equal(c->calls, 0);
}

static void end(struct call *c UNUSED)
{
    loop_stop(&loop);
}

static int set_up(void **state)
{
    (void)state;
    start(&first);
    start(&second);
    if (loop_init(&loop, NULL, NULL, NULL, NULL) != ERR_NONE) return -1;
    return http_new(&loop, &http, NULL) == ERR_NONE ? 0 : -1;
}

static void expect_connections(size_t to_first, size_t to_second)
{
    http_free(&http);
    assert_null(http);
    loop_clear(&loop);
    assert_int_equal(stop(&first), to_first);
    assert_int_equal(stop(&second), to_second);
}

static void test_start_connections_are_shared_only_with_the_same_address(void **state)
{
    static const struct {
        struct server *server;
        const char *body;
    } table[] = {{&first, "first"}, {&first, "first"}, {&second, "second"}, {&first, "first"}, {&second, "second"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct call c = {.then = end};

        ask(&c, "/", table[i].server, 30000);
        loop.stop = false;
        loop_run(&loop);
        assert_int_equal(c.calls, 1);
        assert_int_equal(c.status, 200);
        assert_string_equal(c.body, table[i].body);
    }
    expect_connections(1, 1);
}

static void ask_other(struct call *c)
{
    c->call = NULL;
    ask(c->other, "/", &first, 30000);
}

static void test_done_may_start_a_call(void **state)
{
    struct call last = {.then = end}, c = {.then = ask_other, .other = &last};

    (void)state;
    ask(&c, "/", &first, 30000);
    loop_run(&loop);
    assert_int_equal(c.calls, 1);
    assert_int_equal(last.calls, 1);
    assert_string_equal(last.body, "first");
    expect_connections(1, 0);
}

/* Itself, too, and then one more. */
static void cancel_other(struct call *c)
{
    http_cancel(&c->call);
    assert_null(c->call);
    http_cancel(&c->other->call);
    assert_null(c->other->call);
    http_cancel(&c->other->call);
    ask(c->other->other, "/", &second, 30000);
}

static void test_done_may_cancel_calls(void **state)
{
    struct call last = {.then = end}, silent = {.other = &last}, c = {.then = cancel_other, .other = &silent};

    (void)state;
    ask(&silent, "/silent", &second, 30000);
    ask(&c, "/", &first, 30000);
    loop_run(&loop);
    assert_int_equal(c.calls, 1);
    assert_int_equal(silent.calls, 0);
    assert_int_equal(last.calls, 1);
    http_free(&http);
    loop_clear(&loop);
    stop(&first);
    stop(&second);
}

static void free_all(struct call *c)
{
    http_free(&http);
    assert_null(http);
    if (c->other) http_cancel(&c->call); /* the one that just ended */
    loop_stop(&loop);
}

static void test_done_may_free_everything(void **state)
{
    struct call silent = {0}, ready = {.then = free_all}, c = {.then = free_all, .other = &silent};

    (void)state;
    ask(&silent, "/silent", &second, 30000);
    ask(&ready, "/", &first, 30000);
    ask(&c, "/", &first, 30000);
    loop_run(&loop);
    assert_int_equal(c.calls + ready.calls, 1); /* whichever was first */
    assert_int_equal(silent.calls, 0);
    loop_clear(&loop);
    stop(&first);
    stop(&second);
}

static void test_free_ends_calls_without_a_word(void **state)
{
    struct call silent[3] = {{.calls = 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        ask(&silent[i], "/silent", &first, 30000);
    http_cancel(&silent[1].call);
    http_free(&http);
    loop_clear(&loop);
    stop(&first);
    stop(&second);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        assert_int_equal(silent[i].calls, 0);
}

static void test_silence_ends_at_the_timeout(void **state)
{
    struct call c = {.then = end};

    (void)state;
    ask(&c, "/silent", &first, 200);
    loop_run(&loop);
    assert_int_equal(c.calls, 1);
    assert_int_equal(c.status, 0);
    assert_true(c.timed_out);
    assert_true(c.sent);
    assert_true(str_starts(str_from(c.why), STR("service.invalid: ")));
    expect_connections(1, 0);
}

static void test_start_refuses_what_must_not_leave(void **state)
{
    static const struct {
        const char *url;
        struct str header;
        bool allow_plain;
        const char *detail;
    } table[] = {
        {"http://service.invalid/secret", STR_INIT("A: b"), false,
         "service.invalid: http:// would show keys to everybody: write https://"},
        {"ftp://service.invalid/secret", STR_INIT("A: b"), true,
         "the URL cannot be used: write http:// or https:// in front"},
        {"service.invalid/secret", STR_INIT("A: b"), true,
         "the URL cannot be used: write http:// or https:// in front"},
        {"https://u:secret@service.invalid/", STR_INIT("A: b"), true, NULL},
        {"https://service.invalid:0/secret", STR_INIT("A: b"), true, NULL},
        {"https://service.invalid/\nsecret", STR_INIT("A: b"), true, NULL},
        {"https://[::1/secret", STR_INIT("A: b"), true, NULL},
        {"https://[::1]:8/", STR_INIT("Token: secret\r\nX: y"), true,
         "[::1]:8: a header cannot be sent: Token is empty or holds control bytes"},
        {"https://h/", STR_INIT("Token: secret\n"), true,
         "h: a header cannot be sent: Token is empty or holds control bytes"},
        {"https://h/", STR_INIT("Token: sec\0ret"), true,
         "h: a header cannot be sent: Token is empty or holds control bytes"},
        {"https://h/", STR_INIT("Token: \t "), true,
         "h: a header cannot be sent: Token is empty or holds control bytes"},
        {"https://h/", STR_INIT("Token;"), true,
         "h: a header cannot be sent: its name is empty or holds control bytes"},
        {"https://h/", STR_INIT("secret"), true,
         "h: a header cannot be sent: its name is empty or holds control bytes"},
        {"https://h/", STR_INIT(": secret"), true, NULL},
        {"https://h/", STR_INIT("To ken: secret"), true, NULL},
        {"https://h/", STR_INIT(""), true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct call c = {0};
        struct http_request r = {.method = "POST",
                                 .url = table[i].url,
                                 .allow_plain = table[i].allow_plain,
                                 .headers = {table[i].header},
                                 .headers_n = 1,
                                 .body = STR_INIT("x=secret"),
                                 .timeout_ms = 1000};
        struct err err = {0};

        if (http_start(http, &r, on_done, &c, &err)) fail_msg("%s: taken", table[i].url);
        assert_int_equal(err.code, ERR_CONFIG);
        if (table[i].detail) assert_string_equal(err.detail, table[i].detail);
        if (strstr(err.detail, "secret")) fail_msg("%s", err.detail);
        assert_int_equal(c.calls, 0);
    }
    expect_connections(0, 0);
}

static void test_url_parse_says_where_a_connection_would_go(void **state)
{
    static const struct {
        const char *url, *host;
        unsigned port;
        bool https;
    } table[] = {
        {"https://h.example/p?q#f", "h.example", 443, true}, {"http://h.example:81", "h.example", 81, false},
        {"HTTP://127.0.0.1/", "127.0.0.1", 80, false},       {"http://127.1:8/", "127.0.0.1", 8, false},
        {"http://0x7f000001/", "127.0.0.1", 80, false},      {"http://2130706433/", "127.0.0.1", 80, false},
        {"https://[::1]:8443/", "::1", 8443, true},          {"http://[fd00:ec2::23]/v1", "fd00:ec2::23", 80, false},
        {"http://localhost/", "localhost", 80, false},       {"http://%6cocalhost/", "localhost", 80, false},
    };
    struct http_url u;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (http_url_parse(table[i].url, &u, NULL) != ERR_NONE) fail_msg("%s", table[i].url);
        assert_string_equal(u.host, table[i].host);
        assert_int_equal(u.port, table[i].port);
        assert_int_equal(u.https, table[i].https);
    }
    expect_connections(0, 0);
}

/* A certificate of its own for service.invalid, as the subject says, and as @san says (NULL: nothing). */
static SSL_CTX *certified(const char *san, const char *file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    FILE *out = fopen(file, "w");

    assert_true(key && cert && ctx && out && X509_set_version(cert, X509_VERSION_3) && X509_set_pubkey(cert, key));
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"service.invalid", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    if (san) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
        assert_true(ext && X509_add_ext(cert, ext, -1));
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0 && PEM_write_X509(out, cert) == 1);
    fclose(out);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

struct tls_server {
    SSL_CTX *ctx;
    int fd;
};

static void *serve_tls_once(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nRetry-After: 7\r\nDate: Tue, 24 Nov "
                                 "2026 12:00:00 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const struct tls_server *s = arg;
    char request[4096];
    int fd = accept(s->fd, NULL, NULL);
    SSL *ssl = SSL_new(s->ctx);

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0)
        (void)SSL_write(ssl, answer, sizeof(answer) - 1);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static struct call call_tls(const char *san, size_t i)
{
    char file[FOLDER_PATH], name[32];
    struct netaddr addr = {.len = sizeof(addr.u)};
    struct tls_server s = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct call c = {.then = end};
    struct http_request r = {
        .method = "GET", .url = "https://service.invalid/", .timeout_ms = 20000, .address = &addr, .ca_file = file};
    struct err err = {0};
    pthread_t thread;

    snprintf(name, sizeof(name), "%zu.pem", i); /* libcurl remembers what a file held */
    s.ctx = certified(san, folder_path(file, name));
    assert_true(netaddr_parse(STR("127.0.0.1"), 0, &addr));
    assert_int_equal(bind(s.fd, &addr.u.sa, addr.len), 0);
    assert_int_equal(listen(s.fd, 1), 0);
    assert_int_equal(getsockname(s.fd, &addr.u.sa, &addr.len), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve_tls_once, &s), 0);
    c.call = http_start(http, &r, on_done, &c, &err);
    if (!c.call) fail_msg("%s", err.detail);
    loop_run(&loop);
    pthread_join(thread, NULL);
    close(s.fd);
    SSL_CTX_free(s.ctx);
    return c;
}

static void test_tls_takes_names_of_the_san_only(void **state)
{
    static const struct {
        const char *san, *why; /* of refusals */
    } rows[] = {
        {"DNS:service.invalid", NULL},
        {NULL, "ostname mismatch"}, /* libcurl would take the subject's */
        {"email:a@service.invalid", "ostname mismatch"},
        {"DNS:other.invalid", "service.invalid"},
        {"IP:127.0.0.1", "service.invalid"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        loop.stop = false;
        struct call c = call_tls(rows[i].san, i);
        assert_int_equal(c.status, rows[i].why ? 0 : 200);
        if (rows[i].why && !strstr(c.why, rows[i].why)) fail_msg("%s", c.why);
    }
    expect_connections(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_start_connections_are_shared_only_with_the_same_address, set_up),
        cmocka_unit_test_setup(test_done_may_start_a_call, set_up),
        cmocka_unit_test_setup(test_done_may_cancel_calls, set_up),
        cmocka_unit_test_setup(test_done_may_free_everything, set_up),
        cmocka_unit_test_setup(test_free_ends_calls_without_a_word, set_up),
        cmocka_unit_test_setup(test_silence_ends_at_the_timeout, set_up),
        cmocka_unit_test_setup(test_start_refuses_what_must_not_leave, set_up),
        cmocka_unit_test_setup(test_url_parse_says_where_a_connection_would_go, set_up),
        cmocka_unit_test_setup(test_tls_takes_names_of_the_san_only, set_up),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
