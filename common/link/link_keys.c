/* Link secrets: loading, handing to sockets, and the admission rule. */
#include "common/link/link_keys.h"

#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/text/buf.h"

#define Z85_KEY_CHARS 40
#define CURVE_KEY_BYTES 32
/* In every libzmq since 4.3, in its header only among the drafts. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

struct sp_link_keys {
    enum sp_service_id self;
    bool tcp;
    struct sp_secret *send[SP_SERVICE_COUNT];    /* self -> service, PLAIN */
    struct sp_secret *receive[SP_SERVICE_COUNT]; /* service -> self, PLAIN */
    struct sp_secret *curve_secret;              /* Z85 text */
    char curve_public[Z85_KEY_CHARS + 1];
    char peer_public[SP_SERVICE_COUNT][Z85_KEY_CHARS + 1];
    uint8_t peer_key[SP_SERVICE_COUNT][CURVE_KEY_BYTES];
};

/* The sentence lives as long as the process, which is about to end. */
static int
refuse(const char **ret_error, const char *path, int error)
{
    struct sp_buf text = sp_buf_new(512);

    (void)sp_buf_addf(&text,
                      "%s: %s; run `sallyport init` to make the link "
                      "keys",
                      path, sp_error_reason(error));
    *ret_error = sp_dup_view(sp_buf_view(&text));
    sp_buf_free(&text);
    return SP_ECONFIG;
}

static int
load_plain(enum sp_service_id self, enum sp_service_id from,
           enum sp_service_id to, struct sp_secret **ret_secret,
           const char **ret_error)
{
    char path[128];
    int error = 0;

    if (!sp_link_exists(from, to)) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "keys/%s/links/%s-%s",
                   sp_service_name(self), sp_service_name(from),
                   sp_service_name(to));
    error = sp_secret_load(path, ret_secret);
    return error == 0 ? 0 : refuse(ret_error, path, error);
}

/* Public keys are no secrets, but are kept like them: whoever could change one
 * could put himself in a neighbour's place. */
static int
load_public(const char *path, char text[Z85_KEY_CHARS + 1],
            const char **ret_error)
{
    struct sp_secret *file = NULL;
    int error = sp_secret_load(path, &file);

    if (error == 0 && sp_secret_view(file).len != Z85_KEY_CHARS) {
        error = SP_EFORMAT;
    }
    if (error == 0) {
        memcpy(text, sp_secret_view(file).ptr, Z85_KEY_CHARS);
    }
    sp_secret_free(&file);
    return error == 0 ? 0 : refuse(ret_error, path, error);
}

static int
load_curve(struct sp_link_keys *keys, const char **ret_error)
{
    const char *self = sp_service_name(keys->self);
    char path[128];
    int error = 0;

    (void)snprintf(path, sizeof(path), "keys/%s/curve.secret", self);
    error = sp_secret_load(path, &keys->curve_secret);
    if (error == 0 && sp_secret_view(keys->curve_secret).len != Z85_KEY_CHARS) {
        error = SP_EFORMAT;
    }
    if (error != 0) {
        return refuse(ret_error, path, error);
    }
    (void)snprintf(path, sizeof(path), "keys/%s/curve.public", self);
    error = load_public(path, keys->curve_public, ret_error);
    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT; i++) {
        enum sp_service_id peer = (enum sp_service_id)i;

        if (!sp_link_exists(peer, keys->self) &&
            !sp_link_exists(keys->self, peer)) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "keys/%s/peers/%s.public", self,
                       sp_service_name(peer));
        error = load_public(path, keys->peer_public[i], ret_error);
        if (error == 0 &&
            zmq_z85_decode(keys->peer_key[i], keys->peer_public[i]) == NULL) {
            error = refuse(ret_error, path, SP_EFORMAT);
        }
    }
    return error;
}

int
sp_link_keys_load(enum sp_service_id self, bool tcp,
                  struct sp_link_keys **ret_keys, const char **ret_error)
{
    struct sp_link_keys *keys = sp_alloc(sizeof(*keys));
    int error = 0;

