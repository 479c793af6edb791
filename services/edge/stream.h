/* The parts of one answer on their way to a client that may be slow: in order,
 * within a bound, with the credit that keeps the executor at the client's
 * pace. */
#ifndef SP_SERVICES_EDGE_STREAM_H
#define SP_SERVICES_EDGE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

struct stream {
    struct sp_buf bytes; /* arrived, not all taken */
    size_t taken;        /* bytes of it that the client has */
    size_t window;       /* credit given in the request */
    uint64_t credit;     /* left of all that was given, and the slack */
    uint64_t owed;       /* of the executor's bytes, taken or removed on their
                          * way, since it was last given credit */
    size_t ours;         /* bytes that wait and stand for none of these */
    uint64_t next_seq;
    unsigned line_ends; /* that the stream ends with, two at most */
    bool last;          /* no part follows */
    bool broken;        /* a part is missing, or the pipeline lost the rest */
};

/* Starts an answer that has `window` bytes of credit. More than `window` plus
 * `slack` bytes at once are refused. */
void
stream_begin(struct stream *s, size_t window, size_t slack);

/* Releases the bytes. */
void
stream_end(struct stream *s);

/* What stream_part() made of a part. */
enum stream_verdict {
    STREAM_TAKEN,
    STREAM_REPEATED, /* of an earlier attempt: dropped */
    STREAM_GAP,      /* parts before it are missing: broken */
    STREAM_OVERRUN,  /* the sender ignored the credit: broken */
};

/* Enters the next part, which stands for `covers` bytes of the executor's
 * answer: what screening removed is owed at once, what it added costs no
 * credit. */
enum stream_verdict
stream_part(struct stream *s, uint64_t seq, bool last, struct sp_view body,
            uint64_t covers);

/* Adds bytes of our own, such as a comment, that cost no credit. */
void
stream_insert(struct stream *s, struct sp_view bytes);

/* Moves up to `max` bytes out. */
size_t
stream_take(struct stream *s, char *out, size_t max);

/* Bytes that wait to be taken. */
size_t
stream_waiting(const struct stream *s);

/* Credit that is worth a message: what the client took and screening removed,
 * once it is half of the window; else 0. */
uint64_t
stream_credit(struct stream *s);

/* True at the start and after an empty line: the only places where a comment
 * may stand in text/event-stream. */
bool
stream_between_events(const struct stream *s);

#endif
