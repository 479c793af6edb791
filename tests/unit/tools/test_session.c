/* Sealed session ids: what they carry, and whom they let in. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "services/tools/mcp/session.h"

#define NOW 1000

static const struct session_owner anna = { SP_VIEW_LITERAL("anna"),
                                           SP_VIEW_LITERAL("app") };

static struct sp_secret *
key_of(const char *bytes)
{
    return sp_secret_new(sp_view_of(bytes));
}

static struct sp_secret *
our_key(void)
{
    return key_of("0123456789abcdef0123456789abcdef");
}

static struct sp_buf
sealed(enum mcp_version version)
{
    struct session session = { .name = { 1, 2, 3 },
                               .version = version,
                               .expires_ms = NOW + 1 };
    struct sp_secret *key = our_key();
    struct sp_buf id = sp_buf_new(1024);

    cr_assert_eq(session_seal(key, &session, &anna, &id), 0);
    sp_secret_free(&key);
    return id;
}

static int
open_at(struct sp_view id, const struct session_owner *owner, int64_t now_ms,
        struct session *ret_session)
{
    struct sp_secret *key = our_key();
    int error = session_open(key, id, owner, now_ms, ret_session);

    sp_secret_free(&key);
    return error;
}

Test(session, comes_back_as_it_was_sealed)
{
    static const enum mcp_version versions[] = {
        MCP_VERSION_2025_03_26,
        MCP_VERSION_2025_06_18,
        MCP_VERSION_2025_11_25,
    };

    for (size_t i = 0; i < SP_COUNT(versions); i++) {
        struct sp_buf id = sealed(versions[i]);
        struct session got = { 0 };

        cr_assert_eq(open_at(sp_buf_view(&id), &anna, NOW, &got), 0);
        cr_expect_eq(got.version, versions[i]);
        cr_expect_eq(got.expires_ms, NOW + 1);
        cr_expect_eq(got.name[1], 2);
        for (size_t n = 0; n < id.len; n++) {
            cr_expect(id.data[n] >= 0x21 && id.data[n] <= 0x7e);
        }
        sp_buf_free(&id);
    }
}

Test(session, ends_with_its_time)
{
    struct sp_buf id = sealed(MCP_VERSION_2025_11_25);
    struct session got = { 0 };

    cr_expect_eq(open_at(sp_buf_view(&id), &anna, NOW + 1, &got), SP_EEXPIRED);
    sp_buf_free(&id);
}

Test(session, opens_for_its_owner_only)
{
    static const struct {
        const char *label;
        struct session_owner owner;
    } rows[] = {
        { "other subject",
          { SP_VIEW_LITERAL("bert"), SP_VIEW_LITERAL("app") } },
        { "other client", { SP_VIEW_LITERAL("anna"), SP_VIEW_LITERAL("apq") } },
        { "border moved", { SP_VIEW_LITERAL("annaa"), SP_VIEW_LITERAL("pp") } },
        { "nobody", { SP_VIEW_LITERAL(""), SP_VIEW_LITERAL("") } },
    };
    struct sp_buf id = sealed(MCP_VERSION_2025_11_25);
    struct session got = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(open_at(sp_buf_view(&id), &rows[i].owner, NOW, &got),
                     SP_EAUTH, "%s", rows[i].label);
    }
    sp_buf_free(&id);
}

Test(session, no_prefix_and_no_addition_opens)
{
    struct sp_buf id = sealed(MCP_VERSION_2025_11_25);
    struct session got = { 0 };
    size_t len = id.len;

    for (size_t n = 0; n < len; n++) {
        cr_expect_eq(open_at(sp_view_make(id.data, n), &anna, NOW, &got),
                     SP_EFORMAT, "%zu", n);
    }
    cr_assert_eq(sp_buf_add_str(&id, "A"), 0);
    cr_expect_eq(open_at(sp_buf_view(&id), &anna, NOW, &got), SP_EFORMAT);
    sp_buf_free(&id);
}

Test(session, no_changed_character_opens)
{
    struct sp_buf id = sealed(MCP_VERSION_2025_11_25);
    struct session got = { 0 };

    for (size_t n = 0; n < id.len; n++) {
        char was = id.data[n];
        int error = 0;

        id.data[n] = was == 'A' ? 'B' : 'A';
        error = open_at(sp_buf_view(&id), &anna, NOW, &got);
        cr_expect(error == SP_EAUTH || error == SP_EFORMAT, "%zu", n);
        id.data[n] = was;
    }
    cr_expect_eq(open_at(sp_buf_view(&id), &anna, NOW, &got), 0);
    sp_buf_free(&id);
}

Test(session, another_key_opens_nothing)
{
    struct sp_buf id = sealed(MCP_VERSION_2025_11_25);
    struct sp_secret *other = key_of("1123456789abcdef0123456789abcdef");
    struct sp_secret *brief = key_of("0123");
    struct session got = { 0 };

    cr_expect_eq(session_open(other, sp_buf_view(&id), &anna, NOW, &got),
                 SP_EAUTH);
    cr_expect_eq(session_open(brief, sp_buf_view(&id), &anna, NOW, &got),
                 SP_ECRYPTO);
    sp_secret_free(&other);
    sp_secret_free(&brief);
    sp_buf_free(&id);
}
