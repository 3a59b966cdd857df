/* SPDX-License-Identifier: Apache-2.0
 * pages_impl.h: what the files of the program that writes man pages and completions share. It runs in the build, and is
 * not installed. One thread.
 *
 *   pages.c (templates of conf/packaging/pages, with "@MARK@" where a table belongs) → man_tables.c (commands, options
 * of the ini, policies), completion_*.c
 *         → man_command.c (a page for each command) → mdoc.c (text as mdoc(7) wants it)
 */
#ifndef S3ONRAMP_PAGES_PAGES_IMPL_H
#define S3ONRAMP_PAGES_PAGES_IMPL_H

#include "cli/cli.h"

/* Writes what a mark stands for. */
typedef void page_part_fn(FILE *out);

/* --- man_tables.c --- */
page_part_fn man_commands;  /* all commands, with what each is for */
page_part_fn man_sees;      /* their pages */
page_part_fn man_options;   /* sections and options of the ini */
page_part_fn man_policy;    /* options of [policy NAME] */
page_part_fn man_operators; /* of conditions */
page_part_fn man_keys;      /* of conditions */
page_part_fn man_actions;   /* of S3 */

/* --- man_command.c --- */
void man_command(const struct cli_command *command, FILE *out);

/* --- completion_bash.c, completion_zsh.c, completion_fish.c --- */
page_part_fn completion_names; /* of all commands, one after the other */
page_part_fn completion_bash, completion_zsh, completion_zsh_commands, completion_fish;

/* --- completion.c --- */
extern const struct cli_option completion_help; /* -h, --help, which every command has */

/* What can be written for an option's value, or for a word. */
enum value_kind { VALUE_NONE, VALUE_WORDS, VALUE_NAMES, VALUE_FILE, VALUE_OTHER };
enum value_kind completion_kind(const struct cli_option *o);
/* The first sentence of its help, or what its value is called. */
struct str completion_brief(const struct cli_option *o);

/* --- mdoc.c --- */
/* @text, with line ends or without, as lines of a paragraph: each sentence on its own; what stands in `` is literal. */
void mdoc_text(struct str text, FILE *out);
void mdoc_word(struct str text, FILE *out); /* within a line */
page_part_fn mdoc_date;                     /* of the release */

#endif
