/* SPDX-License-Identifier: Apache-2.0
 * explain_guess.c: the usual mistakes of clients, and of what stands between them and the proxy, in method, path and
 * query, as other texts of these lines. Their other halves are in explain_guess_values.c. One thread. Texts live in the
 * arena given.
 * Source: S3 API Reference, "Signature Calculations for the Authorization Header" (UriEncode, CanonicalQueryString),
 * and the ways in which SDKs of other services, URL libraries and balancers part from it.
 */
#include "explain.h"

#include "base/secret.h"

enum { LINE_METHOD, LINE_PATH, LINE_QUERY };

void guess_add(struct guesses *g, size_t line, struct str text, const char *sentence, const char *name)
{
    if (g->n == GUESSES_MOST || !text.p || str_eq(text, g->base->v[line])) return;
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].kind == GUESS_LINE && g->v[i].line == line && str_eq(g->v[i].text, text)) return;
    g->v[g->n++] = (struct guess){GUESS_LINE, line, text, sentence, name};
}

void guess_add_kind(struct guesses *g, enum guess_kind kind, struct str text, const char *sentence, const char *name)
{
    if (g->n == GUESSES_MOST || !text.p) return;
    g->v[g->n++] = (struct guess){kind, 0, text, sentence, name};
}

/* --- spelling: the same characters, written in another way --- */

static struct str replaced(struct arena *arena, struct str s, struct str from, struct str to)
{
    struct sbuf b = arena_sbuf(arena, s.n * (to.n > from.n ? to.n : from.n) + 1);
    bool any = false;

    while (s.n) {
        bool here = str_starts(s, from);

        any |= here;
        sbuf_add(&b, here ? to : str_head(s, 1));
        s = str_tail(s, here ? from.n : 1);
    }
    return any && !b.overflow ? sbuf_str(&b) : STR_NONE;
}

/* encodeURIComponent and the like leave these as they are. */
static struct str with_marks(struct arena *arena, struct str s)
{
    static const struct {
        struct str from, to;
    } marks[] = {{STR_INIT("%21"), STR_INIT("!")},
                 {STR_INIT("%27"), STR_INIT("'")},
                 {STR_INIT("%28"), STR_INIT("(")},
                 {STR_INIT("%29"), STR_INIT(")")},
                 {STR_INIT("%2A"), STR_INIT("*")}};
    struct str out = STR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        struct str next = replaced(arena, out.p ? out : s, marks[i].from, marks[i].to);

        if (next.p) out = next;
    }
    return out;
}

static struct str with_lower_escapes(struct arena *arena, struct str s)
{
    struct sbuf b = arena_sbuf(arena, s.n + 1);

    for (size_t i = 0; i < s.n; i++) {
        bool digit = (i >= 1 && s.p[i - 1] == '%') || (i >= 2 && s.p[i - 2] == '%');

        sbuf_char(&b, digit ? ascii_lower(s.p[i]) : s.p[i]);
    }
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static void guess_spellings(struct guesses *g, size_t line)
{
    static const struct {
        struct str from, to;
        const char *sentence;
    } spellings[] = {
        {STR_INIT("%"), STR_INIT("%25"),
         "The client encoded it twice, as other AWS services want it. S3 wants it encoded once."},
        {STR_INIT("%20"), STR_INIT("+"), "The client signed '+' for a blank. It must sign %20."},
        {STR_INIT("%2B"), STR_INIT("%20"), "The client means a blank with the '+' that it sends. It must send %20."},
        {STR_INIT("%2B"), STR_INIT("+"), "The client did not encode '+' in what it signed. It must sign %2B."},
        {STR_INIT("%20"), STR_INIT(" "), "The client did not encode blanks in what it signed. It must sign %20."},
        {STR_INIT("%7E"), STR_INIT("~"), "The client did not encode as AWS does."},
        {STR_INIT("~"), STR_INIT("%7E"), "The client encoded '~', which stays as it is."},
        {STR_INIT("%3A"), STR_INIT(":"), "The client did not encode ':' in what it signed. It must sign %3A."},
        {STR_INIT("%40"), STR_INIT("@"), "The client did not encode '@' in what it signed. It must sign %40."},
        {STR_INIT("%3D"), STR_INIT("="), "The client did not encode '=' in what it signed. It must sign %3D."},
        {STR_INIT("%2C"), STR_INIT(","), "The client did not encode ',' in what it signed. It must sign %2C."},
        {STR_INIT("%2F"), STR_INIT("/"), "The client did not encode '/' in the query. There it must sign %2F."},
    };
    struct str base = g->base->v[line];

    for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
        guess_add(g, line, replaced(g->arena, base, spellings[i].from, spellings[i].to), spellings[i].sentence, NULL);
    guess_add(g, line, with_marks(g->arena, base),
              "The client left one of !'()* as it is (encodeURIComponent does). All but letters, digits and -._~ is "
              "encoded.",
              NULL);
    guess_add(g, line, with_lower_escapes(g->arena, base), "The client signed %xx in lower case. It must be %XX.",
              NULL);
}

/* --- path --- */

/* Without "//", "." and "..": RFC 3986 5.2.4, and what balancers do. */
static struct str normalised(struct arena *arena, struct str path)
{
    struct sbuf b = arena_sbuf(arena, path.n + 1);
    struct str rest = str_tail(path, 1), segment;

