/* Clients and their secrets. */
#include "services/auth/oauth/clients.h"

#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/text/client_id.h"
#include "proto/passport.h"

#define MAX_CLIENTS 1024
#define DIGEST_BYTES 32

struct client {
    char id[SP_CLIENT_ID_MAX + 1];
    char hash[crypto_pwhash_STRBYTES];
    char *scopes;
    bool verified; /* the digest below is of the right secret */
    unsigned char digest[DIGEST_BYTES];
};

struct clients {
    struct client *list[MAX_CLIENTS];
    size_t count;
    /* New with each process: a digest is worth nothing outside it. */
    unsigned char digest_key[crypto_generichash_KEYBYTES];
};

struct clients *
clients_new(void)
{
    struct clients *clients = sp_alloc(sizeof(*clients));

    crypto_generichash_keygen(clients->digest_key);
    return clients;
}

void
clients_free(struct clients **clients)
{
    if (*clients != NULL) {
        for (size_t i = 0; i < (*clients)->count; i++) {
            sp_free((*clients)->list[i]->scopes);
            explicit_bzero((*clients)->list[i], sizeof(struct client));
            sp_free((*clients)->list[i]);
        }
        explicit_bzero(*clients, sizeof(**clients));
        sp_free(*clients);
        *clients = NULL;
    }
}

static bool
hash_ok(struct sp_view hash)
{
    return sp_view_starts(hash, crypto_pwhash_argon2id_STRPREFIX) &&
           hash.len < crypto_pwhash_STRBYTES &&
           memchr(hash.ptr, '\0', hash.len) == NULL;
}

int
clients_add(struct clients *clients, const char *id, const char *scopes,
            struct sp_view hash)
{
    struct client *client = NULL;

    if (!sp_client_id_ok(sp_view_of(id)) || !hash_ok(hash)) {
        return SP_EFORMAT;
    }
    if (clients_find(clients, sp_view_of(id)) != NULL) {
        return SP_EDUPLICATE;
    }
    if (clients->count == MAX_CLIENTS) {
        return SP_ELIMIT;
    }
    client = sp_alloc(sizeof(*client));
    memcpy(client->id, id, strlen(id));
    memcpy(client->hash, hash.ptr, hash.len);
    client->scopes = sp_dup(scopes);
    clients->list[clients->count++] = client;
    return 0;
}

void
clients_inherit(struct clients *clients, const struct clients *old)
{
    memcpy(clients->digest_key, old->digest_key, sizeof(old->digest_key));
    for (size_t i = 0; i < clients->count; i++) {
        struct client *client = clients->list[i];
        const struct client *was = clients_find(old, sp_view_of(client->id));

        /* Not of a secret that has been changed since. */
        if (was != NULL &&
            sp_view_equal(sp_view_of(client->hash), sp_view_of(was->hash))) {
            client->verified = was->verified;
            memcpy(client->digest, was->digest, sizeof(was->digest));
        }
    }
}

struct client *
clients_find(const struct clients *clients, struct sp_view id)
{
    for (size_t i = 0; i < clients->count; i++) {
        if (sp_view_is(id, clients->list[i]->id)) {
            return clients->list[i];
        }
    }
    return NULL;
}

const char *
client_id(const struct client *client)
{
    return client->id;
}

const char *
client_scopes(const struct client *client)
{
    return client->scopes;
}

const char *
client_hash(const struct client *client)
{
    return client->hash;
}

static void
digest(const struct clients *clients, struct sp_view secret,
       unsigned char ret_digest[DIGEST_BYTES])
{
    (void)crypto_generichash(ret_digest, DIGEST_BYTES,
                             (const unsigned char *)secret.ptr, secret.len,
                             clients->digest_key, sizeof(clients->digest_key));
}

enum client_verdict
client_judge(const struct clients *clients, const struct client *client,
             struct sp_view secret)
{
    unsigned char own[DIGEST_BYTES];
    bool same = false;

    if (!client->verified) {
        return CLIENT_ASK_HASHER;
    }
    digest(clients, secret, own);
    same = sodium_memcmp(own, client->digest, sizeof(own)) == 0;
    explicit_bzero(own, sizeof(own));
    return same ? CLIENT_RIGHT : CLIENT_WRONG;
}

void
client_remember(const struct clients *clients, struct client *client,
                struct sp_view secret)
{
    digest(clients, secret, client->digest);
    client->verified = true;
}

bool
scopes_narrow(struct sp_view wanted, struct sp_view allowed, struct sp_buf *out)
{
    bool all = true;
    size_t start = 0;
    size_t first = out->len;

    for (size_t i = 0; i <= wanted.len; i++) {
        struct sp_view scope = sp_view_make(wanted.ptr + start, i - start);
        struct sp_view taken =
            sp_view_make(out->data + first, out->len - first);

        if (i < wanted.len && wanted.ptr[i] != ' ') {
            continue;
        }
        start = i + 1;
        if (!sp_scopes_have(allowed, scope)) {
            all = all && scope.len == 0;
            continue;
        }
        if (sp_scopes_have(taken, scope)) {
            continue;
        }
        if (out->len > first) {
            (void)sp_buf_add_str(out, " ");
        }
        (void)sp_buf_add_view(out, scope);
    }
    return all && out->error == 0;
}
