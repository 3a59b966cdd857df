/* SPDX-License-Identifier: Apache-2.0
 * cli.h: the commands of the program, one file each, and what they share. One thread.
 * A command gets its own words (argv[0] is its name) and returns the exit code.
 */
#ifndef S3ONRAMP_CLI_CLI_H
#define S3ONRAMP_CLI_CLI_H

#include "base/err.h"
#include "base/password.h"
#include "config/config.h"

#include <getopt.h>
#include <stdio.h>

enum cli_exit { CLI_FINE = 0, CLI_PROBLEM = 1, CLI_USAGE = 2 };

#define CLI_DEFAULT_CONFIG "/etc/s3onramp/s3onramp.ini"

int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_credentials(int argc, char **argv);
int cli_ca(int argc, char **argv);
int cli_client(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_env(int argc, char **argv);

/* --- shared: proxy/cli/cli.c, prompt.c --- */

/* "s3onramp: …" on standard error; returns CLI_PROBLEM. The text says the next step. */
int cli_problem(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* From now on to @copy, too (borrowed; NULL: no more): for --json. */
void cli_copy_problems(FILE *copy);
/* The same for what a function of a lower layer reported. */
int cli_problem_err(const struct err *err);
/* The same with a hint at `s3onramp COMMAND --help`; returns CLI_USAGE. @command: "check", "ca init", … */
int cli_wrong_usage(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* For what getopt_long returned as '?' or ':', called with a ':' before the short options. Returns CLI_USAGE. */
int cli_wrong_option(const char *command, int option, char *const *argv);
/* Starts getopt_long anew for a command. */
void cli_options_start(void);

enum cli_color { CLI_PLAIN, CLI_RED, CLI_GREEN, CLI_BOLD };
/* An escape sequence, or "" if @out is not a terminal or NO_COLOR is set. */
const char *cli_color(FILE *out, enum cli_color color);

/* A password from the terminal, twice and without an echo, whatever ends it, or one line from standard input, into
 * @password, NUL-terminated; the caller wipes it. CLI_FINE, or why not was said. */
int cli_read_password(char password[PASSWORD_MAX + 2]);

enum { CLI_QUOTED = 4 * 4096 + 8 };
/* @text (a path) as one word of a shell, so that neither a shell nor a terminal finds anything in it that it obeys: as
 * it is, in single quotes, or, with control characters or bytes beyond ASCII, as $'…'. Written into @out. */
const char *cli_quote(const char *text, char out[CLI_QUOTED]);

/* Run as root: says on standard error that the proxy's user must be able to read @path. */
void cli_owner_hint(const char *path);

/* --- proxy/cli/clients_file.c: editing the clients file --- */

struct clients_file {
    char *path; /* owned; symbolic links resolved */
    char *text; /* owned; NUL-terminated, may hold secrets */
    size_t bytes;
    int dir_fd;   /* owned; the folder */
    int lock_fd;  /* owned; FILE.lock, locked */
    int uid, gid; /* of the file, or -1 if it is new */
};

/* Locks @path against other processes that change it (waits a few seconds for them; the detail names who holds it) and
 * reads the file; a missing one is an empty one. ERR_FILE. */
MUST_CHECK enum err_code clients_file_open(struct clients_file *f, const char *path, struct err *err);
/* True if it has a section [client NAME]. */
bool clients_file_has(const struct clients_file *f, struct str name);
/* Puts @lines below the header of [client NAME], which is added at the end if there is none. ERR_NO_MEMORY. */
MUST_CHECK enum err_code clients_file_add(struct clients_file *f, struct str name, struct str lines, struct err *err);
bool clients_file_has_key(const struct clients_file *f, struct str name, struct str key);
/* Takes the line of @key out of [client NAME], if it is there. */
void clients_file_remove_key(struct clients_file *f, struct str name, struct str key);
/* Takes the sections [client NAME] out, all there are: its header and all up to the comments above the next header. */
void clients_file_remove(struct clients_file *f, struct str name);
/* Writes it anew, mode 0600: temporary file, fsync, rename. ERR_FILE: the old file is still there. */
MUST_CHECK enum err_code clients_file_save(struct clients_file *f, struct err *err);
/* Wipes, unlocks, frees. */
void clients_file_close(struct clients_file *f);

#endif
