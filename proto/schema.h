/* Every message of the system: who may send it to whom, its fields, and the
 * limit of each field. Structs, ids, names, encoder, decoder, the table in
 * docs/MESSAGES.md and the fuzz seeds all come from these rows. Ids are never
 * reused: a changed field is a new message. */
#ifndef SP_PROTO_SCHEMA_H
#define SP_PROTO_SCHEMA_H

/* Version of the envelope that carries every message (see proto/codec.h). */
#define SP_PROTO_VERSION 1

/* S(SYMBOL, name): the processes. */
#define SP_SERVICES(S)                                                         \
    S(EDGE, edge)                                                              \
    S(AUTH, auth)                                                              \
    S(VALIDATION, validation)                                                  \
    S(RATELIMIT, ratelimit)                                                    \
    S(TOOLS, tools)                                                            \
    S(LLM, llm)                                                                \
    S(MONITOR, monitor)

/* Longest request or result body that a link carries. The edge refuses larger
 * request bodies long before (its own limit is 1 MiB by default). */
#define SP_MAX_BODY (8u * 1024 * 1024)
/* Header text: lines "name: value\n", names in lower case. */
#define SP_MAX_HEADERS 16384
/* Authorization, Cookie and DPoP lines: the longest JWT seen in the wild is
 * about 8 KB. */
#define SP_MAX_CREDENTIALS 16384
#define SP_MAX_PASSPORT 4096
/* Any wall clock stamp or counter: exact in a double. */
#define SP_MAX_UINT 9007199254740991u
#define SP_MAX_DEADLINE_MS 600000

/* F(TYPE, name, min, max): length limits for STR (UTF-8 or ASCII text) and BIN
 * (bytes), value limits for UINT; BOOL ignores both. */

/* What every message of a request carries.
 * request_id   16 random bytes made by the edge
 * reply_to     which edge replica waits for the answer (see common/link/link.h)
 * attempt      0 for the first sending, then 1, 2: the edge sends again
 * deadline_ms  time left when the message was sent
 * birth_ms     wall clock of the edge when the request arrived
 * credit       bytes of answer that the edge takes before it grants more
 * trace        W3C traceparent, or empty */
#define SP_FIELDS_ROUTE(F)                                                     \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, 128)                                                   \
    F(UINT, attempt, 0, 15)                                                    \
    F(UINT, deadline_ms, 0, SP_MAX_DEADLINE_MS)                                \
    F(UINT, birth_ms, 0, SP_MAX_UINT)                                          \
    F(UINT, credit, 0, SP_MAX_BODY)                                            \
    F(STR, trace, 0, 64)

/* The HTTP request as the client sent it, less hop-by-hop headers. */
#define SP_FIELDS_HTTP(F)                                                      \
    F(STR, method, 1, 16)                                                      \
    F(STR, path, 1, 2048)                                                      \
    F(STR, query, 0, 4096)                                                     \
    F(STR, headers, 0, SP_MAX_HEADERS)                                         \
    F(BIN, body, 0, SP_MAX_BODY)

/* Who asks, as auth established it. */
#define SP_FIELDS_CALLER(F)                                                    \
    F(STR, address, 2, 45)                                                     \
    F(STR, subject, 1, 256)                                                    \
    F(STR, client, 1, 256)                                                     \
    F(STR, scopes, 0, 2048)                                                    \
    F(BIN, passport, 1, SP_MAX_PASSPORT)

#define SP_FIELDS_HTTP_REQUEST(F)                                              \
    SP_FIELDS_ROUTE(F)                                                         \
    F(STR, address, 2, 45)                                                     \
    F(STR, credentials, 0, SP_MAX_CREDENTIALS)                                 \
    SP_FIELDS_HTTP(F)

#define SP_FIELDS_CALL(F)                                                      \
    SP_FIELDS_ROUTE(F)                                                         \
    SP_FIELDS_CALLER(F)                                                        \
    SP_FIELDS_HTTP(F)

/* target  enum sp_service_id of the executor: TOOLS, LLM or MONITOR
 * name    tool, model or protocol method: what the limit counts
 * cost    estimated units (LLM tokens, or the tool's declared cost)
 * rpc_id  the JSON-RPC id as JSON text, so that a refusal can name it; empty
 *         where the request is not JSON-RPC or is a notification */
#define SP_FIELDS_CHECKED_CALL(F)                                              \
    SP_FIELDS_ROUTE(F)                                                         \
    SP_FIELDS_CALLER(F)                                                        \
    F(UINT, target, 0, 255)                                                    \
    F(STR, name, 0, 128)                                                       \
    F(UINT, cost, 0, SP_MAX_UINT)                                              \
    F(STR, rpc_id, 0, 256)                                                     \
    SP_FIELDS_HTTP(F)

