/* SPDX-License-Identifier: Apache-2.0
 * sink.c: see sink.h. The thread alone has the place and the block that it writes; queues have a lock each, held for a
 * copy of one line, or to hang a block over.
 */
#include "io/sink.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = SINK_LINE_MAX,
    RETRY_MS = 500,
    CLOSING_RETRY_MS = 20,
    LEAVE_MS = 500,
    JOIN_POLL_US = 1000,
    FILE_MODE = 0640
};

struct block {
    struct block *next;
    size_t n; /* whole lines */
    char bytes[BLOCK_BYTES];
};

struct sink_queue {
    struct sink *sink;
    struct sink_queue *next; /* never changes once it is in the list */
    enum sink_stream stream;
    _Atomic bool left;
    pthread_mutex_t lock; /* guards all below */
    struct block *first, *last, *spare;
    size_t bytes; /* put and not written */
    struct sink_counts counts;
};

enum how { HOW_WRITE, HOW_SEND, HOW_POLL };

/* Where the lines go to: the thread's alone. */
struct place {
    int fd;        /* -1: not there just now */
    enum how how;  /* HOW_POLL: the descriptor may block */
    bool ours;     /* to close */
    bool mid_line; /* it ends in the middle of somebody else's line */
};

struct sink {
    char *path;   /* owned; NULL: given_fd */
    int given_fd; /* borrowed */
    size_t queue_bytes;
    int wake_fd; /* owned */
    pthread_t thread;
    _Atomic bool asleep, reopen;
    _Atomic(struct sink_queue *) queues; /* owned */
    _Atomic int trouble;
    _Atomic bool closing, ended;
    int64_t closed_us, stuck_us, most_us; /* set before closing is */
    struct place place;
    struct sink_queue *from; /* whose block it is, or the last one was */
    struct block *block;     /* being written; NULL: none */
    size_t at, line;         /* in it: what is to be written next; where its line begins */
    int64_t moved_us;        /* when something was written last */
};

/* ------------------------------------------------------------- queues */

static struct sink_queue *find_left(struct sink *s, enum sink_stream stream)
{
    struct sink_queue *q = atomic_load(&s->queues);

    while (q && (q->stream != stream || !atomic_exchange(&q->left, false)))
        q = q->next;
    return q;
}

struct sink_queue *sink_queue_new(struct sink *s, enum sink_stream stream)
{
    struct sink_queue *q = find_left(s, stream);

    if (q) return q;
    q = calloc(1, sizeof(*q));
    if (!q) return NULL;
    q->sink = s;
    q->stream = stream;
    pthread_mutex_init(&q->lock, NULL);
    q->next = atomic_load(&s->queues);
    while (!atomic_compare_exchange_weak(&s->queues, &q->next, q))
        ;
    return q;
}

void sink_queue_leave(struct sink_queue *q)
{
    if (q) atomic_store(&q->left, true);
}

static struct block *new_block(struct sink_queue *q)
{
    struct block *b = q->spare ? q->spare : malloc(sizeof(*b));

    q->spare = NULL;
    if (b) {
        b->next = NULL;
        b->n = 0;
    }
    return b;
}

/* False: out of memory. */
static bool append(struct sink_queue *q, struct str line)
{
    if (!q->last || BLOCK_BYTES - q->last->n < line.n) {
        struct block *b = new_block(q);

        if (!b) return false;
        *(q->last ? &q->last->next : &q->first) = b;
        q->last = b;
    }
    memcpy(q->last->bytes + q->last->n, line.p, line.n);
    q->last->n += line.n;
    q->bytes += line.n;
    return true;
}

bool sink_put(struct sink_queue *q, struct str line)
{
    bool fits = line.n <= BLOCK_BYTES;

    pthread_mutex_lock(&q->lock);
    fits = fits && q->sink->queue_bytes >= line.n && q->bytes <= q->sink->queue_bytes - line.n && append(q, line);
    *(fits ? &q->counts.put : &q->counts.lost) += 1;
    pthread_mutex_unlock(&q->lock);
    return fits;
}

