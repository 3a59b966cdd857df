/* SPDX-License-Identifier: Apache-2.0
 * record_manual.c: what conf/manual/logs.md says of the fields of lines comes from their tables.
 * record_manual --write FILE puts it between the marks in FILE; --check FILE says what is not as it would be written.
 */
#include "flow/audit.h"
#include "flow/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 1 << 20 };

static const char *where(enum record_format formats)
{
    return formats == RECORD_ALL                             ? "both"
           : formats & RECORD_AUDIT && formats & RECORD_JSON ? "both; JSON"
           : formats & RECORD_AUDIT                          ? "audit"
           : formats == RECORD_JSON                          ? "access; JSON"
                                                             : "access";
}

static void print_fields(FILE *out)
{
    fputs("| field | in lines | |\n|---|---|---|\n", out);
    for (size_t i = 0; i < record_fields_n; i++)
        fprintf(out, "| `%s` | %s | %s |\n", record_fields[i].name, where(record_fields[i].formats),
                record_fields[i].meaning);
}

static void print_rows(FILE *out, const char *head, const struct audit_row *v, size_t n)
{
    fprintf(out, "| %s | |\n|---|---|\n", head);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "| `%s` | %s |\n", v[i].name, v[i].meaning);
}

static void print_events(FILE *out)
{
    print_rows(out, "event", audit_events, audit_events_n);
    fputc('\n', out);
    print_rows(out, "field", audit_fields, audit_fields_n);
}

static void print_s3(FILE *out)
{
    fputs("| | field | |\n|---|---|---|\n", out);
    for (size_t i = 0; i < record_s3_fields_n; i++)
        fprintf(out, "| %zu | %s | %s |\n", i + 1, record_s3_fields[i].name, record_s3_fields[i].meaning);
}

static const struct {
    const char *name;
    void (*print)(FILE *out);
} parts[] = {{"fields", print_fields}, {"events", print_events}, {"s3", print_s3}};

/* @text with each part between "<!-- NAME: … -->" and "<!-- end -->" written anew. NULL: a mark is missing. */
static char *renew(const char *text)
{
    char *made = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&made, &n);

    for (size_t i = 0; out && i < sizeof(parts) / sizeof(*parts); i++) {
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

int main(int argc, char **argv)
{
    static char text[FILE_MOST];
    FILE *in = argc == 3 ? fopen(argv[2], "r") : NULL;
    char *made;
    int code = 1;

    if (!in) {
        fprintf(stderr, "usage: record_manual --check|--write conf/manual/logs.md\n");
        return 2;
    }
    text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
    fclose(in);
    made = renew(text);
    if (made && strcmp(argv[1], "--write") == 0)
        code = write_file(argv[2], made) ? 0 : 1;
    else if (made && strcmp(made, text) == 0)
        code = 0;
    else if (made)
        fprintf(stderr, "the tables of fields have changed: %s --write %s\n", argv[0], argv[2]);
    free(made);
    return code;
}
