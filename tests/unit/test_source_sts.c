/* SPDX-License-Identifier: Apache-2.0
 * test_source_sts.c: ends of a fetch that no answer of a server leads to: stopped at each stage, freed from within,
 * keys to sign with that do not come. What is asked and answered is tested in tests/e2e/test_credentials_sts.py.
 */
#include "keys/source.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A source that ends when it is told to. */
struct fake {
    struct source source;
    bool fetching;
    int freed_n;
};

static void fake_fetch(struct source *s)
{
    ((struct fake *)s)->fetching = true;
}

static void fake_cancel(struct source *s)
{
    ((struct fake *)s)->fetching = false;
}

static void fake_free(struct source *s)
{
    ((struct fake *)s)->freed_n++;
}

static const struct source_ops fake_ops = {fake_fetch, fake_cancel, fake_free};

static void fake_give(struct fake *f)
{
    struct source_result r = {.outcome = SOURCE_GOOD};

    r.keys.access_key_id = strdup("AKIA");
    r.keys.secret_access_key = strdup("secret");
    source_end(&f->source, &r);
}

struct world {
    struct loop loop;
    struct http *http;
    struct credentials_conf set;
    struct netaddr silent; /* takes connections and says nothing */
    int fd;
    struct source_context context;
    struct fake base;
    struct source *source; /* under test */
    int done_n;
    enum source_outcome outcome;
    char why[SOURCE_WHY];
    bool frees;
};

static struct source *no_section(void *arg, const struct credentials_conf *set)
{
    (void)arg;
    (void)set;
    return NULL;
}

static void open_silent(struct world *w)
{
    w->silent.u.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    w->silent.len = sizeof(w->silent.u.in);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, &w->silent.u.sa, w->silent.len), 0);
    assert_int_equal(listen(w->fd, 8), 0);
    assert_int_equal(getsockname(w->fd, &w->silent.u.sa, &w->silent.len), 0);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    *state = w;
    assert_int_equal(loop_init(&w->loop, NULL, NULL, w, NULL), ERR_NONE);
    assert_int_equal(http_new(&w->loop, &w->http, NULL), ERR_NONE);
    open_silent(w);
    w->set = (struct credentials_conf){.source = CREDENTIALS_ASSUME_ROLE,
                                       .region = (char *)"eu-west-3",
                                       .addresses = &w->silent,
                                       .addresses_n = 1,
                                       .timeout_ms = 600000};
    w->context = (struct source_context){.loop = &w->loop, .http = w->http, .set = &w->set, .section = no_section};
    w->base.source = (struct source){.ops = &fake_ops, .context = &w->context};
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    source_free(&w->source);
    http_free(&w->http);
    loop_clear(&w->loop);
    close(w->fd);
    free(w);
    return 0;
}

static void on_done(void *arg, struct source_result *r)
{
    struct world *w = arg;

    w->done_n++;
    w->outcome = r->outcome;
    memcpy(w->why, r->why, sizeof(w->why));
    if (w->frees) source_free(&w->source);
}

static void start(struct world *w)
{
    const struct role_request r = {.role_arn = "arn:aws:iam::123456789012:role/r"};

    w->source = source_role_with(&w->context, &r, &w->base.source);
    assert_non_null(w->source);
    source_fetch(w->source, on_done, w);
}

/* Until somebody connects to the silent address. */
static void wait_for_connection(struct world *w)
{
    int fd = -1;

    assert_int_equal(fcntl(w->fd, F_SETFL, O_NONBLOCK), 0);
    while ((fd = accept(w->fd, NULL, NULL)) < 0)
        event_base_loop(w->loop.base, EVLOOP_NONBLOCK);
    close(fd);
}

static void test_cancel_while_base_is_fetched(void **state)
{
    struct world *w = *state;

    start(w);
    assert_true(w->base.fetching);
    source_cancel(w->source);
    assert_false(w->base.fetching);
    source_fetch(w->source, on_done, w); /* and anew */
    assert_true(w->base.fetching);
    source_free(&w->source);
    assert_int_equal(w->base.freed_n, 1);
    assert_int_equal(w->done_n, 0);
}

