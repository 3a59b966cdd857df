/* SPDX-License-Identifier: Apache-2.0
 * decide.c: what the program itself decides of policies and raw requests, many a second, for the tests beside it. It
 * reads entries "NAME LENGTH\n", so many bytes, "\n" from stdin:
 *
 *     document:NAME, short:NAME    a policy: JSON, or lines of "option = value"
 *     client, tag:NAME, peer, tls, now    who asks, from where, "yes" inside TLS, when (seconds since the epoch)
 *     tls_version, auth_type, signed_at   where they are known: "1.3", "REST-HEADER", "20260615T120000Z"
 *     request                      a raw HTTP request: answered, and all of these forgotten
 *
 * and writes, each a line: "problem NAME LINE COLUMN TEXT" for what is wrong with a policy, "error CODE TEXT" for a
 * request that has no pairs, "pair ACTION RESOURCE EFFECT NAME STATEMENT LABEL" with resource and label in hex, and
 * "end" after each request.
 */
#include "aws/form/post_form.h"
#include "base/encode.h"
#include "policy/asked.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLICIES_MOST = 16, TAGS_MOST = 16, LIST_MOST = 64, ARENA_BYTES = 256 * 1024, ARENA_MOST = 16 * 1024 * 1024 };

struct fact {
    struct str name, value;
};

struct question {
    struct arena arena;
    struct policy *policies[POLICIES_MOST];
    size_t policies_n;
    struct fact tags[TAGS_MOST];
    size_t tags_n;
    struct str client, tls, now, tls_version, auth_type, signed_at;
    struct netaddr peer;
    bool bad;
    struct asked asked;
    struct s3_host host;
    struct headers headers;
    struct query_param *query;
};

struct problem_teller {
    struct policy_problems problems; /* the first member */
    const char *name;
};

static const struct headers no_headers;
static const char *const effects[] = {
    [POLICY_DENIED] = "refuse", [POLICY_ALLOWED] = "allow", [POLICY_FORBIDDEN] = "deny"};

static void tell_problem(struct policy_problems *p, const char *option, unsigned line, unsigned column,
                         const char *text)
{
    const struct problem_teller *t = (const struct problem_teller *)(void *)p;

    printf("problem %s %u %u %s%s%s\n", t->name, line, column, option ? option : "", option ? ": " : "", text);
}

static void put_hex(struct str s)
{
    if (!s.n) printf("-");
    for (size_t i = 0; i < s.n; i++)
        printf("%02x", (unsigned)(unsigned char)s.p[i]);
}

/* ---- policies ---- */

static struct str_list *list_of(struct question *q, struct str value)
{
    struct str_list *list = arena_zalloc(&q->arena, sizeof(*list));
    struct str item;

    list->v = arena_zalloc(&q->arena, LIST_MOST * sizeof(*list->v));
    while (list->n < LIST_MOST && str_split(&value, ',', &item))
        list->v[list->n++] = (char *)(uintptr_t)arena_dup(&q->arena, str_trim(item)).p;
    return list;
}

static void set_option(struct question *q, struct policy_rules *rules, struct str name, struct str value)
{
    if (str_eq(name, STR("access")))
        rules->access = str_eq(value, STR("admin"))        ? POLICY_ADMIN
                        : str_eq(value, STR("read-write")) ? POLICY_READ_WRITE
                                                           : POLICY_READ_ONLY;
    else if (str_eq(name, STR("buckets")))
        rules->buckets = list_of(q, value);
    else if (str_eq(name, STR("prefixes")))
        rules->prefixes = list_of(q, value);
    else if (str_eq(name, STR("deny")))
        rules->deny = list_of(q, value);
    else if (str_eq(name, STR("list_buckets")))
        rules->list_buckets = str_eq(value, STR("yes"));
}

/* As config makes rules of a section. */
static void read_short(struct question *q, struct policy_rules *rules, struct str text)
{
    static const struct str_list none;
    struct str line, name;

    rules->buckets = &none;
    rules->list_buckets = str_find(text, STR("buckets")) == SIZE_MAX && str_find(text, STR("prefixes")) == SIZE_MAX;
    while (str_split(&text, '\n', &line))
        if (str_split(&line, '=', &name)) set_option(q, rules, str_trim(name), str_trim(line));
}

