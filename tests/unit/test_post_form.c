/* SPDX-License-Identifier: Apache-2.0
 * test_post_form.c: multipart/form-data as tables, fed whole, byte by byte and cut in two anywhere: the outcome must be
 * the same. Limits are tested on both sides. Forms of real clients are in test_post_form_fields.c.
 */
#include "aws/form/post_form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_BYTES = 8 * 1024, MAX_BODY = 64 * 1024 };

struct outcome {
    enum err_code code;
    char text[2048]; /* of the fields: "name(sent)=value;…", then "filename|type|content" */
};

/* Content of the file from @at on, fed in pieces of @step bytes, what is held back first. */
static enum err_code read_content(struct post_form *f, struct str body, size_t at, size_t step, struct sbuf *out)
{
    size_t begin = at, end = at;
    bool ended = false;

    while (!ended) {
        size_t n;
        end = step < body.n - end ? end + step : body.n;
        char *data = malloc(end - begin + 1); /* of its exact size, so that a sanitizer sees a byte too far */
        assert_non_null(data);
        if (end > begin) memcpy(data, body.p + begin, end - begin);
        enum err_code code = post_form_content(f, str_make(data, end - begin), end == body.n, &n, &ended, NULL);
        if (code == ERR_NONE) sbuf_add(out, str_make(data, n));
        free(data);
        if (code != ERR_NONE) return code;
        if (end == body.n) assert_true(ended);
        begin += n;
    }
    return ERR_NONE;
}

static void put_fields(struct sbuf *out, const struct post_form *f)
{
    for (size_t i = 0; i < f->fields_n; i++) {
        const struct post_form_field *field = &f->fields[i];
        sbuf_printf(out, "%.*s(%.*s)=%.*s;", STR_ARG(field->name), STR_ARG(field->sent), STR_ARG(field->value));
    }
    if (f->has_filename)
        sbuf_add(out, f->filename);
    else
        sbuf_add(out, STR("(none)"));
    sbuf_printf(out, "|%.*s|", STR_ARG(f->file_type));
}

static struct outcome run(struct str boundary, struct str body, size_t first, size_t step)
{
    struct outcome out = {.code = ERR_NONE};
    struct sbuf b = sbuf_make(out.text, sizeof out.text - 1);
    struct arena arena;
    struct err err = {.code = ERR_NONE};
    struct post_form *f = malloc(sizeof(*f));
    enum form_result result = FORM_MORE;
    size_t n = 0, used = 0;

    assert_non_null(f);
    arena_init(&arena, ARENA_BYTES, 128 * 1024);
    post_form_init(f, boundary);
    for (size_t add = first; result == FORM_MORE; add = step) {
        n = add < body.n - n ? n + add : body.n;
        char *data = malloc(n + 1);
        assert_non_null(data);
        memcpy(data, body.p, n);
        result = post_form_read(f, str_make(data, n), n == body.n, &used, &arena, &err);
        free(data); /* all that is kept must be in the arena */
    }
    if (result == FORM_INVALID) {
        out.code = err.code;
        assert_int_equal(post_form_read(f, body, true, &used, &arena, &err), FORM_INVALID);
    } else {
        put_fields(&b, f);
        out.code = read_content(f, body, used, step, &b);
    }
    assert_false(b.overflow);
    arena_clear(&arena);
    free(f);
    return out;
}

struct form_case {
    const char *name;
    struct str body;
    enum err_code expected;
    const char *text;
};

#define PART(name) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_PART PART("file")
#define NAMED(filename) "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=" filename "\r\n\r\n"
#define END "\r\n--b--\r\n"
#define BODY(literal) STR_INIT(literal)

