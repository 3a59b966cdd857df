/* SPDX-License-Identifier: Apache-2.0
 * post_form_tagging.c: the `tagging` field of a browser form, an XML document, as the query string that x-amz-tagging
 * holds. Pure; any thread; owns nothing.
 * Source: Amazon S3 API Reference, "POST Object" (tagging), "PutObject" (x-amz-tagging). How many tags there may be and
 * what they may hold is S3's to judge.
 */
#include "post_form_impl.h"

#include "aws/s3/xml.h"

static const char *const path[] = {"Tagging", "TagSet", "Tag"};
enum { IN_TAGGING = 1, IN_TAG_SET, IN_TAG, IN_TEXT };

struct tagging {
    unsigned depth; /* elements that are open */
    bool has_set, has_key, has_value;
    struct sbuf key, value; /* of the current Tag */
    struct sbuf *text;      /* which of them the open element fills */
    struct sbuf out;
};

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

static bool start_element(void *data, const char *name)
{
    struct tagging *t = data;
    bool good = t->depth < IN_TAG ? strcmp(name, path[t->depth]) == 0 : t->depth == IN_TAG && begin_text(t, name);

    if (t->depth == IN_TAGGING) {
        good = good && !t->has_set;
        t->has_set = true;
    }
    if (t->depth == IN_TAG_SET) begin_tag(t);
    t->depth++;
    return good;
}

static bool end_tag(struct tagging *t)
{
    if (!t->has_key || !t->has_value) return false;
    if (t->out.n) sbuf_char(&t->out, '&');
    uri_encode(&t->out, sbuf_str(&t->key), false);
    sbuf_char(&t->out, '=');
    uri_encode(&t->out, sbuf_str(&t->value), false);
    return true;
}

static bool end_element(void *data)
{
    struct tagging *t = data;

    return t->depth-- != IN_TAG || end_tag(t);
}

static bool character_data(void *data, struct str text)
{
    struct tagging *t = data;

    if (t->depth == IN_TEXT) {
        sbuf_add(t->text, text);
        return true;
    }
    for (size_t i = 0; i < text.n; i++)
        if (!strchr(" \t\r\n", text.p[i])) return false;
    return true;
}

enum err_code post_form_tagging(struct str xml, struct arena *arena, struct str *out, struct err *err)
{
    /* Text never takes more bytes than the markup it came from; forms are UTF-8, whatever the document declares. */
    static const struct xml_handlers handlers = {.start = start_element, .end = end_element, .text = character_data};
    struct tagging t = {
        .key = arena_sbuf(arena, xml.n), .value = arena_sbuf(arena, xml.n), .out = arena_sbuf(arena, 3 * xml.n)};
    enum xml_result result = XML_NO_MEMORY;

    if (t.key.p && t.value.p && t.out.p) result = xml.n <= FORM_MAX_BYTES ? xml_read(xml, &handlers, &t) : XML_REFUSED;
    if (result == XML_NO_MEMORY) return err_set(err, ERR_NO_MEMORY, 0, "The form's tags do not fit into memory.");
    if (result == XML_REFUSED || !t.has_set || t.out.overflow)
        return err_set(err, ERR_FORM_TAGGING, 0, "%s", err_info(ERR_FORM_TAGGING)->text);
    *out = sbuf_str(&t.out);
    return ERR_NONE;
}
