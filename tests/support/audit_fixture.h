/* A trail in a directory of its own, for the tests of the audit chain. */
#ifndef SP_TESTS_SUPPORT_AUDIT_FIXTURE_H
#define SP_TESTS_SUPPORT_AUDIT_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/audit/audit_chain.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/text/buf.h"

struct trail {
    char dir[64];
    char path[96];
    char head[112];
    struct sp_secret *key;
};

void
trail_new(struct trail *t);

/* The names of the files, without the directory, one after the other. */
void
trail_files(const struct trail *t, void (*each)(const char *name, void *arg),
            void *arg);

void
trail_free(struct trail *t);

int
trail_open(struct trail *t, struct sp_audit_opening *opening,
           struct sp_audit **audit);

struct sp_event
trail_event(uint64_t seq, const char *kind);

/* Opens the trail, adds `count` records and closes it. */
void
trail_fill(struct trail *t, uint64_t count);

void
trail_read(const char *path, struct sp_buf *ret_text);

void
trail_write(const char *path, struct sp_view text);

enum sp_audit_fault
trail_fault(const struct trail *t);

/* Line `n` from 0, with its newline. */
struct sp_view
trail_line(const struct sp_buf *text, size_t n);

#endif
