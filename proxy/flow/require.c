/* SPDX-License-Identifier: Apache-2.0
 * require.c: see require.h.
 */
#include "require.h"

#include "flow/body/form.h"
#include "flow/sign.h"
#include "policy/properties.h"

/* --- which requests --- */

enum writes {
    WRITES_NO_OBJECT,
    WRITES_OBJECT, /* all properties */
    WRITES_COPY,   /* the same, and what is not said comes from the source */
    WRITES_BUCKET, /* may have an ACL */
    WRITES_ACL,    /* is nothing else */
};

/* PUT and POST that S3 has no name for might be PutObject to it. */
static enum writes what_it_writes(const struct request *req)
{
    static const struct {
        struct str operation;
        enum writes what;
    } rows[] = {
        {STR_INIT("PutObject"), WRITES_OBJECT}, {STR_INIT("CreateMultipartUpload"), WRITES_OBJECT},
        {STR_INIT("CopyObject"), WRITES_COPY},  {STR_INIT("CreateBucket"), WRITES_BUCKET},
        {STR_INIT("PutBucketAcl"), WRITES_ACL}, {STR_INIT("PutObjectAcl"), WRITES_ACL},
    };
    const struct operation *o = req->in.operation;
    enum http_method method = req->in.head->method_id;

    if (req->who.form) return WRITES_OBJECT;
    if (method != METHOD_PUT && method != METHOD_POST) return WRITES_NO_OBJECT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(str_from(o->name), rows[i].operation)) return rows[i].what;
    return o->level == LEVEL_OBJECT && str_eq(str_from(o->name), STR("Unknown")) ? WRITES_OBJECT : WRITES_NO_OBJECT;
}

/* --- what it says --- */

static void note(struct property_values *values, struct str name, struct str value)
{
    enum property_field f = property_field_of(name);

    if (f == PROPERTY_FIELDS_N) return;
    values->v[f] = value;
    values->there[f]++;
}

static enum step_result read_form(struct request *req, struct property_values *values)
{
    for (size_t i = 0; i < req->who.form->parsed.fields_n; i++) {
        struct header h;

        if (post_form_header(&req->who.form->parsed, i, &req->arena, &h, &req->err) != ERR_NONE) return STEP_FAIL;
        if (h.name.n) note(values, h.name, h.value);
    }
    return STEP_NEXT;
}

static enum step_result read_query(struct request *req, struct property_values *values)
{
    for (size_t i = 0; i < req->in.query_n; i++) {
        struct str name, value;

        if (!sign_is_query_field(req, &req->in.query[i])) continue;
        if (sign_query_field(req, &req->in.query[i], &name, &value) != STEP_NEXT) return STEP_FAIL;
        note(values, name, value);
    }
    return STEP_NEXT;
}

static enum step_result read_values(struct request *req, struct property_values *values)
{
    const struct headers *all = &req->in.head->headers;

    if (req->who.form) return read_form(req, values);
    for (size_t i = 0; i < all->n; i++)
        note(values, all->v[i].name, all->v[i].value);
    return read_query(req, values);
}

/* --- setting and requiring --- */

static enum step_result refuse(struct request *req, const struct policy_conf *policy, const char *why)
{
    request_tell(req, "Client %s is not authorized to write %.*s like this: %s", req->who.caller->name,
                 STR_ARG(str_head(req->in.key.n ? req->in.key : req->in.bucket, 1024)), why);
    return request_fail(req, ERR_POLICY_DENIED, "policy %s: %.*s", policy->name, STR_ARG(req->told));
}

static enum step_result refuse_lack(struct request *req, const struct policy_conf *policy, const struct property *p)
{
    static const char *const words[] = {
        [PROPERTY_ENCRYPTION] = "it must have x-amz-server-side-encryption: ",
        [PROPERTY_KMS_KEY] = "it must have x-amz-server-side-encryption-aws-kms-key-id: ",
        [PROPERTY_STORAGE_CLASS] = "it must have x-amz-storage-class: ",
        [PROPERTY_TAG] = "it must have this tag, in x-amz-tagging (of a copy with x-amz-tagging-directive: REPLACE): ",
        [PROPERTY_NO_ACL] = "it must not give rights to others by an ACL (x-amz-acl, x-amz-grant-*)",
    };
    char why[2 * PROPERTY_TEXT];
    struct sbuf b = sbuf_make(why, sizeof(why) - 1);
    struct str rest = p->values, value;

    sbuf_add(&b, str_from(words[p->kind]));
    sbuf_add(&b, p->key);
    if (p->key.n && p->values.n) sbuf_char(&b, '=');
    for (bool first = true; str_split(&rest, '|', &value); first = false)
        sbuf_printf(&b, "%s%.*s", first ? "" : " or ", STR_ARG(value));
    why[b.n] = '\0';
    return refuse(req, policy, why);
}

