/* The library's memory for a connection holds the request's head, what it has
 * read ahead, and the head of the answer. */
#ifndef SP_SERVICES_EDGE_MHD_ROOM_H
#define SP_SERVICES_EDGE_MHD_ROOM_H

#include <stdbool.h>
#include <stddef.h>

struct MHD_Connection;

/* Kept for the answer: the status line and the lines that the library adds, 300
 * bytes at most, the smallest buffer for a part of a stream, and what the read
 * buffer grows by in its last step. */
#define ROOM_ANSWER 1024

/* What is in the way of an answer, in bytes. */
struct room {
    size_t pool;   /* the library's memory for the connection */
    size_t block;  /* the request's head */
    size_t values; /* header lines, query arguments and cookies, counted */
    size_t cookie; /* the Cookie line, which the library copies */
};

/* True where an answer fits whatever the client has sent behind the head. */
bool
room_is_left(const struct room *room);

/* The same of a connection whose request has a head of `block` bytes. */
bool
room_for_answer(struct MHD_Connection *mhd, size_t block, size_t pool);

#endif
