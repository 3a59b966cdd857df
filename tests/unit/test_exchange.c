/* SPDX-License-Identifier: Apache-2.0
 * test_exchange.c: the two halves of the exchange with the endpoint, from state to state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/exchange.h"
#include "flow/session.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct session session;
static struct request *const req = &session.req;

static int set_up(void **state UNUSED)
{
    memset(&session, 0, sizeof(session));
    req->session = &session;
    return 0;
}

static void test_exchange_sent_again_begins_anew(void **state UNUSED)
{
    exchange_set_send(req, SEND_HEAD);
    exchange_set_send(req, SEND_BODY);
    exchange_set_answer(req, ANSWER_DOCUMENT);
    exchange_reset(req);
    assert_int_equal(req->relay.send_state, SEND_NONE);
    assert_int_equal(req->relay.answer_state, ANSWER_HEAD);
    exchange_reset(req); /* twice is once */
    exchange_set_send(req, SEND_HEAD);
}

static void test_exchange_stop_sending_leaves_what_was_sent_whole(void **state UNUSED)
{
    static const struct {
        enum send_state from, to;
    } rows[] = {{SEND_NONE, SEND_NONE},
                {SEND_HEAD, SEND_STOPPED},
                {SEND_BODY, SEND_STOPPED},
                {SEND_DONE, SEND_DONE},
                {SEND_STOPPED, SEND_STOPPED}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        req->relay.send_state = rows[i].from;
        exchange_stop_sending(req);
        assert_int_equal(req->relay.send_state, rows[i].to);
    }
}

/* True if the program ends by a bug that it found in the move. */
static bool is_bug(enum answer_state from, enum answer_state to)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);

        if (null >= 0) dup2(null, STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        req->relay.answer_state = from;
        exchange_set_answer(req, to);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_exchange_an_answer_that_has_begun_to_leave_is_never_taken_back(void **state UNUSED)
{
    assert_false(is_bug(ANSWER_DOCUMENT, ANSWER_HEAD));
    assert_true(is_bug(ANSWER_BODY, ANSWER_HEAD));
    assert_true(is_bug(ANSWER_BODY, ANSWER_DOCUMENT));
    assert_true(is_bug(ANSWER_DONE, ANSWER_HEAD));
    assert_true(is_bug(ANSWER_HEAD, ANSWER_DONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_exchange_sent_again_begins_anew, set_up),
        cmocka_unit_test_setup(test_exchange_stop_sending_leaves_what_was_sent_whole, set_up),
        cmocka_unit_test_setup(test_exchange_an_answer_that_has_begun_to_leave_is_never_taken_back, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
