/* Names to addresses by the helper; only names that need no network. */
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

#include "common/base/error.h"
#include "common/process/resolver.h"

#define PATIENCE_MS 20000

static struct sp_resolved
take(struct sp_helper *resolver)
{
    struct pollfd wanted = { .fd = sp_helper_fd(resolver), .events = POLLIN };
    struct sp_resolved answer = { .tag = 0 };

    cr_assert_eq(poll(&wanted, 1, PATIENCE_MS), 1);
    cr_assert_eq(sp_resolver_take(resolver, &answer), 0);
    return answer;
}

static struct sp_helper *
start(void)
{
    struct sp_helper *resolver = NULL;

    cr_assert_eq(sp_resolver_start(&resolver), 0);
    return resolver;
}

Test(resolver, answers_with_the_tag_of_the_question)
{
    static const unsigned char loopback[] = { 127, 0, 0, 1 };
    static const unsigned char other[] = { 192, 0, 2, 7 };
    struct sp_helper *resolver = start();
    struct sp_resolved answer = { .tag = 0 };

    cr_expect_eq(sp_resolver_take(resolver, &answer), SP_ENOPEER);
    cr_assert_eq(sp_resolver_ask(resolver, 7, "localhost"), 0);
    cr_assert_eq(sp_resolver_ask(resolver, 8, "192.0.2.7"), 0);
    answer = take(resolver);
    cr_expect_eq(answer.tag, 7);
    cr_assert_geq(answer.count, 1);
    cr_expect_arr_eq(answer.address[0], loopback, 4);
    answer = take(resolver);
    cr_expect_eq(answer.tag, 8);
    cr_assert_eq(answer.count, 1);
    cr_expect_arr_eq(answer.address[0], other, 4);
    sp_helper_free(&resolver);
}

/* A name that is none is answered too: with nothing. An IPv6 address is none
 * either, the links know IPv4 alone. */
Test(resolver, an_unknown_name_has_no_address)
{
    static const char *const names[] = { "not a name", "192.0.2.256.", "::1" };
    struct sp_helper *resolver = start();

    for (uint32_t i = 0; i < SP_COUNT(names); i++) {
        struct sp_resolved answer = { .tag = 0 };

        cr_assert_eq(sp_resolver_ask(resolver, i, names[i]), 0);
        answer = take(resolver);
        cr_expect_eq(answer.tag, i);
        cr_expect_eq(answer.count, 0, "%s", names[i]);
    }
    sp_helper_free(&resolver);
}

Test(resolver, a_name_longer_than_any_is_not_asked_for)
{
    struct sp_helper *resolver = start();
    char name[300];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    cr_expect_lt(sp_resolver_ask(resolver, 1, name), 0);
    cr_assert_eq(sp_resolver_ask(resolver, 2, "127.0.0.1"), 0);
    cr_expect_eq(take(resolver).tag, 2);
    sp_helper_free(&resolver);
}
