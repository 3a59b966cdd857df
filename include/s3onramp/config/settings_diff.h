/* SPDX-License-Identifier: Apache-2.0
 * settings_diff.h: what one configuration says that another did not, in words, by the option table. Any thread; both
 * settings are only read. Secrets are compared and never shown.
 */
#ifndef S3ONRAMP_CONFIG_SETTINGS_DIFF_H
#define S3ONRAMP_CONFIG_SETTINGS_DIFF_H

#include "config/config.h"

/* Values that count from the next start only, as the running program took them when it started. */
struct settings_kept;
MUST_CHECK struct settings_kept *settings_kept_new(const struct settings *started); /* NULL: out of memory */
void settings_kept_free(struct settings_kept **k);                                  /* NULL is fine */

enum settings_change { SETTINGS_ADDED, SETTINGS_REMOVED, SETTINGS_CHANGED, SETTINGS_RESTART, SETTINGS_CHANGES_N };
const char *settings_change_name(enum settings_change c); /* "added", "removed", "changed", "restart" */

/* Sentences without an end:
 *   added, removed   "[client bob]"; many sections of a kind are one: "400 sections [client …]: a, b, …, and 390 more"
 *   changed          "[server] max_connections: from 8000 to 9000", "[client bob] password: changed"
 *   restart          "[server] workers: 2 stays in force, 4 counts from the next start: …", also when nothing of that
 *                    was changed this time */
struct settings_diff {
    struct str_list v[SETTINGS_CHANGES_N];
};

/* From @before to @after, in a program that keeps @kept. Aborts when there is no memory, as all that makes settings. */
void settings_diff_init(struct settings_diff *d, const struct settings *before, const struct settings *after,
                        const struct settings_kept *kept);
void settings_diff_clear(struct settings_diff *d);
bool settings_diff_is_empty(const struct settings_diff *d);
/* Does @now's row @i of [credentials] say what @before's section of that name said, with all that follows from other
 * options? False: there was none. */
bool settings_same_credentials(const struct settings *before, const struct settings *now, size_t i);
/* Only what waits for a restart: appended to @out. */
void settings_diff_restart(const struct settings_kept *kept, const struct settings *now, struct str_list *out);

#endif
