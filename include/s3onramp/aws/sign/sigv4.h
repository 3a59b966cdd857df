/* SPDX-License-Identifier: Apache-2.0
 * sigv4.h: AWS Signature Version 4 for S3 requests: canonical request, string to sign, signature, Authorization header.
 * Pure: time is a parameter. One thread per struct digest / sigv4_keys. Owns nothing but the key cache; writes into the
 * caller's arena. Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
 * Payload in a Single Chunk". S3 exceptions to the general algorithm: the path is encoded once and never normalised.
 */
#ifndef S3ONRAMP_AWS_SIGN_SIGV4_H
#define S3ONRAMP_AWS_SIGN_SIGV4_H

#include "aws/sign/digest.h"
#include "base/arena.h"
#include "http/headers.h"
#include "http/uri.h"

/* Values of x-amz-content-sha256 (S3 API Reference, "x-amz-content-sha256"). */
enum payload_mode {
    PAYLOAD_HASH,             /* 64 hex digits */
    PAYLOAD_UNSIGNED,         /* UNSIGNED-PAYLOAD */
    PAYLOAD_UNSIGNED_TRAILER, /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
    PAYLOAD_SIGNED_CHUNKS,    /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
    PAYLOAD_SIGNED_TRAILER,   /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER */
    PAYLOAD_ECDSA,            /* STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD[-TRAILER] */
    PAYLOAD_INVALID,
};
enum payload_mode sigv4_payload_mode(struct str x_amz_content_sha256);

extern const struct str SIGV4_UNSIGNED_PAYLOAD;           /* "UNSIGNED-PAYLOAD" */
extern const struct str SIGV4_STREAMING_UNSIGNED_TRAILER; /* "STREAMING-UNSIGNED-PAYLOAD-TRAILER" */
extern const struct str SIGV4_STREAMING_SIGNED;           /* "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" */
extern const struct str SIGV4_STREAMING_SIGNED_TRAILER;   /* "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" */
extern const struct str SIGV4_EMPTY_SHA256;               /* hex SHA-256 of nothing */

/* An Authorization header taken apart. Views into it. */
struct sigv4_auth {
    struct str access_key; /* may contain ':' and '/': Credential is split from the right */
    struct str date;       /* yyyymmdd */
    struct str region, service;
    struct str signed_headers; /* "a;b;c" as sent */
    struct str signature;      /* 64 lower-case hex digits */
};

/* @value: of Authorization, beginning with "AWS4-HMAC-SHA256". Fields are found by name, commas with or without spaces.
 * Every field exactly once. ERR_AUTH_MALFORMED with the reason: missing or repeated field, scope not of four parts or
 * not ending in aws4_request, date not 8 digits, signed_headers empty, not lower case, not sorted or repeated,
 * signature not 64 hex digits. */
MUST_CHECK enum err_code sigv4_parse_authorization(struct str value, struct sigv4_auth *out, struct err *err);
/* "ACCESSKEY/YYYYMMDD/REGION/SERVICE/aws4_request" alone, as queries and forms have it: access_key, date, region and
 * service of @out, the rest is not touched. ERR_AUTH_MALFORMED, its detail the reason alone, not a sentence. */
MUST_CHECK enum err_code sigv4_parse_credential(struct str credential, struct sigv4_auth *out, struct err *err);

/* What a presigned URL says (S3 API Reference, "Authenticating Requests: Using Query Parameters"). */
struct sigv4_query {
    struct sigv4_auth auth;
    struct str timestamp;      /* X-Amz-Date, yyyymmddThhmmssZ */
    int64_t signed_s;          /* the same, Unix time */
    int64_t expires_s;         /* X-Amz-Expires, 1..SIGV4_MAX_EXPIRES_S */
    struct str content_sha256; /* X-Amz-Content-Sha256 of the query, if there is one */
};
enum { SIGV4_MAX_EXPIRES_S = 604800 };

/* True if the query carries a signature of this kind, or says so. Names are compared decoded, case matters. */
bool sigv4_is_in_query(const struct query_param *params, size_t n);
/* True for the parameters that only carry the signature: they end at this hop. */
bool sigv4_is_auth_param(const struct query_param *param);
/* The same in any case, as some servers read them. */
bool sigv4_is_like_auth_param(const struct query_param *param);
/* Each required parameter exactly once, decoded into @arena. ERR_AUTH_QUERY with the reason, ERR_BAD_URI,
 * ERR_NO_MEMORY. Whether it has expired is the caller's question. */
MUST_CHECK enum err_code sigv4_parse_query(const struct query_param *params, size_t n, struct arena *arena,
                                           struct sigv4_query *out, struct err *err);

/* "20130524T000000Z", or an HTTP-date of RFC 9110 5.6.7 in any of its three forms (in the first two also with UTC or a
 * zone like +0900 in place of GMT, and one digit for the day, as S3 takes). False if neither. For Signature Version 2,
 * too. */
