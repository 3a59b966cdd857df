/* SPDX-License-Identifier: Apache-2.0
 * record.c: see record.h. What a client wrote is cut, so that a line always fits into SINK_LINE_MAX.
 */
#include "flow/record.h"

#include "flow/admit.h"
#include "flow/audit.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/worker.h"
#include "http/traceparent.h"
#include "policy/policy.h"
#include "policy/properties.h"

enum {
    NAME_MOST = 255,
    KEY_MOST = 3072,
    SOURCE_MOST = 2048,
    AGENT_MOST = 512,
    METHOD_MOST = 32,
    ID_MOST = 128,
    LABEL_MOST = 64,
    RESOURCE_MOST = 1400,
    GROUPS_MOST = 512
};
/* Of an audit line: field names, numbers, addresses, names out of the configuration, each of up to 64 bytes. */
enum { AUDIT_FRAME = 3072 + GROUPS_MOST, ESCAPED = 6 /* what one byte takes at most */ };

struct record_line {
    struct sbuf *b;
    enum record_format format;
    bool json;
};

/* ------------------------------------------------------------------- values */

static void put(struct record_line *l, struct str value)
{
    if (l->json)
        log_json_string(l->b, value);
    else
        log_text_value(l->b, value);
}

static void put_text(struct record_line *l, const char *value)
{
    put(l, str_from(value));
}

static void put_address(struct record_line *l, const struct netaddr *address)
{
    char text[NETADDR_TEXT];

    netaddr_format(address, text);
    put_text(l, text);
}

/* Milliseconds with three decimals. */
static void put_ms(struct record_line *l, int64_t us)
{
    uint64_t t = us > 0 ? (uint64_t)us : 0;

    sbuf_u64(l->b, t / 1000);
    sbuf_char(l->b, '.');
    sbuf_digits(l->b, (unsigned)(t % 1000), 3);
}

static struct str value_of(const struct header *h)
{
    return h ? h->value : STR_NONE;
}

static struct str asked_field(const struct request *req, enum header_id id)
{
    return value_of(req->in.head ? headers_find(&req->in.head->headers, id) : NULL);
}

/* ------------------------------------------------------------------- who and what */

static void write_time(struct record_line *l, const struct request *req)
{
    if (l->json) sbuf_char(l->b, '"');
    log_time(l->b, req->started_wall_us);
    if (l->json) sbuf_char(l->b, '"');
}

static void write_type(struct record_line *l, const struct request *req UNUSED)
{
    put(l, l->format == RECORD_AUDIT ? STR("audit") : STR("access"));
}

bool record_is_refused(const struct request *req)
{
    const struct err_info *end = err_info(req->err.code);

    if (req->err.code == ERR_NONE || end->blame != BLAME_CLIENT) return false;
    if (end->http_status == 403 || end->http_status == 407) return true;
    return req->failed_at < STEP_send && req->err.code != ERR_CLIENT_GONE && req->err.code != ERR_CLIENT_TIMEOUT;
}

static void write_event(struct record_line *l, const struct request *req)
{
    bool password = req->err.code == ERR_PROXY_AUTH && req->who.user_tried.n;

    put_text(l, password ? "password" : record_is_refused(req) ? "refused" : "request");
}

static void write_run(struct record_line *l, const struct request *req)
{
    put_text(l, req->worker->proxy->audit.run);
}

static void write_thread(struct record_line *l, const struct request *req)
{
    sbuf_printf(l->b, "\"worker %zu\"", req->worker->index);
}

static void write_seq(struct record_line *l, const struct request *req)
{
    sbuf_u64(l->b, req->worker->audit_seq);
}

static void write_req(struct record_line *l, const struct request *req)
{
    put_text(l, req->id);
}

static void write_listener(struct record_line *l, const struct request *req)
{
    put_text(l, req->session->listener->name);
}

static void write_peer(struct record_line *l, const struct request *req)
{
    put_address(l, &req->session->peer);
}

static bool is_redirected(const struct request *req)
{
    return req->session->listener->mode == LISTENER_REDIRECT;
}

