/* SPDX-License-Identifier: Apache-2.0
 * directory.h: the file of those who may come, and its one editor: it changes one section and keeps the rest, comments,
 * order and line ends too, byte by byte. What a line is, it and the reader of settings know from one place
 * (config_line.h). One thread.
 */
#ifndef S3ONRAMP_CONFIG_DIRECTORY_H
#define S3ONRAMP_CONFIG_DIRECTORY_H

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"

#include <sys/types.h>

struct directory {
    char *path;  /* owned; symbolic links resolved; NULL: it is no file */
    char *text;  /* owned; NUL-terminated; holds secrets, wiped */
    size_t n;    /* bytes of it */
    int dir_fd;  /* owned; the folder; -1: none */
    int lock_fd; /* owned; FILE.lock, locked; -1: none */
    bool is_new; /* there was no file */
    uid_t uid;   /* of the file, unless it is new */
    gid_t gid;
    mode_t mode;
};

/* Locks @path against other processes that change it (waits a few seconds for them; the detail names who holds it) and
 * reads the file; a missing one is an empty one. ERR_FILE. */
MUST_CHECK enum err_code directory_open(struct directory *d, const char *path, struct err *err);
/* The same of a text that is nowhere. ERR_NO_MEMORY. */
MUST_CHECK enum err_code directory_of_text(struct directory *d, struct str text, struct err *err);
/* Writes it anew: temporary file, fsync, rename; owner and mode stay, a new file has 0600. ERR_FILE: the old file is
 * still there. */
MUST_CHECK enum err_code directory_save(struct directory *d, struct err *err);
/* Wipes, unlocks, frees. */
void directory_close(struct directory *d);

/* KEY = VALUE, one line; borrowed. */
struct directory_line {
    struct str key, value;
};

/* A section [client NAME] that is to be; borrowed. */
struct directory_section {
    struct str name;
    const struct directory_line *lines;
    size_t lines_n;
};

/* Is there a section [client NAME]? */
bool directory_has(const struct directory *d, struct str name);
/* Has it that key? */
bool directory_has_key(const struct directory *d, struct str name, struct str key);
/* From now on [client NAME] says KEY = VALUE: in the place of what it said, else below its other keys. Without the
 * section it is added at the end. @value: one line. ERR_NO_MEMORY. */
MUST_CHECK enum err_code directory_set(struct directory *d, struct str name, struct str key, struct str value,
                                       struct err *err);
/* Adds sections that are not there yet at the end, however many in one pass. ERR_NO_MEMORY. */
MUST_CHECK enum err_code directory_add(struct directory *d, const struct directory_section *v, size_t n,
                                       struct err *err);
/* All names of sections [client NAME] into @names, as keys that lie in the text: they hold until it is changed. False:
 * no memory. */
MUST_CHECK bool directory_names(const struct directory *d, struct map *names);
/* Takes the key out of [client NAME], if it is there, with all lines of its value. */
void directory_unset(struct directory *d, struct str name, struct str key);
/* What @from says, in whatever form, is said by @to from now on; nothing if it is not there. ERR_NO_MEMORY. */
MUST_CHECK enum err_code directory_rename_key(struct directory *d, struct str name, struct str from, struct str to,
                                              struct err *err);
/* Takes the sections [client NAME] out, all there are: each header and all up to the comments above the next header. */
void directory_remove(struct directory *d, struct str name);

#endif
