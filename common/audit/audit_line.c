/* Records of the audit trail. */
#include "common/audit/audit_line.h"

#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/text/ascii.h"
#include "common/text/decimal.h"
#include "common/text/hex.h"

#define HEX_CHARS (2 * (size_t)SP_AUDIT_MAC_BYTES)

static const char begin[] = "{\"n\":";
static const char prev_name[] = ",\"prev\":\"";
static const char mac_name[] = "\",\"mac\":\"";
static const char end[] = "\"}";

#define LEN(text) (sizeof(text) - 1)
/* What stands behind the event's own members. */
#define CHAIN_CHARS                                                            \
    (LEN(prev_name) + HEX_CHARS + LEN(mac_name) + HEX_CHARS + LEN(end))

void
sp_audit_mac(const struct sp_secret *key, struct sp_view covered,
             struct sp_audit_mac *ret_mac)
{
    struct sp_view k = sp_secret_view(key);
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)k.ptr,
                                      k.len);
    (void)crypto_auth_hmacsha256_update(
        &state, (const unsigned char *)covered.ptr, covered.len);
    (void)crypto_auth_hmacsha256_final(&state, ret_mac->bytes);
    sodium_memzero(&state, sizeof(state));
}

void
sp_audit_mac_add(struct sp_buf *out, const struct sp_audit_mac *mac)
{
    (void)sp_hex_add(out, sp_view_make(mac->bytes, sizeof(mac->bytes)));
}

/* Lower case only: each value has one spelling. */
static int
hex_digit(char c)
{
    return c >= 'A' && c <= 'F' ? -1 : sp_hex_digit(c);
}

