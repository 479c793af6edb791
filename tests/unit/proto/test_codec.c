/* The codec: every message survives the trip, nothing else is accepted. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "proto/codec.h"

/* A message of row `info` whose fields all stand at their minimum or maximum
 * length or value; texts point into `bytes`. */
static void
fill(const struct sp_message_info *info, void *message, const char *bytes,
     bool largest)
{
    for (size_t i = 0; i < info->field_count; i++) {
        const struct sp_field *field = &info->fields[i];
        void *member = (char *)message + field->offset;
        uint64_t value = largest ? field->max : field->min;

        if (field->type == SP_FIELD_UINT) {
            *(uint64_t *)member = value;
        } else if (field->type == SP_FIELD_BOOL) {
            *(bool *)member = largest;
        } else {
            *(struct sp_view *)member = sp_view_make(bytes, value);
        }
    }
}

static bool
equal(const struct sp_message_info *info, const void *a, const void *b)
{
    for (size_t i = 0; i < info->field_count; i++) {
        const struct sp_field *field = &info->fields[i];
        const void *left = (const char *)a + field->offset;
        const void *right = (const char *)b + field->offset;
        bool same = false;

        if (field->type == SP_FIELD_UINT) {
            same = *(const uint64_t *)left == *(const uint64_t *)right;
        } else if (field->type == SP_FIELD_BOOL) {
            same = *(const bool *)left == *(const bool *)right;
        } else {
            same = sp_view_equal(*(const struct sp_view *)left,
                                 *(const struct sp_view *)right);
        }
        if (!same) {
            return false;
        }
    }
    return true;
}

static struct sp_buf
encoded(const struct sp_message_info *info, const char *bytes, bool largest)
{
    struct sp_buf out = sp_buf_new(SP_MAX_ENVELOPE + 4);
    struct sp_msg message = { 0 };

    fill(info, &message.u, bytes, largest);
    cr_assert_eq(sp_encode(&out, info->id, &message.u), 0, "%s", info->name);
    return out;
}

static char *
letters(void)
{
    char *bytes = sp_alloc(SP_MAX_BODY);

    memset(bytes, 'a', SP_MAX_BODY);
    return bytes;
}

static void
round_trip(bool largest)
{
    char *bytes = letters();
    size_t count = 0;
    const struct sp_message_info *infos = sp_message_all(&count);

    for (size_t i = 0; i < count; i++) {
        struct sp_buf out = encoded(&infos[i], bytes, largest);
        struct sp_view frame = sp_buf_view(&out);
        struct sp_view envelope = { 0 };
        struct sp_msg want = { 0 };
        struct sp_msg got = { 0 };

        fill(&infos[i], &want.u, bytes, largest);
        cr_assert_eq(sp_frame_next(&frame, &envelope), 0);
        cr_assert_eq(frame.len, 0);
        cr_assert_eq(sp_decode(envelope, &got), 0, "%s", infos[i].name);
        cr_assert_eq(got.id, infos[i].id);
        cr_assert(equal(&infos[i], &want.u, &got.u), "%s", infos[i].name);
        sp_buf_free(&out);
    }
    sp_free(bytes);
}

Test(codec, smallest_messages_survive)
{
    round_trip(false);
}

Test(codec, largest_messages_survive)
{
    round_trip(true);
}

Test(codec, refuses_every_prefix_and_trailing_byte)
{
    char *bytes = letters();
    size_t count = 0;
    const struct sp_message_info *infos = sp_message_all(&count);

    for (size_t i = 0; i < count; i++) {
        struct sp_buf out = encoded(&infos[i], bytes, false);
        struct sp_view whole = sp_view_make(out.data + 4, out.len - 4);
        struct sp_msg got = { 0 };

        for (size_t len = 0; len < whole.len; len++) {
            cr_assert_lt(sp_decode(sp_view_make(whole.ptr, len), &got), 0,
                         "%s cut at %zu", infos[i].name, len);
        }
        cr_assert_eq(sp_buf_add(&out, "\0", 1), 0);
        whole = sp_view_make(out.data + 4, out.len - 4);
        cr_assert_eq(sp_decode(whole, &got), SP_EFORMAT);
        sp_buf_free(&out);
    }
    sp_free(bytes);
}

Test(codec, refuses_a_field_beyond_its_limits_when_encoding)
{
    char *bytes = letters();
    size_t count = 0;
    const struct sp_message_info *infos = sp_message_all(&count);
    struct sp_buf out = sp_buf_new(SP_MAX_ENVELOPE + 4);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < infos[i].field_count; j++) {
            const struct sp_field *field = &infos[i].fields[j];
            struct sp_msg message = { 0 };
            void *member = (char *)&message.u + field->offset;

            fill(&infos[i], &message.u, bytes, false);
            if (field->type == SP_FIELD_UINT) {
                *(uint64_t *)member = field->max + 1;
            } else if (field->type != SP_FIELD_BOOL) {
                *(struct sp_view *)member = sp_view_make(bytes, field->max + 1);
            } else {
                continue;
            }
            cr_assert_eq(sp_encode(&out, infos[i].id, &message.u), SP_ELIMIT,
                         "%s.%s", infos[i].name, field->name);
            cr_assert_eq(out.len, 0);
        }
    }
    sp_buf_free(&out);
    sp_free(bytes);
}

