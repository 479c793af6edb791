/* The guarded fetcher. libcurl's calls may call us back at any time, and must
 * not be called from there: `inside` counts how deep we are, and whatever ends
 * or starts a transfer waits until it is 0 again. */
#include "common/fetch/fetcher.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fetch/fetch_names.h"
#include "common/fetch/fetch_target.h"
#include "common/process/resolver.h"
#include "common/text/buf.h"
#include "common/text/decimal.h"
#include "common/text/headers.h"

/* Less than the links carry (SP_MAX_HEADERS). */
#define MAX_HEADERS 16384
/* All header lines of a fetch: interim answers and trailers count too, which
 * libcurl would keep without end. */
#define MAX_HEADER_LINES (4u * MAX_HEADERS)
/* Idle connections that are kept for the next fetch. */
#define MAX_IDLE_CONNECTIONS 32L

enum state {
    RESOLVING,
    READY,
    RUNNING,
    ENDED,
};

struct sp_fetch {
    struct sp_fetch *next;
    struct sp_fetch *previous;
    struct sp_fetcher *fetcher;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *pins;
    struct sp_fetch_events events;
    struct sp_fetch_target target;
    struct sp_timer patience; /* for the resolver, then between bytes */
    enum sp_fetch_reach reach;
    bool allow_http;
    bool cancelled;
    bool paused;
    bool resume;     /* to be passed to libcurl */
    bool in_head;    /* between a status line and its empty line */
    bool head_given; /* to the caller */
    enum state state;
    uint32_t tag; /* of the question to the resolver */
    int error;    /* ours, before libcurl's */
    unsigned status;
    int64_t connect_timeout_ms;
    int64_t idle_timeout_ms;
    size_t max_body;
    size_t received;
    size_t header_bytes; /* as they came */
    struct sp_buf head;
};

struct sp_fetcher {
    struct sp_loop *loop;
    CURLM *multi;
    struct sp_helper *resolver;
    struct sp_fetch_names *names; /* that it was given lately */
    struct sp_watch answers;      /* of the resolver */
    struct sp_timer timeout;      /* libcurl's */
    struct sp_timer kick;         /* work left for the next turn */
    struct sp_fetch *first;
    uint32_t next_tag;
    unsigned inside;
};

/* A socket of libcurl's in our loop. */
struct sock {
    struct sp_fetcher *fetcher;
    struct sp_watch watch;
};

static void
settle(struct sp_fetcher *fetcher);

/* ------------------------------------------------------ from libcurl: wire */

static void
expect_byte(struct sp_fetch *fetch)
{
    if (fetch->idle_timeout_ms > 0 && !fetch->paused) {
        sp_loop_start(fetch->fetcher->loop, &fetch->patience,
                      fetch->idle_timeout_ms);
    } else {
        sp_loop_stop(fetch->fetcher->loop, &fetch->patience);
    }
}

/* Remembers the first error. Returns what makes libcurl give up. */
static size_t
fail(struct sp_fetch *fetch, int error)
{
    if (fetch->error == 0) {
        fetch->error = error;
    }
    return 0;
}

/* "HTTP/1.1 200 OK": a new answer begins, maybe after an interim one. */
static int
begin_head(struct sp_fetch *fetch, struct sp_view line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    size_t at = space == NULL ? line.len : (size_t)(space - line.ptr) + 1;
    uint64_t status = 0;

    if (line.len - at < 3 ||
        sp_number_read(sp_view_make(line.ptr + at, 3), 999, &status) != 0) {
        return SP_EFORMAT;
    }
    fetch->status = (unsigned)status;
    fetch->in_head = true;
    sp_buf_reset(&fetch->head);
    return 0;
}

