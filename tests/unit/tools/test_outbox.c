/* Answers that wait: copied, in order, for the commit and for a receiver. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/error.h"
#include "services/tools/outbox.h"

struct owner {
    int result; /* of the next sends */
    char sent[16];
    char lost[16];
};

static void
note(char *list, const struct outbox_item *item)
{
    size_t len = strlen(list);

    cr_assert_lt(len, 15);
    list[len] = item->result.body.ptr[0];
}

static int
on_send(void *arg, const struct outbox_item *item)
{
    struct owner *owner = arg;

    if (owner->result == 0) {
        note(owner->sent, item);
    }
    return owner->result;
}

static void
on_lost(void *arg, const struct outbox_item *item)
{
    struct owner *owner = arg;

    note(owner->lost, item);
}

static struct outbox *
new_outbox(struct owner *owner)
{
    const struct outbox_owner hooks = { on_send, on_lost, owner };

    return outbox_new(&hooks);
}

/* The bytes are gone after the call, as a frame's are. */
static void
put(struct outbox *outbox, char body)
{
    char bytes[1] = { body };
    const struct outbox_item item = {
        .result = { .request_id = SP_VIEW_LITERAL("0123456789abcdef"),
                    .reply_to = SP_VIEW_LITERAL("edge"),
                    .body = sp_view_make(bytes, 1) },
        .due_ms = 100,
    };

    cr_assert_eq(outbox_add(outbox, &item), 0);
    bytes[0] = '?';
}

Test(outbox, nothing_leaves_before_the_commit)
{
    struct owner owner = { 0 };
    struct outbox *outbox = new_outbox(&owner);

    put(outbox, 'a');
    put(outbox, 'b');
    outbox_send(outbox, 0);
    cr_expect_str_eq(owner.sent, "");
    outbox_commit(outbox);
    put(outbox, 'c');
    outbox_send(outbox, 0);
    cr_expect_str_eq(owner.sent, "ab");
    cr_expect_eq(outbox_count(outbox), 1);
    outbox_free(&outbox);
    cr_expect_null(outbox);
}

Test(outbox, a_failed_commit_loses_only_its_own)
{
    struct owner owner = { .result = SP_ENOPEER };
    struct outbox *outbox = new_outbox(&owner);

    put(outbox, 'a');
    outbox_commit(outbox);
    outbox_send(outbox, 0);
    put(outbox, 'b');
    outbox_abandon(outbox);
    cr_expect_str_eq(owner.lost, "b");
    owner.result = 0;
    put(outbox, 'c');
    outbox_commit(outbox);
    outbox_send(outbox, 0);
    cr_expect_str_eq(owner.sent, "ac");
    cr_expect_eq(outbox_count(outbox), 0);
    outbox_free(&outbox);
}

Test(outbox, waits_for_a_receiver_until_nobody_waits)
{
    static const int errors[] = { SP_ENOPEER, SP_EFULL };

    for (size_t i = 0; i < SP_COUNT(errors); i++) {
        struct owner owner = { .result = errors[i] };
        struct outbox *outbox = new_outbox(&owner);

        put(outbox, 'a');
        outbox_commit(outbox);
        outbox_send(outbox, 99);
        cr_expect_eq(outbox_count(outbox), 1);
        outbox_send(outbox, 100);
        cr_expect_str_eq(owner.lost, "a");
        cr_expect_eq(outbox_count(outbox), 0);
        outbox_free(&outbox);
    }
}

Test(outbox, what_can_never_leave_is_lost_at_once)
{
    struct owner owner = { .result = SP_ELIMIT };
    struct outbox *outbox = new_outbox(&owner);

    put(outbox, 'a');
    outbox_commit(outbox);
    outbox_send(outbox, 0);
    cr_expect_str_eq(owner.lost, "a");
    outbox_free(&outbox);
}

Test(outbox, is_bounded)
{
    struct owner owner = { 0 };
    struct outbox *outbox = new_outbox(&owner);
    const struct outbox_item item = { .due_ms = 1 };
    size_t n = 0;

    while (outbox_add(outbox, &item) == 0) {
        n++;
        cr_assert_lt(n, 100000);
    }
    cr_expect_eq(outbox_count(outbox), n);
    outbox_free(&outbox);
}
