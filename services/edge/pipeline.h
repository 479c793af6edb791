/* Requests in the pipeline: sent, sent again, cancelled, and ended. */
#ifndef SP_SERVICES_EDGE_PIPELINE_H
#define SP_SERVICES_EDGE_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/stage/refusal.h"
#include "proto/message.h"

struct edge;
struct request;

/* Sends a whole request to auth. Afterwards it either waits in edge->table, or
 * is answered with a refusal (503). */
void
pipeline_send(struct request *r);

/* Sends it once more, with the next attempt number. */
void
pipeline_repeat(struct request *r);

/* Answers with a refusal: the request waits no longer. */
void
pipeline_refuse(struct request *r, const struct sp_refusal *refusal);

/* The rest of a stream will not come: what is there is still sent, then the
 * connection breaks, so that the client cannot take it for whole. `detail` is
 * for the event. */
void
pipeline_break(struct request *r, const char *detail);

/* The executor or the answer is lost, and the work is not repeated: 502, or a
 * broken stream. */
void
pipeline_fail_lost(struct request *r, const char *detail);

/* Stops the executor, where one has shown, and lets its validation replica
 * forget the request. */
void
pipeline_cancel(struct request *r);

/* Lets a validation replica forget a request whose answer did not pass it.
 * Harmless where `screen` is empty. */
void
pipeline_forget(const struct request *r, struct sp_view screen);

/* Stops an executor of this service whose answer nobody waits for, and lets the
 * validation replica on its way forget it. Either name may be empty. */
void
pipeline_decline(struct edge *edge, struct sp_view request_id,
                 enum sp_service_id service, struct sp_view executor,
                 struct sp_view screen);

/* A stage refused this sending and says that the client may try again. True
 * where it may not, since another sending may be in hand or done: then the
 * refusal is not passed on. The request is sent once more; where that does not
 * help, it is answered that the outcome is not known. */
SP_MUST_CHECK bool
pipeline_doubts(struct request *r, uint64_t attempt);

/* There was a sign that the executor has the call. */
void
pipeline_heard(struct request *r);

/* Asks the executor for a sign. The question also brings the credit that may
 * have died with a replica on its way. */
void
pipeline_ask(struct request *r);

/* When a stream that has begun ends by itself, on the loop's clock: by the
 * operator's cap or with its token; INT64_MAX: never. */
int64_t
pipeline_stream_ends_ms(const struct request *r);

/* The lease of the stream has been renewed: says when it must be again. */
void
pipeline_set_renewal(struct request *r);

/* Runs the timer until the next thing that may have to be done. */
void
pipeline_set_timer(struct request *r);

/* The client has taken bytes of the stream, or screening has removed some:
 * gives the executor credit for them once it is worth a message. */
void
pipeline_grant(struct request *r);

/* The client's side of the request has ended. Frees the request, now or, where
 * an executor must yet be found first, later. */
void
pipeline_end(struct request *r);

#endif
