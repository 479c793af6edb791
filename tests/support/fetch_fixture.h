/* A fetcher with its loop, and what a fetch told, for tests. */
#ifndef SP_TESTS_SUPPORT_FETCH_FIXTURE_H
#define SP_TESTS_SUPPORT_FETCH_FIXTURE_H

#include <stdio.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/fetch/fetcher.h"
#include "common/process/loop.h"
#include "common/text/buf.h"
#include "common/text/headers.h"
#include "tests/support/http_script.h"

/* A test that takes longer hangs. */
#define FETCH_PATIENCE_MS 20000
#define FETCH_NOTHING 1

struct fetch_world {
    struct sp_loop *loop;
    struct sp_fetcher *fetcher;
    struct sp_timer patience;
};

struct fetch_record {
    struct fetch_world *world;
    struct sp_fetch *fetch;
    unsigned heads;
    unsigned status;
    struct sp_buf headers;
    struct sp_buf body;
    unsigned dones;
    int error; /* FETCH_NOTHING until done */
    bool pause_at_data;
    bool cancel_at_head;
    bool cancel_at_data;
};

void
fetch_world_begin(struct fetch_world *w);

void
fetch_world_end(struct fetch_world *w);

void
fetch_on_head(void *arg, unsigned status, struct sp_view headers);

void
fetch_on_data(void *arg, struct sp_view bytes);

/* Sensible values; the caller changes what it is about. */
struct sp_fetch_request
fetch_request(const char *url);

int
fetch_start(struct fetch_world *w, const struct sp_fetch_request *request,
            struct fetch_record *r);

void
fetch_record_end(struct fetch_record *r);

/* Writes http://127.0.0.1:<port><path>. */
const char *
fetch_url(char url[128], const struct http_script *server, const char *path);

/* One fetch from one server with one answer, to its end. */
void
fetch_once(const struct http_answer *answer,
           struct sp_fetch_request (*request)(const char *url),
           struct fetch_record *r);

#endif
