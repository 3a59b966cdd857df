/* SPDX-License-Identifier: Apache-2.0
 * source_sts_post.c: the request that asks STS for a role: where it goes, its form, its signature; see source_sts.h.
 * Control thread.
 */
#include "source_sts.h"

#include "aws/s3/partition.h"
#include "aws/s3/target.h"
#include "aws/sign/sigv4.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/secret.h"
#include "config/session_words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIGNING_BYTES = 128 * 1024, HEADER_SLACK = 1024, TAGS_MAX = 50, TEXTS_BYTES = 64 * 1024 };

void sts_post_wipe(struct sts_post *p)
{
    if (p->memory) secret_wipe(p->memory, p->memory_n);
    free(p->memory);
    p->memory = NULL;
    p->headers_n = p->memory_n = 0;
    p->body = STR_NONE;
}

void sts_post_clear(struct sts_post *p)
{
    sts_post_wipe(p);
    free(p->url);
    free(p->authority);
    *p = (struct sts_post){0};
}

/* --- where --- */

static char *regional_url(const char *region)
{
    struct str suffix = partition_suffix(str_from(region));
    char *url = NULL;

    if (asprintf(&url, "https://sts.%s.%.*s", region, STR_ARG(suffix.n ? suffix : STR("amazonaws.com"))) < 0)
        return NULL;
    return url;
}

/* Without the port that https has anyway: so do others sign it. */
static struct str without_default_port(struct str authority)
{
    return str_ends(authority, STR(":443")) ? str_head(authority, authority.n - 4) : authority;
}

/* A profile's Region has been judged by nobody yet; what [credentials] says is https://HOST[:PORT] and a Region. */
static enum source_outcome find_service(struct sts_post *p, const struct credentials_conf *set,
                                        const struct sts_role *role, const char *region, char why[SOURCE_WHY])
{
    struct str authority;

    if (!region && (role->action == STS_ASSUME_ROLE || !set->service_url)) {
        snprintf(why, SOURCE_WHY, "no Region is known for STS; write region = REGION, or set AWS_REGION");
        return SOURCE_REFUSED;
    }
    if (role->region && !s3_region_valid(str_from(role->region))) {
        snprintf(why, SOURCE_WHY, "region = %.60s is no Region of AWS; correct it", role->region);
        return SOURCE_REFUSED;
    }
    p->url = set->service_url ? strdup(set->service_url) : regional_url(region);
    if (!p->url) return SOURCE_FAILED;
    authority = without_default_port(str_tail(str_from(p->url), strlen("https://")));
    p->authority = strndup(authority.p, authority.n);
    return p->authority ? SOURCE_GOOD : SOURCE_FAILED;
}

/* --- the form --- */

/* Texts with their words filled in, one after the other. */
struct filler {
    const struct source_context *context;
    const struct principal_conf *principal;
    struct sbuf texts; /* wiped by nobody: no secrets */
    char *why;
};

static bool fill(struct filler *f, struct str text, struct str *out)
{
    size_t start = f->texts.n;
    struct str missing;

    if (!session_words_fill(text, f->context->client, f->principal, false, &f->texts, &missing)) {
        snprintf(f->why, SOURCE_WHY, "{%.*s} stands in source_identity or tags, and %s", STR_ARG(missing),
                 f->context->client ? "this client has none" : "there are sessions of clients only; name one");
        return false;
    }
    *out = str_make(f->texts.p + start, f->texts.n - start);
    return true;
}

/* "Key=value" each, as the configuration has checked. */
static bool fill_tags(struct filler *f, const struct str_list *tags, struct sts_tag *out)
{
    for (size_t i = 0; i < tags->n; i++) {
        struct str tag = str_from(tags->v[i]);
        size_t equals = str_index(tag, '=');

        out[i].key = str_head(tag, equals);
        if (!fill(f, str_tail(tag, equals + 1), &out[i].value)) return false;
    }
    return true;
}

