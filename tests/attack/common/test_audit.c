/* Attacks on the audit trail: whoever can write its files, but has not the key,
 * can neither change, move, remove, repeat nor add a record unseen. */
#include "tests/support/audit_fixture.h"

#define RECORDS 5

/* Both files as they are when all is well. */
struct copy {
    struct sp_buf log;
    struct sp_buf head;
};

static void
copy_take(const struct trail *t, struct copy *c)
{
    trail_read(t->path, &c->log);
    trail_read(t->head, &c->head);
}

static void
copy_restore(const struct trail *t, const struct copy *c)
{
    trail_write(t->path, sp_buf_view(&c->log));
    trail_write(t->head, sp_buf_view(&c->head));
}

static void
copy_free(struct copy *c)
{
    sp_buf_free(&c->log);
    sp_buf_free(&c->head);
}

/* Opens the trail as the monitor does at its start. */
static enum sp_audit_state
start_again(struct trail *t, struct sp_audit_opening *opening)
{
    struct sp_audit *audit = NULL;

    cr_assert_eq(trail_open(t, opening, &audit), 0);
    sp_audit_close(&audit);
    return opening->state;
}

Test(audit_attack, every_changed_byte_shows)
{
    struct trail t;
    struct copy c;

    trail_new(&t);
    trail_fill(&t, RECORDS);
    copy_take(&t, &c);
    for (size_t i = 0; i < c.log.len; i++) {
        char old = c.log.data[i];

        c.log.data[i] = (char)(old ^ 1);
        copy_restore(&t, &c);
        cr_assert_neq(trail_fault(&t), SP_AUDIT_WHOLE, "byte %zu", i);
        c.log.data[i] = old;
    }
    copy_restore(&t, &c);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    copy_free(&c);
    trail_free(&t);
}

/* Orders of the lines, by number; what is not named is left out. */
static const struct {
    const char *label;
    size_t count;
    size_t lines[RECORDS + 1];
    enum sp_audit_fault want;
} orders[] = {
    { "as written", 5, { 0, 1, 2, 3, 4 }, SP_AUDIT_WHOLE },
    { "first left out", 4, { 1, 2, 3, 4 }, SP_AUDIT_MOVED },
    { "one left out", 4, { 0, 1, 3, 4 }, SP_AUDIT_MOVED },
    { "last left out", 4, { 0, 1, 2, 3 }, SP_AUDIT_CUT },
    { "only the first", 1, { 0 }, SP_AUDIT_CUT },
    { "nothing", 0, { 0 }, SP_AUDIT_CUT },
    { "two swapped", 5, { 0, 2, 1, 3, 4 }, SP_AUDIT_MOVED },
    { "backwards", 5, { 4, 3, 2, 1, 0 }, SP_AUDIT_MOVED },
    { "one twice", 6, { 0, 1, 1, 2, 3, 4 }, SP_AUDIT_MOVED },
    { "the last twice", 6, { 0, 1, 2, 3, 4, 4 }, SP_AUDIT_MOVED },
    { "an old one at the end", 6, { 0, 1, 2, 3, 4, 0 }, SP_AUDIT_MOVED },
};

Test(audit_attack, records_cannot_be_moved_removed_or_repeated)
{
    struct trail t;
    struct copy c;

    trail_new(&t);
    trail_fill(&t, RECORDS);
    copy_take(&t, &c);
    for (size_t i = 0; i < SP_COUNT(orders); i++) {
        struct sp_buf text = sp_buf_new(1 << 16);
        enum sp_audit_fault got = SP_AUDIT_WHOLE;

        for (size_t k = 0; k < orders[i].count; k++) {
            (void)sp_buf_add_view(&text,
                                  trail_line(&c.log, orders[i].lines[k]));
        }
        trail_write(t.path, sp_buf_view(&text));
        got = trail_fault(&t);
        cr_assert_eq(got, orders[i].want, "%s: %s", orders[i].label,
                     sp_audit_fault_text(got));
        sp_buf_free(&text);
    }
    copy_free(&c);
    trail_free(&t);
}

Test(audit_attack, a_cut_at_any_byte_shows)
{
    struct trail t;
    struct copy c;

    trail_new(&t);
    trail_fill(&t, RECORDS);
    copy_take(&t, &c);
    for (size_t len = 0; len < c.log.len; len++) {
        trail_write(t.path, sp_view_make(c.log.data, len));
        cr_assert_eq(trail_fault(&t), SP_AUDIT_CUT, "%zu bytes", len);
    }
    copy_free(&c);
    trail_free(&t);
}

Test(audit_attack, the_head_cannot_be_removed_changed_or_swapped)
{
    struct trail t;
    struct copy c;
    struct sp_buf other = sp_buf_new(1024);

    trail_new(&t);
    trail_fill(&t, RECORDS);
    copy_take(&t, &c);
    cr_assert_eq(unlink(t.head), 0);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_HEADLESS);
    trail_write(t.head, SP_VIEW_LITERAL(""));
    cr_assert_eq(trail_fault(&t), SP_AUDIT_HEADLESS);
    /* A head that claims less, so that the end may be cut. */
    (void)sp_buf_add_view(&other, sp_buf_view(&c.head));
    for (size_t i = 0; i < other.len; i++) {
        if (other.data[i] == '5') {
            other.data[i] = '1';
        }
    }
    trail_write(t.head, sp_buf_view(&other));
    cr_assert_eq(trail_fault(&t), SP_AUDIT_HEADLESS);
    /* One broken slot is the crash that two slots are for. */
    copy_restore(&t, &c);
    sp_buf_reset(&other);
    (void)sp_buf_add_view(&other, sp_buf_view(&c.head));
    memset(other.data + 256, 'x', 256);
    trail_write(t.head, sp_buf_view(&other));
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    sp_buf_free(&other);
    copy_free(&c);
    trail_free(&t);
}

