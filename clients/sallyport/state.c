/* What `sallyport init` makes. */
#include "clients/sallyport/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/sallyport/certificate.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/key_texts.h"
#include "clients/sallyport/server_pair.h"
#include "common/base/error.h"

#define SECRET_MODE 0600
#define DIRECTORY_MODE 0700
#define LINK_SECRET_BYTES 32
#define CLIENT_SECRET_BYTES 32
/* What takes longest is made by children at the same time. */
#define MAX_CHILDREN 4

#define HOLDS(symbol) (1u << SP_SERVICE_##symbol)

const char *const state_clients[] = { "demo", "bench" };
const size_t state_client_count = SP_COUNT(state_clients);

const struct state_shared state_shared[] = {
    { "passport.key", 32,
      HOLDS(AUTH) | HOLDS(TOOLS) | HOLDS(LLM) | HOLDS(MONITOR) },
    { "session.key", 32, HOLDS(TOOLS) },
    { "ticket.key", 64, HOLDS(EDGE) },
    { "audit.key", 32, HOLDS(MONITOR) },
};
const size_t state_shared_count = SP_COUNT(state_shared);

/* A secret in one or more places: all hold the same. */
struct places {
    char path[SP_SERVICE_COUNT][96];
    size_t count;
};

static int
failed(struct sp_buf *why, const char *path, int error)
{
    (void)sp_buf_addf(
        why, "%s: %s; check owner and free space of SP_STATE", path,
        error == SP_ESYSTEM ? strerror(errno) : sp_strerror(error));
    return error;
}

/* ------------------------------------------------------------------ layout */

static int
make_directory(const char *path, struct sp_buf *why)
{
    int error = file_make_directory(path, DIRECTORY_MODE);

    return error == 0 ? 0 : failed(why, path, error);
}

static int
make_service_directories(const char *service, struct sp_buf *why)
{
    static const char *const forms[] = { "keys/%s", "keys/%s/links",
                                         "keys/%s/peers", "store/%s",
                                         "run/%s" };
    int error = 0;

    for (size_t i = 0; error == 0 && i < SP_COUNT(forms); i++) {
        const char *slash = strstr(forms[i], "%s");
        char path[96];

        (void)snprintf(path, sizeof(path), "%.*s%s%s", (int)(slash - forms[i]),
                       forms[i], service, slash + 2);
        error = make_directory(path, why);
    }
    return error;
}

static int
make_layout(struct sp_buf *why)
{
    static const char *const tops[] = { "keys", "keys/ca", "keys/operator",
                                        "store", "run" };
    int error = 0;

    for (size_t i = 0; error == 0 && i < SP_COUNT(tops); i++) {
        error = make_directory(tops[i], why);
    }
    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT; i++) {
        error = make_service_directories(sp_service_name((enum sp_service_id)i),
                                         why);
    }
    return error == 0 ? make_directory("keys/auth/clients", why) : error;
}

/* ----------------------------------------------------------------- secrets */

static int
create(const char *path, const struct sp_buf *content, struct sp_buf *why)
{
    int error = content->error != 0
                    ? content->error
                    : file_create(path, sp_buf_view(content), SECRET_MODE);

    return error == 0 ? 0 : failed(why, path, error);
}

static int
read_whole(const char *path, struct sp_buf *out, struct sp_buf *why)
{
    int error = file_read(path, out);

    return error == 0 ? 0 : failed(why, path, error);
}

/* Where one end of a link has lost its copy it gets the other's. */
static int
make_shared(const struct places *places, size_t bytes, struct sp_buf *why)
{
    struct sp_buf text = sp_buf_new(KEY_TEXT_MAX);
    int error = 0;

    for (size_t i = 0; error == 0 && text.len == 0 && i < places->count; i++) {
        if (file_present(places->path[i])) {
            error = read_whole(places->path[i], &text, why);
        }
    }
    if (error == 0 && text.len == 0) {
        key_text_hex(&text, bytes);
    }
    for (size_t i = 0; error == 0 && i < places->count; i++) {
        error = create(places->path[i], &text, why);
    }
    key_text_free(&text);
    return error;
}

