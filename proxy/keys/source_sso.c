/* SPDX-License-Identifier: Apache-2.0
 * source_sso.c: keys of a role from IAM Identity Center's portal, with the token that a person's `aws sso login` left
 * in
 * ~/.aws/sso/cache. We neither log in nor renew the token. It goes to the portal (`sso_url`) and nowhere else:
 * service_url and addresses are STS's. Control thread.
 * Sources: IAM Identity Center Portal API Reference, "GetRoleCredentials"; botocore `credentials.py`, SSOProvider.
 */
#include "aws/documents/key_document.h"
#include "aws/documents/sso_document.h"
#include "aws/s3/partition.h"
#include "aws/s3/target.h"
#include "base/secret.h"
#include "http/uri.h"
#include "source_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TOKEN_FILE_MAX = 64 * 1024, URL_MAX = 2048, TRY_AGAIN_STATUS = 500 };

struct sso_source {
    struct source s;
    char *account_id, *role_name, *region, *cache_key /* session or start URL */, *profile; /* owned */
    bool has_session;
    struct sso_token token; /* while a fetch runs */
    struct http_call *call;
};

static struct sso_source *sso_of(struct source *s)
{
    return (struct sso_source *)s;
}

static void log_in_again(struct sso_source *p, const char *what)
{
    char user[64];

    user_name(user);
    source_fail(&p->s, SOURCE_REFUSED, "%s; run `aws sso login %s %.80s` as user %s", what,
                p->has_session ? "--sso-session" : "--profile", p->has_session ? p->cache_key : p->profile, user);
}

/* --- the token --- */

static bool cache_path(const struct sso_source *p, char out[PATH_MAX])
{
    char name[SSO_CACHE_NAME], relative[SSO_CACHE_NAME + 32];

    if (!sso_cache_name(str_from(p->cache_key), name)) return false;
    snprintf(relative, sizeof(relative), ".aws/sso/cache/%s", name);
    return home_path(relative, out);
}

static enum err_code read_token(const char *path, struct sso_token *out, struct err *err)
{
    char *text;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum err_code code;

    if (fd < 0) return err_set(err, ERR_FILE, errno, "%s", strerror(errno));
    text = malloc(TOKEN_FILE_MAX);
    n = text ? read(fd, text, TOKEN_FILE_MAX) : -1;
    if (n < 0)
        code = err_set(err, ERR_FILE, errno, "%s", strerror(errno));
    else
        code = sso_token_parse(str_make(text, (size_t)n), out, err);
    if (text) secret_wipe(text, TOKEN_FILE_MAX);
    free(text);
    close(fd);
    return code;
}

/* False: the fetch has ended with the reason. */
static bool have_token(struct sso_source *p)
{
    char path[PATH_MAX], what[PATH_MAX + 64];
    struct err err = {0};
    int64_t until = 0;

    sso_token_clear(&p->token);
    if (!cache_path(p, path)) {
        source_fail(&p->s, SOURCE_REFUSED, "there is no HOME with a folder .aws/sso/cache for SSO tokens; set HOME");
        return false;
    }
    source_read_file(&p->s, path);
    if (read_token(path, &p->token, &err) != ERR_NONE) {
        snprintf(what, sizeof(what), "no usable SSO token in %.140s (%.60s)", path, err.detail);
        log_in_again(p, what);
        return false;
    }
    if (!iso8601_parse(str_from(p->token.expires_at), &until) || until <= clock_wall_us() / 1000000) {
        snprintf(what, sizeof(what), "the SSO token expired at %.30s", p->token.expires_at);
        log_in_again(p, what);
        return false;
    }
    return true;
}

/* --- the portal --- */

static void give(struct sso_source *p, const struct http_answer *a)
{
    struct source_result r = {.outcome = SOURCE_GOOD};
    struct sso_keys k;
    struct err err = {0};

    if (sso_keys_parse(a->body, &k, &err) != ERR_NONE) {
        source_fail(&p->s, SOURCE_FAILED, "the SSO portal's answer is not usable: %.160s", err.detail);
        return;
    }
    r.keys = (struct key_set){k.access_key_id, k.secret_access_key, k.session_token, k.expires_s};
    snprintf(r.origin, sizeof(r.origin), "SSO role %.80s of account %.20s", p->role_name, p->account_id);
    source_end(&p->s, &r);
}

