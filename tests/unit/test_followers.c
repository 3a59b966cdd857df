/* SPDX-License-Identifier: Apache-2.0
 * test_followers.c: what those who finish what they have are told, and what becomes of their answers. They are this
 * test.
 */
#include "control/followers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENT_MS = 30000, IMPATIENT_MS = 50 };

static struct loop loop;
static struct followers *followers;
static unsigned done_n;
static char behind[4096];

static void on_done(void *arg, const struct str_list *lines)
{
    (void)arg;
    behind[0] = '\0';
    for (size_t i = 0; i < lines->n; i++) {
        strncat(behind, lines->v[i], sizeof(behind) - strlen(behind) - 2);
        strcat(behind, "\n");
    }
    done_n++;
    loop_stop(&loop);
}

static void begin(unsigned patience_ms)
{
    struct err err = {0};

    done_n = 0;
    assert_int_equal(loop_init(&loop, NULL, NULL, NULL, &err), ERR_NONE);
    followers = followers_new(&loop, patience_ms);
    assert_non_null(followers);
}

static void end(void)
{
    followers_free(&followers);
    loop_clear(&loop);
}

static int join(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    followers_add(followers, pair[0]);
    return pair[1];
}

static void hears(int fd, const char *word)
{
    char got[64] = "";

    assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
    assert_string_equal(got, word);
}

static void says(int fd, const char *word)
{
    assert_int_equal(send(fd, word, strlen(word), 0), strlen(word));
}

static void test_nobody_has_it_at_once(void **state)
{
    (void)state;
    begin(PATIENT_MS);
    followers_take(followers, false, on_done, NULL);
    assert_int_equal(done_n, 1);
    assert_string_equal(behind, "");
    end();
}

static void test_answers(void **state)
{
    static const struct {
        const char *name, *answers[3];
        bool ends;
        const char *behind;
        unsigned patience_ms;
    } rows[] = {
        {"taken", {"taken 1"}, false, NULL, PATIENT_MS},
        {"refused", {"refused 1 file:3: no such thing"}, false, "file:3: no such thing", PATIENT_MS},
        {"gone", {NULL}, true, NULL, PATIENT_MS},
        {"to another question first", {"taken 0", "nonsense", "taken 1"}, false, NULL, PATIENT_MS},
        {"none", {NULL}, false, "did not answer in time", IMPATIENT_MS},
        {"to another question only", {"taken 2"}, false, "did not answer in time", IMPATIENT_MS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin(rows[i].patience_ms);
        int fd = join(), other = join();
        followers_take(followers, true, on_done, NULL);
        hears(fd, "cut 1");
        hears(other, "cut 1");
        assert_int_equal(done_n, 0);
        says(other, "taken 1");
        for (size_t k = 0; k < ARRAY_LEN(rows[i].answers) && rows[i].answers[k]; k++)
            says(fd, rows[i].answers[k]);
        if (rows[i].ends) close(fd);
        loop_run(&loop);
        assert_int_equal(done_n, 1);
        if (rows[i].behind)
            assert_non_null(strstr(behind, rows[i].behind));
        else
            assert_string_equal(behind, "");
        assert_int_equal(followers_list(followers, NULL, 0), rows[i].ends ? 1 : 2);
        if (!rows[i].ends) close(fd);
        close(other);
        end();
    }
}

static void test_who_is_left_is_told_of(void **state)
{
    (void)state;
    begin(PATIENT_MS);
    int fd = join();
    followers_take(followers, false, on_done, NULL);
    hears(fd, "take 1");
    followers_leave(followers);
    assert_int_equal(done_n, 1);
    assert_non_null(strstr(behind, "another process has taken over"));
    followers_take(followers, false, on_done, NULL);
    assert_int_equal(done_n, 2);
    close(fd);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_has_it_at_once),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_who_is_left_is_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