static const struct form_case cases[] = {
    {"one field and a file", BODY(PART("key") "k\r\n" NAMED("\"f.txt\"") "hello" END), ERR_NONE,
     "key(key)=k;f.txt||hello"},
    {"no field", BODY(FILE_PART "hello" END), ERR_NONE, "(none)||hello"},
    {"empty file", BODY(FILE_PART END), ERR_NONE, "(none)||"},
    {"empty field", BODY(PART("a") "\r\n" FILE_PART END), ERR_NONE, "a(a)=;(none)||"},
    {"no final CR LF", BODY(FILE_PART "x\r\n--b--"), ERR_NONE, "(none)||x"},
    {"padding and epilogue",
     BODY("--b \t\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--b-- \t \r\nepilogue"), ERR_NONE,
     "(none)||x"},
    {"preamble", BODY("ignored --b\r\n--c\r\n" FILE_PART "x" END), ERR_NONE, "(none)||x"},
    {"CR LF before the first boundary", BODY("\r\n" FILE_PART "x" END), ERR_NONE, "(none)||x"},
    {"fields after the file", BODY(FILE_PART "x\r\n" PART("key") "k\r\n" FILE_PART "y" END), ERR_NONE, "(none)||x"},
    {"nothing right after the file", BODY(FILE_PART "x\r\n--b\r\n"), ERR_NONE, "(none)||x"},
    {"names in any case",
     BODY("--b\r\ncontent-DISPOSITION:form-data;NAME=\"Content-Type\"\r\n\r\nT\r\n--b\r\nContent-Disposition: "
          "FORM-data; "
          "name=\"FiLe\"; FileName=\"F\"\r\nCONTENT-TYPE:  text/x \r\n\r\nx" END),
     ERR_NONE, "content-type(Content-Type)=T;F|text/x|x"},
    {"type before the disposition, other headers",
     BODY("--b\r\nContent-Type: a/b\r\nContent-Length: 5\r\nContent-Transfer-Encoding: binary\r\nContent-Disposition: "
          "form-data; name=\"file\"\r\n\r\nx" END),
     ERR_NONE, "(none)|a/b|x"},
    {"type of a field is not that of the file",
     BODY(
         "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\nContent-Type: a/b\r\n\r\n1\r\n" FILE_PART
         "x" END),
     ERR_NONE, "a(a)=1;(none)||x"},
    {"raw bytes in a value", BODY(PART("a") "\0\x01\xff\r\n-\r\n--\r\n--B\r\n" FILE_PART END), ERR_NONE, NULL},
    {"content that looks like the end", BODY(FILE_PART "\r\n--\r\n-\r--b--\n--b--\r\r\n--c\r\n\r\n" END), ERR_NONE,
     "(none)||\r\n--\r\n-\r--b--\n--b--\r\r\n--c\r\n\r\n"},

    {"filename in a path of Unix", BODY(PART("key") "in/${filename}\r\n" NAMED("\"a/b/c.txt\"") END), ERR_NONE,
     "key(key)=in/c.txt;c.txt||"},
    {"filename in a path of Windows, as old browsers send it",
     BODY(PART("key") "${filename}\r\n" NAMED("\"C:\\Program Files\\directory1\\file.txt\"") END), ERR_NONE,
     "key(key)=file.txt;file.txt||"},
    {"filename in a path of Windows, escaped",
     BODY(PART("key") "${filename}\r\n" NAMED("\"C:\\\\dir\\\\f\\\".txt\"") END), ERR_NONE,
     "key(key)=f\".txt;f\".txt||"},
    {"filename as browsers escape it", BODY(PART("key") "${filename}\r\n" NAMED("\"%22a%22.txt\"") END), ERR_NONE,
     "key(key)=%22a%22.txt;%22a%22.txt||"},
    {"filename that is a token", BODY(PART("key") "${filename}\r\n" NAMED("f.txt") END), ERR_NONE,
     "key(key)=f.txt;f.txt||"},
    {"filename in UTF-8, filename* ignored",
     BODY(PART("key") "${filename}\r\n" NAMED("\"\xc3\xbc\"; filename*=UTF-8''%C3%A4") END), ERR_NONE,
     "key(key)=\xc3\xbc;\xc3\xbc||"},
    {"empty filename", BODY(PART("key") "in/${filename}\r\n" NAMED("\"\"") END), ERR_NONE, "key(key)=in/;||"},
    {"no filename", BODY(PART("key") "in/${filename}\r\n" FILE_PART END), ERR_NONE, "key(key)=in/${filename};(none)||"},
    {"filename in all fields but the policy",
     BODY(PART("a") "${filename}-${filename}-${filenam}-${\r\n" PART("Policy") "${filename}\r\n" NAMED("\"f\"") END),
     ERR_NONE, "a(a)=f-f-${filenam}-${;policy(Policy)=${filename};f||"},
    {"filename that names the variable", BODY(PART("a") "${filename}\r\n" NAMED("\"${filename}\"") END), ERR_NONE,
     "a(a)=${filename};${filename}||"},
    {"repeated fields",
     BODY(PART("x-amz-meta-tag") "Ninja\r\n" PART("a") "1\r\n" PART("X-Amz-Meta-Tag") "Stallman\r\n" PART(
         "a") "\r\n" PART("a") "${filename}\r\n" NAMED("\"f\"") END),
     ERR_NONE, "x-amz-meta-tag(x-amz-meta-tag)=Ninja,Stallman;a(a)=1,,f;f||"},
    {"escaped name",
     BODY("--b\r\nContent-Disposition: form-data; name=\"a\\\"b\\c;d\"; x=y;\r\n\r\n1\r\n" FILE_PART END), ERR_NONE,
     "a\"b\\c;d(a\"b\\c;d)=1;(none)||"},

    {"nothing", BODY(""), ERR_FORM_MALFORMED, NULL},
    {"not multipart", BODY("key=k&file=x"), ERR_FORM_MALFORMED, NULL},
    {"another boundary", BODY("--c\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--c--\r\n"),
     ERR_FORM_MALFORMED, NULL},
    {"no part", BODY("--b--\r\n"), ERR_FORM_NO_FILE, NULL},
    {"no part, no CR LF", BODY("--b--"), ERR_FORM_NO_FILE, NULL},
    {"no file", BODY(PART("key") "k" END), ERR_FORM_NO_FILE, NULL},
    {"a file of another name",
     BODY("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"file\"\r\n\r\nx" END), ERR_FORM_NO_FILE, NULL},
    {"cut off in the boundary", BODY("--"), ERR_FORM_MALFORMED, NULL},
    {"cut off behind the boundary", BODY("--b-"), ERR_FORM_MALFORMED, NULL},
    {"cut off in the headers", BODY("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n"), ERR_FORM_MALFORMED,
     NULL},
    {"cut off in a value", BODY(PART("key") "k"), ERR_FORM_MALFORMED, NULL},
    {"cut off in the file", BODY(FILE_PART "x"), ERR_FORM_MALFORMED, NULL},
    {"cut off at the file", BODY(FILE_PART), ERR_FORM_MALFORMED, NULL},
    {"cut off in the last boundary", BODY(FILE_PART "x\r\n--b"), ERR_FORM_MALFORMED, NULL},
    {"cut off in the last dashes", BODY(FILE_PART "x\r\n--b-"), ERR_FORM_MALFORMED, NULL},
    {"cut off in the last CR LF", BODY(FILE_PART "x\r\n--b--\r"), ERR_FORM_MALFORMED, NULL},
    {"the boundary as begin of another", BODY(FILE_PART "x\r\n--bc\r\n" END), ERR_FORM_MALFORMED, NULL},
    {"the boundary as begin of another, in a field", BODY(PART("a") "x\r\n--bc\r\n" FILE_PART END), ERR_FORM_MALFORMED,
     NULL},
    {"text behind the end", BODY(FILE_PART "x\r\n--b--y\r\n"), ERR_FORM_MALFORMED, NULL},
    {"LF behind the boundary", BODY("--b\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"LF behind a header", BODY("--b\r\nContent-Disposition: form-data; name=\"file\"\n\r\nx" END), ERR_FORM_MALFORMED,
     NULL},
    {"LF for the empty line", BODY("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"bare CR in a header", BODY("--b\r\nA: \rb\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"NUL in a header", BODY("--b\r\nA: \0\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"folded header", BODY("--b\r\nContent-Disposition: form-data;\r\n name=\"file\"\r\n\r\nx" END), ERR_FORM_MALFORMED,
     NULL},
    {"header without colon", BODY("--b\r\nContent-Disposition\r\n\r\nx" END), ERR_FORM_MALFORMED, NULL},
    {"space before the colon", BODY("--b\r\nContent-Disposition : form-data; name=\"file\"\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"no headers", BODY("--b\r\n\r\nx" END), ERR_FORM_MALFORMED, NULL},
    {"no disposition", BODY("--b\r\nContent-Type: a/b\r\n\r\nx" END), ERR_FORM_MALFORMED, NULL},
    {"two dispositions",
     BODY("--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; "
          "name=\"file\"\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"another disposition", BODY("--b\r\nContent-Disposition: file; name=\"file\"\r\n\r\nx" END), ERR_FORM_MALFORMED,
     NULL},
    {"no name", BODY("--b\r\nContent-Disposition: form-data; filename=\"file\"\r\n\r\nx" END), ERR_FORM_MALFORMED,
     NULL},
    {"empty name", BODY(PART("") "x" END), ERR_FORM_MALFORMED, NULL},
    {"two names", BODY("--b\r\nContent-Disposition: form-data; name=\"a\"; name=\"file\"\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"quoted string without end", BODY("--b\r\nContent-Disposition: form-data; name=\"file\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"quoted string ended by an escape", BODY("--b\r\nContent-Disposition: form-data; name=\"file\\\"\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"text behind a quoted string", BODY("--b\r\nContent-Disposition: form-data; name=\"file\"x\r\n\r\nx" END),
     ERR_FORM_MALFORMED, NULL},
    {"space before =", BODY("--b\r\nContent-Disposition: form-data; name =\"file\"\r\n\r\nx" END), ERR_FORM_MALFORMED,
     NULL},
    {"parameter without value", BODY("--b\r\nContent-Disposition: form-data; name\r\n\r\nx" END), ERR_FORM_MALFORMED,
     NULL},
};

static void assert_outcome(const struct form_case *c, size_t first, size_t step)
{
    struct outcome out = run(STR("b"), c->body, first, step);

    if (out.code != c->expected)
        fail_msg("%s, cut at %zu/%zu: %s, expected %s", c->name, first, step, err_info(out.code)->word,
                 err_info(c->expected)->word);
    if (c->text && strcmp(out.text, c->text) != 0) fail_msg("%s: got %s, expected %s", c->name, out.text, c->text);
}

static void test_post_form_read_table_cut_anywhere(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_outcome(&cases[i], SIZE_MAX / 2, SIZE_MAX / 2); /* whole */
        assert_outcome(&cases[i], 1, 1);
        for (size_t cut = 1; cut < cases[i].body.n; cut++) {
            assert_outcome(&cases[i], cut, SIZE_MAX / 2);
            assert_outcome(&cases[i], cut, 3);
        }
    }
    (void)state;
}

static void test_post_form_read_raw_bytes_are_kept(void **state)
{
    static const struct str body = BODY(PART("a") "\0\x01\xff\r\n-\r\n--\r\n--B\r\n" FILE_PART END);
    struct post_form f;
    struct arena arena;
    size_t used;

    arena_init(&arena, ARENA_BYTES, ARENA_BYTES);
    post_form_init(&f, STR("b"));
    assert_int_equal(post_form_read(&f, body, true, &used, &arena, NULL), FORM_FILE);
    assert_int_equal(used, body.n - STR(END).n);
    assert_true(str_eq(f.fields[0].value, str_make("\0\x01\xff\r\n-\r\n--\r\n--B", 15)));
    assert_ptr_equal(post_form_field(&f, STR("a")), &f.fields[0]);
    assert_null(post_form_field(&f, STR("A")));
    assert_null(post_form_field(&f, STR("file")));
    arena_clear(&arena);
    (void)state;
}

/* ---- limits ---- */

struct body {
    char bytes[MAX_BODY];
    size_t n;
};

static void add(struct body *b, const char *text)
{
    size_t n = strlen(text);

    assert_true(b->n + n <= sizeof b->bytes);
    memcpy(b->bytes + b->n, text, n);
    b->n += n;
}

static void fill(struct body *b, char c, size_t n)
{
    assert_true(b->n + n <= sizeof b->bytes);
    memset(b->bytes + b->n, c, n);
    b->n += n;
}

static enum err_code read_all(const struct body *b, size_t step, size_t arena_limit)
{
    struct post_form f;
    struct arena arena;
    struct err err = {.code = ERR_NONE};
    enum form_result result = FORM_MORE;

    arena_init(&arena, ARENA_BYTES, arena_limit);
    post_form_init(&f, STR("b"));
    for (size_t n = 0, used; result == FORM_MORE;) {
        n = step < b->n - n ? n + step : b->n;
        result = post_form_read(&f, str_make(b->bytes, n), n == b->n, &used, &arena, &err);
        if (result == FORM_FILE) assert_true(used <= FORM_MAX_BYTES);
    }
    arena_clear(&arena);
    return result == FORM_FILE ? ERR_NONE : err.code;
}

static void assert_read(const struct body *b, enum err_code expected)
{
    assert_int_equal(read_all(b, SIZE_MAX / 2, 128 * 1024), expected);
    assert_int_equal(read_all(b, 1, 128 * 1024), expected);
    assert_int_equal(read_all(b, 1000, 128 * 1024), expected);
}

static void test_post_form_read_at_most_20_kib_before_the_file(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct body b = {.n = 0};
        size_t frame = STR(PART("a") "\r\n" FILE_PART).n;
        add(&b, PART("a"));
        fill(&b, 'v', FORM_MAX_BYTES - frame + (size_t)over);
        add(&b, "\r\n" FILE_PART "x" END);
        assert_read(&b, over ? ERR_FORM_TOO_LONG : ERR_NONE);
    }
    struct body b = {.n = 0}; /* a preamble counts, and so does a field that never ends */
    fill(&b, 'p', 30 * 1024);
    add(&b, "\r\n" FILE_PART "x" END);
    assert_read(&b, ERR_FORM_TOO_LONG);
    b.n = 0;
    add(&b, PART("a"));
    fill(&b, '\r', 30 * 1024);
    assert_read(&b, ERR_FORM_TOO_LONG);
    (void)state;
}

static void test_post_form_read_at_most_64_fields(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct body b = {.n = 0};
        for (int i = 0; i < FORM_MAX_FIELDS + over; i++) {
            char part[128];
            sprintf(part, "--b\r\nContent-Disposition: form-data; name=\"f%d\"\r\n\r\n%d\r\n", i, i);
            add(&b, part);
        }
        add(&b, FILE_PART "x" END);
        assert_read(&b, over ? ERR_FORM_TOO_LONG : ERR_NONE);
    }
    (void)state;
}

