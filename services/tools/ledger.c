/* The ledger of effects. */
#include "services/tools/ledger.h"

#include <stddef.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/store/sqlite.h"

#define REQUEST_ID_BYTES 16

/* Rows that one purge takes of each table: a busy minute leaves tens of
 * thousands, which would hold the process for a second. */
#define PURGE_ROWS 500

static const char script[] =
    "CREATE TABLE journal ("
    " request_id BLOB PRIMARY KEY NOT NULL,"
    " digest BLOB NOT NULL,"
    " keep_until_ms INTEGER NOT NULL,"
    " status INTEGER,"
    " headers BLOB,"
    " body BLOB);"
    "CREATE INDEX journal_age ON journal (keep_until_ms);"
    "CREATE TABLE tickets ("
    " ticket_id TEXT PRIMARY KEY NOT NULL,"
    " customer_id TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " description TEXT NOT NULL,"
    " priority TEXT NOT NULL"
    "  CHECK (priority IN ('low', 'normal', 'high', 'urgent')),"
    " status TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " resolve_by_ms INTEGER NOT NULL,"
    " caller TEXT NOT NULL,"
    " client TEXT NOT NULL);"
    "CREATE INDEX tickets_customer ON tickets (customer_id, created_ms);"
    "CREATE TABLE ended_sessions ("
    " name BLOB PRIMARY KEY NOT NULL,"
    " keep_until_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version=1";

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    SAVE,
    RELEASE,
    UNDO,
    FIND,
    CLAIM,
    KEEP,
    FINISH,
    FORGET,
    ADD_TICKET,
    END_SESSION,
    SESSION_ENDED,
    PURGE_JOURNAL,
    PURGE_SESSIONS,
    STATEMENTS,
};

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVE] = "SAVEPOINT one",
    [RELEASE] = "RELEASE one",
    [UNDO] = "ROLLBACK TO one",
    [FIND] = "SELECT digest, status, headers, body FROM journal"
             " WHERE request_id = ?1",
    [CLAIM] = "INSERT INTO journal (request_id, digest, keep_until_ms)"
              " VALUES (?1, ?2, ?3)",
    [KEEP] = "UPDATE journal SET status = ?2, headers = ?3, body = ?4"
             " WHERE request_id = ?1",
    [FINISH] = "UPDATE journal SET status = ?2, headers = ?3, body = ?4"
               " WHERE request_id = ?1 AND status IS NULL",
    [FORGET] = "DELETE FROM journal WHERE request_id = ?1 AND status IS NULL",
    [ADD_TICKET] = "INSERT INTO tickets VALUES"
                   " (?1, ?2, ?3, ?4, ?5, 'open', ?6, ?7, ?8, ?9)",
    [END_SESSION] = "INSERT OR IGNORE INTO ended_sessions VALUES (?1, ?2)",
    [SESSION_ENDED] = "SELECT 1 FROM ended_sessions WHERE name = ?1",
    [PURGE_JOURNAL] = "DELETE FROM journal WHERE rowid IN (SELECT rowid"
                      " FROM journal WHERE keep_until_ms < ?1 LIMIT ?2)",
    [PURGE_SESSIONS] = "DELETE FROM ended_sessions WHERE name IN (SELECT name"
                       " FROM ended_sessions WHERE keep_until_ms < ?1"
                       " LIMIT ?2)",
};

struct ledger {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    bool held; /* by another replica, when last tried */
    bool in_group;
    bool claimed; /* between claim and keep or drop */
    bool reading; /* FIND holds the views of the last answer */
    unsigned char request_id[REQUEST_ID_BYTES]; /* of the claim in hand */
};

int
ledger_open(const char *path, struct ledger **ret_ledger)
{
    struct ledger *ledger = sp_alloc(sizeof(*ledger));
    int error = sp_sqlite_open(path, &ledger->db);

    if (error == 0) {
        error = sp_sqlite_make(ledger->db, script);
    }
    for (size_t i = 0; error == 0 && i < STATEMENTS; i++) {
        error = sp_sqlite_prepare(ledger->db, texts[i], &ledger->statements[i]);
    }
    if (error != 0) {
        ledger_close(&ledger);
        return SP_ESTORE;
    }
    *ret_ledger = ledger;
    return 0;
}

void
ledger_close(struct ledger **ledger)
{
    struct ledger *l = *ledger;

    if (l == NULL) {
        return;
    }
    for (size_t i = 0; i < STATEMENTS; i++) {
        (void)sqlite3_finalize(l->statements[i]);
    }
    sp_sqlite_close(&l->db);
    sp_free(l);
    *ledger = NULL;
}

static int
run(struct ledger *l, enum statement which)
{
    return sp_sqlite_finish(l->statements[which]);
}