static int
make_shared_keys(struct sp_buf *why)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < state_shared_count; i++) {
        struct places places = { .count = 0 };

        for (int s = 0; s < SP_SERVICE_COUNT; s++) {
            if ((state_shared[i].holders & (1u << s)) == 0) {
                continue;
            }
            (void)snprintf(places.path[places.count], sizeof(places.path[0]),
                           "keys/%s/%s", sp_service_name((enum sp_service_id)s),
                           state_shared[i].name);
            places.count++;
        }
        error = make_shared(&places, state_shared[i].bytes, why);
    }
    return error;
}

static int
make_link_secret(enum sp_service_id from, enum sp_service_id to,
                 struct sp_buf *why)
{
    const enum sp_service_id ends[] = { from, to };
    struct places places = { .count = SP_COUNT(ends) };

    for (size_t i = 0; i < SP_COUNT(ends); i++) {
        (void)snprintf(places.path[i], sizeof(places.path[i]),
                       "keys/%s/links/%s-%s", sp_service_name(ends[i]),
                       sp_service_name(from), sp_service_name(to));
    }
    return make_shared(&places, LINK_SECRET_BYTES, why);
}

static int
make_link_secrets(struct sp_buf *why)
{
    int error = 0;

    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT * SP_SERVICE_COUNT;
         i++) {
        enum sp_service_id from = (enum sp_service_id)(i / SP_SERVICE_COUNT);
        enum sp_service_id to = (enum sp_service_id)(i % SP_SERVICE_COUNT);

        if (sp_link_exists(from, to)) {
            error = make_link_secret(from, to, why);
        }
    }
    return error;
}

/* ------------------------------------------------------------------- CURVE */

static int
make_curve_pair(const char *service, struct sp_buf *why)
{
    struct sp_buf secret = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf public = sp_buf_new(KEY_TEXT_MAX);
    char secret_path[96];
    char public_path[96];
    int error = 0;

    (void)snprintf(secret_path, sizeof(secret_path), "keys/%s/curve.secret",
                   service);
    (void)snprintf(public_path, sizeof(public_path), "keys/%s/curve.public",
                   service);
    if (file_present(secret_path)) {
        return 0;
    }
    error = key_text_curve(&secret, &public);
    if (error != 0) {
        (void)failed(why, secret_path, error);
    }
    /* The secret last: it shows that the pair is there. */
    if (error == 0) {
        error = file_replace(public_path, sp_buf_view(&public), SECRET_MODE);
        error = error == 0 ? 0 : failed(why, public_path, error);
    }
    if (error == 0) {
        error = create(secret_path, &secret, why);
    }
    key_text_free(&secret);
    key_text_free(&public);
    return error;
}

static int
copy_public(enum sp_service_id of, enum sp_service_id to, struct sp_buf *why)
{
    struct sp_buf text = sp_buf_new(KEY_TEXT_MAX);
    char from_path[96];
    char to_path[96];
    int error = 0;

    (void)snprintf(from_path, sizeof(from_path), "keys/%s/curve.public",
                   sp_service_name(of));
    (void)snprintf(to_path, sizeof(to_path), "keys/%s/peers/%s.public",
                   sp_service_name(to), sp_service_name(of));
    if (!file_present(to_path)) {
        error = read_whole(from_path, &text, why);
        error = error == 0 ? create(to_path, &text, why) : error;
    }
    sp_buf_free(&text);
    return error;
}

static int
make_curve_keys(struct sp_buf *why)
{
    int error = 0;

    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT; i++) {
        error = make_curve_pair(sp_service_name((enum sp_service_id)i), why);
    }
    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT * SP_SERVICE_COUNT;
         i++) {
        enum sp_service_id of = (enum sp_service_id)(i / SP_SERVICE_COUNT);
        enum sp_service_id to = (enum sp_service_id)(i % SP_SERVICE_COUNT);

        if (sp_link_exists(of, to) || sp_link_exists(to, of)) {
            error = copy_public(of, to, why);
        }
    }
    return error;
}

/* ------------------------------------------------------------ certificates */

static int
make_ec_key(const char *path, struct sp_buf *why)
{
    struct sp_buf text = sp_buf_new(KEY_TEXT_MAX);
    int error = 0;

    if (!file_present(path)) {
        error = key_text_ec(&text);
        error =
            error == 0 ? create(path, &text, why) : failed(why, path, error);
    }
    key_text_free(&text);
    return error;
}

