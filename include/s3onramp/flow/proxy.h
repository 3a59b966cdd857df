/* SPDX-License-Identifier: Apache-2.0
 * proxy.h: what lives as long as the server, whatever is reloaded: shared by all workers and the control thread, each
 * part with its own rule about threads.
 */
#ifndef S3ONRAMP_FLOW_PROXY_H
#define S3ONRAMP_FLOW_PROXY_H

#include "flow/audit.h"
#include "flow/limits.h"
#include "flow/pace/quota.h"
#include "flow/passwords.h"
#include "flow/snapshot.h"
#include "flow/standing.h"
#include "flow/stats.h"
#include "flow/traffic.h"
#include "flow/upstream/keyring.h"
#include "io/sink.h"

struct proxy {
    struct standing *standing;   /* owned */
    struct key_needs *key_needs; /* owned */
    struct passwords *passwords; /* owned */
    struct limits *limits;       /* owned: of client connections */
    struct quotas *quotas;       /* owned: of clients, groups, listeners, lines */
    struct sinks sinks;          /* where workers' lines go at first */
    struct audit audit;          /* of the control thread */
    struct stats *stats;         /* owned: a block for each worker */
    struct traffic *traffic;     /* owned: a table for each worker */
    struct snapshot_bin unused;
};

#endif
