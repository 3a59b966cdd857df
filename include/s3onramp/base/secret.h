/* SPDX-License-Identifier: Apache-2.0
 * secret.h: memory that holds keys: wiped, compared in constant time, kept out of core files. Any thread.
 */
#ifndef S3ONRAMP_BASE_SECRET_H
#define S3ONRAMP_BASE_SECRET_H

#include "base/str.h"

/* Not removed by the optimiser. */
void secret_wipe(void *p, size_t n);
/* True if equal; time depends on the lengths only. */
bool secret_equal(struct str a, struct str b);
/* Wipes and frees a NUL-terminated heap string and nulls the pointer; NULL is fine. */
void secret_free(char **s);
/* Fills @p with @n bytes from the kernel's CSPRNG (getrandom(2)); aborts if there is none. */
void secret_random(void *p, size_t n);
/* PR_SET_DUMPABLE 0 and RLIMIT_CORE 0: no core file, no ptrace by others. */
void secret_no_core_dumps(void);

#endif