static int
make_ca(int64_t now_s, struct sp_buf *why)
{
    struct sp_buf key = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf cert = sp_buf_new(CERTIFICATE_MAX);
    bool made = file_present("keys/ca/ca.pem");
    int error = 0;

    if (made && !file_present("keys/ca/ca.key")) {
        return 0; /* the operator keeps the key elsewhere */
    }
    error = make_ec_key("keys/ca/ca.key", why);
    if (error == 0 && !made) {
        error = read_whole("keys/ca/ca.key", &key, why);
    }
    if (error == 0 && !made) {
        error = certificate_make_ca(sp_buf_view(&key), now_s, &cert);
        error = error == 0 ? create("keys/ca/ca.pem", &cert, why)
                           : failed(why, "keys/ca/ca.pem", error);
    }
    key_text_free(&key);
    sp_buf_free(&cert);
    return error;
}

/* ca.pem is handed to clients; it is no secret. */
static int
publish_ca(struct sp_buf *why)
{
    struct sp_buf cert = sp_buf_new(CERTIFICATE_MAX);
    int error = read_whole("keys/ca/ca.pem", &cert, why);

    if (error == 0) {
        error = file_create("ca.pem", sp_buf_view(&cert), 0644);
        error = error == 0 ? 0 : failed(why, "ca.pem", error);
    }
    sp_buf_free(&cert);
    return error;
}

static int
sign_server(const char *host, int64_t now_s, struct sp_buf *why)
{
    struct sp_buf ca = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf ca_key = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf key = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf cert = sp_buf_new(CERTIFICATE_MAX);
    int error = read_whole("keys/ca/ca.pem", &ca, why);

    if (error == 0) {
        error = read_whole("keys/ca/ca.key", &ca_key, why);
    }
    if (error == 0) {
        error = read_whole(SERVER_KEY, &key, why);
    }
    if (error == 0) {
        error = certificate_make_server(sp_buf_view(&ca), sp_buf_view(&ca_key),
                                        sp_buf_view(&key), host, now_s, &cert);
        if (error == 0) {
            error = file_replace(SERVER_CERTIFICATE, sp_buf_view(&cert),
                                 SECRET_MODE);
        }
        error = error == 0 ? 0 : failed(why, SERVER_CERTIFICATE, error);
    }
    sp_buf_free(&ca);
    key_text_free(&ca_key);
    key_text_free(&key);
    sp_buf_free(&cert);
    return error;
}

static int
make_server(const char *host, int64_t now_s, struct sp_buf *why)
{
    int error = 0;

    switch (server_pair_look(host, now_s, why)) {
    case SERVER_PAIR_GOOD:
    case SERVER_PAIR_OWN:
        return 0;
    case SERVER_PAIR_BAD:
        return SP_ECONFIG;
    case SERVER_PAIR_TO_SIGN:
        break;
    }
    error = make_ec_key(SERVER_KEY, why);
    return error == 0 ? sign_server(host, now_s, why) : error;
}

static int
make_certificates(const char *host, int64_t now_s, struct sp_buf *why)
{
    int error = make_ca(now_s, why);

    if (error == 0) {
        error = publish_ca(why);
    }
    return error == 0 ? make_server(host, now_s, why) : error;
}

/* ---------------------------------------------------------------- children */

struct client_paths {
    char secret[128];
    char hash[128];
};

static struct client_paths
paths_of(const char *client)
{
    struct client_paths paths;

    (void)snprintf(paths.secret, sizeof(paths.secret), STATE_CLIENT_SECRET,
                   client);
    (void)snprintf(paths.hash, sizeof(paths.hash), STATE_CLIENT_HASH, client);
    return paths;
}

/* The hash of a secret's first line. */
static int
write_hash(const char *path, const struct sp_buf *secret, struct sp_buf *why)
{
    struct sp_buf hash = sp_buf_new(KEY_TEXT_MAX);
    struct sp_view word = sp_buf_view(secret);
    int error = 0;

    if (word.len > 0 && word.ptr[word.len - 1] == '\n') {
        word.len--;
    }
    error = key_text_hash(word, &hash);
    if (error == 0) {
        error = file_replace(path, sp_buf_view(&hash), SECRET_MODE);
    }
    sp_buf_free(&hash);
    return error == 0 ? 0 : failed(why, path, error);
}

/* The secret is for the operator; auth gets only its hash. An operator who has
 * put the secret away keeps the hash. */