    keys->self = self;
    keys->tcp = tcp;
    if (tcp) {
        error = load_curve(keys, ret_error);
    }
    for (int i = 0; !tcp && error == 0 && i < SP_SERVICE_COUNT; i++) {
        enum sp_service_id peer = (enum sp_service_id)i;

        error = load_plain(self, self, peer, &keys->send[i], ret_error);
        if (error == 0) {
            error = load_plain(self, peer, self, &keys->receive[i], ret_error);
        }
    }
    if (error != 0) {
        sp_link_keys_free(&keys);
        return error;
    }
    *ret_keys = keys;
    return 0;
}

void
sp_link_keys_free(struct sp_link_keys **keys)
{
    if (*keys == NULL) {
        return;
    }
    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        sp_secret_free(&(*keys)->send[i]);
        sp_secret_free(&(*keys)->receive[i]);
    }
    sp_secret_free(&(*keys)->curve_secret);
    sp_free(*keys);
    *keys = NULL;
}

static int
set_text(void *socket, int option, struct sp_view text)
{
    return zmq_setsockopt(socket, option, text.ptr, text.len) == 0 ? 0
                                                                   : SP_ESYSTEM;
}

int
sp_link_keys_client(const struct sp_link_keys *keys, void *socket,
                    enum sp_service_id to)
{
    if (!keys->tcp) {
        if (keys->send[to] == NULL) {
            return SP_ESYSTEM;
        }
        return set_text(socket, ZMQ_PLAIN_USERNAME,
                        sp_view_of(sp_service_name(keys->self))) |
               set_text(socket, ZMQ_PLAIN_PASSWORD,
                        sp_secret_view(keys->send[to]));
    }
    return set_text(socket, ZMQ_CURVE_SERVERKEY,
                    sp_view_of(keys->peer_public[to])) |
           set_text(socket, ZMQ_CURVE_PUBLICKEY,
                    sp_view_of(keys->curve_public)) |
           set_text(socket, ZMQ_CURVE_SECRETKEY,
                    sp_secret_view(keys->curve_secret));
}

int
sp_link_keys_server(const struct sp_link_keys *keys, void *socket,
                    enum sp_service_id from)
{
    int on = 1;
    int error =
        set_text(socket, ZMQ_ZAP_DOMAIN, sp_view_of(sp_service_name(from)));

    /* attack: without this, CURVE lets everybody in who comes while no ZAP
     * handler is there to ask. */
    if (zmq_setsockopt(socket, ZMQ_ZAP_ENFORCE_DOMAIN, &on, sizeof(on)) != 0) {
        return SP_ESYSTEM;
    }

    if (!keys->tcp) {
        return error |
               (zmq_setsockopt(socket, ZMQ_PLAIN_SERVER, &on, sizeof(on)) == 0
                    ? 0
                    : SP_ESYSTEM);
    }
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof(on)) != 0) {
        return SP_ESYSTEM;
    }
    return error | set_text(socket, ZMQ_CURVE_SECRETKEY,
                            sp_secret_view(keys->curve_secret));
}

bool
sp_link_keys_admit(const struct sp_link_keys *keys, struct sp_view domain,
                   struct sp_view mechanism, struct sp_view name,
                   struct sp_view proof)
{
    enum sp_service_id from = SP_SERVICE_EDGE;

    if (sp_service_find(domain, &from) != 0) {
        return false;
    }
    if (!keys->tcp) {
        return sp_view_is(mechanism, "PLAIN") && sp_view_equal(name, domain) &&
               keys->receive[from] != NULL &&
               sp_secret_equal(keys->receive[from], proof);
    }
    return sp_view_is(mechanism, "CURVE") && proof.len == CURVE_KEY_BYTES &&
           sp_link_exists(from, keys->self) &&
           memcmp(keys->peer_key[from], proof.ptr, CURVE_KEY_BYTES) == 0;
}
