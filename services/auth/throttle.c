/* Failure counting. */
#include "services/auth/throttle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/table.h"

#define KEYS 4096
#define LOOK 4
#define MINUTE_MS 60000
#define PREFIX_BYTES 8 /* an IPv6 /64: what one customer has */
#define MAX_ADDRESS 45

/* The values of the table: when all failures of a key are forgiven. */
struct throttle {
    int64_t interval_ms;
    int64_t tolerance_ms;
    /* Keys the hash, so that nobody can aim at another's place. */
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    struct sp_table *forgiven_ms;
};

static int64_t
worth(const void *value)
{
    const int64_t *forgiven_ms = value;

    return *forgiven_ms;
}

struct throttle *
throttle_new(uint32_t burst, uint32_t per_minute)
{
    struct throttle *throttle = sp_alloc(sizeof(*throttle));
    const struct sp_table_shape shape = {
        .max = KEYS,
        .key_size = sizeof(uint64_t),
        .value_size = sizeof(int64_t),
        .random_keys = true,
        .look = LOOK,
        .worth = worth,
    };

    throttle->interval_ms = MINUTE_MS / per_minute;
    throttle->tolerance_ms = throttle->interval_ms * (burst - 1);
    crypto_shorthash_keygen(throttle->hash_key);
    throttle->forgiven_ms = sp_table_new(&shape);
    return throttle;
}

void
throttle_free(struct throttle **throttle)
{
    if (*throttle != NULL) {
        sp_table_free(&(*throttle)->forgiven_ms);
        sp_free(*throttle);
        *throttle = NULL;
    }
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
    return out;
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
    const int64_t *forgiven_ms = sp_table_find(throttle->forgiven_ms, &key);
    int64_t due_ms =
        forgiven_ms != NULL ? *forgiven_ms - throttle->tolerance_ms : now_ms;

    return due_ms > now_ms ? due_ms - now_ms : 0;
}

void
throttle_fail(struct throttle *throttle, uint64_t key, int64_t now_ms)
{
    int64_t *forgiven_ms = sp_table_put(throttle->forgiven_ms, &key);

    if (*forgiven_ms < now_ms) {
        *forgiven_ms = now_ms;
    }
    *forgiven_ms += throttle->interval_ms;
    sp_table_touch(throttle->forgiven_ms, forgiven_ms);
}
