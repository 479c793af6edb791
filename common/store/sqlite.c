/* SQLite as our processes use it. */
#include "common/store/sqlite.h"

#include <stddef.h>

#include "common/base/error.h"

/* Several replicas may turn the same new file to WAL at once: SQLite then says
 * busy without asking its own busy handler. */
#define WAL_TRIES 100
#define WAL_PAUSE_MS 20

static int
error_of(int code)
{
    /* The low byte is the primary code. */
    static const struct {
        int code;
        int error;
    } rows[] = {
        { SQLITE_OK, 0 },
        { SQLITE_DONE, 0 },
        { SQLITE_ROW, 1 },
        { SQLITE_BUSY, SP_EFULL },
        { SQLITE_LOCKED, SP_EFULL },
        { SQLITE_CONSTRAINT, SP_EDUPLICATE },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if ((code & 0xff) == rows[i].code) {
            return rows[i].error;
        }
    }
    return SP_ESTORE;
}

int
sp_sqlite_run(sqlite3 *db, const char *statements)
{
    return error_of(sqlite3_exec(db, statements, NULL, NULL, NULL));
}

/* An answer is only given for what is on the disk (synchronous=FULL); temporary
 * tables need no files, since the jail has no directory for them. */
static int
configure(sqlite3 *db)
{
    int error = 0;

    (void)sqlite3_busy_timeout(db, SP_SQLITE_BUSY_MS);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    for (int i = 0; i < WAL_TRIES; i++) {
        error = sp_sqlite_run(db, "PRAGMA journal_mode=WAL");
        if (error != SP_EFULL) {
            break;
        }
        (void)sqlite3_sleep(WAL_PAUSE_MS);
    }
    if (error == 0) {
        error = sp_sqlite_run(db, "PRAGMA synchronous=FULL;"
                                  "PRAGMA foreign_keys=ON;"
                                  "PRAGMA temp_store=MEMORY");
    }
    return error;
}

int
sp_sqlite_open(const char *path, sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    int error =
        error_of(sqlite3_open_v2(path, &db,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                     SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                                 NULL));

    if (error == 0) {
        error = configure(db);
    }
    if (error != 0) {
        sp_sqlite_close(&db);
        return SP_ESTORE;
    }
    *ret_db = db;
    return 0;
}

void
sp_sqlite_close(sqlite3 **db)
{
    (void)sqlite3_close(*db);
    *db = NULL;
}

static int
read_version(sqlite3 *db, int64_t *ret_version)
{
    sqlite3_stmt *statement = NULL;
    int error = sp_sqlite_prepare(db, "PRAGMA user_version", &statement);

    if (error == 0) {
        error = sp_sqlite_step(statement);
    }
    if (error == 1) {
        *ret_version = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return error == 1 ? 0 : SP_ESTORE;
}

int
sp_sqlite_make(sqlite3 *db, const char *script)
{
    int64_t version = 0;
    int error = sp_sqlite_run(db, "BEGIN IMMEDIATE");

    if (error == 0) {
        error = read_version(db, &version);
    }
    if (error == 0 && version == 0) {
        error = sp_sqlite_run(db, script);
    }
    if (error == 0) {
        error = sp_sqlite_run(db, "COMMIT");
    }
    if (error != 0) {
        /* The first error is the one to report. */
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return SP_ESTORE;
    }
    return 0;
}

int
sp_sqlite_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret_statement)
{
    return error_of(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT,
                                       ret_statement, NULL)) == 0
               ? 0
               : SP_ESTORE;
}

/* A NULL pointer would bind NULL instead of an empty value. */
static const char *
bytes_of(struct sp_view v)
{
    return v.ptr == NULL ? "" : v.ptr;
}

void
sp_sqlite_bind_text(sqlite3_stmt *statement, int index, struct sp_view text)
{
    (void)sqlite3_bind_text(statement, index, bytes_of(text), (int)text.len,
                            SQLITE_STATIC);
}

void
sp_sqlite_bind_blob(sqlite3_stmt *statement, int index, struct sp_view bytes)
{
    (void)sqlite3_bind_blob(statement, index, bytes_of(bytes), (int)bytes.len,
                            SQLITE_STATIC);
}

void
sp_sqlite_bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    (void)sqlite3_bind_int64(statement, index, value);
}

int
sp_sqlite_step(sqlite3_stmt *statement)
{
    return error_of(sqlite3_step(statement));
}

struct sp_view
sp_sqlite_column(sqlite3_stmt *statement, int column)
{
    const void *bytes = sqlite3_column_blob(statement, column);

    return sp_view_make(bytes, (size_t)sqlite3_column_bytes(statement, column));
}

void
sp_sqlite_reset(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
}

int
sp_sqlite_finish(sqlite3_stmt *statement)
{
    int error = sp_sqlite_step(statement);

    sp_sqlite_reset(statement);
    return error == 1 ? SP_ESTORE : error;
}
