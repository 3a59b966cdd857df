/* SPDX-License-Identifier: Apache-2.0
 * post_form.h: browser form uploads (POST Object): multipart/form-data read while it streams, what its fields say, and
 * the answer. Pure; one thread per struct post_form. Owns nothing: what is kept goes into the caller's arena.
 * Source: RFC 7578, RFC 2046 5.1; Amazon S3 API Reference, "POST Object", "HTML Form Fields", "Authenticating Requests
 * in Browser-Based Uploads Using POST". The policy document is in aws/form/post_policy.h.
 *
 *     post_form_boundary ─▶ post_form_init ─▶ post_form_read ─▶ FORM_FILE ─▶ key, auth, policy, headers
 *                                                                   └─▶ post_form_content, as the file streams by
 *     PutObject's answer ─▶ post_form_answer
 */
#ifndef S3ONRAMP_AWS_FORM_POST_FORM_H
#define S3ONRAMP_AWS_FORM_POST_FORM_H

#include "aws/sign/sigv4.h"
#include "base/arena.h"
#include "http/headers.h"

enum {
    FORM_MAX_BOUNDARY = 70,      /* RFC 2046 5.1.1 */
    FORM_MAX_BYTES = 20 * 1024,  /* everything before the content of the file; S3's limit */
    FORM_MAX_FIELDS = 64,        /* before the file */
    FORM_MAX_HEADER_LINE = 1024, /* of a part, without CR LF */
    FORM_MAX_PADDING = 256,      /* white space behind a boundary */
    FORM_MAX_KEY = 1024,
    FORM_ANSWER_BYTES = 36 * 1024, /* enough for the Location value or the body of any answer, for a URL of 4 KiB */
};

struct post_form_field {
    struct str name;  /* lower case */
    struct str sent;  /* the name as sent; of the first, where several have one name */
    struct str value; /* raw bytes; ${filename} is replaced already (except in `policy`). Several fields of one name:
                         their values with ',' between them, in order, as S3 has it */
};

struct post_form {
    /* valid after FORM_FILE; in the arena given to post_form_read */
    struct post_form_field fields[FORM_MAX_FIELDS]; /* before the file; each name once */
    size_t fields_n;
    struct str filename;  /* of the file part: what follows the last '/' or '\'; may be empty */
    bool has_filename;    /* the file part has a filename parameter; without one S3 leaves ${filename} as it is */
    struct str file_type; /* Content-Type of the file part or empty. S3 takes the object's type from a field instead */
    /* how far reading has come */
    char delimiter[4 + FORM_MAX_BOUNDARY]; /* CR LF "--" boundary */
    size_t delimiter_n;
    unsigned state;
    size_t pos;                  /* offset in the body of what is being read */
    size_t scanned;              /* offset up to which it has been searched */
    struct post_form_field part; /* name of the part being read */
    bool has_disposition;
};

/* The boundary in a Content-Type value: quoted or not, 1 to 70 bytes of RFC 2046's bchars; a view into @content_type.
 * ERR_FORM_NOT_MULTIPART if it is not multipart/form-data, ERR_FORM_MALFORMED if the boundary is missing, repeated or
 * bad. */
MUST_CHECK enum err_code post_form_boundary(struct str content_type, struct str *boundary, struct err *err);

/* @boundary: as from post_form_boundary; copied. */
void post_form_init(struct post_form *f, struct str boundary);

enum form_result { FORM_MORE, FORM_FILE, FORM_INVALID };

/* Reads the fields before the file. @body: all bytes of the body so far, from its first one at each call (they may have
 * moved). @last: no more will come. FORM_FILE: the fields are complete and *@used is the offset at which the content of
 * the file begins. Never needs more than FORM_MAX_BYTES bytes. FORM_INVALID: @err says why: ERR_FORM_MALFORMED,
 * ERR_FORM_TOO_LONG, ERR_FORM_NO_FILE, ERR_NO_MEMORY (@arena: usually less than 10 KiB, never more than 128 KiB; give
 * it that much). The work over all calls is linear. */
MUST_CHECK enum form_result post_form_read(struct post_form *f, struct str body, bool last, size_t *used,
                                           struct arena *arena, struct err *err);