static int
parse_hex(struct sp_view hex, unsigned char *bytes, size_t len)
{
    if (hex.len != 2 * len) {
        return SP_EFORMAT;
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(hex.ptr[2 * i]);
        int low = hex_digit(hex.ptr[2 * i + 1]);

        if (high < 0 || low < 0) {
            return SP_EFORMAT;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

int
sp_audit_mac_parse(struct sp_view hex, struct sp_audit_mac *ret_mac)
{
    struct sp_audit_mac mac = { { 0 } };
    int error = parse_hex(hex, mac.bytes, sizeof(mac.bytes));

    if (error == 0) {
        *ret_mac = mac;
    }
    return error;
}

static void
add_text(struct sp_buf *out, const char *name, struct sp_view value)
{
    if (value.len > 0) {
        (void)sp_buf_addf(out, ",\"%s\":\"", name);
        (void)sp_ascii_json(out, value);
        (void)sp_buf_add_str(out, "\"");
    }
}

static void
add_bytes(struct sp_buf *out, const char *name, struct sp_view value)
{
    if (value.len > 0) {
        (void)sp_buf_addf(out, ",\"%s\":\"", name);
        (void)sp_hex_add(out, value);
        (void)sp_buf_add_str(out, "\"");
    }
}

static void
add_number(struct sp_buf *out, const char *name, uint64_t value)
{
    if (value > 0) {
        (void)sp_buf_addf(out, ",\"%s\":%" PRIu64, name, value);
    }
}

/* Members that are empty or 0 are left out, but for seq. */
static void
add_event(struct sp_buf *out, enum sp_service_id from,
          const struct sp_event *event)
{
    char time[SP_CLOCK_TEXT];

    add_text(out, "time",
             sp_view_of(sp_clock_text((int64_t)event->at_ms, time)));
    add_text(out, "service", sp_view_of(sp_service_name(from)));
    add_text(out, "replica", event->replica);
    add_bytes(out, "boot", event->boot);
    (void)sp_buf_addf(out, ",\"seq\":%" PRIu64, event->seq);
    add_number(out, "dropped", event->dropped);
    add_text(out, "config", event->config);
    add_text(out, "kind", event->kind);
    add_bytes(out, "request_id", event->request_id);
    add_text(out, "trace", event->trace);
    add_text(out, "address", event->address);
    add_text(out, "subject", event->subject);
    add_text(out, "client", event->client);
    add_text(out, "tenant", event->tenant);
    add_text(out, "object", event->object);
    add_number(out, "status", event->status);
    add_number(out, "duration_us", event->duration_us);
    add_number(out, "cost", event->cost);
    add_text(out, "detail", event->detail);
}

int
sp_audit_line_write(const struct sp_secret *key, uint64_t n,
                    const struct sp_audit_mac *prev, enum sp_service_id from,
                    const struct sp_event *event, struct sp_buf *out,
                    struct sp_audit_mac *ret_mac)
{
    struct sp_buf line = sp_buf_new(SP_AUDIT_MAX_LINE);
    struct sp_audit_mac mac;
    int error = 0;

    (void)sp_buf_addf(&line, "%s%" PRIu64, begin, n);
    add_event(&line, from, event);
    (void)sp_buf_add_str(&line, prev_name);
    sp_audit_mac_add(&line, prev);
    (void)sp_buf_add_str(&line, "\"");
    sp_audit_mac(key, sp_buf_view(&line), &mac);
    (void)sp_buf_add_str(&line, mac_name + 1);
    sp_audit_mac_add(&line, &mac);
    (void)sp_buf_add_str(&line, end);
    (void)sp_buf_add_str(&line, "\n");
    error =
        line.error != 0 ? line.error : sp_buf_add_view(out, sp_buf_view(&line));
    sp_buf_free(&line);
    if (error == 0) {
        *ret_mac = mac;
    }
    return error;
}

/* Decimal digits without a leading zero, up to SP_MAX_UINT. */
static int
take_number(struct sp_view *rest, uint64_t *ret_n)
{
    size_t len = 0;

    while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9') {
        len++;
    }
    if (len == 0 || rest->ptr[0] == '0' ||
        sp_number_read(sp_view_make(rest->ptr, len), SP_MAX_UINT, ret_n) != 0) {
        return SP_EFORMAT;
    }
    *rest = sp_view_skip(*rest, len);
    return 0;
}

static bool
take_literal(struct sp_view *rest, const char *text)
{
    if (!sp_view_starts(*rest, text)) {
        return false;
    }
    *rest = sp_view_skip(*rest, strlen(text));
    return true;
}

int
sp_audit_line_parse(struct sp_view line, struct sp_audit_line *ret_line)
{
    struct sp_audit_line parsed = { 0 };
    struct sp_view rest = line;

    if (line.len > SP_AUDIT_MAX_LINE || !take_literal(&rest, begin) ||
        take_number(&rest, &parsed.n) != 0 || rest.len < CHAIN_CHARS) {
        return SP_EFORMAT;
    }
    rest = sp_view_skip(rest, rest.len - CHAIN_CHARS);
    if (!take_literal(&rest, prev_name) ||
        sp_audit_mac_parse(sp_view_make(rest.ptr, HEX_CHARS), &parsed.prev) !=
            0) {
        return SP_EFORMAT;
    }
    rest = sp_view_skip(rest, HEX_CHARS);
    parsed.covered = sp_view_make(line.ptr, (size_t)(rest.ptr - line.ptr) + 1);
    if (!take_literal(&rest, mac_name) ||
        sp_audit_mac_parse(sp_view_make(rest.ptr, HEX_CHARS), &parsed.mac) !=
            0) {
        return SP_EFORMAT;
    }
    rest = sp_view_skip(rest, HEX_CHARS);
    if (!sp_view_is(rest, end)) {
        return SP_EFORMAT;
    }
    *ret_line = parsed;
    return 0;
}

int
sp_audit_line_check(const struct sp_secret *key,
                    const struct sp_audit_line *line)
{
    struct sp_audit_mac mac;

    sp_audit_mac(key, line->covered, &mac);
    return sodium_memcmp(mac.bytes, line->mac.bytes, sizeof(mac.bytes)) == 0
               ? 0
               : SP_EAUTH;
}

/* The inside of a member that we wrote without escapes. */
static struct sp_view
text_of(const struct sp_json *json, const char *name)
{
    const struct sp_json_token *t = sp_json_get(json, sp_json_root(json), name);
    struct sp_view raw = sp_json_raw(json, t);

    if (!sp_json_is(t, SP_JSON_STRING) || raw.len < 2) {
        return (struct sp_view){ 0 };
    }
    return sp_view_make(raw.ptr + 1, raw.len - 2);
}

int
sp_audit_line_origin(struct sp_view line, struct sp_json *json,
                     struct sp_audit_origin *ret_origin)
{
    struct sp_audit_origin origin = { 0 };
    int64_t seq = 0;
    int error = sp_json_parse(json, line);

    if (error != 0) {
        return SP_EFORMAT;
    }
    origin.replica = text_of(json, "replica");
    origin.kind = text_of(json, "kind");
    if (parse_hex(text_of(json, "boot"), origin.boot, sizeof(origin.boot)) !=
            0 ||
        sp_json_int(json, sp_json_get(json, sp_json_root(json), "seq"), &seq) !=
            0 ||
        seq < 0) {
        return SP_EFORMAT;
    }
    error = sp_service_find(text_of(json, "service"), &origin.service);
    if (error != 0) {
        return error;
    }
    origin.seq = (uint64_t)seq;
    *ret_origin = origin;
    return 0;
}
