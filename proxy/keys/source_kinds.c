/* SPDX-License-Identifier: Apache-2.0
 * source_kinds.c: which kind of source a section wants; see source.h.
 */
#include "keys/source.h"

static struct source *make(const struct source_context *context)
{
    switch (context->set->source) {
    case CREDENTIALS_STATIC:
    case CREDENTIALS_ENVIRONMENT: return source_static(context);
    case CREDENTIALS_PROFILE: return source_profile(context);
    case CREDENTIALS_PROCESS: return source_process(context);
    case CREDENTIALS_CONTAINER: return source_container(context);
    case CREDENTIALS_IMDS: return source_imds(context);
    case CREDENTIALS_ASSUME_ROLE: return source_assume_role(context);
    case CREDENTIALS_WEB_IDENTITY: return source_web_identity(context);
    case CREDENTIALS_ROLES_ANYWHERE: return source_roles_anywhere(context);
    case CREDENTIALS_CHAIN: return source_chain(context);
    case CREDENTIALS_NONE:
    case CREDENTIALS_SOURCES_N: break;
    }
    return NULL;
}

struct source *source_new(const struct source_context *context, struct err *err)
{
    struct source *s = make(context);

    if (!s) err_set(err, ERR_NO_MEMORY, 0, "[credentials %s]", context->set->name);
    return s;
}
