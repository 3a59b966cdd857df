/* SPDX-License-Identifier: Apache-2.0
 * doctor_mtu.c: the doctor's step mtu: do packets of full size get through, there and back? See doctor.h.
 *
 * On the verified connection a request of several full segments asks for an answer of several full segments: an
 * unsigned GET with a long Authorization of an unknown kind, which S3 repeats in its refusal (InvalidArgument,
 * ArgumentValue). Where segments are large, a body makes the request larger still. If that stalls, or the TLS handshake
 * did, the same with small segments is the proof: what works then is a black hole, where large packets vanish and no
 * ICMP says so. The certificate of the handshake is a large answer, too. Source: RFC 2923 2.1 (black holes); AWS
 * PrivateLink Guide, "quotas": MTU 8500, no path MTU discovery, MSS clamping.
 */
#include "base/release.h"
#include "doctor_impl.h"

#include <stdlib.h>

enum {
    PAD = 6000, /* S3 takes 8 KiB of fields */
    SEGMENTS = 3,
    BODY_MOST = 64 * 1024,
    REQUEST = PAD + BODY_MOST + 1024,
};

/* How large the body must be, if fields alone do not fill SEGMENTS. */
static size_t body_for(const struct doctor_address *a)
{
    size_t wanted = (size_t)a->send_mss * SEGMENTS;

    if (wanted <= PAD) return 0;
    return wanted < BODY_MOST ? wanted : BODY_MOST;
}

static struct str make_request(struct doctor *d, size_t body, char *memory, char *pad)
{
    struct sbuf b = sbuf_make(memory, REQUEST);

    memset(pad, 'x', PAD);
    memcpy(pad, "s3onramp-doctor ", sizeof("s3onramp-doctor ") - 1);
    head_put_request_line(&b, STR("GET"), STR("/"), STR_NONE, false);
    head_put(&b, STR("Host"), str_from(d->ep->host));
    head_put(&b, STR("User-Agent"), release_agent);
    head_put(&b, STR("Authorization"), str_make(pad, PAD));
    if (body) head_put_u64(&b, STR("Content-Length"), body);
    head_put(&b, STR("Connection"), STR("close"));
    head_put_end(&b);
    for (size_t i = 0; i < body; i++)
        sbuf_char(&b, 'x');
    ASSERT(!b.overflow);
    return sbuf_str(&b);
}

struct trial {
    enum link_result result;
    bool handshake;      /* it got so far */
    struct tcp_info tcp; /* at the end */
    size_t answer;       /* bytes */
    char why[DOCTOR_WHY];
};

static void try_it(struct doctor *d, const struct doctor_address *a, struct str request, struct trial *t)
{
    struct doctor_link l;

    memset(t, 0, sizeof(*t));
    t->result = link_open(&l, d, a);
    if (t->result == LINK_DONE) {
        t->handshake = true;
        t->result = link_exchange(&l, request, METHOD_GET);
    }
    link_info(&l, &t->tcp);
    t->answer = l.in_n;
    snprintf(t->why, sizeof(t->why), "%s", l.why);
    if (t->result == LINK_DONE) doctor_take_date(d, &l);
    link_close(&l);
}

static void tell_black_hole(struct doctor_finding *f, const struct doctor_address *a, const char *direction)
{
    doctor_add(f, "%s: %s; with small segments the same works: an MTU black hole", a->label, direction);
    doctor_fail(f, "black-hole",
                "large packets vanish on the way: clamp the MSS on the VPN gateway (nft: tcp flags syn tcp option "
                "maxseg size set rt mtu), or set the route's MTU here (ip route change NETWORK ... mtu 1400), and let "
                "ICMP \"fragmentation needed\" / \"packet too big\" through");
}