/* After some errors (a full disk) SQLite ends the transaction by itself. What
 * came then would be committed alone: the whole group fails instead. */
static bool
is_broken(const struct ledger *l)
{
    return l->in_group && sqlite3_get_autocommit(l->db) != 0;
}

static void
end_reading(struct ledger *l)
{
    if (l->reading) {
        sp_sqlite_reset(l->statements[FIND]);
        l->reading = false;
    }
}

/* Harmless where SQLite has rolled back by itself. */
static void
abandon(struct ledger *l)
{
    (void)run(l, ROLLBACK);
    l->in_group = false;
    l->claimed = false;
}

/* 1 and the answer where the request is known, 0 where it is not. */
static int
find(struct ledger *l, const struct ledger_claim *claim,
     struct ledger_answer *ret_answer)
{
    sqlite3_stmt *found = l->statements[FIND];
    int error = 0;

    sp_sqlite_bind_blob(found, 1, claim->request_id);
    l->reading = true;
    error = sp_sqlite_step(found);
    if (error != 1) {
        end_reading(l);
        return error;
    }
    if (!sp_view_equal(sp_sqlite_column(found, 0), claim->digest)) {
        end_reading(l);
        return SP_EAUTH;
    }
    ret_answer->status = (unsigned)sqlite3_column_int(found, 1);
    ret_answer->headers = sp_sqlite_column(found, 2);
    ret_answer->body = sp_sqlite_column(found, 3);
    return 1;
}

static int
take(struct ledger *l, const struct ledger_claim *claim)
{
    sqlite3_stmt *insert = l->statements[CLAIM];
    int error = run(l, SAVE);

    if (error != 0) {
        return SP_ESTORE;
    }
    memcpy(l->request_id, claim->request_id.ptr, REQUEST_ID_BYTES);
    l->claimed = true;
    sp_sqlite_bind_blob(insert, 1, claim->request_id);
    sp_sqlite_bind_blob(insert, 2, claim->digest);
    sp_sqlite_bind_int(insert, 3, claim->keep_until_ms);
    error = sp_sqlite_finish(insert);
    if (error != 0) {
        ledger_drop(l);
        return SP_ESTORE;
    }
    return 0;
}

/* Opens a group. 0, SP_EFULL or SP_ESTORE. */
static int
begin(struct ledger *l)
{
    int error = 0;

    (void)sqlite3_busy_timeout(l->db,
                               l->held ? SP_SQLITE_HELD_MS : SP_SQLITE_BUSY_MS);
    error = run(l, BEGIN);
    l->held = error == SP_EFULL;
    return error;
}

/* Makes sure that a group is open. 0, SP_EFULL or SP_ESTORE. */
static int
enter_group(struct ledger *l)
{
    int error = 0;

    end_reading(l);
    if (is_broken(l)) {
        return SP_ESTORE;
    }
    if (!l->in_group) {
        error = begin(l);
        l->in_group = error == 0;
    }
    return error;
}

int
ledger_claim(struct ledger *ledger, const struct ledger_claim *claim,
             struct ledger_answer *ret_answer)
{
    int error = claim->request_id.len == REQUEST_ID_BYTES ? enter_group(ledger)
                                                          : SP_ESTORE;

    if (error == 0) {
        error = find(ledger, claim, ret_answer);
    }
    if (error == 1) {
        return SP_EDUPLICATE;
    }
    return error == 0 ? take(ledger, claim) : error;
}

/* The claim in hand is part of the group from here on; where `error` says
 * otherwise it is dropped. */
static int
release(struct ledger *l, int error)
{
    if (error == 0) {
        error = run(l, RELEASE);
    }
    if (error != 0) {
        ledger_drop(l);
        return SP_ESTORE;
    }
    l->claimed = false;
    return 0;
}

static int
write_answer(struct ledger *l, enum statement how, struct sp_view request_id,
             const struct ledger_answer *answer)
{
    sqlite3_stmt *write = l->statements[how];

    sp_sqlite_bind_blob(write, 1, request_id);
    sp_sqlite_bind_int(write, 2, answer->status);
    sp_sqlite_bind_blob(write, 3, answer->headers);
    sp_sqlite_bind_blob(write, 4, answer->body);
    return sp_sqlite_finish(write);
}

int
ledger_keep(struct ledger *ledger, const struct ledger_answer *answer)
{
    struct sp_view id = sp_view_make(ledger->request_id, REQUEST_ID_BYTES);
    int error = ledger->claimed && !is_broken(ledger) ? 0 : SP_ESTORE;

    if (error == 0) {
        error = write_answer(ledger, KEEP, id, answer);
    }
    return release(ledger, error);
}

