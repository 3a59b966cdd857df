/* SPDX-License-Identifier: Apache-2.0
 * source_static.c: keys that are written down: in the section, in files that it names, in the environment, or given by
 * another source. All of it is there at once: fetches end at once. Control thread.
 *
 * Files are read one after the other. Of a set that is being exchanged, the first may be new and the last still old;
 * that cannot be seen here. Such a set fails at S3 until the next change of a file is noticed and all are read again,
 * so the files of a set should be exchanged in quick succession, or at once by way of a symbolic link to their folder.
 * Source: AWS SDKs and Tools Reference Guide, "AWS access keys" (variables); botocore credentials.py
 * (AWS_CREDENTIAL_EXPIRATION, AWS_SECURITY_TOKEN).
 */
#include "keys/source.h"

#include "aws/documents/key_document.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

static const struct str file_word = STR_INIT("file:");

static void cancel(struct source *s UNUSED) {}

static void free_plain(struct source *s)
{
    free(s);
}

static struct source *new_plain(const struct source_context *context, const struct source_ops *ops)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s) *s = (struct source){.ops = ops, .context = context};
    return s;
}

/* NULL is copied as NULL. */
static bool copy(const char *from, char **to)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

/* --- keys of the section --- */

bool source_secret(struct source *s, const char *key, const char *value, char **out, char why[SOURCE_WHY])
{
    struct err err = {0};

    *out = NULL;
    if (!value || !str_starts(str_from(value), file_word)) {
        if (copy(value, out)) return true;
        snprintf(why, SOURCE_WHY, "%s: out of memory", key);
        return false;
    }
    source_read_file(s, value + file_word.n);
    if (secret_read_file(value + file_word.n, true, out, &err) == ERR_NONE) return true;
    snprintf(why, SOURCE_WHY, "%.40s: %.270s", key, err.code == ERR_NO_MEMORY ? "out of memory" : err.detail);
    return false;
}

/* Can it be signed with and sent? */
static bool is_usable(const char *value, bool secret)
{
    return secret ? key_secret_valid(str_from(value)) : key_text_valid(str_from(value));
}

static const char *unusable(bool secret)
{
    return secret ? "is empty, or begins or ends with a blank, or holds a character that no key has"
                  : "is empty, or holds a blank or another character that no key has";
}

/* One value of the set. */
static bool read_value(struct source *s, const char *key, const char *value, char **out, struct source_result *r)
{
    bool secret = strcmp(key, "secret_access_key") == 0;

    if (!source_secret(s, key, value, out, r->why)) {
        r->outcome = SOURCE_FAILED;
        return false;
    }
    if (!*out || is_usable(*out, secret)) return true;
    bool from_file = str_starts(str_from(value), file_word);
    snprintf(r->why, sizeof(r->why), "%s%s%.160s %s; write it anew", key, from_file ? ": " : "",
             from_file ? value + file_word.n : "", unusable(secret));
    r->outcome = from_file ? SOURCE_FAILED : SOURCE_REFUSED;
    return false;
}

static void say_origin(const struct source *s, struct source_result *r)
{
    struct sbuf b = sbuf_make(r->origin, sizeof(r->origin) - 1);

    sbuf_printf(&b, "[credentials %s]", s->context->set->name);
    for (size_t i = 0; i < s->files_n; i++)
        sbuf_printf(&b, ", %s", s->files[i]);
    r->origin[b.n] = '\0';
}

static void fetch_section(struct source *s)
{
    const struct credentials_conf *set = s->context->set;
    struct source_result r = {.outcome = SOURCE_GOOD};

    source_forget_files(s);
    if (read_value(s, "access_key_id", set->access_key_id, &r.keys.access_key_id, &r) &&
        read_value(s, "secret_access_key", set->secret_access_key, &r.keys.secret_access_key, &r) &&
        read_value(s, "session_token", set->session_token, &r.keys.session_token, &r))
        say_origin(s, &r);
    else
        key_set_clear(&r.keys);
    source_end(s, &r);
}

static const struct source_ops section_ops = {fetch_section, cancel, free_plain};

struct source *source_static(const struct source_context *context)
{
    if (context->set->source == CREDENTIALS_ENVIRONMENT) return source_environment(context);
    return new_plain(context, &section_ops);
}

/* --- keys of the environment --- */

