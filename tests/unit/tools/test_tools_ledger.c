/* The ledger: once, whoever dies in the middle. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/base/clock.h"
#include "tests/support/tools_fixture.h"

/* More than SQLite keeps in memory, and more than the disk has. */
#define LARGE (16 * 1024 * 1024)
#define FULL_AT (256 * 1024)

static const struct ledger_claim first = {
    .request_id = SP_VIEW_LITERAL("0123456789abcdef"),
    .digest = SP_VIEW_LITERAL("what was asked"),
    .keep_until_ms = DESK_NOW,
};

static const struct ledger_answer done = {
    .status = 200,
    .headers = SP_VIEW_LITERAL("content-type: text/plain\n"),
    .body = SP_VIEW_LITERAL("done"),
};

static const struct ledger_ticket ticket = {
    .ticket_id = SP_VIEW_LITERAL("TKT-1"),
    .customer_id = SP_VIEW_LITERAL("ABC12345"),
    .subject = SP_VIEW_LITERAL("s"),
    .description = SP_VIEW_LITERAL("d"),
    .priority = SP_VIEW_LITERAL("low"),
};

/* One request from claim to answer; the commit is the caller's. */
static void
do_once(struct ledger *ledger)
{
    struct ledger_answer known = { 0 };

    cr_assert_eq(ledger_claim(ledger, &first, &known), 0);
    cr_assert_eq(ledger_add_ticket(ledger, &ticket), 0);
    cr_assert_eq(ledger_keep(ledger, &done), 0);
}

Test(tools_ledger, a_repetition_gets_the_first_answer)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    ledger = desk.tools.ledger;
    do_once(ledger);
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_assert_eq(ledger_claim(ledger, &first, &known), SP_EDUPLICATE);
    cr_expect_eq(known.status, 200);
    cr_expect(sp_view_equal(known.headers, done.headers));
    cr_expect(sp_view_equal(known.body, done.body));
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_expect_eq(desk_tickets(&desk), 1);
    desk_close(&desk);
}

Test(tools_ledger, a_repetition_in_the_same_group_does_too)
{
    struct desk desk;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    do_once(desk.tools.ledger);
    cr_expect_eq(ledger_claim(desk.tools.ledger, &first, &known),
                 SP_EDUPLICATE);
    cr_expect_eq(known.status, 200);
    cr_assert_eq(ledger_commit(desk.tools.ledger), 0);
    cr_expect_eq(desk_tickets(&desk), 1);
    desk_close(&desk);
}

Test(tools_ledger, an_id_is_good_for_one_request)
{
    struct desk desk;
    struct ledger_claim other = first;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    do_once(desk.tools.ledger);
    other.digest = SP_VIEW_LITERAL("something else");
    cr_expect_eq(ledger_claim(desk.tools.ledger, &other, &known), SP_EAUTH);
    cr_expect_eq(known.status, 0);
    other.request_id = SP_VIEW_LITERAL("short");
    cr_expect_eq(ledger_claim(desk.tools.ledger, &other, &known), SP_ESTORE);
    desk_close(&desk);
}

Test(tools_ledger, a_dropped_claim_leaves_nothing_but_its_neighbours)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_claim second = first;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    ledger = desk.tools.ledger;
    second.request_id = SP_VIEW_LITERAL("fedcba9876543210");
    do_once(ledger);
    cr_assert_eq(ledger_claim(ledger, &second, &known), 0);
    cr_expect_neq(ledger_add_ticket(ledger, &ticket), 0, "same ticket id");
    ledger_drop(ledger);
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_expect_eq(desk_tickets(&desk), 1);
    cr_expect_eq(ledger_claim(ledger, &second, &known), 0, "still new");
    desk_close(&desk);
}

/* Only the first call waits for a replica that hangs with the store in its
 * hands: ten more would hold this one for ten seconds. */
