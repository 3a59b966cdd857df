/* SPDX-License-Identifier: Apache-2.0
 * xml.c: the one door to expat. Pure; any thread. Owns its parser for the length of a call.
 */
#include "aws/s3/xml.h"

#include "base/secret.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>

struct reading {
    const struct xml_handlers *handlers; /* borrowed, as @data is */
    void *data;
    XML_Parser parser; /* owned by xml_read */
    bool refused;
};

/* Expat may call once more after it was stopped. */
static void go_on_if(struct reading *r, bool good)
{
    if (good) return;
    r->refused = true;
    XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL start_element(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = data;

    (void)attributes;
    if (!r->refused) go_on_if(r, r->handlers->start(r->data, name));
}

static void XMLCALL end_element(void *data, const XML_Char *name)
{
    struct reading *r = data;

    (void)name;
    if (!r->refused) go_on_if(r, r->handlers->end(r->data));
}

static void XMLCALL character_data(void *data, const XML_Char *text, int n)
{
    struct reading *r = data;

    if (!r->refused) go_on_if(r, r->handlers->text(r->data, str_make(text, (size_t)n)));
}

static void XMLCALL other(void *data, const XML_Char *text, int n)
{
    struct reading *r = data;

    (void)text;
    (void)n;
    if (!r->refused) go_on_if(r, r->handlers->other(r->data));
}

static void XMLCALL start_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
                                  const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    go_on_if(data, false);
}

/* expat's own copies of the text are wiped when they are given back. */
static bool begin(struct reading *r, const struct xml_handlers *handlers, void *data)
{
    static const XML_Memory_Handling_Suite memory = {malloc, secret_block_realloc, secret_block_free};

    *r = (struct reading){.handlers = handlers, .data = data};
    r->parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
    if (!r->parser) return false;
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, start_element, end_element);
    XML_SetCharacterDataHandler(r->parser, character_data);
    XML_SetStartDoctypeDeclHandler(r->parser, start_doctype);
    if (handlers->other) XML_SetDefaultHandler(r->parser, other);
    return true;
}

/* expat takes UTF-16 where the text begins like it, whatever encoding it is given; other readers may not. */
static bool may_be_utf_16(struct str piece)
{
    return piece.n && memchr(piece.p, '\0', piece.n);
}

enum xml_result xml_read(struct str xml, const struct xml_handlers *handlers, void *data)
{
    struct reading r;
    bool good;

    if (xml.n > INT_MAX || may_be_utf_16(xml)) return XML_REFUSED;
    if (!begin(&r, handlers, data)) return XML_NO_MEMORY;
    good = XML_Parse(r.parser, xml.p, (int)xml.n, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(r.parser);
    return good && !r.refused ? XML_READ : XML_REFUSED;
}

struct xml_stream {
    struct reading reading;
};

struct xml_stream *xml_stream_new(const struct xml_handlers *handlers, void *data)
{
    struct xml_stream *s = calloc(1, sizeof(*s));

    if (s && !begin(&s->reading, handlers, data)) {
        free(s);
        return NULL;
    }
    return s;
}

void xml_stream_free(struct xml_stream **s)
{
    if (!*s) return;
    XML_ParserFree((*s)->reading.parser);
    free(*s);
    *s = NULL;
}

bool xml_stream_feed(struct xml_stream *s, struct str piece, bool last)
{
    void *room = piece.n <= INT_MAX ? XML_GetBuffer(s->reading.parser, (int)piece.n) : NULL;

    if (may_be_utf_16(piece)) s->reading.refused = true;
    if (s->reading.refused || (!room && piece.n)) return false;
    if (piece.n) memcpy(room, piece.p, piece.n);
    return XML_ParseBuffer(s->reading.parser, (int)piece.n, last) == XML_STATUS_OK && !s->reading.refused;
}

uint64_t xml_stream_begin(const struct xml_stream *s)
{
    return (uint64_t)XML_GetCurrentByteIndex(s->reading.parser);
}

uint64_t xml_stream_end(const struct xml_stream *s)
{
    return xml_stream_begin(s) + (uint64_t)XML_GetCurrentByteCount(s->reading.parser);
}