static void add_policy(struct question *q, struct str name, struct str text, bool is_document)
{
    struct policy_rules rules = {.name = name.p};
    struct problem_teller teller = {.problems = {.tell = tell_problem}, .name = name.p};

    if (is_document)
        rules.document = text;
    else
        read_short(q, &rules, text);
    if (q->policies_n == POLICIES_MOST) abort();
    q->policies[q->policies_n] = policy_compile(&rules, &teller.problems);
    if (q->policies[q->policies_n])
        q->policies_n++;
    else
        q->bad = true;
}

/* ---- requests: what the steps before the policy do ---- */

static struct str find_tag(const void *who, struct str name)
{
    const struct question *q = who;

    for (size_t i = 0; i < q->tags_n; i++)
        if (str_eq_nocase(q->tags[i].name, name)) return q->tags[i].value;
    return STR_NONE;
}

static enum err_code find_target(struct question *q, const struct uri *uri, enum http_method method, struct err *err)
{
    struct asked *a = &q->asked;
    struct sbuf path = arena_sbuf(&q->arena, uri->path.n + 1);
    enum operation_level level;

    if (!uri_decode(uri->path, true, path.p, &path.n)) return err_set(err, ERR_BAD_REQUEST, 0, "path");
    a->bucket = q->host.prefix;
    if (q->host.prefix.n)
        a->key = str_tail(sbuf_str(&path), 1);
    else
        s3_path_split(sbuf_str(&path), &a->bucket, &a->key);
    level = a->key.n ? LEVEL_OBJECT : a->bucket.n ? LEVEL_BUCKET : LEVEL_SERVICE;
    a->operation = s3_host_has_bucket(&q->host) ? operation_find(method, level, a->query, a->query_n, &q->headers)
                                                : operation_of_service(q->host.service, method, sbuf_str(&path));
    if (!s3_host_has_bucket(&q->host)) a->bucket = a->key = STR_NONE;
    return ERR_NONE;
}

static struct str host_of(struct question *q, const struct uri *uri, const struct head_request *head)
{
    struct str host = STR_NONE;
    unsigned port;
    char *lower;

    if (!uri_split_authority(uri->form == URI_ABSOLUTE ? uri->authority : head->host, &host, &port)) return STR_NONE;
    lower = arena_alloc(&q->arena, host.n + 1);
    for (size_t i = 0; i < host.n; i++)
        lower[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] + 'a' - 'A' : host.p[i]);
    return str_make(lower, host.n);
}

/* A browser's form, as the PutObject that it becomes. */
static enum err_code read_form(struct question *q, struct str content_type, struct str body, struct err *err)
{
    struct post_form *form = arena_zalloc(&q->arena, sizeof(*form));
    struct headers *fields = arena_zalloc(&q->arena, sizeof(*fields));
    struct str boundary;
    size_t used;

    TRY(post_form_boundary(content_type, &boundary, err));
    post_form_init(form, boundary);
    if (post_form_read(form, body, true, &used, &q->arena, err) != FORM_FILE) return err->code;
    TRY(post_form_key(form, &q->asked.key, err));
    fields->v = arena_zalloc(&q->arena, form->fields_n * sizeof(*fields->v));
    for (size_t i = 0; i < form->fields_n; i++) {
        struct header *h = &fields->v[fields->n];

        TRY(post_form_header(form, i, &q->arena, h, err));
        h->id = header_id_of(h->name);
        if (h->name.n) fields->n++;
    }
    q->asked.fields = fields;
    return ERR_NONE;
}

static bool is_presigned(const struct query_param *query, size_t n)
{
    return query_find(query, n, STR("X-Amz-Signature")) != NULL;
}

static enum err_code read_request(struct question *q, struct str raw, struct str *body, struct err *err)
{
    struct head_scan scan = {0};
    struct head_request *head = arena_zalloc(&q->arena, sizeof(*head));
    size_t skip = 0, n = 0;
    const struct header *type;
    struct uri uri;

