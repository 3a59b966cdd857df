/* SPDX-License-Identifier: Apache-2.0
 * cost.c: `s3onramp cost`: what a month's traffic costs. The running proxy is asked, whose figures are up to date;
 * without one the file that it wrote last is read. One thread.
 */
#include "admin/bill_json.h"
#include "base/clock.h"
#include "cli/admin_client.h"
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct wish {
    const char *config, *socket, *month, *by;
    bool json, csv;
};

/* ------------------------------------------------------------------- figures for people */

static const char *bytes_text(char out[32], uint64_t n)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)n;
    size_t i = 0;

    for (; value >= 1024 && i + 1 < ARRAY_LEN(units); i++)
        value /= 1024;
    snprintf(out, 32, i ? "%.2f %s" : "%.0f %s", value, units[i]);
    return out;
}

static uint64_t unsigned_of(const json_t *o, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(o, name));
}

/* "1.234000000" in billionths. */
static uint64_t nano_of(const json_t *o, const char *name)
{
    struct str text = str_from(admin_text(o, name));
    size_t point = str_index(text, '.');
    uint64_t whole = 0, part = 0;

    if (!str_to_u64(str_head(text, point), &whole) || !str_to_u64(str_tail(text, point + 1), &part)) return 0;
    return whole * PRICES_NANO + part;
}

static const char *money_text(char out[BILL_MONEY + 8], const json_t *answer, const json_t *o, const char *name)
{
    char text[BILL_MONEY];

    bill_money(nano_of(o, name), text);
    snprintf(out, BILL_MONEY + 8, "%s %s", text, admin_text(answer, "currency"));
    return json_is_true(json_object_get(answer, "priced")) ? out : "";
}

static const char *quantity_text(char out[32], const json_t *item, const char *name)
{
    uint64_t n = unsigned_of(item, name);

    if (strcmp(admin_text(item, "unit"), "bytes") == 0) return bytes_text(out, n);
    snprintf(out, 32, "%" PRIu64, n);
    return out;
}

static void time_text(char out[32], int64_t s)
{
    time_t t = (time_t)s;
    struct tm tm;

    out[0] = '\0';
    if (gmtime_r(&t, &tm)) strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

/* ------------------------------------------------------------------- the table */

static void print_item(const json_t *answer, const json_t *item, bool over)
{
    char n[32], m[32], cost[BILL_MONEY + 8], forecast[BILL_MONEY + 8];

    if (!unsigned_of(item, "quantity")) return;
    printf("  %-34s %14s %16s", admin_text(item, "item"), quantity_text(n, item, "quantity"),
           money_text(cost, answer, item, "cost"));
    if (!over)
        printf(" %14s %16s", quantity_text(m, item, "forecast_quantity"),
               money_text(forecast, answer, item, "forecast_cost"));
    putchar('\n');
}

static void print_regions(const json_t *answer, bool over)
{
    const json_t *region, *item;
    size_t i, k;

    json_array_foreach(json_object_get(answer, "regions"), i, region)
    {
        printf("%s%s%s%s\n", cli_color(stdout, CLI_BOLD), admin_text(region, "region"), cli_color(stdout, CLI_PLAIN),
               json_is_true(json_object_get(answer, "priced")) && !json_is_true(json_object_get(region, "priced"))
                   ? ": the price list has no section for it"
                   : "");
        json_array_foreach(json_object_get(region, "items"), k, item) print_item(answer, item, over);
    }
}

static void print_shares(const json_t *answer, const char *by)
{
    const json_t *row;
    size_t i;
    bool zones = strcmp(by, "zone") == 0;

    printf("\n%-28s %12s %12s %10s %10s %10s %16s%s\n",
           zones                       ? "ZONE"
           : strcmp(by, "client") == 0 ? "CLIENT"
                                       : "BUCKET",
           "TO S3", "FROM S3", "PUT", "GET", "FREE", "COST", zones ? "  HOURS  PEAK" : "");
    json_array_foreach(json_object_get(answer, "shares"), i, row)
    {
        char in[32], out[32], cost[BILL_MONEY + 8], name[2 * LEDGER_FIELD + 2];
        const char *word = admin_text(row, by);

        snprintf(name, sizeof(name), "%s%s%s", admin_text(row, "endpoint"), zones ? " " : "", *word ? word : "-");
        printf("%-28s %12s %12s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %16s", name,
               bytes_text(in, unsigned_of(row, "bytes_in")), bytes_text(out, unsigned_of(row, "bytes_out")),
               unsigned_of(row, "put"), unsigned_of(row, "get"), unsigned_of(row, "free"),
               money_text(cost, answer, row, "cost"));
        if (zones)
            printf(" %6" PRIu64 "  %.1f Mbit/s", unsigned_of(row, "hours"),
                   (double)unsigned_of(row, "peak_bits_per_second") / 1e6);
        putchar('\n');
    }
}

static void print_table(const json_t *answer, const char *by)
{
    char to[32], total[BILL_MONEY + 8], forecast[BILL_MONEY + 8];
    bool over = json_is_true(json_object_get(answer, "over")), priced = json_is_true(json_object_get(answer, "priced"));

    time_text(to, json_integer_value(json_object_get(answer, "to")));
    printf("%s up to %s%s%s\n", admin_text(answer, "month"), to, priced ? ", prices of " : "",
           admin_text(answer, "prices_of"));
    printf("  %-34s %14s %16s%s\n", "", "SO FAR", "", over ? "" : "    WHOLE MONTH, IF IT GOES ON LIKE THIS");
    print_regions(answer, over);
    if (priced) printf("total %s", money_text(total, answer, answer, "total"));
    if (priced && !over) printf("; the whole month about %s", money_text(forecast, answer, answer, "forecast"));
    puts(priced ? "" : "Costs: none without a price list: [cost] prices = prices.ini");
    if (by) print_shares(answer, by);
    if (*admin_text(answer, "trouble"))
        printf("%snot written: %s%s\n", cli_color(stdout, CLI_RED), admin_text(answer, "trouble"),
               cli_color(stdout, CLI_PLAIN));
    if (json_is_null(json_object_get(answer, "state")))
        printf("counted since the proxy started: there is no folder to keep it in ([cost] state)\n");
}

/* ------------------------------------------------------------------- CSV */

/* RFC 4180; no spreadsheet takes it for a formula. */
static void csv_text(const char *text, char end)
{
    putchar('"');
    if (*text && strchr("=+-@", *text)) putchar('\'');
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        putchar(*text);
    }
    printf("\"%c", end);
}