/* The form, in memory of @p with @more bytes after it. */
static bool write_form(struct sts_post *p, const struct sts_request *r, size_t more, struct sbuf *out)
{
    size_t n = sts_form_room(r) + more;

    p->memory = malloc(n);
    p->memory_n = p->memory ? n : 0;
    *out = sbuf_make(p->memory, p->memory_n);
    sts_form(r, out);
    p->body = sbuf_str(out);
    return !out->overflow;
}

/* --- the token --- */

static ssize_t read_whole(int fd, char *out, size_t cap)
{
    size_t n = 0;

    while (n < cap) {
        ssize_t got = read(fd, out + n, cap - n);

        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* @out: STS_TOKEN_MAX + 3 bytes. */
static enum source_outcome read_token(const char *path, char *out, struct str *token, char why[SOURCE_WHY])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t n = -1;
    int problem = errno;

    if (fd >= 0) {
        bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

        n = regular ? read_whole(fd, out, STS_TOKEN_MAX + 3) : -1;
        problem = regular ? errno : EINVAL;
        close(fd);
    }
    if (n < 0) {
        snprintf(why, SOURCE_WHY, "token_file %.160s cannot be read (%s); let the proxy read it, or name another one",
                 path, problem == EINVAL ? "not a regular file" : strerror(problem));
        return SOURCE_FAILED;
    }
    *token = str_make(out, (size_t)n);
    for (int i = 0; i < 2 && token->n && strchr("\r\n", token->p[token->n - 1]); i++)
        token->n--;
    if (token->n <= STS_TOKEN_MAX && key_text_valid(*token)) return SOURCE_GOOD;
    snprintf(why, SOURCE_WHY, "token_file %.160s holds no token: %s", path,
             token->n == 0              ? "it is empty"
             : token->n > STS_TOKEN_MAX ? "it is too long"
                                        : "there is something else than visible ASCII characters on one line");
    return SOURCE_FAILED;
}

/* --- head and signature --- */

static void add_header(struct sts_post *p, struct sbuf *b, const char *name, struct str value)
{
    size_t start = b->n;

    ASSERT(p->headers_n < STS_HEADERS);
    sbuf_add(b, str_from(name));
    sbuf_add(b, STR(": "));
    sbuf_add(b, value);
    p->headers[p->headers_n++] = str_make(b->p + start, b->n - start);
}

/* The Authorization value, in @arena; {NULL,0} when there is no memory. */
static struct str authorize(struct digest *d, struct sigv4_keys *cache, const struct sts_post *p,
                            const struct headers *headers, const struct key_set *keys, const char *region,
                            struct str timestamp, struct arena *arena)
{
    const struct hmac_key *key = sigv4_key(cache, d, str_from(keys->access_key_id), str_from(keys->secret_access_key),
                                           str_head(timestamp, SIGV4_DATE_BYTES), str_from(region), STR("sts"));
    uint8_t hash[SHA256_BYTES];
    struct sbuf hex = arena_sbuf(arena, SHA256_HEX);
    struct sigv4_input in = {
        .method = STR("POST"), .path = STR("/"), .host = str_from(p->authority), .headers = headers};

    digest_sha256(d, p->body, hash);
    hex_lower(&hex, hash, sizeof(hash));
    in.payload_hash = sbuf_str(&hex);
    in.signed_headers = sigv4_headers_to_sign(headers, arena);
    if (!key || hex.overflow || !in.signed_headers.p) return STR_NONE;
    return sigv4_authorization(d, key, &in, str_from(keys->access_key_id), timestamp, str_from(region), STR("sts"),
                               arena);
}

/* All of it is in the first block. */
static void wipe_arena(struct arena *a)
{
    void *p;

    arena_reset(a);
    p = arena_alloc(a, SIGNING_BYTES);
    if (p) secret_wipe(p, SIGNING_BYTES);
    arena_clear(a);
}

static const struct str content_type = STR_INIT("application/x-www-form-urlencoded; charset=utf-8");

/* @b: room after the form. */
static bool sign(struct sts_post *p, struct sbuf *b, const struct key_set *keys, const char *region)
{
    char timestamp[SIGV4_TIMESTAMP_BYTES];
    struct header fields[] = {
        {STR("Host"), str_from(p->authority), HDR_HOST},
        {STR("Content-Type"), content_type, HDR_CONTENT_TYPE},
        {STR("X-Amz-Date"), str_make(timestamp, sizeof(timestamp)), HDR_X_AMZ_DATE},
        {STR("X-Amz-Security-Token"), str_from(keys->session_token), HDR_X_AMZ_SECURITY_TOKEN},
    };
    struct headers headers = {fields, ARRAY_LEN(fields) - (keys->session_token ? 0 : 1)};
    struct digest *d = digest_new();
    struct sigv4_keys *cache = sigv4_keys_new(1);
    struct str authorization = STR_NONE;
    struct arena arena;

    arena_init(&arena, SIGNING_BYTES, SIGNING_BYTES);
    sigv4_format_time(clock_wall_us() / 1000000, timestamp);
    if (d && cache) authorization = authorize(d, cache, p, &headers, keys, region, fields[2].value, &arena);
    add_header(p, b, "X-Amz-Date", fields[2].value);
    if (keys->session_token) add_header(p, b, "X-Amz-Security-Token", fields[3].value);
    add_header(p, b, "Authorization", authorization);
    sigv4_keys_free(&cache);
    digest_free(&d);
    wipe_arena(&arena);
    return authorization.p && !b->overflow;
}

static size_t header_room(const struct sts_post *p, const struct key_set *keys)
{
    size_t n = HEADER_SLACK + strlen(p->authority);

    if (keys) n += strlen(keys->access_key_id) + (keys->session_token ? strlen(keys->session_token) : 0);
    return n;
}

/* --- all together --- */

static bool write_post(struct sts_post *p, const struct sts_request *r, const struct key_set *keys, const char *region)
{
    struct sbuf b;

    if (!write_form(p, r, header_room(p, keys), &b)) return false;
    add_header(p, &b, "Host", str_from(p->authority));
    add_header(p, &b, "Content-Type", content_type);
    return (!keys || sign(p, &b, keys, region)) && !b.overflow;
}

enum source_outcome sts_post_make(struct sts_post *p, struct source *source, const struct sts_role *role,
                                  const struct key_set *keys, const char *session, char why[SOURCE_WHY])
{
    const struct source_context *c = source->context;
    const char *region = role->region ? role->region : c->set->region;
    char *token = role->action == STS_WEB_IDENTITY ? malloc(STS_TOKEN_MAX + 3) : NULL, *texts = malloc(TEXTS_BYTES);
    struct filler filler = {c, source_principal(c), sbuf_make(texts, texts ? TEXTS_BYTES : 0), why};
    struct sts_tag tags[TAGS_MAX];
    struct sts_request r = {.action = role->action,
                            .role_arn = str_from(role->role_arn),
                            .session_name = str_from(session),
                            .external_id = str_from(role->external_id),
                            .duration_s = role->duration_s,
                            .tags = tags,
                            .tags_n = role->tags.n};
    enum source_outcome outcome = SOURCE_REFUSED;

    ASSERT(role->tags.n <= TAGS_MAX);
    sts_post_clear(p);
    snprintf(why, SOURCE_WHY, "out of memory");
    if (fill(&filler, str_from(role->source_identity), &r.source_identity) && fill_tags(&filler, &role->tags, tags))
        outcome = find_service(p, c->set, role, region, why);
    if (outcome == SOURCE_GOOD && role->action == STS_WEB_IDENTITY) {
        source_read_file(source, role->token_file);
        outcome = token ? read_token(role->token_file, token, &r.web_identity_token, why) : SOURCE_FAILED;
    }
    if (outcome == SOURCE_GOOD && (filler.texts.overflow || !write_post(p, &r, keys, region))) outcome = SOURCE_FAILED;
    if (token) secret_wipe(token, STS_TOKEN_MAX + 3);
    free(token);
    free(texts);
    return outcome;
}
