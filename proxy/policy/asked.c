/* SPDX-License-Identifier: Apache-2.0
 * asked.c: see asked.h: resources, fields, and the pairs of a request's head.
 */
#include "asked_impl.h"

#include "aws/s3/partition.h"
#include "policy/properties.h"

/* --- pairs --- */

void asked_tell(struct telling *t, enum s3_action action, struct str resource, struct str version)
{
    if (t->enough) return;
    t->a->version = version;
    t->enough = !t->pair(t->data, t->a, &(struct policy_ask){action, resource});
}

void asked_tell_anything(struct telling *t)
{
    asked_tell(t, S3_ACTION_UNKNOWN, STR("*"), STR_NONE);
}

/* --- resources --- */

/* NAME-ACCOUNT. False: an alias, which says nothing of either. */
static bool split_access_point(struct str label, struct str *name, struct str *account)
{
    enum { ACCOUNT_DIGITS = 12 };

    if (label.n < ACCOUNT_DIGITS + 2 || label.p[label.n - ACCOUNT_DIGITS - 1] != '-') return false;
    *name = str_head(label, label.n - ACCOUNT_DIGITS - 1);
    *account = str_tail(label, label.n - ACCOUNT_DIGITS);
    for (size_t i = 0; i < ACCOUNT_DIGITS; i++)
        if (account->p[i] < '0' || account->p[i] > '9') return false;
    return true;
}

static const char *service_of(enum s3_service service)
{
    if (service == S3_OBJECT_LAMBDA) return "s3-object-lambda";
    return service == S3_OUTPOSTS ? "s3-outposts" : "s3";
}

/* What stands between a bucket and a key. */
static struct str put_bucket(struct sbuf *b, const struct asked *a)
{
    struct str region = a->host->region.n ? a->host->region : a->region, name, account;
    size_t dot = str_index(a->bucket, '.');
    struct str partition = partition_name(region), outpost = str_tail(a->bucket, dot == SIZE_MAX ? dot : dot + 1);
    bool is_point =
        a->host->service != S3_BUCKETS &&
        split_access_point(a->host->service == S3_OUTPOSTS ? str_head(a->bucket, dot) : a->bucket, &name, &account);

    if (!is_point) {
        sbuf_add(b, STR("arn:"));
        sbuf_add(b, partition);
        sbuf_add(b, STR(":s3:::"));
        sbuf_add(b, a->bucket);
        return STR("/");
    }
    sbuf_printf(b, "arn:%.*s:%s:%.*s:%.*s:", STR_ARG(partition), service_of(a->host->service), STR_ARG(region),
                STR_ARG(account));
    if (a->host->service == S3_OUTPOSTS) sbuf_printf(b, "outpost/%.*s/", STR_ARG(outpost));
    sbuf_printf(b, "accesspoint/%.*s", STR_ARG(name));
    return STR("/object/");
}

/* Room for a key behind the bucket, also where the request has none: DeleteObjects writes its keys there. */
static enum err_code name_resources(struct asked *a, struct err *err)
{
    enum { AROUND = 160 };
    struct sbuf b = arena_sbuf(a->arena, AROUND + 2 * a->bucket.n + a->key.n);
    struct str between;

    if (!a->bucket.n) {
        a->arn = a->of_bucket = STR("*");
        return ERR_NONE;
    }
    between = put_bucket(&b, a);
    a->of_bucket = sbuf_str(&b);
    sbuf_add(&b, between);
    sbuf_add(&b, a->key.n ? a->key : STR("*"));
    arena_trim(a->arena, &b);
    a->arn = sbuf_str(&b);
    return b.overflow ? err_set(err, ERR_NO_MEMORY, 0, "resource") : ERR_NONE;
}

/* --- fields --- */

static const struct str field_names[] = {
#define X(id, name) [ASKED_##id] = STR_INIT(name),
    ASKED_FIELDS(X)
#undef X
};

/* ASKED_FIELDS_N: none that counts. */
static enum asked_field field_of(struct str name)
{
    unsigned i = 0;

    while (i < ASKED_FIELDS_N && !str_eq_nocase(name, field_names[i]))
        i++;
    return i;
}

static enum err_code note(struct asked *a, struct str name, struct str value, bool is_field, struct err *err)
{
    enum asked_field f = field_of(name);

    if (f == ASKED_FIELDS_N) return ERR_NONE;
    if (!is_field) /* whether S3 obeys it there, only S3 knows */
        return err_set(err, ERR_PARAM_MISPLACED, 0, "%.*s in a query that is not signed", STR_ARG(field_names[f]));
    if (a->said[f].p)
        return err_set(err, ERR_BAD_REQUEST, 0, "The request has more than one %.*s.", STR_ARG(field_names[f]));
    a->said[f] = value.p ? value : STR("");
    return ERR_NONE;
}

