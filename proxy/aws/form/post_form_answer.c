/* SPDX-License-Identifier: Apache-2.0
 * post_form_answer.c: the answer to a browser form whose file was stored. Pure; any thread. Owns nothing.
 * Source: Amazon S3 API Reference, "HTML Form Fields" (success_action_redirect, redirect, success_action_status), "POST
 * Object" (response elements); how S3 encodes key and ETag as seen in its answers.
 */
#include "post_form_impl.h"

#include "aws/s3/s3_error.h"

/* An absolute http or https URL that can stand in a header; "If Amazon S3 cannot interpret the URL, it acts as if the
 * field is not present." */
static bool is_redirect(struct str url)
{
    struct str rest, host;
    unsigned port;

    if (str_starts_nocase(url, STR("http://")))
        rest = str_tail(url, 7);
    else if (str_starts_nocase(url, STR("https://")))
        rest = str_tail(url, 8);
    else
        return false;
    size_t end = 0;
    while (end < rest.n && !strchr("/?#", rest.p[end]))
        end++;
    return post_form_is_text(url) && uri_split_authority(str_head(rest, end), &host, &port);
}

/* The URL that the form wants the browser to go to, or empty. `redirect` is the older name. */
static struct str find_redirect(const struct post_form *f)
{
    static const struct str names[] = {STR_INIT("success_action_redirect"), STR_INIT("redirect")};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct post_form_field *field = post_form_field(f, names[i]);
        if (field && is_redirect(field->value)) return field->value;
    }
    return STR_NONE;
}

/* As in a submitted form: a space is '+'. */
static void put_form_encoded(struct sbuf *b, struct str s)
{
    size_t space;

    while ((space = str_index(s, ' ')) != SIZE_MAX) {
        uri_encode(b, str_head(s, space), false);
        sbuf_char(b, '+');
        s = str_tail(s, space + 1);
    }
    uri_encode(b, s, false);
}

/* Into the query of @url, which keeps what it has; a fragment stays behind it. */
static void put_redirect(struct sbuf *b, struct str url, const struct post_form_object *object)
{
    size_t hash = str_index(url, '#');
    struct str target = str_head(url, hash);
    size_t mark = str_index(target, '?');

    sbuf_add(b, target);
    if (mark == SIZE_MAX)
        sbuf_char(b, '?');
    else if (mark + 1 < target.n)
        sbuf_char(b, '&');
    sbuf_add(b, STR("bucket="));
    put_form_encoded(b, object->bucket);
    sbuf_add(b, STR("&key="));
    put_form_encoded(b, object->key);
    sbuf_add(b, STR("&etag="));
    put_form_encoded(b, object->etag);
    if (hash != SIZE_MAX) sbuf_add(b, str_tail(url, hash));
}

/* S3 encodes the key as one segment: its '/' become %2F. */
static void put_object_url(struct sbuf *b, const struct post_form_object *object)
{
    sbuf_add(b, object->url);
    sbuf_char(b, '/');
    uri_encode(b, object->key, false);
}

static void put_document(struct sbuf *b, struct str location, const struct post_form_object *object)
{
    sbuf_add(b, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>"));
    s3_error_escape(b, location);
    sbuf_add(b, STR("</Location><Bucket>"));
    s3_error_escape(b, object->bucket);
    sbuf_add(b, STR("</Bucket><Key>"));
    s3_error_escape(b, object->key);
    sbuf_add(b, STR("</Key><ETag>"));
    s3_error_escape(b, object->etag);
    sbuf_add(b, STR("</ETag></PostResponse>"));
}

/* "If the value is not set or if it is set to a value that is not valid, Amazon S3 returns an empty document with a 204
 * status code." */
static unsigned wanted_status(const struct post_form *f)
{
    const struct post_form_field *field = post_form_field(f, STR("success_action_status"));

    if (field && str_eq(field->value, STR("200"))) return 200;
    if (field && str_eq(field->value, STR("201"))) return 201;
    return 204;
}

unsigned post_form_answer(const struct post_form *f, const struct post_form_object *object, struct sbuf *location,
                          struct sbuf *body)
{
    struct str redirect = find_redirect(f);

    if (redirect.n) {
        put_redirect(location, redirect, object);
        return 303;
    }
    unsigned status = wanted_status(f);
    size_t start = location->n;
    put_object_url(location, object);
    if (status == 201) put_document(body, str_tail(sbuf_str(location), start), object);
    return status;
}
