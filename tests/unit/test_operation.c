/* SPDX-License-Identifier: Apache-2.0
 * test_operation.c: each operation of the S3 API by its documented request syntax; precedence, access, unknown ones.
 */
#include "aws/s3/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_PARAMS = 16 };

static const struct operation *find(enum http_method method, enum operation_level level, const char *query, bool copies)
{
    struct query_param params[MAX_PARAMS];
    struct header copy_source = {STR("X-Amz-Copy-Source"), STR("/b/k"), HDR_X_AMZ_COPY_SOURCE};
    struct headers headers = {&copy_source, copies ? 1 : 0};
    size_t n = query_split(str_from(query), params, MAX_PARAMS);

    assert_true(n <= MAX_PARAMS);
    return operation_find(method, level, params, n, &headers);
}

static bool is_reading(const char *name)
{
    struct str s = str_from(name);

    return str_starts(s, STR("Get")) || str_starts(s, STR("Head")) || str_starts(s, STR("List")) ||
           str_eq(s, STR("SelectObjectContent"));
}

/* Acts on objects and what belongs to them; all other operations that do not read are for administrators. */
static bool is_writing(const char *name)
{
    static const char *const names[] = {"AbortMultipartUpload",
                                        "CompleteMultipartUpload",
                                        "CopyObject",
                                        "CreateMultipartUpload",
                                        "DeleteObject",
                                        "DeleteObjectAnnotation",
                                        "DeleteObjectTagging",
                                        "DeleteObjects",
                                        "PostObject",
                                        "PutObject",
                                        "PutObjectAnnotation",
                                        "PutObjectLegalHold",
                                        "PutObjectRetention",
                                        "PutObjectTagging",
                                        "RenameObject",
                                        "RestoreObject",
                                        "UpdateObjectEncryption",
                                        "UploadPart",
                                        "UploadPartCopy",
                                        "WriteGetObjectResponse"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static bool is_streaming(const char *name)
{
    return !strcmp(name, "PutObject") || !strcmp(name, "UploadPart") || !strcmp(name, "PutObjectAnnotation");
}

static void test_operation_find_documented_syntax_gives_its_name(void **state)
{
    static const struct {
        enum http_method method;
        enum operation_level level;
        const char *query;
        bool copies;
        const char *name;
    } cases[] = {
        /* clang-format off */
        {METHOD_DELETE, LEVEL_OBJECT, "uploadId=1", false, "AbortMultipartUpload"},
        {METHOD_POST, LEVEL_OBJECT, "uploadId=1", false, "CompleteMultipartUpload"},
        {METHOD_PUT, LEVEL_OBJECT, "", true, "CopyObject"},
        {METHOD_PUT, LEVEL_BUCKET, "", false, "CreateBucket"},
        {METHOD_POST, LEVEL_BUCKET, "metadataConfiguration", false, "CreateBucketMetadataConfiguration"},
        {METHOD_POST, LEVEL_BUCKET, "metadataTable", false, "CreateBucketMetadataTableConfiguration"},
        {METHOD_POST, LEVEL_OBJECT, "uploads", false, "CreateMultipartUpload"},
        {METHOD_GET, LEVEL_BUCKET, "session", false, "CreateSession"},
        {METHOD_DELETE, LEVEL_BUCKET, "", false, "DeleteBucket"},
        {METHOD_DELETE, LEVEL_BUCKET, "analytics&id=1", false, "DeleteBucketAnalyticsConfiguration"},
        {METHOD_DELETE, LEVEL_BUCKET, "cors", false, "DeleteBucketCors"},
        {METHOD_DELETE, LEVEL_BUCKET, "encryption", false, "DeleteBucketEncryption"},
        {METHOD_DELETE, LEVEL_BUCKET, "intelligent-tiering&id=1", false, "DeleteBucketIntelligentTieringConfiguration"},
        {METHOD_DELETE, LEVEL_BUCKET, "inventory&id=1", false, "DeleteBucketInventoryConfiguration"},
        {METHOD_DELETE, LEVEL_BUCKET, "lifecycle", false, "DeleteBucketLifecycle"},
        {METHOD_DELETE, LEVEL_BUCKET, "metadataConfiguration", false, "DeleteBucketMetadataConfiguration"},
        {METHOD_DELETE, LEVEL_BUCKET, "metadataTable", false, "DeleteBucketMetadataTableConfiguration"},
        {METHOD_DELETE, LEVEL_BUCKET, "metrics&id=1", false, "DeleteBucketMetricsConfiguration"},
        {METHOD_DELETE, LEVEL_BUCKET, "ownershipControls", false, "DeleteBucketOwnershipControls"},
        {METHOD_DELETE, LEVEL_BUCKET, "policy", false, "DeleteBucketPolicy"},
        {METHOD_DELETE, LEVEL_BUCKET, "replication", false, "DeleteBucketReplication"},
        {METHOD_DELETE, LEVEL_BUCKET, "tagging", false, "DeleteBucketTagging"},
        {METHOD_DELETE, LEVEL_BUCKET, "website", false, "DeleteBucketWebsite"},
        {METHOD_DELETE, LEVEL_OBJECT, "", false, "DeleteObject"},
        {METHOD_DELETE, LEVEL_OBJECT, "tagging", false, "DeleteObjectTagging"},
        {METHOD_POST, LEVEL_BUCKET, "delete", false, "DeleteObjects"},
        {METHOD_DELETE, LEVEL_BUCKET, "publicAccessBlock", false, "DeletePublicAccessBlock"},
        {METHOD_GET, LEVEL_BUCKET, "abac", false, "GetBucketAbac"},
        {METHOD_GET, LEVEL_BUCKET, "accelerate", false, "GetBucketAccelerateConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "acl", false, "GetBucketAcl"},
        {METHOD_GET, LEVEL_BUCKET, "analytics&id=1", false, "GetBucketAnalyticsConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "cors", false, "GetBucketCors"},
        {METHOD_GET, LEVEL_BUCKET, "encryption", false, "GetBucketEncryption"},
        {METHOD_GET, LEVEL_BUCKET, "intelligent-tiering&id=1", false, "GetBucketIntelligentTieringConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "inventory&id=1", false, "GetBucketInventoryConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "lifecycle", false, "GetBucketLifecycleConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "location", false, "GetBucketLocation"},
        {METHOD_GET, LEVEL_BUCKET, "logging", false, "GetBucketLogging"},
        {METHOD_GET, LEVEL_BUCKET, "metadataConfiguration", false, "GetBucketMetadataConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "metadataTable", false, "GetBucketMetadataTableConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "metrics&id=1", false, "GetBucketMetricsConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "notification", false, "GetBucketNotificationConfiguration"},
        {METHOD_GET, LEVEL_BUCKET, "ownershipControls", false, "GetBucketOwnershipControls"},
        {METHOD_GET, LEVEL_BUCKET, "policy", false, "GetBucketPolicy"},
        {METHOD_GET, LEVEL_BUCKET, "policyStatus", false, "GetBucketPolicyStatus"},
        {METHOD_GET, LEVEL_BUCKET, "replication", false, "GetBucketReplication"},
        {METHOD_GET, LEVEL_BUCKET, "requestPayment", false, "GetBucketRequestPayment"},
        {METHOD_GET, LEVEL_BUCKET, "tagging", false, "GetBucketTagging"},
        {METHOD_GET, LEVEL_BUCKET, "versioning", false, "GetBucketVersioning"},
        {METHOD_GET, LEVEL_BUCKET, "website", false, "GetBucketWebsite"},
        {METHOD_GET, LEVEL_OBJECT, "", false, "GetObject"},
        {METHOD_GET, LEVEL_OBJECT, "acl", false, "GetObjectAcl"},
        {METHOD_GET, LEVEL_OBJECT, "attributes", false, "GetObjectAttributes"},
        {METHOD_GET, LEVEL_OBJECT, "legal-hold", false, "GetObjectLegalHold"},
        {METHOD_GET, LEVEL_BUCKET, "object-lock", false, "GetObjectLockConfiguration"},
        {METHOD_GET, LEVEL_OBJECT, "retention", false, "GetObjectRetention"},
        {METHOD_GET, LEVEL_OBJECT, "tagging", false, "GetObjectTagging"},
        {METHOD_GET, LEVEL_OBJECT, "torrent", false, "GetObjectTorrent"},
        {METHOD_GET, LEVEL_BUCKET, "publicAccessBlock", false, "GetPublicAccessBlock"},
        {METHOD_HEAD, LEVEL_BUCKET, "", false, "HeadBucket"},
        {METHOD_HEAD, LEVEL_OBJECT, "", false, "HeadObject"},
        {METHOD_GET, LEVEL_BUCKET, "analytics", false, "ListBucketAnalyticsConfigurations"},
        {METHOD_GET, LEVEL_BUCKET, "intelligent-tiering", false, "ListBucketIntelligentTieringConfigurations"},
        {METHOD_GET, LEVEL_BUCKET, "inventory", false, "ListBucketInventoryConfigurations"},
        {METHOD_GET, LEVEL_BUCKET, "metrics", false, "ListBucketMetricsConfigurations"},
        {METHOD_GET, LEVEL_SERVICE, "", false, "ListBuckets"},
        {METHOD_GET, LEVEL_BUCKET, "uploads", false, "ListMultipartUploads"},
        {METHOD_GET, LEVEL_BUCKET, "versions", false, "ListObjectVersions"},
        {METHOD_GET, LEVEL_BUCKET, "", false, "ListObjects"},
        {METHOD_GET, LEVEL_BUCKET, "list-type=2", false, "ListObjectsV2"},
        {METHOD_GET, LEVEL_OBJECT, "uploadId=1", false, "ListParts"},
        {METHOD_PUT, LEVEL_BUCKET, "abac", false, "PutBucketAbac"},
        {METHOD_PUT, LEVEL_BUCKET, "accelerate", false, "PutBucketAccelerateConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "acl", false, "PutBucketAcl"},
        {METHOD_PUT, LEVEL_BUCKET, "analytics&id=1", false, "PutBucketAnalyticsConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "cors", false, "PutBucketCors"},
        {METHOD_PUT, LEVEL_BUCKET, "encryption", false, "PutBucketEncryption"},
        {METHOD_PUT, LEVEL_BUCKET, "intelligent-tiering&id=1", false, "PutBucketIntelligentTieringConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "inventory&id=1", false, "PutBucketInventoryConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "lifecycle", false, "PutBucketLifecycleConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "logging", false, "PutBucketLogging"},
        {METHOD_PUT, LEVEL_BUCKET, "metrics&id=1", false, "PutBucketMetricsConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "notification", false, "PutBucketNotificationConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "ownershipControls", false, "PutBucketOwnershipControls"},
        {METHOD_PUT, LEVEL_BUCKET, "policy", false, "PutBucketPolicy"},
        {METHOD_PUT, LEVEL_BUCKET, "replication", false, "PutBucketReplication"},
        {METHOD_PUT, LEVEL_BUCKET, "requestPayment", false, "PutBucketRequestPayment"},
        {METHOD_PUT, LEVEL_BUCKET, "tagging", false, "PutBucketTagging"},
        {METHOD_PUT, LEVEL_BUCKET, "versioning", false, "PutBucketVersioning"},
        {METHOD_PUT, LEVEL_BUCKET, "website", false, "PutBucketWebsite"},
        {METHOD_PUT, LEVEL_OBJECT, "", false, "PutObject"},
        {METHOD_PUT, LEVEL_OBJECT, "acl", false, "PutObjectAcl"},
        {METHOD_PUT, LEVEL_OBJECT, "legal-hold", false, "PutObjectLegalHold"},
        {METHOD_PUT, LEVEL_BUCKET, "object-lock", false, "PutObjectLockConfiguration"},
        {METHOD_PUT, LEVEL_OBJECT, "retention", false, "PutObjectRetention"},
        {METHOD_PUT, LEVEL_OBJECT, "tagging", false, "PutObjectTagging"},
        {METHOD_PUT, LEVEL_BUCKET, "publicAccessBlock", false, "PutPublicAccessBlock"},
        {METHOD_PUT, LEVEL_OBJECT, "renameObject", false, "RenameObject"},
        {METHOD_POST, LEVEL_OBJECT, "restore", false, "RestoreObject"},
        {METHOD_POST, LEVEL_OBJECT, "select&select-type=2", false, "SelectObjectContent"},
        {METHOD_PUT, LEVEL_BUCKET, "metadataInventoryTable", false, "UpdateBucketMetadataInventoryTableConfiguration"},
        {METHOD_PUT, LEVEL_BUCKET, "metadataJournalTable", false, "UpdateBucketMetadataJournalTableConfiguration"},
        {METHOD_PUT, LEVEL_OBJECT, "encryption", false, "UpdateObjectEncryption"},
        {METHOD_PUT, LEVEL_OBJECT, "partNumber=1&uploadId=1", false, "UploadPart"},
        {METHOD_PUT, LEVEL_OBJECT, "partNumber=1&uploadId=1", true, "UploadPartCopy"},
        {METHOD_GET, LEVEL_OBJECT, "annotation&annotationName=a", false, "GetObjectAnnotation"},
        {METHOD_GET, LEVEL_OBJECT, "annotation", false, "ListObjectAnnotations"},
        {METHOD_PUT, LEVEL_OBJECT, "annotation&annotationName=a", false, "PutObjectAnnotation"},
        {METHOD_DELETE, LEVEL_OBJECT, "annotation&annotationName=a", false, "DeleteObjectAnnotation"},
        {METHOD_POST, LEVEL_BUCKET, "", false, "PostObject"},
        /* clang-format on */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct operation *op = find(cases[i].method, cases[i].level, cases[i].query, cases[i].copies);
        if (strcmp(op->name, cases[i].name) != 0) fail_msg("%s: got %s", cases[i].name, op->name);
        assert_int_equal(op->level, cases[i].level);
        enum operation_access access = is_reading(op->name)   ? ACCESS_READ
                                       : is_writing(op->name) ? ACCESS_WRITE
                                                              : ACCESS_ADMIN;
        if (op->access != access) fail_msg("%s: access %d", op->name, op->access);
        assert_int_equal(op->streams_body, is_streaming(op->name));
    }
    (void)state;
}

static void test_operation_find_mixed_queries_precedence(void **state)
{
    static const struct {
        enum http_method method;
        enum operation_level level;
        const char *query;
        bool copies;
        const char *name;
        enum operation_access access;
    } cases[] = {
        {METHOD_GET, LEVEL_SERVICE, "x-id=ListBuckets&max-buckets=2", false, "ListBuckets", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "prefix=a&list-type=2", false, "ListObjectsV2", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "list-type=%32", false, "ListObjectsV2", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "list-type=1", false, "ListObjects", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "list-type", false, "ListObjects", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "prefix=acl", false, "ListObjects", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "ACL", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_BUCKET, "Version=2006-03-01", false, "ListObjects", ACCESS_READ},
        {METHOD_GET, LEVEL_OBJECT, "Version=2006-03-01", false, "GetObject", ACCESS_READ},
        {METHOD_GET, LEVEL_OBJECT, "Version=2006-03-02", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_OBJECT, "version=2006-03-01", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_BUCKET, "%61cl", false, "GetBucketAcl", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "%6", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_BUCKET, "acl%00", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_BUCKET, "session&acl", false, "CreateSession", ACCESS_ADMIN},
        {METHOD_GET, LEVEL_OBJECT, "versionId=3&partNumber=2", false, "GetObject", ACCESS_READ},
        {METHOD_GET, LEVEL_OBJECT, "response-content-type=acl", true, "GetObject", ACCESS_READ},
        {METHOD_HEAD, LEVEL_OBJECT, "versionId=3", false, "HeadObject", ACCESS_READ},
        {METHOD_PUT, LEVEL_OBJECT, "partNumber=1", false, "Unknown", ACCESS_ADMIN},
        {METHOD_PUT, LEVEL_OBJECT, "x-id=PutObject", false, "PutObject", ACCESS_WRITE},
        {METHOD_PUT, LEVEL_OBJECT, "acl", true, "PutObjectAcl", ACCESS_ADMIN},
        {METHOD_PUT, LEVEL_BUCKET, "", true, "CreateBucket", ACCESS_ADMIN},
        {METHOD_PUT, LEVEL_OBJECT, "uploadId=1&partNumber=1&acl", false, "Unknown", ACCESS_ADMIN},
        {METHOD_PUT, LEVEL_OBJECT, "uploadId=1&partNumber=1&acl", true, "Unknown", ACCESS_ADMIN},
        {METHOD_PUT, LEVEL_OBJECT, "tagging&acl", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_BUCKET, "delete&metadataTable", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_BUCKET, "", false, "PostObject", ACCESS_WRITE},
        {METHOD_POST, LEVEL_BUCKET, "deletex", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_OBJECT, "select", false, "Unknown", ACCESS_ADMIN},
        /* what one server takes for a read another takes for a write */
        {METHOD_POST, LEVEL_OBJECT, "delete&select&select-type=2", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_OBJECT, "delete", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_OBJECT, "select&select-type=2&versionId=1&x-id=S", false, "SelectObjectContent",
         ACCESS_READ},
        {METHOD_POST, LEVEL_OBJECT, "select&select-type=2&uploads", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_OBJECT, "select&select-type=2&%75ploads", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_OBJECT, "select&select-type=2&uploadId=1", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_OBJECT, "select&select-type=2&restore", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_OBJECT, "", false, "Unknown", ACCESS_ADMIN},
        {METHOD_POST, LEVEL_SERVICE, "", false, "Unknown", ACCESS_ADMIN},
        {METHOD_PUT, LEVEL_SERVICE, "", false, "Unknown", ACCESS_ADMIN},
        {METHOD_HEAD, LEVEL_SERVICE, "", false, "Unknown", ACCESS_READ},
        {METHOD_HEAD, LEVEL_SERVICE, "delete", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_OBJECT, "delete", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_OBJECT, "acl&tagging", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_OBJECT, "append&position=0", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_OBJECT, "=", false, "Unknown", ACCESS_WRITE},
        {METHOD_GET, LEVEL_SERVICE, "acl", false, "Unknown", ACCESS_WRITE},
        {METHOD_HEAD, LEVEL_OBJECT, "acl", false, "Unknown", ACCESS_WRITE},
        {METHOD_DELETE, LEVEL_OBJECT, "policy", false, "Unknown", ACCESS_ADMIN},
        {METHOD_DELETE, LEVEL_OBJECT, "versionId=1", false, "DeleteObject", ACCESS_WRITE},
        {METHOD_PUT, LEVEL_OBJECT, "policy", false, "Unknown", ACCESS_ADMIN},
        {METHOD_PUT, LEVEL_OBJECT, "append&position=0", false, "Unknown", ACCESS_ADMIN},
        /* what signs, and what S3 ignores */
        {METHOD_GET, LEVEL_OBJECT,
         "X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Date=D&X-Amz-Expires=E&X-Amz-SignedHeaders=host&X-Amz-Signature=S&"
         "X-Amz-Security-Token=T&X-Amz-Content-Sha256=H&x-amz-checksum-mode=ENABLED&x-id=GetObject&x-mine=1",
         false, "GetObject", ACCESS_READ},
        {METHOD_GET, LEVEL_OBJECT, "AWSAccessKeyId=A&Expires=1&Signature=S&Content-MD5=&content-type=", false,
         "GetObject", ACCESS_READ},
        {METHOD_GET, LEVEL_OBJECT,
         "response-cache-control=a&response-content-disposition=a&response-content-encoding=a&"
         "response-content-language=a&response-content-type=a&response-expires=a&partNumber=1&versionId=1",
         false, "GetObject", ACCESS_READ},
        {METHOD_HEAD, LEVEL_OBJECT, "response-expires=a&partNumber=1", false, "HeadObject", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET,
         "list-type=2&continuation-token=a&delimiter=a&encoding-type=a&fetch-owner=a&max-keys=1&prefix=a&start-after=a",
         false, "ListObjectsV2", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "delimiter=a&encoding-type=a&marker=a&max-keys=1&prefix=a", false, "ListObjects",
         ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET,
         "versions&delimiter=a&encoding-type=a&key-marker=a&max-keys=1&prefix=a&version-id-marker=a", false,
         "ListObjectVersions", ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET,
         "uploads&delimiter=a&encoding-type=a&key-marker=a&max-uploads=1&prefix=a&upload-id-marker=a", false,
         "ListMultipartUploads", ACCESS_READ},
        {METHOD_GET, LEVEL_OBJECT, "uploadId=a&encoding-type=a&max-parts=1&part-number-marker=a", false, "ListParts",
         ACCESS_READ},
        {METHOD_GET, LEVEL_BUCKET, "inventory&continuation-token=a", false, "ListBucketInventoryConfigurations",
         ACCESS_READ},
        {METHOD_GET, LEVEL_SERVICE, "bucket-region=a&continuation-token=a&max-buckets=1&prefix=a", false, "ListBuckets",
         ACCESS_READ},
        {METHOD_OPTIONS, LEVEL_OBJECT, "", false, "Unknown", ACCESS_ADMIN},
        {METHOD_OTHER, LEVEL_BUCKET, "acl", false, "Unknown", ACCESS_ADMIN},
        {METHOD_TRACE, LEVEL_OBJECT, "", false, "Unknown", ACCESS_ADMIN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct operation *op = find(cases[i].method, cases[i].level, cases[i].query, cases[i].copies);
        if (strcmp(op->name, cases[i].name) != 0) fail_msg("%zu ?%s: got %s", i, cases[i].query, op->name);
        assert_int_equal(op->access, cases[i].access);
        assert_int_equal(op->level, cases[i].level);
    }
    (void)state;
}

/* Whatever the query, a method that can change something is never taken for one that only reads, but for Select. */
static void test_operation_find_writing_methods_never_read(void **state)
{
    static const enum http_method methods[] = {METHOD_PUT, METHOD_POST, METHOD_DELETE, METHOD_OTHER};
    static const char *const queries[] = {"",           "acl",     "location", "list-type=2",
                                          "uploadId=1", "tagging", "torrent",  "versions"};

    for (size_t m = 0; m < ARRAY_LEN(methods); m++)
        for (int level = LEVEL_SERVICE; level <= LEVEL_OBJECT; level++)
            for (size_t q = 0; q < ARRAY_LEN(queries); q++)
                assert_true(find(methods[m], (enum operation_level)level, queries[q], false)->access != ACCESS_READ);
    (void)state;
}

static void test_operation_of_service_by_path(void **state)
{
    static const struct {
        enum s3_service service;
        enum http_method method;
        const char *path, *name;
        enum operation_access access;
    } cases[] = {
        {S3_CONTROL, METHOD_GET, "/v20180820/jobs", "S3Control", ACCESS_READ},
        {S3_CONTROL, METHOD_HEAD, "/v20180820/jobs", "S3Control", ACCESS_READ},
        {S3_CONTROL, METHOD_GET, "/", "S3Control", ACCESS_READ},
        {S3_CONTROL, METHOD_GET, "/v20180820/accesspoint/name/policy", "S3Control", ACCESS_READ},
        {S3_CONTROL, METHOD_GET, "/v20180820/accessgrantsinstance/dataaccess", "S3Control", ACCESS_ADMIN},
        {S3_CONTROL, METHOD_GET, "/v20180820/accessgrantsinstance//dataaccess/", "S3Control", ACCESS_ADMIN},
        {S3_CONTROL, METHOD_PUT, "/v20180820/accesspoint/name", "S3Control", ACCESS_ADMIN},
        {S3_CONTROL, METHOD_POST, "/v20180820/jobs", "S3Control", ACCESS_ADMIN},
        {S3_CONTROL, METHOD_DELETE, "/v20180820/accesspoint/name", "S3Control", ACCESS_ADMIN},
        {S3_CONTROL, METHOD_POST, "/WriteGetObjectResponse", "S3Control", ACCESS_ADMIN},
        {S3_OBJECT_RESPONSE, METHOD_POST, "/WriteGetObjectResponse", "WriteGetObjectResponse", ACCESS_WRITE},
        {S3_OBJECT_RESPONSE, METHOD_POST, "/WriteGetObjectResponse/", "Unknown", ACCESS_ADMIN},
        {S3_OBJECT_RESPONSE, METHOD_POST, "/writegetobjectresponse", "Unknown", ACCESS_ADMIN},
        {S3_OBJECT_RESPONSE, METHOD_PUT, "/WriteGetObjectResponse", "Unknown", ACCESS_ADMIN},
        {S3_OBJECT_RESPONSE, METHOD_GET, "/WriteGetObjectResponse", "Unknown", ACCESS_WRITE},
        {S3_OBJECT_RESPONSE, METHOD_POST, "/", "Unknown", ACCESS_ADMIN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct operation *op = operation_of_service(cases[i].service, cases[i].method, str_from(cases[i].path));
        if (strcmp(op->name, cases[i].name) != 0) fail_msg("%zu %s: got %s", i, cases[i].path, op->name);
        if (op->access != cases[i].access) fail_msg("%zu %s: access", i, cases[i].path);
        assert_int_equal(op->level, LEVEL_SERVICE);
        assert_false(op->streams_body);
    }
    (void)state;
}

static void test_number_stands_for_the_name(void **state)
{
    static const struct query_param part = {STR_INIT("partNumber"), STR_INIT("1"), true};
    static const struct {
        enum http_method method;
        enum operation_level level;
        size_t query_n;
    } rows[] = {{METHOD_HEAD, LEVEL_SERVICE, 0}, {METHOD_GET, LEVEL_SERVICE, 0},   {METHOD_GET, LEVEL_BUCKET, 0},
                {METHOD_GET, LEVEL_OBJECT, 0},   {METHOD_DELETE, LEVEL_OBJECT, 0}, {METHOD_DELETE, LEVEL_OBJECT, 1},
                {METHOD_POST, LEVEL_SERVICE, 0}, {METHOD_PUT, LEVEL_OBJECT, 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct operation *o = operation_find(rows[i].method, rows[i].level, &part, rows[i].query_n, NULL);

        assert_true(operation_number(o) < OPERATION_NUMBERS);
        assert_string_equal(operation_name(operation_number(o)), o->name);
    }
    assert_int_equal(operation_number(NULL), 0);
    assert_string_equal(operation_name(operation_number(operation_of_service(S3_CONTROL, METHOD_GET, STR("/")))),
                        "S3Control");
    assert_string_equal(operation_name(operation_number(
                            operation_of_service(S3_OBJECT_RESPONSE, METHOD_POST, STR("/WriteGetObjectResponse")))),
                        "WriteGetObjectResponse");
    assert_null(operation_name(OPERATION_NUMBERS - 1));
}

static void test_tier_is_the_price_lists(void **state)
{
    static const struct query_param list = {STR_INIT("list-type"), STR_INIT("2"), true},
                                    select[] = {{STR_INIT("select"), STR_NONE, false},
                                                {STR_INIT("select-type"), STR_INIT("2"), true}},
                                    strange = {STR_INIT("strange"), STR_NONE, false},
                                    delete = {STR_INIT("delete"), STR_NONE, false},
                                    upload = {STR_INIT("uploadId"), STR_INIT("1"), true};
    static const struct {
        enum http_method method;
        enum operation_level level;
        const struct query_param *query;
        size_t query_n;
        enum operation_tier tier;
    } rows[] = {
        {METHOD_PUT, LEVEL_OBJECT, NULL, 0, TIER_PUT},        {METHOD_GET, LEVEL_OBJECT, NULL, 0, TIER_GET},
        {METHOD_HEAD, LEVEL_OBJECT, NULL, 0, TIER_GET},       {METHOD_DELETE, LEVEL_OBJECT, NULL, 0, TIER_FREE},
        {METHOD_GET, LEVEL_BUCKET, &list, 1, TIER_PUT},       {METHOD_GET, LEVEL_SERVICE, NULL, 0, TIER_PUT},
        {METHOD_POST, LEVEL_OBJECT, select, 2, TIER_GET},     {METHOD_POST, LEVEL_BUCKET, &delete, 1, TIER_FREE},
        {METHOD_DELETE, LEVEL_OBJECT, &upload, 1, TIER_FREE}, {METHOD_POST, LEVEL_OBJECT, &upload, 1, TIER_PUT},
        {METHOD_GET, LEVEL_OBJECT, &upload, 1, TIER_PUT},     {METHOD_GET, LEVEL_BUCKET, &strange, 1, TIER_GET},
        {METHOD_PUT, LEVEL_BUCKET, &strange, 1, TIER_PUT},    {METHOD_DELETE, LEVEL_BUCKET, &strange, 1, TIER_FREE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct operation *o = operation_find(rows[i].method, rows[i].level, rows[i].query, rows[i].query_n, NULL);

        if (operation_tier(o, rows[i].method) != rows[i].tier) fail_msg("%zu: %s", i, o->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_stands_for_the_name),
        cmocka_unit_test(test_tier_is_the_price_lists),
        cmocka_unit_test(test_operation_find_documented_syntax_gives_its_name),
        cmocka_unit_test(test_operation_find_mixed_queries_precedence),
        cmocka_unit_test(test_operation_find_writing_methods_never_read),
        cmocka_unit_test(test_operation_of_service_by_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