static void write_original(struct record_line *l, const struct request *req)
{
    put_address(l, &req->session->original);
}

static void write_client(struct record_line *l, const struct request *req)
{
    put_text(l, req->who.caller ? req->who.caller->name : NULL);
}

static void write_user(struct record_line *l, const struct request *req)
{
    put(l, req->who.user_tried.n ? req->who.user_tried : str_from(req->who.user ? req->who.user->name : NULL));
}

/* How the caller was proven. */
static void write_auth(struct record_line *l, const struct request *req)
{
    static const char *const auth[] = {[AUTH_NONE] = "",
                                       [AUTH_ANONYMOUS] = "anonymous",
                                       [AUTH_SIGV4_HEADER] = "sigv4",
                                       [AUTH_SIGV4_QUERY] = "sigv4-query",
                                       [AUTH_SIGV2_HEADER] = "sigv2",
                                       [AUTH_SIGV2_QUERY] = "sigv2-query",
                                       [AUTH_FORM] = "form",
                                       [AUTH_FOREIGN] = "foreign",
                                       [AUTH_PASSWORD] = "password",
                                       [AUTH_CERTIFICATE] = "certificate",
                                       [AUTH_PREFLIGHT] = "preflight"};

    put_text(l, auth[req->who.auth]);
}

static bool has_certificate(const struct request *req)
{
    return req->session->certificate;
}

static void write_certificate(struct record_line *l, const struct request *req)
{
    put(l, str_head(str_from(req->session->certificate), NAME_MOST));
}

/* What the signature says of the body. */
static void write_payload(struct record_line *l, const struct request *req)
{
    static const char *const payload[] = {
        [PAYLOAD_HASH] = "hash",
        [PAYLOAD_UNSIGNED] = "unsigned",
        [PAYLOAD_UNSIGNED_TRAILER] = "unsigned-trailer",
        [PAYLOAD_SIGNED_CHUNKS] = "signed-chunks",
        [PAYLOAD_SIGNED_TRAILER] = "signed-trailer",
        [PAYLOAD_ECDSA] = "ecdsa",
        [PAYLOAD_INVALID] = "invalid",
    };

    put_text(l, req->who.auth != AUTH_NONE && req->who.caller ? payload[req->who.payload] : NULL);
}

static void write_method(struct record_line *l, const struct request *req)
{
    put(l, str_head(req->in.head ? req->in.head->method : req->in.seen.method, METHOD_MOST));
}

static void write_operation(struct record_line *l, const struct request *req)
{
    put_text(l, req->in.operation                          ? req->in.operation->name
                : req->tunnel                              ? "tunnel"
                : request_method_id(req) == METHOD_CONNECT ? "CONNECT"
                                                           : NULL);
}

static void write_host(struct record_line *l, const struct request *req)
{
    put(l, str_head(request_asked_host(req), NAME_MOST));
}

static void write_bucket(struct record_line *l, const struct request *req)
{
    put(l, str_head(req->in.bucket, NAME_MOST));
}

static void write_key(struct record_line *l, const struct request *req)
{
    put(l, str_head(req->in.key, KEY_MOST));
}

/* ------------------------------------------------------------------- what came of it */

static void write_status(struct record_line *l, const struct request *req)
{
    sbuf_u64(l->b, req->reply.status);
}

uint64_t record_bytes_in(const struct request *req)
{
    return req->tunnel ? req->tunnel->out.bytes : req->in.body.plain;
}

uint64_t record_bytes_out(const struct request *req)
{
    return req->tunnel ? req->tunnel->back.bytes : req->relay.answer_bytes;
}

static void write_bytes_in(struct record_line *l, const struct request *req)
{
    sbuf_u64(l->b, record_bytes_in(req));
}

static void write_bytes_hashed(struct record_line *l, const struct request *req)
{
    bool sealed = req->out.kind == OUT_SIGNED || req->out.kind == OUT_SIGNED_TRAILER;

    sbuf_u64(l->b,
             req->out.hashed + (req->out.chunked ? req->out.chunked->hashed : 0) + (sealed ? req->relay.body_sent : 0));
}

