/* SPDX-License-Identifier: Apache-2.0
 * config.h: the settings of the program, read from an INI file by one table of options (proxy/config/config_options.h).
 * Settings are built by one thread and immutable and shared afterwards: counted by settings_ref/unref (atomic).
 */
#ifndef S3ONRAMP_CONFIG_CONFIG_H
#define S3ONRAMP_CONFIG_CONFIG_H

#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/netaddr.h"
#include "base/str.h"
#include "policy/policy.h"
#include "policy/properties.h"

#include <stdatomic.h>
#include <stdio.h>

enum listener_mode { LISTENER_FORWARD, LISTENER_ENDPOINT, LISTENER_REDIRECT };
enum listener_tls { LISTENER_PLAIN, LISTENER_TLS, LISTENER_SNIFF }; /* SNIFF: TLS if the first byte is 0x16 */
enum trailers_mode { TRAILERS_PASS, TRAILERS_DECODE };
enum credentials_source {
    CREDENTIALS_STATIC,
    CREDENTIALS_ENVIRONMENT,
    CREDENTIALS_PROFILE,
    CREDENTIALS_PROCESS,
    CREDENTIALS_CONTAINER,
    CREDENTIALS_IMDS,
    CREDENTIALS_ASSUME_ROLE,
    CREDENTIALS_WEB_IDENTITY,
    CREDENTIALS_ROLES_ANYWHERE,
    CREDENTIALS_CHAIN,
    CREDENTIALS_NONE, /* requests leave unsigned */
    CREDENTIALS_SOURCES_N,
};
const char *credentials_source_name(enum credentials_source source); /* as in the file: "assume-role" */
enum sigv2_mode { SIGV2_QUERY, SIGV2_YES, SIGV2_NO };
enum foreign_mode { FOREIGN_REFUSE, FOREIGN_PASS };
enum web_pages_mode { WEB_PAGES_REFUSE, WEB_PAGES_ALLOW };
enum plus_mode { PLUS_BLANK, PLUS_PLUS };
enum payload_out { PAYLOAD_OUT_AUTO, PAYLOAD_OUT_SIGNED };
struct credentials_conf;
struct endpoint_conf;
struct group_conf;
struct line_conf;
struct policy_conf;
struct principal_conf;
/* How an address is tried from time to time; each includes those before it. */
enum probe_kind { PROBE_TCP, PROBE_TLS, PROBE_HTTP };
enum client_certificates { CLIENT_CERTIFICATES_OFF, CLIENT_CERTIFICATES_OPTIONAL, CLIENT_CERTIFICATES_REQUIRED };
enum proxy_auth_mode { PROXY_AUTH_NO, PROXY_AUTH_OPTIONAL, PROXY_AUTH_REQUIRED };

/* Where a section stands; for messages. */
struct config_place {
    const char *file; /* borrowed: owned by struct settings */
    int line;
};

/* How much somebody may do; 0: as much as they like. What is over a rate waits for its turn; what is over a number is
 * refused. */
struct limits_conf {
    uint64_t max_requests;               /* at once; a tunnel is one */
    uint64_t request_rate;               /* that begin in a second */
    uint64_t upload_rate, download_rate; /* content, bytes a second */
};

static inline bool limits_any(const struct limits_conf *l)
{
    return l->max_requests || l->request_rate || l->upload_rate || l->download_rate;
}

struct server_conf {
    size_t workers;                    /* 0: one per CPU, at most 8 */
    size_t max_connections;            /* client connections of all workers */
    size_t max_connections_per_source; /* 0: half of them */
    uint64_t tls_rate_per_source;      /* TLS handshakes a second; 0: no limit */
    struct limits_conf client_limits;  /* of each client for which nothing else is said */
    char *clients_file; /* key pairs made by `s3onramp client add`; path, relative to the configuration file */
    uint64_t header_timeout_ms, idle_timeout_ms, body_timeout_ms, tls_timeout_ms, shutdown_timeout_ms, drain_delay_ms,
        upgrade_timeout_ms, upgrade_ready_timeout_ms;
    uint64_t tunnel_idle_timeout_ms, pause_timeout_ms, request_timeout_ms;
    uint64_t min_rate;                 /* bytes a second; 0: none */
    unsigned sandbox;                  /* 1: on */
    struct netblock *private_networks; /* further networks that count as private */
    size_t private_networks_n;
};

