/* SPDX-License-Identifier: Apache-2.0
 * metrics_manual.c: what conf/manual/metrics.md says of families comes from their tables.
 * metrics_manual --write FILE, --check FILE: see manual.h.
 */
#include "admin/metrics.h"
#include "manual.h"

#include <string.h>

static void print_labels(FILE *out, const char *labels)
{
    for (; *labels; labels++)
        fputs(*labels == ',' ? "`, `" : (const char[]){*labels, '\0'}, out);
}

static void print_family(FILE *out, const struct metric *m, const char *labels, const char *more)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "info"};
    static const char *const suffixes[] = {"_total", "", "", "_info"};

    fprintf(out, "| `s3onramp_%s%s` | %s | ", m->name, suffixes[m->kind], kinds[m->kind]);
    if (*labels || *more) fputc('`', out);
    print_labels(out, labels);
    if (*labels && *more) fputs("`, `", out);
    print_labels(out, more);
    fprintf(out, "%s | %s |\n", *labels || *more ? "`" : "", m->help);
}

static void print_head(FILE *out)
{
    fputs("| family | kind | labels | |\n|---|---|---|---|\n", out);
}

static void print_states(FILE *out)
{
    print_head(out);
    for (size_t i = 0; i < metric_states_n; i++)
        print_family(out, &metric_states[i].metric, metric_states[i].labels, "");
}

static void print_counted(FILE *out)
{
    char name[METRIC_NAME];

    print_head(out);
    for (size_t i = 0; i < stats_families_n; i++) {
        struct metric m = metric_of_stats(&stats_families[i], name);

        print_family(out, &m, metric_group_labels(stats_families[i].group), stats_families[i].label);
    }
}

int main(int argc, char **argv)
{
    static const struct manual_part parts[] = {{"counted", print_counted}, {"states", print_states}};

    return manual_main(argc, argv, parts, sizeof(parts) / sizeof(*parts));
}
