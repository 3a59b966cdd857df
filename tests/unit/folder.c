/* SPDX-License-Identifier: Apache-2.0
 * folder.c: a folder for a unit test's files.
 */
#include "folder.h"

#include "base/attrib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

char folder[32] = "/tmp/s3onramp-unit-XXXXXX";

int folder_make(void **state UNUSED)
{
    return mkdtemp(folder) ? 0 : -1;
}

int folder_remove(void **state UNUSED)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

char *folder_path(char out[FOLDER_PATH], const char *name)
{
    assert_true(snprintf(out, FOLDER_PATH, "%s/%s", folder, name) < FOLDER_PATH);
    return out;
}

void write_bytes(const char *name, mode_t mode, struct str bytes)
{
    char path[FOLDER_PATH];

    unlink(folder_path(path, name));
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, out), bytes.n);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, mode), 0);
}

void write_file(const char *name, mode_t mode, const char *text)
{
    write_bytes(name, mode, str_from(text));
}
