/* SPDX-License-Identifier: Apache-2.0
 * sandbox.h: what the process, and each of its threads, gives up for good. See sandbox.c for what that keeps from whom.
 */
#ifndef S3ONRAMP_IO_SANDBOX_H
#define S3ONRAMP_IO_SANDBOX_H

#include "base/err.h"
#include "base/str.h"

enum sandbox_role {
    SANDBOX_SERVES, /* works on memory and TCP connections: starts nothing, opens nothing, listens on nothing */
    SANDBOX_WRITES, /* works on files and Unix sockets: starts nothing, speaks to no network */
};
enum { SANDBOX_ROLES = 2, SANDBOX_TEXT = 256 };

struct sandbox_state {
    bool on;                    /* wanted; all below is false otherwise */
    bool capabilities;          /* dropped */
    bool calls;                 /* system calls are filtered */
    unsigned landlock;          /* its ABI; 0: this kernel has none */
    bool threads;               /* no thread failed to take its part */
    char why_not[SANDBOX_TEXT]; /* what is missing, and why; empty: nothing */
};

/* The main thread, before it starts others, which then have what it gave up, and so has every program that is started.
 * What the kernel does not know is left out and told. @on false: nothing, but says so if an earlier process of an
 * upgrade gave up what cannot be had back. */
void sandbox_begin(bool on);
/* First thing of a thread. Nothing while sandbox_begin was not called, or with false. */
void sandbox_enter(enum sandbox_role role);
/* The process that has the CA's key (io/signer.h), which has one thread, before it answers: it keeps what it has open
 * and memory, and nothing else. Nothing with @on false. */
void sandbox_signs(bool on);
/* Any thread. */
struct sandbox_state sandbox_state(void);
/* "on: system calls filtered, …" in one line. */
void sandbox_text(const struct sandbox_state *s, struct sbuf *out);

#endif
