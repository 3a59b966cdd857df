/* SPDX-License-Identifier: Apache-2.0
 * upgrade.c: see upgrade.h.
 */
#include "control/upgrade.h"

#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

enum { READY_MOST_MS = 60000 };

static void on_done(void *arg, pid_t pid, const char *why)
{
    struct upgrade *u = arg;

    if (pid)
        LOG(LOG_INFO, "upgrade: process %d serves now; what runs here is finished", (int)pid);
    else
        LOG(LOG_ERROR, "upgrade: the new program did not become ready, and this one goes on: %s", why);
    u->done(u->arg, pid, why);
    while (u->waiters) {
        struct upgrade_waiter *w = u->waiters;

        u->waiters = w->next;
        w->done(w->arg, pid, why);
    }
    while (pid && u->doors) {
        struct upgrade_door *door = u->doors;

        u->doors = door->next;
        door->leave(door->arg);
    }
    takeover_free(&u->takeover);
}

static enum err_code start(struct upgrade *u, const int *fds, size_t n, struct err *err)
{
    LOG(LOG_INFO, "upgrade: starting %s", u->argv[0]);
    u->takeover = takeover_start(u->loop, u->argv, fds, n, READY_MOST_MS, on_done, u, err);
    return u->takeover ? ERR_NONE : err->code;
}

enum err_code upgrade_begin(struct upgrade *u, const struct ports *ports, struct err *err)
{
    size_t ports_n = ports_list(ports, NULL, 0), n = ports_n;
    enum err_code code;
    int *fds;

    if (u->takeover) return err_set(err, ERR_INTERNAL, 0, "an upgrade is under way already");
    if (getpid() == 1)
        return err_set(err, ERR_INTERNAL, 0,
                       "this is the first process of a container, which ends with it: start another container");
    for (struct upgrade_door *door = u->doors; door; door = door->next)
        n++;
    fds = malloc((n + 1) * sizeof(*fds));
    if (!fds) return err_set(err, ERR_NO_MEMORY, 0, "upgrade");
    ports_list(ports, fds, ports_n);
    n = ports_n;
    for (struct upgrade_door *door = u->doors; door; door = door->next)
        fds[n++] = door->fd;
    code = start(u, fds, n, err);
    free(fds);
    return code;
}

bool upgrade_cancel(struct upgrade *u, const char *why)
{
    return !u->takeover || takeover_cancel(u->takeover, why);
}

void upgrade_enter(struct upgrade *u)
{
    for (struct upgrade_door *door = u->doors; door; door = door->next)
        door->enter(door->arg);
}

void upgrade_clear(struct upgrade *u)
{
    takeover_free(&u->takeover);
}

void upgrade_wait(struct upgrade *u, struct upgrade_waiter *w)
{
    w->next = u->waiters;
    u->waiters = w;
}

void upgrade_forget(struct upgrade *u, struct upgrade_waiter *w)
{
    struct upgrade_waiter **at = &u->waiters;

    while (*at && *at != w)
        at = &(*at)->next;
    if (*at) *at = w->next;
}

void upgrade_add_door(struct upgrade *u, struct upgrade_door *door)
{
    door->next = u->doors;
    u->doors = door;
}

void upgrade_remove_door(struct upgrade *u, struct upgrade_door *door)
{
    struct upgrade_door **at = &u->doors;

    while (*at && *at != door)
        at = &(*at)->next;
    if (*at) *at = door->next;
}
