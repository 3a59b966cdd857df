/* SPDX-License-Identifier: Apache-2.0
 * source.c: what all kinds of sources share; see source.h.
 */
#include "keys/source.h"

#include "base/secret.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void key_set_clear(struct key_set *k)
{
    secret_free(&k->access_key_id);
    secret_free(&k->secret_access_key);
    secret_free(&k->session_token);
    *k = (struct key_set){0};
}

const struct principal_conf *source_principal(const struct source_context *context)
{
    if (!context->client || !context->settings->clients_n) return NULL;
    return settings_client_by_name(context->settings, str_from(context->client));
}

void source_fetch(struct source *s, source_done_fn *done, void *arg)
{
    s->done = done;
    s->arg = arg;
    s->ops->fetch(s);
}

void source_cancel(struct source *s)
{
    if (!s->done) return;
    s->done = NULL;
    s->ops->cancel(s);
}

void source_free(struct source **sp)
{
    struct source *s = *sp;

    if (!s) return;
    *sp = NULL;
    source_cancel(s);
    source_forget_files(s);
    s->ops->free(s);
}

void source_end(struct source *s, struct source_result *r)
{
    source_done_fn *done = s->done;

    s->done = NULL;
    if (done) done(s->arg, r);
    key_set_clear(&r->keys);
}

void source_fail(struct source *s, enum source_outcome outcome, const char *fmt, ...)
{
    struct source_result r = {.outcome = outcome};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r.why, sizeof(r.why), fmt, ap);
    va_end(ap);
    source_end(s, &r);
}

void source_read_file(struct source *s, const char *path)
{
    for (size_t i = 0; i < s->files_n; i++)
        if (strcmp(s->files[i], path) == 0) return;
    if (s->files_n < SOURCE_FILES && (s->files[s->files_n] = strdup(path))) s->files_n++;
}

void source_forget_files(struct source *s)
{
    while (s->files_n)
        free(s->files[--s->files_n]);
}
