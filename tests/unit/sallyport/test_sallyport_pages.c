/* What the command line prints from tables: status, messages, .env.example. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/sallyport/files.h"
#include "clients/sallyport/schema_table.h"
#include "clients/sallyport/status_table.h"
#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/process/settings.h"
#include "common/text/json.h"

#define PAGE_MAX 65536

static const char heard[] =
    "[\n{\"service\":\"auth\",\"replica\":\"0\",\"pid\":12,\"ready\":true,"
    "\"queue_depth\":3,\"last_error\":\"a \\\"b\\\"\\u0007\",\"seen_ms\":99},\n"
    "{\"service\":\"tools\",\"replica\":\"box-1\",\"pid\":13,\"ready\":false,"
    "\"queue_depth\":0,\"last_error\":\"\",\"seen_ms\":98}\n]\n";

TestSuite(sallyport_pages);

Test(sallyport_pages, status_file_is_read)
{
    struct status_table *table = sp_alloc(sizeof(*table));
    const struct status_row *row = NULL;

    cr_assert_eq(status_table_read(sp_view_of(heard), table), 0);
    cr_assert_eq(table->count, 2u);
    row = status_table_find(table, "auth", "0", 12);
    cr_assert_not_null(row);
    cr_expect(row->ready);
    cr_expect_eq(row->queue_depth, 3u);
    cr_expect_eq(row->seen_ms, 99);
    cr_expect_str_eq(row->last_error, "a \"b\"\a");
    cr_expect_null(status_table_find(table, "auth", "0", 11),
                   "an earlier life is somebody else");
    cr_expect_null(status_table_find(table, "auth", "1", 12));
    sp_free(table);
}

Test(sallyport_pages, broken_status_file_is_no_status)
{
    static const char *const broken[] = { "", "[", "{}", "[{]", "null" };
    struct status_table *table = sp_alloc(sizeof(*table));

    for (size_t i = 0; i < SP_COUNT(broken); i++) {
        table->count = 7;
        cr_expect_eq(status_table_read(sp_view_of(broken[i]), table),
                     SP_EFORMAT, "%s", broken[i]);
        cr_expect_eq(table->count, 0u);
    }
    sp_free(table);
}

Test(sallyport_pages, status_is_printed_as_json)
{
    struct status_table *table = sp_alloc(sizeof(*table));
    struct status_table *again = sp_alloc(sizeof(*again));
    struct sp_buf out = sp_buf_new(PAGE_MAX);

    cr_assert_eq(status_table_read(sp_view_of(heard), table), 0);
    status_table_print(table, true, &out);
    cr_assert_eq(status_table_read(sp_buf_view(&out), again), 0);
    cr_assert_eq(again->count, 2u);
    cr_expect_str_eq(again->rows[0].last_error, table->rows[0].last_error);
    cr_expect_eq(again->rows[0].ready, true);
    cr_expect_str_eq(again->rows[1].replica, "box-1");
    cr_expect_eq(again->rows[1].pid, 13u);
    table->count = 0;
    sp_buf_reset(&out);
    status_table_print(table, true, &out);
    cr_expect_eq(status_table_read(sp_buf_view(&out), again), 0);
    sp_buf_free(&out);
    sp_free(table);
    sp_free(again);
}

Test(sallyport_pages, status_shows_uptime_and_restarts)
{
    static const struct {
        int64_t up_s;
        const char *want;
    } rows[] = {
        { -1, "  -  " },      { 0, " 0s " },       { 59, " 59s " },
        { 60, " 1m00s " },    { 3661, " 1h01m " }, { 86399, " 23h59m " },
        { 90000, " 1d01h " },
    };
    struct status_table *table = sp_alloc(sizeof(*table));

    table->count = 1;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf out = sp_buf_new(PAGE_MAX);

        table->rows[0] =
            (struct status_row){ .up_s = rows[i].up_s, .restarts = 17 };
        status_table_print(table, false, &out);
        cr_expect_not_null(
            memmem(out.data, out.len, rows[i].want, strlen(rows[i].want)),
            "%s in: %.*s", rows[i].want, SP_VIEW(sp_buf_view(&out)));
        cr_expect_not_null(memmem(out.data, out.len, " 17 ", 4));
        sp_buf_free(&out);
    }
    sp_free(table);
}

Test(sallyport_pages, message_table_in_docs_is_that_of_the_schema)
{
    struct sp_buf want = sp_buf_new(SCHEMA_TABLE_MAX);
    struct sp_buf got = sp_buf_new(SCHEMA_TABLE_MAX);

    schema_table_write(&want);
    cr_assert_eq(want.error, 0);
    cr_assert_eq(file_read("docs/MESSAGES.md", &got), 0);
    cr_assert(sp_view_equal(sp_buf_view(&got), sp_buf_view(&want)),
              "run: build/release/sallyport schema >docs/MESSAGES.md");
    sp_buf_free(&want);
    sp_buf_free(&got);
}

/* The shipped file changes nothing, and names every setting but those that
 * only the image and the supervisor set. */
Test(sallyport_pages, env_example_is_complete_and_harmless)
{
    static const char *const names[] = {
#define NAME(variable, member, fallback, meaning) #variable,
        SP_SETTINGS(NAME)
#undef NAME
    };
    struct sp_buf text = sp_buf_new(PAGE_MAX);
    struct sp_settings settings;
    const char *why = "";

    (void)clearenv();
    cr_assert_eq(sp_settings_load_env_file(".env.example", &why), 0, "%s", why);
    cr_assert_eq(sp_settings_load(&settings, &why), 0, "%s", why);
    cr_expect_str_eq(settings.url, "https://localhost:8443");
    cr_assert_eq(file_read(".env.example", &text), 0);
    for (size_t i = 0; i < SP_COUNT(names); i++) {
        if (strcmp(names[i], "SP_LINKS") != 0 &&
            strcmp(names[i], "SP_REPLICA") != 0) {
            cr_expect_not_null(
                memmem(text.data, text.len, names[i], strlen(names[i])), "%s",
                names[i]);
        }
    }
    sp_settings_free(&settings);
    sp_buf_free(&text);
}
