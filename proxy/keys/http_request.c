/* SPDX-License-Identifier: Apache-2.0
 * http_request.c: one request as libcurl wants it, and what is refused before anything leaves. Control thread.
 * Sources: RFC 9110 5.5 (field values); curl_easy_setopt(3).
 */
#include "http_impl.h"

#include "base/release.h"
#include "base/secret.h"
#include "io/tls.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNECT_TO_MAX = 128 };

/* ---- URL ---- */

static enum err_code bad_url(struct err *err, const char *what)
{
    return err_set(err, ERR_CONFIG, 0, "the URL cannot be used: %s", what);
}

/* Into @out without brackets. False if it does not fit. */
static bool copy_host(const char *host, char out[HTTP_HOST])
{
    struct str h = str_from(host);

    if (str_starts(h, STR("[")) && str_ends(h, STR("]"))) h = str_make(h.p + 1, h.n - 2);
    return str_to_cstr(h, out, HTTP_HOST) && h.n > 0;
}

static enum err_code read_url(CURLU *u, const char *url, struct http_url *out, struct err *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER);
    enum err_code code = ERR_NONE;
    uint64_t number = 0;

    if (rc) return bad_url(err, rc == CURLUE_BAD_SCHEME ? "write http:// or https:// in front" : curl_url_strerror(rc));
    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(u, CURLUPART_HOST, &host, 0);
    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (!scheme || !host || !port) {
        code = err_set(err, ERR_NO_MEMORY, 0, "URL");
    } else {
        out->https = strcmp(scheme, "https") == 0;
        if (!out->https && strcmp(scheme, "http") != 0)
            code = bad_url(err, "write http:// or https:// in front");
        else if (!copy_host(host, out->host) || !str_to_u64(str_from(port), &number) || number == 0 || number > 65535)
            code = bad_url(err, "no usable host and port");
        out->port = (unsigned)number;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return code;
}

enum err_code http_url_parse(const char *url, struct http_url *out, struct err *err)
{
    CURLU *u = curl_url();

    *out = (struct http_url){.port = 0};
    if (!u) return err_set(err, ERR_NO_MEMORY, 0, "URL");
    enum err_code code = read_url(u, url, out, err);
    curl_url_cleanup(u);
    return code;
}

static void tell_place(const struct http_url *u, char out[HTTP_PLACE])
{
    bool v6 = strchr(u->host, ':') != NULL, usual = u->port == (u->https ? 443 : 80);
    char port[8] = "";

    if (!usual) snprintf(port, sizeof(port), ":%u", u->port % 65536);
    snprintf(out, HTTP_PLACE, "%s%.80s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "", port);
}

/* ---- headers ---- */

/* "Name: value", one line. libcurl would take a header out where its value is empty, and send CR and LF on. */
static bool header_valid(struct str h)
{
    size_t colon = str_index(h, ':');

    if (colon == SIZE_MAX || colon == 0 || str_trim(str_tail(h, colon + 1)).n == 0) return false;
    for (size_t i = 0; i < h.n; i++) {
        unsigned char c = (unsigned char)h.p[i];
        if (c == 0x7f || (c < 0x20 && c != '\t') || (i < colon && (c <= ' ' || c > '~'))) return false;
    }
    return true;
}

/* For messages: nothing of a value. */
static struct str header_name(struct str h)
{
    size_t n = 0;

    while (n < h.n && h.p[n] > ' ' && h.p[n] <= '~' && h.p[n] != ':')
        n++;
    return n < h.n && h.p[n] == ':' ? str_head(h, n) : STR("its name");
}

static bool append_header(struct http_call *c, struct str h)
{
    char *line = strndup(h.p, h.n);
    struct curl_slist *list = line ? curl_slist_append(c->headers, line) : NULL;

    secret_free(&line);
    if (!list) return false;
    c->headers = list;
    return true;
}

/* What libcurl would add by itself, unless the request has it: "Name:" takes it out. */
static bool append_unwanted(struct http_call *c, const struct http_request *r)
{
    static const struct str unwanted[] = {STR_INIT("Expect:"), STR_INIT("Accept:"), STR_INIT("Content-Type:")};

    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++) {
        bool given = false;

        for (size_t k = 0; k < r->headers_n; k++)
            given |= str_starts_nocase(r->headers[k], unwanted[i]);
        if (!given && !append_header(c, unwanted[i])) return false;
    }
    return true;
}

