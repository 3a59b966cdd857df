/* SPDX-License-Identifier: Apache-2.0
 * sso_document.h: the JSON of IAM Identity Center: the token that `aws sso login` keeps, and the portal's answer. Pure.
 * Sources: botocore `tokens.py`, `utils.py` (SSOTokenLoader); IAM Identity Center Portal API Reference,
 * "GetRoleCredentials".
 */
#ifndef S3ONRAMP_AWS_DOCUMENTS_SSO_DOCUMENT_H
#define S3ONRAMP_AWS_DOCUMENTS_SSO_DOCUMENT_H

#include "base/err.h"
#include "base/str.h"

enum { SSO_CACHE_NAME = 40 + 5 + 1 }; /* hexadecimal SHA-1, ".json", NUL */

struct sso_token {
    char *access_token; /* owned, secret: visible ASCII */
    char *expires_at;   /* owned: ISO 8601 as it stands there */
};

/* The file's name in ~/.aws/sso/cache: of the session's name, or, in the older form, of the start URL. False: out of
 * memory. */
MUST_CHECK bool sso_cache_name(struct str session_or_url, char out[SSO_CACHE_NAME]);
/* ERR_BAD_DOCUMENT with the reason, never a value, in @err. */
MUST_CHECK enum err_code sso_token_parse(struct str json, struct sso_token *out, struct err *err);
void sso_token_clear(struct sso_token *t); /* wipes */

struct sso_keys {
    char *access_key_id, *secret_access_key, *session_token; /* owned */
    int64_t expires_s;                                       /* Unix */
};
/* Everything must be there and usable in a signature; else as above. */
MUST_CHECK enum err_code sso_keys_parse(struct str json, struct sso_keys *out, struct err *err);

#endif
