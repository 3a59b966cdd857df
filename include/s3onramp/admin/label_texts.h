/* SPDX-License-Identifier: Apache-2.0
 * label_texts.h: the labels of rows as text, by number, so that it is made once for all families of a group. One
 * thread.
 */
#ifndef S3ONRAMP_ADMIN_LABEL_TEXTS_H
#define S3ONRAMP_ADMIN_LABEL_TEXTS_H

#include "base/str.h"

struct label_text {
    size_t at;
    size_t n; /* 0: none is kept */
};

/* Zeroed at first. */
struct label_texts {
    struct label_text *v; /* owned: by number */
    size_t v_n;
    char *text; /* owned */
    size_t text_n, text_cap;
};

/* Of number @id, borrowed until the next call of label_texts_keep; empty: none is kept. */
struct str label_texts_find(const struct label_texts *t, uint32_t id);
/* @text is copied. Where there is no memory it is not kept. */
void label_texts_keep(struct label_texts *t, uint32_t id, struct str text);
/* None is kept any more; the memory stays for others. */
void label_texts_forget(struct label_texts *t);
void label_texts_clear(struct label_texts *t);

#endif
