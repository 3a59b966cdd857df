/* SPDX-License-Identifier: Apache-2.0
 * actions.c: patterns of actions' names, and what to say of those that match nothing. Pure; constant data.
 */
#include "policy_impl.h"

/* Operations of the API that people take for actions. Source: Service Authorization Reference; Amazon S3 User Guide,
 * "Required permissions for Amazon S3 API operations". */
static const struct {
    const char *operation, *action;
} operations[] = {
    {"CompleteMultipartUpload", "PutObject"},
    {"CopyObject", "PutObject, and GetObject on the source"},
    {"CreateMultipartUpload", "PutObject"},
    {"DeleteBucketEncryption", "PutEncryptionConfiguration"},
    {"DeleteBucketLifecycle", "PutLifecycleConfiguration"},
    {"DeleteBucketReplication", "PutReplicationConfiguration"},
    {"DeleteBucketTagging", "PutBucketTagging"},
    {"DeleteObjects", "DeleteObject"},
    {"GetBucketEncryption", "GetEncryptionConfiguration"},
    {"GetBucketLifecycle", "GetLifecycleConfiguration"},
    {"GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"},
    {"GetBucketReplication", "GetReplicationConfiguration"},
    {"GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"},
    {"GetPublicAccessBlock", "GetBucketPublicAccessBlock"},
    {"HeadBucket", "ListBucket"},
    {"HeadObject", "GetObject"},
    {"ListBuckets", "ListAllMyBuckets"},
    {"ListMultipartUploads", "ListBucketMultipartUploads"},
    {"ListObjectVersions", "ListBucketVersions"},
    {"ListObjects", "ListBucket"},
    {"ListObjectsV2", "ListBucket"},
    {"ListParts", "ListMultipartUploadParts"},
    {"PostObject", "PutObject"},
    {"PutBucketEncryption", "PutEncryptionConfiguration"},
    {"PutBucketLifecycle", "PutLifecycleConfiguration"},
    {"PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"},
    {"PutBucketReplication", "PutReplicationConfiguration"},
    {"PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"},
    {"PutPublicAccessBlock", "PutBucketPublicAccessBlock"},
    {"SelectObjectContent", "GetObject"},
    {"UploadPart", "PutObject"},
    {"UploadPartCopy", "PutObject, and GetObject on the source"},
};

static bool no_action(struct str name, const char *service, struct sbuf *fault)
{
    const char *words[S3_ACTIONS_N], *nearest;

    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (!str_eq_nocase(name, str_from(operations[i].operation))) continue;
        sbuf_printf(fault, "%s is an operation, and no action; write %s%s", operations[i].operation, service,
                    operations[i].action);
        return false;
    }
    for (unsigned a = 1; a < S3_ACTIONS_N; a++)
        words[a] = s3_action_name((enum s3_action)a);
    nearest = str_nearest(name, words + 1, S3_ACTIONS_N - 1);
    bool is_pattern = str_index(name, '*') != SIZE_MAX || str_index(name, '?') != SIZE_MAX;
    sbuf_printf(fault, is_pattern ? "no action matches %s%.*s; " : "the action %s%.*s does not exist; ", service,
                STR_ARG(str_head(name, 100)));
    if (nearest)
        sbuf_printf(fault, "did you mean %s%s?", service, nearest);
    else
        sbuf_printf(fault, "AWS's Service Authorization Reference lists those of S3");
    return false;
}

static bool only_stars(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '*') return false;
    return s.n > 0;
}

static bool matches_nocase(const char *name, struct str pattern)
{
    char a[128], b[128];
    struct sbuf lower = sbuf_make(a, sizeof a), wanted = sbuf_make(b, sizeof b);

    sbuf_lower(&lower, str_from(name));
    sbuf_lower(&wanted, pattern);
    return !lower.overflow && !wanted.overflow && str_matches(sbuf_str(&lower), sbuf_str(&wanted));
}

static bool add_matching(struct action_set *set, struct str pattern)
{
    bool any = false;

    for (unsigned a = S3_ACTION_UNKNOWN + 1; a < S3_ACTIONS_N; a++) {
        if (!matches_nocase(s3_action_name((enum s3_action)a), pattern)) continue;
        action_set_add(set, a);
        any = true;
    }
    if (only_stars(pattern)) action_set_add(set, S3_ACTION_UNKNOWN);
    return any;
}

bool actions_add(struct action_set *set, struct str pattern, bool bare, struct sbuf *fault)
{
    bool has_service = str_starts_nocase(pattern, STR("s3:"));
    struct str name = has_service ? str_tail(pattern, 3) : pattern;

    if (!has_service && !bare && !only_stars(pattern)) {
        if (str_index(pattern, ':') == SIZE_MAX)
            sbuf_printf(fault, "an action is written with its service; write s3:%.*s", STR_ARG(str_head(name, 100)));
        else
            sbuf_printf(fault, "%.*s is no action of S3, and no other passes here; remove it",
                        STR_ARG(str_head(pattern, 100)));
        return false;
    }
    if (add_matching(set, name)) return true;
    return no_action(name, bare ? "" : "s3:", fault);
}
