/* SPDX-License-Identifier: Apache-2.0
 * profile_plan.c: see profile_plan.h.
 */
#include "aws/documents/profile_plan.h"

#include "aws/documents/key_document.h"

struct planner {
    const struct profile_file *config, *credentials;
    struct profile_plan *plan;
    struct err *err;
};

static struct profile_value value_of(const struct planner *p, const char *name, const char *key)
{
    struct profile_value v = profile_file_get(p->credentials, PROFILE_SECTION_PROFILE, name, key);

    return v.text ? v : profile_file_get(p->config, PROFILE_SECTION_PROFILE, name, key);
}

static const char *text_of(const struct planner *p, const char *name, const char *key)
{
    return value_of(p, name, key).text;
}

static bool exists(const struct planner *p, const char *name)
{
    return profile_file_section(p->credentials, PROFILE_SECTION_PROFILE, name) ||
           profile_file_section(p->config, PROFILE_SECTION_PROFILE, name);
}

static bool has_keys(const struct planner *p, const char *name)
{
    return text_of(p, name, "aws_access_key_id") || text_of(p, name, "aws_secret_access_key");
}

static bool has_role(const struct planner *p, const char *name)
{
    return text_of(p, name, "role_arn") && !text_of(p, name, "web_identity_token_file");
}

static enum err_code bad_value(const struct planner *p, const struct profile_value *v, const char *name,
                               const char *what)
{
    return err_set(p->err, ERR_CONFIG, 0, "%s:%d: profile %s: %s", v->file, v->line, name, what);
}

/* --- roles --- */

static enum err_code read_duration(const struct planner *p, const char *name, uint64_t *out)
{
    struct profile_value v = value_of(p, name, "duration_seconds");

    *out = 0;
    if (!v.text || str_to_u64(str_from(v.text), out)) return ERR_NONE;
    return bad_value(p, &v, name, "duration_seconds is not a number; write for example 3600");
}

static enum err_code read_role(const struct planner *p, const char *name, struct profile_role *r)
{
    struct profile_value arn = value_of(p, name, "role_arn"), mfa = value_of(p, name, "mfa_serial");

    if (!*arn.text) return bad_value(p, &arn, name, "role_arn is empty; write the role's ARN or take the line out");
    if (mfa.text)
        return bad_value(p, &mfa, name,
                         "mfa_serial: the role wants a code from a person, whom a service cannot ask; use a role "
                         "without MFA, or source = roles-anywhere");
    r->profile = name;
    r->role_arn = arn.text;
    r->session_name = text_of(p, name, "role_session_name");
    r->external_id = text_of(p, name, "external_id");
    return read_duration(p, name, &r->duration_s);
}

static enum err_code read_credential_source(const struct planner *p, const char *name, const struct profile_value *v)
{
    static const struct {
        const char *word;
        enum profile_base base;
    } words[] = {{"Environment", PROFILE_BASE_ENVIRONMENT},
                 {"EcsContainer", PROFILE_BASE_CONTAINER},
                 {"Ec2InstanceMetadata", PROFILE_BASE_IMDS}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(v->text, words[i].word) != 0) continue;
        p->plan->base = words[i].base;
        p->plan->base_profile = name;
        return ERR_NONE;
    }
    return bad_value(p, v, name, "credential_source must be Environment, EcsContainer or Ec2InstanceMetadata");
}

/* "A profile may name itself only if it has static keys", and only the one asked for: of one further down the keys are
 * taken before its role is looked at. */
static enum err_code check_loop(const struct planner *p, const char *name, const struct profile_value *source)
{
    bool seen = false;

    for (size_t i = 0; i < p->plan->roles_n; i++)
        seen |= strcmp(p->plan->roles[i].profile, source->text) == 0;
    if (!seen) return ERR_NONE;
    if (strcmp(source->text, name) != 0)
        return bad_value(p, source, name, "source_profile leads back to where it came from; name a profile with keys");
    if (has_keys(p, name)) return ERR_NONE;
    return bad_value(p, source, name, "source_profile names the profile itself, which has no keys of its own");
}

static enum err_code read_base(const struct planner *p, const char *name,
                               const struct profile_environment *environment);