static int
add_head(struct sp_fetch *fetch, struct sp_view line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };

    if (colon == NULL) {
        return SP_EFORMAT;
    }
    name = sp_view_make(line.ptr, (size_t)(colon - line.ptr));
    value = sp_view_trim(sp_view_skip(line, name.len + 1));
    /* attack: libcurl would unpack any other coding, a paused answer's too. */
    if (sp_view_is_word(name, "transfer-encoding") &&
        !sp_view_is_word(value, "chunked")) {
        return SP_EFORMAT;
    }
    return sp_headers_add(&fetch->head, name, value);
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct sp_fetch *fetch = arg;
    size_t len = size * count;
    struct sp_view line = sp_view_make(bytes, len);
    int error = 0;

    while (line.len > 0 && strchr("\r\n", line.ptr[line.len - 1]) != NULL) {
        line.len--;
    }
    line = sp_view_trim(line);
    expect_byte(fetch);
    fetch->header_bytes += len;
    if (fetch->header_bytes > MAX_HEADER_LINES) {
        return fail(fetch, SP_ELIMIT);
    }
    if (fetch->head_given) {
        return len; /* trailers */
    }
    if (line.len == 0) {
        fetch->in_head = false;
        if (fetch->status >= 200) {
            fetch->head_given = true;
            fetch->events.head(fetch->events.arg, fetch->status,
                               sp_buf_view(&fetch->head));
        }
        return fetch->cancelled ? 0 : len;
    }
    if (!fetch->in_head) {
        error = begin_head(fetch, line);
    } else if (bytes[0] == ' ' || bytes[0] == '\t') {
        error = SP_EFORMAT; /* folded: RFC 9112 section 5.2 */
    } else {
        error = add_head(fetch, line);
    }
    return error == 0 ? len : fail(fetch, error);
}

static size_t
on_data(char *bytes, size_t size, size_t count, void *arg)
{
    struct sp_fetch *fetch = arg;
    size_t len = size * count;

    if (fetch->cancelled) {
        return 0;
    }
    if (!fetch->head_given) {
        return fail(fetch, SP_EFORMAT);
    }
    if (len > fetch->max_body - fetch->received) {
        return fail(fetch, SP_ELIMIT);
    }
    fetch->received += len;
    expect_byte(fetch);
    if (len > 0) {
        fetch->events.data(fetch->events.arg, sp_view_make(bytes, len));
    }
    return fetch->cancelled ? 0 : len;
}

/* The last gate: whatever led here, only a checked address is connected to. */
static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct sp_fetch *fetch = arg;
    struct sp_fetch_address address = { 0 };

    if (purpose != CURLSOCKTYPE_IPCXN ||
        sp_fetch_address_of(&to->addr, &address) != 0 ||
        !sp_fetch_target_has(&fetch->target, &address)) {
        (void)fail(fetch, SP_EDENIED);
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  to->protocol);
}

/* ------------------------------------------------------ from libcurl: loop */

static void
act(struct sp_fetcher *fetcher, curl_socket_t fd, int events)
{
    int running = 0;

    fetcher->inside++;
    (void)curl_multi_socket_action(fetcher->multi, fd, events, &running);
    fetcher->inside--;
    settle(fetcher);
}