Test(tools_ledger, waits_once_for_a_store_that_is_held)
{
    struct desk desk;
    struct ledger *other = NULL;
    struct ledger_claim mine = first;
    struct ledger_answer known = { 0 };
    char path[64];
    int64_t began_ms = 0;

    desk_open(&desk);
    desk_path(&desk, "ledger.db", path);
    cr_assert_eq(ledger_open(path, &other), 0);
    do_once(other);
    mine.request_id = SP_VIEW_LITERAL("fedcba9876543210");
    cr_expect_eq(ledger_claim(desk.tools.ledger, &mine, &known), SP_EFULL);
    began_ms = sp_clock_ms();
    for (int i = 0; i < 10; i++) {
        cr_expect_eq(ledger_claim(desk.tools.ledger, &mine, &known), SP_EFULL);
    }
    cr_expect_lt(sp_clock_ms() - began_ms, 5000);
    cr_assert_eq(ledger_commit(other), 0);
    cr_expect_eq(ledger_claim(desk.tools.ledger, &mine, &known), 0);
    ledger_close(&other);
    desk_close(&desk);
}

Test(tools_ledger, no_effect_without_a_claim)
{
    struct desk desk;
    const struct sp_view name = SP_VIEW_LITERAL("session");

    desk_open(&desk);
    cr_expect_eq(ledger_add_ticket(desk.tools.ledger, &ticket), SP_ESTORE);
    cr_expect_eq(ledger_end_session(desk.tools.ledger, name, 1), SP_ESTORE);
    cr_expect_eq(ledger_keep(desk.tools.ledger, &done), SP_ESTORE);
    cr_expect_not(ledger_in_group(desk.tools.ledger));
    cr_expect_eq(desk_tickets(&desk), 0);
    desk_close(&desk);
}

Test(tools_ledger, what_was_begun_and_never_answered_is_told_so)
{
    struct desk desk;
    struct ledger_answer known = { .status = 7 };
    sqlite3 *db = NULL;
    char path[64];

    desk_open(&desk);
    desk_path(&desk, "ledger.db", path);
    cr_assert_eq(sp_sqlite_open(path, &db), 0);
    cr_assert_eq(
        sp_sqlite_run(db,
                      "INSERT INTO journal (request_id, digest, keep_until_ms)"
                      " VALUES (x'30313233343536373839616263646566',"
                      " CAST('what was asked' AS BLOB), 1)"),
        0);
    sp_sqlite_close(&db);
    cr_expect_eq(ledger_claim(desk.tools.ledger, &first, &known),
                 SP_EDUPLICATE);
    cr_expect_eq(known.status, 0);
    desk_close(&desk);
}

Test(tools_ledger, remembers_ended_sessions_until_they_would_have_expired)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_answer known = { 0 };
    const struct sp_view name = SP_VIEW_LITERAL("a session");

    desk_open(&desk);
    ledger = desk.tools.ledger;
    cr_assert_eq(ledger_session_ended(ledger, name), 0);
    cr_assert_eq(ledger_claim(ledger, &first, &known), 0);
    cr_assert_eq(ledger_end_session(ledger, name, DESK_NOW + 5), 0);
    cr_assert_eq(ledger_keep(ledger, &done), 0);
    cr_assert_eq(ledger_purge(ledger, DESK_NOW), SP_EFULL, "within a group");
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_expect_eq(ledger_session_ended(ledger, name), 1);
    cr_assert_eq(ledger_purge(ledger, DESK_NOW + 5), 0);
    cr_expect_eq(ledger_session_ended(ledger, name), 1);
    cr_assert_eq(ledger_purge(ledger, DESK_NOW + 6), 0);
    cr_expect_eq(ledger_session_ended(ledger, name), 0);
    desk_close(&desk);
}

