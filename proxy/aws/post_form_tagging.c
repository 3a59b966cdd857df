/* SPDX-License-Identifier: Apache-2.0
 * post_form_tagging.c: the `tagging` field of a browser form, an XML document, as the query string that x-amz-tagging
 * holds: the one door to expat. Pure; any thread. Owns its parser for the length of the call.
 * Source: Amazon S3 API Reference, "POST Object" (tagging), "PutObject" (x-amz-tagging). How many tags there may be and
 * what they may hold is S3's to judge. A document type is refused: entities never come into play.
 */
#include "post_form_impl.h"

#include <expat.h>

static const char *const path[] = {"Tagging", "TagSet", "Tag"};
enum { IN_TAGGING = 1, IN_TAG_SET, IN_TAG, IN_TEXT };

struct tagging {
    XML_Parser parser; /* owned by post_form_tagging */
    unsigned depth;    /* elements that are open */
    bool bad, has_set, has_key, has_value;
    struct sbuf key, value; /* of the current Tag */
    struct sbuf *text;      /* which of them the open element fills */
    struct sbuf out;
};

static void refuse(struct tagging *t)
{
    t->bad = true;
    XML_StopParser(t->parser, XML_FALSE);
}

static void begin_tag(struct tagging *t)
{
    t->has_key = t->has_value = false;
    t->key.n = t->value.n = 0;
}

/* Key or Value, each once. */
static bool begin_text(struct tagging *t, const char *name)
{
    bool is_key = strcmp(name, "Key") == 0, *seen = is_key ? &t->has_key : &t->has_value;

    if ((!is_key && strcmp(name, "Value") != 0) || *seen) return false;
    *seen = true;
    t->text = is_key ? &t->key : &t->value;
    return true;
}

static void XMLCALL start_element(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct tagging *t = data;
    bool good = t->depth < IN_TAG ? strcmp(name, path[t->depth]) == 0 : t->depth == IN_TAG && begin_text(t, name);

    (void)attributes; /* xmlns at most; nothing is in them */
    if (t->depth == IN_TAGGING) {
        good = good && !t->has_set;
        t->has_set = true;
    }
    if (t->depth == IN_TAG_SET) begin_tag(t);
    t->depth++;
    if (!good) refuse(t);
}

static void end_tag(struct tagging *t)
{
    if (!t->has_key || !t->has_value) {
        refuse(t);
        return;
    }
    if (t->out.n) sbuf_char(&t->out, '&');
    uri_encode(&t->out, sbuf_str(&t->key), false);
    sbuf_char(&t->out, '=');
    uri_encode(&t->out, sbuf_str(&t->value), false);
}

static void XMLCALL end_element(void *data, const XML_Char *name)
{
    struct tagging *t = data;

    (void)name;
    if (t->depth == IN_TAG) end_tag(t);
    t->depth--;
}

static void XMLCALL character_data(void *data, const XML_Char *text, int n)
{
    struct tagging *t = data;

    if (t->depth == IN_TEXT) {
        sbuf_add(t->text, str_make(text, (size_t)n));
        return;
    }
    for (int i = 0; i < n; i++)
        if (!strchr(" \t\r\n", text[i])) refuse(t);
}

static void XMLCALL start_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
                                  const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    refuse(data);
}

static bool parse(struct tagging *t, struct str xml)
{
    XML_SetUserData(t->parser, t);
    XML_SetElementHandler(t->parser, start_element, end_element);
    XML_SetCharacterDataHandler(t->parser, character_data);
    XML_SetStartDoctypeDeclHandler(t->parser, start_doctype);
    return XML_Parse(t->parser, xml.p, (int)xml.n, XML_TRUE) == XML_STATUS_OK && !t->bad && t->has_set;
}

enum err_code post_form_tagging(struct str xml, struct arena *arena, struct str *out, struct err *err)
{
    /* Text never takes more bytes than the markup it came from; forms are UTF-8, whatever the document declares. */
    struct tagging t = {.parser = XML_ParserCreate("UTF-8"),
                        .key = arena_sbuf(arena, xml.n),
                        .value = arena_sbuf(arena, xml.n),
                        .out = arena_sbuf(arena, 3 * xml.n)};
    bool has_memory = t.parser && t.key.p && t.value.p && t.out.p;
    bool good = has_memory && xml.n <= FORM_MAX_BYTES && parse(&t, xml);

    XML_ParserFree(t.parser);
    if (!has_memory) return err_set(err, ERR_NO_MEMORY, 0, "The form's tags do not fit into memory.");
    if (!good || t.out.overflow) return err_set(err, ERR_FORM_TAGGING, 0, "%s", err_info(ERR_FORM_TAGGING)->text);
    *out = sbuf_str(&t.out);
    return ERR_NONE;
}
