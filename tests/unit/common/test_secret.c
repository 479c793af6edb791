/* Secrets: only from files that nobody else can read, compared whole. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/base/secret.h"

/* A directory of its own for each test. */
struct place {
    char dir[64];
    char path[96];
};

static struct place
place_new(void)
{
    struct place p = { .dir = "/tmp/test_secret.XXXXXX" };

    cr_assert_not_null(mkdtemp(p.dir));
    (void)snprintf(p.path, sizeof(p.path), "%s/key", p.dir);
    return p;
}

static void
place_write(const struct place *p, struct sp_view content, mode_t mode)
{
    int fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, content.ptr, content.len), (ssize_t)content.len);
    cr_assert_eq(fchmod(fd, mode), 0);
    (void)close(fd);
}

static void
place_remove(const struct place *p)
{
    (void)unlink(p->path);
    cr_assert_eq(rmdir(p->dir), 0);
}

Test(secret, loads_without_one_trailing_newline)
{
    static const struct {
        const char *content;
        const char *want;
    } rows[] = {
        { "s3cret", "s3cret" },
        { "s3cret\n", "s3cret" },
        { "s3cret\n\n", "s3cret\n" },
    };
    struct place p = place_new();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_secret *secret = NULL;

        place_write(&p, sp_view_of(rows[i].content), 0600);
        cr_assert_eq(sp_secret_load(p.path, &secret), 0);
        cr_expect(sp_view_is(sp_secret_view(secret), rows[i].want));
        sp_secret_free(&secret);
        cr_expect_null(secret);
    }
    place_remove(&p);
}

Test(secret, refuses_files_that_others_may_read)
{
    static const mode_t modes[] = { 0644, 0640, 0604, 0660, 0601, 0610 };
    struct place p = place_new();

    for (size_t i = 0; i < SP_COUNT(modes); i++) {
        struct sp_secret *secret = NULL;

        place_write(&p, sp_view_of("x"), modes[i]);
        cr_expect_eq(sp_secret_load(p.path, &secret), SP_EPERM, "mode %o",
                     modes[i]);
        cr_expect_null(secret);
    }
    place_remove(&p);
}

Test(secret, refuses_links_directories_and_nothing)
{
    struct place p = place_new();
    struct sp_secret *secret = NULL;
    char target[112];

    cr_expect_eq(sp_secret_load(p.path, &secret), SP_ESYSTEM);
    cr_expect_str_eq(sp_error_reason(SP_ESYSTEM), "No such file or directory");
    cr_expect_str_eq(sp_error_reason(SP_EEMPTY), "the file is empty");
    cr_assert_eq(mkdir(p.path, 0700), 0);
    cr_expect_eq(sp_secret_load(p.path, &secret), SP_ESYSTEM);
    cr_expect_str_eq(sp_error_reason(SP_ESYSTEM), "Is a directory");
    cr_assert_eq(rmdir(p.path), 0);

    place_write(&p, sp_view_of("x"), 0600);
    (void)snprintf(target, sizeof(target), "%s/other", p.dir);
    cr_assert_eq(rename(p.path, target), 0);
    cr_assert_eq(symlink(target, p.path), 0);
    cr_expect_eq(sp_secret_load(p.path, &secret), SP_ESYSTEM);
    (void)unlink(target);
    cr_expect_null(secret);
    place_remove(&p);
}

Test(secret, bounds_the_size)
{
    struct place p = place_new();
    struct sp_secret *secret = NULL;
    static char content[SP_SECRET_MAX + 2];

    memset(content, 'k', sizeof(content));
    place_write(&p, sp_view_make("", 0), 0600);
    cr_expect_eq(sp_secret_load(p.path, &secret), SP_EEMPTY);
    place_write(&p, sp_view_of("\n"), 0600);
    cr_expect_eq(sp_secret_load(p.path, &secret), SP_EEMPTY);
    place_write(&p, sp_view_make(content, SP_SECRET_MAX + 2), 0600);
    cr_expect_eq(sp_secret_load(p.path, &secret), SP_ELIMIT);
    place_write(&p, sp_view_make(content, SP_SECRET_MAX + 1), 0600);
    cr_expect_eq(sp_secret_load(p.path, &secret), SP_ELIMIT);
    cr_expect_null(secret);
    place_write(&p, sp_view_make(content, SP_SECRET_MAX), 0600);
    cr_expect_eq(sp_secret_load(p.path, &secret), 0);
    sp_secret_free(&secret);
    place_remove(&p);
}

Test(secret, reads_hex_of_the_exact_length)
{
    static const struct {
        const char *content;
        int want;
    } rows[] = {
        { "00ff10Ab", 0 },
        { "00ff10ab\n", 0 },
        { "00ff10a", SP_EFORMAT },
        { "00ff10", SP_EFORMAT },
        { "00ff10abcd", SP_EFORMAT },
        { "00ff10ag", SP_EFORMAT },
        { "00 f10ab", SP_EFORMAT },
        { "0x00ff10", SP_EFORMAT },
    };
    struct place p = place_new();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_secret *secret = NULL;

        place_write(&p, sp_view_of(rows[i].content), 0600);
        cr_expect_eq(sp_secret_load_hex(p.path, 4, &secret), rows[i].want, "%s",
                     rows[i].content);
        if (rows[i].want == 0) {
            cr_expect(sp_view_equal(sp_secret_view(secret),
                                    sp_view_make("\x00\xff\x10\xab", 4)));
        } else {
            cr_expect_null(secret);
        }
        sp_secret_free(&secret);
    }
    place_remove(&p);
}

Test(secret, compares_length_and_content)
{
    struct sp_secret *secret = sp_secret_new(sp_view_of("abc"));

    cr_expect(sp_secret_equal(secret, sp_view_of("abc")));
    cr_expect(!sp_secret_equal(secret, sp_view_of("abd")));
    cr_expect(!sp_secret_equal(secret, sp_view_of("ab")));
    cr_expect(!sp_secret_equal(secret, sp_view_of("abcd")));
    cr_expect(!sp_secret_equal(secret, sp_view_of("")));
    sp_secret_free(&secret);
    sp_secret_free(&secret);
}
