/* SPDX-License-Identifier: Apache-2.0
 * child.h: runs a program on the loop and takes what it prints. No shell; standard input is what it is given, else
 * /dev/null; standard error is read and thrown away, since it may hold secrets; the environment, but for named
 * variables, and the working directory are ours; signals are as a program expects them; no other descriptor is open in
 * it. It leads a process group of its own, which ends with it when its time is over, and so does what has left that
 * group: what is below it, and all that carry its mark, a variable of the environment. What ends well may leave others
 * behind (an agent). The loop's thread. Sources: posix_spawn(3), pidfd_open(2), proc_pid_environ(5).
 */
#ifndef S3ONRAMP_IO_CHILD_H
#define S3ONRAMP_IO_CHILD_H

#include "base/err.h"
#include "base/netaddr.h"
#include "io/loop.h"

enum { CHILD_INPUT_MAX = 4096, CHILD_OUTPUT_MAX = 64 * 1024, CHILD_TERM_MS = 1000 /* from SIGTERM to SIGKILL */ };

enum child_end {
    CHILD_EXITED,    /* .code */
    CHILD_SIGNALLED, /* .code: the signal */
    CHILD_TIMED_OUT, /* and was ended */
    CHILD_TOO_MUCH,  /* printed more than CHILD_OUTPUT_MAX and was killed */
};

struct child_result {
    enum child_end end;
    int code;
    struct str output; /* standard output; valid during the callback, wiped afterwards */
};

typedef void child_done_fn(void *arg, const struct child_result *result);

struct child;

/* Waits for processes of others that were left to us, as they are to the first process of a container; those that run
 * on a loop of ours, and @spared, are left alone. Now and then. Any thread. */
void child_reap_others(pid_t spared);

/* @without: variables of the environment that it does not get; NULL: none. @argv: the program, searched in PATH unless
 * it holds a '/', and its arguments; @input: what it reads from standard input, at most CHILD_INPUT_MAX bytes, which go
 * through a pipe; all borrowed until this returns. @done is called once, never from within: when the
 * program has ended, whatever it may have left behind. NULL: it could not begin, @err (with .sys_errno) says why; @done
 * is not called. */
MUST_CHECK struct child *child_start(struct loop *loop, char *const argv[], const struct str_list *without,
                                     struct str input, uint64_t timeout_ms, child_done_fn *done, void *arg,
                                     struct err *err);
#define CHILD_MARK_NAME "S3ONRAMP_HELPER"
enum { CHILD_MARK = 64 };
/* "NAME=VALUE", for the environment of another process of this program: what that begins carries it, too. */
void child_make_mark(char out[CHILD_MARK]);
/* Kills all that carry @mark in the environment that they were started with, but for us. Any thread. */
void child_kill_marked(const char *mark);
/* Kills the group; @done is not called any more. Nulls *@c; NULL is fine. Not from within @done. */
void child_cancel(struct child **c);

#endif