static struct block *take_block(struct sink_queue *q)
{
    struct block *b;

    pthread_mutex_lock(&q->lock);
    b = q->first;
    if (b) q->first = b->next;
    if (!q->first) q->last = NULL;
    pthread_mutex_unlock(&q->lock);
    return b;
}

static void give_back(struct sink_queue *q, struct block *b)
{
    pthread_mutex_lock(&q->lock);
    if (!q->spare) {
        q->spare = b;
        b = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    free(b);
}

static void note_written(struct sink_queue *q, struct str lines)
{
    uint64_t n = 0;

    for (size_t i = 0; i < lines.n; i++)
        n += lines.p[i] == '\n';
    pthread_mutex_lock(&q->lock);
    q->counts.written += n;
    q->bytes -= lines.n;
    pthread_mutex_unlock(&q->lock);
}

void sink_counts(struct sink *s, enum sink_stream stream, struct sink_counts *out)
{
    *out = (struct sink_counts){0};
    for (struct sink_queue *q = atomic_load(&s->queues); q; q = q->next) {
        if (q->stream != stream) continue;
        pthread_mutex_lock(&q->lock);
        out->put += q->counts.put;
        out->written += q->counts.written;
        out->lost += q->counts.lost;
        pthread_mutex_unlock(&q->lock);
    }
}

/* ------------------------------------------------------------- the place */

static bool is_fifo(const char *path)
{
    struct stat st;

    return path && stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Of a file that another process left in the middle of a line. */
static bool ends_mid_line(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    char last;
    bool mid = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
               pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';

    if (fd >= 0) close(fd);
    return mid;
}

/* 0, or an errno; ENXIO: a FIFO that nobody reads. A FIFO is not opened for reading too: what lies in it with nobody
 * there would count as written. */
static int open_path(const char *path, struct place *out)
{
    struct place p = {.ours = true, .how = HOW_WRITE};

    if (!is_fifo(path)) p.mid_line = ends_mid_line(path);
    p.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, FILE_MODE);
    if (p.fd < 0) return errno;
    *out = p;
    return 0;
}

/* O_NONBLOCK belongs to the open file, which others may have, too: pipes and terminals are opened once more. */
static void open_given(int fd, struct place *out)
{
    char path[32];
    struct stat st;
    int own;

    *out = (struct place){.fd = fd, .how = HOW_POLL};
    if (fstat(fd, &st)) return;
    if (S_ISSOCK(st.st_mode)) out->how = HOW_SEND;
    if (S_ISREG(st.st_mode)) out->how = HOW_WRITE;
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)) return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (own >= 0) *out = (struct place){.fd = own, .how = HOW_WRITE, .ours = true};
}

static void set_trouble(struct sink *s, int e)
{
    atomic_store_explicit(&s->trouble, e, memory_order_relaxed);
}

/* What was begun of a line is written anew, to whatever comes next. */
static void leave_place(struct sink *s)
{
    if (s->place.ours && s->place.fd >= 0) close(s->place.fd);
    s->place = (struct place){.fd = -1};
    s->at = s->line;
}

static void open_anew(struct sink *s)
{
    struct place p;
    int e = open_path(s->path, &p);

    if (e && s->place.fd >= 0) {
        LOG(LOG_ERROR, "%s cannot be opened anew: %s; what was open before is written on", s->path, strerror(e));
        return;
    }
    set_trouble(s, e);
    if (e) return;
    leave_place(s);
    s->place = p;
}

