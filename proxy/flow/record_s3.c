/* SPDX-License-Identifier: Apache-2.0
 * record_s3.c: a finished request as a line of Amazon S3's server access logs. Fields stand between blanks, what is not
 * known is "-"; what a client wrote is encoded, so that no blank or quote of its own is taken for one of the format's.
 * Source: Amazon S3 User Guide, "Amazon S3 server access log format".
 */
#include "flow/record.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "own_pages.h"

#include <inttypes.h>
#include <time.h>

enum { TEXT_MOST = 2560, KEY_MOST = 3072, NAME_MOST = 255, AGENT_MOST = 1024 };

/* ------------------------------------------------------------------- values */

static void put_nothing(struct sbuf *b)
{
    sbuf_char(b, '-');
}

/* Blanks, quotes, control bytes and what is no ASCII become %XX; in quotes blanks stay. */
static void put_encoded(struct sbuf *b, struct str s, bool quoted)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c > 0x20 && c < 0x7f && c != '"')
            sbuf_char(b, c);
        else if (c == ' ' && quoted)
            sbuf_char(b, c);
        else
            sbuf_printf(b, "%%%02X", (unsigned)(unsigned char)c);
    }
}

static void put(struct sbuf *b, struct str s)
{
    if (s.n)
        put_encoded(b, str_head(s, NAME_MOST), false);
    else
        put_nothing(b);
}

static void put_quoted(struct sbuf *b, struct str s)
{
    char mem[2 * TEXT_MOST + RECORD_REDACTED];

    sbuf_char(b, '"');
    if (s.n)
        put_encoded(b, record_redact(str_head(s, TEXT_MOST), mem), true);
    else
        put_nothing(b);
    sbuf_char(b, '"');
}

static void put_number(struct sbuf *b, uint64_t n)
{
    if (n)
        sbuf_u64(b, n);
    else
        put_nothing(b);
}

static struct str value_of(const struct header *h)
{
    return h ? h->value : STR_NONE;
}

static struct str asked(const struct request *req, const char *name)
{
    return value_of(req->in.head ? headers_find_name(&req->in.head->headers, str_from(name)) : NULL);
}

static struct str answered(const struct request *req, const char *name)
{
    const struct head_response *answer = req->relay.answer;

    return value_of(answer ? headers_find_name(&answer->headers, str_from(name)) : NULL);
}

/* ------------------------------------------------------------------- fields */

static void write_unknown(struct sbuf *b, const struct request *req UNUSED)
{
    put_nothing(b);
}

static void write_bucket(struct sbuf *b, const struct request *req)
{
    put(b, req->in.bucket);
}

static void write_time(struct sbuf *b, const struct request *req)
{
    time_t t = (time_t)(req->started_wall_us / 1000000);
    char text[64];
    struct tm tm;

    if (!gmtime_r(&t, &tm)) memset(&tm, 0, sizeof(tm));
    sbuf_add(b, str_make(text, strftime(text, sizeof(text), "[%d/%b/%Y:%H:%M:%S +0000]", &tm)));
}

static void write_remote(struct sbuf *b, const struct request *req)
{
    char text[NETADDR_TEXT];
    struct str host;
    unsigned port;

    netaddr_format(&req->session->peer, text);
    put(b, uri_split_authority(str_from(text), &host, &port) ? host : str_from(text));
}

static void write_requester(struct sbuf *b, const struct request *req)
{
    const struct principal_conf *who = req->who.caller ? req->who.caller : req->who.user;

    put(b, who && req->who.auth != AUTH_ANONYMOUS ? str_from(who->name) : STR_NONE);
}

static void write_id(struct sbuf *b, const struct request *req)
{
    put(b, str_from(req->id));
}

