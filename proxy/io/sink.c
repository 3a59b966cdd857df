/* SPDX-License-Identifier: Apache-2.0
 * sink.c: see sink.h. The thread alone has the place and the block that it writes; queues have a lock each, held for a
 * copy of one line, or to hang a block over.
 */
#include "io/sink.h"

#include "base/clock.h"
#include "base/thread.h"
#include "config/log_place.h"
#include "io/sandbox.h"

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
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = SINK_LINE_MAX,
    KEPT_TIMES = 8, /* so many times queue_bytes can be kept for lines that are still to come */
    STUCK_US = 1000000,
    WATCH_US = 1000000,
    CUT_BYTES = 1024, /* what a socket takes of a line that is too long for it */
    RETRY_MS = 500,
    CLOSING_RETRY_MS = 20,
    LEAVE_MS = 500,
    JOIN_POLL_US = 1000,
    FILE_MODE = 0640,
    MID_LINE_LOOKS = 40,
    MID_LINE_LOOK_MS = 5
};

struct block {
    struct block *next;
    size_t n; /* whole lines; for a daemon each begins with the digit of its severity */
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
    size_t kept;  /* room for lines that are still to come */
    struct sink_counts counts;
};

enum how { HOW_WRITE, HOW_SEND, HOW_POLL, HOW_DATAGRAMS };

/* Where the lines go to: the thread's alone. */
struct place {
    int fd;        /* -1: not there just now */
    enum how how;  /* HOW_POLL: the descriptor may block */
    bool ours;     /* to close */
    bool mid_line; /* it ends in the middle of somebody else's line */
};

struct sink {
    char *name; /* owned: the place */
    enum log_place kind;
    const char *path; /* in name, or static; NULL: a descriptor was given */
    size_t queue_bytes;
    int wake_fd; /* owned */
    pthread_t thread;
    _Atomic bool asleep, reopen, watch;
    _Atomic(struct sink_queue *) queues; /* owned */
    _Atomic int trouble;
    _Atomic int64_t trouble_us; /* monotonic: since when */
    _Atomic bool closing, ended;
    int64_t closed_us, stuck_us, most_us; /* set before closing is */
    struct place place;
    struct sink_queue *from; /* whose block it is, or the last one was */
    struct block *block;     /* being written; NULL: none */
    size_t at, line;         /* in it: what is to be written next; where its line begins */
    int64_t moved_us;        /* when something was written last */
    int64_t watched_us;      /* when the file was last looked at */
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
    if (!q) return;
    pthread_mutex_lock(&q->lock);
    q->kept = 0;
    pthread_mutex_unlock(&q->lock);
    atomic_store(&q->left, true);
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

static bool is_daemon(const struct sink *s)
{
    return s->kind == LOG_PLACE_SYSLOG || s->kind == LOG_PLACE_JOURNALD;
}

/* As syslog counts them: RFC 5424, 6.2.1. */
static char severity_of(enum log_level level)
{
    static const char digits[] = {[LOG_ERROR] = '3', [LOG_WARN] = '4', [LOG_INFO] = '6', [LOG_DEBUG] = '7'};

    return digits[level];
}

/* What it takes in the queue. */
static size_t size_of(const struct sink_queue *q, struct str line)
{
    return line.n + is_daemon(q->sink);
}

/* False: out of memory. */
static bool append(struct sink_queue *q, enum log_level level, struct str line)
{
    size_t n = size_of(q, line);

    if (!q->last || BLOCK_BYTES - q->last->n < n) {
        struct block *b = new_block(q);

        if (!b) return false;
        *(q->last ? &q->last->next : &q->first) = b;
        q->last = b;
    }
    if (n > line.n) q->last->bytes[q->last->n] = severity_of(level);
    memcpy(q->last->bytes + q->last->n + (n - line.n), line.p, line.n);
    q->last->n += n;
    q->bytes += n;
    return true;
}

/* With the lock held. What was kept before lines went nowhere for a while is not kept any more. */
static void let_go(struct sink_queue *q, size_t room)
{
    q->kept -= room < q->kept ? room : q->kept;
}

bool sink_put_into(struct sink_queue *q, size_t room, enum log_level level, struct str line)
{
    size_t n = size_of(q, line), most = q->sink->queue_bytes;
    bool fits = n <= BLOCK_BYTES;

    pthread_mutex_lock(&q->lock);
    let_go(q, room);
    fits = fits && (room >= n || (most >= n && q->bytes <= most - n)) && append(q, level, line);
    *(fits ? &q->counts.put : &q->counts.lost) += 1;
    pthread_mutex_unlock(&q->lock);
    return fits;
}

bool sink_put(struct sink_queue *q, enum log_level level, struct str line)
{
    return sink_put_into(q, 0, level, line);
}

bool sink_reserve(struct sink_queue *q, size_t bytes)
{
    size_t most = q->sink->queue_bytes * KEPT_TIMES;
    bool fits;

    pthread_mutex_lock(&q->lock);
    fits = q->bytes + q->kept + bytes <= most;
    if (fits) q->kept += bytes;
    pthread_mutex_unlock(&q->lock);
    return fits;
}

void sink_let_go(struct sink_queue *q, size_t room)
{
    pthread_mutex_lock(&q->lock);
    let_go(q, room);
    pthread_mutex_unlock(&q->lock);
}

void sink_move_room(struct sink_queue *from, struct sink_queue *to)
{
    size_t kept;

    pthread_mutex_lock(&from->lock);
    kept = from->kept;
    from->kept = 0;
    pthread_mutex_unlock(&from->lock);
    pthread_mutex_lock(&to->lock);
    to->kept += kept;
    pthread_mutex_unlock(&to->lock);
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

static bool is_mid_line(int fd)
{
    struct stat st;
    char last;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
           last != '\n';
}

/* Of a file that another process left in the middle of a line. One that is writing (during an upgrade) can be seen in
 * the middle, too, since a file grows page by page: it gets some time to come to the end. */
static bool ends_mid_line(const char *path)
{
    const struct timespec pause = {0, MID_LINE_LOOK_MS * 1000000};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool mid = fd >= 0 && is_mid_line(fd);

    for (unsigned i = 0; mid && i < MID_LINE_LOOKS; i++) {
        nanosleep(&pause, NULL);
        mid = is_mid_line(fd);
    }
    if (fd >= 0) close(fd);
    return mid;
}

/* 0, or an errno. */
static int open_daemon(const char *path, struct place *out)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, e;

    if (!str_to_cstr(str_from(path), addr.sun_path, sizeof(addr.sun_path))) return ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr))) {
        e = errno;
        close(fd);
        return e;
    }
    *out = (struct place){.fd = fd, .how = HOW_DATAGRAMS, .ours = true};
    return 0;
}