static void csv_items(const json_t *answer)
{
    const json_t *region, *item;
    size_t i, k;

    puts("month,region,item,unit,quantity,cost,forecast_quantity,forecast_cost,currency");
    json_array_foreach(json_object_get(answer, "regions"), i, region)
        json_array_foreach(json_object_get(region, "items"), k, item)
    {
        csv_text(admin_text(answer, "month"), ',');
        csv_text(admin_text(region, "region"), ',');
        csv_text(admin_text(item, "item"), ',');
        csv_text(admin_text(item, "unit"), ',');
        printf("%" PRIu64 ",%s,%" PRIu64 ",%s,", unsigned_of(item, "quantity"), admin_text(item, "cost"),
               unsigned_of(item, "forecast_quantity"), admin_text(item, "forecast_cost"));
        csv_text(admin_text(answer, "currency"), '\n');
    }
}

static void csv_shares(const json_t *answer, const char *by)
{
    const json_t *row;
    size_t i;

    printf("month,%s%s", strcmp(by, "zone") == 0 ? "endpoint," : "", by);
    for (unsigned k = 0; k < TRAFFIC_SLOTS; k++)
        printf(",%s", traffic_slot_name((enum traffic_slot)k));
    puts(",cost,currency");
    json_array_foreach(json_object_get(answer, "shares"), i, row)
    {
        csv_text(admin_text(answer, "month"), ',');
        if (strcmp(by, "zone") == 0) csv_text(admin_text(row, "endpoint"), ',');
        csv_text(admin_text(row, by), ',');
        for (unsigned k = 0; k < TRAFFIC_SLOTS; k++)
            printf("%" PRIu64 ",", unsigned_of(row, traffic_slot_name((enum traffic_slot)k)));
        printf("%s,", admin_text(row, "cost"));
        csv_text(admin_text(answer, "currency"), '\n');
    }
}

/* ------------------------------------------------------------------- where it comes from */

static int show(const struct wish *w, const json_t *answer)
{
    if (*admin_text(answer, "error")) return cli_problem("%s", admin_text(answer, "error"));
    if (w->json)
        json_dumpf(answer, stdout, JSON_INDENT(2));
    else if (w->csv && w->by)
        csv_shares(answer, w->by);
    else if (w->csv)
        csv_items(answer);
    else
        print_table(answer, w->by);
    if (w->json) putchar('\n');
    return CLI_FINE;
}

