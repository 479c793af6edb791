/* Reading an audit trail. */
#include "common/audit/audit_verify.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"

#define CHUNK_BYTES 65536

struct walk {
    const struct sp_secret *key;
    const struct sp_audit_reader *reader;
    struct sp_audit_report *report;
    struct sp_audit_head head;
    bool anchored;      /* the place of the next record is known */
    struct sp_buf rest; /* bytes read but not yet taken */
};

const char *
sp_audit_fault_text(enum sp_audit_fault fault)
{
    static const char *const texts[] = {
        [SP_AUDIT_WHOLE] = "every record is there and unchanged",
        [SP_AUDIT_TORN] = "the last record is incomplete, as after a crash",
        [SP_AUDIT_MALFORMED] = "a line is no audit record",
        [SP_AUDIT_FORGED] = "a record was changed, or not written by this gate",
        [SP_AUDIT_MOVED] = "a record is missing, repeated or out of place",
        [SP_AUDIT_CUT] = "records at the end of the trail have been removed",
        [SP_AUDIT_HEADLESS] = "the head file is missing or forged",
    };

    return texts[fault];
}

/* What is wrong with a line that follows those before it. */
static enum sp_audit_fault
judge(const struct walk *w, struct sp_view text, struct sp_audit_line *line)
{
    const struct sp_audit_report *r = w->report;

    if (sp_audit_line_parse(text, line) != 0) {
        return SP_AUDIT_MALFORMED;
    }
    if (sp_audit_line_check(w->key, line) != 0) {
        return SP_AUDIT_FORGED;
    }
    if (w->anchored &&
        (line->n != r->last_n + 1 ||
         memcmp(&line->prev, &r->last_mac, sizeof(line->prev)) != 0)) {
        return SP_AUDIT_MOVED;
    }
    /* Another trail of the same key: the head knows which one it was. */
    if (line->n == w->head.n &&
        memcmp(&line->mac, &w->head.mac, sizeof(line->mac)) != 0) {
        return SP_AUDIT_MOVED;
    }
    return SP_AUDIT_WHOLE;
}

static void
take_line(struct walk *w, struct sp_view text)
{
    struct sp_audit_report *r = w->report;
    struct sp_audit_line line = { 0 };

    r->line++;
    r->fault = judge(w, text, &line);
    if (r->fault != SP_AUDIT_WHOLE) {
        return;
    }
    w->anchored = true;
    r->records++;
    r->last_n = line.n;
    r->last_mac = line.mac;
    r->good_bytes += (off_t)text.len + 1;
    if (w->reader != NULL) {
        w->reader->record(w->reader->arg, text);
    }
}

/* Takes the whole lines off the bytes read so far. */
static void
take_lines(struct walk *w)
{
    struct sp_view rest = sp_buf_view(&w->rest);
    size_t taken = 0;

    while (w->report->fault == SP_AUDIT_WHOLE && rest.len > 0) {
        const char *newline = memchr(rest.ptr, '\n', rest.len);
        size_t len = newline == NULL ? 0 : (size_t)(newline - rest.ptr);

        if (newline == NULL) {
            break;
        }
        take_line(w, sp_view_make(rest.ptr, len));
        rest = sp_view_skip(rest, len + 1);
        taken += len + 1;
    }
    sp_buf_consume(&w->rest, taken);
    if (w->report->fault == SP_AUDIT_WHOLE && w->rest.len > SP_AUDIT_MAX_LINE) {
        w->report->line++;
        w->report->fault = SP_AUDIT_MALFORMED;
    }
}

static int
read_lines(struct walk *w, int fd, off_t from)
{
    char chunk[CHUNK_BYTES];
    ssize_t got = 1;

    while (w->report->fault == SP_AUDIT_WHOLE && got > 0) {
        got = pread(fd, chunk, sizeof(chunk), from);
        if (got < 0) {
            return SP_ESYSTEM;
        }
        from += got;
        (void)sp_buf_add(&w->rest, chunk, (size_t)got);
        if (w->rest.error != 0) {
            return w->rest.error;
        }
        take_lines(w);
    }
    w->report->bytes = from > w->report->bytes ? from : w->report->bytes;
    return 0;
}

/* The first line that begins in the last `tail` bytes. */
static int
find_start(int fd, off_t size, off_t tail, off_t *ret_start)
{
    char chunk[SP_AUDIT_MAX_LINE + 1];
    const char *newline = NULL;
    ssize_t got = 0;

    *ret_start = 0;
    if (tail == 0 || size <= tail) {
        return 0;
    }
    got = pread(fd, chunk, sizeof(chunk), size - tail);
    if (got < 0) {
        return SP_ESYSTEM;
    }
    newline = memchr(chunk, '\n', (size_t)got);
    *ret_start = size - tail + (newline != NULL ? newline + 1 - chunk : 0);
    return 0;
}

/* What only the end shows. */
static void
judge_end(struct walk *w)
{
    struct sp_audit_report *r = w->report;

    if (r->fault == SP_AUDIT_WHOLE && r->last_n < w->head.n) {
        r->line++;
        r->fault = SP_AUDIT_CUT;
    } else if (r->fault == SP_AUDIT_WHOLE && w->rest.len > 0) {
        r->line++;
        r->fault = SP_AUDIT_TORN;
    } else if (r->fault == SP_AUDIT_WHOLE) {
        r->line = 0;
    }
}

int
sp_audit_walk(int fd, int head_fd, const struct sp_secret *key,
              off_t tail_bytes, const struct sp_audit_reader *reader,
              struct sp_audit_report *ret_report)
{
    struct walk w = { .key = key, .reader = reader, .report = ret_report };
    struct stat st;
    off_t start = 0;
    int error = 0;

    *ret_report = (struct sp_audit_report){ 0 };
    /* The head first: the trail may only grow meanwhile. */
    if (head_fd < 0 || sp_audit_head_read(head_fd, key, &w.head) != 0) {
        ret_report->fault = SP_AUDIT_HEADLESS;
        return 0;
    }
    if (fstat(fd, &st) != 0 ||
        find_start(fd, st.st_size, tail_bytes, &start) != 0) {
        return SP_ESYSTEM;
    }
    w.anchored = start == 0;
    w.rest = sp_buf_new(SP_AUDIT_MAX_LINE + CHUNK_BYTES + 1);
    ret_report->bytes = st.st_size;
    ret_report->good_bytes = start;
    error = read_lines(&w, fd, start);
    if (error == 0) {
        judge_end(&w);
    }
    sp_buf_free(&w.rest);
    return error;
}

static int
open_head(const char *path)
{
    char head_path[PATH_MAX];

    (void)snprintf(head_path, sizeof(head_path), "%s.head", path);
    return open(head_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int
sp_audit_verify(const char *path, const struct sp_secret *key,
                const struct sp_audit_reader *reader,
                struct sp_audit_report *ret_report)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int head_fd = -1;
    int error = 0;

    if (fd < 0) {
        return SP_ESYSTEM;
    }
    head_fd = open_head(path);
    error = sp_audit_walk(fd, head_fd, key, 0, reader, ret_report);
    (void)close(fd);
    if (head_fd >= 0) {
        (void)close(head_fd);
    }
    if (error != 0) {
        return error;
    }
    if (ret_report->fault == SP_AUDIT_TORN) {
        return SP_ETRUNCATED;
    }
    return ret_report->fault == SP_AUDIT_WHOLE ? 0 : SP_EAUTH;
}
