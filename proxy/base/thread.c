/* SPDX-License-Identifier: Apache-2.0
 * thread.c: see thread.h.
 */
#include "base/thread.h"

#include <sys/resource.h>

enum { BACK = 10 }; /* a tenth of a processor that all want */

void thread_steps_back(void)
{
    setpriority(PRIO_PROCESS, 0, BACK); /* a thread may always lower its own; if not, it is only in the way a little */
}
