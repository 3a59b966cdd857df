/* SPDX-License-Identifier: Apache-2.0
 * head.h: strict HTTP/1.x message heads: finding their end, parsing them, writing them. Pure; any thread.
 * Zero copy: all views point into the bytes given to head_parse_*, which must stay until the head is no longer used.
 * Source: RFC 9112 2-6; where it lets a recipient be lenient this parser is not (bare LF or CR, obs-fold, space before
 * ':', control bytes, TE with CL, several Content-Length): leniency is how requests are smuggled (RFC 9112 11.2).
 */
#ifndef S3ONRAMP_HTTP_HEAD_H
#define S3ONRAMP_HTTP_HEAD_H

#include "base/err.h"
#include "http/headers.h"

enum {
    HEAD_MAX_BYTES = 32 * 1024, /* whole head; S3 itself allows 8 KiB of fields */
    HEAD_MAX_FIELDS = 600, /* no limit of S3: its 8 KiB hold at most 480 entries of metadata, and some more fields */
    HEAD_MAX_TARGET = 16 * 1024,
};

/* How a message's body is delimited (RFC 9112 6.3). */
enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

enum head_result { HEAD_MORE, HEAD_COMPLETE, HEAD_INVALID };

/* Incremental search for the end of a head. Zero it before each message. */
struct head_scan {
    size_t pos;        /* bytes already looked at */
    size_t line_start; /* where the current line begins */
    bool started;      /* a byte of the start line was seen */
};

/* @buf: all bytes of the message so far, the same start at each call, @len of them. HEAD_COMPLETE: *@skip bytes of
 * leading CRLF (at most one, RFC 9112 2.2) and then *@head_len bytes of head including its empty line. HEAD_INVALID:
 * @err says why (ERR_BAD_REQUEST, or ERR_HEAD_TOO_LARGE when no end came within HEAD_MAX_BYTES). Rejects early, at the
 * first bad byte of line structure (bare CR, bare LF, NUL). */
MUST_CHECK enum head_result head_scan(struct head_scan *s, const char *buf, size_t len, size_t *skip, size_t *head_len,
                                      struct err *err);

enum http_method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_PUT,
    METHOD_POST,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_CONNECT,
    METHOD_TRACE,
};

struct head_request {
    struct str raw; /* the whole head as parsed */
    struct str method;
    enum http_method method_id;
    struct str target; /* as sent */
    unsigned minor;    /* 0 or 1 of HTTP/1.x */
    struct headers headers;
    struct str host;         /* value of Host; empty if none (HTTP/1.0 or CONNECT only) */
    enum body_kind body;     /* NONE (always for CONNECT), LENGTH or CHUNKED */
    uint64_t content_length; /* for LENGTH (may be 0); else 0 */
    bool has_content_length;
    bool keep_alive;      /* the client lets the connection go on; never in HTTP/1.0 (RFC 9112 9.3: we are a proxy), nor
                           * after a CONNECT that speaks of a body */
    bool expect_continue; /* Expect: 100-continue, in HTTP/1.1; never of a CONNECT */
};

/* How many structs the fields of @raw need: as many as it has lines, at most HEAD_MAX_FIELDS. */
size_t head_fields(struct str raw);

/* Parses one complete head of @raw.n bytes as delimited by head_scan. @fields: head_fields(@raw) structs, to which
 * out->headers then points. Errors: ERR_BAD_REQUEST, ERR_BAD_FRAMING (TE with
 * CL, two Content-Length, not digits, TE in 1.0, chunked not last or twice), ERR_TRANSFER_CODING
 * (a coding besides chunked, or a registered one alone; what leaves the length open, like "br", is ERR_BAD_FRAMING),
 * ERR_HEAD_TOO_LARGE (too many fields, long target), ERR_HTTP_VERSION, ERR_BAD_EXPECT. Host: exactly one in HTTP/1.1
 * (except that CONNECT may go without). */
MUST_CHECK enum err_code head_parse_request(struct str raw, struct header *fields, struct head_request *out,
                                            struct err *err);

/* What a head that is not valid, or not whole, seems to ask for. For the log and for the words of a refusal: nothing is
 * decided by it. Views into @bytes; empty: it does not say. */
struct head_glance {
    struct str method, target, host;
};
void head_glance(struct str bytes, struct head_glance *out);
/* The path in a target of whatever form and validity; empty: it has none. */
struct str head_glance_path(struct str target);
enum http_method http_method_of(struct str method);

struct head_response {
    struct str raw;
    unsigned minor;
    unsigned status; /* 100..599 */
    struct str reason;
    struct headers headers;
    enum body_kind body;     /* how the body ends, for this @method and status */
    uint64_t content_length; /* as announced; of HEAD and 304 too, where no body follows */
    bool has_content_length;
    bool keep_alive;
};

/* @fields: as above. @method: of the request being answered (HEAD, CONNECT change the body rule). ERR_UPSTREAM_BAD for
 * anything not strict. */
MUST_CHECK enum err_code head_parse_response(struct str raw, enum http_method method, struct header *fields,
                                             struct head_response *out, struct err *err);

/* Sends the client on by Location, as the same request or as GET. */
static inline bool head_is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 307 || status == 308;
}

/* Writers: each adds bytes to @b; overflow shows in b->overflow. It is also set, and the bytes in question are not
 * written, when a name is no token, a value or reason holds a control byte other than tab, or a path or query holds
 * white space: no injected line gets out. */
void head_put_request_line(struct sbuf *b, struct str method, struct str path, struct str query, bool has_query);
/* @reason may be empty: the standard phrase of @status is used. */
void head_put_status_line(struct sbuf *b, unsigned status, struct str reason);
void head_put(struct sbuf *b, struct str name, struct str value);
void head_put_u64(struct sbuf *b, struct str name, uint64_t value);
void head_put_end(struct sbuf *b);

#endif
