/* Form bodies and credential lines: read exactly or not at all. */
#include <criterion/criterion.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/auth/oauth/credentials.h"
#include "services/auth/oauth/form.h"

Test(auth_form, reads_fields)
{
    static const struct {
        const char *body;
        const char *name;
        const char *want;
    } rows[] = {
        { "a=1", "a", "1" },
        { "a=1&b=2", "b", "2" },
        { "a=", "a", "" },
        { "a=1", "b", "" },
        { "a=b=c", "a", "b=c" },
        { "a=x+y", "a", "x y" },
        { "a=%41%2b%20", "a", "A+ " },
        { "a%3d=1", "a=", "1" },
        { "a=%c3%a9", "a", "\xc3\xa9" },
        { "scope=customer:read+ticket:create", "scope",
          "customer:read ticket:create" },
    };
    struct form form = form_new();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(form_parse(&form, sp_view_of(rows[i].body)), 0, "%s",
                     rows[i].body);
        cr_expect(sp_view_is(form_get(&form, rows[i].name), rows[i].want), "%s",
                  rows[i].body);
    }
    form_free(&form);
}

Test(auth_form, refuses_what_is_not_exactly_a_form)
{
    static const struct {
        const char *body;
        size_t len; /* 0: to the NUL */
        int want;
    } rows[] = {
        { "", 0, 0 },
        { "a", 0, SP_EFORMAT },
        { "=1", 0, SP_EFORMAT },
        { "&", 0, SP_EFORMAT },
        { "&a=1", 0, SP_EFORMAT },
        { "a=1&", 0, SP_EFORMAT },
        { "a=1&&b=2", 0, SP_EFORMAT },
        { "a=%", 0, SP_EFORMAT },
        { "a=%4", 0, SP_EFORMAT },
        { "a=%4g", 0, SP_EFORMAT },
        { "a=%%41", 0, SP_EFORMAT },
        { "a=%00", 0, SP_EFORMAT },
        { "a=%0a", 0, SP_EFORMAT },
        { "a=%7f", 0, SP_EFORMAT },
        { "a=\x01", 0, SP_EFORMAT },
        { "a=b c", 0, SP_EFORMAT },
        { "a=\xc3\xa9", 0, SP_EFORMAT },
        { "a=1\n", 0, SP_EFORMAT },
        { "a=\0b", 4, SP_EFORMAT },
        { "a=1&a=1", 0, SP_EDUPLICATE },
        { "a=1&%61=2", 0, SP_EDUPLICATE },
        { "a=&a=", 0, SP_EDUPLICATE },
    };
    struct form form = form_new();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        size_t len = rows[i].len != 0 ? rows[i].len : strlen(rows[i].body);

        cr_expect_eq(form_parse(&form, sp_view_make(rows[i].body, len)),
                     rows[i].want, "row %zu", i);
    }
    form_free(&form);
}

Test(auth_form, has_limits)
{
    struct form form = form_new();
    struct sp_buf body = sp_buf_new(FORM_MAX_BYTES + 1);

    for (int i = 0; i < FORM_MAX_FIELDS; i++) {
        (void)sp_buf_addf(&body, "%sf%d=x", i == 0 ? "" : "&", i);
    }
    cr_assert_eq(form_parse(&form, sp_buf_view(&body)), 0);
    (void)sp_buf_add_str(&body, "&more=x");
    cr_assert_eq(form_parse(&form, sp_buf_view(&body)), SP_ELIMIT);
    sp_buf_reset(&body);
    (void)sp_buf_add_str(&body, "a=");
    while (body.len < FORM_MAX_BYTES) {
        (void)sp_buf_add_str(&body, "x");
    }
    cr_assert_eq(form_parse(&form, sp_buf_view(&body)), 0);
    (void)sp_buf_add_str(&body, "x");
    cr_assert_eq(form_parse(&form, sp_buf_view(&body)), SP_ELIMIT);
    sp_buf_free(&body);
    form_free(&form);
}

