/* A bounded hash table of entries by value, in a row by age: what the services
 * remember of requests, tokens, addresses and callers. All its memory is taken
 * at the start; no call allocates. */
#ifndef SP_COMMON_BASE_TABLE_H
#define SP_COMMON_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_table;

/* An entry worth this much never makes room for another. */
#define SP_TABLE_BUSY INT64_MAX

struct sp_table_shape {
    size_t max;        /* entries, at least 1 */
    size_t key_size;   /* bytes, all compared */
    size_t value_size; /* bytes, aligned for a pointer */
    /* The keys are random, or digests that no stranger can choose: their first
     * eight bytes are the hash. Others go through a hash with a secret seed. */
    bool random_keys;
    /* Where the table is full, so many of its oldest entries are looked at and
     * the one worth least makes room. 0: a full table refuses. */
    size_t look;
    /* NULL: the oldest is worth least. One that is SP_TABLE_BUSY becomes the
     * newest, so that the next look finds others. */
    int64_t (*worth)(const void *value);
    /* Before an entry goes, for whatever reason: releases what the value holds.
     * Must not touch the table. NULL: nothing to do. */
    void (*end)(void *owner, void *value);
    void *owner;
};

/* Takes the memory for all entries. Never NULL. */
struct sp_table *
sp_table_new(const struct sp_table_shape *shape);

/* Ends every entry. */
void
sp_table_free(struct sp_table **table);

/* The value under this key, or NULL. A value stays where it is until its entry
 * goes. */
void *
sp_table_find(const struct sp_table *table, const void *key);

/* The value under this key; where there is none a new one, the newest, all
 * zero. NULL where the table is full and nothing makes room. */
void *
sp_table_put(struct sp_table *table, const void *key);

/* Makes the entry the newest. */
void
sp_table_touch(struct sp_table *table, void *value);

void
sp_table_remove(struct sp_table *table, void *value);

/* Ends every entry; the table can be used again. */
void
sp_table_clear(struct sp_table *table);

/* For walking from the oldest to the newest, or back: the neighbour of a value,
 * or the first of the walk for NULL. NULL at the end. Ask for the neighbour
 * before you remove the value. */
void *
sp_table_newer(const struct sp_table *table, const void *value);

void *
sp_table_older(const struct sp_table *table, const void *value);

/* The key of a value, as long as its entry is there. */
const void *
sp_table_key(const struct sp_table *table, const void *value);

size_t
sp_table_count(const struct sp_table *table);

#endif
