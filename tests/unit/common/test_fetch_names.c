/* Remembered names: for a while, the youngest of them, and never another's. */
#include "common/fetch/fetch_names.h"

#include <stdio.h>

#include <criterion/criterion.h>

#define NOW 5000

static struct sp_fetch_target
target_of(const char *url, unsigned char last)
{
    struct sp_fetch_target target;

    cr_assert_eq(sp_fetch_target_begin(&target, url), 0);
    if (last != 0) {
        target.address_count = 1;
        target.addresses[0].bytes[3] = last;
    }
    return target;
}

static void
put(struct sp_fetch_names *names, const char *url, unsigned char last,
    int64_t now_ms)
{
    struct sp_fetch_target target = target_of(url, last);

    sp_fetch_names_put(names, &target, now_ms);
    sp_fetch_target_end(&target);
}

/* The last byte of the first address that is remembered, or 0. */
static unsigned
get(const struct sp_fetch_names *names, const char *url, int64_t now_ms)
{
    struct sp_fetch_target target = target_of(url, 0);
    bool got = sp_fetch_names_get(names, &target, now_ms);
    unsigned last = got ? target.addresses[0].bytes[3] : 0;

    cr_expect_eq(target.address_count, got ? 1 : 0);
    sp_fetch_target_end(&target);
    return last;
}

Test(fetch_names, gives_what_was_put_until_it_is_old)
{
    struct sp_fetch_names *names = sp_fetch_names_new();

    cr_expect_eq(get(names, "https://a.example/", NOW), 0);
    put(names, "https://a.example/", 7, NOW);
    cr_expect_eq(get(names, "http://a.example:81/x", NOW), 7);
    cr_expect_eq(get(names, "https://b.example/", NOW), 0);
    cr_expect_eq(
        get(names, "https://a.example/", NOW + SP_FETCH_NAMES_KEEP_MS - 1), 7);
    cr_expect_eq(get(names, "https://a.example/", NOW + SP_FETCH_NAMES_KEEP_MS),
                 0);
    put(names, "https://a.example/", 8, NOW + SP_FETCH_NAMES_KEEP_MS);
    cr_expect_eq(get(names, "https://a.example/", NOW + SP_FETCH_NAMES_KEEP_MS),
                 8);
    sp_fetch_names_free(&names);
    cr_expect_null(names);
}

Test(fetch_names, forgets_the_oldest_first)
{
    struct sp_fetch_names *names = sp_fetch_names_new();
    char url[64];

    for (unsigned char i = 0; i <= SP_FETCH_NAMES; i++) {
        (void)snprintf(url, sizeof(url), "https://n%u.example/", i);
        put(names, url, (unsigned char)(i + 1), NOW);
    }
    cr_expect_eq(get(names, "https://n0.example/", NOW), 0);
    cr_expect_eq(get(names, "https://n1.example/", NOW), 2);
    cr_expect_eq(get(names, "https://n16.example/", NOW), 17);
    sp_fetch_names_free(&names);
}
