/* SPDX-License-Identifier: Apache-2.0
 * way.h: intercept, tunnel or refuse: what becomes of a host that a client of a forward or redirect listener asks for.
 * Reads settings only; any thread.
 */
#ifndef S3ONRAMP_FLOW_WAY_H
#define S3ONRAMP_FLOW_WAY_H

#include "aws/s3/target.h"
#include "config/config.h"

enum way { WAY_REFUSE, WAY_INTERCEPT, WAY_TUNNEL };

/* What becomes of a host. */
struct way_choice {
    enum way way;
    struct s3_host s3;                    /* unless via */
    const struct endpoint_conf *endpoint; /* of an S3 name */
    const struct tunnel_conf *via;        /* of a host of a [tunnel] section, or of one that goes on to a [parent] */
};

/* @host: lower case. @user: proven by a password, or NULL. WAY_REFUSE: @err says why and what to configure. */
struct way_choice way_choose(const struct settings *s, const struct listener_conf *l, const struct principal_conf *user,
                             struct str host, struct err *err);
/* Does TLS of anything end at this listener, for @user? */
bool way_intercepts(const struct listener_conf *l, const struct principal_conf *user);
/* May a CONNECT to @port take this way? ERR_PORT_REFUSED. */
MUST_CHECK enum err_code way_check_port(const struct way_choice *choice, unsigned port, struct err *err);

#endif
