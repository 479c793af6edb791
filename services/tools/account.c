/* run: account_value - exact sums over the amounts of an account. */
#include "common/error.h"
#include "services/tools/amount.h"
#include "services/tools/runner.h"

#define MAX_AMOUNTS 100
#define MAX_AMOUNT (INT64_C(1000000) * AMOUNT_ONE)

/* The highest tier whose bound the total exceeds. */
static const struct {
    int64_t above;
    const char *name;
} tiers[] = {
    { INT64_C(50000) * AMOUNT_ONE, "gold" },
    { INT64_C(10000) * AMOUNT_ONE, "silver" },
};

static const char *
tier_of(int64_t total)
{
    for (size_t i = 0; i < SP_COUNT(tiers); i++) {
        if (total > tiers[i].above) {
            return tiers[i].name;
        }
    }
    return "bronze";
}

/* The sentence that says what is wrong, or NULL. */
static const char *
read_amounts(const struct arguments *arguments, int64_t *amounts,
             size_t *ret_count)
{
    const struct sp_json *json = arguments->json;
    const struct sp_json_token *list =
        sp_json_get(json, arguments->object, "amounts");
    const struct sp_json_token *t = NULL;
    size_t count = 0;

    if (!sp_json_is(list, SP_JSON_ARRAY) || list->count < 1 ||
        list->count > MAX_AMOUNTS) {
        return "amounts must be 1 to 100 numbers.";
    }
    for (t = sp_json_first(json, list); t != NULL;
         t = sp_json_next(json, list, t)) {
        if (!sp_json_is(t, SP_JSON_NUMBER) ||
            amount_read(sp_json_raw(json, t), &amounts[count]) != 0 ||
            amounts[count] < 0 || amounts[count] > MAX_AMOUNT) {
            return "Each amount must be a number from 0 to 1000000 with at "
                   "most 6 decimal places.";
        }
        count++;
    }
    *ret_count = count;
    return NULL;
}

static void
add_amount(struct sp_buf *out, const char *name, int64_t amount)
{
    (void)sp_buf_addf(out, ",\"%s\":", name);
    amount_write(amount, out);
}

static int
account_run(const struct runner_means *means, void *state,
            const struct tool_call *call, struct tool_result *result)
{
    int64_t amounts[MAX_AMOUNTS];
    struct amount_sums sums;
    struct sp_view customer_id;
    size_t count = 0;
    const char *wrong = NULL;
    struct sp_buf *out = &result->text;
    int known = runner_customer(means, call, result, &customer_id);

    (void)state;
    if (known != 1) {
        return known;
    }
    wrong = read_amounts(&call->arguments, amounts, &count);
    if (wrong != NULL) {
        return runner_fail(result, wrong);
    }
    if (amount_sum(amounts, count, &sums) != 0) {
        return SP_ELIMIT;
    }
    (void)sp_buf_add_str(out, "{");
    runner_add_text(out, "customer_id", customer_id);
    add_amount(out, "total", sums.total);
    add_amount(out, "average", sums.average);
    (void)sp_buf_addf(out, ",\"count\":%zu", count);
    add_amount(out, "max", sums.max);
    add_amount(out, "min", sums.min);
    return sp_buf_addf(out, ",\"tier\":\"%s\"}", tier_of(sums.total));
}

const struct runner runner_account = {
    .name = "account_value",
    .changes = false,
    .run = account_run,
};