/* What becomes of a host that a client of a proxy asks for: patterns with '*' and '?', in lower case. */
struct ways_conf {
    struct str_list tunnel;    /* bytes pass untouched; looked at first */
    struct str_list intercept; /* TLS ends here, requests are signed anew; S3 names only */
};

struct listener_conf {
    char *name;
    struct config_place place;
    uint32_t id;               /* of the standing thing (flow/standing.h); 0: these settings are in no snapshot */
    struct limits_conf limits; /* of all that comes in here together */
    enum listener_mode mode;
    struct netaddr *bind;
    size_t bind_n;
    enum listener_tls tls;
    char *certificate, *private_key; /* PEM files for TLS; NULL: minted from the local CA */
    enum client_certificates client_certificates;
    char *client_ca,
        *client_crl;           /* PEM files: whose certificates of clients are believed, and which of them not; NULL */
    struct str_list names;     /* own host names of an endpoint listener; bucket.NAME is host style */
    bool names_default;        /* they are this machine's: nobody wrote them */
    enum foreign_mode foreign; /* requests signed with a key that no client has */
    const struct principal_conf *anonymous; /* who unsigned requests count as, or NULL: refused */
    enum web_pages_mode web_pages;          /* unsigned requests that pages of other origins send */
    char *health;                           /* path that is answered without S3, or NULL: none */
    const struct endpoint_conf *endpoint;   /* for own names, or NULL: by Region of the signature, else the default */
    bool proxy_protocol;                    /* connections begin with a header that says where they come from */
    struct netblock *trusted_proxies;       /* whose header is believed; all others are turned away */
    size_t trusted_proxies_n;
    enum proxy_auth_mode proxy_auth; /* Proxy-Authorization; forward listeners only */
    bool proxy_auth_plain;           /* passwords are taken without TLS from others than loopback, too */
    struct ways_conf ways;           /* of forward and redirect listeners */
    struct str_list parent;          /* patterns of hosts that go on to a [parent]; forward listeners only */
    bool transparent;                /* redirect: IP_TRANSPARENT, for TPROXY */
};

/* What endpoints share on their way to AWS. Bytes of content a second; 0: not set. */
struct line_conf {
    char *name;
    struct config_place place;
    uint32_t id;        /* standing */
    uint64_t bandwidth; /* each way, where nothing else is said for it */
    uint64_t upload_bandwidth, download_bandwidth;
};

/* Private hosts besides S3 that clients may be tunnelled to; or the site's own proxy, which is asked for all others. */
struct tunnel_conf {
    char *name;
    struct config_place place;
    struct str_list hosts; /* exact names; of a parent patterns */
    uint64_t port;         /* that clients ask for */
    struct netaddr *addresses;
    size_t addresses_n;
    uint64_t connect_timeout_ms;
    /* Of [parent NAME] only: */
    bool is_parent;
    struct str_list ports; /* that clients may ask for, in place of port: numbers with '*' and '?' */
    char *user, *password; /* for its Proxy-Authorization (Basic); both or none. The password is secret */
    uint64_t answer_timeout_ms;
};