static void
on_ready(void *arg, uint32_t events)
{
    const struct sock *sock = arg;
    int what = 0;

    what |= (events & (EPOLLIN | EPOLLRDHUP)) != 0 ? CURL_CSELECT_IN : 0;
    what |= (events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
    what |= (events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0;
    act(sock->fetcher, sock->watch.fd, what);
}

static void
on_timeout(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct sp_fetcher *fetcher = arg;

    (void)multi;
    if (timeout_ms < 0) {
        sp_loop_stop(fetcher->loop, &fetcher->timeout);
    } else {
        sp_loop_start(fetcher->loop, &fetcher->timeout, timeout_ms);
    }
    return 0;
}

static uint32_t
epoll_events(int what)
{
    return (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EPOLLIN : 0u) |
           (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EPOLLOUT : 0u);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct sp_fetcher *fetcher = arg;
    struct sock *sock = known;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (sock != NULL) {
            sp_loop_remove(fetcher->loop, &sock->watch);
            sp_free(sock);
        }
        (void)curl_multi_assign(fetcher->multi, fd, NULL);
        return 0;
    }
    if (sock != NULL) {
        return sp_loop_change(fetcher->loop, &sock->watch, epoll_events(what));
    }
    sock = sp_alloc(sizeof(*sock));
    sock->fetcher = fetcher;
    sock->watch = (struct sp_watch){ .ready = on_ready, .arg = sock, .fd = fd };
    if (sp_loop_add(fetcher->loop, &sock->watch, epoll_events(what)) != 0) {
        sp_free(sock);
        return -1;
    }
    (void)curl_multi_assign(fetcher->multi, fd, sock);
    return 0;
}

/* ------------------------------------------------------------- life cycle */

static void
link_in(struct sp_fetch *fetch)
{
    struct sp_fetcher *fetcher = fetch->fetcher;

    fetch->next = fetcher->first;
    if (fetch->next != NULL) {
        fetch->next->previous = fetch;
    }
    fetcher->first = fetch;
}

static void
unlink_from(struct sp_fetch *fetch)
{
    if (fetch->previous != NULL) {
        fetch->previous->next = fetch->next;
    } else {
        fetch->fetcher->first = fetch->next;
    }
    if (fetch->next != NULL) {
        fetch->next->previous = fetch->previous;
    }
}

static void
detach(struct sp_fetch *fetch)
{
    if (fetch->easy != NULL) {
        /* Harmless where it was never added. */
        (void)curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    }
    sp_loop_stop(fetch->fetcher->loop, &fetch->patience);
}

static void
destroy(struct sp_fetch *fetch)
{
    curl_easy_cleanup(fetch->easy);
    for (struct curl_slist *at = fetch->headers; at != NULL; at = at->next) {
        explicit_bzero(at->data, strlen(at->data)); /* may hold the bearer */
    }
    curl_slist_free_all(fetch->headers);
    curl_slist_free_all(fetch->pins);
    sp_fetch_target_end(&fetch->target);
    sp_buf_free(&fetch->head);
    sp_free(fetch);
}

static int
error_of(CURLcode code)
{
    static const struct {
        CURLcode code;
        int error;
    } errors[] = {
        { CURLE_OK, 0 },
        { CURLE_OPERATION_TIMEDOUT, SP_EEXPIRED },
        { CURLE_FILESIZE_EXCEEDED, SP_ELIMIT },
        { CURLE_WEIRD_SERVER_REPLY, SP_EFORMAT },
        { CURLE_UNSUPPORTED_PROTOCOL, SP_EFORMAT }, /* HTTP/0.9 */
        { CURLE_PARTIAL_FILE, SP_EFORMAT },
        { CURLE_BAD_CONTENT_ENCODING, SP_EFORMAT },
    };

    for (size_t i = 0; i < SP_COUNT(errors); i++) {
        if (errors[i].code == code) {
            return errors[i].error;
        }
    }
    return SP_ESYSTEM;
}

static void
end_with(struct sp_fetch *fetch, int error)
{
    if (fetch->state != ENDED) {
        fetch->state = ENDED;
        fetch->error = fetch->error != 0 ? fetch->error : error;
    }
}

static void
take_results(struct sp_fetcher *fetcher)
{
    const CURLMsg *result = NULL;
    int left = 0;

    while ((result = curl_multi_info_read(fetcher->multi, &left)) != NULL) {
        CURLcode code = result->data.result;
        struct sp_fetch *fetch = NULL;

        if (curl_easy_getinfo(result->easy_handle, CURLINFO_PRIVATE, &fetch) ==
            CURLE_OK) {
            end_with(fetch, error_of(code) != 0 ? error_of(code)
                            : fetch->head_given ? 0
                                                : SP_EFORMAT);
        }
    }
}

static struct sp_fetch *
find_over(const struct sp_fetcher *fetcher)
{
    struct sp_fetch *fetch = fetcher->first;

    while (fetch != NULL && fetch->state != ENDED && !fetch->cancelled) {
        fetch = fetch->next;
    }
    return fetch;
}

/* Tells and frees whatever is over. */
static void
settle(struct sp_fetcher *fetcher)
{
    struct sp_fetch *fetch = NULL;

    if (fetcher->inside > 0) {
        return;
    }
    fetcher->inside++;
    take_results(fetcher);
    while ((fetch = find_over(fetcher)) != NULL) {
        unlink_from(fetch);
        detach(fetch);
        if (!fetch->cancelled) {
            fetch->events.done(fetch->events.arg, fetch->error);
        }
        destroy(fetch);
    }
    fetcher->inside--;
}

static void
run_out_of_patience(void *arg)
{
    struct sp_fetch *fetch = arg;

    end_with(fetch, SP_EEXPIRED);
    settle(fetch->fetcher);
}

/* The addresses are known: check them, pin them, hand over to libcurl. */
static void
admit(struct sp_fetch *fetch)
{
    CURLcode code = CURLE_OK;

    if (!sp_fetch_target_allowed(&fetch->target, fetch->reach,
                                 fetch->allow_http)) {
        end_with(fetch, SP_EDENIED);
        return;
    }
    if (!fetch->target.literal) {
        char *pin = sp_fetch_target_pin(&fetch->target);

        fetch->pins = curl_slist_append(NULL, pin);
        sp_free(pin);
        code = curl_easy_setopt(fetch->easy, CURLOPT_RESOLVE, fetch->pins);
    }
    if (code != CURLE_OK ||
        curl_multi_add_handle(fetch->fetcher->multi, fetch->easy) != CURLM_OK) {
        end_with(fetch, SP_ESYSTEM);
        return;
    }
    fetch->state = RUNNING;
    expect_byte(fetch);
    if (fetch->paused) {
        (void)curl_easy_pause(fetch->easy, CURLPAUSE_RECV);
    }
}

static void
kick(void *arg)
{
    struct sp_fetcher *fetcher = arg;

    fetcher->inside++;
    for (struct sp_fetch *at = fetcher->first; at != NULL; at = at->next) {
        if (at->cancelled) {
            continue;
        }
        if (at->state == READY) {
            admit(at);
        } else if (at->state == RUNNING && at->resume) {
            at->resume = false;
            expect_byte(at);
            /* What it kept is given out in there; that this failed is said
             * here and nowhere else. */
            if (curl_easy_pause(at->easy, CURLPAUSE_CONT) != CURLE_OK) {
                end_with(at, SP_ESYSTEM);
            }
        }
    }
    fetcher->inside--;
    settle(fetcher);
}

/* --------------------------------------------------------------- resolver */

static void
take_addresses(struct sp_fetch *fetch, const struct sp_resolved *answer)
{
    struct sp_fetch_target *target = &fetch->target;

    for (uint32_t i = 0;
         i < answer->count && target->address_count < SP_FETCH_MAX_ADDRESSES;
         i++) {
        struct sp_fetch_address *to =
            &target->addresses[target->address_count++];

        memcpy(to->bytes, answer->address[i], sizeof(answer->address[i]));
    }
    if (target->address_count == 0) {
        end_with(fetch, SP_ESYSTEM); /* no such name */
        return;
    }
    sp_fetch_names_put(fetch->fetcher->names, target,
                       sp_loop_now_ms(fetch->fetcher->loop));
    fetch->state = READY;
}

static void
on_answers(void *arg, uint32_t events)
{
    struct sp_fetcher *fetcher = arg;
    struct sp_resolved answer;
    int error = 0;

    (void)events;
    while ((error = sp_resolver_take(fetcher->resolver, &answer)) == 0) {
        for (struct sp_fetch *at = fetcher->first; at != NULL; at = at->next) {
            if (at->state == RESOLVING && at->tag == answer.tag) {
                take_addresses(at, &answer);
            }
        }
    }
    if (error == SP_ESYSTEM) {
        sp_fatal("resolver_gone", "error=%d", error);
    }
    kick(fetcher);
}

/* -------------------------------------------------------------- set up */

static CURLcode
set_wire(struct sp_fetch *fetch)
{
    CURL *easy = fetch->easy;
    long fresh = fetch->reach == SP_FETCH_PUBLIC ? 1 : 0;
    CURLcode code = CURLE_OK;

    code |= curl_easy_setopt(easy, CURLOPT_CURLU, fetch->target.url);
    code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    code |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    code |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                             (long)CURL_HTTP_VERSION_1_1);
    code |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    /* attack: a connection that was opened under a wider rule must not serve a
     * URL that a client named. */
    code |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh);
    code |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh);
    code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);
    code |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    code |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    code |= curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    return code;
}

