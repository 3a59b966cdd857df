/* SPDX-License-Identifier: Apache-2.0
 * log.h: the process log: level, one line a call. Any thread. Global are level, format and where lines
 * go. At first each line is written at once; a program with threads gives the lines
 * to something that takes them without waiting (io/sink.h).
 * Never pass Authorization values, tokens, keys or signatures.
 */
#ifndef S3ONRAMP_BASE_LOG_H
#define S3ONRAMP_BASE_LOG_H

#include "base/str.h"

#include <stdarg.h>
#include <stdatomic.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

extern _Atomic enum log_level log_level_now; /* for log_wants alone */
/* Lets LOG skip formatting. */
static inline bool log_wants(enum log_level level)
{
    return level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

/* Before threads start. @fd is borrowed, must outlive all calls. */
void log_setup(enum log_level level, enum log_format format, int fd);
/* Any thread; counts for the next line. */
void log_set(enum log_level level, enum log_format format);
/* From now on @put(@arg, level, line) takes all lines, on any thread; NULL: they go to the descriptor again. */
void log_give(void (*put)(void *arg, enum log_level level, struct str line), void *arg);

/* @ctx: NULL, or a text like "req=… client=…" put before the message. Control bytes in the text come out escaped. */
void log_line(enum log_level level, const char *ctx, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define LOG(level, ...)                                             \
    do {                                                            \
        if (log_wants(level)) log_line((level), NULL, __VA_ARGS__); \
    } while (0)
#define LOG_CTX(level, ctx, ...)                                     \
    do {                                                             \
        if (log_wants(level)) log_line((level), (ctx), __VA_ARGS__); \
    } while (0)

/* Builders for log and access lines. */
void log_json_string(struct sbuf *b, struct str s); /* quotes, escapes; bytes that are not UTF-8 become \u00XX */
void log_text_value(struct sbuf *b, struct str s);  /* as is when plain, else quoted with \xXX; empty becomes - */
/* 2026-01-02T03:04:05.678Z */
void log_time(struct sbuf *b, int64_t unix_us);
/* Writes all of @line to @fd, retrying short writes; drops the rest on error, and when @fd takes nothing for a moment.
 * Whatever @fd is, it does not wait longer. */
void log_write(int fd, struct str line);

#endif
