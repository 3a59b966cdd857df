/* SPDX-License-Identifier: Apache-2.0
 * bucket_list.c: see bucket_list.h. Expat says where elements begin and end; what lies between two of its events is
 * decided by the later one. Owns its parser.
 *
 *     …kept, moved to the front…│ settled          │ held: not decided │ fed
 *                               └ data + out        └ an open Bucket, or a part of a tag
 */
#include "aws/s3/bucket_list.h"

#include "aws/s3/xml.h"

#include <stdlib.h>

enum { NAME_BYTES = 255 }; /* of old buckets in us-east-1; longer ones are nobody's */

/* Elements that are open. */
enum depth { OUTSIDE, IN_ROOT, IN_BUCKETS, IN_BUCKET, IN_NAME };

struct bucket_list {
    struct xml_stream *xml; /* owned */
    bool (*shows)(void *data, struct str bucket);
    void *shows_data;
    uint64_t fed, settled; /* bytes of the document: given, and decided about */
    char *data;            /* borrowed, during a push: its first byte is the one at `base` of the document */
    uint64_t base;
    size_t out;       /* bytes at data that are kept */
    enum depth depth; /* of the elements that lead to a bucket's name … */
    unsigned beside;  /* … and of others inside */
    bool named, has_buckets, is_value;
    size_t name_n;
    char name[NAME_BYTES + 1];
};

static void decide(struct bucket_list *l, uint64_t to, bool keep)
{
    size_t n;

    if (to <= l->settled) return; /* the end of an empty element */
    n = (size_t)(to - l->settled);
    if (keep) {
        memmove(l->data + l->out, l->data + (l->settled - l->base), n);
        l->out += n;
    }
    l->settled = to;
}

/* What lies outside of buckets' elements passes; what stands between them would tell how many there are. */
static bool pass(struct bucket_list *l)
{
    if (l->depth < IN_BUCKET) decide(l, xml_stream_end(l->xml), l->depth != IN_BUCKETS);
    return true;
}

/* Where lists of buckets have nothing else. */
static bool enter(struct bucket_list *l, const char *name, const char *wanted)
{
    if (strcmp(name, wanted) != 0) return false;
    l->depth++;
    return true;
}

/* What is neither the owner nor the buckets is one value: buckets stand nowhere else. */
static bool enter_root(struct bucket_list *l, const char *name)
{
    if (strcmp(name, "Bucket") == 0 || (strcmp(name, "Buckets") == 0 && l->has_buckets)) return false;
    if (!enter(l, name, "Buckets")) l->beside = 1;
    l->has_buckets |= !l->beside;
    l->is_value = strcmp(name, "Owner") != 0;
    return true;
}

static bool enter_bucket(struct bucket_list *l, const char *name)
{
    bool is_name = strcmp(name, "Name") == 0;

    if (is_name && l->named) return false;
    l->named |= is_name;
    if (!enter(l, name, "Name")) l->beside = 1;
    return true;
}

static bool start_element(void *data, const char *name)
{
    struct bucket_list *l = data;
    bool fine = false;

    if (l->beside) {
        l->beside++;
        return !(l->depth == IN_ROOT && l->is_value) && pass(l);
    }
    switch (l->depth) {
    case OUTSIDE: fine = enter(l, name, "ListAllMyBucketsResult"); break;
    case IN_ROOT: fine = enter_root(l, name); break;
    case IN_BUCKETS:
        decide(l, xml_stream_begin(l->xml), false);
        l->named = false;
        l->name_n = 0;
        return enter(l, name, "Bucket");
    case IN_BUCKET: fine = enter_bucket(l, name); break;
    case IN_NAME: return false;
    }
    if (fine && l->depth == IN_BUCKETS) decide(l, xml_stream_end(l->xml), true); /* its own tag */
    return fine && pass(l);
}

static bool end_element(void *data)
{
    struct bucket_list *l = data;

    if (l->beside) {
        pass(l);
        l->beside--;
        return true;
    }
    if (l->depth == IN_BUCKET)
        decide(l, xml_stream_end(l->xml),
               l->named && l->name_n <= NAME_BYTES && l->shows(l->shows_data, str_make(l->name, l->name_n)));
    l->depth--;
    return pass(l);
}

static bool character_data(void *data, struct str text)
{
    struct bucket_list *l = data;

    if (l->depth == IN_NAME) {
        size_t n = str_head(text, sizeof(l->name) - l->name_n).n;

        memcpy(l->name + l->name_n, text.p, n);
        l->name_n += n;
    }
    return pass(l);
}

static bool other(void *data)
{
    return pass(data);
}

struct bucket_list *bucket_list_new(bool (*shows)(void *data, struct str bucket), void *data)
{
    static const struct xml_handlers handlers = {start_element, end_element, character_data, other};
    struct bucket_list *l = calloc(1, sizeof(*l));

    if (!l) return NULL;
    l->shows = shows;
    l->shows_data = data;
    l->xml = xml_stream_new(&handlers, l);
    if (!l->xml) bucket_list_free(&l);
    return l;
}

void bucket_list_free(struct bucket_list **l)
{
    if (!*l) return;
    xml_stream_free(&(*l)->xml);
    free(*l);
    *l = NULL;
}

size_t bucket_list_held(const struct bucket_list *l)
{
    return (size_t)(l->fed - l->settled);
}

enum err_code bucket_list_push(struct bucket_list *l, char *data, size_t *n, struct err *err)
{
    size_t held = bucket_list_held(l);
    struct str piece = str_make(data + held, *n - held);

    l->data = data;
    l->base = l->settled;
    l->out = 0;
    l->fed += piece.n;
    if (!xml_stream_feed(l->xml, piece, false))
        return err_set(err, ERR_UPSTREAM_BAD, 0, "the list of buckets cannot be read near byte %llu",
                       (unsigned long long)l->settled);
    held = bucket_list_held(l);
    if (held > BUCKET_LIST_HELD)
        return err_set(err, ERR_UPSTREAM_BAD, 0, "an element of the list of buckets is longer than %d bytes",
                       BUCKET_LIST_HELD);
    memmove(data + l->out, data + *n - held, held);
    *n = l->out + held;
    return ERR_NONE;
}

enum err_code bucket_list_finish(struct bucket_list *l, struct err *err)
{
    if (xml_stream_feed(l->xml, STR_NONE, true) && bucket_list_held(l) == 0) return ERR_NONE;
    return err_set(err, ERR_UPSTREAM_BAD, 0, "the list of buckets ends after %llu bytes, before its end",
                   (unsigned long long)l->fed);
}
