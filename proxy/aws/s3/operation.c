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
#define OPERATION(m, name, level, access, streams, action, version, judges, ...) \
    {METHOD_##m, {name, LEVEL_##level, ACCESS_##access, streams, S3_ACTION_##action, S3_ACTION_##version, JUDGES_##judges}, __VA_ARGS__}
#define READ_BUCKET(name, action, ...)     OPERATION(GET, name, BUCKET, READ, false, action, action, HEAD, __VA_ARGS__)
#define WRITE_BUCKET(m, name, action, judges, ...) OPERATION(m, name, BUCKET, WRITE, false, action, action, judges, __VA_ARGS__)
#define ADMIN_BUCKET(m, name, action, ...) OPERATION(m, name, BUCKET, ADMIN, false, action, action, HEAD, __VA_ARGS__)
#define READ_OBJECT(m, name, action, version, ...) OPERATION(m, name, OBJECT, READ, false, action, version, HEAD, __VA_ARGS__)
#define WRITE_OBJECT(m, name, action, version, judges, ...) OPERATION(m, name, OBJECT, WRITE, false, action, version, judges, __VA_ARGS__)
#define ADMIN_OBJECT(m, name, action, version, ...) OPERATION(m, name, OBJECT, ADMIN, false, action, version, HEAD, __VA_ARGS__)
#define STREAM_OBJECT(name, action, version, ...) OPERATION(PUT, name, OBJECT, WRITE, true, action, version, HEAD, __VA_ARGS__)

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
    OPERATION(HEAD, "Unknown", SERVICE, READ, false, ListAllMyBuckets, ListAllMyBuckets, HEAD, .key = NULL), /* is somebody there? */
    OPERATION(GET, "ListBuckets", SERVICE, READ, false, ListAllMyBuckets, ListAllMyBuckets, HEAD, .key = NULL, .knows = "bucket-region continuation-token max-buckets prefix"),

    ADMIN_BUCKET(GET, "CreateSession", UNKNOWN, .key = "session", .whatever = true), /* hands out credentials of S3's own */
    READ_BUCKET("GetBucketLocation", GetBucketLocation, .key = "location"),
    READ_BUCKET("GetBucketAcl", GetBucketAcl, .key = "acl"),
    READ_BUCKET("GetBucketPolicy", GetBucketPolicy, .key = "policy"),
    READ_BUCKET("GetBucketPolicyStatus", GetBucketPolicyStatus, .key = "policyStatus"),
    READ_BUCKET("GetBucketVersioning", GetBucketVersioning, .key = "versioning"),
    READ_BUCKET("GetBucketTagging", GetBucketTagging, .key = "tagging"),
    READ_BUCKET("GetBucketCors", GetBucketCORS, .key = "cors"),
    READ_BUCKET("GetBucketLifecycleConfiguration", GetLifecycleConfiguration, .key = "lifecycle"),
    READ_BUCKET("GetBucketWebsite", GetBucketWebsite, .key = "website"),
    READ_BUCKET("GetBucketLogging", GetBucketLogging, .key = "logging"),
    READ_BUCKET("GetBucketNotificationConfiguration", GetBucketNotification, .key = "notification"),
    READ_BUCKET("GetBucketEncryption", GetEncryptionConfiguration, .key = "encryption"),
    READ_BUCKET("GetObjectLockConfiguration", GetBucketObjectLockConfiguration, .key = "object-lock"),
    READ_BUCKET("GetBucketReplication", GetReplicationConfiguration, .key = "replication"),
    READ_BUCKET("GetBucketAccelerateConfiguration", GetAccelerateConfiguration, .key = "accelerate"),
    READ_BUCKET("GetBucketRequestPayment", GetBucketRequestPayment, .key = "requestPayment"),
    READ_BUCKET("GetBucketMetricsConfiguration", GetMetricsConfiguration, .key = "metrics", .and_key = "id"),
    READ_BUCKET("ListBucketMetricsConfigurations", GetMetricsConfiguration, .key = "metrics", .knows = "continuation-token"),
    READ_BUCKET("GetBucketAnalyticsConfiguration", GetAnalyticsConfiguration, .key = "analytics", .and_key = "id"),
    READ_BUCKET("ListBucketAnalyticsConfigurations", GetAnalyticsConfiguration, .key = "analytics", .knows = "continuation-token"),
    READ_BUCKET("GetBucketInventoryConfiguration", GetInventoryConfiguration, .key = "inventory", .and_key = "id"),
    READ_BUCKET("ListBucketInventoryConfigurations", GetInventoryConfiguration, .key = "inventory", .knows = "continuation-token"),
    READ_BUCKET("GetBucketIntelligentTieringConfiguration", GetIntelligentTieringConfiguration, .key = "intelligent-tiering", .and_key = "id"),
    READ_BUCKET("ListBucketIntelligentTieringConfigurations", GetIntelligentTieringConfiguration, .key = "intelligent-tiering", .knows = "continuation-token"),
    READ_BUCKET("GetBucketOwnershipControls", GetBucketOwnershipControls, .key = "ownershipControls"),
    READ_BUCKET("GetPublicAccessBlock", GetBucketPublicAccessBlock, .key = "publicAccessBlock"),
    READ_BUCKET("GetBucketMetadataConfiguration", GetBucketMetadataTableConfiguration, .key = "metadataConfiguration"),
    READ_BUCKET("GetBucketMetadataTableConfiguration", GetBucketMetadataTableConfiguration, .key = "metadataTable"),
    READ_BUCKET("GetBucketAbac", GetBucketAbac, .key = "abac"),
    READ_BUCKET("ListObjectVersions", ListBucketVersions, .key = "versions", .knows = LISTED " key-marker version-id-marker"),
    READ_BUCKET("ListMultipartUploads", ListBucketMultipartUploads, .key = "uploads", .knows = "delimiter encoding-type key-marker max-uploads prefix upload-id-marker"),
    READ_BUCKET("ListObjectsV2", ListBucket, .key = "list-type", .value = "2", .knows = LISTED " continuation-token fetch-owner start-after"),
    READ_BUCKET("ListObjects", ListBucket, .key = NULL, .knows = LISTED " list-type marker"),
    OPERATION(HEAD, "HeadBucket", BUCKET, READ, false, ListBucket, ListBucket, HEAD, .key = NULL, .knows = LISTED " list-type marker continuation-token fetch-owner start-after"),

    ADMIN_BUCKET(PUT, "PutBucketAcl", PutBucketAcl, .key = "acl"),
    ADMIN_BUCKET(PUT, "PutBucketPolicy", PutBucketPolicy, .key = "policy"),
    ADMIN_BUCKET(PUT, "PutBucketVersioning", PutBucketVersioning, .key = "versioning"),
    ADMIN_BUCKET(PUT, "PutBucketTagging", PutBucketTagging, .key = "tagging"),
    ADMIN_BUCKET(PUT, "PutBucketCors", PutBucketCORS, .key = "cors"),
    ADMIN_BUCKET(PUT, "PutBucketLifecycleConfiguration", PutLifecycleConfiguration, .key = "lifecycle"),
    ADMIN_BUCKET(PUT, "PutBucketWebsite", PutBucketWebsite, .key = "website"),
    ADMIN_BUCKET(PUT, "PutBucketLogging", PutBucketLogging, .key = "logging"),
    ADMIN_BUCKET(PUT, "PutBucketNotificationConfiguration", PutBucketNotification, .key = "notification"),
    ADMIN_BUCKET(PUT, "PutBucketEncryption", PutEncryptionConfiguration, .key = "encryption"),
    ADMIN_BUCKET(PUT, "PutObjectLockConfiguration", PutBucketObjectLockConfiguration, .key = "object-lock"),
    ADMIN_BUCKET(PUT, "PutBucketReplication", PutReplicationConfiguration, .key = "replication"),
    ADMIN_BUCKET(PUT, "PutBucketAccelerateConfiguration", PutAccelerateConfiguration, .key = "accelerate"),
    ADMIN_BUCKET(PUT, "PutBucketRequestPayment", PutBucketRequestPayment, .key = "requestPayment"),
    ADMIN_BUCKET(PUT, "PutBucketMetricsConfiguration", PutMetricsConfiguration, .key = "metrics", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketAnalyticsConfiguration", PutAnalyticsConfiguration, .key = "analytics", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketInventoryConfiguration", PutInventoryConfiguration, .key = "inventory", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketIntelligentTieringConfiguration", PutIntelligentTieringConfiguration, .key = "intelligent-tiering", .knows = "id"),
    ADMIN_BUCKET(PUT, "PutBucketOwnershipControls", PutBucketOwnershipControls, .key = "ownershipControls"),
    ADMIN_BUCKET(PUT, "PutPublicAccessBlock", PutBucketPublicAccessBlock, .key = "publicAccessBlock"),
    ADMIN_BUCKET(PUT, "UpdateBucketMetadataInventoryTableConfiguration", UpdateBucketMetadataInventoryTableConfiguration, .key = "metadataInventoryTable"),
    ADMIN_BUCKET(PUT, "UpdateBucketMetadataJournalTableConfiguration", UpdateBucketMetadataJournalTableConfiguration, .key = "metadataJournalTable"),
    ADMIN_BUCKET(PUT, "PutBucketAbac", PutBucketAbac, .key = "abac"),
    OPERATION(PUT, "CreateBucket", BUCKET, ADMIN, false, CreateBucket, CreateBucket, BUCKET, .key = NULL),

    ADMIN_BUCKET(POST, "CreateBucketMetadataConfiguration", CreateBucketMetadataTableConfiguration, .key = "metadataConfiguration"),
    ADMIN_BUCKET(POST, "CreateBucketMetadataTableConfiguration", CreateBucketMetadataTableConfiguration, .key = "metadataTable"),
    WRITE_BUCKET(POST, "DeleteObjects", DeleteObject, KEYS, .key = "delete"),
    WRITE_BUCKET(POST, "PostObject", PutObject, HEAD, .key = NULL), /* a browser's form */

    ADMIN_BUCKET(DELETE, "DeleteBucketPolicy", DeleteBucketPolicy, .key = "policy"),
    ADMIN_BUCKET(DELETE, "DeleteBucketTagging", PutBucketTagging, .key = "tagging"),
    ADMIN_BUCKET(DELETE, "DeleteBucketCors", PutBucketCORS, .key = "cors"),
    ADMIN_BUCKET(DELETE, "DeleteBucketLifecycle", PutLifecycleConfiguration, .key = "lifecycle"),
    ADMIN_BUCKET(DELETE, "DeleteBucketWebsite", DeleteBucketWebsite, .key = "website"),
    ADMIN_BUCKET(DELETE, "DeleteBucketEncryption", PutEncryptionConfiguration, .key = "encryption"),
    ADMIN_BUCKET(DELETE, "DeleteBucketReplication", PutReplicationConfiguration, .key = "replication"),
    ADMIN_BUCKET(DELETE, "DeleteBucketMetricsConfiguration", PutMetricsConfiguration, .key = "metrics", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketAnalyticsConfiguration", PutAnalyticsConfiguration, .key = "analytics", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketInventoryConfiguration", PutInventoryConfiguration, .key = "inventory", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketIntelligentTieringConfiguration", PutIntelligentTieringConfiguration, .key = "intelligent-tiering", .knows = "id"),
    ADMIN_BUCKET(DELETE, "DeleteBucketOwnershipControls", PutBucketOwnershipControls, .key = "ownershipControls"),
    ADMIN_BUCKET(DELETE, "DeletePublicAccessBlock", PutBucketPublicAccessBlock, .key = "publicAccessBlock"),
    ADMIN_BUCKET(DELETE, "DeleteBucketMetadataConfiguration", DeleteBucketMetadataTableConfiguration, .key = "metadataConfiguration"),
    ADMIN_BUCKET(DELETE, "DeleteBucketMetadataTableConfiguration", DeleteBucketMetadataTableConfiguration, .key = "metadataTable"),
    ADMIN_BUCKET(DELETE, "DeleteBucket", DeleteBucket, .key = NULL),

    READ_OBJECT(GET, "GetObjectAcl", GetObjectAcl, GetObjectVersionAcl, .key = "acl", .knows = "versionId"),
    READ_OBJECT(GET, "GetObjectTagging", GetObjectTagging, GetObjectVersionTagging, .key = "tagging", .knows = "versionId"),
    READ_OBJECT(GET, "GetObjectAttributes", GetObjectAttributes, GetObjectVersionAttributes, .key = "attributes", .knows = "versionId"),
    READ_OBJECT(GET, "GetObjectLegalHold", GetObjectLegalHold, GetObjectLegalHold, .key = "legal-hold", .knows = "versionId"),
    READ_OBJECT(GET, "GetObjectRetention", GetObjectRetention, GetObjectRetention, .key = "retention", .knows = "versionId"),
    READ_OBJECT(GET, "GetObjectTorrent", GetObjectTorrent, GetObjectVersionTorrent, .key = "torrent", .knows = "versionId"),
    READ_OBJECT(GET, "GetObjectAnnotation", GetObjectAnnotation, GetObjectVersionAnnotation, .key = "annotation", .and_key = "annotationName", .knows = "versionId"),
    READ_OBJECT(GET, "ListObjectAnnotations", ListObjectAnnotations, ListObjectVersionAnnotations, .key = "annotation", .knows = "versionId continuation-token max-annotations prefix"),
    READ_OBJECT(GET, "ListParts", ListMultipartUploadParts, ListMultipartUploadParts, .key = "uploadId", .knows = "encoding-type max-parts part-number-marker"),
    READ_OBJECT(GET, "GetObject", GetObject, GetObjectVersion, .key = NULL, .knows = OVERRIDES " partNumber versionId"),
    READ_OBJECT(HEAD, "HeadObject", GetObject, GetObjectVersion, .key = NULL, .knows = OVERRIDES " partNumber versionId"),

    ADMIN_OBJECT(PUT, "PutObjectAcl", PutObjectAcl, PutObjectVersionAcl, .key = "acl", .knows = "versionId"),
    WRITE_OBJECT(PUT, "UploadPartCopy", PutObject, PutObject, HEAD, .key = "uploadId", .and_key = "partNumber", .copies = true),
    STREAM_OBJECT("UploadPart", PutObject, PutObject, .key = "uploadId", .and_key = "partNumber"),
    WRITE_OBJECT(PUT, "PutObjectTagging", PutObjectTagging, PutObjectVersionTagging, TAGS, .key = "tagging", .knows = "versionId"),
    WRITE_OBJECT(PUT, "PutObjectLegalHold", PutObjectLegalHold, PutObjectLegalHold, LEGAL_HOLD, .key = "legal-hold", .knows = "versionId"),
    WRITE_OBJECT(PUT, "PutObjectRetention", PutObjectRetention, PutObjectRetention, RETENTION, .key = "retention", .knows = "versionId"),
    WRITE_OBJECT(PUT, "UpdateObjectEncryption", UpdateObjectEncryption, UpdateObjectEncryption, HEAD, .key = "encryption", .knows = "versionId"),
    WRITE_OBJECT(PUT, "RenameObject", PutObject, PutObject, HEAD, .key = "renameObject"),
    STREAM_OBJECT("PutObjectAnnotation", PutObjectAnnotation, PutObjectVersionAnnotation, .key = "annotation", .knows = "versionId annotationName"),
    WRITE_OBJECT(PUT, "CopyObject", PutObject, PutObject, HEAD, .key = NULL, .copies = true),
    STREAM_OBJECT("PutObject", PutObject, PutObject, .key = NULL),

    WRITE_OBJECT(POST, "CreateMultipartUpload", PutObject, PutObject, HEAD, .key = "uploads"),
    WRITE_OBJECT(POST, "CompleteMultipartUpload", PutObject, PutObject, HEAD, .key = "uploadId"),
    WRITE_OBJECT(POST, "RestoreObject", RestoreObject, RestoreObject, RESTORE, .key = "restore", .knows = "versionId"),
    READ_OBJECT(POST, "SelectObjectContent", GetObject, GetObjectVersion, .key = "select", .and_key = "select-type", .knows = "versionId"),

    WRITE_OBJECT(DELETE, "AbortMultipartUpload", AbortMultipartUpload, AbortMultipartUpload, HEAD, .key = "uploadId"),
    WRITE_OBJECT(DELETE, "DeleteObjectTagging", DeleteObjectTagging, DeleteObjectVersionTagging, HEAD, .key = "tagging", .knows = "versionId"),
    WRITE_OBJECT(DELETE, "DeleteObjectAnnotation", DeleteObjectAnnotation, DeleteObjectVersionAnnotation, HEAD, .key = "annotation", .knows = "versionId annotationName"),
    WRITE_OBJECT(DELETE, "DeleteObject", DeleteObject, DeleteObjectVersion, HEAD, .key = NULL, .knows = "versionId"),
};
/* clang-format on */

/* What only asks needs no more than to write objects: it changes nothing, but may ask for anything. */
#define UNKNOWN(title, where, needs)                         \
    {                                                        \
        .name = (title), .level = (where), .access = (needs) \
    }
static const struct operation unknown[][2] = {
    [LEVEL_SERVICE] = {UNKNOWN("Unknown", LEVEL_SERVICE, ACCESS_WRITE),
                       UNKNOWN("Unknown", LEVEL_SERVICE, ACCESS_ADMIN)},
    [LEVEL_BUCKET] = {UNKNOWN("Unknown", LEVEL_BUCKET, ACCESS_WRITE), UNKNOWN("Unknown", LEVEL_BUCKET, ACCESS_ADMIN)},
    [LEVEL_OBJECT] = {UNKNOWN("Unknown", LEVEL_OBJECT, ACCESS_WRITE), UNKNOWN("Unknown", LEVEL_OBJECT, ACCESS_ADMIN)},
};
static const struct operation unknown_upload = {
    .name = "Unknown", .level = LEVEL_OBJECT, .access = ACCESS_ADMIN, .streams_body = true};

static const struct operation control[] = {UNKNOWN("S3Control", LEVEL_SERVICE, ACCESS_READ),
                                           UNKNOWN("S3Control", LEVEL_SERVICE, ACCESS_ADMIN)};
static const struct operation write_response = UNKNOWN("WriteGetObjectResponse", LEVEL_SERVICE, ACCESS_WRITE);
#undef UNKNOWN

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

/* The version of the API, of which there is one: libcloud names it with each GET. */
static bool is_api_version(const struct query_param *p)
{
    return str_eq(p->name, STR("Version")) && str_eq(p->value, STR("2006-03-01"));
}

/* What makes no other request of one: signatures; x-amz-*, which mean what headers of that name mean; and what S3
 * ignores but in its logs (S3 User Guide, "Adding custom information to Amazon S3 log entries"): all x-*, like x-id. */
static bool is_beside(const struct query_param *p)
{
    return uri_decodes_to_prefix(p->name, STR("x-")) || sigv2_is_auth_param(p) || is_api_version(p);
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

/* Which of two counts is every server's own choice. */
static bool names_twice(const struct query_param *query, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i && !is_beside(&query[i]); k++)
            if (uri_decode_alike(query[i].name, query[k].name)) return true;
    return false;
}

static bool is_reading(enum http_method method)
{
    return method == METHOD_GET || method == METHOD_HEAD;
}

const struct operation *operation_find(enum http_method method, enum operation_level level,
                                       const struct query_param *query, size_t query_n, const struct headers *headers)
{
    bool copies = headers && headers_find(headers, HDR_X_AMZ_COPY_SOURCE), known = !names_twice(query, query_n);

    for (size_t i = 0; known && i < ARRAY_LEN(table); i++)
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

static bool begins(const struct operation *o, const char *const *words)
{
    for (; *words; words++)
        if (str_starts(str_from(o->name), str_from(*words))) return true;
    return false;
}

enum operation_tier operation_tier(const struct operation *o, enum http_method method)
{
    static const char *const gets[] = {"Get", "Head", "Select", NULL}, *const frees[] = {"Delete", "Abort", NULL};

    if (begins(o, gets)) return TIER_GET;
    if (begins(o, frees)) return TIER_FREE;
    if (!str_eq(str_from(o->name), STR("Unknown"))) return TIER_PUT;
    if (method == METHOD_DELETE) return TIER_FREE;
    return method == METHOD_GET || method == METHOD_HEAD || method == METHOD_OPTIONS ? TIER_GET : TIER_PUT;
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
