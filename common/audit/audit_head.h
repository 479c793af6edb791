/* How far the audit trail has come, beside it in a file of its own: without it
 * nobody could distinguish a trail whose end was cut off from a whole one. Two
 * slots are written in turn, so that one is always good. */
#ifndef SP_COMMON_AUDIT_AUDIT_HEAD_H
#define SP_COMMON_AUDIT_AUDIT_HEAD_H

#include <stdint.h>

#include "common/audit/audit_line.h"
#include "common/base/compiler.h"
#include "common/base/secret.h"

struct sp_audit_head {
    uint64_t n;              /* the last record known to be on disk; 0: none */
    struct sp_audit_mac mac; /* its code */
};

/* Writes `head` into slot `turn` modulo 2 of the open file. 0 or SP_ESTORE. */
SP_MUST_CHECK int
sp_audit_head_write(int fd, uint64_t turn, const struct sp_secret *key,
                    const struct sp_audit_head *head);

/* The newer of the slots whose code is right. 0, SP_EUNKNOWN where the file is
 * empty, SP_EAUTH where no slot is right. */
SP_MUST_CHECK int
sp_audit_head_read(int fd, const struct sp_secret *key,
                   struct sp_audit_head *ret_head);

#endif
