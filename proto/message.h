/* The types that the rows of proto/schema.h describe. */
#ifndef SP_PROTO_MESSAGE_H
#define SP_PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/view.h"
#include "proto/schema.h"

/* enum sp_service_id: SP_SERVICE_EDGE, SP_SERVICE_AUTH, ... */
enum sp_service_id {
#define SP_SERVICE_ENUM(symbol, name) SP_SERVICE_##symbol,
    SP_SERVICES(SP_SERVICE_ENUM)
#undef SP_SERVICE_ENUM
    SP_SERVICE_COUNT
};

/* enum sp_message_id: SP_MSG_HTTP_REQUEST, ... with the ids of the rows. */
enum sp_message_id {
#define SP_MESSAGE_ENUM(id, symbol, name, fields) SP_MSG_##symbol = id,
    SP_MESSAGES(SP_MESSAGE_ENUM)
#undef SP_MESSAGE_ENUM
};

#define SP_FIELD_TYPE_STR struct sp_view
#define SP_FIELD_TYPE_BIN struct sp_view
#define SP_FIELD_TYPE_UINT uint64_t
#define SP_FIELD_TYPE_BOOL bool

/* struct sp_http_request, struct sp_call, ... Text and bytes of a decoded
 * message are views into its frame and die with it. */
#define SP_MEMBER(type, name, min, max) SP_FIELD_TYPE_##type name;
#define SP_MESSAGE_STRUCT(id, symbol, name, fields)                            \
    struct sp_##name {                                                         \
        fields(SP_MEMBER)                                                      \
    };
SP_MESSAGES(SP_MESSAGE_STRUCT)
#undef SP_MESSAGE_STRUCT
#undef SP_MEMBER

/* A message as a handler gets it. */
struct sp_msg {
    enum sp_message_id id;
    enum sp_service_id from; /* known from the socket, never from a field */
    union {
#define SP_MESSAGE_MEMBER(id, symbol, name, fields) struct sp_##name name;
        SP_MESSAGES(SP_MESSAGE_MEMBER)
#undef SP_MESSAGE_MEMBER
    } u;
};

/* Copies the fields that a stage hands on from one struct to another. */
#define SP_COPY_ONE_(dst, src, name) (dst)->name = (src)->name
#define SP_COPY_ROUTE(dst, src)                                                \
    do {                                                                       \
        SP_COPY_ONE_(dst, src, request_id);                                    \
        SP_COPY_ONE_(dst, src, reply_to);                                      \
        SP_COPY_ONE_(dst, src, attempt);                                       \
        SP_COPY_ONE_(dst, src, deadline_ms);                                   \
        SP_COPY_ONE_(dst, src, birth_ms);                                      \
        SP_COPY_ONE_(dst, src, credit);                                        \
        SP_COPY_ONE_(dst, src, executor);                                      \
        SP_COPY_ONE_(dst, src, trace);                                         \
    } while (0)
#define SP_COPY_HTTP(dst, src)                                                 \
    do {                                                                       \
        SP_COPY_ONE_(dst, src, method);                                        \
        SP_COPY_ONE_(dst, src, path);                                          \
        SP_COPY_ONE_(dst, src, query);                                         \
        SP_COPY_ONE_(dst, src, headers);                                       \
        SP_COPY_ONE_(dst, src, body);                                          \
    } while (0)
#define SP_COPY_CALLER(dst, src)                                               \
    do {                                                                       \
        SP_COPY_ONE_(dst, src, address);                                       \
        SP_COPY_ONE_(dst, src, subject);                                       \
        SP_COPY_ONE_(dst, src, client);                                        \
        SP_COPY_ONE_(dst, src, scopes);                                        \
        SP_COPY_ONE_(dst, src, tenant);                                        \
        SP_COPY_ONE_(dst, src, limit_class);                                   \
        SP_COPY_ONE_(dst, src, labels);                                        \
        SP_COPY_ONE_(dst, src, passport);                                      \
    } while (0)

enum sp_field_type {
    SP_FIELD_STR,
    SP_FIELD_BIN,
    SP_FIELD_UINT,
    SP_FIELD_BOOL,
};

/* A field as data: for the codec, the documentation and the fuzz seeds. */
struct sp_field {
    const char *name;
    enum sp_field_type type;
    size_t offset; /* in the message's struct */
    uint64_t min;
    uint64_t max;
};

struct sp_message_info {
    enum sp_message_id id;
    const char *name;
    size_t size; /* of the struct */
    const struct sp_field *fields;
    size_t field_count;
};

struct sp_route {
    enum sp_message_id message;
    enum sp_service_id from;
    enum sp_service_id to;
};

/* The row of a message, or NULL for an unknown id. */
const struct sp_message_info *
sp_message_info(uint64_t id);

/* All rows, for walking. */
const struct sp_message_info *
sp_message_all(size_t *ret_count);

const struct sp_route *
sp_route_all(size_t *ret_count);

/* True where the schema has this row. */
bool
sp_route_exists(uint64_t message, enum sp_service_id from,
                enum sp_service_id to);

/* True where at least one message may go from one to the other. */
bool
sp_link_exists(enum sp_service_id from, enum sp_service_id to);

/* Bytes of a message's text and binary fields. */
size_t
sp_message_bytes(const struct sp_message_info *info, const void *message);

/* Copies a message of this kind with all that its views point to, so that it
 * outlives its frame: one allocation, ended by sp_free(). */
void *
sp_message_dup(const struct sp_message_info *info, const void *message);

/* "edge", "auth", ... */
const char *
sp_service_name(enum sp_service_id id);

/* The id of a name. 0, or SP_EUNKNOWN. */
int
sp_service_find(struct sp_view name, enum sp_service_id *ret_id);

#endif
