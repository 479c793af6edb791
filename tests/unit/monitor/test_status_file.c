/* The status file: an array for `sallyport status`, replaced whole. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/text/json.h"
#include "services/monitor/status_file.h"

Test(status_file, tells_of_each_process)
{
    struct sources *s = sources_new();
    struct sp_buf out = sp_buf_new(65536);
    struct sp_json json = { 0 };
    const struct sp_status st = {
        .boot = SP_VIEW_LITERAL("aaaaaaaa"),
        .replica = SP_VIEW_LITERAL("0"),
        .pid = 4711,
        .ready = true,
        .queue_depth = 9,
        .last_error = SP_VIEW_LITERAL("link \"x\"\n\xff"),
        .config = SP_VIEW_LITERAL("0123456789abcdef"),
        .config_error = SP_VIEW_LITERAL("tools.yaml:3: \"x\""),
    };

    cr_assert_eq(status_write(s, 1000, 5000, &out), 0);
    cr_assert(sp_view_is(sp_buf_view(&out), "[\n]\n"));
    sp_buf_reset(&out);
    (void)sources_status(s, SP_SERVICE_TOOLS, &st, 1000);
    (void)sources_status(s, SP_SERVICE_LLM, &st, 1000);
    cr_assert_eq(status_write(s, 1500, 5000, &out), 0);
    cr_assert_eq(sp_json_parse(&json, sp_buf_view(&out)), 0);
    cr_assert_eq(sp_json_root(&json)->count, 2);
    (void)sp_buf_add(&out, "", 1);
    cr_assert_not_null(strstr(out.data,
                              "{\"service\":\"tools\",\"replica\":\"0\","
                              "\"pid\":4711,\"ready\":true,\"queue_depth\":9,"
                              "\"last_error\":\"link \\\"x\\\"\\n\\ufffd\","
                              "\"config\":\"0123456789abcdef\","
                              "\"config_error\":\"tools.yaml:3: \\\"x\\\"\","
                              "\"seen_ms\":4500}"));
    sp_json_free(&json);
    sp_buf_free(&out);
    sources_free(&s);
}

Test(status_file, a_reader_finds_the_old_or_the_new_but_nothing_else)
{
    char dir[] = "/tmp/test_status_file.XXXXXX";
    char path[96];
    char next[112];
    char got[64] = { 0 };
    struct stat st;
    FILE *old = NULL;

    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/status.json", dir);
    (void)snprintf(next, sizeof(next), "%s.next", path);
    cr_assert_eq(status_replace(path, SP_VIEW_LITERAL("old\n")), 0);
    old = fopen(path, "r");
    cr_assert_not_null(old);
    cr_assert_eq(status_replace(path, SP_VIEW_LITERAL("newer\n")), 0);
    /* Who had it open reads the old one to its end. */
    cr_assert_not_null(fgets(got, sizeof(got), old));
    cr_assert_str_eq(got, "old\n");
    (void)fclose(old);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_size, 6);
    cr_assert_eq(st.st_mode & 0777, 0600);
    cr_assert_neq(access(next, F_OK), 0);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(dir), 0);
    cr_assert_eq(status_replace(path, SP_VIEW_LITERAL("x")), SP_ESTORE);
}
