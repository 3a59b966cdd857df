/* SPDX-License-Identifier: Apache-2.0
 * source_roles_anywhere_job.c: the signed CreateSession request: certificate and key from their files or token, the
 * body, the headers. The key is in memory (or its token open) only while this runs. Any thread. Source: IAM Roles
 * Anywhere API Reference, "CreateSession"; User Guide, "Authentication signing process".
 */
#include "source_roles_anywhere.h"

#include "config/session_words.h"

#include "aws/sign/sigv4.h"
#include "aws/sign/sigv4_x509.h"
#include "base/clock.h"
#include "base/secret.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BLOCK = 16 * 1024, ARENA_MAX = 512 * 1024, MS_PER_S = 1000, US_PER_S = 1000000 };

static const struct str CONTENT_TYPE = STR_INIT("application/json");

void session_job_clear(struct session_job *job)
{
    arena_clear(&job->arena);
    while (job->files_n)
        free(job->files[--job->files_n]);
    job->headers_n = 0;
}

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NO_MEMORY, 0, "CreateSession request");
}

/* ---- where to ---- */

/* config_credentials.c saw to it: service_url is https://HOST[:PORT], and there is a Region. */
static enum err_code find_url(struct session_job *job, struct err *err)
{
    static const struct str scheme = STR_INIT("https://"), path = STR_INIT("/sessions");
    const struct credentials_conf *set = job->set;
    struct sbuf b = arena_sbuf(&job->arena, PATH_MAX);

    sbuf_add(&b, str_from(set->service_url));
    struct str rest = str_tail(sbuf_str(&b), scheme.n);
    job->authority = str_ends(rest, STR(":443")) ? str_head(rest, rest.n - 4) : rest;
    sbuf_add(&b, path);
    sbuf_char(&b, '\0');
    if (b.overflow) return no_memory(err);
    arena_trim(&job->arena, &b);
    job->url = str_make(b.p, b.n - 1);
    return ERR_NONE;
}

/* ---- what is asked for ---- */

/* RoleSessionName: "[a-zA-Z0-9_+=,.@-]{2,64}"; client names may hold more. */
static enum err_code session_name(const struct session_job *job, char out[SESSION_NAME_MAX + 1], struct err *err)
{
    struct sbuf b = sbuf_make(out, SESSION_NAME_MAX);
    struct str missing;

    if (!session_words_fill(str_from(job->set->session_name), job->client, job->principal, false, &b, &missing))
        return err_set(err, ERR_CONFIG, 0, "session_name has {%.*s} in it, and %s", STR_ARG(missing),
                       job->client ? "this client has none"
                                   : "there is no client here; name one, with --client for example");
    if (b.overflow || b.n < 2)
        return err_set(err, ERR_CONFIG, 0, "session_name must have 2 to %d bytes when its words are filled in",
                       SESSION_NAME_MAX);
    out[b.n] = '\0';
    for (char *c = out; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_+=,.@-", *c)) *c = '-';
    return ERR_NONE;
}

static enum err_code make_body(struct session_job *job, struct err *err)
{
    const struct credentials_conf *set = job->set;
    char name[SESSION_NAME_MAX + 1] = "";
    json_t *o;
    char *text = NULL;

    if (!set->role_arn || !set->profile_arn || !set->trust_anchor_arn)
        return err_set(err, ERR_CONFIG, 0, "role_arn, profile_arn and trust_anchor_arn are needed, all three");
    if (set->session_name) TRY(session_name(job, name, err));
    o = json_pack("{s:I, s:s, s:s, s:s, s:s*}", "durationSeconds", (json_int_t)(set->duration_ms / MS_PER_S),
                  "profileArn", set->profile_arn, "roleArn", set->role_arn, "trustAnchorArn", set->trust_anchor_arn,
                  "roleSessionName", name[0] ? name : NULL);
    if (o) text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!text) return no_memory(err);
    job->body = arena_dup(&job->arena, str_from(text));
    free(text);
    return job->body.p ? ERR_NONE : no_memory(err);
}

/* ---- who asks ---- */

static void note_file(void *arg, const char *path)
{
    struct session_job *job = arg;

    if (job->files_n < SOURCE_FILES && (job->files[job->files_n] = strdup(path))) job->files_n++;
}

static enum err_code load(struct session_job *job, struct identity *id, struct err *err)
{
    const struct credentials_conf *set = job->set;
    struct identity_setup setup = {.certificate = set->certificate,
                                   .certificate_chain = set->certificate_chain,
                                   .private_key = set->private_key,
                                   .passphrase = set->passphrase,
                                   .pins = job->pins,
                                   .on_file = note_file,
                                   .arg = job};

    return identity_load(&setup, clock_wall_us() / US_PER_S, id, err);
}

static void note_subject(struct session_job *job, X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long n = 0;

    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
        n = BIO_get_mem_data(bio, &text);
    snprintf(job->subject, sizeof(job->subject), "%.*s", n > 0 && n < INT_MAX ? (int)n : 0, text ? text : "");
    BIO_free(bio);
}

/* ---- the request ---- */

static bool add_header(struct session_job *job, struct str name, struct str value)
{
    struct sbuf b = arena_sbuf(&job->arena, name.n + 2 + value.n);

    sbuf_add(&b, name);
    sbuf_add(&b, STR(": "));
    sbuf_add(&b, value);
    job->headers[job->headers_n++] = sbuf_str(&b);
    return !b.overflow;
}

static enum err_code sign(struct session_job *job, const struct identity *id, struct digest *d, struct err *err)
{
    char timestamp[SIGV4_TIMESTAMP_BYTES];
    struct sigv4_x509_signed s;
    struct sigv4_x509_input in = {.method = STR("POST"),
                                  .path = STR("/sessions"),
                                  .host = job->authority,
                                  .content_type = CONTENT_TYPE,
                                  .body = job->body,
                                  .timestamp = str_make(timestamp, sizeof(timestamp)),
                                  .region = str_from(job->set->region),
                                  .service = STR("rolesanywhere"),
                                  .certificate = id->certificate,
                                  .chain = id->chain,
                                  .key = id->key};

    sigv4_format_time(clock_wall_us() / US_PER_S, timestamp);
    TRY(sigv4_x509_sign(d, &in, &job->arena, &s, err));
    if (add_header(job, STR("Host"), in.host) && add_header(job, STR("Content-Type"), in.content_type) &&
        add_header(job, STR("X-Amz-Date"), in.timestamp) && add_header(job, STR("X-Amz-X509"), s.x509) &&
        (!s.x509_chain.n || add_header(job, STR("X-Amz-X509-Chain"), s.x509_chain)) &&
        add_header(job, STR("Authorization"), s.authorization) && add_header(job, STR("Accept"), CONTENT_TYPE))
        return ERR_NONE;
    return no_memory(err);
}

static enum err_code run(struct session_job *job, struct err *err)
{
    struct identity id;
    struct digest *d;
    enum err_code code;

    TRY(find_url(job, err));
    TRY(make_body(job, err));
    TRY(load(job, &id, err));
    job->not_after_s = id.not_after_s;
    note_subject(job, id.certificate);
    d = digest_new();
    code = d ? sign(job, &id, d, err) : no_memory(err);
    digest_free(&d);
    identity_clear(&id);
    return code;
}

void session_job_run(struct session_job *job)
{
    arena_init(&job->arena, ARENA_BLOCK, ARENA_MAX);
    job->headers_n = 0;
    job->code = run(job, &job->err);
}