/* Earlier views stay where they are while later fields are decoded. */
Test(auth_form, views_do_not_move)
{
    struct form form = form_new();
    struct sp_buf body = sp_buf_new(FORM_MAX_BYTES);

    (void)sp_buf_add_str(&body, "first=1&second=");
    while (body.len < FORM_MAX_BYTES - 3) {
        (void)sp_buf_add_str(&body, "%41");
    }
    cr_assert_eq(form_parse(&form, sp_buf_view(&body)), 0);
    cr_assert(sp_view_is(form_get(&form, "first"), "1"));
    sp_buf_free(&body);
    form_free(&form);
}

Test(auth_credentials, finds_the_bearer_token)
{
    static const struct {
        const char *lines;
        int want;
        const char *token;
    } rows[] = {
        { "", SP_EUNKNOWN, "" },
        { "cookie: a=b\n", SP_EUNKNOWN, "" },
        { "authorization: Bearer abc\n", 0, "abc" },
        { "authorization: bearer abc\n", 0, "abc" },
        { "authorization: BEARER   abc\n", 0, "abc" },
        { "cookie: a=b\nauthorization: Bearer abc\ndpop: x\n", 0, "abc" },
        { "authorization: Basic abc\n", SP_EUNKNOWN, "" },
        { "authorization: Bearerabc\n", SP_EUNKNOWN, "" },
        { "authorization: Bearer\n", SP_EFORMAT, "" },
        { "authorization: Bearer  \n", SP_EFORMAT, "" },
        { "authorization: Bearer a\nauthorization: Bearer a\n", SP_EFORMAT,
          "" },
        { "authorization: Basic a\nauthorization: Bearer a\n", SP_EFORMAT, "" },
        { "authorization Bearer abc\n", SP_EFORMAT, "" },
        { "authorization: Bearer abc", SP_EFORMAT, "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_view token = sp_view_of("");

        cr_expect_eq(credentials_bearer(sp_view_of(rows[i].lines), &token),
                     rows[i].want, "row %zu", i);
        cr_expect(rows[i].want != 0 || sp_view_is(token, rows[i].token),
                  "row %zu", i);
    }
}

Test(auth_credentials, reads_basic_as_oauth_writes_it)
{
    static const struct {
        const char *lines;
        int want;
        const char *id;
        const char *secret;
    } rows[] = {
        { "", SP_EUNKNOWN, "", "" },
        { "authorization: Basic ZGVtbzpzZWNyZXQ=\n", 0, "demo", "secret" },
        { "authorization: basic ZGVtbzpzZWNyZXQ=\n", 0, "demo", "secret" },
        /* d%65mo:a%3Ab+c */
        { "authorization: Basic ZCU2NW1vOmElM0FiK2M=\n", 0, "demo", "a:b c" },
        /* demo:a:b */
        { "authorization: Basic ZGVtbzphOmI=\n", 0, "demo", "a:b" },
        /* demo: */
        { "authorization: Basic ZGVtbzo=\n", 0, "demo", "" },
        { "authorization: Basic OnNlY3JldA==\n", SP_EFORMAT, "", "" },
        { "authorization: Basic ZGVtbw==\n", SP_EFORMAT, "", "" },
        { "authorization: Basic ZGVtbzpzZWNyZXQ\n", SP_EFORMAT, "", "" },
        { "authorization: Basic ZGVtbzpzZWNyZXR=\n", SP_EFORMAT, "", "" },
        { "authorization: Basic ZGVt bzpz\n", SP_EFORMAT, "", "" },
        /* demo:%zz */
        { "authorization: Basic ZGVtbzolemo=\n", SP_EFORMAT, "", "" },
        { "authorization: Bearer abc\n", SP_EFORMAT, "", "" },
        { "authorization: Basic\n", SP_EFORMAT, "", "" },
    };
    struct sp_buf scratch = sp_buf_new(4096);

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_view id = sp_view_of("");
        struct sp_view secret = sp_view_of("");

        cr_expect_eq(credentials_basic(sp_view_of(rows[i].lines), &scratch, &id,
                                       &secret),
                     rows[i].want, "row %zu", i);
        cr_expect(rows[i].want != 0 || (sp_view_is(id, rows[i].id) &&
                                        sp_view_is(secret, rows[i].secret)),
                  "row %zu: %.*s %.*s", i, SP_VIEW(id), SP_VIEW(secret));
    }
    sp_buf_free(&scratch);
}
