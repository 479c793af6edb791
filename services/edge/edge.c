/* Random bytes in stock. */
#include "services/edge/edge.h"

#include <string.h>

#include <sodium.h>

void
edge_random(struct edge *edge, unsigned char *out, size_t len)
{
    if (edge->random_left < len) {
        randombytes_buf(edge->random, sizeof(edge->random));
        edge->random_left = sizeof(edge->random);
    }
    edge->random_left -= len;
    memcpy(out, edge->random + edge->random_left, len);
    sodium_memzero(edge->random + edge->random_left, len);
}
