/* SPDX-License-Identifier: Apache-2.0
 * operation.c: the name of a request in S3's API, from method, level, sub-resource and x-amz-copy-source.
 * Pure; any thread. Owns nothing but a static table.
 * Source: Amazon S3 API Reference, "Amazon S3 operations", "Amazon S3 Control operations" (request syntax of each).
 */
#include "aws/s3/operation.h"

#include "aws/sign/sigv2.h"

struct row {
    enum http_method method;
    struct operation operation;
    const char *key, *value; /* query parameter that must be there (NULL: none), and its value (NULL: any) */
    const char *and_key;     /* a second one, or NULL */
    const char *knows;       /* the others that may be there, separated by blanks, or NULL */
    bool whatever;           /* any other may be there */
    bool copies;             /* x-amz-copy-source must be there */
};

/* clang-format off */
#define READ_BUCKET(name, ...)   {METHOD_GET, {name, LEVEL_BUCKET, ACCESS_READ, false}, __VA_ARGS__}
#define WRITE_BUCKET(m, name, ...) {METHOD_##m, {name, LEVEL_BUCKET, ACCESS_WRITE, false}, __VA_ARGS__}
#define ADMIN_BUCKET(m, name, ...) {METHOD_##m, {name, LEVEL_BUCKET, ACCESS_ADMIN, false}, __VA_ARGS__}
#define READ_OBJECT(name, ...)   {METHOD_GET, {name, LEVEL_OBJECT, ACCESS_READ, false}, __VA_ARGS__}
#define WRITE_OBJECT(m, name, ...) {METHOD_##m, {name, LEVEL_OBJECT, ACCESS_WRITE, false}, __VA_ARGS__}
#define ADMIN_OBJECT(m, name, ...) {METHOD_##m, {name, LEVEL_OBJECT, ACCESS_ADMIN, false}, __VA_ARGS__}
#define STREAM_OBJECT(name, ...) {METHOD_PUT, {name, LEVEL_OBJECT, ACCESS_WRITE, true}, __VA_ARGS__}

#define OVERRIDES                                                                                          \
    "response-cache-control response-content-disposition response-content-encoding response-content-language " \
    "response-content-type response-expires"
#define LISTED "delimiter encoding-type max-keys prefix metadata" /* metadata: MinIO's */

/* The first row that fits wins: rows with more conditions stand before rows with fewer. A row fits only if it knows all
 * parameters: which of two sub-resources decides is every server's own choice, so that what holds two, or one that is
 * not here, is no operation that a policy could allow by its name.
 *
 * ADMIN: what makes, configures or removes buckets, and what gives others rights (policies, ACLs). What acts on objects
 * and their own tags, annotations, retention and legal hold is WRITE. */
