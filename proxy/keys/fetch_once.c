/* SPDX-License-Identifier: Apache-2.0
 * fetch_once.c: see fetch_once.h. Sections that others sign with get sources of their own, one inside the other.
 */
#include "keys/fetch_once.h"

#include <stdlib.h>

enum { NESTED_MAX = 8 };

struct fetcher {
    struct loop loop;
    struct http *http;
    const struct settings *settings;
    const char *client;
    struct source_context contexts[NESTED_MAX];
    size_t contexts_n;
    struct source_result *out;
};

static struct source *section_source(void *arg, const struct credentials_conf *set);

static struct source *make_source(struct fetcher *f, const struct credentials_conf *set, struct err *err)
{
    struct source_context *context = &f->contexts[f->contexts_n];

    if (f->contexts_n == NESTED_MAX) {
        err_set(err, ERR_CONFIG, 0, "[credentials %s]: too many sections that refer to each other", set->name);
        return NULL;
    }
    f->contexts_n++;
    *context = (struct source_context){&f->loop, f->http, f->settings, set, f->client, section_source, f};
    return source_new(context, err);
}

static struct source *section_source(void *arg, const struct credentials_conf *set)
{
    struct fetcher *f = arg;

    return make_source(f, set, NULL);
}

static void on_done(void *arg, struct source_result *r)
{
    struct fetcher *f = arg;

    *f->out = *r;
    r->keys = (struct key_set){0};
    loop_stop(&f->loop);
}

static enum err_code fetch(struct fetcher *f, const struct credentials_conf *set, struct err *err)
{
    struct source *source;

    TRY(http_new(&f->loop, &f->http, err));
    source = make_source(f, set, err);
    if (!source) return err->code;
    source_fetch(source, on_done, f);
    loop_run(&f->loop); /* ends at once if it is done already */
    source_free(&source);
    return ERR_NONE;
}

enum err_code fetch_once(const struct settings *s, const struct credentials_conf *set, const char *client,
                         struct source_result *out, struct err *err)
{
    struct fetcher *f = calloc(1, sizeof(*f));
    enum err_code code;

    if (!f) return err_set(err, ERR_NO_MEMORY, 0, "credentials");
    f->settings = s;
    f->client = client;
    f->out = out;
    *out = (struct source_result){0};
    code = loop_init(&f->loop, NULL, NULL, f, err);
    if (code == ERR_NONE) code = fetch(f, set, err);
    http_free(&f->http);
    if (f->loop.base) loop_clear(&f->loop);
    free(f);
    return code;
}
