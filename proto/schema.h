/* Every message of the system: who may send it to whom, its fields, and the
 * limit of each field. Structs, ids, names, encoder, decoder, the table in
 * docs/MESSAGES.md and the fuzz seeds all come from these rows. Ids are never
 * reused: a changed field is a new message. */
#ifndef SP_PROTO_SCHEMA_H
#define SP_PROTO_SCHEMA_H

/* Version of the envelope that carries every message (see proto/codec.h). */
#define SP_PROTO_VERSION 2

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
#define SP_MAX_HEADERS 32768
/* Authorization, Cookie and DPoP lines: the longest JWT seen in the wild is
 * about 8 KB. */
#define SP_MAX_CREDENTIALS 16384
#define SP_MAX_PASSPORT 8192
/* The name of a replica, as sp_links_own_name() gives it. */
#define SP_MAX_REPLICA 128
/* Any wall clock stamp or counter: exact in a double. */
#define SP_MAX_UINT 9007199254740991u
#define SP_MAX_DEADLINE_MS 600000

/* F(TYPE, name, min, max): length limits for STR (UTF-8 or ASCII text) and BIN
 * (bytes), value limits for UINT; BOOL ignores both. */

/* What every message of a request carries.
 * request_id   16 random bytes made by the edge
 * reply_to     which edge replica waits for the answer (see common/link/link.h)
 * attempt      0 for the first sending, then 1, 2: the edge sends again
 * deadline_ms  time left for the first part of the answer, when the message
 *              was sent; a stream that has begun lives by its lease
 * birth_ms     wall clock of the edge when the request arrived
 * credit       bytes of answer that the edge takes before it allows more
 * executor     of a repetition: the replica that said STARTED for an earlier
 *              sending, which alone knows what became of it; empty: any
 * trace        W3C traceparent, or empty */
#define SP_FIELDS_ROUTE(F)                                                     \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, SP_MAX_REPLICA)                                        \
    F(UINT, attempt, 0, 15)                                                    \
    F(UINT, deadline_ms, 0, SP_MAX_DEADLINE_MS)                                \
    F(UINT, birth_ms, 0, SP_MAX_UINT)                                          \
    F(UINT, credit, 0, SP_MAX_BODY)                                            \
    F(BIN, executor, 0, SP_MAX_REPLICA)                                        \
    F(STR, trace, 0, 64)

/* The HTTP request as the client sent it, less hop-by-hop headers. */
#define SP_FIELDS_HTTP(F)                                                      \
    F(STR, method, 1, 16)                                                      \
    F(STR, path, 1, 2048)                                                      \
    F(STR, query, 0, 4096)                                                     \
    F(STR, headers, 0, SP_MAX_HEADERS)                                         \
    F(BIN, body, 0, SP_MAX_BODY)

/* Who asks, as auth established it, for the stages that do not hold the key of
 * the passport.
 * tenant       the customer or department that the caller belongs to, or empty
 * limit_class  the operator's word for the limits of this caller, or empty
 * labels       key=value texts for reports and rules, space separated */
#define SP_FIELDS_CALLER(F)                                                    \
    F(STR, address, 2, 45)                                                     \
    F(STR, subject, 1, 256)                                                    \
    F(STR, client, 1, 256)                                                     \
    F(STR, scopes, 0, 2048)                                                    \
    F(STR, tenant, 0, 128)                                                     \
    F(STR, limit_class, 0, 64)                                                 \
    F(STR, labels, 0, 512)                                                     \
    F(BIN, passport, 1, SP_MAX_PASSPORT)

/* certificate  SHA-256 of the client's TLS certificate, or empty (RFC 8705) */
#define SP_FIELDS_HTTP_REQUEST(F)                                              \
    SP_FIELDS_ROUTE(F)                                                         \
    F(STR, address, 2, 45)                                                     \
    F(BIN, certificate, 0, 32)                                                 \
    F(STR, credentials, 0, SP_MAX_CREDENTIALS)                                 \
    SP_FIELDS_HTTP(F)

#define SP_FIELDS_CALL(F)                                                      \
    SP_FIELDS_ROUTE(F)                                                         \
    SP_FIELDS_CALLER(F)                                                        \
    SP_FIELDS_HTTP(F)

