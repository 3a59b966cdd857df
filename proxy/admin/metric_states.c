/* SPDX-License-Identifier: Apache-2.0
 * metric_states.c: how things stand when somebody asks: one table of families. Control thread.
 */
#include "base/clock.h"
#include "base/release.h"
#include "config/lines.h"
#include "expiry.h"
#include "flow/upstream/address.h"
#include "keys/credentials.h"
#include "metrics_impl.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct metric_labels none = {.n = 0};

/* One sample for each of @n words: 1 for that of @now, 0 for the others. */
static void write_words(struct metrics *m, struct metric_labels *l, const char *label, const char *(*word)(size_t i),
                        size_t n, size_t now)
{
    size_t before = l->n;

    for (size_t i = 0; i < n; i++) {
        l->n = before;
        metric_label(l, label, str_from(word(i)));
        exposition_sample(&m->x, l, i == now);
    }
    l->n = before;
}

/* ------------------------------------------------------------------- the process */

static void write_build(struct metrics *m)
{
    struct metric_labels l = {.n = 0};

    metric_label(&l, "version", str_from(release_version));
    metric_label(&l, "openssl", str_from(tls_library_version()));
    metric_label(&l, "libevent", str_from(event_get_version()));
    exposition_sample(&m->x, &l, 1);
}

static void write_start_time(struct metrics *m)
{
    exposition_sample(&m->x, &none, (uint64_t)m->started_wall_us);
}

