/* SPDX-License-Identifier: Apache-2.0
 * progress.c: see progress.h.
 */
#include "flow/body/progress.h"

#include <string.h>

enum { SECOND_US = 1000000 };

void progress_begin(struct progress *p, int64_t now_us)
{
    memset(p, 0, sizeof(*p));
    p->looked_us = p->moved_us = now_us;
}

void progress_look(struct progress *p, enum party waited_for, int64_t now_us)
{
    int64_t passed = now_us - p->looked_us;

    p->looked_us = now_us;
    p->silent_us[waited_for] += passed < PROGRESS_LOOK_MAX_US ? passed : PROGRESS_LOOK_MAX_US;
}

void progress_count(struct progress *p, enum party party, uint64_t total, uint64_t rate)
{
    uint64_t bytes = total - p->seen[party], owed = (uint64_t)p->silent_us[party];

    if (!bytes) return;
    p->seen[party] = total;
    p->moved_us = p->looked_us;
    if (!rate || bytes >= owed / SECOND_US * rate + rate)
        p->silent_us[party] = 0;
    else
        p->silent_us[party] -= (int64_t)(bytes * SECOND_US / rate < owed ? bytes * SECOND_US / rate : owed);
}

void progress_restart(struct progress *p, enum party party, uint64_t total)
{
    p->silent_us[party] = 0;
    p->seen[party] = total;
}