static enum err_code set_headers(struct http_call *c, const struct http_request *r, struct err *err)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (!header_valid(r->headers[i]))
            return err_set(err, ERR_CONFIG, 0, "%s: a header cannot be sent: %.*s is empty or holds control bytes",
                           c->place, STR_ARG(header_name(r->headers[i])));
    if (!append_unwanted(c, r)) return err_set(err, ERR_NO_MEMORY, 0, "HTTP request");
    for (size_t i = 0; i < r->headers_n; i++)
        if (!append_header(c, r->headers[i])) return err_set(err, ERR_NO_MEMORY, 0, "HTTP request");
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    return ERR_NONE;
}

/* ---- the rest ---- */

/* "::ADDRESS:PORT": wherever the URL points to. Certificates are checked against the URL's name all the same. */
static bool set_address(struct http_call *c, const struct http_request *r)
{
    char text[NETADDR_TEXT], entry[CONNECT_TO_MAX];

    if (!r->address) return true;
    netaddr_format(r->address, text);
    snprintf(entry, sizeof(entry), "::%s", text);
    c->connect_to = curl_slist_append(NULL, entry);
    return c->connect_to && curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to) == CURLE_OK;
}

static bool set_body(struct http_call *c, const struct http_request *r)
{
    bool put = strcmp(r->method, "PUT") == 0;

    if (!put && strcmp(r->method, "POST") != 0) {
        ASSERT(strcmp(r->method, "GET") == 0 && r->body.n == 0);
        return true;
    }
    c->request_n = r->body.n;
    c->request_body = malloc(r->body.n + 1);
    if (!c->request_body) return false;
    if (r->body.n) memcpy(c->request_body, r->body.p, r->body.n);
    c->request_body[r->body.n] = '\0';
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->request_body);
    return !put || curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, "PUT") == CURLE_OK;
}

/* RFC 9110 4.3.4: names are in the SAN. libcurl falls back to the CN. */
static CURLcode on_tls(CURL *easy UNUSED, void *ctx, void *arg UNUSED)
{
    tls_ctx_refuse_nameless(ctx);
    return CURLE_OK;
}

/* A CA file stands alone: libcurl would go on trusting the system's folder beside it. */
static bool set_tls(struct http_call *c, const struct http_request *r)
{
    curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (curl_easy_setopt(c->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) != CURLE_OK) return false;
    if (!r->ca_file) return true;
    curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
    return curl_easy_setopt(c->easy, CURLOPT_CAINFO, r->ca_file) == CURLE_OK;
}

static bool set_options(struct http_call *c, const struct http_request *r)
{
    ASSERT(r->timeout_ms > 0 && r->timeout_ms < INT32_MAX && r->connect_timeout_ms < INT32_MAX);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, r->allow_plain ? "http,https" : "https");
    if (!r->environment_proxy) curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_QUICK_EXIT, 1L); /* a name that DNS is slow about does not hold the thread */
    curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c->easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(r->connect_timeout_ms ? r->connect_timeout_ms : r->timeout_ms));
    return set_tls(c, r) && set_address(c, r) && set_body(c, r) &&
           curl_easy_setopt(c->easy, CURLOPT_USERAGENT, release_agent.p) == CURLE_OK &&
           curl_easy_setopt(c->easy, CURLOPT_URL, r->url) == CURLE_OK;
}

enum err_code http_request_set_up(struct http_call *c, const struct http_request *r, struct err *err)
{
    struct http_url url;

    TRY(http_url_parse(r->url, &url, err));
    tell_place(&url, c->place);
    if (!url.https && !r->allow_plain)
        return err_set(err, ERR_CONFIG, 0, "%s: http:// would show keys to everybody: write https://", c->place);
    TRY(set_headers(c, r, err));
    if (!set_options(c, r)) return err_set(err, ERR_NO_MEMORY, 0, "HTTP request to %s", c->place);
    return ERR_NONE;
}

/* The headers and what libcurl copied of them are wiped by libcurl's own free: see http_new. */
void http_request_clear(struct http_call *c)
{
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->connect_to);
    if (c->request_body) secret_wipe(c->request_body, c->request_n);
    free(c->request_body);
}
