/* SPDX-License-Identifier: Apache-2.0
 * thread.h: starting threads, and what they say of themselves to the kernel.
 */
#ifndef S3ONRAMP_BASE_THREAD_H
#define S3ONRAMP_BASE_THREAD_H

#include "base/attrib.h"

#include <pthread.h>

/* Starts @run(@arg) with all signals blocked: they belong to the control thread. 0, or an errno; the thread is to be
 * joined or detached. */
MUST_CHECK int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);
/* The calling thread has long work that nobody waits for by the millisecond: those that serve go before it. On Linux
 * each thread has a nice value of its own (setpriority(2), "C library/kernel differences"). */
void thread_steps_back(void);
/* Before thread_steps_back: keeps a thread beside the calling one, which does not step back. What is started by who
 * stepped back (threads, processes) would be as far back for good: that is left to the other one. To be given up with
 * thread_leave_front. */
void thread_keep_front(void);
void thread_leave_front(void);
/* Calls @run(@arg) on the thread that is kept, or on this one if there is none, and returns when it is done. */
void thread_in_front(void (*run)(void *arg), void *arg);
/* A step of long work is done. A thread that stepped back pauses for a moment after each fraction of a millisecond: a
 * nice value says who goes first, but on some kernels only when its time slice is over, which others wait for. For any
 * other thread it is nothing. Not under a lock. */
void thread_makes_way(void);

#endif
