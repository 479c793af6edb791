/* The passport: covers one request, cannot be forged, changed or reused. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/error.h"
#include "proto/passport.h"

static const char key_bytes[SP_PASSPORT_KEY_BYTES + 1] =
    "0123456789abcdef0123456789abcdef";
static const char other_bytes[SP_PASSPORT_KEY_BYTES + 1] =
    "1123456789abcdef0123456789abcdef";
static const char id_bytes[17] = "request-id-16byt";

static struct sp_passport_request
sample_request(void)
{
    return (struct sp_passport_request){
        .method = sp_view_of("POST"),
        .path = sp_view_of("/mcp"),
        .query = sp_view_of(""),
        .headers = sp_view_of("content-type: application/json\n"),
        .body = sp_view_of("{\"a\":1}"),
    };
}

static struct sp_random random_bytes;

static struct sp_buf
sealed_by(const char *bytes)
{
    struct sp_buf out = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_secret *key =
        sp_secret_new(sp_view_make(bytes, SP_PASSPORT_KEY_BYTES));
    struct sp_passport_request request = sample_request();
    struct sp_passport passport = {
        .request_id = sp_view_make(id_bytes, 16),
        .subject = sp_view_of("alice"),
        .client = sp_view_of("demo"),
        .scopes = sp_view_of("customer:read ticket:create"),
        .tenant = sp_view_of("north"),
        .roles = sp_view_of("operator auditor"),
        .groups = sp_view_of("staff"),
        .strength = sp_view_of("mfa"),
        .cnf = sp_view_of("thumbprint"),
        .token_id = sp_view_of("token"),
        .token_expires_ms = 5000,
        .expires_ms = 1000,
    };

    cr_assert_eq(
        sp_passport_seal(key, &random_bytes, &passport, &request, &out), 0);
    sp_secret_free(&key);
    return out;
}

static int
open_with(struct sp_view sealed, const struct sp_passport_request *request,
          const char *request_id, uint64_t now_ms,
          struct sp_passport *ret_passport, struct sp_buf *plain)
{
    struct sp_secret *key =
        sp_secret_new(sp_view_make(key_bytes, SP_PASSPORT_KEY_BYTES));
    int error =
        sp_passport_open(key, sealed, request, sp_view_make(request_id, 16),
                         now_ms, plain, ret_passport);

    sp_secret_free(&key);
    return error;
}

Test(passport, opens_for_its_own_request)
{
    struct sp_buf sealed = sealed_by(key_bytes);
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_passport_request request = sample_request();
    struct sp_passport passport = { 0 };

    cr_assert_eq(open_with(sp_buf_view(&sealed), &request, id_bytes, 999,
                           &passport, &plain),
                 0);
    cr_assert(sp_view_is(passport.subject, "alice"));
    cr_assert(sp_view_is(passport.client, "demo"));
    cr_assert(sp_view_is(passport.scopes, "customer:read ticket:create"));
    cr_assert(sp_view_is(passport.tenant, "north"));
    cr_assert(sp_view_is(passport.roles, "operator auditor"));
    cr_assert(sp_view_is(passport.groups, "staff"));
    cr_assert(sp_view_is(passport.strength, "mfa"));
    cr_assert(sp_view_is(passport.cnf, "thumbprint"));
    cr_assert(sp_view_is(passport.token_id, "token"));
    cr_assert_eq(passport.token_expires_ms, 5000);
    cr_assert_eq(passport.expires_ms, 1000);
    sp_buf_free(&plain);
    sp_buf_free(&sealed);
}

/* attack: a captured stage swaps a part of the request, or its id. */
Test(passport, refuses_every_swapped_part)
{
    struct sp_buf sealed = sealed_by(key_bytes);
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_passport passport = { 0 };
    struct sp_passport_request requests[5];

    for (size_t i = 0; i < SP_COUNT(requests); i++) {
        requests[i] = sample_request();
    }
    requests[0].method = sp_view_of("GET");
    requests[1].path = sp_view_of("/v1/models");
    requests[2].query = sp_view_of("x=1");
    requests[3].headers = sp_view_of("");
    requests[4].body = sp_view_of("{\"a\":2}");
    for (size_t i = 0; i < SP_COUNT(requests); i++) {
        cr_assert_eq(open_with(sp_buf_view(&sealed), &requests[i], id_bytes,
                               999, &passport, &plain),
                     SP_EAUTH, "part %zu", i);
    }
    requests[0] = sample_request();
    cr_assert_eq(open_with(sp_buf_view(&sealed), &requests[0],
                           "another-id-16byt", 999, &passport, &plain),
                 SP_EAUTH);
    sp_buf_free(&plain);
    sp_buf_free(&sealed);
}

