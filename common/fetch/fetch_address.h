/* Network addresses as the guarded fetcher judges them. */
#ifndef SP_COMMON_FETCH_FETCH_ADDRESS_H
#define SP_COMMON_FETCH_FETCH_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"

struct sockaddr;

/* Which addresses a destination may have. */
enum sp_fetch_reach {
    SP_FETCH_PUBLIC,     /* no loopback, private, link-local, multicast (v4, v6,
                          * mapped): for URLs that a client named */
    SP_FETCH_CONFIGURED, /* any: for URLs that the operator wrote down */
};

/* Room for sp_fetch_address_write(), brackets and NUL included. */
#define SP_FETCH_ADDRESS_TEXT 48

/* An IPv4 address uses the first four bytes. */
struct sp_fetch_address {
    bool v6;
    unsigned char bytes[16]; /* network order */
};

/* Reads an IPv4 address of four decimal parts, or an IPv6 address with or
 * without brackets; zone names and anything else give SP_EFORMAT. */
SP_MUST_CHECK int
sp_fetch_address_parse(const char *text, struct sp_fetch_address *ret_address);

/* 0, or SP_EFORMAT for another family. */
SP_MUST_CHECK int
sp_fetch_address_of(const struct sockaddr *socket_address,
                    struct sp_fetch_address *ret_address);

/* True for addresses of the public internet: none that IANA's special-purpose
 * registries (RFC 6890) keep for loopback, private, shared, link-local,
 * documentation, benchmark, multicast or reserved use. An IPv4 address inside
 * an IPv6 one (mapped, NAT64) is judged itself; tunnels are refused. */
bool
sp_fetch_address_public(const struct sp_fetch_address *address);

/* True for 127.0.0.0/8, ::1, and the former mapped into IPv6. */
bool
sp_fetch_address_loopback(const struct sp_fetch_address *address);

/* Writes the address as text, IPv6 in brackets. */
void
sp_fetch_address_write(const struct sp_fetch_address *address,
                       char ret_text[SP_FETCH_ADDRESS_TEXT]);

#endif
