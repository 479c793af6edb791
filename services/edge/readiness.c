/* Probes and what they prove. */
#include "services/edge/readiness.h"

#include <string.h>

#include "common/base/compiler.h"

#define STARTING_MS 50
#define TROUBLED_MS 250
#define STEADY_MS 1000

static const enum sp_service_id executors[READINESS_EXECUTORS] = {
    SP_SERVICE_TOOLS,
    SP_SERVICE_LLM,
    SP_SERVICE_MONITOR,
};

void
readiness_begin(struct readiness *r, const unsigned char key[8])
{
    *r = (struct readiness){ .counter = READINESS_PROBES };
    memcpy(r->key, key, sizeof(r->key));
}

void
readiness_probe(struct readiness *r, int64_t now_ms, unsigned char id[16])
{
    memcpy(id, r->key, sizeof(r->key));
    memcpy(id + sizeof(r->key), &r->counter, sizeof(r->counter));
    r->sent_ms[r->counter % READINESS_PROBES] = now_ms;
    r->counter++;
}

void
readiness_answer(struct readiness *r, struct sp_view id,
                 enum sp_service_id service, int64_t now_ms)
{
    uint64_t counter = 0;
    int64_t sent_ms = 0;

    if (id.len != 16 || memcmp(id.ptr, r->key, sizeof(r->key)) != 0) {
        return;
    }
    memcpy(&counter, id.ptr + sizeof(r->key), sizeof(counter));
    if (counter >= r->counter || r->counter - counter > READINESS_PROBES) {
        return;
    }
    sent_ms = r->sent_ms[counter % READINESS_PROBES];
    for (size_t i = 0; i < READINESS_EXECUTORS; i++) {
        if (executors[i] == service && sent_ms > r->proved_ms[i]) {
            r->proved_ms[i] = sent_ms;
        }
    }
    r->was_ready = r->was_ready || readiness_ready(r, now_ms);
}

static bool
proved(const struct readiness *r, size_t executor, int64_t now_ms)
{
    return r->proved_ms[executor] != 0 &&
           now_ms - r->proved_ms[executor] <= READINESS_VALID_MS;
}

bool
readiness_ready(const struct readiness *r, int64_t now_ms)
{
    for (size_t i = 0; i < READINESS_EXECUTORS; i++) {
        if (!proved(r, i, now_ms)) {
            return false;
        }
    }
    return true;
}

int64_t
readiness_interval_ms(const struct readiness *r, int64_t now_ms)
{
    if (!r->was_ready) {
        return STARTING_MS;
    }
    return readiness_ready(r, now_ms) ? STEADY_MS : TROUBLED_MS;
}

void
readiness_write(const struct readiness *r, int64_t now_ms, struct sp_buf *out)
{
    const char *comma = "";

    (void)sp_buf_addf(out, "{\"ready\":%s,\"waiting_for\":[",
                      readiness_ready(r, now_ms) ? "true" : "false");
    for (size_t i = 0; i < READINESS_EXECUTORS; i++) {
        if (!proved(r, i, now_ms)) {
            (void)sp_buf_addf(out, "%s\"%s\"", comma,
                              sp_service_name(executors[i]));
            comma = ",";
        }
    }
    (void)sp_buf_add_str(out, "]}\n");
}