/* 0, or an errno; ENXIO: a FIFO that nobody reads. A FIFO is not opened for reading too: what lies in it with nobody
 * there would count as written. */
static int open_file(const char *path, struct place *out)
{
    struct place p = {.ours = true, .how = HOW_WRITE};

    if (!is_fifo(path)) p.mid_line = ends_mid_line(path);
    p.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, FILE_MODE);
    if (p.fd < 0) return errno;
    *out = p;
    return 0;
}

static int open_place(const struct sink *s, struct place *out)
{
    return is_daemon(s) ? open_daemon(s->path, out) : open_file(s->path, out);
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
    if (e && !sink_trouble(s)) atomic_store_explicit(&s->trouble_us, clock_monotonic_us(), memory_order_relaxed);
    atomic_store_explicit(&s->trouble, e, memory_order_release);
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
    int e = open_place(s, &p);

    if (e && s->place.fd >= 0) {
        LOG(LOG_ERROR, "%s cannot be opened anew: %s; what was open before is written on", s->path, strerror(e));
        return;
    }
    set_trouble(s, e);
    if (e) return;
    leave_place(s);
    s->place = p;
}

/* What daemons know the streams by. Facilities: RFC 5424, 6.2.1: system daemons, security messages. */
static const struct {
    const char *name;
    int facility;
} streams[SINK_STREAMS] = {{"s3onramp", 3}, {"s3onramp-access", 3}, {"s3onramp-audit", 10}};

/* What local daemons expect of syslog(3): RFC 3164 without a host. */
static void put_syslog_head(struct sbuf *b, enum sink_stream stream, int severity)
{
    time_t now = (time_t)(clock_wall_us() / 1000000);
    char text[32];
    struct tm tm;

    if (!localtime_r(&now, &tm)) memset(&tm, 0, sizeof(tm));
    text[strftime(text, sizeof(text) - 1, "%b %e %H:%M:%S", &tm)] = '\0';
    sbuf_printf(b, "<%d>%s %s[%d]: ", streams[stream].facility * 8 + severity, text, streams[stream].name,
                (int)getpid());
}