/* The next role's profile in *@name; NULL when the base was found. */
static enum err_code follow_role(const struct planner *p, const char **name)
{
    struct profile_value arn = value_of(p, *name, "role_arn"), profile = value_of(p, *name, "source_profile");
    struct profile_value source = value_of(p, *name, "credential_source");
    const char *from = *name;

    *name = NULL;
    if (profile.text && source.text)
        return bad_value(p, &source, from, "both source_profile and credential_source; take one of them out");
    if (source.text) return read_credential_source(p, from, &source);
    if (!profile.text)
        return bad_value(p, &arn, from,
                         "role_arn needs source_profile = NAME, or credential_source = Environment, EcsContainer or "
                         "Ec2InstanceMetadata: whose keys ask for the role");
    if (!exists(p, profile.text))
        return bad_value(p, &profile, from, "source_profile names a profile that neither file has");
    TRY(check_loop(p, from, &profile));
    if (has_role(p, profile.text) && !has_keys(p, profile.text)) {
        *name = profile.text;
        return ERR_NONE;
    }
    TRY(read_base(p, profile.text, NULL));
    if (p->plan->base == PROFILE_BASE_NONE)
        return bad_value(p, &profile, from, "source_profile names a profile that says nothing of keys");
    return ERR_NONE;
}

static enum err_code read_roles(const struct planner *p, const char *name)
{
    struct profile_plan *plan = p->plan;

    while (name) {
        struct profile_value arn = value_of(p, name, "role_arn");

        if (plan->roles_n == PROFILE_ROLES_MAX)
            return bad_value(p, &arn, name, "too many roles that lead to each other");
        TRY(read_role(p, name, &plan->roles[plan->roles_n]));
        plan->roles_n++;
        TRY(follow_role(p, &name));
    }
    return ERR_NONE;
}

/* --- what a chain of roles begins with, or a profile without one --- */

static const char *first(const char *environment, const char *own)
{
    return environment ? environment : own;
}

static enum err_code read_web_identity(const struct planner *p, const char *name, const struct profile_environment *e)
{
    static const struct profile_environment none;
    struct profile_role *web = &p->plan->web;

    if (!e) e = &none;
    web->token_file = first(e->token_file, text_of(p, name, "web_identity_token_file"));
    if (!web->token_file || !*web->token_file) return ERR_NONE;
    web->profile = name;
    web->role_arn = first(e->role_arn, text_of(p, name, "role_arn"));
    web->session_name = first(e->session_name, text_of(p, name, "role_session_name"));
    if (!web->role_arn || !*web->role_arn)
        return err_set(p->err, ERR_CONFIG, 0,
                       "profile %s: a web identity token (%s), but no role to ask for with it; set role_arn in the "
                       "profile%s",
                       name, web->token_file, e->token_file ? " or AWS_ROLE_ARN" : "");
    p->plan->base = PROFILE_BASE_WEB_IDENTITY;
    p->plan->base_profile = name;
    return read_duration(p, name, &web->duration_s);
}

/* Of the profile, or of the [sso-session] section that it names; where both say it they must say the same. */
static enum err_code read_sso_value(const struct planner *p, const char *name, const char *key, const char **out)
{
    const char *session = p->plan->sso_session, *own = text_of(p, name, key);
    struct profile_value shared = {0};

    if (session) shared = profile_file_get(p->config, PROFILE_SECTION_SSO_SESSION, session, key);
    if (own && shared.text && strcmp(own, shared.text) != 0)
        return err_set(p->err, ERR_CONFIG, 0, "%s:%d: %s differs from the one in profile %s; take one of them out",
                       shared.file, shared.line, key, name);
    *out = shared.text ? shared.text : own;
    if (*out && **out) return ERR_NONE;
    return err_set(p->err, ERR_CONFIG, 0,
                   "profile %s uses SSO, but %s is missing; write it, or use `aws configure sso`", name, key);
}

static enum err_code read_sso(const struct planner *p, const char *name)
{
    struct profile_plan *plan = p->plan;
    struct profile_value session = value_of(p, name, "sso_session");

