/* SPDX-License-Identifier: Apache-2.0
 * head.c: strict parser of HTTP/1.x message heads. Pure; any thread; owns nothing, all results point into the input.
 *
 *   head_scan ──▶ head_parse_request ─▶ request line ─▶ fields ─▶ Host, Connection, Expect ─▶ framing
 *             └─▶ head_parse_response ▶ status line ──▶ fields ─▶ framing for the method and status
 *
 * Source: RFC 9112 2.2, 3, 4, 5, 6, 9.3 and RFC 9110 5, 9.3.6, 10.1.1. Each leniency of these that has been used to
 * smuggle requests (RFC 9112 11.2) is refused. The writers are in head_write.c.
 */
#include "http/head.h"

#include "http/uri.h"
#include "scan.h"

/* clang-format off */
#define X5(v) v, v, v, v, v
#define X26(v) X5(v), X5(v), X5(v), X5(v), X5(v), v
const uint8_t http_token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
    ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
    ['0'] = X5(1), X5(1),
    ['A'] = X26(1),
    ['a'] = X26(1),
};
/* clang-format on */

/* ---- finding the end ---- */

static enum head_result refuse(struct err *err, const char *why)
{
    (void)err_set(err, ERR_BAD_REQUEST, 0, "%s", why);
    return HEAD_INVALID;
}

/* A line ends at @s->pos. True if it was the empty line that ends the head. */
static bool end_line(struct head_scan *s)
{
    bool empty = s->pos == s->line_start;
    s->pos += 2;
    s->line_start = s->pos;
    return empty;
}

/* NULL: what stands at @p is fine, or may be. */
static const char *why_refused(const char *p, const char *end)
{
    if (*p == '\n') return "line feed without carriage return";
    if (*p == '\0') return "NUL byte in the head";
    return *p == '\r' && p + 1 < end && p[1] != '\n' ? "carriage return without line feed" : NULL;
}

enum head_result head_scan(struct head_scan *s, const char *buf, size_t len, size_t *skip, size_t *head_len,
                           struct err *err)
{
    size_t before =
        len > 0 && buf[0] == '\r' ? 2 : 0; /* RFC 9112 2.2: one empty line before the start line is ignored */
    size_t limit = before + HEAD_MAX_BYTES;
    const char *end = buf + (len < limit ? len : limit);

    while (buf + s->pos < end) {
        const char *p = scan_control(buf + s->pos, end);
        s->pos = (size_t)(p - buf);
        if (s->pos > s->line_start) s->started = true;
        if (p == end) break;
        if (why_refused(p, end)) return refuse(err, why_refused(p, end));
        if (*p != '\r') {
            s->pos++; /* tab is fine; what else there may be is judged by the parser, which knows where it stands */
            s->started = true;
            continue;
        }
        if (p + 1 == end) break; /* the line feed may come with the next bytes */
        if (!end_line(s)) continue;
        if (s->started) {
            *skip = before;
            *head_len = s->pos - before;
            return HEAD_COMPLETE;
        }
        if (s->pos > 2) return refuse(err, "more than one empty line before the message");
    }
    if (len < limit) return HEAD_MORE;
    (void)err_set(err, ERR_HEAD_TOO_LARGE, 0, "more than %d bytes of head", HEAD_MAX_BYTES);
    return HEAD_INVALID;
}

/* ---- fields ---- */

struct cursor {
    const char *p, *end;
};

static enum err_code bad_line(const struct cursor *c, const char *at, struct err *err)
{
    if (at == c->p && at < c->end && (*at == ' ' || *at == '\t'))
        return err_set(err, ERR_BAD_REQUEST, 0, "header line begins with white space");
    if (at < c->end && (*at == ' ' || *at == '\t'))
        return err_set(err, ERR_BAD_REQUEST, 0, "white space in or after a header name");
    return err_set(err, ERR_BAD_REQUEST, 0, "header line without a valid name and colon");
}

/* Where the field value that begins at @p ends, at its CRLF; NULL if there is anything but text before that. */
static const char *value_end(const char *p, const char *end)
{
    p = scan_control(p, end);
    while (p < end && *p == '\t')
        p = scan_control(p + 1, end);
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p : NULL;
}