static void write_bytes_out(struct record_line *l, const struct request *req)
{
    sbuf_u64(l->b, record_bytes_out(req));
}

static void write_endpoint(struct record_line *l, const struct request *req)
{
    put_text(l, !req->retry.address[0]            ? NULL
                : req->tunnel && req->tunnel->via ? req->tunnel->via->name
                : req->route.endpoint             ? req->route.endpoint->name
                                                  : NULL);
}

static void write_credentials(struct record_line *l, const struct request *req)
{
    put_text(l, req->out.lease.keys ? req->route.credentials->name : NULL);
}

static void write_address(struct record_line *l, const struct request *req)
{
    put_text(l, req->retry.address);
}

static void write_attempts(struct record_line *l, const struct request *req)
{
    sbuf_u64(l->b, req->retry.attempts);
}

static void write_retries(struct record_line *l, const struct request *req)
{
    sbuf_u64(l->b, req->retry.retries);
}

static void write_retry_reasons(struct record_line *l, const struct request *req)
{
    put_text(l, req->retry.reasons);
}

static void write_region_from(struct record_line *l, const struct request *req)
{
    put(l, req->route.region_from);
}

static void write_connect_ms(struct record_line *l, const struct request *req)
{
    put_ms(l, req->retry.connected_us ? req->retry.connected_us - req->retry.attempt_us : 0);
}

static void write_first_byte_ms(struct record_line *l, const struct request *req)
{
    put_ms(l, req->relay.first_byte_us ? req->relay.first_byte_us - req->started_us : 0);
}

static void write_total_ms(struct record_line *l, const struct request *req)
{
    put_ms(l, req->reply.ended_us - req->started_us);
}

static void write_s3_request_id(struct record_line *l, const struct request *req)
{
    const struct head_response *answer = req->relay.answer;

    put(l, str_head(value_of(answer ? headers_find(&answer->headers, HDR_X_AMZ_REQUEST_ID) : NULL), ID_MOST));
}

static void write_s3_error(struct record_line *l, const struct request *req)
{
    put(l, req->relay.s3_error);
}

static void write_end(struct record_line *l, const struct request *req)
{
    put_text(l, err_info(req->err.code)->word);
}

static void write_step(struct record_line *l, const struct request *req)
{
    put_text(l, request_step_name(req->err.code != ERR_NONE ? req->failed_at : STEP_finish));
}

static bool is_tunnel(const struct request *req)
{
    return req->tunnel;
}

/* A client whose socket does not take bytes any more may be noticed outside the tunnel's own step. */
static void write_ended_by(struct record_line *l, const struct request *req)
{
    const char *who = req->tunnel->ended_by;

    put_text(l, !who && req->err.code == ERR_CLIENT_GONE ? "client" : who);
}

static bool has_detail(const struct request *req)
{
    return req->err.code != ERR_NONE && req->err.detail[0];
}

static void write_detail(struct record_line *l, const struct request *req)
{
    put_text(l, req->err.detail);
}

static void write_connection(struct record_line *l, const struct request *req)
{
    put_text(l, req->session->id);
}

static void write_user_agent(struct record_line *l, const struct request *req)
{
    put(l, str_head(asked_field(req, HDR_USER_AGENT), AGENT_MOST));
}

/* What S3 answers says it best. */
struct str record_version(const struct request *req)
{
    const struct head_response *answer = req->relay.answer;
    struct str made = value_of(answer ? headers_find_name(&answer->headers, STR("x-amz-version-id")) : NULL);
    const struct query_param *asked =
        !made.n && req->in.query ? query_find(req->in.query, req->in.query_n, STR("versionId")) : NULL;

    return str_head(asked ? asked->value : made, NAME_MOST);
}

static bool has_version(const struct request *req)
{
    return record_version(req).n > 0;
}

static void write_version_id(struct record_line *l, const struct request *req)
{
    put(l, record_version(req));
}

static bool is_copy(const struct request *req)
{
    return asked_field(req, HDR_X_AMZ_COPY_SOURCE).n > 0;
}

