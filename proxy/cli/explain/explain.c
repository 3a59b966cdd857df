/* SPDX-License-Identifier: Apache-2.0
 * explain.c: `s3onramp explain`: how a name is understood and routed, and why the signature of a captured request is
 * right or wrong. One thread. Owns the settings and what it reads. Nothing is sent, and no secret and no signature that
 * the request does not hold is printed.
 */
#include "explain.h"

#include "aws/s3/partition.h"
#include "base/clock.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_BYTES_MOST = 256 << 20 };

/* Takes the mark away that some editors write before UTF-8. False: it is UTF-16, as PowerShell's ">" writes, and that
 * was said. */
static bool is_text(const char *path, char *text, size_t *n)
{
    struct str s = str_make(text, *n);

    if (str_starts(s, STR("\xef\xbb\xbf"))) {
        *n -= 3;
        memmove(text, text + 3, *n);
        return true;
    }
    if (!str_starts(s, STR("\xff\xfe")) && !str_starts(s, STR("\xfe\xff")) && !(*n > 1 && (!text[0] || !text[1])))
        return true;
    cli_problem("%s is in UTF-16, as PowerShell's > writes; save it as UTF-8 (| Out-File -Encoding utf8 FILE)", path);
    return false;
}

bool explain_read_file(const char *path, char **text, size_t *n)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    size_t cap = 1 << 16, got;
    char *more;

    *text = NULL;
    *n = 0;
    if (!in) {
        cli_problem("%s cannot be read (%s); name a file, or a host or URL to explain", path, strerror(errno));
        return false;
    }
    do {
        more = realloc(*text, cap);
        ASSERT(more);
        *text = more;
        got = fread(*text + *n, 1, cap - *n, in);
        *n += got;
        if (*n == cap) cap *= 2;
    } while (got && *n < FILE_BYTES_MOST);
    int why = ferror(in) ? errno : 0;
    if (!is_stdin) fclose(in);
    if (why)
        cli_problem("%s cannot be read (%s); name a file with one request, or write a host as https://HOST", path,
                    strerror(why));
    else if (*n >= FILE_BYTES_MOST)
        cli_problem("%s is larger than %d MiB; cut the one request out of it", path, FILE_BYTES_MOST >> 20);
    return !why && *n < FILE_BYTES_MOST && is_text(path, *text, n);
}

/* --- a URL, or a host alone --- */

/* BUCKET/KEY of s3://, as clients send it: host style by the endpoint's Region, path style at the listener's name.
 * Nothing is the list of buckets. False: there is a key without a bucket. */
static bool put_s3_uri(struct sbuf *url, const struct settings *s, const struct explain_wish *wish, struct str rest)
{
    const struct endpoint_conf *ep = settings_default_endpoint(s);
    struct str bucket = str_head(rest, str_index(rest, '/')), key = str_tail(rest, bucket.n + 1);
    struct str region = wish->region ? str_from(wish->region) : ep ? str_from(ep->region) : STR("us-east-1");
    bool host_style = s3_bucket_host_style(bucket);

    if (!bucket.n && rest.n) return false;
    sbuf_add(url, STR("https://"));
    if (host_style) {
        sbuf_add(url, bucket);
        sbuf_char(url, '.');
    }
    sbuf_printf(url, "s3.%.*s.%.*s/", STR_ARG(region), STR_ARG(partition_suffix(region)));
    if (!host_style) {
        uri_encode(url, bucket, false);
        if (key.n) sbuf_char(url, '/');
    }
    uri_encode(url, key, true);
    return true;
}

static void put_url(struct sbuf *url, const struct settings *s, const struct explain_wish *wish, struct str what)
{
    if (str_starts(what, STR("s3://")) && put_s3_uri(url, s, wish, str_tail(what, 5))) return;
    if (str_find(what, STR("://")) == SIZE_MAX) sbuf_add(url, STR("https://"));
    sbuf_add(url, what);
}