    sbuf_char(&b, '/');
    while (str_split(&rest, '/', &segment)) {
        bool last = !rest.n && path.p[path.n - 1] != '/';

        if (!segment.n || str_eq(segment, STR("."))) continue;
        if (str_eq(segment, STR(".."))) {
            if (b.n > 1) b.n--;
            while (b.n > 1 && b.p[b.n - 1] != '/')
                b.n--;
            continue;
        }
        sbuf_add(&b, segment);
        if (!last) sbuf_char(&b, '/');
    }
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static struct str encoded(struct arena *arena, struct str s, bool keep_slash)
{
    struct sbuf b = arena_sbuf(arena, 3 * s.n + 1);

    uri_encode(&b, s, keep_slash);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static struct str joined(struct arena *arena, struct str a, struct str b, struct str c)
{
    struct sbuf out = arena_sbuf(arena, a.n + b.n + c.n + 1);

    sbuf_add(&out, a);
    sbuf_add(&out, b);
    sbuf_add(&out, c);
    return out.overflow ? STR_NONE : sbuf_str(&out);
}

/* The bucket is in the path of one style and in the host of the other. */
static void guess_style(struct guesses *g, const struct request *req)
{
    struct str path = g->base->v[LINE_PATH], bucket = encoded(g->arena, req->in.bucket, false);

    if (!req->in.bucket.n) return;
    if (req->in.host_style)
        guess_add(g, LINE_PATH, joined(g->arena, STR("/"), bucket, path),
                  "The client signed the path with the bucket in it, and sent the bucket in the host name.", NULL);
    else
        guess_add(g, LINE_PATH, path.n > bucket.n + 1 ? str_tail(path, bucket.n + 1) : STR("/"),
                  "The client signed the path without the bucket: something between put it there.", NULL);
}

static void guess_path(struct guesses *g, const struct request *req)
{
    struct arena *arena = g->arena;
    struct str path = g->base->v[LINE_PATH], straight = normalised(arena, req->in.path);
    struct sbuf again = arena_sbuf(arena, req->in.path.n + 1);

    guess_spellings(g, LINE_PATH);
    if (again.cap && uri_decode(req->in.path, false, again.p, &again.n) && again.n < req->in.path.n)
        guess_add(g, LINE_PATH, encoded(arena, sbuf_str(&again), true),
                  "The client sent the path encoded once more than it signed it.", NULL);
    guess_add(g, LINE_PATH, req->in.uri.path, "The client signed the path as it sent it, not in AWS's encoding.", NULL);
    guess_add(g, LINE_PATH, req->in.path, "The client signed the path without encoding it.", NULL);
    guess_add(g, LINE_PATH, encoded(arena, straight, true),
              "The path was normalised (//, ., ..) by the client before signing. S3 signs it as it is.", NULL);
    guess_add(g, LINE_PATH, encoded(arena, encoded(arena, straight, true), true),
              "The client normalised the path and encoded it twice, as other AWS services want it.", NULL);
    guess_add(g, LINE_PATH, joined(arena, STR("/"), encoded(arena, str_tail(req->in.path, 1), false), STR_NONE),
              "The client encoded the slashes of the key in what it signed. They stay.", NULL);
    guess_add(g, LINE_PATH, joined(arena, path, STR("/"), STR_NONE),
              "The client signed the path with a slash at its end, which something between took away.", NULL);
    if (path.n > 1 && path.p[path.n - 1] == '/')
        guess_add(g, LINE_PATH, str_head(path, path.n - 1),
                  "The client signed the path without the slash at its end, which something between added.", NULL);
    guess_add(g, LINE_PATH, STR("/"), "The client signed \"/\" for the path.", NULL);
    guess_style(g, req);
}

/* --- query --- */

/* The signature itself is not in the canonical query. */
static bool is_signature(const struct query_param *p)
{
    return uri_decodes_to(p->name, STR("X-Amz-Signature"));
}

static void put_param(struct sbuf *b, const struct query_param *p, bool as_sent)
{
    if (b->n) sbuf_char(b, '&');
    sbuf_add(b, p->name);
    if (p->has_value || !as_sent) sbuf_char(b, '=');
    sbuf_add(b, p->value);
}

/* In the order in which they came. */
static struct str query_as_sent(struct arena *arena, const struct request *req, bool exactly)
{
    struct sbuf b = arena_sbuf(arena, req->in.uri.query.n + req->in.query_n + 1);

    for (size_t i = 0; i < req->in.query_n; i++)
        if (!is_signature(&req->in.query[i])) put_param(&b, &req->in.query[i], exactly);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* The canonical query without its @skip-th parameter, or with "name" for "name=". */
static struct str query_changed(struct arena *arena, struct str query, size_t skip, bool bare, char *name,
                                size_t name_n)
{
    struct sbuf b = arena_sbuf(arena, query.n + 1);
    struct str rest = query, item;

    for (size_t i = 0; str_split(&rest, '&', &item); i++) {
        if (i == skip) {
            (void)str_to_cstr(str_head(item, str_index(item, '=')), name, name_n);
            continue;
        }
        if (bare && item.p[item.n - 1] == '=') item.n--;
        if (b.n) sbuf_char(&b, '&');
        sbuf_add(&b, item);
    }
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static void guess_query(struct guesses *g, const struct request *req)
{
    struct str query = g->base->v[LINE_QUERY];

    if (!query.n) {
        guess_add(g, LINE_QUERY, STR("="), "The client signed \"=\" for no query.", NULL);
        return;
    }
    guess_spellings(g, LINE_QUERY);
    if (str_index(req->in.uri.query, '+') != SIZE_MAX)
        guess_add(g, LINE_QUERY, replaced(g->arena, query, STR("%20"), STR("%2B")),
                  "The client means a plus with the '+' in its query; that alone is fine.", NULL);
    guess_add(g, LINE_QUERY, query_changed(g->arena, query, SIZE_MAX, true, NULL, 0),
              "The client signed a parameter without value as \"name\". It must sign \"name=\".", NULL);
    guess_add(g, LINE_QUERY, query_as_sent(g->arena, req, false),
              "The client signed the parameters in another order. They are sorted by their encoded names.", NULL);
    guess_add(g, LINE_QUERY, query_as_sent(g->arena, req, true),
              "The client signed the query as it sent it. Parameters are encoded and sorted first.", NULL);
    guess_add(g, LINE_QUERY, req->in.uri.query, "The client signed the query as it is sent, the signature included.",
              NULL);
    guess_add(g, LINE_QUERY, STR(""), "The client signed the request without its query.", NULL);
    for (size_t i = 0; i < req->in.query_n; i++) {
        char *name = arena_alloc(g->arena, 128);

        if (!name) return;
        *name = '\0';
        guess_add(g, LINE_QUERY, query_changed(g->arena, query, i, false, name, 128),
                  "A parameter was added after signing, by the client or by something between.", name);
    }
}

/* --- method --- */

static void guess_method(struct guesses *g)
{
    static const struct str methods[] = {STR_INIT("GET"), STR_INIT("PUT"), STR_INIT("HEAD"), STR_INIT("POST"),
                                         STR_INIT("DELETE")};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        guess_add(g, LINE_METHOD, methods[i], "The request was signed for another method than it was sent with.", NULL);
}

void guesses_fill(struct guesses *g, const struct request *req, const struct proof *proof, const struct lines *base,
                  struct str body, struct arena *arena)
{
    bool v4 = proof->kind == AUTH_SIGV4_HEADER || proof->kind == AUTH_SIGV4_QUERY;
    size_t headers_end;

    *g = (struct guesses){.arena = arena, .base = base};
    guess_keys(g, req, proof);
    guess_method(g);
    if (v4 && lines_are_canonical(base, &headers_end)) {
        guess_path(g, req);
        guess_query(g, req);
        guess_headers(g, req, headers_end);
        guess_payload(g, req, body);
    } else if (!v4) {
        guess_headers(g, req, SIZE_MAX);
    }
}

void guesses_clear(struct guesses *g)
{
    for (size_t i = 0; i < g->secrets_n; i++)
        secret_free(&g->secrets[i]);
    g->secrets_n = 0;
}
