/* Ordered parts, a bounded buffer and credit. */
#include "services/edge/stream.h"

#include <string.h>

/* Memory that an idle stream may keep. */
#define KEEP_BYTES 4096

void
stream_begin(struct stream *s, size_t window, size_t slack)
{
    *s = (struct stream){ .bytes = sp_buf_new(window + slack),
                          .window = window };
}

void
stream_end(struct stream *s)
{
    sp_buf_free(&s->bytes);
}

static void
remember_tail(struct stream *s, struct sp_view v)
{
    for (size_t i = v.len > 2 ? v.len - 2 : 0; i < v.len; i++) {
        if (v.ptr[i] != '\r') {
            s->tail[0] = s->tail[1];
            s->tail[1] = v.ptr[i];
        }
    }
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

enum stream_verdict
stream_part(struct stream *s, uint64_t seq, bool last, struct sp_view body)
{
    if (s->last || s->broken || seq < s->next_seq) {
        return STREAM_REPEATED;
    }
    if (seq > s->next_seq) {
        s->broken = true;
        return STREAM_GAP;
    }
    if (sp_buf_add_view(&s->bytes, body) != 0) {
        s->broken = true;
        return STREAM_OVERRUN;
    }
    remember_tail(s, body);
    s->next_seq++;
    s->last = last;
    return STREAM_TAKEN;
}

void
stream_insert(struct stream *s, struct sp_view bytes)
{
    if (sp_buf_add_view(&s->bytes, bytes) == 0) {
        remember_tail(s, bytes);
        s->owed -= s->owed < bytes.len ? s->owed : bytes.len;
    }
}

size_t
stream_take(struct stream *s, char *out, size_t max)
{
    size_t n = stream_waiting(s);

    n = n < max ? n : max;
    if (n > 0) {
        memcpy(out, s->bytes.data + s->taken, n);
        s->taken += n;
        s->owed += n;
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
    return due;
}

bool
stream_between_events(const struct stream *s)
{
    return s->next_seq == 0 || (s->tail[0] == '\0' && s->tail[1] == '\0') ||
           (s->tail[0] == '\n' && s->tail[1] == '\n');
}
