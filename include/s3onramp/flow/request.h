/* SPDX-License-Identifier: Apache-2.0
 * request.h: one request from its first byte to its access line. Lives in a struct session, on its worker's thread.
 *
 *   read_head → check_user → find_target → check_caller → check_policy → choose_route → sign → send → relay
 *   request.c   proxy_auth.c router.c  │   auth.c         policy_step.c  router.c  ▲    sign.c upstream.c ⇅ relay.c
 *                                      │                                         └──────┴────── judge_answer
 *                                      │                       once more, here or elsewhere     judge_answer.c
 *                                      ├── the listener's own ──▶ own_page   own_pages.c
 *                                      └── a tunnel ────────────▶ tunnel     tunnel.c, tunnel_relay.c
 *   in check_policy: what policies add and want (require.c)
 *   before sign and tunnel: audit (audit.c: the room of its line), admit (admit.c: limits)
 *   relay, own_page, tunnel, and any step that fails ──▶ finish   request.c
 *
 * A step reads what earlier steps filled in and fills in its own fields. What came in is never changed; what goes out
 * is built in sign.c.
 */
#ifndef S3ONRAMP_FLOW_REQUEST_H
#define S3ONRAMP_FLOW_REQUEST_H

#include "aws/s3/operation.h"
#include "aws/s3/s3_error.h"
#include "aws/s3/target.h"
#include "aws/sign/sigv4.h"
#include "flow/body/filter.h"
#include "flow/body/framer.h"
#include "flow/body/progress.h"
#include "flow/passwords.h"
#include "flow/upstream/keyring.h"
#include "flow/upstream/pool.h"
#include "http/body.h"
#include "policy/asked.h"

/* clang-format off */
#define REQUEST_STEPS(X) \
    X(read_head) X(check_user) X(find_target) X(check_caller) X(check_policy) X(choose_route) X(audit) X(admit) X(sign) \
    X(send) X(relay) X(judge_answer) X(own_page) X(tunnel) X(finish)
/* clang-format on */

enum request_step {
#define X(name) STEP_##name,
    REQUEST_STEPS(X)
#undef X
};

enum step_result {
    STEP_NEXT, /* the one below it in REQUEST_STEPS */
    STEP_GOTO, /* the one that request_goto named */
    STEP_WAIT, /* an event calls request_run again */
    STEP_FAIL, /* req->err says why */
    STEP_OVER, /* the request ended; the client may start the next one or is gone */
};

/* How far each half of the exchange with the endpoint is: they run at once (exchange.h). */
enum send_state { SEND_NONE, SEND_HEAD, SEND_BODY, SEND_DONE, SEND_STOPPED };
enum answer_state { ANSWER_HEAD, ANSWER_DOCUMENT, ANSWER_BODY, ANSWER_DONE };

/* How a caller proved who it is. */
enum auth_kind {
    AUTH_NONE,
    AUTH_ANONYMOUS,
    AUTH_SIGV4_HEADER,
    AUTH_SIGV4_QUERY,
    AUTH_SIGV2_HEADER,
    AUTH_SIGV2_QUERY,
    AUTH_FORM,
    AUTH_FOREIGN,
    AUTH_PASSWORD,
    AUTH_CERTIFICATE,
    AUTH_PREFLIGHT, /* of CORS: unsigned, nobody's */
};

/* What becomes of the body on its way. */
enum body_out {
    OUT_AS_IT_IS,         /* the client's content */
    OUT_PASSED,           /* aws-chunked framing as it came, checked */
    OUT_UNSIGNED_TRAILER, /* aws-chunked framing of our own … */
    OUT_SIGNED,
    OUT_SIGNED_TRAILER,
};

enum { REQUEST_ID_BYTES = 16, REQUEST_MAX_QUERY = 128, REQUEST_ERROR_FIELDS = 6, REQUEST_S3_ERROR = 64 };
enum { REQUEST_TURN_BYTES = 1024 * 1024 }; /* moved at once; then others have a turn */

struct bucket_list;
struct admission;
struct form;
struct property_values;
struct session;
struct tunnel;
struct worker;

