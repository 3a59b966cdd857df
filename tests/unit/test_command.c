/* SPDX-License-Identifier: Apache-2.0
 * test_command.c: questions that are wrong, arguments, rights, replies now and later.
 */
#include "admin/command.h"
#include "flow/audit.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct front {
    struct admin_call call; /* first */
    json_t *answer;         /* owned */
    unsigned answers, cancelled;
};

static struct admin_call *kept;

static void on_cancel(void *arg)
{
    ((struct front *)arg)->cancelled++;
}

static void run_wait(struct admin_call *call)
{
    kept = call;
    admin_call_later(call, on_cancel, call);
}

static void run_echo(struct admin_call *call)
{
    const char *text = admin_call_text(call, "text");

    admin_reply_json(call, json_pack("{ss* sb}", "text", text, "loud", admin_call_flag(call, "loud")));
}

static const struct admin_command rows[] = {
    {"echo", {{"text", ADMIN_TEXT, true}, {"loud", ADMIN_FLAG, false}}, ADMIN_LOOK, run_echo, ""},
    {"wait", {{0}}, ADMIN_CHANGE, run_wait, ""},
};
static const struct admin_commands commands = {rows, ARRAY_LEN(rows)};

static void take_answer(struct admin_call *call, struct evbuffer *text, const struct admin_stream *rest)
{
    struct front *f = (struct front *)call;
    size_t n;

    assert_non_null(text);
    assert_null(rest);
    n = evbuffer_get_length(text);
    json_decref(f->answer);
    f->answer = json_loadb((const char *)evbuffer_pullup(text, -1), n, 0, NULL);
    assert_non_null(f->answer);
    f->answers++;
    evbuffer_free(text);
    admin_call_clear(call);
}

static struct front front_make(enum admin_right right)
{
    static struct audit nowhere;

    return (struct front){.call = {.commands = &commands, .right = right, .audit = &nowhere, .answer = take_answer}};
}

static void check_error(const char *question, const char *expected)
{
    struct front f = front_make(ADMIN_LOOK);
    const char *error;

    admin_call_run(&f.call, str_from(question));
    assert_int_equal(f.answers, 1);
    error = json_string_value(json_object_get(f.answer, "error"));
    if (!error || !strstr(error, expected)) fail_msg("%s: \"%s\" is not in \"%s\"", question, expected, error);
    json_decref(f.answer);
}

static void test_run_wrong_question_says_what_exists(void **state)
{
    static const struct {
        const char *question, *expected;
    } rows_[] = {
        {"", "one line of JSON"},
        {"{\"command", "one line of JSON"},
        {"\xff\xfe", "one line of JSON"},
        {"{\"command\": \"echo\", \"command\": \"echo\"}", "one line of JSON"},
        {"[]", "an object like"},
        {"{}", "commands: echo, wait"},
        {"{\"command\": 1}", "commands: echo, wait"},
        {"{\"command\": \"stop\"}", "there is no command \"stop\"; commands: echo, wait"},
        {"{\"command\": \"st\\u001bop\"}", "there is no command \"st\xef\xbf\xbdop\""},
        {"{\"command\": \"echo\"}", "echo needs \"text\""},
        {"{\"command\": \"echo\", \"text\": 1}", "\"text\" must be a string"},
        {"{\"command\": \"echo\", \"text\": \"a\", \"loud\": \"yes\"}", "\"loud\" must be true or false"},
        {"{\"command\": \"echo\", \"text\": \"a\", \"load\": true}", "no argument \"load\"; its arguments: text, loud"},
        {"{\"command\": \"wait\"}", "who may change something"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows_); i++)
        check_error(rows_[i].question, rows_[i].expected);
}

static void test_run_gives_arguments_and_replies_at_once(void **state)
{
    struct front f = front_make(ADMIN_LOOK);

    (void)state;
    admin_call_run(&f.call, STR("{\"command\": \"echo\", \"text\": \"caf\xc3\xa9\", \"loud\": true}"));
    assert_int_equal(f.answers, 1);
    assert_string_equal(json_string_value(json_object_get(f.answer, "text")), "caf\xc3\xa9");
    assert_true(json_is_true(json_object_get(f.answer, "loud")));
    assert_int_equal(f.cancelled, 0);
    json_decref(f.answer);
}

static void test_later_reply_comes_once_and_is_not_cancelled(void **state)
{
    struct front f = front_make(ADMIN_CHANGE);

    (void)state;
    admin_call_run(&f.call, STR("{\"command\": \"wait\"}"));
    assert_int_equal(f.answers, 0);
    assert_ptr_equal(kept, &f.call);
    admin_reply_error(kept, "%s", "no");
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.cancelled, 0);
    admin_call_clear(&f.call);
    assert_int_equal(f.cancelled, 0);
    json_decref(f.answer);
}

static void test_later_asker_goes_is_cancelled_once(void **state)
{
    struct front f = front_make(ADMIN_CHANGE);

    (void)state;
    admin_call_run(&f.call, STR("{\"command\": \"wait\"}"));
    admin_call_clear(&f.call);
    admin_call_clear(&f.call);
    assert_int_equal(f.cancelled, 1);
    assert_int_equal(f.answers, 0);
}

static void test_reply_without_memory_is_an_error(void **state)
{
    struct front f = front_make(ADMIN_CHANGE);

    (void)state;
    admin_call_run(&f.call, STR("{\"command\": \"wait\"}"));
    admin_reply_json(kept, NULL);
    assert_string_equal(json_string_value(json_object_get(f.answer, "error")), "out of memory");
    json_decref(f.answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_wrong_question_says_what_exists),
        cmocka_unit_test(test_run_gives_arguments_and_replies_at_once),
        cmocka_unit_test(test_later_reply_comes_once_and_is_not_cancelled),
        cmocka_unit_test(test_later_asker_goes_is_cancelled_once),
        cmocka_unit_test(test_reply_without_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
