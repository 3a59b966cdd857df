/* SPDX-License-Identifier: Apache-2.0
 * config_line.h: what a line of a configuration is. The one grammar of those who read settings (config_read.c) and of
 * those who edit the clients file (directory.c). Internal to proxy/config; pure; any thread; borrows the text.
 */
#ifndef S3ONRAMP_CONFIG_CONFIG_LINE_H
#define S3ONRAMP_CONFIG_CONFIG_LINE_H

#include "base/str.h"

enum line_kind {
    LINE_EMPTY,        /* blank, or a comment */
    LINE_HEADER,       /* [WORD] or [WORD NAME], or what was meant as one */
    LINE_ENTRY,        /* KEY = VALUE, or what was meant as one */
    LINE_CONTINUATION, /* begins with a blank and goes on with the value of the entry before it */
};

/* Between lines; zero before the first. */
struct line_state {
    bool begun;    /* the first line, which may begin with a byte order mark, is behind */
    bool key_seen; /* since the last header: there is a value to go on with */
    bool comma;    /* the last line that says anything ends in one */
};

/* @line: with or without its end. *@text: what it says, without blanks, marks and ends around it. */
enum line_kind config_line(struct line_state *s, struct str line, struct str *text);
/* Takes a header's text apart; *@name is empty if there is none. False: it is not closed, or more stands behind. */
bool config_line_header(struct str text, struct str *word, struct str *name);
/* The key of an entry's text; empty: it has none. */
struct str config_line_key(struct str text);
/* What may stand in names of sections that are no clients, and in keys. */
bool config_line_is_name_char(char c);

#endif
