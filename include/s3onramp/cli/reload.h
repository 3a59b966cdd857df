/* SPDX-License-Identifier: Apache-2.0
 * reload.h: telling the running proxy to read its files anew, for `reload` and for commands that changed one of them.
 * One thread.
 */
#ifndef S3ONRAMP_CLI_RELOAD_H
#define S3ONRAMP_CLI_RELOAD_H

#include <stdbool.h>

/* After something was changed in the files of the configuration @config: puts that in force in the proxy that runs with
 * it, and says on standard error what came of it: @taken, or why not. @cut: what runs for clients that are gone is cut.
 * Returns CLI_FINE, also if no proxy runs, or CLI_PROBLEM: one runs and goes on with what it had. */
#define RELOAD_TAKEN "It is in force now."
int cli_reload_running(const char *config, const char *taken, bool cut);

#endif
