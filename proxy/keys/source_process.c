/* SPDX-License-Identifier: Apache-2.0
 * source_process.c: keys that a program prints, as credential_process of the AWS tools has it. Control thread.
 * Source: AWS SDKs and Tools Reference Guide, "Process credential provider". Its error output may hold secrets and is
 * shown to nobody, and so may its arguments: messages name the program alone.
 */
#include "keys/source.h"

#include "aws/documents/command_line.h"
#include "aws/documents/key_document.h"
#include "base/secret.h"
#include "io/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WHERE_MAX = 128 };

struct process_source {
    struct source s;
    char *command; /* owned, wiped */
    char where[WHERE_MAX];
    struct command_line line; /* while it runs */
    struct child *child;      /* owned; NULL: nothing runs */
};

static struct process_source *process_of(struct source *s)
{
    return (struct process_source *)s;
}

static const char *by_hand(char out[64])
{
    snprintf(out, 64, "run it by hand as user %u to see why", (unsigned)geteuid());
    return out;
}

static void give(struct process_source *p, const struct child_result *c)
{
    struct source_result r = {.outcome = SOURCE_GOOD};
    struct key_document d;
    struct err err = {0};

    if (key_document_parse(c->output, KEY_DOCUMENT_PROCESS, &d, &err) != ERR_NONE) {
        source_fail(&p->s, SOURCE_FAILED, "%s: what %.80s printed is not usable: %.160s", p->where, p->line.argv[0],
                    err.detail);
        return;
    }
    if (d.expires_s && d.expires_s <= clock_wall_us() / 1000000) {
        key_document_clear(&d);
        source_fail(&p->s, SOURCE_FAILED, "%s: %.80s printed keys that have expired already; does it cache them?",
                    p->where, p->line.argv[0]);
        return;
    }
    r.keys = (struct key_set){d.access_key_id, d.secret_access_key, d.session_token, d.expires_s};
    snprintf(r.origin, sizeof(r.origin), "%s: %.160s", p->where, p->line.argv[0]);
    source_end(&p->s, &r);
}

static void on_done(void *arg, const struct child_result *c)
{
    struct process_source *p = arg;
    const char *program = p->line.argv[0];
    char hand[64];

    p->child = NULL;
    by_hand(hand);
    if (c->end == CHILD_EXITED && c->code == 0)
        give(p, c);
    else if (c->end == CHILD_EXITED)
        source_fail(&p->s, SOURCE_FAILED, "%s: %.120s ended with code %d; %s", p->where, program, c->code, hand);
    else if (c->end == CHILD_SIGNALLED)
        source_fail(&p->s, SOURCE_FAILED, "%s: %.120s was ended by signal %d; %s", p->where, program, c->code, hand);
    else if (c->end == CHILD_TOO_MUCH)
        source_fail(&p->s, SOURCE_FAILED, "%s: %.120s printed more than %d bytes; %s", p->where, program,
                    CHILD_OUTPUT_MAX, hand);
    else
        source_fail(&p->s, SOURCE_FAILED, "%s: %.120s did not end within %llu ms; set `timeout` of [credentials %.40s]",
                    p->where, program, (unsigned long long)p->s.context->set->timeout_ms, p->s.context->set->name);
}

static void process_fetch(struct source *s)
{
    struct process_source *p = process_of(s);
    struct err err = {0};

    command_line_clear(&p->line);
    if (command_line_split(str_from(p->command), &p->line, &err) != ERR_NONE) {
        source_fail(s, SOURCE_REFUSED, "%s: the command cannot be understood: %.160s", p->where, err.detail);
        return;
    }
    if (p->line.n == 0) {
        source_fail(s, SOURCE_REFUSED, "%s: the command is empty; write a program and its arguments", p->where);
        return;
    }
    p->child = child_start(s->context->loop, p->line.argv, &s->context->settings->secret_variables, STR_NONE,
                           s->context->set->timeout_ms, on_done, p, &err);
    if (p->child) return;
    source_fail(s, err.sys_errno == ENOENT || err.sys_errno == EACCES ? SOURCE_REFUSED : SOURCE_FAILED,
                "%s: %.120s cannot be run: %s; write its whole path, it must be a program that user %u may run",
                p->where, p->line.argv[0], strerror(err.sys_errno), (unsigned)geteuid());
}

static void process_cancel(struct source *s)
{
    child_cancel(&process_of(s)->child);
}

static void process_free(struct source *s)
{
    struct process_source *p = process_of(s);

    secret_free(&p->command);
    command_line_clear(&p->line);
    free(p);
}

struct source *source_process_with(const struct source_context *context, const char *command, const char *where)
{
    static const struct source_ops ops = {process_fetch, process_cancel, process_free};
    struct process_source *p = calloc(1, sizeof(*p));

    if (!p) return NULL;
    p->s = (struct source){.ops = &ops, .context = context};
    p->command = strdup(command);
    snprintf(p->where, sizeof(p->where), "%s", where);
    if (p->command) return &p->s;
    free(p);
    return NULL;
}

struct source *source_process(const struct source_context *context)
{
    char where[WHERE_MAX];

    snprintf(where, sizeof(where), "[credentials %s]", context->set->name);
    return source_process_with(context, context->set->command ? context->set->command : "", where);
}
