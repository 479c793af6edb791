/* Failure counting in a set-associative table. */
#include "services/auth/throttle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"

#define SETS 1024 /* a power of two */
#define WAYS 4
#define MINUTE_MS 60000
#define PREFIX_BYTES 8 /* an IPv6 /64: what one customer has */
#define MAX_ADDRESS 45

struct slot {
    uint64_t key;        /* 0: free */
    int64_t forgiven_ms; /* when all its failures are forgiven */
};

struct throttle {
    int64_t interval_ms;
    int64_t tolerance_ms;
    /* Keys the hash, so that nobody can aim at another's slot. */
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    struct slot slots[SETS][WAYS];
};

struct throttle *
throttle_new(uint32_t burst, uint32_t per_minute)
{
    struct throttle *throttle = sp_alloc(sizeof(*throttle));

    throttle->interval_ms = MINUTE_MS / per_minute;
    throttle->tolerance_ms = throttle->interval_ms * (burst - 1);
    crypto_shorthash_keygen(throttle->hash_key);
    return throttle;
}

void
throttle_free(struct throttle **throttle)
{
    sp_free(*throttle);
    *throttle = NULL;
}

static uint64_t
hash(const struct throttle *throttle, char kind, struct sp_view text)
{
    unsigned char input[1 + 256] = { (unsigned char)kind };
    size_t len = text.len < 256 ? text.len : 256;
    uint64_t out = 0;

    if (len > 0) {
        memcpy(input + 1, text.ptr, len);
    }
    (void)crypto_shorthash((unsigned char *)&out, input, 1 + len,
                           throttle->hash_key);
    return out == 0 ? 1 : out;
}

uint64_t
throttle_address(const struct throttle *throttle, struct sp_view address)
{
    char text[MAX_ADDRESS + 1] = "";
    struct in6_addr v6;

    if (address.len <= MAX_ADDRESS && address.len > 0) {
        memcpy(text, address.ptr, address.len);
    }
    if (inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
        return hash(throttle, '6', sp_view_make(&v6, PREFIX_BYTES));
    }
    return hash(throttle, '4', address);
}

uint64_t
throttle_client(const struct throttle *throttle, struct sp_view client)
{
    return hash(throttle, 'c', client);
}

int64_t
throttle_wait_ms(const struct throttle *throttle, uint64_t key, int64_t now_ms)
{
    const struct slot *set = throttle->slots[key & (SETS - 1)];

    for (size_t i = 0; i < WAYS; i++) {
        int64_t due_ms = set[i].forgiven_ms - throttle->tolerance_ms;

        if (set[i].key == key) {
            return due_ms > now_ms ? due_ms - now_ms : 0;
        }
    }
    return 0;
}

void
throttle_fail(struct throttle *throttle, uint64_t key, int64_t now_ms)
{
    struct slot *set = throttle->slots[key & (SETS - 1)];
    struct slot *slot = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            slot = &set[i];
            break;
        }
        if (set[i].forgiven_ms < slot->forgiven_ms) {
            slot = &set[i];
        }
    }
    if (slot->key != key || slot->forgiven_ms < now_ms) {
        slot->key = key;
        slot->forgiven_ms = now_ms;
    }
    slot->forgiven_ms += throttle->interval_ms;
}
