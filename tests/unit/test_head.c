/* SPDX-License-Identifier: Apache-2.0
 * test_head.c: message heads. Every head is fed whole and byte by byte, from memory that ends where the head ends.
 * Source: RFC 9112 2-6, 11.2 and RFC 9110 5, 9.3.6, 10.1.1; the corpus holds the known ways of request smuggling.
 */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define PUT "PUT /b/k HTTP/1.1\r\nHost: h\r\n"

static struct header fields[HEAD_MAX_FIELDS];

static void assert_str(struct str got, const char *want)
{
    if (!str_eq(got, str_from(want))) fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

/* Exactly @n bytes on the heap: a sanitizer sees a read past them. */
static char *copy_exact(const char *bytes, size_t n)
{
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    return copy;
}

struct scanned {
    enum head_result result;
    enum err_code code;
    size_t skip, head_len, seen; /* seen: how many bytes it took */
};

/* Feeds @n bytes, @step at a time, until the answer is not HEAD_MORE. */
static struct scanned scan_in_steps(const char *bytes, size_t n, size_t step)
{
    struct head_scan s = {.pos = 0};
    struct scanned r = {.result = HEAD_MORE};
    while (r.result == HEAD_MORE && r.seen < n) {
        struct err err = {.code = ERR_NONE};
        r.seen = r.seen + step < n ? r.seen + step : n;
        char *exact = copy_exact(bytes, r.seen);
        r.result = head_scan(&s, exact, r.seen, &r.skip, &r.head_len, &err);
        r.code = err.code;
        free(exact);
    }
    return r;
}

/* What head_scan and then head_parse_request say to @bytes; same for whole and byte by byte. @out may be NULL.
 * The copy that @out points into is given to the caller in *@copy, to be freed. */
static enum err_code read_request(const char *bytes, size_t n, struct head_request *out, char **copy)
{
    struct scanned whole = scan_in_steps(bytes, n, n), slow = scan_in_steps(bytes, n, 1);
    *copy = NULL;
    assert_int_equal(whole.result, slow.result);
    assert_int_equal(whole.code, slow.code);
    if (whole.result == HEAD_INVALID) return whole.code;
    assert_int_equal(whole.result, HEAD_COMPLETE);
    assert_int_equal(whole.head_len, slow.head_len);
    assert_int_equal(whole.skip, slow.skip);
    assert_int_equal(slow.seen, whole.skip + whole.head_len);
    *copy = copy_exact(bytes + whole.skip, whole.head_len);
    struct err err = {.code = ERR_NONE};
    enum err_code code = head_parse_request(str_make(*copy, whole.head_len), fields, out, &err);
    assert_int_equal(code, err.code);
    assert_true(code == ERR_NONE || err.detail[0] != '\0');
    return code;
}

static enum err_code code_of_request(const char *bytes, size_t n)
{
    struct head_request req;
    char *copy;
    enum err_code code = read_request(bytes, n, &req, &copy);
    free(copy);
    return code;
}

/* ---- head_scan ---- */

static void test_head_scan_table(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        enum head_result result;
        size_t skip, head_len;
    } rows[] = {
        {STR_INIT(GET HOST "\r\n"), HEAD_COMPLETE, 0, 27},
        {STR_INIT(GET HOST "\r\nGET /next"), HEAD_COMPLETE, 0, 27},
        {STR_INIT("\r\n" GET HOST "\r\n"), HEAD_COMPLETE, 2, 27},
        {STR_INIT("x\r\n\r\n"), HEAD_COMPLETE, 0, 5},
        {STR_INIT("\t\r\n\r\n"), HEAD_COMPLETE, 0, 5},
        {STR_INIT(""), HEAD_MORE, 0, 0},
        {STR_INIT("\r"), HEAD_MORE, 0, 0},
        {STR_INIT("\r\n"), HEAD_MORE, 0, 0},
        {STR_INIT(GET), HEAD_MORE, 0, 0},
        {STR_INIT(GET "\r"), HEAD_MORE, 0, 0},
        {STR_INIT("\r\n\r\n"), HEAD_INVALID, 0, 0},
        {STR_INIT("\r\n\r\n" GET "\r\n"), HEAD_INVALID, 0, 0},
        {STR_INIT("\n"), HEAD_INVALID, 0, 0},
        {STR_INIT("\nGET"), HEAD_INVALID, 0, 0},
        {STR_INIT("GET / HTTP/1.1\n"), HEAD_INVALID, 0, 0},
        {STR_INIT(GET "Host: h\n"), HEAD_INVALID, 0, 0},
        {STR_INIT(GET HOST "\n"), HEAD_INVALID, 0, 0},
        {STR_INIT(GET "A: b\rc"), HEAD_INVALID, 0, 0},
        {STR_INIT(GET "A: b\r\r\n"), HEAD_INVALID, 0, 0},
        {STR_INIT("\rG"), HEAD_INVALID, 0, 0},
        {STR_INIT(GET "A: b\0"), HEAD_INVALID, 0, 0},
        {STR_INIT("\x16\x03\x01\x02\x00"), HEAD_INVALID, 0, 0}, /* a TLS ClientHello */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step <= rows[i].in.n + 1; step++) {
            struct scanned r = scan_in_steps(rows[i].in.p, rows[i].in.n, step);
            assert_int_equal(r.result, rows[i].result);
            if (r.result == HEAD_COMPLETE) {
                assert_int_equal(r.skip, rows[i].skip);
                assert_int_equal(r.head_len, rows[i].head_len);
            }
            if (r.result == HEAD_INVALID) assert_int_equal(r.code, ERR_BAD_REQUEST);
        }
    }
}

