/* SPDX-License-Identifier: Apache-2.0
 * target.c: host names and paths of S3 requests taken apart. Pure; any thread. Owns nothing: views into the host name.
 * Source: S3 User Guide, "Virtual hosting of general purpose buckets", "AWS PrivateLink for Amazon S3"; General
 * Reference, "Amazon S3 endpoints and quotas".
 *
 * A name is read from the right, because a bucket's name may look like anything that stands right of it:
 *
 *     my.bucket . s3-fips . dualstack . eu-west-1 . amazonaws.com
 *     prefix      service   optional    Region      suffix
 *
 *     my.bucket . bucket . vpce-0a1b-2c3d . s3 . eu-west-1 . vpce . amazonaws.com
 *     prefix      kind     endpoint         service  Region           suffix
 *
 * Labels and signing names are those of the SDKs' endpoint rules for s3 and s3control.
 */
#include "aws/s3/target.h"

#include "aws/s3/partition.h"
#include "http/uri.h"

enum {
    LABEL_MAX = 63, /* RFC 1035 2.3.4 */
    REGION_MOST = 32,
    ACCOUNT_DIGITS = 12,
    BUCKET_MIN = 3,
    BUCKET_MAX = 255,
};

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}

bool s3_region_valid(struct str region)
{
    return partition_suffix(region).n > 0;
}

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9')) return false;
    return s.n > 0;
}

bool s3_region_is_name(struct str region)
{
    struct str rest = region, word;

    if (region.n < 2 || region.n > REGION_MOST || !(region.p[0] >= 'a' && region.p[0] <= 'z')) return false;
    if (str_ends(region, STR("-"))) return false;
    while (str_split(&rest, '-', &word))
        if (!is_word(word)) return false;
    return true;
}

/* ---- labels ---- */

/* Takes the last label of *@rest, and the dot before it. False if there is none. */
static bool cut_label(struct str *rest, struct str *label)
{
    if (rest->n == 0) return false;
    size_t dot = str_rindex(*rest, '.');
    *label = dot == SIZE_MAX ? *rest : str_tail(*rest, dot + 1);
    *rest = str_head(*rest, dot == SIZE_MAX ? 0 : dot);
    return true;
}

static bool cut_suffix(struct str *rest, struct str *suffix)
{
    for (size_t i = 0; (*suffix = partition_suffix_at(i)).n > 0; i++) {
        size_t n = suffix->n;
        if (rest->n <= n + 1 || !str_ends(*rest, *suffix) || rest->p[rest->n - n - 1] != '.') continue;
        *rest = str_head(*rest, rest->n - n - 1);
        return true;
    }
    return false;
}

/* What stands before the first dash of @s. */
static struct str first_dash(struct str s)
{
    return str_head(s, str_index(s, '-'));
}

/* The first label of @s. */
static struct str first_label(struct str s)
{
    return str_head(s, str_index(s, '.'));
}

static bool cut_ending(struct str *s, struct str ending)
{
    if (!str_ends(*s, ending)) return false;
    s->n -= ending.n;
    return true;
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* In lower case. */
static bool is_host_name(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] != ascii_lower(host.p[i])) return false;
    return uri_host_valid(host);
}

/* ---- refusals: each sentence says what to do ---- */

static enum err_code refuse(struct err *err, struct str host, const char *sentence)
{
    return err_set(err, ERR_HOST_REFUSED, 0, "%.*s %s", STR_ARG(str_head(host, URI_HOST_MOST)), sentence);
}

static const char NOT_S3[] =
    "is not an S3 name. This proxy forwards only to S3, as s3.REGION.amazonaws.com or BUCKET.s3.REGION.amazonaws.com; "
    "list other hosts in NO_PROXY.";
static const char NOT_S3_SERVICE[] =
    "is an AWS name, but not one of S3. This proxy forwards only to S3; list other services in NO_PROXY.";
static const char ACCELERATE[] =
    "is a Transfer Acceleration name, which PrivateLink does not serve. Switch acceleration off in the client, or use "
    "BUCKET.s3.REGION.amazonaws.com.";
static const char WEBSITE[] =
    "is a website endpoint, which PrivateLink does not serve. Use BUCKET.s3.REGION.amazonaws.com with signed requests.";
