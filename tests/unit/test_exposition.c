/* SPDX-License-Identifier: Apache-2.0
 * test_exposition.c: both formats byte by byte, odd labels, values, long answers; the tables that it is made from.
 */
#include "admin/exposition.h"

#include "admin/metrics.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct exposition x;
static struct evbuffer *out;

static const struct metric requests = {"requests", METRIC_COUNTER, "", "what came"};
static const struct metric wait = {"wait_seconds", METRIC_GAUGE, "seconds", "how long"};
static const struct metric build = {"build", METRIC_INFO, "", "which one"};
static const struct metric size = {"size_bytes", METRIC_GAUGE, "bytes", "how much"};
static const struct metric took = {"took_seconds", METRIC_HISTOGRAM, "seconds", "how long it took"};

static int begin(void **state)
{
    (void)state;
    out = evbuffer_new();
    assert_non_null(out);
    return 0;
}

static int end(void **state)
{
    (void)state;
    evbuffer_free(out);
    return 0;
}

static void start(bool openmetrics)
{
    evbuffer_drain(out, SIZE_MAX);
    exposition_init(&x, openmetrics);
    x.out = out;
}

static void expect(const char *text)
{
    exposition_end(&x);
    assert_int_equal(evbuffer_add(out, "", 1), 0);
    assert_string_equal((const char *)evbuffer_pullup(out, -1), text);
}

static void write_all(void)
{
    static const uint32_t bounds[] = {1000, 2500000};
    static const uint64_t counts[] = {2, 0, 1};
    struct metric_labels none = {.n = 0}, l = {.n = 0};

    metric_label(&l, "who", STR("a"));
    exposition_family(&x, &requests);
    exposition_sample(&x, &l, 7);
    metric_label(&l, "what", STR("b"));
    exposition_sample(&x, &l, UINT64_MAX);
    exposition_family(&x, &size); /* of nothing: no trace */
    exposition_family(&x, &wait);
    exposition_sample(&x, &none, 1250000);
    exposition_family(&x, &build);
    exposition_sample(&x, &l, 1);
    exposition_family(&x, &took);
    exposition_histogram(&x, &none, bounds, 2, counts, 7000001);
}

static void test_text_format(void **state)
{
    (void)state;
    start(false);
    write_all();
    expect("# HELP s3onramp_requests_total what came\n"
           "# TYPE s3onramp_requests_total counter\n"
           "s3onramp_requests_total{who=\"a\"} 7\n"
           "s3onramp_requests_total{who=\"a\",what=\"b\"} 18446744073709551615\n"
           "# HELP s3onramp_wait_seconds how long\n"
           "# TYPE s3onramp_wait_seconds gauge\n"
           "s3onramp_wait_seconds 1.25\n"
           "# HELP s3onramp_build_info which one\n"
           "# TYPE s3onramp_build_info gauge\n"
           "s3onramp_build_info{who=\"a\",what=\"b\"} 1\n"
           "# HELP s3onramp_took_seconds how long it took\n"
           "# TYPE s3onramp_took_seconds histogram\n"
           "s3onramp_took_seconds_bucket{le=\"0.001\"} 2\n"
           "s3onramp_took_seconds_bucket{le=\"2.5\"} 2\n"
           "s3onramp_took_seconds_bucket{le=\"+Inf\"} 3\n"
           "s3onramp_took_seconds_sum 7.000001\n"
           "s3onramp_took_seconds_count 3\n");
}

static void test_openmetrics_format(void **state)
{
    (void)state;
    start(true);
    write_all();
    expect("# HELP s3onramp_requests what came\n"
           "# TYPE s3onramp_requests counter\n"
           "s3onramp_requests_total{who=\"a\"} 7\n"
           "s3onramp_requests_total{who=\"a\",what=\"b\"} 18446744073709551615\n"
           "# HELP s3onramp_wait_seconds how long\n"
           "# TYPE s3onramp_wait_seconds gauge\n"
           "# UNIT s3onramp_wait_seconds seconds\n"
           "s3onramp_wait_seconds 1.25\n"
           "# HELP s3onramp_build which one\n"
           "# TYPE s3onramp_build info\n"
           "s3onramp_build_info{who=\"a\",what=\"b\"} 1\n"
           "# HELP s3onramp_took_seconds how long it took\n"
           "# TYPE s3onramp_took_seconds histogram\n"
           "# UNIT s3onramp_took_seconds seconds\n"
           "s3onramp_took_seconds_bucket{le=\"0.001\"} 2\n"
           "s3onramp_took_seconds_bucket{le=\"2.5\"} 2\n"
           "s3onramp_took_seconds_bucket{le=\"+Inf\"} 3\n"
           "s3onramp_took_seconds_sum 7.000001\n"
           "s3onramp_took_seconds_count 3\n"
           "# EOF\n");
}

static void test_nothing(void **state)
{
    (void)state;
    start(false);
    expect("");
    start(true);
    expect("# EOF\n");
}

