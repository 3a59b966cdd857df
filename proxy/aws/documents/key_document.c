/* SPDX-License-Identifier: Apache-2.0
 * key_document.c: see key_document.h. Pure; any thread. A document is taken whole or not at all, and no value of it
 * stands in a message, except the code and the text of an error that a metadata service reports.
 */
#include "aws/documents/key_document.h"

#include "aws/sign/sigv4.h"
#include "base/secret.h"

#include <jansson.h>
#include <stdlib.h>

enum {
    MAX_TEXT = 16 * 1024, /* of a key or token; S3 takes heads of about half that */
    MAX_MESSAGE = 160,    /* of a service's own words */
    DATE_BYTES = 19,      /* yyyy-mm-ddThh:mm:ss */
    OFFSET_BYTES = 6,     /* +hh:mm */
};

/* How a kind calls its members. */
struct names {
    const char *access_key_id, *secret_access_key, *session_token, *expiration;
    bool temporary; /* token and expiration must be there */
};

static const struct names names[] = {
    [KEY_DOCUMENT_PROCESS] = {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", false},
    [KEY_DOCUMENT_METADATA] = {"AccessKeyId", "SecretAccessKey", "Token", "Expiration", true},
    [KEY_DOCUMENT_ROLES_ANYWHERE] = {"accessKeyId", "secretAccessKey", "sessionToken", "expiration", true},
};

void key_document_setup(void)
{
    json_set_alloc_funcs(malloc, secret_block_free);
}

void key_document_clear(struct key_document *d)
{
    secret_free(&d->access_key_id);
    secret_free(&d->secret_access_key);
    secret_free(&d->session_token);
    *d = (struct key_document){0};
}

/* ---- values ---- */

bool key_text_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~') return false;
    return s.n > 0;
}

bool key_secret_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~') return false;
    return s.n > 0 && s.p[0] != ' ' && s.p[s.n - 1] != ' ';
}

/* ±hh:mm; *@east_s: how far that clock is ahead. */
static bool parse_offset(struct str s, int64_t *east_s)
{
    uint64_t hours, minutes;

    if (s.n != OFFSET_BYTES || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':') return false;
    if (!str_to_u64(str_make(s.p + 1, 2), &hours) || !str_to_u64(str_make(s.p + 4, 2), &minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    *east_s = (int64_t)(hours * 3600 + minutes * 60);
    if (s.p[0] == '-') *east_s = -*east_s;
    return true;
}

/* "yyyy-mm-ddThh:mm:ss" without its '-' and ':', and with Z: what sigv4_parse_date takes. */
static bool parse_civil(struct str s, int64_t *unix_s)
{
    static const char form[] = "....-..-..T..:..:..";
    char compact[SIGV4_TIMESTAMP_BYTES];
    size_t to = 0;

    for (size_t i = 0; i < DATE_BYTES; i++) {
        if (form[i] != '.' && s.p[i] != form[i]) return false;
        if (form[i] == '.' || form[i] == 'T') compact[to++] = s.p[i];
    }
    compact[to++] = 'Z';
    return sigv4_parse_date(str_make(compact, to), unix_s);
}

bool iso8601_parse(struct str s, int64_t *unix_s)
{
    struct str rest = str_tail(s, DATE_BYTES);
    int64_t civil_s, east_s = 0;

    if (s.n <= DATE_BYTES || !parse_civil(s, &civil_s)) return false;
    if (rest.p[0] == '.') {
        size_t end = 1;

        while (end < rest.n && rest.p[end] >= '0' && rest.p[end] <= '9')
            end++;
        if (end == 1) return false;
        rest = str_tail(rest, end);
    }
    if (!str_eq(rest, STR("Z")) && !parse_offset(rest, &east_s)) return false;
    *unix_s = civil_s - east_s;
    return true;
}

/* ---- members ---- */

static enum err_code bad(struct err *err, const char *what)
{
    return err_set(err, ERR_BAD_DOCUMENT, 0, "%s", what);
}

static enum err_code bad_member(struct err *err, const char *name, const char *what)
{
    return err_set(err, ERR_BAD_DOCUMENT, 0, "its %s %s", name, what);
}

static struct str json_str(const json_t *string)
{
    return str_make(json_string_value(string), json_string_length(string));
}

/* NULL where the member is not there or null. */
static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_null(value) ? NULL : value;
}

static enum err_code take_text(const json_t *object, const char *name, bool (*is_valid)(struct str), char **out,
                               struct err *err)
{
    const json_t *value = member(object, name);

    if (!value) return bad_member(err, name, "is missing");
    if (!json_is_string(value)) return bad_member(err, name, "is not a string");
    if (json_string_length(value) == 0) return bad_member(err, name, "is empty");
    if (json_string_length(value) > MAX_TEXT) return bad_member(err, name, "is too long");
    if (!is_valid(json_str(value))) return bad_member(err, name, "holds spaces or other bytes that no key has");
    *out = strndup(json_string_value(value), json_string_length(value));
    return *out ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "credentials");
}

/* Seconds that count as "none" are moved: what ended in 1970 has ended. */
static enum err_code take_expiration(const json_t *object, const char *name, int64_t *out, struct err *err)
{
    const json_t *value = member(object, name);