/* target     enum sp_service_id of the executor: TOOLS, LLM or MONITOR
 * name       tool, model or protocol method: what the limit counts
 * cost       estimated units (LLM tokens, or the tool's declared cost)
 * rpc_id     the JSON-RPC id as JSON text, so that a refusal can name it; empty
 *            where the request is not JSON-RPC or is a notification
 * screen_by  the validation replica that holds what the answer is checked
 *            against: the answer goes there and nowhere else */
#define SP_FIELDS_CHECKED_CALL(F)                                              \
    SP_FIELDS_ROUTE(F)                                                         \
    SP_FIELDS_CALLER(F)                                                        \
    F(UINT, target, 0, 255)                                                    \
    F(STR, name, 0, 128)                                                       \
    F(UINT, cost, 0, SP_MAX_UINT)                                              \
    F(STR, rpc_id, 0, 256)                                                     \
    F(BIN, screen_by, 1, SP_MAX_REPLICA)                                       \
    SP_FIELDS_HTTP(F)

/* reserved_by  the ratelimit replica that holds a reservation for this call,
 *              and takes what it really cost; empty where nothing is reserved
 * reserved     units that the reservation holds */
#define SP_FIELDS_ADMITTED_CALL(F)                                             \
    SP_FIELDS_ROUTE(F)                                                         \
    F(BIN, passport, 1, SP_MAX_PASSPORT)                                       \
    F(STR, rpc_id, 0, 256)                                                     \
    F(BIN, screen_by, 1, SP_MAX_REPLICA)                                       \
    F(BIN, reserved_by, 0, SP_MAX_REPLICA)                                     \
    F(UINT, reserved, 0, SP_MAX_UINT)                                          \
    SP_FIELDS_HTTP(F)

/* One part of an executor's answer. Part 0 carries status and headers; the part
 * with `last` ends the answer. A stream has more parts, each with the next
 * seq.
 * attempt    of the sending that is answered: where two replicas have run one
 *            request, their answers differ, and parts of one go not with parts
 *            of the other */
#define SP_FIELDS_RESULT(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, SP_MAX_REPLICA)                                        \
    F(UINT, attempt, 0, 15)                                                    \
    F(UINT, seq, 0, SP_MAX_UINT)                                               \
    F(BOOL, last, 0, 1)                                                        \
    F(UINT, status, 0, 599)                                                    \
    F(STR, headers, 0, SP_MAX_HEADERS)                                         \
    F(BIN, body, 0, SP_MAX_BODY)

/* The same part as it goes to the client.
 * covers     bytes of the executor's answer that this part stands for: what
 *            screening removed has used up credit, what it added has not
 * screen_by  set where the answer did not pass the validation replica that
 *            waits for one: the edge has it forget the request */
#define SP_FIELDS_ANSWER(F)                                                    \
    SP_FIELDS_RESULT(F)                                                        \
    F(UINT, covers, 0, SP_MAX_UINT)                                            \
    F(BIN, screen_by, 0, SP_MAX_REPLICA)

/* A refusal by an executor: short fixed texts, so that nothing unscreened can
 * travel in it. code is a stable word for programs, text a sentence. attempt is
 * that of the sending that is refused: another may be in hand elsewhere. */
#define SP_FIELDS_DENIAL(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, SP_MAX_REPLICA)                                        \
    F(UINT, attempt, 0, 15)                                                    \
    F(BIN, screen_by, 0, SP_MAX_REPLICA)                                       \
    F(UINT, status, 400, 599)                                                  \
    F(STR, code, 1, 64)                                                        \
    F(STR, text, 1, 256)                                                       \
    F(STR, rpc_id, 0, 256)                                                     \
    F(UINT, retry_after_s, 0, 86400)

/* The executor has the request: do not send it again. Said when the work
 * begins, when the edge asks, and for a repetition of what is in hand.
 * attempt     of the sending that the answer will be for
 * executor    the replica: CANCEL and CREDIT go to it by this name
 * screen_by   the validation replica that the answer will pass
 * repeatable  the work may run again where the executor is lost: it changes
 *             nothing, or the executor knows what it has done
 * subject, client, token_id, token_expires_ms
 *             whose stream it is: it is cut when the token ends (wall clock; 0:
 *             never) or is revoked */
