/* SPDX-License-Identifier: Apache-2.0
 * test_asked.c: requests as they come, and the pairs and values that they ask for: every operation, every header that
 * asks for more, copy sources, bodies.
 */
#include "policy/asked.h"

#include "aws/s3/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOW_S = 1767323045 /* 2026-01-02T03:04:05Z */, ARENA_BYTES = 64 * 1024, ARENA_LIMIT = 512 * 1024 };
#define HOST "s3.ap-northeast-1.amazonaws.com"

struct fixture {
    struct arena arena;
    struct headers headers, set;
    struct s3_host host;
    struct netaddr peer;
    struct query_param query[16];
    struct asked asked;
    char told[4096];
    struct sbuf b;
    size_t most; /* pairs that are wanted; 0: all */
};

static bool tell(void *data, const struct asked *a, const struct policy_ask *ask)
{
    struct fixture *x = data;
    struct str resource = ask->resource;

    assert_ptr_equal(a, &x->asked);
    if (str_starts(resource, STR("arn:aws:s3:::"))) resource = str_tail(resource, sizeof("arn:aws:s3:::") - 1);
    sbuf_printf(&x->b, "%s%s ", x->b.n ? "; " : "", s3_action_name(ask->action));
    sbuf_add(&x->b, resource);
    return --x->most != 0;
}

static struct str copy(struct fixture *x, struct str s)
{
    struct str out = arena_dup(&x->arena, s);

    assert_true(out.p || !s.n);
    return out;
}

/* What the steps before the policy do. */
static void find_target(struct fixture *x, const struct uri *uri, enum http_method method)
{
    struct asked *a = &x->asked;
    struct sbuf path = arena_sbuf(&x->arena, uri->path.n + 1);
    enum operation_level level;

    assert_true(uri_decode(uri->path, true, path.p, &path.n));
    a->bucket = x->host.prefix;
    if (x->host.prefix.n)
        a->key = str_tail(sbuf_str(&path), 1);
    else
        s3_path_split(sbuf_str(&path), &a->bucket, &a->key);
    level = a->key.n ? LEVEL_OBJECT : a->bucket.n ? LEVEL_BUCKET : LEVEL_SERVICE;
    a->operation = s3_host_has_bucket(&x->host) ? operation_find(method, level, a->query, a->query_n, &x->headers)
                                                : operation_of_service(x->host.service, method, sbuf_str(&path));
    if (!s3_host_has_bucket(&x->host)) a->bucket = a->key = STR_NONE;
}

static void take(struct fixture *x, const char *line, const char *headers)
{
    char raw[8192];
    struct head_request *head = arena_alloc(&x->arena, sizeof(*head));
    struct header *fields = arena_alloc(&x->arena, 32 * sizeof(*fields));
    bool has_host = strncmp(headers, "Host:", 5) == 0;
    struct uri uri;
    struct err err;
    int n = snprintf(raw, sizeof(raw), "%s HTTP/1.1\r\n%s%s%s\r\n", line, has_host ? "" : "Host: " HOST "\r\n", headers,
                     *headers ? "\r\n" : "");

    assert_int_equal(head_parse_request(copy(x, str_make(raw, (size_t)n)), fields, head, &err), ERR_NONE);
    assert_int_equal(uri_split(head->target, false, &uri, &err), ERR_NONE);
    assert_true(netaddr_parse(STR("192.0.2.7:4711"), 0, &x->peer));
    assert_int_equal(s3_host_parse(head->host, &x->host, &err), ERR_NONE);
    x->headers = head->headers;
    x->asked = (struct asked){.arena = &x->arena,
                              .host = &x->host,
                              .region = STR("ap-northeast-1"),
                              .fields = &x->headers,
                              .set = &x->set,
                              .query = x->query,
                              .query_n = query_split(uri.query, x->query, ARRAY_LEN(x->query)),
                              .client = STR("alice"),
                              .peer = &x->peer,
                              .now_ms = NOW_S * 1000LL};
    if (strstr(line, "X-Amz-Signature=")) x->asked.query_has_fields = true;
    find_target(x, &uri, head->method_id);
    x->b = sbuf_make(x->told, sizeof(x->told));
    x->most = 0;
}

static enum err_code ask(struct fixture *x, const char *body, struct err *err)
{
    TRY(asked_begin(&x->asked, err));
    TRY(asked_head(&x->asked, tell, x, err));
    if (!asked_needs_body(x->asked.operation)) return ERR_NONE;
    return asked_body(&x->asked, str_from(body), tell, x, err);
}

#define SIGNED "X-Amz-Signature=1&"