/* NULL: not set, or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static bool check_variable(struct source_result *r, const char *name, const char *value, bool secret)
{
    if (!value || is_usable(value, secret)) return true;
    r->outcome = SOURCE_FAILED;
    snprintf(r->why, sizeof(r->why), "%s %s; set it right", name, unusable(secret));
    return false;
}

static bool read_expiration(struct source_result *r)
{
    static const char name[] = "AWS_CREDENTIAL_EXPIRATION";
    const char *text = variable(name);

    if (!text || iso8601_parse(str_from(text), &r->keys.expires_s)) return true;
    r->outcome = SOURCE_FAILED;
    snprintf(r->why, sizeof(r->why), "%s is no time; write it like 2026-11-24T12:00:00Z, or unset it", name);
    return false;
}

static void missing(struct source_result *r, const char *id, const char *secret)
{
    static const char id_name[] = "AWS_ACCESS_KEY_ID", secret_name[] = "AWS_SECRET_ACCESS_KEY";

    if (!id && !secret) {
        r->outcome = SOURCE_ABSENT;
        snprintf(r->why, sizeof(r->why), "%s is not set; set it and %s for the proxy", id_name, secret_name);
        return;
    }
    r->outcome = SOURCE_FAILED;
    snprintf(r->why, sizeof(r->why), "%s is set, but %s is not; set both for the proxy", id ? id_name : secret_name,
             id ? secret_name : id_name);
}

static void read_environment(struct source_result *r)
{
    const char *id = variable("AWS_ACCESS_KEY_ID"), *secret = variable("AWS_SECRET_ACCESS_KEY");
    const char *token = variable("AWS_SESSION_TOKEN"), *old = variable("AWS_SECURITY_TOKEN");

    if (!token) token = old;
    if (!id || !secret) {
        missing(r, id, secret);
        return;
    }
    if (!check_variable(r, "AWS_ACCESS_KEY_ID", id, false) ||
        !check_variable(r, "AWS_SECRET_ACCESS_KEY", secret, true) ||
        !check_variable(r, "AWS_SESSION_TOKEN", token, false) || !read_expiration(r))
        return;
    r->outcome = SOURCE_GOOD;
    snprintf(r->origin, sizeof(r->origin), "the environment (AWS_ACCESS_KEY_ID)");
    if (copy(id, &r->keys.access_key_id) && copy(secret, &r->keys.secret_access_key) &&
        copy(token, &r->keys.session_token))
        return;
    r->outcome = SOURCE_FAILED;
    snprintf(r->why, sizeof(r->why), "out of memory");
}

static void fetch_environment(struct source *s)
{
    struct source_result r = {0};

    read_environment(&r);
    if (r.outcome != SOURCE_GOOD) key_set_clear(&r.keys);
    source_end(s, &r);
}

static const struct source_ops environment_ops = {fetch_environment, cancel, free_plain};

struct source *source_environment(const struct source_context *context)
{
    return new_plain(context, &environment_ops);
}

/* --- keys given by hand --- */

struct given {
    struct source source; /* first */
    struct key_set keys;  /* owned */
    char origin[SOURCE_WHY];
};

static bool copy_keys(const struct key_set *from, struct key_set *to)
{
    bool ok = copy(from->access_key_id, &to->access_key_id);

    ok &= copy(from->secret_access_key, &to->secret_access_key);
    ok &= copy(from->session_token, &to->session_token);
    to->expires_s = from->expires_s;
    if (!ok) key_set_clear(to);
    return ok;
}

static void fetch_given(struct source *s)
{
    struct given *given = (struct given *)s;
    struct source_result r = {.outcome = SOURCE_GOOD};

    snprintf(r.origin, sizeof(r.origin), "%s", given->origin);
    if (copy_keys(&given->keys, &r.keys))
        source_end(s, &r);
    else
        source_fail(s, SOURCE_FAILED, "out of memory");
}

static void free_given(struct source *s)
{
    key_set_clear(&((struct given *)s)->keys);
    free(s);
}

static const struct source_ops given_ops = {fetch_given, cancel, free_given};

struct source *source_keys_with(const struct source_context *context, const struct key_set *keys, const char *origin)
{
    struct given *given = calloc(1, sizeof(*given));

    if (!given) return NULL;
    given->source = (struct source){.ops = &given_ops, .context = context};
    snprintf(given->origin, sizeof(given->origin), "%s", origin);
    if (copy_keys(keys, &given->keys)) return &given->source;
    free(given);
    return NULL;
}
