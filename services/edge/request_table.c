/* The requests that wait, in a table of pointers to their entries. */
#include "services/edge/request_table.h"

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/table.h"

struct request_table {
    struct sp_table *entries;
};

struct request_table *
request_table_new(size_t max)
{
    struct request_table *table = sp_alloc(sizeof(*table));
    const struct sp_table_shape shape = {
        .max = max,
        .key_size = REQUEST_ID_LEN,
        .value_size = sizeof(struct request_entry *),
        .random_keys = true,
    };

    table->entries = sp_table_new(&shape);
    return table;
}

void
request_table_free(struct request_table **table)
{
    if (*table != NULL) {
        sp_table_free(&(*table)->entries);
        sp_free(*table);
        *table = NULL;
    }
}

int
request_table_add(struct request_table *table, struct request_entry *entry)
{
    struct request_entry **place = sp_table_put(table->entries, entry->id);

    if (place == NULL) {
        return SP_EFULL;
    }
    if (*place != NULL) {
        return SP_EDUPLICATE;
    }
    *place = entry;
    entry->table = table;
    entry->place = place;
    return 0;
}

struct request_entry *
request_table_find(const struct request_table *table, struct sp_view id)
{
    struct request_entry **place =
        id.len == REQUEST_ID_LEN ? sp_table_find(table->entries, id.ptr) : NULL;

    return place != NULL ? *place : NULL;
}

void
request_table_remove(struct request_entry *entry)
{
    if (entry->table != NULL) {
        sp_table_remove(entry->table->entries, entry->place);
        entry->table = NULL;
        entry->place = NULL;
    }
}

size_t
request_table_count(const struct request_table *table)
{
    return sp_table_count(table->entries);
}

struct request_entry *
request_table_first(const struct request_table *table)
{
    struct request_entry **place = sp_table_older(table->entries, NULL);

    return place != NULL ? *place : NULL;
}

struct request_entry *
request_table_next(const struct request_entry *entry)
{
    struct request_entry **place =
        entry->table != NULL
            ? sp_table_older(entry->table->entries, entry->place)
            : NULL;

    return place != NULL ? *place : NULL;
}