static void write_copy_source(struct record_line *l, const struct request *req)
{
    char mem[2 * SOURCE_MOST + RECORD_REDACTED];

    put(l, record_redact(str_head(asked_field(req, HDR_X_AMZ_COPY_SOURCE), SOURCE_MOST), mem));
}

/* Values that must be in no line: whoever has the first two may use a URL until it expires. */
static bool is_secret(struct str name)
{
    static const struct str secret[] = {STR_INIT("X-Amz-Signature"),  STR_INIT("X-Amz-Security-Token"),
                                        STR_INIT("X-Amz-Credential"), STR_INIT("X-Amz-S3session-Token"),
                                        STR_INIT("Signature"),        STR_INIT("AWSAccessKeyId")};

    for (size_t i = 0; i < ARRAY_LEN(secret); i++)
        if (uri_decode_alike(name, secret[i])) return true;
    return false;
}

struct str record_redact(struct str text, char *mem)
{
    struct sbuf b = sbuf_make(mem, 2 * text.n + RECORD_REDACTED);
    struct str rest = text;
    bool found = false;

    while (rest.n) {
        size_t n = 0;

        while (n < rest.n && !strchr("?&;# ", rest.p[n]))
            n++;
        struct str item = str_head(rest, n), name = str_head(item, str_index(item, '='));

        if (name.n < item.n && is_secret(name)) {
            found = true;
            sbuf_add(&b, name);
            sbuf_add(&b, STR("=REDACTED"));
        } else {
            sbuf_add(&b, item);
        }
        if (n < rest.n) sbuf_char(&b, rest.p[n]);
        rest = str_tail(rest, n < rest.n ? n + 1 : n);
    }
    return found ? sbuf_str(&b) : text;
}

static struct str trace_of(const struct request *req)
{
    if (req->out.trace.n) return req->out.trace;
    return req->in.head ? str_head(traceparent_of(&req->in.head->headers), TRACEPARENT_BYTES) : STR_NONE;
}

static bool has_trace(const struct request *req)
{
    return trace_of(req).n > 0;
}

static void write_trace(struct record_line *l, const struct request *req)
{
    put(l, trace_of(req));
}

/* ------------------------------------------------------------------- what policies say */

static bool is_judged(const struct request *req)
{
    return req->policy.judged;
}

static enum stats_decision decision_of(const struct request *req)
{
    static const enum stats_decision decisions[] = {[POLICY_DENIED] = STATS_DECISION_DENIED,
                                                    [POLICY_ALLOWED] = STATS_DECISION_ALLOWED,
                                                    [POLICY_FORBIDDEN] = STATS_DECISION_FORBIDDEN};
    const struct policy_decision *d = &req->policy.decision;

    return d->warned ? STATS_DECISION_WARNED : decisions[d->effect];
}

static void write_decision(struct record_line *l, const struct request *req)
{
    put_text(l, stats_decision_word(decision_of(req)));
}

static void write_action(struct record_line *l, const struct request *req)
{
    char text[128];
    struct sbuf b = sbuf_make(text, sizeof(text));

    sbuf_add(&b, STR("s3:"));
    sbuf_add(&b, str_from(s3_action_name(req->policy.ask.action)));
    put(l, sbuf_str(&b));
}

static bool is_denied(const struct request *req)
{
    return req->policy.judged && req->err.code == ERR_POLICY_DENIED;
}

static void write_resource(struct record_line *l, const struct request *req)
{
    put(l, str_head(req->policy.ask.resource, RESOURCE_MOST));
}

static void write_policy(struct record_line *l, const struct request *req)
{
    const struct policy *p = req->policy.decision.policy;

    put(l, str_head(str_from(p ? policy_name(p) : NULL), LABEL_MOST));
}

static void write_statement(struct record_line *l, const struct request *req)
{
    const struct policy_decision *d = &req->policy.decision;

    put(l, d->policy ? str_head(policy_statement_text(d->policy, d->statement).label, LABEL_MOST) : STR_NONE);
}

static bool is_set(const struct request *req)
{
    const struct property_values *values = req->out.properties;

    for (size_t f = 0; values && f < PROPERTY_FIELDS_N; f++)
        if (values->changed[f]) return true;
    return false;
}

