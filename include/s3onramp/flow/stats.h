/* SPDX-License-Identifier: Apache-2.0
 * stats.h: what is counted, one table. Each thread that counts has a block of its own and nobody else writes there: to
 * count is to add to a number of one's own, without a lock and without a bus cycle that others wait for. Whoever reads
 * adds the blocks up.
 *
 *   block of a thread ──▶ group ──▶ row by standing number ──▶ slots
 *
 * Levels are looked at by their thread at each tick of its loop.
 *
 * A counter in three steps: its line in the table of its group below, stats_add() where the fact arises, a test in
 * tests/e2e/test_status.py.
 */
#ifndef S3ONRAMP_FLOW_STATS_H
#define S3ONRAMP_FLOW_STATS_H

#include "aws/s3/operation.h"
#include "base/err.h"
#include "flow/retry_reason.h"
#include "flow/upstream/address.h"
#include "http/head.h"

#include <stdatomic.h>

enum {
    STATS_CLASSES = 6, /* of HTTP status; 0: no answer */
    STATS_METHODS = METHOD_TRACE + 1,
    STATS_ERRORS = ERR_CODES_N,
};

enum stats_kind {
    STATS_COUNTER,   /* of all threads: the sum */
    STATS_LEVEL,     /* the same, but it also falls */
    STATS_PEAK,      /* of all threads: the largest */
    STATS_HISTOGRAM, /* as a counter; STATS_SERIES slots for each value of its label: stats_observe */
};

/* Of all histograms: the upper ends of their buckets. */
enum { STATS_BOUNDS = 16, STATS_SERIES = STATS_BOUNDS + 2 /* what is beyond, and the sum of all */ };
extern const uint32_t stats_bounds_us[STATS_BOUNDS];

/* How a TLS handshake with a client ended. */
enum stats_handshake { STATS_HANDSHAKE_FULL, STATS_HANDSHAKE_RESUMED, STATS_HANDSHAKE_FAILED, STATS_HANDSHAKES_N };
/* What runs. */
enum stats_running { STATS_RUNNING_REQUESTS, STATS_RUNNING_TUNNELS, STATS_RUNNING_N };
/* Connections to an address. */
enum stats_pool { STATS_POOL_IDLE, STATS_POOL_IN_USE, STATS_POOL_N };
/* What policies said of a request. */
enum stats_decision {
    STATS_DECISION_DENIED,
    STATS_DECISION_ALLOWED,
    STATS_DECISION_FORBIDDEN,
    STATS_DECISION_WARNED,
    STATS_DECISIONS_N
};
const char *stats_decision_word(enum stats_decision decision); /* "denied", … */

/* Codes of error documents of S3's that are counted by name; "none": there was no document, "other": another one. */
/* clang-format off */
#define STATS_S3_CODES(X) \
    X("none") X("other") X("AccessDenied") X("BadDigest") X("BucketAlreadyExists") X("BucketAlreadyOwnedByYou") \
    X("BucketNotEmpty") X("ConditionalRequestConflict") X("EntityTooLarge") X("EntityTooSmall") X("ExpiredToken") \
    X("InternalError") X("InvalidAccessKeyId") X("InvalidArgument") X("InvalidObjectState") X("InvalidPart") \
    X("InvalidRange") X("InvalidRequest") X("InvalidToken") X("MalformedXML") X("MethodNotAllowed") X("NoSuchBucket") \
    X("NoSuchKey") X("NoSuchUpload") X("NoSuchVersion") X("NotImplemented") X("PreconditionFailed") \
    X("RequestTimeTooSkewed") X("RequestTimeout") X("ServiceUnavailable") X("SignatureDoesNotMatch") X("SlowDown")
enum {
#define X(code) +1
    STATS_S3_CODES_N = 0 STATS_S3_CODES(X)
#undef X
};
/* clang-format on */
/* Which of them @code is; empty: "none". */
unsigned stats_s3_code(struct str code);

/* What a limit answered SlowDown to. */
enum stats_limit { STATS_LIMIT_REQUESTS, STATS_LIMIT_RATE, STATS_LIMITS_N };

