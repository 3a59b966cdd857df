/* SPDX-License-Identifier: Apache-2.0
 * folder.h: a folder of its own for a unit test that needs files; made and removed by the group's set-up and tear-down.
 */
#ifndef S3ONRAMP_UNIT_FOLDER_H
#define S3ONRAMP_UNIT_FOLDER_H

#include "base/str.h"

#include <sys/types.h>

enum { FOLDER_PATH = 256 };

extern char folder[32];

int folder_make(void **state);
int folder_remove(void **state); /* with all that is in it */

/* The path of @name in the folder: @out. */
char *folder_path(char out[FOLDER_PATH], const char *name);

/* Writes the file @name in the folder, anew. */
void write_bytes(const char *name, mode_t mode, struct str bytes);
void write_file(const char *name, mode_t mode, const char *text);

#endif
