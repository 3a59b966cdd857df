/* SPDX-License-Identifier: Apache-2.0
 * unix_socket.h: a Unix socket as the way to commands (command.h). Control thread. One question per connection: a line
 * of JSON of at most 64 KiB; then the answer, and the end of the connection. Who does not ask for 5 seconds, or takes
 * nothing of the answer for 30, is left; who waits for an answer may go away at any time.
 */
#ifndef S3ONRAMP_ADMIN_UNIX_SOCKET_H
#define S3ONRAMP_ADMIN_UNIX_SOCKET_H

#include "admin/command.h"

struct unix_socket;

/* Binds and listens, mode 0600; or takes over @given, which listens there already (-1: nothing does). @call: what each
 * call begins as; its .answer is the socket's own. ERR_FILE: another proxy has it, or it cannot be made. */
MUST_CHECK enum err_code unix_socket_new(struct loop *loop, const char *path, int given, const struct admin_call *call,
                                         struct unix_socket **out, struct err *err);
/* Answers from now on. Once. */
void unix_socket_enter(struct unix_socket *u);
int unix_socket_fd(const struct unix_socket *u);
/* Another process listens there, too, and removes it one day: those that have asked get their answers, nobody else.
 * Safe to call twice. */
void unix_socket_leave(struct unix_socket *u);
/* Removes the socket; who waits for an answer gets none. NULL is fine. */
void unix_socket_free(struct unix_socket **u);

#endif