/* X(slot, width, name, metric, kind, unit, label, label_value, help): @width slots, one per value of @label (or of two,
 * with a comma), whose words are those of @label_value; "" and NULL: one slot. @name: in JSON; @metric: in /metrics,
 * behind the group's word (admin/metrics.c). @unit: "microseconds" and "bytes" count in both, other words are for
 * people. */

/* Of whatever has limits. */
#define STATS_QUOTA(X)                                                                          \
    X(LIMITED, STATS_LIMITS_N, "limited", "limited", COUNTER, "requests", "limit", stats_limit, \
      "requests that its limits answered SlowDown")                                             \
    X(PACED_US, 1, "paced_us", "paced_seconds", COUNTER, "microseconds", "", NULL,              \
      "time that requests and transfers waited for its limits")

#define STATS_LISTENER(X)                                                                                            \
    X(REQUESTS, OPERATION_NUMBERS *STATS_CLASSES, "requests", "requests", COUNTER, "requests", "operation,status",   \
      stats_answer, "requests and tunnels that are over, by S3's operation and the class of the answer's status")    \
    X(ERRORS, STATS_ERRORS, "errors", "errors", COUNTER, "requests", "cause,blame", stats_error,                     \
      "requests and tunnels that did not end well, by what ended them and by whose fault it was")                    \
    X(DECISIONS, STATS_DECISIONS_N, "decisions", "policy_decisions", COUNTER, "requests", "decision", stats_decided, \
      "requests that policies were asked about, by what they said; warned: refused, but for mode = warn")            \
    X(BYTES_IN, 1, "bytes_in", "upload_bytes", COUNTER, "bytes", "", NULL, "content from clients")                   \
    X(BYTES_OUT, 1, "bytes_out", "download_bytes", COUNTER, "bytes", "", NULL, "content to clients")                 \
    X(DURATION, STATS_METHODS *STATS_SERIES, "duration_us", "request_duration_seconds", HISTOGRAM, "microseconds",   \
      "method", stats_method, "time of requests and tunnels that are over, from their first byte to their end")      \
    X(FIRST_BYTE, STATS_METHODS *STATS_SERIES, "first_byte_us", "first_byte_seconds", HISTOGRAM, "microseconds",     \
      "method", stats_method, "time of requests that S3 answered, from their first byte to that of the answer")      \
    X(ACCEPTED, 1, "accepted", "connections_accepted", COUNTER, "connections", "", NULL,                             \
      "connections taken from clients")                                                                              \
    X(HANDSHAKES, STATS_HANDSHAKES_N, "handshakes", "tls_handshakes", COUNTER, "handshakes", "result",               \
      stats_handshake, "TLS handshakes with clients that are over")                                                  \
    STATS_QUOTA(X)

#define STATS_ENDPOINT(X)                                                                                \
    X(QUEUED, 1, "queued", "queued", COUNTER, "requests", "", NULL,                                      \
      "requests that had to wait for a place, since max_connections were in use")                        \
    X(QUEUE_FULL, 1, "queue_full", "queue_full", COUNTER, "requests", "", NULL,                          \
      "requests that were refused, since max_queue others waited")                                       \
    X(QUEUE_EXPIRED, 1, "queue_expired", "queue_expired", COUNTER, "requests", "", NULL,                 \
      "requests that waited for queue_timeout in vain")                                                  \
    X(RETRIES, RETRY_REASONS_N, "retries", "retries", COUNTER, "requests", "reason", stats_retry,        \
      "requests that were sent again")                                                                   \
    X(S3_ERRORS, STATS_S3_CODES_N, "s3_errors", "s3_errors", COUNTER, "answers", "code", stats_s3_error, \
      "answers of S3 with a status of 400 and above, by the Code in their document")                     \
    X(CONNECT, STATS_SERIES, "connect_us", "connect_seconds", HISTOGRAM, "microseconds", "", NULL,       \
      "time to make a connection, with TLS")                                                             \
    X(QUEUE, STATS_SERIES, "queue_us", "queue_seconds", HISTOGRAM, "microseconds", "", NULL,             \
      "time that requests waited for a place which had to")                                              \
    X(WAITING, 1, "waiting", "queue_requests", LEVEL, "requests", "", NULL, "requests that wait for a place")