struct request {
    struct session *session; /* borrowed: contains this */
    struct worker *worker;   /* borrowed */
    struct loop_task *wake;  /* borrowed: runs the session; for whatever the request waits for */
    enum request_step step, failed_at;
    struct arena arena; /* everything below that is a view lives here, or in settings */
    char id[REQUEST_ID_BYTES + 1];
    int64_t started_us; /* monotonic: first byte of the head */
    int64_t started_wall_us;
    struct progress progress;
    struct err err;
    struct str told; /* what the client reads of err; empty: its row's sentence, or the detail */
    struct s3_error_field error_fields[REQUEST_ERROR_FIELDS];
    size_t error_fields_n;
    size_t audit_room;        /* kept for its audit line */
    struct upconn *up;        /* owned while the exchange with the endpoint lasts */
    struct tunnel *tunnel;    /* owned; NULL: none */
    struct admission *limits; /* in arena: what counts for it (flow/admit.h); NULL: nothing */

    /* What came in, never changed: by read_head … */
    struct {
        struct head_scan scan;
        struct head_request *head; /* in arena */
        struct head_glance seen;   /* in arena: without `head`, what the head seems to ask for */
        struct uri uri;
        struct body body;       /* framing of the client's body */
        struct filter *filters; /* in arena: what it passes through, from where it is planned on; NULL: nothing */

        /* … and by find_target */
        struct str authority; /* host[:port] as the client writes it: what it signs. Empty: HTTP/1.0 without */
        struct str host;      /* the same in lower case, without port: what everything is decided by */
        struct s3_host s3;
        bool own_name;   /* Host is a name or address of the listener, not an S3 name */
        struct str path; /* decoded */
        struct query_param *query;
        size_t query_n;
        struct str bucket, key; /* decoded; for access points the bucket is "<name>-<account>" */
        bool host_style;
        const struct operation *operation;
    } in;

    /* Whose it is and how they proved it: by check_user … */
    struct {
        const struct principal_conf
            *user;                /* proven by Proxy-Authorization or a certificate, here or at the CONNECT around */
        struct password_ask *ask; /* owned while the password is being checked */
        struct str user_tried;    /* the name in Proxy-Authorization */
        enum password_verdict user_verdict;
        struct str user_why; /* in arena: what PAM says; empty: nothing */
        bool user_asked;

        /* … and by check_caller */
        const struct principal_key *caller_key; /* the pair that signed; NULL: none of ours did */
        const struct principal_conf *caller; /* NULL for AUTH_FOREIGN, whose it is only S3 knows, and AUTH_PREFLIGHT */
        enum auth_kind auth;
        bool plus_is_space;
        struct str signed_region; /* of the client's scope; empty if unsigned */
        enum payload_mode payload;
        struct str payload_hash;           /* its value, when a header or the query gave one */
        uint64_t decoded_length;           /* for aws-chunked */
        struct form *form;                 /* in arena: a browser's form, sent on as PutObject; else NULL */
        struct chunk_signature chunk_seal; /* owned: for signed chunks, begun with the head's signature */
    } who;

    /* What it asks for, and what the caller's policies say: by check_policy; where the body counts also by sign, and
     * where the request goes to another Region than was judged once more by choose_route */
    struct {
        struct asked *asked;             /* in arena; NULL: nobody is judged here */
        bool judged;                     /* the rest is there */
        bool body_judged;                /* the body, too, where it counts */
        struct policy_ask ask;           /* the first pair that was refused, else warned of, else asked for */
        struct policy_decision decision; /* of that pair */
    } policy;

    /* Where it goes: by choose_route, and by answers that say otherwise */
    struct {
        const struct endpoint_conf *endpoint;
        const struct credentials_conf *credentials; /* NULL for these two: nothing is signed */
        unsigned moves;                             /* to endpoints of other Regions, after an answer said so */
        struct str region_from;                     /* the Region it would have gone to first; empty: never moved */
        struct str other_region;                    /* with ERR_OTHER_REGION: where the bucket is, if known */
    } route;

    /* What goes out: by sign */
    struct {
        struct key_lease lease;             /* owned: what it is signed with; no keys: unsigned */
        struct str head;                    /* the whole head, as it goes out */
        struct str trace;                   /* a traceparent that was made for it; empty: none was */
        struct property_values *properties; /* in arena: what policies put in, by check_policy; NULL: nothing */
        bool expects;                       /* head has Expect: 100-continue */
        struct framer framer;
        bool body_planned;
        enum body_out kind;
        bool decode;                  /* aws-chunked framing is taken off */
        bool body_first;              /* the body must be seen to its end before anything goes out */
        bool hash_first;              /* … because its hash is signed */
        struct aws_chunked *chunked;  /* in arena: the framing that comes in, if it is decoded or checked */
        struct framer_chunks *chunks; /* in arena: the framing that goes out, if it is ours */
        struct checksum checksum;     /* owned: cleared in request_end */
        struct str body_hash;         /* with hash_first */
        uint64_t hashed;              /* content bytes that were hashed or summed here, for the access line */
    } out;

