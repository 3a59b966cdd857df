/* SPDX-License-Identifier: Apache-2.0
 * admin.c: see admin.h.
 */
#include "admin/admin.h"

#include "admin/command.h"
#include "admin/traffic_series.h"
#include "admin/unix_socket.h"
#include "base/clock.h"
#include "base/log.h"
#include "http_front.h"
#include "page/overview.h"

#include <stdlib.h>

struct admin {
    struct server *server;          /* borrowed */
    struct unix_socket *socket;     /* owned; NULL: there is none */
    struct http_front *http;        /* owned */
    struct overview *overview;      /* owned */
    struct traffic_series *traffic; /* owned */
    struct upgrade_door socket_door, http_door;
};

static void enter_socket(void *arg)
{
    unix_socket_enter(((struct admin *)arg)->socket);
}

static void leave_socket(void *arg)
{
    unix_socket_leave(((struct admin *)arg)->socket);
}

static void enter_http(void *arg)
{
    http_front_follow(((struct admin *)arg)->http);
}

static void leave_http(void *arg)
{
    http_front_leave(((struct admin *)arg)->http);
}

static void add_door(struct admin *a, struct upgrade_door *door)
{
    upgrade_add_door(server_upgrades(a->server), door);
    if (server_is_alone(a->server)) door->enter(a);
}

static enum err_code open_socket(struct admin *a, const char *path, const struct admin_call *call, struct err *err)
{
    TRY(unix_socket_new(server_loop(a->server), path, server_take_unix(a->server, path), call, &a->socket, err));
    a->socket_door =
        (struct upgrade_door){.fd = unix_socket_fd(a->socket), .enter = enter_socket, .leave = leave_socket, .arg = a};
    add_door(a, &a->socket_door);
    return ERR_NONE;
}

/* The default's folder may be missing. */
static enum err_code open_default_socket(struct admin *a, const struct admin_conf *set, const struct admin_call *call,
                                         struct err *err)
{
    enum err_code code = open_socket(a, set->socket, call, err);

    if (code == ERR_NONE || !set->is_default) return code;
    LOG(LOG_WARN,
        "no admin socket, so `s3onramp status` and `credentials` get no answer: %s (%s); make its folder, writable by "
        "the proxy's user, or set `socket` of [admin] to a path that it can make, or to off",
        err->detail, strerror(err->sys_errno));
    *err = (struct err){0};
    return ERR_NONE;
}

/* A reload, and whatever came of it. */
static void on_settings(void *arg)
{
    struct admin *a = arg;

    if (server_is_alone(a->server)) http_front_follow(a->http);
}

static enum err_code open_http(struct admin *a, const struct admin_call *call, struct err *err)
{
    a->http = http_front_new(call, &http_routes);
    if (!a->http) return err_set(err, ERR_NO_MEMORY, 0, "admin");
    a->http_door = (struct upgrade_door){.fd = -1, .enter = enter_http, .leave = leave_http, .arg = a};
    add_door(a, &a->http_door);
    server_on_settings(a->server, on_settings, a);
    return ERR_NONE;
}

enum err_code admin_new(struct server *server, struct admin **out, struct err *err)
{
    const struct admin_conf *set = &server_snapshot(server)->settings->admin;
    struct admin_call call = {
        .commands = &admin_commands,
        .server = server,
        .right = ADMIN_CHANGE, /* the socket is the proxy's user's alone; HTTP takes less */
        .audit = server_audit(server),
        .started_us = server_loop(server)->now_us,
        .started_wall_us = clock_wall_us(),
    };
    struct admin *a = calloc(1, sizeof(*a));
    enum err_code code = ERR_NONE;

    if (!a) return err_set(err, ERR_NO_MEMORY, 0, "admin");
    a->server = server;
    a->overview = call.overview = overview_new(server);
    a->traffic = call.traffic = traffic_series_new(server_proxy(server)->traffic, server_proxy(server)->standing);
    if (!a->overview || !a->traffic) code = err_set(err, ERR_NO_MEMORY, 0, "admin");
    if (code == ERR_NONE && strcmp(set->socket, "off") != 0) code = open_default_socket(a, set, &call, err);
    if (code == ERR_NONE) code = open_http(a, &call, err);
    if (code != ERR_NONE)
        admin_free(&a);
    else
        *out = a;
    return code;
}

void admin_free(struct admin **ap)
{
    struct admin *a = *ap;

    *ap = NULL;
    if (!a) return;
    server_on_settings(a->server, NULL, NULL);
    upgrade_remove_door(server_upgrades(a->server), &a->socket_door);
    upgrade_remove_door(server_upgrades(a->server), &a->http_door);
    http_front_free(&a->http);
    if (a->socket && !server_is_alone(a->server)) unix_socket_leave(a->socket);
    unix_socket_free(&a->socket);
    overview_free(&a->overview);
    traffic_series_free(&a->traffic);
    free(a);
}