static const struct row {
    const char *line, *headers, *body, *pairs;
} rows[] = {
    /* clang-format off */
    {"GET /b?location", "", "", "GetBucketLocation b"},
    {"GET /b?acl", "", "", "GetBucketAcl b"},
    {"GET /b?policy", "", "", "GetBucketPolicy b"},
    {"GET /b?policyStatus", "", "", "GetBucketPolicyStatus b"},
    {"GET /b?versioning", "", "", "GetBucketVersioning b"},
    {"GET /b?tagging", "", "", "GetBucketTagging b"},
    {"GET /b?cors", "", "", "GetBucketCORS b"},
    {"GET /b?lifecycle", "", "", "GetLifecycleConfiguration b"},
    {"GET /b?website", "", "", "GetBucketWebsite b"},
    {"GET /b?logging", "", "", "GetBucketLogging b"},
    {"GET /b?notification", "", "", "GetBucketNotification b"},
    {"GET /b?encryption", "", "", "GetEncryptionConfiguration b"},
    {"GET /b?object-lock", "", "", "GetBucketObjectLockConfiguration b"},
    {"GET /b?replication", "", "", "GetReplicationConfiguration b"},
    {"GET /b?accelerate", "", "", "GetAccelerateConfiguration b"},
    {"GET /b?requestPayment", "", "", "GetBucketRequestPayment b"},
    {"GET /b?metrics&id=1", "", "", "GetMetricsConfiguration b"},
    {"GET /b?metrics", "", "", "GetMetricsConfiguration b"},
    {"GET /b?analytics&id=1", "", "", "GetAnalyticsConfiguration b"},
    {"GET /b?analytics", "", "", "GetAnalyticsConfiguration b"},
    {"GET /b?inventory&id=1", "", "", "GetInventoryConfiguration b"},
    {"GET /b?inventory", "", "", "GetInventoryConfiguration b"},
    {"GET /b?intelligent-tiering&id=1", "", "", "GetIntelligentTieringConfiguration b"},
    {"GET /b?intelligent-tiering", "", "", "GetIntelligentTieringConfiguration b"},
    {"GET /b?ownershipControls", "", "", "GetBucketOwnershipControls b"},
    {"GET /b?publicAccessBlock", "", "", "GetBucketPublicAccessBlock b"},
    {"GET /b?metadataConfiguration", "", "", "GetBucketMetadataTableConfiguration b"},
    {"GET /b?metadataTable", "", "", "GetBucketMetadataTableConfiguration b"},
    {"GET /b?abac", "", "", "GetBucketAbac b"},
    {"GET /b?versions&prefix=a", "", "", "ListBucketVersions b"},
    {"GET /b?uploads", "", "", "ListBucketMultipartUploads b"},
    {"GET /b?list-type=2&prefix=a", "", "", "ListBucket b"},
    {"GET /b", "", "", "ListBucket b"},
    {"HEAD /b", "", "", "ListBucket b"},
    {"PUT /b?acl", "", "", "PutBucketAcl b"},
    {"PUT /b?policy", "", "", "PutBucketPolicy b"},
    {"PUT /b?versioning", "", "", "PutBucketVersioning b"},
    {"PUT /b?tagging", "", "", "PutBucketTagging b"},
    {"PUT /b?cors", "", "", "PutBucketCORS b"},
    {"PUT /b?lifecycle", "", "", "PutLifecycleConfiguration b"},
    {"PUT /b?website", "", "", "PutBucketWebsite b"},
    {"PUT /b?logging", "", "", "PutBucketLogging b"},
    {"PUT /b?notification", "", "", "PutBucketNotification b"},
    {"PUT /b?encryption", "", "", "PutEncryptionConfiguration b"},
    {"PUT /b?object-lock", "", "", "PutBucketObjectLockConfiguration b"},
    {"PUT /b?replication", "", "", "PutReplicationConfiguration b"},
    {"PUT /b?accelerate", "", "", "PutAccelerateConfiguration b"},
    {"PUT /b?requestPayment", "", "", "PutBucketRequestPayment b"},
    {"PUT /b?metrics&id=1", "", "", "PutMetricsConfiguration b"},
    {"PUT /b?analytics&id=1", "", "", "PutAnalyticsConfiguration b"},
    {"PUT /b?inventory&id=1", "", "", "PutInventoryConfiguration b"},
    {"PUT /b?intelligent-tiering&id=1", "", "", "PutIntelligentTieringConfiguration b"},
    {"PUT /b?ownershipControls", "", "", "PutBucketOwnershipControls b"},
    {"PUT /b?publicAccessBlock", "", "", "PutBucketPublicAccessBlock b"},
    {"PUT /b?metadataInventoryTable", "", "", "UpdateBucketMetadataInventoryTableConfiguration b"},
    {"PUT /b?metadataJournalTable", "", "", "UpdateBucketMetadataJournalTableConfiguration b"},
    {"PUT /b?abac", "", "", "PutBucketAbac b"},
    {"PUT /b", "", "", "CreateBucket b"},
    {"DELETE /b?policy", "", "", "DeleteBucketPolicy b"},
    {"DELETE /b?tagging", "", "", "PutBucketTagging b"},
    {"DELETE /b?cors", "", "", "PutBucketCORS b"},
    {"DELETE /b?lifecycle", "", "", "PutLifecycleConfiguration b"},
    {"DELETE /b?website", "", "", "DeleteBucketWebsite b"},
    {"DELETE /b?encryption", "", "", "PutEncryptionConfiguration b"},
    {"DELETE /b?replication", "", "", "PutReplicationConfiguration b"},
    {"DELETE /b?metrics&id=1", "", "", "PutMetricsConfiguration b"},
    {"DELETE /b?analytics&id=1", "", "", "PutAnalyticsConfiguration b"},
    {"DELETE /b?inventory&id=1", "", "", "PutInventoryConfiguration b"},
    {"DELETE /b?intelligent-tiering&id=1", "", "", "PutIntelligentTieringConfiguration b"},
    {"DELETE /b?ownershipControls", "", "", "PutBucketOwnershipControls b"},
    {"DELETE /b?publicAccessBlock", "", "", "PutBucketPublicAccessBlock b"},
    {"DELETE /b?metadataConfiguration", "", "", "DeleteBucketMetadataTableConfiguration b"},
    {"DELETE /b?metadataTable", "", "", "DeleteBucketMetadataTableConfiguration b"},
    {"DELETE /b", "", "", "DeleteBucket b"},
    {"POST /b?metadataConfiguration", "", "", "CreateBucketMetadataTableConfiguration b"},
    {"POST /b?metadataTable", "", "", "CreateBucketMetadataTableConfiguration b"},
    {"GET /b?session", "", "", "* b; * b/*"},
    {"GET /", "", "", "ListAllMyBuckets *"},
    {"HEAD /", "", "", "ListAllMyBuckets *"},
    {"GET /?prefix=x&max-buckets=1", "", "", "ListAllMyBuckets *"},
    {"GET /b/k", "", "", "GetObject b/k"},
    {"GET /b/k?versionId=3", "", "", "GetObjectVersion b/k"},
    {"HEAD /b/k", "", "", "GetObject b/k"},
    {"HEAD /b/k?versionId=3", "", "", "GetObjectVersion b/k"},
    {"GET /b/k?acl", "", "", "GetObjectAcl b/k"},
    {"GET /b/k?acl&versionId=3", "", "", "GetObjectVersionAcl b/k"},
    {"GET /b/k?tagging", "", "", "GetObjectTagging b/k"},
    {"GET /b/k?tagging&versionId=3", "", "", "GetObjectVersionTagging b/k"},
    {"GET /b/k?legal-hold", "", "", "GetObjectLegalHold b/k"},
    {"GET /b/k?legal-hold&versionId=3", "", "", "GetObjectLegalHold b/k"},
    {"GET /b/k?retention", "", "", "GetObjectRetention b/k"},
    {"GET /b/k?retention&versionId=3", "", "", "GetObjectRetention b/k"},
    {"GET /b/k?torrent", "", "", "GetObjectTorrent b/k"},
    {"GET /b/k?torrent&versionId=3", "", "", "GetObjectVersionTorrent b/k"},
    {"GET /b/k?annotation&annotationName=n", "", "", "GetObjectAnnotation b/k"},
    {"GET /b/k?annotation&annotationName=n&versionId=3", "", "", "GetObjectVersionAnnotation b/k"},
    {"GET /b/k?annotation", "", "", "ListObjectAnnotations b/k"},
    {"GET /b/k?annotation&versionId=3", "", "", "ListObjectVersionAnnotations b/k"},
    {"PUT /b/k?acl", "", "", "PutObjectAcl b/k"},
    {"PUT /b/k?acl&versionId=3", "", "", "PutObjectVersionAcl b/k"},
    {"PUT /b/k?tagging", "", "", "PutObjectTagging b/k"},
    {"PUT /b/k?tagging&versionId=3", "", "", "PutObjectVersionTagging b/k"},
    {"PUT /b/k?legal-hold", "", "", "PutObjectLegalHold b/k"},
    {"PUT /b/k?legal-hold&versionId=3", "", "", "PutObjectLegalHold b/k"},
    {"PUT /b/k?retention", "", "", "PutObjectRetention b/k"},
    {"PUT /b/k?retention&versionId=3", "", "", "PutObjectRetention b/k"},
    {"PUT /b/k?encryption", "", "", "UpdateObjectEncryption b/k"},
    {"PUT /b/k?encryption&versionId=3", "", "", "UpdateObjectEncryption b/k"},
    {"PUT /b/k?annotation&annotationName=n", "", "", "PutObjectAnnotation b/k"},
    {"PUT /b/k?annotation&annotationName=n&versionId=3", "", "", "PutObjectVersionAnnotation b/k"},
    {"POST /b/k?restore", "", "", "RestoreObject b/k"},
    {"POST /b/k?restore&versionId=3", "", "", "RestoreObject b/k"},
    {"POST /b/k?select&select-type=2", "", "", "GetObject b/k"},
    {"POST /b/k?select&select-type=2&versionId=3", "", "", "GetObjectVersion b/k"},
    {"DELETE /b/k", "", "", "DeleteObject b/k"},
    {"DELETE /b/k?versionId=3", "", "", "DeleteObjectVersion b/k"},
    {"DELETE /b/k?tagging", "", "", "DeleteObjectTagging b/k"},
    {"DELETE /b/k?tagging&versionId=3", "", "", "DeleteObjectVersionTagging b/k"},
    {"DELETE /b/k?annotation&annotationName=n", "", "", "DeleteObjectAnnotation b/k"},
    {"DELETE /b/k?annotation&annotationName=n&versionId=3", "", "", "DeleteObjectVersionAnnotation b/k"},
    {"GET /b/k?attributes", "", "", "GetObject b/k; GetObjectAttributes b/k"},
    {"GET /b/k?attributes&versionId=3", "", "", "GetObjectVersion b/k; GetObjectVersionAttributes b/k"},
    {"GET /b/k?uploadId=1", "", "", "ListMultipartUploadParts b/k"},
    {"GET /b/k?response-expires=x&partNumber=1", "", "", "GetObject b/k"},
    {"PUT /b/k", "", "", "PutObject b/k"},
    {"PUT /b/k?uploadId=1&partNumber=1", "", "", "PutObject b/k"},
    {"PUT /b/k?renameObject", "x-amz-rename-source: /src/old", "", "PutObject b/k; GetObject src/old; DeleteObject src/old"},
    {"PUT /b/k?renameObject", "x-amz-rename-source: src/old?versionId=3", "", "PutObject b/k; * *"},
    {"POST /b/k?uploads", "", "", "PutObject b/k"},
    {"POST /b/k?uploadId=1", "", "", "PutObject b/k"},
    {"DELETE /b/k?uploadId=1", "", "", "AbortMultipartUpload b/k"},
    /* keys: decoded once, every byte kept */
    {"GET /b/a%2Fb", "", "", "GetObject b/a/b"},
    {"GET /b//a", "", "", "GetObject b//a"},
    {"GET /b/%2e%2e/x", "", "", "GetObject b/../x"},
    {"GET /b/%252e", "", "", "GetObject b/%2e"},
    {"GET /b/A", "", "", "GetObject b/A"},
    {"GET /b/%C3%A9", "", "", "GetObject b/\xc3\xa9"},
    {"GET http://s3.ap-northeast-1.amazonaws.com/b/k", "", "", "GetObject b/k"},
    {"GET /k", "Host: b.s3.ap-northeast-1.amazonaws.com", "", "GetObject b/k"},
    {"GET /", "Host: b.s3.ap-northeast-1.amazonaws.com", "", "ListBucket b"},
    /* partitions and access points */
    {"GET /b/k", "Host: s3.cn-north-1.amazonaws.com.cn", "", "GetObject arn:aws-cn:s3:::b/k"},
    {"GET /b/k", "Host: s3.us-gov-west-1.amazonaws.com", "", "GetObject arn:aws-us-gov:s3:::b/k"},
    {"GET /k", "Host: p-1-123456789012.s3-accesspoint.ap-northeast-1.amazonaws.com", "", "GetObject arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/object/k"},
    {"GET /?list-type=2", "Host: p-1-123456789012.s3-accesspoint.ap-northeast-1.amazonaws.com", "", "ListBucket arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1"},
    {"PUT /?foo", "Host: p-1-123456789012.s3-accesspoint.ap-northeast-1.amazonaws.com", "", "* arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1; * arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/object/*"},
    {"GET /k", "Host: p-1-123456789012.s3-object-lambda.ap-northeast-1.amazonaws.com", "", "GetObject arn:aws:s3-object-lambda:ap-northeast-1:123456789012:accesspoint/p-1/object/k"},
    {"GET /k", "Host: p-1-123456789012.op-1.s3-outposts.ap-northeast-1.amazonaws.com", "", "GetObject arn:aws:s3-outposts:ap-northeast-1:123456789012:outpost/op-1/accesspoint/p-1/object/k"},
    {"GET /k", "Host: p-0123-s3alias.s3.ap-northeast-1.amazonaws.com", "", "GetObject p-0123-s3alias/k"},
    /* what nobody knows */
    {"GET /b?what", "", "", "* b; * b/*"},
    {"PUT /b?what", "", "", "* b; * b/*"},
    {"PUT /b/k?what", "", "", "* b/k; * b; * b/*"},
    {"POST /b?delete&what", "", "", "* b; * b/*"},
    {"GET /b?prefix=a&prefix=b", "", "", "* b; * b/*"},
    {"GET /b/k?versionId=1&versionId=2", "", "", "* b/k; * b; * b/*"},
    {"POST /b/k", "Content-Type: multipart/form-data; boundary=x", "", "* b/k; * b; * b/*"},
    {"GET /?what", "", "", "* *"},
    {"POST /b", "Content-Type: multipart/form-data; boundary=x", "", "* b; * b/*"},
    {"GET /v20180820/bucket", "Host: 123456789012.s3-control.ap-northeast-1.amazonaws.com", "", "* *"},
    {"POST /WriteGetObjectResponse", "Host: io-cell.s3-object-lambda.ap-northeast-1.amazonaws.com", "", "* *"},
    /* what headers ask for besides */
    {"PUT /b/k", "x-amz-acl: private", "", "PutObject b/k"},
    {"PUT /b/k", "x-amz-acl: bucket-owner-full-control", "", "PutObject b/k"},
    {"PUT /b/k", "x-amz-acl: bucket-owner-read", "", "PutObject b/k"},
    {"PUT /b/k", "x-amz-acl: ", "", "PutObject b/k"},
    {"PUT /b/k", "X-AMZ-ACL: public-read", "", "PutObject b/k; PutObjectAcl b/k"},
    {"PUT /b/k", "x-amz-acl: Private", "", "PutObject b/k; PutObjectAcl b/k"},
    {"PUT /b/k", "x-amz-grant-read: id=x", "", "PutObject b/k; PutObjectAcl b/k"},
    {"POST /b/k?uploads", "x-amz-grant-full-control: id=x\r\nX-Amz-Tagging: a=b", "", "PutObject b/k; PutObjectAcl b/k; PutObjectTagging b/k"},
    {"PUT /b/k?acl", "x-amz-acl: public-read", "", "PutObjectAcl b/k"},
    {"PUT /b/k?acl&versionId=1", "x-amz-acl: public-read", "", "PutObjectVersionAcl b/k"},
    {"PUT /b?acl", "x-amz-acl: public-read", "", "PutBucketAcl b"},
    {"PUT /b", "x-amz-acl: public-read", "", "PutBucketAcl b; CreateBucket b"},
    {"PUT /b", "x-amz-bucket-object-lock-enabled: true", "", "PutBucketObjectLockConfiguration b; PutBucketVersioning b; CreateBucket b"},
    {"PUT /b", "x-amz-object-ownership: ObjectWriter", "", "PutBucketOwnershipControls b; CreateBucket b"},
    {"PUT /b/k", "x-amz-tagging: a=b", "", "PutObject b/k; PutObjectTagging b/k"},
    {"PUT /b/k", "x-amz-tagging:", "", "PutObject b/k"},
    {"PUT /b/k", "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-retain-until-date: 2030-01-01T00:00:00Z", "", "PutObject b/k; PutObjectRetention b/k"},
    {"PUT /b/k", "x-amz-object-lock-retain-until-date: 2030-01-01T00:00:00Z", "", "PutObject b/k; PutObjectRetention b/k"},
    {"PUT /b/k", "x-amz-object-lock-legal-hold: OFF", "", "PutObject b/k; PutObjectLegalHold b/k"},
    {"DELETE /b/k?versionId=1", "x-amz-bypass-governance-retention: true", "", "DeleteObjectVersion b/k; BypassGovernanceRetention b/k"},
    {"DELETE /b/k", "x-amz-bypass-governance-retention: false", "", "DeleteObject b/k"},
    {"DELETE /b/k?versionId=", "", "", "DeleteObjectVersion b/k; DeleteObject b/k"},
    {"PUT /b/k?retention", "x-amz-bypass-governance-retention: TRUE", "", "BypassGovernanceRetention b/k; PutObjectRetention b/k"},
    {"PUT /b/k?" SIGNED "X-Amz-%41cl=public%2Dread", "", "", "PutObject b/k; PutObjectAcl b/k"},
    /* copies */
    {"PUT /b/k", "x-amz-copy-source: /src/x", "", "PutObject b/k; GetObject src/x; GetObjectTagging src/x; PutObjectTagging b/k"},
    {"PUT /b/k", "X-Amz-Copy-Source: src/x", "", "PutObject b/k; GetObject src/x; GetObjectTagging src/x; PutObjectTagging b/k"},
    {"PUT /b/k", "x-amz-copy-source: src/x\r\nx-amz-tagging-directive: REPLACE", "", "PutObject b/k; GetObject src/x"},
    {"PUT /b/k", "x-amz-copy-source: src/x\r\nx-amz-tagging-directive: REPLACE\r\nx-amz-tagging: a=b", "", "PutObject b/k; PutObjectTagging b/k; GetObject src/x"},
    {"PUT /b/k", "x-amz-copy-source: src/x?versionId=3", "", "PutObject b/k; GetObjectVersion src/x; GetObjectVersionTagging src/x; PutObjectTagging b/k"},
    {"PUT /b/k", "x-amz-copy-source: src/x%3FversionId=3", "", "PutObject b/k; GetObject src/x?versionId=3; GetObjectTagging src/x?versionId=3; PutObjectTagging b/k"},
    {"PUT /b/k", "x-amz-copy-source: %2Fsrc%2Fa/b", "", "PutObject b/k; GetObject src/a/b; GetObjectTagging src/a/b; PutObjectTagging b/k"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/a+b", "", "PutObject b/k; GetObject src/a+b; GetObject src/a b"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/x?versionId=%33", "", "PutObject b/k; GetObjectVersion src/x"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/object/x", "", "PutObject b/k; GetObject arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/object/x"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: arn%3Aaws%3As3%3Aap-northeast-1%3A123456789012%3Aaccesspoint/p-1/object/x%2Fy", "", "PutObject b/k; GetObject arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/object/x/y"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: arn:aws:s3-outposts:r:1:outpost/o/accesspoint/p/object/x", "", "PutObject b/k; GetObject arn:aws:s3-outposts:r:1:outpost/o/accesspoint/p/object/x"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: /", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: ", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: //src/x", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: http://src/x", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src?x=/y", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/x?what=1", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/x?versionId=", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/x?", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/x?versionId=1&versionId=2", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/any/x", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/object/", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: arn:aws:iam:r:1:accesspoint/p/object/x", "", "PutObject b/k; * *"},
    {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: %zz/x", "", "PutObject b/k; * *"},
    /* bodies */
    {"POST /b?delete", "", "<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>k</Key></Object><Quiet>true</Quiet><Object><Key>l</Key></Object></Delete>", "DeleteObject b/k; DeleteObject b/l"},
    {"POST /b?delete", "", "<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><VersionId>3</VersionId><Key>k</Key></Object></Delete>", "DeleteObjectVersion b/k"},
    {"POST /b?delete", "x-amz-bypass-governance-retention: true", "<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>k</Key><VersionId>3</VersionId></Object><Object><Key>l</Key></Object></Delete>", "DeleteObjectVersion b/k; BypassGovernanceRetention b/k; DeleteObject b/l; BypassGovernanceRetention b/l"},
    {"POST /b?delete", "", "<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>k</Key><VersionId></VersionId></Object></Delete>", "DeleteObjectVersion b/k; DeleteObject b/k"},
    {"POST /b?%64elete", "", "<?xml version='1.0' encoding='UTF-8'?>\n<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>a&amp;b/&#233; c</Key><ETag>x</ETag></Object></Delete>", "DeleteObject b/a&b/\xc3\xa9 c"},
    {"POST /?delete", "Host: p-1-123456789012.s3-accesspoint.ap-northeast-1.amazonaws.com", "<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>k</Key></Object></Delete>", "DeleteObject arn:aws:s3:ap-northeast-1:123456789012:accesspoint/p-1/object/k"},
    {"POST /b?delete", "", "<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>k</Key><What/></Object></Delete>", "* *"},
    {"POST /b?delete", "", "<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>k</Key></Object><x:Object xmlns:x='y'><Key>l</Key></x:Object></Delete>", "DeleteObject b/k; * *"},
    {"PUT /b", "", "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>", "CreateBucket b"},
    {"PUT /b", "", "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>", "TagResource b; CreateBucket b"},
    {"PUT /b", "", "<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>", "* *; CreateBucket b"},
    {"POST /b/k?restore", "", "<RestoreRequest><Days>1</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>", "RestoreObject b/k"},
    {"POST /b/k?restore", "", "<RestoreRequest><OutputLocation><S3><BucketName>c</BucketName></S3></OutputLocation></RestoreRequest>", "* *; RestoreObject b/k"},
    {"POST /b/k?restore", "", "<RestoreRequest><Type>SELECT</Type></RestoreRequest>", "* *; RestoreObject b/k"},
    {"PUT /b/k?retention", "", "<Retention><Mode>GOVERNANCE</Mode></Retention>", "PutObjectRetention b/k"},
    {"PUT /b/k?tagging", "", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", "PutObjectTagging b/k"},
    /* clang-format on */
};

static void begin(struct fixture *x)
{
    memset(x, 0, sizeof(*x));
    arena_init(&x->arena, ARENA_BYTES, ARENA_LIMIT);
}

static void test_asked_pairs(void **state)
{
    bool seen[OPERATION_NUMBERS] = {false};
    struct fixture x;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];

        begin(&x);
        take(&x, row->line, row->headers);
        if (!*row->body && x.asked.operation->judges == JUDGES_KEYS) fail_msg("row %zu needs a body", i);
        if (ask(&x, row->body, &err) != ERR_NONE) fail_msg("%s %s: %s", row->line, row->headers, err.detail);
        assert_false(x.b.overflow);
        x.told[x.b.n] = '\0';
        if (strcmp(x.told, row->pairs) != 0)
            fail_msg("%s %s %s\n  asks for %s\n  not for  %s", row->line, row->headers, row->body, x.told, row->pairs);
        seen[operation_number(x.asked.operation)] = true;
        arena_clear(&x.arena);
    }
    for (unsigned n = 1; operation_name(n); n++)
        if (!seen[n] && strcmp(operation_name(n), "Unknown") != 0) fail_msg("no row is a %s", operation_name(n));
}

/* --- bodies and heads that are refused --- */

#define KEY "<Object><Key>k</Key></Object>"

static void test_asked_refuses(void **state)
{
    static const struct {
        const char *line, *headers, *body;
        enum err_code code;
    } cases[] = {
        {"POST /b?delete", "", "", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete></Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete><Object></Object></Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete><Object><Key></Key></Object></Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete><Object><Key>a<!-- --></Key></Object></Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete><Object><Key><![CDATA[a]]></Key></Object></Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete>" KEY "<?x y?></Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete>x" KEY "</Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<!DOCTYPE d [<!ENTITY e 'x'>]><Delete>" KEY "</Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<?xml version='1.0' encoding='UTF-7'?><Delete>" KEY "</Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<?xml version='1.0' encoding='utf-8x'?><Delete>" KEY "</Delete>", ERR_BODY_MALFORMED},
        {"POST /b?delete", "", "<Delete>" KEY "</Delete><Delete/>", ERR_BODY_MALFORMED},
        {"PUT /b/k?tagging", "", "<Tagging><What/></Tagging>", ERR_FORM_TAGGING},
        {"PUT /b/k?retention", "", "<Retention><Mode>a</Mode><Mode>b</Mode></Retention>", ERR_BODY_MALFORMED},
        {"PUT /b/k", "x-amz-acl: private\r\nX-Amz-Acl: public-read", "", ERR_BAD_REQUEST},
        {"PUT /b/k?x-amz-acl=public-read", "x-amz-acl: private", "", ERR_PARAM_MISPLACED},
        {"PUT /b/k?X-Amz-Storage-Class=GLACIER", "", "", ERR_PARAM_MISPLACED},
        {"PUT /b/k?x-amz-tagging-directive=REPLACE", "x-amz-copy-source: src/x", "", ERR_PARAM_MISPLACED},
        {"PUT /b/k?" SIGNED "x-amz-acl=public-read", "x-amz-acl: private", "", ERR_BAD_REQUEST},
        {"PUT /b/k", "x-amz-tagging: a=b\r\nx-amz-tagging: c=d", "", ERR_BAD_REQUEST},
    };
    struct fixture x;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(&x);
        take(&x, cases[i].line, cases[i].headers);
        if (ask(&x, cases[i].body, &err) != cases[i].code) fail_msg("case %zu: %s", i, x.told);
        arena_clear(&x.arena);
    }
}

static char *many_keys(size_t n)
{
    char *body = malloc(n * sizeof(KEY) + 32);
    size_t at;

    assert_non_null(body);
    at = (size_t)sprintf(body, "<Delete>");
    for (size_t i = 0; i < n; i++)
        at += (size_t)sprintf(body + at, KEY);
    strcpy(body + at, "</Delete>");
    return body;
}

static bool count(void *data, const struct asked *a, const struct policy_ask *ask)
{
    (void)a;
    assert_int_equal(ask->action, S3_ACTION_DeleteObject);
    ++*(size_t *)data;
    return true;
}

static void test_asked_takes_a_thousand_keys_and_no_more(void **state)
{
    static const size_t numbers[] = {ASKED_KEYS_MOST, ASKED_KEYS_MOST + 1};
    struct fixture x;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char *body = many_keys(numbers[i]);
        size_t n = 0;

        begin(&x);
        take(&x, "POST /b?delete", "");
        assert_int_equal(asked_begin(&x.asked, &err), ERR_NONE);
        assert_int_equal(asked_body(&x.asked, str_from(body), count, &n, &err), i ? ERR_BODY_MALFORMED : ERR_NONE);
        assert_int_equal(n, ASKED_KEYS_MOST);
        arena_clear(&x.arena);
        free(body);
    }
}

