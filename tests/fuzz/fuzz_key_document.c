/* SPDX-License-Identifier: Apache-2.0
 * fuzz_key_document.c: any bytes as a document of each kind and as a time. What is accepted is whole and usable in a
 * signature, what is refused leaves nothing behind.
 */
#include "aws/documents/key_document.h"

#include <stdlib.h>

static void fuzz_document(struct str json, enum key_document_kind kind)
{
    struct key_document d;
    struct err err = {.code = ERR_NONE};
    enum err_code code = key_document_parse(json, kind, &d, &err);

    ASSERT(code == ERR_NONE || code == ERR_BAD_DOCUMENT);
    ASSERT((code == ERR_NONE) == (err.detail[0] == '\0'));
    ASSERT((code == ERR_NONE) == (d.access_key_id != NULL) && (code == ERR_NONE) == (d.secret_access_key != NULL));
    if (code == ERR_NONE) {
        ASSERT(key_text_valid(str_from(d.access_key_id)) && key_secret_valid(str_from(d.secret_access_key)));
        ASSERT(!d.session_token || key_text_valid(str_from(d.session_token)));
        ASSERT(kind == KEY_DOCUMENT_PROCESS || (d.session_token && d.expires_s > 0));
    } else {
        ASSERT(!d.session_token && d.expires_s == 0);
        for (const char *c = err.detail; *c; c++)
            ASSERT(*c >= ' ' && *c <= '~');
    }
    key_document_clear(&d);
}

static void fuzz_time(struct str text)
{
    int64_t t;

    if (!iso8601_parse(text, &t)) return;
    ASSERT(text.n >= 20 && text.p[10] == 'T');
    ASSERT(t > -INT64_C(62167305600) - 86400 && t < INT64_C(253402300800) + 86400); /* the years 0 to 9999 */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = str_make((const char *)data, n);

    fuzz_document(text, KEY_DOCUMENT_PROCESS);
    fuzz_document(text, KEY_DOCUMENT_METADATA);
    fuzz_document(text, KEY_DOCUMENT_ROLES_ANYWHERE);
    fuzz_time(text);
    return 0;
}
