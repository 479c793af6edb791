/* The metrics page: families together, labels added, bad lines left out. */
#include <string.h>

#include <criterion/criterion.h>

#include "services/monitor/scrape.h"

static void
status(struct sources *s, enum sp_service_id service, const char *replica,
       const char *metrics)
{
    const struct sp_status st = { .boot = SP_VIEW_LITERAL("aaaaaaaa"),
                                  .replica = sp_view_of(replica),
                                  .ready = true,
                                  .queue_depth = 2,
                                  .last = true,
                                  .metrics = sp_view_of(metrics) };

    (void)sources_status(s, service, &st, 1000);
}

/* The page without what the monitor writes of itself. */
static struct sp_view
samples_of(struct sources *s, struct sp_buf *page)
{
    const char *behind = NULL;

    *page = sp_buf_new(SCRAPE_MAX);
    cr_assert_eq(scrape_write(s, 1000, page), 0);
    (void)sp_buf_add(page, "", 1);
    behind = strstr(page->data, "# TYPE sallyport_queue_depth gauge\n");
    cr_assert_not_null(behind);
    behind = strchr(behind, '\n') + 1;
    while (strncmp(behind, "sallyport_queue_depth", 21) == 0) {
        behind = strchr(behind, '\n') + 1;
    }
    return sp_view_of(behind);
}

Test(scrape, keeps_families_together_and_names_each_process)
{
    struct sources *s = sources_new();
    struct sp_buf page;
    struct sp_view got;

    status(s, SP_SERVICE_EDGE, "0",
           "z_total 1\nrt_bucket{le=\"1\"} 2\nrt_bucket{le=\"+Inf\"} 3\n"
           "rt_sum 4.5\nrt_count 3\nopen{a=\"b\"} 7\n");
    status(s, SP_SERVICE_TOOLS, "1", "z_total 5\nopen 1\n");
    got = samples_of(s, &page);
    cr_assert(
        sp_view_is(got, "# TYPE open gauge\n"
                        "open{service=\"edge\",replica=\"0\",a=\"b\"} 7\n"
                        "open{service=\"tools\",replica=\"1\"} 1\n"
                        "# TYPE rt histogram\n"
                        "rt_bucket{service=\"edge\",replica=\"0\",le=\"1\"} 2\n"
                        "rt_bucket{service=\"edge\",replica=\"0\","
                        "le=\"+Inf\"} 3\n"
                        "rt_sum{service=\"edge\",replica=\"0\"} 4.5\n"
                        "rt_count{service=\"edge\",replica=\"0\"} 3\n"
                        "# TYPE z_total counter\n"
                        "z_total{service=\"edge\",replica=\"0\"} 1\n"
                        "z_total{service=\"tools\",replica=\"1\"} 5\n"),
        "%.*s", SP_VIEW(got));
    sp_buf_free(&page);
    sources_free(&s);
}

Test(scrape, leaves_out_what_is_no_sample)
{
    static const char *const lines[] = {
        "",
        " ",
        "a",
        "a ",
        "a b",
        "a 1 ",
        "a  1",
        "a 0x10",
        "a 1e",
        "a 1 1700000000",
        "1a 1",
        "a{} 1",
        "a{b} 1",
        "a{b=} 1",
        "a{b=\"c} 1",
        "a{b=\"c\"",
        "a{b=\"c\"}1",
        "a{b=\"c\",} 1",
        "a{b=\"\\x\"} 1",
        "a{service=\"edge\"} 1",
        "a{b=\"c\",replica=\"9\"} 1",
        "# TYPE a counter",
        "sallyport_ready 0",
        "a nan(1)",
        "a\t1",
    };
    struct sources *s = sources_new();

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct sp_buf page;
        struct sp_view got;

        status(s, SP_SERVICE_LLM, "0", lines[i]);
        got = samples_of(s, &page);
        cr_assert_eq(got.len, 0, "%s: %.*s", lines[i], SP_VIEW(got));
        sp_buf_free(&page);
    }
    sources_free(&s);
}

Test(scrape, a_bad_line_does_not_take_the_good_ones_with_it)
{
    struct sources *s = sources_new();
    struct sp_buf page;

    status(s, SP_SERVICE_LLM, "a\"b\\c\n",
           "bad line\nx{q=\"a\\\"}\\n\"} -1.5e3\n{\n");
    cr_assert(sp_view_is(samples_of(s, &page),
                         "# TYPE x gauge\n"
                         "x{service=\"llm\",replica=\"a\\\"b\\\\c?\","
                         "q=\"a\\\"}\\n\"} -1.5e3\n"));
    sp_buf_free(&page);
    sources_free(&s);
}

Test(scrape, shows_who_is_ready)
{
    struct sources *s = sources_new();
    struct sp_buf page = sp_buf_new(SCRAPE_MAX);

    status(s, SP_SERVICE_AUTH, "0", "");
    cr_assert_eq(scrape_write(s, 1000 + SOURCES_SILENT_MS, &page), 0);
    (void)sp_buf_add(&page, "", 1);
    cr_assert_str_eq(page.data,
                     "# HELP sallyport_ready 1 where the process is ready for "
                     "work.\n"
                     "# TYPE sallyport_ready gauge\n"
                     "sallyport_ready{service=\"auth\",replica=\"0\"} 0\n"
                     "# HELP sallyport_queue_depth Requests being worked on, "
                     "and messages that wait to be sent.\n"
                     "# TYPE sallyport_queue_depth gauge\n"
                     "sallyport_queue_depth{service=\"auth\",replica=\"0\"} "
                     "2\n");
    sp_buf_free(&page);
    sources_free(&s);
}