struct endpoint_conf {
    char *name; /* section */
    struct config_place place;
    uint32_t id;     /* standing */
    char *vpce_name; /* key `name`: endpoint-specific name, or NULL */
    char *region;
    char *suffix; /* DNS suffix of the partition; derived */
    bool fips;    /* derived from the endpoint-specific name */
    char *host;   /* the S3 name that the endpoint serves; default s3.REGION.SUFFIX (s3-fips.… if fips) */
    char *sni;    /* TLS server name and certificate name; default: host */
    struct netaddr *addresses; /* written down; none with dns */
    size_t addresses_n;
    struct str_list address_zones; /* one per address: its zone, or "" */
    struct str_list zones;         /* zones whose own names are looked up too */
    char *prefer_zone;             /* NULL: all zones alike */
    bool dns;                      /* addresses come from DNS … */
    char *dns_name;                /* … under this name; derived */
    uint64_t port;                 /* of addresses from DNS; derived */
    struct netaddr *resolvers;     /* none: those of the system */
    size_t resolvers_n;
    char *ca_file; /* NULL: the system's */
    enum trailers_mode trailers;
    enum plus_mode plus;      /* a raw '+' in a path, where no signature says how it is meant */
    enum payload_out payload; /* SIGNED: no unsigned payload leaves, whatever came in */
    const struct credentials_conf *credentials;
    struct str_list also_regions; /* other Regions whose names are sent here */
    bool is_default;
    uint64_t connect_timeout_ms, response_timeout_ms, idle_timeout_ms;
    uint64_t max_idle; /* idle connections kept per address and worker */
    uint64_t dead_timeout_ms;
    enum probe_kind probe;
    uint64_t probe_interval_ms, probe_timeout_ms, fall, rise, slow_start_ms;
    uint64_t max_connections; /* per address, in use by requests; 0: no limit */
    uint64_t max_queue, queue_timeout_ms;
    uint64_t max_retries;         /* per request, after it was sent */
    const struct line_conf *line; /* NULL: none */
    char *expected_owner;         /* account of all buckets, 12 digits, or NULL */
};

/* Which keys belong to which source: config_credentials.c. What is not set is NULL. */
struct credentials_conf {
    char *name;
    struct config_place place;
    uint32_t id; /* standing */
    enum credentials_source source;
    /* static. Secrets: wiped by settings_unref. Each may be "file:PATH" (read by the source, again when the file
     * changes); env:NAME and credential:NAME are replaced while reading. environment: the source reads it itself */
    char *access_key_id, *secret_access_key, *session_token;
    /* profile, chain */
    char *profile;                 /* NULL: AWS_PROFILE, else "default" */
    char *config_file;             /* NULL: AWS_CONFIG_FILE, else ~/.aws/config */
    char *shared_credentials_file; /* NULL: AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials */
    char *command;                 /* process: split like a shell, run without one; may hold a secret */
    char *url; /* may hold a secret; container: full URI; imds: http://HOST[:PORT]; NULL: as the environment and AWS say
                */
    bool imds_v1;     /* imds: version 1 is asked when version 2 is not there */
    char *token_file; /* web-identity: the token; container: what goes into Authorization; read at each refresh */
    /* assume-role, web-identity, roles-anywhere */
    char *role_arn; /* web-identity: else AWS_ROLE_ARN; derived. session_name, token_file: the same */
    /* The next three may hold words in braces: config/session_words.h */
    char *session_name;                                /* RoleSessionName */
    char *source_identity;                             /* assume-role */
    struct str_list tags;                              /* assume-role: session tags "Key=value" */
    char *external_id;                                 /* assume-role */
    uint64_t duration_ms;                              /* 15 minutes to 12 hours */
    const struct credentials_conf *source_credentials; /* assume-role: signed with these; NULL: other sources */
    bool per_client;       /* such words stand here or in source_credentials: each client has its own session */
    uint64_t max_sessions; /* of clients that are kept */
    /* roles-anywhere */
    char *trust_anchor_arn, *profile_arn;
    char *certificate;       /* PEM; with a PKCS#12 file the key and the chain come from there, too */
    char *certificate_chain; /* PEM: intermediates */
    char *private_key;       /* PEM file, or a pkcs11: URI (RFC 7512) */
    char *passphrase;        /* secret, of key or PKCS#12 file */
    /* where they ask: STS, Roles Anywhere */
    char *region;      /* AWS_REGION, AWS_DEFAULT_REGION, that of the first endpoint that uses them; roles-anywhere:
                        * that of the trust anchor; derived. NULL: profile and chain, if there is none */
    char *service_url; /* https://HOST[:PORT]; derived: https://sts.REGION.SUFFIX; NULL: profile and chain */
    char *sso_url;     /* profile, chain: of the portal, which gets a person's token; https://HOST[:PORT] or NULL */
    struct netaddr *addresses; /* of that service, not of the portal: connect there and nowhere else; none: DNS */
    size_t addresses_n;
    char *ca_file;            /* NULL: the system's */
    bool http_proxy;          /* HTTPS_PROXY, HTTP_PROXY, NO_PROXY of the environment count */
    uint64_t timeout_ms;      /* for each answer */
    uint64_t wait_timeout_ms; /* how long requests wait for credentials */
};

