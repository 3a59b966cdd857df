/* SPDX-License-Identifier: Apache-2.0
 * descriptors.h: how many connections the process has file descriptors for. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_DESCRIPTORS_H
#define S3ONRAMP_CONTROL_DESCRIPTORS_H

#include "config/config.h"

/* max_connections, or as many as there are descriptors for, two each, besides those of @workers_n workers and
 * @sockets_n listening sockets: raises the limit as far as it is allowed, and says it in the log if that is not enough.
 */
size_t descriptors_for(const struct server_conf *s, size_t workers_n, size_t sockets_n);

#endif
