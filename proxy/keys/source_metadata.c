/* SPDX-License-Identifier: Apache-2.0
 * source_metadata.c: see source_metadata.h. Bodies may hold keys: nothing of them comes into a message. Control thread.
 */
#include "source_metadata.h"

#include "aws/documents/key_document.h"

#include <stdio.h>
#include <stdlib.h>

const char *metadata_variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static const char *kind_of_body(const struct http_answer *a)
{
    if (str_starts_nocase(a->content_type, STR("text/html"))) return " with HTML: is this the right service?";
    return "";
}

void metadata_status(struct source *s, const struct http_answer *a, const char *place, const char *advice)
{
    if (a->status == 0)
        source_fail(s, SOURCE_FAILED, "%s", a->why);
    else if (a->status == 429 && a->retry_after_s > 0)
        source_fail(s, SOURCE_THROTTLED, "%s answers 429, too many requests, and asks to wait %lld s", place,
                    (long long)a->retry_after_s);
    else if (a->status == 429)
        source_fail(s, SOURCE_THROTTLED, "%s answers 429: too many requests", place);
    else if (a->status >= 300 && a->status < 400)
        source_fail(s, SOURCE_FAILED, "%s answers %u, a redirect, which is not followed: is this the right service?",
                    place, a->status);
    else if (a->status >= 400 && a->status < 500)
        source_fail(s, SOURCE_REFUSED, "%s answers %u: %s", place, a->status, advice);
    else
        source_fail(s, SOURCE_FAILED, "%s answers %u%s", place, a->status, kind_of_body(a));
}

void metadata_document(struct source *s, const struct http_answer *a, const char *place, const char *origin,
                       bool stands)
{
    struct source_result r = {.outcome = SOURCE_GOOD, .stands = stands};
    struct key_document d;
    struct err err = {0};

    if (key_document_parse(a->body, KEY_DOCUMENT_METADATA, &d, &err) != ERR_NONE) {
        source_fail(s, SOURCE_FAILED, "%s answers with a document that is not usable: %s", place, err.detail);
        return;
    }
    r.keys = (struct key_set){d.access_key_id, d.secret_access_key, d.session_token, d.expires_s};
    snprintf(r.origin, sizeof(r.origin), "%s", origin);
    source_end(s, &r);
}

void metadata_not_begun(struct source *s, const struct err *err)
{
    source_fail(s, err->code == ERR_NO_MEMORY ? SOURCE_FAILED : SOURCE_REFUSED, "%.*s", SOURCE_WHY - 1, err->detail);
}
