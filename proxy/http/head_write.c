/* SPDX-License-Identifier: Apache-2.0
 * head_write.c: writing message heads from parsed data. Pure; any thread; owns nothing.
 * Source: RFC 9112 3, 4, 5. A byte that would end a line or a name too early makes the builder overflow instead of
 * getting out: a head with an injected line is worse than none.
 */
#include "http/head.h"

#include "scan.h"

/* Adds @s if it is text without control bytes (tab excepted). */
static void put_text(struct sbuf *b, struct str s)
{
    const char *p = s.p, *end = s.n ? s.p + s.n : s.p;
    while ((p = scan_control(p, end)) != end) {
        if (*p++ != '\t') {
            b->overflow = true;
            return;
        }
    }
    sbuf_add(b, s);
}

/* Adds @s if it has no white space either: parts of the request line. */
static void put_word(struct sbuf *b, struct str s)
{
    if (s.n && (memchr(s.p, ' ', s.n) || memchr(s.p, '\t', s.n))) b->overflow = true;
    put_text(b, s);
}

/* Adds @s if it is a token (RFC 9110 5.6.2). */
static void put_token(struct sbuf *b, struct str s)
{
    if (s.n == 0 || scan_token(s.p, s.p + s.n) != s.p + s.n) b->overflow = true;
    sbuf_add(b, s);
}

void head_put_request_line(struct sbuf *b, struct str method, struct str path, struct str query, bool has_query)
{
    put_token(b, method);
    sbuf_char(b, ' ');
    put_word(b, path);
    if (has_query) {
        sbuf_char(b, '?');
        put_word(b, query);
    }
    sbuf_add(b, STR(" HTTP/1.1\r\n"));
}

/* RFC 9110 15; 429 and 431: RFC 6585. */
static const char *reason_of(unsigned status)
{
    switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return status < 200 ? "Informational" : status < 300 ? "Success" : status < 400 ? "Redirection" : "Error";
    }
}

void head_put_status_line(struct sbuf *b, unsigned status, struct str reason)
{
    ASSERT(status >= 100 && status <= 599);
    sbuf_add(b, STR("HTTP/1.1 "));
    sbuf_u64(b, status);
    sbuf_char(b, ' ');
    put_text(b, reason.n ? reason : str_from(reason_of(status)));
    sbuf_add(b, STR("\r\n"));
}

void head_put(struct sbuf *b, struct str name, struct str value)
{
    put_token(b, name);
    sbuf_add(b, STR(": "));
    put_text(b, value);
    sbuf_add(b, STR("\r\n"));
}

void head_put_u64(struct sbuf *b, struct str name, uint64_t value)
{
    put_token(b, name);
    sbuf_add(b, STR(": "));
    sbuf_u64(b, value);
    sbuf_add(b, STR("\r\n"));
}

void head_put_end(struct sbuf *b)
{
    sbuf_add(b, STR("\r\n"));
}
