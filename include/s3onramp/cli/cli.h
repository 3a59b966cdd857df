/* SPDX-License-Identifier: Apache-2.0
 * cli.h: the commands of the program, one file each, and what they share. One thread.
 */
#ifndef S3ONRAMP_CLI_CLI_H
#define S3ONRAMP_CLI_CLI_H

#include "base/err.h"
#include "base/password.h"
#include "config/config.h"

#include <stddef.h>
#include <stdio.h>

enum cli_exit { CLI_FINE = 0, CLI_PROBLEM = 1, CLI_USAGE = 2, CLI_CONFIG = 78 /* of serve; EX_CONFIG of sysexits.h */ };

#define CLI_DEFAULT_CONFIG "/etc/s3onramp/s3onramp.ini"

/* An option of a command, or, without a name, a word; words are taken in the order of their rows. A first word that is
 * one of several is the command's verb. */
struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    /* What its value is called, or the word: "FILE" and "PATH" are of files, "init|show", in lower case, is one of
     * these; NULL: it takes none. */
    const char *value;
    const char *names; /* its value is the name of such a section of the configuration: "client"; may be NULL */
    const char *of;    /* the verbs that it belongs to: "add|list"; NULL: to all, or the command has none */
    size_t at;         /* where it goes in the command's own struct: a const char *, or, without a value, a bool */
    /* Stores it in @to instead, having judged it: CLI_FINE, or CLI_USAGE and why was said. May be NULL. */
    int (*take)(const struct cli_option *option, void *to, const char *value);
    const char *help;  /* lines; NULL: it is not listed */
    const char *group; /* a heading above it in the list; may be NULL */
};

/* A command: its help and its options come from here. Texts are lines without a newline at the end. */
struct cli_command {
    const char *name, *brief, *summary; /* brief, summary: for the list of all commands */
    int (*run)(int argc, char **argv);  /* argv[0] is its name; returns the exit code */
    const char *usage;                  /* after "s3onramp " */
    const char *about;
    const struct cli_option *options;
    size_t options_n;
    const char *more; /* below the options; may be NULL */
    const char *example;
};

/* All there are, in the order of the list: proxy/cli/commands.c. */
extern const struct cli_command *const cli_commands[];
extern const size_t cli_commands_n;

extern const struct cli_command cli_serve, cli_check, cli_doctor, cli_status, cli_cost, cli_reload, cli_credentials,
    cli_explain, cli_env, cli_ca, cli_client, cli_policy, cli_version, cli_drain, cli_upgrade, cli_metrics;

/* --- proxy/cli/options.c --- */

/* -c, --config FILE, into the const char * @member of @type. */
#define CLI_CONFIG_OPTION(type, member)                                                 \
    {                                                                                   \
        .name = "config", .letter = 'c', .value = "FILE", .at = offsetof(type, member), \
        .help = "configuration (default " CLI_DEFAULT_CONFIG ")"                        \
    }
/* --socket PATH, the same. */
#define CLI_SOCKET_OPTION(type, member)                                  \
    {                                                                    \
        .name = "socket", .value = "PATH", .at = offsetof(type, member), \
        .help = "the proxy's admin socket; no configuration is read"     \
    }
/* --json, into a bool. */
#define CLI_JSON_OPTION(type, member)                                             \
    {                                                                             \
        .name = "json", .at = offsetof(type, member), .help = "JSON for programs" \
    }

/* "init|show": is @value one of fixed words? */
bool cli_is_words(const char *value);
/* All verbs of @command, as above; NULL: it has none. */
const char *cli_verbs(const struct cli_command *command);

enum { CLI_VERBS = 160 };
/* The verbs that @option belongs to, for people: "init, renew", "all but list"; "": to all. Returns @out. */
const char *cli_verbs_of(const struct cli_command *command, const struct cli_option *option, char out[CLI_VERBS]);

/* Puts what the words and options of @argv say into @to, the struct that the command's rows are about; they are such as
 * its verb takes, and one of fixed words is one of them. False: there is nothing more to do than to return *@exit_code:
 * the help was asked for, or what is wrong was said. */
MUST_CHECK bool cli_parse(const struct cli_command *command, int argc, char **argv, void *to, int *exit_code);

/* --- shared: proxy/cli/cli.c, prompt.c --- */

/* "s3onramp: …" on standard error; returns CLI_PROBLEM. The text says the next step. */
int cli_problem(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* From now on to @copy, too (borrowed; NULL: no more): for --json. */
void cli_copy_problems(FILE *copy);
/* The same for what a function of a lower layer reported. */
int cli_problem_err(const struct err *err);
/* The same with a hint at `s3onramp COMMAND --help`; returns CLI_USAGE. @command: "check", "ca init", … */
int cli_wrong_usage(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);

enum cli_color { CLI_PLAIN, CLI_RED, CLI_GREEN, CLI_BOLD };
/* An escape sequence, or "" if @out is not a terminal or NO_COLOR is set. */
const char *cli_color(FILE *out, enum cli_color color);

/* "90s", "12h", "7d", at most @most_s. */
MUST_CHECK bool cli_parse_span(const char *text, uint64_t most_s, uint64_t *seconds);

/* A password from the terminal, twice and without an echo, whatever ends it, or one line from standard input, into
 * @password, NUL-terminated; the caller wipes it. CLI_FINE, or why not was said. */
int cli_read_password(char password[PASSWORD_MAX + 2]);

enum { CLI_QUOTED = 4 * 4096 + 8 };
/* @text (a path) as one word of a shell, so that neither a shell nor a terminal finds anything in it that it obeys: as
 * it is, in single quotes, or, with control characters or bytes beyond ASCII, as $'…'. Written into @out. */
const char *cli_quote(const char *text, char out[CLI_QUOTED]);

/* The certificates of the authority @ca, and of the next one, which clients are to trust, onto @out, and whose they are
 * onto standard error. The key is not needed. CLI_FINE, or a problem that was said. */
int cli_export_ca(const struct ca_conf *ca, FILE *out);

/* Run as root: says on standard error that the proxy's user must be able to read @path. */
void cli_owner_hint(const char *path);

#endif