static void write_set(struct record_line *l, const struct request *req)
{
    char text[512];
    struct sbuf b = sbuf_make(text, sizeof(text));

    for (size_t f = 0; f < PROPERTY_FIELDS_N; f++) {
        if (!req->out.properties->changed[f]) continue;
        if (b.n) sbuf_char(&b, ',');
        sbuf_add(&b, property_field_name((enum property_field)f));
    }
    put(l, sbuf_str(&b));
}

static const struct group_list *groups_of(const struct request *req)
{
    const struct principal_conf *who = req->who.caller ? req->who.caller : req->who.user;

    return who ? &who->terms->groups : NULL;
}

static bool has_groups(const struct request *req)
{
    const struct group_list *groups = groups_of(req);

    return groups && groups->n > 0;
}

static void write_groups(struct record_line *l, const struct request *req)
{
    const struct group_list *groups = groups_of(req);
    char mem[GROUPS_MOST];
    struct sbuf b = sbuf_make(mem, sizeof(mem));

    for (size_t i = 0; i < groups->n; i++) {
        if (strlen(groups->v[i]->name) + 1 > b.cap - b.n) break;
        if (i) sbuf_char(&b, ',');
        sbuf_add(&b, str_from(groups->v[i]->name));
    }
    put(l, sbuf_str(&b));
}

/* ------------------------------------------------------------------- the table */

static bool is_paced(const struct request *req)
{
    return req->limits != NULL;
}

static void write_paced_ms(struct record_line *l, const struct request *req)
{
    put_ms(l, (int64_t)admit_waited_us(req));
}

