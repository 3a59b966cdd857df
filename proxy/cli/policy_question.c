/* SPDX-License-Identifier: Apache-2.0
 * policy_question.c: see policy_impl.h. Nothing is sent, and no running proxy is asked: the configuration is read, and
 * the code that judges requests decides. One thread.
 */
#include "policy_impl.h"

#include "aws/s3/partition.h"
#include "aws/s3/target.h"

#include <inttypes.h>

/* --- what is known of the request --- */

static const struct str key_names[POLICY_KEYS_N] = {
#define X(id, name, many, named) [POLICY_KEY_##id] = STR_INIT(name),
    POLICY_KEYS(X)
#undef X
};

/* @text: KEY=VALUE or KEY/NAME=VALUE. */
static bool says(struct str text, enum policy_key key, struct str name, struct str *value)
{
    size_t equals = str_index(text, '=');
    struct str left = str_head(text, equals), rest = str_tail(left, key_names[key].n);

    if (!str_starts_nocase(left, key_names[key])) return false;
    *value = str_tail(text, equals + 1);
    return name.n ? rest.n && rest.p[0] == '/' && str_eq_nocase(str_tail(rest, 1), name) : rest.n == 0;
}

/* What nobody said, but a usual request has. */
static struct str usual(const struct policy_question *q, enum policy_key key, struct str name)
{
    const struct endpoint_conf *ep = settings_default_endpoint(q->settings);

    switch (key) {
    case POLICY_KEY_CURRENT_TIME:
    case POLICY_KEY_EPOCH_TIME: return str_from(q->now_text);
    case POLICY_KEY_SOURCE_IP: return str_from(q->from_text);
    case POLICY_KEY_USERNAME:
    case POLICY_KEY_USER_ID: return str_from(q->client->name);
    case POLICY_KEY_PRINCIPAL_TAG: return principal_tag(q->client, name);
    case POLICY_KEY_SECURE_TRANSPORT: return STR("true");
    case POLICY_KEY_REQUESTED_REGION: return ep ? str_from(ep->region) : STR_NONE;
    case POLICY_KEY_PREFIX: return q->prefix;
    default: return STR_NONE;
    }
}

static size_t values(const struct policy_context *c, enum policy_key key, struct str name, struct str *v)
{
    const struct policy_question *q = (const struct policy_question *)c;
    size_t n = 0;

    for (size_t i = 0; i < q->with_n; i++)
        n += says(q->with[i], key, name, &v[n]);
    if (n) return n;
    v[0] = usual(q, key, name);
    return v[0].p && (v[0].n || key == POLICY_KEY_PREFIX);
}

/* --- reading the question --- */

static bool is_key(struct str left)
{
    for (size_t i = 0; i < POLICY_KEYS_N; i++) {
        struct str rest = str_tail(left, key_names[i].n);

        if (str_starts_nocase(left, key_names[i]) && (rest.n == 0 || rest.p[0] == '/')) return true;
    }
    return false;
}

static bool take_with(struct policy_question *q, const struct policy_order *o, struct sbuf *why)
{
    for (size_t i = 0; i < o->with_n; i++) {
        struct str text = str_from(o->with[i]), left = str_head(text, str_index(text, '='));

        if (left.n == text.n || !is_key(left)) {
            sbuf_printf(why, "%s: write KEY=VALUE with a key of conditions, like s3:prefix=2024/", o->with[i]);
            return false;
        }
        q->with[q->with_n++] = text;
    }
    return true;
}

const char *policy_why_not(const struct principal_conf *client, const struct netaddr *from, int64_t now_s)
{
    const char *why_not = principal_why_not(client, NULL, now_s);

    if (why_not || from->u.sa.sa_family == AF_UNSPEC || principal_may_come_from(client, from)) return why_not;
    return "may not come from there (allow_from)";
}

