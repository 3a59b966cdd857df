/* SPDX-License-Identifier: Apache-2.0
 * s3_error.h: S3's XML error document. Pure; any thread.
 * Source: S3 API Reference, "Error responses" (REST error response).
 */
#ifndef S3ONRAMP_AWS_S3_S3_ERROR_H
#define S3ONRAMP_AWS_S3_S3_ERROR_H

#include "base/err.h"
#include "base/str.h"

/* <Name>text</Name> inside <Error>. */
struct s3_error_field {
    const char *name;
    struct str value;
};

/* Escapes for element content; bytes that XML 1.0 forbids or that are not UTF-8 become '?'. */
void s3_error_escape(struct sbuf *b, struct str s);

/* Whole document. @message: never empty (some clients crash on an empty Message). @resource: raw path as the client
 * sent it. */
void s3_error_document(struct sbuf *b, const char *code, struct str message, const struct s3_error_field *fields,
                       size_t fields_n, struct str resource, struct str request_id, struct str host_id);

/* The text of the first <@name>…</@name> in an S3 error document (views into it, not unescaped), or empty. Not an XML
 * parser. @name: at most 30 bytes. */
struct str s3_error_text_in(struct str document, struct str name);
/* The text of <Code> in an S3 error document (views into it), or empty. Not an XML parser: finds the first
 * <Code>…</Code>. */
struct str s3_error_code_in(struct str document);

/* Whether S3's error @code is about the key that a request was signed with, and if so whether a newer key may help. */
enum s3_key_fault { S3_KEY_NO_FAULT, S3_KEY_FAULT, S3_KEY_FAULT_RENEWABLE };
enum s3_key_fault s3_error_key_fault(struct str code);

#endif
