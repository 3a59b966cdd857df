/* SPDX-License-Identifier: Apache-2.0
 * explain.c: `s3onramp explain`: how a name is understood and routed, and why the signature of a captured request is
 * right or wrong. One thread. Owns the settings and what it reads. Nothing is sent, and no secret and no signature that
 * the request does not hold is printed.
 */
#include "explain.h"

#include "base/clock.h"
#include "base/partition.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_BYTES_MOST = 256 << 20 };

static const char help[] =
    "Usage: s3onramp explain URL|HOST [--listener NAME] [--client NAME] [--method METHOD] [--json] [-c FILE]\n"
    "       s3onramp explain FILE|- [--client NAME] [--canonical FILE] [--at TIME] [--listener NAME] [--json] [-c "
    "FILE]\n"
    "\n"
    "The first form says how a name is understood, which endpoint serves it and why, what goes out, and what a\n"
    "client would get where it is refused. s3://BUCKET/KEY works, too.\n"
    "The second form takes a captured request (request line, headers, an empty line, the body if you have it) and\n"
    "says whether its signature is right, and if not, where the client's way of signing differs.\n"
    "Nothing is sent. What exists as a file, or begins with / or ./, is a file.\n"
    "\n"
    "  -c, --config FILE       configuration (default " CLI_DEFAULT_CONFIG ")\n"
    "      --listener NAME     as if it came in there\n"
    "      --client NAME       judge by this client's policy; FILE: and by its secret (default: the one whose key the\n"
    "                          request carries)\n"
    "      --method METHOD     of the request (default GET)\n"
    "      --region REGION     that the client signs for\n"
    "      --bucket-region REGION   as if the proxy had learned that the bucket is there\n"
    "      --canonical FILE    what the client signed: its canonical request (SigV2: string to sign), alone, in a "
    "debug\n"
    "                          log, or in S3's SignatureDoesNotMatch document\n"
    "      --at TIME           judge dates as of then: 20130524T000000Z, 2013-05-24T00:00:00Z, or as in a Date header\n"
    "      --json              for programs\n"
    "\n"
    "Exit code: 0 it would be served (and the signature is right), 1 not, 2 wrong usage.\n"
    "\n"
    "Example:\n"
    "  s3onramp explain https://reports.s3.eu-west-1.amazonaws.com/2024/a%20b.csv --client backup\n"
    "  s3onramp explain request.txt --canonical answer.xml\n";

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
    bool fine = !ferror(in) && *n < FILE_BYTES_MOST;
    if (!is_stdin) fclose(in);
    if (!fine) cli_problem("%s cannot be read, or is larger than %d MiB", path, FILE_BYTES_MOST >> 20);
    return fine;
}

/* --- a URL, or a host alone --- */

/* BUCKET/KEY of s3://, as clients send it: host style by the endpoint's Region, path style at the listener's name. */
static bool put_s3_uri(struct sbuf *url, const struct settings *s, const struct explain_wish *wish, struct str rest)
{
    const struct set_endpoint *ep = settings_default_endpoint(s);
    struct str bucket = str_head(rest, str_index(rest, '/')), key = str_tail(rest, bucket.n + 1);
    struct str region = wish->region ? str_from(wish->region) : ep ? str_from(ep->region) : STR("us-east-1");
    bool host_style = s3_bucket_host_style(bucket);

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
    return bucket.n > 0;
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
    } else {
        report_title(r, "request", str_head(a.head, str_index(a.head, '\r')));
        report_str(r, "host", "Host", a.host);
        exit_code = explain_route(r, rig, &a, wish, false, &req);
    }
    free(memory);
    return exit_code;
}

/* --- a captured request --- */

/* curl -v marks what it sends. */
static struct str unmark(struct str line, bool marked)
{
    return marked && str_starts(line, STR(">")) ? str_tail(line, line.n > 1 && line.p[1] == ' ' ? 2 : 1) : line;
}

/* Takes the head out of *@rest, its lines ended by CRLF as they were on the wire. */
static void put_captured_head(struct sbuf *head, struct str *rest)
{
    bool marked = str_starts(*rest, STR("> ")), begun = false;

    while (rest->n) {
        size_t end = str_index(*rest, '\n');
        struct str line = str_head(*rest, end);

        *rest = str_tail(*rest, end == SIZE_MAX ? rest->n : end + 1);
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        line = unmark(line, marked);
        if (!line.n && !begun) continue;
        if (!line.n) break;
        begun = true;
        sbuf_add(head, line);
        sbuf_add(head, STR("\r\n"));
    }
    sbuf_add(head, STR("\r\n"));
}

/* Which host it is for, and whether it came by way of CONNECT. */
static enum err_code find_captured_host(struct rig *rig, struct sbuf *host, struct arrival *a, struct err *err)
{
    struct arrival any = *a;
    struct request *req;
    struct uri uri;
    struct str name;
    bool connect;