static const char MULTI_REGION[] =
    "is a Multi-Region Access Point, which is another PrivateLink service. Use the bucket, or an access point of one "
    "Region.";
static const char DIRECTORY[] =
    "is for directory buckets (S3 Express One Zone), which PrivateLink does not serve. Use a general purpose bucket.";
static const char OUTPOSTS[] = "is the management API of S3 on Outposts, which has an interface endpoint of its own "
                               "(com.amazonaws.REGION.s3-outposts). List it in NO_PROXY.";
static const char NO_FIPS[] = "asks for FIPS, which China Regions and S3 on Outposts do not have. Leave \"-fips\" out.";
static const char NO_DUALSTACK[] =
    "asks for a dual-stack name, which Object Lambda and S3 on Outposts do not have. Leave \"dualstack.\" out.";
static const char NO_REGION[] =
    "names no Region, which only s3.amazonaws.com may leave out. Put the Region after the service, as in s3.REGION.";
static const char OTHER_PARTITION[] =
    "names a Region that belongs to another partition: the name's ending does not fit. Use the Region's own ending, "
    "like amazonaws.com.cn for cn-north-1.";
static const char NO_ACCESS_POINT[] =
    "does not name an access point. Use NAME-ACCOUNT.s3-accesspoint.REGION.amazonaws.com with a 12-digit account, or "
    "the access point's alias as a bucket.";
static const char NO_ACCOUNT[] =
    "has something before s3-control that is not a 12-digit account. Use the account's number.";
static const char NO_OBJECT_LAMBDA[] =
    "does not name an Object Lambda access point. Use NAME-ACCOUNT.s3-object-lambda.REGION.amazonaws.com with a "
    "12-digit account.";
static const char NO_OUTPOST[] =
    "does not name an access point on an Outpost. Use NAME-ACCOUNT.op-ID.s3-outposts.REGION.amazonaws.com with a "
    "12-digit account.";
static const char VPCE_FORM[] = "is not an endpoint-specific name of S3. Use "
                                "bucket.vpce-ID.s3.REGION.vpce.amazonaws.com as the AWS console shows it.";

/* Why a service label is not served; NULL if it is not one of S3. */
static const char *refused_service(struct str label)
{
    static const struct {
        struct str name;
        const char *sentence;
    } refused[] = {
        {STR_INIT("s3-accelerate"), ACCELERATE}, {STR_INIT("s3-website"), WEBSITE},
        {STR_INIT("s3-global"), MULTI_REGION},   {STR_INIT("s3express-control"), DIRECTORY},
        {STR_INIT("s3express"), DIRECTORY},      {STR_INIT("s3-outposts"), OUTPOSTS},
    };

    (void)cut_ending(&label, STR("-fips"));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (str_eq(label, refused[i].name)) return refused[i].sentence;
    if (str_starts(label, STR("s3-website-"))) return WEBSITE;
    if (str_starts(label, STR("s3express-"))) return DIRECTORY;
    return NULL;
}

/* ---- services ---- */

/* The label before the Region, and the name in the scope of signatures. */
static const struct {
    struct str label, signing_name;
} services[] = {
    [S3_BUCKETS] = {STR_INIT("s3"), STR_INIT("s3")},
    [S3_ACCESS_POINT] = {STR_INIT("s3-accesspoint"), STR_INIT("s3")},
    [S3_CONTROL] = {STR_INIT("s3-control"), STR_INIT("s3")},
    [S3_OBJECT_LAMBDA] = {STR_INIT("s3-object-lambda"), STR_INIT("s3-object-lambda")},
    [S3_OBJECT_RESPONSE] = {STR_INIT("s3-object-lambda"), STR_INIT("s3-object-lambda")},
    [S3_OUTPOSTS] = {STR_INIT("s3-outposts"), STR_INIT("s3-outposts")},
};

struct str s3_signing_name(const struct s3_host *host)
{
    return services[host->service].signing_name;
}

bool s3_host_has_bucket(const struct s3_host *host)
{
    return host->service != S3_CONTROL && host->service != S3_OBJECT_RESPONSE;
}

