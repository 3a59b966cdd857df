/* SPDX-License-Identifier: Apache-2.0
 * env_shells.c: environment variables written for shells, for systemd and for docker, each with its own quoting. Pure
 * but for the stream it writes to. Owns nothing.
 * Source: POSIX XCU 2.2.2 (single quotes); fish, "Quotes"; PowerShell, about_Quoting_Rules; systemd.exec(5),
 * Environment=, and systemd.syntax(7), "Quoting"; docker, --env-file.
 */
#include "env.h"

#include <string.h>

/* @value with every @from[i] written as @to[i]. */
static void put_replacing(FILE *out, const char *value, const char *const from[], const char *const to[], size_t n)
{
    while (*value) {
        size_t i = 0;

        while (i < n && strncmp(value, from[i], strlen(from[i])) != 0)
            i++;
        if (i == n) {
            fputc(*value++, out);
        } else {
            fputs(to[i], out);
            value += strlen(from[i]);
        }
    }
}

static void put_sh(FILE *out, const char *name, const char *value)
{
    static const char *const from[] = {"'"}, *const to[] = {"'\\''"};

    fprintf(out, "export %s='", name);
    put_replacing(out, value, from, to, ARRAY_LEN(from));
    fputs("';\n", out);
}

static void put_fish(FILE *out, const char *name, const char *value)
{
    static const char *const from[] = {"'", "\\"}, *const to[] = {"\\'", "\\\\"};

    fprintf(out, "set -gx %s '", name);
    put_replacing(out, value, from, to, ARRAY_LEN(from));
    fputs("';\n", out);
}

/* PowerShell takes the typographic quotes U+2018 to U+201B for single quotes, too. */
static void put_powershell(FILE *out, const char *name, const char *value)
{
    static const char *const from[] = {"'", "\u2018", "\u2019", "\u201a", "\u201b"}, *const to[] = {
                                                                                         "''", "\u2018\u2018",
                                                                                         "\u2019\u2019", "\u201a\u201a",
                                                                                         "\u201b\u201b"};

    fprintf(out, "$env:%s = '", name);
    put_replacing(out, value, from, to, ARRAY_LEN(from));
    fputs("'\n", out);
}

static void put_systemd(FILE *out, const char *name, const char *value)
{
    static const char *const from[] = {"\\", "\"", "%"}, *const to[] = {"\\\\", "\\\"", "%%"};

    fprintf(out, "Environment=\"%s=", name);
    put_replacing(out, value, from, to, ARRAY_LEN(from));
    fputs("\"\n", out);
}

bool env_put(FILE *out, enum env_format format, const char *name, const char *value)
{
    if (strpbrk(value, "\r\n")) return false;
    switch (format) {
    case ENV_FISH: put_fish(out, name, value); break;
    case ENV_POWERSHELL: put_powershell(out, name, value); break;
    case ENV_SYSTEMD: put_systemd(out, name, value); break;
    case ENV_DOCKER: fprintf(out, "%s=%s\n", name, value); break; /* taken as it is: there is no quoting */
    default: put_sh(out, name, value); break;
    }
    return true;
}

static void put_unset(FILE *out, enum env_format format, const char *name)
{
    switch (format) {
    case ENV_FISH: fprintf(out, "set -e %s;\n", name); break;
    case ENV_POWERSHELL: fprintf(out, "Remove-Item -ErrorAction SilentlyContinue Env:%s\n", name); break;
    case ENV_SYSTEMD: fprintf(out, "UnsetEnvironment=%s\n", name); break;
    case ENV_DOCKER: fprintf(out, "%s=\n", name); break;
    default: fprintf(out, "unset %s;\n", name); break;
    }
}

struct variable {
    const char *name, *value;
};

void env_put_unset_others(FILE *out, enum env_format format)
{
    put_unset(out, format, "AWS_SESSION_TOKEN");
    if (format != ENV_DOCKER) put_unset(out, format, "AWS_PROFILE"); /* an empty profile is an error for SDKs */
}

bool env_print_variables(FILE *out, enum env_format format, const struct env_facts *f)
{
    char url[1024];
    bool proxy = f->listener->mode == LISTENER_FORWARD, endpoint = f->listener->mode == LISTENER_ENDPOINT;
    const char *trust = f->trust ? f->ca : NULL, *region = f->region;
    const char *id = f->keys ? f->client->keys[0].access_key_id : NULL,
               *secret = f->keys ? f->client->keys[0].secret_access_key : NULL;
    const struct variable variables[] = {
        {"HTTPS_PROXY", proxy ? url : NULL},
        {"https_proxy", proxy ? url : NULL},
        {"NO_PROXY", proxy ? ENV_NO_PROXY : NULL},
        {"no_proxy", proxy ? ENV_NO_PROXY : NULL},
        {"AWS_ENDPOINT_URL_S3", endpoint ? url : NULL},
        {"AWS_CA_BUNDLE", trust},
        {"NODE_EXTRA_CA_CERTS", trust},
        {"AWS_REGION", region},
        {"AWS_DEFAULT_REGION", region},
        {"AWS_ACCESS_KEY_ID", id},
        {"AWS_SECRET_ACCESS_KEY", secret},
    };

    env_url(f, proxy, url);
    if (format == ENV_SYSTEMD) fputs("[Service]\n", out);
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        if (variables[i].value && !env_put(out, format, variables[i].name, variables[i].value)) return false;
    if (f->keys) env_put_unset_others(out, format);
    return true;
}