static struct str decode(struct asked *a, struct str encoded)
{
    struct sbuf b = arena_sbuf(a->arena, encoded.n + 1);

    if (!b.cap) a->failed = true;
    if (!b.cap || !uri_decode(encoded, a->plus_is_space, b.p, &b.n)) return STR_NONE;
    return sbuf_str(&b);
}

struct str asked_parameter(struct asked *a, struct str name)
{
    const struct query_param *p = query_find(a->query, a->query_n, name);

    return p ? decode(a, p->value) : STR_NONE;
}

static enum err_code read_fields(struct asked *a, struct err *err)
{
    for (size_t i = 0; i < a->fields->n; i++) {
        const struct header *h = &a->fields->v[i];

        if ((h->id != HDR_OTHER && h->id != HDR_X_AMZ_COPY_SOURCE) || !header_is_amz(h->name)) continue;
        TRY(note(a, h->name, h->value, true, err));
    }
    for (size_t i = 0; i < a->query_n; i++) {
        const struct query_param *q = &a->query[i];

        if (!uri_decodes_to_prefix(q->name, STR("x-amz-"))) continue;
        TRY(note(a, decode(a, q->name), decode(a, q->value), a->query_has_fields, err));
    }
    return a->failed ? err_set(err, ERR_NO_MEMORY, 0, "query") : ERR_NONE;
}

static void replace_fields(struct asked *a)
{
    for (size_t i = 0; i < a->set->n; i++) {
        enum asked_field f = field_of(a->set->v[i].name);

        if (f == ASKED_FIELDS_N) continue;
        a->ours[f] = !a->said[f].p;
        a->said[f] = a->set->v[i].value;
    }
}

enum err_code asked_begin(struct asked *a, struct err *err)
{
    a->context.values = asked_values;
    TRY(read_fields(a, err));
    replace_fields(a);
    return name_resources(a, err);
}

/* --- what the head asks for --- */

static bool is_operation(const struct asked *a, const char *name)
{
    return str_eq(str_from(a->operation->name), str_from(name));
}

/* The ARN of all that is in the bucket. */
static struct str all_of_bucket(struct asked *a)
{
    struct str start = str_head(a->arn, a->arn.n - (a->key.n ? a->key.n : 1));
    struct sbuf b = arena_sbuf(a->arena, start.n + 1);

    sbuf_add(&b, start);
    sbuf_char(&b, '*');
    a->failed |= b.overflow;
    return sbuf_str(&b);
}

/* What nobody knows may reach all that is in a bucket, whatever key it names. */
static void tell_unknown(struct telling *t)
{
    struct asked *a = t->a;

    if (a->key.n) asked_tell(t, S3_ACTION_UNKNOWN, a->arn, STR_NONE);
    asked_tell(t, S3_ACTION_UNKNOWN, a->of_bucket, STR_NONE);
    if (a->bucket.n) asked_tell(t, S3_ACTION_UNKNOWN, all_of_bucket(a), STR_NONE);
}

/* A browser's form has its key in the body: where that was not read, it may be any. */
static bool is_unread_form(const struct asked *a)
{
    return is_operation(a, "PostObject") && !a->key.n;
}

void asked_tell_own(struct telling *t)
{
    struct asked *a = t->a;
    struct str version = a->key.n ? asked_parameter(a, STR("versionId")) : STR_NONE;
    enum s3_action action = version.p ? a->operation->of_version : a->operation->action;

    if (action == S3_ACTION_UNKNOWN || is_unread_form(a)) {
        tell_unknown(t);
        return;
    }
    if (s3_action_resource(action) == S3_RESOURCE_OTHER) {
        asked_tell(t, action, STR("*"), STR_NONE);
        return;
    }
    if (action == S3_ACTION_GetObjectAttributes) asked_tell(t, S3_ACTION_GetObject, a->arn, version);
    if (action == S3_ACTION_GetObjectVersionAttributes) asked_tell(t, S3_ACTION_GetObjectVersion, a->arn, version);
    asked_tell(t, action, a->key.n ? a->arn : a->of_bucket, version);
    /* S3 refuses an empty version; to others it is none. */
    if (version.p && !version.n && action != a->operation->action)
        asked_tell(t, a->operation->action, a->arn, STR_NONE);
}

/* S3 asks for PutObjectAcl of harmless ones all the same, but of the credentials that the request leaves with. */
static bool gives_rights(const struct asked *a)
{
    static const enum asked_field grants[] = {ASKED_GRANT_READ, ASKED_GRANT_WRITE, ASKED_GRANT_READ_ACP,
                                              ASKED_GRANT_WRITE_ACP, ASKED_GRANT_FULL_CONTROL};

    if (a->said[ASKED_ACL].p && !property_acl_is_harmless(a->said[ASKED_ACL])) return true;
    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        if (a->said[grants[i]].p) return true;
    return false;
}

