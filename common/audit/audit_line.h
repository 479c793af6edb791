/* One record of the audit trail: a line of JSON in ASCII that begins with its
 * number and ends with the code of the record before it and its own,
 *   {"n":7,"time":"...", ... ,"prev":"<64 hex>","mac":"<64 hex>"}
 * The code is HMAC-SHA256 (RFC 2104) with the audit key over everything before
 * ,"mac": so that a record can neither be changed nor moved. */
#ifndef SP_COMMON_AUDIT_AUDIT_LINE_H
#define SP_COMMON_AUDIT_AUDIT_LINE_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "proto/message.h"

#define SP_AUDIT_KEY_BYTES 32
#define SP_AUDIT_MAC_BYTES 32
/* The longest event with every byte escaped, and the frame around it. */
#define SP_AUDIT_MAX_LINE 20480

struct sp_audit_mac {
    unsigned char bytes[SP_AUDIT_MAC_BYTES];
};

/* A line taken apart; `covered` points into it. */
struct sp_audit_line {
    uint64_t n; /* 1 is the first of a trail */
    struct sp_audit_mac prev;
    struct sp_audit_mac mac;
    struct sp_view covered; /* what the code covers */
};

/* Who wrote a record; views into the line. */
struct sp_audit_origin {
    enum sp_service_id service;
    struct sp_view replica;
    unsigned char boot[8];
    uint64_t seq;
    struct sp_view kind;
};

/* The code of `covered`. `key` must hold SP_AUDIT_KEY_BYTES. */
void
sp_audit_mac(const struct sp_secret *key, struct sp_view covered,
             struct sp_audit_mac *ret_mac);

/* Appends record `n` behind the record whose code is `prev`, with its newline.
 * 0 with its own code in ret_mac, or SP_ELIMIT with `out` as before. */
SP_MUST_CHECK int
sp_audit_line_write(const struct sp_secret *key, uint64_t n,
                    const struct sp_audit_mac *prev, enum sp_service_id from,
                    const struct sp_event *event, struct sp_buf *out,
                    struct sp_audit_mac *ret_mac);

/* Takes a line without its newline apart. 0, or SP_EFORMAT where it has not
 * exactly the form above. Looks at no code. */
SP_MUST_CHECK int
sp_audit_line_parse(struct sp_view line, struct sp_audit_line *ret_line);

/* 0, or SP_EAUTH where the code is not that of the line. */
SP_MUST_CHECK int
sp_audit_line_check(const struct sp_secret *key,
                    const struct sp_audit_line *line);

/* Reads who wrote a line that has been checked. 0, SP_EFORMAT or SP_EUNKNOWN
 * for a service of another version. `json` is working room. */
SP_MUST_CHECK int
sp_audit_line_origin(struct sp_view line, struct sp_json *json,
                     struct sp_audit_origin *ret_origin);

/* 64 hex digits and back; SP_EFORMAT for anything but lower-case hex. */
void
sp_audit_mac_add(struct sp_buf *out, const struct sp_audit_mac *mac);

SP_MUST_CHECK int
sp_audit_mac_parse(struct sp_view hex, struct sp_audit_mac *ret_mac);

#endif
