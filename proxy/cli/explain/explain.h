/* SPDX-License-Identifier: Apache-2.0
 * explain.h: what the files of `s3onramp explain` share. Private to the cli layer. One thread.
 *
 *   explain.c (options, what was asked for) → explain_request.c (a request as if it had come in; the very steps of the
 *   data path) → explain_name.c (target and route) → explain_policy.c (may they) → explain_signature.c (right or wrong)
 *       → explain_canonical.c (two canonical requests side by side)
 *       → explain_guess.c, explain_guess_values.c (usual mistakes) → explain_try.c (which of them it was)
 *   explain_report.c collects what is said, as text and as JSON.
 */
#ifndef S3ONRAMP_CLI_EXPLAIN_H
#define S3ONRAMP_CLI_EXPLAIN_H

#include "aws/sign/sigv2.h"
#include "flow/session.h"
#include "flow/worker.h"

#include <jansson.h>
#include <stdio.h>

/* --- explain_report.c --- */

struct report {
    FILE *out;  /* owned: builds text */
    char *text; /* owned */
    size_t text_n;
    json_t *all;    /* owned: one object */
    bool in_a_list; /* the last row's label stands for the next one of the same list, too */
    const char *last_key;
};

MUST_CHECK bool report_init(struct report *r);
/* Prints it, as text or as JSON, and frees. */
void report_end(struct report *r, bool json);
void report_title(struct report *r, const char *key, struct str text);
/* One row: "label   text" and "key": "text". A text of several lines is indented below its label. Bytes that are no
 * printable UTF-8 are written as \xNN. */
