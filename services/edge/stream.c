/* Ordered parts, a bounded buffer and credit. */
#include "services/edge/stream.h"

#include <string.h>

/* Memory that an idle stream may keep. */
#define KEEP_BYTES 4096
/* The end of a line and that of the empty one behind it. */
#define EMPTY_LINE 2

void
stream_begin(struct stream *s, size_t window, size_t slack)
{
    *s = (struct stream){ .bytes = sp_buf_new(window + slack),
                          .window = window,
                          .credit = window + slack,
                          .line_ends = EMPTY_LINE };
}

void
stream_end(struct stream *s)
{
    sp_buf_free(&s->bytes);
}

/* Counts the line ends at the end of the stream. A CR counts for nothing: it
 * belongs to the LF behind it. */
static void
remember_end(struct stream *s, struct sp_view v)
{
    unsigned ends = 0;
    size_t left = v.len;

    while (left > 0 && ends < EMPTY_LINE &&
           (v.ptr[left - 1] == '\n' || v.ptr[left - 1] == '\r')) {
        ends += v.ptr[left - 1] == '\n' ? 1 : 0;
        left--;
    }
    if (left == 0) {
        ends += s->line_ends;
    }
    s->line_ends = ends < EMPTY_LINE ? ends : EMPTY_LINE;
}

/* Makes room at the front when most of the buffer has been taken. */
static void
compact(struct stream *s)
{
    if (s->taken == s->bytes.len) {
        s->taken = 0;
        sp_buf_reset(&s->bytes);
        if (s->bytes.size > KEEP_BYTES) {
            sp_buf_free(&s->bytes);
        }
    } else if (s->taken > s->bytes.len / 2) {
        sp_buf_consume(&s->bytes, s->taken);
        s->taken = 0;
    }
}

/* The bound is on what waits: bytes that the client has give up their place
 * before a part is refused for want of it. */
static void
make_room(struct stream *s, size_t len)
{
    if (len > s->bytes.max - s->bytes.len) {
        sp_buf_consume(&s->bytes, s->taken);
        s->taken = 0;
    }
}

enum stream_verdict
stream_part(struct stream *s, uint64_t seq, bool last, struct sp_view body,
            uint64_t covers)
{
    if (s->last || s->broken || seq < s->next_seq) {
        return STREAM_REPEATED;
    }
    if (seq > s->next_seq) {
        s->broken = true;
        return STREAM_GAP;
    }
    make_room(s, body.len);
    /* attack: a stage that says that a part stands for more than was allowed
     * would have the executor send without end. */
    if (covers > s->credit || sp_buf_add_view(&s->bytes, body) != 0) {
        s->broken = true;
        return STREAM_OVERRUN;
    }
    s->credit -= covers;
    if (covers > body.len) {
        s->owed += covers - body.len;
    } else {
        s->ours += body.len - (size_t)covers;
    }
    remember_end(s, body);
    s->next_seq++;
    s->last = last;
    return STREAM_TAKEN;
}

void
stream_insert(struct stream *s, struct sp_view bytes)
{
    make_room(s, bytes.len);
    if (sp_buf_add_view(&s->bytes, bytes) == 0) {
        remember_end(s, bytes);
        s->ours += bytes.len;
    }
}

size_t
stream_take(struct stream *s, char *out, size_t max)
{
    size_t n = stream_waiting(s);
    size_t own = 0;

    n = n < max ? n : max;
    if (n > 0) {
        memcpy(out, s->bytes.data + s->taken, n);
        s->taken += n;
        own = n < s->ours ? n : s->ours;
        s->ours -= own;
        s->owed += n - own;
        compact(s);
    }
    return n;
}

size_t
stream_waiting(const struct stream *s)
{
    return s->bytes.len - s->taken;
}

uint64_t
stream_credit(struct stream *s)
{
    uint64_t due = s->owed;

    if (s->last || s->broken || s->owed * 2 < s->window) {
        return 0;
    }
    s->owed = 0;
    s->credit += due;
    return due;
}

bool
stream_between_events(const struct stream *s)
{
    return s->line_ends == EMPTY_LINE;
}
