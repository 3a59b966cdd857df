/* SPDX-License-Identifier: Apache-2.0
 * xml.h: short XML documents, read element by element. Within aws.
 */
#ifndef S3ONRAMP_AWS_S3_XML_H
#define S3ONRAMP_AWS_S3_XML_H

#include "base/str.h"

/* What a reader is told, in the document's order. False: this is not the document it wants, and no more is read. */
struct xml_handlers {
    bool (*start)(void *data, const char *name); /* an element begins; attributes (xmlns at most) are passed over */
    bool (*end)(void *data);
    bool (*text)(void *data, struct str text); /* a piece: one text may come in several */
};

enum xml_result { XML_READ, XML_REFUSED, XML_NO_MEMORY };

/* Reads @xml, UTF-8 whatever it declares. XML_REFUSED: not well-formed, with a document type (so that entities never
 * come into play), or a handler said no. XML_NO_MEMORY: nothing was read. What was copied meanwhile is wiped. */
MUST_CHECK enum xml_result xml_read(struct str xml, const struct xml_handlers *handlers, void *data);

#endif
