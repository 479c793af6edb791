/* The whole of auth in one process, with a runtime that writes down what is
 * sent: for tests of its handlers. The linker takes these functions for those
 * of common/stage/service.c. */
#ifndef SP_TESTS_SUPPORT_AUTH_WORLD_H
#define SP_TESTS_SUPPORT_AUTH_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/stage/service.h"
#include "common/text/headers.h"
#include "proto/passport.h"
#include "services/auth/auth.h"
#include "services/auth/life.h"
#include "services/auth/oauth/token_endpoint.h"
#include "services/auth/wire.h"
#include "tests/support/auth_fixture.h"

#define WORLD_SECRET "a right secret"
#define WORLD_PATIENCE_MS 20000
#define WORLD_FORM "content-type: application/x-www-form-urlencoded\n"
#define WORLD_LOGIN                                                            \
    "grant_type=client_credentials&client_id=demo&client_secret="              \
    "a+right+secret"

/* One message that was sent, with copies of what tests look at. */
struct sent {
    enum sp_service_id to;
    enum sp_message_id id;
    uint64_t status;
    char *headers;
    char *body;
    char *who; /* subject, client and scopes of a CALL */
    struct sp_buf passport;
};

struct sp_runtime {
    struct sp_settings settings;
    struct sp_loop *loop;
    struct sent sent[128];
    size_t count;
    size_t want;          /* the loop ends when so many are sent */
    size_t in_hand;       /* IN_HAND, which are not among them */
    uint64_t wait_ms;     /* of the last one */
    int send_error;       /* what sending to validation gives */
    bool gone;            /* the validation replica that is named */
    struct sp_buf events; /* "kind detail\n" */
};

struct world {
    char directory[64];
    struct sp_runtime runtime;
    struct auth auth;
    struct sp_timer patience;
};

/* Starts auth in a directory of its own, with the configuration of the
 * repository. The world must stay where it is. */
void
world_begin(struct world *world);

/* Writes keys/auth/<name>, mode 0600. */
void
world_write(const char *name, const char *text);

void
world_forget(struct world *world);

void
world_end(struct world *world);

/* Gives the request an id of its own, which lives in `room`. */
void
world_name(struct sp_msg *m, char room[17], size_t number);

struct sp_msg
world_request(const char *method, const char *path, const char *credentials,
              const char *headers, const char *body);

/* Sends a request and gives the last message that auth sent, which must have
 * come at once. */
const struct sent *
world_ask(struct world *world, const char *method, const char *path,
          const char *credentials, const char *body);

/* Waits for the helper until `count` messages are sent in all. */
void
world_wait(struct world *world, size_t count);

/* Posts a form to /token and waits for the answer. */
const struct sent *
world_post(struct world *world, const char *credentials, const char *form);

/* "authorization: Bearer TOKEN\n" with a token of `form`, owned by the
 * caller. */
char *
world_login(struct world *world, const char *form);

bool
world_header_is(const struct sent *sent, const char *name, const char *value);

bool
world_told(const struct world *world, const char *event);

#endif
