/* Writing the audit trail: records linked by keyed codes (audit_line.h), a
 * head beside it (audit_head.h). Appending only keeps the record in memory;
 * sp_audit_write() gives it to the kernel, where it survives this process, and
 * sp_audit_sync() to the disk. */
#ifndef SP_COMMON_AUDIT_AUDIT_CHAIN_H
#define SP_COMMON_AUDIT_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/audit/audit_verify.h"
#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "proto/message.h"

struct sp_audit;

/* How a trail was found when it was opened. */
enum sp_audit_state {
    SP_AUDIT_NEW,       /* there was none */
    SP_AUDIT_CONTINUED, /* whole */
    SP_AUDIT_MENDED,    /* torn: the torn end was moved to <path>.torn */
    SP_AUDIT_SET_ASIDE, /* not to be trusted: renamed, and a new one begun */
};

struct sp_audit_opening {
    enum sp_audit_state state;
    struct sp_audit_report report; /* of the old trail's end */
    uint64_t torn_bytes;
    char aside[64]; /* what was added to the name of the old files */
};

/* Opens or makes the trail at `path`, checks its last `tail_bytes` (each good
 * record goes to `reader`, which may be NULL) and repairs or replaces it. Keeps
 * `key`, which must hold SP_AUDIT_KEY_BYTES. `now_ms` (wall clock) names files
 * that are set aside. 0, SP_EDUPLICATE where another process writes the trail,
 * SP_ECRYPTO for a wrong key length, or SP_ESTORE with errno. */
SP_MUST_CHECK int
sp_audit_open(const char *path, const struct sp_secret *key, off_t tail_bytes,
              int64_t now_ms, const struct sp_audit_reader *reader,
              struct sp_audit_opening *ret_opening,
              struct sp_audit **ret_audit);

/* Writes and syncs what waits, as far as that goes. */
void
sp_audit_close(struct sp_audit **audit);

/* Adds a record. 0, or SP_EFULL or SP_ELIMIT: the record is lost, the trail
 * stays whole. */
SP_MUST_CHECK int
sp_audit_append(struct sp_audit *audit, enum sp_service_id from,
                const struct sp_event *event);

/* 0, or SP_ESTORE with errno; what could not be written waits for the next
 * call. */
SP_MUST_CHECK int
sp_audit_write(struct sp_audit *audit);

/* As sp_audit_write(), then the disk, then the head. */
SP_MUST_CHECK int
sp_audit_sync(struct sp_audit *audit);

/* True where something has been appended or written, but not synced. */
bool
sp_audit_dirty(const struct sp_audit *audit);

/* Number of the last record appended. */
uint64_t
sp_audit_count(const struct sp_audit *audit);

#endif