static const struct row table[] = {
    {METHOD_HEAD, {"Unknown", LEVEL_SERVICE, ACCESS_READ, false}, .key = NULL}, /* is somebody there? */
    {METHOD_GET, {"ListBuckets", LEVEL_SERVICE, ACCESS_READ, false}, .key = NULL, .knows = "bucket-region continuation-token max-buckets prefix"},

    ADMIN_BUCKET(GET, "CreateSession", .key = "session", .whatever = true), /* hands out credentials of S3's own */
    READ_BUCKET("GetBucketLocation", .key = "location"),
    READ_BUCKET("GetBucketAcl", .key = "acl"),
    READ_BUCKET("GetBucketPolicy", .key = "policy"),
    READ_BUCKET("GetBucketPolicyStatus", .key = "policyStatus"),
    READ_BUCKET("GetBucketVersioning", .key = "versioning"),
    READ_BUCKET("GetBucketTagging", .key = "tagging"),
    READ_BUCKET("GetBucketCors", .key = "cors"),
    READ_BUCKET("GetBucketLifecycleConfiguration", .key = "lifecycle"),
    READ_BUCKET("GetBucketWebsite", .key = "website"),
    READ_BUCKET("GetBucketLogging", .key = "logging"),
    READ_BUCKET("GetBucketNotificationConfiguration", .key = "notification"),
    READ_BUCKET("GetBucketEncryption", .key = "encryption"),
    READ_BUCKET("GetObjectLockConfiguration", .key = "object-lock"),
    READ_BUCKET("GetBucketReplication", .key = "replication"),
    READ_BUCKET("GetBucketAccelerateConfiguration", .key = "accelerate"),
    READ_BUCKET("GetBucketRequestPayment", .key = "requestPayment"),
    READ_BUCKET("GetBucketMetricsConfiguration", .key = "metrics", .and_key = "id"),
    READ_BUCKET("ListBucketMetricsConfigurations", .key = "metrics", .knows = "continuation-token"),
    READ_BUCKET("GetBucketAnalyticsConfiguration", .key = "analytics", .and_key = "id"),
    READ_BUCKET("ListBucketAnalyticsConfigurations", .key = "analytics", .knows = "continuation-token"),
    READ_BUCKET("GetBucketInventoryConfiguration", .key = "inventory", .and_key = "id"),
    READ_BUCKET("ListBucketInventoryConfigurations", .key = "inventory", .knows = "continuation-token"),
    READ_BUCKET("GetBucketIntelligentTieringConfiguration", .key = "intelligent-tiering", .and_key = "id"),
    READ_BUCKET("ListBucketIntelligentTieringConfigurations", .key = "intelligent-tiering", .knows = "continuation-token"),
    READ_BUCKET("GetBucketOwnershipControls", .key = "ownershipControls"),
    READ_BUCKET("GetPublicAccessBlock", .key = "publicAccessBlock"),
    READ_BUCKET("GetBucketMetadataConfiguration", .key = "metadataConfiguration"),
    READ_BUCKET("GetBucketMetadataTableConfiguration", .key = "metadataTable"),
    READ_BUCKET("GetBucketAbac", .key = "abac"),
    READ_BUCKET("ListObjectVersions", .key = "versions", .knows = LISTED " key-marker version-id-marker"),
    READ_BUCKET("ListMultipartUploads", .key = "uploads", .knows = "delimiter encoding-type key-marker max-uploads prefix upload-id-marker"),
    READ_BUCKET("ListObjectsV2", .key = "list-type", .value = "2", .knows = LISTED " continuation-token fetch-owner start-after"),
    READ_BUCKET("ListObjects", .key = NULL, .knows = LISTED " list-type marker"),
    {METHOD_HEAD, {"HeadBucket", LEVEL_BUCKET, ACCESS_READ, false}, .key = NULL, .knows = LISTED " list-type marker continuation-token fetch-owner start-after"},

    ADMIN_BUCKET(PUT, "PutBucketAcl", .key = "acl"),
    ADMIN_BUCKET(PUT, "PutBucketPolicy", .key = "policy"),
    ADMIN_BUCKET(PUT, "PutBucketVersioning", .key = "versioning"),
    ADMIN_BUCKET(PUT, "PutBucketTagging", .key = "tagging"),
    ADMIN_BUCKET(PUT, "PutBucketCors", .key = "cors"),
    ADMIN_BUCKET(PUT, "PutBucketLifecycleConfiguration", .key = "lifecycle"),
    ADMIN_BUCKET(PUT, "PutBucketWebsite", .key = "website"),
    ADMIN_BUCKET(PUT, "PutBucketLogging", .key = "logging"),
    ADMIN_BUCKET(PUT, "PutBucketNotificationConfiguration", .key = "notification"),
    ADMIN_BUCKET(PUT, "PutBucketEncryption", .key = "encryption"),
    ADMIN_BUCKET(PUT, "PutObjectLockConfiguration", .key = "object-lock"),
    ADMIN_BUCKET(PUT, "PutBucketReplication", .key = "replication"),
    ADMIN_BUCKET(PUT, "PutBucketAccelerateConfiguration", .key = "accelerate"),
    ADMIN_BUCKET(PUT, "PutBucketRequestPayment", .key = "requestPayment"),
    ADMIN_BUCKET(PUT, "PutBucketMetricsConfiguration", .key = "metrics", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketAnalyticsConfiguration", .key = "analytics", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketInventoryConfiguration", .key = "inventory", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketIntelligentTieringConfiguration", .key = "intelligent-tiering", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketOwnershipControls", .key = "ownershipControls"),
    ADMIN_BUCKET(PUT, "PutPublicAccessBlock", .key = "publicAccessBlock"),
    ADMIN_BUCKET(PUT, "UpdateBucketMetadataInventoryTableConfiguration", .key = "metadataInventoryTable"),
    ADMIN_BUCKET(PUT, "UpdateBucketMetadataJournalTableConfiguration", .key = "metadataJournalTable"),
    ADMIN_BUCKET(PUT, "PutBucketAbac", .key = "abac"),
    ADMIN_BUCKET(PUT, "CreateBucket", .key = NULL),

    ADMIN_BUCKET(POST, "CreateBucketMetadataConfiguration", .key = "metadataConfiguration"),
    ADMIN_BUCKET(POST, "CreateBucketMetadataTableConfiguration", .key = "metadataTable"),
    WRITE_BUCKET(POST, "DeleteObjects", .key = "delete"),
    WRITE_BUCKET(POST, "PostObject", .key = NULL), /* a browser's form */

    ADMIN_BUCKET(DELETE, "DeleteBucketPolicy", .key = "policy"),
    ADMIN_BUCKET(DELETE, "DeleteBucketTagging", .key = "tagging"),
    ADMIN_BUCKET(DELETE, "DeleteBucketCors", .key = "cors"),
    ADMIN_BUCKET(DELETE, "DeleteBucketLifecycle", .key = "lifecycle"),
    ADMIN_BUCKET(DELETE, "DeleteBucketWebsite", .key = "website"),
    ADMIN_BUCKET(DELETE, "DeleteBucketEncryption", .key = "encryption"),
    ADMIN_BUCKET(DELETE, "DeleteBucketReplication", .key = "replication"),
    ADMIN_BUCKET(DELETE, "DeleteBucketMetricsConfiguration", .key = "metrics", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketAnalyticsConfiguration", .key = "analytics", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketInventoryConfiguration", .key = "inventory", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketIntelligentTieringConfiguration", .key = "intelligent-tiering", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketOwnershipControls", .key = "ownershipControls"),
    ADMIN_BUCKET(DELETE, "DeletePublicAccessBlock", .key = "publicAccessBlock"),
    ADMIN_BUCKET(DELETE, "DeleteBucketMetadataConfiguration", .key = "metadataConfiguration"),
    ADMIN_BUCKET(DELETE, "DeleteBucketMetadataTableConfiguration", .key = "metadataTable"),
    ADMIN_BUCKET(DELETE, "DeleteBucket", .key = NULL),

    READ_OBJECT("GetObjectAcl", .key = "acl", .knows = "versionId"),
    READ_OBJECT("GetObjectTagging", .key = "tagging", .knows = "versionId"),
    READ_OBJECT("GetObjectAttributes", .key = "attributes", .knows = "versionId"),
    READ_OBJECT("GetObjectLegalHold", .key = "legal-hold", .knows = "versionId"),
    READ_OBJECT("GetObjectRetention", .key = "retention", .knows = "versionId"),
    READ_OBJECT("GetObjectTorrent", .key = "torrent", .knows = "versionId"),
    READ_OBJECT("GetObjectAnnotation", .key = "annotation", .and_key = "annotationName", .knows = "versionId"),
    READ_OBJECT("ListObjectAnnotations", .key = "annotation", .knows = "versionId continuation-token max-annotations prefix"),
    READ_OBJECT("ListParts", .key = "uploadId", .knows = "encoding-type max-parts part-number-marker"),
    READ_OBJECT("GetObject", .key = NULL, .knows = OVERRIDES " partNumber versionId"),
    {METHOD_HEAD, {"HeadObject", LEVEL_OBJECT, ACCESS_READ, false}, .key = NULL, .knows = OVERRIDES " partNumber versionId"},

    ADMIN_OBJECT(PUT, "PutObjectAcl", .key = "acl", .knows = "versionId"),
    WRITE_OBJECT(PUT, "UploadPartCopy", .key = "uploadId", .and_key = "partNumber", .copies = true),
    STREAM_OBJECT("UploadPart", .key = "uploadId", .and_key = "partNumber"),
    WRITE_OBJECT(PUT, "PutObjectTagging", .key = "tagging", .knows = "versionId"),
    WRITE_OBJECT(PUT, "PutObjectLegalHold", .key = "legal-hold", .knows = "versionId"),
    WRITE_OBJECT(PUT, "PutObjectRetention", .key = "retention", .knows = "versionId"),
    WRITE_OBJECT(PUT, "UpdateObjectEncryption", .key = "encryption", .knows = "versionId"),
    WRITE_OBJECT(PUT, "RenameObject", .key = "renameObject"),
    STREAM_OBJECT("PutObjectAnnotation", .key = "annotation", .knows = "versionId annotationName"),
    WRITE_OBJECT(PUT, "CopyObject", .key = NULL, .copies = true),
    STREAM_OBJECT("PutObject", .key = NULL),

    WRITE_OBJECT(POST, "CreateMultipartUpload", .key = "uploads"),
    WRITE_OBJECT(POST, "CompleteMultipartUpload", .key = "uploadId"),
    WRITE_OBJECT(POST, "RestoreObject", .key = "restore", .knows = "versionId"),
    {METHOD_POST, {"SelectObjectContent", LEVEL_OBJECT, ACCESS_READ, false}, .key = "select", .and_key = "select-type", .knows = "versionId"},

    WRITE_OBJECT(DELETE, "AbortMultipartUpload", .key = "uploadId"),
    WRITE_OBJECT(DELETE, "DeleteObjectTagging", .key = "tagging", .knows = "versionId"),
    WRITE_OBJECT(DELETE, "DeleteObjectAnnotation", .key = "annotation", .knows = "versionId annotationName"),
    WRITE_OBJECT(DELETE, "DeleteObject", .key = NULL, .knows = "versionId"),
};
/* clang-format on */