static int
make_client(const char *client, struct sp_buf *why)
{
    const struct client_paths paths = paths_of(client);
    struct sp_buf secret = sp_buf_new(KEY_TEXT_MAX);
    int error = 0;

    if (file_present(paths.hash)) {
        return 0;
    }
    if (file_present(paths.secret)) {
        error = read_whole(paths.secret, &secret, why);
    } else {
        key_text_hex(&secret, CLIENT_SECRET_BYTES);
        error = create(paths.secret, &secret, why);
    }
    error = error == 0 ? write_hash(paths.hash, &secret, why) : error;
    key_text_free(&secret);
    return error;
}

int
state_add_client(const char *client, struct sp_buf *why)
{
    int error = make_client(client, why);

    return error == 0 ? state_give_client(client, why) : error;
}

int
state_rotate_client(const char *client, struct sp_buf *why)
{
    const struct client_paths paths = paths_of(client);
    struct sp_buf secret = sp_buf_new(KEY_TEXT_MAX);
    int error = 0;

    key_text_hex(&secret, CLIENT_SECRET_BYTES);
    error = file_replace(paths.secret, sp_buf_view(&secret), SECRET_MODE);
    error = error == 0 ? write_hash(paths.hash, &secret, why)
                       : failed(why, paths.secret, error);
    key_text_free(&secret);
    return error == 0 ? state_give_client(client, why) : error;
}

void
state_remove_client(const char *client)
{
    const struct client_paths paths = paths_of(client);

    (void)unlink(paths.secret);
    (void)unlink(paths.hash);
}

static int
make_rsa_key(const char *path, struct sp_buf *why)
{
    struct sp_buf text = sp_buf_new(KEY_TEXT_MAX);
    int error = 0;

    if (!file_present(path)) {
        error = key_text_rsa(&text);
        error =
            error == 0 ? create(path, &text, why) : failed(why, path, error);
    }
    key_text_free(&text);
    return error;
}

struct children {
    pid_t pid[MAX_CHILDREN];
    size_t count;
};

/* A child's sentence goes to stderr, since its buffer ends with it. */
static int
start_child(struct children *children,
            int (*make)(const char *arg, struct sp_buf *why), const char *arg,
            struct sp_buf *why)
{
    pid_t pid = fork();

    if (pid < 0) {
        return failed(why, arg, SP_ESYSTEM);
    }
    if (pid == 0) {
        int error = make(arg, why);

        if (error != 0) {
            (void)fprintf(stderr, "sallyport: %.*s\n",
                          SP_VIEW(sp_buf_view(why)));
        }
        _exit(error == 0 ? 0 : 1);
    }
    children->pid[children->count++] = pid;
    return 0;
}

static int
start_children(struct children *children, struct sp_buf *why)
{
    int error = 0;

    if (!file_present("keys/auth/rs256.key")) {
        error = start_child(children, make_rsa_key, "keys/auth/rs256.key", why);
    }
    for (size_t i = 0; error == 0 && i < state_client_count; i++) {
        const struct client_paths paths = paths_of(state_clients[i]);

        if (!file_present(paths.hash)) {
            error = start_child(children, make_client, state_clients[i], why);
        }
    }
    return error;
}

static int
await_children(const struct children *children, int error, struct sp_buf *why)
{
    for (size_t i = 0; i < children->count; i++) {
        int status = 0;

        if ((waitpid(children->pid[i], &status, 0) < 0 || status != 0) &&
            error == 0) {
            (void)sp_buf_add_str(why, "a key could not be made; see above");
            error = SP_ECRYPTO;
        }
    }
    return error;
}

/* ------------------------------------------------------------------- whole */

static int
make_rest(const char *host, int64_t now_s, struct sp_buf *why)
{
    int error = make_certificates(host, now_s, why);

    if (error == 0) {
        error = make_ec_key("keys/auth/es256.key", why);
    }
    if (error == 0) {
        error = make_shared_keys(why);
    }
    if (error == 0) {
        error = make_link_secrets(why);
    }
    return error == 0 ? make_curve_keys(why) : error;
}

int
state_make(const char *host, int64_t now_s, struct sp_buf *why)
{
    struct children children = { .count = 0 };
    int lock = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = 0;

    /* Two that start at the same time must not mix their keys. */
    if (lock < 0 || flock(lock, LOCK_EX) != 0) {
        error = failed(why, ".", SP_ESYSTEM);
    }
    if (error == 0) {
        error = make_layout(why);
    }
    if (error == 0) {
        error = start_children(&children, why);
        error = error == 0 ? make_rest(host, now_s, why) : error;
        error = await_children(&children, error, why);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    return error;
}
