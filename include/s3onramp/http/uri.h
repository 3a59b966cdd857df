/* SPDX-License-Identifier: Apache-2.0
 * uri.h: request targets, percent-coding, query strings. Pure; any thread; borrows everything.
 * Source: RFC 9112 3.2 (request target forms), RFC 3986 2.1 (percent-encoding); encoding rule of AWS SigV4
 * ("UriEncode").
 */
#ifndef S3ONRAMP_HTTP_URI_H
#define S3ONRAMP_HTTP_URI_H

#include "base/err.h"
#include "base/str.h"

enum uri_form { URI_ORIGIN, URI_ABSOLUTE, URI_AUTHORITY, URI_ASTERISK };

struct uri {
    enum uri_form form;
    struct str scheme;    /* absolute form only, as sent */
    struct str authority; /* absolute and authority form: host[:port], as sent */
    struct str path;      /* raw, as sent; "/" if an absolute form had none */
    struct str query;     /* raw, without '?'; empty if none */
    bool has_query;       /* a '?' was there */
};

/* Splits @target. @is_connect: authority form is required, else refused. ERR_BAD_REQUEST for userinfo, fragments,
 * spaces, control bytes or bytes >= 0x80 are NOT refused in paths (S3 clients send raw UTF-8): control bytes, space and
 * '#' are. */
MUST_CHECK enum err_code uri_split(struct str target, bool is_connect, struct uri *out, struct err *err);

enum { URI_HOST_MOST = 253, URI_LABEL_MOST = 63 }; /* bytes; RFC 1035 2.3.4, as text */
/* A host name as S3 and its clients write them: labels of letters of either case, digits, '-' and '_' (old buckets have
 * it), joined by single dots; no address, no port, no dot at the end. */
bool uri_host_valid(struct str host);
/* Splits "host", "host:port", "[v6]", "[v6]:port". @host: without brackets and without one trailing dot; @port: 0 if
 * absent. False for an empty host, a bad port (not 1..65535), or bytes outside [A-Za-z0-9._-] (v6: hex digits, ':' and
 * '.'). */
MUST_CHECK bool uri_split_authority(struct str authority, struct str *host, unsigned *port);

/* Decodes %XX once; '+' stays '+' unless @plus_is_space. @out: at least in.n bytes, may be in.p itself; *@out_n:
 * length. False for an incomplete or non-hex escape. */
MUST_CHECK bool uri_decode(struct str in, bool plus_is_space, char *out, size_t *out_n);

/* AWS UriEncode: A-Za-z0-9-._~ stay, all else becomes %XX upper case; '/' stays if @keep_slash. At most 3*in.n bytes.
 */
void uri_encode(struct sbuf *out, struct str in, bool keep_slash);
/* True if uri_encode would not change @s. */
bool uri_is_encoded_plain(struct str s, bool keep_slash);

/* One query parameter as sent: still encoded. */
struct query_param {
    struct str name, value;
    bool has_value; /* '=' was there */
};
/* Splits @query at '&'; empty items are skipped. Returns how many there are; fills at most @max.
 * The caller compares with @max: more means "too many". */
size_t query_split(struct str query, struct query_param *out, size_t max);
/* True if @encoded is @plain once decoded: "%75ploads" is "uploads" to S3, too. '+' stays '+'. */
bool uri_decodes_to(struct str encoded, struct str plain);
/* True if @encoded begins with @plain once decoded, ASCII case ignored. */
bool uri_decodes_to_prefix(struct str encoded, struct str plain);
/* True if two encoded names are one once decoded, ASCII case ignored. */
bool uri_decode_alike(struct str a, struct str b);
/* First parameter whose name is @name once decoded, or NULL. */
const struct query_param *query_find(const struct query_param *params, size_t n, struct str name);

#endif
