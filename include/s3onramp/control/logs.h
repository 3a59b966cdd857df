/* SPDX-License-Identifier: Apache-2.0
 * logs.h: the process log and the access log of the running proxy: which sinks they go to, what was lost on the way
 * there, reopening. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_LOGS_H
#define S3ONRAMP_CONTROL_LOGS_H

#include "config/config.h"
#include "io/sink.h"

#include <jansson.h>

struct logs;

/* From then on LOG waits for nobody. ERR_FILE: the access log cannot be opened. */
MUST_CHECK enum err_code logs_new(const struct settings *s, struct logs **out, struct err *err);
/* Writes what waits, for a few seconds at most. No other thread logs any more. NULL is fine. */
void logs_free(struct logs **logs);

/* Where access lines go; NULL: nowhere. */
struct sink *logs_access(const struct logs *logs);
/* For other settings, in two steps. The place that @s names for access lines (NULL: nowhere), opened if it is another
 * one than now; nothing else changes. ERR_FILE: it cannot be opened. */
MUST_CHECK enum err_code logs_open(const struct logs *logs, const struct settings *s, struct sink **access,
                                   struct err *err);
/* logs_open was for nothing. */
void logs_close(const struct logs *logs, struct sink **access);
/* From now on level and format are those of @s, and access lines go to @access. The place before stays open, since
 * workers have lines for it, until logs_leave. */
void logs_take(struct logs *logs, const struct settings *s, struct sink *access);
/* Nobody has lines for the place before any more. */
void logs_leave(struct logs *logs);
/* The files may have been moved away. @why: for the log. */
void logs_reopen(struct logs *logs, const char *why);
/* Tells of lines that were lost: at once, then every minute, while there is somebody to be told. */
void logs_tick(struct logs *logs, int64_t now_us);
/* [{"name": "access", "to", "state": "good" | "stuck", "reason", "written", "waiting", "lost"}, …] */
json_t *logs_json(const struct logs *logs);

#endif