static void test_seconds(void **state)
{
    static const struct {
        uint64_t us;
        const char *text;
    } rows[] = {{0, "0"},
                {1, "0.000001"},
                {10, "0.00001"},
                {999999, "0.999999"},
                {1000000, "1"},
                {60000000, "60"},
                {1500000, "1.5"},
                {1000001, "1.000001"},
                {1785000000123456, "1785000000.123456"}};
    const struct metric_labels none = {.n = 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];

        start(false);
        exposition_family(&x, &wait);
        x.begun = true;
        exposition_sample(&x, &none, rows[i].us);
        snprintf(text, sizeof(text), "s3onramp_wait_seconds %s\n", rows[i].text);
        expect(text);
    }
}

static void test_odd_labels(void **state)
{
    static const struct {
        struct str value;
        const char *text;
    } rows[] = {
        {STR_INIT(""), ""},
        {STR_INIT("a\"b"), "a\\\"b"},
        {STR_INIT("a\\n"), "a\\\\n"},
        {STR_INIT("a\nb\n"), "a\\nb\\n"},
        {STR_INIT("caf\xc3\xa9"), "caf\xc3\xa9"},
        {STR_INIT("caf\xe9 x"), "caf\xef\xbf\xbd x"},
        {STR_INIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {STR_INIT("\x1b[1m\t"), "\x1b[1m\t"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metric_labels l = {.n = 0};
        char text[256];

        metric_label(&l, "v", rows[i].value);
        start(false);
        exposition_family(&x, &size);
        x.begun = true;
        exposition_sample(&x, &l, 1);
        snprintf(text, sizeof(text), "s3onramp_size_bytes{v=\"%s\"} 1\n", rows[i].text);
        expect(text);
    }
}

/* Text that was made before stands first, whatever there is of it. */
static void test_labels_made_before(void **state)
{
    static const struct {
        struct str text[2];
        bool last;
        const char *expected;
    } rows[] = {
        {{STR_INIT("a=\"1\""), STR_INIT("b=\"2\"")}, true, "s3onramp_size_bytes{a=\"1\",b=\"2\",v=\"3\"} 1\n"},
        {{STR_INIT("a=\"1\""), STR_INIT("b=\"2\"")}, false, "s3onramp_size_bytes{a=\"1\",b=\"2\"} 1\n"},
        {{STR_INIT("a=\"1\""), STR_INIT("")}, true, "s3onramp_size_bytes{a=\"1\",v=\"3\"} 1\n"},
        {{STR_INIT(""), STR_INIT("b=\"2\"")}, false, "s3onramp_size_bytes{b=\"2\"} 1\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metric_labels l = {.text = {rows[i].text[0], rows[i].text[1]}};

        if (rows[i].last) metric_label(&l, "v", STR("3"));
        start(false);
        exposition_family(&x, &size);
        x.begun = true;
        exposition_sample(&x, &l, 1);
        expect(rows[i].expected);
    }
}

/* However much there is, and however long labels are: every line is whole. */
static void test_long_answers_are_whole(void **state)
{
    enum { LINES = 500 };
    char bad[2 * METRIC_LABEL_MOST];
    size_t lines = 0, line = 0;

    (void)state;
    memset(bad, '\xff', sizeof(bad));
    start(false);
    exposition_family(&x, &size);
    x.begun = true;
    for (size_t i = 0; i < LINES; i++) {
        struct metric_labels l = {.n = 0};

        for (size_t k = 0; k < METRIC_LABELS; k++)
            metric_label(&l, "v", str_make(bad, sizeof(bad)));
        exposition_sample(&x, &l, 1);
    }
    assert_false(x.b.overflow);
    exposition_end(&x);
    for (size_t n = evbuffer_get_length(out), i = 0; i < n; i++, line++) {
        if (((const char *)evbuffer_pullup(out, -1))[i] != '\n') continue;
        assert_int_equal(line, 20 + METRIC_LABELS * (4 + 3 * METRIC_LABEL_MOST) + METRIC_LABELS - 1 + 3);
        line = (size_t)-1;
        lines++;
    }
    assert_int_equal(lines, LINES);
}

static bool ends_with_unit(const struct metric *m)
{
    char suffix[32];

    snprintf(suffix, sizeof(suffix), "_%s", m->unit);
    return !m->unit[0] || str_ends(str_from(m->name), str_from(suffix));
}

static void judge(const struct metric *m)
{
    print_message("%s\n", m->name);
    assert_true(ends_with_unit(m));
    for (const char *p = m->name; *p; p++)
        assert_true((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_');
    assert_false(str_ends(str_from(m->name), STR("_total")) || str_ends(str_from(m->name), STR("_us")));
    assert_true(m->help[0] && !str_ends(str_from(m->help), STR(".")));
    assert_null(strpbrk(m->help, "\\\n\""));
}

/* What Prometheus' conventions say of names, units and help. */
static void test_families_are_well_named(void **state)
{
    char name[METRIC_NAME];

    (void)state;
    for (size_t i = 0; i < metric_states_n; i++)
        judge(&metric_states[i].metric);
    for (size_t i = 0; i < stats_families_n; i++) {
        struct metric m = metric_of_stats(&stats_families[i], name);

        judge(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_format),
        cmocka_unit_test(test_openmetrics_format),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_seconds),
        cmocka_unit_test(test_odd_labels),
        cmocka_unit_test(test_labels_made_before),
        cmocka_unit_test(test_long_answers_are_whole),
        cmocka_unit_test(test_families_are_well_named),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
