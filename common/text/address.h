/* Addresses to listen on. */
#ifndef SP_COMMON_TEXT_ADDRESS_H
#define SP_COMMON_TEXT_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/compiler.h"

union sp_address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

/* An IPv4 or IPv6 address in text (no name, no brackets) with a port. 0 with
 * the length for bind(), or SP_EFORMAT. */
SP_MUST_CHECK int
sp_address_parse(const char *host, uint16_t port, union sp_address *ret_address,
                 socklen_t *ret_len);

#endif
