/* SPDX-License-Identifier: Apache-2.0
 * upgrade.c: see upgrade.h.
 */
#include "control/upgrade.h"

#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

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
    if (pid)
        u->over(u->arg, takeover_end(&u->takeover));
    else
        takeover_free(&u->takeover);
}

static size_t list_sockets(const struct upgrade *u, const struct ports *ports, int *fds, size_t max)
{
    size_t n = ports_list(ports, fds, max);

    for (struct upgrade_door *door = u->doors; door; door = door->next) {
        if (door->fd < 0) continue;
        if (n < max) fds[n] = door->fd;
        n++;
    }
    return n;
}

static enum err_code start(struct upgrade *u, const struct ports *ports, int *fds, size_t n, uint64_t ready_ms,
                           struct err *err)
{
    size_t sockets_n = list_sockets(u, ports, fds, n);
    const struct takeover_gift gift = {fds, sockets_n, fds + sockets_n, n - sockets_n};

    followers_list(u->followers, fds + sockets_n, n - sockets_n);
    LOG(LOG_INFO, "upgrade: starting %s", u->argv[0]);
    u->takeover = takeover_start(u->loop, u->argv, &gift, ready_ms, on_done, u, err);
    return u->takeover ? ERR_NONE : err->code;
}

enum err_code upgrade_begin(struct upgrade *u, const struct ports *ports, uint64_t ready_ms, struct err *err)
{
    size_t n = list_sockets(u, ports, NULL, 0) + followers_list(u->followers, NULL, 0);
    enum err_code code;
    int *fds;

    if (u->takeover) return err_set(err, ERR_INTERNAL, 0, "an upgrade is under way already");
    if (getpid() == 1)
        return err_set(err, ERR_INTERNAL, 0,
                       "this is the first process of a container, which ends with it: start another container");
    fds = malloc((n + 1) * sizeof(*fds));
    if (!fds) return err_set(err, ERR_NO_MEMORY, 0, "upgrade");
    code = start(u, ports, fds, n, ready_ms, err);
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
