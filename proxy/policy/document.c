/* SPDX-License-Identifier: Apache-2.0
 * document.c: from a JSON policy document to statements. What is not understood is a problem at its place, never left
 * out: a condition that is dropped grants. Source: IAM User Guide, "Grammar of the IAM JSON policy language".
 */
#include "json_tree.h"
#include "policy_impl.h"

#include <stdarg.h>
#include <stdio.h>

enum { SID_MOST = 128, VALUES_MOST = 1000, TREE_BLOCK_BYTES = 8192 };

struct reading {
    struct compiler *c;
    struct arena tree; /* what is kept of it is copied */
    struct str text;   /* borrowed */
    const struct json *version;
    bool with_variables;
};

/* --- problems --- */

static void problem(struct reading *r, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void problem(struct reading *r, size_t at, const char *fmt, ...)
{
    char text[FAULT_BYTES];
    unsigned line, column;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_tree_place(r->text, at, &line, &column);
    r->c->problems_n++;
    r->c->problems->tell(r->c->problems, "document", line, column, text);
}

static void problem_of(struct reading *r, const struct json *v, const struct sbuf *fault)
{
    problem(r, v->at, "%.*s", STR_ARG(sbuf_str(fault)));
}

static struct sbuf fault_room(char out[FAULT_BYTES])
{
    return sbuf_make(out, FAULT_BYTES);
}

/* --- elements --- */

static const struct json *member(const struct json *object, const char *name)
{
    for (const struct json *m = object->first; m; m = m->next)
        if (str_eq(m->name, str_from(name))) return m;
    return NULL;
}

/* Each name of @object must be one of @names. */
static void check_names(struct reading *r, const struct json *object, const char *what, const char *const *names,
                        size_t n)
{
    for (const struct json *m = object->first; m; m = m->next) {
        const char *nearest = str_nearest(m->name, names, n);
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known |= str_eq(m->name, str_from(names[i]));
        if (known) continue;
        if (str_eq(m->name, STR("Principal")) || str_eq(m->name, STR("NotPrincipal")))
            problem(r, m->name_at,
                    "%.*s belongs to policies of buckets; remove it: whose this policy is, say the clients "
                    "and groups that name it",
                    STR_ARG(m->name));
        else
            problem(r, m->name_at, "%s has no element \"%.*s\"%s%s%s", what, STR_ARG(str_head(m->name, 100)),
                    nearest ? "; did you mean \"" : "; remove it", nearest ? nearest : "", nearest ? "\"?" : "");
    }
}

/* Walks the texts of a value that is one text or a list of them: first_text, then next of it. NULL: told why. */
static const struct json *first_text(struct reading *r, const struct json *v, bool plain_words)
{
    const struct json *first = v->kind == JSON_ARRAY ? v->first : v;
    size_t n = 0;

    if (!first) problem(r, v->at, "this list is empty; write what belongs into it");
    for (const struct json *i = first; i; i = v->kind == JSON_ARRAY ? i->next : NULL) {
        bool fits = i->kind == JSON_STRING || (plain_words && (i->kind == JSON_NUMBER || i->kind == JSON_BOOL));
        if (fits && ++n <= VALUES_MOST) continue;
        if (fits)
            problem(r, i->at, "this list has more than %d values; divide it", VALUES_MOST);
        else
            problem(r, i->at, "a text in quotes must stand here, or a list of them");
        return NULL;
    }
    return first;
}

static const struct json *next_text(const struct json *list, const struct json *i)
{
    return list->kind == JSON_ARRAY ? i->next : NULL;
}

/* More than enough for all texts below @v, with what stands between them. */
static size_t text_bytes(const struct json *v)
{
    size_t n = v->text.n + v->name.n + 8;

    for (const struct json *m = v->first; m; m = m->next)
        n += text_bytes(m);
    return n;
}

static void add_list(struct sbuf *b, const struct json *list)
{
    const struct json *first = list->kind == JSON_ARRAY ? list->first : list;

    for (const struct json *i = first; i; i = next_text(list, i)) {
        if (i != first) sbuf_add(b, STR(", "));
        sbuf_add(b, i->text);
    }
}

static struct str list_text(struct reading *r, const struct json *list, bool negated)
{
    size_t cap = text_bytes(list) + 8;
    struct sbuf b = sbuf_make(compiler_keep(r->c, cap), cap);

    if (negated) sbuf_add(&b, STR("all but "));
    add_list(&b, list);
    return sbuf_str(&b);
}

/* Exactly one of the two; NULL: told. */
static const struct json *one_of(struct reading *r, const struct json *statement, const char *name,
                                 const char *not_name, bool *negated)
{
    const struct json *is = member(statement, name), *is_not = member(statement, not_name);

    *negated = is_not != NULL;
    if (is && is_not) {
        problem(r, is_not->name_at, "a statement has either %s or %s; remove one", name, not_name);
        return NULL;
    }
    if (!is && !is_not) problem(r, statement->at, "this statement has no %s; add \"%s\": …", name, name);
    return is ? is : is_not;
}

/* --- actions --- */

static void negate_actions(struct action_set *set, bool denies)
{
    bool unknown = denies && !action_set_has(set, S3_ACTION_UNKNOWN);
    struct action_set rest = {{0}};

    for (unsigned a = S3_ACTION_UNKNOWN + 1; a < S3_ACTIONS_N; a++)
        if (!action_set_has(set, a)) action_set_add(&rest, a);
    if (unknown) action_set_add(&rest, S3_ACTION_UNKNOWN);
    *set = rest;
}

static bool is_empty(const struct action_set *s)
{
    for (size_t i = 0; i < ACTION_WORDS; i++)
        if (s->word[i]) return false;
    return true;
}

static void read_actions(struct reading *r, const struct json *json, struct statement *s)
{
    bool negated;
    const struct json *list = one_of(r, json, "Action", "NotAction", &negated);
    size_t before = r->c->problems_n;

    if (!list) return;
    for (const struct json *i = first_text(r, list, false); i; i = next_text(list, i)) {
        char room[FAULT_BYTES];
        struct sbuf fault = fault_room(room);
        if (!actions_add(&s->actions, i->text, false, &fault)) problem_of(r, i, &fault);
    }
    if (negated) negate_actions(&s->actions, s->denies);
    if (is_empty(&s->actions) && before == r->c->problems_n)
        problem(r, list->at, "nothing is left beside these actions; remove the statement, or write Action");
    s->text.actions = list_text(r, list, negated);
}

/* --- resources --- */

static bool takes_part(const struct pattern *p, const char *word)
{
    return pattern_match(p, str_from(word), NULL);
}

/* Object Lambda and Outposts have ARNs of their own; what is done there are the actions of S3. */
static bool takes_service(const struct pattern *p)
{
    return takes_part(p, "s3") || takes_part(p, "s3-object-lambda") || takes_part(p, "s3-outposts");
}

static bool read_resource(struct reading *r, struct str text, struct resource *out, struct sbuf *fault)
{
    unsigned flags = PATTERN_WILDCARDS | (r->with_variables ? PATTERN_VARIABLES : 0);
    struct pattern *part = out->arn.part;

    if (str_eq(text, STR("*"))) {
        out->kind = RESOURCE_ALL;
        return true;
    }
    out->kind = RESOURCE_ARN;
    if (!arn_pattern_compile(text, flags, &r->c->p->arena, &out->arn, fault)) return false;
    for (size_t i = 0; i < ARN_RESOURCE; i++) {
        if (part[i].kind != PATTERN_VARIABLE) continue;
        sbuf_printf(fault, "variables may stand in the last part of an ARN only, after arn:aws:s3:::");
        return false;
    }
    out->rest = part[ARN_RESOURCE];
    if (!takes_service(&part[ARN_SERVICE])) {
        sbuf_printf(fault, "%.*s is nothing of S3, and nothing else passes here; remove it",
                    STR_ARG(str_head(text, 100)));
        return false;
    }
    out->is_plain = str_starts(text, STR("arn:aws:s3:::"));
    out->is_everything =
        pattern_is_star(&out->rest) && takes_part(&part[ARN_REGION], "") && takes_part(&part[ARN_ACCOUNT], "");
    return true;
}

/* Variables are texts in the older version of the language: nobody means that who says nothing of versions. */
static bool check_variables(struct reading *r, const struct json *v)
{
    if (r->version || str_find(v->text, STR("${")) == SIZE_MAX) return true;
    problem(r, v->at, "variables need \"Version\": \"2012-10-17\" at the beginning of the document; add it");
    return false;
}

static void read_resources(struct reading *r, const struct json *json, struct statement *s)
{
    const struct json *list = one_of(r, json, "Resource", "NotResource", &s->not_resource);

    if (!list) return;
    s->resources = compiler_keep(r->c, (list->n + 1) * sizeof s->resources[0]);
    for (const struct json *i = first_text(r, list, false); i; i = next_text(list, i)) {
        char room[FAULT_BYTES];
        struct sbuf fault = fault_room(room);
        if (!check_variables(r, i)) continue;
        if (!read_resource(r, i->text, &s->resources[s->resources_n++], &fault)) problem_of(r, i, &fault);
    }
    s->text.resources = list_text(r, list, s->not_resource);
}

/* --- conditions --- */

static void read_values(struct reading *r, const struct json *list, struct condition *c)
{
    c->values = compiler_keep(r->c, (list->n + 1) * sizeof c->values[0]);
    for (const struct json *i = first_text(r, list, true); i; i = next_text(list, i)) {
        char room[FAULT_BYTES];
        struct sbuf fault = fault_room(room);
        if (!check_variables(r, i)) continue;
        if (!condition_read_value(c, i->text, r->with_variables, &r->c->p->arena, &c->values[c->values_n++], &fault))
            problem_of(r, i, &fault);
    }
}

static bool is_object(struct reading *r, const struct json *v, const char *what)
{
    if (v->kind == JSON_OBJECT && v->first) return true;
    problem(r, v->at, v->kind == JSON_OBJECT ? "%s is empty; remove it" : "%s must be an object: { … }", what);
    return false;
}

static void read_operator(struct reading *r, const struct json *op, struct statement *s)
{
    char room[FAULT_BYTES];
    struct sbuf fault = fault_room(room);
    struct condition read;

    if (!condition_read_operator(op->name, &read, &fault)) {
        problem(r, op->name_at, "%.*s", STR_ARG(sbuf_str(&fault)));
        return;
    }
    if (!is_object(r, op, "what stands after an operator")) return;
    for (const struct json *key = op->first; key; key = key->next) {
        struct condition *c = &s->conditions[s->conditions_n++];
        *c = read;
        fault = fault_room(room);
        if (condition_read_key(key->name, &r->c->p->arena, c, &fault))
            read_values(r, key, c);
        else
            problem(r, key->name_at, "%.*s", STR_ARG(sbuf_str(&fault)));
    }
}

static struct str conditions_text(struct reading *r, const struct json *conditions)
{
    size_t cap = text_bytes(conditions);

    for (const struct json *op = conditions->first; op; op = op->next)
        cap += op->n * (op->name.n + 8);
    struct sbuf b = sbuf_make(compiler_keep(r->c, cap), cap);
    for (const struct json *op = conditions->first; op; op = op->next)
        for (const struct json *key = op->first; key; key = key->next) {
            if (b.n) sbuf_add(&b, STR("; "));
            sbuf_printf(&b, "%.*s %.*s ", STR_ARG(key->name), STR_ARG(op->name));
            add_list(&b, key);
        }
    return sbuf_str(&b);
}

static void read_conditions(struct reading *r, const struct json *conditions, struct statement *s)
{
    size_t n = 0;

    if (!conditions || !is_object(r, conditions, "Condition")) return;
    for (const struct json *op = conditions->first; op; op = op->next)
        n += op->n;
    s->conditions = compiler_keep(r->c, n * sizeof s->conditions[0]);
    for (const struct json *op = conditions->first; op; op = op->next)
        read_operator(r, op, s);
    s->text.conditions = conditions_text(r, conditions);
}

/* --- statements --- */

static bool read_effect(struct reading *r, const struct json *statement, bool *denies)
{
    const struct json *effect = member(statement, "Effect");

    if (!effect) {
        problem(r, statement->at, "this statement has no Effect; write \"Effect\": \"Allow\" or \"Effect\": \"Deny\"");
        return false;
    }
    *denies = effect->kind == JSON_STRING && str_eq(effect->text, STR("Deny"));
    if (*denies || (effect->kind == JSON_STRING && str_eq(effect->text, STR("Allow")))) return true;
    problem(r, effect->at, "Effect is \"Allow\" or \"Deny\", written so");
    return false;
}

static bool sid_taken(const struct reading *r, struct str sid)
{
    for (size_t i = 0; i + 1 < r->c->p->statements_n; i++)
        if (str_eq(r->c->p->statements[i].text.label, sid)) return true;
    return false;
}

static void read_sid(struct reading *r, const struct json *statement, struct statement *s)
{
    const struct json *sid = member(statement, "Sid");
    char number[16];

    (void)snprintf(number, sizeof number, "%zu", r->c->p->statements_n);
    s->text.label = compiler_keep_str(r->c, str_from(number));
    if (!sid) return;
    if (sid->kind != JSON_STRING || sid->text.n == 0 || sid->text.n > SID_MOST) {
        problem(r, sid->at, "Sid is a name for the statement, of 1 to %d bytes", SID_MOST);
        return;
    }
    for (size_t i = 0; i < sid->text.n; i++) {
        if ((unsigned char)sid->text.p[i] > ' ' && sid->text.p[i] != 0x7f) continue;
        problem(r, sid->at, "Sid is a name without blanks; write letters and digits");
        return;
    }
    if (sid_taken(r, sid->text))
        problem(r, sid->at, "another statement has the Sid \"%.*s\"; choose another", STR_ARG(sid->text));
    s->text.label = compiler_keep_str(r->c, sid->text);
}

static void read_statement(struct reading *r, const struct json *json)
{
    static const char *const names[] = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"};
    bool denies;

    if (json->kind != JSON_OBJECT) {
        problem(r, json->at, "a statement must be an object: { \"Effect\": …, \"Action\": …, \"Resource\": … }");
        return;
    }
    check_names(r, json, "a statement", names, ARRAY_LEN(names));
    if (!read_effect(r, json, &denies)) return;
    struct statement *s = compiler_add_statement(r->c, denies);
    json_tree_place(r->text, json->at, &s->text.line, &s->text.column);
    read_sid(r, json, s);
    read_actions(r, json, s);
    read_resources(r, json, s);
    read_conditions(r, member(json, "Condition"), s);
}

static void read_statements(struct reading *r, const struct json *root)
{
    const struct json *statements = member(root, "Statement");
    size_t n = 0;

    if (!statements) {
        problem(r, root->at, "the document has no Statement; write \"Statement\": [ { … } ]");
        return;
    }
    if (statements->kind != JSON_ARRAY) {
        read_statement(r, statements);
        return;
    }
    if (!statements->first) problem(r, statements->at, "there is no statement in this list; add one");
    for (const struct json *s = statements->first; s; s = s->next) {
        if (++n > POLICY_STATEMENTS_MOST) {
            problem(r, s->at, "a document may have %d statements at most; divide it", POLICY_STATEMENTS_MOST);
            return;
        }
        read_statement(r, s);
    }
}

static void read_version(struct reading *r, const struct json *root)
{
    r->version = member(root, "Version");
    r->with_variables = r->version && str_eq(r->version->text, STR("2012-10-17"));
    if (!r->version || r->with_variables ||
        (r->version->kind == JSON_STRING && str_eq(r->version->text, STR("2008-10-17"))))
        return;
    problem(r, r->version->at, "this version of the language does not exist; write \"2012-10-17\"");
}

static void read_root(struct reading *r, const struct json *root)
{
    static const char *const names[] = {"Version", "Id", "Statement"};
    const struct json *id;

    if (root->kind != JSON_OBJECT) {
        problem(r, root->at, "a policy must be an object: { \"Version\": \"2012-10-17\", \"Statement\": [ … ] }");
        return;
    }
    check_names(r, root, "a policy", names, ARRAY_LEN(names));
    id = member(root, "Id");
    if (id && id->kind != JSON_STRING) problem(r, id->at, "Id must be a text in quotes");
    read_version(r, root);
    read_statements(r, root);
}

void compile_document(struct compiler *c)
{
    struct reading r = {.c = c};
    struct str bom = STR("\xef\xbb\xbf"); /* editors on Windows begin a file so */
    struct json *root;
    const char *fault;
    size_t at;

    r.text = c->rules->document;
    if (str_starts(r.text, bom)) r.text = str_tail(r.text, bom.n);
    if (r.text.n > POLICY_DOCUMENT_BYTES_MOST) {
        problem(&r, 0, "a policy may have %d KiB at most; divide it", POLICY_DOCUMENT_BYTES_MOST / 1024);
        return;
    }
    arena_init(&r.tree, TREE_BLOCK_BYTES, SIZE_MAX);
    fault = json_tree_read(r.text, &r.tree, &root, &at);
    if (fault)
        problem(&r, at, "%s", fault);
    else
        read_root(&r, root);
    arena_clear(&r.tree);
}
