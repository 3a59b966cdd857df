/* SPDX-License-Identifier: Apache-2.0
 * sink.h: a place that takes lines, such as a file, standard error or the system's log daemon, with one thread that
 * writes them. Who has a line gives it to a queue of his own and never waits: what does not fit into the queue is lost
 * and counted.
 *
 *   worker ──▶ queue ──┐
 *   worker ──▶ queue ──┼──▶ the sink's thread ──▶ write(2)
 *   any    ──▶ queue ──┘         └─ the place takes nothing: it tries again, the queues fill
 *
 * Lines of one queue stay in order; those of several may change places by a few milliseconds. Each line is put or lost,
 * and each one put is written or waits; what waits when the sink is closed and cannot be written is lost, too. A line
 * is never torn by the place being full: the rest follows once there is room. A file that ends in the middle of a line
 * (another process was killed there) gets the end of that line first. A daemon gets each line as a datagram, in the
 * words of its protocol; when it has gone, whoever comes after it at its path is found. A crash or SIGKILL takes what
 * waits along.
 */
#ifndef S3ONRAMP_IO_SINK_H
#define S3ONRAMP_IO_SINK_H

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

enum { SINK_LINE_MAX = 64 * 1024 };

enum sink_stream { SINK_LOG, SINK_ACCESS, SINK_AUDIT, SINK_STREAMS }; /* counted apart, even in one sink */

struct sink_counts {
    uint64_t put, written, lost; /* lines; put: without those lost on the way in */
};

struct sink;
struct sink_queue; /* belongs to its sink */

/* Where the lines of each stream go; NULL: nowhere. */
struct sinks {
    struct sink *v[SINK_STREAMS]; /* borrowed */
};

/* Both start the thread; it takes no signals. @queue_bytes: how much each queue holds.
 * @place: as config/log_place.h has it, but not `off`. A file is opened, or made with mode 0640; a FIFO need not have a
 * reader yet, nor need a daemon be there. ERR_FILE: the file cannot be opened. */
MUST_CHECK enum err_code sink_open(const char *place, size_t queue_bytes, struct sink **out, struct err *err);
/* @fd: borrowed, must outlive the sink; its flags stay as they are, others may have it too. */
MUST_CHECK enum err_code sink_open_fd(int fd, size_t queue_bytes, struct sink **out, struct err *err);
/* Writes what waits: as long as some of it goes, for @most_ms, and @stuck_ms from the last that went. The rest is lost
 * and counted in @left, if not NULL. No queue is used any more. Nulls *@s; NULL is fine. */
void sink_close(struct sink **s, unsigned stuck_ms, unsigned most_ms, struct sink_counts left[SINK_STREAMS]);
/* The same, within @ms; but the rest goes to those of @heirs that are there, however full they are. */
void sink_hand_over(struct sink **s, unsigned ms, const struct sinks *heirs, struct sink_counts left[SINK_STREAMS]);

/* NULL: out of memory. Freed by sink_close. */
struct sink_queue *sink_queue_new(struct sink *s, enum sink_stream stream);
/* Nobody puts into it any more: what waits is written, and sink_queue_new gives it to the next one. NULL is fine. */
void sink_queue_leave(struct sink_queue *q);
/* Any thread; one that has the queue for itself never meets another but the sink's, for an instant. @line ends with a
 * newline. False: it did not fit, and was counted. The thread is not woken. @level: for daemons. */
bool sink_put(struct sink_queue *q, enum log_level level, struct str line);
/* Room for a line of up to @bytes is kept from now on, until it is put or let go. False: so much is waiting or kept
 * already that there is none. A multiple of what may wait otherwise can be kept: lines are shorter than their room. */
MUST_CHECK bool sink_reserve(struct sink_queue *q, size_t bytes);
/* @line, into the @room that was kept for it; 0: none was. */
bool sink_put_into(struct sink_queue *q, size_t room, enum log_level level, struct str line);
void sink_let_go(struct sink_queue *q, size_t room);
/* All that is kept in @from is kept in @to instead. */
void sink_move_room(struct sink_queue *from, struct sink_queue *to);
/* Any thread: there are lines. Once for many. */
void sink_wake(struct sink *s);
/* Any thread: the file may have been moved away: from the next line on its path is opened anew. If that fails, the old
 * one goes on. */
void sink_reopen(struct sink *s);
/* Any thread: nobody will say so from now on: where a file has been moved away, that is seen within a second. */
void sink_watch(struct sink *s);

/* Any thread. */
void sink_counts(struct sink *s, enum sink_stream stream, struct sink_counts *out);
/* Any thread: 0, or why nothing can be written just now, as an errno: EAGAIN: nobody reads it. */
int sink_trouble(const struct sink *s);
/* Any thread: nothing could be written for a second and longer. */
bool sink_is_stuck(const struct sink *s, int64_t now_us);
/* The place it was opened for; "-" for sink_open_fd. */
const char *sink_place(const struct sink *s);

#endif
