/* SPDX-License-Identifier: Apache-2.0
 * config_options.c: the one table of options. Constant data; any thread.
 * A new option is a row here, with when a change of it counts, and a field in config/config.h; config_check.c only if
 * it depends on others.
 */
#include "config_options.h"

#define SINGLE(word, member, help)                                                                     \
    {                                                                                                  \
        word, NULL, offsetof(struct settings, member), 0, sizeof(((struct settings *)0)->member), help \
    }
#define ARRAY(word, example, member, help)                                                       \
    {                                                                                            \
        word, example, offsetof(struct settings, member), offsetof(struct settings, member##_n), \
            sizeof(*((struct settings *)0)->member), help                                        \
    }

const struct section_kind config_sections[SECTIONS_N] = {
    [SECTION_SERVER] = SINGLE("server", server, "The process: threads, limits, times."),
    [SECTION_CA] =
        SINGLE("ca", ca,
               "The local certificate authority (made by 's3onramp ca init'): needed where clients come with "
               "TLS and no certificate is given."),
    [SECTION_LOG] = SINGLE("log", log, "What is written, and where."),
    [SECTION_AUDIT] = SINGLE("audit", audit, "The record for auditors: who did what, and who changed the proxy."),
    [SECTION_ADMIN] = SINGLE(
        "admin", admin,
        "How a running proxy is asked: a Unix socket for 's3onramp status' and the like, and HTTP, which only shows."),
    [SECTION_PAM] =
        SINGLE("auth pam", pam,
               "Passwords that PAM checks, of clients with `password = pam`: those of this machine's users, or of a "
               "directory."),
    [SECTION_COST] = SINGLE("cost", cost, "What goes to S3 is counted, for 's3onramp cost'."),
    [SECTION_LISTENER] = ARRAY("listener", "local", listeners, "Where clients come in. One section per listener."),
    [SECTION_ENDPOINT] =
        ARRAY("endpoint", "tokyo", endpoints, "Where requests go: an S3 interface endpoint, by its private addresses."),
    [SECTION_CREDENTIALS] =
        ARRAY("credentials", "default", credentials, "The AWS keys that requests are signed with on their way out."),
    [SECTION_CLIENT] = ARRAY("client", "me", clients,
                             "Who may come. Make key pairs with 's3onramp client add NAME'; real AWS keys never leave "
                             "the proxy."),
    [SECTION_GROUP] = ARRAY("group", "archive", groups,
                            "What several clients have in common; a client is in those that its `groups` names."),
    [SECTION_POLICY] = ARRAY("policy", "reports", policies,
                             "What a client may do. 'allow-all' and 'read-only' exist without a section."),
    [SECTION_TUNNEL] =
        ARRAY("tunnel", "sts", tunnels,
              "Private hosts besides S3 that clients of a proxy may be tunnelled to, such as an STS endpoint. "
              "A listener's `tunnel` must match them, too."),
    [SECTION_PARENT] = ARRAY(
        "parent", "site", parents,
        "The site's own proxy: what clients of a forward listener ask for by CONNECT and is not S3's goes on to it. "
        "Of several the first one that serves the host. S3's names never go there."),
    [SECTION_LINE] =
        ARRAY("line", "office", lines,
              "What endpoints share on their way to AWS, such as a VPN: an endpoint with `line` sends no more, and no "
              "client keeps others from their part of it."),
};

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const switch_words[] = {"off", "on", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const access_formats[] = {"text", "json", "s3", NULL};
static const char *const audit_words[] = {"all", "writes", "refused", NULL};
static const char *const listener_modes[] = {"forward", "endpoint", "redirect", NULL};
static const char *const listener_tls_words[] = {"off", "on", "auto", NULL};
static const char *const trailers_words[] = {"pass", "decode", NULL};
static const char *const sources[] = {"static",      "environment",  "profile",        "process", "container", "imds",
                                      "assume-role", "web-identity", "roles-anywhere", "chain",   "none",      NULL};
_Static_assert(ARRAY_LEN(sources) == CREDENTIALS_SOURCES_N + 1, "as in enum credentials_source");
static const char *const sigv2_words[] = {"query", "yes", "no", NULL};
static const char *const foreign_words[] = {"refuse", "pass", NULL};
static const char *const web_pages_words[] = {"refuse", "allow", NULL};
static const char *const payload_words[] = {"auto", "signed", NULL};
static const char *const plus_words[] = {"blank", "plus", NULL};
static const char *const probe_words[] = {"tcp", "tls", "http", NULL};
static const char *const proxy_auth_words[] = {"no", "optional", "required", NULL};
static const char *const policy_modes[] = {"enforce", "warn", NULL};
static const char *const client_certificates_words[] = {"off", "optional", "required", NULL};
static const char *const accesses[] = {"read-only", "read-write", "admin", NULL};

#define AT(s, f) (long)offsetof(struct s, f)
#define TERMS(f) (IN_TERMS + AT(principal_terms, f))
/* .takes and .restart */
#define LIVE TAKES_LIVE, NULL
#define NEW_SESSIONS TAKES_NEW_SESSIONS, NULL
#define RESTART(why) TAKES_RESTART, why

/* clang-format off */
/* @at: of the struct limits_conf. @whose: who together may do no more. */
#define LIMITS(section, at, prefix, whose) \
    {section, prefix "max_requests", LIVE, OPT_UINT, (at) + AT(limits_conf, max_requests), "0", "0", LIMIT_MOST, NULL, NULL, \
     "Requests (and tunnels) at once of " whose ", answers included; more get 503 SlowDown. 0: no limit."}, \
    {section, prefix "request_rate", LIVE, OPT_UINT, (at) + AT(limits_conf, request_rate), "0", "0", LIMIT_MOST, NULL, NULL, \
     "Requests a second of " whose "; more wait for their turn, and get 503 SlowDown if that takes over two seconds. 0: no limit."}, \
    {section, prefix "upload_rate", LIVE, OPT_RATE, (at) + AT(limits_conf, upload_rate), "0", RATE_LEAST, RATE_MOST, NULL, NULL, \
     "Content to S3 a second of " whose ", like 25MB (bytes) or 200Mbit; transfers are slowed down to it. 0: no limit."}, \
    {section, prefix "download_rate", LIVE, OPT_RATE, (at) + AT(limits_conf, download_rate), "0", RATE_LEAST, RATE_MOST, NULL, NULL, \
     "The same for content from S3."}
#define LIMIT_MOST "1000000"
#define RATE_LEAST "1KB"
#define RATE_MOST "1000Gbit"

static const struct option options[] = {
    {SECTION_SERVER, "workers", RESTART("threads, with all that they keep, are made when the program starts"), OPT_SIZE, AT(server_conf, workers), "0", "0", "256", NULL, NULL,
     "Worker threads; 0: one per CPU, at most 8."},
    {SECTION_SERVER, "max_connections", LIVE, OPT_SIZE, AT(server_conf, max_connections), "8000", "1", "1000000", NULL, NULL,
     "Client connections of all workers together. When they run out, the longest idle are closed; where none is idle, new ones get 503 SlowDown, or are closed if they come with TLS."},
    {SECTION_SERVER, "max_connections_per_source", LIVE, OPT_SIZE, AT(server_conf, max_connections_per_source), "0", "0", "1000000", NULL, NULL,
     "The same from one address (for IPv6: one /64), as a trusted balancer tells it in its PROXY header; 0: half of max_connections."},
    {SECTION_SERVER, "tls_rate_per_source", LIVE, OPT_UINT, AT(server_conf, tls_rate_per_source), "0", "0", LIMIT_MOST, NULL, NULL,
     "TLS handshakes a second with one source, counted the same way; more wait for their turn, and are closed if that takes over two seconds. 0: no limit."},
    LIMITS(SECTION_SERVER, AT(server_conf, client_limits), "client_", "each client without such a limit of its own or of its groups"),
    {SECTION_SERVER, "clients_file", LIVE, OPT_PATH, AT(server_conf, clients_file), "clients.ini", NULL, NULL, NULL, NULL,
     "File of [client NAME] sections, written by 's3onramp client add'; may be missing if not named here."},
    {SECTION_SERVER, "header_timeout", LIVE, OPT_MS, AT(server_conf, header_timeout_ms), "30s", "100ms", "1h", NULL, NULL,
     "A request head must be complete in this time; a new connection must begin its first request in it."},
    {SECTION_SERVER, "idle_timeout", LIVE, OPT_MS, AT(server_conf, idle_timeout_ms), "120s", "100ms", "24h", NULL, NULL,
     "Close a client connection that is silent between requests for so long."},
    {SECTION_SERVER, "body_timeout", LIVE, OPT_MS, AT(server_conf, body_timeout_ms), "60s", "100ms", "24h", NULL, NULL,
     "Break off an upload of which the client sends nothing for so long, or which the endpoint does not take, or an answer in which the endpoint stalls."},
    {SECTION_SERVER, "pause_timeout", LIVE, OPT_MS, AT(server_conf, pause_timeout_ms), "15m", "100ms", "24h", NULL, NULL,
     "Break off an answer or a tunnel of which its reader takes nothing for so long: a program that works on what it reads may pause."},
    {SECTION_SERVER, "min_rate", LIVE, OPT_UINT, AT(server_conf, min_rate), "240", "0", "1000000000", NULL, NULL,
     "Bytes a second that clients must send or take on the average of body_timeout or pause_timeout; 0: a byte now and then is enough."},
    {SECTION_SERVER, "request_timeout", LIVE, OPT_MS, AT(server_conf, request_timeout_ms), "168h", "0s", "720h", NULL, NULL,
     "Break off a request that is not over, with its answer, after this time; 0s: never. Tunnels have no such end."},
    {SECTION_SERVER, "tls_timeout", LIVE, OPT_MS, AT(server_conf, tls_timeout_ms), "15s", "100ms", "1h", NULL, NULL,
     "A TLS handshake must be complete in this time."},
    {SECTION_SERVER, "shutdown_timeout", LIVE, OPT_MS, AT(server_conf, shutdown_timeout_ms), "60s", "0s", "24h", NULL, NULL,
     "How long running requests may go on after a request to stop."},
    {SECTION_SERVER, "drain_delay", LIVE, OPT_MS, AT(server_conf, drain_delay_ms), "0s", "0s", "1h", NULL, NULL,
     "After a request to stop go on for so long, while health pages say no: so that load balancers send nobody any more when connections are refused."},
    {SECTION_SERVER, "upgrade_timeout", LIVE, OPT_MS, AT(server_conf, upgrade_timeout_ms), "24h", "0s", "720h", NULL, NULL,
     "How long the process before may go on with what runs in it after an upgrade."},
    {SECTION_SERVER, "upgrade_ready_timeout", LIVE, OPT_MS, AT(server_conf, upgrade_ready_timeout_ms), "60s", "1s", "1h", NULL, NULL,
     "A new process that an upgrade started must have keys and addresses in this time, or it is ended and the one before goes on."},
    {SECTION_SERVER, "tunnel_idle_timeout", NEW_SESSIONS, OPT_MS, AT(server_conf, tunnel_idle_timeout_ms), "300s", "100ms", "24h", NULL, NULL,
     "Close a tunnel through which no byte passes for so long."},
    {SECTION_SERVER, "sandbox", RESTART("what a process has given up it cannot have back"), OPT_ENUM, AT(server_conf, sandbox), "on", NULL, NULL, switch_words, NULL,
     "on: the process and its threads give up what they do not need: privileges, system calls, and, for what serves clients, programs, files and all networks but TCP. What is in force is logged at start."},
    {SECTION_SERVER, "private_networks", LIVE, OPT_NETWORKS, AT(server_conf, private_networks), NULL, NULL, NULL, NULL, NULL,
     "Further networks that may hold addresses of endpoints and tunnels, like 198.18.0.0/15; those of RFC 1918, 4193 and 6598 always may."},

    {SECTION_CA, "certificate", NEW_SESSIONS, OPT_PATH, AT(ca_conf, certificate), "ca.pem", NULL, NULL, NULL, NULL,
     "Certificate of the local authority: clients must trust it."},
    {SECTION_CA, "private_key", NEW_SESSIONS, OPT_PATH, AT(ca_conf, private_key), "ca.key", NULL, NULL, NULL, NULL,
     "Its key, readable by the proxy and its group only."},
    {SECTION_CA, "leaf_days", NEW_SESSIONS, OPT_UINT, AT(ca_conf, leaf_days), "30", "1", "397", NULL, NULL,
     "How long a certificate made for a host name is valid."},
    {SECTION_CA, "crl", NEW_SESSIONS, OPT_TEXT, AT(ca_conf, crl), NULL, NULL, NULL, NULL, "http://10.9.8.7:3128/-/ca.crl",
     "URL of the revocation list that certificates name, for clients that insist on one (Windows, NetBackup): http://, a listener's address, /-/ca.crl, where each listener serves an empty one."},

    {SECTION_LOG, "level", LIVE, OPT_ENUM, AT(log_conf, level), "info", NULL, NULL, log_levels, NULL,
     "Least important message that is written."},
    {SECTION_LOG, "format", LIVE, OPT_ENUM, AT(log_conf, format), "text", NULL, NULL, log_formats, NULL,
     "One line per message, as text or as a JSON object."},
    {SECTION_LOG, "to", LIVE, OPT_TEXT, AT(log_conf, to), "-", NULL, NULL, NULL, NULL,
     "Where messages go: - (standard error), syslog, journald (or syslog:SOCKET, journald:SOCKET), or a file, which SIGUSR1 opens anew."},
    {SECTION_LOG, "access", LIVE, OPT_TEXT, AT(log_conf, access), "-", NULL, NULL, NULL, NULL,
     "One line per request: to a place like those of `to`, or off."},
    {SECTION_LOG, "access_format", LIVE, OPT_ENUM, AT(log_conf, access_format), NULL, NULL, NULL, access_formats, NULL,
     "Its form; s3: that of Amazon S3's server access logs, for programs that read those. Default: as `format`."},
    {SECTION_LOG, "buffer", RESTART("each worker has its room for lines from the start"), OPT_SIZE, AT(log_conf, buffer_kib), "4096", "64", "1048576", NULL, NULL,
     "How many KiB of lines each worker keeps while nobody takes them; no request waits for a log: what does not fit is lost, counted and told."},
    {SECTION_LOG, "make_traceparent", LIVE, OPT_BOOL, AT(log_conf, make_traceparent), "no", NULL, NULL, NULL, NULL,
     "yes: a request without a valid traceparent (W3C Trace Context) gets a new one, which goes to S3 and into its access line."},
    {SECTION_LOG, "request_id_upstream", LIVE, OPT_BOOL, AT(log_conf, request_id_upstream), "no", NULL, NULL, NULL, NULL,
     "yes: User-Agent ends in s3onramp/ID on its way to S3, with the request's id, so that S3's own access logs name it."},

    {SECTION_AUDIT, "to", LIVE, OPT_TEXT, AT(audit_conf, to), "off", NULL, NULL, NULL, NULL,
     "Where its lines go, JSON with a number each: a place like those of [log] to, or off."},
    {SECTION_AUDIT, "requests", LIVE, OPT_ENUM, AT(audit_conf, requests), "all", NULL, NULL, audit_words, NULL,
     "Requests that have a line: all; writes: those that may change something, and refused ones; refused: those that the proxy refused."},
    {SECTION_AUDIT, "required", LIVE, OPT_BOOL, AT(audit_conf, required), "no", NULL, NULL, NULL, NULL,
     "yes: while lines cannot be kept (a full disk, a daemon that has gone) requests that would have one get 503 and are not served."},

    {SECTION_ADMIN, "socket", RESTART("who asks for the reload waits for the answer there"), OPT_TEXT, AT(admin_conf, socket), "/run/s3onramp/admin.sock", NULL, NULL, NULL, NULL,
     "Unix socket for 's3onramp status', mode 0600, removed at the end; off: none. The default is left out where its folder is missing."},
    {SECTION_ADMIN, "client_metrics", LIVE, OPT_UINT, AT(admin_conf, client_metrics), "0", "0", "10000", NULL, NULL,
     "For how many clients, and groups, metrics have families of their own, the first ones that the proxy came to know; the others are counted as (other). 0: no such families."},
    {SECTION_ADMIN, "traffic_metrics", LIVE, OPT_UINT, AT(admin_conf, traffic_metrics), "0", "0", "10000", NULL, NULL,
     "For how many combinations of client, bucket and zone metrics have bytes of their own, the first ones that had traffic; what comes later is counted as client and bucket (other). 0: no such family."},
    {SECTION_ADMIN, "listen", LIVE, OPT_ADDRESSES, AT(admin_conf, listen), NULL, NULL, NULL, NULL, NULL,
     "Addresses where HTTP is spoken: /healthz, /readyz, and what the read-only commands say at /api/NAME; port 3180 if none is written. Others than loopback need tls and a token."},
    {SECTION_ADMIN, "tls", NEW_SESSIONS, OPT_BOOL, AT(admin_conf, tls), "no", NULL, NULL, NULL, NULL,
     "yes: HTTPS, at all of these addresses."},
    {SECTION_ADMIN, "certificate", NEW_SESSIONS, OPT_PATH, AT(admin_conf, certificate), NULL, NULL, NULL, NULL, NULL,
     "Certificate chain (PEM) for tls; without it one is made by the local authority."},
    {SECTION_ADMIN, "private_key", NEW_SESSIONS, OPT_PATH, AT(admin_conf, private_key), NULL, NULL, NULL, NULL, NULL,
     "Key (PEM) of that certificate."},
    {SECTION_ADMIN, "token", LIVE, OPT_SECRET, AT(admin_conf, token), NULL, NULL, NULL, NULL, NULL,
     "What who asks must send as `Authorization: Bearer TOKEN`, for all but the health pages: 16 characters or more; or env:NAME, credential:NAME, file:PATH (readable by the proxy and its group only; read at each reload)."},
    {SECTION_ADMIN, "names", LIVE, OPT_HOSTS, AT(admin_conf, names), NULL, NULL, NULL, NULL, NULL,
     "Host names under which it is asked, besides localhost and its addresses; under others it shows nothing, so that no web page can ask by a name of its own (DNS rebinding). Default: the machine's own name, and its first label."},

    {SECTION_PAM, "service", LIVE, OPT_TEXT, AT(pam_conf, service), "s3onramp", NULL, NULL, NULL, NULL,
     "The PAM service: the name of a file in /etc/pam.d."},
    {SECTION_PAM, "folder", LIVE, OPT_PATH, AT(pam_conf, folder), NULL, NULL, NULL, NULL, NULL,
     "Folder of that file in place of /etc/pam.d."},
    {SECTION_PAM, "timeout", LIVE, OPT_MS, AT(pam_conf, timeout_ms), "10s", "100ms", "5m", NULL, NULL,
     "How long PAM may take; then the client gets 503, and what PAM began is ended."},
    {SECTION_PAM, "remember", LIVE, OPT_MS, AT(pam_conf, remember_ms), "1m", "0s", "1h", NULL, NULL,
     "For how long PAM is not asked again after it took a password: an account that is locked meanwhile may still be used so long."},

    {SECTION_COST, "prices", LIVE, OPT_PATH, AT(cost_conf, prices), NULL, NULL, NULL, NULL, NULL,
     "What AWS asks for: a file like conf/prices.ini. Without it traffic is counted, and has no price."},
    {SECTION_COST, "state", RESTART("what was counted is kept in one place"), OPT_TEXT, AT(cost_conf, state), "/var/lib/s3onramp", NULL, NULL, NULL, NULL,
     "Folder in which what was counted is kept, for 13 months; off: in memory, until the proxy ends, as where the default's folder is missing."},
    {SECTION_COST, "save_interval", LIVE, OPT_MS, AT(cost_conf, save_interval_ms), "1m", "1s", "1m", NULL, NULL,
     "How often it is written: at most so much is lost by a crash. Peaks are of so long, on average."},
    {SECTION_COST, "zone_bandwidth", LIVE, OPT_RATE, AT(cost_conf, zone_bandwidth), "10Gbit", RATE_LEAST, RATE_MOST, NULL, NULL,
     "What each zone of an endpoint bears each way: the log warns from four fifths of it on. AWS grants 10 Gbit/s, and raises that by itself up to 100. 0: nobody is warned."},

    {SECTION_LISTENER, "mode", NEW_SESSIONS, OPT_ENUM, AT(listener_conf, mode), NULL, NULL, NULL, listener_modes, "endpoint",
     "forward: a proxy for HTTPS_PROXY; endpoint: an S3 server for --endpoint-url; redirect: for connections that nft, iptables or DNS bring here."},
    {SECTION_LISTENER, "bind", LIVE, OPT_ADDRESSES, AT(listener_conf, bind), "127.0.0.1", NULL, NULL, NULL, "127.0.0.1:9000",
     "Addresses to listen on; the port defaults to 3128 (forward), 3129 (redirect), 9000 (endpoint) or 9443 (endpoint with TLS)."},
    {SECTION_LISTENER, "tls", NEW_SESSIONS, OPT_ENUM, AT(listener_conf, tls), "off", NULL, NULL, listener_tls_words, NULL,
     "Whether clients come with TLS; auto: told by the first byte (default of redirect). On a forward listener it is TLS to the proxy itself: HTTPS_PROXY=https://…"},
    {SECTION_LISTENER, "certificate", NEW_SESSIONS, OPT_PATH, AT(listener_conf, certificate), NULL, NULL, NULL, NULL, NULL,
     "Certificate chain (PEM) for TLS; without it one is made by the local authority."},
    {SECTION_LISTENER, "private_key", NEW_SESSIONS, OPT_PATH, AT(listener_conf, private_key), NULL, NULL, NULL, NULL, NULL,
     "Key (PEM) of that certificate."},
    {SECTION_LISTENER, "client_certificates", NEW_SESSIONS, OPT_ENUM, AT(listener_conf, client_certificates), "off", NULL, NULL, client_certificates_words, NULL,
     "Whether clients are asked for a TLS certificate, which proves the [client NAME] whose `certificate` it names: of unsigned requests, and in place of Proxy-Authorization. optional: they may come without; required: not even a signature helps without."},
    {SECTION_LISTENER, "client_ca", NEW_SESSIONS, OPT_PATH, AT(listener_conf, client_ca), NULL, NULL, NULL, NULL, NULL,
     "The authorities (PEM) whose certificates of clients are believed, up to a root."},
    {SECTION_LISTENER, "client_crl", NEW_SESSIONS, OPT_PATH, AT(listener_conf, client_crl), NULL, NULL, NULL, NULL, NULL,
     "Their revocation lists (PEM), one of each authority; read again at each reload. What they revoke, and all when one of them is out of date, is refused."},
    {SECTION_LISTENER, "names", LIVE, OPT_HOSTS, AT(listener_conf, names), NULL, NULL, NULL, NULL, NULL,
     "Host names of this listener: s3.example.com also makes BUCKET.s3.example.com a bucket's name. Default of endpoint listeners: the machine's own name, and its first label."},
    {SECTION_LISTENER, "health", LIVE, OPT_TEXT, AT(listener_conf, health), "/healthz", NULL, NULL, NULL, NULL,
     "Path whose unsigned GET and HEAD, without a query and a bucket in the host name, the proxy answers by itself: 200 while it runs, 503 while it ends; off: none. Signed requests for a bucket of that name go on as ever."},
    {SECTION_LISTENER, "anonymous", LIVE, OPT_CLIENT, AT(listener_conf, anonymous), NULL, NULL, NULL, NULL, NULL,
     "Client that unsigned requests count as; without it they are refused."},
    {SECTION_LISTENER, "web_pages", LIVE, OPT_ENUM, AT(listener_conf, web_pages), "refuse", NULL, NULL, web_pages_words, NULL,
     "allow: unsigned requests are taken from web pages of other origins, too (Origin, Sec-Fetch-Site): any page that a user of this machine opens can then use `anonymous`."},
    {SECTION_LISTENER, "foreign", LIVE, OPT_ENUM, AT(listener_conf, foreign), "refuse", NULL, NULL, foreign_words, NULL,
     "pass: a request signed with a key of no client goes on untouched, with no policy, if its Host is one the endpoint serves."},
    {SECTION_LISTENER, "endpoint", LIVE, OPT_ENDPOINT, AT(listener_conf, endpoint), NULL, NULL, NULL, NULL, NULL,
     "Endpoint for this listener's own names; without it the Region of the signature decides, else the default endpoint."},
    {SECTION_LISTENER, "proxy_protocol", NEW_SESSIONS, OPT_BOOL, AT(listener_conf, proxy_protocol), "no", NULL, NULL, NULL, NULL,
     "yes: each connection begins with a PROXY protocol header (version 1 or 2) that says where it comes from."},
    {SECTION_LISTENER, "trusted_proxies", NEW_SESSIONS, OPT_NETWORKS, AT(listener_conf, trusted_proxies), NULL, NULL, NULL, NULL, NULL,
     "Balancers whose PROXY protocol header is believed; connections from anywhere else are closed."},
    {SECTION_LISTENER, "proxy_auth", LIVE, OPT_ENUM, AT(listener_conf, proxy_auth), "no", NULL, NULL, proxy_auth_words, NULL,
     "Names and passwords of clients in Proxy-Authorization (Basic), as in HTTPS_PROXY=https://alice:PASSWORD@…; for forward listeners."},
    {SECTION_LISTENER, "proxy_auth_plain", LIVE, OPT_BOOL, AT(listener_conf, proxy_auth_plain), "no", NULL, NULL, NULL, NULL,
     "yes: passwords are taken without TLS to the proxy from other machines, too. Everyone on the way can read them."},
    {SECTION_LISTENER, "intercept", LIVE, OPT_PATTERNS, AT(listener_conf, ways.intercept), "*", NULL, NULL, NULL, NULL,
     "S3 names, with * and ? as wildcards, whose TLS ends here and whose requests are signed anew; none: no name. For forward and redirect listeners."},
    {SECTION_LISTENER, "tunnel", LIVE, OPT_PATTERNS, AT(listener_conf, ways.tunnel), NULL, NULL, NULL, NULL, NULL,
     "S3 names and hosts of [tunnel] sections, with * and ?, whose bytes pass untouched to the private address; goes before intercept. All else is refused."},
    {SECTION_LISTENER, "parent", LIVE, OPT_PATTERNS, AT(listener_conf, parent), "*", NULL, NULL, NULL, NULL,
     "Hosts, with * and ?, that go on to a [parent], as far as its own `hosts` have them; none: no host. For forward listeners."},
    {SECTION_LISTENER, "transparent", NEW_SESSIONS, OPT_BOOL, AT(listener_conf, transparent), "no", NULL, NULL, NULL, NULL,
     "yes: takes connections to foreign addresses, as TPROXY brings them (needs CAP_NET_ADMIN); for redirect listeners."},
    LIMITS(SECTION_LISTENER, AT(listener_conf, limits), "", "all that comes in here together"),

    {SECTION_ENDPOINT, "name", LIVE, OPT_HOST, AT(endpoint_conf, vpce_name), NULL, NULL, NULL, NULL,
     "vpce-0123456789abcdef0-abcdefgh.s3.ap-northeast-1.vpce.amazonaws.com",
     "The endpoint's own DNS name, as the console shows it; says Region and partition."},
    {SECTION_ENDPOINT, "region", LIVE, OPT_REGION, AT(endpoint_conf, region), NULL, NULL, NULL, NULL, NULL,
     "Region of the endpoint; not needed with `name`."},
    {SECTION_ENDPOINT, "addresses", LIVE, OPT_ZONED, AT(endpoint_conf, addresses), NULL, NULL, NULL, NULL, NULL,
     "Its private addresses, one per zone, like a=10.0.1.23, c=10.0.2.23 (the zone may be left out); without them `name` is looked up in DNS."},
    {SECTION_ENDPOINT, "port", LIVE, OPT_UINT, NO_FIELD, "443", "1", "65535", NULL, NULL,
     "Port of addresses written without one."},
    {SECTION_ENDPOINT, "dns", LIVE, OPT_BOOL, AT(endpoint_conf, dns), NULL, NULL, NULL, NULL, NULL,
     "Whether the addresses come from DNS, asked again as their TTL says (5s to 5m); an answer that is not private is refused as a whole. Default: yes without `addresses`."},
    {SECTION_ENDPOINT, "zones", LIVE, OPT_LIST, AT(endpoint_conf, zones), NULL, NULL, NULL, NULL, NULL,
     "Zones of the endpoint, like a, c: their own names are looked up too, which tells the zone of each address."},
    {SECTION_ENDPOINT, "resolver", LIVE, OPT_ADDRESSES, AT(endpoint_conf, resolvers), NULL, NULL, NULL, NULL, NULL,
     "DNS servers to ask, ADDRESS or ADDRESS:PORT; default: those of /etc/resolv.conf."},
    {SECTION_ENDPOINT, "prefer_zone", LIVE, OPT_TEXT, AT(endpoint_conf, prefer_zone), NULL, NULL, NULL, NULL, NULL,
     "Zone whose addresses take all requests as long as one of them is up."},
    {SECTION_ENDPOINT, "host", LIVE, OPT_HOST, AT(endpoint_conf, host), NULL, NULL, NULL, NULL, NULL,
     "S3 name that is signed and sent; default s3.REGION.SUFFIX."},
    {SECTION_ENDPOINT, "sni", LIVE, OPT_HOST, AT(endpoint_conf, sni), NULL, NULL, NULL, NULL, NULL,
     "TLS server name that the endpoint's certificate must carry; default: host."},
    {SECTION_ENDPOINT, "ca_file", LIVE, OPT_PATH, AT(endpoint_conf, ca_file), NULL, NULL, NULL, NULL, NULL,
     "Authorities (PEM) that the endpoint's certificate must come from; default: the system's."},
    {SECTION_ENDPOINT, "trailers", LIVE, OPT_ENUM, AT(endpoint_conf, trailers), "pass", NULL, NULL, trailers_words, NULL,
     "decode: for S3 servers that know no checksum trailers; the proxy checks them itself."},
    {SECTION_ENDPOINT, "payload", LIVE, OPT_ENUM, AT(endpoint_conf, payload), "auto", NULL, NULL, payload_words, NULL,
     "signed: bodies that clients did not hash are signed in chunks, for bucket policies that deny unsigned payloads."},
    {SECTION_ENDPOINT, "plus", LIVE, OPT_ENUM, AT(endpoint_conf, plus), "blank", NULL, NULL, plus_words, NULL,
     "What a raw + in a path stands for, where no Signature Version 4 tells it: blank, as in S3, or plus, as in Ceph and Swift."},
    {SECTION_ENDPOINT, "expected_owner", LIVE, OPT_TEXT, AT(endpoint_conf, expected_owner), NULL, NULL, NULL, NULL, NULL,
     "Account that all buckets must belong to, copy sources too: S3 refuses requests to those of others."},
    {SECTION_ENDPOINT, "credentials", LIVE, OPT_CREDENTIALS, AT(endpoint_conf, credentials), "default", NULL, NULL, NULL, NULL,
     "The [credentials NAME] that requests to this endpoint are signed with."},
    {SECTION_ENDPOINT, "also_regions", LIVE, OPT_REGIONS, AT(endpoint_conf, also_regions), NULL, NULL, NULL, NULL, NULL,
     "Further Regions whose names are sent here."},
    {SECTION_ENDPOINT, "default", LIVE, OPT_BOOL, AT(endpoint_conf, is_default), "no", NULL, NULL, NULL, NULL,
     "Takes requests that name no Region."},
    {SECTION_ENDPOINT, "connect_timeout", LIVE, OPT_MS, AT(endpoint_conf, connect_timeout_ms), "3s", "10ms", "10m", NULL, NULL,
     "Try the next address after this time."},
    {SECTION_ENDPOINT, "response_timeout", LIVE, OPT_MS, AT(endpoint_conf, response_timeout_ms), "300s", "100ms", "24h", NULL, NULL,
     "The answer must begin in this time after the request was sent."},
    {SECTION_ENDPOINT, "idle_timeout", LIVE, OPT_MS, AT(endpoint_conf, idle_timeout_ms), "20s", "0s", "5m", NULL, NULL,
     "Keep an idle connection to the endpoint for so long."},
    {SECTION_ENDPOINT, "max_idle", LIVE, OPT_UINT, AT(endpoint_conf, max_idle), "64", "0", "10000", NULL, NULL,
     "Idle connections kept per address and worker."},
    {SECTION_ENDPOINT, "dead_timeout", LIVE, OPT_MS, AT(endpoint_conf, dead_timeout_ms), "5s", "500ms", "10m", NULL, NULL,
     "A connection on which nothing arrives at the endpoint's side for so long (the kernel's acknowledgements count) is dead; its request is asked again elsewhere where that is safe."},
    {SECTION_ENDPOINT, "max_connections_per_address", LIVE, OPT_UINT, AT(endpoint_conf, max_connections), "0", "0", "1000000", NULL, NULL,
     "Requests at once per address, of all workers; 0: no limit. Further ones wait in turn, each client its share."},
    {SECTION_ENDPOINT, "max_queue", LIVE, OPT_UINT, AT(endpoint_conf, max_queue), "256", "0", "65536", NULL, NULL,
     "Requests that may wait, per worker; further ones get 503 SlowDown."},
    {SECTION_ENDPOINT, "queue_timeout", LIVE, OPT_MS, AT(endpoint_conf, queue_timeout_ms), "5s", "250ms", "10m", NULL, NULL,
     "A request that waited so long gets 503 SlowDown."},
    {SECTION_ENDPOINT, "max_retries", LIVE, OPT_UINT, AT(endpoint_conf, max_retries), "2", "0", "10", NULL, NULL,
     "How often one request may be sent again after no answer came (if its method and body allow it), or after 500, 502 or 504 (GET and HEAD, once); all together at most a fifth of the requests and 10 a second per worker."},
    {SECTION_ENDPOINT, "line", LIVE, OPT_LINE, AT(endpoint_conf, line), NULL, NULL, NULL, NULL, NULL,
     "The [line NAME] that its requests share with those of other endpoints."},
    {SECTION_ENDPOINT, "probe", LIVE, OPT_ENUM, AT(endpoint_conf, probe), "tls", NULL, NULL, probe_words, NULL,
     "What is tried at each address: a TCP connection, also a TLS handshake with the right certificate, also an HTTP answer."},
    {SECTION_ENDPOINT, "probe_interval", LIVE, OPT_MS, AT(endpoint_conf, probe_interval_ms), "5s", "100ms", "10m", NULL, NULL,
     "How often, give or take a tenth; while an address is in doubt at least every second."},
    {SECTION_ENDPOINT, "probe_timeout", LIVE, OPT_MS, AT(endpoint_conf, probe_timeout_ms), "2s", "50ms", "1m", NULL, NULL,
     "A probe that takes longer has failed."},
    {SECTION_ENDPOINT, "fall", LIVE, OPT_UINT, AT(endpoint_conf, fall), "3", "1", "100", NULL, NULL,
     "So many failures in a row (probes, connections of requests) make an address `down`; the first makes it `suspect`."},
    {SECTION_ENDPOINT, "rise", LIVE, OPT_UINT, AT(endpoint_conf, rise), "2", "1", "100", NULL, NULL,
     "So many successes in a row bring it back; from the first on it is `half-open` and gets a request at a time."},
    {SECTION_ENDPOINT, "slow_start", LIVE, OPT_MS, AT(endpoint_conf, slow_start_ms), "10s", "0s", "10m", NULL, NULL,
     "How long an address that came back takes to get its full share."},

    {SECTION_CREDENTIALS, "source", LIVE, OPT_ENUM, AT(credentials_conf, source), NULL, NULL, NULL, sources, "chain",
     "Where the keys come from. chain (default): as the AWS SDKs look for them; static: from here (default if keys are written here); none: requests leave unsigned. The keys below belong to some sources only."},
    {SECTION_CREDENTIALS, "access_key_id", LIVE, OPT_KEY_ID, AT(credentials_conf, access_key_id), NULL, NULL, NULL, NULL, NULL,
     "static: access key, or env:NAME (environment variable), credential:NAME (systemd), file:PATH (readable by the proxy and its group only; read again when it changes; change the files of a pair in quick succession)."},
    {SECTION_CREDENTIALS, "secret_access_key", LIVE, OPT_SECRET, AT(credentials_conf, secret_access_key), NULL, NULL, NULL, NULL, NULL,
     "static: secret key, or env:NAME, credential:NAME, file:PATH."},
    {SECTION_CREDENTIALS, "session_token", LIVE, OPT_SECRET, AT(credentials_conf, session_token), NULL, NULL, NULL, NULL, NULL,
     "static: session token of temporary keys, or env:NAME, credential:NAME, file:PATH."},
    {SECTION_CREDENTIALS, "profile", LIVE, OPT_TEXT, AT(credentials_conf, profile), NULL, NULL, NULL, NULL, NULL,
     "profile, chain: its name in the shared files; default: AWS_PROFILE, else default."},
    {SECTION_CREDENTIALS, "config_file", LIVE, OPT_PATH, AT(credentials_conf, config_file), NULL, NULL, NULL, NULL, NULL,
     "profile, chain: default: AWS_CONFIG_FILE, else ~/.aws/config."},
    {SECTION_CREDENTIALS, "shared_credentials_file", LIVE, OPT_PATH, AT(credentials_conf, shared_credentials_file), NULL, NULL, NULL, NULL, NULL,
     "profile, chain: default: AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials."},
    {SECTION_CREDENTIALS, "command", LIVE, OPT_HIDDEN, AT(credentials_conf, command), NULL, NULL, NULL, NULL, NULL,
     "process: a program that prints credentials as credential_process of the AWS SDKs does; run without a shell."},
    {SECTION_CREDENTIALS, "url", LIVE, OPT_HIDDEN, AT(credentials_conf, url), NULL, NULL, NULL, NULL, NULL,
     "container: where to ask; default: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI. imds: default: http://169.254.169.254."},
    {SECTION_CREDENTIALS, "imds_v1", LIVE, OPT_BOOL, AT(credentials_conf, imds_v1), "no", NULL, NULL, NULL, NULL,
     "imds: ask without a token where the service gives none."},
    {SECTION_CREDENTIALS, "token_file", LIVE, OPT_PATH, AT(credentials_conf, token_file), NULL, NULL, NULL, NULL, NULL,
     "web-identity: the token (default: AWS_WEB_IDENTITY_TOKEN_FILE); container: what Authorization holds. Read at each refresh."},
    {SECTION_CREDENTIALS, "role_arn", LIVE, OPT_TEXT, AT(credentials_conf, role_arn), NULL, NULL, NULL, NULL, NULL,
     "assume-role, web-identity (default: AWS_ROLE_ARN), roles-anywhere: the role."},
    {SECTION_CREDENTIALS, "session_name", LIVE, OPT_TEXT, AT(credentials_conf, session_name), NULL, NULL, NULL, NULL, NULL,
     "The role session's name, as CloudTrail shows it. With {client} in it, {group} (the first of its groups) or {tag.KEY} each client has a session of its own."},
    {SECTION_CREDENTIALS, "source_identity", LIVE, OPT_TEXT, AT(credentials_conf, source_identity), NULL, NULL, NULL, NULL, NULL,
     "assume-role: who it is for, like {client}: CloudTrail shows it with all that the session does, and nothing later can change it. The role must allow sts:SetSourceIdentity."},
    {SECTION_CREDENTIALS, "external_id", LIVE, OPT_TEXT, AT(credentials_conf, external_id), NULL, NULL, NULL, NULL, NULL,
     "assume-role: what the role's owner asks for."},
    {SECTION_CREDENTIALS, "tags", LIVE, OPT_LIST, AT(credentials_conf, tags), NULL, NULL, NULL, NULL, NULL,
     "assume-role: session tags, like team={tag.team}, person={client}. A further line of them begins with a comma."},
    {SECTION_CREDENTIALS, "max_sessions", LIVE, OPT_UINT, AT(credentials_conf, max_sessions), "10000", "1", "1000000", NULL, NULL,
     "Sessions of single clients that are kept at once; beyond, the one that was used longest ago is forgotten."},
    {SECTION_CREDENTIALS, "duration", LIVE, OPT_MS, AT(credentials_conf, duration_ms), "1h", "15m", "12h", NULL, NULL,
     "How long a session lasts; the role may allow less, and a role assumed from another role at most 1h."},
    {SECTION_CREDENTIALS, "source_credentials", LIVE, OPT_CREDENTIALS, AT(credentials_conf, source_credentials), NULL, NULL, NULL, NULL, NULL,
     "assume-role: the [credentials NAME] whose keys ask for the role."},
    {SECTION_CREDENTIALS, "trust_anchor_arn", LIVE, OPT_TEXT, AT(credentials_conf, trust_anchor_arn), NULL, NULL, NULL, NULL, NULL,
     "roles-anywhere: the trust anchor."},
    {SECTION_CREDENTIALS, "profile_arn", LIVE, OPT_TEXT, AT(credentials_conf, profile_arn), NULL, NULL, NULL, NULL, NULL,
     "roles-anywhere: the profile."},
    {SECTION_CREDENTIALS, "certificate", LIVE, OPT_PATH, AT(credentials_conf, certificate), NULL, NULL, NULL, NULL, NULL,
     "roles-anywhere: PEM file, or a PKCS#12 file with certificate, chain and key."},
    {SECTION_CREDENTIALS, "certificate_chain", LIVE, OPT_PATH, AT(credentials_conf, certificate_chain), NULL, NULL, NULL, NULL, NULL,
     "roles-anywhere: PEM file of intermediate authorities."},
    {SECTION_CREDENTIALS, "private_key", LIVE, OPT_TEXT, AT(credentials_conf, private_key), NULL, NULL, NULL, NULL, NULL,
     "roles-anywhere: PEM file, or a pkcs11: URI of a key that stays in its token."},
    {SECTION_CREDENTIALS, "passphrase", LIVE, OPT_SECRET, AT(credentials_conf, passphrase), NULL, NULL, NULL, NULL, NULL,
     "roles-anywhere: of the key or the PKCS#12 file; or env:NAME, credential:NAME, file:PATH."},
    {SECTION_CREDENTIALS, "region", LIVE, OPT_REGION, AT(credentials_conf, region), NULL, NULL, NULL, NULL, NULL,
     "Region of STS; default: AWS_REGION, else AWS_DEFAULT_REGION, else that of the endpoint that uses them. roles-anywhere: that of the trust anchor."},
    {SECTION_CREDENTIALS, "service_url", LIVE, OPT_TEXT, AT(credentials_conf, service_url), NULL, NULL, NULL, NULL, NULL,
     "Where STS or Roles Anywhere is asked; default: https://sts.REGION.amazonaws.com, https://rolesanywhere.REGION.amazonaws.com."},
    {SECTION_CREDENTIALS, "sso_url", LIVE, OPT_TEXT, AT(credentials_conf, sso_url), NULL, NULL, NULL, NULL, NULL,
     "profile, chain: where IAM Identity Center's portal is asked, with a person's token; default: https://portal.sso.REGION.amazonaws.com."},
    {SECTION_CREDENTIALS, "addresses", LIVE, OPT_ADDRESSES, AT(credentials_conf, addresses), NULL, NULL, NULL, NULL, NULL,
     "Private addresses of that service's interface endpoint; nothing else is connected to. Default: what DNS says."},
    {SECTION_CREDENTIALS, "ca_file", LIVE, OPT_PATH, AT(credentials_conf, ca_file), NULL, NULL, NULL, NULL, NULL,
     "Authorities (PEM) that the service's certificate must come from; default: the system's."},
    {SECTION_CREDENTIALS, "http_proxy", LIVE, OPT_BOOL, AT(credentials_conf, http_proxy), "no", NULL, NULL, NULL, NULL,
     "Whether HTTPS_PROXY and NO_PROXY of the environment count."},
    {SECTION_CREDENTIALS, "timeout", LIVE, OPT_MS, AT(credentials_conf, timeout_ms), "5s", "50ms", "5m", NULL, NULL,
     "How long an answer of the source may take."},
    {SECTION_CREDENTIALS, "wait", LIVE, OPT_MS, AT(credentials_conf, wait_timeout_ms), "5s", "0s", "5m", NULL, NULL,
     "How long a request waits for credentials; then it gets 503."},

    {SECTION_CLIENT, "policy", LIVE, OPT_POLICIES, TERMS(own), NULL, NULL, NULL, NULL, "read-only",
     "What the client may do: allow-all, read-only, or the NAME of a [policy NAME]; or several of them. Those of its groups count, too."},
    {SECTION_CLIENT, "groups", LIVE, OPT_GROUPS, TERMS(groups), NULL, NULL, NULL, NULL, NULL,
     "The [group NAME]s that the client is in."},
    {SECTION_CLIENT, "tags.", LIVE, OPT_TAGS, AT(principal_conf, tags), NULL, NULL, NULL, NULL, NULL,
     "What is known of the client, like tags.team = archive: for conditions of policies and for session tags. It goes before the same tag of a group; of groups the first that has it counts."},
    {SECTION_CLIENT, "allow_from", LIVE, OPT_SOURCES, TERMS(allow_from), NULL, NULL, NULL, NULL, NULL,
     "Networks and addresses that the client may come from, like 10.20.0.0/16, 10.1.2.3; default: those of its groups (each group's that has some), else any."},
    {SECTION_CLIENT, "sigv2", LIVE, OPT_ENUM, TERMS(sigv2), "query", NULL, NULL, sigv2_words, NULL,
     "Signature Version 2, which covers no body: query (in URLs only, as `aws s3 presign` makes them), yes, or no."},
    {SECTION_CLIENT, "credentials", LIVE, OPT_CREDENTIALS, TERMS(credentials), NULL, NULL, NULL, NULL, NULL,
     "Sign this client's requests with these [credentials NAME] instead of the endpoint's."},
    {SECTION_CLIENT, "password", LIVE, OPT_SECRET, AT(principal_conf, password), NULL, NULL, NULL, NULL, NULL,
     "Hash of the password for Proxy-Authorization, written by 's3onramp client password'; or pam: PAM checks it, for the user of the client's name, or, as pam:NAME, for that one."},
    {SECTION_CLIENT, "intercept", LIVE, OPT_PATTERNS, TERMS(ways.intercept), NULL, NULL, NULL, NULL, NULL,
     "In place of the listener's `intercept` and `tunnel` once this client's password was seen."},
    {SECTION_CLIENT, "tunnel", LIVE, OPT_PATTERNS, TERMS(ways.tunnel), NULL, NULL, NULL, NULL, NULL,
     "The same; with one of both set, neither of the listener's counts."},
    {SECTION_CLIENT, "parent", LIVE, OPT_PATTERNS, TERMS(parent), NULL, NULL, NULL, NULL, NULL,
     "In place of the listener's `parent` once this client's password was seen."},
    {SECTION_CLIENT, "certificate", LIVE, OPT_TEXT, AT(principal_conf, certificate), NULL, NULL, NULL, NULL, NULL,
     "What the client's TLS certificate says of it, where a listener has client_certificates: email:alice@example.com, upn:, dns: or uri: for a name in its SAN, or subject:CN=alice,O=Example."},
    {SECTION_CLIENT, "access_key_id", LIVE, OPT_KEY_ID, AT(principal_conf, keys[0].access_key_id), NULL, NULL, NULL, NULL, NULL,
     "Local access key; written to the clients file by 's3onramp client add'."},
    {SECTION_CLIENT, "secret_access_key", LIVE, OPT_SECRET, AT(principal_conf, keys[0].secret_access_key), NULL, NULL, NULL, NULL, NULL,
     "Local secret key."},
    {SECTION_CLIENT, "not_before", LIVE, OPT_TIME, AT(principal_conf, keys[0].not_before_s), NULL, NULL, NULL, NULL, NULL,
     "The key pair counts from then on: 2026-12-31T18:00:00Z, or 2026-12-31 for its first moment (UTC)."},
    {SECTION_CLIENT, "not_after", LIVE, OPT_TIME, AT(principal_conf, keys[0].not_after_s), NULL, NULL, NULL, NULL, NULL,
     "The key pair counts until then, written like not_before."},
    {SECTION_CLIENT, "created", LIVE, OPT_TIME, AT(principal_conf, keys[0].created_s), NULL, NULL, NULL, NULL, NULL,
     "When the key pair was made; written by 's3onramp client add' and 'rotate' for 'client list'. Nothing hangs on it."},
    {SECTION_CLIENT, "access_key_id_2", LIVE, OPT_KEY_ID, AT(principal_conf, keys[1].access_key_id), NULL, NULL, NULL, NULL, NULL,
     "A second pair that counts, too: 's3onramp client rotate' puts the old one here, with an end."},
    {SECTION_CLIENT, "secret_access_key_2", LIVE, OPT_SECRET, AT(principal_conf, keys[1].secret_access_key), NULL, NULL, NULL, NULL, NULL,
     "Its secret key."},
    {SECTION_CLIENT, "not_before_2", LIVE, OPT_TIME, AT(principal_conf, keys[1].not_before_s), NULL, NULL, NULL, NULL, NULL,
     "The second pair counts from then on."},
    {SECTION_CLIENT, "not_after_2", LIVE, OPT_TIME, AT(principal_conf, keys[1].not_after_s), NULL, NULL, NULL, NULL, NULL,
     "The second pair counts until then."},
    {SECTION_CLIENT, "created_2", LIVE, OPT_TIME, AT(principal_conf, keys[1].created_s), NULL, NULL, NULL, NULL, NULL,
     "When the second pair was made."},
    {SECTION_CLIENT, "disabled", LIVE, OPT_BOOL, AT(principal_conf, disabled), "no", NULL, NULL, NULL, NULL,
     "yes: keys and password of the client are refused; 's3onramp client disable' and 'enable' write it."},
    {SECTION_CLIENT, "expires", LIVE, OPT_TIME, AT(principal_conf, expires_s), NULL, NULL, NULL, NULL, NULL,
     "From then on keys and password of the client are refused; written like not_before, or by 's3onramp client expire'."},
    LIMITS(SECTION_CLIENT, TERMS(limits), "", "this client"),

    {SECTION_GROUP, "policy", LIVE, OPT_POLICIES, AT(group_conf, policies), NULL, NULL, NULL, NULL, NULL,
     "What its clients may do besides what their own policies say: names as in [client]."},
    {SECTION_GROUP, "tags.", LIVE, OPT_TAGS, AT(group_conf, tags), NULL, NULL, NULL, NULL, NULL,
     "Tags of its clients, like tags.team = archive."},
    {SECTION_GROUP, "allow_from", LIVE, OPT_SOURCES, AT(group_conf, allow_from), NULL, NULL, NULL, NULL, NULL,
     "Networks and addresses that its clients may come from, unless their own section says others."},
    LIMITS(SECTION_GROUP, AT(group_conf, member_limits), "member_", "each of its clients that has no such limit of its own"),
    LIMITS(SECTION_GROUP, AT(group_conf, limits), "", "all its clients together"),

    {SECTION_POLICY, "access", LIVE, OPT_ENUM, AT(policy_conf, access), "read-only", NULL, NULL, accesses, NULL,
     "read-write: objects may be written, copied and deleted, with their tags and retention; admin: buckets, their configuration and policies, and ACLs, too."},
    {SECTION_POLICY, "buckets", LIVE, OPT_LIST, AT(policy_conf, buckets), NULL, NULL, NULL, NULL, NULL,
     "Buckets, with * and ? as wildcards; none: all."},
    {SECTION_POLICY, "list_buckets", LIVE, OPT_BOOL, AT(policy_conf, list_buckets), "yes", NULL, NULL, NULL, NULL,
     "Whether the list of buckets may be read. It shows those that the client may list or has rights to objects in."},
    {SECTION_POLICY, "prefixes", LIVE, OPT_LIST, AT(policy_conf, prefixes), NULL, NULL, NULL, NULL, NULL,
     "Parts of buckets, like reports/2024/*, home/${aws:username}/*: objects in them, and lists of them. With prefixes, only `buckets` that are set are allowed as a whole."},
    {SECTION_POLICY, "document", LIVE, OPT_DOCUMENT, AT(policy_conf, document), NULL, NULL, NULL, NULL, NULL,
     "File with a JSON policy in AWS's language, in place of access, buckets, list_buckets and prefixes."},
    {SECTION_POLICY, "deny", LIVE, OPT_LIST, AT(policy_conf, deny), NULL, NULL, NULL, NULL, NULL,
     "Actions that are refused whatever else allows them, like DeleteObject*, PutObjectAcl."},
    {SECTION_POLICY, "mode", LIVE, OPT_ENUM, AT(policy_conf, mode), "enforce", NULL, NULL, policy_modes, NULL,
     "warn: what this policy would refuse is allowed, and logged; to try a policy before it counts."},
    {SECTION_POLICY, "require", LIVE, OPT_LIST, AT(policy_conf, require_texts), NULL, NULL, NULL, NULL, NULL,
     "What objects must be written with, else the request is refused: encryption=aws:kms, kms_key=ARN, storage_class=STANDARD|STANDARD_IA (one of these), tag.KEY or tag.KEY=VALUE, no_acl."},
    {SECTION_POLICY, "set", LIVE, OPT_LIST, AT(policy_conf, set_texts), NULL, NULL, NULL, NULL, NULL,
     "The same, put into requests that write objects in place of what the client says, and signed; in a tag's value {client} is the client's name."},
    {SECTION_POLICY, "expected_owner", LIVE, OPT_TEXT, AT(policy_conf, expected_owner), NULL, NULL, NULL, NULL, NULL,
     "In place of the endpoint's expected_owner."},

    {SECTION_TUNNEL, "hosts", LIVE, OPT_HOSTS, AT(tunnel_conf, hosts), NULL, NULL, NULL, NULL, NULL,
     "Their names, as clients ask for them: sts.ap-northeast-1.amazonaws.com."},
    {SECTION_TUNNEL, "port", LIVE, OPT_UINT, AT(tunnel_conf, port), "443", "1", "65535", NULL, NULL,
     "Port that clients ask for."},
    {SECTION_TUNNEL, "addresses", LIVE, OPT_ADDRESSES, AT(tunnel_conf, addresses), NULL, NULL, NULL, NULL, NULL,
     "Private addresses that serve them; port 443 if none is written."},
    {SECTION_TUNNEL, "connect_timeout", LIVE, OPT_MS, AT(tunnel_conf, connect_timeout_ms), "3s", "10ms", "10m", NULL, NULL,
     "Try the next address after this time."},

    {SECTION_PARENT, "address", LIVE, OPT_ADDRESSES, AT(tunnel_conf, addresses), NULL, NULL, NULL, NULL, NULL,
     "Private address of the proxy, port 3128 if none is written; where it has several, one after the other is tried."},
    {SECTION_PARENT, "hosts", LIVE, OPT_PATTERNS, AT(tunnel_conf, hosts), "*", NULL, NULL, NULL, NULL,
     "Hosts that it is asked for, with * and ?."},
    {SECTION_PARENT, "ports", LIVE, OPT_LIST, AT(tunnel_conf, ports), "443", NULL, NULL, NULL, NULL,
     "Ports that it is asked for, like 443, 8443, with * and ?."},
    {SECTION_PARENT, "user", LIVE, OPT_TEXT, AT(tunnel_conf, user), NULL, NULL, NULL, NULL, NULL,
     "Name for its Proxy-Authorization (Basic)."},
    {SECTION_PARENT, "password", LIVE, OPT_SECRET, AT(tunnel_conf, password), NULL, NULL, NULL, NULL, NULL,
     "Password for it; or env:NAME, credential:NAME, file:PATH. It goes over the network in the clear, as all of HTTP to a proxy."},
    {SECTION_PARENT, "connect_timeout", LIVE, OPT_MS, AT(tunnel_conf, connect_timeout_ms), "3s", "10ms", "10m", NULL, NULL,
     "Try the next address after this time."},
    {SECTION_PARENT, "answer_timeout", LIVE, OPT_MS, AT(tunnel_conf, answer_timeout_ms), "60s", "10ms", "10m", NULL, NULL,
     "The proxy must say in this time whether it has reached the host."},

    {SECTION_LINE, "bandwidth", LIVE, OPT_RATE, AT(line_conf, bandwidth), NULL, RATE_LEAST, RATE_MOST, NULL, NULL,
     "What passes in a second each way, like 1Gbit: about 90 % of what the line really carries (only content is counted), so that nothing waits in its queues. Clients that want more share it evenly."},
    {SECTION_LINE, "upload_bandwidth", LIVE, OPT_RATE, AT(line_conf, upload_bandwidth), NULL, RATE_LEAST, RATE_MOST, NULL, NULL,
     "The same to S3; default: bandwidth."},
    {SECTION_LINE, "download_bandwidth", LIVE, OPT_RATE, AT(line_conf, download_bandwidth), NULL, RATE_LEAST, RATE_MOST, NULL, NULL,
     "The same from S3; default: bandwidth."},
};
/* clang-format on */

const struct option *config_section_options(enum section_id id, size_t *n)
{
    size_t first = 0;

    while (options[first].section != id)
        first++;
    size_t end = first;
    while (end < ARRAY_LEN(options) && options[end].section == id)
        end++;
    *n = end - first;
    return &options[first];
}

const char *credentials_source_name(enum credentials_source source)
{
    return sources[source];
}