/* A purge of a whole busy minute would hold the process for a second. */
Test(tools_ledger, forgets_in_parts)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_claim claim = first;
    struct ledger_answer known = { 0 };
    char id[17];

    desk_open(&desk);
    ledger = desk.tools.ledger;
    for (int i = 0; i < 1100; i++) {
        (void)snprintf(id, sizeof(id), "%016d", i);
        claim.request_id = sp_view_of(id);
        cr_assert_eq(ledger_claim(ledger, &claim, &known), 0);
        cr_assert_eq(ledger_keep(ledger, &done), 0);
    }
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_expect_eq(ledger_purge(ledger, DESK_NOW + 1), 1);
    cr_expect_eq(desk_count(&desk, "ledger.db", "SELECT count(*) FROM journal"),
                 600);
    cr_expect_eq(ledger_purge(ledger, DESK_NOW + 1), 1);
    cr_expect_eq(ledger_purge(ledger, DESK_NOW + 1), 0);
    cr_expect_eq(desk_count(&desk, "ledger.db", "SELECT count(*) FROM journal"),
                 0);
    desk_close(&desk);
}

Test(tools_ledger, forgets_a_request_only_when_no_repetition_is_valid)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    ledger = desk.tools.ledger;
    do_once(ledger);
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_assert_eq(ledger_purge(ledger, first.keep_until_ms), 0);
    cr_expect_eq(ledger_claim(ledger, &first, &known), SP_EDUPLICATE);
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_assert_eq(ledger_purge(ledger, first.keep_until_ms + 1), 0);
    cr_expect_eq(ledger_claim(ledger, &first, &known), 0);
    cr_expect_eq(desk_tickets(&desk), 1, "the ticket stays");
    desk_close(&desk);
}

/* What a replica does before it is killed. */
static void
die_before_commit(struct ledger *ledger)
{
    do_once(ledger);
}

static void
die_between_effect_and_answer(struct ledger *ledger)
{
    struct ledger_answer known = { 0 };

    if (ledger_claim(ledger, &first, &known) != 0 ||
        ledger_add_ticket(ledger, &ticket) != 0) {
        _exit(1);
    }
}

static void
die_after_commit(struct ledger *ledger)
{
    do_once(ledger);
    if (ledger_commit(ledger) != 0) {
        _exit(1);
    }
}

/* Runs `what` in a process of its own and kills that with SIGKILL. */
static void
killed_while(struct desk *desk, void (*what)(struct ledger *ledger))
{
    int status = 0;
    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0) {
        desk_enter(desk);
        what(desk->tools.ledger);
        (void)kill(getpid(), SIGKILL);
        _exit(2);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d",
              status);
}