MUST_CHECK bool sigv4_parse_date(struct str s, int64_t *unix_s);
enum { SIGV4_TIMESTAMP_BYTES = 16, SIGV4_DATE_BYTES = 8 };
/* yyyymmddThhmmssZ, not NUL-terminated. */
void sigv4_format_time(int64_t unix_s, char out[SIGV4_TIMESTAMP_BYTES]);

/* What is signed. Borrows everything. */
struct sigv4_input {
    struct str method;
    struct str path;                 /* decoded bytes, beginning with '/', not normalised; "" means "/" */
    struct str other_path;           /* the same with a raw '+' read the other way; empty: there is none */
    const struct query_param *query; /* as sent, still encoded */
    size_t query_n;
    bool presigned;                /* X-Amz-Signature of the query is left out of the canonical request */
    bool plus_is_space;            /* how '+' in the query is read before it is encoded again */
    struct str host;               /* value of the line "host", which is never looked for among @headers */
    bool tabs_are_blanks;          /* in values, a run of which becomes one space */
    const struct headers *headers; /* values as sent */
    struct str signed_headers;     /* "a;b;c": lower case, sorted. A header that is absent counts as empty. */
    struct str payload_hash;       /* last line */
};

/* The canonical request, in @arena; {NULL,0} when out of memory or a query escape is broken. Header values: trimmed,
 * inner runs of spaces made one, equal names joined with ','. Query: encoded names and values, then sorted bytewise by
 * name, then value. */
MUST_CHECK struct str sigv4_canonical_request(const struct sigv4_input *in, struct arena *arena);

/* "AWS4-HMAC-SHA256\n<timestamp>\n<date>/<region>/<service>/aws4_request\n<hex>" in @arena. */
MUST_CHECK struct str sigv4_string_to_sign(struct digest *d, struct str timestamp, struct str date, struct str region,
                                           struct str service, struct str canonical, struct arena *arena);

/* Signing keys, derived once per (secret's owner, day, region, service) and kept: a small direct-mapped cache of
 * prepared HMAC keys. */
struct sigv4_keys;
MUST_CHECK struct sigv4_keys *sigv4_keys_new(size_t slots);
void sigv4_keys_free(struct sigv4_keys **k); /* wipes */
/* The prepared key for these four, derived if it is not cached. A changed @secret under the same @access_key is noticed
 * (the cache holds a copy, wiped when replaced). Valid until the next call. NULL when out of memory. */
MUST_CHECK const struct hmac_key *sigv4_key(struct sigv4_keys *k, struct digest *d, struct str access_key,
                                            struct str secret, struct str date, struct str region, struct str service);

/* hex(HMAC(key, string_to_sign)), 64 digits. */
void sigv4_signature(struct digest *d, const struct hmac_key *key, struct str string_to_sign, char out[SHA256_HEX]);

/* Verifies: canonical request → string → signature, compared in constant time. When it fails, and the request can be
 * read in more than one way, tries again: '+' in the query as a space or as itself, @in->path or other_path, tabs in
 * signed values as they are (Go) or as blanks (botocore). @in then tells the reading that verified: path, plus_is_space
 * (true when there is no '+'), tabs_are_blanks. @timestamp: yyyymmddThhmmssZ of the request. ERR_SIG_MISMATCH:
 * *@canonical and
 * *@string_to_sign (may be NULL) then hold ours, for the error document. ERR_BAD_URI: a broken escape in the query.
 * ERR_NO_MEMORY. */
MUST_CHECK enum err_code sigv4_verify(struct digest *d, const struct hmac_key *key, struct sigv4_input *in,
                                      const struct sigv4_auth *auth, struct str timestamp, struct arena *arena,
                                      struct str *canonical, struct str *string_to_sign, struct err *err);

/* True if @name (any case) is among @signed_headers "a;b;c". */
bool sigv4_is_signed(struct str signed_headers, struct str name);

/* Signs: returns the Authorization value "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…" in @arena, or
 * {NULL,0}. @in->signed_headers must be set. */
MUST_CHECK struct str sigv4_authorization(struct digest *d, const struct hmac_key *key, const struct sigv4_input *in,
                                          struct str access_key, struct str timestamp, struct str region,
                                          struct str service, struct arena *arena);

/* "a;b;c" for the headers of @headers that the proxy signs: host, every x-amz-*, content-type, content-md5, range,
 * date-free conditionals (if-match, if-none-match, if-modified-since, if-unmodified-since); lower case, sorted, each
 * once. Never authorization, user-agent, accept-encoding, content-length, expect, connection-class. {NULL,0} when out
 * of memory. */
MUST_CHECK struct str sigv4_headers_to_sign(const struct headers *headers, struct arena *arena);

#endif
