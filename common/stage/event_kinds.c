/* The kinds of events. tests/system/test_documents.py holds this table against
 * the sources. */
#include "common/stage/event_kinds.h"

#include <stddef.h>
#include <string.h>

#include "common/base/compiler.h"

static const char *const kinds[] = {
    "answer_lost",        "answer_refused",    "arguments_refused",
    "audit_begun",        "audit_broken",      "audit_continued",
    "audit_gap",          "audit_mended",      "bad_request",
    "call_cancelled",     "call_expired",      "call_lease_expired",
    "call_token_expired", "call_undelivered",  "chat_refused",
    "client_refused",     "client_slow",       "client_throttled",
    "config_refused",     "config_reloaded",   "connection_refused",
    "deadline_exceeded",  "header_too_long",   "header_withheld",
    "limit_reached",      "link_refused",      "llm_busy",
    "message_refused",    "model_called",      "model_failed",
    "model_refused",      "outcome_unknown",   "page_unknown",
    "passport_expired",   "passport_refused",  "path_refused",
    "path_unknown",       "process_restarted", "process_silent",
    "process_started",    "process_stopped",   "protocol_refused",
    "refusals_held_back", "refusals_hushed",   "request_id_reused",
    "request_refused",    "request_repeated",  "request_unplaced",
    "result_refused",     "result_too_large",  "scope_missing",
    "scope_refused",      "session_ended",     "session_opened",
    "session_refused",    "stage_unavailable", "store_busy",
    "store_failed",       "stream_broken",     "target_refused",
    "token_issued",       "token_missing",     "token_refused",
};

bool
sp_event_kind_known(const char *kind)
{
    for (size_t i = 0; i < SP_COUNT(kinds); i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return true;
        }
    }
    return false;
}

void
sp_event_kinds_add(struct sp_buf *out)
{
    for (size_t i = 0; i < SP_COUNT(kinds); i++) {
        (void)sp_buf_addf(out, "%s%s", i == 0 ? "" : ", ", kinds[i]);
    }
}
