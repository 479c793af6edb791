/* The scan directory of the native supervisor, and the scripts in it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/sallyport/files.h"
#include "clients/sallyport/process.h"
#include "clients/sallyport/supervise.h"
#include "common/base/compiler.h"
#include "common/base/error.h"

#define WHY_MAX 1024
#define SERVICE_DIRECTORY "supervise/.replicas/tools.0"

static char directory[64];

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void
enter(void)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);

    (void)snprintf(directory, sizeof(directory), "/tmp/sp-scan-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_assert_eq(supervise_reset(&why), 0, "%.*s", SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
}

static void
leave(void)
{
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(sallyport_supervise, .init = enter, .fini = leave);

/* ------------------------------------------------------------------ parser */

Test(sallyport_supervise, reads_counts)
{
    static const struct {
        const char *text;
        int want;
        enum sp_service_id service;
        unsigned count;
    } rows[] = {
        { "validation=3", 0, SP_SERVICE_VALIDATION, 3 },
        { "edge=1", 0, SP_SERVICE_EDGE, 1 },
        { "tools=0", SP_ELIMIT, SP_SERVICE_TOOLS, 99 },
        { "llm=16", 0, SP_SERVICE_LLM, 16 },
        { "llm=17", SP_ELIMIT, SP_SERVICE_LLM, 99 },
        { "monitor=1", 0, SP_SERVICE_MONITOR, 1 },
        { "monitor=2", SP_ELIMIT, SP_SERVICE_MONITOR, 99 },
        { "llm=18446744073709551617", SP_ELIMIT, SP_SERVICE_LLM, 99 },
        { "redis=1", SP_EUNKNOWN, SP_SERVICE_EDGE, 99 },
        { "=1", SP_EUNKNOWN, SP_SERVICE_EDGE, 99 },
        { "edge", SP_EFORMAT, SP_SERVICE_EDGE, 99 },
        { "edge=", SP_EFORMAT, SP_SERVICE_EDGE, 99 },
        { "edge=-1", SP_EFORMAT, SP_SERVICE_EDGE, 99 },
        { "edge= 1", SP_EFORMAT, SP_SERVICE_EDGE, 99 },
        { "edge=1x", SP_EFORMAT, SP_SERVICE_EDGE, 99 },
        { "", SP_EFORMAT, SP_SERVICE_EDGE, 99 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf why = sp_buf_new(WHY_MAX);
        struct replica_counts counts;
        int got = 0;

        for (int s = 0; s < SP_SERVICE_COUNT; s++) {
            counts.of[s] = 99;
        }
        got = supervise_parse(rows[i].text, &counts, &why);
        cr_expect_eq(got, rows[i].want, "%s: got %d", rows[i].text, got);
        cr_expect_eq(counts.of[rows[i].service], rows[i].count, "%s",
                     rows[i].text);
        cr_expect_eq(why.len == 0, got == 0, "%s", rows[i].text);
        sp_buf_free(&why);
    }
}

/* ---------------------------------------------------------- scan directory */

static void
add(const char *programs, enum sp_service_id service, unsigned number)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    const struct replica replica = { service, number };

    cr_assert_eq(supervise_add(programs, 30000, replica, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
}

Test(sallyport_supervise, lists_what_was_added_in_order)
{
    struct replicas all;
    struct sp_buf why = sp_buf_new(WHY_MAX);
    const struct replica second = { SP_SERVICE_TOOLS, 2 };

    add("/x", SP_SERVICE_TOOLS, 10);
    add("/x", SP_SERVICE_TOOLS, 2);
    add("/x", SP_SERVICE_AUTH, 0);
    cr_assert_eq(symlink("nowhere", "supervise/other.1"), 0);
    supervise_list(&all);
    cr_assert_eq(all.count, 3u);
    cr_assert_eq(all.list[0].service, SP_SERVICE_AUTH);
    cr_assert_eq(all.list[1].number, 2u);
    cr_assert_eq(all.list[2].number, 10u);
    cr_assert_eq(supervise_remove(second, &why), 0);
    cr_assert_eq(supervise_remove(second, &why), 0, "removing twice is fine");
    supervise_list(&all);
    cr_assert_eq(all.count, 2u);
    cr_assert_eq(supervise_reset(&why), 0);
    supervise_list(&all);
    cr_assert_eq(all.count, 0u);
    cr_assert_not(supervise_running());
    sp_buf_free(&why);
}

/* A directory name with a quote must not end the quoting of the script. */
Test(sallyport_supervise, run_script_starts_the_program_with_its_replica)
{
    static const char *const argv[] = { "/bin/sh", "supervise/auth.7/run",
                                        NULL };
    static const char echo[] = "#!/bin/sh\nprintf '%s|' \"$@\"\n";
    struct sp_buf out = sp_buf_new(WHY_MAX);
    char programs[128];
    int status = -1;

    (void)snprintf(programs, sizeof(programs), "%s/it's $(here)", directory);
    cr_assert_eq(file_make_directory("it's $(here)", 0700), 0);
    cr_assert_eq(file_replace("it's $(here)/auth", sp_view_of(echo), 0700), 0);
    add(programs, SP_SERVICE_AUTH, 7);
    cr_assert_eq(process_capture(argv, true, &out, &status), 0);
    cr_assert_eq(status, 0);
    cr_assert(sp_view_is(sp_buf_view(&out), "--replica|7|"), "%.*s",
              SP_VIEW(sp_buf_view(&out)));
    sp_buf_free(&out);
}

/* ----------------------------------------------------------- finish script */

/* Runs the script as s6-supervise does: in the service directory. */
static int
finish(const char *exit_status, int lived_s)
{
    const char *const argv[] = { "./finish", exit_status, "9", NULL };
    struct timespec times[2] = { { .tv_sec = time(NULL) - lived_s },
                                 { .tv_sec = time(NULL) - lived_s } };
    int status = -1;

    cr_assert_eq(file_create("started", sp_view_of("x"), 0600), 0);
    cr_assert_eq(utimensat(AT_FDCWD, "started", times, 0), 0);
    cr_assert_eq(process_quietly(argv, &status), 0);
    return status;
}

/* The delay that the last run of the script chose; the stopping mark made it
 * not wait. */
static long
chosen_delay(void)
{
    struct sp_buf text = sp_buf_new(64);
    char number[65] = "";

    cr_assert_eq(file_read("delay", &text), 0);
    memcpy(number, text.data, text.len);
    sp_buf_free(&text);
    return strtol(number, NULL, 10);
}

static void
enter_service(void)
{
    add("/x", SP_SERVICE_TOOLS, 0);
    cr_assert_eq(file_replace("supervise/.stopping", sp_view_of("1"), 0600), 0);
    cr_assert_eq(chdir(SERVICE_DIRECTORY), 0);
}

Test(sallyport_supervise, refusal_to_start_is_permanent)
{
    const struct replica replica = { SP_SERVICE_TOOLS, 0 };

    enter_service();
    cr_assert_eq(finish("78", 0), 125);
    cr_assert_eq(chdir(directory), 0);
    cr_assert(supervise_failed(replica));
    add("/x", SP_SERVICE_TOOLS, 0);
    cr_assert_not(supervise_failed(replica), "a new start gets a new chance");
}

Test(sallyport_supervise, crashes_in_a_row_are_slowed_down)
{
    static const long want[] = { 0, 0, 0, 1, 2, 4, 8, 16, 32, 32, 32 };

    enter_service();
    for (size_t i = 0; i < SP_COUNT(want); i++) {
        cr_assert_eq(finish("256", 1), 0);
        cr_assert_eq(chosen_delay(), want[i], "crash %zu", i + 1);
    }
}

Test(sallyport_supervise, a_process_that_lived_starts_over)
{
    enter_service();
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(finish("1", 0), 0);
    }
    cr_assert_eq(chosen_delay(), 4);
    cr_assert_eq(finish("1", 60), 0);
    cr_assert_eq(chosen_delay(), 0);
}

Test(sallyport_supervise, crashes_are_counted_until_the_replica_is_made_anew)
{
    const struct replica replica = { SP_SERVICE_TOOLS, 0 };
    struct replica_state state;

    enter_service();
    cr_assert_eq(finish("0", 0), 0);
    for (int i = 0; i < 12; i++) {
        cr_assert_eq(finish("256", 60), 0);
    }
    cr_assert_eq(chdir(directory), 0);
    supervise_look(replica, &state);
    cr_expect_eq(state.restarts, 12u);
    cr_expect_not(state.up);
    add("/x", SP_SERVICE_TOOLS, 0);
    supervise_look(replica, &state);
    cr_expect_eq(state.restarts, 0u);
}

/* The file of a process that was killed is there for as long as its successor
 * has not opened it. */
Test(sallyport_supervise, pulse_of_an_earlier_life_does_not_count)
{
    static const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    static const char started[] = SERVICE_DIRECTORY "/started";
    const struct replica replica = { SP_SERVICE_TOOLS, 0 };
    const struct sp_pulse ready = { .state = SP_PULSE_READY };
    const struct timespec later[2] = { { .tv_sec = time(NULL) + 2 },
                                       { .tv_sec = time(NULL) + 2 } };
    struct sp_pulse pulse;
    int fd = -1;

    add("/x", SP_SERVICE_TOOLS, 0);
    fd = sp_pulse_open("tools", "0");
    cr_assert_geq(fd, 0);
    sp_pulse_beat(fd, &ready);
    cr_expect_not(supervise_pulse(replica, &pulse), "never started");
    cr_assert_eq(file_create(started, sp_view_of("x"), 0600), 0);
    cr_assert_eq(utimensat(AT_FDCWD, started, old, 0), 0);
    cr_expect(supervise_pulse(replica, &pulse));
    cr_expect_eq(pulse.state, SP_PULSE_READY);
    cr_assert_eq(utimensat(AT_FDCWD, started, later, 0), 0);
    cr_expect_not(supervise_pulse(replica, &pulse), "started since");
    cr_assert_eq(close(fd), 0);
}

Test(sallyport_supervise, an_ordinary_end_is_no_crash)
{
    enter_service();
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(finish("1", 0), 0);
    }
    cr_assert_eq(finish("0", 0), 0);
    cr_assert_eq(finish("1", 0), 0);
    cr_assert_eq(chosen_delay(), 0);
}