/* A local key pair, and when it counts. */
struct principal_key {
    char *access_key_id, *secret_access_key; /* both NULL: there is no pair */
    int64_t not_before_s, not_after_s;       /* Unix seconds; 0: always has, always will */
    int64_t created_s;                       /* when it was made; 0: nobody knows. For people: nothing hangs on it */
};

enum { PRINCIPAL_LIMITING_GROUPS = 8 }; /* of a client, at most, whose members are limited together */
enum { PRINCIPAL_KEYS = 2 };            /* so that a new pair can be brought out while the old one still counts */

/* KEY = value of tags.KEY. */
struct tag_conf {
    struct str key, value;
};

struct tag_list {
    size_t n;
    struct tag_conf v[];
};

struct policy_list {
    const struct policy_conf **v;
    size_t n;
};

struct group_list {
    const struct group_conf **v;
    size_t n;
};

/* What many clients have in common: kept once for all whose sections say the same of it, so that 100,000 clients of
 * 1,000 groups take little room. */
struct principal_terms {
    struct policy_list own;   /* that the section itself names */
    struct group_list groups; /* in the order they are named in */
    struct netblock *allow_from;
    size_t allow_from_n;    /* see principal_may_come_from */
    struct ways_conf ways;  /* in place of the listener's for this client, once its password was seen; empty: the
                             * listener's */
    struct str_list parent; /* likewise in place of the listener's; empty: the listener's */
    enum sigv2_mode sigv2;  /* where Signature Version 2 is taken; QUERY: in URLs only */
    const struct credentials_conf *credentials; /* NULL: the endpoint's */
    struct limits_conf limits;                  /* of its own */
    struct limits_conf each; /* that count: its own, else the least of its groups' members', else the server's */
    bool limited;            /* by them, or by what its groups may together */
    /* All that count: its own, then those of its groups in their order, each once; the compiled ones beside them. */
    const struct policy_conf *const *policies;
    const struct policy *const *compiled;
    size_t policies_n;
};

struct principal_conf {
    char *name;
    struct config_place place;
    uint32_t id;                               /* standing */
    bool disabled;                             /* nothing of the client counts */
    struct principal_key keys[PRINCIPAL_KEYS]; /* the newer one first; none: it comes by password or anonymously only */
    char *password;                            /* for Proxy-Authorization: a crypt(3) hash, or see
                                                * principal_pam_user; or NULL */
    int64_t expires_s;                         /* Unix seconds; nothing of the client counts from then on; 0: never */
    char *certificate;                         /* what its TLS certificate says of it, "email:a@b"; NULL: none */
    const struct tag_list *tags;               /* its own; NULL: none. See principal_tag */
    const struct principal_terms *terms;       /* shared, never NULL */
};

/* What its members have besides their own. */
struct group_conf {
    char *name;
    struct config_place place;
    uint32_t id; /* standing */
    struct policy_list policies;
    const struct tag_list *tags; /* NULL: none */
    struct netblock *allow_from;
    size_t allow_from_n;
    struct limits_conf limits, member_limits; /* of all together, and of each of them */
};