static void test_post_form_read_header_lines_have_a_limit(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct body b = {.n = 0};
        add(&b, "--b\r\nA:");
        fill(&b, 'v', FORM_MAX_HEADER_LINE - 2 + (size_t)over);
        add(&b, "\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx" END);
        assert_read(&b, over ? ERR_FORM_MALFORMED : ERR_NONE);
    }
    (void)state;
}

static void test_post_form_read_padding_has_a_limit(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct body b = {.n = 0};
        add(&b, "--b");
        fill(&b, ' ', FORM_MAX_PADDING + (size_t)over);
        add(&b, "\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx" END);
        assert_read(&b, over ? ERR_FORM_MALFORMED : ERR_NONE);
    }
    (void)state;
}

/* A short variable and a long name must not become a large form. */
static void test_post_form_read_replaced_filenames_have_a_limit(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct body b = {.n = 0};
        add(&b, PART("a"));
        for (int i = 0; i < 40; i++)
            add(&b, "${filename}");
        if (over) add(&b, "v");
        add(&b, "\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
        fill(&b, 'n', 512);
        add(&b, "\"\r\n\r\nx" END);
        assert_read(&b, over ? ERR_FORM_TOO_LONG : ERR_NONE); /* 40 * 512 = 20 KiB */
    }
    (void)state;
}

