/* SPDX-License-Identifier: Apache-2.0
 * main.c: finds the command and runs it. Everything else is in proxy/cli, one file per command.
 */
#include "aws/documents/key_document.h"
#include "cli/cli.h"
#include "io/pam_helper.h"
#include "io/signer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_help(FILE *out)
{
    fputs("s3onramp accepts S3 requests from on-premises clients, checks who calls, signs them anew and sends them to\n"
          "the private addresses of an S3 interface endpoint.\n"
          "\n"
          "Usage: s3onramp COMMAND ...\n"
          "\n",
          out);
    for (size_t i = 0; i < cli_commands_n; i++)
        fprintf(out, "  s3onramp %-32s %s\n", cli_commands[i]->brief, cli_commands[i]->summary);
    fputs("\n"
          "`s3onramp help COMMAND` says more. Exit codes: 0 fine, 1 there is a problem, 2 wrong usage, 78 (of serve)\n"
          "a wrong configuration.\n"
          "\n"
          "Example: from nothing to a running proxy\n"
          "  s3onramp check --example > s3onramp.ini     # then write your endpoint's name and addresses into it\n"
          "  s3onramp client add me -c s3onramp.ini\n"
          "  s3onramp check -c s3onramp.ini\n"
          "  s3onramp serve -c s3onramp.ini\n",
          out);
}

/* What was printed must have arrived: a disk may be full. */
static int ended(int exit_code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return exit_code;
    return cli_problem("not all of the output could be written (%s); make room, and do it again", strerror(errno));
}

static const struct cli_command *find_command(const char *word)
{
    for (size_t i = 0; i < cli_commands_n; i++)
        if (strcmp(word, cli_commands[i]->name) == 0) return cli_commands[i];
    return NULL;
}

static void print_no_command(const char *word)
{
    const char *names[64], *nearest;

    ASSERT(cli_commands_n <= ARRAY_LEN(names));
    for (size_t i = 0; i < cli_commands_n; i++)
        names[i] = cli_commands[i]->name;
    nearest = str_nearest(str_from(word), names, cli_commands_n);
    fprintf(stderr, "s3onramp: there is no command \"%s\"%s%s%s\n", word, nearest ? "; did you mean " : "",
            nearest ? nearest : "", nearest ? "?" : "");
}

/* argv[1] is no command. */
static int wrong_word(int argc, char **argv)
{
    const struct cli_command *command = NULL;

    for (int i = 2; i < argc && !command; i++)
        command = find_command(argv[i]);
    if (argv[1][0] == '-' && argc > 2)
        fprintf(stderr, "s3onramp: options come after the command: s3onramp %s %s %s\n",
                command ? command->name : "COMMAND", argv[1], find_command(argv[2]) ? "..." : argv[2]);
    else
        print_no_command(argv[1]);
    fputs("Try `s3onramp --help`.\n", stderr);
    return CLI_USAGE;
}

static int run(const char *word, int argc, char **argv)
{
    char option[] = "--help", *help[] = {argv[1], argc > 3 ? argv[3] : option, option, NULL}; /* help client add */
    bool asks = strcmp(word, "help") == 0;
    const struct cli_command *command = find_command(asks ? argv[2] : word);

    if (command) return asks ? command->run(ARRAY_LEN(help) - 1, help) : command->run(argc - 1, argv + 1);
    return asks ? wrong_word(argc - 1, argv + 1) : wrong_word(argc, argv);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (word && strcmp(word, PAM_HELPER_WORD) == 0) pam_helper_run();
    if (word && strcmp(word, SIGNER_WORD) == 0) signer_run();
    key_document_setup();
    if (!word) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (strcmp(word, "help") == 0 && argc == 2)) {
        print_help(stdout);
        return ended(CLI_FINE);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) return ended(cli_version.run(1, argv));
    return ended(run(word, argc, argv));
}