/* One field line (RFC 9112 5): token ":" OWS value OWS CRLF. */
static enum err_code parse_field(struct cursor *c, struct header *out, struct err *err)
{
    const char *colon = scan_token(c->p, c->end);
    if (colon == c->p || colon == c->end || *colon != ':') return bad_line(c, colon, err);
    const char *value = colon + 1;
    while (value < c->end && (*value == ' ' || *value == '\t'))
        value++;
    const char *eol = value_end(value, c->end), *last = eol;
    if (!eol) return err_set(err, ERR_BAD_REQUEST, 0, "control byte in a header value");
    while (last > value && (last[-1] == ' ' || last[-1] == '\t'))
        last--;
    out->name = str_make(c->p, (size_t)(colon - c->p));
    out->value = str_make(value, (size_t)(last - value));
    out->id = header_id_of(out->name);
    c->p = eol + 2;
    return ERR_NONE;
}

size_t head_fields(struct str raw)
{
    size_t n = 0;
    if (raw.n == 0) return 0;
    const char *p = raw.p, *end = raw.p + raw.n;
    while (n < HEAD_MAX_FIELDS && p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        n++;
        p++;
    }
    return n;
}

/* Each field is compared with each name that Connection lists. */
static enum err_code check_connection(const struct headers *h, struct err *err)
{
    enum { OPTIONS_MAX = 32 };
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        struct str rest = h->v[i].id == HDR_CONNECTION ? h->v[i].value : STR_NONE, item;
        while (str_split(&rest, ',', &item))
            n++;
    }
    if (n <= OPTIONS_MAX) return ERR_NONE;
    return err_set(err, ERR_BAD_REQUEST, 0, "Connection lists more than %d names", OPTIONS_MAX);
}

/* All field lines and the empty line, which must be the last bytes. */
static enum err_code parse_fields(struct cursor *c, struct header *fields, struct headers *out, struct err *err)
{
    size_t n = 0;
    *out = (struct headers){.v = fields, .n = 0};
    while (c->p < c->end && *c->p != '\r') {
        if (n == HEAD_MAX_FIELDS)
            return err_set(err, ERR_HEAD_TOO_LARGE, 0, "more than %d header fields", HEAD_MAX_FIELDS);
        TRY(parse_field(c, &fields[n], err));
        n++;
    }
    if (c->end - c->p != 2 || c->p[0] != '\r' || c->p[1] != '\n')
        return err_set(err, ERR_BAD_REQUEST, 0, "the head does not end with one empty line");
    out->n = n;
    return check_connection(out, err);
}

/* ---- framing, as far as it is the same in both directions ---- */

struct framing {
    bool chunked, has_length;
    uint64_t length;
};

static bool is_token(struct str s)
{
    return s.n > 0 && scan_token(s.p, s.p + s.n) == s.p + s.n;
}

/* Registered codings (RFC 9112 7) that we, like S3, know but do not implement. */
static bool is_registered_coding(struct str s)
{
    static const struct str names[] = {STR_INIT("gzip"), STR_INIT("x-gzip"), STR_INIT("compress"),
                                       STR_INIT("x-compress"), STR_INIT("deflate")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(s, names[i])) return true;
    return false;
}

/* Which codings all Transfer-Encoding fields named so far. */
struct codings {
    bool chunked, registered, other;
};

/* Adds one Transfer-Encoding field: a list of tokens without parameters or empty items. */
static enum err_code add_codings(struct codings *seen, struct str value, struct err *err)
{
    struct str item;
    if (value.n == 0 || value.p[value.n - 1] == ',')
        return err_set(err, ERR_BAD_FRAMING, 0, "empty item in Transfer-Encoding");
    while (str_split(&value, ',', &item)) {
        item = str_trim(item);
        if (seen->chunked) return err_set(err, ERR_BAD_FRAMING, 0, "chunked is not the last transfer coding, once");
        if (!is_token(item)) return err_set(err, ERR_BAD_FRAMING, 0, "Transfer-Encoding is not a list of codings");
        if (str_eq_nocase(item, STR("chunked")))
            seen->chunked = true;
        else if (is_registered_coding(item))
            seen->registered = true;
        else
            seen->other = true;
    }
    return ERR_NONE;
}

