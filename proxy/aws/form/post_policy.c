/* SPDX-License-Identifier: Apache-2.0
 * post_policy.c: the policy document of a browser form, read and held against the form.
 * Pure; any thread. Owns the document for the length of the call.
 * Source: Amazon S3 API Reference, "POST Policy" (expiration, conditions, condition matching, character escaping).
 *
 *     base64 ─▶ JSON ─▶ shape of all of it ─▶ expired? ─▶ each condition holds? ─▶ each field has a condition?
 */
#include "aws/form/post_policy.h"

#include "aws/sign/digest.h"
#include "base/encode.h"

#include <jansson.h>
#include <stdlib.h>

enum {
    MAX_DEPTH = 8,          /* of arrays and objects; a policy needs three */
    CONDITION_TEXT = 400,   /* of a failed condition in the answer, which is cut there */
    EXPIRATION_BYTES = 19,  /* yyyy-mm-ddThh:mm:ss */
    MAX_FRACTION_BYTES = 9, /* digits of a second */
};

enum operator{ OP_EQ, OP_STARTS_WITH, OP_RANGE };

struct condition {
    enum operator op;
    struct str name;  /* as written, with its '$'; of {name: value} without */
    struct str value; /* EQ, STARTS_WITH */
    bool is_simple;   /* {name: value} */
    bool is_number;   /* RANGE: both are numbers; S3 takes others for a condition that does not hold */
    uint64_t min, max;
};

/* What the conditions are held against. */
struct target {
    const struct post_form *form;
    struct str bucket;
    uint64_t covered; /* bit per field of the form */
    bool bucket_covered;
};
_Static_assert(FORM_MAX_FIELDS <= 64, "a bit for each field");

/* ---- reading ---- */

static enum err_code invalid(struct err *err, const char *what)
{
    return err_set(err, ERR_FORM_POLICY_INVALID, 0, "Invalid Policy: %s", what);
}

static enum err_code invalid_json(struct err *err)
{
    return invalid(err, "Invalid JSON.");
}

static enum err_code out_of_memory(struct err *err)
{
    return err_set(err, ERR_NO_MEMORY, 0, "The policy does not fit into memory.");
}

/* S3 knows one escape that JSON does not and that documents use: \$ for '$'. Its backslash is taken out of @text, in
 * place; returns the new length. False if arrays and objects are nested too deeply for a policy. */
static bool prepare_json(char *text, size_t *n)
{
    size_t to = 0, depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < *n; i++) {
        char c = text[i];
        if (in_string && c == '\\' && i + 1 < *n) {
            if (text[i + 1] != '$') text[to++] = c;
            text[to++] = text[++i];
            continue;
        }
        if (c == '"') in_string = !in_string;
        if (!in_string && (c == '[' || c == '{') && ++depth > MAX_DEPTH) return false;
        if (!in_string && (c == ']' || c == '}') && depth > 0) depth--;
        text[to++] = c;
    }
    *n = to;
    return true;
}

/* How many bytes @base64 stands for, if it is well-formed. */
static size_t decoded_length(struct str base64)
{
    size_t padding = str_ends(base64, STR("==")) ? 2 : str_ends(base64, STR("=")) ? 1 : 0;

    return base64.n / 4 * 3 - padding;
}

/* *@document: owned by the caller. */
static enum err_code load(struct str base64, json_t **document, struct err *err)
{
    if (base64.n == 0 || base64.n % 4 != 0 || base64.n > FORM_MAX_BYTES)
        return invalid(err, "Invalid Base64 encoding.");
    size_t n = decoded_length(base64);
    char *text = malloc(n + 1);
    enum err_code code = ERR_NONE;

    if (!text) return out_of_memory(err);
    if (!base64_decode(base64, (uint8_t *)text, n))
        code = invalid(err, "Invalid Base64 encoding.");
    else if (!prepare_json(text, &n) || !(*document = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL)))
        code = invalid_json(err);
    free(text);
    return code;
}

static struct str json_str(const json_t *string)
{
    return str_make(json_string_value(string), json_string_length(string));
}

