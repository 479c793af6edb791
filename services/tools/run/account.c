/* run: account_value - exact sums over the amounts of an account. */
#include "common/base/error.h"
#include "services/tools/run/amount.h"
#include "services/tools/run/runner.h"

#define MAX_AMOUNTS 100
#define MAX_AMOUNT 1000000

/* The highest tier whose bound the total exceeds. */
static const struct {
    uint32_t above;
    const char *name;
} tiers[] = {
    { 50000, "gold" },
    { 10000, "silver" },
};

static const char *
tier_of(const struct amount *total)
{
    for (size_t i = 0; i < SP_COUNT(tiers); i++) {
        if (amount_compare(total, tiers[i].above) > 0) {
            return tiers[i].name;
        }
    }
    return "bronze";
}

/* The sentence that says what is wrong, or NULL. */
static const char *
read_amounts(const struct arguments *arguments, struct amount_sums *sums)
{
    const struct sp_json *json = arguments->json;
    const struct sp_json_token *list =
        sp_json_get(json, arguments->object, "amounts");
    const struct sp_json_token *t = NULL;

    if (!sp_json_is(list, SP_JSON_ARRAY) || list->count < 1 ||
        list->count > MAX_AMOUNTS) {
        return "amounts must be 1 to 100 numbers.";
    }
    for (t = sp_json_first(json, list); t != NULL;
         t = sp_json_next(json, list, t)) {
        struct amount amount;

        if (amount_read(json, t, &amount) != 0 ||
            amount_compare(&amount, MAX_AMOUNT) > 0 ||
            amount_sums_add(sums, &amount) != 0) {
            return "Each amount must be a number from 0 to 1000000 with at "
                   "most 350 decimal places.";
        }
    }
    return NULL;
}

static void
add_amount(struct sp_buf *out, const char *name, const struct amount *amount)
{
    (void)sp_buf_addf(out, ",\"%s\":", name);
    amount_write(amount, out);
}

static int
account_run(const struct runner_means *means, void *state,
            const struct tool_call *call, struct tool_result *result)
{
    struct amount_sums sums = { .count = 0 };
    struct amount average;
    struct sp_view customer_id;
    const char *wrong = NULL;
    struct sp_buf *out = &result->text;
    int known = runner_customer(means, call, result, &customer_id);

    (void)state;
    if (known != 1) {
        return known;
    }
    wrong = read_amounts(&call->arguments, &sums);
    if (wrong != NULL) {
        return runner_fail(result, wrong);
    }
    average = amount_average(&sums);
    (void)sp_buf_add_str(out, "{");
    runner_add_text(out, "customer_id", customer_id);
    add_amount(out, "total", &sums.total);
    add_amount(out, "average", &average);
    (void)sp_buf_addf(out, ",\"count\":%u", sums.count);
    add_amount(out, "max", &sums.max);
    add_amount(out, "min", &sums.min);
    return sp_buf_addf(out, ",\"tier\":\"%s\"}", tier_of(&sums.total));
}

const struct runner runner_account = {
    .changes = false,
    .run = account_run,
};
