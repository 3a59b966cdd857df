/* SPDX-License-Identifier: Apache-2.0
 * fuzz_post_form.c: a form fed whole, byte by byte and in pieces of changing size gives the same fields and the same
 * file; its headers and its answer can stand in a head without breaking out of their lines.
 */
#include "aws/form/post_form.h"

#include "http/head.h"

#include <stdlib.h>

enum { ARENA_BYTES = 16 * 1024, ARENA_LIMIT = 256 * 1024 };

struct outcome {
    enum err_code code;
    struct post_form form;
    struct arena arena;
    size_t file_at, content_n;
};

/* The piece as an allocation of its exact size, so that a sanitizer sees a byte too far. */
static char *exact_copy(const uint8_t *from, size_t n)
{
    char *p = malloc(n ? n : 1);

    ASSERT(p);
    if (n) memcpy(p, from, n);
    return p;
}

static void read_file(struct outcome *out, const uint8_t *data, size_t n, size_t step)
{
    size_t begin = out->file_at, end = begin;
    bool ended = false;

    while (!ended && out->code == ERR_NONE) {
        size_t content;
        end = step < n - end ? end + step : n;
        char *piece = exact_copy(data + begin, end - begin);
        out->code = post_form_content(&out->form, str_make(piece, end - begin), end == n, &content, &ended, NULL);
        free(piece);
        ASSERT(content <= end - begin);
        ASSERT(out->code != ERR_NONE || ended || end - begin - content <= FORM_MAX_PADDING + 80);
        ASSERT(out->code != ERR_NONE || ended || end < n);
        begin += content;
    }
    out->content_n = begin - out->file_at;
}

static void run(struct outcome *out, struct str boundary, const uint8_t *data, size_t n, size_t step)
{
    struct err err = {.code = ERR_NONE};
    enum form_result result = FORM_MORE;

    arena_init(&out->arena, ARENA_BYTES, ARENA_LIMIT);
    post_form_init(&out->form, boundary);
    for (size_t end = 0; result == FORM_MORE;) {
        end = step < n - end ? end + step : n;
        char *piece = exact_copy(data, end);
        result = post_form_read(&out->form, str_make(piece, end), end == n, &out->file_at, &out->arena, &err);
        free(piece);
        ASSERT(result != FORM_MORE || end < n);
    }
    out->code = result == FORM_FILE ? ERR_NONE : err.code;
    ASSERT((result == FORM_INVALID) == (out->code != ERR_NONE) && out->code != ERR_NO_MEMORY);
    if (result == FORM_INVALID) return;
    ASSERT(out->file_at <= n && out->file_at <= FORM_MAX_BYTES);
    read_file(out, data, n, step);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    ASSERT(a->code == b->code && a->form.fields_n == b->form.fields_n);
    for (size_t i = 0; i < a->form.fields_n; i++) {
        ASSERT(str_eq(a->form.fields[i].name, b->form.fields[i].name));
        ASSERT(str_eq(a->form.fields[i].value, b->form.fields[i].value));
    }
    if (a->code != ERR_NONE) return;
    ASSERT(a->file_at == b->file_at && a->content_n == b->content_n);
    ASSERT(str_eq(a->form.filename, b->form.filename) && str_eq(a->form.file_type, b->form.file_type));
}

static void put_headers(struct outcome *out, struct sbuf *head)
{
    for (size_t i = 0; i < out->form.fields_n; i++) {
        struct header h;
        if (post_form_header(&out->form, i, &out->arena, &h, NULL) == ERR_NONE && h.name.n)
            head_put(head, h.name, h.value);
    }
}

static void put_answer(const struct outcome *out, struct str key, struct sbuf *head)
{
    static char location[FORM_ANSWER_BYTES], body[FORM_ANSWER_BYTES];
    struct sbuf to = sbuf_make(location, sizeof location), document = sbuf_make(body, sizeof body);
    struct post_form_object object = {.url = STR("https://h/b"), .bucket = STR("b"), .key = key, .etag = STR("\"e\"")};

    unsigned status = post_form_answer(&out->form, &object, &to, &document);
    ASSERT(status == 200 || status == 201 || status == 204 || status == 303);
    ASSERT(!to.overflow && !document.overflow && (status == 201) == (document.n > 0));
    head_put(head, STR("Location"), sbuf_str(&to));
}

static void use_fields(struct outcome *out)
{
    static char memory[256 * 1024];
    struct sbuf head = sbuf_make(memory, sizeof memory);
    struct post_form_auth auth;
    struct str key;

    if (post_form_auth(&out->form, &auth, NULL) == ERR_NONE) ASSERT((auth.kind == FORM_ANONYMOUS) == !auth.policy.p);
    put_headers(out, &head);
    if (post_form_key(&out->form, &key, NULL) == ERR_NONE) put_answer(out, key, &head);
    ASSERT(!head.overflow); /* head_put refuses what would break a line */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The first byte is the step of the third run; the first line after it a Content-Type, whose boundary is taken if it is
 * good. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct outcome outcomes[3];
    struct str boundary, all = str_make((const char *)data, n), line = str_head(all, n ? str_index(all, '\n') : 0);

    if (line.n < 2 || line.n + 1 >= n || n > 32 * 1024) return 0;
    if (post_form_boundary(str_tail(line, 1), &boundary, NULL) != ERR_NONE) boundary = STR("b");
    ASSERT(boundary.n > 0 && boundary.n <= FORM_MAX_BOUNDARY);
    data += line.n + 1;
    n -= line.n + 1;
    size_t steps[] = {n, n > 4096 ? 61 : 1, 1 + (size_t)(uint8_t)line.p[0]};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        run(&outcomes[i], boundary, data, n, steps[i]);
    assert_same(&outcomes[0], &outcomes[1]);
    assert_same(&outcomes[0], &outcomes[2]);
    if (outcomes[0].code == ERR_NONE) use_fields(&outcomes[0]);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        arena_clear(&outcomes[i].arena);
    return 0;
}
