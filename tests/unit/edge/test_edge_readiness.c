/* Ready is what every executor has lately proved. */
#include <criterion/criterion.h>
#include <string.h>

#include "services/edge/readiness.h"

static const unsigned char key[8] = "12345678";

#define START_MS 5000

struct probed {
    struct readiness r;
    unsigned char id[16];
};

static struct probed
probe_at(int64_t now_ms)
{
    struct probed p;

    readiness_begin(&p.r, key);
    readiness_probe(&p.r, now_ms, p.id);
    return p;
}

static void
answer(struct probed *p, enum sp_service_id service, int64_t now_ms)
{
    readiness_answer(&p->r, sp_view_make(p->id, sizeof(p->id)), service,
                     now_ms);
}

static void
answer_all(struct probed *p, int64_t now_ms)
{
    answer(p, SP_SERVICE_TOOLS, now_ms);
    answer(p, SP_SERVICE_LLM, now_ms);
    answer(p, SP_SERVICE_MONITOR, now_ms);
}

static void
expect_text(const struct readiness *r, int64_t now_ms, const char *want)
{
    struct sp_buf out = sp_buf_new(256);

    readiness_write(r, now_ms, &out);
    cr_expect(sp_view_is(sp_buf_view(&out), want), "got %.*s",
              SP_VIEW(sp_buf_view(&out)));
    sp_buf_free(&out);
}

Test(edge_readiness, waits_for_every_executor)
{
    struct probed p = probe_at(START_MS);

    cr_expect_not(readiness_ready(&p.r, START_MS));
    expect_text(
        &p.r, START_MS,
        "{\"ready\":false,\"waiting_for\":[\"tools\",\"llm\",\"monitor\"]}\n");
    answer(&p, SP_SERVICE_MONITOR, START_MS);
    answer(&p, SP_SERVICE_TOOLS, START_MS);
    cr_expect_not(readiness_ready(&p.r, START_MS));
    expect_text(&p.r, START_MS,
                "{\"ready\":false,\"waiting_for\":[\"llm\"]}\n");
    answer(&p, SP_SERVICE_LLM, START_MS);
    cr_expect(readiness_ready(&p.r, START_MS));
    expect_text(&p.r, START_MS, "{\"ready\":true,\"waiting_for\":[]}\n");
}

/* The proof is as old as the question, however late the answer. */
Test(edge_readiness, a_proof_ends)
{
    struct probed p = probe_at(START_MS);

    answer_all(&p, START_MS + 2000);
    cr_expect(readiness_ready(&p.r, START_MS + READINESS_VALID_MS));
    cr_expect_not(readiness_ready(&p.r, START_MS + READINESS_VALID_MS + 1));
    readiness_probe(&p.r, START_MS + 3000, p.id);
    answer_all(&p, START_MS + 3100);
    cr_expect(readiness_ready(&p.r, START_MS + 3000 + READINESS_VALID_MS));
}

Test(edge_readiness, an_older_answer_takes_nothing_back)
{
    struct probed old = probe_at(START_MS);
    unsigned char newer[16];

    readiness_probe(&old.r, START_MS + 1000, newer);
    readiness_answer(&old.r, sp_view_make(newer, sizeof(newer)),
                     SP_SERVICE_TOOLS, START_MS + 1001);
    answer_all(&old, START_MS + 1002);
    cr_expect_not(readiness_ready(&old.r, START_MS + 1000 + 3000));
    cr_expect(readiness_ready(&old.r, START_MS + 3000));
    readiness_answer(&old.r, sp_view_make(newer, sizeof(newer)), SP_SERVICE_LLM,
                     START_MS + 1003);
    readiness_answer(&old.r, sp_view_make(newer, sizeof(newer)),
                     SP_SERVICE_MONITOR, START_MS + 1003);
    cr_expect(readiness_ready(&old.r, START_MS + 1000 + 3000));
}

Test(edge_readiness, ignores_what_answers_no_probe_of_ours)
{
    struct probed p = probe_at(START_MS);
    unsigned char id[16];

    memcpy(id, p.id, sizeof(id));
    id[0] ^= 1;
    readiness_answer(&p.r, sp_view_make(id, 16), SP_SERVICE_TOOLS, START_MS);
    memcpy(id, p.id, sizeof(id));
    id[8] += 1; /* the next one, which was not sent */
    readiness_answer(&p.r, sp_view_make(id, 16), SP_SERVICE_TOOLS, START_MS);
    memset(id + 8, 0xff, 8);
    readiness_answer(&p.r, sp_view_make(id, 16), SP_SERVICE_TOOLS, START_MS);
    memset(id + 8, 0, 8);
    readiness_answer(&p.r, sp_view_make(id, 16), SP_SERVICE_TOOLS, START_MS);
    readiness_answer(&p.r, sp_view_make(p.id, 15), SP_SERVICE_TOOLS, START_MS);
    readiness_answer(&p.r, sp_view_make(NULL, 0), SP_SERVICE_TOOLS, START_MS);
    answer(&p, SP_SERVICE_AUTH, START_MS);
    answer(&p, SP_SERVICE_VALIDATION, START_MS);
    answer(&p, SP_SERVICE_LLM, START_MS);
    answer(&p, SP_SERVICE_MONITOR, START_MS);
    expect_text(&p.r, START_MS,
                "{\"ready\":false,\"waiting_for\":[\"tools\"]}\n");
}

Test(edge_readiness, forgets_probes_that_are_long_gone)
{
    struct probed p = probe_at(START_MS);
    unsigned char id[16];

    for (int i = 0; i < READINESS_PROBES; i++) {
        readiness_probe(&p.r, START_MS + 100000, id);
    }
    /* Its place has been taken by a newer one. */
    answer_all(&p, START_MS + 100000);
    cr_expect_not(readiness_ready(&p.r, START_MS + 100000));
}

Test(edge_readiness, asks_often_until_all_is_well)
{
    struct probed p = probe_at(START_MS);
    int64_t starting = readiness_interval_ms(&p.r, START_MS);
    int64_t steady = 0;
    int64_t troubled = 0;

    answer_all(&p, START_MS);
    steady = readiness_interval_ms(&p.r, START_MS);
    troubled = readiness_interval_ms(&p.r, START_MS + 10000);
    cr_expect_eq(starting, 50);
    cr_expect_eq(steady, 1000);
    cr_expect_eq(troubled, 250);
}