static void on_answer(void *arg, const struct http_answer *a)
{
    struct sso_source *p = arg;

    p->call = NULL;
    sso_token_clear(&p->token);
    if (a->status == 200)
        give(p, a);
    else if (a->status == 0)
        source_fail(&p->s, SOURCE_FAILED, "the SSO portal: %.240s", a->why);
    else if (a->status == 401)
        log_in_again(p, "the SSO portal does not take the token any more");
    else if (a->status == 429)
        source_fail(&p->s, SOURCE_THROTTLED, "the SSO portal asks to slow down");
    else if (a->status >= TRY_AGAIN_STATUS)
        source_fail(&p->s, SOURCE_FAILED, "the SSO portal answered with status %u", a->status);
    else
        source_fail(&p->s, SOURCE_REFUSED,
                    "the SSO portal answered with status %u: may this user have role %.80s of account %.20s? See "
                    "sso_role_name and sso_account_id of profile %.60s",
                    a->status, p->role_name, p->account_id, p->profile);
}

static bool make_url(const struct sso_source *p, char out[URL_MAX])
{
    struct sbuf b = sbuf_make(out, URL_MAX);
    struct str suffix = partition_suffix(str_from(p->region)), base = str_from(p->s.context->set->sso_url);

    if (base.n)
        sbuf_add(&b, base);
    else
        sbuf_printf(&b, "https://portal.sso.%s.%.*s", p->region, STR_ARG(suffix));
    sbuf_add(&b, STR("/federation/credentials?role_name="));
    uri_encode(&b, str_from(p->role_name), false);
    sbuf_add(&b, STR("&account_id="));
    uri_encode(&b, str_from(p->account_id), false);
    sbuf_char(&b, '\0');
    return !b.overflow && (base.n || s3_region_valid(str_from(p->region)));
}

static void ask(struct sso_source *p)
{
    const struct credentials_conf *set = p->s.context->set;
    struct http_request r = {
        .method = "GET", .timeout_ms = set->timeout_ms, .ca_file = set->ca_file, .environment_proxy = set->http_proxy};
    size_t cap = strlen(p->token.access_token) + 32;
    char url[URL_MAX], *header = malloc(cap);
    struct err err = {0};

    if (!make_url(p, url)) {
        free(header);
        source_fail(&p->s, SOURCE_REFUSED, "there is no SSO portal in Region %.40s; correct sso_region", p->region);
        return;
    }
    if (header) {
        r.url = url;
        r.headers_n = 1;
        r.headers[0] =
            str_make(header, (size_t)snprintf(header, cap, "x-amz-sso_bearer_token: %s", p->token.access_token));
        p->call = http_start(p->s.context->http, &r, on_answer, p, &err);
        secret_wipe(header, cap);
        free(header);
    }
    if (!p->call) source_fail(&p->s, SOURCE_FAILED, "the SSO portal cannot be asked: %.200s", err.detail);
}

/* --- the source --- */

static void sso_fetch(struct source *s)
{
    struct sso_source *p = sso_of(s);

    source_forget_files(s);
    if (have_token(p)) ask(p);
}

static void sso_cancel(struct source *s)
{
    http_cancel(&sso_of(s)->call);
    sso_token_clear(&sso_of(s)->token);
}

static void sso_free(struct source *s)
{
    struct sso_source *p = sso_of(s);

    sso_token_clear(&p->token);
    free(p->account_id);
    free(p->role_name);
    free(p->region);
    free(p->cache_key);
    free(p->profile);
    free(p);
}

struct source *source_sso_with(const struct source_context *context, const struct profile_plan *plan)
{
    static const struct source_ops ops = {sso_fetch, sso_cancel, sso_free};
    struct sso_source *p = calloc(1, sizeof(*p));

    if (!p) return NULL;
    p->s = (struct source){.ops = &ops, .context = context};
    p->has_session = plan->sso_session;
    p->account_id = strdup(plan->sso_account_id);
    p->role_name = strdup(plan->sso_role_name);
    p->region = strdup(plan->sso_region);
    p->cache_key = strdup(plan->sso_session ? plan->sso_session : plan->sso_start_url);
    p->profile = strdup(plan->base_profile);
    if (p->account_id && p->role_name && p->region && p->cache_key && p->profile) return &p->s;
    sso_free(&p->s);
    return NULL;
}
