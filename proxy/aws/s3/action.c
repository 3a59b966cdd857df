/* SPDX-License-Identifier: Apache-2.0
 * action.c: see action.h. Pure; any thread; constant data.
 */
#include "aws/s3/action.h"

struct row {
    const char *name;
    enum operation_access access;
    enum s3_resource resource;
};

static const struct row rows[S3_ACTIONS_N] = {[S3_ACTION_UNKNOWN] = {"*", ACCESS_ADMIN, S3_RESOURCE_OTHER},
#define X(name, access, resource) [S3_ACTION_##name] = {#name, ACCESS_##access, S3_RESOURCE_##resource},
                                              S3_ACTIONS(X)
#undef X
};

const char *s3_action_name(enum s3_action a)
{
    return rows[a].name;
}

enum operation_access s3_action_access(enum s3_action a)
{
    return rows[a].access;
}

enum s3_resource s3_action_resource(enum s3_action a)
{
    return rows[a].resource;
}

enum s3_action s3_action_find(struct str name)
{
    for (unsigned a = S3_ACTION_UNKNOWN + 1; a < S3_ACTIONS_N; a++)
        if (str_eq_nocase(str_from(rows[a].name), name)) return a;
    return S3_ACTION_UNKNOWN;
}