Test(tools_ledger, killed_anywhere_the_work_is_done_once)
{
    static const struct {
        const char *label;
        void (*what)(struct ledger *ledger);
        int64_t tickets; /* that the killed one left */
    } rows[] = {
        { "between effect and answer", die_between_effect_and_answer, 0 },
        { "before the commit", die_before_commit, 0 },
        { "after the commit", die_after_commit, 1 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct desk desk = { .directory = "/tmp/sp-tools-XXXXXX" };
        struct ledger_answer known = { 0 };

        cr_assert_not_null(mkdtemp(desk.directory));
        killed_while(&desk, rows[i].what);
        cr_expect_eq(desk_tickets(&desk), rows[i].tickets, "%s", rows[i].label);
        desk_enter(&desk);
        if (rows[i].tickets == 0) {
            do_once(desk.tools.ledger);
            cr_assert_eq(ledger_commit(desk.tools.ledger), 0);
        }
        cr_expect_eq(ledger_claim(desk.tools.ledger, &first, &known),
                     SP_EDUPLICATE, "%s", rows[i].label);
        cr_expect(sp_view_equal(known.body, done.body), "%s", rows[i].label);
        cr_expect_eq(desk_tickets(&desk), 1, "%s", rows[i].label);
        desk_close(&desk);
    }
}

/* Two replicas get the same request: the second waits for the first's commit,
 * then finds the answer. */
Test(tools_ledger, another_replica_sees_the_answer)
{
    struct desk desk;
    struct ledger *other = NULL;
    struct ledger_answer known = { 0 };
    char path[64];

    desk_open(&desk);
    desk_path(&desk, "ledger.db", path);
    cr_assert_eq(ledger_open(path, &other), 0);
    do_once(desk.tools.ledger);
    cr_expect_eq(ledger_claim(other, &first, &known), SP_EFULL);
    cr_expect_not(ledger_in_group(other));
    cr_assert_eq(ledger_commit(desk.tools.ledger), 0);
    cr_expect_eq(ledger_claim(other, &first, &known), SP_EDUPLICATE);
    cr_expect(sp_view_equal(known.body, done.body));
    ledger_close(&other);
    desk_close(&desk);
}

/* A file may grow no further: what a full disk looks like to SQLite. */
static void
limit_files(rlim_t bytes)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct rlimit limit;

    cr_assert_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What breaks the transaction breaks the group: nothing that came later is
 * committed by itself behind the group's back. */
Test(tools_ledger, a_full_disk_fails_the_whole_group)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_claim second = first;
    struct ledger_answer known = { 0 };
    struct ledger_answer large = done;
    char *body = sp_alloc(LARGE);

    desk_open(&desk);
    ledger = desk.tools.ledger;
    large.body = sp_view_make(body, LARGE);
    second.request_id = SP_VIEW_LITERAL("fedcba9876543210");
    limit_files(FULL_AT);
    do_once(ledger);
    cr_assert_eq(ledger_claim(ledger, &second, &known), 0);
    cr_expect_eq(ledger_keep(ledger, &large), SP_ESTORE);
    cr_expect_eq(ledger_claim(ledger, &second, &known), SP_ESTORE);
    cr_expect_eq(ledger_commit(ledger), SP_ESTORE);
    cr_expect_not(ledger_in_group(ledger));
    limit_files(RLIM_INFINITY);
    cr_expect_eq(desk_tickets(&desk), 0);
    do_once(ledger);
    cr_expect_eq(ledger_commit(ledger), 0, "and it goes on");
    cr_expect_eq(desk_tickets(&desk), 1);
    sp_free(body);
    desk_close(&desk);
}

/* ------------------------------------------- effects outside of the ledger */

static void
begin_once(struct ledger *ledger)
{
    struct ledger_answer known = { 0 };

    cr_assert_eq(ledger_begin(ledger, &first, &known), 0);
}

/* Another command of the same turn shares the commit, and an effect that lasts
 * stands in nobody's way. */
Test(tools_ledger, what_was_begun_is_finished_in_another_group)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_claim second = first;
    struct ledger_answer known = { .status = 7 };

    desk_open(&desk);
    ledger = desk.tools.ledger;
    second.request_id = SP_VIEW_LITERAL("fedcba9876543210");
    begin_once(ledger);
    cr_assert_eq(ledger_begin(ledger, &second, &known), 0);
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_assert_eq(ledger_begin(ledger, &first, &known), SP_EDUPLICATE);
    cr_expect_eq(known.status, 0, "begun, and nobody knows more");
    cr_assert_eq(ledger_claim(ledger, &first, &known), SP_EDUPLICATE);
    cr_assert_eq(ledger_finish(ledger, first.request_id, &done), 0);
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_assert_eq(ledger_begin(ledger, &first, &known), SP_EDUPLICATE);
    cr_expect_eq(known.status, 200);
    cr_expect(sp_view_equal(known.headers, done.headers));
    cr_expect(sp_view_equal(known.body, done.body));
    cr_assert_eq(ledger_begin(ledger, &second, &known), SP_EDUPLICATE);
    cr_assert_eq(ledger_commit(ledger), 0);
    desk_close(&desk);
}

Test(tools_ledger, what_is_begun_belongs_to_its_request)
{
    struct desk desk;
    struct ledger_claim other = first;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    begin_once(desk.tools.ledger);
    other.digest = SP_VIEW_LITERAL("something else");
    cr_expect_eq(ledger_begin(desk.tools.ledger, &other, &known), SP_EAUTH);
    desk_close(&desk);
}

