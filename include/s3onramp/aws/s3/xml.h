/* SPDX-License-Identifier: Apache-2.0
 * xml.h: XML documents, read element by element: short ones at once, others as they come. Within aws.
 */
#ifndef S3ONRAMP_AWS_S3_XML_H
#define S3ONRAMP_AWS_S3_XML_H

#include "base/str.h"

/* What a reader is told, in the document's order. False: this is not the document it wants, and no more is read. */
struct xml_handlers {
    bool (*start)(void *data, const char *name); /* an element begins; attributes (xmlns at most) are passed over */
    bool (*end)(void *data);
    bool (*text)(void *data, struct str text); /* a piece: one text may come in several */
    bool (*other)(void *data); /* comments, processing instructions, the declaration; NULL: passed over */
};

enum xml_result { XML_READ, XML_REFUSED, XML_NO_MEMORY };

/* Reads @xml, UTF-8 whatever it declares. XML_REFUSED: not well-formed, with a document type (so that entities never
 * come into play), or a handler said no. XML_NO_MEMORY: nothing was read. What was copied meanwhile is wiped. */
MUST_CHECK enum xml_result xml_read(struct str xml, const struct xml_handlers *handlers, void *data);

/* The same document in pieces. */
struct xml_stream;
MUST_CHECK struct xml_stream *xml_stream_new(const struct xml_handlers *handlers, void *data); /* NULL: no memory */
void xml_stream_free(struct xml_stream **s);
/* The next bytes, which are copied. @last: the document ends with them. False: XML_REFUSED or no memory; no more. */
MUST_CHECK bool xml_stream_feed(struct xml_stream *s, struct str piece, bool last);
/* In a handler: how many bytes of the document stand before, and up to the end of, what it is told. */
uint64_t xml_stream_begin(const struct xml_stream *s);
uint64_t xml_stream_end(const struct xml_stream *s);

#endif
