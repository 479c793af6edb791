/* Counting refusals by the second. */
#include "common/stage/event_cap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"

#define FIRST_REFUSAL 400
/* The limits of the schema. */
#define MAX_KIND 64
#define MAX_ADDRESS 45
#define MAX_NAME 256

/* One sender's refusals of one kind in this second. */
struct entry {
    unsigned char key[crypto_shorthash_siphashx24_BYTES];
    unsigned told;
    uint64_t held_back;
    const char *kind;
    unsigned status;
    char address[MAX_ADDRESS + 1];
    char subject[MAX_NAME + 1];
    char client[MAX_NAME + 1];
};

struct sp_event_cap {
    struct sp_event_cap_sink sink;
    unsigned char seed[crypto_shorthash_siphashx24_KEYBYTES];
    int64_t began_ms; /* of this second */
    unsigned told;    /* by all */
    uint64_t others;  /* held back without an entry */
    size_t count;
    struct entry entries[SP_EVENT_CAP_KEYS];
};

struct sp_event_cap *
sp_event_cap_new(struct sp_event_cap_sink sink)
{
    struct sp_event_cap *cap = sp_alloc(sizeof(*cap));

    cap->sink = sink;
    randombytes_buf(cap->seed, sizeof(cap->seed));
    return cap;
}

void
sp_event_cap_free(struct sp_event_cap **cap)
{
    sp_free(*cap);
    *cap = NULL;
}

static void
tell_entry(const struct sp_event_cap *cap, const struct entry *e)
{
    char detail[48];
    const struct sp_occurrence what = {
        .kind = e->kind,
        .address = sp_view_of(e->address),
        .subject = sp_view_of(e->subject),
        .client = sp_view_of(e->client),
        .status = e->status,
        .detail = detail,
    };

    (void)snprintf(detail, sizeof(detail), "held_back=%" PRIu64, e->held_back);
    cap->sink.tell(cap->sink.arg, &what);
}

void
sp_event_cap_flush(struct sp_event_cap *cap)
{
    char detail[48];
    const struct sp_occurrence others = { .kind = "refusals_held_back",
                                          .detail = detail };

    (void)snprintf(detail, sizeof(detail), "held_back=%" PRIu64, cap->others);
    for (size_t i = 0; i < cap->count; i++) {
        if (cap->entries[i].held_back > 0) {
            tell_entry(cap, &cap->entries[i]);
        }
    }
    if (cap->others > 0) {
        cap->sink.tell(cap->sink.arg, &others);
    }
    cap->count = 0;
    cap->others = 0;
    cap->told = 0;
}

void
sp_event_cap_tick(struct sp_event_cap *cap, int64_t now_ms)
{
    if (now_ms - cap->began_ms >= SP_EVENT_CAP_MS) {
        /* First: what is told may lead to another refusal. */
        cap->began_ms = now_ms;
        sp_event_cap_flush(cap);
    }
}

static size_t
add_text(unsigned char *room, size_t at, struct sp_view v, size_t max)
{
    size_t len = v.len < max ? v.len : max;

    if (len > 0) {
        memcpy(room + at, v.ptr, len);
    }
    room[at + len] = 0;
    return at + len + 1;
}

/* What it was about is left out: the sender chooses it. */
static void
make_key(const struct sp_event_cap *cap, const struct sp_occurrence *what,
         unsigned char key[crypto_shorthash_siphashx24_BYTES])
{
    unsigned char
        text[sizeof(unsigned) + MAX_KIND + MAX_ADDRESS + 2 * MAX_NAME + 4];
    size_t len = sizeof(what->status);

    memcpy(text, &what->status, len);
    len = add_text(text, len, sp_view_of(what->kind), MAX_KIND);
    len = add_text(text, len, what->address, MAX_ADDRESS);
    len = add_text(text, len, what->subject, MAX_NAME);
    len = add_text(text, len, what->client, MAX_NAME);
    (void)crypto_shorthash_siphashx24(key, text, len, cap->seed);
}

/* The sender's entry, a new one, or NULL where all are taken. */
static struct entry *
entry_of(struct sp_event_cap *cap, const struct sp_occurrence *what)
{
    unsigned char key[crypto_shorthash_siphashx24_BYTES];
    struct entry *e = NULL;

    make_key(cap, what, key);
    for (size_t i = 0; i < cap->count; i++) {
        if (memcmp(cap->entries[i].key, key, sizeof(key)) == 0) {
            return &cap->entries[i];
        }
    }
    if (cap->count == SP_EVENT_CAP_KEYS) {
        return NULL;
    }
    e = &cap->entries[cap->count++];
    *e = (struct entry){ .kind = what->kind, .status = what->status };
    memcpy(e->key, key, sizeof(key));
    sp_view_copy_text(e->address, sizeof(e->address), what->address);
    sp_view_copy_text(e->subject, sizeof(e->subject), what->subject);
    sp_view_copy_text(e->client, sizeof(e->client), what->client);
    return e;
}

bool
sp_event_cap_admits(struct sp_event_cap *cap, const struct sp_occurrence *what,
                    int64_t now_ms)
{
    struct entry *e = NULL;

    if (what->status < FIRST_REFUSAL) {
        return true;
    }
    sp_event_cap_tick(cap, now_ms);
    e = entry_of(cap, what);
    if (cap->told < SP_EVENT_CAP_ALL &&
        (e == NULL || e->told < SP_EVENT_CAP_EACH)) {
        cap->told++;
        if (e != NULL) {
            e->told++;
        }
        return true;
    }
    if (e != NULL) {
        e->held_back++;
    } else {
        cap->others++;
    }
    return false;
}