static bool take_client(struct policy_question *q, const struct policy_order *o, struct sbuf *why)
{
    q->client = settings_client_by_name(q->settings, str_from(o->client));
    if (!q->client) {
        sbuf_printf(why, "there is no client \"%s\"; `s3onramp client list` shows all", o->client);
        return false;
    }
    if (o->from && (!netaddr_parse(str_from(o->from), 0, &q->from) || netaddr_port(&q->from) != 0)) {
        sbuf_printf(why, "%s is no address; write one like 10.1.2.3", o->from);
        return false;
    }
    if (o->from) (void)str_to_cstr(str_from(o->from), q->from_text, sizeof(q->from_text));
    q->why_not = policy_why_not(q->client, &q->from, o->now_s);
    return true;
}

static bool take_action(struct policy_question *q, const char *text, struct sbuf *why)
{
    struct str name = str_from(text);

    if (str_starts_nocase(name, STR("s3:"))) name = str_tail(name, 3);
    q->ask.action = s3_action_find(name);
    if (q->ask.action != S3_ACTION_UNKNOWN) return true;
    sbuf_printf(why,
                "%s is no action of S3; write one like s3:GetObject (HeadObject and listings have none of their own: "
                "s3:GetObject, s3:ListBucket)",
                text);
    return false;
}

static bool is_list(enum s3_action a)
{
    return a == S3_ACTION_ListBucket || a == S3_ACTION_ListBucketVersions || a == S3_ACTION_ListBucketMultipartUploads;
}

/* What people write behind the bucket of a list is its prefix. */
static bool fits(struct policy_question *q, struct str bucket, struct str key, bool has_slash, struct sbuf *why)
{
    enum s3_resource kind = s3_action_resource(q->ask.action);
    const char *name = s3_action_name(q->ask.action);

    if (is_list(q->ask.action)) q->prefix = key.n ? key : STR("");
    if (kind == S3_RESOURCE_OBJECT && (!bucket.n || !key.n)) {
        sbuf_printf(why, "s3:%s is about an object; write s3://BUCKET/KEY", name);
        return false;
    }
    if (kind == S3_RESOURCE_BUCKET && (!bucket.n || ((key.n || has_slash) && !is_list(q->ask.action) && key.n))) {
        sbuf_printf(why, "s3:%s is about a bucket; write s3://BUCKET", name);
        return false;
    }
    return true;
}

static bool take_target(struct policy_question *q, const char *target, struct sbuf *why)
{
    const struct endpoint_conf *ep = settings_default_endpoint(q->settings);
    struct str rest = target ? str_from(target) : STR("s3://"), bucket, key;
    struct sbuf b = sbuf_make(q->resource, sizeof(q->resource));
    bool is_object;

    if (!str_starts(rest, STR("s3://"))) {
        sbuf_printf(why, "%s: write s3://BUCKET/KEY", target);
        return false;
    }
    rest = str_tail(rest, 5);
    bucket = str_head(rest, str_index(rest, '/'));
    key = str_tail(rest, bucket.n + 1);
    if (bucket.n && !s3_bucket_valid(bucket)) {
        sbuf_printf(why, "\"%.*s\" cannot be a bucket's name", STR_ARG(bucket));
        return false;
    }
    if (!fits(q, bucket, key, bucket.n < rest.n, why)) return false;
    is_object = s3_action_resource(q->ask.action) == S3_RESOURCE_OBJECT;
    if (s3_action_resource(q->ask.action) == S3_RESOURCE_OTHER)
        sbuf_char(&b, '*');
    else
        sbuf_printf(&b, "arn:%.*s:s3:::%.*s%s%.*s", STR_ARG(partition_name(ep ? str_from(ep->region) : STR_NONE)),
                    STR_ARG(bucket), is_object ? "/" : "", STR_ARG(is_object ? key : STR_NONE));
    if (b.overflow) sbuf_printf(why, "the key is too long");
    q->ask.resource = sbuf_str(&b);
    return !b.overflow;
}

bool policy_question_ask(struct policy_question *q, const struct settings *s, const struct policy_order *o,
                         struct sbuf *why)
{
    *q = (struct policy_question){.context = {values}, .settings = s, .now_s = o->now_s};
    snprintf(q->now_text, sizeof(q->now_text), "%" PRId64, o->now_s);
    if (!take_client(q, o, why) || !take_action(q, o->action, why) || !take_target(q, o->target, why) ||
        !take_with(q, o, why))
        return false;
    q->decision = policy_decide(q->client->terms->compiled, q->client->terms->policies_n, &q->ask, &q->context);
    return true;
}

