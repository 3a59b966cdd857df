/* SPDX-License-Identifier: Apache-2.0
 * test_states.c: a table of moves; a move that it does not allow ends the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/states.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHUT, AJAR, OPEN };

static const char *const names[] = {"shut", "ajar", "open"};
static const uint32_t next[] = {
    [SHUT] = STATES_BIT(AJAR), [AJAR] = STATES_BIT(OPEN) | STATES_BIT(SHUT), [OPEN] = STATES_BIT(AJAR)};
static const struct states door = {"door", names, next};

static void test_states_allow_what_the_table_has_and_nothing_else(void **state UNUSED)
{
    static const bool allowed[3][3] = {{false, true, false}, {true, false, true}, {false, true, false}};

    for (unsigned from = SHUT; from <= OPEN; from++)
        for (unsigned to = SHUT; to <= OPEN; to++)
            assert_int_equal(states_allow(&door, from, to), allowed[from][to]);
}

/* The signal that ends a child that makes the move; 0: none did. */
static int ends_by(unsigned from, unsigned to)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);

        if (null >= 0) dup2(null, STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        states_check(&door, from, to);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_states_check_of_a_move_not_in_the_table_aborts(void **state UNUSED)
{
    assert_int_equal(ends_by(SHUT, AJAR), 0);
    assert_int_equal(ends_by(SHUT, OPEN), SIGABRT);
    assert_int_equal(ends_by(OPEN, OPEN), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_allow_what_the_table_has_and_nothing_else),
        cmocka_unit_test(test_states_check_of_a_move_not_in_the_table_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
