/* SPDX-License-Identifier: Apache-2.0
 * env.h: what the files of `s3onramp env` share. Private to the cli layer. One thread.
 *   env.c (options; which listener, which client) → env_shells.c (variables, quoted for a shell or a file)
 *                                                 → env_tools.c (settings of tools that read no variables)
 *                                                 → env_install.c (scripts that let a machine trust the authority)
 */
#ifndef S3ONRAMP_CLI_ENV_H
#define S3ONRAMP_CLI_ENV_H

#include "config/config.h"

#include <stdio.h>

enum env_format {
    ENV_SH,
    ENV_FISH,
    ENV_POWERSHELL,
    ENV_SYSTEMD,
    ENV_DOCKER,
    ENV_JAVA,
    ENV_NODE,
    ENV_AWS_CONFIG,
    ENV_RCLONE,
    ENV_S3CMD,
    ENV_BOTO2
};

/* What a workstation has to know. Borrows from the settings and the command line. */
struct env_facts {
    const struct listener_conf *listener;
    const struct principal_conf *client; /* NULL: none named */
    const char *user;                    /* for the proxy's URL; NULL: it asks for no password */
    char host[260];                      /* as clients call it; with [] if it is an IPv6 address */
    unsigned port;
    bool tls;            /* https:// to the listener */
    bool loopback;       /* only this machine reaches it */
    bool trust;          /* the local CA makes certificates that clients see */
    const char *ca;      /* where it is on the workstation */
    const char *region;  /* NULL: no endpoint is configured */
    const char *s3_name; /* of that endpoint: s3.REGION.SUFFIX */
    bool keys;
};

/* "http://USER@HOST:PORT" into @out of 1024 bytes. */
void env_url(const struct env_facts *f, bool with_user, char out[1024]);

/* What is never to go through a proxy: instance metadata, container credentials, this machine. Python compares IPv6
 * addresses with their brackets, others without. */
#define ENV_NO_PROXY                                                              \
    "localhost,127.0.0.1,::1,[::1],169.254.169.254,169.254.170.2,169.254.170.23," \
    "fd00:ec2::254,[fd00:ec2::254],fd00:ec2::23,[fd00:ec2::23]"

/* --- env_shells.c --- */

/* Writes a line that sets @name to @value, quoted for @format (SH to DOCKER). False: a value holds a byte that cannot
 * be written there (a line end, NUL). */
MUST_CHECK bool env_put(FILE *out, enum env_format format, const char *name, const char *value);
/* Old session tokens and profiles, which would go along with new keys. */
void env_put_unset_others(FILE *out, enum env_format format);
/* All variables. False: as above. */
MUST_CHECK bool env_print_variables(FILE *out, enum env_format format, const struct env_facts *f);

/* --- env_tools.c --- */

/* JAVA to BOTO2. CLI_FINE, or a problem that was said. */
MUST_CHECK int env_print_tool(FILE *out, enum env_format format, const struct env_facts *f);

/* --- env_install.c --- */

/* A script that lets @system, of those of --install-ca, trust what @ca names. CLI_FINE, or a problem that was said. */
MUST_CHECK int env_print_install(FILE *out, const char *system, const struct env_facts *f, const struct ca_conf *ca);

#endif
