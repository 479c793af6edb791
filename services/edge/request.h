/* One request from its first line to the end of its answer. */
#ifndef SP_SERVICES_EDGE_REQUEST_H
#define SP_SERVICES_EDGE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/process/loop.h"
#include "common/text/buf.h"
#include "proto/message.h"
#include "proto/paths.h"
#include "proto/replica.h"
#include "services/edge/http_rules.h"
#include "services/edge/owner.h"
#include "services/edge/request_table.h"
#include "services/edge/stream.h"

struct connection;
struct edge;
struct MHD_Response;

enum request_state {
    REQUEST_LINE,     /* the request line is there, headers come */
    REQUEST_BODY,     /* the headers are taken, the body comes */
    REQUEST_WAITING,  /* in the pipeline */
    REQUEST_ANSWERED, /* the answer is there, or its first part */
    REQUEST_DESERTED, /* no client any more; kept until it can be cancelled */
};

#define REQUEST_TRACE_MAX 64
/* Header lines of an answer: the text grows by a CR for each, which has four
 * bytes at least, and by the headers that we and the library add. */
#define REQUEST_HEAD_MAX (SP_MAX_HEADERS + SP_MAX_HEADERS / 4 + 2048)

struct request {
    struct request_entry entry;
    struct edge *edge;
    struct connection *connection; /* NULL where deserted */
    enum request_state state;
    enum http_fault fault; /* reported when the body has been passed over */

    /* As the client sent it. */
    const struct sp_path *rule; /* NULL: no such path */
    enum sp_method method;
    int minor;             /* of the HTTP version */
    const char *target_at; /* where the library had the target */
    struct sp_buf target;  /* raw */
    struct sp_buf path;    /* decoded */
    struct sp_view query;  /* in `target` */
    struct sp_buf headers;
    struct sp_buf credentials;
    struct sp_buf body;
    size_t passed_over; /* bytes of a body that is refused */
    char trace[REQUEST_TRACE_MAX];
    size_t trace_len;

    /* On its way. */
    int64_t arrived_us;
    int64_t sent_us; /* first sending */
    int64_t birth_ms;
    int64_t deadline_ms; /* on the loop's clock: for the first part of the
                          * answer, then for the end of the stream */
    int64_t repeat_ms;   /* when silence is worth a repetition */
    struct sp_timer timer;
    unsigned attempt;
    unsigned refused;           /* sendings that a stage refused, a bit each */
    unsigned refusals;          /* how often */
    bool placed;                /* the last sending found a replica */
    bool heard;                 /* there was a sign of life, once */
    bool held;                  /* a stage said IN_HAND: it waits there */
    enum sp_service_id holding; /* that stage */
    struct sp_replica holder;
    bool started;     /* an executor has it */
    bool repeatable;  /* it may run again where that executor is lost */
    unsigned serving; /* the sending that is STARTED, or that streams */
    enum sp_service_id served_by; /* the service of the executor */
    struct sp_replica executor;
    struct sp_replica screen; /* the validation replica on the way back */
    struct owner owner;

    /* The answer. */
    unsigned status;
    struct MHD_Response *response; /* until it is queued */
    struct sp_buf head;            /* its header lines, as they are sent */
    size_t head_sent;              /* bytes of it that have left */
    bool head_due;                 /* the library is about to write its own */
    bool head_joined;              /* `head` has the library's lines as well */
    bool body_follows;             /* its body is there with its head */
    bool streaming;
    bool events;      /* text/event-stream */
    int64_t begun_ms; /* when its first part came */
    int64_t part_ms;  /* when the last part or comment came */
    uint64_t granted; /* credit given so far, from the answer's beginning */
    int64_t look_ms;  /* when the executor is asked for a sign; 0: never */
    int64_t renew_ms; /* when the lease of the stream must be renewed */
    unsigned asked;   /* times that it was asked since the last one */
    struct stream stream;
    void (*taken)(struct request *r); /* the client took some of it */

    struct request *spare; /* next of those kept for reuse */
};

/* A request whose first line has come. */
struct request *
request_new(struct edge *edge, struct connection *connection);

/* Ends it: out of the table, timer stopped, buffers released. */
void
request_free(struct request *r);

/* Bytes that its body may still grow by: what limits.bodies_bytes leaves, and
 * of that not more than a share for one client address. */
size_t
request_body_room(const struct request *r);

/* Takes bytes of the body, at most that many. 0, or SP_ELIMIT where the body is
 * too long. */
SP_MUST_CHECK int
request_add_body(struct request *r, struct sp_view bytes);

/* Releases the body. Before the request loses its connection. */
void
request_drop_body(struct request *r);

/* Releases all that was sent, which a stream does not need again: no stream is
 * repeated. Its path stays. */
void
request_drop_way(struct request *r);

/* Records what became of the request. */
void
request_report(const struct request *r, const char *kind, unsigned status,
               const char *detail);

/* Frees the requests that were kept for reuse. */
void
request_free_spare(struct edge *edge);

#endif
