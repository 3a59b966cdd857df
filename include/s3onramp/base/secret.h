/* SPDX-License-Identifier: Apache-2.0
 * secret.h: memory that holds keys: wiped, compared in constant time, kept out of core files. Any thread.
 */
#ifndef S3ONRAMP_BASE_SECRET_H
#define S3ONRAMP_BASE_SECRET_H

#include "base/err.h"
#include "base/str.h"

#include <sys/stat.h>

enum { SECRET_FILE_MAX = 16384, SECRET_FAULT = 512 };

/* The user that conf/systemd/s3onramp.service runs the proxy as. */
#define SECRET_PROXY_USER "s3onramp"

/* Not removed by the optimiser. */
void secret_wipe(void *p, size_t n);
/* True if equal; time depends on the lengths only. */
bool secret_equal(struct str a, struct str b);
/* Wipes and frees a NUL-terminated heap string and nulls the pointer; NULL is fine. */
void secret_free(char **s);
/* free(3) and realloc(3) that wipe every block they give up, whole: for libraries that keep secrets in memory of their
 * own and take such functions. */
void secret_block_free(void *p);
void *secret_block_realloc(void *p, size_t n);
/* True if a file that the proxy obeys is not safe, with the reason and the next step in @out: everybody may write it,
 * or its owner is neither root nor the user of this process (for root: nor the proxy's). @secret: also if others may
 * read it, or its group may write it; its group may read it, so that root's file can be the proxy's secret (0640,
 * 0440). The one place that judges this. */
bool secret_file_fault(const struct stat *st, const char *path, bool secret, char *out, size_t cap);
/* @fd: a file with secrets that was just made (0600), for @path. What root makes in a folder whose group is that of the
 * proxy's user may be read by that group (0640): `client add` and `ca init` as root, for a service with a user of its
 * own. False: errno. */
MUST_CHECK bool secret_share(int fd, const char *path);
/* The text of the file @path without one line end at its end: *@out, heap, for secret_free. @ours: it is refused if
 * secret_file_fault finds something. ERR_FILE
 * (not there, not ours, not a regular file, empty, longer than SECRET_FILE_MAX, with a NUL byte; errno is told in
 * the text) or ERR_NO_MEMORY; the text never holds what was read. */
MUST_CHECK enum err_code secret_read_file(const char *path, bool ours, char **out, struct err *err);
/* The same judgement of a file that is there, without reading it. */
MUST_CHECK enum err_code secret_check_file(const char *path, struct err *err);
/* Fills @p with @n bytes from the kernel's CSPRNG (getrandom(2)); aborts if there is none. */
void secret_random(void *p, size_t n);
/* PR_SET_DUMPABLE 0 and RLIMIT_CORE 0: no core file, no ptrace by others. */
void secret_no_core_dumps(void);

#endif
