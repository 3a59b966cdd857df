/* SPDX-License-Identifier: Apache-2.0
 * Tests of sink.c: no line is torn or counted twice, whatever the place does; nothing waits for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/sink.h"

#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { QUEUE = 64 * 1024, PATIENCE_US = 20 * 1000 * 1000, STEP_US = 2000 };

static char text[4 << 20]; /* what came out */

static struct sink_queue *queue_of(struct sink *s)
{
    struct sink_queue *q = sink_queue_new(s, SINK_ACCESS);

    assert_non_null(q);
    return q;
}

/* "N xxx…", @bytes long. */
static bool put(struct sink *s, struct sink_queue *q, unsigned number, size_t bytes)
{
    char line[4096];
    bool in;

    memset(line, 'x', sizeof(line));
    line[snprintf(line, sizeof(line), "%u ", number)] = 'x';
    line[bytes - 1] = '\n';
    in = sink_put(q, LOG_INFO, str_make(line, bytes));
    sink_wake(s);
    return in;
}

static struct sink_counts counts_of(struct sink *s)
{
    struct sink_counts c, other;

    sink_counts(s, SINK_ACCESS, &c);
    sink_counts(s, SINK_LOG, &other);
    assert_true(other.put == 0 && other.written == 0 && other.lost == 0);
    return c;
}

static void wait_trouble(struct sink *s, int e)
{
    for (int us = 0; sink_trouble(s) != e; us += STEP_US) {
        assert_true(us < PATIENCE_US);
        usleep(STEP_US);
    }
}

static void wait_written(struct sink *s, uint64_t n)
{
    for (int us = 0; counts_of(s).written < n; us += STEP_US) {
        assert_true(us < PATIENCE_US);
        usleep(STEP_US);
    }
}

static struct str read_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

    if (fd >= 0) close(fd);
    return str_make(text, n > 0 ? (size_t)n : 0);
}

/* All lines are whole, @bytes long, and rise; how many there are. */
static size_t count_lines(struct str s, size_t bytes)
{
    struct str line;
    size_t n = 0;
    long last = -1;

    assert_true(s.n == 0 || s.p[s.n - 1] == '\n');
    while (s.n && str_split(&s, '\n', &line)) {
        assert_int_equal(line.n, bytes - 1);
        assert_true(strtol(line.p, NULL, 10) > last);
        last = strtol(line.p, NULL, 10);
        n++;
    }
    return n;
}

static void close_whole(struct sink **s)
{
    struct sink_counts left[SINK_STREAMS];

    sink_close(s, 20000, 20000, left);
    assert_null(*s);
    assert_int_equal(left[SINK_ACCESS].put, left[SINK_ACCESS].written);
    assert_int_equal(left[SINK_LOG].put + left[SINK_LOG].lost, 0);
}

static struct sink *open_path(const char *path)
{
    struct sink *s = NULL;
    struct err err = {0};

    assert_int_equal(sink_open(path, QUEUE, &s, &err), ERR_NONE);
    return s;
}

static void test_file_gets_whole_lines_in_order(void **state UNUSED)
{
    char path[FOLDER_PATH];
    struct sink *s;

    folder_path(path, "access.log");
    write_file("access.log", 0640, "torn by somebo"); /* another process was killed in the middle of a line */
    s = open_path(path);
    struct sink_queue *q = queue_of(s), *other = queue_of(s);

    for (unsigned i = 0; i < 300; i++) {
        assert_true(put(s, q, i, 100));
        wait_written(s, i + 1);
    }
    assert_false(sink_put(other, LOG_INFO, str_make(text, SINK_LINE_MAX + 1)));
    assert_int_equal(counts_of(s).lost, 1);
    close_whole(&s);
    struct str all = read_file(path);

    assert_true(str_starts(all, STR("torn by somebo\n0 x")));
    assert_int_equal(count_lines(str_tail(all, strlen("torn by somebo\n")), 100), 300);
    s = open_path(path);
    assert_true(put(s, queue_of(s), 300, 100));
    close_whole(&s);
    assert_int_equal(count_lines(str_tail(read_file(path), strlen("torn by somebo\n")), 100), 301);
}

