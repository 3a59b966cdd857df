/* SPDX-License-Identifier: Apache-2.0
 * preflight_sources.c: of the preflight what sources of keys need on this machine: a program, a profile. Warnings only:
 * both may come later, or be there for the proxy's user alone.
 */
#include "preflight_impl.h"

#include "aws/documents/command_line.h"
#include "keys/profile_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As execvp(3) looks for it. */
static bool program_is_there(const char *name)
{
    const char *path = getenv("PATH");
    struct str rest = str_from(path ? path : "/bin:/usr/bin"), folder;
    char file[PATH_MAX];

    if (strchr(name, '/')) return access(name, X_OK) == 0;
    while (str_split(&rest, ':', &folder)) {
        int n = snprintf(file, sizeof file, "%.*s/%s", STR_ARG(folder), name);
        if (n > 0 && (size_t)n < sizeof file && access(file, X_OK) == 0) return true;
    }
    return false;
}

static void warn_command(struct settings *s, const struct credentials_conf *set)
{
    struct command_line line = {0};
    struct err err = {0};

    if (command_line_split(str_from(set->command), &line, &err) == ERR_NONE && line.n &&
        !program_is_there(line.argv[0]))
        settings_warn(
            s, settings_place(s, set, "command"),
            "command: the program %.200s is not there, or user %u may not run it; without it there are no keys "
            "and each request ends with 503",
            line.argv[0], (unsigned)geteuid());
    command_line_clear(&line);
}

static void warn_profile(struct settings *s, const struct credentials_conf *set)
{
    const struct source_context context = {.settings = s, .set = set};
    struct source reader = {.context = &context};
    struct profile_files *files = NULL;
    struct err err = {0};

    if (profile_files_read(&reader, &files, &err) == ERR_NONE &&
        !profile_file_section(files->config, PROFILE_SECTION_PROFILE, set->profile) &&
        !profile_file_section(files->credentials, PROFILE_SECTION_PROFILE, set->profile))
        settings_warn(
            s, settings_place(s, set, "profile"),
            "profile: there is no profile \"%.100s\" in %.200s or %.200s for user %u; without it there are no "
            "keys and each request ends with 503",
            set->profile, files->config_path, files->credentials_path, (unsigned)geteuid());
    profile_files_free(&files);
    source_forget_files(&reader);
}

void preflight_warn_source(struct settings *s, const struct credentials_conf *set)
{
    if (set->source == CREDENTIALS_PROCESS && set->command) warn_command(s, set);
    if (set->source == CREDENTIALS_PROFILE && set->profile) warn_profile(s, set);
}
