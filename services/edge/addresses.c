/* Counters for each address. */
#include "services/edge/addresses.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/table.h"

struct count {
    size_t connections;
    size_t held;
};

struct addresses {
    struct sp_table *counts;
};

struct address_key
address_key(const struct sockaddr *address)
{
    struct address_key key = { { 0 } };

    if (address->sa_family == AF_INET) {
        struct sockaddr_in in4;

        memcpy(&in4, address, sizeof(in4));
        key.bytes[10] = 0xff;
        key.bytes[11] = 0xff;
        memcpy(key.bytes + 12, &in4.sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof(in6));
        memcpy(key.bytes, &in6.sin6_addr,
               IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? 16 : 8);
    }
    return key;
}

const char *
address_text(const struct sockaddr *address, char text[INET6_ADDRSTRLEN])
{
    text[0] = '?';
    text[1] = '\0';
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in4;

        memcpy(&in4, address, sizeof(in4));
        (void)inet_ntop(AF_INET, &in4.sin_addr, text, INET6_ADDRSTRLEN);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof(in6));
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            (void)inet_ntop(AF_INET, in6.sin6_addr.s6_addr + 12, text,
                            INET6_ADDRSTRLEN);
        } else {
            (void)inet_ntop(AF_INET6, &in6.sin6_addr, text, INET6_ADDRSTRLEN);
        }
    }
    return text;
}

struct addresses *
addresses_new(size_t max)
{
    struct addresses *a = sp_alloc(sizeof(*a));
    const struct sp_table_shape shape = {
        .max = max,
        .key_size = sizeof(struct address_key),
        .value_size = sizeof(struct count),
    };

    a->counts = sp_table_new(&shape);
    return a;
}

void
addresses_free(struct addresses **a)
{
    if (*a != NULL) {
        sp_table_free(&(*a)->counts);
        sp_free(*a);
        *a = NULL;
    }
}

size_t
addresses_count(const struct addresses *a, const struct address_key *key)
{
    const struct count *count = sp_table_find(a->counts, key);

    return count != NULL ? count->connections : 0;
}

int
addresses_add(struct addresses *a, const struct address_key *key)
{
    struct count *count = sp_table_put(a->counts, key);

    if (count == NULL) {
        return SP_EFULL;
    }
    count->connections++;
    return 0;
}

void
addresses_remove(struct addresses *a, const struct address_key *key)
{
    struct count *count = sp_table_find(a->counts, key);

    if (count != NULL) {
        count->connections--;
        if (count->connections == 0) {
            sp_table_remove(a->counts, count);
        }
    }
}

size_t
addresses_held(const struct addresses *a, const struct address_key *key)
{
    const struct count *count = sp_table_find(a->counts, key);

    return count != NULL ? count->held : 0;
}

void
addresses_hold(struct addresses *a, const struct address_key *key, size_t bytes)
{
    struct count *count = sp_table_find(a->counts, key);

    if (count != NULL) {
        count->held += bytes;
    }
}

void
addresses_release(struct addresses *a, const struct address_key *key,
                  size_t bytes)
{
    struct count *count = sp_table_find(a->counts, key);

    if (count != NULL) {
        count->held -= bytes < count->held ? bytes : count->held;
    }
}