/* What only asks needs no more than to write objects: it changes nothing, but may ask for anything. */
static const struct operation unknown[][2] = {
    [LEVEL_SERVICE] = {{"Unknown", LEVEL_SERVICE, ACCESS_WRITE, false},
                       {"Unknown", LEVEL_SERVICE, ACCESS_ADMIN, false}},
    [LEVEL_BUCKET] = {{"Unknown", LEVEL_BUCKET, ACCESS_WRITE, false}, {"Unknown", LEVEL_BUCKET, ACCESS_ADMIN, false}},
    [LEVEL_OBJECT] = {{"Unknown", LEVEL_OBJECT, ACCESS_WRITE, false}, {"Unknown", LEVEL_OBJECT, ACCESS_ADMIN, false}},
};
static const struct operation unknown_upload = {"Unknown", LEVEL_OBJECT, ACCESS_ADMIN, true};

static const struct operation control[] = {{"S3Control", LEVEL_SERVICE, ACCESS_READ, false},
                                           {"S3Control", LEVEL_SERVICE, ACCESS_ADMIN, false}};
static const struct operation write_response = {"WriteGetObjectResponse", LEVEL_SERVICE, ACCESS_WRITE, false};

static bool query_has(const struct query_param *query, size_t n, const char *name, const char *value)
{
    for (size_t i = 0; i < n; i++)
        if (uri_decodes_to(query[i].name, str_from(name)) &&
            (!value || uri_decodes_to(query[i].value, str_from(value))))
            return true;
    return false;
}

