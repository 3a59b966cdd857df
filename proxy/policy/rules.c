/* SPDX-License-Identifier: Apache-2.0
 * rules.c: the short form of [policy NAME] as statements. A pattern of buckets never reaches into keys, as it would in
 * an ARN; what S3 has no name for needs `admin` on all buckets.
 */
#include "policy_impl.h"

enum { PREFIXES_MOST = 300 };

static const char *const access_words[] = {
    [POLICY_READ_ONLY] = "read-only", [POLICY_READ_WRITE] = "read-write", [POLICY_ADMIN] = "admin"};

static bool allows(enum policy_access access, enum s3_action a)
{
    switch (s3_action_access(a)) {
    case ACCESS_READ: return true;
    case ACCESS_WRITE: return access != POLICY_READ_ONLY;
    case ACCESS_ADMIN: break;
    }
    return access == POLICY_ADMIN;
}

static struct str printed(struct compiler *c, const char *a, const char *b, const char *rest)
{
    size_t cap = strlen(a) + strlen(b) + strlen(rest);
    struct sbuf s = sbuf_make(compiler_keep(c, cap + 1), cap);

    sbuf_add(&s, str_from(a));
    sbuf_add(&s, str_from(b));
    sbuf_add(&s, str_from(rest));
    return sbuf_str(&s);
}

static struct statement *add_statement(struct compiler *c, bool denies, const char *option)
{
    struct statement *s = compiler_add_statement(c, denies);

    s->text.label = str_from(option);
    return s;
}

/* Told, if it is none. */
static bool read_pattern(struct compiler *c, const char *option, struct str text, unsigned flags, struct pattern *out)
{
    char room[FAULT_BYTES];
    struct sbuf fault = sbuf_make(room, sizeof room);

    if (pattern_compile(text, flags, &c->p->arena, out, &fault)) return true;
    compiler_problem(c, option, "%s: %.*s", option, STR_ARG(sbuf_str(&fault)));
    return false;
}

static struct resource *resources_of(struct compiler *c, struct statement *s, size_t n)
{
    s->resources = compiler_keep(c, n * sizeof s->resources[0]);
    s->resources_n = n;
    return s->resources;
}

static void take_everything(struct compiler *c, struct statement *s)
{
    resources_of(c, s, 1)->kind = RESOURCE_ALL;
    s->text.resources = STR("*");
}

/* --- whole buckets --- */

static void take_buckets(struct compiler *c, struct statement *s, const struct str_list *buckets)
{
    struct resource *r = resources_of(c, s, buckets->n);
    size_t cap = 0;

    for (size_t i = 0; i < buckets->n; i++)
        cap += 2 * strlen(buckets->v[i]) + 40;
    struct sbuf text = sbuf_make(compiler_keep(c, cap), cap);
    for (size_t i = 0; i < buckets->n; i++) {
        r[i].kind = RESOURCE_BUCKET;
        (void)read_pattern(c, "buckets", str_from(buckets->v[i]), PATTERN_WILDCARDS, &r[i].bucket);
        sbuf_printf(&text, "%sarn:aws:s3:::%s, arn:aws:s3:::%s/*", i ? ", " : "", buckets->v[i], buckets->v[i]);
    }
    s->text.resources = sbuf_str(&text);
}

static void add_buckets(struct compiler *c)
{
    const struct policy_rules *rules = c->rules;
    struct statement *s = add_statement(c, false, "access");
    bool all = rules->buckets->n == 0;

    for (unsigned a = all ? S3_ACTION_UNKNOWN : S3_ACTION_UNKNOWN + 1; a < S3_ACTIONS_N; a++)
        if (a != S3_ACTION_ListAllMyBuckets && allows(rules->access, (enum s3_action)a)) action_set_add(&s->actions, a);
    s->text.actions = printed(c, "what access = ", access_words[rules->access], " allows");
    if (all)
        take_everything(c, s);
    else
        take_buckets(c, s, rules->buckets);
}

static void add_list_buckets(struct compiler *c)
{
    struct statement *s = add_statement(c, false, "list_buckets");

    action_set_add(&s->actions, S3_ACTION_ListAllMyBuckets);
    s->text.actions = STR("s3:ListAllMyBuckets");
    take_everything(c, s);
}

/* --- prefixes --- */

struct prefix {
    struct str bucket, key;
    const char *text;
};

static bool read_prefix(struct compiler *c, const char *text, struct prefix *out)
{
    struct str s = str_from(text);
    size_t slash = str_index(s, '/');

    *out = (struct prefix){str_head(s, slash), slash == SIZE_MAX ? STR_NONE : str_tail(s, slash + 1), text};
    if (str_starts(s, STR("s3:")) || str_starts(s, STR("arn:")) || out->bucket.n == 0) {
        compiler_problem(c, "prefixes", "prefixes: \"%.80s\" must begin with the bucket's name; write BUCKET/PREFIX/*",
                         text);
        return false;
    }
    if (out->key.n == 0) {
        compiler_problem(c, "prefixes",
                         "prefixes: \"%.80s\" is a whole bucket; write it into buckets, or BUCKET/PREFIX/*", text);
        return false;
    }
    if (!str_ends(out->key, STR("/"))) return true;
    compiler_problem(c, "prefixes", "prefixes: \"%.80s\" is one key only; write %.80s* for all below it", text, text);
    return false;
}