bool policy_question_asks_address(const struct policy_question *q)
{
    const struct principal_terms *t = q->client->terms;

    for (size_t i = 0; i < t->policies_n; i++)
        for (size_t k = 0; k < policy_statements_n(t->compiled[i]); k++)
            if (str_find(policy_statement_text(t->compiled[i], k).conditions, STR("aws:SourceIp")) != SIZE_MAX)
                return true;
    return false;
}

/* --- who decided --- */

static const struct policy_conf *conf_of(const struct principal_conf *client, const struct policy_decision *d)
{
    for (size_t i = 0; i < client->terms->policies_n; i++)
        if (client->terms->compiled[i] == d->policy) return client->terms->policies[i];
    return NULL;
}

const char *policy_statement_place(const struct settings *s, const struct policy_conf *p, size_t i,
                                   char out[CONFIG_PLACE_TEXT])
{
    struct policy_statement_text text = policy_statement_text(p->compiled, i);
    struct config_place place = p->place;
    char option[64];

    if (text.line)
        place = (struct config_place){p->document, (int)text.line};
    else if (place.file && str_to_cstr(text.label, option, sizeof(option)))
        place = settings_place(s, p, option);
    if (place.file) return config_place_text(place, out);
    (void)str_to_cstr(STR("built in"), out, CONFIG_PLACE_TEXT);
    return out;
}

void policy_put_reason(const struct settings *s, const struct principal_conf *client, const struct policy_decision *d,
                       FILE *out)
{
    const struct policy_conf *p = conf_of(client, d);
    char place[CONFIG_PLACE_TEXT], names[POLICY_NAMES_TEXT];

    if (!p) {
        fprintf(out, "because no policy of the client allows it (%s)", principal_policy_names(client, names));
    } else {
        struct policy_statement_text text = policy_statement_text(p->compiled, d->statement);

        fprintf(out, "%s policy %s, statement %.*s (%s)", text.allows ? "by" : "with an explicit deny in", p->name,
                STR_ARG(text.label), policy_statement_place(s, p, d->statement, place));
    }
    if (d->warned) fputs("; let through, since its mode is warn", out);
}

json_t *policy_reason_json(const struct settings *s, const struct principal_conf *client,
                           const struct policy_decision *d)
{
    static const char *const effects[] = {
        [POLICY_DENIED] = "denied", [POLICY_ALLOWED] = "allowed", [POLICY_FORBIDDEN] = "explicitly denied"};
    const struct policy_conf *p = conf_of(client, d);
    struct policy_statement_text text = {0};
    char place[CONFIG_PLACE_TEXT];

    if (p) text = policy_statement_text(p->compiled, d->statement);
    return json_pack("{s:s, s:b, s:s?, s:o, s:s?}", "decision", effects[d->effect], "warned", d->warned, "policy",
                     p ? p->name : NULL, "statement", p ? json_stringn(text.label.p, text.label.n) : json_null(),
                     "place", p ? policy_statement_place(s, p, d->statement, place) : NULL);
}

void policy_question_reason(const struct policy_question *q, FILE *out)
{
    if (q->why_not)
        fprintf(out, "because client %s %s", q->client->name, q->why_not);
    else
        policy_put_reason(q->settings, q->client, &q->decision, out);
}

json_t *policy_question_json(const struct policy_question *q)
{
    char action[96];
    json_t *all, *why = policy_reason_json(q->settings, q->client, &q->decision);

    snprintf(action, sizeof(action), "s3:%s", s3_action_name(q->ask.action));
    all = json_pack("{s:s, s:s, s:o, s:b, s:s?}", "client", q->client->name, "action", action, "resource",
                    json_stringn(q->ask.resource.p, q->ask.resource.n), "allowed", policy_question_allowed(q),
                    "client_is", q->why_not);
    if (all) json_object_update(all, why);
    json_decref(why);
    return all;
}
