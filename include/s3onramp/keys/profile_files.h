/* SPDX-License-Identifier: Apache-2.0
 * profile_files.h: finds and reads the shared config and credentials files for one fetch. Control thread.
 */
#ifndef S3ONRAMP_KEYS_PROFILE_FILES_H
#define S3ONRAMP_KEYS_PROFILE_FILES_H

#include "aws/documents/profile.h"
#include "base/secret.h"
#include "keys/source.h"

#include <limits.h>

struct profile_files {
    char config_path[PATH_MAX], credentials_path[PATH_MAX];
    struct profile_file *config, *credentials;        /* owned; NULL: not there … */
    const char *config_missing, *credentials_missing; /* … and why: "does not exist" */
    char config_mode[8], credentials_mode[8];         /* "644" if everybody may read it, else "" */
    char fault[SECRET_FAULT]; /* why one of the two is not safe to obey: others may write it; "": both are */
};

/* Both paths are noted with source_read_file. A file that is not there is none; one that is there and cannot be read is
 * an error if [credentials] or the environment names it, and none if it is the one in the home folder. */
MUST_CHECK enum err_code profile_files_read(struct source *s, struct profile_files **out, struct err *err);
void profile_files_free(struct profile_files **f); /* wipes; NULL is fine */
/* The mode of @file, one of the two, if everybody may read it, else NULL. */
const char *profile_files_open_to_all(const struct profile_files *f, const char *file);

#endif
