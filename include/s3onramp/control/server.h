/* SPDX-License-Identifier: Apache-2.0
 * server.h: the running proxy: control thread and workers. Whoever calls becomes the control thread, in all of it.
 */
#ifndef S3ONRAMP_CONTROL_SERVER_H
#define S3ONRAMP_CONTROL_SERVER_H

#include "config/config.h"
#include "control/books.h"
#include "control/drain.h"
#include "control/logs.h"
#include "control/reload.h"
#include "control/road/endpoints.h"
#include "control/upgrade.h"
#include "keys/credentials.h"

struct server;

/* Opens every socket and reads every file that @settings names, but serves nobody yet. One reference of @settings is
 * taken over, also on failure. @heir (borrowed; NULL: there was no process before). @argv (borrowed): how an upgrade
 * starts the program. */
MUST_CHECK enum err_code server_new(struct settings *settings, struct heir *heir, char *const argv[],
                                    struct server **out, struct err *err);
/* Serves until SIGTERM, SIGINT or server_stop, then ends as drain.h says; a second signal cuts what runs. ERR_NONE
 * after an orderly end. */
MUST_CHECK enum err_code server_run(struct server *sv, struct err *err);
/* Begins the end, as its settings say (drain_delay, shutdown_timeout); when it is under way already: nothing. @by, here
 * and below: who wants it, for audit lines. */
void server_stop(struct server *sv, const char *by);
/* A new process takes over (server_upgrades tells what comes of it), and this one ends when it has finished what it
 * has, or after upgrade_timeout. ERR_INTERNAL: not now, and why. */
MUST_CHECK enum err_code server_upgrade(struct server *sv, const char *by, struct err *err);
void server_free(struct server **sv); /* NULL is fine */

/* Its parts, for whoever shows or commands them; they live until server_free. */
struct loop *server_loop(struct server *sv);
struct audit *server_audit(struct server *sv);
struct proxy *server_proxy(struct server *sv);
struct snapshot *server_snapshot(const struct server *sv); /* the newest */
const struct endpoints *server_endpoints(const struct server *sv);
struct credential_store *server_credentials(struct server *sv);
struct upgrade *server_upgrades(struct server *sv);
/* A listening Unix socket that this process was given; the caller's. -1: none was. */
int server_take_unix(struct server *sv, const char *path);
/* A copy of the listening socket of an address of [admin] listen; the caller's. ERR_FILE. */
MUST_CHECK enum err_code server_take_port(struct server *sv, const struct netaddr *addr, int *fd, struct err *err);
/* @run(@arg) after each reload, whatever came of it; NULL: no more. */
void server_on_settings(struct server *sv, void (*run)(void *arg), void *arg);
struct worker *server_workers(struct server *sv, size_t *n);
/* Monotonic: when the slowest worker showed last that its loop turns; INT64_MAX: all have ended. */
int64_t server_oldest_tick_us(const struct server *sv);
/* False: another process serves here, too, and nothing that both have may be removed. */
bool server_is_alone(const struct server *sv);
struct drain *server_drain(const struct server *sv);
struct reload *server_reload(const struct server *sv);
const struct logs *server_logs(const struct server *sv);
struct books *server_books(const struct server *sv);

#endif
