/* SPDX-License-Identifier: Apache-2.0
 * source_profile.c: keys by a profile of the AWS tools' shared files. Both files are read anew at each fetch; what the
 * profile says becomes a source of its own kind, or several one inside the other, which lives as long as the fetch.
 * Control thread.
 */
#include "source_profile.h"

#include "base/secret.h"
#include "keys/profile_files.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_SHOWN = 80 };

struct profile_source {
    struct source s;
    bool environment;
    struct source *child; /* owned; while a fetch runs */
    bool says_where;      /* the child's own words name the profile */
};

static struct profile_source *profile_of(struct source *s)
{
    return (struct profile_source *)s;
}

/* --- names --- */

const char *environment_text(const char *name)
{
    const char *text = getenv(name);

    return text && *text ? text : NULL;
}

/* Was the profile asked for by [credentials] or AWS_PROFILE? Else it is "default". */
static bool profile_is_named(const struct credentials_conf *set)
{
    return set->profile || environment_text("AWS_PROFILE") || environment_text("AWS_DEFAULT_PROFILE");
}

/* As the AWS CLI; botocore alone has the other order. */
static const char *profile_name(const struct credentials_conf *set)
{
    const char *name = set->profile;

    if (!name) name = environment_text("AWS_PROFILE");
    if (!name) name = environment_text("AWS_DEFAULT_PROFILE");
    return name ? name : "default";
}

bool home_path(const char *path, char out[PATH_MAX])
{
    const char *home = environment_text("HOME");
    const struct passwd *user = home ? NULL : getpwuid(geteuid());
    int n;

    if (user && user->pw_dir[0]) home = user->pw_dir;
    if (!home) return false;
    n = snprintf(out, PATH_MAX, "%s/%s", home, path);
    return n > 0 && n < PATH_MAX;
}

void user_name(char out[64])
{
    const struct passwd *user = getpwuid(geteuid());

    if (user)
        snprintf(out, 64, "%s", user->pw_name);
    else
        snprintf(out, 64, "%u", (unsigned)geteuid());
}

/* --- from the plan to sources --- */

static struct source *keys_source(const struct source_context *context, const struct profile_plan *plan)
{
    struct key_set keys = {(char *)plan->access_key_id, (char *)plan->secret_access_key, (char *)plan->session_token,
                           0};
    char origin[SOURCE_WHY];

    snprintf(origin, sizeof(origin), "profile %.*s in %s", NAME_SHOWN, plan->base_profile, plan->base_file);
    return source_keys_with(context, &keys, origin);
}

static struct source *process_source(const struct source_context *context, const struct profile_plan *plan)
{
    char where[NAME_SHOWN + 48];

    snprintf(where, sizeof(where), "credential_process of profile %.*s", NAME_SHOWN, plan->base_profile);
    return source_process_with(context, plan->command, where);
}

/* A section that says which STS to ask says the Region, too. */
static struct role_request role_request(const struct source_context *context, const struct profile_plan *plan,
                                        const struct profile_role *role)
{
    bool own_service = context->set->service_url || context->set->addresses_n;

    return (struct role_request){.role_arn = role->role_arn,
                                 .session_name = role->session_name,
                                 .external_id = role->external_id,
                                 .token_file = role->token_file,
                                 .duration_s = role->duration_s,
                                 .region = own_service ? NULL : plan->region};
}

static struct source *base_source(const struct source_context *context, const struct profile_plan *plan)
{
    struct role_request web = role_request(context, plan, &plan->web);

    switch (plan->base) {
    case PROFILE_BASE_KEYS: return keys_source(context, plan);
    case PROFILE_BASE_PROCESS: return process_source(context, plan);
    case PROFILE_BASE_WEB_IDENTITY: return source_web_identity_with(context, &web);
    case PROFILE_BASE_SSO: return source_sso_with(context, plan);
    case PROFILE_BASE_ENVIRONMENT: return source_environment(context);
    case PROFILE_BASE_CONTAINER: return source_container(context);
    case PROFILE_BASE_IMDS: return source_imds(context);
    case PROFILE_BASE_NONE: break;
    }
    return NULL;
}

static struct source *plan_source(const struct source_context *context, const struct profile_plan *plan)
{
    struct source *s = base_source(context, plan);

    for (size_t i = plan->roles_n; s && i > 0; i--) {
        struct role_request r = role_request(context, plan, &plan->roles[i - 1]);

        s = source_role_with(context, &r, s);
    }
    return s;
}

/* --- a fetch --- */

