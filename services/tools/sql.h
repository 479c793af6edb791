/* SQLite as this process uses it: WAL, a bounded wait for locks, prepared
 * statements kept, values bound and never written into a text. */
#ifndef SP_SERVICES_TOOLS_SQL_H
#define SP_SERVICES_TOOLS_SQL_H

#include <stdint.h>

#include <sqlite3.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

/* How long a call waits while another replica writes. A group of calls is
 * committed within milliseconds: who waits longer has met a fault. */
#define SQL_BUSY_MS 1000
/* How long the next ones wait, as long as the fault lasts: each would hold the
 * process, and reading calls with it. */
#define SQL_HELD_MS 20

/* Opens or makes the database at `path`. 0 or SP_ESTORE. The caller closes it
 * with sql_close(), after finalizing its statements. */
SP_MUST_CHECK int
sql_open(const char *path, sqlite3 **ret_db);

/* Accepts a pointer to NULL and leaves NULL behind. */
void
sql_close(sqlite3 **db);

/* Runs `script` in one transaction where the database's user_version is 0,
 * which must be set by the script. Replicas that start together are fine. 0 or
 * SP_ESTORE. */
SP_MUST_CHECK int
sql_make(sqlite3 *db, const char *script);

/* Runs statements that give no rows. 0, SP_EFULL (another process holds the
 * lock), SP_ESTORE. */
SP_MUST_CHECK int
sql_run(sqlite3 *db, const char *statements);

/* Prepares one statement to be kept, finalized by the caller. 0 or
 * SP_ESTORE. */
SP_MUST_CHECK int
sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret_statement);

/* Binds parameter `index` (from 1). The bytes must live until sql_reset(). */
void
sql_bind_text(sqlite3_stmt *statement, int index, struct sp_view text);
void
sql_bind_blob(sqlite3_stmt *statement, int index, struct sp_view bytes);
void
sql_bind_int(sqlite3_stmt *statement, int index, int64_t value);

/* 1 with a row, 0 at the end, SP_EFULL, SP_EDUPLICATE (a constraint),
 * SP_ESTORE. The row's bytes live until the next step or sql_reset(). */
SP_MUST_CHECK int
sql_step(sqlite3_stmt *statement);

struct sp_view
sql_column(sqlite3_stmt *statement, int column);

/* Makes the statement ready for its next use and lets go of what was bound. */
void
sql_reset(sqlite3_stmt *statement);

/* Steps a statement that gives no rows, and resets it. As sql_run(). */
SP_MUST_CHECK int
sql_finish(sqlite3_stmt *statement);

#endif
