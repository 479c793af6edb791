/* Fetching a token. */
#include "clients/sallyport/grant.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/sallyport/files.h"
#include "clients/sallyport/process.h"
#include "clients/sallyport/server_pair.h"
#include "clients/sallyport/state.h"
#include "clients/sallyport/web.h"
#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/text/client_id.h"
#include "common/text/json.h"
#include "proto/paths.h"

#define SECRET_TEXT_MAX 512
#define FORM_MAX 8192
#define TIMEOUT_MS 20000
#define COMPOSE_STATE "/var/lib/sallyport"

int
grant_read_wish(int argc, char **argv, struct grant_wish *ret_wish)
{
    int i = 0;

    *ret_wish = (struct grant_wish){ .client = state_clients[0] };
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--compose") == 0) {
            ret_wish->compose = true;
        } else if (strcmp(argv[i], "--client") == 0 && more) {
            ret_wish->client = argv[++i];
        } else if (strcmp(argv[i], "--scope") == 0 && more) {
            ret_wish->scope = argv[++i];
        } else {
            return -1;
        }
    }
    return sp_client_id_ok(sp_view_of(ret_wish->client)) ? i : -1;
}

/* ------------------------------------------------------------------- means */

static char *
first_line(const struct sp_buf *text)
{
    size_t len = 0;

    while (len < text->len && text->data[len] != '\n') {
        len++;
    }
    return sp_dup_view(sp_view_make(text->data, len));
}

static void
native_means(const struct gate *gate, const struct grant_wish *wish,
             struct grant_means *means)
{
    struct sp_buf text = sp_buf_new(SECRET_TEXT_MAX);
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/keys/operator/%s.secret",
                   gate->settings.state, wish->client);
    (void)snprintf(means->ca, sizeof(means->ca), "%s/ca.pem",
                   gate->settings.state);
    if (file_read(path, &text) != 0) {
        sp_refuse("%s: %s; `sallyport client list` shows the clients, "
                  "`sallyport init` makes demo",
                  path, strerror(errno));
    }
    means->secret = first_line(&text);
    (void)snprintf(path, sizeof(path), "%s/" SERVER_CERTIFICATE,
                   gate->settings.state);
    means->pin = server_pair_pin(path);
    sp_buf_free(&text);
}

/* What compose_means() copies. */
struct copies {
    char directory[32];
    char secret[64];
    char ca[64];
};

static void
remove_copies(const struct copies *copies)
{
    (void)unlink(copies->secret);
    (void)unlink(copies->ca);
    (void)rmdir(copies->directory);
}

/* Copies a file out of a container, also of one that has ended. */
static void
copy_from(const char *service_path, const char *to, const struct copies *copies)
{
    const char *const argv[] = { "docker",     "compose", "cp",
                                 service_path, to,        NULL };
    struct sp_buf said = sp_buf_new(4096);
    int status = 0;

    if (process_capture(argv, true, &said, &status) != 0 || status != 0) {
        remove_copies(copies);
        sp_refuse("docker compose cp %s: %.*s; start the stack by `docker "
                  "compose up`",
                  service_path, SP_VIEW(sp_buf_view(&said)));
    }
    sp_buf_free(&said);
}

/* The init container's volume has the secrets; it ran and ended. */
static void
compose_means(const struct grant_wish *wish, struct grant_means *means)
{
    struct sp_buf text = sp_buf_new(SECRET_TEXT_MAX);
    struct copies copies = { .directory = "/tmp/sallyport-token.XXXXXX" };
    char path[128];
    int error = 0;

    if (mkdtemp(copies.directory) == NULL) {
        sp_refuse("%s: %s", copies.directory, strerror(errno));
    }
    (void)snprintf(copies.secret, sizeof(copies.secret), "%s/secret",
                   copies.directory);
    (void)snprintf(copies.ca, sizeof(copies.ca), "%s/ca.pem", copies.directory);
    (void)snprintf(path, sizeof(path),
                   "init:" COMPOSE_STATE "/keys/operator/%s.secret",
                   wish->client);
    copy_from("edge:" COMPOSE_STATE "/ca.pem", copies.ca, &copies);
    copy_from(path, copies.secret, &copies);
    error = file_read(copies.secret, &text);
    (void)unlink(copies.secret);
    if (error != 0) {
        remove_copies(&copies);
        sp_refuse("%s: it cannot be read", path);
    }
    memcpy(means->ca, copies.ca, sizeof(copies.ca));
    means->ca_is_ours = true;
    means->secret = first_line(&text);
    sp_buf_free(&text);
}