    if (head_scan(&scan, raw.p, raw.n, &skip, &n, err) != HEAD_COMPLETE) return err->code ? err->code : ERR_BAD_REQUEST;
    *body = str_tail(raw, skip + n);
    raw = str_make(raw.p + skip, n);
    TRY(head_parse_request(raw, arena_zalloc(&q->arena, head_fields(raw) * sizeof(struct header)), head, err));
    TRY(uri_split(head->target, false, &uri, err));
    TRY(s3_host_parse(host_of(q, &uri, head), &q->host, err));
    q->headers = head->headers;
    q->query = arena_zalloc(&q->arena, (uri.query.n + 1) * sizeof(*q->query));
    q->asked = (struct asked){.arena = &q->arena,
                              .host = &q->host,
                              .region = STR("ap-northeast-1"),
                              .fields = &q->headers,
                              .set = &no_headers,
                              .query = q->query,
                              .query_n = query_split(uri.query, q->query, uri.query.n + 1),
                              .plus_is_space = true,
                              .client = q->client,
                              .peer = &q->peer,
                              .tls = str_eq(q->tls, STR("yes")),
                              .tls_version = q->tls_version,
                              .auth_type = q->auth_type,
                              .signed_at = q->signed_at,
                              .now_ms = atoll(q->now.p) * 1000,
                              .tag = find_tag,
                              .who = q};
    q->asked.query_has_fields = is_presigned(q->query, q->asked.query_n);
    TRY(find_target(q, &uri, head->method_id, err));
    type = headers_find(&q->headers, HDR_CONTENT_TYPE);
    if (strcmp(q->asked.operation->name, "PostObject") == 0)
        return read_form(q, type ? type->value : STR_NONE, *body, err);
    return ERR_NONE;
}

/* ---- decisions ---- */

static bool tell_pair(void *data, const struct asked *a, const struct policy_ask *ask)
{
    struct question *q = data;
    struct policy_decision d =
        policy_decide((const struct policy *const *)q->policies, q->policies_n, ask, &a->context);
    bool named = d.policy && d.effect != POLICY_DENIED;

    printf("pair %s ", s3_action_name(ask->action));
    put_hex(ask->resource);
    printf(" %s %s %zu ", effects[d.effect], named ? policy_name(d.policy) : "-", named ? d.statement : 0);
    put_hex(named ? policy_statement_text(d.policy, d.statement).label : STR_NONE);
    printf("\n");
    return true;
}

static enum err_code decide(struct question *q, struct str raw, struct err *err)
{
    struct str body;

    TRY(read_request(q, raw, &body, err));
    TRY(asked_begin(&q->asked, err));
    TRY(asked_head(&q->asked, tell_pair, q, err));
    if (asked_needs_body(q->asked.operation)) TRY(asked_body(&q->asked, body, tell_pair, q, err));
    return ERR_NONE;
}

static void answer(struct question *q, struct str raw)
{
    struct err err = {0};

    if (!q->bad && decide(q, raw, &err) != ERR_NONE) printf("error %s %s\n", err_info(err.code)->s3_code, err.detail);
    printf("end\n");
    fflush(stdout);
    for (size_t i = 0; i < q->policies_n; i++)
        policy_free(&q->policies[i]);
    arena_clear(&q->arena);
    memset(q, 0, sizeof(*q));
    arena_init(&q->arena, ARENA_BYTES, ARENA_MOST);
}

/* NULL: it is none of them. */
static struct str *fact_of(struct question *q, struct str name)
{
    const struct {
        struct str name, *fact;
    } facts[] = {{STR("client"), &q->client},
                 {STR("tls"), &q->tls},
                 {STR("now"), &q->now},
                 {STR("tls_version"), &q->tls_version},
                 {STR("auth_type"), &q->auth_type},
                 {STR("signed_at"), &q->signed_at}};

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        if (str_eq(name, facts[i].name)) return facts[i].fact;
    return NULL;
}

static void take(struct question *q, struct str name, struct str value)
{
    struct str kind, *fact = fact_of(q, name);

    if (str_eq(name, STR("request")))
        answer(q, value);
    else if (fact)
        *fact = value;
    else if (str_eq(name, STR("peer")))
        q->bad |= !netaddr_parse(value, 0, &q->peer);
    else if (str_split(&name, ':', &kind) && str_eq(kind, STR("tag")) && q->tags_n < TAGS_MOST)
        q->tags[q->tags_n++] = (struct fact){name, value};
    else
        add_policy(q, name, value, str_eq(kind, STR("document")));
}

int main(void)
{
    static struct question q;
    char name[256];
    size_t length;

    arena_init(&q.arena, ARENA_BYTES, ARENA_MOST);
    while (scanf("%255s %zu", name, &length) == 2) {
        char *value = arena_alloc(&q.arena, length + 1);

        if (!value || getchar() != '\n' || fread(value, 1, length, stdin) != length || getchar() != '\n') return 2;
        value[length] = '\0';
        take(&q, arena_dup(&q.arena, str_from(name)), str_make(value, length));
    }
    return ferror(stdin) ? 2 : 0;
}
