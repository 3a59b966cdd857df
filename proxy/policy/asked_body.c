/* SPDX-License-Identifier: Apache-2.0
 * asked_body.c: what bodies ask for. They are read as strictly as any reader behind us might: an element that is not
 * documented, one that stands twice, a comment, an encoding other than UTF-8 could be read in another way there.
 * Source: S3 API Reference, request syntax of DeleteObjects, CreateBucket, RestoreObject, PutObjectTagging,
 * PutObjectRetention, PutObjectLegalHold.
 */
#include "asked_impl.h"

#include "aws/form/post_form.h"
#include "aws/s3/xml.h"

enum { PATH_MOST = 128, TEXT_MOST = 4096 };

/* A document: the paths of its elements; those with something below are written with a slash at the end. */
struct shape {
    const char *const *paths;
    size_t n;
};

enum { DELETE_ROOT, DELETE_OBJECT, DELETE_KEY, DELETE_VERSION };
static const char *const delete_paths[] = {
    "Delete/",
    "Delete/Object/",
    "Delete/Object/Key",
    "Delete/Object/VersionId",
    "Delete/Object/ETag",
    "Delete/Object/LastModifiedTime",
    "Delete/Object/Size",
    "Delete/Quiet",
};

enum { BUCKET_ROOT, BUCKET_LOCATION, BUCKET_TAG };
static const char *const bucket_paths[] = {
    "CreateBucketConfiguration/",
    "CreateBucketConfiguration/LocationConstraint",
    "CreateBucketConfiguration/Tags/Tag/",
    "CreateBucketConfiguration/Tags/",
    "CreateBucketConfiguration/Tags/Tag/Key",
    "CreateBucketConfiguration/Tags/Tag/Value",
};

static const char *const restore_paths[] = {
    "RestoreRequest/",     "RestoreRequest/Days",        "RestoreRequest/GlacierJobParameters/",
    "RestoreRequest/Tier", "RestoreRequest/Description", "RestoreRequest/GlacierJobParameters/Tier",
};

enum { RETENTION_ROOT, RETENTION_MODE, RETENTION_UNTIL };
static const char *const retention_paths[] = {"Retention/", "Retention/Mode", "Retention/RetainUntilDate"};

enum { HOLD_ROOT, HOLD_STATUS };
static const char *const hold_paths[] = {"LegalHold/", "LegalHold/Status"};

#define SHAPE(paths)              \
    {                             \
        (paths), ARRAY_LEN(paths) \
    }
static const struct shape shapes[] = {
    [JUDGES_KEYS] = SHAPE(delete_paths),     [JUDGES_BUCKET] = SHAPE(bucket_paths),
    [JUDGES_RESTORE] = SHAPE(restore_paths), [JUDGES_RETENTION] = SHAPE(retention_paths),
    [JUDGES_LEGAL_HOLD] = SHAPE(hold_paths),
};

struct reading {
    struct telling t;
    enum operation_judges kind;
    const struct shape *shape;
    struct sbuf path; /* of the open element, with a slash at the end */
    size_t at;        /* of it in the shape */
    uint32_t seen;    /* elements with text, within what is open around them */
    bool strange;     /* well-formed, but not what is documented */
    struct sbuf text; /* of the open element */
    struct sbuf arn;  /* of a key: begins with the bucket */
    size_t arn_of_bucket;
    bool has_key, has_version;
    struct sbuf version;
    size_t keys;
};

/* --- one element after the other --- */

static bool is_leaf(const struct reading *r)
{
    const char *path = r->shape->paths[r->at];

    return path[strlen(path) - 1] != '/';
}

/* Where the open element stands in the shape; its size: nowhere. */
static size_t find_path(const struct reading *r)
{
    struct str path = sbuf_str(&r->path), leaf = str_head(path, path.n - 1);
    size_t i = 0;

    while (i < r->shape->n && !str_eq(str_from(r->shape->paths[i]), path) &&
           !str_eq(str_from(r->shape->paths[i]), leaf))
        i++;
    return i;
}