/* systemd: Native Journal Protocol. Lines hold no line feed, so that each field is one line. */
static void put_journal_head(struct sbuf *b, enum sink_stream stream, int severity)
{
    sbuf_printf(b, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=", severity,
                streams[stream].facility, streams[stream].name);
}

/* The first line of @lines, as a datagram. Returns how much of them that was, or -1. */
static ssize_t send_line(const struct sink *s, struct str lines)
{
    char mem[160];
    struct sbuf head = sbuf_make(mem, sizeof(mem));
    struct str line = str_make(lines.p + 1, str_index(lines, '\n') - 1);
    bool journal = s->kind == LOG_PLACE_JOURNALD;
    struct iovec parts[3] = {{0}, {(char *)line.p, line.n}, {"\n", journal}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
    ssize_t n;

    (journal ? put_journal_head : put_syslog_head)(&head, s->from->stream, lines.p[0] - '0');
    parts[0] = (struct iovec){mem, head.n};
    n = sendmsg(s->place.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EMSGSIZE && line.n > CUT_BYTES) {
        parts[1].iov_len = CUT_BYTES;
        n = sendmsg(s->place.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return n < 0 ? -1 : (ssize_t)line.n + 2;
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

/* The FIFO's next reader gets whole lines; the daemon may be another one next time. */
static bool has_gone(const struct sink *s, int e)
{
    return s->path && (e == EPIPE || (is_daemon(s) && e != EAGAIN && e != ENOBUFS));
}

/* True: some went. */
static bool write_some(struct sink *s)
{
    bool only_end = s->place.mid_line;
    struct str rest = only_end ? STR("\n") : str_make(s->block->bytes + s->at, s->block->n - s->at);
    ssize_t n = is_daemon(s) ? send_line(s, rest) : put_out(&s->place, rest);

    if (n <= 0) {
        int e = n < 0 ? errno : EAGAIN;

        set_trouble(s, e);
        if (has_gone(s, e)) leave_place(s);
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

/* The path names another file than the one that is open, or none. */
static bool is_moved(struct sink *s)
{
    int64_t now_us = clock_monotonic_us();
    struct stat at, ours;

    if (s->kind != LOG_PLACE_FILE || s->place.fd < 0 || now_us - s->watched_us < WATCH_US) return false;
    s->watched_us = now_us;
    if (fstat(s->place.fd, &ours) || !S_ISREG(ours.st_mode)) return false;
    return stat(s->path, &at) || at.st_dev != ours.st_dev || at.st_ino != ours.st_ino;
}

/* True: look again at once. */
static bool step(struct sink *s)
{
    if (atomic_exchange(&s->reopen, false) && s->path) open_anew(s);
    if (!next_block(s)) return false;
    if (s->place.fd < 0 || (atomic_load_explicit(&s->watch, memory_order_relaxed) && is_moved(s))) open_anew(s);
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

    sandbox_enter(SANDBOX_WRITES);
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

void sink_watch(struct sink *s)
{
    atomic_store_explicit(&s->watch, true, memory_order_relaxed);
}

int sink_trouble(const struct sink *s)
{
    return atomic_load_explicit(&s->trouble, memory_order_acquire);
}

bool sink_is_stuck(const struct sink *s, int64_t now_us)
{
    return sink_trouble(s) && now_us - atomic_load_explicit(&s->trouble_us, memory_order_relaxed) > STUCK_US;
}

const char *sink_place(const struct sink *s)
{
    return s->name;
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
    free(s->name);
    free(s);
}

static enum err_code start_thread(struct sink *s, struct err *err)
{
    int e = thread_start(&s->thread, run, s);

    return e ? err_set(err, ERR_INTERNAL, e, "cannot start a thread") : ERR_NONE;
}

/* @fd: where nothing is to be opened. */
static enum err_code begin(struct sink *s, int fd, struct err *err)
{
    int e = 0;

    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->wake_fd < 0) return err_set(err, ERR_INTERNAL, errno, "log");
    if (s->path)
        e = open_place(s, &s->place);
    else
        open_given(fd, &s->place);
    set_trouble(s, e);
    if (e && !is_daemon(s) && !(e == ENXIO && is_fifo(s->path))) return err_set(err, ERR_FILE, e, "%s", s->path);
    return start_thread(s, err);
}

static enum err_code sink_start(const char *place, int fd, size_t queue_bytes, struct sink **out, struct err *err)
{
    struct sink *s = calloc(1, sizeof(*s));
    enum err_code code;

    if (!s) return err_set(err, ERR_NO_MEMORY, 0, "log");
    s->queue_bytes = queue_bytes;
    s->place.fd = s->wake_fd = -1;
    s->name = strdup(place);
    if (s->name) s->kind = log_place_of(s->name, &s->path);
    code = s->name ? begin(s, fd, err) : err_set(err, ERR_NO_MEMORY, 0, "log");
    if (code == ERR_NONE)
        *out = s;
    else
        sink_free(s);
    return code;
}

enum err_code sink_open(const char *place, size_t queue_bytes, struct sink **out, struct err *err)
{
    return sink_start(place, STDERR_FILENO, queue_bytes, out, err);
}

enum err_code sink_open_fd(int fd, size_t queue_bytes, struct sink **out, struct err *err)
{
    return sink_start("-", fd, queue_bytes, out, err);
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

/* False: the thread is left to itself, with all that it has. */
static bool end(struct sink *s, unsigned stuck_ms, unsigned most_ms)
{
    s->stuck_us = (int64_t)stuck_ms * 1000;
    s->most_us = (int64_t)most_ms * 1000;
    s->closed_us = clock_monotonic_us();
    atomic_store(&s->closing, true);
    wake_now(s);
    return join(s);
}

static void count_left(struct sink *s, struct sink_counts left[SINK_STREAMS])
{
    for (int i = 0; left && i < SINK_STREAMS; i++) {
        sink_counts(s, (enum sink_stream)i, &left[i]);
        left[i].lost += left[i].put - left[i].written;
        left[i].put = left[i].written;
    }
}

void sink_close(struct sink **sp, unsigned stuck_ms, unsigned most_ms, struct sink_counts left[SINK_STREAMS])
{
    struct sink *s = *sp;
    bool ended;

    if (!s) return;
    *sp = NULL;
    ended = end(s, stuck_ms, most_ms);
    count_left(s, left);
    if (ended) sink_free(s);
}

/* ------------------------------------------------------------- to other places */

static enum log_level level_of(char severity)
{
    enum log_level level = LOG_ERROR;

    while (level < LOG_DEBUG && severity_of(level) != severity)
        level++;
    return level;
}

/* False: out of memory, or too long there. */
static bool take_over(struct sink_queue *q, enum log_level level, struct str line)
{
    bool fits;

    pthread_mutex_lock(&q->lock);
    fits = size_of(q, line) <= BLOCK_BYTES && append(q, level, line);
    q->counts.put += fits;
    pthread_mutex_unlock(&q->lock);
    return fits;
}

/* One by one: what stands before a line differs. */
static void hand_lines(struct sink_queue *from, struct str lines, struct sink_queue *to)
{
    bool marked = is_daemon(from->sink);

    while (lines.n) {
        size_t n = str_index(lines, '\n') + 1;

        if (take_over(to, marked ? level_of(lines.p[0]) : LOG_INFO, str_tail(str_head(lines, n), marked)))
            from->counts.put--;
        lines = str_tail(lines, n);
    }
}

static void hand_queue(struct sink_queue *q, struct sink *heir)
{
    struct sink *s = q->sink;
    struct sink_queue *to = heir ? sink_queue_new(heir, q->stream) : NULL;

    if (!to) return;
    if (s->block && s->from == q) hand_lines(q, str_make(s->block->bytes + s->line, s->block->n - s->line), to);
    for (struct block *b; (b = take_block(q));) {
        hand_lines(q, str_make(b->bytes, b->n), to);
        free(b);
    }
    sink_queue_leave(to);
    sink_wake(heir);
}

void sink_hand_over(struct sink **sp, unsigned ms, const struct sinks *heirs, struct sink_counts left[SINK_STREAMS])
{
    struct sink *s = *sp;
    bool ended;

    if (!s) return;
    *sp = NULL;
    ended = end(s, ms, ms);
    for (struct sink_queue *q = ended ? atomic_load(&s->queues) : NULL; q; q = q->next)
        hand_queue(q, heirs->v[q->stream]);
    count_left(s, left);
    if (ended) sink_free(s);
}
