/* Fuzzes the audit line: what parses is exactly what its parts say, and a line
 * written from any event parses and verifies. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/audit/audit_line.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reading: the covered part, the code and nothing else make the line. */
static void
read_line(struct sp_view text)
{
    struct sp_audit_line line;
    struct sp_audit_origin origin;
    struct sp_json json = { 0 };
    struct sp_buf again = sp_buf_new(text.len + 256);
    int error = sp_audit_line_origin(text, &json, &origin);

    (void)error; /* any answer will do, no crash */
    sp_json_free(&json);
    if (sp_audit_line_parse(text, &line) == 0) {
        (void)sp_buf_add_view(&again, line.covered);
        (void)sp_buf_add_str(&again, ",\"mac\":\"");
        sp_audit_mac_add(&again, &line.mac);
        (void)sp_buf_add_str(&again, "\"}");
        if (!sp_view_equal(sp_buf_view(&again), text) || line.n == 0) {
            abort();
        }
    }
    sp_buf_free(&again);
}

/* Writing: whatever stands in an event, the line is one line and right. */
static void
write_line(struct sp_view text)
{
    static const char key[SP_AUDIT_KEY_BYTES] = "fuzz";
    struct sp_secret *secret = sp_secret_new(sp_view_make(key, sizeof(key)));
    size_t half = text.len < 512 ? text.len / 2 : 256;
    const struct sp_event event = {
        .boot = SP_VIEW_LITERAL("12345678"),
        .replica = SP_VIEW_LITERAL("0"),
        .seq = text.len,
        .subject = sp_view_make(text.ptr, half),
        .detail = sp_view_make(text.ptr, text.len < 1024 ? text.len : 1024),
    };
    struct sp_audit_mac prev = { { 0 } };
    struct sp_audit_mac mac;
    struct sp_audit_line line;
    struct sp_audit_origin origin;
    struct sp_json json = { 0 };
    struct sp_buf out = sp_buf_new(SP_AUDIT_MAX_LINE);
    struct sp_view written;

    if (sp_audit_line_write(secret, 1 + text.len, &prev, SP_SERVICE_LLM, &event,
                            &out, &mac) != 0) {
        abort();
    }
    written = sp_view_make(out.data, out.len - 1);
    if (memchr(written.ptr, '\n', written.len) != NULL ||
        sp_audit_line_parse(written, &line) != 0 ||
        sp_audit_line_check(secret, &line) != 0 ||
        sp_audit_line_origin(written, &json, &origin) != 0 ||
        origin.seq != text.len || origin.service != SP_SERVICE_LLM) {
        abort();
    }
    sp_json_free(&json);
    sp_buf_free(&out);
    sp_secret_free(&secret);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_view text = sp_view_make(data, size);

    read_line(text);
    write_line(text);
    return 0;
}
