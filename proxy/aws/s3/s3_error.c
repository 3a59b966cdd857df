/* SPDX-License-Identifier: Apache-2.0
 * s3_error.c: S3's XML error document, written and (its code) read. Pure; any thread. Owns nothing.
 * Source: S3 API Reference, "Error responses" (REST error response); XML 1.0 2.2 (characters), 2.4 (escapes).
 */
#include "aws/s3/s3_error.h"

/* XML 1.0 2.2: Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF] */
static bool is_xml_char(uint32_t code)
{
    if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
    return code != 0xfffe && code != 0xffff;
}

/* CR is written as a reference because a parser would turn it into LF (XML 1.0 2.11). */
static struct str entity_for(char c)
{
    switch (c) {
    case '&': return STR("&amp;");
    case '<': return STR("&lt;");
    case '>': return STR("&gt;");
    case '"': return STR("&quot;");
    case '\'': return STR("&apos;");
    case '\r': return STR("&#13;");
    default: return STR_NONE;
    }
}

void s3_error_escape(struct sbuf *b, struct str s)
{
    while (s.n > 0) {
        uint32_t code = 0;
        size_t n = str_utf8(s, &code);
        struct str entity = entity_for(s.p[0]);
        if (n == 0 || !is_xml_char(code)) {
            sbuf_char(b, '?');
            n = 1;
        } else if (entity.n) {
            sbuf_add(b, entity);
        } else {
            sbuf_add(b, str_head(s, n));
        }
        s = str_tail(s, n);
    }
}

static void put_element(struct sbuf *b, const char *name, struct str text)
{
    sbuf_char(b, '<');
    sbuf_add(b, str_from(name));
    sbuf_char(b, '>');
    s3_error_escape(b, text);
    sbuf_add(b, STR("</"));
    sbuf_add(b, str_from(name));
    sbuf_char(b, '>');
}

void s3_error_document(struct sbuf *b, const char *code, struct str message, const struct s3_error_field *fields,
                       size_t fields_n, struct str resource, struct str request_id, struct str host_id)
{
    sbuf_add(b, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"));
    put_element(b, "Code", str_from(code));
    put_element(b, "Message", message.n ? message : str_from(code));
    for (size_t i = 0; i < fields_n; i++)
        put_element(b, fields[i].name, fields[i].value);
    put_element(b, "Resource", resource);
    put_element(b, "RequestId", request_id);
    put_element(b, "HostId", host_id);
    sbuf_add(b, STR("</Error>"));
}

struct str s3_error_text_in(struct str document, struct str name)
{
    char tag[40];
    struct sbuf close = sbuf_make(tag, sizeof(tag));

    sbuf_printf(&close, "</%.*s>", STR_ARG(name));
    ASSERT(!close.overflow);
    size_t end = str_find(document, sbuf_str(&close));
    if (end == SIZE_MAX) return STR_NONE;
    document = str_head(document, end);
    tag[1] = '<'; /* "<Name>" stands in "</Name>" from its second byte on */
    size_t start = str_find(document, str_tail(sbuf_str(&close), 1));
    return start == SIZE_MAX ? STR_NONE : str_tail(document, start + close.n - 1);
}

struct str s3_error_code_in(struct str document)
{
    return s3_error_text_in(document, STR("Code"));
}

enum s3_key_fault s3_error_key_fault(struct str code)
{
    static const struct {
        struct str code;
        enum s3_key_fault fault;
    } table[] = {
        {STR_INIT("SignatureDoesNotMatch"), S3_KEY_FAULT},
        {STR_INIT("AuthorizationHeaderMalformed"), S3_KEY_FAULT},
        {STR_INIT("InvalidAccessKeyId"), S3_KEY_FAULT_RENEWABLE},
        {STR_INIT("ExpiredToken"), S3_KEY_FAULT_RENEWABLE},
        {STR_INIT("InvalidToken"), S3_KEY_FAULT_RENEWABLE},
        {STR_INIT("TokenRefreshRequired"), S3_KEY_FAULT_RENEWABLE},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(code, table[i].code)) return table[i].fault;
    return S3_KEY_NO_FAULT;
}