static void test_head_scan_invalid_is_told_at_the_first_bad_byte(void **state)
{
    (void)state;
    static const struct str bad[] = {STR_INIT(GET "A: b\n"), STR_INIT(GET "A: b\rc"), STR_INIT(GET "A: b\0")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[256];
        memcpy(text, bad[i].p, bad[i].n);
        memset(text + bad[i].n, 'x', sizeof text - bad[i].n);
        struct scanned r = scan_in_steps(text, sizeof text, 1);
        assert_int_equal(r.result, HEAD_INVALID);
        assert_int_equal(r.seen, bad[i].n);
    }
}

static void test_head_scan_started_tells_idle_from_slow(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool started;
    } rows[] = {{"", false}, {"\r", false}, {"\r\n", false}, {"\r\nG", true}, {"G", true}, {"\t", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct head_scan s = {.pos = 0};
        size_t skip, head_len;
        assert_int_equal(head_scan(&s, rows[i].in, strlen(rows[i].in), &skip, &head_len, NULL), HEAD_MORE);
        assert_int_equal(s.started, rows[i].started);
    }
}

/* A head of exactly @n bytes, after @skip bytes of empty line. */
static char *head_of_size(size_t skip, size_t n)
{
    static const char begin[] = GET HOST "A: ";
    char *text = malloc(skip + n);
    assert_non_null(text);
    memcpy(text, "\r\n", skip);
    memset(text + skip, 'a', n);
    memcpy(text + skip, begin, sizeof begin - 1);
    memcpy(text + skip + n - 4, "\r\n\r\n", 4);
    return text;
}

static void test_head_scan_limit_is_exact_for_any_split(void **state)
{
    (void)state;
    for (size_t skip = 0; skip <= 2; skip += 2) {
        for (size_t over = 0; over < 6; over++) {
            size_t n = HEAD_MAX_BYTES + over;
            char *text = head_of_size(skip, n);
            static const size_t steps[] = {1021, HEAD_MAX_BYTES - 1, HEAD_MAX_BYTES, HEAD_MAX_BYTES + 1, 1u << 20};
            for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
                struct scanned r = scan_in_steps(text, skip + n, steps[k]);
                assert_int_equal(r.result, over ? HEAD_INVALID : HEAD_COMPLETE);
                assert_int_equal(r.code, over ? ERR_HEAD_TOO_LARGE : ERR_NONE);
            }
            free(text);
        }
    }
}

/* ---- head_parse_request ---- */

static void test_head_parse_request_fills_all_fields(void **state)
{
    (void)state;
    static const char text[] = "PUT /b/k%20x?partNumber=1 HTTP/1.1\r\nHOST:  s3.local:9000 \t\r\nX-Empty:\r\n"
                               "X-Tab: a\tb \xc3\xa9\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\n";
    struct head_request r;
    char *copy;
    assert_int_equal(read_request(text, sizeof text - 1, &r, &copy), ERR_NONE);
    assert_str(r.raw, text);
    assert_str(r.method, "PUT");
    assert_int_equal(r.method_id, METHOD_PUT);
    assert_str(r.target, "/b/k%20x?partNumber=1");
    assert_int_equal(r.minor, 1);
    assert_int_equal(r.headers.n, 5);
    assert_ptr_equal(r.headers.v, fields);
    assert_str(r.headers.v[0].name, "HOST");
    assert_str(r.headers.v[0].value, "s3.local:9000");
    assert_int_equal(r.headers.v[0].id, HDR_HOST);
    assert_str(r.headers.v[1].value, "");
    assert_int_equal(r.headers.v[1].id, HDR_OTHER);
    assert_str(r.headers.v[2].value, "a\tb \xc3\xa9");
    assert_str(r.host, "s3.local:9000");
    assert_int_equal(r.body, BODY_LENGTH);
    assert_true(r.has_content_length);
    assert_true(r.content_length == 12);
    assert_true(r.keep_alive);
    assert_true(r.expect_continue);
    free(copy);
}

