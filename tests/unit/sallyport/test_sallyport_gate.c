/* What the command line makes of its settings, its files and its helpers. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/sallyport/files.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/process.h"
#include "clients/sallyport/web.h"
#include "common/base/alloc.h"
#include "common/base/error.h"

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
    (void)snprintf(directory, sizeof(directory), "/tmp/sp-gate-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void
leave(void)
{
    cr_assert_eq(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(sallyport_gate, .init = enter, .fini = leave);

Test(sallyport_gate, host_of_an_authority)
{
    static const struct {
        const char *authority;
        const char *want;
    } rows[] = {
        { "localhost:8443", "localhost" },
        { "gate.example.com", "gate.example.com" },
        { "192.0.2.7:1", "192.0.2.7" },
        { "[2001:db8::1]:8443", "2001:db8::1" },
        { "[::1]", "::1" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char *got = gate_host(rows[i].authority);

        cr_expect_str_eq(got, rows[i].want);
        sp_free(got);
    }
}

Test(sallyport_gate, local_name_of_what_listens_everywhere)
{
    cr_expect_str_eq(gate_local("0.0.0.0"), "127.0.0.1");
    cr_expect_str_eq(gate_local("::"), "::1");
    cr_expect_str_eq(gate_local("192.0.2.7"), "192.0.2.7");
}

Test(sallyport_gate, placeholders_are_found)
{
    char url[] = "SP_URL=https://CHANGE-ME.example.com";
    char other[] = "OTHER=CHANGE-ME";
    char fine[] = "SP_STATE=./state";
    char *const bad[] = { fine, url, NULL };
    char *const good[] = { fine, other, NULL };

    cr_expect_eq(gate_placeholder(bad), url);
    cr_expect_null(gate_placeholder(good));
}

static void
expect_config(const char *set, const char *here, const char *programs,
              const char *want)
{
    char *got = gate_config(set, here, programs);

    cr_expect_str_eq(got, want);
    sp_free(got);
}

Test(sallyport_gate, configuration_belongs_to_the_programs)
{
    char tree[96];
    char path[128];

    (void)snprintf(tree, sizeof(tree), "%s/tree", directory);
    (void)snprintf(path, sizeof(path), "%s/deploy/config", tree);
    cr_assert_eq(file_make_path(path, 0700), 0);
    expect_config("/set", tree, "/usr/lib/sallyport", "/set");
    expect_config(NULL, tree, "/usr/lib/sallyport", path);
    expect_config(NULL, "/", "/usr/lib/sallyport", "/etc/sallyport");
    expect_config(NULL, "/", "/opt/x/lib/sallyport", "/opt/x/etc/sallyport");
    expect_config(NULL, "/", "/srv/build/release", "//deploy/config");
}

/* ------------------------------------------------------------------- files */

Test(sallyport_gate, a_file_is_made_once_and_replaced_on_request)
{
    struct sp_buf text = sp_buf_new(64);
    struct stat st;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/file", directory);
    (void)umask(0);
    cr_assert_eq(file_create(path, sp_view_of("one"), 0600), 0);
    cr_assert_eq(file_create(path, sp_view_of("two"), 0600), 0);
    cr_assert_eq(file_read(path, &text), 0);
    cr_assert(sp_view_is(sp_buf_view(&text), "one"));
    sp_buf_reset(&text);
    cr_assert_eq(file_replace(path, sp_view_of("three"), 0640), 0);
    cr_assert_eq(file_read(path, &text), 0);
    cr_assert(sp_view_is(sp_buf_view(&text), "three"));
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0640u);
    sp_buf_free(&text);
}

Test(sallyport_gate, a_failed_write_leaves_nothing)
{
    struct sp_buf text = sp_buf_new(2);
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/none/file", directory);
    cr_assert_eq(file_create(path, sp_view_of("x"), 0600), SP_ESYSTEM);
    (void)snprintf(path, sizeof(path), "%s/taken", directory);
    cr_assert_eq(file_make_directory(path, 0700), 0);
    cr_assert_eq(file_replace(path, sp_view_of("x"), 0600), SP_ESYSTEM);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(rmdir(directory), 0, "no draft is left");
    cr_assert_eq(mkdir(directory, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/long", directory);
    cr_assert_eq(file_create(path, sp_view_of("long"), 0600), 0);
    cr_assert_eq(file_read(path, &text), SP_ELIMIT);
    sp_buf_free(&text);
}

/* ----------------------------------------------------------------- helpers */

Test(sallyport_gate, a_helper_says_what_and_how_it_ended)
{
    static const struct {
        const char *script;
        bool errors;
        const char *said;
        int status;
    } rows[] = {
        { "echo out; echo err >&2", true, "out\nerr\n", 0 },
        { "echo out; exit 3", false, "out\n", 3 },
        { "kill -9 $$", true, "", 128 + SIGKILL },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const char *const argv[] = { "/bin/sh", "-c", rows[i].script, NULL };
        struct sp_buf out = sp_buf_new(64);
        int status = -1;

        cr_assert_eq(process_capture(argv, rows[i].errors, &out, &status), 0);
        cr_expect(sp_view_is(sp_buf_view(&out), rows[i].said), "%s",
                  rows[i].script);
        cr_expect_eq(status, rows[i].status, "%s", rows[i].script);
        sp_buf_free(&out);
    }
}

Test(sallyport_gate, a_helper_that_is_missing_is_told)
{
    static const char *const argv[] = { "/nonexistent/program", NULL };
    pid_t pid = 0;
    int status = 0;

    cr_expect_eq(process_quietly(argv, &status), SP_ESYSTEM);
    cr_expect_eq(process_start_apart(argv, &pid), SP_ESYSTEM);
    cr_expect_eq(pid, 0);
}

/* Signals that `run` blocks must not stay blocked in what it starts. */
Test(sallyport_gate, a_helper_gets_its_signals)
{
    static const char *const argv[] = { "/bin/sh", "-c",
                                        "grep -c '^SigBlk:.0*$' "
                                        "/proc/self/status",
                                        NULL };
    struct sp_buf out = sp_buf_new(64);
    sigset_t set;
    int status = -1;

    (void)sigfillset(&set);
    cr_assert_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    cr_assert_eq(process_capture(argv, true, &out, &status), 0);
    cr_expect(sp_view_is(sp_buf_view(&out), "1\n"));
    sp_buf_free(&out);
}

Test(sallyport_gate, form_values_are_encoded)
{
    struct sp_buf out = sp_buf_new(64);

    web_encode(&out, "customer:read a&b=c/\xc3\xa9~");
    cr_expect(
        sp_view_is(sp_buf_view(&out), "customer%3Aread%20a%26b%3Dc%2F%C3%A9~"),
        "%.*s", SP_VIEW(sp_buf_view(&out)));
    sp_buf_free(&out);
}