#define SP_FIELDS_STARTED(F)                                                   \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, SP_MAX_REPLICA)                                        \
    F(UINT, attempt, 0, 15)                                                    \
    F(BIN, executor, 1, SP_MAX_REPLICA)                                        \
    F(BIN, screen_by, 1, SP_MAX_REPLICA)                                       \
    F(BOOL, repeatable, 0, 1)                                                  \
    F(STR, subject, 0, 256)                                                    \
    F(STR, client, 0, 256)                                                     \
    F(BIN, token_id, 0, 16)                                                    \
    F(UINT, token_expires_ms, 0, SP_MAX_UINT)

/* A stage waits for something slow on behalf of the request, for at most
 * wait_ms more: silence means nothing until then, unless the replica is
 * lost. */
#define SP_FIELDS_IN_HAND(F)                                                   \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, SP_MAX_REPLICA)                                        \
    F(BIN, holder, 1, SP_MAX_REPLICA)                                          \
    F(UINT, wait_ms, 0, SP_MAX_DEADLINE_MS)

/* The client is gone, has given up, or has its answer from elsewhere. Either
 * name may be empty: then there is nobody to inform. */
#define SP_FIELDS_CANCEL(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(UINT, target, 0, 255)                                                    \
    F(BIN, executor, 0, SP_MAX_REPLICA)                                        \
    F(BIN, screen_by, 0, SP_MAX_REPLICA)

/* The stream may have `bytes` in all by now, from its beginning: a later CREDIT
 * makes up for one that was lost on its way. Each one renews the lease of the
 * stream (SP_LEASE_MS); one that says nothing new asks whether the call still
 * runs, and the executor answers it with STARTED. */
#define SP_FIELDS_CREDIT(F)                                                    \
    F(BIN, request_id, 16, 16)                                                 \
    F(UINT, target, 0, 255)                                                    \
    F(BIN, executor, 1, SP_MAX_REPLICA)                                        \
    F(BIN, screen_by, 1, SP_MAX_REPLICA)                                       \
    F(UINT, bytes, 1, SP_MAX_UINT)

/* How long a stream lives at its executor and its validation replica without a
 * CREDIT, and how often the edge sends one at the least. */
#define SP_LEASE_MS 90000
#define SP_LEASE_RENEW_MS 25000

/* Readiness: the edge sends a PROBE down the whole pipeline; each executor
 * answers by the way that results take. */
#define SP_FIELDS_PROBE(F)                                                     \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, SP_MAX_REPLICA)

#define SP_FIELDS_PROBE_ANSWER(F)                                              \
    F(BIN, request_id, 16, 16)                                                 \
    F(BIN, reply_to, 1, SP_MAX_REPLICA)                                        \
    F(UINT, service, 0, 255)

/* The replica of `service` with this name, one hop ahead of the sender, has
 * gone: requests that it held are lost. */
#define SP_FIELDS_PEER_LOST(F)                                                 \
    F(UINT, service, 0, 255)                                                   \
    F(BIN, name, 1, SP_MAX_REPLICA)

/* Tokens that are valid no longer: streams of whoever fits every field that is
 * not empty are cut. */
#define SP_FIELDS_REVOKED(F)                                                   \
    F(STR, subject, 0, 256)                                                    \
    F(STR, client, 0, 256)                                                     \
    F(BIN, token_id, 0, 16)

/* Something worth an audit record. seq counts the events of one process run
 * (boot) without gaps; dropped counts those that never got a place in the
 * spool. kind is a constant word, detail is key=value text.
 * config       version of the configuration that was in force, see STATUS
 * trace        W3C traceparent of the request, or empty
 * duration_us  how long it took, 0 where that has no meaning
 * cost         units that it cost (LLM tokens, or the tool's declared cost) */
