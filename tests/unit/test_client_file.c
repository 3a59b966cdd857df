/* SPDX-License-Identifier: Apache-2.0
 * test_client_file.c: what files of people say, and what is wrong in them.
 */
#include "../../proxy/cli/client_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Each row as "NAME|POLICY|GROUPS|EXPIRES|KEY=VALUE…\n". */
static void write_rows(const struct client_rows *rows, FILE *out)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct client_row *r = &rows->v[i];
        fprintf(out, "%d:%.*s|%.*s|%.*s|%.*s", r->line, STR_ARG(r->name), STR_ARG(r->policy), STR_ARG(r->groups),
                STR_ARG(r->expires));
        for (size_t k = 0; k < r->tags_n; k++)
            fprintf(out, "|%.*s=%.*s", STR_ARG(r->tags[k].key), STR_ARG(r->tags[k].value));
        fputc('\n', out);
    }
}

/* @problems: the beginnings of the lines, one after the other; "" with rows. */
static void check(const char *name, struct str text, const char *rows_text, const char *problems)
{
    struct client_rows rows;
    char *said = NULL, *got = NULL;
    size_t said_n, got_n;
    FILE *said_to = open_memstream(&said, &said_n), *got_to = open_memstream(&got, &got_n);
    struct str expected = str_from(problems), line, said_line, rest;

    size_t n = client_file_parse(&rows, "f", text, said_to);
    fclose(said_to);
    if (!n) write_rows(&rows, got_to);
    fclose(got_to);
    if (strcmp(got, rows_text) != 0 || (*problems == '\0') != (said_n == 0)) print_error("%s: %s\n", name, said);
    assert_string_equal(got, rows_text);
    for (rest = str_make(said, said_n); str_split(&expected, '\n', &line); n--) {
        assert_true(str_split(&rest, '\n', &said_line));
        if (!str_starts(said_line, line)) print_error("%s: %s\n", name, said);
        assert_true(str_starts(said_line, line));
    }
    assert_int_equal(n, 0);
    assert_int_equal(rest.n, 0);
    client_rows_clear(&rows);
    free(said);
    free(got);
}

static void test_rows(void **state UNUSED)
{
    static const struct {
        const char *name, *text, *rows;
    } rows[] = {
        {"names", "alice\nbob\n", "1:alice|||\n2:bob|||\n"},
        {"comments, blanks, no line end", "# who\n\n  alice \n\t\n  # more\nbob", "3:alice|||\n6:bob|||\n"},
        {"mark and CRLF",
         "\xef\xbb\xbf"
         "alice\r\nbob\r\n",
         "1:alice|||\n2:bob|||\n"},
        {"a name with a comma", "\"x,y@example.com\"\n", "1:x,y@example.com|||\n"},
        {"header", "name,group,policy,expires,tag.team\na,g,p,2030-01-01,t\n", "2:a|p|g|2030-01-01|team=t\n"},
        {"header with a mark", "\xef\xbb\xbfName,Group\r\na,g\r\n", "2:a||g|\n"},
        {"any order, any case, comment above", "# x\nTAG.Team, Group ,NAME\nt,g,a\n", "3:a||g||Team=t\n"},
        {"several groups", "name,group,policy\na,g h  i,p\nb,\"g, h\",\"p q\"\n", "2:a|p|g, h, i|\n3:b|p, q|g, h|\n"},
        {"empty fields", "name,group,tag.x,tag.y\na,,,1\nb, , 2 ,\n", "2:a||||y=1\n3:b||||x=2\n"},
        {"quotes", "name,tag.x\n\"a\" , \"one \"\"two\"\"\"\n", "2:a||||x=one \"two\"\n"},
        {"header alone is a name", "names\n", "1:names|||\n"},
        {"a name that is no name", "a b\n!\n", "1:a b|||\n2:!|||\n"},
        {"no name in a row", "name,group\n,g\n", "2:||g|\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(rows[i].name, str_from(rows[i].text), rows[i].rows, "");
}

static void test_problems(void **state UNUSED)
{
    static const struct {
        const char *name, *text, *problems;
    } rows[] = {
        {"nobody", "", "f:0: nobody"},
        {"a header and nobody", "name,group\n# x\n", "f:2: nobody"},
        {"no header", "alice,analysts\nbob,ops\n", "f:1: the first line is neither"},
        {"semicolons", "name;group\na;g\n", "f:1: the first line is neither"},
        {"columns", "name,grop,tag.,size\n",
         "f:1: there is no column \"grop\"; did you mean group?\nf:1: there is no column \"size\"; columns are"},
        {"a column twice", "name,tag.a,tag.A,group,group\nx,1,2,3,4\n",
         "f:1: column \"tag.A\" stands there twice\nf:1: column \"group\" stands"},
        {"too few and too many fields", "name,group\na\nb,g,h\nc,g\n", "f:2: this line has 1\nf:3: this line has 3"},
        {"a name and more", "alice\nbob,ops\n", "f:2: this line has 2 fields, and there are 1"},
        {"quotes", "name,tag.a\na,\"x\nb,x\"y\nc,\"x\"y\nd,\"x\"\n",
         "f:2: a field that begins\nf:3: a '\"' stands within\nf:4: behind a field's"},
        {"another encoding", "name\nJos\xe9\n", "f:2: this is no text in UTF-8"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(rows[i].name, str_from(rows[i].text), "", rows[i].problems);
    check("UTF-16",
          str_make("\xff\xfe"
                   "a\0\n\0",
                   6),
          "", "f:1: this is no text in UTF-8");
    check("NUL", str_make("a\0b\n", 4), "", "f:1: this is no text in UTF-8");
}

static void test_many(void **state UNUSED)
{
    enum { N = 20000 };
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    struct client_rows rows;

    fputs("name,group,tag.n\n", out);
    for (int i = 0; i < N; i++)
        fprintf(out, "user%d,g,%d\n", i, i);
    fclose(out);
    assert_int_equal(client_file_parse(&rows, "f", str_make(text, bytes), stderr), 0);
    assert_int_equal(rows.n, N);
    assert_true(str_eq(rows.v[N - 1].name, STR("user19999")) && str_eq(rows.v[N - 1].tags[0].value, STR("19999")));
    client_rows_clear(&rows);
    free(text);
}

static void test_order_completes_rows(void **state UNUSED)
{
    struct client_order o = {.policy = "p,q",
                             .groups = "g,h",
                             .expires = "2030-01-01",
                             .tags = {{STR("Team"), STR("x")}, {STR("cost"), STR("1")}},
                             .tags_n = 2};
    struct client_rows rows;
    char *got = NULL;
    size_t n;
    FILE *out = open_memstream(&got, &n);

    assert_int_equal(client_file_parse(&rows, "f", STR("name,group,tag.team\na,z,t\nb,,\n"), stderr), 0);
    client_rows_complete(&rows, &o);
    write_rows(&rows, out);
    fclose(out);
    assert_string_equal(got, "2:a|p, q|z|2030-01-01|team=t|cost=1\n3:b|p, q|g, h|2030-01-01|Team=x|cost=1\n");
    client_rows_clear(&rows);
    free(got);
}

static void test_same_names(void **state UNUSED)
{
    assert_true(client_same_names(STR("a, b"), STR(" a b,")));
    assert_true(client_same_names(STR(""), STR_NONE));
    assert_false(client_same_names(STR("a, b"), STR("a")));
    assert_false(client_same_names(STR("a"), STR("a, b")));
    assert_false(client_same_names(STR("a, b"), STR("b, a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_problems),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_order_completes_rows),
        cmocka_unit_test(test_same_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