    /* How it gets there: by send, and each time that it is sent again */
    struct {
        uint64_t tried;               /* addresses that failed */
        struct pool_turn turn;        /* where all addresses are at their limit */
        int64_t turn_us;              /* monotonic: when that was over; 0: it did not wait, or waits */
        char address[NETADDR_TEXT];   /* where it went last … */
        uint32_t address_id;          /* … standing; 0: to no endpoint of S3 … */
        char zone[ADDRESS_ZONE];      /* … and its zone */
        uint64_t noted_in, noted_out; /* content that is in worker.traffic already */
        unsigned attempts;
        unsigned retries; /* sent again after it was sent */
        bool stale_seen, fresh_only, status_retried;
        char reasons[64]; /* "stale,reset" */
        int64_t attempt_us, connected_us;
    } retry;

    /* The exchange with the endpoint: by relay and judge_answer */
    struct {
        enum send_state send_state;
        enum answer_state answer_state;
        size_t head_sent;
        bool hold;          /* the body waits for 100 Continue */
        bool replay;        /* what was sent still stands at the front of the client's buffer */
        size_t kept;        /* how much of it */
        uint64_t body_sent; /* content bytes handed to the endpoint's connection */
        struct head_scan answer_scan;
        struct head_response *answer; /* in arena; NULL until the final head is there */
        struct body answer_body;
        struct framer answer_framer;
        struct str answer_head; /* still to be written */
        size_t head_in_front;   /* bytes of our head that stand in front of the content in the buffer */
        uint64_t answer_bytes;  /* content bytes given to the client */
        int64_t first_byte_us;
        struct str s3_error;             /* the code in an error document of S3's; empty: none was seen */
        struct filter *answer_filters;   /* in arena: what the answer's body passes through; NULL: nothing */
        struct bucket_list *bucket_list; /* owned: ListBuckets' answer, filtered; NULL: not this one */
    } relay;

    /* What became of it, as the client and the access line see it */
    struct {
        bool client_closes; /* no further request on this connection */
        bool interim_sent;  /* an interim answer went to the client */
        bool continue_sent; /* one of them was 100 Continue */
        bool drain;         /* after our own answer: read the rest of the body and go on */
        int64_t ended_us;   /* monotonic */
        unsigned status;
        bool answered; /* a byte of a final answer went to the client's connection */
        bool finished; /* its access line is written */
        bool broken;   /* the client's connection must end with a reset: what it has is not a whole answer */
        bool silent;   /* nothing to answer: the connection just ends */
    } reply;
};

#define X(name) enum step_result step_##name(struct request *req);
REQUEST_STEPS(X)
#undef X

/* It is about to go to @a. */
void request_goes_to(struct request *req, const struct pool_address *a);
/* Gives its connection up, if it has one; what passed through it is counted. */
void request_drop_upstream(struct request *req);
const char *request_step_name(enum request_step step);
void request_begin(struct request *req, struct session *client);
/* The clock starts, the request gets its id. */
void request_first_byte(struct request *req);
/* Runs steps until one waits or the request is over. STEP_WAIT or STEP_OVER. */
enum step_result request_run(struct request *req);
/* Ends it wherever it is: answers if nothing was answered yet and the client can still hear it, writes the access line
 * at the end. Used for timeouts. */
enum step_result request_abort(struct request *req, enum err_code code, const char *detail);
/* Gives everything back; the access line was written, or nothing had begun. */
void request_end(struct request *req);
/* Nothing more is done for @req, whose connection is about to be closed: it gets its access line. */
void request_cut(struct request *req, enum err_code code, const char *detail);
/* Known or guessed, for words only: what was asked for, also where the head is not valid or no step has looked yet. */
enum http_method request_method_id(const struct request *req);
struct str request_asked_host(const struct request *req);
struct str request_asked_path(const struct request *req);
/* For `return request_goto(req, STEP_…)` in a step: that one is next. The steps that may follow each other are in a
 * table (request.c). */
enum step_result request_goto(struct request *req, enum request_step to);
/* For `return request_fail(...)` in a step. */
enum step_result request_fail(struct request *req, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* What the client reads of the error that follows, in place of its row's sentence. */
void request_tell(struct request *req, const char *fmt, ...) PRINTF_LIKE(2, 3);
void request_error_field(struct request *req, const char *name, struct str value);
/* "req=… client=…" for log lines. */
const char *request_log_ctx(const struct request *req, char *buf, size_t n);

#endif