/* Of an address of an endpoint. */
#define STATS_ADDRESS(X)                                                                                     \
    X(CONNECTS, 1, "connects", "connections", COUNTER, "connections", "", NULL, "TLS connections made")      \
    X(RESUMED, 1, "resumed", "connections_resumed", COUNTER, "connections", "", NULL,                        \
      "TLS connections made that resumed a session")                                                         \
    X(ANSWERS, 1, "answers", "answers", COUNTER, "answers", "", NULL, "heads of answers: the address works") \
    X(FAILURES, FAULTS_N, "failures", "failures", COUNTER, "requests", "reason", stats_fault,                \
      "requests that met such a fault there")                                                                \
    X(RETRIES, 1, "retries", "retries", COUNTER, "requests", "", NULL,                                       \
      "requests that were sent there and then again somewhere")                                              \
    X(BYTES_IN, 1, "bytes_in", "upload_bytes", COUNTER, "bytes", "", NULL, "content from clients to it")     \
    X(BYTES_OUT, 1, "bytes_out", "download_bytes", COUNTER, "bytes", "", NULL, "content from it to clients") \
    X(POOL, STATS_POOL_N, "pool", "pool_connections", LEVEL, "connections", "state", stats_pool_state,       \
      "connections to it that are open")

#define STATS_PRINCIPAL(X)                                                                                            \
    X(REQUESTS, 1, "requests", "requests", COUNTER, "requests", "", NULL, "requests and tunnels that are over")       \
    X(REFUSED, 1, "refused", "refused", COUNTER, "requests", "", NULL, "requests that the proxy itself answered 403") \
    X(BYTES_IN, 1, "bytes_in", "upload_bytes", COUNTER, "bytes", "", NULL, "content from the client")                 \
    X(BYTES_OUT, 1, "bytes_out", "download_bytes", COUNTER, "bytes", "", NULL, "content to the client")               \
    STATS_QUOTA(X)

#define STATS_GROUP(X) STATS_QUOTA(X)
#define STATS_LINE(X) STATS_QUOTA(X)

#define STATS_WORKER(X)                                                                                        \
    X(TICKS, 1, "ticks", "loop_ticks", COUNTER, "", "", NULL, "looks of the loop at its clock, four a second") \
    X(LAG_US, 1, "lag_us", "loop_lag_seconds", COUNTER, "microseconds", "", NULL,                              \
      "time by which looks of the loop at its clock came late, all together")                                  \
    X(LAG_MOST_US, 1, "lag_most_us", "loop_lag_max_seconds", PEAK, "microseconds", "", NULL,                   \
      "time by which the latest of them came late, ever")                                                      \
    X(RUNNING, STATS_RUNNING_N, "running", "running", LEVEL, "requests", "kind", stats_running_kind,           \
      "requests and tunnels under way")                                                                        \
    X(BUFFERS, 1, "buffer_bytes", "buffer_bytes", LEVEL, "bytes", "", NULL, "memory of buffers for what passes through")

/* X(GROUP, rows per piece of memory: a power of two, word in /metrics) */
/* clang-format off */
#define STATS_GROUPS(X) \
    X(LISTENER, 4, "listener") X(ENDPOINT, 16, "endpoint") X(ADDRESS, 32, "address") X(PRINCIPAL, 128, "client") \
    X(GROUP, 16, "group") X(LINE, 4, "line") X(WORKER, 1, "worker")
/* clang-format on */

enum stats_group {
#define X(group, rows, word) STATS_OF_##group,
    STATS_GROUPS(X)
#undef X
        STATS_GROUPS_N
};

#define STATS_SLOT(group, slot, width) \
    STATS_##group##_##slot, STATS_##group##_##slot##_LAST = STATS_##group##_##slot + (width)-1,
