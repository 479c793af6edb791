/* SQLite as our processes use it: WAL, a bounded wait for locks, prepared
 * statements kept, values bound and never written into a text. */
#ifndef SP_COMMON_STORE_SQLITE_H
#define SP_COMMON_STORE_SQLITE_H

#include <stdint.h>

#include <sqlite3.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

/* How long a call waits while another replica writes. A group of calls is
 * committed within milliseconds: who waits longer has met a fault. */
#define SP_SQLITE_BUSY_MS 1000
/* How long the next ones wait, as long as the fault lasts: each would hold the
 * process, and reading calls with it. */
#define SP_SQLITE_HELD_MS 20

/* Opens or makes the database at `path`. 0 or SP_ESTORE. The caller closes it
 * with sp_sqlite_close(), after finalizing its statements. */
SP_MUST_CHECK int
sp_sqlite_open(const char *path, sqlite3 **ret_db);

/* Accepts a pointer to NULL and leaves NULL behind. */
void
sp_sqlite_close(sqlite3 **db);

/* Runs `script` in one transaction where the database's user_version is 0,
 * which must be set by the script. Replicas that start together are fine. 0 or
 * SP_ESTORE. */
SP_MUST_CHECK int
sp_sqlite_make(sqlite3 *db, const char *script);

/* Runs statements that give no rows. 0, SP_EFULL (another process holds the
 * lock), SP_ESTORE. */
SP_MUST_CHECK int
sp_sqlite_run(sqlite3 *db, const char *statements);

/* Prepares one statement to be kept, finalized by the caller. 0 or
 * SP_ESTORE. */
SP_MUST_CHECK int
sp_sqlite_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret_statement);

/* Binds parameter `index` (from 1). The bytes must live until
 * sp_sqlite_reset(). */
void
sp_sqlite_bind_text(sqlite3_stmt *statement, int index, struct sp_view text);
void
sp_sqlite_bind_blob(sqlite3_stmt *statement, int index, struct sp_view bytes);
void
sp_sqlite_bind_int(sqlite3_stmt *statement, int index, int64_t value);

/* 1 with a row, 0 at the end, SP_EFULL, SP_EDUPLICATE (a constraint),
 * SP_ESTORE. The row's bytes live until the next step or sp_sqlite_reset(). */
SP_MUST_CHECK int
sp_sqlite_step(sqlite3_stmt *statement);

struct sp_view
sp_sqlite_column(sqlite3_stmt *statement, int column);

/* Makes the statement ready for its next use and lets go of what was bound. */
void
sp_sqlite_reset(sqlite3_stmt *statement);

/* Steps a statement that gives no rows, and resets it. As sp_sqlite_run(). */
SP_MUST_CHECK int
sp_sqlite_finish(sqlite3_stmt *statement);

#endif
