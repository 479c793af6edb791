/* An open-addressed hash table of counters with backward-shift removal. */
#include "services/edge/addresses.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

struct slot {
    struct address_key key;
    size_t count; /* 0: free */
    size_t held;
};

struct addresses {
    struct slot *slots;
    size_t mask;
    size_t used;
    size_t max;
    unsigned char seed[crypto_shorthash_KEYBYTES];
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
addresses_new(size_t max, const unsigned char seed[16])
{
    struct addresses *a = sp_alloc(sizeof(*a));
    size_t size = 64;

    /* At most half full, so that probing stays short. */
    while (size < max * 2) {
        size *= 2;
    }
    a->slots = sp_alloc_n(size, sizeof(struct slot));
    a->mask = size - 1;
    a->max = max;
    memcpy(a->seed, seed, sizeof(a->seed));
    return a;
}

void
addresses_free(struct addresses **a)
{
    if (*a != NULL) {
        sp_free((*a)->slots);
        sp_free(*a);
        *a = NULL;
    }
}

static size_t
home(const struct addresses *a, const struct address_key *key)
{
    uint64_t hash = 0;

    (void)crypto_shorthash((unsigned char *)&hash, key->bytes,
                           sizeof(key->bytes), a->seed);
    return (size_t)hash & a->mask;
}

/* The slot of the key, or the free slot where it would go. */
static struct slot *
find(const struct addresses *a, const struct address_key *key)
{
    size_t i = home(a, key);

    while (a->slots[i].count > 0 &&
           memcmp(&a->slots[i].key, key, sizeof(*key)) != 0) {
        i = (i + 1) & a->mask;
    }
    return &a->slots[i];
}

size_t
addresses_count(const struct addresses *a, const struct address_key *key)
{
    return find(a, key)->count;
}

int
addresses_add(struct addresses *a, const struct address_key *key)
{
    struct slot *slot = find(a, key);

    if (slot->count == 0) {
        if (a->used >= a->max) {
            return SP_EFULL;
        }
        a->used++;
        slot->key = *key;
        slot->held = 0;
    }
    slot->count++;
    return 0;
}

/* Closes the hole at `i`: what stands behind it moves up unless it would then
 * stand before its home. */
static void
close_hole(struct addresses *a, size_t i)
{
    size_t next = (i + 1) & a->mask;

    while (a->slots[next].count > 0) {
        size_t at = home(a, &a->slots[next].key);

        if (((next - at) & a->mask) >= ((next - i) & a->mask)) {
            a->slots[i] = a->slots[next];
            i = next;
        }
        next = (next + 1) & a->mask;
    }
    a->slots[i].count = 0;
}

void
addresses_remove(struct addresses *a, const struct address_key *key)
{
    struct slot *slot = find(a, key);

    if (slot->count == 0) {
        return;
    }
    slot->count--;
    if (slot->count == 0) {
        a->used--;
        close_hole(a, (size_t)(slot - a->slots));
    }
}

size_t
addresses_held(const struct addresses *a, const struct address_key *key)
{
    const struct slot *slot = find(a, key);

    return slot->count > 0 ? slot->held : 0;
}

void
addresses_hold(struct addresses *a, const struct address_key *key, size_t bytes)
{
    struct slot *slot = find(a, key);

    if (slot->count > 0) {
        slot->held += bytes;
    }
}

void
addresses_release(struct addresses *a, const struct address_key *key,
                  size_t bytes)
{
    struct slot *slot = find(a, key);

    if (slot->count > 0) {
        slot->held -= bytes < slot->held ? bytes : slot->held;
    }
}
