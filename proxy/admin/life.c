/* SPDX-License-Identifier: Apache-2.0
 * life.c: the commands drain and upgrade. Both answer when all is over, if they are waited for.
 */
#include "commands.h"

#include <stdlib.h>

struct drain_call {
    struct drain_waiter waiter;
    struct admin_call *call;
};

struct upgrade_call {
    struct upgrade_waiter waiter;
    struct admin_call *call;
};

/* --- drain --- */

static void on_drained(void *arg, const struct drain_result *r)
{
    struct drain_call *d = arg;
    struct admin_call *call = d->call;

    free(d);
    admin_reply_json(call, json_pack("{ss sI sI}", "state", drain_state_name(DRAIN_OVER), "finished",
                                     (json_int_t)r->finished, "cut", (json_int_t)r->cut));
}

static void forget_drain(void *arg)
{
    struct drain_call *d = arg;

    drain_forget(server_drain(d->call->server), &d->waiter);
    free(d);
}

void command_drain(struct admin_call *call)
{
    struct drain *drain = server_drain(call->server);
    struct drain_call *d = admin_call_flag(call, "wait") ? malloc(sizeof(*d)) : NULL;

    LOG(LOG_INFO, "s3onramp drain: finishing what runs");
    if (d) {
        *d = (struct drain_call){{NULL, on_drained, d}, call};
        drain_wait(drain, &d->waiter);
        admin_call_later(call, forget_drain, d);
    }
    server_stop(call->server, call->by);
    if (!d) admin_reply_json(call, json_pack("{ss}", "state", drain_state_name(drain_state(drain))));
}

/* --- upgrade --- */

static void on_upgraded(void *arg, pid_t pid, const char *why)
{
    struct upgrade_call *u = arg;
    struct admin_call *call = u->call;

    free(u);
    if (pid)
        admin_reply_json(call, json_pack("{sI}", "pid", (json_int_t)pid));
    else
        admin_reply_error(call, "the new program did not become ready, and the running one goes on: %s", why);
}

static void forget_upgrade(void *arg)
{
    struct upgrade_call *u = arg;

    upgrade_forget(server_upgrades(u->call->server), &u->waiter);
    free(u);
}

void command_upgrade(struct admin_call *call)
{
    struct upgrade_call *u = malloc(sizeof(*u));
    struct err err = {0};

    if (!u) {
        admin_reply_error(call, "out of memory");
    } else if (server_upgrade(call->server, call->by, &err) != ERR_NONE) {
        free(u);
        admin_reply_error(call, "no upgrade: %s%s%s", err.detail, err.sys_errno ? ": " : "",
                          err.sys_errno ? strerror(err.sys_errno) : "");
    } else {
        *u = (struct upgrade_call){{NULL, on_upgraded, u}, call};
        upgrade_wait(server_upgrades(call->server), &u->waiter);
        admin_call_later(call, forget_upgrade, u);
    }
}
