/* A helper answers in its own process and its own jail, and ends with us. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/process/helper.h"

#define PATIENCE_MS 10000

struct question {
    int kind;
    int number;
};

struct answer {
    int number;
    int pid;
    int prepared;
    int error;
};

enum {
    DOUBLE,
    TRY_TO_OPEN,
    DIE
};

static int prepared;

static void
prepare(void)
{
    prepared = 42;
}

static void
reply(void *asked, void *answered)
{
    const struct question *question = asked;
    struct answer *answer = answered;

    *answer = (struct answer){ .number = 2 * question->number,
                               .pid = (int)getpid(),
                               .prepared = prepared };
    if (question->kind == TRY_TO_OPEN) {
        answer->error = open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
    } else if (question->kind == DIE) {
        _exit(3);
    }
}

static struct sp_helper *
start(void)
{
    static const struct sp_jail jail = { .inet = false };
    const struct sp_helper_work work = {
        .name = "test-helper",
        .jail = &jail,
        .question_size = sizeof(struct question),
        .answer_size = sizeof(struct answer),
        .prepare = prepare,
        .answer = reply,
    };
    struct sp_helper *helper = NULL;

    cr_assert_eq(sp_helper_start(&work, &helper), 0);
    return helper;
}

static void
wait_readable(struct sp_helper *helper)
{
    struct pollfd wanted = { .fd = sp_helper_fd(helper), .events = POLLIN };

    cr_assert_eq(poll(&wanted, 1, PATIENCE_MS), 1);
}

static struct answer
ask(struct sp_helper *helper, int kind, int number)
{
    const struct question question = { kind, number };
    struct answer answer = { 0 };

    cr_assert_eq(sp_helper_ask(helper, &question), 0);
    wait_readable(helper);
    cr_assert_eq(sp_helper_take(helper, &answer), 0);
    return answer;
}

Test(helper, answers_from_a_process_of_its_own)
{
    struct sp_helper *helper = start();
    struct answer answer = ask(helper, DOUBLE, 21);

    cr_expect_eq(answer.number, 42);
    cr_expect_neq(answer.pid, (int)getpid());
    cr_expect_eq(answer.prepared, 42);
    cr_expect_eq(prepared, 0, "prepared in the helper, not here");
    cr_expect_eq(sp_helper_take(helper, &answer), SP_ENOPEER);
    sp_helper_free(&helper);
    cr_expect_null(helper);
    sp_helper_free(&helper);
    cr_expect_eq(waitpid((pid_t)answer.pid, NULL, 0), -1, "waited for");
}

Test(helper, answers_come_in_the_order_of_the_questions)
{
    struct sp_helper *helper = start();

    for (int i = 0; i < 20; i++) {
        const struct question question = { DOUBLE, i };

        cr_assert_eq(sp_helper_ask(helper, &question), 0);
    }
    for (int i = 0; i < 20; i++) {
        struct answer answer = { 0 };

        wait_readable(helper);
        cr_assert_eq(sp_helper_take(helper, &answer), 0);
        cr_expect_eq(answer.number, 2 * i);
    }
    sp_helper_free(&helper);
}

/* What it may be talked into, it may not do: the file is not allowed, or, where
 * the system lets the jail have a room of its own, not there. */
Test(helper, sits_in_its_jail)
{
    struct sp_helper *helper = start();
    struct answer answer = ask(helper, TRY_TO_OPEN, 1);

    cr_expect(answer.error == EACCES || answer.error == EPERM ||
                  answer.error == ENOENT,
              "errno %d", answer.error);
    sp_helper_free(&helper);
}

/* Nobody takes the answers: the questions pile up to a bound, and asking never
 * blocks. */
Test(helper, is_full_at_some_time)
{
    struct sp_helper *helper = start();
    const struct question question = { DOUBLE, 1 };
    struct answer answer = { 0 };
    int error = 0;

    for (int i = 0; error == 0 && i < 1000000; i++) {
        error = sp_helper_ask(helper, &question);
    }
    cr_expect_eq(error, SP_EFULL);
    wait_readable(helper);
    cr_expect_eq(sp_helper_take(helper, &answer), 0);
    cr_expect_eq(answer.number, 2);
    sp_helper_free(&helper);
}

Test(helper, a_dead_one_is_told_apart_from_a_silent_one)
{
    struct sp_helper *helper = start();
    const struct question question = { DIE, 1 };
    struct answer answer = { 0 };

    cr_assert_eq(sp_helper_ask(helper, &question), 0);
    wait_readable(helper);
    cr_expect_eq(sp_helper_take(helper, &answer), SP_ESYSTEM);
    cr_expect_eq(sp_helper_ask(helper, &question), SP_ESYSTEM);
    cr_expect_eq(sp_helper_take(helper, &answer), SP_ESYSTEM);
    sp_helper_free(&helper);
}

/* The second helper holds a copy of the first one's pair. */
Test(helper, ends_though_a_later_one_lives)
{
    struct sp_helper *first = start();
    struct sp_helper *second = start();

    sp_helper_free(&first);
    cr_expect_eq(ask(second, DOUBLE, 3).number, 6);
    sp_helper_free(&second);
}
