/* SPDX-License-Identifier: Apache-2.0
 * thread.h: what a thread says of itself to the kernel.
 */
#ifndef S3ONRAMP_BASE_THREAD_H
#define S3ONRAMP_BASE_THREAD_H

/* The calling thread has long work that nobody waits for by the millisecond: those that serve go before it. On Linux
 * each thread has a nice value of its own (setpriority(2), "C library/kernel differences"). */
void thread_steps_back(void);

#endif
