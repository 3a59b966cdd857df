/* SPDX-License-Identifier: Apache-2.0
 * profile_print.c: for tests only: what the reader of shared files finds, as JSON, to be compared with botocore's:
 * an array of the values of each KEY in each NAME (null: not there), or the text of an error.
 *   profile_print config|credentials FILE NAMES KEYS      (NAMES and KEYS: separated by '|')
 */
#include "aws/documents/profile.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static struct str read_file(const char *path)
{
    static char text[PROFILE_FILE_MAX + 1];
    FILE *in = fopen(path, "rb");
    size_t n = in ? fread(text, 1, sizeof(text), in) : 0;

    if (in) fclose(in);
    return str_make(text, n);
}

static json_t *values(const struct profile_file *f, struct str names, struct str keys)
{
    json_t *all = json_array();
    struct str name, key;
    char n[64], k[64];

    while (str_split(&names, '|', &name))
        for (struct str rest = keys; str_split(&rest, '|', &key);) {
            if (!str_to_cstr(name, n, sizeof(n)) || !str_to_cstr(key, k, sizeof(k))) exit(2);
            const char *text = profile_file_get(f, PROFILE_SECTION_PROFILE, n, k).text;
            json_array_append_new(all, text ? json_string(text) : json_null());
        }
    return all;
}

int main(int argc, char **argv)
{
    struct profile_file *f;
    struct err err = {0};
    json_t *out;

    if (argc != 5) return 2;
    if (profile_file_parse(read_file(argv[2]),
                           strcmp(argv[1], "config") == 0 ? PROFILE_FILE_CONFIG : PROFILE_FILE_CREDENTIALS, "FILE", &f,
                           &err) == ERR_NONE)
        out = values(f, str_from(argv[3]), str_from(argv[4]));
    else
        out = json_string(err.detail);
    profile_file_free(&f);
    json_dumpf(out, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
    json_decref(out);
    return 0;
}
