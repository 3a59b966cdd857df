/* SPDX-License-Identifier: Apache-2.0
 * bucket_policy.c: see bucket_policy.h. Each element of a statement is met by the request, or not, or nobody here can
 * tell; a statement is met as its least certain element is. Owns the document for the length of the call.
 */
#include "doctor/bucket_policy.h"

#include <jansson.h>

enum truth { NO, MAYBE, YES };

static enum truth both(enum truth a, enum truth b)
{
    return a < b ? a : b;
}

static enum truth either(enum truth a, enum truth b)
{
    return a > b ? a : b;
}

static enum truth opposite(enum truth t)
{
    return t == YES ? NO : t == NO ? YES : MAYBE;
}

/* ---- JSON ---- */

static struct str json_str(const json_t *string)
{
    return str_make(json_string_value(string), json_string_length(string));
}

/* Most elements are one value or a list of them. */
static size_t count(const json_t *value)
{
    return !value ? 0 : json_is_array(value) ? json_array_size(value) : 1;
}

static const json_t *item(const json_t *value, size_t i)
{
    return json_is_array(value) ? json_array_get(value, i) : value;
}

/* Text for people; what does not fit ends in "...". */
static void put(char *out, size_t cap, struct str s)
{
    size_t used = strlen(out), room = cap - 1 - used;

    if (used >= 3 && room == 0) return;
    s = str_head(s, str_index(s, '\0')); /* jansson lets none in */
    if (s.n > room) {
        if (room) memcpy(out + used, s.p, room);
        memcpy(out + cap - 4, "...", 4);
        return;
    }
    if (s.n) memcpy(out + used, s.p, s.n);
    out[used + s.n] = '\0';
}

static void put_values(char *out, size_t cap, const json_t *values)
{
    for (size_t i = 0; i < count(values); i++) {
        const json_t *v = item(values, i);

        if (i) put(out, cap, STR(", "));
        if (json_is_string(v))
            put(out, cap, json_str(v));
        else
            put(out, cap, json_is_true(v) ? STR("true") : json_is_false(v) ? STR("false") : STR("?"));
    }
}

/* ---- who, what, where ---- */

static bool has_variable(struct str s)
{
    return str_find(s, STR("${")) != SIZE_MAX;
}

/* "Everyone" is certain; whether another principal is the caller is not known. */
static enum truth meets_principal(const json_t *statement)
{
    const json_t *principal = json_object_get(statement, "Principal"), *aws;

    if (json_is_string(principal)) return str_eq(json_str(principal), STR("*")) ? YES : MAYBE;
    if (!json_is_object(principal)) return MAYBE;
    aws = json_object_get(principal, "AWS");
    for (size_t i = 0; i < count(aws); i++)
        if (json_is_string(item(aws, i)) && str_eq(json_str(item(aws, i)), STR("*"))) return YES;
    return json_object_size(principal) == 1 && json_object_get(principal, "Service") ? NO : MAYBE;
}

static enum truth action_matches(struct str pattern, const struct bucket_policy_request *r)
{
    char a[64], p[128];
    struct sbuf action = sbuf_make(a, sizeof(a)), lower = sbuf_make(p, sizeof(p));

    sbuf_lower(&action, r->action);
    sbuf_lower(&lower, pattern);
    if (action.overflow || lower.overflow || has_variable(pattern)) return MAYBE;
    return str_matches(sbuf_str(&action), sbuf_str(&lower)) ? YES : NO;
}

/* arn:PARTITION:s3:::BUCKET: a policy's resources are its own bucket and what is in it. */
static enum truth resource_matches(struct str pattern, const struct bucket_policy_request *r)
{
    size_t at = str_find(pattern, STR(":s3:::"));

    if (str_eq(pattern, STR("*"))) return YES;
    if (!str_starts(pattern, STR("arn:")) || at == SIZE_MAX || has_variable(pattern)) return MAYBE;
    return str_matches(r->bucket, str_tail(pattern, at + sizeof ":s3:::" - 1)) ? YES : NO;
}

typedef enum truth matches_fn(struct str pattern, const struct bucket_policy_request *r);

static enum truth any_matches(const json_t *patterns, matches_fn *matches, const struct bucket_policy_request *r)
{
    enum truth t = count(patterns) ? NO : MAYBE;

    for (size_t i = 0; i < count(patterns); i++) {
        const json_t *p = item(patterns, i);

        t = either(t, json_is_string(p) ? matches(json_str(p), r) : MAYBE);
    }
    return t;
}

static enum truth meets(const json_t *statement, const char *name, const char *not_name, matches_fn *matches,
                        const struct bucket_policy_request *r)
{
    const json_t *patterns = json_object_get(statement, name), *others = json_object_get(statement, not_name);

    if (!patterns == !others) return MAYBE;
    return patterns ? any_matches(patterns, matches, r) : opposite(any_matches(others, matches, r));
}