    if (!value) return bad_member(err, name, "is missing");
    if (!json_is_string(value)) return bad_member(err, name, "is not a string");
    if (!iso8601_parse(json_str(value), out)) return bad_member(err, name, "is not a time like 2026-11-24T12:00:00Z");
    if (*out < 1) *out = 1;
    return ERR_NONE;
}

/* A process may say "no token" by leaving it out, by null or by "". */
static bool has_token(const json_t *object, const struct names *n)
{
    const json_t *value = member(object, n->session_token);

    return n->temporary || (value && !(json_is_string(value) && json_string_length(value) == 0));
}

static enum err_code take_keys(const json_t *object, const struct names *n, struct key_document *out, struct err *err)
{
    TRY(take_text(object, n->access_key_id, key_text_valid, &out->access_key_id, err));
    if (strpbrk(out->access_key_id, "/,=\"")) /* it would end elsewhere in Credential=ID/date/… */
        return bad_member(err, n->access_key_id, "holds bytes that no key has");
    TRY(take_text(object, n->secret_access_key, key_secret_valid, &out->secret_access_key, err));
    if (has_token(object, n)) TRY(take_text(object, n->session_token, key_text_valid, &out->session_token, err));
    if (n->temporary || member(object, n->expiration))
        TRY(take_expiration(object, n->expiration, &out->expires_s, err));
    return ERR_NONE;
}

/* ---- documents ---- */

static enum err_code check_version(const json_t *document, struct err *err)
{
    const json_t *version = member(document, "Version");

    if (!version) return bad(err, "its Version is missing: credential processes print \"Version\": 1");
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return bad(err, "its Version is not 1, the only one there is");
    return ERR_NONE;
}

/* Visible ASCII of what a service says, the rest as '?'. */
static void put_words(struct sbuf *b, const json_t *words)
{
    struct str s = json_is_string(words) ? str_head(json_str(words), MAX_MESSAGE) : STR("(no text)");

    for (size_t i = 0; i < s.n; i++)
        sbuf_char(b, s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?');
}

/* Container and instance metadata report errors in a document of the same kind. */
static enum err_code check_code(const json_t *document, struct err *err)
{
    const json_t *code = member(document, "Code"), *message = member(document, "Message");
    char text[2 * MAX_MESSAGE + 16];
    struct sbuf b = sbuf_make(text, sizeof(text));

    if (!code || (json_is_string(code) && str_eq(json_str(code), STR("Success")))) return ERR_NONE;
    put_words(&b, code);
    if (message) {
        sbuf_add(&b, STR(": "));
        put_words(&b, message);
    }
    return err_set(err, ERR_BAD_DOCUMENT, 0, "the service reports %.*s", STR_ARG(sbuf_str(&b)));
}

/* {"credentialSet": [{"credentials": {…}}]} */
static enum err_code find_credentials(const json_t *document, const json_t **out, struct err *err)
{
    const json_t *set = member(document, "credentialSet");

    if (!json_is_array(set) || json_array_size(set) == 0) return bad(err, "its credentialSet is missing or empty");
    *out = member(json_array_get(set, 0), "credentials");
    return json_is_object(*out) ? ERR_NONE : bad(err, "its credentialSet holds no credentials");
}

static enum err_code read_document(const json_t *document, enum key_document_kind kind, struct key_document *out,
                                   struct err *err)
{
    const json_t *object = document;

    if (!json_is_object(document)) return bad(err, "it is JSON, but not an object");
    switch (kind) {
    case KEY_DOCUMENT_PROCESS: TRY(check_version(document, err)); break;
    case KEY_DOCUMENT_METADATA: TRY(check_code(document, err)); break;
    case KEY_DOCUMENT_ROLES_ANYWHERE: TRY(find_credentials(document, &object, err)); break;
    }
    return take_keys(object, &names[kind], out, err);
}

/* jansson's own message would quote the text. */
static enum err_code not_json(struct str text, const json_error_t *why, struct err *err)
{
    while (text.n && memchr(" \t\r\n", text.p[0], 4))
        text = str_tail(text, 1);
    if (text.n == 0) return bad(err, "it is empty");
    if (json_error_code(why) == json_error_out_of_memory) return err_set(err, ERR_NO_MEMORY, 0, "credentials");
    if (text.p[0] == '<') return bad(err, "it is HTML or XML instead of JSON");
    if (json_error_code(why) == json_error_premature_end_of_input) return bad(err, "it is JSON that was cut off");
    return err_set(err, ERR_BAD_DOCUMENT, 0, "it is not JSON (line %d, column %d)", why->line, why->column);
}

enum err_code key_document_parse(struct str json, enum key_document_kind kind, struct key_document *out,
                                 struct err *err)
{
    json_error_t why;
    json_t *document;

    *out = (struct key_document){0};
    document = json_loadb(json.n ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &why);
    if (!document) return not_json(json, &why, err);
    enum err_code code = read_document(document, kind, out, err);
    json_decref(document);
    if (code != ERR_NONE) key_document_clear(out);
    return code;
}
