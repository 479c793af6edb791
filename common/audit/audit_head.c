/* The head of the audit trail. */
#include "common/audit/audit_head.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/base/error.h"
#include "common/text/decimal.h"

/* {"head":N,"at":"<hex>","mac":"<hex>"}, blanks, newline. No record of the
 * trail begins so: the codes of the two cannot be taken for each other. */
#define SLOT_BYTES 256
#define SLOTS 2
#define HEX_CHARS (2 * (size_t)SP_AUDIT_MAC_BYTES)

static const char begin[] = "{\"head\":";
static const char at_name[] = ",\"at\":\"";
static const char mac_name[] = "\",\"mac\":\"";

static void
write_slot(const struct sp_secret *key, const struct sp_audit_head *head,
           struct sp_buf *out)
{
    struct sp_audit_mac mac;

    (void)sp_buf_addf(out, "%s%020" PRIu64 "%s", begin, head->n, at_name);
    sp_audit_mac_add(out, &head->mac);
    sp_audit_mac(key, sp_buf_view(out), &mac);
    (void)sp_buf_add_str(out, mac_name);
    sp_audit_mac_add(out, &mac);
    (void)sp_buf_addf(out, "\"}%*s", (int)(SLOT_BYTES - out->len - 2), "\n");
}

int
sp_audit_head_write(int fd, uint64_t turn, const struct sp_secret *key,
                    const struct sp_audit_head *head)
{
    struct sp_buf slot = sp_buf_new(SLOT_BYTES + 1);
    ssize_t written = -1;

    write_slot(key, head, &slot);
    if (slot.error == 0 && slot.len == SLOT_BYTES) {
        written =
            pwrite(fd, slot.data, slot.len, (off_t)(turn % SLOTS * SLOT_BYTES));
    }
    sp_buf_free(&slot);
    return written == SLOT_BYTES ? 0 : SP_ESTORE;
}

static bool
read_slot(const char *slot, const struct sp_secret *key,
          struct sp_audit_head *ret_head)
{
    struct sp_buf wanted = sp_buf_new(SLOT_BYTES + 1);
    struct sp_audit_head head = { 0 };
    const size_t digits = 20;
    const char *at = slot + sizeof(begin) - 1;
    bool right = false;

    int error = sp_number_read(sp_view_make(at, digits), UINT64_MAX, &head.n);

    at += digits + sizeof(at_name) - 1;
    if (error == 0 &&
        sp_audit_mac_parse(sp_view_make(at, HEX_CHARS), &head.mac) == 0) {
        /* Written again, it must be the same to the byte. */
        write_slot(key, &head, &wanted);
        right = wanted.len == SLOT_BYTES &&
                sodium_memcmp(wanted.data, slot, SLOT_BYTES) == 0;
    }
    sp_buf_free(&wanted);
    if (right) {
        *ret_head = head;
    }
    return right;
}

int
sp_audit_head_read(int fd, const struct sp_secret *key,
                   struct sp_audit_head *ret_head)
{
    char slots[SLOTS * SLOT_BYTES] = { 0 };
    struct sp_audit_head best = { 0 };
    ssize_t got = pread(fd, slots, sizeof(slots), 0);
    bool found = false;

    if (got == 0) {
        return SP_EUNKNOWN;
    }
    for (size_t i = 0; got > 0 && i < SLOTS; i++) {
        struct sp_audit_head head = { 0 };

        if (read_slot(slots + i * SLOT_BYTES, key, &head) &&
            (!found || head.n > best.n)) {
            best = head;
            found = true;
        }
    }
    if (!found) {
        return SP_EAUTH;
    }
    *ret_head = best;
    return 0;
}