/* A label of the table, with "-fips" or not. */
static bool service_of(struct str label, enum s3_service *service, bool *fips)
{
    *fips = cut_ending(&label, STR("-fips"));
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (!str_eq(label, services[i].label)) continue;
        *service = (enum s3_service)i;
        return true;
    }
    return false;
}

/* ---- the forms of names ---- */

static bool is_account(struct str s)
{
    return s.n == ACCOUNT_DIGITS && all_digits(s);
}

bool s3_like_access_point(struct str s)
{
    return s.n > ACCOUNT_DIGITS + 1 && str_index(s, '.') == SIZE_MAX && is_account(str_tail(s, s.n - ACCOUNT_DIGITS)) &&
           s.p[s.n - ACCOUNT_DIGITS - 1] == '-';
}

/* One label that S3 made for an access point: "<letters><ending>". */
static bool is_alias(struct str s, struct str ending)
{
    return s.n > ending.n && str_ends(s, ending) && str_index(s, '.') == SIZE_MAX;
}

/* "<name>-<account>.op-<id>", or the alias in its place; then "ec2" may stand for the Outpost. */
static bool is_on_outpost(struct str s)
{
    struct str name = first_label(s), outpost = str_tail(s, name.n + 1);
    bool alias = is_alias(name, STR("--op-s3"));

    if (str_index(outpost, '.') != SIZE_MAX || (!alias && !s3_like_access_point(name))) return false;
    return (str_starts(outpost, STR("op-")) && outpost.n > sizeof "op-" - 1) || (alias && str_eq(outpost, STR("ec2")));
}

/* Whether @prefix is one of @service, which may turn out to be another one. NULL, or why it is none. */
static const char *judge_prefix(struct str prefix, enum s3_service *service)
{
    switch (*service) {
    case S3_ACCESS_POINT:
        if (!is_alias(prefix, STR("-s3alias"))) return s3_like_access_point(prefix) ? NULL : NO_ACCESS_POINT;
        *service = S3_BUCKETS; /* an alias is used as a bucket's name, on s3.R.S */
        return NULL;
    case S3_CONTROL: return prefix.n && !is_account(prefix) ? NO_ACCOUNT : NULL;
    case S3_OBJECT_LAMBDA:
        if (s3_like_access_point(prefix) || is_alias(prefix, STR("--ol-s3"))) return NULL;
        if (prefix.n == 0 || str_index(prefix, '.') != SIZE_MAX) return NO_OBJECT_LAMBDA;
        *service = S3_OBJECT_RESPONSE;
        return NULL;
    case S3_OUTPOSTS:
        if (prefix.n == 0) return OUTPOSTS;
        return is_on_outpost(prefix) ? NULL : NO_OUTPOST;
    case S3_BUCKETS:
    case S3_OBJECT_RESPONSE: break;
    }
    return NULL;
}

static bool has_dualstack(enum s3_service service)
{
    return service == S3_BUCKETS || service == S3_ACCESS_POINT || service == S3_CONTROL;
}

static enum err_code finish(struct str host, enum s3_service service, struct str prefix, struct s3_host *out,
                            struct err *err)
{
    const char *sentence = judge_prefix(prefix, &service);

    if (sentence) return refuse(err, host, sentence);
    if (out->fips && (service == S3_OUTPOSTS || str_eq(out->suffix, STR(PARTITION_CN_SUFFIX))))
        return refuse(err, host, NO_FIPS);
    if (out->dualstack && !has_dualstack(service)) return refuse(err, host, NO_DUALSTACK);
    out->service = service;
    out->prefix = prefix;
    return ERR_NONE;
}

/* [prefix.]service[.dualstack] before a Region. */
static enum err_code parse_regional(struct str host, struct str rest, struct s3_host *out, struct err *err)
{
    enum s3_service service;
    struct str label;

    if (!cut_label(&rest, &label)) return refuse(err, host, NOT_S3_SERVICE);
    if (str_eq(label, STR("dualstack"))) {
        out->dualstack = out->legacy = true;
        if (!cut_label(&rest, &label)) return refuse(err, host, NOT_S3_SERVICE);
    }
    if (!service_of(label, &service, &out->fips)) {
        const char *sentence = refused_service(label);
        return refuse(err, host, sentence ? sentence : NOT_S3_SERVICE);
    }
    if (!str_eq(partition_suffix(out->region), out->suffix)) return refuse(err, host, OTHER_PARTITION);
    return finish(host, service, rest, out, err);
}

