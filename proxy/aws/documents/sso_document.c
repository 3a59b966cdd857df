/* SPDX-License-Identifier: Apache-2.0
 * sso_document.c: see sso_document.h.
 */
#include "aws/documents/sso_document.h"

#include "aws/sign/checksum.h"
#include "base/encode.h"
#include "base/secret.h"

#include <jansson.h>
#include <stdlib.h>

bool sso_cache_name(struct str session_or_url, char out[SSO_CACHE_NAME])
{
    uint8_t sha1[SHA1_BYTES];
    char base64[32];
    struct sbuf text = sbuf_make(base64, sizeof(base64)), name = sbuf_make(out, SSO_CACHE_NAME);
    struct checksum c;

    if (!checksum_init(&c, CHECKSUM_SHA1)) return false;
    checksum_add(&c, session_or_url.p, session_or_url.n);
    checksum_end(&c, &text);
    checksum_clear(&c);
    if (!base64_decode(sbuf_str(&text), sha1, sizeof(sha1))) return false;
    hex_lower(&name, sha1, sizeof(sha1));
    sbuf_add(&name, STR(".json\0"));
    return !name.overflow;
}

static json_t *load(struct str json, struct err *err)
{
    json_t *root = json_loadb(json.n ? json.p : "", json.n, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(root)) return root;
    json_decref(root);
    err_set(err, ERR_BAD_DOCUMENT, 0, "not a JSON object");
    return NULL;
}

/* A copy of a text of visible ASCII, which may stand in a header. */
static enum err_code take(const json_t *object, const char *key, char **out, struct err *err)
{
    const json_t *v = json_object_get(object, key);
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);

    if (!text || !n) return err_set(err, ERR_BAD_DOCUMENT, 0, "%s is missing or no text", key);
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return err_set(err, ERR_BAD_DOCUMENT, 0, "%s holds characters that it cannot have", key);
    *out = strdup(text);
    return *out ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "SSO");
}

static enum err_code take_token(const json_t *root, struct sso_token *t, struct err *err)
{
    TRY(take(root, "accessToken", &t->access_token, err));
    return take(root, "expiresAt", &t->expires_at, err);
}

enum err_code sso_token_parse(struct str json, struct sso_token *out, struct err *err)
{
    json_t *root = load(json, err);
    enum err_code code;

    *out = (struct sso_token){0};
    if (!root) return ERR_BAD_DOCUMENT;
    code = take_token(root, out, err);
    json_decref(root);
    if (code != ERR_NONE) sso_token_clear(out);
    return code;
}

void sso_token_clear(struct sso_token *t)
{
    secret_free(&t->access_token);
    free(t->expires_at);
    *t = (struct sso_token){0};
}

static enum err_code take_keys(const json_t *root, struct sso_keys *k, struct err *err)
{
    const json_t *keys = json_object_get(root, "roleCredentials"), *expiration = json_object_get(keys, "expiration");

    TRY(take(keys, "accessKeyId", &k->access_key_id, err));
    TRY(take(keys, "secretAccessKey", &k->secret_access_key, err));
    TRY(take(keys, "sessionToken", &k->session_token, err));
    k->expires_s = json_integer_value(expiration) / 1000; /* milliseconds */
    if (k->expires_s > 0) return ERR_NONE;
    return err_set(err, ERR_BAD_DOCUMENT, 0, "expiration is missing or no number of milliseconds");
}

static void keys_clear(struct sso_keys *k)
{
    secret_free(&k->access_key_id);
    secret_free(&k->secret_access_key);
    secret_free(&k->session_token);
    *k = (struct sso_keys){0};
}

enum err_code sso_keys_parse(struct str json, struct sso_keys *out, struct err *err)
{
    json_t *root = load(json, err);
    enum err_code code;

    *out = (struct sso_keys){0};
    if (!root) return ERR_BAD_DOCUMENT;
    code = take_keys(root, out, err);
    json_decref(root);
    if (code != ERR_NONE) keys_clear(out);
    return code;
}