/* What stands in it may stand there anew. */
static void forget_below(struct reading *r)
{
    for (size_t i = 0; i < r->shape->n; i++)
        if (i != r->at && str_starts(str_from(r->shape->paths[i]), sbuf_str(&r->path))) r->seen &= ~(1u << i);
}

static bool start_element(void *data, const char *name)
{
    struct reading *r = data;

    sbuf_add(&r->path, str_from(name));
    sbuf_char(&r->path, '/');
    if (r->path.overflow || str_index(str_from(name), '/') != SIZE_MAX) return false;
    r->at = find_path(r);
    r->text.n = 0;
    if (r->at == r->shape->n) {
        r->strange = true;
        return false;
    }
    if (is_leaf(r) && r->seen & 1u << r->at) return false;
    r->seen |= 1u << r->at;
    if (!is_leaf(r)) forget_below(r);
    if (r->kind == JUDGES_KEYS && r->at == DELETE_OBJECT) r->has_key = r->has_version = false;
    return true;
}

static bool character_data(void *data, struct str text)
{
    struct reading *r = data;

    if (r->at < r->shape->n && is_leaf(r)) {
        sbuf_add(&r->text, text);
        return !r->text.overflow;
    }
    return str_trim(text).n == 0 || str_eq(text, STR("\n"));
}

static bool put_key(struct reading *r)
{
    r->arn.n = r->arn_of_bucket;
    sbuf_add(&r->arn, sbuf_str(&r->text));
    r->has_key = r->text.n > 0;
    return r->has_key;
}

static bool end_object(struct reading *r)
{
    struct str arn = sbuf_str(&r->arn), version = r->has_version ? sbuf_str(&r->version) : STR_NONE;

    if (!r->has_key || ++r->keys > ASKED_KEYS_MOST) return false;
    asked_tell(&r->t, r->has_version ? S3_ACTION_DeleteObjectVersion : S3_ACTION_DeleteObject, arn, version);
    if (r->has_version && !version.n) asked_tell(&r->t, S3_ACTION_DeleteObject, arn, STR_NONE);
    asked_tell_bypass(&r->t, arn);
    return !r->t.enough;
}

static bool end_in_delete(struct reading *r)
{
    switch (r->at) {
    case DELETE_KEY: return put_key(r);
    case DELETE_VERSION:
        r->version.n = 0;
        sbuf_add(&r->version, sbuf_str(&r->text));
        r->has_version = true;
        return !r->version.overflow;
    case DELETE_OBJECT: return end_object(r);
    default: return true;
    }
}

/* @field was said in the body. */
static bool keep(struct reading *r, struct str *field)
{
    *field = arena_dup(r->t.a->arena, sbuf_str(&r->text));
    if (!field->p && r->text.n) r->t.a->failed = true;
    return !r->t.a->failed;
}

static bool end_in_bucket(struct reading *r)
{
    if (r->at == BUCKET_LOCATION) return keep(r, &r->t.a->location);
    if (r->at == BUCKET_TAG) asked_tell(&r->t, S3_ACTION_TagResource, r->t.a->of_bucket, STR_NONE);
    return !r->t.enough;
}

static bool end_element(void *data)
{
    struct reading *r = data;
    struct asked *a = r->t.a;
    bool good = true;

    if (r->kind == JUDGES_KEYS) good = end_in_delete(r);
    if (r->kind == JUDGES_BUCKET) good = end_in_bucket(r);
    if (r->kind == JUDGES_RETENTION && r->at == RETENTION_MODE) good = keep(r, &a->said[ASKED_LOCK_MODE]);
    if (r->kind == JUDGES_RETENTION && r->at == RETENTION_UNTIL) good = keep(r, &a->said[ASKED_LOCK_RETAIN_UNTIL]);
    if (r->kind == JUDGES_LEGAL_HOLD && r->at == HOLD_STATUS) good = keep(r, &a->said[ASKED_LOCK_LEGAL_HOLD]);
    r->path.n = str_rindex(str_head(sbuf_str(&r->path), r->path.n - 1), '/') + 1;
    r->at = r->path.n ? find_path(r) : r->shape->n;
    return good;
}

/* --- the whole document --- */

