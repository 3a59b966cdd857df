/* SPDX-License-Identifier: Apache-2.0
 * sink.h: a place that takes lines, such as a file or standard error, with one thread that writes them. Who has a line
 * gives it to a queue of his own and never waits: what does not fit into the queue is lost and counted.
 *
 *   worker ──▶ queue ──┐
 *   worker ──▶ queue ──┼──▶ the sink's thread ──▶ write(2)
 *   any    ──▶ queue ──┘         └─ the place takes nothing: it tries again, the queues fill
 *
 * Lines of one queue stay in order; those of several may change places by a few milliseconds. Each line is put or lost,
 * and each one put is written or waits; what waits when the sink is closed and cannot be written is lost, too. A line
 * is never torn by the place being full: the rest follows once there is room. A file that ends in the middle of a line
 * (another process was killed there) gets the end of that line first. A crash or SIGKILL takes what waits along.
 * Another kind of place is another row of struct place in sink.c.
 */
#ifndef S3ONRAMP_IO_SINK_H
#define S3ONRAMP_IO_SINK_H

#include "base/err.h"
#include "base/str.h"

enum { SINK_LINE_MAX = 64 * 1024 };

enum sink_stream { SINK_LOG, SINK_ACCESS, SINK_STREAMS }; /* counted apart, even in one sink */

struct sink_counts {
    uint64_t put, written, lost; /* lines; put: without those lost on the way in */
};

struct sink;
struct sink_queue; /* belongs to its sink */

/* Both start the thread; it takes no signals. @queue_bytes: how much each queue holds.
 * A file is opened, or made with mode 0640; a FIFO need not have a reader yet. ERR_FILE: it cannot be. */
MUST_CHECK enum err_code sink_open_file(const char *path, size_t queue_bytes, struct sink **out, struct err *err);
/* @fd: borrowed, must outlive the sink; its flags stay as they are, others may have it too. */
MUST_CHECK enum err_code sink_open_fd(int fd, size_t queue_bytes, struct sink **out, struct err *err);
/* Writes what waits: as long as some of it goes, for @most_ms, and @stuck_ms from the last that went. The rest is lost
 * and counted in @left, if not NULL. No queue is used any more. Nulls *@s; NULL is fine. */
void sink_close(struct sink **s, unsigned stuck_ms, unsigned most_ms, struct sink_counts left[SINK_STREAMS]);

/* NULL: out of memory. Freed by sink_close. */
struct sink_queue *sink_queue_new(struct sink *s, enum sink_stream stream);
/* Nobody puts into it any more: what waits is written, and sink_queue_new gives it to the next one. NULL is fine. */
void sink_queue_leave(struct sink_queue *q);
/* Any thread; one that has the queue for itself never meets another but the sink's, for an instant. @line ends with a
 * newline. False: it did not fit, and was counted. The thread is not woken. */
bool sink_put(struct sink_queue *q, struct str line);
/* Any thread: there are lines. Once for many. */
void sink_wake(struct sink *s);
/* Any thread: the file may have been moved away: from the next line on its path is opened anew. If that fails, the old
 * one goes on. */
void sink_reopen(struct sink *s);

/* Any thread. */
void sink_counts(struct sink *s, enum sink_stream stream, struct sink_counts *out);
/* Any thread: 0, or why nothing can be written just now, as an errno: EAGAIN: nobody reads it. */
int sink_trouble(const struct sink *s);
/* For people: the path, or "standard error". */
const char *sink_name(const struct sink *s);

#endif