static void test_a_queue_that_was_left_is_given_again(void **state UNUSED)
{
    char path[FOLDER_PATH];
    struct sink *s;

    folder_path(path, "left.log");
    s = open_path(path);
    struct sink_queue *a = queue_of(s), *b = queue_of(s), *log = sink_queue_new(s, SINK_LOG);

    assert_ptr_not_equal(a, b);
    assert_true(put(s, a, 1, 100));
    sink_queue_leave(a);
    sink_queue_leave(log);
    sink_queue_leave(NULL);
    assert_ptr_equal(queue_of(s), a);
    assert_ptr_not_equal(queue_of(s), log);
    assert_true(put(s, a, 2, 100));
    close_whole(&s);
    assert_int_equal(count_lines(read_file(path), 100), 2);
}

static void test_path_that_cannot_be_opened(void **state UNUSED)
{
    struct err err = {0};
    struct sink *s = NULL;
    char path[FOLDER_PATH];

    folder_path(path, "none/access.log");
    assert_int_equal(sink_open(path, QUEUE, &s, &err), ERR_FILE);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(sink_open(folder, QUEUE, &s, &err), ERR_FILE);
    assert_null(s);
}

/* Nobody reads, then somebody does; with a descriptor that blocks, of a pipe and of a socket. */
static void check_stalled_reader(int fds[2])
{
    struct sink *s = NULL;
    struct err err = {0};
    struct sink_queue *q, *mine;
    struct sink_counts c;
    size_t n = 0, got = 0;
    unsigned in = 0, total = 0;

    assert_int_equal(sink_open_fd(fds[1], QUEUE, &s, &err), ERR_NONE);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    q = queue_of(s);
    mine = queue_of(s);
    while (sink_trouble(s) != EAGAIN)
        in += put(s, q, total++, 1000);
    for (uint64_t lost = counts_of(s).lost; counts_of(s).lost < lost + 50;)
        in += put(s, q, total++, 1000);
    assert_true(sink_put(mine, LOG_INFO, STR("another's queue has room\n")));
    c = counts_of(s);
    assert_true(c.put == in + 1 && c.put + c.lost == total + 1 && c.written < c.put);
    assert_in_range((c.put - 1 - c.written) * 1000, QUEUE / 2, QUEUE + 1000);
    while (got < (size_t)in * 1000 + strlen("another's queue has room\n")) {
        ssize_t r = read(fds[0], text + got, sizeof(text) - got);

        assert_true(r > 0);
        got += (size_t)r;
    }
    wait_trouble(s, 0);
    assert_true(put(s, q, total, 1000));
    close_whole(&s);
    close(fds[1]);
    for (ssize_t r; (r = read(fds[0], text + got, sizeof(text) - got)) > 0;)
        got += (size_t)r;
    close(fds[0]);
    for (struct str rest = str_make(text, got), line; rest.n && str_split(&rest, '\n', &line); n++)
        assert_true(line.n == 999 || str_eq(line, STR("another's queue has room")));
    assert_int_equal(n, in + 2);
}

static void test_stalled_readers(void **state UNUSED)
{
    int fds[2], sockets[2];

    assert_int_equal(pipe(fds), 0);
    check_stalled_reader(fds);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    check_stalled_reader(sockets);
}

static void test_close_has_a_limit(void **state UNUSED)
{
    struct sink_counts left[SINK_STREAMS];
    struct sink *s = NULL;
    struct err err = {0};
    int fds[2];
    unsigned total = 0;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(sink_open_fd(fds[1], QUEUE, &s, &err), ERR_NONE);
    struct sink_queue *q = queue_of(s);

    while (sink_trouble(s) != EAGAIN)
        (void)put(s, q, total++, 1000);
    sink_close(&s, 50, 20000, left);
    assert_int_equal(left[SINK_ACCESS].written + left[SINK_ACCESS].lost, total);
    assert_in_range(left[SINK_ACCESS].lost, 1, total - 1);
    close(fds[1]);
    ssize_t n = read(fds[0], text, sizeof(text));

    assert_in_range(n, left[SINK_ACCESS].written * 1000, left[SINK_ACCESS].written * 1000 + 999);
    close(fds[0]);
}

