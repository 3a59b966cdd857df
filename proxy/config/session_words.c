/* SPDX-License-Identifier: Apache-2.0
 * session_words.c: see config/session_words.h.
 */
#include "config/session_words.h"

static const struct str tag_word = STR_INIT("tag.");

static bool is_word(struct str s)
{
    return str_eq(s, STR("client")) || str_eq(s, STR("group")) || (str_starts(s, tag_word) && s.n > tag_word.n);
}

/* Where the word that @s begins with ends; SIZE_MAX: it begins with none. */
static size_t word_end(struct str s)
{
    size_t close = str_index(s, '}');

    if (s.n == 0 || s.p[0] != '{' || close == SIZE_MAX) return SIZE_MAX;
    return is_word(str_make(s.p + 1, close - 1)) ? close : SIZE_MAX;
}

bool session_words_next(struct str *rest, struct str *before, struct str *word)
{
    struct str s = *rest;
    size_t at = 0, end = SIZE_MAX;

    *word = STR_NONE;
    if (s.n == 0) return false;
    while (at < s.n && (end = word_end(str_tail(s, at))) == SIZE_MAX)
        at++;
    *before = str_head(s, at);
    if (at < s.n) *word = str_make(s.p + at + 1, end - 1);
    *rest = at < s.n ? str_tail(s, at + end + 1) : STR_NONE;
    return true;
}

bool session_words_any(const char *text)
{
    struct str rest = str_from(text), before, word;

    while (session_words_next(&rest, &before, &word))
        if (word.n) return true;
    return false;
}

struct str session_words_value(struct str word, const char *name, const struct principal_conf *client)
{
    if (str_eq(word, STR("client"))) return str_from(name);
    if (!client) return STR_NONE;
    if (str_starts(word, tag_word)) return principal_tag(client, str_tail(word, tag_word.n));
    return client->terms->groups.n ? str_from(client->terms->groups.v[0]->name) : STR_NONE;
}

bool session_words_fill(struct str text, const char *name, const struct principal_conf *client, bool keep_client,
                        struct sbuf *out, struct str *missing)
{
    struct str before, word;

    while (session_words_next(&text, &before, &word)) {
        sbuf_add(out, before);
        if (word.n == 0) continue;
        struct str value = session_words_value(word, name, client);
        if (keep_client && str_eq(word, STR("client"))) value = STR("{client}");
        *missing = word;
        if (value.n == 0) return false;
        sbuf_add(out, value);
    }
    return true;
}

static bool is_same_in(const char *text, const struct principal_conf *a, const struct principal_conf *b)
{
    struct str rest = str_from(text), before, word;

    while (session_words_next(&rest, &before, &word))
        if (!str_eq(session_words_value(word, a->name, a), session_words_value(word, b->name, b))) return false;
    return true;
}

bool session_words_same(const struct credentials_conf *set, const struct principal_conf *a,
                        const struct principal_conf *b)
{
    bool same = true;

    for (; set; set = set->source_credentials) {
        same &= is_same_in(set->session_name, a, b) && is_same_in(set->source_identity, a, b);
        for (size_t i = 0; i < set->tags.n; i++)
            same &= is_same_in(set->tags.v[i], a, b);
    }
    return same;
}