void
grant_open(const struct gate *gate, const struct grant_wish *wish,
           struct grant_means *ret_means)
{
    *ret_means = (struct grant_means){ .secret = NULL };
    if (wish->compose) {
        compose_means(wish, ret_means);
    } else {
        native_means(gate, wish, ret_means);
    }
}

void
grant_close(struct grant_means *means)
{
    explicit_bzero(means->secret, strlen(means->secret));
    sp_free(means->secret);
    sp_free(means->pin);
    if (means->ca_is_ours) {
        char *slash = strrchr(means->ca, '/');

        (void)unlink(means->ca);
        *slash = '\0';
        (void)rmdir(means->ca);
    }
}

/* ----------------------------------------------------------------- request */

static char *
write_form(const struct grant_wish *wish)
{
    struct sp_buf form = sp_buf_new(FORM_MAX);
    char *text = NULL;

    (void)sp_buf_add_str(&form, "grant_type=client_credentials");
    if (wish->scope != NULL) {
        (void)sp_buf_add_str(&form, "&scope=");
        web_encode(&form, wish->scope);
    }
    if (form.error != 0) {
        sp_refuse("--scope: too long");
    }
    text = sp_dup_view(sp_buf_view(&form));
    sp_buf_free(&form);
    return text;
}

struct web_request
grant_request(const struct gate *gate, const struct grant_wish *wish,
              const struct grant_means *means, const char *url)
{
    const struct sp_settings *s = &gate->settings;

    return (struct web_request){
        .url = url,
        .ca = means->ca,
        .pin = means->pin,
        .host = wish->compose ? NULL : gate_local(s->listen_host),
        .port = wish->compose ? 0 : s->listen_port,
        .timeout_ms = TIMEOUT_MS,
    };
}

static int
take_token(struct sp_view body, long status, struct sp_buf *token)
{
    struct sp_json json = { .count = 0 };
    struct sp_view value = { .ptr = NULL };
    int error = status == 200 ? sp_json_parse(&json, body) : SP_EAUTH;

    if (error == 0) {
        error = sp_json_string(
            &json, sp_json_get(&json, sp_json_root(&json), "access_token"),
            token, &value);
    }
    if (error == 0 && token->len == 0) {
        error = sp_buf_add_view(token, value); /* it has no escapes */
    }
    if (error != 0) {
        (void)fprintf(stderr, "sallyport: /token answered %ld: %.*s\n", status,
                      SP_VIEW(body));
    }
    sp_json_free(&json);
    return error;
}

int
grant_fetch(const struct gate *gate, const struct grant_wish *wish,
            const struct grant_means *means, struct sp_buf *token)
{
    struct sp_buf body = sp_buf_new(WEB_ANSWER_MAX);
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    char url[512];
    char *form = write_form(wish);
    struct web_request request = grant_request(gate, wish, means, url);
    long status = 0;
    int error = 0;

    request.user = wish->client;
    request.password = means->secret;
    request.body = form;
    (void)snprintf(url, sizeof(url), "%s%s", gate->settings.url,
                   sp_path_row(SP_PATH_TOKEN)->path);
    error = web_call(&request, &body, &status, &why);
    if (error != 0) {
        (void)fprintf(stderr, "sallyport: %.*s; start the gate by `make run`\n",
                      SP_VIEW(sp_buf_view(&why)));
    } else {
        error = take_token(sp_buf_view(&body), status, token);
    }
    sp_free(form);
    sp_buf_free(&body);
    sp_buf_free(&why);
    return error;
}