/* clang-format off */
enum {
#define X(slot, width, ...) STATS_SLOT(LISTENER, slot, width)
    STATS_LISTENER(X)
#undef X
    STATS_LISTENER_SLOTS
};
enum {
#define X(slot, width, ...) STATS_SLOT(ENDPOINT, slot, width)
    STATS_ENDPOINT(X)
#undef X
    STATS_ENDPOINT_SLOTS
};
enum {
#define X(slot, width, ...) STATS_SLOT(ADDRESS, slot, width)
    STATS_ADDRESS(X)
#undef X
    STATS_ADDRESS_SLOTS
};
enum {
#define X(slot, width, ...) STATS_SLOT(PRINCIPAL, slot, width)
    STATS_PRINCIPAL(X)
#undef X
    STATS_PRINCIPAL_SLOTS
};
enum {
#define X(slot, width, ...) STATS_SLOT(GROUP, slot, width)
    STATS_GROUP(X)
#undef X
    STATS_GROUP_SLOTS
};
enum {
#define X(slot, width, ...) STATS_SLOT(LINE, slot, width)
    STATS_LINE(X)
#undef X
    STATS_LINE_SLOTS
};
enum {
#define X(slot, width, ...) STATS_SLOT(WORKER, slot, width)
    STATS_WORKER(X)
#undef X
    STATS_WORKER_SLOTS
};
/* clang-format on */
enum { STATS_SLOTS_MOST = STATS_LISTENER_SLOTS, STATS_VALUE = 64 };

struct stats_family {
    enum stats_group group;
    unsigned slot, width; /* its first one, and how many */
    const char *name, *metric;
    enum stats_kind kind;
    const char *unit, *label;
    /* The words for slot @i of them (of a histogram: for series @i): into @out. NULL: there is one. */
    void (*value)(size_t i, char out[STATS_VALUE]);
    const char *help;
};

const char *stats_group_word(enum stats_group group);

/* The whole table, by groups. */
extern const struct stats_family stats_families[];
extern const size_t stats_families_n;

struct stats;       /* all blocks */
struct stats_block; /* of one thread */

/* @n: threads that count. NULL: out of memory. */
MUST_CHECK struct stats *stats_new(size_t n);
void stats_free(struct stats **s); /* NULL is fine */
struct stats_block *stats_block(struct stats *s, size_t i);
size_t stats_blocks(const struct stats *s); /* how many */

/* The thread whose block @b is: the slots of row @id, for good; where there is no memory, and with @b NULL, slots that
 * nobody reads. */
_Atomic uint64_t *stats_row(struct stats_block *b, enum stats_group group, uint32_t id);

static inline void stats_set(_Atomic uint64_t *row, unsigned slot, uint64_t value)
{
    atomic_store_explicit(&row[slot], value, memory_order_relaxed);
}
static inline uint64_t stats_get(const _Atomic uint64_t *row, unsigned slot)
{
    return atomic_load_explicit(&row[slot], memory_order_relaxed);
}
static inline void stats_add(_Atomic uint64_t *row, unsigned slot, uint64_t n)
{
    stats_set(row, slot, stats_get(row, slot) + n);
}

/* One observation more in the series that begins at @slot. */
static inline void stats_observe(_Atomic uint64_t *row, unsigned slot, int64_t us)
{
    uint64_t t = us > 0 ? (uint64_t)us : 0;
    unsigned i = 0;

    while (i < STATS_BOUNDS && t > stats_bounds_us[i])
        i++;
    stats_add(row, slot + i, 1);
    stats_add(row, slot + STATS_BOUNDS + 1, t);
}

/* Any thread: row @id of all blocks together into @out, which has room for the group's slots. Each number is one that
 * was true at some time during the call. */
void stats_sum(const struct stats *s, enum stats_group group, uint32_t id, uint64_t out[]);
/* The same of the slots of @f alone, which @out has room for. */
void stats_sum_family(const struct stats *s, const struct stats_family *f, uint32_t id, uint64_t out[]);
/* Something was counted in that row. */
bool stats_has(const struct stats *s, enum stats_group group, uint32_t id);

#endif
