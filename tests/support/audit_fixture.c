/* A trail in a directory of its own. */
#include "tests/support/audit_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

void
trail_new(struct trail *t)
{
    static const char key[SP_AUDIT_KEY_BYTES] = "the key of this test";

    memset(t, 0, sizeof(*t));
    (void)snprintf(t->dir, sizeof(t->dir), "/tmp/test_audit.XXXXXX");
    cr_assert_not_null(mkdtemp(t->dir));
    (void)snprintf(t->path, sizeof(t->path), "%s/audit.log", t->dir);
    (void)snprintf(t->head, sizeof(t->head), "%s.head", t->path);
    t->key = sp_secret_new(sp_view_make(key, sizeof(key)));
}

void
trail_files(const struct trail *t, void (*each)(const char *name, void *arg),
            void *arg)
{
    DIR *dir = opendir(t->dir);
    const struct dirent *entry = NULL;

    cr_assert_not_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            each(entry->d_name, arg);
        }
    }
    (void)closedir(dir);
}

static void
trail_remove_one(const char *name, void *arg)
{
    const struct trail *t = arg;
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
    cr_assert_eq(unlink(path), 0);
}

void
trail_free(struct trail *t)
{
    trail_files(t, trail_remove_one, t);
    cr_assert_eq(rmdir(t->dir), 0);
    sp_secret_free(&t->key);
}

int
trail_open(struct trail *t, struct sp_audit_opening *opening,
           struct sp_audit **audit)
{
    return sp_audit_open(t->path, t->key, 1 << 20, 1700000000000, NULL, opening,
                         audit);
}

struct sp_event
trail_event(uint64_t seq, const char *kind)
{
    return (struct sp_event){
        .boot = SP_VIEW_LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08"),
        .replica = SP_VIEW_LITERAL("0"),
        .seq = seq,
        .at_ms = 1700000000000 + seq,
        .kind = sp_view_of(kind),
        .address = SP_VIEW_LITERAL("192.0.2.1"),
        .subject = SP_VIEW_LITERAL("an\"na"),
        .status = 403,
        .detail = SP_VIEW_LITERAL("reason=\"test\""),
    };
}

void
trail_fill(struct trail *t, uint64_t count)
{
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;

    cr_assert_eq(trail_open(t, &opening, &audit), 0);
    for (uint64_t i = 0; i < count; i++) {
        struct sp_event event = trail_event(i, "tool_denied");

        cr_assert_eq(sp_audit_append(audit, SP_SERVICE_TOOLS, &event), 0);
    }
    sp_audit_close(&audit);
}

void
trail_read(const char *path, struct sp_buf *ret_text)
{
    char chunk[4096];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY);

    cr_assert_geq(fd, 0, "%s", path);
    *ret_text = sp_buf_new(1 << 22);
    while ((got = read(fd, chunk, sizeof(chunk))) > 0) {
        cr_assert_eq(sp_buf_add(ret_text, chunk, (size_t)got), 0);
    }
    (void)close(fd);
}

void
trail_write(const char *path, struct sp_view text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text.ptr, text.len), (ssize_t)text.len);
    (void)close(fd);
}

enum sp_audit_fault
trail_fault(const struct trail *t)
{
    struct sp_audit_report report;
    int error = sp_audit_verify(t->path, t->key, NULL, &report);

    cr_assert_neq(error, SP_ESYSTEM);
    cr_assert_eq(error == 0, report.fault == SP_AUDIT_WHOLE);
    return report.fault;
}

struct sp_view
trail_line(const struct sp_buf *text, size_t n)
{
    struct sp_view rest = sp_buf_view(text);

    for (;;) {
        const char *newline = memchr(rest.ptr, '\n', rest.len);
        size_t len = 0;

        cr_assert_not_null(newline);
        len = (size_t)(newline - rest.ptr) + 1;
        if (n == 0) {
            return sp_view_make(rest.ptr, len);
        }
        rest = sp_view_skip(rest, len);
        n--;
    }
}
