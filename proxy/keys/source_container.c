/* SPDX-License-Identifier: Apache-2.0
 * source_container.c: the role of a container, from the agent beside it: ECS tasks, EKS Pod Identity, and whatever else
 * speaks like them. Control thread.
 * Sources: AWS SDKs and Tools Reference Guide, "Container credential provider"; botocore, ContainerProvider.
 */
#include "source_metadata.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { URL_MAX = 2048, TOKEN_MAX = 16 * 1024 };

static const char ecs_host[] = "169.254.170.2";
static const char relative_variable[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
static const char full_variable[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

struct container {
    struct source base;
    struct http_call *call; /* NULL: none runs */
    char url[URL_MAX];      /* its path may be as good as a password: not shown */
    struct http_url where;
};

static struct container *of(struct source *base)
{
    return (struct container *)base;
}

/* ---- where to ask ---- */

/* "http only to loopback", by number or as localhost, "169.254.170.2 (ECS), 169.254.170.23 or fd00:ec2::23 (EKS)".
 * Other names are not looked up to see whether they are loopback: they could be something else a moment later. */
static bool plain_allowed(const char *host)
{
    static const char *const blocks[] = {"127.0.0.0/8", "::1", ecs_host, "169.254.170.23", "fd00:ec2::23"};
    struct netblock block;
    struct netaddr a;

    if (str_eq_nocase(str_from(host), STR("localhost"))) return true;
    if (!netaddr_parse(str_from(host), 80, &a)) return false;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        if (netblock_parse(str_from(blocks[i]), &block) && netblock_has(&block, &a)) return true;
    return false;
}

/* The section's URL, else the environment's. False: the fetch has ended. */
static bool find_url(struct container *s)
{
    const char *relative = metadata_variable(relative_variable), *full = metadata_variable(full_variable);
    const char *own = s->base.context->set->url;
    int n;

    if (own || !relative)
        n = snprintf(s->url, sizeof(s->url), "%s", own ? own : full ? full : "");
    else
        n = snprintf(s->url, sizeof(s->url), "http://%s%s", ecs_host, relative);
    if (n == 0)
        source_fail(&s->base, SOURCE_ABSENT,
                    "neither %s nor %s is set: this is no container with a role; elsewhere set `url`",
                    relative_variable, full_variable);
    else if (!own && relative && relative[0] != '/')
        source_fail(&s->base, SOURCE_REFUSED, "%s does not begin with '/'", relative_variable);
    else if ((size_t)n >= sizeof(s->url))
        source_fail(&s->base, SOURCE_REFUSED, "the URL is longer than %d bytes", URL_MAX - 1);
    else
        return true;
    return false;
}

static bool check_url(struct container *s)
{
    struct err err = {0};

    if (http_url_parse(s->url, &s->where, &err) != ERR_NONE)
        metadata_not_begun(&s->base, &err);
    else if (!s->where.https && !plain_allowed(s->where.host))
        source_fail(
            &s->base, SOURCE_REFUSED,
            "http:// is only for loopback addresses, localhost, 169.254.170.2, 169.254.170.23 and fd00:ec2::23, not "
            "for %.60s: write https://",
            s->where.host);
    else
        return true;
    return false;
}

/* ---- what it is asked with ---- */

/* Into @out, without a line end at its end; 0: the fetch has ended. */
static size_t read_token_file(struct container *s, const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), why = fd < 0 ? errno : 0;
    size_t n = 0;
    ssize_t got = 0;
    struct stat st;

    source_read_file(&s->base, path);
    if (fd < 0) {
        source_fail(&s->base, why == ENOENT ? SOURCE_FAILED : SOURCE_REFUSED, "%.200s: %.80s", path,
                    strerrordesc_np(why));
        return 0;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        while (n < cap && (got = read(fd, out + n, cap - n)) > 0)
            n += (size_t)got;
    close(fd);
    if (n == cap) {
        source_fail(&s->base, SOURCE_REFUSED, "%.200s: longer than the %d bytes of a token", path, TOKEN_MAX);
        return 0;
    }
    while (n && (out[n - 1] == '\n' || out[n - 1] == '\r'))
        n--;
    if (n == 0) source_fail(&s->base, SOURCE_FAILED, "%.200s: no token in it", path);
    return n;
}

/* The token that goes with the URL: one of the environment does not go to a URL of the section. @out: the header, its
 * length in @out_n, 0 without a token. False: the fetch has ended. */
static bool find_token(struct container *s, char *out, size_t cap, size_t *out_n)
{
    const struct credentials_conf *set = s->base.context->set;
    const char *file = set->token_file, *token = NULL;
    size_t at = (size_t)snprintf(out, cap, "Authorization: "), n;

    if (!file && !set->url) {
        file = metadata_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        token = metadata_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    }
    *out_n = 0;
    if (!file && !token) return true;
    if (file) {
        n = read_token_file(s, file, out + at, cap - at);
        if (n == 0) return false;
    } else {
        n = strlen(token);
        if (n < cap - at) memcpy(out + at, token, n);
    }
    if (n >= cap - at || memchr(out + at, '\r', n) || memchr(out + at, '\n', n) || memchr(out + at, '\0', n)) {
        source_fail(&s->base, SOURCE_REFUSED, "%.200s: the token is too long or has several lines",
                    file ? file : "AWS_CONTAINER_AUTHORIZATION_TOKEN");
        return false;
    }
    *out_n = at + n;
    return true;
}

/* ---- asking ---- */

static void on_answer(void *arg, const struct http_answer *a)
{
    struct container *s = arg;
    char place[HTTP_HOST + 32], origin[SOURCE_WHY];

    s->call = NULL;
    snprintf(place, sizeof(place), "the container's credential service at %.100s", s->where.host);
    snprintf(origin, sizeof(origin), "%s", place);
    if (a->status == 200)
        metadata_document(&s->base, a, place, origin, false);
    else
        metadata_status(&s->base, a, place,
                        a->status == 401 || a->status == 403
                            ? "access denied: see the role of the task or pod, and the token"
                            : "it does not take the request: see the URL and the role of the task or pod");
}

static void start(struct container *s, struct str authorization)
{
    const struct source_context *context = s->base.context;
    struct http_request r = {.method = "GET",
                             .url = s->url,
                             .allow_plain = true, /* judged by check_url */
                             .headers = {STR_INIT("Accept: application/json"), authorization},
                             .headers_n = authorization.n ? 2 : 1,
                             .timeout_ms = context->set->timeout_ms,
                             .ca_file = context->set->ca_file};
    struct err err = {0};

    s->call = http_start(context->http, &r, on_answer, s, &err);
    if (!s->call) metadata_not_begun(&s->base, &err);
}

static void fetch(struct source *base)
{
    struct container *s = of(base);
    char header[TOKEN_MAX + 64];
    size_t n;

    source_forget_files(base);
    if (!find_url(s) || !check_url(s)) return;
    if (find_token(s, header, sizeof(header), &n)) start(s, str_make(header, n));
    secret_wipe(header, sizeof(header));
}

static void cancel(struct source *base)
{
    http_cancel(&of(base)->call);
}

static void free_container(struct source *base)
{
    secret_wipe(of(base)->url, URL_MAX);
    free(base);
}

struct source *source_container(const struct source_context *context)
{
    static const struct source_ops ops = {fetch, cancel, free_container};
    struct container *s = calloc(1, sizeof(*s));

    if (!s) return NULL;
    s->base.ops = &ops;
    s->base.context = context;
    return &s->base;
}