static void test_fifo_without_a_reader(void **state UNUSED)
{
    char path[FOLDER_PATH];
    struct sink *s;
    struct sink_queue *q;
    int fd;

    folder_path(path, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    s = open_path(path); /* does not hang */
    assert_int_equal(sink_trouble(s), ENXIO);
    q = queue_of(s);
    assert_true(put(s, q, 1, 100));
    assert_int_equal(counts_of(s).written, 0);
    fd = open(path, O_RDONLY);
    wait_written(s, 1);
    assert_int_equal(read(fd, text, sizeof(text)), 100);
    close(fd); /* the reader goes, another one comes */
    assert_true(put(s, q, 2, 100));
    wait_trouble(s, ENXIO);
    fd = open(path, O_RDONLY);
    wait_written(s, 2);
    assert_int_equal(count_lines(str_make(text, (size_t)read(fd, text, sizeof(text))), 100), 1);
    close_whole(&s);
    close(fd);
}

static void test_full_device(void **state UNUSED)
{
    struct sink *s = open_path("/dev/full");
    struct sink_counts left[SINK_STREAMS];
    struct sink_queue *q = queue_of(s);

    for (unsigned i = 0; i < 10; i++)
        assert_true(put(s, q, i, 100));
    wait_trouble(s, ENOSPC);
    sink_close(&s, 50, 20000, left);
    assert_int_equal(left[SINK_ACCESS].written, 0);
    assert_int_equal(left[SINK_ACCESS].lost, 10);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* As of a full disk: part of a line fits. Room again: the rest follows. Moved away meanwhile: the new file gets all of
 * the line, and what came before stays in the old one. */
static void test_full_disk(void **state UNUSED)
{
    char path[FOLDER_PATH], old[FOLDER_PATH];
    struct sink *s = open_path(folder_path(path, "full.log"));
    struct sink_queue *q = queue_of(s);

    folder_path(old, "full.log.1");
    signal(SIGXFSZ, SIG_IGN);
    for (unsigned moved = 0; moved < 2; moved++) {
        limit_files(moved ? 1250 : 250);
        for (unsigned i = 0; i < 10; i++)
            assert_true(put(s, q, moved * 10 + i, 100));
        wait_trouble(s, EFBIG);
        wait_written(s, moved * 10 + 2);
        assert_int_equal(counts_of(s).written, moved * 10 + 2);
        if (moved) assert_int_equal(rename(path, old), 0);
        if (moved) sink_reopen(s);
        limit_files(moved ? 1250 : RLIM_INFINITY);
        wait_written(s, moved * 10 + 10);
        assert_int_equal(counts_of(s).lost, 0);
    }
    limit_files(RLIM_INFINITY);
    assert_true(put(s, q, 20, 100));
    close_whole(&s);
    assert_int_equal(count_lines(read_file(path), 100), 9);
    struct str before = read_file(old);

    assert_int_equal(before.n, 1250);
    assert_int_equal(count_lines(str_head(before, 1200), 100), 12);
}

static void test_reopen_loses_nothing(void **state UNUSED)
{
    char path[FOLDER_PATH], old[FOLDER_PATH];
    struct sink *s = open_path(folder_path(path, "r.log"));
    struct sink_queue *q = queue_of(s);
    size_t n = 0;

    folder_path(old, "r.log.1");
    for (unsigned i = 0; i < 400; i++) {
        while (!put(s, q, i, 100))
            usleep(STEP_US);
        if (i % 100 == 50) {
            assert_int_equal(rename(path, old), 0);
            sink_reopen(s);
            for (int us = 0; access(path, F_OK) != 0; us += STEP_US) {
                assert_true(us < PATIENCE_US);
                usleep(STEP_US);
            }
            n += count_lines(read_file(old), 100);
        }
    }
    close_whole(&s);
    assert_int_equal(n + count_lines(read_file(path), 100), 400);
}

static void test_watched_file_is_followed(void **state UNUSED)
{
    char path[FOLDER_PATH], old[FOLDER_PATH];
    struct sink *s = open_path(folder_path(path, "w.log"));
    struct sink_queue *q = queue_of(s);
    unsigned n = 1;

    folder_path(old, "w.log.1");
    assert_true(put(s, q, 0, 100));
    wait_written(s, 1);
    assert_int_equal(rename(path, old), 0);
    sink_watch(s);
    for (int us = 0; access(path, F_OK) != 0; us += STEP_US) {
        assert_true(us < PATIENCE_US);
        usleep(STEP_US);
        n += put(s, q, n, 100);
    }
    close_whole(&s);
    size_t before = count_lines(read_file(old), 100);

    assert_int_equal(before + count_lines(read_file(path), 100), n);
}

static int daemon_at(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    strcpy(addr.sun_path, path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static struct str receive(int fd)
{
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    assert_true(n > 0);
    text[n] = '\0';
    return str_make(text, (size_t)n);
}

static struct sink *open_daemon(const char *word, const char *name, char path[FOLDER_PATH])
{
    char place[FOLDER_PATH + 32];

    folder_path(path, name);
    snprintf(place, sizeof(place), "%s:%s", word, path);
    return open_path(place);
}

/* "<14>Jan  2 03:04:05 s3onramp-access[12]: line" */
static void judge_syslog(struct str got, const char *begin, const char *end)
{
    char tag[64];

    snprintf(tag, sizeof(tag), "[%d]: ", (int)getpid());
    assert_true(str_starts(got, str_from(begin)));
    assert_true(str_ends(got, str_from(end)));
    assert_int_equal(got.p[strlen("<30>Jan")], ' ');
    assert_int_not_equal(str_find(got, str_from(tag)), SIZE_MAX);
}

static void test_syslog(void **state UNUSED)
{
    char path[FOLDER_PATH];
    struct sink *s = open_daemon("syslog", "syslog", path); /* which is not there yet */
    struct sink_queue *q = queue_of(s), *log = sink_queue_new(s, SINK_LOG), *audit = sink_queue_new(s, SINK_AUDIT);
    struct sink_counts c;

    assert_int_equal(sink_trouble(s), ENOENT);
    assert_true(sink_put(q, LOG_INFO, STR("one\n")) && sink_put(q, LOG_INFO, STR("two\n")));
    sink_wake(s);
    int fd = daemon_at(path);

    judge_syslog(receive(fd), "<30>", "one");
    judge_syslog(receive(fd), "<30>", "two");
    assert_true(sink_put(log, LOG_ERROR, STR("bad\n")));
    sink_wake(s);
    judge_syslog(receive(fd), "<27>", "bad");
    assert_true(sink_put(audit, LOG_INFO, STR("who\n")));
    sink_wake(s);
    judge_syslog(receive(fd), "<86>", "who");
    close(fd); /* it starts anew */
    assert_true(sink_put(q, LOG_INFO, STR("three\n")));
    sink_wake(s);
    wait_trouble(s, ECONNREFUSED);
    fd = daemon_at(path);
    judge_syslog(receive(fd), "<30>", "three");
    wait_trouble(s, 0);
    for (int i = SINK_LOG; i < SINK_STREAMS; i++) {
        sink_counts(s, (enum sink_stream)i, &c);
        for (int us = 0; c.written < c.put; us += STEP_US) {
            assert_true(us < PATIENCE_US);
            usleep(STEP_US);
            sink_counts(s, (enum sink_stream)i, &c);
        }
        assert_int_equal(c.lost, 0);
    }
    sink_close(&s, 20000, 20000, NULL);
    close(fd);
}

/* What the daemon does not take waits, as much as there is room for; each line counts. */
static void test_syslog_that_is_slow(void **state UNUSED)
{
    char path[FOLDER_PATH];
    int fd = daemon_at(folder_path(path, "slow"));
    struct sink *s = open_daemon("syslog", "slow", path);
    struct sink_queue *q = queue_of(s);
    struct sink_counts c;
    unsigned total = 0, got = 0;

    /* Lines are lost, too, while the thread has no turn: only what it was refused says that the daemon is full. */
    for (int us = 0; counts_of(s).lost < 10 || sink_trouble(s) != EAGAIN;) {
        if (put(s, q, total++, 1000)) continue;
        assert_true((us += STEP_US) < PATIENCE_US);
        usleep(STEP_US);
    }
    c = counts_of(s);
    assert_int_equal(c.put + c.lost, total);
    for (; got < c.put; got++)
        assert_int_equal(receive(fd).n, strlen("<30>Jan  2 03:04:05 s3onramp-access[]: ") +
                                            (size_t)snprintf(text, 32, "%d", (int)getpid()) + 999);
    wait_written(s, c.put);
    close_whole(&s);
    close(fd);
}

/* The socket of the sink that is connected to @path. */
static void shrink_socket(const char *path)
{
    int little = 1;

    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_un peer = {0};
        socklen_t n = sizeof(peer);

        if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && strcmp(peer.sun_path, path) == 0)
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
    }
}

static void test_journald(void **state UNUSED)
{
    char path[FOLDER_PATH], line[8192];
    int fd = daemon_at(folder_path(path, "journal"));
    struct sink *s = open_daemon("journald", "journal", path);
    struct sink_queue *log = sink_queue_new(s, SINK_LOG);

    assert_true(sink_put(log, LOG_WARN, STR("a line\n")));
    sink_wake(s);
    assert_string_equal(receive(fd).p, "PRIORITY=4\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=s3onramp\nMESSAGE=a line\n");
    shrink_socket(path); /* too long for it: its beginning */
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    assert_true(sink_put(log, LOG_DEBUG, str_make(line, sizeof(line))));
    sink_wake(s);
    assert_int_equal(receive(fd).n,
                     strlen("PRIORITY=7\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=s3onramp\nMESSAGE=\n") + 1024);
    sink_close(&s, 20000, 20000, NULL);
    close(fd);
}

/* Room that is kept is there whatever else comes; beyond its multiple there is none. */
static void test_room_is_kept(void **state UNUSED)
{
    struct sink_counts left[SINK_STREAMS];
    struct sink *s = open_path("/dev/full"), *other = open_path("/dev/full");
    struct sink_queue *q = queue_of(s), *next = queue_of(other);
    unsigned kept = 0, total = 0;
    char line[1000];

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    while (sink_reserve(q, 1000))
        kept++;
    assert_int_equal(kept, 8 * QUEUE / 1000);
    while (put(s, q, total, 1000))
        total++;
    assert_in_range(total, QUEUE / 1000 - 1, QUEUE / 1000);
    for (unsigned i = 0; i < 100; i++)
        assert_true(sink_put_into(q, 1000, LOG_INFO, str_make(line, sizeof(line))));
    sink_let_go(q, 1000);
    assert_false(sink_reserve(q, 102 * 1000));
    sink_move_room(q, next);
    assert_true(sink_reserve(q, 100 * 1000));
    for (unsigned i = 101; i < kept; i++)
        assert_true(sink_put_into(next, 1000, LOG_INFO, str_make(line, sizeof(line))));
    wait_trouble(s, ENOSPC);
    assert_false(sink_is_stuck(s, 0));
    assert_true(sink_is_stuck(s, INT64_MAX));
    sink_close(&s, 0, 0, left);
    assert_int_equal(left[SINK_ACCESS].lost, total + 1 + 100);
    sink_close(&other, 0, 0, left);
    assert_int_equal(left[SINK_ACCESS].lost, kept - 101);
}

/* What a full disk and a daemon that is not there did not take stands in the file that follows, in its order. */
static void test_what_waits_is_handed_over(void **state UNUSED)
{
    static const char *const stuck[] = {"/dev/full", "syslog:/nowhere/at/all"};

    for (size_t i = 0; i < ARRAY_LEN(stuck); i++) {
        char path[FOLDER_PATH];
        struct sink *s = open_path(stuck[i]),
                    *next = open_path(folder_path(path, i ? "after-daemon.log" : "after-disk.log"));
        struct sink_queue *q = queue_of(s);
        struct sinks heirs = {.v = {[SINK_ACCESS] = next}};
        struct sink_counts left[SINK_STREAMS];
        unsigned n = 0;

        while (put(s, q, n, 1000))
            n++;
        sink_hand_over(&s, 0, &heirs, left);
        assert_null(s);
        assert_int_equal(left[SINK_ACCESS].lost, 1); /* the one that did not fit */
        close_whole(&next);
        assert_int_equal(count_lines(read_file(path), 1000), n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_gets_whole_lines_in_order),
        cmocka_unit_test(test_a_queue_that_was_left_is_given_again),
        cmocka_unit_test(test_path_that_cannot_be_opened),
        cmocka_unit_test(test_stalled_readers),
        cmocka_unit_test(test_close_has_a_limit),
        cmocka_unit_test(test_fifo_without_a_reader),
        cmocka_unit_test(test_full_device),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_reopen_loses_nothing),
        cmocka_unit_test(test_watched_file_is_followed),
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_syslog_that_is_slow),
        cmocka_unit_test(test_journald),
        cmocka_unit_test(test_room_is_kept),
        cmocka_unit_test(test_what_waits_is_handed_over),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