void report_put(struct report *r, const char *key, const char *label, const char *fmt, ...) PRINTF_LIKE(4, 5);
void report_str(struct report *r, const char *key, const char *label, struct str value);
/* The same with another value for programs. */
void report_named(struct report *r, const char *key, const char *label, const char *value, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* One more element of the array "key". */
void report_add(struct report *r, const char *key, const char *label, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same with an object in JSON, taken over; text as given. */
void report_add_object(struct report *r, const char *key, const char *label, json_t *object, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
void report_bool(struct report *r, const char *key, bool value); /* JSON only */
/* @s as it can be shown, NUL-terminated; free it. */
MUST_CHECK char *report_printable(struct str s);

/* --- explain.c --- */

struct explain_wish {
    const char *config, *what, *client, *listener, *method, *region, *bucket_region, *canonical;
    struct netaddr peer; /* of `from` */
    int64_t now_s;       /* Unix time to judge dates by */
    bool json;
};

/* A whole file, or standard input for "-". False: said why. Free *@text. */
MUST_CHECK bool explain_read_file(const char *path, char **text, size_t *n);

/* --- explain_request.c: the data path without sockets --- */

struct rig {
    struct snapshot snapshot; /* settings only */
    struct snapshot_use use;
    struct worker worker;
    struct session session; /* its req is the one request */
};

/* A request head as it would come in. */
struct arrival {
    struct str head; /* whole, lines end in CRLF; borrowed */
    struct str body; /* of a captured request; borrowed */
    struct str host; /* lower case, without port; borrowed */
    unsigned port;   /* 0: not given */
    bool tls;        /* to an S3 name: by way of CONNECT, or redirected TLS */
    const struct listener_conf *listener;
};

/* A captured request: a file that holds it as it was sent, or as `curl -v` wrote it. */
struct capture {
    char *text, *memory; /* owned */
    struct arrival arrival;
};
/* Without its listener. False: said why. Close it in either case. explain.c. */
MUST_CHECK bool capture_open(struct capture *c, struct rig *rig, const char *path);
void capture_close(struct capture *c);

/* @settings: outlive it. NULL: out of memory. */
MUST_CHECK struct rig *rig_new(struct settings *settings);
void rig_free(struct rig **rig);
/* The request as step_read_head would leave it, at @now_s. NULL: @err has what the client would get. Valid until the
 * next call. */
MUST_CHECK struct request *rig_take(struct rig *rig, const struct arrival *a, int64_t now_s, struct err *err);
/* The listener that such a request comes to: the one called @name, or, with NULL, the one that has the host as its own
 * name, else the first proxy, else the first. NULL: said why. */
MUST_CHECK const struct listener_conf *rig_find_listener(struct rig *rig, const struct arrival *a, const char *name);

/* --- explain_name.c --- */

/* What becomes of it, up to the address. @signed_request: captured, so that who calls is judged; else --client says it.
 * *@req: left where it ended, for explain_signature; NULL if it never became one. CLI_FINE, or CLI_PROBLEM if it is
 * refused. */
int explain_route(struct report *r, struct rig *rig, const struct arrival *a, const struct explain_wish *wish,
                  bool signed_request, struct request **req);

/* What the client gets for @req->err, and what can be done. */
void explain_error(struct report *r, const struct request *req, const struct listener_conf *l);

/* --- explain_policy.c --- */

/* The pairs of action and resource that @req asks for, and whether @client (NULL: its caller) may have each. @body: of
 * a captured request. CLI_FINE, or CLI_PROBLEM: it is refused. */
int explain_policy(struct report *r, struct request *req, struct str body, const struct principal_conf *client);

/* --- explain_signature.c --- */

/* Where the proof stands and what it says. Views into the request. */
struct proof {
    enum auth_kind kind; /* AUTH_NONE: there is none */
    struct str access_key, signature;
    struct sigv4_auth v4;
    struct str timestamp; /* yyyymmddThhmmssZ of the request */
    struct str covered;   /* the payload line */
    struct str expires;   /* SigV2 query */
    int64_t signed_s, end_s;
    bool plus_is_plus;                /* the reading of '+' that verified */
    const struct principal_conf *by;  /* whose secret it is judged with */
    const struct principal_key *pair; /* of @by */
    struct str canonical;             /* ours; for SigV2 the string to sign */
};

int explain_signature(struct report *r, struct rig *rig, struct request *req, const struct arrival *a,
                      const struct explain_wish *wish);

/* --- explain_canonical.c --- */

enum { LINES_MOST = 400 };

/* A canonical request (SigV4): method, path, query, headers, an empty line, names of signed headers, payload; or a
 * string to sign (SigV2). Borrows. */
struct lines {
    struct str v[LINES_MOST];
    size_t n;
};
bool lines_split(struct lines *l, struct str text);
/* True if the lines are those of a canonical request; *@headers_end: the empty line. */
bool lines_are_canonical(const struct lines *l, size_t *headers_end);
/* Finds the canonical request (or, with @sigv2, the string to sign) in a file: in S3's error document, in a debug log,
 * or alone. In @arena; {NULL,0} if there is none. */
MUST_CHECK struct str canonical_in(struct str file, bool sigv2, struct arena *arena);
/* "path", "header host", … of line @i. Static or in @buf. */
const char *line_name(const struct lines *l, size_t i, bool sigv2, char buf[80]);

struct guesses;
/* Says line by line where @theirs differs, and why that usually happens. Returns how many lines do. */
size_t explain_differences(struct report *r, const struct lines *ours, const struct lines *theirs, bool sigv2,
                           const struct guesses *guesses);

/* --- explain_guess.c, explain_guess_values.c: usual mistakes --- */

enum guess_kind {
    GUESS_LINE,       /* another text in a line of the canonical request */
    GUESS_REGION,     /* another Region in scope and key */
    GUESS_KEY_REGION, /* … in the key alone */
    GUESS_SERVICE,
    GUESS_KEY_SERVICE,
    GUESS_DAY, /* in the key alone */
    GUESS_TIMESTAMP,
    GUESS_SECRET,
};

struct guess {
    enum guess_kind kind;
    size_t line;
    struct str text;      /* what the client would have signed; a secret for GUESS_SECRET, never shown */
    const char *sentence; /* "The client …": why that happens; static */
    const char *name;     /* of a header, parameter or client it is about, or NULL; borrowed */
};

enum { GUESSES_MOST = 2048 };

struct guesses {
    struct guess v[GUESSES_MOST];
    size_t n;
    struct arena *arena;
    const struct lines *base;
    char *secrets[4]; /* owned: GUESS_SECRET texts that stand nowhere else; wiped */
    size_t secrets_n;
};

/* One more, unless it changes nothing. */
void guess_add(struct guesses *g, size_t line, struct str text, const char *sentence, const char *name);
void guess_add_kind(struct guesses *g, enum guess_kind kind, struct str text, const char *sentence, const char *name);
/* All that apply to @req. @arena: for their texts. */
void guesses_fill(struct guesses *g, const struct request *req, const struct proof *proof, const struct lines *base,
                  struct str body, struct arena *arena);
void guesses_clear(struct guesses *g);
/* explain_guess_values.c: headers, payload, scope and secret. */
void guess_headers(struct guesses *g, const struct request *req, size_t headers_end);
void guess_payload(struct guesses *g, const struct request *req, struct str body);
void guess_keys(struct guesses *g, const struct request *req, const struct proof *proof);

/* --- explain_try.c --- */

/* The one or two mistakes that make the signature right: how many, in @found. 0: none does. *@thorough: all pairs were
 * tried. */
size_t guesses_try(const struct guesses *g, struct digest *d, const struct proof *proof, const struct guess *found[2],
                   bool *thorough);
/* True if @canonical is what the client signed. */
bool proof_fits(struct digest *d, const struct proof *proof, struct str canonical);

#endif
