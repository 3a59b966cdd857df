/* SPDX-License-Identifier: Apache-2.0
 * clock.c: the two clocks. Any thread. Owns nothing.
 */
#include "base/clock.h"

#include <time.h>

static int64_t now_us(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}
int64_t clock_monotonic_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}
