/* SPDX-License-Identifier: Apache-2.0
 * cost_ask.c: the command cost: a month's bill, all that was counted so far in it. Control thread.
 */
#include "admin/bill_json.h"
#include "base/clock.h"
#include "commands.h"
#include "control/books.h"
#include "keys/json_text.h"

#include <stdlib.h>

struct cost_call {
    struct books_ask ask;
    struct admin_call *call;
    enum bill_by by;
};

static void end(struct cost_call *c)
{
    free(c->ask.prices);
    free(c);
}

static json_t *answer_of(const struct cost_call *c, const struct ledger *l, const struct prices *p)
{
    const struct books *books = server_books(c->call->server);
    const char *dir = books_dir(books);
    json_t *o = bill_json(l, p, clock_wall_us() / 1000000, c->by);

    if (!o) return NULL;
    json_object_set_new(o, "state", dir ? json_text(dir) : json_null());
    json_object_set_new(o, "trouble", json_text(books_trouble(books)));
    return o;
}

static void on_answer(void *arg, const struct ledger *l, const struct prices *p, const char *why)
{
    struct cost_call *c = arg;
    struct admin_call *call = c->call;
    json_t *answer = l ? answer_of(c, l, p) : NULL;

    end(c);
    if (l)
        admin_reply_json(call, answer);
    else
        admin_reply_error(call, "%s", why);
}

static void forget(void *arg)
{
    struct cost_call *c = arg;

    books_forget(server_books(c->call->server), &c->ask);
    end(c);
}

void command_cost(struct admin_call *call)
{
    const char *month = admin_call_text(call, "month"), *by_text = admin_call_text(call, "by");
    const char *prices = server_snapshot(call->server)->settings->cost.prices;
    struct cost_call *c = calloc(1, sizeof(*c));
    enum bill_by by;
    int64_t from_s, to_s;

    if (!c) {
        admin_reply_json(call, NULL);
        return;
    }
    *c = (struct cost_call){.ask = {.done = on_answer, .arg = c}, .call = call};
    ledger_month_of(clock_wall_us() / 1000000, c->ask.month);
    if (!bill_by_word(by_text, &by) || (month && !ledger_month_span(month, &from_s, &to_s))) {
        end(c);
        admin_reply_error(call, "`month` is written 2026-11; `by` is one of: client, bucket, zone");
        return;
    }
    if (month) memcpy(c->ask.month, month, sizeof(c->ask.month));
    c->by = by;
    c->ask.prices = prices ? strdup(prices) : NULL;
    admin_call_later(call, forget, c);
    books_ask(server_books(call->server), &c->ask);
}