static void write_head(struct sbuf *head, const struct uri *uri, const char *method, bool absolute)
{
    head->n = 0;
    sbuf_printf(head, "%s %s%.*s%.*s%s%.*s HTTP/1.1\r\nHost: %.*s\r\n\r\n", method, absolute ? "http://" : "",
                STR_ARG(absolute ? uri->authority : STR_NONE), STR_ARG(uri->path), uri->has_query ? "?" : "",
                STR_ARG(uri->query), STR_ARG(uri->authority));
}

/* What a client would send for @url. ERR_CONFIG: there is no listener for it, and that was said. */
static enum err_code put_head(struct sbuf *head, struct sbuf *host, struct str url, const struct explain_wish *wish,
                              struct rig *rig, struct arrival *a, struct err *err)
{
    struct uri uri;
    struct str name;

    TRY(uri_split(url, false, &uri, err));
    if (!uri_split_authority(uri.authority, &name, &a->port))
        return err_set(err, ERR_BAD_REQUEST, 0, "the host is not valid");
    sbuf_lower(host, name);
    a->host = sbuf_str(host);
    a->tls = str_eq_nocase(uri.scheme, STR("https"));
    write_head(head, &uri, wish->method, false);
    a->head = sbuf_str(head);
    a->listener = rig_find_listener(rig, a, wish->listener);
    if (!a->listener) return err_set(err, ERR_CONFIG, 0, "%s", "");
    write_head(head, &uri, wish->method, a->listener->mode == LISTENER_FORWARD && !a->tls);
    a->head = sbuf_str(head);
    return head->overflow ? err_set(err, ERR_HEAD_TOO_LARGE, 0, "it is too long") : ERR_NONE;
}

/* Who calls stands in the request: it is judged, too. */
static int explain_arrival(struct report *r, struct rig *rig, struct arrival *a, const struct explain_wish *wish)
{
    struct request *req;
    int exit_code;

    a->listener = rig_find_listener(rig, a, wish->listener);
    if (!a->listener) return CLI_PROBLEM;
    report_title(r, "request", str_head(a->head, str_index(a->head, '\r')));
    report_str(r, "host", "Host", a->host);
    exit_code = explain_route(r, rig, a, wish, true, &req);
    if (!req) {
        if (exit_code != CLI_FINE)
            report_put(r, "signature", "signature", "not judged: the request does not get that far");
        return exit_code;
    }
    return explain_signature(r, rig, req, a, wish) == CLI_FINE ? exit_code : CLI_PROBLEM;
}

/* A URL that holds its signature. */
static bool is_presigned(struct str url)
{
    size_t query = str_index(url, '?');

    if (query == SIZE_MAX) return false;
    url = str_tail(url, query);
    return str_find(url, STR("X-Amz-Signature=")) != SIZE_MAX || str_find(url, STR("AWSAccessKeyId=")) != SIZE_MAX;
}

static int explain_url(struct report *r, struct rig *rig, const struct settings *s, const struct explain_wish *wish)
{
    struct str what = str_from(wish->what);
    size_t room = 4 * what.n + 1024;
    char *memory = calloc(3, room);
    struct sbuf url = sbuf_make(memory, room), head = sbuf_make(memory + room, room),
                host = sbuf_make(memory + 2 * room, room);
    struct arrival a = {.port = 0};
    struct request *req;
    struct err err = {0};
    int exit_code;

    ASSERT(memory);
    put_url(&url, s, wish, what);
    if (put_head(&head, &host, sbuf_str(&url), wish, rig, &a, &err) != ERR_NONE) {
        exit_code = err.code == ERR_CONFIG
                        ? CLI_PROBLEM
                        : cli_problem("%s: %s; write it as it stands in a request", wish->what, err.detail);
    } else if (is_presigned(sbuf_str(&url))) {
        exit_code = explain_arrival(r, rig, &a, wish);
    } else {
        report_title(r, "request", str_head(a.head, str_index(a.head, '\r')));
        report_str(r, "host", "Host", a.host);
        exit_code = explain_route(r, rig, &a, wish, false, &req);
    }
    free(memory);
    return exit_code;
}