static CURLcode
set_limits(struct sp_fetch *fetch, const struct sp_fetch_request *request)
{
    CURL *easy = fetch->easy;
    CURLcode code = CURLE_OK;

    code |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                             (long)request->connect_timeout_ms);
    code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                             (long)request->total_timeout_ms);
    code |= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                             (curl_off_t)request->max_body);
    code |= curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                             (long)CURL_SSLVERSION_TLSv1_2);
    if (request->ca_file != NULL) {
        code |= curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
        code |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (request->pin_sha256 != NULL) {
        code |= curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY,
                                 request->pin_sha256);
    }
    return code;
}

/* Appends a header; an empty value is written as libcurl wants it. */
static void
add_header(struct sp_fetch *fetch, struct sp_view name, struct sp_view value)
{
    struct sp_buf line = sp_buf_new(2 * MAX_HEADERS);

    (void)sp_buf_addf(&line, "%.*s%s", SP_VIEW(name),
                      value.len > 0 ? ": " : ";");
    (void)sp_buf_add_view(&line, value);
    (void)sp_buf_add(&line, "", 1);
    fetch->headers = curl_slist_append(fetch->headers, line.data);
    explicit_bzero(line.data, line.len);
    sp_buf_free(&line);
}

static bool
is_own_header(struct sp_view name)
{
    static const char *const own[] = {
        "host", "content-length", "transfer-encoding", "connection", "expect",
        "te",   "upgrade"
    };

    for (size_t i = 0; i < SP_COUNT(own); i++) {
        if (sp_view_is(name, own[i])) {
            return true;
        }
    }
    return sp_view_starts(name, "proxy-");
}