/* True if @name is among the words of @list. */
static bool is_listed(struct str name, const char *list)
{
    struct str rest = list ? str_from(list) : STR_NONE, word;

    while (str_split(&rest, ' ', &word))
        if (uri_decodes_to(name, word)) return true;
    return false;
}

/* What makes no other request of one: signatures; x-amz-*, which mean what headers of that name mean; and what S3
 * ignores but in its logs (S3 User Guide, "Adding custom information to Amazon S3 log entries"): all x-*, like x-id. */
static bool is_beside(const struct query_param *p)
{
    return uri_decodes_to_prefix(p->name, STR("x-")) || sigv2_is_auth_param(p);
}

static bool row_knows(const struct row *row, const struct query_param *query, size_t query_n)
{
    for (size_t i = 0; i < query_n && !row->whatever; i++) {
        const struct query_param *p = &query[i];
        if (is_beside(p) || is_listed(p->name, row->knows)) continue;
        if (row->key && uri_decodes_to(p->name, str_from(row->key))) continue;
        if (row->and_key && uri_decodes_to(p->name, str_from(row->and_key))) continue;
        return false;
    }
    return true;
}

static bool row_fits(const struct row *row, const struct query_param *query, size_t query_n, bool copies)
{
    if (row->copies && !copies) return false;
    if (row->key && !query_has(query, query_n, row->key, row->value)) return false;
    if (row->and_key && !query_has(query, query_n, row->and_key, NULL)) return false;
    return row_knows(row, query, query_n);
}

