/* SPDX-License-Identifier: Apache-2.0
 * pages.c: pages TEMPLATES FOLDER: writes man pages and completions into FOLDER, from the tables of
 * commands and options, and from templates, in which "@MARK@" (of tables: a line of its own) stands for a table or a
 * word. One thread.
 */
#include "pages_impl.h"

#include "base/release.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TEMPLATE_MOST = 64 * 1024 };

static void put_version(FILE *out)
{
    fputs(release_version, out);
}

static const struct mark {
    const char *text;
    page_part_fn *put;
} marks[] = {
    {"@VERSION@", put_version},
    {"@DATE@", mdoc_date},
    {"@COMMANDS@\n", man_commands},
    {"@PAGES@\n", man_sees},
    {"@OPTIONS@\n", man_options},
    {"@POLICY@\n", man_policy},
    {"@OPERATORS@\n", man_operators},
    {"@KEYS@\n", man_keys},
    {"@ACTIONS@\n", man_actions},
    {"@NAMES@", completion_names},
    {"@BASH@\n", completion_bash},
    {"@ZSH@\n", completion_zsh},
    {"@ZSH-COMMANDS@\n", completion_zsh_commands},
    {"@FISH@\n", completion_fish},
};

static const struct {
    const char *template, *made;
} pages[] = {
    {"s3onramp.1.in", "man1/s3onramp.1"},
    {"s3onramp.ini.5.in", "man5/s3onramp.ini.5"},
    {"s3onramp-policy.5.in", "man5/s3onramp-policy.5"},
    {"s3onramp.bash.in", "bash/s3onramp"},
    {"_s3onramp.in", "zsh/_s3onramp"},
    {"s3onramp.fish.in", "fish/s3onramp.fish"},
};

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "pages: %s: %s (%s)\n", path, what, strerror(errno));
    exit(1);
}

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    FILE *out;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    out = fopen(path, "w");
    if (!out) fail("cannot be written", path);
    return out;
}

static void end(FILE *out, const char *name)
{
    if (ferror(out) || fclose(out) != 0) fail("cannot be written", name);
}

/* Of the mark that @text begins with; NULL: with none. */
static const struct mark *mark_at(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (str_starts(text, str_from(marks[i].text))) return &marks[i];
    return NULL;
}

static void expand(struct str text, FILE *out)
{
    while (text.n) {
        const struct mark *mark = text.p[0] == '@' ? mark_at(text) : NULL;

        if (mark)
            mark->put(out);
        else
            fputc(text.p[0], out);
        text = str_tail(text, mark ? strlen(mark->text) : 1);
    }
}

static void make_page(const char *templates, const char *name, const char *folder, const char *made)
{
    static char text[TEMPLATE_MOST];
    char path[4096];
    FILE *in, *out;

    snprintf(path, sizeof(path), "%s/%s", templates, name);
    in = fopen(path, "r");
    if (!in) fail("cannot be read", path);
    size_t n = fread(text, 1, sizeof(text), in);
    if (ferror(in) || n == sizeof(text)) fail("is too long, or cannot be read", path);
    fclose(in);
    out = create(folder, made);
    expand(str_make(text, n), out);
    end(out, made);
}

static void make_command_page(const char *folder, const struct cli_command *command)
{
    char name[64];
    FILE *out;

    snprintf(name, sizeof(name), "man1/s3onramp-%s.1", command->name);
    out = create(folder, name);
    man_command(command, out);
    end(out, name);
}

int main(int argc, char **argv)
{
    static const char *const folders[] = {"", "man1", "man5", "bash", "zsh", "fish"};
    char path[4096];

    if (argc != 3) {
        fputs("usage: pages TEMPLATES FOLDER\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s", argv[2], folders[i]);
        if (mkdir(path, 0777) != 0 && errno != EEXIST) fail("cannot be made", path);
    }
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        make_page(argv[1], pages[i].template, argv[2], pages[i].made);
    for (size_t i = 0; i < cli_commands_n; i++)
        make_command_page(argv[2], cli_commands[i]);
    return 0;
}
