/* SPDX-License-Identifier: Apache-2.0
 * partition.c: the table of AWS's partitions. Pure; any thread.
 */
#include "aws/s3/partition.h"

static const struct str suffixes[] = {
    STR_INIT(PARTITION_AWS_SUFFIX), STR_INIT(PARTITION_CN_SUFFIX), STR_INIT("amazonaws.eu"),   STR_INIT("c2s.ic.gov"),
    STR_INIT("sc2s.sgov.gov"),      STR_INIT("cloud.adc-e.uk"),    STR_INIT("csp.hci.ic.gov"),
};
enum { SUFFIX_AWS, SUFFIX_CN, SUFFIX_EUSC, SUFFIX_ISO, SUFFIX_ISO_B, SUFFIX_ISO_E, SUFFIX_ISO_F };

/* A Region is one of these, "-word-number". */
static const struct partition {
    struct str region_prefix;
    unsigned suffix; /* into suffixes */
    struct str name;
} partitions[] = {
    {STR_INIT("us"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("eu"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("ap"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("sa"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("ca"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("me"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("af"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("il"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("mx"), SUFFIX_AWS, STR_INIT("aws")},
    {STR_INIT("us-gov"), SUFFIX_AWS, STR_INIT("aws-us-gov")},
    {STR_INIT("cn"), SUFFIX_CN, STR_INIT("aws-cn")},
    {STR_INIT("eusc-de"), SUFFIX_EUSC, STR_INIT("aws-eusc")},
    {STR_INIT("us-iso"), SUFFIX_ISO, STR_INIT("aws-iso")},
    {STR_INIT("us-isob"), SUFFIX_ISO_B, STR_INIT("aws-iso-b")},
    {STR_INIT("eu-isoe"), SUFFIX_ISO_E, STR_INIT("aws-iso-e")},
    {STR_INIT("us-isof"), SUFFIX_ISO_F, STR_INIT("aws-iso-f")},
};

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}

static bool all_lower(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'a' || s.p[i] > 'z') return false;
    return s.n > 0;
}

struct str partition_suffix(struct str region)
{
    size_t number = str_rindex(region, '-');
    if (number == SIZE_MAX) return STR_NONE;
    size_t word = str_rindex(str_head(region, number), '-');
    if (word == SIZE_MAX) return STR_NONE;
    if (!all_digits(str_tail(region, number + 1)) || !all_lower(str_tail(str_head(region, number), word + 1)))
        return STR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
        if (str_eq(str_head(region, word), partitions[i].region_prefix)) return suffixes[partitions[i].suffix];
    return STR_NONE;
}

static bool begins(struct str region, struct str prefix)
{
    return region.n > prefix.n && region.p[prefix.n] == '-' && region.p[0] == prefix.p[0] && str_starts(region, prefix);
}

/* Of "us" and "us-iso" the longer one counts. */
static const struct partition *nearest(struct str region)
{
    const struct partition *best = NULL;

    for (size_t i = 0; i < ARRAY_LEN(partitions); i++) {
        const struct partition *p = &partitions[i];
        if (begins(region, p->region_prefix) && (!best || p->region_prefix.n > best->region_prefix.n)) best = p;
    }
    return best;
}

struct str partition_suffix_or_aws(struct str region)
{
    const struct partition *p = nearest(region);

    return suffixes[p ? p->suffix : SUFFIX_AWS];
}

struct str partition_name(struct str region)
{
    const struct partition *p = nearest(region);

    return p ? p->name : STR("aws");
}

struct str partition_suffix_at(size_t i)
{
    return i < ARRAY_LEN(suffixes) ? suffixes[i] : STR_NONE;
}
