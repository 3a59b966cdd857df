/* SPDX-License-Identifier: Apache-2.0
 * sts_answer.c: answers of the Security Token Service, which are XML; see sts.h. Pure; any thread. Owns the
 * texts for the length of a call, and wipes them.
 *
 *   ActionResponse / ActionResult / Credentials / AccessKeyId, SecretAccessKey, SessionToken, Expiration
 *   ErrorResponse / Error / Code, Message     (as other S3 servers have it: Error / Code, Message)
 */
#include "aws/documents/sts.h"
#include "aws/s3/xml.h"
#include "base/secret.h"

#include <stdlib.h>

enum { DEPTH_MAX = 16, PATH_MAX_NAMES = 4, FIELDS_MAX = 4 };

/* What is taken: texts of the elements @fields inside of the elements @path. */
struct shape {
    const char *path[PATH_MAX_NAMES]; /* NULL after the last */
    const char *fields[FIELDS_MAX];   /* the same */
};

struct reader {
    const struct shape *shape;
    unsigned depth, matched; /* elements that are open; so many of them, from the outermost, are the path */
    bool seen_end;           /* the path's last element was closed */
    struct str fields[FIELDS_MAX];
    bool seen[FIELDS_MAX];
    int field;       /* that is open, or -1 */
    struct sbuf all; /* owned: texts, one after the other */
    size_t start;    /* of the text that is open */
};

static unsigned path_length(const struct shape *s)
{
    unsigned n = 0;

    while (n < PATH_MAX_NAMES && s->path[n])
        n++;
    return n;
}

static int field_of(const struct shape *s, const char *name)
{
    for (int i = 0; i < FIELDS_MAX && s->fields[i]; i++)
        if (strcmp(s->fields[i], name) == 0) return i;
    return -1;
}

/* False: it stands there twice. */
static bool begin_field(struct reader *r, const char *name)
{
    r->field = field_of(r->shape, name);
    if (r->field < 0) return true;
    if (r->seen[r->field]) return false;
    r->seen[r->field] = true;
    r->start = r->all.n;
    return true;
}

static bool start_element(void *data, const char *name)
{
    struct reader *r = data;
    unsigned length = path_length(r->shape);

    if (r->depth == DEPTH_MAX || r->field >= 0) return false; /* nothing is inside of a text */
    if (r->matched == r->depth && r->depth < length && strcmp(r->shape->path[r->depth], name) == 0) {
        r->matched++;
        if (r->matched == length && r->seen_end) return false; /* twice */
    } else if (r->matched == length && r->depth == length) {
        if (!begin_field(r, name)) return false;
    } else if (r->depth == 0) {
        return false; /* another document */
    }
    r->depth++;
    return true;
}

static bool end_element(void *data)
{
    struct reader *r = data;

    r->depth--;
    if (r->field >= 0) {
        r->fields[r->field] = str_make(r->all.p + r->start, r->all.n - r->start);
        r->field = -1;
    }
    if (r->matched <= r->depth) return true;
    if (r->matched == path_length(r->shape)) r->seen_end = true;
    r->matched = r->depth;
    return true;
}

static bool character_data(void *data, struct str text)
{
    struct reader *r = data;

    if (r->field >= 0) sbuf_add(&r->all, text);
    return true;
}

/* True if the document is well-formed and has the path. @r->all: to be wiped and freed by the caller. */
static bool read_document(struct reader *r, const struct shape *shape, struct str xml, bool *no_memory)
{
    static const struct xml_handlers handlers = {.start = start_element, .end = end_element, .text = character_data};
    enum xml_result result = XML_NO_MEMORY;

    *r = (struct reader){.shape = shape, .field = -1};
    if (xml.n == 0 || xml.n > STS_ANSWER_MAX) return false;
    r->all = sbuf_make(malloc(xml.n), xml.n); /* texts never take more bytes than their markup */
    if (r->all.p) result = xml_read(xml, &handlers, r);
    *no_memory = result == XML_NO_MEMORY;
    return result == XML_READ && !r->all.overflow && r->seen_end;
}

