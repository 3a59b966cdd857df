/* SPDX-License-Identifier: Apache-2.0
 * denial.h: which policy said no, as S3's AccessDenied tells it. Pure; any thread.
 * Source: S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors" (since August 2024, for requests within an
 * account or an organization; all others get "Access Denied").
 */
#ifndef S3ONRAMP_DOCTOR_DENIAL_H
#define S3ONRAMP_DOCTOR_DENIAL_H

#include "base/str.h"

enum denial_policy {
    DENIAL_UNSAID,
    DENIAL_IDENTITY,
    DENIAL_RESOURCE, /* the bucket's policy, or an access point's */
    DENIAL_ENDPOINT, /* the VPC endpoint's */
    DENIAL_SERVICE_CONTROL,
    DENIAL_RESOURCE_CONTROL,
    DENIAL_BOUNDARY,
    DENIAL_SESSION,
    DENIAL_PUBLIC_ACCESS, /* Block Public Access */
    DENIAL_N
};

struct denial {
    enum denial_policy policy;
    bool is_explicit;     /* a Deny fits; else no Allow does */
    bool is_access_point; /* the resource is one */
};

/* @message: the text of <Message>, not unescaped. */
struct denial denial_parse(struct str message);

#endif