/* clang-format off */
const struct record_field record_fields[] = {
    {"time", write_time, NULL, RECORD_JSON | RECORD_AUDIT, "when its first byte came, UTC; text lines begin with it"},
    {"type", write_type, NULL, RECORD_JSON | RECORD_AUDIT, "`access`, `audit`; in text lines the second word"},
    {"event", write_event, NULL, RECORD_AUDIT, "`request`; `refused`: by the proxy; `password`: refused, and it was the password"},
    {"run", write_run, NULL, RECORD_AUDIT, "another one each time that the proxy starts"},
    {"thread", write_thread, NULL, RECORD_AUDIT, "who wrote the line: each thread of each run has its own numbers"},
    {"seq", write_seq, NULL, RECORD_AUDIT, "1, 2, 3, …: where one is missing, its line was lost"},
    {"req", write_req, NULL, RECORD_ALL, "its id, which the proxy's own answers and log lines have, too"},
    {"listener", write_listener, NULL, RECORD_ALL, "where it came in"},
    {"peer", write_peer, NULL, RECORD_ALL, "the client's address and port, as a trusted balancer tells them"},
    {"original", write_original, is_redirected, RECORD_ALL, "`mode = redirect`: where the client wanted to go"},
    {"client", write_client, NULL, RECORD_ALL, "the `[client NAME]` that it was proven to come from"},
    {"user", write_user, NULL, RECORD_ALL, "the name in Proxy-Authorization, also where its password was refused"},
    {"auth", write_auth, NULL, RECORD_ALL, "how the client was proven: `sigv4`, `sigv4-query`, `sigv2`, `form`, `password`, `certificate`, `anonymous`, `foreign`, …"},
    {"payload", write_payload, NULL, RECORD_ACCESS, "what its signature says of the body: `hash`, `unsigned`, `signed-chunks`, …"},
    {"method", write_method, NULL, RECORD_ALL, "GET, PUT, …"},
    {"operation", write_operation, NULL, RECORD_ALL, "S3's name for what was asked for, or `CONNECT`, `tunnel`"},
    {"host", write_host, NULL, RECORD_ALL, "the host it was for"},
    {"bucket", write_bucket, NULL, RECORD_ALL, "the bucket, decoded"},
    {"key", write_key, NULL, RECORD_ALL, "the object's key, decoded; its first 3072 bytes"},
    {"status", write_status, NULL, RECORD_ALL, "the answer's status; 0: none was sent"},
    {"bytes_in", write_bytes_in, NULL, RECORD_ALL, "content from the client"},
    {"bytes_hashed", write_bytes_hashed, NULL, RECORD_ACCESS, "content that was hashed or summed here"},
    {"bytes_out", write_bytes_out, NULL, RECORD_ALL, "content to the client"},
    {"endpoint", write_endpoint, NULL, RECORD_ALL, "the `[endpoint NAME]`, or the `[tunnel NAME]`, it went to"},
    {"credentials", write_credentials, NULL, RECORD_ALL, "the `[credentials NAME]` it was signed with"},
    {"address", write_address, NULL, RECORD_ALL, "the address it went to last"},
    {"attempts", write_attempts, NULL, RECORD_ACCESS, "how often it was tried to send it"},
    {"retries", write_retries, NULL, RECORD_ACCESS, "how often it was sent again after it was sent"},
    {"retry_reasons", write_retry_reasons, NULL, RECORD_ACCESS, "why, each: `stale`, `reset`, `keys`, `503`, …"},
    {"region_from", write_region_from, NULL, RECORD_ACCESS, "the Region it would have gone to, had the bucket not been elsewhere"},
    {"connect_ms", write_connect_ms, NULL, RECORD_ACCESS, "the last connection to the endpoint, with TLS; 0: there was one"},
    {"first_byte_ms", write_first_byte_ms, NULL, RECORD_ACCESS, "from its first byte to that of S3's answer"},
    {"total_ms", write_total_ms, NULL, RECORD_ACCESS, "from its first byte to its end"},
    {"s3_request_id", write_s3_request_id, NULL, RECORD_ALL, "S3's id, for AWS's support"},
    {"s3_error", write_s3_error, NULL, RECORD_ALL, "the Code in an error document of S3's: `NoSuchKey`, …"},
    {"end", write_end, NULL, RECORD_ALL, "`ok`, or what ended it: `client_gone`, `policy_denied`, `up_timeout`, …"},
    {"step", write_step, NULL, RECORD_ACCESS, "`finish`, or how far it came"},
    {"ended_by", write_ended_by, is_tunnel, RECORD_ACCESS, "tunnels: which side closed first"},
    {"detail", write_detail, has_detail, RECORD_ALL, "what went wrong, in a sentence"},
    {"connection", write_connection, NULL, RECORD_ALL, "the client's connection: a CONNECT and all that is asked for through it have the same"},
    {"user_agent", write_user_agent, NULL, RECORD_ALL, "User-Agent, its first 512 bytes"},
    {"version_id", write_version_id, has_version, RECORD_ALL, "the version of the object that S3 names, or that was asked for"},
    {"copy_source", write_copy_source, is_copy, RECORD_ALL, "x-amz-copy-source as it was sent, its first 2048 bytes"},
    {"paced_ms", write_paced_ms, is_paced, RECORD_ALL, "for how long a limit held it up, all together"},
    {"groups", write_groups, has_groups, RECORD_ALL, "the client's groups, joined by commas; as many as 512 bytes hold"},
    {"decision", write_decision, is_judged, RECORD_ALL, "what policies say: `allowed`; `denied`: none allows it; `forbidden`: a statement denies it; `warned`: `mode = warn` let it through"},
    {"action", write_action, is_judged, RECORD_ALL, "the action that this was about: the first one that was refused, else the first one that was asked for"},
    {"resource", write_resource, is_denied, RECORD_ALL, "where it was refused: its ARN, the first 1400 bytes"},
    {"policy", write_policy, is_judged, RECORD_ALL, "the policy that decided; empty: none did"},
    {"statement", write_statement, is_judged, RECORD_ALL, "the statement of it: its Sid, else its number, or an option of the short form"},
    {"set", write_set, is_set, RECORD_ALL, "the fields that `set` of a policy put in, replaced or took away, joined by commas"},
    {"certificate", write_certificate, has_certificate, RECORD_ALL, "what the client's TLS certificate says, its first 255 bytes: the name by which it is its client's, `email:…`, `dns:…`, …, else its subject, `subject:CN=…`"},
    {"traceparent", write_trace, has_trace, RECORD_ACCESS, "the request's trace (W3C Trace Context), as the client gave it if that was valid, or as it was made"},
};
/* clang-format on */
const size_t record_fields_n = ARRAY_LEN(record_fields);

