/* The customer store, store/tools/customers.db: made and seeded at the first
 * start, then only read. */
#ifndef SP_SERVICES_TOOLS_RUN_CUSTOMERS_H
#define SP_SERVICES_TOOLS_RUN_CUSTOMERS_H

#include <sqlite3.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

struct customers;

/* 0 or SP_ESTORE. */
SP_MUST_CHECK int
customers_open(const char *path, struct customers **ret_customers);

/* After all statements on customers_db() are finalized. */
void
customers_close(struct customers **customers);

/* 1 where a customer has this id, 0 where none has, or SP_ESTORE. */
SP_MUST_CHECK int
customers_know(struct customers *customers, struct sp_view customer_id);

/* The connection for declared queries: it cannot write. Borrowed. */
sqlite3 *
customers_db(struct customers *customers);

/* Gives the next query its share of work; one that needs more is broken off.
 * From the first query of a turn to customers_rest() the store is read as it
 * was, under one lock: two system calls a turn, not two a query. */
void
customers_allot(struct customers *customers);

/* The turn is over: gives the lock back. */
void
customers_rest(struct customers *customers);

#endif