/* ---- conditions ---- */

enum presence { UNKNOWN, ABSENT, PRESENT, VALUE };

struct fact {
    enum presence presence;
    struct str value;
    enum bucket_policy_key key;
};

/* "aws:SourceIp … is not available" in a request through a VPC endpoint, "aws:VpcSourceIp", "aws:SourceVpc" and
 * "aws:SourceVpce" are in such a request only. The rest is what any request has that keys of a user or role sign. */
static struct fact fact_of(struct str key, const struct bucket_policy_request *r)
{
    static const struct {
        struct str name;
        struct fact fact;
    } facts[] = {
        {STR_INIT("aws:SourceVpce"), {VALUE, STR_INIT(""), BUCKET_POLICY_SOURCE_VPCE}},
        {STR_INIT("aws:SourceVpc"), {PRESENT, STR_INIT(""), BUCKET_POLICY_SOURCE_VPC}},
        {STR_INIT("aws:VpcSourceIp"), {PRESENT, STR_INIT(""), BUCKET_POLICY_VPC_SOURCE_IP}},
        {STR_INIT("aws:SourceIp"), {ABSENT, STR_INIT(""), BUCKET_POLICY_SOURCE_IP}},
        {STR_INIT("aws:SecureTransport"), {VALUE, STR_INIT("true"), BUCKET_POLICY_OTHER}},
        {STR_INIT("aws:ViaAWSService"), {VALUE, STR_INIT("false"), BUCKET_POLICY_OTHER}},
        {STR_INIT("aws:PrincipalIsAWSService"), {VALUE, STR_INIT("false"), BUCKET_POLICY_OTHER}},
    };
    struct fact f = {.key = BUCKET_POLICY_OTHER};

    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        if (str_eq_nocase(key, facts[i].name)) f = facts[i].fact;
    if (f.key == BUCKET_POLICY_SOURCE_VPCE) f.value = r->endpoint_id;
    if (!r->endpoint_id.n) f.presence = UNKNOWN;
    return f;
}

enum comparison { EQUALS, EQUALS_NOCASE, LIKE, ADDRESS, IS_NULL, STRANGE };

struct relation {
    struct str name;
    enum comparison comparison;
    bool is_negated, if_exists;
};

static struct relation relation_of(struct str name)
{
    static const struct relation relations[] = {
        {STR_INIT("StringEquals"), EQUALS, false, false},
        {STR_INIT("StringNotEquals"), EQUALS, true, false},
        {STR_INIT("StringEqualsIgnoreCase"), EQUALS_NOCASE, false, false},
        {STR_INIT("StringNotEqualsIgnoreCase"), EQUALS_NOCASE, true, false},
        {STR_INIT("StringLike"), LIKE, false, false},
        {STR_INIT("StringNotLike"), LIKE, true, false},
        {STR_INIT("Bool"), EQUALS_NOCASE, false, false},
        {STR_INIT("IpAddress"), ADDRESS, false, false},
        {STR_INIT("NotIpAddress"), ADDRESS, true, false},
        {STR_INIT("Null"), IS_NULL, false, false},
    };
    struct relation rel = {.name = name, .comparison = STRANGE};
    bool if_exists = str_ends(name, STR("IfExists"));

    if (if_exists) name = str_head(name, name.n - (sizeof "IfExists" - 1));
    for (size_t i = 0; i < ARRAY_LEN(relations); i++)
        if (str_eq(name, relations[i].name)) rel = relations[i];
    rel.if_exists = if_exists;
    return rel;
}

static enum truth value_matches(const struct relation *rel, const json_t *json, struct str ours)
{
    struct str v = json_is_true(json)     ? STR("true")
                   : json_is_false(json)  ? STR("false")
                   : json_is_string(json) ? json_str(json)
                                          : STR("${?}");
    bool same = false;

    if (has_variable(v)) return MAYBE;
    switch (rel->comparison) {
    case EQUALS: same = str_eq(ours, v); break;
    case IS_NULL:
    case EQUALS_NOCASE: same = str_eq_nocase(ours, v); break;
    case LIKE: same = str_matches(ours, v); break;
    case ADDRESS:
    case STRANGE: return MAYBE;
    }
    return same ? YES : NO;
}

/* "If the key that you specify in a policy condition is not present in the request context, the values do not match and
 * the condition is false. If the policy condition requires that the key is not matched, such as StringNotLike …, the
 * condition is true." With …IfExists it is true in both cases. */
static enum truth meets_condition(const struct relation *rel, const struct fact *f, const json_t *values)
{
    enum truth t = NO;
    struct str ours = f->value;

    if (f->presence == UNKNOWN || rel->comparison == STRANGE || !count(values)) return MAYBE;
    if (rel->comparison == IS_NULL)
        ours = f->presence == ABSENT ? STR("true") : STR("false");
    else if (f->presence == ABSENT)
        return rel->is_negated || rel->if_exists ? YES : NO;
    else if (f->presence == PRESENT)
        return MAYBE;
    for (size_t i = 0; i < count(values); i++)
        t = either(t, value_matches(rel, item(values, i), ours));
    return rel->is_negated ? opposite(t) : t;
}

