/* SPDX-License-Identifier: Apache-2.0
 * doctor.c: the list of steps and their driver; see doctor.h. Each theme has a file of its own: doctor_name.c,
 * doctor_names.c, doctor_path.c, doctor_tls.c, doctor_mtu.c, doctor_s3.c, doctor_policy.c; their connection is in
 * doctor_link.c.
 */
#include "doctor_impl.h"

#include "base/clock.h"
#include "control/road/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum step_id {
    STEP_NAME,
    STEP_SERVICE_NAME,
    STEP_DNS,
    STEP_PRIVATE,
    STEP_ROUTE,
    STEP_TCP,
    STEP_MSS,
    STEP_TLS,
    STEP_MTU,
    STEP_CLOCK,
    STEP_CREDENTIALS,
    STEP_REQUEST,
    STEP_REGION,
    STEPS_N
};

#define NEEDS(id) (1u << (id))

static const struct step {
    const char *name;
    bool (*run)(struct doctor *d, struct doctor_finding *f);
    unsigned needs; /* bits of steps before it */
} steps[STEPS_N] = {
    [STEP_NAME] = {"name", doctor_name, 0},
    [STEP_SERVICE_NAME] = {"service-name", doctor_service_name, NEEDS(STEP_NAME)},
    [STEP_DNS] = {"dns", doctor_dns, NEEDS(STEP_NAME)},
    [STEP_PRIVATE] = {"private", doctor_private, NEEDS(STEP_DNS)},
    [STEP_ROUTE] = {"route", doctor_route, NEEDS(STEP_PRIVATE)},
    [STEP_TCP] = {"tcp", doctor_tcp, NEEDS(STEP_ROUTE)},
    [STEP_MSS] = {"mss", doctor_mss, NEEDS(STEP_TCP)},
    [STEP_TLS] = {"tls", doctor_tls, NEEDS(STEP_TCP)},
    [STEP_MTU] = {"mtu", doctor_mtu, NEEDS(STEP_TLS)},
    [STEP_CLOCK] = {"clock", doctor_clock, NEEDS(STEP_MTU)},
    [STEP_CREDENTIALS] = {"credentials", doctor_credentials, NEEDS(STEP_NAME)},
    [STEP_REQUEST] = {"request", doctor_request, NEEDS(STEP_MTU) | NEEDS(STEP_CLOCK) | NEEDS(STEP_CREDENTIALS)},
    [STEP_REGION] = {"region", doctor_region, NEEDS(STEP_REQUEST)},
};

