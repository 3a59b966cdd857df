/* SPDX-License-Identifier: Apache-2.0
 * runtime.h: what workers read and never change: the settings and the TLS contexts made from them. Built by control/,
 * shared by all workers, freed after the last of them ended.
 */
#ifndef S3ONRAMP_FLOW_RUNTIME_H
#define S3ONRAMP_FLOW_RUNTIME_H

#include "config/config.h"
#include "flow/limits.h"
#include "flow/passwords.h"
#include "flow/upstream/keyring.h"
#include "io/sink.h"
#include "io/tls.h"

struct runtime {
    struct settings *settings;   /* one reference */
    struct ca *ca;               /* owned; NULL when no listener needs minted certificates */
    struct mint *mint;           /* owned */
    SSL_CTX *mint_ctx;           /* owned: server side, certificate per name */
    SSL_CTX **listener_ctx;      /* owned: per listener: its own certificate, or NULL: mint_ctx */
    SSL_CTX **endpoint_ctx;      /* owned: per endpoint: client side */
    struct key_needs *key_needs; /* owned */
    struct passwords *passwords; /* owned; NULL: no client has one */
    struct sink *access;         /* borrowed; NULL: no access lines */
    struct limits *limits;       /* owned: of client connections */
};

#endif
