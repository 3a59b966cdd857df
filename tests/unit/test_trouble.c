/* SPDX-License-Identifier: Apache-2.0
 * test_trouble.c: whose fault an end is, and what a full table keeps.
 */
#include "flow/trouble.h"

#include "flow/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    enum err_code code;
    unsigned status;
    const char *s3_error;
    enum trouble_party party;
} rows[] = {
    {ERR_NONE, 200, "", TROUBLE_NOBODY},
    {ERR_NONE, 404, "NoSuchKey", TROUBLE_NOBODY},
    {ERR_NONE, 412, "PreconditionFailed", TROUBLE_NOBODY},
    {ERR_NONE, 304, "", TROUBLE_NOBODY},
    {ERR_NONE, 400, "InvalidArgument", TROUBLE_CLIENT},
    {ERR_NONE, 403, "AccessDenied", TROUBLE_AWS},
    {ERR_NONE, 503, "SlowDown", TROUBLE_AWS},
    {ERR_NONE, 500, "", TROUBLE_AWS},
    {ERR_POLICY_DENIED, 403, "", TROUBLE_CLIENT},
    {ERR_UNKNOWN_KEY, 403, "", TROUBLE_CLIENT},
    {ERR_UPSTREAM_CONNECT, 503, "", TROUBLE_NETWORK},
    {ERR_UPSTREAM_TIMEOUT, 504, "", TROUBLE_NETWORK},
    {ERR_UPSTREAM_BAD, 502, "", TROUBLE_AWS},
    {ERR_UPSTREAM_AUTH, 503, "InvalidAccessKeyId", TROUBLE_US},
    {ERR_NO_CREDENTIALS, 503, "", TROUBLE_US},
    {ERR_AUDIT, 503, "", TROUBLE_US},
    {ERR_TUNNEL_IDLE, 504, "", TROUBLE_NOBODY},
};

static void test_parties(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(trouble_party(rows[i].code, rows[i].status, str_from(rows[i].s3_error)), rows[i].party);
}

struct fake {
    struct session session;
    struct request req;
    struct principal_conf client;
};

static void note(struct troubles *t, struct fake *f, uint32_t client, enum err_code code)
{
    f->req.session = &f->session;
    f->client = (struct principal_conf){.id = client, .name = f->client.name};
    f->req.who.caller = &f->client;
    f->req.err.code = code;
    trouble_note(t, &f->req);
}

/* One that fails all the time hides nobody, and what was not seen for longest goes first. */
static void test_table(void **state)
{
    struct troubles *t = calloc(1, sizeof(*t));
    struct fake *f = calloc(1, sizeof(*f));
    char name[200];

    (void)state;
    assert_non_null(t);
    assert_non_null(f);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    f->client.name = name;
    snprintf(f->req.err.detail, sizeof(f->req.err.detail), "not allowed");
    for (int i = 0; i < 1000; i++)
        note(t, f, 1, ERR_POLICY_DENIED);
    note(t, f, 2, ERR_POLICY_DENIED);
    note(t, f, 1, ERR_SIG_MISMATCH);
    note(t, f, 1, ERR_NONE);
    assert_int_equal(t->n, 3);
    assert_int_equal(t->v[0].count, 1000);
    assert_int_equal(t->v[1].count, 1);
    assert_int_equal(strlen(t->v[0].name), TROUBLE_NAME - 1);
    assert_string_equal(t->v[0].detail, "not allowed");
    assert_int_equal(t->counted[TROUBLE_CLIENT], 1002);
    t->v[1].last_us = 1;
    for (uint32_t id = 10; id < 10 + TROUBLES; id++)
        note(t, f, id, ERR_POLICY_DENIED);
    assert_int_equal(t->n, TROUBLES);
    for (size_t i = 0; i < t->n; i++)
        assert_int_not_equal(t->v[i].client, 2);
    free(f);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parties), cmocka_unit_test(test_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
