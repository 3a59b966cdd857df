/* SPDX-License-Identifier: Apache-2.0
 * test_ports.c: sockets that were given are used, each of them by some worker, whatever the number of workers.
 */
#include "control/ports.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST = 3, MOST = 8 };

static struct netaddr loopback(void)
{
    struct netaddr a;

    assert_true(netaddr_parse(STR("127.0.0.1"), 0, &a));
    return a;
}

/* A listening socket as descriptor @as. *@addr: where. */
static void listen_as(int as, bool reuseport, struct netaddr *addr)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    if (reuseport) assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
    assert_int_equal(bind(fd, &addr->u.sa, addr->len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, &addr->u.sa, &addr->len), 0);
    if (fd == as) return;
    assert_int_equal(dup2(fd, as), as);
    close(fd);
}

static void give(unsigned n, const char *names)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    snprintf(text, sizeof(text), "%u", n);
    setenv("LISTEN_FDS", text, 1);
    setenv("LISTEN_FDNAMES", names, 1);
}

static ino_t inode_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

/* How many different sockets @workers_n workers have between them; each has at least one. */
static size_t deal(const struct ports *p, const struct netaddr *addr, size_t workers_n)
{
    ino_t seen[MOST * MOST];
    size_t seen_n = 0;

    for (size_t w = 0; w < workers_n; w++) {
        struct worker_sockets sockets = {0};
        struct err err = {0};

        assert_int_equal(ports_share(p, addr, w, workers_n, &sockets, &err), ERR_NONE);
        assert_true(sockets.n > 0);
        for (size_t k = 0; k < sockets.n; k++) {
            ino_t inode = inode_of(sockets.v[k].fd);
            size_t i = 0;

            while (i < seen_n && seen[i] != inode)
                i++;
            if (i == seen_n) seen[seen_n++] = inode;
        }
        worker_sockets_clear(&sockets);
    }
    return seen_n;
}

static void test_given_sockets_are_dealt_to_all_workers(void **state)
{
    static const struct {
        unsigned given;
        bool reuseport;
        size_t workers, sockets;
    } rows[] = {{0, true, 3, 3}, {4, true, 4, 4}, {5, true, 2, 5}, {2, true, 6, 6}, {1, false, 3, 1}, {3, true, 1, 3}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct netaddr addr = loopback();
        struct ports *p = NULL;
        struct err err = {0};

        listen_as(FIRST, true, &addr); /* a port that is free */
        for (unsigned k = 0; k < rows[i].given; k++) {
            if (k == 0) close(FIRST);
            listen_as(FIRST + (int)k, rows[i].reuseport, &addr);
        }
        if (!rows[i].given) close(FIRST);
        give(rows[i].given, "");
        assert_int_equal(ports_new(false, &p, &err), ERR_NONE);
        assert_null(getenv("LISTEN_FDS"));
        assert_int_equal(ports_judge(p, &addr, &err), ERR_NONE);
        assert_int_equal(ports_open(p, &addr, false, rows[i].workers, &err), ERR_NONE);
        assert_int_equal(ports_end_given(p, true, &err), ERR_NONE);
        assert_int_equal(ports_list(p, NULL, 0), rows[i].sockets);
        assert_int_equal(deal(p, &addr, rows[i].workers), rows[i].sockets);
        ports_close(p, &addr);
        assert_int_equal(ports_list(p, NULL, 0), 0);
        ports_free(&p);
    }
}

/* systemd is root, the proxy is not. */
static void test_a_socket_of_another_user_is_shared(void **state)
{
    struct netaddr addr = loopback();
    struct ports *p = NULL;
    struct err err = {0};

    (void)state;
    if (geteuid() != 0) skip();
    listen_as(FIRST, true, &addr);
    give(1, "");
    assert_int_equal(ports_new(false, &p, &err), ERR_NONE);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(ports_open(p, &addr, false, 4, &err), ERR_NONE);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(ports_list(p, NULL, 0), 1);
    assert_int_equal(deal(p, &addr, 4), 1);
    ports_free(&p);
}

static void test_what_others_listen_on_is_refused(void **state)
{
    struct netaddr addr = loopback();
    struct ports *p = NULL;
    struct err err = {0};

    (void)state;
    listen_as(FIRST, true, &addr);
    assert_int_equal(ports_new(false, &p, &err), ERR_NONE);
    assert_int_equal(ports_judge(p, &addr, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "listens on 127.0.0.1:"));
    ports_free(&p);
    close(FIRST);
}

static void test_unmatched_ones_are_named(void **state)
{
    struct netaddr addr = loopback();
    struct ports *p = NULL;
    struct err err = {0};

    (void)state;
    listen_as(FIRST, true, &addr);
    give(1, "web");
    assert_int_equal(ports_new(false, &p, &err), ERR_NONE);
    assert_int_equal(ports_end_given(p, true, &err), ERR_FILE);
    assert_non_null(strstr(err.detail, "127.0.0.1:"));
    assert_non_null(strstr(err.detail, " as web "));
    assert_int_equal(ports_end_given(p, false, &err), ERR_NONE);
    assert_int_equal(close(FIRST), -1);
    ports_free(&p);
}

static void test_a_unix_socket_is_found_by_its_path(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), taken;
    struct ports *p = NULL;
    struct err err = {0};

    (void)state;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/test_ports.%d", (int)getpid());
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 1), 0);
    unlink(addr.sun_path);
    if (fd != FIRST) assert_int_equal(dup2(fd, FIRST), FIRST);
    if (fd != FIRST) close(fd);
    give(1, "");
    assert_int_equal(ports_new(false, &p, &err), ERR_NONE);
    assert_int_equal(ports_take_unix(p, "/tmp/another"), -1);
    taken = ports_take_unix(p, addr.sun_path);
    assert_int_equal(taken, FIRST);
    assert_int_equal(ports_take_unix(p, addr.sun_path), -1);
    assert_int_equal(ports_end_given(p, true, &err), ERR_NONE);
    ports_free(&p);
    close(taken);
}

static void test_what_is_no_listening_socket_is_refused(void **state)
{
    struct ports *p = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(dup2(STDIN_FILENO, FIRST), FIRST);
    give(1, "");
    assert_int_equal(ports_new(false, &p, &err), ERR_FILE);
    assert_null(p);
    give(1, "");
    setenv("LISTEN_PID", "1", 1); /* not for us */
    assert_int_equal(ports_new(false, &p, &err), ERR_NONE);
    assert_int_equal(ports_end_given(p, true, &err), ERR_NONE);
    ports_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_sockets_are_dealt_to_all_workers),
        cmocka_unit_test(test_a_socket_of_another_user_is_shared),
        cmocka_unit_test(test_what_others_listen_on_is_refused),
        cmocka_unit_test(test_unmatched_ones_are_named),
        cmocka_unit_test(test_a_unix_socket_is_found_by_its_path),
        cmocka_unit_test(test_what_is_no_listening_socket_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