struct policy_conf {
    char *name; /* "allow-all" and "read-only" exist without a section */
    struct config_place place;
    enum policy_access access;
    struct str_list buckets; /* patterns with '*' and '?'; empty: all */
    bool list_buckets;       /* ListBuckets is allowed; it shows what the client may list */
    char *document; /* path of a JSON document in place of access, buckets, list_buckets and prefixes; or NULL */
    struct str document_text; /* what it held when the configuration was read; .p NULL: nothing */
    struct str_list prefixes; /* BUCKET/KEY, patterns both */
    struct str_list deny;     /* names of actions, with '*' and '?' */
    enum policy_mode mode;
    struct policy *compiled;                  /* owned: of the above */
    struct str_list require_texts, set_texts; /* as written */
    struct properties require, set;           /* owned: of these */
    char *expected_owner;                     /* in place of the endpoint's, or NULL */
};

struct ca_conf {
    char *certificate, *private_key;
    uint64_t leaf_days;
    char *crl; /* where leaves say that the revocation list is, or NULL */
};

struct admin_conf {
    char *socket; /* path of the Unix socket, or "off" */
    bool is_default;
    uint64_t client_metrics;  /* clients, and groups, with families of their own in metrics; 0: none */
    uint64_t traffic_metrics; /* combinations of client, bucket and zone whose traffic is in metrics; 0: none */
    struct netaddr *listen;   /* where HTTP is spoken; none: nowhere */
    size_t listen_n;
    bool tls;
    char *certificate, *private_key; /* PEM files for TLS; NULL: minted from the local CA */
    char *token;                     /* secret, that who asks must show, or NULL */
    struct str_list names;           /* under which it is asked, besides localhost and its addresses */
    bool names_default;              /* they are this machine's: nobody wrote them */
};

/* [auth pam] */
struct pam_conf {
    char *service;
    char *folder; /* of its file; NULL: the system's */
    uint64_t timeout_ms, remember_ms;
};

enum access_format { ACCESS_FORMAT_TEXT, ACCESS_FORMAT_JSON, ACCESS_FORMAT_S3 };

/* Places of lines: config/log_place.h; never NULL. */
struct log_conf {
    enum log_level level;
    enum log_format format;
    char *to; /* never "off" */
    char *access;
    enum access_format access_format; /* default: as format */
    size_t buffer_kib;
    bool make_traceparent;    /* for requests that have no valid one */
    bool request_id_upstream; /* in User-Agent */
};

struct cost_conf {
    char *prices;              /* path (config/prices.h), or NULL: traffic is counted, and has no price */
    char *state;               /* folder for what was counted, or "off" */
    bool is_default;           /* nobody wrote `state`: it may be missing */
    uint64_t save_interval_ms; /* how often it is written */
    uint64_t zone_bandwidth;   /* bytes a second that a zone of an endpoint bears; 0: nobody is warned */
};

enum audit_requests { AUDIT_ALL, AUDIT_WRITES, AUDIT_REFUSED };

struct audit_conf {
    char *to; /* a place, as in struct log_conf */
    enum audit_requests requests;
    bool required; /* no request is served whose line cannot be kept */
};

/* What works, but is hardly meant or will not work for long. */
struct config_warning {
    struct config_place place;
    char *text; /* owned */
};

