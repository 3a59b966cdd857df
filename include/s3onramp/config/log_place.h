/* SPDX-License-Identifier: Apache-2.0
 * log_place.h: where lines can go, as options write it: off, - (standard error), syslog, syslog:SOCKET, journald,
 * journald:SOCKET, or a file. Pure.
 */
#ifndef S3ONRAMP_CONFIG_LOG_PLACE_H
#define S3ONRAMP_CONFIG_LOG_PLACE_H

enum log_place { LOG_PLACE_OFF, LOG_PLACE_STDERR, LOG_PLACE_FILE, LOG_PLACE_SYSLOG, LOG_PLACE_JOURNALD };

/* What @text names. *@path: of the file, or of the daemon's socket (in @text, or static); NULL: it has none. */
enum log_place log_place_of(const char *text, const char **path);

#endif
