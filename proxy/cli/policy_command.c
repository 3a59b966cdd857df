/* SPDX-License-Identifier: Apache-2.0
 * policy_command.c: `s3onramp policy`: what clients may do, without asking a running proxy. One thread. Owns the
 * settings.
 */
#include "policy_impl.h"

#include "base/clock.h"

#include <unistd.h>

static int take_with(const struct cli_option *option UNUSED, void *to, const char *value)
{
    struct policy_order *o = to;

    if (o->with_n == WITH_MOST) return cli_wrong_usage("policy", "--with can be written %d times at most", WITH_MOST);
    o->with[o->with_n++] = value;
    return CLI_FINE;
}

typedef int policy_run_fn(struct settings *s, const struct policy_order *o);

/* A file, and no action: their names have no sign in them but the colon of "s3:". */
static bool is_request(const char *word)
{
    return strcmp(word, "-") == 0 || strpbrk(word, "/.") != NULL || access(word, F_OK) == 0;
}

static policy_run_fn *find_test(const struct policy_order *o)
{
    if (o->file) return o->client ? NULL : policy_test_file;
    if (!o->client || !o->action) return NULL;
    return is_request(o->action) ? policy_test_request : policy_test;
}

static int do_verb(struct policy_order *o)
{
    bool tests = strcmp(o->verb, "test") == 0;
    policy_run_fn *act = tests ? find_test(o) : o->client ? policy_explain : NULL;
    struct settings *s;
    int code;

    if (!act)
        return cli_wrong_usage("policy", tests ? "test needs CLIENT ACTION s3://BUCKET/KEY, or --file FILE alone"
                                               : "explain needs the name of one client");
    s = config_load(o->config, stderr);
    if (!s) return CLI_USAGE; /* nothing was decided */
    code = act(s, o);
    settings_unref(&s);
    return code;
}

static int run(int argc, char **argv)
{
    struct policy_order o = {.config = CLI_DEFAULT_CONFIG, .now_s = clock_wall_us() / 1000000};
    int code;

    return cli_parse(&cli_policy, argc, argv, &o, &code) ? do_verb(&o) : code;
}

static const struct cli_option options[] = {
    {.value = "test|explain", .at = offsetof(struct policy_order, verb)},
    {.value = "CLIENT",
     .names = "client",
     .at = offsetof(struct policy_order, client),
     .help = "as in [client CLIENT]"},
    {.value = "ACTION|REQUEST",
     .of = "test",
     .at = offsetof(struct policy_order, action),
     .help = "an action of S3, as policies name it: GetObject or s3:GetObject; or a file with a captured\n"
             "request, as `s3onramp explain` reads it: all that it asks for, whoever signed it"},
    {.value = "s3://BUCKET/KEY",
     .of = "test",
     .at = offsetof(struct policy_order, target),
     .help = "what it is done to; behind the bucket of a list stands its prefix"},
    CLI_CONFIG_OPTION(struct policy_order, config),
    {.name = "from",
     .value = "IP",
     .of = "test",
     .at = offsetof(struct policy_order, from),
     .help = "where the client comes from (aws:SourceIp, allow_from)"},
    {.name = "with",
     .value = "KEY=VALUE",
     .of = "test",
     .take = take_with,
     .help = "what the request says of a key of conditions, like s3:prefix=2024/ or\n"
             "s3:RequestObjectTag/team=x; may be written several times"},
    {.name = "file",
     .value = "FILE",
     .of = "test",
     .at = offsetof(struct policy_order, file),
     .help = "a question a line, and what the answer must be"},
    CLI_JSON_OPTION(struct policy_order, json),
};

const struct cli_command cli_policy = {
    .name = "policy",
    .brief = "policy test|explain",
    .summary = "what a client may do, and which statement says so",
    .run = run,
    .usage = "policy test CLIENT ACTION s3://BUCKET[/KEY] [--from IP] [--with KEY=VALUE]... [--json] [-c FILE]\n"
             "policy test CLIENT REQUEST [--from IP] [--json] [-c FILE]\n"
             "policy test --file FILE|- [--json] [-c FILE]\n"
             "policy explain CLIENT [--json] [-c FILE]",
    .about =
        "test says whether the client may do it, and names the policy and statement that decide. The configuration is\n"
        "read as the proxy reads it; no proxy needs to run, nothing is sent.\n"
        "explain lists in words all that a client may do, what it may never, what its objects must have, and where\n"
        "each of that is written.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "A line of --file: allowed|refused CLIENT ACTION s3://BUCKET/KEY [from=IP] [KEY=VALUE ...]\n"
            "What has blanks in it stands in double quotes; # begins a comment.\n"
            "Exit code: 0 allowed (all is as the file expects), 1 refused (something is not), 2 wrong usage or\n"
            "configuration.",
    .example = "s3onramp policy test alice s3:GetObject s3://reports/2024/a.csv --from 10.1.2.3\n"
               "s3onramp policy test --file /etc/s3onramp/policies.test\n"
               "s3onramp policy explain alice",
};
