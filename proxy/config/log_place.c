/* SPDX-License-Identifier: Apache-2.0
 * log_place.c: see log_place.h.
 */
#include "config/log_place.h"

#include "base/str.h"

#include <string.h>

static const struct {
    const char *word, *socket; /* where the daemon listens unless something else is written */
} daemons[] = {
    [LOG_PLACE_SYSLOG] = {"syslog", "/dev/log"},
    [LOG_PLACE_JOURNALD] = {"journald", "/run/systemd/journal/socket"},
};

enum log_place log_place_of(const char *text, const char **path)
{
    *path = NULL;
    if (strcmp(text, "off") == 0) return LOG_PLACE_OFF;
    if (strcmp(text, "-") == 0) return LOG_PLACE_STDERR;
    for (int i = LOG_PLACE_SYSLOG; i <= LOG_PLACE_JOURNALD; i++) {
        size_t n = strlen(daemons[i].word);

        if (strncmp(text, daemons[i].word, n) != 0 || (text[n] && text[n] != ':')) continue;
        *path = text[n] ? text + n + 1 : daemons[i].socket;
        return (enum log_place)i;
    }
    *path = text;
    return LOG_PLACE_FILE;
}
