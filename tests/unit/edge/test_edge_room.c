/* What a request's head leaves of the library's memory. */
#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "services/edge/mhd/room.h"

Test(edge_room, keeps_place_for_the_answer)
{
    static const struct {
        const char *label;
        struct room room;
        bool left;
    } rows[] = {
        { "nothing", { 8192, 0, 0, 0 }, true },
        { "an ordinary head", { 8192, 900, 14, 0 }, true },
        { "48 short lines", { 8192, 1000, 48, 0 }, true },
        { "49 short lines", { 8192, 1000, 49, 0 }, false },
        { "the longest head", { 8192, 7168 - 4 * 64, 4, 0 }, true },
        { "one byte more", { 8192, 7168 - 4 * 64 + 1, 4, 0 }, false },
        { "the longest cookie", { 8192, 4096, 4, 2816 }, true },
        { "one byte more of it", { 8192, 4096, 4, 2817 }, false },
        { "all", { 8192, 8192, 0, 0 }, false },
        { "more than all", { 8192, 20000, 0, 0 }, false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(room_is_left(&rows[i].room), rows[i].left, "%s",
                     rows[i].label);
    }
}