/* Names without a Region label: s3, s3-external-1, s3-REGION. */
static enum err_code parse_legacy(struct str host, struct str rest, struct str label, struct s3_host *out,
                                  struct err *err)
{
    enum s3_service service;

    out->legacy = true;
    if (str_eq(label, STR("s3"))) {
        if (!str_eq(out->suffix, STR(PARTITION_AWS_SUFFIX))) return refuse(err, host, NO_REGION);
        return finish(host, S3_BUCKETS, rest, out, err);
    }
    if (str_eq(label, STR("s3-external-1")) && str_eq(out->suffix, STR(PARTITION_AWS_SUFFIX))) {
        out->region = STR("us-east-1");
        return finish(host, S3_BUCKETS, rest, out, err);
    }
    if (str_starts(label, STR("s3-"))) {
        struct str region = str_tail(label, sizeof "s3-" - 1);
        if (str_starts(region, STR("fips-"))) {
            out->fips = true;
            region = str_tail(region, sizeof "fips-" - 1);
        }
        if (str_eq(partition_suffix(region), out->suffix)) {
            out->region = region;
            return finish(host, S3_BUCKETS, rest, out, err);
        }
    }
    if (str_eq(label, STR("dualstack")) && !cut_label(&rest, &label)) return refuse(err, host, NOT_S3_SERVICE);
    if (service_of(label, &service, &out->fips)) return refuse(err, host, NO_REGION);
    const char *sentence = refused_service(label);
    return refuse(err, host, sentence ? sentence : NOT_S3_SERVICE);
}

/* Takes "vpce-ID.s3[-fips].REGION" from the right of *@rest. */
static bool cut_vpce(struct str *rest, struct s3_vpce_name *out)
{
    struct str service;

    if (!cut_label(rest, &out->region) || !cut_label(rest, &service) || !cut_label(rest, &out->id)) return false;
    out->fips = cut_ending(&service, STR("-fips"));
    return str_eq(service, STR("s3")) && str_starts(out->id, STR("vpce-")) && out->id.n > sizeof "vpce-" - 1;
}

static bool is_of_partition(const struct s3_vpce_name *name)
{
    return str_eq(partition_suffix(name->region), name->suffix);
}

/* The endpoint of another service: @rest is what stands before "vpce". */
static enum err_code refuse_vpce(struct str host, struct str rest, struct err *err)
{
    struct str region = STR_NONE, service = STR_NONE;
    const char *sentence = NULL;

    if (cut_label(&rest, &region)) sentence = refused_service(region); /* "s3-global" stands there alone */
    if (!sentence && cut_label(&rest, &service)) sentence = refused_service(service);
    return refuse(err, host, sentence ? sentence : VPCE_FORM);
}

/* [[prefix.]kind.]vpce-ID.s3[-fips].REGION before "vpce". */
static enum err_code parse_vpce(struct str host, struct str rest, struct s3_host *out, struct err *err)
{
    struct s3_vpce_name name = {.suffix = out->suffix};
    struct str before = rest, kind;

    if (!cut_vpce(&before, &name) || !is_of_partition(&name)) return refuse_vpce(host, rest, err);
    out->region = name.region;
    out->endpoint_id = name.id;
    out->fips = name.fips;
    rest = before;
    if (cut_label(&rest, &kind)) {
        if (str_eq(kind, STR("bucket"))) return finish(host, S3_BUCKETS, rest, out, err);
        if (str_eq(kind, STR("accesspoint"))) return finish(host, S3_ACCESS_POINT, rest, out, err);
        if (str_eq(kind, STR("control"))) return finish(host, S3_CONTROL, rest, out, err);
    }
    out->legacy = true; /* resolves, but the certificate lacks it: what was meant is clear all the same */
    return finish(host, S3_BUCKETS, before, out, err);
}

enum err_code s3_host_parse(struct str host, struct s3_host *out, struct err *err)
{
    struct str rest = host, label;

