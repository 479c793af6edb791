/* Which addresses are public: two tables and the IPv4 inside IPv6. */
#include "common/fetch/fetch_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/error.h"

struct block {
    unsigned char bytes[16];
    unsigned bits;
};

/* Not public, of IPv4: RFC 6890 and the IANA registry. */
static const struct block special_v4[] = {
    { { 0 }, 8 },             /* this network */
    { { 10 }, 8 },            /* private */
    { { 100, 64 }, 10 },      /* carriers' shared space */
    { { 127 }, 8 },           /* loopback */
    { { 169, 254 }, 16 },     /* link-local; cloud metadata */
    { { 172, 16 }, 12 },      /* private */
    { { 192, 0, 0 }, 24 },    /* protocol assignments */
    { { 192, 0, 2 }, 24 },    /* documentation */
    { { 192, 88, 99 }, 24 },  /* 6to4 relays, withdrawn */
    { { 192, 168 }, 16 },     /* private */
    { { 198, 18 }, 15 },      /* benchmarks */
    { { 198, 51, 100 }, 24 }, /* documentation */
    { { 203, 0, 113 }, 24 },  /* documentation */
    { { 224 }, 4 },           /* multicast */
    { { 240 }, 4 },           /* reserved, broadcast */
};

/* Only this part of IPv6 is given out for global unicast... */
static const struct block global_v6 = { { 0x20 }, 3 };

/* ...less these. */
static const struct block special_v6[] = {
    { { 0x20, 0x01, 0x00 }, 23 },       /* protocols, Teredo, ORCHID */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x20, 0x02 }, 16 },             /* 6to4: hides an IPv4 address */
    { { 0x3f, 0xff, 0x00 }, 20 },       /* documentation */
};

/* IPv6 addresses whose last four bytes are an IPv4 address. */
static const struct block mapped = {
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96
};
static const struct block nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 };

static bool
inside(const unsigned char *bytes, const struct block *block)
{
    size_t whole = block->bits / 8;
    unsigned rest = block->bits % 8;
    unsigned mask = 0xffu << (8 - rest) & 0xffu;

    if (memcmp(bytes, block->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || ((bytes[whole] ^ block->bytes[whole]) & mask) == 0;
}

static bool
inside_any(const unsigned char *bytes, const struct block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (inside(bytes, &blocks[i])) {
            return true;
        }
    }
    return false;
}

/* The IPv4 bytes of the address, or NULL where it holds none. */
static const unsigned char *
v4_of(const struct sp_fetch_address *address)
{
    if (!address->v6) {
        return address->bytes;
    }
    return inside(address->bytes, &mapped) || inside(address->bytes, &nat64)
               ? address->bytes + 12
               : NULL;
}

int
sp_fetch_address_parse(const char *text, struct sp_fetch_address *ret_address)
{
    struct sp_fetch_address address = { 0 };
    size_t len = strlen(text);
    char bare[INET6_ADDRSTRLEN] = "";

    if (inet_pton(AF_INET, text, address.bytes) == 1) {
        *ret_address = address;
        return 0;
    }
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof(bare)) {
        return SP_EFORMAT;
    }
    (void)snprintf(bare, sizeof(bare), "%.*s", (int)len, text);
    address.v6 = true;
    if (inet_pton(AF_INET6, bare, address.bytes) != 1) {
        return SP_EFORMAT;
    }
    *ret_address = address;
    return 0;
}

int
sp_fetch_address_of(const struct sockaddr *socket_address,
                    struct sp_fetch_address *ret_address)
{
    struct sp_fetch_address address = { 0 };
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (socket_address->sa_family == AF_INET) {
        memcpy(&v4, socket_address, sizeof(v4));
        memcpy(address.bytes, &v4.sin_addr, 4);
    } else if (socket_address->sa_family == AF_INET6) {
        memcpy(&v6, socket_address, sizeof(v6));
        memcpy(address.bytes, &v6.sin6_addr, 16);
        address.v6 = true;
    } else {
        return SP_EFORMAT;
    }
    *ret_address = address;
    return 0;
}

bool
sp_fetch_address_public(const struct sp_fetch_address *address)
{
    const unsigned char *v4 = v4_of(address);

    if (v4 != NULL) {
        return !inside_any(v4, special_v4, SP_COUNT(special_v4));
    }
    return inside(address->bytes, &global_v6) &&
           !inside_any(address->bytes, special_v6, SP_COUNT(special_v6));
}

bool
sp_fetch_address_loopback(const struct sp_fetch_address *address)
{
    static const struct block one = {
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128
    };

    if (address->v6 && !inside(address->bytes, &mapped)) {
        return inside(address->bytes, &one);
    }
    return address->bytes[address->v6 ? 12 : 0] == 127;
}

void
sp_fetch_address_write(const struct sp_fetch_address *address,
                       char ret_text[SP_FETCH_ADDRESS_TEXT])
{
    size_t at = address->v6 ? 1 : 0;

    (void)inet_ntop(address->v6 ? AF_INET6 : AF_INET, address->bytes,
                    ret_text + at, (socklen_t)(SP_FETCH_ADDRESS_TEXT - 2));
    if (address->v6) {
        size_t len = strlen(ret_text + 1) + 1;

        ret_text[0] = '[';
        ret_text[len] = ']';
        ret_text[len + 1] = '\0';
    }
}
