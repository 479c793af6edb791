/* Where a fetch goes: its URL taken apart once, and the addresses that it may
 * connect to. */
#ifndef SP_COMMON_FETCH_FETCH_TARGET_H
#define SP_COMMON_FETCH_FETCH_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "common/base/compiler.h"
#include "common/fetch/fetch_address.h"

/* More than any sane name has; the rest is left out. */
#define SP_FETCH_MAX_ADDRESSES 16

struct sp_fetch_target {
    CURLU *url; /* what libcurl connects to is what was checked here */
    char *host; /* in lower case as libcurl wrote it */
    uint16_t port;
    bool secure;  /* https */
    bool literal; /* the host is an address: nothing to resolve */
    struct sp_fetch_address addresses[SP_FETCH_MAX_ADDRESSES];
    size_t address_count;
};

/* Takes the URL apart: http or https, no user or password, no zone, a name of
 * letters, digits, '-', '_' and '.', or an address. 0 or SP_EFORMAT. Released
 * by sp_fetch_target_end() in both cases. */
SP_MUST_CHECK int
sp_fetch_target_begin(struct sp_fetch_target *target, const char *url);

void
sp_fetch_target_end(struct sp_fetch_target *target);

/* True where every address is within reach, and none is missing: a name with
 * one forbidden address is forbidden. Plain http wants loopback addresses,
 * unless allow_http. */
bool
sp_fetch_target_allowed(const struct sp_fetch_target *target,
                        enum sp_fetch_reach reach, bool allow_http);

/* True where `address` is one of the target's. */
bool
sp_fetch_target_has(const struct sp_fetch_target *target,
                    const struct sp_fetch_address *address);

/* The entry for CURLOPT_RESOLVE, owned by the caller. */
char *
sp_fetch_target_pin(const struct sp_fetch_target *target);

#endif