#define SP_FIELDS_EVENT(F)                                                     \
    F(BIN, boot, 8, 8)                                                         \
    F(STR, replica, 1, 64)                                                     \
    F(UINT, seq, 0, SP_MAX_UINT)                                               \
    F(UINT, dropped, 0, SP_MAX_UINT)                                           \
    F(UINT, at_ms, 0, SP_MAX_UINT)                                             \
    F(STR, config, 0, 16)                                                      \
    F(STR, kind, 1, 64)                                                        \
    F(BIN, request_id, 0, 16)                                                  \
    F(STR, trace, 0, 64)                                                       \
    F(STR, address, 0, 45)                                                     \
    F(STR, subject, 0, 256)                                                    \
    F(STR, client, 0, 256)                                                     \
    F(STR, tenant, 0, 128)                                                     \
    F(STR, object, 0, 256)                                                     \
    F(UINT, status, 0, 599)                                                    \
    F(UINT, duration_us, 0, SP_MAX_UINT)                                       \
    F(UINT, cost, 0, SP_MAX_UINT)                                              \
    F(STR, detail, 0, 1024)

/* A snapshot every second.
 * config        version of the configuration in force: 16 hex digits of the
 *               SHA-256 of its files, or empty where there is none
 * config_error  why the last reload was refused, or empty
 * part, last    metrics, the Prometheus text of this process, comes in as many
 *               parts as it needs; the other fields stand in each */
#define SP_FIELDS_STATUS(F)                                                    \
    F(BIN, boot, 8, 8)                                                         \
    F(STR, replica, 1, 64)                                                     \
    F(UINT, pid, 0, SP_MAX_UINT)                                               \
    F(BOOL, ready, 0, 1)                                                       \
    F(UINT, queue_depth, 0, SP_MAX_UINT)                                       \
    F(STR, last_error, 0, 256)                                                 \
    F(STR, config, 0, 16)                                                      \
    F(STR, config_error, 0, 512)                                               \
    F(UINT, part, 0, SP_MAX_STATUS_PARTS - 1)                                  \
    F(BOOL, last, 0, 1)                                                        \
    F(STR, metrics, 0, SP_MAX_STATUS_PART)

#define SP_MAX_STATUS_PART 32768
#define SP_MAX_STATUS_PARTS 32

/* Beyond the highest id of a message: tables by id have this many places. */
#define SP_MESSAGE_LIMIT 64

/* M(id, SYMBOL, name, fields) */
#define SP_MESSAGES(M)                                                         \
    M(1, HTTP_REQUEST, http_request, SP_FIELDS_HTTP_REQUEST)                   \
    M(2, CALL, call, SP_FIELDS_CALL)                                           \
    M(3, CHECKED_CALL, checked_call, SP_FIELDS_CHECKED_CALL)                   \
    M(4, ADMITTED_CALL, admitted_call, SP_FIELDS_ADMITTED_CALL)                \
    M(5, RESULT, result, SP_FIELDS_RESULT)                                     \
    M(6, ANSWER, answer, SP_FIELDS_ANSWER)                                     \
    M(7, DENIAL, denial, SP_FIELDS_DENIAL)                                     \
    M(8, STARTED, started, SP_FIELDS_STARTED)                                  \
    M(9, IN_HAND, in_hand, SP_FIELDS_IN_HAND)                                  \
    M(10, CANCEL, cancel, SP_FIELDS_CANCEL)                                    \
    M(11, CREDIT, credit, SP_FIELDS_CREDIT)                                    \
    M(12, PROBE, probe, SP_FIELDS_PROBE)                                       \
    M(13, PROBE_ANSWER, probe_answer, SP_FIELDS_PROBE_ANSWER)                  \
    M(14, PEER_LOST, peer_lost, SP_FIELDS_PEER_LOST)                           \
    M(15, REVOKED, revoked, SP_FIELDS_REVOKED)                                 \
    M(16, EVENT, event, SP_FIELDS_EVENT)                                       \
    M(17, STATUS, status, SP_FIELDS_STATUS)

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
    R(IN_HAND, AUTH, EDGE)                                                     \
    R(IN_HAND, RATELIMIT, EDGE)                                                \
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
    R(PEER_LOST, MONITOR, EDGE)                                                \
    R(REVOKED, AUTH, EDGE)                                                     \
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