static enum err_code malformed(struct err *err, const char *why)
{
    return err_set(err, ERR_BODY_MALFORMED, 0, "%s: %s", err_info(ERR_BODY_MALFORMED)->text, why);
}

/* "<!" begins comments, CDATA and types; "<?" but at the beginning instructions. */
static bool is_plain_markup(struct str body)
{
    struct str rest = body;
    size_t at;

    while ((at = str_index(rest, '<')) != SIZE_MAX) {
        rest = str_tail(rest, at);
        if (str_starts(rest, STR("<!")) || (str_starts(rest, STR("<?")) && rest.n != body.n)) return false;
        rest = str_tail(rest, 1);
    }
    return true;
}

/* Of the declaration: none but UTF-8. */
static bool is_utf_8(struct str body)
{
    struct str declaration = str_starts(body, STR("<?")) ? str_head(body, str_find(body, STR("?>"))) : STR_NONE, rest;
    size_t at = str_find(declaration, STR("encoding"));

    if (at == SIZE_MAX) return true;
    rest = str_tail(declaration, at + strlen("encoding"));
    while (rest.n && strchr(" \t\r\n=", rest.p[0]))
        rest = str_tail(rest, 1);
    return rest.n && (rest.p[0] == '"' || rest.p[0] == '\'') && str_starts_nocase(str_tail(rest, 1), STR("utf-8")) &&
           rest.n > 6 && rest.p[6] == rest.p[0];
}

static bool prepare(struct reading *r)
{
    struct asked *a = r->t.a;

    r->path = arena_sbuf(a->arena, PATH_MOST);
    r->text = arena_sbuf(a->arena, TEXT_MOST);
    r->version = arena_sbuf(a->arena, TEXT_MOST);
    r->arn = arena_sbuf(a->arena, a->arn.n + TEXT_MOST);
    sbuf_add(&r->arn, str_head(a->arn, a->arn.n - 1)); /* without its star */
    r->arn_of_bucket = r->arn.n;
    return r->path.cap && r->text.cap && r->version.cap && r->arn.cap;
}

static enum err_code read_document(struct reading *r, struct str body, struct err *err)
{
    static const struct xml_handlers handlers = {.start = start_element, .end = end_element, .text = character_data};

    if (!prepare(r)) return err_set(err, ERR_NO_MEMORY, 0, "body");
    switch (xml_read(body, &handlers, r)) {
    case XML_NO_MEMORY: return err_set(err, ERR_NO_MEMORY, 0, "body");
    case XML_READ: break;
    case XML_REFUSED:
        if (r->t.enough) return ERR_NONE;
        if (!r->strange) return malformed(err, "it cannot be read");
        asked_tell_anything(&r->t);
    }
    return r->t.a->failed ? err_set(err, ERR_NO_MEMORY, 0, "body") : ERR_NONE;
}

enum err_code asked_body(struct asked *a, struct str body, asked_pair_fn *pair, void *data, struct err *err)
{
    struct reading r = {.t = {.a = a, .pair = pair, .data = data}, .kind = a->operation->judges};
    struct str bom = STR("\xef\xbb\xbf");

    if (str_starts(body, bom)) body = str_tail(body, bom.n);
    if (!is_plain_markup(body)) return malformed(err, "it holds more than elements and text");
    if (!is_utf_8(body)) return malformed(err, "its encoding is not UTF-8");
    memset(a->made, 0, sizeof(a->made)); /* the body may say more */
    if (r.kind == JUDGES_TAGS) {
        if (body.n) TRY(post_form_tagging(body, a->arena, &a->said[ASKED_TAGGING], err));
    } else if (body.n || r.kind == JUDGES_KEYS) {
        r.shape = &shapes[r.kind];
        TRY(read_document(&r, body, err));
    }
    if (r.kind == JUDGES_KEYS) {
        if (!r.keys && !r.strange && !r.t.enough) return malformed(err, "it names no object");
        return ERR_NONE;
    }
    asked_tell_own(&r.t);
    return a->failed ? err_set(err, ERR_NO_MEMORY, 0, "body") : ERR_NONE;
}
