/* run: ticket - stores a support ticket under an id that nobody can guess. */
#include <sodium.h>

#include "common/base/error.h"
#include "services/tools/run/runner.h"
#include "services/tools/run/workday.h"

#define HOUR_MS INT64_C(3600000)
#define RANDOM_BYTES 16
#define ID_BYTES sizeof("TKT-ABCDEFGHIJKLMNOPQRSTUVWXYZ")

/* By when each kind should be solved: in hours, or in days on which people
 * work. */
static const struct priority {
    const char *name;
    int64_t hours;
    unsigned workdays;
} priorities[] = {
    { "normal", 0, 3 }, /* the first is the default */
    { "low", 0, 5 },
    { "high", 48, 0 },
    { "urgent", 24, 0 },
};

/* Base 32 (RFC 4648 section 6) of 128 random bits. */
static void
make_id(char ret_id[ID_BYTES])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char bytes[RANDOM_BYTES];
    size_t bit = 0;

    randombytes_buf(bytes, sizeof(bytes));
    memcpy(ret_id, "TKT-", 4);
    for (size_t i = 4; i < ID_BYTES - 1; i++) {
        unsigned value = 0;

        for (int n = 0; n < 5; n++, bit++) {
            unsigned byte = bit / 8 < RANDOM_BYTES ? bytes[bit / 8] : 0;

            value = value << 1 | (byte >> (7 - bit % 8) & 1);
        }
        ret_id[i] = alphabet[value];
    }
    ret_id[ID_BYTES - 1] = '\0';
}

static const struct priority *
find_priority(const struct arguments *arguments)
{
    const struct sp_json_token *wanted =
        sp_json_get(arguments->json, arguments->object, "priority");

    if (wanted == NULL) {
        return &priorities[0];
    }
    for (size_t i = 0; i < SP_COUNT(priorities); i++) {
        if (sp_json_equals(arguments->json, wanted, priorities[i].name)) {
            return &priorities[i];
        }
    }
    return NULL;
}

/* Reads the arguments but the customer; the sentence that says what is wrong,
 * or NULL. */
static const char *
read_arguments(const struct runner_means *means, const struct tool_call *call,
               struct ledger_ticket *ticket, const struct priority **ret_wish)
{
    static const struct text_bounds subject = { "subject", 1, 200 };
    static const struct text_bounds description = { "description", 1, 2000 };

    *ret_wish = find_priority(&call->arguments);
    if (*ret_wish == NULL) {
        return "priority must be low, normal, high or urgent.";
    }
    if (arguments_text(&call->arguments, &subject, means->scratch,
                       &ticket->subject) != 0) {
        return "subject must be a text of 1 to 200 characters.";
    }
    if (arguments_text(&call->arguments, &description, means->scratch,
                       &ticket->description) != 0) {
        return "description must be a text of 1 to 2000 characters.";
    }
    return NULL;
}

static int
write_ticket(const struct ledger_ticket *ticket, struct sp_buf *out)
{
    const struct {
        const char *before;
        const char *name;
        struct sp_view value;
    } members[] = {
        { "{", "ticket_id", ticket->ticket_id },
        { ",", "customer_id", ticket->customer_id },
        { ",", "subject", ticket->subject },
        { ",", "description", ticket->description },
        { ",", "priority", ticket->priority },
        { ",", "status", SP_VIEW_LITERAL("open") },
    };
    char created[WORKDAY_STAMP_BYTES];
    char resolve_by[WORKDAY_STAMP_BYTES];

    workday_stamp(ticket->created_ms, created);
    workday_stamp(ticket->resolve_by_ms, resolve_by);
    for (size_t i = 0; i < SP_COUNT(members); i++) {
        (void)sp_buf_add_str(out, members[i].before);
        runner_add_text(out, members[i].name, members[i].value);
    }
    (void)sp_buf_add_str(out, ",");
    runner_add_text(out, "created", sp_view_of(created));
    (void)sp_buf_add_str(out, ",");
    runner_add_text(out, "estimated_resolution", sp_view_of(resolve_by));
    (void)sp_buf_add_str(out, "}");
    return out->error;
}

/* sp_json_string() may move the scratch buffer, and with it what was read from
 * it before: room for all is made first. */
static int
make_room(const struct runner_means *means, const struct tool_call *call)
{
    int error =
        sp_buf_add_view(means->scratch, sp_json_raw(call->arguments.json,
                                                    call->arguments.object));

    sp_buf_reset(means->scratch);
    return error;
}

static int
ticket_run(const struct runner_means *means, void *state,
           const struct tool_call *call, struct tool_result *result)
{
    struct ledger_ticket ticket = { .created_ms = call->now_ms,
                                    .caller = call->subject,
                                    .client = call->client };
    const struct priority *priority = NULL;
    const char *wrong = NULL;
    char id[ID_BYTES];
    int known = make_room(means, call);
    int error = 0;

    (void)state;
    if (known == 0) {
        known = runner_customer(means, call, result, &ticket.customer_id);
    }
    if (known != 1) {
        return known;
    }
    wrong = read_arguments(means, call, &ticket, &priority);
    if (wrong != NULL) {
        return runner_fail(result, wrong);
    }
    make_id(id);
    ticket.ticket_id = sp_view_of(id);
    ticket.priority = sp_view_of(priority->name);
    ticket.resolve_by_ms = workday_add(call->now_ms + priority->hours * HOUR_MS,
                                       priority->workdays);
    error = ledger_add_ticket(means->ledger, &ticket);
    return error == 0 ? write_ticket(&ticket, &result->text) : error;
}

const struct runner runner_ticket = {
    .changes = true,
    .run = ticket_run,
};
