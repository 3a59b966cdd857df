/* SPDX-License-Identifier: Apache-2.0
 * http_route.c: the table of paths, and those that are commands.
 */
#include "admin/http_route.h"

#include "admin/exposition.h"
#include "base/release.h"
#include "http/uri.h"
#include "http_call.h"
#include "own_pages.h"
#include "page/page.h"
#include "readiness.h"

#include <event2/buffer.h>

enum { VALUE_MOST = 256 };

static void show_index(struct http_call *c);
static void run_command(struct http_call *c);
static void run_metrics(struct http_call *c);

static const struct http_route rows[] = {
    {"/", false, HTTP_EVERYBODY, show_index, "for browsers the page, else this list"},
    {"/healthz", false, HTTP_EVERYBODY, readiness_show_alive, "200 while every worker turns; needs no token"},
    {"/readyz", false, HTTP_EVERYBODY, readiness_show,
     "200 while requests may be sent here, else 503 and why; needs no token"},
    {"/ca.pem", false, HTTP_EVERYBODY, own_pages_show_authority,
     "the local authority's certificates, which clients are to trust; needs no token"},
    {"/proxy.pac", false, HTTP_EVERYBODY, own_pages_show_pac,
     "for browsers and systems, what goes to the first forward listener; needs no token"},
    {"/metrics", false, HTTP_KNOWN, run_metrics,
     "all that is measured, for Prometheus: in its text format or OpenMetrics"},
    {"/api/", true, HTTP_KNOWN, run_command, "what the read-only command NAME says; its arguments in the query"},
};

const struct http_routes http_routes = {rows, ARRAY_LEN(rows)};

/* At /api/NAME, unless it has a path of its own. */
static bool is_shown(const struct admin_command *command)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].path + 1, command->name) == 0) return false;
    return command->right == ADMIN_LOOK;
}

static void show_index(struct http_call *c)
{
    struct evbuffer *text;
    const struct admin_commands *all = c->call.commands;

    if (http_accepts(c, "text/html")) {
        page_show(c);
        return;
    }
    text = evbuffer_new();
    if (text) evbuffer_add_printf(text, "s3onramp %s\n\n", release_version);
    for (size_t i = 0; text && i < ARRAY_LEN(rows); i++)
        evbuffer_add_printf(text, "%s%s: %s\n", rows[i].path, rows[i].is_folder ? "NAME" : "", rows[i].help);
    for (size_t i = 0; text && i < all->n; i++)
        if (is_shown(&all->v[i])) evbuffer_add_printf(text, "/api/%s: %s\n", all->v[i].name, all->v[i].help);
    http_reply(c, 200, "text/plain; charset=utf-8", text, NULL);
}

/* --- commands --- */

static void answer(struct admin_call *call, struct evbuffer *text, const struct admin_stream *rest)
{
    http_reply((struct http_call *)call, call->failed ? 400 : 200, "application/json", text, rest);
}

static bool is_flag(const struct admin_command *command, const char *name)
{
    for (size_t i = 0; i < ADMIN_ARGUMENTS && command->arguments[i].name; i++)
        if (strcmp(command->arguments[i].name, name) == 0) return command->arguments[i].type == ADMIN_FLAG;
    return false;
}

/* "clients", "clients=yes": true; "clients=no": false; what is none of these stays a text, which the command refuses.
 */
static json_t *flag_json(const char *value)
{
    static const char *const yes[] = {"", "1", "yes", "true"}, *const no[] = {"0", "no", "false"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (strcmp(value, yes[i]) == 0) return json_true();
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (strcmp(value, no[i]) == 0) return json_false();
    return json_string(value);
}

static bool decode(struct str in, char out[VALUE_MOST])
{
    char text[VALUE_MOST];
    size_t n;

    return in.n < VALUE_MOST && uri_decode(in, true, text, &n) && str_to_cstr(str_make(text, n), out, VALUE_MOST);
}

/* The question of the query; NULL: it is none. */
static json_t *question(const struct admin_command *command, struct str query)
{
    struct query_param params[ADMIN_ARGUMENTS];
    size_t n = query_split(query, params, ARRAY_LEN(params));
    json_t *asked = n <= ARRAY_LEN(params) ? json_pack("{ss}", "command", command->name) : NULL;

    for (size_t i = 0; asked && i < n; i++) {
        char name[VALUE_MOST], value[VALUE_MOST];
        bool fine =
            decode(params[i].name, name) && decode(params[i].value, value) && strcmp(name, "command") != 0 &&
            json_object_set_new(asked, name, is_flag(command, name) ? flag_json(value) : json_string(value)) == 0;

        if (fine) continue;
        json_decref(asked);
        asked = NULL;
    }
    return asked;
}

static void run_command(struct http_call *c)
{
    const struct admin_command *command = admin_find_command(c->call.commands, c->asked.command);
    json_t *asked;

    if (!command || !is_shown(command)) {
        http_reply_line(c, 404, "there is no such path; / has a list");
        return;
    }
    asked = question(command, c->asked.query);
    if (!asked) {
        http_reply_line(c, 400, "the query cannot be read; write it like ?clients=yes");
        return;
    }
    c->call.answer = answer;
    admin_call_ask(&c->call, asked);
}

/* --- metrics --- */

static bool wants_openmetrics(const struct http_call *c)
{
    unsigned q = http_accepts(c, "application/openmetrics-text");

    return q && q >= http_accepts(c, "text/plain");
}

static void answer_metrics(struct admin_call *call, struct evbuffer *text, const struct admin_stream *rest)
{
    struct http_call *c = (struct http_call *)call;

    http_reply(c, call->failed ? 500 : 200, wants_openmetrics(c) ? EXPOSITION_OPENMETRICS_TYPE : EXPOSITION_TEXT_TYPE,
               text, rest);
}

static void run_metrics(struct http_call *c)
{
    c->call.answer = answer_metrics;
    admin_call_ask(&c->call, json_pack("{ss sb}", "command", "metrics", "openmetrics", wants_openmetrics(c)));
}