/* Only "chunked" alone goes on. As S3 answers: 501 for codings it could know, 400 for a list that leaves the length
 * open. */
static enum err_code judge_codings(const struct codings *seen, struct err *err)
{
    if (!seen->chunked && !seen->registered)
        return err_set(err, ERR_BAD_FRAMING, 0, "the last transfer coding is not chunked");
    if (seen->registered || seen->other)
        return err_set(err, ERR_TRANSFER_CODING, 0, "only chunked is supported in Transfer-Encoding");
    return ERR_NONE;
}

/* RFC 9112 6.1, 6.3: at most one way of saying where the body ends. */
static enum err_code parse_framing(const struct headers *h, unsigned minor, struct framing *out, struct err *err)
{
    struct codings seen = {.chunked = false};
    size_t codings = 0, lengths = 0;
    *out = (struct framing){.chunked = false};
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].id == HDR_TRANSFER_ENCODING) {
            codings++;
            TRY(add_codings(&seen, h->v[i].value, err));
        } else if (h->v[i].id == HDR_CONTENT_LENGTH) {
            if (lengths++ > 0) return err_set(err, ERR_BAD_FRAMING, 0, "more than one Content-Length");
            if (!str_to_u64(h->v[i].value, &out->length) || out->length > INT64_MAX)
                return err_set(err, ERR_BAD_FRAMING, 0, "Content-Length is not a number of bytes");
        }
    }
    out->has_length = lengths > 0;
    if (codings == 0) return ERR_NONE;
    if (lengths > 0) return err_set(err, ERR_BAD_FRAMING, 0, "both Transfer-Encoding and Content-Length");
    if (minor == 0) return err_set(err, ERR_BAD_FRAMING, 0, "Transfer-Encoding in HTTP/1.0");
    TRY(judge_codings(&seen, err));
    out->chunked = true;
    return ERR_NONE;
}

/* ---- what cannot be parsed ---- */

static struct str take_line(struct str *rest)
{
    size_t end = str_index(*rest, '\n');
    struct str line = str_head(*rest, end);

