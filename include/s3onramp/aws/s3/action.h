/* SPDX-License-Identifier: Apache-2.0
 * action.h: the actions of Amazon S3 that policies speak of. Several operations of the API may need one action
 * (GetObject and HeadObject need s3:GetObject), and one operation several. Pure; any thread. Source: AWS Service
 * Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
 */
#ifndef S3ONRAMP_AWS_S3_ACTION_H
#define S3ONRAMP_AWS_S3_ACTION_H

#include "base/str.h"

/* What an action, or an operation, needs; each includes those before it: READ what a read-only policy allows, WRITE
 * objects, ADMIN all else (buckets, their configuration, rights of others). */
enum operation_access { ACCESS_READ, ACCESS_WRITE, ACCESS_ADMIN };

/* What an action's resource is: an object, a bucket, or neither (the account, access points, jobs, …). */
enum s3_resource { S3_RESOURCE_OBJECT, S3_RESOURCE_BUCKET, S3_RESOURCE_OTHER };

/* X(name, access, resource): access is what a policy's short form allows it with. */
/* clang-format off */
#define S3_ACTIONS(X) \
    X(AbortMultipartUpload, WRITE, OBJECT) \
    X(AllowVendedLogDeliveryForResource, ADMIN, BUCKET) \
    X(AssociateAccessGrantsIdentityCenter, ADMIN, OTHER) \
    X(BypassGovernanceRetention, ADMIN, OBJECT) \
    X(CreateAccessGrant, ADMIN, OTHER) \
    X(CreateAccessGrantsInstance, ADMIN, OTHER) \
    X(CreateAccessGrantsLocation, ADMIN, OTHER) \
    X(CreateAccessPoint, ADMIN, OTHER) \
    X(CreateAccessPointForObjectLambda, ADMIN, OTHER) \
    X(CreateBucket, ADMIN, BUCKET) \
    X(CreateBucketMetadataTableConfiguration, ADMIN, BUCKET) \
    X(CreateJob, ADMIN, OTHER) \
    X(CreateMultiRegionAccessPoint, ADMIN, OTHER) \
    X(CreateStorageLensGroup, ADMIN, OTHER) \
    X(DeleteAccessGrant, ADMIN, OTHER) \
    X(DeleteAccessGrantsInstance, ADMIN, OTHER) \
    X(DeleteAccessGrantsInstanceResourcePolicy, ADMIN, OTHER) \
    X(DeleteAccessGrantsLocation, ADMIN, OTHER) \
    X(DeleteAccessPoint, ADMIN, OTHER) \
    X(DeleteAccessPointForObjectLambda, ADMIN, OTHER) \
    X(DeleteAccessPointPolicy, ADMIN, OTHER) \
    X(DeleteAccessPointPolicyForObjectLambda, ADMIN, OTHER) \
    X(DeleteBucket, ADMIN, BUCKET) \
    X(DeleteBucketMetadataTableConfiguration, ADMIN, BUCKET) \
    X(DeleteBucketPolicy, ADMIN, BUCKET) \
    X(DeleteBucketWebsite, ADMIN, BUCKET) \
    X(DeleteJobTagging, ADMIN, OTHER) \
    X(DeleteMultiRegionAccessPoint, ADMIN, OTHER) \
    X(DeleteObject, WRITE, OBJECT) \
    X(DeleteObjectAnnotation, WRITE, OBJECT) \
    X(DeleteObjectTagging, WRITE, OBJECT) \
    X(DeleteObjectVersion, WRITE, OBJECT) \
    X(DeleteObjectVersionAnnotation, WRITE, OBJECT) \
    X(DeleteObjectVersionTagging, WRITE, OBJECT) \
    X(DeleteStorageLensConfiguration, ADMIN, OTHER) \
    X(DeleteStorageLensConfigurationTagging, ADMIN, OTHER) \
    X(DeleteStorageLensGroup, ADMIN, OTHER) \
    X(DescribeJob, READ, OTHER) \
    X(DescribeMultiRegionAccessPointOperation, READ, OTHER) \
    X(DissociateAccessGrantsIdentityCenter, ADMIN, OTHER) \
    X(GetAccelerateConfiguration, READ, BUCKET) \
    X(GetAccessGrant, READ, OTHER) \
    X(GetAccessGrantsInstance, READ, OTHER) \
    X(GetAccessGrantsInstanceForPrefix, READ, OTHER) \
    X(GetAccessGrantsInstanceResourcePolicy, READ, OTHER) \
    X(GetAccessGrantsLocation, READ, OTHER) \
    X(GetAccessPoint, READ, OTHER) \
    X(GetAccessPointConfigurationForObjectLambda, READ, OTHER) \
    X(GetAccessPointForObjectLambda, READ, OTHER) \
    X(GetAccessPointPolicy, READ, OTHER) \
    X(GetAccessPointPolicyForObjectLambda, READ, OTHER) \
    X(GetAccessPointPolicyStatus, READ, OTHER) \
    X(GetAccessPointPolicyStatusForObjectLambda, READ, OTHER) \
    X(GetAccountPublicAccessBlock, READ, OTHER) \
    X(GetAnalyticsConfiguration, READ, BUCKET) \
    X(GetBucketAbac, READ, BUCKET) \
    X(GetBucketAcl, READ, BUCKET) \
    X(GetBucketCORS, READ, BUCKET) \
    X(GetBucketLocation, READ, BUCKET) \
    X(GetBucketLogging, READ, BUCKET) \
    X(GetBucketMetadataTableConfiguration, READ, BUCKET) \
    X(GetBucketNotification, READ, BUCKET) \
    X(GetBucketObjectLockConfiguration, READ, BUCKET) \
    X(GetBucketOwnershipControls, READ, BUCKET) \
    X(GetBucketPolicy, READ, BUCKET) \
    X(GetBucketPolicyStatus, READ, BUCKET) \
    X(GetBucketPublicAccessBlock, READ, BUCKET) \
    X(GetBucketRequestPayment, READ, BUCKET) \
    X(GetBucketTagging, READ, BUCKET) \
    X(GetBucketVersioning, READ, BUCKET) \
    X(GetBucketWebsite, READ, BUCKET) \
    X(GetDataAccess, ADMIN, OTHER) \
    X(GetEncryptionConfiguration, READ, BUCKET) \
    X(GetIntelligentTieringConfiguration, READ, BUCKET) \
    X(GetInventoryConfiguration, READ, BUCKET) \
    X(GetJobTagging, READ, OTHER) \
    X(GetLifecycleConfiguration, READ, BUCKET) \
    X(GetMetricsConfiguration, READ, BUCKET) \
    X(GetMultiRegionAccessPoint, READ, OTHER) \
    X(GetMultiRegionAccessPointPolicy, READ, OTHER) \
    X(GetMultiRegionAccessPointPolicyStatus, READ, OTHER) \
    X(GetMultiRegionAccessPointRoutes, READ, OTHER) \
    X(GetObject, READ, OBJECT) \
    X(GetObjectAcl, READ, OBJECT) \
    X(GetObjectAnnotation, READ, OBJECT) \
    X(GetObjectAttributes, READ, OBJECT) \
    X(GetObjectLegalHold, READ, OBJECT) \
    X(GetObjectRetention, READ, OBJECT) \
    X(GetObjectTagging, READ, OBJECT) \
    X(GetObjectTorrent, READ, OBJECT) \
    X(GetObjectVersion, READ, OBJECT) \
    X(GetObjectVersionAcl, READ, OBJECT) \
    X(GetObjectVersionAnnotation, READ, OBJECT) \
    X(GetObjectVersionAnnotationForReplication, READ, OBJECT) \
    X(GetObjectVersionAttributes, READ, OBJECT) \
    X(GetObjectVersionForReplication, READ, OBJECT) \
    X(GetObjectVersionTagging, READ, OBJECT) \
    X(GetObjectVersionTorrent, READ, OBJECT) \
    X(GetReplicationConfiguration, READ, BUCKET) \
    X(GetStorageLensConfiguration, READ, OTHER) \
    X(GetStorageLensConfigurationTagging, READ, OTHER) \
    X(GetStorageLensDashboard, READ, OTHER) \
    X(GetStorageLensGroup, READ, OTHER) \
    X(InitiateReplication, ADMIN, OBJECT) \
    X(ListAccessGrants, READ, OTHER) \
    X(ListAccessGrantsInstances, READ, OTHER) \
    X(ListAccessGrantsLocations, READ, OTHER) \
    X(ListAccessPoints, READ, OTHER) \
    X(ListAccessPointsForObjectLambda, READ, OTHER) \
    X(ListAllMyBuckets, READ, OTHER) \
    X(ListBucket, READ, BUCKET) \
    X(ListBucketMultipartUploads, READ, BUCKET) \
    X(ListBucketVersions, READ, BUCKET) \
    X(ListCallerAccessGrants, READ, OTHER) \
    X(ListJobs, READ, OTHER) \
    X(ListMultiRegionAccessPoints, READ, OTHER) \
    X(ListMultipartUploadParts, READ, OBJECT) \
    X(ListObjectAnnotations, READ, OBJECT) \
    X(ListObjectVersionAnnotations, READ, OBJECT) \
    X(ListStorageLensConfigurations, READ, OTHER) \
    X(ListStorageLensGroups, READ, OTHER) \
    X(ListTagsForResource, READ, BUCKET) \
    X(ObjectOwnerOverrideToBucketOwner, ADMIN, OBJECT) \
    X(PauseReplication, ADMIN, BUCKET) \
    X(PutAccelerateConfiguration, ADMIN, BUCKET) \
    X(PutAccessGrantsInstanceResourcePolicy, ADMIN, OTHER) \
    X(PutAccessPointConfigurationForObjectLambda, ADMIN, OTHER) \
    X(PutAccessPointPolicy, ADMIN, OTHER) \
    X(PutAccessPointPolicyForObjectLambda, ADMIN, OTHER) \
    X(PutAccessPointPublicAccessBlock, ADMIN, OTHER) \
    X(PutAccountPublicAccessBlock, ADMIN, OTHER) \
    X(PutAnalyticsConfiguration, ADMIN, BUCKET) \
    X(PutBucketAbac, ADMIN, BUCKET) \
    X(PutBucketAcl, ADMIN, BUCKET) \
    X(PutBucketCORS, ADMIN, BUCKET) \
    X(PutBucketLogging, ADMIN, BUCKET) \
    X(PutBucketNotification, ADMIN, BUCKET) \
    X(PutBucketObjectLockConfiguration, ADMIN, BUCKET) \
    X(PutBucketOwnershipControls, ADMIN, BUCKET) \
    X(PutBucketPolicy, ADMIN, BUCKET) \
    X(PutBucketPublicAccessBlock, ADMIN, BUCKET) \
    X(PutBucketRequestPayment, ADMIN, BUCKET) \
    X(PutBucketTagging, ADMIN, BUCKET) \
    X(PutBucketVersioning, ADMIN, BUCKET) \
    X(PutBucketWebsite, ADMIN, BUCKET) \
    X(PutEncryptionConfiguration, ADMIN, BUCKET) \
    X(PutIntelligentTieringConfiguration, ADMIN, BUCKET) \
    X(PutInventoryConfiguration, ADMIN, BUCKET) \
    X(PutJobTagging, ADMIN, OTHER) \
    X(PutLifecycleConfiguration, ADMIN, BUCKET) \
    X(PutMetricsConfiguration, ADMIN, BUCKET) \
    X(PutMultiRegionAccessPointPolicy, ADMIN, OTHER) \
    X(PutObject, WRITE, OBJECT) \
    X(PutObjectAcl, ADMIN, OBJECT) \
    X(PutObjectAnnotation, WRITE, OBJECT) \
    X(PutObjectLegalHold, WRITE, OBJECT) \
    X(PutObjectRetention, WRITE, OBJECT) \
    X(PutObjectTagging, WRITE, OBJECT) \
    X(PutObjectVersionAcl, ADMIN, OBJECT) \
    X(PutObjectVersionAnnotation, WRITE, OBJECT) \
    X(PutObjectVersionTagging, WRITE, OBJECT) \
    X(PutReplicationConfiguration, ADMIN, BUCKET) \
    X(PutStorageLensConfiguration, ADMIN, OTHER) \
    X(PutStorageLensConfigurationTagging, ADMIN, OTHER) \
    X(ReplicateDelete, ADMIN, OBJECT) \
    X(ReplicateObject, ADMIN, OBJECT) \
    X(ReplicateObjectAnnotation, ADMIN, OBJECT) \
    X(ReplicateTags, ADMIN, OBJECT) \
    X(RestoreObject, WRITE, OBJECT) \
    X(SubmitMultiRegionAccessPointRoutes, ADMIN, OTHER) \
    X(TagResource, ADMIN, BUCKET) \
    X(UntagResource, ADMIN, BUCKET) \
    X(UpdateAccessGrantsLocation, ADMIN, OTHER) \
    X(UpdateBucketMetadataAnnotationTableConfiguration, ADMIN, BUCKET) \
    X(UpdateBucketMetadataInventoryTableConfiguration, ADMIN, BUCKET) \
    X(UpdateBucketMetadataJournalTableConfiguration, ADMIN, BUCKET) \
    X(UpdateJobPriority, ADMIN, OTHER) \
    X(UpdateJobStatus, ADMIN, OTHER) \
    X(UpdateObjectEncryption, WRITE, OBJECT) \
    X(UpdateStorageLensGroup, ADMIN, OTHER)
/* clang-format on */

enum s3_action {
    S3_ACTION_UNKNOWN, /* what S3 has no name for, or we do not know: only s3:* and * allow it; and since it may be any
                          action, on anything, every statement that denies forbids it if its conditions hold */
#define X(name, access, resource) S3_ACTION_##name,
    S3_ACTIONS(X)
#undef X
        S3_ACTIONS_N
};

/* "GetObject"; "*" for S3_ACTION_UNKNOWN, which could be anything. */
const char *s3_action_name(enum s3_action a);
enum operation_access s3_action_access(enum s3_action a); /* ACCESS_ADMIN for S3_ACTION_UNKNOWN */
enum s3_resource s3_action_resource(enum s3_action a);    /* S3_RESOURCE_OTHER for S3_ACTION_UNKNOWN */
/* The action of that name, without "s3:" and in any case, as policies write it; S3_ACTION_UNKNOWN: there is none. */
enum s3_action s3_action_find(struct str name);

#endif