Test(audit_attack, without_the_key_nothing_can_be_added)
{
    static const char wrong[SP_AUDIT_KEY_BYTES] = "another key";
    struct trail t;
    struct sp_secret *other = sp_secret_new(sp_view_make(wrong, sizeof(wrong)));
    struct sp_buf text;
    struct sp_audit_report report;
    struct sp_audit_mac mac;
    struct sp_event event = trail_event(5, "forged");

    trail_new(&t);
    trail_fill(&t, RECORDS);
    cr_assert_eq(sp_audit_verify(t.path, t.key, NULL, &report), 0);
    trail_read(t.path, &text);
    cr_assert_eq(sp_audit_line_write(other, RECORDS + 1, &report.last_mac,
                                     SP_SERVICE_AUTH, &event, &text, &mac),
                 0);
    trail_write(t.path, sp_buf_view(&text));
    cr_assert_eq(trail_fault(&t), SP_AUDIT_FORGED);
    cr_assert_eq(sp_audit_verify(t.path, t.key, NULL, &report), SP_EAUTH);
    cr_assert_eq(report.line, RECORDS + 1);
    cr_assert_eq(report.records, RECORDS);
    sp_buf_free(&text);
    sp_secret_free(&other);
    trail_free(&t);
}

/* Two trails of one key, as after a restored backup: neither takes the other's
 * records, nor its head. */
Test(audit_attack, another_trail_of_the_same_key_is_another_trail)
{
    struct trail t;
    struct trail other;
    struct copy c;
    struct copy d;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_event event = trail_event(0, "something_else");

    trail_new(&t);
    trail_fill(&t, RECORDS);
    copy_take(&t, &c);
    trail_new(&other);
    cr_assert_eq(trail_open(&other, &opening, &audit), 0);
    cr_assert_eq(sp_audit_append(audit, SP_SERVICE_EDGE, &event), 0);
    sp_audit_close(&audit);
    trail_fill(&other, RECORDS - 1);
    copy_take(&other, &d);
    trail_write(t.path, sp_buf_view(&d.log));
    cr_assert_eq(trail_fault(&t), SP_AUDIT_MOVED);
    copy_restore(&t, &c);
    trail_write(t.head, sp_buf_view(&d.head));
    cr_assert_eq(trail_fault(&t), SP_AUDIT_MOVED);
    copy_free(&c);
    copy_free(&d);
    trail_free(&other);
    trail_free(&t);
}

static void
count_aside(const char *name, void *arg)
{
    if (strstr(name, ".broken-") != NULL) {
        (*(size_t *)arg)++;
    }
}

/* The monitor finds it at its start, keeps the evidence and goes on. */
Test(audit_attack, the_monitor_sets_a_changed_trail_aside)
{
    struct trail t;
    struct copy c;
    struct sp_audit_opening opening;
    size_t aside = 0;

    trail_new(&t);
    trail_fill(&t, RECORDS);
    copy_take(&t, &c);
    c.log.data[c.log.len / 2] ^= 1;
    copy_restore(&t, &c);
    cr_assert_eq(start_again(&t, &opening), SP_AUDIT_SET_ASIDE);
    cr_assert_eq(opening.report.fault, SP_AUDIT_FORGED);
    trail_files(&t, count_aside, &aside);
    cr_assert_eq(aside, 2);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    cr_assert_eq(start_again(&t, &opening), SP_AUDIT_CONTINUED);
    copy_free(&c);
    trail_free(&t);
}

Test(audit_attack, the_monitor_sees_that_the_end_was_cut_off)
{
    struct trail t;
    struct copy c;
    struct sp_audit_opening opening;

    trail_new(&t);
    trail_fill(&t, RECORDS);
    copy_take(&t, &c);
    trail_write(t.path, sp_view_make(c.log.data,
                                     c.log.len - trail_line(&c.log, 4).len));
    cr_assert_eq(start_again(&t, &opening), SP_AUDIT_SET_ASIDE);
    cr_assert_eq(opening.report.fault, SP_AUDIT_CUT);
    copy_free(&c);
    trail_free(&t);
}

Test(audit_attack, deleting_the_log_alone_shows)
{
    struct trail t;
    struct sp_audit_opening opening;

    trail_new(&t);
    trail_fill(&t, RECORDS);
    cr_assert_eq(unlink(t.path), 0);
    cr_assert_eq(start_again(&t, &opening), SP_AUDIT_SET_ASIDE);
    cr_assert_eq(opening.report.fault, SP_AUDIT_CUT);
    trail_free(&t);
}

Test(audit_attack, a_link_in_its_place_is_not_followed)
{
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_audit_report report;

    trail_new(&t);
    cr_assert_eq(symlink("elsewhere", t.path), 0);
    cr_assert_eq(trail_open(&t, &opening, &audit), SP_ESTORE);
    cr_assert_eq(sp_audit_verify(t.path, t.key, NULL, &report), SP_ESYSTEM);
    trail_free(&t);
}