    *out = (struct s3_host){.service = S3_BUCKETS};
    if (!is_host_name(host) || !cut_suffix(&rest, &out->suffix)) return refuse(err, host, NOT_S3);
    if (!cut_label(&rest, &label)) return refuse(err, host, NOT_S3_SERVICE);
    if (str_eq(label, STR("vpce"))) return parse_vpce(host, rest, out, err);
    if (!s3_region_valid(label)) return parse_legacy(host, rest, label, out, err);
    out->region = label;
    return parse_regional(host, rest, out, err);
}

bool s3_own_host(struct str prefix, struct str path, struct str account, struct s3_host *out)
{
    enum s3_service service = S3_ACCESS_POINT;
    struct str rest = prefix, kind = STR_NONE;

    (void)cut_label(&rest, &kind);
    if (str_eq(kind, STR("accesspoint")) && !judge_prefix(rest, &service)) {
        *out = (struct s3_host){.service = service, .prefix = rest};
        return true;
    }
    if (!is_account(account) || !str_starts(path, STR("/v20180820/"))) return false;
    if (!str_eq(kind, STR("control"))) rest = prefix;
    if (rest.n && !str_eq(rest, account)) return false;
    *out = (struct s3_host){.service = S3_CONTROL, .prefix = account};
    return true;
}

bool s3_host_is_s3(struct str host)
{
    struct str rest = host, suffix, label;

    if (!is_host_name(host) || !cut_suffix(&rest, &suffix) || !cut_label(&rest, &label)) return false;
    if (str_eq(label, STR("vpce"))) (void)cut_label(&rest, &label);
    if (s3_region_valid(label) && !cut_label(&rest, &label)) return false;
    if (str_eq(label, STR("dualstack")) && !cut_label(&rest, &label)) return false;
    return str_eq(label, STR("s3")) || str_starts(label, STR("s3-")) || str_eq(first_dash(label), STR("s3express"));
}

struct name_list {
    struct str region, suffix;
    void (*each)(void *arg, struct str name);
    void *arg;
};

/* BEFORE + REGION + BETWEEN + SUFFIX. */
static void list_name(const struct name_list *l, struct str before, struct str between)
{
    char text[URI_HOST_MOST + 1];
    struct sbuf b = sbuf_make(text, sizeof text);

    sbuf_add(&b, before);
    sbuf_add(&b, l->region);
    sbuf_add(&b, between);
    sbuf_add(&b, l->suffix);
    if (!b.overflow) l->each(l->arg, sbuf_str(&b));
}

static void list_service(const struct name_list *l, enum s3_service service, const char *fips)
{
    char text[64];
    struct sbuf b = sbuf_make(text, sizeof text);

    sbuf_printf(&b, "%.*s%s.", STR_ARG(services[service].label), fips);
    list_name(l, sbuf_str(&b), STR("."));
    sbuf_add(&b, STR("dualstack."));
    if (has_dualstack(service)) list_name(l, sbuf_str(&b), STR("."));
}

void s3_names_of_region(struct str region, struct str suffix, bool fips, void (*each)(void *arg, struct str name),
                        void *arg)
{
    static const enum s3_service labels[] = {S3_BUCKETS, S3_ACCESS_POINT, S3_CONTROL, S3_OBJECT_LAMBDA, S3_OUTPOSTS};
    const struct name_list l = {region, suffix, each, arg};

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        list_service(&l, labels[i], "");
        if (fips && labels[i] != S3_OUTPOSTS) list_service(&l, labels[i], "-fips");
    }
    list_name(&l, STR("s3-"), STR("."));
    list_name(&l, STR("s3."), STR(".vpce."));
    if (fips) {
        list_name(&l, STR("s3-fips-"), STR("."));
        list_name(&l, STR("s3-fips."), STR(".vpce."));
    }
    if (str_eq(region, STR("us-east-1"))) each(arg, STR("s3-external-1." PARTITION_AWS_SUFFIX));
}

