/* The requests that wait for the pipeline, by request id. Bounded. */
#ifndef SP_SERVICES_EDGE_REQUEST_TABLE_H
#define SP_SERVICES_EDGE_REQUEST_TABLE_H

#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

#define REQUEST_ID_LEN 16

/* Lives in the request; zero it before first use. */
struct request_entry {
    unsigned char id[REQUEST_ID_LEN];
    struct request_table *table;  /* NULL: in no table */
    struct request_entry **place; /* in the table */
};

struct request_table;

/* Room for `max` requests. */
struct request_table *
request_table_new(size_t max);

/* The entries must have been removed. */
void
request_table_free(struct request_table **table);

/* Enters the request under entry->id, which must be random: it is the hash. 0,
 * SP_EFULL, or SP_EDUPLICATE where the id is known. */
SP_MUST_CHECK int
request_table_add(struct request_table *table, struct request_entry *entry);

/* The request of this id, or NULL. */
struct request_entry *
request_table_find(const struct request_table *table, struct sp_view id);

/* Takes the request out; harmless where it is in no table. */
void
request_table_remove(struct request_entry *entry);

size_t
request_table_count(const struct request_table *table);

/* For walking: the newest entry, then the one before each; NULL at the end,
 * and behind an entry that was removed: ask for the next before. */
struct request_entry *
request_table_first(const struct request_table *table);

struct request_entry *
request_table_next(const struct request_entry *entry);

#endif