const char *doctor_verdict_name(enum doctor_verdict verdict)
{
    static const char *const names[] = {
        [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail", [DOCTOR_SKIPPED] = "skipped"};

    return names[verdict];
}

/* --- findings --- */

/* Text of others (certificates, S3's messages) may stand in a line: only printable ASCII gets through. */
static void add_line(char *out, size_t cap, const char *fmt, va_list args)
{
    char line[1024], *end;
    size_t used = strlen(out);

    vsnprintf(line, sizeof(line), fmt, args);
    for (char *p = line; *p; p++)
        if (*p < 0x20 || *p > 0x7e) *p = '?';
    if (used + strlen(line) + 2 > cap) return;
    end = out + used;
    snprintf(end, cap - used, "%s\n", line);
    if (strstr(out, line) < end) *end = '\0'; /* it stood there already */
}

void doctor_add(struct doctor_finding *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add_line(f->evidence, sizeof(f->evidence), fmt, args);
    va_end(args);
}

static void worsen(struct doctor_finding *f, enum doctor_verdict verdict, const char *cause)
{
    if (f->verdict >= verdict) return;
    f->verdict = verdict;
    f->cause = cause;
}

void doctor_fail(struct doctor_finding *f, const char *cause, const char *fix, ...)
{
    va_list args;

    worsen(f, DOCTOR_FAIL, cause);
    va_start(args, fix);
    add_line(f->fix, sizeof(f->fix), fix, args);
    va_end(args);
}

void doctor_warn(struct doctor_finding *f, const char *cause, const char *fix, ...)
{
    va_list args;

    worsen(f, DOCTOR_WARN, cause);
    va_start(args, fix);
    add_line(f->fix, sizeof(f->fix), fix, args);
    va_end(args);
}

void doctor_skip(struct doctor_finding *f, const char *why)
{
    f->verdict = DOCTOR_SKIPPED;
    doctor_add(f, "%s", why);
}

/* --- waiting --- */

static void on_tick(void *arg)
{
    struct doctor *d = arg;

    if (clock_monotonic_us() >= d->deadline_us) loop_stop(&d->loop);
}

void doctor_begin_wait(struct doctor *d)
{
    d->deadline_us = clock_monotonic_us() + (int64_t)d->timeout_ms * 1000;
}

bool doctor_wait(struct doctor *d)
{
    d->loop.stop = false;
    if (clock_monotonic_us() < d->deadline_us) loop_run(&d->loop);
    return clock_monotonic_us() < d->deadline_us;
}

/* --- the driver --- */

/* The first step that @step needs and that did not work out, or NULL. */
static const char *missing(const struct step *step, unsigned passed)
{
    for (size_t i = 0; i < STEPS_N; i++)
        if ((step->needs & NEEDS(i)) && !(passed & NEEDS(i))) return steps[i].name;
    return NULL;
}

/* Fixes speak of the configuration: without one it has to be made first. */
static void add_configuration(struct doctor_finding *f)
{
    static const char *const words[] = {"`addresses`", "`resolver`",       "`zones`",    "`sni`",
                                        "`region`",    "private_networks", "[endpoint]", "`name`"};
    static const char fix[] =
        "such keys stand in a configuration: make one (`s3onramp check --example > s3onramp.ini`), "
        "and run `s3onramp doctor -c s3onramp.ini`";

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!strstr(f->fix, words[i])) continue;
        doctor_warn(f, f->cause, "%s", fix);
        return;
    }
}

static bool run_step(struct doctor *d, const struct step *step, unsigned passed, struct doctor_finding *f)
{
    const char *without = missing(step, passed);
    int64_t start_us = clock_monotonic_us();
    bool go_on = false;

    memset(f, 0, sizeof(*f));
    f->step = step->name;
    f->cause = "";
    if (without) {
        f->verdict = DOCTOR_SKIPPED;
        doctor_add(f, "needs %s", without);
    } else {
        go_on = step->run(d, f);
        if (d->order->name_alone) add_configuration(f);
    }
    f->seconds = (double)(clock_monotonic_us() - start_us) / 1e6;
    return go_on;
}

static void run_steps(struct doctor *d, struct doctor_finding *f, doctor_told_fn *told, void *arg)
{
    unsigned passed = 0;

    for (size_t i = 0; i < STEPS_N; i++) {
        if (run_step(d, &steps[i], passed, f)) passed |= NEEDS(i);
        told(arg, f);
    }
}

enum err_code doctor_run(const struct doctor_order *order, doctor_told_fn *told, void *arg, struct err *err)
{
    struct doctor *d = calloc(1, sizeof(*d));
    struct doctor_finding *f = malloc(sizeof(*f));
    enum err_code code = ERR_NONE;

    if (!d || !f) {
        free(d);
        free(f);
        return err_set(err, ERR_NO_MEMORY, 0, "doctor");
    }
    d->order = order;
    d->settings = order->settings;
    d->ep = order->endpoint;
    d->timeout_ms = order->timeout_ms;
    code = loop_init(&d->loop, on_tick, NULL, d, err);
    if (code == ERR_NONE && d->ep) code = tls_client_ctx(d->ep->ca_file, NULL, &d->ctx, err);
    if (code == ERR_NONE) run_steps(d, f, told, arg);
    key_set_clear(&d->keys);
    tls_ctx_free(&d->ctx);
    if (d->loop.base) loop_clear(&d->loop);
    free(d);
    free(f);
    return code;
}
