/* SPDX-License-Identifier: Apache-2.0
 * json_text.c: see json_text.h. Source: RFC 8259 8.1; Unicode 15, 5.22 (U+FFFD for what cannot be read).
 */
#include "keys/json_text.h"

#include <stdlib.h>

/* C0, DEL, C1, and the two that end a line. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

json_t *json_text_of(struct str text)
{
    static const struct str unreadable = STR_INIT("\xef\xbf\xbd");
    size_t cap = text.n * unreadable.n + 1;
    char *memory = malloc(cap);
    struct sbuf b = sbuf_make(memory, memory ? cap : 0);
    json_t *made = NULL;

    for (uint32_t code; text.n > 0;) {
        size_t n = str_utf8(text, &code);
        sbuf_add(&b, n && !is_control(code) ? str_head(text, n) : unreadable);
        text = str_tail(text, n ? n : 1);
    }
    if (memory) made = json_stringn(b.p, b.n);
    free(memory);
    return made;
}

json_t *json_text(const char *text)
{
    return json_text_of(str_from(text));
}