static void test_post_form_read_small_arena_is_an_error(void **state)
{
    struct body b = {.n = 0};
    size_t limit = 0;
    enum err_code code = ERR_NO_MEMORY;

    add(&b, PART("key") "${filename}\r\n" PART("a") "1\r\n" NAMED("\"f\"") "x" END);
    for (; code == ERR_NO_MEMORY && limit < ARENA_BYTES; limit += 16)
        code = read_all(&b, SIZE_MAX / 2, limit);
    assert_int_equal(code, ERR_NONE);
    assert_true(limit > 64);
    (void)state;
}

/* ---- the file ---- */

/* What may be the begin of a delimiter is held back, and no more than that. */
static void test_post_form_content_holds_back_only_a_possible_delimiter(void **state)
{
    static const struct {
        struct str data;
        size_t content;
        bool ended;
    } table[] = {
        {STR_INIT(""), 0, false},
        {STR_INIT("hello"), 5, false},
        {STR_INIT("hello\r"), 5, false},
        {STR_INIT("hello\r\n"), 5, false},
        {STR_INIT("hello\r\r\n--bou"), 6, false},
        {STR_INIT("hello\r\n--boundarx"), 17, false},
        {STR_INIT("\r\r\r\r"), 3, false},
        {STR_INIT("hello\r\n--boundar"), 5, false},
        {STR_INIT("hello\r\n--boundary"), 5, false},
        {STR_INIT("hello\r\n--boundary-"), 5, false},
        {STR_INIT("hello\r\n--boundary--"), 5, false},
        {STR_INIT("hello\r\n--boundary--\r\n"), 5, true},
        {STR_INIT("hello\r\n--boundary \r\nContent-"), 5, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        static const struct str head = STR_INIT("--boundary\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n");
        struct post_form f;
        struct arena arena;
        size_t used, content;
        bool ended;
        arena_init(&arena, ARENA_BYTES, ARENA_BYTES);
        post_form_init(&f, STR("boundary"));
        assert_int_equal(post_form_read(&f, head, false, &used, &arena, NULL), FORM_FILE);
        assert_int_equal(used, head.n);
        assert_int_equal(post_form_content(&f, table[i].data, false, &content, &ended, NULL), ERR_NONE);
        assert_int_equal(content, table[i].content);
        assert_int_equal(ended, table[i].ended);
        if (ended) { /* from here on all is ignored */
            assert_int_equal(post_form_content(&f, STR("any\r\n--boundaryX"), true, &content, &ended, NULL), ERR_NONE);
            assert_true(ended && content == 0);
        }
        arena_clear(&arena);
    }
    (void)state;
}

static void test_post_form_content_before_the_fields_is_refused(void **state)
{
    struct post_form f;
    size_t content;
    bool ended;

    post_form_init(&f, STR("b"));
    assert_int_equal(post_form_content(&f, STR("x"), false, &content, &ended, NULL), ERR_FORM_MALFORMED);
    (void)state;
}

static void test_post_form_expected_is_what_the_usual_end_leaves(void **state)
{
    struct post_form f;

    post_form_init(&f, STR("boundary")); /* CR LF "--boundary--" CR LF: 16 bytes */
    assert_true(post_form_expected(&f, 116, 50, true) == 50);
    assert_true(post_form_expected(&f, 116, 50, false) == 52);
    assert_true(post_form_expected(&f, 66, 50, true) == 0);
    assert_true(post_form_expected(&f, 65, 50, true) == FORM_NO_LENGTH);
    assert_true(post_form_expected(&f, 65, 50, false) == 1);
    assert_true(post_form_expected(&f, 63, 50, false) == FORM_NO_LENGTH);
    assert_true(post_form_expected(&f, 49, 50, true) == FORM_NO_LENGTH);
    assert_true(post_form_expected(&f, UINT64_MAX, 0, true) == UINT64_MAX - 16);
    (void)state;
}

/* ---- boundary ---- */

#define SEVENTY "1234567890123456789012345678901234567890123456789012345678901234567890"

static void test_post_form_boundary_table(void **state)
{
    static const struct {
        struct str type;
        enum err_code expected;
        struct str boundary;
    } table[] = {
        {STR_INIT("multipart/form-data; boundary=----WebKitFormBoundaryAbC"), ERR_NONE,
         STR_INIT("----WebKitFormBoundaryAbC")},
        {STR_INIT("Multipart/Form-Data;BOUNDARY=b"), ERR_NONE, STR_INIT("b")},
        {STR_INIT("multipart/form-data ; charset=utf-8;; boundary=\"a b'()+_,-./:=?\" ; x=\"y;z\""), ERR_NONE,
         STR_INIT("a b'()+_,-./:=?")},
        {STR_INIT("multipart/form-data; boundary=a/b:c=d ;x=y"), ERR_NONE, STR_INIT("a/b:c=d")},
        {STR_INIT("multipart/form-data; boundary=" SEVENTY), ERR_NONE, STR_INIT(SEVENTY)},
        {STR_INIT("multipart/form-data; boundary=" SEVENTY "1"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data;"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary="), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=\"\""), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=\"b "), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=\"b \""), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=\"b\"c"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=a\"b"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=a\rb"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=a\0b"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=\xc3\xbc"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary=a; boundary=b"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data; boundary =a"), ERR_FORM_MALFORMED, STR_NONE},
        {STR_INIT("multipart/form-data boundary=a"), ERR_FORM_NOT_MULTIPART, STR_NONE},
        {STR_INIT("multipart/form-dataX; boundary=a"), ERR_FORM_NOT_MULTIPART, STR_NONE},
        {STR_INIT("multipart/mixed; boundary=a"), ERR_FORM_NOT_MULTIPART, STR_NONE},
        {STR_INIT("application/x-www-form-urlencoded"), ERR_FORM_NOT_MULTIPART, STR_NONE},
        {STR_INIT(""), ERR_FORM_NOT_MULTIPART, STR_NONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct str boundary;
        enum err_code code = post_form_boundary(table[i].type, &boundary, NULL);
        if (code != table[i].expected) fail_msg("%.*s: %s", STR_ARG(table[i].type), err_info(code)->word);
        if (code == ERR_NONE && !str_eq(boundary, table[i].boundary)) fail_msg("%.*s", STR_ARG(boundary));
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post_form_read_table_cut_anywhere),
        cmocka_unit_test(test_post_form_read_raw_bytes_are_kept),
        cmocka_unit_test(test_post_form_read_at_most_20_kib_before_the_file),
        cmocka_unit_test(test_post_form_read_at_most_64_fields),
        cmocka_unit_test(test_post_form_read_header_lines_have_a_limit),
        cmocka_unit_test(test_post_form_read_padding_has_a_limit),
        cmocka_unit_test(test_post_form_read_replaced_filenames_have_a_limit),
        cmocka_unit_test(test_post_form_read_small_arena_is_an_error),
        cmocka_unit_test(test_post_form_content_holds_back_only_a_possible_delimiter),
        cmocka_unit_test(test_post_form_content_before_the_fields_is_refused),
        cmocka_unit_test(test_post_form_expected_is_what_the_usual_end_leaves),
        cmocka_unit_test(test_post_form_boundary_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
