/* The customer store. */
#include "services/tools/run/customers.h"

#include <stdbool.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/store/sqlite.h"

/* A declared query may take about 10 ms of this one thread: the steps of
 * SQLite's machine between two looks, and the looks. */
#define STEPS_PER_LOOK 10000
#define LOOKS 50

static const char script[] =
    "CREATE TABLE customers ("
    " customer_id TEXT PRIMARY KEY NOT NULL,"
    " name TEXT NOT NULL,"
    " status TEXT NOT NULL"
    "  CHECK (status IN ('active', 'inactive', 'suspended')),"
    " account_type TEXT NOT NULL"
    "  CHECK (account_type IN ('standard', 'premium', 'enterprise')),"
    " last_activity TEXT NOT NULL,"
    " contact TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO customers VALUES"
    " ('ABC12345', 'Ada Byron', 'active', 'premium',"
    "  '2026-11-20T14:30:00Z', 'ada.byron@example.com'),"
    " ('DEF67890', 'Daniel Evans', 'active', 'standard',"
    "  '2026-11-18T09:15:00Z', 'daniel.evans@example.com'),"
    " ('GHI24680', 'Grace Hill', 'inactive', 'standard',"
    "  '2026-03-02T17:45:00Z', 'grace.hill@example.com'),"
    " ('JKL13579', 'Jonas Keller', 'active', 'enterprise',"
    "  '2026-11-23T08:05:00Z', 'jonas.keller@example.com'),"
    " ('MNO11223', 'Mira Novak', 'suspended', 'premium',"
    "  '2026-09-12T11:20:00Z', 'mira.novak@example.com');"
    "PRAGMA user_version=1";

struct customers {
    sqlite3 *db;
    sqlite3_stmt *know;
    sqlite3_stmt *hold; /* stepped but not reset: keeps the read lock */
    bool holding;
    int looks; /* left for the query in hand */
};

/* Called by SQLite every STEPS_PER_LOOK steps; other than 0 ends the query. */
static int
on_look(void *arg)
{
    struct customers *customers = arg;

    return customers->looks-- <= 0;
}

int
customers_open(const char *path, struct customers **ret_customers)
{
    struct customers *customers = sp_alloc(sizeof(*customers));
    int error = sp_sqlite_open(path, &customers->db);

    if (error == 0) {
        error = sp_sqlite_make(customers->db, script);
    }
    if (error == 0) {
        error = sp_sqlite_run(customers->db, "PRAGMA query_only=ON");
    }
    if (error == 0) {
        error = sp_sqlite_prepare(
            customers->db, "SELECT 1 FROM customers WHERE customer_id = ?1",
            &customers->know);
    }
    if (error == 0) {
        error = sp_sqlite_prepare(
            customers->db, "SELECT 1 FROM customers LIMIT 1", &customers->hold);
    }
    if (error != 0) {
        customers_close(&customers);
        return SP_ESTORE;
    }
    sqlite3_progress_handler(customers->db, STEPS_PER_LOOK, on_look, customers);
    *ret_customers = customers;
    return 0;
}

void
customers_close(struct customers **customers)
{
    struct customers *c = *customers;

    if (c == NULL) {
        return;
    }
    (void)sqlite3_finalize(c->hold);
    (void)sqlite3_finalize(c->know);
    sp_sqlite_close(&c->db);
    sp_free(c);
    *customers = NULL;
}

int
customers_know(struct customers *customers, struct sp_view customer_id)
{
    int found = 0;

    customers_allot(customers);
    sp_sqlite_bind_text(customers->know, 1, customer_id);
    found = sp_sqlite_step(customers->know);
    sp_sqlite_reset(customers->know);
    return found < 0 ? SP_ESTORE : found;
}

sqlite3 *
customers_db(struct customers *customers)
{
    return customers->db;
}

void
customers_allot(struct customers *customers)
{
    customers->looks = LOOKS;
    if (!customers->holding) {
        /* Where it fails, the query takes the lock by itself, or reports. */
        (void)sqlite3_step(customers->hold);
        customers->holding = true;
    }
}

void
customers_rest(struct customers *customers)
{
    if (customers->holding) {
        (void)sqlite3_reset(customers->hold);
        customers->holding = false;
    }
}