/* Who has heard enough hears no more. */
static void test_asked_stops(void **state)
{
    struct fixture x;
    struct err err;

    (void)state;
    begin(&x);
    take(&x, "POST /b?delete", "");
    x.most = 1;
    assert_int_equal(ask(&x, "<Delete>" KEY KEY "</Delete>", &err), ERR_NONE);
    assert_string_equal((x.told[x.b.n] = '\0', x.told), "DeleteObject b/k");
    arena_clear(&x.arena);
}

/* --- values --- */

static struct str tag_of(const void *who, struct str name)
{
    assert_string_equal(who, "who");
    return str_eq_nocase(name, STR("team")) ? STR("a") : STR_NONE;
}

/* What policies set counts for conditions, and is not asked for by the client. */
static void test_asked_fields_that_are_set(void **state)
{
    struct header set[] = {{STR("x-amz-acl"), STR_NONE, HDR_OTHER}, {STR("x-amz-tagging"), STR("a=b"), HDR_OTHER}};
    struct str v[POLICY_VALUES_MOST];
    struct fixture x;
    struct err err;

    (void)state;
    begin(&x);
    take(&x, "PUT /b/k", "x-amz-acl: public-read");
    x.set = (struct headers){set, 2};
    assert_int_equal(ask(&x, "", &err), ERR_NONE);
    x.told[x.b.n] = '\0';
    assert_string_equal(x.told, "PutObject b/k");
    assert_int_equal(x.asked.context.values(&x.asked.context, POLICY_KEY_ACL, STR(""), v), 0);
    assert_int_equal(x.asked.context.values(&x.asked.context, POLICY_KEY_REQUEST_OBJECT_TAG_KEYS, STR(""), v), 1);
    arena_clear(&x.arena);
}

