/* SPDX-License-Identifier: Apache-2.0
 * label_texts.c: see label_texts.h.
 */
#include "admin/label_texts.h"

#include <stdlib.h>

enum { LEAST = 64, LEAST_TEXT = 4096 };

static bool grow_v(struct label_texts *t, uint32_t id)
{
    size_t n = t->v_n ? t->v_n : LEAST;
    struct label_text *v;

    while (n <= id)
        n *= 2;
    if (n == t->v_n) return true;
    v = realloc(t->v, n * sizeof(*v));
    if (!v) return false;
    memset(v + t->v_n, 0, (n - t->v_n) * sizeof(*v));
    t->v = v;
    t->v_n = n;
    return true;
}

static bool grow_text(struct label_texts *t, size_t more)
{
    size_t cap = t->text_cap ? t->text_cap : LEAST_TEXT;
    char *text;

    while (cap - t->text_n < more)
        cap *= 2;
    if (cap == t->text_cap) return true;
    text = realloc(t->text, cap);
    if (!text) return false;
    t->text = text;
    t->text_cap = cap;
    return true;
}

struct str label_texts_find(const struct label_texts *t, uint32_t id)
{
    return id < t->v_n && t->v[id].n ? str_make(t->text + t->v[id].at, t->v[id].n) : STR_NONE;
}

void label_texts_keep(struct label_texts *t, uint32_t id, struct str text)
{
    if (!text.n || !grow_v(t, id) || !grow_text(t, text.n)) return;
    memcpy(t->text + t->text_n, text.p, text.n);
    t->v[id] = (struct label_text){t->text_n, text.n};
    t->text_n += text.n;
}

void label_texts_forget(struct label_texts *t)
{
    if (t->v_n) memset(t->v, 0, t->v_n * sizeof(*t->v));
    t->text_n = 0;
}

void label_texts_clear(struct label_texts *t)
{
    free(t->v);
    free(t->text);
    *t = (struct label_texts){0};
}
