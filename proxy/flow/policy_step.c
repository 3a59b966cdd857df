/* SPDX-License-Identifier: Apache-2.0
 * policy_step.c: the step check_policy: all that a request asks for (policy/asked.h) must be allowed by the caller's
 * policies. It is judged as it goes out: a body that counts is held whole, judged, and sent from where it stands.
 *
 * DeleteObjects is refused as a whole if one of its keys is: what is sent on was signed and summed up by the client,
 * and half a deletion that reports success is what nobody looks at.
 */
#include "flow/policy.h"

#include "base/log.h"
#include "body/relay.h"
#include "flow/body/form.h"
#include "flow/router.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "policy/properties.h"
#include "require.h"

/* --- what is told --- */

/* "policy P, statement S", or all policies, of which none allows it. */
static void name_policy(const struct request *req, char out[POLICY_NAMES_TEXT + 64])
{
    const struct policy_decision *d = &req->policy.decision;
    char names[POLICY_NAMES_TEXT];

    if (d->policy)
        snprintf(out, POLICY_NAMES_TEXT + 64, "policy %s, statement %.*s", policy_name(d->policy),
                 STR_ARG(str_head(policy_statement_text(d->policy, d->statement).label, 64)));
    else
        snprintf(out, POLICY_NAMES_TEXT + 64, "policy %s", principal_policy_names(req->who.caller, names));
}

/* In the words of AWS (IAM User Guide, "Troubleshoot access denied error messages"): who, what, where, why. Which
 * policy it was is for the log. */
static enum step_result deny(struct request *req)
{
    const struct policy_ask *ask = &req->policy.ask;
    bool everywhere = str_eq(ask->resource, STR("*"));
    char by[POLICY_NAMES_TEXT + 64];

    name_policy(req, by);
    request_tell(req, "Client %s%s is not authorized to perform s3:%s%s%.*s %s", req->who.caller->name,
                 req->who.auth == AUTH_ANONYMOUS ? ", which stands for unsigned requests," : "",
                 s3_action_name(ask->action), everywhere ? "" : " on ",
                 STR_ARG(everywhere ? STR_NONE : str_head(ask->resource, 1400)),
                 req->policy.decision.effect == POLICY_FORBIDDEN ? "with an explicit deny in a policy of this proxy"
                                                                 : "because no policy of this proxy allows it");
    return request_fail(req, ERR_POLICY_DENIED, "%s: %.*s", by, STR_ARG(req->told));
}

/* mode = warn: what would have been refused goes on. */
static void warn(struct request *req)
{
    char ctx[256], by[POLICY_NAMES_TEXT + 64];

    if (!req->policy.decision.warned) return;
    name_policy(req, by);
    LOG_CTX(LOG_INFO, request_log_ctx(req, ctx, sizeof(ctx)), "%s, in mode warn, would refuse s3:%s on %.*s", by,
            s3_action_name(req->policy.ask.action), STR_ARG(str_head(req->policy.ask.resource, 256)));
}

/* --- the request as it goes out --- */

/* Of a form: what PutObject gets. */
static enum err_code add_form_fields(struct request *req, struct headers *out)
{
    static const char *const kept[] = {"referer", "user-agent"};

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct header *h = headers_find_name(&req->in.head->headers, str_from(kept[i]));

        if (h) out->v[out->n++] = *h;
    }
    for (size_t i = 0; i < req->who.form->parsed.fields_n; i++) {
        TRY(post_form_header(&req->who.form->parsed, i, &req->arena, &out->v[out->n], &req->err));
        out->n += out->v[out->n].name.n > 0;
    }
    return ERR_NONE;
}

static const struct headers *fields_of(struct request *req)
{
    struct headers *form;

    if (!req->who.form) return &req->in.head->headers;
    form = arena_zalloc(&req->arena, sizeof(*form));
    if (form) form->v = arena_alloc(&req->arena, (req->who.form->parsed.fields_n + 2) * sizeof(*form->v));
    if (!form || !form->v) {
        err_set(&req->err, ERR_NO_MEMORY, 0, "form");
        return NULL;
    }
    return add_form_fields(req, form) == ERR_NONE ? form : NULL;
}