static void test_cancel_while_request_runs(void **state)
{
    struct world *w = *state;

    start(w);
    fake_give(&w->base);
    source_cancel(w->source);
    source_fetch(w->source, on_done, w);
    fake_give(&w->base);
    wait_for_connection(w);
    source_free(&w->source);
    assert_int_equal(w->done_n, 0);
}

static void test_free_from_within_base(void **state)
{
    struct world *w = *state;

    w->frees = true;
    start(w);
    source_fail(&w->base.source, SOURCE_THROTTLED, "slower");
    assert_int_equal(w->done_n, 1);
    assert_int_equal(w->outcome, SOURCE_THROTTLED);
    assert_int_equal(w->base.freed_n, 1);
    assert_null(w->source);
}

static void test_free_from_within_answer(void **state)
{
    struct world *w = *state;

    w->frees = true;
    start(w);
    fake_give(&w->base);
    wait_for_connection(w); /* and hang up */
    while (!w->done_n)
        event_base_loop(w->loop.base, EVLOOP_ONCE);
    assert_int_equal(w->outcome, SOURCE_FAILED);
    assert_non_null(strstr(w->why, "sts.eu-west-3.amazonaws.com"));
    assert_null(w->source);
}

static void test_absent_base_is_a_failure(void **state)
{
    struct world *w = *state;

    start(w);
    source_fail(&w->base.source, SOURCE_ABSENT, "nothing here");
    assert_int_equal(w->outcome, SOURCE_FAILED);
    assert_non_null(strstr(w->why, "nothing here"));
}

static void test_files_of_base_are_remembered(void **state)
{
    struct world *w = *state;

    start(w);
    source_read_file(&w->base.source, "/a/file");
    source_fail(&w->base.source, SOURCE_FAILED, "x");
    assert_int_equal(w->source->files_n, 1);
    assert_string_equal(w->source->files[0], "/a/file");
    source_forget_files(&w->base.source);
    source_fetch(w->source, on_done, w); /* anew */
    assert_int_equal(w->source->files_n, 0);
}

/* A fetch of a web identity that ends at once. */
static void ends_with(struct world *w, const struct role_request *r, enum source_outcome outcome, const char *why)
{
    w->source = source_web_identity_with(&w->context, r);
    w->done_n = 0;
    source_fetch(w->source, on_done, w);
    assert_int_equal(w->done_n, 1);
    assert_int_equal(w->outcome, outcome);
    if (!strstr(w->why, why)) fail_msg("%s: %s", why, w->why);
    source_free(&w->source);
}

static void test_what_is_missing_is_told(void **state)
{
    struct world *w = *state;
    const struct role_request plain = {.role_arn = "r", .token_file = "/nonexistent/t"},
                              strange = {.role_arn = "r", .token_file = "/t", .region = "x.test/"},
                              client = {.role_arn = "r", .token_file = "/t", .session_name = "of-{client}"},
                              brief = {.role_arn = "r", .token_file = "/t", .session_name = "x"};

    ends_with(w, &strange, SOURCE_REFUSED, "region = x.test/ is no Region");
    ends_with(w, &client, SOURCE_REFUSED, "sessions of clients only");
    ends_with(w, &brief, SOURCE_REFUSED, "session_name = x: it must come to 2 to 64 characters");
    ends_with(w, &plain, SOURCE_FAILED, "/nonexistent/t");
    w->set.region = NULL;
    ends_with(w, &plain, SOURCE_REFUSED, "no Region is known");
    w->set.service_url = (char *)"https://sts.test"; /* a request without signature needs none */
    ends_with(w, &plain, SOURCE_FAILED, "/nonexistent/t");
    w->set.source_credentials = &w->set; /* of which no source can be made */
    assert_null(source_assume_role(&w->context));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cancel_while_base_is_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_while_request_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_from_within_base, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_from_within_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absent_base_is_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_of_base_are_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_missing_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
