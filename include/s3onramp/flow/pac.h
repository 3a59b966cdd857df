/* SPDX-License-Identifier: Apache-2.0
 * pac.h: the proxy auto-configuration of a forward listener: a script that sends browsers and systems here for what is
 * served here, and nowhere else. Reads settings only; any thread. Source: Navigator Proxy Auto-Config File Format
 * (Netscape, 1996), which names the functions that a script may use.
 */
#ifndef S3ONRAMP_FLOW_PAC_H
#define S3ONRAMP_FLOW_PAC_H

#include "config/config.h"

enum { PAC_BYTES = 128 * 1024 };
#define PAC_TYPE "application/x-ns-proxy-autoconfig"

/* Writes it into @out, of PAC_BYTES. @authority: HOST[:PORT], how the client called the listener @l; @tls: over TLS.
 * False: that is no name, or the script is longer. */
MUST_CHECK bool pac_write(const struct settings *s, const struct listener_conf *l, struct str authority, bool tls,
                          struct sbuf *out);

#endif