/* Hostile envelopes, as raw msgpack. */
Test(codec, refuses_hostile_envelopes)
{
    static const struct {
        const char *label;
        const char *bytes;
        size_t len;
        int want;
    } rows[] = {
        { "array of 2^27", "\xdd\x08\x00\x00\x00", 5, SP_EFORMAT },
        { "array of 2^32-1", "\xdd\xff\xff\xff\xff", 5, SP_EFORMAT },
        { "map of 2^32-1", "\xdf\xff\xff\xff\xff", 5, SP_EFORMAT },
        { "array 16 too long", "\xdc\xff\xff", 3, SP_ELIMIT },
        { "str 32 beyond the end", "\x94\x02\x0e\xdb\xff\xff\xff\xff", 8,
          SP_ETRUNCATED },
        { "bin 32 beyond the end", "\x94\x02\x0e\xc6\x7f\xff\xff\xff", 8,
          SP_ETRUNCATED },
        { "nested array", "\x94\x02\x0e\x90", 4, SP_EFORMAT },
        { "nil", "\x94\x02\x0e\xc0", 4, SP_EFORMAT },
        { "float", "\x94\x02\x0e\xcb\0\0\0\0\0\0\0\0", 12, SP_EFORMAT },
        { "negative", "\x94\x02\x0e\xff", 4, SP_EFORMAT },
        { "extension", "\x94\x02\x0e\xd4\x01\x00", 6, SP_EFORMAT },
        { "no array", "\x01", 1, SP_EFORMAT },
        { "empty array", "\x90", 1, SP_EFORMAT },
        { "wrong version", "\x92\x01\x01", 3, SP_EVERSION },
        { "unknown message", "\x92\x02\x7f", 3, SP_EUNKNOWN },
        { "too few fields", "\x93\x02\x0e\x01", 4, SP_EFORMAT },
        { "wrong type", "\x94\x02\x0e\xa1\x41\xc4\x01x", 8, SP_EFORMAT },
        { "beyond the limit", "\x94\x02\x0e\xcd\x01\x00\xc4\x01x", 9,
          SP_ELIMIT },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_msg got = { 0 };
        int error = sp_decode(sp_view_make(rows[i].bytes, rows[i].len), &got);

        cr_assert_eq(error, rows[i].want, "%s: got %d, want %d", rows[i].label,
                     error, rows[i].want);
    }
}

Test(codec, frame_with_a_lying_length_is_refused)
{
    struct sp_view envelope = { 0 };
    struct sp_view beyond = sp_view_make("\0\0\0\x05\x90", 5);
    struct sp_view huge = sp_view_make("\xff\xff\xff\xff\x90", 5);
    struct sp_view stub = sp_view_make("\0\0", 2);

    cr_assert_eq(sp_frame_next(&beyond, &envelope), SP_ETRUNCATED);
    cr_assert_eq(sp_frame_next(&huge, &envelope), SP_ELIMIT);
    cr_assert_eq(sp_frame_next(&stub, &envelope), SP_ETRUNCATED);
}

Test(schema, routes_name_known_messages_once)
{
    size_t count = 0;
    const struct sp_route *routes = sp_route_all(&count);

    for (size_t i = 0; i < count; i++) {
        cr_assert_not_null(sp_message_info((uint64_t)routes[i].message));
        cr_assert_neq(routes[i].from, routes[i].to);
        for (size_t j = i + 1; j < count; j++) {
            cr_assert(routes[i].message != routes[j].message ||
                      routes[i].from != routes[j].from ||
                      routes[i].to != routes[j].to);
        }
    }
}

/* The links of DESIGN.md section 2, and no other. */
Test(schema, has_exactly_the_designed_links)
{
    static const char *const links[] = {
        "edge-auth",
        "edge-monitor",
        "auth-edge",
        "auth-validation",
        "auth-monitor",
        "validation-edge",
        "validation-ratelimit",
        "validation-monitor",
        "ratelimit-edge",
        "ratelimit-tools",
        "ratelimit-llm",
        "ratelimit-monitor",
        "tools-edge",
        "tools-validation",
        "tools-monitor",
        "llm-edge",
        "llm-validation",
        "llm-monitor",
        "monitor-edge",
        "monitor-validation",
    };
    size_t found = 0;

    for (int from = 0; from < SP_SERVICE_COUNT; from++) {
        for (int to = 0; to < SP_SERVICE_COUNT; to++) {
            char name[64];
            bool want = false;

            (void)snprintf(name, sizeof(name), "%s-%s",
                           sp_service_name((enum sp_service_id)from),
                           sp_service_name((enum sp_service_id)to));
            for (size_t i = 0; i < SP_COUNT(links); i++) {
                want |= strcmp(links[i], name) == 0;
            }
            cr_assert_eq(sp_link_exists((enum sp_service_id)from,
                                        (enum sp_service_id)to),
                         want, "%s", name);
            found += want ? 1 : 0;
        }
    }
    cr_assert_eq(found, SP_COUNT(links));
}
