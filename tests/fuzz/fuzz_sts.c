/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sts.c: any bytes as an answer of STS to both actions and as an error, and as the parts of a form and the name of
 * a session. What is taken must be whole and fit into a signature or a log; a form must give its parts back.
 */
#include "aws/documents/sts.h"
#include "http/uri.h"

#include <stdlib.h>

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~') return false;
    return true;
}

static bool check_answer(struct str xml, enum sts_action action)
{
    struct key_document d;
    struct err err = {.code = ERR_NONE};
    bool good = sts_parse_answer(xml, action, &d, &err) == ERR_NONE;

    ASSERT(good == (err.code == ERR_NONE) && good == (err.detail[0] == '\0'));
    if (good) {
        ASSERT(key_text_valid(str_from(d.access_key_id)) && key_secret_valid(str_from(d.secret_access_key)));
        ASSERT(key_text_valid(str_from(d.session_token)) && d.expires_s > 0);
    } else {
        ASSERT(!d.access_key_id && !d.secret_access_key && !d.session_token);
    }
    key_document_clear(&d);
    return good;
}

static void check_error(struct str xml, bool is_answer)
{
    struct sts_error e;
    const char *advice;

    if (!sts_parse_error(xml, &e)) return;
    ASSERT(!is_answer && e.code[0] && is_printable(e.code) && is_printable(e.message));
    (void)sts_judge(STS_ASSUME_ROLE, 400, &e, &advice);
    ASSERT(advice);
}

/* The @i-th value of the form is @expected. */
static void check_part(const struct query_param *params, size_t i, struct str expected)
{
    ASSERT(params[i].has_value && uri_decodes_to(params[i].value, expected));
}

static void check_form(struct str s)
{
    struct str a = str_head(s, s.n / 3), b = str_head(str_tail(s, a.n), s.n / 3), c = str_tail(s, a.n + b.n);
    struct sts_tag tag = {c, a};
    struct sts_request r = {.role_arn = a, .session_name = b, .tags = &tag, .tags_n = 1};
    struct sbuf out = sbuf_make(malloc(sts_form_room(&r)), sts_form_room(&r));
    struct query_param params[6];

    sts_form(&r, &out);
    ASSERT(!out.overflow && query_split(sbuf_str(&out), params, 6) == 6);
    check_part(params, 2, a);
    check_part(params, 3, b);
    check_part(params, 4, c);
    check_part(params, 5, a);
    free(out.p);
}

static void check_name(struct digest *d, struct str s)
{
    char name[STS_SESSION_NAME_MAX + 1], *client = strndup(s.n ? s.p : "", s.n);

    if (sts_session_name(d, s, client, name) || sts_session_name(d, STR("{client}"), client, name)) {
        ASSERT(strlen(name) >= STS_SESSION_NAME_MIN && strlen(name) <= STS_SESSION_NAME_MAX);
        ASSERT(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-") == strlen(name));
    }
    free(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct digest *d;
    struct str s = {(const char *)data, n};

    if (!d) d = digest_new();
    bool role = check_answer(s, STS_ASSUME_ROLE), web = check_answer(s, STS_WEB_IDENTITY);
    ASSERT(!role || !web);
    check_error(s, role || web);
    check_form(s);
    check_name(d, s);
    return 0;
}
