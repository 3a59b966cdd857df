/* SPDX-License-Identifier: Apache-2.0
 * logs.h: the process log, the access log and the audit lines of the running proxy: which sinks they go to, what was
 * lost on the way there, reopening. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_LOGS_H
#define S3ONRAMP_CONTROL_LOGS_H

#include "config/config.h"
#include "io/sink.h"

#include <jansson.h>

struct logs;

/* From then on LOG waits for nobody. ERR_FILE: a file cannot be opened. */
MUST_CHECK enum err_code logs_new(const struct settings *s, struct logs **out, struct err *err);
/* Writes what waits, for a few seconds at most. No other thread logs any more. NULL is fine. */
void logs_free(struct logs **logs);

/* Where lines go. */
const struct sinks *logs_sinks(const struct logs *logs);
/* For other settings, in two steps. The places that @s names, opened where none of now is the same; nothing else
 * changes. ERR_FILE: one cannot be opened. */
MUST_CHECK enum err_code logs_open(const struct logs *logs, const struct settings *s, struct sinks *out,
                                   struct err *err);
/* logs_open was for nothing, or has failed. */
void logs_close(const struct logs *logs, struct sinks *sinks);
/* From now on level and format are those of @s, and lines go to @sinks. The places before stay open, since workers have
 * lines for them, until logs_leave. */
void logs_take(struct logs *logs, const struct settings *s, const struct sinks *sinks);
/* Nobody has lines for the places before any more: what those do not take goes to the ones that follow them. */
void logs_leave(struct logs *logs);
/* The files may have been moved away. @why: for the log. */
void logs_reopen(struct logs *logs, const char *why);
/* Another process is told of that from now on. */
void logs_watch(struct logs *logs);
/* Tells of lines that were lost: at once, then every minute, while there is somebody to be told. */
void logs_tick(struct logs *logs, int64_t now_us);
/* The lines of a stream since the process began, whatever places they went to. */
void logs_counts(const struct logs *logs, enum sink_stream stream, struct sink_counts *out);
const char *logs_name(enum sink_stream stream); /* "log", "access", "audit" */
/* [{"name": "access", "to", "state": "good" | "stuck", "reason", "written", "waiting", "lost"}, …] */
json_t *logs_json(const struct logs *logs);

#endif