bool s3_host_upstream(const struct s3_host *client, struct str bucket, bool host_style,
                      const struct s3_endpoint_names *endpoint, struct sbuf *out, bool *out_host_style)
{
    if (client->service == S3_BUCKETS) {
        *out_host_style =
            host_style && s3_bucket_host_style(bucket) && bucket.n + 1 + endpoint->host.n <= URI_HOST_MOST;
        if (*out_host_style) sbuf_printf(out, "%.*s.", STR_ARG(bucket));
        sbuf_add(out, endpoint->host);
        return !out->overflow;
    }
    *out_host_style = true;
    if (client->prefix.n) sbuf_printf(out, "%.*s.", STR_ARG(client->prefix));
    sbuf_add(out, services[client->service].label);
    if (endpoint->fips && client->service != S3_OUTPOSTS) sbuf_add(out, STR("-fips"));
    sbuf_printf(out, ".%.*s.%.*s", STR_ARG(endpoint->region), STR_ARG(endpoint->suffix));
    return !out->overflow;
}

/* The word that chooses an API; "*" is the console's way to say "put one of them here". */
static struct str without_kind(struct str name)
{
    static const struct str kinds[] = {STR_INIT("*."), STR_INIT("bucket."), STR_INIT("accesspoint."),
                                       STR_INIT("control.")};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(name, kinds[i])) return str_tail(name, kinds[i].n);
    return name;
}

bool s3_vpce_name_split(struct str name, struct s3_vpce_name *out)
{
    struct str rest = without_kind(name);
    size_t vpce = str_find(rest, STR(".vpce."));

    *out = (struct s3_vpce_name){.id = STR_NONE};
    if (vpce == SIZE_MAX || !is_host_name(rest)) return false;
    out->suffix = str_tail(rest, vpce + sizeof ".vpce." - 1);
    rest = str_head(rest, vpce);
    return cut_vpce(&rest, out) && rest.n == 0 && s3_region_is_name(out->region);
}

bool s3_vpce_name_parse(struct str name, struct s3_vpce_name *out)
{
    return s3_vpce_name_split(name, out) && is_of_partition(out);
}

/* ---- buckets and paths ---- */

bool s3_bucket_valid(struct str bucket)
{
    if (bucket.n < BUCKET_MIN || bucket.n > BUCKET_MAX) return false;
    for (size_t i = 0; i < bucket.n; i++)
        if (!is_host_byte(ascii_lower(bucket.p[i])) && bucket.p[i] != '.') return false;
    return true;
}

static bool is_like_an_address(struct str s)
{
    struct str label;
    size_t labels = 0;

    for (; str_split(&s, '.', &label); labels++)
        if (label.n == 0 || label.n > 3 || !all_digits(label)) return false;
    return labels == 4;
}

static bool is_letter_or_digit(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

const char *s3_bucket_why_not(struct str bucket)
{
    if (bucket.n < BUCKET_MIN) return "it has 3 to 63 characters";
    if (bucket.n > BUCKET_MAX) return "it has at most 63 characters (255 in old buckets of us-east-1)";
    if (!s3_bucket_valid(bucket)) return "it has lower-case letters, digits, '-' and '.' only";
    if (!is_letter_or_digit(bucket.p[0]) || !is_letter_or_digit(bucket.p[bucket.n - 1]))
        return "it begins and ends with a letter or a digit";
    if (str_find(bucket, STR("..")) != SIZE_MAX) return "two dots never stand side by side";
    if (is_like_an_address(bucket)) return "it does not look like an IP address";
    return NULL;
}

bool s3_bucket_host_style(struct str bucket)
{
    if (bucket.n < BUCKET_MIN || bucket.n > LABEL_MAX) return false;
    if (bucket.p[0] == '-' || bucket.p[bucket.n - 1] == '-') return false;
    for (size_t i = 0; i < bucket.n; i++)
        if (!is_host_byte(bucket.p[i]) || bucket.p[i] == '_') return false;
    return true;
}

void s3_path_split(struct str decoded_path, struct str *bucket, struct str *key)
{
    if (decoded_path.n && decoded_path.p[0] == '/') decoded_path = str_tail(decoded_path, 1);
    size_t slash = str_index(decoded_path, '/');
    *bucket = str_head(decoded_path, slash);
    *key = slash == SIZE_MAX ? STR_NONE : str_tail(decoded_path, slash + 1);
}
