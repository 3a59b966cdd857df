/* SPDX-License-Identifier: Apache-2.0
 * key_document.h: credentials as JSON: what a credential process prints, what container and instance metadata services
 * answer, what Roles Anywhere answers. Pure.
 * Sources: AWS SDKs and Tools Reference Guide, "Process credential provider", "Container credential provider"; EC2 User
 * Guide, "Retrieve security credentials from instance metadata"; IAM Roles Anywhere User Guide, "CreateSession".
 */
#ifndef S3ONRAMP_AWS_DOCUMENTS_KEY_DOCUMENT_H
#define S3ONRAMP_AWS_DOCUMENTS_KEY_DOCUMENT_H

#include "base/err.h"
#include "base/str.h"

/* Once, before there are other threads: jansson wipes its memory when it frees it, since it holds keys for a while. */
void key_document_setup(void);

enum key_document_kind {
    KEY_DOCUMENT_PROCESS,        /* Version 1, AccessKeyId, SecretAccessKey, SessionToken?, Expiration? */
    KEY_DOCUMENT_METADATA,       /* Code "Success"?, AccessKeyId, SecretAccessKey, Token, Expiration */
    KEY_DOCUMENT_ROLES_ANYWHERE, /* credentialSet[0].credentials{accessKeyId, …} */
};

struct key_document {
    char *access_key_id, *secret_access_key, *session_token; /* owned; session_token may be NULL */
    int64_t expires_s;                                       /* Unix; 0: none */
};

/* Everything must be there, of the right type and usable in a signature, or nothing is taken: ERR_BAD_DOCUMENT with the
 * reason in @err: never a value, except the Code and Message of a METADATA error; it reads on after "…: ", like "its
 * Token is missing". METADATA and ROLES_ANYWHERE need an expiration and a token. An expiration that is over is taken:
 * the caller judges it. */
MUST_CHECK enum err_code key_document_parse(struct str json, enum key_document_kind kind, struct key_document *out,
                                            struct err *err);
void key_document_clear(struct key_document *d); /* wipes */

/* ISO 8601 as AWS writes it: 2026-11-24T12:00:00Z, with a fraction of a second, or with an offset like +00:00.
 * Dates that there are, nothing before or behind. May be negative. */
MUST_CHECK bool iso8601_parse(struct str s, int64_t *unix_s);

/* Of key ids and tokens, which stand in signatures and headers: visible ASCII, not empty. */
bool key_text_valid(struct str s);
/* Of secret keys, which only sign: with blanks inside, too. At an end one would be a slip of whoever copied it. */
bool key_secret_valid(struct str s);

#endif