void asked_tell_bypass(struct telling *t, struct str resource)
{
    struct str bypass = t->a->said[ASKED_BYPASS];

    if (bypass.p && !str_eq_nocase(bypass, STR("false")))
        asked_tell(t, S3_ACTION_BypassGovernanceRetention, resource, t->a->version);
}

/* Besides what the operation needs itself. */
static void tell_fields_of_object(struct telling *t)
{
    struct asked *a = t->a;
    enum s3_action own = a->operation->action;

    if (gives_rights(a) && own != S3_ACTION_PutObjectAcl) asked_tell(t, S3_ACTION_PutObjectAcl, a->arn, STR_NONE);
    if (a->said[ASKED_TAGGING].n && !a->ours[ASKED_TAGGING])
        asked_tell(t, S3_ACTION_PutObjectTagging, a->arn, STR_NONE);
    if (a->said[ASKED_LOCK_MODE].n || a->said[ASKED_LOCK_RETAIN_UNTIL].n)
        asked_tell(t, S3_ACTION_PutObjectRetention, a->arn, STR_NONE);
    if (a->said[ASKED_LOCK_LEGAL_HOLD].n) asked_tell(t, S3_ACTION_PutObjectLegalHold, a->arn, STR_NONE);
    asked_tell_bypass(t, a->arn);
}

static void tell_fields_of_bucket(struct telling *t)
{
    struct asked *a = t->a;

    if (gives_rights(a) && a->operation->action != S3_ACTION_PutBucketAcl)
        asked_tell(t, S3_ACTION_PutBucketAcl, a->of_bucket, STR_NONE);
    if (a->operation->action != S3_ACTION_CreateBucket) return;
    if (str_eq_nocase(a->said[ASKED_BUCKET_LOCK], STR("true"))) {
        asked_tell(t, S3_ACTION_PutBucketObjectLockConfiguration, a->of_bucket, STR_NONE);
        asked_tell(t, S3_ACTION_PutBucketVersioning, a->of_bucket, STR_NONE);
    }
    if (a->said[ASKED_OBJECT_OWNERSHIP].n) asked_tell(t, S3_ACTION_PutBucketOwnershipControls, a->of_bucket, STR_NONE);
}

/* Every reading of the source must be allowed @action. */
static void tell_source(struct telling *t, const struct asked_source *s, enum s3_action action)
{
    asked_tell(t, action, s->resource, s->version);
    if (s->or_else.p) asked_tell(t, action, s->or_else, s->version);
}

/* A copy takes the tags along unless it is told not to: of a source that has some S3 asks for reading those there and
 * for writing them here. Whether it has, only S3 knows. */
static void tell_copy(struct telling *t)
{
    struct asked *a = t->a;
    bool replaced = str_eq(a->said[ASKED_TAGGING_DIRECTIVE], STR("REPLACE"));
    bool tags = is_operation(a, "CopyObject") && !replaced;
    struct asked_source s;

    if (!a->said[ASKED_COPY_SOURCE].p) return;
    if (!asked_read_source(a, a->said[ASKED_COPY_SOURCE], &s)) {
        asked_tell_anything(t);
        return;
    }
    tell_source(t, &s, s.version.p ? S3_ACTION_GetObjectVersion : S3_ACTION_GetObject);
    if (!tags) return;
    tell_source(t, &s, s.version.p ? S3_ACTION_GetObjectVersionTagging : S3_ACTION_GetObjectTagging);
    if (!a->said[ASKED_TAGGING].n) asked_tell(t, S3_ACTION_PutObjectTagging, a->arn, STR_NONE);
}

/* S3 has no action of its own for it: it takes one object away and makes another one of it. */
static void tell_rename(struct telling *t)
{
    struct asked *a = t->a;
    struct asked_source s;

    if (!a->said[ASKED_RENAME_SOURCE].p) return;
    if (!asked_read_source(a, a->said[ASKED_RENAME_SOURCE], &s) || s.version.p) {
        asked_tell_anything(t);
        return;
    }
    tell_source(t, &s, S3_ACTION_GetObject);
    tell_source(t, &s, S3_ACTION_DeleteObject);
}

enum err_code asked_head(struct asked *a, asked_pair_fn *pair, void *data, struct err *err)
{
    struct telling t = {.a = a, .pair = pair, .data = data};

    if (!asked_needs_body(a->operation)) asked_tell_own(&t);
    if (a->key.n)
        tell_fields_of_object(&t);
    else if (a->bucket.n)
        tell_fields_of_bucket(&t);
    tell_copy(&t);
    tell_rename(&t);
    return a->failed ? err_set(err, ERR_NO_MEMORY, 0, "what a request asks for") : ERR_NONE;
}