static void test_head_parse_request_methods(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        enum http_method id;
    } rows[] = {
        {"GET", METHOD_GET},         {"HEAD", METHOD_HEAD},   {"PUT", METHOD_PUT},         {"POST", METHOD_POST},
        {"DELETE", METHOD_DELETE},   {"TRACE", METHOD_TRACE}, {"OPTIONS", METHOD_OPTIONS}, {"get", METHOD_OTHER},
        {"CONNECT", METHOD_CONNECT}, {"GETX", METHOD_OTHER},  {"PATCH", METHOD_OTHER},     {"M-SEARCH", METHOD_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[128];
        int n = snprintf(text, sizeof text, "%s h:443 HTTP/1.1\r\n" HOST "\r\n", rows[i].method);
        struct head_request r;
        char *copy;
        assert_int_equal(read_request(text, (size_t)n, &r, &copy), ERR_NONE);
        assert_int_equal(r.method_id, rows[i].id);
        assert_str(r.method, rows[i].method);
        free(copy);
    }
}

/* Every known way to make two parsers disagree, and what is said to it. */
static void test_head_parse_request_smuggling_corpus(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str in;
        enum err_code code;
    } rows[] = {
#define ROW(name, bytes, code) {name, STR_INIT(bytes), code}
        /* RFC 9112 6.1, 6.3: one way to frame a body */
        ROW("TE and CL", PUT "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL and TE", PUT "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL 0 and TE", PUT "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE gzip and CL", PUT "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n", ERR_BAD_FRAMING),
        ROW("two CL", PUT "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_BAD_FRAMING),
        ROW("two equal CL", PUT "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL list", PUT "Content-Length: 5, 5\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL plus", PUT "Content-Length: +5\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL minus", PUT "Content-Length: -5\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL hex", PUT "Content-Length: 0x5\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL inner space", PUT "Content-Length: 5 6\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL empty", PUT "Content-Length:\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL fraction", PUT "Content-Length: 5.0\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL quoted", PUT "Content-Length: \"5\"\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL 2^63", PUT "Content-Length: 9223372036854775808\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL 2^64", PUT "Content-Length: 18446744073709551616\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CL non-ASCII digit", PUT "Content-Length: 5\xb2\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE not chunked", PUT "Transfer-Encoding: identity\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE unknown", PUT "Transfer-Encoding: br\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE xchunked", PUT "Transfer-Encoding: xchunked\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE chunkedx", PUT "Transfer-Encoding: chunkedx\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE quoted", PUT "Transfer-Encoding: \"chunked\"\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE single quotes", PUT "Transfer-Encoding: 'chunked'\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE empty", PUT "Transfer-Encoding:\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE trailing comma", PUT "Transfer-Encoding: chunked,\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE leading comma", PUT "Transfer-Encoding: ,chunked\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE parameter", PUT "Transfer-Encoding: chunked;q=1\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE chunked twice", PUT "Transfer-Encoding: chunked, chunked\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE twice", PUT "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE twice, cow", PUT "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE cow, then chunked", PUT "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n\r\n",
            ERR_TRANSFER_CODING),
        ROW("TE chunked not last", PUT "Transfer-Encoding: chunked, gzip\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE chunked identity", PUT "Transfer-Encoding: chunked, identity\r\n\r\n", ERR_BAD_FRAMING),
        ROW("TE gzip", PUT "Transfer-Encoding: gzip\r\n\r\n", ERR_TRANSFER_CODING),
        ROW("TE gzip, chunked", PUT "Transfer-Encoding: GZIP, chunked\r\n\r\n", ERR_TRANSFER_CODING),
        ROW("TE identity, chunked", PUT "Transfer-Encoding: identity, chunked\r\n\r\n", ERR_TRANSFER_CODING),
        ROW("TE in 1.0", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CONNECT with TE and CL",
            "CONNECT h:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", ERR_BAD_FRAMING),
        ROW("CONNECT with two CL", "CONNECT h:443 HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            ERR_BAD_FRAMING),
        /* RFC 9112 5: field lines */
        ROW("space before colon", PUT "Transfer-Encoding : chunked\r\n\r\n", ERR_BAD_REQUEST),
        ROW("tab before colon", PUT "Transfer-Encoding\t: chunked\r\n\r\n", ERR_BAD_REQUEST),
        ROW("VT before colon", PUT "Transfer-Encoding\v: chunked\r\n\r\n", ERR_BAD_REQUEST),
        ROW("VT in value", PUT "Transfer-Encoding: \vchunked\r\n\r\n", ERR_BAD_REQUEST),
        ROW("FF in value", PUT "Transfer-Encoding: chunked\f\r\n\r\n", ERR_BAD_REQUEST),
        ROW("DEL in value", PUT "A: b\x7f\r\n\r\n", ERR_BAD_REQUEST),
        ROW("NUL in value", PUT "A: b\0c\r\n\r\n", ERR_BAD_REQUEST),
        ROW("NUL in name", PUT "A\0b: c\r\n\r\n", ERR_BAD_REQUEST),
        ROW("bare CR in value", PUT "A: b\rContent-Length: 5\r\n\r\n", ERR_BAD_REQUEST),
        ROW("bare LF in value", PUT "A: b\nContent-Length: 5\r\n\r\n", ERR_BAD_REQUEST),
        ROW("LF LF end", PUT "A: b\n\nGET / HTTP/1.1\r\n\r\n", ERR_BAD_REQUEST),
        ROW("CR CR LF", PUT "A: b\r\r\n\r\n", ERR_BAD_REQUEST),
        ROW("obs-fold space", PUT "Transfer-Encoding:\r\n chunked\r\n\r\n", ERR_BAD_REQUEST),
        ROW("obs-fold tab", PUT "A: b\r\n\tc: d\r\n\r\n", ERR_BAD_REQUEST),
        ROW("space before first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", ERR_BAD_REQUEST),
        ROW("line of one space", PUT " \r\n\r\n", ERR_BAD_REQUEST),
        ROW("no colon", PUT "Transfer-Encoding\r\n\r\n", ERR_BAD_REQUEST),
        ROW("no name", PUT ": chunked\r\n\r\n", ERR_BAD_REQUEST),
        ROW("name with space", PUT "Transfer Encoding: chunked\r\n\r\n", ERR_BAD_REQUEST),
        ROW("name with parenthesis", PUT "A(b): c\r\n\r\n", ERR_BAD_REQUEST),
        ROW("name with quote", PUT "\"A\": c\r\n\r\n", ERR_BAD_REQUEST),
        ROW("name with slash", PUT "A/b: c\r\n\r\n", ERR_BAD_REQUEST),
        ROW("name with high byte", PUT "Content-Length\xa0: 5\r\n\r\n", ERR_BAD_REQUEST),
        ROW("name in UTF-8", PUT "Caf\xc3\xa9: 5\r\n\r\n", ERR_BAD_REQUEST),
        /* RFC 9112 3.2: Host */
        ROW("no Host", GET "\r\n", ERR_BAD_REQUEST),
        ROW("two Hosts", GET HOST "Host: h\r\n\r\n", ERR_BAD_REQUEST),
        ROW("two Hosts in 1.0", "GET / HTTP/1.0\r\n" HOST "Host: i\r\n\r\n", ERR_BAD_REQUEST),
        ROW("empty Host", GET "Host:\r\n\r\n", ERR_BAD_REQUEST),
        ROW("Host with user", GET "Host: u@h\r\n\r\n", ERR_BAD_REQUEST),
        ROW("Host with path", GET "Host: h/x\r\n\r\n", ERR_BAD_REQUEST),
        ROW("Host list", GET "Host: h, i\r\n\r\n", ERR_BAD_REQUEST),
        ROW("Host bad port", GET "Host: h:x\r\n\r\n", ERR_BAD_REQUEST),
        ROW("Host invalid for CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h h\r\n\r\n", ERR_BAD_REQUEST),
        /* RFC 9112 3: the request line */
        ROW("two spaces after method", "GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("two spaces before version", "GET /  HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("tab between", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("space at end", "GET / HTTP/1.1 \r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("leading space", " GET / HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("space in target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("control in target", "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("no target", "GET HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("empty target", "GET  HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("no method", "/ HTTP/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("HTTP/0.9", "GET /\r\n\r\n", ERR_BAD_REQUEST),
        ROW("lower-case version", "GET / http/1.1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("version 1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("version 1", "GET / HTTP/1\r\n" HOST "\r\n", ERR_BAD_REQUEST),
        ROW("version 1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", ERR_HTTP_VERSION),
        ROW("version 2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", ERR_HTTP_VERSION),
        ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", ERR_HTTP_VERSION),
        ROW("status line", "HTTP/1.1 200 OK\r\n\r\n", ERR_BAD_REQUEST),
        /* RFC 9110 10.1.1 */
        ROW("unknown Expect", PUT "Expect: 200-ok\r\n\r\n", ERR_BAD_EXPECT),
        ROW("Expect list", PUT "Expect: 100-continue, x\r\n\r\n", ERR_BAD_EXPECT),
        ROW("Expect empty", PUT "Expect:\r\n\r\n", ERR_NONE),
        /* and what must go on working */
        ROW("plain", GET HOST "\r\n", ERR_NONE),
        ROW("one empty line before", "\r\n" GET HOST "\r\n", ERR_NONE),
        ROW("two empty lines before", "\r\n\r\n" GET HOST "\r\n", ERR_BAD_REQUEST),
        ROW("chunked", PUT "Transfer-Encoding: Chunked\r\n\r\n", ERR_NONE),
        ROW("chunked with OWS", PUT "Transfer-Encoding:\t chunked \t\r\n\r\n", ERR_NONE),
        ROW("CL zeros", PUT "Content-Length: 0005\r\n\r\n", ERR_NONE),
        ROW("1.0 without Host", "GET / HTTP/1.0\r\n\r\n", ERR_NONE),
        ROW("CONNECT without Host", "CONNECT h:443 HTTP/1.1\r\n\r\n", ERR_NONE),
        ROW("CONNECT 1.0", "CONNECT h:443 HTTP/1.0\r\n\r\n", ERR_NONE),
        ROW("CONNECT with Expect", "CONNECT h:443 HTTP/1.1\r\nExpect: 100-continue, x\r\n\r\n", ERR_NONE),
        ROW("high bytes", "GET /\xe3\x81\x82 HTTP/1.1\r\n" HOST "x-amz-meta-a: \xe3\x81\x82\r\n\r\n", ERR_NONE),
        ROW("token characters", PUT "!#$%&'*+-.^_`|~09azAZ: v\r\n\r\n", ERR_NONE),
        ROW("Expect in 1.0", "PUT / HTTP/1.0\r\nExpect: nothing\r\n\r\n", ERR_NONE),
        ROW("1.0 with CL", "PUT / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", ERR_NONE),
#undef ROW
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err_code code = code_of_request(rows[i].in.p, rows[i].in.n);
        if (code != rows[i].code)
            fail_msg("%s: %s, want %s", rows[i].name, err_info(code)->word, err_info(rows[i].code)->word);
    }
}

static void test_head_parse_request_body_and_connection_rules(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum body_kind body;
        bool has_length;
        uint64_t length;
        bool keep, expect;
    } rows[] = {
        {GET HOST "\r\n", BODY_NONE, false, 0, true, false},
        {PUT "Content-Length: 0\r\n\r\n", BODY_LENGTH, true, 0, true, false},
        {PUT "Content-Length: 9223372036854775807\r\n\r\n", BODY_LENGTH, true, INT64_MAX, true, false},
        {PUT "Transfer-Encoding: chunked\r\n\r\n", BODY_CHUNKED, false, 0, true, false},
        {PUT "Connection: close\r\n\r\n", BODY_NONE, false, 0, false, false},
        {PUT "Connection: te, Close\r\n\r\n", BODY_NONE, false, 0, false, false},
        {PUT "Connection: keep-alive\r\nConnection: close\r\n\r\n", BODY_NONE, false, 0, false, false},
        {PUT "Connection: closed\r\n\r\n", BODY_NONE, false, 0, true, false},
        {PUT "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", BODY_LENGTH, true, 1, true, true},
        {PUT "Expect: ,100-continue , \r\nContent-Length: 1\r\n\r\n", BODY_LENGTH, true, 1, true, true},
        {PUT "Expect:\r\nContent-Length: 1\r\n\r\n", BODY_LENGTH, true, 1, true, false},
        {"GET / HTTP/1.0\r\n\r\n", BODY_NONE, false, 0, false, false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n", BODY_NONE, false, 0, false, false},
        {"CONNECT h:443 HTTP/1.1\r\nContent-Length: 0\r\n\r\n", BODY_NONE, true, 0, true, false},
        {"CONNECT h:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", BODY_NONE, true, 0, false, false},
        {"CONNECT h:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", BODY_NONE, false, 0, false, false},
        {"CONNECT h:443 HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", BODY_NONE, false, 0, true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct head_request r;
        char *copy;
        assert_int_equal(read_request(rows[i].in, strlen(rows[i].in), &r, &copy), ERR_NONE);
        assert_int_equal(r.body, rows[i].body);
        assert_int_equal(r.has_content_length, rows[i].has_length);
        assert_true(r.content_length == rows[i].length);
        assert_int_equal(r.keep_alive, rows[i].keep);
        assert_int_equal(r.expect_continue, rows[i].expect);
        free(copy);
    }
}

static void test_head_parse_request_every_byte_in_name_is_judged(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char name[] = PUT "Aa: v\r\n\r\n";
        name[sizeof PUT] = (char)c; /* the second byte of the name */
        bool token = c != 0 && c < 128 &&
                     strchr("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", c) != NULL;
        /* "A:: v" is the field "A" with the value ": v" */
        assert_int_equal(code_of_request(name, sizeof name - 1), token || c == ':' ? ERR_NONE : ERR_BAD_REQUEST);
    }
}

/* At each place of a long value: whole words of it are looked at, and then the bytes that are left. */
static void test_head_parse_request_every_byte_in_value_is_judged(void **state)
{
    (void)state;
    enum { BEGIN = sizeof(PUT "A: ") - 1, LENGTH = 21 };
    for (size_t at = 0; at < LENGTH; at++) {
        for (int c = 0; c < 256; c++) {
            char text[] = PUT "A: vvvvvvvvvvvvvvvvvvvvv\r\n\r\n";
            text[BEGIN + at] = (char)c;
            bool is_text = c == '\t' || (c >= 0x20 && c != 0x7f);
            assert_int_equal(code_of_request(text, sizeof text - 1), is_text ? ERR_NONE : ERR_BAD_REQUEST);
        }
    }
}

static void test_head_fields_are_at_most_its_lines(void **state)
{
    (void)state;
    assert_int_equal(head_fields(STR_NONE), 0);
    assert_int_equal(head_fields(STR("GET")), 0);
    assert_int_equal(head_fields(STR(GET "\r\n")), 2);
    assert_int_equal(head_fields(STR(GET HOST "a: b\r\n\r\n")), 4);
}

static void test_head_parse_request_limits(void **state)
{
    (void)state;
    char *text = malloc(HEAD_MAX_BYTES);
    assert_non_null(text);
    for (size_t extra = 0; extra < 2; extra++) {
        struct sbuf b = sbuf_make(text, HEAD_MAX_BYTES);
        sbuf_add(&b, STR(GET HOST));
        for (size_t i = 1; i < HEAD_MAX_FIELDS + extra; i++)
            sbuf_add(&b, STR("a: b\r\n"));
        sbuf_add(&b, STR("\r\n"));
        assert_int_equal(head_fields(sbuf_str(&b)), HEAD_MAX_FIELDS);
        assert_int_equal(code_of_request(b.p, b.n), extra ? ERR_HEAD_TOO_LARGE : ERR_NONE);

        b = sbuf_make(text, HEAD_MAX_BYTES);
        sbuf_add(&b, STR("GET /"));
        for (size_t i = 1; i < HEAD_MAX_TARGET + extra; i++)
            sbuf_char(&b, 'a');
        sbuf_add(&b, STR(" HTTP/1.1\r\n" HOST "\r\n"));
        assert_false(b.overflow);
        assert_int_equal(code_of_request(b.p, b.n), extra ? ERR_HEAD_TOO_LARGE : ERR_NONE);
    }
    free(text);
}

/* The parser does not rely on head_scan having been asked. */
static void test_head_parse_request_without_its_end_is_refused(void **state)
{
    (void)state;
    static const char text[] = GET HOST "A: b\r\n\r\n";
    for (size_t n = 1; n < sizeof text - 1; n++) {
        struct head_request r;
        char *copy = copy_exact(text, n);
        assert_int_equal(head_parse_request(str_make(copy, n), fields, &r, NULL), ERR_BAD_REQUEST);
        free(copy);
    }
    struct head_request r;
    assert_int_equal(head_parse_request(STR(GET HOST "\r\nrest"), fields, &r, NULL), ERR_BAD_REQUEST);
    assert_int_equal(head_parse_request(STR(GET HOST "\r\n\r\n"), fields, &r, NULL), ERR_BAD_REQUEST);
}

/* ---- head_parse_response ---- */

static enum err_code read_response(const char *text, size_t n, enum http_method method, struct head_response *out)
{
    struct err err = {.code = ERR_NONE};
    enum err_code code = head_parse_response(str_make(text, n), method, fields, out, &err);
    assert_int_equal(code, err.code);
    assert_true(code == ERR_NONE || err.detail[0] != '\0');
    return code;
}

static void test_head_parse_response_body_rules(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *in;
        unsigned status;
        enum body_kind body;
        bool has_length;
        uint64_t length;
        bool keep;
    } rows[] = {
        {METHOD_GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, BODY_LENGTH, true, 5, true},
        {METHOD_GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, BODY_LENGTH, true, 0, true},
        {METHOD_GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, BODY_CHUNKED, false, 0, true},
        {METHOD_GET, "HTTP/1.1 200 OK\r\n\r\n", 200, BODY_UNTIL_CLOSE, false, 0, false},
        {METHOD_GET, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", 200, BODY_LENGTH, true, 1,
         false},
        {METHOD_GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, BODY_LENGTH, true, 5, false},
        {METHOD_GET, "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\n", 200, BODY_LENGTH, true,
         5, true},
        {METHOD_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, BODY_NONE, true, 5, true},
        {METHOD_HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, BODY_NONE, false, 0, true},
        {METHOD_HEAD, "HTTP/1.1 404 \r\n\r\n", 404, BODY_NONE, false, 0, true},
        {METHOD_DELETE, "HTTP/1.1 204 No Content\r\n\r\n", 204, BODY_NONE, false, 0, true},
        {METHOD_DELETE, "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, BODY_NONE, true, 7, true},
        {METHOD_GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, BODY_NONE, true, 7, true},
        {METHOD_PUT, "HTTP/1.1 100 Continue\r\n\r\n", 100, BODY_NONE, false, 0, true},
        {METHOD_PUT, "HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n", 103, BODY_NONE, true, 7, true},
        {METHOD_CONNECT, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 200, BODY_NONE, true, 7, true},
        {METHOD_CONNECT, "HTTP/1.1 299 \r\nTransfer-Encoding: chunked\r\n\r\n", 299, BODY_NONE, false, 0, true},
        {METHOD_CONNECT, "HTTP/1.1 407 No\r\nContent-Length: 7\r\n\r\n", 407, BODY_LENGTH, true, 7, true},
        {METHOD_GET, "HTTP/1.1 599 \r\nContent-Length: 7\r\n\r\n", 599, BODY_LENGTH, true, 7, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct head_response r;
        assert_int_equal(read_response(rows[i].in, strlen(rows[i].in), rows[i].method, &r), ERR_NONE);
        assert_int_equal(r.status, rows[i].status);
        assert_int_equal(r.body, rows[i].body);
        assert_int_equal(r.has_content_length, rows[i].has_length);
        assert_true(r.content_length == rows[i].length);
        assert_int_equal(r.keep_alive, rows[i].keep);
    }
}

static void test_head_parse_response_fills_all_fields(void **state)
{
    (void)state;
    struct head_response r;
    struct str text =
        STR("HTTP/1.1 404 Not\tFound \xe9\r\nx-amz-id-2: a=\r\nServer:AmazonS3\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(head_parse_response(text, METHOD_GET, fields, &r, NULL), ERR_NONE);
    assert_true(str_eq(r.raw, text));
    assert_int_equal(r.minor, 1);
    assert_str(r.reason, "Not\tFound \xe9");
    assert_int_equal(r.headers.n, 3);
    assert_int_equal(r.headers.v[0].id, HDR_X_AMZ_ID_2);
    assert_str(r.headers.v[1].value, "AmazonS3");
}

static void test_head_parse_response_not_strict_is_upstream_bad(void **state)
{
    (void)state;
#define OK "HTTP/1.1 200 OK\r\n"
    static const struct str rows[] = {
        STR_INIT("\r\n"),
        STR_INIT("HTTP/1.1 200\r\n\r\n"),
        STR_INIT("HTTP/1.1 20 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1 2000 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1 099 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1 600 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1 2x0 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1  200 OK\r\n\r\n"),
        STR_INIT("HTTP/2.0 200 OK\r\n\r\n"),
        STR_INIT("http/1.1 200 OK\r\n\r\n"),
        STR_INIT("ICY 200 OK\r\nxxxxxxxx: y\r\n\r\n"),
        STR_INIT(" HTTP/1.1 200 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1 200 O\x01K\r\n\r\n"),
        STR_INIT("HTTP/1.1 200 O\x7fK\r\n\r\n"),
        STR_INIT(OK "Content-Length : 5\r\n\r\n"),
        STR_INIT(OK "A: b\r\n c\r\n\r\n"),
        STR_INIT(OK "A: b\nC: d\r\n\r\n"),
        STR_INIT(OK "A: b\0\r\n\r\n"),
        STR_INIT(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        STR_INIT(OK "Content-Length: 5, 5\r\n\r\n"),
        STR_INIT(OK "Content-Length: x\r\n\r\n"),
        STR_INIT(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        STR_INIT(OK "Transfer-Encoding: gzip\r\n\r\n"),
        STR_INIT(OK "Transfer-Encoding: identity\r\n\r\n"),
        STR_INIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(OK "A: b\r\n"),
        STR_INIT(OK "\r\n\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct head_response r;
        char *copy = copy_exact(rows[i].p, rows[i].n);
        enum err_code code = read_response(copy, rows[i].n, METHOD_GET, &r);
        if (code != ERR_UPSTREAM_BAD) fail_msg("row %zu: %s", i, err_info(code)->word);
        free(copy);
    }
#undef OK
}

/* ---- writers ---- */

static void test_head_put_what_was_written_parses_back(void **state)
{
    (void)state;
    char mem[512];
    struct sbuf b = sbuf_make(mem, sizeof mem);
    head_put_request_line(&b, STR("PUT"), STR("/b//k%20"), STR("acl"), true);
    head_put(&b, STR("Host"), STR("s3.local"));
    head_put(&b, STR("X-Tab"), STR("a\tb"));
    head_put_u64(&b, STR("Content-Length"), UINT64_C(5000000000));
    head_put_end(&b);
    assert_false(b.overflow);
    assert_str(sbuf_str(&b),
               "PUT /b//k%20?acl HTTP/1.1\r\nHost: s3.local\r\nX-Tab: a\tb\r\nContent-Length: 5000000000\r\n\r\n");
    struct head_request r;
    assert_int_equal(head_parse_request(sbuf_str(&b), fields, &r, NULL), ERR_NONE);
    assert_true(r.content_length == UINT64_C(5000000000));

    b = sbuf_make(mem, sizeof mem);
    head_put_request_line(&b, STR("GET"), STR("/"), STR_NONE, true);
    head_put_request_line(&b, STR("GET"), STR("/"), STR("x"), false);
    assert_str(sbuf_str(&b), "GET /? HTTP/1.1\r\nGET / HTTP/1.1\r\n");
}

static void test_head_put_status_line_phrases(void **state)
{
    (void)state;
    char mem[128];
    for (unsigned status = 100; status <= 599; status++) {
        struct sbuf b = sbuf_make(mem, sizeof mem);
        head_put_status_line(&b, status, STR_NONE);
        head_put_end(&b);
        assert_false(b.overflow);
        struct head_response r;
        assert_int_equal(head_parse_response(sbuf_str(&b), METHOD_GET, fields, &r, NULL), ERR_NONE);
        assert_int_equal(r.status, status);
        assert_true(r.reason.n > 0);
    }
    struct sbuf b = sbuf_make(mem, sizeof mem);
    head_put_status_line(&b, 200, STR("Fine"));
    assert_str(sbuf_str(&b), "HTTP/1.1 200 Fine\r\n");
    b.n = 0;
    head_put_status_line(&b, 404, STR_NONE);
    assert_str(sbuf_str(&b), "HTTP/1.1 404 Not Found\r\n");
}

static void test_head_put_injected_line_never_gets_out(void **state)
{
    (void)state;
    static const struct str bad[] = {STR_INIT("a\r\nB: c"), STR_INIT("a\n"), STR_INIT("a\r"), STR_INIT("a\0b"),
                                     STR_INIT("a\x7f")};
    char mem[256];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sbuf value = sbuf_make(mem, sizeof mem);
        head_put(&value, STR("A"), bad[i]);
        assert_true(value.overflow);
        assert_int_equal(str_find(sbuf_str(&value), bad[i]), SIZE_MAX);
        struct sbuf name = sbuf_make(mem, sizeof mem);
        head_put(&name, bad[i], STR("v"));
        assert_true(name.overflow);
        struct sbuf line = sbuf_make(mem, sizeof mem);
        head_put_request_line(&line, STR("GET"), bad[i], STR_NONE, false);
        assert_true(line.overflow);
        struct sbuf reason = sbuf_make(mem, sizeof mem);
        head_put_status_line(&reason, 200, bad[i]);
        assert_true(reason.overflow);
    }
    static const struct str spaced[] = {STR_INIT("/a b"), STR_INIT("/a\tb")};
    for (size_t i = 0; i < ARRAY_LEN(spaced); i++) {
        struct sbuf path = sbuf_make(mem, sizeof mem), query = sbuf_make(mem, sizeof mem);
        head_put_request_line(&path, STR("GET"), spaced[i], STR_NONE, false);
        head_put_request_line(&query, STR("GET"), STR("/"), spaced[i], true);
        assert_true(path.overflow);
        assert_true(query.overflow);
    }
    struct sbuf empty = sbuf_make(mem, sizeof mem);
    head_put(&empty, STR_NONE, STR("v"));
    assert_true(empty.overflow);
}

static void test_head_glance_tells_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *method, *target, *host, *path;
    } rows[] = {
        {"GET /b/k?a HTTP/1.1\r\nX: y\r\nHost: s3.test:80\r\n\r\n", "GET", "/b/k?a", "s3.test:80", "/b/k"},
        {"\r\nPUT http://s3.test/b?x HTTP/1.1\nhost : a b\n", "PUT", "http://s3.test/b?x", "a b", "/b"},
        {"CONNECT s3.test:443 HTTP/1.1\r\n", "CONNECT", "s3.test:443", "", ""},
        {"OPTIONS * HTTP/1.1\r\nHost: s3.test", "OPTIONS", "*", "s3.test", ""},
        {"GET http://s3.test HTTP/1.1\r\n", "GET", "http://s3.test", "", ""},
        {"GET /a://b/c", "GET", "/a://b/c", "", "/a://b/c"},
        {"GET  /two blanks", "GET", "/two", "", "/two"},
        {"G\x01T / HTTP/1.1\r\nHost: a\r\n", "", "", "", ""},
        {"\x16\x03\x01 TLS", "", "", "", ""},
        {"GET", "", "", "", ""},
        {"", "", "", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct head_glance seen;
        head_glance(str_from(rows[i].bytes), &seen);
        assert_true(str_eq(seen.method, str_from(rows[i].method)));
        assert_true(str_eq(seen.target, str_from(rows[i].target)));
        assert_true(str_eq(seen.host, str_from(rows[i].host)));
        assert_true(str_eq(head_glance_path(seen.target), str_from(rows[i].path)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_scan_table),
        cmocka_unit_test(test_head_scan_invalid_is_told_at_the_first_bad_byte),
        cmocka_unit_test(test_head_scan_started_tells_idle_from_slow),
        cmocka_unit_test(test_head_scan_limit_is_exact_for_any_split),
        cmocka_unit_test(test_head_parse_request_fills_all_fields),
        cmocka_unit_test(test_head_parse_request_methods),
        cmocka_unit_test(test_head_parse_request_smuggling_corpus),
        cmocka_unit_test(test_head_parse_request_body_and_connection_rules),
        cmocka_unit_test(test_head_parse_request_every_byte_in_name_is_judged),
        cmocka_unit_test(test_head_parse_request_every_byte_in_value_is_judged),
        cmocka_unit_test(test_head_fields_are_at_most_its_lines),
        cmocka_unit_test(test_head_parse_request_limits),
        cmocka_unit_test(test_head_parse_request_without_its_end_is_refused),
        cmocka_unit_test(test_head_parse_response_body_rules),
        cmocka_unit_test(test_head_parse_response_fills_all_fields),
        cmocka_unit_test(test_head_parse_response_not_strict_is_upstream_bad),
        cmocka_unit_test(test_head_put_what_was_written_parses_back),
        cmocka_unit_test(test_head_put_status_line_phrases),
        cmocka_unit_test(test_head_put_injected_line_never_gets_out),
        cmocka_unit_test(test_head_glance_tells_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
