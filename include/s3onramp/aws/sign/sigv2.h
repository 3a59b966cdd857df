/* SPDX-License-Identifier: Apache-2.0
 * sigv2.h: AWS Signature Version 2 for S3 requests, in the Authorization header or in the query: verified, never made.
 * Pure: time is a parameter of the caller's. One thread per struct digest. Owns nothing; writes into the caller's
 * arena. Source: Amazon S3 Developer Guide (API version 2006-03-01), "Signing and authenticating REST requests".
 *
 * What a signature covers: method, path as sent, bucket in Host, Content-MD5, Content-Type, Date (or Expires), every
 * x-amz-* header, and the query parameters that sigv2_is_covered knows. All else can be changed by whoever sees the
 * request: the caller must run sigv2_check_params, too.
 */
#ifndef S3ONRAMP_AWS_SIGN_SIGV2_H
#define S3ONRAMP_AWS_SIGN_SIGV2_H

#include "aws/sign/digest.h"
#include "base/arena.h"
#include "http/headers.h"
#include "http/uri.h"

/* What the client proves itself with. */
struct sigv2_auth {
    struct str access_key; /* printable ASCII without spaces; may contain ':' */
    struct str signature;  /* base64 text, as it should be: what is no signature at all verifies as none */
};

/* @authorization: value of the header, "AWS AccessKeyId:Signature"; split at the last ':'. Views into it.
 * ERR_AUTH_V2_HEADER. */
MUST_CHECK enum err_code sigv2_parse_header(struct str authorization, struct sigv2_auth *out, struct err *err);

/* True if AWSAccessKeyId or Signature is among @params, however their names are encoded. */
bool sigv2_is_in_query(const struct query_param *params, size_t n);

/* The query form: AWSAccessKeyId, Expires and Signature, each exactly once, decoded into @arena (a '+' stays '+': some
 * clients do not encode the signature's). *@expires: the text, for sigv2_input; *@expires_s: the same as Unix seconds,
 * 0 to the end of the year 9999: the caller compares. ERR_AUTH_V2_QUERY: one is missing, empty, repeated or not
 * printable. ERR_AUTH_V2_EXPIRES: not a decimal number in that range. ERR_NO_MEMORY. */
MUST_CHECK enum err_code sigv2_parse_query(const struct query_param *params, size_t n, struct arena *arena,
                                           struct sigv2_auth *out, struct str *expires, int64_t *expires_s,
                                           struct err *err);

/* Query parameters; names still encoded, compared decoded, as S3 reads them. */
/* True if the value of such a parameter is in the string to sign: a sub-resource or a response-* override. */
bool sigv2_is_covered(struct str encoded_name);
/* True if an unsigned parameter of this name can only choose which part of a list is read, or does nothing. */
bool sigv2_is_harmless(struct str encoded_name);
/* True for what signing adds to the URL and what is no longer of use once it is verified: AWSAccessKeyId, Expires,
 * Signature, x-amz-security-token; and content-type, content-md5, of which clients put copies there though S3 judges
 * the headers. To be taken off before the request goes on. */
bool sigv2_is_auth_param(const struct query_param *p);
/* Refuses parameters with which somebody else could make another request of a signed one ("?encryption"): all that are
 * not covered, harmless, for authentication, or, in the @query_form, x-amz-* ones (there, and only there, they are
 * signed, as if they were headers). x-amz-* ones that this program looks for among the headers are refused as
 * parameters. ERR_PARAM_NOT_SIGNED with a sentence that names it. */
MUST_CHECK enum err_code sigv2_check_params(const struct query_param *params, size_t n, bool query_form,
                                            struct err *err);

/* What is signed. Borrows everything. */
struct sigv2_input {
    struct str method;
    struct str raw_path;             /* as sent, still encoded; "" means "/" */
    const struct query_param *query; /* as sent, still encoded */
    size_t query_n;
    const struct headers *headers; /* values as sent */
    struct str host_bucket;        /* lower case: the bucket, if Host named it (a CNAME: all of Host), else empty */
    struct str expires;            /* query form: what sigv2_parse_query gave; header form: empty */
};

/* The string to sign, in @arena:
 *     method \n Content-MD5 \n Content-Type \n Date \n  {x-amz-name:value \n}  [/bucket] path [?name[=value]{&…}]
 * Date is the header's value; empty beside an x-amz-date header; Expires in the query form. Values of sub-resources are
 * decoded ('+' is a space). {NULL,0}: out of memory; or a parameter that is signed has a broken escape or a control
 * byte, or would read as two. */
MUST_CHECK struct str sigv2_string_to_sign(const struct sigv2_input *in, struct arena *arena);

/* Verifies, in constant time. ERR_SIG_MISMATCH: *@string_to_sign (may be NULL) then holds ours, for the error document.
 * ERR_BAD_URI, ERR_NO_MEMORY: see sigv2_string_to_sign. */
MUST_CHECK enum err_code sigv2_verify(struct digest *d, struct str secret, const struct sigv2_input *in,
                                      const struct sigv2_auth *auth, struct arena *arena, struct str *string_to_sign,
                                      struct err *err);

#endif
