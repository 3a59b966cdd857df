/* SPDX-License-Identifier: Apache-2.0
 * asked_impl.h: what the files of asked.h share. Private to the policy room.
 */
#ifndef S3ONRAMP_POLICY_ASKED_IMPL_H
#define S3ONRAMP_POLICY_ASKED_IMPL_H

#include "policy/asked.h"

/* Who hears of the pairs, until it says no. */
struct telling {
    struct asked *a;
    asked_pair_fn *pair;
    void *data;
    bool enough;
};

/* Of @version, unless that is no string. */
void asked_tell(struct telling *t, enum s3_action action, struct str resource, struct str version);
/* The pair of the operation itself. */
void asked_tell_own(struct telling *t);
/* An end of retention, where the request asks for it. */
void asked_tell_bypass(struct telling *t, struct str resource);
/* What cannot be judged: only who may do everything everywhere may do it. */
void asked_tell_anything(struct telling *t);
/* The value of a parameter of the query, decoded; .p NULL: it is not there, has bad escapes, which never go out, or
 * there is no memory, which is noted. */
struct str asked_parameter(struct asked *a, struct str name);
/* asked_context.c: answers conditions. */
size_t asked_values(const struct policy_context *c, enum policy_key key, struct str name, struct str *v);

/* asked_source.c: an object that a header names, [/]BUCKET/KEY[?versionId=ID], percent-encoded, or an access point's
 * ARN with /object/KEY. */
struct asked_source {
    struct str resource; /* its ARN */
    struct str plain;    /* BUCKET/KEY, or the ARN: as conditions see it */
    struct str or_else;  /* its ARN for whoever reads '+' as a blank; .p NULL: there is none */
    struct str version;  /* .p NULL: none */
};
/* False: it is not of that form, or there is no memory. */
bool asked_read_source(struct asked *a, struct str value, struct asked_source *out);

#endif
