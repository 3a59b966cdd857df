/* SPDX-License-Identifier: Apache-2.0
 * clock.h: the two clocks. Any thread. Pure layers take time as a parameter instead.
 */
#ifndef S3ONRAMP_BASE_CLOCK_H
#define S3ONRAMP_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void);      /* Unix time, microseconds, UTC: for dates, signatures, logs */
int64_t clock_monotonic_us(void); /* for durations and deadlines only */

#endif
