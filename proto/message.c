/* The schema's rows as tables. */
#include "proto/message.h"

#include <string.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "common/base/error.h"

#define FIELD_ROW(type_, name_, min_, max_)                                    \
    { .name = #name_,                                                          \
      .type = SP_FIELD_##type_,                                                \
      .offset = offsetof(OWNER, name_),                                        \
      .min = (min_),                                                           \
      .max = (max_) },

/* OWNER cannot be a macro argument of FIELD_ROW, because the field lists pass
 * only what a row says: so each table names its struct before it expands. */
#define OWNER struct sp_http_request
static const struct sp_field http_request_fields[] = { SP_FIELDS_HTTP_REQUEST(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_call
static const struct sp_field call_fields[] = { SP_FIELDS_CALL(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_checked_call
static const struct sp_field checked_call_fields[] = { SP_FIELDS_CHECKED_CALL(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_admitted_call
static const struct sp_field admitted_call_fields[] = { SP_FIELDS_ADMITTED_CALL(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_result
static const struct sp_field result_fields[] = { SP_FIELDS_RESULT(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_answer
static const struct sp_field answer_fields[] = { SP_FIELDS_ANSWER(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_denial
static const struct sp_field denial_fields[] = { SP_FIELDS_DENIAL(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_started
static const struct sp_field started_fields[] = { SP_FIELDS_STARTED(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_in_hand
static const struct sp_field in_hand_fields[] = { SP_FIELDS_IN_HAND(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_cancel
static const struct sp_field cancel_fields[] = { SP_FIELDS_CANCEL(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_credit
static const struct sp_field credit_fields[] = { SP_FIELDS_CREDIT(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_probe
static const struct sp_field probe_fields[] = { SP_FIELDS_PROBE(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_probe_answer
static const struct sp_field probe_answer_fields[] = { SP_FIELDS_PROBE_ANSWER(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_peer_lost
static const struct sp_field peer_lost_fields[] = { SP_FIELDS_PEER_LOST(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_revoked
static const struct sp_field revoked_fields[] = { SP_FIELDS_REVOKED(
    FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_event
static const struct sp_field event_fields[] = { SP_FIELDS_EVENT(FIELD_ROW) };
#undef OWNER
#define OWNER struct sp_status
static const struct sp_field status_fields[] = { SP_FIELDS_STATUS(FIELD_ROW) };
#undef OWNER

static const struct sp_message_info messages[] = {
#define MESSAGE_ROW(id_, symbol_, name_, fields_)                              \
    { .id = SP_MSG_##symbol_,                                                  \
      .name = #name_,                                                          \
      .size = sizeof(struct sp_##name_),                                       \
      .fields = name_##_fields,                                                \
      .field_count = SP_COUNT(name_##_fields) },
    SP_MESSAGES(MESSAGE_ROW)
#undef MESSAGE_ROW
};

/* Tables by message id have SP_MESSAGE_LIMIT places. */
#define MESSAGE_FITS(id_, symbol_, name_, fields_)                             \
    _Static_assert((id_) < SP_MESSAGE_LIMIT, "an id beyond the limit");
SP_MESSAGES(MESSAGE_FITS)
#undef MESSAGE_FITS

static const struct sp_route routes[] = {
#define ROUTE_ROW(message_, from_, to_)                                        \
    { .message = SP_MSG_##message_,                                            \
      .from = SP_SERVICE_##from_,                                              \
      .to = SP_SERVICE_##to_ },
    SP_ROUTES(ROUTE_ROW)
#undef ROUTE_ROW
};

static const char *const service_names[] = {
#define SERVICE_ROW(symbol, name) #name,
    SP_SERVICES(SERVICE_ROW)
#undef SERVICE_ROW
};

const struct sp_message_info *
sp_message_info(uint64_t id)
{
    /* Ids are dense today; a gap would only cost the walk. */
    if (id >= 1 && id <= SP_COUNT(messages) &&
        (uint64_t)messages[id - 1].id == id) {
        return &messages[id - 1];
    }
    for (size_t i = 0; i < SP_COUNT(messages); i++) {
        if ((uint64_t)messages[i].id == id) {
            return &messages[i];
        }
    }
    return NULL;
}

const struct sp_message_info *
sp_message_all(size_t *ret_count)
{
    *ret_count = SP_COUNT(messages);
    return messages;
}

const struct sp_route *
sp_route_all(size_t *ret_count)
{
    *ret_count = SP_COUNT(routes);
    return routes;
}

bool
sp_route_exists(uint64_t message, enum sp_service_id from,
                enum sp_service_id to)
{
    for (size_t i = 0; i < SP_COUNT(routes); i++) {
        if ((uint64_t)routes[i].message == message && routes[i].from == from &&
            routes[i].to == to) {
            return true;
        }
    }
    return false;
}

bool
sp_link_exists(enum sp_service_id from, enum sp_service_id to)
{
    for (size_t i = 0; i < SP_COUNT(routes); i++) {
        if (routes[i].from == from && routes[i].to == to) {
            return true;
        }
    }
    return false;
}

static bool
has_bytes(const struct sp_field *field)
{
    return field->type == SP_FIELD_STR || field->type == SP_FIELD_BIN;
}

size_t
sp_message_bytes(const struct sp_message_info *info, const void *message)
{
    size_t total = 0;

    for (size_t i = 0; i < info->field_count; i++) {
        if (has_bytes(&info->fields[i])) {
            const struct sp_view *view =
                (const void *)((const char *)message + info->fields[i].offset);

            total += view->len;
        }
    }
    return total;
}

void *
sp_message_dup(const struct sp_message_info *info, const void *message)
{
    char *copy = sp_alloc(info->size + sp_message_bytes(info, message));
    char *at = copy + info->size;

    memcpy(copy, message, info->size);
    for (size_t i = 0; i < info->field_count; i++) {
        struct sp_view *view = (void *)(copy + info->fields[i].offset);

        if (has_bytes(&info->fields[i]) && view->len > 0) {
            memcpy(at, view->ptr, view->len);
            view->ptr = at;
            at += view->len;
        }
    }
    return copy;
}

const char *
sp_service_name(enum sp_service_id id)
{
    return (size_t)id < SP_COUNT(service_names) ? service_names[id] : "?";
}

int
sp_service_find(struct sp_view name, enum sp_service_id *ret_id)
{
    for (size_t i = 0; i < SP_COUNT(service_names); i++) {
        if (sp_view_is(name, service_names[i])) {
            *ret_id = (enum sp_service_id)i;
            return 0;
        }
    }
    return SP_EUNKNOWN;
}
