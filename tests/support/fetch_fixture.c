/* A fetcher with its loop. */
#include "tests/support/fetch_fixture.h"

static void
fetch_hangs(void *arg)
{
    (void)arg;
    cr_assert_fail("the fetch hangs");
}

void
fetch_world_begin(struct fetch_world *w)
{
    *w = (struct fetch_world){ .loop = sp_loop_new() };
    w->fetcher = sp_fetcher_new(w->loop);
    w->patience = (struct sp_timer){ .expired = fetch_hangs };
    sp_loop_start(w->loop, &w->patience, FETCH_PATIENCE_MS);
}

void
fetch_world_end(struct fetch_world *w)
{
    sp_fetcher_free(&w->fetcher);
    sp_loop_free(&w->loop);
}

void
fetch_on_head(void *arg, unsigned status, struct sp_view headers)
{
    struct fetch_record *r = arg;

    r->heads++;
    r->status = status;
    (void)sp_buf_add_view(&r->headers, headers);
    if (r->cancel_at_head) {
        sp_fetch_cancel(&r->fetch);
        sp_loop_end(r->world->loop);
    }
}

void
fetch_on_data(void *arg, struct sp_view bytes)
{
    struct fetch_record *r = arg;

    cr_assert_eq(r->heads, 1, "data before the head");
    cr_assert_eq(sp_buf_add_view(&r->body, bytes), 0);
    if (r->pause_at_data) {
        sp_fetch_pause(r->fetch, true);
    }
    if (r->cancel_at_data) {
        sp_fetch_cancel(&r->fetch);
        sp_loop_end(r->world->loop);
    }
}

static void
fetch_on_done(void *arg, int error)
{
    struct fetch_record *r = arg;

    r->dones++;
    r->error = error;
    r->fetch = NULL;
    sp_loop_end(r->world->loop);
}

struct sp_fetch_request
fetch_request(const char *url)
{
    return (struct sp_fetch_request){
        .method = "GET",
        .url = url,
        .reach = SP_FETCH_CONFIGURED,
        .connect_timeout_ms = 5000,
        .total_timeout_ms = 10000,
        .max_body = 1024 * 1024,
    };
}

int
fetch_start(struct fetch_world *w, const struct sp_fetch_request *request,
            struct fetch_record *r)
{
    const struct sp_fetch_events events = {
        .head = fetch_on_head,
        .data = fetch_on_data,
        .done = fetch_on_done,
        .arg = r,
    };

    r->world = w;
    r->headers = sp_buf_new(65536);
    r->body = sp_buf_new(8 * 1024 * 1024);
    r->error = FETCH_NOTHING;
    return sp_fetcher_start(w->fetcher, request, &events, &r->fetch);
}

void
fetch_record_end(struct fetch_record *r)
{
    sp_buf_free(&r->headers);
    sp_buf_free(&r->body);
}

const char *
fetch_url(char url[128], const struct http_script *server, const char *path)
{
    (void)snprintf(url, 128, "http://127.0.0.1:%u%s", server->port, path);
    return url;
}

void
fetch_once(const struct http_answer *answer,
           struct sp_fetch_request (*request)(const char *url),
           struct fetch_record *r)
{
    struct fetch_world w;
    struct http_script *server = http_script_start(answer, 1);
    char url[128];
    struct sp_fetch_request asked = request(fetch_url(url, server, "/x"));

    fetch_world_begin(&w);
    cr_assert_eq(fetch_start(&w, &asked, r), 0);
    sp_loop_run(w.loop);
    fetch_world_end(&w);
    http_script_stop(server);
    http_script_free(&server);
}
