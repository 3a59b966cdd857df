/* SPDX-License-Identifier: Apache-2.0
 * doctor_tls.c: the doctor's step tls: a handshake with each address, with the rules of the data path; see doctor.h.
 *
 * A handshake that stalls is tried again with small segments. If that one works, and one with full segments stalls
 * again, TLS is fine and the path is not: the step mtu says so, and what follows uses small segments.
 */
#include "doctor_impl.h"

#include "base/clock.h"

#include <time.h>

enum { DAY_S = 86400, SOON_DAYS = 14 };

static void tell_certificate(struct doctor_finding *f, const struct doctor_address *a, const struct tls_peer *p)
{
    char until[32] = "?";
    time_t t = (time_t)p->until_s;
    struct tm tm;

    if (p->until_s && gmtime_r(&t, &tm)) strftime(until, sizeof(until), "%Y-%m-%d", &tm);
    doctor_add(f, "%s: %s %s", a->label, p->version, p->cipher);
    doctor_add(f, "certificate until %s, by %s; names: %s", until, p->issuer, p->names[0] ? p->names : p->subject);
}

static void explain_certificate(struct doctor *d, struct doctor_finding *f, const struct tls_peer *p)
{
    switch (p->trouble) {
    case TLS_TROUBLE_NAME:
        doctor_fail(f, "certificate-name",
                    "the certificate is not for %s: something else answers at this address, or an endpoint of another "
                    "Region or service; compare `addresses`/`name`, or write `sni` for an S3 server of another kind",
                    d->ep->sni);
        break;
    case TLS_TROUBLE_EXPIRED:
        doctor_fail(f, "certificate-expired",
                    "S3's certificates are renewed in time: is the clock here right? Else something on the way, or the "
                    "S3 server, needs a new certificate");
        break;
    case TLS_TROUBLE_EARLY:
        doctor_fail(f, "certificate-early", "the certificate is not valid yet: set this machine's clock");
        break;
    case TLS_TROUBLE_SELF_SIGNED:
        doctor_fail(f, "certificate-self-signed",
                    "S3 never shows a self-signed certificate: something on the way takes the TLS apart, or this is "
                    "another server; for an S3 server of your own write `ca_file`");
        break;
    case TLS_TROUBLE_AUTHORITY:
        doctor_fail(f, "certificate-authority",
                    "its authority is not among %s: take this road out of TLS inspection, install ca-certificates, or, "
                    "for an S3 server of your own, write `ca_file`",
                    d->ep->ca_file ? d->ep->ca_file : "the system's");
        break;
    default: doctor_fail(f, "certificate", "the certificate is refused: %s", p->why); break;
    }
}

static void explain_failure(struct doctor *d, struct doctor_finding *f, const struct doctor_link *l, enum link_result r,
                            const struct doctor_address *a)
{
    struct tls_peer p = {0};

    if (l->open) tls_peer_look(&l->conn, &p);
    doctor_add(f, "%s: %s", a->label, l->why);
    if (p.has_certificate && p.trouble != TLS_TROUBLE_NONE) {
        tell_certificate(f, a, &p);
        explain_certificate(d, f, &p);
    } else if (r == LINK_LATE) {
        doctor_fail(f, "timeout",
                    "the connection stands, but nobody speaks TLS, not even in small packets: a firewall or proxy on "
                    "the way swallows it, or this is not the endpoint");
    } else {
        doctor_fail(f, "handshake",
                    "the other side does not speak TLS 1.2 or 1.3 as S3 does: a firewall breaks it off, or this is not "
                    "the endpoint");
    }
}

static void tell_success(struct doctor_finding *f, const struct doctor_link *l, const struct doctor_address *a)
{
    struct tls_peer p;
    int64_t days;

    tls_peer_look(&l->conn, &p);
    tell_certificate(f, a, &p);
    days = (p.until_s - clock_wall_us() / 1000000) / DAY_S;
    if (p.until_s && days < SOON_DAYS)
        doctor_warn(f, "certificate-soon", "the certificate ends in %lld days: have it renewed", (long long)days);
}

/* It stalled: small segments, and, if they get through, full ones again, so that a server that was only slow once is
 * not taken for a black hole. */
static enum link_result handshake_again(struct doctor *d, struct doctor_finding *f, struct doctor_address *a,
                                        struct doctor_link *l)
{
    enum link_result r;

    doctor_add(f, "%s: %s; once more with small segments", a->label, l->why);
    link_close(l);
    a->small = true;
    r = link_open(l, d, a);
    if (r != LINK_DONE) return r;
    link_close(l);
    a->small = false;
    r = link_open(l, d, a);
    if (r == LINK_DONE)
        doctor_warn(f, "stalled-once", "it worked afterwards: the server or the road is overloaded, or loses packets");
    if (r != LINK_LATE) return r;
    link_close(l);
    a->small = true;
    return link_open(l, d, a);
}

static bool handshake(struct doctor *d, struct doctor_finding *f, struct doctor_address *a)
{
    struct doctor_link l;
    enum link_result r = link_open(&l, d, a);

    if (r == LINK_LATE && l.open) r = handshake_again(d, f, a, &l);
    a->trusted = r == LINK_DONE;
    if (r == LINK_DONE)
        tell_success(f, &l, a);
    else
        explain_failure(d, f, &l, r, a);
    link_close(&l);
    return a->trusted;
}

bool doctor_tls(struct doctor *d, struct doctor_finding *f)
{
    bool any = false;

    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].connects) any |= handshake(d, f, &d->v[i]);
    return any;
}
