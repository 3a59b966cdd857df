/* SPDX-License-Identifier: Apache-2.0
 * reload.c: the command `reload`: puts the files in force, and answers with the difference in words, or with all
 * problems. Control thread.
 */
#include "control/reload.h"

#include "commands.h"
#include "keys/json_text.h"

#include <stdlib.h>

/* A call that waits for its reload. */
struct waiter {
    struct reload_ask ask;
    struct reload *reload; /* borrowed */
    struct admin_call *call;
};

json_t *lines_json(const struct str_list *lines)
{
    json_t *all = json_array();

    for (size_t i = 0; i < lines->n; i++)
        json_array_append_new(all, json_text(lines->v[i]));
    return all;
}

static json_t *good_json(const struct reload_answer *a, const struct waiter *w)
{
    json_t *o = json_pack("{sb so so}", "in_force", w->ask.what != RELOAD_CHECK, "warnings", lines_json(a->warnings),
                          "behind", lines_json(a->behind));

    for (size_t i = 0; o && i < SETTINGS_CHANGES_N; i++)
        json_object_set_new(o, settings_change_name((enum settings_change)i), lines_json(&a->diff->v[i]));
    return o;
}

static void on_done(void *arg, const struct reload_answer *a)
{
    struct waiter *w = arg;
    json_t *answer = a->problems->n ? json_pack("{ss so}", "error", "the proxy goes on with what it had", "problems",
                                                lines_json(a->problems))
                                    : good_json(a, w);

    admin_reply_json(w->call, answer);
    free(w);
}

static void on_cancel(void *arg)
{
    struct waiter *w = arg;

    reload_forget(w->reload, &w->ask);
    free(w);
}

/* The one that it was started with, whatever its name is now. False: that was answered. */
static bool is_own_file(struct admin_call *call, const char *own)
{
    const char *asked = admin_call_text(call, "file");
    char *path = asked ? realpath(own, NULL) : NULL;
    bool same = !asked || (path && strcmp(path, asked) == 0);

    if (!same) admin_reply_error(call, "this proxy was started with %s, not with %s", path ? path : own, asked);
    free(path);
    return same;
}

void command_reload(struct admin_call *call)
{
    struct waiter *w;

    if (!is_own_file(call, server_snapshot(call->server)->settings->file)) return;
    w = calloc(1, sizeof(*w));
    if (!w) {
        admin_reply_json(call, NULL);
        return;
    }
    w->call = call;
    w->reload = server_reload(call->server);
    w->ask.what = admin_call_flag(call, "check") ? RELOAD_CHECK
                  : admin_call_flag(call, "cut") ? RELOAD_CUT
                                                 : RELOAD_TAKE;
    w->ask.by = call->by;
    w->ask.done = on_done;
    w->ask.arg = w;
    admin_call_later(call, on_cancel, w);
    reload_ask(w->reload, &w->ask);
}
