/* SPDX-License-Identifier: Apache-2.0
 * admin.c: see admin.h.
 */
#include "admin/admin.h"

#include "admin/command.h"
#include "admin/unix_socket.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

struct admin {
    struct server *server;      /* borrowed */
    struct unix_socket *socket; /* owned */
    struct upgrade_door door;
};

static void enter(void *arg)
{
    unix_socket_enter(((struct admin *)arg)->socket);
}

static void leave(void *arg)
{
    unix_socket_leave(((struct admin *)arg)->socket);
}

static enum err_code open_socket(struct admin *a, const char *path, const struct admin_call *call, struct err *err)
{
    TRY(unix_socket_new(server_loop(a->server), path, server_take_unix(a->server, path), call, &a->socket, err));
    a->door = (struct upgrade_door){.fd = unix_socket_fd(a->socket), .enter = enter, .leave = leave, .arg = a};
    upgrade_add_door(server_upgrades(a->server), &a->door);
    if (server_is_alone(a->server)) enter(a);
    return ERR_NONE;
}

enum err_code admin_new(struct server *server, struct admin **out, struct err *err)
{
    const struct settings *s = server_snapshot(server)->settings;
    struct loop *loop = server_loop(server);
    struct admin_call call = {
        .commands = &admin_commands,
        .server = server,
        .right = ADMIN_CHANGE, /* the socket is the proxy's user's alone */
        .audit = server_audit(server),
        .started_us = loop->now_us,
        .started_wall_us = clock_wall_us(),
    };
    struct admin *a;
    enum err_code code;

    if (strcmp(s->admin.socket, "off") == 0) return ERR_NONE;
    a = calloc(1, sizeof(*a));
    if (!a) return err_set(err, ERR_NO_MEMORY, 0, "admin socket");
    a->server = server;
    code = open_socket(a, s->admin.socket, &call, err);
    if (code != ERR_NONE) {
        admin_free(&a);
        if (!s->admin.is_default) return code;
        LOG(LOG_WARN,
            "no admin socket, so `s3onramp status` and `credentials` get no answer: %s (%s); make its folder, writable "
            "by "
            "the proxy's user, or set `socket` of [admin] to a path that it can make, or to off",
            err->detail, strerror(err->sys_errno));
        *err = (struct err){0};
    }
    *out = a;
    return ERR_NONE;
}

void admin_free(struct admin **ap)
{
    struct admin *a = *ap;

    *ap = NULL;
    if (!a) return;
    upgrade_remove_door(server_upgrades(a->server), &a->door);
    if (a->socket && !server_is_alone(a->server)) unix_socket_leave(a->socket);
    unix_socket_free(&a->socket);
    free(a);
}