/* Searches the end of the file's content. @data: bytes of the body that begin right behind those which FORM_FILE and
 * earlier calls told to be before it (so the caller goes on by *@content each time). *@content: how many of @data are
 * certainly content: all but a tail that may be the begin of the delimiter. *@ended: the delimiter stands right behind
 * them, complete with the rest of its line; what follows it is ignored, and further calls say the same with *@content
 * 0. @last: @data ends the body. ERR_FORM_MALFORMED: the delimiter's line goes on with something else than "--" or the
 * line end, or the body ended without it. At most FORM_MAX_PADDING and some 80 bytes are ever held back. */
MUST_CHECK enum err_code post_form_content(struct post_form *f, struct str data, bool last, size_t *content,
                                           bool *ended, struct err *err);

/* How long the file is in a body of @content_length bytes whose file begins at @file_at, if it is the last part.
 * @final_crlf: the body ends in CR LF behind the closing delimiter, as browsers, curl, requests and most others send
 * it; without that it is two bytes more. FORM_NO_LENGTH if the body is too short for it. Only post_form_content knows
 * for sure. */
#define FORM_NO_LENGTH UINT64_MAX
uint64_t post_form_expected(const struct post_form *f, uint64_t content_length, uint64_t file_at, bool final_crlf);

/* ---- what the fields say; all after FORM_FILE ---- */

/* By its lower-case name; NULL if there is none. */
const struct post_form_field *post_form_field(const struct post_form *f, struct str name);

/* The object's key. ERR_FORM_NO_KEY, ERR_FORM_FIELD (empty), ERR_KEY_TOO_LONG. Any bytes may be in it. */
MUST_CHECK enum err_code post_form_key(const struct post_form *f, struct str *key, struct err *err);

enum form_auth_kind { FORM_ANONYMOUS, FORM_SIGV2, FORM_SIGV4 };

struct post_form_auth {
    enum form_auth_kind kind;
    struct str policy;    /* base64 text, to the byte what is signed; empty for FORM_ANONYMOUS */
    struct str token;     /* x-amz-security-token, or empty */
    struct sigv4_auth v4; /* FORM_SIGV4: without signed_headers; date is that of timestamp */
    struct str timestamp; /* FORM_SIGV4: x-amz-date. S3 does not compare it with the clock: the policy expires */
    struct str access_key, signature; /* FORM_SIGV2: signature is base64(HMAC-SHA1(secret, policy)) as sent */
};

/* Who says that it sends the form. FORM_ANONYMOUS if no field of a signature is there, even with a policy, as S3.
 * ERR_FORM_FIELD: a field is missing or malformed, with S3's text. ERR_AUTH_TWICE: both kinds. ERR_SIG_MISMATCH: what
 * stands for the V4 signature cannot be one. Nothing is verified: signature first, then post_policy_check. */
MUST_CHECK enum err_code post_form_auth(const struct post_form *f, struct post_form_auth *out, struct err *err);

/* The @i-th field as a header of PutObject: acl, tagging, content-type and the like, x-amz-meta-*, storage class,
 * checksums, encryption, object lock. *@out: lower-case name; value in the form or in @arena, trimmed, without control
 * bytes. Name empty: the field is no header (those of the form itself, unknown ones, and empty values other than
 * x-amz-meta-*). x-amz-copy-source and what else would make another request of it is never let through.
 * ERR_FORM_FIELD (control byte, name that is no header name, two fields for one header), ERR_FORM_TAGGING,
 * ERR_NO_MEMORY. */
MUST_CHECK enum err_code post_form_header(const struct post_form *f, size_t i, struct arena *arena, struct header *out,
                                          struct err *err);

/* "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag>…" → "k=v&…", percent-encoded, in @arena, as x-amz-tagging
 * has it. Empty for an empty TagSet. ERR_FORM_TAGGING for anything else, ERR_NO_MEMORY. */
MUST_CHECK enum err_code post_form_tagging(struct str xml, struct arena *arena, struct str *out, struct err *err);

/* ---- the answer ---- */

struct post_form_object {
    struct str url; /* of the bucket as the client knows it, without '/' at the end: "https://HOST[/BUCKET]" */
    struct str bucket, key;
    struct str etag; /* as in PutObject's answer, quotes included */
};

/* The answer after PutObject succeeded: returns its status. *@location: value of Location (the object's URL, or for 303
 * where the form wants the browser to go, with bucket, key and etag in the query). *@body: an XML document for 201,
 * else nothing is added. ETag and x-amz-* of PutObject's answer belong into the head, too. Overflow shows in the
 * builders. */
unsigned post_form_answer(const struct post_form *f, const struct post_form_object *object, struct sbuf *location,
                          struct sbuf *body);

#endif
