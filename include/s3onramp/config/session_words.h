/* SPDX-License-Identifier: Apache-2.0
 * session_words.h: the words in braces that stand for something of a client in session names, source identities and
 * session tags: {client}, {group} (the first of its groups) and {tag.KEY} (as principal_tag). Pure; any thread.
 */
#ifndef S3ONRAMP_CONFIG_SESSION_WORDS_H
#define S3ONRAMP_CONFIG_SESSION_WORDS_H

#include "config/config.h"

#define SESSION_WORDS "{client}, {group} and {tag.KEY}"

/* Takes what stands before the next word from *@rest into *@before and the word, without braces, into *@word; empty:
 * there is none, and @before is all. False when *@rest is used up. Other braces are part of the text. */
bool session_words_next(struct str *rest, struct str *before, struct str *word);
bool session_words_any(const char *text); /* NULL: no */
/* What @word stands for; empty: the client has none. @name: the client's, or NULL. @client: what is known of it, or
 * NULL. */
struct str session_words_value(struct str word, const char *name, const struct principal_conf *client);
/* @text with each word's value in its place; with @keep_client "{client}" stays. False: *@missing has no value. */
MUST_CHECK bool session_words_fill(struct str text, const char *name, const struct principal_conf *client,
                                   bool keep_client, struct sbuf *out, struct str *missing);
/* Has each word of what @set and those that it signs with ask for the same value for both? */
bool session_words_same(const struct credentials_conf *set, const struct principal_conf *a,
                        const struct principal_conf *b);

#endif