static int
set_headers(struct sp_fetch *fetch, const struct sp_fetch_request *request)
{
    struct sp_view text = request->headers;
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    int got = 0;

    while ((got = sp_headers_next(&text, &name, &value)) > 0) {
        if (is_own_header(name)) {
            return SP_EFORMAT;
        }
        add_header(fetch, name, value);
    }
    if (request->bearer != NULL) {
        struct sp_buf value_text = sp_buf_new(SP_SECRET_MAX + 16);

        (void)sp_buf_add_str(&value_text, "Bearer ");
        (void)sp_buf_add_view(&value_text, sp_secret_view(request->bearer));
        add_header(fetch, SP_VIEW_LITERAL("authorization"),
                   sp_buf_view(&value_text));
        explicit_bzero(value_text.data, value_text.len);
        sp_buf_free(&value_text);
    }
    /* No waiting for "100 Continue", no invented media type. */
    fetch->headers = curl_slist_append(fetch->headers, "Expect:");
    if (sp_headers_get(request->headers, "content-type").ptr == NULL) {
        fetch->headers = curl_slist_append(fetch->headers, "Content-Type:");
    }
    return got;
}

static int
set_method(struct sp_fetch *fetch, const struct sp_fetch_request *request)
{
    static const struct {
        const char *name;
        bool body;
    } methods[] = {
        { "GET", false }, { "HEAD", false }, { "POST", true },
        { "PUT", true },  { "PATCH", true }, { "DELETE", false },
    };
    CURL *easy = fetch->easy;
    CURLcode code = CURLE_OK;
    size_t i = 0;

    while (i < SP_COUNT(methods) &&
           strcmp(methods[i].name, request->method) != 0) {
        i++;
    }
    if (i == SP_COUNT(methods) || (request->body.len > 0 && !methods[i].body)) {
        return SP_EFORMAT;
    }
    if (methods[i].body) {
        code |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
        code |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                 (curl_off_t)request->body.len);
        code |=
            curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                             request->body.len > 0 ? request->body.ptr : "");
    }
    code |= curl_easy_setopt(easy, CURLOPT_NOBODY,
                             strcmp(request->method, "HEAD") == 0 ? 1L : 0L);
    code |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, methods[i].name);
    return code == CURLE_OK ? 0 : SP_ESYSTEM;
}

static int
set_up(struct sp_fetch *fetch, const struct sp_fetch_request *request)
{
    int error = 0;

    fetch->easy = curl_easy_init();
    if (fetch->easy == NULL || set_wire(fetch) != CURLE_OK ||
        set_limits(fetch, request) != CURLE_OK) {
        return SP_ESYSTEM;
    }
    error = set_method(fetch, request);
    if (error == 0) {
        error = set_headers(fetch, request);
    }
    if (error == 0 && curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER,
                                       fetch->headers) != CURLE_OK) {
        error = SP_ESYSTEM;
    }
    return error;
}

/* ----------------------------------------------------------------- public */

struct sp_fetcher *
sp_fetcher_new(struct sp_loop *loop)
{
    struct sp_fetcher *fetcher = sp_alloc(sizeof(*fetcher));
    CURLMcode code = CURLM_OK;

    fetcher->loop = loop;
    fetcher->names = sp_fetch_names_new();
    /* First the helper: it should hold as little of us as possible. */
    if (sp_resolver_start(&fetcher->resolver) != 0) {
        sp_fatal("resolver_start", "error=%d", SP_ESYSTEM);
    }
    fetcher->timeout =
        (struct sp_timer){ .expired = on_timeout, .arg = fetcher };
    fetcher->kick = (struct sp_timer){ .expired = kick, .arg = fetcher };
    fetcher->answers =
        (struct sp_watch){ .ready = on_answers,
                           .arg = fetcher,
                           .fd = sp_helper_fd(fetcher->resolver) };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        sp_loop_add(loop, &fetcher->answers, EPOLLIN) != 0) {
        sp_fatal("fetcher_start", "error=%d", SP_ESYSTEM);
    }
    fetcher->multi = curl_multi_init();
    code |=
        curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    code |= curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
    code |= curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    code |= curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
    code |= curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS,
                              MAX_IDLE_CONNECTIONS);
    if (fetcher->multi == NULL || code != CURLM_OK) {
        sp_fatal("curl_multi", "code=%d", (int)code);
    }
    return fetcher;
}