static void put_name(struct record_line *l, const char *name)
{
    if (l->json)
        sbuf_add(l->b, l->b->n && l->b->p[l->b->n - 1] == '{' ? STR("\"") : STR(",\""));
    else
        sbuf_char(l->b, ' ');
    sbuf_add(l->b, str_from(name));
    sbuf_add(l->b, l->json ? STR("\":") : STR("="));
}

void record_write(struct sbuf *b, enum record_format format, const struct request *req)
{
    struct record_line l = {b, format, format != RECORD_TEXT};

    if (l.json) {
        sbuf_char(b, '{');
    } else {
        write_time(&l, req);
        sbuf_add(b, STR(" access"));
    }
    for (size_t i = 0; i < record_fields_n; i++) {
        const struct record_field *f = &record_fields[i];

        if (!(f->formats & format) || (f->is_there && !f->is_there(req))) continue;
        put_name(&l, f->name);
        f->write(&l, req);
    }
    sbuf_add(b, l.json ? STR("}\n") : STR("\n"));
}

size_t record_audit_most(const struct request *req)
{
    size_t n = METHOD_MOST + ID_MOST + NAME_MOST + 2 * LABEL_MOST + sizeof(req->err.detail) + REQUEST_S3_ERROR +
               req->who.user_tried.n + str_head(str_from(req->session->certificate), NAME_MOST).n;

    n += str_head(request_asked_host(req), NAME_MOST).n + str_head(req->in.bucket, NAME_MOST).n;
    n += str_head(req->in.key, KEY_MOST).n + str_head(asked_field(req, HDR_USER_AGENT), AGENT_MOST).n;
    n += 2 * str_head(asked_field(req, HDR_X_AMZ_COPY_SOURCE), SOURCE_MOST).n;
    return AUDIT_FRAME + ESCAPED * n;
}

static const struct principal_conf *counted_for(const struct request *req)
{
    return req->who.caller ? req->who.caller : req->who.user;
}

static struct traffic_key traffic_key_of(const struct request *req)
{
    const struct principal_conf *who = counted_for(req);
    struct traffic_key key = {.principal = who ? who->id : STANDING_NONE,
                              .endpoint = req->route.endpoint->id,
                              .address = req->retry.address_id};

    memcpy(key.zone, req->retry.zone, sizeof(key.zone));
    memcpy(key.address_text, req->retry.address, sizeof(key.address_text));
    if (!str_to_cstr(req->in.bucket, key.bucket, sizeof(key.bucket))) key.bucket[0] = '\0';
    return key;
}

/* S3 answers of a bucket that is not there without an error's document, too; and it takes little content for one. */
static bool bucket_is_there(const struct request *req)
{
    enum { ENOUGH = 1024 * 1024 };
    const struct head_response *answer = req->relay.answer;

    return answer ? answer->status < 400 : req->relay.body_sent >= ENOUGH;
}

static bool goes_to_s3(const struct request *req)
{
    return req->retry.address_id && req->worker->traffic && !(req->tunnel && req->tunnel->via);
}

/* Of a request that is sent again, what the one before had sent already is not counted twice. */
void record_traffic(struct request *req)
{
    uint64_t in = req->tunnel ? req->tunnel->out.bytes : req->relay.body_sent, out = record_bytes_out(req);
    struct traffic_key key;
    bool there;

    if (!goes_to_s3(req) || (in <= req->retry.noted_in && out <= req->retry.noted_out)) return;
    key = traffic_key_of(req);
    there = bucket_is_there(req);
    if (in > req->retry.noted_in) {
        traffic_add(req->worker->traffic, &key, there, TRAFFIC_BYTES_IN, in - req->retry.noted_in);
        req->retry.noted_in = in;
    }
    if (out > req->retry.noted_out) {
        traffic_add(req->worker->traffic, &key, there, TRAFFIC_BYTES_OUT, out - req->retry.noted_out);
        req->retry.noted_out = out;
    }
}