struct settings {
    _Atomic unsigned refs;
    char *file;               /* path it was read from */
    const char *clients_from; /* the clients file that was read; NULL: there is none. In impl */
    struct server_conf server;
    struct ca_conf ca;
    struct log_conf log;
    struct audit_conf audit;
    struct admin_conf admin;
    struct pam_conf pam;
    struct cost_conf cost;
    struct str_list secret_variables; /* of the environment, that hold secrets of some section: no helper gets them */
    struct listener_conf *listeners;
    size_t listeners_n;
    struct endpoint_conf *endpoints;
    size_t endpoints_n;
    struct credentials_conf *credentials;
    size_t credentials_n;
    struct principal_conf *clients;
    size_t clients_n;
    struct group_conf *groups;
    size_t groups_n;
    struct policy_conf *policies;
    size_t policies_n;
    struct tunnel_conf *tunnels;
    size_t tunnels_n;
    struct tunnel_conf *parents;
    size_t parents_n;
    struct line_conf *lines;
    size_t lines_n;
    struct map clients_by_key;         /* access key → struct principal_key */
    struct map clients_by_certificate; /* principal_conf.certificate → struct principal_conf */
    struct config_warning *warnings;   /* owned; in the order they were found */
    size_t warnings_n;
    void *impl; /* owned by config.c: all texts, and where each value came from */
};

/* Problems are written to @problems, one line each: "FILE:LINE: what is wrong; what to write instead". */
/* Reads @path and its clients file and checks everything that can be checked without starting: all problems in one run.
 * Returns counted settings, or NULL if there was a problem. */
MUST_CHECK struct settings *config_load(const char *path, FILE *problems);
/* The same without judging whether things fit together: values are right, but sections that are named need not exist,
 * keys and addresses may be missing, what is named and not there is NULL, and lookups by key find nothing; a secret
 * from an environment variable that is not set here stays "env:NAME"; the clients file may be missing. For commands
 * that help to complete a configuration. */
MUST_CHECK struct settings *config_read(const char *path, FILE *problems);
/* As config_load, with @clients in place of what the clients file holds: how it would be. */
MUST_CHECK struct settings *config_load_with_clients(const char *path, struct str clients, FILE *problems);
/* As config_load and config_read, for commands that need no client: the clients file is left alone (it holds secrets,
 * and not everybody who may read the configuration may read it), and nothing that clients are named for is judged. */
MUST_CHECK struct settings *config_load_without_clients(const char *path, FILE *problems);
MUST_CHECK struct settings *config_read_without_clients(const char *path, FILE *problems);
/* What [client NAME] may be called: as IAM users. */
#define CLIENT_NAME_GRAMMAR "letters, digits, '+', '=', ',', '.', '@', '_' and '-'"
enum { CLIENT_NAME_MOST = 64 };
size_t config_client_name_span(struct str name); /* how many bytes at its beginning may be in a name */
bool config_client_name_valid(struct str name);
/* What a machine that calls itself @hostname is called by clients: so, and by its first label; in lower case. Adds none
 * that is no host name, or that S3's own names could be mistaken for. */
void config_machine_names(const char *hostname, struct str_list *names);
/* The path of the clients file that @path names, a heap string, whatever else is wrong with @path; NULL: it cannot be
 * opened, said to @problems. */
MUST_CHECK char *config_clients_path(const char *path, FILE *problems);
/* What @path says of [admin] socket, or the default: a heap string, whatever else is wrong with @path; NULL: it cannot
 * be opened. */
MUST_CHECK char *config_admin_socket(const char *path);
/* As config_load, from @in, called @name in messages; without a clients file. */
MUST_CHECK struct settings *config_load_stream(FILE *in, const char *name, FILE *problems);
/* What is written for @key in the section that became @item, or NULL: nothing is. */
const char *settings_text(const struct settings *s, const void *item, const char *key);
/* Where @key is written in the section that became @item (&s->ca, &s->endpoints[0], …), else where that stands. */
struct config_place settings_place(const struct settings *s, const void *item, const char *key);
enum { CONFIG_PLACE_TEXT = 4096 + 16 };
/* "FILE:LINE", or "FILE" for line 0. Returns @out. */
const char *config_place_text(struct config_place place, char out[CONFIG_PLACE_TEXT]);
enum { CONFIG_TIME_TEXT = 32 };
/* Unix seconds as a time is written in the file: "2026-12-31T18:00:00Z". Returns @out. */
const char *config_time_text(int64_t s, char out[CONFIG_TIME_TEXT]);
/* The other way; a day, "2026-12-31", stands for its first moment. */
MUST_CHECK bool config_parse_time(struct str text, int64_t *s);
/* What is wrong with a tag's key or value, and what to write instead; NULL: nothing. */
const char *config_tag_fault(struct str key, struct str value);
/* Adds a warning: `check` prints it, `serve` logs it. Only before @s is shared. */
void settings_warn(struct settings *s, struct config_place place, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Every option in force and where it came from (file:line, or "default"); secrets as "********". */
void config_print(const struct settings *s, FILE *out);
/* A commented s3onramp.ini made from the option table. */
void config_print_example(FILE *out);

struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings **s); /* the last one wipes and frees */

