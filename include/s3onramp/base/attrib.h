/* SPDX-License-Identifier: Apache-2.0
 * attrib.h: what the compiler can check of a contract, and asserts that stay in release builds.
 */
#ifndef S3ONRAMP_BASE_ATTRIB_H
#define S3ONRAMP_BASE_ATTRIB_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))

/* A bug, never a bad input: prints the place and aborts, in every build. */
NORETURN void bug_at(const char *file, int line, const char *what);
#define ASSERT(cond) ((cond) ? (void)0 : bug_at(__FILE__, __LINE__, #cond))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
