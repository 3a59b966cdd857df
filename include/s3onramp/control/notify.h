/* SPDX-License-Identifier: Apache-2.0
 * notify.h: telling systemd how the service is, and that it lives. Nothing is sent where nobody asked for it. One
 * thread. Source: sd_notify(3), sd_watchdog_enabled(3).
 */
#ifndef S3ONRAMP_CONTROL_NOTIFY_H
#define S3ONRAMP_CONTROL_NOTIFY_H

#include "base/attrib.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* owned; -1: nobody wants to know */
    struct sockaddr_un addr;
    socklen_t addr_len;
    uint64_t watchdog_us; /* 0: no watchdog */
    int64_t fed_us;
};

/* From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
void notify_init(struct notify *n);
void notify_clear(struct notify *n); /* says no more; safe to call twice */
/* Lines of NAME=VALUE. */
void notify_send(const struct notify *n, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The settings are being read anew; READY=1 follows, whatever comes of it. @now_us: monotonic. */
void notify_reloading(const struct notify *n, int64_t now_us);
/* Feeds the watchdog if it is time. @oldest_us: when the slowest thread showed that it lives; both are monotonic. A
 * thread that did not for half of the watchdog's time leaves it hungry. */
void notify_feed(struct notify *n, int64_t now_us, int64_t oldest_us);

#endif