/* Without the ".fraction" at its start; STR_NONE if that has no digit, or too many. */
static struct str skip_fraction(struct str s)
{
    size_t n = 1;

    if (s.p[0] != '.') return s;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n == 1 || n > 1 + MAX_FRACTION_BYTES ? STR_NONE : str_tail(s, n);
}

/* "yyyy-mm-ddThh:mm:ss[.fraction]Z", nothing else: S3 takes no offsets. */
static bool parse_expiration(struct str s, int64_t *unix_s)
{
    char compact[SIGV4_TIMESTAMP_BYTES];
    size_t to = 0;

    if (s.n <= EXPIRATION_BYTES || s.p[4] != '-' || s.p[7] != '-' || s.p[13] != ':' || s.p[16] != ':') return false;
    for (size_t i = 0; i < EXPIRATION_BYTES; i++)
        if (i != 4 && i != 7 && i != 13 && i != 16) compact[to++] = s.p[i];
    compact[to++] = 'Z';
    return str_eq(skip_fraction(str_tail(s, EXPIRATION_BYTES)), STR("Z")) &&
           sigv4_parse_date(str_make(compact, to), unix_s);
}

static enum err_code read_expiration(const json_t *document, int64_t *unix_s, struct err *err)
{
    const json_t *expiration = json_object_get(document, "expiration");

    if (!expiration) return invalid(err, "Policy missing expiration.");
    if (!json_is_string(expiration)) return invalid_json(err);
    if (parse_expiration(json_str(expiration), unix_s)) return ERR_NONE;
    return err_set(err, ERR_FORM_POLICY_INVALID, 0, "Invalid Policy: Invalid 'expiration' value: '%.*s'",
                   STR_ARG(json_str(expiration)));
}

/* {"acl": "public-read"} */
static enum err_code read_simple(json_t *json, struct condition *c, struct err *err)
{
    const char *name;
    json_t *value;

    if (json_object_size(json) != 1)
        return invalid(err, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
    json_object_foreach(json, name, value)
    {
        if (!json_is_string(value)) return invalid(err, "Invalid Simple-Condition: value must be a string.");
        *c = (struct condition){.op = OP_EQ, .is_simple = true, .name = str_from(name), .value = json_str(value)};
    }
    return ERR_NONE;
}

static bool read_operator(struct str s, enum operator* op)
{
    static const struct str names[] = {[OP_EQ] = STR_INIT("eq"),
                                       [OP_STARTS_WITH] = STR_INIT("starts-with"),
                                       [OP_RANGE] = STR_INIT("content-length-range")};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        *op = (enum operator)i;
        if (str_eq_nocase(s, names[i])) return true;
    }
    return false;
}

/* A number, or a string of digits; @is_number false for another string. */
static enum err_code read_size(const json_t *json, uint64_t *out, bool *is_number, struct err *err)
{
    if (json_is_string(json)) {
        *is_number = *is_number && str_to_u64(json_str(json), out);
        return ERR_NONE;
    }
    if (!json_is_integer(json)) return invalid_json(err);
    if (json_integer_value(json) < 0) return invalid(err, "Invalid content-length-range: a length is negative.");
    *out = (uint64_t)json_integer_value(json);
    return ERR_NONE;
}

/* ["eq", "$acl", "public-read"], ["content-length-range", 1, 2] */
static enum err_code read_list(const json_t *json, struct condition *c, struct err *err)
{
    const json_t *op = json_array_get(json, 0), *first = json_array_get(json, 1), *second = json_array_get(json, 2);

    *c = (struct condition){.is_number = true};
    if (!op) return invalid(err, "Invalid Condition: missing operation identifier.");
    if (!json_is_string(op)) return invalid_json(err);
    if (!read_operator(json_str(op), &c->op))
        return err_set(err, ERR_FORM_POLICY_INVALID, 0, "Invalid Policy: Invalid Condition: unknown operation '%.*s'.",
                       STR_ARG(json_str(op)));
    if (json_array_size(json) != 3)
        return err_set(err, ERR_FORM_POLICY_INVALID, 0, "Invalid Policy: Invalid %.*s: wrong number of arguments.",
                       STR_ARG(json_str(op)));
    if (c->op == OP_RANGE) {
        TRY(read_size(first, &c->min, &c->is_number, err));
        return read_size(second, &c->max, &c->is_number, err);
    }
    if (!json_is_string(first) || !json_is_string(second)) return invalid_json(err);
    c->name = json_str(first);
    c->value = json_str(second);
    return ERR_NONE;
}