static void test_asked_values(void **state)
{
    static const struct {
        const char *line, *headers, *body;
        enum policy_key key;
        const char *name, *values; /* joined by '|'; NULL: there is none */
    } cases[] = {
        /* clang-format off */
        {"GET /b", "", "", POLICY_KEY_CURRENT_TIME, "", "2026-01-02T03:04:05Z"},
        {"GET /b", "", "", POLICY_KEY_EPOCH_TIME, "", "1767323045"},
        {"GET /b", "X-Forwarded-For: 10.0.0.1", "", POLICY_KEY_SOURCE_IP, "", "192.0.2.7"},
        {"GET /b", "", "", POLICY_KEY_SECURE_TRANSPORT, "", "true"},
        {"GET /b", "", "", POLICY_KEY_TLS_VERSION, "", "1.3"},
        {"GET /b", "", "", POLICY_KEY_USERNAME, "", "alice"},
        {"GET /b", "", "", POLICY_KEY_USER_ID, "", "alice"},
        {"GET /b", "", "", POLICY_KEY_PRINCIPAL_TAG, "Team", "a"},
        {"GET /b", "", "", POLICY_KEY_PRINCIPAL_TAG, "other", NULL},
        {"GET /b", "", "", POLICY_KEY_REQUESTED_REGION, "", "ap-northeast-1"},
        {"GET /b", "Referer: r", "", POLICY_KEY_REFERER, "", "r"},
        {"GET /b", "USER-AGENT: u", "", POLICY_KEY_USER_AGENT, "", "u"},
        {"GET /b", "", "", POLICY_KEY_USER_AGENT, "", NULL},
        {"GET /b", "", "", POLICY_KEY_AUTH_TYPE, "", "REST-HEADER"},
        {"GET /b", "", "", POLICY_KEY_SIGNATURE_VERSION, "", "AWS4-HMAC-SHA256"},
        {"GET /b", "", "", POLICY_KEY_SIGNATURE_AGE, "", "2500"},
        {"GET /b", "", "", POLICY_KEY_CONTENT_SHA256, "", "UNSIGNED-PAYLOAD"},
        {"GET /b?prefix=a%2Fb", "", "", POLICY_KEY_PREFIX, "", "a/b"},
        {"GET /b?prefix=", "", "", POLICY_KEY_PREFIX, "", ""},
        {"GET /b?%70refix", "", "", POLICY_KEY_PREFIX, "", ""},
        {"GET /b", "", "", POLICY_KEY_PREFIX, "", NULL},
        {"GET /?prefix=a", "", "", POLICY_KEY_PREFIX, "", NULL},
        {"GET /b/k?annotation&prefix=a", "", "", POLICY_KEY_PREFIX, "", NULL},
        {"GET /b?delimiter=%2F&max-keys=7", "", "", POLICY_KEY_DELIMITER, "", "/"},
        {"GET /b?delimiter=%2F&max-keys=7", "", "", POLICY_KEY_MAX_KEYS, "", "7"},
        {"GET /b/k?versionId=3", "", "", POLICY_KEY_VERSION_ID, "", "3"},
        {"GET /b/k", "", "", POLICY_KEY_VERSION_ID, "", NULL},
        {"PUT /b/k?uploadId=1&partNumber=1", "x-amz-copy-source: src/x?versionId=4", "", POLICY_KEY_VERSION_ID, "", "4"},
        {"POST /b?delete", "", "<Delete><Object><Key>k</Key><VersionId>5</VersionId></Object></Delete>", POLICY_KEY_VERSION_ID, "", "5"},
        {"PUT /b", "", "<CreateBucketConfiguration><LocationConstraint>EU</LocationConstraint></CreateBucketConfiguration>", POLICY_KEY_LOCATION_CONSTRAINT, "", "EU"},
        {"PUT /b", "", "", POLICY_KEY_LOCATION_CONSTRAINT, "", NULL},
        {"PUT /b/k", "If-Match: a", "", POLICY_KEY_IF_MATCH, "", "a"},
        {"PUT /b/k", "If-None-Match: *", "", POLICY_KEY_IF_NONE_MATCH, "", "*"},
        {"PUT /b/k", "X-AMZ-Acl: private", "", POLICY_KEY_ACL, "", "private"},
        {"PUT /b/k?" SIGNED "X-Amz-Acl=private", "", "", POLICY_KEY_ACL, "", "private"},
        {"PUT /b/k", "x-amz-grant-full-control: g", "", POLICY_KEY_GRANT_FULL_CONTROL, "", "g"},
        {"PUT /b/k", "x-amz-grant-read: g", "", POLICY_KEY_GRANT_READ, "", "g"},
        {"PUT /b/k", "x-amz-grant-read-acp: g", "", POLICY_KEY_GRANT_READ_ACP, "", "g"},
        {"PUT /b/k", "x-amz-grant-write: g", "", POLICY_KEY_GRANT_WRITE, "", "g"},
        {"PUT /b/k", "x-amz-grant-write-acp: g", "", POLICY_KEY_GRANT_WRITE_ACP, "", "g"},
        {"PUT /b/k", "x-amz-copy-source: /src/a%2Fb?versionId=1", "", POLICY_KEY_COPY_SOURCE, "", "src/a/b"},
        {"PUT /b/k", "x-amz-metadata-directive: COPY", "", POLICY_KEY_METADATA_DIRECTIVE, "", "COPY"},
        {"PUT /b/k", "x-amz-server-side-encryption: aws:kms", "", POLICY_KEY_SSE, "", "aws:kms"},
        {"PUT /b/k", "x-amz-server-side-encryption-aws-kms-key-id: arn:k", "", POLICY_KEY_SSE_KMS_KEY_ID, "", "arn:k"},
        {"PUT /b/k", "x-amz-server-side-encryption-customer-algorithm: AES256", "", POLICY_KEY_SSE_C_ALGORITHM, "", "AES256"},
        {"PUT /b/k", "x-amz-storage-class: GLACIER", "", POLICY_KEY_STORAGE_CLASS, "", "GLACIER"},
        {"PUT /b/k", "x-amz-website-redirect-location: /l", "", POLICY_KEY_WEBSITE_REDIRECT, "", "/l"},
        {"PUT /b", "x-amz-object-ownership: BucketOwnerEnforced", "", POLICY_KEY_OBJECT_OWNERSHIP, "", "BucketOwnerEnforced"},
        {"PUT /b/k", "x-amz-object-lock-mode: GOVERNANCE", "", POLICY_KEY_LOCK_MODE, "", "GOVERNANCE"},
        {"PUT /b/k", "x-amz-object-lock-retain-until-date: 2026-01-04T03:04:05Z", "", POLICY_KEY_LOCK_RETAIN_UNTIL, "", "2026-01-04T03:04:05Z"},
        {"PUT /b/k", "x-amz-object-lock-retain-until-date: 2026-01-04T03:04:05Z", "", POLICY_KEY_LOCK_REMAINING_DAYS, "", "2"},
        {"PUT /b/k", "x-amz-object-lock-retain-until-date: 2026-01-04T03:04:06.5Z", "", POLICY_KEY_LOCK_REMAINING_DAYS, "", "3"},
        {"PUT /b/k", "x-amz-object-lock-retain-until-date: soon", "", POLICY_KEY_LOCK_REMAINING_DAYS, "", NULL},
        {"PUT /b/k?retention", "", "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2026-01-03T03:04:05Z</RetainUntilDate></Retention>", POLICY_KEY_LOCK_MODE, "", "COMPLIANCE"},
        {"PUT /b/k?retention", "", "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2026-01-03T03:04:05Z</RetainUntilDate></Retention>", POLICY_KEY_LOCK_REMAINING_DAYS, "", "1"},
        {"PUT /b/k?legal-hold", "", "<LegalHold><Status>ON</Status></LegalHold>", POLICY_KEY_LOCK_LEGAL_HOLD, "", "ON"},
        {"PUT /b/k", "x-amz-object-lock-legal-hold: ON", "", POLICY_KEY_LOCK_LEGAL_HOLD, "", "ON"},
        {"PUT /b/k", "x-amz-tagging: a=b%2Bc&d=e+f", "", POLICY_KEY_REQUEST_OBJECT_TAG, "A", "b+c"},
        {"PUT /b/k", "x-amz-tagging: a=b%2Bc&d=e+f", "", POLICY_KEY_REQUEST_OBJECT_TAG, "d", "e f"},
        {"PUT /b/k", "x-amz-tagging: a=b", "", POLICY_KEY_REQUEST_OBJECT_TAG, "c", NULL},
        {"PUT /b/k", "x-amz-tagging: a=b&c%20d=e", "", POLICY_KEY_REQUEST_OBJECT_TAG_KEYS, "", "a|c d"},
        {"PUT /b/k", "", "", POLICY_KEY_REQUEST_OBJECT_TAG_KEYS, "", NULL},
        {"PUT /b/k?tagging", "", "<Tagging><TagSet><Tag><Key>a</Key><Value>b=&amp;</Value></Tag></TagSet></Tagging>", POLICY_KEY_REQUEST_OBJECT_TAG, "a", "b=&"},
        /* clang-format on */
    };
    bool seen[POLICY_KEYS_N] = {false};
    struct fixture x;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str v[POLICY_VALUES_MOST];
        char got[256];
        struct sbuf b = sbuf_make(got, sizeof(got) - 1);
        size_t n;

        begin(&x);
        take(&x, cases[i].line, cases[i].headers);
        x.asked.tls = true;
        x.asked.tls_version = STR("1.3");
        x.asked.auth_type = STR("REST-HEADER");
        x.asked.signature_version = STR("AWS4-HMAC-SHA256");
        x.asked.content_sha256 = STR("UNSIGNED-PAYLOAD");
        x.asked.signed_at = STR("20260102T030403Z");
        x.asked.now_ms += 500;
        x.asked.tag = tag_of;
        x.asked.who = "who";
        assert_int_equal(ask(&x, cases[i].body, &err), ERR_NONE);
        n = x.asked.context.values(&x.asked.context, cases[i].key, str_from(cases[i].name), v);
        for (size_t k = 0; k < n; k++)
            sbuf_printf(&b, "%s%.*s", k ? "|" : "", STR_ARG(v[k]));
        got[b.n] = '\0';
        if ((n > 0) != (cases[i].values != NULL) || (n && strcmp(got, cases[i].values) != 0))
            fail_msg("case %zu: %s %s: \"%s\"", i, cases[i].line, cases[i].headers, n ? got : "(none)");
        assert_false(x.asked.failed);
        seen[cases[i].key] |= n > 0;
        arena_clear(&x.arena);
    }
    for (unsigned k = 0; k < POLICY_KEYS_N; k++)
        if (!seen[k]) fail_msg("no case has a value of key %u", k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asked_pairs),
        cmocka_unit_test(test_asked_refuses),
        cmocka_unit_test(test_asked_takes_a_thousand_keys_and_no_more),
        cmocka_unit_test(test_asked_stops),
        cmocka_unit_test(test_asked_values),
        cmocka_unit_test(test_asked_fields_that_are_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
