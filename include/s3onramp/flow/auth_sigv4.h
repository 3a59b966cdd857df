/* SPDX-License-Identifier: Apache-2.0
 * auth_sigv4.h: Signature Version 4 of a request, for the step check_caller and for `explain`. One worker.
 */
#ifndef S3ONRAMP_FLOW_AUTH_SIGV4_H
#define S3ONRAMP_FLOW_AUTH_SIGV4_H

#include "flow/request.h"

/* sigv4_verify() of @in, whose host is req->in.authority; if that fails, with the other reading of its port. @in then
 * holds the one that verified, if any did. */
MUST_CHECK enum err_code auth_verify_sigv4(struct request *req, const struct hmac_key *key, struct sigv4_input *in,
                                           const struct sigv4_auth *auth, struct str timestamp, struct str *canonical,
                                           struct str *string_to_sign, struct err *err);

#endif
