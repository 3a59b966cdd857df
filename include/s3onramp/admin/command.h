/* SPDX-License-Identifier: Apache-2.0
 * command.h: what a running proxy can be asked to do: a table of commands, and the call of one. Control thread.
 * A question is one JSON object, {"command": NAME, arguments…}; the answer is one JSON object, too (that of `metrics`:
 * other text): with the member "error" it says why nothing was done.
 *
 *   front ──▶ admin_call_run ──▶ command.run ─┬─▶ admin_reply_…: the call is over, and is not touched again
 *                                             └─▶ admin_call_later: a reply follows some time on the control thread;
 *                                                 if the asker goes away first, cancel() comes instead of it
 *
 * A command in four steps: a function void command_NAME(struct admin_call *), its line in proxy/admin/commands.h, its
 * row in commands.c, a test in tests/e2e.
 */
#ifndef S3ONRAMP_ADMIN_COMMAND_H
#define S3ONRAMP_ADMIN_COMMAND_H

#include "control/server.h"

#include <jansson.h>

struct evbuffer;
struct admin_call;
struct overview;
struct traffic_series;

enum { ADMIN_ARGUMENTS = 4 /* of one command */ };

enum admin_right { ADMIN_LOOK, ADMIN_CHANGE };
enum admin_type { ADMIN_TEXT, ADMIN_FLAG };

struct admin_argument {
    const char *name; /* NULL: there are no more */
    enum admin_type type;
    bool needed;
};

struct admin_command {
    const char *name;
    struct admin_argument arguments[ADMIN_ARGUMENTS];
    enum admin_right right; /* what the asker must have */
    void (*run)(struct admin_call *call);
    const char *help; /* a sentence */
};

struct admin_commands {
    const struct admin_command *v;
    size_t n;
};

/* All there are: commands.c. */
extern const struct admin_commands admin_commands;

/* NULL: there is none. */
const struct admin_command *admin_find_command(const struct admin_commands *all, struct str name);

/* An answer that is made while it is taken: neither its length nor a slow reader costs memory or time. */
struct admin_stream {
    /* Adds the next piece, some KiB at most. False: it was the last one. */
    bool (*more)(void *arg, struct evbuffer *out);
    /* Called once, when all was taken or nobody wants it any more. */
    void (*end)(void *arg);
    void *arg;
};

/* One asker's question. The front makes it, and embeds it in what it knows of the asker. */
struct admin_call {
    const struct admin_commands *commands; /* those that it may be about */
    struct server *server;                 /* borrowed */
    enum admin_right right;                /* of the asker */
    char by[64];                           /* the asker, for audit lines */
    struct audit *audit;                   /* borrowed: where they go */
    struct overview *overview;             /* borrowed: for the command of that name */
    struct traffic_series *traffic;        /* borrowed: for metrics */
    int64_t started_us, started_wall_us;   /* when the proxy started: monotonic, and Unix time */
    /* The front's. @text (owned from here on; NULL: no memory), then what @rest gives (copied; NULL: nothing). The call
     * may be gone afterwards. */
    void (*answer)(struct admin_call *call, struct evbuffer *text, const struct admin_stream *rest);

    json_t *asked; /* owned */
    bool failed;   /* the answer says why nothing was done */
    void (*cancel)(void *arg);
    void *arg;
};

/* --- for fronts --- */

/* @question: the JSON. Runs its command, or answers what is wrong with it. */
void admin_call_run(struct admin_call *call, struct str question);
/* The same for a question that was read already; @asked is taken over. NULL: no memory. */
void admin_call_ask(struct admin_call *call, json_t *asked);
/* The call is over, or its asker has gone. Safe to call twice. */
void admin_call_clear(struct admin_call *call);

/* --- for commands --- */

/* The value of an argument; NULL, false: it was not given. */
const char *admin_call_text(const struct admin_call *call, const char *argument);
bool admin_call_flag(const struct admin_call *call, const char *argument);
/* The reply comes later. @cancel(@arg): the asker has gone, nobody may touch the call any more. */
void admin_call_later(struct admin_call *call, void (*cancel)(void *arg), void *arg);

/* One of these, once, ends the call. @object is taken over; NULL: no memory, which is then the answer. */
void admin_reply_json(struct admin_call *call, json_t *object);
void admin_reply_error(struct admin_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);
void admin_reply_stream(struct admin_call *call, const struct admin_stream *stream);

#endif
