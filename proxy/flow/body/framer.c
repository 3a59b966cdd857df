/* SPDX-License-Identifier: Apache-2.0
 * framer.c: see framer.h. A line of framing is made when the content behind it is at hand and written before it; where
 * the connection takes only a part of either, the next call goes on there.
 */
#include "flow/body/framer.h"

#include <stdio.h>

size_t framer_wants(const struct framer *f)
{
    size_t next = f->chunks && !f->chunk_left ? chunk_writer_next(&f->chunks->writer) : 1;

    return next ? next : 1;
}

static enum conn_result write_line(struct framer *f, struct conn *c)
{
    while (f->line.n) {
        size_t put;
        enum conn_result r = conn_write(c, f->line.p, f->line.n, &put);

        if (r != CONN_OK) return r;
        f->line = str_tail(f->line, put);
    }
    return CONN_OK;
}

/* The header of a chunk that begins with the @n bytes at @p. */
static void begin_chunk(struct framer *f, const char *p, size_t n)
{
    if (f->chunks) {
        struct sbuf b = sbuf_make(f->chunks->line, sizeof(f->chunks->line));

        f->chunk_left = chunk_writer_next(&f->chunks->writer);
        ASSERT(f->chunk_left && f->chunk_left <= n);
        chunk_writer_header(&f->chunks->writer, str_make(p, (size_t)f->chunk_left), &b);
        f->line = sbuf_str(&b);
        return;
    }
    struct sbuf b = sbuf_make(f->text, sizeof(f->text));
    sbuf_printf(&b, "%s%zx\r\n", f->begun ? "\r\n" : "", n);
    f->line = sbuf_str(&b);
    f->chunk_left = n;
    f->begun = true;
}

enum conn_result framer_write(struct framer *f, struct conn *c, const char *p, size_t n, size_t *took)
{
    enum conn_result r;

    if (!f->chunked && !f->chunks) return conn_write(c, p, n, took);
    *took = 0;
    if (n < framer_wants(f)) return CONN_OK;
    if (!f->chunk_left) begin_chunk(f, p, n);
    r = write_line(f, c);
    if (r != CONN_OK) return r;
    r = conn_write(c, p, n < f->chunk_left ? n : (size_t)f->chunk_left, took);
    if (r == CONN_OK) f->chunk_left -= *took;
    return r;
}

static void make_end(struct framer *f)
{
    if (f->chunks) {
        struct sbuf b = sbuf_make(f->chunks->line, sizeof(f->chunks->line));

        chunk_writer_end(&f->chunks->writer, f->chunks->trailer_name,
                         f->chunks->in ? f->chunks->in->trailer_value : STR_NONE, &b);
        ASSERT(!b.overflow);
        f->line = sbuf_str(&b);
    } else if (f->chunked) {
        struct sbuf b = sbuf_make(f->text, sizeof(f->text));

        sbuf_printf(&b, "%s0\r\n\r\n", f->begun ? "\r\n" : "");
        f->line = sbuf_str(&b);
    }
    f->ended = true;
}

enum conn_result framer_end(struct framer *f, struct conn *c)
{
    if (!f->ended) make_end(f);
    return write_line(f, c);
}