static json_t *read_files(const struct cost_conf *conf, const char *month, enum bill_by by)
{
    struct ledger *l = ledger_new(month);
    struct prices *p = NULL;
    struct err err = {0};
    json_t *answer = NULL;

    if (!l)
        cli_problem("out of memory");
    else if (ledger_load(l, conf->state, &err) != ERR_NONE)
        cli_problem_err(&err);
    else if (conf->prices && !(p = prices_load(conf->prices, stderr)))
        cli_problem("the price list cannot be used");
    else
        answer = bill_json(l, p, clock_wall_us() / 1000000, by);
    if (answer) json_object_set_new(answer, "state", json_string(conf->state));
    prices_free(&p);
    ledger_free(&l);
    return answer;
}

static json_t *ask(const struct wish *w, const char *path)
{
    json_t *question = json_pack("{ss ss*  ss*}", "command", "cost", "month", w->month, "by", w->by);

    return path ? admin_exchange(path, question, ADMIN_PATIENCE_S) : (json_decref(question), NULL);
}

static int run_with(const struct wish *w, const struct settings *s, const char *month, enum bill_by by)
{
    bool off = s && strcmp(s->admin.socket, "off") == 0;
    const char *path = w->socket ? w->socket : off ? NULL : s->admin.socket;
    json_t *answer = ask(w, path);
    int code = CLI_PROBLEM;

    if (!answer && !s) return cli_problem("the proxy does not answer at %s", path);
    if (!answer && strcmp(s->cost.state, "off") == 0)
        return cli_problem("the proxy does not answer, and [cost] state = off: nothing is kept");
    if (!answer) {
        fprintf(stderr, "s3onramp: the proxy does not answer; this is what it wrote last\n");
        answer = read_files(&s->cost, month, by);
    }
    if (answer) code = show(w, answer);
    json_decref(answer);
    return code;
}

static int run(int argc, char **argv)
{
    struct wish w = {.config = CLI_DEFAULT_CONFIG};
    struct settings *s = NULL;
    char month[LEDGER_MONTH];
    enum bill_by by;
    int64_t from_s, to_s;
    bool known;
    int code;

    if (!cli_parse(&cli_cost, argc, argv, &w, &code)) return code;
    if (w.json && w.csv) return cli_wrong_usage("cost", "--json and --csv: one of them");
    known = bill_by_word(w.by, &by);
    ASSERT(known); /* it is one of the words of its row */
    if (w.month && !ledger_month_span(w.month, &from_s, &to_s))
        return cli_wrong_usage("cost", "--month %s: write it like 2026-11", w.month);
    ledger_month_of(clock_wall_us() / 1000000, month);
    if (w.month) memcpy(month, w.month, sizeof(month));
    if (!w.socket && !(s = config_load(w.config, stderr))) return CLI_PROBLEM;
    code = run_with(&w, s, month, by);
    settings_unref(&s);
    return code;
}

static const struct cli_option rows[] = {
    {.name = "month",
     .value = "YYYY-MM",
     .at = offsetof(struct wish, month),
     .help = "another month (UTC) than this one"},
    {.name = "by", .value = "client|bucket|zone", .at = offsetof(struct wish, by), .help = "whose it is"},
    CLI_JSON_OPTION(struct wish, json),
    {.name = "csv", .at = offsetof(struct wish, csv), .help = "CSV for spreadsheets"},
    CLI_SOCKET_OPTION(struct wish, socket),
    CLI_CONFIG_OPTION(struct wish, config),
};

const struct cli_command cli_cost = {
    .name = "cost",
    .brief = "cost [--by client|bucket|zone]",
    .summary = "what this month's traffic costs so far, and will",
    .run = run,
    .usage = "cost [--month YYYY-MM] [--by client|bucket|zone] [--json|--csv] [--socket PATH] [-c FILE]",
    .about =
        "Shows what went to S3 in a month and what AWS asks for it, by the price list that [cost] prices names: hours "
        "of\nendpoints, data through them, transfer, requests. Asks the running proxy, or reads what it wrote last.",
    .options = rows,
    .options_n = ARRAY_LEN(rows),
    .more = "Exit code: 0 shown, 1 there is nothing to read, or it is broken, 2 wrong usage.",
    .example = "s3onramp cost --by client",
};