static void tell_condition(struct bucket_policy_finding *out, const struct relation *rel, struct str written,
                           const struct fact *f, struct str key, const json_t *values)
{
    put(out->conditions, sizeof(out->conditions), out->conditions[0] ? STR(" and ") : STR(""));
    put(out->conditions, sizeof(out->conditions), written);
    put(out->conditions, sizeof(out->conditions), STR(" "));
    put(out->conditions, sizeof(out->conditions), key);
    put(out->conditions, sizeof(out->conditions), STR(" ["));
    put_values(out->conditions, sizeof(out->conditions), values);
    put(out->conditions, sizeof(out->conditions), STR("]"));
    if (f->key <= out->key) return;
    out->key = f->key;
    out->is_negated = rel->is_negated;
    out->values[0] = '\0';
    put_values(out->values, sizeof(out->values), values);
}

/* {operator: {key: value or values}}: all must be met. Writes the condition's part of *@out. */
static enum truth meets_conditions(json_t *statement, const struct bucket_policy_request *r,
                                   struct bucket_policy_finding *out)
{
    json_t *condition = json_object_get(statement, "Condition"), *keys, *values;
    const char *name, *key;
    enum truth t = YES;

    if (!condition) return YES;
    if (!json_is_object(condition)) {
        out->key = BUCKET_POLICY_OTHER;
        return MAYBE;
    }
    json_object_foreach(condition, name, keys)
    {
        struct relation rel = relation_of(str_from(name));

        if (!json_is_object(keys)) t = both(t, MAYBE);
        json_object_foreach(keys, key, values)
        {
            struct fact f = fact_of(str_from(key), r);

            t = both(t, meets_condition(&rel, &f, values));
            tell_condition(out, &rel, str_from(name), &f, str_from(key), values);
        }
    }
    return t;
}

/* ---- statements ---- */

static void judge(json_t *statement, const struct bucket_policy_request *r, struct bucket_policy_finding *out)
{
    const json_t *effect = json_object_get(statement, "Effect"), *sid = json_object_get(statement, "Sid");
    enum truth t;

    *out = (struct bucket_policy_finding){.verdict = BUCKET_POLICY_NO_DENY};
    if (!json_is_string(effect) || !str_eq(json_str(effect), STR("Deny"))) return;
    t = meets_principal(statement);
    t = both(t, meets(statement, "Action", "NotAction", action_matches, r));
    t = both(t, meets(statement, "Resource", "NotResource", resource_matches, r));
    t = both(t, meets_conditions(statement, r, out));
    out->verdict = t == YES ? BUCKET_POLICY_DENIES : t == MAYBE ? BUCKET_POLICY_MAY_DENY : BUCKET_POLICY_NO_DENY;
    if (json_is_string(sid)) put(out->sid, sizeof(out->sid), json_str(sid));
}

static enum err_code bad(struct err *err, const char *what)
{
    return err_set(err, ERR_BAD_DOCUMENT, 0, "%s", what);
}

static enum err_code judge_all(json_t *document, const struct bucket_policy_request *r,
                               struct bucket_policy_finding *out, struct err *err)
{
    json_t *statements = json_object_get(document, "Statement");
    struct bucket_policy_finding f;

    if (!json_is_object(document)) return bad(err, "it is JSON, but not an object");
    if (!json_is_object(statements) && !json_is_array(statements)) return bad(err, "its Statement is missing");
    for (size_t i = 0; i < count(statements); i++)
        if (!json_is_object(item(statements, i))) return bad(err, "one of its statements is not an object");
    for (size_t i = 0; i < count(statements); i++) {
        judge(json_is_array(statements) ? json_array_get(statements, i) : statements, r, &f);
        if (f.verdict > out->verdict)
            *out = f;
        else if (f.verdict == out->verdict)
            out->more++;
    }
    return ERR_NONE;
}

enum err_code bucket_policy_find_deny(struct str json, const struct bucket_policy_request *request,
                                      struct bucket_policy_finding *out, struct err *err)
{
    json_error_t why;
    json_t *document = json_loadb(json.n ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &why);
    enum err_code code;

    *out = (struct bucket_policy_finding){.verdict = BUCKET_POLICY_NO_DENY};
    if (!document && json_error_code(&why) == json_error_out_of_memory) return err_set(err, ERR_NO_MEMORY, 0, "JSON");
    if (!document) /* jansson's own message would quote the text */
        return err_set(err, ERR_BAD_DOCUMENT, 0, "it is not JSON (line %d, column %d)", why.line, why.column);
    code = judge_all(document, request, out, err);
    json_decref(document);
    return code;
}