static uint64_t us_of(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

static void write_cpu(struct metrics *m)
{
    struct rusage r;

    if (getrusage(RUSAGE_SELF, &r) == 0) exposition_sample(&m->x, &none, us_of(&r.ru_utime) + us_of(&r.ru_stime));
}

static void write_memory(struct metrics *m)
{
    FILE *f = fopen("/proc/self/statm", "re"); /* "size resident shared …", pages */
    char line[128];
    struct str rest = STR_NONE, field;
    uint64_t pages;

    if (!f) return;
    if (fgets(line, sizeof(line), f)) rest = str_from(line);
    fclose(f);
    if (str_split(&rest, ' ', &field) && str_split(&rest, ' ', &field) && str_to_u64(field, &pages))
        exposition_sample(&m->x, &none, pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void write_workers(struct metrics *m)
{
    exposition_sample(&m->x, &none, stats_blocks(m->stats));
}

static const char *drain_word(size_t i)
{
    return drain_state_name((enum drain_state)i);
}

static void write_state(struct metrics *m)
{
    struct metric_labels l = {.n = 0};

    write_words(m, &l, "state", drain_word, DRAIN_OVER + 1, drain_state(server_drain(m->server)));
}

/* ------------------------------------------------------------------- connections of clients */

static struct limits_figures figures_of(const struct metrics *m)
{
    return limits_figures(server_proxy(m->server)->limits);
}

static void write_connections(struct metrics *m)
{
    exposition_sample(&m->x, &none, figures_of(m).open);
}

static void write_connections_max(struct metrics *m)
{
    exposition_sample(&m->x, &none, figures_of(m).max);
}

static void write_event(struct metrics *m, const char *reason, enum limits_event event)
{
    struct metric_labels l = {.n = 0};

    metric_label(&l, "reason", str_from(reason));
    exposition_sample(&m->x, &l, figures_of(m).events[event]);
}

static void write_connections_refused(struct metrics *m)
{
    write_event(m, "max_connections", LIMITS_REFUSED);
    write_event(m, "max_connections_per_source", LIMITS_REFUSED_SOURCE);
    write_event(m, "tls_rate_per_source", LIMITS_TLS_REFUSED);
}

static void write_connections_evicted(struct metrics *m)
{
    exposition_sample(&m->x, &none, figures_of(m).events[LIMITS_EVICTED]);
}

static void write_handshakes_delayed(struct metrics *m)
{
    exposition_sample(&m->x, &none, figures_of(m).events[LIMITS_TLS_DELAYED]);
}

/* ------------------------------------------------------------------- endpoints and addresses */

typedef void endpoint_fn(struct metrics *m, struct metric_labels *l, const struct table_endpoint *t);

static void each_endpoint(struct metrics *m, endpoint_fn *write)
{
    for (size_t i = 0; i < m->table->endpoints_n; i++) {
        const struct endpoint_conf *e = snapshot_endpoint(m->snapshot, m->table->endpoints[i].id);
        struct metric_labels l = {.n = 0};

        if (!e) continue;
        metric_label(&l, "endpoint", str_from(e->name));
        write(m, &l, &m->table->endpoints[i]);
    }
}

static const char *dns_word(size_t i)
{
    return dns_state_name((enum dns_state)i);
}

static void write_dns_of(struct metrics *m, struct metric_labels *l, const struct table_endpoint *t)
{
    write_words(m, l, "state", dns_word, DNS_FAILED + 1, t->dns);
}

static void write_dns(struct metrics *m)
{
    each_endpoint(m, write_dns_of);
}

typedef void address_fn(struct metrics *m, struct metric_labels *l, const struct table_address *a);

static void each_address(struct metrics *m, address_fn *write)
{
    for (size_t i = 0; i < m->table->endpoints_n; i++) {
        const struct table_endpoint *t = &m->table->endpoints[i];
        const struct endpoint_conf *e = snapshot_endpoint(m->snapshot, t->id);

        for (size_t k = 0; e && k < t->n; k++) {
            struct metric_labels l = {.n = 0};

            metric_label(&l, "endpoint", str_from(e->name));
            metric_label(&l, "address", str_from(t->v[k].address->text));
            metric_label(&l, "zone", str_from(t->v[k].zone));
            write(m, &l, &t->v[k]);
        }
    }
}

static void write_places_of(struct metrics *m, struct metric_labels *l, const struct table_endpoint *t)
{
    const struct endpoint_conf *e = snapshot_endpoint(m->snapshot, t->id);

    if (e->max_connections) exposition_sample(&m->x, l, e->max_connections);
}

static void write_places(struct metrics *m)
{
    each_endpoint(m, write_places_of);
}

static const char *address_word(size_t i)
{
    return address_state_name((enum address_state)i);
}

static void write_address_state_of(struct metrics *m, struct metric_labels *l, const struct table_address *a)
{
    write_words(m, l, "state", address_word, ADDRESS_DOWN + 1, a->state);
}

static void write_address_state(struct metrics *m)
{
    each_address(m, write_address_state_of);
}

static void write_barred_of(struct metrics *m, struct metric_labels *l, const struct table_address *a)
{
    exposition_sample(&m->x, l, a->barred);
}

static void write_barred(struct metrics *m)
{
    each_address(m, write_barred_of);
}

static void write_in_flight_of(struct metrics *m, struct metric_labels *l, const struct table_address *a)
{
    exposition_sample(&m->x, l, atomic_load_explicit(&a->address->in_flight, memory_order_relaxed));
}

static void write_in_flight(struct metrics *m)
{
    each_address(m, write_in_flight_of);
}

/* ------------------------------------------------------------------- keys and certificates */

static void write_keys(struct metrics *m,
                       void (*write)(struct metrics *m, struct metric_labels *l, const struct credential_sum *sum))
{
    const struct settings *s = server_snapshot(m->server)->settings;
    struct credential_sum *v = calloc(s->credentials_n + 1, sizeof(*v));

    if (!v) return;
    credential_store_sum(server_credentials(m->server), v);
    for (size_t i = 0; i < s->credentials_n; i++) {
        struct metric_labels l = {.n = 0};

        metric_label(&l, "credentials", str_from(s->credentials[i].name));
        write(m, &l, &v[i]);
    }
    free(v);
}

static void write_slots_of(struct metrics *m, struct metric_labels *l, const struct credential_sum *sum)
{
    size_t before = l->n;

    for (size_t i = 0; i < CREDENTIALS_STATES_N; i++) {
        l->n = before;
        metric_label(l, "state", str_from(credentials_state_name((enum credentials_state)i)));
        exposition_sample(&m->x, l, sum->slots[i]);
    }
}

static void write_key_slots(struct metrics *m)
{
    write_keys(m, write_slots_of);
}

/* Unix time; INT64_MAX: there is no end. */
static void write_end(struct metrics *m, const struct metric_labels *l, int64_t end_s)
{
    if (end_s > 0 && end_s < INT64_MAX / 1000000) exposition_sample(&m->x, l, (uint64_t)end_s * 1000000);
}

static void write_key_end_of(struct metrics *m, struct metric_labels *l, const struct credential_sum *sum)
{
    write_end(m, l, sum->first_end_s);
}

static void write_key_end(struct metrics *m)
{
    write_keys(m, write_key_end_of);
}

static void write_result(struct metrics *m, struct metric_labels l, const char *result, uint64_t n)
{
    metric_label(&l, "result", str_from(result));
    exposition_sample(&m->x, &l, n);
}

static void write_fetches(struct metrics *m)
{
    struct standing *names = server_proxy(m->server)->standing;

    for (uint32_t id = 1; id <= standing_most(names, STANDING_CREDENTIALS); id++) {
        struct credential_fetches f = credential_store_fetches(server_credentials(m->server), id);
        struct metric_labels l = {.n = 0};

        metric_label(&l, "credentials", str_from(standing_name(names, STANDING_CREDENTIALS, id)));
        write_result(m, l, "good", f.good);
        write_result(m, l, "failed", f.failed);
    }
}

/* What ends, of one kind, by the name of its section. */
static void write_ends(struct metrics *m, unsigned kind, const char *label)
{
    struct expiry x = {
        .snapshot = m->snapshot, .credentials = server_credentials(m->server), .kind = kind, .kinds = kind + 1};
    struct expiry_item item;

    while (expiry_next(&x, &item)) {
        struct metric_labels l = {.n = 0};

        if (label) metric_label(&l, label, str_from(item.section));
        write_end(m, &l, item.end_s);
    }
}

static void write_certificate_end(struct metrics *m)
{
    write_ends(m, EXPIRY_LISTENER_CERTIFICATE, "listener");
}

static void write_crl_end(struct metrics *m)
{
    write_ends(m, EXPIRY_CRL, "listener");
}

static void write_identity_end(struct metrics *m)
{
    write_ends(m, EXPIRY_IDENTITY, "credentials");
}

static void write_admin_end(struct metrics *m)
{
    write_ends(m, EXPIRY_ADMIN_CERTIFICATE, NULL);
}

static void write_ca_end(struct metrics *m)
{
    write_ends(m, EXPIRY_CA, NULL);
}

/* ------------------------------------------------------------------- ends of clients */

static const struct {
    const char *word;
    int64_t s;
} spans[METRICS_SPANS] = {{"1d", 86400}, {"7d", 7 * 86400}, {"30d", 30 * 86400}};

/* The next end of a client, or of one of its key pairs, that is not over; 0: there is none. */
static int64_t next_end(const struct principal_conf *c, int64_t now_s)
{
    struct expiry_item item;
    int64_t first = 0;

    for (unsigned i = 0; i < EXPIRY_OF_CLIENT; i++)
        if (expiry_of_client(c, i, &item) && item.end_s > now_s && (!first || item.end_s < first)) first = item.end_s;
    return first;
}

/* Some clients more: all of them are counted, those with a label of their own are shown. */
static void write_client_ends(struct metrics *m)
{
    const struct settings *s = m->snapshot->settings;
    int64_t now_s = clock_wall_us() / 1000000;

    if (m->id == 0) memset(m->ending, 0, sizeof(m->ending));
    for (size_t i = 0; i < METRICS_ROWS && m->id < s->clients_n; i++, m->id++) {
        const struct principal_conf *c = &s->clients[m->id];
        int64_t end_s = next_end(c, now_s);
        struct metric_labels l = {.n = 0};

        for (size_t k = 0; end_s && k < METRICS_SPANS; k++)
            m->ending[k] += end_s - now_s <= spans[k].s;
        if (!end_s || c->id > s->admin.client_metrics) continue;
        metric_label(&l, "client", str_from(c->name));
        write_end(m, &l, end_s);
    }
    m->more = m->id < s->clients_n;
}

/* What write_client_ends, which stands before it, counted. */
static void write_clients_ending(struct metrics *m)
{
    for (size_t k = 0; k < METRICS_SPANS; k++) {
        struct metric_labels l = {.n = 0};

        metric_label(&l, "within", str_from(spans[k].word));
        exposition_sample(&m->x, &l, m->ending[k]);
    }
}

/* ------------------------------------------------------------------- traffic */

static void write_traffic(struct metrics *m)
{
    static const struct str directions[] = {
        [TRAFFIC_UPLOAD] = STR_INIT("direction=\"upload\""), [TRAFFIC_DOWNLOAD] = STR_INIT("direction=\"download\"")};
    size_t most = (size_t)m->snapshot->settings->admin.traffic_metrics;
    const struct traffic_line *line;
    struct metric_labels l = {.n = 0};

    if (!most) return;
    if (m->id == 0) traffic_series_look(m->traffic, most);
    for (size_t i = 0; i < METRICS_ROWS && (line = traffic_series_line(m->traffic, m->id)); i++, m->id++)
        for (size_t k = 0; k < TRAFFIC_DIRECTIONS; k++) {
            l.text[0] = str_make(line->labels, line->n);
            l.text[1] = directions[k];
            exposition_sample(&m->x, &l, line->v[k]);
        }
    m->more = traffic_series_line(m->traffic, m->id);
}

/* ------------------------------------------------------------------- configuration and logs */

static struct reload_figures reloads_of(const struct metrics *m)
{
    return reload_figures(server_reload(m->server));
}

static void write_generation(struct metrics *m)
{
    exposition_sample(&m->x, &none, reloads_of(m).taken + 1);
}

static void write_reloads(struct metrics *m)
{
    struct metric_labels l = {.n = 0};

    write_result(m, l, "taken", reloads_of(m).taken);
    write_result(m, l, "refused", reloads_of(m).refused);
}

static void write_reload_good(struct metrics *m)
{
    exposition_sample(&m->x, &none, !reload_refused(server_reload(m->server)));
}

static void write_reload_time(struct metrics *m)
{
    exposition_sample(&m->x, &none, (uint64_t)reloads_of(m).taken_wall_us);
}

static void write_reload_took(struct metrics *m)
{
    exposition_sample(&m->x, &none, (uint64_t)reloads_of(m).took_us);
}

static void write_restart(struct metrics *m)
{
    struct str_list lines = {0};

    reload_waiting(server_reload(m->server), &lines);
    exposition_sample(&m->x, &none, lines.n);
    lines_clear(&lines);
}

static void write_clients(struct metrics *m)
{
    exposition_sample(&m->x, &none, m->snapshot->settings->clients_n);
}

static void write_lines(struct metrics *m)
{
    for (size_t i = 0; i < SINK_STREAMS; i++) {
        struct metric_labels l = {.n = 0};
        struct sink_counts c;

        logs_counts(server_logs(m->server), (enum sink_stream)i, &c);
        metric_label(&l, "log", str_from(logs_name((enum sink_stream)i)));
        write_result(m, l, "written", c.written);
        write_result(m, l, "lost", c.lost);
    }
}

static void write_lines_waiting(struct metrics *m)
{
    for (size_t i = 0; i < SINK_STREAMS; i++) {
        struct metric_labels l = {.n = 0};
        struct sink_counts c;

        logs_counts(server_logs(m->server), (enum sink_stream)i, &c);
        metric_label(&l, "log", str_from(logs_name((enum sink_stream)i)));
        exposition_sample(&m->x, &l, c.put - c.written);
    }
}

/* ------------------------------------------------------------------- the table */

/* clang-format off */
const struct metric_state metric_states[] = {
    {{"build", METRIC_INFO, "", "versions of the program and of its libraries"}, "version,openssl,libevent", write_build},
    {{"process_start_time_seconds", METRIC_GAUGE, "seconds", "when the process started, Unix time"}, "", write_start_time},
    {{"process_cpu_seconds", METRIC_COUNTER, "seconds", "CPU time of the process, the kernel's for it included"}, "", write_cpu},
    {{"process_resident_memory_bytes", METRIC_GAUGE, "bytes", "memory of the process that is in RAM"}, "", write_memory},
    {{"workers", METRIC_GAUGE, "", "threads that serve requests"}, "", write_workers},
    {{"state", METRIC_GAUGE, "", "1 for what the process does: serving, or how far its end is; 0 for the others"}, "state", write_state},
    {{"connections", METRIC_GAUGE, "", "connections of clients that are open"}, "", write_connections},
    {{"connections_max", METRIC_GAUGE, "", "connections of clients that may be open"}, "", write_connections_max},
    {{"connections_refused", METRIC_COUNTER, "", "connections of clients that were turned away, by the option that says so"}, "reason", write_connections_refused},
    {{"connections_evicted", METRIC_COUNTER, "", "idle connections of clients that were closed to make room for others"}, "", write_connections_evicted},
    {{"tls_handshakes_delayed", METRIC_COUNTER, "", "TLS handshakes of clients that waited for tls_rate_per_source"}, "", write_handshakes_delayed},
    {{"endpoint_dns_state", METRIC_GAUGE, "", "1 for how it stands with the endpoint's addresses in DNS, 0 for the others"}, "endpoint,state", write_dns},
    {{"address_state", METRIC_GAUGE, "", "1 for the state of the address, 0 for the others"}, "endpoint,address,zone,state", write_address_state},
    {{"address_barred", METRIC_GAUGE, "", "1: the address showed a wrong certificate and is not used"}, "endpoint,address,zone", write_barred},
    {{"address_in_flight", METRIC_GAUGE, "", "requests and tunnels that have a connection to the address"}, "endpoint,address,zone", write_in_flight},
    {{"endpoint_address_connections_max", METRIC_GAUGE, "", "max_connections_per_address: how far address_in_flight of each of its addresses goes; none: no limit"}, "endpoint", write_places},
    {{"traffic_bytes", METRIC_COUNTER, "bytes", "content by client, bucket and zone, of the first [admin] traffic_metrics combinations; what came later is (other)"}, "client,bucket,endpoint,zone,direction", write_traffic},
    {{"credentials_slots", METRIC_GAUGE, "", "keys of the section that were asked for, one or one for each client, by how they are"}, "credentials,state", write_key_slots},
    {{"credentials_expiry_timestamp_seconds", METRIC_GAUGE, "seconds", "the first end of keys that are in use, Unix time; none if they have no end"}, "credentials", write_key_end},
    {{"credentials_fetches", METRIC_COUNTER, "", "questions to the source of the keys that are over"}, "credentials,result", write_fetches},
    {{"certificate_expiry_timestamp_seconds", METRIC_GAUGE, "seconds", "end of the certificate that is named at the listener, Unix time"}, "listener", write_certificate_end},
    {{"client_crl_expiry_timestamp_seconds", METRIC_GAUGE, "seconds", "the first end of the revocation lists of client_crl, Unix time: no certificate counts after it"}, "listener", write_crl_end},
    {{"credentials_certificate_expiry_timestamp_seconds", METRIC_GAUGE, "seconds", "end of the certificate that IAM Roles Anywhere is shown for the keys, as of the last fetch, Unix time"}, "credentials", write_identity_end},
    {{"admin_certificate_expiry_timestamp_seconds", METRIC_GAUGE, "seconds", "end of the certificate that is named in [admin], Unix time"}, "", write_admin_end},
    {{"client_expiry_timestamp_seconds", METRIC_GAUGE, "seconds", "the next end of the client or of a key pair of it, Unix time; of clients that have families of their own"}, "client", write_client_ends},
    {{"clients_ending", METRIC_GAUGE, "", "clients of which the next end, of themselves or of a key pair, is within that time"}, "within", write_clients_ending},
    {{"ca_certificate_expiry_timestamp_seconds", METRIC_GAUGE, "seconds", "end of the certificate of the local authority, Unix time"}, "", write_ca_end},
    {{"config_generation", METRIC_GAUGE, "", "how many configurations were in force since the process began, with that of now"}, "", write_generation},
    {{"config_reloads", METRIC_COUNTER, "", "reloads by what became of them; checks are none"}, "result", write_reloads},
    {{"config_last_reload_successful", METRIC_GAUGE, "", "0: the last reload was refused, and what was in force before still is"}, "", write_reload_good},
    {{"config_last_reload_success_timestamp_seconds", METRIC_GAUGE, "seconds", "since when the configuration is in force, Unix time"}, "", write_reload_time},
    {{"config_last_reload_duration_seconds", METRIC_GAUGE, "seconds", "how long the last reload took"}, "", write_reload_took},
    {{"config_restart_pending", METRIC_GAUGE, "", "options that were changed and wait for a restart"}, "", write_restart},
    {{"config_clients", METRIC_GAUGE, "", "clients in the configuration"}, "", write_clients},
    {{"log_lines", METRIC_COUNTER, "", "lines of the process log, of the access log and of the audit log, written or lost"}, "log,result", write_lines},
    {{"log_lines_waiting", METRIC_GAUGE, "", "lines that wait to be written"}, "log", write_lines_waiting},
};
/* clang-format on */
const size_t metric_states_n = ARRAY_LEN(metric_states);