/* --- a captured request --- */

/* A log of curl -v: "* " before what it does, "> " before what it sends. No method begins like that. */
static bool is_curl_log(struct str text)
{
    text = str_trim(text);
    if (!text.n || str_index(STR("*>{}%"), text.p[0]) == SIZE_MAX) return false;
    return text.p[0] == '>' || str_find(text, STR("\n> ")) != SIZE_MAX;
}

/* Takes one head out of *@rest, its lines ended by CRLF as they were on the wire. */
static void put_one_head(struct sbuf *head, struct str *rest, bool is_log)
{
    bool begun = false;

    head->n = 0;
    while (rest->n) {
        size_t end = str_index(*rest, '\n');
        struct str line = str_head(*rest, end);
        bool sent = !is_log || str_starts(line, STR(">"));

        if (!sent && begun) break;
        *rest = str_tail(*rest, end == SIZE_MAX ? rest->n : end + 1);
        if (!sent) continue;
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        if (is_log) line = str_tail(line, line.n > 1 && line.p[1] == ' ' ? 2 : 1);
        if (!line.n && !begun) continue;
        if (!line.n) break;
        begun = true;
        sbuf_add(head, line);
        sbuf_add(head, STR("\r\n"));
    }
    sbuf_add(head, STR("\r\n"));
}

/* The head of the request; *@rest is then its body. A log holds no bodies, and with a proxy CONNECT comes first. */
static void put_captured_head(struct sbuf *head, struct str *rest)
{
    bool is_log = is_curl_log(*rest);

    put_one_head(head, rest, is_log);
    while (is_log && str_starts(sbuf_str(head), STR("CONNECT ")) && str_find(*rest, STR("\n> ")) != SIZE_MAX)
        put_one_head(head, rest, is_log);
    if (is_log) *rest = STR_NONE;
}

/* Which host it is for, and whether it came by way of CONNECT. */
static enum err_code find_captured_host(struct rig *rig, struct sbuf *host, struct arrival *a, struct err *err)
{
    struct arrival any = *a;
    struct request *req;
    struct uri uri;
    struct str name;
    bool connect;

    any.listener = &(const struct listener_conf){.mode = LISTENER_ENDPOINT};
    req = rig_take(rig, &any, 0, err);
    if (!req) return err->code;
    connect = req->in.head->method_id == METHOD_CONNECT;
    TRY(uri_split(req->in.head->target, connect, &uri, err));
    if (!uri_split_authority(uri.form == URI_ORIGIN ? req->in.head->host : uri.authority, &name, &a->port))
        return err_set(err, ERR_BAD_REQUEST, 0, "it has no Host header, or one that is not valid");
    sbuf_lower(host, name);
    a->host = sbuf_str(host);
    a->tls = uri.form == URI_ORIGIN || connect;
    return ERR_NONE;
}

bool capture_open(struct capture *c, struct rig *rig, const char *path)
{
    struct err err = {0};
    size_t n;

    *c = (struct capture){.arrival = {.port = 0}};
    if (!explain_read_file(path, &c->text, &n)) return false;
    c->memory = malloc(4 * n + 16);
    ASSERT(c->memory);
    struct sbuf head = sbuf_make(c->memory, 2 * n + 8), host = sbuf_make(c->memory + 2 * n + 8, n + 8);
    c->arrival.body = str_make(c->text, n);
    put_captured_head(&head, &c->arrival.body);
    c->arrival.head = sbuf_str(&head);
    if (find_captured_host(rig, &host, &c->arrival, &err) == ERR_NONE) return true;
    cli_problem("%s holds no request that this proxy would take: %s; give the request line, the headers and an empty "
                "line, as they were sent",
                path, err.detail[0] ? err.detail : err_info(err.code)->text);
    return false;
}

void capture_close(struct capture *c)
{
    free(c->memory);
    free(c->text);
}

