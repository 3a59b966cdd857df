/* SPDX-License-Identifier: Apache-2.0
 * retry_reason.h: why a request was sent again (retry.c, region.c), for access lines and counters.
 */
#ifndef S3ONRAMP_FLOW_RETRY_REASON_H
#define S3ONRAMP_FLOW_RETRY_REASON_H

#define RETRY_REASONS(X) \
    X(STALE, "stale")    \
    X(DEAD, "dead")      \
    X(RESET, "reset")    \
    X(CLOSED, "closed")  \
    X(STATUS_500, "500") \
    X(STATUS_502, "502") \
    X(STATUS_504, "504") \
    X(KEYS, "keys")      \
    X(REGION, "region")

enum retry_reason {
#define X(reason, word) RETRY_##reason,
    RETRY_REASONS(X)
#undef X
        RETRY_REASONS_N
};

const char *retry_reason_word(enum retry_reason reason);

#endif
