/* The reckoning follows connection.c and memorypool.c of libmicrohttpd 0.9.75
 * to 1.0.1. */
#include "services/edge/mhd/room.h"

#include <microhttpd.h>

/* What the library notes of each value: seven words, rounded up. */
#define VALUE_BYTES 64

bool
room_is_left(const struct room *room)
{
    /* The read buffer begins with half of the memory, and all of it may be
     * filled by the next request. Where a head is longer it ends with it. */
    size_t read = room->block > room->pool / 2 ? room->block : room->pool / 2;
    size_t taken = read + room->values * VALUE_BYTES + room->cookie;

    return taken <= room->pool && room->pool - taken >= ROOM_ANSWER;
}

bool
room_for_answer(struct MHD_Connection *mhd, size_t block, size_t pool)
{
    struct room room = { .pool = pool, .block = block };
    const char *cookie = NULL;

    room.values = (size_t)MHD_get_connection_values(
        mhd, MHD_HEADER_KIND | MHD_COOKIE_KIND | MHD_GET_ARGUMENT_KIND, NULL,
        NULL);
    if (MHD_lookup_connection_value_n(mhd, MHD_HEADER_KIND, "Cookie", 6,
                                      &cookie, &room.cookie) != MHD_YES) {
        room.cookie = 0;
    }
    return room_is_left(&room);
}