/* What policies put in place of the client's own (require.c). */
static const struct headers *set_of(struct request *req)
{
    static const struct headers none = {NULL, 0};
    const struct property_values *values = req->out.properties;
    struct headers *set;

    if (!values) return &none;
    set = arena_zalloc(&req->arena, sizeof(*set));
    if (set) set->v = arena_alloc(&req->arena, PROPERTY_FIELDS_N * sizeof(*set->v));
    if (!set || !set->v) {
        err_set(&req->err, ERR_NO_MEMORY, 0, "properties");
        return NULL;
    }
    for (size_t f = 0; f < PROPERTY_FIELDS_N; f++)
        if (values->changed[f])
            set->v[set->n++] = (struct header){property_field_name((enum property_field)f),
                                               values->there[f] ? values->v[f] : STR_NONE, HDR_OTHER};
    return set;
}

static struct str tag_of(const void *who, struct str name)
{
    struct str value = principal_tag(who, name);

    return value.n ? value : STR_NONE;
}

static struct str auth_type_of(enum auth_kind auth)
{
    switch (auth) {
    case AUTH_SIGV4_HEADER:
    case AUTH_SIGV2_HEADER: return STR("REST-HEADER");
    case AUTH_SIGV4_QUERY:
    case AUTH_SIGV2_QUERY: return STR("REST-QUERY-STRING");
    case AUTH_FORM: return STR("POST");
    default: return STR_NONE;
    }
}

static struct str signature_of(const struct request *req)
{
    bool v4_form = req->who.form && req->who.form->auth.kind == FORM_SIGV4;

    switch (req->who.auth) {
    case AUTH_SIGV4_HEADER:
    case AUTH_SIGV4_QUERY: return STR("AWS4-HMAC-SHA256");
    case AUTH_SIGV2_HEADER:
    case AUTH_SIGV2_QUERY: return STR("AWS");
    case AUTH_FORM: return v4_form ? STR("AWS4-HMAC-SHA256") : STR("AWS");
    default: return STR_NONE;
    }
}

static struct str signed_at(const struct request *req)
{
    const struct headers *all = &req->in.head->headers;
    const struct header *h = headers_find(all, HDR_X_AMZ_DATE);
    const struct query_param *q;

    switch (req->who.auth) {
    case AUTH_SIGV4_HEADER:
    case AUTH_SIGV2_HEADER:
        if (!h) h = headers_find(all, HDR_DATE);
        return h ? h->value : STR_NONE;
    case AUTH_SIGV4_QUERY:
        q = query_find(req->in.query, req->in.query_n, STR("X-Amz-Date"));
        return q ? q->value : STR_NONE;
    case AUTH_FORM: return req->who.form->auth.timestamp;
    default: return STR_NONE;
    }
}

static void fill(struct request *req, struct asked *a)
{
    const struct endpoint_conf *ep = router_endpoint(req);
    const struct session *c = req->session;
    bool in_query = req->who.auth == AUTH_SIGV4_QUERY || req->who.auth == AUTH_SIGV2_QUERY;

    a->arena = &req->arena;
    a->operation = req->in.operation;
    a->host = &req->in.s3;
    a->region = ep ? str_from(ep->region) : STR_NONE;
    a->bucket = req->in.bucket;
    a->key = req->in.key;
    a->query = req->in.query;
    a->query_n = req->in.query_n;
    a->plus_is_space = req->who.plus_is_space;
    a->query_has_fields = in_query;
    a->client = str_from(req->who.caller->name);
    a->peer = c->peer.len ? &c->peer : NULL;
    a->tls = c->tls;
    a->tls_version = c->tls ? conn_tls_version(&c->conn) : STR_NONE;
    a->auth_type = auth_type_of(req->who.auth);
    a->signature_version = signature_of(req);
    a->signed_at = signed_at(req);
    a->content_sha256 = req->who.payload_hash;
    a->now_ms = req->started_wall_us / 1000;
    a->tag = tag_of;
    a->who = req->who.caller;
}

/* --- the decision --- */

/* Keeps what is told of the decision; resources may change behind the caller's back. */
static bool keep(struct request *req, const struct policy_ask *ask, const struct policy_decision *d)
{
    req->policy.judged = true;
    req->policy.ask = (struct policy_ask){ask->action, arena_dup(&req->arena, ask->resource)};
    req->policy.decision = *d;
    return req->policy.ask.resource.p;
}

