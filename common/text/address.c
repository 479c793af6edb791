#include "common/text/address.h"

#include <arpa/inet.h>

#include "common/base/error.h"

int
sp_address_parse(const char *host, uint16_t port, union sp_address *ret_address,
                 socklen_t *ret_len)
{
    union sp_address address = { .in6 = { 0 } };

    if (inet_pton(AF_INET, host, &address.in4.sin_addr) == 1) {
        address.in4.sin_family = AF_INET;
        address.in4.sin_port = htons(port);
        *ret_len = sizeof(address.in4);
    } else if (inet_pton(AF_INET6, host, &address.in6.sin6_addr) == 1) {
        address.in6.sin6_family = AF_INET6;
        address.in6.sin6_port = htons(port);
        *ret_len = sizeof(address.in6);
    } else {
        return SP_EFORMAT;
    }
    *ret_address = address;
    return 0;
}