static bool is_reading(enum http_method method)
{
    return method == METHOD_GET || method == METHOD_HEAD;
}

const struct operation *operation_find(enum http_method method, enum operation_level level,
                                       const struct query_param *query, size_t query_n, const struct headers *headers)
{
    bool copies = headers && headers_find(headers, HDR_X_AMZ_COPY_SOURCE);

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].method == method && table[i].operation.level == level &&
            row_fits(&table[i], query, query_n, copies))
            return &table[i].operation;
    if (method == METHOD_PUT && level == LEVEL_OBJECT) return &unknown_upload;
    return &unknown[level][!is_reading(method)];
}

const struct operation *operation_of_service(enum s3_service service, enum http_method method, struct str path)
{
    bool writes = !is_reading(method);

    if (service == S3_OBJECT_RESPONSE) {
        if (method == METHOD_POST && str_eq(path, STR("/WriteGetObjectResponse"))) return &write_response;
        return &unknown[LEVEL_SERVICE][writes];
    }
    if (str_find(path, STR("/dataaccess")) != SIZE_MAX) writes = true; /* GetDataAccess: credentials of S3's own */
    return &control[writes];
}

/* Numbers: none, what stands outside the table, then its rows. */
static const char *const outside[] = {"none", "Unknown", "S3Control", "WriteGetObjectResponse"};

_Static_assert(ARRAY_LEN(outside) + ARRAY_LEN(table) <= OPERATION_NUMBERS, "more operations than numbers");

unsigned operation_number(const struct operation *o)
{
    uintptr_t at = (uintptr_t)o, first = (uintptr_t)&table[1].operation;

    if (!o) return 0;
    if (o == &write_response) return 3;
    if (o == &control[0] || o == &control[1]) return 2;
    if (at < first || at > (uintptr_t)&table[ARRAY_LEN(table) - 1].operation) return 1;
    return (unsigned)(ARRAY_LEN(outside) + 1 + (at - first) / sizeof(table[0]));
}

const char *operation_name(unsigned number)
{
    if (number < ARRAY_LEN(outside)) return outside[number];
    number -= (unsigned)ARRAY_LEN(outside);
    return number < ARRAY_LEN(table) ? table[number].operation.name : NULL;
}
