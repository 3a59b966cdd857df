/* SPDX-License-Identifier: Apache-2.0
 * record_manual.c: what conf/manual/logs.md says of the fields of lines comes from their tables.
 * record_manual --write FILE, --check FILE: see manual.h.
 */
#include "flow/audit.h"
#include "flow/record.h"
#include "manual.h"

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

int main(int argc, char **argv)
{
    static const struct manual_part parts[] = {{"fields", print_fields}, {"events", print_events}, {"s3", print_s3}};

    return manual_main(argc, argv, parts, sizeof(parts) / sizeof(*parts));
}
