/* SPDX-License-Identifier: Apache-2.0
 * exchange.c: see exchange.h.
 */
#include "flow/exchange.h"

#include "base/log.h"
#include "base/states.h"

static const char *const send_names[] = {"none", "head", "body", "done", "stopped"};
static const uint32_t send_next[] = {
    [SEND_NONE] = STATES_BIT(SEND_HEAD),
    [SEND_HEAD] = STATES_BIT(SEND_BODY) | STATES_BIT(SEND_STOPPED) | STATES_BIT(SEND_NONE),
    [SEND_BODY] = STATES_BIT(SEND_DONE) | STATES_BIT(SEND_STOPPED) | STATES_BIT(SEND_NONE),
    [SEND_DONE] = STATES_BIT(SEND_STOPPED) | STATES_BIT(SEND_NONE), /* STOPPED: what was collected cannot leave */
    [SEND_STOPPED] = STATES_BIT(SEND_NONE),
};
static const struct states send_machine = {"request to the endpoint", send_names, send_next};

static const char *const answer_names[] = {"head", "document", "body", "done"};
static const uint32_t answer_next[] = {
    [ANSWER_HEAD] = STATES_BIT(ANSWER_DOCUMENT) | STATES_BIT(ANSWER_BODY),
    [ANSWER_DOCUMENT] = STATES_BIT(ANSWER_BODY) | STATES_BIT(ANSWER_HEAD),
    [ANSWER_BODY] = STATES_BIT(ANSWER_DONE),
    [ANSWER_DONE] = 0, /* a byte of it has left: never sent again */
};
static const struct states answer_machine = {"answer of the endpoint", answer_names, answer_next};

static void note(const struct request *req, const struct states *machine, unsigned from, unsigned to)
{
    char ctx[256];

    states_check(machine, from, to);
    LOG_CTX(LOG_DEBUG, request_log_ctx(req, ctx, sizeof(ctx)), "%s: %s -> %s", machine->machine, machine->names[from],
            machine->names[to]);
}

void exchange_set_send(struct request *req, enum send_state to)
{
    note(req, &send_machine, req->relay.send_state, to);
    req->relay.send_state = to;
}

void exchange_set_answer(struct request *req, enum answer_state to)
{
    note(req, &answer_machine, req->relay.answer_state, to);
    req->relay.answer_state = to;
}

void exchange_stop_sending(struct request *req)
{
    if (exchange_sends(req)) exchange_set_send(req, SEND_STOPPED);
}

void exchange_reset(struct request *req)
{
    if (req->relay.send_state != SEND_NONE) exchange_set_send(req, SEND_NONE);
    if (req->relay.answer_state != ANSWER_HEAD) exchange_set_answer(req, ANSWER_HEAD);
}