    any.listener = &(const struct set_listener){.mode = LISTENER_ENDPOINT};
    req = rig_take(rig, &any, 0, err);
    if (!req) return err->code;
    connect = req->in->method_id == METHOD_CONNECT;
    TRY(uri_split(req->in->target, connect, &uri, err));
    if (!uri_split_authority(uri.form == URI_ORIGIN ? req->in->host : uri.authority, &name, &a->port))
        return err_set(err, ERR_BAD_REQUEST, 0, "it has no Host header, or one that is not valid");
    sbuf_lower(host, name);
    a->host = sbuf_str(host);
    a->tls = uri.form == URI_ORIGIN || connect;
    return ERR_NONE;
}

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

static int explain_capture(struct report *r, struct rig *rig, const struct explain_wish *wish)
{
    struct arrival a = {.port = 0};
    struct err err = {0};
    char *text;
    size_t n;
    int exit_code = CLI_PROBLEM;

    if (!explain_read_file(wish->what, &text, &n)) {
        free(text);
        return CLI_PROBLEM;
    }
    char *memory = malloc(4 * n + 16);
    ASSERT(memory);
    struct sbuf head = sbuf_make(memory, 2 * n + 8), host = sbuf_make(memory + 2 * n + 8, n + 8);
    a.body = str_make(text, n);
    put_captured_head(&head, &a.body);
    a.head = sbuf_str(&head);
    if (find_captured_host(rig, &host, &a, &err) == ERR_NONE)
        exit_code = explain_arrival(r, rig, &a, wish);
    else
        cli_problem(
            "%s holds no request that this proxy would take: %s; give the request line, the headers and an empty "
            "line, as they were sent",
            wish->what, err.detail[0] ? err.detail : err_info(err.code)->text);
    free(memory);
    free(text);
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

static int run(const struct explain_wish *wish)
{
    /* Nothing is signed here, so keys that only the service's environment has need not be there. */
    setenv("AWS_ACCESS_KEY_ID", "not-needed-here", 0);
    setenv("AWS_SECRET_ACCESS_KEY", "not-needed-here", 0);
    struct settings *s = config_load(wish->config, stderr);
    struct rig *rig = s ? rig_new(s) : NULL;
    struct report r;
    int exit_code = CLI_PROBLEM;

    if (rig && wish->client && !settings_client_by_name(s, str_from(wish->client))) {
        cli_problem("there is no [client %s]; `s3onramp client list` shows those there are", wish->client);
    } else if (rig) {
        bool ok = report_init(&r);
        ASSERT(ok);
        exit_code = is_file(wish->what) ? explain_capture(&r, rig, wish) : explain_url(&r, rig, s, wish);
        report_end(&r, wish->json && json_object_size(r.all));
    }
    rig_free(&rig);
    settings_unref(&s);
    return exit_code;
}

int cli_explain(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"listener", required_argument, NULL, 'l'},
                                            {"client", required_argument, NULL, 'n'},
                                            {"method", required_argument, NULL, 'm'},
                                            {"region", required_argument, NULL, 'r'},
                                            {"bucket-region", required_argument, NULL, 'b'},
                                            {"canonical", required_argument, NULL, 'C'},
                                            {"at", required_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct explain_wish w = {.config = CLI_DEFAULT_CONFIG, .method = "GET", .now_s = clock_wall_us() / 1000000};
    int c;

    cli_options_start();
    while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': w.config = optarg; break;
        case 'l': w.listener = optarg; break;
        case 'n': w.client = optarg; break;
        case 'm': w.method = optarg; break;
        case 'r': w.region = optarg; break;
        case 'b': w.bucket_region = optarg; break;
        case 'C': w.canonical = optarg; break;
        case 'a':
            if (!parse_time(optarg, &w.now_s))
                return cli_wrong_usage("explain", "--at %s: write it like 20130524T000000Z", optarg);
            break;
        case 'j': w.json = true; break;
        case 'h': fputs(help, stdout); return CLI_FINE;
        default: return cli_wrong_option("explain", c, argv);
        }
    }
    if (optind == argc) return cli_wrong_usage("explain", "say what to explain: a URL, a host or a file");
    if (optind + 1 < argc) return cli_wrong_usage("explain", "there is nothing to do with \"%s\"", argv[optind + 1]);
    w.what = argv[optind];
    if (!*w.what) return cli_wrong_usage("explain", "say what to explain: a URL, a host or a file");
    if (w.region && !s3_region_valid(str_from(w.region)))
        return cli_wrong_usage("explain", "--region %s is no Region; write one like eu-west-1", w.region);
    if (w.bucket_region && !s3_region_valid(str_from(w.bucket_region)))
        return cli_wrong_usage("explain", "--bucket-region %s is no Region; write one like eu-west-1", w.bucket_region);
    return run(&w);
}
