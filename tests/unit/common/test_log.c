/* Log lines: one line per event, nothing forged into it. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/log.h"

/* What `act` writes to stderr. */
static struct sp_view
capture(void (*act)(void), char *out, size_t size)
{
    int ends[2] = { -1, -1 };
    int kept = dup(STDERR_FILENO);
    ssize_t n = 0;

    cr_assert_eq(pipe(ends), 0);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    act();
    cr_assert_geq(dup2(kept, STDERR_FILENO), 0);
    (void)close(kept);
    (void)close(ends[1]);
    n = read(ends[0], out, size);
    (void)close(ends[0]);
    return sp_view_make(out, n > 0 ? (size_t)n : 0);
}

static void
log_one(void)
{
    sp_log_open("edge", SP_LOG_INFO);
    sp_log(SP_LOG_WARN, "bad_request", "status=%d", 400);
}

static void
log_below_the_level(void)
{
    sp_log_open("edge", SP_LOG_WARN);
    sp_log(SP_LOG_INFO, "started", "pid=%d", 1);
}

static void
log_too_much(void)
{
    char text[5000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    sp_log_open("edge", SP_LOG_INFO);
    sp_log(SP_LOG_INFO, "long", "text=%s", text);
}

Test(log, writes_fixed_keys_first)
{
    char out[4096];
    struct sp_view line = capture(log_one, out, sizeof(out));
    static const char rest[] =
        "Z level=warn svc=edge event=bad_request status=400\n";

    cr_assert_eq(line.len,
                 strlen("ts=2026-11-23T06:48:00.000") + sizeof(rest) - 1);
    cr_expect(sp_view_starts(line, "ts=2"));
    cr_expect(
        sp_view_is(sp_view_skip(line, line.len - (sizeof(rest) - 1)), rest));
}

Test(log, keeps_quiet_below_the_level)
{
    char out[4096];

    cr_expect_eq(capture(log_below_the_level, out, sizeof(out)).len, 0);
    cr_expect(sp_log_wants(SP_LOG_ERROR));
    cr_expect(!sp_log_wants(SP_LOG_INFO));
}

Test(log, cuts_long_lines_and_ends_them)
{
    char out[8192];
    struct sp_view line = capture(log_too_much, out, sizeof(out));

    cr_assert_gt(line.len, 1000);
    cr_expect_leq(line.len, 2048);
    cr_expect_eq(line.ptr[line.len - 1], '\n');
    cr_expect_eq(memchr(line.ptr, '\n', line.len), line.ptr + line.len - 1);
    cr_expect_null(memchr(line.ptr, '\0', line.len));
}

Test(log, safe_escapes_what_could_forge_a_line)
{
    static const struct {
        struct sp_view input;
        const char *want;
    } rows[] = {
        { { "plain/1.0", 9 }, "plain/1.0" },
        { { "", 0 }, "" },
        { { "a b", 3 }, "a\\x20b" },
        { { "\nlevel=error", 12 }, "\\x0alevel\\x3derror" },
        { { "\"\\", 2 }, "\\x22\\x5c" },
        { { "\x1b\0\x7f", 3 }, "\\x1b\\x00\\x7f" },
        { { "\xe2\x80\xae", 3 }, "\\xe2\\x80\\xae" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_log_text buffer;

        cr_expect_str_eq(sp_log_safe(&buffer, rows[i].input), rows[i].want);
    }
}

Test(log, safe_clips)
{
    struct sp_log_text buffer;
    char long_input[500];

    memset(long_input, '\n', sizeof(long_input));
    (void)sp_log_safe(&buffer, sp_view_make(long_input, sizeof(long_input)));
    cr_expect_eq(strlen(buffer.text), 96 * 4 + 3);
    cr_expect_str_eq(buffer.text + (size_t)96 * 4, "...");
    (void)sp_log_safe(&buffer, sp_view_make(long_input, 96));
    cr_expect_eq(strlen(buffer.text), 96 * 4);
}

Test(log, refuse_exits_with_the_status_for_bad_configuration,
     .exit_code = EX_CONFIG)
{
    sp_log_open("auth", SP_LOG_INFO);
    sp_refuse("%s is missing: run make run once", "keys/auth/es256.key");
}

Test(log, fatal_aborts, .signal = SIGABRT)
{
    sp_fatal("broken", "value=%d", 1);
}
