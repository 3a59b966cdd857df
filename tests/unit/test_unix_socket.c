/* SPDX-License-Identifier: Apache-2.0
 * test_unix_socket.c: long answers to slow readers, askers that go away, many at a time, long questions.
 */
#include "admin/unix_socket.h"

#include "folder.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINE = 1000, LINES = 30000, MANY = 50, TURNS = 100000 };

static struct loop loop;
static struct unix_socket *served;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct admin_call *waiting;
static unsigned cancelled, ended, made;

static bool more(void *arg, struct evbuffer *out)
{
    char line[LINE];

    (void)arg;
    memset(line, 'x', sizeof(line));
    assert_int_equal(evbuffer_add(out, line, sizeof(line)), 0);
    return ++made < LINES;
}

static void end(void *arg)
{
    (void)arg;
    ended++;
}

static void run_stream(struct admin_call *call)
{
    admin_reply_stream(call, &(struct admin_stream){more, end, NULL});
}

static void on_cancel(void *arg)
{
    (void)arg;
    cancelled++;
}

static void run_wait(struct admin_call *call)
{
    waiting = call;
    admin_call_later(call, on_cancel, NULL);
}

static void run_length(struct admin_call *call)
{
    admin_reply_json(call, json_pack("{sI}", "n", (json_int_t)strlen(admin_call_text(call, "text"))));
}

static const struct admin_command rows[] = {
    {"stream", {{0}}, ADMIN_LOOK, run_stream, ""},
    {"wait", {{0}}, ADMIN_LOOK, run_wait, ""},
    {"length", {{"text", ADMIN_TEXT, true}}, ADMIN_LOOK, run_length, ""},
};
static const struct admin_commands commands = {rows, ARRAY_LEN(rows)};

static void turn(void)
{
    event_base_loop(loop.base, EVLOOP_NONBLOCK);
    loop.now_fresh = false;
}

/* Whatever the kernel's buffers hold. */
static void say(int fd, const char *text)
{
    size_t n = strlen(text);

    for (unsigned i = 0; i < TURNS && n > 0; i++) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

        turn();
        if (sent < 0) continue;
        text += sent;
        n -= (size_t)sent;
    }
    assert_int_equal(n, 0);
}

static int connect_one(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int ask(const char *question)
{
    int fd = connect_one();

    made = ended = cancelled = 0;
    waiting = NULL;
    say(fd, question);
    return fd;
}

/* All up to the end, while the loop turns. */
static size_t read_all(int fd, char *out, size_t cap)
{
    size_t n = 0;

    for (unsigned i = 0; i < TURNS; i++) {
        char piece[65536];
        ssize_t got = recv(fd, piece, sizeof(piece), 0);

        turn();
        if (got == 0) {
            out[n < cap ? n : cap - 1] = '\0';
            close(fd);
            return n;
        }
        if (got < 0) continue;
        if (n + (size_t)got < cap) memcpy(out + n, piece, (size_t)got);
        n += (size_t)got;
    }
    fail_msg("no end of the answer");
    return 0;
}

static void test_stream_waits_for_its_reader(void **state)
{
    int fd = ask("{\"command\": \"stream\"}\n");
    char out[8];

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        turn();
    assert_true(made > 0 && made < LINES / 4); /* a buffer's worth, and what the kernel took */
    assert_int_equal(ended, 0);
    assert_int_equal(read_all(fd, out, sizeof(out)), (size_t)LINE * LINES);
    assert_int_equal(ended, 1);
}

static void test_stream_ends_when_its_reader_goes(void **state)
{
    int fd = ask("{\"command\": \"stream\"}\n");

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        turn();
    close(fd);
    for (unsigned i = 0; i < TURNS && !ended; i++)
        turn();
    assert_int_equal(ended, 1);
    assert_true(made < LINES);
}

static void wait_for_call(void)
{
    for (unsigned i = 0; i < TURNS && !waiting; i++)
        turn();
    assert_non_null(waiting);
}

static void test_later_half_closed_asker_gets_its_answer(void **state)
{
    int fd = ask("{\"command\": \"wait\"}\n");
    char out[200];

    (void)state;
    wait_for_call();
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (unsigned i = 0; i < 100; i++)
        turn();
    assert_int_equal(cancelled, 0);
    admin_reply_error(waiting, "at last");
    read_all(fd, out, sizeof(out));
    assert_non_null(strstr(out, "at last"));
    assert_int_equal(cancelled, 0);
}

static void test_later_asker_that_goes_is_cancelled(void **state)
{
    int fd = ask("{\"command\": \"wait\"}\nmore that nobody reads");

    (void)state;
    wait_for_call();
    close(fd);
    for (unsigned i = 0; i < TURNS && !cancelled; i++)
        turn();
    assert_int_equal(cancelled, 1);
}

static void test_many_askers_at_a_time(void **state)
{
    int fds[MANY];
    char out[100];

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        fds[i] = connect_one();
    for (size_t i = 0; i < MANY; i++) {
        turn();
        say(fds[i], "{\"command\": \"length\", ");
    }
    for (size_t i = MANY; i-- > 0;) {
        say(fds[i], "\"text\": \"abc\"}\n");
        read_all(fds[i], out, sizeof(out));
        assert_non_null(strstr(out, "\"n\": 3"));
    }
}

static void ask_length(size_t n, const char *expected)
{
    char *question = malloc(n + 100), out[200];

    assert_non_null(question);
    strcpy(question, "{\"command\": \"length\", \"text\": \"");
    memset(question + strlen(question), 'a', n + 1);
    strcpy(question + 31 + n, "\"}\n");
    int fd = ask(question);

    read_all(fd, out, sizeof(out));
    assert_non_null(strstr(out, expected));
    free(question);
}

static void test_question_as_long_as_it_may_be(void **state)
{
    (void)state;
    ask_length(60000, "\"n\": 60000");
    ask_length(65536 - 34, "\"n\": 65502"); /* 64 KiB with its newline */
    ask_length(65536 - 33, "at most 65536 bytes");
}

static int set_up(void **state)
{
    struct err err = {0};
    struct admin_call call = {.commands = &commands, .right = ADMIN_CHANGE};

    char path[FOLDER_PATH];

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(folder_make(state), 0);
    assert_true(str_to_cstr(str_from(folder_path(path, "s")), address.sun_path, sizeof(address.sun_path)));
    assert_int_equal(loop_init(&loop, NULL, NULL, NULL, &err), ERR_NONE);
    if (unix_socket_new(&loop, address.sun_path, -1, &call, &served, &err) != ERR_NONE) return -1;
    unix_socket_enter(served);
    return 0;
}

static int tear_down(void **state)
{
    unix_socket_free(&served);
    assert_int_equal(access(address.sun_path, F_OK), -1);
    loop_clear(&loop);
    return folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_waits_for_its_reader),
        cmocka_unit_test(test_stream_ends_when_its_reader_goes),
        cmocka_unit_test(test_later_half_closed_asker_gets_its_answer),
        cmocka_unit_test(test_later_asker_that_goes_is_cancelled),
        cmocka_unit_test(test_many_askers_at_a_time),
        cmocka_unit_test(test_question_as_long_as_it_may_be),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
