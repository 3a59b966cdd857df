/* SPDX-License-Identifier: Apache-2.0
 * partition.h: the partitions of AWS: which DNS suffix the names in a Region end in. Pure; any thread; static text.
 * Source: botocore's data/partitions.json.
 */
#ifndef S3ONRAMP_AWS_S3_PARTITION_H
#define S3ONRAMP_AWS_S3_PARTITION_H

#include "base/str.h"

#define PARTITION_AWS_SUFFIX "amazonaws.com" /* "aws" and "aws-us-gov" */
#define PARTITION_CN_SUFFIX "amazonaws.com.cn"

/* "ap-northeast-1" → "amazonaws.com"; empty if no partition has such Regions (WORD-WORD-NUMBER forms). */
struct str partition_suffix(struct str region);
/* The same for what may be no Region of AWS at all: judged by its beginning, else the partition "aws". */
struct str partition_suffix_or_aws(struct str region);
/* The partition of a Region, as ARNs have it: "aws", "aws-cn", "aws-us-gov"; "aws" for what is no Region of AWS. */
struct str partition_name(struct str region);
/* The i-th suffix; empty after the last. */
struct str partition_suffix_at(size_t i);

#endif