#define SP_FIELDS_ADMITTED_CALL(F)                                             \
    SP_FIELDS_ROUTE(F)                                                         \
    F(BIN, passport, 1, SP_MAX_PASSPORT)                                       \
    F(STR, rpc_id, 0, 256)                                                     \
    SP_FIELDS_HTTP(F)

/* One part of an answer. Part 0 carries status and headers; the part with
 * `last` ends the answer. A stream has more parts, each with the next seq. */
#define SP_FIELDS_ANSWER(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, 128)                                                   \
    F(UINT, seq, 0, SP_MAX_UINT)                                               \
    F(BOOL, last, 0, 1)                                                        \
    F(UINT, status, 0, 599)                                                    \
    F(STR, headers, 0, SP_MAX_HEADERS)                                         \
    F(BIN, body, 0, SP_MAX_BODY)

/* A refusal by an executor: short fixed texts, so that nothing unscreened can
 * travel in it. code is a stable word for programs, text a sentence. */
#define SP_FIELDS_DENIAL(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, 128)                                                   \
    F(UINT, status, 400, 599)                                                  \
    F(STR, code, 1, 64)                                                        \
    F(STR, text, 1, 256)                                                       \
    F(STR, rpc_id, 0, 256)                                                     \
    F(UINT, retry_after_s, 0, 86400)

/* The executor has the request: do not send it again. route_key is what
 * CANCEL and CREDIT must carry to reach the same replica. */
#define SP_FIELDS_STARTED(F)                                                   \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, 128)                                                   \
    F(BIN, route_key, 8, 8)

/* The client is gone, or has given up. */
#define SP_FIELDS_CANCEL(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(UINT, target, 0, 255)                                                    \
    F(BIN, route_key, 8, 8)

/* The stream may have `bytes` in all by now, from its beginning: a later CREDIT
 * makes up for one that was lost on its way. One that says nothing new asks
 * whether the call still runs; an executor that grants and streams answers it
 * with STARTED. */
#define SP_FIELDS_CREDIT(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(UINT, target, 0, 255)                                                    \
    F(BIN, route_key, 8, 8)                                                    \
    F(UINT, bytes, 1, SP_MAX_UINT)

/* Readiness: the edge sends a PROBE down the whole pipeline; each executor
 * answers by the way that results take. */
#define SP_FIELDS_PROBE(F)                                                     \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, 128)

#define SP_FIELDS_PROBE_ANSWER(F)                                              \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, 128)                                                   \
    F(UINT, service, 0, 255)

/* A replica of `service`, one hop ahead of the sender, has gone: requests that
 * it held are lost. */
#define SP_FIELDS_PEER_LOST(F) F(UINT, service, 0, 255)

/* Something worth an audit record. seq counts the events of one process run
 * (boot) without gaps; dropped counts those that never got a place in the
 * spool. kind is a constant word, detail is key=value text. */
#define SP_FIELDS_EVENT(F)                                                     \
    F(BIN, boot, 8, 8)                                                         \
    F(STR, replica, 1, 64)                                                     \
    F(UINT, seq, 0, SP_MAX_UINT)                                               \
    F(UINT, dropped, 0, SP_MAX_UINT)                                           \
    F(UINT, at_ms, 0, SP_MAX_UINT)                                             \
    F(STR, kind, 1, 64)                                                        \
    F(BIN, request_id, 0, 16)                                                  \
    F(STR, address, 0, 45)                                                     \
    F(STR, subject, 0, 256)                                                    \
    F(STR, client, 0, 256)                                                     \
    F(STR, object, 0, 256)                                                     \
    F(UINT, status, 0, 599)                                                    \
    F(STR, detail, 0, 1024)

/* A snapshot every second. metrics is Prometheus text of this process. */
#define SP_FIELDS_STATUS(F)                                                    \
    F(BIN, boot, 8, 8)                                                         \
    F(STR, replica, 1, 64)                                                     \
    F(UINT, pid, 0, SP_MAX_UINT)                                               \
    F(BOOL, ready, 0, 1)                                                       \
    F(UINT, queue_depth, 0, SP_MAX_UINT)                                       \
    F(STR, last_error, 0, 256)                                                 \
    F(STR, metrics, 0, 32768)

