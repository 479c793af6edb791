/* The repetition policy: smoothed usual time and a token budget. */
#include "services/edge/retry.h"

#define ONE 100 /* a repetition in the budget's hundredths */
/* Weight of a new time in the smoothed one: 1/16. */
#define SMOOTHING_SHIFT 4
/* The longest wait; beyond it only the deadline helps. */
#define MAX_WAIT_MS 30000
/* An idle edge earns one repetition in this time. */
#define REFILL_MS 1000

void
retry_begin(struct retry *r, const struct retry_config *config, int64_t now_ms)
{
    *r = (struct retry){ .config = *config, .refilled_ms = now_ms };
    r->tokens = (int64_t)config->spare * ONE;
}

void
retry_configure(struct retry *r, const struct retry_config *config)
{
    r->config = *config;
}

/* What a busy second may save up for the next one. */
static int64_t
most_tokens(const struct retry *r)
{
    return ((int64_t)r->config.spare + r->config.percent * 10) * ONE;
}

static void
earn(struct retry *r, int64_t tokens)
{
    int64_t most = most_tokens(r);

    r->tokens = r->tokens + tokens < most ? r->tokens + tokens : most;
}

void
retry_sent(struct retry *r)
{
    earn(r, r->config.percent);
}

void
retry_signed(struct retry *r, enum sp_path_class class, int64_t us)
{
    int64_t *usual = &r->usual_us[class];

    if (*usual == 0) {
        *usual = us > 0 ? us : 1;
        return;
    }
    *usual += (us - *usual) / (1 << SMOOTHING_SHIFT);
}

int64_t
retry_wait_ms(const struct retry *r, enum sp_path_class class, unsigned attempt)
{
    int64_t wait = r->usual_us[class] * r->config.factor / 1000;

    if (wait < r->config.floor_ms) {
        wait = r->config.floor_ms;
    }
    for (unsigned i = 0; i < attempt && wait < MAX_WAIT_MS; i++) {
        wait *= 2;
    }
    return wait < MAX_WAIT_MS ? wait : MAX_WAIT_MS;
}

bool
retry_take(struct retry *r, unsigned attempt, int64_t now_ms)
{
    int64_t seconds = (now_ms - r->refilled_ms) / REFILL_MS;

    if (attempt + 1 >= r->config.attempts) {
        return false;
    }
    if (seconds > 0) {
        int64_t room = (int64_t)r->config.spare * ONE - r->tokens;
        int64_t earned = seconds < r->config.spare
                             ? seconds * ONE
                             : (int64_t)r->config.spare * ONE;

        r->refilled_ms += seconds * REFILL_MS;
        if (room > 0) {
            earn(r, earned < room ? earned : room);
        }
    }
    if (r->tokens < ONE) {
        r->withheld++;
        return false;
    }
    r->tokens -= ONE;
    r->repeated++;
    return true;
}