/* Long parts are covered by their digests. */
Test(passport, refuses_a_long_part_that_changed_anywhere)
{
    static char body[5000];
    struct sp_buf sealed = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_secret *key =
        sp_secret_new(sp_view_make(key_bytes, SP_PASSPORT_KEY_BYTES));
    struct sp_passport_request request = sample_request();
    struct sp_passport passport = {
        .request_id = sp_view_make(id_bytes, 16),
        .expires_ms = 1000,
    };

    for (size_t len = 1020; len <= sizeof(body); len += len < 1030 ? 1 : 397) {
        request.body = sp_view_make(body, len);
        sp_buf_reset(&sealed);
        cr_assert_eq(
            sp_passport_seal(key, &random_bytes, &passport, &request, &sealed),
            0);
        cr_assert_eq(open_with(sp_buf_view(&sealed), &request, id_bytes, 999,
                               &passport, &plain),
                     0);
        passport.request_id = sp_view_make(id_bytes, 16);
        for (size_t i = 0; i < len; i += 101) {
            body[i] = 1;
            cr_assert_eq(open_with(sp_buf_view(&sealed), &request, id_bytes,
                                   999, &passport, &plain),
                         SP_EAUTH, "length %zu, byte %zu", len, i);
            body[i] = 0;
        }
        request.body.len--;
        cr_assert_eq(open_with(sp_buf_view(&sealed), &request, id_bytes, 999,
                               &passport, &plain),
                     SP_EAUTH, "length %zu, one byte less", len);
    }
    sp_secret_free(&key);
    sp_buf_free(&plain);
    sp_buf_free(&sealed);
}

/* Who must know a request again has one name for it. */
Test(passport, gives_each_request_a_digest_of_its_own)
{
    unsigned char first[SP_PASSPORT_DIGEST_BYTES];
    unsigned char other[SP_PASSPORT_DIGEST_BYTES];
    struct sp_passport_request request = sample_request();

    sp_passport_digest(&request, first);
    sp_passport_digest(&request, other);
    cr_assert_arr_eq(first, other, sizeof(first));
    request.method = sp_view_of("POS");
    request.path = sp_view_of("T/mcp");
    sp_passport_digest(&request, other);
    cr_assert_arr_neq(first, other, sizeof(first));
}

/* attack: bytes move from one part to the next. */
Test(passport, refuses_moved_borders)
{
    struct sp_buf sealed = sealed_by(key_bytes);
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_passport_request request = sample_request();
    struct sp_passport passport = { 0 };

    request.method = sp_view_of("POS");
    request.path = sp_view_of("T/mcp");
    cr_assert_eq(open_with(sp_buf_view(&sealed), &request, id_bytes, 999,
                           &passport, &plain),
                 SP_EAUTH);
    sp_buf_free(&plain);
    sp_buf_free(&sealed);
}

Test(passport, refuses_forged_changed_and_cut)
{
    struct sp_buf forged = sealed_by(other_bytes);
    struct sp_buf sealed = sealed_by(key_bytes);
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_passport_request request = sample_request();
    struct sp_passport passport = { 0 };

    cr_assert_eq(open_with(sp_buf_view(&forged), &request, id_bytes, 999,
                           &passport, &plain),
                 SP_EAUTH);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        cr_assert_lt(open_with(sp_buf_view(&sealed), &request, id_bytes, 999,
                               &passport, &plain),
                     0, "byte %zu", i);
        sealed.data[i] ^= 1;
        cr_assert_lt(open_with(sp_view_make(sealed.data, i), &request, id_bytes,
                               999, &passport, &plain),
                     0, "cut at %zu", i);
    }
    cr_assert_eq(sp_buf_add(&sealed, "x", 1), 0);
    cr_assert_eq(open_with(sp_buf_view(&sealed), &request, id_bytes, 999,
                           &passport, &plain),
                 SP_EAUTH);
    sp_buf_free(&plain);
    sp_buf_free(&sealed);
    sp_buf_free(&forged);
}

Test(passport, expires)
{
    struct sp_buf sealed = sealed_by(key_bytes);
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_passport_request request = sample_request();
    struct sp_passport passport = { 0 };

    cr_assert_eq(open_with(sp_buf_view(&sealed), &request, id_bytes, 1000,
                           &passport, &plain),
                 SP_EEXPIRED);
    sp_buf_free(&plain);
    sp_buf_free(&sealed);
}

Test(passport, finds_scopes_as_whole_words)
{
    static const struct {
        const char *scopes;
        const char *scope;
        bool want;
    } rows[] = {
        { "a b c", "b", true },
        { "a b c", "c", true },
        { "ab", "a", false },
        { "a", "ab", false },
        { "", "a", false },
        { "a", "", false },
        { "a  b", "", false },
        { "customer:read", "customer:read", true },
        { "customer:reads", "customer:read", false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_assert_eq(sp_scopes_have(sp_view_of(rows[i].scopes),
                                    sp_view_of(rows[i].scope)),
                     rows[i].want, "row %zu", i);
    }
}
