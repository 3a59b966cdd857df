/* SPDX-License-Identifier: Apache-2.0
 * page.c: see page.h. The browser is told to run the file's own script and style and nothing else: their hashes are
 * those of the file that is shown.
 * Source: Content Security Policy Level 3 (W3C), "hash-source".
 */
#include "page.h"

#include "aws/sign/digest.h"
#include "base/encode.h"

#include <event2/buffer.h>

enum { POLICY = 512 };

/* clang-format off */
__asm__(".pushsection .rodata\n"
        ".global page_file\n"
        "page_file: .incbin \"" PAGE_FILE "\"\n"
        ".global page_file_end\n"
        "page_file_end:\n"
        ".popsection\n");
/* clang-format on */
extern const char page_file[], page_file_end[];

static struct str file(void)
{
    return str_make(page_file, (size_t)(page_file_end - page_file));
}

/* What stands between the two. */
static struct str between(struct str open, struct str close)
{
    struct str rest = str_tail(file(), str_find(file(), open) + open.n);

    return str_head(rest, str_find(rest, close));
}

static void put_hash(struct sbuf *b, struct digest *d, struct str text)
{
    uint8_t hash[SHA256_BYTES];

    digest_sha256(d, text, hash);
    sbuf_add(b, STR("'sha256-"));
    base64_encode(b, hash, sizeof(hash));
    sbuf_char(b, '\'');
}

/* Made once. NULL: OpenSSL cannot. */
static const char *policy(void)
{
    static char text[POLICY];
    struct sbuf b = sbuf_make(text, sizeof(text) - 1);
    struct digest *d;

    if (text[0]) return text;
    d = digest_new();
    if (!d) return NULL;
    sbuf_add(&b, STR("default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                     "frame-ancestors 'none'; script-src "));
    put_hash(&b, d, between(STR("<script>"), STR("</script>")));
    sbuf_add(&b, STR("; style-src "));
    put_hash(&b, d, between(STR("<style>"), STR("</style>")));
    digest_free(&d);
    ASSERT(!b.overflow);
    return text;
}

void page_show(struct http_call *c)
{
    struct evbuffer *text = evbuffer_new();

    c->policy = policy();
    if (text && evbuffer_add_reference(text, page_file, file().n, NULL, NULL)) {
        evbuffer_free(text);
        text = NULL;
    }
    http_reply(c, 200, "text/html; charset=utf-8", text, NULL);
}