static bool judge(void *data, const struct asked *a, const struct policy_ask *ask)
{
    struct request *req = data;
    const struct principal_terms *t = req->who.caller->terms;
    struct policy_decision d = policy_decide(t->compiled, t->policies_n, ask, &a->context);
    bool allowed = policy_lets_through(&d);

    if (!allowed || !req->policy.judged || (d.warned && !req->policy.decision.warned))
        if (!keep(req, ask, &d)) req->policy.asked->failed = true;
    return allowed && !a->failed;
}

static enum step_result conclude(struct request *req, enum err_code code)
{
    const struct policy_decision *d = &req->policy.decision;

    if (code != ERR_NONE) return STEP_FAIL;
    if (req->policy.asked->failed) return request_fail(req, ERR_NO_MEMORY, "policy");
    if (req->policy.judged && !policy_lets_through(d)) return deny(req);
    warn(req);
    return STEP_NEXT;
}

enum step_result step_check_policy(struct request *req)
{
    enum err_code code;

    if (!req->who.caller) return STEP_NEXT; /* S3 knows whose it is and what they may do, or it is a preflight */
    if (require_set(req) != STEP_NEXT) return STEP_FAIL;
    req->policy.judged = req->policy.body_judged = false;
    req->policy.asked = arena_zalloc(&req->arena, sizeof(*req->policy.asked));
    if (!req->policy.asked) return request_fail(req, ERR_NO_MEMORY, "policy");
    fill(req, req->policy.asked);
    req->policy.asked->fields = fields_of(req);
    req->policy.asked->set = set_of(req);
    if (!req->policy.asked->fields || !req->policy.asked->set) return STEP_FAIL;
    code = asked_begin(req->policy.asked, &req->err);
    if (code == ERR_NONE) code = asked_head(req->policy.asked, judge, req, &req->err);
    return conclude(req, code) == STEP_NEXT ? require_check(req) : STEP_FAIL;
}

enum step_result policy_judge_move(struct request *req)
{
    return req->policy.asked ? step_check_policy(req) : STEP_NEXT;
}

/* --- bodies --- */

bool policy_needs_body(const struct request *req)
{
    return req->policy.asked && asked_needs_body(req->in.operation);
}

/* Room for all of it. S3 takes none of these bodies without a length either. */
static enum step_result make_room(struct request *req)
{
    struct buf *b = &req->session->in;

    if (req->in.body.done || b->large) return STEP_NEXT;
    if (req->in.head->body == BODY_CHUNKED)
        return request_fail(req, ERR_LENGTH_REQUIRED, "%s without Content-Length", req->in.operation->name);
    if (req->in.head->content_length > ASKED_BODY_MOST)
        return request_fail(req, ERR_BODY_TOO_LARGE, "Your request was too big: the body of %s may have %d bytes.",
                            req->in.operation->name, (int)ASKED_BODY_MOST);
    if (req->in.body.plain || req->in.body.left <= BUF_BYTES) return STEP_NEXT;
    if (buf_enlarge(b, &req->worker->loop.bufs, req->in.body.left)) return STEP_NEXT;
    return request_fail(req, ERR_NO_MEMORY, "too many large bodies are held to be judged");
}

enum step_result policy_judge_body(struct request *req)
{
    const struct buf *b = &req->session->in;
    enum step_result r;

    if (req->policy.body_judged) return STEP_NEXT;
    r = make_room(req);
    if (r == STEP_NEXT) r = relay_take_whole_body(req);
    if (r != STEP_NEXT) return r;
    req->policy.body_judged = true;
    return conclude(req, asked_body(req->policy.asked, b->mem ? buf_plain(b) : STR_NONE, judge, req, &req->err));
}

/* --- of copies --- */

/* x-amz-copy-source: [/]bucket/key[?versionId=…], percent-encoded; or an access point ARN, whose bucket we cannot know.
 */
enum step_result policy_copy_bucket(struct request *req, struct str value, struct str *bucket)
{
    struct sbuf b = arena_sbuf(&req->arena, value.n + 1);
    struct str decoded;

    if (!b.cap) return request_fail(req, ERR_NO_MEMORY, "copy source");
    if (!uri_decode(value, false, b.p, &b.n))
        return request_fail(req, ERR_BAD_URI, "bad percent escape in x-amz-copy-source");
    decoded = sbuf_str(&b);
    if (decoded.n && decoded.p[0] == '/') decoded = str_tail(decoded, 1);
    *bucket = str_head(decoded, str_index(decoded, '/'));
    return STEP_NEXT;
}
