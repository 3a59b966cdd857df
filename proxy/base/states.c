/* SPDX-License-Identifier: Apache-2.0
 * states.c: see states.h.
 */
#include "base/states.h"

#include "base/log.h"

void states_bug(const struct states *s, unsigned from, unsigned to)
{
    LOG(LOG_ERROR, "%s: %s cannot follow %s", s->machine, s->names[to], s->names[from]);
    bug_at(__FILE__, __LINE__, "a move that its table does not allow");
}
