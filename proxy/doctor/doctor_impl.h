/* SPDX-License-Identifier: Apache-2.0
 * doctor_impl.h: what the doctor's steps share: the patient, findings, and a connection used step by step. One thread.
 */
#ifndef S3ONRAMP_CONTROL_DOCTOR_IMPL_H
#define S3ONRAMP_CONTROL_DOCTOR_IMPL_H

#include "control/road/dns.h"
#include "doctor/doctor.h"
#include "http/head.h"
#include "io/tls_peer.h"
#include "keys/source.h"

#include <linux/tcp.h>

enum { DOCTOR_ANSWER = 128 * 1024, DOCTOR_WHY = 240 };

struct doctor_address {
    struct netaddr addr;
    char label[NETADDR_TEXT + ADDRESS_ZONE + 8];   /* "10.0.1.23:443 (zone a)" */
    bool connects, trusted;                        /* TCP, TLS worked */
    bool silent;                                   /* nothing at all came back when it was connected to */
    unsigned rtt_us, send_mss, take_mss, path_mtu; /* of the connection that was tried first */
    bool small; /* only small segments pass: further connections use them, so that the rest can be judged */
};

struct doctor {
    const struct doctor_order *order;
    const struct settings *settings;
    const struct endpoint_conf *ep;
    uint64_t timeout_ms;
    struct loop loop;
    int64_t deadline_us;  /* of the wait that runs; monotonic */
    SSL_CTX *ctx;         /* owned */
    bool service_known;   /* DNS has addresses for S3's ordinary name */
    struct dns_view view; /* of the endpoint's names */
    struct doctor_address v[ADDRESS_MAX];
    size_t n;
    int64_t date_s, date_local_us; /* S3's Date and our clock at that moment; 0: none came */
    struct key_set keys;           /* secret */
    char bucket_region[40];        /* as S3 said, or empty */
    bool elsewhere;                /* the answer to the signed request was about the Region */
    unsigned request_status;       /* of the signed request; 0: none */
};

/* --- findings: doctor.c --- */

/* One more line of evidence. */
void doctor_add(struct doctor_finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The verdict becomes worse, never better; the first cause of the worst one stays. @fix: what to do, one more line
 * unless it stands there already. */
void doctor_fail(struct doctor_finding *f, const char *cause, const char *fix, ...) PRINTF_LIKE(3, 4);
void doctor_warn(struct doctor_finding *f, const char *cause, const char *fix, ...) PRINTF_LIKE(3, 4);
/* It could not be asked here, for @why. */
void doctor_skip(struct doctor_finding *f, const char *why);

/* --- waiting: doctor.c --- */

void doctor_begin_wait(struct doctor *d); /* the time limit counts from now */
/* Runs the loop until something stops it. False: the time is over. */
MUST_CHECK bool doctor_wait(struct doctor *d);

/* --- steps. True: what needs this one can go on. --- */

bool doctor_name(struct doctor *d, struct doctor_finding *f);         /* doctor_name.c */
bool doctor_service_name(struct doctor *d, struct doctor_finding *f); /* doctor_names.c */
bool doctor_dns(struct doctor *d, struct doctor_finding *f);          /* doctor_names.c */
bool doctor_private(struct doctor *d, struct doctor_finding *f);      /* doctor_names.c */
bool doctor_route(struct doctor *d, struct doctor_finding *f);        /* doctor_route.c */
bool doctor_tcp(struct doctor *d, struct doctor_finding *f);          /* doctor_path.c */
bool doctor_mss(struct doctor *d, struct doctor_finding *f);          /* doctor_path.c */
bool doctor_tls(struct doctor *d, struct doctor_finding *f);          /* doctor_tls.c */
bool doctor_mtu(struct doctor *d, struct doctor_finding *f);          /* doctor_mtu.c */
bool doctor_clock(struct doctor *d, struct doctor_finding *f);        /* doctor_s3.c */
bool doctor_credentials(struct doctor *d, struct doctor_finding *f);  /* doctor_s3.c */
bool doctor_request(struct doctor *d, struct doctor_finding *f);      /* doctor_s3.c */
bool doctor_region(struct doctor *d, struct doctor_finding *f);       /* doctor_s3.c */

/* --- what routers say: doctor_hops.c --- */

/* Lets the socket remember the ICMP errors that it gets. */
void doctor_want_icmp(int fd, int family);
/* Who sent the one that failed it, with port 0. False: nobody did, or the kernel does not tell. */
bool doctor_icmp_sender(int fd, struct netaddr *by);
/* The address without its port. */
void doctor_format_ip(const struct netaddr *a, char out[NETADDR_TEXT]);
/* Adds how far packets to silent addresses get: 2 s. */
void doctor_hops(struct doctor *d, struct doctor_finding *f);

/* --- one connection: doctor_link.c --- */

enum link_result { LINK_DONE, LINK_BROKEN, LINK_LATE };

struct doctor_link {
    struct doctor *d; /* borrowed: its loop is used */
    struct conn conn;
    bool open;
    int sys_errno;          /* of LINK_BROKEN, 0 if it is none */
    struct netaddr says_so; /* the router whose ICMP that was; len 0: none */
    char why[DOCTOR_WHY];   /* of LINK_BROKEN and LINK_LATE */
    char *in;               /* owned: bytes of the answer */
    size_t in_n;
    struct head_response head; /* views into in */
    struct header head_fields[HEAD_MAX_FIELDS];
    struct str body;           /* view into in; as much as there was room for */
    int64_t connected_us;      /* monotonic */
    int64_t sent_us, first_us; /* wall clock: the request was handed over; the first byte of the answer */
};

/* TCP to all of the doctor's addresses at once, for as many links and results; at most the doctor's time. Where an
 * address is small, segments are announced and sent that pass everywhere. */
void link_connect_all(struct doctor_link *l, enum link_result *r, struct doctor *d);
/* Sends @request and reads the whole answer to @method. A new time limit. */
MUST_CHECK enum link_result link_exchange(struct doctor_link *l, struct str request, enum http_method method);
/* TCP_INFO of now; zeros if there is none. */
void link_info(const struct doctor_link *l, struct tcp_info *out);
/* Zeroed memory is fine. */
void link_close(struct doctor_link *l);
/* TCP to this address, and TLS on it with the rules of the data path. */
MUST_CHECK enum link_result link_open(struct doctor_link *l, struct doctor *d, const struct doctor_address *a);

/* Takes S3's Date of an answer over. */
void doctor_take_date(struct doctor *d, const struct doctor_link *l);

/* --- signed requests: doctor_s3.c, doctor_policy.c --- */

struct doctor_question {
    enum http_method method;
    struct str path, query;
};

/* Signs and sends @q (unsigned if there are no keys) on a connection of its own, @l: to be closed in any case. */
MUST_CHECK enum link_result doctor_ask(struct doctor *d, const struct doctor_address *a,
                                       const struct doctor_question *q, struct doctor_link *l);

/* S3 refused the step's request with 403 and a code that is no fault of keys or clock; @message: its text. Names the
 * policy that says no, where S3 tells it or reading asked at @a proves it; else what is left to look at. */
void doctor_explain_denial(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a,
                           struct str message);

#endif
