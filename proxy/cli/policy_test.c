/* SPDX-License-Identifier: Apache-2.0
 * policy_test.c: `s3onramp policy test`: may a client do something? Or, for the administrator's own tests, a file of
 * such questions and what the answer must be. One thread.
 */
#include "policy_impl.h"

#include <errno.h>
#include <stdlib.h>

enum { WHY = 512 };

static int print_json(json_t *all)
{
    int code = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 ? CLI_FINE : CLI_PROBLEM;

    putchar('\n');
    json_decref(all);
    return code;
}

static void print_question(const struct policy_question *q, FILE *out)
{
    fprintf(out, "s3:%s on %.*s", s3_action_name(q->ask.action), STR_ARG(q->ask.resource));
    if (q->prefix.n) fprintf(out, " with prefix %.*s", STR_ARG(q->prefix));
}

static void print_answer(const struct policy_question *q)
{
    bool allowed = policy_question_allowed(q);

    printf("%s%s%s: client %s may%s ", cli_color(stdout, allowed ? CLI_GREEN : CLI_RED),
           allowed ? "allowed" : "refused", cli_color(stdout, CLI_PLAIN), q->client->name, allowed ? "" : " not");
    print_question(q, stdout);
    fputs("\n  ", stdout);
    policy_question_reason(q, stdout);
    putchar('\n');
    if (!q->from_text[0] && policy_question_asks_address(q))
        puts("  (there are conditions on aws:SourceIp: say --from IP)");
}

int policy_test(struct settings *s, const struct policy_order *o)
{
    char text[WHY];
    struct sbuf why = sbuf_make(text, sizeof(text) - 1);
    struct policy_question q;

    if (!policy_question_ask(&q, s, o, &why)) {
        text[why.n] = '\0';
        return cli_wrong_usage("policy", "%s", text);
    }
    if (!o->json)
        print_answer(&q);
    else if (print_json(policy_question_json(&q)) != CLI_FINE)
        return CLI_PROBLEM;
    return policy_question_allowed(&q) ? CLI_FINE : CLI_PROBLEM;
}

/* --- a file of them --- */

enum { WORDS_MOST = 4 + 1 + WITH_MOST, LINE_MOST = 8 * 1024 };

struct run {
    const struct settings *settings;
    const struct policy_order *order;
    unsigned line, asked, different, wrong;
    json_t *results;
};

/* Blanks separate words; double quotes hold what has blanks in it. In place. SIZE_MAX: too many, or a quote is open. */
static size_t split(char *line, const char *words[WORDS_MOST])
{
    size_t n = 0;
    char *p = line + strspn(line, " \t\r\n");

    while (*p && *p != '#') {
        bool quoted = *p == '"';
        char *end;

        if (n == WORDS_MOST) return SIZE_MAX;
        words[n++] = p += quoted;
        end = p + strcspn(p, quoted ? "\"" : " \t\r\n");
        if (quoted && !*end) return SIZE_MAX;
        p = *end ? end + 1 : end;
        *end = '\0';
        p += strspn(p, " \t\r\n");
    }
    return n;
}

/* EXPECTED CLIENT ACTION [s3://…] [from=IP] [KEY=VALUE …]; false: it is not like that. */
static bool read_line(const char *const *words, size_t n, struct policy_order *o, bool *expected)
{
    *expected = n && strcmp(words[0], "allowed") == 0;
    if (n < 3 || (!*expected && strcmp(words[0], "refused") != 0)) return false;
    o->client = words[1];
    o->action = words[2];
    for (size_t i = 3; i < n; i++) {
        if (str_starts(str_from(words[i]), STR("s3://"))) {
            o->target = words[i];
        } else if (str_starts(str_from(words[i]), STR("from="))) {
            o->from = words[i] + 5;
        } else {
            if (o->with_n == WITH_MOST || !strchr(words[i], '=')) return false;
            o->with[o->with_n++] = words[i];
        }
    }
    return true;
}

static void tell_wrong(struct run *r, const char *why)
{
    r->wrong++;
    cli_problem("%s:%u: %s", r->order->file, r->line, why);
}

static void judge(struct run *r, const struct policy_question *q, bool expected)
{
    bool allowed = policy_question_allowed(q);

    r->asked++;
    r->different += allowed != expected;
    if (r->order->json) {
        json_t *one = policy_question_json(q);

        json_object_set_new(one, "line", json_integer(r->line));
        json_object_set_new(one, "expected", json_boolean(expected));
        json_array_append_new(r->results, one);
    } else if (allowed != expected) {
        printf("%s:%u: expected %s, is %s%s%s: client %s, ", r->order->file, r->line, expected ? "allowed" : "refused",
               cli_color(stdout, CLI_RED), allowed ? "allowed" : "refused", cli_color(stdout, CLI_PLAIN),
               q->client->name);
        print_question(q, stdout);
        fputs(", ", stdout);
        policy_question_reason(q, stdout);
        putchar('\n');
    }
}

static void take_line(struct run *r, char *line)
{
    const char *words[WORDS_MOST];
    size_t n = split(line, words);
    struct policy_order o = {.now_s = r->order->now_s};
    char text[WHY];
    struct sbuf why = sbuf_make(text, sizeof(text) - 1);
    struct policy_question q;
    bool expected;

    if (n == 0) return;
    if (n == SIZE_MAX || !read_line(words, n, &o, &expected)) {
        tell_wrong(r, "write allowed|refused CLIENT ACTION s3://BUCKET/KEY [from=IP] [KEY=VALUE …]");
        return;
    }
    if (policy_question_ask(&q, r->settings, &o, &why)) {
        judge(r, &q, expected);
        return;
    }
    text[why.n] = '\0';
    tell_wrong(r, text);
}

static int sum_up(struct run *r)
{
    if (r->order->json) {
        int code = print_json(json_pack("{s:i, s:i, s:i, s:o}", "asked", (int)r->asked, "different", (int)r->different,
                                        "wrong_lines", (int)r->wrong, "results", r->results));
        if (code != CLI_FINE) return code;
    } else {
        printf("%u asked, %u as expected, %u not\n", r->asked, r->asked - r->different, r->different);
    }
    if (r->wrong) return CLI_USAGE;
    return r->different ? CLI_PROBLEM : CLI_FINE;
}

int policy_test_file(struct settings *s, const struct policy_order *o)
{
    FILE *in = strcmp(o->file, "-") == 0 ? stdin : fopen(o->file, "re");
    struct run r = {.settings = s, .order = o, .results = o->json ? json_array() : NULL};
    char line[LINE_MOST];

    if (!in)
        return cli_problem("%s cannot be read (%s); name a file with one question a line", o->file, strerror(errno));
    while (fgets(line, sizeof(line), in)) {
        r.line++;
        if (strlen(line) + 1 == sizeof(line)) {
            tell_wrong(&r, "this line is too long");
            break;
        }
        take_line(&r, line);
    }
    if (in != stdin) fclose(in);
    if (!r.asked && !r.wrong) tell_wrong(&r, "there is no question in it");
    return sum_up(&r);
}
