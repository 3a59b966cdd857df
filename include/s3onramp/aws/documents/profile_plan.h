/* SPDX-License-Identifier: Apache-2.0
 * profile_plan.h: what a profile of the shared files says to do for keys. Pure.
 * Sources: AWS SDKs and Tools Reference Guide, "Assume role credential provider", "IAM Identity Center credential
 * provider", "Process credential provider"; order and precedence as in botocore `credentials.py`: within one profile
 * assume-role first, then web identity, SSO, keys in the credentials file, credential_process, keys in the config file.
 * What both files say of a profile is taken together, the credentials file first.
 */
#ifndef S3ONRAMP_AWS_DOCUMENTS_PROFILE_PLAN_H
#define S3ONRAMP_AWS_DOCUMENTS_PROFILE_PLAN_H

#include "aws/documents/profile.h"

enum { PROFILE_ROLES_MAX = 8 };

enum profile_base {
    PROFILE_BASE_NONE, /* the profile says nothing of keys, or does not exist */
    PROFILE_BASE_KEYS,
    PROFILE_BASE_PROCESS,
    PROFILE_BASE_WEB_IDENTITY,
    PROFILE_BASE_SSO,
    PROFILE_BASE_ENVIRONMENT, /* credential_source, under a role only */
    PROFILE_BASE_CONTAINER,
    PROFILE_BASE_IMDS,
};

/* NULL: not set. */
struct profile_role {
    const char *profile; /* where it stands */
    const char *role_arn, *session_name, *external_id, *token_file /* of web identity */;
    uint64_t duration_s; /* 0: not set */
};

/* What the environment says of web identity; NULL: not set. Each goes before the profile's own. */
struct profile_environment {
    const char *token_file, *role_arn, *session_name;
};

/* All strings are borrowed from the files, the name and the environment. */
struct profile_plan {
    bool found; /* one of the files has such a profile */
    enum profile_base base;
    const char *base_profile;                                      /* where the base stands */
    const char *base_file;                                         /* KEYS: in this file */
    const char *access_key_id, *secret_access_key, *session_token; /* KEYS; without a token: NULL */
    const char *command;                                           /* PROCESS */
    struct profile_role web;                                       /* WEB_IDENTITY */
    const char *sso_account_id, *sso_role_name, *sso_region, *sso_start_url;
    const char *sso_session;                      /* NULL: the older form, without a section of its own */
    struct profile_role roles[PROFILE_ROLES_MAX]; /* the base's keys ask for the last, its keys for the one before … */
    size_t roles_n;
    const char *region; /* of the profile asked for; NULL: it says none */
};

/* @config, @credentials: NULL: there is no such file. @environment: NULL: does not count. ERR_CONFIG with the place,
 * the reason and what to write in @err; never with a secret. */
MUST_CHECK enum err_code profile_plan(const struct profile_file *config, const struct profile_file *credentials,
                                      const char *name, const struct profile_environment *environment,
                                      struct profile_plan *out, struct err *err);

#endif