static void take_bucket(struct compiler *c, struct statement *s, const struct prefix *p, enum resource_kind kind)
{
    struct resource *r = resources_of(c, s, 1);

    r->kind = kind;
    (void)read_pattern(c, "prefixes", p->bucket, PATTERN_WILDCARDS, &r->bucket);
    if (kind == RESOURCE_OBJECTS)
        (void)read_pattern(c, "prefixes", p->key, PATTERN_WILDCARDS | PATTERN_VARIABLES, &r->rest);
}

static void add_objects(struct compiler *c, const struct prefix *p)
{
    struct statement *s = add_statement(c, false, "prefixes");

    for (unsigned a = S3_ACTION_UNKNOWN + 1; a < S3_ACTIONS_N; a++)
        if (s3_action_resource((enum s3_action)a) == S3_RESOURCE_OBJECT && allows(c->rules->access, (enum s3_action)a))
            action_set_add(&s->actions, a);
    s->text.actions = printed(c, "what access = ", access_words[c->rules->access], " allows on objects");
    s->text.resources = printed(c, "arn:aws:s3:::", p->text, "");
    take_bucket(c, s, p, RESOURCE_OBJECTS);
}

static void add_condition(struct compiler *c, struct statement *s, const struct prefix *p)
{
    char room[FAULT_BYTES];
    struct sbuf fault = sbuf_make(room, sizeof room);
    struct condition *like = compiler_keep(c, sizeof *like);

    bool fine = condition_read_operator(STR("StringLike"), like, &fault) &&
                condition_read_key(STR("s3:prefix"), &c->p->arena, like, &fault);
    ASSERT(fine);
    like->values = compiler_keep(c, sizeof like->values[0]);
    like->values_n = 1;
    (void)read_pattern(c, "prefixes", p->key, PATTERN_WILDCARDS | PATTERN_VARIABLES, &like->values[0].u.text);
    s->conditions = like;
    s->conditions_n = 1;
    s->text.conditions = printed(c, "s3:prefix StringLike ", compiler_keep_str(c, p->key).p, "");
}

/* What is listed below a prefix that fits a pattern ending in '*' fits it, too. A list above it would show names that
 * are none of the client's. */
static void add_lists(struct compiler *c, const struct prefix *p)
{
    struct statement *s;

    if (!str_ends(p->key, STR("*"))) return;
    s = add_statement(c, false, "prefixes");
    action_set_add(&s->actions, S3_ACTION_ListBucket);
    action_set_add(&s->actions, S3_ACTION_ListBucketVersions);
    action_set_add(&s->actions, S3_ACTION_ListBucketMultipartUploads);
    s->text.actions = STR("s3:ListBucket, s3:ListBucketVersions, s3:ListBucketMultipartUploads");
    s->text.resources = printed(c, "arn:aws:s3:::", compiler_keep_str(c, p->bucket).p, "");
    take_bucket(c, s, p, RESOURCE_BUCKET);
    add_condition(c, s, p);
}

/* Clients ask for the Region before anything else. */
static void add_location(struct compiler *c, const struct prefix *p)
{
    struct statement *s = add_statement(c, false, "prefixes");

    action_set_add(&s->actions, S3_ACTION_GetBucketLocation);
    s->text.actions = STR("s3:GetBucketLocation");
    s->text.resources = printed(c, "arn:aws:s3:::", compiler_keep_str(c, p->bucket).p, "");
    take_bucket(c, s, p, RESOURCE_BUCKET);
}

static void add_prefixes(struct compiler *c, const struct str_list *prefixes)
{
    if (prefixes->n > PREFIXES_MOST) {
        compiler_problem(c, "prefixes", "prefixes: there are more than %d; write a document, or several policies",
                         PREFIXES_MOST);
        return;
    }
    for (size_t i = 0; i < prefixes->n; i++) {
        struct prefix p;
        if (!read_prefix(c, prefixes->v[i], &p)) continue;
        add_objects(c, &p);
        add_lists(c, &p);
        add_location(c, &p);
    }
}

/* --- all --- */

void compile_rules(struct compiler *c)
{
    const struct policy_rules *rules = c->rules;
    bool has_prefixes = rules->prefixes && rules->prefixes->n > 0;

    if (rules->buckets->n || !has_prefixes) add_buckets(c);
    if (rules->list_buckets) add_list_buckets(c);
    if (has_prefixes) add_prefixes(c, rules->prefixes);
}

void compile_deny(struct compiler *c)
{
    const struct str_list *deny = c->rules->deny;
    struct statement *s;
    size_t cap = 0;

    if (deny->n == 0) return;
    s = add_statement(c, true, "deny");
    for (size_t i = 0; i < deny->n; i++)
        cap += strlen(deny->v[i]) + 8;
    struct sbuf text = sbuf_make(compiler_keep(c, cap), cap);
    for (size_t i = 0; i < deny->n; i++) {
        char room[FAULT_BYTES];
        struct sbuf fault = sbuf_make(room, sizeof room);
        struct str name = str_from(deny->v[i]);

        if (str_starts_nocase(name, STR("s3:"))) name = str_tail(name, 3);
        if (!actions_add(&s->actions, name, true, &fault))
            compiler_problem(c, "deny", "deny: %.*s", STR_ARG(sbuf_str(&fault)));
        sbuf_printf(&text, "%ss3:%.*s", i ? ", " : "", STR_ARG(name));
    }
    s->text.actions = sbuf_str(&text);
    take_everything(c, s);
}