static enum err_code read_condition(json_t *json, struct condition *c, struct err *err)
{
    if (json_is_object(json)) return read_simple(json, c, err);
    if (json_is_array(json)) return read_list(json, c, err);
    return invalid(err, "Invalid condition test: must be a List or Object.");
}

/* The document has the form of a policy; *@conditions: its conditions, each of which read_condition can read. */
static enum err_code check_shape(json_t *document, int64_t *expires_s, json_t **conditions, struct err *err)
{
    const char *name;
    json_t *item;
    struct condition c;
    size_t i;

    if (!json_is_object(document)) return invalid_json(err);
    json_object_foreach(document, name, item)
    {
        if (strcmp(name, "expiration") != 0 && strcmp(name, "conditions") != 0)
            return err_set(err, ERR_FORM_POLICY_INVALID, 0, "Invalid Policy: Unexpected: '%s'", name);
    }
    TRY(read_expiration(document, expires_s, err));
    *conditions = json_object_get(document, "conditions");
    if (!*conditions) return invalid(err, "Policy missing conditions.");
    if (!json_is_array(*conditions)) return invalid(err, "Invalid 'conditions' value: must be a List.");
    json_array_foreach(*conditions, i, item) TRY(read_condition(item, &c, err));
    return ERR_NONE;
}

/* ---- conditions ---- */

static bool holds_secret(struct str name)
{
    if (str_starts(name, STR("$"))) name = str_tail(name, 1);
    return str_eq_nocase(name, STR("x-amz-security-token")) ||
           str_eq_nocase(name, STR("x-amz-server-side-encryption-customer-key"));
}

/* @condition is shown as JSON; takes over its reference. */
static enum err_code condition_failed(json_t *condition, struct err *err)
{
    char *text = condition ? json_dumps(condition, 0) : NULL;

    json_decref(condition);
    err_set(err, ERR_FORM_POLICY_FAILED, 0, "Invalid according to Policy: Policy Condition failed: %.*s",
            CONDITION_TEXT, text ? text : "");
    free(text);
    return ERR_FORM_POLICY_FAILED;
}

/* Made anew for the answer and the log: S3 shows {name: value} as "eq", too; secrets are left out. */
static enum err_code not_fulfilled(const struct condition *c, struct err *err)
{
    struct str value = holds_secret(c->name) ? STR("********") : c->value;

    return condition_failed(json_pack("[s, s+%, s%]", c->op == OP_EQ ? "eq" : "starts-with", c->is_simple ? "$" : "",
                                      c->name.p, c->name.n, value.p, value.n),
                            err);
}

/* "Content-Types values for a starts-with condition that include commas are interpreted as lists. Each value in the
 * list must meet the condition for the whole condition to pass." */
static bool types_start_with(struct str types, struct str prefix)
{
    struct str item;

    if (types.n == 0) return prefix.n == 0;
    while (str_split(&types, ',', &item))
        if (!str_starts(str_trim(item), prefix)) return false;
    return true;
}

static bool value_matches(const struct condition *c, struct str name, struct str value)
{
    if (c->op == OP_EQ) return str_eq(value, c->value);
    if (str_eq_nocase(name, STR("content-type"))) return types_start_with(value, c->value);
    return str_starts(value, c->value);
}

/* The bucket is where the form was posted to; a field of that name must say the same. A field that is not there fulfils
 * nothing, not even the empty prefix. */
