/* SPDX-License-Identifier: Apache-2.0
 * error_note.c: see error_note.h. The first bytes tell; blanks that keep a slow answer alive do not count.
 */
#include "error_note.h"

#include <stddef.h>

struct error_note {
    struct filter filter;
    struct request *req; /* borrowed */
    size_t n;
    char text[512];
};

static enum err_code push(struct filter *filter, char *data, size_t *n, struct err *err UNUSED)
{
    struct error_note *note = (struct error_note *)filter;
    struct request *req = note->req;
    struct str text;

    for (size_t i = 0; i < *n && note->n < sizeof(note->text); i++)
        if (note->n || !strchr(" \t\r\n", data[i])) note->text[note->n++] = data[i];
    text = str_make(note->text, note->n);
    if (str_find(text, STR("<Error>")) != SIZE_MAX)
        req->relay.s3_error = arena_dup(&req->arena, str_head(s3_error_code_in(text), REQUEST_S3_ERROR));
    if (req->relay.s3_error.n || note->n == sizeof(note->text))
        req->relay.answer_filters = NULL; /* it has seen enough */
    return ERR_NONE;
}

void error_note_add(struct request *req)
{
    static const struct filter_ops ops = {.push = push};
    struct error_note *note = arena_alloc(&req->arena, sizeof(*note));

    if (!note) return;
    note->req = req;
    note->n = 0;
    filters_add(&req->relay.answer_filters, &note->filter, &ops);
}
