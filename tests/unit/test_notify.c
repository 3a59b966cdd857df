/* SPDX-License-Identifier: Apache-2.0
 * test_notify.c: what the service manager hears, and when the watchdog is fed.
 */
#include "control/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int listener;
static char path[64];

/* @name: "/…" or "@…". */
static void listen_at(const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(name);

    memcpy(addr.sun_path, name, n);
    if (name[0] == '@') addr.sun_path[0] = '\0';
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
}

/* "": nothing more was heard. */
static const char *heard(void)
{
    static char text[2048];
    ssize_t n = recv(listener, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int clean(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    close(listener);
    unlink(path);
    return 0;
}

static void test_lines_arrive(void **state)
{
    char abstract[sizeof(path)];
    const char *const names[] = {path, abstract};
    struct notify n;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/test_notify.%d", (int)getpid());
    snprintf(abstract, sizeof(abstract), "@test_notify.%d", (int)getpid());
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        listen_at(names[i]);
        notify_init(&n);
        notify_send(&n, "READY=1\nSTATUS=%s", "serving");
        assert_string_equal(heard(), "READY=1\nSTATUS=serving");
        notify_reloading(&n, 1234567);
        assert_string_equal(heard(), "RELOADING=1\nMONOTONIC_USEC=1234567");
        notify_clear(&n);
        notify_send(&n, "READY=1");
        assert_string_equal(heard(), "");
        notify_clear(&n);
        close(listener);
        unlink(path);
    }
}

static void test_nobody_asked(void **state)
{
    struct notify n;

    (void)state;
    notify_init(&n);
    assert_int_equal(n.fd, -1);
    setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
    notify_init(&n);
    assert_int_equal(n.fd, -1);
    notify_send(&n, "READY=1");
    notify_clear(&n);
}

static void test_only_the_living_feed_the_watchdog(void **state)
{
    static const struct {
        int64_t now_us, oldest_us;
        bool fed;
    } rows[] = {
        {1000000, 999000, true},  {1200000, 1199000, false},  /* too early */
        {1500000, 1499000, true}, {2000000, 999999, false},   /* a thread stands still */
        {2100000, 1100000, true}, {9000000, INT64_MAX, true}, /* all have ended */
    };
    struct notify n;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/test_notify.%d", (int)getpid());
    listen_at(path);
    setenv("WATCHDOG_USEC", "2000000", 1);
    notify_init(&n);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        notify_feed(&n, rows[i].now_us, rows[i].oldest_us);
        assert_string_equal(heard(), rows[i].fed ? "WATCHDOG=1" : "");
    }
    notify_clear(&n);
    setenv("WATCHDOG_PID", "1", 1); /* another process's */
    notify_init(&n);
    notify_feed(&n, 99000000, 99000000);
    assert_string_equal(heard(), "");
    notify_clear(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_lines_arrive, clean),
        cmocka_unit_test_teardown(test_nobody_asked, clean),
        cmocka_unit_test_teardown(test_only_the_living_feed_the_watchdog, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
