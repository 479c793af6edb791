/* Writing the audit trail. */
#include "common/audit/audit_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

/* Some ten thousand records: seconds of a full disk. */
#define PENDING_MAX (8u * 1024 * 1024)

struct sp_audit {
    char *path;
    const struct sp_secret *key;
    int fd;
    int head_fd;
    struct sp_buf pending;     /* appended, not yet written */
    struct sp_audit_head last; /* of the records appended */
    bool unsynced;
    uint64_t turn; /* of the head's slots */
};

static void
name_beside(char name[PATH_MAX], const char *path, const char *suffix)
{
    (void)snprintf(name, PATH_MAX, "%s%s", path, suffix);
}

static int
open_file(const char *path, const char *suffix, int flags)
{
    char name[PATH_MAX];

    name_beside(name, path, suffix);
    return open(name, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Opens both files and locks the trail for this process alone. */
static int
open_files(struct sp_audit *a)
{
    a->fd = open_file(a->path, "", O_RDWR | O_APPEND);
    a->head_fd = open_file(a->path, ".head", O_RDWR);
    if (a->fd < 0 || a->head_fd < 0) {
        return SP_ESTORE;
    }
    if (flock(a->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? SP_EDUPLICATE : SP_ESTORE;
    }
    return 0;
}

static void
close_files(struct sp_audit *a)
{
    if (a->fd >= 0) {
        (void)close(a->fd);
        a->fd = -1;
    }
    if (a->head_fd >= 0) {
        (void)close(a->head_fd);
        a->head_fd = -1;
    }
}

static int
write_head(struct sp_audit *a)
{
    return sp_audit_head_write(a->head_fd, a->turn++, a->key, &a->last);
}

/* A new trail gets its head before its first record: a trail without one is
 * never right. */
static int
begin_trail(struct sp_audit *a)
{
    int error = 0;

    a->last = (struct sp_audit_head){ 0 };
    for (int slot = 0; error == 0 && slot < 2; slot++) {
        error = write_head(a);
    }
    return error == 0 && fsync(a->head_fd) == 0 ? 0 : SP_ESTORE;
}

/* Moves the bytes behind the last good record to <path>.torn. */
static int
repair(struct sp_audit *a, struct sp_audit_opening *opening)
{
    char torn[SP_AUDIT_MAX_LINE];
    off_t at = opening->report.good_bytes;
    ssize_t got = pread(a->fd, torn, sizeof(torn), at);
    int fd = open_file(a->path, ".torn", O_WRONLY | O_APPEND);
    bool kept = false;

    if (fd >= 0) {
        kept =
            got >= 0 && write(fd, torn, (size_t)got) == got && fsync(fd) == 0;
        (void)close(fd);
    }
    if (!kept || ftruncate(a->fd, at) != 0 || fsync(a->fd) != 0) {
        return SP_ESTORE;
    }
    opening->torn_bytes = (uint64_t)(opening->report.bytes - at);
    opening->state = SP_AUDIT_MENDED;
    return 0;
}

/* Keeps the evidence and begins anew. */
static int
set_aside(struct sp_audit *a, int64_t now_ms, struct sp_audit_opening *opening)
{
    static const char *const suffixes[] = { "", ".head" };
    int error = 0;

    (void)snprintf(opening->aside, sizeof(opening->aside), ".broken-%" PRId64,
                   now_ms);
    for (size_t i = 0; i < SP_COUNT(suffixes); i++) {
        char from[PATH_MAX];
        char to[PATH_MAX];

        name_beside(from, a->path, suffixes[i]);
        (void)snprintf(to, sizeof(to), "%s%s%s", a->path, opening->aside,
                       suffixes[i]);
        if (rename(from, to) != 0) {
            return SP_ESTORE;
        }
    }
    close_files(a);
    error = open_files(a);
    opening->state = SP_AUDIT_SET_ASIDE;
    return error != 0 ? error : begin_trail(a);
}

/* True for two empty files: nothing has ever been written here. */
static bool
is_new(const struct sp_audit *a)
{
    return lseek(a->fd, 0, SEEK_END) == 0 &&
           lseek(a->head_fd, 0, SEEK_END) == 0;
}

static int
continue_trail(struct sp_audit *a, int64_t now_ms,
               struct sp_audit_opening *opening)
{
    const struct sp_audit_report *report = &opening->report;

    if (report->fault != SP_AUDIT_WHOLE && report->fault != SP_AUDIT_TORN) {
        return set_aside(a, now_ms, opening);
    }
    a->last =
        (struct sp_audit_head){ .n = report->last_n, .mac = report->last_mac };
    opening->state = SP_AUDIT_CONTINUED;
    return report->fault == SP_AUDIT_TORN ? repair(a, opening) : 0;
}

int
sp_audit_open(const char *path, const struct sp_secret *key, off_t tail_bytes,
              int64_t now_ms, const struct sp_audit_reader *reader,
              struct sp_audit_opening *ret_opening, struct sp_audit **ret_audit)
{
    struct sp_audit *a = sp_alloc(sizeof(*a));
    int error = 0;

    *ret_opening = (struct sp_audit_opening){ .state = SP_AUDIT_NEW };
    a->path = sp_dup(path);
    a->key = key;
    a->fd = -1;
    a->head_fd = -1;
    a->pending = sp_buf_new(PENDING_MAX);
    error = sp_secret_view(key).len == SP_AUDIT_KEY_BYTES ? open_files(a)
                                                          : SP_ECRYPTO;
    if (error == 0 && is_new(a)) {
        error = begin_trail(a);
    } else if (error == 0) {
        error = sp_audit_walk(a->fd, a->head_fd, key, tail_bytes, reader,
                              &ret_opening->report) == 0
                    ? continue_trail(a, now_ms, ret_opening)
                    : SP_ESTORE;
    }
    if (error != 0) {
        int saved = errno;

        sp_audit_close(&a);
        errno = saved;
        return error;
    }
    *ret_audit = a;
    return 0;
}

void
sp_audit_close(struct sp_audit **audit)
{
    struct sp_audit *a = *audit;

    if (a == NULL) {
        return;
    }
    if (sp_audit_dirty(a) && a->fd >= 0) {
        int error = sp_audit_sync(a);

        /* There is nobody left to try again. */
        (void)error;
    }
    close_files(a);
    sp_buf_free(&a->pending);
    sp_free(a->path);
    sp_free(a);
    *audit = NULL;
}

int
sp_audit_append(struct sp_audit *a, enum sp_service_id from,
                const struct sp_event *event)
{
    struct sp_audit_mac mac;
    int error = 0;

    if (a->pending.len + SP_AUDIT_MAX_LINE > PENDING_MAX) {
        return SP_EFULL;
    }
    error = sp_audit_line_write(a->key, a->last.n + 1, &a->last.mac, from,
                                event, &a->pending, &mac);
    if (error != 0) {
        return error;
    }
    a->last.n++;
    a->last.mac = mac;
    return 0;
}

int
sp_audit_write(struct sp_audit *a)
{
    size_t done = 0;

    while (done < a->pending.len) {
        ssize_t n = write(a->fd, a->pending.data + done, a->pending.len - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
        a->unsynced = true;
    }
    sp_buf_consume(&a->pending, done);
    return a->pending.len == 0 ? 0 : SP_ESTORE;
}

int
sp_audit_sync(struct sp_audit *a)
{
    int error = sp_audit_write(a);

    /* With a record half written the head must not move past it. */
    if (error != 0 || !a->unsynced) {
        return error;
    }
    if (fdatasync(a->fd) != 0) {
        return SP_ESTORE;
    }
    a->unsynced = false;
    return write_head(a);
}

bool
sp_audit_dirty(const struct sp_audit *a)
{
    return a->unsynced || a->pending.len > 0;
}

uint64_t
sp_audit_count(const struct sp_audit *a)
{
    return a->last.n;
}