int
ledger_begin(struct ledger *ledger, const struct ledger_claim *claim,
             struct ledger_answer *ret_answer)
{
    int error = ledger_claim(ledger, claim, ret_answer);

    return error == 0 ? release(ledger, 0) : error;
}

int
ledger_finish(struct ledger *ledger, struct sp_view request_id,
              const struct ledger_answer *answer)
{
    sqlite3_stmt *forget = ledger->statements[FORGET];
    int error = ledger->claimed ? SP_ESTORE : enter_group(ledger);

    if (error != 0) {
        return error;
    }
    if (answer != NULL) {
        return write_answer(ledger, FINISH, request_id, answer) == 0
                   ? 0
                   : SP_ESTORE;
    }
    sp_sqlite_bind_blob(forget, 1, request_id);
    return sp_sqlite_finish(forget) == 0 ? 0 : SP_ESTORE;
}

void
ledger_drop(struct ledger *ledger)
{
    if (!ledger->claimed) {
        return;
    }
    ledger->claimed = false;
    if (run(ledger, UNDO) != 0 || run(ledger, RELEASE) != 0) {
        /* What cannot be undone alone is undone with its group: the commit
         * fails then, and every caller in the group hears so. */
        (void)run(ledger, ROLLBACK);
    }
}

int
ledger_add_ticket(struct ledger *ledger, const struct ledger_ticket *ticket)
{
    sqlite3_stmt *add = ledger->statements[ADD_TICKET];

    if (!ledger->claimed || is_broken(ledger)) {
        return SP_ESTORE;
    }
    sp_sqlite_bind_text(add, 1, ticket->ticket_id);
    sp_sqlite_bind_text(add, 2, ticket->customer_id);
    sp_sqlite_bind_text(add, 3, ticket->subject);
    sp_sqlite_bind_text(add, 4, ticket->description);
    sp_sqlite_bind_text(add, 5, ticket->priority);
    sp_sqlite_bind_int(add, 6, ticket->created_ms);
    sp_sqlite_bind_int(add, 7, ticket->resolve_by_ms);
    sp_sqlite_bind_text(add, 8, ticket->caller);
    sp_sqlite_bind_text(add, 9, ticket->client);
    return sp_sqlite_finish(add) == 0 ? 0 : SP_ESTORE;
}

int
ledger_end_session(struct ledger *ledger, struct sp_view session_name,
                   int64_t keep_until_ms)
{
    sqlite3_stmt *end = ledger->statements[END_SESSION];

    if (!ledger->claimed || is_broken(ledger)) {
        return SP_ESTORE;
    }
    sp_sqlite_bind_blob(end, 1, session_name);
    sp_sqlite_bind_int(end, 2, keep_until_ms);
    return sp_sqlite_finish(end) == 0 ? 0 : SP_ESTORE;
}

int
ledger_session_ended(struct ledger *ledger, struct sp_view session_name)
{
    sqlite3_stmt *ended = ledger->statements[SESSION_ENDED];
    int found = 0;

    sp_sqlite_bind_blob(ended, 1, session_name);
    found = sp_sqlite_step(ended);
    sp_sqlite_reset(ended);
    return found < 0 ? SP_ESTORE : found;
}

bool
ledger_in_group(const struct ledger *ledger)
{
    return ledger->in_group;
}

int
ledger_commit(struct ledger *ledger)
{
    int error = 0;

    end_reading(ledger);
    ledger_drop(ledger);
    error = is_broken(ledger) ? SP_ESTORE : run(ledger, COMMIT);
    if (error != 0) {
        abandon(ledger);
        return error;
    }
    ledger->in_group = false;
    return 0;
}

static int
purge_both(struct ledger *l, int64_t now_ms, bool *ret_more)
{
    static const enum statement both[] = { PURGE_JOURNAL, PURGE_SESSIONS };

    for (size_t i = 0; i < SP_COUNT(both); i++) {
        int error = 0;

        sp_sqlite_bind_int(l->statements[both[i]], 1, now_ms);
        sp_sqlite_bind_int(l->statements[both[i]], 2, PURGE_ROWS);
        error = run(l, both[i]);
        if (error != 0) {
            return error;
        }
        *ret_more = *ret_more || sqlite3_changes(l->db) == PURGE_ROWS;
    }
    return 0;
}

int
ledger_purge(struct ledger *ledger, int64_t now_ms)
{
    bool more = false;
    int error = 0;

    end_reading(ledger);
    if (ledger->in_group) {
        return SP_EFULL;
    }
    error = begin(ledger);
    if (error != 0) {
        return error;
    }
    error = purge_both(ledger, now_ms, &more);
    if (error == 0) {
        error = run(ledger, COMMIT);
    }
    if (error != 0) {
        abandon(ledger);
        return error;
    }
    return more ? 1 : 0;
}