static void clear(struct reader *r)
{
    if (r->all.p) secret_wipe(r->all.p, r->all.cap);
    free(r->all.p);
}

/* --- keys --- */

enum { ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, EXPIRATION };

#define KEY_FIELDS                                                     \
    {                                                                  \
        "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration" \
    }
static const struct shape answers[] = {
    [STS_ASSUME_ROLE] = {{"AssumeRoleResponse", "AssumeRoleResult", "Credentials"}, KEY_FIELDS},
    [STS_WEB_IDENTITY] = {{"AssumeRoleWithWebIdentityResponse", "AssumeRoleWithWebIdentityResult", "Credentials"},
                          KEY_FIELDS},
};

/* XML lets white space stand around a text. */
static struct str trim(struct str s)
{
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    while (s.n && strchr(" \t\r\n", s.p[0]))
        s = str_tail(s, 1);
    return s;
}

static enum err_code take_keys(struct reader *r, enum sts_action action, struct key_document *out, struct err *err)
{
    for (int i = 0; i < FIELDS_MAX; i++) {
        const char *name = answers[action].fields[i];

        r->fields[i] = trim(r->fields[i]);
        if (!r->fields[i].n) return err_set(err, ERR_BAD_DOCUMENT, 0, "the answer has no %s", name);
        if (i == SECRET_ACCESS_KEY ? !key_secret_valid(r->fields[i]) : !key_text_valid(r->fields[i]))
            return err_set(err, ERR_BAD_DOCUMENT, 0, "%s of the answer is not usable", name);
    }
    if (!iso8601_parse(r->fields[EXPIRATION], &out->expires_s) || out->expires_s <= 0)
        return err_set(err, ERR_BAD_DOCUMENT, 0, "Expiration of the answer is not a time");
    out->access_key_id = strndup(r->fields[ACCESS_KEY_ID].p, r->fields[ACCESS_KEY_ID].n);
    out->secret_access_key = strndup(r->fields[SECRET_ACCESS_KEY].p, r->fields[SECRET_ACCESS_KEY].n);
    out->session_token = strndup(r->fields[SESSION_TOKEN].p, r->fields[SESSION_TOKEN].n);
    if (out->access_key_id && out->secret_access_key && out->session_token) return ERR_NONE;
    return err_set(err, ERR_NO_MEMORY, 0, "keys");
}

enum err_code sts_parse_answer(struct str xml, enum sts_action action, struct key_document *out, struct err *err)
{
    struct reader r;
    bool no_memory = false;
    enum err_code code;

    *out = (struct key_document){0};
    if (read_document(&r, &answers[action], xml, &no_memory))
        code = take_keys(&r, action, out, err);
    else if (no_memory)
        code = err_set(err, ERR_NO_MEMORY, 0, "answer of STS");
    else
        code = err_set(err, ERR_BAD_DOCUMENT, 0, "the answer is not a complete %s document", answers[action].path[0]);
    clear(&r);
    if (code != ERR_NONE) key_document_clear(out);
    return code;
}

/* --- errors --- */

static const struct shape errors[] = {
    {{"ErrorResponse", "Error"}, {"Code", "Message"}},
    {{"Error"}, {"Code", "Message"}},
};

static void take_text(struct str s, char *out, size_t cap)
{
    size_t n = 0;

    s = trim(s);
    for (size_t i = 0; i < s.n && n + 1 < cap; i++) {
        bool is_space = strchr(" \t\r\n", s.p[i]) != NULL;

        if (is_space && n && out[n - 1] == ' ') continue;
        out[n++] = is_space ? ' ' : s.p[i] > ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    }
    out[n] = '\0';
}

bool sts_parse_error(struct str xml, struct sts_error *out)
{
    bool good = false, no_memory = false;

    *out = (struct sts_error){0};
    for (size_t i = 0; i < ARRAY_LEN(errors) && !good; i++) {
        struct reader r;

        good = read_document(&r, &errors[i], xml, &no_memory) && trim(r.fields[0]).n;
        if (good) {
            take_text(r.fields[0], out->code, sizeof(out->code));
            take_text(r.fields[1], out->message, sizeof(out->message));
        }
        clear(&r);
    }
    return good;
}
