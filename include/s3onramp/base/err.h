/* SPDX-License-Identifier: Apache-2.0
 * err.h: the one table of errors. Each row: code, HTTP status, S3 error code, who is to blame, how a client is told,
 * log word, default text. Source of S3 codes: Amazon S3 API Reference, "Error responses"; HTTP status from RFC 9110.
 */
#ifndef S3ONRAMP_BASE_ERR_H
#define S3ONRAMP_BASE_ERR_H

#include "base/attrib.h"

enum err_blame { BLAME_NONE, BLAME_CLIENT, BLAME_UPSTREAM, BLAME_CONFIG, BLAME_SELF };

/* How a client is told. Unless a row says otherwise: the row's text and no more (what went wrong on our side stays in
 * the log), as an S3 error document, and the connection goes on. */
enum err_tell {
    TELL_TEXT = 0,
    TELL_DETAIL = 1, /* err.detail in place of the text: it tells of the client's own request, or may be read by it */
    TELL_OWN = 2,    /* the text is a sentence of ours, not S3's: the request's id goes with it */
    TELL_PLAIN = 4,  /* plain text: the answer is the proxy's, not S3's */
    /* The connection ends: what follows such a request was hardly meant as another one. */
    TELL_ENDS = 8,
};

/* clang-format off */
#define ERR_TABLE(X) \
    X(NONE,                200, "OK",                            BLAME_NONE,     TELL_TEXT,               "ok",                 "no error") \
    /* head and framing */ \
    X(BAD_REQUEST,         400, "BadRequest",                    BLAME_CLIENT,   TELL_DETAIL | TELL_ENDS, "bad_request",        "The request is not well-formed HTTP/1.1.") \
    X(BAD_FRAMING,         400, "BadRequest",                    BLAME_CLIENT,   TELL_DETAIL | TELL_ENDS, "bad_framing",        "The length of the request body is not clear.") \
    X(HEAD_TOO_LARGE,      431, "RequestHeaderSectionTooLarge",  BLAME_CLIENT,   TELL_TEXT,               "head_too_large",     "Your request header section exceeds the maximum allowed request header section size.") \
    X(BAD_EXPECT,          417, "InvalidRequest",                BLAME_CLIENT,   TELL_TEXT,               "bad_expect",         "Only Expect: 100-continue is supported.") \
    X(HTTP_VERSION,        505, "BadRequest",                    BLAME_CLIENT,   TELL_TEXT,               "http_version",       "Only HTTP/1.0 and HTTP/1.1 are supported.") \
    X(TRANSFER_CODING,     501, "NotImplemented",                BLAME_CLIENT,   TELL_TEXT,               "transfer_coding",    "A header you provided implies functionality that is not implemented.") \
    X(LENGTH_REQUIRED,     411, "MissingContentLength",          BLAME_CLIENT,   TELL_TEXT,               "length_required",    "You must provide the Content-Length HTTP header.") \
    X(METHOD,              405, "MethodNotAllowed",              BLAME_CLIENT,   TELL_ENDS,               "method",             "The specified method is not allowed against this resource.") \
    X(CLIENT_TIMEOUT,      400, "RequestTimeout",                BLAME_CLIENT,   TELL_ENDS,               "client_timeout",     "Your socket connection to the server was not read from or written to within the timeout period.") \
    X(CLIENT_GONE,         499, "ClientClosedRequest",           BLAME_CLIENT,   TELL_TEXT,               "client_gone",        "The client closed the connection.") \
    X(CLIENT_TLS,          400, "BadRequest",                    BLAME_CLIENT,   TELL_TEXT,               "client_tls",         "The TLS handshake with the client failed.") \
    X(TLS_WANTED,          400, "InvalidRequest",                BLAME_CLIENT,   TELL_TEXT,               "tls_wanted",         "This listener of the proxy speaks TLS: use https://, not http://.") \
    X(TLS_UNWANTED,        400, "InvalidRequest",                BLAME_CLIENT,   TELL_TEXT,               "tls_unwanted",       "This listener of the proxy does not speak TLS: use http://, not https://.") \
    X(INCOMPLETE_BODY,     400, "IncompleteBody",                BLAME_CLIENT,   TELL_ENDS,               "incomplete_body",    "You did not provide the number of bytes specified by the Content-Length HTTP header.") \
    X(BAD_TRAILER,         400, "MalformedTrailerError",         BLAME_CLIENT,   TELL_DETAIL,             "bad_trailer",        "The request contained trailing data that was not well-formed or did not conform to our published schema.") \
    X(CHUNK_SIZE,          400, "InvalidChunkSizeError",         BLAME_CLIENT,   TELL_TEXT,               "chunk_size",         "Only the last chunk is allowed to have a size less than 8192 bytes") \
    X(BAD_DIGEST,          400, "BadDigest",                     BLAME_CLIENT,   TELL_TEXT,               "bad_digest",         "The checksum you specified did not match what we received.") \
    /* target */ \
    X(BAD_URI,             400, "InvalidURI",                    BLAME_CLIENT,   TELL_TEXT,               "bad_uri",            "Couldn't parse the specified URI.") \
    X(BAD_BUCKET,          400, "InvalidBucketName",             BLAME_CLIENT,   TELL_DETAIL,             "bad_bucket",         "The specified bucket is not valid.") \
    X(NO_BUCKET,           404, "NoSuchBucket",                  BLAME_CLIENT,   TELL_DETAIL,             "no_bucket",          "The specified bucket does not exist") \
    X(HOST_REFUSED,        403, "AccessDenied",                  BLAME_CLIENT,   TELL_DETAIL | TELL_OWN,  "host_refused",       "This proxy forwards only to configured S3 endpoints.") \
    X(PORT_REFUSED,        403, "AccessDenied",                  BLAME_CLIENT,   TELL_DETAIL,             "port_refused",       "This proxy tunnels only to ports 443 and 80 of S3 names.") \
    X(MISDIRECTED,         421, "InvalidRequest",                BLAME_CLIENT,   TELL_DETAIL,             "misdirected",        "The Host header names another host than the connection was opened for.") \
    X(NOT_A_PROXY,         400, "InvalidRequest",                BLAME_CLIENT,   TELL_OWN,                "not_a_proxy",        "This listener is an S3 endpoint, not a proxy: use it as --endpoint-url, or HTTPS_PROXY with a 'forward' listener.") \
    X(NOT_AN_ENDPOINT,     400, "InvalidRequest",                BLAME_CLIENT,   TELL_OWN | TELL_ENDS,    "not_an_endpoint",    "This listener is a proxy: set it as HTTPS_PROXY/HTTP_PROXY, or use an 'endpoint' listener as --endpoint-url.") \
    /* caller */ \
    X(NO_AUTH,             403, "AccessDenied",                  BLAME_CLIENT,   TELL_OWN,                "no_auth",            "Anonymous access is not allowed here: sign the request with a key from 's3onramp client add'.") \
    X(PREFLIGHT,           400, "BadRequest",                    BLAME_CLIENT,   TELL_DETAIL,             "preflight",          "Insufficient information. Origin request header needed.") \
    X(WEB_PAGE,            403, "AccessDenied",                  BLAME_CLIENT,   TELL_OWN,                "web_page",           "Unsigned requests are not taken from web pages of other origins: sign them (a presigned URL will do), or let the administrator set `web_pages = allow` at this listener of the proxy.") \
    X(UNSIGNED_RESPONSE,   400, "InvalidRequest",                BLAME_CLIENT,   TELL_TEXT,               "unsigned_response",  "Request specific response headers cannot be used for anonymous GET requests.") \
    X(UNKNOWN_KEY,         403, "InvalidAccessKeyId",            BLAME_CLIENT,   TELL_TEXT,               "unknown_key",        "The access key is not known to this proxy; use the key pair that its administrator gave you, not one of AWS.") \
    X(SIG_MISMATCH,        403, "SignatureDoesNotMatch",         BLAME_CLIENT,   TELL_TEXT,               "sig_mismatch",       "The request signature we calculated does not match the signature you provided. Check your key and signing method.") \
    X(TIME_SKEWED,         403, "RequestTimeTooSkewed",          BLAME_CLIENT,   TELL_TEXT,               "time_skewed",        "The difference between the request time and the current time is too large.") \
    X(AUTH_DATE,           403, "AccessDenied",                  BLAME_CLIENT,   TELL_TEXT,               "auth_date",          "AWS authentication requires a valid Date or x-amz-date header") \
    X(AUTH_MALFORMED,      400, "AuthorizationHeaderMalformed",  BLAME_CLIENT,   TELL_DETAIL,             "auth_malformed",     "The authorization header that you provided is not valid.") \
    X(AUTH_QUERY,          400, "AuthorizationQueryParametersError", BLAME_CLIENT, TELL_DETAIL,             "auth_query",       "The authentication parameters in the query are not valid.") \
    X(URL_EXPIRED,         403, "AccessDenied",                  BLAME_CLIENT,   TELL_TEXT,               "url_expired",        "Request has expired") \
    X(URL_EARLY,           403, "AccessDenied",                  BLAME_CLIENT,   TELL_TEXT,               "url_early",          "Request is not valid yet") \
    X(SIGV2_OFF,           403, "AccessDenied",                  BLAME_CLIENT,   TELL_OWN,                "sigv2_off",          "Signature Version 2 is not allowed for this client: sign with Version 4, or let the administrator set `sigv2` of [client].") \
    X(AUTH_V2_HEADER,      400, "InvalidArgument",               BLAME_CLIENT,   TELL_TEXT,               "auth_v2_header",     "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature") \
    X(AUTH_V2_QUERY,       403, "AccessDenied",                  BLAME_CLIENT,   TELL_TEXT,               "auth_v2_query",      "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters") \
    X(AUTH_V2_EXPIRES,     403, "AccessDenied",                  BLAME_CLIENT,   TELL_DETAIL,             "auth_v2_expires",    "Invalid date (should be seconds since epoch)") \
    X(PARAM_NOT_SIGNED,    403, "AccessDenied",                  BLAME_CLIENT,   TELL_DETAIL,             "param_not_signed",   "There were query parameters present in the request which were not signed.") \
    X(PARAM_MISPLACED,     400, "InvalidArgument",               BLAME_CLIENT,   TELL_TEXT,               "param_misplaced",    "This value must be sent as a header, not in the query.") \
    X(AUTH_TYPE,           400, "InvalidArgument",               BLAME_CLIENT,   TELL_TEXT,               "auth_type",          "Unsupported Authorization Type") \
    X(AUTH_TWICE,          400, "InvalidArgument",               BLAME_CLIENT,   TELL_TEXT,               "auth_twice",         "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified") \
    X(HEADERS_NOT_SIGNED,  403, "AccessDenied",                  BLAME_CLIENT,   TELL_TEXT,               "headers_not_signed", "There were headers present in the request which were not signed") \
    X(SHA256_MISSING,      400, "InvalidRequest",                BLAME_CLIENT,   TELL_TEXT,               "sha256_missing",     "Missing required header for this request: x-amz-content-sha256") \
    X(SHA256_INVALID,      400, "InvalidArgument",               BLAME_CLIENT,   TELL_TEXT,               "sha256_invalid",     "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.") \
    X(PROXY_AUTH,          407, "ProxyAuthenticationRequired",   BLAME_CLIENT,   TELL_OWN | TELL_PLAIN,   "proxy_auth",         "This proxy wants the name and the password of a client: HTTPS_PROXY=https://NAME:PASSWORD@...") \
    X(PROXY_AUTH_PLAIN,    403, "AccessDenied",                  BLAME_CLIENT,   TELL_OWN | TELL_PLAIN,   "proxy_auth_plain",   "This proxy takes passwords over TLS only: use it as https://, not http://.") \
    X(PASSWORDS,           503, "ServiceUnavailable",            BLAME_SELF,     TELL_OWN | TELL_PLAIN,   "passwords",          "This proxy cannot check passwords just now. Try again, or tell its administrator.") \
    X(CERTIFICATE,         403, "AccessDenied",                  BLAME_CLIENT,   TELL_OWN | TELL_ENDS,    "certificate",        "The TLS certificate of this connection does not count.") \
    X(SOURCE,              403, "AccessDenied",                  BLAME_CLIENT,   TELL_OWN,                "source",             "This client may not come from the address that it comes from.") \
    X(TUNNEL_NAME,         403, "AccessDenied",                  BLAME_CLIENT,   TELL_OWN,                "tunnel_name",        "The TLS in the tunnel asks for another server than the tunnel was opened for.") \
    X(NOT_IMPLEMENTED,     501, "NotImplemented",                BLAME_CLIENT,   TELL_DETAIL,             "not_implemented",    "A header or parameter you provided implies functionality that is not implemented.") \
    X(POLICY_DENIED,       403, "AccessDenied",                  BLAME_CLIENT,   TELL_TEXT,               "policy_denied",      "No policy of this proxy allows it.") \
    X(LIMIT,               503, "SlowDown",                      BLAME_CLIENT,   TELL_DETAIL,             "limit",              "Please reduce your request rate.") \
    X(AUDIT,               503, "ServiceUnavailable",            BLAME_SELF,     TELL_OWN,                "audit",              "This proxy keeps a record of each request and cannot write it just now, so that nothing was done. Try again, or tell its administrator.") \
    X(TOO_MANY,            503, "SlowDown",                      BLAME_SELF,     TELL_TEXT,               "too_many",           "Please reduce your request rate.") \
    /* browser forms */ \
    X(FORM_NOT_MULTIPART,  412, "RequestIsNotMultiPartContent",  BLAME_CLIENT,   TELL_DETAIL,             "form_not_multipart", "Bucket POST must be of the enclosure-type multipart/form-data.") \
    X(FORM_MALFORMED,      400, "MalformedPOSTRequest",          BLAME_CLIENT,   TELL_DETAIL,             "form_malformed",     "The body of your POST request is not well-formed multipart/form-data.") \
    X(FORM_TOO_LONG,       400, "MaxPostPreDataLengthExceededError", BLAME_CLIENT, TELL_DETAIL,             "form_too_long",    "Your POST request fields preceding the upload file were too large.") \
    X(FORM_NO_FILE,        400, "IncorrectNumberOfFilesInPostRequest", BLAME_CLIENT, TELL_DETAIL,             "form_no_file",   "POST requires exactly one file upload per request.") \
    X(FORM_NO_KEY,         400, "UserKeyMustBeSpecified",        BLAME_CLIENT,   TELL_DETAIL,             "form_no_key",        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.") \
    X(FORM_FIELD,          400, "InvalidArgument",               BLAME_CLIENT,   TELL_DETAIL,             "form_field",         "A field of the form is missing or not valid.") \
    X(FORM_TAGGING,        400, "MalformedXML",                  BLAME_CLIENT,   TELL_DETAIL,             "form_tagging",       "The XML you provided was not well-formed or did not validate against our published schema") \
    X(FORM_POLICY_INVALID, 400, "InvalidPolicyDocument",         BLAME_CLIENT,   TELL_DETAIL,             "form_policy_invalid", "The policy document of the form is not valid.") \
    X(FORM_POLICY_FAILED,  403, "AccessDenied",                  BLAME_CLIENT,   TELL_DETAIL,             "form_policy_failed", "The form does not meet the conditions of its policy document.") \
    X(BODY_MALFORMED,      400, "MalformedXML",                  BLAME_CLIENT,   TELL_DETAIL,             "body_malformed",     "The XML you provided was not well-formed or did not validate against our published schema") \
    X(BODY_TOO_LARGE,      400, "MaxMessageLengthExceeded",      BLAME_CLIENT,   TELL_DETAIL,             "body_too_large",     "Your request was too big.") \
    X(ENTITY_TOO_LARGE,    400, "EntityTooLarge",                BLAME_CLIENT,   TELL_DETAIL,             "entity_too_large",   "Your proposed upload exceeds the maximum allowed size") \
    X(ENTITY_TOO_SMALL,    400, "EntityTooSmall",                BLAME_CLIENT,   TELL_DETAIL,             "entity_too_small",   "Your proposed upload is smaller than the minimum allowed size") \
    X(KEY_TOO_LONG,        400, "KeyTooLongError",               BLAME_CLIENT,   TELL_DETAIL,             "key_too_long",       "Your key is too long") \
    /* upstream */ \
    X(NO_ENDPOINT,         503, "ServiceUnavailable",            BLAME_CONFIG,   TELL_TEXT,               "no_endpoint",        "No endpoint is configured for this Region.") \
    X(NO_CREDENTIALS,      503, "ServiceUnavailable",            BLAME_CONFIG,   TELL_TEXT,               "no_credentials",     "The proxy has no credentials for this endpoint. Please tell the administrator.") \
    X(NO_ADDRESS,          503, "ServiceUnavailable",            BLAME_CONFIG,   TELL_DETAIL,             "no_address",         "The proxy has no address for this endpoint. Please tell the administrator.") \
    X(QUEUE,               503, "SlowDown",                      BLAME_SELF,     TELL_TEXT,               "queue",              "Please reduce your request rate.") \
    X(COPY_REGION,         400, "InvalidRequest",                BLAME_CLIENT,   TELL_DETAIL,             "copy_region",        "PrivateLink for S3 cannot copy between Regions.") \
    X(UPSTREAM_CONNECT,    503, "ServiceUnavailable",            BLAME_UPSTREAM, TELL_TEXT,               "up_connect",         "The S3 endpoint could not be reached. Please try again.") \
    X(UPSTREAM_TLS,        503, "ServiceUnavailable",            BLAME_UPSTREAM, TELL_TEXT,               "up_tls",             "The TLS handshake with the S3 endpoint failed. Please tell the administrator.") \
    X(UPSTREAM_GONE,       502, "BadGateway",                    BLAME_UPSTREAM, TELL_TEXT,               "up_gone",            "The S3 endpoint closed the connection before it answered. Please try again.") \
    X(UPSTREAM_SHORT,      502, "BadGateway",                    BLAME_UPSTREAM, TELL_TEXT,               "up_short",           "The S3 endpoint broke off its answer.") \
    X(UPSTREAM_BAD,        502, "BadGateway",                    BLAME_UPSTREAM, TELL_TEXT,               "up_bad_answer",      "The S3 endpoint's answer is not valid HTTP/1.1.") \
    X(UPSTREAM_TIMEOUT,    504, "GatewayTimeout",                BLAME_UPSTREAM, TELL_TEXT,               "up_timeout",         "The S3 endpoint did not answer in time. Please try again.") \
    X(UPSTREAM_AUTH,       503, "ServiceUnavailable",            BLAME_CONFIG,   TELL_TEXT,               "up_auth",            "The S3 endpoint refused the proxy's own credentials. Please tell the administrator.") \
    X(UPSTREAM_CLOCK,      503, "ServiceUnavailable",            BLAME_CONFIG,   TELL_TEXT,               "up_clock",           "This proxy's clock is off. Please tell the administrator.") \
    X(PARENT_REFUSED,      403, "AccessDenied",                  BLAME_CLIENT,   TELL_DETAIL | TELL_OWN | TELL_PLAIN, "parent_refused", "The site's own proxy refuses this host.") \
    X(PARENT_AUTH,         502, "BadGateway",                    BLAME_CONFIG,   TELL_OWN | TELL_PLAIN,   "parent_auth",        "The site's own proxy does not take the name and password that this proxy has for it. Please tell the administrator.") \
    X(PARENT_FAILED,       502, "BadGateway",                    BLAME_UPSTREAM, TELL_DETAIL | TELL_OWN | TELL_PLAIN, "parent_failed", "The site's own proxy did not reach this host.") \
    X(OTHER_REGION,        301, "PermanentRedirect",             BLAME_CLIENT,   TELL_DETAIL,             "other_region",       "The bucket you are attempting to access must be addressed in its own Region.") \
    /* self */ \
    X(INTERNAL,            500, "InternalError",                 BLAME_SELF,     TELL_TEXT,               "internal",           "We encountered an internal error. Please try again.") \
    X(NO_MEMORY,           503, "SlowDown",                      BLAME_SELF,     TELL_TEXT,               "no_memory",          "Please reduce your request rate.") \
    X(NO_DESCRIPTORS,      503, "SlowDown",                      BLAME_SELF,     TELL_TEXT,               "no_descriptors",     "Please reduce your request rate.") \
    X(TUNNEL_IDLE,         504, "GatewayTimeout",                BLAME_NONE,     TELL_TEXT,               "tunnel_idle",        "Nothing passed through the tunnel for too long.") \
    X(SHUTDOWN,            503, "ServiceUnavailable",            BLAME_SELF,     TELL_TEXT,               "shutdown",           "The proxy is shutting down. Please try again.") \
    /* start-up: never sent to a client */ \
    X(CONFIG,              500, "InternalError",                 BLAME_CONFIG,   TELL_TEXT,               "config",             "The configuration is not valid.") \
    X(FILE,                500, "InternalError",                 BLAME_CONFIG,   TELL_TEXT,               "file",               "A file could not be used.") \
    X(BAD_DOCUMENT,        500, "InternalError",                 BLAME_CONFIG,   TELL_TEXT,               "bad_document",       "A document could not be understood.") \
    X(TLS_SETUP,           500, "InternalError",                 BLAME_CONFIG,   TELL_TEXT,               "tls_setup",          "TLS could not be set up.")
/* clang-format on */

enum err_code {
#define X(code, http, s3, blame, tell, word, text) ERR_##code,
    ERR_TABLE(X)
#undef X
        ERR_CODES_N
};

struct err_info {
    int http_status;
    enum err_blame blame;
    unsigned tell; /* enum err_tell, several */
    const char *s3_code, *word, *text;
};

/* The table row of @code. Static. */
const struct err_info *err_info(enum err_code code);

/* Where a failing function says what went wrong; the caller's, always the last argument; may be NULL.
 * @detail is for logs and, where the code's row has TELL_DETAIL, for the client: it holds no secret. */
struct err {
    enum err_code code;
    int sys_errno; /* 0 if none */
    char detail[512];
};

/* Fills @err (if not NULL) and returns @code, so that `return err_set(...)` reads well. @sys_errno: errno or 0. */
enum err_code err_set(struct err *err, enum err_code code, int sys_errno, const char *fmt, ...) PRINTF_LIKE(4, 5);

#define TRY(expr)                                    \
    do {                                             \
        enum err_code try_code_ = (expr);            \
        if (try_code_ != ERR_NONE) return try_code_; \
    } while (0)

/* The analyzer (tests/structure tidy) sees one file at a time: that err_set returns its code is said here. */
#ifdef __clang_analyzer__
#define err_set(err, code, ...) (err_set(err, code, __VA_ARGS__), (code))
#endif

#endif