void record_traffic_so_far(struct request *req)
{
    if (req->tunnel || bucket_is_there(req)) record_traffic(req);
}

/* S3 User Guide, "Billing for Amazon S3 error responses": 5xx and redirects are free. */
static enum traffic_slot kind_of(const struct request *req)
{
    unsigned status = req->relay.answer->status;

    if (status >= 500 || status == 301 || status == 307) return TRAFFIC_FREE;
    switch (operation_tier(req->in.operation, request_method_id(req))) {
    case TIER_PUT: return TRAFFIC_PUTS;
    case TIER_GET: return TRAFFIC_GETS;
    case TIER_FREE: break;
    }
    return TRAFFIC_FREE;
}

static void count_traffic(struct request *req)
{
    struct traffic_key key;

    record_traffic(req);
    if (!goes_to_s3(req) || !(req->tunnel || req->relay.answer)) return;
    key = traffic_key_of(req);
    traffic_add(req->worker->traffic, &key, bucket_is_there(req), req->tunnel ? TRAFFIC_TUNNELS : kind_of(req), 1);
}

static void count_times(const struct request *req, _Atomic uint64_t *row)
{
    unsigned series = request_method_id(req) * STATS_SERIES;

    stats_observe(row, STATS_LISTENER_DURATION + series, req->reply.ended_us - req->started_us);
    if (req->relay.first_byte_us)
        stats_observe(row, STATS_LISTENER_FIRST_BYTE + series, req->relay.first_byte_us - req->started_us);
}

static void count_listener(const struct request *req)
{
    _Atomic uint64_t *row = stats_row(req->worker->stats, STATS_OF_LISTENER, req->session->listener->id);
    unsigned class = req->reply.status / 100 < STATS_CLASSES ? req->reply.status / 100 : 0;

    stats_add(row, STATS_LISTENER_REQUESTS + operation_number(req->in.operation) * STATS_CLASSES + class, 1);
    if (req->err.code != ERR_NONE) stats_add(row, STATS_LISTENER_ERRORS + req->err.code, 1);
    if (req->policy.judged) stats_add(row, STATS_LISTENER_DECISIONS + decision_of(req), 1);
    stats_add(row, STATS_LISTENER_BYTES_IN, record_bytes_in(req));
    stats_add(row, STATS_LISTENER_BYTES_OUT, record_bytes_out(req));
    count_times(req, row);
}

static void count_principal(const struct request *req)
{
    const struct principal_conf *who = counted_for(req);
    const struct err_info *end = err_info(req->err.code);
    _Atomic uint64_t *row = stats_row(req->worker->stats, STATS_OF_PRINCIPAL, who ? who->id : STANDING_NONE);

    stats_add(row, STATS_PRINCIPAL_REQUESTS, 1);
    stats_add(row, STATS_PRINCIPAL_REFUSED, end->blame == BLAME_CLIENT && end->http_status == 403);
    stats_add(row, STATS_PRINCIPAL_BYTES_IN, record_bytes_in(req));
    stats_add(row, STATS_PRINCIPAL_BYTES_OUT, record_bytes_out(req));
}

/* What is seldom. */
static void count_endpoint(const struct request *req)
{
    const struct head_response *answer = req->relay.answer;
    int64_t since_us = req->retry.turn.since_us, until_us = req->retry.turn_us;
    _Atomic uint64_t *row;

    if (!since_us && !(answer && answer->status >= 400)) return;
    row = stats_row(req->worker->stats, STATS_OF_ENDPOINT, req->route.endpoint->id);
    if (since_us) stats_observe(row, STATS_ENDPOINT_QUEUE, (until_us ? until_us : req->reply.ended_us) - since_us);
    if (answer && answer->status >= 400)
        stats_add(row, STATS_ENDPOINT_S3_ERRORS + stats_s3_code(req->relay.s3_error), 1);
}

void record_count(struct request *req)
{
    if (!req->started_us) return;
    count_listener(req);
    count_principal(req);
    count_endpoint(req);
    count_traffic(req);
}