/* "profile NAME: " before what the child says, which does not know it. */
static void say_where(char text[SOURCE_WHY], const char *name)
{
    char all[SOURCE_WHY + NAME_SHOWN + 16];

    snprintf(all, sizeof(all), "profile %.*s: %s", NAME_SHOWN, name, text);
    snprintf(text, SOURCE_WHY, "%.*s", SOURCE_WHY - 1, all);
}

/* Under a role, or asked for by name, what is not set up is a mistake: nothing else is to be tried. */
static void on_child(void *arg, struct source_result *given)
{
    struct profile_source *p = arg;
    struct source_result r = *given;

    given->keys = (struct key_set){0};
    for (size_t i = 0; i < p->child->files_n; i++)
        source_read_file(&p->s, p->child->files[i]);
    source_free(&p->child);
    if (r.outcome == SOURCE_ABSENT) r.outcome = SOURCE_REFUSED;
    if (!p->says_where) say_where(r.outcome == SOURCE_GOOD ? r.origin : r.why, profile_name(p->s.context->set));
    source_end(&p->s, &r);
}

static void nothing_found(struct profile_source *p, const struct profile_files *files, const struct profile_plan *plan)
{
    const struct source_context *context = p->s.context;
    const char *name = profile_name(context->set);

    if (plan->found)
        source_fail(&p->s, SOURCE_ABSENT, "profile %.*s says nothing of keys", NAME_SHOWN, name);
    else
        source_fail(&p->s, profile_is_named(context->set) ? SOURCE_REFUSED : SOURCE_ABSENT,
                    "no profile %.*s: %.100s %s, %.100s %s", NAME_SHOWN, name, files->credentials_path,
                    files->credentials ? "lacks it" : files->credentials_missing, files->config_path,
                    files->config ? "lacks it" : files->config_missing);
}

static void follow(struct profile_source *p, const struct profile_files *files, const struct profile_plan *plan)
{
    const char *mode;

    if (plan->base == PROFILE_BASE_NONE) {
        nothing_found(p, files, plan);
        return;
    }
    mode = plan->base == PROFILE_BASE_KEYS ? profile_files_open_to_all(files, plan->base_file) : NULL;
    if (mode) {
        source_fail(&p->s, SOURCE_REFUSED, "everybody may read the keys in %.200s (mode %s); run `chmod 600` on it",
                    plan->base_file, mode);
        return;
    }
    if (plan->base == PROFILE_BASE_PROCESS && files->fault[0]) {
        source_fail(&p->s, SOURCE_REFUSED, "credential_process is not run: %.400s", files->fault);
        return;
    }
    p->says_where = plan->roles_n == 0 && (plan->base == PROFILE_BASE_KEYS || plan->base == PROFILE_BASE_PROCESS);
    p->child = plan_source(p->s.context, plan);
    if (!p->child)
        source_fail(&p->s, SOURCE_FAILED, "out of memory");
    else
        source_fetch(p->child, on_child, p);
}

static void profile_fetch(struct source *s)
{
    struct profile_source *p = profile_of(s);
    const struct profile_environment environment = {getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), getenv("AWS_ROLE_ARN"),
                                                    getenv("AWS_ROLE_SESSION_NAME")};
    struct profile_files *files;
    struct profile_plan plan;
    struct err err = {0};
    enum err_code code;

    source_forget_files(s);
    code = profile_files_read(s, &files, &err);
    if (code == ERR_NONE)
        code = profile_plan(files->config, files->credentials, profile_name(s->context->set),
                            p->environment ? &environment : NULL, &plan, &err);
    if (code == ERR_NONE)
        follow(p, files, &plan); /* @p may be gone now */
    else
        source_fail(s, code == ERR_NO_MEMORY ? SOURCE_FAILED : SOURCE_REFUSED, "%.300s", err.detail);
    profile_files_free(&files);
}

static void profile_cancel(struct source *s)
{
    source_free(&profile_of(s)->child);
}

static void profile_free(struct source *s)
{
    source_free(&profile_of(s)->child);
    free(s);
}

struct source *source_profile_in_chain(const struct source_context *context, bool environment)
{
    static const struct source_ops ops = {profile_fetch, profile_cancel, profile_free};
    struct profile_source *p = calloc(1, sizeof(*p));

    if (!p) return NULL;
    p->s = (struct source){.ops = &ops, .context = context};
    p->environment = environment;
    return &p->s;
}

struct source *source_profile(const struct source_context *context)
{
    return source_profile_in_chain(context, false);
}