    if (!text_of(p, name, "sso_account_id") && !text_of(p, name, "sso_role_name")) return ERR_NONE;
    if (session.text && !profile_file_section(p->config, PROFILE_SECTION_SSO_SESSION, session.text))
        return bad_value(p, &session, name, "sso_session names a section [sso-session …] that the config file lacks");
    plan->sso_session = session.text;
    TRY(read_sso_value(p, name, "sso_account_id", &plan->sso_account_id));
    TRY(read_sso_value(p, name, "sso_role_name", &plan->sso_role_name));
    TRY(read_sso_value(p, name, "sso_region", &plan->sso_region));
    TRY(read_sso_value(p, name, "sso_start_url", &plan->sso_start_url));
    plan->base = PROFILE_BASE_SSO;
    plan->base_profile = name;
    return ERR_NONE;
}

/* A secret may hold blanks, but " #" is a comment for whoever wrote it. */
static bool is_secret(struct str text)
{
    return key_secret_valid(text) && str_find(text, STR(" #")) == SIZE_MAX && str_find(text, STR(" ;")) == SIZE_MAX;
}

static enum err_code check_key(const struct planner *p, const struct profile_value *v, const char *name,
                               const char *key, bool (*is_valid)(struct str))
{
    if (!*v->text) return err_set(p->err, ERR_CONFIG, 0, "%s:%d: profile %s: %s is empty", v->file, v->line, name, key);
    if (is_valid(str_from(v->text))) return ERR_NONE;
    return err_set(p->err, ERR_CONFIG, 0,
                   "%s:%d: profile %s: %s holds spaces or other characters that no key has; a comment after a value "
                   "belongs to the value, so give it a line of its own",
                   v->file, v->line, name, key);
}

static enum err_code read_keys(const struct planner *p, const struct profile_file *f, const char *name)
{
    struct profile_plan *plan = p->plan;
    struct profile_value id = profile_file_get(f, PROFILE_SECTION_PROFILE, name, "aws_access_key_id");
    struct profile_value secret = profile_file_get(f, PROFILE_SECTION_PROFILE, name, "aws_secret_access_key");
    struct profile_value token = profile_file_get(f, PROFILE_SECTION_PROFILE, name, "aws_security_token");

    if (!id.text) return ERR_NONE;
    if (!token.text) token = profile_file_get(f, PROFILE_SECTION_PROFILE, name, "aws_session_token");
    if (!secret.text)
        return bad_value(p, &id, name, "aws_access_key_id without aws_secret_access_key in the same file; write both");
    TRY(check_key(p, &id, name, "aws_access_key_id", key_text_valid));
    TRY(check_key(p, &secret, name, "aws_secret_access_key", is_secret));
    if (token.text && *token.text) TRY(check_key(p, &token, name, "aws_session_token", key_text_valid));
    plan->base = PROFILE_BASE_KEYS;
    plan->base_profile = name;
    plan->base_file = id.file;
    plan->access_key_id = id.text;
    plan->secret_access_key = secret.text;
    plan->session_token = token.text && *token.text ? token.text : NULL;
    return ERR_NONE;
}

static enum err_code read_process(const struct planner *p, const char *name)
{
    struct profile_value v = value_of(p, name, "credential_process");

    if (!v.text) return ERR_NONE;
    if (!*v.text) return bad_value(p, &v, name, "credential_process is empty; write a command or take the line out");
    p->plan->base = PROFILE_BASE_PROCESS;
    p->plan->base_profile = name;
    p->plan->command = v.text;
    return ERR_NONE;
}

static enum err_code read_base(const struct planner *p, const char *name, const struct profile_environment *environment)
{
    const enum profile_base *base = &p->plan->base;
    struct profile_value login = value_of(p, name, "login_session");

    TRY(read_web_identity(p, name, environment));
    if (!*base) TRY(read_sso(p, name));
    if (!*base) TRY(read_keys(p, p->credentials, name));
    if (!*base && login.text)
        return bad_value(p, &login, name, "login_session: keys of `aws login` belong to a person; use another source");
    if (!*base) TRY(read_process(p, name));
    if (!*base) TRY(read_keys(p, p->config, name));
    return ERR_NONE;
}

enum err_code profile_plan(const struct profile_file *config, const struct profile_file *credentials, const char *name,
                           const struct profile_environment *environment, struct profile_plan *out, struct err *err)
{
    struct planner p = {config, credentials, out, err};

    *out = (struct profile_plan){.found = exists(&p, name), .region = text_of(&p, name, "region")};
    if (out->region && !*out->region) out->region = NULL;
    return has_role(&p, name) ? read_roles(&p, name) : read_base(&p, name, environment);
}
