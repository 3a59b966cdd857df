/* SPDX-License-Identifier: Apache-2.0
 * file_watch.h: whether files that were read have changed since: looked at every two seconds (stat(2), which sees
 * renamed and re-mounted files and links that point elsewhere, and works on every file system). One thread.
 */
#ifndef S3ONRAMP_KEYS_FILE_WATCH_H
#define S3ONRAMP_KEYS_FILE_WATCH_H

#include "base/attrib.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { FILE_WATCH_MAX = 8, FILE_WATCH_MS = 2000 };

struct file_stamp {
    char *path; /* owned */
    bool exists;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

struct file_watch {
    struct file_stamp v[FILE_WATCH_MAX];
    size_t n;
    bool unsure; /* one may have changed while it was read */
    int64_t next_us;
};

/* @paths (copied) were read between @started_us and now. A file that was written to in the second before that counts
 * as changed once more: its time may not tell the difference. */
void file_watch_set(struct file_watch *w, char *const *paths, size_t n, int64_t started_us);
/* True once per change; looks at most every FILE_WATCH_MS. */
bool file_watch_changed(struct file_watch *w, int64_t now_us);
void file_watch_clear(struct file_watch *w);

#endif
