/* SPDX-License-Identifier: Apache-2.0
 * location.h: Location of an answer, from the names that the endpoint was asked by back to the one that the client
 * uses. Pure; any thread; borrows everything. Source: RFC 9110 10.2.2 (Location), RFC 3986 4.2 (references); S3 API
 * Reference, "CreateBucket", "POST Object"; S3 User Guide, "Request redirection and the REST API".
 */
#ifndef S3ONRAMP_AWS_S3_LOCATION_H
#define S3ONRAMP_AWS_S3_LOCATION_H

#include "aws/s3/target.h"

/* How the client speaks to the proxy, and to which endpoint the proxy spoke for it. */
struct location_view {
    struct str scheme;          /* "http" or "https" */
    struct str authority;       /* Host as the client wrote it, with port; empty if it wrote none */
    const struct s3_host *name; /* what that stands for; all zero for a name of the listener's own */
    struct str bucket;          /* decoded; empty if none */
    bool host_style;            /* @authority begins with "@bucket." */
    struct str upstream;        /* the endpoint's name for buckets, lower case: "s3.R.S", or another server's */
    struct str region;          /* the endpoint's */
    bool redirect;              /* the answer sends the client on (3xx): then a name without a Region is not ours */
};

enum location_result {
    LOCATION_UNCHANGED, /* relative, or no name of S3: nothing is written */
    LOCATION_MAPPED,    /* the new value is in @out */
    LOCATION_AWAY,      /* S3, but not what the client's name stands for (another Region, an access point): nothing is
                           written */
};

/* Maps @location, the field's value. Path, query and fragment keep every byte; a bucket moves between name and path
 * where the client's style differs from the endpoint's. A new value has at most the bytes of @location and @authority
 * and 16 more; if @out is smaller, out->overflow is set.
 */
MUST_CHECK enum location_result location_map(struct str location, const struct location_view *view, struct sbuf *out);

#endif