/* NULL if unknown. As fast with 100,000 clients as with one; the comparison is not of a secret. *@key: the pair. */
const struct principal_conf *settings_client_by_key(const struct settings *s, struct str access_key_id,
                                                    const struct principal_key **key);
/* Why @client, and the pair @key of it (NULL: it did not sign), do not count at @now_s: words after "client NAME", like
 * "is disabled"; NULL: they do. */
const char *principal_why_not(const struct principal_conf *client, const struct principal_key *key, int64_t now_s);
/* The user whose password PAM is to check for @client; NULL: it has none, or a hash. */
const char *principal_pam_user(const struct principal_conf *client);
/* Whose certificate says that; NULL if nobody's. */
const struct principal_conf *settings_client_by_certificate(const struct settings *s, struct str name);
/* May @client come from there? Its own `allow_from` says so; without one each of its groups' that have one must. */
bool principal_may_come_from(const struct principal_conf *client, const struct netaddr *from);
/* What tags.@key (in any case) says of @client: in its own section, else in the first of its groups that has it. Empty:
 * nothing does; a tag that is there is never empty. */
struct str principal_tag(const struct principal_conf *client, struct str key);
enum { POLICY_NAMES_TEXT = 256 };
/* The policies that count for @client, "a, b"; many are cut. Returns @out. */
const char *principal_policy_names(const struct principal_conf *client, char out[POLICY_NAMES_TEXT]);
/* By the section's name; NULL if unknown. */
const struct principal_conf *settings_client_by_name(const struct settings *s, struct str name);
/* The [tunnel] section that lists @host (lower case), or NULL. */
const struct tunnel_conf *settings_tunnel_for_host(const struct settings *s, struct str host);
/* The first [parent] section that serves @host (lower case), or NULL. Nobody's where S3's names are: those of AWS and
 * of endpoints, with all below, and endpoints' addresses; nor where an address is the parent's own machine or link. */
const struct tunnel_conf *settings_parent_for_host(const struct settings *s, struct str host);
/* True if @host (lower case) matches one of the patterns. */
bool str_list_matches(const struct str_list *patterns, struct str host);
/* True if TLS of some host ends here: "none" is no host of S3's. */
bool ways_intercept(const struct ways_conf *ways);
/* True if some listener, or [admin], shows certificates that the local authority makes. */
bool settings_need_ca(const struct settings *s);
/* Endpoint that serves @region (its own, or one of also_regions), or NULL. */
const struct endpoint_conf *settings_endpoint_for_region(const struct settings *s, struct str region);
/* Never a target, whatever private_networks says: unspecified, link-local (with the metadata service), multicast,
 * broadcast. */
bool settings_address_is_never(const struct netaddr *a);
/* May requests go to @a: is it private or in private_networks, and neither link-local, metadata nor multicast? */
bool settings_address_allowed(const struct server_conf *server, const struct netaddr *a);
/* @zone as it is compared and shown: without @region in front ("ap-northeast-1a" and "a" are one). */
struct str settings_zone_short(struct str zone, struct str region);
/* The one marked default, else the only one, else the first. */
const struct endpoint_conf *settings_default_endpoint(const struct settings *s);

#endif