    *rest = end == SIZE_MAX ? STR_NONE : str_tail(*rest, end + 1);
    while (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

void head_glance(struct str bytes, struct head_glance *out)
{
    struct str line = STR_NONE;

    *out = (struct head_glance){.method = STR_NONE};
    while (bytes.n && !line.n)
        line = take_line(&bytes);
    size_t space = str_index(line, ' ');
    if (space == SIZE_MAX || !is_token(str_head(line, space))) return; /* no HTTP at all */
    out->method = str_head(line, space);
    out->target = str_trim(str_tail(line, space));
    out->target = str_head(out->target, str_index(out->target, ' '));
    while (bytes.n && !out->host.n) {
        line = take_line(&bytes);
        size_t colon = str_index(line, ':');
        if (colon != SIZE_MAX && str_eq_nocase(str_trim(str_head(line, colon)), STR("Host")))
            out->host = str_trim(str_tail(line, colon + 1));
    }
}

struct str head_glance_path(struct str target)
{
    size_t scheme = str_find(target, STR("://"));
    struct str path = scheme == SIZE_MAX || scheme > str_index(target, '/') ? target : str_tail(target, scheme + 3);
    size_t slash = str_index(path, '/');

    if (slash == SIZE_MAX || (slash != 0 && path.n == target.n)) return STR_NONE;
    path = str_tail(path, slash);
    return str_head(path, str_index(path, '?'));
}

/* ---- requests ---- */

enum http_method http_method_of(struct str m)
{
    static const struct {
        struct str name;
        enum http_method id;
    } methods[] = {
        {STR_INIT("GET"), METHOD_GET},         {STR_INIT("PUT"), METHOD_PUT},
        {STR_INIT("HEAD"), METHOD_HEAD},       {STR_INIT("POST"), METHOD_POST},
        {STR_INIT("DELETE"), METHOD_DELETE},   {STR_INIT("CONNECT"), METHOD_CONNECT},
        {STR_INIT("OPTIONS"), METHOD_OPTIONS}, {STR_INIT("TRACE"), METHOD_TRACE},
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(m, methods[i].name)) return methods[i].id;
    return METHOD_OTHER;
}

/* "HTTP/1.x" at @p; at least 8 bytes are there. Other versions of the form HTTP/d.d are a matter of their own. */
static enum err_code parse_version(const char *p, unsigned *minor, struct err *err)
{
    if (memcmp(p, "HTTP/1.", 7) == 0 && (p[7] == '0' || p[7] == '1')) {
        *minor = p[7] == '1';
        return ERR_NONE;
    }
    bool form = memcmp(p, "HTTP/", 5) == 0 && p[5] >= '0' && p[5] <= '9' && p[6] == '.' && p[7] >= '0' && p[7] <= '9';
    if (form) return err_set(err, ERR_HTTP_VERSION, 0, "%.8s is not supported", p);
    return err_set(err, ERR_BAD_REQUEST, 0, "the start line has no HTTP version");
}

/* method SP request-target SP HTTP-version CRLF, single spaces (RFC 9112 3). */
static enum err_code parse_request_line(struct cursor *c, struct head_request *out, struct err *err)
{
    const char *eol = scan_control(c->p, c->end);
    if (c->end - eol < 2 || eol[0] != '\r' || eol[1] != '\n')
        return err_set(err, ERR_BAD_REQUEST, 0, "control byte in the request line");
    const char *space = scan_token(c->p, eol);
    if (space == c->p || space == eol || *space != ' ')
        return err_set(err, ERR_BAD_REQUEST, 0, "the request line does not begin with a method");
    out->method = str_make(c->p, (size_t)(space - c->p));
    const char *target = space + 1, *after = memchr(target, ' ', (size_t)(eol - target));
    if (!after || after == target || eol - after != 9)
        return err_set(err, ERR_BAD_REQUEST, 0, "the request line is not METHOD TARGET VERSION");
    out->target = str_make(target, (size_t)(after - target));
    if (out->target.n > HEAD_MAX_TARGET)
        return err_set(err, ERR_HEAD_TOO_LARGE, 0, "more than %d bytes of request target", HEAD_MAX_TARGET);
    out->method_id = http_method_of(out->method);
    c->p = eol + 2;
    return parse_version(after + 1, &out->minor, err);
}

/* RFC 9112 3.2: one Host in HTTP/1.1. Only CONNECT, whose target says the same, goes without: old clients do. */
static enum err_code check_host(struct head_request *out, const struct header *host, size_t n, struct err *err)
{
    struct str name;
    unsigned port;
    out->host = STR_NONE;
    if (n > 1) return err_set(err, ERR_BAD_REQUEST, 0, "more than one Host");
    if (n == 0) {
        if (out->minor == 0 || out->method_id == METHOD_CONNECT) return ERR_NONE;
        return err_set(err, ERR_BAD_REQUEST, 0, "no Host");
    }
    if (!uri_split_authority(host->value, &name, &port)) return err_set(err, ERR_BAD_REQUEST, 0, "Host is not valid");
    out->host = host->value;
    return ERR_NONE;
}

/* RFC 9110 10.1.1, 5.6.1: a list, maybe an empty one. */
static enum err_code read_expect(struct str list, struct head_request *out, struct err *err)
{
    struct str item;
    while (str_split(&list, ',', &item)) {
        item = str_trim(item);
        if (!item.n) continue;
        if (!str_eq_nocase(item, STR("100-continue")))
            return err_set(err, ERR_BAD_EXPECT, 0, "Expect is not 100-continue");
        out->expect_continue = true;
    }
    return ERR_NONE;
}

/* Host, Connection and Expect, in one pass. In HTTP/1.0, and without a body to come, the last means nothing. */
static enum err_code read_fields(struct head_request *out, struct err *err)
{
    const struct header *host = NULL;
    size_t hosts = 0;
    out->expect_continue = false;
    out->keep_alive = out->minor == 1; /* RFC 9112 9.3: a proxy keeps no connection of an HTTP/1.0 client */
    for (size_t i = 0; i < out->headers.n; i++) {
        const struct header *h = &out->headers.v[i];
        if (h->id == HDR_HOST) {
            host = h;
            hosts++;
        } else if (h->id == HDR_CONNECTION) {
            if (headers_has_token(&(struct headers){&out->headers.v[i], 1}, HDR_CONNECTION, STR("close")))
                out->keep_alive = false;
        } else if (h->id == HDR_EXPECT && out->minor == 1 && out->method_id != METHOD_CONNECT) {
            TRY(read_expect(h->value, out, err));
        }
    }
    return check_host(out, host, hosts, err);
}

static enum err_code frame_request(struct head_request *out, struct err *err)
{
    struct framing f;
    TRY(parse_framing(&out->headers, out->minor, &f, err));
    bool tunnel = out->method_id == METHOD_CONNECT;
    /* RFC 9110 9.3.6: what follows a CONNECT is the tunnel. Old libcurl repeats the fields of the request to come, and
     * no body follows them; but somebody might think so: if it is refused, nothing more is taken from that connection.
     */
    if (tunnel && (f.chunked || f.length > 0)) out->keep_alive = false;
    out->body = tunnel ? BODY_NONE : f.chunked ? BODY_CHUNKED : f.has_length ? BODY_LENGTH : BODY_NONE;
    out->has_content_length = f.has_length;
    out->content_length = tunnel ? 0 : f.length;
    return ERR_NONE;
}

enum err_code head_parse_request(struct str raw, struct header *fields, struct head_request *out, struct err *err)
{
    struct cursor c = {raw.p, raw.p + raw.n};
    out->raw = raw;
    TRY(parse_request_line(&c, out, err));
    TRY(parse_fields(&c, fields, &out->headers, err));
    TRY(read_fields(out, err));
    return frame_request(out, err);
}

/* ---- responses ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* HTTP-version SP status-code SP [reason] CRLF (RFC 9112 4). */
static enum err_code parse_status_line(struct cursor *c, struct head_response *out, struct err *err)
{
    const char *p = c->p;
    if (c->end - p < 15) return err_set(err, ERR_BAD_REQUEST, 0, "short status line");
    TRY(parse_version(p, &out->minor, err));
    if (p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) || p[12] != ' ')
        return err_set(err, ERR_BAD_REQUEST, 0, "the status line has no three-digit status");
    out->status = (unsigned)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
    if (out->status < 100 || out->status > 599)
        return err_set(err, ERR_BAD_REQUEST, 0, "status %u is not an HTTP status", out->status);
    const char *eol = value_end(p + 13, c->end);
    if (!eol) return err_set(err, ERR_BAD_REQUEST, 0, "control byte in the status line");
    out->reason = str_make(p + 13, (size_t)(eol - p - 13));
    c->p = eol + 2;
    return ERR_NONE;
}

/* RFC 9112 6.3, 1 and 2: these have no body whatever their fields say. */
static bool is_bodiless(enum http_method method, unsigned status)
{
    return method == METHOD_HEAD || status < 200 || status == 204 || status == 304 ||
           (method == METHOD_CONNECT && status < 300);
}

static enum err_code frame_response(struct head_response *out, enum http_method method, struct err *err)
{
    struct framing f;
    TRY(parse_framing(&out->headers, out->minor, &f, err));
    out->has_content_length = f.has_length;
    out->content_length = f.length;
    if (is_bodiless(method, out->status))
        out->body = BODY_NONE;
    else if (f.chunked)
        out->body = BODY_CHUNKED;
    else
        out->body = f.has_length ? BODY_LENGTH : BODY_UNTIL_CLOSE;

    bool asked = out->minor == 1 || headers_has_token(&out->headers, HDR_CONNECTION, STR("keep-alive"));
    out->keep_alive =
        asked && out->body != BODY_UNTIL_CLOSE && !headers_has_token(&out->headers, HDR_CONNECTION, STR("close"));
    return ERR_NONE;
}

static enum err_code parse_response(struct str raw, enum http_method method, struct header *fields,
                                    struct head_response *out, struct err *err)
{
    struct cursor c = {raw.p, raw.p + raw.n};
    out->raw = raw;
    TRY(parse_status_line(&c, out, err));
    TRY(parse_fields(&c, fields, &out->headers, err));
    return frame_response(out, method, err);
}

enum err_code head_parse_response(struct str raw, enum http_method method, struct header *fields,
                                  struct head_response *out, struct err *err)
{
    struct err why;
    if (parse_response(raw, method, fields, out, &why) == ERR_NONE) return ERR_NONE;
    return err_set(err, ERR_UPSTREAM_BAD, 0, "%s", why.detail);
}
