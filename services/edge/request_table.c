/* A chained hash table over ids that are random already. */
#include "services/edge/request_table.h"

#include <stdint.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

struct request_table {
    struct request_entry **buckets;
    size_t mask;
    size_t count;
    size_t max;
    struct request_entry *first;
};

struct request_table *
request_table_new(size_t max)
{
    struct request_table *table = sp_alloc(sizeof(*table));
    size_t size = 64;

    while (size < max) {
        size *= 2;
    }
    table->buckets = sp_alloc_n(size, sizeof(struct request_entry *));
    table->mask = size - 1;
    table->max = max;
    return table;
}

void
request_table_free(struct request_table **table)
{
    if (*table != NULL) {
        sp_free((*table)->buckets);
        sp_free(*table);
        *table = NULL;
    }
}

static struct request_entry **
bucket(const struct request_table *table, const void *id)
{
    uint64_t hash = 0;

    memcpy(&hash, id, sizeof(hash));
    return &table->buckets[hash & table->mask];
}

int
request_table_add(struct request_table *table, struct request_entry *entry)
{
    struct request_entry **at = bucket(table, entry->id);

    if (table->count >= table->max) {
        return SP_EFULL;
    }
    if (request_table_find(table, sp_view_make(entry->id, REQUEST_ID_LEN)) !=
        NULL) {
        return SP_EDUPLICATE;
    }
    entry->table = table;
    entry->chain = *at;
    *at = entry;
    entry->prev = NULL;
    entry->next = table->first;
    if (entry->next != NULL) {
        entry->next->prev = entry;
    }
    table->first = entry;
    table->count++;
    return 0;
}

struct request_entry *
request_table_find(const struct request_table *table, struct sp_view id)
{
    struct request_entry *entry = NULL;

    if (id.len != REQUEST_ID_LEN) {
        return NULL;
    }
    entry = *bucket(table, id.ptr);
    while (entry != NULL && memcmp(entry->id, id.ptr, REQUEST_ID_LEN) != 0) {
        entry = entry->chain;
    }
    return entry;
}

void
request_table_remove(struct request_entry *entry)
{
    struct request_table *table = entry->table;
    struct request_entry **at = NULL;

    if (table == NULL) {
        return;
    }
    at = bucket(table, entry->id);
    while (*at != entry) {
        at = &(*at)->chain;
    }
    *at = entry->chain;
    if (entry->prev != NULL) {
        entry->prev->next = entry->next;
    } else {
        table->first = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->prev = entry->prev;
    }
    table->count--;
    entry->table = NULL;
    entry->chain = NULL;
    entry->next = NULL;
    entry->prev = NULL;
}

size_t
request_table_count(const struct request_table *table)
{
    return table->count;
}

struct request_entry *
request_table_first(const struct request_table *table)
{
    return table->first;
}
