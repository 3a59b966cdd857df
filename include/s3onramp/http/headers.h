/* SPDX-License-Identifier: Apache-2.0
 * headers.h: header fields as received: order, case and bytes kept. Pure; any thread; borrows everything.
 * Source: RFC 9110 5 (fields), 7.6.1 (Connection and hop-by-hop fields).
 */
#ifndef S3ONRAMP_HTTP_HEADERS_H
#define S3ONRAMP_HTTP_HEADERS_H

#include "base/str.h"

/* Fields the program looks at, found once while parsing. Names are lower case. Keep sorted by (length, name). */
/* clang-format off */
#define HEADER_TABLE(X) \
    X(TE, "te") X(VIA, "via") X(DATE, "date") X(ETAG, "etag") X(HOST, "host") \
    X(RANGE, "range") X(EXPECT, "expect") X(SERVER, "server") X(TRAILER, "trailer") X(UPGRADE, "upgrade") X(LOCATION, "location") \
    X(CONNECTION, "connection") X(KEEP_ALIVE, "keep-alive") X(USER_AGENT, "user-agent") X(X_AMZ_DATE, "x-amz-date") X(X_AMZ_ID_2, "x-amz-id-2") \
    X(CONTENT_MD5, "content-md5") X(TRACEPARENT, "traceparent") \
    X(CONTENT_TYPE, "content-type") X(AUTHORIZATION, "authorization") X(X_AMZ_TRAILER, "x-amz-trailer") \
    X(CONTENT_LENGTH, "content-length") X(ACCEPT_ENCODING, "accept-encoding") X(CONTENT_ENCODING, "content-encoding") \
    X(PROXY_CONNECTION, "proxy-connection") X(X_AMZ_REQUEST_ID, "x-amz-request-id") X(TRANSFER_ENCODING, "transfer-encoding") \
    X(X_AMZ_COPY_SOURCE, "x-amz-copy-source") X(PROXY_AUTHENTICATE, "proxy-authenticate") X(PROXY_AUTHORIZATION, "proxy-authorization") \
    X(X_AMZ_BUCKET_REGION, "x-amz-bucket-region") X(X_AMZ_CONTENT_SHA256, "x-amz-content-sha256") X(X_AMZ_SECURITY_TOKEN, "x-amz-security-token") \
    X(X_AMZ_DECODED_CONTENT_LENGTH, "x-amz-decoded-content-length")

enum header_id {
    HDR_OTHER,
#define X(id, name) HDR_##id,
    HEADER_TABLE(X)
#undef X
    HDR_COUNT
};
/* clang-format on */

struct header {
    struct str name;  /* as sent */
    struct str value; /* as sent, without surrounding OWS */
    enum header_id id;
};

struct headers {
    struct header *v; /* borrowed */
    size_t n;
};

/* True if a field can have this name (RFC 9110 5.1: a token). */
bool header_name_valid(struct str name);
/* Which known field @name is (any case), or HDR_OTHER. */
enum header_id header_id_of(struct str name);
/* First field with @id / @name (any case), or NULL. */
const struct header *headers_find(const struct headers *h, enum header_id id);
const struct header *headers_find_name(const struct headers *h, struct str name);
/* How many fields have @id. */
size_t headers_count(const struct headers *h, enum header_id id);
/* True if some comma-separated item of all fields @id equals @token, ASCII case ignored (RFC 9110 5.6.1). */
bool headers_has_token(const struct headers *h, enum header_id id, struct str token);
/* True for a field that says what a message is: Host, Authorization, Content-*, If-*, Range, Date, x-amz-*. */
bool header_is_end_to_end(const struct header *h);
/* True if a Connection field names @h (RFC 9110 7.6.1), and it is none that ends at each hop anyway. */
bool headers_nominates(const struct headers *all, const struct header *h);
/* True if @h ends at this hop: Connection, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding, Upgrade, and what
 * Connection names and is not end-to-end. */
bool headers_drops(const struct headers *all, const struct header *h);
/* True for a field whose name begins with "x-amz-" (any case). */
bool header_is_amz(struct str name);
/* True if @name holds a '_' that some servers (CGI, WSGI) read as '-', so that it may be another field there:
 * x_amz_copy_source, content_length. Names of metadata may hold any. */
bool header_is_ambiguous(struct str name);
/* True if that other field is one of S3's, x-amz-*. */
bool header_is_ambiguous_amz(struct str name);

#endif