static int explain_capture(struct report *r, struct rig *rig, const struct explain_wish *wish)
{
    struct capture c;
    int exit_code = capture_open(&c, rig, wish->what) ? explain_arrival(r, rig, &c.arrival, wish) : CLI_PROBLEM;

    capture_close(&c);
    return exit_code;
}

/* --- command line --- */

/* A dot before the first slash is a host's, if there is no such file. */
static bool is_file(const char *what)
{
    struct str s = str_from(what);

    if (str_eq(s, STR("-"))) return true;
    if (str_find(s, STR("://")) != SIZE_MAX) return false;
    if (access(what, F_OK) == 0 || s.p[0] == '/' || str_starts(s, STR("./")) || str_starts(s, STR("../"))) return true;
    return false;
}

/* "request.txt", "sent/request.txt": names of S3 have more dots before a slash, and a URL a colon. */
static bool looks_like_file(const char *what)
{
    struct str s = str_from(what), host = str_head(s, str_index(s, '/') == SIZE_MAX ? s.n : str_index(s, '/'));

    return !is_file(what) && str_index(s, ':') == SIZE_MAX && str_index(host, '.') == str_rindex(host, '.');
}

/* Basic form, with or without '-' and ':'; or as in a Date header. */
static bool parse_time(const char *text, int64_t *out)
{
    char basic[32];
    struct sbuf b = sbuf_make(basic, sizeof(basic));

    if (sigv4_parse_date(str_from(text), out)) return true;
    for (; *text; text++)
        if (*text != '-' && *text != ':') sbuf_char(&b, *text);
    return !b.overflow && sigv4_parse_date(sbuf_str(&b), out);
}

static int explain_what(const struct explain_wish *wish)
{
    /* Nothing is signed here, so keys that only the service's environment has need not be there. */
    setenv("AWS_ACCESS_KEY_ID", "not-needed-here", 0);
    setenv("AWS_SECRET_ACCESS_KEY", "not-needed-here", 0);
    char *problems = NULL;
    size_t problems_n = 0;
    FILE *copy = wish->json ? open_memstream(&problems, &problems_n) : NULL;
    struct settings *s = config_load(wish->config, copy ? copy : stderr);
    struct rig *rig = s ? rig_new(s) : NULL;
    struct report r;
    int exit_code = CLI_PROBLEM;
    bool ok = report_init(&r);

    ASSERT(ok);
    cli_copy_problems(copy);
    if (rig && wish->client && !settings_client_by_name(s, str_from(wish->client))) {
        cli_problem("there is no [client %s]; `s3onramp client list` shows those there are", wish->client);
    } else if (rig) {
        rig->session.peer = wish->peer;
        exit_code = is_file(wish->what) ? explain_capture(&r, rig, wish) : explain_url(&r, rig, s, wish);
        if (exit_code != CLI_FINE && !wish->json && looks_like_file(wish->what))
            fprintf(stderr, "(There is no file %s here; it was taken as a host.)\n", wish->what);
    }
    cli_copy_problems(NULL);
    if (copy && fclose(copy) == 0 && problems_n)
        report_str(&r, "error", "error", str_trim(str_make(problems, problems_n - 1)));
    free(problems);
    report_end(&r, wish->json);
    rig_free(&rig);
    settings_unref(&s);
    return exit_code;
}

static int take_time(const struct cli_option *option UNUSED, void *to, const char *value)
{
    if (parse_time(value, &((struct explain_wish *)to)->now_s)) return CLI_FINE;
    return cli_wrong_usage("explain", "--at %s: write it like 20130524T000000Z", value);
}

static int take_from(const struct cli_option *option UNUSED, void *to, const char *value)
{
    struct netaddr *peer = &((struct explain_wish *)to)->peer;

    if (netaddr_parse(str_from(value), 0, peer) && netaddr_port(peer) == 0) return CLI_FINE;
    return cli_wrong_usage("explain", "--from %s: write an address, like 10.1.2.3", value);
}