static void tell_success(struct doctor_finding *f, const struct doctor_address *a, struct str request,
                         const struct trial *t)
{
    doctor_add(f, "%s: a request of %zu bytes in segments of %u, an answer of %zu in segments of up to %u", a->label,
               request.n, t->tcp.tcpi_snd_mss, t->answer, t->tcp.tcpi_rcv_mss);
    if (t->tcp.tcpi_snd_mss && t->tcp.tcpi_snd_mss < a->send_mss && !a->small)
        doctor_add(f, "%s: segments shrank from %u: the kernel found a smaller path MTU, %u", a->label, a->send_mss,
                   t->tcp.tcpi_pmtu);
}

static void tell_slow(struct doctor_finding *f, const struct doctor_address *a, const struct trial *stalled)
{
    doctor_add(f, "%s: %s; the same worked afterwards", a->label, stalled->why);
    doctor_warn(f, "stalled-once", "the server or the road is overloaded, or loses packets: look again later");
}

/* Nothing came in time: whose fault? */
static bool tell_stall(struct doctor *d, struct doctor_finding *f, struct doctor_address *a, struct str request,
                       const struct trial *stalled)
{
    const char *direction = stalled->tcp.tcpi_unacked ? "a large request is never acknowledged"
                            : stalled->handshake      ? "the request arrives, its answer does not"
                                                      : "the TLS handshake stalls";
    struct trial t;

    a->small = true;
    try_it(d, a, request, &t);
    if (t.result == LINK_DONE) {
        struct trial again;

        a->small = false;
        try_it(d, a, request, &again);
        a->small = again.result != LINK_DONE;
        if (a->small)
            tell_black_hole(f, a, direction);
        else
            tell_slow(f, a, stalled);
        return true;
    }
    doctor_add(f, "%s: %s; with small segments: %s", a->label, stalled->why, t.why);
    doctor_fail(f, "no-answer",
                "the connection and its certificate are right, but requests get no answer, in packets of any size: "
                "look at the S3 server, or at a firewall that inspects");
    return false;
}

/* A server may refuse a body before it has read all of it, and its answer is lost with the connection; that the request
 * got there is known from what was acknowledged. */
static bool was_taken(const struct doctor_address *a, const struct trial *t)
{
    return t->result == LINK_BROKEN && t->handshake && body_for(a) && t->tcp.tcpi_bytes_acked > 2ull * a->send_mss;
}

struct request_memory {
    char bytes[REQUEST], pad[PAD];
};

static bool judge(struct doctor *d, struct doctor_finding *f, struct doctor_address *a, struct request_memory *m)
{
    struct str request = make_request(d, body_for(a), m->bytes, m->pad);
    struct trial t;

    try_it(d, a, request, &t);
    if (was_taken(a, &t)) {
        doctor_add(f, "%s: %llu bytes of a request were taken in segments of %u, then: %s", a->label,
                   (unsigned long long)t.tcp.tcpi_bytes_acked, t.tcp.tcpi_snd_mss, t.why);
        request = make_request(d, 0, m->bytes, m->pad);
        try_it(d, a, request, &t);
    }
    if (a->small && t.result == LINK_DONE) {
        tell_black_hole(f, a, "the TLS handshake stalls with full segments (the server's certificate is large)");
        return true;
    }
    if (t.result == LINK_DONE) {
        tell_success(f, a, request, &t);
        return true;
    }
    if (t.result == LINK_LATE && !a->small) return tell_stall(d, f, a, request, &t);
    doctor_add(f, "%s: %s", a->label, t.why);
    doctor_fail(f, "no-answer",
                "the connection and its certificate are right, but a request gets no good answer: is "
                "this an S3 endpoint?");
    return false;
}

bool doctor_mtu(struct doctor *d, struct doctor_finding *f)
{
    struct request_memory *m = malloc(sizeof(*m));
    bool any = false;

    for (size_t i = 0; m && i < d->n; i++) {
        struct doctor_address *a = &d->v[i];

        if (!a->trusted) continue;
        a->trusted = judge(d, f, a, m);
        any |= a->trusted;
    }
    free(m);
    return any;
}