static enum step_result set_all(struct request *req, const struct principal_terms *t, struct property_values *values)
{
    for (size_t i = 0; i < t->policies_n; i++) {
        struct err err;

        if (properties_set(&t->policies[i]->set, str_from(req->who.caller->name), &req->arena, values, &err) ==
            ERR_NONE)
            continue;
        if (err.code == ERR_POLICY_DENIED) return refuse(req, t->policies[i], err.detail);
        return request_fail(req, err.code, "%s", err.detail);
    }
    return STEP_NEXT;
}

static enum step_result require_all(struct request *req, const struct principal_terms *t,
                                    const struct property_values *values)
{
    for (size_t i = 0; i < t->policies_n; i++) {
        const struct property *p = properties_missing(&t->policies[i]->require, values);

        if (p) return refuse_lack(req, t->policies[i], p);
    }
    return STEP_NEXT;
}

/* Of buckets and of ACLs themselves only what is said of ACLs. */
static enum step_result judge_acl(struct request *req, const struct principal_terms *t, enum writes what,
                                  const struct property_values *values)
{
    static struct property no_acl = {.kind = PROPERTY_NO_ACL};
    static const struct properties only = {&no_acl, 1};

    for (size_t i = 0; i < t->policies_n; i++) {
        const struct policy_conf *p = t->policies[i];

        if (!properties_forbid_acl(&p->set) && !properties_forbid_acl(&p->require)) continue;
        if (what == WRITES_ACL || properties_missing(&only, values)) return refuse_lack(req, p, &no_acl);
    }
    return STEP_NEXT;
}

static bool has_properties(const struct principal_terms *t)
{
    for (size_t i = 0; i < t->policies_n; i++)
        if (t->policies[i]->set.n || t->policies[i]->require.n) return true;
    return false;
}

enum step_result require_set(struct request *req)
{
    const struct principal_terms *t = req->who.caller->terms;
    struct property_values *values;
    enum writes what;

    if (!has_properties(t)) return STEP_NEXT;
    what = what_it_writes(req);
    if (what == WRITES_NO_OBJECT) return STEP_NEXT;
    values = arena_zalloc(&req->arena, sizeof(*values));
    if (!values) return request_fail(req, ERR_NO_MEMORY, "properties");
    values->is_copy = what == WRITES_COPY;
    if (read_values(req, values) != STEP_NEXT) return STEP_FAIL;
    if (what != WRITES_BUCKET && what != WRITES_ACL && set_all(req, t, values) != STEP_NEXT) return STEP_FAIL;
    req->out.properties = values;
    return STEP_NEXT;
}

enum step_result require_check(struct request *req)
{
    const struct principal_terms *t = req->who.caller->terms;
    enum writes what;

    if (!req->out.properties) return STEP_NEXT;
    what = what_it_writes(req);
    if (what == WRITES_BUCKET || what == WRITES_ACL) return judge_acl(req, t, what, req->out.properties);
    return require_all(req, t, req->out.properties);
}

bool require_replaces(const struct request *req, struct str name)
{
    enum property_field f = req->out.properties ? property_field_of(name) : PROPERTY_FIELDS_N;

    return f != PROPERTY_FIELDS_N && req->out.properties->changed[f];
}

void require_each_set(const struct request *req, void (*add)(void *data, struct str name, struct str value), void *data)
{
    const struct property_values *values = req->out.properties;

    for (size_t f = 0; values && f < PROPERTY_FIELDS_N; f++)
        if (values->changed[f] && values->there[f])
            add(data, property_field_name((enum property_field)f), values->v[f]);
}

/* --- whose buckets --- */

struct str require_owner(const struct request *req)
{
    const struct principal_terms *t = req->who.caller ? req->who.caller->terms : NULL;
    bool has_none = str_eq(str_from(req->in.operation->name), STR("CreateBucket"));

    if (!req->in.bucket.n || !s3_host_has_bucket(&req->in.s3) || has_none) return STR_NONE;
    for (size_t i = 0; t && i < t->policies_n; i++)
        if (t->policies[i]->expected_owner) return str_from(t->policies[i]->expected_owner);
    return str_from(req->route.endpoint->expected_owner);
}

enum step_result require_check_owner(struct request *req, const struct header *sent, struct str owner)
{
    if (str_eq(sent->value, owner)) return STEP_NEXT;
    request_tell(req, "Client %s may reach buckets of account %.*s only, and %.*s names %.*s", req->who.caller->name,
                 STR_ARG(owner), STR_ARG(sent->name), STR_ARG(str_head(sent->value, 64)));
    return request_fail(req, ERR_POLICY_DENIED, "expected_owner: %.*s", STR_ARG(req->told));
}