static int run(int argc, char **argv)
{
    struct explain_wish w = {.config = CLI_DEFAULT_CONFIG, .method = "GET", .now_s = clock_wall_us() / 1000000};
    int code;

    if (!cli_parse(&cli_explain, argc, argv, &w, &code)) return code;
    if (!w.what || !*w.what) return cli_wrong_usage("explain", "say what to explain: a URL, a host or a file");
    if (w.region && !s3_region_valid(str_from(w.region)))
        return cli_wrong_usage("explain", "--region %s is no Region; write one like eu-west-1", w.region);
    if (w.bucket_region && !s3_region_valid(str_from(w.bucket_region)))
        return cli_wrong_usage("explain", "--bucket-region %s is no Region; write one like eu-west-1", w.bucket_region);
    return explain_what(&w);
}

static const struct cli_option options[] = {
    {.value = "URL|HOST|FILE|-", .at = offsetof(struct explain_wish, what)},
    CLI_CONFIG_OPTION(struct explain_wish, config),
    {.name = "listener",
     .value = "NAME",
     .names = "listener",
     .at = offsetof(struct explain_wish, listener),
     .help = "as if it came in there"},
    {.name = "client",
     .value = "NAME",
     .names = "client",
     .at = offsetof(struct explain_wish, client),
     .help = "judge by this client's policy; FILE: and by its secret (default: the one whose key the\n"
             "request carries)"},
    {.name = "from",
     .value = "IP",
     .take = take_from,
     .help = "where the client comes from, for policies and allow_from"},
    {.name = "method",
     .value = "METHOD",
     .at = offsetof(struct explain_wish, method),
     .help = "of the request (default GET)"},
    {.name = "region",
     .value = "REGION",
     .at = offsetof(struct explain_wish, region),
     .help = "that the client signs for"},
    {.name = "bucket-region",
     .value = "REGION",
     .at = offsetof(struct explain_wish, bucket_region),
     .help = "as if the proxy had learned that the bucket is there"},
    {.name = "canonical",
     .value = "FILE",
     .at = offsetof(struct explain_wish, canonical),
     .help = "what the client signed: its canonical request (SigV2: string to sign), alone or in its\n"
             "debug log (aws --debug). S3's SignatureDoesNotMatch document can be read, too, but holds\n"
             "what the server made of the request, not what the client signed"},
    {.name = "at",
     .value = "TIME",
     .take = take_time,
     .help = "judge dates as of then: 20130524T000000Z, 2013-05-24T00:00:00Z, or as in a Date header"},
    {.name = "json", .at = offsetof(struct explain_wish, json), .help = "for programs"},
};

const struct cli_command cli_explain = {
    .name = "explain",
    .brief = "explain URL|HOST|FILE",
    .summary = "how a name is routed, why a signature is wrong",
    .run = run,
    .usage = "explain URL|HOST [--listener NAME] [--client NAME] [--from IP] [--method METHOD] [--json] [-c FILE]\n"
             "explain FILE|- [--client NAME] [--canonical FILE] [--at TIME] [--listener NAME] [--json] [-c FILE]",
    .about =
        "The first form says how a name is understood, which actions on what a policy must allow for it, which "
        "endpoint\n"
        "serves it and why, what goes out, and what a client would get where it is refused. s3://BUCKET/KEY works, "
        "too. A presigned URL's signature is judged as a\n"
        "captured request's is (put it in quotes).\n"
        "The second form takes a captured request (request line, headers, an empty line, the body if you have it; or\n"
        "what `curl -v` wrote, which has no body) and says whether its signature is right, and if not, where the "
        "client's\n"
        "way of signing differs.\n"
        "Nothing is sent. What exists as a file, or begins with / or ./, is a file.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 it would be served (and the signature is right), 1 not, 2 wrong usage.",
    .example = "s3onramp explain https://reports.s3.eu-west-1.amazonaws.com/2024/a%20b.csv --client backup\n"
               "s3onramp explain request.txt --canonical debug.log",
};
