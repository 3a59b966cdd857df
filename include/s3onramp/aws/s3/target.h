/* SPDX-License-Identifier: Apache-2.0
 * target.h: what an S3 request is about: host name and path → service, Region, bucket, key. Pure; any thread; borrows
 * everything. Source: S3 User Guide, "Virtual hosting of general purpose buckets", "AWS PrivateLink for Amazon S3";
 * General Reference, "Amazon S3 endpoints".
 */
#ifndef S3ONRAMP_AWS_S3_TARGET_H
#define S3ONRAMP_AWS_S3_TARGET_H

#include "base/err.h"
#include "base/str.h"

/* What a host name stands for. */
enum s3_service {
    S3_BUCKETS, /* s3.R.S and everything that is served as it, access point aliases too; prefix = bucket (host style) or
                   empty (path style) */
    S3_ACCESS_POINT,  /* <name>-<account>.s3-accesspoint.R.S; prefix = <name>-<account> */
    S3_CONTROL,       /* [<account>.]s3-control.R.S; prefix = account or empty */
    S3_OBJECT_LAMBDA, /* <name>-<account>.s3-object-lambda.R.S; prefix = <name>-<account>, or its alias "…--ol-s3" */
    S3_OBJECT_RESPONSE, /* <route>.s3-object-lambda.R.S, for WriteGetObjectResponse; prefix = route */
    S3_OUTPOSTS,        /* <name>-<account>.<outpost>.s3-outposts.R.S; prefix = all before s3-outposts */
};

/* Parts of a host name; views into it (lower case) or static text. A name of the proxy's own has service and prefix at
 * most (s3_own_host()); all zero: it stands for buckets. */
struct s3_host {
    enum s3_service service;
    struct str region;      /* empty for the global name s3.amazonaws.com, which says nothing about the Region */
    struct str suffix;      /* partition's DNS suffix, "amazonaws.com" */
    struct str prefix;      /* see enum s3_service */
    struct str endpoint_id; /* "vpce-…" (with zone, if any) for endpoint-specific names, else empty */
    bool fips, dualstack;
    bool legacy; /* no name in the endpoint's certificate: global, dash, s3-external-1, dualstack, "vpce-…" without one
                    of its three words */
};

/* True if it looks like a Region of some partition: aws/s3/partition.h. */
bool s3_region_valid(struct str region);
/* True if some S3 server, not only AWS, may call a Region so: words of lower-case letters and digits, joined by single
 * hyphens, 2 to 32 bytes, a letter first. Every Region of AWS is one. */
bool s3_region_is_name(struct str region);

/* Takes @host apart: lower case already, no port, no trailing dot, read from the right (suffix, Region, [dualstack],
 * service label; the rest is the prefix). ERR_HOST_REFUSED, with a sentence in @err->detail that says what to use
 * instead, for names that are not S3 names and for S3 names that PrivateLink cannot serve (website, accelerate,
 * Multi-Region Access Points, directory buckets, the management of Outposts). */
MUST_CHECK enum err_code s3_host_parse(struct str host, struct s3_host *out, struct err *err);

/* True if a request to PREFIX.NAME or NAME, a name of the proxy's own, is for an access point or for S3 Control: as
 * SDKs put them before an endpoint URL that they are given, and with the words of an endpoint's own names between.
 *
 *     NAME-ACCOUNT.accesspoint.NAME, ALIAS.accesspoint.NAME      ACCOUNT.NAME, ACCOUNT.control.NAME, control.NAME, NAME
 *
 * The latter only with a path of S3 Control in @path (raw) and the account in its x-amz-account-id, @account (else
 * empty), which all of its requests have and none for a bucket. False: @prefix is a bucket, or empty. */
bool s3_own_host(struct str prefix, struct str path, struct str account, struct s3_host *out);
/* One label, NAME-ACCOUNT, which SDKs make of an access point's ARN and put where a bucket stands: buckets have such
 * names, too. */
bool s3_like_access_point(struct str bucket);

/* True for every name of S3, also one that PrivateLink cannot serve or whose Region does not exist: the label where the
 * service stands is one of S3's. False for other services and other sites. */
bool s3_host_is_s3(struct str host);

/* Calls @each with every name that has names of S3 in @region at or below it, so that s3_host_parse() takes those that
 * are served and finds that Region; with @fips also those that ask for FIPS. */
void s3_names_of_region(struct str region, struct str suffix, bool fips, void (*each)(void *arg, struct str name),
                        void *arg);

/* The service in the scope of signatures for @host, the client's as well as ours: "s3", "s3-object-lambda" or
 * "s3-outposts". */
struct str s3_signing_name(const struct s3_host *host);
/* False where paths hold neither bucket nor key: S3 Control, WriteGetObjectResponse. */
bool s3_host_has_bucket(const struct s3_host *host);

/* The names that an endpoint serves. */
struct s3_endpoint_names {
    struct str host;           /* for buckets: "s3.R.S", or what an S3 server of another kind calls itself */
    struct str region, suffix; /* of its other names */
    bool fips;
};
/* Writes into @out the Host for a request of which the client wrote @client, and tells in *@out_host_style whether the
 * path goes on without @bucket. @bucket: decoded; empty if there is none. @host_style: the client's path is without it.
 * Host style stays where the wildcard of the endpoint's certificate covers it; access points and other services have
 * nothing else. False if @out is too small; 512 bytes always suffice. */
MUST_CHECK bool s3_host_upstream(const struct s3_host *client, struct str bucket, bool host_style,
                                 const struct s3_endpoint_names *endpoint, struct sbuf *out, bool *out_host_style);

enum { S3_VPCE_ID_LEAST = 10 }; /* "vpce-" and some digits: less was cut short */
/* An endpoint-specific name as AWS shows it: [bucket.|accesspoint.|control.|*.]vpce-ID[-AZ].s3[-fips].R.vpce.S. */
struct s3_vpce_name {
    struct str id, region, suffix;
    bool fips;
};
MUST_CHECK bool s3_vpce_name_parse(struct str name, struct s3_vpce_name *out);
/* The same, with any Region and any suffix: to say what is wrong with them, and for names that a person wrote down. */
MUST_CHECK bool s3_vpce_name_split(struct str name, struct s3_vpce_name *out);

/* 3..255 bytes of [A-Za-z0-9._-], not "." or "..": wide enough for old us-east-1 buckets and for access point aliases.
 * Not a check of what S3 would create. */
bool s3_bucket_valid(struct str bucket);
/* Why @bucket can be neither a bucket's name nor an access point's alias, with the rule (static), or NULL: it can. Old
 * buckets of us-east-1 may have capitals, '_' and more than 63 bytes. Source: S3 User Guide, "General purpose bucket
 * naming rules". */
const char *s3_bucket_why_not(struct str bucket);
/* True if @bucket can stand as one DNS label before s3.R.S under its wildcard certificate: [a-z0-9-], no dots, ≤ 63. */
bool s3_bucket_host_style(struct str bucket);

/* Splits a decoded path in path style: "/bucket/key…" → bucket, key. "/" → both empty; "/b" and "/b/" → key empty. Keys
 * keep every byte. */
void s3_path_split(struct str decoded_path, struct str *bucket, struct str *key);

#endif
