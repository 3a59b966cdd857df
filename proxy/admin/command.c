/* SPDX-License-Identifier: Apache-2.0
 * command.c: see command.h. Owns a question while its call lasts.
 */
#include "admin/command.h"

#include "flow/audit.h"
#include "keys/json_text.h"

#include <event2/buffer.h>
#include <stdlib.h>

enum { WORDS_MAX = 1024 };

const struct admin_command *admin_find_command(const struct admin_commands *all, struct str name)
{
    for (size_t i = 0; i < all->n; i++)
        if (str_eq(str_from(all->v[i].name), name)) return &all->v[i];
    return NULL;
}

static const struct admin_argument *find_argument(const struct admin_command *command, const char *name)
{
    for (size_t i = 0; i < ADMIN_ARGUMENTS && command->arguments[i].name; i++)
        if (strcmp(command->arguments[i].name, name) == 0) return &command->arguments[i];
    return NULL;
}

static bool is_of_type(const json_t *value, enum admin_type type)
{
    return type == ADMIN_TEXT ? json_is_string(value) : json_is_boolean(value);
}

static const char *list_commands(const struct admin_commands *all, char out[WORDS_MAX])
{
    struct sbuf b = sbuf_make(out, WORDS_MAX - 1);

    for (size_t i = 0; i < all->n; i++)
        sbuf_printf(&b, "%s%s", i ? ", " : "", all->v[i].name);
    out[b.n] = '\0';
    return out;
}

static const char *list_arguments(const struct admin_command *command, char out[WORDS_MAX])
{
    struct sbuf b = sbuf_make(out, WORDS_MAX - 1);

    for (size_t i = 0; i < ADMIN_ARGUMENTS && command->arguments[i].name; i++)
        sbuf_printf(&b, "%s%s", i ? ", " : "", command->arguments[i].name);
    out[b.n] = '\0';
    return b.n ? out : "none";
}

/* False: what is wrong with the arguments was answered. */
static bool judge_arguments(struct admin_call *call, const struct admin_command *command)
{
    char words[WORDS_MAX];
    const char *name;
    json_t *value;

    json_object_foreach(call->asked, name, value)
    {
        const struct admin_argument *a = find_argument(command, name);

        if (strcmp(name, "command") == 0) continue;
        if (!a) {
            admin_reply_error(call, "%s has no argument \"%s\"; its arguments: %s", command->name, name,
                              list_arguments(command, words));
            return false;
        }
        if (!is_of_type(value, a->type)) {
            admin_reply_error(call, "%s: \"%s\" must be %s", command->name, name,
                              a->type == ADMIN_TEXT ? "a string" : "true or false");
            return false;
        }
    }
    for (size_t i = 0; i < ADMIN_ARGUMENTS && command->arguments[i].name; i++)
        if (command->arguments[i].needed && !json_object_get(call->asked, command->arguments[i].name)) {
            admin_reply_error(call, "%s needs \"%s\"", command->name, command->arguments[i].name);
            return false;
        }
    return true;
}

/* "drop credentials=default" */
static void audit(const struct admin_call *call, const struct admin_command *command)
{
    char words[WORDS_MAX];
    struct sbuf b = sbuf_make(words, sizeof(words) - 1);
    const struct audit_event e = {.name = "command", .by = call->by, .what = words, .outcome = "begun"};
    const char *name;
    json_t *value;

    sbuf_add(&b, str_from(command->name));
    json_object_foreach(call->asked, name, value)
    {
        if (strcmp(name, "command") == 0) continue;
        sbuf_printf(&b, " %s=%.256s", name,
                    json_is_string(value) ? json_string_value(value)
                    : json_is_true(value) ? "yes"
                                          : "no");
    }
    words[b.n] = '\0';
    audit_tell(call->audit, &e);
}

static void run(struct admin_call *call, const struct admin_command *command)
{
    if (command->right == ADMIN_CHANGE) audit(call, command);
    command->run(call);
}

void admin_call_run(struct admin_call *call, struct str question)
{
    json_error_t wrong;
    json_t *asked = json_loadb(question.p ? question.p : "", question.n, JSON_REJECT_DUPLICATES, &wrong);

    if (asked)
        admin_call_ask(call, asked);
    else
        admin_reply_error(call, "the question must be one line of JSON, like {\"command\": \"status\"}: %s",
                          wrong.text);
}

void admin_call_ask(struct admin_call *call, json_t *asked)
{
    const struct admin_command *command;
    const char *name;
    char words[WORDS_MAX];

    call->asked = asked;
    name = json_string_value(json_object_get(call->asked, "command"));
    command = name ? admin_find_command(call->commands, str_from(name)) : NULL;
    if (!asked)
        admin_reply_json(call, NULL);
    else if (!name)
        admin_reply_error(call, "the question must be an object like {\"command\": \"status\"}; commands: %s",
                          list_commands(call->commands, words));
    else if (!command)
        admin_reply_error(call, "there is no command \"%s\"; commands: %s", name, list_commands(call->commands, words));
    else if (call->right < command->right)
        admin_reply_error(call, "%s is for those only who may change something here", command->name);
    else if (judge_arguments(call, command))
        run(call, command);
}

void admin_call_clear(struct admin_call *call)
{
    void (*cancel)(void *) = call->cancel;

    call->cancel = NULL;
    json_decref(call->asked);
    call->asked = NULL;
    if (cancel) cancel(call->arg);
}

const char *admin_call_text(const struct admin_call *call, const char *argument)
{
    return json_string_value(json_object_get(call->asked, argument));
}

bool admin_call_flag(const struct admin_call *call, const char *argument)
{
    return json_is_true(json_object_get(call->asked, argument));
}

void admin_call_later(struct admin_call *call, void (*cancel)(void *arg), void *arg)
{
    call->cancel = cancel;
    call->arg = arg;
}

static int add_text(const char *text, size_t n, void *out)
{
    return evbuffer_add(out, text, n);
}

/* NULL: not even memory to say that there is none. */
static struct evbuffer *text_of(const json_t *object)
{
    struct evbuffer *text = evbuffer_new();

    if (!text) return NULL;
    if (!object || json_dump_callback(object, add_text, text, JSON_INDENT(1))) {
        evbuffer_drain(text, SIZE_MAX);
        evbuffer_add_printf(text, "{\"error\": \"out of memory\"}");
    }
    evbuffer_add(text, "\n", 1);
    return text;
}

void admin_reply_json(struct admin_call *call, json_t *object)
{
    struct evbuffer *text = text_of(object);

    call->failed |= !object;
    call->cancel = NULL;
    json_decref(object);
    call->answer(call, text, NULL);
}

void admin_reply_error(struct admin_call *call, const char *fmt, ...)
{
    char text[2 * WORDS_MAX];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof(text), fmt, args) < 0) text[0] = '\0';
    va_end(args);
    call->failed = true;
    admin_reply_json(call, json_pack("{so}", "error", json_text(text)));
}

void admin_reply_stream(struct admin_call *call, const struct admin_stream *stream)
{
    call->cancel = NULL;
    call->answer(call, evbuffer_new(), stream);
}
