/* SPDX-License-Identifier: Apache-2.0
 * notify.c: see notify.h.
 */
#include "control/notify.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FED_PER_PERIOD = 4 };

/* "/run/x", or "@x": abstract. False: of another kind. */
static bool set_path(struct notify *n, const char *path)
{
    size_t bytes = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || bytes >= sizeof(n->addr.sun_path)) return false;
    n->addr.sun_family = AF_UNIX;
    memcpy(n->addr.sun_path, path, bytes);
    if (path[0] == '@') n->addr.sun_path[0] = '\0';
    n->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
    return true;
}

static uint64_t number_of(const char *variable)
{
    const char *text = getenv(variable);

    return text ? strtoull(text, NULL, 10) : 0;
}

void notify_init(struct notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET");
    uint64_t pid = number_of("WATCHDOG_PID");

    memset(n, 0, sizeof(*n));
    n->fd = -1;
    if (!path || !*path) return;
    if (set_path(n, path))
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    else
        LOG(LOG_WARN, "NOTIFY_SOCKET is neither a path nor an abstract name: the service manager is told nothing");
    if (!pid || pid == (uint64_t)getpid()) n->watchdog_us = number_of("WATCHDOG_USEC");
}

void notify_clear(struct notify *n)
{
    if (n->fd >= 0) close(n->fd);
    n->fd = -1;
}

void notify_send(const struct notify *n, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    int bytes;

    if (n->fd < 0) return;
    va_start(args, fmt);
    bytes = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (bytes < 0) return;
    if ((size_t)bytes >= sizeof(text)) bytes = sizeof(text) - 1;
    if (sendto(n->fd, text, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&n->addr,
               n->addr_len) < 0)
        LOG(LOG_DEBUG, "NOTIFY_SOCKET: %s", strerror(errno));
}

void notify_reloading(const struct notify *n, int64_t now_us)
{
    notify_send(n, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now_us);
}

void notify_feed(struct notify *n, int64_t now_us, int64_t oldest_us)
{
    int64_t period = (int64_t)n->watchdog_us;

    if (!period || now_us - n->fed_us < period / FED_PER_PERIOD || now_us - oldest_us > period / 2) return;
    n->fed_us = now_us;
    notify_send(n, "WATCHDOG=1");
}
