/* SPDX-License-Identifier: Apache-2.0
 * screen.h: a terminal that is drawn again and again, and is as it was afterwards, however that ends: by a key, by a
 * signal, or while it is stopped (^Z). One at a time; main thread.
 */
#ifndef S3ONRAMP_CLI_SCREEN_H
#define S3ONRAMP_CLI_SCREEN_H

#include "base/str.h"

enum screen_event {
    SCREEN_TIME,   /* nothing happened */
    SCREEN_DRAW,   /* the size is another one, or the program goes on after ^Z */
    SCREEN_KEY_Q,  /* as is the end of input */
    SCREEN_SIGNAL, /* the program is to end */
};

/* Takes the terminal of standard input and output. False: they are none. */
MUST_CHECK bool screen_open(void);
/* Gives it back. */
void screen_close(void);
/* Puts @text there, from the upper left corner on: lines that are too long, and those that are too many, are cut.
 * Colours (ESC [ … m) take no room. */
void screen_draw(struct str text);
/* Until something happens, at most @ms. */
enum screen_event screen_wait(int ms);

#endif
