/* SPDX-License-Identifier: Apache-2.0
 * fuzz_head.c: properties of head_scan and the two parsers for any bytes.
 * - byte by byte gives what all at once gives; - all views lie inside the head; - what was accepted has one framing
 * only;
 * - an accepted head, written anew from the parsed data, is accepted again and means the same.
 */
#include "http/head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_fields(const struct headers *h, struct str raw)
{
    ASSERT(h->n <= HEAD_MAX_FIELDS && h->n <= head_fields(raw));
    for (size_t i = 0; i < h->n; i++) {
        struct str name = h->v[i].name, value = h->v[i].value;
        ASSERT(name.n > 0 && is_inside(name, raw) && is_inside(value, raw));
        ASSERT(h->v[i].id == header_id_of(name));
        ASSERT(str_eq(str_trim(value), value));
        ASSERT(str_index(value, '\r') == SIZE_MAX && str_index(value, '\n') == SIZE_MAX);
        ASSERT(str_index(value, '\0') == SIZE_MAX);
    }
    size_t lengths = headers_count(h, HDR_CONTENT_LENGTH), codings = headers_count(h, HDR_TRANSFER_ENCODING);
    ASSERT(lengths <= 1 && (lengths == 0 || codings == 0));
}

/* The head of @r once more, from its parts. */
static struct str write_request(const struct head_request *r, char *mem, size_t cap)
{
    struct sbuf b = sbuf_make(mem, cap);
    head_put_request_line(&b, r->method, r->target, STR_NONE, false);
    for (size_t i = 0; i < r->headers.n; i++)
        head_put(&b, r->headers.v[i].name, r->headers.v[i].value);
    head_put_end(&b);
    ASSERT(!b.overflow);
    return sbuf_str(&b);
}

static void check_request(struct str raw)
{
    static struct header fields[HEAD_MAX_FIELDS], fields_again[HEAD_MAX_FIELDS];
    struct head_request r, again;
    struct err err;
    if (head_parse_request(raw, fields, &r, &err) != ERR_NONE) {
        ASSERT(err.code != ERR_NONE && err.detail[0] != '\0');
        return;
    }
    check_fields(&r.headers, raw);
    ASSERT(is_inside(r.method, raw) && is_inside(r.target, raw) && is_inside(r.host, raw));
    ASSERT(r.target.n > 0 && r.target.n <= HEAD_MAX_TARGET && r.minor <= 1);
    ASSERT(r.body != BODY_UNTIL_CLOSE);
    ASSERT(r.body != BODY_CHUNKED || headers_count(&r.headers, HDR_TRANSFER_ENCODING) == 1);
    ASSERT(r.host.n > 0 || r.minor == 0 || r.method_id == METHOD_CONNECT);
    if (r.minor == 0) return; /* the writer writes HTTP/1.1 */

    size_t cap = raw.n + 2 * HEAD_MAX_FIELDS + 16;
    char *mem = malloc(cap);
    ASSERT(mem);
    ASSERT(head_parse_request(write_request(&r, mem, cap), fields_again, &again, &err) == ERR_NONE);
    ASSERT(again.body == r.body && again.content_length == r.content_length && again.headers.n == r.headers.n);
    ASSERT(again.keep_alive == r.keep_alive && again.expect_continue == r.expect_continue);
    ASSERT(again.method_id == r.method_id && str_eq(again.target, r.target) && str_eq(again.host, r.host));
    free(mem);
}

static void check_response(struct str raw, enum http_method method)
{
    static struct header fields[HEAD_MAX_FIELDS];
    struct head_response r;
    struct err err;
    enum err_code code = head_parse_response(raw, method, fields, &r, &err);
    ASSERT(code == ERR_NONE || code == ERR_UPSTREAM_BAD);
    if (code != ERR_NONE) return;
    check_fields(&r.headers, raw);
    ASSERT(is_inside(r.reason, raw) && r.status >= 100 && r.status <= 599);
    ASSERT(method != METHOD_HEAD || r.body == BODY_NONE);
    ASSERT(r.body != BODY_LENGTH || r.has_content_length);
    ASSERT(r.body != BODY_UNTIL_CLOSE || !r.keep_alive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size ? (const char *)data : "";
    struct head_scan whole = {.pos = 0}, slow = {.pos = 0};
    size_t skip = 0, head_len = 0, slow_skip = 0, slow_len = 0, n = 0;
    struct err err = {.code = ERR_NONE}, slow_err = {.code = ERR_NONE};

    enum head_result result = head_scan(&whole, text, size, &skip, &head_len, &err), now = HEAD_MORE;
    while (now == HEAD_MORE && n < size)
        now = head_scan(&slow, text, ++n, &slow_skip, &slow_len, &slow_err);
    ASSERT(now == result && err.code == slow_err.code);
    if (result == HEAD_COMPLETE) {
        ASSERT(skip == slow_skip && head_len == slow_len && n == skip + head_len && head_len <= HEAD_MAX_BYTES);
        struct str raw = str_make(text + skip, head_len);
        check_request(raw);
        check_response(raw, METHOD_GET);
        check_response(raw, METHOD_HEAD);
        check_response(raw, METHOD_CONNECT);
    }
    /* the parsers stand alone, too */
    check_request(str_make(text, size));
    check_response(str_make(text, size), METHOD_PUT);
    return 0;
}