/* M(id, SYMBOL, name, fields) */
#define SP_MESSAGES(M)                                                         \
    M(1, HTTP_REQUEST, http_request, SP_FIELDS_HTTP_REQUEST)                   \
    M(2, CALL, call, SP_FIELDS_CALL)                                           \
    M(3, CHECKED_CALL, checked_call, SP_FIELDS_CHECKED_CALL)                   \
    M(4, ADMITTED_CALL, admitted_call, SP_FIELDS_ADMITTED_CALL)                \
    M(5, RESULT, result, SP_FIELDS_ANSWER)                                     \
    M(6, ANSWER, answer, SP_FIELDS_ANSWER)                                     \
    M(7, DENIAL, denial, SP_FIELDS_DENIAL)                                     \
    M(8, STARTED, started, SP_FIELDS_STARTED)                                  \
    M(9, CANCEL, cancel, SP_FIELDS_CANCEL)                                     \
    M(10, CREDIT, credit, SP_FIELDS_CREDIT)                                    \
    M(11, PROBE, probe, SP_FIELDS_PROBE)                                       \
    M(12, PROBE_ANSWER, probe_answer, SP_FIELDS_PROBE_ANSWER)                  \
    M(13, PEER_LOST, peer_lost, SP_FIELDS_PEER_LOST)                           \
    M(14, EVENT, event, SP_FIELDS_EVENT)                                       \
    M(15, STATUS, status, SP_FIELDS_STATUS)

/* R(MESSAGE, FROM, TO): a message on any other way is refused and counted. The
 * set of (FROM, TO) pairs is the set of links: no other link exists. */
#define SP_ROUTES(R)                                                           \
    R(HTTP_REQUEST, EDGE, AUTH)                                                \
    R(CALL, AUTH, VALIDATION)                                                  \
    R(CHECKED_CALL, VALIDATION, RATELIMIT)                                     \
    R(ADMITTED_CALL, RATELIMIT, TOOLS)                                         \
    R(ADMITTED_CALL, RATELIMIT, LLM)                                           \
    R(ADMITTED_CALL, RATELIMIT, MONITOR)                                       \
    R(RESULT, TOOLS, VALIDATION)                                               \
    R(RESULT, LLM, VALIDATION)                                                 \
    R(RESULT, MONITOR, VALIDATION)                                             \
    R(ANSWER, AUTH, EDGE)                                                      \
    R(ANSWER, VALIDATION, EDGE)                                                \
    R(ANSWER, RATELIMIT, EDGE)                                                 \
    R(DENIAL, TOOLS, EDGE)                                                     \
    R(DENIAL, LLM, EDGE)                                                       \
    R(DENIAL, MONITOR, EDGE)                                                   \
    R(STARTED, TOOLS, EDGE)                                                    \
    R(STARTED, LLM, EDGE)                                                      \
    R(STARTED, MONITOR, EDGE)                                                  \
    R(CANCEL, EDGE, AUTH)                                                      \
    R(CANCEL, AUTH, VALIDATION)                                                \
    R(CANCEL, VALIDATION, RATELIMIT)                                           \
    R(CANCEL, RATELIMIT, TOOLS)                                                \
    R(CANCEL, RATELIMIT, LLM)                                                  \
    R(CANCEL, RATELIMIT, MONITOR)                                              \
    R(CREDIT, EDGE, AUTH)                                                      \
    R(CREDIT, AUTH, VALIDATION)                                                \
    R(CREDIT, VALIDATION, RATELIMIT)                                           \
    R(CREDIT, RATELIMIT, TOOLS)                                                \
    R(CREDIT, RATELIMIT, LLM)                                                  \
    R(CREDIT, RATELIMIT, MONITOR)                                              \
    R(PROBE, EDGE, AUTH)                                                       \
    R(PROBE, AUTH, VALIDATION)                                                 \
    R(PROBE, VALIDATION, RATELIMIT)                                            \
    R(PROBE, RATELIMIT, TOOLS)                                                 \
    R(PROBE, RATELIMIT, LLM)                                                   \
    R(PROBE, RATELIMIT, MONITOR)                                               \
    R(PROBE_ANSWER, TOOLS, VALIDATION)                                         \
    R(PROBE_ANSWER, LLM, VALIDATION)                                           \
    R(PROBE_ANSWER, MONITOR, VALIDATION)                                       \
    R(PROBE_ANSWER, VALIDATION, EDGE)                                          \
    R(PEER_LOST, AUTH, EDGE)                                                   \
    R(PEER_LOST, VALIDATION, EDGE)                                             \
    R(PEER_LOST, RATELIMIT, EDGE)                                              \
    R(PEER_LOST, TOOLS, EDGE)                                                  \
    R(PEER_LOST, LLM, EDGE)                                                    \
    R(EVENT, EDGE, MONITOR)                                                    \
    R(EVENT, AUTH, MONITOR)                                                    \
    R(EVENT, VALIDATION, MONITOR)                                              \
    R(EVENT, RATELIMIT, MONITOR)                                               \
    R(EVENT, TOOLS, MONITOR)                                                   \
    R(EVENT, LLM, MONITOR)                                                     \
    R(STATUS, EDGE, MONITOR)                                                   \
    R(STATUS, AUTH, MONITOR)                                                   \
    R(STATUS, VALIDATION, MONITOR)                                             \
    R(STATUS, RATELIMIT, MONITOR)                                              \
    R(STATUS, TOOLS, MONITOR)                                                  \
    R(STATUS, LLM, MONITOR)

#endif
