/* Reading an audit trail: is every record there, unchanged and in its place? */
#ifndef SP_COMMON_AUDIT_AUDIT_VERIFY_H
#define SP_COMMON_AUDIT_AUDIT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/audit/audit_head.h"
#include "common/audit/audit_line.h"
#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "common/base/view.h"

/* What is wrong with a trail. */
enum sp_audit_fault {
    SP_AUDIT_WHOLE,     /* nothing */
    SP_AUDIT_TORN,      /* ends inside a record, as after a crash */
    SP_AUDIT_MALFORMED, /* a line that is no record */
    SP_AUDIT_FORGED,    /* a record that was not written with this key */
    SP_AUDIT_MOVED,     /* a record is missing, repeated or out of place */
    SP_AUDIT_CUT,       /* records that had been stored are gone at the end */
    SP_AUDIT_HEADLESS,  /* the head file is missing or forged */
};

struct sp_audit_report {
    enum sp_audit_fault fault;
    uint64_t line;    /* of the fault, from 1; of a part read: from there */
    uint64_t records; /* good ones, up to the fault */
    uint64_t last_n;  /* number of the last good one */
    struct sp_audit_mac last_mac;
    off_t good_bytes; /* the file up to and with the last good one */
    off_t bytes;      /* the whole file */
};

/* Each good record in order, without its newline. */
struct sp_audit_reader {
    void (*record)(void *arg, struct sp_view line);
    void *arg;
};

/* Checks the whole trail at `path` with its head at `path`.head, which is read
 * first, so that a monitor may go on writing. 0 where it is whole,
 * SP_ETRUNCATED where it is torn, SP_EAUTH for any other fault, all with
 * ret_report set; SP_ESYSTEM where it cannot be read. `key` must hold
 * SP_AUDIT_KEY_BYTES. `reader` may be NULL. */
SP_MUST_CHECK int
sp_audit_verify(const char *path, const struct sp_secret *key,
                const struct sp_audit_reader *reader,
                struct sp_audit_report *ret_report);

/* The same for open files, and only the last `tail_bytes` of the trail where
 * that is not 0: the place of the first record in it is then taken as given.
 * 0 with ret_report set (also for a fault), or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_audit_walk(int fd, int head_fd, const struct sp_secret *key,
              off_t tail_bytes, const struct sp_audit_reader *reader,
              struct sp_audit_report *ret_report);

/* A sentence for the operator; constant. */
const char *
sp_audit_fault_text(enum sp_audit_fault fault);

#endif