/* What S3's logs call a sub-resource, by the parameter that names it. */
static const struct {
    const char *parameter, *resource;
} resources[] = {
    {"acl", "ACL"},
    {"tagging", "TAGGING"},
    {"uploads", "UPLOADS"},
    {"delete", "MULTI_OBJECT_DELETE"},
    {"versions", "BUCKETVERSIONS"},
    {"versioning", "VERSIONING"},
    {"location", "LOCATION"},
    {"policy", "BUCKETPOLICY"},
    {"policyStatus", "POLICY_STATUS"},
    {"lifecycle", "LIFECYCLE"},
    {"cors", "CORS"},
    {"encryption", "ENCRYPTION"},
    {"logging", "LOGGING_STATUS"},
    {"website", "WEBSITE"},
    {"notification", "NOTIFICATION"},
    {"replication", "REPLICATION"},
    {"requestPayment", "REQUEST_PAYMENT"},
    {"publicAccessBlock", "PUBLIC_ACCESS_BLOCK"},
    {"ownershipControls", "OWNERSHIP_CONTROLS"},
    {"accelerate", "ACCELERATE"},
    {"inventory", "INVENTORY"},
    {"metrics", "METRICS"},
    {"analytics", "ANALYTICS"},
    {"intelligent-tiering", "INTELLIGENT_TIERING"},
    {"object-lock", "OBJECT_LOCK_CONFIGURATION"},
    {"legal-hold", "OBJECT_LOCK_LEGALHOLD"},
    {"retention", "OBJECT_LOCK_RETENTION"},
    {"attributes", "OBJECT_ATTRIBUTES"},
    {"restore", "RESTORE"},
    {"torrent", "OBJECT_TORRENT"},
};

static bool asks_for(const struct request *req, const char *parameter)
{
    return query_find(req->in.query, req->in.query_n, str_from(parameter));
}

static const char *resource_of(const struct request *req)
{
    bool object = req->in.key.n;

    if (asks_for(req, "uploadId")) return asks_for(req, "partNumber") ? "PART" : "UPLOAD";
    if (object && asks_for(req, "tagging")) return "OBJECT_TAGGING";
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        if (asks_for(req, resources[i].parameter)) return resources[i].resource;
    return object ? "OBJECT" : req->in.bucket.n ? "BUCKET" : "SERVICE";
}

static void write_operation(struct sbuf *b, const struct request *req)
{
    struct str method = str_head(req->in.head ? req->in.head->method : req->in.seen.method, 32);
    struct str name = str_from(req->in.operation ? req->in.operation->name : NULL);
    bool copies = str_eq(name, STR("CopyObject")) || str_eq(name, STR("UploadPartCopy"));

    if (!name.n || own_pages_have(req->in.operation)) {
        sbuf_add(b, STR("PROXY."));
        put(b, method);
        return;
    }
    sbuf_add(b, STR("REST."));
    put(b, copies ? STR("COPY") : asks_for(req, "select") ? STR("SELECT") : method);
    sbuf_printf(b, ".%s", req->who.auth == AUTH_PREFLIGHT ? "PREFLIGHT" : resource_of(req));
}

static void write_key(struct sbuf *b, const struct request *req)
{
    if (req->in.key.n)
        uri_encode(b, str_head(req->in.key, KEY_MOST), true);
    else
        put_nothing(b);
}

static void write_uri(struct sbuf *b, const struct request *req)
{
    const struct head_request *head = req->in.head;
    char mem[2 * TEXT_MOST + RECORD_REDACTED];

    sbuf_char(b, '"');
    put(b, str_head(head ? head->method : req->in.seen.method, 32));
    sbuf_char(b, ' ');
    put_encoded(b, record_redact(str_head(head ? head->target : req->in.seen.target, TEXT_MOST), mem), false);
    sbuf_printf(b, " HTTP/1.%u\"", head ? head->minor : 1);
}

static void write_status(struct sbuf *b, const struct request *req)
{
    put_number(b, req->reply.status);
}

static void write_error(struct sbuf *b, const struct request *req)
{
    put(b, req->relay.s3_error.n       ? req->relay.s3_error
           : req->err.code == ERR_NONE ? STR_NONE
                                       : str_from(err_info(req->err.code)->s3_code));
}

static void write_bytes_sent(struct sbuf *b, const struct request *req)
{
    put_number(b, record_bytes_out(req));
}

/* Of the whole object, where the answer or the upload says it. */
static void write_object_size(struct sbuf *b, const struct request *req)
{
    const struct head_response *answer = req->relay.answer;
    struct str range = answered(req, "content-range");
    uint64_t size = 0;

    if (req->in.key.n && answer && answer->status / 100 == 2) {
        bool reads = req->in.head->method_id == METHOD_GET || req->in.head->method_id == METHOD_HEAD;

        size = reads ? answer->content_length : record_bytes_in(req);
        if (range.n && !str_to_u64(str_tail(range, str_rindex(range, '/') + 1), &size)) size = 0;
    }
    put_number(b, size);
}

static void write_total_ms(struct sbuf *b, const struct request *req)
{
    sbuf_u64(b, (uint64_t)(req->reply.ended_us - req->started_us) / 1000);
}