Test(tools_ledger, what_has_certainly_not_happened_may_be_tried_again)
{
    struct desk desk;
    struct ledger *ledger = NULL;

    desk_open(&desk);
    ledger = desk.tools.ledger;
    begin_once(ledger);
    cr_assert_eq(ledger_commit(ledger), 0);
    cr_assert_eq(ledger_finish(ledger, first.request_id, NULL), 0);
    begin_once(ledger);
    cr_assert_eq(ledger_commit(ledger), 0);
    desk_close(&desk);
}

/* Late or twice: the first answer is the one that was given. */
Test(tools_ledger, an_answer_is_never_replaced)
{
    struct desk desk;
    struct ledger *ledger = NULL;
    struct ledger_answer known = { 0 };
    const struct ledger_answer other = { .status = 500 };

    desk_open(&desk);
    ledger = desk.tools.ledger;
    do_once(ledger);
    cr_assert_eq(ledger_finish(ledger, first.request_id, &other), 0);
    cr_assert_eq(ledger_finish(ledger, first.request_id, NULL), 0);
    cr_assert_eq(ledger_claim(ledger, &first, &known), SP_EDUPLICATE);
    cr_expect_eq(known.status, 200);
    cr_assert_eq(ledger_commit(ledger), 0);
    desk_close(&desk);
}

Test(tools_ledger, nothing_is_finished_while_a_claim_is_in_hand)
{
    struct desk desk;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    cr_assert_eq(ledger_claim(desk.tools.ledger, &first, &known), 0);
    cr_expect_eq(ledger_finish(desk.tools.ledger, first.request_id, &done),
                 SP_ESTORE);
    cr_expect_eq(ledger_keep(desk.tools.ledger, &done), 0, "it stands");
    desk_close(&desk);
}

static void
die_begun_before_the_commit(struct ledger *ledger)
{
    begin_once(ledger);
}

static void
die_begun(struct ledger *ledger)
{
    begin_once(ledger);
    if (ledger_commit(ledger) != 0) {
        _exit(1);
    }
}

static void
die_finished_before_the_commit(struct ledger *ledger)
{
    die_begun(ledger);
    if (ledger_finish(ledger, first.request_id, &done) != 0) {
        _exit(1);
    }
}

static void
die_finished(struct ledger *ledger)
{
    die_finished_before_the_commit(ledger);
    if (ledger_commit(ledger) != 0) {
        _exit(1);
    }
}

/* Between the two commits the effect may have happened or not: whoever comes
 * then is told so, and never runs it again. */
Test(tools_ledger, killed_anywhere_an_effect_elsewhere_is_never_repeated)
{
    static const struct {
        const char *label;
        void (*what)(struct ledger *ledger);
        int want;
        unsigned status;
    } rows[] = {
        { "before the first commit", die_begun_before_the_commit, 0, 7 },
        { "between begin and finish", die_begun, SP_EDUPLICATE, 0 },
        { "before the second commit", die_finished_before_the_commit,
          SP_EDUPLICATE, 0 },
        { "after it", die_finished, SP_EDUPLICATE, 200 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct desk desk = { .directory = "/tmp/sp-tools-XXXXXX" };
        struct ledger_answer known = { .status = 7 };

        cr_assert_not_null(mkdtemp(desk.directory));
        killed_while(&desk, rows[i].what);
        desk_enter(&desk);
        cr_expect_eq(ledger_begin(desk.tools.ledger, &first, &known),
                     rows[i].want, "%s", rows[i].label);
        cr_expect_eq(known.status, rows[i].status, "%s", rows[i].label);
        desk_close(&desk);
    }
}

/* The disk refuses the record: then the effect may not begin. */
Test(tools_ledger, what_cannot_be_recorded_is_not_begun)
{
    struct desk desk;
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    begin_once(desk.tools.ledger);
    limit_files(1);
    cr_expect_eq(ledger_commit(desk.tools.ledger), SP_ESTORE);
    limit_files(RLIM_INFINITY);
    cr_expect_eq(ledger_begin(desk.tools.ledger, &first, &known), 0);
    cr_expect_eq(ledger_commit(desk.tools.ledger), 0);
    desk_close(&desk);
}