static ssize_t put_out(const struct place *p, struct str s)
{
    struct pollfd ready = {.fd = p->fd, .events = POLLOUT};

    if (p->how == HOW_SEND) return send(p->fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (p->how == HOW_POLL) {
        if (poll(&ready, 1, 0) != 1) {
            errno = EAGAIN;
            return -1;
        }
        s = str_head(s, PIPE_BUF); /* what is ready takes so much without waiting */
    }
    return write(p->fd, s.p, s.n);
}

/* ------------------------------------------------------------- the thread */

static void note_lines(struct sink *s)
{
    size_t end = s->at;

    while (end > s->line && s->block->bytes[end - 1] != '\n')
        end--;
    if (end > s->line) note_written(s->from, str_make(s->block->bytes + s->line, end - s->line));
    s->line = end;
    if (s->at < s->block->n) return;
    give_back(s->from, s->block);
    s->block = NULL;
}

/* True: some went. */
static bool write_some(struct sink *s)
{
    bool only_end = s->place.mid_line;
    struct str rest = only_end ? STR("\n") : str_make(s->block->bytes + s->at, s->block->n - s->at);
    ssize_t n = put_out(&s->place, rest);

    if (n <= 0) {
        set_trouble(s, n < 0 ? errno : EAGAIN);
        if (n < 0 && errno == EPIPE && s->path) leave_place(s); /* the FIFO's next reader gets whole lines */
        return false;
    }
    s->place.mid_line = false;
    s->moved_us = clock_monotonic_us();
    set_trouble(s, 0);
    if (only_end) return true;
    s->at += (size_t)n;
    note_lines(s);
    return true;
}

/* From the queues in turn. */
static bool next_block(struct sink *s)
{
    struct sink_queue *first = s->from && s->from->next ? s->from->next : atomic_load(&s->queues), *q = first;

    if (s->block) return true;
    s->at = s->line = 0;
    while (q && !(s->block = take_block(q))) {
        q = q->next ? q->next : atomic_load(&s->queues);
        if (q == first) break;
    }
    s->from = q;
    return s->block;
}

/* True: look again at once. */
static bool step(struct sink *s)
{
    if (atomic_exchange(&s->reopen, false) && s->path) open_anew(s);
    if (!next_block(s)) return false;
    if (s->place.fd < 0) open_anew(s);
    return s->place.fd >= 0 && write_some(s);
}

static void wait_for_more(struct sink *s)
{
    struct pollfd fds[] = {{.fd = s->wake_fd, .events = POLLIN}, {.fd = -1, .events = POLLOUT}};
    int timeout = -1;
    uint64_t n;

    if (s->block) {
        if (sink_trouble(s) == EAGAIN) fds[1].fd = s->place.fd;
        timeout = atomic_load(&s->closing) ? CLOSING_RETRY_MS : RETRY_MS;
    } else {
        atomic_store(&s->asleep, true); /* before the last look: who comes after it wakes us */
        if (next_block(s) || atomic_load(&s->closing) || atomic_load(&s->reopen)) timeout = 0;
    }
    poll(fds, ARRAY_LEN(fds), timeout);
    atomic_store(&s->asleep, false);
    if (read(s->wake_fd, &n, sizeof(n)) < 0) return; /* nobody woke us */
}

/* Closed, and nothing waits, or what waits has had its time. */
static bool may_end(struct sink *s)
{
    int64_t now_us = clock_monotonic_us(), since_us;

    if (!atomic_load(&s->closing)) return false;
    if (!next_block(s)) return true;
    since_us = s->moved_us > s->closed_us ? s->moved_us : s->closed_us;
    return now_us - since_us > s->stuck_us || now_us - s->closed_us > s->most_us;
}

static void *run(void *arg)
{
    struct sink *s = arg;

    while (!may_end(s))
        if (!step(s)) wait_for_more(s);
    atomic_store(&s->ended, true);
    return NULL;
}

static void wake_now(struct sink *s)
{
    uint64_t one = 1;
    ssize_t n = write(s->wake_fd, &one, sizeof(one)); /* fails only when it is awake already */

    (void)n;
}

void sink_wake(struct sink *s)
{
    if (atomic_exchange(&s->asleep, false)) wake_now(s);
}

void sink_reopen(struct sink *s)
{
    atomic_store(&s->reopen, true);
    wake_now(s);
}

int sink_trouble(const struct sink *s)
{
    return atomic_load_explicit(&s->trouble, memory_order_relaxed);
}

const char *sink_name(const struct sink *s)
{
    return s->path ? s->path : "standard error";
}

/* ------------------------------------------------------------- start and end */

static void sink_free(struct sink *s)
{
    struct sink_queue *q = atomic_load(&s->queues), *next;

    for (; q; q = next) {
        next = q->next;
        for (struct block *b; (b = take_block(q));)
            free(b);
        free(q->spare);
        pthread_mutex_destroy(&q->lock);
        free(q);
    }
    free(s->block);
    if (s->place.ours && s->place.fd >= 0) close(s->place.fd);
    if (s->wake_fd >= 0) close(s->wake_fd);
    free(s->path);
    free(s);
}

static enum err_code start_thread(struct sink *s, struct err *err)
{
    int e = thread_start(&s->thread, run, s);

    return e ? err_set(err, ERR_INTERNAL, e, "cannot start a thread") : ERR_NONE;
}

static enum err_code sink_start(const char *path, int fd, size_t queue_bytes, struct sink **out, struct err *err)
{
    struct sink *s = calloc(1, sizeof(*s));
    enum err_code code = ERR_NONE;
    int e = 0;

    if (!s) return err_set(err, ERR_NO_MEMORY, 0, "log");
    s->queue_bytes = queue_bytes;
    s->place.fd = -1;
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->path = path ? strdup(path) : NULL;
    if (s->wake_fd < 0 || (path && !s->path)) code = err_set(err, ERR_INTERNAL, errno, "log");
    if (code == ERR_NONE && !path) open_given(fd, &s->place);
    if (code == ERR_NONE && path) e = open_path(path, &s->place);
    set_trouble(s, e);
    if (e && !(e == ENXIO && is_fifo(path))) code = err_set(err, ERR_FILE, e, "%s", path);
    if (code == ERR_NONE) code = start_thread(s, err);
    if (code == ERR_NONE)
        *out = s;
    else
        sink_free(s);
    return code;
}

enum err_code sink_open_file(const char *path, size_t queue_bytes, struct sink **out, struct err *err)
{
    return sink_start(path, -1, queue_bytes, out, err);
}

enum err_code sink_open_fd(int fd, size_t queue_bytes, struct sink **out, struct err *err)
{
    return sink_start(NULL, fd, queue_bytes, out, err);
}

/* A write may hang where no flag helps (a file server that does not answer): then the thread is left to itself. */
static bool join(struct sink *s)
{
    int64_t until_us = s->closed_us + s->most_us + (int64_t)LEAVE_MS * 1000;

    while (!atomic_load(&s->ended) && clock_monotonic_us() < until_us)
        usleep(JOIN_POLL_US);
    if (atomic_load(&s->ended)) return pthread_join(s->thread, NULL) == 0;
    pthread_detach(s->thread);
    return false;
}

void sink_close(struct sink **sp, unsigned stuck_ms, unsigned most_ms, struct sink_counts left[SINK_STREAMS])
{
    struct sink *s = *sp;
    bool ended;

    if (!s) return;
    *sp = NULL;
    s->stuck_us = (int64_t)stuck_ms * 1000;
    s->most_us = (int64_t)most_ms * 1000;
    s->closed_us = clock_monotonic_us();
    atomic_store(&s->closing, true);
    wake_now(s);
    ended = join(s);
    for (int i = 0; left && i < SINK_STREAMS; i++) {
        sink_counts(s, (enum sink_stream)i, &left[i]);
        left[i].lost += left[i].put - left[i].written;
        left[i].put = left[i].written;
    }
    if (ended) sink_free(s);
}