void
sp_fetcher_free(struct sp_fetcher **fetcher)
{
    struct sp_fetcher *f = *fetcher;

    if (f == NULL) {
        return;
    }
    for (struct sp_fetch *at = f->first; at != NULL; at = at->next) {
        at->cancelled = true;
    }
    settle(f);
    (void)curl_multi_cleanup(f->multi);
    curl_global_cleanup();
    sp_loop_stop(f->loop, &f->timeout);
    sp_loop_stop(f->loop, &f->kick);
    sp_loop_remove(f->loop, &f->answers);
    sp_helper_free(&f->resolver);
    sp_fetch_names_free(&f->names);
    sp_free(f);
    *fetcher = NULL;
}

/* Waits for the addresses of a name, or for the next turn. */
static void
await_addresses(struct sp_fetch *fetch)
{
    struct sp_fetcher *fetcher = fetch->fetcher;

    if (fetch->target.literal ||
        sp_fetch_names_get(fetcher->names, &fetch->target,
                           sp_loop_now_ms(fetcher->loop))) {
        fetch->state = READY;
        sp_loop_start(fetcher->loop, &fetcher->kick, 0);
        return;
    }
    fetch->tag = ++fetcher->next_tag;
    /* The question may be lost, the answer may never come. */
    (void)!sp_resolver_ask(fetcher->resolver, fetch->tag, fetch->target.host);
    sp_loop_start(fetcher->loop, &fetch->patience, fetch->connect_timeout_ms);
}

int
sp_fetcher_start(struct sp_fetcher *fetcher,
                 const struct sp_fetch_request *request,
                 const struct sp_fetch_events *events,
                 struct sp_fetch **ret_fetch)
{
    struct sp_fetch *fetch = sp_alloc(sizeof(*fetch));
    int error = 0;

    fetch->fetcher = fetcher;
    fetch->events = *events;
    fetch->reach = request->reach;
    fetch->allow_http = request->allow_http;
    fetch->connect_timeout_ms = request->connect_timeout_ms;
    fetch->idle_timeout_ms = request->idle_timeout_ms;
    fetch->max_body = request->max_body;
    fetch->head = sp_buf_new(MAX_HEADERS);
    fetch->patience =
        (struct sp_timer){ .expired = run_out_of_patience, .arg = fetch };
    error = sp_fetch_target_begin(&fetch->target, request->url);
    if (error == 0 && fetch->target.literal &&
        !sp_fetch_target_allowed(&fetch->target, fetch->reach,
                                 fetch->allow_http)) {
        error = SP_EDENIED;
    }
    if (error == 0) {
        error = set_up(fetch, request);
    }
    if (error != 0) {
        destroy(fetch);
        return error;
    }
    link_in(fetch);
    await_addresses(fetch);
    *ret_fetch = fetch;
    return 0;
}

void
sp_fetch_pause(struct sp_fetch *fetch, bool paused)
{
    struct sp_fetcher *fetcher = fetch->fetcher;

    if (fetch->paused == paused) {
        return;
    }
    fetch->paused = paused;
    fetch->resume = !paused;
    if (fetch->state != RUNNING) {
        return;
    }
    if (!paused) {
        /* libcurl may call `data` at once: not from inside the caller. */
        sp_loop_start(fetcher->loop, &fetcher->kick, 0);
        return;
    }
    expect_byte(fetch);
    fetcher->inside++;
    (void)curl_easy_pause(fetch->easy, CURLPAUSE_RECV);
    fetcher->inside--;
}

void
sp_fetch_cancel(struct sp_fetch **fetch)
{
    if (*fetch != NULL) {
        struct sp_fetcher *fetcher = (*fetch)->fetcher;

        (*fetch)->cancelled = true;
        *fetch = NULL;
        settle(fetcher);
        if (fetcher->inside > 0) {
            sp_loop_start(fetcher->loop, &fetcher->kick, 0);
        }
    }
}