static void write_turn_around_ms(struct sbuf *b, const struct request *req)
{
    if (req->relay.first_byte_us)
        sbuf_u64(b, (uint64_t)(req->relay.first_byte_us - req->started_us) / 1000);
    else
        put_nothing(b);
}

static void write_referer(struct sbuf *b, const struct request *req)
{
    put_quoted(b, asked(req, "referer"));
}

static void write_user_agent(struct sbuf *b, const struct request *req)
{
    put_quoted(b, str_head(asked(req, "user-agent"), AGENT_MOST));
}

static void write_version(struct sbuf *b, const struct request *req)
{
    put(b, record_version(req));
}

static void write_host_id(struct sbuf *b, const struct request *req)
{
    put(b, answered(req, "x-amz-id-2"));
}

static const char *const how[][2] = {
    [AUTH_NONE] = {"-", "-"},
    [AUTH_ANONYMOUS] = {"-", "-"},
    [AUTH_SIGV4_HEADER] = {"SigV4", "AuthHeader"},
    [AUTH_SIGV4_QUERY] = {"SigV4", "QueryString"},
    [AUTH_SIGV2_HEADER] = {"SigV2", "AuthHeader"},
    [AUTH_SIGV2_QUERY] = {"SigV2", "QueryString"},
    [AUTH_FORM] = {"SigV4", "-"},
    [AUTH_FOREIGN] = {"SigV4", "AuthHeader"},
    [AUTH_PASSWORD] = {"-", "-"},
    [AUTH_CERTIFICATE] = {"-", "-"},
    [AUTH_PREFLIGHT] = {"-", "-"},
};

static void write_signature(struct sbuf *b, const struct request *req)
{
    sbuf_add(b, str_from(how[req->who.auth][0]));
}

static void write_cipher(struct sbuf *b, const struct request *req)
{
    put(b, conn_tls_cipher(&req->session->conn));
}

static void write_authentication(struct sbuf *b, const struct request *req)
{
    sbuf_add(b, str_from(how[req->who.auth][1]));
}

static void write_host(struct sbuf *b, const struct request *req)
{
    put(b, request_asked_host(req));
}

static void write_tls(struct sbuf *b, const struct request *req)
{
    struct str version = conn_tls_version(&req->session->conn);

    sbuf_add(b, version.n ? STR("TLSv") : STR("-"));
    sbuf_add(b, version);
}

/* clang-format off */
const struct record_s3_field record_s3_fields[] = {
    {"Bucket Owner", write_unknown, "always -"},
    {"Bucket", write_bucket, "also of requests that the proxy refused"},
    {"Time", write_time, ""},
    {"Remote IP", write_remote, "the client's, as a trusted balancer tells it"},
    {"Requester", write_requester, "the `[client NAME]`"},
    {"Request ID", write_id, "the proxy's own id; S3's is in other formats"},
    {"Operation", write_operation, "`PROXY.METHOD` for what is none of S3's: CONNECT, tunnels, the proxy's own pages"},
    {"Key", write_key, ""},
    {"Request-URI", write_uri, "signatures, access keys and session tokens in it are `REDACTED`"},
    {"HTTP status", write_status, ""},
    {"Error Code", write_error, "S3's, or the proxy's own"},
    {"Bytes Sent", write_bytes_sent, ""},
    {"Object Size", write_object_size, "where the answer or the upload says it"},
    {"Total Time", write_total_ms, ""},
    {"Turn-Around Time", write_turn_around_ms, "from the request's first byte to that of S3's answer"},
    {"Referer", write_referer, "like Request-URI"},
    {"User-Agent", write_user_agent, ""},
    {"Version Id", write_version, ""},
    {"Host Id", write_host_id, ""},
    {"Signature Version", write_signature, ""},
    {"Cipher Suite", write_cipher, "between client and proxy"},
    {"Authentication Type", write_authentication, ""},
    {"Host Header", write_host, ""},
    {"TLS version", write_tls, "between client and proxy"},
    {"Access Point ARN", write_unknown, "always -"},
    {"aclRequired", write_unknown, "always -"},
};
/* clang-format on */
const size_t record_s3_fields_n = ARRAY_LEN(record_s3_fields);

void record_write_s3(struct sbuf *b, const struct request *req)
{
    for (size_t i = 0; i < record_s3_fields_n; i++) {
        if (i) sbuf_char(b, ' ');
        record_s3_fields[i].write(b, req);
    }
    sbuf_char(b, '\n');
}
