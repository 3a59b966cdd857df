/* SPDX-License-Identifier: Apache-2.0
 * log.c: the process log. Any thread: a line is built on the stack. Holds global state: level, format, where
 * lines go (borrowed).
 */
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 8192, MESSAGE_BYTES = 2048, WRITE_WAIT_MS = 100 };

_Atomic enum log_level log_level_now = LOG_INFO;
static _Atomic enum log_format format_now = LOG_TEXT;
static int fd_now = STDERR_FILENO;
static void (*put_now)(void *arg, enum log_level level, struct str line); /* NULL: to fd_now */
static void *put_arg;

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

void log_setup(enum log_level level, enum log_format format, int fd)
{
    log_set(level, format);
    fd_now = fd;
}

void log_set(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&log_level_now, level, memory_order_relaxed);
    atomic_store_explicit(&format_now, format, memory_order_relaxed);
}

void log_give(void (*put)(void *arg, enum log_level level, struct str line), void *arg)
{
    put_now = put;
    put_arg = arg;
}

/* Length of the well-formed UTF-8 sequence of more than one byte at the start of @s, or 0 if there is none or if it is
 * a C1 control. */
static size_t utf8_length(struct str s)
{
    uint32_t code = 0;
    size_t n = str_utf8(s, &code);

    return n > 1 && code >= 0xa0 ? n : 0;
}

static void add_hex_byte(struct sbuf *b, const char *prefix, char c)
{
    static const char digits[] = "0123456789abcdef";

    sbuf_add(b, str_from(prefix));
    sbuf_char(b, digits[(unsigned char)c >> 4]);
    sbuf_char(b, digits[(unsigned char)c & 15]);
}

static bool is_printable(char c)
{
    return c >= 0x20 && c <= 0x7e;
}

/* How many bytes there are before the first one that may have to be written otherwise. */
static size_t plain_run(struct str s)
{
    size_t n = 0;

    while (n < s.n && is_printable(s.p[n]) && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

/* Calls for bytes that cannot stand in the output as they are use @prefix: "\\u00" or "\\x". */
static void add_escaped(struct sbuf *b, struct str s, const char *prefix, const char *with_backslash)
{
    while (s.n > 0) {
        size_t n = plain_run(s);

        if (n > 0) {
            if (n > b->cap - b->n) sbuf_add(b, str_head(s, b->cap - b->n)); /* what still fits, then it overflows */
            sbuf_add(b, str_head(s, n));
        } else if (is_printable(s.p[0])) {
            n = 1;
            if (strchr(with_backslash, s.p[0])) sbuf_char(b, '\\');
            sbuf_char(b, s.p[0]);
        } else if ((n = utf8_length(s)) > 0) {
            sbuf_add(b, str_head(s, n));
        } else {
            n = 1;
            add_hex_byte(b, prefix, s.p[0]);
        }
        s = str_tail(s, n);
    }
}

void log_json_string(struct sbuf *b, struct str s)
{
    sbuf_char(b, '"');
    add_escaped(b, s, "\\u00", "\"\\");
    sbuf_char(b, '"');
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_printable(s.p[i]) || s.p[i] == ' ' || s.p[i] == '"' || s.p[i] == '\\') return false;
    return true;
}

void log_text_value(struct sbuf *b, struct str s)
{
    if (s.n == 0) {
        sbuf_char(b, '-');
        return;
    }
    /* A value that is itself "-" is quoted: it is not the empty one. */
    if (is_plain(s) && !str_eq(s, STR("-"))) {
        sbuf_add(b, s);
        return;
    }
    sbuf_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        struct str run = str_head(str_tail(s, i), plain_run(str_tail(s, i)));

        sbuf_add(b, run);
        i += run.n;
        if (i == s.n) break;
        if (is_printable(s.p[i])) {
            sbuf_char(b, '\\');
            sbuf_char(b, s.p[i]);
        } else {
            add_hex_byte(b, "\\x", s.p[i]);
        }
    }
    sbuf_char(b, '"');
}

void log_time(struct sbuf *b, int64_t unix_us)
{
    int64_t seconds = unix_us / 1000000, micros = unix_us % 1000000;
    struct tm tm;

    if (micros < 0) {
        micros += 1000000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    if (!gmtime_r(&t, &tm)) memset(&tm, 0, sizeof tm);
    const struct {
        int value;
        unsigned digits;
        char after;
    } parts[] = {{tm.tm_year + 1900, 4, '-'},   {tm.tm_mon + 1, 2, '-'}, {tm.tm_mday, 2, 'T'},
                 {tm.tm_hour, 2, ':'},          {tm.tm_min, 2, ':'},     {tm.tm_sec, 2, '.'},
                 {(int)(micros / 1000), 3, 'Z'}};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        sbuf_digits(b, (unsigned)parts[i].value, parts[i].digits);
        sbuf_char(b, parts[i].after);
    }
}

/* What is ready takes PIPE_BUF bytes without waiting, also if the descriptor blocks. */
void log_write(int fd, struct str line)
{
    while (line.n > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        ssize_t n = poll(&ready, 1, WRITE_WAIT_MS);

        if (n == 0) return;
        if (n == 1) n = write(fd, line.p, str_head(line, PIPE_BUF).n);
        if (n > 0) line = str_tail(line, (size_t)n);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return;
    }
}

static void build_text(struct sbuf *b, enum log_level level, struct str ctx, struct str message)
{
    log_time(b, clock_wall_us());
    sbuf_char(b, ' ');
    sbuf_add(b, str_from(level_names[level]));
    sbuf_char(b, ' ');
    add_escaped(b, ctx, "\\x", "");
    if (ctx.n) sbuf_char(b, ' ');
    add_escaped(b, message, "\\x", "");
    sbuf_char(b, '\n');
}

static void build_json(struct sbuf *b, enum log_level level, struct str ctx, struct str message)
{
    sbuf_add(b, STR("{\"time\":\""));
    log_time(b, clock_wall_us());
    sbuf_add(b, STR("\",\"level\":"));
    log_json_string(b, str_from(level_names[level]));
    if (ctx.n) {
        sbuf_add(b, STR(",\"context\":"));
        log_json_string(b, ctx);
    }
    sbuf_add(b, STR(",\"message\":"));
    log_json_string(b, message);
    sbuf_add(b, STR("}\n"));
}

void log_line(enum log_level level, const char *ctx, const char *fmt, ...)
{
    char message[MESSAGE_BYTES], line[LINE_BYTES];
    int saved_errno = errno;
    va_list args;

    if (!log_wants(level)) return;
    va_start(args, fmt);
    if (vsnprintf(message, sizeof message, fmt, args) < 0) message[0] = '\0';
    va_end(args);

    /* One byte may take six: with both texts cut to these lengths the line always fits or, in the worst case
     * (all bytes escaped), is cut and still ends as a line. */
    struct sbuf b = sbuf_make(line, sizeof line);
    struct str context = str_head(str_from(ctx), 512);
    bool json = atomic_load_explicit(&format_now, memory_order_relaxed) == LOG_JSON;
    (json ? build_json : build_text)(&b, level, context, str_from(message));
    if (b.overflow) {
        b = sbuf_make(line, sizeof line);
        (json ? build_json : build_text)(&b, level, context, str_head(str_from(message), 512));
    }
    if (put_now)
        put_now(put_arg, level, sbuf_str(&b));
    else
        log_write(fd_now, sbuf_str(&b));
    errno = saved_errno;
}
