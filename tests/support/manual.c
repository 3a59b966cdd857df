/* SPDX-License-Identifier: Apache-2.0
 * manual.c: see manual.h.
 */
#include "manual.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 1 << 20 };

/* @text with each part between "<!-- NAME: … -->" and "<!-- end -->" written anew. NULL: a mark is missing. */
static char *renew(const char *text, const struct manual_part *parts, size_t parts_n)
{
    char *made = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&made, &n);

    for (size_t i = 0; out && i < parts_n; i++) {
        char mark[64];
        const char *begin, *end;

        snprintf(mark, sizeof(mark), "<!-- %s: ", parts[i].name);
        begin = strstr(text, mark);
        begin = begin ? strchr(begin, '\n') : NULL;
        end = begin ? strstr(begin, "<!-- end -->") : NULL;
        if (!end) {
            fprintf(stderr, "there is no \"%s… -->\" with its \"<!-- end -->\"\n", mark);
            fclose(out);
            free(made);
            return NULL;
        }
        fwrite(text, 1, (size_t)(begin + 1 - text), out);
        parts[i].print(out);
        text = end;
    }
    if (!out) return NULL;
    fputs(text, out);
    fclose(out);
    return made;
}

static bool write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    return out && fputs(text, out) >= 0 && fclose(out) == 0;
}

int manual_main(int argc, char **argv, const struct manual_part *parts, size_t n)
{
    static char text[FILE_MOST];
    FILE *in = argc == 3 ? fopen(argv[2], "r") : NULL;
    char *made;
    int code = 1;

    if (!in) {
        fprintf(stderr, "usage: %s --check|--write FILE\n", argv[0]);
        return 2;
    }
    text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
    fclose(in);
    made = renew(text, parts, n);
    if (made && strcmp(argv[1], "--write") == 0)
        code = write_file(argv[2], made) ? 0 : 1;
    else if (made && strcmp(made, text) == 0)
        code = 0;
    else if (made)
        fprintf(stderr, "the tables have changed: %s --write %s\n", argv[0], argv[2]);
    free(made);
    return code;
}
