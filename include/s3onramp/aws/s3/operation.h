/* SPDX-License-Identifier: Apache-2.0
 * operation.h: the name S3's API gives to a request. Pure; any thread.
 * Source: Amazon S3 API Reference, "Amazon S3 operations" (request syntax of each).
 */
#ifndef S3ONRAMP_AWS_S3_OPERATION_H
#define S3ONRAMP_AWS_S3_OPERATION_H

#include "aws/s3/action.h"
#include "aws/s3/target.h"
#include "http/head.h"
#include "http/uri.h"

enum operation_level { LEVEL_SERVICE, LEVEL_BUCKET, LEVEL_OBJECT };
/* What must be looked at to judge a request: its head, or also its body (policy/asked.h). */
enum operation_judges {
    JUDGES_HEAD,
    JUDGES_KEYS,       /* DeleteObjects: the keys */
    JUDGES_BUCKET,     /* CreateBucket: where, and its tags */
    JUDGES_RESTORE,    /* RestoreObject: where to */
    JUDGES_TAGS,       /* PutObjectTagging */
    JUDGES_RETENTION,  /* PutObjectRetention */
    JUDGES_LEGAL_HOLD, /* PutObjectLegalHold */
};

struct operation {
    const char *name; /* "GetObject"; "Unknown" where S3 has none */
    enum operation_level level;
    enum operation_access access;
    bool streams_body; /* PutObject, UploadPart, PutObjectAnnotation: the only ones with aws-chunked bodies */
    enum s3_action action, of_version; /* what it needs, and with a versionId; UNKNOWN: nobody knows */
    enum operation_judges judges;
};

/* Never NULL. An operation's name is given only to requests whose query holds nothing but what it knows, and that once;
 * all others are "Unknown": ACCESS_WRITE for GET and HEAD, else ACCESS_ADMIN. @headers: for CopyObject /
 * UploadPartCopy (x-amz-copy-source). */
const struct operation *operation_find(enum http_method method, enum operation_level level,
                                       const struct query_param *query, size_t query_n, const struct headers *headers);
/* The operation where paths are no buckets (not s3_host_has_bucket), by the decoded @path: "S3Control", one name for
 * all of that API, or "WriteGetObjectResponse". Never NULL. */
const struct operation *operation_of_service(enum s3_service service, enum http_method method, struct str path);

/* What S3 charges for a request as (Amazon S3 pricing, "Requests & data retrievals"). @method: for what is "Unknown".
 */
enum operation_tier { TIER_PUT, TIER_GET, TIER_FREE };
enum operation_tier operation_tier(const struct operation *o, enum http_method method);

/* For counting: the number of @o's name, below OPERATION_NUMBERS; 0 for NULL. */
enum { OPERATION_NUMBERS = 128 };
unsigned operation_number(const struct operation *o);
/* The name of a number; "none" for 0, NULL where there is none. */
const char *operation_name(unsigned number);

#endif