static bool condition_holds(const struct condition *c, struct target *t)
{
    struct str name = c->is_simple ? c->name : str_tail(c->name, 1);
    bool is_bucket = str_eq_nocase(name, STR("bucket")), found = is_bucket;

    if (!c->is_simple && !str_starts(c->name, STR("$"))) return false;
    if (is_bucket) {
        if (!value_matches(c, name, t->bucket)) return false;
        t->bucket_covered = true;
    }
    for (size_t i = 0; i < t->form->fields_n; i++) {
        if (!str_eq_nocase(t->form->fields[i].name, name)) continue;
        if (!value_matches(c, name, is_bucket ? t->bucket : t->form->fields[i].value)) return false;
        if (is_bucket && !str_eq(t->form->fields[i].value, t->bucket)) return false;
        t->covered |= UINT64_C(1) << i;
        found = true;
    }
    return found;
}

static void take_range(const struct condition *c, struct post_policy *out)
{
    out->has_range = true;
    if (c->min > out->min_bytes) out->min_bytes = c->min;
    if (c->max < out->max_bytes) out->max_bytes = c->max;
}

static enum err_code check_conditions(const json_t *conditions, struct target *t, struct post_policy *out,
                                      struct err *err)
{
    json_t *item;
    struct condition c = {.op = OP_EQ};
    size_t i;

    json_array_foreach(conditions, i, item)
    {
        TRY(read_condition(item, &c, err));
        if (c.op == OP_RANGE && !c.is_number) return condition_failed(json_incref(item), err);
        if (c.op == OP_RANGE)
            take_range(&c, out);
        else if (!condition_holds(&c, t))
            return not_fulfilled(&c, err);
    }
    return ERR_NONE;
}

/* "Each form field that you specify in a form (except x-amz-signature, file, policy, and field names that have an
 * x-ignore- prefix) must appear in the list of conditions"; in the older form also except AWSAccessKeyId and
 * signature. */
static bool needs_condition(struct str name)
{
    static const struct str free_names[] = {STR_INIT("x-amz-signature"), STR_INIT("file"), STR_INIT("policy"),
                                            STR_INIT("signature"), STR_INIT("awsaccesskeyid")};

    for (size_t i = 0; i < ARRAY_LEN(free_names); i++)
        if (str_eq(name, free_names[i])) return false;
    return !str_starts(name, STR("x-ignore-"));
}

static enum err_code extra_field(struct err *err, struct str name)
{
    return err_set(err, ERR_FORM_POLICY_FAILED, 0, "Invalid according to Policy: Extra input fields: %.*s",
                   STR_ARG(name));
}

static enum err_code check_coverage(const struct target *t, struct err *err)
{
    if (!t->bucket_covered) return extra_field(err, STR("bucket"));
    for (size_t i = 0; i < t->form->fields_n; i++)
        if (!(t->covered & UINT64_C(1) << i) && needs_condition(t->form->fields[i].name))
            return extra_field(err, t->form->fields[i].sent);
    return ERR_NONE;
}

static enum err_code check_document(json_t *document, struct target *t, int64_t now_s, struct post_policy *out,
                                    struct err *err)
{
    json_t *conditions = NULL;
    int64_t expires_s = 0;

    TRY(check_shape(document, &expires_s, &conditions, err));
    if (now_s >= expires_s)
        return err_set(err, ERR_FORM_POLICY_FAILED, 0, "Invalid according to Policy: Policy expired.");
    TRY(check_conditions(conditions, t, out, err));
    return check_coverage(t, err);
}

enum err_code post_policy_check(struct str base64, const struct post_form *form, struct str bucket, int64_t now_s,
                                struct post_policy *out, struct err *err)
{
    struct target t = {.form = form, .bucket = bucket};
    json_t *document = NULL;

    *out = (struct post_policy){.max_bytes = UINT64_MAX};
    TRY(load(base64, &document, err));
    enum err_code code = check_document(document, &t, now_s, out, err);
    json_decref(document);
    return code;
}

enum err_code post_policy_size(const struct post_policy *policy, uint64_t file_bytes, struct err *err)
{
    if (policy->has_range && file_bytes > policy->max_bytes)
        return err_set(err, ERR_ENTITY_TOO_LARGE, 0, "%s", err_info(ERR_ENTITY_TOO_LARGE)->text);
    if (policy->has_range && file_bytes < policy->min_bytes)
        return err_set(err, ERR_ENTITY_TOO_SMALL, 0, "%s", err_info(ERR_ENTITY_TOO_SMALL)->text);
    return ERR_NONE;
}
