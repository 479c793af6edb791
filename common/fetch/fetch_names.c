/* A small ring of names. */
#include "common/fetch/fetch_names.h"

#include <string.h>

#include "common/base/alloc.h"

struct entry {
    char *host;
    int64_t at_ms;
    struct sp_fetch_address addresses[SP_FETCH_MAX_ADDRESSES];
    size_t count;
};

struct sp_fetch_names {
    struct entry entries[SP_FETCH_NAMES];
    size_t next; /* to be overwritten */
};

struct sp_fetch_names *
sp_fetch_names_new(void)
{
    return sp_alloc(sizeof(struct sp_fetch_names));
}

void
sp_fetch_names_free(struct sp_fetch_names **names)
{
    if (*names != NULL) {
        for (size_t i = 0; i < SP_FETCH_NAMES; i++) {
            sp_free((*names)->entries[i].host);
        }
        sp_free(*names);
        *names = NULL;
    }
}

static size_t
find(const struct sp_fetch_names *names, const char *host)
{
    size_t i = 0;

    while (i < SP_FETCH_NAMES && (names->entries[i].host == NULL ||
                                  strcmp(names->entries[i].host, host) != 0)) {
        i++;
    }
    return i;
}

void
sp_fetch_names_put(struct sp_fetch_names *names,
                   const struct sp_fetch_target *target, int64_t now_ms)
{
    size_t i = find(names, target->host);
    struct entry *entry = NULL;

    if (i == SP_FETCH_NAMES) {
        i = names->next;
        names->next = (names->next + 1) % SP_FETCH_NAMES;
        sp_free(names->entries[i].host);
        names->entries[i].host = sp_dup(target->host);
    }
    entry = &names->entries[i];
    entry->at_ms = now_ms;
    entry->count = target->address_count;
    memcpy(entry->addresses, target->addresses, sizeof(entry->addresses));
}

bool
sp_fetch_names_get(const struct sp_fetch_names *names,
                   struct sp_fetch_target *target, int64_t now_ms)
{
    size_t i = find(names, target->host);

    if (i == SP_FETCH_NAMES ||
        now_ms - names->entries[i].at_ms >= SP_FETCH_NAMES_KEEP_MS) {
        return false;
    }
    target->address_count = names->entries[i].count;
    memcpy(target->addresses, names->entries[i].addresses,
           sizeof(target->addresses));
    return true;
}
